// The functions that meanings of rows call, beside those of Big (base/big.h). A `double` or `float` without an
// overload here converts to Big: its meaning is then the correctly rounded one, slow but exact, which is what an
// oracle is for. What IEEE arithmetic does exactly anyway is done natively, because native code runs it too.
// std::complex has exp, log, sin, … of its own (found by its namespace); here is what it lacks. They are used for the
// complex step, x + ih with tiny h, so the imaginary part must not be lost next to the real one.
#pragma once
#include <cmath>
#include <complex>
#include <limits>

#include "ops/number.h"

namespace dlc::meaning {

// ---- arithmetic; ints wrap around
inline int64_t wrap(uint64_t x) { return static_cast<int64_t>(x); }
inline uint64_t unwrap(int64_t x) { return static_cast<uint64_t>(x); }
template <class T> T add(T a, T b) { return a + b; }
template <class T> T sub(T a, T b) { return a - b; }
template <class T> T mul(T a, T b) { return a * b; }
template <class T> T neg(T a) { return -a; }
inline int64_t add(int64_t a, int64_t b) { return wrap(unwrap(a) + unwrap(b)); }
inline int64_t sub(int64_t a, int64_t b) { return wrap(unwrap(a) - unwrap(b)); }
inline int64_t mul(int64_t a, int64_t b) { return wrap(unwrap(a) * unwrap(b)); }
inline int64_t neg(int64_t a) { return wrap(0 - unwrap(a)); }

/// Philox4x32-10 as its authors wrote it: words of the counter, in order, and of the key.
inline int64_t philox(int64_t key, int64_t counter) {
  uint32_t c[4] = {static_cast<uint32_t>(counter), static_cast<uint32_t>(unwrap(counter) >> 32), 0, 0};
  uint32_t k[2] = {static_cast<uint32_t>(key), static_cast<uint32_t>(unwrap(key) >> 32)};
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t{0xD2511F53} * c[0], q = uint64_t{0xCD9E8D57} * c[2];
    const uint32_t next[4] = {static_cast<uint32_t>(q >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(q),
                              static_cast<uint32_t>(p >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p)};
    for (int i = 0; i < 4; ++i) c[i] = next[i];
    k[0] += 0x9E3779B9, k[1] += 0xBB67AE85;
  }
  return wrap(uint64_t{c[1]} << 32 | c[0]);
}

/// Quotient and remainder towards zero. Division by 0 gives 0 and leaves a; the smallest int by -1 wraps.
inline int64_t quotient(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? neg(a) : a / b; }
inline int64_t remainder(int64_t a, int64_t b) { return b == 0 ? a : b == -1 ? 0 : a % b; }
inline int64_t floor_div(int64_t a, int64_t b) {
  const int64_t q = quotient(a, b);
  return b != 0 && remainder(a, b) != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

template <Native T> T sqrt(T x) { return std::sqrt(x); }
template <Native T> T floor(T x) { return std::floor(x); }
template <Native T> T ceil(T x) { return std::ceil(x); }
template <Native T> T trunc(T x) { return std::trunc(x); }
inline int64_t trunc(int64_t x) { return x; }
template <Native T> T round(T x) { return std::nearbyint(x); }
template <Native T> T fma(T a, T b, T c) { return std::fma(a, b, c); }
template <Native T> T copysign(T a, T b) { return std::copysign(a, b); }
template <Native T> T abs(T x) { return std::abs(x); }
inline int64_t abs(int64_t x) { return x < 0 ? neg(x) : x; }
template <Number T> T sign(T x) { return x > T(0) ? T(1) : x < T(0) ? T(-1) : x == T(0) ? T(0) : x; }
template <Number T> T max(T a, T b) { return a > b || a != a ? a : b; }
template <Number T> T min(T a, T b) { return a < b || a != a ? a : b; }
template <class T> T select(T c, T a, T b) { return c != T(0) ? a : b; }

/// The remainder with the sign of b, from the exact remainder with the sign of a.
inline Big mod(const Big& a, const Big& b) {
  if (isinf(b) && isfinite(a)) return a == 0 || a.signbit() == b.signbit() ? a : b;
  const Big r = fmod(a, b);
  return r != 0 && r.signbit() != b.signbit() ? r + b : r;
}
inline int64_t mod(int64_t a, int64_t b) { return b == 0 ? a : sub(a, mul(floor_div(a, b), b)); }

// ---- functions that Big has not
inline Big sigmoid(const Big& x) { return 1 / (1 + exp(-x)); }
inline Big softplus(const Big& x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
/// x·sigmoid(x), with the limit 0 at -inf.
inline Big silu(const Big& x) { return isinf(x) ? max(x, Big(0)) : x * sigmoid(x); }
/// x·Φ(x), with the limit 0 at -inf.
inline Big gelu(const Big& x) { return isinf(x) ? max(x, Big(0)) : x * erfc(-x / sqrt(Big(2))) / 2; }
inline Big exp_neg_square(const Big& x) { return exp(-(x * x)); }
inline Big xlogy(const Big& x, const Big& y) { return x == 0 && !isnan(y) ? Big(0) : x * log(y); }
/// x + y minus its rounded value; the exact types never round.
template <Native T> T sum_error(T x, T y) {
  const T sum = x + y, part = sum - x;
  return (x - (sum - part)) + (y - part);
}
inline Big sum_error(const Big& x, const Big& y) { return (x + y) - (x + y); }
/// log(x + y), the sum not rounded: what log1p is built from.
inline Big log_sum(const Big& x, const Big& y) { return log(x + y); }
/// What rounding takes from log x; the types that never round to double lose nothing they could tell.
inline Big log_low(const Big& x) { return log(x) - Big(static_cast<double>(log(x))); }

// ---- complex
using dlc::atan2, dlc::cbrt, dlc::expm1, dlc::hypot, dlc::log1p, dlc::rsqrt;  // next to the overloads here
template <Complex T> T expm1(T z) {
  const double s = std::sin(z.imag() / 2), e = std::exp(z.real());
  return {std::expm1(z.real()) * std::cos(z.imag()) - 2 * s * s, e * std::sin(z.imag())};
}
template <Complex T> T log1p(T z) {
  const double x = z.real(), y = z.imag();
  return {0.5 * std::log1p(x * (2 + x) + y * y), std::atan2(y, 1 + x)};
}
template <Complex T> T rsqrt(T z) { return 1.0 / std::sqrt(z); }
template <Complex T> T cbrt(T z) { return z.real() < 0 ? -std::pow(-z, 1.0 / 3) : std::pow(z, 1.0 / 3); }
template <Complex T> T atan2(T y, T x) {
  const double angle = std::atan2(y.real(), x.real());  // the branch; the rest is arctan of a small quotient
  const double c = std::cos(angle), s = std::sin(angle);
  return angle + std::atan((y * c - x * s) / (x * c + y * s));
}
template <Complex T> T hypot(T a, T b) { return std::sqrt(a * a + b * b); }
template <Complex T> T fma(T a, T b, T c) { return a * b + c; }
template <Complex T> T sigmoid(T z) {
  if (z.real() >= 0) return 1.0 / (1.0 + std::exp(-z));
  const T e = std::exp(z);
  return e / (1.0 + e);
}
template <Complex T> T softplus(T z) { return z.real() > 0 ? z + log1p(std::exp(-z)) : log1p(std::exp(z)); }
template <Complex T> T silu(T z) { return z * sigmoid(z); }
template <Complex T> T exp_neg_square(T z) { return std::exp(-z * z); }
template <Complex T> T xlogy(T x, T y) { return x == 0.0 && y == 0.0 ? 0.0 : x * std::log(y); }

}  // namespace dlc::meaning
