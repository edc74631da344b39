// See samples.h.
#include "tests/ops/samples.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "ops/rule_parser.h"

namespace dlc::test {
namespace {

using Random = std::mt19937_64;

DType operand_dtype(const Op& row, int k, DType self) {
  const RuleType own = self == DType::f32 ? RuleType::f32 : self == DType::f64 ? RuleType::f64 : RuleType::i64;
  return resolve(operand_type(row.type, k, own), self);
}

template <class T>
std::vector<double> float_edges() {
  using L = std::numeric_limits<T>;
  std::vector<double> values{0.0, 1, 2, 0.5, L::infinity(), L::max(), L::min(), L::denorm_min(), L::min() / T(3), L::epsilon(),
                             T(1) + L::epsilon(), T(1) - L::epsilon() / 2, std::sqrt(L::max()), std::sqrt(L::min()), T(1e5), T(0.1)};
  const size_t n = values.size();
  for (size_t i = 0; i < n; ++i) values.push_back(-values[i]);
  values.push_back(L::quiet_NaN());
  return values;
}

/// A float of any magnitude: random bits, so that all exponents are equally likely.
double any_float(DType dtype, Random& random) {
  for (;;) {
    const double v = dtype == DType::f64 ? std::bit_cast<double>(random())
                                         : static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(random())));
    if (std::isfinite(v)) return v;
  }
}

Scalar typed(DType dtype, double v) {
  switch (dtype) {
    case DType::f64: return Scalar::of(v);
    case DType::f32: return Scalar::of(static_cast<float>(v));
    case DType::b1: return Scalar::of(v > 0);
    default: return Scalar::of(v).converted(DType::i64);
  }
}

int64_t any_int(Random& random) { return static_cast<int64_t>(random()) >> (random() % 64); }

struct Sampler {
  const Op& row;
  DType self;
  Random random{20240229};

  DType dtype(int k) const { return operand_dtype(row, k, self); }
  /// Ints beside floats are orders and exponents: small.
  bool is_small_int(int k) const { return dtype(k) == DType::i64 && self != DType::i64; }
  bool is_order(int k) const { return is_small_int(k) && row.type == TypeRule::int_float; }

  Scalar from_domain(int k) {
    const double u = std::uniform_real_distribution<>(row.domain[0], row.domain[1])(random);
    if (is_order(k)) return Scalar::of(static_cast<int64_t>(random() % 7));
    if (is_small_int(k)) return Scalar::of(static_cast<int64_t>(random() % 25) - 12);
    if (dtype(k) == DType::i64) return Scalar::of(static_cast<int64_t>(u));
    if (dtype(k) == DType::b1) return Scalar::of((random() & 1) != 0);
    return typed(dtype(k), u);
  }
  Scalar from_anywhere(int k) {
    if (is_order(k) || dtype(k) == DType::b1) return from_domain(k);
    if (is_small_int(k)) return Scalar::of(static_cast<int64_t>(random() % 2000) - 1000);
    if (dtype(k) == DType::i64) return Scalar::of(any_int(random));
    return typed(dtype(k), any_float(self, random));
  }
  std::vector<Scalar> edges(int k) const {
    if (dtype(k) == DType::b1) return {Scalar::of(false), Scalar::of(true)};
    std::vector<Scalar> out;
    if (is_order(k)) {
      for (int64_t v : {0, 1, 2, 3, 5, -1}) out.push_back(Scalar::of(v));
    } else if (dtype(k) == DType::i64) {
      const int64_t most = std::numeric_limits<int64_t>::max(), least = std::numeric_limits<int64_t>::min();
      for (int64_t v : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{2}, int64_t{-2}, int64_t{3}, int64_t{63}, int64_t{1} << 53, most, least})
        out.push_back(Scalar::of(v));
    } else {
      for (double v : self == DType::f64 ? float_edges<double>() : float_edges<float>()) out.push_back(typed(self, v));
    }
    if (!is_order(k)) {
      for (double v : row.special) out.push_back(typed(dtype(k), v));
      for (double v : row.domain) out.push_back(typed(dtype(k), v));
    }
    return out;
  }
  template <class F>
  Point make(F f) {
    Point p;
    p.n = row.arity;
    for (int k = 0; k < p.n; ++k) p.x[static_cast<size_t>(k)] = f(k);
    return p;
  }
};

