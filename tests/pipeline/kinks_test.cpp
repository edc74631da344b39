// Every mode at kinks and infinite slopes: they agree with each other and with the conventions of docs/derivatives.md.
// Where a zero meets an infinite derivative in the chain rule the zero wins, whichever mode multiplies first.
#include <cmath>

#include "loaded.h"
#include "pipeline/diff.h"

namespace dlc {
namespace {

constexpr double kInf = HUGE_VAL;

struct Kink {
  const char* source;  // declares `f`
  const char* at;
  std::vector<double> gradient;  // by all parameters, flat
};

const Kink kKinks[] = {
    // lengths of zero, however they are written
    {"fn f[n](x: real[n]) = norm(x)", "x=[0,0]", {0, 0}},
    {"fn f[n](x: real[n]) = norm(x)^2", "x=[0,0]", {0, 0}},
    {"fn f[n](x: real[n], y: real[n]) = norm(x - y)", "x=[1,2],y=[1,2]", {0, 0, 0, 0}},
    {"fn f[n, m](A: real[n, m], x: real[m]) = norm(A @ x)", "A=[[1,0],[-2,3]],x=[0,0]", {0, 0, 0, 0, 0, 0}},
    {"fn f[n](x: real[n]) = sqrt(sum[i](x[i]^2))", "x=[0,0]", {0, 0}},
    {"fn f[n](x: real[n]) = sqrt(sum(x * x))", "x=[0,0]", {0, 0}},
    {"fn f[n](x: real[n]) = sqrt(dot(x, x))", "x=[0,0]", {0, 0}},
    {"fn f[n](x: real[n]) = sqrt(mean((x - 1)^2))", "x=[1,1]", {0, 0}},
    {"fn f[n](A: real[n, n], x: real[n]) = sqrt(dot(x, A @ x))", "A=[[2,0],[0,1]],x=[0,0]", {0, 0, 0, 0, 0, 0}},
    {"fn f[n, d](X: real[n, d]) = sum[i](sqrt(sum[j](X[i, j]^2)))", "X=[[0,0],[3,4]]", {0, 0, 0.6, 0.8}},
    {"fn f(x: real, y: real) = sqrt(x * x + y * y)", "x=0,y=0", {0, 0}},
    {"fn f(x: real, y: real) = hypot(x, y)", "x=0,y=0", {0, 0}},
    {"fn f(x: real) = sqrt(x * x)", "x=0", {0}},
    {"fn f(x: real) = sqrt(x^4)", "x=0", {0}},
    {"fn f(x: real) = cbrt(x * x)", "x=0", {0}},
    {"fn f(x: real) = (x * x) ^ 0.5", "x=0", {0}},
    {"fn f(x: real) = sqrt(abs(x))", "x=0", {0}},
    // an infinite slope meets a zero from the other side
    {"fn f(x: real) = sqrt(x) * sqrt(x)", "x=0", {0}},
    {"fn f(x: real) = sqrt(x)^2", "x=0", {0}},
    {"fn f(x: real) = x * sqrt(x)", "x=0", {0}},
    {"fn f(x: real, y: real) = leaky_relu(sqrt(x), y)", "x=0,y=0", {0, 0}},
    {"fn f[n](x: real[n]) = dot(sqrt(x), sqrt(x))", "x=[0,4]", {0, 1}},
    {"fn f[n](x: real[n]) = max(sqrt(x))", "x=[0,4]", {0, 0.25}},
    {"fn f[n](x: real[n]) = prod(sqrt(x))", "x=[0,0,4]", {0, 0, 0}},
    {"fn f(x: real) = sin(asin(x) - 0.5 * π)", "x=1", {kInf}},
    {"fn f(x: real) = acos(x)^2", "x=1", {0}},
    {"fn f(x: real) = 0 * sqrt(x)", "x=0", {0}},
    // the side not taken
    {"fn f(x: real) = if x > 0 { sqrt(x) } else { 3 * x }", "x=0", {3}},
    {"fn f(x: real) = if x > 0 { x * log(x) } else { 0 * x }", "x=0", {0}},
    {"fn f[n](x: real[n]) = sum[i](if x[i] > 0 { sqrt(x[i]) } else { x[i] })", "x=[0,4]", {1, 0.25}},
    // infinite slopes that nothing meets
    {"fn f(x: real) = sqrt(x)", "x=0", {kInf}},
    {"fn f(x: real) = cbrt(x)", "x=0", {kInf}},
    {"fn f(x: real) = xlogy(x, x)", "x=0", {-kInf}},
    {"fn f(x: real, y: real) = xlogy(x, y)", "x=0,y=0", {-kInf, 0}},
    // the table of docs/derivatives.md
    {"fn f(x: real) = relu(x)", "x=0", {0}},
    {"fn f(x: real) = leaky_relu(x, 0.1)", "x=0", {0.1}},
    {"fn f(x: real) = abs(x)", "x=0", {0}},
    {"fn f(x: real, y: real) = max(x, y)", "x=1,y=1", {0.5, 0.5}},
    {"fn f(x: real, y: real) = min(x, y)", "x=1,y=1", {0.5, 0.5}},
    {"fn f[n](x: real[n]) = max(x)", "x=[2,1,2]", {0.5, 0, 0.5}},
    {"fn f[n](x: real[n]) = min(x)", "x=[1,1,1,1]", {0.25, 0.25, 0.25, 0.25}},
    {"fn f(x: real, y: real) = x ^ y", "x=0,y=1", {1, 0}},
    {"fn f(x: real, y: real) = x ^ y", "x=0,y=0", {0, 0}},
    {"fn f(x: real, y: real) = x ^ y", "x=2,y=0", {0, 0.69314718055994530942}},
    {"fn f(x: real) = clamp(x, 0, 1) + clamp(x, 1, 2)", "x=1", {2}},
    {"fn f(x: real) = x + floor(x) + ceil(x) + round(x) + sign(x)", "x=1", {1}},
    {"fn f(x: real, y: real) = atan2(x, y)", "x=0,y=0", {0, 0}},
    {"fn f[n](x: real[n]) = logsumexp(x)", "x=[0,0,0,0]", {0.25, 0.25, 0.25, 0.25}},
};

TEST(Kinks, EveryModeGivesTheConvention) {
  for (const Kink& kink : kKinks) {
    const auto c = loaded(kink.source + std::string("\n"));
    const FuncId f = function(*c, "f");
    std::vector<int> wrt;
    for (size_t k = 0; k < c->module[f].body().params.size(); ++k) wrt.push_back(static_cast<int>(k));
    for (const Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic})
      for (const bool interpret : {false, true}) {
        const auto d = differentiate(*c, f, {.mode = mode, .wrt = wrt, .interpret = interpret}, arguments(*c, f, kink.at));
        ASSERT_TRUE(d) << kink.source << "\n" << d.error().message << render_all(c->diagnostics, c->sources);
        std::vector<double> gradient;
        for (const auto& part : d->gradient) gradient.insert(gradient.end(), part.floats.begin(), part.floats.end());
        ASSERT_EQ(gradient.size(), kink.gradient.size()) << kink.source;
        for (size_t k = 0; k < gradient.size(); ++k)
          EXPECT_TRUE(gradient[k] == kink.gradient[k] || std::abs(gradient[k] - kink.gradient[k]) < 1e-15)
              << kink.source << " at " << kink.at << ", " << mode_name(mode) << (interpret ? " interpreted" : "") << ": element " << k << " is "
              << gradient[k] << ", not " << kink.gradient[k];
      }
  }
}

// An element of the Hessian that is asked for alone is not spoiled by an infinite one beside it.
TEST(Kinks, HessiansAgreeWhereTheyAreInfinite) {
  const auto c = loaded("fn f[n](x: real[n]) = sqrt(sum(x * x))\n");
  const FuncId f = function(*c, "f");
  for (const Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic}) {
    const auto d = differentiate(*c, f, {.mode = mode, .wrt = {0}, .order = 2}, arguments(*c, f, "x=[0,0]"));
    ASSERT_TRUE(d) << d.error().message;
    EXPECT_EQ(d->second[0][0].floats, (std::vector<double>{kInf, 0, 0, kInf})) << mode_name(mode);
  }
}

}  // namespace
}  // namespace dlc
