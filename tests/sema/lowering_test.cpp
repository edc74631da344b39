// What programs become: one small program per idea, and the IR it is.
#include <gtest/gtest.h>

#include "analysed.h"

namespace dlc {
namespace {

/// The IR of function `f` of a program without errors.
std::string ir_of(const std::string& text, std::string_view f = "f") {
  const Analysed a(text);
  EXPECT_TRUE(a.ok) << a.messages() << text;
  EXPECT_EQ(a.violations(), "") << text;
  return a.ir(f);
}

/// The text after "-> " in its head: the result type.
std::string result_of(const std::string& text, std::string_view f = "f") {
  const std::string ir = ir_of(text, f);
  const size_t from = ir.find("-> ") + 3;
  return ir.substr(from, ir.find(" {\n") - from);
}

TEST(Lowering, TheFunctionOfTheSlides) {
  EXPECT_EQ(ir_of("fn f(x1: real, x2: real) -> real = (exp(x1 / x2) + x1 / x2) * (x1 / x2 - ln(x2))"),
            R"(func @f(%0 x1: f64, %1 x2: f64) -> f64 {
  %2 = div %0, %1 : f64
  %3 = exp %2 : f64
  %4 = div %0, %1 : f64
  %5 = add %3, %4 : f64
  %6 = div %0, %1 : f64
  %7 = log %1 : f64
  %8 = sub %6, %7 : f64
  %9 = mul %5, %8 : f64
  return %9
}
)");
}

TEST(Lowering, AMapCapturesWhatItsBodyUses) {
  EXPECT_EQ(ir_of("fn f[n](X: real[n, 3], w: real[3]) -> real[n] {\n  let y[i] = dot(X[i], w)\n  return y\n}"),
            R"(func @f[n](%0 X: f64[n, 3], %1 w: f64[3]) -> f64[n] {
  %2 = map [n] %0, %1 (%3 i: int, %4: f64[n, 3], %5: f64[3]) {
    %6 = index %4, %3 : f64[3]
    %7 = matmul %6, %5 {batch = 0, m = 0, n = 0, k = 1} : f64
    yield %7
  } : f64[n]
  return %2
}
)");
}

TEST(Lowering, NestedRegionsChainTheirCaptures) {
  EXPECT_EQ(ir_of("fn f[n](x: real[n], t: real) = sum[i](if x[i] > t { x[i] } else { t })"),
            R"(func @f[n](%0 x: f64[n], %1 t: f64) -> f64 {
  %2 = map [n] %0, %1 (%3 i: int, %4: f64[n], %5: f64) {
    %6 = index %4, %3 : f64
    %7 = gt %6, %5 : bool
    %8 = if %7, %4, %3, %5 (%9: f64[n], %10: int, %11: f64) {
      %12 = index %9, %10 : f64
      yield %12
    } else (%13: f64[n], %14: int, %15: f64) {
      yield %15
    } : f64
    yield %8
  } : f64[n]
  %16 = sum %2 {axes = [0]} : f64
  return %16
}
)");
}

// ------------------------------------------------------------------------------------------------ rule 5: numbers

TEST(Lowering, LiteralsTakeTheTypeOfTheContext) {
  EXPECT_EQ(result_of("fn f(x: f32) = 1/2 * x"), "f32");
  EXPECT_EQ(result_of("fn f(x: f32) { let half = 0.5  return half * x }"), "f32");
  EXPECT_EQ(result_of("const E = 1e-6\nfn f(x: f32) = x + E"), "f32");
  EXPECT_EQ(result_of("fn f(x: f32) { var s = 0.0  s = s + x  return s }"), "f32");
  EXPECT_EQ(result_of("fn f(x: f32) { let c = if x > 1 { 2.7 } else { 1 }  return c * x }"), "f32");
  EXPECT_EQ(result_of("fn f(x: f32[3]) = [1, 2, 3] * x + zeros(3)"), "f32[3]");
  EXPECT_EQ(result_of("fn f() = 1"), "int");
  EXPECT_EQ(result_of("fn f() = 1.5"), "f64");
  EXPECT_EQ(result_of("fn f() = 1/2"), "f64");
  EXPECT_EQ(result_of("fn f() = zeros(3)"), "f64[3]");
  EXPECT_EQ(result_of("fn f() -> f32 = 2 * π"), "f32");
  EXPECT_EQ(result_of("fn f() -> (f32, int) = (1, 2)"), "(f32, int)");
}

