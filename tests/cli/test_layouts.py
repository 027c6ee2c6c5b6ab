"""Attention that other programs left behind: whatever the file, the names and the axes, the numbers are
those of the same attention in a trace of our own.  Needs h5py."""
from itertools import permutations

import clitest
from arrays import (B, CONTAINERS, H, L, LAYOUTS, S, STEPS, T, assert_equal, assert_inspected,
                    attention, bf16_type, by_step_layer, from_bits, h5py, put_files, put_h5,
                    put_native, put_npy_folder, put_npz, put_npz_deflated, put_safetensors, results,
                    stacked, to_bits)
from clitest import query, test

if h5py is not None:
    import numpy as np


def check_container(world, container):
    """All layouts in one kind of container."""
    name, put, rename, is_folder = next(row for row in CONTAINERS if row[0] == container)
    a = attention()
    for number, (layout, pattern, axes, names) in enumerate(LAYOUTS):
        named = "{step}" in pattern
        if "files" in name and "/" not in pattern:
            continue  # one name, one file
        if is_folder and not named and axes[0] == "L":
            continue  # without steps beside it, first means steps; see the ambiguous ones
        steps = STEPS if named or not is_folder else range(S)
        wanted = results(world, put_native(world / "native", a, steps))
        path = put(world / f"foreign{number}", names(a, steps))
        shown = rename(pattern)
        if is_folder and not named and axes == "SLBHQK":
            continue
        assert_equal(results(world, path), wanted, (name, pattern))
        typed = assert_inspected(world, path, layout, shown, axes)
        assert_equal(results(world, path, *typed), wanted, (name, pattern, "typed"))


def add_container_test(container):
    def each_layout(world):
        check_container(world, container)
    each_layout.__name__ = f"each_layout_in_{container.replace(' ', '_')}"
    test(each_layout)


for row in CONTAINERS:
    add_container_test(row[0])


# ---- axes

@test
def squeezed_samples(world):
    a = attention(samples=1)
    wanted = results(world, put_native(world / "native", a))
    one = a[:, :, 0]
    for arrays, layout, axes in (
            ({f"step_{step}/layer_{l}": one[s, l] for s, step in enumerate(STEPS)
              for l in range(L)}, "step-layer", "HQK"),
            ({f"step_{step}/layer_{l}/head_{h}": one[s, l, h] for s, step in enumerate(STEPS)
              for l in range(L) for h in range(H)}, "step-layer-head", "QK"),
            ({"step": np.array(STEPS), **{f"layer_{l}/head_{h}": one[:, l, h] for l in range(L)
                                          for h in range(H)}}, "layer-head", "SQK"),
            ({"step": np.array(STEPS), **{f"layer_{l}": one[:, l] for l in range(L)}}, "layer",
             "SHQK"),
            ({"step": np.array(STEPS), "attn": one.swapaxes(0, 1)}, "stacked", "LSHQK")):
        path = put_h5(world / "squeezed", arrays)
        assert_equal(results(world, path), wanted, layout)
        found = world.run("inspect", "--json", path, check=0).json()
        assert (found["layout"], found["axes"]) == (layout, axes), found


@test
def what_the_file_says_of_itself_decides(world):
    """[4,3,5,10,10] beside 4 steps: 3 layers or 3 samples."""
    a = attention(samples=1)
    wanted = results(world, put_native(world / "native", a))
    path = put_h5(world / "said", {"step": np.array(STEPS), "attn": a[:, :, 0]})
    assert "SLHQK or SBHQK" in world.run("analyze", path, "--db", "x.db", check=2).err
    with h5py.File(path, "a") as file:
        file.attrs["num_hidden_layers"] = L
    assert_equal(results(world, path), wanted, "attribute")


@test
def any_order_of_axes(world):
    a = attention()
    wanted = results(world, put_native(world / "native", a))
    rng = np.random.default_rng(3)
    orders = list(permutations("BHQK"))
    for order in [orders[i] for i in rng.permutation(len(orders))[:10]] + [tuple("BQKH")]:
        turned = a.transpose(0, 1, *("SLBHQK".index(letter) for letter in order))
        options = ("--layout", "steps/{step}/layer_{layer}/attn", "--axes", "".join(order))
        for path in (put_h5(world / "turned", by_step_layer(turned, STEPS)),
                     put_npz(world / "turned", by_step_layer(turned, STEPS))):
            assert_equal(results(world, path, *options), wanted, (order, path))


