"""The training study: its driver, killed and gone on, and what it makes of a database."""
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import clitest
from clitest import query, test

HERE = Path(__file__).resolve().parents[2] / "samples/study"
sys.path.insert(0, str(HERE))
import claims  # noqa: E402
import results  # noqa: E402
from recipe import read_recipe  # noqa: E402

DEFAULTS = """
[defaults]
--data {data}
--layers 4
--heads 2
--dim 16
--context 16
--batch 2
--steps {steps}
--eval-every 100
--eval-batches 1
--capture-every 100
--capture-samples 2
--log-every 25
--threads 1
[runs]
"""
ROWS = """
SM+LN+G | six        | 1 2 | --arch SM+LN+G
SM      | six static | 1   | --arch SM
SM hot  | divergence | 1   | --arch SM --no-final-norm --lr 1000 --grad-clip 0 --weight-decay 0
"""


def write_recipe(world, rows=ROWS, steps=400, name="recipe.txt"):
    words = "def return import class self for in while if else".split()
    (world / "data.txt").write_text(" ".join(words[i * i % 97 % 10] for i in range(3000)))
    text = DEFAULTS.format(data=world / "data.txt", steps=steps) + rows
    (world / name).write_text(text)


def command(args, db="s.db"):
    name, *rest = args
    return [sys.executable, str(HERE / "study.py"), name, "--recipe", "recipe.txt", "--db", db, *rest]


def study(world, *args, check=0, db="s.db", **more):
    """Runs study.py on the recipe of the world."""
    env = clitest.environment(ENTROSCOPE=str(clitest.PROGRAM), PYTHONDONTWRITEBYTECODE="1")
    env.update(more)
    done = subprocess.run(command(args, db), cwd=world.path, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=clitest.TIMEOUT)
    result = clitest.Result(done.returncode, clitest.decode(done.stdout), clitest.decode(done.stderr))
    assert result.code == check, f"expected exit {check}: {result}"
    assert "Traceback" not in result.err, str(result)
    return result


