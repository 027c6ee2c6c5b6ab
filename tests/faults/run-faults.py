"""run-faults.py: every command, with the n-th read, write, fsync, ftruncate, rename, opening to write
or large piece of memory that fails.

For each command and kind n goes from 1 to what an undisturbed run comes to; in the suite no more than
a spread of N_SPREAD of them, with ENTRO_FAULTS=all every one, both alone and with all that follow.
Every command then: ends by itself and within HANG seconds, with an exit code that the documentation
has, and a sentence; the rest is in faultlib.py.  Words as arguments choose the commands.
"""
import concurrent.futures
import errno
import os
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import faultlib
from faultlib import CASES, Scratch, clitest, run

LIBRARY = os.environ.get("ENTRO_FAULT_LIBRARY", "build/tests/faults/libfault.so")
ALL = os.environ.get("ENTRO_FAULTS") == "all"
N_SPREAD = int(os.environ.get("ENTRO_FAULTS_SPREAD", "25"))
KINDS = ["read", "write", "fsync", "ftruncate", "rename", "open", "malloc"]
ERRORS = {"read": [errno.EIO], "write": [errno.ENOSPC, errno.EIO, errno.EDQUOT],
          "fsync": [errno.EIO, errno.ENOSPC], "ftruncate": [errno.EIO, errno.ENOSPC],
          "rename": [errno.EACCES, errno.ENOSPC], "open": [errno.EACCES, errno.ENOSPC, errno.EMFILE],
          "malloc": [errno.ENOMEM]}
# Which exit codes a failure may end with, beside 0 if nothing of it is to be seen.  b.db is an input,
# but SQLite writes beside it.
CODES = {"read": {2, 3, 4, 5, 6}, "malloc": {3, 4, 5, 6}}


class Report:
    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(4096))

    def read(self):
        *calls, failed = struct.unpack_from(f"{len(KINDS) + 1}Q", self.path.read_bytes())
        return dict(zip(KINDS, calls)), failed

    def in_library(self, name):
        return name in self.path.read_bytes()

    def where(self):
        """The call that failed and those that led to it."""
        text = self.path.read_bytes()[8 * (len(KINDS) + 1):].split(b"\0")[0].decode()
        call, *frames = text.splitlines() or ["nothing"]
        own = [frame.rsplit("+", 1)[1] for frame in frames if frame.startswith(str(clitest.PROGRAM))]
        try:
            named = subprocess.run(["addr2line", "-fse", str(clitest.PROGRAM), *own], check=False,
                                   capture_output=True, text=True).stdout.split()[::2]
        except FileNotFoundError:
            named = own
        return f"{call} < {' < '.join(named[:8])}"


def disturbed(case, folder, report, **faults):
    if case.named:
        faults["NAMED"] = 1
    env = {f"ENTRO_FAULT_{key}": str(value) for key, value in faults.items()}
    return run(case.args, folder, env={"LD_PRELOAD": LIBRARY, "ENTRO_FAULT_UNDER": str(folder),
                                       "ENTRO_FAULT_REPORT": str(report.path), **env})


def check_exit(case, kind, done):
    err = clitest.decode(done.stderr)
    if done.returncode == 0 and (case.name, kind) != ("inspect", "read"):  # it says what it knows
        assert faultlib.steady(done.stdout) == case.stdout, "exit 0, but another output"
    if done.returncode == 0:
        return
    codes = CODES.get(kind, {6}) | ({4} if b"b.db:" in done.stderr else set())
    assert done.returncode in codes, f"exit {done.returncode}"
    assert re.search("^entroscope[ :]", err, re.M), "no sentence"
    assert "CRITICAL" not in err and "assert" not in err, "a message for programmers"


# What libraries do where memory is short, and what the program cannot help.
known = []


def try_one(case, kind, n, persistent):
    """None, or what is wrong."""
    with Scratch(case) as folder, tempfile.TemporaryDirectory() as other:
        report = Report(Path(other) / "report")
        number = ERRORS[kind][n % len(ERRORS[kind])]
        more = {"ALL": 1} if persistent else {}
        done = None
        try:
            try:
                done = disturbed(case, folder, report, KIND=kind, AT=n, ERRNO=number, **more)
            except subprocess.TimeoutExpired:
                assert kind == "malloc" and report.in_library(b"libopenblas"), "hangs"
            # HDF5 1.10.8 crashes (H5AC_create) where memory is short just when it opens a file, and
            # OpenBLAS 0.3 waits for ever: the program asks for some first, and cannot do more
            if done is None or (kind == "malloc" and done.returncode == -signal.SIGSEGV and
                                report.in_library(b"libhdf5")):
                known.append((case.name, n))
                done = subprocess.CompletedProcess(case.args, 6, b"", b"")
            else:
                check_exit(case, kind, done)
            case.check_files(folder, done.returncode)
            if case.trace is not None:
                check_trace(case, folder)
            # what could not be read was left out, and told; it is known now, and not looked at again
            partial = done.returncode == 3 and case.args[0] == "analyze"
            case.check_again(folder, ["--replace"] if partial else [])
        except (AssertionError, subprocess.TimeoutExpired) as wrong:
            return (f"{case.name}: {kind} {n}{' and all after' if persistent else ''} "
                    f"({errno.errorcode[number]}): {wrong}\n  at {report.where()}\n  "
                    f"exit {done and done.returncode} {done and done.stderr!r}")
    return None