@test
def any_order_of_stacked_axes(world):
    a = attention()
    wanted = results(world, put_native(world / "native", a))
    rng = np.random.default_rng(4)
    for trial in range(12):
        order = "".join(rng.permutation(list("SLBHQK")))
        turned = np.ascontiguousarray(a.transpose(["SLBHQK".index(letter) for letter in order]))
        chunks = tuple(int(rng.integers(1, n + 1)) for n in turned.shape)
        storage = [{}, {"chunks": chunks}, {"chunks": chunks, "compression": "gzip"},
                   {"chunks": chunks, "compression": "lzf", "shuffle": True}][trial % 4]
        path = put_h5(world / "turned", stacked(turned, STEPS), **storage)
        assert_equal(results(world, path, "--axes", order), wanted, (order, storage))
        path = put_npz(world / "turned", stacked(turned, STEPS))
        assert_equal(results(world, path, "--layout", "attention", "--axes", order), wanted, order)
        path = put_npz(world / "fortran", stacked(np.asfortranarray(turned), STEPS))
        assert_equal(results(world, path, "--layout", "attention", "--axes", order), wanted,
                     (order, "fortran"))


@test
def keys_before_queries(world):
    a = attention()
    wanted = results(world, put_native(world / "native", a))
    arrays = by_step_layer(a.swapaxes(-1, -2), STEPS)
    options = ("--layout", "steps/{step}/layer_{layer}/attn", "--axes", "BHKQ")
    for put in put_h5, put_npz, put_safetensors:
        assert_equal(results(world, put(world / "kq", arrays), *options), wanted, put.__name__)


@test
def one_step_alone(world):
    a = attention(steps=1)
    wanted = results(world, put_native(world / "native", a, [0]))
    path = put_h5(world / "one", {f"encoder.layer.{l}.attention": a[0, l] for l in range(L)})
    assert_equal(results(world, path, "--axes", "BHQK"), wanted, "layers")
    np.save(world / "one.npy", a[0])
    assert_equal(results(world, world / "one.npy", "--axes", "LBHQK"), wanted, "npy")


# ---- storage

STORAGE = {
    "contiguous": {},
    "layers together": {"chunks": (1, 2, B, 2, T, T)},
    "steps together": {"chunks": (3, 1, 1, H, T, T), "compression": "gzip", "shuffle": True},
    "split rows": {"chunks": (1, 1, 1, 2, 3, 4), "compression": "lzf"},
    "all split": {"chunks": (2, 2, 2, 2, 7, 7), "compression": "gzip", "fletcher32": True},
    "one chunk": {"chunks": (S, L, B, H, T, T), "shuffle": True, "compression": "lzf",
                  "fletcher32": True},
}


@test
def chunks_of_any_shape_with_any_filter(world):
    for dtype in "<f4", "<f2", ">f8":
        a = attention(dtype=dtype)
        wanted = results(world, put_native(world / "native", a))
        for name, storage in STORAGE.items():
            path = put_h5(world / "chunked", stacked(a, STEPS), **storage)
            assert_equal(results(world, path), wanted, (dtype, name))


# ---- elements

@test
def floats_of_any_size_and_byte_order(world):
    for dtype in "<f2", ">f2", "<f4", ">f4", "<f8", ">f8":
        a = attention(dtype=dtype)
        arrays = by_step_layer(a, STEPS)
        wanted = results(world, put_native(world / "native", a))
        for path in (put_h5(world / "e", arrays), put_npz(world / "e", arrays),
                     put_h5(world / "e", arrays, shuffle=True, chunks=True, compression="gzip"),
                     put_npy_folder(world / ("npy" + dtype[1:] + str(dtype[0] == ">")), arrays)):
            assert_equal(results(world, path), wanted, (dtype, path))


@test
def bf16_in_all_its_disguises(world):
    bits = to_bits(attention())
    wanted = results(world, put_native(world / "native", bits, bits=True))
    p = from_bits(bits)[0, 0, :, 0].astype("f8")
    entropy = -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(-1).mean()
    stored = query(world / "layouts.db", "SELECT entropy_mean FROM head_stats WHERE step = 0"
                   " AND layer = 0 AND head = 0")[0][0]
    assert abs(entropy - stored) < 1e-6, (entropy, stored)
    arrays = by_step_layer(bits, STEPS)
    path = put_safetensors(world / "b", arrays)
    assert_equal(results(world, path), wanted, "BF16")
    for put in put_h5, put_npz:  # integers are no attention, until somebody says so
        path = put(world / "b", arrays)
        assert world.run("inspect", path).code == 4
        assert "--element bf16" in world.run("analyze", path, "--db", "x.db").err
        assert_equal(results(world, path, "--element", "bf16"), wanted, put.__name__)
        path = put(world / "swapped", {name: array.astype(">u2") for name, array in arrays.items()})
        assert_equal(results(world, path, "--element", "bf16"), wanted, (put.__name__, ">u2"))
    with h5py.File(world / "b.h5", "a") as file:
        for name in arrays:
            file[name].attrs["encoding"] = "bf16"
    assert_equal(results(world, world / "b.h5"), wanted, "attribute")
    void = {name: array.view("V2") for name, array in arrays.items()}
    for put in put_h5, put_npz:
        path = put(world / "void", void)
        assert_equal(results(world, path), wanted, (put.__name__, "V2"))
        assert "read as bf16" in world.run("inspect", path, check=0).out


