// Undoing what a loop's step did to an array.
//
// An array of which a step changes elements only, `v[i] = e`, has no row of its own on the tape: kept is what stood there
// before, and where. On the way back it is carried itself, from its last value on, and every step is undone. A store under an
// `if` that was not made is one at -1, which is no place. Of an inner loop that makes such stores kept is its tape, and undone
// are its steps; under an `if` that was not taken it made none.
#pragma once
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ad/activity.h"
#include "ad/stores.h"
#include "ops/builder.h"

namespace dlc {

struct Store {                 // one update of such an array (ad/stores.h), in the order of the body
  Update update;
  std::vector<ValueId> tapes;  // of a store: what stood there, the subscripts; of a loop: the count, its tapes
  bool is_certain = true;      // it stands under no `if`
};

/// The updates that a step makes of one array, and what undoes them in this step.
struct Chain {
  std::span<const Store> stores;
  std::span<const std::vector<ValueId>> kept;
  std::pair<int32_t, size_t> key(size_t o) const { return {stores[o].update.inst.i, stores[o].update.part}; }
};

/// A chain that goes through an `if` by inner loops: the way back of the `if` gives the array as it was before it, by the loops
/// of a side, or as that side was given it.
struct ThroughBranch {
  Chain chain;
  size_t n_before, param;  // of the chain: its updates before the `if`; the array among the blocks' parameters
  std::vector<size_t> loops[2];
  ValueId arrays[2];       // absent: a side is not stepped through
};

class Undo {
 public:
  Undo(Module& m, const Func& source, const Activity& activity) : m_(m), source_(source), activity_(activity) {}

  /// Whether a loop keeps its steps: something bounds their number.
  bool has_tape(ValueId loop) const;
  const StepStores& stores_of(ValueId loop);
  bool is_certain(ValueId loop, const Update& u) const;
  bool is_loop(const Store& store) const { return source_[store.update.inst].n_blocks > 0; }

  /// The types of what undoes an update.
  std::vector<TypeId> kept_types(const Update& u);
  /// An array with a row for each step.
  TypeId tape_type(DimId bound, TypeId row);

  /// The array before some updates, from the one after them and what was kept of each.
  ValueId all(Builder& b, ValueId x, std::span<const Store> stores, std::span<const std::vector<ValueId>> kept, Loc loc);
  /// Those of `chains` that go through an `if`, and by nothing but loops in a side that has any.
  std::vector<ThroughBranch> through(ValueId branch, std::span<const Chain> chains) const;

 private:
  ValueId one(Builder& b, ValueId x, const Store& store, std::span<const ValueId> kept, Loc loc);

  Module& m_;
  const Func& source_;
  const Activity& activity_;
  std::unordered_map<int32_t, StepStores> stores_;
};

}  // namespace dlc
