"""Databases that are damaged or made by somebody who means harm: no crash, no hang, nothing is run.

ENTRO_MUTANTS and ENTRO_SEED: how many damaged databases, and which; ENTRO_KEEP: a folder for those that
a test failed on (README.md).
"""
import concurrent.futures
import os
import random
import shutil
import sqlite3
import subprocess

import clitest
from clitest import FIXTURES, PROGRAM, UNSAFE, dump, query, test

SEED = int(os.environ.get("ENTRO_SEED", "1"))
LIMIT = 10  # seconds a call
EXITS = {0, 2, 3, 4, 5, 6}  # 1 is of --fail-on, 7 would be a mistake of the program


def make(world, name="seed.db"):
    """A database with something in every table."""
    world.analyze("learned.h5", "restarted.h5", "collapsing.h5", "diverged.h5", db=name)
    world.run("runs", "tag", "#1", "good", "--db", name, check=0)
    with sqlite3.connect(world / name) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return (world / name).read_bytes()


# ---- mutants

INTERESTING = [0, 1, 2, 5, 10, 13, 127, 128, 255]


def flip_bits(data, rng):
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def set_bytes(data, rng):
    for _ in range(rng.randint(1, 16)):
        data[rng.randrange(len(data))] = rng.choice(INTERESTING + [rng.randrange(256)])


