#!/usr/bin/env python3
"""make-published-heads.py: published-heads.h from a JSON file of head entropies.

    make-published-heads.py ../../../samples/paper/figures.json > published-heads.h

The file holds {"fig3": {CONFIG: [12 layers][12 heads]}}: the numbers printed in the cells of
Fig. 3 of arXiv 2501.03489 v2, read from the text layer of its PDF."""
import json
import sys

figure = json.load(open(sys.argv[1]))['fig3']
print('''/* published-heads.h: the head entropies printed in Fig. 3 of arXiv 2501.03489 v2, in nats.
 *
 * Made by make-published-heads.py; 12 layers of 12 heads for each of six configurations. */
#ifndef PUBLISHED_HEADS_H
#define PUBLISHED_HEADS_H

enum { PUBLISHED_CONFIGS = 6, PUBLISHED_HEADS = 144 };

static const struct {
    const char *config;
    double entropy[PUBLISHED_HEADS];
} published_heads[PUBLISHED_CONFIGS] = {
    /* clang-format off */''')
for config, layers in figure.items():
    print(f'    {{"{config}", {{')
    for layer in layers:
        print('        ' + ', '.join(f'{head:.2f}' for head in layer) + ',')
    print('    }},')
print('''    /* clang-format on */
};

#endif''')
