"""Holes, odd /step datasets, and datasets of other shapes and types: what can be read is right, what cannot gets
the code and the words for it, and no number is made up.  Needs h5py."""
import clitest
import test_odd
from clitest import Skip, query, test
from test_odd import B, H, S, T, agrees, attention, edit, expected_entropy, h5py, make, numpy

clitest.tests.clear()  # those of test_odd.py run there


# ---- holes: what was never written

def dataset_with_holes(file, name, data, chunks, written):
    """Only the boxes of `written` (slices) are; an early allocation would fill the others."""
    del file[name]
    dataset = file.create_dataset(name, data.shape, data.dtype, chunks=chunks)
    for box in written:
        dataset[box] = data[box]


def at(capture):
    return slice(capture, capture + 1)


ALL = slice(None)
WHOLE = (1, B, H, T, T)
HOLES = {  # where: chunks, boxes of layer 1 that are written, captures that stay whole
    "first capture": (WHOLE, [at(1), at(2)], [5, 9]),
    "capture in the middle": (WHOLE, [at(0), at(2)], [0, 9]),
    "last capture": (WHOLE, [at(0), at(1)], [0, 5]),
    "whole layer": (WHOLE, [], []),
    "one head of a capture": ((1, B, 1, T, T), [at(0), (at(1), ALL, at(0)), at(2)], [0, 9]),
    "one sample of a capture": ((1, 1, H, T, T), [at(0), (at(1), at(1)), at(2)], [0, 9]),
    "some keys of a capture": ((1, B, H, T, 2), [at(0), (at(1), ALL, ALL, ALL, slice(0, 4)), at(2)], [0, 9]),
    "chunks of two captures": ((2, B, H, T, T), [slice(0, 2)], [0, 5]),
}


@test
def what_was_never_written_is_missing_and_never_zeros(world):
    data = attention()
    for where, (chunks, written, whole) in HOLES.items():
        make(world, layers=2, data=data)
        edit(world, "odd.h5", lambda file: dataset_with_holes(file, "layers/1/attention", data, chunks, written))
        (world / "r.db").unlink(missing_ok=True)
        result = world.run("analyze", "odd.h5", "--db", "r.db", check=3)
        assert "/layers/1/attention" in result.err or "layer 1" in result.err, (where, str(result))
        assert [step for step, in query(world / "r.db", "SELECT step FROM captures WHERE status = 'complete'"
                                                        " ORDER BY step")] == whole, (where, str(result))
        assert query(world / "r.db", "SELECT count(*) FROM head_stats WHERE n_masked + n_off_sum + n_nan > 0"
                     ) == [(0,)], where  # zeros would be masked rows
        found = query(world / "r.db", "SELECT entropy_mean FROM head_stats WHERE layer = 0 ORDER BY step, head")
        assert numpy.allclose([value for value, in found], expected_entropy(data), atol=1e-6), where
        steps = {0: 0, 5: 1, 9: 2}
        for step, head, value in query(world / "r.db", "SELECT step, head, entropy_mean FROM head_stats"
                                                       " WHERE layer = 1"):
            assert step in whole and abs(value - expected_entropy(data)[steps[step] * H + head]) < 1e-6, where


@test
def holes_beside_the_weights(world):
    """In /step, in a mask, and in contiguous data that was never given a place."""
    def step(file):
        del file["step"]
        file.create_dataset("step", (S,), "i8", chunks=(1,))[0:2] = [0, 5]

    make(world, data=attention())
    edit(world, "odd.h5", step)
    result = world.run("analyze", "odd.h5", "--db", "s.db", check=3)
    assert "only its first 2 of 3 entries" in result.err, result
    assert query(world / "s.db", "SELECT step FROM captures ORDER BY step") == [(0,), (5,)]

    def mask(file):
        file.create_dataset("key_mask", (S, B, T), "u1", chunks=(1, B, T))[0:2] = 1

    make(world, data=attention())
    edit(world, "odd.h5", mask)
    world.run("analyze", "odd.h5", "--db", "m.db", check=3)
    assert query(world / "m.db", "SELECT step, status FROM captures ORDER BY step") == \
        [(0, "complete"), (5, "complete"), (9, "partial")]
    assert query(world / "m.db", "SELECT sum(n_masked) FROM head_stats") == [(0,)]

    def late(file):
        del file["layers/0/attention"]
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_alloc_time(h5py.h5d.ALLOC_TIME_LATE)
        h5py.h5d.create(file["layers/0"].id, b"attention", h5py.h5t.IEEE_F32LE,
                        h5py.h5s.create_simple((S, B, H, T, T)), creation)

    make(world)
    edit(world, "odd.h5", late)
    world.run("analyze", "odd.h5", "--db", "l.db")
    assert not (world / "l.db").exists() or query(world / "l.db", "SELECT count(*) FROM head_stats") == [(0,)]


# ---- /step

