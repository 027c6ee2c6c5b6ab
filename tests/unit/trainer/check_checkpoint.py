#!/usr/bin/python3
"""A checkpoint computed again in float64 numpy, from its description in entro-trainer.h alone.

    check_checkpoint.py MAKE_CHECKPOINT      trains small models with that program and checks them
    check_checkpoint.py CHECKPOINT TRACE     checks files that are there

Loss within 1e-4 nats of the attribute capture_loss, attention within 1e-5 of the last capture.
Exits 77 (skip) without numpy or h5py.
"""
import math
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

LOSS_TOLERANCE = 1e-4
ATTENTION_TOLERANCE = 1e-5


def activation_of(arch):
    """What the FFN applies, from the architecture's name."""
    parts = arch.removeprefix("EReg(").split("+")
    return "gelu" if "G" in parts else "relu" if "R" in parts else None


def norm(x, group):
    mean = x.mean(-1, keepdims=True)
    var = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-5) * group["gain"] + group["bias"]


def activate(x, kind):
    if kind == "gelu":
        return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    return np.maximum(x, 0) if kind == "relu" else x


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def matrix(group, name):
    """The matrix that the model uses, with its normalisation."""
    raw = group[name]
    if name + "_gain" in group:
        return raw * group[name + "_gain"] / np.sqrt((raw ** 2).sum(0))
    if name + "_sn_u" in group:
        return raw / (group[name + "_sn_v"] @ raw @ group[name + "_sn_u"])
    return raw


def attend(x, attn, n_heads):
    """x [B,T,D] -> what attention adds to it, and the probabilities [B,H,T,T]."""
    b, t, d = x.shape
    split = lambda m: m.reshape(b, t, n_heads, d // n_heads).transpose(0, 2, 1, 3)
    qk = x @ matrix(attn, "w_qk") + attn["b_qk"]
    q, k, v = split(qk[..., :d]), split(qk[..., d:]), split(x @ matrix(attn, "w_v"))
    z = q @ k.transpose(0, 1, 3, 2) / math.sqrt(d // n_heads)
    if "temperature" in attn:
        z = z / attn["temperature"][None, :, :, None]
    p = softmax(np.where(np.tril(np.ones((t, t), bool)), z, -np.inf))
    return (p @ v).transpose(0, 2, 1, 3).reshape(b, t, d) @ matrix(attn, "w_o"), p


def feed(x, ffn, activation):
    """What the FFN makes of its (normalised) input."""
    if "w_fused" in ffn:
        return x @ matrix(ffn, "w_fused")
    return activate(x @ matrix(ffn, "w_in"), activation) @ matrix(ffn, "w_out")


def load(group):
    """Nested dictionaries of float64 arrays."""
    return {name: load(item) if isinstance(item, h5py.Group) else item[()].astype(np.float64)
            for name, item in group.items()}


def forward(weights, attrs, tokens):
    """Mean loss in nats a byte, and the attention of every layer."""
    activation = activation_of(attrs["arch"])
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    x = weights["wte"][inputs] + weights["wpe"]
    attention = []
    for layer in range(int(attrs["n_layers"])):
        block = weights["blocks"][str(layer)]
        normed = norm(x, block["norm1"]) if "norm1" in block else x
        added, p = attend(normed, block["attn"], int(attrs["n_heads"]))
        x = x + added
        normed = norm(x, block["norm2"]) if "norm2" in block else x
        ffn = block["ffn"]
        x = ffn.get("beta", 1.0) * x + feed(normed, ffn, activation) / ffn.get("alpha", 1.0)
        attention.append(p)
    if attrs["final_norm"]:
        x = norm(x, weights["final_norm"])
    logits = x @ weights["wte"].T
    top = logits.max(-1, keepdims=True)
    log_sum = np.log(np.exp(logits - top).sum(-1)) + top[..., 0]
    chosen = np.take_along_axis(logits, targets[..., None], -1)[..., 0]
    return (log_sum - chosen).mean(), attention


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def check(checkpoint, trace):
    with h5py.File(checkpoint, "r") as file:
        attrs = {name: text(value) for name, value in file.attrs.items()}
        weights = load(file)
    tokens = weights["capture"]["tokens"].astype(np.int64)
    loss, attention = forward(weights, attrs, tokens)
    with h5py.File(trace, "r") as file:
        assert file["step"][-1] == attrs["step"], "the last capture is of another step"
        assert file["complete"][0] == 1, "the trace was not closed"
        last = [file[f"layers/{layer}/attention"][-1] for layer in range(len(attention))]
    apart = max(np.abs(p - stored).max() for p, stored in zip(attention, last))
    off = abs(loss - attrs["capture_loss"])
    print(f"{attrs['arch']}: loss {loss:.6f}, off by {off:.1e}; attention off by {apart:.1e}")
    return off < LOSS_TOLERANCE and apart < ATTENTION_TOLERANCE


def make_and_check(program, arch, final_norm, folder):
    source = os.path.join(folder, "text")
    with open(os.path.abspath(__file__)) as file:
        words = file.read()
    with open(source, "w") as file:
        file.write(words * 3)
    trace, checkpoint = os.path.join(folder, "trace.h5"), os.path.join(folder, "weights.h5")
    subprocess.run([program, arch, str(final_norm), source, trace, checkpoint], check=True)
    return check(checkpoint, trace)


def main(arguments):
    if len(arguments) == 2:
        return 0 if check(*arguments) else 1
    if len(arguments) != 1:
        print(__doc__)
        return 2
    good = True
    for arch, final_norm in (("SM+LN+G", 1), ("SM+R", 1), ("SM", 0), ("SM+WN(FFN)", 1),
                             ("SM+SN(FFN)", 1), ("SM+ScFFN", 0), ("EReg(SM(t)+ScFuFFN)", 1)):
        with tempfile.TemporaryDirectory() as folder:
            good &= make_and_check(os.path.abspath(arguments[0]), arch, final_norm, folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
