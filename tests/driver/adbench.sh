#!/bin/bash
# examples/adbench against what two other tools found: every value and derivative of examples/data/adbench.
#   adbench.sh DLC        (from the root of the source tree)
set -u
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
python3 - "$1" "$tmp" <<'PY'
import glob, json, subprocess, sys
dlc, tmp = sys.argv[1:]
failed = False

def run(problem, entry, given):
    json.dump(given, open(f"{tmp}/in.json", "w"))
    got = subprocess.run([dlc, "run", f"examples/adbench/{problem}.dl", entry, "--args", f"{tmp}/in.json", "--json"],
                         capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if got.returncode:
        sys.exit(f"{problem} {entry}\n{got.stderr}")
    return json.loads(got.stdout)["result"]

def flat(x):
    if isinstance(x, dict):
        return [v for key in x for v in flat(x[key])]
    return [v for e in x for v in flat(e)] if isinstance(x, list) else [x]

def compare(what, got, want):
    """|a - b| <= 1e-8 |b| + 1e-12 max |b| of each number"""
    global failed
    got, want = flat(got), flat(want)
    largest = max(map(abs, want))
    good = len(got) == len(want) and all(abs(a - b) <= 1e-8 * abs(b) + 1e-12 * largest for a, b in zip(got, want))
    failed |= not good
    error = max((abs(a - b) for a, b in zip(got, want)), default=0) / largest
    print(f"{'good' if good else 'FAILED'}: {what}: {len(want)} numbers, off by {error:.1e} of the largest")

def plain(problem, given, want):
    """One number, and an array or a tuple of arrays."""
    if problem == "gmm":
        given = {k: v for k, v in given.items() if k not in ("d", "k", "n")}  # these are sizes of the arrays
    got = run(problem, "derivative", given)
    if isinstance(want["derivative"], dict):
        got = {key: got[key] for key in want["derivative"]}
    return [("value", run(problem, "value", given), want["value"]), ("derivative", got, want["derivative"])]

def bundle(problem, given, want):
    """The same camera, point, weight and feature n, m, p and p times; of the results, where there is more than one, the same."""
    p = given["p"]
    full = {"cams": [given["cam"]] * given["n"], "x": [given["x"]] * given["m"], "w": [given["w"]] * p, "feats": [given["feat"]] * p}
    value, J = run(problem, "value", full), run(problem, "derivative", full)
    reproj, w_err = want["value"]["reproj_error"], want["value"]["w_err"]
    part = {key: J[key][:30] + J[key][-1:] for key in want["derivative"]}
    return [("reproj_error", value["reproj_error"], [reproj["elements"]] * reproj["repeated"]),
            ("w_err", value["w_err"], [w_err["element"]] * w_err["repeated"])] + \
           [(f"derivative.{key}", part[key], want["derivative"][key]) for key in part]

inputs = sorted(glob.glob("examples/data/adbench/*.input.json"))
for path in inputs:
    name = path.split("/")[-1].removesuffix(".input.json")
    problem = name.split("_")[0].rstrip("0123456789")
    given, want = json.load(open(path)), json.load(open(path.replace("input", "expected")))
    for part, a, b in (bundle if problem == "ba" else plain)(problem, given, want):
        compare(f"{name}.{part}", a, b)
sys.exit(failed or not inputs)
PY
