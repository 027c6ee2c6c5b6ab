"""Each capture once, whatever happens; a database that can be checked and copied.

ENTRO_KILLS and ENTRO_SEED: how often `analyze` is killed, and when (README.md).
"""
import os
import random
import resource
import shutil
import signal
import sqlite3
import time

try:
    import h5py
except ImportError:
    h5py = None

import clitest
from clitest import FIXTURES, Skip, dump, kill, query, test

SEED = int(os.environ.get("ENTRO_SEED", "1"))


def whole(world, *fixtures, db="whole.db"):
    """The database of an undisturbed call."""
    world.analyze(*fixtures, db=db)
    return dump(world / db)


def remove(world, db="r.db"):
    for name in world.names():
        if name.startswith(db):
            (world / name).unlink()


def changed(world, fixture, position, name="changed.h5"):
    """A copy with the same identity, and other values in one capture: its first two keys exchanged in the
    last query of the last head."""
    if h5py is None:
        raise Skip("no h5py here")
    shutil.copy(world.fixtures / fixture, world / name)
    with h5py.File(world / name, "r+") as file:
        layer = file["layers"][sorted(file["layers"])[-1]]["attention"]
        row = layer[position, -1, -1, -1, :]
        row[[0, 1]] = row[[1, 0]]
        assert row[0] != row[1]
        layer[position, -1, -1, -1, :] = row
    return name


def analyze(world, *args, check=0):
    return world.run("analyze", *args, "--db", "r.db", check=check)


def sound(world, db="r.db"):
    world.run("db", "check", db, check=0)


# ---- the same again

@test
def an_unchanged_trace_commits_nothing(world):
    files = ["healthy.h5", "restarted.h5", "uneven.h5", "long.h5", "diverged.h5", "learned.h5"]
    world.analyze(*files)
    watcher = sqlite3.connect(world / "r.db")  # its data_version changes with any commit of others
    before = watcher.execute("PRAGMA data_version").fetchall()
    rows = dump(world / "r.db")
    again = world.analyze(*files, options=["--json"]).json()["runs"]
    assert all(run["captures_new"] == 0 for run in again)
    assert sum(run["captures_checked"] for run in again) == len(files)
    world.analyze(*files, options=["--verify"])
    assert watcher.execute("PRAGMA data_version").fetchall() == before
    assert dump(world / "r.db") == rows
    watcher.execute("UPDATE runs SET source = 'x'")  # the watcher's own: does it see others'?
    watcher.commit()
    world.analyze("masked.h5")
    assert watcher.execute("PRAGMA data_version").fetchall() != before
    watcher.close()


@test
def holes_are_filled_and_not_only_the_end(world):
    expected = whole(world, "long.h5", db="r.db")
    with sqlite3.connect(world / "r.db") as db:
        for table in ("captures", "head_stats", "layer_stats"):
            db.execute(f"DELETE FROM {table} WHERE step IN (0, 100, 1490, 2980)")
    db.close()
    run, = world.analyze("long.h5", options=["--json"]).json()["runs"]
    assert run["captures_new"] == 4, run
    assert dump(world / "r.db") == expected


# ---- captures that changed

@test
def a_changed_capture_is_refused_and_nothing_is_stored(world):
    before = whole(world, "healthy.h5", db="r.db")
    name = changed(world, "healthy.h5", -1)
    last = query(world / "r.db", "SELECT max(step) FROM captures")[0][0]
    result = analyze(world, name, check=2)
    for word in ("'healthy' (#1)", f"step {last} ", "--replace", "--run OTHER-NAME", "digest"):
        assert word in result.err, (word, result)
    assert dump(world / "r.db") == before
    analyze(world, name, "--run", "other")
    assert query(world / "r.db", "SELECT name FROM runs ORDER BY id") == [("healthy",), ("other",)]
    sound(world)


