// What can be wrong with IR text. It is written by tools and tests, so one error per function is enough.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kIrErrors[] = {
    {"ir-syntax",
     "The text is not IR. An instruction is `%3 = op %1, %2 {attributes} : type`, a function is "
     "`func @name[n](%0 x: f64[n]) -> f64 { … return %3 }`; docs/ir.md gives the whole form. Reading stops at the "
     "first "
     "such error."},
    {"ir-number",
     "A number does not fit where it stands: integers have 64 bits, and `1e999` is not a finite double. Write `inf` "
     "for "
     "infinity, `nan` for not-a-number."},
    {"ir-size",
     "A size cannot be represented: its coefficients leave 64 bits, it has more than 256 terms, or it divides by zero. "
     "Sizes are integer polynomials such as `2*n - 1` or `div(n, 2)`."},
    {"ir-too-deep",
     "Tuples, divisions of sizes or regions are nested deeper than the compiler follows (64 types, 512 regions). Name "
     "the inner part as a function and call it."},
    {"ir-unknown-op",
     "The word after `=` is not the name of an op. The ops are the rows of the op table; see docs/ops."},
    {"ir-undefined-value",
     "The text uses a value, such as `%7`, that no earlier instruction of the function defines. Values are defined "
     "before "
     "they are used, and a block of a region sees only its own parameters: pass what it needs as a capture."},
    {"ir-redefined-value",
     "Two instructions of one function define the same value. Every `%` number is defined once; other functions may "
     "use "
     "it again."},
    {"ir-unknown-function",
     "A call, a request or an export names a function that neither the text nor the module has."},
    {"ir-duplicate-function", "Two functions of a module have the same name."},
    {"ir-invalid",
     "The text reads well, but the function breaks an invariant of the IR: an operand of the wrong type, an axis out "
     "of "
     "range, a result type that does not follow from the operands. The message names the instruction and the rule."},
};

}  // namespace dlc