@test
def bf16_as_a_type_of_hdf5(world):
    bits = to_bits(attention())
    wanted = results(world, put_native(world / "native", bits, bits=True))
    with h5py.File(world / "typed.h5", "w") as file:
        for name, array in by_step_layer(bits, STEPS).items():
            folder, leaf = name.rsplit("/", 1)
            space = h5py.h5s.create_simple(array.shape)
            dataset = h5py.h5d.create(file.require_group(folder).id, leaf.encode(), bf16_type(),
                                      space)
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.ascontiguousarray(array),
                          mtype=bf16_type())
    assert_equal(results(world, world / "typed.h5"), wanted, "custom float")


@test
def f16_as_integers_when_said(world):
    a = attention(dtype="<f2")
    wanted = results(world, put_native(world / "native", a))
    path = put_npz(world / "f", by_step_layer(a.view("<u2"), STEPS))
    assert_equal(results(world, path, "--element", "f16"), wanted, "f16")


# ---- numbers in names

@test
def numbers_are_counted_not_spelled(world):
    """Padded or not, in whatever order they are written."""
    a = attention()
    wanted = results(world, put_native(world / "native", a))
    padded = {name: array for name, array in by_step_layer(a, STEPS, "step_{:08d}/layer_{:02d}"
                                                           ).items()}
    shuffled = list(padded.items())
    np.random.default_rng(5).shuffle(shuffled)
    for arrays in padded, dict(shuffled):
        assert_equal(results(world, put_h5(world / "p", arrays)), wanted, "padded")
        assert_equal(results(world, put_npz(world / "p", arrays)), wanted, "padded npz")
    plain = by_step_layer(a, STEPS, "step_{}/layer_{}")
    assert_equal(results(world, put_files(put_npz, world / "files", plain)), wanted, "unpadded")


@test
def the_checksums_of_an_archive_are_some(world):
    """Of what is deflated: it is read as a whole."""
    arrays = by_step_layer(attention(), STEPS)
    for put, is_said in (put_npz, True), (put_npz_deflated, False):
        done = world.run("inspect", put(world / "c", arrays), check=0)
        assert ("no checksums in this file" in done.out) == is_said, done


@test
def heads_numbered_from_1(world):
    a = attention()
    wanted = results(world, put_native(world / "native", a))
    arrays = {f"step_{step}/layer_{l}/head_{h + 1}": a[s, l, :, h] for s, step in enumerate(STEPS)
              for l in range(L) for h in range(H)}
    path = put_h5(world / "h", arrays)
    assert_equal(results(world, path), wanted, "from 1")
    assert "heads are numbered from 0" in world.run("inspect", path, check=0).out


@test
def layers_numbered_from_1_keep_their_numbers(world):
    a = attention()
    wanted = results(world, put_native(world / "native", a))
    path = put_h5(world / "l", {f"step_{step}/layer_{l + 1}": a[s, l]
                                for s, step in enumerate(STEPS) for l in range(L)})
    found = results(world, path)
    layers = sorted({row[1] for row in found["head_stats"]})
    assert layers == [1, 2, 3], layers
    assert len(found["head_stats"]) == len(wanted["head_stats"])


@test
def layers_with_different_numbers_of_heads(world):
    a = attention()
    heads = (5, 2, 3)
    native = {"step": np.array(STEPS), **{f"layers/{l}/attention": a[:, l, :, :heads[l]]
                                          for l in range(L)}}
    wanted = results(world, put_h5(world / "native", native))
    arrays = {f"step_{step}/layer_{l}": a[s, l, :, :heads[l]] for s, step in enumerate(STEPS)
              for l in range(L)}
    assert_equal(results(world, put_h5(world / "some", arrays)), wanted, "heads")
    assert_equal(results(world, put_files(put_npz, world / "files", arrays)), wanted, "files")


