#!/usr/bin/python3
"""published.py: the printed numbers of arXiv 2501.03489 as traces, for a database like any other.

    samples/paper/published.py FOLDER            writes seven traces into it
    entroscope analyze FOLDER/*.h5 --db published.db
    entroscope plot entropy-bands --db published.db --run SM+LN+G --run SM ... -o bands.pdf

The paper prints the entropy of each head, not its attention, and not its rows.  So traces of row entropies
are written, where the row of query i, with i + 1 keys, has the share E / C of its ceiling ln(i + 1): E is
the printed head entropy and C = ln(T!) / T the ceiling of a causal head.  Then the head's mean is E, its
ceiling C, and every entropy, share and band follows from print.  What depends on where attention goes
(distance, weight on the first key, diversity, similar heads) nobody can know: it stays empty.

The thresholds of Fig. 6a are those of EReg(SM(t)+ScFuFFN), of which no head entropies are printed: it has
one row a head, of the last query, which a key mask takes out.  /step is 1 in all: the one state that is
printed, after training.  Needs h5py and numpy.
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


def rows_of(entropies, context):
    """[...][T] entropies of the rows of heads with these mean entropies."""
    share = np.asarray(entropies) / ceiling(context)
    return share[..., None] * np.log(np.arange(1, context + 1))


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
    config.attrs["published"] = np.bytes_("head entropies of Fig. 3; rows in proportion to ln of their keys"
                                          if name != THRESHOLDS else
                                          "thresholds of Fig. 6a; no entropies")


def write_growing(parent, name, values, chunk, **options):
    """A dataset of one capture that could grow."""
    values = np.asarray(values)[None]
    parent.create_dataset(name, data=values, chunks=(1, *chunk), fletcher32=True,
                          maxshape=(None, *values.shape[1:]), **options)


def write_trace(path, name, context, entropies, thresholds=None):
    """entropies: [L][H][T], or [L][H][1] where the last query alone is stored and masked; thresholds:
    [L][H]."""
    n_layers, n_heads, n_rows = entropies.shape
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        write_root(file, name, context, n_layers, n_heads)
        for i in range(n_layers):
            layer = file.create_group(f"layers/{i}")
            write_growing(layer, "row_entropy", entropies[i][None].astype("<f4"),
                          (1, n_heads, n_rows))
            if n_rows < context:
                layer["query_rows"] = np.array([context - 1], "<i4")
            if thresholds is not None:
                write_growing(layer, "threshold", np.asarray(thresholds[i], "<f4"), (n_heads,))
        if n_rows < context:
            write_growing(file, "key_mask", np.zeros((1, context), np.uint8), (1, context))
        write_growing(file, "step", np.int64(STEP), ())
        file.create_dataset("complete", data=np.ones(1, np.uint8))


def write_all(folder, figures):
    context = figures["context_length"]
    for name, layers in figures["fig3"].items():
        write_trace(folder / f"{name}.h5", name, context, rows_of(layers, context))
    thresholds = np.array(figures["fig6a_theta"])
    write_trace(folder / f"{THRESHOLDS}.h5", THRESHOLDS, context, np.zeros((*thresholds.shape, 1)),
                thresholds)


def main():
    parser = argparse.ArgumentParser(description="Writes the published numbers as traces.")
    parser.add_argument("folder", type=Path, help="where to; is made if it is not there")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    write_all(folder, json.loads(FIGURES.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
