// `missing = mean` and `missing = median`: missing cells get their column's mean or median over the training rows, in
// all rows and again in `predict`.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/dataset.h"

namespace dlc::runtime {

/// What fills each column of a field. `policy` is mean or median (of an even count: half-way between the middle two).
/// Fails on a column of which no training row has a value.
Result<std::vector<double>> fit_fill(const Field& field, MissingPolicy policy, std::span<const int64_t> train_rows);

/// On all rows. Returns how many cells were filled in.
int64_t apply_fill(std::span<const double> fill, Field& field);

}  // namespace dlc::runtime
