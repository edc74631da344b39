#!/bin/sh
# The thread pool's tests under the thread sanitizer: nothing that two threads touch goes without an order.
#   tsan.sh       (from the root of the source tree)
set -eu
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
"${CXX:-c++}" -std=c++20 -O1 -g -fsanitize=thread -I. -DGTEST_HAS_PTHREAD=1 runtime/threads/pool.cpp tests/runtime/pool_test.cpp -o "$tmp/pool" -lgtest -lgtest_main -pthread
TSAN_OPTIONS=halt_on_error=1 "$tmp/pool" --gtest_brief=1
