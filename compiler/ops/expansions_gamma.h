// Expansions of the gamma functions: lgamma, digamma, polygamma and the internal ops they are made of.
// How to read these texts, and the primitives they use: ops/expansions.h. All f32 versions widen.
//
// From 8 on (digamma: 6) the asymptotic series (Stirling). Below, x = m + u with u in [0, 1): a polynomial on [1, 2] with
// the root divided out, so that it is accurate relative to the result, and the recurrence from 1 + u to x: a product for
// lgamma, a sum of reciprocals as one fraction for digamma. Negative arguments are reflected, in ops of their own that
// `rare` calls; there large terms cancel at the roots, so products, logarithms, quotients and sums carry their errors.
#pragma once
#include "ops/expansions_pow.h"
#include "ops/expansions_trig.h"
#include "ops/join_text.h"

namespace dlc {

// log a = log_high(a) + log_low(a), to 2^-70.
inline constexpr auto kLogHighF64 = join("let x = a", kLogPairF64, R"(
select(x < inf, select(x > 0.0, whole, -inf), x)
)");
inline constexpr auto kLogLowF64 = join("let x = a", kLogPairF64, R"(
(c - whole) + c1
)");

// From t: x = m + u is t, or 8 where the asymptotic series serves.
inline constexpr char kGammaSplitF64[] = R"(
let large = t >= 8.0
let x = select(large, 8.0, t)
let m = floor(x)
let u = x - m
)";
// core = lgamma(1 + u).
inline constexpr char kLgammaCoreF64[] = R"(
let y = u - 0.5
let c22 = fma(y, 0.00011285835160412205, -6.8814468797131986e-6)
let c21 = fma(y, c22, -0.00014440565350309616)
let c20 = fma(y, c21, -9.4593208206345801e-6)
let c19 = fma(y, c20, 0.00010703541136386189)
let c18 = fma(y, c19, -2.661257437518133e-5)
let c17 = fma(y, c18, 1.1199457927715262e-5)
let c16 = fma(y, c17, -6.6315142855288042e-5)
let c15 = fma(y, c16, 0.000112066466047448)
let c14 = fma(y, c15, -0.00016888691990914382)
let c13 = fma(y, c14, 0.00027040313709003063)
let c12 = fma(y, c13, -0.00043799645777825959)
let c11 = fma(y, c12, 0.000711598590217075)
let c10 = fma(y, c11, -0.0011644143618688763)
let c9 = fma(y, c10, 0.0019229119698034073)
let c8 = fma(y, c9, -0.0032120740819074601)
let c7 = fma(y, c8, 0.0054464579781458473)
let c6 = fma(y, c7, -0.0094256224483860104)
let c5 = fma(y, c6, 0.01679709862897354)
let c4 = fma(y, c5, -0.031308487501011249)
let c3 = fma(y, c4, 0.062911401074579501)
let c2 = fma(y, c3, -0.14595989591430608)
let c1 = fma(y, c2, 0.48312895054098087)
let core = u * (u - 1.0) * c1
)";
// From high + low = log t: r0 + rest = lgamma t by Stirling's series, r0 + r1 = (t - ½)(log t - 1).
inline constexpr char kLgammaFarF64[] = R"(
let half = t - 0.5
let r0 = half * (high - 1.0)
let r1 = fma(half, high - 1.0, -r0) + half * low
let inverse = 1.0 / t
let square = inverse * inverse
let a6 = fma(square, 0.0049792159734386313, -0.0018859838062441129)
let a5 = fma(square, a6, 0.00084138419082188198)
let a4 = fma(square, a5, -0.00059523577912137587)
let a3 = fma(square, a4, 0.00079365078607915632)
let a2 = fma(square, a3, -0.0027777777777668019)
let a1 = fma(square, a2, 0.083333333333333329)
let rest = 0.41893853320467274 + fma(inverse, a1, r1)
)";

