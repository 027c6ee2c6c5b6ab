"""run-signals.py: Ctrl-C and its sisters at random moments, and kill -9 of a training run.

The first signal ends a command within a second, the second at once; nothing but whole files is left,
and the same command run again ends as if nothing had happened.  ENTRO_SIGNALS and ENTRO_KILLS: how
many (60 and 30); ENTRO_SEED: other moments.
"""
import os
import pty
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import faultlib
from faultlib import TRAIN, Case, Scratch, clitest, environment, run, state

N_SIGNALS = int(os.environ.get("ENTRO_SIGNALS", "60"))
N_KILLS = int(os.environ.get("ENTRO_KILLS", "30"))
SEED = int(os.environ.get("ENTRO_SEED", "1"))
POLITE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECOND = 1.0
SLACK = 1.0  # seconds that a busy machine may take beside
LIBRARY = os.environ.get("ENTRO_FAULT_LIBRARY", "build/tests/faults/libfault.so")
# Steps long enough for a signal to come into the midst of one.
SLOW = ["train", "--data", "data.txt", "--layers", "12", "--heads", "8", "--dim", "512", "--context",
        "256", "--batch", "16", "--steps", "1000", "--threads", "1", "--checkpoint", "s.ck",
        "--eval-every", "1000", "--held-out", "0.5"]

CASES = [
    Case("train", [*TRAIN, "--steps", "400"], grows=("t.h5", "t.ck"), needs=("data.txt",)),
    Case("analyze", ["analyze", "big.h5", "--db", "a.db", "--threads", "2"], grows=("a.db",),
         needs=("a.db", "big.h5")),
    Case("plot", ["plot", "--recipe", "r.ini", "--db", "a.db", "-o", "o.pdf"], outputs=("o.pdf",),
         grows=("a.db",), needs=("a.db",), files={"r.ini": faultlib.RECIPE}),
    Case("export", ["export", "head_stats", "--db", "big.db", "-o", "o.csv"], outputs=("o.csv",),
         grows=("big.db",), needs=("big.db",)),
    Case("report-html", ["report", "tiny", "--db", "big.db", "--html", "o.html"],
         outputs=("o.html",), grows=("big.db",), needs=("big.db",)),
]
home = None


def start(args, folder, **options):
    env = environment(**options.pop("env", {}))
    return subprocess.Popen([os.fspath(clitest.PROGRAM), *args], cwd=folder,
                            stdin=subprocess.DEVNULL, stdout=options.pop("stdout", subprocess.PIPE),
                            stderr=options.pop("stderr", subprocess.PIPE), env=env, **options)


def finish(process, number, within):
    begin = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=faultlib.HANG)
    took = time.monotonic() - begin
    assert took < within, f"{took:.2f} s after signal {number}: {err!r}"
    return process.returncode, out, err


def make_home(path):
    global home
    home = path
    faultlib.make_home(home)
    long = [*TRAIN, "--steps", "1200"]
    long[long.index("t.h5")] = "big.h5"
    for args in (long, ["analyze", "big.h5", "--db", "big.db"]):
        done = run(args, home)
        assert done.returncode == 0, done


def disturb(case, rng, duration, named):
    """One signal; how the command ended."""
    number = rng.choice(POLITE)
    with Scratch(case) as folder:
        env = {"LD_PRELOAD": LIBRARY, "ENTRO_FAULT_UNDER": str(folder), "ENTRO_FAULT_NAMED": "1"}
        process = start(case.args, folder, env=env if named else {})
        time.sleep(rng.uniform(0, duration))
        code, _, err = finish(process, number, SECOND + SLACK)
        assert code in (0, 128 + number, -number), (code, err)
        case.check_files(folder, code)
        case.check_again(folder)
    return "done" if code == 0 else "polite" if code > 0 else "at once"


