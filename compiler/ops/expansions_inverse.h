// Expansions of the inverse functions: asin, acos, atan, atan2, asinh, acosh, atanh.
// How to read these texts, and the primitives they use: ops/expansions.h.
//
// atan: the reciprocal maps |a| > 1 into [0, 1], where one odd polynomial does. asin and acos past 1/2 use
// asin t = π/2 - 2 asin √((1 - t)/2); s + w is their arc. π/2 and π are the sums of two floats. The hyperbolic ones
// are logarithms of 1 + q with q and the rounding error of the sum carried along (log_sum), so nothing cancels near 0;
// their f32 versions widen.
#pragma once
#include "ops/join_text.h"

namespace dlc {

// From u in [0, 1]: r = atan u.
inline constexpr char kAtanPartsF64[] = R"(
let z = u * u
let p20 = fma(z, -8.8402297348672365e-6, 0.00010582668576281311)
let p19 = fma(z, p20, -0.00060243072527102536)
let p18 = fma(z, p19, 0.0021802660610620358)
let p17 = fma(z, p18, -0.0056718730182845727)
let p16 = fma(z, p17, 0.011407930841170016)
let p15 = fma(z, p16, -0.01871796116724898)
let p14 = fma(z, p15, 0.026243884926262374)
let p13 = fma(z, p14, -0.032849584750655261)
let p12 = fma(z, p13, 0.03824521290759339)
let p11 = fma(z, p12, -0.042879089347665336)
let p10 = fma(z, p11, 0.047454411167129583)
let p9 = fma(z, p10, -0.052595699378612422)
let p8 = fma(z, p9, 0.058817438375664721)
let p7 = fma(z, p8, -0.066665879698112732)
let p6 = fma(z, p7, 0.076923001901152144)
let p5 = fma(z, p6, -0.090909085852979077)
let p4 = fma(z, p5, 0.11111111088465235)
let p3 = fma(z, p4, -0.14285714285101944)
let p2 = fma(z, p3, 0.19999999999991552)
let p1 = fma(z, p2, -0.33333333333333293)
let r = fma(u * z, p1, u)
)";
inline constexpr char kAtanPartsF32[] = R"(
let z = u * u
let p8 = fma(z, -0.00182422879, 0.0110512013)
let p7 = fma(z, p8, -0.0314311907)
let p6 = fma(z, p7, 0.0582100339)
let p5 = fma(z, p6, -0.0841802657)
let p4 = fma(z, p5, 0.109570831)
let p3 = fma(z, p4, -0.142651498)
let p2 = fma(z, p3, 0.199986294)
let p1 = fma(z, p2, -0.333333015)
let r = fma(u * z, p1, u)
)";

inline constexpr auto kAtanF64 = join(R"(
let t = abs(a)
let u = select(t > 1.0, 1.0, t) / select(t > 1.0, t, 1.0)
)", kAtanPartsF64, R"(
copysign(select(t > 1.0, 1.5707963267948966 - (r - 6.123233995736766e-17), r), a)
)");
inline constexpr auto kAtanF32 = join(R"(
let t = abs(a)
let u = select(t > 1.0, 1.0, t) / select(t > 1.0, t, 1.0)
)", kAtanPartsF32, R"(
copysign(select(t > 1.0, 1.57079637 - (r + 4.37113883e-8), r), a)
)");

// The smaller over the larger; 0/0 counts as 0 and inf/inf as 1, as in IEEE 754.
inline constexpr auto kAtan2F64 = join(R"(
let steep = abs(a) > abs(b)
let n = abs(select(steep, b, a))
let d = abs(select(steep, a, b))
let infinite = n == inf and d == inf
let u = select(infinite, 1.0, n) / select(infinite or d == 0.0, 1.0, d)
)", kAtanPartsF64, R"(
let s = select(steep, 1.5707963267948966 - (r - 6.123233995736766e-17), r)
copysign(select(bits(b) < 0, 3.1415926535897931 - (s - 1.2246467991473532e-16), s), a)
)");
inline constexpr auto kAtan2F32 = join(R"(
let steep = abs(a) > abs(b)
let n = abs(select(steep, b, a))
let d = abs(select(steep, a, b))
let infinite = n == inf and d == inf
let u = select(infinite, 1.0, n) / select(infinite or d == 0.0, 1.0, d)
)", kAtanPartsF32, R"(
let s = select(steep, 1.57079637 - (r + 4.37113883e-8), r)
copysign(select(bits(b) > 2147483647, 3.14159274 - (s + 8.74227766e-8), s), a)
)");

