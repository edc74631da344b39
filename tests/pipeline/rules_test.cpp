// Derivative control: rules that the program declares, checkpoint and stop_gradient.
#include <algorithm>
#include <cmath>

#include "checked.h"
#include "ops/table.h"

namespace dlc {
namespace {

constexpr const char* kText = R"(
fn relu1(x: real) -> real = if x > 0 { x } else { 0 }
derivative relu1(x) { jvp(dx) = if x > 0 { dx } else { 0 } }
fn root(a: real, b: real) -> real = sqrt(a * b)
derivative root(a, b) -> y { jvp(da, db) = (da * b + a * db) / (2 * y) }
fn cube[n](x: real[n], k: int) -> real[n] = k * x^3
derivative cube(x, k) { jvp(dx) = 3 * k * x^2 * dx }
struct S { a: real  b: real[2] }
fn scaled(s: S, k: real) -> S = S(a = s.a * k, b = s.b * s.a)
derivative scaled(s, k) { jvp(ds, dk) = S(a = ds.a * k + s.a * dk, b = ds.b * s.a + s.b * ds.a) }
fn f[n](x: real[n]) -> real = sum[i](relu1(x[i]) * root(x[i]^2 + 1, 2 + x[0]^2)) + sum(cube(x, 2))
fn shared[n](x: real[n], w: real) -> real = sum[i](root(x[i]^2 + 1, w^2 + 1))
fn used(s: S, k: real) -> real {
  let t = scaled(s, k)
  return t.a * sum(t.b)
}
fn h(x: real, y: real) -> real = checkpoint(fn(a: real) = sin(exp(a * y)))(x) * x + checkpoint(root)(x^2 + 1, y^2 + 1)
fn deep[n](x: real[n]) -> real {
  let s[i] = checkpoint(root)(x[i]^2 + 1, 3)
  return sum(s)
}
fn g(x: real) -> real = x * stop_gradient(x * sin(x)) + f64(int(stop_gradient(x)))
)";

// Every form in which a rule can be linear: sums, contractions, solves, views, gathers, regions, loops and calls.
constexpr const char* kLinear = R"(
fn a[n](x: real[n]) = sum(x^2)
derivative a(x) { jvp(dx) = 2 * sum[i](x[i] * dx[i]) }
fn b[n](x: real[n]) = mean(x)
derivative b(x) { jvp(dx) = mean[i](dx[i]) }
fn c[n](A: real[n, n], b: real[n]) = solve(A, b)
derivative c(A, b) -> x { jvp(dA, db) = solve(A, db - dA @ x) }
fn d[n](L: real[n, n], x: real[n]) = triangular_solve(L, x)
derivative d(L, x) { jvp(dx) = triangular_solve(L, dx) }
fn e[n](x: real[n]) = 2 * x
derivative e(x) { jvp(dx) = map(fn(v: real) = 2 * v, dx) }
fn f(x: real[3]) = [x[2], x[0]]
derivative f(x) { jvp(dx) = dx[[2, 0]] }
fn g(x: real[3, 2]) = x[1]
derivative g(x) { jvp(dx) = embedding(dx, 1) }
fn h(x: real[3]) = sum(x)
derivative h(x) { jvp(dx) = scan(fn(s: real, v: real) = s + v, init = 0 * dx[0], over = dx) }
fn i(x: real) = 2 * x
derivative i(x) { jvp(dx) = fma(dx, 2, 0 * dx) }
fn j(x: real) = 3 * x
derivative j(x) { jvp(dx) = thrice(dx) }
fn thrice(x: real) {
  var s = 0 * x
  for k in 0..3 { s += x }
  return s
}
fn k(x: real[3]) = sum(x)
derivative k(x) { jvp(dx) = folded(dx) }
fn folded[n](x: real[n]) {
  var v = x
  for k in 1..n { v[k] += v[k - 1] }
  return v[n - 1]
}
fn l(x: real[3]) = cumsum(x)
derivative l(x) { jvp(dx) = cumsum(dx) }
fn m(x: real[4]) = reshape(transpose(reshape(x, 2, 2)), 4)
derivative m(x) { jvp(dx) = reshape(transpose(reshape(dx, 2, 2)), 4) }
fn o(x: real[4]) = flip(concat(x, x))
derivative o(x) { jvp(dx) = flip(concat(dx, dx)) }
fn p(x: real[4]) = outer(x, x)
derivative p(x) { jvp(dx) = outer(dx, x) + outer(x, dx) }
fn q(x: real[4]) = [sum[i in 0..4, j in 0..i + 1](x[j]), 0, x[1]]
derivative q(x) { jvp(dx) = [sum[i in 0..4, j in 0..i + 1](dx[j]), 0, stack(dx, dx)[0, 1]] }
)";

