"""tables.py: the paper's tables beside ours, as Markdown.

A table is a function of the study and the paper's numbers, and a row of TABLES.
"""
import json
import math
import statistics
from pathlib import Path

from results import (BANDS, band_of, band_shares, collapsed, deep_entropy, deviation,
                     early_overloaded, entropies, largest_entropy, mean, overloaded, thresholds_by_layer)

PAPER = json.loads((Path(__file__).parent / "paper.json").read_text(encoding="utf-8"))
NOTHING = "–"
PLACES = ("QK", "FFN", "QK+FFN", "QKV+FFN", "QKVO+FFN")


def markdown(head, rows):
    """The first column to the left, numbers to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def fixed(value, digits):
    if value is None:
        return NOTHING
    return value if isinstance(value, str) else f"{value:.{digits}f}"


def signed(value, digits=1):
    return NOTHING if value is None else f"{value:+.{digits}f}"


def spread(values, digits, form=fixed):
    """Mean, and with more than one value the standard deviation."""
    values = [value for value in values if value is not None]
    if not values:
        return NOTHING
    text = form(mean(values), digits)
    return text if len(values) < 2 else f"{text} ± {deviation(values):.{digits}f}"


def of(study, name, quantity, digits):
    return spread(study.values(name, quantity), digits)


def seeds(study, name):
    return str(len(study.of(name)) or NOTHING)


def perplexity_cell(study, name, digits=3):
    """Of the runs that did not diverge; and how many did, at which steps."""
    runs = study.of(name).values()
    diverged = [str(run.diverged_at) for run in runs if run.diverged_at is not None]
    finite = [run.perplexity for run in runs if math.isfinite(run.perplexity)]
    if not diverged:
        return spread(finite, digits)
    where = f"diverged at step {', '.join(diverged)}"
    return f"{spread(finite, digits)} ({where})" if finite else where


def changes(study, name, baseline):
    """In percent, seed by seed, of those seeds that both have."""
    ours, theirs = study.of(name), study.of(baseline)
    both = [seed for seed in ours if seed in theirs]
    return [100 * (ours[seed].perplexity / theirs[seed].perplexity - 1) for seed in both
            if math.isfinite(ours[seed].perplexity) and math.isfinite(theirs[seed].perplexity)]


def change_cell(study, name, baseline):
    return spread(changes(study, name, baseline), 1, signed)


# ---- the tables ----------------------------------------------------------------------------------

def six(study):
    paper, baseline = PAPER["six"], PAPER["baseline"]
    rows = [[name, fixed(paper["perplexity"].get(name), 2), signed(paper["change"].get(name), 1),
             perplexity_cell(study, name), change_cell(study, name, baseline), seeds(study, name)]
            for name in study.recipe.part("six")]
    return markdown(["", "paper: perplexity", "change %", "ours: perplexity", "change %", "seeds"], rows)


def ceiling_shares(run):
    """Bands of each head's own ceiling."""
    counts = [0] * BANDS
    for _, entropy, ceiling in run.heads:
        if entropy is not None:
            counts[band_of(entropy, ceiling)] += 1
    return [100 * count / len(run.heads) for count in counts] if run.heads else None


def shares_cell(runs, shares_of, digits):
    """Four shares, means over the runs."""
    shares = [shares_of(run) for run in runs]
    shares = [row for row in shares if row is not None]
    if not shares:
        return [NOTHING] * BANDS
    return [spread(column, digits) for column in zip(*shares)]


def bands(study):
    names = study.recipe.part("six")
    largest = largest_entropy(run for name in names for run in study.of(name).values())
    rows = []
    for name in names:
        runs = study.of(name).values()
        rows.append([name, "paper", *PAPER["six"]["bands"].get(name, [NOTHING] * BANDS)])
        rows.append(["", "ours", *shares_cell(runs, lambda run: band_shares(run, largest), 0)])
        rows.append(["", "ours, M = ceiling", *shares_cell(runs, ceiling_shares, 0)])
    head = ["share of heads, %", "", "[0, M/4)", "[M/4, M/2)", "[M/2, 3M/4)", "[3M/4, M]"]
    text = f"M, pooled over these runs: {largest:.3f} nats (paper: 3.87).\n\n" if largest else ""
    return text + markdown(head, rows)


