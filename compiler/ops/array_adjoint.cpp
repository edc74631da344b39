// The transposes and weights of the array ops: each the one derivative its row states (see ir/op.h).
#include "ops/array_adjoint.h"

#include <algorithm>

#include "base/check.h"
#include "ops/builder.h"
#include "ops/table.h"

namespace dlc {
namespace {

/// y_bar of a reduction over `axes`, repeated to the shape of the reduced operand.
ValueId spread(Builder& b, ValueId v, std::span<const int64_t> axes, TypeId shape, Loc loc) {
  const Type target = b.types()[shape];
  std::vector<int> from(target.dims.size(), -1);
  int next = 0;
  for (int r = 0; r < target.rank(); ++r)
    if (std::find(axes.begin(), axes.end(), r) == axes.end()) from[static_cast<size_t>(r)] = next++;
  return b.view(v, permute_map(b.module(), b.type(v), from, target.dims), loc);
}

std::vector<int> axes_of(Builder& b, const Inst& self) {
  const auto& ints = b.module()[self.attr].ints;
  return {ints.begin(), ints.end()};
}

/// [B, X, Y] → [B, Y, X] for groups of axes.
ValueId swap_groups(Builder& b, ValueId v, int batch, int x, int y, Loc loc) {
  std::vector<int> axes;
  for (int k = 0; k < batch; ++k) axes.push_back(k);
  for (int k = 0; k < y; ++k) axes.push_back(batch + x + k);
  for (int k = 0; k < x; ++k) axes.push_back(batch + k);
  return b.transpose(v, axes, loc);
}

ValueId one_where(Builder& b, ValueId condition, DType dtype, Loc loc) {
  return b.op("select"_op, {condition, b.constant(1, dtype, loc), b.constant(0, dtype, loc)}, loc);
}

/// It reads each element at most once, and along some long axis one place or a range of known length.
bool reads_few(Builder& b, const ViewMap& map, const Type& array) {
  constexpr int64_t kShort = 16;  // adding to so many elements costs no more than a store
  bool is_few = false;
  std::vector<bool> is_read(map.dims.size());
  for (int s = 0; s < map.source_rank(); ++s) {
    const std::vector<int> axes = axes_read(map, s);
    for (int r : axes) is_read[static_cast<size_t>(r)] = true;
    const auto extent = b.dims().as_constant(array.dims[static_cast<size_t>(s)]);
    const bool is_fixed = std::all_of(axes.begin(), axes.end(), [&](int r) { return b.dims().as_constant(map.dims[static_cast<size_t>(r)]).has_value(); });
    is_few = is_few || (is_fixed && !(extent && *extent <= kShort) && axes.size() <= 1 && (axes.empty() || !extent));
  }
  return is_few && std::all_of(is_read.begin(), is_read.end(), [](bool read) { return read; });
}

}  // namespace

ValueId transpose_view(Builder& b, const Inst& self, std::span<const ValueId> operands, int, ValueId y_bar, Loc loc) {
  return b.view_adjoint(y_bar, view_map(b.module(), self.attr), b.type_id(operands[0]), loc);
}

ValueId transpose_view_adjoint(Builder& b, const Inst& self, std::span<const ValueId>, int, ValueId y_bar, Loc loc) {
  return b.view(y_bar, view_map(b.module(), self.attr), loc);
}

ValueId transpose_sum(Builder& b, const Inst& self, std::span<const ValueId> operands, int, ValueId y_bar, Loc loc) {
  const std::vector<int64_t> axes = b.module()[self.attr].ints;
  return spread(b, y_bar, axes, b.type_id(operands[0]), loc);
}

ValueId transpose_reshape(Builder& b, const Inst&, std::span<const ValueId> operands, int, ValueId y_bar, Loc loc) {
  return b.reshape(y_bar, b.type(operands[0]).dims, loc);
}

ValueId transpose_cumsum(Builder& b, const Inst& self, std::span<const ValueId>, int, ValueId y_bar, Loc loc) {
  const std::vector<int64_t> ints = b.module()[self.attr].ints;
  return b.cumsum(y_bar, static_cast<int>(ints[0]), ints[1] == 0, loc);
}

// y_j = Σ_i x_i for every example j, so x_bar_i = Σ_j y_bar_j: what is differentiated is the whole batch's objective.
ValueId transpose_batch_sum(Builder& b, const Inst&, std::span<const ValueId>, int, ValueId y_bar, Loc loc) {
  return b.batch_sum(y_bar, loc);
}

ValueId transpose_stack(Builder& b, const Inst&, std::span<const ValueId>, int k, ValueId y_bar, Loc loc) {
  return b.pick(y_bar, 0, b.dims().constant(k), loc);
}

// The same subscripts, and the same is known of them: nothing may be left of what looked at them on the way forward.
ValueId transpose_index(Builder& b, const Inst& self, std::span<const ValueId> operands, int, ValueId y_bar, Loc loc) {
  return b.add_at(b.zeros(b.type_id(operands[0]), loc), y_bar, operands.subspan(1), bounds_of(b.module(), self), loc);
}

// y = x but for v at the subscripts, which differ from each other: sema makes no other.
ValueId transpose_put(Builder& b, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc loc) {
  const auto subscripts = operands.subspan(2);
  if (k == 1) return b.index(y_bar, subscripts, bounds_of(b.module(), self), loc);
  return b.put(y_bar, b.zeros(b.type_id(operands[1]), loc), subscripts, bounds_of(b.module(), self), loc);
}

ValueId transpose_add_at(Builder& b, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc loc) {
  return k == 0 ? y_bar : b.index(y_bar, operands.subspan(2), bounds_of(b.module(), self), loc);
}

// y[B,M,N] = a[B,M,K]·b[B,K,N]:  a_bar = y_bar·bᵀ,  b_bar = aᵀ·y_bar. The forms with a missing group of axes are
// chosen so that the contraction runs along contiguous memory: Wᵀu is written (u as a row)·W.
ValueId transpose_matmul(Builder& b, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc loc) {
  const MatmulRanks r = matmul_ranks(b.module(), self.attr);
  if (k == 0) {
    if (r.m == 0) return b.matmul(operands[1], y_bar, {r.batch, r.k, 0, r.n}, loc);
    return b.matmul(y_bar, swap_groups(b, operands[1], r.batch, r.k, r.n, loc), {r.batch, r.m, r.k, r.n}, loc);
  }
  if (r.n == 0) return b.matmul(y_bar, operands[0], {r.batch, 0, r.k, r.m}, loc);
  return b.matmul(swap_groups(b, operands[0], r.batch, r.m, r.k, loc), y_bar, {r.batch, r.k, r.n, r.m}, loc);
}

std::vector<Scattered> scattered(Builder& b, ValueId x) {
  std::vector<Scattered> parts;
  for (; b.func()[x].op == "add_at"_op; x = b.func().operand(x, 0)) {
    const auto operands = b.func().operands(x);
    parts.push_back({operands[1], {operands.begin() + 2, operands.end()}, bounds_of(b.module(), b.func()[x])});
  }
  if (b.constant_value(x) != 0) return {};
  std::reverse(parts.begin(), parts.end());
  return parts;
}

// y[j] = x[C·j + o], so y_bar[j] is added at C·j + o. Where y_bar was itself added up at subscripts, these are the leading j.
ValueId add_through_view(Builder& b, ValueId total, ValueId y_bar, const ViewMap& map, Loc loc) {
  const Type array = b.type(total);
  std::vector<Scattered> parts = scattered(b, y_bar);
  if (parts.empty()) {
    if (!reads_few(b, map, array)) return {};
    parts.push_back({y_bar, {}, Bounds::inside});
  }
  for (const Scattered& part : parts) {
    if (may_miss(part.bounds) && !keeps_axes(b.module(), map, array, static_cast<int>(part.subscripts.size()))) return {};
  }
  for (const Scattered& part : parts) {
    const int n = static_cast<int>(part.subscripts.size());
    int n_array = map.source_rank(), n_view = map.result_rank();  // the axes that are left as they are need no subscripts
    while (n_array > 0 && n_view > n && is_same_axis(b.module(), map, array, n_array - 1, n_view - 1)) --n_array, --n_view;
    if (n_array == 0) return {};  // a view that repeats what it reads: the parts are to be summed up, not to be placed
    std::vector<DimId> shape;  // of the subscripts: what the part has in front, and the view's axes that move
    if (n > 0) shape = b.type(part.subscripts[0]).dims;
    const int n_shape = static_cast<int>(shape.size());
    shape.insert(shape.end(), map.dims.begin() + n, map.dims.begin() + n_view);
    const auto position = [&](int r) {
      const ValueId own = r < n ? part.subscripts[static_cast<size_t>(r)] : b.iota(map.dims[static_cast<size_t>(r)], loc);
      std::vector<int> axes(shape.size(), -1);
      if (r >= n) axes[static_cast<size_t>(n_shape + r - n)] = 0;
      for (int k = 0; r < n && k < n_shape; ++k) axes[static_cast<size_t>(k)] = k;
      return shape.empty() ? own : b.view(own, permute_map(b.module(), b.type(own), axes, shape), loc);
    };
    // What is inside of the array may be outside of the view.
    const bool is_looked_at = is_checked(part.bounds) && !keeps_axes(b.module(), map, array, n);
    const auto in_view = [&](ValueId at) {
      ValueId is_inside;
      for (int r = 0; r < n; ++r) {
        const ValueId zero = b.broadcast(b.constant_int(0, loc), shape, loc);
        const ValueId here = b.op("and"_op, {b.op("ge"_op, {position(r), zero}, loc),
                                             b.op("lt"_op, {position(r), b.broadcast(b.size(map.dims[static_cast<size_t>(r)], loc), shape, loc)}, loc)}, loc);
        is_inside = is_inside ? b.op("and"_op, {is_inside, here}, loc) : here;
      }
      return b.op("select"_op, {is_inside, at, b.broadcast(b.constant_int(-1, loc), shape, loc)}, loc);
    };
    std::vector<ValueId> subscripts;
    for (int s = 0; s < n_array; ++s) {
      ValueId at = b.broadcast(b.size(map.offsets[static_cast<size_t>(s)], loc), shape, loc);
      for (int r : axes_read(map, s)) at = b.op("add"_op, {at, b.op("mul"_op, {position(r), b.constant_int(map.at(s, r), loc)}, loc)}, loc);
      subscripts.push_back(is_looked_at ? in_view(at) : at);
    }
    total = b.add_at(total, part.value, subscripts, map.guarded ? Bounds::guarded : part.bounds, loc);
  }
  return total;
}

// Ties share evenly: each of k equal extremes gets 1/k.
ValueId weight_extreme(Builder& b, const Inst& self, ValueId x, ValueId y, Loc loc) {
  const DType dtype = b.type(x).dtype;
  if (!y) y = b.reduce(self.op, x, axes_of(b, self), loc);
  const std::vector<int64_t> axes = b.module()[self.attr].ints;
  const ValueId is_extreme = b.op("eq"_op, {x, spread(b, y, axes, b.type_id(x), loc)}, loc);
  const ValueId ties = b.sum(one_where(b, is_extreme, dtype, loc), axes_of(b, self), loc);
  const ValueId share = b.op("div"_op, {b.constant(1, dtype, loc), ties}, loc);
  return b.op("select"_op, {is_extreme, spread(b, share, axes, b.type_id(x), loc), b.constant(0, dtype, loc)}, loc);
}

// w_i = Π over j ≠ i of x_j, computed as written: y/x_i is wrong where an element is zero (and differentiates
// wrongly there to every order), and prefix products lose that too. n² multiplications, no memory: the loops fuse.
ValueId weight_prod(Builder& b, const Inst& self, ValueId x, ValueId, Loc loc) {
  const std::vector<int> axes = axes_of(b, self);
  const Type t = b.type(x);
  const int n_reduced = static_cast<int>(axes.size());
  // Result axes: those of x (the position i), then the reduced axes again (the position j).
  std::vector<int> from_x(t.dims.size());
  std::vector<DimId> dims = t.dims;
  for (int k = 0; k < n_reduced; ++k) dims.push_back(t.dims[static_cast<size_t>(axes[static_cast<size_t>(k)])]);
  std::vector<int> other(dims.size(), -1);
  ValueId same;
  for (int s = 0; s < t.rank(); ++s) other[static_cast<size_t>(s)] = s;
  for (int k = 0; k < n_reduced; ++k) {
    const int axis = axes[static_cast<size_t>(k)];
    other[static_cast<size_t>(axis)] = -1;
    other[static_cast<size_t>(t.rank() + k)] = axis;
    const ValueId position = b.iota(t.dims[static_cast<size_t>(axis)], loc);
    std::vector<int> at_i(dims.size(), -1), at_j(dims.size(), -1);
    at_i[static_cast<size_t>(axis)] = 0, at_j[static_cast<size_t>(t.rank() + k)] = 0;
    const ValueId i = b.view(position, permute_map(b.module(), b.type(position), at_i, dims), loc);
    const ValueId j = b.view(position, permute_map(b.module(), b.type(position), at_j, dims), loc);
    const ValueId equal = b.op("eq"_op, {i, j}, loc);
    same = same ? b.op("and"_op, {same, equal}, loc) : equal;
  }
  const ValueId x_j = b.view(x, permute_map(b.module(), t, other, dims), loc);
  const ValueId factors = b.op("select"_op, {same, b.constant(1, t.dtype, loc), x_j}, loc);
  std::vector<int> last;
  for (int k = 0; k < n_reduced; ++k) last.push_back(t.rank() + k);
  return b.reduce("prod"_op, factors, last, loc);
}

}  // namespace dlc
