// Big: a real number of 200 bits, the oracle that every other precision is measured against. A light value
// over MPFR: 48 bytes, trivially copyable, no allocation, every operation rounded to nearest.
//
//   Big x = Big(1) / 3;
//   double d = static_cast<double>(exp(x));      // e^(1/3), correctly rounded
//   Big e("1.5e-400");                           // decimal text, any number of digits
//
// The mathematical functions are found by argument-dependent lookup, under the names of the op table.
// All operations are thread safe and follow IEEE 754 at ±0, ±inf and nan; exponents reach ±2^30.
#pragma once
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace dlc {

class Big {
 public:
  static constexpr int kBits = 200;

  constexpr Big() = default;  // zero
  Big(double value);          // exact; NOLINT: implicit on purpose, `2 * x`
  Big(float value) : Big(static_cast<double>(value)) {}
  template <std::integral I>
  Big(I value) : Big(from_integer(static_cast<int64_t>(value))) {}  // exact
  /// Decimal text as in dlc ("0.1", "1e-400", "inf", "nan"); nan when it is not a number.
  explicit Big(std::string_view text);

  explicit operator double() const;   // correctly rounded, also to subnormals
  explicit operator float() const;    // correctly rounded from all 200 bits
  explicit operator int64_t() const;  // towards zero; saturates, and nan gives 0
  /// Scientific notation with `digits` significant digits: "1.0986122886681098e+0".
  std::string text(int digits = 17) const;

  /// The binary exponent: 2^(e-1) <= |x| < 2^e. Zero, inf and nan have none (INT64_MIN).
  int64_t exponent() const;
  bool signbit() const { return kind_ < 0; }

  Big operator-() const;
  Big operator+() const { return *this; }
  Big& operator+=(const Big& b) { return *this = *this + b; }
  Big& operator-=(const Big& b) { return *this = *this - b; }
  Big& operator*=(const Big& b) { return *this = *this * b; }
  Big& operator/=(const Big& b) { return *this = *this / b; }
  friend Big operator+(const Big& a, const Big& b);
  friend Big operator-(const Big& a, const Big& b);
  friend Big operator*(const Big& a, const Big& b);
  friend Big operator/(const Big& a, const Big& b);
  friend bool operator<(const Big& a, const Big& b);
  friend bool operator<=(const Big& a, const Big& b);
  friend bool operator>(const Big& a, const Big& b) { return b < a; }
  friend bool operator>=(const Big& a, const Big& b) { return b <= a; }
  friend bool operator==(const Big& a, const Big& b);
  friend bool operator!=(const Big& a, const Big& b) { return !(a == b); }

 private:
  friend struct BigAccess;  // big.cpp: the only place that knows MPFR
  static Big from_integer(int64_t value);

  static constexpr int kLimbs = 4;
  int64_t exponent_ = 0;
  int32_t kind_ = 2;  // MPFR's custom interface: 0 nan, 1 inf, 2 zero, 3 regular; negated for negative numbers
  uint64_t limbs_[kLimbs] = {};
};

Big exp(const Big&);
Big expm1(const Big&);
Big log(const Big&);
Big log1p(const Big&);
Big sqrt(const Big&);
Big rsqrt(const Big&);
Big cbrt(const Big&);
Big sin(const Big&);
Big cos(const Big&);
Big tan(const Big&);
Big asin(const Big&);
Big acos(const Big&);
Big atan(const Big&);
Big atan2(const Big& y, const Big& x);
Big sinh(const Big&);
Big cosh(const Big&);
Big tanh(const Big&);
Big asinh(const Big&);
Big acosh(const Big&);
Big atanh(const Big&);
Big erf(const Big&);
Big erfc(const Big&);
Big lgamma(const Big&);                  // log |Γ(x)|
Big digamma(const Big&);                 // at ±0 the pole's limit from that side, at -1, -2, … nan
Big polygamma(int64_t n, const Big& x);  // nth derivative of digamma, 0 <= n <= 200; at poles inf for odd n, else as digamma
Big pow(const Big& a, const Big& b);
Big hypot(const Big& a, const Big& b);
Big fma(const Big& a, const Big& b, const Big& c);
Big fmod(const Big& a, const Big& b);  // exact, sign of a
Big abs(const Big&);
Big sign(const Big&);  // -1, 0, 1; nan stays
Big max(const Big& a, const Big& b);  // nan if one is
Big min(const Big& a, const Big& b);
Big floor(const Big&);
Big ceil(const Big&);
Big trunc(const Big&);
Big round(const Big&);  // to nearest, ties to even
Big copysign(const Big& magnitude, const Big& sign);
Big ldexp(const Big&, int64_t exponent);  // x * 2^exponent
bool isnan(const Big&);
bool isinf(const Big&);
bool isfinite(const Big&);
bool signbit(const Big&);

}  // namespace dlc
