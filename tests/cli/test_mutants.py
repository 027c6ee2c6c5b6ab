"""Damaged traces: a number may be lost or told to be damaged, it may not become another unseen.

MUTANTS (tests/fuzz/mutants.c) makes and analyses them: in its own process, with HDF5 in a child as the
program has it, and with metadata whose checksums are right again; some also go through the program, as a
user would.  How many of each trace: ENTRO_MUTANTS in the process (default 200; a release: 20000),
ENTRO_MUTANTS_BOX with a child (40; 2500), ENTRO_MUTANTS_METADATA (80; 5000), ENTRO_MUTANTS_RUN through the
program (12).
"""
import os
import sqlite3
import subprocess

import h5py
import numpy as np

import clitest
from clitest import FIXTURES, PROGRAM, test

MUTANTS = os.environ["MUTANTS"]
N = int(os.environ.get("ENTRO_MUTANTS", "200"))
N_BOX = int(os.environ.get("ENTRO_MUTANTS_BOX", "40"))
N_METADATA = int(os.environ.get("ENTRO_MUTANTS_METADATA", "80"))
N_RUN = int(os.environ.get("ENTRO_MUTANTS_RUN", "12"))
SECONDS = 20
CODES = {0, 1, 3, 4, 5}  # done, findings, partial, input, refused

LAYERS, STEPS, SAMPLES, HEADS, LENGTH = 2, 4, 1, 2, 8


def attention():
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(LAYERS, STEPS, SAMPLES, HEADS, LENGTH, LENGTH))
    weights = np.exp(logits) * np.tri(LENGTH)
    return (weights / weights.sum(-1, keepdims=True)).astype("f4")


def describe(file):
    for name, value in {"format": "attention-trace", "run_name": "run", "producer": "test"}.items():
        file.attrs[name] = np.bytes_(value)
    for name, value in {"format_version": 1, "causal": 1, "context_length": LENGTH}.items():
        file.attrs[name] = np.int64(value)


def contiguous(path):
    with h5py.File(path, "w", libver="earliest") as file:
        describe(file)
        file["step"] = np.arange(STEPS) * 10
        for layer, weights in enumerate(attention()):
            file[f"layers/{layer}/attention"] = weights


def packed(path):
    with h5py.File(path, "w", libver="earliest") as file:
        describe(file)
        file["step"] = np.arange(STEPS) * 10
        for layer, weights in enumerate(attention()):
            file.create_dataset(f"layers/{layer}/attention", data=weights, shuffle=True,
                                compression="gzip", chunks=(1, SAMPLES, HEADS, LENGTH, LENGTH))


def latest(path):
    """So many attributes that they lie in a heap of their own, and chunks in several kinds of index."""
    with h5py.File(path, "w", libver="latest") as file:
        describe(file)
        for i in range(12):
            file.attrs[f"note{i}"] = np.bytes_(b"x" * 30)
        file.create_dataset("step", data=np.arange(STEPS) * 10, maxshape=(None,), chunks=(2,),
                            fletcher32=True)
        for layer, weights in enumerate(attention()):
            shape = (STEPS,) + weights.shape[1:]
            file.create_dataset(f"layers/{layer}/attention", data=weights, shuffle=True,
                                compression="gzip", fletcher32=True,
                                maxshape=(None,) + shape[1:] if layer else shape,
                                chunks=(1, SAMPLES, 1, LENGTH, LENGTH))


def live(path, options, version, dtype="f4"):
    """Written under SWMR, capture by capture."""
    shape = (SAMPLES, HEADS, LENGTH, LENGTH)
    with h5py.File(path, "w", libver=version) as file:
        describe(file)
        steps = file.create_dataset("step", (0,), "i8", maxshape=(None,), chunks=(64,), **options)
        data = [file.create_dataset(f"layers/{layer}/attention", (0,) + shape, dtype,
                                    maxshape=(None,) + shape, chunks=(1,) + shape, **options)
                for layer in range(LAYERS)]
        file.swmr_mode = True
        for capture in range(STEPS):
            for layer, weights in enumerate(attention()):
                data[layer].resize(capture + 1, 0)
                data[layer][capture] = weights[capture]
                data[layer].flush()
            steps.resize(capture + 1, 0)
            steps[capture] = capture * 10
            steps.flush()


# name: (how it is made, or a fixture of our own writer; whether every chunk has a checksum)
TRACES = {
    "ours": ("hybrid.h5", True),
    "ours-learned": ("learned.h5", True),
    "ours-restarted": ("restarted.h5", True),
    "tap": (lambda path: live(path, {"fletcher32": True}, ("v110", "v110"), "f2"), True),
    "h5py-latest": (latest, True),
    "h5py-contiguous": (contiguous, False),
    "h5py-gzip": (packed, False),
    "h5py-swmr": (lambda path: live(path, {}, "latest"), False),
}


