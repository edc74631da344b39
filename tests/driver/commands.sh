#!/bin/bash
# The command from outside: results, exit statuses, JSON, files, and the example of every --help.
#   commands.sh DLC        (from the root of the source tree)
set -u
dlc=$1
root=$PWD
tmp=$(mktemp -d) && trap 'rm -rf "$tmp"' EXIT
failed=0

fail() { echo "FAILED: $1"; cat "$tmp/out" "$tmp/err"; failed=1; }
# expect STATUS WORD COMMAND…: the command exits so, and what it prints has the word in it.
expect() {
  local status=$1 word=$2
  shift 2
  "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
  local got=$?
  [ $got = "$status" ] || fail "status $got instead of $status: $*"
  [ -z "$word" ] || cat "$tmp/out" "$tmp/err" | grep -qF -- "$word" || fail "no \`$word\`: $*"
}
slides=examples/slides.dl
net=examples/net2_functions.dl

# ---- results
for slug in $("$dlc" explain --list); do "$dlc" explain "$slug" >"$tmp/out" 2>"$tmp/err" || fail "explain $slug"; done
expect 0 'dlc ' "$dlc" --version
expect 0 '85.2582855995830' "$dlc" run $slides f x1=1.5 x2=0.5
expect 0 '85.2582855995830' "$dlc" run $slides f x1=1.5 x2=0.5 --interpret
expect 0 '{"result":' "$dlc" run $slides f x1=1.5 x2=0.5 --json
expect 0 '100 calls: median' "$dlc" run $slides f x1=1.5 x2=0.5 --time 100
"$dlc" run $slides f x1=1.5 x2=0.5 --time 100 2>"$tmp/err" | grep -qx '85.2582855995830[0-9]*' || fail 'the time stands in the result'
expect 0 '"median_ns":' "$dlc" run $slides f x1=1.5 x2=0.5 --time 100000 --json
expect 2 '--time excludes --interpret' "$dlc" run $slides f x1=1.5 x2=0.5 --time 100 --interpret
expect 0 '[1].x1 = ' "$dlc" run $slides f_grad x1=1.5 x2=0.5 -O0 --real f32
echo '{"x1": 0.5, "x2": 1}' >"$tmp/in.json"
expect 0 '1.0743606353500641' "$dlc" run $slides f --args "$tmp/in.json"
echo '{"x1": 0.5, "x2": 1, "seed": 3, "note": []}' >"$tmp/in.json"
expect 2 'has no parameter `seed`, `note`; it takes (x1: f64, x2: f64); --ignore-extra' "$dlc" run $slides f --args "$tmp/in.json"
expect 0 '1.0743606353500641' "$dlc" run $slides f --args "$tmp/in.json" --ignore-extra
expect 2 'has no parameter `x3`' "$dlc" run $slides f --args "$tmp/in.json" --ignore-extra x3=1
printf 'fn init[n]() -> real[n] { let a[i in 0..n] = 2.0 * i\nreturn a }\nfn g[n](x: real[n * n], y: real) -> (a: real, b: real[2]) = (a = y * sum(x * x) + n, b = [y, inf])\n' >"$tmp/sizes.dl"
expect 0 '[0, 2, 4, 6]' "$dlc" run "$tmp/sizes.dl" init --size n=4
expect 0 '[0, 2, 4, 6]' "$dlc" run "$tmp/sizes.dl" init --size n=4 --interpret
expect 0 '{"result":{"a":62.0,"b":[2.0,"inf"]}}' "$dlc" run "$tmp/sizes.dl" g --size n=2 x='[1,2,3,4]' y=2 --json
for mode in reverse forward symbolic numeric; do
  expect 0 'dg/dx = [4, 8, 12, 16]' "$dlc" diff "$tmp/sizes.dl" g --at x='[1,2,3,4]',y=2 --size n=2 --mode $mode --order 2
