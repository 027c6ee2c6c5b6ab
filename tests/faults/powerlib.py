"""powerlib.py: what a disk may hold after the power went, by what a program asked of it (strace).

A file's writes reach the disk when it is synced; before that each may have arrived or not, in any order, also
by halves (512 bytes).  Names (a file made, linked, renamed, taken away) reach it in their order, when their
folder is synced; before that the first so many may have.  Nothing is written by mapped memory but SQLite's -shm,
which it makes anew.
"""
import os
import re
import subprocess

SECTOR = 512
CALLS = "openat,write,pwrite64,fsync,fdatasync,ftruncate,fallocate,rename,renameat,renameat2,link,linkat,unlink,unlinkat"
CALL = re.compile(r"^\d+ +(\w+)\((.*)\)\s+= (-?\d+)(?:<([^>]*)>)?")
HEX = re.compile(r"\\x([0-9a-f]{2})")


def unhex(text):
    return bytes.fromhex(text.replace("\\x", "")) if "\\x" in text else text.encode()


def can_trace():
    try:
        return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def trace(command, folder, log, **options):
    done = subprocess.run(["strace", "-f", "-y", "-xx", "-s", str(1 << 24), "-e", "trace=" + CALLS, "-o", log,
                           *map(os.fspath, command)], cwd=folder, check=False, **options)
    assert done.returncode == 0, done
    return list(operations(whole_lines(log), os.fspath(folder).encode()))


def whole_lines(log):
    """Calls that another thread's interrupted are put together again, at the place of their end."""
    begun = {}
    with open(log, encoding="ascii") as lines:
        for line in lines:
            pid = line.split(" ", 1)[0]
            if "<unfinished ...>" in line:
                begun[pid] = line.split("<unfinished ...>")[0]
            elif "resumed>" in line:
                yield begun.pop(pid, "") + line.split("resumed>", 1)[1]
            else:
                yield line


def operations(lines, folder):
    """(what, file, more) of calls on files in the folder; a file that never had a name is '#...'."""
    def name_of(path):
        path = os.path.normpath(os.path.join(folder, path))
        return path[len(folder) + 1:].decode() if path.startswith(folder + b"/") else None

    unnamed = {}  # descriptor: file
    for line in lines:
        match = CALL.match(line)
        if match is None or int(match[3]) < 0:
            continue
        call, result = match[1], int(match[3])
        fds = [name_of(unhex(path)) for path in re.findall(r"\b\d+<([^>]*)>", match[2])]
        texts = [unhex(text) for text in re.findall(r'"([^"]*)"', match[2])]
        numbers = [int(n) for n in re.findall(r", (\d+)\b", match[2])]
        if call == "openat":
            to = name_of(unhex(match[4])) if match[4] else None
            unnamed[result] = to
            if to is not None and ("O_CREAT" in match[2] or "O_TMPFILE" in match[2] or "O_TRUNC" in match[2]):
                yield "open", to, "O_TRUNC" in match[2]
        elif call in ("write", "pwrite64") and fds and fds[0] is not None:
            yield call, fds[0], (texts[0][:result], numbers[-1] if call == "pwrite64" else None)
        elif call in ("fsync", "fdatasync"):
            path = unhex(re.search(r"<([^>]*)>", match[2])[1])
            if path == folder:
                yield "sync folder", None, None
            elif fds and fds[0] is not None:
                yield "sync", fds[0], None
        elif call == "ftruncate" and fds and fds[0] is not None:
            yield "cut", fds[0], numbers[-1]
        elif call.startswith(("rename", "link")) and len(texts) == 2 and name_of(texts[1]) is not None:
            held = re.fullmatch(rb"/proc/self/fd/(\d+)", texts[0])
            source = unnamed[int(held[1])] if held else name_of(texts[0])
            yield "rename" if call.startswith("rename") else "link", source, name_of(texts[1])
        elif call.startswith("unlink") and texts and name_of(texts[0]) is not None:
            yield "unlink", name_of(texts[0]), None


class File:
    def __init__(self, data=b""):
        self.synced = bytearray(data)
        self.pending = []  # (offset, bytes) or a length
        self.end = len(data)  # where write() goes on: of one writer

    def change(self, data, change):
        if isinstance(change, int):
            del data[change:]
            data.extend(bytes(change - len(data)))
        else:
            offset, piece = change
            data.extend(bytes(max(0, offset - len(data))))
            data[offset:offset + len(piece)] = piece

    def write(self, piece, offset):
        if offset is None:
            offset = self.end
            self.end += len(piece)
        self.pending.append((offset, piece))

    def sync(self):
        for change in self.pending:
            self.change(self.synced, change)
        self.pending = []

    def after_loss(self, rng):
        data, mode = bytearray(self.synced), rng.choice(["none", "all", "some", "some", "torn"])
        for i, change in enumerate(self.pending):
            last = mode == "torn" and i + 1 == len(self.pending)
            if mode == "none" or (mode == "some" and rng.random() < 0.5):
                continue
            if last and not isinstance(change, int):
                offset, piece = change
                keep = rng.randrange(len(piece) + 1) // SECTOR * SECTOR
                change = (offset, piece[:keep])
            self.change(data, change)
        return bytes(data)


class Disk:
    """The folder as it was before the program began, and then what the program did, one by one."""

    def __init__(self, folder):
        self.now = {path.name: File(path.read_bytes()) for path in folder.iterdir() if path.is_file()}
        self.durable, self.pending = dict(self.now), []

    def name(self, name, file):
        """None: no more."""
        self.pending.append((name, file))
        if file is None:
            self.now.pop(name, None)
        else:
            self.now[name] = file

    def do(self, what, name, more):
        if what == "open":
            if name not in self.now:
                self.name(name, File())
            elif more:
                self.now[name].pending.append(0)
                self.now[name].end = 0
        elif what in ("write", "pwrite64"):
            self.now[name].write(*more)
        elif what == "cut":
            self.now[name].pending.append(more)
        elif what == "sync":
            self.now[name].sync()
        elif what == "sync folder":
            self.durable, self.pending = dict(self.now), []
        elif what == "unlink":
            self.name(name, None)
        else:
            file = self.now[name]
            self.name(more, file)
            if what == "rename":
                self.name(name, None)

    def after_loss(self, rng):
        """name: bytes."""
        names = dict(self.durable)
        for name, file in self.pending[:rng.randrange(len(self.pending) + 1)]:
            names[name] = file
        return {name: file.after_loss(rng) for name, file in names.items()
                if file is not None and not name.startswith("#") and not name.endswith("-shm")}
