"""The published numbers as traces (samples/paper/published.py): what is printed comes back."""
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import clitest
from clitest import Skip, query, test

ROOT = Path(__file__).resolve().parents[2]
FIGURES = json.loads((ROOT / "samples/paper/figures.json").read_text())
PAPER = json.loads((ROOT / "samples/study/paper.json").read_text())
EREG = "EReg(SM(t)+ScFuFFN)"
CEILING = math.lgamma(129) / 128


shared = tempfile.TemporaryDirectory(prefix="entroscope-published-")
TRACES, DATABASE = Path(shared.name) / "traces", Path(shared.name) / "p.db"


def write_published(world):
    """All traces in one database, once for all tests: they only read."""
    probe = subprocess.run([sys.executable, "-c", "import h5py, numpy"], stderr=subprocess.DEVNULL,
                           check=False)
    if probe.returncode != 0:
        raise Skip("no h5py here")
    if not DATABASE.exists():
        subprocess.run([sys.executable, ROOT / "samples/paper/published.py", TRACES], check=True)
        files = sorted(TRACES.iterdir())
        assert {file.stem for file in files} == {*FIGURES["fig3"], EREG}, files
        world.run("analyze", *files, "--db", DATABASE, check=0)
    return DATABASE


def by_layer(database, name, sql):
    """[layer][head] of one run."""
    rows = query(database, "SELECT layer, head, " + sql + " AND run_id = (SELECT id FROM runs"
                 " WHERE name = ?) ORDER BY layer, head", name)
    assert [row[:2] for row in rows] == [(i // 12, i % 12) for i in range(144)], name
    return [[row[2] for row in rows[12 * layer:12 * layer + 12]] for layer in range(12)]


@test
def traces_are_recognised(world):
    write_published(world)
    for name in [*FIGURES["fig3"], EREG]:
        facts = world.run("inspect", TRACES / f"{name}.h5", "--json", check=0).json()
        assert facts["run"] == name and facts["context_length"] == 128, facts
        assert facts["complete"] and not facts["problems"] and not facts["notes"], facts


@test
def what_nobody_knows_stays_empty(world):
    database = write_published(world)
    rows = query(database, "SELECT DISTINCT name = ?, n_rows, n_masked, max_weight, sink_mass, distance,"
                 " nearest_head FROM head_stats JOIN runs ON runs.id = run_id ORDER BY 1", EREG)
    assert rows == [(0, 128, 0, None, None, None, None), (1, 1, 1, None, None, None, None)], rows
    assert query(database, "SELECT DISTINCT diversity FROM layer_stats") == [(None,)]
    assert query(database, "SELECT DISTINCT name = ?, input FROM runs ORDER BY 1", EREG) == \
        [(0, "row_entropy"), (1, "row_entropy of some queries")]


@test
def head_entropies_come_back_as_printed(world):
    database = write_published(world)
    for name, printed in FIGURES["fig3"].items():
        stored = by_layer(database, name, "entropy_mean FROM head_stats WHERE 1")
        for layer in range(12):
            for a, b in zip(stored[layer], printed[layer]):
                assert abs(a - b) < 2e-6 and f"{a:.2f}" == f"{b:.2f}", (name, layer, a, b)
            of_layer = PAPER["six"]["layers"][name][layer]  # means of printed cells
            assert abs(statistics.fmean(stored[layer]) - of_layer) < 0.0055, (name, layer)
        for layer in by_layer(database, name, "entropy_ceiling FROM head_stats WHERE 1"):
            assert all(abs(value - CEILING) < 1e-9 for value in layer), name
        norms = by_layer(database, name, "entropy_norm FROM head_stats WHERE 1")
        for layer in range(12):
            for norm, value in zip(norms[layer], printed[layer]):
                assert abs(norm - value / CEILING) < 2e-6, (name, layer, norm, value)


@test
def printed_bands_follow_with_the_pooled_maximum(world):
    """Fig. 2a from Fig. 3: to within one head of 144, since cells are printed with two decimals."""
    database = write_published(world)
    names = list(FIGURES["fig3"])
    result = world.run("compare", *names, "--db", database, "--band-max", "pooled", "--json",
                       check=0).json()
    runs = [run for group in result["groups"] for run in group["runs"]]
    assert [run["name"] for run in runs] == names
    for run in runs:
        assert abs(run["band_max"] - 3.87) < 1e-6, run["band_max"]
        assert sum(run["bands"]) == 144
        for count, percent in zip(run["bands"], PAPER["six"]["bands"][run["name"]]):
            assert abs(100 * count / 144 - percent) <= 100 / 144 + 0.5, (run["name"], run["bands"])


@test
def what_the_paper_says_of_the_runs_is_found(world):
    write_published(world)

    def kinds(name):
        report = world.run("report", name, "--db", DATABASE, "--json", check=0).json()
        return {finding["rule"] for finding in report["runs"][0]["findings"]}
    for name in ("SM", "SM+G"):
        assert "run-overload" in kinds(name), name
    assert "layer-collapse" in kinds("SM")
    for name in ("SM+LN+G", "SM+LN+R", "SM+LN", "SM+R"):
        assert not kinds(name) & {"run-overload", "layer-collapse", "redundant-layer"}, kinds(name)


@test
def thresholds_come_back_as_printed(world):
    database = write_published(world)
    stored = by_layer(database, EREG, "threshold FROM head_params WHERE 1")
    for layer in range(12):
        for a, b in zip(stored[layer], FIGURES["fig6a_theta"][layer]):
            assert abs(a - b) < 1e-7, (layer, a, b)
        mean, variance = (PAPER["thresholds"][key][layer] for key in ("mean", "variance"))
        assert abs(statistics.fmean(stored[layer]) - mean) < 6e-4, layer
        assert abs(statistics.pvariance(stored[layer]) - variance) < 6e-6, layer
    rows = query(database, "SELECT DISTINCT entropy_mean, n_rows, n_masked FROM head_stats"
                 " JOIN runs ON runs.id = run_id WHERE name = ?", EREG)
    assert rows == [(None, 1, 1)], rows


clitest.main()