@test
def replace_reads_the_changed_trace_whole(world):
    world.analyze("healthy.h5")
    name = changed(world, "healthy.h5", 1)
    analyze(world, name, "--replace")
    after = dump(world / "r.db")
    world.run("analyze", name, "--db", "new.db", check=0)
    assert after == dump(world / "new.db")
    assert after != whole(world, "healthy.h5")
    sound(world)


@test
def verify_finds_a_change_that_the_last_capture_does_not_show(world):
    before = whole(world, "healthy.h5", db="r.db")
    name = changed(world, "healthy.h5", 1)
    run, = analyze(world, name, "--json").json()["runs"]  # as --help says: the last alone
    assert run["captures_checked"] == 1
    result = analyze(world, name, "--verify", check=2)
    assert "1 of 5 captures that were read again differ" in result.err, result
    step = query(world / "r.db", "SELECT step FROM captures ORDER BY step")[1][0]
    assert f"has step {step} with other values" in result.err, result
    assert dump(world / "r.db") == before
    result = world.analyze("healthy.h5", options=["--verify"])
    assert "(5 were stored before, 5 read again and the same)" in result.out, result
    assert "--verify" in analyze(world, name, "--verify", "--replace", check=2).err


@test
def a_trace_written_anew_from_a_checkpoint_adds_nothing(world):
    before = whole(world, "grown-3.h5", db="r.db")
    result = analyze(world, changed(world, "grown-6.h5", 2), check=2)
    assert "'grown' (#1) has step" in result.err, result
    assert dump(world / "r.db") == before


@test
def a_restarted_trainer_is_another_attempt(world):
    world.analyze("restarted.h5")
    runs = query(world / "r.db", "SELECT attempt, fingerprint FROM runs ORDER BY attempt")
    assert len(runs) > 1 and len({fingerprint for _, fingerprint in runs}) == 1
    both = query(world / "r.db", "SELECT count(*) FROM (SELECT step FROM captures GROUP BY step"
                                 " HAVING count(DISTINCT run_id) > 1)")
    assert both[0][0] > 0, "no step that both attempts have"
    sound(world)


@test
def a_stored_capture_that_is_damaged_later_stays(world):
    before = whole(world, "repaired.h5", db="r.db")
    scalars = [line for line in before if not line.startswith("scalars")]
    result = world.analyze("damaged.h5", options=["--verify"], check=3)
    assert "step 20: was read whole before" in result.err, result
    assert [line for line in dump(world / "r.db") if not line.startswith("scalars")] == scalars
    sound(world)


@test
def another_name_for_the_database_is_seen(world):
    world.analyze("healthy.h5")
    os.mkdir(world / "folder")
    os.symlink(world / "r.db", world / "folder" / "trace.h5")
    result = analyze(world, "folder/trace.h5", check=2)
    assert "is the database (--db) itself" in result.err, result
    result = world.run("analyze", world.fixtures / "masked.h5", "folder/trace.h5", "--db", "r.db",
                       check=3)
    assert query(world / "r.db", "SELECT count(*) FROM runs") == [(2,)]
    sound(world)


# ---- killed

@test
def killed_at_random_moments_nothing_is_lost_or_twice(world):
    """Killed up to three times, then the end; what was stored once stays, and the end is always the
    same."""
    moments = random.Random(SEED)
    kills = int(os.environ.get("ENTRO_KILLS", "30"))
    files = ["long.h5", "healthy.h5", "restarted.h5", "uneven.h5", "learned.h5"]
    expected = whole(world, *files)
    started = time.monotonic()
    world.analyze(*files, db="timed.db", options=["--threads", "1"])
    duration = time.monotonic() - started
    n_calls, n_killed, left = 0, 0, []
    while n_killed < kills:
        remove(world)
        stored = set()
        for _ in range(moments.randint(1, 3)):
            process = world.start("analyze", *[FIXTURES / name for name in files], "--db", "r.db",
                                  "--threads", "1", "-q")
            code = kill(process, duration * moments.uniform(0, 0.7)).code
            assert code in (0, -signal.SIGKILL), code
            n_calls, n_killed = n_calls + 1, n_killed + (code != 0)
            assert n_calls < 5 * kills + 10, "too few kills hit"
            if not (world / "r.db").exists() or world.run("runs", "--db", "r.db").code != 0:
                continue  # killed before there was a schema
            sound(world)
            rows = set(query(world / "r.db", "SELECT run_id, step, digest, status FROM captures"))
            assert stored <= rows, f"lost after kill {n_killed} with seed {SEED}: {stored - rows}"
            stored = rows
        left.append(len(stored))
        world.analyze(*files)
        assert dump(world / "r.db") == expected, f"after kill {n_killed} with seed {SEED}"
        sound(world)
    print(f"# {n_killed} kills in {n_calls} calls; captures that they left: {sorted(left)}")


