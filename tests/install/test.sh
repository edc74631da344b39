#!/bin/bash
# Installs a build into a prefix of its own, and builds and runs there a project that knows nothing but the prefix.
#   test.sh BUILD CXX        (from the root of the source tree, after everything is built)
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$1" --prefix "$tmp/prefix" >"$tmp/log"
cp -r tests/install/project "$tmp/project"
cp -r examples "$tmp/examples"
cd "$tmp"

compare() {  # what, and what it should be
  [ "$1" = "$2" ] || { printf 'FAILED: %s\n--- instead of\n%s\n' "$1" "$2"; exit 1; }
}

# The command, away from the tree it was built in: its own library of functions is in it, and it trains.
compare "$(prefix/bin/dlc run project/spring.dl energy_slope k=2 'x=[1, 2, 4]')" '[-2, -2, 4]'
prefix/bin/dlc train examples/net2.dl --set epochs=1 2>/dev/null | grep -q '^test  loss .* accuracy ' || { echo 'FAILED: dlc train'; exit 1; }

# The package is found where the prefix now is, not where it was made.
mv prefix moved
cmake -S project -B out -G Ninja -DCMAKE_CXX_COMPILER="$2" -DCMAKE_PREFIX_PATH="$tmp/moved" >log 2>&1 || { cat log; exit 1; }
cmake --build out >log 2>&1 || { cat log; exit 1; }
said=$(out/spring project/spring.dl) || { echo "FAILED: status $? of the project's program"; exit 1; }
compare "$said" 'dlc.h    -2 -2 4
spring.h -2 -2 4
error[unknown-name]: the name `y` is not declared'
