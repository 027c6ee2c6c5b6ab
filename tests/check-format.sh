#!/bin/sh
# check-format.sh: every C file and header as clang-format would write it.  Skipped without it.
set -u
cd "$(dirname "$0")/.." || exit 1
command -v clang-format >/dev/null || { echo "no clang-format here"; exit 77; }
find analyzer cli db loaders plots trainer tests entroscope.h -name '*.[ch]' -print0 |
  xargs -0 clang-format --dry-run -Werror
