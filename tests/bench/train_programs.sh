#!/bin/bash
# Trains the examples that are too long for a test, and prints what they came to: LeNet and a variational autoencoder on MNIST,
# Burgers' equation. A claim that does not hold is marked, and the exit status is 1.
#   tests/bench/train_programs.sh DLC [lenet|vae|pinn]…       (from the root of the source tree; minutes)
set -u
dlc=$(realpath "$1")
shift
root=$PWD
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
failed=0
row='%-6s  %-36s  %8s  %-44s  %s\n'
echo "$(grep -m1 'model name' /proc/cpuinfo | sed 's/.*: //'), one thread, $(date -I)"
printf "$row" program run seconds result claim

# The example with its data where they are, edited.
program() { sed -e "s#\"data/#\"$root/examples/data/#g" -e "${2:-}" "$root/examples/$1.dl" >"$1.dl"; }
# train NAME ARGUMENTS…: the result as JSON in NAME.json, the seconds in $seconds
train() {
  local name=$1 begin=$EPOCHREALTIME
  shift
  "$dlc" train "$name.dl" --json "$@" >"$name.json" 2>"$name.err" </dev/null || { cat "$name.err"; exit 1; }
  seconds=$(python3 -c "print(f'{$EPOCHREALTIME - $begin:.1f}')")
}
# say PROGRAM RUN RESULT CLAIM HOLDS
say() {
  local claim="good: $4"
  [ "$5" = True ] || { claim="FAILED: $4"; failed=1; }
  printf "$row" "$1" "$2" "$seconds" "$3" "$claim"
}
of() { python3 -c "import json; r = json.load(open('$1.json')); print($2)"; }

for name in "${@:-lenet vae pinn}"; do for one in $name; do case $one in
  lenet)
    # Two epochs of the example's rate, which rises from 0 and falls to 0: He's variances and pooling make the first logits large.
    program lenet 's/^  batch/  schedule   cosine(warmup = 0.2)\n&/'
    train lenet --set epochs=2
    "$dlc" predict lenet.dl --weights lenet.safetensors --data "$root/examples/data/mnist/t10k-images-idx3-ubyte.gz" -o scores.csv 2>/dev/null || exit 1
    accuracy=$(python3 - "$root/examples/data/mnist/t10k-labels-idx1-ubyte.gz" <<'PY'
import gzip, sys
labels = gzip.open(sys.argv[1]).read()[8:]
rows = [[float(v) for v in line.split(",")] for line in open("scores.csv").read().split("\n")[1:] if line]
print(sum(max(range(10), key=lambda k: r[k]) == y for r, y in zip(rows, labels, strict=True)) / len(rows))
PY
)
    say lenet '2 epochs, cosine(warmup = 0.2)' "test accuracy $accuracy, valid loss $(of lenet "f\"{r['valid']['loss']:.4f}\"")" 'at least 0.98' "$(python3 -c "print($accuracy >= 0.98)")" ;;
  vae)
    program vae
    train vae
    say vae '10 epochs' "$(of vae "f\"{r['train']['loss']:.1f} nats, {r['train']['recon']:.1f} + {r['train']['kl']:.1f}\"")" 'under 120 nats' "$(of vae "r['train']['loss'] < 120")" ;;
  pinn)
    program pinn 's/^  save .*/  metrics    mean(interior), mean(edge)/'
    train pinn --set epochs=0
    before=$(of pinn "r['train']['loss']")
    train pinn
    say pinn '2000 epochs' "$(of pinn "f\"{$before:.3f} -> {r['train']['loss']:.3f}, inside {r['train']['interior']:.3f}\"")" 'a tenth of the squared residuals' "$(of pinn "10 * r['train']['loss'] < $before")" ;;
  *) echo "there is no program $one"; exit 2 ;;
esac; done; done
exit $failed
