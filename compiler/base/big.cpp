// Big over MPFR's "custom interface", which lets a number's limbs live where we choose: inside the object.
// A View wraps a Big as an mpfr_t for the length of one call; an Out does so for a result.
#include "base/big.h"

#include <mpfr.h>

#include <cmath>
#include <limits>
#include <vector>

namespace dlc {

static_assert(sizeof(mp_limb_t) == 8 && (Big::kBits + 63) / 64 == 4, "Big stores its limbs inline");

struct BigAccess {
  /// MPFR never writes to an operand, so a read-only view may point at constant limbs.
  static void view(mpfr_t m, const Big& x) {
    mpfr_custom_init_set(m, x.kind_, x.exponent_, Big::kBits, const_cast<uint64_t*>(x.limbs_));
  }
  static void prepare(mpfr_t m, Big& x) {
    mpfr_custom_init_set(m, MPFR_ZERO_KIND, 0, Big::kBits, x.limbs_);
  }
  static void store(Big& x, const mpfr_t m) {
    x.kind_ = mpfr_custom_get_kind(m);
    x.exponent_ = mpfr_regular_p(m) ? mpfr_custom_get_exp(m) : 0;
  }
  static int32_t kind(const Big& x) { return x.kind_; }
};

namespace {

struct View {
  explicit View(const Big& x) { BigAccess::view(m, x); }
  operator mpfr_srcptr() const { return m; }
  mpfr_t m;
};

/// Runs `f(result, operands…, round to nearest)` on views.
template <class F, class... Operands>
Big apply(F f, const Operands&... operands) {
  Big result;
  mpfr_t r;
  BigAccess::prepare(r, result);
  f(r, static_cast<mpfr_srcptr>(View(operands))..., MPFR_RNDN);
  BigAccess::store(result, r);
  return result;
}

/// A periodic function wants π to as many bits as its argument's exponent says: of exp(exp(30)) that takes hours. No double comes
/// near; beyond, there is no value, as there is none of what is infinite in doubles.
template <class F>
Big periodic(F f, const Big& x) {
  constexpr mpfr_exp_t kLargest = 1 << 17;  // of an exponent
  const View view(x);
  const bool is_known = !mpfr_regular_p(view) || mpfr_get_exp(view) <= kLargest;
  return is_known ? apply(f, x) : Big(std::numeric_limits<double>::quiet_NaN());
}

/// A number of more bits than Big, for what MPFR lacks (polygamma): freed at the end of its scope.
class Wide {
 public:
  static constexpr mpfr_prec_t kWideBits = 420;
  Wide() { mpfr_init2(m_, kWideBits), mpfr_set_zero(m_, 1); }
  explicit Wide(int64_t value) : Wide() { mpfr_set_si(m_, value, MPFR_RNDN); }
  explicit Wide(const Big& x) : Wide() {
    const View source(x);  // named: mpfr_set is a macro with statements of its own, a temporary would not live long enough
    mpfr_set(m_, source, MPFR_RNDN);
  }
  Wide(const Wide& other) : Wide() { mpfr_set(m_, other.m_, MPFR_RNDN); }
  Wide& operator=(const Wide& other) {
    mpfr_set(m_, other.m_, MPFR_RNDN);
    return *this;
  }
  ~Wide() { mpfr_clear(m_); }
  mpfr_ptr get() { return m_; }
  mpfr_srcptr get() const { return m_; }
  Big round() const {
    Big result;
    mpfr_t r;
    BigAccess::prepare(r, result);
    mpfr_set(r, m_, MPFR_RNDN);
    BigAccess::store(result, r);
    return result;
  }
  friend Wide operator+(const Wide& a, const Wide& b) { return combine(mpfr_add, a, b); }
  friend Wide operator-(const Wide& a, const Wide& b) { return combine(mpfr_sub, a, b); }
  friend Wide operator*(const Wide& a, const Wide& b) { return combine(mpfr_mul, a, b); }
  friend Wide operator/(const Wide& a, const Wide& b) { return combine(mpfr_div, a, b); }
  /// a^n, n of any sign.
  Wide power(int64_t n) const {
    Wide r;
    mpfr_pow_si(r.m_, m_, n, MPFR_RNDN);
    return r;
  }

