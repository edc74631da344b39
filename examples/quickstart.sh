#!/bin/bash
# From a fresh clone to a trained network: installs what is missing (root or sudo), builds build/dlc, shows one function's
# value, gradient and traces, and trains the two-layer network on the breast-cancer table. Seconds when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }
# Says what it runs, then runs it.
show() { printf '$ %s\n' "$*"; "$@"; }

say "what the build needs"
tests/install_deps.sh
say "build/dlc and build/host_jit"
cmake --preset dev --log-level=WARNING
cmake --build build --target dlc host_jit

say "one function, every derivative mode"
show build/dlc diff examples/slides.dl f --wrt x1,x2 --at x1=0.5,x2=1 --mode all
say "how forward mode computes it, line by line"
show build/dlc trace examples/slides.dl f --at x1=0.5,x2=1 --mode forward --wrt x1
say "how reverse mode does"
show build/dlc trace examples/slides.dl f --at x1=0.5,x2=1 --mode reverse
say "all modes against each other and against 200 bits"
show build/dlc check examples/slides.dl
say "a network compiled, differentiated and trained from C++ (examples/host_jit.cpp)"
show build/host_jit examples/net2_functions.dl examples/data/wdbc.csv
say "the same network as a model, trained by its train block (examples/net2.dl)"
show build/dlc train examples/net2.dl
say "one page about it all, to open in a browser (report.html)"
show build/dlc report examples/slides.dl --at x1=0.5,x2=1 -o report.html
