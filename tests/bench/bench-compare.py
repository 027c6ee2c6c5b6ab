"""bench-compare.py PROGRAM MAKE-TRACE: `compare` on a database of 50 runs x 200 captures x 144 heads.

Lines "name value unit"; the best of several warm calls.  The rows are made up, in a database that
the program created."""
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

N_RUNS, N_CAPTURES, N_LAYERS, N_HEADS = 50, 200, 12, 12
REPEATS = 5


def rows_of(run_id, rng):
    for capture in range(N_CAPTURES):
        for layer in range(N_LAYERS):
            for head in range(N_HEADS):
                yield (run_id, 10 * capture, layer, head, 2048, 0, 0, 0,
                       rng.uniform(0.1, 4.5), rng.uniform(0, 1), 0.0, 0.5, 1.0, 2.0, 4.5, 0.6, 4.9)


def fill(path):
    rng = random.Random(2385)
    db = sqlite3.connect(path)
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("DELETE FROM runs")
    for run_id in range(1, N_RUNS + 1):
        db.execute("INSERT INTO runs (id, name, attempt, fingerprint, created_at, arch, n_layers, "
                   "n_heads) VALUES (?, ?, 1, ?, 'then', ?, ?, ?)",
                   (run_id, f"run {run_id}", f"f{run_id}", "AB"[run_id % 2], N_LAYERS, N_HEADS))
        db.execute("INSERT INTO run_config VALUES (?, 'seed', ?)", (run_id, str(run_id // 2)))
        db.executemany("INSERT INTO captures VALUES (?, ?, ?, 294912, 'd', 'complete', NULL)",
                       [(run_id, 10 * i, i) for i in range(N_CAPTURES)])
        db.executemany("INSERT INTO scalars VALUES (?, ?, ?, ?, 'finite')",
                       [(run_id, name, step, rng.uniform(2, 4)) for name in ("loss", "eval_loss")
                        for step in range(0, 10 * N_CAPTURES, 5)])
        db.executemany(
            "INSERT INTO head_stats (run_id, step, layer, head, n_rows, n_nan, n_masked, n_off_sum,"
            " entropy_mean, entropy_sd, entropy_min, entropy_p05, entropy_median, entropy_p95,"
            " entropy_max, entropy_norm, entropy_ceiling)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows_of(run_id, rng))
    db.commit()
    db.close()


def best_time(command):
    times = []
    for _ in range(REPEATS + 1):
        begin = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - begin)
    return min(times[1:])  # the first one warms


def main():
    program, make_trace = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="entroscope-bench-") as folder:
        trace, path = Path(folder) / "a.h5", Path(folder) / "a.db"
        subprocess.run([make_trace, trace, "f32", "1", "1", "1", "8", "0"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([program, "analyze", "-q", trace, "--db", path], check=True,
                       stdout=subprocess.DEVNULL)
        fill(path)
        base = [program, "compare", "--db", path]
        print(f"database-size {path.stat().st_size / 1e6:.1f} MB")
        for name, arguments in (("compare-two-runs", ["run 1", "run 2"]),
                                ("compare-two-runs-json", ["run 1", "run 2", "--json"]),
                                ("compare-25-and-25-runs", ["--by", "arch"])):
            print(f"{name} {best_time(base + arguments):.3f} s", flush=True)


main()
