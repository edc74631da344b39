// The reverse sweep, see reverse.h: the function is copied, then read from right to left. The cotangent of a value is
// complete once all its uses have been passed; one that is absent then means that nothing flows, and its instruction
// is skipped.
#include "ad/reverse.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>

#include "ad/checkpoints.h"
#include "ad/loop_function.h"
#include "ad/rules.h"
#include "ad/stores.h"
#include "ad/sweep.h"
#include "ad/trails.h"
#include "ad/undo.h"
#include "base/check.h"
#include "ops/array_adjoint.h"
#include "ops/table.h"

namespace dlc {
namespace {

class ReverseSweep : public Sweep {
 public:
  ReverseSweep(Module& module, const Func& f, const Activity& a, Diagnostics& diagnostics)
      : Sweep(module, f, a), diagnostics_(diagnostics), undo_(module, f, a), trails_(module, f, undo_, primal) {}

  /// Carries the cotangents of the block's result (already in their slots) back to its parameters.
  void run(Builder& b, const Block& block) {
    for (auto v = block.body.rbegin(); v != block.body.rend(); ++v) {
      if (!has_carried(*v)) continue;
      trails_.hand_over(b, *v);
      step(b, *v);
    }
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
    if (in.n_blocks > 0 && region_shape(m, in).n_carried > 0) return step_loop(b, v, loc);
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
    const bool stores = in.op == "put"_op || in.op == "add_at"_op;
    for (int n = 0; n < in.n_operands; ++n) {
      // What was stored is read from the cotangent before that is changed there: then it can be changed in place.
      const int k = stores ? in.n_operands - 1 - n : n;
      const ValueId x = source.operand(v, k);
      if (!depends(x, 0) || !is_float_value(x)) continue;
      if (in.op == "view"_op && loop_depth_ > 0 && add_in_place(b, v, x, loc)) continue;
      const ValueId x_bar = row(v).transpose(b, in, mapped, k, leaves(v)->value, loc);
      accumulate(b, x, 0, after_linear(b, x_bar, *leaves(v)), loc);
    }
  }

  // In every step of a loop: not to the whole array each time. A view of a view hands on where it was read.
  bool add_in_place(Builder& b, ValueId view, ValueId x, Loc loc) {
    if (!*leaves(x) && source[x].op != "view"_op) return false;
    const Carried before = *leaves(x) ? *leaves(x) : Carried{b.zeros(source[x].type, loc), true};
    const ValueId total = add_through_view(b, before.value, leaves(view)->value, view_map(m, source[view].attr), loc);
    if (total) *leaves(x) = {total, before.is_sparse, before.is_steep || leaves(view)->is_steep};
    return static_cast<bool>(total);
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
    std::vector<ValueId> slots, args;
    for (ValueId o : arguments(v)) args.push_back(at(o));
    for (size_t k = 0; k < n_leaves(v); ++k) slots.push_back(leaves(v)[k].value);
    args.push_back(pack(b, in.type, slots, loc));
    const ValueId results = call_like(b, v, callee, args, loc);
    int field = 1;
    for (int k = 0; k < static_cast<int>(arguments(v).size()); ++k) {
      if (!wrt.active[static_cast<size_t>(k)]) continue;
      const ValueId o = source.operand(v, k);
      const std::vector<ValueId> o_bar = unpack(b, source[o].type, b.get(results, field++, loc), loc);
      for (size_t leaf = 0; leaf < o_bar.size(); ++leaf)
        if (o_bar[leaf]) accumulate(b, o, leaf, {o_bar[leaf], true}, loc);
    }
  }

