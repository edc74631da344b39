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
     "dlc never answers 0 where it does not know. If the value is to count as a constant, say so: "
     "`f64(int(stop_gradient(x)))`. As a subscript or a condition such an int or bool is fine. (`floor`, `sign` and `round` "
     "do have a derivative: it is 0.)"},
    {"wrt-not-float",
     "`wrt` names parameters to differentiate with respect to. Only floats, and arrays, tuples and structs of floats, can "
     "vary continuously; an int, a bool or a key has no tangent.\n\n"
     "    fn f(n: int, x: real) = x ^ n\n"
     "    let g = grad(f, wrt = n)               // write wrt = x"},
    {"result-not-scalar",
     "`grad` is the derivative of one number: the function must return a scalar float (or a tuple whose first element is "
     "one, or name it with `of =`). For a function with an array result use `jvp` (how the result changes along one "
     "direction), `vjp` (the gradient of one combination of its elements) or `jacobian`."},
    {"result-not-float",
     "Only floats have a derivative, and the part of the result that is to be differentiated holds something else. Return the "
     "float as an element of its own; the rest is auxiliary and carries no derivative:\n\n"
     "    fn f(x: real) -> (y: real, n: int) = …     // jvp(f, wrt = x, of = y)"},
    {"mode-not-possible",
     "The mode that was asked for cannot express this derivative. `symbolic` differentiates one number: a directional "
     "derivative (`jvp`, `vjp`) of a function with an array result needs mode = forward, reverse or numeric."},
};

}  // namespace dlc
