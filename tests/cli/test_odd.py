"""Traces as other programs write them, and files that are not what they say; needs h5py."""
import os

try:
    import h5py
    import numpy
except ImportError:
    h5py = None

import clitest
from clitest import Skip, query, test

S, B, H, T = 3, 2, 2, 6


def attention(dtype="f4", causal=True, seed=1):
    rng = numpy.random.default_rng(seed)
    p = rng.random((S, B, H, T, T)) + 0.01
    if causal:
        p *= numpy.tril(numpy.ones((T, T)))
    return (p / p.sum(-1, keepdims=True)).astype(dtype)


def make(world, name="odd.h5", layers=1, data=None, attributes=None, step=(0, 5, 9), **storage):
    """A plain trace by h5py; storage: options of create_dataset()."""
    if h5py is None:
        raise Skip("no h5py here")
    path = world / name
    with h5py.File(path, "w") as file:
        file.attrs["format"] = "attention-trace"
        file.attrs["format_version"] = 1
        for key, value in (attributes or {}).items():
            file.attrs[key] = value
        file["step"] = numpy.array(step, dtype="i8")
        for layer in range(layers):
            file.create_dataset(f"layers/{layer}/attention",
                                data=attention() if data is None else data, **storage)
    return name


def edit(world, name, change):
    with h5py.File(world / name, "r+") as file:
        change(file)
    return name


def entropy_of(world, name, check=0):
    (world / "r.db").unlink(missing_ok=True)
    world.run("analyze", name, "--db", "r.db", check=check)
    return [value for (value,) in query(world / "r.db", "SELECT entropy_mean FROM head_stats"
                                                        " ORDER BY step, layer, head")]


def expected_entropy(data):
    p = data.astype("f8")
    with numpy.errstate(divide="ignore", invalid="ignore"):
        h = -numpy.where(p > 0, p * numpy.log(p), 0).sum(-1)
    return h.mean(axis=(1, 3)).ravel()  # over samples and queries; capture, head


def agrees(world, name, data, tolerance=1e-6):
    found = numpy.array(entropy_of(world, name))
    assert numpy.allclose(found, expected_entropy(data), rtol=0, atol=tolerance), found


@test
def contiguous_chunked_split_and_filtered(world):
    data = attention()
    for storage in ({}, {"chunks": True}, {"chunks": (1, 1, 1, T, T)}, {"chunks": (2, 2, 1, 4, 4)},
                    {"chunks": (1, 1, 1, 1, 1)}, {"chunks": (3, 2, 2, 2, 6), "compression": "gzip"},
                    {"chunks": (1, 1, 2, 5, 6), "shuffle": True, "fletcher32": True}):
        agrees(world, make(world, data=data, **storage), data)


@test
def another_layout_is_recognised_or_named(world):
    data = attention()
    name = make(world, "stacked.h5", data=data)

    def restack(file):
        file.move("layers/0/attention", "attentions/0")
        del file["layers"]
        del file.attrs["format"]

    edit(world, name, restack)
    seen = world.run("inspect", name, check=0).out
    assert "attentions, recognised by its groups and /step" in seen, seen
    agrees(world, name, data)
    world.run("inspect", name, "--layout", "attentions", check=0)
    refused = world.run("inspect", name, "--layout", "trace-v1", check=4).err
    assert "/layers" in refused, refused


@test
def every_element_type_in_either_byte_order(world):
    for dtype, tolerance in (("<f8", 1e-6), (">f8", 1e-6), (">f4", 1e-6), ("<f2", 1e-6),
                             (">f2", 1e-6)):
        data = attention(dtype)
        agrees(world, make(world, data=data), data.astype(dtype[1:]), tolerance)


@test
def every_kind_of_attribute(world):
    data = attention()
    for attributes in ({"causal": True}, {"causal": numpy.int8(1)}, {"causal": numpy.uint64(1)},
                       {"causal": 1.0}, {"run_name": "vlen"}, {"run_name": numpy.bytes_("fixed")},
                       {"format_version": numpy.array(1, dtype=">i4")},
                       {"format": numpy.bytes_("attention-trace")},
                       {"context_length": numpy.int16(T), "attempt": numpy.uint8(1)}):
        agrees(world, make(world, attributes=attributes, data=data), data)


