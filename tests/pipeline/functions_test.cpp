// Functions as values: declared in bodies, passed, differentiated; what flows through captured values.
#include "checked.h"

namespace dlc {
namespace {

constexpr const char* kText = R"(
fn f(x: real, w: real) -> real {
  let k = w * w
  fn g(y: real) -> real = k * y^2 + x
  let h = fn(y: real) = g(y) * x
  return h(x) + grad(g)(x) + grad(h, mode = forward)(w)
}
fn twice(f: fn(real) -> real, x: real) -> real = f(f(x))
fn newton[n](f: fn(z: real[n], p: real) -> real, x: real[n], p: real) -> real[n] = x - p * grad(f, wrt = z)(x, p)
fn a(x: real) -> real = twice(sin, x) + twice(fn(y) = x * y, x)
fn b[m](v: real[m], A: real[m, m], s: real) -> real[m] {
  let u = newton(fn(q, t) = dot(q, A @ q) * t + sum(v * q), v, s)
  return newton(fn(q: real[m], t: real) = dot(q, u) * t^2, u, 2)
}
fn c[n](x: real[n]) -> real[n] {
  let Y[i] = twice(fn(z: real) = z * i + sum(x), x[i])
  return Y
}
fn mapped[n](f: fn(real) -> real, x: real[n]) {
  let Y[i] = f(x[i])
  return Y
}
fn d[n](x: real[n], w: real) -> real = sum(mapped(fn(t) = exp(t * w), mapped(sin, x)))
fn square(x: real) -> real = x * x
fn e(x: real) -> real = twice(square, x) * twice(grad(square), x)
fn l[n](x: real[n]) -> real {
  fn paired[k](a: real[k], b: real[k]) -> real = dot(a, b) + sum(x)
  return paired(x, x) + paired([1, 2], [3, 4])
}
fn composed(f: fn(real) -> real, g: fn(real) -> real, x: real) -> real = f(g(x))
fn m(x: real, w: real) -> real = composed(fn(a) = composed(fn(b) = a * b * w, sin, x), fn(c) = c + w, x)
export n = fn(x: real, y: real) = x * sin(y)
)";

TEST(Functions, EveryModeAgrees) {
  const auto c = loaded(kText);
  for (const char* name : {"f", "a", "b", "c", "d", "e", "l", "m", "n"}) expect_checked(*c, name);
}

TEST(Functions, Values) {
  const auto c = loaded(kText);
  EXPECT_EQ(numbers_of(*c, "f", "x=2,w=3"), (std::vector<double>{76 + 36 + 2 * 9 * 3 * 2}));
  EXPECT_EQ(numbers_of(*c, "e", "x=2"), (std::vector<double>{16 * 8}));
  EXPECT_EQ(numbers_of(*c, "c", "x=[1,2]"), (std::vector<double>{3, 8}));
  EXPECT_EQ(numbers_of(*c, "l", "x=[2,1]"), (std::vector<double>{5 + 3 + 11 + 3}));
}

// One instance for each choice of functions, whoever makes it; closures are functions of their own.
TEST(Functions, OneInstanceForEachChoice) {
  const auto c = loaded("fn twice(f: fn(real) -> real, x: real) -> real = f(f(x))\n"
                        "fn a(x: real) -> real = twice(sin, x) + twice(sin, 2 * x)\nfn b(x: real) -> real = twice(sin, x) + twice(cos, x)\n");
  EXPECT_TRUE(c->module.find("twice.for.2"));
  EXPECT_FALSE(c->module.find("twice.for.3"));
}

// Perturbation confusion (Siskind & Pearlmutter 2005): the inner derivative is with respect to the inner variable only, and the
// outer one sees through it what the inner function captured.
TEST(Functions, PerturbationsAreNotConfused) {
  for (const std::string outer : {"forward", "reverse", "numeric"})
    for (const std::string inner : {"forward", "reverse", "symbolic"}) {
      const auto c = loaded(
          "fn inner(x: real) -> real = x * grad(fn(y: real) = x + y, mode = " + inner + ")(1)\n"
          "fn first(x: real) -> real = grad(inner, mode = " + outer + ")(x)\n"
          "fn second(x: real) -> real = grad(fn(a: real) = grad(inner, mode = " + inner + ")(a), mode = " + outer + ")(x)\n"
          "fn product(x: real) -> real = grad(fn(a: real) = a * grad(fn(b: real) = a * b * b, mode = " + inner + ")(a), mode = " + outer + ")(x)\n"
          "fn third(x: real) -> real = grad(fn(a: real) = grad(fn(b: real) = b^2 * grad(fn(z: real) = a * b * z^3, mode = " + inner +
          ")(b), mode = " + inner + ")(a), mode = " + outer + ")(x)\n");
      const double tolerance = outer == "numeric" ? 1e-6 : 1e-12;
      EXPECT_NEAR(numbers_of(*c, "first", "x=3")[0], 1, tolerance) << inner << " in " << outer;
      EXPECT_NEAR(numbers_of(*c, "second", "x=3")[0], 0, tolerance) << inner << " in " << outer;
      EXPECT_NEAR(numbers_of(*c, "product", "x=2")[0], 24, 10 * tolerance) << inner << " in " << outer;     // d/dx 2x³
      EXPECT_NEAR(numbers_of(*c, "third", "x=1")[0], 75, 100 * tolerance) << inner << " in " << outer;      // d/da 3a·5a⁴
    }
}

// The implicit function theorem once for all equations (Christianson 1998): what moves a root is how the function changes with
// what it captured, here numbers, arrays, structs, sizes, other functions, and roots of other equations.
std::string roots(const std::string& rule) {
  return "struct Line { slope: real  at: real }\n"
         "fn root(g: fn(real) -> real, x0: real) -> real {\n  var x = x0\n  for _ in 0..8 { x -= g(x) / grad(g)(x) }\n  return x\n}\n"
         "derivative root(g, x0) -> x { jvp(dg, dx0) = " + rule + " }\n" + R"(
fn number(a: real) = root(fn(x) = x^3 + x - a, 0.5)
fn array[n](c: real[n]) = root(fn(x) = x + sum[i](c[i]^2 * x^(2 * i + 1)) / 20 - 0.25 * n, 0.1)
fn line(p: Line) = root(fn(x) = exp(x) + (1 + p.slope^2) * (x - p.at), p.at)
fn nested(a: real, b: real) = root(fn(x) = x^3 + x - b * root(fn(y) = y + sin(y) / 2 - a * x, 0), 0)
fn looped(a: real) {
  var s = a
  for k in 0..3 {
    let t = s
    s = root(fn(x) = x^3 + (k + 1) * x - t, 0)
  }
  return s
}
fn passed(f: fn(real) -> real, a: real) = root(fn(x) = x + f(x) / 3 - a, 0)
fn through(a: real, w: real) = passed(sin, a) + passed(fn(x) = sin(w * x), a)
fn constant(a: real) = a * root(cos, 1.5)
fn mapped[n](a: real[n]) {
  let y[i] = root(fn(x) = x^3 + x - a[i], 0)
  return y
}
fn slope(a: real) = grad(number)(a)
)";
}

