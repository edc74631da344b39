// See liveness.h.
#include "ops/liveness.h"

#include <utility>

#include "ops/array.h"
#include "ops/table.h"

namespace dlc {

bool Liveness::is_passed(ValueId v, int operand) const {
  const Inst& in = f_[v];
  const RegionShape shape = region_shape(m_, in);
  const int k = operand - shape.own_operands;
  if (k < 0) return true;
  if (k < shape.n_carried) return fields(v)[static_cast<size_t>(k)];
  for (int block = 0; block < in.n_blocks; ++block)
    if (is_live(f_[BlockId{in.first_block.i + block}].params[static_cast<size_t>(shape.own_params + k)])) return true;
  return false;
}

// Depth is that of the program's regions, which the parser bounds.
void Liveness::mark_block(const Block& block) {
  mark(block.result);
  mark_body(block);
}

void Liveness::mark_body(const Block& block) {
  for (auto it = block.body.rbegin(); it != block.body.rend(); ++it)
    if (is_live(*it)) mark_one(*it);
}

/// How many values a region yields that can be needed one by one; 0: it is needed as a whole.
size_t Liveness::n_fields(ValueId v) const {
  const Inst& in = f_[v];
  if (in.n_blocks == 0) return 0;
  if (const int n = region_shape(m_, in).n_carried; n > 0) return n > 1 ? static_cast<size_t>(n) : 0;
  if (in.op != "if"_op) return 0;
  for (int k = 0; k < in.n_blocks; ++k)
    if (f_[f_[BlockId{in.first_block.i + k}].result].op != "tuple"_op) return 0;
  return m_.types[in.type].fields.size();
}

void Liveness::mark_one(ValueId v) {
  const Inst& in = f_[v];
  if (in.n_blocks == 0) return mark_operands(v);
  if (region_shape(m_, in).n_carried > 0) mark_loop(v);
  else if (n_fields(v) > 0) mark_branch(v);
  else for (int k = 0; k < in.n_blocks; ++k) mark_block(f_[BlockId{in.first_block.i + k}]);
  for (int k = 0; k < in.n_operands; ++k)
    if (is_passed(v, k)) mark(f_.operand(v, k));
}

void Liveness::mark(ValueId v) {
  live_[static_cast<size_t>(v.i)] = true;
  if (const size_t n = n_fields(v); n > 0) needed(v).assign(n, true);
}

void Liveness::mark_field(ValueId region, size_t k) {
  live_[static_cast<size_t>(region.i)] = true;
  needed(region).resize(n_fields(region));
  needed(region)[k] = true;
}

/// A `get` of a region needs one of its values; anything else that reads it needs all.
void Liveness::mark_operands(ValueId v) {
  const Inst& in = f_[v];
  for (ValueId o : f_.operands(v)) {
    if (in.op == "get"_op && n_fields(o) > 0) mark_field(o, static_cast<size_t>(m_[in.attr].ints[0]));
    else mark(o);
  }
}

void Liveness::mark_branch(ValueId v) {
  for (int side = 0; side < 2; ++side) {
    const Block& block = f_[BlockId{f_[v].first_block.i + side}];
    mark(block.result);
    for (size_t k = 0; k < fields(v).size(); ++k)
      if (fields(v)[k]) mark(f_.operand(block.result, static_cast<int>(k)));
    for (auto it = block.body.rbegin(); it != block.body.rend(); ++it)
      if (*it != block.result && is_live(*it)) mark_one(*it);
  }
}

/// What is needed of a step is needed of the step before: marks until nothing new is.
void Liveness::mark_loop(ValueId v) {
  const Inst& in = f_[v];
  const RegionShape shape = region_shape(m_, in);
  const auto n = static_cast<size_t>(shape.n_carried);
  std::vector<bool>& needs = needed(v);
  if (needs.empty()) needs.assign(n, true);  // the only one
  const Block& body = f_[BlockId{in.first_block.i + in.n_blocks - 1}];
  const bool is_split = n > 1 && f_[body.result].op == "tuple"_op;
  if (in.n_blocks == 2) mark_block(f_[in.first_block]);
  for (size_t before = n + 1, now = count(needs); before != now;) {
    if (!is_split) {
      needs.assign(n, true);
      mark_block(body);
    } else {
      mark(body.result);
      for (size_t k = 0; k < n; ++k)
        if (needs[k]) mark(f_.operand(body.result, static_cast<int>(k)));
      for (auto it = body.body.rbegin(); it != body.body.rend(); ++it)
        if (*it != body.result && is_live(*it)) mark_one(*it);
    }
    for (int block = 0; block < in.n_blocks; ++block)
      for (size_t k = 0; k < n; ++k)
        if (is_live(f_[BlockId{in.first_block.i + block}].params[static_cast<size_t>(shape.own_params) + k])) needs[k] = true;
    before = std::exchange(now, count(needs));
  }
}

}  // namespace dlc
