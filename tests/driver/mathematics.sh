#!/bin/bash
# The examples that compute and do not train: their derivatives agree in all modes, and their results are the known ones.
#   mathematics.sh DLC        (from the root of the source tree)
set -u
python3 - "$1" <<'PY'
import glob, json, math, subprocess, sys
dlc = sys.argv[1]
failed = False

def call(*args):
    got = subprocess.run([dlc, *args], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if got.returncode:
        sys.exit(f"dlc {' '.join(args)}\n{got.stdout}{got.stderr}")
    return got.stdout

def run(example, entry, **given):
    return json.loads(call("run", f"examples/{example}.dl", entry, *(f"{k}={json.dumps(v)}" for k, v in given.items()), "--json"))["result"]

def claim(text, holds, *seen):
    global failed
    failed |= not holds
    print(f"{'good' if holds else 'FAILED'}: {text}", *seen)

def near(a, b, tolerance=1e-9):
    return abs(a - b) <= tolerance * max(1, abs(b))

files = ["determinant", "gp", "kalman", "learning_rate", "newton", "runge_kutta"] + [f[9:-3] for f in sorted(glob.glob("examples/adbench/*.dl"))]
for file in files:
    said = call("check", f"examples/{file}.dl", "--samples", "3")
    claim(f"{file}: check finds nothing", "FAILED" not in said and "not checked" not in said)

A = [[0, 2, 1], [1, 1, 0], [4, 0, 1]]
claim("a determinant with pivots", near(run("determinant", "determinant", A=A), -6))
claim("its derivative is that by the inverse", run("determinant", "difference", A=A) < 1e-12)

# Two observations of a state that does not move: y ~ N(0, I + ones), whose determinant is 3.
got = run("kalman", "log_likelihood", F=[[1]], Q=[[0]], H=[1], r=1, y=[1, 2])
claim("the filter's likelihood is that of the joint distribution", near(got, -0.5 * (2 + math.log(3) + 2 * math.log(2 * math.pi))), got)

# Without friction it is a harmonic oscillator.
got = run("runge_kutta", "position", **{"y0": [1, 0], "μ": 0, "end": 1})
claim("the oscillator is a cosine", near(got, math.cos(1), 1e-5), got)
got = run("runge_kutta", "position_grad", **{"y0": [1, 0], "μ": 0, "end": 1})["y0"]
claim("and its derivative by the start cosine and sine", near(got[0], math.cos(1), 1e-5) and near(got[1], math.sin(1), 1e-5), got)

E = run("newton", "kepler", M=1, e=0.5)
claim("the anomaly solves Kepler's equation", near(E - 0.5 * math.sin(E), 1), E)
slope = run("newton", "speed", t=0.1, e=0.5)
ends = [run("newton", "distance", t=t, e=0.5) for t in (0.1 - 1e-6, 0.1 + 1e-6)]
claim("the planet's speed is a difference quotient", near(slope, (ends[1] - ends[0]) / 2e-6, 1e-6), slope)

X, y = [[0], [0.5], [1], [1.5], [2]], [0, 0.48, 0.84, 1, 0.91]
fit = run("gp", "fit", X=X, y=y)
before = run("gp", "nlml", X=X, y=y, log_l=[0], log_f=0, log_s=-1)
claim("the fit of the process is likelier than its start", fit["nlml"] < before - 0.1, before, fit["nlml"])
at = run("gp", "predict", X=X, y=y, Z=[[0.5], [9]], log_l=[0], log_f=0, log_s=-8)
claim("without noise it passes through the points, and far away knows nothing", near(at["mean"][0], 0.48, 1e-4) and
      near(at["variance"][1], 1, 1e-6) and at["variance"][0] < 1e-4, at)

line = {"w": [0, 0], "x": [0, 1, 2, 3], "y": [1, 3, 5, 7]}
slope = run("learning_rate", "descended_grad", **line, rate=0.1)
ends = [run("learning_rate", "descended", **line, rate=r) for r in (0.1 - 1e-5, 0.1, 0.1 + 1e-5)]
claim("the derivative by the learning rate is a difference quotient", near(slope, (ends[2] - ends[0]) / 2e-5, 1e-6), slope)
better = run("learning_rate", "better_rate", **line, rate=0.1)
claim("a better rate is better", run("learning_rate", "descended", **line, rate=better) < 0.9 * ends[1], better)
sys.exit(failed)
PY
