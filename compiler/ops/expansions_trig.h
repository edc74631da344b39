// Expansions of sin, cos, tan. How to read these texts, and the primitives they use: ops/expansions.h.
//
// a = k·π/2 + (r + l), |r| ≤ π/4. Up to 10⁸ by Cody & Waite: adding 1.5·2^52 rounds to an integer and leaves k mod 4
// in the lowest bits; with fma the first step r = a - k·P1 is exact even for a full-width P1 (Boldo, Daumas & Li).
// Above that by Payne & Hanek, from the bits of 2/π; that part is its own op (`sin_huge`), called through `rare`, so
// that nobody pays for it who has no such argument. Then fdlibm's k_sin and k_cos, both evaluated, one selected.
#pragma once
#include "ops/join_text.h"

namespace dlc {

inline constexpr char kReduceF64[] = R"(
let t = fma(a, 0.6366197723675814, 6755399441055744.0)
let k = t - 6755399441055744.0
let j = bits(t)
let f = fma(k, -1.5707963267948966, a)
let r = fma(k, -6.123233995736766e-17, f)
let l = fma(k, 1.4973849048591698e-33, fma(k, -6.123233995736766e-17, f - r))
)";

// |a| = v·2^s with v in [1, 2). The 256 bits w0 … w3 of 2/π start at the one that is worth 2^53 once multiplied by
// 2^s: higher ones only add multiples of 4 to the quotient. v·(t0 + t1 + t2 + t3), 53 bits each, is summed to 2^-150.
inline constexpr char kReduceHugeF64[] = R"(
let i = bits(abs(a))
let s = shift_right(i, 52) - 1013
let v = f64_from_bits(bit_and(i, 4503599627370495) + 4607182418800017408)
let from = shift_right(s, 6)
let up = bit_and(s, 63)
let down = 63 - up
let x1 = two_over_pi(from + 1)
let x2 = two_over_pi(from + 2)
let x3 = two_over_pi(from + 3)
let w0 = bit_or(shift_left(two_over_pi(from), up), shift_right(shift_right(x1, 1), down))
let w1 = bit_or(shift_left(x1, up), shift_right(shift_right(x2, 1), down))
let w2 = bit_or(shift_left(x2, up), shift_right(shift_right(x3, 1), down))
let w3 = bit_or(shift_left(x3, up), shift_right(shift_right(two_over_pi(from + 4), 1), down))
let t0 = f64(shift_right(w0, 11)) * 2.0
let t1 = f64(bit_or(shift_left(bit_and(w0, 2047), 42), shift_right(w1, 22))) * 2.220446049250313e-16
let t2 = f64(bit_or(shift_left(bit_and(w1, 4194303), 31), shift_right(w2, 33))) * 2.4651903288156619e-32
let t3 = f64(bit_or(shift_left(bit_and(w2, 8589934591), 20), shift_right(w3, 44))) * 2.7369110631344083e-48
let h0 = v * t0
let h1 = v * t1
let h2 = v * t2
let c0 = h0 - 4.0 * rint(0.25 * h0)
let c1 = fma(v, t0, -h0)
let c2 = c0 + c1
let c3 = c2 + h1
let q = rint(c3)
let d0 = c3 - q
let e1 = sum_error(c0, c1)
let e2 = sum_error(c2, h1)
let e3 = fma(v, t1, -h1)
let d1 = e1 + e2
let d2 = e3 + h2
let d3 = d1 + d2
let d4 = d0 + d3
let d5 = sum_error(e1, e2) + sum_error(e3, h2) + sum_error(d1, d2) + (sum_error(d0, d3) + fma(v, t3, fma(v, t2, -h2)))
let d = d4 + d5
let g = copysign(1.0, a)
let r = g * (d * 1.5707963267948966) + (a - a)
let d6 = fma(d, 1.5707963267948966, -d * 1.5707963267948966) + (d5 - (d - d4)) * 1.5707963267948966
let l = g * fma(d, 6.123233995736766e-17, d6)
let j = bits(fma(g, q, 6755399441055744.0))
)";

