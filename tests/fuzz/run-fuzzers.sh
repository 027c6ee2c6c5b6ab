#!/bin/sh
# run-fuzzers.sh SECONDS [TARGET...]: builds the targets with clang, ASan and UBSan, and lets libFuzzer take
# so many seconds of processor time for each, one after the other; what it finds lies in build-fuzz/finds,
# what it learned in build-fuzz/corpus.  Wants Debian's clang-14, libclang-rt-14-dev and libomp-14-dev,
# which nothing else here needs.
#
# libFuzzer counts time by the clock: on a busy machine it is started again for what is left.
# libhdf5 1.10 has crashes of its own: the target hdf5 goes on behind them, and the frame above names whose
# a crash is.  Exit code 1: a find in another target.
set -eu
cd "$(dirname "$0")/../.."
export PATH="/usr/bin:$PATH" # Debian's meson, whatever else is installed
[ $# -ge 1 ] || { echo "usage: $0 SECONDS [TARGET...]" >&2; exit 2; }
seconds=$1
shift
[ $# -gt 0 ] || set -- decode containers archive patterns names recipe database stats hdf5
build=build-fuzz
clang=$(command -v clang || command -v clang-14) || { echo "SKIP: no clang"; exit 77; }
[ -d $build ] || CC=$clang meson setup $build -Dfuzzers=true -Db_sanitize=address,undefined \
  -Db_lundef=false -Doptimization=1 >/dev/null
# shellcheck disable=SC2046  # words
nice ninja -C $build $(printf 'tests/fuzz/fuzz-%s ' "$@") >/dev/null

finds=$build/finds
mkdir -p $finds
clock=$(mktemp) # one a run: two runs of different targets go side by side
trap 'rm -f "$clock"' EXIT
export ASAN_OPTIONS=allocator_may_return_null=1:malloc_context_size=8:quarantine_size_mb=32
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export LSAN_OPTIONS="suppressions=$PWD/tests/suppressions/lsan.supp:print_suppressions=0"

# Sets `used`: seconds that the children of this shell have computed, "1m2.3s 0m4.5s" in the second line of
# times.  Not in $(...), which is a shell of its own without children.
count() {
  times >"$clock"
  used=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, part, /[ms]/); sum += part[1] * 60 + part[2] } }
    END { print int(sum) }' "$clock")
}

# Executions and edges over all rounds of a log, and where the last new edge was found.
summary() {
  awk '/^#[0-9]+.* cov: / {
      n = substr($1, 2) + 0
      if (n < last) before += last
      last = n
      for (i = 2; i < NF; i++) if ($i == "cov:") edges = $(i + 1) + 0
      if (edges > most) { most = edges; at = before + n }
    }
    END { printf "%d executions, %d edges, the last new one at %d", before + last, most, at }' "$1"
}

fuzz() { # TARGET SECONDS; what a round returns
  target=$1
  # fontconfig and HDF5 keep memory until the end that nobody leaks
  leaks=1 more=
  case $target in
    hdf5) leaks=0 more='-fork=1 -ignore_crashes=1 -ignore_ooms=1 -ignore_timeouts=1' ;;
    names | recipe) leaks=0 ;;
  esac
  # shellcheck disable=SC2086  # words
  ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=$leaks nice -n 19 $build/tests/fuzz/fuzz-"$target" $more \
    -max_total_time="$2" -rss_limit_mb=1500 -timeout=30 -max_len=32768 \
    -artifact_prefix="$finds/$target-" $build/corpus/"$target" tests/fuzz/corpus/"$target" \
    >>$finds/"$target".log 2>&1
}

failed=0
for target in "$@"; do
  mkdir -p "$build/corpus/$target"
  : >$finds/"$target".log
  count
  end=$((used + seconds)) found=
  while [ "$used" -lt "$end" ] && [ -z "$found" ]; do
    if ! fuzz "$target" $((end - used)) && [ "$target" != hdf5 ]; then
      failed=1 found=1
    fi
    count
  done
  echo "$target: $((seconds - end + used)) s, $(summary $finds/"$target".log)"
  grep -aE '^(SUMMARY|.*Test unit written)' $finds/"$target".log | sort | uniq -c | sort -rn | head -n 8
done
exit $failed