// x < 1: lgamma(1 + x) - log x; else lgamma(1 + u) + log((x - 1)(x - 2)… (1 + u)), the product being prod6 + err6.
inline constexpr auto kLgammaF64 = join("let t = a", kGammaSplitF64, kLgammaCoreF64, R"(
let prod1 = select(m > 1.0, x - 1.0, 1.0)
let fac2 = select(m > 2.0, x - 2.0, 1.0)
let prod2 = prod1 * fac2
let err2 = fma(prod1, fac2, -prod2)
let fac3 = select(m > 3.0, x - 3.0, 1.0)
let prod3 = prod2 * fac3
let err3 = fma(err2, fac3, fma(prod2, fac3, -prod3))
let fac4 = select(m > 4.0, x - 4.0, 1.0)
let prod4 = prod3 * fac4
let err4 = fma(err3, fac4, fma(prod3, fac4, -prod4))
let fac5 = select(m > 5.0, x - 5.0, 1.0)
let prod5 = prod4 * fac5
let err5 = fma(err4, fac5, fma(prod4, fac5, -prod5))
let fac6 = select(m > 6.0, x - 6.0, 1.0)
let prod6 = prod5 * fac6
let err6 = fma(err5, fac6, fma(prod5, fac6, -prod6))
let value = select(large or m == 0.0, t, prod6)
let high = log_high(value)
let low = log_low(value)
let sign = select(m == 0.0, -1.0, 1.0)
let near = sign * high + (core + fma(sign, low, err6 / prod6))
)", kLgammaFarF64, R"(
let far = select(r0 < inf, r0 + rest, r0)
rare(a < 0.0, lgamma_negative(a), select(large, far, select(a == 0.0, inf, near)))
)");
inline constexpr const char* kLgammaF32 = nullptr;

// From t > 0: sine + sine1, cosine + cosine1 of π|f|, f = -t less the nearest integer, or if `swap` of π(½ - |f|).
inline constexpr auto kHalfTurnF64 = join(R"(
let f = rint(t) - t
let swap = abs(f) > 0.25
let turn = select(swap, 0.5 - abs(f), abs(f))
let r = turn * 3.1415926535897931
let l = fma(turn, 3.1415926535897931, -r) + turn * 1.2246467991473532e-16
)", kSinCosF64, R"(
let sine = r - u0
let sine1 = (r - sine) - u0
let cosine = v0 + v1
let cosine1 = (v0 - cosine) + v1
)");

// lgamma(-t) = log(π/(t |sin πt|)) - lgamma t. Below 8 the product t(t - 1)… joins the sine, s + s1, under one logarithm.
// Where πt would be subnormal the result is -log t.
inline constexpr auto kLgammaNegativeF64 = join("let t = -a", kGammaSplitF64, kLgammaCoreF64, kHalfTurnF64, R"(
let prod0 = select(m > 0.0, x, 1.0)
let fac1 = select(m > 1.0, x - 1.0, 1.0)
let prod1 = prod0 * fac1
let err1 = fma(prod0, fac1, -prod1)
let fac2 = select(m > 2.0, x - 2.0, 1.0)
let prod2 = prod1 * fac2
let err2 = fma(err1, fac2, fma(prod1, fac2, -prod2))
let fac3 = select(m > 3.0, x - 3.0, 1.0)
let prod3 = prod2 * fac3
let err3 = fma(err2, fac3, fma(prod2, fac3, -prod3))
let fac4 = select(m > 4.0, x - 4.0, 1.0)
let prod4 = prod3 * fac4
let err4 = fma(err3, fac4, fma(prod3, fac4, -prod4))
let fac5 = select(m > 5.0, x - 5.0, 1.0)
let prod5 = prod4 * fac5
let err5 = fma(err4, fac5, fma(prod4, fac5, -prod5))
let fac6 = select(m > 6.0, x - 6.0, 1.0)
let prod6 = prod5 * fac6
let err6 = fma(err5, fac6, fma(prod5, fac6, -prod6))
let product = select(large, 1.0, prod6)
let tiny = t < 1e-20
let s = select(tiny, t, select(swap, cosine, sine))
let s1 = select(tiny, 0.0, select(swap, cosine1, sine1))
let d = s * product
let d1 = fma(s, product, -d) + fma(s, select(large, 0.0, err6), s1 * product)
let pi = select(tiny, 0.0, 1.1447298858494002)
let log_d = log_high(d)
let lead = pi - log_d
let lead1 = sum_error(pi, -log_d) - (log_low(d) + d1 / d)
let high = log_high(t)
let low = log_low(t)
)", kLgammaFarF64, R"(
let both = r0 + high
let far = (lead - both) + ((sum_error(lead, -both) + (lead1 - sum_error(r0, high))) - (rest + low))
select(f == 0.0 or t == inf, inf, select(large, far, lead + (lead1 - core)))
)");