def start(world, *args):
    env = clitest.environment(ENTROSCOPE=str(clitest.PROGRAM), PYTHONDONTWRITEBYTECODE="1")
    return subprocess.Popen(command(args), cwd=world.path, env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def dump(path):
    """Without what differs between two trainings of the same: the trace's identity."""
    clitest.VOLATILE["runs"] = {"created_at", "fingerprint", "findings_at"}
    return clitest.dump(path)


def scratch(world, pattern):
    return sorted((world / "s.scratch").glob(pattern))


def working_in(folder):
    """Processes whose folder it is: the trainers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.path.samefile(entry / "cwd", folder):
                found.append(int(entry.name))
        except OSError:  # ended, or another user's
            continue
    return found


def wait_for(process, condition):
    give_up = time.monotonic() + clitest.TIMEOUT
    while not condition():
        assert process.poll() is None, str(clitest.finish(process))
        assert time.monotonic() < give_up
        time.sleep(0.01)


# ---- the driver ----------------------------------------------------------------------------------

@test
def killed_and_run_again_the_database_ends_the_same(world):
    write_recipe(world, steps=2000)
    study(world, "run", db="whole.db")
    stored = lambda: len(results.read_runs(world / "s.db"))
    said = ""
    for kill_at in range(4):
        process = start(world, "run")
        wait_for(process, lambda: stored() >= kill_at - 1 and scratch(world, "*.checkpoint.h5"))
        process.kill()
        said += clitest.finish(process).out
    said += study(world, "run").out
    assert "goes on" in said, said  # a kill may also fall between two runs
    assert dump(world / "s.db") == dump(world / "whole.db")
    assert [path.name for path in scratch(world, "*")] == ["lock"]
    assert not list(world.path.glob("s.db-*"))


@test
def a_trainer_ends_with_its_driver(world):
    write_recipe(world, steps=10000000)
    process = start(world, "run")
    wait_for(process, lambda: scratch(world, "*.checkpoint.h5"))
    assert len(working_in(world / "s.scratch")) == 1
    process.kill()
    clitest.finish(process)
    give_up = time.monotonic() + 5
    while working_in(world / "s.scratch"):
        assert time.monotonic() < give_up
        time.sleep(0.05)


@test
def a_signal_stops_and_says_that_it_can_go_on(world):
    write_recipe(world, steps=10000000)
    process = start(world, "run")
    wait_for(process, lambda: scratch(world, "*.checkpoint.h5"))
    process.send_signal(signal.SIGTERM)
    result = clitest.finish(process)
    assert result.code == 143 and "the same command goes on" in result.out, str(result)
    assert "s1 begun" in study(world, "status").out


@test
def a_second_driver_is_refused(world):
    write_recipe(world, steps=10000000)
    process = start(world, "run")
    wait_for(process, lambda: scratch(world, "*.h5"))
    refused = study(world, "run", check=1)
    assert f"another driver (process {process.pid})" in refused.err, str(refused)
    process.kill()
    clitest.finish(process)


@test
def in_the_background_it_ends_as_well(world):
    write_recipe(world)
    said = study(world, "run", "--background", "--only", "SM").out
    pid = int(re.match(r"process (\d+) is at work", said)[1])
    give_up = time.monotonic() + clitest.TIMEOUT
    while "s1 done" not in study(world, "status").out:
        assert time.monotonic() < give_up, (world / "s.scratch/study.log").read_text()
        time.sleep(0.1)
    while os.path.exists(f"/proc/{pid}/exe") and time.monotonic() < give_up:
        time.sleep(0.05)
    assert "[1/1] SM s1: perplexity" in (world / "s.scratch/study.log").read_text()


@test
def only_what_is_missing_or_has_other_options_is_trained(world):
    write_recipe(world)
    first = study(world, "run", "--only", "SM+LN+G-s1", "SM", "--jobs", "2").out
    assert "[2/2]" in first and "s2" not in first
    assert "2 of 2 runs are there" in study(world, "run", "--only", "SM+LN+G-s1", "SM").out
    write_recipe(world, ROWS.replace("--arch SM\n", "--arch SM --lr 2e-3\n"))
    assert "s1 trained by other options" in study(world, "status").out
    again = study(world, "run", "--only", "six").out
    assert again.count("begins") == 2 and "SM s1: begins" in again, again
    rates = query(world / "s.db", "SELECT value FROM run_config JOIN runs ON id = run_id"
                                  " WHERE key = 'lr' AND name = 'SM s1'")
    assert rates == [("0.002",)], rates


@test
def a_row_that_fails_does_not_hold_up_the_others(world):
    write_recipe(world, "bad | six | 1 | --arch nosuch\nSM | six | 1 | --arch SM\n")
    result = study(world, "run", check=1)
    assert "bad s1: entroscope train ended with 2" in result.out and "nosuch" in result.out
    assert "[1/2] SM s1" in result.out and "failed: bad s1" in result.out, str(result)


@test
def scalars_are_those_logged_and_divergence_is_kept(world):
    write_recipe(world)
    result = study(world, "run")
    assert re.search(r"SM hot s1: diverged at step \d+", result.out), str(result)
    steps = query(world / "s.db", "SELECT step FROM scalars JOIN runs ON id = run_id WHERE"
                                  " scalars.name = 'loss' AND runs.name = 'SM s1' ORDER BY step")
    assert steps == [(step,) for step in range(25, 401, 25)], steps
    runs = results.read_runs(world / "s.db")
    hot = runs["SM hot s1"]
    assert hot.diverged_at and hot.perplexity == float("inf")
    assert hot.heads and None not in [entropy for _, entropy, _ in hot.heads]
    assert hot.capture_step < hot.diverged_at


@test
def what_is_wrong_is_a_sentence(world):
    write_recipe(world)
    for args, words, code in (
            (["run", "--entroscope", "nosuch"], "nosuch: there is no such program", 1),
            (["run", "--only", "SM+LN+H"], "near it are SM+LN+G", 2),
            (["run", "--seeds", "7"], "--seeds", 2),
            (["tables", "nosuch"], "there are runs, six", 2),
            (["figures", "--entroscope", "/nosuch/x"], "/nosuch/x: there is no such program", 1),
            (["readme", "--readme", "nosuch.md"], "nosuch.md: No such file", 1)):
        result = study(world, *args, check=code)
        assert result.err.startswith("study.py: ") and words in result.err, str(result)
    (world / "text.db").write_text("no database, but long enough to be looked at" * 20)
    assert "text.db: file is not a database" in study(world, "tables", db="text.db", check=1).err
    assert not (world / "s.db").exists()


@test
def broken_recipes_are_sentences_with_a_line(world):
    write_recipe(world)
    text = (world / "recipe.txt").read_text()
    for old, new, words in (
            ("[defaults]", "[default]", ":2: found \"[default]\""),
            ("--layers 4", "layers 4", ":4: found \"layers\""),
            ("--layers 4", "--layers 4 4", ":4: found \"4\""),
            ("--layers 4", "--layers four", ":18: --layers of SM+LN+G is \"four\""),
            ("--layers 4", "--seed 4", ":4: --seed is the driver's own"),
            ("--layers 4", "--heads 2", ":5: --heads stands there twice"),
            ("--layers 4", "", ":18: SM+LN+G has no --layers"),
            ("| 1 2 |", "| 1 x |", ":18: the seeds are \"1 x\""),
            ("| 1 2 |", "| 1 1 |", ":18: a seed stands twice"),
            ("| 1 2 |", "", ":18: found 2 fields"),
            ("SM  ", "SM+LN+G", ":19: there is a row SM+LN+G already"),
            ("six static", "", ":19: SM belongs to no part"),
            (ROWS, "", ": no row in [runs]")):
        assert old in text
        (world / "recipe.txt").write_text(text.replace(old, new, 1))
        result = study(world, "status", check=1)
        assert f"recipe.txt{words}" in result.err, str(result)


# ---- what is made of the database ----------------------------------------------------------------

@test
def tables_and_readme_have_the_numbers_of_the_database(world):
    write_recipe(world)
    study(world, "run")
    (loss,), = query(world / "s.db", "SELECT exp(value) FROM scalars JOIN runs ON id = run_id WHERE"
                                     " runs.name = 'SM s1' AND scalars.name = 'eval_loss' AND step = 400")
    lines = study(world, "tables", "six").out.splitlines()
    row = next(line for line in lines if line.startswith("| SM |"))
    assert f"| {loss:.3f} |" in row and "| NaN |" in row, row
    assert re.search(r"\| SM\+LN\+G \| 2.69 \| \+0.0 \| \d+\.\d+ ± \d+\.\d+ \| \+0.0 ± 0.0 \| 2 \|",
                     "\n".join(lines)), lines
    assert "diverged at step" in study(world, "tables", "divergence").out
    (world / "README.md").write_text((HERE / "README.md").read_text())
    assert "rewritten" in study(world, "readme", "--readme", "README.md").out
    assert row in (world / "README.md").read_text()
    assert "nothing new" in study(world, "readme", "--readme", "README.md").out
    (world / "README.md").write_text("<!-- begin: six -->\n")
    assert "does not end" in study(world, "readme", "--readme", "README.md", check=1).err


@test
def bands_are_those_of_the_database(world):
    write_recipe(world)
    study(world, "run", "--only", "six")
    sql = ("SELECT entropy_mean, entropy_ceiling FROM head_stats JOIN runs ON id = run_id"
           " WHERE step = 400 AND name LIKE ?")
    largest = max(entropy for entropy, _ in query(world / "s.db", sql, "%"))
    heads = query(world / "s.db", sql, "SM s1")
    wanted = []
    for scale in (lambda ceiling: largest, lambda ceiling: ceiling):
        quarter = [min(int(4 * entropy / scale(ceiling)), 3) for entropy, ceiling in heads]
        wanted.append([f"{100 * quarter.count(band) / len(heads):.0f}" for band in range(4)])
    lines = study(world, "tables", "bands").out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("| SM |"))
    assert f"{largest:.3f} nats" in "".join(lines)
    for line, shares in zip(lines[at + 1:], wanted):
        assert [cell.strip() for cell in line.split("|")[3:7]] == shares, (line, shares)


@test
def thresholds_are_those_of_the_last_capture(world):
    write_recipe(world, "EReg(SM(t)+ScFuFFN) | regularised | 1 2 | --arch SM\n")
    study(world, "run")
    with contextlib.closing(sqlite3.connect(world / "s.db")) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS head_params (run_id, step, layer, head, threshold)")
        db.executemany("INSERT INTO head_params (run_id, step, layer, head, threshold)"
                       " VALUES (?, ?, ?, ?, ?)",
                       [(run, step, layer, head, 0.1 * run + 0.1 * head + step / 4000)
                        for run in (1, 2) for step in (300, 400) for layer in range(4)
                        for head in range(2)])
    lines = study(world, "tables", "thresholds").out.splitlines()
    # seeds 1 and 2: heads 0.2, 0.3 and 0.3, 0.4; population variance 0.05 squared
    assert any(line.endswith("| 0.49 | 0.30 | 0.0025 | 0.20 | 0.40 |") for line in lines), lines


@test
def figures_come_out(world):
    write_recipe(world)
    study(world, "run")
    said = study(world, "figures", "-o", "figs").out
    assert "thresholds.png: none of its runs is there yet" in said, said
    made = sorted(path.name for path in (world / "figs").iterdir())
    assert made == ["bands.png", "divergence.png", "heads.png", "layers.png", "loss.png"], made


@test
def an_empty_study_says_so(world):
    write_recipe(world)
    assert "0 of 4 runs" in study(world, "tables", "runs").out
    study(world, "tables")
    said = study(world, "claims").out
    assert said.count("**Cannot be told.**") == len(claims.CLAIMS), said


# ---- the rules of the claims ---------------------------------------------------------------------

def made_up(heads, perplexity, diverged=None, thresholds=()):
    return lambda name: results.Run(name, perplexity=perplexity, diverged_at=diverged, capture_step=1,
                                    heads=heads, thresholds=list(thresholds))


def model(*levels):
    """Eight layers of eight heads, entropies as fractions of the ceiling by layer."""
    return [(layer, 3.2 * level, 3.2) for layer, level in enumerate(levels) for _ in range(8)]


def paper_like(recipe):
    """Runs as the paper would have them: every claim holds."""
    good, early, deep = model(*[0.5] * 8), model(*[0.9] * 4, *[0.5] * 4), model(*[0.9] * 4, *[0.01] * 4)
    order = {"SM+LN+G": 5, "SM+LN+R": 6, "SM+R": 7, "SM+G": 8, "SM+LN": 9}
    runs = {name: made_up(good, value) for name, value in order.items()}
    runs["SM+G"] = made_up(early, 8)
    runs["SM"] = runs["SM hot"] = made_up(deep, float("inf"), 90)
    theta = [(layer, level + 0.05 * (head % 2)) for layer, level in
             enumerate((.5, .5, .3, .3, .3, .3, .5, .5)) for head in range(8)]
    for row in recipe.rows:
        if "gamma" in row.parts:
            high = claims.gamma_of(row) >= 0.2
            runs[row.name] = made_up(model(0.9 if high else 0.5, *[0.5] * 7), 4, None, theta)
        runs.setdefault(row.name, made_up(early, 11 if "EReg" in row.name else 12))
    runs["SM+WN(FFN)"] = runs["SM+SN(FFN)"] = made_up(early, 11.8)
    runs["SM+ScFuFFN"] = made_up(early, 11.5)
    return runs


def upside_down(recipe):
    """Whatever the paper says, the other way round."""
    good, high, low = model(*[0.5] * 8), model(*[0.9] * 8), model(*[0.3] * 8)
    runs = {name: made_up(high, value) for name, value in
            {"SM+LN+G": 9, "SM+LN+R": 8, "SM+R": 7, "SM+G": 6, "SM+LN": 5}.items()}
    runs["SM+LN+G"] = made_up(model(*[0.9] * 6, 0.8, 0.8), 9)
    runs["SM+G"], runs["SM"] = made_up(good, 6), made_up(high, 4)
    theta = [(layer, level) for layer, level in
             enumerate((.3, .3, .5, .5, .5, .5, .3, .3)) for _ in range(8)]
    for row in recipe.rows:
        if "gamma" in row.parts:
            some = claims.gamma_of(row) >= 0.2
            runs[row.name] = made_up(good if some else high, 12, None, theta)
        runs.setdefault(row.name, made_up(good, 12 if "EReg" in row.name else 11))
    runs["SM+WN(FFN)"] = runs["SM+SN(FFN)"] = made_up(low, 11.5)
    runs["SM+ScFuFFN"] = made_up(low, 11.8)
    runs["EReg(SM(t)+ScFuFFN)"] = made_up(high, 12, None, theta)
    for gamma in ("0.25", "0.30"):
        runs[f"EReg gamma={gamma}"] = made_up(low, 12, None, theta)
    return runs


def verdicts(recipe, runs, noise=0.01):
    made = {}
    for job in recipe.jobs():
        run = made[job.name] = runs[job.row.name](job.name)
        run.perplexity *= 1 + noise * job.seed / 10
    return [outcome.verdict for _, outcome in claims.evaluate(results.Study(recipe, made))]


@test
def every_claim_can_come_out_either_way(world):
    recipe = read_recipe(HERE / "recipe.txt")
    assert verdicts(recipe, paper_like(recipe)) == [claims.HOLDS] * len(claims.CLAIMS)
    assert verdicts(recipe, upside_down(recipe)) == [claims.FAILS] * len(claims.CLAIMS)


@test
def a_difference_within_the_spread_cannot_be_told(world):
    recipe = read_recipe(HERE / "recipe.txt")
    noisy = verdicts(recipe, paper_like(recipe), noise=5)
    about = [claim.text for claim, verdict in zip(claims.CLAIMS, noisy) if verdict == claims.UNKNOWN]
    assert any("SM+LN+G < SM+LN+R" in text for text in about), about
    assert any("deeper model" in text for text in about), about  # with a borrowed spread
    write_recipe(world, ROWS.replace("1 2", "1"))
    alone = read_recipe(world / "recipe.txt")  # nobody to borrow a spread from
    runs = {row.name + " s1": made_up(model(*[0.9] * 8), 5)(row.name) for row in alone.rows}
    outcome = claims.below(results.Study(alone, runs), claims.PERPLEXITY, "SM", "SM+LN+G")
    assert outcome.verdict == claims.UNKNOWN, outcome


clitest.main()
