"""results.py: reads the study's database, and what it computes from it.

Entropies are in nats and those of a run's last capture in which every head has a value: the last one
at all, unless the run diverged.  Perplexity is exp(eval_loss) at the last step; of a run that
diverged it is infinite.  Only runs that went to their end count.
"""
import contextlib
import math
import sqlite3
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from recipe import run_name

BANDS = 4
OVERLOADED = 0.75  # of a head's own ceiling, as in the rest of entroscope
COLLAPSED = 0.05


@dataclass
class Run:
    name: str
    steps: int = 0         # that were to be done
    last_step: int = 0     # that was done
    diverged_at: int = None
    perplexity: float = None
    capture_step: int = None
    source: str = ""
    config: dict = field(default_factory=dict)
    heads: list = field(default_factory=list)  # (layer, entropy or None, ceiling), by layer and head
    thresholds: list = field(default_factory=list)  # (layer, fraction of E_max)

    def layers(self):
        return sorted({layer for layer, _, _ in self.heads})

    def layer_means(self):
        return [mean([entropy for layer, entropy, _ in self.heads if layer == wanted])
                for wanted in self.layers()]


def mean(values):
    values = [value for value in values if value is not None]
    return statistics.fmean(values) if values else None


def deviation(values):
    """With n - 1; None of one value."""
    values = [value for value in values if value is not None]
    return statistics.stdev(values) if len(values) > 1 else None


# ---- the database --------------------------------------------------------------------------------

def connect(path):
    """To read only; None if there is no database yet."""
    if not Path(path).is_file():
        return None
    return sqlite3.connect(f"{Path(path).resolve().as_uri()}?mode=ro", uri=True, timeout=60)


def has_table(db, name):
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


def scalar_at_end(db, run_id, name):
    return db.execute("SELECT step, value FROM scalars WHERE run_id = ? AND name = ?"
                      " ORDER BY step DESC LIMIT 1", (run_id, name)).fetchone()


def diverged_at(db, run_id):
    return db.execute("SELECT min(step) FROM scalars WHERE run_id = ? AND state <> 'finite'",
                      (run_id,)).fetchone()[0]


def last_whole_capture(db, run_id):
    return db.execute(
        "SELECT max(step) FROM (SELECT step FROM head_stats WHERE run_id = ? GROUP BY step"
        " HAVING count(*) = count(entropy_mean))", (run_id,)).fetchone()[0]


def read_heads(db, run):
    step, run_id = run.capture_step, run.config["id"]
    run.heads = db.execute("SELECT layer, entropy_mean, entropy_ceiling FROM head_stats"
                           " WHERE run_id = ? AND step = ? ORDER BY layer, head",
                           (run_id, step)).fetchall()
    if has_table(db, "head_params"):
        run.thresholds = db.execute("SELECT layer, threshold FROM head_params WHERE run_id = ? AND"
                                    " step = ? AND threshold IS NOT NULL ORDER BY layer, head",
                                    (run_id, step)).fetchall()


def read_run(db, run_id, name, source):
    """None while it is not in the database to its end."""
    config = dict(db.execute("SELECT key, value FROM run_config WHERE run_id = ?", (run_id,)))
    run = Run(name, steps=int(config.get("n_steps", 0)), source=source, config={**config, "id": run_id})
    loss, evaluated = (scalar_at_end(db, run_id, kind) for kind in ("loss", "eval_loss"))
    run.diverged_at = diverged_at(db, run_id)
    run.last_step = loss[0] if loss else 0
    run.capture_step = last_whole_capture(db, run_id)
    if run.diverged_at is None and not (evaluated and evaluated[0] == run.steps == run.last_step):
        return None
    run.perplexity = math.inf if run.diverged_at is not None else math.exp(evaluated[1])
    read_heads(db, run)
    return run


def read_runs(path):
    """All runs of the database that went to their end, by name."""
    db = connect(path)
    if db is None:
        return {}
    with contextlib.closing(db):
        if not has_table(db, "run_latest"):
            return {}
        rows = db.execute("SELECT r.id, r.name, r.source FROM runs AS r JOIN run_latest AS l"
                          " ON l.run_id = r.id ORDER BY r.id").fetchall()
        runs = [read_run(db, *row) for row in rows]
    return {run.name: run for run in runs if run is not None}


