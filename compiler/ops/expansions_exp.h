// Expansions of exp and of what is built from it: expm1, sigmoid, softplus, silu, tanh, sinh, cosh.
// How to read these texts, and the primitives they use: ops/expansions.h.
//
// exp: a = k ln 2 + r with |r| ≤ ln 2 / 2 (Cody & Waite, ln 2 in two pieces so that k·hi is exact), a minimax
// polynomial in r, and 2^k in two halves so that overflow and subnormal results come out of the last product
// correctly rounded. The clamp keeps k in range; written with select, each one machine instruction, it keeps nan.
// Polynomials are in Estrin's form where a scalar call would wait for each coefficient of Horner's.
#pragma once
#include "ops/join_text.h"

namespace dlc {

// From x: r, p1 and the normal powers u v = 2^k with e^x = 2^k·(1 + r + p1 r²). j is k rounded to a whole number by its
// place at the end of the mantissa, where its last bits are k + 2046, twice the bias: u gets the lower half as its
// exponent, v the rest. The shifts by 52 drop what stands above.
inline constexpr char kExpPartsF64[] = R"(
let j = fma(x, 1.4426950408889634, 6755399441057790.0)
let k = j - 6755399441057790.0
let i = bits(j)
let h = shift_right(i, 1)
let u = f64_from_bits(shift_left(h, 52))
let v = f64_from_bits(shift_left(i - h, 52))
let r = fma(k, -1.9082149292705877e-10, fma(k, -0.6931471803691238, x))
let r2 = r * r
let p9 = fma(r, 2.511328716919994e-8, 2.7631655744704999e-7)
let p7 = fma(r, 2.7557231152531886e-6, 2.480148886140194e-5)
let p5 = fma(r, 0.00019841269900129868, 0.0013888888948108585)
let p3 = fma(r, 0.0083333333333155696, 0.041666666666510935)
let p2 = fma(r, 0.16666666666666685, 0.50000000000000133)
let q2 = fma(r2, p9, p7)
let q1 = fma(r2, p5, p3)
let p1 = fma(r2, fma(r2 * r2, q2, q1), p2)
)";
inline constexpr auto kExpF64 = join(R"(
let c = select(a < -746.0, -746.0, a)
let x = select(c > 710.0, 710.0, c)
)", kExpPartsF64, R"(
fma(fma(r2, p1, r), u, u) * v
)");

inline constexpr char kExpPartsF32[] = R"(
let j = fma(x, 1.44269504, 12583166.0)
let k = j - 12583166.0
let i = bits(j)
let h = shift_right(i, 1)
let u = f32_from_bits(shift_left(h, 23))
let v = f32_from_bits(shift_left(i - h, 23))
let r = fma(k, 0.000212194440, fma(k, -0.693359375, x))
let r2 = r * r
let p4 = fma(r, 0.00139385858, 0.00836899038)
let p3 = fma(r, 0.0416664258, 0.166665182)
let p1 = fma(r, fma(r2, p4, p3), 0.5)
)";
inline constexpr auto kExpF32 = join(R"(
let c = select(a < -104.0, -104.0, a)
let x = select(c > 89.0, 89.0, c)
)", kExpPartsF32, R"(
fma(fma(r2, p1, r), u, u) * v
)");

// From x: s and w with e^x - 1 = 2(s + w). e^x - 1 = 2^k·(e^r - 1) + (2^k - 1); the sum s + e of 2^k - 1 and 2^k·r
// is exact (Dekker), the polynomial only adds r²/2 + …; all at half scale, so that k = 1024 stays finite. c is the
// rounding error of r. Tiny a is returned as it is: it would lose bits at half scale when subnormal.
inline constexpr char kExpm1PartsF64[] = R"(
let k = rint(x * 1.4426950408889634)
let q = fma(k, -0.6931471803691238, x)
let r = fma(k, -1.9082149292705877e-10, q)
let c = fma(k, -1.9082149292705877e-10, q - r)
let r2 = r * r
let p10 = fma(r, 2.091996139351339e-9, 2.510925280237616e-8)
let p8 = fma(r, 2.7557257930987007e-7, 2.7557243605716524e-6)
let p6 = fma(r, 2.4801587341721427e-5, 0.00019841269886714145)
let p4 = fma(r, 0.0013888888888877154, 0.0083333333333214018)
let p2 = fma(r, 0.041666666666666678, 0.16666666666666677)
let q2 = fma(r2, p10, p8)
let q1 = fma(r2, p6, p4)
let p1 = fma(r, fma(r2, fma(r2 * r2, q2, q1), p2), 0.5)
let t = pow2(k - 1)
let u = t - 0.5
let s = fma(t, r, u)
let e = fma(t, r, u - s)
let w = fma(t, fma(r2, p1, c), e)
)";
inline constexpr auto kExpm1F64 = join(R"(
let x = select(a > 710.0, 710.0, select(a < -40.0, -40.0, a))
)", kExpm1PartsF64, R"(
let y = s + w
select(abs(a) < 1e-20, a, y + y)
)");

