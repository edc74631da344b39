// Expansions of the logarithms: log, log1p, log_sum (internal), xlogy.
// How to read these texts, and the primitives they use: ops/expansions.h.
//
// log: a = 2^e·m with m in [√½, √2), found in the bits; f = m - 1. f64 is after fdlibm's e_log.c: s = f/(2+f)
// turns log(1+f) into an odd series. f32 is cheaper without the division.
// Subnormals are scaled up first. 4604544271217802189 is the bits of √½, 4607182418800017408 of 1.0 and
// 2638147582215219 their difference (f32: 1060439283, 1065353216, 4913933).
#pragma once
#include "ops/join_text.h"

namespace dlc {

// From a = 2^e·(1 + f), and in f64 d = 2 + f, the logarithm. What is small is added up first and the leading parts e ln 2 + f last.
inline constexpr char kLogSeriesF64[] = R"(
let s = f / d
let z = s * s
let z2 = z * z
let p7 = fma(z, 0.1531405235664656, 0.18183563927435484)
let p5 = fma(z2, 0.14796005235572721, p7)
let p3 = fma(z, 0.22222198588403499, 0.28571428742145893)
let p2 = fma(z, 0.39999999999416347, 0.6666666666666734)
let p1 = fma(z2 * z2, p5, fma(z2, p3, p2))
let h = 0.5 * f * f
let small = fma(s, fma(z, p1, h), fma(e, 1.9082149292705877e-10, -h))
let y = fma(e, 0.6931471803691238, f) + small
let special = select(a == 0.0, -inf, select(a < 0.0, nan, a))
select(a > 0.0 and a < inf, y, special)
)";
inline constexpr char kLogSeriesF32[] = R"(
let f2 = f * f
let p7 = fma(f, -0.078595221, 0.1288407)
let p5 = fma(f, -0.131296962, 0.141808659)
let p3 = fma(f, -0.166244388, 0.20002301)
let p2 = fma(f, -0.250008136, 0.333333164)
let q2 = fma(f2, p7, p5)
let q1 = fma(f2, p3, p2)
let p1 = fma(f, fma(f2 * f2, q2, q1), -0.5)
let y = fma(e, 0.693359375, fma(f2, p1, fma(e, -0.000212194440, f)))
let special = select(a == 0.0, -inf, select(a < 0.0, nan, a))
select(a > 0.0 and a < inf, y, special)
)";

inline constexpr auto kLogF64 = join(R"(
let tiny = a < 2.2250738585072014e-308
let x = select(tiny, a * 18014398509481984.0, a)
let i = bits(x) + 2638147582215219
let m = f64_from_bits(bit_and(i, 4503599627370495) + 4604544271217802189)
let e = f64_from_bits(shift_right(i, 52) + 4841369599423283200) - select(tiny, 4503599627371573.0, 4503599627371519.0)
let f = m - 1.0
let d = m + 1.0
)", kLogSeriesF64);

inline constexpr auto kLogF32 = join(R"(
let tiny = a < 1.17549435e-38
let x = select(tiny, a * 8388608.0, a)
let i = bits(x) + 4913933
let m = f32_from_bits(bit_and(i, 8388607) + 1060439283)
let e = f32_from_bits(bit_and(shift_right(i, 23), 511) + 1258291200) - select(tiny, 8388758.0, 8388735.0)
let f = m - 1.0
)", kLogSeriesF32);

// log(a + b) for a normal a and |b| ≤ ulp(a): the same kernel with f = m - 1 + b/2^e. (2^-e
// itself may be subnormal, so 2^(2-e) is made, from the bits of m, a and 4.0.) What log1p, asinh, acosh and
// atanh need, whose argument is not a float.
inline constexpr auto kLogSumF64 = join(R"(
let i = bits(a) + 2638147582215219
let j = bit_and(i, 4503599627370495) + 4604544271217802189
let m = f64_from_bits(j)
let e = f64_from_bits(shift_right(i, 52) + 4841369599423283200) - 4503599627371519.0
let f = fma(0.25 * b, f64_from_bits(j - bits(a) + 4616189618054758400), m - 1.0)
let d = 2.0 + f
)", kLogSeriesF64);

inline constexpr auto kLogSumF32 = join(R"(
let i = bits(a) + 4913933
let j = bit_and(i, 8388607) + 1060439283
let m = f32_from_bits(j)
let e = f32_from_bits(bit_and(shift_right(i, 23), 511) + 1258291200) - 8388735.0
let f = fma(0.25 * b, f32_from_bits(j - bits(a) + 1082130432), m - 1.0)
)", kLogSeriesF32);

// 1 + a = u + c exactly (Knuth's two-sum); for small a the kernel's f is a itself. A tiny a is returned.
inline constexpr char kLog1pF64[] = R"(
let u = 1.0 + a
let d = u - 1.0
let c = (1.0 - (u - d)) + (a - d)
select(abs(a) < 1e-20 or a == inf, a, log_sum(u, c))
)";
inline constexpr char kLog1pF32[] = R"(
let u = 1.0 + a
let d = u - 1.0
let c = (1.0 - (u - d)) + (a - d)
select(abs(a) < 1e-20 or a == inf, a, log_sum(u, c))
)";

// a·log b, and 0 where a is 0 even if log b is not finite (but nan stays nan).
inline constexpr char kXlogyF64[] = R"(
select(a == 0.0 and b == b, 0.0, a * log(b))
)";
inline constexpr char kXlogyF32[] = R"(
select(a == 0.0 and b == b, 0.0, a * log(b))
)";

}  // namespace dlc
