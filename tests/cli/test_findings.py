"""test_findings.py: reports on databases that are old, read-only, changed by hand, written at or hostile,
and on the published head entropies."""
import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import clitest
from clitest import dump, kill, query, test

ROOT = Path(__file__).resolve().parents[2]
FIGURES = json.loads((ROOT / "samples/paper/figures.json").read_text())
CEILING = math.lgamma(129) / 128


def change(path, *statements):
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


def rules_found(world, run, *options, db="r.db"):
    report = world.run("report", run, "--db", db, "--json", *options).json()["runs"][0]
    return [finding["rule"] for finding in report["findings"]]


# ---- rules as data ---------------------------------------------------------------------------------

@test
def a_rule_changed_by_hand_is_used_by_the_next_analyze(world):
    world.analyze("healthy.h5")
    assert rules_found(world, "healthy") == []
    change(world / "r.db", "UPDATE rule_parameters SET value = 0.5"
                           " WHERE rule = 'layer-overload' AND name = 'fraction'")
    said = world.run("report", "healthy", "--db", "r.db", check=0).out
    assert "analyze` the trace again" in " ".join(said.split()), said
    assert rules_found(world, "healthy") == []  # as stored
    world.analyze("healthy.h5")
    assert set(rules_found(world, "healthy")) == {"layer-overload"}
    assert query(world / "r.db", "SELECT count(*) > 0 FROM findings") == [(1,)]


@test
def a_severity_changed_to_info_opens_the_gate(world):
    world.analyze("collapsing.h5")
    world.run("report", "collapsing", "--db", "r.db", "--fail-on", "collapse", check=1)
    change(world / "r.db", "UPDATE rules SET severity = 'info' WHERE name = 'layer-collapse'")
    world.analyze("collapsing.h5")
    world.run("report", "collapsing", "--db", "r.db", "--fail-on", "collapse", check=0)


@test
def a_rule_out_of_range_is_a_sentence(world):
    world.analyze("healthy.h5")
    change(world / "r.db", "UPDATE rule_parameters SET value = -1 WHERE name = 'opens'")
    for command in ("report", "healthy", "--db", "r.db"), \
                   ("analyze", world.fixtures / "healthy.h5", "--db", "r.db"):
        result = world.run(*command, check=6)
        assert "opens is -1, expected 1 to 1e+06" in result.err, result


# ---- databases --------------------------------------------------------------------------------------

@test
def nothing_is_written(world):
    world.analyze("collapsing.h5")
    change(world / "r.db", "UPDATE runs SET findings_at = NULL", "DELETE FROM findings")
    before = (world / "r.db").read_bytes()
    os.chmod(world / "r.db", 0o444)
    os.chmod(world.path, 0o555)
    options = clitest.as_nobody()
    result = world.run("report", "collapsing", "--db", "r.db", "--rule", "dead-head.captures=3",
                       check=0, **options)
    os.chmod(world.path, 0o755)
    assert "computed now, not stored" in result.out
    assert (world / "r.db").read_bytes() == before
    assert world.names() == ["r.db"]


@test
def a_database_of_version_1_is_read_and_judged(world):
    db = sqlite3.connect(world / "old.db")
    db.executescript((ROOT / "tests/unit/db/version-1.sql").read_text())
    db.close()
    result = world.run("report", "#1", "#2", "--db", "old.db", check=0)
    assert result.out.count("computed now, not stored") == 2, result
    assert query(world / "old.db", "PRAGMA user_version") == [(1,)]


@test
def runs_of_the_study_are_told_apart(world):
    """Trained runs, of which the database may be of any version."""
    shutil.copy(ROOT / "samples/study/study.db", world / "s.db")
    runs = world.run("report", "SM hot s2", "SM+ScFuFFN hot s2", "EReg(SM(t)+ScFuFFN) s1", "--db",
                     "s.db", "--json", check=0).json()["runs"]
    kinds = [{f["kind"] for f in run["findings"] if f["severity"] == "critical"} for run in runs]
    assert kinds == [{"nan", "collapse"}, {"nan", "collapse"}, set()], kinds
    assert [run["healthy"] for run in runs] == [False, False, True]
    collapse = [f for f in runs[0]["findings"] if f["rule"] == "layer-collapse"]
    assert {f["layer"] for f in collapse} == {1, 2, 3, 4, 5, 6, 7}
    assert max(f["onset_step"] for f in collapse) < 224  # before the NaN


