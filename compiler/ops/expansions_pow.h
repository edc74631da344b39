// Expansions of pow, powi, hypot, cbrt, mod. How to read these texts, and the primitives they use: ops/expansions.h.
//
// pow: |a|^b = e^(b·log|a|) with the logarithm as an unevaluated sum of two doubles, 2^-70 accurate, because the
// exponential multiplies its relative error by up to 745. Special cases as in IEEE 754: 1^b and a^0 are 1 even for
// nan, a negative base takes whole exponents and their parity.
#pragma once
#include "ops/join_text.h"

namespace dlc {

// From x ≥ 0: log x = c + c1, and their sum `whole`; then log0 + log1, with the special values. As fdlibm's log, but
// s = f/(2 + f), s³ and 2/3 are pairs (s + s1, u + u1, p + p1).
inline constexpr char kLogPairF64[] = R"(
let tiny = x < 2.2250738585072014e-308
let i = bits(select(tiny, x * 18014398509481984.0, x)) + 2638147582215219
let m = f64_from_bits(bit_and(i, 4503599627370495) + 4604544271217802189)
let e = f64_from_bits(shift_right(i, 52) + 4841369599423283200) - select(tiny, 4503599627371573.0, 4503599627371519.0)
let f = m - 1.0
let d = 2.0 + f
let v = 1.0 / d
let s = f * v
let s1 = v * fma(-s, f - (d - 2.0), fma(-s, d, f))
let z = s * s
let z1 = fma(s + s, s1, fma(s, s, -z))
let u = z * s
let u1 = fma(z, s, -u) + fma(z, s1, z1 * s)
let q8 = fma(z, 0.11981895420410306, 0.11675766331083892)
let q7 = fma(z, q8, 0.13336265065940206)
let q6 = fma(z, q7, 0.15384558417690999)
let q5 = fma(z, q6, 0.18181818844093617)
let q4 = fma(z, q5, 0.22222222217789375)
let q3 = fma(z, q4, 0.28571428571443841)
let q = z * fma(z, q3, 0.3999999999999998)
let p = 0.66666666666666663 + q
let p1 = ((0.66666666666666663 - p) + q) + 3.7007434154171883e-17
let w = u * p
let w1 = fma(u, p, -w) + fma(u, p1, u1 * p)
let g = e * 0.69314718055989033
let h = g + (s + s)
let h1 = (g - h) + (s + s)
let c = h + w
let c1 = ((h - c) + w) + (h1 + (fma(e, 5.4979230187083712e-14, w1) + (s1 + s1)))
let whole = c + c1
)";
inline constexpr char kLogPairEndF64[] = R"(
let log0 = select(x < inf, select(x > 0.0, whole, -inf), x)
let log1 = (c - whole) + c1
)";

// e^(n·log|a|) where n = n0 + n1: the mantissa as the sum of 1, r and the rest, each rounding error kept.
inline constexpr char kPowTailF64[] = R"(
let t = n0 * log0
let large = abs(t) > 760.0
let t0 = select(large, copysign(760.0, t), t)
let k = rint(t0 * 1.4426950408889634)
let r0 = fma(k, -0.6931471803691238, t0)
let r2 = fma(k, -1.9082149292705877e-10, select(large, 0.0, t1))
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
let y0 = 1.0 + r
let y = y0 + (((1.0 - y0) + r) + fma(r * r, y1, fma(r, r1, r1)))
let half = floor(k * 0.5)
let size = y * pow2(half) * pow2(k - half)
)";

inline constexpr auto kPowF64 = join("let x = abs(a)", kLogPairF64, kLogPairEndF64, R"(
let n0 = b
let t1 = fma(b, log1, fma(b, log0, -b * log0))
)", kPowTailF64, R"(
let odd = floor(b * 0.5) != b * 0.5 and floor(b) == b
let negative = bits(a) < 0
let signed = select(negative and odd, -size, size)
let real = select(a < 0.0 and x < inf and floor(b) != b, nan, signed)
select(a == 1.0 or b == 0.0 or (x == 1.0 and abs(b) == inf), 1.0, real)
)");

// An f64 logarithm and exponential carry 29 bits more than the result needs.
inline constexpr char kPowF32[] = R"(
let x = abs(a)
let size = f32(exp(f64(b) * log(f64(x))))
let odd = floor(b * 0.5) != b * 0.5 and floor(b) == b
let negative = bits(a) > 2147483647
let signed = select(negative and odd, -size, size)
let real = select(a < 0.0 and x < inf and floor(b) != b, nan, signed)
select(a == 1.0 or b == 0.0 or (x == 1.0 and abs(b) == inf), 1.0, real)
)";

// As pow; an exponent past 2^53 is the sum of two doubles.
inline constexpr auto kPowiF64 = join("let x = abs(a)", kLogPairF64, kLogPairEndF64, R"(
let low = bit_and(b, 4294967295)
let n0 = f64(b - low) + f64(low)
let n1 = (f64(b - low) - n0) + f64(low)
let t1 = fma(n0, log1, fma(n1, log0, fma(n0, log0, -n0 * log0)))
)", kPowTailF64, R"(
let signed = select(bits(a) < 0 and bit_and(b, 1) == 1, -size, size)
select(a == 1.0 or b == 0, 1.0, signed)
)");
inline constexpr char kPowiF32[] = R"(
let size = f32(exp(f64(b) * log(f64(abs(a)))))
let signed = select(bits(a) > 2147483647 and bit_and(b, 1) == 1, -size, size)
select(a == 1.0 or b == 0, 1.0, signed)
)";

