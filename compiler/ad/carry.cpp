// Carrying a derivative through one operand, see carry.h.
#include "ad/carry.h"

#include <cmath>

#include "base/check.h"
#include "ops/table.h"

namespace dlc {
namespace {

ValueId build_rule(Builder& b, const Rule& rule, DType self, std::span<const ValueId> operands, ValueId y, ValueId g, Loc loc) {
  const auto apply = [&](OpId op, std::span<const ValueId> args, DType) { return b.op(op, args, loc); };
  const auto constant = [&](const Literal& literal, DType dtype) {
    switch (dtype) {
      case DType::f32: return b.constant(static_cast<double>(literal.as_f32()), dtype, loc);
      case DType::i64: return b.constant_int(literal.as_i64(), loc);
      case DType::b1: return b.constant_bool(literal.as_i64() != 0, loc);
      default: return b.constant(literal.as_f64(), dtype, loc);
    }
  };
  const ValueId built = walk<ValueId>(rule, self, operands, y, g, apply, constant);
  return b.broadcast(built, b.type(y).dims, loc);  // a rule may not mention g's shape at all
}

bool is_nonzero_constant(Builder& b, ValueId v) {
  const auto value = b.constant_value(v);
  return value && *value != 0 && std::isfinite(*value);
}

/// True when everything the rule multiplies g by is a literal or a constant.
bool has_constant_factor(Builder& b, const Rule& rule, std::span<const ValueId> operands) {
  if (rule.uses(Rule::kY)) return false;
  for (size_t k = 0; k < operands.size(); ++k)
    if (rule.uses(static_cast<int>(k)) && !b.constant_value(operands[k])) return false;
  return true;
}

bool root_is(const Rule& rule, OpId op) {
  const RuleNode& root = rule.nodes[rule.result];
  return root.kind == RuleNode::Kind::op && OpId{root.index} == op;
}

bool is_gated_already(const Rule& rule) {
  if (!root_is(rule, "gated_mul"_op)) return false;
  const RuleNode& root = rule.nodes[rule.result];
  return rule.nodes[root.arg[0]].kind == RuleNode::Kind::carried || rule.nodes[root.arg[1]].kind == RuleNode::Kind::carried;
}

}  // namespace

Carried carry(Builder& b, const Inst& self, std::span<const ValueId> operands, ValueId y, int k, Carried g, DType to, Loc loc) {
  const Rule& rule = diff_rule(self.op, k);
  DLC_CHECK(!rule.not_differentiable, "activity analysis reports ops without a derivative");
  if (rule.zero) return {};
  const bool routes = root_is(rule, "select"_op);
  const DType dtype = b.type(g.value).dtype;
  const auto plain = [&](ValueId factor) { return build_rule(b, rule, dtype, operands, y, factor, loc); };
  const bool multiplies = (rule.mentions & ~(1 << Rule::kG)) != 0;
  const bool is_at_risk = multiplies && (op_row(self.op).unbounded_diff || (g.is_sparse && !routes));
  ValueId result;
  if (!is_at_risk || is_gated_already(rule) || is_nonzero_constant(b, g.value)) {
    result = plain(g.value);
  } else {
    const ValueId h = plain(b.full(b.type_id(g.value), 1, loc));
    const auto known = has_constant_factor(b, rule, operands) ? b.constant_value(h) : std::nullopt;
    result = known && std::isfinite(*known) ? plain(g.value) : b.op("gated_mul"_op, {g.value, h}, loc);
  }
  // A factor of a gated_mul was gated because it may be zero by structure; then what is carried through the other is too.
  return {b.convert(result, to, loc), g.is_sparse || routes || root_is(rule, "gated_mul"_op)};
}

Carried scaled(Builder& b, Carried g, ValueId h, Loc loc) {
  const bool gate = g.is_sparse && !b.constant_value(h);
  return {b.op(gate ? "gated_mul"_op : "mul"_op, {g.value, h}, loc), g.is_sparse};
}

Carried added(Builder& b, Carried x, Carried y, Loc loc) {
  if (!x) return y;
  if (!y) return x;
  return {b.op("add"_op, {x.value, y.value}, loc), x.is_sparse && y.is_sparse};
}

Carried after_linear(Builder& b, ValueId value, bool was_sparse) {
  const Inst in = b.func()[value];
  const bool pads = in.op == "view_adjoint"_op || in.op == "index"_op || (in.op == "view"_op && view_map(b.module(), in.attr).guarded);
  return {value, was_sparse || pads};
}

}  // namespace dlc
