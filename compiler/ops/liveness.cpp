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
  if (k < shape.n_carried) return carried(v)[static_cast<size_t>(k)];
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

void Liveness::mark_one(ValueId v) {
  const Inst& in = f_[v];
  if (in.n_blocks == 0) return mark_operands(v);
  if (region_shape(m_, in).n_carried > 0) mark_loop(v);
  else for (int k = 0; k < in.n_blocks; ++k) mark_block(f_[BlockId{in.first_block.i + k}]);
  for (int k = 0; k < in.n_operands; ++k)
    if (is_passed(v, k)) mark(f_.operand(v, k));
}

/// A `get` of a loop needs one of its values; anything else that reads it needs all.
void Liveness::mark_operands(ValueId v) {
  const Inst& in = f_[v];
  for (ValueId o : f_.operands(v)) {
    const Inst& from = f_[o];
    if (from.n_blocks > 0 && region_shape(m_, from).n_carried > 1) {
      std::vector<bool>& needs = needed(o);
      needs.resize(static_cast<size_t>(region_shape(m_, from).n_carried));
      for (size_t k = 0; k < needs.size(); ++k)
        needs[k] = needs[k] || in.op != "get"_op || m_[in.attr].ints[0] == static_cast<int64_t>(k);
    }
    mark(o);
  }
}

/// What is needed of a step is needed of the step before: marks until nothing new is.
void Liveness::mark_loop(ValueId v) {
  const Inst& in = f_[v];
  const RegionShape shape = region_shape(m_, in);
  const auto n = static_cast<size_t>(shape.n_carried);
  std::vector<bool>& needs = needed(v);
  if (needs.empty()) needs.assign(n, true);  // a result that is read as a whole
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
        if (needs[k]) mark_operand_of(body.result, k);
      for (auto it = body.body.rbegin(); it != body.body.rend(); ++it)
        if (*it != body.result && is_live(*it)) mark_one(*it);
    }
    for (int block = 0; block < in.n_blocks; ++block)
      for (size_t k = 0; k < n; ++k)
        if (is_live(f_[BlockId{in.first_block.i + block}].params[static_cast<size_t>(shape.own_params) + k])) needs[k] = true;
    before = std::exchange(now, count(needs));
  }
}

void Liveness::mark_operand_of(ValueId tuple, size_t k) {
  const ValueId o = f_.operand(tuple, static_cast<int>(k));
  const Inst& from = f_[o];
  if (from.n_blocks > 0 && region_shape(m_, from).n_carried > 1) needed(o).assign(static_cast<size_t>(region_shape(m_, from).n_carried), true);
  mark(o);
}

}  // namespace dlc