@test
def an_attempt_that_cannot_be_is_left_out(world):
    for attempt in (-1, 2 ** 40):
        make(world, attributes={"attempt": numpy.int64(attempt)})
        (world / "r.db").unlink(missing_ok=True)
        result = world.run("analyze", "odd.h5", "--db", "r.db", check=3)
        assert f"attempt is {attempt}, expected 1 to 1000000" in result.err, result
        assert query(world / "r.db", "SELECT DISTINCT attempt FROM runs") == [(1,)]


@test
def without_name_uuid_or_causality_the_same_file_is_known_again(world):
    make(world, "plain.h5")
    first = world.run("analyze", "plain.h5", "--db", "r.db", check=0)
    assert "run plain" in first.out and "causal" in first.err, str(first)
    before = clitest.dump(world / "r.db")
    again = world.run("analyze", "plain.h5", "--db", "r.db", check=0)
    assert "0 new captures" in again.out, str(again)
    assert clitest.dump(world / "r.db") == before
    make(world, "other/plain.h5".replace("/", "-"), data=attention(seed=2))
    os.replace(world / "other-plain.h5", world / "plain.h5")
    world.run("analyze", "plain.h5", "--db", "r.db", check=2)
    world.run("analyze", "plain.h5", "--db", "r.db", "--replace", check=0)


@test
def what_is_no_trace_is_refused(world):
    make(world)
    changes = {
        "format": lambda f: f.attrs.__setitem__("format", "something"),
        "version": lambda f: f.attrs.__setitem__("format_version", 2),
        "huge version": lambda f: f.attrs.__setitem__("format_version", 2 ** 62),
        "no step": lambda f: f.__delitem__("step"),
        "no layers": lambda f: f.__delitem__("layers"),
        "step of text": lambda f: (f.__delitem__("step"), f.__setitem__("step", "x")),
        "step is a group": lambda f: (f.__delitem__("step"), f.create_group("step")),
        "attention of integers": lambda f: (f.__delitem__("layers/0/attention"), f.__setitem__(
            "layers/0/attention", numpy.zeros((S, B, H, T, T), "i4"))),
        "four axes": lambda f: (f.__delitem__("layers/0/attention"), f.__setitem__(
            "layers/0/attention", numpy.zeros((S, B, H, T), "f4"))),
        "no axis": lambda f: (f.__delitem__("layers/0/attention"), f.__setitem__(
            "layers/0/attention", 1.0)),
        "an axis of 0": lambda f: (f.__delitem__("layers/0/attention"), f.__setitem__(
            "layers/0/attention", numpy.zeros((S, B, 0, T, T), "f4"))),
    }
    for what, change in changes.items():
        make(world)
        edit(world, "odd.h5", change)
        for command in (["inspect", "odd.h5"], ["analyze", "odd.h5", "--db", "r.db"]):
            result = world.run(*command)
            assert result.code == 4 and result.err.count("\n") == 1, f"{what}: {result}"
            assert "odd.h5" in result.err, f"{what}: {result}"


def refused(world, change, code=5):
    make(world)
    edit(world, "odd.h5", change)
    result = world.run("analyze", "odd.h5", "--db", "r.db")
    assert result.code == code and "odd.h5" in result.err, str(result)


@test
def what_leads_out_of_the_file_is_refused(world):
    make(world, "target.h5")
    (world / "raw.bin").write_bytes(attention().tobytes())

    def soft(file):
        file.move("layers/0/attention", "elsewhere")
        file["layers/0/attention"] = h5py.SoftLink("/elsewhere")

    def external_link(file):
        del file["layers/0/attention"]
        file["layers/0/attention"] = h5py.ExternalLink("target.h5", "/layers/0/attention")

    def external_storage(file):
        del file["layers/0/attention"]
        file.create_dataset("layers/0/attention", (S, B, H, T, T), "f4",
                            external=[("raw.bin", 0, h5py.h5f.UNLIMITED)])

    def virtual(file):
        del file["layers/0/attention"]
        layout = h5py.VirtualLayout((S, B, H, T, T), "f4")
        layout[:] = h5py.VirtualSource("target.h5", "layers/0/attention", (S, B, H, T, T))
        file.create_virtual_dataset("layers/0/attention", layout)

    for change in (soft, external_link, external_storage, virtual):
        refused(world, change)


@test
def filters_that_are_not_known_are_refused_with_a_way_out(world):
    if h5py is None:
        raise Skip("no h5py here")
    make(world)
    with h5py.File(world / "odd.h5", "r+") as file:
        del file["layers/0/attention"]
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1, B, H, T, T))
        creation.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, ())
        h5py.h5d.create(file["layers/0"].id, b"attention", h5py.h5t.IEEE_F32LE,
                        h5py.h5s.create_simple((S, B, H, T, T)), creation)
    refused = world.run("analyze", "odd.h5", "--db", "r.db", check=5)
    assert "number 32001" in refused.err and "h5repack" in refused.err, refused


