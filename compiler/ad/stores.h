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

/// A part of a tuple whose fields may be tuples: which field, of that which field, and so on.
using FieldPath = std::vector<size_t>;
/// Takes the first step of a path, which has one.
inline size_t taken(FieldPath& path) {
  const size_t field = path.front();
  path.erase(path.begin());
  return field;
}
/// Of what a loop's step makes: carried value `k`, which is all of it where there is one.
inline FieldPath path_of(size_t n_carried, size_t k) { return n_carried == 1 ? FieldPath{} : FieldPath{k}; }

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
