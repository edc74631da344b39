// One instruction's derivative, see local_derivative.h.
#include "pipeline/local_derivative.h"

#include <algorithm>

#include "ad/forward.h"
#include "ad/leaves.h"
#include "ad/reverse.h"
#include "interp/interp.h"
#include "ops/evaluate.h"
#include "ops/table.h"
#include "pipeline/rendering.h"

namespace dlc {
namespace {

Scalar as_scalar(const InterpValue<double>& v) {
  switch (v.dtype) {
    case DType::f64: return Scalar::of(v.floats[0]);
    case DType::f32: return Scalar::of(static_cast<float>(v.floats[0]));
    case DType::b1: return Scalar::of(v.ints[0] != 0);
    default: return Scalar::of(v.ints[0]);
  }
}

Scalar as_scalar(double x, DType dtype) { return dtype == DType::f32 ? Scalar::of(static_cast<float>(x)) : Scalar::of(x); }

}  // namespace

InterpValue<double> sum_of(const InterpValue<double>& x, const InterpValue<double>& y) {
  InterpValue<double> sum = x;
  for (size_t k = 0; k < sum.fields.size(); ++k) sum.fields[k] = sum_of(x.fields[k], y.fields[k]);
  for (size_t k = 0; k < sum.floats.size(); ++k) {
    sum.floats[k] += y.floats[k];
    if (sum.dtype == DType::f32) sum.floats[k] = static_cast<float>(sum.floats[k]);
  }
  return sum;
}

InterpValue<double> filled(const Module& m, TypeId id, const std::map<StrId, int64_t>& sizes, double number) {
  const Type type = m.types[id];
  InterpValue<double> v;
  v.dtype = type.dtype;
  for (const Field& field : type.fields) v.fields.push_back(filled(m, field.type, sizes, number));
  if (type.is_tuple()) return v;
  for (DimId d : type.dims) v.dims.push_back(std::max<int64_t>(m.types.dims.evaluate(d, sizes).value_or(0), 0));
  if (is_float(v.dtype)) v.floats.assign(static_cast<size_t>(v.count()), number);
  else v.ints.assign(static_cast<size_t>(v.count()), 0);
  return v;
}

bool LocalDerivative::is_scalar_rule() const {
  if (op_row(c_.module[func_][value_].op).kind != OpKind::elementwise || !is_float(y_.dtype) || !y_.dims.empty()) return false;
  return std::all_of(operands_.begin(), operands_.end(), [](const auto& o) { return o.dims.empty() && o.dtype != DType::tuple; });
}

std::optional<double> LocalDerivative::rule(int k, double g) const {
  const OpId op = c_.module[func_][value_].op;
  const Rule& rule = diff_rule(op, k);
  const InterpValue<double>& operand = operands_[static_cast<size_t>(k)];
  if (!rule || rule.not_differentiable || rule.zero || !is_float(operand.dtype)) return std::nullopt;
  std::vector<Scalar> scalars;
  for (const InterpValue<double>& o : operands_) scalars.push_back(as_scalar(o));
  const auto apply = [](OpId inner, std::span<const Scalar> args, DType) { return evaluate_native(inner, args); };
  const auto constant = [](const Literal& literal, DType dtype) {
    switch (dtype) {
      case DType::f32: return Scalar::of(literal.as_f32());
      case DType::i64: return Scalar::of(literal.as_i64());
      case DType::b1: return Scalar::of(literal.as_i64() != 0);
      default: return Scalar::of(literal.as_f64());
    }
  };
  return walk<Scalar>(rule, y_.dtype, scalars, as_scalar(y_), as_scalar(g, y_.dtype), apply, constant).as_f64();
}

std::optional<double> LocalDerivative::partial(int k) const { return rule(k, 1); }

/// A function whose parameters are the operands and whose body is the instruction. Its blocks, if it has any, come with a
/// copy of the whole function, of which nothing else is reachable.
FuncId LocalDerivative::step_function() {
  Module& m = c_.module;
  const Func& source = m[func_];
  const Inst in = source[value_];
  Func step;
  if (in.n_blocks > 0) step = source;
  else step.blocks.emplace_back(), step.insts = {}, step.size_vars = source.size_vars;
  step.name = m.unique_name("trace.step");
  step.request.reset();
  step.checks.clear();
  step.blocks[0] = {};
  step.loc = in.loc;
  std::vector<ValueId> params;
  const std::span<const ValueId> operands = source.operands(value_);
  for (size_t k = 0; k < operands.size(); ++k)
    params.push_back(append_param(m, step, BlockId{0}, "param"_op, source[operands[k]].type, m.strings.intern("a" + std::to_string(k)), in.loc));
  step.blocks[0].result = append(step, BlockId{0}, in, params);
  return m.add(std::move(step));
}

Result<std::optional<InterpValue<double>>> LocalDerivative::tangent(const Values& d_operands) {
  using Maybe = std::optional<InterpValue<double>>;
  const bool any = std::any_of(d_operands.begin(), d_operands.end(), [](const auto& d) { return d.has_value(); });
  if (!any || !has_float(c_.module.types, c_.module[func_][value_].type)) return Maybe();
  if (is_scalar_rule()) {
    Maybe sum;
    for (size_t k = 0; k < d_operands.size(); ++k) {
      if (!d_operands[k]) continue;
      const auto term = rule(static_cast<int>(k), d_operands[k]->floats[0]);
      if (!term) continue;
      const auto dy = InterpValue<double>::scalar(*term, y_.dtype);
      sum = sum ? sum_of(*sum, dy) : dy;
    }
    return sum;
  }
  Wrt wrt;
  std::vector<InterpValue<double>> args = operands_;
  for (size_t k = 0; k < d_operands.size(); ++k) {
    wrt.active.push_back(d_operands[k].has_value());
    if (d_operands[k]) args.push_back(*d_operands[k]);
  }
  const FuncId jvp = forward(c_.module, step_function(), wrt, c_.diagnostics);
  if (!jvp) return Error{render_all(c_.diagnostics, c_.sources)};
  auto both = interpret<double>(c_.module, jvp, args, sizes_);
  if (!both) return both.error();
  return Maybe(std::move(both->fields[1]));
}

Result<Values> LocalDerivative::cotangents(const InterpValue<double>& y_bar, const std::vector<bool>& wanted) {
  Values all(operands_.size());
  if (is_scalar_rule()) {
    for (size_t k = 0; k < all.size(); ++k) {
      if (!wanted[k]) continue;
      if (const auto bar = rule(static_cast<int>(k), y_bar.floats[0])) all[k] = InterpValue<double>::scalar(*bar, operands_[k].dtype);
    }
    return all;
  }
  if (std::none_of(wanted.begin(), wanted.end(), [](bool w) { return w; })) return all;
  std::vector<InterpValue<double>> args = operands_;
  args.push_back(y_bar);
  const FuncId vjp = reverse(c_.module, step_function(), Wrt(wanted), c_.diagnostics);
  if (!vjp) return Error{render_all(c_.diagnostics, c_.sources)};
  auto results = interpret<double>(c_.module, vjp, args, sizes_);
  if (!results) return results.error();
  size_t next = 1;
  for (size_t k = 0; k < all.size(); ++k)
    if (wanted[k]) all[k] = std::move(results->fields[next++]);
  return all;
}

}  // namespace dlc
