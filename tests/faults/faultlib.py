"""faultlib.py: what the tests of failing calls and of signals share: commands, and what must be true
after any of them was disturbed.

A Case is a command in a folder that was made ready for it.  Undisturbed it is run once; whatever
happens to it later, the old outputs are there or the new ones, nothing is left behind, and the same
command run again gives what the undisturbed run gave.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cli"))
import clitest  # noqa: E402
from clitest import FIXTURES, PROGRAM, dump  # noqa: E402

try:
    import h5py
    import numpy as np
except ImportError:
    h5py = None

HANG = 20  # seconds
OLD = b"what was there before\n"
TRAIN = ["train", "--data", "data.txt", "--layers", "2", "--heads", "2", "--dim", "16", "--context",
         "16", "--batch", "2", "--eval-batches", "1", "--eval-every", "7", "--capture-every", "4",
         "--capture-samples", "2", "--threads", "1", "--run", "tiny", "--trace", "t.h5",
         "--checkpoint", "t.ck", "--checkpoint-every", "5", "--resume"]
RECIPE = """[figure]
width = 5
[panel heads]
view = headwise-entropy
run = collapsing
[panel loss]
view = scalars
run = collapsing
"""
# Beside a database for as long as somebody has it open, and after somebody was stopped.
JOURNALS = ("-wal", "-shm", "-journal")


def contents(path):
    """Every attribute and dataset as bytes, but for what says which file it is."""
    if h5py is None:
        raise clitest.Skip("h5py is not installed")
    found = {}

    def visit(name, item):
        for key, value in item.attrs.items():
            if key != "trace_uuid":
                found[name, key] = np.asarray(value).tobytes()
        if isinstance(item, h5py.Dataset):
            found[name] = (item.shape, item.dtype.str, item[()].tobytes())

    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)
    return found


def state(path):
    """What counts of a file, for comparing."""
    if path.suffix == ".db":
        return dump(path)
    if path.name in ("t.h5", "t.ck"):
        return contents(path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def steady(output):
    """What is printed, without how long it took."""
    return re.sub(rb"\d+\.\d+ [kMG]B in \d+\.\d+ s: .*", b"(speed)", output)


class Case:
    """inputs: fixtures, beside a.db (made of runs of its own) for those that read one.
    outputs: files that it writes whole; there is an old one of each before.
    grows: files that it adds to: whole at last, when the command is run again."""

    def __init__(self, name, args, inputs=(), outputs=(), grows=(), needs=(), files=(), trace=None,
                 named=False):
        self.name, self.args, self.inputs = name, args, inputs
        self.outputs, self.grows, self.needs, self.files = outputs, grows, needs, dict(files)
        self.trace = trace  # one of `grows`, that others read meanwhile
        self.named = named  # on a file system where every draft has a name
        self.template = self.reference = None

    def prepare(self, home):
        self.template = home / self.name
        self.template.mkdir()
        for name in self.inputs:
            shutil.copy(FIXTURES / name, self.template)
        for name in self.needs:
            shutil.copy(home / name, self.template)
        for name in self.outputs:
            (self.template / name).write_bytes(OLD)
        for name, text in self.files.items():
            (self.template / name).write_text(text)
        with Scratch(self) as folder:
            done = run(self.args, folder)
            assert done.returncode == 0, done
            self.reference = {name: state(folder / name) for name in (*self.outputs, *self.grows)}
            self.stdout = steady(done.stdout)
            self.names = set(os.listdir(folder))

    # ---- what must be true ---------------------------------------------------------------------

    def check_files(self, folder, code):
        """After a disturbed run."""
        for name in self.outputs:
            data = (folder / name).read_bytes()
            new = hashlib.sha256(data).hexdigest() == self.reference[name]
            assert new or data == OLD, f"{name} is a mix ({len(data)} bytes)"
            assert new or code != 0, f"exit 0, but {name} is the old one"
        allowed = self.names | {f"{name}{end}" for name in self.names for end in JOURNALS
                                if name.endswith(".db")} | {f"{name}.redo" for name in self.grows}
        extra = set(os.listdir(folder)) - allowed
        assert not extra, f"left behind: {extra}"
        for name in self.template.iterdir():
            if name.name not in (*self.outputs, *self.grows) and name.suffix != ".db":
                assert name.read_bytes() == (folder / name.name).read_bytes(), f"{name.name} changed"

    def check_again(self, folder, more=()):
        """Run again, undisturbed."""
        done = run([*self.args, *more], folder)
        assert done.returncode == 0, f"again: {done}"
        for name in (*self.outputs, *self.grows):
            assert state(folder / name) == self.reference[name], f"again: {name} differs"
        assert set(os.listdir(folder)) == self.names, \
            f"again: {set(os.listdir(folder)) ^ self.names}"


class Scratch:
    def __init__(self, case):
        self.case = case

    def __enter__(self):
        # without links: the folder is compared with what /proc says
        self.path = Path(tempfile.mkdtemp(prefix="entroscope-fault-")).resolve()
        shutil.copytree(self.case.template, self.path, dirs_exist_ok=True)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path)


def environment(**more):
    # one place for the caches of fonts, and not the home of who runs the tests
    return clitest.environment(SOURCE_DATE_EPOCH="0", **more)


def run(args, folder, **options):
    env = environment(**options.pop("env", {}))
    return subprocess.run([os.fspath(PROGRAM), *args], cwd=folder, stdin=subprocess.DEVNULL,
                          stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
                          timeout=HANG, env=env, check=False, **options)


def make_home(home):
    """Databases that the cases begin with."""
    def must(*args):
        done = run(args, home)
        assert done.returncode == 0, done

    text = "def return import class self for in while if else ".split()
    (home / "data.txt").write_text(" ".join(text[i * i * 7 % 10] for i in range(3000)))
    must("analyze", *(FIXTURES / name for name in ("collapsing.h5", "healthy.h5")), "--db", "a.db")
    must("analyze", FIXTURES / "learned.h5", "--db", "b.db")


def attempt(number, name, function, *args):
    try:
        function(*args)
    except clitest.Skip as reason:
        print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        return True
    except Exception as wrong:
        print(f"not ok {number} - {name}")
        for line in f"{type(wrong).__name__} {wrong}".splitlines():
            print("#", line)
        sys.stdout.flush()
        return False
    print(f"ok {number} - {name}", flush=True)
    return True


CASES = [
    Case("train", [*TRAIN, "--steps", "12"], grows=("t.h5", "t.ck"), needs=("data.txt",),
         trace="t.h5"),
    Case("inspect", ["inspect", "learned.h5"], inputs=("learned.h5",)),
    Case("analyze", ["analyze", "learned.h5", "--db", "a.db", "--threads", "2"],
         inputs=("learned.h5",), grows=("a.db",), needs=("a.db",)),
    Case("analyze-new", ["analyze", "learned.h5", "--db", "new.db"], inputs=("learned.h5",),
         grows=("new.db",)),
    Case("runs", ["runs", "--db", "a.db", "--json"], grows=("a.db",), needs=("a.db",)),
    Case("runs-tag", ["runs", "tag", "collapsing", "odd", "--db", "a.db"], grows=("a.db",),
         needs=("a.db",)),
    Case("report", ["report", "collapsing", "--db", "a.db"], grows=("a.db",), needs=("a.db",)),
    Case("report-html", ["report", "collapsing", "healthy", "--db", "a.db", "--html", "o.html"],
         outputs=("o.html",), grows=("a.db",), needs=("a.db",)),
    Case("compare", ["compare", "collapsing", "healthy", "--db", "a.db"], grows=("a.db",),
         needs=("a.db",)),
    Case("plot-pdf", ["plot", "layerwise-entropy", "--run", "collapsing", "--db", "a.db", "-o",
                      "o.pdf"], outputs=("o.pdf",), grows=("a.db",), needs=("a.db",)),
    Case("plot-svg", ["plot", "headwise-entropy", "--run", "collapsing", "--db", "a.db", "-o",
                      "o.svg"], outputs=("o.svg",), grows=("a.db",), needs=("a.db",)),
    Case("plot-png", ["plot", "headwise-entropy", "--run", "collapsing", "--db", "a.db", "-o",
                      "o.png"], outputs=("o.png",), grows=("a.db",), needs=("a.db",)),
    Case("plot-recipe", ["plot", "--recipe", "r.ini", "--db", "a.db", "-o", "o.pdf"],
         outputs=("o.pdf",), grows=("a.db",), needs=("a.db",), files={"r.ini": RECIPE}),
    Case("plot-trace", ["plot", "attention-map", "--trace", "learned.h5", "--head", "0.0", "-o",
                        "o.png"], inputs=("learned.h5",), outputs=("o.png",)),
    Case("cost", ["cost", "--arch", "SM", "--layers", "2", "--heads", "2", "--dim", "16",
                  "--context", "16"]),
    Case("export", ["export", "head_stats", "--db", "a.db", "-o", "o.csv"], outputs=("o.csv",),
         grows=("a.db",), needs=("a.db",)),
    Case("export-named", ["export", "head_stats", "--db", "a.db", "-o", "o.csv"],
         outputs=("o.csv",), grows=("a.db",), needs=("a.db",), named=True),
    Case("export-json", ["export", "findings", "--db", "a.db", "--format", "json"],
         grows=("a.db",), needs=("a.db",)),
    Case("merge", ["merge", "b.db", "--db", "a.db"], grows=("a.db",), needs=("a.db", "b.db")),
]