@test
def a_killed_backup_leaves_the_old_one(world):
    world.analyze("healthy.h5")
    world.run("db", "backup", "r.db", "b.db", check=0)
    before = dump(world / "b.db")
    world.analyze("long.h5", "learned.h5")
    moments = random.Random(SEED)
    for _ in range(10):
        process = world.start("db", "backup", "r.db", "b.db")
        kill(process, moments.uniform(0, 0.05))
        assert dump(world / "b.db") in (before, dump(world / "r.db"))
        sound(world, "b.db")


@test
def an_interrupted_backup_leaves_nothing(world):
    """The signal may come before the program listens, or after its end: any clean way out will do."""
    world.analyze("long.h5")
    for _ in range(10):
        process = world.start("db", "backup", "r.db", "b.db")
        result = kill(process, 0.01, signal.SIGINT)
        assert result.code in (0, 130, -signal.SIGINT), result
        assert [name for name in world.names() if name.startswith(".entroscope")] == [], result


# ---- together

def content(world, db, name):
    """What the database says of one run, without its id."""
    return [query(world / db, sql, name) for sql in (
        "SELECT step, position, digest, status FROM captures JOIN runs ON runs.id = run_id"
        " WHERE name = ? ORDER BY step",
        "SELECT step, layer, head, h.n_rows, entropy_mean, entropy_median, distance FROM head_stats AS h"
        " JOIN runs ON runs.id = run_id WHERE name = ? ORDER BY step, layer, head",
        "SELECT step, layer, diversity FROM layer_stats JOIN runs ON runs.id = run_id WHERE name = ?"
        " ORDER BY step, layer",
        "SELECT number, rule, sentence FROM findings JOIN runs ON runs.id = run_id WHERE name = ?"
        " ORDER BY number")]


@test
def eight_at_once_into_one_database(world):
    """Of eight traces, with the database still to be made."""
    world.analyze("long.h5", db="whole.db")
    expected = content(world, "whole.db", "long")
    started = time.monotonic()
    processes = [world.start("analyze", FIXTURES / "long.h5", "--db", "r.db", "--run", f"run-{i}")
                 for i in range(8)]
    for process in processes:
        result = clitest.finish(process)
        assert result.code == 0 and "another program" not in result.err, result
    seconds = time.monotonic() - started
    assert seconds < 30, f"{seconds} s"
    for i in range(8):
        assert content(world, "r.db", f"run-{i}") == expected, i
    assert query(world / "r.db", "SELECT count(*) FROM runs") == [(8,)]
    sound(world)


@test
def the_same_trace_eight_times_at_once(world):
    expected = whole(world, "long.h5")
    for options in ([], ["--verify"]):
        processes = [world.start("analyze", FIXTURES / "long.h5", "--db", "r.db", *options)
                     for _ in range(8)]
        for process in processes:
            result = clitest.finish(process)
            assert result.code == 0 and "another program" not in result.err, result
        assert dump(world / "r.db") == expected
    sound(world)


# ---- no room

