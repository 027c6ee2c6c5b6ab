#!/bin/sh
# check-hardening.sh PROGRAM [reader]: the built program has what meson.build asks the compiler for.  Reads the
# ELF file, so that a flag which is lost on the way to the linker is seen.
set -u
program=$1
command -v readelf >/dev/null || { echo "SKIP: no readelf"; exit 77; }
failed=0

check() { # sentence, then a command that must succeed
  sentence=$1
  shift
  if "$@"; then echo "ok: $sentence"; else echo "FAIL: $sentence"; failed=1; fi
}

headers=$(readelf -W -h -l -d "$program") || exit 1
symbols=$(readelf -W --dyn-syms "$program") || exit 1
has() { printf '%s\n' "$1" | grep -Eq "$2"; }
has_no() { ! has "$1" "$2"; }

check "lies anywhere in memory (PIE)" has "$headers" 'Type: +DYN'
check "relocations are read-only (relro)" has "$headers" 'GNU_RELRO'
check "and bound at start (now)" has "$headers" 'FLAGS.*(NOW|BIND_NOW)'
check "the stack is not executable" has_no "$headers" 'GNU_STACK.* RWE '
check "no part is both written and executed" has_no "$headers" 'LOAD.* RWE '
check "stack protector" has "$symbols" '__stack_chk_fail'
# the reader calls nothing whose size the compiler knows
[ "${2:-}" = reader ] ||
  check "checked calls of the C library" has "$symbols" '__(memcpy|memset|snprintf|read|pread|vsnprintf|fprintf|printf)(64)?_chk'
case $(uname -m) in
  # the note in the ELF file is lost where the start-up files of the C library have none (Debian 12)
  x86_64) check "targets of indirect branches are marked (endbr64)" \
    test "$(objdump -d --no-show-raw-insn "$program" | grep -c endbr64)" -gt 100 ;;
esac
exit $failed
