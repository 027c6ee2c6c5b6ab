#!/bin/sh
# coverage.sh [BUILD]: branches that tests reach in the files where a hostile, damaged or half-written file
# is met, and whether what nobody reaches is argued in coverage-holes.txt.  About 10 minutes.  Wants Debian's
# gcovr, which nothing else here needs.
#
# Processes that end by a signal write no counts: what only children with HDF5 in them do (reader/serve.c,
# reader/sandbox.c) cannot be measured, as they can open no file to say so in.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build-coverage}
command -v gcovr >/dev/null || { echo "SKIP: no gcovr"; exit 77; }
meson=/usr/bin/meson
[ -x "$meson" ] || meson=meson
# counts of several threads at once are lost, or negative, unless they are atomic
[ -d "$build" ] || "$meson" setup "$build" -Db_coverage=true -Doptimization=0 \
  -Dc_args=-fprofile-update=atomic >/dev/null
nice ninja -C "$build" >/dev/null
find "$build" -name '*.gcda' -delete
units=$(for test in tests/unit/loaders/test-*.c tests/unit/db/test-*.c; do basename "$test" .c; done)
fuzzers=$(for test in tests/fuzz/fuzz-*.c; do basename "$test" .c; done | grep -v fuzz-common)
programs='check-h5py check-containers cli-db cli-box cli-odd cli-layouts cli-layouts_bad cli-once cli-not_a_trace
cli-hostile_db cli-hostile_hdf5 cli-network faults'
# shellcheck disable=SC2086  # words
ENTRO_FAULTS_SPREAD=${ENTRO_FAULTS_SPREAD:-13} nice "$meson" test -C "$build" --no-rebuild \
  --timeout-multiplier 8 $units $fuzzers $programs >"$build/coverage.log" 2>&1 ||
  grep -E 'FAIL|TIMEOUT' "$build/coverage.log" || true
cd "$build" # where gcov leaves its files
nice gcovr --exclude-unreachable-branches --exclude-throw-branches -r .. --json coverage.json . \
  -f '../loaders/(axes|dataset|draft|filters|gate|redo|tile|tile-rows)\.c' -f '../loaders/containers/' \
  -f '../loaders/foreign/' -f '../loaders/reader/(child|local|message|reader|remote)\.c' \
  -f '../db/(backup|check|guard|put|put-trace|statement|store)\.c'
exec /usr/bin/env python3 ../tests/coverage-holes.py coverage.json ../tests/coverage-holes.txt
