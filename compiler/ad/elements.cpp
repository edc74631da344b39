// Derivatives direction by direction, see elements.h.
#include "ad/elements.h"

#include <fmt/format.h>

#include "ad/forward.h"
#include "ad/masks.h"
#include "base/check.h"
#include "ops/table.h"

namespace dlc {
namespace {

// ∛ε of the dtype, ε = 2^-52 and 2^-23.
double cube_root_of_epsilon(DType d) { return d == DType::f32 ? 4.92156660115185e-3 : 6.0554544523933429e-6; }

std::vector<DimId> own_sizes(Module& m, const Func& f) {
  std::vector<DimId> sizes;
  for (StrId name : f.size_vars) sizes.push_back(m.types.dims.variable(name));
  return sizes;
}

/// `value` with leaf number `leaf` replaced.
ValueId with_leaf(Builder& b, ValueId value, int leaf, ValueId replacement, Loc loc) {
  const Type t = b.type(value);
  if (!t.is_tuple()) return leaf == 0 ? replacement : value;
  std::vector<ValueId> fields;
  for (size_t k = 0; k < t.fields.size(); ++k) {
    const int n = n_leaves(b.types(), t.fields[k].type);
    const ValueId field = b.get(value, static_cast<int>(k), loc);
    fields.push_back(leaf >= 0 && leaf < n ? with_leaf(b, field, leaf, replacement, loc) : field);
    leaf -= n;
  }
  return b.tuple(fields, b.type_id(value), loc);
}

ValueId sum_of_all(Builder& b, ValueId x, Loc loc) {
  std::vector<int> axes;
  for (int k = 0; k < b.type(x).rank(); ++k) axes.push_back(k);
  return b.sum(x, axes, loc);
}

/// Builds x_bar of one leaf of one parameter; `bar` is absent where it is 1.
struct Element {
  Module& m;
  FuncId f;
  const Wrt& wrt;
  Along along;
  size_t param;
  int leaf;
  TypeId leaf_type;
  FuncId jvp;  // of f in `param` only; for Along::tangent
  Loc loc;

  /// ⟨bar, dy⟩ as a scalar of the leaf's dtype, from the slots of dy.
  ValueId paired(Builder& b, ValueId bar, std::span<const ValueId> dy) const {
    const TypeId part = differentiated_type(m, m[f], wrt);
    const std::vector<ValueId> bars = bar ? unpack(b, part, bar, loc) : std::vector<ValueId>(dy.size());
    ValueId total;
    for (size_t k = 0; k < dy.size(); ++k) {
      if (!dy[k]) continue;
      // A strong zero: an element that is not asked for may be infinite.
      const ValueId term = bars[k] ? b.op("gated_mul"_op, {bars[k], dy[k]}, loc) : dy[k];
      const ValueId scalar = b.convert(sum_of_all(b, term, loc), m.types[leaf_type].dtype, loc);
      total = total ? b.op("add"_op, {total, scalar}, loc) : scalar;
    }
    return total;
  }

  ValueId derivative(Builder& b, std::span<const ValueId> args, ValueId bar, std::span<const ValueId> indices) const {
    return along == Along::tangent ? by_tangent(b, args, bar, indices) : by_difference(b, args, bar, indices);
  }

  ValueId by_tangent(Builder& b, std::span<const ValueId> args, ValueId bar, std::span<const ValueId> indices) const {
    return paired(b, bar, tangents(b, args, indices));
  }

  std::vector<ValueId> tangents(Builder& b, std::span<const ValueId> args, std::span<const ValueId> indices) const {
    const Func& source = m[f];
    const TypeId param_type = source[source.body().params[param]].type;
    std::vector<ValueId> slots(static_cast<size_t>(n_leaves(m.types, param_type)));
    slots[static_cast<size_t>(leaf)] = placed_at(b, leaf_type, indices, b.constant(1, m.types[leaf_type].dtype, loc), loc);
    std::vector<ValueId> all(args.begin(), args.end());
    all.push_back(pack(b, param_type, slots, loc));
    const ValueId both = b.call(jvp, own_sizes(m, source), all, loc);
    return unpack(b, differentiated_type(m, source, wrt), b.get(both, 1, loc), loc);
  }

