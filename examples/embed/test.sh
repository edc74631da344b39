#!/bin/bash
# Compiles examples/net2.dl to an object, links train.c to it, trains and predicts: what the top of train.c says to type.
#   test.sh DLC CC      in the root of the repository
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$1" compile examples/net2.dl -o "$tmp/net2.o"
undefined=$(nm -u "$tmp/net2.o" | grep -v -w -e memcpy -e memset || true)
[ -z "$undefined" ] || { echo "the object wants $undefined" >&2; exit 1; }
"$2" -std=c11 -Wall -Wextra -Werror -O2 -I"$tmp" examples/embed/train.c "$tmp/net2.o" -lm -o "$tmp/train"
"$tmp/train" examples/data/wdbc.csv
