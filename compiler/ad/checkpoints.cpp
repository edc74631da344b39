// Cutting loops into segments, see checkpoints.h.
#include "ad/checkpoints.h"

#include <cmath>

#include <fmt/format.h>

#include "ad/sweep.h"
#include "ops/table.h"

namespace dlc {
namespace {

constexpr int64_t kSegment = 1024;  // steps, for `sqrt` of a number that is not known here

bool asks_for_less(const Module& m, const Inst& in) {
  if (in.op != "for"_op) return false;
  const LoopOptions options = loop_options(m, in.attr);
  return options.bound && (options.every != 0 || options.memory != 0);
}

class Cutter : public Sweep {
 public:
  using Sweep::Sweep;

  void copy_region(Builder& b, ValueId v) override {
    const Inst in = source[v];
    if (!asks_for_less(m, in)) return Sweep::copy_region(b, v);
    const LoopOptions options = loop_options(m, in.attr);
    const DimId length = segment(b, v, options);
    if (!length) return Sweep::copy_region(b, v);
    cut(b, v, length, options);
  }

 private:
  DimTable& dims() { return m.types.dims; }

  /// Bytes of what a step carries, absent where that is no polynomial that fits.
  DimId bytes_of_state(ValueId v) {
    const Inst in = source[v];
    const RegionShape shape = region_shape(m, in);
    DimId total = dims().constant(0);
    for (int k = 0; k < shape.n_carried; ++k) {
      const Type t = m.types[source[source.operand(v, shape.own_operands + k)].type];
      DimId bytes = dims().constant(dtype_bytes(t.dtype));
      for (DimId d : t.dims) bytes = dims().mul(bytes, d);
      total = dims().add(total, bytes);
    }
    return total;
  }

  /// The number of steps of a segment; absent: the loop stays whole.
  DimId segment(Builder& b, ValueId v, const LoopOptions& options) {
    const auto n = dims().as_constant(options.bound);
    if (options.every > 0) return dims().constant(options.every);
    if (options.every < 0) return dims().constant(n ? std::max<int64_t>(1, static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(*n))))) : kSegment);
    const DimId state = bytes_of_state(v);
    const DimId all = dims().mul(options.bound, state), budget = dims().constant(options.memory);
    if (!all) return {};
    if (const auto bytes = dims().as_constant(all); bytes && *bytes <= options.memory) return {};
    // Half of the budget for the states where segments begin: n / k states of s bytes, k > 2 n s / budget.
    const DimId length = dims().add(dims().div(dims().mul(dims().constant(2), all), budget), dims().constant(1));
    const DimId kept = dims().mul(dims().add(n_segments(options.bound, length), length), state);
    if (!kept) return {};
    b.func().checks.push_back({dims().sub(budget, kept), budget, source[v].loc, SizeCheck::Kind::memory, {}});
    return length;
  }
  DimId n_segments(DimId bound, DimId length) { return dims().div(dims().add(bound, dims().sub(length, dims().constant(1))), length); }

  void cut(Builder& b, ValueId v, DimId length, const LoopOptions& options) {
    const Inst in = source[v];
    const Loc loc = in.loc;
    const auto n = static_cast<size_t>(region_shape(m, in).n_carried);
    const Block& body = source[in.first_block];
    const ValueId count = at(source.operand(v, 0));
    std::vector<ValueId> carried, captures{count};
    for (size_t k = 0; k < n; ++k) carried.push_back(at(source.operand(v, static_cast<int>(k) + 1)));
    for (int k = static_cast<int>(n) + 1; k < in.n_operands; ++k) captures.push_back(at(source.operand(v, k)));
    const ValueId k = b.size(length, loc);
    const ValueId rounded = b.op("add"_op, {count, b.op("sub"_op, {k, b.constant_int(1, loc)}, loc)}, loc);
    const ValueId n_outer = b.op("floor_div"_op, {rounded, k}, loc);

    const BlockId outer_block = b.begin_for(carried, captures, loc);
    Builder outer = b.in(outer_block);
    const std::vector<ValueId> params = b.func()[outer_block].params;
    const ValueId k_inside = outer.size(length, loc);
    const ValueId first = outer.op("mul"_op, {params[0], k_inside}, loc);
    const ValueId n_inner = outer.op("min"_op, {k_inside, outer.op("sub"_op, {params[1 + n], first}, loc)}, loc);
    std::vector<ValueId> inner_carried(params.begin() + 1, params.begin() + 1 + static_cast<ptrdiff_t>(n));
    std::vector<ValueId> inner_captures{first};
    inner_captures.insert(inner_captures.end(), params.begin() + 2 + static_cast<ptrdiff_t>(n), params.end());

    const BlockId inner_block = outer.begin_for(inner_carried, inner_captures, loc);
    Builder inner = outer.in(inner_block);
    const std::vector<ValueId> made = b.func()[inner_block].params;
    at(body.params[0]) = inner.op("add"_op, {made[1 + n], made[0]}, loc);
    for (size_t c = 0; c < n; ++c) at(body.params[1 + c]) = made[1 + c];
    for (size_t c = 1 + n; c < body.params.size(); ++c) at(body.params[c]) = made[c + 1];
    copy_body(inner, body);
    inner.set_result(at(body.result));
    LoopOptions plain;
    plain.bound = length;
    outer.set_result(outer.end_for(inner_block, n_inner, inner_carried, inner_captures, plain, loc));
    plain.bound = n_segments(options.bound, length);
    at(v) = b.end_for(outer_block, n_outer, carried, captures, plain, loc);
  }
};

}  // namespace

FuncId with_checkpoints(Module& m, FuncId f) {
  bool any = false;
  for (const Inst& in : m[f].insts) any = any || asks_for_less(m, in);
  if (!any) return f;
  const std::string key = fmt::format("checkpoints {}", f.i);
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const Func& source = m[f];
  const FuncId id = start_function(m, source.name + ".segments", source);
  const Activity nothing{LeafTable(m, source), {}, {}};
  Cutter cutter(m, source, nothing);
  Builder b(m, id, BlockId{0});
  for (size_t k = 0; k < source.body().params.size(); ++k) cutter.at(source.body().params[k]) = b.func().body().params[k];
  cutter.copy_body(b, source.body());
  b.set_result(cutter.at(source.body().result));
  return m.derived[key] = id;
}

}  // namespace dlc
