"""reportdb.py: databases for the tests of `report --html`: runs of any shape, with numbers from a seed."""
import math
import random
import sqlite3

HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><b>&amp;\u2028'\"\x1b[31m"

COUNTS = ("n_rows", "n_nan", "n_masked", "n_off_sum")


def columns_of(db, table):
    names = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    return [name for name in names if name not in ("run_id", "step", "layer", "head")]


def number(rng, name, captures, step):
    """Of any size: what is drawn must not depend on it."""
    if name == "entropy_ceiling":
        return math.log(128)
    if name.startswith("entropy_"):
        return rng.uniform(0, math.log(128)) * (1 - 0.5 * step / max(captures, 1))
    return rng.uniform(0, 1) * 10 ** rng.randint(-6, 2)


def insert_rows(db, table, keys, rows):
    names = ", ".join(f'"{key}"' for key in keys)
    marks = ", ".join("?" * len(keys))
    db.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def add_run(path, name, layers, heads, captures, *, seed=1, undefined=lambda step, layer, head: False,
            absent=lambda step, layer, head: False, skip=(), params=False, config=(),
            scalars=("loss",)):
    """A run with so many captures, at steps 0, 10, ...  skip: columns without any value; params: with
    learnable parameters of the heads."""
    rng = random.Random(seed)
    db = sqlite3.connect(path)
    with db:
        cursor = db.execute(
            "INSERT INTO runs (name, attempt, fingerprint, created_at, tool_version, arch, n_layers,"
            " n_heads, context_length, causal) VALUES (?, 1, ?, '2026-01-01T00:00:00Z', '0.1.0',"
            " 'SM', ?, ?, 128, 1)", (name, f"f{seed}", layers, heads))
        run = cursor.lastrowid
        steps = [10 * i for i in range(captures)]
        db.executemany("INSERT INTO captures (run_id, step, position, n_rows, digest, status)"
                       " VALUES (?, ?, ?, 64, '0', 'complete')",
                       [(run, step, i) for i, step in enumerate(steps)])
        statistics = columns_of(db, "head_stats")
        rows = []
        for step in steps:
            for layer in range(layers):
                for head in range(heads):
                    if absent(step, layer, head):
                        continue
                    none = undefined(step, layer, head)
                    values = {"n_rows": 64, "n_nan": 64 if none else 0, "n_masked": 0, "n_off_sum": 0}
                    for column in statistics:
                        if column not in COUNTS:
                            values[column] = (None if none or column in skip else
                                              number(rng, column, 10 * captures, step))
                    rows.append([run, step, layer, head, *(values[c] for c in statistics)])
        insert_rows(db, "head_stats", ["run_id", "step", "layer", "head", *statistics], rows)
        names = columns_of(db, "head_params") if params else []
        insert_rows(db, "head_params", ["run_id", "step", "layer", "head", *names],
                    [[run, step, layer, head, *(rng.random() for _ in names)]
                     for step in steps if names for layer in range(layers) for head in range(heads)])
        db.executemany("INSERT INTO layer_stats (run_id, step, layer) VALUES (?, ?, ?)",
                       [(run, step, layer) for step in steps for layer in range(layers)])
        db.executemany("INSERT INTO scalars (run_id, name, step, value, state)"
                       " VALUES (?, ?, ?, ?, 'finite')",
                       [(run, scalar, step, 3 + math.exp(-step / 100) + rng.random() / 10)
                        for scalar in scalars for step in steps])
        db.executemany("INSERT INTO run_config (run_id, key, value) VALUES (?, ?, ?)",
                       [(run, key, value) for key, value in config])
    db.close()
    return run


def empty_database(world, db="r.db"):
    """The tables of this program, and no run."""
    world.analyze("healthy.h5", db=db)
    world.run("runs", "delete", "healthy", "--yes", "--db", db, check=0)
    return world / db