@test
def absurd_sizes_are_refused_and_take_no_memory(world):
    def enormous(shape, chunks):
        def change(file):
            del file["layers/0/attention"]
            file.create_dataset("layers/0/attention", shape, "f4", chunks=chunks)
        return change

    for shape, chunks in (((S, B, H, 10 ** 6, 10 ** 6), (1, 1, 1, 8, 8)),
                          ((S, B, 10 ** 9, T, T), (1, 1, 1, T, T)),
                          ((S, 10 ** 12, H, T, T), (1, 1, 1, T, T))):
        refused(world, enormous(shape, chunks))


@test
def a_chunk_that_was_never_written_is_missing_not_zero(world):
    def sparse(file):
        del file["layers/0/attention"]
        hole = file.create_dataset("layers/0/attention", (S, B, H, T, T), "f4",
                                   chunks=(1, B, H, T, T))
        data = attention()
        hole[0], hole[2] = data[0], data[2]

    make(world, layers=2)
    edit(world, "odd.h5", sparse)
    world.run("analyze", "odd.h5", "--db", "r.db", check=3)
    assert query(world / "r.db", "SELECT step, status FROM captures ORDER BY step") == \
           [(0, "complete"), (5, "partial"), (9, "complete")]
    assert query(world / "r.db", "SELECT DISTINCT layer FROM head_stats WHERE step = 5") == [(1,)]


@test
def rows_that_do_not_sum_to_one_are_counted_and_left_out(world):
    data = attention()
    data[0, 0, 0, 3] *= 0.9
    data[1, 0, 1, 2, 0] = numpy.nan
    data[1, 0, 1, 4] = 0
    data[2, 1, 0, 1, 1] = -0.5
    data[2, 1, 1, 1, 5] = 0.3  # a key that is not allowed
    make(world, data=data, attributes={"causal": True})
    summary = world.run("analyze", "odd.h5", "--db", "r.db", "--json", check=0).json()["runs"][0]
    assert (summary["rows_nan"], summary["rows_masked"], summary["rows_off_sum"]) == (1, 1, 3), \
        summary
    loose = world.run("analyze", "odd.h5", "--db", "l.db", "--json", "--tolerance", "0.2",
                      check=0).json()["runs"][0]
    assert loose["rows_off_sum"] == 2, loose


@test
def logits_in_the_place_of_weights_are_guessed(world):
    rng = numpy.random.default_rng(5)
    make(world, data=rng.normal(size=(S, B, H, T, T)).astype("f4"))
    run = world.run("analyze", "odd.h5", "--db", "r.db", check=0)
    assert "are these logits" in run.out, run
    make(world, "weights.h5")
    assert "logits" not in world.run("analyze", "weights.h5", "--db", "w.db", check=0).out


@test
def one_bad_head_moves_no_other_number(world):
    """A row of NaN and one off its sum in one head: the counts say so, all other heads are the same."""
    heads = 1000
    rng = numpy.random.default_rng(6)
    data = rng.random((1, 1, heads, 4, 4)) + 0.01
    data = (data / data.sum(-1, keepdims=True)).astype("f4")
    everything = "SELECT * FROM head_stats WHERE head <> 777 ORDER BY layer, head"
    for name, spoiled in (("good.h5", False), ("bad.h5", True)):
        if spoiled:
            data[0, 0, 777, 1] = numpy.nan
            data[0, 0, 777, 2] *= 2
        make(world, name, layers=100, step=(0,), data=data)
        world.run("analyze", name, "--db", name + ".db", "--run", "run", check=0)
    good, bad = (query(world / f"{name}.h5.db", everything) for name in ("good", "bad"))
    assert len(good) == 100 * (heads - 1) and good == bad
    assert query(world / "bad.h5.db", "SELECT DISTINCT n_nan, n_off_sum FROM head_stats "
                                      "WHERE head = 777") == [(1, 1)]


@test
def shuffled_steps_are_attempts(world):
    make(world, step=(9, 0, 5))
    runs = world.run("analyze", "odd.h5", "--db", "r.db", "--json", check=0).json()["runs"]
    assert [(run["attempt"], run["captures_new"]) for run in runs] == [(1, 1), (2, 2)], runs
    assert query(world / "r.db", "SELECT count(*) FROM captures") == [(S,)]


