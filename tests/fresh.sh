#!/bin/bash
# Proves that the README's two commands work on a fresh machine: makes a bare Debian 12 (minbase) in a temporary folder, puts a
# clone of HEAD into it, and runs examples/quickstart.sh and tests/run.sh there, each twice. The second quickstart has to be done
# in a minute. Needs root, apt's network and a few GB of disk; without a compiler cache it takes ten to twenty minutes on two cores.
#   tests/fresh.sh [--quick]       --quick leaves out tests/run.sh
set -euo pipefail
cd "$(dirname "$0")/.."
quick=${1:-}
case $quick in
  "" | --quick) ;;
  *) sed -n '5s/^# *//p' "$0" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "fresh: run this as root: it makes a root file system and enters it" >&2; exit 1; }
command -v mmdebstrap >/dev/null || { apt-get update -q; DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends mmdebstrap; }

place=$(mktemp -d)
root=$place/root
# Nothing is mounted where this removes: the mounts are in a name space that ends with what ran in it.
trap 'rm -rf --one-file-system "$place"' EXIT
# What runs in it is process 1 there, which no Ctrl-C ends, so it is killed by hand; with it goes all that it started.
child=
trap '[ -z "$child" ] || kill -KILL $(cat "/proc/$child/task/$child/children") 2>/dev/null; wait; exit 130' INT TERM

# This machine's way to Debian (mirror, proxy), and none of its other sources.
apt-get update -q
apt-get indextargets --format '$(ORIGIN) deb $(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
  sed -n 's/^Debian deb /deb /p' | grep ' bookworm' | sort -u >"$place/sources.list"
apt-config dump | grep -E '^Acquire::(http|https|ftp|Check-|Retries|ForceIPv)' >"$place/apt.conf" || true
echo "== a bare Debian 12 from"
cat "$place/sources.list"
mmdebstrap --quiet --mode=root --variant=minbase --aptopt="$place/apt.conf" bookworm "$root" "$place/sources.list"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
git clone -q --no-local . "$root/root/dlc"

# inside COMMAND…: in the root, with nothing of this machine's environment but the way to the network.
inside() {
  enter "$@" &
  child=$!
  wait $child
}
enter() {  # in a process of its own, which it replaces
  trap - EXIT INT TERM
  exec unshare --mount --pid --fork --kill-child bash -c '
    set -e
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
    root=$1
    shift
    exec chroot "$root" "$@"' inside "$root" \
    /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
    ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
    "$@" </dev/null
}
times=()
timed() {  # COMMAND…
  echo "== $*"
  local start=$SECONDS
  inside bash -c 'cd /root/dlc && exec "$@"' timed "$@" || { echo "FAILED: $* (status $?)"; exit 1; }
  took=$((SECONDS - start))
  times+=("$(printf '%5d s  %s' $took "$*")")
}

for tool in g++ cmake git python3 sudo; do
  ! inside bash -c "command -v $tool" >/dev/null || { echo "FAILED: the root is not bare, it has $tool"; exit 1; }
done
timed examples/quickstart.sh
[ -s "$root/root/dlc/report.html" ] || { echo 'FAILED: no report.html'; exit 1; }
timed examples/quickstart.sh
[ $took -le 60 ] || { echo "FAILED: the second examples/quickstart.sh took $took s"; exit 1; }
if [ "$quick" != --quick ]; then
  timed tests/run.sh
  timed tests/run.sh
fi
[ -z "$(git -C "$root/root/dlc" status --porcelain)" ] || { echo 'FAILED: the clone is not clean'; exit 1; }
echo "== on a fresh Debian 12, $(nproc) cores"
printf '%s\n' "${times[@]}"
