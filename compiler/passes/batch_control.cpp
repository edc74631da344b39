// The regions of a function that batch lifts: maps, which give the box its axes, `if`s and loops.
#include <algorithm>
#include <utility>

#include "passes/batch_pass.h"
#include "passes/rewrite.h"

namespace dlc {

Lifted BatchPass::lift_map(Builder& b, ValueId v, const Inst& in) {
  const std::vector<DimId> extents = m_[in.attr].dims;
  const int outer = static_cast<int>(box_.size());
  if (outer + static_cast<int>(extents.size()) > kMaxBoxAxes) return fail("program-too-large", in, "more than 64 nested indices");
  const std::vector<Lifted> captures = lifted_operands(v);
  const Block& body = old_[in.first_block];
  box_.insert(box_.end(), extents.begin(), extents.end());
  if (!m_[in.attr].ints.empty()) examples_ = outer;
  for (size_t k = 0; k < extents.size(); ++k) {
    const ValueId param = body.params[k];
    at(param) = {b.iota(extents[k], in.loc), Axes{1} << (static_cast<size_t>(outer) + k), {}, false};
    affine(param).factors.assign(static_cast<size_t>(outer) + k + 1, 0);
    affine(param).factors.back() = 1;
    affine(param).offset = b.dims().constant(0);
  }
  for (size_t k = 0; k < captures.size(); ++k) bind_capture(v, static_cast<int>(k), body.params[extents.size() + k], captures[k]);
  const Lifted inside = block(b, body);
  if (failed_) return {};
  const Axes own = ((Axes{1} << extents.size()) - 1) << outer;
  const Lifted result = with_axes(b, inside, own, in.loc);
  box_.resize(static_cast<size_t>(outer));
  if (examples_ == outer) examples_ = -1;
  return result;
}

Lifted BatchPass::with_axes(Builder& b, const Lifted& x, Axes own, Loc loc) {
  if (!x.is_tuple) return {expand(b, x, x.axes | own, loc), x.axes & ~own, {}, false};
  Lifted result{.is_tuple = true};
  for (const Lifted& f : x.fields) result.fields.push_back(with_axes(b, f, own, loc));
  return result;
}

void BatchPass::bind_capture(ValueId v, int operand, ValueId param, const Lifted& lifted) {
  affine(param) = affine(old_.operand(v, operand));
  at(param) = lifted;
}

// -------------------------------------------------------------------------------------------------- masks

bool BatchPass::asks(const Func& f, const Inst& region) {
  if (region.op == "while"_op) return true;
  for (int32_t k = 0; k < region.n_blocks; ++k)
    if (asks(f, f[BlockId{region.first_block.i + k}])) return true;
  return false;
}

bool BatchPass::asks(const Func& f, const Block& block) {
  return std::any_of(block.body.begin(), block.body.end(), [&](ValueId v) {
    const Inst& in = f[v];
    if (in.op == "index"_op || in.op == "put"_op || in.op == "add_at"_op) return is_checked(bounds_of(m_, in));
    if (in.op != "call"_op) return asks(f, in);
    return !body_of(m_[in.attr].func).checks.empty() || asks(m_[in.attr].func);
  });
}

bool BatchPass::asks(FuncId f) {
  const auto [known, is_new] = asks_.try_emplace(f, true);  // what recurs on sizes is taken to ask meanwhile
  if (!is_new) return known->second;
  const Func& g = body_of(f);
  const bool result = std::any_of(g.blocks.begin(), g.blocks.end(), [&](const Block& block) { return asks(g, block); });
  return asks_[f] = result;
}

Lifted BatchPass::both(Builder& b, const Lifted& condition, bool holds, Loc loc) {
  const Lifted own{holds ? condition.value : b.op("not"_op, {condition.value}, loc), condition.axes, {}, false};
  if (!wanted_) return own;
  const Axes axes = own.axes | wanted_->axes;
  return {b.op("and"_op, {expand(b, *wanted_, axes, loc), expand(b, own, axes, loc)}, loc), axes, {}, false};
}

// ------------------------------------------------------------------------------------------------ branches

Lifted BatchPass::lift_if(Builder& b, ValueId v, const Inst& in) {
  const std::vector<Lifted> operands = lifted_operands(v);
  const Block& then_block = old_[in.first_block];
  const Block& else_block = old_[BlockId{in.first_block.i + 1}];
  if (operands[0].axes == 0) return lift_uniform_if(b, v, in, operands, then_block, else_block);
  for (const Block* side : {&then_block, &else_block})
    for (size_t k = 1; k < operands.size(); ++k) bind_capture(v, static_cast<int>(k), side->params[k - 1], operands[k]);
  const std::optional<Lifted> outer = wanted_;
  const bool is_asked = asks(old_, in);
  Lifted sides[2];
  for (int side = 0; side < 2; ++side) {
    if (is_asked) wanted_ = both(b, operands[0], side == 0, in.loc);
    const Block& source = side == 0 ? then_block : else_block;
    sides[side] = must_be_wanted(source) ? side_if_wanted(b, v, in, operands, source) : block(b, source);
    wanted_ = outer;
    if (failed_) return {};
  }
  const auto& [yes, no] = sides;
  return choose(b, operands[0], yes, no, in.loc);
}

bool BatchPass::must_be_wanted(const Block& block) {
  return std::any_of(block.body.begin(), block.body.end(), [&](ValueId v) {
    const Inst& in = old_[v];
    bool must = in.op == "call"_op && (!body_of(m_[in.attr].func).checks.empty() || calls_itself(m_, m_[in.attr].func, &rewritten_));
    for (int32_t k = 0; k < in.n_blocks; ++k) must = must || must_be_wanted(old_[BlockId{in.first_block.i + k}]);
    return must;
  });
}

Lifted BatchPass::side_if_wanted(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const Block& source) {
  std::vector<ValueId> captures;
  for (size_t k = 1; k < operands.size(); ++k) flatten(operands[k], captures);
  captures.push_back(wanted_->value);
  std::vector<int> all;
  for (int k = 0; k < count(wanted_->axes); ++k) all.push_back(k);
  const ValueId is_wanted = b.reduce("any"_op, wanted_->value, all, in.loc);
  const Builder::IfBlocks blocks = b.begin_if(captures, in.loc);
  Builder inner = b.in(blocks.then_block), other = b.in(blocks.else_block);
  const std::vector<ValueId> params = inner.func()[blocks.then_block].params;
  size_t next = 0;
  for (size_t k = 1; k < operands.size(); ++k) bind_capture(v, static_cast<int>(k), source.params[k - 1], unflatten(operands[k], params, next));
  wanted_->value = params.back();
  const Lifted side = block(inner, source);
  if (failed_) return {};
  std::vector<ValueId> leaves, zeros;
  flatten(side, leaves);
  for (ValueId leaf : leaves) zeros.push_back(other.zeros(inner.type_id(leaf), in.loc));
  inner.set_result(side.is_tuple ? inner.tuple(leaves, in.loc) : leaves[0]);
  other.set_result(side.is_tuple ? other.tuple(zeros, in.loc) : zeros[0]);
  const ValueId result = b.end_if(blocks, is_wanted, captures, in.loc);
  if (!side.is_tuple) return {result, side.axes, {}, false};
  int field = 0;
  return from_fields(b, result, side, field, in.loc);
}

Lifted BatchPass::choose(Builder& b, const Lifted& condition, const Lifted& yes, const Lifted& no, Loc loc) {
  if (yes.is_tuple) {
    Lifted result{.is_tuple = true};
    for (size_t k = 0; k < yes.fields.size(); ++k) result.fields.push_back(choose(b, condition, yes.fields[k], no.fields[k], loc));
    return result;
  }
  const Axes axes = condition.axes | yes.axes | no.axes;
  const ValueId x = expand(b, yes, axes, loc), y = expand(b, no, axes, loc);
  // The condition is a scalar of its own: repeat it over the values' own axes, behind the box's.
  const ValueId c = expand(b, condition, axes, loc);
  const Type ct = b.type(c), xt = b.type(x);
  std::vector<int> from(xt.dims.size(), -1);
  for (int k = 0; k < ct.rank(); ++k) from[static_cast<size_t>(k)] = k;
  const ValueId spread = b.view(c, permute_map(m_, ct, from, xt.dims), loc);
  return {b.op("select"_op, {spread, x, y}, loc), axes, {}, false};
}

Lifted BatchPass::lift_uniform_if(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const Block& then_block, const Block& else_block) {
  std::vector<ValueId> captures;
  for (size_t k = 1; k < operands.size(); ++k) flatten(operands[k], captures);
  const std::optional<Lifted> outer = wanted_;
  const bool is_masked = wanted_ && asks(old_, in);
  if (is_masked) captures.push_back(wanted_->value);
  const Builder::IfBlocks blocks = b.begin_if(captures, in.loc);
  Lifted sides[2];
  for (int side = 0; side < 2; ++side) {
    const Block& source = side == 0 ? then_block : else_block;
    Builder inner = b.in(side == 0 ? blocks.then_block : blocks.else_block);
    size_t next = 0;
    for (size_t k = 1; k < operands.size(); ++k) {
      bind_capture(v, static_cast<int>(k), source.params[k - 1], unflatten(operands[k], inner.func()[inner.block()].params, next));
    }
    if (is_masked) wanted_->value = inner.func()[inner.block()].params.back();
    sides[side] = block(inner, source);
    wanted_ = outer;
    if (failed_) return {};
  }
  // Both sides must give every leaf the same axes.
  const Lifted shape = union_shape(sides[0], sides[1]);
  for (int side = 0; side < 2; ++side) {
    Builder inner = b.in(side == 0 ? blocks.then_block : blocks.else_block);
    std::vector<ValueId> leaves;
    expand_like(inner, sides[side], shape, leaves, in.loc);
    inner.set_result(leaves.size() == 1 && !shape.is_tuple ? leaves[0] : inner.tuple(leaves, in.loc));
  }
  const ValueId result = b.end_if(blocks, operands[0].value, captures, in.loc);
  if (!shape.is_tuple) return {result, shape.axes, {}, false};
  int next = 0;
  return from_fields(b, result, shape, next, in.loc);
}

void BatchPass::flatten(const Lifted& x, std::vector<ValueId>& out) {
  if (!x.is_tuple) out.push_back(x.value);
  for (const Lifted& f : x.fields) flatten(f, out);
}

Lifted BatchPass::unflatten(const Lifted& like, const std::vector<ValueId>& params, size_t& next) {
  if (!like.is_tuple) return {params[next++], like.axes, {}, false};
  Lifted result{.is_tuple = true};
  for (const Lifted& f : like.fields) result.fields.push_back(unflatten(f, params, next));
  return result;
}

Lifted BatchPass::union_shape(const Lifted& x, const Lifted& y) {
  Lifted result{.axes = x.axes | y.axes, .is_tuple = x.is_tuple};
  for (size_t k = 0; k < x.fields.size(); ++k) result.fields.push_back(union_shape(x.fields[k], y.fields[k]));
  return result;
}

void BatchPass::expand_like(Builder& b, const Lifted& x, const Lifted& shape, std::vector<ValueId>& out, Loc loc) {
  if (!x.is_tuple) out.push_back(expand(b, x, shape.axes, loc));
  for (size_t k = 0; k < x.fields.size(); ++k) expand_like(b, x.fields[k], shape.fields[k], out, loc);
}

Lifted BatchPass::from_fields(Builder& b, ValueId tuple, const Lifted& shape, int& next, Loc loc) {
  if (!shape.is_tuple) return {b.get(tuple, next++, loc), shape.axes, {}, false};
  Lifted result{.is_tuple = true};
  for (const Lifted& f : shape.fields) result.fields.push_back(from_fields(b, tuple, f, next, loc));
  return result;
}

Lifted BatchPass::lift_loop(Builder& b, ValueId v, const Inst& in) {
  const RegionShape shape = region_shape(m_, in);
  const std::vector<Lifted> operands = lifted_operands(v);
  const auto n = static_cast<size_t>(shape.n_carried), first = static_cast<size_t>(shape.own_operands);
  std::vector<Axes> axes;
  for (size_t k = 0; k < n; ++k) axes.push_back(operands[first + k].axes);
  const bool is_for = in.op == "for"_op, is_masked = wanted_ && asks(old_, in);
  Lifted count = is_for ? operands[0] : Lifted{};
  if (is_for)
    for (Axes& a : axes) a |= count.axes;
  for (;;) {
    std::vector<ValueId> carried, captures;
    for (size_t k = 0; k < n; ++k) carried.push_back(expand(b, operands[first + k], axes[k], in.loc));
    for (size_t k = first + n; k < operands.size(); ++k) flatten(operands[k], captures);
    if (is_masked) captures.push_back(wanted_->value);
    if (count.axes) captures.push_back(count.value);
    const std::vector<Axes> before = axes;
    const bool was_beyond = is_beyond_;
    const std::optional<Lifted> outer = wanted_;
    const ValueId loop = is_for ? lift_for(b, v, in, operands, count, is_masked, carried, captures, axes)
                                : lift_while(b, v, in, operands, is_masked, carried, captures, axes);
    is_beyond_ = was_beyond, wanted_ = outer;
    if (failed_) return {};
    if (axes != before) {  // what was made does not fit its own parameters
      if (loop) b.func()[b.block()].body.pop_back();
      continue;
    }
    if (n == 1) return {loop, axes[0], {}, false};
    Lifted result{.is_tuple = true};
    for (size_t k = 0; k < n; ++k) result.fields.push_back({b.get(loop, static_cast<int>(k), in.loc), axes[k], {}, false});
    return result;
  }
}

ValueId BatchPass::lift_for(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const Lifted& count, bool is_masked,
                            const std::vector<ValueId>& carried, const std::vector<ValueId>& captures, std::vector<Axes>& axes) {
  ValueId most = count.value;
  if (count.axes) {
    is_beyond_ = true;
    std::vector<int> all;
    for (int k = 0; k < b.type(most).rank(); ++k) all.push_back(k);
    most = b.reduce("max_over"_op, most, all, in.loc);
  }
  const BlockId block_id = b.begin_for(carried, captures, in.loc);
  Builder inner = b.in(block_id);
  const Block& body = old_[in.first_block];
  const std::vector<ValueId> params = b.func()[block_id].params;
  at(body.params[0]) = {params[0], 0, {}, false};
  affine(body.params[0]) = {};
  bind_loop_params(v, body, 1, operands.subspan(1), axes, params);
  const std::vector<Lifted> current = carried_params(body, 1, axes.size());
  if (is_masked) wanted_->value = params[params.size() - (count.axes ? 2 : 1)];
  Lifted is_active;
  if (count.axes) {
    const ValueId limit = params.back(), step = inner.broadcast(params[0], inner.type(limit).dims, in.loc);
    is_active = {inner.op("lt"_op, {step, limit}, in.loc), count.axes, {}, false};
    if (asks(old_, body)) wanted_ = both(inner, is_active, true, in.loc);
  }
  std::vector<Lifted> next = loop_results(block(inner, body), axes.size());
  if (failed_) return {};
  if (count.axes)
    for (size_t k = 0; k < next.size(); ++k) next[k] = choose(inner, is_active, next[k], current[k], in.loc);
  yield(inner, next, axes, in.loc);
  return b.end_for(block_id, most, carried, captures, loop_options(m_, in.attr), in.loc);
}

ValueId BatchPass::lift_while(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, bool is_masked,
                              const std::vector<ValueId>& carried, const std::vector<ValueId>& captures, std::vector<Axes>& axes) {
  const Builder::WhileBlocks blocks = b.begin_while(carried, captures, in.loc);
  const Block &condition = old_[in.first_block], &body = old_[BlockId{in.first_block.i + 1}];
  Builder test = b.in(blocks.condition), inner = b.in(blocks.body);
  bind_loop_params(v, condition, 0, operands, axes, b.func()[blocks.condition].params);
  // Where it is done its values stay, and so does what the condition reads of them.
  const auto held = [&](Builder& at) {
    if (is_masked) wanted_->value = at.func()[at.block()].params.back();
    Lifted result = block(at, condition);
    if (is_masked && !failed_) result = both(at, result, true, in.loc);
    return result;
  };
  const bool was_beyond = is_beyond_;
  Lifted holds = held(test);
  if (failed_) return {};
  if (holds.axes) {  // once more, with subscripts that may be read for an index whose loop is done
    is_beyond_ = true;
    holds = held(test);
    std::vector<int> all;
    for (int k = 0; k < test.type(holds.value).rank(); ++k) all.push_back(k);
    test.set_result(test.reduce("any"_op, holds.value, all, in.loc));
  } else {
    is_beyond_ = was_beyond;
    test.set_result(holds.value);
  }
  const std::vector<ValueId> params = b.func()[blocks.body].params;
  Lifted is_active;
  if (holds.axes) {
    bind_loop_params(v, condition, 0, operands, axes, params);
    is_active = held(inner);
    const std::vector<Axes> given = axes;
    for (Axes& a : axes) a |= holds.axes;
    if (axes != given) return {};  // once more, with these
  }
  if (failed_) return {};
  bind_loop_params(v, body, 0, operands, axes, params);
  const std::vector<Lifted> current = carried_params(body, 0, axes.size());
  if (holds.axes && asks(old_, body)) wanted_ = is_masked ? is_active : both(inner, is_active, true, in.loc);
  std::vector<Lifted> next = loop_results(block(inner, body), axes.size());
  if (failed_) return {};
  if (holds.axes)
    for (size_t k = 0; k < next.size(); ++k) next[k] = choose(inner, is_active, next[k], current[k], in.loc);
  yield(inner, next, axes, in.loc);
  return b.end_while(blocks, carried, captures, loop_options(m_, in.attr), in.loc);
}

void BatchPass::bind_loop_params(ValueId v, const Block& source, size_t n_own, std::span<const Lifted> operands, const std::vector<Axes>& axes,
                      const std::vector<ValueId>& params) {
  size_t next = n_own;
  for (size_t k = 0; k < operands.size(); ++k) {
    const ValueId param = source.params[n_own + k];
    if (k < axes.size()) {
      at(param) = {params[next++], axes[k], {}, false};
      affine(param) = {};
    } else {
      bind_capture(v, static_cast<int>(n_own + k), param, unflatten(operands[k], params, next));
    }
  }
}

std::vector<Lifted> BatchPass::carried_params(const Block& source, size_t n_own, size_t n) {
  std::vector<Lifted> values;
  for (size_t k = 0; k < n; ++k) values.push_back(at(source.params[n_own + k]));
  return values;
}

void BatchPass::yield(Builder& inner, const std::vector<Lifted>& next, std::vector<Axes>& axes, Loc loc) {
  std::vector<ValueId> values;
  for (size_t k = 0; k < next.size(); ++k) {
    axes[k] |= next[k].axes;
    values.push_back(expand(inner, next[k], axes[k], loc));
  }
  inner.set_result(inner.joined(values, loc));
}

}  // namespace dlc
