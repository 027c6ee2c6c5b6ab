#!/usr/bin/env python3
"""The two small writers of samples/: what analyze reads back is what they meant.  Both write the
same attention, so the statistics must agree; the entropies are computed here once more."""
import os
import subprocess
import sys
from math import exp, log
from pathlib import Path

from clitest import Skip, main, query, test

LAYERS, HEADS, CONTEXT, STEPS = 2, 4, 32, 5
SAMPLES = Path(__file__).resolve().parents[2] / "samples"


def head_entropy(step, layer, head):
    decay = 1 / (1 + step) if head % 2 else (layer + 1) * 0.5 * (1 + step)
    total = 0
    for row in range(CONTEXT):
        weights = [exp(-decay * back) for back in range(row + 1)]
        total -= sum(w / sum(weights) * log(w / sum(weights)) for w in weights)
    return total / CONTEXT


def check(world, path):
    result = world.run("inspect", path, "--json", check=0).json()
    assert (result["run"], result["complete"]) == ("toy", True), result
    world.run("analyze", path, "--db", "r.db", check=0)
    rows = query(world / "r.db", "SELECT step, layer, head, entropy_mean FROM head_stats")
    assert len(rows) == STEPS * LAYERS * HEADS
    for step, layer, head, value in rows:
        # f16: 2^-11 of each weight, and below 6e-8 nothing
        assert abs(value - head_entropy(step, layer, head)) < 2e-3, (step, layer, head, value)
    assert query(world / "r.db", "SELECT count(*), sum(n_off_sum), sum(n_nan) FROM head_stats") == \
        [(STEPS * LAYERS * HEADS, 0, 0)]
    assert query(world / "r.db", "SELECT step, value FROM scalars WHERE name = 'loss' ORDER BY step") == \
        [(step, 4 / (1 + step)) for step in range(STEPS)]
    assert query(world / "r.db", "SELECT value FROM run_config WHERE key = 'arch'") == [("toy",)]


@test
def emit_c(world):
    subprocess.run([os.environ["EMIT"], world / "run.h5"], check=True)
    check(world, "run.h5")


@test
def emit_c_says_what_went_wrong(world):
    done = subprocess.run([os.environ["EMIT"], world / "none" / "run.h5"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 1 and done.stderr.startswith("emit: ") and "run.h5" in done.stderr


@test
def emit_h5py(world):
    if subprocess.run([sys.executable, "-c", "import h5py"], capture_output=True, check=False).returncode:
        raise Skip("no h5py here")
    subprocess.run([sys.executable, SAMPLES / "emit_h5py.py", world / "run.h5"], check=True)
    check(world, "run.h5")


if __name__ == "__main__":
    main()
