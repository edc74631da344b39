// A function as one list of instructions without regions or calls, in which equal values are one value: the graph that
// a closed form is written from, and that expression swell is counted on.
//
//   %2 = call @square(%0)                          %2 = mul %0, %0
//   %3 = if %1, %0 { … exp … } { … neg … }   →     %3 = exp %0    %4 = neg %0    %5 = select %1, %3, %4
//
// A `for` whose number of steps is a constant is written out, up to 1000 steps. Otherwise nothing is simplified. Both sides of an `if` are computed, which is harmless: instructions have no effects, and the
// strong zeros of ad/carry.h keep an infinity of the side not taken out of derivatives. A parameter that is a tuple is
// read by `get` down to its leaves, so that no other value is a tuple, except those a result is made of.
#pragma once
#include <string>

#include "base/diagnostic.h"
#include "ir/module.h"

namespace dlc {

/// A new function of `m` with the parameters of `f`. Absent after error `no-closed-form`. `f` has been normalised: no
/// `map` is left (passes/batch).
[[nodiscard]] FuncId straight_line(Module& m, FuncId f, const std::string& name, Diagnostics& diagnostics);

/// The values that `results` are computed from, in order of execution, parameters included.
std::vector<ValueId> needed_values(const Func& straight, std::span<const ValueId> results);

}  // namespace dlc