  // The adjoint of a region is a region over the same captures and the cotangents of the result: each block computes
  // its values again, and yields the cotangents of the captures. A map's are then summed over its box. A branch is also given
  // what the captures' cotangents are so far, and adds to them: one element, where it read one.
  void step_region(Builder& b, ValueId v, Loc loc) {
    const Inst in = source[v];
    const bool is_map = in.op == "map"_op;
    const int n_own = is_map ? 0 : 1;
    std::vector<ValueId> outer = operands(v);
    const std::vector<size_t> seeds = present_slots(v);
    for (size_t slot : seeds) outer.push_back(carried[slot].value);
    const std::vector<Total> totals = is_map ? std::vector<Total>{} : totals_of(v);
    for (const Total& total : totals) outer.push_back(carried[total.slot].value);
    std::vector<Through> through = is_map ? std::vector<Through>{} : trails_.through(v);
    const std::vector<ValueId> kept = trails_.kept(through);
    outer.insert(outer.end(), kept.begin(), kept.end());

    const BlockId first{static_cast<int32_t>(b.func().blocks.size())};
    for (int32_t k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
    std::vector<std::vector<Carried>> yields;  // per block: per leaf of the captures
    std::vector<std::vector<ValueId>> given;   // per block: the parameters of `totals`
    for (int32_t k = 0; k < in.n_blocks; ++k) {
      const Block& inner = source[BlockId{in.first_block.i + k}];
      Builder nested = b.in(BlockId{first.i + k});
      given.push_back(enter_block(nested, v, inner, seeds, totals, loc));
      trails_.enter_side(nested, v, k, through, loc);
      run(nested, inner);
      trails_.leave_side(nested, v, k, through, loc);
      yields.push_back(yielded(inner, static_cast<size_t>(in.n_operands - n_own)));
    }

    // (capture, leaf) of each slot that some block has a cotangent for
    struct Target {
      ValueId capture;
      size_t leaf, position;
      const Total* total;
    };
    std::vector<Target> targets;
    size_t position = 0;
    for (int k = n_own; k < in.n_operands; ++k) {
      const ValueId capture = source.operand(v, k);
      for (size_t leaf = 0; leaf < n_leaves(capture); ++leaf, ++position) {
        const auto total = std::find_if(totals.begin(), totals.end(), [&](const Total& t) { return t.position == position; });
        const Total* const so_far = total != totals.end() ? &*total : nullptr;
        bool any = false;
        for (size_t block = 0; block < yields.size(); ++block) {
          const Carried g = yields[block][position];
          any = any || (g && !(so_far && g.value == given[block][static_cast<size_t>(total - totals.begin())]));
        }
        if (any) targets.push_back({capture, leaf, position, so_far});
      }
    }
    if (targets.empty()) return drop_blocks(b, first);
    std::erase_if(through, [](const Through& t) { return !t.is_changed; });
    bool is_sparse = is_map, is_steep = false;
    for (int32_t k = 0; k < in.n_blocks; ++k) {
      Builder nested = b.in(BlockId{first.i + k});
      std::vector<ValueId> values;
      for (const Target& target : targets) {
        const Carried g = yields[static_cast<size_t>(k)][target.position];
        is_sparse = is_sparse || !g || g.is_sparse;
        is_steep = is_steep || g.is_steep;
        values.push_back(g ? g.value : nested.zeros(leaf_types(m.types, source[target.capture].type)[target.leaf], loc));
      }
      for (const Through& t : through) values.push_back(t.arrays[k]);
      nested.set_result(nested.joined(values, loc));
    }
    const ValueId all = close_region(b, in, first, outer, loc);
    const size_t n_results = targets.size() + through.size();
    for (size_t n = 0; n < through.size(); ++n) trails_.before_branch(through[n], b.part(all, n_results, targets.size() + n, loc));
    for (size_t n = 0; n < targets.size(); ++n) {
      ValueId g = b.part(all, n_results, n, loc);
      if (is_map) g = b.sum(g, leading_axes(m[in.attr].dims.size()), loc);
      if (targets[n].total) leaves(targets[n].capture)[targets[n].leaf] = {g, is_sparse, is_steep};
      else accumulate(b, targets[n].capture, targets[n].leaf, {g, is_sparse, is_steep}, loc);
    }
  }

  /// A leaf of a branch's captures that has a cotangent already; `position` counts the captures' leaves.
  struct Total {
    size_t slot, position;
    size_t capture, leaf;
  };
  std::vector<Total> totals_of(ValueId branch) {
    std::vector<Total> totals;
    size_t position = 0;
    for (int k = 1; k < source[branch].n_operands; ++k) {
      const ValueId o = source.operand(branch, k);
      for (size_t leaf = 0; leaf < n_leaves(o); ++leaf, ++position) {
        const size_t slot = activity.leaves.begin(o) + leaf;
        const bool is_known = std::any_of(totals.begin(), totals.end(), [&](const Total& t) { return t.slot == slot; });
        if (carried[slot] && !is_known) totals.push_back({slot, position, static_cast<size_t>(k) - 1, leaf});
      }
    }
    return totals;
  }

  // ---- loops
  //
  // On the way forward a loop keeps, for every step, the values that it carries: the tape, an array per carried value
  // with a row per step. On the way back a loop over the steps from the last to the first computes the step's values again
  // from its row, and carries the cotangents of the carried values and of what the body captures.
  //
  //   for i { s' = body(i, s, c) }    →    for i { tape' = put(tape, s, i)   s' = body(i, s, c) }
  //                                        for i from the last { s = tape[i]   (s_bar, c_bar) += body'(i, s, c)ᵀ s_bar }
  //
  // What of the tape the way back does not read is dropped by dce. A `while` counts its steps beside.

  struct Tape {
    ValueId count;                       // of the steps that were made
    bool has_values = false;             // false: the number of steps has no bound
    std::vector<ValueId> values;         // per carried value; absent where there are stores
    std::vector<std::vector<Store>> stores;
    std::vector<ValueId> last;           // per carried value: what it is after the loop
  };

  void copy_region(Builder& b, ValueId v) override {
    const Inst in = source[v];
    const RegionShape shape = region_shape(m, in);
    const LoopOptions options = shape.n_carried > 0 ? loop_options(m, in.attr) : LoopOptions{};
    if (shape.n_carried == 0 || !activity.any_depends(v)) return Sweep::copy_region(b, v);
    copy_loop(b, v, shape, options);
  }

  // Where nothing bounds the number of steps the loop is a function of its own (ad/loop_function.h). On the way forward the loop
  // runs and counts; on the way back the derivative of that function is called with the count, runs the loop again with a tape, and back.
  void step_unbounded_loop(Builder& b, ValueId v, const RegionShape& shape, ValueId count, Loc loc) {
    const Inst in = source[v];
    const FuncId loop = loop_function(m, source, v);
    const Block& body = source[BlockId{in.first_block.i + in.n_blocks - 1}];
    Wrt wrt({false});
    wrt.tainted = {false};
    std::vector<ValueId> args{count};
    for (int k = shape.own_operands; k < in.n_operands; ++k) {
      const ValueId o = source.operand(v, k), param = body.params[static_cast<size_t>(shape.own_params + k - shape.own_operands)];
      args.push_back(at(o));
      bool is_tainted = false;
      const std::vector<TypeId> types = leaf_types(m.types, source[o].type);
      for (size_t leaf = 0; leaf < types.size(); ++leaf) is_tainted = is_tainted || (!is_float(m.types[types[leaf]].dtype) && depends(param, leaf));
      wrt.active.push_back(activity.any_depends(param) && has_float(m.types, source[o].type));
      wrt.tainted.push_back(is_tainted);
    }
    const FuncId derivative = reverse(m, loop, wrt, diagnostics_);
    if (!derivative) return static_cast<void>(failed_ = true);
    std::vector<ValueId> slots;
    for (size_t k = 0; k < n_leaves(v); ++k) slots.push_back(leaves(v)[k].value);
    args.push_back(pack(b, in.type, slots, loc));
    std::vector<DimId> sizes;
    for (StrId name : source.size_vars) sizes.push_back(m.types.dims.variable(name));
    sizes.push_back(m.types.dims.constant(0));
    const ValueId results = b.call(derivative, sizes, args, {static_cast<int64_t>(source.size_vars.size())}, std::span(&count, 1), loc);
    int field = 1;
    for (size_t k = 1; k < wrt.active.size(); ++k) {
      if (!wrt.active[k]) continue;
      const ValueId o = source.operand(v, shape.own_operands + static_cast<int>(k) - 1);
      const std::vector<ValueId> o_bar = unpack(b, source[o].type, b.get(results, field++, loc), loc);
      for (size_t leaf = 0; leaf < o_bar.size(); ++leaf)
        if (o_bar[leaf]) accumulate(b, o, leaf, {o_bar[leaf], true}, loc);
    }
  }

  /// A tape is an array with a row per step: of the carried values, or of what stores overwrite and their subscripts.
  struct Recording {
    std::vector<ValueId> initial;  // zeros, in the order in which the loop carries them
    DimId bound;
    ValueId add(Builder& b, TypeId row, Loc loc) {
      initial.push_back(b.zeros(row, loc));
      return initial.back();
    }
  };

  /// What undoes an update: see Store::tapes.
  using Keep = std::function<void(const Update&, std::span<const ValueId> kept)>;

  /// Copies a block, and hands over what its stores overwrite; of those in a branch after it.
  void copy_keeping(Builder& b, const Block& block, const StepStores& stores, const Keep& keep) {
    for (ValueId v : block.body) {
      if (stores.in_branch.contains(v.i)) {
        copy_branch_keeping(b, v, stores, keep);
        continue;
      }
      const std::vector<Update> updates = stores.made_by(v);
      if (!updates.empty() && source[v].n_blocks == 0) {
        std::vector<ValueId> kept = operands(v);
        kept.erase(kept.begin());
        kept[0] = b.index(at(source.operand(v, 0)), std::span(kept).subspan(1), bounds_of(m, source[v]), source[v].loc);
        keep(updates[0], kept);
      }
      copy(b, v);
      for (const Update& u : updates) {
        if (source[v].n_blocks == 0) continue;
        const Tape& tape = tapes_.at(v.i);
        std::vector<ValueId> kept{tape.count};
        for (const Store& store : tape.stores[u.part]) kept.insert(kept.end(), store.tapes.begin(), store.tapes.end());
        keep(u, kept);
      }
    }
  }

  /// An `if` yields what its stores overwrite behind its results; of a store in the other side, at -1, and of a loop no steps.
  void copy_branch_keeping(Builder& b, ValueId v, const StepStores& stores, const Keep& keep) {
    const Inst in = source[v];
    const std::vector<Update>& inside = stores.in_branch.at(v.i);
    const size_t n_results = m.types[in.type].is_tuple() ? m.types[in.type].fields.size() : 1;
    const BlockId first{static_cast<int32_t>(b.func().blocks.size())};
    for (int side = 0; side < 2; ++side) b.func().blocks.emplace_back();
    size_t n_values = 0;
    for (int side = 0; side < 2; ++side) {
      const Block& inner = source[BlockId{in.first_block.i + side}];
      Builder nested = b.in(BlockId{first.i + side});
      for (ValueId p : inner.params) at(p) = append_param(m, b.func(), nested.block(), source[p].op, source[p].type, m[source[p].attr].name, source[p].loc);
      std::map<std::pair<int32_t, size_t>, std::vector<ValueId>> made;
      copy_keeping(nested, inner, stores, [&](const Update& u, std::span<const ValueId> kept) { made[{u.inst.i, u.part}].assign(kept.begin(), kept.end()); });
      std::vector<ValueId> values;
      for (size_t k = 0; k < n_results; ++k) values.push_back(m.types[in.type].is_tuple() ? nested.get(at(inner.result), static_cast<int>(k), in.loc) : at(inner.result));
      for (const Update& u : inside) {
        const std::vector<TypeId> types = undo_.kept_types(u);
        const auto found = made.find({u.inst.i, u.part});
        for (size_t o = 0; o < types.size(); ++o) {
          const bool is_subscript = source[u.inst].n_blocks == 0 && o > 0;
          values.push_back(found != made.end() ? found->second[o] : nested.full(types[o], is_subscript ? -1 : 0, in.loc));
        }
      }
      n_values = values.size();
      nested.set_result(nested.tuple(values, in.loc));
    }
    const ValueId all = close_region(b, in, first, operands(v), in.loc);
    std::vector<ValueId> parts;
    for (size_t k = 0; k < n_values; ++k) parts.push_back(b.get(all, static_cast<int>(k), in.loc));
    at(v) = m.types[in.type].is_tuple() ? b.tuple(std::span(parts).first(n_results), in.type, in.loc) : parts[0];
    size_t next = n_results;
    for (const Update& u : inside) {
      const size_t n = undo_.kept_types(u).size();
      keep(u, std::span(parts).subspan(next, n));
      next += n;
    }
  }

  void copy_loop(Builder& b, ValueId v, const RegionShape& shape, const LoopOptions& options) {
    const Inst in = source[v];
    const bool is_for = in.op == "for"_op;
    const auto n = static_cast<size_t>(shape.n_carried), own = static_cast<size_t>(shape.own_params);
    const Block& body = source[BlockId{in.first_block.i + in.n_blocks - 1}];
    std::vector<ValueId> carried, captures;
    for (size_t k = 0; k < n; ++k) carried.push_back(at(source.operand(v, shape.own_operands + static_cast<int>(k))));
    if (!is_for) carried.push_back(b.constant_int(0, in.loc));
    const size_t first_tape = carried.size();
    // A `while` that is to keep less is cut like a `for`, which it is once its steps are counted.
    Recording tapes{{}, undo_.has_tape(v) ? options.bound : DimId{}};
    const StepStores stepped = tapes.bound ? undo_.stores_of(v) : StepStores{};
    const auto& stores = stepped.of;
    for (size_t k = 0; k < n && tapes.bound; ++k) {
      if (stores[k].empty()) tapes.add(b, undo_.tape_type(tapes.bound, source[body.params[own + k]].type), in.loc);
      for (const Update& u : stores[k])
        for (TypeId row : undo_.kept_types(u)) tapes.add(b, undo_.tape_type(tapes.bound, row), in.loc);
    }
    carried.insert(carried.end(), tapes.initial.begin(), tapes.initial.end());
    for (int k = shape.own_operands + shape.n_carried; k < in.n_operands; ++k) captures.push_back(at(source.operand(v, k)));
    const Builder::WhileBlocks blocks = is_for ? Builder::WhileBlocks{{}, b.begin_for(carried, captures, in.loc)} : b.begin_while(carried, captures, in.loc);
    const auto enter = [&](Builder& nested, const Block& inner) {
      const std::vector<ValueId> made = nested.func()[nested.block()].params;
      for (size_t k = 0; k < own + n; ++k) at(inner.params[k]) = made[k];
      for (size_t k = own + n; k < inner.params.size(); ++k) at(inner.params[k]) = made[k + carried.size() - n];
      return std::vector<ValueId>(made.begin() + static_cast<ptrdiff_t>(own), made.begin() + static_cast<ptrdiff_t>(own + carried.size()));
    };
    if (!is_for) {
      const Block& condition = source[in.first_block];
      Builder test = b.in(blocks.condition);
      enter(test, condition);
      copy_body(test, condition);
      test.set_result(at(condition.result));
    }
    Builder nested = b.in(blocks.body);
    const std::vector<ValueId> inside = enter(nested, body);
    const ValueId step = is_for ? at(body.params[0]) : inside[n];
    std::vector<ValueId> rows(inside.begin() + static_cast<ptrdiff_t>(first_tape), inside.end());
    const auto record = [&](size_t tape, ValueId value) { rows[tape] = nested.put(rows[tape], value, std::span(&step, 1), Bounds::inside, in.loc); };
    std::map<std::pair<int32_t, size_t>, size_t> first_of;  // by update: its first tape
    size_t next = 0;
    for (size_t k = 0; k < n && tapes.bound; ++k) {
      if (stores[k].empty()) record(next++, inside[k]);
      for (const Update& u : stores[k]) first_of[{u.inst.i, u.part}] = next, next += undo_.kept_types(u).size();
    }
    copy_keeping(nested, body, stepped, [&](const Update& u, std::span<const ValueId> kept) {
      for (size_t o = 0; o < kept.size(); ++o) record(first_of.at({u.inst.i, u.part}) + o, kept[o]);
    });
    std::vector<ValueId> values;
    for (size_t k = 0; k < n; ++k) values.push_back(nested.part(at(body.result), n, k, in.loc));
    if (!is_for) values.push_back(nested.op("add"_op, {step, nested.constant_int(1, in.loc)}, in.loc));
    values.insert(values.end(), rows.begin(), rows.end());
    nested.set_result(nested.joined(values, in.loc));
    const ValueId all = is_for ? b.end_for(blocks.body, at(source.operand(v, 0)), carried, captures, options, in.loc)
                               : b.end_while(blocks, carried, captures, options, in.loc);
    std::vector<ValueId> parts;
    for (size_t k = 0; k < values.size(); ++k) parts.push_back(b.part(all, values.size(), k, in.loc));
    at(v) = n == 1 ? parts[0] : b.tuple(std::span(parts).first(n), in.type, in.loc);
    Tape& tape = tapes_[v.i] = {is_for ? at(source.operand(v, 0)) : parts[n], static_cast<bool>(tapes.bound), {}, {}, {}};
    tape.last.assign(parts.begin(), parts.begin() + static_cast<ptrdiff_t>(n));
    next = first_tape;
    for (size_t k = 0; k < n && tapes.bound; ++k) {
      tape.values.push_back(stores[k].empty() ? parts[next++] : ValueId{});
      std::vector<Store>& kept = tape.stores.emplace_back();
      for (const Update& u : stores[k]) {
        const auto begin = parts.begin() + static_cast<ptrdiff_t>(next), end = begin + static_cast<ptrdiff_t>(undo_.kept_types(u).size());
        kept.push_back({u, {begin, end}, undo_.is_certain(v, u)});
        next += kept.back().tapes.size();
      }
    }
  }

  /// A leaf of what a loop's body captures that has a cotangent, which the loop on the way back carries.
  struct Captured {
    int operand;
    size_t leaf;
    TypeId type;
    Carried sum;  // what it is before that loop; absent: the loop begins at zero
  };

  /// The sums go on from what flowed already, so that they have the same bits whether a loop is cut into segments or not. Where
  /// a value is captured twice, only the first does.
  std::vector<Captured> captured_cotangents(ValueId v, const RegionShape& shape) {
    std::vector<Captured> all;
    for (int k = shape.own_operands + shape.n_carried; k < source[v].n_operands; ++k) {
      const ValueId o = source.operand(v, k);
      const std::vector<TypeId> types = leaf_types(m.types, source[o].type);
      for (size_t leaf = 0; leaf < types.size(); ++leaf) {
        if (!depends(o, leaf) || !is_float(m.types[types[leaf]].dtype)) continue;
        const bool is_first = std::none_of(all.begin(), all.end(), [&](const Captured& c) { return source.operand(v, c.operand) == o && c.leaf == leaf; });
        all.push_back({k, leaf, types[leaf], is_first ? leaves(o)[leaf] : Carried{}});
      }
    }
    return all;
  }

  /// The arrays that have no row on the tape are trails, each with what undoes this step of it.
  void enter_step(const Tape& tape, BlockId body, const std::vector<std::vector<std::vector<ValueId>>>& kept) {
    std::vector<Trail> trails;
    for (size_t k = 0; k < tape.values.size(); ++k) {
      if (tape.values[k]) continue;
      trails.push_back(trails_.trail(source[body], path_of(tape.values.size(), k), tape.stores[k]));
      trails.back().kept = kept[trails.size() - 1];
    }
    trails_.enter(body, std::move(trails));
  }

  void step_loop(Builder& b, ValueId v, Loc loc) {
    const Inst in = source[v];
    const RegionShape shape = region_shape(m, in);
    const Tape tape = tapes_.at(v.i);
    if (!tape.has_values) return step_unbounded_loop(b, v, shape, tape.count, loc);
    const auto n = static_cast<size_t>(shape.n_carried), own = static_cast<size_t>(shape.own_params);
    const Block& body = source[BlockId{in.first_block.i + in.n_blocks - 1}];
    std::vector<size_t> active;                            // of the carried values
    std::vector<CarriedFlags> flags;
    std::vector<ValueId> carried, captures{tape.count};
    for (size_t k = 0; k < n; ++k) {
      const TypeId type = source[body.params[own + k]].type;
      if (!depends(v, k) || !is_float(m.types[type].dtype)) continue;
      active.push_back(k);
      flags.emplace_back().grow(leaves(v)[k]);
      carried.push_back(leaves(v)[k] ? leaves(v)[k].value : b.zeros(type, loc));
    }
    const std::vector<Captured> captured = captured_cotangents(v, shape);
    for (const Captured& c : captured) carried.push_back(c.sum ? c.sum.value : b.zeros(c.type, loc));
    const size_t first_undone = carried.size();
    for (size_t k = 0; k < n; ++k)
      if (!tape.values[k]) carried.push_back(trails_.last_of(b, v, k, tape.last[k], loc));
    for (size_t k = 0; k < n; ++k) {
      if (tape.values[k]) captures.push_back(tape.values[k]);
      for (const Store& store : tape.stores[k]) captures.insert(captures.end(), store.tapes.begin(), store.tapes.end());
    }
    for (int k = shape.own_operands + shape.n_carried; k < in.n_operands; ++k) captures.push_back(at(source.operand(v, k)));

    const size_t n_left = trails_.n_left();
    for (bool is_known = false; !is_known;) {
      const BlockId block = b.begin_for(carried, captures, loc);
      Builder nested = b.in(block);
      const std::vector<ValueId> made = nested.func()[block].params;
      size_t next = 1 + carried.size();
      const ValueId one = nested.constant_int(1, loc);
      const ValueId last = nested.op("sub"_op, {made[next++], one}, loc);
      const ValueId step = nested.op("sub"_op, {last, made[0]}, loc);
      clear(body);
      if (own > 0) at(body.params[0]) = step;
      std::vector<ValueId> undone;
      std::vector<std::vector<std::vector<ValueId>>> kept;  // by undone value, by store
      for (size_t k = 0; k < n; ++k) {
        const auto row = [&] { return nested.index(made[next++], std::span(&step, 1), Bounds::inside, loc); };
        if (tape.values[k]) {
          at(body.params[own + k]) = row();
          continue;
        }
        for (const Store& store : tape.stores[k]) {
          if (&store == tape.stores[k].data()) kept.emplace_back();
          std::vector<ValueId>& rows = kept.back().emplace_back();
          for (size_t o = 0; o < store.tapes.size(); ++o) rows.push_back(row());
        }
        const ValueId x = undo_.all(nested, made[1 + first_undone + undone.size()], tape.stores[k], kept.back(), loc);
        undone.push_back(at(body.params[own + k]) = x);
      }
      for (size_t k = own + n; k < body.params.size(); ++k) at(body.params[k]) = made[next++];
      copy_body(nested, body);
      for (size_t k = 0; k < captured.size(); ++k) {
        const Captured& c = captured[k];
        leaves(body.params[own + static_cast<size_t>(c.operand - shape.own_operands)])[c.leaf] = {made[1 + active.size() + k], true, c.sum && c.sum.is_steep};
      }
      for (size_t k = 0; k < active.size(); ++k)
        accumulate(nested, body.result, active[k], {made[1 + k], flags[k].is_sparse, flags[k].is_steep}, loc);
      ++loop_depth_;
      const BlockId body_id{in.first_block.i + in.n_blocks - 1};
      enter_step(tape, body_id, kept);
      run(nested, body);
      --loop_depth_;
      for (size_t o = 0; o < undone.size(); ++o)
        if (const ValueId x = trails_.at_begin(nested, o, loc)) undone[o] = x;
      trails_.leave(body_id);
      std::vector<ValueId> values;
      is_known = true;
      for (size_t k = 0; k < active.size(); ++k) {
        const Carried g = leaves(body.params[own + active[k]])[0];
        if (flags[k].grow(g)) is_known = false;
        values.push_back(g ? g.value : nested.zeros(source[body.params[own + active[k]]].type, loc));
      }
      std::vector<Carried> totals;
      for (const Captured& c : captured) totals.push_back(leaves(body.params[own + static_cast<size_t>(c.operand - shape.own_operands)])[c.leaf]);
      for (const Carried& total : totals) values.push_back(total.value);
      values.insert(values.end(), undone.begin(), undone.end());
      nested.set_result(nested.joined(values, loc));
      if (trails_.begin_elsewhere(b.func(), block, n_left)) is_known = false;
      if (!is_known) continue;
      LoopOptions options = loop_options(m, in.attr);
      options.every = options.memory = 0;
      const ValueId all = b.end_for(block, tape.count, carried, captures, options, loc);
      for (size_t k = 0, o = 0; k < n; ++k)
        if (!tape.values[k]) trails_.before_loop(v, k, b.part(all, values.size(), first_undone + o++, loc));
      for (size_t k = 0; k < captured.size(); ++k) {
        const ValueId o = source.operand(v, captured[k].operand);
        if (captured[k].sum) leaves(o)[captured[k].leaf] = {};  // it is part of the sum
        accumulate(b, o, captured[k].leaf, {b.part(all, values.size(), active.size() + k, loc), true, totals[k].is_steep}, loc);
      }
      for (size_t k = 0; k < active.size(); ++k)
        accumulate(b, source.operand(v, shape.own_operands + static_cast<int>(active[k])), 0,
                   {b.part(all, values.size(), k, loc), flags[k].is_sparse, flags[k].is_steep}, loc);
    }
  }

  // Parameters of a block: its own (a map's indices), the captures, the result's cotangents and, returned, the totals. In a map
  // each point reads its own element of the result's.
  std::vector<ValueId> enter_block(Builder& nested, ValueId v, const Block& inner, const std::vector<size_t>& seeds, const std::vector<Total>& totals, Loc loc) {
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
    std::vector<ValueId> given;
    for (const Total& total : totals) {
      const Carried so_far = carried[total.slot];
      given.push_back(append_param(m, nested.func(), nested.block(), "param"_op, nested.type_id(so_far.value), {}, loc));
      leaves(inner.params[total.capture])[total.leaf] = {given.back(), so_far.is_sparse, so_far.is_steep};
    }
    copy_body(nested, inner);
    for (size_t k = 0; k < seeds.size(); ++k) {
      const ValueId bar = nested.index(bars[k], indices, Bounds::inside, loc);
      accumulate(nested, inner.result, seeds[k] - activity.leaves.begin(v), {bar, carried[seeds[k]].is_sparse, carried[seeds[k]].is_steep}, loc);
    }
    return given;
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
  std::unordered_map<int32_t, Tape> tapes_;  // by loop, of its latest copy
  Undo undo_;
  Trails trails_;
  int loop_depth_ = 0;                       // of the step that is read
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

FuncId build_reverse(Module& m, FuncId whole, const Wrt& wrt, bool with_unit_seed, Diagnostics& diagnostics) {
  const FuncId f = with_checkpoints(m, whole);
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
