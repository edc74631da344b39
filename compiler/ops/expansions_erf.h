// Expansions of the error functions: exp_neg_square (internal), erf, erfc, gelu.
// How to read these texts, and the primitives they use: ops/expansions.h.
//
// erfc x = e^(-x²)·G(t)/(x + 4) for x ≥ 0 with t = (x - 4)/(x + 4): one polynomial for the whole half line (after
// Shepherd & Laframboise). x² is the sum of two doubles, since the exponential multiplies its error by x². What would
// cost whole ulps near x = 0 is carried along: the errors of x + 4, its reciprocal v, t, and of the last sums.
#pragma once
#include "ops/join_text.h"

namespace dlc {

// From a square q + q1: k, e0 and e1 with e^-(q + q1) = 2^k·(e0 + e1).
inline constexpr char kExpNegPartsF64[] = R"(
let k = rint(q * -1.4426950408889634)
let r0 = fma(k, -0.6931471803691238, -q)
let r2 = fma(k, -1.9082149292705877e-10, -q1)
let r = r0 + r2
let r1 = (r0 - r) + r2
let y9 = fma(r, 2.511328716919994e-8, 2.7631655744704999e-7)
let y8 = fma(r, y9, 2.7557231152531886e-6)
let y7 = fma(r, y8, 2.480148886140194e-5)
let y6 = fma(r, y7, 0.00019841269900129868)
let y5 = fma(r, y6, 0.0013888888948108585)
let y4 = fma(r, y5, 0.0083333333333155696)
let y3 = fma(r, y4, 0.041666666666510935)
let y2 = fma(r, y3, 0.16666666666666685)
let y1 = fma(r, y2, 0.50000000000000133)
let half = floor(k * 0.5)
let e0 = 1.0 + r
let e1 = ((1.0 - e0) + r) + fma(r * r, y1, fma(r, r1, r1))
)";

inline constexpr char kExpNegPartsF32[] = R"(
let k = rint(q * -1.44269504)
let r0 = fma(k, -0.693359375, -q)
let r2 = fma(k, 0.000212194440, -q1)
let r = r0 + r2
let r1 = (r0 - r) + r2
let y5 = fma(r, 0.000199533533, 0.00139330351)
let y4 = fma(r, y5, 0.00833319779)
let y3 = fma(r, y4, 0.0416664854)
let y2 = fma(r, y3, 0.166666672)
let y1 = fma(r, y2, 0.5)
let half = floor(k * 0.5)
let e0 = 1.0 + r
let e1 = ((1.0 - e0) + r) + fma(r * r, y1, fma(r, r1, r1))
)";

// From x ≥ 0: g0 + g1 = G(t) and v + v1 = 1/(x + 4). d1 is G'(t) to 2 %, enough for the error t1 of t.
inline constexpr char kErfcxPartsF64[] = R"(
let s = x + 4.0
let v = 1.0 / s
let v1 = v * (fma(-v, s, 1.0) - v * sum_error(x, 4.0))
let t = fma(v, -8.0, 1.0)
let t1 = fma(v, -8.0, 1.0 - t) - 8.0 * v1
let g23 = fma(t, 4.1684522611782835e-10, 2.1205323452724902e-9)
let g22 = fma(t, g23, -8.0143526933139363e-10)
let g21 = fma(t, g22, -1.8635494844976391e-8)
let g20 = fma(t, g21, 1.6877123895502045e-9)
let g19 = fma(t, g20, 1.2803636494997238e-7)
let g18 = fma(t, g19, -7.581637201689952e-8)
let g17 = fma(t, g18, -8.4891871492630374e-7)
let g16 = fma(t, g17, 1.4241495114374326e-6)
let g15 = fma(t, g16, 4.6956110974953333e-6)
let g14 = fma(t, g15, -1.88608055907788e-5)
let g13 = fma(t, g14, -3.6355114297842013e-6)
let g12 = fma(t, g13, 0.00017681278511524068)
let g11 = fma(t, g12, -0.00045505262257467753)
let g10 = fma(t, g11, -0.0002809588583612421)
let g9 = fma(t, g10, 0.0061120556490259692)
let g8 = fma(t, g9, -0.026370053341191586)
let g7 = fma(t, g8, 0.076381514909702214)
let g6 = fma(t, g7, -0.17401093723987582)
let g5 = fma(t, g6, 0.33085158787800151)
let g4 = fma(t, g5, -0.54085383131323705)
let g3 = fma(t, g4, 0.77320870226523719)
let g2 = fma(t, g3, -0.97654872908088197)
let d4 = fma(t, -1.5003461336837651, 1.7077739306972817)
let d3 = fma(t, d4, -1.3245513072352195)
let d2 = fma(t, d3, 1.4780604276485438)
let d1 = fma(t, d2, -0.9949653654419599)
let g0 = fma(t, g2, 1.0959956610004911)
let g1 = fma(t, g2, 1.0959956610004911 - g0) + fma(d1, t1, 5.724206330523187e-17)
)";