inline constexpr char kAsinPartsF64[] = R"(
let t = abs(a)
let large = t > 0.5
let z = select(large, fma(t, -0.5, 0.5), t * t)
let s = select(large, sqrt(z), t)
let p12 = fma(z, 0.032681972716163278, -0.021085297973907527)
let p11 = fma(z, p12, 0.021769091619944787)
let p10 = fma(z, p11, 0.0036807555242785893)
let p9 = fma(z, p10, 0.010787137014648559)
let p8 = fma(z, p9, 0.011397665547034671)
let p7 = fma(z, p8, 0.0139809754480764)
let p6 = fma(z, p7, 0.017351598852792097)
let p5 = fma(z, p6, 0.022372215735590242)
let p4 = fma(z, p5, 0.030381942680601862)
let p3 = fma(z, p4, 0.044642857175194582)
let p2 = fma(z, p3, 0.074999999999701666)
let p1 = fma(z, p2, 0.16666666666666763)
let w = s * z * p1
)";
inline constexpr auto kAsinF64 = join(kAsinPartsF64, R"(
let base = 1.5707963267948966 - (s + s)
let rest = (1.5707963267948966 - base) - (s + s) + 6.123233995736766e-17
copysign(select(large, base + (rest - (w + w)), s + w), a)
)");
inline constexpr auto kAcosF64 = join(kAsinPartsF64, R"(
let r = copysign(select(large, s + w + (s + w), s + w), a)
let outer = select(a < 0.0, 3.1415926535897931 + (r + 1.2246467991473532e-16), r)
select(large, outer, 1.5707963267948966 - (r - 6.123233995736766e-17))
)");
inline constexpr char kAsinPartsF32[] = R"(
let t = abs(a)
let large = t > 0.5
let z = select(large, fma(t, -0.5, 0.5), t * t)
let s = select(large, sqrt(z), t)
let p4 = fma(z, 0.0422186181, 0.0241490919)
let p3 = fma(z, p4, 0.0454764366)
let p2 = fma(z, p3, 0.0749525055)
let p1 = fma(z, p2, 0.166667536)
let w = s * z * p1
)";
inline constexpr auto kAsinF32 = join(kAsinPartsF32, R"(
let base = 1.57079637 - (s + s)
let rest = (1.57079637 - base) - (s + s) - 4.37113883e-8
copysign(select(large, base + (rest - (w + w)), s + w), a)
)");
inline constexpr auto kAcosF32 = join(kAsinPartsF32, R"(
let r = copysign(select(large, s + w + (s + w), s + w), a)
let outer = select(a < 0.0, 3.14159274 + (r - 8.74227766e-8), r)
select(large, outer, 1.57079637 - (r + 4.37113883e-8))
)");

// log(t + √(t² + 1)) = log(1 + q), q = t + t²/(1 + √(t² + 1)). Past 1e150, where t² would overflow, log(2t).
inline constexpr char kAsinhF64[] = R"(
let t = abs(a)
let huge = t > 1e150
let s = select(huge, 1.0, t)
let w = s * s / (1.0 + sqrt(fma(s, s, 1.0)))
let q = s + w
let u = 1.0 + q
let c = sum_error(1.0, q) + ((s - q) + w)
let y = log_sum(select(huge, t, u), select(huge, 0.0, c)) + select(huge, 0.6931471805599453, 0.0)
select(t < 1e-20, a, copysign(y, a))
)";
inline constexpr const char* kAsinhF32 = nullptr;

// log(a + √(a² - 1)) = log(1 + q), q = t + √(t² + 2t), t = a - 1; w1 is the error of the root w.
inline constexpr char kAcoshF64[] = R"(
let huge = a > 1e150
let t = select(huge, 1.0, a - 1.0)
let p = fma(t, t, t + t)
let w = sqrt(p)
let w1 = (fma(-w, w, p) + fma(t, t, t + t - p)) / (w + w + 1e-300)
let q = t + w
let c = sum_error(1.0, q) + (sum_error(t, w) + w1)
let y = log_sum(select(huge, a, 1.0 + q), select(huge, 0.0, c)) + select(huge, 0.6931471805599453, 0.0)
select(a < 1.0, nan, y)
)";
inline constexpr const char* kAcoshF32 = nullptr;

// ½ log(1 + q), q = 2t/(1 - t) with its rounding error.
inline constexpr char kAtanhF64[] = R"(
let t = abs(a)
let d = 1.0 - t
let v = 1.0 / d
let q = (t + t) * v
let q1 = v * fma(-q, (1.0 - d) - t, fma(-q, d, t + t))
let y = 0.5 * log_sum(1.0 + q, sum_error(1.0, q) + q1)
select(t < 1e-20, a, copysign(select(t == 1.0, inf, y), a))
)";
inline constexpr const char* kAtanhF32 = nullptr;

}  // namespace dlc
