// dlc.h as a program uses it, and misuses it.
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "dlc.h"
#include "runtime/abi.h"

namespace {

using dlc::DerivativeMode;
using Vector = std::vector<double>;

constexpr const char* kSlides = "fn f(x1: real, x2: real) -> real = (exp(x1 / x2) + x1 / x2) * (x1 / x2 - ln(x2))\n";
constexpr const char* kArrays =
    "fn total[n, d](X: real[n, d], w: real[d], b: real) -> real = sum[i](dot(X[i], w) + b)\n"
    "fn scaled[n](x: real[n], k: real) -> real[n] = x * k\n"
    "fn even[l](x: real[2 * l]) -> real[l] = x[0..2*l step 2]\n"
    "fn product[n, m](X: real[n * m], y: real[m]) -> real = sum(X) + sum(y)\n"
    "fn both(x: real) -> (v: real, n: int) = (v = x * x, n = 3)\n"
    "fn shifted[n](x: real[n]) -> real[n - 3] = x[0..n - 3]\n";

dlc::Program program(const char* text) {
  auto p = dlc::Program::from_text(text);
  EXPECT_TRUE(p) << p.error();
  return *p;
}

TEST(Program, GradientInEveryMode) {
  const dlc::Program p = program(kSlides);
  for (const auto mode : {DerivativeMode::reverse, DerivativeMode::forward, DerivativeMode::symbolic, DerivativeMode::numeric}) {
    auto g = p.value_and_grad("f", {"x1", "x2"}, {}, mode);
    ASSERT_TRUE(g) << g.error();
    double f = 0, d1 = 0, d2 = 0;
    ASSERT_TRUE(g->call({1.5, 0.5}, {f, d1, d2}));
    const double tolerance = mode == DerivativeMode::numeric ? 1e-8 : 1e-14;
    EXPECT_NEAR(f, 85.258285599583049843704425, 1e-12);
    EXPECT_NEAR(d1, 201.915056323301653931596981, 202 * tolerance);
    EXPECT_NEAR(d2, -651.916242816280297276548004, 652 * tolerance);
  }
}

TEST(Program, DirectPointer) {
  const dlc::Program p = program(kSlides);
  auto f = p.function("f");
  ASSERT_TRUE(f) << f.error();
  auto direct = f->as<double(double, double)>();
  ASSERT_TRUE(direct) << direct.error();
  EXPECT_EQ((*direct)(0.5, 1.0), 1.0743606353500641);
  EXPECT_FALSE((f->as<double(double)>()));
  EXPECT_FALSE((f->as<float(float, float)>()));
  double out = 0;
  ASSERT_TRUE(f->call({0.5, 1.0}, {out}));
  EXPECT_EQ(out, 1.0743606353500641);
}

TEST(Program, JvpAndVjpAreTransposed) {
  const dlc::Program p = program(kArrays);
  auto jvp = p.jvp("scaled", {"x", "k"});
  auto vjp = p.vjp("scaled", {"x", "k"});
  ASSERT_TRUE(jvp) << jvp.error();
  ASSERT_TRUE(vjp) << vjp.error();
  const Vector x = {1, 2, 3}, dx = {0.5, -1, 2}, u = {3, 1, -2};
  const double k = 1.5, dk = 0.25;
  Vector dy(3), x_bar(3);
  double k_bar = 0;
  ASSERT_TRUE(jvp->call({x, k, dx, dk}, {dy}));
  ASSERT_TRUE(vjp->call({x, k, u}, {x_bar, k_bar}));
  double left = 0, right = k_bar * dk;
  for (size_t i = 0; i < 3; ++i) left += u[i] * dy[i], right += x_bar[i] * dx[i];
  EXPECT_NEAR(left, right, 1e-14);
}

TEST(Program, SizesFromLengths) {
  const dlc::Program p = program(kArrays);
  auto total = p.function("total");
  ASSERT_TRUE(total) << total.error();
  EXPECT_EQ(total->inputs()[0].shape, "[n, d]");
  double y = 0;
  ASSERT_TRUE(total->call({Vector{1, 2, 3, 4, 5, 6}, Vector{1, 10, 100}, 0.5}, {y}));
  EXPECT_EQ(y, 321 + 654 + 1.0);
  auto even = p.function("even");
  ASSERT_TRUE(even) << even.error();
  Vector out(2);
  ASSERT_TRUE(even->call({Vector{1, 2, 3, 4}}, {out}));
  EXPECT_EQ(out, (Vector{1, 3}));
  EXPECT_FALSE(even->call({Vector{1, 2, 3}}, {out}));
  auto product = p.function("product");
  ASSERT_TRUE(product) << product.error();
  ASSERT_TRUE(product->call({Vector{1, 2, 3, 4, 5, 6}, Vector{1, 1}}, {y}));
  EXPECT_EQ(y, 23);
}

TEST(Program, FixedSizes) {
  const dlc::Program p = program(kArrays);
  auto total = p.function("total", {{"d", 3}});
  ASSERT_TRUE(total) << total.error();
  EXPECT_EQ(total->inputs()[0].shape, "[n, 3]");
  double y = 0;
  ASSERT_TRUE(total->call({Vector{1, 2, 3}, Vector{1, 10, 100}, 0.0}, {y}));
  EXPECT_EQ(y, 321);
  EXPECT_FALSE(total->call({Vector{1, 2, 3}, Vector{1, 10}, 0.0}, {y}));
  EXPECT_FALSE(p.function("total", {{"q", 3}}));
  EXPECT_FALSE(p.function("total", {{"d", -1}}));
}

TEST(Program, TuplesAreLeaves) {
  const dlc::Program p = program(kArrays);
  auto both = p.function("both");
  ASSERT_TRUE(both) << both.error();
  double v = 0;
  int64_t n = 0;
  ASSERT_TRUE(both->call({1.5}, {v, n}));
  EXPECT_EQ(v, 2.25);
  EXPECT_EQ(n, 3);
  EXPECT_EQ(both->outputs()[1].name, "n");
  auto g = p.grad("both");  // the first field is differentiated
  ASSERT_TRUE(g) << g.error();
  ASSERT_TRUE(g->call({1.5}, {v}));
  EXPECT_EQ(v, 3);
}

TEST(Program, MisuseIsAnErrorAndWritesNothing) {
  const dlc::Program p = program(kArrays);
  auto total = p.function("total");
  ASSERT_TRUE(total) << total.error();
  double y = 7;
  float y32 = 7;
  const Vector X = {1, 2}, w = {1, 2};
  const auto fails = [&](dlc::Status s, const char* word) {
    EXPECT_FALSE(s);
    EXPECT_NE(s.message.find(word), std::string::npos) << s.message;
  };
  fails(total->call({X, w}, {y}), "3 arguments");
  fails(total->call({X, w, 1.0}, {}), "1 result");
  fails(total->call({X, w, 1.0f}, {y}), "`b` is f32");
  fails(total->call({X, w, w}, {y}), "`b` is an array");
  fails(total->call({1.0, w, 1.0}, {y}), "`X` is a number");
  fails(total->call({Vector{1, 2, 3}, w, 1.0}, {y}), "`X` has 3 elements");
  fails(total->call({Vector{1, 2, 3}, w, 1.0}, {y}), "error[argument-size-mismatch]");
  fails(total->call({X, w, 1.0}, {y32}), "f64");
  Vector two(2);
  fails(total->call({X, w, 1.0}, {two}), "elements");
  EXPECT_EQ(y, 7);
  auto shifted = p.function("shifted");
  ASSERT_TRUE(shifted) << shifted.error();
  fails(shifted->call({X}, {two}), "");
}

TEST(Program, RunTimeErrorsShowTheSource) {
  const dlc::Program p = program("fn f[n](x: real[n]) = 2 * norm(x)\nfn g[n](x: real[n]) = x[0] + zeros(n - 2)[0]\n");
  auto f = p.function("f"), g = p.function("g");
  ASSERT_TRUE(f && g);
  double y = 7;
  const dlc::Status empty = f->call({Vector{}}, {y}), few = g->call({Vector{1}}, {y});
  EXPECT_EQ(empty.code, DLC_EMPTY);
  for (const char* part : {"error[empty-reduction]", "text:1:27", "called here", "vectors.dl", "`n` is 0, from argument `x`"})
    EXPECT_NE(empty.message.find(part), std::string::npos) << part << "\n" << empty.message;
  EXPECT_EQ(few.code, DLC_BAD_SIZE);
  EXPECT_NE(few.message.find("error[negative-size]"), std::string::npos) << few.message;
  EXPECT_EQ(y, 7);
}

TEST(Program, ErrorsNameWhatIsWrong) {
  EXPECT_FALSE(dlc::Program::from_file("no/such/file.dl"));
  auto broken = dlc::Program::from_text("fn f(x: real) = y + z");
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.error().find("unknown-name"), std::string::npos) << broken.error();
  const dlc::Program p = program(kSlides);
  auto missing = p.function("g");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("`g`"), std::string::npos);
  EXPECT_FALSE(p.grad("f"));                // two float parameters: which?
  EXPECT_FALSE(p.grad("f", {"x3"}));
  EXPECT_FALSE(p.grad("f", {"x1", "x1"}));
  EXPECT_TRUE(p.grad("f", {"x1"}));         // an error before does not stick
  const dlc::Program q = program("fn h(x: real) = x * f64(int(x))\nfn k(x: real) = x * x\n");
  auto no_derivative = q.grad("h");
  ASSERT_FALSE(no_derivative);
  EXPECT_NE(no_derivative.error().find("no-derivative"), std::string::npos) << no_derivative.error();
  EXPECT_TRUE(q.grad("k"));
}

