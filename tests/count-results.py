"""Counts the results in a testlog.json of Meson: passed, failed, skipped."""
import collections
import json
import sys

KINDS = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}

with open(sys.argv[1], encoding="utf-8") as log:
    counts = collections.Counter(
        KINDS.get(json.loads(line)["result"], "failed") for line in log if line.strip())
print(counts["passed"], counts["failed"], counts["skipped"])
