"""arrays.py: the same attention in the files and under the names that programs give it.

A layout makes {name: array} of [S,L,B,H,T,T], a container puts these into a file or a folder.  Needs
h5py and numpy; without them h5py is None."""
import json
import re
import shlex
import struct

try:
    import h5py
    import numpy as np
except ImportError:
    h5py = None

from clitest import Skip, query

S, L, B, H, T = 4, 3, 2, 5, 10  # all different: nothing fits by chance
STEPS = (0, 50, 100, 1500)


def attention(steps=S, layers=L, samples=B, heads=H, keys=T, seed=1, dtype="f4"):
    """[S,L,B,H,T,T], causal, after softmax."""
    if h5py is None:
        raise Skip("no h5py here")
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((steps, layers, samples, heads, keys, keys)) * 2
    x = np.exp(np.where(np.tril(np.ones((keys, keys))) > 0, x, -np.inf))
    return (x / x.sum(-1, keepdims=True)).astype(dtype)


# ---- bf16

def to_bits(a):
    """f32 as the upper half of its bits."""
    return (np.ascontiguousarray(a, "<f4").view("<u4") >> 16).astype("<u2")


def from_bits(bits):
    return (bits.astype("<u4") << 16).view("<f4")


def bf16_type():
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)
    return kind


# ---- layouts: {name: array}

def by_step_layer_head(a, steps, name="step_{}/layer_{}/head_{}"):
    return {name.format(step, l, h): a[s, l, :, h] for s, step in enumerate(steps)
            for l in range(a.shape[1]) for h in range(a.shape[3])}


def by_step_layer(a, steps, name="steps/{}/layer_{}/attn"):
    return {name.format(step, l): a[s, l] for s, step in enumerate(steps)
            for l in range(a.shape[1])}


def by_layer_step(a, steps, name="layer{1}/step{0:06d}"):
    return by_step_layer(a, steps, name)


def by_step(a, steps, name="step{}/attn_weights"):
    return {name.format(step): a[s] for s, step in enumerate(steps)}


def by_layer_head(a, steps, name="layer.{}.head.{}"):
    return {"step": np.array(steps, "i8"),
            **{name.format(l, h): a[:, l, :, h] for l in range(a.shape[1])
               for h in range(a.shape[3])}}


def by_layer(a, steps, name="attn_layer_{}"):
    return {"step": np.array(steps, "i8"),
            **{name.format(l): a[:, l] for l in range(a.shape[1])}}


def stacked(a, steps, name="attention"):
    return {"steps": np.array(steps, "i8"), name: a}


def stacked_by_layer(a, steps):
    return stacked(a.swapaxes(0, 1), steps)


# key of the layout, pattern, axes, names
LAYOUTS = [
    ("step-layer-head", "step_{step}/layer_{layer}/head_{head}", "BQK", by_step_layer_head),
    ("step-layer", "steps/{step}/layer_{layer}/attn", "BHQK", by_step_layer),
    ("step-layer", "layer{layer}/step{step}", "BHQK", by_layer_step),
    ("step", "step{step}/attn_weights", "LBHQK", by_step),
    ("layer-head", "layer.{layer}.head.{head}", "SBQK", by_layer_head),
    ("layer", "attn_layer_{layer}", "SBHQK", by_layer),
    ("stacked", "attention", "SLBHQK", stacked),
    ("stacked", "attention", "LSBHQK", stacked_by_layer),
]


# ---- containers: put(folder / name, arrays, **storage) returns what to analyze

def put_h5(path, arrays, **storage):
    path = path.with_name(path.name + ".h5")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, **(storage if array.ndim > 1 else {}))
    return path


def put_npz(path, arrays, save="savez"):
    path = path.with_name(path.name + ".npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    getattr(np, save)(path, **arrays)
    return path


def put_npz_deflated(path, arrays):
    return put_npz(path, arrays, "savez_compressed")


TENSOR_TYPES = {"f2": "F16", "f4": "F32", "f8": "F64", "i8": "I64", "u2": "BF16"}


def put_safetensors(path, arrays):
    path = path.with_name(path.name + ".safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    head, at, parts = {}, 0, []
    for name, array in arrays.items():
        parts.append(np.ascontiguousarray(array).tobytes())
        head[name] = {"dtype": TENSOR_TYPES[array.dtype.str[1:]], "shape": list(array.shape),
                      "data_offsets": [at, at + len(parts[-1])]}
        at += len(parts[-1])
    text = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(parts))
    return path


def put_npy_folder(path, arrays, change=lambda array: array):
    for name, array in arrays.items():
        if array.ndim > 1:  # no steps beside them: a folder has none
            file = path / (name + ".npy")
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, change(array))
    return path


