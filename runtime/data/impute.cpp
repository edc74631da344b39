// See impute.h.
#include "runtime/data/impute.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runtime/data/quote.h"

namespace dlc::runtime {
namespace {

double mean_of(const std::vector<double>& values) {
  long double sum = 0;
  for (const double v : values) sum += v;
  return static_cast<double>(sum / static_cast<long double>(values.size()));
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  const double below = *std::max_element(values.begin(), middle);
  return below / 2 + *middle / 2;  // their sum may overflow
}

}  // namespace

Result<std::vector<double>> fit_fill(const Field& field, MissingPolicy policy, std::span<const int64_t> train_rows) {
  const size_t width = field.columns.size();
  std::vector<double> fill;
  for (size_t c = 0; c < width; ++c) {
    std::vector<double> present;
    for (const int64_t row : train_rows)
      if (const double v = field.values[static_cast<size_t>(row) * width + c]; !std::isnan(v)) present.push_back(v);
    if (present.empty())
      return Error{fmt::format("column {} has no value in the training rows to fill in from", quote(field.columns[c]))};
    fill.push_back(policy == MissingPolicy::median ? median_of(std::move(present)) : mean_of(present));
  }
  return fill;
}

int64_t apply_fill(std::span<const double> fill, Field& field) {
  int64_t n_filled = 0;
  for (size_t i = 0; i < field.values.size(); ++i)
    if (std::isnan(field.values[i])) {
      field.values[i] = fill[i % fill.size()];
      ++n_filled;
    }
  return n_filled;
}

}  // namespace dlc::runtime