@test
def a_layer_missing_at_some_steps(world):
    a = attention()
    arrays = by_step_layer(a, STEPS, "step_{}/layer_{}")
    for missing in "step_0/layer_2", "step_100/layer_1":
        some = {name: array for name, array in arrays.items() if name != missing}
        for path in (put_h5(world / "m", some), put_npz(world / "m", some),
                     put_files(put_npz, world / missing.replace("/", "-"), some)):
            found = results(world, path, check=3)
            step, layer = (int(part.split("_")[1]) for part in missing.split("/"))
            rows = {row[:2] for row in found["head_stats"]}
            assert (step, layer) not in rows and len(rows) == S * L - 1, (missing, path, rows)


@test
def head_attribute_and_other_arrays_do_not_disturb(world):
    a = attention()
    wanted = results(world, put_native(world / "native", a))
    arrays = {**by_step_layer(a, STEPS), "loss": np.zeros(S, "f4"), "tokens": np.zeros((S, T), "i8"),
              **{f"mlp/{l}/weight": np.zeros((4, 8), "f4") for l in range(L)}}
    path = put_h5(world / "more", arrays)
    assert_equal(results(world, path), wanted, "more")
    assert "not read: mlp/" in world.run("inspect", path, check=0).out


# ---- what can be read in two ways

@test
def what_has_two_meanings_is_not_guessed(world):
    a = attention(samples=1)
    np.save(world / "all.npy", a)
    cases = [(world / "all.npy", ["SLBHQK", "LSBHQK"]),
             (put_h5(world / "step", {f"step{s}/attn": a[i, :, 0] for i, s in enumerate(STEPS)}),
              ["LHQK", "BHQK"]),
             (put_h5(world / "layer", {f"attn_{l}": a[:, l, 0] for l in range(L)}),
              ["SHQK", "BHQK"])]
    for path, wanted in cases:
        result = world.run("analyze", path, "--db", "two.db", check=2)
        for axes in wanted:
            assert axes in result.err, (path, result)
        shown = world.run("inspect", path, check=2)
        for axes in wanted:
            assert axes in shown.out + shown.err, (path, shown)
            results(world, path, "--axes", axes)


@test
def two_arrays_that_may_be_attention(world):
    a = attention()
    path = put_h5(world / "two", {**by_step_layer(a, STEPS, "step_{}/layer_{}/self_attn"),
                                  **by_step_layer(a[..., ::-1, :], STEPS,
                                                  "step_{}/layer_{}/cross_attn")})
    result = world.run("analyze", path, "--db", "two.db", check=2)
    wanted = results(world, put_native(world / "native", a))
    for kind in "self", "cross":
        assert f"step_{{step}}/layer_{{layer}}/{kind}_attn" in result.err, result
    assert_equal(results(world, path, "--layout", "step_{step}/layer_{layer}/self_attn"), wanted,
                 "self")


@test
def what_is_not_recognised_is_listed(world):
    path = put_h5(world / "other", {"loss": np.zeros(4), "mlp/0/w": np.zeros((4, 8), "f4"),
                                    "mlp/1/w": np.zeros((4, 8), "f4")})
    assert "inspect lists" in world.run("analyze", path, "--db", "o.db", check=4).err
    shown = world.run("inspect", path, check=4)
    assert "mlp/{layer}/w" in shown.out and "[4,8] f32" in shown.out and "loss" in shown.out, shown
    arrays = world.run("inspect", "--json", path, check=4).json()["arrays"]
    assert {(row["pattern"], row["number"]) for row in arrays} == {("loss", 1),
                                                                   ("mlp/{layer}/w", 2)}, arrays


@test
def options_that_do_not_fit(world):
    path = put_h5(world / "x", by_step_layer(attention(), STEPS))
    layout = ("--layout", "steps/{step}/layer_{layer}/attn")
    for options, code in ((("--axes", "BHQQ"), 2), (("--axes", "BH"), 2), (("--axes", "XHQK"), 2),
                          (("--layout", "{step}{layer}"), 2), (("--layout", "{what}"), 2),
                          (("--layout", ""), 2), (("--layout", "nothing/{step}"), 4),
                          ((*layout, "--axes", "QK"), 2), ((*layout, "--axes", "SHQK"), 2),
                          (("--element", "f8"), 2)):
        result = world.run("analyze", path, "--db", "x.db", *options)
        assert result.code == code, (options, result)


if __name__ == "__main__":
    clitest.main()
