#!/bin/bash
# Builds dlc and runs every test, from a fresh clone: installs what is missing, configures, builds, and ends with ctest's
# summary. Its exit status is not 0 if any of these failed.
#   tests/run.sh [--preset dev|release|san] [--san] [--werror] [-- ctest arguments, as in `-- -R golden`]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=dev
werror=OFF
while [ $# -gt 0 ]; do
  case $1 in
    --preset) preset=${2:?--preset wants dev, release or san}; shift ;;
    --san) preset=san ;;
    --werror) werror=ON ;;
    --) shift; break ;;
    *) sed -n '2,4s/^# //p' "$0" >&2; exit 2 ;;
  esac
  shift
done
build=build
[ "$preset" = dev ] || build=build-$preset

if [ "$preset" = release ]; then tests/install_deps.sh --bench; else tests/install_deps.sh; fi
# ccache gives up where it cannot keep its files, and the build with it.
[ -n "${CCACHE_DIR:-}" ] || [ -w "${HOME:-/}" ] || export CCACHE_DISABLE=1
export CTEST_OUTPUT_ON_FAILURE=1

cmake --preset "$preset" --log-level=WARNING -DDLC_WERROR=$werror
start=$SECONDS
cmake --build "$build"
echo "$build: built in $((SECONDS - start)) s on $(nproc) cores (CCACHE_DISABLE=1 measures a clean build)"
exec ctest --test-dir "$build" -j "$(nproc)" "$@"
