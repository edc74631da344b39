// batch: what is written for one index becomes an op over the whole axis.
//
// Idea. Inside nested maps there is a box of axes (the indices in scope, outermost first). Every value is lifted to
// carry only those box axes it really varies with, in front of its own axes: W stays W, X[i] is the matrix X itself,
// `W @ X[i]` is one matrix product, and what varies with nothing is computed once. A subscript that is affine in the
// indices becomes a view, so no data moves.
//
//   before:  map [n] { (%i, %X, %W)  %x = index %X, %i   %z = matmul %W, %x   yield %z }
//   after:   %wt = view %W (transposed)   %z = matmul %X, %wt
//
// A call that varies becomes a call of the callee's own batched version (made once per set of varying arguments).
// In a map over examples `batch_sum` is a sum over that axis, and what it gives varies with it no more; so the derivative,
// which is taken afterwards, is that of the whole batch's objective. Elsewhere it is left for who inlines this function.
//
// An `if` on a condition that varies computes both sides and selects; subscripts under it are guarded, and AD's
// strong zeros keep the untaken side's infinities out. A loop carries what varies; see lift_loop.
#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>

#include "base/check.h"
#include "ops/table.h"
#include "passes/errors.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace dlc {
namespace {

using Axes = uint64_t;  // set of box axes, bit k = axis k of the box; at most 64 nested indices
constexpr int kMaxBoxAxes = 64;

/// A lifted value: one array with the box axes `axes` in front, or a tuple of lifted values.
struct Lifted {
  ValueId value;
  Axes axes = 0;
  std::vector<Lifted> fields;
  bool is_tuple = false;
};

/// `v`, all of whose leaves carry the box axes `axes`, taken apart into its leaves.
Lifted lifted_fields(Builder& b, ValueId v, Axes axes, Loc loc) {
  const Type t = b.type(v);
  if (!t.is_tuple()) return {v, axes, {}, false};
  Lifted result{.is_tuple = true};
  for (size_t k = 0; k < t.fields.size(); ++k) result.fields.push_back(lifted_fields(b, b.get(v, static_cast<int>(k), loc), axes, loc));
  return result;
}

/// An int as a sum of box indices with factors and a size; what a subscript must be.
struct AffineInt {
  std::vector<int64_t> factors;  // per box axis; shorter means zeros
  DimId offset;
};

int count(Axes axes) { return std::popcount(axes); }
/// Position of box axis `k` among the axes of a set.
int position(Axes axes, int k) { return std::popcount(axes & ((Axes{1} << k) - 1)); }

class BatchPass {
 public:
  BatchPass(Module& m, const Func& old, Diagnostics& diagnostics)
      : m_(m), old_(old), diagnostics_(diagnostics), map_(old.insts.size()), affine_(old.insts.size()) {}

  std::vector<DimId>& box() { return box_; }
  void bind(ValueId param, Lifted lifted) { at(param) = std::move(lifted); }

  const Lifted& block(Builder& b, const Block& source) {
    for (ValueId v : source.body) {
      const Inst in = old_[v];
      at(v) = lift(b, v, in);
      if (failed_) break;
    }
    return at(source.result);
  }
  bool failed() const { return failed_; }

  /// The value with exactly the box axes `axes`, the missing ones repeated.
  ValueId expand(Builder& b, const Lifted& x, Axes axes, Loc loc) {
    if (x.axes == axes) return x.value;
    const Type t = b.type(x.value);
    const int n_own = t.rank() - count(x.axes);
    std::vector<int> from;
    std::vector<DimId> dims;
    for (int k = 0; k < static_cast<int>(box_.size()); ++k) {
      if (!(axes >> k & 1)) continue;
      from.push_back(x.axes >> k & 1 ? position(x.axes, k) : -1);
      dims.push_back(box_[static_cast<size_t>(k)]);
    }
    for (int k = 0; k < n_own; ++k) {
      from.push_back(count(x.axes) + k);
      dims.push_back(t.dims[static_cast<size_t>(count(x.axes) + k)]);
    }
    return b.view(x.value, permute_map(m_, t, from, std::move(dims)), loc);
  }
  /// As one value; a tuple has the names of the type `like`, if that is given.
  ValueId materialise(Builder& b, const Lifted& x, Axes axes, Loc loc, TypeId like = {}) {
    if (!x.is_tuple) return expand(b, x, axes, loc);
    Type t = like ? m_.types[like] : Type{.dtype = DType::tuple, .dims = {}, .fields = std::vector<Field>(x.fields.size()), .name = {}};
    std::vector<ValueId> fields;
    for (size_t k = 0; k < x.fields.size(); ++k) {
      fields.push_back(materialise(b, x.fields[k], axes, loc, t.fields[k].type));
      t.fields[k].type = b.type_id(fields.back());
    }
    return b.tuple(fields, m_.types.intern(std::move(t)), loc);
  }

