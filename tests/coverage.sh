#!/bin/sh
# coverage.sh [BUILD]: branches and lines that the unit tests and the replayed fuzz corpora reach in the
# files where a hostile or damaged file is met.  Wants Debian's gcovr, which nothing else here needs.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build-coverage}
command -v gcovr >/dev/null || { echo "SKIP: no gcovr"; exit 77; }
[ -d "$build" ] || /usr/bin/env meson setup "$build" -Db_coverage=true -Doptimization=0 >/dev/null
ninja -C "$build" >/dev/null
find "$build" -name '*.gcda' -delete
meson test -C "$build" --no-rebuild --suite unit --suite fuzz --timeout-multiplier 4 >/dev/null || true
for what in --branches ''; do
  # shellcheck disable=SC2086  # none or one word
  gcovr $what --exclude-unreachable-branches --exclude-throw-branches -r . "$build" \
    -f 'loaders/(filters|gate|redo|tile|tile-rows|dataset)\.c' -f 'loaders/containers/' \
    -f 'db/(put|store|statement)\.c'
done