done
expect 0 'x̄ = v̄' "$dlc" trace "$tmp/sizes.dl" g --at x='[1,2,3,4]',y=2 --size n=2 --mode reverse
expect 0 'init: 40 samples' "$dlc" check "$tmp/sizes.dl"
expect 1 'no argument of `g` says what the size n is' "$dlc" run "$tmp/sizes.dl" g x='[1,2,3,4]' y=2
expect 1 'but `n*n` is 9 with n = 3' "$dlc" run "$tmp/sizes.dl" g x='[1,2,3,4]' y=2 --size n=3
expect 2 '`init` has no size `m`' "$dlc" run "$tmp/sizes.dl" init --size m=3
expect 2 'the size n may not be -1' "$dlc" run "$tmp/sizes.dl" init --size n=-1
for mode in reverse forward symbolic numeric; do
  expect 0 'df/dx1 = 3.47308190605019' "$dlc" diff $slides f --at x1=0.5,x2=1 --mode $mode
done
expect 0 'numeric' "$dlc" diff $slides f --at x1=0.5,x2=1 --mode all --order 2
# Written out, each doubles the one before: no closed form, and the other modes do not mind.
for ((k = 0; k < 26; ++k)); do
  if ((k == 0)); then echo "fn f0(x: real) = x * sin(x)"
  else echo "fn f$k(x: real) = if x > $k { f$((k - 1))(x + 1) * x } else { f$((k - 1))(x + 2) + x }"; fi
done >"$tmp/deep.dl"
expect 0 'symbolic: left out: `f25` cannot' "$dlc" diff "$tmp/deep.dl" f25 --at x=1.5 --mode all
expect 0 '"left_out"' "$dlc" diff "$tmp/deep.dl" f25 --at x=1.5 --mode all --json
expect 1 'no-closed-form' "$dlc" diff "$tmp/deep.dl" f25 --at x=1.5 --mode symbolic
printf 'fn t(x: real) = exp(-exp(800 + x * x)) * exp(exp(800 + x * x))\n' >"$tmp/never.dl"
expect 0 'not checked: at none of' "$dlc" check "$tmp/never.dl"
expect 0 '\frac' "$dlc" diff $slides f --wrt x1 --at x1=0.5,x2=1 --mode symbolic --latex
expect 0 'v4 = log(x2)' "$dlc" trace $slides f --at x1=0.5,x2=1 --wrt x1
expect 0 'v̄2·∂v2/∂v1 + v̄3·∂v3/∂v1 + v̄5·∂v5/∂v1 = 0.5·1.6487 + 0.5·1 + 2.1487·1' "$dlc" trace $slides f --at x1=0.5,x2=1 --mode reverse
expect 0 'ok' "$dlc" check $slides --samples 5
expect 0 'f64' "$dlc" compile $slides --emit ir f
expect 0 'define' "$dlc" compile $slides --emit llvm f
for pass in sema derive inline batch contract simplify cse dce fuse; do
  [ $pass = derive ] || expect 0 'f' "$dlc" compile $slides --emit ir-after=$pass f
done
expect 0 'relu' "$dlc" explain kinks
expect 0 'matmul' "$dlc" explain --list
cat $slides >"$tmp/source" && "$dlc" run - f x1=0.5 x2=1 <"$tmp/source" >"$tmp/out" 2>"$tmp/err" && grep -q 1.07436 "$tmp/out" || fail 'a source on standard input'

# ---- JSON is JSON
for command in "run $slides f x1=1 x2=2" "diff $slides f --at x1=1,x2=2 --mode all --order 2" "trace $slides f --at x1=1,x2=2 --mode reverse" \
               "trace $slides f --at x1=1,x2=2" "check $slides --samples 3" "explain tanh" "explain --list"; do
  "$dlc" $command --json >"$tmp/out" 2>"$tmp/err" && python3 -m json.tool "$tmp/out" >/dev/null || fail "not JSON: $command"
done
"$dlc" run $slides g --message-format json 2>"$tmp/err"; python3 -m json.tool "$tmp/err" >/dev/null || fail 'a message is not JSON'

