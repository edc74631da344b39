// Symbolic mode: the gradient as closed forms, one for each parameter in `wrt`, as a function that compiles and runs
// like those of the other modes.
//
//   fn f(x, y) = x * sin(y)        f.symbolic(x, y) = (x * sin(y), sin(y), x * cos(y))
//
// The rules are those of the op table; what differs from forward and reverse mode is the order and what is shared.
//   - A scalar parameter's derivative is built as on paper: product rule, chain rule, with dx/dx = 1, from left to
//     right. This is forward mode once for each such parameter, nothing shared between two of them.
//   - Any other parameter's is built in adjoint order, which for arrays is matrix calculus: ∂/∂W of loss(W x) is
//     δ xᵀ. One sweep serves all of them.
// Values are shared within a derivative (memoised by value), so its size is linear in f's. Written as a tree it may be
// exponential: symbolic/size.h counts it. Only identities that keep inf and nan are applied, nothing is expanded: an
// expanded polynomial is small and wrong (a logistic map's derivative loses all digits at the sixth iterate).
#pragma once
#include "ad/activity.h"

namespace dlc {

/// params → (value, a derivative for each active parameter), as `gradient` of ad/reverse.h. What is differentiated is a
/// scalar float. `f` has been normalised (inline, batch, simplify). Absent after an error; memoised in Module::derived.
[[nodiscard]] FuncId symbolic(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics);

}  // namespace dlc
