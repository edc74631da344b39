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
