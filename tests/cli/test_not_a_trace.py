"""Files that are no trace, and what is no file: each is named for what it is, at once, and nothing waits."""
import gzip
import io
import os
import socket
import sqlite3
import statistics
import subprocess
import tarfile
import time
import zipfile

import clitest
from clitest import PROGRAM, SANITIZED, Skip, environment, query, test

LIMIT = 1 if SANITIZED else 0.1  # seconds above what the program takes to start


def torch_archive():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("model/data/0", bytes(64))
    return data.getvalue()


def tar_archive():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("trace.h5"), io.BytesIO(b""))
    return data.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 1\n"

FILES = {  # name: bytes, what is said of it, exit code
    "empty.h5": (b"", "an empty file", 4),
    "three.h5": (b"\x89HD", "HDF5 cut off in its first bytes", 4),
    "signature.h5": (b"\x89HDF\r\n\x1a\n", "HDF5 cut off in its first bytes", 4),
    "page.h5": (b"<!DOCTYPE html><html><title>404</title>", "an HTML page", 4),
    "login.h5": (b"<HTML><BODY>sign in", "an HTML page", 4),
    "lfs.h5": (LFS, "git lfs pull", 4),
    "lfs.npz": (LFS, "git lfs pull", 4),
    "run.h5.gz": (gzip.compress(b"\x89HDF\r\n\x1a\n" * 9), "gzip data (unpack it first)", 4),
    "run.h5.xz": (b"\xfd7zXZ\0\0\x04", "xz data (unpack it first)", 4),
    "run.h5.zst": (b"\x28\xb5\x2f\xfd\x04\x00", "zstd data (unpack it first)", 4),
    "run.tar": (tar_archive(), "a tar archive (unpack it first)", 4),
    "model.pt": (torch_archive(), "a Python pickle, which is never loaded", 5),
    "old.pt": (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "a Python pickle", 4),
    "new.pkl": (b"\x80\x05\x95\x00\x00\x00\x00", "a Python pickle", 4),
    "losses.csv": (b"step,loss\n1,2.385\n", "text", 4),
    "config.json": (b'{"layers": 3}', "JSON text", 4),
    "run.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "MATLAB file older than 7.3", 4),
    "table.parquet": (b"PAR1\x15\x04", "a Parquet table", 4),
    "figure.png": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image", 4),
    "old.nc": (b"CDF\x01\0\0\0\0", "a classic NetCDF file", 4),
    "zeros.h5": (bytes(8192), "something unknown", 4),
}


def make_files(world):
    for name, (data, _, _) in FILES.items():
        (world / name).write_bytes(data)
    sqlite3.connect(world / "results.db").execute("CREATE TABLE t (x)").connection.close()


def make_others(world):
    """What is no file: {name: what is said of it}."""
    (world / "folder").mkdir()
    os.mkfifo(world / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(world / "socket"))
    os.symlink("loop", world / "loop")
    os.symlink("gone", world / "dangling")
    os.symlink("fifo", world / "to-fifo")
    return {"folder": "is a folder without files", "fifo": "is a pipe (FIFO)",
            "to-fifo": "is a pipe (FIFO)", "socket": "is a socket", "/dev/zero": "is a device",
            "/dev/null": "is a device", "loop": "symbolic links", "dangling": "No such file",
            "nowhere": "No such file", "losses.csv/x": "Not a directory"}


def seconds_of(world, *args):
    begin = time.monotonic()
    done = subprocess.run([PROGRAM, *args], cwd=world.path, env=environment(), check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
    return time.monotonic() - begin, done.returncode


def in_time(world, start, *args):
    """Of several calls the fastest: the machine may be busy."""
    return min(seconds_of(world, *args)[0] for _ in range(3)) < start + LIMIT or \
        min(seconds_of(world, *args)[0] for _ in range(10)) < start + LIMIT


def check(world, name, words, code, start):
    for command in (["inspect", name], ["analyze", name, "--db", "r.db"]):
        result = world.run(*command, check=code)
        assert words in result.err and result.err.count("\n") == 1, (name, str(result))
        assert f": {name}: " in result.err and result.out == "", (name, str(result))
        assert in_time(world, start, *command), f"{name}: it takes its time"
    assert not (world / "r.db").exists(), name


@test
def each_kind_is_named_at_once(world):
    make_files(world)
    others = make_others(world)
    start = statistics.median(seconds_of(world, "--version")[0] for _ in range(9))
    for name, (_, words, code) in FILES.items():
        check(world, name, words, code, start)
    check(world, "results.db", "a SQLite database", 4, start)
    for name, words in others.items():
        check(world, name, words, 4, start)


@test
def a_terminal_that_is_not_there(world):
    """A device that cannot be opened is still one."""
    result = world.run("inspect", "/dev/tty", start_new_session=True, check=4)
    assert "is a device" in result.err, result


@test
def what_may_not_be_read(world):
    (world / "secret.h5").write_bytes(b"x")
    os.chmod(world / "secret.h5", 0)
    if os.access(world / "secret.h5", os.R_OK) and os.getuid() != 0:
        raise Skip("may read all")
    result = world.run("inspect", "secret.h5", check=4, **clitest.as_nobody())
    assert "ermission denied" in result.err, result


@test
def none_of_them_stops_a_batch(world):
    """All of them at once with one trace among them: that is stored, the others are named."""
    make_files(world)
    names = [*FILES, *make_others(world)]
    files = [*names[:9], world.fixtures / "healthy.h5", *names[9:]]
    result = world.run("analyze", *files, "--db", "r.db", check=3)
    for name in names:
        assert f": {name}: " in result.err, (name, str(result))
    assert query(world / "r.db", "SELECT name FROM runs") == [("healthy",)]


if __name__ == "__main__":
    clitest.main()
