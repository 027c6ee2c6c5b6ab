#!/bin/sh
# run-fuzzers.sh SECONDS [TARGET...]: builds the targets with clang, ASan and UBSan, and lets libFuzzer run
# each so long; what it finds lies in build-fuzz/finds.  Wants Debian's clang-14, libclang-rt-14-dev and
# libomp-14-dev, which nothing else here needs.
#
# libhdf5 1.10 has crashes of its own: the target hdf5 goes on behind them, and the frame above names whose
# a crash is.  Exit code 1: a find in another target.
set -eu
cd "$(dirname "$0")/../.."
[ $# -ge 1 ] || { echo "usage: $0 SECONDS [TARGET...]" >&2; exit 2; }
seconds=$1
shift
[ $# -gt 0 ] || set -- decode containers patterns names recipe database hdf5
build=build-fuzz
clang=$(command -v clang || command -v clang-14) || { echo "SKIP: no clang"; exit 77; }
[ -d $build ] || CC=$clang meson setup $build -Dfuzzers=true -Db_sanitize=address,undefined \
  -Db_lundef=false -Doptimization=1 >/dev/null
# shellcheck disable=SC2046  # words
ninja -C $build $(printf 'tests/fuzz/fuzz-%s ' "$@") >/dev/null

finds=$build/finds
mkdir -p $finds
export ASAN_OPTIONS=allocator_may_return_null=1:malloc_context_size=8:quarantine_size_mb=32
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS="suppressions=$PWD/tests/suppressions/lsan.supp:print_suppressions=0"
failed=0
for target in "$@"; do
  corpus=$build/corpus/$target
  log=$finds/$target.log
  mkdir -p "$corpus"
  # fontconfig and HDF5 keep memory until the end that nobody leaks
  leaks=1 more=
  case $target in
    hdf5) leaks=0 more='-fork=1 -ignore_crashes=1 -ignore_ooms=1 -ignore_timeouts=1' ;;
    names | recipe) leaks=0 ;;
  esac
  # shellcheck disable=SC2086  # words
  if ! ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=$leaks nice $build/tests/fuzz/fuzz-"$target" $more \
      -max_total_time="$seconds" -rss_limit_mb=1500 -timeout=10 -max_len=32768 \
      -artifact_prefix="$finds/$target-" "$corpus" tests/fuzz/corpus/"$target" >"$log" 2>&1; then
    [ "$target" = hdf5 ] || failed=1
  fi
  printf '%-10s ' "$target"
  grep -aE '^#[0-9]+.* cov:' "$log" | tail -n 1
  grep -aE '^(SUMMARY|.*Test unit written)' "$log" | sort | uniq -c | sort -rn | head -n 8
done
exit $failed