STEPS = {  # what is odd: the steps, exit code, captures of each attempt, or words of the refusal
    "longer": ([0, 1, 2, 3, 4], 3, [3]),
    "shorter": ([0, 1], 0, [2]),
    "duplicated": ([0, 5, 5], 0, [2, 1]),
    "rewound": ([100, 200, 150], 0, [2, 1]),
    "shuffled": ([9, 0, 5], 0, [1, 2]),
    "negative": ([-9, -5, 0], 0, [3]),
    "constant": ([4, 4, 4], 0, [1, 1, 1]),
    "at the limits": ([-(2 ** 63), 0, 2 ** 63 - 1], 0, [3]),
    "unsigned": (None, 0, [3]),
    "of floats": ([0.0, 1.0, 2.0], 4, "integers"),
    "of text": (["0", "1", "2"], 4, "integers"),
    "of two axes": ([[0, 1, 2]], 4, "one axis"),
    "empty": ([], 4, "no capture"),
}


@test
def odd_steps(world):
    for what, (steps, code, expected) in STEPS.items():
        make(world, data=attention())

        def change(file):
            del file["step"]
            if steps is None:
                file["step"] = numpy.array([0, 2 ** 31, 2 ** 32 - 1], ">u4")
            elif what == "empty":
                file["step"] = numpy.zeros(0, "i8")
            else:
                file["step"] = steps

        edit(world, "odd.h5", change)
        (world / "r.db").unlink(missing_ok=True)
        result = world.run("analyze", "odd.h5", "--db", "r.db", check=code)
        if code == 4:
            assert "/step" in result.err and expected in result.err, (what, str(result))
            assert not (world / "r.db").exists(), what
            continue
        assert query(world / "r.db", "SELECT attempt, count(*) FROM runs JOIN captures ON id = run_id"
                                     " WHERE status = 'complete' GROUP BY attempt ORDER BY attempt") == \
            list(enumerate(expected, 1)), (what, str(result))
        again = world.run("analyze", "odd.h5", "--db", "r.db", check=code)
        assert "UNIQUE" not in again.err, (what, str(again))
        for attempt in range(1, len(expected) + 1):
            name = "odd" if attempt == len(expected) else f"#{attempt}"
            world.run("report", name, "--db", "r.db", check=0)


# ---- shapes and types

def weights(data, **storage):
    def change(file):
        del file["layers/0/attention"]
        file.create_dataset("layers/0/attention", data=data, **storage)
    return change


def of_type(kind, dims=(S, B, H, T, T)):
    def change(file):
        del file["layers/0/attention"]
        h5py.h5d.create(file["layers/0"].id, b"attention", kind(), h5py.h5s.create_simple(dims))
    return change


def quarter_type():
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(7, 3, 4, 0, 3)
    kind.set_size(1)
    kind.set_ebias(7)
    return kind


def opaque_type():
    return h5py.h5t.create(h5py.h5t.OPAQUE, 4)


def without(name):
    return lambda file: file.__delitem__(name)


def beside(name, value):
    return lambda file: file.__setitem__(name, value)


def instead(name, value):
    def change(file):
        del file["layers/0/attention"]
        file[name] = value
    return change


def empty_group(file):
    del file["layers/0/attention"]


def group_instead(file):
    del file["layers/0/attention"]
    file.create_group("layers/0/attention")


def as_bits(file):
    weights(test_odd.attention().astype("<f4").view("<u4").__rshift__(16).astype("<u2"))(file)


