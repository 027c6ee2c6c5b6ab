"""The page of `report --html`: whole, small, true to the database, and nothing in it that is not ours."""
import base64
import hashlib
import json
import math
import os
import re
import sqlite3
from html.parser import HTMLParser

import clitest
import reportdb
from clitest import UNSAFE, as_nobody, spoil, test
from reportdb import HOSTILE, add_run, empty_database

VOID = {"meta", "link", "input", "br", "img", "hr"}
TAGS = {"html", "head", "meta", "link", "title", "style", "body", "header", "nav", "main", "section",
        "article", "figure", "figcaption", "div", "p", "span", "h1", "h2", "h3", "ul", "li", "dl", "dt",
        "dd", "table", "thead", "tbody", "tr", "th", "td", "a", "bdi", "strong", "code", "pre", "br",
        "details", "summary", "label", "button", "input", "output", "select", "script",
        # of figures
        "svg", "g", "defs", "symbol", "use", "path", "rect", "clippath", "mask", "image", "text",
        "tspan", "pattern", "lineargradient", "stop", "circle", "line", "polyline", "polygon",
        "metadata", "desc"}
SECTIONS = ["summary", "findings", "curves", "heads", "bands", "comparison", "configuration",
            "definitions", "origin"]
MOST_BYTES = 3_000_000


