"""bench-store.py ENTROSCOPE MAKE-RUNS [FOLDER]: the program on a database of many runs.

50 runs x 200 captures x 144 heads (1.4 million wide rows), made through the calls that `analyze`
uses.  Each command is a whole process; warm: the best of five after one that does not count.  Cold:
the kernel is asked to drop the file's pages before (posix_fadvise DONTNEED, which drops what is
clean; the program itself and its libraries stay), the worst of three.  Commands that the program does
not have are named and left out.  Lines are "name value unit"; the last column is what is wanted.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS, STEPS = 50, 200
WARM, COLD = 0.5, 1.0  # s, at most

# name, arguments, time wanted, cold
COMMANDS = [
    ("runs", ["runs"], WARM, False),
    ("runs-filtered", ["runs", "--tag", "odd", "--where", "setting_3=2"], WARM, False),
    ("report", ["report", "run-25"], WARM, False),
    ("compare", ["compare", "run-25", "run-26"], WARM, False),
    ("plot-layerwise", ["plot", "layerwise-entropy", "--run", "run-25", "-o", "x.pdf"], COLD, True),
    ("plot-headwise", ["plot", "headwise-entropy", "--run", "run-25", "-o", "x.pdf"], COLD, True),
    ("plot-layerwise-warm", ["plot", "layerwise-entropy", "--run", "run-25", "-o", "x.pdf"], WARM,
     False),
    ("plot-headwise-warm", ["plot", "headwise-entropy", "--run", "run-25", "-o", "x.pdf"], WARM,
     False),
]


def has_command(program, name):
    overview = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    return any(line.split()[:1] == [name] for line in overview.splitlines())


def seconds(command, folder):
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, text=True, check=False)
    taken = time.monotonic() - start
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stderr}")
    return taken


def drop_pages(path):
    os.sync()
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(command, folder, db, cold):
    if not cold:
        return min([seconds(command, folder) for _ in range(6)][1:])
    times = []
    for _ in range(3):
        drop_pages(db)
        times.append(seconds(command, folder))
    return max(times)


def bench_commands(program, folder, db):
    for name, arguments, wanted, cold in COMMANDS:
        if not has_command(program, arguments[0]):
            print(f"# {name}: this program has no {arguments[0]}")
            continue
        value = measure([program, *arguments, "--db", db], folder, db, cold)
        print(f"{name} {value:.3f} s  (< {wanted}{', cold' if cold else ''})", flush=True)


def bench_changes(program, folder, db):
    """Each is done once: it changes the database."""
    copy = folder / "copy.db"
    new = folder / "new.db"
    rows = RUNS * STEPS * 144
    taken = seconds([program, "merge", db, "--db", new], folder)
    print(f"merge {rows / taken:.0f} rows/s")
    print(f"merge-again {seconds([program, 'merge', db, '--db', new], folder):.3f} s")
    shutil.copy(db, copy)
    print(f"delete-one {seconds([program, 'runs', 'delete', 'run-25', '--yes', '--db', copy], folder):.3f} s")
    ten = [f"#{number}" for number in range(1, 11)]
    print(f"delete-ten {seconds([program, 'runs', 'delete', *ten, '--yes', '--db', copy], folder):.3f} s")
    print(f"size-after-delete {os.path.getsize(copy) / os.path.getsize(db):.2f} of before")


def main():
    program, make_runs = (Path(path).resolve() for path in sys.argv[1:3])
    folder = Path(tempfile.mkdtemp(prefix="bench-store-", dir=sys.argv[3] if sys.argv[3:] else None))
    db = folder / "runs.db"
    try:
        made = subprocess.run([make_runs, db, str(RUNS), str(STEPS)], capture_output=True, text=True,
                              check=True)
        print(made.stdout, end="")
        print(f"size {os.path.getsize(db) / (RUNS * STEPS * 144):.0f} bytes/row", flush=True)
        bench_commands(program, folder, db)
        bench_changes(program, folder, db)
    finally:
        shutil.rmtree(folder)


main()
