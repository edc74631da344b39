// L-BFGS: a quasi-Newton method that keeps a few pairs (s, y) of steps and changes of the gradient in place of a Hessian.
// Nocedal & Wright, Numerical Optimization (2nd ed.): the two-loop recursion is algorithm 7.4, the line search for the strong
// Wolfe conditions algorithms 3.5 and 3.6.
//
//   Lbfgs method({.history = 10});
//   double f = *objective(x, g);
//   while (method.step(objective, x, f, g) == Lbfgs::Outcome::moved) …;
//
// It works in doubles whatever the function computes in, and calls the function one point after the other, so the same
// function gives the same points.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace dlc::runtime {

class Lbfgs {
 public:
  struct Settings {
    int history = 10;         // pairs that are kept
    double tolerance = 1e-7;  // of the gradient's largest element: below it the point is a minimum
    double noise = 1e-14;     // how far values of the function may be off, relative to them: eps of the float it computes in, times some
  };
  /// The value at x and, in g, the gradient. May round x to numbers that the function can be asked for. Absent: give up.
  using Objective = std::function<std::optional<double>(std::vector<double>& x, std::vector<double>& g)>;

  enum class Outcome : uint8_t {
    moved,      // x, f, g are those of a better point
    converged,  // the gradient is within tolerance; nothing changed
    stuck,      // no point along the gradient is better, as far as the function's precision tells; nothing changed
    failed,     // the objective gave up
  };

  struct Pair {
    std::vector<double> s, y;  // x₁ − x₀, g₁ − g₀
  };

  explicit Lbfgs(Settings settings) : settings_(settings) {}
  Outcome step(const Objective& objective, std::vector<double>& x, double& f, std::vector<double>& g);

  /// What a checkpoint keeps; the oldest first.
  const std::vector<Pair>& pairs() const { return pairs_; }
  void restore(std::vector<Pair> pairs) { pairs_ = std::move(pairs); }

 private:
  std::vector<double> direction(const std::vector<double>& g) const;
  void remember(const std::vector<double>& x0, const std::vector<double>& x1, const std::vector<double>& g0, const std::vector<double>& g1);

  Settings settings_;
  std::vector<Pair> pairs_;
};

}  // namespace dlc::runtime