def limited(size):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@test
def a_full_disk_ends_with_6_and_the_same_command_goes_on(world):
    """No file may grow beyond so many bytes."""
    expected = whole(world, "long.h5")
    codes = []
    for size in (1, 5000, 40000, 80000, 120000, 160000, 200000, 260000, 320000, 400000):
        remove(world)
        result = world.run("analyze", FIXTURES / "long.h5", "--db", "r.db",
                           preexec_fn=limited(size))
        codes.append(result.code)
        assert result.code in (0, 6), result
        if result.code == 6:
            assert "r.db" in result.err, result
        world.analyze("long.h5")
        assert dump(world / "r.db") == expected, size
        sound(world)
    assert codes.count(6) >= 5, codes


@test
def a_backup_without_room_leaves_the_old_one(world):
    world.analyze("healthy.h5")
    world.run("db", "backup", "r.db", "b.db", check=0)
    before = dump(world / "b.db")
    world.analyze("long.h5")
    for size in (40000, 100000, 200000):  # the memory that readers share is 32768
        result = world.run("db", "backup", "r.db", "b.db", check=6, preexec_fn=limited(size))
        assert "b.db" in result.err, result
        assert dump(world / "b.db") == before
    assert world.names() == ["b.db", "r.db"], world.names()


# ---- backup and check

@test
def a_backup_beside_a_writer_is_of_one_moment(world):
    world.analyze("healthy.h5")
    process = world.start("analyze", *[FIXTURES / f"{name}.h5" for name in
                                       ("long", "learned", "uneven", "hybrid", "masked")], "--db", "r.db")
    n_captures = set()
    while process.poll() is None or len(n_captures) < 2:
        world.run("db", "backup", "r.db", "b.db", check=0)
        health = world.run("db", "check", "b.db", "--json", check=0).json()
        assert health["sound"] and health["problems"] == []
        n_captures.add(health["captures"])
    assert clitest.finish(process).code == 0
    world.run("db", "backup", "r.db", "b.db", check=0)
    assert world.names() == ["b.db", "r.db"], world.names()
    assert dump(world / "b.db") == dump(world / "r.db")


