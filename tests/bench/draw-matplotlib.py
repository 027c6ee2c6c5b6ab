"""draw-matplotlib.py VIEW DB FILE RUN...: what one would write to draw a view with matplotlib.

The same numbers from the same database as `entroscope plot VIEW`, as short and as quick as it goes:
no pyplot, one query a run.  bench-figures.py compares the times.
"""
import sqlite3
import sys

import matplotlib
import numpy as np
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

matplotlib.rcParams.update({"pdf.fonttype": 42, "font.size": 9, "svg.fonttype": "none"})
CEILING = "select max(entropy_ceiling) from head_stats where run_id = ?"


def grid(db, run):
    step = db.execute("select max(step) from captures where run_id = ?", (run,)).fetchone()[0]
    rows = db.execute("select layer, head, entropy_mean from head_stats where run_id = ? and step = ?",
                      (run, step)).fetchall()
    values = np.full((max(row[0] for row in rows) + 1, max(row[1] for row in rows) + 1), np.nan)
    for layer, head, value in rows:
        values[layer, head] = np.nan if value is None else value
    return values


def curves(db, run):
    rows = db.execute("select layer, step, avg(entropy_mean) from head_stats where run_id = ? "
                      "group by step, layer", (run,)).fetchall()
    lines = {}
    for layer, step, value in rows:
        lines.setdefault(layer, ([], []))
        lines[layer][0].append(step)
        lines[layer][1].append(np.nan if value is None else value)
    return lines


def raster(figure, n):
    columns = min(n, 3)
    axes = figure.subplots(-(-n // columns), columns, squeeze=False)
    return [axis for row in axes for axis in row][:n]


def headwise(figure, db, runs):
    for axis, (run, name) in zip(raster(figure, len(runs)), runs):
        image = axis.imshow(grid(db, run), cmap="viridis")
        axis.set(title=name, xlabel="Head index", ylabel="Layer index")
        figure.colorbar(image, ax=axis, label="Head entropy (nats)")
    figure.suptitle("Entropy of each attention head")


def layerwise(figure, db, runs):
    for axis, (run, name) in zip(raster(figure, len(runs)), runs):
        lines = curves(db, run)
        for layer, (steps, values) in lines.items():
            axis.plot(steps, values, color=matplotlib.colormaps["viridis"](0.93 * layer / max(lines)),
                      label=f"Layer {layer}")
        axis.axhline(db.execute(CEILING, (run,)).fetchone()[0], color="0.35", linestyle="--")
        axis.set(title=name, xlabel="Training step", ylabel="Layer mean entropy (nats)", ylim=(0, None))
    figure.legend(*axis.get_legend_handles_labels(), loc="lower center", ncols=6)
    figure.suptitle("Layer mean entropy during training")


def bands(figure, db, runs):
    axis = figure.subplots()
    grids = [grid(db, run) for run, _ in runs]
    edges = np.linspace(0, np.nanmax(grids), 5)
    for k, (values, (_, name)) in enumerate(zip(grids, runs)):
        shares = 100 * np.histogram(values[~np.isnan(values)], edges)[0] / values.size
        axis.bar(np.arange(4) + (k - len(runs) / 2) * 0.8 / len(runs), shares, 0.8 / len(runs),
                 label=name)
    axis.set(ylabel="Share of heads (%)", title="Share of attention heads by entropy")
    axis.set_xticks(range(4), ["lowest quarter", "second", "third", "highest quarter"])
    axis.legend()


def main():
    view, path, target, *names = sys.argv[1:]
    db = sqlite3.connect(path)
    runs = [(db.execute("select id from runs where name = ?", (name,)).fetchone()[0], name)
            for name in names]
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasPdf(figure)
    {"headwise-entropy": headwise, "layerwise-entropy": layerwise, "entropy-bands": bands}[view](
        figure, db, runs)
    figure.savefig(target)


main()
