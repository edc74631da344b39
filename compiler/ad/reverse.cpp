// The reverse sweep, see reverse.h: the function is copied, then read from right to left. The cotangent of a value is
// complete once all its uses have been passed; one that is absent then means that nothing flows, and its instruction
// is skipped.
#include "ad/reverse.h"

#include <fmt/format.h>

#include "ad/masks.h"
#include "ad/rules.h"
#include "ad/sweep.h"
#include "base/check.h"
#include "ops/array_adjoint.h"
#include "ops/table.h"

namespace dlc {
namespace {

class ReverseSweep : public Sweep {
 public:
  ReverseSweep(Module& module, const Func& f, const Activity& a, Diagnostics& diagnostics)
      : Sweep(module, f, a), diagnostics_(diagnostics) {}

  /// Carries the cotangents of the block's result (already in their slots) back to its parameters.
  void run(Builder& b, const Block& block) {
    for (auto v = block.body.rbegin(); v != block.body.rend(); ++v)
      if (has_carried(*v)) step(b, *v);
  }

  /// x_bar += g, unless leaf `leaf` of `v` depends on nothing active.
  void accumulate(Builder& b, ValueId v, size_t leaf, Carried g, Loc loc) {
    if (depends(v, leaf)) leaves(v)[leaf] = added(b, leaves(v)[leaf], g, loc);
  }
  bool failed() const { return failed_; }

 private:
  void step(Builder& b, ValueId v) {
    const Inst in = source[v];
    const Loc loc = in.loc.because(Reason::vjp_of);
    if (in.n_blocks > 0) return step_region(b, v, loc);
    switch (row(v).kind) {
      case OpKind::structural: return step_structural(b, v, loc);
      case OpKind::elementwise: return step_elementwise(b, v, loc);
      case OpKind::linear: return step_linear(b, v, loc);
      case OpKind::bilinear: return step_bilinear(b, v, loc);
      case OpKind::reduction: return step_reduction(b, v, loc);
      case OpKind::region: DLC_CHECK(false, "a region has blocks");
    }
  }

  void step_structural(Builder& b, ValueId v, Loc loc) {
    const Inst in = source[v];
    const Carried* y_bar = leaves(v);
    if (in.op == "tuple"_op) {
      for (ValueId o : source.operands(v))
        for (size_t k = 0; k < n_leaves(o); ++k, ++y_bar)
          if (*y_bar) accumulate(b, o, k, *y_bar, loc);
    } else if (in.op == "get"_op) {
      const ValueId o = source.operand(v, 0);
      const size_t skipped = static_cast<size_t>(leaves_before(m.types, source[o].type, static_cast<int>(m[in.attr].ints[0])));
      for (size_t k = 0; k < n_leaves(v); ++k)
        if (y_bar[k]) accumulate(b, o, skipped + k, y_bar[k], loc);
    } else if (in.op == "call"_op) {
      step_call(b, v, loc);
    } else if (in.op == "index"_op) {
      const ValueId x = source.operand(v, 0);
      const std::vector<ValueId> mapped = operands(v);
      accumulate(b, x, 0, {placed_at(b, source[x].type, std::span(mapped).subspan(1), y_bar->value, loc), true, y_bar->is_steep}, loc);
    }
  }

  void step_elementwise(Builder& b, ValueId v, Loc loc) {
    const Inst in = source[v];
    const std::vector<ValueId> mapped = operands(v);
    for (int k = 0; k < in.n_operands; ++k) {
      const ValueId x = source.operand(v, k);
      if (!depends(x, 0) || !is_float_value(x)) continue;
      accumulate(b, x, 0, carry(b, in, mapped, at(v), k, *leaves(v), m.types[source[x].type].dtype, loc), loc);
    }
  }

