#!/bin/bash
# The README's figure, docs/slides.svg, is the graph of `dlc report`: its labels are those that dlc draws now. Where they stand
# depends on graphviz's version, and is not compared.
#   figure.sh DLC              (from the root of the source tree)
#   figure.sh DLC --update     writes the figure
set -u
command -v dot >/dev/null || { echo 'left out: there is no graphviz to draw with'; exit 0; }
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
"$1" report examples/slides.dl --at x1=0.5,x2=1 --samples 5 -o "$tmp/report.html" || exit 1
python3 - "$tmp/report.html" docs/slides.svg "${2:-}" <<'PY'
import re, sys
page, path, update = sys.argv[1:]
drawn = re.search(r"<svg .*?</svg>", open(page, encoding="utf-8").read(), re.S).group()
# A file of its own says what it is, and is read on a dark page too.
drawn = re.sub(r"^<svg ([^>]*)>", r'<svg xmlns="http://www.w3.org/2000/svg" \1>\n<rect width="100%" height="100%" fill="white"/>'
               r"\n<title>examples/slides.dl at x1 = 0.5, x2 = 1</title>"
               r"\n<style>.node path { fill: #f6f7f9; stroke: #5d6670 } .edge path, .edge polygon { stroke: #5d6670 }"
               r" .edge polygon { fill: #5d6670 } .node.input path { stroke: #0b5c8a } .node.result path { stroke: #a3360f }</style>", drawn) + "\n"
if update:
    open(path, "w", encoding="utf-8").write(drawn)
labels = lambda svg: re.findall(r"<text[^>]*>(.*?)</text>", svg)
shown = labels(open(path, encoding="utf-8").read())
if "x1" not in shown or f"]({path})" not in open("README.md", encoding="utf-8").read():
    sys.exit(f"FAILED: {path} has no labels, or the README does not show it")
if shown != labels(drawn):
    sys.exit(f"FAILED: {path} says\n{shown}\nand dlc draws\n{labels(drawn)}\ntests/driver/figure.sh build/dlc --update")
print(f"{len(shown)} labels")
PY