TEST(Rules, LinearInManyForms) {
  const auto c = loaded(kLinear);
  for (char name = 'a'; name <= 'q'; ++name)
    if (name != 'n') expect_checked(*c, std::string(1, name), 1);
}

TEST(Rules, EveryModeAgrees) {
  const auto c = loaded(kText);
  for (const char* name : {"relu1", "cube", "scaled", "f", "shared", "used", "h", "deep", "g"}) expect_checked(*c, name);
}

// The rule is what is used, also where it is not the derivative: forward, reverse, batched, and once more.
TEST(Rules, AreWhatIsUsed) {
  const auto c = loaded("fn sq(x: real) -> real = x^2\nderivative sq(x) -> y { jvp(dx) = 10 * y * dx }\n"
                        "fn all[n](x: real[n]) -> real = sum[i](sq(x[i]))\n"
                        "export r = grad(sq)\nexport j = jvp(sq)\nexport b = grad(all)\nexport s = grad(fn(x: real) = grad(sq, mode = forward)(x))\n");
  EXPECT_EQ(numbers_of(*c, "r", "x=2"), (std::vector<double>{40}));
  EXPECT_EQ(numbers_of(*c, "j", "x=2,dx=3"), (std::vector<double>{120}));
  EXPECT_EQ(numbers_of(*c, "b", "x=[1,2]"), (std::vector<double>{10, 40}));
  EXPECT_EQ(numbers_of(*c, "s", "x=2"), (std::vector<double>{400}));  // of 10·sq(x), by the rule again
}

TEST(Rules, AWrongOneIsRefuted) {
  const auto c = loaded("fn sq(x: real) -> real = x^2\nderivative sq(x) { jvp(dx) = 3 * x * dx }\n");
  const auto check = check_function(*c, c->find("sq"), {.n_samples = 5});
  ASSERT_TRUE(check);
  EXPECT_TRUE(check->failed());
}

// What a checkpointed function computes is not kept for the way back: its derivative calls it by a function of its own.
TEST(Checkpoint, StaysACall) {
  const auto c = loaded("fn f(x: real) -> real = sin(exp(x))\nfn plain(x: real) -> real = f(x)^2\nfn kept(x: real) -> real = checkpoint(f)(x)^2\n"
                        "export p = grad(plain)\nexport k = grad(kept)\n");
  const auto n_calls = [&](const char* name) {
    const Func& f = c->module[function(*c, name)];
    return std::count_if(f.insts.begin(), f.insts.end(), [](const Inst& in) { return in.op == find_op("call"); });
  };
  EXPECT_EQ(numbers_of(*c, "p", "x=0.3"), numbers_of(*c, "k", "x=0.3"));
  EXPECT_EQ(n_calls("p"), 0);
  EXPECT_GT(n_calls("k"), 0);
}

TEST(StopGradient, IsAConstant) {
  const auto c = loaded("fn g(x: real) -> real = x * stop_gradient(x * sin(x))\nexport r = grad(g)\nexport j = jvp(g)\nexport s = grad(g, mode = symbolic)\n"
                        "export h = hessian(g)\n");
  const double expected = 2 * std::sin(2.0);
  EXPECT_EQ(numbers_of(*c, "r", "x=2")[0], expected);
  EXPECT_EQ(numbers_of(*c, "j", "x=2,dx=1")[0], expected);
  EXPECT_EQ(numbers_of(*c, "s", "x=2")[0], expected);
  EXPECT_EQ(numbers_of(*c, "h", "x=2")[0], 0);
}

}  // namespace
}  // namespace dlc
