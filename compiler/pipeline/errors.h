// What the pipeline says about programs that are right so far: entry points that cannot be, checks that fail.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kPipelineErrors[] = {
    {"nothing-exported",
     "`dlc compile -o` makes an entry point of each export, and the file has none. Name those that other programs are to call:\n\n"
     "    fn loss(w: real, x: real) = (w * x - 1)^2\n"
     "    export loss\n"
     "    export loss_by_w = grad(loss, wrt = w)"},
    {"modes-disagree",
     "`dlc check` found a point where the modes of differentiation do not agree, or do not agree with the same derivative in "
     "200-bit arithmetic, by more than rounding explains. The unit is the ulp of Σ|terms|: of the sum of the magnitudes of all "
     "intermediate values, each carried to the result by the absolute values of the derivatives on the way, so cancellation is "
     "accounted for. If only the numeric mode disagrees, the function is probably not continuous near that point, and the "
     "derivative is one that no difference shows:\n\n"
     "    fn f(x: real) = floor(1e8 * x)         // the derivative is 0; differences see a slope of 1e8\n\n"
     "If the modes disagree with each other, dlc is wrong: please report the program."},
    {"derivative-fails",
     "`dlc check` found a point where the value is computed and a derivative ends in an error, which the message names. Some errors are "
     "those of one mode: reverse mode keeps what the steps of a loop computed, and with `@memory(…)` it may want more than that "
     "(`tape-full`):\n\n"
     "    fn f(x: real[64]) {\n"
     "      var s = x\n"
     "      for i in 0..100 @memory(2KiB) { s = sin(s) * x }\n"
     "      return sum(s)\n"
     "    }\n\n"
     "Any other, a subscript or a size that the value does not have, is a mistake of dlc: please report the program."},
    {"argument-type-mismatch",
     "The value that a call gives for a parameter is not of the parameter's type: a fraction for an int, one number for an array, "
     "rows of different lengths, a number beyond the range of f32. Arrays are JSON lists within lists, one for each axis; "
     "`true` and `false` are bools; `inf`, `-inf` and `nan` are floats."},
    {"recursion-too-deep",
     "A function calls itself at smaller and smaller sizes; an `if` on sizes ends that. At the sizes of this call it does not within 1000 calls, "
     "or it comes back to sizes that it had. Check that every way through the function reaches the end, also from odd sizes, or use a loop."},
    {"recursion-open",
     "A function that calls itself at other sizes is compiled once for each of them, so they must be numbers: `dlc compile det.dl --size n=4`. "
     "(`dlc run` knows them from the arguments.)"},
    {"export-name-clash",
     "Entry points have ASCII names in object files: `θ` becomes theta, other letters become u and their code. Two exports, or an "
     "export and the derivative of another (`f_grad`, `f_jvp`, `f_vjp`), would get the same name. Rename one of them."},
};

}  // namespace dlc
