#!/bin/bash
# The examples that train, on their real tables: as good as they should be, and on average over seeds where that is said.
#   examples.sh DLC        (from the root of the source tree)
set -u
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
python3 - "$1" "$tmp" <<'PY'
import csv, json, os, subprocess, sys
dlc, tmp = sys.argv[1:]
failed = False

def run(*args):
    got = subprocess.run([dlc, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if got.returncode:
        sys.exit(f"dlc {' '.join(args)}\n{got.stderr}")
    return got.stdout

def train(example, *args):
    return json.loads(run("train", f"examples/{example}.dl", "--json", *args))

def mean(example, part, what, seeds=5):
    return sum(train(example, "--set", f"seed={s}")[part][what] for s in range(seeds)) / seeds

def claim(text, got, holds):
    global failed
    failed |= not holds
    print(f"{'good' if holds else 'FAILED'}: {text}: {got:.4f}")

x = mean("net2", "test", "accuracy")
claim("wdbc, 30-16-1: mean test accuracy of seeds 0..4 is at least 0.96", x, x >= 0.96)
x = mean("net2", "train", "loss")
claim("wdbc, 30-16-1: mean training loss of seeds 0..4 is under 0.05", x, x < 0.05)
# L-BFGS comes to the minimum, which is one point, and says so; what it saves goes to its own folder.
open(f"{tmp}/logreg.dl", "w").write(open("examples/logreg.dl").read().replace('"data/', f'"{os.getcwd()}/examples/data/'))
got = subprocess.run([os.path.abspath(dlc), "train", "logreg.dl", "--json"], capture_output=True, text=True, cwd=tmp)
x = json.loads(got.stdout)["train"] if got.returncode == 0 else {"loss": 0, "accuracy": 0}
is_minimum = "no element of the gradient is above" in got.stderr
claim("wdbc, logistic regression: L-BFGS ends at the minimum, loss 0.0914", x["loss"], is_minimum and abs(x["loss"] - 0.0914) < 1e-4)
claim("wdbc, logistic regression: accuracy 0.979", x["accuracy"], abs(x["accuracy"] - 0.979) < 1e-3)
x = mean("wine", "test", "accuracy")
claim("wine, softmax: mean test accuracy of seeds 0..4 is at least 0.95", x, x >= 0.95)
x = mean("iris", "test", "accuracy")
claim("iris, softmax: mean test accuracy of seeds 0..4 is at least 0.93", x, x >= 0.93)
x = mean("digits", "test", "accuracy", seeds=3)
claim("digits, two convolutions: mean test accuracy of seeds 0..2 is at least 0.97", x, x >= 0.97)

# Diabetes against scikit-learn's ridge: both learn from the first 353 rows, and say what the last 89 are. Its R2 is from
#   m = make_pipeline(StandardScaler(), Ridge(1.0)).fit(a[:353, :-1], a[:353, -1])      # a: the table
#   m.score(a[353:, :-1], a[353:, -1])                                                   # scikit-learn, f64
RIDGE = 0.5412700801684325
rows = list(csv.reader(open("examples/data/diabetes.csv")))
csv.writer(open(f"{tmp}/first.csv", "w")).writerows(rows[:354])
csv.writer(open(f"{tmp}/last.csv", "w")).writerows([rows[0][:-1]] + [r[:-1] for r in rows[354:]])
program = open("examples/diabetes.dl").read().replace("train = 0.8  test = 0.2", "train = 1")
open(f"{tmp}/all.dl", "w").write(program)
run("train", f"{tmp}/all.dl", "--set", f"data={tmp}/first.csv", "--checkpoint", f"{tmp}/w.safetensors")
said = [float(v) for v in run("predict", f"{tmp}/all.dl", "--weights", f"{tmp}/w.safetensors", "--data", f"{tmp}/last.csv").split()[1:]]
true = [float(r[-1]) for r in rows[354:]]
middle = sum(true) / len(true)
r2 = 1 - sum((a - b) ** 2 for a, b in zip(said, true)) / sum((b - middle) ** 2 for b in true)
claim(f"diabetes, ridge: R2 of new rows within 0.03 of scikit-learn's {RIDGE:.4f}", r2, abs(r2 - RIDGE) < 0.03)

# The mean predictor has R2 = 0; half its error is a quarter of its squared error, R2 = 0.75.
x = train("housing")["test"]["r2"]
claim("housing, missing cells and a column of text: half the error of the mean predictor (R2 at least 0.75)", x, x >= 0.75)
sys.exit(failed)
PY