  ValueId by_difference(Builder& b, std::span<const ValueId> args, ValueId bar, std::span<const ValueId> indices) const {
    ValueId step;
    const std::vector<ValueId> dy = differences(b, args, indices, step);
    return b.op("div"_op, {paired(b, bar, dy), step}, loc);
  }

  /// y(x + h) − y(x − h), and the `step` really taken.
  std::vector<ValueId> differences(Builder& b, std::span<const ValueId> args, std::span<const ValueId> indices, ValueId& step) const {
    const DType dtype = m.types[leaf_type].dtype;
    const ValueId x = leaf_values(b, args[param], loc)[static_cast<size_t>(leaf)];
    const ValueId scale = b.op("max"_op, {b.constant(1, dtype, loc), b.op("abs"_op, {x}, loc)}, loc);
    const ValueId h_everywhere = b.op("mul"_op, {b.constant(cube_root_of_epsilon(dtype), dtype, loc), scale}, loc);
    const auto moved = [&](ValueId by, OpId add_or_sub) { return b.op(add_or_sub, {x, by}, loc); };
    const ValueId taken = b.op("sub"_op, {moved(h_everywhere, "add"_op), moved(h_everywhere, "sub"_op)}, loc);
    step = b.index(taken, indices, Bounds::inside, loc);
    const ValueId h = placed_at(b, leaf_type, indices, h_everywhere, loc);
    const ValueId above = moved(h, "add"_op), below = moved(h, "sub"_op);
    const std::vector<ValueId> y_above = result_at(b, args, above), y_below = result_at(b, args, below);
    std::vector<ValueId> dy;
    for (size_t k = 0; k < y_above.size(); ++k) {
      const bool is_float_leaf = is_float(b.type(y_above[k]).dtype);
      dy.push_back(is_float_leaf ? b.op("sub"_op, {y_above[k], y_below[k]}, loc) : ValueId{});
    }
    return dy;
  }

  std::vector<ValueId> result_at(Builder& b, std::span<const ValueId> args, ValueId x) const {
    std::vector<ValueId> moved(args.begin(), args.end());
    moved[param] = with_leaf(b, args[param], leaf, x, loc);
    const ValueId y = b.call(f, own_sizes(m, m[f]), moved, loc);
    return leaf_values(b, wrt.of < 0 ? y : b.get(y, wrt.of, loc), loc);
  }

