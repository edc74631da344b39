// Builder: the array ops, with the simplifications that are local to one of them.
#include <algorithm>

#include "base/check.h"
#include "ops/builder.h"
#include "ops/table.h"

namespace dlc {

// ----------------------------------------------------------------------------------------------------- views

ValueId Builder::view(ValueId x, const ViewMap& map, Loc loc) {
  const Inst in = func()[x];
  const Type source = types()[in.type];
  if (is_identity(m_, map, source)) return x;
  if (in.op == "view"_op) {
    const ViewMap inner = view_map(m_, in.attr);
    if (auto both = compose(m_, map, inner)) return view(func().operand(x, 0), *both, loc);
  }
  const TypeId result = types().array(source.dtype, map.dims);
  return append_inst("view"_op, result, view_attr(m_, map), std::span(&x, 1), loc);
}

ValueId Builder::broadcast(ValueId x, const std::vector<DimId>& shape, Loc loc) {
  const Type t = type(x);
  if (t.dims == shape) return x;
  DLC_CHECK(t.rank() <= static_cast<int>(shape.size()), "broadcast only adds leading axes");
  const size_t extra = shape.size() - t.dims.size();
  DLC_CHECK(std::equal(t.dims.begin(), t.dims.end(), shape.begin() + static_cast<ptrdiff_t>(extra)),
            "broadcast needs the trailing shape");
  return view(x, broadcast_map(m_, t, {shape.begin(), shape.begin() + static_cast<ptrdiff_t>(extra)}), loc);
}

ValueId Builder::transpose(ValueId x, const std::vector<int>& axes, Loc loc) {
  const Type t = type(x);
  std::vector<DimId> shape;
  for (int a : axes) shape.push_back(t.dims[static_cast<size_t>(a)]);
  return view(x, permute_map(m_, t, axes, std::move(shape)), loc);
}

ValueId Builder::slice(ValueId x, int axis, DimId lo, DimId extent, int64_t step, Loc loc) {
  const Type t = type(x);
  ViewMap map = broadcast_map(m_, t, {});
  map.dims[static_cast<size_t>(axis)] = extent;
  map.offsets[static_cast<size_t>(axis)] = lo;
  map.at(axis, axis) = step;
  return view(x, map, loc);
}

ValueId Builder::pick(ValueId x, int axis, DimId at, Loc loc) {
  const Type t = type(x);
  std::vector<int> axes;
  std::vector<DimId> shape;
  for (int s = 0; s < t.rank(); ++s)
    if (s != axis) axes.push_back(s), shape.push_back(t.dims[static_cast<size_t>(s)]);
  ViewMap map = permute_map(m_, t, axes, std::move(shape));
  map.offsets[static_cast<size_t>(axis)] = at;
  // stack(a, b, c)[1] is b.
  const Inst in = func()[x];
  if (in.op == "stack"_op && axis == 0)
    if (const auto k = dims().as_constant(at); k && *k >= 0 && *k < in.n_operands) return func().operand(x, static_cast<int>(*k));
  return view(x, map, loc);
}

ValueId Builder::reshape(ValueId x, std::vector<DimId> shape, Loc loc) {
  const Inst in = func()[x];
  if (types()[in.type].dims == shape) return x;
  if (in.op == "reshape"_op) return reshape(func().operand(x, 0), std::move(shape), loc);
  if (in.op == "view"_op) {
    const Type scalar = type(func().operand(x, 0));
    if (scalar.rank() == 0) return broadcast(func().operand(x, 0), shape, loc);
  }
  const TypeId result = types().with_dims(in.type, shape);
  return append_inst("reshape"_op, result, m_.intern({.dims = std::move(shape)}), std::span(&x, 1), loc);
}

// The adjoint of y[j] = x[C·j + o] is x_bar[p] = Σ y_bar[j] over the j with C·j + o = p. Each row of that system
// with a coefficient ±1 is solved for its index j_r (an affine function of p and of the free indices, which are
// summed); a row whose indices are all solved already (a diagonal x[i, i]) becomes an equality mask.
namespace {

struct Affine {
  std::vector<int64_t> of_p, of_j;  // coefficients of source and of (unsolved) result indices
  DimId offset;
};

class AdjointSystem {
 public:
  AdjointSystem(Module& m, const ViewMap& map) : m_(m), map_(map), solved_(static_cast<size_t>(map.result_rank())) {}

  /// False when some row has no coefficient ±1 left to solve for.
  bool solve() {
    for (int s = 0; s < map_.source_rank(); ++s)
      if (!solve_row(s)) return false;
    return true;
  }
  std::vector<std::optional<Affine>>& solved() { return solved_; }
  std::vector<Affine>& constraints() { return constraints_; }  // each must be 0

