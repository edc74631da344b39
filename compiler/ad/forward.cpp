// The forward sweep, see forward.h: left to right, each instruction is copied and its tangent built beside it.
#include "ad/forward.h"

#include <fmt/format.h>

#include "ad/rules.h"
#include "ad/sweep.h"
#include "base/check.h"
#include "ops/array_adjoint.h"
#include "ops/table.h"

namespace dlc {
namespace {

class ForwardSweep : public Sweep {
 public:
  ForwardSweep(Module& module, const Func& f, const Activity& a, Diagnostics& diagnostics)
      : Sweep(module, f, a), diagnostics_(diagnostics) {}

  void run(Builder& b, const Block& block) {
    for (ValueId v : block.body) step(b, v);
  }
  bool failed() const { return failed_; }

 private:
  void step(Builder& b, ValueId v) {
    const Inst in = source[v];
    bool is_active = false;
    for (ValueId o : source.operands(v)) is_active = is_active || has_carried(o);
    // Also without a tangent: inside, an int that depends may be converted, which is an error to be found.
    if (in.n_blocks > 0 || in.op == "call"_op) is_active = is_active || activity.any_depends(v);
    if (is_active && in.n_blocks > 0 && region_shape(m, in).n_carried > 0) return step_loop(b, v);
    if (is_active && in.n_blocks > 0) return step_region(b, v);
    if (is_active && in.op == "call"_op && has_float(m.types, in.type)) return step_call(b, v);
    copy(b, v);
    if (!is_active) return;
    const Loc loc = in.loc.because(Reason::jvp_of);
    switch (row(v).kind) {
      case OpKind::structural: return step_structural(v);
      case OpKind::elementwise: return step_elementwise(b, v, loc);
      case OpKind::linear: *leaves(v) = tangent_of_linear(b, v, loc); return;
      case OpKind::bilinear: return step_bilinear(b, v, loc);
      case OpKind::reduction: return step_reduction(b, v, loc);
      case OpKind::region: DLC_CHECK(false, "regions are stepped with their blocks");
    }
  }

  void step_structural(ValueId v) {
    const Inst in = source[v];
    if (in.op == "tuple"_op) {
      Carried* to = leaves(v);
      for (ValueId o : source.operands(v))
        for (size_t k = 0; k < n_leaves(o); ++k) *to++ = leaves(o)[k];
    } else if (in.op == "get"_op) {
      const Carried* from = field_leaves(source.operand(v, 0), static_cast<int>(m[in.attr].ints[0]));
      std::copy(from, from + n_leaves(v), leaves(v));
    }
  }

  void step_elementwise(Builder& b, ValueId v, Loc loc) {
    if (!is_float_value(v)) return;
    const Inst in = source[v];
    const std::vector<ValueId> mapped = operands(v);
    Carried dy;
    for (int k = 0; k < in.n_operands; ++k)
      if (const Carried dx = *leaves(source.operand(v, k)))
        dy = added(b, dy, carry(b, in, mapped, at(v), k, dx, m.types[in.type].dtype, loc), loc);
    *leaves(v) = dy;
  }

  // A linear op of the tangents, and of the operands as they are where those are ints (subscripts).
  Carried tangent_of_linear(Builder& b, ValueId v, Loc loc) {
    std::vector<ValueId> tangents = operands(v);
    Carried like;
    bool any = false;
    for (size_t k = 0; k < tangents.size(); ++k) {
      const ValueId o = source.operand(v, static_cast<int>(k));
      if (!is_float_value(o)) continue;
      const Carried dx = *leaves(o);
      any = any || dx;
      like.is_sparse = like.is_sparse || !dx || dx.is_sparse;
      like.is_steep = like.is_steep || dx.is_steep;
      tangents[k] = dx ? dx.value : b.zeros(source[o].type, loc);
    }
    if (!any) return {};
    return after_linear(b, b.rebuild(source[v], tangents, loc), like);
  }

  // d(a·b) = da·b + a·db
  void step_bilinear(Builder& b, ValueId v, Loc loc) {
    for (int k = 0; k < 2; ++k)
      if (const Carried dx = *leaves(source.operand(v, k)))
        *leaves(v) = added(b, *leaves(v), carry_tangent(b, source[v], operands(v), k, dx, loc), loc);
  }

