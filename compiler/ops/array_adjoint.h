// The transposes and weights that the rows of rows_array.h name. Each has the signature of ir/op.h.
#pragma once
#include "ir/module.h"
#include "ops/array.h"

namespace dlc {

class Builder;

ValueId transpose_view(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_view_adjoint(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_sum(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_reshape(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_cumsum(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_batch_sum(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_stack(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_matmul(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_index(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_put(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId transpose_add_at(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);
ValueId weight_extreme(Builder&, const Inst& self, ValueId x, ValueId y, Loc);
ValueId weight_prod(Builder&, const Inst& self, ValueId x, ValueId y, Loc);

/// `total`, a cotangent of an array, with y_bar of a view of the array added: at those elements only that the view reads. Absent
/// where these are not a small part of it.
ValueId add_through_view(Builder&, ValueId total, ValueId y_bar, const ViewMap& map, Loc);

/// A sum of `add_at` on zeros: what was read at subscripts. `value` of shape G ++ rest belongs at the leading `subscripts`.
struct Scattered {
  ValueId value;
  std::vector<ValueId> subscripts;
  Bounds bounds = Bounds::inside;
};
/// In the order in which they were added; empty where `x` is anything else.
std::vector<Scattered> scattered(Builder&, ValueId x);

}  // namespace dlc
