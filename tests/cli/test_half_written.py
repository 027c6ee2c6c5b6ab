"""Traces that were cut off, whose writer was killed, that change while they are read, and one bad one of many:
what was written whole is stored, nothing else is, and what is lost is said.  Needs h5py.

ENTRO_CUTS: at how many places each layout is cut (default 10), ENTRO_WRITER_KILLS: how often each kind of writer
is killed (3), ENTRO_RACES: how often a file changes under `analyze` (10), ENTRO_BATCH: files of a batch (60);
ENTRO_SEED: other places and moments.
"""
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import clitest
from arrays import attention, by_step_layer, h5py, put_h5, put_native
from clitest import FIXTURES, PROGRAM, Skip, environment, query, test

CUTS, WRITER_KILLS, RACES, BATCH = (int(os.environ.get(f"ENTRO_{name}", default)) for name, default in (
    ("CUTS", "10"), ("WRITER_KILLS", "3"), ("RACES", "10"), ("BATCH", "60")))
SEED = int(os.environ.get("ENTRO_SEED", "1"))


def forget(world, db="r.db"):
    for name in world.names():
        if name.startswith(db):
            (world / name).unlink()


def rows_of(path):
    """{step: every statistic of its heads}, of captures that count as whole."""
    if not path.exists():
        return {}
    columns = [row[1] for row in query(path, "PRAGMA table_info(head_stats)") if row[1] != "run_id"]
    rows = {step: [] for step, in query(path, "SELECT step FROM captures WHERE status = 'complete'")}
    for row in query(path, f"SELECT {', '.join(columns)} FROM head_stats ORDER BY step, layer, head"):
        if row[0] in rows:
            rows[row[0]].append(row)
    return rows


def is_of(path, known):
    """Whether what is stored is of a trace with these rows: less is no lie, nor are rows that count as masked
    (zeros pass Fletcher's checksum, which is 0 then)."""
    columns = [row[1] for row in query(path, "PRAGMA table_info(head_stats)") if row[1] != "run_id"]
    masked = columns.index("n_masked")
    return all(step in known and len(rows) == len(known[step]) and
               all(row == wanted or row[masked] > wanted[masked] for row, wanted in zip(rows, known[step]))
               for step, rows in rows_of(path).items())


def analyze(world, path, *options, codes):
    forget(world)
    result = world.run("analyze", path, "--db", "r.db", "--run", "run", *options)
    assert result.code in codes, result
    assert not re.search(r"h5clear\s+(-s|--status)(?!.*increment=0)", result.out + result.err), result
    return result, rows_of(world / "r.db")


# ---- cut off

def ours(world):
    return FIXTURES / "long.h5"


def chunked_swmr(world, n=100):
    """As a careful h5py user writes: one chunk a capture, under SWMR."""
    data = attention(steps=n, layers=2, samples=1, heads=2, keys=24)
    path = world / "swmr.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.attrs["format_version"] = 1
        step = file.create_dataset("step", (0,), "i8", maxshape=(None,), chunks=(16,))
        layers = [file.create_dataset(f"layers/{l}/attention", (0,) + data.shape[2:], "f4",
                                      maxshape=(None,) + data.shape[2:], chunks=(1,) + data.shape[2:],
                                      fletcher32=True) for l in range(2)]
        file.swmr_mode = True
        for capture in range(n):
            for l, layer in enumerate(layers):
                layer.resize(capture + 1, 0)
                layer[capture] = data[capture, l]
                layer.flush()
            step.resize(capture + 1, 0)
            step[capture] = 10 * capture
            step.flush()
    return path


def group_per_step(world, n=60):
    data = attention(steps=n, layers=2, samples=1, heads=2, keys=8)
    return put_h5(world / "groups", by_step_layer(data, range(n)))


# layout: how it is made, whether each capture lies behind the one before it
LAYOUTS = {"ours": (ours, True), "swmr": (chunked_swmr, True), "groups": (group_per_step, False)}