def layer_rows(study, names):
    """Of the rows that are there: means over the seeds; of a run that diverged, before that."""
    for name in filter(study.of, names):
        columns = zip(*(run.layer_means() for run in study.of(name).values()))
        yield [name, *(fixed(mean(column), 2) for column in columns)]


def padded(rows, width):
    return [row + [""] * (width - len(row)) for row in rows]


def layers(study):
    if not study.runs:
        return "No run is there yet."
    names = dict.fromkeys([*study.recipe.part("six"), *study.recipe.part("static"),
                           *study.recipe.part("regularised")])
    paper = [[name, *(fixed(value, 2) for value in means)]
             for name, means in PAPER["six"]["layers"].items()]
    ours = list(layer_rows(study, names))
    width = max(len(row) for row in [*ours, ["", ""]])
    return (f"Paper, 12 layers (of at most {ceiling(PAPER['context']):.2f}):\n\n" +
            markdown(["nats", *(f"L{i}" for i in range(12))], paper) + "\n\nOurs" +
            our_ceiling(study, names) + ":\n\n" +
            markdown(["nats", *(f"L{i}" for i in range(width - 1))], padded(ours, width)))


def ceiling(context):
    """ln(T!)/T: the mean entropy of uniform causal attention."""
    return math.lgamma(context + 1) / context


def our_ceiling(study, names):
    runs = [run for name in names for run in study.of(name).values()]
    contexts = {int(run.config["context"]) for run in runs}
    return f" (of at most {', '.join(f'{ceiling(context):.2f}' for context in sorted(contexts))})" \
        if contexts else ""


def static(study):
    paper = PAPER["static"]["perplexity"]
    rows = [[name, fixed(paper.get(name), 3), perplexity_cell(study, name),
             of(study, name, lambda run: run.layer_means()[0], 2),
             of(study, name, lambda run: run.layer_means()[-1], 2),
             of(study, name, early_overloaded, 0), of(study, name, deep_entropy, 2),
             of(study, name, collapsed, 0), seeds(study, name)]
            for name in study.recipe.part("static")]
    return markdown(["", "paper: perplexity", "ours: perplexity", "first layer, nats",
                     "last layer, nats", "overloaded in the first half, %",
                     "last quarter, of the ceiling", "collapsed, %", "seeds"], rows)


def placement(study):
    rows = []
    for place in PLACES:
        weight, spectral = PAPER["placement"][place]
        rows.append([place, fixed(weight, 2), fixed(spectral, 2),
                     perplexity_cell(study, f"SM+WN({place})"),
                     perplexity_cell(study, f"SM+SN({place})")])
    return markdown(["perplexity", "paper: weight norm", "spectral norm", "ours: weight norm",
                     "spectral norm"], rows)


def regularised(study):
    paper, base = PAPER["regularised"]["perplexity"], "SM+ScFuFFN"
    rows = [[name, fixed(paper.get(name), 2),
             signed(100 * (paper[name] / paper[base] - 1)) if name in paper else NOTHING,
             perplexity_cell(study, name), change_cell(study, name, base),
             of(study, name, overloaded, 0), of(study, name, collapsed, 0), seeds(study, name)]
            for name in study.recipe.part("regularised")]
    return markdown(["", "paper: perplexity", "change %", "ours: perplexity", "change %",
                     "overloaded heads, %", "collapsed, %", "seeds"], rows)


def gamma_of(row):
    return float(row.options.get("--gamma", "0.2"))