# ---- failures: 1 for the program, a file or a value, 2 for the command line
printf 'fn f(x: real) = y\nfn g(x: real) = z(x)\n' >"$tmp/bad.dl"
expect 1 'error[unknown-name]' "$dlc" run "$tmp/bad.dl" f x=1
expect 1 'error[unknown-function]' "$dlc" check "$tmp/bad.dl"
expect 1 'bad.dl:1:' "$dlc" run "$tmp/bad.dl" f x=1 --message-format short
expect 1 '"slug"' "$dlc" run "$tmp/bad.dl" f x=1 --message-format json
expect 1 'cannot read `no-such.dl`' "$dlc" run no-such.dl f
expect 2 'did you mean `f_grad`?' "$dlc" run $slides f_grat x1=1 x2=2
expect 2 'no value is given for `x2`' "$dlc" run $slides f x1=1
expect 2 'has no parameter `x3`' "$dlc" run $slides f x1=1 x3=2
expect 1 'neither a number nor JSON' "$dlc" run $slides f x1=one x2=2
expect 1 'cannot read `no-such.json`' "$dlc" run $slides f --args no-such.json
expect 1 'cannot read `no-such.json`' "$dlc" run $slides f x1=1 x2=@no-such.json
expect 1 'error[argument-type-mismatch]' "$dlc" run $slides f x1=true x2=1
expect 2 'there is no function `nof`' "$dlc" run $slides nof
expect 2 'there is no function `nof`' "$dlc" check $slides nof
expect 2 'there is no function `nof`' "$dlc" trace $slides nof
for what in '-o x.o' '--emit ir' '--emit llvm' '--emit obj' '--emit ir-after=cse'; do
  expect 2 'there is no function `nof`' "$dlc" compile $slides nof $what
done
expect 2 'unknown cpu `quantum`' "$dlc" compile $slides --cpu quantum -o "$tmp/q.o"
expect 2 'no function has a size `q`' "$dlc" compile $net --size q=3 -o "$tmp/q.o"
expect 2 'the size D may not be -3' "$dlc" compile $net --size D=-3 --emit llvm
expect 2 '`D=x` is not a size' "$dlc" compile $net --size D=x -o "$tmp/q.o"
expect 2 'is not a size' "$dlc" compile $net --size D=99999999999999999999 -o "$tmp/q.o"
expect 2 'the size `D` is given twice' "$dlc" compile $net --size D=3,D=4 -o "$tmp/q.o"
expect 2 '--size has no place' "$dlc" compile $net --size D=3 --emit ir
expect 2 'does not make what' "$dlc" compile $slides -o "$tmp/q.o" --emit ir
expect 2 'does not make what' "$dlc" compile $slides -o "$tmp/q.ll" --emit asm
[ ! -e "$tmp/q.o" ] || fail 'a command line that contradicts itself left a file'
expect 2 'empty name' "$dlc" compile $slides --emit ir,,llvm
expect 2 'empty argument' "$dlc" diff $slides f --at x1=1,,x2=2
expect 2 'empty name' "$dlc" diff $slides f --at x1=1,x2=2 --wrt ''
expect 2 'empty name' "$dlc" trace $slides f --at x1=1,x2=2 --wrt x1,,x2
expect 2 '--seed' "$dlc" check $slides --seed -1
expect 2 'cannot both be standard input' "$dlc" run - f --args -
expect 1 'standard input is not JSON' "$dlc" run $slides f --args -
expect 1 'it holds a number that is too large' "$dlc" run $slides f x1=1e400 x2=1
expect 0 'Exit status: 0 done; 1' "$dlc" --help

