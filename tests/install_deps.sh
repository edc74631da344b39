#!/bin/bash
# Installs the Debian 12 packages that building and testing dlc needs. Asks dpkg first, so that nothing is fetched and no
# right is needed when nothing is missing. Without root or sudo it prints the command that someone else has to run.
#   install_deps.sh [--bench]       --bench adds what only tests/bench/run.sh needs
set -euo pipefail

packages=(g++ python3 cmake ninja-build ccache mold pkg-config
  llvm-22-dev libzstd-dev libxml2-dev libz3-dev zlib1g-dev   # LLVM, and what its static libraries link
  libfmt-dev libcli11-dev nlohmann-json3-dev libmpfr-dev libgtest-dev
  graphviz)                                                   # draws the graphs of `dlc report`, as a program
[ "${1:-}" = --bench ] && packages+=(libbenchmark-dev)

if ! command -v dpkg-query >/dev/null; then
  echo "install_deps: this is not Debian; install the equivalents of: ${packages[*]}" >&2
  exit 1
fi
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} = 0 ] && exit 0

echo "install_deps: installing ${missing[*]}"
sudo=""
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
  if ! command -v sudo >/dev/null; then
    echo "install_deps: neither root nor sudo; as root run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi
$sudo apt-get update -q
if [[ " ${missing[*]} " = *" llvm-22-dev "* ]] && ! apt-cache show llvm-22-dev >/dev/null 2>&1; then
  cat >&2 <<'TEXT'
install_deps: apt knows no package llvm-22-dev. On Debian 12 it comes with the security updates; add the line
    deb http://deb.debian.org/debian-security bookworm-security main
to /etc/apt/sources.list (or take it from https://apt.llvm.org) and run this again.
TEXT
  exit 1
fi
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
