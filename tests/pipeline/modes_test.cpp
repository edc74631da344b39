// differentiate: every mode at the slides' point, second order, arrays, and the numeric mode's own estimate.
#include <cmath>

#include "loaded.h"
#include "pipeline/diff.h"

namespace dlc {
namespace {

Differential differential(Compilation& c, const std::string& name, const DiffOptions& options, const std::string& at) {
  const FuncId f = function(c, name);
  auto d = differentiate(c, f, options, arguments(c, f, at));
  EXPECT_TRUE(d) << d.error().message << render_all(c.diagnostics, c.sources);
  return *d;
}

TEST(Modes, Slides) {
  const auto c = loaded(kSlidesText);
  for (const Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic, Mode::numeric})
    for (const bool interpret : {false, true}) {
      const Differential d = differential(*c, "f", {.mode = mode, .wrt = {0, 1}, .interpret = interpret}, "x1=0.5,x2=1");
      EXPECT_NEAR(d.value.floats[0], 1.0743606353500641, 2e-16);
      EXPECT_NEAR(d.gradient[0].floats[0], 3.4730819060501923, 2e-15) << mode_name(mode);
      EXPECT_NEAR(d.gradient[1].floats[0], -3.885262223725224, 4e-15) << mode_name(mode);
    }
}

TEST(Modes, PassesAreCounted) {
  const auto c = loaded(kSlidesText);
  const auto passes = [&](Mode mode, std::vector<int> wrt) {
    return differential(*c, "f", {.mode = mode, .wrt = std::move(wrt)}, "x1=0.5,x2=1").passes;
  };
  EXPECT_EQ(passes(Mode::forward, {0, 1}), "forward: 2 passes, one for each input, or 1 vectorised");
  EXPECT_EQ(passes(Mode::forward, {0}), "forward: 1 pass for 1 input");
  EXPECT_EQ(passes(Mode::reverse, {0, 1}), "reverse: 1 pass forward and 1 sweep back, whatever the number of inputs (here 2)");
}

TEST(Modes, SecondOrderAgrees) {
  const auto c = loaded(kSlidesText);
  const Differential exact = differential(*c, "f", {.mode = Mode::reverse, .wrt = {0, 1}, .order = 2}, "x1=1.5,x2=0.5");
  EXPECT_DOUBLE_EQ(exact.second[0][1].floats[0], exact.second[1][0].floats[0]);
  for (const Mode mode : {Mode::forward, Mode::symbolic, Mode::numeric}) {
    const Differential d = differential(*c, "f", {.mode = mode, .wrt = {0, 1}, .order = 2}, "x1=1.5,x2=0.5");
    for (size_t i = 0; i < 2; ++i)
      for (size_t j = 0; j < 2; ++j) {
        const double expected = exact.second[i][j].floats[0];
        EXPECT_NEAR(d.second[i][j].floats[0], expected, std::abs(expected) * (mode == Mode::numeric ? 1e-5 : 1e-13)) << mode_name(mode);
      }
  }
}

// Equal logits, as at the start of training: each of n gets 1/n of the derivative, in every mode.
TEST(Modes, LogsumexpAtTies) {
  const auto c = loaded("fn lse[n](x: real[n]) -> real = logsumexp(x)\nfn ce[n](z: real[n]) -> real = -log_softmax(z)[0]\n");
  for (const Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic, Mode::numeric}) {
    const Differential lse = differential(*c, "lse", {.mode = mode, .wrt = {0}}, "x=[0,0,0,0]");
    for (const double g : lse.gradient[0].floats) EXPECT_NEAR(g, 0.25, 1e-8) << mode_name(mode);
    const Differential d = differential(*c, "ce", {.mode = mode, .wrt = {0}}, "z=[0,0,0]");
    EXPECT_NEAR(d.gradient[0].floats[0], -2.0 / 3, 1e-8) << mode_name(mode);
    EXPECT_NEAR(d.gradient[0].floats[1], 1.0 / 3, 1e-8) << mode_name(mode);
  }
}