// As above; 6 is enough here, and a shorter recurrence rounds less.
inline constexpr char kDigammaSplitF64[] = R"(
let large = t >= 6.0
let x = select(large, 6.0, t)
let m = floor(x)
let u = x - m
)";
// core = digamma(1 + u), with the root 0.4616… as a pair.
inline constexpr char kDigammaCoreF64[] = R"(
let y = u - 0.5
let c22 = fma(y, 0.00034961181485881974, -0.00016002206539135548)
let c21 = fma(y, c22, -0.00022800293499432298)
let c20 = fma(y, c21, -0.0001676655632633542)
let c19 = fma(y, c20, 0.00052133578636510253)
let c18 = fma(y, c19, -0.00047372193743962129)
let c17 = fma(y, c18, 0.00062297064026638129)
let c16 = fma(y, c17, -0.0010400928512295305)
let c15 = fma(y, c16, 0.0015779262744878427)
let c14 = fma(y, c15, -0.0023448379774490915)
let c13 = fma(y, c14, 0.0035160988256336214)
let c12 = fma(y, c13, -0.0052800115093323812)
let c11 = fma(y, c12, 0.007927200142586464)
let c10 = fma(y, c11, -0.011908214894377982)
let c9 = fma(y, c10, 0.017907238404096543)
let c8 = fma(y, c9, -0.026975796877740311)
let c7 = fma(y, c8, 0.040760834264072177)
let c6 = fma(y, c7, -0.061922133270503506)
let c5 = fma(y, c6, 0.094988724447430173)
let c4 = fma(y, c5, -0.14840492305393307)
let c3 = fma(y, c4, 0.24054248424082389)
let c2 = fma(y, c3, -0.42362742128146047)
let c1 = fma(y, c2, 0.95105587603183284)
let core = ((u - 0.46163214496836236) + 1.5522348162858677e-17) * c1
)";
// series = log t - digamma t - 1/(2t) for t ≥ 6.
inline constexpr char kDigammaFarF64[] = R"(
let inverse = 1.0 / t
let square = inverse * inverse
let a9 = fma(square, -1.6751810754979513, 1.4062718643964445)
let a8 = fma(square, a9, -0.37375941389998274)
let a7 = fma(square, a8, 0.081498653737773277)
let a6 = fma(square, a7, -0.021062310449937054)
let a5 = fma(square, a6, 0.0075754424134217213)
let a4 = fma(square, a5, -0.0041666647211187537)
let a3 = fma(square, a4, 0.0039682539616823498)
let a2 = fma(square, a3, -0.0083333333333231764)
let a1 = fma(square, a2, 0.083333333333333329)
let series = square * a1
)";

// x < 1: digamma(1 + x) - 1/x; else digamma(1 + u) + 1/(x - 1) + 1/(x - 2) + … + 1/(1 + u).
inline constexpr auto kDigammaF64 = join("let t = a", kDigammaSplitF64, kDigammaCoreF64, R"(
let below = m == 0.0
let above = m > 1.0
let num1 = select(below, -1.0, select(above, 1.0, 0.0))
let den1 = select(below, x, select(above, x - 1.0, 1.0))
let fac2 = select(m > 2.0, x - 2.0, 1.0)
let num2 = fma(num1, fac2, select(m > 2.0, den1, 0.0))
let den2 = den1 * fac2
let fac3 = select(m > 3.0, x - 3.0, 1.0)
let num3 = fma(num2, fac3, select(m > 3.0, den2, 0.0))
let den3 = den2 * fac3
let fac4 = select(m > 4.0, x - 4.0, 1.0)
let num4 = fma(num3, fac4, select(m > 4.0, den3, 0.0))
let den4 = den3 * fac4
let fac5 = select(m > 5.0, x - 5.0, 1.0)
let num5 = fma(num4, fac5, select(m > 5.0, den4, 0.0))
let den5 = den4 * fac5
let near = core + num5 / den5
)", kDigammaFarF64, R"(
let far = log(select(large, t, 6.0)) - fma(0.5, inverse, series)
rare(a < 0.0, digamma_negative(a), select(large, far, near))
)");
inline constexpr const char* kDigammaF32 = nullptr;

