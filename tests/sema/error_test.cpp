// Every message of sema/errors.h, with its place, and that one cause gives one message.
#include <gtest/gtest.h>

#include <set>

#include "analysed.h"
#include "prelude/prelude.h"
#include "sema/errors.h"
#include "sema/unused.h"

namespace dlc {
namespace {

/// `source` marks the primary range of its only error by << >>.
struct Case {
  const char* slug;
  const char* source;
};

constexpr Case kCases[] = {
    // ---- names
    {"unknown-name", "fn f(x: real) = x + <<y>>"},
    {"unknown-function", "fn f(x: real) = grad(<<g>>, wrt = x)(1)\nfn h(x: real) { let g = 1  return x }"},
    {"unknown-function", "fn f(x: real) = <<sine>>(x)"},
    {"unknown-function", "fn f(x: real[3]) = <<foo>>[3](x)"},
    {"unknown-type", "fn f(x: <<double>>) = x"},
    {"not-a-function", "fn f(x: real) = <<x>>(1)"},
    {"not-a-function", "const K = 3\nfn f(x: real) = <<K>>(x)"},
    {"function-as-value", "fn f(x: real) = x + <<sin>>"},
    {"function-as-value", "fn g(x: real) = x\nfn f(x: real) -> real = g(<<g>>)"},
    {"function-as-value", "fn f(x: real) = <<sin>>[0]"},
    {"duplicate-name", "fn f(x: real) = x\nfn <<f>>(y: real) = y"},
    {"duplicate-name", "fn f(x: real, <<x>>: real) = x"},
    {"duplicate-name", "fn f[n, <<n>>](x: real[n]) = x"},
    {"duplicate-name", "fn f[n](<<n>>: real) = n"},
    {"duplicate-name", "fn f(x: real) = (a = x, <<a>> = x)"},
    {"duplicate-name", "fn f(x: real) = x\nexport f\nexport <<f>>"},
    {"missing-parameter-type", "fn f(<<x>>) = 1"},
    {"unset-variable", "fn f(x: real) { var v: real  return x + <<v>> }"},
    {"assignment-to-let", "fn f(x: real) { let a = x  <<a>> = 2  return a }"},
    {"assignment-to-let", "fn f(x: real) { <<x>> = 2  return x }"},
    {"assignment-to-let", "const K = 1\nfn f(x: real) { <<K>> = 2  return x }"},
    {"export-missing", "fn f(x: real) = x\nexport <<g>>"},
    {"export-missing", "export g = <<1 + 2>>"},
    {"const-not-constant", "fn f(x: real) = x\nconst A = <<f(1)>>"},
    {"const-not-constant", "const A = <<1 < 2>>"},
    {"const-cycle", "const <<A>> = B + 1\nconst B = A"},
    {"value-recursion", "fn f(x: real) -> real = <<f(x - 1)>>"},
    {"value-recursion", "fn f(x: real) -> real = <<g(x)>>\nfn g(x: real) -> real = f(x)"},

    // ---- types
    {"type-mismatch", "fn f(x: bool) = <<x>> + 1"},
    {"type-mismatch", "fn g(x: real[3]) = x\nfn f(x: real) = g(<<x>>)"},
    {"type-mismatch", "fn f(x: real) { let a: int = <<x>>  return a }"},
    {"type-mismatch", "fn f(x: real[3]) = <<all(x)>>"},
    {"return-type", "fn f(x: real) -> int = <<x>>"},
    {"return-type", "fn f[n](x: real[n]) -> real[n + 1] = <<x>>"},
    {"return-type", "fn f(x: real) -> (real, real) { return <<(x, x, x)>> }"},
    {"mixed-floats", "fn f(x: f32, y: f64) = <<x * y>>"},
    {"mixed-floats", "fn g(x: f32) = x\nfn f(y: f64) = g(<<y>>)"},
    {"mixed-floats", "fn f(x: f32[3], y: f64[3]) = <<dot(x, y)>>"},
    {"int-division", "fn f(n: int) -> real = <<n / 2>>"},
    {"int-division", "fn f[n](x: real[n]) = sum(x) * (<<1 / n>>)"},
    {"literal-not-int", "fn f(n: int) -> int { let k: int = <<0.5>>  return k }"},
    {"literal-not-int", "fn g(n: int) = n\nfn f(x: real) = g(<<1 / 2>>)"},
    {"literal-out-of-range", "fn f(x: f32) = x * <<1e300>>"},
    {"literal-out-of-range", "fn f(n: int) = n + <<9223372036854775807 * 2>>"},
    {"condition-not-bool", "fn f(x: real) = if <<x>> { 1.0 } else { x }"},
    {"condition-not-bool", "fn f(x: real) = x > 0 and <<x>>"},
    {"condition-not-scalar", "fn f(x: real[3]) = if <<x > 0>> { 1.0 } else { 2.0 }"},
    {"branches-differ", "fn f(x: real[3]) = <<if x[0] > 0 { x } else { 0 }>>"},
    {"pattern-arity", "fn f(x: real) { let <<(a, b, c)>> = (x, x)  return a }"},
    {"pattern-arity", "fn f(x: real) { let <<(a, b)>> = x  return a }"},
    {"no-such-field", "fn f(x: real) { let t = (alpha = x, b = x)  return t.<<alpa>> }"},
    {"no-such-field", "fn f(x: real) = x.<<a>>"},
    {"array-elements-differ", "fn f(x: real, y: real[2]) = [x, <<y>>]"},

    // ---- sizes
    {"size-mismatch", "fn f[n, m](x: real[n], y: real[m]) = <<x + y>>"},
    {"size-mismatch", "fn g[n](x: real[n], y: real[n]) = dot(x, y)\nfn f(x: real[3], y: real[4]) = g(x, <<y>>)"},
    {"size-mismatch", "fn f[n, m](x: real[n], y: real[m]) = <<dot(x, y)>>"},
    {"size-mismatch", "fn g(x: real[3]) = x\nfn f(x: real[4]) = g(<<x>>)"},
    {"shape-mismatch", "fn f[n, d](X: real[n, d], y: real[n]) = <<X + y>>"},
    {"shape-mismatch", "fn f(x: real[2, 3], y: real[2, 4]) = concat(x, <<y>>)"},
    {"matmul-inner-size", "fn f[H, K, D](W1: real[H, K], x: real[D]) = sigmoid(<<W1 @ x>>)"},
    {"no-such-size", "fn f[n](x: real[<<m>>]) = x"},
    {"not-a-size", "fn f(x: real[<<1.5>>]) = x"},
    {"not-a-size", "fn f(k: int) = zeros(<<k>>)"},
    {"not-a-size", "fn f(x: real[<<-1>>]) = x"},
    {"size-not-inferred", "fn g[n](x: real) = zeros(n) + x\nfn f(x: real) = <<g(x)>>"},
    {"size-count", "fn g[n](x: real) = zeros(n) + x\nfn f(x: real) = g[1, <<2>>](x)"},
    {"size-count", "fn f(x: real) = sin<<[3]>>(x)"},
    {"size-too-large", "fn f[n](x: real[n], y: real[<<div(n, 0)>>]) = x"},
    {"size-too-large", "fn f[n](x: real[n]) = zeros(<<n * 9223372036854775807 * 2>>)"},
    {"reshape-count", "fn f(x: real[6]) = <<reshape(x, [4, 2])>>"},
    {"bad-axis", "fn f(x: real[2, 3]) = sum(x, <<axis = 2>>)"},
    {"bad-axis", "fn f(x: real[2, 3]) = transpose(x, <<[0, 0]>>)"},
    {"bad-axis", "fn f(x: real[2, 3]) = <<cumsum(x)>>"},
    {"rank-mismatch", "fn f(x: real, y: real) = <<x @ y>>"},
    {"rank-mismatch", "fn f(x: real[2, 2], y: real[2]) = dot(<<x>>, y)"},
    {"rank-mismatch", "fn f(x: real) = sum(<<x>>)"},
    {"rank-too-large",
     "fn f(x: <<real[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]>>) = x"},
    {"empty-reduction", "fn f(x: real[0]) = <<max(x)>>"},

    // ---- subscripts and index notation
    {"too-many-subscripts", "fn f(x: real[3]) = x<<[0, 1]>>"},
    {"too-many-subscripts", "fn f(x: real) = x<<[0]>>"},
    {"subscript-not-int", "fn f(x: real[3]) = x[<<1.5>>]"},
    {"index-out-of-range", "fn f(x: real[3]) = x[<<3>>]"},
    {"index-out-of-range", "fn f(x: real[3]) = x[<<-4>>]"},
    {"index-out-of-range", "fn f[n](x: real[n]) = x[<<n>>]"},
    {"index-out-of-range", "fn f[n](x: real[n]) = sum[i in 0..n](x[<<i + 1>>])"},
    {"index-out-of-range", "fn f(x: real[3]) = x[<<1..5>>]"},
    {"negative-index", "fn f(x: real[3]) = x[<<1 - 2>>]"},
    {"bad-step", "fn f(x: real[6]) = x[0..6 step <<0>>]"},
    {"binder-range-unknown", "fn f(x: real[3]) = sum[<<i>>](x[i + 1])"},
    {"binder-range-conflict", "fn f[n, m](x: real[n], y: real[m]) = sum[<<i>>](x[i] * y[i])"},
    {"binder-unused", "fn f(x: real) = sum[<<i>>](x)"},
    {"binder-reuses-name", "fn f(x: real[3]) { let i = 1  return sum[<<i>>](x[i]) }"},
    {"binder-reuses-name", "fn f(x: real[3, 3]) = sum[i, <<i>>](x[i, i])"},
    {"bad-binder", "fn f(x: real[3]) = sum[<<i + 1>>](x[i])"},
    {"bad-binder", "fn f(x: real[3, 3]) = argmax<<[i, j]>>(x[i, j])"},

    // ---- calls
    {"argument-count", "fn g(x: real) = x\nfn f(x: real) = g<<(x, x)>>"},
    {"argument-count", "fn g(x: real, y: real) = x\nfn f(x: real) = g<<(x)>>"},
    {"argument-count", "fn f(x: real) = atan2<<(x)>>"},
    {"argument-count", "fn f(x: real[3]) = dot<<(x)>>"},
    {"unknown-argument", "fn g(x: real) = x\nfn f(x: real) = g(<<y>> = x)"},
    {"unknown-argument", "fn f(x: real) = sin(<<angle>> = x)"},
    {"unknown-argument", "fn f(x: real[3]) = sum(x, <<axes>> = 0)"},
    {"duplicate-argument", "fn g(x: real) = x\nfn f(x: real) = g(x, <<x = 1>>)"},
    {"bad-argument", "fn g(x: real) = x\nfn f(x: real) = g(<<0..3>>)"},
    {"bad-argument", "fn f(x: real[3]) = max(x, x, <<axis = 0>>)"},

    // ---- derivatives
    {"not-differentiable", "fn g(n: int, x: real) = n * x\nexport d = grad(g, wrt = <<n>>)"},
    {"not-differentiable", "fn g(x: real) = x > 0\nexport d = <<grad(g)>>"},
    {"wrt-missing", "fn g(x: real, y: real) = x * y\nexport d = <<grad(g)>>"},
    {"unknown-wrt", "fn g(x: real, y: real) = x * y\nexport d = grad(g, wrt = <<z>>)"},
    {"unknown-mode", "fn g(x: real) = x\nexport d = grad(g, mode = <<revers>>)"},
    {"grad-of-array", "fn g(x: real[3]) = 2 * x\nexport d = <<grad(g)>>"},
    {"unknown-output", "fn g(x: real) = (a = x, b = x)\nexport d = grad(g, of = <<c>>)"},
    {"bad-derivative", "fn g(x: real) = x\nfn f(x: real) = grad(g, <<x>>)"},
    {"bad-derivative", "fn g(x: real) = x\nexport d = grad(g, <<wtr = x>>)"},

    // ---- models and train blocks
    {"unknown-model", "model Net { param w: real  loss(x: real) = w * x }\ntrain <<Nett>> { batch 3 }"},
    {"unknown-distribution", "model Net { param w: real ~ <<gloro()>>\n loss(x: real) = w * x }"},
    {"key-outside-model", "model Net { param w: real  loss(x: real) = w * x - normal(key) }\ntrain Net { data csv(\"a\") { x = column(\"x\") }"
                          " optimizer sgd  objective mean(loss) + normal(<<key>>) }"},
    {"type-mismatch", "fn f(k: int) = uniform(<<k>>)"},
    {"type-mismatch", "fn f(k: key) = normal(<<split(k, 2)>>)"},
    {"type-mismatch", "fn f(k: key, x: real) = x * <<k>>"},
    {"type-mismatch", "fn f(k: key) = k\nfn g(x: int) = f(<<x>>)"},
    {"argument-count", "fn f(x: real) = dropout<<(x, rate = 0.5)>>"},
    {"shape-mismatch", "fn f[n, m](k: key, p: real[n]) = bernoulli(k, <<p>>, [m])"},
    {"collective-outside-model", "fn f(x: real) = <<batch_sum(x)>>"},
    {"collective-under-condition", "model M { param w: real  fn f(x: real) = if x > 0 { <<batch_mean(x)>> } else { 0 } }"},
    {"collective-in-derivative", "model M { param w: real  fn f(x: real) = batch_mean(x)^2\n fn g(x: real) = <<grad(f)>>(x) }"},
    {"accumulated-collectives",
     "model M { param w: real  loss(x: real) = w * batch_mean(x) }\n"
     "train M { data csv(\"t.csv\") { x = column(\"x\") }  objective mean(loss)  optimizer sgd  batch 2  <<accumulate 3>> }"},
    {"not-a-state", "model M { param w: real  fn f(x: real) -> real { update <<w>> = 1\n return x } }"},
    {"not-a-state", "fn f(x: real) -> real { update <<x>> = 1\n return x }"},
    {"misplaced-update", "model M { state s: real = 0  fn f(x: real) -> real { update s = 1\n return x }\n fn g(x: real[2]) = sum[i](<<f(x[i])>>) }"},
    {"update-twice", "model M { state s: real = 0  fn f(x: real) -> real { update s = 1\n <<update s = 2>>\n return x } }"},
    {"update-of-example", "model M { state s: real = 0  fn f(x: real) -> real { update s = <<s + x>>\n return x } }"},
    {"type-mismatch", "model M { state s: <<int>> = 0  fn f(x: real) = x }"},
    {"type-mismatch", "model M { param w: real  fn f(x: real) = batch_mean(<<x > 0>>) }"},
    {"bad-entry", "model Net { param w: real  loss(x: real) = w * x }\ntrain Net { data csv(\"a\") { x = column(\"x\") }  optimizer sgd(lr = 1)  objective <<mean()>> }"},
    {"bad-entry", "model Net { param w: real  loss(x: real) = w * x }\ntrain Net { data csv(\"a\") { x = column(\"x\") }"
                  " optimizer sgd(<<rl = 1>>)  objective mean(loss) }"},
    {"missing-entry", "model Net { param w: real  loss(x: real) = w * x }\ntrain <<Net>> { data csv(\"a\") { x = column(\"x\") }"
                      " objective mean(loss) }"},
    {"two-data-blocks", "model Net { param w: real  loss(x: real, y: real) = w * x - y }\ntrain Net { data csv(\"a\") { x = column(0) }"
                        " data csv(\"b\") { y = column(0) }  objective <<mean(loss)>>  optimizer sgd(lr = 1) }"},

    // ---- later stages of the language: one message each, whatever depends on it
    {"argument-count", "fn f(x: real[1, 4, 4], k: real[1, 1, 3, 3], b: real[1]) = conv2d<<(x, k, b, 1, 1, 3)>>"},
    {"duplicate-argument", "fn f(x: real[1, 4, 4], k: real[1, 1, 3, 3], b: real[1]) = conv2d(x, k, b, <<bias>> = b)"},
    {"bad-argument", "fn f(x: real) = <<[]>>"},
    {"bad-argument", "fn f(x: real) = <<\"x\">>"},
    {"ragged-range", "fn f(x: real[5]) { let y[i in 0..3] = sum(x[<<0..i>>])\n return y }"},
    {"not-a-size", "fn f(x: real[5]) { let y[i in 0..3] = sum(zeros(<<i>>))\n return y }"},
    {"not-a-size", "fn f(x: real[5], k: int) { let y[i in 0..<<k>>] = x[i]\n return y }"},
    {"function-as-value", "fn f(x: real) { let g = <<if x > 0 { sin } else { cos }>>\n return g(x) }"},
    {"not-supported-yet", "fn f(x: real[5, 5], at: int[2], k: int) = <<x[at, k..k + 2]>>"},
    {"unknown-model", "model M { param w: real  layer l = <<N>>[3]\n loss(x: real) = w * x }"},
    {"model-cycle", "model A { layer b = B[]\n fn f(x: real) = x }\nmodel B { layer a = <<A>>[]\n fn f(x: real) = x }"},
    {"model-cycle", "model A { layer a = <<A>>[]\n fn f(x: real) = x }"},
    {"size-count", "model A[n] { param w: real[n]  fn f(x: real) = x }\nmodel B { layer a = <<A>>[1, 2]\n fn g(x: real) = a.f(x) }"},
    {"no-such-size", "model A[n] { param w: real[n]  fn f(x: real) = x }\nmodel B { layer a = A[<<m>> = 2]\n fn g(x: real) = a.f(x) }"},
    {"size-count", "model A { param w: real  fn f(x: real) = x }\nmodel B { layer <<a>>[2, 3] = A[]\n fn g(x: real) = x }"},
    {"array-of-layers", "model A { param w: real  fn f(x: real) = w * x }\nmodel B { layer a[3] = A[]\n fn g(x: real) = <<a>>.f(x) }"},
    {"array-of-layers", "model A { param w: real  fn f(x: real) = w * x }\nmodel B { layer a[3] = A[]\n fn g(x: real) = a[<<0..2>>].f(x) }"},
    {"too-many-subscripts", "model A { param w: real  fn f(x: real) = w * x }\nmodel B { layer a = A[]\n fn g(x: real) = a<<[0]>>.f(x) }"},
    {"index-out-of-range", "model A { param w: real  fn f(x: real) = w * x }\nmodel B { layer a[3] = A[]\n fn g(x: real) = a[<<3>>].f(x) }"},
    {"no-such-field", "model A { param w: real  fn f(x: real) = w * x }\nmodel B { layer a = A[]\n fn g(x: real) = a.<<v>> * x }"},
    {"no-such-field", "model A { fn f(x: real) = x }\nmodel B { layer a = A[]\n fn g(x: real) = x * <<a>> }"},
    {"duplicate-name", "model A { param w: real }\nmodel B { param a: real  layer <<a>> = A[] }"},
    {"type-mismatch", "model A { state s: <<(real, real)>> = (0, 0)  fn f(x: real) = x }"},
    {"type-mismatch", "model A { param p: <<(real, real)>> ~ normal(0, 1)  fn f(x: real) = x }"},
    {"update-twice", "model A { state s: real = 0  fn f(x: real) -> real { update s = 1\n return x } }\nmodel B { layer a = A[]\n fn g(x: real) = a.f(x) + <<a.f(x)>> }"},
    {"misplaced-update", "model A { state s: real = 0  fn f(x: real) -> real { update s = 1\n return x } }\nmodel B { layer a = A[]\n fn g(x: real[2]) = sum[i](<<a.f(x[i])>>) }"},
    {"misplaced-update", "model A { state s: real = 0  fn f(x: real) -> real { update s = 1\n return x } }\nmodel B { layer a[2] = A[]\n fn g(x: real[2]) = sum[i](<<a[i].f(x[i])>>) }"},
    {"misplaced-update", "model A { state s: real = 0  fn f(x: real) -> real { update s = 1\n return x } }\n"
                         "model B { layer a = A[]\n fn g(x: real) -> real { var y = x  for i in 0..3 { y = <<a.f(y)>> }  return y } }"},
    {"type-mismatch", "model A { param w: real  loss(<<g>>: fn(real) -> real, x: real) = w * g(x) }"},
    {"array-of-layers", "model A { param w: real  fn f(x: real) = w * x }\nmodel B { layer a[3] = A[] }\nmodel C { layer b[2] = B[]\n fn g(x: real) = <<b>>.a[0].f(x) }"},
    {"array-of-layers", "model A { param w: real  fn f(x: real) = w * x }\nmodel B { layer a[3] = A[] }\nmodel C { layer b[2] = B[]\n fn g(x: real) = <<b.a>>.f(x) }"},
    {"misplaced-update", "fn once(f: fn(real) -> real, x: real) -> real = f(x)\nmodel M { state s: real = 0  fn up(x: real) -> real { update s = 1\n return x }\n fn g(x: real) = once(<<up>>, x) }"},
    {"collective-in-derivative", "model M { state s: real = 0  fn up(x: real) -> real { update s = 1\n return x }\n fn g(x: real) = checkpoint(<<up>>)(x) }"},
    {"collective-under-condition", "fn once(f: fn(real) -> real, x: real) -> real = f(x)\nmodel M { param w: real  fn bm(x: real) -> real = w * batch_mean(x)\n fn g(x: real) = if x > 0 { <<once(bm, x)>> } else { 0 } }"},
    {"collective-in-derivative", "model M { param w: real  fn bm(x: real) -> real = w * batch_mean(x)\n fn g(x: real) = <<grad(fn(u: real) = bm(u))>>(x) }"},
    {"collective-in-derivative", "model M { param w: real  fn bm(x: real) -> real = w * batch_mean(x)\n fn g(x: real) = checkpoint(<<bm>>)(x) }"},
    {"collective-in-derivative", "fn once(f: fn(real) -> real, x: real) -> real = f(x)\nderivative once(f, x) { jvp(df, dx) = df(x) + x * dx }\n"
                                 "model M { param w: real  fn bm(x: real) -> real = w * batch_mean(x)\n fn g(x: real) = <<once(bm, x)>> }"},
    {"unknown-function", "fn each[n, k](f: fn(real[n]) -> real[k], x: real[n]) -> real[k] = f(x)\nfn a(x: real[3]) = each(fn(v) = <<undefined_q>>(v), x)"},
    {"pattern-arity", "fn f(x: real) { var <<(a, b)>>: (real, real, real)\n (a, b) = (x, x)\n return a + b }"},
    {"unset-variable", "fn f(x: real) { var (a, b): (real, real)\n a = x\n return a + <<b>> }"},
    {"not-a-function", "fn f(s: (a: real, b: real)) = <<s.a>>(1)"},
    {"unknown-name", "fn f(x: real) = <<y>>.g(x)"},
    {"no-such-field", "fn f(s: (a: real, b: real)) = s.<<c>>(1)"},
    {"collective-in-derivative", "model A { fn f(x: real) = batch_mean(x) }\nmodel B { layer a = A[]\n fn g(x: real) = <<grad(a.f)>>(x) }"},
    {"ragged-range", "fn f(L: real[3, 3]) { let z[a, b in <<0..a>>] = L[a, b]  return z }"},
    {"ragged-range", "fn f(L: real[9, 9]) = sum[a in 0..3, b in <<0..a * a>>](L[a, b])"},
    {"assignment-in-index", "fn f(x: real[3]) { var s = x[0]  let y[i in 0..3] = if x[i] > 0 { <<s>> = x[i]; s } else { s }  return y }"},
    {"loop-assigns-nothing", "fn f(x: real) { <<while>> x > 0 { let y = x }  return x }"},
    {"bad-attribute", "fn f(x: real) { var s = x  for i in 0..3 <<@max_iters(3)>> { s = s + 1 }  return s }"},
    {"bad-attribute", "fn f(x: real) { var s = x  while s > 0 <<@checkpoint(0)>> { s = s - 1 }  return s }"},
    {"struct-cycle", "struct <<A>> { b: B }\nstruct B { a: A }"},
    {"bad-rule", "fn f(x: real) = x\nderivative <<f>>(x, y) { jvp(dx) = dx }"},
    {"bad-rule", "fn f(x: real, n: int) = x * n\nderivative f(x, n) { jvp(dx, <<dn>>) = dx * n }"},
    {"bad-rule", "fn f(x: real) = x\nderivative f(x) { jvp(<<dy>>) = dy }"},
    {"rule-not-linear", "fn f(x: real) = x^2\nderivative f(x) { jvp(dx) = <<2 * x * dx + x>> }"},
    {"rule-not-linear", "fn f(x: real) = x^2\nderivative f(x) { jvp(dx) = <<dx * dx>> }"},
    {"rule-not-linear", "fn f(x: real) = x^2\nderivative f(x) { jvp(dx) = <<if dx > 0 { dx } else { 0 }>> }"},
    {"rule-not-linear", "fn f(x: real) = x^2\nfn g(x: real) -> real = x + 1\nderivative f(x) { jvp(dx) = <<g(dx)>> }"},
    {"capture-of-var", "fn f(x: real) { var s = x  let g = fn(y: real) = <<s>> * y  return g(x) }"},
    {"function-argument-missing", "fn h(f: fn(real) -> real, x: real) = f(x)\n<<export h>>"},
    {"value-recursion", "fn f(x: real) { fn g(y: real) -> real = <<g>>(y)\n return g(x) }"},
    {"recursion-needs-type", "fn det[n](A: real[n, n]) = if n == 1 { A[0, 0] } else { <<det(A[1..n, 1..n])>> }"},
    {"value-recursion", "fn f[n](x: real[n]) -> real = if n == 1 { x[0] } else { <<f(x)>> }"},
    {"unused-parameter", "fn f(x: real, <<y>>: real) = x"},
    {"unused-parameter", "fn f(x: real) = map(fn(v, <<w>>) = v, [x], [x])"},
    {"unused-parameter", "model M { param <<w>>: real  fn predict(x: real) = x }"},
    {"unused-parameter", "fn f(x: real) = x^2\nfn g(<<x>>: real) = grad(f, wrt = x)(2)"},
    {"unused-variable", "fn f(x: real) { let <<y>> = x  return x }"},
    {"unused-variable", "fn f(x: real[2]) { var <<y>> = x  y[0] += 1  return x }"},
    {"unused-variable", "fn f(x: real) { let (a, <<b>>) = (x, 2)  return a }"},
};

TEST(Unused, NamesThatAreReadInSomeWay) {
  const char* const kPrograms[] = {
      "fn f(x: real, _y: real) { let (_, _z) = (x, 2)  return x }",
      "fn f(g: fn(real) -> real, x: real) = g(x)\nfn h(x: real) { let k = fn(z) = z * x  return f(k, 1) }",
      "fn f(x: real[3], i: int) { var v = x  v[i] = 1  return v }",
      "fn f(x: real[3]) { let s = sum  let t = x  return s(t) }",
      "fn f(x: real[3], m: int) = sum[k in 0..m](x[k])",
      "fn f(x: real) { var s = x  while s > 1 { s = s / 2 }  for _ in 0..2 { s *= 2 }  return s }",
      "model M { param w: real  param v: real  fn predict(x: real) = x }\nfn f(params: (w: real, v: real), x: real) = M.predict(params, x) + params.w + params.v",
      "struct S { a: real }\nfn f(s: S) { var t = s  t.a = 2  return t.a }",
      "fn f(a: real, b: real) = a * b\nderivative f(a, b) { jvp(da) = b * da }",
  };
  for (const char* text : kPrograms) {
    const Analysed a(text);
    EXPECT_TRUE(a.ok) << text;
    EXPECT_EQ(a.messages(), "") << text;
  }
}

TEST(Unused, AnErrorHidesWhatReads) {
  EXPECT_EQ(Analysed("fn f(x: real, y: real) = x + z").diagnostics.all().size(), 1u);
}

TEST(Unused, ThePreludeReadsAllItNames) {
  for (const PreludeFile& file : prelude_files()) {
    Sources sources;
    Interner names;
    Diagnostics diagnostics;
    const Ast ast = parse(sources, sources.add(std::string(file.name), std::string(file.text)), names, diagnostics);
    warn_unused(ast, names, diagnostics);
    EXPECT_TRUE(diagnostics.all().empty()) << render_short(diagnostics.all()[0], sources);
  }
}

TEST(SemaErrors, HavePlaceAndSlugAndComeAlone) {
  for (const Case& c : kCases) {
    std::string text = c.source;
    const size_t begin = text.find("<<");
    text.erase(begin, 2);
    const size_t end = text.find(">>");
    text.erase(end, 2);
    const Analysed a(text);
    SCOPED_TRACE(std::string(c.source) + "\n" + a.messages());
    ASSERT_EQ(a.diagnostics.all().size(), 1u);
    const Diagnostic& d = a.diagnostics.all()[0];
    EXPECT_STREQ(d.kind->slug, c.slug);
    EXPECT_EQ(std::string(a.sources.text(d.span)), text.substr(begin, end - begin));
    EXPECT_EQ(a.ok, d.kind->severity != Severity::error);
    EXPECT_EQ(a.violations(), "");
  }
}

TEST(SemaErrors, AreAllTested) {
  std::set<std::string> tested;
  for (const Case& c : kCases) tested.insert(c.slug);
  tested.insert({"too-deep", "struct-too-large"});  // scale_test.cpp
  for (const DiagnosticKind& kind : kSemaErrors) EXPECT_TRUE(tested.contains(kind.slug)) << kind.slug;
}

TEST(SemaErrors, ExplainThemselves) {
  for (const DiagnosticKind& kind : kSemaErrors) EXPECT_GT(std::string_view(kind.explanation).size(), 60u) << kind.slug;
}

TEST(SemaErrors, SuggestTheNearestName) {
  EXPECT_EQ(Analysed("fn f(x: real) = sigmod(x)").diagnostics.all()[0].help_text, "did you mean `sigmoid`?");
  EXPECT_EQ(Analysed("fn f(theta: real) = thta").diagnostics.all()[0].help_text, "did you mean `theta`?");
  EXPECT_EQ(Analysed("fn f(x: real) = pi * x").diagnostics.all()[0].help_text, "write `π`");
}

TEST(SemaErrors, OneFunctionsErrorsDoNotStopTheOthers) {
  const Analysed a("fn f(x: real) = y\nfn g(x: real) = f(x) + z\nfn h(x: real) = 2 * x\nfn k(x: real) = f(x)");
  EXPECT_EQ(a.diagnostics.n_errors(), 2u) << a.messages();
  EXPECT_FALSE(a.has("f"));
  EXPECT_FALSE(a.has("g"));
  EXPECT_FALSE(a.has("k"));
  EXPECT_TRUE(a.has("h"));
}

TEST(SemaErrors, TellWhereBothSizesCameFrom) {
  const Analysed a("fn f[H, K, D](W: real[H, K], x: real[D]) =\n  W @ x");
  ASSERT_EQ(a.diagnostics.all().size(), 1u);
  EXPECT_EQ(render_text(a.diagnostics.all()[0], a.sources), R"(error[matmul-inner-size]: inner sizes of `W @ x` differ: K and D
  --> in.dl:2:3
   |
 1 | fn f[H, K, D](W: real[H, K], x: real[D]) =
   |               -------------  ---------- `x` is declared here: f64[D]
   |               |
   |               `W` is declared here: f64[H, K]
 2 |   W @ x
   |   ^   ^ f64[D]
   |   |
   |   f64[H, K]
   = rule: `@` contracts the last size of the left with the first of the right
)");
}

}  // namespace
}  // namespace dlc