TEST(Functions, RulesOfFunctionsThatTakeFunctions) {
  for (DType real : {DType::f64, DType::f32}) {
    const auto c = loaded(roots("-dg(x) / grad(g)(x)"), real);
    for (const char* name : {"number", "array", "line", "nested", "looped", "through", "constant", "mapped", "slope"}) expect_checked(*c, name);
  }
  const auto wrong = loaded(roots("dg(x) / grad(g)(x)"));
  for (const char* name : {"number", "array", "line", "looped", "through", "mapped", "slope"}) {  // `nested` steps by a wrong slope
    const auto result = check_function(*wrong, wrong->find(name), {.n_samples = 3});
    EXPECT_TRUE(result && result->failed()) << name;
  }
}

// A rule may call its own function with the direction, or with a derivative of what is given, to any order; what is captured may
// have the names of directions.
TEST(Functions, RulesOfRules) {
  const auto c = loaded(R"(
fn mid(g: fn(real) -> real, x: real) -> real = 0.5 * (g(x) + g(x + 1))
derivative mid(g, x) { jvp(dg, dx) = mid(dg, x) + mid(grad(g), x) * dx }
fn app(g: fn(real) -> real, x: real) -> real = g(x)
derivative app(g, x) { jvp(dg, dx) = mid(fn(z) = dg(2 * x - z + 0.5), x) * 0 + dg(x) + grad(g)(x) * dx }
fn argmin(g: fn(real) -> real, x0: real) -> real {
  var x = x0
  for _ in 0..30 { x -= grad(g)(x) / grad(grad(g))(x) }
  return x
}
derivative argmin(g, x0) -> x { jvp(dg, dx0) = 0 * dx0 - grad(dg)(x) / grad(grad(g))(x) }
fn a(x: real, c: real, dc: real) = mid(fn(z) = sin(c * z) + dc^2 * z, x)
fn b(x: real, c: real, dc: real) = app(fn(z) = z * c + dc^2, x)
fn d(x: real, c: real) = app(fn(z) = app(fn(y) = y^2 * c * z, z), x) + mid(cos, x)
fn e(a: real) = argmin(fn(x) = x^2 - a * x + x^4 / 10, 0.2)
)");
  for (const char* name : {"a", "b", "d", "e"}) expect_checked(*c, name);
}

