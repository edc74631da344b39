#!/bin/bash
# The functions of docs/language.md compile and pass `dlc check`; every `train` block of the page trains, with the page's model of
# that name.
#   language.sh DLC        (from the root of the source tree)
set -u
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
python3 - "$(realpath "$1")" "$tmp" <<'PY'
import json, os, re, subprocess, sys
dlc, tmp = sys.argv[1:]
blocks = re.findall(r"^```\n(.*?)^```$", open("docs/language.md", encoding="utf-8").read(), flags=re.M | re.S)
name = lambda block: re.match(r"\w+ (\w+)", block)[1]
models = {m: b for b in blocks for m in re.findall(r"^model (\w+)", b, flags=re.M)}
trains = [b for b in blocks if b.startswith("train ")]
os.symlink(os.path.abspath("examples"), f"{tmp}/examples")
for block in trains:
    open(f"{tmp}/page.dl", "w", encoding="utf-8").write(models[name(block)] + block)
    got = subprocess.run([dlc, "train", "page.dl", "--json"], cwd=tmp, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if got.returncode or not json.loads(got.stdout)["train"]["loss"] < 10:
        sys.exit(f"{block}{got.stdout}{got.stderr}")
for saved in re.findall(r'save +\w+ "(.*)"', "".join(trains)):
    if not os.path.exists(f"{tmp}/{saved}"):
        sys.exit(f"{saved} is not there")
functions = [b for b in blocks if re.match(r"(const|///|fn|struct|export)\b", b.split("//")[0].strip() or b.lstrip("/ "))]
for block in functions:
    open(f"{tmp}/page.dl", "w", encoding="utf-8").write(block)
    got = subprocess.run([dlc, "check", "page.dl"], cwd=tmp, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if got.returncode:
        sys.exit(f"{block}{got.stdout}{got.stderr}")
print(f"{len(functions)} blocks checked, {len(trains)} blocks trained")
sys.exit(not trains or not functions)
PY
