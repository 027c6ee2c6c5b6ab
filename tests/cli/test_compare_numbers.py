"""`compare` against scipy: the same database read with sqlite3, the same numbers computed there.

Runs are made up with a fixed seed in a database that the program created; the study's database is
real material.  Skipped without numpy and scipy."""
import json
import shutil
import sqlite3
from pathlib import Path

import clitest
from clitest import UNSAFE, test

STUDY = Path(__file__).resolve().parents[2] / "samples" / "study" / "study.db"
N_LAYERS, N_HEADS, STEPS = 3, 4, (0, 50, 100)
HOSTILE = "a'; DROP TABLE runs;--\n\x1b[31m\u202e\"%s #1"


def science():
    try:
        import numpy
        from scipy import stats
    except ImportError as missing:
        raise clitest.Skip(str(missing)) from missing
    return numpy, stats


def make_database(world, groups, diverged=()):
    """groups: {arch: [(name, seed, shift of the entropies)]}; diverged: names without valid rows."""
    numpy, _ = science()
    rng = numpy.random.default_rng(2385)
    path = world / "made.db"
    world.run("analyze", "-q", world.fixtures / "healthy.h5", "--db", path, check=0)
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM runs")
        run_id = 0
        for arch, runs in groups.items():
            for name, seed, shift in runs:
                run_id += 1
                add_run(db, rng, run_id, (arch, name, seed, shift), name in diverged)
    db.close()
    return path


def add_run(db, rng, run_id, what, diverged):
    arch, name, seed, shift = what
    db.execute("INSERT INTO runs (id, name, attempt, fingerprint, created_at, arch) "
               "VALUES (?, ?, 1, ?, 'then', ?)", (run_id, name, f"f{run_id}", arch))
    db.executemany("INSERT INTO run_config VALUES (?, ?, ?)",
                   [(run_id, "seed", str(seed)), (run_id, "lr", "0.001")])
    loss = 2 + shift / 10 + rng.normal(0, 0.05)
    db.executemany("INSERT INTO scalars VALUES (?, ?, 100, ?, ?)",
                   [(run_id, key, None if diverged else loss + extra,
                     "nan" if diverged else "finite")
                    for key, extra in (("loss", 0), ("eval_loss", 0.25))])
    for position, step in enumerate(STEPS):
        db.execute("INSERT INTO captures VALUES (?, ?, ?, 16, 'd', 'complete', NULL)",
                   (run_id, step, position))
        for layer in range(N_LAYERS):
            for head in range(N_HEADS):
                value = 2 + layer / 4 + shift * (layer + 1) / 3 + rng.normal(0, 0.2)
                db.execute("INSERT INTO head_stats (run_id, step, layer, head, n_rows, n_nan, "
                           "entropy_mean, entropy_ceiling) VALUES (?, ?, ?, ?, 16, ?, ?, 3.5)",
                           (run_id, step, layer, head, 16 * diverged,
                            None if diverged else value))


def read_heads(path, run_id, step):
    """{(layer, head): entropy}, None where there is none."""
    db = sqlite3.connect(path)
    rows = db.execute("SELECT layer, head, entropy_mean FROM head_stats "
                      "WHERE run_id = ? AND step = ?", (run_id, step)).fetchall()
    db.close()
    return {(layer, head): value for layer, head, value in rows}


def last_scalar(path, run_id, name):
    db = sqlite3.connect(path)
    row = db.execute("SELECT value FROM scalars WHERE run_id = ? AND name = ? "
                     "ORDER BY step DESC LIMIT 1", (run_id, name)).fetchone()
    db.close()
    return row[0] if row else None


def samples_of(row, path, result):
    """The values of each group for a row of the result, from the database alone."""
    numpy, _ = science()
    groups = []
    for group in result["groups"]:
        values = []
        for run in group["runs"]:
            if "name" in row:
                name = "eval_loss" if row["name"] == "perplexity" else row["name"]
                value = last_scalar(path, run["id"], name)
                if value is not None and row["name"] == "perplexity":
                    value = float(numpy.exp(value))
            else:
                heads = read_heads(path, run["id"], result["step"])
                chosen = [v for (layer, head), v in heads.items() if v is not None and
                          layer == row["layer"] and head == row.get("head", head)]
                value = sum(chosen) / len(chosen) if chosen else None
            values.append(value)
        groups.append(values)
    return groups


def near(ours, theirs, what):
    assert (ours is None) == (theirs is None), (what, ours, theirs)
    if ours is not None:
        assert abs(ours - theirs) <= 1e-9 * max(1, abs(theirs)), (what, ours, theirs)


