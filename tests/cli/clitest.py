"""clitest.py: what the tests of the command line share: a scratch folder, running, TAP.

A test is a function with @test; its docstring or name is what TAP shows.  Each gets a World: an
empty folder of its own, the program in PATH, the fixtures under world.fixtures.  Only the standard
library of Python, which Meson brings along.
"""
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

PROGRAM = Path(os.environ.get("ENTROSCOPE", "build/cli/entroscope")).resolve()
FIXTURES = Path(os.environ.get("FIXTURES", "build/tests/data/fixtures")).resolve()
TIMEOUT = float(os.environ.get("CLITEST_TIMEOUT", "60"))  # a hang is a failure

SANITIZED = b"__asan_init" in PROGRAM.read_bytes()  # then it takes several times as long, and as much

# What no terminal should meet: control characters (also C1), invalid UTF-8, bidi controls.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\udc80-\udcff]")


# Of a test that runs in the background, programs would inherit that Ctrl-C means nothing.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Skip(Exception):
    """Raised by a test that cannot run here; the reason is its text."""


class Result:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"exit {self.code}\nstdout:\n{self.out}\nstderr:\n{self.err}"


def decode(data):
    return data.decode("utf-8", "surrogateescape")


def environment(**more):
    env = {key: value for key, value in os.environ.items()
           if not key.startswith(("LC_", "LANG", "G_MESSAGES", "GOMP", "OMP_", "OPENBLAS"))}
    env.update(LANG="C.UTF-8", PATH=f"{PROGRAM.parent}:/usr/bin:/bin", FIX=str(FIXTURES),
               OPENBLAS_NUM_THREADS="1", PYTHON=sys.executable)
    env.update(more)
    return env


class World:
    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="entroscope-cli-"))
        self.fixtures = FIXTURES
        os.chmod(self.path, 0o755)

    def close(self):
        for folder, _, _ in os.walk(self.path):
            os.chmod(folder, 0o700)
        shutil.rmtree(self.path)

    def __truediv__(self, name):
        return self.path / name

    def run(self, *args, check=None, env=None, **options):
        """Runs the program; check: the exit code that it must have."""
        if "stdin" not in options and "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        done = subprocess.run([os.fspath(PROGRAM), *map(os.fspath, args)], cwd=self.path,
                              stdout=options.pop("stdout", subprocess.PIPE),
                              stderr=options.pop("stderr", subprocess.PIPE), timeout=TIMEOUT,
                              env=environment(**(env or {})), **options)
        result = Result(done.returncode, decode(done.stdout or b""), decode(done.stderr or b""))
        assert UNSAFE.search(result.err) is None, f"unsafe on stderr: {result}"
        assert check is None or result.code == check, f"expected exit {check}: {result}"
        return result

    def start(self, *args, **options):
        return subprocess.Popen([os.fspath(PROGRAM), *map(os.fspath, args)], cwd=self.path,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=environment(), **options)

    def analyze(self, *fixtures, db="r.db", check=0, options=()):
        files = [self.fixtures / name for name in fixtures]
        return self.run("analyze", *files, "--db", db, *options, check=check)

    def names(self):
        return sorted(os.listdir(self.path))


def finish(process):
    """Waits for a started program."""
    out, err = process.communicate(timeout=TIMEOUT)
    return Result(process.returncode, decode(out), decode(err))


def kill(process, after, number=signal.SIGKILL):
    """Sends a signal after so many seconds, unless the program has ended."""
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(number)
    return finish(process)


# What differs between two ways to the same database.
VOLATILE = {"runs": {"created_at", "source", "findings_at"}}


def dump(path):
    """Every row of every table as text, without the columns that may differ."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.text_factory = bytes
    tables = [name.decode() for (name,) in db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " ORDER BY name")]
    lines = []
    for table in tables:
        columns = [row[1].decode() for row in db.execute(f'PRAGMA table_info("{table}")')]
        columns = [column for column in columns if column not in VOLATILE.get(table, ())]
        listed = ", ".join(f'"{column}"' for column in columns)
        lines += sorted(f"{table}: {row!r}" for row in db.execute(f'SELECT {listed} FROM "{table}"'))
    db.close()
    return lines


def query(path, sql, *values):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return db.execute(sql, values).fetchall()
    finally:
        db.close()


def spoil(path):
    """Every text that a reader may meet gets bytes that are no UTF-8 and that a terminal obeys."""
    bad = "CAST(%s || x'ff1b5b324a22c29be280ae0a' AS TEXT)"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("INSERT INTO run_tags SELECT id, 'tag' FROM runs")
        for run_id, arch, seed in ((1, "A", "1"), (2, "B", "1"), (3, "B", "7")):
            db.executemany("INSERT OR REPLACE INTO run_config VALUES (?, ?, ?)",
                           [(run_id, key, value) for key, value in
                            (("arch", arch), ("seed", seed), ("more", str(run_id)))])
        for table, columns in (("runs", ("name", "source", "fingerprint", "open_mode", "created_at",
                                         "tool_version", "arch", "producer", "findings_at")),
                               ("run_config", ("value",)), ("run_tags", ("tag",)),
                               ("captures", ("detail",)),
                               ("findings", ("rule", "sentence", "evidence"))):
            for column in columns:
                db.execute(f"UPDATE {table} SET {column} = {bad % column}")
        db.execute(f"UPDATE run_config SET key = {bad % 'key'} WHERE key NOT IN ('seed', 'arch')")
        db.execute("UPDATE captures SET status = 'partial' WHERE step = 0")
    db.close()


def as_nobody(options=None):
    """Options for run(): root may write anywhere, so drop it; else nothing is to be done."""
    if os.getuid() != 0:
        return {}
    probe = subprocess.run([PROGRAM, "--version"], user=65534, group=65534, extra_groups=[],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if probe.returncode != 0:
        raise Skip("the program cannot be reached by another user")
    return {"user": 65534, "group": 65534, "extra_groups": []}


tests = []


def test(function):
    tests.append(function)
    return function


def attempt(number, name, function):
    """One subtest; True unless it failed."""
    world = World()
    try:
        function(world)
    except Skip as reason:
        print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        return True
    except Exception:  # an assertion, a time-out, JSON that does not parse ...
        print(f"not ok {number} - {name}")
        for line in traceback.format_exc().splitlines():
            print("#", line.encode("utf-8", "backslashreplace").decode())
        sys.stdout.flush()
        return False
    finally:
        world.close()
    print(f"ok {number} - {name}", flush=True)
    return True


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    wanted = sys.argv[1:]
    chosen = [t for t in tests if not wanted or any(word in t.__name__ for word in wanted)]
    print(f"1..{len(chosen)}")
    results = [attempt(number, t.__name__.replace("_", " "), t)
               for number, t in enumerate(chosen, 1)]
    sys.exit(0 if all(results) else 1)
