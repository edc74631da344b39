// What a step of a loop costs: as much as what it reads and changes, on the way forward and back, also of arrays that are larger.
#include <cmath>
#include <regex>
#include <span>

#include "cases.h"
#include "codegen/codegen.h"

namespace dlc {
namespace {

/// The lines within loops that go over an axis of n.
std::string long_lines_in_loops(const std::string& loops) {
  std::istringstream lines(loops);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    const size_t axes = line.find('[');
    const bool is_long = axes != std::string::npos && line.substr(axes, line.find(']') - axes).find('n') != std::string::npos;
    if (is_long && line.starts_with("    ")) found += line + "\n";
  }
  return found;
}

FuncId gradient_of(Compilation& c, const std::string& name, std::vector<int> wrt) {
  const FuncId gradient = c.derivative({.kind = DerivativeRequest::Kind::grad, .mode = Mode::reverse, .base = function(c, name), .wrt = std::move(wrt)}, {});
  EXPECT_TRUE(gradient) << render_all(c.diagnostics, c.sources);
  return gradient;
}

const Case kSmallSteps[] = {
    {"fn f[n](x: real[n], v: real[n]) -> real {\n  var s = 0.5\n  for i in 0..n { s = s * x[0] + x[i] * v[n - 1] + sum(x[1..3]) * s }\n  return s\n}", "x=[1,2,3],v=[1,0,2]", {210}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for i in 0..n - 1 { v[i + 1] = v[i] * v[0] + x[0] * x[n - 1] }\n  return sum(v)\n}", "x=[2,1,3]", {38}},
    {"fn f[n](x: real[n]) -> real {\n  var s = 0.0\n  var i = 0\n  while s < x[0] + 5 @max_iters(n) {\n    s += x[i] * x[1]\n    i += 1\n    if i == n { break }\n  }\n  return s\n}", "x=[1,2,-3]", {6}},
    {"fn f[n](X: real[n, 2], v: real[n]) -> real {\n  var s = 1.0\n  for i in 0..n { s = s + dot(X[i], X[0]) * X[1, 1] + X[i, 1] * v[1] + sum(X[0..2, 0]) }\n  return s\n}", "X=[[1,2],[3,4]],v=[1,2]", {85}},
    {"fn f[n](X: real[2, n]) -> real {\n  var s = 1.0\n  for i in 0..n { s = s + dot(X[:, i], X[:, 0]) * X[1, i] }\n  return s\n}", "X=[[1,2],[3,4]]", {87}},
    {"fn f[n](X: real[n, n]) -> real {\n  var s = 0.0\n  for i in 0..n { for j in 0..n { if X[i, j] > 0 { s += X[i, j] * X[j, 0] * X[0, 1] } } }\n  return s\n}", "X=[[1,2],[3,-4]]", {20}},
    {"fn f[n](X: real[n, 2]) -> real {\n  var v = X\n  for i in 0..n { if X[i, 0] > 0.5 { v[i] = v[i] * X[i] } }\n  return sum(v)\n}", "X=[[1,2],[0,3],[2,2]]", {16}},
    // Stores in inner loops: what they keep is kept.
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for i in 2..n { for j in 0..3 { v[i - j] = v[i] * x[i - j] + v[i - j] } }\n  return sum(v)\n}",
     "x=[1,2,-1,0.5,1]", {5.5}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for i in 3..n { for j in 0..2 { for l in 0..2 { v[i - j - l] = v[i - j] * x[i - l] }\n     v[i] += v[i - 1] } }\n  return sum(v)\n}",
     "x=[1,2,-1,0.5,1]", {3.875}},
    // Several inner loops, stores between them, a loop under an `if`: each way back begins where the next one's ends.
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for i in 2..n {\n    for j in 0..3 { v[i - j] = v[i] * x[i - j] }\n    v[i] += v[i - 1] * x[0]\n    for j in 0..2 { v[i - j] = v[i - 1] * x[j] + v[i - j] }\n    v[i - 1] *= v[i]\n"
     "    for j in 0..2 { v[i - j] *= v[i - 2] }\n  }\n  return sum(v)\n}",
     "x=[1,2,-1,0.5,1]", {-4.5}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for i in 2..n {\n    v[i] *= x[0]\n    if x[i] > 0.3 { for j in 0..3 { v[i - j] = v[i] * x[i - j] } } else { v[i - 1] = x[i] }\n  }\n  return sum(v)\n}",
     "x=[1,2,-1,0.5,1]", {2}},
};