inline constexpr char kErfcxPartsF32[] = R"(
let s = x + 4.0
let v = 1.0 / s
let v1 = v * (fma(-v, s, 1.0) - v * sum_error(x, 4.0))
let t = fma(v, -8.0, 1.0)
let t1 = fma(v, -8.0, 1.0 - t) - 8.0 * v1
let g10 = fma(t, -0.000721777964, -0.000304842717)
let g9 = fma(t, g10, 0.0062661632)
let g8 = fma(t, g9, -0.0263182111)
let g7 = fma(t, g8, 0.076348938)
let g6 = fma(t, g7, -0.174022764)
let g5 = fma(t, g6, 0.330854833)
let g4 = fma(t, g5, -0.540853083)
let g3 = fma(t, g4, 0.773208559)
let g2 = fma(t, g3, -0.976548731)
let d4 = fma(t, -1.5003461336837651, 1.7077739306972817)
let d3 = fma(t, d4, -1.3245513072352195)
let d2 = fma(t, d3, 1.4780604276485438)
let d1 = fma(t, d2, -0.9949653654419599)
let g0 = fma(t, g2, 1.09599566)
let g1 = fma(t, g2, 1.09599566 - g0) + fma(d1, t1, -2.51627497e-9)
)";

inline constexpr auto kExpNegSquareF64 = join(R"(
let x = select(abs(a) > 28.0, 28.0, a)
let q = x * x
let q1 = fma(x, x, -q)
)", kExpNegPartsF64, R"(
(e0 + e1) * pow2(half) * pow2(k - half)
)");
inline constexpr auto kExpNegSquareF32 = join(R"(
let x = select(abs(a) > 11.0, 11.0, a)
let q = x * x
let q1 = fma(x, x, -q)
)", kExpNegPartsF32, R"(
(e0 + e1) * pow2(half) * pow2(k - half)
)");

inline constexpr auto kErfcF64 = join(R"(
let x = select(abs(a) > 28.0, 28.0, abs(a))
let q = x * x
let q1 = fma(x, x, -q)
)", kExpNegPartsF64, kErfcxPartsF64, R"(
let m = g0 * e0
let m1 = fma(g0, e0, -m) + fma(g0, e1, g1 * (e0 + e1))
let n = m * v
let y = n + (fma(m, v, -n) + fma(m, v1, m1 * v))
let tail = y * pow2(half) * pow2(k - half)
select(a < 0.0, 2.0 - tail, tail)
)");
inline constexpr auto kErfcF32 = join(R"(
let x = select(abs(a) > 11.0, 11.0, abs(a))
let q = x * x
let q1 = fma(x, x, -q)
)", kExpNegPartsF32, kErfcxPartsF32, R"(
let m = g0 * e0
let m1 = fma(g0, e0, -m) + fma(g0, e1, g1 * (e0 + e1))
let n = m * v
let y = n + (fma(m, v, -n) + fma(m, v1, m1 * v))
let tail = y * pow2(half) * pow2(k - half)
select(a < 0.0, 2.0 - tail, tail)
)");

