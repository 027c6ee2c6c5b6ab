#!/usr/bin/python3
"""An attention tensor and what the released code's regulariser makes of it.

    make_regularizer_fixture.py            prints regularizer-fixture.h
    make_regularizer_fixture.py --check H  exits 1 unless H is what it prints; 77 without numpy

The formula is that of the code released with arXiv 2501.03489, written down again: row entropies
with an epsilon of 1e-9 in the logarithm, a deviation for every row, squared where it lies outside the
margin, summed over sequences and rows, divided by the heads of a layer and by the layers.
Algorithm 1 as printed takes one deviation a head instead, of the mean over its rows.
"""
import sys

try:
    import numpy as np
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

LAYERS, SAMPLES, HEADS, CONTEXT = 2, 2, 3, 9
GAMMA = 0.20
SEED = 2385
CLEARANCE = 1e-4  # no row so near the margin that rounding decides


def draw(rng):
    """Causal attention [L,B,H,T,T] in float32, from sharp to uniform, and thresholds [L,H]."""
    logits = rng.normal(size=(LAYERS, SAMPLES, HEADS, CONTEXT, CONTEXT))
    logits *= np.array([0.0, 1.5, 12.0])[None, None, :, None, None]
    logits = np.where(np.tril(np.ones((CONTEXT, CONTEXT), bool)), logits, -np.inf)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    attention = (weights / weights.sum(-1, keepdims=True)).astype(np.float32)
    return attention, rng.uniform(0.2, 0.5, size=(LAYERS, HEADS)).astype(np.float32)


def row_entropies(attention):
    p = attention.astype(np.float64)
    return -np.nansum(p * np.log(p + 1e-9), axis=-1)


def released(attention, thresholds):
    """As the released code: the sum over the sequences and rows of every head."""
    maximum = np.log(CONTEXT)
    tolerance = GAMMA * maximum
    total = 0.0
    for layer in range(LAYERS):
        entropy = row_entropies(attention[layer])
        layer_loss = 0.0
        for head in range(HEADS):
            deviation = entropy[:, head, :] - thresholds[layer, head] * maximum
            assert np.abs(np.abs(deviation) - tolerance).min() > CLEARANCE
            penalty = np.where(np.abs(deviation) > tolerance, deviation ** 2, 0.0)
            layer_loss += penalty.sum()
        total += layer_loss / HEADS
    return total / LAYERS


def printed(attention, thresholds):
    """As Algorithm 1 prints it, for each sequence; the mean over the sequences."""
    maximum = np.log(CONTEXT)
    total = 0.0
    for layer in range(LAYERS):
        deviation = row_entropies(attention[layer]).mean(-1) - thresholds[layer] * maximum
        assert np.abs(np.abs(deviation) - GAMMA * maximum).min() > CLEARANCE
        total += np.where(np.abs(deviation) > GAMMA * maximum, deviation ** 2, 0.0).sum() / HEADS
    return total / LAYERS / SAMPLES


def c_array(values):
    texts = ["%.9gf" % value if "." in "%.9g" % value or "e" in "%.9g" % value
             else "%.1ff" % value for value in values.ravel()]
    lines, line = [], "   "
    for text in texts:
        if len(line) + len(text) + 2 > 100:
            lines.append(line)
            line = "   "
        line += " " + text + ","
    return "\n".join(lines + [line])


def header():
    attention, thresholds = draw(np.random.default_rng(SEED))
    return f"""/* regularizer-fixture.h: made by make_regularizer_fixture.py; do not edit. */
/* clang-format off */
enum {{ FIXTURE_LAYERS = {LAYERS}, FIXTURE_SAMPLES = {SAMPLES}, FIXTURE_HEADS = {HEADS}, FIXTURE_CONTEXT = {CONTEXT} }};
static const double fixture_gamma = {GAMMA};
/* the released code's sum over sequences and rows; Algorithm 1's mean over sequences */
static const double fixture_released = {released(attention, thresholds):.12g};
static const double fixture_printed = {printed(attention, thresholds):.12g};
static const float fixture_thresholds[] = {{ /* [layers][heads] */
{c_array(thresholds)}
}};
static const float fixture_attention[] = {{ /* [layers][samples][heads][context][context] */
{c_array(attention)}
}};
"""


def main(arguments):
    if not arguments:
        print(header(), end="")
        return 0
    with open(arguments[1]) as file:
        same = file.read() == header()
    print("the fixture is", "what the script makes" if same else "not what the script makes")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
