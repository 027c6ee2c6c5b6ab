"""claims.py: the paper's qualitative claims, one by one, each with the rule that decides it.

The rules were written before there were data.  A difference counts when it is larger than the
standard deviations over seeds of both sides together, a distance from a fixed value when it is larger
than two of them: with three seeds each, chance alone does as much in about 7 of 100 cases.  A row with
one seed borrows the largest deviation that a row with several has in the same quantity.  What is
smaller cannot be told.
"""
import math
from dataclasses import dataclass

from results import (deep_entropy, deviation, early_overloaded, mean, overloaded, perplexity,
                     threshold_rise, threshold_spread, well_behaved)
from tables import gamma_of

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be told"
EREG, PLAIN = "EReg(SM(t)+ScFuFFN)", "SM+ScFuFFN"


@dataclass
class Quantity:
    name: str
    of: object          # a function of a run
    least: float = 0.0  # what is smaller is nothing: of shares, two heads of 64 in percent
    digits: int = 2


PERPLEXITY = Quantity("perplexity", perplexity, digits=3)
OVERLOADED = Quantity("overloaded heads, %", overloaded, 100 * 2 / 64, 0)
EARLY = Quantity("overloaded in the first half, %", early_overloaded, 100 * 2 / 32, 0)
WELL = Quantity("heads in the middle bands, %", well_behaved, 100 * 2 / 64, 0)
DEEP = Quantity("entropy of the last quarter, of the ceiling", deep_entropy)
SPREAD = Quantity("deviation of θ in a layer", threshold_spread, digits=3)
RISE_EARLY = Quantity("θ of the first quarter less that of the middle",
                      lambda run: threshold_rise(run, 0, 0.25), digits=3)
RISE_LATE = Quantity("θ of the last quarter less that of the middle",
                     lambda run: threshold_rise(run, 0.75, 1), digits=3)


@dataclass
class Outcome:
    verdict: str
    numbers: str
    quantity: str = ""

    def __str__(self):
        return f"{self.quantity}: {self.numbers}" if self.quantity else self.numbers


# ---- rules ---------------------------------------------------------------------------------------

def own_deviation(values):
    """0 where all diverged; None of one value, or where only some diverged."""
    if len(values) > 1 and all(map(math.isinf, values)):
        return 0.0
    return deviation(values) if all(map(math.isfinite, values)) else None


def borrowed_deviation(study, quantity):
    """The largest of any row with several seeds; None if there is none."""
    found = [own_deviation(study.values(row.name, quantity.of)) for row in study.recipe.rows]
    return max((value for value in found if value is not None), default=None)


def deviation_of(study, name, quantity):
    values = study.values(name, quantity.of)
    own = own_deviation(values)
    return own if own is not None else borrowed_deviation(study, quantity)


def middle(study, name, quantity):
    """The mean over seeds; infinite if all diverged; None without values, or if only some diverged."""
    values = study.values(name, quantity.of)
    if values and any(map(math.isinf, values)):
        return math.inf if all(map(math.isinf, values)) else None
    return mean(values)


def show(study, name, quantity):
    values = study.values(name, quantity.of)
    if not values:
        return f"{name} not there"
    if any(map(math.isinf, values)):
        return f"{name} diverged with {sum(map(math.isinf, values))} of {len(values)} seeds"
    text = f"{name} {mean(values):.{quantity.digits}f}"
    return text + (f" ± {deviation(values):.{quantity.digits}f}" if len(values) > 1 else " (one seed)")


def judge(difference, margin):
    """Positive is what the paper says."""
    if difference is None or margin is None or math.isnan(difference) or abs(difference) <= margin:
        return UNKNOWN
    return HOLDS if difference > 0 else FAILS


def below(study, quantity, low, high):
    """low < high, in the mean over seeds."""
    ends = [middle(study, name, quantity) for name in (low, high)]
    deviations = [deviation_of(study, name, quantity) for name in (low, high)]
    numbers = f"{show(study, low, quantity)}, {show(study, high, quantity)}"
    if None in ends or None in deviations:
        return Outcome(UNKNOWN, numbers, quantity.name)
    return Outcome(judge(ends[1] - ends[0], max(sum(deviations), quantity.least)), numbers,
                   quantity.name)