def check_summary(summary, values, what):
    numpy, _ = science()
    finite = [v for v in values if v is not None]
    assert summary["n"] == len(finite), what
    assert len(summary["values"]) == len(values), what
    for ours, theirs in zip(summary["values"], values):
        near(ours, theirs, what)
    near(summary["mean"], float(numpy.mean(finite)) if finite else None, what)
    near(summary["sd"], float(numpy.std(finite, ddof=1)) if len(finite) > 1 else None, what)


def check_contrast(contrast, values, base, test_name, what):
    numpy, stats = science()
    a, b = ([v for v in sample if v is not None] for sample in (values, base))
    near(contrast["difference"], float(numpy.mean(a) - numpy.mean(b)), what)
    near(contrast["cliffs_delta"],
         float(numpy.mean([numpy.sign(x - y) for x in a for y in b])), what)
    if contrast["test"]["refused"] is not None:
        assert contrast["test"]["p"] is None and contrast["test"]["q"] is None, what
        return
    theirs = (stats.ttest_ind(a, b, equal_var=False) if test_name == "welch" else
              stats.mannwhitneyu(a, b, alternative="two-sided", method="auto"))
    near(contrast["test"]["statistic"], float(theirs.statistic), what)
    near(contrast["test"]["p"], float(theirs.pvalue), what)
    interval = contrast["interval"]
    if interval["refused"] is None:
        assert interval["low"] < contrast["difference"] < interval["high"], what


def step_up(p_values):
    """Benjamini and Hochberg, by its definition."""
    m = len(p_values)
    ordered = sorted(p_values)
    return {p: min(m * ordered[j] / (j + 1) for j in range(m) if ordered[j] >= p)
            for p in p_values}


def check_all(result, path):
    rows = result["scalars"] + result["layers"] + result["heads"]
    for row in rows:
        what = {key: row[key] for key in ("name", "layer", "head") if key in row}
        values = samples_of(row, path, result)
        for summary, sample in zip(row["groups"], values):
            check_summary(summary, sample, what)
        for contrast, sample in zip(row["contrasts"], values[1:]):
            if any(v is not None for v in sample) and any(v is not None for v in values[0]):
                check_contrast(contrast, sample, values[0], result["test"], what)
    tests = [contrast["test"] for row in result["layers"] + result["heads"]
             for contrast in row["contrasts"] if contrast["test"]["p"] is not None]
    assert result["n_tests"] == len(tests)
    expected = step_up([t["p"] for t in tests])
    for t in tests:
        near(t["q"], expected[t["p"]], "q")
        assert t["significant"] == (t["q"] <= result["alpha"])


def seeds(arch, n, shift):
    return [(f"{arch} s{i}", i, shift) for i in range(1, n + 1)]


@test
def numbers_are_those_of_scipy(world):
    path = make_database(world, {"A": seeds("A", 5, 0), "B": seeds("B", 6, 0.4),
                                 "C": seeds("C", 4, 0)})
    for extra in ([], ["--test", "welch"], ["--step", "50"], ["--baseline", "B", "--alpha", "0.2"]):
        result = world.run("compare", "--by", "arch", "--db", path, "--json", *extra,
                           check=0).json()
        assert len(result["groups"]) == 3 and result["common_steps"] == list(STEPS)
        check_all(result, path)
        assert result["n_tests"] == 2 * (N_LAYERS + N_LAYERS * N_HEADS)
    assert any(row["contrasts"][0]["test"]["significant"] for row in result["layers"])


@test
def seeds_pair_and_what_is_missing_is_said(world):
    groups = {"A": seeds("A", 3, 0), "B": seeds("B", 4, 1)}
    path = make_database(world, groups)
    result = world.run("compare", "--by", "arch", "--db", path, "--json", check=0).json()
    check_all(result, path)
    second = result["groups"][1]
    assert second["paired_seeds"] == ["1", "2", "3"] and second["unpaired_seeds"] == ["4"]
    row = result["layers"][0]
    for i in range(3):
        near(row["contrasts"][0]["seed_differences"][i],
             row["groups"][1]["values"][i] - row["groups"][0]["values"][i], "pair")
    assert any("Seeds of only one" in note for note in result["notes"])
    assert any("0.0571 at least" in note for note in result["notes"]), result["notes"]


@test
def diverged_runs_are_said_and_not_averaged(world):
    path = make_database(world, {"A": seeds("A", 4, 0), "B": seeds("B", 5, 0)},
                         diverged=("B s2", "A s4", "A s3", "A s2", "A s1"))
    result = world.run("compare", "--by", "arch", "--db", path, "--json", check=0).json()
    check_all(result, path)
    assert [g["n_diverged"] for g in result["groups"]] == [4, 1]
    assert [run["diverged"] for run in result["groups"][1]["runs"]] == [False, True] + 3 * [False]
    head = result["heads"][0]
    assert [g["n"] for g in head["groups"]] == [0, 4]
    assert [g["n_runs"] for g in head["groups"]] == [4, 5]
    assert head["contrasts"][0]["difference"] is None
    text = world.run("compare", "--by", "arch", "--db", path, check=0).out
    assert "Diverged: 4 of 4 runs" in text and "Diverged: 1 of 5 runs" in text, text


