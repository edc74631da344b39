// What is wrong with sizes, whenever it shows: sema/ finds it on symbols, passes/ when sizes are fixed, the interpreter and
// compiled code when a function is called. One mistake has one slug, found early or late.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kSizeErrors[] = {
    {"empty-reduction",
     "`max`, `min`, `mean`, `argmax`, `argmin` of no elements have no value. Only `sum` (0), `prod` (1), `any` (false), `all` (true) "
     "have one. Where the size is a variable, this shows when the function is called: `mean([])`."},
    {"index-out-of-range",
     "A subscript leaves its array. Indices count from 0, ranges exclude their end, and a negative literal counts from the end. "
     "What depends on the values of sizes is checked when they are known: see `size-check-failed`."},
    {"size-check-failed",
     "A subscript such as `x[i + 1]` was fine for some sizes and not for others, so it was checked when the sizes became "
     "known, by a call or by `--size`, and with them it leaves its array. Shorten the range of the index, or read under an `if` that "
     "keeps it inside:\n\n"
     "    fn f[n](x: real[n]) = sum[i in 0..3](x[i])     // f([1, 2]) reads x[2]"},
    {"negative-size",
     "A size such as that of `zeros(n - 3)` or of the range `a..b` was fine for some sizes and negative for others, so it was checked when "
     "the sizes became known, and with them it is negative. An array may be empty, not less."},
    {"tape-full",
     "Reverse mode keeps what the steps of a loop computed. Where nothing bounds the number of steps the memory for it is asked for when "
     "it is known, through `grow` of the context that a compiled entry is called with; here there was none, or not enough. Bound the loop "
     "by `@max_iters(n)`, keep less by `@checkpoint(k)`, or use mode = forward."},
    {"max-iters",
     "A loop with `@max_iters(n)` made n steps, and its condition still held. Either it does not come to an end for these arguments, or "
     "the bound is too small:\n\n"
     "    while abs(x * x - a) > 1e-12 @max_iters(60) { x = 0.5 * (x + a / x) }"},
    {"size-too-large", "A size, or an expression of sizes, does not fit 64 bits, is a polynomial of more than 256 terms, or divides by zero."},
};

consteval const DiagnosticKind& size_error(std::string_view slug) { return find_kind<kSizeErrors>(slug); }

}  // namespace dlc
