#!/usr/bin/env python3
"""emit_h5py.py [run.h5]: writes a trace with h5py and NumPy alone; the same from JAX, whose arrays
NumPy takes.  Each head looks back with weights that fall off, as in emit.c.

Everything is created before the first capture and /step gets its entry last, so that others may
read the file while it grows: entroscope, or h5py with swmr=True."""
import sys

import h5py
import numpy as np

LAYERS, SAMPLES, HEADS, CONTEXT, STEPS = 2, 3, 4, 32, 5


def attention(step, layer):
    """[SAMPLES, HEADS, CONTEXT, CONTEXT]: yours come from softmax(...), before dropout."""
    back = np.arange(CONTEXT)[:, None] - np.arange(CONTEXT)
    decay = [1 / (1 + step) if head % 2 else (layer + 1) * 0.5 * (1 + step) for head in range(HEADS)]
    p = np.where(back >= 0, np.exp(-np.multiply.outer(decay, np.maximum(back, 0))), 0)
    return np.broadcast_to(p / p.sum(-1, keepdims=True), (SAMPLES, HEADS, CONTEXT, CONTEXT))


def growing(file, name, shape, dtype, chunk):
    """fletcher32: a checksum a chunk; damage does not pass for data."""
    return file.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=chunk,
                               fletcher32=True)


def append(dataset, value):
    dataset.resize(len(dataset) + 1, 0)
    dataset[-1] = value
    dataset.flush()


with h5py.File(sys.argv[1] if len(sys.argv) > 1 else "run.h5", "w", libver=("v110", "v110")) as file:
    file.attrs["format"], file.attrs["format_version"] = "attention-trace", 1
    file.attrs["run_name"], file.attrs["causal"] = "toy", 1
    config = file.create_group("config")
    config.attrs["arch"], config.attrs["lr"] = "toy", 1e-3
    # a chunk: whole rows, between 64 KiB and 1 MiB where there is that much
    layers = [growing(file, f"layers/{layer}/attention", (SAMPLES, HEADS, CONTEXT, CONTEXT), "f2",
                      (1, 1, HEADS, CONTEXT, CONTEXT)) for layer in range(LAYERS)]
    losses = [growing(file, f"scalars/loss/{part}", (), dtype, (128,))
              for part, dtype in (("step", "i8"), ("value", "f8"))]
    steps = growing(file, "step", (), "i8", (128,))
    complete = file.create_dataset("complete", data=np.zeros(1, "u1"))
    file.swmr_mode = True
    for step in range(STEPS):
        for layer, dataset in enumerate(layers):
            append(dataset, attention(step, layer))
        for dataset, value in zip(losses, (step, 4 / (1 + step))):
            append(dataset, value)
        append(steps, step)        # now the capture exists
    complete[0] = 1