# ---- the study -----------------------------------------------------------------------------------

class Study:
    """The runs of a recipe that are there; `of` finds those of one row, by seed."""

    def __init__(self, recipe, runs):
        self.recipe, self.runs = recipe, runs

    def of(self, name):
        row = self.recipe.row(name)
        seeds = row.seeds if row else ()
        return {seed: self.runs[run_name(name, seed)] for seed in seeds
                if run_name(name, seed) in self.runs}

    def first(self, name):
        """The run with the row's first seed that is there, or None."""
        return next(iter(self.of(name).values()), None)

    def values(self, name, quantity):
        """Of each seed that has one."""
        values = [quantity(run) for run in self.of(name).values()]
        return [value for value in values if value is not None]

    def n_done(self):
        return sum(job.name in self.runs for job in self.recipe.jobs())

    def of_other_options(self):
        """The name of the trace tells by which options a run was trained."""
        return [self.runs[job.name] for job in self.recipe.jobs()
                if job.name in self.runs and self.runs[job.name].source != job.trace]


# ---- quantities of a run -------------------------------------------------------------------------

def perplexity(run):
    return run.perplexity


def entropies(run):
    return [entropy for _, entropy, _ in run.heads if entropy is not None]


def largest_entropy(runs):
    """M of the bands: pooled, over all runs compared."""
    return max((max(entropies(run), default=0.0) for run in runs), default=0.0)


def band_of(value, largest):
    """Quarters [0,M/4) [M/4,M/2) [M/2,3M/4) [3M/4,M]."""
    return sum(value >= largest * quarter / BANDS for quarter in range(1, BANDS))


def band_shares(run, largest):
    """Of all heads, in percent; a head without a value is in no band."""
    counts = [0] * BANDS
    for entropy in entropies(run):
        counts[band_of(entropy, largest)] += 1
    return [100 * count / len(run.heads) for count in counts] if run.heads else None


def relative(heads):
    """Entropies as fractions of each head's own ceiling."""
    return [entropy / ceiling for _, entropy, ceiling in heads if entropy is not None and ceiling]


def share(heads, wanted):
    """In percent, of the heads whose relative entropy is as wanted."""
    return 100 * sum(map(wanted, relative(heads))) / len(heads) if heads else None


def overloaded(run):
    return share(run.heads, lambda x: x >= OVERLOADED)


def collapsed(run):
    return share(run.heads, lambda x: x < COLLAPSED)


def well_behaved(run):
    """In the middle two quarters of the ceiling."""
    return share(run.heads, lambda x: 0.25 <= x < OVERLOADED)


def part_of_depth(run, begin, end):
    """The heads of the layers in [begin, end) of the depth, 0 to 1."""
    n = len(run.layers())
    wanted = run.layers()[round(begin * n):round(end * n)]
    return [head for head in run.heads if head[0] in wanted]


def early_overloaded(run):
    return share(part_of_depth(run, 0, 0.5), lambda x: x >= OVERLOADED)


def deep_entropy(run):
    """Of the last quarter of the layers: their mean, as a fraction of the ceiling."""
    return mean(relative(part_of_depth(run, 0.75, 1)))


def thresholds_by_layer(run):
    layers = sorted({layer for layer, _ in run.thresholds})
    return [[value for layer, value in run.thresholds if layer == wanted] for wanted in layers]


def threshold_spread(run):
    """Standard deviation over the heads of a layer, root of the mean square over layers."""
    variances = [statistics.pvariance(values) for values in thresholds_by_layer(run)]
    return math.sqrt(mean(variances)) if variances else None


def threshold_rise(run, begin, end):
    """How far the thresholds of the layers in [begin, end) lie above those of the middle half."""
    means = [mean(values) for values in thresholds_by_layer(run)]
    n = len(means)
    edge, middle = means[round(begin * n):round(end * n)], means[round(n / 4):round(3 * n / 4)]
    return mean(edge) - mean(middle) if edge and middle else None
