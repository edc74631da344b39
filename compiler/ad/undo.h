// Undoing what a loop's step did to an array.
//
// An array of which a step changes elements only, `v[i] = e`, has no row of its own on the tape: kept is what stood there
// before, and where. On the way back it is carried itself, from its last value on, and every step is undone. A store under an
// `if` that was not made is one at -1, which is no place. Of an inner loop that makes such stores kept is its tape, and undone
// are its steps; under an `if` that was not taken it made none.
#pragma once
#include <span>
#include <unordered_map>
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

class Undo {
 public:
  Undo(Module& m, const Func& source, const Activity& activity) : m_(m), source_(source), activity_(activity) {}

  /// Whether a loop keeps its steps: something bounds their number.
  bool has_tape(ValueId loop) const;
  const StepStores& stores_of(ValueId loop);
  bool is_certain(ValueId loop, const Update& u) const;

  /// The types of what undoes an update.
  std::vector<TypeId> kept_types(const Update& u);
  /// An array with a row for each step.
  TypeId tape_type(DimId bound, TypeId row);

  /// The array before some updates, from the one after them and what was kept of each.
  ValueId all(Builder& b, ValueId x, std::span<const Store> stores, std::span<const std::vector<ValueId>> kept, Loc loc);

 private:
  ValueId one(Builder& b, ValueId x, const Store& store, std::span<const ValueId> kept, Loc loc);

  Module& m_;
  const Func& source_;
  const Activity& activity_;
  std::unordered_map<int32_t, StepStores> stores_;
};

}  // namespace dlc