TEST(Lowering, IntsBecomeFloatsWhereOneIsWanted) {
  EXPECT_EQ(result_of("fn f(x: f32, n: int) = n * x"), "f32");
  EXPECT_EQ(result_of("fn f(x: f32, n: int) = x * sqrt(n)"), "f32");
  EXPECT_EQ(result_of("fn f(n: int) = sqrt(n)"), "f64");
  EXPECT_EQ(result_of("fn f(n: int) = 0.5 * n"), "f64");
  EXPECT_EQ(result_of("fn f(n: int) = n + 1"), "int");
  EXPECT_EQ(result_of("fn f[n](x: f32[n]) = sum(x) / n"), "f32");
  EXPECT_EQ(result_of("fn f(n: int) = div(n, 2) + n % 3 + n^2"), "int");
  EXPECT_EQ(result_of("fn f(n: int) = n^-1"), "f64");
}

TEST(Lowering, RealIsAnAliasAndFloatIsTheCallersType) {
  const Analysed a("fn f(x: real) = x", {.real = DType::f32});
  EXPECT_EQ(a.ir("f"), "func @f(%0 x: f32) -> f32 {\n  return %0\n}\n");
  const std::string text = "fn g(x: float) -> float = 2 * x\nfn f(x: f32, y: f64) = (g(x), g(y), g(1))";
  EXPECT_EQ(result_of(text), "(f32, f64, f64)");
  EXPECT_EQ(result_of(text, "g.f32"), "f32");
  EXPECT_EQ(result_of(text, "g"), "f64");  // the instance for `real`
}

TEST(Lowering, Conversions) {
  EXPECT_EQ(result_of("fn f(x: f64) = f32(x)"), "f32");
  EXPECT_EQ(result_of("fn f(x: f32) = real(x) + f64(x)"), "f64");
  EXPECT_EQ(result_of("fn f(x: f32) = int(x)"), "int");
  EXPECT_EQ(result_of("fn f(x: f32) = f32(0.1) * x"), "f32");
}

// -------------------------------------------------------------------------------------------------- rule 4: sizes

TEST(Lowering, SizesAreInferredAtCalls) {
  const std::string g = "fn g[l, b](x: real[2*l, 4*b]) -> real[l] = x[0..l, 0]\n";
  EXPECT_EQ(result_of(g + "fn f[m](x: real[6*m, 8]) = g(x)"), "f64[3*m]");
  EXPECT_NE(ir_of(g + "fn f[m](x: real[6*m, 8]) = g(x)").find("call @g[3*m, 2]"), std::string::npos);
  EXPECT_EQ(result_of("fn init[n]() -> real[n] = zeros(n)\nfn f[n](x: real[n]) = init[n - 1]()"), "f64[n - 1]");
  EXPECT_EQ(result_of("fn g[n](x: real[n], y: real[n - 1]) = n\nfn f(x: real[4]) = g(x, x[1..4])"), "int");
  EXPECT_EQ(result_of("fn f[d](l: real[div(d*(d - 1), 2)], x: real[d]) = l"), "f64[div(d*d - d, 2)]");
}

TEST(Lowering, SlicesHaveSymbolicSizes) {
  const std::string head = "fn f[n](x: real[n], X: real[n, 4]) = ";
  EXPECT_EQ(result_of(head + "x[1..n]"), "f64[n - 1]");
  EXPECT_EQ(result_of(head + "x[..-1]"), "f64[n - 1]");
  EXPECT_EQ(result_of(head + "x[0..n step 2]"), "f64[div(n + 1, 2)]");
  EXPECT_EQ(result_of(head + "X[:, 1]"), "f64[n]");
  EXPECT_EQ(result_of(head + "X[0, 1..3]"), "f64[2]");
  EXPECT_EQ(result_of(head + "X[0]"), "f64[4]");
  EXPECT_NE(ir_of(head + "x[-1]").find("view %0 [n - 1]"), std::string::npos);
  EXPECT_EQ(result_of("fn f[n](x: real[n]) { let w[i in 0..n - 2] = x[i..i + 3]  return w }"), "f64[n - 2, 3]");
  EXPECT_EQ(result_of("fn f[n](X: real[5, n, 7]) { let w[i in 0..n - 2] = X[1..3, i..i + 3, i]  return w }\nfn g() = 1", "g"), "int");
}

TEST(Lowering, BoundsAreProvenCheckedOrGuarded) {
  const auto has = [](const std::string& text, std::string_view what) { return ir_of(text).find(what) != std::string::npos; };
  EXPECT_FALSE(has("fn f[n](x: real[n]) = sum[i](x[i])", "check"));
  EXPECT_TRUE(has("fn f[n](x: real[n]) = x[3]", "check n - 4 >= 0"));
  EXPECT_TRUE(has("fn f[n, m](x: real[n], y: real[m]) = sum[i](x[i] * y[i + 1])", "check -n + m - 1 >= 0"));
  EXPECT_TRUE(has("fn f[n](x: real[n]) = sum[i](if i > 0 { x[i] - x[i - 1] } else { 0 })", "guarded"));
  EXPECT_FALSE(has("fn f[n](x: real[n]) = sum[i](if i > 0 { x[i] - x[i - 1] } else { 0 })", "check"));
}

