"""The trainer from the command line, with models that take no time."""
import os
import random
import re
import resource
import signal

import clitest
from clitest import dump, query, test

TINY = ["--layers", "2", "--heads", "2", "--dim", "16", "--context", "16", "--batch", "2",
        "--eval-batches", "1", "--capture-every", "2", "--capture-samples", "2", "--threads", "1"]


def write_text(world, name="data.txt"):
    words = "def return import class self for in while if else".split()
    rng = random.Random(1)
    (world / name).write_text(" ".join(rng.choice(words) for _ in range(3000)))
    return name


def train(world, *args, check=0, steps=4, **options):
    return world.run("train", "--data", "data.txt", *TINY, "--steps", str(steps), *args,
                     check=check, **options)


@test
def a_run_can_be_inspected_analysed_and_drawn(world):
    write_text(world)
    result = train(world, "--trace", "t.h5", "--run", "tiny")
    assert "trace: t.h5" in result.out and "perplexity" in result.out, str(result)
    seen = world.run("inspect", "--json", "t.h5", check=0).json()
    assert (seen["run"], seen["captures"], seen["last_step"], seen["complete"]) == \
           ("tiny", 3, 4, True), seen
    world.run("analyze", "t.h5", "--db", "r.db", check=0)
    world.run("plot", "scalars", "--db", "r.db", "-o", "x.png", check=0)


@test
def json_goes_to_stdout_and_progress_to_stderr(world):
    write_text(world)
    result = train(world, "--trace", "t.h5", "--json")
    assert {"arch", "parameters", "data", "steps", "loss", "eval_loss", "perplexity",
            "diverged_at", "trace", "checkpoint"} <= set(result.json())
    assert "step 4 of 4" in result.err, str(result)
    quiet = train(world, "--trace", "t.h5", "--json", "-q")
    assert quiet.err == "" and quiet.json()["loss"] == result.json()["loss"], str(quiet)


@test
def the_same_seed_gives_the_same_numbers(world):
    write_text(world)
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        train(world, "--trace", f"{name}.h5", "--run", "x", "--seed", seed)
        world.run("analyze", f"{name}.h5", "--db", f"{name}.db", check=0)
    stats = [query(world / f"{name}.db", "SELECT * FROM head_stats ORDER BY step, layer, head")
             for name in "abc"]
    assert stats[0] == stats[1] != stats[2]


@test
def every_architecture_trains(world):
    write_text(world)
    listed = re.findall(r"^  ((?:SM|EReg)\S*) ", world.run("train", "--help", check=0).out, re.M)
    assert len(listed) == 12 and listed[-1] == "EReg(SM(t)+ScFuFFN)", listed
    for arch in listed:
        train(world, "--arch", arch, "--trace", "t.h5", steps=2)


@test
def parts_combine_and_the_name_says_how(world):
    write_text(world)
    for options, name in (
            (["--arch", "SM", "--weight-norm", "QKV+FFN"], "SM+WN(QKV+FFN)"),
            (["--arch", "SM", "--spectral-norm", "QKVO+FFN"], "SM+SN(QKVO+FFN)"),
            (["--arch", "SM+R", "--weight-norm", "QK", "--spectral-norm", "FFN"],
             "SM+R+WN(QK)+SN(FFN)"),
            (["--arch", "SM", "--ffn", "fused", "--regularize", "headmean", "--gamma", "0"],
             "EReg(SM+ScFuFFN)"),
            (["--learnable-temperature", "--temperature-init", "1"], "SM(t)+LN+G")):
        result = train(world, *options, "--trace", "t.h5", "--json", steps=2)
        assert result.json()["arch"] == name, str(result)
        world.run("analyze", "t.h5", "--db", "r.db", "--replace", check=0)
        assert query(world / "r.db", "SELECT arch FROM runs") == [(name,)]


@test
def options_without_effect_are_refused(world):
    write_text(world)
    for options in (["--arch", "SM", "--gamma", "0.1"], ["--lambda", "1"],
                    ["--threshold-init", "0.3"], ["--temperature-init", "1"],
                    ["--arch", "EReg(SM(t)+ScFuFFN)", "--regularize", "off", "--gamma", "0.1"],
                    ["--init", "data.txt", "--init-std", "0.1"]):
        result = train(world, *options, "--trace", "t.h5", check=2)
        assert "has no effect" in result.err, str(result)


@test
def scalars_can_be_logged_less_often(world):
    write_text(world)
    train(world, "--trace", "t.h5", "--log-every", "4", "--eval-every", "5", steps=11)
    world.run("analyze", "t.h5", "--db", "r.db", check=0)
    stored = query(world / "r.db", "SELECT step FROM scalars WHERE name = 'loss' ORDER BY step")
    assert [step for step, in stored] == [4, 5, 8, 10, 11], stored
    train(world, "--trace", "t.h5", "--log-every", "0", check=2)