TEST(Program, OptionsChooseRealAndLevel) {
  auto p = dlc::Program::from_text(kSlides, "slides", {.real = dlc::Real::f32, .opt_level = 0});
  ASSERT_TRUE(p) << p.error();
  auto f = p->function("f");
  ASSERT_TRUE(f) << f.error();
  float y = 0;
  ASSERT_TRUE(f->call({0.5f, 1.0f}, {y}));
  EXPECT_NEAR(y, 1.07436061f, 2e-7);
  auto nowhere = dlc::Program::from_text(kSlides, "slides", {.cpu = "no-such-cpu"});
  ASSERT_TRUE(nowhere);
  EXPECT_FALSE(nowhere->function("f"));  // an error, not an abort
}

TEST(Program, FunctionOutlivesProgram) {
  auto p = std::make_unique<dlc::Program>(program(kSlides));
  auto f = p->function("f");
  ASSERT_TRUE(f) << f.error();
  p.reset();
  double y = 0;
  ASSERT_TRUE(f->call({0.5, 1.0}, {y}));
  EXPECT_EQ(y, 1.0743606353500641);
}

TEST(Program, ThreadsShareAFunction) {
  const dlc::Program p = program(kArrays);
  auto g = p.value_and_grad("total", {"X", "w", "b"});
  ASSERT_TRUE(g) << g.error();
  std::atomic<int> wrong = 0;
  const auto work = [&](int seed) {
    for (int round = 0; round < 200; ++round) {
      const size_t n = 1 + static_cast<size_t>((seed + round) % 7), d = 1 + static_cast<size_t>(round % 5);
      Vector X(n * d, 0.5 * seed), w(d, 2.0), gX(n * d), gw(d);
      double y = 0, gb = 0;
      if (!g->call({X, w, 1.0}, {y, gX, gw, gb})) ++wrong;
      if (gb != static_cast<double>(n) || gX[n * d - 1] != 2 || gw[0] != 0.5 * seed * static_cast<double>(n)) ++wrong;
      // Compiling goes on meanwhile: it must not touch what calls read.
      if (round % 50 == seed && !p.function("scaled", {{"n", round + 1}})) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back(work, t);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Program, ListsItsFunctions) {
  EXPECT_EQ(program("fn f(x: real) = x\nfn g(x: real) = f(x)\nexport g\n").functions(), (std::vector<std::string>{"f", "g"}));
}

}  // namespace