class Page(HTMLParser):
    """Reads the file, and complains of what no page may have."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.source = path.read_bytes().decode("utf-8")  # strictly
        self.stack, self.ids, self.sections, self.svgs = [], [], [], []
        self.texts, self.attributes, self.raw = [], [], {"style": [], "script": [], "title": []}
        self.feed(self.source)
        self.close()
        assert self.stack == [], f"left open: {self.stack}"
        self.text = " ".join("".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, f"<{tag}> at {self.getpos()}"
        values = dict(attrs)
        assert len(values) == len(attrs), f"an attribute twice: {tag} {attrs}"
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            self.attributes.append((tag, name, value or ""))
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "section":
            self.sections.append(values["id"])
        if tag == "svg" and "svg" not in self.stack:
            self.svgs.append({"label": values.get("aria-label"), "role": values.get("role"),
                              "title": None})
        if tag in self.raw:
            self.raw[tag].append("")
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1] == tag, f"</{tag}> at {self.getpos()} in {self.stack[-3:]}"
        self.stack.pop()

    def handle_data(self, data):
        inside = self.stack[-1] if self.stack else ""
        if inside in self.raw:
            self.raw[inside][-1] += data
        if inside == "title" and "svg" in self.stack and self.svgs[-1]["title"] is None:
            self.svgs[-1]["title"] = data
        elif inside not in ("style", "script", "title"):
            self.texts.append(data)

    def data(self):
        return json.loads(self.raw["script"][0], parse_constant=lambda text: 1 / 0)  # no NaN


def check(page):
    """What holds of every page."""
    assert len(page.ids) == len(set(page.ids)), [i for i in page.ids if page.ids.count(i) > 1][:5]
    for svg in page.svgs:
        assert svg["label"] and svg["title"] and svg["role"] == "img", svg
    here = set(page.ids)
    for tag, name, value in page.attributes:
        if name in ("href", "xlink:href", "src", "action", "data"):
            assert value.startswith(("#", "data:")), (tag, name, value)
            assert not value.startswith("#") or value[1:] in here, (tag, value)
        elif not name.startswith("xmlns"):
            assert "http:" not in value and "https:" not in value, (tag, name, value)
        for reference in re.findall(r"url\(([^)]*)\)", value):
            assert reference.startswith("#") and reference[1:] in here, (tag, name, value)
        if name in ("for", "aria-labelledby"):
            assert value in here, (tag, name, value)
    style, script = page.raw["style"][0], page.raw["script"][1]
    assert "url(" not in style and "@import" not in style
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(v for t, n, v in page.attributes if n == "content" and "default-src" in v)
    assert "default-src 'none'" in policy and f"script-src 'sha256-{digest}'" in policy, policy
    assert UNSAFE.search(page.source.replace("\n", "")) is None
    page.data()
    wanted = [s for s in SECTIONS if s != "comparison" or "comparison" in page.sections]
    assert page.sections == wanted, page.sections
    return page


def report(world, *runs, db="r.db", out="page.html", code=0, options=()):
    """Writes the page, and checks what holds of all."""
    done = world.run("report", *runs, "--db", db, "--html", out, *options, check=code)
    assert done.out == "", done
    return check(Page(world / out))


# ---- the numbers, by this file's own reading of html-map-data.c ----

def decode(data, run, column, position, head):
    if "codes" not in column:
        return column["low"]
    width = column["width"]
    at = (position * len(run["heads"]) + head) * width
    code = 0
    for character in column["codes"][at:at + width]:
        code = code * len(data["digits"]) + data["digits"].index(character)
    if code == 0:
        return "absent"
    if code == 1:
        return None
    if column["count"]:
        return code - 2
    if code == 2:
        return 0.0
    mantissa, rest = (code - 3) % 9000 + 1000, (code - 3) // 9000
    return (-1 if rest % 2 else 1) * float(f"{mantissa}e{rest // 2 - 25}")


def compare_values(path, run_id, data, run):
    """Every number in the page against the table; returns how many."""
    db = sqlite3.connect(path)
    n = 0
    for column in run["columns"]:
        name = column["name"]
        table = "head_params" if name in reportdb.columns_of(db, "head_params") else "head_stats"
        stored = {key: value for *key, value in db.execute(
            f'SELECT step, layer, head, "{name}" FROM {table} WHERE run_id = ?', (run_id,))
            for key in [tuple(key)]}
        there = {tuple(key) for key in db.execute(
            "SELECT step, layer, head FROM head_stats WHERE run_id = ?", (run_id,))}
        for position, step in enumerate(run["steps"]):
            for head, place in enumerate(zip(run["layers"], run["heads"])):
                key = (step, *place)
                shown = decode(data, run, column, position, head)
                if key not in there:
                    assert shown == "absent", (name, key, shown)
                    continue
                value = stored.get(key)
                assert (shown is None) == (value is None), (name, key, shown, value)
                if value is not None and column["count"]:
                    assert shown == value, (name, key, shown, value)
                elif value is not None:
                    digit = 10 ** (math.floor(math.log10(abs(value))) - 3) if value else 0
                    assert abs(shown - value) <= max(0.5001 * digit, 1e-22), (name, key, shown, value)
                n += 1
    db.close()
    return n


# ---- content ----

@test
def a_healthy_and_a_collapsing_run(world):
    world.analyze("healthy.h5", "collapsing.h5")
    text = world.run("report", "healthy", "collapsing", "--db", "r.db", check=0).out
    page = report(world, "healthy", "collapsing")
    assert page.sections == SECTIONS
    assert page.raw["title"][0] == "healthy, collapsing – attention entropy"
    for line in re.split(r"\n(?! )", text):  # findings and verdicts, word by word
        words = re.sub(r"^(WARNING|CRITICAL|note): | \[[a-z-]+\]$", "", " ".join(line.split()))
        if words and not re.match(r"\w+ \(#", words):
            assert words in page.text, words
    for word in ("entropy_mean", "layer-collapse", "Fingerprint of the trace", "entroscope report",
                 "context_length", "At the end of training"):
        assert word in page.text, word


@test
def one_run_has_no_comparison(world):
    world.analyze("healthy.h5")
    page = report(world, "healthy")
    assert "comparison" not in page.sections and "Comparison" not in page.text


@test
def every_value_is_the_databases(world):
    path = empty_database(world)
    run = add_run(path, "a", 3, 4, 7, params=True, skip=("logit_max", "nearest_head"),
                  undefined=lambda step, layer, head: step == 30 and layer == 1,
                  absent=lambda step, layer, head: (layer == 2 and head > 1) or
                  (step == 50 and layer == 0))
    page = report(world, "a")
    data = page.data()
    assert data["runs"][0]["steps"] == list(range(0, 70, 10))
    names = {column["name"] for column in data["runs"][0]["columns"]}
    assert {"entropy_mean", "entropy_norm", "entropy_median", "entropy_ceiling", "effective_keys",
            "max_weight", "n_nan", "threshold"} <= names and "logit_max" not in names
    assert compare_values(path, run, data, data["runs"][0]) > 1500


@test
def numbers_of_any_size_keep_four_digits(world):
    path = empty_database(world)
    values = [0, 1e-30, 1.5e-22, 9.9995e-5, 9.99949e-5, 0.1, 1, 999.95, 9999.5, 1e5, 123456789, -2.5,
              -1e-9, 9.9e11, 1 / 3, 2 / 3]
    run = add_run(path, "a", 1, len(values), 1)
    with sqlite3.connect(path) as db:
        for head, value in enumerate(values):
            db.execute("UPDATE head_stats SET distance = ?, n_off_sum = ? WHERE run_id = ? AND head = ?",
                       (value, 10 ** head // 7, run, head))
    data = report(world, "a").data()
    compare_values(path, run, data, data["runs"][0])


@test
def an_infinite_value_is_none(world):
    path = empty_database(world)
    run = add_run(path, "a", 2, 3, 2)
    with sqlite3.connect(path) as db:
        for name in ("entropy_mean", "entropy_ceiling", "distance"):
            for head, value in ((0, 9e999), (1, -9e999)):
                db.execute(f"UPDATE head_stats SET {name} = ? WHERE run_id = ? AND layer = 1 AND head = ?",
                           (value, run, head))
    page = report(world, "a")
    data = page.data()
    columns = {column["name"]: column for column in data["runs"][0]["columns"]}
    assert abs(data["scale"] - math.log(128)) < 1e-9, data["scale"]
    for name in ("entropy_mean", "entropy_ceiling", "distance"):
        for position in (0, 1):
            shown = [decode(data, data["runs"][0], columns[name], position, i) for i in range(6)]
            assert shown[3:5] == [None, None] and None not in shown[:3] + shown[5:], (name, shown)
        assert abs(columns[name]["low"]) < 1e4 and abs(columns[name]["high"]) < 1e4, columns[name]
    titles = re.findall(r"<title>(layer 1, head \d+: [^<]*)</title>", page.source)
    assert titles[:2] == ["layer 1, head 0: no value", "layer 1, head 1: no value"], titles


@test
def a_head_that_is_not_there_has_no_number(world):
    world.analyze("damaged.h5", check=3)
    data = report(world, "damaged").data()
    run = data["runs"][0]
    there = set(clitest.query(world / "r.db", "SELECT step, layer, head FROM head_stats"))
    places = [(p, h) for p, step in enumerate(run["steps"])
              for h, place in enumerate(zip(run["layers"], run["heads"])) if (step, *place) not in there]
    assert places
    for column in run["columns"]:
        for place in places:
            assert decode(data, run, column, *place) == "absent", (column["name"], place)


@test
def without_any_value_the_page_says_so(world):
    world.analyze("all-nan.h5")
    page = report(world, "all-nan")
    column = next(c for c in page.data()["runs"][0]["columns"] if c["name"] == "entropy_mean")
    assert column["low"] is None and column["high"] is None
    data = page.data()
    assert {decode(data, data["runs"][0], column, 0, head)
            for head in range(len(data["runs"][0]["heads"]))} == {None}


@test
def what_is_not_known_is_a_dash(world):
    path = empty_database(world)
    run = add_run(path, "a", 1, 1, 1, scalars=())
    with sqlite3.connect(path) as db:
        db.execute("UPDATE runs SET context_length = NULL, producer = NULL WHERE id = ?", (run,))
    page = report(world, "a")
    for name in ("Context length", "Last loss", "Written by"):
        assert f"<div><dt>{name}</dt><dd>–</dd></div>" in page.source, name


@test
def the_static_map_is_the_last_capture(world):
    path = empty_database(world)
    run = add_run(path, "a", 2, 3, 4)
    page = report(world, "a")
    stored = reportdb.sqlite3.connect(path).execute(
        "SELECT layer, head, entropy_mean FROM head_stats WHERE run_id = ? AND step = 30"
        " ORDER BY layer, head", (run,)).fetchall()
    shown = re.findall(r"<title>layer (\d+), head (\d+): (\S+) nats</title>", page.source)
    assert [(int(a), int(b)) for a, b, _ in shown] == [row[:2] for row in stored]
    for (_, _, text), (_, _, value) in zip(shown, stored):
        assert float(text) == float(f"{value:.4g}"), (text, value)
    assert page.source.count("<figcaption>step ") == 4  # key captures


@test
def names_from_files_stay_text(world):
    fixtures = [name for name in sorted(os.listdir(clitest.FIXTURES))
                if name.startswith("name-") and name.endswith(".h5")]
    world.analyze(*fixtures)
    path = world / "r.db"
    add_run(path, HOSTILE, 2, 2, 3, config=[(HOSTILE, HOSTILE), ("lr", "0.20000000000000001")],
            scalars=(HOSTILE, "loss"))
    with sqlite3.connect(path) as db:
        for column in ("source", "fingerprint", "created_at", "tool_version", "arch", "producer"):
            db.execute(f"UPDATE runs SET {column} = ?", (HOSTILE,))
        db.execute("UPDATE findings SET sentence = ?, rule = ?, evidence = ?",
                   (HOSTILE, HOSTILE, json.dumps({HOSTILE: HOSTILE})))
        db.execute("UPDATE metric SET title = ?, unit = ?, definition = ?", (HOSTILE,) * 3)
    ids = [row[0] for row in clitest.query(path, "SELECT id FROM runs")]
    page = report(world, *(f"#{i}" for i in ids))
    assert "</script><img src=x onerror=\"document.title='owned'\"><b>&amp;" in page.text
    assert page.source.lower().count("<img") == 0 and page.source.count("</script>") == 2
    assert "lr" in page.text and "0.20000000000000001" not in page.text
    one = report(world, f"#{ids[-1]}", out="one.html")
    assert "</script><img" in one.raw["title"][0]


@test
def spoilt_bytes_are_cleaned(world):
    world.analyze("healthy.h5", "collapsing.h5", "diverged.h5")
    spoil(world / "r.db")
    report(world, "#1", "#2", "#3")


# ---- size ----

@test
def twelve_by_twelve_with_200_captures_is_under_3_MB(world):
    path = empty_database(world)
    add_run(path, "a", 12, 12, 200, params=True, scalars=("loss", "eval_loss", "lr", "grad_norm"))
    page = report(world, "a")
    size = len(page.source.encode())
    print(f"# {size} bytes")
    assert len(page.data()["runs"][0]["steps"]) == 200
    assert "captures are in this page" not in page.text
    assert size < MOST_BYTES, size


@test
def a_large_run_is_thinned_and_that_is_said(world):
    path = empty_database(world)
    add_run(path, "wide", 128, 128, 14)
    add_run(path, "long", 2, 2, 3000, seed=2)
    page = report(world, "wide", options=("-q",))
    size = len(page.source.encode())
    steps = page.data()["runs"][0]["steps"]
    print(f"# {size} bytes, {len(steps)} captures")
    assert size < 20_000_000 and 2 < len(steps) < 14 and steps[0] == 0 and steps[-1] == 130
    assert f"{len(steps)} of 14 captures are in this page" in page.text
    page = report(world, "long", options=("-q",))
    steps = page.data()["runs"][0]["steps"]
    assert len(steps) == 1000 and steps[0] == 0 and steps[-1] == 29990
    page = report(world, "wide", "long", options=("-q",))
    assert "Too many heads for a page" in page.text and len(page.data()["runs"]) == 1


# ---- odd runs ----

@test
def runs_that_hold_little(world):
    path = empty_database(world)
    add_run(path, "none", 2, 2, 0, scalars=())
    add_run(path, "single", 2, 2, 1, seed=2)
    add_run(path, "head", 1, 1, 3, seed=3)
    add_run(path, "nan", 2, 2, 3, seed=4, undefined=lambda *place: True)
    page = report(world, "none")
    assert "No captures are stored" in page.text and "No loss or other scalar" in page.text
    assert page.data()["runs"] == []
    page = report(world, "single")
    assert "from a single capture" in page.text and page.data()["runs"][0]["steps"] == [0]
    assert report(world, "head").data()["runs"][0]["heads"] == [0]
    page = report(world, "nan")
    names = {c["name"] for c in page.data()["runs"][0]["columns"]}
    assert names == {"entropy_mean", *reportdb.COUNTS}, names
    page = report(world, "none", "single", "head", "nan")
    assert page.sections == SECTIONS and len(page.data()["runs"]) == 3


@test
def all_fixtures(world):
    world.analyze("uneven.h5", "hybrid.h5", "all-nan.h5", "masked.h5", "one-token.h5", "learned.h5",
                  "restarted.h5", "diverged.h5")
    world.analyze("holes.h5", "missing.h5", check=3)
    ids = [f"#{row[0]}" for row in clitest.query(world / "r.db", "SELECT id FROM runs")]
    for one in ids:
        report(world, one)
    page = report(world, *ids[:8])
    assert page.sections == SECTIONS
    page = report(world, *ids)
    assert "Of more than 8 runs" in page.text


@test
def attempts_of_one_name_are_told_apart(world):
    world.analyze("restarted.h5")
    ids = [row[0] for row in clitest.query(world / "r.db", "SELECT id FROM runs")]
    assert len(ids) > 1
    page = report(world, *(f"#{i}" for i in ids))
    assert all(f"restarted #{i}" in page.text for i in ids)


@test
def a_database_that_is_only_read(world):
    world.analyze("healthy.h5")
    nobody = as_nobody()
    (world / "out").mkdir(mode=0o777)
    os.chmod(world / "out", 0o777)
    os.chmod(world / "r.db", 0o444)
    world.run("report", "healthy", "--db", "r.db", "--html", "out/p.html", check=0, **nobody)
    check(Page(world / "out" / "p.html"))


# ---- the command ----

@test
def it_is_quiet_and_says_what_it_wrote(world):
    world.analyze("healthy.h5")
    done = world.run("report", "healthy", "--db", "r.db", "--html", "p.html", check=0)
    assert done.out == "" and re.fullmatch(r"p\.html: 1 run, [0-9.]+ [kM]B\n", done.err), done
    done = world.run("report", "healthy", "--db", "r.db", "--html", "p.html", "-q", check=0)
    assert done.out == done.err == "", done


@test
def the_same_database_makes_the_same_page(world):
    world.analyze("collapsing.h5", "diverged.h5")
    texts = []
    for _ in range(2):
        world.run("report", "collapsing", "diverged", "--db", "r.db", "--html", "p.html", check=0)
        texts.append((world / "p.html").read_bytes())
    assert texts[0] == texts[1]


@test
def fail_on_keeps_its_exit_code(world):
    world.analyze("collapsing.h5")
    report(world, "collapsing", options=("--fail-on", "collapse"), code=1)
    report(world, "collapsing", options=("--fail-on", "nan"))


@test
def other_rules_are_said(world):
    world.analyze("healthy.h5")
    page = report(world, "healthy", options=("--rule", "layer-overload.fraction=0.375"))
    assert "Judged for this page" in page.text and "fraction = 0.375:" in page.text
    page = report(world, "healthy", options=("--penalty",))
    assert "Entropy regularizer" in page.text


@test
def what_cannot_be_done_is_refused(world):
    world.analyze("healthy.h5")
    common = ("--db", "r.db", "--html", "p.html")
    for code, words, args in (
            (2, "both", ("healthy", *common, "--json")),
            (2, "twice", ("healthy", "#1", *common)),
            (2, "nosuch", ("nosuch", *common)),
            (2, "database itself", ("healthy", "--db", "r.db", "--html", "r.db")),
            (2, "file name", ("healthy", "--db", "r.db", "--html", "")),
            (2, "RUN", common),
            (6, "no/such", ("healthy", "--db", "r.db", "--html", "no/such/p.html")),
            (6, "nosuch.db", ("healthy", "--db", "nosuch.db", "--html", "p.html"))):
        done = world.run("report", *args, check=code)
        assert words in done.err and done.out == "", done
    assert world.names() == ["r.db"], world.names()
    empty_database(world, "empty.db")
    done = world.run("report", "x", "--db", "empty.db", "--html", "p.html", check=2)


@test
def scalars_that_cannot_be_read_are_an_error(world):
    path = empty_database(world)
    add_run(path, "a", 1, 1, 2, scalars=("loss", "lr"))
    with sqlite3.connect(path) as db:
        page, size = db.execute("SELECT rootpage, (SELECT page_size FROM pragma_page_size)"
                                " FROM sqlite_schema WHERE name = 'scalars'").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    with open(path, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    done = world.run("report", "a", "--db", "r.db", "--html", "p.html", check=6)
    assert "damaged" in done.err and "p.html" not in world.names(), done


@test
def a_failure_leaves_the_old_file(world):
    world.analyze("healthy.h5")
    world.run("report", "healthy", "--db", "r.db", "--html", "/dev/full", check=6)
    (world / "p.html").write_text("old")
    world.run("report", "nosuch", "--db", "r.db", "--html", "p.html", check=2)
    assert (world / "p.html").read_text() == "old" and len(world.names()) == 2, world.names()


clitest.main()
