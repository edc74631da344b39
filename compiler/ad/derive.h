// Fills in the functions that sema left as requests: grad, value_and_grad, jvp and vjp in every mode.
//
//   fn g = grad(f, wrt = x, mode = reverse)     request {grad, reverse, base f, wrt {0}}, parameters of f, no body
//   after derive:   r = call f.gradient(x…);  return get r, 1
//
// Every mode becomes an ordinary function with one of two signatures, and the request calls it:
//
//                     reverse              forward               numeric               symbolic
//   (y, x_bar…)       one sweep back       a direction per       two values per        closed forms, times bar
//                                          element               element
//   (y, dy)           vjp of the vjp       one sweep             two values            Σ ⟨gradient, dx⟩
#pragma once
#include <functional>

#include "ad/activity.h"

namespace dlc {

struct DerivePasses {
  /// Makes a function ready to be differentiated, in place: inline, batch, simplify. May be empty.
  std::function<void(FuncId)> normalise;
  /// The closed-form gradient: params → (value, grads…), as `gradient` (ad/reverse.h); absent after an error.
  std::function<FuncId(Module&, FuncId, const Wrt&)> symbolic;
};

/// Gives `request_func` its body, after those of all requests its base leads to. True when it has one.
bool derive(Module& m, FuncId request_func, Diagnostics& diagnostics, const DerivePasses& passes);

/// What a request costs in passes over its base, for `diff` and `trace` to say.
struct PassCount {
  int64_t primal = 0;         // evaluations of the function, besides those of `tangent`
  int64_t tangent = 0;        // passes with a tangent: one for each scalar direction …
  int64_t backward = 0;       // sweeps from the result back
  DimId directions;           // how many directions (or, numeric, pairs of values) there are in all …
  bool is_vectorised = false; // … of which those of an array go in one pass over all of its elements
};
PassCount count_passes(Module& m, const DerivativeRequest& request);

}  // namespace dlc
