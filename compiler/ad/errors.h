// What differentiation says to its user.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kAdErrors[] = {
    {"no-derivative",
     "A value on the way from the parameters in `wrt` to the result has no derivative, so the derivative that was asked for "
     "does not exist. Comparisons, `argmax` and `argmin` have none, and an int or bool that was computed from such a "
     "parameter carries none, so converting it back to a float cuts the way:\n\n"
     "    fn f(x: real) = x * f64(int(x))        // grad(f): how does int(x) change with x?\n\n"
     "dlc never answers 0 where it does not know. If the value is to count as a constant, make it a parameter "
     "that is not in `wrt`. As a subscript or a condition such an int or bool is fine, and so is an int that a branch chose or "
     "that counts the steps of a loop: it is a constant between the points where the choice changes. (`floor`, `sign` and `round` "
     "do have a derivative: it is 0.)"},
    {"mode-not-possible",
     "The mode that was asked for cannot express this derivative. `symbolic` differentiates one number: a directional "
     "derivative (`jvp`, `vjp`) of a function with an array result needs mode = forward, reverse or numeric."},
};

}  // namespace dlc