def check_cut(world, whole, wanted, share, in_order):
    """Returns how many captures are kept."""
    (world / "cut.h5").write_bytes(whole[:int(len(whole) * share)])
    result, found = analyze(world, "cut.h5", codes=(3, 4))
    for step, rows in found.items():
        assert rows == wanted[step], (share, step, str(result))
    if result.code == 3:
        said = re.search(r"truncated: (\d+) of (\d+) captures are whole and kept", result.err)
        assert said and int(said[1]) == len(found), (share, len(found), str(result))
        assert not in_order or int(said[2]) == len(wanted), (share, str(result))
    else:
        assert "truncated" in result.err or "cut off" in result.err or "empty" in result.err, str(result)
    if in_order and share >= 0.1:
        assert len(found) >= int(share * len(wanted)) - 2, (share, len(found), str(result))
    return len(found)


@test
def cut_off_anywhere_what_is_there_is_kept(world):
    if h5py is None:
        raise Skip("no h5py here")
    rng = random.Random(SEED)
    for name, (make, in_order) in LAYOUTS.items():
        path = make(world)
        whole = path.read_bytes()
        _, wanted = analyze(world, path, codes=(0,))
        kept = [check_cut(world, whole, wanted, (cut + rng.random()) / CUTS * 0.998, in_order)
                for cut in range(CUTS)]
        print(f"# {name}: of {len(wanted)} captures, cut at {CUTS} places: {kept}")
        assert kept == sorted(kept) and kept[-1] > 0, (name, kept)


# ---- killed writers

WRITER = [sys.executable, Path(__file__).with_name("writer.py")]
SMALL = ["layers=2", "heads=2", "length=16", "uuid=", "name=w"]
N_WRITTEN = 800

# kind: how writer.py writes, options, whether what it acknowledged was flushed
WRITERS = {"old, flushed": ("old", [], True), "newest, flushed": ("plain", [], True),
           "swmr, flushed": ("swmr", [], True), "swmr, never flushed": ("swmr", ["flush=0"], False),
           "old, never flushed": ("old", ["flush=0"], False)}


def write(world, name, how, n, options):
    return subprocess.Popen([*map(str, WRITER), str(world / name), how, str(n), "0", *SMALL, *options],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(), text=True)


def killed_writer(world, how, options, seconds):
    """The steps that it said were on their way when it was killed."""
    process = write(world, "killed.h5", how, 10 ** 6, options)
    lines = [process.stdout.readline()]
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.read().splitlines(keepends=True)
    process.wait()
    return [int(line.split()[0]) for line in lines if line.endswith("\n")]


def check_killed(world, name, wanted, acknowledged, flushed):
    """What a killed writer left in killed.h5 is stored whole; how many captures."""
    before = (world / "killed.h5").read_bytes()
    result, found = analyze(world, "killed.h5", codes=(0, 3) if flushed else (0, 3, 4))
    assert (world / "killed.h5").read_bytes() == before
    if flushed:
        missing = set(acknowledged) - set(found)
        assert not missing, f"{name}: {len(missing)} of {len(acknowledged)} lost: {result}"
        assert query(world / "r.db", "SELECT count(*) FROM captures WHERE status <> 'complete'") == [(0,)], result
    for step, rows in found.items():
        if step < N_WRITTEN:
            assert rows == wanted[step], f"{name}: step {step} is torn"
    return len(found)


@test
def what_killed_writers_flushed_is_there(world):
    if h5py is None:
        raise Skip("no h5py here")
    write(world, "whole.h5", "old", N_WRITTEN, []).communicate()
    _, wanted = analyze(world, "whole.h5", codes=(0,))
    assert len(wanted) == N_WRITTEN
    rng = random.Random(SEED)
    for name, (how, options, flushed) in WRITERS.items():
        n_found = []
        for _ in range(WRITER_KILLS):
            acknowledged = killed_writer(world, how, options, rng.uniform(0, 0.4))
            n_found.append(check_killed(world, name, wanted, acknowledged, flushed))
        print(f"# {name}: {WRITER_KILLS} kills, captures kept: {n_found}")


TRAIN = ["train", "--data", "data.txt", "--layers", "2", "--heads", "2", "--dim", "16", "--context", "16",
         "--batch", "2", "--eval-batches", "1", "--capture-every", "5", "--capture-samples", "1",
         "--threads", "1", "--run", "run", "--steps", "4000"]


