"""Runs deleted and merged while others write, are killed, or are asked."""
import os
import pty
import random
import select
import shutil
import sqlite3
import subprocess
import time

import clitest
from clitest import PROGRAM, UNSAFE, dump, query, test

HOSTILE = "x'); DROP TABLE runs;--\n\x1b[31m\u202e\"%s"


def large(world, name="large.db", runs=40, steps=60):
    """Many runs made of one fixture's, so that to copy them takes a while."""
    world.analyze("learned.h5", db=name)
    db = sqlite3.connect(world / name)
    tables = {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
              for table in ("captures", "head_stats", "layer_stats", "head_params", "run_config")}
    columns = [row[1] for row in db.execute("PRAGMA table_info(runs)") if row[1] != "id"]
    for number in range(2, runs + 1):
        chosen = ", ".join({"name": f"'run {number}'", "fingerprint": f"'uuid-{number}'"}.get(c, c)
                           for c in columns)
        db.execute(f"INSERT INTO runs ({', '.join(columns)}) SELECT {chosen} FROM runs WHERE id = 1")
    db.execute("CREATE TEMP TABLE numbers AS WITH RECURSIVE n(i) AS"
               f" (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {steps - 1}) SELECT i FROM n")
    for table, names in tables.items():
        by_step = "step" in names
        chosen = ", ".join(
            {"run_id": "r.id", "step": "step + 1000 * i"}.get(c, f"t.{c}") for c in names)
        db.execute(f"INSERT OR IGNORE INTO {table} SELECT {chosen} FROM {table} AS t, runs AS r"
                   + (", numbers" if by_step else "") + " WHERE t.run_id = 1")
    db.commit()
    db.close()


def on_a_terminal(world, answer, *args, meanwhile=None):
    """Exit code and what the terminal got, with this answer typed in, once meanwhile() is done."""
    try:
        master, slave = pty.openpty()
    except OSError as reason:
        raise clitest.Skip(f"no terminal to be had: {reason}") from reason
    process = subprocess.Popen([PROGRAM, *args], cwd=world.path, stdin=slave, stdout=slave,
                               stderr=slave, env=clitest.environment(TERM="xterm"))
    os.close(slave)
    got = b""
    while meanwhile is not None and b"[y/N]" not in got:
        assert select.select([master], [], [], clitest.TIMEOUT)[0], got
        got += os.read(master, 65536)
    if meanwhile is not None:
        meanwhile()
    os.write(master, answer)
    while select.select([master], [], [], clitest.TIMEOUT)[0]:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        got += piece
    os.close(master)
    return process.wait(clitest.TIMEOUT), clitest.decode(got)


def count_runs(world, db="r.db"):
    return query(world / db, "SELECT count(*) FROM runs")[0][0]


# ---- deleting

@test
def a_person_is_asked_before_runs_go(world):
    world.analyze("healthy.h5", "restarted.h5")
    for answer in (b"n\n", b"\n", b"\x04", b"yess\n", b"y and more\n"):
        code, text = on_a_terminal(world, answer, "runs", "delete", "restarted", "--db", "r.db")
        assert code == 2 and "Delete these 2 runs?" in text, (answer, code, text)
        assert "attempt 2: 3 captures" in text, text
        assert count_runs(world) == 3, answer
    code, text = on_a_terminal(world, b"Y\n", "runs", "delete", "restarted", "--db", "r.db")
    assert code == 0 and "2 runs deleted" in text, (code, text)
    assert count_runs(world) == 1


@test
def a_run_put_there_while_a_person_is_asked_stays(world):
    world.analyze("healthy.h5", "grown-3.h5")

    def put_another():
        world.run("runs", "delete", "grown", "--yes", "--db", "r.db", check=0)
        world.analyze("learned.h5")
        assert query(world / "r.db", "SELECT name FROM runs WHERE id = 2") == [("learned",)]

    code, text = on_a_terminal(world, b"y\n", "runs", "delete", "healthy", "grown", "--db", "r.db",
                               meanwhile=put_another)
    assert code == 2 and "nothing was deleted" in text, (code, text)
    assert count_runs(world) == 2


@test
def a_killed_delete_takes_all_or_nothing(world):
    large(world)
    for _ in range(12):
        shutil.copy(world / "large.db", world / "r.db")
        process = world.start("runs", "delete", "run 2", "run 3", "run 4", "--yes", "--db", "r.db")
        clitest.kill(process, random.uniform(0.005, 0.15))
        world.run("runs", "--db", "r.db", check=0)
        assert count_runs(world) in (37, 40)
        for table in ("captures", "head_stats", "layer_stats", "run_config"):
            left = query(world / "r.db", f"SELECT count(DISTINCT run_id) FROM {table}")[0][0]
            assert left == count_runs(world), (table, left)
        assert query(world / "r.db", "PRAGMA integrity_check") == [("ok",)]
        for path in ("r.db-wal", "r.db-shm"):
            (world / path).unlink(missing_ok=True)


