#!/bin/bash
# Builds the release preset (and dev's dlc, whose start is measured too) and runs every bench_*.cpp; prints one table.
# Say what machine the figures are from, and run it twice: ±10 % is noise here.
#   tests/bench/run.sh [regular expression over the names of benchmarks]
#   tests/bench/run.sh --sweep [function…]      instead: every unary function over all 2^32 floats, and over samples of
#                                               the doubles; the worst error in ulp and where. Minutes a function and core.
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/install_deps.sh --bench
for preset in dev release; do
  cmake --preset $preset --log-level=WARNING >/dev/null
done
if [ "${1:-}" = --sweep ]; then
  cmake --build build-release --target ulp_sweep
  shift
  exec build-release/tests/bench/ulp_sweep --stride 1 "$@"
fi
cmake --build build --target dlc
cmake --build build-release --target benches

echo "$(grep -m1 'model name' /proc/cpuinfo | sed 's/.*: //'), $(nproc) cores, $(date -I)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for bench in build-release/tests/bench/bench_*; do
  [ -x "$bench" ] || continue
  echo "== $(basename "$bench")"
  # Google Benchmark describes the machine on stderr each time; that is shown only with an error.
  "$bench" --benchmark_filter="${1:-.}" --benchmark_counters_tabular=true 2>"$log" || { cat "$log" >&2; exit 1; }
done
