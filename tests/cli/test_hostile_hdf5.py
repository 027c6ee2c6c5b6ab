"""HDF5 files made to do harm: to lead elsewhere, to load what is not there, to fill the memory, to take for ever.
Needs h5py.

ENTRO_HEAPS: how many damaged heaps (default 10), ENTRO_CROWD: how many links and attributes (100000).
"""
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import zlib

import clitest
import test_box
from clitest import PROGRAM, SANITIZED, Skip, environment, query, test
from test_odd import B, H, S, T, attention, edit, h5py, make, numpy

clitest.tests.clear()  # those of test_box.py run there

HEAPS, CROWD = int(os.environ.get("ENTRO_HEAPS", "10")), int(os.environ.get("ENTRO_CROWD", "100000"))
SEED = int(os.environ.get("ENTRO_SEED", "1"))
CANARY = "CANARY-7f3a"
COMMANDS = (["inspect"], ["analyze", "--db", "r.db"])


def forget(world):
    for name in world.names():
        if name.startswith("r.db"):
            (world / name).unlink()


# ---- what leads elsewhere

def object_references(file):
    """Weights that are references to other weights."""
    file.move("layers/0/attention", "hidden")
    data = file.create_dataset("layers/0/attention", (S, B, H, T, T), h5py.ref_dtype)
    data[0, 0, 0, 0, 0] = file["hidden"].ref


def region_references(file):
    file.move("layers/0/attention", "hidden")
    file.create_dataset("layers/0/attention", (S, B, H, T, T), h5py.regionref_dtype)
    file.attrs["causal"] = file["hidden"].regionref[0]


def config_elsewhere(file):
    file["config"] = h5py.ExternalLink("canary.h5", "/config")


def scalars_elsewhere(file):
    file["scalars"] = h5py.ExternalLink("canary.h5", "/scalars")


def soft_link_to_an_external_one(file):
    file["out"] = h5py.ExternalLink("canary.h5", "/")
    del file["layers"]
    file["layers"] = h5py.SoftLink("/out/layers")


def external_link_by_its_whole_name(file):
    del file["layers/0/attention"]
    file["layers/0/attention"] = h5py.ExternalLink(os.path.abspath("canary.h5"), "/layers/0/attention")


def user_defined_link(world, name):
    """An external link that becomes one of a class that only a plugin would know."""
    edit(world, name, test_box.external_in_the_middle)
    data = bytearray((world / name).read_bytes())
    at = data.find(b"\x01\x08\x40\x010")  # a link message: version 1, a kind is given, 64 is external
    assert at > 0
    data[at + 2] = 70
    (world / name).write_bytes(data)


MORE_OUTSIDE = (object_references, region_references, config_elsewhere, scalars_elsewhere,
                soft_link_to_an_external_one, external_link_by_its_whole_name)


def make_canary(world):
    make(world, "canary.h5", attributes={"run_name": CANARY, "producer": CANARY})

    def fill(file):
        file.create_group("config").attrs["canary"] = CANARY
        file["scalars/loss/step"] = numpy.arange(3)
        file["scalars/loss/value"] = numpy.full(3, 4242.4242)

    edit(world, "canary.h5", fill)
    (world / "canary.raw").write_bytes(attention().tobytes() + CANARY.encode() * 99)


def outside_files(world):
    yield from test_box.hostile_files(world)
    make_canary(world)
    for change in MORE_OUTSIDE:
        make(world, f"{change.__name__}.h5")
        edit(world, f"{change.__name__}.h5", change)
        yield f"{change.__name__}.h5"
    make(world, "user_defined_link.h5")
    user_defined_link(world, "user_defined_link.h5")
    yield "user_defined_link.h5"


OWN = re.compile(r"^(/proc/|/sys/devices/system/|/dev/(null|urandom)|/usr/|/lib|/etc/(ld\.so|localtime|fonts))")


