// Element updates of a loop's step. Where a step makes a carried array by `v[i] = e` alone, also under an `if` or in an inner loop,
// reverse mode keeps what the stores overwrite and no array:
//
//   for { v = if c { put(put(v, a, i), b, j) } else { v } }      updates of v: the two stores, in this order
//   for { v = for { put(v, a, i) } }                             updates of v: the inner loop
#pragma once
#include <functional>
#include <unordered_map>
#include <vector>

#include "ir/module.h"

namespace dlc {

struct Update {
  ValueId inst;     // `put`, `add_at`, or a loop whose steps make carried value `part` by updates
  size_t part = 0;
  bool operator==(const Update&) const = default;
};

struct StepStores {
  /// Per carried value: every update by which a step may make it of the one before, in their order. Empty: it is made
  /// otherwise, at least in part.
  std::vector<std::vector<Update>> of;
  /// By `if`: those of the updates that stand in it. Each may happen or not.
  std::unordered_map<int32_t, std::vector<Update>> in_branch;
  /// Those that `inst` is.
  std::vector<Update> made_by(ValueId inst) const;
};

/// `has_tape`: whether an inner loop keeps its steps. Where it would keep more elements than half an array, it is no update.
StepStores stores_of_loop(const Module& m, const Func& f, ValueId loop, const std::function<bool(ValueId)>& has_tape);

}  // namespace dlc
