// Σ|terms|: how large the numbers were that a result was put together from. It is the unit in which `check` measures
// differences: an error of a few ulp of Σ|terms| is rounding, whatever cancelled; more is a mistake.
//
// Each value v has a scale s(v), to first order the bound on its error when every operation errs by one relative unit
// (a running error analysis): inputs and constants are exact, s = 0, and for v = op(a, b, …)
//
//   s(v) = |v| + Σ |∂v/∂a| · s(a)            elementwise, by the rules of the op table
//   s(Σ x) = Σ (s(x) + |x|)                   sums;   s(A @ B) = |A| s(B) + s(A) |B| + |A| |B|
//
// The scales of f's results are themselves a function of f's parameters, built as IR and run by the interpreter.
#pragma once
#include <optional>

#include "interp/value.h"
#include "pipeline/compilation.h"

namespace dlc {

/// params → the scale of each float leaf of f's result, in order, as a tuple. `f` must be ready. Absent when f cannot be
/// written as straight-line code. Memoised in the module.
FuncId scale_function(Compilation& c, FuncId f);

}  // namespace dlc
