"""run-power.py: the power goes, at any call that writes, and the disk has done what it liked with all that
was not synced (powerlib.py).

Then: files that are written whole are the old one or the new one; a database is sound, and has every capture
that was told as stored; and the same command run again ends as if nothing had happened.  ENTRO_POWER: how many
losses of each command (15); ENTRO_SEED: others.
"""
import collections
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import faultlib
import powerlib
from faultlib import TRAIN, Case, Scratch, clitest, environment, run

N = int(os.environ.get("ENTRO_POWER", "15"))
SEED = int(os.environ.get("ENTRO_SEED", "1"))

CASES = [
    Case("analyze-new", ["watch", "learned.h5", "--db", "new.db", "--json"], inputs=("learned.h5",), grows=("new.db",)),
    Case("analyze-more", ["watch", "learned.h5", "--db", "a.db", "--json"], inputs=("learned.h5",), grows=("a.db",),
         needs=("a.db",)),
    Case("merge", ["merge", "b.db", "--db", "a.db"], grows=("a.db",), needs=("a.db", "b.db")),
    Case("delete", ["runs", "delete", "healthy", "--yes", "--db", "a.db"], grows=("a.db",), needs=("a.db",)),
    Case("backup", ["db", "backup", "a.db", "b.db"], grows=("b.db",), needs=("a.db", "b.db")),
    Case("export", ["export", "head_stats", "--db", "a.db", "-o", "o.csv"], outputs=("o.csv",), needs=("a.db",)),
    Case("report-html", ["report", "collapsing", "--db", "a.db", "--html", "o.html"], outputs=("o.html",),
         needs=("a.db",)),
    Case("plot", ["plot", "layerwise-entropy", "--run", "collapsing", "--db", "a.db", "-o", "o.pdf"],
         outputs=("o.pdf",), needs=("a.db",)),
    Case("train", [*TRAIN, "--steps", "12"], grows=("t.h5", "t.ck"), needs=("data.txt",)),
]
AGAIN_IS_NOTHING = {"delete"}  # what it took away is no longer there


def told(event):
    """The step of a capture that the program called stored; None: another event."""
    event = json.loads(event)
    return event["step"] if event["event"] == "capture" else None


class Recorded:
    """A command, undisturbed, and every call of it that writes."""

    def __init__(self, case):
        self.case = case
        with Scratch(case) as folder, tempfile.NamedTemporaryFile() as log, open(folder / "events", "wb") as events:
            self.calls = powerlib.trace([clitest.PROGRAM, *case.args], folder, log.name, stdout=events,
                                        stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=environment())

    def lose(self, at, rng, folder):
        """What is there after the power went before call `at`; returns the steps that were told until then."""
        disk, said = powerlib.Disk(self.case.template), b""
        for what, name, more in self.calls[:at]:
            if name != "events":
                disk.do(what, name, more)
            elif what == "write":
                said += more[0]
        for path in folder.iterdir():
            path.unlink()
        for name, data in disk.after_loss(rng).items():
            (folder / name).write_bytes(data)
        return {told(line) for line in said.splitlines()} - {None} if "--json" in self.case.args else set()


def stored(path):
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return {step for (step,) in db.execute("SELECT c.step FROM captures AS c JOIN runs AS r ON r.id = c.run_id"
                                               " WHERE r.name = 'learned'")}
    finally:
        db.close()


def check_database(path, steps):
    if not path.exists() or path.stat().st_size == 0:
        assert not steps, f"{steps} were told, and there is no database"
        return
    health = run(["db", "check", path.name], path.parent)
    assert health.returncode == 0 or (not steps and b"an empty database" in health.stderr), health
    if steps:
        assert steps <= stored(path), f"told: {steps}, there: {stored(path)}"


