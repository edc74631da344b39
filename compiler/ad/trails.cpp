// See trails.h.
#include "ad/trails.h"

#include <algorithm>

#include "base/check.h"
#include "ops/array.h"
#include "ops/liveness.h"
#include "ops/table.h"

namespace dlc {

void Trail::come_back(ValueId x, size_t before, size_t after) {
  if (array && n < before) return;
  if (!array) begun = after;
  array = x, n = before;
}

Trails::Trails(Module& m, const Func& source, Undo& undo, std::vector<ValueId>& made)
    : m_(m), source_(source), undo_(undo), made_(made), home_(source.insts.size()), owner_(source.blocks.size()) {
  for (size_t k = 0; k < source.blocks.size(); ++k) {
    const BlockId id{static_cast<int32_t>(k)};
    for (ValueId v : source[id].params) home_[static_cast<size_t>(v.i)] = id;
    for (ValueId v : source[id].body) {
      home_[static_cast<size_t>(v.i)] = id;
      for (int32_t n = 0; n < source[v].n_blocks; ++n) owner_[static_cast<size_t>(source[v].first_block.i + n)] = v;
    }
  }
}

bool Trails::stands_in(ValueId inst, BlockId block) const {
  BlockId at = home_[static_cast<size_t>(inst.i)];
  while (at != block) {
    const ValueId owner = owner_[static_cast<size_t>(at.i)];
    if (!owner) return false;
    at = home_[static_cast<size_t>(owner.i)];
  }
  return true;
}

Trail Trails::trail(const Block& block, FieldPath path, std::span<const Store> stores) const {
  Trail trail;
  trail.stores = stores;
  size_t n = stores.size();
  for (ValueId v = block.result;;) {
    const Inst& in = source_[v];
    if (!m_.types[in.type].is_tuple()) trail.states.push_back({v, n});
    if (in.op == "param"_op) return trail;
    if (in.op == "tuple"_op) {
      v = source_.operand(v, static_cast<int>(taken(path)));
    } else if (in.op == "get"_op) {
      path.insert(path.begin(), static_cast<size_t>(m_[in.attr].ints[0])), v = source_.operand(v, 0);
    } else if (in.op == "put"_op || in.op == "add_at"_op) {
      --n, v = source_.operand(v, 0);
    } else if (in.op == "if"_op) {
      const BlockId sides[2] = {in.first_block, BlockId{in.first_block.i + 1}};
      const size_t end = n;
      while (n > 0 && stands_in(stores[n - 1].update.inst, sides[1])) --n;
      const size_t second = n;
      while (n > 0 && stands_in(stores[n - 1].update.inst, sides[0])) --n;
      const Block& side = source_[sides[0]];
      const ValueId param = this->trail(side, path, stores.subspan(n, second - n)).states.back().value;
      const int operand = 1 + static_cast<int>(std::find(side.params.begin(), side.params.end(), param) - side.params.begin());
      trail.passages.push_back({v, operand, path, n, second, end});
      v = source_.operand(v, operand), path.clear();
    } else {
      DLC_CHECK(in.n_blocks > 0 && region_shape(m_, in).n_carried > 0, "an array is updated by stores, branches and loops");
      --n, v = source_.operand(v, region_shape(m_, in).own_operands + static_cast<int>(path.empty() ? 0 : taken(path)));
    }
  }
}

void Trails::enter(BlockId block, std::vector<Trail> trails) {
  for (size_t k = 0; k < trails.size(); ++k) {
    const auto begin = begin_at_.find({block.i, k});
    if (begin == begin_at_.end()) continue;
    for (const Trail::State& state : trails[k].states)
      if (state.value == begin->second) trails[k].come_back(at(state.value), state.n, state.n);
  }
  open_.push_back(std::move(trails));
}

void Trails::leave(BlockId block) {
  std::vector<Trail>& trails = open_.back();
  for (size_t k = 0; k < trails.size(); ++k) left_.push_back({block, k, trails[k].begun, std::move(trails[k].states)});
  open_.pop_back();
}

bool Trails::begin_elsewhere(const Func& f, BlockId step, size_t n_left) {
  Liveness live(m_, f);
  if (n_left < left_.size()) live.mark_block(f[step]);
  bool is_elsewhere = false;
  for (size_t k = n_left; k < left_.size(); ++k) {
    const Left& t = left_[k];
    const auto read = std::find_if(t.states.begin(), t.states.end(), [&](const Trail::State& s) { return s.n > t.begun && live.is_live(at(s.value)); });
    if (read == t.states.end()) continue;
    begin_at_[{t.block.i, t.trail}] = read->value;
    is_elsewhere = true;
  }
  left_.resize(n_left);
  return is_elsewhere;
}

ValueId Trails::wind_back(Builder& b, Trail& trail, size_t n, Loc loc) {
  if (!trail.array || n > trail.n) return {};
  const size_t undone = trail.n - n;
  if (undone > 0) trail.array = undo_.all(b, trail.array, trail.stores.subspan(n, undone), std::span(trail.kept).subspan(n, undone), loc);
  trail.n = n;
  return trail.array;
}

void Trails::hand_over(Builder& b, ValueId v) {
  const Inst& in = source_[v];
  if (open_.empty() || (in.n_blocks == 0 && in.op != "call"_op)) return;
  const RegionShape shape = in.n_blocks > 0 ? region_shape(m_, in) : RegionShape{};
  for (Trail& trail : open_.back())
    for (int k = shape.own_operands + shape.n_carried; k < in.n_operands; ++k)
      for (const Trail::State& state : trail.states)
        if (state.value == source_.operand(v, k))
          if (const ValueId x = wind_back(b, trail, state.n, in.loc.because(Reason::vjp_of))) at(state.value) = x;
}

// ---- loops

std::pair<Trail*, size_t> Trails::trail_of(ValueId loop, size_t part) {
  if (open_.empty()) return {nullptr, 0};
  for (Trail& trail : open_.back())
    for (size_t o = 0; o < trail.stores.size(); ++o)
      if (trail.stores[o].update == Update{loop, part}) return {&trail, o};
  return {nullptr, 0};
}

ValueId Trails::last_of(Builder& b, ValueId loop, size_t part, ValueId recomputed, Loc loc) {
  const auto [trail, o] = trail_of(loop, part);
  const ValueId x = trail ? wind_back(b, *trail, o + 1, loc) : ValueId{};
  return x ? x : recomputed;
}

void Trails::before_loop(ValueId loop, size_t part, ValueId x) {
  if (const auto [trail, o] = trail_of(loop, part); trail) trail->come_back(x, o, o + 1);
}

// ---- branches

std::vector<Through> Trails::through(ValueId branch) const {
  std::vector<Through> all;
  for (size_t k = 0; !open_.empty() && k < open_.back().size(); ++k)
    for (const Trail::Passage& p : open_.back()[k].passages)
      if (p.branch == branch && p.end > p.first) all.push_back({k, p, {}});
  return all;
}

std::vector<ValueId> Trails::kept(std::span<const Through> through) const {
  std::vector<ValueId> all;
  for (const Through& t : through)
    for (size_t o = t.at.first; o < t.at.end; ++o) {
      const std::vector<ValueId>& of_store = open_.back()[t.trail].kept[o];
      all.insert(all.end(), of_store.begin(), of_store.end());
    }
  return all;
}

void Trails::enter_side(Builder& nested, ValueId branch, int32_t side, std::span<const Through> through, Loc loc) {
  const BlockId id{source_[branch].first_block.i + side};
  std::vector<Trail> trails;
  for (const Through& t : through) {
    const Trail& outer = open_.back()[t.trail];
    const size_t begin = side == 0 ? t.at.first : t.at.second, end = side == 0 ? t.at.second : t.at.end;
    Trail& inner = trails.emplace_back(trail(source_[id], t.at.path, outer.stores.subspan(begin, end - begin)));
    for (size_t o = t.at.first; o < t.at.end; ++o) {
      std::vector<ValueId> kept;
      for (ValueId x : outer.kept[o]) kept.push_back(append_param(m_, nested.func(), nested.block(), "param"_op, nested.type_id(x), {}, loc));
      if (o >= begin && o < end) inner.kept.push_back(std::move(kept));
    }
  }
  enter(id, std::move(trails));
}

void Trails::leave_side(Builder& nested, ValueId branch, int32_t side, std::span<Through> through, Loc loc) {
  const BlockId id{source_[branch].first_block.i + side};
  for (size_t k = 0; k < through.size(); ++k) {
    const ValueId x = at_begin(nested, k, loc);
    through[k].arrays[side] = x ? x : at(source_[id].params[static_cast<size_t>(through[k].at.operand) - 1]);
    through[k].is_changed = through[k].is_changed || x;
  }
  leave(id);
}

}  // namespace dlc