def beyond(study, quantity, name, limit, sign=1):
    """The mean over seeds above the limit (sign 1) or below it (-1)."""
    value, wide = middle(study, name, quantity), deviation_of(study, name, quantity)
    numbers = show(study, name, quantity)
    if value is None or wide is None:
        return Outcome(UNKNOWN, numbers, quantity.name)
    return Outcome(judge(sign * (value - limit), 2 * wide), numbers, quantity.name)


def all_of(outcomes):
    """Fails if one fails, holds if all hold.  A quantity is named where it changes."""
    verdicts = [outcome.verdict for outcome in outcomes]
    verdict = FAILS if FAILS in verdicts else HOLDS if set(verdicts) == {HOLDS} else UNKNOWN
    texts, named = [], ""
    for outcome in outcomes:
        text = outcome.numbers if outcome.quantity == named else str(outcome)
        texts.append(f"{text} ({outcome.verdict})")
        named = outcome.quantity
    return Outcome(verdict, "; ".join(texts))


def chain(study, quantity, names):
    return all_of([below(study, quantity, low, high) for low, high in zip(names, names[1:])])


# ---- the claims ----------------------------------------------------------------------------------

def order(study):
    return chain(study, PERPLEXITY, ["SM+LN+G", "SM+LN+R", "SM+R", "SM+G", "SM+LN"])


def diverges(study, name, expected=True):
    runs = list(study.of(name).values())
    n = sum(run.diverged_at is not None for run in runs)
    numbers = f"{name}: {n} of {len(runs)} seeds diverged"
    if not runs or 0 < n < len(runs):
        return Outcome(UNKNOWN, numbers)
    return Outcome(HOLDS if (n > 0) == expected else FAILS, numbers)


def provoked(study):
    return all_of([diverges(study, "SM hot"), diverges(study, "SM+ScFuFFN hot", False)])


def baselines(study):
    return all_of([beyond(study, WELL, name, 80) for name in ("SM+LN+G", "SM+LN+R")])


def early_overload(study):
    return all_of([below(study, EARLY, "SM+LN+G", name) for name in ("SM+G", "SM")])


def relu_less(study):
    return below(study, OVERLOADED, "SM+R", "SM+G")


def deep_decline(study):
    return below(study, DEEP, "SM", "SM+LN+G")


def deep_collapse(study):
    return beyond(study, DEEP, "SM", 0.10, -1)


STATIC = ("SM+WN(FFN)", "SM+SN(FFN)", "SM+ScFFN")


def static_prevents(study):
    return all_of([below(study, DEEP, "SM", name) for name in STATIC])


def static_overloads(study):
    return all_of([beyond(study, OVERLOADED, name, 30) for name in STATIC])


def ffn_best(study):
    others = ("QK", "QK+FFN", "QKV+FFN", "QKVO+FFN")
    return all_of([below(study, PERPLEXITY, f"SM+{kind}(FFN)", f"SM+{kind}({place})")
                   for kind in ("WN", "SN") for place in others])


def scaled_best(study):
    return all_of([below(study, PERPLEXITY, PLAIN, name) for name in ("SM+SN(FFN)", "SM+WN(FFN)")])


def less_overload(study):
    return below(study, OVERLOADED, EREG, PLAIN)


def lower_perplexity(study):
    return below(study, PERPLEXITY, EREG, PLAIN)


def deeper(study):
    return below(study, PERPLEXITY, "EReg 16 layers", "SM+ScFuFFN 16 layers")


def longer(study):
    return below(study, PERPLEXITY, "EReg T=128", "SM+ScFuFFN T=128")


def thresholds_differ(study):
    return beyond(study, SPREAD, EREG, 0.022)


def thresholds_u(study):
    return all_of([beyond(study, quantity, EREG, 0) for quantity in (RISE_EARLY, RISE_LATE)])


def gamma_side(study, wanted):
    """Means over seeds of the rows with such a gamma."""
    names = [name for name in study.recipe.part("gamma") if wanted(gamma_of(study.recipe.row(name)))]
    return [middle(study, name, OVERLOADED) for name in names]


