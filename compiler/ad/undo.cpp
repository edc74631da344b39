// See undo.h.
#include "ad/undo.h"

#include <algorithm>

#include "ops/table.h"

namespace dlc {

bool Undo::has_tape(ValueId loop) const {
  const LoopOptions options = loop_options(m_, source_[loop].attr);
  const bool is_cut = source_[loop].op == "while"_op && (options.every != 0 || options.memory != 0);
  return options.bound && !is_cut && activity_.any_depends(loop);
}

const StepStores& Undo::stores_of(ValueId loop) {
  const auto known = stores_.find(loop.i);
  return known != stores_.end() ? known->second : stores_[loop.i] = stores_of_loop(m_, source_, loop, [&](ValueId inner) { return has_tape(inner); });
}

bool Undo::is_certain(ValueId loop, const Update& u) const {
  const Block& body = source_[BlockId{source_[loop].first_block.i + source_[loop].n_blocks - 1}];
  return std::find(body.body.begin(), body.body.end(), u.inst) != body.body.end();
}

std::vector<TypeId> Undo::kept_types(const Update& u) {
  std::vector<TypeId> types;
  if (source_[u.inst].n_blocks == 0) {
    for (int o = 1; o < source_[u.inst].n_operands; ++o) types.push_back(source_[source_.operand(u.inst, o)].type);
    return types;
  }
  types.push_back(m_.types.scalar(DType::i64));
  for (const Update& inner : std::vector<Update>(stores_of(u.inst).of[u.part]))
    for (TypeId row : kept_types(inner)) types.push_back(tape_type(loop_options(m_, source_[u.inst].attr).bound, row));
  return types;
}

TypeId Undo::tape_type(DimId bound, TypeId row) {
  const Type t = m_.types[row];
  std::vector<DimId> dims{bound};
  dims.insert(dims.end(), t.dims.begin(), t.dims.end());
  return m_.types.array(t.dtype, std::move(dims));
}

ValueId Undo::one(Builder& b, ValueId x, const Store& store, std::span<const ValueId> kept, Loc loc) {
  const ValueId inst = store.update.inst;
  if (source_[inst].n_blocks == 0) {
    const bool is_guarded = !store.is_certain || may_miss(bounds_of(m_, source_[inst]));
    const Bounds bounds = is_guarded ? Bounds::guarded : Bounds::inside;
    const bool may_repeat = source_[inst].op == "add_at"_op && m_.types[b.func()[kept[1]].type].rank() > 0;
    if (!may_repeat) return b.put(x, kept[0], kept.subspan(1), bounds, loc);
    const auto put = [&](Builder& at_place, ValueId array, ValueId before, std::span<const ValueId> at) { return at_place.put(array, before, at, bounds, loc); };
    return b.for_each_place(x, kept[0], kept.subspan(1), put, loc);
  }
  const std::vector<ValueId> captures(kept.begin(), kept.end());
  const BlockId block = b.begin_for(std::span(&x, 1), captures, loc);
  Builder nested = b.in(block);
  const std::vector<ValueId> made = nested.func()[block].params;
  const ValueId step = nested.op("sub"_op, {nested.op("sub"_op, {made[2], nested.constant_int(1, loc)}, loc), made[0]}, loc);
  std::vector<ValueId> rows;
  for (size_t k = 3; k < made.size(); ++k) rows.push_back(nested.index(made[k], std::span(&step, 1), Bounds::inside, loc));
  ValueId before = made[1];
  size_t end = rows.size();
  const std::vector<Update> updates = stores_of(inst).of[store.update.part];
  for (size_t o = updates.size(); o-- > 0;) {
    const size_t n = kept_types(updates[o]).size();
    end -= n;
    before = one(nested, before, {updates[o], {}, is_certain(inst, updates[o])}, std::span(rows).subspan(end, n), loc);
  }
  nested.set_result(before);
  LoopOptions options;
  options.bound = loop_options(m_, source_[inst].attr).bound;
  return b.end_for(block, kept[0], std::span(&x, 1), captures, options, loc);
}

ValueId Undo::all(Builder& b, ValueId x, std::span<const Store> stores, std::span<const std::vector<ValueId>> kept, Loc loc) {
  for (size_t o = stores.size(); o-- > 0;) x = one(b, x, stores[o], kept[o], loc);
  return x;
}

}  // namespace dlc
