#!/bin/bash
# Trains the examples that have a `train` block and are too long for a test, and prints what they came to: LeNet and a variational
# autoencoder on MNIST, a transformer on plays, Burgers' equation; and logistic regression, which takes no time. A claim that does
# not hold is marked, and the exit status is 1.
#   tests/bench/train_programs.sh DLC [logreg|lenet|vae|gpt|pinn]…       (from the root of the source tree; minutes)
set -u
dlc=$(realpath "$1")
shift
root=$PWD
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
failed=0
row='%-6s  %-38s  %8s  %-44s  %s\n'
echo "$(grep -m1 'model name' /proc/cpuinfo | sed 's/.*: //'), $(date -I)"
printf "$row" program settings seconds wanted reached

# The example with its data where they are, edited.
program() { sed -e "s#\"data/#\"$root/examples/data/#g" -e "${2:-}" "$root/examples/$1.dl" >"$1.dl"; }
# train NAME ARGUMENTS…: the result as JSON in NAME.json, the seconds in $seconds
train() {
  local name=$1 begin=$EPOCHREALTIME
  shift
  "$dlc" train "$name.dl" --json "$@" >"$name.json" 2>"$name.err" </dev/null || { cat "$name.err"; exit 1; }
  seconds=$(python3 -c "print(f'{$EPOCHREALTIME - $begin:.1f}')")
}
# say PROGRAM SETTINGS WANTED REACHED HOLDS
say() {
  local reached="good: $4"
  [ "$5" = True ] || { reached="FAILED: $4"; failed=1; }
  printf "$row" "$1" "$2" "$seconds" "$3" "$reached"
}
of() { python3 -c "import json; r = json.load(open('$1.json')); print($2)"; }

for name in "${@:-logreg lenet vae gpt pinn}"; do for one in $name; do case $one in
  logreg)
    program logreg
    train logreg
    # The least loss: no element of the gradient is above 1e-7 there, and the function is convex.
    say logreg 'as written' 'the minimum: loss 0.0914, accuracy 0.979' "$(of logreg "f\"loss {r['train']['loss']:.4f}, accuracy {r['train']['accuracy']:.3f}\"")" \
      "$(of logreg "abs(r['train']['loss'] - 0.0914) < 1e-4 and abs(r['train']['accuracy'] - 0.979) < 1e-3")" ;;
  gpt)
    program gpt
    train gpt --set epochs=2 --set schedule.warmup=0.2 --threads 2
    say gpt 'epochs=2 schedule.warmup=0.2, 2 threads' 'valid loss under 2.4 nats' "$(of gpt "f\"train {r['train']['loss']:.3f}, valid {r['valid']['loss']:.3f}\"")" "$(of gpt "r['valid']['loss'] < 2.4")" ;;
  lenet)
    program lenet
    train lenet --set epochs=2
    "$dlc" predict lenet.dl --weights lenet.safetensors --data "$root/examples/data/mnist/t10k-images-idx3-ubyte.gz" -o scores.csv 2>/dev/null || exit 1
    accuracy=$(python3 - "$root/examples/data/mnist/t10k-labels-idx1-ubyte.gz" <<'PY'
import gzip, sys
labels = gzip.open(sys.argv[1]).read()[8:]
rows = [[float(v) for v in line.split(",")] for line in open("scores.csv").read().split("\n")[1:] if line]
print(sum(max(range(10), key=lambda k: r[k]) == y for r, y in zip(rows, labels, strict=True)) / len(rows))
PY
)
    say lenet 'epochs=2' 'test accuracy at least 0.98' "$accuracy, valid loss $(of lenet "f\"{r['valid']['loss']:.4f}\"")" "$(python3 -c "print($accuracy >= 0.98)")" ;;
  vae)
    program vae
    train vae
    say vae 'as written, 10 epochs' 'under 120 nats' "$(of vae "f\"{r['train']['loss']:.1f} nats, {r['train']['recon']:.1f} + {r['train']['kl']:.1f}\"")" "$(of vae "r['train']['loss'] < 120")" ;;
  pinn)
    program pinn 's/^  save .*/  metrics    mean(interior), mean(edge)/'
    train pinn --set epochs=0
    cp pinn.json start.json
    # The network begins near zero, where the equation holds almost: the edge comes first, and the residual inside only then falls
    # below what it was.
    train pinn --set epochs=30000 --set optimizer.lr=0.01
    both="{r['train']['loss']:.4f}, {r['train']['interior']:.5f}"
    say pinn 'epochs=30000 optimizer.lr=0.01' 'objective and mean(interior): a tenth of' "$(of start "f\"$both\"") -> $(of pinn "f\"$both\"")" \
      "$(python3 - <<'PY'
import json
a, b = (json.load(open(f"{name}.json"))["train"] for name in ("start", "pinn"))
print(10 * b["loss"] < a["loss"] and 10 * b["interior"] < a["interior"])
PY
)" ;;
  *) echo "there is no program $one"; exit 2 ;;
esac; done; done
exit $failed
