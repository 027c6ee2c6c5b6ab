"""Files that the newest h5py of PyPI writes: libver=('v110', 'v110') is read, what only newer HDF5 knows
is refused with a sentence that says what to do.  ENTRO_H5PY_PYTHON is a Python with a newer h5py; else
ENTRO_PYTORCH=1 lets pip fetch one; else skipped."""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import clitest
from clitest import query, test

WRITE = """
import sys, h5py, numpy as np
a = np.tril(np.ones((2, 8, 8), 'f4'))
a /= a.sum(-1, keepdims=True)
with h5py.File(sys.argv[1], 'w', libver=eval(sys.argv[2])) as file:
    for step in 0, 10:
        for layer in 0, 1, 2:
            file.create_dataset(f'step_{step}/layer_{layer}', data=a, **eval(sys.argv[3]))
"""
NEWEST = "import h5py; print(*h5py.version.hdf5_version_tuple[:2])"


def find_python(folder):
    given = os.environ.get("ENTRO_H5PY_PYTHON")
    if given or not os.environ.get("ENTRO_PYTORCH"):
        return given
    python = Path(folder) / "bin" / "python"
    try:
        for command in ([sys.executable, "-m", "venv", folder],
                        [python, "-m", "pip", "install", "-q", "h5py", "numpy"]):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=200)
    except (OSError, subprocess.SubprocessError):
        return None
    return str(python)


def write(world, libver, storage):
    subprocess.run([PYTHON, "-c", WRITE, world / "new.h5", repr(libver), repr(storage)], check=True)
    return world / "new.h5"


STORAGE = [{}, {"chunks": (1, 8, 8)}, {"chunks": (1, 8, 8), "maxshape": (None, 8, 8)},
           {"chunks": (1, 4, 4), "compression": "gzip", "shuffle": True, "fletcher32": True}]


@test
def v110_is_read(world):
    for number, storage in enumerate(STORAGE):
        path = write(world, ("v110", "v110"), storage)
        world.run("analyze", path, "--db", f"{number}.db", "--axes", "HQK", check=0)
        assert query(world / f"{number}.db", "SELECT count(*) FROM head_stats") == [(12,)]


@test
def latest_is_read_or_says_what_to_do(world):
    newest = subprocess.run([PYTHON, "-c", NEWEST], check=True, capture_output=True, text=True).stdout
    refused = 0
    for number, storage in enumerate(STORAGE):
        path = write(world, "latest", storage)
        result = world.run("analyze", path, "--db", f"{number}.db", "--axes", "HQK")
        assert result.code in (0, 4), result
        if result.code == 4:
            refused += 1
            assert "libver=('v110', 'v110')" in result.err, result
    assert refused > 0 or newest.split()[0] == "1", newest  # HDF5 2.0: filtered chunks


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="entroscope-h5py-") as venv:
        PYTHON = find_python(venv)
        if PYTHON is None:
            print("1..0 # SKIP no newer h5py: set ENTRO_H5PY_PYTHON, or ENTRO_PYTORCH=1 for pip")
            sys.exit(0)
        clitest.main()
