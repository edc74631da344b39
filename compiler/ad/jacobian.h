// Jacobians: for each leaf of the result and each leaf of a parameter one array, the result's axes first. They are computed
// a direction at a time, as a `map` over the elements of one side, which `batch` turns into one pass over arrays:
//
//   by rows      over the elements of the result: a one-hot cotangent, pulled back       (few results, many parameters)
//   by columns   over the elements of the parameter: a one-hot tangent, pushed forward   (many results, few parameters)
#pragma once
#include "ad/elements.h"

namespace dlc {

/// params → (y, J…), a J of block_type (ops/request.h) for each active parameter. Absent after an error.
[[nodiscard]] FuncId jacobian_by_rows(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics);
[[nodiscard]] FuncId jacobian_by_columns(Module& m, FuncId f, const Wrt& wrt, Along along, Diagnostics& diagnostics);

}  // namespace dlc