 private:
  static Wide combine(int (*f)(mpfr_ptr, mpfr_srcptr, mpfr_srcptr, mpfr_rnd_t), const Wide& a, const Wide& b) {
    Wide r;
    f(r.m_, a.m_, b.m_, MPFR_RNDN);
    return r;
  }
  mpfr_t m_;
};

constexpr int kBernoulliTerms = 60;

/// B_2j / (2j)! for j = 1 … 60, from ζ(2j): B_2j / (2j)! = (-1)^(j+1) 2 ζ(2j) / (2π)^2j.
const std::vector<Wide>& bernoulli_over_factorial() {
  static const std::vector<Wide> table = [] {
    std::vector<Wide> values(kBernoulliTerms + 1);
    Wide two_pi;
    mpfr_const_pi(two_pi.get(), MPFR_RNDN);
    two_pi = two_pi + two_pi;
    for (int j = 1; j <= kBernoulliTerms; ++j) {
      Wide zeta;
      mpfr_zeta_ui(zeta.get(), static_cast<unsigned long>(2 * j), MPFR_RNDN);
      values[static_cast<size_t>(j)] = Wide(j % 2 ? 2 : -2) * zeta / two_pi.power(2 * j);
    }
    return values;
  }();
  return table;
}

/// Hurwitz ζ(s, x) = Σ_k (x+k)^-s for integer s >= 2 and x > 0 by Euler–Maclaurin: N terms are summed so that
/// z = x+N >= 50 + s, where the asymptotic series in z is good for more than Wide's bits.
Wide hurwitz_zeta(int64_t s, const Wide& x) {
  Wide z = x, sum;
  while (mpfr_cmp_si(z.get(), 50 + s) < 0) {
    sum = sum + z.power(-s);
    z = z + Wide(1);
  }
  const Wide z_to_minus_s = z.power(-s);
  sum = sum + z_to_minus_s * z / Wide(s - 1) + z_to_minus_s / Wide(2);
  Wide rising = Wide(s), power = z_to_minus_s / z;  // s(s+1)…(s+2j-2) and z^(-s-2j+1)
  for (int j = 1; j <= kBernoulliTerms; ++j) {
    sum = sum + bernoulli_over_factorial()[static_cast<size_t>(j)] * rising * power;
    rising = rising * Wide(s + 2 * j - 1) * Wide(s + 2 * j);
    power = power / (z * z);
  }
  return sum;
}

/// π^(n+1) P_n(cot πx) = d^n/dx^n of π cot πx, with P_0 = c and P_{n+1} = -(1 + c²) P_n'. For real c the
/// coefficients of one P_n all have one sign and one parity, so evaluating it loses nothing.
Wide cotangent_derivative(int64_t n, const Big& x) {
  std::vector<Wide> p{Wide(0), Wide(1)};
  for (int64_t k = 0; k < n; ++k) {
    std::vector<Wide> next(p.size() + 1);
    for (size_t i = 1; i < p.size(); ++i) {
      const Wide term = Wide(-static_cast<int64_t>(i)) * p[i];
      next[i - 1] = next[i - 1] + term;
      next[i + 1] = next[i + 1] + term;
    }
    p = next;
  }
  Wide pi, cotangent;
  mpfr_const_pi(pi.get(), MPFR_RNDN);
  const Wide angle = pi * Wide(x - round(x));  // exact reduction: cot has period π
  mpfr_cot(cotangent.get(), angle.get(), MPFR_RNDN);
  Wide sum;
  for (size_t i = p.size(); i-- > 0;) sum = sum * cotangent + p[i];
  return sum * pi.power(n + 1);
}

}  // namespace

Big::Big(double value) {
  mpfr_t r;
  BigAccess::prepare(r, *this);
  mpfr_set_d(r, value, MPFR_RNDN);
  BigAccess::store(*this, r);
}

Big Big::from_integer(int64_t value) {
  Big result;
  mpfr_t r;
  BigAccess::prepare(r, result);
  mpfr_set_si(r, value, MPFR_RNDN);
  BigAccess::store(result, r);
  return result;
}

Big::Big(std::string_view text) {
  std::string digits;
  for (char c : text)
    if (c != '_') digits += c;
  mpfr_t r;
  BigAccess::prepare(r, *this);
  if (digits.empty() || mpfr_set_str(r, digits.c_str(), 10, MPFR_RNDN) != 0) mpfr_set_nan(r);
  BigAccess::store(*this, r);
}

Big::operator double() const { return mpfr_get_d(View(*this), MPFR_RNDN); }
Big::operator float() const { return mpfr_get_flt(View(*this), MPFR_RNDN); }
Big::operator int64_t() const {
  return isnan(*this) ? 0 : static_cast<int64_t>(mpfr_get_sj(View(*this), MPFR_RNDZ));
}

std::string Big::text(int digits) const {
  char buffer[160];
  const int shown = digits < 1 ? 1 : digits > 100 ? 100 : digits;
  mpfr_snprintf(buffer, sizeof buffer, "%.*Re", shown - 1, static_cast<mpfr_srcptr>(View(*this)));
  return buffer;
}

int64_t Big::exponent() const {
  const int32_t kind = kind_ < 0 ? -kind_ : kind_;
  return kind == MPFR_REGULAR_KIND ? exponent_ : std::numeric_limits<int64_t>::min();
}

Big Big::operator-() const {
  Big result = *this;
  result.kind_ = -result.kind_;
  return result;
}

Big operator+(const Big& a, const Big& b) { return apply(mpfr_add, a, b); }
Big operator-(const Big& a, const Big& b) { return apply(mpfr_sub, a, b); }
Big operator*(const Big& a, const Big& b) { return apply(mpfr_mul, a, b); }
Big operator/(const Big& a, const Big& b) { return apply(mpfr_div, a, b); }
bool operator<(const Big& a, const Big& b) { return mpfr_less_p(View(a), View(b)) != 0; }
bool operator<=(const Big& a, const Big& b) { return mpfr_lessequal_p(View(a), View(b)) != 0; }
bool operator==(const Big& a, const Big& b) { return mpfr_equal_p(View(a), View(b)) != 0; }

Big exp(const Big& x) { return apply(mpfr_exp, x); }
Big expm1(const Big& x) { return apply(mpfr_expm1, x); }
Big log(const Big& x) { return apply(mpfr_log, x); }
Big log1p(const Big& x) { return apply(mpfr_log1p, x); }
Big sqrt(const Big& x) { return apply(mpfr_sqrt, x); }
Big rsqrt(const Big& x) { return x == 0 ? 1 / x : apply(mpfr_rec_sqrt, x); }  // -inf at -0, as IEEE 754
Big cbrt(const Big& x) { return apply(mpfr_cbrt, x); }
Big sin(const Big& x) { return periodic(mpfr_sin, x); }
Big cos(const Big& x) { return periodic(mpfr_cos, x); }
Big tan(const Big& x) { return periodic(mpfr_tan, x); }
Big asin(const Big& x) { return apply(mpfr_asin, x); }
Big acos(const Big& x) { return apply(mpfr_acos, x); }
Big atan(const Big& x) { return apply(mpfr_atan, x); }
Big atan2(const Big& y, const Big& x) { return apply(mpfr_atan2, y, x); }
Big sinh(const Big& x) { return apply(mpfr_sinh, x); }
Big cosh(const Big& x) { return apply(mpfr_cosh, x); }
Big tanh(const Big& x) { return apply(mpfr_tanh, x); }
Big asinh(const Big& x) { return apply(mpfr_asinh, x); }
Big acosh(const Big& x) { return apply(mpfr_acosh, x); }
Big atanh(const Big& x) { return apply(mpfr_atanh, x); }
Big erf(const Big& x) { return apply(mpfr_erf, x); }
Big erfc(const Big& x) { return apply(mpfr_erfc, x); }
Big digamma(const Big& x) { return apply(mpfr_digamma, x); }
Big pow(const Big& a, const Big& b) { return apply(mpfr_pow, a, b); }
Big hypot(const Big& a, const Big& b) { return apply(mpfr_hypot, a, b); }
Big fma(const Big& a, const Big& b, const Big& c) { return apply(mpfr_fma, a, b, c); }
Big fmod(const Big& a, const Big& b) { return apply(mpfr_fmod, a, b); }
Big floor(const Big& x) { return apply(mpfr_rint_floor, x); }
Big ceil(const Big& x) { return apply(mpfr_rint_ceil, x); }
Big trunc(const Big& x) { return apply(mpfr_rint_trunc, x); }
Big round(const Big& x) { return apply(mpfr_rint, x); }

Big lgamma(const Big& x) {
  int sign_of_gamma = 0;
  return apply([&](mpfr_ptr r, mpfr_srcptr v, mpfr_rnd_t mode) { return mpfr_lgamma(r, &sign_of_gamma, v, mode); }, x);
}

// ψ_n(x) = (-1)^(n+1) n! ζ(n+1, x) for x > 0, and for x < 0 the reflection
// ψ_n(x) = (-1)^n ψ_n(1-x) - d^n/dx^n (π cot πx).
Big polygamma(int64_t n, const Big& x) {
  constexpr int64_t kHighestOrder = 200;
  const Big nan(std::numeric_limits<double>::quiet_NaN()), inf(std::numeric_limits<double>::infinity());
  if (n == 0) return digamma(x);
  if (n < 0 || n > kHighestOrder || isnan(x)) return nan;
  if (isinf(x)) return x < 0 ? nan : Big(0);
  if (x == 0) return n % 2 || x.signbit() ? inf : -inf;  // (-1)^(n+1) n! / x^(n+1)
  if (x < 0 && x == floor(x)) return n % 2 ? inf : nan;  // the same pole, whose side is unknown
  const bool reflect = x < 0;
  Wide factorial(1);
  for (int64_t k = 2; k <= n; ++k) factorial = factorial * Wide(k);
  const Wide argument = reflect ? Wide(1) - Wide(x) : Wide(x);
  Wide value = factorial * hurwitz_zeta(n + 1, argument);
  if (n % 2 == 0) value = Wide(0) - value;
  if (!reflect) return value.round();
  if (n % 2) value = Wide(0) - value;
  return (value - cotangent_derivative(n, x)).round();
}

Big abs(const Big& x) { return x.signbit() ? -x : x; }
Big sign(const Big& x) { return x > 0 ? Big(1) : x < 0 ? Big(-1) : isnan(x) ? x : Big(0); }
Big max(const Big& a, const Big& b) { return a > b || isnan(a) ? a : b; }
Big min(const Big& a, const Big& b) { return a < b || isnan(a) ? a : b; }
Big copysign(const Big& magnitude, const Big& sign) { return magnitude.signbit() == sign.signbit() ? magnitude : -magnitude; }
Big ldexp(const Big& x, int64_t exponent) {
  return apply([&](mpfr_ptr r, mpfr_srcptr v, mpfr_rnd_t mode) { return mpfr_mul_2si(r, v, exponent, mode); }, x);
}
bool isnan(const Big& x) { return BigAccess::kind(x) == MPFR_NAN_KIND; }
bool isinf(const Big& x) { return std::abs(BigAccess::kind(x)) == MPFR_INF_KIND; }
bool isfinite(const Big& x) { return std::abs(BigAccess::kind(x)) >= MPFR_ZERO_KIND; }
bool signbit(const Big& x) { return x.signbit(); }

}  // namespace dlc
