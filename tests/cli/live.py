"""live.py: what the tests of `watch` share: processes beside the test, writers, watchers."""
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

try:
    import h5py
except ImportError:
    h5py = None

import clitest
from clitest import Skip, dump, query

WRITER = Path(__file__).with_name("writer.py")


class Reader(threading.Thread):
    """Lines of a process, each with the time when it came."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self.stream, self.lines = stream, []
        self.start()

    def run(self):
        for line in self.stream:
            self.lines.append((time.time(), clitest.decode(line).rstrip("\n")))

    def wait_for(self, wanted, seconds=40):
        """Until a line says that, or that many did."""
        until = time.time() + seconds
        while time.time() < until:
            found = [line for _, line in list(self.lines) if wanted in line]
            if found:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"never said: {wanted}: {self.lines}")

    def text(self):
        self.join(10)
        return "\n".join(line for _, line in self.lines)


class Other:
    """A process beside the test; ended with it."""

    def __init__(self, argv, **options):
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, **options)
        self.out, self.err = Reader(self.process.stdout), Reader(self.process.stderr)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.join(5)
        self.err.join(5)

    def finish(self, seconds=60):
        code = self.process.wait(seconds)
        return clitest.Result(code, self.out.text(), self.err.text())

    def signal(self, number):
        self.process.send_signal(number)

    def events(self, kind):
        return [(at, event) for at, line in list(self.out.lines) for event in [json.loads(line)]
                if event["event"] == kind]


def write(world, how="swmr", n=8, delay=0.3, path="live.h5", **options):
    if h5py is None:
        raise Skip("no h5py here")
    words = [f"{key}={value}" for key, value in options.items()]
    return Other([sys.executable, os.fspath(WRITER), path, how, str(n), str(delay), *words],
                 cwd=world.path, env=clitest.environment())


def watch(world, *options, path="live.h5", db="r.db", env=None, **more):
    return Other([os.fspath(clitest.PROGRAM), "watch", path, "--db", db, *options], cwd=world.path,
                 env=clitest.environment(**(env or {})), **more)


def facts(path):
    """All rows of all tables, but how the file was to be opened: being written, or closed."""
    return [line for line in dump(path) if not line.startswith("runs:")] + \
        [str(row) for row in query(path, "SELECT id, name, attempt, fingerprint, arch, n_layers,"
                                         " n_heads, context_length, causal, producer, input,"
                                         " tool_version FROM runs")]


def same_as_analyze(world, *paths, db="r.db"):
    world.run("analyze", *(paths or ["live.h5"]), "--db", "analyzed.db", check=0)
    found, expected = facts(world / db), facts(world / "analyzed.db")
    assert found == expected, set(found) ^ set(expected)


def written_at(writer):
    return {int(line.split()[0]): float(line.split()[1]) for _, line in writer.out.lines
            if line.split()[0].isdigit()}


def latencies(writer, watcher):
    flushed = written_at(writer)
    seen = {event["step"]: at for at, event in reversed(watcher.events("capture"))
            if event["status"] == "complete"}
    assert sorted(seen) == sorted(flushed), (seen, flushed)
    return [seen[step] - flushed[step] for step in sorted(seen)]
