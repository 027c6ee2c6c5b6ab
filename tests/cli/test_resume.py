"""Whatever happens on the way, the database ends the same."""
import signal
import time

import clitest
from clitest import dump, kill, query, test


def whole(world, *fixtures, db="whole.db", check=0):
    """The database of an undisturbed call."""
    world.analyze(*fixtures, db=db, check=check)
    return dump(world / db)


@test
def again_changes_nothing(world):
    before = whole(world, "healthy.h5", "restarted.h5", "masked.h5", db="r.db")
    created = query(world / "r.db", "SELECT id, created_at FROM runs")
    assert whole(world, "healthy.h5", "restarted.h5", "masked.h5", db="r.db") == before
    assert query(world / "r.db", "SELECT id, created_at FROM runs") == created


@test
def again_on_a_partial_trace_changes_nothing(world):
    before = whole(world, "missing.h5", "damaged.h5", db="r.db", check=3)
    assert whole(world, "missing.h5", "damaged.h5", db="r.db", check=3) == before


@test
def a_grown_trace_adds_only_the_new_captures(world):
    world.analyze("grown-3.h5")
    rows = query(world / "r.db", "SELECT rowid, * FROM head_stats ORDER BY rowid")
    result = world.analyze("grown-6.h5", options=["--json"]).json()["runs"]
    assert [(r["captures_new"], r["captures_known"]) for r in result] == [(3, 3)]
    assert query(world / "r.db", "SELECT rowid, * FROM head_stats ORDER BY rowid")[:len(rows)] == rows
    assert dump(world / "r.db") == whole(world, "grown-6.h5")


@test
def a_repaired_copy_fills_the_gap(world):
    world.analyze("damaged.h5", check=3)
    assert query(world / "r.db", "SELECT step FROM captures WHERE status = 'partial'") == [(20,)]
    world.analyze("repaired.h5")
    assert dump(world / "r.db") == whole(world, "repaired.h5")


@test
def only_the_damaged_layer_is_missing(world):
    world.analyze("damaged.h5", check=3)
    assert query(world / "r.db", "SELECT DISTINCT layer FROM head_stats WHERE step = 20") == \
           [(0,), (2,)]
    assert query(world / "r.db", "SELECT count(*) FROM head_stats WHERE step <> 20") == [(18,)]


@test
def a_shorter_copy_takes_nothing_away(world):
    before = whole(world, "grown-6.h5", db="r.db")
    world.analyze("grown-3.h5")
    after = dump(world / "r.db")
    assert [line for line in after if not line.startswith("scalars")] == \
           [line for line in before if not line.startswith("scalars")]


@test
def one_two_and_eight_threads_give_the_same(world):
    files = ["healthy.h5", "collapsing.h5", "uneven.h5", "masked.h5", "bf16.h5", "long.h5",
             "diverged.h5", "restarted.h5"]
    dumps = []
    for threads in (1, 2, 8):
        world.analyze(*files, db=f"{threads}.db", options=["--threads", str(threads)])
        dumps.append(dump(world / f"{threads}.db"))
    assert dumps[0] == dumps[1] == dumps[2]


@test
def little_and_much_memory_give_the_same(world):
    for memory in ("1", "512"):
        world.analyze("long.h5", "damaged.h5", db=f"m{memory}.db", check=3,
                      options=["--memory", memory])
    assert dump(world / "m1.db") == dump(world / "m512.db")


def interrupted(world, number, delays, fixture="long.h5"):
    """Signals a call after each delay in turn, the database growing; the results."""
    results = []
    for delay in delays:
        process = world.start("analyze", clitest.FIXTURES / fixture, "--db", "r.db", "-q")
        results.append(kill(process, delay, number))
    return results


def run_time(world, fixture="long.h5"):
    started = time.monotonic()
    world.analyze(fixture, db="timed.db")
    return time.monotonic() - started


@test
def killed_anywhere_and_run_again_ends_the_same(world):
    expected = whole(world, "long.h5", "healthy.h5")
    duration = run_time(world)
    codes = []
    for attempt in range(12):
        for name in world.names():
            if name.startswith("r.db"):
                (world / name).unlink()
        codes += [r.code for r in interrupted(world, signal.SIGKILL,
                                              [duration * (attempt + 0.5) / 12] * 2)]
        world.analyze("long.h5", "healthy.h5")
        assert dump(world / "r.db") == expected, f"after {attempt}: {codes}"
    assert -signal.SIGKILL in codes, codes


@test
def killed_while_replacing_and_run_again_ends_the_same(world):
    duration = run_time(world)
    for part in (0.3, 0.6, 0.9):
        world.analyze("impostor.h5", options=["--run", "long"], db=f"{part}.db")
        process = world.start("analyze", clitest.FIXTURES / "long.h5", "--db", f"{part}.db",
                              "--replace", "-q")
        kill(process, duration * part)
        world.analyze("long.h5", db=f"{part}.db", options=["--replace"])
        assert dump(world / f"{part}.db") == whole(world, "long.h5")


@test
def an_interrupt_keeps_what_is_done_and_ends_with_130(world):
    expected = whole(world, "long.h5")
    duration = run_time(world)
    for attempt in range(40):  # until one arrives in the middle
        for name in world.names():
            if name.startswith("r.db"):
                (world / name).unlink()
        result = interrupted(world, signal.SIGINT, [duration * (0.3 + 0.02 * attempt)])[0]
        assert result.code in (0, 130, -signal.SIGINT), str(result)
        if result.code == 130:
            break
    assert result.code == 130, str(result)
    assert "signal" in result.err and "goes on" in result.err, str(result)
    world.analyze("long.h5")
    assert dump(world / "r.db") == expected


@test
def a_termination_ends_with_143(world):
    duration = run_time(world)
    codes = set()
    for attempt in range(40):
        codes.add(interrupted(world, signal.SIGTERM, [duration * (0.3 + 0.02 * attempt)])[0].code)
        if 143 in codes:
            return
        for name in world.names():
            if name.startswith("r.db"):
                (world / name).unlink()
    assert 143 in codes, codes


@test
def two_at_once_into_one_database(world):
    expected = whole(world, "long.h5", "healthy.h5", "masked.h5")
    one = world.start("analyze", clitest.FIXTURES / "long.h5", clitest.FIXTURES / "healthy.h5",
                      "--db", "r.db")
    two = world.start("analyze", clitest.FIXTURES / "masked.h5", clitest.FIXTURES / "long.h5",
                      "--db", "r.db")
    for process in (one, two):
        result = clitest.finish(process)
        assert result.code == 0, str(result)
    strip = lambda lines: sorted(line.split("(", 1)[1].split(",", 1)[1] for line in lines)
    assert strip(dump(world / "r.db")) == strip(expected)  # ids may be given otherwise


@test
def replace_leaves_what_a_new_database_would_have(world):
    world.analyze("healthy.h5")
    world.analyze("impostor.h5", check=2)
    assert dump(world / "r.db") == whole(world, "healthy.h5")
    world.analyze("impostor.h5", options=["--replace"])
    assert dump(world / "r.db") == whole(world, "impostor.h5", db="impostor.db")


@test
def nothing_is_left_beside_the_database(world):
    world.analyze("healthy.h5")
    world.run("runs", "--db", "r.db", check=0)
    world.run("plot", "scalars", "--db", "r.db", "-o", "x.svg", check=0)
    assert world.names() == ["r.db", "x.svg"], world.names()


clitest.main()
