// See split.h.
#include "runtime/data/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "runtime/data/quote.h"
#include "runtime/random/permutation.h"
#include "runtime/random/philox.h"

namespace dlc::runtime {
namespace {

using Shares = std::array<double, 3>;
using Counts = std::array<int64_t, 3>;
constexpr const char* kParts[] = {"train", "valid", "test"};

MaybeError check_counts(const Shares& counts, int64_t n_rows, int64_t n_gaps) {
  for (size_t p = 0; p < 3; ++p)
    if (!(counts[p] >= 0 && counts[p] <= 0x1p53 && counts[p] == std::floor(counts[p])))
      return Error{fmt::format("split: {} = {} is not a number of rows", kParts[p], counts[p])};
  const double sum = counts[0] + counts[1] + counts[2] + static_cast<double>(n_gaps);
  if (sum > static_cast<double>(n_rows))
    return Error{fmt::format("split: train, valid and test ({}, {}, {}) take {} rows{}, and there are {}", counts[0], counts[1], counts[2], sum,
                             n_gaps > 0 ? fmt::format(" with the {} between them", n_gaps) : "", n_rows)};
  return std::nullopt;
}

MaybeError check(const Shares& shares) {
  for (size_t p = 0; p < 3; ++p)
    if (!(shares[p] >= 0 && shares[p] <= 1))
      return Error{fmt::format("split: {} = {} is not a fraction of the rows", kParts[p], shares[p])};
  const double sum = shares[0] + shares[1] + shares[2];
  if (std::fabs(sum - 1) > 1e-9)
    return Error{
        fmt::format("split: train, valid and test ({}, {}, {}) make {}, not 1", shares[0], shares[1], shares[2], sum)};
  return std::nullopt;
}

/// Largest remainder. A share of 0.7 · 10 is 7.000…1 or 6.999…9 by how it was written, so remainders within 1e-9 are
/// equal and those near 1 are whole rows.
Counts counts_of(int64_t n, const Shares& shares) {
  Counts counts{};
  Shares remainders{};
  int64_t left = n;
  for (size_t p = 0; p < 3; ++p) {
    const double exact = shares[p] * static_cast<double>(n);
    counts[p] = std::min(static_cast<int64_t>(std::floor(exact + 1e-9)), left);
    remainders[p] = exact - static_cast<double>(counts[p]);
    left -= counts[p];
  }
  while (left > 0) {
    size_t largest = 0;
    for (size_t p = 1; p < 3; ++p)
      if (remainders[p] > remainders[largest] + 1e-9) largest = p;
    ++counts[largest];
    remainders[largest] -= 1;
    --left;
  }
  return counts;
}

Counts as_counts(const Shares& shares) {
  return {static_cast<int64_t>(shares[0]), static_cast<int64_t>(shares[1]), static_cast<int64_t>(shares[2])};
}

void deal(std::vector<int64_t> rows, const Counts& counts, uint64_t key, Split& split) {
  shuffle(rows, key);
  auto at = rows.begin();
  std::vector<int64_t>* parts[] = {&split.train, &split.valid, &split.test};
  for (size_t p = 0; p < 3; ++p) {
    parts[p]->insert(parts[p]->end(), at, at + counts[p]);
    at += counts[p];
  }
}

Result<Split> finish(Split split, const Shares& shares, const std::string& of_what) {
  std::vector<int64_t>* parts[] = {&split.train, &split.valid, &split.test};
  for (size_t p = 0; p < 3; ++p) {
    if (shares[p] > 0 && parts[p]->empty())
      return Error{fmt::format("split: {} = {} of {} is no row", kParts[p], shares[p], of_what)};
    std::sort(parts[p]->begin(), parts[p]->end());
  }
  return split;
}

}  // namespace

Result<Split> split_rows(int64_t n_rows, const SplitFractions& fractions, uint64_t seed) {
  const Shares shares = {fractions.train, fractions.valid, fractions.test};
  if (MaybeError error = fractions.are_counts ? check_counts(shares, n_rows, 0) : check(shares)) return *error;
  std::vector<int64_t> rows(static_cast<size_t>(n_rows));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  Split split;
  deal(std::move(rows), fractions.are_counts ? as_counts(shares) : counts_of(n_rows, shares), fold(stream_key(seed, Stream::split), 0), split);
  return finish(std::move(split), shares, fmt::format("{} rows", n_rows));
}

Result<Split> split_in_order(int64_t n_rows, const SplitFractions& fractions, int64_t gap) {
  const Shares shares = {fractions.train, fractions.valid, fractions.test};
  const int64_t n_gaps = gap * (std::count_if(shares.begin(), shares.end(), [](double s) { return s > 0; }) - 1);
  if (MaybeError error = fractions.are_counts ? check_counts(shares, n_rows, n_gaps) : check(shares)) return *error;
  const Counts counts = fractions.are_counts ? as_counts(shares) : counts_of(std::max<int64_t>(n_rows - n_gaps, 0), shares);
  Split split;
  std::vector<int64_t>* parts[] = {&split.train, &split.valid, &split.test};
  int64_t next = 0;
  for (size_t p = 0; p < 3; ++p) {
    if (counts[p] == 0) continue;
    if (next > 0) next += gap;
    for (int64_t k = 0; k < counts[p]; ++k) parts[p]->push_back(next++);
  }
  return finish(std::move(split), shares, fmt::format("{} rows", n_rows));
}

Result<Split> split_stratified(std::span<const double> labels, const std::string& field,
                               const SplitFractions& fractions, uint64_t seed) {
  const Shares shares = {fractions.train, fractions.valid, fractions.test};
  if (MaybeError error = check(shares)) return *error;
  std::map<double, std::vector<int64_t>> classes;  // in order of their labels, so that keys do not depend on the rows'
  for (size_t row = 0; row < labels.size(); ++row) {
    if (std::isnan(labels[row])) return Error{fmt::format("split: stratify = {} has missing cells", field)};
    classes[labels[row]].push_back(static_cast<int64_t>(row));
  }
  if (classes.size() == 1)
    return Error{fmt::format("split: stratify needs two classes, and {} is {} in all {} rows", quote(field),
                             classes.begin()->first, labels.size())};
  Split split;
  uint64_t index = 0;
  for (auto& [label, rows] : classes) {
    const Counts counts = counts_of(static_cast<int64_t>(rows.size()), shares);
    deal(std::move(rows), counts, fold(stream_key(seed, Stream::split), index++), split);
  }
  return finish(std::move(split), shares, fmt::format("each of {} classes of {}", classes.size(), quote(field)));
}

}  // namespace dlc::runtime
