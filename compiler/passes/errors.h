// What the passes may have to tell the user.
#pragma once
#include "base/diagnostic.h"

namespace dlc {

inline constexpr DiagnosticKind kPassErrors[] = {
    {"program-too-large",
     "Expanding the calls of this function gives more than 8 million instructions, or its indices nest more than 64 deep. "
     "Functions that call each other twice "
     "at every level double in size with every level; compute the shared part once with `let` and pass it on."},
};

}  // namespace dlc
