// A loop as a function, see loop_function.h.
#include "ad/loop_function.h"

#include <fmt/format.h>

#include <algorithm>

#include "ad/leaves.h"
#include "ops/builder.h"
#include "ops/table.h"

namespace dlc {

FuncId loop_function(Module& m, const Func& source, ValueId v) {
  const RegionShape shape = region_shape(m, source[v]);
  const std::string key = fmt::format("loop {} of {}", v.i, source.name);
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const Inst in = source[v];
  Func f = source;  // with all its blocks, of which the loop's body is reachable
  f.name = m.unique_name(source.name + ".loop");
  f.request.reset();
  f.checks.clear();
  f.doc.clear();
  f.loc = in.loc;
  f.blocks[0] = {};
  StrId steps = m.strings.intern("steps");
  for (int k = 2; std::find(f.size_vars.begin(), f.size_vars.end(), steps) != f.size_vars.end(); ++k) steps = m.strings.intern(fmt::format("steps{}", k));
  f.size_vars.push_back(steps);
  const OpId param = "param"_op;
  std::vector<ValueId> operands{append_param(m, f, BlockId{0}, param, m.types.scalar(DType::i64), m.strings.intern("count"), in.loc)};
  for (int k = shape.own_operands; k < in.n_operands; ++k)
    operands.push_back(append_param(m, f, BlockId{0}, param, source[source.operand(v, k)].type, m.strings.intern(fmt::format("v{}", k)), in.loc));
  const BlockId body{in.first_block.i + in.n_blocks - 1};
  if (shape.own_params == 0) {  // a `while` has no index
    append_param(m, f, body, param, m.types.scalar(DType::i64), {}, in.loc);
    auto& params = f[body].params;
    std::rotate(params.begin(), params.end() - 1, params.end());
    for (size_t k = 0; k < params.size(); ++k) {
      Attr attr = m[f[params[k]].attr];
      attr.ints = {static_cast<int64_t>(k)};
      f[params[k]].attr = m.intern(std::move(attr));
    }
  }
  Inst loop = in;
  loop.op = "for"_op, loop.first_block = body, loop.n_blocks = 1;
  LoopOptions options = loop_options(m, in.attr);  // what it is to keep, too
  options.bound = m.types.dims.variable(steps);
  loop.attr = loop_attr(m, static_cast<size_t>(shape.n_carried), options);
  f.blocks[0].result = append(f, BlockId{0}, loop, operands);
  return m.derived[key] = m.add(std::move(f));
}

}  // namespace dlc