def opened_after_birth(trace, name, world):
    """What was opened after the child was born, or, in the child, after it went into its box."""
    child, boxed, found = None, False, []
    for line in trace.splitlines():
        number = line.split()[0]
        if "execve(" in line and "read-for-parent" in line:
            child = number
        elif number == child and "seccomp(SECCOMP_SET_MODE_FILTER" in line:
            boxed = True
        call = re.search(r'(?:open|openat|openat2)\((?:[^",]*, )?"((?:[^"\\]|\\.)*)"', line)
        if call is None or child is None:
            continue
        path = call[1]
        if number == child and boxed:
            found.append(f"in the box: {path}")
        elif not OWN.match(path) and path not in (name, f"{name}.redo", str(world.path)) \
                and not path.startswith(str(world / "r.db")):
            found.append(path)
    return child is not None, found


@test
def nothing_but_the_input_is_opened(world):
    strace = shutil.which("strace")
    if strace is None or h5py is None:
        raise Skip("no strace, or no h5py, here")
    names = list(outside_files(world))
    assert len(names) >= 14, names
    for name in names:
        for command in COMMANDS:
            done = subprocess.run(
                [strace, "-f", "-qq", "-o", world / "trace.txt", "-e",
                 "trace=open,openat,openat2,execve,seccomp", PROGRAM, command[0], name, *command[1:]],
                cwd=world.path, env=environment(), stdin=subprocess.DEVNULL, capture_output=True,
                timeout=120, check=False)
            trace = (world / "trace.txt").read_text(errors="replace")
            if name not in trace:
                raise Skip(f"strace sees nothing here: {done.stderr!r}")
            born, found = opened_after_birth(trace, name, world)
            assert born and found == [], (name, command, found)
        forget(world)


@test
def nothing_of_another_file_comes_out(world):
    """Neither its text nor its numbers, in no output."""
    if h5py is None:
        raise Skip("no h5py here")
    for name in outside_files(world):
        make_canary(world)
        said = [world.run(command[0], name, *command[1:]) for command in COMMANDS]
        assert all(result.code in (3, 4, 5) for result in said), (name, *map(str, said))
        if (world / "r.db").exists():
            said += [world.run("report", "#1", "--db", "r.db", *json) for json in ((), ("--json",))]
            said.append(world.run("export", "scalars", "--db", "r.db"))
        for result in said:
            assert CANARY not in result.out + result.err and "4242" not in result.out, (name, str(result))
        for file in world.names():
            if file.startswith("r.db"):
                assert CANARY.encode() not in (world / file).read_bytes(), (name, file)
        forget(world)


# ---- filters

def with_filters(*filters, mask=0):
    """Numbers of filters; an optional one may be named although it is not there."""
    def change(file):
        del file["layers/0/attention"]
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1, B, H, T, T))
        for number in filters:
            if number == h5py.h5z.FILTER_SCALEOFFSET:
                creation.set_scaleoffset(h5py.h5z.SO_FLOAT_DSCALE, 3)
            elif number == h5py.h5z.FILTER_SZIP:
                creation.set_szip(h5py.h5z.SZIP_NN_OPTION_MASK, 8)
            else:
                values = {h5py.h5z.FILTER_DEFLATE: (1,)}.get(number, ())
                creation.set_filter(number, h5py.h5z.FLAG_OPTIONAL, values)
        data = h5py.h5d.create(file["layers/0"].id, b"attention", h5py.h5t.IEEE_F32LE,
                               h5py.h5s.create_simple((S, B, H, T, T)), creation)
        if mask:
            data.write_direct_chunk((0, 0, 0, 0, 0), attention()[0].tobytes(), filter_mask=mask)
    return change


FILTERS = {  # what: change, words
    "zstd": (with_filters(32015), "number 32015"),
    "blosc": (with_filters(32001), "number 32001"),
    "lz4 behind shuffle": (with_filters(2, 32004), "number 32004"),
    "the trap": (with_filters(32099), "number 32099"),
    "nbit": (with_filters(5), "number 5"),
    "szip": (with_filters(4), "number 4"),
    "scale-offset": (with_filters(6), "number 6"),
    "two deflates": (with_filters(1, 1), "each once"),
    "deflate and lzf": (with_filters(1, 32000), "deflate or lzf"),
    "many": (with_filters(2, 1, 3, 2), "each once"),
    "a filter left out": (with_filters(2, 1, mask=2), "filter left out"),
}

