// Carrying a derivative through one operand, see carry.h.
#include "ad/carry.h"

#include <cmath>

#include "base/check.h"
#include "ops/array_adjoint.h"
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

/// A contraction of two vectors, or of many in a batch.
bool is_dot(Builder& b, const Inst& bilinear) {
  const MatmulRanks ranks = matmul_ranks(b.module(), bilinear.attr);
  return ranks.m == 0 && ranks.n == 0;
}

/// The axes of the left operand `a` that a dot product sums over.
std::vector<int> contracted_axes(Builder& b, const Inst& dot, ValueId a) {
  std::vector<int> axes;
  for (int k = matmul_ranks(b.module(), dot.attr).batch; k < b.type(a).rank(); ++k) axes.push_back(k);
  return axes;
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
  const bool is_at_risk = multiplies && (op_row(self.op).unbounded_diff || g.is_steep || (g.is_sparse && !routes));
  ValueId result;
  if (!is_at_risk || is_gated_already(rule) || is_nonzero_constant(b, g.value)) {
    result = plain(g.value);
  } else {
    const ValueId h = plain(b.full(b.type_id(g.value), 1, loc));
    const auto known = has_constant_factor(b, rule, operands) ? b.constant_value(h) : std::nullopt;
    const bool is_harmless = known && std::isfinite(*known) && (*known != 0 || !g.is_steep);
    result = is_harmless ? plain(g.value) : b.op("gated_mul"_op, {g.value, h}, loc);
  }
  // A factor of a gated_mul was gated because it may be zero by structure; then what is carried through the other is too.
  const bool is_sparse = g.is_sparse || routes || root_is(rule, "gated_mul"_op);
  return {b.convert(result, to, loc), is_sparse, g.is_steep || op_row(self.op).vertical_diff};
}

Carried scaled(Builder& b, Carried g, ValueId h, Loc loc) {
  const bool gate = g.needs_gate() && (g.is_steep || !b.constant_value(h));
  return {b.op(gate ? "gated_mul"_op : "mul"_op, {g.value, h}, loc), g.is_sparse, g.is_steep};
}

Carried carry_tangent(Builder& b, const Inst& self, std::span<const ValueId> operands, int k, Carried g, Loc loc) {
  const auto at = static_cast<size_t>(k);
  if (g.needs_gate() && is_dot(b, self)) {
    const ValueId terms = b.op("gated_mul"_op, {g.value, operands[1 - at]}, loc);
    return {b.sum(terms, contracted_axes(b, self, operands[0]), loc), g.is_sparse, g.is_steep};
  }
  std::vector<ValueId> factors(operands.begin(), operands.end());
  factors[at] = g.value;
  return {b.rebuild(self, factors, loc), g.is_sparse, g.is_steep};
}

Carried carry_cotangent(Builder& b, const Inst& self, std::span<const ValueId> operands, int k, Carried g, Loc loc) {
  const auto at = static_cast<size_t>(k);
  if (!g.needs_gate() || !is_dot(b, self)) return {op_row(self.op).transpose(b, self, operands, k, g.value, loc), g.is_sparse, g.is_steep};
  const Type other = b.type(operands[1 - at]);
  std::vector<int> axes(other.dims.size(), -1);
  for (int r = 0; r < b.type(g.value).rank(); ++r) axes[static_cast<size_t>(r)] = r;  // the batch axes lead
  const ValueId everywhere = b.view(g.value, permute_map(b.module(), b.type(g.value), axes, other.dims), loc);
  return scaled(b, {everywhere, g.is_sparse, g.is_steep}, operands[1 - at], loc);
}

Carried added(Builder& b, Carried x, Carried y, Loc loc) {
  if (!x) return y;
  if (!y) return x;
  // What was read at some subscripts is added there, not everywhere.
  const bool is_sparse = x.is_sparse && y.is_sparse, is_steep = x.is_steep || y.is_steep;
  for (const auto& [total, part] : {std::pair(x, y), std::pair(y, x)}) {
    const std::vector<Scattered> pieces = scattered(b, part.value);
    if (pieces.empty()) continue;
    ValueId sum = total.value;
    for (const Scattered& piece : pieces) sum = b.add_at(sum, piece.value, piece.subscripts, piece.bounds, loc);
    return {sum, is_sparse, is_steep};
  }
  return {b.op("add"_op, {x.value, y.value}, loc), x.is_sparse && y.is_sparse, x.is_steep || y.is_steep};
}

Carried after_linear(Builder& b, ValueId value, Carried from) {
  const Inst in = b.func()[value];
  const bool pads = in.op == "view_adjoint"_op || in.op == "index"_op || in.op == "add_at"_op || in.op == "put"_op || (in.op == "view"_op && view_map(b.module(), in.attr).guarded);
  return {value, from.is_sparse || pads, from.is_steep};
}

}  // namespace dlc