@test
def lost_pages_of_steps_are_told(world):
    """Zeros pass Fletcher's checksum: two steps are not both 0."""
    make(world)

    def zero(file):
        del file["step"]
        file.create_dataset("step", data=numpy.zeros(S, "i8"), chunks=(S,), fletcher32=True)

    edit(world, "odd.h5", zero)
    run = world.run("analyze", "odd.h5", "--db", "r.db", check=4)
    assert "lost page" in run.err, run


@test
def a_damaged_trace_is_not_taken_for_another_programs(world):
    """Its /step is lost: to count captures from 0 would be to invent steps."""
    make(world)

    def rename(file):
        file.move("step", "stew")
        del file.attrs["format"]

    edit(world, "odd.h5", rename)
    world.run("analyze", "odd.h5", "--db", "r.db", check=4)


@test
def steps_may_be_anything_that_grows(world):
    make(world, step=(-(2 ** 62), 0, 2 ** 62))
    world.run("analyze", "odd.h5", "--db", "r.db", check=0)
    world.run("plot", "layerwise-entropy", "--db", "r.db", "-o", "x.svg", check=0)
    world.run("plot", "headwise-entropy", "--db", "r.db", "--step", str(-(2 ** 62)), "-o", "x.svg",
              check=0)
    make(world, "same.h5", step=(4, 4, 4))
    runs = world.run("analyze", "same.h5", "--db", "s.db", "--json", check=0).json()["runs"]
    assert [run["attempt"] for run in runs] == [1, 2, 3], runs


@test
def more_steps_than_attention_and_fewer(world):
    make(world, step=(0, 1, 2, 3, 4))
    world.run("analyze", "odd.h5", "--db", "r.db", check=3)
    make(world, "less.h5", step=(0, 1))
    assert "2 new captures" in world.run("analyze", "less.h5", "--db", "l.db", check=0).out