// Scaled by 2^±600 where a square would leave the range.
inline constexpr char kHypotF64[] = R"(
let x = abs(a)
let y = abs(b)
let big = select(x > y, x, y)
let down = select(big > 1e150, 2.409919865102884e-181, select(big < 1e-140, 4.149515568880993e180, 1.0))
let up = select(big > 1e150, 4.149515568880993e180, select(big < 1e-140, 2.409919865102884e-181, 1.0))
let u = x * down
let v = y * down
select(x == inf or y == inf, inf, sqrt(fma(u, u, v * v)) * up)
)";
inline constexpr char kHypotF32[] = R"(
let u = f64(a)
let v = f64(b)
select(abs(a) == inf or abs(b) == inf, inf, f32(sqrt(fma(u, u, v * v))))
)";

// |a| = m·2^(3q + r): a polynomial for m^(-1/3), one step of order four, x·v² for the root and one Newton step whose
// residue is exact. No division.
inline constexpr char kCbrtF64[] = R"(
let tiny = abs(a) < 2.2250738585072014e-308
let i = bits(abs(select(tiny, a * 18014398509481984.0, a)))
let m = f64_from_bits(bit_and(i, 4503599627370495) + 4607182418800017408)
let e = f64_from_bits(shift_right(i, 52) + 4841369599423283200) - 4503599627371519.0
let q = floor((e + 0.5) * 0.33333333333333331)
let r = e - 3.0 * q
let x = m * select(r == 0.0, 1.0, select(r == 1.0, 2.0, 4.0))
let p4 = fma(m, -0.017016152511105304, 0.15605662870102532)
let p3 = fma(m, p4, -0.59784891470981771)
let p2 = fma(m, p3, 1.2437812782347053)
let p1 = fma(m, p2, -1.5660484255389118)
let u = fma(m, p1, 1.781069989734547) * select(r == 0.0, 1.0, select(r == 1.0, 0.79370052598409974, 0.62996052494743658))
let h = fma(-x * u, u * u, 1.0)
let v = fma(u * h, fma(h, fma(h, 0.1728395061728395, 0.22222222222222221), 0.33333333333333331), u)
let t = x * (v * v)
let s = t * t
let rest = fma(-s, t, x) - fma(t, t, -s) * t
let root = fma(rest, v * v * 0.33333333333333331, t) * pow2(q - select(tiny, 18.0, 0.0))
select(abs(a) > 0.0 and abs(a) < inf, copysign(root, a), a)
)";
// The remainder with the sign of b. One step x - y·trunc(x/y) is exact while the quotient is below 2^53 (it may be one
// too large); longer ones take mod_huge. b = ±inf leaves a, or is the result where the signs differ.
inline constexpr char kModF64[] = R"(
let x = abs(a)
let y = abs(b)
let q = trunc(x / y)
let r = fma(-q, y, x)
let near = select(r < 0.0, r + y, r)
let whole = rare(q > 4503599627370496.0 and x < inf and y > 0.0, mod_huge(x, y), near)
let m = copysign(select(y == inf and x < inf, x, whole), a)
select(m != 0.0 and copysign(1.0, m) != copysign(1.0, b), m + b, m)
)";
inline constexpr const char* kModF32 = nullptr;

// Fourteen steps of a - b·rint(a/b), each of which is exact and takes 53 bits off the quotient: 700 bits and more.
inline constexpr char kModStepsF64[] = R"(
let r1 = fma(-rint(a / b), b, a)
let r2 = fma(-rint(r1 / b), b, r1)
let r3 = fma(-rint(r2 / b), b, r2)
let r4 = fma(-rint(r3 / b), b, r3)
let r5 = fma(-rint(r4 / b), b, r4)
let r6 = fma(-rint(r5 / b), b, r5)
let r7 = fma(-rint(r6 / b), b, r6)
let r8 = fma(-rint(r7 / b), b, r7)
let r9 = fma(-rint(r8 / b), b, r8)
let r10 = fma(-rint(r9 / b), b, r9)
let r11 = fma(-rint(r10 / b), b, r10)
let r12 = fma(-rint(r11 / b), b, r11)
let r13 = fma(-rint(r12 / b), b, r12)
fma(-rint(r13 / b), b, r13)
)";
// a mod b of positive finite numbers, by multiples of b that keep every quotient below 2^1024.
inline constexpr char kModHugeF64[] = R"(
let b1 = b * select(b < 1.0, 5.260135901548374e210, 1.0)
let b2 = b1 * select(b1 < 1.0, 5.260135901548374e210, 1.0)
let r = mod_steps(mod_steps(mod_steps(a, b2), b1), b)
select(r < 0.0, r + b, r)
)";

inline constexpr const char* kCbrtF32 = nullptr;

}  // namespace dlc