  // dy = Σ w·dx over the reduced axes
  void step_reduction(Builder& b, ValueId v, Loc loc) {
    if (!is_float_value(v)) return;
    const Inst in = source[v];
    const ValueId x = source.operand(v, 0);
    const ValueId w = row(v).weight(b, in, at(x), at(v), loc);
    const Carried terms = scaled(b, *leaves(x), w, loc);
    const auto& axes = m[in.attr].ints;
    *leaves(v) = {b.sum(terms.value, {axes.begin(), axes.end()}, loc), terms.is_sparse, terms.is_steep};
  }

  void step_call(Builder& b, ValueId v) {
    const Inst in = source[v];
    const Loc loc = in.loc.because(Reason::jvp_of);
    const Wrt wrt = wrt_of_call(v, [&](ValueId o) { return has_carried(o); });
    const FuncId callee = forward(m, m[in.attr].func, wrt, diagnostics_);
    if (!callee) return fail(b, v);
    std::vector<ValueId> args;
    for (ValueId o : arguments(v)) args.push_back(at(o));
    for (ValueId o : arguments(v))
      if (has_carried(o)) args.push_back(packed_tangent(b, o, loc));
    const ValueId both = call_like(b, v, callee, args, loc);
    at(v) = b.get(both, 0, loc);
    const std::vector<ValueId> slots = unpack(b, in.type, b.get(both, 1, loc), loc);
    for (size_t k = 0; k < slots.size(); ++k)
      if (depends(v, k)) leaves(v)[k] = {slots[k], true};
  }

  ValueId packed_tangent(Builder& b, ValueId v, Loc loc) {
    std::vector<ValueId> slots;
    for (size_t k = 0; k < n_leaves(v); ++k) slots.push_back(leaves(v)[k].value);
    return pack(b, source[v].type, slots, loc);
  }

