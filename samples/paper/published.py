#!/usr/bin/python3
"""published.py: the printed numbers of arXiv 2501.03489 as traces, for a database like any other.

    samples/paper/published.py FOLDER            writes seven traces into it
    entroscope analyze FOLDER/*.h5 --without diversity --db published.db
    entroscope plot entropy-bands --db published.db --run SM+LN+G --run SM ... -o bands.pdf

The paper prints the entropy of each head, not its attention.  So the attention is made up: the row of
query i, with i + 1 keys, has the share E / C of its ceiling ln(i + 1), where E is the printed head
entropy and C = ln(T!) / T the ceiling of a causal head.  Then the head's mean is E, its ceiling C, and
every entropy, share and band follows from print.  What depends on where attention goes (distance,
weight on the first key, diversity, similar heads) means nothing in these runs.

The thresholds of Fig. 6a are those of EReg(SM(t)+ScFuFFN), of which no head entropies are printed: its
rows hold no weight and count as masked.  /step is 1 in all: the one state that is printed, after
training.  Needs h5py and numpy.
"""
import argparse
import json
import math
import uuid
from pathlib import Path

import h5py
import numpy as np

FIGURES = Path(__file__).with_name("figures.json")
THRESHOLDS = "EReg(SM(t)+ScFuFFN)"  # of Fig. 6a
STEP = 1


def log_factorial(n):
    return math.lgamma(n + 1)


def ceiling(context):
    """Mean over the queries of ln of their keys."""
    return log_factorial(context) / context


def entropy_of_peak(rest, n):
    """Of one weight 1 - (n - 1) rest and n - 1 weights rest."""
    peak = 1 - (n - 1) * rest
    return -(peak * np.log(peak) + (n - 1) * rest * np.log(np.maximum(rest, 1e-300)))


def rest_of_peak(entropy, n):
    """`rest` that gives these entropies, by halving: it grows with them, up to 1 / n at ln n."""
    low, high = np.zeros_like(entropy), np.full_like(entropy, 1 / n)
    for _ in range(64):
        middle = (low + high) / 2
        below = entropy_of_peak(middle, n) < entropy
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def attention_of(entropies, context):
    """[n][T][T] of heads with these mean entropies; the peak is on the query's own position."""
    share = np.asarray(entropies) / ceiling(context)
    heads = np.zeros((len(share), context, context))
    heads[:, 0, 0] = 1
    for query in range(1, context):
        n = query + 1
        rest = rest_of_peak(share * math.log(n), n)
        heads[:, query, :query] = rest[:, None]
        heads[:, query, query] = 1 - query * rest
    return heads


def write_root(file, name, context, n_layers, n_heads):
    config = file.create_group("config")
    texts = {"format": "attention-trace", "run_name": name,
             "producer": "arXiv 2501.03489 v2, printed numbers",
             "trace_uuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"arxiv:2501.03489v2/{name}"))}
    for key, value in texts.items():
        file.attrs[key] = np.bytes_(value)  # of fixed length
    for key, value in {"format_version": 1, "attempt": 1, "causal": 1,
                       "context_length": context}.items():
        file.attrs[key] = value
    config.attrs["arch"] = np.bytes_(name)
    config.attrs["n_layers"], config.attrs["n_heads"], config.attrs["d_model"] = \
        n_layers, n_heads, 768
    config.attrs["published"] = np.bytes_("head entropies of Fig. 3; attention made up from them"
                                          if name != THRESHOLDS else
                                          "thresholds of Fig. 6a; no attention")


def write_growing(parent, name, values, chunk, **options):
    """A dataset of one capture that could grow."""
    values = np.asarray(values)[None]
    parent.create_dataset(name, data=values, chunks=(1, *chunk), fletcher32=True,
                          maxshape=(None, *values.shape[1:]), **options)


def write_trace(path, name, context, attention, thresholds=None):
    """attention: [L], each [H][Tq][T]; thresholds: [L][H]."""
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        write_root(file, name, context, len(attention), len(attention[0]))
        for i, heads in enumerate(attention):
            layer = file.create_group(f"layers/{i}")
            write_growing(layer, "attention", heads[None].astype("<f4"), (1, *heads.shape),
                          compression="gzip", compression_opts=4, shuffle=True)
            if thresholds is not None:
                write_growing(layer, "threshold", np.asarray(thresholds[i], "<f4"),
                              (len(thresholds[i]),))
        write_growing(file, "step", np.int64(STEP), ())
        file.create_dataset("complete", data=np.ones(1, np.uint8))


def write_all(folder, figures):
    context = figures["context_length"]
    for name, layers in figures["fig3"].items():
        layers = np.array(layers)
        attention = attention_of(layers.ravel(), context)
        write_trace(folder / f"{name}.h5", name, context,
                    attention.reshape(*layers.shape, context, context))
    thresholds = figures["fig6a_theta"]
    write_trace(folder / f"{THRESHOLDS}.h5", THRESHOLDS, context,
                [np.zeros((len(heads), 1, context)) for heads in thresholds], thresholds)


def main():
    parser = argparse.ArgumentParser(description="Writes the published numbers as traces.")
    parser.add_argument("folder", type=Path, help="where to; is made if it is not there")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_all(folder, json.loads(FIGURES.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