def spoil_header(data, rng):
    """Of the file, and of the pages: kinds, counts, places of cells."""
    page = rng.randrange(len(data) // 4096) * 4096
    at = page + (rng.randrange(100) if page == 0 and rng.random() < 0.5 else
                 (100 if page == 0 else 0) + rng.randrange(40))
    for i in range(rng.randint(1, 4)):
        data[min(at + i, len(data) - 1)] = rng.choice(INTERESTING)


def lose_page(data, rng):
    page = rng.randrange(len(data) // 4096) * 4096
    data[page:page + 4096] = rng.choice([b"\0", b"\xff"]) * 4096


def exchange_pages(data, rng):
    one, two = (rng.randrange(len(data) // 4096) * 4096 for _ in range(2))
    data[one:one + 4096], data[two:two + 4096] = data[two:two + 4096], data[one:one + 4096]


def cut(data, rng):
    del data[rng.randrange(len(data)):]


def spoil_schema(data, rng):
    """The first page holds the schema: its texts stay texts."""
    at = data.find(rng.choice([b"CREATE", b"run_id", b"REFERENCES", b"PRIMARY", b"INTEGER", b"REAL", b"step"]),
                   rng.randrange(20000))
    if at >= 0:
        data[at + rng.randrange(6)] = rng.choice(b"abcxyz ()\"',;%_0")


MUTATIONS = [flip_bits, set_bytes, spoil_header, spoil_header, lose_page, exchange_pages, cut, spoil_schema]


def call(world, *args):
    """One call; what it may not do fails the test."""
    try:
        done = subprocess.run([os.fspath(PROGRAM), *map(os.fspath, args)], cwd=world.path, timeout=LIMIT,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env=clitest.environment())
    except subprocess.TimeoutExpired:
        return "hang"
    if UNSAFE.search(clitest.decode(done.stderr)):
        return "unsafe"
    if done.returncode not in EXITS:
        return f"exit {done.returncode}: {clitest.decode(done.stderr)[-500:]}"
    return "" if done.returncode == 0 or done.stderr else "silent"


def mutate(seed, number):
    rng = random.Random(SEED * 1000003 + number)
    data = bytearray(seed)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if len(data) >= 8192:
            rng.choice(MUTATIONS)(data, rng)
    return bytes(data)


def put(world, name, data):
    for suffix in ("-wal", "-shm", "-journal"):
        (world / f"{name}{suffix}").unlink(missing_ok=True)
    (world / name).write_bytes(data)


def try_mutant(world, seed, number):
    """What is wrong with how the program takes it; sentences."""
    data, name, troubles = mutate(seed, number), f"m{number}.db", []
    trace = FIXTURES / ("learned.h5" if number % 2 else "grown-3.h5")  # stored already; new
    put(world, name, data)
    for command in (("runs",), ("report", "#1")):
        troubles.append((command, call(world, *command, "--db", name)))
        if (world / name).read_bytes() != data:
            troubles.append((command, "a reader changed the database"))
            put(world, name, data)
    troubles.append(("analyze", call(world, "analyze", trace, "--db", name)))
    troubles.append(("check", call(world, "db", "check", name)))
    troubles = [f"mutant {number}, {command}: {trouble}" for command, trouble in troubles if trouble]
    if troubles and os.environ.get("ENTRO_KEEP"):
        (clitest.Path(os.environ["ENTRO_KEEP"]) / f"mutant-{SEED}-{number}.db").write_bytes(data)
    for suffix in ("", "-wal", "-shm", "-journal"):
        (world / f"{name}{suffix}").unlink(missing_ok=True)
    return troubles


@test
def mutants_are_read_and_written_without_harm(world):
    """Every way to open a database, on databases that are damaged in some places."""
    seed = make(world)
    n_mutants = int(os.environ.get("ENTRO_MUTANTS", "300"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        troubles = sum(pool.map(lambda number: try_mutant(world, seed, number), range(n_mutants)), [])
    assert not troubles, f"{len(troubles)} with seed {SEED}:\n" + "\n".join(troubles[:20])
    assert world.names() == ["seed.db"], world.names()


@test
def damaged_journals_are_read_without_harm(world):
    """The -wal of a writer that died, damaged as well."""
    make(world)
    writer = sqlite3.connect(world / "seed.db")
    writer.execute("UPDATE head_stats SET entropy_mean = entropy_mean + 1 WHERE layer = 0")
    writer.commit()
    seed, journal = ((world / f"seed.db{suffix}").read_bytes() for suffix in ("", "-wal"))
    writer.close()
    failures = []
    for number in range(int(os.environ.get("ENTRO_MUTANTS", "300")) // 10):
        rng = random.Random(SEED * 1000033 + number)
        data = bytearray(journal)
        rng.choice([flip_bits, set_bytes, lose_page, cut])(data, rng)
        for command in (("runs",), ("analyze", FIXTURES / "learned.h5")):
            (world / "m.db-shm").unlink(missing_ok=True)
            (world / "m.db").write_bytes(seed)
            (world / "m.db-wal").write_bytes(data)
            trouble = call(world, *command, "--db", "m.db")
            if trouble:
                failures.append(f"journal {number}, {command}: {trouble}")
    assert not failures, "\n".join(failures[:20])


# ---- crafted

CRAFTED = {  # name: what is done to a good database, and what is said of it (reading, writing; None: nothing)
    "trigger": ("CREATE TRIGGER evil AFTER INSERT ON captures BEGIN DELETE FROM runs; END", None, "trigger"),
    "trigger-of-view": ("CREATE TRIGGER evil INSTEAD OF INSERT ON run_latest BEGIN DELETE FROM runs; END",
                        None, "trigger"),
    "view": ("ALTER TABLE scalars RENAME TO kept; CREATE VIEW scalars AS SELECT * FROM kept",
             "'scalars' is a view", "'scalars' is a view"),
    "endless": ("DROP VIEW run_latest; CREATE VIEW run_latest AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                " SELECT i + 1 FROM n) SELECT sum(i) AS run_id FROM n", "'run_latest' is a view",
                "'run_latest' is a view"),
    "virtual": ("DROP TABLE run_tags; CREATE VIRTUAL TABLE run_tags USING fts5(run_id, tag)",
                "no plain table", "no plain table"),
    "other-application": ("PRAGMA application_id = 77", "not one of entroscope", "not one of entroscope"),
    "newer": ("PRAGMA user_version = 5000", "newer entroscope", "newer entroscope"),
    "no-version": ("PRAGMA user_version = 0", "no version", "no version"),
    "no-runs": ("PRAGMA foreign_keys = OFF; DROP TABLE runs", "no such table", "no such table"),
    "blob": ("CREATE INDEX extra ON runs (name); UPDATE runs SET name = CAST(x'ff1b5b' AS TEXT) WHERE id = 1", None, None),
    "huge-counts": ("UPDATE runs SET n_layers = 9223372036854775807, n_heads = 9223372036854775807,"
                    " context_length = 9223372036854775807", None, None),
}


@test
def crafted_databases_have_no_effect(world):
    make(world)
    for name, (sql, reading, writing) in CRAFTED.items():
        path = f"{name}.db"
        shutil.copy(world / "seed.db", world / path)
        db = sqlite3.connect(world / path)
        db.executescript(sql)
        db.close()
        before = dump(world / path)
        for command, sentence in ((("runs",), reading), (("report", "#1"), reading),
                                  (("analyze", FIXTURES / "masked.h5"), writing)):
            result = world.run(*command, "--db", path)
            wanted = {6} if sentence else {0, 2}
            assert result.code in wanted, (name, command, str(result))
            assert sentence is None or sentence in result.err, (name, command, str(result))
        if writing:
            assert dump(world / path) == before, name


@test
def what_is_beside_our_tables_stays(world):
    make(world)
    with sqlite3.connect(world / "seed.db") as db:
        db.executescript("CREATE TABLE mine (x); INSERT INTO mine VALUES (7);"
                         "CREATE VIEW names AS SELECT name FROM runs; CREATE INDEX i ON runs (arch)")
    db.close()
    world.analyze("masked.h5", db="seed.db")
    assert query(world / "seed.db", "SELECT x FROM mine") == [(7,)]
    world.run("db", "check", "seed.db", check=0)


clitest.main()
