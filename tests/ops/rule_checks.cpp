// See rule_checks.h.
#include "tests/ops/rule_checks.h"

#include <cmath>
#include <limits>

#include "ops/rule_parser.h"

namespace dlc::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// docs/derivatives.md, "Conventions"; `dlc explain kinks` prints them.
constexpr Kink kKinks[] = {
    {"relu", 0, {0}, 0},
    {"leaky_relu", 0, {0, 0.25}, 0.25},
    {"leaky_relu", 1, {0, 0.25}, 0},
    {"abs", 0, {0}, 0},
    {"max", 0, {2, 2}, 0.5},
    {"max", 1, {2, 2}, 0.5},
    {"max", 0, {kInf, kInf}, 0.5},
    {"min", 0, {2, 2}, 0.5},
    {"min", 1, {2, 2}, 0.5},
    {"clamp", 0, {1, 1, 3}, 1},
    {"clamp", 1, {1, 1, 3}, 0},
    {"clamp", 0, {3, 1, 3}, 1},
    {"clamp", 2, {3, 1, 3}, 0},
    {"clamp", 1, {0, 3, 1}, 0},
    {"clamp", 1, {0, 1, 1}, 1},
    {"clamp", 2, {0, 1, 1}, 0},
    {"clamp", 2, {0, 3, 1}, 1},
    {"clamp", 2, {2, 1, 1}, 1},
    {"sqrt", 0, {0}, kInf},
    {"cbrt", 0, {0}, kInf},
    {"log", 0, {0}, kInf},
    {"hypot", 0, {0, 0}, 0},
    {"hypot", 1, {0, 0}, 0},
    {"hypot", 0, {3, 0}, 1},
    {"hypot", 1, {3, 0}, 0},
    {"atan2", 0, {0, 0}, 0},
    {"atan2", 1, {0, 0}, 0},
    {"pow", 0, {2, 0}, 0},
    {"pow", 0, {0, 0}, 0},
    {"pow", 0, {0, 1}, 1},
    {"pow", 0, {0, 2}, 0},
    {"pow", 0, {0, 0.25}, kInf},
    {"pow", 0, {0, 0.75}, kInf},
    {"pow", 1, {0, 0}, 0},
    {"pow", 1, {0, 2}, 0},
    {"pow", 1, {0, -1}, -kInf},
    {"pow", 1, {kInf, -1}, 0},
    {"pow", 0, {kInf, 0.25}, 0},
    {"pow", 0, {-2, 3}, 12},
    {"pow", 0, {-1, 16777218}, -16777218},
    {"pow", 0, {0x1p-100, 2}, 0x1p-99},
    {"powi", 0, {2, 0}, 0},
    {"powi", 0, {0, 0}, 0},
    {"powi", 0, {0, 1}, 1},
    {"powi", 0, {0, 2}, 0},
    {"powi", 0, {-2, 3}, 12},
    {"xlogy", 0, {0, 1}, 0},
    {"xlogy", 0, {0, 0}, -kInf},
    {"xlogy", 1, {0, 0}, 0},
    {"xlogy", 1, {2, 0}, kInf},
    {"xlogy", 1, {0, 2}, 0},
    {"gated_mul", 0, {0, 2}, 2},
    {"gated_mul", 1, {0, 2}, 0},
    {"select", 1, {1, 5, kInf}, 1},
    {"select", 1, {0, 5, kInf}, 0},
    {"select", 2, {1, 5, kInf}, 0},
    {"select", 2, {0, 5, kInf}, 1},
};

// Points where a rule decides by a condition although the op is smooth there: its second derivative must be right too.
struct SmoothPoint {
  const char* op;
  double x[3];
};
constexpr SmoothPoint kSmoothPoints[] = {
    {"pow", {2, 0}}, {"powi", {2, 0}}, {"powi", {0, 3}}, {"xlogy", {0, 2}}, {"gated_mul", {0, 2}}, {"hypot", {3, 0}},
    {"hypot", {0, 3}}, {"atan2", {0, 2}}, {"atan2", {2, 0}}, {"clamp", {2, 1, 3}}, {"clamp", {0, 1, 3}}, {"clamp", {4, 1, 3}},
    {"clamp", {0, 3, 1}}, {"clamp", {2, 3, 1}}, {"silu", {0}}, {"gelu", {0}}, {"tanh", {0}}, {"softplus", {0}},
};

