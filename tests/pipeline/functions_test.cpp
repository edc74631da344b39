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

}  // namespace
}  // namespace dlc