// digamma(-t) = digamma(t) + 1/t + π cot πt; near + near1, or the logarithm and the series, are the first two.
inline constexpr auto kDigammaNegativeF64 = join("let t = -a", kDigammaSplitF64, kDigammaCoreF64, kHalfTurnF64, R"(
let above = m > 0.0
let num0 = select(above, 1.0, 0.0)
let den0 = select(above, x, 1.0)
let fac1 = select(m > 1.0, x - 1.0, 1.0)
let num1 = fma(num0, fac1, select(m > 1.0, den0, 0.0))
let den1 = den0 * fac1
let fac2 = select(m > 2.0, x - 2.0, 1.0)
let num2 = fma(num1, fac2, select(m > 2.0, den1, 0.0))
let den2 = den1 * fac2
let fac3 = select(m > 3.0, x - 3.0, 1.0)
let num3 = fma(num2, fac3, select(m > 3.0, den2, 0.0))
let den3 = den2 * fac3
let fac4 = select(m > 4.0, x - 4.0, 1.0)
let num4 = fma(num3, fac4, select(m > 4.0, den3, 0.0))
let den4 = den3 * fac4
let fac5 = select(m > 5.0, x - 5.0, 1.0)
let num5 = fma(num4, fac5, select(m > 5.0, den4, 0.0))
let den5 = den4 * fac5
let sum = num5 / den5
let near = core + sum
let near1 = sum_error(core, sum)
)", kDigammaFarF64, R"(
let first = select(large, log_high(t), near)
let first1 = select(large, log_low(t) + (0.5 * inverse - series), near1)
let top = select(swap, sine, cosine)
let top1 = select(swap, sine1, cosine1)
let low = select(swap, cosine, sine)
let low1 = select(swap, cosine1, sine1)
let v = 1.0 / low
let cot = top * v
let cot1 = v * (fma(-cot, low, top) + fma(-cot, low1, top1))
let w = cot * 3.1415926535897931
let w1 = fma(cot, 3.1415926535897931, -w) + fma(cot, 1.2246467991473532e-16, cot1 * 3.1415926535897931)
let sign = select(f > 0.0, -1.0, 1.0)
let value = sign * w + first
let all = value + (sum_error(sign * w, first) + fma(sign, w1, first1))
select(f == 0.0, nan, select(t < 1e-20, 1.0 / t, all))
)");

// 1/b^a for 1 ≤ a < 32 by squaring, without the error of 1/b, which the power would multiply by a.
inline constexpr char kInversePowerF64[] = R"(
let r = 1.0 / b
let r2 = r * r
let r4 = r2 * r2
let r8 = r4 * r4
let r16 = r8 * r8
let p = select(bit_and(a, 1) == 0, 1.0, r) * select(bit_and(a, 2) == 0, 1.0, r2)
let q = select(bit_and(a, 4) == 0, 1.0, r4) * select(bit_and(a, 8) == 0, 1.0, r8) * select(bit_and(a, 16) == 0, 1.0, r16)
p * q * fma(f64(a), fma(-r, b, 1.0), 1.0)
)";

