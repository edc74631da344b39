// See metrics.h.
#include "runtime/train/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace dlc::runtime {
namespace {

MaybeError check_rows(size_t n_predictions, size_t n_targets) {
  if (n_predictions != n_targets) return Error{fmt::format("{} predictions for {} targets", n_predictions, n_targets)};
  if (n_targets == 0) return Error{"a metric of no rows"};
  return std::nullopt;
}

bool has_nan(std::span<const double> values) {
  return std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); });
}

/// The mean of term(0), …, term(n − 1).
template <class Term>
long double mean_of(size_t n, Term term) {
  long double sum = 0;
  for (size_t i = 0; i < n; ++i) sum += term(i);
  return sum / static_cast<long double>(n);
}

long double square(long double x) { return x * x; }

}  // namespace

Result<double> accuracy(std::span<const double> predictions, std::span<const double> targets, double threshold) {
  if (MaybeError error = check_rows(predictions.size(), targets.size())) return *error;
  return static_cast<double>(mean_of(targets.size(), [&](size_t i) {
    return !std::isnan(predictions[i]) && (predictions[i] >= threshold) == (targets[i] > 0.5) ? 1 : 0;
  }));
}

Result<double> class_accuracy(std::span<const double> scores, int64_t n_classes, std::span<const double> classes) {
  const auto k = static_cast<size_t>(n_classes);
  if (MaybeError error = check_rows(scores.size(), classes.size() * k)) return *error;
  int64_t n_right = 0;
  for (size_t i = 0; i < classes.size(); ++i) {
    const double wanted = classes[i];
    if (!(wanted >= 0 && wanted < static_cast<double>(k) && wanted == std::floor(wanted)))
      return Error{fmt::format("class {} of row {} is none of 0..{}", wanted, i, n_classes)};
    const std::span<const double> row = scores.subspan(i * k, k);
    const auto best = static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    n_right += !has_nan(row) && best == static_cast<size_t>(wanted);
  }
  return static_cast<double>(n_right) / static_cast<double>(classes.size());
}

Result<double> auc(std::span<const double> predictions, std::span<const double> targets) {
  if (MaybeError error = check_rows(predictions.size(), targets.size())) return *error;
  const size_t n = targets.size();
  const auto n_ones =
      static_cast<double>(std::count_if(targets.begin(), targets.end(), [](double t) { return t > 0.5; }));
  const double n_zeros = static_cast<double>(n) - n_ones;
  if (n_ones == 0 || n_zeros == 0)
    return Error{fmt::format("auc needs rows of both classes, and all {} are of class {}", n, n_ones == 0 ? 0 : 1)};
  if (has_nan(predictions)) return std::numeric_limits<double>::quiet_NaN();
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return predictions[a] < predictions[b]; });
  double rank_sum = 0;  // of class 1; ranks count from 1, equal predictions share the mean of theirs
  for (size_t begin = 0, end = 0; begin < n; begin = end) {
    double n_ones_here = 0;
    for (end = begin; end < n && predictions[order[end]] == predictions[order[begin]]; ++end)
      n_ones_here += targets[order[end]] > 0.5;
    rank_sum += n_ones_here * (static_cast<double>(begin + 1) + static_cast<double>(end)) / 2;
  }
  return (rank_sum - n_ones * (n_ones + 1) / 2) / (n_ones * n_zeros);
}

Result<double> mae(std::span<const double> predictions, std::span<const double> targets) {
  if (MaybeError error = check_rows(predictions.size(), targets.size())) return *error;
  return static_cast<double>(mean_of(targets.size(), [&](size_t i) { return std::fabs(predictions[i] - targets[i]); }));
}

Result<double> rmse(std::span<const double> predictions, std::span<const double> targets) {
  if (MaybeError error = check_rows(predictions.size(), targets.size())) return *error;
  return static_cast<double>(
      std::sqrt(mean_of(targets.size(), [&](size_t i) { return square(predictions[i] - targets[i]); })));
}

Result<double> r2(std::span<const double> predictions, std::span<const double> targets) {
  if (MaybeError error = check_rows(predictions.size(), targets.size())) return *error;
  const size_t n = targets.size();
  if (std::all_of(targets.begin(), targets.end(), [&](double t) { return t == targets[0]; }))
    return Error{fmt::format("r2 needs targets that differ, and all {} are {}", n, targets[0])};
  const long double center = mean_of(n, [&](size_t i) { return targets[i]; });
  const long double residual = mean_of(n, [&](size_t i) { return square(predictions[i] - targets[i]); });
  return static_cast<double>(1 - residual / mean_of(n, [&](size_t i) { return square(targets[i] - center); }));
}

Result<double> mean(std::span<const double> values) {
  if (MaybeError error = check_rows(values.size(), values.size())) return *error;
  return static_cast<double>(mean_of(values.size(), [&](size_t i) { return values[i]; }));
}

}  // namespace dlc::runtime
