#!/bin/sh
# install-packages.sh [build|test]: installs the Debian packages that are missing, and only those.
# This list is the only truth about what entroscope needs.  Needs root, or sudo.
set -eu

build="gcc libc6-dev meson ninja-build pkg-config libglib2.0-dev libhdf5-dev libgsl-dev
  libsqlite3-dev libcairo2-dev libpango1.0-dev libpng-dev libopenblas-dev libdeflate-dev
  liblzf-dev zlib1g-dev libjson-glib-dev fonts-dejavu-core"
# What the tests compare with and look through; without them tests are skipped, not passed.
test="g++ clang-format python3-h5py python3-numpy python3-scipy hdf5-tools sqlite3 poppler-utils
  librsvg2-bin python3-pil python3-matplotlib binutils chromium chromium-driver python3-selenium
  python3-html5lib strace"

case ${1:-build} in
  build) wanted=$build ;;
  test) wanted="$build $test" ;;
  *) echo "usage: $0 [build|test]" >&2; exit 2 ;;
esac

missing=
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing from Debian:$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "$0: needs root or sudo to install:$missing" >&2; exit 1; }
  as_root=sudo
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086  # a list of words
if ! { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
       apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "$0: the installation failed" >&2
  exit 1
fi
