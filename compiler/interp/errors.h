// What is wrong with a call: arguments that do not fit, and more than a machine can hold or the interpreter will do.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kCallErrors[] = {
    {"argument-size-mismatch",
     "A function was called with an array that does not fit its parameter. A size variable takes its value from the first argument "
     "whose type mentions it, `n` from `w` in `fn f[n](w: real[n], x: real[n])`, and every other argument must agree; a size that is a "
     "number must be just that. Both places are shown: the parameter that does not fit, and the one that told the size. A size that no "
     "argument tells, as in `fn init[n]() -> real[n]` or with `real[n * n]` alone, is given: `dlc run init.dl init --size n=3`."},
    {"too-large-to-run",
     "A call wants more memory than there is, or the interpreter would compute a value of more than 2³¹ elements or nest calls too deep. "
     "Choose smaller sizes; compiled code needs no memory for what is only summed: `sum[i in 0..n](…)`."},
};

consteval const DiagnosticKind& call_error(std::string_view slug) { return find_kind<kCallErrors>(slug); }

}  // namespace dlc
