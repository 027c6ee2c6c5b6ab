"""Names come from files that others wrote: they reach the database whole and a terminal never raw."""
import csv
import io
import json
import os
import pty
import select
import sqlite3
import subprocess

import clitest
from clitest import FIXTURES, PROGRAM, UNSAFE, spoil, test

# As make-fixtures.c has them.
NAMES = {
    "name-escapes.h5": b"\x1b[31mred\x1b[0m\nrun; DROP TABLE runs;--\t'\"\x7f",
    "name-formula.h5": b"=cmd|' /C calc'!A0",
    "name-bidi.h5": "a\u202egnp.\u202c\u2066b\u009b31m\u2028c".encode(),
    "name-bytes.h5": b"caf\xe9 \xff\xfe",
    "name-path.h5": b"../../etc/passwd",
    "name-number.h5": b"#1",
    "name-markup.h5": b"<b>&amp;</b> %s%n {{x}} \\u001b",
}


def on_a_terminal(world, *args):
    """What a terminal would get, as text."""
    try:
        master, slave = pty.openpty()
    except OSError as reason:
        raise clitest.Skip(f"no terminal to be had: {reason}") from reason
    process = subprocess.Popen([PROGRAM, *args], cwd=world.path, stdin=slave, stdout=slave,
                               stderr=slave, env=clitest.environment(TERM="xterm"))
    os.close(slave)
    got = b""
    while select.select([master], [], [], clitest.TIMEOUT)[0]:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        got += piece
    os.close(master)
    assert process.wait(clitest.TIMEOUT) == 0, got
    return clitest.decode(got)


def harmless(text):
    """Our own erasing of the progress line is the only control sequence."""
    rest = text.replace("\r\n", "\n").replace("\r\x1b[K", "")
    found = UNSAFE.search(rest)
    assert found is None, f"{found.group()!r} in {rest!r}"


def store_all(world):
    world.analyze(*NAMES)


@test
def names_reach_the_database_byte_by_byte(world):
    store_all(world)
    db = sqlite3.connect(world / "r.db")
    db.text_factory = bytes
    stored = [name for (name,) in db.execute("SELECT name FROM runs ORDER BY id")]
    schema = db.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    db.close()
    assert stored == list(NAMES.values()), stored
    world.analyze("healthy.h5", db="plain.db")
    plain = sqlite3.connect(world / "plain.db")
    plain.text_factory = bytes
    assert plain.execute("SELECT type, name, sql FROM sqlite_master").fetchall() == schema
    plain.close()


@test
def names_are_found_again(world):
    store_all(world)
    for name in NAMES.values():
        if name == b"#1":
            continue  # means the run with this id
        world.run("plot", "scalars", "--db", "r.db", "--run", os.fsdecode(name), "-o", "x.svg",
                  check=0)
        rows = world.run("export", "captures", "--db", "r.db", "--run", os.fsdecode(name),
                         "--format", "json", check=0).json()
        assert len(rows) == 2, rows


@test
def no_command_shows_them_raw(world):
    store_all(world)
    for command in (["runs"], ["runs", "--json"], ["export", "runs"],
                    ["export", "run_config", "--csv-raw"], ["export", "runs", "--format", "json"],
                    ["plot", "headwise-entropy", "-o", "x.svg"],
                    ["plot", "scalars", "-o", "x.pdf"]):
        harmless(on_a_terminal(world, *command, "--db", "r.db"))
    for fixture in NAMES:
        harmless(on_a_terminal(world, "inspect", FIXTURES / fixture))
        harmless(on_a_terminal(world, "inspect", "--json", FIXTURES / fixture))
        harmless(on_a_terminal(world, "analyze", FIXTURES / fixture, "--db", "t.db"))


@test
def any_text_of_a_database_is_made_harmless(world):
    world.analyze("healthy.h5", "collapsing.h5", "diverged.h5")
    spoil(world / "r.db")
    world.analyze("overloaded.h5", db="to.db")
    with sqlite3.connect(world / "r.db") as db:  # an architecture that can be computed
        db.execute("UPDATE run_config SET value = 'SM' WHERE run_id = 1 AND key = 'arch'")
        db.execute("UPDATE runs SET arch = 'SM' WHERE id = 1")
    db.close()
    runs, sizes = ["#1", "#2", "#3"], ["--dim", "64", "--vocab", "99"]
    for command in (["runs", "--db", "r.db"], ["report", *runs, "--all", "--db", "r.db"],
                    ["report", *runs, "--penalty", "--db", "r.db"],
                    ["compare", *runs, "--db", "r.db"],
                    ["compare", "--by", "arch", "--allow-differences", "--db", "r.db"],
                    ["cost", "--run", "#1", "--db", "r.db", *sizes],
                    ["merge", "r.db", "--db", "to.db", "--dry-run"],
                    ["merge", "r.db", "--db", "to.db"],
                    ["runs", "--db", "to.db"]):
        for extra in ([], ["--json"]):
            result = world.run(*command, *extra)
            assert result.code == 0, str(result)
            found = UNSAFE.search(result.out)
            assert found is None, f"{command} {extra}: {found.group()!r} in {result.out!r}"
            if extra and result.code == 0:
                assert "\uffff" not in json.dumps(result.json(), ensure_ascii=False), str(result)