def check_drafts(case, folder):
    """A draft that had its name for a moment; the next commit takes it."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            path.unlink()
    extra = {path.name for path in folder.iterdir()} - case.names
    assert all(name.endswith(("-wal", "-journal", ".redo")) for name in extra), extra


def check_outputs(case, folder):
    for name in case.outputs:
        data = (folder / name).read_bytes()
        if data != faultlib.OLD:
            assert faultlib.state(folder / name) == case.reference[name], f"{name} is a mix ({len(data)} bytes)"


def statistics(path):
    """(step, layer, head): what was measured there, where every row was good."""
    db = sqlite3.connect(path)
    try:
        rows = db.execute("SELECT * FROM head_stats WHERE n_nan + n_masked + n_off_sum = 0").fetchall()
    finally:
        db.close()
    return {row[1:4]: row[4:] for row in rows}


def check_trace(case, folder):
    """HDF5 writes its own blocks in place: what was written since the last sync may have spoilt older ones.  So
    the trace may be lost; it may not lie, and the checkpoint holds.  Gone on with, it is what it would have been."""
    gone = run(["analyze", "t.h5", "--db", "z.db"], folder)
    assert gone.returncode in (0, 1, 3, 4), gone
    if (folder / "z.db").exists():
        found = statistics(folder / "z.db")
        assert found.items() <= case.numbers.items(), "the trace lies"
    for path in folder.glob("z.db*"):
        path.unlink()
    done = run(case.args, folder)
    case.fates[done.returncode] += 1
    if done.returncode == 0:
        for name in case.grows:
            assert faultlib.state(folder / name) == case.reference[name], f"again: {name} differs"
        return
    assert done.returncode in (4, 6) and b"t.h5" in done.stderr, done
    other = ["new.h5" if word == "t.h5" else word for word in case.args]
    done = run([*other, "--new-trace"], folder)
    assert done.returncode == 0, f"with another trace: {done}"


def check(recorded, at, rng):
    case = recorded.case
    with Scratch(case) as folder:
        steps = recorded.lose(at, rng, folder)
        check_drafts(case, folder)
        check_outputs(case, folder)
        for name in (*case.grows, *case.needs):
            if name.endswith(".db"):
                check_database(folder / name, steps)
        if case.name == "train":
            check_trace(case, folder)
            return
        done = run(case.args, folder)
        if case.name in AGAIN_IS_NOTHING and done.returncode == 2:
            return
        assert done.returncode == 0, f"again: {done}"
        for name in (*case.outputs, *case.grows):
            assert faultlib.state(folder / name) == case.reference[name], f"again: {name} differs"


def prepare_trace(case):
    case.fates = collections.Counter()
    with Scratch(case) as folder:
        for command in (case.args, ["analyze", "t.h5", "--db", "z.db"]):
            done = run(command, folder)
            assert done.returncode == 0, done
        case.numbers = statistics(folder / "z.db")


def losses(case, home):
    rng = random.Random(f"{SEED} {case.name}")
    case.prepare(home)
    recorded = Recorded(case)
    if case.name == "train":
        prepare_trace(case)
    n_calls = len(recorded.calls)
    assert n_calls > 3, recorded.calls
    places = list(range(n_calls + 1))
    if N < len(places):
        places = sorted(rng.sample(places, N))
    else:
        places = sorted(places + [rng.randrange(n_calls + 1) for _ in range(N - len(places))])
    for at in places:
        try:
            check(recorded, at, rng)
        except AssertionError as wrong:
            before = recorded.calls[at - 1][:2] if at > 0 else "nothing"
            raise AssertionError(f"{wrong}\nafter call {at} of {n_calls} ({before})") from wrong
    print(f"# {case.name}: {len(places)} losses among {n_calls} calls"
          + (f"; exit codes of --resume: {dict(case.fates)}" if case.name == "train" else ""))


def main():
    chosen = [case for case in CASES if case.name in sys.argv[1:] or len(sys.argv) == 1]
    if not powerlib.can_trace():
        print("1..0 # SKIP no strace here, or it may not trace")
        return True
    print(f"1..{len(chosen)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="entroscope-power-") as name:
        home = Path(name).resolve()
        faultlib.make_home(home)
        return all([faultlib.attempt(i, case.name, losses, case, home) for i, case in enumerate(chosen, 1)])


sys.exit(not main())
