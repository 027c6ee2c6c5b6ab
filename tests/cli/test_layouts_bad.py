"""What other programs left behind, broken or hostile: what can be read is stored, the rest is named, and
nothing is followed, unpickled or unpacked beyond its limits.  Needs h5py."""
import io
import json
import os
import struct
import subprocess
import time
import zipfile

import clitest
from arrays import (H, L, S, STEPS, T, assert_equal, attention, by_step_layer, h5py, put_files,
                    put_h5, put_native, put_npz, put_safetensors, results)
from clitest import PROGRAM, UNSAFE, as_nobody, environment, query, test

if h5py is not None:
    import numpy as np

HOSTILE = "\x1b[31m\u202ea\u2028"


def files(world, put=put_npz, a=None, name="run"):
    """A folder of four files, a step each."""
    arrays = by_step_layer(attention() if a is None else a, STEPS, "step_{}/layer_{}")
    return put_files(put, world / name, arrays)


def stored_steps(world):
    return sorted({row[0] for row in query(world / "layouts.db", "SELECT step FROM head_stats")})


def cut(path, share=0.5):
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * share)])


# ---- one file of several

@test
def a_broken_file_costs_itself(world):
    for put, end in (put_npz, "npz"), (put_safetensors, "safetensors"), (put_h5, "h5"):
        for step in STEPS:
            folder = files(world, put, name=f"{end}{step}")
            cut(folder / f"step_{step}.{end}", 0.3)
            (world / "layouts.db").unlink(missing_ok=True)
            result = world.run("analyze", folder, "--db", "layouts.db", check=3)
            assert f"step_{step}.{end}" in result.err, result
            stored = set(stored_steps(world)) - {step}  # of HDF5, what lies before the cut remains
            assert stored == set(STEPS) - {step}, (put, step, result)
            assert end == "h5" or step not in stored_steps(world), (put, step)


@test
def no_file_can_be_read(world):
    folder = files(world)
    for step in STEPS:
        cut(folder / f"step_{step}.npz", 0.2)
    result = world.run("analyze", folder, "--db", "x.db", check=4)
    assert ".npz" in result.err, result


@test
def a_file_of_another_shape_or_type(world):
    other = attention(heads=H + 1, seed=2)
    a = attention()[1]
    for changed in (other[1], a.astype("f8"), a.astype(">f4"), a[:, :1], a[:, 0], a[..., :4],
                    np.asfortranarray(a).transpose(0, 2, 1, 3, 4), a.astype("i4")):
        folder = files(world)
        np.savez(folder / "step_50.npz", **{f"layer_{l}": changed[l] for l in range(L)})
        (world / "layouts.db").unlink(missing_ok=True)
        result = world.run("analyze", folder, "--db", "layouts.db", check=3)
        assert "step_50.npz" in result.err, result
        assert stored_steps(world) == [0, 100, 1500], (changed.shape, changed.dtype, result)


# ---- numpy

@test
def objects_are_not_unpickled(world):
    canary = world / "canary"

    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(canary),))

    objects = np.array([[Bomb(), Bomb()]], dtype=object)
    np.save(world / "o.npy", objects)
    np.savez(world / "o.npz", attention=objects)
    (world / "raw.npy").write_bytes(b"\x80\x04\x95" + bytes(64))
    for name, codes in ("o.npy", [5]), ("o.npz", [5]), ("raw.npy", [4]):
        for command in ("inspect", name), ("analyze", name, "--db", "x.db"):
            result = world.run(*command)
            assert result.code in codes, (name, result)
    assert not canary.exists()


def npy_head(shape, dtype="<f4"):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": dtype, "fortran_order": False,
                                                "shape": shape})
    return head.getvalue()


