// Elements of an array picked by computed indices, without a loop: one-hot arrays and their uses.
#pragma once
#include <span>
#include <vector>

#include "ops/builder.h"

namespace dlc {

/// bool array of `shape`, true where the leading axes are at `indices` (scalar ints, at least one).
ValueId mask_at(Builder& b, const std::vector<DimId>& shape, std::span<const ValueId> indices, Loc loc);

/// The array of `type` that is `value` (a scalar or of the trailing shape) there and 0 elsewhere.
ValueId placed_at(Builder& b, TypeId type, std::span<const ValueId> indices, ValueId value, Loc loc);

}  // namespace dlc