inline constexpr char kExpm1PartsF32[] = R"(
let k = rint(x * 1.44269504)
let r = fma(k, 0.000212194440, fma(k, -0.693359375, x))
let r2 = r * r
let p5 = fma(r, 0.000199533533, 0.00139330351)
let p4 = fma(r, 0.00833319779, 0.0416664854)
let p2 = fma(r, 0.166666672, 0.5)
let p1 = fma(r2, fma(r2, p5, p4), p2)
let t = pow2(k - 1)
let u = t - 0.5
let s = fma(t, r, u)
let e = fma(t, r, u - s)
let w = fma(t * r2, p1, e)
)";
inline constexpr auto kExpm1F32 = join(R"(
let x = select(a > 89.0, 89.0, select(a < -18.0, -18.0, a))
)", kExpm1PartsF32, R"(
let y = s + w
select(abs(a) < 1e-10, a, y + y)
)");

// One exponential of -|a| serves both signs, so nothing overflows and the small side keeps its digits. The
// division n/(1 + e) is corrected once: its remainder, with the rounding error l of d = 1 + e, times the line
// 24/17 - 8/17 d, which is 1/d to 6 % on [1, 2].
inline constexpr char kSigmoidF64[] = R"(
let e = exp(-abs(a))
let d = 1.0 + e
let l = e - (d - 1.0)
let n = select(a < 0.0, e, 1.0)
let q = n / d
fma(fma(-q, d, n) - q * l, fma(d, -0.47058823529411764, 1.4117647058823529), q)
)";
inline constexpr char kSigmoidF32[] = R"(
let e = exp(-abs(a))
let d = 1.0 + e
let l = e - (d - 1.0)
let n = select(a < 0.0, e, 1.0)
let q = n / d
fma(fma(-q, d, n) - q * l, fma(d, -0.470588235, 1.41176471), q)
)";

// a·sigmoid(a), as sigmoid above. On the negative side a multiplies y before 2^k does: the result is normal
// where e^a no longer is. -0 at -inf.
inline constexpr auto kSiluF64 = join(R"(
let x = select(abs(a) > 760.0, -760.0, -abs(a))
)", kExpPartsF64, R"(
let y = 1.0 + fma(r2, p1, r)
let d = fma(y * u, v, 1.0)
let l = fma(y * u, v, 1.0 - d)
let f = select(a > 0.0, 1.0, y)
let n = a * f
let q = n / d
let z = fma(fma(-q, d, n) + (fma(a, f, -n) - q * l), fma(d, -0.47058823529411764, 1.4117647058823529), q)
let w = select(a > 0.0, z, z * u * v)
select(a > 40.0, a, copysign(select(a < -760.0, 0.0, w), a))
)");
inline constexpr auto kSiluF32 = join(R"(
let x = select(abs(a) > 110.0, -110.0, -abs(a))
)", kExpPartsF32, R"(
let y = 1.0 + fma(r2, p1, r)
let d = fma(y * u, v, 1.0)
let l = fma(y * u, v, 1.0 - d)
let f = select(a > 0.0, 1.0, y)
let n = a * f
let q = n / d
let z = fma(fma(-q, d, n) + (fma(a, f, -n) - q * l), fma(d, -0.470588235, 1.41176471), q)
let w = select(a > 0.0, z, z * u * v)
select(a > 20.0, a, copysign(select(a < -110.0, 0.0, w), a))
)");

// max(a, 0) + log(1 + e), e = e^(-|a|) ≤ 1, by the odd series in s = e/(2 + e) ≤ 1/3. As in sigmoid the quotient is
// corrected once; α - β d is 1/d to 2 % on [2, 3].
inline constexpr char kSoftplusF64[] = R"(
let e = exp(-abs(a))
let d = 2.0 + e
let l = e - (d - 2.0)
let s = e / d
let s1 = (fma(-s, d, e) - s * l) * fma(d, -0.16326530612244897, 0.81632653061224492)
let z = s * s
let p10 = fma(z, 0.16404869432632829, 0.070340514743342131)
let p9 = fma(z, p10, 0.10961615746689428)
let p8 = fma(z, p9, 0.11717662862174018)
let p7 = fma(z, p8, 0.13336638441107504)
let p6 = fma(z, p7, 0.15384462533877682)
let p5 = fma(z, p6, 0.18181822766973821)
let p4 = fma(z, p5, 0.22222222136799399)
let p3 = fma(z, p4, 0.28571428572335439)
let p2 = fma(z, p3, 0.39999999999995378)
let p1 = fma(z, p2, 0.66666666666666674)
let y = (s + s) + fma(s * z, p1, s1 + s1)
select(a > 0.0, a, 0.0) + y
)";
inline constexpr char kSoftplusF32[] = R"(
let e = exp(-abs(a))
let d = 2.0 + e
let l = e - (d - 2.0)
let s = e / d
let s1 = (fma(-s, d, e) - s * l) * fma(d, -0.163265303, 0.816326559)
let z = s * s
let p3 = fma(z, 0.280291647, 0.279982865)
let p2 = fma(z, p3, 0.400217474)
let p1 = fma(z, p2, 0.666664124)
let y = (s + s) + fma(s * z, p1, s1 + s1)
select(a > 0.0, a, 0.0) + y
)";

