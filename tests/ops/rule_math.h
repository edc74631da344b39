// Walking rules over several kinds of number, for the tests of derivatives.
//
//   BigMath     200 bits, ops by their meaning: what the text says, exactly
//   NativeMath  f32 or f64 as compiled code computes: what the text loses
//   TermMath    200 bits with Σ|terms|: how large the sums were whose rest is the result
//
// derivative() differentiates a rule once more with the table's own rules, over any of them.
#pragma once
#include <optional>

#include "tests/ops/samples.h"

namespace dlc::test {

struct BigMath {
  using Value = Big;
  Big of(const Scalar& s) const { return to_big(s); }
  Big apply(OpId op, std::span<const Big> args, DType) const { return evaluate_meaning(op, args); }
  Big constant(const Literal& literal, DType type) const { return type == DType::b1 ? Big(literal.as_i64()) : Big(literal.text); }
  bool is_zero(const Big& v) const { return v == 0; }
};

struct NativeMath {
  using Value = Scalar;
  Scalar of(const Scalar& s) const { return s; }
  Scalar apply(OpId op, std::span<const Scalar> args, DType) const { return evaluate_native(op, args); }
  Scalar constant(const Literal& literal, DType type) const;
  bool is_zero(const Scalar& v) const { return v.as_f64() == 0; }
};

/// A value and the sum of the absolute values of the terms it was added up from.
struct Terms {
  Big value, sum;
};

struct TermMath {
  using Value = Terms;
  Terms of(const Scalar& s) const { return {to_big(s), abs(to_big(s))}; }
  Terms apply(OpId op, std::span<const Terms> args, DType) const;
  Terms constant(const Literal& literal, DType type) const;
  bool is_zero(const Terms& v) const { return v.value == 0; }
};

/// `rule` at operands, y and g. `self` is the dtype of the op it belongs to.
template <class Math>
typename Math::Value walk_rule(const Math& math, const Rule& rule, DType self, std::span<const typename Math::Value> x,
                               const typename Math::Value& y, const typename Math::Value& g) {
  using Value = typename Math::Value;
  return walk<Value>(rule, self, x, y, g, [&](OpId op, std::span<const Value> args, DType type) { return math.apply(op, args, type); },
                     [&](const Literal& literal, DType type) { return math.constant(literal, type); });
}

/// A value with its tangent; an absent tangent is structurally zero.
template <class Value>
struct Dual {
  Value v;
  std::optional<Value> d;
};

/// The tangent of op(args), by the table's rules. A zero tangent passes an op with unbounded derivative as zero.
template <class Math>
std::optional<typename Math::Value> carry(const Math& math, OpId op, DType self, std::span<const typename Math::Value> x,
                                          const typename Math::Value& y, std::span<const std::optional<typename Math::Value>> dx) {
  using Value = typename Math::Value;
  std::optional<Value> sum;
  for (size_t k = 0; k < x.size(); ++k) {
    const Rule& rule = diff_rule(op, static_cast<int>(k));
    if (!dx[k] || rule.zero || rule.not_differentiable) continue;
    const bool gated = op_row(op).unbounded_diff && math.is_zero(*dx[k]);
    const Value term = gated ? *dx[k] : walk_rule(math, rule, self, x, y, *dx[k]);
    const Value both[2] = {sum ? *sum : term, term};
    sum = sum ? math.apply("add"_op, both, self) : term;
  }
  return sum;
}

/// d/dx_j of `rule` (of `op` at x, with g constant). Absent when it is structurally zero.
template <class Math>
std::optional<typename Math::Value> derivative(const Math& math, OpId op, const Rule& rule, DType self,
                                               std::span<const typename Math::Value> x, const typename Math::Value& y,
                                               const typename Math::Value& g, int j) {
  using Value = typename Math::Value;
  const auto one = math.of(self == DType::f32 ? Scalar::of(1.0f) : Scalar::of(1.0));
  std::vector<Dual<Value>> operands;
  std::vector<std::optional<Value>> dx;
  for (size_t k = 0; k < x.size(); ++k) {
    dx.push_back(static_cast<int>(k) == j ? std::optional(one) : std::nullopt);
    operands.push_back({x[k], dx.back()});
  }
  const Dual<Value> dual_y{y, carry(math, op, self, x, y, std::span<const std::optional<Value>>(dx))};
  const auto apply = [&](OpId inner, std::span<const Dual<Value>> args, DType type) -> Dual<Value> {
    std::vector<Value> values;
    std::vector<std::optional<Value>> tangents;
    for (const Dual<Value>& arg : args) values.push_back(arg.v), tangents.push_back(arg.d);
    const Value result = math.apply(inner, values, type);
    return {result, carry(math, inner, self, std::span<const Value>(values), result, std::span<const std::optional<Value>>(tangents))};
  };
  const auto constant = [&](const Literal& literal, DType type) -> Dual<Value> { return {math.constant(literal, type), std::nullopt}; };
  return walk<Dual<Value>>(rule, self, std::span<const Dual<Value>>(operands), dual_y, Dual<Value>{g, std::nullopt}, apply, constant).d;
}

}  // namespace dlc::test
