"""coverage-holes.py JSON HOLES: branches by gcovr's JSON, a line a file; ends with 1 and a sentence for each
function with more branches that nobody reached than HOLES argues.

A line of HOLES is "file: function: number: why nobody reaches them"; "not tried" is a reason, too, and counted
apart.  "-v" as a third word lists the lines.
"""
import json
import sys
from collections import defaultdict
from pathlib import Path


def read_holes(path):
    """(file, function) -> number, and how many of all are not argued but not tried."""
    holes, n_untried = {}, 0
    for number, line in enumerate(Path(path).read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        try:
            file, function, n, why = (part.strip() for part in line.split(":", 3))
            assert why and (file, function) not in holes and int(n) > 0
            holes[file, function] = int(n)
            n_untried += int(n) if why.startswith("not tried") else 0
        except (ValueError, AssertionError):
            sys.exit(f"{path}, line {number}: expected 'file: function: number: why', once a function")
    return holes, n_untried


def function_of(functions, line):
    """The last that begins at or before a line; gcovr gives first lines alone, and none of what is inlined."""
    before = [(f["lineno"], f["name"]) for f in functions if f["lineno"] <= line]
    return max(before)[1] if before else "inlined"


def read_branches(path):
    """file -> (branches, function -> lines of branches that were never taken)."""
    files = {}
    for file in json.loads(Path(path).read_text())["files"]:
        n, missed = 0, defaultdict(list)
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            n += len(line["branches"])
            for branch in line["branches"]:
                if branch["count"] == 0:
                    missed[function_of(file["functions"], line["line_number"])].append(
                        line["line_number"])
        files[file["file"]] = n, missed
    return files


def main():
    (holes, n_untried), files = read_holes(sys.argv[2]), read_branches(sys.argv[1])
    wrong, all_n, all_missed, all_argued = [], 0, 0, 0
    for file, (n, missed) in sorted(files.items()):
        n_missed = sum(map(len, missed.values()))
        argued = sum(min(len(lines), holes.get((file, name), 0)) for name, lines in missed.items())
        all_n, all_missed, all_argued = all_n + n, all_missed + n_missed, all_argued + argued
        print(f"{file:36} {n:5} branches, {n - n_missed:5} reached ({100 * (n - n_missed) // max(n, 1)} %), "
              f"{argued:3} argued, {n_missed - argued:3} open")
        for name, lines in missed.items():
            if len(lines) > holes.get((file, name), 0):
                wrong.append(f"{file}: {name}(): {len(lines)} branches are not reached, "
                             f"{holes.get((file, name), 0)} argued: lines {', '.join(map(str, lines))}")
            if "-v" in sys.argv:
                print("   ", name, len(lines), lines)
    print(f"{'all':36} {all_n:5} branches, {all_n - all_missed:5} reached "
          f"({100 - 100 * all_missed / max(all_n, 1):.1f} %), {all_argued:3} argued, "
          f"{all_missed - all_argued:3} open; of the argued {n_untried} are not tried")
    wrong += [f"{file}: {name}(): argued, and there is no such function"
              for file, name in holes if file not in files]
    print("\n".join(wrong))
    return 1 if wrong else 0


sys.exit(main())
