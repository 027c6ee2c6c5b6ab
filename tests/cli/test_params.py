"""Learnable parameters beside the attention, from traces into the database; some need h5py."""
try:
    import h5py
    import numpy
except ImportError:
    h5py = None

from clitest import Skip, dump, main, query, test

S, B, H, T, LAYERS = 4, 2, 3, 6, 2
HEADS = "SELECT threshold, temperature_mean, temperature_min, temperature_max FROM head_params" \
        " ORDER BY step, layer, head"


def parameters(seed=7):
    rng = numpy.random.default_rng(seed)
    return {"temperature": rng.random((S, H, T)) + 0.5, "threshold": rng.random((S, H)),
            "alpha": rng.normal(size=S), "beta": rng.normal(size=S)}


def make(world, name, given=None, **storage):
    """A trace by h5py; given: {layer: {name: values}}."""
    if h5py is None:
        raise Skip("no h5py here")
    p = numpy.tril(numpy.random.default_rng(1).random((S, B, H, T, T)) + 0.01)
    with h5py.File(world / name, "w") as file:
        file.attrs["format"] = "attention-trace"
        file.attrs["causal"] = 1
        file["step"] = numpy.arange(S) * 5
        for layer in range(LAYERS):
            file[f"layers/{layer}/attention"] = (p / p.sum(-1, keepdims=True)).astype("f4")
            for part, values in (given or {}).get(layer, {}).items():
                options = storage if numpy.ndim(values) else {}
                file.create_dataset(f"layers/{layer}/{part}", data=values, **options)
    return name


def analyze(world, name, check=0, db="r.db"):
    (world / db).unlink(missing_ok=True)
    return world.run("analyze", name, "--db", db, check=check)


def attention_rows(world, db="r.db"):
    """What is known of the attention; the logits need the temperature too."""
    names = [name for (name,) in query(world / db, "SELECT name FROM pragma_table_info('head_stats')")
             if not name.startswith("logit_")]
    return query(world / db, f"SELECT {', '.join(names)} FROM head_stats ORDER BY step, layer, head")


@test
def values_are_those_that_numpy_finds(world):
    for dtype in ("<f4", ">f8", ">f2"):
        for storage in ({}, {"chunks": True}, {"chunks": True, "compression": "gzip",
                                               "shuffle": True, "fletcher32": True}):
            given = {layer: {name: values.astype(dtype) for name, values in
                             parameters(layer).items()} for layer in range(LAYERS)}
            analyze(world, make(world, "a.h5", given, **storage))
            exact = {layer: {name: values.astype("f4").astype("f8") for name, values in
                             given[layer].items()} for layer in given}
            heads = [[exact[layer]["threshold"][s, h]] +
                     [f(exact[layer]["temperature"][s, h])
                      for f in (numpy.mean, numpy.min, numpy.max)]
                     for s in range(S) for layer in range(LAYERS) for h in range(H)]
            assert numpy.allclose(query(world / "r.db", HEADS), heads, rtol=1e-15, atol=0)
            layers = [(s * 5, layer, exact[layer]["alpha"][s], exact[layer]["beta"][s])
                      for s in range(S) for layer in range(LAYERS)]
            assert query(world / "r.db", "SELECT step, layer, alpha, beta FROM layer_params"
                                         " ORDER BY step, layer") == layers


@test
def what_is_wrong_costs_itself(world):
    analyze(world, make(world, "plain.h5"))
    expected = attention_rows(world)
    good = parameters()
    bad = {"temperature": [good["temperature"][:, :2], good["temperature"][..., 0], 3.5,
                           good["temperature"].astype("i4"), good["temperature"].astype("c16")],
           "threshold": [good["threshold"].T.copy(), good["temperature"], "high"],
           "alpha": [good["threshold"], numpy.arange(S), 1.0, numpy.zeros((S, 0))],
           "beta": [numpy.zeros((S, 1)), numpy.array([b"x"] * S)]}
    for name, variants in bad.items():
        for variant in variants:
            analysed = analyze(world, make(world, "a.h5", {1: {**good, name: variant}}), check=3)
            assert f"the {name} of layer 1 is left out: " in analysed.err, analysed
            assert attention_rows(world) == expected
            column = "temperature_mean" if name == "temperature" else name
            table = "head_params" if name.startswith("t") else "layer_params"
            counts = query(world / "r.db", f"SELECT count(*), count({column}) FROM {table}")
            assert counts == [((S * H if table == "head_params" else S), 0)], (name, counts)


@test
def what_is_short_is_null_at_the_end(world):
    analyze(world, make(world, "plain.h5"))
    expected = attention_rows(world)
    good = parameters()
    for name, values in good.items():
        analysed = analyze(world, make(world, "a.h5", {0: {**good, name: values[:2]}}), check=3)
        assert f"/layers/0/{name} holds 2 captures, /step announces 4" in analysed.err, analysed
        assert attention_rows(world) == expected
        assert query(world / "r.db", "SELECT step, detail FROM captures WHERE status = 'partial'"
                                     " ORDER BY step") == [
            (step, f"/layers/0/{name}: capture {step // 5}: its entry was never written")
            for step in (10, 15)]


@test
def links_are_not_followed(world):
    make(world, "secret.h5", {0: parameters()})
    for link in (h5py.SoftLink("/layers/1/alpha"), h5py.ExternalLink("secret.h5", "/layers/0/alpha")):
        make(world, "a.h5", {1: {"alpha": parameters()["alpha"]}})
        with h5py.File(world / "a.h5", "r+") as file:
            file["layers/0/alpha"] = link
        assert "not followed" in analyze(world, "a.h5", check=3).err
        assert query(world / "r.db", "SELECT DISTINCT layer FROM layer_params") == [(1,)]


@test
def a_flipped_byte_never_crashes(world):
    make(world, "a.h5", {layer: parameters() for layer in range(LAYERS)}, chunks=True,
         fletcher32=True)
    whole = (world / "a.h5").read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 80)):
        flipped = bytearray(whole)
        flipped[place] ^= 0xff
        (world / "bad.h5").write_bytes(flipped)
        (world / "r.db").unlink(missing_ok=True)
        result = world.run("analyze", "bad.h5", "--db", "r.db")
        assert result.code in (0, 3, 4, 5), f"byte {place}: {result}"


@test
def any_number_of_threads_stores_the_same(world):
    for threads in (1, 2, 8):
        for name in ("learned.h5", "learned-damaged.h5"):
            world.run("analyze", world.fixtures / name, "--db", f"{threads}.db", "-j", str(threads))
    assert dump(world / "1.db") == dump(world / "2.db") == dump(world / "8.db")
    assert sum(line.startswith("head_params") for line in dump(world / "1.db")) == 2 * 5 * 8


@test
def replaced_by_a_trace_without_them_they_are_gone(world):
    world.run("analyze", world.fixtures / "learned.h5", "--db", "r.db", check=0)
    assert query(world / "r.db", "SELECT count(*) FROM layer_params") == [(15,)]
    world.run("analyze", world.fixtures / "healthy.h5", "--db", "r.db", "--run", "learned",
              "--replace", check=0)
    assert query(world / "r.db", "SELECT count(*) FROM layer_params") == [(0,)]
    assert query(world / "r.db", "SELECT count(*) FROM head_params") == [(0,)]


main()