@test
def a_file_cut_off_anywhere_never_crashes(world):
    make(world, layers=2, chunks=(1, 1, 1, T, T), fletcher32=True)
    whole = (world / "odd.h5").read_bytes()
    for part in range(1, 12):
        (world / "cut.h5").write_bytes(whole[:len(whole) * part // 12])
        (world / "r.db").unlink(missing_ok=True)
        result = world.run("analyze", "cut.h5", "--db", "r.db")
        assert result.code in (3, 4, 5), str(result)


@test
def a_flipped_byte_never_crashes(world):
    make(world, layers=2, chunks=(1, 1, 1, T, T), fletcher32=True)
    whole = (world / "odd.h5").read_bytes()
    for place in range(0, len(whole), len(whole) // 60):
        flipped = bytearray(whole)
        flipped[place] ^= 0xff
        (world / "bad.h5").write_bytes(flipped)
        (world / "r.db").unlink(missing_ok=True)
        result = world.run("analyze", "bad.h5", "--db", "r.db")
        assert result.code in (0, 3, 4, 5), f"byte {place}: {result}"


@test
def a_size_beyond_its_own_maximum_is_refused(world):
    """HDF5 counts chunks by the maximum, and would give another chunk than that which it is asked for."""
    make(world, maxshape=(S, B, H, T, 987654321), chunks=(1, 1, 1, T, T))
    whole = (world / "odd.h5").read_bytes()
    most = (987654321).to_bytes(8, "little")
    assert whole.count(most) == 1
    (world / "odd.h5").write_bytes(whole.replace(most, (T - 1).to_bytes(8, "little")))
    result = world.run("analyze", "odd.h5", "--db", "r.db", check=4)
    assert f"has {T} elements along axis 4, where it can have at most {T - 1}" in result.err, result


# ---- LZF

LZF_STORAGES = ({}, {"shuffle": True}, {"fletcher32": True}, {"shuffle": True, "fletcher32": True})


def lzf_masks(world, name):
    """Filter masks of the chunks of layer 0: not 0 where the filter was left out."""
    with h5py.File(world / name) as file:
        data = file["layers/0/attention"].id
        return [data.get_chunk_info(i).filter_mask for i in range(data.get_num_chunks())]


def sparse(dtype, length=64, dense_step=1):
    """Rows that are nearly all zeros, which shrinks; those of one capture do not."""
    rng = numpy.random.default_rng(3)
    p = numpy.zeros((S, B, H, length, length))
    rows = numpy.arange(length)
    for _ in range(3):
        p[..., rows, rng.integers(0, rows + 1)] += rng.random((S, B, H, length))
    p[dense_step] = rng.random(p[dense_step].shape) + 0.01
    return (p / p.sum(-1, keepdims=True)).astype(dtype)


@test
def lzf_is_read_as_what_it_holds(world):
    for dtype in ("<f2", "<f4", ">f4", "<f8"):
        data = sparse(dtype)
        make(world, "plain.h5", data=data)
        wanted = entropy_of(world, "plain.h5")
        masks = set()
        for storage in LZF_STORAGES:
            for chunks in ((1, 1, 1, 64, 64), (2, 1, 2, 40, 64), (1, 2, 1, 64, 33)):
                make(world, "lzf.h5", data=data, compression="lzf", chunks=chunks, **storage)
                masks |= set(lzf_masks(world, "lzf.h5"))
                assert entropy_of(world, "lzf.h5") == wanted, (dtype, storage, chunks)
        # h5py left the filter out where nothing shrank, and nowhere else
        assert 0 in masks and len(masks) > 1, (dtype, masks)
    make(world, "lzf.h5", data=data, compression="lzf", shuffle=True, fletcher32=True)
    assert "shuffle, lzf, fletcher32" in world.run("inspect", "lzf.h5", check=0).out


@test
def steps_and_masks_in_lzf(world):
    mask = numpy.ones((S, B, T), "u1")
    mask[:, 0, 4:] = 0
    found = []
    for storage in ({}, {"compression": "lzf", "chunks": True}):
        make(world, data=attention(causal=False))
        with h5py.File(world / "odd.h5", "r+") as file:
            del file["step"]
            file.create_dataset("step", data=numpy.arange(S, dtype="i8") * 7, **storage)
            file.create_dataset("key_mask", data=mask, **storage)
        found.append(entropy_of(world, "odd.h5"))
        assert query(world / "r.db", "SELECT step FROM captures ORDER BY step") == [(0,), (7,), (14,)]
    assert found[0] == found[1]


@test
def damaged_lzf_is_damaged_and_no_crash(world):
    make(world, "good.h5", data=sparse("f4", dense_step=2), compression="lzf",
         chunks=(1, 2, 2, 64, 64))
    with h5py.File(world / "good.h5") as file:
        chunk = file["layers/0/attention"].id.get_chunk_info(0)
    good = (world / "good.h5").read_bytes()
    rng = numpy.random.default_rng(5)
    n_damaged = 0
    for _ in range(40):
        data = bytearray(good)
        for at in rng.integers(chunk.byte_offset, chunk.byte_offset + chunk.size, 5):
            data[at] = rng.integers(0, 256)
        (world / "bad.h5").write_bytes(data)
        # without a checksum, some damage is no more than other numbers
        result = world.run("analyze", "bad.h5", "--db", "r.db", "--replace")
        assert result.code in (0, 3), result
        n_damaged += result.code == 3 and "cannot be expanded" in result.err
    assert n_damaged > 5, n_damaged
    data = bytearray(good)
    data[chunk.byte_offset:chunk.byte_offset + chunk.size] = b"\xff" * chunk.size
    (world / "bad.h5").write_bytes(data)
    assert "cannot be expanded" in world.run("analyze", "bad.h5", "--db", "d.db", check=3).err


@test
def only_lzf_may_be_left_out(world):
    make(world, data=attention(), compression="gzip", chunks=(1, B, H, T, T))
    with h5py.File(world / "odd.h5", "r+") as file:
        file["layers/0/attention"].id.write_direct_chunk((1, 0, 0, 0, 0), attention()[1].tobytes(),
                                                         filter_mask=1)
    refused = world.run("analyze", "odd.h5", "--db", "r.db")
    assert refused.code == 5 and "filter left out" in refused.err, refused
    # of a chain with lzf, its bit alone; bits of filters that are not there are a lie
    for bits in (1, 4, 8, 2 | 8):
        make(world, data=attention(), compression="lzf", shuffle=True, fletcher32=True,
             chunks=(1, B, H, T, T))
        with h5py.File(world / "odd.h5", "r+") as file:
            file["layers/0/attention"].id.write_direct_chunk(
                (1, 0, 0, 0, 0), attention()[1].tobytes(), filter_mask=bits)
        assert world.run("analyze", "odd.h5", "--db", "r.db").code == 5, bits


if __name__ == "__main__":
    clitest.main()