// The nth derivative of digamma at b > 0, 1 ≤ n ≤ 20: the Euler–Maclaurin series at y = b or, below 20, at y = b + 8 with
// the eight terms n!/(b + k)^(n+1) before. The rounding error of b + k, which the power multiplies, is taken back.
inline constexpr char kPolygammaPositiveF64[] = R"(
let n = f64(a)
let far = b >= 20.0
let y = select(far, b, b + 8.0)
let z = 1.0 / y / y
let s11 = fma((n + 22.0) * (n + 23.0) * z, -1.3954464685812522e-19, 5.5090028283602295e-18)
let s10 = fma((n + 20.0) * (n + 21.0) * z, s11, -2.1748686985580619e-16)
let s9 = fma((n + 18.0) * (n + 19.0) * z, s10, 8.5860620562778452e-15)
let s8 = fma((n + 16.0) * (n + 17.0) * z, s9, -3.3896802963225827e-13)
let s7 = fma((n + 14.0) * (n + 15.0) * z, s8, 1.3382536530684679e-11)
let s6 = fma((n + 12.0) * (n + 13.0) * z, s7, -5.2841901386874932e-10)
let s5 = fma((n + 10.0) * (n + 11.0) * z, s6, 2.08767569878681e-8)
let s4 = fma((n + 8.0) * (n + 9.0) * z, s5, -8.2671957671957675e-7)
let s3 = fma((n + 6.0) * (n + 7.0) * z, s4, 3.3068783068783071e-5)
let s2 = fma((n + 4.0) * (n + 5.0) * z, s3, -0.0013888888888888889)
let s1 = fma((n + 2.0) * (n + 3.0) * z, s2, 0.083333333333333329)
let series = 1.0 + n * fma((n + 1.0) * z, s1, 0.5 / y)
let f2 = select(n > 2.0, 2.0, 1.0)
let f3 = f2 * select(n > 3.0, 3.0, 1.0)
let f4 = f3 * select(n > 4.0, 4.0, 1.0)
let f5 = f4 * select(n > 5.0, 5.0, 1.0)
let f6 = f5 * select(n > 6.0, 6.0, 1.0)
let f7 = f6 * select(n > 7.0, 7.0, 1.0)
let f8 = f7 * select(n > 8.0, 8.0, 1.0)
let f9 = f8 * select(n > 9.0, 9.0, 1.0)
let f10 = f9 * select(n > 10.0, 10.0, 1.0)
let f11 = f10 * select(n > 11.0, 11.0, 1.0)
let f12 = f11 * select(n > 12.0, 12.0, 1.0)
let f13 = f12 * select(n > 13.0, 13.0, 1.0)
let f14 = f13 * select(n > 14.0, 14.0, 1.0)
let f15 = f14 * select(n > 15.0, 15.0, 1.0)
let f16 = f15 * select(n > 16.0, 16.0, 1.0)
let f17 = f16 * select(n > 17.0, 17.0, 1.0)
let f18 = f17 * select(n > 18.0, 18.0, 1.0)
let f19 = f18 * select(n > 19.0, 19.0, 1.0)
let shift = select(far, 0.0, sum_error(b, 8.0) / y)
let tail = powi(y, 1 - a) * (f19 * fma(-n, shift, 1.0) * series) / y
let h1 = b + 1.0
let t1 = inverse_power(a + 1, h1) * fma(-1.0 - n, sum_error(b, 1.0) * (1.0 / h1), 1.0)
let h2 = b + 2.0
let t2 = inverse_power(a + 1, h2) * fma(-1.0 - n, sum_error(b, 2.0) * (1.0 / h2), 1.0)
let h3 = b + 3.0
let t3 = inverse_power(a + 1, h3) * fma(-1.0 - n, sum_error(b, 3.0) * (1.0 / h3), 1.0)
let h4 = b + 4.0
let t4 = inverse_power(a + 1, h4) * fma(-1.0 - n, sum_error(b, 4.0) * (1.0 / h4), 1.0)
let h5 = b + 5.0
let t5 = inverse_power(a + 1, h5) * fma(-1.0 - n, sum_error(b, 5.0) * (1.0 / h5), 1.0)
let h6 = b + 6.0
let t6 = inverse_power(a + 1, h6) * fma(-1.0 - n, sum_error(b, 6.0) * (1.0 / h6), 1.0)
let h7 = b + 7.0
let t7 = inverse_power(a + 1, h7) * fma(-1.0 - n, sum_error(b, 7.0) * (1.0 / h7), 1.0)
let sum = powi(b, -1 - a) + (t1 + (t2 + (t3 + (t4 + (t5 + (t6 + t7))))))
let value = fma(f19 * n, select(far, 0.0, sum), tail)
select(bit_and(a, 1) == 1, value, -value)
)";

// Order 0, and b < 0: Σ over all integers less the part beyond 0, all three at positive arguments. For even n the two
// big ones cancel half-way between poles; there orders 2, 4, 6 take the derivatives of π cot πb, polynomials in
// c = cot πb. inf at the poles for odd n, else nan.
inline constexpr auto kPolygammaOtherF64 = join(R"(
let t = -b
)", kHalfTurnF64, R"(
let odd = bit_and(a, 1) == 1
let beyond = polygamma_positive(a, 1.0 + t)
let right = polygamma_positive(a, select(f > 0.0, f, 1.0 + f))
let left = polygamma_positive(a, select(f > 0.0, 1.0 - f, -f)) - beyond
let sums = right + select(odd, left, -left)
let c = copysign((sine + sine1) / (cosine + cosine1), f)
let cc = c * c
let c6 = 48324.691644428673 * fma(cc, fma(cc, 45.0, 60.0), 17.0)
let c4 = 2448.1574782822516 * fma(cc, 3.0, 2.0)
let slope = select(a == 2, 62.01255336059964, select(a == 4, c4, c6)) * c * (1.0 + cc)
let value = select(swap and cc < 0.25 and (a == 2 or a == 4 or a == 6), beyond - slope, sums)
select(a == 0, digamma(b), select(f == 0.0, select(odd, inf, nan), value))
)");

// Orders outside 0 … 20 give nan.
inline constexpr char kPolygammaF64[] = R"(
let n = select(a < 1, 1, select(a > 20, 20, a))
let value = polygamma_positive(n, b)
let all = rare(b < 0.0 or a == 0, polygamma_other(select(a == 0, 0, n), b), value)
select(a < 0 or a > 20, nan, all)
)";
inline constexpr const char* kPolygammaF32 = nullptr;

}  // namespace dlc
