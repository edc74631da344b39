// What symbolic/ says to its user.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kSymbolicErrors[] = {
    {"no-closed-form",
     "A closed form is one expression: calls are written out, and an `if` becomes two cases. A loop has none, nor has "
     "a function "
     "that is too large to be written out: calls that double at every level, say\n\n"
     "    fn f1(x: real) = f0(x) * f0(x + 1)\n"
     "    fn f2(x: real) = f1(x) * f1(x + 2)      // and so on\n\n"
     "Use mode = reverse or forward: they keep calls and loops as they are."},
};

}  // namespace dlc
