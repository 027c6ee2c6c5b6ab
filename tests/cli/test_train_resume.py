"""A training run that is killed and gone on with ends as if nothing had happened."""
import os
import random
import resource
import shutil
import signal
import time

import clitest
from clitest import dump, kill, query, test

try:
    import h5py
    import numpy as np
except ImportError:
    h5py = None

TINY = ["--data", "data.txt", "--layers", "2", "--heads", "2", "--dim", "16", "--context", "16",
        "--batch", "2", "--eval-batches", "1", "--eval-every", "7", "--capture-every", "5",
        "--capture-samples", "2", "--threads", "1", "--run", "tiny"]


LONG = 4000  # steps: longer than a start takes, also on a fast machine


def write_text(world, seed=1):
    words = "def return import class self for in while if else".split()
    rng = random.Random(seed)
    (world / "data.txt").write_text(" ".join(rng.choice(words) for _ in range(3000)))


def line(name, *args, steps=600, every=20, resume=True):
    """The arguments of a run that leaves NAME.trace and NAME.ck."""
    return ["train", *TINY, "--steps", str(steps), "--trace", f"{name}.trace", "--checkpoint",
            f"{name}.ck", "--checkpoint-every", str(every), *(["--resume"] if resume else []), *args]


def contents(path):
    """Every attribute and dataset as bytes, but for what says which file it is."""
    if h5py is None:
        raise clitest.Skip("h5py is not installed")
    found = {}

    def visit(name, item):
        for key, value in item.attrs.items():
            if key != "trace_uuid":
                found[name, key] = np.asarray(value).tobytes()
        if isinstance(item, h5py.Dataset):
            found[name] = (item.shape, item.dtype.str, item[()].tobytes())

    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)
    return found


def same(world, a, b):
    for ending in ("trace", "ck"):
        one, other = contents(world / f"{a}.{ending}"), contents(world / f"{b}.{ending}")
        assert one.keys() == other.keys(), one.keys() ^ other.keys()
        off = [key for key in one if one[key] != other[key]]
        assert not off, f"{ending}: {off}"


def steps(world, name):
    with h5py.File(world / f"{name}.trace", "r") as file:
        return file["step"][()].tolist()


def killed_until_done(world, args, rng, shortest, longest):
    """How often it was killed, and what it said at last."""
    for n_killed in range(1000):
        # it may live longer each time: also a slow machine comes to the end
        result = kill(world.start(*args), rng.uniform(shortest, longest) * (1 + n_killed / 50))
        if result.code != -signal.SIGKILL:
            assert result.code == 0, str(result)
            return n_killed, result
    raise AssertionError("it never comes to its end")


def start_seconds(world, *args, **options):
    """What it takes to find out that a run is done: a life that is shorter leads to nothing."""
    begin = time.monotonic()
    world.run(*line("whole", *args, **options), check=0)
    return time.monotonic() - begin


def killed_after_checkpoint(world, checkpoint, args):
    """Once its checkpoint was written anew, and a little later."""
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    process = world.start(*args)
    until = time.monotonic() + clitest.TIMEOUT
    while not (checkpoint.exists() and checkpoint.stat().st_mtime_ns > before) and process.poll() is None:
        assert time.monotonic() < until, "no checkpoint is written"
        time.sleep(0.005)
    return kill(process, 0.1)


def check_killed(world, *args, kills=5, **options):
    whole = world.run(*line("whole", *args, resume=False, **options), check=0)
    longest = 0.06 + start_seconds(world, *args, **options)
    n_killed, last = killed_until_done(world, line("cut", *args, **options), random.Random(3), 0.0,
                                       longest)
    assert n_killed >= kills, n_killed
    same(world, "whole", "cut")
    captures = steps(world, "cut")
    assert captures == sorted(set(captures)) == [*range(0, captures[-1] + 1, 5)], captures
    assert last.out.replace("cut.", "whole.") == whole.out, f"{last} {whole}"
    assert world.names() == ["cut.ck", "cut.trace", "data.txt", "whole.ck", "whole.trace"], \
        world.names()


@test
def killed_at_any_moment_it_ends_with_the_same_numbers(world):
    write_text(world)
    check_killed(world, steps=3000)


@test
def with_threads_and_compression_too(world):
    write_text(world)
    check_killed(world, "--threads", "2", "--deflate", "3", "--element", "f32", "--batch", "3",
                 kills=1, steps=900)


@test
def with_a_checkpoint_at_every_step_too(world):
    write_text(world)
    check_killed(world, every=1, steps=200)


