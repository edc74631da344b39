// A row that only tests have: what adding an op means is adding this (docs/adding-an-op.md). A build that defines
// DLC_EXTRA_OP_ROWS as this header has it in its table; see dlc_ops_extra in CMakeLists.txt.
#pragma once
#include "ir/op.h"
#include "ops/meaning.h"

namespace dlc::meaning {

template <class M>
inline constexpr OpRow<M> kExtraRows[] = {
    {.name = "cube", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return a * a * a; },
     .diff = {"3 * g * a * a"}, .identity = {"cube(-a) => -cube(a)"}, .latex = "{$a}^3", .emit = expand("a * a * a", "a * a * a"),
     .doc = "The third power."},
};

}  // namespace dlc::meaning
