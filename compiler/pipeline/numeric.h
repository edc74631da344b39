// Derivatives by differences with a searched step, for reports: numeric mode itself (ad/elements.h) takes one step and
// says nothing about its error.
//
// For each element, central differences D(h) at h = ∛ε·max(1, |x|)·4ᵏ, k = −10 … 5. The error of each is estimated as
//
//   E(h) = |D(h) − D(h/4)| + |D(4h) − D(h)| / 15 + noise / h + max over smaller h' of (|D(h') − D(h)| − min(4 noise, 2 seen) / h')
//
// The last tells a steady but wrong D apart, whose steps are periods of f or jump over the same number of jumps: a smaller
// step may be noisier, but no more than its noise says. (The first two see the formula's error, which is quadratic in h, and
// what rounding did. `noise` is ε times the scale of f's terms, or |f|, at x or where f is evaluated, whichever is largest;
// `seen` is what the differences at the shortest steps show of it; x ± h are rounded too.) The step with the least estimate
// is taken.
//
// At a kink the central difference is steady, and says nothing of it: |x| at 0 gives 0 for every h. So the one-sided
// slopes are compared: of a smooth f they differ by h·f″, at a kink by as much for every h, at a jump by more for less h.
//
// Where every op on the way has a meaning over complex numbers, the complex step Im f(x + ih) / h
// needs no difference: nothing cancels, and h = 10⁻²⁰ is as good as exact.
#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/result.h"
#include "interp/value.h"
#include "pipeline/compilation.h"

namespace dlc {

struct NumericEstimate {
  double value = 0;
  double step = 0;
  double error = 0;        // estimated, absolute, for a smooth function
  bool is_complex = false;
  double gap = 0;          // between the one-sided slopes, if they do not meet as h shrinks: a kink or a jump is near
  double total_error() const { return std::max(error, gap / 2); }
};

struct NumericDerivative {
  std::string parameter;
  InterpValue<double> shape;               // the parameter's value, for its shape
  std::vector<NumericEstimate> elements;   // leaf by leaf, row-major
};

using Args = std::vector<InterpValue<double>>;

/// A scalar of the arguments; nothing when it cannot be computed there.
using ScalarFunction = std::function<std::optional<double>(const Args&)>;

/// The steps h above, at an element of this value: the shortest first.
std::vector<double> difference_steps(double x, double epsilon);

/// ∂f/∂(element `at` of the floats of leaf `leaf`) as above. `epsilon` is that of f's dtype; `scale` gives Σ|terms| of f,
/// whose rounding is the noise; nothing where it is not known.
NumericEstimate central_difference(const ScalarFunction& f, const ScalarFunction& scale, const Args& args, int parameter, size_t element,
                                   double epsilon);

/// By complex step where possible (`allow_complex`), else by differences, for every element of the parameters `wrt`.
/// `f` must be ready; the part `of` of its result must be a scalar float. The error is the interpreter's.
Result<std::vector<NumericDerivative>> numeric_gradient(Compilation& c, FuncId f, int of, const std::vector<int>& wrt, const Args& args,
                                                        bool allow_complex, const std::map<StrId, int64_t>& sizes = {});

/// The float elements of a value, leaf by leaf.
size_t count_floats(const InterpValue<double>& v);
double& float_at(InterpValue<double>& v, size_t element);

/// The same value over another number type.
template <class T>
InterpValue<T> converted(const InterpValue<double>& v) {
  InterpValue<T> out;
  out.dtype = v.dtype, out.dims = v.dims, out.ints = v.ints;
  out.floats.assign(v.floats.begin(), v.floats.end());
  for (const auto& field : v.fields) out.fields.push_back(converted<T>(field));
  return out;
}
template <class T>
std::vector<InterpValue<T>> converted(const Args& args) {
  std::vector<InterpValue<T>> out;
  for (const auto& a : args) out.push_back(converted<T>(a));
  return out;
}

}  // namespace dlc