// From r, l: the sine r - u0 and the cosine v0 + v1 of r + l.
inline constexpr char kSinCosF64[] = R"(
let z = r * r
let p6 = fma(z, 1.5896854967272276e-10, -2.5050759426530878e-8)
let p5 = fma(z, p6, 2.7557313702675572e-6)
let p4 = fma(z, p5, -0.00019841269829848346)
let p3 = fma(z, p4, 0.0083333333333224825)
let p2 = z * r
let u0 = (z * (0.5 * l - p2 * p3) - l) - p2 * -0.16666666666666632
let q6 = fma(z, -1.1359916124003106e-11, 2.0875729002899001e-9)
let q5 = fma(z, q6, -2.7557314399536953e-7)
let q4 = fma(z, q5, 2.4801587289668328e-5)
let q3 = fma(z, q4, -0.0013888888888874472)
let q2 = fma(z, q3, 0.041666666666666602)
let v0 = 1.0 - 0.5 * z
let v1 = ((1.0 - v0) - 0.5 * z) + (z * (z * q2) - r * l)
)";

// The quadrant: sine or cosine by bit 0 of j, the sign by bit 1.
inline constexpr char kSinOfF64[] = R"(
let y = select(bit_and(j, 1) == 0, r - u0, v0 + v1)
let x = f64_from_bits(bits(y) + shift_left(bit_and(j, 2), 62))
)";
inline constexpr char kCosOfF64[] = R"(
let y = select(bit_and(j, 1) == 0, v0 + v1, r - u0)
let x = f64_from_bits(bits(y) + shift_left(bit_and(j + 1, 2), 62))
)";

// sin/cos or -cos/sin, numerator and denominator with their rounding errors; the quotient is corrected once.
inline constexpr char kTanOfF64[] = R"(
let sine = r - u0
let sine1 = (r - sine) - u0
let cosine = v0 + v1
let cosine1 = (v0 - cosine) + v1
let even = bit_and(j, 1) == 0
let num = select(even, sine, -cosine)
let num1 = select(even, sine1, -cosine1)
let den = select(even, cosine, sine)
let den1 = select(even, cosine1, sine1)
let inverse = 1.0 / den
let y = num * inverse
let x = fma(fma(-y, den, num) + fma(-y, den1, num1), inverse, y)
)";

inline constexpr auto kSinHugeF64 = join(kReduceHugeF64, kSinCosF64, kSinOfF64, "x");
inline constexpr auto kCosHugeF64 = join(kReduceHugeF64, kSinCosF64, kCosOfF64, "x");
inline constexpr auto kSinF64 = join(kReduceF64, kSinCosF64, kSinOfF64, "rare(abs(a) > 1e8, sin_huge(a), x)");
inline constexpr auto kCosF64 = join(kReduceF64, kSinCosF64, kCosOfF64, "rare(abs(a) > 1e8, cos_huge(a), x)");
inline constexpr auto kTanHugeF64 = join(kReduceHugeF64, kSinCosF64, kTanOfF64, "x");
inline constexpr auto kTanF64 = join(kReduceF64, kSinCosF64, kTanOfF64, R"(
rare(abs(a) > 1e8, tan_huge(a), select(abs(a) < 1e-20, a, x))
)");

inline constexpr const char* kTanF32 = nullptr;

// f32: three pieces of π/2 leave r with half an ulp of error, so r alone is enough; all three below π/2, so that
// -0 stays -0 (which is what copysign is for, too). Past 10⁵ as f64.
inline constexpr char kSinCosF32[] = R"(
let t = fma(a, 0.636619747, 12582912.0)
let k = t - 12582912.0
let j = bits(t)
let r = fma(k, -5.39030295e-15, fma(k, -7.54978942e-8, fma(k, -1.57079625, a)))
let z = r * r
let p3 = fma(z, -0.000195185916, 0.00833219104)
let p2 = fma(z, p3, -0.166666552)
let u = copysign(fma(z * r, p2, r), r)
let q3 = fma(z, 2.44323419e-5, -0.00138873095)
let q2 = fma(z, q3, 0.0416666456)
let w = fma(z, fma(z, q2, -0.5), 1.0)
)";
inline constexpr char kSinHugeF32[] = "f32(sin(f64(a)))";
inline constexpr char kCosHugeF32[] = "f32(cos(f64(a)))";
inline constexpr auto kSinF32 = join(kSinCosF32, R"(
let y = select(bit_and(j, 1) == 0, u, w)
let x = f32_from_bits(bits(y) + shift_left(bit_and(j, 2), 30))
rare(abs(a) > 1e5, sin_huge(a), x)
)");
inline constexpr auto kCosF32 = join(kSinCosF32, R"(
let y = select(bit_and(j, 1) == 0, w, u)
let x = f32_from_bits(bits(y) + shift_left(bit_and(j + 1, 2), 30))
rare(abs(a) > 1e5, cos_huge(a), x)
)");

}  // namespace dlc