  /// All elements of the leaf: one, or a map over them.
  ValueId build(Builder& b, std::span<const ValueId> args, ValueId bar) const {
    const std::vector<DimId> dims = m.types[leaf_type].dims;
    if (dims.empty()) return derivative(b, args, bar, {});
    std::vector<ValueId> captures(args.begin(), args.end());
    if (bar) captures.push_back(bar);
    const BlockId body = b.begin_map(dims, {}, captures, loc);
    Builder inner = b.in(body);
    const std::vector<ValueId> params = b.func()[body].params;
    const std::span<const ValueId> all(params);
    const auto indices = all.first(dims.size()), inner_args = all.subspan(dims.size(), args.size());
    inner.set_result(derivative(inner, inner_args, bar ? all.back() : ValueId{}, indices));
    return b.end_map(body, dims, captures, loc);
  }
};

/// f at x + h·v for the active leaves, or x − h·v.
ValueId shifted_call(Builder& b, FuncId f, const Wrt& wrt, std::span<const ValueId> args, std::span<const ValueId> directions, ValueId h,
                     OpId add_or_sub, Loc loc) {
  Module& m = b.module();
  std::vector<ValueId> moved(args.begin(), args.end());
  size_t next = 0;
  for (size_t k = 0; k < args.size(); ++k) {
    if (!wrt.active[k]) continue;
    const std::vector<ValueId> x = leaf_values(b, args[k], loc), v = unpack(b, b.type_id(args[k]), directions[next++], loc);
    for (size_t leaf = 0; leaf < x.size(); ++leaf) {
      if (!v[leaf]) continue;
      const ValueId offset = b.op("mul"_op, {b.convert(h, b.type(x[leaf]).dtype, loc), v[leaf]}, loc);
      moved[k] = with_leaf(b, moved[k], static_cast<int>(leaf), b.op(add_or_sub, {x[leaf], offset}, loc), loc);
    }
  }
  return b.call(f, own_sizes(m, m[f]), moved, loc);
}

/// max(start, max|x|) over the float leaves of `values`, in f64.
ValueId largest(Builder& b, double start, std::span<const ValueId> values, Loc loc) {
  ValueId most = b.constant(start, DType::f64, loc);
  for (ValueId value : values)
    for (ValueId leaf : leaf_values(b, value, loc)) {
      if (!is_float(b.type(leaf).dtype)) continue;
      std::vector<int> axes;
      for (int k = 0; k < b.type(leaf).rank(); ++k) axes.push_back(k);
      const ValueId size = b.reduce("max_over"_op, b.op("abs"_op, {leaf}, loc), axes, loc);
      most = b.op("max"_op, {most, b.convert(size, DType::f64, loc)}, loc);
    }
  return most;
}

}  // namespace

Direction::Direction(Module& m, FuncId f, const Wrt& wrt, Along along, size_t param, int leaf, TypeId leaf_type, FuncId jvp)
    : m_(m), f_(f), wrt_(wrt), along_(along), param_(param), leaf_(leaf), leaf_type_(leaf_type), jvp_(jvp) {}

std::vector<ValueId> Direction::derivatives(Builder& b, std::span<const ValueId> args, std::span<const ValueId> indices) const {
  const Loc loc = m_[f_].loc.because(along_ == Along::tangent ? Reason::jvp_of : Reason::numeric_of);
  const Element element{m_, f_, wrt_, along_, param_, leaf_, leaf_type_, jvp_, loc};
  ValueId step;
  std::vector<ValueId> dy = along_ == Along::tangent ? element.tangents(b, args, indices) : element.differences(b, args, indices, step);
  const DType dtype = m_.types[leaf_type_].dtype;
  for (ValueId& v : dy) {
    if (step) v = b.op("div"_op, {v, b.convert(step, b.type(v).dtype, loc)}, loc);
    v = b.convert(v, dtype, loc);
  }
  return dy;
}

std::optional<Direction> direction_of(Module& m, FuncId f, const Wrt& wrt, Along along, size_t param, int leaf, TypeId leaf_type, Diagnostics& diagnostics) {
  FuncId jvp;
  if (along == Along::tangent) {
    Wrt only(std::vector<bool>(wrt.active.size()), wrt.of);
    only.active[param] = true;
    if (!(jvp = forward(m, f, only, diagnostics))) return std::nullopt;
  }
  return Direction(m, f, wrt, along, param, leaf, leaf_type, jvp);
}

FuncId by_elements(Module& m, FuncId f, const Wrt& wrt, bool unit_seed, Along along, Diagnostics& diagnostics) {
  const std::string key = fmt::format("elements {} {} {} {}", f.i, wrt.key(), unit_seed, along == Along::tangent);
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const Func& source = m[f];
  const TypeId part = differentiated_type(m, source, wrt);
  const Loc loc = source.loc.because(along == Along::tangent ? Reason::jvp_of : Reason::numeric_of);
  std::vector<FuncId> jvps(wrt.active.size());
  for (size_t k = 0; k < wrt.active.size(); ++k) {
    if (!wrt.active[k] || along != Along::tangent) continue;
    Wrt only(std::vector<bool>(wrt.active.size()), wrt.of);
    only.active[k] = true;
    if (!(jvps[k] = forward(m, f, only, diagnostics))) return {};
  }

  const char* suffix = along == Along::tangent ? "by_tangents" : "by_differences";
  const FuncId id = start_function(m, fmt::format("{}.{}.{}", source.name, unit_seed ? "gradient" : "reverse", suffix), source);
  Builder b(m, id, BlockId{0});
  const std::vector<ValueId> args = b.func().body().params;
  ValueId bar;
  if (!unit_seed) bar = append_param(m, b.func(), BlockId{0}, "param"_op, float_part(m.types, part), m.strings.intern("bar"), loc);
  std::vector<ValueId> results{b.call(f, own_sizes(m, source), args, loc)};
  for (size_t k = 0; k < args.size(); ++k) {
    const TypeId type = b.type_id(args[k]);
    if (!wrt.active[k] || !has_float(m.types, type)) continue;
    const std::vector<TypeId> types = leaf_types(m.types, type);
    std::vector<ValueId> slots;
    for (size_t leaf = 0; leaf < types.size(); ++leaf) {
      const bool is_float_leaf = is_float(m.types[types[leaf]].dtype);
      const Element element{m, f, wrt, along, k, static_cast<int>(leaf), types[leaf], jvps[k], loc};
      slots.push_back(is_float_leaf ? element.build(b, args, bar) : ValueId{});
    }
    results.push_back(pack(b, type, slots, loc));
  }
  b.set_result(b.tuple(results, loc));
  return m.derived[key] = id;
}

FuncId numeric_jvp(Module& m, FuncId f, const Wrt& wrt, Diagnostics&) {
  const std::string key = fmt::format("forward by differences {} {}", f.i, wrt.key());
  if (auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  const Func& source = m[f];
  const TypeId part = differentiated_type(m, source, wrt);
  const Loc loc = source.loc.because(Reason::numeric_of);
  const FuncId id = start_function(m, source.name + ".forward.by_differences", source);
  Builder b(m, id, BlockId{0});
  const std::vector<ValueId> args = b.func().body().params;
  std::vector<ValueId> active, directions;
  bool is_single = false;
  for (size_t k = 0; k < args.size(); ++k) {
    const TypeId type = wrt.active[k] ? float_part(m.types, b.type_id(args[k])) : TypeId{};
    if (!type) continue;
    const StrId name = m.strings.intern(fmt::format("d{}", m.strings[m[b.func()[args[k]].attr].name]));
    active.push_back(args[k]);
    directions.push_back(append_param(m, b.func(), BlockId{0}, "param"_op, type, name, loc));
    for (TypeId leaf : leaf_types(m.types, type)) is_single = is_single || m.types[leaf].dtype == DType::f32;
  }
  // h·max|v| = ∛ε·max(1, max|x|); a zero direction has derivative 0 at any h.
  const ValueId longest = largest(b, 0, directions, loc);
  const ValueId zero = b.constant(0, DType::f64, loc), one = b.constant(1, DType::f64, loc);
  const ValueId divisor = b.op("select"_op, {b.op("eq"_op, {longest, zero}, loc), one, longest}, loc);
  const ValueId unit = b.constant(cube_root_of_epsilon(is_single ? DType::f32 : DType::f64), DType::f64, loc);
  const ValueId h = b.op("div"_op, {b.op("mul"_op, {unit, largest(b, 1, active, loc)}, loc), divisor}, loc);

  const ValueId y_above = shifted_call(b, f, wrt, args, directions, h, "add"_op, loc);
  const ValueId y_below = shifted_call(b, f, wrt, args, directions, h, "sub"_op, loc);
  const auto part_of = [&](ValueId y) { return leaf_values(b, wrt.of < 0 ? y : b.get(y, wrt.of, loc), loc); };
  const std::vector<ValueId> above = part_of(y_above), below = part_of(y_below);
  std::vector<ValueId> slots;
  for (size_t k = 0; k < above.size(); ++k) {
    const DType dtype = b.type(above[k]).dtype;
    if (!is_float(dtype)) {
      slots.emplace_back();
      continue;
    }
    const ValueId twice = b.op("mul"_op, {b.constant(2, dtype, loc), b.convert(h, dtype, loc)}, loc);
    slots.push_back(b.op("div"_op, {b.op("sub"_op, {above[k], below[k]}, loc), twice}, loc));
  }
  const ValueId results[] = {b.call(f, own_sizes(m, source), args, loc), pack(b, part, slots, loc)};
  b.set_result(b.tuple(results, loc));
  return m.derived[key] = id;
}

}  // namespace dlc
