#!/bin/bash
# What the README shows is what dlc prints: every code block that begins with `$ build/dlc …` is run and compared.
#   readme.sh DLC FILE.md…             (from the root of the source tree)
#   readme.sh DLC --update FILE.md…    writes what dlc prints into the files
set -u
dlc=$1 update=0
shift
[ "$1" = --update ] && update=1 && shift
python3 - "$dlc" $update "$@" <<'PY'
import re, subprocess, sys, tempfile
dlc, update, files = sys.argv[1], sys.argv[2] == "1", sys.argv[3:]
failed = shown = 0
folder = tempfile.TemporaryDirectory()  # what the text calls /tmp
for path in files:
    text = open(path, encoding="utf-8").read()
    def check(block):
        global failed, shown
        command, _, want = block.group(1).partition("\n")
        run = subprocess.run(["bash", "-c", command.replace("/tmp", folder.name).replace("build/dlc", f"'{dlc}'", 1)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        got = (run.stdout + run.stderr).replace(folder.name, "/tmp")
        shown += 1
        if got != want and not update:
            failed += 1
            print(f"FAILED {path}: $ {command}\n--- it says\n{want}--- dlc prints\n{got}")
        return f"```\n$ {command}\n{got}```"
    new = re.sub(r"^```[a-z]*\n\$ (build/dlc [^\n]*\n.*?)^```$", check, text, flags=re.M | re.S)
    if update and new != text:
        open(path, "w", encoding="utf-8").write(new)
if not shown:
    sys.exit("no block begins with `$ build/dlc`")
print(f"{shown} blocks, {failed} of them out of date")
sys.exit(failed > 0)
PY