 private:
  Lifted& at(ValueId v) { return map_[static_cast<size_t>(v.i)]; }
  AffineInt& affine(ValueId v) { return affine_[static_cast<size_t>(v.i)]; }

  std::vector<Lifted> lifted_operands(ValueId v) {
    std::vector<Lifted> operands;
    for (ValueId o : old_.operands(v)) operands.push_back(at(o));
    return operands;
  }
  static Axes all_axes(const Lifted& x) {
    Axes axes = x.axes;
    for (const Lifted& f : x.fields) axes |= all_axes(f);
    return axes;
  }
  static Axes all_axes(std::span<const Lifted> xs) {
    Axes axes = 0;
    for (const Lifted& x : xs) axes |= all_axes(x);
    return axes;
  }

  Lifted lift(Builder& b, ValueId v, const Inst& in) {
    if (b.func().insts.size() > kMaxInstructions) return fail("program-too-large", in, "this function expands to too many instructions");
    track_affine(v, in);
    if (in.op == "map"_op) return lift_map(b, v, in);
    if (in.op == "if"_op) return lift_if(b, v, in);
    if (in.op == "for"_op || in.op == "while"_op) return lift_loop(b, v, in);
    if (in.op == "index"_op && is_affine_index(v, in)) return lift_index(b, v, in);
    const std::vector<Lifted> operands = lifted_operands(v);
    if (in.op == "index"_op || in.op == "put"_op || in.op == "add_at"_op) return lift_subscripts(b, in, operands);
    if (in.op == "tuple"_op) return {.fields = operands, .is_tuple = true};
    if (in.op == "get"_op) return operands[0].fields[static_cast<size_t>(m_[in.attr].ints[0])];
    const Axes axes = all_axes(operands);
    if (in.op == "call"_op) return lift_call(b, in, operands, axes);
    if (in.op == "batch_sum"_op && examples_ >= 0) return lift_batch_sum(b, in, operands[0]);
    std::vector<ValueId> ready;
    if (axes == 0) {
      for (const Lifted& x : operands) ready.push_back(x.value);
      return {b.rebuild(in, ready, in.loc), 0, {}, false};
    }
    if (in.op == "matmul"_op) return lift_matmul(b, in, operands);
    for (const Lifted& x : operands) ready.push_back(expand(b, x, axes, in.loc));
    return {lift_array_op(b, in, ready, count(axes)), axes, {}, false};
  }

  // Σ over the examples: what is the same for all of them counts as often as there are any.
  Lifted lift_batch_sum(Builder& b, const Inst& in, const Lifted& x) {
    if (x.axes >> examples_ & 1) return {b.sum(x.value, {position(x.axes, examples_)}, in.loc), x.axes & ~(Axes{1} << examples_), {}, false};
    const Type t = b.type(x.value);
    const ValueId n = b.convert(b.size(box_[static_cast<size_t>(examples_)], in.loc), t.dtype, in.loc);
    return {b.op("mul"_op, {x.value, n}, in.loc), x.axes, {}, false};
  }

  // Ops whose own axes simply move behind `n` box axes.
  ValueId lift_array_op(Builder& b, const Inst& in, std::span<const ValueId> x, int n) {
    const Op& row = op_row(in.op);
    const std::vector<int64_t> ints = in.attr ? m_[in.attr].ints : std::vector<int64_t>{};
    if (row.kind == OpKind::elementwise) return b.op(in.op, x, in.loc);
    if (in.op == "view"_op || in.op == "view_adjoint"_op) return lift_view(b, in, x[0], n);
    if (in.op == "sum"_op || row.kind == OpKind::reduction) {
      std::vector<int> axes;
      for (int64_t a : ints) axes.push_back(static_cast<int>(a) + n);
      return b.reduce(in.op, x[0], axes, in.loc);
    }
    if (in.op == "reshape"_op) {
      std::vector<DimId> shape = b.type(x[0]).dims;
      shape.resize(static_cast<size_t>(n));
      const std::vector<DimId> own = m_[in.attr].dims;
      shape.insert(shape.end(), own.begin(), own.end());
      return b.reshape(x[0], std::move(shape), in.loc);
    }
    if (in.op == "batch_sum"_op) return b.batch_sum(x[0], in.loc);
    if (in.op == "cumsum"_op) return b.cumsum(x[0], static_cast<int>(ints[0]) + n, ints[1] != 0, in.loc);
    if (in.op == "stack"_op) {
      const ValueId stacked = b.stack(x, in.loc);  // [k, box…, own…] → [box…, k, own…]
      std::vector<int> axes;
      for (int k = 1; k <= n; ++k) axes.push_back(k);
      axes.push_back(0);
      for (int k = n + 1; k < b.type(stacked).rank(); ++k) axes.push_back(k);
      return b.transpose(stacked, axes, in.loc);
    }
    DLC_CHECK(false, "batch knows every op with operands");
  }