TRAP = """
#include <stdio.h>
__attribute__((constructor)) static void spring(void) { FILE *f = fopen("SPRUNG", "w"); if (f) fclose(f); }
int H5PLget_plugin_type(void) { return 0; }
const void *H5PLget_plugin_info(void) { return 0; }
"""


@test
def filters_that_are_not_ours_are_named_and_load_nothing(world):
    if h5py is None:
        raise Skip("no h5py here")
    trap = {}
    if shutil.which("cc") is not None:
        (world / "trap.c").write_text(TRAP)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", "libtrap.so", "trap.c"], cwd=world.path, check=True)
        trap = {name: str(world.path) for name in ("HDF5_PLUGIN_PATH", "HDF5_VOL_CONNECTOR", "HDF5_DRIVER")}
    for what, (change, words) in FILTERS.items():
        make(world)
        edit(world, "odd.h5", change)
        result = world.run("analyze", "odd.h5", "--db", "r.db", env=trap)
        assert result.code == 5 and words in result.err and "h5repack" in result.err, (what, str(result))
        assert "/layers/0/attention" in result.err, (what, str(result))
        assert world.run("inspect", "odd.h5", env=trap).code in (0, 5), what
        assert not (world / "SPRUNG").exists(), what


# ---- bombs

def zeros_packed(n):
    packer = zlib.compressobj(1)
    part = bytes(1 << 20)
    return b"".join([packer.compress(part) for _ in range(n >> 20)] + [packer.flush()])


def raw_dataset(file, name, shape, chunk, dtype="f4", filters=(), data=None):
    """With bytes of ours in its first chunk."""
    if name in file:
        del file[name]
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk(chunk)
    creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    for number in filters:
        creation.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (1,) if number == 1 else ())
    group, _, last = name.rpartition("/")
    dataset = h5py.h5d.create(file.require_group(group or "/").id, last.encode(), h5py.h5t.py_create(numpy.dtype(dtype)),
                              h5py.h5s.create_simple(shape), creation)
    if data is not None:
        dataset.write_direct_chunk((0,) * len(shape), data)


WEIGHTS = "layers/0/attention"
SMALL_CHUNK = (1, B, H, T, T)


def bomb(*args, **options):
    return lambda file: raw_dataset(file, *args, **options)


def twice_packed():
    return zlib.compress(zeros_packed(1 << 30), 9)


def fat_attribute(file):
    """Only the newest format has attributes of more than 64 KiB."""
    data = numpy.zeros(64 << 20, "u1")
    file.attrs.create("run_name", data, data.shape, data.dtype)


def enormous_keys(file):
    del file[WEIGHTS]
    raw_dataset(file, "layers/0/queries", (S, B, H, T, 8), (1, 1, 1, T, 8))
    raw_dataset(file, "layers/0/keys", (S, B, H, 1 << 30, 8), (1, 1, 1, 1 << 20, 8))


def many_layers(file):
    layers = file["layers"]
    for number in range(1, 3000):
        layers[str(number)] = layers["0"]