@test
def a_run_without_captures_does_not_pass_a_gate(world):
    world.analyze("healthy.h5")
    change(world / "r.db", "DELETE FROM captures", "DELETE FROM head_stats", "DELETE FROM scalars")
    result = world.run("report", "healthy", "--db", "r.db", check=0)
    assert "nothing can be said" in result.out, result
    assert world.run("report", "healthy", "--db", "r.db", "--json").json()["runs"][0]["healthy"] is None
    world.run("report", "healthy", "--db", "r.db", "--fail-on", "any", check=4)
    world.run("report", "healthy", "--db", "r.db", "--penalty", check=2)


@test
def a_single_capture_says_that_persistence_is_unknown(world):
    world.analyze("collapsing.h5")
    change(world / "r.db", "DELETE FROM captures WHERE step <> 50")
    report = world.run("report", "collapsing", "--db", "r.db", "--json", "--rule",
                       "head-collapse.fraction=0.05").json()["runs"][0]
    finding = next(f for f in report["findings"] if f["rule"] == "layer-collapse")
    assert finding["evidence"]["persistence"] == "unknown", finding
    assert "persistence is unknown" in finding["sentence"]


@test
def names_and_findings_of_others_are_made_harmless(world):
    world.analyze("collapsing.h5")
    evil = "x\x1b]0;t\x07\u202e'; DROP TABLE runs; --"
    change(world / "r.db",
           "UPDATE runs SET name = " + "'" + evil.replace("'", "''") + "'",
           "UPDATE findings SET sentence = '\x1b[2J' || sentence, rule = '\x1b[2J',"
           " evidence = 'no JSON' WHERE number = 1")
    result = world.run("report", "#1", "--db", "r.db", "--all", check=0)
    assert clitest.UNSAFE.search(result.out) is None and "\\x1b]0;t\\x07" in result.out, result
    result = world.run("report", evil, "--db", "r.db", "--json", check=0)
    assert clitest.UNSAFE.search(result.out) is None
    findings = result.json()["runs"][0]["findings"]
    stored = query(world / "r.db", "SELECT count(*) FROM findings")[0][0]
    assert findings[0]["evidence"] is None and len(findings) == stored, len(findings)
    world.run("report", evil + "2", "--db", "r.db", check=2)


@test
def evidence_of_others_is_flat_and_finite_or_null(world):
    world.analyze("collapsing.h5")
    nested = '{"a":' + 200000 * "["
    cases = [(nested, None), (nested + 200000 * "]" + "}", None), ("{" + 200000 * " " + "}", None),
             ('{"a":1e999, "b":-1e999, "c":2}', {"a": None, "b": None, "c": 2}),
             ('{"a":[1, [1e999]], "b":{"c":1e999}}', {"a": None, "b": None}),
             ('{"":"[\\u001b]", "b":true, "c":null, "d":1.5}',
              {"": "[\x1b]", "b": True, "c": None, "d": 1.5}),
             ("[1e999]", None), ("", None)]
    for evidence, expected in cases:
        with sqlite3.connect(world / "r.db") as db:
            db.execute("UPDATE findings SET evidence = ? WHERE number = 1", (evidence,))
        db.close()
        result = world.run("report", "collapsing", "--db", "r.db", "--json", check=0)
        found = result.json()["runs"][0]["findings"]
        assert found[0]["evidence"] == expected, (evidence[:60], found[0]["evidence"])
        assert all(isinstance(finding["evidence"], dict) for finding in found[1:])