@test
def errors_do_not_show_them_raw(world):
    store_all(world)
    hostile = "x\x1b]0;t\x07\u202e\u009b\n\x7f"
    for args in (["plot", "scalars", "--run", "nosuch", "-o", "x.svg"],
                 ["plot", "scalars", "--run", hostile, "-o", "x.svg"],
                 ["plot", hostile, "-o", "x.svg"],
                 ["plot", "scalars", "--scalar", hostile, "-o", "x.svg"],
                 ["plot", "headwise-entropy", "--column", hostile, "-o", "x.svg"],
                 ["plot", "headwise-entropy", "--palette", hostile, "-o", "x.svg"],
                 ["plot", "scalars", "--width", hostile, "-o", "x.svg"],
                 ["plot", "scalars", "-o", hostile],
                 ["export", hostile], ["export", "runs", "--format", hostile],
                 ["export", "runs", "--run", hostile], ["runs", hostile], ["runs", "--" + hostile],
                 ["analyze", FIXTURES / "healthy.h5", "--layout", hostile],
                 ["analyze", FIXTURES / "healthy.h5", "--threads", hostile]):
        result = world.run(*args, "--db", "r.db", check=2)  # run() looks at stderr
        assert not result.out, str(result)
    assert world.run(hostile).code == 2
    assert world.run("inspect", hostile).code == 4
    assert world.run("runs", "--db", hostile).code == 6


@test
def json_gives_them_back(world):
    store_all(world)
    runs = world.run("runs", "--db", "r.db", "--json", check=0).json()["runs"]
    exported = world.run("export", "runs", "--db", "r.db", "--format", "json", check=0).json()
    for run, row, name in zip(runs, exported, NAMES.values(), strict=True):
        assert run["name"] == row["name"] == name.decode("utf-8", "replace"), (run["name"], name)


@test
def csv_gives_them_back_and_guards_formulas(world):
    store_all(world)
    raw = world.run("export", "runs", "--db", "r.db", "--csv-raw", check=0).out
    rows = list(csv.DictReader(io.StringIO(raw, newline="")))
    assert [os.fsencode(row["name"]) for row in rows] == list(NAMES.values())
    guarded = world.run("export", "runs", "--db", "r.db", check=0).out
    for row in csv.reader(io.StringIO(guarded, newline="")):
        for cell in row:
            assert not cell.lstrip(" \u00a0").startswith(("=", "+", "-", "@", "\t", "\r")), cell


@test
def a_name_never_becomes_a_file(world):
    store_all(world)
    world.run("plot", "scalars", "--db", "r.db", "-o", "x.svg", check=0)
    assert world.names() == ["r.db", "x.svg"], world.names()


@test
def a_name_may_be_given_that_is_no_text(world):
    world.analyze("healthy.h5", options=["--run", os.fsdecode(b"\xff\xfe")])
    assert world.run("export", "runs", "--db", "r.db", "--csv-raw", "--run",
                     os.fsdecode(b"\xff\xfe"), check=0).out.count("\n") == 2
    result = world.run("plot", "scalars", "--db", "r.db", "-o", "x.svg", "--title",
                       os.fsdecode(b"a\xff"), check=2)
    assert "UTF-8" in result.err, str(result)


@test
def long_names_are_cut_in_the_table_only(world):
    long = "n" * 300
    world.analyze("healthy.h5", options=["--run", long])
    assert all(len(line) < 120 for line in
               world.run("runs", "--db", "r.db", check=0).out.splitlines())
    assert world.run("runs", "--db", "r.db", "--json", check=0).json()["runs"][0]["name"] == long


@test
def progress_leaves_no_trace_on_a_terminal(world):
    text = on_a_terminal(world, "analyze", FIXTURES / "long.h5", "--db", "r.db", "--threads", "1")
    assert "\r\x1b[K" in text, repr(text)  # something was drawn, and erased
    assert text.rsplit("\r\x1b[K", 1)[1].startswith("/"), repr(text)
    harmless(text)
    quiet = on_a_terminal(world, "analyze", "-q", FIXTURES / "long.h5", "--db", "q.db")
    assert "\x1b" not in quiet, repr(quiet)


@test
def json_keys_are_stable(world):
    """A key may be added; one that goes or changes its type breaks somebody's script."""
    expected = {
        "inspect": {"file", "run", "producer", "layout", "format_version", "open_mode",
                    "trace_uuid", "captures", "first_step", "last_step", "attempts",
                    "context_length", "complete", "key_mask", "bytes", "layers", "scalars",
                    "config", "notes", "problems"},
        "analyze": {"file", "run", "run_id", "attempt", "captures_new", "captures_known",
                    "captures_partial", "first_step", "last_step", "layers", "heads", "rows",
                    "rows_nan", "rows_masked", "rows_off_sum", "first_nan_step", "last",
                    "gigabytes", "seconds", "notes", "problems"},
        "runs": {"id", "name", "attempt", "arch", "n_layers", "n_heads", "context_length",
                 "captures", "first_step", "last_step", "source", "fingerprint", "created_at"}}
    found = {
        "inspect": world.run("inspect", "--json", FIXTURES / "healthy.h5", check=0).json(),
        "analyze": world.analyze("healthy.h5", options=["--json"]).json()["runs"][0],
        "runs": world.run("runs", "--db", "r.db", "--json", check=0).json()["runs"][0]}
    for command, keys in expected.items():
        assert keys <= set(found[command]), (command, keys - set(found[command]))


@test
def json_has_no_number_that_json_does_not_know(world):
    world.analyze("all-nan.h5", "one-token.h5", "diverged.h5")
    refuse = lambda text: (_ for _ in ()).throw(AssertionError(text))
    for fixture in ("all-nan.h5", "one-token.h5"):
        out = world.analyze(fixture, db="j.db", options=["--json"]).out
        json.loads(out, parse_constant=refuse)
    for table in ("head_stats", "layer_stats", "scalars", "layer_entropy"):
        out = world.run("export", table, "--db", "r.db", "--format", "json", check=0).out
        json.loads(out, parse_constant=refuse)


clitest.main()
