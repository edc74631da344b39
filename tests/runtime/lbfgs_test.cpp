// L-BFGS on functions whose minima are known.
#include "runtime/train/lbfgs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dlc::runtime {
namespace {

using Vector = std::vector<double>;

/// Rosenbrock 1960, in pairs of coordinates; 0 at (1, …, 1).
std::optional<double> rosenbrock(Vector& x, Vector& g) {
  double f = 0;
  for (size_t k = 0; k + 1 < x.size(); k += 2) {
    const double a = 1 - x[k], b = x[k + 1] - x[k] * x[k];
    f += a * a + 100 * b * b;
    g[k] = -2 * a - 400 * x[k] * b, g[k + 1] = 200 * b;
  }
  return f;
}

struct Minimum {
  Vector x, g;
  double f = 0;
  int steps = 0;
  Lbfgs::Outcome outcome = Lbfgs::Outcome::moved;
};

Minimum minimise(const Lbfgs::Objective& objective, Vector x, Lbfgs::Settings settings, int most = 500) {
  Minimum r{x, Vector(x.size())};
  r.f = *objective(r.x, r.g);
  Lbfgs method(settings);
  while (r.steps < most && (r.outcome = method.step(objective, r.x, r.f, r.g)) == Lbfgs::Outcome::moved) ++r.steps;
  return r;
}

TEST(Lbfgs, FindsTheMinimumOfRosenbrocksValley) {
  int n_calls = 0;
  const auto counted = [&](Vector& x, Vector& g) { return ++n_calls, rosenbrock(x, g); };
  const Minimum r = minimise(counted, {-1.2, 1, -1.2, 1, 3, -4}, {.tolerance = 1e-9});
  EXPECT_EQ(r.outcome, Lbfgs::Outcome::converged);
  for (double v : r.x) EXPECT_NEAR(v, 1, 1e-8);
  EXPECT_LT(r.steps, 80);
  EXPECT_LT(n_calls, 2 * r.steps + 10);  // nearly every first step of a line search is taken
}

TEST(Lbfgs, NeedsFewStepsForAQuadraticOfFewDirections) {
  // Four distinct eigenvalues: as many steps as that, if the line searches were exact.
  const auto f = [](Vector& x, Vector& g) {
    double sum = 0;
    for (size_t k = 0; k < x.size(); ++k) {
      const double c = std::pow(10, static_cast<double>(k % 4));
      g[k] = c * (x[k] - 2), sum += 0.5 * c * (x[k] - 2) * (x[k] - 2);
    }
    return std::optional(sum);
  };
  const Minimum r = minimise(f, Vector(40, 0.0), {.tolerance = 1e-8});
  EXPECT_EQ(r.outcome, Lbfgs::Outcome::converged);
  EXPECT_LT(r.steps, 40);
  for (double v : r.x) EXPECT_NEAR(v, 2, 1e-8);
}

TEST(Lbfgs, EndsWhereSinglePrecisionDoes) {
  const auto in_single = [](Vector& x, Vector& g) {
    for (double& v : x) v = static_cast<double>(static_cast<float>(v));
    double f = *rosenbrock(x, g);
    for (double& v : g) v = static_cast<double>(static_cast<float>(v));
    return std::optional(static_cast<double>(static_cast<float>(f + 1000)));  // so that its last digits are rough
  };
  const Minimum r = minimise(in_single, {-1.2, 1}, {.tolerance = 1e-12, .noise = 1e-6});
  EXPECT_NE(r.outcome, Lbfgs::Outcome::failed);
  EXPECT_LT(r.steps, 500);
  EXPECT_NEAR(r.x[0], 1, 0.1);
}

TEST(Lbfgs, StepsAroundWhatHasNoValue) {
  const auto f = [](Vector& x, Vector& g) {  // minimum at 1, nan from 0 on down
    g[0] = 1 - 1 / x[0];
    return std::optional(x[0] - std::log(x[0]));
  };
  const Minimum r = minimise(f, {30}, {});
  EXPECT_EQ(r.outcome, Lbfgs::Outcome::converged);
  EXPECT_NEAR(r.x[0], 1, 1e-6);
}

TEST(Lbfgs, SaysWhenItCannotGoOn) {
  const auto falls = [](Vector& x, Vector& g) { return g[0] = -1, std::optional(-x[0]); };  // no minimum
  EXPECT_EQ(minimise(falls, {0}, {}, 5).outcome, Lbfgs::Outcome::moved);
  int n = 0;
  const auto gives_up = [&](Vector& x, Vector& g) { return ++n > 3 ? std::nullopt : rosenbrock(x, g); };
  EXPECT_EQ(minimise(gives_up, {-1.2, 1}, {}).outcome, Lbfgs::Outcome::failed);
  const auto wrong = [](Vector& x, Vector& g) { return g[0] = -2 * x[0], std::optional(x[0] * x[0]); };  // the gradient's sign
  const Minimum r = minimise(wrong, {1}, {});
  EXPECT_EQ(r.outcome, Lbfgs::Outcome::stuck);
  EXPECT_EQ(r.x[0], 1);
}

TEST(Lbfgs, GoesOnFromWhatItKept) {
  Vector x{-1.2, 1, 0, 0}, g(4);
  double f = *rosenbrock(x, g);
  Lbfgs method({});
  for (int k = 0; k < 7; ++k) ASSERT_EQ(method.step(rosenbrock, x, f, g), Lbfgs::Outcome::moved);
  Lbfgs other({});
  other.restore(method.pairs());
  Vector y = x, h = g;
  double e = f;
  for (int k = 0; k < 7; ++k) {
    ASSERT_EQ(method.step(rosenbrock, x, f, g), Lbfgs::Outcome::moved);
    ASSERT_EQ(other.step(rosenbrock, y, e, h), Lbfgs::Outcome::moved);
    EXPECT_EQ(x, y);
  }
}

}  // namespace
}  // namespace dlc::runtime