def put_npy_folder_fortran(path, arrays):
    return put_npy_folder(path, arrays, np.asfortranarray)


def put_files(put, path, arrays):
    """The first part of a name is a file's."""
    files = {}
    for name, array in arrays.items():
        file, inner = name.split("/", 1)
        files.setdefault(file, {})[inner] = array
    for file, inside in files.items():
        put(path / file, inside)
    return path


def one_file(pattern):
    return pattern


def npy_files(pattern):
    return pattern + ".npy"


def files_of(end):
    return lambda pattern: pattern.replace("/", end + "/", 1)


# name, how it is put, how patterns begin there, whether it is a folder
CONTAINERS = [
    ("h5", put_h5, one_file, False),
    ("npz", put_npz, one_file, False),
    ("npz deflated", put_npz_deflated, one_file, False),
    ("safetensors", put_safetensors, one_file, False),
    ("npy folder", put_npy_folder, npy_files, True),
    ("npy folder fortran", put_npy_folder_fortran, npy_files, True),
    ("h5 files", lambda path, arrays: put_files(put_h5, path, arrays), files_of(".h5"), True),
    ("npz files", lambda path, arrays: put_files(put_npz, path, arrays), files_of(".npz"), True),
    ("npz deflated files", lambda path, arrays: put_files(put_npz_deflated, path, arrays),
     files_of(".npz"), True),
    ("safetensors files", lambda path, arrays: put_files(put_safetensors, path, arrays),
     files_of(".safetensors"), True),
]


def put_native(path, a, steps=STEPS, bits=False):
    """As entroscope's own format has it; bits: bf16 as they are."""
    arrays = {"step": np.array(steps, "i8"),
              **{f"layers/{l}/attention": a[:, l] for l in range(a.shape[1])}}
    path = put_h5(path, arrays)
    with h5py.File(path, "a") as file:
        for l in range(a.shape[1] if bits else 0):
            file[f"layers/{l}/attention"].attrs["encoding"] = "bf16"
    return path


# ---- what comes out

def results(world, path, *options, check=0):
    """Every number of all heads and layers, the captures and the findings."""
    (world / "layouts.db").unlink(missing_ok=True)
    result = world.run("analyze", path, "--db", "layouts.db", *options, check=check)
    tables = {"head_stats": "run_id", "layer_stats": "run_id", "findings": "id run_id evidence"}
    out = {"captures": query(world / "layouts.db", "SELECT step, status FROM captures ORDER BY step")}
    for table, without in tables.items():
        columns = [row[1] for row in query(world / "layouts.db", f"PRAGMA table_info({table})")
                   if row[1] not in without.split()]
        out[table] = sorted(query(world / "layouts.db", f"SELECT {', '.join(columns)} FROM {table}"),
                            key=repr)
    assert out["head_stats"], result
    return out


def assert_equal(found, wanted, what):
    for table, rows in wanted.items():
        assert found[table] == rows, (what, table, next(
            (pair for pair in zip(found[table], rows) if pair[0] != pair[1]),
            (len(found[table]), len(rows))))


def inspect_options(text):
    """The line of `inspect` that says what was recognised, as words for a command."""
    line = re.search(r"^ +(--layout .+ --axes .+)$", text, re.MULTILINE)
    assert line, text
    return shlex.split(line.group(1))


def assert_inspected(world, path, layout, pattern, axes, *options):
    """inspect names all three, and the options that it prints."""
    found = world.run("inspect", "--json", path, *options, check=0).json()
    assert (found["layout"], found["pattern"], found["axes"]) == (layout, pattern, axes), found
    text = world.run("inspect", path, *options, check=0).out
    assert f"{layout}, recognised by" in text, text
    typed = inspect_options(text)
    assert typed == ["--layout", pattern, "--axes", axes], typed
    return typed
