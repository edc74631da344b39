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
// A call that varies becomes a call of the callee's own batched version (made once per set of varying arguments). A callee that
// calls itself under an index would meet one axis more each time: for it the axes of the box are one.
// In a map over examples `batch_sum` is a sum over that axis, and what it gives varies with it no more; so the derivative,
// which is taken afterwards, is that of the whole batch's objective. Elsewhere it is left for who inlines this function.
//
// An `if` on a condition that varies computes both sides and selects; subscripts under it are guarded, or checked only where
// they are wanted (`wanted_`), and AD's strong zeros keep the untaken side's infinities out. A loop carries what varies; see lift_loop.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/check.h"
#include "ops/table.h"
#include "passes/errors.h"
#include "passes/passes.h"
#include "passes/batch_pass.h"
#include "passes/rewrite.h"

namespace dlc {

Lifted lifted_fields(Builder& b, ValueId v, Axes axes, Loc loc) {
  const Type t = b.type(v);
  if (!t.is_tuple()) return {v, axes, {}, false};
  Lifted result{.is_tuple = true};
  for (size_t k = 0; k < t.fields.size(); ++k) result.fields.push_back(lifted_fields(b, b.get(v, static_cast<int>(k), loc), axes, loc));
  return result;
}

const Lifted& BatchPass::block(Builder& b, const Block& source) {
  for (ValueId v : source.body) {
    const Inst in = old_[v];
    at(v) = lift(b, v, in);
    if (failed_) break;
  }
  return at(source.result);
}

ValueId BatchPass::expand(Builder& b, const Lifted& x, Axes axes, Loc loc) {
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

ValueId BatchPass::materialise(Builder& b, const Lifted& x, Axes axes, Loc loc, TypeId like) {
  if (!x.is_tuple) return expand(b, x, axes, loc);
  Type t = like ? m_.types[like] : Type{.dtype = DType::tuple, .dims = {}, .fields = std::vector<Field>(x.fields.size()), .name = {}};
  std::vector<ValueId> fields;
  for (size_t k = 0; k < x.fields.size(); ++k) {
    fields.push_back(materialise(b, x.fields[k], axes, loc, t.fields[k].type));
    t.fields[k].type = b.type_id(fields.back());
  }
  return b.tuple(fields, m_.types.intern(std::move(t)), loc);
}

std::vector<Lifted> BatchPass::lifted_operands(ValueId v) {
  std::vector<Lifted> operands;
  for (ValueId o : old_.operands(v)) operands.push_back(at(o));
  return operands;
}

Axes BatchPass::all_axes(const Lifted& x) {
  Axes axes = x.axes;
  for (const Lifted& f : x.fields) axes |= all_axes(f);
  return axes;
}

Axes BatchPass::all_axes(std::span<const Lifted> xs) {
  Axes axes = 0;
  for (const Lifted& x : xs) axes |= all_axes(x);
  return axes;
}

Lifted BatchPass::lift(Builder& b, ValueId v, const Inst& in) {
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

Lifted BatchPass::lift_batch_sum(Builder& b, const Inst& in, const Lifted& x) {
  if (x.axes >> examples_ & 1) return {b.sum(x.value, {position(x.axes, examples_)}, in.loc), x.axes & ~(Axes{1} << examples_), {}, false};
  const Type t = b.type(x.value);
  const ValueId n = b.convert(b.size(box_[static_cast<size_t>(examples_)], in.loc), t.dtype, in.loc);
  return {b.op("mul"_op, {x.value, n}, in.loc), x.axes, {}, false};
}

ValueId BatchPass::lift_array_op(Builder& b, const Inst& in, std::span<const ValueId> x, int n) {
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

ValueId BatchPass::lift_view(Builder& b, const Inst& in, ValueId x, int n) {
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

Lifted BatchPass::lift_matmul(Builder& b, const Inst& in, std::span<const Lifted> x) {
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

ValueId BatchPass::group_axes(Builder& b, const Lifted& x, Axes both, Axes single, const std::array<Group, 3>& groups, int before, Loc loc) {
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

ValueId BatchPass::swap(Builder& b, ValueId v, int base, int x, int y, Loc loc) {
  std::vector<int> order;
  for (int k = 0; k < base; ++k) order.push_back(k);
  for (int k = 0; k < y; ++k) order.push_back(base + x + k);
  for (int k = 0; k < x; ++k) order.push_back(base + k);
  return b.transpose(v, order, loc);
}

void BatchPass::track_affine(ValueId v, const Inst& in) {
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

bool BatchPass::all_zero(const AffineInt& x) {
  return std::all_of(x.factors.begin(), x.factors.end(), [](int64_t c) { return c == 0; });
}

bool BatchPass::is_affine_index(ValueId v, const Inst& in) {
  if (is_checked(bounds_of(m_, in))) return false;
  for (int k = 1; k < in.n_operands; ++k)
    if (!affine(old_.operand(v, k)).offset) return false;
  return true;
}

Lifted BatchPass::lift_subscripts(Builder& b, const Inst& in, std::span<const Lifted> x) {
  const bool stores = in.op != "index"_op;
  const size_t first = stores ? 2 : 1;
  Bounds bounds = bounds_of(m_, in);
  const bool is_masked = wanted_ && is_checked(bounds);
  const Axes all = all_axes(x) | (is_masked ? wanted_->axes : 0), own = stores ? all : x[0].axes;
  std::vector<ValueId> subscripts;
  std::vector<ValueId> given;
  for (size_t k = first; k < x.size(); ++k) given.push_back(expand(b, x[k], all, in.loc));
  if (is_masked) {
    const ValueId elsewhere = b.broadcast(b.constant_int(bounds == Bounds::nonempty ? 0 : kNowhere, in.loc), b.type(given[0]).dims, in.loc);
    for (ValueId& at : given) at = choose(b, *wanted_, {at, all, {}, false}, {elsewhere, all, {}, false}, in.loc).value;
    if (bounds == Bounds::checked) bounds = Bounds::masked;
  } else if (is_beyond_ && !is_checked(bounds)) {
    bounds = Bounds::guarded;
  }
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

Lifted BatchPass::lift_index(Builder& b, ValueId v, const Inst& in) {
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

Lifted BatchPass::fail(std::string_view slug, const Inst& in, std::string message) {
  for (const DiagnosticKind& kind : kPassErrors)
    if (slug == kind.slug && !failed_) diagnostics_.error(kind, in.loc.span, std::move(message));
  failed_ = true;
  return {};
}

namespace {

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
/// carries all of them too. A masked one has a further parameter, for which indices what it returns is wanted.
FuncId batched_version(Module& m, FuncId callee, const std::vector<bool>& varying, int n_axes, bool is_masked, const Rewritten& rewritten, Diagnostics& diagnostics) {
  std::string key = fmt::format("batch {} over {} of", callee.i, n_axes);
  for (bool v : varying) key += v ? " 1" : " 0";
  if (is_masked) key += " masked";
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;
  const Func& source = rewritten.body_of(m, callee);
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
  BatchPass pass(m, source, rewritten, diagnostics);
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
  if (is_masked) {
    const TypeId bools = m.types.array(DType::b1, box);
    pass.want({append_param(m, m[id], BlockId{0}, "param"_op, bools, m.strings.intern("wanted.outer"), source.loc), (Axes{1} << n_axes) - 1, {}, false});
  }
  const Lifted result = pass.block(b, source.body());
  if (pass.failed()) {
    b.set_result(b.zeros(m.types.scalar(DType::f64), source.loc));
    return id;
  }
  b.set_result(pass.materialise(b, result, (Axes{1} << n_axes) - 1, source.loc));
  if (const FuncId rule = source.rule) {
    std::vector<bool> of_rule = varying;
    of_rule.resize(m[rule].body().params.size(), true);
    const FuncId batched = batched_version(m, rule, of_rule, n_axes, false, rewritten, diagnostics);
    m[id].rule = batched;
  }
  return id;
}

}  // namespace

DimId BatchPass::extent(Axes axes) {
  DimId all = m_.types.dims.constant(1);
  for (size_t k = 0; k < box_.size(); ++k)
    if (axes >> k & 1) all = m_.types.dims.mul(all, box_[k]);
  return all;
}

Lifted BatchPass::merged(Builder& b, const Lifted& x, Axes axes, Loc loc) {
  Lifted result{.is_tuple = x.is_tuple};
  for (const Lifted& field : x.fields) result.fields.push_back(merged(b, field, axes, loc));
  if (x.is_tuple) return result;
  const ValueId full = expand(b, x, axes, loc);
  std::vector<DimId> shape = b.type(full).dims;
  shape.erase(shape.begin(), shape.begin() + count(axes));
  shape.insert(shape.begin(), extent(axes));
  return {b.reshape(full, std::move(shape), loc), 1, {}, false};
}

Lifted BatchPass::unmerged(Builder& b, const Lifted& x, Axes axes, Loc loc) {
  Lifted result{.is_tuple = x.is_tuple};
  for (const Lifted& field : x.fields) result.fields.push_back(unmerged(b, field, axes, loc));
  if (x.is_tuple) return result;
  std::vector<DimId> shape = b.type(x.value).dims, box;
  for (size_t k = 0; k < box_.size(); ++k)
    if (axes >> k & 1) box.push_back(box_[k]);
  shape.erase(shape.begin());
  shape.insert(shape.begin(), box.begin(), box.end());
  return {b.reshape(x.value, std::move(shape), loc), axes, {}, false};
}

bool BatchPass::holds_float(const Inst& call, size_t k) const {
  const Func& callee = body_of(m_[call.attr].func);
  return m_.types.all_float(callee[callee.body().params[k]].type);
}

Lifted BatchPass::lift_call(Builder& b, const Inst& in, std::span<const Lifted> args, Axes axes) {
  std::vector<ValueId> ready, run_time_sizes;
  std::vector<bool> varying;
  const Attr attr = m_[in.attr];
  const bool is_masked = wanted_ && !m_[attr.func].rule && asks(attr.func);
  if (is_masked) axes |= wanted_->axes;
  // What calls itself under an index would need a version over one axis more each time.
  const bool is_merged = count(axes) > 1 && calls_itself(m_, attr.func, &rewritten_);
  const auto argument = [&](const Lifted& x, Axes over, TypeId like) {
    return is_merged && over != 0 ? materialise(b, merged(b, x, over, in.loc), 1, in.loc, like) : materialise(b, x, over, in.loc, like);
  };
  for (const Lifted& x : args.first(args.size() - attr.ints.size())) {
    // A rule's directions vary wherever it is called; so do the values that they are directions of.
    const bool is_direction = axes != 0 && m_[attr.func].rule && holds_float(in, varying.size());
    varying.push_back(is_direction || all_axes(x) != 0);
    const Func& own = body_of(attr.func);
    ready.push_back(argument(x, varying.back() ? axes : 0, own[own.body().params[ready.size()]].type));
  }
  for (const Lifted& size : args.last(attr.ints.size())) {  // as many as any index needs
    std::vector<int> all;
    for (int k = 0; k < count(size.axes); ++k) all.push_back(k);
    run_time_sizes.push_back(b.reduce("max_over"_op, size.value, all, in.loc));
  }
  if (axes == 0) return lifted_fields(b, b.call(attr.func, attr.dims, ready, attr.ints, run_time_sizes, in.loc), 0, in.loc);
  const FuncId callee = batched_version(m_, attr.func, varying, is_merged ? 1 : count(axes), is_masked, rewritten_, diagnostics_);
  if (diagnostics_.has_errors()) return failed_ = true, Lifted{};
  if (is_masked) ready.push_back(argument(*wanted_, axes, {}));
  std::vector<DimId> sizes = attr.dims;
  if (is_merged) sizes.push_back(extent(axes));
  for (size_t k = 0; k < box_.size() && !is_merged; ++k)
    if (axes >> k & 1) sizes.push_back(box_[k]);
  const ValueId result = b.call(callee, std::move(sizes), ready, attr.ints, run_time_sizes, in.loc);
  return is_merged ? unmerged(b, lifted_fields(b, result, 1, in.loc), axes, in.loc) : lifted_fields(b, result, axes, in.loc);
}

void batch(Module& m, FuncId f, Diagnostics& diagnostics) {
  bool has_maps = false;
  for (const Inst& in : m[f].insts) has_maps = has_maps || in.op == "map"_op;
  if (!has_maps) return;
  const Func old = begin_rewrite(m, f);
  const Rewritten rewritten{f, old};
  Builder b(m, f, BlockId{0});
  BatchPass pass(m, old, rewritten, diagnostics);
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