// A rule counts wherever its function is called, also where the body by itself is constant or does not read what the rule reads.
TEST(Functions, RulesOfConstantBodies) {
  const auto c = loaded(R"(
fn st(x: real) -> real = round(x)
derivative st(x) -> y { jvp(dx) = dx }
fn spike(x: real) -> real = if x > 0 { 1 } else { 0 }
derivative spike(x) -> y { jvp(dx) = dx / (1 + abs(x))^2 }
fn other(x: real, y: real) -> real = y
derivative other(x, y) { jvp(dx, dy) = 7 * dx + dy }
fn bisect(f: fn(real) -> real, lo: real, hi: real) -> real {
  var (l, r) = (lo, hi)
  for _ in 0..60 { if f(0.5 * (l + r)) > 0 { r = 0.5 * (l + r) } else { l = 0.5 * (l + r) } }
  return 0.5 * (l + r)
}
derivative bisect(f, lo, hi) -> x { jvp(df, dlo, dhi) = -df(x) / grad(f)(x) + 0 * (dlo + dhi) }
fn slopes(x: real) = (grad(st)(x), grad(fn(z: real) = st(z)^2)(x), grad(fn(z: real) = st(z) * z)(x), jvp(fn(z: real) = st(z)^2)(x, dz = 1), grad(fn(z: real) = st(st(z)), mode = forward)(x))
fn net(w: real) -> real {
  var (v, n) = (0.0, 0.0)
  for t in 0..4 {
    v = 0.5 * v + w
    n += spike(v - 1)
  }
  return n
}
fn rest(x: real, y: real) = (grad(net)(x), grad(fn(z: real) = other(z, 2))(x), grad(fn(a: real) = bisect(fn(z) = z^2 - a, 0, 10))(y))
)");
  EXPECT_EQ(numbers_of(*c, "slopes", "x=1.7"), (std::vector<double>{1, 4, 3.7, 4, 1}));
  double net = 0;
  for (double v = 0, dv = 0; const int t : {0, 1, 2, 3}) {
    static_cast<void>(t);
    v = 0.5 * v + 0.7, dv = 0.5 * dv + 1;
    net += dv / ((1 + std::abs(v - 1)) * (1 + std::abs(v - 1)));
  }
  const std::vector<double> rest = numbers_of(*c, "rest", "x=0.7,y=2");
  EXPECT_NEAR(rest[0], net, 1e-14);
  EXPECT_EQ(rest[1], 7);
  EXPECT_NEAR(rest[2], 0.5 / std::sqrt(2), 1e-14);
}

// What recurs on sizes may take functions that capture, are for certain sizes, or both.
TEST(Functions, RecursionsTakeFunctions) {
  for (DType real : {DType::f64, DType::f32}) {
    const auto c = loaded(R"(
fn fold[n](f: fn(real, real) -> real, x: real[n]) -> real {
  if n == 1 { return x[0] }
  let m = div(n, 2)
  return f(fold(f, x[0..m]), fold(f, x[m..n]))
}
fn times[k, n](f: fn(real[n]) -> real[n], x: real[n]) -> real[n] {
  if k == 0 { return x }
  return times[k - 1, n](f, f(x))
}
fn both[n](f: fn(real) -> real, g: fn(real, real) -> real, x: real[n]) -> real {
  if n == 1 { return f(x[0]) }
  return g(f(x[n - 1]), both(f, g, x[0..n - 1]))
}
fn captures[n](x: real[n], w: real) = fold(fn(a, b) = a * b * w + x[0], x)
fn sized(x: real[3], A: real[3, 3]) = times[2, 3](fn(v) = tanh(A @ v), x)
fn open[n](x: real[n], A: real[n, n]) = times[3, n](fn(v) = tanh(A @ v / n), x)
fn inner[n](x: real[n], w: real) = grad(fn(z: real) = both(fn(u) = sin(u * z), fn(a, b) = a * b + w, x))(w)
fn at(x: real[4]) = captures(x, 2)
)", real);
    for (const char* name : {"captures", "sized", "open", "inner"}) expect_checked(*c, name);
    EXPECT_EQ(numbers_of(*c, "at", "x=[1,2,3,4]"), (std::vector<double>{251}));
  }
}

