// Builder: what the op table knows about making less of an expression. Constants are folded by the very code native
// entries run (ops/evaluate.h), so folding changes no bit; identities are the rows' own.
#include <bit>

#include "ops/builder.h"
#include "ops/evaluate.h"
#include "ops/table.h"

namespace dlc {

namespace {

Scalar scalar_of(DType dtype, int64_t bits) {
  if (dtype == DType::f64) return Scalar::of(std::bit_cast<double>(bits));
  if (dtype == DType::f32) return Scalar::of(static_cast<float>(std::bit_cast<double>(bits)));
  return dtype == DType::b1 ? Scalar::of(bits != 0) : Scalar::of(bits);
}

}  // namespace

ValueId Builder::fold_constants(OpId id, std::span<const ValueId> operands, TypeId type, Loc loc) {
  if (types()[type].dtype == DType::key) return {};  // there are no constants of that type
  Scalar values[3];
  for (size_t k = 0; k < operands.size(); ++k) {
    const auto bits = constant_bits(operands[k]);
    if (!bits) return {};
    values[k] = scalar_of(peek(operands[k]).dtype, *bits);
  }
  const Scalar folded = evaluate_native(id, std::span<const Scalar>(values, operands.size()));
  const std::vector<DimId> shape = types()[type].dims;
  ValueId result;
  if (is_float(folded.dtype)) result = constant(folded.as_f64(), folded.dtype, loc);
  else result = folded.dtype == DType::b1 ? constant_bool(folded.i64 != 0, loc) : constant_int(folded.i64, loc);
  return broadcast(result, shape, loc);
}

ValueId Builder::apply_identities(OpId id, std::span<const ValueId> operands, TypeId type, Loc loc) {
  const auto look = [&](ValueId v) {
    // The span is of the pool: matching appends nothing, so it stays good.
    return RuleView<ValueId>{func()[v].op, func().operands(v)};
  };
  const auto is_literal = [&](ValueId v, const Literal& literal) {
    const auto value = constant_value(v);
    if (!value) return false;
    return is_float(peek(v).dtype) ? *value == literal.as_f64() : *value == static_cast<double>(literal.as_i64());
  };
  const auto apply = [&](const RewriteRule& pattern) -> ValueId {
    const RuleNode& root = pattern.left.nodes[pattern.left.result];
    if (root.n_args != static_cast<int>(operands.size())) return {};
    for (const bool swapped : {false, true}) {
      if (swapped && !(root.commutative && operands.size() == 2)) continue;
      Bindings<ValueId> names;
      bool matches = true;
      for (size_t k = 0; matches && k < operands.size(); ++k)
        matches = match(pattern.left, root.arg[k], operands[swapped ? 1 - k : k], look, is_literal, names);
      if (!matches) continue;
      const Type result = types()[type];
      const ValueId simpler = walk(
          pattern.right, result.dtype, std::span<const ValueId>(names.values), ValueId{}, ValueId{},
          [&](OpId inner, std::span<const ValueId> args, DType) { return op(inner, args, loc); },
          [&](const Literal& literal, DType dtype) {
            if (is_float(dtype)) return constant(dtype == DType::f32 ? literal.as_f32() : literal.as_f64(), dtype, loc);
            return dtype == DType::i64 ? constant_int(literal.as_i64(), loc) : constant_bool(literal.as_i64() != 0, loc);
          });
      return broadcast(simpler, result.dims, loc);
    }
    return {};
  };
  for (std::span<const RewriteRule> list : {identities(id), stable_forms(id)})
    for (const RewriteRule& pattern : list)
      if (const ValueId simpler = apply(pattern)) return simpler;
  return {};
}

}  // namespace dlc