def make(world, name):
    build, checksummed = TRACES[name]
    if isinstance(build, str):
        return FIXTURES / build, checksummed
    path = world.path / f"{name}.h5"
    build(path)
    return path, checksummed


def read_table(text):
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return dict(zip(rows[0][1:], map(int, next(row[1:] for row in rows if row[0] == "all"))))


# Traces of ours, of a tap and of h5py whose metadata has checksums.
WITH_SUMS = ["ours", "tap", "h5py-latest"]


def mutate(name, path, n, *options):
    """What became of n mutants; nobody dies but HDF5, and not even that where it has a child."""
    done = subprocess.run([MUTANTS, *options, path, "1", str(n)], capture_output=True, text=True,
                          check=True, env=clitest.environment())
    print("\n".join(f"# {name}: {line}" for line in done.stdout.splitlines()))
    fates = read_table(done.stdout)
    assert fates["crash-ours"] == fates["hang-ours"] == 0, done.stdout
    assert sum(fates.values()) == n
    return fates, done.stdout


@test
def in_this_process_no_number_changes_unseen(world):
    for name in TRACES:
        path, checksummed = make(world, name)
        fates, text = mutate(name, path, N)
        assert fates["told"] > N // 4, "the mutants are damaged indeed"
        if checksummed:
            assert fates["silent"] == 0, text


@test
def nor_with_hdf5_in_a_child(world):
    for name in TRACES:
        path, checksummed = make(world, name)
        fates, text = mutate(name, path, N_BOX, "--box")
        assert fates["crash-hdf5"] == fates["hang-hdf5"] == 0, text
        assert fates["told"] > N_BOX // 5, "the mutants are damaged indeed"
        if checksummed:
            assert fates["silent"] == 0, text


@test
def metadata_that_lies_under_a_right_checksum_harms_nobody(world):
    """It may lie unseen: it says which bytes are a chunk, and which checksum they have."""
    for name in WITH_SUMS:
        path, _ = make(world, name)
        fates, text = mutate(name, path, N_METADATA, "--box", "--metadata")
        assert fates["crash-hdf5"] == fates["hang-hdf5"] == 0, text
        assert fates["told"] > N_METADATA // 10, "HDF5 takes the checksums for right"


COUNTS = ("n_rows", "n_nan", "n_masked", "n_off_sum")


def beyond_fletcher(one, other):
    """Words of zeros became ones or the reverse: sums modulo 65535 cannot tell."""
    return len(one) == len(other) and all({a, b} == {0, 255} for a, b in zip(one, other) if a != b)


def statistics(path):
    """(run's attempt, step, layer, head): (counts of rows, every other statistic)."""
    if not path.exists():
        return {}
    db = sqlite3.connect(path)
    cursor = db.execute("SELECT r.attempt, s.* FROM head_stats AS s JOIN runs AS r ON r.id = s.run_id")
    names = [column[0] for column in cursor.description]
    keys = [names.index(key) for key in ("attempt", "step", "layer", "head")]
    counts = [names.index(name) for name in COUNTS]
    rest = [i for i, name in enumerate(names) if i not in keys + counts and name != "run_id"]
    return {tuple(row[i] for i in keys): ([row[i] for i in counts], [row[i] for i in rest])
            for row in cursor}


def check_same(whole, found, place):
    """Less is no lie, and rows that are counted as bad are told."""
    for key, (counts, values) in found.items():
        assert key in whole, (place, key)
        if counts == whole[key][0]:
            assert all(value in (None, before) for value, before in zip(values, whole[key][1])), \
                (place, key)


def analyse(world, path, database):
    return subprocess.run([PROGRAM, "analyze", path, "--db", database, "--run", "run"],
                          capture_output=True, env=clitest.environment(), timeout=SECONDS, check=False)


@test
def the_program_survives_and_does_not_lie(world):
    for name in TRACES:
        path, checksummed = make(world, name)
        folder = world.path / name
        folder.mkdir()
        assert analyse(world, path, folder / "whole.db").returncode in (0, 1, 3)
        whole = statistics(folder / "whole.db")
        assert whole
        # other ones than above
        subprocess.run([MUTANTS, path, str(10 ** 6), str(N_RUN), folder], check=True)
        for mutant in sorted(folder.glob("*.h5")):
            database = folder / "x.db"
            done = analyse(world, mutant, database)
            assert done.returncode in CODES, (mutant.name, done)
            if checksummed and not beyond_fletcher(path.read_bytes(), mutant.read_bytes()):
                check_same(whole, statistics(database), mutant)
            for file in folder.glob("x.db*"):
                file.unlink()


clitest.main()
