// See stores.h: from a step's result back along stores and branches to the parameter that it is made of.
#include "ad/stores.h"

#include <algorithm>
#include <utility>

#include "ops/array.h"
#include "ops/table.h"

namespace dlc {
namespace {

struct Trace {
  const Module& m;
  const Func& f;
  std::vector<ValueId> stores;
  std::unordered_map<int32_t, std::vector<ValueId>> in_branch;

  /// The parameter of its block that field `field` of `v` is made of; absent: of something else.
  ValueId origin(ValueId v, size_t field) {
    std::vector<ValueId> own;  // the last one first
    for (;;) {
      const Inst in = f[v];
      if (in.op == "param"_op) break;
      if (in.op == "tuple"_op) {
        v = f.operand(v, static_cast<int>(field)), field = 0;
      } else if (in.op == "get"_op) {
        field = static_cast<size_t>(m[in.attr].ints[0]), v = f.operand(v, 0);
      } else if (in.op == "put"_op || in.op == "add_at"_op) {
        own.push_back(v), v = f.operand(v, 0);
      } else if (in.op == "if"_op) {
        const std::vector<ValueId> after = std::exchange(stores, {});
        v = before_branch(v, field), field = 0;
        own.insert(own.end(), stores.rbegin(), stores.rend());
        stores = after;
        if (!v) return {};
      } else {
        return {};
      }
    }
    stores.insert(stores.end(), own.rbegin(), own.rend());
    return v;
  }

  /// The operand that both sides make their result of.
  ValueId before_branch(ValueId branch, size_t field) {
    ValueId outer[2];
    for (int side = 0; side < 2; ++side) {
      const Block& block = f[BlockId{f[branch].first_block.i + side}];
      const ValueId param = origin(block.result, field);
      const auto at = std::find(block.params.begin(), block.params.end(), param);
      if (!param || at == block.params.end()) return {};
      outer[side] = f.operand(branch, 1 + static_cast<int>(at - block.params.begin()));
    }
    if (outer[0] != outer[1]) return {};
    auto& inside = in_branch[branch.i];
    inside.insert(inside.end(), stores.begin(), stores.end());
    return outer[0];
  }
};

}  // namespace

bool StepStores::has(ValueId store) const {
  return std::any_of(of.begin(), of.end(), [&](const auto& chain) { return std::find(chain.begin(), chain.end(), store) != chain.end(); });
}

StepStores stores_of_step(const Module& m, const Func& f, const Block& body, size_t n_carried, size_t first) {
  StepStores found;
  for (size_t k = 0; k < n_carried; ++k) {
    Trace trace{m, f, {}, {}};
    const bool is_updated = trace.origin(body.result, k) == body.params[first + k];
    found.of.push_back(is_updated ? trace.stores : std::vector<ValueId>{});
    if (!is_updated) continue;
    for (auto& [branch, stores] : trace.in_branch) {
      auto& all = found.in_branch[branch];
      all.insert(all.end(), stores.begin(), stores.end());
    }
  }
  return found;
}

}  // namespace dlc
