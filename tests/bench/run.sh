#!/bin/bash
# Builds the release preset (and dev's dlc, whose start is measured too) and runs every bench_*.cpp; prints one table.
# Say what machine the figures are from, and run it twice: ±10 % is noise here.
#   tests/bench/run.sh [regular expression over the names of benchmarks]
#   DLC_PEER_PYTHON=PYTHON tests/bench/run.sh step/32      also the same step in PyTorch, if that Python has it (peers/)
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

# The training step beside PyTorch's, in one table: only what one run has measured can be compared.
[[ step/32 =~ ${1:-.} ]] || exit 0
echo "== the step of the 30-16-1 network at batch 32 beside PyTorch, µs"
ours=$(build-release/tests/bench/bench_train --benchmark_filter='^step/32$' --benchmark_repetitions=5 --benchmark_report_aggregates_only=true \
  --benchmark_format=csv 2>"$log" | awk -F, '$1 == "\"step/32_median\"" { print $3 }')
[ -n "$ours" ] || { cat "$log" >&2; exit 1; }
if ! "${DLC_PEER_PYTHON:-python3}" -c 'import torch' 2>/dev/null; then
  printf '%10.2f  dlc\n%10s  PyTorch is missing: DLC_PEER_PYTHON names a Python that has it\n' "$ours" -
  exit 0
fi
printf '%10.2f  dlc\n' "$ours"
"${DLC_PEER_PYTHON:-python3}" tests/bench/peers/torch_step.py 2>"$log" | awk -F'\t' -v ours="$ours" '
  { printf "%10.2f  PyTorch %s\n", $1, $2; if (!best || $1 < best) { best = $1; name = $2 } }
  END { if (!best) exit 1; printf "dlc is %.1f x faster than the best of PyTorch (%s)\n", best / ours, name }' || { cat "$log" >&2; exit 1; }
grep -v -e '^W[0-9]' "$log" || true  # which PyTorch, and settings that it could not do
