// Rows into a part to learn from, one to decide by (early stopping, the best weights) and one to report on.
//
// How many: n rows go to the parts by largest remainder, so each part has its share to within one row; of equal
// remainders the earlier part gets the row. Stratified, this is done within each class, and no part has a share of a
// class that is off by more than one row. Which ones: each class is shuffled by its own key (philox.h), so the same
// seed gives the same split on every machine.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace dlc::runtime {

struct SplitFractions {
  double train = 1, valid = 0, test = 0;  // none negative; their sum is 1
  bool are_counts = false;                // or: so many rows; those that are left over belong to no part
};

/// Row numbers, ascending in each part; no row is in two parts, and without counts every row is in one.
struct Split {
  std::vector<int64_t> train, valid, test;
};

/// Fails if the fractions are no fractions, or if a part that is asked for would be empty.
Result<Split> split_rows(int64_t n_rows, const SplitFractions& fractions, uint64_t seed);

/// For rows that overlap, as windows of a text: the first rows train, the next validate, the last test, and between two
/// parts `gap` rows are left out, which would share characters with both.
Result<Split> split_in_order(int64_t n_rows, const SplitFractions& fractions, int64_t gap);

/// Splits each class of `labels` (one number a row) alone, by shares. Fails also if there is only one class. `field` is the
/// labels' name in messages.
Result<Split> split_stratified(std::span<const double> labels, const std::string& field,
                               const SplitFractions& fractions, uint64_t seed);

}  // namespace dlc::runtime
