// A value's numbers in one row, leaf by leaf, and a derivative along a direction: Σ gradient·v, in which every number takes part.
#pragma once
#include <vector>

#include "base/big.h"
#include "interp/value.h"

namespace dlc {

/// Everything floating in a value.
template <class T>
void flatten(const InterpValue<T>& v, std::vector<T>& out) {
  for (const auto& field : v.fields) flatten(field, out);
  out.insert(out.end(), v.floats.begin(), v.floats.end());
}
template <class T>
std::vector<T> flat(const InterpValue<T>& v) {
  std::vector<T> out;
  flatten(v, out);
  return out;
}

/// x + h·v, in place.
void add_scaled(InterpValue<Big>& x, const InterpValue<double>& v, const Big& h);

/// A derivative by a number is compared in the scale of its terms, one along a direction in that of all of them.
struct Along {
  Big slope = 0;      // Σ gradient·v
  double values = 0;  // Σ |gradient·v|
  double terms = 0;   // Σ |v| times the scale of each number

  /// How far `other`, computed in 200 bits too, is from the slope, in ulp. Where a function amplifies rounding, as many layers
  /// one upon the other do, the scale of the terms is many times the derivative, and anything would pass; but here neither side
  /// was rounded, but for constants. So the scale counts up to what makes `limit` 1 in 1000; 200 bits have an error of their own.
  double exact_error(const Big& other, double epsilon, double limit) const;
  /// Whether compiled code may be off by the whole derivative and still be right to rounding.
  bool is_lost(double epsilon, double limit) const { return limit * epsilon * terms > values; }
};

/// `scales`: of the gradient's numbers; those that are not known count as zero.
Along gradient_along(const std::vector<Big>& gradient, const std::vector<double>& scales, const std::vector<InterpValue<double>>& direction);

}  // namespace dlc
