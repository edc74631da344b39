// `check` passes what is right and fails what is not.
#include "pipeline/check.h"

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
                        "fn cut(x: real) -> real = if x > 0.3 { sqrt(x) } else { x * x }\n");
  for (const char* name : {"f", "predict", "loss", "objective", "n_correct", "relus", "rows", "split", "cut"}) {
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

TEST(Check, ADiscontinuityShows) {
  const auto c = loaded("fn f(x: real) -> real = floor(1e8 * x)\n");
  const FunctionCheck check = checked(*c, "f", {.n_samples = 5});
  EXPECT_TRUE(check.failed());
  Diagnostics diagnostics;
  report_failure(check, diagnostics);
  ASSERT_TRUE(diagnostics.has_errors());
  EXPECT_STREQ(diagnostics.all()[0].kind->slug, "modes-disagree");
}

TEST(Check, SinglePrecision) {
  const auto c = loaded(kSlidesText, DType::f32);
  const FunctionCheck check = checked(*c, "f");
  EXPECT_FALSE(check.failed()) << check_text(check, c->sources);
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
  const FuncId f = function(*c, "f"), scale = scale_function(*c, f);
  ASSERT_TRUE(scale);
  const auto s = interpret<double>(c->module, scale, arguments(*c, f, "x=1"));
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_NEAR(s->fields[0].floats[0], 1000002, 2);  // |x + 10⁶| + |f|
}

}  // namespace
}  // namespace dlc
