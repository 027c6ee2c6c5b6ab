"""Hostile HDF5 files: nothing but the file itself is opened, and a hole in it costs no more than itself."""
import os
import re
import shutil
import subprocess
import time

import clitest
from clitest import Skip, environment, query, test
from test_odd import B, H, S, T, attention, edit, h5py, make, numpy

clitest.tests.clear()  # those of test_odd.py run there


def hurt_heaps(path):
    """A page of each global heap is lost: HDF5 1.10 loops on what is left."""
    data = bytearray(path.read_bytes())
    at, n = data.find(b"GCOL"), 0
    while at >= 0:
        data[at + 512:at + 4096] = bytes(4096 - 512)
        at, n = data.find(b"GCOL", at + 4096), n + 1
    path.write_bytes(data)
    return n


@test
def texts_in_a_damaged_heap_cost_themselves(world):
    texts = {f"text{number}": "x" * 90 for number in range(30)}
    make(world, "heap.h5", attributes={"run_name": "lost", "producer": "lost", **texts})

    def configure(file):
        config = file.create_group("config")
        for key, value in texts.items():
            config.attrs[key] = value
        config.attrs["seed"] = 7

    edit(world, "heap.h5", configure)
    assert hurt_heaps(world / "heap.h5") > 0
    begin = time.monotonic()
    result = world.run("analyze", "heap.h5", "--db", "r.db", "--stall-timeout", "20", check=3)
    assert time.monotonic() - begin < 15, "it waited"
    assert "3 new captures" in result.out and "run heap " in result.out, result
    assert "run_name cannot be read" in result.err, result
    assert query(world / "r.db", "SELECT value FROM run_config WHERE key = 'seed'") == [("7",)]
    assert query(world / "r.db", "SELECT count(*) FROM captures WHERE status = 'complete'") == [(S,)]


@test
def limits_of_the_child_are_options(world):
    make(world)
    world.run("inspect", "odd.h5", "--stall-timeout", "1", "--max-mem", "512", check=0)
    for option, value in (("--stall-timeout", "0"), ("--stall-timeout", "-3"), ("--max-mem", "3"),
                          ("--max-mem", "99999999999999")):
        assert option in world.run("inspect", "odd.h5", option, value, check=2).err
    for command in ("inspect", "analyze"):
        text = world.run(command, "--help", check=0).out
        assert "--stall-timeout" in text and "--max-mem" in text, text


# ---- what leads out of the file

def soft_in_the_middle(file):
    file.move("layers", "elsewhere")
    file["layers"] = h5py.SoftLink("/elsewhere")


def external_in_the_middle(file):
    del file["layers/0"]
    file["layers/0"] = h5py.ExternalLink("canary.h5", "/layers/0")


def external_root(file):
    del file["layers"]
    file["layers"] = h5py.ExternalLink("canary.h5", "/layers")


def external_step(file):
    del file["step"]
    file["step"] = h5py.ExternalLink("canary.h5", "/step")


def external_storage(file):
    del file["layers/0/attention"]
    file.create_dataset("layers/0/attention", (S, B, H, T, T), "f4",
                        external=[("canary.raw", 0, h5py.h5f.UNLIMITED)])


def virtual(file):
    del file["layers/0/attention"]
    layout = h5py.VirtualLayout((S, B, H, T, T), "f4")
    layout[:] = h5py.VirtualSource("canary.h5", "layers/0/attention", (S, B, H, T, T))
    file.create_virtual_dataset("layers/0/attention", layout)


def virtual_in_itself(file):
    file.move("layers/0/attention", "hidden")
    layout = h5py.VirtualLayout((S, B, H, T, T), "f4")
    layout[:] = h5py.VirtualSource(".", "hidden", (S, B, H, T, T))
    file.create_virtual_dataset("layers/0/attention", layout)


def plugin_filter(file):
    del file["layers/0/attention"]
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk((1, B, H, T, T))
    creation.set_filter(32099, h5py.h5z.FLAG_OPTIONAL, ())
    h5py.h5d.create(file["layers/0"].id, b"attention", h5py.h5t.IEEE_F32LE,
                    h5py.h5s.create_simple((S, B, H, T, T)), creation)


