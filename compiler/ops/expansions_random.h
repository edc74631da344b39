// Expansion of philox, the random generator. How to read these texts, and the primitives they use: ops/expansions.h.
//
// Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): ten rounds on the
// counter (x, y, z, w) = (b low, b high, 0, 0) with the key (a low, a high), which grows by a constant each round. The
// result is the first two words. A round is
//   (x, y, z, w) <- (hi(M1 z) ^ y ^ k0, lo(M1 z), hi(M0 x) ^ w ^ k1, lo(M0 x))
// with p = M0 x and q = M1 z below. y and w are the low halves of the last round's q and p; the first round's q is 0.
#pragma once

namespace dlc {

inline constexpr char kPhilox[] = R"(
let k0 = bit_and(a, 4294967295)
let k1 = shift_right(a, 32)
let x0 = bit_and(b, 4294967295)
let y0 = shift_right(b, 32)
let p0 = x0 * 3528531795
let x1 = bit_xor(y0, k0)
let z1 = bit_xor(shift_right(p0, 32), k1)
let w1 = bit_and(p0, 4294967295)
let p1 = x1 * 3528531795
let q1 = z1 * 3449720151
let x2 = bit_xor(shift_right(q1, 32), bit_and(k0 + 2654435769, 4294967295))
let z2 = bit_xor(bit_xor(shift_right(p1, 32), w1), bit_and(k1 + 3144134277, 4294967295))
let w2 = bit_and(p1, 4294967295)
let p2 = x2 * 3528531795
let q2 = z2 * 3449720151
let x3 = bit_xor(bit_xor(shift_right(q2, 32), bit_and(q1, 4294967295)), bit_and(k0 + 1013904242, 4294967295))
let z3 = bit_xor(bit_xor(shift_right(p2, 32), w2), bit_and(k1 + 1993301258, 4294967295))
let w3 = bit_and(p2, 4294967295)
let p3 = x3 * 3528531795
let q3 = z3 * 3449720151
let x4 = bit_xor(bit_xor(shift_right(q3, 32), bit_and(q2, 4294967295)), bit_and(k0 + 3668340011, 4294967295))
let z4 = bit_xor(bit_xor(shift_right(p3, 32), w3), bit_and(k1 + 842468239, 4294967295))
let w4 = bit_and(p3, 4294967295)
let p4 = x4 * 3528531795
let q4 = z4 * 3449720151
let x5 = bit_xor(bit_xor(shift_right(q4, 32), bit_and(q3, 4294967295)), bit_and(k0 + 2027808484, 4294967295))
let z5 = bit_xor(bit_xor(shift_right(p4, 32), w4), bit_and(k1 + 3986602516, 4294967295))
let w5 = bit_and(p4, 4294967295)
let p5 = x5 * 3528531795
let q5 = z5 * 3449720151
let x6 = bit_xor(bit_xor(shift_right(q5, 32), bit_and(q4, 4294967295)), bit_and(k0 + 387276957, 4294967295))
let z6 = bit_xor(bit_xor(shift_right(p5, 32), w5), bit_and(k1 + 2835769497, 4294967295))
let w6 = bit_and(p5, 4294967295)
let p6 = x6 * 3528531795
let q6 = z6 * 3449720151
let x7 = bit_xor(bit_xor(shift_right(q6, 32), bit_and(q5, 4294967295)), bit_and(k0 + 3041712726, 4294967295))
let z7 = bit_xor(bit_xor(shift_right(p6, 32), w6), bit_and(k1 + 1684936478, 4294967295))
let w7 = bit_and(p6, 4294967295)
let p7 = x7 * 3528531795
let q7 = z7 * 3449720151
let x8 = bit_xor(bit_xor(shift_right(q7, 32), bit_and(q6, 4294967295)), bit_and(k0 + 1401181199, 4294967295))
let z8 = bit_xor(bit_xor(shift_right(p7, 32), w7), bit_and(k1 + 534103459, 4294967295))
let w8 = bit_and(p7, 4294967295)
let p8 = x8 * 3528531795
let q8 = z8 * 3449720151
let z9 = bit_xor(bit_xor(shift_right(p8, 32), w8), bit_and(k1 + 3678237736, 4294967295))
let q9 = z9 * 3449720151
let x10 = bit_xor(bit_xor(shift_right(q9, 32), bit_and(q8, 4294967295)), bit_and(k0 + 2415085441, 4294967295))
bit_or(x10, shift_left(q9, 32))
)";

}  // namespace dlc