def gamma(study):
    names = sorted(study.recipe.part("gamma"), key=lambda name: gamma_of(study.recipe.row(name)))
    largest = largest_entropy(run for name in names for run in study.of(name).values())
    rows = []
    for name in names:
        value = gamma_of(study.recipe.row(name))
        count = PAPER["gamma"].get(f"{value:g}")
        top = [band_shares(run, largest)[-1] for run in study.of(name).values() if run.heads]
        heads = [sum(band_of(e, largest) == BANDS - 1 for e in entropies(run))
                 for run in study.of(name).values()]
        rows.append([f"{value:.2f}", count if count is not None else NOTHING,
                     fixed(100 * count / PAPER["heads"], 1) if count is not None else NOTHING,
                     spread(heads, 0), spread(top, 1), of(study, name, overloaded, 1),
                     perplexity_cell(study, name), seeds(study, name)])
    text = f"M, pooled over these runs: {largest:.3f} nats.\n\n" if largest else ""
    return text + markdown(["γ", "paper: heads in the top band", "%", "ours: heads in the top band",
                            "%", "overloaded, %", "perplexity", "seeds"], rows)


def thresholds(study):
    """θ of a layer over its heads; ours with all seeds together."""
    paper, layers_of = PAPER["thresholds"], [
        thresholds_by_layer(run) for run in study.of("EReg(SM(t)+ScFuFFN)").values() if run.thresholds]
    keys = ("mean", "variance", "smallest", "largest")
    rows = [[f"L{i}", *(fixed(paper[key][i], 4 if key == "variance" else 2) for key in keys),
             *our_thresholds([layers_[i] for layers_ in layers_of if i < len(layers_)])]
            for i in range(len(paper["mean"]))]
    return markdown(["θ", *(f"paper: {key}" if key == "mean" else key for key in keys),
                     *(f"ours: {key}" if key == "mean" else key for key in keys)], rows)


def our_thresholds(values):
    """Of one layer: a list of heads for each seed."""
    if not values:
        return [NOTHING] * 4
    return [fixed(mean([mean(heads) for heads in values]), 2),
            fixed(mean([statistics.pvariance(heads) for heads in values]), 4),
            fixed(min(map(min, values)), 2), fixed(max(map(max, values)), 2)]


def scaling(study):
    rows = []
    for kind, pair in PAPER["scaling"].items():
        plain, regular = pair["rows"]
        before, after = pair["perplexity"]
        rows.append([kind, f"{before:.2f} → {after:.2f} ({pair['paper']})",
                     signed(100 * (after / before - 1)), perplexity_cell(study, plain),
                     perplexity_cell(study, regular), change_cell(study, regular, plain),
                     of(study, plain, overloaded, 0), of(study, regular, overloaded, 0)])
    return markdown(["", "paper: ScFuFFN → EReg", "change %", "ours: ScFuFFN", "EReg", "change %",
                     "overloaded, %: ScFuFFN", "EReg"], rows)


def divergence(study):
    rows = []
    for name in study.recipe.part("divergence"):
        for seed, run in study.of(name).items():
            means = run.layer_means()
            rows.append([f"{name} s{seed}", perplexity_cell(study, name), run.capture_step,
                         fixed(means[0] if means else None, 2),
                         fixed(means[-1] if means else None, 3), fixed(overloaded(run), 0),
                         fixed(collapsed(run), 0)])
    return markdown(["", "perplexity", "last capture without NaN, step", "first layer, nats",
                     "last layer, nats", "overloaded, %", "collapsed, %"], rows)


def runs(study):
    """What the numbers come from, in a sentence."""
    texts = sorted({(run.config.get("data", ""), run.config.get("data_about", ""))
                    for run in study.runs.values()})
    about = "; ".join(f"`{data}` ({about})" for data, about in texts)
    other = [run.name for run in study.of_other_options()]
    return (f"{study.n_done()} of {len(study.recipe.jobs())} runs are in the database"
            + (f", trained on {about}." if about else ".")
            + (f" By other options than now in the recipe: {', '.join(other)}." if other else ""))


TABLES = {"runs": runs, "six": six, "bands": bands, "layers": layers, "static": static,
          "placement": placement, "regularised": regularised, "gamma": gamma,
          "thresholds": thresholds, "scaling": scaling, "divergence": divergence}