// An odd polynomial below 1; above, 1 - erfc, which is so small that one ulp of it does not matter.
inline constexpr char kErfF64[] = R"(
let x = select(abs(a) > 6.0, 6.0, abs(a))
let v = 1.0 / (x + 4.0)
let t = fma(v, -8.0, 1.0)
let g23 = fma(t, 4.1684522611782835e-10, 2.1205323452724902e-9)
let g22 = fma(t, g23, -8.0143526933139363e-10)
let g21 = fma(t, g22, -1.8635494844976391e-8)
let g20 = fma(t, g21, 1.6877123895502045e-9)
let g19 = fma(t, g20, 1.2803636494997238e-7)
let g18 = fma(t, g19, -7.581637201689952e-8)
let g17 = fma(t, g18, -8.4891871492630374e-7)
let g16 = fma(t, g17, 1.4241495114374326e-6)
let g15 = fma(t, g16, 4.6956110974953333e-6)
let g14 = fma(t, g15, -1.88608055907788e-5)
let g13 = fma(t, g14, -3.6355114297842013e-6)
let g12 = fma(t, g13, 0.00017681278511524068)
let g11 = fma(t, g12, -0.00045505262257467753)
let g10 = fma(t, g11, -0.0002809588583612421)
let g9 = fma(t, g10, 0.0061120556490259692)
let g8 = fma(t, g9, -0.026370053341191586)
let g7 = fma(t, g8, 0.076381514909702214)
let g6 = fma(t, g7, -0.17401093723987582)
let g5 = fma(t, g6, 0.33085158787800151)
let g4 = fma(t, g5, -0.54085383131323705)
let g3 = fma(t, g4, 0.77320870226523719)
let g2 = fma(t, g3, -0.97654872908088197)
let large = 1.0 - exp(-x * x) * v * fma(t, g2, 1.0959956610004911)
let z = x * x
let p11 = fma(z, -7.7808944368822954e-10, 1.3711523342268199e-8)
let p10 = fma(z, p11, -1.620636796735054e-7)
let p9 = fma(z, p10, 1.6447125635012309e-6)
let p8 = fma(z, p9, -1.4924710333012035e-5)
let p7 = fma(z, p8, 0.00012055293363180837)
let p6 = fma(z, p7, -0.00085483259166716473)
let p5 = fma(z, p6, 0.0052239776056775163)
let p4 = fma(z, p5, -0.026866170643021884)
let p3 = fma(z, p4, 0.11283791670943202)
let p2 = fma(z, p3, -0.37612638903183471)
let p1 = fma(z, p2, 0.12837916709551256)
copysign(select(x < 1.0, fma(x, p1, x), large), a)
)";
inline constexpr char kErfF32[] = R"(
let x = select(abs(a) > 4.0, 4.0, abs(a))
let q6 = fma(x, -1.41366172e-5, 0.000352356816)
let q5 = fma(x, q6, -0.00376474438)
let q4 = fma(x, q5, 0.024025647)
let q3 = fma(x, q4, -0.106549211)
let q2 = fma(x, q3, -0.634958267)
let q1 = fma(x, q2, -1.12869716)
let large = 1.0 - exp(x * q1)
let z = x * x
let p6 = fma(z, 7.92021892e-5, -0.000803073752)
let p5 = fma(z, p6, 0.00519073289)
let p4 = fma(z, p5, -0.026855126)
let p3 = fma(z, p4, 0.112836182)
let p2 = fma(z, p3, -0.376126289)
let p1 = fma(z, p2, 0.128379166)
copysign(select(x < 1.0, fma(x, p1, x), large), a)
)";

// max(a, 0) - |a|·½ erfc(|a|/√2): no cancellation on the left, at most a half on the right. The rounding of |a|/√2
// hardly matters, as only G and v see it; the exponential gets a²/2 exactly. 2^k comes last, so tails stay accurate.
inline constexpr auto kGeluF64 = join(R"(
let x = abs(a) * 0.70710678118654757
let w = select(abs(a) > 40.0, 40.0, a)
let q = 0.5 * (w * w)
let q1 = 0.5 * fma(w, w, -(w * w))
)", kExpNegPartsF64, kErfcxPartsF64, R"(
let m = g0 * e0
let m1 = fma(g0, e0, -m) + fma(g0, e1, g1 * (e0 + e1))
let n = m * v
let n1 = fma(m, v, -n) + fma(m, v1, m1 * v)
let tail = (n + n1) * (0.5 * abs(a)) * pow2(half) * pow2(k - half)
let y = select(a > 0.0, a, 0.0) - tail
copysign(select(abs(a) > 40.0, select(a > 0.0, a, 0.0), y), a)
)");
inline constexpr auto kGeluF32 = join(R"(
let x = abs(a) * 0.707106769
let w = select(abs(a) > 15.0, 15.0, a)
let q = 0.5 * (w * w)
let q1 = 0.5 * fma(w, w, -(w * w))
)", kExpNegPartsF32, kErfcxPartsF32, R"(
let m = g0 * e0
let m1 = fma(g0, e0, -m) + fma(g0, e1, g1 * (e0 + e1))
let n = m * v
let n1 = fma(m, v, -n) + fma(m, v1, m1 * v)
let tail = (n + n1) * (0.5 * abs(a)) * pow2(half) * pow2(k - half)
let y = select(a > 0.0, a, 0.0) - tail
copysign(select(abs(a) > 15.0, select(a > 0.0, a, 0.0), y), a)
)");

}  // namespace dlc
