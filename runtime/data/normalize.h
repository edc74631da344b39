// `normalize x = zscore`: each column less its mean, over its standard deviation, so that columns of grams and of
// metres weigh the same. Both are taken from the training rows only (what the test rows are like must not leak into
// training), applied to all rows and kept with the weights, for `predict` to apply again. `affine` is the same with
// numbers that are given.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/data/dataset.h"

namespace dlc::runtime {

/// The scale is the standard deviation of the population (over n, as scikit-learn's StandardScaler), and 1 for a column
/// that is constant: it becomes 0 and not 0/0 or rounding noise blown up. There must be a row, and no missing cell in
/// the rows.
ZScore fit_zscore(const Field& field, std::span<const int64_t> train_rows);

/// The same numbers for each of so many columns.
ZScore affine(double mean, double scale, int64_t width);

/// On all rows. The field has as many columns as the fit.
void apply_zscore(const ZScore& zscore, Field& field);

}  // namespace dlc::runtime
