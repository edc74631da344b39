// Dead code: marks backwards from the result, then copies what is marked. A region's capture that its blocks do not
// use is dropped, so what only it needed dies too; so is a carried value of a loop that neither its result nor a carried
// value that is needed depends on.
#include <algorithm>
#include <utility>

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
  std::vector<std::vector<bool>> live_carried;  // by value, of loops only: which carried values are needed

  void mark(ValueId v) { live[static_cast<size_t>(v.i)] = true; }
  bool is_live(ValueId v) const { return live[static_cast<size_t>(v.i)]; }
  std::vector<bool>& carried(ValueId v) { return live_carried[static_cast<size_t>(v.i)]; }

  /// An operand that blocks receive as a parameter: of a loop, whether it is carried and needed; else whether it is read.
  bool is_passed(ValueId v, const Inst& in, int operand) {
    const RegionShape shape = region_shape(m, in);
    const int k = operand - shape.own_operands;
    if (k < 0) return true;
    if (k < shape.n_carried) return carried(v)[static_cast<size_t>(k)];
    for (int block = 0; block < in.n_blocks; ++block)
      if (is_live(old[BlockId{in.first_block.i + block}].params[static_cast<size_t>(shape.own_params + k)])) return true;
    return false;
  }

  // Depth is that of the program's regions, which the parser bounds.
  void mark_block(const Block& block) {
    mark(block.result);
    mark_body(block);
  }
  void mark_body(const Block& block) {
    for (auto it = block.body.rbegin(); it != block.body.rend(); ++it) {
      if (!is_live(*it)) continue;
      const Inst in = old[*it];
      const auto operands = old.operands(*it);
      if (in.n_blocks == 0) {
        mark_operands(*it, in);
        continue;
      }
      if (region_shape(m, in).n_carried > 0) mark_loop(*it, in);
      else for (int k = 0; k < in.n_blocks; ++k) mark_block(old[BlockId{in.first_block.i + k}]);
      for (size_t k = 0; k < operands.size(); ++k)
        if (is_passed(*it, in, static_cast<int>(k))) mark(operands[k]);
    }
  }

  /// A `get` of a loop needs one of its values; anything else that reads it needs all.
  void mark_operands(ValueId v, const Inst& in) {
    for (ValueId o : old.operands(v)) {
      const Inst& from = old[o];
      if (from.n_blocks > 0 && region_shape(m, from).n_carried > 1) {
        std::vector<bool>& needed = carried(o);
        needed.resize(static_cast<size_t>(region_shape(m, from).n_carried));
        for (size_t k = 0; k < needed.size(); ++k)
          needed[k] = needed[k] || in.op != "get"_op || m[in.attr].ints[0] == static_cast<int64_t>(k);
      }
      mark(o);
    }
  }

  /// What is needed of a step is needed of the step before: marks until nothing new is.
  void mark_loop(ValueId v, const Inst& in) {
    const RegionShape shape = region_shape(m, in);
    const auto n = static_cast<size_t>(shape.n_carried);
    std::vector<bool>& needed = carried(v);
    if (needed.empty()) needed.assign(n, true);  // a result that is read as a whole
    const Block& body = old[BlockId{in.first_block.i + in.n_blocks - 1}];
    const bool is_split = n > 1 && old[body.result].op == "tuple"_op;
    if (in.n_blocks == 2) mark_block(old[in.first_block]);
    for (size_t before = n + 1, now = count(needed); before != now;) {
      if (!is_split) {
        needed.assign(n, true);
        mark_block(body);
      } else {
        mark(body.result);
        for (size_t k = 0; k < n; ++k)
          if (needed[k]) mark_operand_of(body.result, k);
        for (auto it = body.body.rbegin(); it != body.body.rend(); ++it)
          if (*it != body.result && is_live(*it)) mark_one(body, *it);
      }
      for (int block = 0; block < in.n_blocks; ++block)
        for (size_t k = 0; k < n; ++k)
          if (is_live(old[BlockId{in.first_block.i + block}].params[static_cast<size_t>(shape.own_params) + k])) needed[k] = true;
      before = std::exchange(now, count(needed));
    }
  }
  void mark_operand_of(ValueId tuple, size_t k) {
    const ValueId o = old.operand(tuple, static_cast<int>(k));
    const Inst& from = old[o];
    if (from.n_blocks > 0 && region_shape(m, from).n_carried > 1) carried(o).assign(static_cast<size_t>(region_shape(m, from).n_carried), true);
    mark(o);
  }
  void mark_one(const Block&, ValueId v) {
    Block one;
    one.body = {v};
    mark_body(one);
  }
  static size_t count(const std::vector<bool>& bits) { return static_cast<size_t>(std::count(bits.begin(), bits.end(), true)); }

  ValueId copy_block(Builder& b, const Block& block, const std::vector<bool>* results = nullptr) {
    for (ValueId v : block.body) {
      if (!is_live(v)) continue;
      if (results && v == block.result) continue;
      Inst in = old[v];
      std::vector<ValueId> operands;
      const auto source = old.operands(v);
      for (size_t k = 0; k < source.size(); ++k)
        if (in.n_blocks == 0 || is_passed(v, in, static_cast<int>(k))) operands.push_back(map[static_cast<size_t>(source[k].i)]);
      if (in.n_blocks) copy_regions(b, v, in);
      ValueId& made = map[static_cast<size_t>(v.i)];
      const bool is_loop = in.n_blocks > 0 && region_shape(m, old[v]).n_carried > 0;
      if (in.op == "get"_op && old[old.operand(v, 0)].n_blocks > 0) made = read_loop(b, old.operand(v, 0), in, operands[0]);
      else if (is_loop) made = close_loop(b, v, in, operands);
      else made = b.raw(in, operands);
    }
    if (!results) return map[static_cast<size_t>(block.result.i)];
    std::vector<ValueId> values;
    for (size_t k = 0; k < results->size(); ++k)
      if ((*results)[k]) values.push_back(map[static_cast<size_t>(old.operand(block.result, static_cast<int>(k)).i)]);
    return b.joined(values, old[block.result].loc);
  }

  /// The loop with the carried values that are left.
  ValueId close_loop(Builder& b, ValueId v, Inst in, std::span<const ValueId> operands) {
    in.type = b.func()[b.func()[BlockId{in.first_block.i + in.n_blocks - 1}].result].type;
    Attr attr = m[in.attr];
    attr.ints[0] = static_cast<int64_t>(count(carried(v)));
    in.attr = m.intern(std::move(attr));
    return b.raw(in, operands);
  }
  ValueId read_loop(Builder& b, ValueId loop, const Inst& get, ValueId made) {
    if (region_shape(m, old[loop]).n_carried == 0) return b.raw(get, std::span(&made, 1));
    const std::vector<bool>& needed = carried(loop);
    const auto field = static_cast<ptrdiff_t>(m[get.attr].ints[0]);
    const auto at = std::count(needed.begin(), needed.begin() + field, true);
    return b.part(made, count(needed), static_cast<size_t>(at), get.loc);
  }

  void copy_regions(Builder& b, ValueId v, Inst& in) {
    const RegionShape shape = region_shape(m, in);
    const BlockId first{static_cast<int32_t>(b.func().blocks.size())};
    for (int k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
    for (int k = 0; k < in.n_blocks; ++k) {
      Builder inner = b.in(BlockId{first.i + k});
      const Block& source = old[BlockId{in.first_block.i + k}];
      for (int p = 0; p < static_cast<int>(source.params.size()); ++p) {
        if (p >= shape.own_params && !is_passed(v, in, p - shape.own_params + shape.own_operands)) continue;
        const Inst param = old[source.params[static_cast<size_t>(p)]];
        map[static_cast<size_t>(source.params[static_cast<size_t>(p)].i)] =
            append_param(m, b.func(), inner.block(), param.op, param.type, m[param.attr].name, param.loc);
      }
      const bool is_carrying = shape.n_carried > 1 && k == in.n_blocks - 1 && count(carried(v)) < carried(v).size();
      inner.set_result(copy_block(inner, source, is_carrying ? &carried(v) : nullptr));
    }
    in.first_block = first;
  }
};

}  // namespace

void dce(Module& m, FuncId f, Diagnostics&) {
  const Func old = begin_rewrite(m, f);
  DcePass pass{m, old, std::vector<bool>(old.insts.size()), std::vector<ValueId>(old.insts.size()),
               std::vector<std::vector<bool>>(old.insts.size())};
  for (size_t k = 0; k < old.body().params.size(); ++k)
    pass.map[static_cast<size_t>(old.body().params[k].i)] = m[f].body().params[k];
  pass.mark_block(old.body());
  Builder b(m, f, BlockId{0});
  b.set_result(pass.copy_block(b, old.body()));
}

}  // namespace dlc