# ---- renamed runs and their traces

def without_uuid(world, fixture, name, run_name=None):
    """A copy that is known by its first capture alone."""
    try:
        import h5py
    except ImportError as reason:
        raise clitest.Skip(str(reason)) from reason
    shutil.copy(world.fixtures / fixture, world / name)
    with h5py.File(world / name, "r+") as file:
        del file.attrs["trace_uuid"]
        if run_name is not None:
            file.attrs["run_name"] = run_name


@test
def a_renamed_run_is_not_known_by_its_first_capture(world):
    """A training repeated from the same seed begins alike."""
    without_uuid(world, "grown-3.h5", "a.h5")
    without_uuid(world, "grown-6.h5", "b.h5")
    world.run("analyze", "a.h5", "--db", "r.db", check=0)
    world.run("runs", "rename", "grown", "mine", "--db", "r.db", check=0)
    again = world.run("analyze", "b.h5", "--db", "r.db", check=0)
    assert "renamed to mine" in again.err and "this is a new run" in again.err, again
    assert "6 new captures" in again.out, again
    known = world.run("analyze", "b.h5", "--db", "r.db", check=0)  # that new run goes on
    assert "renamed" not in known.err, known
    grown = world.run("analyze", "b.h5", "--db", "r.db", "--run", "mine", check=0)
    assert "3 new captures" in grown.out, grown
    assert query(world / "r.db", "SELECT name, trace_name, (SELECT count(*) FROM captures"
                                 " WHERE run_id = id) FROM runs ORDER BY id") == \
        [("mine", "grown", 6), ("grown", None, 6)]


@test
def a_renamed_run_is_not_known_by_its_name(world):
    without_uuid(world, "grown-3.h5", "a.h5")
    without_uuid(world, "healthy.h5", "other.h5", run_name="grown")
    world.run("analyze", "a.h5", "--db", "r.db", check=0)
    world.run("runs", "rename", "grown", "mine", "--db", "r.db", check=0)
    other = world.run("analyze", "other.h5", "--db", "r.db", check=0)
    assert "renamed" not in other.err, other
    assert query(world / "r.db", "SELECT name FROM runs ORDER BY id") == [("mine",), ("grown",)]


@test
def tags_outlast_a_run_that_is_read_anew(world):
    world.analyze("restarted.h5")
    world.run("runs", "rename", "restarted", "mine", "--db", "r.db", check=0)
    world.run("runs", "tag", "mine", "good", "--db", "r.db", check=0)
    before = dump(world / "r.db")
    world.analyze("restarted.h5", options=["--replace"])
    assert dump(world / "r.db") == before


# ---- another process at work