@test
def hostile_names_are_harmless(world):
    path = make_database(world, {HOSTILE: [(HOSTILE + str(i), i, 0) for i in range(4)],
                                 "B": seeds("B", 4, 0)})
    names = [HOSTILE + "0", "B s1"]
    for arguments in (["--by", "arch"], names, ["--group", "a'*", "--group", "B*"],
                      ["--by", "arch", "--where", f"arch={HOSTILE}"],
                      ["--by", "arch", "--baseline", HOSTILE]):
        result = world.run("compare", "--db", path, *arguments)
        assert UNSAFE.search(result.out) is None, result
        assert result.code == (2 if "--where" in arguments else 0), result
    result = world.run("compare", "--db", path, *names, "--json", check=0)
    assert UNSAFE.search(result.out) is None, result
    assert result.json()["groups"][0]["runs"][0]["name"] == names[0]
    db = sqlite3.connect(path)
    assert db.execute("SELECT count(*) FROM runs").fetchone() == (8,)
    db.close()


@test
def findings_before_step_0_are_over(world):
    path = make_database(world, {"A": seeds("A", 2, 0), "B": seeds("B", 2, 0)})
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET findings_at = 'then'")
        db.executemany("INSERT INTO findings VALUES (1, ?, 'collapse', 'warning', 1, NULL, -50, ?,"
                       " 2, 'layer-collapse', 'It was.', '{}')", [(1, -10), (2, None)])
    db.close()
    run = world.run("compare", "--by", "arch", "--db", path, "--json",
                    check=0).json()["groups"][0]["runs"][0]
    assert [(f["onset_step"], f["last_step"]) for f in run["findings"]] == [(-50, -10), (-50, None)]


@test
def intervals_of_the_heads_shown_are_those_of_all(world):
    path = make_database(world, {"A": seeds("A", 5, 0), "B": seeds("B", 6, 0.4)})
    ask = ["compare", "--by", "arch", "--db", path]
    rows = world.run(*ask, "--json", check=0).json()["heads"]
    shown = [line for line in world.run(*ask, check=0).out.splitlines() if " head " in line]
    assert len(shown) >= 8, shown
    texts = {"[%+.4f, %+.4f]" % (interval["low"], interval["high"])
             for interval in (row["contrasts"][0]["interval"] for row in rows)}
    for line in shown:
        assert line[line.index("["):line.index("]") + 1] in texts, line


@test
def a_database_that_is_being_written(world):
    path = make_database(world, {"A": seeds("A", 4, 0), "B": seeds("B", 4, 0)})
    before = world.run("compare", "--by", "arch", "--db", path, "--json", check=0).out
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE head_stats SET entropy_mean = 0 WHERE run_id = 2")
    db.execute("DELETE FROM runs WHERE id = 1")
    during = world.run("compare", "--by", "arch", "--db", path, "--json", check=0).out
    assert during == before
    db.execute("COMMIT")
    after = world.run("compare", "--by", "arch", "--db", path, "--json", check=0).json()
    assert after["groups"][0]["n"] == 3
    db.close()


@test
def the_study_as_it_is(world):
    """Fifty real runs of an older version of the database."""
    science()
    if not STUDY.exists():
        raise clitest.Skip("without samples/study/study.db")
    path = world / "study.db"
    shutil.copy(STUDY, path)
    where = ["--where", "lr=0.001", "--where", "gamma=0.2", "--where", "context=64",
             "--where", "n_layers=8"]
    result = world.run("compare", "--by", "arch", "--db", path, "--json", *where, check=0).json()
    check_all(result, path)
    sizes = {group["label"]: group["n"] for group in result["groups"]}
    assert sizes["SM"] == sizes["SM+LN+G"] == 3, sizes
    assert [left["label"] for left in result["left_out"]] == ["SM(t)+ScFuFFN"], result["left_out"]
    keys = {d["key"] for left in result["left_out"] for d in left["differences"]}
    assert "temperature_init" in keys
    assert result["step"] == 1500 and len(result["common_steps"]) == 11
    assert result["n_tests"] == 0  # three seeds: no rank-sum test at 0.05
    whole = world.run("compare", "--by", "arch", "--db", path, "--json", check=0).json()
    assert "SM" in [left["label"] for left in whole["left_out"]]  # a hot learning rate among them
    assert json.dumps(whole).count('"kind": "value"') > 3



clitest.main()