@test
def the_regularizer_is_told_and_stored(world):
    write_text(world)
    result = train(world, "--arch", "EReg(SM(t)+ScFuFFN)", "--trace", "t.h5", "--json", steps=4)
    world.run("analyze", "t.h5", "--db", "r.db", check=0)
    stored = query(world / "r.db",
                   "SELECT step, value FROM scalars WHERE name = 'reg_loss' ORDER BY step")
    assert [step for step, _ in stored] == [1, 2, 3, 4], stored
    assert result.json()["reg_loss"] == stored[-1][1], str(result)
    assert train(world, "--trace", "t.h5", "--json").json()["reg_loss"] is None


@test
def divergence_is_a_result(world):
    write_text(world)
    result = train(world, "--trace", "t.h5", "--arch", "SM", "--no-final-norm", "--lr", "1000",
                   "--grad-clip", "0", "--weight-decay", "0", "--json", steps=60)
    assert result.json()["diverged_at"] is not None, str(result)
    assert result.json()["perplexity"] is None or result.json()["perplexity"] > 0
    assert world.run("inspect", "--json", "t.h5", check=0).json()["complete"] is True
    assert "NaN since step" in world.run("analyze", "t.h5", "--db", "r.db", check=0).out


@test
def a_checkpoint_is_gone_on_from(world):
    write_text(world)
    first = train(world, "--checkpoint", "c.h5", "--json").json()
    train(world, "--init", "c.h5", "--checkpoint", "c.h5")
    assert first["checkpoint"] == "c.h5" and first["trace"] is None
    result = train(world, "--init", "c.h5", "--trace", "t.h5", "--dim", "32", check=None)
    assert result.code in (2, 4) and "c.h5" in result.err, str(result)




def usable(world):
    seen = world.run("inspect", "--json", "t.h5", check=0).json()
    assert seen["complete"] is False and seen["captures"] >= 1, seen
    world.run("analyze", "t.h5", "--db", "r.db", check=0)
    assert query(world / "r.db", "SELECT count(*) FROM captures") == [(seen["captures"],)]


def wait_for_captures(world, process):
    while not (world / "t.h5").exists() or \
            world.run("inspect", "--json", "t.h5").code != 0:
        assert process.poll() is None, str(clitest.finish(process))


@test
def an_interrupt_ends_with_130_and_a_usable_trace(world):
    write_text(world)
    process = world.start("train", "--data", "data.txt", *TINY, "--steps", "10000000", "--trace",
                          "t.h5")
    wait_for_captures(world, process)
    process.send_signal(signal.SIGINT)
    result = clitest.finish(process)
    assert result.code == 130 and "every capture so far" in result.err, str(result)
    usable(world)


@test
def a_kill_leaves_a_usable_trace(world):
    write_text(world)
    process = world.start("train", "--data", "data.txt", *TINY, "--steps", "10000000", "--trace",
                          "t.h5")
    wait_for_captures(world, process)
    process.kill()
    clitest.finish(process)
    usable(world)


@test
def the_trace_can_be_analysed_while_it_grows(world):
    write_text(world)
    process = world.start("train", "--data", "data.txt", *TINY, "--steps", "10000000", "--trace",
                          "t.h5")
    wait_for_captures(world, process)
    counts = []
    for _ in range(3):
        # thousands of captures a second: now and then a scalar is torn while it is looked at
        result = world.run("analyze", "t.h5", "--db", "r.db")
        assert result.code == 0 or (result.code == 3 and "/scalars/" in result.err), str(result)
        counts.append(query(world / "r.db", "SELECT count(*) FROM captures")[0][0])
    process.kill()
    clitest.finish(process)
    assert counts == sorted(counts) and counts[0] >= 1, counts
    world.run("analyze", "t.h5", "--db", "r.db", check=0)
    world.run("analyze", "t.h5", "--db", "once.db", check=0)
    assert dump(world / "r.db") == dump(world / "once.db")


@test
def a_full_disk_is_told(world):
    write_text(world)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))
    result = train(world, "--trace", "t.h5", check=6, steps=400, preexec_fn=limit)
    assert "t.h5" in result.err, str(result)
    # a checkpoint is written beside its target and renamed
    train(world, "--checkpoint", "c.h5")
    old = (world / "c.h5").read_bytes()
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
    train(world, "--checkpoint", "c.h5", "--seed", "2", check=6, preexec_fn=small)
    assert (world / "c.h5").read_bytes() == old
    assert world.names() == ["c.h5", "data.txt", "t.h5"], world.names()


