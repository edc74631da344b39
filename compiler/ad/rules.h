// Derivatives that the program declares, `derivative f(x) { jvp(dx) = e }`: Func::rule takes f's parameters and the
// directions d<name> of those that have one, and gives dy. It stands in for the derivative of f's body in every mode that
// uses rules; reverse mode is its transpose, the cotangents of the directions:
//
//   forward    (x…, dx…) → (f(x…), rule(x…, dx…))
//   reverse    (x…, y_bar) → (f(x…), x_bar…),   x_bar of the direction dx of rule, at any direction, for rule is linear
#pragma once
#include <string_view>

#include "ad/activity.h"

namespace dlc {

/// With the signatures of `forward`, `reverse` and `gradient` (ad/forward.h, ad/reverse.h). Absent after an error: a
/// parameter is active and the rule has no direction for it.
[[nodiscard]] FuncId forward_by_rule(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics);
[[nodiscard]] FuncId reverse_by_rule(Module& m, FuncId f, const Wrt& wrt, bool with_unit_seed, Diagnostics& diagnostics);

/// False where `f` has a declared derivative and that has no direction for parameter `k`.
bool has_direction(const Module& m, FuncId f, size_t k);

/// How the program names what has a declared derivative, or a parameter of it: instances add to a name behind a dot.
std::string_view written_name(std::string_view name);

}  // namespace dlc