 private:
  // Row s: Σ c_r j_r + o − p_s = 0.
  bool solve_row(int s) {
    DimTable& dims = m_.types.dims;
    Affine row{std::vector<int64_t>(static_cast<size_t>(map_.source_rank())),
               std::vector<int64_t>(static_cast<size_t>(map_.result_rank())), map_.offsets[static_cast<size_t>(s)]};
    row.of_p[static_cast<size_t>(s)] = -1;
    for (int r = 0; r < map_.result_rank(); ++r) {
      const int64_t c = map_.at(s, r);
      if (c == 0) continue;
      if (const auto& known = solved_[static_cast<size_t>(r)]) {
        add_scaled(row, *known, c);
      } else {
        row.of_j[static_cast<size_t>(r)] += c;
      }
    }
    int pivot = -1;
    bool any = false;
    for (int r = 0; r < map_.result_rank(); ++r) {
      const int64_t c = row.of_j[static_cast<size_t>(r)];
      any = any || c != 0;
      if (pivot < 0 && (c == 1 || c == -1)) pivot = r;
    }
    if (!any) return constraints_.push_back(row), true;
    if (pivot < 0) return false;
    const int64_t sign = -row.of_j[static_cast<size_t>(pivot)];  // j = sign · (everything else)
    row.of_j[static_cast<size_t>(pivot)] = 0;
    for (auto& c : row.of_p) c *= sign;
    for (auto& c : row.of_j) c *= sign;
    row.offset = dims.mul(dims.constant(sign), row.offset);
    for (auto& other : solved_)
      if (other && other->of_j[static_cast<size_t>(pivot)] != 0) {
        const int64_t c = other->of_j[static_cast<size_t>(pivot)];
        other->of_j[static_cast<size_t>(pivot)] = 0;
        add_scaled(*other, row, c);
      }
    solved_[static_cast<size_t>(pivot)] = row;
    return true;
  }

  void add_scaled(Affine& to, const Affine& x, int64_t c) {
    DimTable& dims = m_.types.dims;
    for (size_t k = 0; k < to.of_p.size(); ++k) to.of_p[k] += c * x.of_p[k];
    for (size_t k = 0; k < to.of_j.size(); ++k) to.of_j[k] += c * x.of_j[k];
    to.offset = dims.add(to.offset, dims.mul(dims.constant(c), x.offset));
  }

