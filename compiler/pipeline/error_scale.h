// Σ|terms|: how large the numbers were that a result was put together from. It is the unit in which `check` measures
// differences: an error of a few ulp of Σ|terms| is rounding, whatever cancelled; more is a mistake.
//
// Each value v has a scale s(v), to first order the bound on its error when every operation errs by one relative unit
// (a running error analysis): inputs and constants are exact, s = 0, and for v = op(a, b, …)
//
//   s(v) = |v| + Σ |∂v/∂a| · s(a)            elementwise, by the rules of the op table
//   s(Σ x) = Σ (s(x) + |x|)                   sums;   s(A @ B) = |A| s(B) + s(A) |B| + |A| |B|
//
// It is the interpreter over a number that carries its scale (`Scaled`, interp/value.h), so it follows loops and branches.
#pragma once
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "interp/value.h"
#include "ir/module.h"

namespace dlc {

/// The scales of the floats of f's result, in order. Empty where f has no value.
std::vector<double> scales_of(const Module& m, FuncId f, std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& sizes = {});

/// The instruction of f itself at which the error grows most: |double − 200 bits| relative to the value, against its operands'.
/// Nothing where there is no value or no error.
std::optional<Span> error_origin(const Module& m, FuncId f, std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& sizes);

}  // namespace dlc
