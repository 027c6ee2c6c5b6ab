"""bench-figures.py ENTROSCOPE MAKE-RUNS [FOLDER]: figures against matplotlib.

Whole processes, from a database of 6 runs x 200 captures x 144 heads to a PDF of the same numbers, in
turn, the best of seven each after one that does not count: time that passed, and time of the
processor, which a busy machine disturbs less.  Lines are "name value unit"; wanted: at least 20 times
as fast.  Without matplotlib (python3-matplotlib) it is skipped.
"""
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS, STEPS, ROUNDS = 6, 200, 7
WANTED = 20
VIEWS = ("headwise-entropy", "layerwise-entropy", "entropy-bands")
SCRIPT = Path(__file__).resolve().parent / "draw-matplotlib.py"


def processor():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds(command, folder):
    """That passed, and of the processor."""
    start, before = time.monotonic(), processor()
    done = subprocess.run(command, cwd=folder, capture_output=True, stdin=subprocess.DEVNULL,
                          text=True, check=False)
    taken = time.monotonic() - start, processor() - before
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr}")
    return taken


def bench(program, folder, db, view, n_runs):
    runs = [f"run-{number:02d}" for number in range(1, n_runs + 1)]
    ours = [program, "plot", view, "--db", db, "-o", "ours.pdf"]
    for run in runs:
        ours += ["--run", run]
    theirs = [sys.executable, SCRIPT, view, db, "theirs.pdf", *runs]
    times = [seconds(ours, folder) + seconds(theirs, folder) for _ in range(ROUNDS + 1)][1:]
    fast, fast_cpu, slow, slow_cpu = (min(column) for column in zip(*times))
    name = f"{view}-{n_runs}"
    print(f"{name} {fast:.3f} s  (processor {fast_cpu:.3f} s)")
    print(f"{name}-matplotlib {slow:.3f} s  (processor {slow_cpu:.3f} s)")
    print(f"{name}-ratio {slow / fast:.1f} x  (> {WANTED}; processor {slow_cpu / fast_cpu:.1f})")
    for file in ("ours.pdf", "theirs.pdf"):
        print(f"{name}-{file} {(folder / file).stat().st_size / 1000:.0f} kB", flush=True)


def main():
    try:
        import matplotlib
    except ImportError:
        print("no matplotlib here")
        sys.exit(77)
    print(f"# matplotlib {matplotlib.__version__}")
    program, make_runs = (Path(path).resolve() for path in sys.argv[1:3])
    folder = Path(tempfile.mkdtemp(prefix="bench-figures-", dir=sys.argv[3] if sys.argv[3:] else None))
    try:
        subprocess.run([make_runs, folder / "runs.db", str(RUNS), str(STEPS)], capture_output=True,
                       check=True)
        for view in VIEWS:
            for n_runs in (1, RUNS):
                bench(program, folder, folder / "runs.db", view, n_runs)
    finally:
        shutil.rmtree(folder)


main()