def count_calls(case):
    """Of an undisturbed run, which the library must not change."""
    with Scratch(case) as folder, tempfile.TemporaryDirectory() as other:
        report = Report(Path(other) / "report")
        done = disturbed(case, folder, report)
        assert done.returncode == 0, done
        calls, _ = report.read()
    assert case.name == "cost" or sum(calls.values()) > 0, "the library counts nothing"
    return calls


def spread(total):
    if ALL or total <= N_SPREAD:
        return range(1, total + 1)
    return sorted({1 + round(i * (total - 1) / (N_SPREAD - 1)) for i in range(N_SPREAD)})


def trials(calls):
    for kind in KINDS:
        for i, n in enumerate(spread(calls[kind])):
            if ALL or i % 2 == 0:
                yield kind, n, False
            if ALL or i % 2 == 1:
                yield kind, n, True


def check_trace(case, folder):
    """What a writer that met a failure has left: each capture in it is one of the undisturbed run."""
    if case.trace not in os.listdir(folder):
        return
    with tempfile.TemporaryDirectory() as other:
        db = Path(other) / "r.db"
        done = run(["analyze", case.trace, "--db", str(db)], folder)
        assert done.returncode in (0, 4), f"what is left of the trace: {done}"
        if done.returncode == 0:
            more = [row for row in clitest.dump(db) if row.startswith(("head_stats", "scalars")) and
                    row not in case.rows]
            assert not more, f"the trace has {len(more)} rows that nobody wrote: {more[0]}"


def check_case(case, home, pool):
    case.prepare(home)
    if case.trace is not None:
        with Scratch(case) as folder:
            run(case.args, folder)
            run(["analyze", case.trace, "--db", "r.db"], folder)
            case.rows = set(clitest.dump(folder / "r.db"))
    calls = count_calls(case)
    todo = list(trials(calls))
    wrong = [said for said in pool.map(lambda trial: try_one(case, *trial), todo) if said]
    print(f"# {case.name}: {len(todo)} runs;", ", ".join(f"{n} {kind}" for kind, n in calls.items()))
    if known:
        print(f"# {case.name}: {len(known)} times a library gave up without memory")
        known.clear()
    assert not wrong, f"{len(wrong)} of {len(todo)}:\n" + "\n".join(wrong)


# ---- without a library --------------------------------------------------------------------------------


def check_full_output(case, home):
    """What is printed does not arrive."""
    if not case.stdout:
        return
    with Scratch(case) as folder, open("/dev/full", "wb") as full:
        done = run(case.args, folder, stdout=full)
        assert done.returncode == 6, done
        assert b"standard output" in done.stderr, done


def check_limit(case, what, size):
    with Scratch(case) as folder:
        done = run(case.args, folder, preexec_fn=lambda: resource.setrlimit(what, (size, size)))
        assert 0 <= done.returncode <= 7, done
        case.check_files(folder, done.returncode)
        case.check_again(folder)


def check_closed(case, closed):
    """Its files must not become what a library prints to."""
    def close():
        for fd in closed:
            os.close(fd)

    with Scratch(case) as folder:
        done = run(case.args, folder, preexec_fn=close)
        expected = {0, 6} if 1 in closed and case.stdout else {0}
        assert done.returncode in expected, (closed, done)
        case.check_files(folder, done.returncode)
        case.check_again(folder)


def check_surroundings(case, home):
    check_full_output(case, home)
    check_limit(case, resource.RLIMIT_NOFILE, 8)
    check_limit(case, resource.RLIMIT_STACK, 256 << 10)
    check_limit(case, resource.RLIMIT_FSIZE, 0)
    if case.name == "train":  # OpenBLAS would wait for memory without an end
        check_limit(case, resource.RLIMIT_AS, 200 << 20)
    for closed in ((0,), (1,), (2,), (0, 1, 2)):
        check_closed(case, closed)


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    words = sys.argv[1:]
    cases = [case for case in CASES if not words or case.name in words]
    print(f"1..{2 * len(cases)}")
    with tempfile.TemporaryDirectory(prefix="entroscope-faults-") as path, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        home = Path(path)
        faultlib.make_home(home)
        good = True
        for i, case in enumerate(cases):
            good &= faultlib.attempt(2 * i + 1, f"{case.name}: calls fail", check_case, case, home, pool)
            good &= faultlib.attempt(2 * i + 2, f"{case.name}: surroundings", check_surroundings, case, home)
    sys.exit(0 if good else 1)


main()
