"""A trace is followed while it is written: at once, completely, and without the trainer noticing."""
import fcntl
import json
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import clitest
from clitest import query, test
from live import facts, latencies, same_as_analyze, watch, write, written_at

PAIRS = int(os.environ.get("ENTRO_OPENS", "300"))
SIGNALS = int(os.environ.get("ENTRO_SIGNALS", "20"))
SLOW = 5.0  # what a loaded machine may add to the promise of two seconds
random.seed(int(os.environ.get("ENTRO_SEED", "1")))


def followed(world, how, **options):
    with watch(world, "--wait", "--json") as watcher:
        with write(world, how, **options) as writer:
            assert writer.finish().code == 0
            done = watcher.finish()
        assert done.code == 0, str(done)
        late = latencies(writer, watcher)
    print(f"# {how}: latency at most {max(late):.2f} s, mean {sum(late) / len(late):.2f} s")
    assert max(late) < SLOW, late
    same_as_analyze(world)
    return done


@test
def each_capture_of_an_swmr_writer_is_there_at_once(world):
    done = followed(world, "swmr", n=12, delay=0.25)
    assert "not SWMR" not in done.err, str(done)


@test
def a_file_that_is_marked_as_being_written(world):
    done = followed(world, "plain", n=10, delay=0.4)
    assert done.err.count("not SWMR") == 1, str(done)


@test
def a_file_without_any_mark(world):
    done = followed(world, "old", n=10, delay=0.4)
    assert done.err.count("not SWMR") == 1, str(done)


@test
def a_writer_that_never_rests_without_swmr(world):
    followed(world, "old", n=150, delay=0.02)


@test
def flat_out_nothing_is_missed(world):
    followed(world, "swmr", n=400, delay=0)


@test
def our_own_trainer(world):
    corpus = world / "corpus.txt"
    corpus.write_bytes(bytes(random.choices(b"abcdefgh \n", k=20000)))
    with watch(world, "--wait", "--json") as watcher:
        world.run("train", "--data", corpus, "--trace", "live.h5", "--steps", "40", "--layers", "2",
                  "--heads", "2", "--dim", "16", "--context", "16", "--capture-every", "2",
                  check=0)
        done = watcher.finish()
    assert done.code == 0, str(done)
    assert len(watcher.events("capture")) >= 20, done.out
    same_as_analyze(world)


@test
def the_summary_is_that_of_analyze(world):
    with watch(world, "--wait") as watcher, write(world, n=5, delay=0.2) as writer:
        writer.finish()
        watched = watcher.finish().out.splitlines()
    once = world.run("analyze", "live.h5", "--db", "once.db", check=0).out.splitlines()
    assert watched[:-1] == once[:-1], (watched, once)  # the last line is about time


@test
def a_trace_that_is_complete_ends_at_once(world):
    for path, expected in (("healthy.h5", 0), ("damaged.h5", 3)):
        done = watch(world, path=world.fixtures / path).finish(10)
        world.run("analyze", world.fixtures / path, "--db", "analyzed.db", check=expected)
        assert done.code == expected, str(done)
        assert facts(world / "r.db") == facts(world / "analyzed.db")


@test
def findings_are_told_once_and_run_a_command(world):
    with watch(world, "--wait", "--on-finding", 'echo "$ENTROSCOPE_KIND $ENTROSCOPE_LAYER'
               ' $ENTROSCOPE_STEP $ENTROSCOPE_SEVERITY [$ENTROSCOPE_HEAD]" >> told',
               "--fail-on", "collapse") as watcher:
        with write(world, n=12, delay=0.3, collapse=4) as writer:
            watcher.out.wait_for("Layer 0")
            assert len(written_at(writer)) < 12, "told only at the end"
            writer.finish()
            done = watcher.finish()
    assert done.code == 1, str(done)
    lines = [line for line in done.out.splitlines() if line.startswith("step ")]
    assert len(lines) == len(set(lines)) == 4, done.out
    told = (world / "told").read_text().splitlines()
    assert told[:2] == ["collapse 0 4 critical []", "collapse 1 4 critical []"] and len(told) == 4, told
    # begun again: what was told is not told again
    again = watch(world, "--on-finding", "echo again >> told").finish()
    assert not [line for line in again.out.splitlines() if line.startswith("step ")], str(again)
    assert (world / "told").read_text().splitlines() == told