@test
def another_process_may_be_writing(world):
    world.analyze("healthy.h5")
    db = sqlite3.connect(world / "r.db", isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    db.execute("DELETE FROM captures")
    assert "Healthy" in world.run("report", "healthy", "--db", "r.db", check=0).out
    db.execute("ROLLBACK")
    db.close()


# ---- killed -----------------------------------------------------------------------------------------

@test
def findings_are_never_of_other_captures(world):
    """Killed at any time, findings are absent or those of what is stored."""
    started = time.monotonic()
    world.analyze("grown-3.h5", db="timed.db")
    world.analyze("grown-6.h5", db="timed.db")
    duration = time.monotonic() - started
    expected = dump(world / "timed.db")
    for attempt in range(12):
        for name in world.names():
            if name.startswith("r.db"):
                (world / name).unlink()
        world.analyze("grown-3.h5")
        process = world.start("analyze", clitest.FIXTURES / "grown-6.h5", "--db", "r.db", "-q")
        kill(process, duration * attempt / 16, signal.SIGKILL)
        judged = query(world / "r.db", "SELECT findings_at IS NOT NULL FROM runs")[0][0]
        if judged:
            report = world.run("report", "#1", "--db", "r.db", "--json").json()["runs"][0]
            assert report["stored"] and not report["outdated"], report
        else:
            assert query(world / "r.db", "SELECT count(*) FROM findings") == [(0,)]
        world.analyze("grown-6.h5")
        assert dump(world / "r.db") == expected


# ---- the paper --------------------------------------------------------------------------------------

def store_published(world):
    """The six configurations of Fig. 3 as runs of one capture each, thresholds of Fig. 6a with them."""
    world.analyze("healthy.h5")
    db = sqlite3.connect(world / "r.db")
    db.execute("DELETE FROM runs")
    for table in "captures", "head_stats", "layer_stats", "scalars", "run_config", "findings":
        db.execute(f"DELETE FROM {table}")
    for run_id, (name, layers) in enumerate(FIGURES["fig3"].items(), 1):
        db.execute("INSERT INTO runs (id, name, attempt, fingerprint, created_at, n_layers, n_heads,"
                   " context_length, causal) VALUES (?, ?, 1, ?, '', 12, 12, 128, 1)",
                   (run_id, name, name))
        db.execute("INSERT INTO captures VALUES (?, 30000, 0, 1, '', 'complete', NULL)", (run_id,))
        for layer, heads in enumerate(layers):
            for head, entropy in enumerate(heads):
                place = (run_id, 30000, layer, head)
                db.execute("INSERT INTO head_stats (run_id, step, layer, head, n_rows, n_nan, n_masked,"
                           " n_off_sum, entropy_mean, entropy_ceiling)"
                           " VALUES (?, ?, ?, ?, 128, 0, 0, 0, ?, ?)", place + (entropy, CEILING))
                db.execute("INSERT INTO head_params (run_id, step, layer, head, threshold)"
                           " VALUES (?, ?, ?, ?, ?)",
                           place + (FIGURES["fig6a_theta"][layer][head],))
    db.commit()
    db.close()


@test
def the_published_configurations_come_apart(world):
    store_published(world)
    expected = {"SM+LN+G": {}, "SM+LN+R": {}, "SM+LN": {}, "SM+R": {},
                "SM+G": {"run-overload": [None], "layer-overload": [4, 5]},
                "SM": {"layer-collapse": [9, 10, 11], "run-overload": [None],
                       "layer-overload": [0, 1, 2, 3, 4]}}
    for run in world.run("report", *FIGURES["fig3"], "--db", "r.db", "--json").json()["runs"]:
        found = {}
        for finding in run["findings"]:
            if finding["severity"] != "info":
                found.setdefault(finding["rule"], []).append(finding["layer"])
        assert found == expected[run["run"]], (run["run"], found)
        assert run["healthy"] == (not found)
    for name, findings in expected.items():
        world.run("report", name, "--db", "r.db", "--fail-on", "collapse,overload",
                  check=1 if findings else 0)
    sentence = " ".join(world.run("report", "SM", "--db", "r.db", check=0).out.split())
    assert "(deep) attends to almost a single key" in sentence and "in early layers" in sentence


@test
def the_penalty_of_the_published_heads_is_algorithm_1(world):
    store_published(world)
    ln_t = math.log(128)
    for name, layers in FIGURES["fig3"].items():
        total = 0
        for layer, heads in enumerate(layers):
            deltas = [entropy - FIGURES["fig6a_theta"][layer][head] * ln_t
                      for head, entropy in enumerate(heads)]
            total += sum(d * d for d in deltas if abs(d) > 0.2 * ln_t) / 12 / 12
        penalty = world.run("report", name, "--db", "r.db", "--json", "--penalty", "--theta",
                            "learned").json()["runs"][0]["penalty"]
        assert abs(penalty["total"] - total) < 1e-12 * (1 + total), (name, penalty["total"], total)
        assert penalty["heads_penalised"] == sum(h["penalty"] > 0 for h in penalty["heads"])


@test
def the_header_of_the_published_heads_is_made_from_the_sample(world):
    made = subprocess.run([sys.executable, ROOT / "tests/unit/analyzer/make-published-heads.py",
                           ROOT / "samples/paper/figures.json"], check=True, capture_output=True)
    header = (ROOT / "tests/unit/analyzer/published-heads.h").read_bytes()
    assert made.stdout == header


clitest.main()
