#!/bin/sh
# samples/figures/draw.sh [FOLDER] [FORMAT]: redraws the paper's figures.
#
# From the runs of samples/study (a small study of the same architectures) every figure with data: 2, 3,
# 5, 6, 7, 8.  From the numbers that the paper printed (samples/paper): 2a, 3, 6 and the cost tables.
# Everything goes to FOLDER (default: figures in the project's folder) as FORMAT (pdf, svg or png).
# ENTROSCOPE names the program (default: the one in build/).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$root/figures}
format=${2:-pdf}
entroscope=${ENTROSCOPE:-$root/build/cli/entroscope}
recipes=$root/samples/figures

[ -x "$entroscope" ] || { echo "draw.sh: $entroscope is not there: build it, or set ENTROSCOPE" >&2; exit 2; }
mkdir -p "$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM

# SQLite writes beside a database that it only reads, too: a copy leaves the sample as it is.
cp "$root/samples/study/study.db" "$scratch/study.db"
/usr/bin/python3 "$root/samples/paper/published.py" "$scratch"
"$entroscope" analyze -q "$scratch"/*.h5 --db "$scratch/published.db" --without diversity \
  >"$scratch/analyze.log" || { cat "$scratch/analyze.log" >&2; exit 1; }

for recipe in "$recipes"/study-*.ini "$recipes"/published-*.ini; do
  name=$(basename "$recipe" .ini)
  "$entroscope" plot --recipe "$recipe" --db "$scratch/${name%%-*}.db" -o "$out/$name.$format"
  echo "$out/$name.$format"
done