@test
def a_fresh_model_is_no_alarm(world):
    with watch(world, "--wait", "--interval", "0.05") as watcher, write(world, n=60, delay=0.05, fresh=4) as writer:
        writer.finish()
        assert "step 0:" not in watcher.finish().out
    (world / "live.h5").unlink()
    with watch(world, "--wait", db="2.db") as watcher, \
            write(world, n=40, delay=0.1, fresh=40, path="live.h5") as writer:
        watcher.out.wait_for("overload")
        n = len(written_at(writer))
        writer.finish()
        watcher.finish()
    assert 20 <= n < 40, n


@test
def hostile_names_stay_in_the_environment(world):
    name = "a'\"$(touch owned)`touch owned`;touch owned\n\x1b[31m%s"
    script = ('import os, sys; open("seen", "w").write(os.environ["ENTROSCOPE_RUN"] + "|" +'
              ' os.environ["ENTROSCOPE_FILE"])')
    path = "li've $(touch owned).h5"
    (world / "s.py").write_text(script)
    with watch(world, "--wait", "--on-finding", "$PYTHON s.py; cat; exit 3",
               path=path) as watcher, \
            write(world, n=5, delay=0.2, collapse=0, name=name, path=path) as writer:
        writer.finish()
        done = watcher.finish()
    assert (world / "seen").read_text() == f"{name}|{path}"
    assert not (world / "owned").exists()
    assert "exit code 3" in done.err and done.code == 0, str(done)
    assert clitest.UNSAFE.search(done.err + done.out) is None, str(done)


@test
def a_command_that_hangs_stops_nothing(world):
    with watch(world, "--wait", "--on-finding", "exec sleep 14") as watcher, \
            write(world, n=6, delay=0.2, collapse=0) as writer:
        writer.finish()
        started = time.time()
        code = watcher.process.wait(20)
        took = time.time() - started
    assert code == 0 and 4 < took < 6 + SLOW, (code, took)
    assert query(world / "r.db", "SELECT count(*) FROM captures") == [(6,)]


@test
def a_killed_writer_is_told_and_ends_with_3(world):
    with watch(world, "--wait", "--json") as waiting, write(world, n=1000, delay=0.2) as writer:
        waiting.out.wait_for('"step":3')
        with watch(world, "--json", db="2.db") as watcher:
            watcher.out.wait_for('"step":3')
            writer.signal(signal.SIGKILL)
            killed = time.time()
            done = watcher.finish(20)
            took = time.time() - killed
        n = len(written_at(writer))
        waiting.out.wait_for('"killed"')
        assert waiting.process.poll() is None
        waiting.signal(signal.SIGTERM)
        assert waiting.finish(5).code == 143
    print(f"# told after {took:.2f} s")
    assert done.code == 3 and "was killed" in done.err, str(done)
    assert took < 5 + SLOW, took
    assert query(world / "2.db", "SELECT count(*) FROM captures")[0][0] >= n
    same_as_analyze(world, db="2.db")


@test
def a_writer_that_was_killed_before(world):
    with write(world, n=1000, delay=0.05) as writer:
        writer.out.wait_for("5 ")
        writer.signal(signal.SIGKILL)
    done = watch(world, "--idle", "1").finish(20)
    assert done.code == 3 and "was killed" in done.err, str(done)


@test
def a_writer_that_is_busy_is_waited_for(world):
    with watch(world, "--wait", "--idle", "1") as watcher, \
            write(world, n=2, delay=4, linger=0) as writer:
        said = watcher.err.wait_for("no flush seen for 1 s")
        assert str(writer.process.pid) in said, said
        writer.finish()
        done = watcher.finish()
    assert done.code == 0 and done.err.count("no flush") == 2, str(done)  # each time


@test
def a_writer_that_closes_without_a_word(world):
    with watch(world, "--wait", "--json") as _, write(world, n=3, delay=0.2, complete=0) as writer:
        with watch(world, "--idle", "2", "--json", db="2.db", path="live.h5") \
                if wait_until(world / "live.h5") else None as watcher:
            writer.finish()
            done = watcher.finish(20)
    assert done.code == 0 and "has closed" in done.err, str(done)


def wait_until(path, seconds=20):
    until = time.time() + seconds
    while not path.exists() and time.time() < until:
        time.sleep(0.01)
    return path.exists()


@test
def a_file_that_is_not_there(world):
    done = world.run("watch", "nosuch.h5", "--db", "r.db", check=4)
    assert "--wait" in done.err, str(done)
    assert world.names() == []
    with watch(world, "--wait", path="nosuch.h5") as watcher:
        watcher.err.wait_for("waiting for it")
        watcher.signal(signal.SIGINT)
        assert watcher.finish(3).code == 130