Scalar typed(DType dtype, double v) { return Scalar::of(v).converted(dtype); }

Point typed_point(OpId op, DType self, const double* x) {
  Point p;
  p.n = op_row(op).arity;
  const RuleType own = self == DType::f32 ? RuleType::f32 : RuleType::f64;
  for (int k = 0; k < p.n; ++k) p.x[static_cast<size_t>(k)] = typed(resolve(operand_type(op_row(op).type, k, own), self), x[k]);
  return p;
}

std::vector<Big> to_bigs(const Point& p) {
  std::vector<Big> x;
  for (const Scalar& s : p.span()) x.push_back(to_big(s));
  return x;
}

/// Central difference along operand j. The step makes its error 2^-110 or so of a smooth function's size.
template <class F>
Big difference(F f, std::vector<Big> x, int j) {
  const size_t at = static_cast<size_t>(j);
  const Big x0 = x[at], h = ldexp(max(abs(x0), Big(1) / 1024), -60);
  x[at] = x0 + h;
  const Big above = f(x);
  x[at] = x0 - h;
  return (above - f(x)) / (2 * h);
}

/// Equal to about 1e-20 of the larger, or of 1 where both are tiny beside it.
bool is_close(const Big& a, const Big& b) {
  if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
  return a == b || abs(a - b) <= ldexp(max(max(abs(a), abs(b)), Big(1e-6)), -66);
}

bool is_moved(OpId op, int j) {
  const TypeRule type = op_row(op).type;
  return operand_type(type, j, RuleType::self) == RuleType::self && type != TypeRule::to_int;
}

std::string failure(const char* what, const Point& p, const std::string& got, const std::string& wanted) {
  return std::string(what) + " at " + text(p) + ": " + got + ", not " + wanted;
}

/// The derivative's sign differs at 1/8 or 1/64 to either side of the point in some operand.
bool is_near_root(OpId op, const Rule& truth, const std::vector<Big>& x) {
  for (size_t k = 0; k < x.size(); ++k) {
    if (!is_moved(op, static_cast<int>(k))) continue;
    const auto at = [&](const Big& factor) {
      std::vector<Big> moved = x;
      moved[k] = x[k] * factor;
      return walk_rule(BigMath{}, truth, DType::f64, moved, evaluate_meaning(op, moved), Big(1));
    };
    for (int side : {8, 64})
      if (!(at(1 + Big(1) / side) * at(1 - Big(1) / side) > 0)) return true;
  }
  return false;
}

/// Not so: nan, subnormal and infinite operands (check_kinks has those), -0, whose sign is not preserved, ints next to
/// overflow, an overflow of y itself.
bool is_ordinary(const Point& p, DType self, const Scalar& y) {
  if (std::isinf(y.as_f64())) return false;
  for (const Scalar& s : p.span()) {
    const double v = std::abs(s.as_f64());
    if (!std::isfinite(v) || (v == 0 && std::signbit(s.as_f64())) || (s.dtype == DType::i64 && v > 1e15) || (v != 0 && v < (self == DType::f32 ? 1.2e-38 : 2.3e-308))) return false;
  }
  return true;
}

/// What an underflow on the way may cost.
Big tiniest(DType self) {
  return self == DType::f32 ? Big(2 * std::numeric_limits<float>::min()) : Big(2 * std::numeric_limits<double>::min());
}

std::string check_rounding_in(DType self, OpId op, const Rule& rule, const Rule& truth, int n_points) {
  const Scalar one = typed(self, 1);
  for (const Point& p : all_points(op, self, n_points)) {
    const Scalar y = evaluate_native(op, p.span());
    if (!is_ordinary(p, self, y)) continue;
    const std::vector<Big> x = to_bigs(p);
    const Scalar native = walk_rule(NativeMath{}, rule, self, p.span(), y, one);
    const Big exact = walk_rule(BigMath{}, truth, self, x, evaluate_meaning(op, x), Big(1));
    if (ulp_error(native, exact) <= 8) continue;
    const Big error = abs(to_big(native) - exact);
    if (isfinite(exact) && error <= tiniest(self)) continue;
    if (isfinite(exact) && !isnan(error) && is_near_root(op, truth, x)) {
      std::vector<Terms> terms;
      for (const Scalar& s : p.span()) terms.push_back(TermMath{}.of(s));
      const Terms sum = walk_rule(TermMath{}, truth, self, terms, TermMath{}.apply(op, terms, self), TermMath{}.of(one));
      if (error <= 8 * ulp_of(self, sum.sum)) continue;
    }
    return failure(self == DType::f32 ? "f32 rule" : "f64 rule", p, text(native), exact.text());
  }
  return "";
}

}  // namespace

