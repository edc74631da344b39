// Copying the primal, see sweep.h.
#include "ad/sweep.h"

#include "base/check.h"
#include "ops/table.h"

namespace dlc {

const Op& Sweep::row(ValueId v) const { return op_row(source[v].op); }

bool Sweep::has_carried(ValueId v) {
  for (size_t k = 0; k < n_leaves(v); ++k)
    if (leaves(v)[k]) return true;
  return false;
}

std::vector<ValueId> Sweep::operands(ValueId v) {
  std::vector<ValueId> mapped;
  for (ValueId o : source.operands(v)) mapped.push_back(at(o));
  return mapped;
}

std::span<const ValueId> Sweep::arguments(ValueId call) const {
  return source.operands(call).first(static_cast<size_t>(source[call].n_operands - n_size_operands(m, source[call])));
}

ValueId Sweep::call_like(Builder& b, ValueId call, FuncId callee, std::span<const ValueId> args, Loc loc) {
  const Attr attr = m[source[call].attr];
  std::vector<ValueId> sizes;
  for (ValueId o : source.operands(call).subspan(arguments(call).size())) sizes.push_back(at(o));
  return b.call(callee, attr.dims, args, attr.ints, sizes, loc);
}

Carried* Sweep::field_leaves(ValueId v, int field) { return leaves(v) + leaves_before(m.types, source[v].type, field); }

std::vector<size_t> Sweep::present_slots(ValueId v) const {
  std::vector<size_t> slots;
  for (size_t k = 0; k < n_leaves(v); ++k)
    if (const size_t slot = activity.leaves.begin(v) + k; carried[slot]) slots.push_back(slot);
  return slots;
}

void Sweep::copy(Builder& b, ValueId v) {
  if (source[v].n_blocks > 0) return copy_region(b, v);
  at(v) = b.rebuild(source[v], operands(v), source[v].loc);
}

void Sweep::copy_body(Builder& b, const Block& block) {
  for (ValueId v : block.body) copy(b, v);
}

void Sweep::clear(const Block& block) {
  const auto forget = [&](ValueId v) {
    for (size_t k = 0; k < n_leaves(v); ++k) leaves(v)[k] = {};
  };
  for (ValueId p : block.params) forget(p);
  for (ValueId v : block.body) {
    forget(v);
    for (int32_t k = 0; k < source[v].n_blocks; ++k) clear(source[BlockId{source[v].first_block.i + k}]);
  }
}

void Sweep::copy_region(Builder& b, ValueId v) {
  Inst in = source[v];
  const int32_t first = static_cast<int32_t>(b.func().blocks.size());
  for (int32_t k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
  for (int32_t k = 0; k < in.n_blocks; ++k) {
    const Block& inner = source[BlockId{in.first_block.i + k}];
    Builder nested = b.in(BlockId{first + k});
    for (ValueId p : inner.params)
      at(p) = append_param(m, b.func(), nested.block(), source[p].op, source[p].type, m[source[p].attr].name, source[p].loc);
    copy_body(nested, inner);
    nested.set_result(at(inner.result));
  }
  in.first_block = BlockId{first};
  at(v) = b.raw(in, operands(v));
}

ValueId close_region(Builder& b, const Inst& own, BlockId first, std::span<const ValueId> operands, Loc loc) {
  if (own.op == "map"_op) return b.end_map(first, b.module()[own.attr].dims, operands, loc);
  DLC_CHECK(own.op == "if"_op, "loops are closed where they are made");
  return b.end_if({first, BlockId{first.i + 1}}, operands[0], operands.subspan(1), loc);
}

}  // namespace dlc
