// Step search and complex step over the interpreter.
#include "pipeline/numeric.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "interp/interp.h"
#include "pipeline/arguments.h"
#include "pipeline/error_scale.h"

namespace dlc {
namespace {

constexpr int kSmallest = -10, kLargest = 5;  // powers of 4 around ∛ε·max(1, |x|)
constexpr double kComplexStep = 1e-20;
constexpr int kSteps = kLargest - kSmallest + 1;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// The part of a result that is differentiated.
template <class T>
const InterpValue<T>& part(const InterpValue<T>& result, int of) {
  return of < 0 ? result : result.fields[static_cast<size_t>(of)];
}

DType float_type(const InterpValue<double>& v) {
  if (v.dtype != DType::tuple) return v.dtype;
  return v.fields.empty() ? DType::f64 : float_type(v.fields[0]);
}

/// Σ|terms| of the part that is differentiated, where it can be computed.
ScalarFunction scale_of(Compilation& c, FuncId f, int of, const std::map<StrId, int64_t>& sizes) {
  return [&c, &sizes, f, of](const Args& args) -> std::optional<double> {
    const std::vector<double> scales = scales_of(c.module, f, args, sizes);
    if (scales.empty()) return std::nullopt;
    // The scalar that is differentiated comes first: `of` counts fields, and each before it is a scalar in practice.
    const double scale = scales[std::min<size_t>(of < 0 ? 0 : static_cast<size_t>(of), scales.size() - 1)];
    return std::isfinite(scale) ? std::optional(scale) : std::nullopt;
  };
}

/// What one step showed; nan where f has no value.
struct Trial {
  double step = 0;
  double central = kNone;
  double gap = kNone;    // between the slopes to the right and to the left
  double noise = 0;      // of a slope
};

/// The gap between the one-sided slopes at `best`, if it is a kink's: there it is as large for a quarter of the step. That
/// is asked of the smallest steps whose gap is not rounding.
double kink_gap(const Trial (&trials)[kSteps], int best) {
  for (int k = 0; k < best; ++k) {
    const Trial &small = trials[k], &large = trials[k + 1];
    const bool is_clear = small.gap > 64 * small.noise && large.gap > 64 * large.noise;
    if (is_clear) return small.gap > 0.8 * large.gap ? trials[best].gap : 0;
  }
  return 0;
}

std::optional<double> complex_step(const Compilation& c, FuncId f, int of, const Args& args, int parameter, size_t element,
                                   const std::map<StrId, int64_t>& sizes) {
  using Complex = std::complex<double>;
  std::vector<InterpValue<Complex>> complex_args = converted<Complex>(args);
  size_t at = element;
  const std::function<bool(InterpValue<Complex>&)> shift = [&](InterpValue<Complex>& v) {
    for (auto& field : v.fields)
      if (shift(field)) return true;
    if (at < v.floats.size()) return v.floats[at] += Complex(0, kComplexStep), true;
    at -= v.floats.size();
    return false;
  };
  if (!shift(complex_args[static_cast<size_t>(parameter)])) return std::nullopt;
  const auto y = interpret<Complex>(c.module, f, complex_args, sizes);
  if (!y) return std::nullopt;
  const double d = part(*y, of).floats[0].imag() / kComplexStep;
  return std::isfinite(d) ? std::optional(d) : std::nullopt;
}

/// Nothing is subtracted, so what is left is the rounding of the terms that the derivative is put together from: those of
/// f per unit of x, as far as the difference can vouch for no less.
double complex_error(double derivative, const NumericEstimate& difference, const InterpValue<double>& x, size_t element, std::optional<double> scale) {
  InterpValue<double> copy = x;
  const double at = std::abs(float_at(copy, element));
  const double terms = scale && at > 0 ? *scale / at : 0;
  constexpr double kRounding = 4 * std::numeric_limits<double>::epsilon();
  return std::max({std::min(kRounding * terms, difference.error), kRounding * std::abs(derivative), kRounding * difference.error});
}

}  // namespace

size_t count_floats(const InterpValue<double>& v) {
  size_t n = v.floats.size();
  for (const auto& field : v.fields) n += count_floats(field);
  return n;
}

/// The dtype of what float_at gives.
DType dtype_at(const InterpValue<double>& v, size_t element) {
  for (const auto& field : v.fields) {
    const size_t n = count_floats(field);
    if (element < n) return dtype_at(field, element);
    element -= n;
  }
  return v.dtype;
}

double& float_at(InterpValue<double>& v, size_t element) {
  for (auto& field : v.fields) {
    const size_t n = count_floats(field);
    if (element < n) return float_at(field, element);
    element -= n;
  }
  return v.floats[element];
}

std::vector<double> difference_steps(double x, double epsilon) {
  const double h0 = std::cbrt(epsilon) * std::max(1.0, std::abs(x));
  std::vector<double> steps;
  for (int k = kSmallest; k <= kLargest; ++k) steps.push_back(std::ldexp(h0, 2 * k));
  return steps;
}

NumericEstimate central_difference(const ScalarFunction& f, const ScalarFunction& scale, const Args& args, int parameter, size_t element,
                                   double epsilon) {
  Args moved = args;
  double& x = float_at(moved[static_cast<size_t>(parameter)], element);
  const double x0 = x;
  const std::vector<double> steps = difference_steps(x0, epsilon);
  const bool is_f32 = dtype_at(args[static_cast<size_t>(parameter)], element) == DType::f32;  // whatever f's result is
  const auto rounded = [&](double v) { return is_f32 ? static_cast<double>(static_cast<float>(v)) : v; };
  const double y = f(args).value_or(kNone);
  // Terms grow with the step: known at x and at the largest steps, taken as linear between.
  const double furthest = steps.back(), here = scale(args).value_or(0);
  x = x0 + furthest;
  double there = scale(moved).value_or(0);
  x = x0 - furthest;
  there = std::max(there, scale(moved).value_or(0));
  Trial trials[kSteps];
  for (int k = 0; k < kSteps; ++k) {
    const double h = steps[static_cast<size_t>(k)], above = rounded(x0 + h), below = rounded(x0 - h);
    Trial& t = trials[k];
    t.step = (above - below) / 2;
    x = above;
    const double y_above = f(moved).value_or(kNone);
    x = below;
    const double y_below = f(moved).value_or(kNone);
    if (!(above > x0 && x0 > below)) continue;
    t.central = (y_above - y_below) / (above - below);
    t.gap = std::abs((y_above - y) / (above - x0) - (y - y_below) / (x0 - below));
    // x ± h are rounded: their middle is not quite x, and the slope there another by f″ = gap / h times that.
    const double off_centre = std::abs((above - x0) - (x0 - below)) / 2;
    const double terms = here + std::max(0.0, there - here) * std::min(1.0, h / furthest);
    t.noise = epsilon * std::max({terms, std::abs(y_above), std::abs(y_below)}) / t.step + t.gap / t.step * off_centre;
  }
  // The noise as the shortest steps show it, for `noise` is a bound and may be far from it where a function amplifies rounding.
  double seen = epsilon * std::abs(y);
  for (int k = 0; k < 4; ++k) seen = std::max(seen, std::abs(trials[k].central - trials[k + 1].central) * trials[k].step);
  NumericEstimate best{kNone, steps[-kSmallest], std::numeric_limits<double>::infinity()};
  int at = 0;
  for (int k = 1; k + 1 < kSteps; ++k) {
    const double d = trials[k].central;
    double unexplained = 0;
    for (int j = 0; j < k; ++j)
      if (std::isfinite(trials[j].central)) unexplained = std::max(unexplained, std::abs(trials[j].central - d) - std::min(4 * trials[j].noise, 2 * seen / trials[j].step));
    const double error = std::abs(d - trials[k - 1].central) + std::abs(trials[k + 1].central - d) / 15 + trials[k].noise + unexplained;
    if (std::isfinite(d) && error < best.error) best = {d, trials[k].step, error}, at = k;
  }
  best.gap = kink_gap(trials, at);
  return best;
}

Result<std::vector<NumericDerivative>> numeric_gradient(Compilation& c, FuncId f, int of, const std::vector<int>& wrt, const Args& args,
                                                        bool allow_complex, const std::map<StrId, int64_t>& sizes) {
  const auto value = interpret<double>(c.module, f, args, sizes);
  if (!value) return value.error();
  const InterpValue<double>& y = part(*value, of);
  const double epsilon = float_type(y) == DType::f32 ? std::numeric_limits<float>::epsilon() : std::numeric_limits<double>::epsilon();
  const ScalarFunction scale = scale_of(c, f, of, sizes);
  const ScalarFunction scalar = [&](const Args& at) -> std::optional<double> {
    const auto result = interpret<double>(c.module, f, at, sizes);
    return result ? std::optional(part(*result, of).floats[0]) : std::nullopt;
  };
  std::vector<NumericDerivative> all;
  for (int p : wrt) {
    const InterpValue<double>& x = args[static_cast<size_t>(p)];
    NumericDerivative derivative{parameter_name(c.module, c.module[f], static_cast<size_t>(p)), x, {}};
    for (size_t e = 0; e < count_floats(x); ++e) {
      const auto by_complex = allow_complex ? complex_step(c, f, of, args, p, e, sizes) : std::nullopt;
      // Differences too: they tell a complex step apart that went wrong (|x| of a complex x, say), and cost little.
      NumericEstimate estimate = central_difference(scalar, scale, args, p, e, epsilon);
      // At a pole they are not finite, and then a complex step is a large number that means nothing.
      const double by_step = by_complex.value_or(std::numeric_limits<double>::quiet_NaN());
      if (std::abs(by_step - estimate.value) <= 100 * estimate.error && std::isfinite(estimate.value) && estimate.gap == 0)
        estimate = {by_step, kComplexStep, complex_error(by_step, estimate, x, e, scale(args)), true};
      derivative.elements.push_back(estimate);
    }
    all.push_back(std::move(derivative));
  }
  return all;
}

}  // namespace dlc
