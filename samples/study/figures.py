"""figures.py: the paper's figures, drawn by `entroscope plot` from the study's database.

A figure is a row of FIGURES.  Each shows the first seed of its rows, at the last capture without NaN.
"""
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tables import gamma_of

DPI = "100"  # for a screen; the whole folder stays below 3 MB
MOST_BYTES = 3_000_000
EREG = "EReg(SM(t)+ScFuFFN)"
LAYERWISE = ["SM+LN+G", "SM", "SM+WN(FFN)", "SM+SN(FFN)", "SM+ScFuFFN", EREG]


@dataclass
class Figure:
    file: str
    view: str
    rows: object        # names, or the name of a part of the recipe
    options: tuple = ()
    at_step: bool = True  # draws one capture


FIGURES = [
    Figure("heads.png", "headwise-entropy", "six", ("--shared-scale", "--values", "--width", "9",
                                                    "--title", "Entropy of each head at the end")),
    Figure("bands.png", "entropy-bands", "six"),
    Figure("loss.png", "scalars", "six", ("--scalar", "eval_loss", "--title", "Held-out loss"), False),
    Figure("layers.png", "layerwise-entropy", LAYERWISE, ("--shared-scale",), False),
    Figure("gamma-bands.png", "entropy-bands", "gamma", ("--width", "8")),
    Figure("thresholds.png", "headwise-entropy", [EREG], ("--column", "threshold", "--values")),
    Figure("divergence.png", "layerwise-entropy", "divergence", ("--shared-scale",), False),
]


class FigureError(Exception):
    """A sentence."""


def chosen_runs(study, figure):
    names = study.recipe.part(figure.rows) if isinstance(figure.rows, str) else figure.rows
    if figure.rows == "gamma":
        names = sorted(names, key=lambda name: gamma_of(study.recipe.row(name)))
    return [run for run in map(study.first, names) if run is not None]


def arguments(figure, runs, db, folder):
    words = ["plot", figure.view, "--db", str(db), "--dpi", DPI, "-o", str(folder / figure.file)]
    for run in runs:
        words += ["--run", run.name]
        if figure.at_step and run.capture_step is not None:
            words += ["--step", str(run.capture_step)]
    return words + list(figure.options)


def draw(program, figure, runs, db, folder):
    done = subprocess.run([program, *arguments(figure, runs, db, folder)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise FigureError(f"{figure.file}: {done.stderr.decode(errors='replace').strip()}")


def draw_all(program, study, db, folder):
    """Lines that say what was drawn; figures without a run are left out."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for figure in FIGURES:
        runs = chosen_runs(study, figure)
        if not runs:
            yield f"{figure.file}: none of its runs is there yet"
            continue
        draw(program, figure, runs, db, folder)
        yield f"{figure.file}: {', '.join(run.name for run in runs)}"
    size = sum(os.path.getsize(path) for path in folder.glob("*.png"))
    if size > MOST_BYTES:
        raise FigureError(f"{folder}: the figures have {size} bytes, and should have at most "
                          f"{MOST_BYTES}")