@test
def a_file_that_is_replaced_by_another_run_is_a_conflict(world):
    with watch(world, "--wait", "--json") as watcher:
        with write(world, n=1000, delay=0.1) as writer:
            watcher.out.wait_for('"step":3')
            writer.signal(signal.SIGKILL)
        with write(world, n=1000, delay=0.1, path="next.h5", uuid="u-2", seed=2):
            wait_until(world / "next.h5")
            time.sleep(1)
            os.rename(world / "next.h5", world / "live.h5")
            done = watcher.finish(20)
    assert done.code == 2 and "replaced" in done.err and "--run" in done.err, str(done)
    assert query(world / "r.db", "SELECT DISTINCT fingerprint FROM runs") == [("u-1",)]


@test
def a_file_that_is_begun_again_goes_on(world):
    with watch(world, "--wait", "--json") as watcher:
        with write(world, n=1000, delay=0.1) as writer:
            watcher.out.wait_for('"step":9')
            writer.signal(signal.SIGKILL)
        with write(world, n=8, delay=0.3) as writer:  # same seed: the same captures
            writer.finish()
            done = watcher.finish(20)
    assert done.code == 0 and "replaced" in done.err, str(done)


@test
def a_file_that_goes_away(world):
    with watch(world, "--wait", "--json") as waiting, write(world, n=1000, delay=0.1):
        waiting.out.wait_for('"step":1')
        with watch(world, "--idle", "1", db="2.db") as watcher:
            time.sleep(2)
            os.unlink(world / "live.h5")
            started = time.time()
            done = watcher.finish(15)
            waiting.out.wait_for('"gone"')
    assert done.code == 3 and "is gone" in done.err and "captures" in done.out, str(done)
    assert time.time() - started < SLOW + 2


@test
def a_writer_that_flushes_in_the_wrong_order(world):
    """A step whose layers come a second later is missing at first, and whole at last."""
    with watch(world, "--wait", "--json") as watcher, write(world, n=4, delay=0.2, order="step") as writer:
        assert writer.finish().code == 0
        done = watcher.finish()
    assert done.code == 0, str(done)
    halves = [event["step"] for _, event in watcher.events("capture") if event["status"] != "complete"]
    assert halves, "nobody looked between the two"
    same_as_analyze(world)


@test
def a_file_that_gets_other_things(world):
    with watch(world, "--wait", "--json") as watcher, write(world, "plain", n=8, delay=0.4, adds=3) as writer:
        assert writer.finish().code == 0
        done = watcher.finish()
    assert done.code == 0, str(done)
    same_as_analyze(world)


