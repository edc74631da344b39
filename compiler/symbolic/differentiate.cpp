// Derivatives one scalar parameter at a time, see differentiate.h.
#include "symbolic/differentiate.h"

#include <unordered_set>

#include <fmt/format.h>

#include "ad/carry.h"
#include "ad/reverse.h"
#include "ad/rules.h"
#include "base/check.h"
#include "ops/table.h"
#include "symbolic/errors.h"
#include "symbolic/straight_line.h"

namespace dlc {
namespace {

/// ∂/∂x of the values of one straight-line function; the derivative of an instruction from those of its operands.
class Tangents {
 public:
  Tangents(Builder& b, ValueId x, ValueId one, size_t n_values) : b_(b), carried_(n_values) { at(x) = {one}; }

  Carried& at(ValueId v) { return carried_[static_cast<size_t>(v.i)]; }

  void step(ValueId v) {
    const Inst in = b_.func()[v];
    operands_.assign(b_.func().operands(v).begin(), b_.func().operands(v).end());
    bool is_active = false;
    for (ValueId o : operands_) is_active = is_active || at(o);
    if (!is_active || !is_float(b_.type(v).dtype)) return;
    const Loc loc = in.loc.because(Reason::symbolic_of);
    switch (op_row(in.op).kind) {
      case OpKind::elementwise: at(v) = of_elementwise(v, in, loc); return;
      case OpKind::linear: at(v) = of_linear(in, loc); return;
      case OpKind::bilinear: at(v) = of_bilinear(in, loc); return;
      case OpKind::reduction: at(v) = of_reduction(v, in, loc); return;
      default: DLC_CHECK(false, "a straight-line function computes by ops with a derivative");
    }
  }

 private:
  Carried of_elementwise(ValueId v, const Inst& in, Loc loc) {
    Carried dy;
    for (int k = 0; k < in.n_operands; ++k)
      if (const Carried dx = at(operands_[static_cast<size_t>(k)]))
        dy = added(b_, dy, carry(b_, in, operands_, v, k, dx, b_.types()[in.type].dtype, loc), loc);
    return dy;
  }

  // The op of the tangents. Only `stack` has several operands, some of which may have none.
  Carried of_linear(const Inst& in, Loc loc) {
    Carried like;
    std::vector<ValueId> tangents;
    for (ValueId o : operands_) {
      const Carried dx = at(o);
      like.is_sparse = like.is_sparse || !dx || dx.is_sparse;
      like.is_steep = like.is_steep || dx.is_steep;
      tangents.push_back(dx ? dx.value : b_.zeros(b_.type_id(o), loc));
    }
    return after_linear(b_, b_.rebuild(in, tangents, loc), like);
  }

  // d(a·b) = da·b + a·db
  Carried of_bilinear(const Inst& in, Loc loc) {
    Carried dy;
    for (int k = 0; k < 2; ++k)
      if (const Carried dx = at(operands_[static_cast<size_t>(k)]))
        dy = added(b_, dy, carry_tangent(b_, in, operands_, k, dx, loc), loc);
    return dy;
  }

  // dy = Σ w·dx over the reduced axes
  Carried of_reduction(ValueId v, const Inst& in, Loc loc) {
    const ValueId w = op_row(in.op).weight(b_, in, operands_[0], v, loc);
    const Carried terms = scaled(b_, at(operands_[0]), w, loc);
    const std::vector<int64_t> axes = b_.module()[in.attr].ints;
    return {b_.sum(terms.value, {axes.begin(), axes.end()}, loc), terms.is_sparse, terms.is_steep};
  }

  Builder& b_;
  std::vector<Carried> carried_;
  std::vector<ValueId> operands_;
};

/// The position of each parameter's derivative among those that `gradient` computed for `in_adjoint_order`.
ValueId adjoint_of(Builder& b, ValueId results, const std::vector<bool>& in_adjoint_order, size_t param, Loc loc) {
  int field = 1;
  for (size_t k = 0; k < param; ++k) field += in_adjoint_order[k] ? 1 : 0;
  return b.get(results, field, loc);
}

/// The first function that `f` is or calls whose derivative the program declares; absent if there is none.
FuncId declares_its_derivative(const Module& m, FuncId f) {
  std::vector<FuncId> todo{f};
  std::unordered_set<FuncId> seen{f};
  while (!todo.empty()) {
    const FuncId at = todo.back();
    todo.pop_back();
    if (m[at].rule) return at;
    for (const Inst& in : m[at].insts)
      if (in.op == "call"_op && seen.insert(m[in.attr].func).second) todo.push_back(m[in.attr].func);
  }
  return {};
}

}  // namespace

FuncId symbolic(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics) {
  const std::string key = fmt::format("symbolic {} {}", f.i, wrt.key());
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const std::string name = m[f].name;
  if (const FuncId ruled = declares_its_derivative(m, f)) {
    diagnostics.error(find_kind<kSymbolicErrors>("no-closed-form"), m[m[ruled].rule].loc.span,
                      fmt::format("`{}` has no closed-form derivative: that of `{}` is declared", m[f].name, written_name(m[ruled].name)))
        .help("use mode = reverse or forward");
    return {};
  }
  FuncId source = straight_line(m, f, name + ".line", diagnostics);
  if (!source || !analyse_activity(m, m[source], wrt, diagnostics)) return {};

  Wrt rest = wrt;  // what is not a scalar
  bool any_in_rest = false;
  const std::vector<ValueId> source_params = m[source].body().params;
  for (size_t k = 0; k < source_params.size(); ++k) {
    const Type& t = m.types[m[source][source_params[k]].type];
    rest.active[k] = wrt.active[k] && (t.is_tuple() || t.rank() > 0);
    any_in_rest = any_in_rest || rest.active[k];
  }
  if (any_in_rest && !(source = gradient(m, source, rest, diagnostics))) return {};
  const FuncId id = straight_line(m, source, name + ".symbolic", diagnostics);
  if (!id) return {};

  Builder b(m, id, BlockId{0});
  const ValueId all = m[id].body().result;
  const Loc loc = m[id][all].loc.because(Reason::symbolic_of);
  const ValueId value = any_in_rest ? b.get(all, 0, loc) : all;
  const ValueId y = wrt.of < 0 ? value : b.get(value, wrt.of, loc);
  DLC_CHECK(is_float(b.type(y).dtype) && b.type(y).rank() == 0, "symbolic mode differentiates one float");
  const std::vector<ValueId> needed = needed_values(m[id], std::span(&y, 1));
  const std::vector<ValueId> params = m[id].body().params;
  const size_t n_values = m[id].insts.size();
  std::vector<ValueId> results{value};
  for (size_t k = 0; k < params.size(); ++k) {
    if (!wrt.active[k]) continue;
    if (rest.active[k]) {
      results.push_back(adjoint_of(b, all, rest.active, k, loc));
      continue;
    }
    Tangents tangents(b, params[k], b.constant(1, b.type(params[k]).dtype, loc), n_values);
    for (ValueId v : needed)
      if (m[id][v].n_operands > 0) tangents.step(v);
    const Carried dy = tangents.at(y);
    results.push_back(dy ? b.convert(dy.value, b.type(params[k]).dtype, loc) : b.zeros(b.type_id(params[k]), loc));
  }
  b.set_result(b.tuple(results, loc));
  return m.derived[key] = id;
}

}  // namespace dlc
