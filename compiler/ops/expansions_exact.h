// Expansions of the internal ops that recover rounding errors.
// How to read these texts, and the primitives they use: ops/expansions.h.
#pragma once

namespace dlc {

// The exact error of a + b, whatever their sizes (Knuth's two-sum).
inline constexpr char kSumErrorF64[] = R"(
let s = a + b
let v = s - a
(a - (s - v)) + (b - v)
)";
inline constexpr char kSumErrorF32[] = R"(
let s = a + b
let v = s - a
(a - (s - v)) + (b - v)
)";

}  // namespace dlc