  // The tangent of a region is a region: the tangents of its captures are captures too, and its blocks yield
  // (value, tangents). A leaf has a tangent when it has one in some block.
  void step_region(Builder& b, ValueId v) {
    const Inst in = source[v];
    const Loc loc = in.loc.because(Reason::jvp_of);
    const int n_own = in.op == "if"_op ? 1 : 0;
    std::vector<ValueId> outer = operands(v);
    std::vector<size_t> slots;  // of the captures, where they have tangents
    for (int k = n_own; k < in.n_operands; ++k)
      for (size_t slot : present_slots(source.operand(v, k))) slots.push_back(slot), outer.push_back(carried[slot].value);

    const int32_t first = static_cast<int32_t>(b.func().blocks.size());
    for (int32_t k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
    std::vector<bool> has_tangent(n_leaves(v)), is_sparse(n_leaves(v)), is_steep(n_leaves(v));
    for (int32_t k = 0; k < in.n_blocks; ++k) {
      const Block& inner = source[BlockId{in.first_block.i + k}];
      Builder nested = b.in(BlockId{first + k});
      enter_block(nested, v, inner, n_own);
      run(nested, inner);
      for (size_t leaf = 0; leaf < n_leaves(v); ++leaf) {
        const Carried dy = leaves(inner.result)[leaf];
        (dy ? has_tangent : is_sparse)[leaf] = true;
        if (dy.is_sparse) is_sparse[leaf] = true;
        if (dy.is_steep) is_steep[leaf] = true;
      }
    }
    for (int32_t k = 0; k < in.n_blocks; ++k)
      leave_block(b.in(BlockId{first + k}), source[BlockId{in.first_block.i + k}], has_tangent, loc);

    const ValueId all = close_region(b, in, BlockId{first}, outer, loc);
    size_t n = 1, next = 1;
    for (bool has : has_tangent) n += has ? 1 : 0;
    at(v) = b.part(all, n, 0, loc);
    for (size_t leaf = 0; leaf < has_tangent.size(); ++leaf)
      if (has_tangent[leaf]) leaves(v)[leaf] = {b.part(all, n, next++, loc), is_sparse[leaf], is_steep[leaf]};
  }

  // A loop carries the tangents of what it carries, where some step makes them depend. A tangent that is absent before the
  // loop begins as zeros; whether zeros or infinities in it mean anything is found by building the body until that is known.
  void step_loop(Builder& b, ValueId v) {
    const Inst in = source[v];
    const Loc loc = in.loc.because(Reason::jvp_of);
    const RegionShape shape = region_shape(m, in);
    const auto n = static_cast<size_t>(shape.n_carried);
    const Block& body = source[BlockId{in.first_block.i + in.n_blocks - 1}];
    std::vector<ValueId> carried, captures;
    std::vector<size_t> active;  // positions of the carried values that have a tangent
    std::vector<CarriedFlags> flags;
    for (size_t k = 0; k < n; ++k) carried.push_back(at(source.operand(v, shape.own_operands + static_cast<int>(k))));
    for (size_t k = 0; k < n; ++k) {
      const ValueId o = source.operand(v, shape.own_operands + static_cast<int>(k));
      if (!depends(v, k) || !is_float_value(o)) continue;
      active.push_back(k);
      flags.emplace_back().grow(*leaves(o));
      carried.push_back(*leaves(o) ? leaves(o)->value : b.zeros(source[o].type, loc));
    }
    const int first_capture = shape.own_operands + shape.n_carried;
    for (int k = first_capture; k < in.n_operands; ++k) captures.push_back(at(source.operand(v, k)));
    for (int k = first_capture; k < in.n_operands; ++k)
      for (size_t slot : present_slots(source.operand(v, k))) captures.push_back(this->carried[slot].value);

    for (bool is_known = false; !is_known;) {
      const bool is_for = in.op == "for"_op;
      const Builder::WhileBlocks blocks = is_for ? Builder::WhileBlocks{{}, b.begin_for(carried, captures, loc)} : b.begin_while(carried, captures, loc);
      if (!is_for) {
        const Block& condition = source[in.first_block];
        Builder test = b.in(blocks.condition);
        enter_loop_block(test, v, shape, condition, active, flags);
        copy_body(test, condition);
        test.set_result(at(condition.result));
      }
      Builder nested = b.in(blocks.body);
      clear(body);
      enter_loop_block(nested, v, shape, body, active, flags);
      run(nested, body);
      std::vector<ValueId> values;
      for (size_t k = 0; k < n; ++k) values.push_back(nested.part(at(body.result), n, k, loc));
      is_known = true;
      for (size_t k = 0; k < active.size(); ++k) {
        const Carried dy = leaves(body.result)[active[k]];
        if (flags[k].grow(dy)) is_known = false;
        values.push_back(dy ? dy.value : nested.zeros(source[body.params[static_cast<size_t>(shape.own_params) + active[k]]].type, loc));
      }
      if (!is_known) continue;
      nested.set_result(nested.joined(values, loc));
      const LoopOptions options = loop_options(m, in.attr);
      const ValueId all = is_for ? b.end_for(blocks.body, at(source.operand(v, 0)), carried, captures, options, loc)
                                 : b.end_while(blocks, carried, captures, options, loc);
      std::vector<ValueId> primals;
      for (size_t k = 0; k < n; ++k) primals.push_back(b.part(all, values.size(), k, loc));
      at(v) = n == 1 ? primals[0] : b.tuple(primals, in.type, loc);
      for (size_t k = 0; k < active.size(); ++k)
        leaves(v)[active[k]] = {b.part(all, values.size(), n + k, loc), flags[k].is_sparse, flags[k].is_steep};
    }
  }

  // Parameters of a loop's block: its own, the carried values, their tangents, the captures, the captures' tangents.
  void enter_loop_block(Builder& nested, ValueId v, const RegionShape& shape, const Block& inner, const std::vector<size_t>& active,
                        const std::vector<CarriedFlags>& flags) {
    const std::vector<ValueId> made = nested.func()[nested.block()].params;
    const auto own = static_cast<size_t>(shape.own_params), n = static_cast<size_t>(shape.n_carried);
    for (size_t k = 0; k < own + n; ++k) at(inner.params[k]) = made[k];
    size_t next = own + n;
    for (size_t k = 0; k < active.size(); ++k) leaves(inner.params[own + active[k]])[0] = {made[next++], flags[k].is_sparse, flags[k].is_steep};
    for (size_t k = own + n; k < inner.params.size(); ++k) at(inner.params[k]) = made[next++];
    for (size_t k = own + n; k < inner.params.size(); ++k) {
      const ValueId capture = source.operand(v, shape.own_operands + static_cast<int>(k - own));
      for (size_t leaf = 0; leaf < n_leaves(capture); ++leaf)
        if (const Carried dx = leaves(capture)[leaf]) leaves(inner.params[k])[leaf] = {made[next++], dx.is_sparse, dx.is_steep};
    }
  }

  // Parameters of a block: its own (a map's indices), the captures, the tangents of the captures.
  void enter_block(Builder& nested, ValueId v, const Block& inner, int n_own) {
    for (ValueId p : inner.params)
      at(p) = append_param(m, nested.func(), nested.block(), source[p].op, source[p].type, m[source[p].attr].name, source[p].loc);
    const Inst in = source[v];
    const size_t n_indices = inner.params.size() - static_cast<size_t>(in.n_operands - n_own);
    for (int k = n_own; k < in.n_operands; ++k) {
      const ValueId capture = source.operand(v, k), p = inner.params[n_indices + static_cast<size_t>(k - n_own)];
      const std::vector<TypeId> types = leaf_types(m.types, source[p].type);
      for (size_t leaf = 0; leaf < n_leaves(capture); ++leaf) {
        if (!leaves(capture)[leaf]) continue;
        const ValueId dp = append_param(m, nested.func(), nested.block(), source[p].op, types[leaf], {}, source[p].loc);
        leaves(p)[leaf] = {dp, leaves(capture)[leaf].is_sparse, leaves(capture)[leaf].is_steep};
      }
    }
  }

  void leave_block(Builder nested, const Block& inner, const std::vector<bool>& has_tangent, Loc loc) {
    std::vector<ValueId> values{at(inner.result)};
    const std::vector<TypeId> types = leaf_types(m.types, source[inner.result].type);
    for (size_t leaf = 0; leaf < has_tangent.size(); ++leaf) {
      if (!has_tangent[leaf]) continue;
      const Carried dy = leaves(inner.result)[leaf];
      values.push_back(dy ? dy.value : nested.zeros(types[leaf], loc));
    }
    nested.set_result(nested.joined(values, loc));
  }

  void fail(Builder& b, ValueId v) {
    failed_ = true;
    copy(b, v);
  }

  Diagnostics& diagnostics_;
  bool failed_ = false;
};

/// Maps the parameters and appends `d<name>` for the active ones.
void add_tangent_params(Builder& b, ForwardSweep& sweep, const Wrt& wrt) {
  Module& m = b.module();
  const Func& source = sweep.source;
  std::vector<std::pair<ValueId, ValueId>> tangents;  // (parameter of source, its tangent)
  for (size_t k = 0; k < wrt.active.size(); ++k) {
    const ValueId p = source.body().params[k];
    sweep.at(p) = b.func().body().params[k];
    const TypeId type = wrt.active[k] ? float_part(m.types, source[p].type) : TypeId{};
    if (!type) continue;
    const StrId name = m.strings.intern(fmt::format("d{}", m.strings[m[source[p].attr].name]));
    tangents.emplace_back(p, append_param(m, b.func(), BlockId{0}, source[p].op, type, name, source[p].loc.because(Reason::jvp_of)));
  }
  for (const auto& [p, dp] : tangents) {
    const std::vector<ValueId> slots = unpack(b, source[p].type, dp, source[p].loc.because(Reason::jvp_of));
    for (size_t leaf = 0; leaf < slots.size(); ++leaf) sweep.leaves(p)[leaf] = {slots[leaf]};
  }
}

}  // namespace

FuncId forward(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics) {
  const std::string key = fmt::format("forward {} {}", f.i, wrt.key());
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const Func& source = m[f];
  DLC_CHECK(has_float(m.types, differentiated_type(m, source, wrt)), "what is differentiated holds a float");
  if (source.rule) {
    const FuncId by_rule = forward_by_rule(m, f, wrt, diagnostics);
    return by_rule ? m.derived[key] = by_rule : by_rule;
  }
  const std::optional<Activity> activity = analyse_activity(m, source, wrt, diagnostics);
  if (!activity) return {};

  const FuncId id = start_function(m, source.name + ".forward", source);
  m[id].is_kept = source.is_kept;
  // Known before its body is: a function that calls itself has a derivative that does.
  m.derived[key] = id;
  const TypeId dy_type = float_part(m.types, differentiated_type(m, source, wrt));
  m[id].declared_result = m.types.tuple({{{}, source.result_type()}, {{}, dy_type}});
  ForwardSweep sweep(m, source, *activity, diagnostics);
  Builder b(m, id, BlockId{0});
  add_tangent_params(b, sweep, wrt);
  sweep.run(b, source.body());
  if (sweep.failed()) return m.derived.erase(key), FuncId{};

  const ValueId y = source.body().result;
  const Loc loc = source[y].loc.because(Reason::jvp_of);
  const TypeId part = differentiated_type(m, source, wrt);
  const Carried* dy = wrt.of < 0 ? sweep.leaves(y) : sweep.field_leaves(y, wrt.of);
  std::vector<ValueId> slots;
  for (int k = 0; k < n_leaves(m.types, part); ++k) slots.push_back(dy[k].value);
  const ValueId results[] = {sweep.at(y), pack(b, part, slots, loc)};
  b.set_result(b.tuple(results, loc));
  return id;
}

}  // namespace dlc
