// Element updates of a loop's step. Where a step makes a carried array by `v[i] = e` alone, also under an `if`, reverse mode keeps
// what the stores overwrite and no array:
//
//   for { v = if c { put(put(v, a, i), b, j) } else { v } }      stores of v: the two, in this order
#pragma once
#include <unordered_map>
#include <vector>

#include "ir/module.h"

namespace dlc {

struct StepStores {
  /// Per carried value: every `put` and `add_at` by which a step may make it of the one before, in their order. Empty: it is made
  /// otherwise, at least in part.
  std::vector<std::vector<ValueId>> of;
  /// By `if`: those of the stores that stand in it. Each may happen or not.
  std::unordered_map<int32_t, std::vector<ValueId>> in_branch;
  /// Whether it is any of them.
  bool has(ValueId store) const;
};

/// `first`: the first carried value among the parameters of the loop's body.
StepStores stores_of_step(const Module& m, const Func& f, const Block& body, size_t n_carried, size_t first);

}  // namespace dlc
