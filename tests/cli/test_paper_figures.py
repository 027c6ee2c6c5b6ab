"""samples/figures/draw.sh: one command redraws the paper's figures, with the right numbers in them."""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import clitest
from clitest import Skip, test

ROOT = Path(__file__).resolve().parents[2]
FIGURES = json.loads((ROOT / "samples/paper/figures.json").read_text())
RECIPES = sorted(path.stem for path in (ROOT / "samples/figures").glob("*-*.ini"))

shared = tempfile.TemporaryDirectory(prefix="entroscope-paper-")


def drawn():
    """The folder of the figures as SVG, drawn once for all tests."""
    probe = subprocess.run([sys.executable, "-c", "import h5py, numpy"], stderr=subprocess.DEVNULL,
                           check=False)
    if probe.returncode != 0:
        raise Skip("no h5py here")
    folder = Path(shared.name) / "figures"
    if not folder.exists():
        subprocess.run([ROOT / "samples/figures/draw.sh", folder, "svg"], check=True,
                       env={**os.environ, "ENTROSCOPE": clitest.PROGRAM}, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)
    return folder


def texts(name):
    return re.findall(r"<text[^>]*>([^<]*)</text>", (drawn() / f"{name}.svg").read_text())


@test
def every_recipe_is_drawn_and_the_samples_stay_as_they_are(world):
    before = (ROOT / "samples/study/study.db").read_bytes()
    assert sorted(path.stem for path in drawn().glob("*.svg")) == RECIPES
    assert len(RECIPES) == 10, RECIPES
    assert (ROOT / "samples/study/study.db").read_bytes() == before
    assert not list((ROOT / "samples/study").glob("study.db-*"))


@test
def drawn_again_they_are_the_same(world):
    again = drawn().parent / "again"
    subprocess.run([ROOT / "samples/figures/draw.sh", again, "svg"], check=True,
                   env={**os.environ, "ENTROSCOPE": clitest.PROGRAM}, stdout=subprocess.PIPE,
                   stderr=subprocess.PIPE)
    for name in RECIPES:
        assert (drawn() / f"{name}.svg").read_bytes() == (again / f"{name}.svg").read_bytes(), name


@test
def fig3_has_all_printed_numbers(world):
    cells = [text for text in texts("published-fig3") if re.fullmatch(r"\d\.\d\d", text)]
    printed = [f"{value:.2f}" for heads in FIGURES["fig3"].values() for row in heads
               for value in row]
    assert len(printed) == 864
    assert cells == printed, [pair for pair in zip(cells, printed) if pair[0] != pair[1]][:5]


@test
def fig2a_has_the_shares_of_the_paper(world):
    shares = [int(text.rstrip("%")) for text in texts("published-fig2a")
              if re.fullmatch(r"\d+%?", text)]
    bands = [[], [], [], []]  # recomputed: quarters of the largest of all cells
    most = max(value for heads in FIGURES["fig3"].values() for row in heads for value in row)
    for heads in FIGURES["fig3"].values():
        cells = [value for row in heads for value in row]
        for band in range(4):
            bands[band].append(100 * sum(min(int(4 * value / most), 3) == band
                                         for value in cells) / 144)
    wanted = [share for band in bands for share in band]
    ticks = len(shares) - len(wanted)
    assert ticks > 0, shares
    for got, want in zip(shares[ticks:], wanted):
        assert abs(got - want) <= 0.5 + 100 / 144, (got, want)
    assert "58" in {text.rstrip("%") for text in texts("published-fig2a")}  # SM+G, overloaded


@test
def fig6_has_the_thresholds(world):
    cells = [text for text in texts("published-fig6") if re.fullmatch(r"0\.\d\d", text)]
    printed = [f"{value:.2f}" for row in FIGURES["fig6a_theta"] for value in row]
    assert cells[:144] == printed, cells[:12]


@test
def recipes_of_the_study_name_what_they_draw(world):
    for name, words in {"study-fig2": ["(a) Share of heads by entropy", "(b) Held-out loss"],
                        "study-fig5": ["(a) SM+LN+G", "(f) EReg(SM(t)+ScFuFFN)"],
                        "study-fig7": ["γ = 0.30"], "study-fig8": ["(f) γ = 0.25"]}.items():
        found = texts(name)
        assert all(word in found for word in words), (name, found)


@test
def the_recipe_of_the_readme_works(world):
    text = (ROOT / "README.md").read_text()
    recipe = re.search(r"^    # What belongs.*\n    \[figure\]\n(?:    .*\n|\n)+", text, re.M)[0]
    (world / "r.ini").write_text(re.sub(r"^    ", "", recipe, flags=re.M))
    for run in ("healthy", "broken"):
        source = {"healthy": "healthy", "broken": "collapsing"}[run]
        world.run("analyze", clitest.FIXTURES / f"{source}.h5", "--run", run, "--db", "runs.db",
                  check=0)
    result = world.run("plot", "--recipe", "r.ini", "--db", "runs.db", "-o", "f.svg")
    assert result.code == 2 and "line" in result.err and "step 600" in result.err, result
    fixed = (world / "r.ini").read_text().replace("600; 190", "40; last")
    (world / "r.ini").write_text(fixed)
    world.run("plot", "--recipe", "r.ini", "--db", "runs.db", "-o", "f.svg", check=0)
    assert "(b) SM+LN+G" in (world / "f.svg").read_text()


clitest.main()
