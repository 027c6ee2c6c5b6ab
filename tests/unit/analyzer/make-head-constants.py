#!/usr/bin/env python3
"""make-head-constants.py: the constants of test-head-stats.c, from numpy and mpmath.

    /usr/bin/python3 make-head-constants.py

Prints one C initialiser a sample of rows.  Rows are (entropy, allowed keys, largest weight, weight
on key 0, distance), all numbers that a double or float holds exactly, so that nothing but the
statistics can differ."""
import numpy as np
from mpmath import mp, mpf, log, exp, sqrt

mp.dps = 40

SAMPLES = {
    'one': [(2.385, 17, 0.25, 0.125, 3.5)],
    'two': [(0.5, 2, 0.75, 0.75, 0.25), (2.385, 31, 0.375, 0.0625, 9.75)],
    'first_row_alone': [(0.0, 1, 1.0, 1.0, 0.0)],
    'ties': [(1.25, 8, 0.5, 0.5, 2.0)] * 6 + [(0.0, 1, 1.0, 1.0, 0.0)],
    'rows_41': [(((37 * i * i + 11 * i) % 997) / 250, 1 + (7 * i) % 60, ((29 * i) % 64) / 64,
                 ((13 * i) % 32) / 32, ((17 * i) % 100) / 4) for i in range(41)],
    'rows_1000': [(((7919 * i * i + 104729 * i) % 99991) / 25000, 1 + (31 * i) % 512,
                   ((29 * i) % 1024) / 1024, ((13 * i) % 256) / 256, ((17 * i) % 1000) / 8)
                  for i in range(1000)],
}


def mean(values):
    return sum(values, mpf(0)) / len(values) if len(values) else mpf('nan')


def statistics(rows):
    h = [mpf(float(r[0])) for r in rows]
    n = [r[1] for r in rows]
    average = mean(h)
    sd = sqrt(sum((x - average) ** 2 for x in h) / (len(h) - 1)) if len(h) > 1 else mpf('nan')
    quantiles = [np.quantile([float(x) for x in h], f) for f in (0.05, 0.5, 0.95)]
    return [average, sd, min(h), *quantiles, max(h),
            mean([x / log(k) for x, k in zip(h, n) if k >= 2]), mean([log(mpf(k)) for k in n]),
            mean([exp(x) for x in h]), *[mean([mpf(r[i]) for r in rows]) for i in (2, 3, 4)]]


def c_number(value):
    value = float(value)
    return 'NAN' if value != value else repr(value)


for name, rows in SAMPLES.items():
    print(f'/* {name} */')
    print('{' + ', '.join(c_number(v) for v in statistics(rows)) + '},')