def zip_of_zeros(path, head, n):
    """A member of `head` and n zeros, packed a thousand times."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as file:
        with file.open("attention.npy", "w", force_zip64=True) as member:
            member.write(head)
            for _ in range(n >> 20):
                member.write(bytes(1 << 20))


def run_measured(world, *args):
    """Exit code, seconds and MiB; the peak is that of all children so far, so at most that."""
    begin = time.monotonic()
    child = subprocess.Popen([PROGRAM, *args], cwd=world.path, env=environment(),
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, time.monotonic() - begin, usage.ru_maxrss / 1024, out


@test
def zip_bombs(world):
    """1 GB of zeros in 1 MB: too large for a chunk, or more than its head says."""
    square = 16 << 10
    zip_of_zeros(world / "large.npz", npy_head((square, square)), 1 << 30)
    zip_of_zeros(world / "lying.npz", npy_head((T, T)), 1 << 30)
    for name in "large.npz", "lying.npz":
        for axes in (), ("--axes", "QK"):
            code, seconds, peak, out = run_measured(world, "analyze", name, "--db", "x.db", *axes)
            assert code in (3, 4, 5), (name, code, out)
            assert peak < 300 and seconds < 20, (name, seconds, peak)


# ---- safetensors

def safetensors(path, head, data=b"", length=None):
    text = json.dumps(head).encode() if isinstance(head, dict) else head
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


@test
def safetensors_that_lie(world):
    shape, size = [2, 2, T, T], 2 * 2 * T * T * 4
    data = bytes(size)
    for number, (offsets, dtype) in enumerate((([0, size * 2], "F32"), ([0, size - 4], "F32"),
                                               ([-4, size - 4], "F32"), ([size, 0], "F32"),
                                               ([1 << 62, (1 << 62) + size], "F32"),
                                               ([0, size], "F64"), ([0, size], "Q99"))):
        path = safetensors(world / f"{number}.safetensors",
                           {"step_0/layer_0": {"dtype": dtype, "shape": shape,
                                               "data_offsets": offsets}}, data)
        result = world.run("analyze", path, "--db", "x.db")
        assert result.code in (4, 5), (offsets, dtype, result)
    for length in 10 << 30, (1 << 64) - 1, 1 << 40:
        path = safetensors(world / "long.safetensors", b"{}" + bytes(100), length=length)
        assert world.run("inspect", path).code in (4, 5)
    path = world / "sparse.safetensors"  # a head of 10 GB that is there
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 10 << 30) + b"{")
        file.truncate((10 << 30) + 100)
    code, seconds, peak, out = run_measured(world, "inspect", path)
    assert code in (4, 5) and seconds < 20, (code, seconds, peak, out)


# ---- folders and names

@test
def folders_without_arrays(world):
    (world / "empty").mkdir()
    assert "without files" in world.run("analyze", "empty", "--db", "x.db", check=4).err
    (world / "texts").mkdir()
    (world / "texts" / "a.txt").write_text("x")
    world.run("inspect", "texts", check=4)
    (world / "wrong").mkdir()
    for name in "a.npz", "b.h5", "c.npy", "d.safetensors":
        (world / "wrong" / name).write_text("no array at all")
    world.run("inspect", "wrong", check=4)


@test
def a_folder_that_may_not_be_read(world):
    nobody = as_nobody()
    folder = files(world)
    os.chmod(folder, 0)
    if nobody == {} and os.access(folder, os.R_OK):
        raise clitest.Skip("may read all")
    result = world.run("inspect", folder, check=4, **nobody)
    assert "ermission" in result.err, result
    os.chmod(folder, 0o755)


@test
def names_that_a_terminal_obeys(world):
    """clitest looks at stderr of every run; here also at stdout."""
    a = attention()
    named = {f"{HOSTILE}step_{step}/layer_{l}": a[s, l] for s, step in enumerate(STEPS)
             for l in range(L)}
    folder = world / "folder"
    folder.mkdir()
    for step in STEPS:
        np.savez(folder / f"{HOSTILE}{step}.npz", **{f"{HOSTILE}layer_{l}": a[0, l]
                                                     for l in range(L)})
    for path in (put_h5(world / "n", named), put_safetensors(world / "n", named), folder,
                 put_h5(world / "bad", {f"{HOSTILE}{i}": np.zeros((3, 4 + i), "i2")
                                        for i in range(2)}),
                 put_npz(world / "bad", {f"{HOSTILE}": np.zeros((3, 4), "i8")}),
                 put_h5(world / "two", {f"{HOSTILE}{name}{step}/{l}": a[0, l] for step in STEPS
                                        for l in range(L) for name in ("attn", "attb")})):
        for command in (("inspect", path), ("analyze", path, "--db", "x.db"),
                        ("inspect", path, "--axes", "BHQK"),
                        ("inspect", path, "--layout", HOSTILE),
                        ("inspect", path, "--layout", HOSTILE + "{step}")):
            result = world.run(*command)
            assert result.code in (0, 2, 3, 4), result
            assert UNSAFE.search(result.out) is None, result
    cut(folder / f"{HOSTILE}50.npz")
    world.run("analyze", folder, "--db", "y.db", check=3)


# ---- HDF5

@test
def links_are_not_followed(world):
    a = attention()
    arrays = by_step_layer(a, STEPS)
    wanted = results(world, put_native(world / "native", a))
    put_h5(world / "canary", {"steps/7/layer_0/attn": a[0, 0]})
    path = put_h5(world / "links", arrays)
    with h5py.File(path, "a") as file:
        file["steps/7"] = h5py.ExternalLink("canary.h5", "/steps/7")
        file["steps/8"] = h5py.SoftLink("/steps/0")
        file["steps/9"] = h5py.SoftLink("/nowhere")
        file["steps/0/self"] = file["/"]  # a circle
        file["steps/0/layer_0/up"] = file["steps"]
    assert_equal(results(world, path), wanted, "links")
    assert_equal(results(world, path, "--layout", "steps/{step}/layer_{layer}/attn"), wanted, "given")
    with h5py.File(world / "soft.h5", "w") as file:
        file["attn"] = h5py.ExternalLink("canary.h5", "/steps/7/layer_0/attn")
    assert world.run("analyze", "soft.h5", "--db", "x.db").code == 4


@test
def virtual_and_external_data(world):
    a = attention()
    put_h5(world / "source", {"a": a[0]})
    with h5py.File(world / "virtual.h5", "w") as file:
        layout = h5py.VirtualLayout(a[0].shape, "f4")
        layout[:] = h5py.VirtualSource("source.h5", "a", a[0].shape)
        file.create_virtual_dataset("step_0/attn", layout)
    (world / "data.bin").write_bytes(a[0].tobytes())
    with h5py.File(world / "external.h5", "w") as file:
        file.create_dataset("step_0/attn", a[0].shape, "f4", external=[("data.bin", 0, a[0].nbytes)])
    for name in "virtual.h5", "external.h5":
        assert world.run("analyze", name, "--db", "x.db", "--axes", "LBHQK").code == 5, name


@test
def deep_nesting(world):
    path = put_h5(world / "deep", {"/".join(["g"] * 400) + "/attn": attention()[0, 0]})
    assert world.run("inspect", path).code == 4
    path = put_h5(world / "long", {"n" * 5000 + "{layer}": attention()[0, 0]})
    assert world.run("inspect", path).code == 4
    path = put_h5(world / "shallow", {"a/b/c/d/e/f/step_0/layer_0": attention()[0, 0]})
    results(world, path, "--axes", "BHQK")


@test
def ten_thousand_datasets_take_no_longer_each(world):
    """Twice as many may not take four times as long."""
    a = np.tile(attention(steps=1, layers=1, samples=1, heads=1, keys=4), (1, 4, 1, 1, 1, 1))
    seconds = []
    for steps in 600, 2400:
        with h5py.File(world / "many.h5", "w") as file:
            for step in range(steps):
                for l in range(4):
                    file[f"steps/{step}/layer_{l}"] = a[0, l, 0]
        code, time_, _, out = run_measured(world, "analyze", "many.h5", "--db", f"{steps}.db",
                                           "--axes", "HQK")
        assert code == 0, out
        seconds.append(time_)
    assert seconds[1] < 10 * seconds[0] + 2, seconds


if __name__ == "__main__":
    clitest.main()
