"""bench-watch.py ENTROSCOPE: what a trainer loses while it is watched, in turn, in one run.

A writer under SWMR (h5py) writes captures as fast as it can (the worst case), and at ten a second with
a computation on every processor in between, which is what a training does.  Prints medians.
"""
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ENTROSCOPE = sys.argv[1]
WRITER = Path(__file__).parent.parent / "cli" / "writer.py"
ROUNDS = int(os.environ.get("ENTRO_ROUNDS", "5"))

BUSY = """
import os, sys, time
import numpy
a = numpy.random.default_rng(1).random((384, 384))
until, n = time.time() + float(sys.argv[1]), 0
while time.time() < until:
    a @ a
    n += 1
print(n)
"""


def rate(folder, watched, words):
    """Captures a second, from the first to the last."""
    for path in folder.iterdir():
        path.unlink()
    watcher = subprocess.Popen([ENTROSCOPE, "watch", folder / "t.h5", "--db", folder / "t.db",
                                "--wait", "-q"], stdout=subprocess.DEVNULL) if watched else None
    out = subprocess.run([sys.executable, WRITER, folder / "t.h5", "swmr", *words], check=True,
                         stdout=subprocess.PIPE, text=True).stdout.splitlines()
    if watcher is not None:
        watcher.wait()
    times = [float(line.split()[1]) for line in out]
    return (len(times) - 2) / (times[-2] - times[0])


def work(folder, watched):
    """Products of matrices on every processor beside ten captures a second."""
    for path in folder.iterdir():
        path.unlink()
    watcher = subprocess.Popen([ENTROSCOPE, "watch", folder / "t.h5", "--db", folder / "t.db",
                                "--wait", "-q"], stdout=subprocess.DEVNULL) if watched else None
    writer = subprocess.Popen([sys.executable, WRITER, folder / "t.h5", "swmr", "60", "0.1",
                               "heads=8", "length=128"], stdout=subprocess.DEVNULL)
    time.sleep(1)
    env = dict(os.environ, OPENBLAS_NUM_THREADS="1")
    busy = [subprocess.Popen([sys.executable, "-c", BUSY, "4"], env=env, stdout=subprocess.PIPE)
            for _ in range(os.cpu_count())]
    done = sum(int(process.communicate()[0]) for process in busy)
    writer.wait()
    if watcher is not None:
        used = os.wait4(watcher.pid, 0)[2]
        print(f"watcher-cpu {used.ru_utime + used.ru_stime:.3f} s for 60 captures in 6 s")
    return done / 4


def compare(name, unit, measure):
    alone, watched = [], []
    for i in range(ROUNDS):
        for which, into in ((False, alone), (True, watched))[::1 if i % 2 else -1]:
            into.append(measure(which))
    print(f"{name}-alone {statistics.median(alone):.1f} {unit}")
    print(f"{name}-watched {statistics.median(watched):.1f} {unit}")
    ratios = [b / a for a, b in zip(alone, watched)]
    print(f"{name}-ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    compare("writer-flat-out", "captures/s",
            lambda watched: rate(folder, watched, ["1500", "0", "heads=8", "length=64"]))
    compare("work-beside", "products/s", lambda watched: work(folder, watched))