  ValueId lift_view(Builder& b, const Inst& in, ValueId x, int n) {
    const ViewMap map = view_map(m_, in.attr);
    const Type t = b.type(x);
    ViewMap lifted;
    lifted.guarded = map.guarded;
    const DimId zero = b.dims().constant(0);
    for (int k = 0; k < n; ++k) lifted.dims.push_back(t.dims[static_cast<size_t>(k)]), lifted.offsets.push_back(zero);
    lifted.dims.insert(lifted.dims.end(), map.dims.begin(), map.dims.end());
    lifted.offsets.insert(lifted.offsets.end(), map.offsets.begin(), map.offsets.end());
    lifted.coefficients.assign(lifted.dims.size() * lifted.offsets.size(), 0);
    for (int k = 0; k < n; ++k) lifted.at(k, k) = 1;
    for (int s = 0; s < map.source_rank(); ++s)
      for (int r = 0; r < map.result_rank(); ++r) lifted.at(n + s, n + r) = map.at(s, r);
    if (in.op == "view"_op) return b.view(x, lifted, in.loc);
    std::vector<DimId> source(t.dims.begin(), t.dims.begin() + n);
    const std::vector<DimId> own = b.types()[in.type].dims;
    source.insert(source.end(), own.begin(), own.end());
    return b.view_adjoint(x, lifted, b.types().array(t.dtype, std::move(source)), in.loc);
  }

  // y[B,M,N] = a[B,M,K]·b[B,K,N]. Axes both vary with join B; axes of one alone join its own free axes, so a
  // matrix–vector product under an index becomes a matrix–matrix product.
  Lifted lift_matmul(Builder& b, const Inst& in, std::span<const Lifted> x) {
    const MatmulRanks r = matmul_ranks(m_, in.attr);
    const Axes both = x[0].axes & x[1].axes, left = x[0].axes & ~both, right = x[1].axes & ~both;
    const int nb = count(both), nl = count(left), nr = count(right);
    const ValueId a = group_axes(b, x[0], both, left, {{{0, r.batch}, {r.batch, r.m}, {r.batch + r.m, r.k}}}, 1, in.loc);
    const ValueId c = group_axes(b, x[1], both, right, {{{0, r.batch}, {r.batch, r.k}, {r.batch + r.k, r.n}}}, 2, in.loc);
    // a: [both, B, left, M, K], c: [both, B, K, right, N]
    ValueId y;
    const int base = nb + r.batch;
    int at_left = base, at_m = base + nl, at_right = at_m + r.m;  // where y has its groups of axes
    if (nl == 0 && nr > 0 && r.n == 0) {
      // Many vectors against one matrix: (vectors as rows)·Wᵀ, so that products accumulate along contiguous rows.
      y = b.matmul(swap(b, c, base, r.k, nr, in.loc), swap(b, a, base, r.m, r.k, in.loc), {base, nr, r.m, r.k}, in.loc);
      at_right = base, at_m = base + nr;
    } else {
      y = b.matmul(a, c, {base, nl + r.m, nr + r.n, r.k}, in.loc);
    }
    const int at_n = base + nl + r.m + nr;
    std::vector<int> order;  // [both ∪ left ∪ right in box order, B, M, N]
    const Axes all = x[0].axes | x[1].axes;
    for (int k = 0; k < static_cast<int>(box_.size()); ++k) {
      if (both >> k & 1) order.push_back(position(both, k));
      else if (left >> k & 1) order.push_back(at_left + position(left, k));
      else if (right >> k & 1) order.push_back(at_right + position(right, k));
    }
    for (int k = 0; k < r.batch; ++k) order.push_back(nb + k);
    for (int k = 0; k < r.m; ++k) order.push_back(at_m + k);
    for (int k = 0; k < r.n; ++k) order.push_back(at_n + k);
    return {b.transpose(y, order, in.loc), all, {}, false};
  }

  struct Group {
    int first, size;
  };
  /// Own axes come as three groups (first: batch); box axes `both` go to the front, `single` before group `before`.
  ValueId group_axes(Builder& b, const Lifted& x, Axes both, Axes single, const std::array<Group, 3>& groups, int before, Loc loc) {
    std::vector<int> order;
    const int n = count(x.axes);
    auto push_box = [&](Axes set) {
      for (int k = 0; k < static_cast<int>(box_.size()); ++k)
        if (set >> k & 1) order.push_back(position(x.axes, k));
    };
    push_box(both);
    for (int g = 0; g < 3; ++g) {
      if (g == before) push_box(single);
      for (int k = 0; k < groups[static_cast<size_t>(g)].size; ++k) order.push_back(n + groups[static_cast<size_t>(g)].first + k);
    }
    return b.transpose(x.value, order, loc);
  }
  /// [base, X, Y] → [base, Y, X]
  static ValueId swap(Builder& b, ValueId v, int base, int x, int y, Loc loc) {
    std::vector<int> order;
    for (int k = 0; k < base; ++k) order.push_back(k);
    for (int k = 0; k < y; ++k) order.push_back(base + x + k);
    for (int k = 0; k < x; ++k) order.push_back(base + k);
    return b.transpose(v, order, loc);
  }