// Inner loops that may be left out and whose stores are read in the same step, and one whose number of steps is found as it runs.
const Case kInnerStores[] = {
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for i in 2..n {\n    v[i] *= x[0]\n    if x[i] > 0.3 { for j in 0..3 { v[i - j] = v[i] * x[i - j] } }\n    v[i - 1] += v[i]\n    if v[i] < 2 { v[i] += 1 } else { for j in 0..2 { v[i - j] *= v[i - 2] } }\n  }\n  return sum(v)\n}",
     "x=[1,2,-1,0.5,1]", {4}},
    {"fn f[n](x: real[n]) -> real {\n  var (v, w) = (x, 2 * x)\n  for i in 2..n {\n    if x[i] > 0.3 {\n      for j in 0..3 { v[i - j] = v[i] * w[i - j]\n        w[i - j] += v[i] }\n    } else { for j in 0..2 { v[i - j] *= w[i] } }\n    w[i] *= v[i - 1]\n  }\n  return sum(v * w)\n}",
     "x=[1,2,-1,0.5,1]", {381.5}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for i in 2..n { if x[i] > 0.3 { for j in 0..3 { if v[i - j] < 5 { v[i - j] = v[i] * x[i - j] } } } else { v[i] *= v[i] } }\n  return sum(v)\n}",
     "x=[1,2,-1,0.5,1]", {2.0}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  var w = x\n  for i in 0..n - 2 {\n    var j = 0\n    while v[i + j] > 0.1 @max_iters(2) { v[i + j] = v[i + j] * x[i]\n      w[j] += v[i] * w[i]\n      j += 1 }\n    w[i] = w[i] * v[i]\n  }\n  return sum(v * w)\n}",
     "x=[2,0.5,-1,3,-1]", {260.125}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  var s = 0.0\n  for i in 2..n {\n    if x[i] > 0.25 {\n      v[i] = v[i] * v[i]\n      for j in 0..3 { v[i - j] = v[i] * x[i - j] }\n      v[i] *= v[i - 1]\n    }\n    if v[i] < 2 { s += v[i] * v[i - 1] }\n    for j in 0..2 { if v[i - j] > 0.25 { v[i - j] *= v[i - 2] }\n      s += v[i - j] * v[i] }\n  }\n  return s + sum(v)\n}",
     "x=[1,2,-1,0.5,1]", {-2.995849609375}},
};

// What a step stored is read in the same step, where the derivative of the store needs what was there before: in the condition of a
// later `if`, in a factor, in that `if`, in another store's, nested, beside a `break`.
const Case kReadStores[] = {
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for t in 0..n {\n    if v[t] > 0.5 { v[t] = v[t] * v[t] }\n    if v[t] > 8 { break }\n  }\n  return sum(v)\n}",
     "x=[0.25,2,3,1.5]", {14.75}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  var s = 0.0\n  for t in 0..n {\n    if v[t] > 0.5 { v[t] = v[t] * v[t] }\n    s += v[t] * v[n - 1 - t]\n  }\n  return s + sum(v)\n}",
     "x=[0.25,2,3,1.5]", {64.4375}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  for t in 0..n - 1 {\n    if v[t] > 0.5 { v[t] = v[t] * v[t] } else { v[t + 1] *= v[t] }\n    if v[t + 1] > 0.4 { v[t + 1] = v[t] * v[t + 1] } else { v[t] *= 3 * v[t] }\n  }\n  return sum(v)\n}",
     "x=[0.25,2,3,0.125]", {0.765625}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  var s = 0.0\n  for t in 0..n - 1 {\n    if v[t] > 0.5 {\n      v[t] = v[t] * v[t]\n      if v[t] < 6 { v[t + 1] *= v[t] } else { s += v[t] * v[t + 1] }\n      v[t] *= v[t + 1]\n    }\n    if v[t] > 2 { s += v[t] * v[t] }\n  }\n  return s + sum(v)\n}",
     "x=[0.25,2,-3,1.5,0.5]", {-49.6865234375}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  var s = 0.0\n  for t in 0..n {\n    v[t] = v[t] * v[t]\n    if v[t] > 0.75 { s += v[t] * v[t] }\n    v[t] *= 0.5\n    if v[n - 1 - t] > 0.5 { s += v[t] * v[n - 1 - t] }\n  }\n  return s + sum(v)\n}",
     "x=[0.25,2,-3,1.5,0.5]", {135.34375}},
    {"fn f[n](x: real[n]) -> real {\n  var (v, w) = (x, 2 * x)\n  for t in 1..n {\n    if v[t] > 0.5 { (v[t], w[t]) = (v[t - 1] * w[t], v[t] * w[t]) } else { w[t] *= w[t - 1] }\n    if w[t] > 1 { v[t] += w[t] * v[t] }\n    v[t] *= w[t]\n  }\n  return sum(v * w)\n}",
     "x=[0.25,2,-3,1.5,0.5]", {41833.8125}},
    {"fn f[n](x: real[n]) -> real {\n  var v = x\n  var i = 0\n  while v[i] < 8 @max_iters(n) {\n    if v[i] > 0.5 { v[i] = v[i] * v[i] }\n    if v[i] > 1 { v[i + 1] += v[i] * v[i] }\n    i += 1\n    if i == n - 1 { break }\n  }\n  return sum(v)\n}",
     "x=[0.25,2,0.125,1.5,0.5]", {22.375}},
};

