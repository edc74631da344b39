// Loops that keep less for reverse mode. `@checkpoint(k)` cuts a loop into segments of k steps:
//
//   for i in 0..n { body }      →      for j in 0..ceil(n / k) { for l in 0..min(k, n - j*k) { body at i = j*k + l } }
//
// Reverse mode then keeps the state where a segment begins, and on the way back computes a segment again and keeps its steps:
// n/k + k states in place of n, for one more run forward (Griewank and Walther, Evaluating Derivatives, ch. 12).
// `@memory(bytes)` chooses k such that both tapes fit, and adds a check that they do for the sizes of the call.
#pragma once
#include "ir/module.h"

namespace dlc {

/// `f` itself where no loop asks for it, else a copy with its loops cut. Memoised.
[[nodiscard]] FuncId with_checkpoints(Module& m, FuncId f);

}  // namespace dlc