// With M = (e^(-2|a|) - 1)/2 = m + v, v the rounding error of m: tanh|a| = -M/(1 + M). As in sigmoid the division is
// corrected by its remainder, here also for v and for the rounding error l of d; 48/17 - 32/17 d is 1/d on [½, 1].
inline constexpr auto kTanhF64 = join(R"(
let x = select(abs(a) > 20.0, -40.0, -2.0 * abs(a))
)", kExpm1PartsF64, R"(
let m = s + w
let v = (s - m) + w
let d = 1.0 + m
let l = (m - (d - 1.0)) + v
let z = m / d
let y = fma(fma(-z, d, m) + fma(-z, l, v), fma(d, 1.8823529411764706, -2.8235294117647061), -z)
select(abs(a) < 1e-20, a, copysign(y, a))
)");
inline constexpr auto kTanhF32 = join(R"(
let x = select(abs(a) > 9.5, -19.0, -2.0 * abs(a))
)", kExpm1PartsF32, R"(
let m = s + w
let v = (s - m) + w
let d = 1.0 + m
let l = (m - (d - 1.0)) + v
let z = m / d
let y = fma(fma(-z, d, m) + fma(-z, l, v), fma(d, 1.88235295, -2.82352948), -z)
select(abs(a) < 1e-10, a, copysign(y, a))
)");

// e^|a|/2 = u = m + l at half scale, so that it overflows no sooner than the result; then u ± 1/(4u). m is the sum's
// leading part, l the rest of the mantissa. Below 1 the two terms of sinh would cancel: an odd polynomial.
inline constexpr auto kSinhF64 = join(R"(
let t = abs(a)
let x = select(t > 711.0, 711.0, t)
)", kExpPartsF64, R"(
let y = 1.0 + r
let m = y * u * (0.5 * v)
let l = fma(r2, p1, (1.0 - y) + r) * u * (0.5 * v)
let n = 0.25 / (m + l)
let w = m - n
let large = w + select(w < inf, ((m - w) - n) + l, 0.0)
let z = a * a
let q6 = fma(z, 7.7750233384403386e-13, 1.6056706976521147e-10)
let q5 = fma(z, q6, 2.5052130456711046e-8)
let q4 = fma(z, q5, 2.7557319109574141e-6)
let q3 = fma(z, q4, 0.00019841269841586876)
let q2 = fma(z, q3, 0.0083333333333329169)
let q1 = fma(z, q2, 0.16666666666666669)
copysign(select(t < 1.0, fma(t * z, q1, t), large), a)
)");
inline constexpr auto kSinhF32 = join(R"(
let t = abs(a)
let x = select(t > 90.0, 90.0, t)
)", kExpPartsF32, R"(
let y = 1.0 + r
let m = y * u * (0.5 * v)
let l = fma(r2, p1, (1.0 - y) + r) * u * (0.5 * v)
let n = 0.25 / (m + l)
let w = m - n
let large = w + select(w < inf, ((m - w) - n) + l, 0.0)
let z = a * a
let q3 = fma(z, 2.78398647e-6, 0.000198426307)
let q2 = fma(z, q3, 0.00833331142)
let q1 = fma(z, q2, 0.166666672)
copysign(select(t < 1.0, fma(t * z, q1, t), large), a)
)");

inline constexpr auto kCoshF64 = join(R"(
let x = select(abs(a) > 711.0, 711.0, abs(a))
)", kExpPartsF64, R"(
let y = fma(fma(r2, p1, r), u, u) * (0.5 * v)
y + 0.25 / y
)");
inline constexpr auto kCoshF32 = join(R"(
let x = select(abs(a) > 90.0, 90.0, abs(a))
)", kExpPartsF32, R"(
let y = fma(fma(r2, p1, r), u, u) * (0.5 * v)
y + 0.25 / y
)");

}  // namespace dlc