OUTSIDE = (soft_in_the_middle, external_in_the_middle, external_root, external_step,
           external_storage, virtual, virtual_in_itself, plugin_filter)


def hostile_files(world):
    make(world, "canary.h5")
    (world / "canary.raw").write_bytes(attention().tobytes())
    for change in OUTSIDE:
        make(world, f"{change.__name__}.h5")
        edit(world, f"{change.__name__}.h5", change)
        yield f"{change.__name__}.h5"


@test
def links_on_the_way_and_storage_elsewhere_are_refused(world):
    for name in hostile_files(world):
        for command in (["inspect", name], ["analyze", name, "--db", "r.db"]):
            result = world.run(*command)
            assert result.code == 5 and name in result.err, f"{name}: {result}"


@test
def the_canary_is_never_opened(world):
    strace = shutil.which("strace")
    if strace is None:
        raise Skip("no strace here")
    for name in hostile_files(world):
        done = subprocess.run(
            [strace, "-f", "-qq", "-o", world / "trace.txt", "-e", "trace=open,openat,openat2",
             clitest.PROGRAM, "inspect", name], cwd=world.path, env=environment(),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
        calls = (world / "trace.txt").read_text(errors="replace")
        if name not in calls:
            raise Skip(f"strace sees nothing here: {done.stderr!r}")
        assert "canary" not in calls, f"{name}: {re.findall('.*canary.*', calls)}"


@test
def a_plugin_on_the_path_is_never_loaded(world):
    compiler = shutil.which("cc")
    if compiler is None:
        raise Skip("no compiler here")
    if h5py is None:
        raise Skip("no h5py here")
    (world / "trap.c").write_text(
        '#include <stdio.h>\n__attribute__((constructor)) static void spring(void)\n'
        '{ FILE *f = fopen("SPRUNG", "w"); if (f) fclose(f); }\n'
        'int H5PLget_plugin_type(void) { return 0; }\n'
        'const void *H5PLget_plugin_info(void) { return 0; }\n')
    subprocess.run([compiler, "-shared", "-fPIC", "-o", "libtrap.so", "trap.c"], cwd=world.path,
                   check=True)
    make(world, "plugin.h5")
    edit(world, "plugin.h5", plugin_filter)
    trap = {"HDF5_PLUGIN_PATH": str(world.path), "HDF5_VOL_CONNECTOR": "trap", "HDF5_DRIVER": "trap"}
    for command in (["inspect"], ["analyze", "--db", "r.db"]):
        world.run(*command, "plugin.h5", env=trap, check=5)
        assert not os.path.exists(world / "SPRUNG")
    make(world, "good.h5")
    world.run("inspect", "good.h5", env=trap, check=0)
    assert not os.path.exists(world / "SPRUNG")


# ---- what is large or goes in circles

def timely(world, name, seconds=20):
    begin = time.monotonic()
    results = [world.run("inspect", name), world.run("analyze", name, "--db", "r.db")]
    assert time.monotonic() - begin < seconds, f"{name}: {time.monotonic() - begin:.1f} s"
    return results


@test
def deep_groups_cycles_and_many_links_do_not_matter(world):
    make(world, "deep.h5")

    def deepen(file):
        group = file.create_group("deep")
        for _ in range(3000):
            group = group.create_group("d")
        file["layers/again"] = file["/"]
        file["layers/0/loop"] = file["layers"]

    edit(world, "deep.h5", deepen)
    for result in timely(world, "deep.h5"):
        assert result.code == 0, result

    def crowd(file):
        group = file.create_group("crowd", track_order=False)
        for number in range(100000):
            group[f"link{number}"] = h5py.SoftLink("/nowhere")

    make(world, "crowd.h5")
    edit(world, "crowd.h5", crowd)
    for result in timely(world, "crowd.h5"):
        assert result.code == 0, result


@test
def deep_groups_of_no_layout_end(world):
    if h5py is None:
        raise Skip("no h5py here")
    with h5py.File(world / "pit.h5", "w") as file:
        group = file
        for _ in range(20000):
            group = group.create_group("d")
        file["circle"] = file["/"]
        group["array"] = numpy.zeros(3, "f4")
    for result in timely(world, "pit.h5"):
        assert result.code in (3, 4, 5) and result.err.count("\n") >= 1, result


if __name__ == "__main__":
    clitest.main()