// ------------------------------------------------------------------------------------- rule 6: index notation

TEST(Lowering, RangesAreInferred) {
  EXPECT_EQ(result_of("fn f[n, k, m](A: real[n, k], B: real[k, m]) { let C[i, j] = sum[t](A[i, t] * B[t, j])  return C }"), "f64[n, m]");
  EXPECT_EQ(result_of("fn f[n, m](x: real[n, m]) { let e[s] = x[s]  return sum[s](logsumexp(e[s])) }"), "f64");
  EXPECT_EQ(result_of("fn f[n](x: real[n]) = max[i](abs(x - 1)[i])"), "f64");
  EXPECT_EQ(result_of("fn f(x: real[5]) { let y[i] = (a = x[i], b = [x[i], 1])  return y }"), "(a: f64[5], b: f64[5, 2])");
  EXPECT_EQ(result_of("fn f(x: real[5]) { let s = sum[i]((x[i], 1))  return s }"), "(f64, int)");
  EXPECT_EQ(result_of("fn f(x: real[5]) = argmax[i in 1..5](x[i])"), "int");
  EXPECT_EQ(result_of("fn f(x: real[5, 4]) = logsumexp[i, j](x[i, j])"), "f64");
  EXPECT_EQ(result_of("fn f(x: real[5]) = any[i](x[i] > 0) and all[i](x[i] < 1)"), "bool");
}

TEST(Lowering, WholeArrayFunctions) {
  const std::string head = "fn f(X: real[3, 4], v: real[4]) = ";
  EXPECT_EQ(result_of(head + "sum(X, axis = 0)"), "f64[4]");
  EXPECT_EQ(result_of(head + "mean(X, axis = -1)"), "f64[3]");
  EXPECT_EQ(result_of(head + "argmax(X)"), "int");
  EXPECT_EQ(result_of(head + "X @ v"), "f64[3]");
  EXPECT_EQ(result_of(head + "X @ transpose(X)"), "f64[3, 3]");
  EXPECT_EQ(result_of(head + "outer(v, X)"), "f64[4, 3, 4]");
  EXPECT_EQ(result_of(head + "reshape(X, [2, 6])"), "f64[2, 6]");
  EXPECT_EQ(result_of(head + "concat(X, X, axis = 1)"), "f64[3, 8]");
  EXPECT_EQ(result_of(head + "stack(v, v, axis = 1)"), "f64[4, 2]");
  EXPECT_EQ(result_of(head + "flip(X) + cumsum(X, axis = 0)"), "f64[3, 4]");
  EXPECT_EQ(result_of(head + "softmax(X) + log_softmax(X, axis = 0)"), "f64[3, 4]");
  EXPECT_EQ(result_of(head + "logsumexp(X, axis = 0)"), "f64[4]");
  EXPECT_EQ(result_of(head + "norm(X)"), "f64");
  EXPECT_EQ(result_of(head + "one_hot(1, 4) * v"), "f64[4]");
  EXPECT_EQ(result_of(head + "eye(3) @ X + full[4](2) - ones[3, 4]()"), "f64[3, 4]");
  EXPECT_EQ(result_of(head + "max(v, 0) + min(v)"), "f64[4]");
}

// --------------------------------------------------------------------------------------- statements and tuples

TEST(Lowering, StraightLineVarsAreNames) {
  EXPECT_EQ(result_of("fn f(x: real) { var a = x  var b = 2 * x; (a, b) = (b, a)  a -= 1  return a / b }"), "f64");
  EXPECT_EQ(result_of("fn f(x: real) { var t: real  t = 1  return t }"), "f64");
  EXPECT_EQ(result_of("fn f(x: real) { let mean = mean([x, 1])  return mean }"), "f64");
  EXPECT_EQ(result_of("fn f(x: real) { let (a, (b, c)) = (x, (1, true))  return (a * b, c) }"), "(f64, bool)");
  EXPECT_EQ(result_of("fn f(x: real) { let t = (p = x, q = 1)  let (u, v) = t  return t.p + u * v }"), "f64");
  EXPECT_EQ(result_of("fn f(x: real) { let z: real[3] = x  return z }"), "f64[3]");
  EXPECT_EQ(result_of("fn f(x: real) -> real { if x > 0 { return x } else if x < -1 { return 1 } else { return -x } }"), "f64");
}

