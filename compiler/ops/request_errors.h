// Why a derivative cannot be asked for. sema/ finds it where a program says `grad(f, …)`, ad/ where a command, a host program or
// IR text asks; the mistake and its name are the same.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kRequestErrors[] = {
    {"not-differentiable",
     "The derivative is asked of, or with respect to, something that has none. Only floats, and arrays and tuples of floats, vary "
     "continuously: a parameter in `wrt` that is an int or a bool has no tangent, and a result (or the part of it that `of` names) that holds "
     "no float has no derivative.\n\n"
     "    fn f(n: int, x: real) = x ^ n\n"
     "    export g = grad(f, wrt = n)            // write wrt = x\n\n"
     "Return the float as an element of its own; the rest is auxiliary and carries no derivative:\n\n"
     "    fn f(x: real) -> (y: real, n: int) = …     // jvp(f, wrt = x, of = y)"},
    {"grad-of-array",
     "`grad` is the derivative of one number: the function must return a scalar float, or a tuple whose first element is one, or whose "
     "element is named by `of =`. For an array-valued function use `jvp` (how the result changes along one direction) or `vjp` (the "
     "gradient of one combination of its elements), or reduce the result, as by `sum`."},
};

consteval const DiagnosticKind& request_error(std::string_view slug) { return find_kind<kRequestErrors>(slug); }

}  // namespace dlc