void add_edges(Sampler& s, std::vector<Point>& points) {
  std::vector<std::vector<Scalar>> pools;
  for (int k = 0; k < s.row.arity; ++k) pools.push_back(s.edges(k));
  if (s.row.arity <= 2) {
    for (const Scalar& a : pools[0]) {
      if (s.row.arity == 1) points.push_back({{a}, 1});
      else
        for (const Scalar& b : pools[1]) points.push_back({{a, b}, 2});
    }
    return;
  }
  for (int i = 0; i < 1500; ++i)
    points.push_back(s.make([&](int k) { return pools[static_cast<size_t>(k)][s.random() % pools[static_cast<size_t>(k)].size()]; }));
}

template <class T>
double ulp_error_of(T native, const Big& exact) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  if (isnan(exact) || std::isnan(native)) return isnan(exact) && std::isnan(native) ? 0 : kInf;
  const T rounded = static_cast<T>(exact);
  if (native == rounded) return 0;
  if (isinf(exact)) return kInf;
  Big value = native;
  if (std::isinf(native)) value = ldexp(Big(native > 0 ? 1 : -1), std::numeric_limits<T>::max_exponent);
  return static_cast<double>(abs(value - exact) / ulp_of(sizeof(T) == 8 ? DType::f64 : DType::f32, exact));
}

}  // namespace

Big to_big(const Scalar& s) {
  if (s.dtype == DType::f64) return s.f64;
  if (s.dtype == DType::f32) return s.f32;
  return s.i64;
}

std::string text(const Scalar& s) {
  char buffer[40];
  if (s.dtype == DType::b1) return s.i64 != 0 ? "true" : "false";
  if (s.dtype == DType::i64) return std::to_string(s.i64);
  std::snprintf(buffer, sizeof buffer, s.dtype == DType::f64 ? "%.17g" : "%.9g", s.as_f64());
  return buffer;
}

std::string text(const Point& p) {
  std::string out = "(";
  for (int k = 0; k < p.n; ++k) out += (k > 0 ? ", " : "") + text(p.x[static_cast<size_t>(k)]);
  return out + ")";
}

std::vector<OpId> elementwise_ops() {
  std::vector<OpId> ops;
  for (int i = 0; i < n_ops(); ++i)
    if (op_row(OpId{i}).kind == OpKind::elementwise) ops.push_back(OpId{i});
  return ops;
}

bool accepts(OpId op, DType self) {
  switch (op_row(op).type) {
    case TypeRule::integer:
    case TypeRule::logic:
    case TypeRule::from_bits64:
    case TypeRule::from_bits32: return self == DType::i64;
    case TypeRule::to_key:
    case TypeRule::key_bits: return false;  // no numbers
    case TypeRule::same_number:
    case TypeRule::compare:
    case TypeRule::select: return self != DType::b1;
    default: return is_float(self);
  }
}

std::vector<Point> all_points(OpId op, DType self, int n_random) {
  Sampler s{op_row(op), self};
  std::vector<Point> points;
  add_edges(s, points);
  for (int i = 0; i < n_random; ++i) points.push_back(s.make([&](int k) { return s.from_domain(k); }));
  for (int i = 0; i < n_random; ++i) points.push_back(s.make([&](int k) { return s.from_anywhere(k); }));
  if (s.row.arity == 2)
    for (int i = 0; i < n_random; ++i) points.push_back(s.make([&](int k) { return k == i % 2 ? s.from_domain(k) : s.from_anywhere(k); }));
  return points;
}

std::vector<Point> domain_points(OpId op, DType self, int n_random) {
  Sampler s{op_row(op), self};
  std::vector<Point> points;
  for (int i = 0; i < n_random; ++i) points.push_back(s.make([&](int k) { return s.from_domain(k); }));
  return points;
}

double ulp_error(const Scalar& native, const Big& exact) {
  if (native.dtype == DType::f64) return ulp_error_of(native.f64, exact);
  if (native.dtype == DType::f32) return ulp_error_of(native.f32, exact);
  return to_big(native) == exact ? 0 : std::numeric_limits<double>::infinity();
}

Big ulp_of(DType dtype, const Big& x) {
  const bool wide = dtype == DType::f64;
  const int64_t smallest = wide ? -1074 : -149, digits = wide ? 53 : 24;
  if (x == 0 || !isfinite(x)) return ldexp(Big(1), smallest);
  return ldexp(Big(1), std::max(x.exponent() - digits, smallest));
}

}  // namespace dlc::test
