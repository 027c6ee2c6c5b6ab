#!/bin/sh
# tests/run.sh [VARIANT...]: installs what is missing, builds, runs every test.
#
# Variants, each with a build folder of its own (default: plain):
#   plain   as a user builds it
#   asan    AddressSanitizer and UndefinedBehaviorSanitizer, all tests
#   tsan    ThreadSanitizer, the tests of what is threaded
# Ends with a line "N passed, N failed, N skipped"; exits non-zero when anything failed.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- plain

./install-packages.sh test
export PATH="/usr/bin:$PATH" # Debian's meson and python3, whatever else is installed
suppressions=$PWD/tests/suppressions
passed=0 failed=0 skipped=0

# configure FOLDER OPTION...
configure() {
  folder=$1
  shift
  [ -f "$folder/build.ninja" ] || meson setup "$folder" "$@"
}

# run_tests FOLDER SUITE...: adds to the three counts; a build that fails is a failure
run_tests() {
  folder=$1
  shift
  if ! ninja -C "$folder"; then
    failed=$((failed + 1))
    return
  fi
  meson test -C "$folder" --no-rebuild --print-errorlogs "$@" || true
  counts=$(python3 tests/count-results.py "$folder/meson-logs/testlog.json")
  # shellcheck disable=SC2086  # three numbers
  set -- $counts
  passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

for variant in "$@"; do
  echo "== $variant"
  case $variant in
    plain)
      configure build-test
      run_tests build-test
      ;;
    asan)
      configure build-asan -Db_sanitize=address,undefined -Db_lundef=false
      ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 \
      UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
      LSAN_OPTIONS=suppressions=$suppressions/lsan.supp:print_suppressions=0 \
        run_tests build-asan --no-suite lint --timeout-multiplier 5
      ;;
    tsan)
      configure build-tsan -Db_sanitize=thread -Db_lundef=false
      # GLib is not instrumented: its own synchronisation is invisible to the sanitizer
      TSAN_OPTIONS=suppressions=$suppressions/tsan.supp:ignore_noninstrumented_modules=1 \
        run_tests build-tsan --suite threads --timeout-multiplier 10
      ;;
    *)
      echo "usage: $0 [plain] [asan] [tsan]" >&2
      exit 2
      ;;
  esac
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
