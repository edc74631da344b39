// The transposes and weights that the rows of rows_array.h name. Each has the signature of ir/op.h.
#pragma once
#include "ir/module.h"

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

}  // namespace dlc