TEST(Modes, HessianOfAnArray) {
  const auto c = loaded("fn q[n](x: real[n]) -> real = sum[i](x[i] ^ 3) + x[0] * x[1]\n");
  for (const Mode mode : {Mode::reverse, Mode::forward}) {
    const Differential d = differential(*c, "q", {.mode = mode, .wrt = {0}, .order = 2}, "x=[1,2,3]");
    EXPECT_EQ(d.second[0][0].dims, (std::vector<int64_t>{3, 3}));
    EXPECT_EQ(d.second[0][0].floats, (std::vector<double>{6, 1, 0, 1, 12, 0, 0, 0, 18}));
  }
}

TEST(Modes, SymbolicShowsAForm) {
  const auto c = loaded(kSlidesText);
  const Differential d = differential(*c, "f", {.mode = Mode::symbolic, .wrt = {0}}, "x1=0.5,x2=1");
  ASSERT_TRUE(d.form);
  const std::string text = diff_text(c->module, d, "x1 = 0.5, x2 = 1", false);
  EXPECT_NE(text.find("df/dx1 = "), std::string::npos) << text;
  EXPECT_NE(text.find("exp("), std::string::npos) << text;
  EXPECT_NE(diff_text(c->module, d, "", true).find("\\frac"), std::string::npos);
}

TEST(Numeric, StaysWithinItsEstimate) {
  const auto c = loaded(std::string(kSlidesText) + "fn g(x: real) = abs(sin(x)) + floor(x)\n");
  const FuncId f = function(*c, "f"), g = function(*c, "g");
  const auto estimate = [&](FuncId of, const std::string& at, bool complex) {
    auto d = numeric_gradient(*c, of, -1, {0}, arguments(*c, of, at), complex);
    EXPECT_TRUE(d);
    return (*d)[0].elements[0];
  };
  const NumericEstimate by_step = estimate(f, "x1=1.5,x2=0.5", false);
  const double exact = 201.915056323301653931596981;
  EXPECT_LE(std::abs(by_step.value - exact), by_step.error);
  EXPECT_LT(by_step.error, 1e-7);
  EXPECT_FALSE(by_step.is_complex);
  const NumericEstimate complex = estimate(f, "x1=1.5,x2=0.5", true);
  EXPECT_TRUE(complex.is_complex);
  EXPECT_NEAR(complex.value, exact, 1e-13);
  const NumericEstimate not_analytic = estimate(g, "x=0.7", true);
  EXPECT_FALSE(not_analytic.is_complex);  // abs and floor have no complex meaning
  EXPECT_LE(std::abs(not_analytic.value - std::cos(0.7)), not_analytic.error);
}

TEST(Numeric, WorksAtTheEdgeOfADomain) {
  const auto c = loaded("fn h(x: real) = sqrt(x)\n");
  const FuncId h = function(*c, "h");
  const auto d = numeric_gradient(*c, h, -1, {0}, arguments(*c, h, "x=1e-8"), false);
  ASSERT_TRUE(d);
  EXPECT_NEAR((*d)[0].elements[0].value, 5000, 4 * (*d)[0].elements[0].error);
}

TEST(Modes, WhatCannotBeIsAMessage) {
  const auto c = loaded("fn a[n](x: real[n]) -> real[n] = x * 2\nfn h(x: real) = x * f64(int(x))\n");
  for (const char* name : {"a", "h"}) {
    const FuncId f = function(*c, name);
    const auto d = differentiate(*c, f, {.wrt = {0}}, arguments(*c, f, std::string(name) == "a" ? "x=[1,2]" : "x=1"));
    EXPECT_FALSE(d);
    EXPECT_TRUE(c->diagnostics.has_errors());
    c->diagnostics.clear();
  }
}

}  // namespace
}  // namespace dlc
