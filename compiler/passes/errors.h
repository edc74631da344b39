// What the passes may have to tell the user.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kPassErrors[] = {
    {"subscript-not-affine",
     "In index notation a subscript must be a sum of the indices with constant integer factors, plus a size: "
     "`x[i + 1]`, `x[2 * i]`, `x[n - 1 - i]`. A subscript that is looked up in data or multiplies two indices cannot be "
     "turned into an address pattern, and gathering by data is not supported yet."},
    {"program-too-large",
     "Expanding the calls of this function gives more than 8 million instructions, or its indices nest more than 64 deep. "
     "Functions that call each other twice "
     "at every level double in size with every level; compute the shared part once with `let` and pass it on."},
};

}  // namespace dlc