// `grad(f, wrt = x)(sin, x)`: the derivative has the parameters of f, functions too.
TEST(Functions, DerivativesTakeFunctions) {
  const auto c = loaded(R"(
fn ap(g: fn(real) -> real, x: real) -> real = g(x)^2
fn over[n](q: fn(real, real) -> real, x: real[n], w: real) -> real = sum[i](q(x[i], w))
fn sq(a: real, w: real) = a * a * w
fn one(x: real) = grad(ap, wrt = x)(sin, x)
fn two(x: real) = grad(grad(ap, wrt = x), wrt = x)(sin, x)
fn captures(x: real, c: real) = grad(ap, wrt = x)(fn(z) = sin(c * z), x)
fn nested(x: real, c: real) = grad(fn(c: real) = grad(ap, wrt = x)(fn(z) = sin(c * z), x))(c)
fn kept(x: real, c: real) = checkpoint(ap)(fn(z) = sin(c * z), x)
fn arrays[n](x: real[n], w: real) = (grad(over, wrt = x)(sq, x, w), grad(over, wrt = [w, x])(q = sq, x = x, w = w),
  jvp(over, wrt = w)(sq, x, w, dw = 2), hessian(over, wrt = x)(fn(a, b) = a^3 * b + w, x, 2))
model B[n] {
  param w: real[n] = 0.5
  fn all(f: fn(real) -> real, x: real[n]) -> real = sum[i](f(w[i] * x[i]))
  fn by_x(x: real[n]) -> real[n] = grad(all, wrt = x)(sin, x)
  fn by_w(x: real[n]) -> real[n] = grad(all, wrt = w)(fn(z) = z^2 * x[0], x)
}
fn model(x: real[2], w: real[2]) = (B[2].by_x((w = w), x), B[2].by_w((w = w), x))
)");
  EXPECT_EQ(numbers_of(*c, "model", "x=[1,2],w=[3,0]"), (std::vector<double>{3 * std::cos(3), 0, 6, 0}));
  EXPECT_NEAR(numbers_of(*c, "one", "x=0.7")[0], std::sin(1.4), 1e-15);
  EXPECT_NEAR(numbers_of(*c, "two", "x=0.7")[0], 2 * std::cos(1.4), 1e-15);
  EXPECT_EQ(numbers_of(*c, "arrays", "x=[1,2],w=3"), (std::vector<double>{6, 12, 5, 6, 12, 10, 12, 0, 0, 24}));
  for (const char* name : {"captures", "nested", "kept"}) expect_checked(*c, name);
}

// What is given may be for the sizes of its caller only: written in place, named, built in, of structs; or for any.
constexpr const char* kAtSizes = R"(
struct S[n] { v: real[n] }
fn nrm[n](f: fn(real[n]) -> real, x: real[n]) -> real = f(x)
fn g(x: real[2]) = nrm(fn(x) = sum(x), x)
fn rosen(x: real[2]) = (1 - x[0])^2 + 100 * (x[1] - x[0]^2)^2
fn h(x: real[2]) = nrm(rosen, x) + nrm(sum, x) + nrm[2](fn(y) = y[0], x)
fn gs[n](x: real[n]) = dot(x, x)
fn i(x: real[2], y: real[3]) = nrm(gs, x) + nrm(gs, y)
fn st[n](f: fn(S[n]) -> real, s: S[n]) -> real = f(s)
fn j(x: real[2]) = st(fn(s) = sum(s.v), S(v = x))
fn minimise[n](f: fn(real[n]) -> real, x0: real[n], steps: int) -> real[n] {
  var x = x0
  for _ in 0..steps { x = x - 0.001 * grad(f)(x) }
  return x
}
fn k(x: real[2]) = minimise(rosen, x, 3)
fn out[n, k](f: fn(real[n]) -> real[k], x: real[n]) -> real[k] = f(x)
fn l(x: real[2]) = out(fn(x) = [x[0], x[1], sum(x)], x)
)";

TEST(Functions, AreGivenForTheirCallersSizes) {
  const auto c = loaded(kAtSizes);
  for (const char* name : {"g", "h", "i", "j", "k", "l"}) expect_checked(*c, name);
  EXPECT_EQ(numbers_of(*c, "h", "x=[1,2]"), (std::vector<double>{100 + 3 + 1}));
  EXPECT_EQ(numbers_of(*c, "l", "x=[1,2]"), (std::vector<double>{1, 2, 3}));
  // One that is for any sizes makes one instance for all of them.
  EXPECT_TRUE(c->module.find("nrm.for"));
}

}  // namespace
}  // namespace dlc
