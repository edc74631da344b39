// Index maps of views: their storage in attributes, composition, and the questions passes ask of them.
#include "ops/array.h"

#include "base/check.h"
#include "ops/table.h"

namespace dlc {

ViewMap view_map(const Module& m, AttrId attr) {
  const Attr& a = m[attr];
  const auto R = static_cast<size_t>(a.ints[0]), S = static_cast<size_t>(a.ints[1]);
  ViewMap map;
  map.guarded = a.ints[2] != 0;
  map.coefficients.assign(a.ints.begin() + 3, a.ints.end());
  map.dims.assign(a.dims.begin(), a.dims.begin() + static_cast<ptrdiff_t>(R));
  map.offsets.assign(a.dims.begin() + static_cast<ptrdiff_t>(R), a.dims.begin() + static_cast<ptrdiff_t>(R + S));
  return map;
}

AttrId view_attr(Module& m, const ViewMap& map) {
  Attr a;
  a.ints = {map.result_rank(), map.source_rank(), map.guarded ? 1 : 0};
  a.ints.insert(a.ints.end(), map.coefficients.begin(), map.coefficients.end());
  a.dims = map.dims;
  a.dims.insert(a.dims.end(), map.offsets.begin(), map.offsets.end());
  return m.intern(std::move(a));
}

ViewMap permute_map(Module& m, const Type& source, std::vector<int> axes, std::vector<DimId> dims) {
  ViewMap map;
  map.dims = std::move(dims);
  map.offsets.assign(source.dims.size(), m.types.dims.constant(0));
  map.coefficients.assign(source.dims.size() * map.dims.size(), 0);
  for (size_t r = 0; r < axes.size(); ++r)
    if (axes[r] >= 0) map.at(axes[r], static_cast<int>(r)) = 1;
  return map;
}

ViewMap broadcast_map(Module& m, const Type& source, std::vector<DimId> leading) {
  std::vector<int> axes(leading.size(), -1);
  for (int s = 0; s < source.rank(); ++s) axes.push_back(s);
  leading.insert(leading.end(), source.dims.begin(), source.dims.end());
  return permute_map(m, source, std::move(axes), std::move(leading));
}

bool is_permutation_broadcast(const Module& m, const ViewMap& map, const Type& source, std::vector<int>* axes) {
  std::vector<int> found(map.dims.size(), -1);
  for (int s = 0; s < map.source_rank(); ++s) {
    if (m.types.dims.as_constant(map.offsets[static_cast<size_t>(s)]) != 0) return false;
    int reader = -1;
    for (int r = 0; r < map.result_rank(); ++r) {
      if (map.at(s, r) == 0) continue;
      if (map.at(s, r) != 1 || reader >= 0 || found[static_cast<size_t>(r)] >= 0) return false;
      reader = r;
    }
    if (reader < 0 || map.dims[static_cast<size_t>(reader)] != source.dims[static_cast<size_t>(s)]) return false;
    found[static_cast<size_t>(reader)] = s;
  }
  if (axes) *axes = std::move(found);
  return true;
}

bool is_identity(const Module& m, const ViewMap& map, const Type& source) {
  std::vector<int> axes;
  if (map.result_rank() != source.rank() || !is_permutation_broadcast(m, map, source, &axes)) return false;
  for (size_t r = 0; r < axes.size(); ++r)
    if (axes[r] != static_cast<int>(r)) return false;
  return true;
}

std::optional<ViewMap> compose(Module& m, const ViewMap& outer, const ViewMap& inner) {
  // A guard of `outer` tests the intermediate index, which the composed map no longer knows.
  if (outer.guarded) return std::nullopt;
  DimTable& dims = m.types.dims;
  ViewMap map;
  map.guarded = inner.guarded;
  map.dims = outer.dims;
  map.offsets = inner.offsets;
  map.coefficients.assign(static_cast<size_t>(inner.source_rank() * outer.result_rank()), 0);
  for (int s = 0; s < inner.source_rank(); ++s)
    for (int k = 0; k < inner.result_rank(); ++k) {
      const int64_t c = inner.at(s, k);
      if (c == 0) continue;
      DimId& offset = map.offsets[static_cast<size_t>(s)];
      offset = dims.add(offset, dims.mul(dims.constant(c), outer.offsets[static_cast<size_t>(k)]));
      if (!offset) return std::nullopt;
      for (int r = 0; r < outer.result_rank(); ++r) {
        int64_t product;
        if (__builtin_mul_overflow(c, outer.at(k, r), &product)) return std::nullopt;
        if (__builtin_add_overflow(map.at(s, r), product, &map.at(s, r))) return std::nullopt;
      }
    }
  return map;
}

int n_size_operands(const Module& m, const Inst& call) { return static_cast<int>(m[call.attr].ints.size()); }

Bounds bounds_of(const Module& m, const Inst& subscripting) { return static_cast<Bounds>(m[subscripting.attr].ints[0]); }

RegionShape region_shape(const Module& m, const Inst& region) {
  switch (region.op.i) {
    case "if"_op.i: return {.own_operands = 1};
    case "map"_op.i: return {.own_params = static_cast<int>(m[region.attr].dims.size())};
    case "for"_op.i: return {.own_operands = 1, .own_params = 1, .n_carried = static_cast<int>(m[region.attr].ints[0])};
    case "while"_op.i: return {.n_carried = static_cast<int>(m[region.attr].ints[0])};
    default: DLC_CHECK(false, "a region is an `if`, `map`, `for` or `while`");
  }
}

LoopOptions loop_options(const Module& m, AttrId attr) {
  const Attr& a = m[attr];
  return {a.ints[1], a.ints[2], a.dims.empty() ? DimId{} : a.dims[0]};
}

AttrId loop_attr(Module& m, size_t n_carried, const LoopOptions& options) {
  Attr a{.ints = {static_cast<int64_t>(n_carried), options.every, options.memory}};
  if (options.bound) a.dims.push_back(options.bound);
  return m.intern(std::move(a));
}

MatmulRanks matmul_ranks(const Module& m, AttrId attr) {
  const auto& ints = m[attr].ints;
  DLC_CHECK(ints.size() == 4, "matmul carries the ranks of its four groups of axes");
  return {static_cast<int>(ints[0]), static_cast<int>(ints[1]), static_cast<int>(ints[2]), static_cast<int>(ints[3])};
}

std::vector<int> axes_read(const ViewMap& map, int s) {
  std::vector<int> axes;
  for (int r = 0; r < map.result_rank(); ++r)
    if (map.at(s, r) != 0) axes.push_back(r);
  return axes;
}

bool is_same_axis(const Module& m, const ViewMap& map, const Type& source, int s, int r) {
  for (int other = 0; other < map.source_rank(); ++other)
    if ((map.at(other, r) != 0) != (other == s)) return false;
  return axes_read(map, s).size() == 1 && map.at(s, r) == 1 && m.types.dims.as_constant(map.offsets[static_cast<size_t>(s)]) == 0 &&
         map.dims[static_cast<size_t>(r)] == source.dims[static_cast<size_t>(s)];
}

bool keeps_axes(const Module& m, const ViewMap& map, const Type& source, int n) {
  for (int r = 0; r < n; ++r) {
    bool is_same = false;
    for (int s = 0; s < map.source_rank(); ++s) is_same = is_same || is_same_axis(m, map, source, s, r);
    if (!is_same) return false;
  }
  return true;
}

}  // namespace dlc
