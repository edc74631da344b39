// One-hot arrays, see masks.h.
#include "ad/masks.h"

#include "base/check.h"
#include "ops/table.h"

namespace dlc {

ValueId mask_at(Builder& b, const std::vector<DimId>& shape, std::span<const ValueId> indices, Loc loc) {
  DLC_CHECK(!indices.empty() && indices.size() <= shape.size(), "indices subscript leading axes");
  ValueId mask;
  for (size_t axis = 0; axis < indices.size(); ++axis) {
    const ValueId position = b.iota(shape[axis], loc);
    std::vector<int> axes(shape.size(), -1);
    axes[axis] = 0;
    const ValueId here = b.op("eq"_op, {position, indices[axis]}, loc);
    const ValueId spread = b.view(here, permute_map(b.module(), b.type(here), axes, shape), loc);
    mask = mask ? b.op("and"_op, {mask, spread}, loc) : spread;
  }
  return mask;
}

ValueId placed_at(Builder& b, TypeId type, std::span<const ValueId> indices, ValueId value, Loc loc) {
  if (indices.empty()) return value;
  const Type t = b.types()[type];
  const ValueId zero = b.constant(0, t.dtype, loc);
  return b.op("select"_op, {mask_at(b, t.dims, indices, loc), value, zero}, loc);
}

}  // namespace dlc