// -------------------------------------------------------------------------------------------- rule 1: derivatives

TEST(Lowering, DerivativesAreRequests) {
  const std::string g = "fn g(x: real, y: real[3], n: int) -> real = x * sum(y) * n\n";
  const Analysed a(g + "export a = grad(g, wrt = x)\nexport b = value_and_grad(g, wrt = [x, y], mode = forward)\n"
                       "export c = jvp(g, wrt = y)\nexport d = vjp(g, wrt = [x])\nexport e = grad(grad(g, wrt = x), wrt = x)\n"
                       "export a2 = grad(g, wrt = x)\nexport h = grad(sin)");
  ASSERT_EQ(a.messages(), "");
  ASSERT_EQ(a.module.exports.size(), 7u);
  const auto type = [&](size_t k) { return a.module.types.text(a.module[a.module.exports[k].func].result_type()); };
  EXPECT_EQ(type(0), "f64");
  EXPECT_EQ(type(1), "(f64, (x: f64, y: f64[3]))");
  EXPECT_EQ(type(2), "f64");
  EXPECT_EQ(type(3), "(x: f64)");
  EXPECT_EQ(type(4), "f64");
  EXPECT_EQ(a.module.exports[0].func, a.module.exports[5].func);
  EXPECT_EQ(a.module[a.module.exports[1].func].request->mode, Mode::forward);
  EXPECT_EQ(a.module[a.module.exports[2].func].body().params.size(), 4u);
  EXPECT_EQ(type(6), "f64");
}

TEST(Lowering, DerivativesAreCalled) {
  const std::string g = "fn g(x: real, y: real) = (total = x * y, extra = x)\n";
  EXPECT_EQ(result_of(g + "fn f(x: real) = grad(g, wrt = x)(x, 2) + grad(grad(g, wrt = x), wrt = y)(x, 2)"), "f64");
  EXPECT_EQ(result_of(g + "fn f(x: real) { let (v, d) = value_and_grad(g, wrt = x, of = total)(x, 2)  return v.extra + d }"), "f64");
  EXPECT_EQ(result_of(g + "fn f(x: real) { let d = jvp(g, wrt = [x, y])  return d(x, 2, dx = 1, dy = 0) }"), "f64");
  EXPECT_EQ(result_of("fn g(x: float) -> float = x^2\nfn f(x: f32) = grad(g)(x)"), "f32");
  EXPECT_EQ(result_of("fn g(x: real) = x^2\nfn f[n](x: real[n]) = sum[i](grad(g)(x[i]))"), "f64");
}

TEST(Lowering, TheTwoLayerNetwork) {
  const std::string text = R"(
fn predict[D, H](W1: real[H, D], b1: real[H], W2: real[H], b2: real, x: real[D]) -> real {
  let a = sigmoid(W1 @ x + b1)
  return sigmoid(dot(W2, a) + b2)
}
fn loss[D, H](W1: real[H, D], b1: real[H], W2: real[H], b2: real, x: real[D], y: real) -> real {
  let h = predict(W1, b1, W2, b2, x)
  return -(y * log(h) + (1 - y) * log(1 - h))
}
fn objective[n, D, H](W1: real[H, D], b1: real[H], W2: real[H], b2: real, X: real[n, D], y: real[n]) -> real =
  mean[i](loss(W1, b1, W2, b2, X[i], y[i]))
export objective_grad = value_and_grad(objective, wrt = [W1, b1, W2, b2])
)";
  const Analysed a(text);
  EXPECT_EQ(a.messages(), "");
  EXPECT_EQ(a.violations(), "");
  ASSERT_EQ(a.module.exports.size(), 1u);
  EXPECT_EQ(a.module.types.text(a.module[a.module.exports[0].func].result_type()),
            "(f64, (W1: f64[H, D], b1: f64[H], W2: f64[H], b2: f64))");
}

TEST(Lowering, AFilesNamesDoNotReachIntoThePrelude) {
  EXPECT_EQ(result_of("const abs = 1\nfn sum(x: real) = x\nfn logsumexp[n](x: real[n]) = x[0]\n"
                      "fn f(x: real[3]) = log_softmax(x) + logsumexp(x)"), "f64[3]");
}

TEST(Lowering, DocsAndPlacesAreKept) {
  const Analysed a("/// Twice x.\nfn f(x: real) = 2 * x");
  const Func& f = a.module[a.module.find("f")];
  EXPECT_EQ(f.doc, "Twice x.");
  EXPECT_EQ(a.sources.text(f.loc.span), "f");
  EXPECT_EQ(a.sources.text(f[f.body().result].loc.span), "2 * x");
}

}  // namespace
}  // namespace dlc
