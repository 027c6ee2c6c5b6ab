"""A folder on a network file system, as a preloaded library (ENTRO_NETWORK_LIBRARY) lets it look."""
import os
import signal
import time

import clitest
from clitest import Skip, dump, query, test
from live import same_as_analyze, watch, write

LIBRARY = os.environ.get("ENTRO_NETWORK_LIBRARY", "build/tests/faults/libnetwork.so")
KINDS = {"NFS": 0x6969, "SMB": 0xFE534D42, "Lustre": 0x0BD00BD0, "FUSE": 0x65735546}
WAL, ROLLBACK = b"\2\2", b"\1\1"  # bytes 18 and 19 of a database


def lying_on(world, kind):
    if not os.path.exists(LIBRARY):
        raise Skip("the library is not built")
    return {"LD_PRELOAD": os.path.abspath(LIBRARY), "ENTRO_NETWORK_MAGIC": str(KINDS[kind]),
            "ENTRO_NETWORK_UNDER": os.path.realpath(world.path)}


def journal(path):
    return path.read_bytes()[18:20]


@test
def a_new_database_does_without_shared_memory(world):
    learned = world.fixtures / "learned.h5"
    for kind in "NFS", "SMB", "Lustre":
        done = world.run("analyze", learned, "--db", f"{kind}.db", env=lying_on(world, kind), check=0)
        assert "lies on a network file system" in done.err, done
        assert journal(world / f"{kind}.db") == ROLLBACK
        world.run("db", "check", f"{kind}.db", env=lying_on(world, kind), check=0)
    world.run("analyze", learned, "--db", "here.db", check=0)
    assert journal(world / "here.db") == WAL
    assert dump(world / "NFS.db") == dump(world / "here.db")
    # FUSE is the root of many containers
    done = world.run("analyze", learned, "--db", "fuse.db", env=lying_on(world, "FUSE"), check=0)
    assert "network" not in done.err and journal(world / "fuse.db") == WAL, done


@test
def a_database_that_was_made_elsewhere_is_switched(world):
    world.analyze("learned.h5")
    assert journal(world / "r.db") == WAL
    done = world.run("runs", "--db", "r.db", env=lying_on(world, "NFS"), check=0)
    assert "learned" in done.out and journal(world / "r.db") == WAL, "reading changes nothing"
    world.run("analyze", world.fixtures / "healthy.h5", "--db", "r.db", env=lying_on(world, "NFS"), check=0)
    assert journal(world / "r.db") == ROLLBACK
    assert query(world / "r.db", "SELECT count(*) FROM runs") == [(2,)]


def followed_on(world, kind, how, **options):
    with watch(world, "--wait", "--json", env=lying_on(world, kind)) as watcher:
        with write(world, how, **options) as writer:
            assert writer.finish().code == 0
            done = watcher.finish()
    assert done.code == 0, str(done)
    told = [event["message"] for _, event in watcher.events("state") if event["state"] == "network"]
    assert len(told) == 1 and f"({kind})" in told[0], told
    same_as_analyze(world)


@test
def a_trace_grows_and_its_attributes_say_nothing(world):
    """stat() tells what it told at first; it is read again all the same."""
    followed_on(world, "NFS", "swmr", n=6, delay=1.5)


@test
def and_one_without_swmr(world):
    followed_on(world, "SMB", "old", n=4, delay=2)


@test
def a_writer_that_may_be_on_another_machine(world):
    with write(world, n=1000, delay=0.05) as writer:
        writer.out.wait_for("5 ")
        writer.signal(signal.SIGKILL)
    done = watch(world, "--idle", "1", env=lying_on(world, "NFS")).finish()
    assert done.code == 3 and "was killed, or is on another machine and says nothing" in done.err, done
    with watch(world, env=lying_on(world, "NFS")) as patient:
        patient.err.wait_for("network file system")
        time.sleep(3)
        assert patient.process.poll() is None
        patient.signal(signal.SIGINT)
        assert patient.finish().code == 128 + signal.SIGINT


clitest.main()
