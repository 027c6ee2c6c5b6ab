"""Traces that hold something else than full attention: row entropies, some queries, windows, documents,
queries and keys.  Against numpy, which does it densely; needs h5py."""
import math

try:
    import h5py
    import numpy as np
except ImportError:
    h5py = None

import clitest
from clitest import Skip, query, test

S, B, H, T, D = 2, 2, 4, 24, 8
OF_ENTROPY = ("entropy_mean", "entropy_sd", "entropy_min", "entropy_p05", "entropy_median",
              "entropy_p95", "entropy_max", "entropy_norm", "entropy_ceiling", "effective_keys",
              "rows_collapsed", "rows_overloaded")
OF_WEIGHTS = ("max_weight", "sink_mass", "distance", "self_weight", "previous_weight")
COUNTS = ("n_rows", "n_nan", "n_masked", "n_off_sum")


def make_qk(seed=1, steps=S, samples=B, heads=H, key_heads=H, length=T, dim=D, sharp=2.0):
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((steps, samples, heads, length, dim)) * sharp
    k = rng.standard_normal((steps, samples, key_heads, length, dim))
    return q.astype("f4"), k.astype("f4")


def allowed_keys(length=T, causal=True, window=0, mask=None, segment=None, samples=B):
    """[B][T][T] of bool."""
    query_at, key_at = np.arange(length)[:, None], np.arange(length)[None]
    open_ = np.ones((samples, length, length), bool)
    if causal:
        open_ &= key_at <= query_at
    if window:
        open_ &= query_at - key_at < window
        open_ &= key_at - query_at < window
    if mask is not None:
        open_ &= mask[:, None, :].astype(bool)
    if segment is not None:
        open_ &= segment[:, None, :] == segment[:, :, None]
    return open_


def softmax(q, k, allowed, scale=None, temperature=None):
    """p and the logits before the temperature, in f64; forbidden keys have p = 0, logit -inf."""
    group = q.shape[2] // k.shape[2]
    k = np.repeat(k.astype("f8"), group, axis=2)
    logits = q.astype("f8") @ k.swapaxes(-1, -2) * (scale or 1 / math.sqrt(q.shape[-1]))
    logits = np.where(allowed[None, :, None], logits, -np.inf)
    x = logits / (1 if temperature is None else temperature[:, None, :, :, None].astype("f8"))
    with np.errstate(invalid="ignore"):
        x = np.exp(x - x.max(-1, keepdims=True))
        p = x / x.sum(-1, keepdims=True)
    return np.nan_to_num(p), logits


def entropies(p):
    with np.errstate(divide="ignore", invalid="ignore"):
        return -np.where(p > 0, p * np.log(p), 0).sum(-1)


def write(world, name, layers, root=None, attributes=None, masks=None, layer_attributes=None,
          **storage):
    """layers: [{dataset: array}]."""
    if h5py is None:
        raise Skip("no h5py here")
    with h5py.File(world / name, "w") as file:
        file.attrs["format"], file.attrs["format_version"] = "attention-trace", 1
        file.attrs["causal"] = 1
        for key, value in (root or {}).items():
            file.attrs[key] = value
        file["step"] = np.arange(S, dtype="i8") * 10
        for key, value in (masks or {}).items():
            file[key] = value
        for i, parts in enumerate(layers):
            group = file.create_group(f"layers/{i}")
            for key, value in (layer_attributes or {}).items():
                group.attrs[key] = value
            for key, value in parts.items():
                group.create_dataset(key, data=value, **(storage if value.ndim > 3 else {}))
    return name


def stats(world, name, *options, columns=OF_ENTROPY + OF_WEIGHTS + COUNTS, check=0):
    """{(step, layer, head): {column: value}}"""
    (world / "k.db").unlink(missing_ok=True)
    result = world.run("analyze", name, "--db", "k.db", *options, check=check)
    rows = query(world / "k.db", "SELECT step, layer, head, " + ", ".join(columns) +
                 " FROM head_stats ORDER BY step, layer, head")
    assert rows, result
    return {row[:3]: dict(zip(columns, row[3:])) for row in rows}


def mean(values):
    return values.mean() if values.size else None


