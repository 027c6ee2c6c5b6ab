#!/bin/sh
# check-symbols.sh LIBRARY HEADER...: the library exports entro_* alone, and all that its headers
# declare.  Skipped without nm.
set -u
library=$1
shift
command -v nm >/dev/null || { echo "no nm here"; exit 77; }
exported=$(nm -D --defined-only "$library" | awk '{print $3}' | sed 's/@.*//' | sort -u)
[ -n "$exported" ] || { echo "$library exports nothing"; exit 1; }

foreign=$(echo "$exported" | grep -v '^entro_')
[ -z "$foreign" ] || { echo "exported, but not ours:" $foreign; exit 1; }

# ENTRO_API, then anything up to the first name before a parenthesis
declared=$(cat "$@" | tr '\n' ' ' | grep -oE 'ENTRO_API[^;(]*\(' | grep -oE 'entro_[a-z0-9_]+\(' |
  tr -d '(' | sort -u)
missing=$(echo "$declared" | while read -r name; do
  echo "$exported" | grep -qx "$name" || echo "$name"
done)
[ -z "$missing" ] || { echo "declared, but not exported:" $missing; exit 1; }