@test
def a_diverging_run_that_is_killed_diverges_the_same(world):
    write_text(world)
    args = ["--arch", "SM+G", "--no-final-norm", "--lr", "1000", "--warmup", "0.5", "--grad-clip",
            "0", "--weight-decay", "0", "--init-std", "1"]
    whole = world.run(*line("whole", *args, resume=False, every=5), check=0)
    assert "diverged at step" in whole.out and "the last before that" in whole.out, str(whole)
    longest = 0.05 + 1.5 * start_seconds(world, *args, every=5)
    _, last = killed_until_done(world, line("cut", *args, every=5), random.Random(4), 0.0, longest)
    same(world, "whole", "cut")
    assert last.out.replace("cut.", "whole.") == whole.out, f"{last} {whole}"
    again = world.run(*line("cut", *args, every=5), check=0)
    assert again.out == last.out
    same(world, "whole", "cut")


@test
def an_interrupted_run_loses_nothing(world):
    write_text(world)
    world.run(*line("whole", resume=False, steps=LONG), check=0)
    for number, name in ((signal.SIGINT, "int"), (signal.SIGTERM, "term")):
        result = None
        for n_stopped in range(1000):
            result = kill(world.start(*line(name, every=100000, steps=LONG)), 0.08 + n_stopped / 50, number)
            if result.code == -number:  # so early that nobody was listening yet
                continue
            if result.code != 128 + number:
                break
            assert "the same command with --resume goes on" in result.err, str(result)
            assert (world / f"{name}.ck").exists()
        assert result.code == 0, str(result)
        assert "going on from" in result.err or "nothing to do" in result.err, str(result)
        same(world, "whole", name)


@test
def analysed_meanwhile_nothing_vanishes(world):
    write_text(world)
    world.run(*line("whole", resume=False, steps=LONG), check=0)
    rng = random.Random(5)
    counts = [0]
    longest = 0.1 + start_seconds(world, every=150, steps=LONG)
    for n_killed in range(1000):
        result = kill(world.start(*line("cut", every=150, steps=LONG)),
                      rng.uniform(0.02, longest) + n_killed / 500)
        # code 4: no capture yet, at the very beginning
        seen = world.run("analyze", "cut.trace", "--db", "cut.db")
        assert seen.code in ((0, 3, 4) if counts[-1] == 0 else (0, 3)), str(seen)
        if seen.code != 4:
            counts.append(query(world / "cut.db", "SELECT count(*) FROM captures")[0][0])
        if result.code == 0:
            break
        assert result.code == -signal.SIGKILL, str(result)
    assert counts == sorted(counts) and len(counts) > 3, counts
    world.run("analyze", "cut.trace", "--db", "cut.db", check=0)
    world.run("analyze", "whole.trace", "--db", "whole.db", check=0)
    drop = lambda path: [row for row in dump(path) if not row.startswith("runs:")]
    assert drop(world / "cut.db") == drop(world / "whole.db")


@test
def a_finished_run_is_left_as_it_is(world):
    write_text(world)
    whole = world.run(*line("a", "--json", steps=50), check=0)
    assert "not there yet: starting from the beginning" in whole.err, str(whole)
    before = {name: (world / name).read_bytes() for name in world.names()}
    times = {name: os.stat(world / name).st_mtime_ns for name in world.names()}
    again = world.run(*line("a", "--json", steps=50), check=0)
    assert "nothing to do" in again.err and again.out == whole.out, str(again)
    assert before == {name: (world / name).read_bytes() for name in world.names()}
    assert times == {name: os.stat(world / name).st_mtime_ns for name in world.names()}


def refused(world, result, code, *words):
    assert result.code == code and not result.out, str(result)
    assert result.err.startswith("entroscope train: "), str(result)
    for word in words:
        assert word in result.err, f"{word}: {result}"


