// The method, and its line search.
#include "runtime/train/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dlc::runtime {
namespace {

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t k = 0; k < a.size(); ++k) sum += a[k] * b[k];
  return sum;
}

double largest(const std::vector<double>& g) {
  double most = 0;
  for (double x : g) most = std::max(most, std::abs(x));
  return most;
}

constexpr double kDecrease = 1e-4, kCurvature = 0.9;  // c₁ and c₂ of the Wolfe conditions
constexpr int kMostEvaluations = 30;                  // of one line search
constexpr double kLongest = 1e10;

/// φ(t) = f(x + t d).
struct LineSearch {
  const Lbfgs::Objective& objective;
  const std::vector<double>& x0;
  const std::vector<double>& d;
  double f0, slope0, noise;

  struct Point {
    double t = 0, f = 0, slope = 0;
    std::vector<double> x, g;
  };
  int n_evaluations = 0;
  bool has_failed = false;

  /// Where the function has no value, it is larger than anywhere else.
  Point at(double t) {
    Point p;
    p.t = t, p.x = x0, p.g.resize(x0.size());
    for (size_t k = 0; k < x0.size(); ++k) p.x[k] += t * d[k];
    const auto f = objective(p.x, p.g);
    ++n_evaluations;
    has_failed = has_failed || !f;
    p.f = f.value_or(0), p.slope = dot(p.g, d);
    if (!std::isfinite(p.f) || !std::isfinite(p.slope)) p.f = std::numeric_limits<double>::infinity(), p.slope = 1;
    return p;
  }
  bool is_low(const Point& p) const { return p.f <= f0 + kDecrease * p.t * slope0 + noise; }
  bool is_flat(const Point& p) const { return std::abs(p.slope) <= -kCurvature * slope0; }

  /// The minimum of the cubic through both points' values and slopes, kept off the ends; (3.59) there.
  static double between(const Point& a, const Point& b) {
    const double lo = std::min(a.t, b.t), hi = std::max(a.t, b.t), margin = 0.1 * (hi - lo);
    const double d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t);
    const double root = d1 * d1 - a.slope * b.slope;
    const double d2 = (b.t > a.t ? 1 : -1) * std::sqrt(std::max(root, 0.0));
    const double t = b.t - (b.t - a.t) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2);
    return std::isfinite(t) && root >= 0 ? std::clamp(t, lo + margin, hi - margin) : 0.5 * (lo + hi);
  }

  /// Algorithm 3.6: `lo` is the lower of two points between which a good one lies.
  std::optional<Point> zoom(Point lo, Point hi) {
    while (n_evaluations < kMostEvaluations && !has_failed) {
      Point p = at(between(lo, hi));
      if (!is_low(p) || p.f > lo.f) {
        hi = std::move(p);
        continue;
      }
      if (is_flat(p)) return p;
      if (p.slope * (hi.t - lo.t) >= 0) hi = lo;
      lo = std::move(p);
    }
    // The interval has shrunk to what the function can resolve: a lower point is progress.
    if (lo.t > 0 && lo.f < f0 && !has_failed) return lo;
    return std::nullopt;
  }

  /// Algorithm 3.5.
  std::optional<Point> run(double t) {
    Point before;
    before.f = f0, before.slope = slope0, before.x = x0;
    for (bool is_first = true; n_evaluations < kMostEvaluations && !has_failed; is_first = false) {
      Point p = at(t);
      if (has_failed) return std::nullopt;
      if (!is_low(p) || (!is_first && p.f >= before.f)) return zoom(std::move(before), std::move(p));
      if (is_flat(p)) return p;
      if (p.slope >= 0) return zoom(std::move(p), std::move(before));
      if (t >= kLongest) return p;
      before = std::move(p), t *= 2;
    }
    return before.t > 0 ? std::optional(std::move(before)) : std::nullopt;
  }
};

}  // namespace

/// −H g, H being what the pairs say of the inverse Hessian.
std::vector<double> Lbfgs::direction(const std::vector<double>& g) const {
  std::vector<double> q = g, alpha(pairs_.size());
  const auto add = [&](double factor, const std::vector<double>& v) {
    for (size_t k = 0; k < q.size(); ++k) q[k] += factor * v[k];
  };
  for (size_t i = pairs_.size(); i-- > 0;) {
    alpha[i] = dot(pairs_[i].s, q) / dot(pairs_[i].s, pairs_[i].y);
    add(-alpha[i], pairs_[i].y);
  }
  if (!pairs_.empty()) {
    const double scale = dot(pairs_.back().s, pairs_.back().y) / dot(pairs_.back().y, pairs_.back().y);
    for (double& v : q) v *= scale;
  }
  for (size_t i = 0; i < pairs_.size(); ++i) add(alpha[i] - dot(pairs_[i].y, q) / dot(pairs_[i].s, pairs_[i].y), pairs_[i].s);
  for (double& v : q) v = -v;
  return q;
}

/// Pairs without curvature, which only rounding makes, would spoil H.
void Lbfgs::remember(const std::vector<double>& x0, const std::vector<double>& x1, const std::vector<double>& g0, const std::vector<double>& g1) {
  Pair p{x1, g1};
  for (size_t k = 0; k < x0.size(); ++k) p.s[k] -= x0[k], p.y[k] -= g0[k];
  if (dot(p.s, p.y) <= 1e-10 * std::sqrt(dot(p.s, p.s) * dot(p.y, p.y))) return;
  pairs_.push_back(std::move(p));
  if (pairs_.size() > static_cast<size_t>(settings_.history)) pairs_.erase(pairs_.begin());
}

Lbfgs::Outcome Lbfgs::step(const Objective& objective, std::vector<double>& x, double& f, std::vector<double>& g) {
  if (largest(g) <= settings_.tolerance) return Outcome::converged;
  for (;;) {
    const std::vector<double> d = direction(g);
    const double slope = dot(g, d);
    if (slope < 0 && std::isfinite(slope)) {
      LineSearch search{objective, x, d, f, slope, settings_.noise * std::abs(f)};
      double norm = 0;
      for (double v : g) norm += std::abs(v);
      auto better = search.run(pairs_.empty() ? std::min(1.0, 1 / norm) : 1);
      if (search.has_failed) return Outcome::failed;
      if (better && better->x != x) {
        remember(x, better->x, g, better->g);
        x = std::move(better->x), g = std::move(better->g), f = better->f;
        return Outcome::moved;
      }
    }
    if (pairs_.empty()) return Outcome::stuck;
    pairs_.clear();  // along the gradient itself
  }
}

}  // namespace dlc::runtime
