// Dead code: marks backwards from the result, then copies what is marked. A region's capture that its blocks do not
// use is dropped, so what only it needed dies too.
#include "base/check.h"
#include "ops/table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace dlc {
namespace {

struct DcePass {
  Module& m;
  const Func& old;
  std::vector<bool> live;
  std::vector<ValueId> map;

  void mark(ValueId v) { live[static_cast<size_t>(v.i)] = true; }
  bool is_live(ValueId v) const { return live[static_cast<size_t>(v.i)]; }
  bool is_capture_used(const Inst& in, size_t operand) const {
    const size_t n_own = n_own_operands(in);
    if (operand < n_own) return true;
    for (int k = 0; k < in.n_blocks; ++k) {
      const Block& block = old[BlockId{in.first_block.i + k}];
      if (is_live(block.params[operand - n_own + n_own_params(in)])) return true;
    }
    return false;
  }
  size_t n_own_operands(const Inst& in) const { return in.op == "if"_op ? 1 : 0; }
  size_t n_own_params(const Inst& in) const { return in.op == "map"_op ? m[in.attr].dims.size() : 0; }

  // Depth is that of the program's regions, which the parser bounds.
  void mark_block(const Block& block) {
    mark(block.result);
    for (auto it = block.body.rbegin(); it != block.body.rend(); ++it) {
      if (!is_live(*it)) continue;
      const Inst in = old[*it];
      for (int k = 0; k < in.n_blocks; ++k) mark_block(old[BlockId{in.first_block.i + k}]);
      const auto operands = old.operands(*it);
      for (size_t k = 0; k < operands.size(); ++k)
        if (in.n_blocks == 0 || is_capture_used(in, k)) mark(operands[k]);
    }
  }

  ValueId copy_block(Builder& b, const Block& block) {
    for (ValueId v : block.body) {
      if (!is_live(v)) continue;
      Inst in = old[v];
      std::vector<ValueId> operands;
      const auto source = old.operands(v);
      for (size_t k = 0; k < source.size(); ++k)
        if (in.n_blocks == 0 || is_capture_used(in, k)) operands.push_back(map[static_cast<size_t>(source[k].i)]);
      if (in.n_blocks) in.first_block = copy_regions(b, in, source.size());
      map[static_cast<size_t>(v.i)] = b.raw(in, operands);
    }
    return map[static_cast<size_t>(block.result.i)];
  }

  BlockId copy_regions(Builder& b, const Inst& in, size_t n_operands) {
    const BlockId first{static_cast<int32_t>(b.func().blocks.size())};
    for (int k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
    for (int k = 0; k < in.n_blocks; ++k) {
      Builder inner = b.in(BlockId{first.i + k});
      const Block& source = old[BlockId{in.first_block.i + k}];
      for (size_t p = 0; p < source.params.size(); ++p) {
        const bool is_capture = p >= n_own_params(in);
        if (is_capture && !is_capture_used(in, p - n_own_params(in) + n_own_operands(in))) continue;
        const Inst param = old[source.params[p]];
        map[static_cast<size_t>(source.params[p].i)] =
            append_param(m, b.func(), inner.block(), param.op, param.type, m[param.attr].name, param.loc);
      }
      DLC_CHECK(source.params.size() - n_own_params(in) == n_operands - n_own_operands(in), "captures match parameters");
      inner.set_result(copy_block(inner, source));
    }
    return first;
  }
};

}  // namespace

void dce(Module& m, FuncId f, Diagnostics&) {
  const Func old = begin_rewrite(m, f);
  DcePass pass{m, old, std::vector<bool>(old.insts.size()), std::vector<ValueId>(old.insts.size())};
  for (size_t k = 0; k < old.body().params.size(); ++k)
    pass.map[static_cast<size_t>(old.body().params[k].i)] = m[f].body().params[k];
  pass.mark_block(old.body());
  Builder b(m, f, BlockId{0});
  b.set_result(pass.copy_block(b, old.body()));
}

}  // namespace dlc
