// The numbers that say how good predictions are, over all examples of a part of the data.
//
//   Result<double> a = auc(predictions, targets);
//
// Predictions and targets are f64, one a row unless said otherwise. Each metric fails if there are no rows, if the
// numbers of rows differ, or if the targets leave it undefined (auc of one class). A prediction that is nan, the mark
// of a run gone wrong, never looks good: it counts as a wrong class and makes every other metric nan. Sums are taken in
// row order in long double, so a metric does not depend on threads.
#pragma once
#include <cstdint>
#include <span>

#include "runtime/result.h"

namespace dlc::runtime {

/// Share of rows on whose side of the threshold the target is: prediction ≥ threshold means class 1. Targets are 0
/// or 1.
Result<double> accuracy(std::span<const double> predictions, std::span<const double> targets, double threshold = 0.5);

/// Share of rows whose largest score is that of their class; the first on ties, as `argmax`. Scores are [rows,
/// n_classes], row-major; classes are 0..n_classes − 1, and another one is an error.
Result<double> class_accuracy(std::span<const double> scores, int64_t n_classes, std::span<const double> classes);

/// Area under the ROC curve: the chance that a row of class 1 has a larger prediction than one of class 0, a tie
/// counting half (Mann–Whitney, by ranks, n log n). Targets are 0 or 1; both must occur.
Result<double> auc(std::span<const double> predictions, std::span<const double> targets);

/// Mean of |p − t|.
Result<double> mae(std::span<const double> predictions, std::span<const double> targets);

/// Square root of the mean of (p − t)².
Result<double> rmse(std::span<const double> predictions, std::span<const double> targets);

/// 1 − Σ(p − t)² / Σ(t − mean of t)²: 1 is perfect, 0 is what the mean gives. Fails if all targets are equal.
Result<double> r2(std::span<const double> predictions, std::span<const double> targets);

/// The mean of values, such as each row's loss.
Result<double> mean(std::span<const double> values);

}  // namespace dlc::runtime
