#!/bin/bash
# Twelve programs that use the whole language pass `dlc check`, with nothing left out that it does not say.
#   programs.sh DLC        (from the root of the source tree)
set -u
failed=0 n=0
for program in tests/programs/*.dl; do
  begin=$EPOCHREALTIME
  said=$("$1" check "$program" --samples 3 2>&1) || { echo "FAILED: $program"; failed=1; }
  # Every function is checked, against differences too.
  if grep -q 'not checked' <<<"$said" || ! grep -q 'differences in 200 bits .* ulp .*ok' <<<"$said"; then
    echo "FAILED: $program: a function is not checked"
    failed=1
  fi
  ((++n))
  echo "== $program, $(printf %.1f "$(bc -l <<<"$EPOCHREALTIME - $begin")") s"
  echo "$said"
done
[ $n = 12 ] || { echo "FAILED: $n programs instead of 12"; failed=1; }
exit $failed