@test
def a_backup_takes_no_place_that_is_not_its_own(world):
    world.analyze("healthy.h5")
    before = dump(world / "r.db")
    os.symlink("r.db", world / "link.db")
    os.link(world / "r.db", world / "hard.db")
    for name in ("r.db", "./r.db", "link.db", "hard.db"):
        assert "is the database itself" in world.run("db", "backup", "r.db", name, check=2).err
    shutil.copy(FIXTURES / "masked.h5", world / "trace.h5")
    assert "no SQLite database" in world.run("db", "backup", "r.db", "trace.h5", check=6).err
    assert (world / "trace.h5").read_bytes() == (FIXTURES / "masked.h5").read_bytes()
    other = sqlite3.connect(world / "used.db", isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("CREATE TABLE t (x)")
    assert "in use" in world.run("db", "backup", "r.db", "used.db", check=6).err
    assert "file name" in world.run("db", "backup", "r.db", "", check=2).err
    world.run("db", "backup", "r.db", "nosuch/b.db", check=6)
    world.run("db", "backup", "nosuch.db", "b.db", check=6)
    other.close()
    assert dump(world / "r.db") == before


@test
def a_damaged_database_does_not_replace_a_backup(world):
    world.analyze("healthy.h5", "long.h5")
    world.run("db", "backup", "r.db", "b.db", check=0)
    before = dump(world / "b.db")
    spoil_table(world / "r.db", "head_stats")
    assert "damaged" in world.run("db", "backup", "r.db", "b.db", check=6).err
    assert dump(world / "b.db") == before
    assert world.names() == ["b.db", "r.db"], world.names()


def spoil_table(path, table):
    """The first page of a table becomes noise."""
    with sqlite3.connect(path) as db:
        page, size = db.execute("SELECT rootpage, (SELECT page_size FROM pragma_page_size)"
                                " FROM sqlite_schema WHERE name = ?", [table]).fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


BROKEN = {  # check: what breaks it
    "heads": "DELETE FROM head_stats WHERE step = 10 AND layer = 1 AND head = 2",
    "layers": "DELETE FROM layer_stats WHERE step = 10 AND layer = 0",
    "head_layers": "DELETE FROM layer_stats WHERE step = 10 AND layer = 0",
    "rows": "UPDATE captures SET n_rows = n_rows + 1 WHERE step = 20",
    "counts": "UPDATE head_stats SET n_nan = n_rows + 1 WHERE step = 0 AND layer = 0 AND head = 0",
    "orphans": "DELETE FROM captures WHERE step = 30",
    "digests": "UPDATE captures SET digest = 'X' WHERE step = 30",
    "scalars": "UPDATE scalars SET value = NULL WHERE step = 10",
    "findings": "INSERT INTO findings VALUES (1, 99, 'collapse', 'info', 77, NULL, 0, NULL, 1, 'r', 's', '{}')",
    "numbers": "UPDATE head_stats SET entropy_mean = 9e999 WHERE step = 0 AND layer = 0 AND head = 0",
    "foreign_keys": "INSERT INTO run_tags VALUES (99, 'x')",
    "tables": "DROP TABLE run_tags",
}


@test
def every_check_finds_what_it_is_for(world):
    world.analyze("diverged.h5", "collapsing.h5", "learned.h5", "hybrid.h5")
    sound(world)
    for check, sql in BROKEN.items():
        shutil.copy(world / "r.db", world / "broken.db")
        with sqlite3.connect(world / "broken.db") as db:
            done = db.execute(sql)
            assert done.rowcount != 0, sql
        db.close()
        result = world.run("db", "check", "broken.db", "--json", check=6)
        found = {problem["check"] for problem in result.json()["problems"]}
        assert check in found, (check, str(result))
        assert f"broken.db: {check}: " in result.err, result
    shutil.copy(world / "r.db", world / "broken.db")
    spoil_table(world / "broken.db", "head_stats")
    result = world.run("db", "check", "broken.db", check=6)
    assert "quick_check" in result.err and "broken.db: damaged" in result.out, result


@test
def names_in_the_sentences_of_a_check_are_harmless(world):
    world.analyze("healthy.h5", "restarted.h5")
    clitest.spoil(world / "r.db")  # also digests do not stay what they were
    with sqlite3.connect(world / "r.db") as db:
        db.execute("UPDATE captures SET n_rows = 1")
    db.close()
    world.run("db", "check", "r.db", check=6)  # run() looks at stderr
    assert world.run("db", "check", "r.db", "--json", check=6).json()["problems"]


@test
def a_merged_database_is_sound(world):
    world.analyze("damaged.h5", "restarted.h5", "learned-damaged.h5", db="a.db", check=3)
    world.analyze("repaired.h5", "healthy.h5", "learned.h5", db="b.db")
    for target, source in (("a.db", "b.db"), ("b.db", "a.db")):
        shutil.copy(world / target, world / "r.db")
        world.run("merge", source, "--db", "r.db", check=0)
        sound(world)
    before = dump(world / "r.db")
    name = changed(world, "healthy.h5", 1)
    world.run("analyze", name, "--db", "c.db", check=0)
    world.run("merge", "c.db", "--db", "r.db", check=3)
    assert dump(world / "r.db") == before
    world.run("merge", "c.db", "--db", "r.db", "--replace", check=0)
    sound(world)


# ---- after a writer that died

def die_with_journal(world):
    """r.db as a writer leaves it that dies after a commit: the last one is in the -wal alone."""
    world.analyze("healthy.h5", "long.h5", db="live.db")
    writer = sqlite3.connect(world / "live.db")
    writer.execute("UPDATE runs SET source = 'journal of ' || hex(randomblob(4))")
    writer.commit()
    for suffix in ("", "-wal"):
        shutil.copy(world / f"live.db{suffix}", world / f"r.db{suffix}")
    writer.close()


@test
def after_a_writer_that_died_the_pages_are_checked_once(world):
    die_with_journal(world)
    world.analyze("masked.h5")
    assert query(world / "r.db", "SELECT count(*) FROM runs WHERE source LIKE 'journal of %'") == [(2,)]
    remove(world)
    die_with_journal(world)
    with sqlite3.connect(world / "live.db") as db:
        page, size = db.execute("SELECT max(pageno), max(pgsize) FROM dbstat"
                                " WHERE name = 'head_stats' AND pagetype = 'leaf'").fetchone()
    db.close()
    with open(world / "r.db", "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    result = world.analyze("masked.h5", check=6)
    assert "is damaged" in result.err and "db check" in result.err, result


@test
def nothing_writable_can_still_be_reported(world):
    world.analyze("healthy.h5")
    expected = world.run("report", "healthy", "--db", "r.db", check=0).out
    die = clitest.as_nobody()
    os.mkdir(world / "locked")
    shutil.copy(world / "r.db", world / "locked" / "r.db")
    (world / "locked" / "r.db-wal").touch()  # empty, and no -shm
    os.chmod(world / "locked" / "r.db", 0o444)
    os.chmod(world / "locked", 0o555)
    assert world.run("report", "healthy", "--db", "locked/r.db", check=0, **die).out == expected
    world.run("db", "check", "locked/r.db", check=0, **die)
    os.chmod(world / "locked", 0o755)
    remove(world)
    die_with_journal(world)
    for suffix in ("", "-wal"):
        shutil.copy(world / f"r.db{suffix}", world / "locked" / f"r.db{suffix}")
        os.chmod(world / "locked" / f"r.db{suffix}", 0o444)
    os.chmod(world / "locked", 0o555)
    result = world.run("report", "healthy", "--db", "locked/r.db", check=6, **die)
    assert "journal" in result.err, result


# ---- migration

def version_1(world, name="old.db"):
    sql = (clitest.Path(__file__).parent.parent / "unit" / "db" / "version-1.sql").read_text()
    db = sqlite3.connect(world / name)
    db.executescript(sql)
    db.close()
    return dump(world / name)


@test
def an_old_database_is_kept_beside_the_new(world):
    before = version_1(world)
    world.run("runs", "--db", "old.db", check=0)
    assert not (world / "old.db.v1.bak").exists() and dump(world / "old.db") == before
    result = world.analyze("healthy.h5", db="old.db")
    assert result.err.count("old.db.v1.bak is as it was before (version 1)") == 1, result
    assert dump(world / "old.db.v1.bak") == before
    assert query(world / "old.db.v1.bak", "PRAGMA user_version") == [(1,)]
    world.analyze("healthy.h5", db="new.db")
    assert query(world / "old.db", "PRAGMA user_version") == \
        query(world / "new.db", "PRAGMA user_version") != [(1,)]
    sound(world, "old.db")
    assert "bak" not in world.analyze("masked.h5", db="old.db").err
    assert sorted(name for name in world.names() if "bak" in name) == ["old.db.v1.bak"], world.names()


@test
def an_old_database_that_cannot_be_kept_is_not_migrated(world):
    before = version_1(world)
    result = world.run("analyze", FIXTURES / "healthy.h5", "--db", "old.db", check=6,
                       preexec_fn=limited(40000))
    assert "before its migration" in result.err and "v1.bak" in result.err, result
    assert dump(world / "old.db") == before
    assert query(world / "old.db", "PRAGMA user_version") == [(1,)]
    world.analyze("healthy.h5", db="old.db")
    sound(world, "old.db")


@test
def several_that_find_an_old_database_migrate_it_once(world):
    before = version_1(world)
    processes = [world.start("analyze", FIXTURES / "healthy.h5", "--db", "old.db", "--run", f"r{i}")
                 for i in range(6)]
    results = [clitest.finish(process) for process in processes]
    assert all(result.code == 0 for result in results), [str(result) for result in results]
    assert sum("v1.bak" in result.err for result in results) == 1
    assert dump(world / "old.db.v1.bak") == before
    sound(world, "old.db")


clitest.main()
