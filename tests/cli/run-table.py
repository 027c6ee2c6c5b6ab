"""run-table.py TABLE.tst: runs a table of commands, one TAP subtest a line.

    EXPECT GOLDEN COMMAND...

EXPECT   P          exit code 0
         N          any other, but no signal
         a number   exactly this exit code
         S          set-up: exit code 0, output not looked at
GOLDEN   a name     stdout and stderr are those of expected/TABLE/NAME.out and .err (missing: empty)
         .          both are empty
         -          not compared
         /TEXT/     one of them matches the regular expression (spaces as \\s)
COMMAND  is for sh, in a folder that all lines of the table share; entroscope is in PATH, $FIX the
         folder of the fixtures, $PYTHON a Python 3, $NOBODY a prefix that gives up root.

Before they are compared, outputs lose what differs between machines (see MASKS).  UPDATE=1 writes
the goldens; otherwise a differing output is printed as a diff and left beside the golden as .new
when that folder can be written.  Whatever the line expects, nothing may reach stderr (or, but from
`export`, stdout) that is unsafe on a terminal.
"""
import difflib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import clitest

# What differs from machine to machine or from run to run, and what stands for it in a golden.
MASKS = [
    (re.escape(str(clitest.FIXTURES)), "FIX"),
    (r"\d+\.\d+ [kMGT]B in \d+\.\d+ s: \d+\.\d+ GB/s \(\w+\)", "(speed)"),
    (r"\d+ tokens/s, \d+ s left", "(speed)"),
    (r"\d+\.\d+ [kMGT]B given back", "(size) given back"),
    # they grow with the tables
    (r"version \d+ of the database, (.*captures?), \d+\.\d+ [kMGT]B",
     r"version (number) of the database, \1, (size)"),
    (r'("sound" : \w+,\s+"version" : )\d+', r"\1(number)"),
    (r'("sound" : [^{}]*"bytes" : )\d+', r"\1(number)"),
    (r'"tool_version" : "[^"]*"', '"tool_version" : "(version)"'),
    (r'"(gigabytes|seconds)" : [-+.e\d]+', r'"\1" : (number)'),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "(time)"),
    # exp() of another machine may round the fixtures' weights otherwise
    (r"(?<=,)[0-9a-f]{16}(?=,)", "(digest)"),
    (r"(?<=entroscope )\d+\.\d+\.\d+", "(version)"),
]


# Sums of floats differ in their last digits between instruction sets.
LONG_NUMBER = re.compile(r"-?\b\d+\.\d{8,}(e[-+]\d+)?\b")


def mask(text, scratch):
    for pattern, stands in [(re.escape(str(scratch)), "SCRATCH")] + MASKS:
        text = re.sub(pattern, stands, text)
    return LONG_NUMBER.sub(lambda number: f"{float(number[0]):.5g}", text)


def read_table(path):
    """(line number, expect, golden, command) of each line; a trailing backslash joins lines."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " " * 2)
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            expect, golden, command = line.split(None, 2)
            yield number, expect, golden, command


def run_command(command, world):
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups" if os.getuid() == 0 else ""
    done = subprocess.run(["/bin/sh", "-c", command], cwd=world.path, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=clitest.TIMEOUT, check=False,
                          env=clitest.environment(NOBODY=nobody))
    return clitest.Result(done.returncode, clitest.decode(done.stdout),
                          clitest.decode(done.stderr))


def check_exit(expect, result):
    if expect in ("P", "S"):
        good = result.code == 0
    elif expect == "N":
        good = 0 < result.code < 128
    else:
        good = result.code == int(expect)
    assert good, f"expected {expect}: {result}"


def check_safe(command, result):
    assert clitest.UNSAFE.search(result.err) is None, f"unsafe on stderr: {result}"
    assert "export" in command or clitest.UNSAFE.search(result.out) is None, \
        f"unsafe on stdout: {result}"


def compare(golden, text):
    """The difference as text; empty if there is none."""
    new = golden.with_suffix(golden.suffix + ".new")
    expected = golden.read_text(encoding="utf-8", errors="surrogateescape") if golden.exists() else ""
    new.unlink(missing_ok=True)
    if text == expected:
        return ""
    if os.environ.get("UPDATE") == "1":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.unlink(missing_ok=True)
        if text:
            golden.write_text(text, encoding="utf-8", errors="surrogateescape")
        return ""
    if os.access(golden.parent, os.W_OK):
        new.write_text(text, encoding="utf-8", errors="surrogateescape")
    return "\n".join(difflib.unified_diff(expected.splitlines(), text.splitlines(), golden.name,
                                          "what came", lineterm=""))


def check_output(folder, golden, result, scratch):
    out, err = mask(result.out, scratch), mask(result.err, scratch)
    if golden == "-":
        return
    if golden == ".":
        assert not out and not err, f"expected no output: {result}"
    elif golden.startswith("/"):
        assert re.search(golden.strip("/"), out + err), f"expected {golden}: {result}"
    else:
        difference = [compare(folder / f"{golden}.{kind}", text)
                      for kind, text in (("out", out), ("err", err))]
        assert not any(difference), "\n" + "\n".join(filter(None, difference))


def line_test(folder, expect, golden, command, world):
    def run(_):
        result = run_command(command, world)
        check_exit(expect, result)
        if expect != "S":
            check_safe(command, result)
            check_output(folder, golden, result, world.path)
    return run


def main():
    sys.stdout.reconfigure(errors="backslashreplace")
    table = Path(sys.argv[1])
    folder = table.parent / "expected" / table.stem
    lines = list(read_table(table))
    world = clitest.World()
    if os.getuid() == 0:
        shutil.chown(world.path, 65534, 65534)  # so that $NOBODY may work there
    print(f"1..{len(lines)}")
    try:
        good = [clitest.attempt(i, f"{n}: {command}".replace("#", "\\#"),
                                line_test(folder, expect, golden, command, world))
                for i, (n, expect, golden, command) in enumerate(lines, 1)]
    finally:
        world.close()
    sys.exit(0 if all(good) else 1)


main()