  // ------------------------------------------------------------------------------------------------- regions

  Lifted lift_map(Builder& b, ValueId v, const Inst& in) {
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

  /// Makes the map's axes, all of them, part of each leaf's own shape.
  Lifted with_axes(Builder& b, const Lifted& x, Axes own, Loc loc) {
    if (!x.is_tuple) return {expand(b, x, x.axes | own, loc), x.axes & ~own, {}, false};
    Lifted result{.is_tuple = true};
    for (const Lifted& f : x.fields) result.fields.push_back(with_axes(b, f, own, loc));
    return result;
  }

  void bind_capture(ValueId v, int operand, ValueId param, const Lifted& lifted) {
    affine(param) = affine(old_.operand(v, operand));
    at(param) = lifted;
  }

  Lifted lift_if(Builder& b, ValueId v, const Inst& in) {
    const std::vector<Lifted> operands = lifted_operands(v);
    const Block& then_block = old_[in.first_block];
    const Block& else_block = old_[BlockId{in.first_block.i + 1}];
    if (operands[0].axes == 0) return lift_uniform_if(b, v, in, operands, then_block, else_block);
    for (const Block* side : {&then_block, &else_block})
      for (size_t k = 1; k < operands.size(); ++k) bind_capture(v, static_cast<int>(k), side->params[k - 1], operands[k]);
    const Speculation outer = speculation_;
    speculation_ = std::max(outer, Speculation::branch);
    const Lifted yes = block(b, then_block);
    if (failed_) return {};
    const Lifted no = block(b, else_block);
    if (failed_) return {};
    speculation_ = outer;
    return choose(b, operands[0], yes, no, in.loc);
  }

  Lifted choose(Builder& b, const Lifted& condition, const Lifted& yes, const Lifted& no, Loc loc) {
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

  // The condition is the same for every index: the `if` stays, its blocks are lifted inside it.
  Lifted lift_uniform_if(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const Block& then_block, const Block& else_block) {
    std::vector<ValueId> captures;
    for (size_t k = 1; k < operands.size(); ++k) flatten(operands[k], captures);
    const Builder::IfBlocks blocks = b.begin_if(captures, in.loc);
    Lifted sides[2];
    for (int side = 0; side < 2; ++side) {
      const Block& source = side == 0 ? then_block : else_block;
      Builder inner = b.in(side == 0 ? blocks.then_block : blocks.else_block);
      size_t next = 0;
      for (size_t k = 1; k < operands.size(); ++k) {
        bind_capture(v, static_cast<int>(k), source.params[k - 1], unflatten(operands[k], inner.func()[inner.block()].params, next));
      }
      sides[side] = block(inner, source);
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

  static void flatten(const Lifted& x, std::vector<ValueId>& out) {
    if (!x.is_tuple) out.push_back(x.value);
    for (const Lifted& f : x.fields) flatten(f, out);
  }
  static Lifted unflatten(const Lifted& like, const std::vector<ValueId>& params, size_t& next) {
    if (!like.is_tuple) return {params[next++], like.axes, {}, false};
    Lifted result{.is_tuple = true};
    for (const Lifted& f : like.fields) result.fields.push_back(unflatten(f, params, next));
    return result;
  }
  static Lifted union_shape(const Lifted& x, const Lifted& y) {
    Lifted result{.axes = x.axes | y.axes, .is_tuple = x.is_tuple};
    for (size_t k = 0; k < x.fields.size(); ++k) result.fields.push_back(union_shape(x.fields[k], y.fields[k]));
    return result;
  }
  void expand_like(Builder& b, const Lifted& x, const Lifted& shape, std::vector<ValueId>& out, Loc loc) {
    if (!x.is_tuple) out.push_back(expand(b, x, shape.axes, loc));
    for (size_t k = 0; k < x.fields.size(); ++k) expand_like(b, x.fields[k], shape.fields[k], out, loc);
  }
  Lifted from_fields(Builder& b, ValueId tuple, const Lifted& shape, int& next, Loc loc) {
    if (!shape.is_tuple) return {b.get(tuple, next++, loc), shape.axes, {}, false};
    Lifted result{.is_tuple = true};
    for (const Lifted& f : shape.fields) result.fields.push_back(from_fields(b, tuple, f, next, loc));
    return result;
  }

  // -------------------------------------------------------------------------------------------------- loops

  /// Carried values get the axes that their first or any later value has: the body is lifted until these do not grow. Where
  /// the number of steps differs from index to index, the loop runs as long as it does for some index, and what is done
  /// for an index keeps its values.
  Lifted lift_loop(Builder& b, ValueId v, const Inst& in) {
    const RegionShape shape = region_shape(m_, in);
    const std::vector<Lifted> operands = lifted_operands(v);
    const auto n = static_cast<size_t>(shape.n_carried), first = static_cast<size_t>(shape.own_operands);
    std::vector<Axes> axes;
    for (size_t k = 0; k < n; ++k) axes.push_back(operands[first + k].axes);
    const bool is_for = in.op == "for"_op;
    Lifted count = is_for ? operands[0] : Lifted{};
    if (is_for)
      for (Axes& a : axes) a |= count.axes;
    for (;;) {
      std::vector<ValueId> carried, captures;
      for (size_t k = 0; k < n; ++k) carried.push_back(expand(b, operands[first + k], axes[k], in.loc));
      for (size_t k = first + n; k < operands.size(); ++k) flatten(operands[k], captures);
      if (count.axes) captures.push_back(count.value);
      const std::vector<Axes> before = axes;
      const Speculation outer = speculation_;
      const ValueId loop = is_for ? lift_for(b, v, in, operands, count, carried, captures, axes)
                                  : lift_while(b, v, in, operands, carried, captures, axes);
      speculation_ = outer;
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

  ValueId lift_for(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const Lifted& count,
                   const std::vector<ValueId>& carried, const std::vector<ValueId>& captures, std::vector<Axes>& axes) {
    ValueId most = count.value;
    if (count.axes) {
      speculation_ = Speculation::loop;
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
    std::vector<Lifted> next = loop_results(block(inner, body), axes.size());
    if (failed_) return {};
    if (count.axes) {
      const Lifted limit{params.back(), count.axes, {}, false};
      const ValueId step = inner.broadcast(params[0], inner.type(limit.value).dims, in.loc);
      const Lifted is_active{inner.op("lt"_op, {step, limit.value}, in.loc), count.axes, {}, false};
      for (size_t k = 0; k < next.size(); ++k) next[k] = choose(inner, is_active, next[k], current[k], in.loc);
    }
    yield(inner, next, axes, in.loc);
    return b.end_for(block_id, most, carried, captures, loop_options(m_, in.attr), in.loc);
  }

  ValueId lift_while(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const std::vector<ValueId>& carried,
                     const std::vector<ValueId>& captures, std::vector<Axes>& axes) {
    const Builder::WhileBlocks blocks = b.begin_while(carried, captures, in.loc);
    const Block &condition = old_[in.first_block], &body = old_[BlockId{in.first_block.i + 1}];
    Builder test = b.in(blocks.condition), inner = b.in(blocks.body);
    bind_loop_params(v, condition, 0, operands, axes, b.func()[blocks.condition].params);
    const Speculation before = speculation_;
    Lifted holds = block(test, condition);
    if (failed_) return {};
    if (holds.axes) {  // once more, with subscripts that may be read for an index whose loop is done
      speculation_ = Speculation::loop;
      holds = block(test, condition);
      std::vector<int> all;
      for (int k = 0; k < test.type(holds.value).rank(); ++k) all.push_back(k);
      test.set_result(test.reduce("any"_op, holds.value, all, in.loc));
    } else {
      speculation_ = before;
      test.set_result(holds.value);
    }
    const std::vector<ValueId> params = b.func()[blocks.body].params;
    Lifted is_active;
    if (holds.axes) {
      bind_loop_params(v, condition, 0, operands, axes, params);
      is_active = block(inner, condition);
      const std::vector<Axes> given = axes;
      for (Axes& a : axes) a |= holds.axes;
      if (axes != given) return {};  // once more, with these
    }
    if (failed_) return {};
    bind_loop_params(v, body, 0, operands, axes, params);
    const std::vector<Lifted> current = carried_params(body, 0, axes.size());
    std::vector<Lifted> next = loop_results(block(inner, body), axes.size());
    if (failed_) return {};
    if (holds.axes)
      for (size_t k = 0; k < next.size(); ++k) next[k] = choose(inner, is_active, next[k], current[k], in.loc);
    yield(inner, next, axes, in.loc);
    return b.end_while(blocks, carried, captures, loop_options(m_, in.attr), in.loc);
  }

  /// `params` are those of the block being made, the loop's own first; `operands` begin with the carried values.
  void bind_loop_params(ValueId v, const Block& source, size_t n_own, std::span<const Lifted> operands, const std::vector<Axes>& axes,
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
  std::vector<Lifted> carried_params(const Block& source, size_t n_own, size_t n) {
    std::vector<Lifted> values;
    for (size_t k = 0; k < n; ++k) values.push_back(at(source.params[n_own + k]));
    return values;
  }
  static std::vector<Lifted> loop_results(const Lifted& result, size_t n) { return n == 1 ? std::vector{result} : result.fields; }

  /// Sets the body's result; `axes` grow where a value has more.
  void yield(Builder& inner, const std::vector<Lifted>& next, std::vector<Axes>& axes, Loc loc) {
    std::vector<ValueId> values;
    for (size_t k = 0; k < next.size(); ++k) {
      axes[k] |= next[k].axes;
      values.push_back(expand(inner, next[k], axes[k], loc));
    }
    inner.set_result(inner.joined(values, loc));
  }

  // -------------------------------------------------------------------------------------------------- calls

  Lifted lift_call(Builder& b, const Inst& in, std::span<const Lifted> args, Axes axes);
  bool holds_float(const Inst& call, size_t k) const;

  // --------------------------------------------------------------------------------------------- subscripts

  void track_affine(ValueId v, const Inst& in) {
    if (in.type && (m_.types[in.type].dtype != DType::i64 || m_.types[in.type].rank() != 0)) return;
    DimTable& dims = m_.types.dims;
    AffineInt result;
    auto of = [&](int k) -> const AffineInt& { return affine(old_.operand(v, k)); };
    auto combine = [&](const AffineInt& x, const AffineInt& y, int64_t factor) {
      AffineInt sum = x;
      sum.factors.resize(std::max(x.factors.size(), y.factors.size()));
      for (size_t k = 0; k < y.factors.size(); ++k) sum.factors[k] += factor * y.factors[k];
      sum.offset = dims.add(x.offset, dims.mul(dims.constant(factor), y.offset));
      return sum;
    };
    if (in.op == "const"_op) {
      result.offset = dims.constant(m_[in.attr].ints[0]);
    } else if (in.op == "size"_op) {
      result.offset = m_[in.attr].dims[0];
    } else if (in.op == "add"_op && of(0).offset && of(1).offset) {
      result = combine(of(0), of(1), 1);
    } else if (in.op == "sub"_op && of(0).offset && of(1).offset) {
      result = combine(of(0), of(1), -1);
    } else if (in.op == "neg"_op && of(0).offset) {
      result = combine({{}, dims.constant(0)}, of(0), -1);
    } else if (in.op == "mul"_op && of(0).offset && of(1).offset) {
      for (int side : {0, 1}) {
        const AffineInt &scale = of(side), &x = of(1 - side);
        const bool is_plain = std::all_of(scale.factors.begin(), scale.factors.end(), [](int64_t c) { return c == 0; });
        const auto value = dims.as_constant(scale.offset);
        const bool x_plain = std::all_of(x.factors.begin(), x.factors.end(), [](int64_t c) { return c == 0; });
        if (is_plain && x_plain) result.offset = dims.mul(scale.offset, x.offset);
        else if (is_plain && value && std::abs(*value) < (int64_t{1} << 31)) result = combine({{}, dims.constant(0)}, x, *value);
        if (result.offset) break;
      }
    } else if (in.op == "div"_op || in.op == "floor_div"_op) {
      if (of(0).offset && of(1).offset && all_zero(of(0)) && all_zero(of(1))) result.offset = dims.div(of(0).offset, of(1).offset);
    }
    affine(v) = std::move(result);
  }
  static bool all_zero(const AffineInt& x) {
    return std::all_of(x.factors.begin(), x.factors.end(), [](int64_t c) { return c == 0; });
  }

  bool is_affine_index(ValueId v, const Inst& in) {
    if (is_checked(bounds_of(m_, in))) return false;
    for (int k = 1; k < in.n_operands; ++k)
      if (!affine(old_.operand(v, k)).offset) return false;
    return true;
  }

  /// Subscripts of any kind: the box axes of the array are subscripted by their own indices, in front of the given ones.
  Lifted lift_subscripts(Builder& b, const Inst& in, std::span<const Lifted> x) {
    const bool stores = in.op != "index"_op;
    const size_t first = stores ? 2 : 1;
    const Axes all = all_axes(x), own = stores ? all : x[0].axes;
    Bounds bounds = bounds_of(m_, in);
    if (speculation_ == Speculation::loop || (speculation_ == Speculation::branch && is_checked(bounds))) bounds = Bounds::guarded;
    std::vector<ValueId> subscripts;
    std::vector<ValueId> given;
    for (size_t k = first; k < x.size(); ++k) given.push_back(expand(b, x[k], all, in.loc));
    const std::vector<DimId> shape = b.type(given[0]).dims;
    for (int k = 0; k < static_cast<int>(box_.size()); ++k) {
      if (!(own >> k & 1)) continue;
      const ValueId position_of = b.iota(box_[static_cast<size_t>(k)], in.loc);
      std::vector<int> axes(shape.size(), -1);
      axes[static_cast<size_t>(position(all, k))] = 0;
      subscripts.push_back(b.view(position_of, permute_map(m_, b.type(position_of), axes, shape), in.loc));
    }
    subscripts.insert(subscripts.end(), given.begin(), given.end());
    if (!stores) return {b.index(x[0].value, subscripts, bounds, in.loc), all, {}, false};
    const ValueId array = expand(b, x[0], all, in.loc), value = expand(b, x[1], all, in.loc);
    if (in.op == "put"_op) return {b.put(array, value, subscripts, bounds, in.loc), all, {}, false};
    return {b.add_at(array, value, subscripts, bounds, in.loc), all, {}, false};
  }

  Lifted lift_index(Builder& b, ValueId v, const Inst& in) {
    const Lifted x = at(old_.operand(v, 0));
    const int n_subscripts = in.n_operands - 1;
    const Type t = b.type(x.value);
    const int n_box = count(x.axes);
    Axes axes = x.axes;
    for (int s = 0; s < n_subscripts; ++s) {
      const AffineInt& subscript = affine(old_.operand(v, s + 1));
      for (size_t k = 0; k < subscript.factors.size(); ++k)
        if (subscript.factors[k] != 0) axes |= Axes{1} << k;
    }
    ViewMap map;
    map.guarded = m_[in.attr].ints[0] != 0;
    for (int k = 0; k < static_cast<int>(box_.size()); ++k)
      if (axes >> k & 1) map.dims.push_back(box_[static_cast<size_t>(k)]);
    const int n_axes = count(axes);
    for (int s = n_box + n_subscripts; s < t.rank(); ++s) map.dims.push_back(t.dims[static_cast<size_t>(s)]);
    map.offsets.assign(t.dims.size(), b.dims().constant(0));
    map.coefficients.assign(map.dims.size() * map.offsets.size(), 0);
    for (int k = 0; k < static_cast<int>(box_.size()); ++k)
      if (x.axes >> k & 1) map.at(position(x.axes, k), position(axes, k)) = 1;
    for (int s = 0; s < n_subscripts; ++s) {
      const AffineInt& subscript = affine(old_.operand(v, s + 1));
      map.offsets[static_cast<size_t>(n_box + s)] = subscript.offset;
      for (size_t k = 0; k < subscript.factors.size(); ++k)
        if (subscript.factors[k] != 0) map.at(n_box + s, position(axes, static_cast<int>(k))) = subscript.factors[k];
    }
    for (int s = n_box + n_subscripts; s < t.rank(); ++s) map.at(s, n_axes + s - n_box - n_subscripts) = 1;
    return {b.view(x.value, map, in.loc), axes, {}, false};
  }

  Lifted fail(std::string_view slug, const Inst& in, std::string message) {
    for (const DiagnosticKind& kind : kPassErrors)
      if (slug == kind.slug && !failed_) diagnostics_.error(kind, in.loc.span, std::move(message));
    failed_ = true;
    return {};
  }

  Module& m_;
  const Func& old_;
  Diagnostics& diagnostics_;
  std::vector<Lifted> map_;
  std::vector<AffineInt> affine_;
  std::vector<DimId> box_;
  // What is computed for an index may not be wanted there: the other side of a branch, a step after a loop's last.
  enum class Speculation : uint8_t { none, branch, loop };
  Speculation speculation_ = Speculation::none;
  int examples_ = -1;  // the axis of the box that runs over examples
  bool failed_ = false;
};

/// `type` with `dims` in front of every leaf.
TypeId with_leading(TypeTable& types, TypeId type, const std::vector<DimId>& dims) {
  Type t = types[type];
  for (Field& f : t.fields) f.type = with_leading(types, f.type, dims);
  if (!t.is_tuple()) t.dims.insert(t.dims.begin(), dims.begin(), dims.end());
  return types.intern(std::move(t));
}

TypeId without_names(TypeTable& types, TypeId type) {
  Type t = types[type];
  for (Field& f : t.fields) f = {{}, without_names(types, f.type)};
  t.name = {};
  return types.intern(std::move(t));
}

/// The callee over a box of fresh size variables: arguments in `varying` carry all of them. Every leaf of the result
/// carries all of them too.
FuncId batched_version(Module& m, FuncId callee, const std::vector<bool>& varying, int n_axes, Diagnostics& diagnostics) {
  std::string key = fmt::format("batch {} over {} of", callee.i, n_axes);
  for (bool v : varying) key += v ? " 1" : " 0";
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;
  const Func& source = m[callee];
  Func f;
  f.name = m.unique_name(source.name + ".batch");
  f.size_vars = source.size_vars;
  f.checks = source.checks;
  f.loc = source.loc;
  f.is_kept = source.is_kept;
  f.blocks.emplace_back();
  // Known before its body is, in case the callee calls itself; tuples lose their names on the way.
  std::vector<DimId> box;
  for (int k = 0; k < n_axes; ++k) {
    f.size_vars.push_back(m.strings.intern(fmt::format("batch{}", k)));
    for (int n = 2; std::count(f.size_vars.begin(), f.size_vars.end(), f.size_vars.back()) > 1; ++n)
      f.size_vars.back() = m.strings.intern(fmt::format("batch{}_{}", k, n));
    box.push_back(m.types.dims.variable(f.size_vars.back()));
  }
  f.declared_result = with_leading(m.types, without_names(m.types, source.result_type()), box);
  const FuncId id = m.add(std::move(f));
  m.derived.emplace(key, id);
  BatchPass pass(m, source, diagnostics);
  pass.box() = box;
  Builder b(m, id, BlockId{0});
  for (size_t k = 0; k < varying.size(); ++k) {
    const ValueId param = source.body().params[k];
    const Inst in = source[param];
    const TypeId type = varying[k] ? with_leading(m.types, in.type, box) : in.type;
    const ValueId made = append_param(m, m[id], BlockId{0}, in.op, type, m[in.attr].name, in.loc);
    const Axes axes = varying[k] ? (Axes{1} << n_axes) - 1 : 0;
    pass.bind(param, lifted_fields(b, made, axes, in.loc));
  }
  const Lifted result = pass.block(b, source.body());
  if (pass.failed()) {
    b.set_result(b.zeros(m.types.scalar(DType::f64), source.loc));
    return id;
  }
  b.set_result(pass.materialise(b, result, (Axes{1} << n_axes) - 1, source.loc));
  if (const FuncId rule = m[callee].rule) {
    std::vector<bool> of_rule = varying;
    of_rule.resize(m[rule].body().params.size(), true);
    const FuncId batched = batched_version(m, rule, of_rule, n_axes, diagnostics);
    m[id].rule = batched;
  }
  return id;
}

bool BatchPass::holds_float(const Inst& call, size_t k) const {
  const Func& callee = m_[m_[call.attr].func];
  return m_.types.all_float(callee[callee.body().params[k]].type);
}

Lifted BatchPass::lift_call(Builder& b, const Inst& in, std::span<const Lifted> args, Axes axes) {
  std::vector<ValueId> ready, run_time_sizes;
  std::vector<bool> varying;
  const Attr attr = m_[in.attr];
  for (const Lifted& x : args.first(args.size() - attr.ints.size())) {
    // A rule's directions vary wherever it is called; so do the values that they are directions of.
    const bool is_direction = axes != 0 && m_[attr.func].rule && holds_float(in, varying.size());
    varying.push_back(is_direction || all_axes(x) != 0);
    const Func& own = m_[attr.func];
    ready.push_back(materialise(b, x, varying.back() ? axes : 0, in.loc, own[own.body().params[ready.size()]].type));
  }
  for (const Lifted& size : args.last(attr.ints.size())) {  // as many as any index needs
    std::vector<int> all;
    for (int k = 0; k < count(size.axes); ++k) all.push_back(k);
    run_time_sizes.push_back(b.reduce("max_over"_op, size.value, all, in.loc));
  }
  ValueId result;
  if (axes == 0) {
    result = b.call(attr.func, attr.dims, ready, attr.ints, run_time_sizes, in.loc);
  } else {
    const FuncId callee = batched_version(m_, attr.func, varying, count(axes), diagnostics_);
    if (diagnostics_.has_errors()) return failed_ = true, Lifted{};
    std::vector<DimId> sizes = attr.dims;
    for (size_t k = 0; k < box_.size(); ++k)
      if (axes >> k & 1) sizes.push_back(box_[k]);
    result = b.call(callee, std::move(sizes), ready, attr.ints, run_time_sizes, in.loc);
  }
  return lifted_fields(b, result, axes, in.loc);
}

}  // namespace

void batch(Module& m, FuncId f, Diagnostics& diagnostics) {
  bool has_maps = false;
  for (const Inst& in : m[f].insts) has_maps = has_maps || in.op == "map"_op;
  if (!has_maps) return;
  const Func old = begin_rewrite(m, f);
  Builder b(m, f, BlockId{0});
  BatchPass pass(m, old, diagnostics);
  for (size_t k = 0; k < old.body().params.size(); ++k) {
    const ValueId made = m[f].body().params[k];
    pass.bind(old.body().params[k], lifted_fields(b, made, 0, old.loc));
  }
  const TypeId result_type = old[old.body().result].type;
  const Lifted result = pass.block(b, old.body());
  if (pass.failed()) return b.set_result(b.zeros(result_type, old.loc));
  // Rebuild the result with its own field names.
  auto rebuild = [&](auto& self, const Lifted& x, TypeId type) -> ValueId {
    if (!x.is_tuple) return x.value;
    std::vector<ValueId> fields;
    const Type t = m.types[type];
    for (size_t k = 0; k < x.fields.size(); ++k) fields.push_back(self(self, x.fields[k], t.fields[k].type));
    return b.tuple(fields, type, old.loc);
  };
  b.set_result(rebuild(rebuild, result, result_type));
}

}  // namespace dlc