EXPECTED_TYPE = "expected f16, bf16, f32 or f64"
WRONG = {  # what: change, code, words
    "rank 1": (lambda: weights(numpy.ones(S, "f4")), 4, "has 1 axes, expected 5"),
    "rank 3": (lambda: weights(attention()[:, 0, 0]), 4, "has 3 axes, expected 5"),
    "rank 4": (lambda: weights(attention()[:, 0]), 4, "has 4 axes, expected 5"),
    "rank 6": (lambda: weights(attention()[None]), 4, "has 6 axes, expected 1 to 5"),
    "rank 0": (lambda: weights(numpy.float32(1)), 4, "has 0 axes, expected 1 to 8"),
    "integers": (lambda: weights(attention().astype("i4")), 4, EXPECTED_TYPE),
    "bytes": (lambda: weights(attention().astype("u1")), 4, EXPECTED_TYPE),
    "booleans": (lambda: weights(attention() > 0), 4, EXPECTED_TYPE),
    "complex": (lambda: weights(attention().astype("c8")), 4, EXPECTED_TYPE),
    "compound": (lambda: weights(numpy.zeros((S, B, H, T, T), [("p", "f4"), ("q", "f4")])), 4, EXPECTED_TYPE),
    "long double": (lambda: weights(attention().astype("f16")), 4, EXPECTED_TYPE),
    "quarter": (lambda: of_type(quarter_type), 4, EXPECTED_TYPE),
    "opaque": (lambda: of_type(opaque_type), 4, EXPECTED_TYPE),
    "text": (lambda: weights(numpy.full((S, B, H, T, T), b"x")), 4, EXPECTED_TYPE),
    "bf16 in disguise": (lambda: as_bits, 4, EXPECTED_TYPE),
    "no samples": (lambda: weights(numpy.zeros((S, 0, H, T, T), "f4")), 4, "0 samples"),
    "no heads": (lambda: weights(numpy.zeros((S, B, 0, T, T), "f4")), 4, "0 heads"),
    "no queries": (lambda: weights(numpy.zeros((S, B, H, 0, T), "f4")), 4, "0 queries"),
    "no keys": (lambda: weights(numpy.zeros((S, B, H, T, 0), "f4")), 4, "0 keys"),
    "no attention": (lambda: empty_group, 4, "/layers/{layer}/attention"),
    "a group": (lambda: group_instead, 4, "is not a dataset"),
    "no layers": (lambda: without("layers"), 4, "/layers"),
    "no step": (lambda: without("step"), 4, "/step is not there"),
    "head dim 0": (lambda: instead("layers/0/queries", numpy.zeros((S, B, H, T, 0), "f4")), 4, "/layers/0/queries"),
    "queries alone": (lambda: instead("layers/0/queries", numpy.ones((S, B, H, T, 4), "f4")), 4, "/layers/0/keys"),
    "entropies of rank 5": (lambda: instead("layers/0/row_entropy", attention()), 4, "has 5 axes, expected 4"),
    "a mask of floats": (lambda: beside("key_mask", numpy.ones((S, B, T), "f4")), 4, "expected uint8"),
    "a mask of other keys": (lambda: beside("key_mask", numpy.ones((S, B, T + 1), "u1")), 4, f"{T}]"),
    "segments of rank 2": (lambda: beside("segment", numpy.ones((S, T), "i4")), 4, "expected int32"),
}


@test
def wrong_shapes_and_types_are_refused_with_what_is_expected(world):
    if h5py is None:
        raise Skip("no h5py here")
    assert len(WRONG) >= 29
    for what, (change, code, words) in WRONG.items():
        make(world)
        edit(world, "odd.h5", change())
        for command in (["inspect", "odd.h5"], ["analyze", "odd.h5", "--db", "r.db"]):
            result = world.run(*command)
            assert result.code == code and words in result.err and result.err.count("\n") == 1, \
                (what, str(result))
        assert not (world / "r.db").exists(), what


def uneven(queries, keys):
    """Rows of softmax with as many keys as there are."""
    rng = numpy.random.default_rng(7)
    p = rng.random((S, B, H, queries, keys)) + 0.01
    return (p / p.sum(-1, keepdims=True)).astype("f4")


@test
def odd_shapes_and_types_that_can_be_read_are(world):
    """Of either byte order, one token, queries that are not as many as keys, bf16 as integers."""
    for data in (attention(">f8"), attention("<f8"), attention(">f4"), attention(">f2"), uneven(3, T), uneven(1, T),
                 uneven(T, 1), uneven(1, 1)):
        agrees(world, make(world, data=data, attributes={"causal": 0}), data, 1e-6)
    make(world, data=uneven(1, 1))
    world.run("analyze", "odd.h5", "--db", "one.db", check=0)
    assert query(world / "one.db", "SELECT DISTINCT entropy_mean, entropy_norm FROM head_stats") == [(0, None)]
    bits = (attention().view("<u4") >> 16).astype("<u2")
    make(world, data=bits)
    edit(world, "odd.h5", lambda file: file["layers/0/attention"].attrs.__setitem__("encoding", "bf16"))
    rounded = (bits.astype("<u4") << 16).view("<f4")
    found = numpy.array(test_odd.entropy_of(world, "odd.h5"))
    assert numpy.allclose(found, expected_entropy(rounded), atol=1e-6), found


# ---- without checksums

@test
def that_damage_would_go_unseen_is_said_once(world):
    """Of a file, however many layers it has; and not where every chunk has a checksum."""
    note = "no checksums in this file"
    for checksums in (False, True):
        make(world, layers=5, data=attention(), chunks=(1, B, H, T, T), fletcher32=checksums)
        for command in (["inspect", "odd.h5"], ["analyze", "odd.h5", "--db", f"{checksums}.db"]):
            result = world.run(*command, check=0)
            assert (result.out + result.err).count(note) == (0 if checksums else 1), (command, str(result))
    make(world, layers=2, data=attention(), chunks=(1, B, H, T, T), fletcher32=True)
    edit(world, "odd.h5", lambda file: (file.__delitem__("layers/1/attention"),
                                        file.__setitem__("layers/1/attention", attention())))
    assert note in world.run("analyze", "odd.h5", "--db", "half.db", check=0).err  # one layer is enough


if __name__ == "__main__":
    clitest.main()