# ---- values that JSON has no spelling for, and files that contradict themselves
printf 'fn f[n](x: real[n]) = x\nfn g(x: f32) = x\nfn h(x: real) = x\n' >"$tmp/values.dl"
expect 0 '[1, inf, -inf, nan, inf]' "$dlc" run "$tmp/values.dl" f x='[1, inf, -inf, nan, "inf"]'
expect 0 '"-inf"' "$dlc" run "$tmp/values.dl" f x='[NaN, -Infinity]' --json
expect 1 'too large for an f32' "$dlc" run "$tmp/values.dl" g x=1e39
expect 0 'inf' "$dlc" run "$tmp/values.dl" g x=inf
printf '{"x": [1], "x": [2]}' >"$tmp/twice.json"
expect 1 '`x` stands in it twice' "$dlc" run "$tmp/values.dl" f --args "$tmp/twice.json"
printf '{"x": [1],\n 2}' >"$tmp/bad.json"
expect 1 'is not JSON: line 2, column 2' "$dlc" run "$tmp/values.dl" f --args "$tmp/bad.json"
expect 0 'for each of 1 input' "$dlc" diff "$tmp/values.dl" h --at x=1 --mode numeric
"$dlc" diff "$tmp/values.dl" h --at x=1 --mode numeric | grep -q '1 inputs' && fail '1 inputs'
printf 'func @f(%%0: f64, %%1: f64) -> f64 {\n  %%2 = mul %%0, %%1 : f64\n  return %%2\n}\n' >"$tmp/unnamed.ir"
expect 0 '6' "$dlc" run "$tmp/unnamed.ir" f %0=2 %1=3
expect 0 '3' "$dlc" diff "$tmp/unnamed.ir" f --at %0=2,%1=3
expect 0 '%0 * %1' "$dlc" trace "$tmp/unnamed.ir" f --at %0=2,%1=3
expect 0 'ok' "$dlc" check "$tmp/unnamed.ir" f --samples 3
expect 0 '' "$dlc" compile "$tmp/unnamed.ir" f -o "$tmp/unnamed.o"
expect 1 'size 0 of argument `x` is 2, but `D` is 3' "$dlc" run $net predict W1='[[1,2,3]]' b1='[0]' W2='[1]' b2=0 x='[1,2]'
expect 2 '--mode' "$dlc" diff $slides f --at x1=1,x2=2 --mode sideways
expect 2 'has no parameter `z`' "$dlc" diff $slides f --at x1=1,x2=2 --wrt z
expect 2 'there is no pass `ces`, did you mean `cse`?' "$dlc" compile $slides --emit ir-after=ces
expect 2 'nothing to emit called `pdf`' "$dlc" compile $slides --emit pdf
expect 2 'ending' "$dlc" compile $slides -o "$tmp/x.doc"
expect 2 'subcommand' "$dlc"
expect 2 'did you mean `unknown-name`?' "$dlc" explain unknown-nam
printf 'fn f(x: real) = cbrt(x)^3\n' >"$tmp/steps.dl"
expect 1 'error[modes-disagree]' "$dlc" check "$tmp/steps.dl" --samples 5
printf 'fn f(x: real) = x * f64(int(x))\n' >"$tmp/cut.dl"
expect 1 'error[no-derivative]' "$dlc" diff "$tmp/cut.dl" f --at x=1
head -c 100000 /dev/urandom >"$tmp/random.dl"
expect 1 'error' "$dlc" run "$tmp/random.dl" f

