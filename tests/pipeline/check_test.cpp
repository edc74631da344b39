// `check` passes what is right and fails what is not.
#include "pipeline/check.h"

#include <fmt/format.h>

#include "checked.h"
#include "loaded.h"
#include "pipeline/error_scale.h"
#include "interp/interp.h"

namespace dlc {
namespace {

FunctionCheck checked(Compilation& c, const std::string& name, CheckOptions options = {.order = 2, .n_samples = 15}) {
  auto result = check_function(c, c.find(name), options);
  EXPECT_TRUE(result) << result.error().message;
  return *result;
}

TEST(Check, RightProgramsPass) {
  const auto c = loaded(std::string(kSlidesText) + read_example("net2_functions.dl").substr(0, read_example("net2_functions.dl").find("export")) +
                        "fn relus[n](x: real[n]) -> real = sum(relu(x)) + max[i](x[i])\n"
                        "fn rows[n, d](A: real[n, d], v: real[d]) -> real[n] = exp(A @ v)\n"
                        "fn split(x: real, y: real) -> (a: real, b: int) = (a = x * sin(y), b = 1)\n"
                        "fn cut(x: real) -> real = if x > 0.3 { sqrt(x) } else { x * x }\n"
                        "fn either[n](x: real[n], y: real) -> real[n] = x + y + (if y < 1 { y } else { mean[i in 0..n](y) })\n"
                        "fn each[n](x: real[n]) -> real = sum[j in 0..n](sum(either(x, x[j])) * x[j])\n");
  for (const char* name : {"f", "predict", "loss", "objective", "n_correct", "relus", "rows", "split", "cut", "either", "each"}) {
    const FunctionCheck check = checked(*c, name);
    EXPECT_TRUE(check.skipped.empty()) << name << ": " << check.skipped;
    EXPECT_FALSE(check.failed()) << check_text(check, c->sources);
    EXPECT_GT(check.n_samples, 0) << name;
  }
}

TEST(Check, CountsSamplesOnKinks) {
  const auto c = loaded("fn r(x: real) -> real = relu(x)\n");
  EXPECT_GT(checked(*c, "r", {.n_samples = 60}).n_kinks, 0);
}

// x, and at 0 the rules give 0 times infinity where the slope is 1.
TEST(Check, AWrongSlopeShows) {
  const auto c = loaded("fn f(x: real) -> real = cbrt(x)^3\n");
  const FunctionCheck check = checked(*c, "f", {.n_samples = 5});
  EXPECT_TRUE(check.failed());
  Diagnostics diagnostics;
  report_failure(check, diagnostics);
  ASSERT_TRUE(diagnostics.has_errors());
  EXPECT_STREQ(diagnostics.all()[0].kind->slug, "modes-disagree");
}

// A derivative by many numbers is compared along directions. One wrong number among them shows, also where layers amplify
// rounding so much that compiled code could not be told apart from it.
TEST(Check, OneWrongNumberOfManyShows) {
  const std::string rule = "fn id(x: real) = x\nderivative id(x) { jvp(dx) = 1.01 * dx }\n";
  const std::string layer = "fn layer[n](W: real[n, n], x: real[n]) -> real[n] {\n  let y = W @ x\n  let m = mean(y)\n  return 1000 * (y - m) * 1000\n}\n";
  const std::string body = "(W: real[6, 7, 7], x: real[7]) -> real {\n  var y = x\n  for l in 0..6 { y = layer(W[l], y) }\n  return log(1 + dot(y, y)) + ";
  const auto c = loaded(rule + layer + "fn right" + body + "W[3, 4, 5] * x[0] }\nfn wrong" + body + "id(W[3, 4, 5]) * x[0] }\n");
  const FunctionCheck right = checked(*c, "right", {.n_samples = 6}), wrong = checked(*c, "wrong", {.n_samples = 6});
  EXPECT_FALSE(right.failed()) << check_text(right, c->sources);
  EXPECT_NE(check_text(right, c->sources).find("along a random direction a sample, not by each of 301 numbers"), std::string::npos);
  EXPECT_TRUE(wrong.failed()) << check_text(wrong, c->sources);
}

// The first sample is compared in full; what there was no time for is not taken for a kink.
TEST(Check, WhatThereIsNoTimeForIsSaid) {
  const auto c = loaded("fn f[n](x: real[n]) = sum(sin(x))\n");
  const FunctionCheck check = checked(*c, "f", {.n_samples = 40, .seconds = 0});
  EXPECT_TRUE(check.is_cut_short);
  EXPECT_EQ(check.n_samples, 1);
  EXPECT_EQ(check.n_kinks, 0);
  for (const CheckRow& row : check.rows) EXPECT_GT(row.n, 0) << row.what;
  EXPECT_NE(check_text(check, c->sources).find("of 40 samples"), std::string::npos);
}

// Kinks of the derivative, cancellation, steps that alias with periods or jumps, constants folded while compiling: none of
// it is a wrong derivative.
TEST(Check, WhatIsHardToMeasureIsNoFailure) {
  constexpr const char* kPrograms[] = {
      "fn f(x: real) = x * abs(x)", "fn f(x: real) = x * sqrt(abs(x))", "fn f(x: real[3]) = dot(x, abs(x))", "fn f(x: real) = x * 0.1 * 3 - 0.3 * x",
      "fn f(x: real) = if abs(x) < 1 { 0.5 * x^2 } else { abs(x) - 0.5 }", "fn f(x: real, y: real) = hypot(x, y) * x",
      "fn f(x: real[3]) = sum(select(x > 0, x, exp(x) - 1))", "fn f(x: real) = sum[i in 0..301](x)", "fn f(x: real) = 1000.0 * x - 999.0 * x",
      "fn f(x: real) = floor(x * 1000.0)", "fn f(x: f32) = sin(10 * x)", "fn f(x: f32) = sin(30 * x) * sin(29 * x)", "fn f(x: real) = -x^2"};
  for (const char* text : kPrograms) {
    const auto c = loaded(std::string(text) + "\n");
    const FunctionCheck check = checked(*c, "f", {.order = 2, .n_samples = 40});
    EXPECT_FALSE(check.failed()) << text << "\n" << check_text(check, c->sources);
    if (std::string_view(text).ends_with("-x^2")) {
      EXPECT_EQ(check.n_kinks, 0);
    }
  }
}

// Smooth, and made of operations that stand on a kink at whole numbers: the modes follow the conventions, which differences of the
// whole do not see.
// To differences it is noise about a slope of 0: every step is too long for its period, or too short for doubles.
TEST(Check, WhatIsTooSteepForDifferencesIsSaid) {
  const auto c = loaded("fn steep(x: real) -> real = cos(1e17 * x)\nfn mild(x: real) -> real = cos(1e6 * x)\n");
  const std::string said = "numeric mode is not compared where no step is short enough";
  const FunctionCheck steep = checked(*c, "steep", {.n_samples = 40}), mild = checked(*c, "mild", {.n_samples = 40});
  EXPECT_FALSE(steep.failed()) << check_text(steep, c->sources);
  EXPECT_NE(check_text(steep, c->sources).find(said), std::string::npos) << check_text(steep, c->sources);
  EXPECT_FALSE(mild.failed()) << check_text(mild, c->sources);
  EXPECT_EQ(check_text(mild, c->sources).find(said), std::string::npos) << check_text(mild, c->sources);
}

TEST(Check, KinksOfOperationsCount) {
  constexpr const char* kPrograms[] = {
      "fn f(x: real) = abs(x)^2", "fn f(x: real) = sin(abs(x))^2", "fn f(x: real[5]) = sum[i](sqrt(1 + sin(abs(x[i]))^2))",
      "fn f(x: real[5]) = sum[i](max(x[i], -x[i])^2)", "fn f(x: real[5]) = sum[i](norm([x[i], x[i]^2])^2)",
      "fn f(x: real[5]) = sum[i](cos(sqrt(x[i]^2)))", "fn f(x: f32) = abs(x)^2", "fn f(x: real) = relu(x) - relu(-x)",
      "fn f(x: real) = hypot(x, x)^2", "fn f(x: real) = if x == 0 { 0 } else { x }", "fn f(x: real[60]) = sum[i](relu(x[i]) - relu(-x[i]))",
      "fn f(x: real) = abs(x) * sign(x)", "fn g(x: real) = abs(x)^2\nfn f(x: real) = grad(g)(x)"};
  for (const char* text : kPrograms) {
    const auto c = loaded(std::string(text) + "\n");
    const FunctionCheck check = checked(*c, "f", {.order = 2, .n_samples = 60});
    EXPECT_FALSE(check.failed()) << text << "\n" << check_text(check, c->sources);
    EXPECT_GT(check.n_kinks, 0) << text;
    EXPECT_GT(check.n_samples, 2 * check.n_kinks) << text;
  }
}

// What is smooth there, operation by operation, is compared: a wrong second derivative of it shows at 0 as elsewhere.
TEST(Check, OnlyKinksAreLeftOut) {
  const auto c = loaded("fn right(x: real) = cos(x)^2 * exp(x^4) + cbrt(2 + x)\n"
                        "fn slope(x: real) = 2 * x\nderivative slope(x) { jvp(dx) = select(x == 0, 3, 2) * dx }\n"
                        "fn square(x: real) = x^2\nderivative square(x) { jvp(dx) = slope(x) * dx }\nfn wrong(x: real) = square(x)\n");
  const FunctionCheck right = checked(*c, "right", {.order = 2, .n_samples = 60}), wrong = checked(*c, "wrong", {.order = 2, .n_samples = 60});
  EXPECT_FALSE(right.failed()) << check_text(right, c->sources);
  EXPECT_EQ(right.n_kinks, 0);
  EXPECT_TRUE(wrong.failed()) << check_text(wrong, c->sources);
  EXPECT_EQ(wrong.n_kinks, 0);
}

// Where the value is computed, an error in a derivative is a failure; `@memory` makes one of reverse mode.
TEST(Check, ADerivativeThatEndsInAnErrorFails) {
  for (const char* type : {"real", "f32"}) {
    const auto c = loaded(fmt::format("fn f(x: {}[64]) {{\n  var s = x\n  for i in 0..100 @memory(2KiB) {{ s = sin(s) * x }}\n  return sum(s)\n}}\n", type));
    const FunctionCheck check = checked(*c, "f", {.n_samples = 4});
    EXPECT_TRUE(check.skipped.empty()) << check.skipped;
    ASSERT_TRUE(check.failed());
    const std::string text = check_text(check, c->sources);
    EXPECT_NE(text.find(":3:3: reverse mode of this loop wants"), std::string::npos) << text;
    EXPECT_NE(text.find("[tape-full] at x = "), std::string::npos) << text;
    Diagnostics diagnostics;
    report_failure(check, diagnostics);
    ASSERT_TRUE(diagnostics.has_errors());
    EXPECT_STREQ(diagnostics.all()[0].kind->slug, "derivative-fails");
    EXPECT_TRUE(diagnostics.all()[0].span);
  }
}

// The tape of the first order has its place, that of reverse over reverse has not.
TEST(Check, ASecondDerivativeThatEndsInAnErrorFails) {
  const auto c = loaded("fn f(x: real[8]) {\n  var s = x\n  for i in 0..6 @memory(1KiB) { s = sin(s) * x }\n  return sum(s)\n}\n");
  const FunctionCheck first = checked(*c, "f", {.n_samples = 2}), second = checked(*c, "f", {.order = 2, .n_samples = 2});
  EXPECT_FALSE(first.failed()) << check_text(first, c->sources);
  EXPECT_TRUE(second.failed());
  for (const CheckRow& row : second.rows) EXPECT_EQ(row.failed(), row.what == "order 2, reverse over reverse") << check_text(second, c->sources);
}

TEST(Check, AnErrorOfTheValueIsSaid) {
  const auto c = loaded("fn steps(x: real) {\n  var y = x\n  while abs(y) >= 0 @max_iters(3) { y = 0.5 * y }\n  return y\n}\n"
                        "fn some(x: real) {\n  var y = x\n  while y > 1 @max_iters(1) { y = 0.5 * y }\n  return log(-1 - y * y)\n}\n"
                        "fn newton(a: real) {\n  var x = a\n  for i in 0..8 { x = 0.5 * (x + a / x) }\n  while x < 0 @max_iters(1) { x = x / 2 }\n  return x\n}\n");
  const FunctionCheck steps = checked(*c, "steps", {.n_samples = 3}), some = checked(*c, "some", {.n_samples = 20});
  EXPECT_FALSE(steps.failed());
  EXPECT_NE(steps.skipped.find("ends in an error at each of 12 samples"), std::string::npos) << steps.skipped;
  EXPECT_NE(steps.skipped.find(":3:3: "), std::string::npos) << steps.skipped;
  EXPECT_NE(steps.skipped.find("[max-iters] at x = "), std::string::npos) << steps.skipped;
  const FunctionCheck newton = checked(*c, "newton", {.n_samples = 20});
  EXPECT_FALSE(newton.failed()) << check_text(newton, c->sources);
  EXPECT_GT(newton.n_samples, 0);
  EXPECT_NE(check_text(newton, c->sources).find("outside: the value ends in an error at "), std::string::npos) << check_text(newton, c->sources);
  EXPECT_NE(some.skipped.find("finite; the value ends in an error at "), std::string::npos) << some.skipped;
}

// Larger sizes are tried where all subscripts leave the arrays; other samples keep the sizes that they had.
TEST(Check, SizesGrowUntilSubscriptsFit) {
  const auto c = loaded("fn f[n](x: real[n]) {\n  var s = x[0]\n  for i in 0..8 { s = sin(s) * x[(i * 3) % 7] }\n  return s\n}\n"
                        "fn g[n](x: real[n]) = sum(x^2)\nfn h[n](x: real[n]) = x[0] * x[6]\nfn far[n](x: real[n]) {\n  var s = x[0]\n  for i in 0..8 { s = s * x[(i * 3) % 70] }\n  return s\n}\n");
  const FunctionCheck f = checked(*c, "f"), g = checked(*c, "g"), h = checked(*c, "h"), far = checked(*c, "far", {.n_samples = 3});
  EXPECT_FALSE(f.failed()) << check_text(f, c->sources);
  EXPECT_EQ(f.n_samples, 15) << f.skipped;
  EXPECT_EQ(f.sizes, "n = 8");
  EXPECT_EQ(g.sizes, "n = 3");
  EXPECT_TRUE(h.sizes == "n = 7" || h.sizes == "n = 8") << h.sizes << h.skipped;
  EXPECT_NE(far.skipped.find("[index-out-of-range]"), std::string::npos) << far.skipped;
}

TEST(Check, AFunctionWithoutADerivativeIsCheckedAsAValue) {
  const auto c = loaded("fn f(x: real[3]) = real(argmax(x)) * 2\n");
  const FunctionCheck check = checked(*c, "f");
  EXPECT_FALSE(check.failed());
  ASSERT_FALSE(check.notes.empty());
  EXPECT_NE(check.notes[0].find("only the value is checked"), std::string::npos);
}

TEST(Check, SinglePrecision) {
  const auto c = loaded(kSlidesText, DType::f32);
  const FunctionCheck check = checked(*c, "f");
  EXPECT_FALSE(check.failed()) << check_text(check, c->sources);
}

// Those of the source are still there when symbolic mode says that it cannot.
TEST(Check, WarningsAreNoFailure) {
  const auto c = loaded("fn f(x: real) -> real {\n  var s = grad(fn(z: real) -> real = 0.5)(x) + x\n  while s < 10 @max_iters(50) { s = s * s + 1 }\n  return s\n}\n");
  EXPECT_FALSE(c->diagnostics.all().empty());
  expect_checked(*c, "f");
}

TEST(Check, NothingToCheckIsSaid) {
  const auto c = loaded("fn l(x: real) = log(-1 - x * x)\nfn n(k: int) = k + 1\n");
  EXPECT_NE(checked(*c, "l", {.n_samples = 3}).skipped.find("finite"), std::string::npos);
  EXPECT_FALSE(checked(*c, "n").failed());
}

// 200 bits reach much further than f64: what overflows or underflows on the way is no failure.
TEST(Check, SamplesOutOfRangeAreLeftOut) {
  const auto c = loaded("fn towers(x: real) = exp(exp(x * x))\nfn bell(x: real) = exp(-1000 * x^2)\n"
                        "fn chain[n](x: real[n]) = prod(exp(300 * x))\nfn never(x: real) = exp(-exp(800 + x * x)) * exp(exp(800 + x * x))\n");
  for (const char* name : {"towers", "bell", "chain"}) {
    const FunctionCheck check = checked(*c, name, {.order = 2, .n_samples = 40});
    EXPECT_FALSE(check.failed()) << check_text(check, c->sources);
    EXPECT_GT(check.n_samples, 0) << name;
  }
  const FunctionCheck towers = checked(*c, "towers", {.order = 2, .n_samples = 40});
  EXPECT_GT(towers.n_out_of_range, 0);
  EXPECT_NE(check_text(towers, c->sources).find("out of range: `"), std::string::npos) << check_text(towers, c->sources);
  EXPECT_NE(checked(*c, "never").skipped.find("at none of"), std::string::npos) << checked(*c, "never").skipped;
}

// The bound on the rounding of a chaotic derivative may be beyond f64 where the derivative is not: here 1e380 of 1e140.
TEST(Check, BoundsBeyondTheRangeOfF64AreBounds) {
  const auto c = loaded("fn chaos(x: real) = 1e-100 * cos(1e120 * cos(1e120 * x))\n");
  const FunctionCheck check = checked(*c, "chaos", {.n_samples = 10});
  for (const CheckRow& row : check.rows)
    EXPECT_TRUE(row.unit != "ulp" || !row.failed()) << check_text(check, c->sources);
  EXPECT_EQ(check.n_samples, 10);
}

TEST(Check, MissingSecondDerivativesAreCounted) {
  const auto c = loaded("fn power(x: real, y: real) = x ^ y\nfn log_product(x: real, y: real) = xlogy(x, y)\n");
  for (const char* name : {"power", "log_product"}) {
    const FunctionCheck check = checked(*c, name, {.order = 2, .n_samples = 60});
    EXPECT_FALSE(check.failed()) << check_text(check, c->sources);
  }
  const FunctionCheck power = checked(*c, "power", {.order = 2, .n_samples = 60});
  EXPECT_GT(power.n_without_second, 0);
  EXPECT_NE(check_text(power, c->sources).find("without a second derivative"), std::string::npos);
}

TEST(Check, NumericGradientsInsideAFunction) {
  const auto c = loaded("fn g(x: real) = sin(x) * x\nfn d(x: real) = x * grad(g, mode = numeric)(x)\n"
                        "fn h[n](x: real[n]) = sum(exp(x)) * x[0]\nfn dh[n](x: real[n]) = sum(grad(h, mode = numeric)(x)^2)\n"
                        "fn j[n](x: real[n]) = jvp(h, mode = numeric)(x, dx = 2 * x)\n");
  for (const char* name : {"d", "dh", "j"}) {
    const FunctionCheck check = checked(*c, name, {.order = 2, .n_samples = 40});
    EXPECT_FALSE(check.failed()) << check_text(check, c->sources);
    EXPECT_NE(check_text(check, c->sources).find("nor order 2 is checked"), std::string::npos) << check_text(check, c->sources);
  }
}

TEST(ErrorScale, SeesCancellation) {
  const auto c = loaded("fn f(x: real) = (x + 1000000) - 1000000\n");
  const FuncId f = function(*c, "f");
  const std::vector<double> s = scales_of(c->module, f, arguments(*c, f, "x=1"));
  ASSERT_EQ(s.size(), 1u);
  EXPECT_NEAR(s[0], 1000002, 2);  // |x + 10⁶| + |f|
}

TEST(ErrorScale, FollowsLoops) {
  const auto c = loaded("fn f[n](x: real[n]) {\n  var s = 0.0\n  for i in 0..n { s = s + x[i] }\n  return s\n}\n");
  const FuncId f = function(*c, "f");
  const std::vector<double> s = scales_of(c->module, f, arguments(*c, f, "x=[1000000,1,-1000000]"));
  ASSERT_EQ(s.size(), 1u);
  EXPECT_NEAR(s[0], 2000002, 4);  // the partial sums
}

}  // namespace
}  // namespace dlc