  void step_linear(Builder& b, ValueId v, Loc loc) {
    const Inst in = source[v];
    const std::vector<ValueId> mapped = operands(v);
    for (int k = 0; k < in.n_operands; ++k) {
      const ValueId x = source.operand(v, k);
      if (!depends(x, 0) || !is_float_value(x)) continue;
      const ValueId x_bar = row(v).transpose(b, in, mapped, k, leaves(v)->value, loc);
      accumulate(b, x, 0, after_linear(b, x_bar, *leaves(v)), loc);
    }
  }

  void step_bilinear(Builder& b, ValueId v, Loc loc) {
    const std::vector<ValueId> mapped = operands(v);
    for (int k = 0; k < 2; ++k) {
      const ValueId x = source.operand(v, k);
      if (depends(x, 0) && is_float_value(x)) accumulate(b, x, 0, carry_cotangent(b, source[v], mapped, k, *leaves(v), loc), loc);
    }
  }

  // x_bar = w · y_bar, repeated along the reduced axes
  void step_reduction(Builder& b, ValueId v, Loc loc) {
    const Inst in = source[v];
    const ValueId x = source.operand(v, 0);
    const ValueId w = row(v).weight(b, in, at(x), at(v), loc);
    const ValueId mapped[] = {at(x)};
    const ValueId y_bar = transpose_sum(b, in, mapped, 0, leaves(v)->value, loc);
    const bool has_structural_zeros = true;  // in w: the losers of a maximum
    const bool is_steep = leaves(v)->is_steep;
    accumulate(b, x, 0, {scaled(b, {y_bar, leaves(v)->is_sparse, is_steep}, w, loc).value, has_structural_zeros, is_steep}, loc);
  }

  // The callee's vjp computes the callee's value again; where that matters, calls are inlined before.
  void step_call(Builder& b, ValueId v, Loc loc) {
    const Inst in = source[v];
    const Wrt wrt = wrt_of_call(v, [&](ValueId o) { return has_float(m.types, source[o].type) && activity.any_depends(o); });
    const FuncId callee = reverse(m, m[in.attr].func, wrt, diagnostics_);
    if (!callee) {
      failed_ = true;
      return;
    }
    std::vector<ValueId> slots, args = operands(v);
    for (size_t k = 0; k < n_leaves(v); ++k) slots.push_back(leaves(v)[k].value);
    args.push_back(pack(b, in.type, slots, loc));
    const ValueId results = b.call(callee, m[in.attr].dims, args, loc);
    int field = 1;
    for (int k = 0; k < in.n_operands; ++k) {
      if (!wrt.active[static_cast<size_t>(k)]) continue;
      const ValueId o = source.operand(v, k);
      const std::vector<ValueId> o_bar = unpack(b, source[o].type, b.get(results, field++, loc), loc);
      for (size_t leaf = 0; leaf < o_bar.size(); ++leaf)
        if (o_bar[leaf]) accumulate(b, o, leaf, {o_bar[leaf], true}, loc);
    }
  }