@test
def what_a_killed_trainer_captured_is_there(world):
    """What a reader saw before the kill is acknowledged."""
    (world / "data.txt").write_text(" ".join(random.Random(SEED).choices("def return import if".split(), k=3000)))
    world.run(*TRAIN, "--trace", "whole.h5", check=0)
    _, wanted = analyze(world, "whole.h5", codes=(0,))
    rng, n_found = random.Random(SEED), []
    for _ in range(WRITER_KILLS):
        for name in "killed.h5", "killed.h5.redo":
            (world / name).unlink(missing_ok=True)
        process = world.start(*TRAIN, "--trace", "killed.h5")
        while not (world / "killed.h5").exists():
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.25))
        seen = world.run("inspect", "killed.h5", "--json")
        killed = clitest.kill(process, rng.uniform(0, 0.05)).code == -signal.SIGKILL
        if killed and seen.code == 0:
            acknowledged = [step for step in wanted if step <= seen.json()["last_step"]]
            n_found.append(check_killed(world, "trainer", wanted, acknowledged, True))
    print(f"# trainer: {len(n_found)} kills after a first capture, captures kept: {n_found}")
    assert n_found


# ---- one bad file of many

@test
def one_bad_file_of_many_costs_itself(world):
    if h5py is None:
        raise Skip("no h5py here")
    put_native(world / "good", attention(steps=2, layers=2, samples=1, heads=2, keys=6), steps=(0, 1))
    names = [f"run{number:03}.h5" for number in range(BATCH)]
    for name in names:
        shutil.copy(world / "good.h5", world / name)
    for position in (0, BATCH // 2, BATCH - 1):
        forget(world)
        bad = names[position]
        (world / bad).write_bytes((world / "good.h5").read_bytes()[:700])
        result = world.run("analyze", *names, "--db", "r.db", check=3)
        assert [line for line in result.err.splitlines() if line.startswith("entroscope analyze: ")] == \
            [line for line in result.err.splitlines() if bad in line] != [], result.err[-2000:]
        stored = query(world / "r.db", "SELECT name FROM runs JOIN captures ON run_id = id"
                                       " WHERE status = 'complete' GROUP BY id HAVING count(*) = 2")
        assert sorted(name for name, in stored) == sorted(n[:-3] for n in names if n != bad)
        shutil.copy(world / "good.h5", world / bad)


# ---- changes while it is read

def replaced(path, rng):
    shutil.copy(FIXTURES / rng.choice(["healthy.h5", "damaged.h5"]), f"{path}.new")
    os.replace(f"{path}.new", path)


def cut(path, rng):
    os.truncate(path, rng.randrange(os.path.getsize(path)))


def emptied(path, _):
    os.truncate(path, 0)


def deleted(path, _):
    os.unlink(path)


def zeroed(path, rng):
    with open(path, "r+b") as file:
        file.seek(rng.randrange(os.path.getsize(path)))
        file.write(bytes(1 << 20))


def cut_and_grown(path, rng):
    size = os.path.getsize(path)
    cut(path, rng)
    os.truncate(path, size)


CHANGES = (replaced, cut, emptied, deleted, zeroed, cut_and_grown)


def race(world, change, rng, seconds):
    forget(world)
    shutil.copy(FIXTURES / "long.h5", world / "race.h5")
    process = subprocess.Popen([PROGRAM, "analyze", "race.h5", "--db", "r.db", "--run", "run"], cwd=world.path,
                               env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    time.sleep(rng.uniform(0, seconds))
    change(str(world / "race.h5"), rng)
    return clitest.finish(process)


@test
def a_file_that_changes_while_it_is_read(world):
    rng, codes = random.Random(SEED), {}
    begin = time.monotonic()
    _, whole = analyze(world, FIXTURES / "long.h5", codes=(0,))
    seconds = time.monotonic() - begin
    others = [analyze(world, FIXTURES / name, codes=(0, 3))[1] for name in ("healthy.h5", "damaged.h5")]
    for number in range(RACES):
        change = CHANGES[number % len(CHANGES)]
        result = race(world, change, rng, seconds)
        codes.setdefault(change.__name__, []).append(result.code)
        assert result.code in (0, 3, 4), (change.__name__, str(result))
        if (world / "r.db").exists():
            assert any(is_of(world / "r.db", known) for known in (whole, *others)), (change.__name__, str(result))
            world.run("db", "check", "r.db", check=0)
    print(f"# exit codes: {codes}")


if __name__ == "__main__":
    clitest.main()
