// Forward mode: f(x) becomes f.forward(x, dx) = (y, dy), dy = f'(x) dx, computed beside the value in one pass.
//
//   fn f(x) { v = mul x, x; return v }     fn f.forward(x, dx) { v = mul x, x; t = mul dx, x; u = mul x, dx;
//                                                                dv = add t, u; return tuple v, dv }
//
// Parameters: those of f, then `d<name>` for each active one, of type float_part(its type) (ad/leaves.h). Result: the
// whole value of f, and the tangent of the part that is differentiated (all of it, or field `wrt.of`), of type
// float_part. A tangent that is zero by structure is absent until a result needs it. The result is an ordinary
// function, so it can be differentiated again.
#pragma once
#include "ad/activity.h"

namespace dlc {

/// Absent after an error (reported). Memoised in Module::derived. Callees are differentiated likewise.
[[nodiscard]] FuncId forward(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics);

}  // namespace dlc
