// See rule_math.h.
#include "tests/ops/rule_math.h"

namespace dlc::test {

Scalar NativeMath::constant(const Literal& literal, DType type) const {
  switch (type) {
    case DType::f64: return Scalar::of(literal.as_f64());
    case DType::f32: return Scalar::of(literal.as_f32());
    case DType::b1: return Scalar::of(literal.as_i64() != 0);
    default: return Scalar::of(literal.as_i64());
  }
}

Terms TermMath::constant(const Literal& literal, DType type) const {
  const Big value = BigMath{}.constant(literal, type);
  return {value, abs(value)};
}

// Sums add their terms, products multiply them. Any other function passes on, times its derivative, only what its
// operands' sums exceed their values by: rounding an operand that no sum made is the rule's own fault.
Terms TermMath::apply(OpId op, std::span<const Terms> args, DType) const {
  std::vector<Big> x;
  for (const Terms& arg : args) x.push_back(arg.value);
  const Big value = evaluate_meaning(op, x);
  if (op == "add"_op || op == "sub"_op) return {value, args[0].sum + args[1].sum};
  if (op == "mul"_op) return {value, args[0].sum * args[1].sum};
  if (op == "div"_op) return {value, args[0].sum / abs(x[1]) * (x[1] == 0 ? Big(1) : args[1].sum / abs(x[1]))};
  if (op == "fma"_op) return {value, args[0].sum * args[1].sum + args[2].sum};
  if (op == "select"_op) return {value, x[0] != 0 ? args[1].sum : args[2].sum};
  Big sum = abs(value);
  for (size_t k = 0; k < args.size(); ++k) {
    const Rule& rule = diff_rule(op, static_cast<int>(k));
    const Big excess = args[k].sum - abs(x[k]);
    if (rule.zero || rule.not_differentiable || !(excess > 0)) continue;
    sum += abs(walk_rule(BigMath{}, rule, DType::f64, x, value, Big(1))) * excess;
  }
  // Near its roots a function of the gamma family is accurate to ulps of 1 (its max_ulp says so).
  return {value, op_row(op).max_ulp == 4 ? max(sum, Big(1)) : sum};
}

}  // namespace dlc::test