BOMBS = {  # what: change; some are damage (3), the rest is refused
    "two deflates, 1 GiB": lambda: bomb(WEIGHTS, (S, B, H, T, T), SMALL_CHUNK, filters=(1, 1), data=twice_packed()),
    "a small chunk of 1 GiB": lambda: bomb(WEIGHTS, (S, B, H, T, T), SMALL_CHUNK, filters=(1,),
                                           data=zeros_packed(1 << 30)),
    "a chunk of 2 GiB": lambda: bomb(WEIGHTS, (1, 1, 8, 8192, 8192), (1, 1, 8, 8192, 8192), filters=(1,),
                                     data=zeros_packed(1 << 26)),
    "a chunk of 256 MiB in 256 KiB": lambda: bomb(WEIGHTS, (1, 1, 1, 8192, 8192), (1, 1, 1, 8192, 8192),
                                                  filters=(1,), data=zeros_packed(1 << 28)),
    "2^62 captures": lambda: bomb(WEIGHTS, (1 << 62, B, H, T, T), SMALL_CHUNK),
    "2^62 heads": lambda: bomb(WEIGHTS, (S, B, 1 << 62, 1, 1), (1, 1, 1, 1, 1)),
    "a product beyond 64 bits": lambda: bomb(WEIGHTS, (1 << 32, 1 << 32, 4, T, T), (1, 1, 1, T, T)),
    "32 axes": lambda: bomb(WEIGHTS, (2,) * 32, (1,) * 32),
    "an axis of nothing": lambda: bomb(WEIGHTS, (S, B, 0, T, T), SMALL_CHUNK),
    "steps of 2^40": lambda: bomb("step", (1 << 40,), (1 << 20,), "i8"),
    "packed steps": lambda: bomb("step", (64,), (64,), "i8", filters=(1,), data=zeros_packed(1 << 28)),
    "a mask of 4 GiB": lambda: bomb("key_mask", (S, B, 1 << 32), (1, 1, 1 << 20), "u1"),
    "a packed mask": lambda: bomb("key_mask", (S, B, T), (1, B, T), "u1", filters=(1,), data=zeros_packed(8 << 20)),
    "scalars of 2^36": lambda: bomb("scalars/loss/step", (1 << 36,), (1 << 16,), "i8"),
    "keys of 2^33 bytes": lambda: enormous_keys,
    "a chunk a number": lambda: bomb(WEIGHTS, (2000, B, H, 2000, 2000), (1, 1, 1, 1, 1)),
    "an attribute of 64 MiB": lambda: fat_attribute,
    "3000 layers": lambda: many_layers,
}
LEGAL = {"a chunk of 256 MiB in 256 KiB": 256}  # MiB of a chunk that the limits allow
SLOWER = 10 if SANITIZED else 1
SECONDS, MEBIBYTES = 2 * SLOWER, 512 * SLOWER
STALL = 25  # seconds on the clock: it waits for nothing, not even for --stall-timeout


# In a process of its own: what a child is counted for begins with what its parent has.
MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def run_measured(world, *args):
    """Exit code, seconds of processor of it and its children (the machine may be busy), what it said, and an upper
    bound of the MiB that they had at once: twice what the largest of them had."""
    done = subprocess.run([sys.executable, "-S", "-E", "-c", MEASURE, PROGRAM, *args], cwd=world.path,
                          # meson has memory filled that the program does not touch
                          env=environment(MALLOC_PERTURB_="0"), capture_output=True, timeout=STALL, check=True)
    code, seconds, most = done.stdout.split()
    return int(code), float(seconds), done.stderr, 2 * float(most)


def bomb_files(world):
    for what, build in BOMBS.items():
        with h5py.File(world / "b.h5", "w", libver="latest") as file:
            file.attrs["format"], file.attrs["format_version"] = "attention-trace", 1
            file["step"] = numpy.arange(S)
            file[WEIGHTS] = attention()
            build()(file)
        yield what


@test
def bombs_are_refused_in_no_time_and_little_memory(world):
    if h5py is None:
        raise Skip("no h5py here")
    worst = {}
    for what in bomb_files(world):
        for command in COMMANDS:
            forget(world)
            code, seconds, said, most = run_measured(world, command[0], "b.h5", *command[1:])
            assert code in ((0, 3, 4, 5) if command[0] == "inspect" else (3, 4, 5)), (what, command, code, said)
            limit = MEBIBYTES + 6 * LEGAL.get(what, 0)
            assert seconds <= SECONDS and most <= limit, (what, command, seconds, most)
            assert said or command[0] == "inspect", what
            worst[what] = max(worst.get(what, (0,)), (round(seconds, 2), round(most), code))
    print(f"# seconds, MiB, exit code: {worst}")


# ---- what is large, deep or endless

def timely(world, name, codes, inspect_codes=None):
    """analyze within a second, inspect within five."""
    for command, limit, wanted in ((["analyze", "--db", "r.db"], 1, codes), (["inspect"], 5, inspect_codes or codes)):
        forget(world)
        code, seconds, said, most = run_measured(world, command[0], name, *command[1:])
        print(f"# {name}: {command[0]} exit {code}, {seconds:.2f} s, {most:.0f} MiB")
        assert code in wanted and seconds <= limit * SLOWER, (name, command, code, seconds, said[-1000:])