@test
def what_cannot_fit_is_told_at_the_start(world):
    write_text(world)
    few = train(world, "--trace", "few.h5")
    assert "note:" not in few.err, str(few)
    # 1e9 captures of 4 KB and more
    process = world.start("train", "--data", "data.txt", *TINY, "--steps", "1000000000",
                          "--capture-every", "1", "--context", "64", "--trace", "t.h5")
    wait_for_captures(world, process)
    process.send_signal(signal.SIGINT)
    result = clitest.finish(process)
    assert "note: all captures of this run are" in result.err, str(result)


@test
def a_full_disk_says_how_to_go_on(world):
    write_text(world)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400000, 400000))
    options = ["--trace", "t.h5", "--checkpoint", "c.h5", "--checkpoint-every", "10"]
    result = train(world, *options, check=6, steps=400, preexec_fn=limit)
    assert "--resume goes on from c.h5" in result.err, str(result)
    train(world, *options, "--resume", steps=400)
    assert world.run("inspect", "--json", "t.h5", check=0).json()["captures"] == 201


@test
def nothing_that_exists_is_lost_by_a_slip(world):
    write_text(world)
    text = (world / "data.txt").read_bytes()
    train(world, "--trace", "data.txt", check=2)
    train(world, "--checkpoint", "data.txt", check=2)
    os.link(world / "data.txt", world / "other.h5")
    train(world, "--trace", "other.h5", check=2)
    assert (world / "data.txt").read_bytes() == text
    train(world, "--checkpoint", "c.h5")
    train(world, "--init", "c.h5", "--trace", "c.h5", check=2)
    train(world, "--checkpoint", "x.h5", "--trace", "x.h5", check=2)
    train(world, "--checkpoint", "x.h5", "--trace", "./x.h5", check=2)
    train(world, "--init", "c.h5", "--trace", f"../{world.path.name}/c.h5", check=2)
    os.mkfifo(world / "pipe")
    result = train(world, "--checkpoint", "pipe", check=6)
    assert "no regular file" in result.err and (world / "pipe").is_fifo(), str(result)


@test
def values_that_cannot_be_are_sentences(world):
    write_text(world)
    (world / "short.txt").write_text("too short")
    for option, value in (
            ("--ffn", "fat"), ("--ffn", "fused"), ("--weight-norm", "LN"), ("--weight-norm", ""),
            ("--spectral-norm", "W"), ("--regularize", "x"), ("--gamma", "-1"), ("--gamma", "x"),
            ("--temperature-init", "0"),
            ("--arch", "nosuch"), ("--layers", "0"), ("--layers", "-1"), ("--layers", "100000"),
            ("--heads", "3"), ("--heads", "0"), ("--dim", "15"), ("--dim", "2147483647"),
            ("--context", "1"), ("--context", "2147483647"), ("--batch", "2147483647"),
            ("--batch", "0"), ("--steps", "0"), ("--steps", "-4"), ("--steps", "x"),
            ("--lr", "nan"), ("--lr", "0"), ("--lr", "-1"), ("--lr", "1e30"), ("--lr", ""),
            ("--warmup", "2"), ("--held-out", "0"), ("--held-out", "1"), ("--held-out", "-1"),
            ("--element", "f8"), ("--deflate", "10"), ("--deflate", "-1"), ("--threads", "0"),
            ("--threads", "100000"), ("--grad-clip", "-1"), ("--init-std", "-1"),
            ("--weight-decay", "inf"), ("--capture-every", "0"), ("--capture-samples", "100000"),
            ("--eval-every", "-2"), ("--min-lr-fraction", "7"), ("--run", ""), ("--run", "#2"),
            ("--seed", "99999999999999999999")):
        result = train(world, "--trace", "t.h5", option, value, check=2)
        assert result.err.startswith("entroscope train: ") and not result.out, str(result)
    assert not (world / "t.h5").exists()


@test
def data_that_cannot_be_read_is_a_sentence(world):
    write_text(world)
    (world / "short.txt").write_text("too short")
    (world / "folder").mkdir()
    os.mkfifo(world / "pipe")
    for name in ("nosuch", "short.txt", "folder", "pipe", "/dev/zero"):
        world.run("train", "--data", name, *TINY, "--trace", "t.h5", check=4)
    assert world.run("train", *TINY, "--trace", "t.h5").code == 2
    assert world.run("train", "--data", "data.txt", *TINY).code == 2


@test
def outputs_that_cannot_be_written_are_told(world):
    write_text(world)
    for args in (["--trace", "nosuch/t.h5"], ["--trace", "."], ["--trace", "/dev/full"],
                 ["--checkpoint", "nosuch/c.h5"]):
        result = train(world, *args, check=None)
        assert result.code == 6, str(result)
    train(world, "--trace", "t.h5", check=6, stdout=open("/dev/full", "w"))


clitest.main()
