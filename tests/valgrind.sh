#!/bin/sh
# valgrind.sh [BUILD [TEST...]]: the unit tests and each command of the program under memcheck: no error, no
# memory that is definitely lost.  A plain build (no sanitizer) of BUILD (default: build); skipped (77)
# without valgrind.  It takes two hours; TEST... are the unit tests that run instead of all.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build}
[ $# -eq 0 ] || shift
command -v valgrind >/dev/null || { echo "SKIP: no valgrind"; exit 77; }
[ -f "$build/build.ninja" ] || meson setup "$build"
ninja -C "$build" >/dev/null

# Programs that these start run by themselves: they are killed, or belong to others.
memcheck="valgrind -q --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
--suppressions=$PWD/tests/suppressions/valgrind.supp"
# Python's; one that races a process which is not slowed down; and one whose malloc() is its own.
left_out='check-h5py|check-containers|test-live|test-memory'

[ $# -gt 0 ] || set -- $(meson test -C "$build" --no-rebuild --list --suite unit 2>/dev/null |
  sed -n 's/.* \/ //p' | grep -Evx "$left_out")
failed=0
meson test -C "$build" --no-rebuild --num-processes 1 --timeout-multiplier 30 --print-errorlogs \
  --wrap="$memcheck" "$@" || failed=1

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
program=$PWD/$build/cli/entroscope fixtures=$PWD/$build/tests/data/fixtures
cd "$folder"
# under CODE ARGUMENT...: the exit code is what it would be without
under() {
  wanted=$1
  shift
  code=0
  OPENBLAS_NUM_THREADS=1 $memcheck "$program" "$@" >out.txt 2>err.txt || code=$?
  [ "$code" = "$wanted" ] && return
  echo "not ok: exit $code, expected $wanted: entroscope $*"
  tail -n 60 err.txt
  failed=1
}
under 0 --version
under 2 nosuch
under 0 inspect "$fixtures/learned.h5"
under 0 inspect --json "$fixtures/hybrid.h5"
under 4 inspect "$0"
under 3 analyze "$fixtures/healthy.h5" "$fixtures/damaged.h5" "$fixtures/learned.h5" --db r.db
under 0 analyze "$fixtures/healthy.h5" --db r.db --verify
under 2 analyze "$fixtures/impostor.h5" --run healthy --db r.db
under 0 runs --db r.db
under 0 report learned --db r.db --html page.html
under 0 report healthy --db r.db --json
under 0 compare healthy learned --db r.db
under 0 export head_stats --db r.db --format csv
under 0 db check r.db
under 0 db backup r.db b.db
under 0 merge b.db --db r.db
under 0 cost --arch SM+LN+G --layers 12 --heads 12 --dim 768 --context 128
for view in layerwise-entropy headwise-entropy scalars; do
  for ending in svg pdf png; do
    under 0 plot $view --db r.db --run learned -o "x.$ending"
  done
done
head -c 4000 "$program" | tr -c 'a-z' ' ' >data.txt
under 0 train --data data.txt --layers 1 --heads 2 --dim 16 --context 16 --batch 2 --steps 4 --eval-batches 1 \
  --capture-every 2 --threads 1 --trace t.h5 --checkpoint t.ck --checkpoint-every 2
under 0 analyze t.h5 --db r.db
[ "$failed" = 0 ] && echo "no error, nothing lost"
exit "$failed"
