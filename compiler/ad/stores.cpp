// See stores.h: from a step's result back along stores, branches and inner loops to the parameter that it is made of.
#include "ad/stores.h"

#include <algorithm>
#include <map>
#include <utility>

#include "ops/array.h"
#include "ops/table.h"

namespace dlc {
namespace {

/// How large sizes are taken to be where two amounts of memory are compared.
constexpr int64_t kSize = 1000;

struct Trace {
  const Module& m;
  const Func& f;
  const std::function<bool(ValueId)>& has_tape;
  std::vector<Update> updates;
  std::unordered_map<int32_t, std::vector<Update>> in_branch;

  /// The parameter of its block that this part of `v` is made of; absent: of something else.
  ValueId origin(ValueId v, FieldPath path) {
    std::vector<Update> own;  // the last one first
    for (;;) {
      const Inst in = f[v];
      if (in.op == "param"_op) break;
      if (in.op == "tuple"_op) {
        if (path.empty()) return {};
        v = f.operand(v, static_cast<int>(taken(path)));
      } else if (in.op == "get"_op) {
        path.insert(path.begin(), static_cast<size_t>(m[in.attr].ints[0])), v = f.operand(v, 0);
      } else if (in.op == "put"_op || in.op == "add_at"_op) {
        own.push_back({v}), v = f.operand(v, 0);
      } else if (in.op == "if"_op) {
        const std::vector<Update> after = std::exchange(updates, {});
        v = before_branch(v, path), path.clear();
        own.insert(own.end(), updates.rbegin(), updates.rend());
        updates = after;
        if (!v) return {};
      } else if (const size_t part = path.empty() ? 0 : taken(path); (in.op == "for"_op || in.op == "while"_op) && is_update(v, part)) {
        own.push_back({v, part});
        v = f.operand(v, region_shape(m, in).own_operands + static_cast<int>(part));
      } else {
        return {};
      }
    }
    updates.insert(updates.end(), own.rbegin(), own.rend());
    return v;
  }

  /// The operand that both sides make their result of.
  ValueId before_branch(ValueId branch, const FieldPath& path) {
    ValueId outer[2];
    for (int side = 0; side < 2; ++side) {
      const Block& block = f[BlockId{f[branch].first_block.i + side}];
      const ValueId param = origin(block.result, path);
      const auto at = std::find(block.params.begin(), block.params.end(), param);
      if (!param || at == block.params.end()) return {};
      outer[side] = f.operand(branch, 1 + static_cast<int>(at - block.params.begin()));
    }
    if (outer[0] != outer[1]) return {};
    auto& inside = in_branch[branch.i];
    inside.insert(inside.end(), updates.begin(), updates.end());
    return outer[0];
  }

  bool is_update(ValueId loop, size_t part) const {
    const Type array = m.types[f[f.operand(loop, region_shape(m, f[loop]).own_operands + static_cast<int>(part))].type];
    return has_tape(loop) && !updates_of(loop, part).empty() && 2 * kept(loop, part) <= elements(array);
  }

  std::vector<Update> updates_of(ValueId loop, size_t part) const {
    Trace trace{m, f, has_tape, {}, {}};
    const Block& body = f[BlockId{f[loop].first_block.i + f[loop].n_blocks - 1}];
    const bool is_updated = trace.origin(body.result, path_of(static_cast<size_t>(region_shape(m, f[loop]).n_carried), part)) == body.params[static_cast<size_t>(region_shape(m, f[loop]).own_params) + part];
    return is_updated ? trace.updates : std::vector<Update>{};
  }

  /// About how many elements all the steps of `loop` keep of carried value `part`.
  double kept(ValueId loop, size_t part) const {
    double in_step = 0;
    for (const Update& u : updates_of(loop, part)) {
      if (f[u.inst].n_blocks > 0) in_step += kept(u.inst, u.part);
      for (int k = 1; f[u.inst].n_blocks == 0 && k < f[u.inst].n_operands; ++k) in_step += elements(m.types[f[f.operand(u.inst, k)].type]);
    }
    return in_step * extent(loop_options(m, f[loop].attr).bound);
  }
  double elements(const Type& array) const {
    double n = 1;
    for (DimId d : array.dims) n *= extent(d);
    return n;
  }
  double extent(DimId d) const {
    std::map<StrId, int64_t> sizes;
    for (StrId name : m.types.dims.variables(d)) sizes[name] = kSize;
    return static_cast<double>(m.types.dims.evaluate(d, sizes).value_or(INT64_MAX));
  }
};

}  // namespace

std::vector<Update> StepStores::made_by(ValueId inst) const {
  std::vector<Update> made;
  for (const std::vector<Update>& chain : of)
    for (const Update& u : chain)
      if (u.inst == inst) made.push_back(u);
  return made;
}

StepStores stores_of_loop(const Module& m, const Func& f, ValueId loop, const std::function<bool(ValueId)>& has_tape) {
  const RegionShape shape = region_shape(m, f[loop]);
  const Block& body = f[BlockId{f[loop].first_block.i + f[loop].n_blocks - 1}];
  StepStores found;
  for (size_t k = 0; k < static_cast<size_t>(shape.n_carried); ++k) {
    Trace trace{m, f, has_tape, {}, {}};
    const bool is_updated = trace.origin(body.result, path_of(static_cast<size_t>(shape.n_carried), k)) == body.params[static_cast<size_t>(shape.own_params) + k];
    found.of.push_back(is_updated ? trace.updates : std::vector<Update>{});
    if (!is_updated) continue;
    for (auto& [branch, updates] : trace.in_branch) {
      auto& all = found.in_branch[branch];
      all.insert(all.end(), updates.begin(), updates.end());
    }
  }
  return found;
}

}  // namespace dlc