def hold(world, db, sql="SELECT 1"):
    """A connection that has begun to write."""
    writer = sqlite3.connect(world / db, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute(sql)
    return writer


@test
def readers_go_on_and_writers_wait_for_another(world):
    world.analyze("healthy.h5", "restarted.h5")
    world.analyze("grown-3.h5", db="source.db")
    before = world.run("runs", "--db", "r.db", check=0).out
    writer = hold(world, "r.db", "UPDATE runs SET name = 'other' WHERE id = 1")
    started = time.monotonic()
    assert world.run("runs", "--db", "r.db", check=0).out == before
    world.run("merge", "source.db", "--db", "r.db", "--dry-run", check=0)
    assert time.monotonic() - started < 10
    waiting = [world.start(*args, "--db", "r.db") for args in (
        ["runs", "delete", "restarted", "--yes"], ["runs", "tag", "#1", "x"],
        ["runs", "rename", "#1", "new"], ["merge", "source.db"])]
    time.sleep(1)
    assert all(process.poll() is None for process in waiting), "nobody waits"
    writer.execute("COMMIT")
    for process in waiting:
        result = clitest.finish(process)
        assert result.code == 0, result
    assert query(world / "r.db", "SELECT name, trace_name, (SELECT tag FROM run_tags WHERE run_id = id)"
                                 " FROM runs ORDER BY id") == \
        [("new", "other", "x"), ("grown", None, None)]


@test
def a_source_that_is_written_gives_what_is_committed(world):
    world.analyze("healthy.h5", "grown-3.h5", db="source.db")
    writer = hold(world, "source.db", "DELETE FROM runs WHERE id = 1")
    world.run("merge", "source.db", "--db", "r.db", check=0)
    assert count_runs(world) == 2
    writer.execute("COMMIT")
    writer.close()


@test
def two_merges_at_once_end_as_one(world):
    large(world, runs=15)
    world.run("merge", "large.db", "--db", "once.db", check=0)
    processes = [world.start("merge", "large.db", "--db", "r.db") for _ in range(3)]
    results = [clitest.finish(process) for process in processes]
    assert all(result.code == 0 for result in results), [str(result) for result in results]
    assert sum(result.out.count(": added") for result in results) == 15
    assert dump(world / "r.db") == dump(world / "once.db")


# ---- merging

@test
def a_merge_that_was_killed_goes_on(world):
    large(world)
    source = (world / "large.db").read_bytes()
    world.run("merge", "large.db", "--db", "once.db", check=0)
    n_killed, last = 0, 0
    for _ in range(40):
        result = clitest.kill(world.start("merge", "large.db", "--db", "r.db"),
                              random.uniform(0.01, 0.2))
        n_killed += result.code < 0
        listed = world.run("runs", "--db", "r.db", "--json")  # fails while there is no schema yet
        now = len(listed.json()["runs"]) if listed.code == 0 else 0
        assert now >= last, (now, last)
        last = now
        if result.code == 0:
            break
    assert n_killed > 0, "never killed"
    world.run("merge", "large.db", "--db", "r.db", check=0)
    assert dump(world / "r.db") == dump(world / "once.db")
    assert query(world / "r.db", "PRAGMA integrity_check") == [("ok",)]
    again = world.run("merge", "large.db", "--db", "r.db", check=0)
    assert again.out.count("unchanged") == 40, again
    assert (world / "large.db").read_bytes() == source


@test
def a_signal_ends_a_merge_between_runs(world):
    large(world)
    process = world.start("merge", "large.db", "--db", "r.db")
    time.sleep(0.1)
    process.terminate()
    result = clitest.finish(process)
    if result.code == 0:
        raise clitest.Skip("it was faster than the signal")
    assert result.code == 143 and "goes on from there" in result.err, result
    assert result.out.count(": added") == count_runs(world), result


@test
def damaged_sources_are_refused_and_the_target_is_whole(world):
    large(world, runs=5, steps=10)
    whole = (world / "large.db").read_bytes()
    codes = set()
    for seed in range(40):
        rng = random.Random(seed)
        spoiled = bytearray(whole)
        for _ in range(20):
            at = rng.randrange(100, len(spoiled) - 64)
            spoiled[at:at + 16] = rng.randbytes(16)
        (world / "spoiled.db").write_bytes(bytes(spoiled))
        (world / "r.db").unlink(missing_ok=True)
        result = world.run("merge", "spoiled.db", "--db", "r.db")
        codes.add(result.code)
        assert result.code in (0, 3, 4), result
        if (world / "r.db").exists():
            assert query(world / "r.db", "PRAGMA integrity_check") == [("ok",)]
            assert query(world / "r.db", "PRAGMA foreign_key_check") == []
    assert 4 in codes, codes


# ---- names

@test
def hostile_names_and_tags_stay_whole_and_harmless(world):
    world.analyze("healthy.h5", "grown-3.h5")
    schema = query(world / "r.db", "SELECT sql FROM sqlite_master ORDER BY name")
    world.run("runs", "rename", "healthy", HOSTILE, "--db", "r.db", check=0)
    world.run("runs", "tag", HOSTILE, HOSTILE, "=cmd|' /C calc'!A0", "--db", "r.db", check=0)
    world.run("merge", "r.db", "--db", "all.db", check=0)
    for db in ("r.db", "all.db"):
        assert query(world / db, "SELECT name, tag FROM runs JOIN run_tags ON run_id = id"
                                 " WHERE tag LIKE 'x%'") == [(HOSTILE, HOSTILE)]
        for args in (["runs"], ["runs", "--json"], ["runs", "--name", "x*", "--tag", HOSTILE],
                     ["merge", "r.db"], ["merge", "r.db", "--json"]):
            target = "again.db" if args[0] == "merge" else db
            result = world.run(*args, "--db", target, check=0)
            assert UNSAFE.search(result.out) is None, result
        listed = world.run("runs", "--tag", HOSTILE, "--db", db, "--json", check=0).json()["runs"]
        assert [run["name"] for run in listed] == [HOSTILE], listed
    assert query(world / "r.db", "SELECT sql FROM sqlite_master ORDER BY name") == schema
    world.run("runs", "untag", HOSTILE, HOSTILE, "--db", "r.db", check=0)
    world.run("runs", "delete", HOSTILE, "--yes", "--db", "r.db", check=0)
    assert query(world / "r.db", "SELECT name FROM runs") == [("grown",)]


clitest.main()
