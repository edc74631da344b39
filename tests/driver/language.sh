#!/bin/bash
# docs/language.md is what dlc does: every block of the page compiles without a warning and passes `dlc check`; every `train` block
# trains, with the page's model of that name; and every line `// f(x = 2) = 4` in a block is a call whose result is as written.
#   language.sh DLC        (from the root of the source tree)
set -u
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
python3 - "$(realpath "$1")" "$tmp" <<'PY'
import json, math, os, re, subprocess, sys
dlc, tmp = sys.argv[1:]
page = open("docs/language.md", encoding="utf-8").read()
blocks = re.findall(r"^```\n(.*?)^```$", page, flags=re.M | re.S)
name = lambda block: re.match(r"\w+ (\w+)", block)[1]
models = {m: b for b in blocks for m in re.findall(r"^model (\w+)", b, flags=re.M)}
os.symlink(os.path.abspath("examples"), f"{tmp}/examples")

def run(text, *args):
    open(f"{tmp}/page.dl", "w", encoding="utf-8").write(text)
    got = subprocess.run([dlc, args[0], "page.dl", *args[1:]], cwd=tmp, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if got.returncode or "warning[" in got.stderr:
        sys.exit(f"{text}dlc {' '.join(args)}\n{got.stdout}{got.stderr}")
    return got.stdout

def agree(got, want):
    if isinstance(want, dict):
        return isinstance(got, dict) and got.keys() == want.keys() and all(agree(got[k], want[k]) for k in want)
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(map(agree, got, want))
    if isinstance(want, (bool, str)) or not isinstance(got, (int, float)):
        return type(got) is type(want) and got == want
    return math.isclose(got, want, rel_tol=1e-6, abs_tol=1e-6)

def arguments(text):
    """`x = [1, 2], n = 3` at the commas that no bracket holds."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0: parts.append("")
        else: parts[-1] += c
    return [p.strip().replace(" = ", "=", 1) for p in parts if p.strip()]

n_checked = n_trained = n_calls = 0
for block in blocks:
    if block.startswith("train "):
        result = json.loads(run(models[name(block)] + block, "train", "--json"))
        if not result["train"]["loss"] < 10: sys.exit(f"{block}{result}")
        n_trained += 1
        for saved in re.findall(r'save +\w+ "(.*)"', block):
            if not os.path.exists(f"{tmp}/{saved}"): sys.exit(f"{saved} is not there")
        continue
    run(block, "check", "--samples", "20", "--seconds", "1000")   # as many on a slow machine as on a fast one
    n_checked += 1
    for f, sizes, given, want in re.findall(r"^// ([^\W\d]\w*)(?:\[([^]]*)\])?\((.*)\) = (.*)$", block, flags=re.M):
        sizes = ["--size", sizes.replace(" ", "")] if sizes else []
        got = json.loads(run(block, "run", f, *arguments(given), *sizes, "--json"))["result"]
        if not agree(got, json.loads(want)): sys.exit(f"{f}({given}) is {got}, and the page says {want}")
        n_calls += 1
print(f"{n_checked} blocks checked, {n_trained} blocks trained, {n_calls} calls")
sys.exit(not n_checked or not n_trained or not n_calls)
PY