def signals_at_random_moments(case, named=False):
    case.prepare(home)
    begin = time.monotonic()
    with Scratch(case) as folder:
        run(case.args, folder)
    duration = time.monotonic() - begin
    rng = random.Random(f"{SEED} {case.name}")
    ends = [disturb(case, rng, duration, named) for _ in range(max(1, N_SIGNALS // len(CASES)))]
    print(f"# {case.name}: {len(ends)} signals within {duration:.2f} s;",
          ", ".join(f"{ends.count(end)} {end}" for end in ("done", "polite", "at once")))
    assert "polite" in ends or len(ends) < 10 or named, "no signal came where it should"


def signals_where_every_draft_has_a_name():
    """As on file systems without nameless files."""
    if os.environ.get("ENTRO_SANITIZED"):
        raise clitest.Skip("preloading does not go with a sanitizer")
    for case in CASES[2:]:
        case = Case(f"{case.name}-named", case.args, case.inputs, case.outputs, case.grows,
                    case.needs, case.files)
        signals_at_random_moments(case, named=True)


def the_second_does_not_wait():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data.txt").write_bytes((home / "data.txt").read_bytes() * 10)
        process = start(SLOW, folder)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        assert process.poll() is None, process.communicate()
        code, _, err = finish(process, signal.SIGINT, SLACK)
        assert code == -signal.SIGINT, (code, err)


def what_cannot_end_ends_after_a_second():
    """Nobody ever reads this pipe."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.db").write_bytes((home / "a.db").read_bytes())
        os.mkfifo(Path(folder) / "o.csv")
        process = start(["export", "head_stats", "--db", "a.db", "-o", "o.csv"], folder)
        time.sleep(0.3)
        begin = time.monotonic()
        code, _, err = finish(process, signal.SIGTERM, SECOND + SLACK)
        assert code == -signal.SIGTERM and time.monotonic() - begin > SECOND / 2, (code, err)


def read_terminal(leader, pieces):
    while True:
        try:
            pieces.append(os.read(leader, 65536))
        except OSError:  # the other side is closed
            return


def check_terminal(args, folder, signals, code):
    leader, follower = pty.openpty()
    before = subprocess.run(["stty", "-a"], stdin=follower, capture_output=True, check=True).stdout
    pieces = []
    reader = threading.Thread(target=read_terminal, args=(leader, pieces))
    reader.start()
    process = start(args, folder, stderr=follower, env={"TERM": "xterm"})
    shown = time.monotonic() + faultlib.HANG
    while b"tokens/s" not in b"".join(pieces) and time.monotonic() < shown:
        time.sleep(0.05)
    for number in signals:
        process.send_signal(number)
        time.sleep(0.05)
    process.wait(faultlib.HANG)
    assert before == subprocess.run(["stty", "-a"], stdin=follower, capture_output=True,
                                    check=True).stdout
    os.close(follower)
    reader.join(faultlib.HANG)
    os.close(leader)
    text = b"".join(pieces)
    assert process.returncode == code, (process.returncode, text)
    assert b"step " in text, f"no progress was shown: {text}"
    # the last that is shown of it is its end
    assert text.rfind(b"tokens/s") < text.rfind(b"\r\x1b[K"), text
    assert b"tokens/s" not in text[text.rfind(b"\r\x1b[K"):], text


def the_line_of_the_terminal_is_cleared():
    slower = [*TRAIN, "--steps", "1000000"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data.txt").write_bytes((home / "data.txt").read_bytes())
        check_terminal(slower, folder, [signal.SIGINT], 128 + signal.SIGINT)
    medium = [arg if arg != "512" else "128" for arg in SLOW]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data.txt").write_bytes((home / "data.txt").read_bytes() * 10)
        check_terminal(medium, folder, [signal.SIGTERM, signal.SIGTERM], -signal.SIGTERM)


def a_closed_pipe_ends_quietly():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "big.db").write_bytes((home / "big.db").read_bytes())
        for args in (["export", "head_stats", "--db", "big.db"], ["runs", "--db", "big.db"],
                     ["report", "tiny", "--db", "big.db"], ["--help"], ["plot"],
                     ["plot", "--help"]):
            reader, writer = os.pipe()
            os.close(reader)
            process = start(args, folder, stdout=writer)
            os.close(writer)
            _, err = process.communicate(timeout=faultlib.HANG)
            assert process.returncode == -signal.SIGPIPE and not err, (args, process.returncode, err)
            assert os.listdir(folder) == ["big.db"], (args, os.listdir(folder))


def nohup_is_respected():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data.txt").write_bytes((home / "data.txt").read_bytes())
        process = start([*TRAIN, "--steps", "1000000"], folder,
                        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        time.sleep(0.5)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        assert process.poll() is None, process.communicate()
        code, _, _ = finish(process, signal.SIGTERM, SECOND + SLACK)
        assert code == 128 + signal.SIGTERM, code


def killed_training_ends_as_if_nothing_had_happened():
    case = Case("killed", [*TRAIN, "--steps", "600"], grows=("t.h5", "t.ck"), needs=("data.txt",))
    case.prepare(home)
    rng = random.Random(SEED)
    n_killed = n_rounds = 0
    while n_killed < N_KILLS:
        n_rounds += 1
        with Scratch(case) as folder:
            for again in range(1000):
                process = start(case.args, folder)
                try:
                    # it may live longer each time: also a slow machine comes to the end
                    process.wait(rng.uniform(0, 0.08) * (1 + again / 20))
                except subprocess.TimeoutExpired:
                    process.kill()
                _, err = process.communicate(timeout=faultlib.HANG)
                if process.returncode != -signal.SIGKILL:
                    break
                n_killed += 1
            assert process.returncode == 0, (process.returncode, err)
            assert {name: state(folder / name) for name in case.grows} == case.reference
            assert set(os.listdir(folder)) == case.names, os.listdir(folder)
    print(f"# {n_killed} kills of {n_rounds} training runs")


def main():
    tests = [(f"signals at random moments: {case.name}", lambda case=case:
              signals_at_random_moments(case)) for case in CASES]
    tests += [(function.__name__.replace("_", " "), function) for function in (
        signals_where_every_draft_has_a_name, the_second_does_not_wait,
        what_cannot_end_ends_after_a_second, the_line_of_the_terminal_is_cleared,
        a_closed_pipe_ends_quietly, nohup_is_respected,
        killed_training_ends_as_if_nothing_had_happened)]
    wanted = [test for test in tests if not sys.argv[1:] or any(word in test[0] for word in sys.argv[1:])]
    print(f"1..{len(wanted)}")
    with tempfile.TemporaryDirectory(prefix="entroscope-signals-") as path:
        make_home(Path(path))
        good = [faultlib.attempt(i, name, function) for i, (name, function) in enumerate(wanted, 1)]
    sys.exit(0 if all(good) else 1)


main()