void expect_no_whole_array(std::span<const Case> cases) {
  for (const Case& k : cases) {
    SCOPED_TRACE(k.source);
    const auto c = loaded(k.source);
    const FuncId f = function(*c, "f");
    std::vector<int> wrt;
    for (int p = 0; p < static_cast<int>(c->module[f].body().params.size()); ++p) wrt.push_back(p);
    EXPECT_EQ(long_lines_in_loops(loops_text(c->module, f)), "");
    const std::string back = loops_text(c->module, gradient_of(*c, "f", wrt));
    EXPECT_NE(back.find("  loop"), std::string::npos);
    EXPECT_EQ(long_lines_in_loops(back), "");
  }
}

TEST(LoopCost, AStepTouchesNoWholeArray) {
  expect_no_whole_array(kSmallSteps);
  expect_no_whole_array(kInnerStores);
  expect_no_whole_array(kReadStores);
}

// The way back of a way back undoes what that undid.
TEST(LoopCost, NorInTheSecondDerivative) {
  for (std::span<const Case> cases : {std::span<const Case>(kReadStores), std::span<const Case>(kSmallSteps).subspan(1, 1)})
    for (const Case& k : cases) {
      SCOPED_TRACE(k.source);
      const auto c = loaded(std::string(k.source) + "\nfn g[n](x: real[n]) -> real[n] = hvp(f, mode = reverse)(x, dx = x)");
      EXPECT_EQ(long_lines_in_loops(loops_text(c->module, function(*c, "g"))), "");
    }
}

// Where n steps each keep an array of n there is an array of n·n.
TEST(LoopCost, StoresInInnerLoopsKeepElements) {
  for (const Case& k : kInnerStores) {
    SCOPED_TRACE(k.source);
    const auto c = loaded(k.source);
    const std::string back = loops_text(c->module, gradient_of(*c, "f", {0}));
    EXPECT_FALSE(std::regex_search(back, std::regex("\\[n[^,]*, n"))) << back;
  }
}

// Whole arrays would be 320 GB, and to pass through one in each step 40 billion elements.
TEST(LoopCost, InnerLoopsRunAtLength) {
  const auto c = loaded(kSmallSteps[7].source);
  const auto native = Native::compile(*c, gradient_of(*c, "f", {0}), {.opt_level = 2});
  ASSERT_TRUE(native) << native.error().message;
  InterpValue<double> x{.dtype = DType::f64};
  x.dims = {200'000};
  for (int k = 0; k < 200'000; ++k) x.floats.push_back(0.5 * std::sin(k));
  const auto g = native->call(std::vector{x}, {});
  ASSERT_TRUE(g) << g.error().message;
}

TEST(LoopCost, ValuesAndDerivatives) {
  for (const Case& k : kSmallSteps) expect_value(k), expect_derivatives_agree(k, 4);
  for (const Case& k : kInnerStores) expect_value(k), expect_derivatives_agree(k, 4);
  for (const Case& k : kReadStores) expect_value(k), expect_derivatives_agree(k, 4);
}

}  // namespace
}  // namespace dlc