std::span<const Kink> kinks() { return kKinks; }

std::string check_exact(OpId op, int operand, const Rule& rule, int n_points) {
  const Big g = Big(7) / 4;
  const auto meaning = [&](const std::vector<Big>& x) { return evaluate_meaning(op, x); };
  const auto text_value = [&](const std::vector<Big>& x) { return walk_rule(BigMath{}, rule, DType::f64, x, meaning(x), g); };
  std::vector<Point> points = domain_points(op, DType::f64, n_points);
  for (const SmoothPoint& s : kSmoothPoints)
    if (op_row(op).name == std::string_view(s.op)) points.push_back(typed_point(op, DType::f64, s.x));
  for (const Point& p : points) {
    const std::vector<Big> x = to_bigs(p);
    const Big got = text_value(x), wanted = g * difference(meaning, x, operand);
    if (!is_close(got, wanted)) return failure("rule", p, got.text(25), wanted.text(25));
    for (int j = 0; j < p.n; ++j) {
      if (!is_moved(op, j)) continue;
      const auto second = derivative(BigMath{}, op, rule, DType::f64, x, meaning(x), g, j);
      const Big numeric = difference(text_value, x, j);
      if (!is_close(second.value_or(Big(0)), numeric))
        return failure("second derivative", p, second.value_or(Big(0)).text(25), numeric.text(25));
    }
  }
  return "";
}

std::string check_rounding(OpId op, int operand, const Rule& rule, const Rule& truth, int n_points) {
  static_cast<void>(operand);
  for (DType self : {DType::f64, DType::f32}) {
    if (std::string wrong = check_rounding_in(self, op, rule, truth, n_points); !wrong.empty()) return wrong;
  }
  return "";
}

std::string check_second_rounding(OpId op, int operand, int n_points) {
  const Rule& rule = diff_rule(op, operand);
  for (DType self : {DType::f64, DType::f32}) {
    const Scalar one = typed(self, 1);
    for (const Point& p : domain_points(op, self, n_points)) {
      const Scalar y = evaluate_native(op, p.span());
      std::vector<Terms> terms;
      for (const Scalar& s : p.span()) terms.push_back(TermMath{}.of(s));
      const Terms term_y = TermMath{}.apply(op, terms, self);
      for (int j = 0; j < p.n; ++j) {
        if (!is_moved(op, j)) continue;
        const auto native = derivative(NativeMath{}, op, rule, self, p.span(), y, one, j);
        const auto exact = derivative(TermMath{}, op, rule, self, std::span<const Terms>(terms), term_y, TermMath{}.of(one), j);
        if (!native && !exact) continue;
        const Big error = abs(to_big(*native) - exact->value);
        if (!(error <= 8 * ulp_of(self, exact->sum) + tiniest(self)))
          return failure(self == DType::f32 ? "f32 second derivative" : "f64 second derivative", p, text(*native), exact->value.text());
      }
    }
  }
  return "";
}

std::string check_kinks(OpId op, int operand, const Rule& rule) {
  for (const Kink& kink : kKinks) {
    if (op_row(op).name != std::string_view(kink.op) || kink.operand != operand) continue;
    for (DType self : {DType::f64, DType::f32}) {
      const Point p = typed_point(op, self, kink.x);
      for (double g : {1.0, 2.0}) {
        const Scalar got = walk_rule(NativeMath{}, rule, self, p.span(), evaluate_native(op, p.span()), typed(self, g));
        if (got.as_f64() != g * kink.derivative) return failure("kink", p, text(got), std::to_string(g * kink.derivative));
      }
    }
  }
  return "";
}

}  // namespace dlc::test
