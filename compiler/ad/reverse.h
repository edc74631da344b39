// Reverse mode: f(x) becomes f.reverse(x, bar) = (y, x_bar…), x_bar = f'(x)ᵀ bar, in one pass over f and one back.
//
//   fn f(x) { v = mul x, x; return v }     fn f.reverse(x, bar) { v = mul x, x; s = mul bar, x; t = mul bar, x;
//                                                                 x_bar = add s, t; return tuple v, x_bar }
//
// Parameters: those of f, then `bar`, of the float part (ad/leaves.h) of what is differentiated (all of f's result, or
// field `wrt.of`). Result: the whole value of f, then a cotangent of type float_part for each active parameter, in order.
// `gradient` is the same with bar = 1 known while building, so that strong zeros and multiplications by 1 fall away: it
// has no `bar` parameter and is for a scalar result. Cotangents of uses are added from the last use to the first.
#pragma once
#include "ad/activity.h"

namespace dlc {

/// Absent after an error (reported). Memoised in Module::derived. Callees are differentiated likewise.
[[nodiscard]] FuncId reverse(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics);
[[nodiscard]] FuncId gradient(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics);

}  // namespace dlc
