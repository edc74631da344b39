#!/bin/bash
# `dlc report` from outside: the page's structure, its numbers against `dlc diff --json`, hostile sources, exit statuses,
# and, where chromium is installed, the page as a browser builds it.
#   report.sh DLC        (from the root of the source tree)
set -u
dlc=$1
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
failed=0
fail() { echo "FAILED: $1"; failed=1; }
report() { "$dlc" report "$@" --samples 5 >"$tmp/said" 2>&1 || fail "dlc report $*: $(cat "$tmp/said")"; }

# ---- structure, and the numbers of `dlc diff`
cat >"$tmp/check.py" <<'PYTHON'
import json, subprocess, sys
from html.parser import HTMLParser
class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.derivatives, self.functions, self.text, self.faults, self.cell = [], {}, [], '', [], None
    def start(self, tag, attributes):
        a = dict(attributes)
        for name in ('src', 'href', 'xlink:href', 'action'):
            if a.get(name) and not a[name].startswith('#'): self.faults.append(f'{tag} refers to {a[name]}')
        if tag in ('script', 'link', 'iframe', 'img', 'object'): self.faults.append(f'there is a <{tag}>')
        if any(name.startswith('on') for name in a): self.faults.append(f'{tag} has a handler')
        if tag == 'section': self.functions.append(a['data-function'])
        if 'data-wrt' in a: self.cell = (a['data-function'], a['data-mode'], a['data-wrt'])
    def handle_starttag(self, tag, attributes):
        self.start(tag, attributes)
        self.open.append(tag)
    def handle_startendtag(self, tag, attributes): self.start(tag, attributes)
    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag: self.faults.append(f'</{tag}> closes another element')
    def handle_data(self, data):
        self.text += data
        if self.cell: self.derivatives[self.cell], self.cell = data, None
page = Page()
text = open(sys.argv[1], encoding='utf-8').read()
page.feed(text)
if page.open: page.faults.append(f'not closed: {page.open}')
if 'url(' in text or '@import' in text: page.faults.append('the style refers to something')
if page.functions != sys.argv[2].split(','): page.faults.append(f'functions: {page.functions}')
if len(sys.argv) > 3:
    want = json.load(open(sys.argv[3]))
    for mode in want['modes']:
        for x, number in mode['derivative'].items():
            got = page.derivatives.get((want['function'], mode['mode'], x))
            if got is None or float(got) != number: page.faults.append(f'{mode["mode"]} d/d{x}: {got} instead of {number}')
    for what in ('The modes side by side', 'How large the formulas are', 'Closed forms', 'Graph', 'Forward trace', 'Reverse trace', 'live bytes', 'ulp'):
        if what not in page.text: page.faults.append(f'no "{what}"')
print('\n'.join(page.faults))
sys.exit(bool(page.faults))
PYTHON
page() { python3 "$tmp/check.py" "$@" || fail "the page ${*:2}"; }
report examples/slides.dl --at x1=0.5,x2=1 -o "$tmp/slides.html"
"$dlc" diff examples/slides.dl f --at x1=0.5,x2=1 --mode all --json >"$tmp/diff.json"
page "$tmp/slides.html" f "$tmp/diff.json"
grep -q 'http' "$tmp/slides.html" && fail 'the page names an address'
grep -q '<math' "$tmp/slides.html" || fail 'no closed form is typeset'
for want in '>60<' '>21<' '>15<' '>8<'; do grep -q "$want" "$tmp/slides.html" || fail "no size $want"; done
if command -v dot >/dev/null; then
  grep -q '<svg' "$tmp/slides.html" || fail 'no graph is drawn'
fi
mkdir "$tmp/empty"
PATH=$tmp/empty "$dlc" report examples/slides.dl --samples 2 -o "$tmp/bare.html" >/dev/null || fail 'without graphviz'
grep -q 'graphviz is not installed' "$tmp/bare.html" || fail 'a page without graphviz says nothing about it'
page "$tmp/bare.html" f
grep -q 'No point was given' "$tmp/bare.html" || fail 'a sampled point is not called one'

# ---- arrays, models, functions without a derivative, and names and comments that mean to break out
cat >"$tmp/hostile.dl" <<'DL'
/// </script><script>alert(1)</script> <b>bold</b> & "quoted" 'too' <!-- ]]> http://example.org
fn script(x: real) -> real = if x < 1 and x > -5 { x * x } else { ln(x) }   // </pre><b>
fn sums[n](x: real[n], λ_onload: real) -> real = sum(x * λ_onload)
fn whole(k: int) -> int = k + 1
fn list[n](x: real[n]) = exp(x)
DL
report "$tmp/hostile.dl" -o "$tmp/hostile.html" --json
python3 -m json.tool "$tmp/said" >/dev/null || fail '--json is not JSON'
page "$tmp/hostile.html" script,sums,whole,list
grep -q '<b>bold' "$tmp/hostile.html" && fail 'a comment became an element'
grep -q '&lt;b&gt;bold' "$tmp/hostile.html" || fail 'a comment was lost'
report examples/net2.dl -o "$tmp/model.html"
page "$tmp/model.html" Net2.predict,Net2.loss

# ---- exit statuses; nothing half-written
status() {
  local want=$1 word=$2
  shift 2
  "$dlc" report "$@" >"$tmp/said" 2>&1
  local got=$?
  [ $got = "$want" ] && grep -qF -- "$word" "$tmp/said" || fail "status $got, not $want with \`$word\`: report $*: $(cat "$tmp/said")"
}
printf 'fn f(x: real) = y\n' >"$tmp/bad.dl"
status 1 'error[unknown-name]' "$tmp/bad.dl" -o "$tmp/no.html"
status 2 'there is no function `nof`' examples/slides.dl nof -o "$tmp/no.html"
status 2 'no value is given for `x2`' examples/slides.dl f --at x1=1 -o "$tmp/no.html"
status 1 'no-such-folder' examples/slides.dl --samples 1 -o "$tmp/no-such-folder/r.html"
[ ! -e "$tmp/no.html" ] || fail 'a failure left a page'

# ---- a browser
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$browser" ]; then
  echo 'skipped: no chromium is installed, so no browser opened the page'
  exit $failed
fi
chrome() { HOME=$tmp timeout 60 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$tmp/profile" "$@" 2>"$tmp/chrome"; }
chrome --dump-dom "file://$tmp/slides.html" >"$tmp/dom" || fail "the browser: $(tail -3 "$tmp/chrome")"
for want in '<section id="f' '<mfrac>' 'data-mode="numeric"' 'Reverse trace' '</footer>'; do
  grep -qF "$want" "$tmp/dom" || fail "the browser's document has no $want"
done
chrome --dump-dom "file://$tmp/hostile.html" >"$tmp/dom" || fail 'the browser on hostile names'
grep -q '<script' "$tmp/dom" && fail 'the browser met a script'
chrome --window-size=1200,2400 --screenshot="$tmp/shot.png" "file://$tmp/slides.html" >/dev/null
[ "$(stat -c %s "$tmp/shot.png" 2>/dev/null || echo 0)" -gt 20000 ] || fail 'the screenshot is empty'
exit $failed
