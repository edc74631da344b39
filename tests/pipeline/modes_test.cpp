// differentiate: every mode at the slides' point, second order, arrays, and the numeric mode's own estimate.
#include <cmath>

#include "interp/interp.h"
#include "loaded.h"
#include "pipeline/diff.h"
#include "pipeline/native.h"

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

// The minimum of a loss: x ± h are rounded, so their middle is not x, and the difference not the 0 that it should be.
TEST(Numeric, IsHonestAtStationaryPoints) {
  const auto c = loaded("fn loss[n](x: real[n], y: real[n]) -> real = mean((x - y)^2)\n");
  const FuncId f = function(*c, "loss");
  for (const char* at : {"x=[1,2],y=[1,2]", "x=[0.1,0.7],y=[0.1,0.7]", "x=[1000,3e-5],y=[1000,3e-5]", "x=[0,0],y=[0,0]"})
    for (const bool complex : {false, true}) {
      const auto d = numeric_gradient(*c, f, -1, {0}, arguments(*c, f, at), complex);
      ASSERT_TRUE(d);
      for (const NumericEstimate& e : (*d)[0].elements) {
        EXPECT_LE(std::abs(e.value), e.total_error()) << at;
        EXPECT_GT(e.total_error(), 0) << at;
        EXPECT_EQ(e.gap, 0) << at;
      }
    }
}

TEST(Numeric, NoticesKinksAndJumps) {
  const auto c = loaded("fn a(x: real) = abs(x)\nfn fl(x: real) = floor(x)\nfn sq(x: real) = (x - 1)^2\nfn r(x: real) = relu(x)\n"
                        "fn cusp(x: real) = cbrt(x * x)\nfn smooth(x: real) = exp(x) * sin(100 * x)\nfn p(x: real) = x * sqrt(abs(x))\n");
  struct Case {
    const char *name, *at;
    bool has_kink;
    double least_error;
  };
  for (const Case& k : {Case{"a", "x=0", true, 1}, {"a", "x=0.001", false, 0}, {"fl", "x=2", true, 1}, {"fl", "x=2.5", false, 0}, {"r", "x=0", true, 0.5},
                        {"cusp", "x=0", true, 1}, {"sq", "x=1", false, 0}, {"smooth", "x=1", false, 0}, {"smooth", "x=1000", false, 0}, {"p", "x=0", false, 0}}) {
    const FuncId f = function(*c, k.name);
    for (const bool complex : {false, true}) {
      const auto d = numeric_gradient(*c, f, -1, {0}, arguments(*c, f, k.at), complex);
      ASSERT_TRUE(d);
      const NumericEstimate& e = (*d)[0].elements[0];
      EXPECT_EQ(e.gap > 0, k.has_kink) << k.name << " at " << k.at << ": " << e.gap;
      EXPECT_GE(e.total_error(), k.least_error) << k.name << " at " << k.at;
      EXPECT_GT(e.total_error(), 0) << k.name << " at " << k.at;  // no difference is exact
    }
  }
  const Differential d = differential(*c, "a", {.mode = Mode::numeric, .wrt = {0}}, "x=0");
  EXPECT_NE(diff_text(c->module, d, "x = 0", false).find("a kink or jump nearby"), std::string::npos);
}

// The gradient by an array has no closed form's single value: it is differentiated again by a sweep.
TEST(Modes, SymbolicHessiansOfArrays) {
  const auto c = loaded("fn q[n](x: real[n], a: real) -> real = a * sum[i](x[i] ^ 3) + x[0] * x[1]\n");
  const Differential d = differential(*c, "q", {.mode = Mode::symbolic, .wrt = {0, 1}, .order = 2}, "x=[1,2,3],a=1");
  EXPECT_EQ(d.second[0][0].floats, (std::vector<double>{6, 1, 0, 1, 12, 0, 0, 0, 18}));
  EXPECT_EQ(d.second[0][1].floats, (std::vector<double>{3, 12, 27}));
  EXPECT_EQ(d.second[1][0].floats, (std::vector<double>{3, 12, 27}));
}

TEST(Modes, HessiansAreSymmetricWhereAFactorIsZero) {
  const auto c = loaded("fn f(x: real, y: real) = xlogy(x, y)\n");
  for (const Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic}) {
    const Differential d = differential(*c, "f", {.mode = mode, .wrt = {0, 1}, .order = 2}, "x=0,y=0");
    EXPECT_EQ(d.second[0][1].floats[0], HUGE_VAL) << mode_name(mode);
    EXPECT_EQ(d.second[1][0].floats[0], HUGE_VAL) << mode_name(mode);
  }
}

// `float` is `real` for whoever asks by name, also when the program uses the function in the other precision only.
TEST(Modes, GenericFunctionsAreFoundByName) {
  const auto c = loaded("fn fl(x: float) -> float = x * sin(x)\nfn use(x: f32) -> f32 = fl(x)\n"
                        "fn only(x: float, y: f32) -> float = x * y\nfn use_only(x: f32) -> f32 = only(x, x)\n");
  const Differential d = differential(*c, "fl", {.wrt = {0}}, "x=1");
  EXPECT_EQ(d.function, "fl");
  EXPECT_EQ(d.gradient[0].dtype, DType::f64);
  EXPECT_NEAR(d.gradient[0].floats[0], std::sin(1.0) + std::cos(1.0), 1e-15);
  EXPECT_EQ(differential(*c, "use", {.wrt = {0}}, "x=1").gradient[0].dtype, DType::f32);
}

// Values that the interpreter and native code must agree on.
TEST(Values, BoolsCompareAndReductionsThatAreNotReachedAgree) {
  const auto c = loaded("fn same(x: bool, y: bool) = x == y\nfn other(x: bool, y: bool) = x != y\n"
                        "fn signs[n](x: real[n], y: bool[n]) = (x > 0) == y\n"
                        "fn largest[n](c: bool, x: real[n]) = if c { max(x) } else { 0 }\n"
                        "fn first[n](c: bool, x: real[n]) = if c { argmin(x) } else { 5 }\n"
                        "fn rows[n, m](x: real[n, m], y: real[n]) = sum[i](if y[i] > 0 { argmax[j](x[i, j]) } else { 7 })\n");
  const auto both = [&](const char* name, const char* at) {
    const FuncId f = function(*c, name);
    const auto args = arguments(*c, f, at);
    const auto interpreted = interpret<double>(c->module, f, args);
    const auto native = Native::compile(*c, f, {})->call(args);
    EXPECT_TRUE(interpreted && native) << name << " at " << at;
    EXPECT_EQ(interpreted->ints, native->ints) << name << " at " << at;
    EXPECT_EQ(interpreted->floats, native->floats) << name << " at " << at;
    return interpreted->floats.empty() ? static_cast<double>(interpreted->ints[0]) : interpreted->floats[0];
  };
  EXPECT_EQ(both("same", "x=true,y=true"), 1);
  EXPECT_EQ(both("same", "x=true,y=false"), 0);
  EXPECT_EQ(both("other", "x=false,y=true"), 1);
  EXPECT_EQ(both("other", "x=false,y=false"), 0);
  EXPECT_EQ(both("signs", "x=[1,-1,2],y=[true,true,false]"), 1);
  EXPECT_EQ(both("largest", "c=false,x=[]"), 0);
  EXPECT_EQ(both("first", "c=false,x=[]"), 5);
  EXPECT_EQ(both("rows", "x=[[],[]],y=[-1,-1]"), 14);
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
