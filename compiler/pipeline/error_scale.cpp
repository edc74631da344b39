// Building the scale function: a forward sweep like that of forward mode, with absolute values.
#include "pipeline/error_scale.h"

#include <fmt/format.h>

#include "ad/carry.h"
#include "ops/table.h"
#include "symbolic/straight_line.h"

namespace dlc {
namespace {

class Scaler {
 public:
  Scaler(Module& m, FuncId straight, FuncId out)
      : source_(m[straight]), b_(m, out, BlockId{0}), value_(source_.insts.size()), scale_(source_.insts.size()) {}

  void run() {
    const auto& params = source_.body().params;
    for (size_t k = 0; k < params.size(); ++k) at(value_, params[k]) = b_.func().body().params[k];
    for (ValueId v : source_.body().body) {
      const Inst in = source_[v];
      std::vector<ValueId> operands;
      for (ValueId o : source_.operands(v)) operands.push_back(at(value_, o));
      at(value_, v) = b_.rebuild(in, operands, in.loc);
      if (is_float_leaf(v)) at(scale_, v) = scale(v, in, operands);
    }
    std::vector<ValueId> results;
    add_leaves(source_.body().result, results);
    b_.set_result(b_.tuple(results, source_.loc));
  }

 private:
  static ValueId& at(std::vector<ValueId>& of, ValueId v) { return of[static_cast<size_t>(v.i)]; }
  bool is_float_leaf(ValueId v) { return is_float(b_.types()[source_[v].type].dtype); }
  ValueId magnitude(ValueId v, Loc loc) { return b_.op("abs"_op, {v}, loc); }
  ValueId plus(ValueId x, ValueId y, Loc loc) { return !x ? y : !y ? x : b_.op("add"_op, {x, y}, loc); }

  ValueId scale(ValueId v, const Inst& in, const std::vector<ValueId>& operands) {
    const Op& row = op_row(in.op);
    const ValueId y = at(value_, v);
    if (row.kind == OpKind::elementwise) return elementwise(v, in, operands, y);
    if (row.kind == OpKind::bilinear) {
      const ValueId a = magnitude(operands[0], in.loc), b = magnitude(operands[1], in.loc);
      const ValueId sa = at(scale_, source_.operand(v, 0)), sb = at(scale_, source_.operand(v, 1));
      const auto product = [&](ValueId l, ValueId r) { return b_.rebuild(in, std::vector<ValueId>{l, r}, in.loc); };
      ValueId s = product(a, b);
      if (sa) s = plus(s, product(sa, b), in.loc);
      if (sb) s = plus(s, product(a, sb), in.loc);
      return s;
    }
    if (row.kind == OpKind::reduction) return reduction(v, in, operands, y);
    if (row.kind != OpKind::linear) return {};  // const, size, iota: exact; a parameter's leaf too
    // What adds up rounds: sums, running sums, scatters. Views and reshapes only move.
    const bool adds = in.op == "sum"_op || in.op == "cumsum"_op || in.op == "view_adjoint"_op;
    std::vector<ValueId> parts;
    bool any = false;
    for (size_t k = 0; k < operands.size(); ++k) {
      const ValueId s = at(scale_, source_.operand(v, static_cast<int>(k)));
      parts.push_back(adds ? plus(s, magnitude(operands[k], in.loc), in.loc) : s);
      any = any || parts.back();
    }
    if (!any) return {};
    for (size_t k = 0; k < parts.size(); ++k)
      if (!parts[k]) parts[k] = b_.zeros(b_.type_id(operands[k]), in.loc);
    return b_.rebuild(in, parts, in.loc);
  }

  ValueId elementwise(ValueId v, const Inst& in, const std::vector<ValueId>& operands, ValueId y) {
    ValueId s = magnitude(y, in.loc);
    for (size_t k = 0; k < operands.size(); ++k) {
      const ValueId sk = at(scale_, source_.operand(v, static_cast<int>(k)));
      if (!sk || diff_rule(in.op, static_cast<int>(k)).not_differentiable) continue;
      const Carried carried = carry(b_, in, operands, y, static_cast<int>(k), {sk, true}, b_.type(y).dtype, in.loc);
      if (carried) s = plus(s, magnitude(carried.value, in.loc), in.loc);
    }
    return s;
  }

  ValueId reduction(ValueId v, const Inst& in, const std::vector<ValueId>& operands, ValueId y) {
    const WeightFn weight = op_row(in.op).weight;
    const ValueId s = at(scale_, source_.operand(v, 0));
    if (!weight) return {};
    if (!s) return magnitude(y, in.loc);
    const ValueId w = magnitude(weight(b_, in, operands[0], y, in.loc), in.loc);
    std::vector<int> axes;
    for (int64_t axis : b_.module()[in.attr].ints) axes.push_back(static_cast<int>(axis));
    return plus(magnitude(y, in.loc), b_.sum(b_.op("mul"_op, {w, s}, in.loc), axes, in.loc), in.loc);
  }

  void add_leaves(ValueId v, std::vector<ValueId>& results) {
    if (source_[v].op == "tuple"_op) {
      const std::vector<ValueId> fields(source_.operands(v).begin(), source_.operands(v).end());
      for (ValueId field : fields) add_leaves(field, results);
    } else if (is_float_leaf(v)) {
      const ValueId s = at(scale_, v);
      results.push_back(s ? s : b_.zeros(source_[v].type, source_.loc));
    }
  }

  const Func& source_;
  Builder b_;
  std::vector<ValueId> value_, scale_;  // by value of the source; an absent scale is zero
};

}  // namespace

FuncId scale_function(Compilation& c, FuncId f) {
  Module& m = c.module;
  const std::string key = fmt::format("scale {}", f.i);
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;
  Diagnostics unwanted;
  const FuncId straight = straight_line(m, f, m.unique_name(m[f].name + ".straight"), unwanted);
  FuncId out;
  if (straight) {
    out = start_function(m, m.unique_name(m[f].name + ".scale"), m[straight]);
    m[out].size_vars = m[straight].size_vars;
    Scaler(m, straight, out).run();
  }
  m.derived.emplace(key, out);
  return out;
}

}  // namespace dlc
