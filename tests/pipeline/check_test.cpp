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