def expected(p, allowed, valid, positions=None):
    """What head_stats should hold of [S][B][H][R][T] weights; valid: [B][R]."""
    positions = np.arange(p.shape[-2]) if positions is None else positions
    n = allowed.sum(-1)
    entropy, away = entropies(p), np.abs(positions[:, None] - np.arange(p.shape[-1])[None])
    out = {}
    for s in range(p.shape[0]):
        for head in range(p.shape[2]):
            h, rows, count = entropy[s, :, head][valid], p[s, :, head][valid], n[valid]
            place = np.broadcast_to(positions, valid.shape)[valid]
            share = h[count > 1] / np.log(count[count > 1])
            each = np.arange(len(rows))
            out[s * 10, 0, head] = {
                "entropy_mean": h.mean(), "entropy_sd": h.std(ddof=1), "entropy_min": h.min(),
                "entropy_p05": np.quantile(h, 0.05), "entropy_median": np.quantile(h, 0.5),
                "entropy_p95": np.quantile(h, 0.95), "entropy_max": h.max(),
                "entropy_norm": mean(share), "entropy_ceiling": np.log(count).mean(),
                "effective_keys": np.exp(h).mean(), "rows_collapsed": mean(share < 0.05),
                "rows_overloaded": mean(share >= 0.75),
                "max_weight": rows.max(-1).mean(), "sink_mass": rows[:, 0].mean(),
                "distance": (rows * np.broadcast_to(away, valid.shape + away.shape[1:])[valid]
                             ).sum(-1).mean(),
                "self_weight": rows[each, place].mean(),
                "previous_weight": np.where(place > 0, rows[each, place - 1], 0).mean(),
                "n_rows": valid.size, "n_nan": 0, "n_masked": int((~valid).sum()), "n_off_sum": 0}
    return out


def assert_same(found, wanted, tolerance=1e-5, columns=None):
    assert found.keys() == wanted.keys(), (found.keys(), wanted.keys())
    for at, row in wanted.items():
        for column in columns or row:
            a, b = found[at][column], row[column]
            assert (a is None) == (b is None), (at, column, a, b)
            assert a is None or abs(a - b) <= tolerance * max(1, abs(b)), (at, column, a, b)


# ---- row entropies