  Module& m_;
  const ViewMap& map_;
  std::vector<std::optional<Affine>> solved_;
  std::vector<Affine> constraints_;
};

/// `affine` over the source indices as an int array of the source's shape.
ValueId affine_value(Builder& b, const Affine& affine, const std::vector<DimId>& shape, Loc loc) {
  ValueId total = b.broadcast(b.size(affine.offset, loc), shape, loc);
  for (size_t s = 0; s < affine.of_p.size(); ++s) {
    if (affine.of_p[s] == 0) continue;
    const ValueId position = b.iota(shape[s], loc);
    std::vector<int> axes(shape.size(), -1);
    axes[s] = 0;
    const ValueId p = b.view(position, permute_map(b.module(), b.type(position), axes, shape), loc);
    total = b.op("add"_op, {total, b.op("mul"_op, {p, b.constant_int(affine.of_p[s], loc)}, loc)}, loc);
  }
  return total;
}

}  // namespace

ValueId Builder::view_adjoint(ValueId y_bar, const ViewMap& full_map, TypeId source, Loc loc) {
  const Type x = types()[source];
  // Indices that no subscript reads are summed first.
  std::vector<int> unread, read;
  for (int r = 0; r < full_map.result_rank(); ++r) {
    bool used = false;
    for (int s = 0; s < full_map.source_rank(); ++s) used = used || full_map.at(s, r) != 0;
    (used ? read : unread).push_back(r);
  }
  y_bar = sum(y_bar, unread, loc);
  ViewMap map;
  map.offsets = full_map.offsets;
  map.guarded = full_map.guarded;
  for (int r : read) map.dims.push_back(full_map.dims[static_cast<size_t>(r)]);
  map.coefficients.resize(map.dims.size() * map.offsets.size());
  for (int s = 0; s < map.source_rank(); ++s)
    for (size_t r = 0; r < read.size(); ++r) map.at(s, static_cast<int>(r)) = full_map.at(s, read[r]);

  AdjointSystem system(m_, map);
  if (!system.solve()) return append_inst("view_adjoint"_op, source, view_attr(m_, map), std::span(&y_bar, 1), loc);

  // View y_bar over (source axes…, free axes…), then sum the free ones.
  ViewMap back;
  back.dims = x.dims;
  std::vector<int> free_axis(map.dims.size(), -1);
  for (size_t r = 0; r < map.dims.size(); ++r)
    if (!system.solved()[r]) {
      free_axis[r] = static_cast<int>(back.dims.size());
      back.dims.push_back(map.dims[r]);
    }
  back.offsets.resize(map.dims.size());
  back.coefficients.resize(map.dims.size() * back.dims.size());
  for (size_t r = 0; r < map.dims.size(); ++r) {
    const int row = static_cast<int>(r);
    if (free_axis[r] >= 0) {
      back.offsets[r] = dims().constant(0);
      back.at(row, free_axis[r]) = 1;
      continue;
    }
    const Affine& j = *system.solved()[r];
    back.offsets[r] = j.offset;
    int terms = 0, reads = -1;
    for (int s = 0; s < x.rank(); ++s)
      if ((back.at(row, s) = j.of_p[static_cast<size_t>(s)]) != 0) ++terms, reads = s;
    for (size_t u = 0; u < map.dims.size(); ++u)
      if (j.of_j[u] != 0) back.at(row, free_axis[u]) = j.of_j[u], ++terms;
    const bool stays_inside = terms == 1 && reads >= 0 && back.at(row, reads) == 1 && dims().as_constant(j.offset) == 0 &&
                              x.dims[static_cast<size_t>(reads)] == map.dims[r];
    back.guarded = back.guarded || !stays_inside;
  }
  std::vector<int> free;
  for (size_t k = x.dims.size(); k < back.dims.size(); ++k) free.push_back(static_cast<int>(k));
  ValueId x_bar = sum(view(y_bar, back, loc), free, loc);
  for (const Affine& zero : system.constraints()) {
    const ValueId holds = op("eq"_op, {affine_value(*this, zero, x.dims, loc), broadcast(constant_int(0, loc), x.dims, loc)}, loc);
    x_bar = op("select"_op, {holds, x_bar, constant(0, x.dtype, loc)}, loc);
  }
  return x_bar;
}

// ------------------------------------------------------------------------------------------------ reductions

ValueId Builder::sum(ValueId x, std::vector<int> axes, Loc loc) { return reduce("sum"_op, x, std::move(axes), loc); }

ValueId Builder::reduce(OpId id, ValueId x, std::vector<int> axes, Loc loc) {
  if (axes.empty()) return x;
  std::sort(axes.begin(), axes.end());
  const Type t = type(x);
  std::vector<DimId> kept;
  for (int r = 0; r < t.rank(); ++r)
    if (!std::binary_search(axes.begin(), axes.end(), r)) kept.push_back(t.dims[static_cast<size_t>(r)]);
  DType dtype = t.dtype;
  if (id == "argmax"_op || id == "argmin"_op) dtype = DType::i64;
  const TypeId result = types().array(dtype, std::move(kept));
  if (id == "any"_op && constant_int_value(x) == 0) return full(result, 0, loc);  // however many there are
  return append_inst(id, result, m_.intern({.ints = {axes.begin(), axes.end()}}), std::span(&x, 1), loc);
}

ValueId Builder::cumsum(ValueId x, int axis, bool reverse, Loc loc) {
  return append_inst("cumsum"_op, type_id(x), m_.intern({.ints = {axis, reverse ? 1 : 0}}), std::span(&x, 1), loc);
}

ValueId Builder::batch_sum(ValueId x, Loc loc) { return append_inst("batch_sum"_op, type_id(x), {}, std::span(&x, 1), loc); }

ValueId Builder::matmul(ValueId a, ValueId b, MatmulRanks r, Loc loc) {
  const Type left = type(a), right = type(b);
  DLC_CHECK(left.rank() == r.batch + r.m + r.k && right.rank() == r.batch + r.k + r.n, "matmul ranks add up");
  std::vector<DimId> shape(left.dims.begin(), left.dims.begin() + r.batch + r.m);
  shape.insert(shape.end(), right.dims.begin() + r.batch + r.k, right.dims.end());
  if (r.k == 0) {  // an outer product is elementwise
    std::vector<int> of_a, of_b;
    for (int axis = 0; axis < r.batch + r.m; ++axis) of_a.push_back(axis);
    for (int axis = 0; axis < r.n; ++axis) of_a.push_back(-1);
    for (int axis = 0; axis < r.batch; ++axis) of_b.push_back(axis);
    for (int axis = 0; axis < r.m; ++axis) of_b.push_back(-1);
    for (int axis = 0; axis < r.n; ++axis) of_b.push_back(r.batch + axis);
    return op("mul"_op, {view(a, permute_map(m_, left, of_a, shape), loc), view(b, permute_map(m_, right, of_b, shape), loc)}, loc);
  }
  const ValueId operands[] = {a, b};
  const TypeId result = types().array(left.dtype, std::move(shape));
  return append_inst("matmul"_op, result, m_.intern({.ints = {r.batch, r.m, r.n, r.k}}), operands, loc);
}

// --------------------------------------------------------------------------------------------- stack and co.

ValueId Builder::stack(std::span<const ValueId> rows, Loc loc) {
  DLC_CHECK(!rows.empty(), "a stack has rows");
  Type t = type(rows[0]);
  t.dims.insert(t.dims.begin(), dims().constant(static_cast<int64_t>(rows.size())));
  return append_inst("stack"_op, types().intern(std::move(t)), {}, rows, loc);
}

ValueId Builder::iota(DimId extent, Loc loc) {
  return append_inst("iota"_op, types().array(DType::i64, {extent}), m_.intern({.dims = {extent}}), {}, loc);
}

ValueId Builder::index(ValueId x, std::span<const ValueId> subscripts, Bounds bounds, Loc loc) {
  if (subscripts.empty()) return x;
  if (const Inst in = func()[x]; in.op == "put"_op && type(subscripts[0]).rank() == 0 && !may_miss(bounds) && !may_miss(bounds_of(m_, in))) {
    // What was just stored there.
    const auto stored = func().operands(x);
    if (std::equal(subscripts.begin(), subscripts.end(), stored.begin() + 2, stored.end())) return stored[1];
  }
  Type t = type(x);
  t.dims.erase(t.dims.begin(), t.dims.begin() + static_cast<ptrdiff_t>(subscripts.size()));
  const std::vector<DimId> shape = type(subscripts[0]).dims;
  t.dims.insert(t.dims.begin(), shape.begin(), shape.end());
  std::vector<ValueId> operands{x};
  operands.insert(operands.end(), subscripts.begin(), subscripts.end());
  return append_inst("index"_op, types().intern(std::move(t)), m_.intern({.ints = {static_cast<int64_t>(bounds)}}), operands, loc);
}

ValueId Builder::store(OpId id, ValueId x, ValueId v, std::span<const ValueId> subscripts, Bounds bounds, Loc loc) {
  const auto value = constant_value(v);
  if (id == "add_at"_op && value == 0) return x;
  if (id == "put"_op && value && value == constant_value(x)) return x;
  std::vector<ValueId> operands{x, v};
  operands.insert(operands.end(), subscripts.begin(), subscripts.end());
  return append_inst(id, type_id(x), m_.intern({.ints = {static_cast<int64_t>(bounds)}}), operands, loc);
}

ValueId Builder::put(ValueId x, ValueId v, std::span<const ValueId> subscripts, Bounds bounds, Loc loc) {
  return subscripts.empty() ? v : store("put"_op, x, v, subscripts, bounds, loc);
}

ValueId Builder::for_each_place(ValueId x, ValueId values, std::span<const ValueId> subscripts, const PlaceStep& step, Loc loc) {
  const std::vector<DimId> shape = type(subscripts[0]).dims;
  LoopOptions options;
  options.bound = dims().constant(1);
  for (DimId d : shape) {
    options.bound = dims().mul(options.bound, d);
    if (!options.bound) return {};
  }
  const auto flat = [&](ValueId v) {
    std::vector<DimId> to = type(v).dims;
    to.erase(to.begin(), to.begin() + static_cast<ptrdiff_t>(shape.size()));
    to.insert(to.begin(), options.bound);
    return shape.size() == 1 ? v : reshape(v, std::move(to), loc);
  };
  std::vector<ValueId> captures;
  for (ValueId s : subscripts) captures.push_back(flat(s));
  captures.push_back(flat(values));
  const BlockId body = begin_for(std::span(&x, 1), captures, loc);
  Builder nested = in(body);
  const std::vector<ValueId> params = func()[body].params;  // the step, x, the captures
  const auto row = [&](ValueId v) { return nested.index(v, std::span(params).first(1), Bounds::inside, loc); };
  std::vector<ValueId> at;
  for (size_t k = 2; k + 1 < params.size(); ++k) at.push_back(row(params[k]));
  nested.set_result(step(nested, params[1], row(params.back()), at));
  return end_for(body, size(options.bound, loc), std::span(&x, 1), captures, options, loc);
}

ValueId Builder::add_at(ValueId x, ValueId v, std::span<const ValueId> subscripts, Bounds bounds, Loc loc) {
  return subscripts.empty() ? op("add"_op, {x, v}, loc) : store("add_at"_op, x, v, subscripts, bounds, loc);
}

}  // namespace dlc