def more_with_gamma(study):
    low = gamma_side(study, lambda gamma: gamma <= 0.1)
    high = gamma_side(study, lambda gamma: gamma >= 0.2)
    wide = borrowed_deviation(study, OVERLOADED)
    if not low or not high or None in [*low, *high, wide]:
        return Outcome(UNKNOWN, "not all there")
    numbers = f"{mean(low):.1f} for γ <= 0.10, {mean(high):.1f} for γ >= 0.20"
    return Outcome(judge(mean(high) - mean(low), max(2 * wide, OVERLOADED.least)), numbers,
                   OVERLOADED.name)


@dataclass
class Claim:
    text: str
    rule: str
    judge: object


CLAIMS = [
    Claim("Perplexity: SM+LN+G < SM+LN+R < SM+R < SM+G < SM+LN (Table 2).",
          "Each is below the next.", order),
    Claim("SM alone does not train: NaN (Table 2).", "All seeds diverge; none does: does not hold.",
          lambda study: diverges(study, "SM")),
    Claim("Provoked by a high learning rate, SM diverges and SM+ScFuFFN does not (after Section 4).",
          "So it is; any other outcome: does not hold.", provoked),
    Claim("With LayerNorm and a nonlinearity about 90 % of the heads are well-behaved (Fig. 2a).",
          "More than 80 % in the middle two quarters of the ceiling, in SM+LN+G and SM+LN+R.",
          baselines),
    Claim("Without LayerNorm early layers are overloaded (Fig. 3d, 3f).",
          "Share of heads in the first half of the layers at 0.75 of the ceiling or more: above that "
          "of SM+LN+G in SM+G and in SM.", early_overload),
    Claim("ReLU overloads less than GELU without LayerNorm (Fig. 2a).",
          "Share of overloaded heads: SM+R below SM+G.", relu_less),
    Claim("Entropy declines in the deep layers of SM (Fig. 3f).",
          "Mean entropy of the last quarter of the layers: SM below SM+LN+G.", deep_decline),
    Claim("It collapses there (Fig. 3f).",
          "Below a tenth of the ceiling, in SM.", deep_collapse),
    Claim("Static normalisation and a scaled FFN prevent the collapse (Fig. 5).",
          "Entropy of the last quarter: above that of SM with weight normalisation, spectral "
          "normalisation and a scaled FFN.", static_prevents),
    Claim("They do not prevent overload (Fig. 5).",
          "More than 30 % of all heads overloaded, with each of them.", static_overloads),
    Claim("The FFN alone is the best place to normalise (Table 5).",
          "Perplexity of FFN below that of each other place, for both normalisations.", ffn_best),
    Claim("Scaling is better than both normalisations (Table 6).",
          "Perplexity of SM+ScFuFFN below that of SM+SN(FFN) and SM+WN(FFN).", scaled_best),
    Claim("Entropy regularisation lowers overload (Section 5).",
          "Share of overloaded heads: EReg(SM(t)+ScFuFFN) below SM+ScFuFFN.", less_overload),
    Claim("It lowers perplexity (Table 3).", "Of the same pair.", lower_perplexity),
    Claim("Also in a deeper model (Table 8).", "Of the pair with twice the layers.", deeper),
    Claim("Also with a longer context (Table 7).", "Of the pair with twice the context.", longer),
    Claim("Learned thresholds differ between heads (Fig. 6a).",
          "Their deviation in a layer is more than 0.022, half of the paper's.", thresholds_differ),
    Claim("They are higher in the first and last layers than between (Fig. 6b).",
          "Mean of the first quarter and of the last quarter of the layers above that of the middle "
          "half.", thresholds_u),
    Claim("A larger γ lets more heads be high (Fig. 7).",
          "Share of overloaded heads: mean over γ >= 0.20 above the mean over γ <= 0.10, by more "
          "than two deviations.", more_with_gamma),
]


def evaluate(study):
    return [(claim, claim.judge(study)) for claim in CLAIMS]


def render(study):
    """As a numbered list of Markdown."""
    return "\n".join(f"{number}. {claim.text} **{outcome.verdict.capitalize()}.**\n"
                     f"   *Rule:* {claim.rule}\n   *Here:* {outcome}."
                     for number, (claim, outcome) in enumerate(evaluate(study), 1))
