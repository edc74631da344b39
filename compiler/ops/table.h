// The op table. Everything dlc knows about an op is one row of ops/rows_*.h; here are the ways to find it.
//
//   constexpr OpId tanh = "tanh"_op;                  // found while compiling: a misspelling does not build
//   if (OpId op = find_op(name)) use(op_row(op));     // found at run time; absent when there is none
//   const Rule& rule = diff_rule(op, 0);              // compiled rule texts; walk them with ops/rule.h
//
// An OpId is the row's position: arithmetic, elementary, internal, array rows, then those of DLC_EXTRA_OP_ROWS, a
// header defining `dlc::meaning::kExtraRows<M>` that a build of this folder may add (tests/ops does). Since extra rows
// come last, code compiled without them agrees with a table that has them. ops/op_names.h is made by op_names.cmake.
#pragma once
#include <optional>
#include <span>
#include <string_view>

#include "ir/op.h"
#include "ops/op_names.h"
#include "ops/rule.h"

namespace dlc {

namespace table_detail {
void no_op_has_this_name();  // not constexpr: reaching it stops the build
}

consteval OpId operator""_op(const char* text, size_t length) {
  int at = 0;
  for (const std::string_view name : kOpNames) {
    if (name == std::string_view(text, length)) return OpId{at};
    ++at;
  }
  table_detail::no_op_has_this_name();
  return {};
}

int n_ops();
const Op& op_row(OpId op);
/// By the row's name, as in IR text; absent when there is none.
OpId find_op(std::string_view name);
/// What `name(…)` calls in dlc text: `div` is the row floor_div, `f32` the row to_f32. Internal rows are not found.
OpId find_function(std::string_view name);
/// The row of an operator with one or two operands, `-` or `^`; whole exponents take "powi"_op instead.
OpId find_operator(std::string_view symbol, int n_operands);

/// The derivative by one operand of an elementwise op: `not_differentiable`, `zero`, or a rule to walk.
/// A conversion's rule is "g" in either type: convert the result to the dtype that is wanted.
const Rule& diff_rule(OpId op, int operand);
/// Our own code for an op on operands of `dtype` (f32, f64, i64), null when it is a primitive there. For f32 it may be
/// the f64 text (`rule->dtype`): widen the floats, walk, round. walk_expansion does that.
const Rule* expansion(OpId op, DType dtype);
/// Rewrites whose left side has this op at its root. Safe ones keep inf and nan; the sign of zero may change.
std::span<const RewriteRule> identities(OpId op);
/// … and of which the right side is nowhere less accurate: where the left is infinite, nan or has lost digits it need not be.
std::span<const RewriteRule> stable_forms(OpId op);
std::span<const RewriteRule> fast_identities(OpId op);

/// Walks the expansion of `op` on `dtype`, which must have one; `apply` and `constant` as in `walk`.
template <class Value, class Apply, class Constant>
Value walk_expansion(OpId op, DType dtype, std::span<const Value> operands, Apply&& apply, Constant&& constant) {
  const Rule& rule = *expansion(op, dtype);
  if (rule.dtype == dtype) return walk(rule, dtype, operands, operands[0], operands[0], apply, constant);
  const TypeRule types = op_row(op).type;
  std::vector<Value> wide;
  for (size_t k = 0; k < operands.size(); ++k) {
    const bool is_whole = (types == TypeRule::float_int && k == 1) || (types == TypeRule::int_float && k == 0);
    wide.push_back(is_whole ? operands[k] : apply("to_f64"_op, operands.subspan(k, 1), DType::f64));
  }
  const Value result[1] = {walk(rule, DType::f64, std::span<const Value>(wide), wide[0], wide[0], apply, constant)};
  return apply("to_f32"_op, std::span<const Value>(result), DType::f32);
}

}  // namespace dlc
