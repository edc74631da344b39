// Sums over the numbers of a gradient, see directions.h.
#include "pipeline/directions.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dlc {

void add_scaled(InterpValue<Big>& x, const InterpValue<double>& v, const Big& h) {
  for (size_t k = 0; k < x.fields.size(); ++k) add_scaled(x.fields[k], v.fields[k], h);
  for (size_t k = 0; k < x.floats.size(); ++k) x.floats[k] += h * Big(v.floats[k]);
}

double Along::exact_error(const Big& other, double epsilon, double limit) const {
  if (!isfinite(other)) return HUGE_VAL;
  const double scale = std::min(terms, 1e-3 / limit / epsilon * values);
  const double unit = std::max({epsilon * std::max(values, scale), 1e-30 * terms, std::numeric_limits<double>::min()});
  return static_cast<double>(abs(other - slope)) / unit;
}

Along gradient_along(const std::vector<Big>& gradient, const std::vector<double>& scales, const std::vector<InterpValue<double>>& direction) {
  std::vector<double> v;
  for (const auto& part : direction) flatten(part, v);
  Along along;
  for (size_t k = 0; k < v.size(); ++k) {
    along.slope += gradient[k] * Big(v[k]);
    along.values += std::abs(v[k]) * std::abs(static_cast<double>(gradient[k]));
    if (k < scales.size() && std::isfinite(scales[k])) along.terms += std::abs(v[k]) * scales[k];
  }
  return along;
}

}  // namespace dlc