# ---- formatting
printf 'fn f(x:real)=x  *  -x // square\n' >"$tmp/wide.dl" && cp "$tmp/wide.dl" "$tmp/again.dl"
chmod 640 "$tmp/wide.dl"
expect 1 'wide.dl would change' "$dlc" fmt --check "$tmp/wide.dl"
expect 1 '"changed":["' "$dlc" fmt --check --json $slides "$tmp/again.dl"
cmp -s "$tmp/wide.dl" "$tmp/again.dl" || fail '--check wrote a file'
expect 0 'wide.dl' "$dlc" fmt "$tmp/wide.dl"
[ "$(cat "$tmp/wide.dl")" = 'fn f(x: real) = x * -x  // square' ] || fail 'the formatted text'
[ "$(stat -c %a "$tmp/wide.dl")" = 640 ] || fail 'formatting changed what may be done with a file'
expect 0 '' "$dlc" fmt --check "$tmp/wide.dl"
[ "$("$dlc" fmt - <"$tmp/again.dl")" = 'fn f(x: real) = x * -x  // square' ] || fail 'formatting standard input'
cp "$tmp/bad.dl" "$tmp/unreadable.dl" && printf 'fn g(  x = 1\n' >>"$tmp/unreadable.dl" && cp "$tmp/unreadable.dl" "$tmp/kept.dl"
expect 1 'unreadable.dl:3:' "$dlc" fmt "$tmp/unreadable.dl" "$tmp/again.dl"
cmp -s "$tmp/unreadable.dl" "$tmp/kept.dl" || fail 'a file with a syntax error was written'
cmp -s "$tmp/wide.dl" "$tmp/again.dl" || fail 'an error in one file kept another from being formatted'
expect 1 'cannot read `no-such.dl`' "$dlc" fmt no-such.dl
expect 0 '' "$dlc" fmt --check examples/*.dl compiler/prelude/*.dl

# ---- objects: complete, without undefined names, and usable from C and C++
expect 0 '' "$dlc" compile $net -o "$tmp/net.o"
for name in objective objective_grad objective_jvp objective_vjp n_correct; do
  nm "$tmp/net.o" | grep -q " T $name$" || fail "no entry $name"
  nm "$tmp/net.o" | grep -q " T ${name}_ws$" || fail "no ${name}_ws"
done
undefined=$(nm -u "$tmp/net.o" | awk '{print $2}' | grep -vxE 'memcpy|memset')
[ -z "$undefined" ] || fail "undefined: $undefined"
python3 -m json.tool "$tmp/net.json" >/dev/null || fail 'the signature is not JSON'
expect 0 '' "$dlc" compile $slides -o "$tmp/slides.o"
cat >"$tmp/use.c" <<'C'
#include <stdio.h>
#include "slides.h"
int main(void) {
  double f, d1, d2;
  if (f_grad(0, 1.5, 0.5, &f, &d1, &d2, 0) != DLC_OK) return 1;
  printf("%.15g %.15g %.15g %.15g\n", f, d1, d2, f_direct(1.5, 0.5));
  return 0;
}
C
want='85.258285599583 201.915056323302 -651.91624281628 85.258285599583'
for compiler in 'cc -std=c99 -Wall -Werror' 'c++ -x c++ -Wall -Werror'; do
  $compiler -I"$tmp" -c "$tmp/use.c" -o "$tmp/use.o" 2>"$tmp/err" && cc "$tmp/use.o" "$tmp/slides.o" -o "$tmp/use" 2>>"$tmp/err" &&
    [ "$("$tmp/use")" = "$want" ] || fail "the object from $compiler"
done
# An object draws the numbers that `run` draws; a training step sets the model's states behind its parameters.
cat >"$tmp/drawn.dl" <<'DL'
fn drawn(k: key) = normal(split(k, 3)[1], [4]) + uniform(split(k, 3)[2], [4])
export drawn
model Centred[D] {
  param w: real[D] = 0.5
  state μ: real[D] = 0
  state steps: real = 0
  loss(x: real[D]) -> real {
    let m = batch_mean(x)
    update μ = 0.5 * μ + m
    update steps = steps + 1
    return dot(w, x - m)^2
  }
}
train Centred[D = 2] { data csv("x.csv") { x = columns(0..2) }  objective mean(loss)  optimizer sgd(lr = 0.1)  batch 2 }
DL
expect 0 '' "$dlc" compile "$tmp/drawn.dl" -o "$tmp/drawn.o"
cat >"$tmp/drawn.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include "drawn.h"
int main(void) {
  static _Alignas(64) double state[Centred_STATES + Centred_STATES_LENGTH] = {0.5, 0.5}, next[Centred_STATES + Centred_STATES_LENGTH];
  static _Alignas(64) char scratch[4096];
  double x[4];
  const double rows[4][2] = {{1, 2}, {3, 4}, {5, 6}, {7, 12}}, scale = 0.25, lr = 0.1;
  const int64_t order[4] = {3, 0, 2, 1};
  const void* fields[] = {rows};
  double losses[2];
  void* work = aligned_alloc(64, (size_t)(Centred_train_step_ws(4) + 63) / 64 * 64);
  if (drawn_ws() > (int64_t)sizeof scratch || drawn(0, 7, x, scratch) != DLC_OK) return 1;
  printf("[%.17g, %.17g, %.17g, %.17g]\n", x[0], x[1], x[2], x[3]);
  if (Centred_train_step(0, 4, order, fields, 0, &scale, &lr, state, next, losses, work) != DLC_OK) return 1;
  printf("%g %g %g\n", next[Centred_AT_mu], next[Centred_AT_mu + 1], next[Centred_AT_steps]);
  free(work);
  return 0;
}
C
cc -std=c11 -Wall -Werror -I"$tmp" "$tmp/drawn.c" "$tmp/drawn.o" -o "$tmp/drawn" 2>"$tmp/err" && "$tmp/drawn" >"$tmp/out" || fail 'the object that draws'
"$dlc" run "$tmp/drawn.dl" drawn k=7 >"$tmp/want" && echo '4 6 1' >>"$tmp/want"
python3 - "$tmp/out" "$tmp/want" <<'PY' || fail 'an object draws other numbers, or sets other states'
import json, sys
a, b = ([json.loads(l[0]), l[1]] for l in (open(p).read().splitlines() for p in sys.argv[1:]))
assert a == b, (a, b)
PY
cat >"$tmp/sites.dl" <<'DL'
fn root(a: real) -> real {
  var x = a
  while abs(x * x - a) > 1e-12 @max_iters(60) { x = 0.5 * (x + a / x) }
  return x
}
fn power(x: real, k: int) -> real {
  var s = 1.0
  for i in 0..k { s = s * x }
  return s
}
fn picked[n](x: real[n], k: int) -> real = x[k]
export root
export picked
export power_grad = grad(power, wrt = x)
DL
expect 0 '' "$dlc" compile "$tmp/sites.dl" -o "$tmp/sites.o"
for site in ':3:3: while (a loop reached its bound)' ': x[k] (a subscript leaves its array)' "(no memory for a loop's steps)"; do
  grep -qF "$site" "$tmp/sites.h" || fail "a header without the site: $site"
done
expect 1 'cannot write' "$dlc" compile $slides -o "$tmp/none/slides.o"
expect 1 'nothing-exported' "$dlc" compile "$tmp/cut.dl" -o "$tmp/cut.o"
[ ! -e "$tmp/cut.o" ] && [ ! -e "$tmp/cut.h" ] || fail 'a failed compilation left a file'
"$dlc" compile $slides -o /dev/full >"$tmp/out" 2>"$tmp/err" && fail 'a full device is not an error'

# ---- every example of every --help runs
cd "$tmp" || exit 1
ln -s "$root/examples" examples
printf 'fn loss[n, d](W: real[n, d], x: real[d]) -> real = sum(W @ x)\n' >net.dl
echo '{"W": [[1, 2]], "x": [3, 4]}' >in.json
cp examples/net2.dl net2.dl && cp examples/data/wdbc.csv patients.csv
"$dlc" train examples/net2.dl --set epochs=1 --checkpoint net2.safetensors >out 2>err || fail 'weights for the examples'
for command in '' run diff trace check compile train predict explain fmt; do
  "$dlc" $command --help >help 2>&1 || fail "dlc $command --help"
  examples=$(grep -E '^ +dlc [a-z]+ ' help | sed -E 's/^ *dlc //; s/ {3,}.*//')
  [ -n "$examples" ] || { cp help out; fail "dlc $command --help has no example"; }
  while IFS= read -r example; do
    eval "'$dlc' $example" >out 2>err </dev/null || fail "the example: dlc $example"
  done <<<"$examples"
done

[ $failed = 0 ] && echo 'driver: good'
exit $failed
