// Dead code: copies what the result needs (ops/liveness.h). A region's capture that its blocks do not use is dropped, so what
// only it needed dies too; so is a field of an `if` that nobody reads, and a carried value of a loop that neither its result nor a
// carried value that is needed depends on.
#include <algorithm>

#include "ops/liveness.h"
#include "ops/table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace dlc {
namespace {

struct DcePass {
  Module& m;
  const Func& old;
  Liveness live;
  std::vector<ValueId> map;

  ValueId copy_block(Builder& b, const Block& block, const std::vector<bool>* results = nullptr) {
    for (ValueId v : block.body) {
      if (!live.is_live(v)) continue;
      if (results && v == block.result) continue;
      Inst in = old[v];
      std::vector<ValueId> operands;
      const auto source = old.operands(v);
      for (size_t k = 0; k < source.size(); ++k)
        if (in.n_blocks == 0 || live.is_passed(v, static_cast<int>(k))) operands.push_back(map[static_cast<size_t>(source[k].i)]);
      if (in.n_blocks) copy_regions(b, v, in);
      ValueId& made = map[static_cast<size_t>(v.i)];
      if (in.op == "get"_op && live.fields(old.operand(v, 0)).size() > 1) made = read_field(b, old.operand(v, 0), in, operands[0]);
      else if (!live.fields(v).empty()) made = close_region(b, v, in, operands);
      else made = b.raw(in, operands);
    }
    if (!results) return map[static_cast<size_t>(block.result.i)];
    std::vector<ValueId> values;
    for (size_t k = 0; k < results->size(); ++k)
      if ((*results)[k]) values.push_back(map[static_cast<size_t>(old.operand(block.result, static_cast<int>(k)).i)]);
    return b.joined(values, old[block.result].loc);
  }

  /// The loop or `if` with the values that are left.
  ValueId close_region(Builder& b, ValueId v, Inst in, std::span<const ValueId> operands) {
    in.type = b.func()[b.func()[BlockId{in.first_block.i + in.n_blocks - 1}].result].type;
    if (region_shape(m, old[v]).n_carried > 0) {
      Attr attr = m[in.attr];
      attr.ints[0] = static_cast<int64_t>(live.n_needed(v));
      in.attr = m.intern(std::move(attr));
    }
    return b.raw(in, operands);
  }
  ValueId read_field(Builder& b, ValueId region, const Inst& get, ValueId made) {
    const std::vector<bool>& needed = live.fields(region);
    const auto field = static_cast<ptrdiff_t>(m[get.attr].ints[0]);
    const auto at = std::count(needed.begin(), needed.begin() + field, true);
    return b.part(made, live.n_needed(region), static_cast<size_t>(at), get.loc);
  }

  void copy_regions(Builder& b, ValueId v, Inst& in) {
    const RegionShape shape = region_shape(m, in);
    const BlockId first{static_cast<int32_t>(b.func().blocks.size())};
    for (int k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
    for (int k = 0; k < in.n_blocks; ++k) {
      Builder inner = b.in(BlockId{first.i + k});
      const Block& source = old[BlockId{in.first_block.i + k}];
      for (int p = 0; p < static_cast<int>(source.params.size()); ++p) {
        if (p >= shape.own_params && !live.is_passed(v, p - shape.own_params + shape.own_operands)) continue;
        const Inst param = old[source.params[static_cast<size_t>(p)]];
        map[static_cast<size_t>(source.params[static_cast<size_t>(p)].i)] =
            append_param(m, b.func(), inner.block(), param.op, param.type, m[param.attr].name, param.loc);
      }
      const bool yields_fields = shape.n_carried == 0 || k == in.n_blocks - 1;  // not a loop's condition
      const bool is_less = yields_fields && live.n_needed(v) < live.fields(v).size();
      inner.set_result(copy_block(inner, source, is_less ? &live.fields(v) : nullptr));
    }
    in.first_block = first;
  }
};

}  // namespace

void dce(Module& m, FuncId f, Diagnostics&) {
  const Func old = begin_rewrite(m, f);
  DcePass pass{m, old, Liveness(m, old), std::vector<ValueId>(old.insts.size())};
  for (size_t k = 0; k < old.body().params.size(); ++k)
    pass.map[static_cast<size_t>(old.body().params[k].i)] = m[f].body().params[k];
  pass.live.mark_block(old.body());
  Builder b(m, f, BlockId{0});
  b.set_result(pass.copy_block(b, old.body()));
}

}  // namespace dlc