@test
def what_does_not_fit_is_a_sentence_and_nothing_is_touched(world):
    write_text(world)
    killed_after_checkpoint(world, world / "a.ck", line("a", "--seed", "5", steps=1000000, resume=False, every=10))
    world.run(*line("b", "--seed", "5", steps=20), check=0)
    shutil.copy(world / "a.ck", world / "b2.ck")
    before = {name: (world / name).read_bytes() for name in world.names()}

    def go(*args, name="a", steps=1000000, **options):
        return world.run(*line(name, "--seed", "5", *args, steps=steps, **options))

    refused(world, go("--seed", "6"), 2, "a.ck", 'seed "5"', '"6"')
    refused(world, go("--lr", "0.5"), 2, "a.ck", 'lr "0.001"', '"0.5"')
    refused(world, go("--threads", "2"), 2, "a.ck", 'threads "1"', '"2"')
    refused(world, go("--dim", "32"), 2, "a.ck", "d_model 16", "32")
    refused(world, go("--arch", "SM"), 2, "a.ck", "SM+LN+G")
    refused(world, go(steps=999999), 2, "a.ck", "n_steps")
    refused(world, go("--run", "other"), 4, "a.trace", "tiny", "other")
    refused(world, go("--element", "f64"), 4, "a.trace", "elements of 2 bytes")
    refused(world, go("--trace", "b.trace"), 4, "b.trace", "of another run")
    refused(world, go("--trace", "nosuch"), 4, "nosuch: No such file")
    refused(world, go("--checkpoint", "data.txt"), 2, "data.txt")
    refused(world, go("--checkpoint", "a.trace"), 2, "a.trace")
    refused(world, go("--init", "a.ck"), 2, "a.ck")
    refused(world, world.run("train", *TINY, "--trace", "x", "--resume"), 2, "checkpoint")
    assert before == {name: (world / name).read_bytes() for name in world.names()}
    (world / "data.txt").write_bytes(before["data.txt"][:-1] + b"!")
    refused(world, go(), 2, "corpus_sha256")
    (world / "data.txt").write_bytes(before["data.txt"])
    for keep in (0, 1, 100, 5000, len(before["a.ck"]) // 2, len(before["a.ck"]) - 1):
        (world / "a.ck").write_bytes(before["a.ck"][:keep])
        refused(world, go(), 4, "a.ck")
    (world / "a.ck").write_bytes(before["a.ck"])
    for keep in (0, 100, len(before["a.trace"]) // 2):
        (world / "a.trace").write_bytes(before["a.trace"][:keep])
        refused(world, go(), 4, "a.trace")
    assert (world / "a.ck").read_bytes() == before["a.ck"]


@test
def a_checkpoint_with_another_bit_is_refused(world):
    write_text(world)
    whole = world.run(*line("a", steps=20), check=0)
    good, rng, n_refused = (world / "a.ck").read_bytes(), random.Random(8), 0
    for _ in range(40):
        bad, at = bytearray(good), rng.randrange(len(good))
        bad[at] ^= 1 << rng.randrange(8)
        (world / "a.ck").write_bytes(bad)
        again = world.run(*line("a", steps=20))
        if again.code != 0:
            refused(world, again, 4, "a.ck")
        else:  # where nothing lies
            assert again.out == whole.out, f"byte {at}: {again}"
        n_refused += again.code != 0
        assert (world / "a.ck").read_bytes() == bytes(bad)
    assert n_refused > 20, n_refused
    (world / "a.ck").write_bytes(good)
    at = good.index(contents(world / "a.ck")["wte"][2])
    (world / "a.ck").write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])
    refused(world, world.run(*line("a", steps=20)), 4, "wte fails its checksum")
    refused(world, world.run("train", *TINY, "--steps", "1", "--init", "a.ck", "--trace", "b.trace"), 4,
            "wte fails its checksum")


@test
def a_lost_trace_is_followed_by_another(world):
    write_text(world)
    killed_after_checkpoint(world, world / "a.ck", line("a", steps=1000000, resume=False, every=10))
    world.run("analyze", "a.trace", "--db", "r.db", "--run", "before", check=0)
    (world / "a.trace").write_bytes((world / "a.trace").read_bytes()[:5000])
    refused(world, world.run(*line("a", steps=1000000)), 4, "a.trace")
    refused(world, world.run(*line("a", "--new-trace", steps=1000000)), 2, "a.trace", "takes no file's place")
    refused(world, world.run("train", *TINY, "--trace", "x", "--new-trace"), 2, "resumed")
    going = killed_after_checkpoint(world, world / "a.ck", line("a", "--trace", "b.trace", "--new-trace", steps=1000000))
    assert "going on from a.ck" in going.err, str(going)
    killed_after_checkpoint(world, world / "a.ck", line("a", "--trace", "b.trace", steps=1000000))
    world.run("analyze", "b.trace", "--db", "r.db", "--run", "after", check=0)
    steps = {run: [step for (step,) in query(world / "r.db", "SELECT step FROM captures AS c JOIN runs AS r ON"
                                             f" r.id = c.run_id WHERE r.name = '{run}' ORDER BY step")]
             for run in ("before", "after")}
    assert steps["before"] and steps["after"] and steps["after"][0] <= steps["before"][-1] + 10, steps
    assert steps["after"] == list(range(steps["after"][0], steps["after"][-1] + 1,
                                        steps["before"][1] - steps["before"][0])), steps


@test
def text_may_be_moved_but_not_changed(world):
    write_text(world)
    world.run(*line("whole", resume=False), check=0)
    kill(world.start(*line("cut")), 0.1)
    os.rename(world / "data.txt", world / "moved.txt")
    args = ["moved.txt" if arg == "data.txt" else arg for arg in line("cut")]
    world.run(*args, check=0)
    if h5py:
        assert steps(world, "cut") == steps(world, "whole")


@test
def a_full_disk_is_gone_on_from_when_there_is_room(world):
    write_text(world)
    world.run(*line("whole", resume=False), check=0)
    for size in (100000, 190000, 400000):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        result = world.run(*line("cut"), preexec_fn=limit)
        assert result.code == 6, str(result)
    world.run(*line("cut"), check=0)
    same(world, "whole", "cut")


clitest.main()