@test
def row_entropies_give_what_attention_gives_as_far_as_they_can(world):
    open_ = allowed_keys()
    p, logits = softmax(*make_qk(), open_)
    write(world, "full.h5", [{"attention": p.astype("f4")}])
    write(world, "reduced.h5", [{"row_entropy": entropies(p).astype("f4"),
                                 "row_max_logit": logits.max(-1).astype("f4")}])
    full, reduced = stats(world, "full.h5"), stats(world, "reduced.h5",
                                                   columns=OF_ENTROPY + OF_WEIGHTS + COUNTS +
                                                   ("logit_peak", "nearest_head"))
    assert_same(full, expected(p, open_, np.ones((B, T), bool)))
    assert_same(reduced, full, columns=OF_ENTROPY + COUNTS)
    for (step, _, head), row in reduced.items():
        assert all(row[name] is None for name in OF_WEIGHTS + ("nearest_head",)), row
        assert abs(row["logit_peak"] - logits[step // 10, :, head].max()) < 1e-5, row
    assert query(world / "k.db", "SELECT input FROM runs") == [("row_entropy",)]
    assert query(world / "k.db", "SELECT DISTINCT diversity FROM layer_stats") == [(None,)]
    assert query(world / "k.db", "SELECT DISTINCT status FROM captures") == [("complete",)]


@test
def row_entropies_are_the_same_however_they_are_stored(world):
    p, logits = softmax(*make_qk(), allowed_keys())
    parts = {"row_entropy": entropies(p).astype("f4"), "row_max_logit": logits.max(-1).astype("f4")}
    columns = OF_ENTROPY + COUNTS + ("logit_peak",)
    write(world, "a.h5", [parts, parts])
    first = stats(world, "a.h5", columns=columns)
    digest = query(world / "k.db", "SELECT digest FROM captures")
    for chunks in ((1, 1, H, T), (1, 1, 1, 7), (2, 2, 3, 5), (1, 1, 2, T)):
        write(world, "b.h5", [parts, parts], chunks=chunks, compression="gzip", shuffle=True,
              fletcher32=True)
        assert stats(world, "b.h5", "--threads", "3", columns=columns) == first, chunks
        assert query(world / "k.db", "SELECT digest FROM captures") == digest, chunks


@test
def classes_of_row_entropies(world):
    p, _ = softmax(*make_qk(), allowed_keys())
    entropy = entropies(p).astype("f4")
    mask = np.ones((S, B, T), "u1")
    mask[:, 1, -3:] = 0
    entropy[0, 0, 0, 5] = np.nan
    entropy[0, 0, 0, 6] = -0.01
    entropy[0, 0, 0, 7] = math.log(8) + 0.01
    entropy[0, 0, 0, 8] = np.inf
    entropy[0, 0, 0, 9] = -1e-6
    write(world, "c.h5", [{"row_entropy": entropy}], masks={"key_mask": mask})
    row = stats(world, "c.h5")[0, 0, 0]
    assert [row[name] for name in COUNTS] == [B * T, 2, 3, 2], row
    assert row["entropy_min"] == 0, row
    # of f16 the tolerance is wider: ln 8 + 0.01 passes
    write(world, "d.h5", [{"row_entropy": entropy.astype("f2")}], masks={"key_mask": mask})
    row = stats(world, "d.h5")[0, 0, 0]
    assert [row[name] for name in COUNTS] == [B * T, 2, 3, 0], row


@test
def row_entropies_are_drawn_like_any_other(world):
    p, _ = softmax(*make_qk(), allowed_keys())
    write(world, "r.h5", [{"row_entropy": entropies(p).astype("f4")}] * 2)
    world.run("analyze", "r.h5", "--db", "r.db", check=0)
    for view in ("layerwise-entropy", "headwise-entropy", "entropy-bands"):
        world.run("plot", view, "--db", "r.db", "--run", "r", "-o", f"{view}.svg", check=0)
    world.run("report", "r", "--db", "r.db", check=0)
    for view in ("row-entropy", "query-entropy"):
        world.run("plot", view, "--trace", "r.h5", "-o", f"{view}.svg", check=0)
    refused = world.run("plot", "attention-map", "--trace", "r.h5", "-o", "m.svg", check=4)
    assert "no attention map" in refused.err, refused


# ---- some of the queries

@test
def only_some_queries(world):
    rows = np.array([0, 3, 4, 11, T - 1])
    open_ = allowed_keys()
    q, k = make_qk()
    p, _ = softmax(q, k, open_)
    wanted = expected(p[:, :, :, rows], open_[:, rows], np.ones((B, len(rows)), bool), rows)
    write(world, "s.h5", [{"attention": p[:, :, :, rows].astype("f4"),
                           "query_rows": rows.astype("i4")}])
    assert_same(stats(world, "s.h5"), wanted)
    assert query(world / "k.db", "SELECT input FROM runs") == [("attention of some queries",)]
    write(world, "e.h5", [{"row_entropy": entropies(p)[:, :, :, rows].astype("f4"),
                           "query_rows": rows.astype("i8")}], root={"context_length": T})
    assert_same(stats(world, "e.h5"), wanted, columns=OF_ENTROPY + COUNTS)
    assert query(world / "k.db", "SELECT input FROM runs") == [("row_entropy of some queries",)]
    facts = world.run("inspect", "e.h5", "--json", check=0).json()["layers"][0]
    assert facts["query_rows"] == rows.tolist() and facts["keys"] == T, facts
    assert facts["input"] == "row_entropy", facts
    shown = world.run("inspect", "e.h5", check=0).out
    assert "query_rows" in shown and "row_entropy in place of attention" in shown, shown


@test
def some_queries_without_a_causal_rule_count_all_keys(world):
    rows = np.array([2, 9])
    entropy = np.full((S, B, H, 2), math.log(T) / 2, "f4")
    write(world, "n.h5", [{"row_entropy": entropy, "query_rows": rows}], root={"causal": 0},
          layer_attributes={"n_keys": T})
    for row in stats(world, "n.h5").values():
        assert abs(row["entropy_ceiling"] - math.log(T)) < 1e-9, row
        assert abs(row["entropy_norm"] - 0.5) < 1e-6, row


@test
def bad_query_rows(world):
    p = np.full((S, B, H, 3, T), 1 / T, "f4")
    for rows, words in (([0, 1], "3: one for each stored row"), ([0, 5, 5], "ascending"),
                        ([0, 5, 4], "ascending"), ([-1, 0, 1], "at least 0"),
                        ([0, 1, T], f"below the number of keys, {T}")):
        write(world, "b.h5", [{"attention": p, "query_rows": np.array(rows, "i4")}])
        result = world.run("analyze", "b.h5", "--db", "b.db", check=4)
        assert "/layers/0/query_rows" in result.err and words in result.err, result
    write(world, "f.h5", [{"attention": p, "query_rows": np.array([0., 1., 2.])}])
    assert "expected integers" in world.run("inspect", "f.h5", check=4).err


# ---- windows, documents, masks

def documents(seed=3, length=T):
    rng = np.random.default_rng(seed)
    segment = np.cumsum(rng.random((S, B, length)) < 0.15, axis=-1).astype("i4")
    mask = np.ones((S, B, length), "u1")
    mask[:, 1, :3] = 0
    return segment, mask


RULES = [{"causal": True, "window": 5}, {"causal": False, "window": 4}, {"causal": True, "window": 1},
         {"causal": True, "segment": True}, {"causal": False, "segment": True},
         {"causal": True, "window": 6, "segment": True, "mask": True}, {"causal": False, "mask": True}]


def by_rule(rule, length=T):
    """[S] of [B][T][T], and what goes into the file."""
    segment, mask = documents(length=length)
    segment[1], mask[1] = segment[0], mask[0]
    masks = {}
    if rule.get("segment"):
        masks["segment"] = segment
    if rule.get("mask"):
        masks["key_mask"] = mask
    open_ = allowed_keys(length, rule["causal"], rule.get("window", 0),
                         mask[0] if rule.get("mask") else None,
                         segment[0] if rule.get("segment") else None)
    valid = open_.any(-1) & (mask[0].astype(bool) if rule.get("mask") else True)
    return open_, valid, {"causal": int(rule["causal"])}, masks


@test
def a_changed_mask_or_document_is_another_capture(world):
    p, _ = softmax(*make_qk(seed=6), allowed_keys())
    segment, mask = documents()
    masks = {"segment": segment, "key_mask": mask}
    root = {"trace_uuid": "u-1", "run_name": "masked"}
    write(world, "m.h5", [{"attention": p.astype("f4")}], masks=masks, root=root)
    stats(world, "m.h5")
    for options in ["--threads", "3"], ["--memory", "1"]:
        done = world.run("analyze", "m.h5", "--db", "k.db", "--verify", *options, check=0)
        assert "2 read again and the same" in done.out, done
    for name in masks:
        changed = masks[name].copy()
        changed[1, 1, 3] = 1 - changed[1, 1, 3]
        write(world, "n.h5", [{"attention": p.astype("f4")}], masks={**masks, name: changed}, root=root)
        done = world.run("analyze", "n.h5", "--db", "k.db", check=2)
        assert "step 10 " in done.err and "--replace" in done.err, done


@test
def windows_documents_and_masks_decide_which_keys_count(world):
    q, k = make_qk(seed=5)
    for rule in RULES:
        open_, valid, root, masks = by_rule(rule)
        p, _ = softmax(q, k, open_)
        wanted = expected(p, open_, valid)
        for where in ("root", "layer"):
            window = {"window": rule["window"]} if "window" in rule else {}
            write(world, "w.h5", [{"attention": p.astype("f4")}], masks=masks,
                  root={**root, **(window if where == "root" else {})},
                  layer_attributes=window if where == "layer" else {})
            assert_same(stats(world, "w.h5"), wanted)
        write(world, "e.h5", [{"row_entropy": entropies(p).astype("f4")}], masks=masks,
              root={**root, **window})
        assert_same(stats(world, "e.h5"), wanted, columns=OF_ENTROPY + COUNTS)


@test
def weight_outside_the_window_or_the_document_is_off_its_sum(world):
    p, _ = softmax(*make_qk(), allowed_keys())
    write(world, "w.h5", [{"attention": p.astype("f4")}], root={"window": 4})
    assert all(row["n_off_sum"] == B * (T - 4) for row in stats(world, "w.h5").values())
    segment = np.zeros((S, B, T), "i8")
    segment[:, 0, 10:] = 7
    write(world, "s.h5", [{"attention": p.astype("f4")}], masks={"segment": segment})
    assert all(row["n_off_sum"] == T - 10 for row in stats(world, "s.h5").values())


@test
def maps_leave_out_what_is_not_allowed(world):
    open_, _, root, masks = by_rule(RULES[5])
    p, _ = softmax(*make_qk(), open_)
    write(world, "m.h5", [{"attention": p.astype("f4")}], masks=masks, root={**root, "window": 6})
    world.run("plot", "attention-map", "--trace", "m.h5", "-o", "m.svg", check=0)


@test
def bad_rules(world):
    p = np.full((S, B, H, T, T), 1 / T, "f4")
    for attributes, words in (({"window": "wide"}, "window"), ({"window": 2.5}, "window = 2.5"),
                              ({"window": np.array([3, 4])}, "window"),
                              ({"scale": 0}, "scale = 0"), ({"scale": np.nan}, "scale")):
        write(world, "a.h5", [{"attention": p}], layer_attributes=attributes)
        result = world.run("analyze", "a.h5", "--db", "a.db", check=4)
        assert "/layers/0 has the attribute" in result.err and words in result.err, result
    for name, data in (("segment", np.zeros((S, B, T - 1), "i4")), ("segment", np.zeros((S, B, T))),
                       ("segment", np.zeros((S, T), "i4")), ("key_mask", np.ones((S, B, T + 1), "u1")),
                       ("key_mask", np.ones((S, B + 1, T), "u1"))):
        write(world, "a.h5", [{"attention": p}], masks={name: data})
        result = world.run("analyze", "a.h5", "--db", "a.db", check=4)
        assert f"/{name} does not fit layer 0" in result.err, result
    # documents that end before the captures do: those captures are missing
    write(world, "a.h5", [{"attention": p}], masks={"segment": np.zeros((1, B, T), "i4")},
          root={"causal": 0})
    assert "/segment" in world.run("analyze", "a.h5", "--db", "a.db", check=3).err


# ---- queries and keys

ALL = OF_ENTROPY + OF_WEIGHTS + COUNTS
WITH_ALL = ("--with", "logits", "--with", "pairs")


def agree(world, q, k, open_, parts=None, tolerance=1e-5, options=(), columns=ALL, valid=None, **how):
    """Dense, from softmax(Q K^T) in f64, and from queries and keys; returns both."""
    temperature = (parts or {}).get("temperature")
    p, logits = softmax(q, k, open_, how.get("scale"), temperature)
    attributes = {"scale": how["scale"]} if "scale" in how else {}
    root, masks = how.get("root"), how.get("masks")
    write(world, "dense.h5", [{"attention": p.astype("f4"), **(parts or {})}], root=root, masks=masks)
    write(world, "qk.h5", [{"queries": q, "keys": k, **(parts or {})}], root=root, masks=masks,
          layer_attributes=attributes, **how.get("storage", {}))
    dense = stats(world, "dense.h5", *options, columns=columns)
    found = stats(world, "qk.h5", *options, columns=columns + ("logit_peak",))
    assert_same(found, dense, tolerance, columns)
    for (step, _, head), row in found.items():
        peak = logits[step // 10, :, head][... if valid is None else valid].max()
        assert abs(row["logit_peak"] - peak) <= tolerance * max(1, abs(peak)), (row, peak)
    return p, found


@test
def queries_and_keys_give_what_attention_gives(world):
    q, k = make_qk()
    open_ = allowed_keys()
    p, found = agree(world, q, k, open_)
    assert_same(found, expected(p, open_, np.ones((B, T), bool)), columns=ALL)
    assert query(world / "k.db", "SELECT input FROM runs") == [("queries",)]
    for kernel in ((7, 3, 5), (130, 1, 64), (1, 2, 3), (700, 1, 16)):
        length, heads, dim = kernel
        q, k = make_qk(seed=length, heads=heads, key_heads=heads, length=length, dim=dim, samples=1)
        agree(world, q, k, allowed_keys(length, samples=1), options=WITH_ALL)


@test
def what_heads_have_in_common_is_known_from_queries_and_keys(world):
    q, k = make_qk(heads=6, key_heads=3)
    columns = ALL + ("logit_max", "logit_square", "nearest_head", "nearest_divergence")
    agree(world, q, k, allowed_keys(), options=WITH_ALL, columns=columns)
    layers = {}
    for name in ("dense", "qk"):
        stats(world, f"{name}.h5", *WITH_ALL)
        layers[name] = query(world / "k.db", "SELECT entropy_mean, diversity, pair_divergence"
                             " FROM layer_stats ORDER BY step")
    for a, b in zip(layers["dense"], layers["qk"]):
        assert all(abs(x - y) < 1e-5 for x, y in zip(a, b)), (a, b)


@test
def groups_of_heads_share_their_keys(world):
    for key_heads in (1, 2, 4, 8):
        q, k = make_qk(seed=key_heads, heads=8, key_heads=key_heads)
        agree(world, q, k, allowed_keys())
        facts = world.run("inspect", "qk.h5", "--json", check=0).json()["layers"][0]
        assert facts["input"] == "queries" and facts["key_heads"] == key_heads, facts
        assert facts["heads"] == 8 and facts["head_dim"] == D and facts["keys"] == T, facts
    assert "1 heads of keys" not in world.run("inspect", "qk.h5", check=0).out
    assert "queries and keys of 8 dimensions" in world.run("inspect", "qk.h5", check=0).out


@test
def every_rule_holds_for_queries_and_keys(world):
    for seed, rule in enumerate(RULES):
        length = 150  # more than one block of queries
        open_, valid, root, masks = by_rule(rule, length)
        q, k = make_qk(seed=seed, length=length, heads=2, key_heads=1)
        p, found = agree(world, q, k, open_,
                         root={**root, **({"window": rule["window"]} if "window" in rule else {})},
                         masks=masks, options=WITH_ALL, valid=valid)
        # rows of padded queries are masked; numpy's softmax of them is not asked for
        assert_same(found, expected(p, open_, valid), columns=ALL)


@test
def scattered_padding(world):
    length = 90
    rng = np.random.default_rng(9)
    mask = (rng.random((B, length)) < 0.5).astype("u1")
    mask[:, 0] = 1
    open_ = allowed_keys(length, mask=mask)
    q, k = make_qk(length=length)
    p, found = agree(world, q, k, open_, masks={"key_mask": np.stack([mask] * S)},
                     valid=mask.astype(bool))
    assert_same(found, expected(p, open_, mask.astype(bool)), columns=ALL)


@test
def scale_and_temperature(world):
    rng = np.random.default_rng(4)
    q, k = make_qk()
    agree(world, q, k, allowed_keys(), scale=0.05)
    temperature = rng.uniform(0.3, 3, (S, H, T)).astype("f4")
    columns = ALL + ("logit_max", "logit_square")
    agree(world, q, k, allowed_keys(), parts={"temperature": temperature}, columns=columns)


@test
def a_row_without_its_temperature_is_none(world):
    q, k = make_qk()
    write(world, "t.h5", [{"queries": q, "keys": k, "temperature": np.ones((1, H, T), "f4")}])
    stored = stats(world, "t.h5", check=3)
    assert {at[0] for at in stored} == {0}, stored
    assert "without the temperature" in query(world / "k.db", "SELECT group_concat(detail) FROM captures"
                                              )[0][0]


@test
def elements_of_queries_and_keys(world):
    q, k = make_qk()
    for dtype, other in (("f2", "f2"), ("f8", "f4"), (">f4", ">f2"), ("f2", "f8")):
        agree(world, q.astype(dtype), k.astype(other), allowed_keys(), tolerance=1e-5)


@test
def some_queries_and_all_keys(world):
    rows = np.array([0, 5, 6, T - 1])
    q, k = make_qk()
    open_ = allowed_keys()
    p, _ = softmax(q, k, open_)
    write(world, "s.h5", [{"queries": q[:, :, :, rows], "keys": k, "query_rows": rows}])
    assert_same(stats(world, "s.h5"), expected(p[:, :, :, rows], open_[:, rows],
                                               np.ones((B, len(rows)), bool), rows))


@test
def queries_are_the_same_however_they_are_stored(world):
    length = 300
    q, k = make_qk(heads=4, key_heads=2, length=length)
    write(world, "a.h5", [{"queries": q, "keys": k}] * 2)
    first = stats(world, "a.h5", *WITH_ALL, "--threads", "1")
    digest = query(world / "k.db", "SELECT digest FROM captures")
    for chunks in ((1, 1, 2, 300, D), (1, 1, 1, 64, D), (2, 2, 2, 100, D), (1, 2, 1, 33, 3)):
        write(world, "b.h5", [{"queries": q, "keys": k}] * 2, chunks=chunks, compression="gzip",
              shuffle=True, fletcher32=True)
        assert_same(stats(world, "b.h5", *WITH_ALL, "--threads", "3"), first, 1e-6)
        assert query(world / "k.db", "SELECT digest FROM captures") == digest, chunks
        again = stats(world, "b.h5", *WITH_ALL, "--threads", "1")
        assert again == stats(world, "b.h5", *WITH_ALL, "--threads", "8")
    k[1, 0, 0, 0, 0] += 1
    write(world, "c.h5", [{"queries": q, "keys": k}] * 2)
    stats(world, "c.h5")
    assert query(world / "k.db", "SELECT digest FROM captures") != digest


@test
def what_is_not_finite_is_nan_and_nothing_else(world):
    q, k = make_qk()
    q[0, 0, 0, 3, 1] = np.nan
    q[0, 0, 0, 4] = np.inf
    k[1, 1, 2, 20, 0] = -np.inf
    write(world, "n.h5", [{"queries": q, "keys": k}])
    found = stats(world, "n.h5")
    assert found[0, 0, 0]["n_nan"] == 2 and found[10, 0, 2]["n_nan"] == T - 20, found
    assert found[0, 0, 1]["n_nan"] == 0 and found[10, 0, 0]["n_nan"] == 0, found


@test
def maps_of_queries_and_keys(world):
    q, k = make_qk(heads=2, key_heads=1)
    agree(world, q, k, allowed_keys())
    for view in ("attention-map", "row-entropy", "query-entropy"):
        for name in ("dense", "qk"):
            world.run("plot", view, "--trace", f"{name}.h5", "-o", f"{name}.csv.svg", check=0)


@test
def large_logits_do_not_overflow(world):
    q, k = make_qk(sharp=400.0)
    agree(world, q, k, allowed_keys(), tolerance=2e-3)


@test
def queries_and_keys_that_disagree(world):
    q, k = make_qk(heads=6)
    for keys, words in ((k[:, :1], "as many samples"), (k[..., :5], "as many dimensions"),
                        (np.repeat(k, 2, 2)[:, :, :4], "whole multiple"),
                        (k[:, :, 0], "has 4 axes"), (k.astype("i4"), "expected f16")):
        write(world, "b.h5", [{"queries": q, "keys": keys}])
        result = world.run("analyze", "b.h5", "--db", "b.db", check=4)
        assert "/layers/0/keys" in result.err and words in result.err, result
    write(world, "b.h5", [{"queries": q}])
    assert "has no /layers/0/keys beside it" in world.run("inspect", "b.h5", check=4).err
    # keys that end a capture early cost that capture
    write(world, "b.h5", [{"queries": q, "keys": k[:1, :, :2]}])
    assert "/layers/0/keys holds 1 captures" in world.run("analyze", "b.h5", "--db", "b.db",
                                                          check=3).err


@test
def damaged_keys_cost_their_layer(world):
    q, k = make_qk()
    write(world, "d.h5", [{"queries": q, "keys": k}] * 2, chunks=(1, 1, 1, T, D), fletcher32=True)
    data = bytearray((world / "d.h5").read_bytes())
    at = bytes(data).rfind(k[1, 1, 2].tobytes())
    assert at > 0
    data[at + 5] ^= 1
    (world / "d.h5").write_bytes(data)
    stored = stats(world, "d.h5", check=3)
    assert {at[:2] for at in stored} == {(0, 0), (0, 1), (10, 0)}, stored.keys()


clitest.main()