  // The adjoint of a region is a region over the same captures and the cotangents of the result: each block computes
  // its values again, and yields the cotangents of the captures. A map's are then summed over its box.
  void step_region(Builder& b, ValueId v, Loc loc) {
    const Inst in = source[v];
    const bool is_map = in.op == "map"_op;
    const int n_own = is_map ? 0 : 1;
    std::vector<ValueId> outer = operands(v);
    const std::vector<size_t> seeds = present_slots(v);
    for (size_t slot : seeds) outer.push_back(carried[slot].value);

    const BlockId first{static_cast<int32_t>(b.func().blocks.size())};
    for (int32_t k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
    std::vector<std::vector<Carried>> yields;  // per block: per leaf of the captures
    for (int32_t k = 0; k < in.n_blocks; ++k) {
      const Block& inner = source[BlockId{in.first_block.i + k}];
      Builder nested = b.in(BlockId{first.i + k});
      enter_block(nested, v, inner, seeds, loc);
      run(nested, inner);
      yields.push_back(yielded(inner, static_cast<size_t>(in.n_operands - n_own)));
    }

    // (capture, leaf) of each slot that some block has a cotangent for
    std::vector<std::pair<ValueId, size_t>> targets;
    std::vector<size_t> positions;
    size_t position = 0;
    for (int k = n_own; k < in.n_operands; ++k) {
      const ValueId capture = source.operand(v, k);
      for (size_t leaf = 0; leaf < n_leaves(capture); ++leaf, ++position) {
        bool any = false;
        for (const auto& of_block : yields) any = any || of_block[position];
        if (any) targets.emplace_back(capture, leaf), positions.push_back(position);
      }
    }
    if (targets.empty()) return drop_blocks(b, first);
    bool is_sparse = is_map, is_steep = false;
    for (int32_t k = 0; k < in.n_blocks; ++k) {
      Builder nested = b.in(BlockId{first.i + k});
      std::vector<ValueId> values;
      for (size_t n = 0; n < targets.size(); ++n) {
        const Carried g = yields[static_cast<size_t>(k)][positions[n]];
        is_sparse = is_sparse || !g || g.is_sparse;
        is_steep = is_steep || g.is_steep;
        const TypeId type = leaf_types(m.types, source[targets[n].first].type)[targets[n].second];
        values.push_back(g ? g.value : nested.zeros(type, loc));
      }
      nested.set_result(joined(nested, values, loc));
    }
    const ValueId all = close_region(b, in, first, outer, loc);
    for (size_t n = 0; n < targets.size(); ++n) {
      ValueId g = split(b, all, targets.size(), n, loc);
      if (is_map) g = b.sum(g, leading_axes(m[in.attr].dims.size()), loc);
      accumulate(b, targets[n].first, targets[n].second, {g, is_sparse, is_steep}, loc);
    }
  }

  // Parameters of a block: its own (a map's indices), the captures, the result's cotangents. In a map each point
  // reads its own element of those.
  void enter_block(Builder& nested, ValueId v, const Block& inner, const std::vector<size_t>& seeds, Loc loc) {
    const Inst in = source[v];
    for (ValueId p : inner.params)
      at(p) = append_param(m, nested.func(), nested.block(), source[p].op, source[p].type, m[source[p].attr].name, source[p].loc);
    std::vector<ValueId> indices;
    if (in.op == "map"_op)
      for (size_t k = 0; k < m[in.attr].dims.size(); ++k) indices.push_back(at(inner.params[k]));
    const std::vector<TypeId> types = leaf_types(m.types, in.type);
    std::vector<ValueId> bars;
    for (size_t slot : seeds) {
      const TypeId type = types[slot - activity.leaves.begin(v)];
      bars.push_back(append_param(m, nested.func(), nested.block(), "param"_op, type, {}, loc));
    }
    copy_body(nested, inner);
    for (size_t k = 0; k < seeds.size(); ++k) {
      const ValueId bar = nested.index(bars[k], indices, false, loc);
      accumulate(nested, inner.result, seeds[k] - activity.leaves.begin(v), {bar, carried[seeds[k]].is_sparse, carried[seeds[k]].is_steep}, loc);
    }
  }

  std::vector<Carried> yielded(const Block& inner, size_t n_captures) {
    std::vector<Carried> cotangents;
    for (size_t k = inner.params.size() - n_captures; k < inner.params.size(); ++k)
      for (size_t leaf = 0; leaf < n_leaves(inner.params[k]); ++leaf) cotangents.push_back(leaves(inner.params[k])[leaf]);
    return cotangents;
  }

  // Nothing flowed (every block is flat): the blocks begun are the last ones, unless blocks were opened within them.
  static void drop_blocks(Builder& b, BlockId first) {
    while (b.func().blocks.size() > static_cast<size_t>(first.i)) b.func().blocks.pop_back();
  }

  static std::vector<int> leading_axes(size_t n) {
    std::vector<int> axes;
    for (size_t k = 0; k < n; ++k) axes.push_back(static_cast<int>(k));
    return axes;
  }

  Diagnostics& diagnostics_;
  bool failed_ = false;
};

/// The slots of `y`'s differentiated part receive `bar`.
void seed(Builder& b, ReverseSweep& sweep, const Wrt& wrt, TypeId part, ValueId bar, Loc loc) {
  const ValueId y = sweep.source.body().result;
  const size_t skipped = wrt.of < 0 ? 0 : static_cast<size_t>(leaves_before(b.types(), sweep.source[y].type, wrt.of));
  const std::vector<ValueId> slots = unpack(b, part, bar, loc);
  for (size_t k = 0; k < slots.size(); ++k)
    if (slots[k]) sweep.accumulate(b, y, skipped + k, {slots[k]}, loc);
}

FuncId build_reverse(Module& m, FuncId f, const Wrt& wrt, bool with_unit_seed, Diagnostics& diagnostics) {
  const std::string key = fmt::format("{} {} {}", with_unit_seed ? "gradient" : "reverse", f.i, wrt.key());
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const Func& source = m[f];
  const TypeId part = differentiated_type(m, source, wrt);
  DLC_CHECK(has_float(m.types, part), "what is differentiated holds a float");
  if (source.rule) {
    const FuncId by_rule = reverse_by_rule(m, f, wrt, with_unit_seed, diagnostics);
    return by_rule ? m.derived[key] = by_rule : by_rule;
  }
  const std::optional<Activity> activity = analyse_activity(m, source, wrt, diagnostics);
  if (!activity) return {};

  const FuncId id = start_function(m, source.name + (with_unit_seed ? ".gradient" : ".reverse"), source);
  m[id].is_kept = source.is_kept;
  // Known before its body is: a function that calls itself has a derivative that does.
  m.derived[key] = id;
  std::vector<Field> fields{{{}, source.result_type()}};
  for (size_t k = 0; k < wrt.active.size(); ++k)
    if (const TypeId type = source[source.body().params[k]].type; wrt.active[k] && has_float(m.types, type)) fields.push_back({{}, float_part(m.types, type)});
  m[id].declared_result = m.types.tuple(std::move(fields));
  ReverseSweep sweep(m, source, *activity, diagnostics);
  Builder b(m, id, BlockId{0});
  for (size_t k = 0; k < wrt.active.size(); ++k) sweep.at(source.body().params[k]) = b.func().body().params[k];
  const ValueId y = source.body().result;
  const Loc loc = source[y].loc.because(Reason::vjp_of);
  ValueId bar;
  if (with_unit_seed) {
    bar = b.full(part, 1, loc);
  } else {
    bar = append_param(m, b.func(), BlockId{0}, "param"_op, float_part(m.types, part), m.strings.intern("bar"), loc);
  }
  sweep.copy_body(b, source.body());
  seed(b, sweep, wrt, part, bar, loc);
  sweep.run(b, source.body());
  if (sweep.failed()) return m.derived.erase(key), FuncId{};

  std::vector<ValueId> results{sweep.at(y)};
  for (size_t k = 0; k < wrt.active.size(); ++k) {
    const ValueId p = source.body().params[k];
    if (!wrt.active[k] || !has_float(m.types, source[p].type)) continue;
    std::vector<ValueId> slots;
    for (size_t leaf = 0; leaf < sweep.n_leaves(p); ++leaf) slots.push_back(sweep.leaves(p)[leaf].value);
    results.push_back(pack(b, source[p].type, slots, loc));
  }
  b.set_result(b.tuple(results, loc));
  return id;
}

}  // namespace

FuncId reverse(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics) {
  return build_reverse(m, f, wrt, false, diagnostics);
}

FuncId gradient(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics) {
  return build_reverse(m, f, wrt, true, diagnostics);
}

}  // namespace dlc
