#!/bin/sh
# samples/figures/draw.sh [FOLDER] [FORMAT]: redraws the paper's figures.
#
# From the runs of samples/study (a small study of the same architectures) every figure with data: 2, 3,
# 5, 6, 7, 8.  From the numbers that the paper printed (samples/paper): 2a, 3, 6 and the cost tables.
# Figures as FORMAT (pdf, svg or png), recipes and the two databases go to FOLDER (default: figures in the
# project's folder): the command in a figure's metadata draws it again there.
# ENTROSCOPE names the program (default: the one in build/).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$root/figures}
format=${2:-pdf}
entroscope=${ENTROSCOPE:-$root/build/cli/entroscope}

[ -x "$entroscope" ] || { echo "draw.sh: $entroscope is not there: build it, or set ENTROSCOPE" >&2; exit 2; }
mkdir -p "$out"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
cd "$out"

# SQLite writes beside a database that it only reads, too: a copy leaves the sample as it is.
cp "$root"/samples/figures/*.ini .
cp "$root/samples/study/study.db" study.db
rm -f published.db published.db-wal published.db-shm
/usr/bin/python3 "$root/samples/paper/published.py" "$scratch"
"$entroscope" analyze -q "$scratch"/*.h5 --db published.db --without diversity >"$scratch/log" ||
  { cat "$scratch/log" >&2; exit 1; }

# The day of the paper's second version: a figure carries the date of its runs, and these are of today.
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-1736294400}"
for recipe in study-*.ini published-*.ini; do
  name=${recipe%.ini}
  "$entroscope" plot --recipe "$recipe" --db "${name%%-*}.db" -o "$name.$format"
  echo "$out/$name.$format"
done