@test
def a_file_that_shrinks(world):
    with write(world, n=1000, delay=0.1) as writer:
        assert wait_until(world / "live.h5")
        with watch(world, "--idle", "1", "--json") as watcher:
            watcher.out.wait_for('"step":9')
            writer.signal(signal.SIGKILL)
            os.truncate(world / "live.h5", os.path.getsize(world / "live.h5") // 2)
            started = time.time()
            done = watcher.finish(20)
    assert done.code in (3, 4) and time.time() - started < 5 + SLOW, str(done)
    assert "Traceback" not in done.err and "live.h5" in done.err, str(done)
    stored = query(world / "r.db", "SELECT count(*), sum(status = 'complete') FROM captures")[0]
    assert stored[0] >= 10 and stored[1] >= 10, f"what was stored stays: {stored}"


@test
def what_is_no_trace_ends_with_4(world):
    (world / "live.h5").write_text("<html>")
    started = time.time()
    done = watch(world, "--idle", "4").finish(15)
    assert done.code == 4 and done.err.count("HTML") == 2, str(done)
    assert "cannot be read yet" in done.err and time.time() - started > 3, str(done)
    assert world.names() == ["live.h5"]


@test
def the_database_is_not_watched(world):
    world.analyze("healthy.h5")
    world.run("watch", "r.db", "--db", "r.db", check=2)
    world.run("watch", "x.db", "--db", "x.db", "--wait", check=2)


@test
def plot_and_report_while_it_runs(world):
    with watch(world, "--wait", "--json") as watcher, write(world, n=60, delay=0.15) as writer:
        watcher.out.wait_for('"step":3')
        sizes = []
        while writer.process.poll() is None:
            world.run("plot", "layerwise-entropy", "--db", "r.db", "--run", "live", "-o", "x.svg",
                      check=0)
            world.run("report", "live", "--db", "r.db", "--html", "x.html", check=0)
            sizes.append(json.loads(world.run("runs", "--db", "r.db", "--json", check=0).out)
                         ["runs"][0]["captures"])
        done = watcher.finish()
    assert done.code == 0, str(done)
    assert sizes == sorted(sizes) and len(set(sizes)) > 2, sizes
    same_as_analyze(world)


@test
def a_trainer_that_opens_and_closes_is_never_refused(world):
    ours = set()
    with watch(world, "--wait", "--interval", "0.01", "--json") as watcher, \
            write(world, "reopen", n=PAIRS, delay=0, length=16) as writer:
        while writer.process.poll() is None:
            locks = Path("/proc/locks").read_text().splitlines()
            ours |= {line for line in locks if f" {watcher.process.pid} " in line
                     and line.split()[5].split(":")[-1] == str((world / "live.h5").stat().st_ino)} \
                if (world / "live.h5").exists() else set()
            time.sleep(0.002)
        done = watcher.finish()
    refused = [line for _, line in writer.out.lines if line.startswith("failed")]
    events = [event for _, event in watcher.events("capture")]
    reads = len({event["step"] for event in events if event["status"] == "complete"})
    print(f"# {PAIRS} opens, {len(refused)} refused, {len(events)} captures read meanwhile, of these"
          f" {len(events) - reads} by halves")
    assert refused == [] and ours == set(), (refused[:3], ours)
    assert done.code == 0 and reads == PAIRS, (done.code, reads, done.err)
    same_as_analyze(world)


def usage_of(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    kib = int(status.split("VmRSS:")[1].split()[0])
    return kib, len(os.listdir(f"/proc/{pid}/fd"))


@test
def memory_and_descriptors_stay(world):
    usage = []
    with watch(world, "--wait", "--interval", "0.01", "--json") as watcher, \
            write(world, n=400, delay=0.03, length=16) as writer:
        for step in (100, 390):
            watcher.out.wait_for(f'"step":{step},')
            usage.append(usage_of(watcher.process.pid))
        writer.finish()
        assert watcher.finish().code == 0
    print(f"# (KiB, descriptors) after 100 and 390 captures: {usage}")
    sanitized = b"__asan_init" in clitest.PROGRAM.read_bytes()  # keeps what was freed
    assert sanitized or usage[1][0] - usage[0][0] < 2048, usage
    assert usage[1][1] <= usage[0][1] + 2, usage  # one moment may meet an open file


@test
def signals_at_random_moments(world):
    codes = []
    with write(world, n=100000, delay=0.01) as writer:
        writer.out.wait_for("2 ")
        for i in range(SIGNALS):
            number = random.choice([signal.SIGINT, signal.SIGTERM])
            with watch(world, "--interval", "0.05", "--json") as watcher:
                time.sleep(random.uniform(0.02, 1.0))
                if i % 4 == 0:
                    watcher.signal(signal.SIGTSTP)
                    time.sleep(0.05)
                    watcher.signal(signal.SIGCONT)
                sent = time.time()
                watcher.signal(number)
                code = watcher.finish(20).code
                codes.append((code, round(time.time() - sent, 2)))
                # before it listens, the signal itself ends it
                assert code in (128 + number, -number), codes
                assert codes[-1][1] < 1 + SLOW, codes
    print(f"# {codes}")
    assert any(code > 0 for code, _ in codes), codes
    assert query(world / "r.db", "PRAGMA integrity_check") == [("ok",)]
    world.run("db", "check", "r.db", check=0)
    assert [name for name in world.names() if not name.startswith(("r.db", "live.h5"))] == []
    assert watch(world, "--idle", "0.5").finish().code == 3
    same_as_analyze(world)


@test
def a_terminal_gets_a_line(world):
    here, there = pty.openpty()
    termios.tcsetwinsize(there, (24, 120)) if hasattr(termios, "tcsetwinsize") else \
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    with write(world, n=10, delay=0.3) as writer:
        wait_until(world / "live.h5")
        process = subprocess.Popen([os.fspath(clitest.PROGRAM), "watch", "live.h5", "--db", "r.db"],
                                   cwd=world.path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=there, env=clitest.environment(TERM="xterm"))
        os.close(there)
        seen = b""
        while process.poll() is None or select.select([here], [], [], 0.2)[0]:
            if select.select([here], [], [], 0.2)[0]:
                try:
                    seen += os.read(here, 4096)
                except OSError:
                    break
        writer.finish()
    os.close(here)
    process.communicate()
    assert process.returncode == 0
    text = clitest.decode(seen)
    assert re.search(r"live, step \d+: loss [0-9.]+, layer \d lowest \(.* nats\), findings: none",
                     text), text
    assert "captures/s" in text and text.endswith("\r\x1b[K"), repr(text[-80:])


@test
def quiet_says_nothing_on_stderr(world):
    with watch(world, "--wait", "-q") as watcher, write(world, "old", n=8, delay=0.4) as writer:
        writer.finish()
        done = watcher.finish()
    assert done.code == 0 and done.err == "", str(done)


clitest.main()
