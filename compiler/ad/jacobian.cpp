// Jacobians by rows and by columns, see jacobian.h.
#include "ad/jacobian.h"

#include <fmt/format.h>

#include "ad/masks.h"
#include "ad/reverse.h"
#include "ops/request.h"
#include "ops/table.h"

namespace dlc {
namespace {

using Blocks = std::vector<std::vector<ValueId>>;  // by leaf of the result, then by leaf of the parameter

/// One value of block_type(y, p); `row` and `column` count the leaves before y's and p's.
ValueId assembled(Builder& b, TypeId y, TypeId p, const Blocks& blocks, size_t row, size_t column, Loc loc) {
  const bool is_outer = b.types()[y].is_tuple();
  const Type t = b.types()[is_outer ? y : p];
  if (!t.is_tuple()) return blocks[row][column];
  std::vector<ValueId> fields;
  for (const Field& f : t.fields) {
    fields.push_back(is_outer ? assembled(b, f.type, p, blocks, row, column, loc) : assembled(b, y, f.type, blocks, row, column, loc));
    (is_outer ? row : column) += static_cast<size_t>(n_leaves(b.types(), f.type));
  }
  return b.tuple(fields, block_type(b.types(), y, p), loc);
}

/// A map over `box`, whose body yields several values; its results, one by one. Without axes the body itself.
template <class Body>
std::vector<ValueId> for_each(Builder& b, const std::vector<DimId>& box, const std::vector<ValueId>& captures, Body body, Loc loc) {
  if (box.empty()) return body(b, captures, std::span<const ValueId>{});
  const BlockId block = b.begin_map(box, {}, captures, loc);
  Builder inner = b.in(block);
  const std::vector<ValueId> params = b.func()[block].params;
  const std::vector<ValueId> own(params.begin() + static_cast<ptrdiff_t>(box.size()), params.end());
  const std::vector<ValueId> values = body(inner, own, std::span(params).first(box.size()));
  inner.set_result(inner.tuple(values, loc));
  const ValueId all = b.end_map(block, box, captures, loc);
  std::vector<ValueId> results;
  for (size_t k = 0; k < values.size(); ++k) results.push_back(b.get(all, static_cast<int>(k), loc));
  return results;
}

std::vector<DimId> own_sizes(Module& m, const Func& f) {
  std::vector<DimId> sizes;
  for (StrId name : f.size_vars) sizes.push_back(m.types.dims.variable(name));
  return sizes;
}

/// The function that is being made, and where its blocks go.
struct Frame {
  Module& m;
  FuncId f;
  const Wrt& wrt;
  TypeId part;
  std::vector<TypeId> part_leaves;
  Loc loc;

  Frame(Module& module, FuncId base, const Wrt& w, Reason reason)
      : m(module), f(base), wrt(w), part(differentiated_type(module, module[base], w)), part_leaves(leaf_types(module.types, part)),
        loc(module[base].loc.because(reason)) {}

  TypeId param_type(size_t k) const { return m[f][m[f].body().params[k]].type; }

  FuncId finish(Builder& b, const std::vector<ValueId>& args, const std::vector<Blocks>& of_param, const std::string& key) const {
    std::vector<ValueId> results{b.call(f, own_sizes(m, m[f]), args, loc)};
    for (size_t k = 0; k < args.size(); ++k)
      if (wrt.active[k]) results.push_back(assembled(b, part, param_type(k), of_param[k], 0, 0, loc));
    b.set_result(b.tuple(results, loc));
    return m.derived[key] = b.func_id();
  }
};

}  // namespace

FuncId jacobian_by_rows(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics) {
  const std::string key = fmt::format("jacobian by rows {} {}", f.i, wrt.key());
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const FuncId vjp = reverse(m, f, wrt, diagnostics);
  if (!vjp) return {};
  const Frame frame(m, f, wrt, Reason::vjp_of);
  const Loc loc = frame.loc;
  const FuncId id = start_function(m, m[f].name + ".jacobian.by_rows", m[f]);
  Builder b(m, id, BlockId{0});
  const std::vector<ValueId> args = b.func().body().params;
  std::vector<Blocks> of_param(args.size(), Blocks(frame.part_leaves.size()));
  for (size_t row = 0; row < frame.part_leaves.size(); ++row) {
    const TypeId y = frame.part_leaves[row];
    const std::vector<DimId> box = m.types[y].dims;  // a copy: types move as they grow
    const auto body = [&](Builder& at, const std::vector<ValueId>& own, std::span<const ValueId> indices) {
      std::vector<ValueId> slots(frame.part_leaves.size()), all = own, x_bars;
      slots[row] = placed_at(at, y, indices, at.constant(1, m.types[y].dtype, loc), loc);
      all.push_back(pack(at, frame.part, slots, loc));
      const ValueId results = at.call(vjp, own_sizes(m, m[vjp]), all, loc);
      int field = 1;
      for (size_t k = 0; k < args.size(); ++k) {
        if (!wrt.active[k]) continue;
        for (ValueId leaf : leaf_values(at, at.get(results, field++, loc), loc)) x_bars.push_back(leaf);
      }
      return x_bars;
    };
    const std::vector<ValueId> x_bars = for_each(b, box, args, body, loc);
    size_t next = 0;
    for (size_t k = 0; k < args.size(); ++k)
      if (wrt.active[k])
        for (int leaf = 0; leaf < n_leaves(m.types, frame.param_type(k)); ++leaf) of_param[k][row].push_back(x_bars[next++]);
  }
  return frame.finish(b, args, of_param, key);
}

FuncId jacobian_by_columns(Module& m, FuncId f, const Wrt& wrt, Along along, Diagnostics& diagnostics) {
  const std::string key = fmt::format("jacobian by columns {} {} {}", f.i, wrt.key(), along == Along::tangent);
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const Frame frame(m, f, wrt, along == Along::tangent ? Reason::jvp_of : Reason::numeric_of);
  const Loc loc = frame.loc;
  const FuncId id = start_function(m, m[f].name + ".jacobian.by_columns", m[f]);
  Builder b(m, id, BlockId{0});
  const std::vector<ValueId> args = b.func().body().params;
  std::vector<Blocks> of_param(args.size(), Blocks(frame.part_leaves.size()));
  for (size_t k = 0; k < args.size(); ++k) {
    if (!wrt.active[k]) continue;
    const std::vector<TypeId> leaves = leaf_types(m.types, frame.param_type(k));
    for (size_t column = 0; column < leaves.size(); ++column) {
      const std::vector<DimId> box = m.types[leaves[column]].dims;
      const std::optional<Direction> direction = direction_of(m, f, wrt, along, k, static_cast<int>(column), leaves[column], diagnostics);
      if (!direction) return {};
      const auto body = [&](Builder& at, const std::vector<ValueId>& own, std::span<const ValueId> indices) {
        return direction->derivatives(at, own, indices);
      };
      const std::vector<ValueId> dys = for_each(b, box, args, body, loc);
      for (size_t row = 0; row < dys.size(); ++row) {
        // The parameter's axes lead; they belong behind the result's.
        const int n_box = static_cast<int>(box.size()), n_all = b.type(dys[row]).rank();
        std::vector<int> axes;
        for (int axis = n_box; axis < n_all; ++axis) axes.push_back(axis);
        for (int axis = 0; axis < n_box; ++axis) axes.push_back(axis);
        of_param[k][row].push_back(b.transpose(dys[row], axes, loc));
      }
    }
  }
  return frame.finish(b, args, of_param, key);
}

}  // namespace dlc
