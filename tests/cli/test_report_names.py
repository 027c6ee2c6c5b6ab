"""Two hundred names that others chose, in every place of `report --html`: the page has the same elements and
attributes as with names of letters, as a parser of HTML5 reads it (html5lib), and asks for nothing."""
import collections
import itertools
import re
import sqlite3
import sys

import clitest
from clitest import test
from reportdb import add_run, empty_database

try:
    import html5lib
except ImportError:
    html5lib = None

# What ends a text, a comment, a script, an attribute, or means something to a browser, a template, a shell.
PIECES = [
    "</script>", "<script>alert(1)</script>", "<!--", "-->", "]]>", "<![CDATA[", "</style>", "</title>",
    "</td></tr></table>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<!DOCTYPE html>",
    "</svg><b>", "<style>*{display:none}</style>", "<iframe src='http://a.b/'>", "<base href='http://a.b/'>",
    "<meta http-equiv=refresh content='0;url=http://a.b/'>", "javascript:alert(1)", "data:text/html,<b>",
    "\" onmouseover=\"alert(1)", "' onfocus='alert(1)' autofocus='", "`", "\\", "\\u003c", "&lt;b&gt;", "&amp;",
    "&#60;b&#62;", "&", "&nosuch;", "{{7*7}}", "${7*7}", "<%= 7 %>", "%s%n%p", "$(id)", "`id`", "; rm x",
    "\u2028", "\u2029", "\u202egnp.\u202c", "\u2066b\u2069", "\ufeff", "\u0000", "\u0001", "\x1b[31m", "\x7f",
    "\u009b31m", "\r\n", "\t", "\n\n", " ", "\ufffe", "\U0010ffff", "\ud7ff", "constructor", "__proto__",
    "toString", "-->!", "--!>", "<?php", "<!ENTITY x>", "=1+1", "#", "?x=y", "../../x", "a" * 300]
TURNS = [lambda piece: piece, lambda piece: f"a{piece}b", lambda piece: f"\"{piece}>", lambda piece: piece * 2]
BYTES = [b"caf\xe9", b"\xff\xfe<b>", b"\xc0\xbc/script>", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"]
ALL = [turn(piece).encode() for turn, piece in itertools.product(TURNS, PIECES)] + BYTES
NAMES = list({name.split(b"\0")[0]: name for name in ALL}.values())  # a text ends at NUL


def plain(name, number):
    """As long, of letters, and another for each."""
    return f"x{number:03d}".ljust(len(name.decode("utf-8", "replace")), "x")


def spell(path, texts):
    """The texts as names of all that a page shows: of the run, its file and maker, of configuration and
    findings; as bytes, which is what a file may hold."""
    cast = "CAST(? AS TEXT)"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA recursive_triggers = ON")
        for column, text in zip(("name", "source", "fingerprint", "tool_version", "arch", "producer"), texts):
            db.execute(f"UPDATE runs SET {column} = {cast}", (text,))
        run = db.execute("SELECT id FROM runs").fetchone()[0]
        db.executemany(f"INSERT INTO run_config (run_id, key, value) VALUES ({run}, {cast}, {cast})",
                       zip(texts, texts[::-1]))
    db.close()


def skeleton(source):
    """How often each element with its attributes' names is there, outside of figures, whose letters are shapes;
    and which there are within."""
    outside, inside, todo = collections.Counter(), set(), [(html5lib.parse(source, treebuilder="etree"), False)]
    while todo:
        element, within = todo.pop()
        if not isinstance(element.tag, str):
            outside["a comment"] += 1
            continue
        what = (element.tag, tuple(sorted(element.attrib)))
        if within:
            inside.add(what)
        else:
            outside[what] += 1
        within = within or element.tag.endswith("}svg")
        todo += [(child, within) for child in element]
    return outside, inside


def page(world, texts, name):
    path = empty_database(world, name + ".db")
    add_run(path, "run", 2, 2, 3)
    spell(path, texts)
    [(ident,)] = clitest.query(path, "SELECT id FROM runs")
    world.run("report", f"#{ident}", "--db", path, "--html", name + ".html", check=0)
    return (world / (name + ".html")).read_text(encoding="utf-8", errors="strict")


@test
def there_are_two_hundred(_):
    assert len(NAMES) >= 200, len(NAMES)


@test
def all_at_once_make_the_page_of_letters(world):
    letters = [plain(name, i) for i, name in enumerate(NAMES)]
    hostile, benign = page(world, NAMES, "hostile"), page(world, letters, "benign")
    for source in (hostile, benign):
        assert clitest.UNSAFE.search(source.replace("\n", "")) is None
        assert re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(", source) is None
    (found, drawn), (expected, drawable) = skeleton(hostile), skeleton(benign)
    assert found == expected, (found - expected, expected - found)
    assert {tag for tag, _ in drawn} <= {tag for tag, _ in drawable}, drawn - drawable
    shown = [letter for letter in letters if f">{letter[:60]}" in benign]
    assert len(shown) >= 200, len(shown)


@test
def each_as_the_name_of_a_run(world):
    path = empty_database(world)
    add_run(path, "run", 1, 2, 2)
    kinds = set()
    for name in [b"x", *NAMES[::10]]:
        with sqlite3.connect(path) as db:
            db.execute("UPDATE runs SET name = CAST(? AS TEXT), arch = CAST(? AS TEXT)", (name, name))
            ident = db.execute("SELECT id FROM runs").fetchone()[0]
        db.close()
        world.run("report", f"#{ident}", "--db", path, "--html", "p.html", check=0)
        source = (world / "p.html").read_text(encoding="utf-8", errors="strict")
        kinds.add(tuple(sorted(skeleton(source)[0].items())))
        assert len(kinds) == 1, name


if html5lib is None:
    print("1..0 # SKIP no html5lib (python3-html5lib) here")
    sys.exit(0)
clitest.main()
