// See normalize.h. Sums are long double: a column of timestamps has a mean 1e9 times its deviation, one of 1e300s a
// square beyond f64.
#include "runtime/data/normalize.h"

#include <cmath>

namespace dlc::runtime {

ZScore fit_zscore(const Field& field, std::span<const int64_t> train_rows) {
  const int64_t width = field.width();
  const long double n = static_cast<long double>(train_rows.size());
  ZScore fit;
  for (int64_t c = 0; c < width; ++c) {
    const auto value = [&](int64_t row) { return field.value(row, c); };
    long double sum = 0, squares = 0;
    bool is_constant = true;
    for (const int64_t row : train_rows) {
      sum += value(row);
      is_constant &= value(row) == value(train_rows[0]);
    }
    const long double mean = is_constant ? value(train_rows[0]) : sum / n;
    for (const int64_t row : train_rows) squares += (value(row) - mean) * (value(row) - mean);
    const double scale = static_cast<double>(std::sqrt(squares / n));
    fit.mean.push_back(static_cast<double>(mean));
    fit.scale.push_back(is_constant || scale == 0 ? 1 : scale);
  }
  return fit;
}

ZScore affine(double mean, double scale, int64_t width) {
  const auto n = static_cast<size_t>(width);
  return {std::vector<double>(n, mean), std::vector<double>(n, scale)};
}

void apply_zscore(const ZScore& zscore, Field& field) {
  if (field.stored) return static_cast<void>(field.zscore = zscore);
  const size_t width = field.columns.size();
  for (size_t i = 0; i < field.values.size(); ++i)
    field.values[i] = (field.values[i] - zscore.mean[i % width]) / zscore.scale[i % width];
}

}  // namespace dlc::runtime