def deep(file):
    group = file.create_group("deep")
    for _ in range(20000):
        group = group.create_group("d")


def circles(file):
    file["layers/again"] = file["/"]
    file["layers/0/loop"] = file["layers"]
    file["config/own"] = file.require_group("config")


def links(file):
    crowd = file.create_group("crowd")
    for number in range(CROWD):
        crowd[f"link{number}"] = h5py.SoftLink("/nowhere")


def links_at_the_root(file):
    target = file["step"]
    for number in range(CROWD):
        file[f"link{number}"] = target


def long_names(file):
    for number in range(20):
        file["x" * 65000 + str(number)] = file["step"]
        file.require_group("scalars").create_group("y" * 65000 + str(number))
        file.attrs["z" * 60000 + str(number)] = 1


def attributes(file):
    for name, n in (("/", CROWD // 2), ("config", CROWD // 2)):
        group = file.require_group(name)
        for number in range(n):
            group.attrs[f"a{number}"] = number


LARGE = {"deep": deep, "circles": circles, "links": links, "root": links_at_the_root, "names": long_names,
         "attributes": attributes}


@test
def what_is_large_or_endless_is_passed_by(world):
    if h5py is None:
        raise Skip("no h5py here")
    for name, change in LARGE.items():
        with h5py.File(world / f"{name}.h5", "w", libver="latest") as file:
            file.attrs["format"], file.attrs["format_version"] = "attention-trace", 1
            file["step"] = numpy.arange(S)
            file[WEIGHTS] = attention()
            change(file)
        timely(world, f"{name}.h5", (0, 3))
        (world / f"{name}.h5").unlink()


# ---- damaged heaps

def collections(data):
    """(offset, size) of the global heap's."""
    at = data.find(b"GCOL")
    while at >= 0:
        yield at, struct.unpack_from("<Q", data, at + 8)[0]
        at = data.find(b"GCOL", at + 16)


def spoil_heap(data, rng):
    """A word, a line, a page or all of a collection becomes zeros."""
    at, size = rng.choice(list(collections(data)))
    n = rng.choice([2, 8, 8, 64, 512, 512, 4096, size])
    n = min(n, size)
    first = at + rng.randrange(0, size - n + 1, min(n, 512))
    data[first:first + n] = bytes(n)


@test
def damaged_heaps_cost_their_texts(world):
    """HDF5 1.10 loops for ever on what a lost page leaves of them."""
    texts = {f"text{number:02}": "x" * 90 for number in range(60)}
    make(world, "heap.h5", layers=2, attributes={"run_name": "lost", "producer": "lost", "trace_uuid": "lost"})

    def configure(file):
        for name in ("config", "/", "layers/0"):
            for key, value in texts.items():
                file.require_group(name).attrs[key] = value

    edit(world, "heap.h5", configure)
    whole = (world / "heap.h5").read_bytes()
    assert len(list(collections(whole))) >= 3
    start = min(run_measured(world, "analyze", "heap.h5", "--db", "r.db")[1] for _ in range(3))
    rng, worst, codes = random.Random(SEED), 0, {}
    for number in range(HEAPS):
        data = bytearray(whole)
        spoil_heap(data, rng)
        (world / "bad.h5").write_bytes(data)
        forget(world)
        code, seconds, said, _ = run_measured(world, "analyze", "bad.h5", "--db", "r.db", "--run", "x")
        codes[code] = codes.get(code, 0) + 1
        worst = max(worst, seconds - start)
        assert code in (0, 3) and seconds - start <= SECONDS, (number, code, seconds, said)
        assert query(world / "r.db", "SELECT count(*) FROM captures WHERE status = 'complete'") == [(S,)], \
            (number, said)
    print(f"# {HEAPS} damaged heaps: exit codes {codes}, at most {worst:.2f} s more than {start:.2f} s")


if __name__ == "__main__":
    clitest.main()
