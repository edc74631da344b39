// Subscripts and slices. A subscript is a polynomial in sizes and binders; where it has no binder the access is a
// view, made here and now, else an `index` op. Whether it stays inside its array is decided on
// symbols: proven, refuted (an error), or left to a check of sizes when the function is entered.
#include <algorithm>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {

std::optional<Lowering::Subscript> Lowering::lower_one_subscript(const Arg& arg, DimId extent) {
  Subscript s;
  s.span = arg.span;
  if (arg.kind == ArgKind::all) return s;
  if (arg.kind != ArgKind::value) {
    fail(sema_error("subscript-not-int"), arg.span, "a subscript is an int, `:` or a range");
    return std::nullopt;
  }
  const Expr& e = ast_[arg.value];
  if (e.kind == ExprKind::range) {
    s.kind = Subscript::Kind::slice;
    if (has_dynamic_end(arg.value)) {
      s.range = lower_moving_range(e);
      if (s.range && !(s.value = lower(e.a))) return std::nullopt;
    } else {
      s.range = lower_range(arg.value, extent, true);
    }
    if (!s.range) return std::nullopt;
    if (has_binder(s.range.extent)) {
      fail(sema_error("ragged-range"), arg.span, "the size of this slice depends on an index").help("a reduction may run over such a range: `sum[j in 0..i](x[j])`");
      return std::nullopt;
    }
    DimId least, most;
    if (!s.value && has_binder(s.range.lo) && !extremes(s.range.lo, least, most)) s.value = size_value(s.range.lo, arg.span);  // checked when it runs
    return s;
  }
  const Val v = lower(arg.value);
  if (!v) return std::nullopt;
  s.kind = Subscript::Kind::at;
  if (const auto d = as_size(v)) {
    s.at = *d;
    const Expr& inner = ast_[ast_.strip_parens(arg.value)];
    if (const auto c = dims().as_constant(*d); c && *c < 0) {
      if (inner.kind != ExprKind::unary) {
        fail(sema_error("negative-index"), arg.span, fmt::format("the subscript `{}` is {}", code(arg.value), *c))
            .rule("only a negative literal counts from the end");
        return std::nullopt;
      }
      s.at = size_too_large(dims().add(extent, *d), arg.span);
      if (!s.at) return std::nullopt;
    }
    if (is_affine(s.at)) return s;
    s.kind = Subscript::Kind::value;  // `x[i * j]`: looked at when it is reached
    s.value = value(make_size(s.at, loc(arg.span)));
    return s;
  }
  const Shape shape = shape_of(v);
  if (v.kind != Val::Kind::function && shape.dtype == DType::i64 && !shape.wants_float) {
    s.kind = Subscript::Kind::value, s.value = v;
    return s;
  }
  fail(sema_error("subscript-not-int"), arg.span, fmt::format("a subscript is an int, and `{}` is {}", code(arg.value), type_text(v)));
  return std::nullopt;
}

/// `k..k + 3` with an int k known only when the program runs: its number of elements is a size all the same. It begins at 0 here.
RangeDims Lowering::lower_moving_range(const Expr& range) {
  const size_t before = a_.diagnostics->n_errors();
  const std::optional<DimId> distance = range.a && range.b ? size_between(range) : std::nullopt;
  const std::optional<int64_t> step = lower_step(range);
  if (!step || a_.diagnostics->n_errors() != before) return {};
  if (!distance) {
    fail(sema_error("not-a-size"), range.span, fmt::format("the number of elements of `{}` is known only at run time", a_.sources.text(range.span)))
        .rule("the ends of a slice differ by a size")
        .help("write the end as the beginning plus a size, as in `x[k..k + 3]`; a loop or a reduction may have any range");
    return {};
  }
  return {dims().constant(0), size_too_large(n_steps(*distance, *step), range.span), *step};
}

/// How far the ends of a range are apart, where what is no size in them is the same words and cancels.
std::optional<DimId> Lowering::size_between(const Expr& range) {
  DimId sum = dims().constant(0);
  std::map<std::string, DimId> others;
  std::vector<std::pair<ExprId, int64_t>> todo{{range.b, 1}, {range.a, -1}};
  while (!todo.empty()) {
    const auto [id, sign] = todo.back();
    todo.pop_back();
    const Expr& e = ast_[ast_.strip_parens(id)];
    if (e.kind == ExprKind::binary && (e.op == SyntaxOp::add || e.op == SyntaxOp::sub)) {
      todo.push_back({e.a, sign}), todo.push_back({e.b, e.op == SyntaxOp::add ? sign : -sign});
      continue;
    }
    const Val v = lower(id);
    if (!v) return std::nullopt;
    const auto size = as_size(v);
    DimId& total = size ? sum : others.try_emplace(code(ast_.strip_parens(id)), dims().constant(0)).first->second;
    total = dims().add(total, dims().mul(dims().constant(sign), size ? *size : dims().constant(1)));
    if (!total) return std::nullopt;
  }
  for (const auto& [words, factor] : others)
    if (dims().as_constant(factor) != 0) return std::nullopt;
  return sum;
}

/// Whether the indices in `d` that are bound enter by coefficients of known sign, so that `extremes` can tell its bounds.
bool Lowering::is_affine(DimId d) {
  DimId lo, hi;
  return extremes(d, lo, hi);
}

/// Smallest and largest value of `d` as the bound indices run over their ranges, the innermost first: its range may
/// depend on the others. False where `d` is not affine.
bool Lowering::extremes(DimId d, DimId& lo, DimId& hi) {
  lo = hi = d;
  for (auto index = indices_.rbegin(); index != indices_.rend(); ++index) {
    const DimId last = dims().sub(index->extent, dims().constant(1)), first = dims().constant(0);
    for (DimId* end : {&lo, &hi}) {
      const std::vector<StrId> used = dims().variables(*end);
      if (std::find(used.begin(), used.end(), index->name) == used.end()) continue;
      auto at = [&](int64_t x) { return dims().substitute(*end, {{index->name, dims().constant(x)}}); };
      const DimId slope = dims().sub(at(1), at(0));
      const bool is_linear = slope && slope == dims().sub(at(2), at(1)) && !has_binder(slope) &&
                             *end == dims().add(at(0), dims().mul(slope, dims().variable(index->name)));
      if (!is_linear) return false;
      const bool rises = dims().is_provably_nonnegative(slope);
      const bool falls = dims().is_provably_nonnegative(dims().mul(dims().constant(-1), slope));
      if (!rises && !falls) return false;
      *end = dims().substitute(*end, {{index->name, (end == &lo) == rises ? first : last}});
    }
  }
  return lo && hi;
}

/// `nonnegative` must hold. False after an error; `proven` tells whether it holds for all sizes.
bool Lowering::require(DimId nonnegative, DimId extent, Span span, bool& proven, SizeCheck::Kind kind) {
  if (!nonnegative) return size_too_large(nonnegative, span), false;
  if (dims().is_provably_nonnegative(nonnegative)) return true;
  proven = false;
  for (const Region& r : regions_)
    if (r.guarded) return true;
  const DimId refuted = dims().sub(dims().constant(-1), nonnegative);
  if (dims().is_provably_nonnegative(refuted)) return false;
  auto& checks = a_.m[func_].checks;
  for (const SizeCheck& c : checks)
    if (c.nonnegative == nonnegative && c.extent == extent && c.kind == kind) return true;
  checks.push_back({nonnegative, extent, loc(span), kind, {}});
  return true;
}

/// 0 ≤ lo and hi < extent. `array`: where the array was declared, if it has a name.
bool Lowering::check_inside(DimId lo, DimId hi, DimId extent, Span span, Span array, bool& proven) {
  if (!require(lo, extent, span, proven) || !require(dims().sub(dims().sub(extent, dims().constant(1)), hi), extent, span, proven)) {
    Diagnostic& d = fail(size_error("index-out-of-range"), span,
                         lo == hi ? fmt::format("subscript `{}` is outside of an axis of size {}", a_.sources.text(span), dims().text(extent))
                                  : fmt::format("subscripts {} to {} are outside of an axis of size {}", dims().text(lo), dims().text(hi), dims().text(extent)));
    if (array) d.label(array, fmt::format("the array is declared here, this axis has size {}", dims().text(extent)));
    label_sizes(d, extent);
    return false;
  }
  return true;
}

/// Reads one position, or a range, of an axis. A guarded one reads 0 outside of the array.
ValueId Lowering::view_axis(ValueId x, int axis, const Subscript& s, bool guarded, Loc l) {
  if (!guarded) {
    if (s.kind == Subscript::Kind::at) return b().pick(x, axis, s.at, l);
    return b().slice(x, axis, s.range.lo, s.range.extent, s.range.step, l);
  }
  const Type t = b().type(x);
  std::vector<int> axes;
  std::vector<DimId> shape;
  int at = -1;
  for (int k = 0; k < t.rank(); ++k) {
    if (k == axis && s.kind == Subscript::Kind::at) continue;
    if (k == axis) at = static_cast<int>(axes.size());
    axes.push_back(k);
    shape.push_back(k == axis ? s.range.extent : t.dims[static_cast<size_t>(k)]);
  }
  ViewMap map = permute_map(a_.m, t, axes, std::move(shape));
  map.guarded = true;
  map.offsets[static_cast<size_t>(axis)] = at < 0 ? s.at : s.range.lo;
  if (at >= 0) map.at(axis, at) = s.range.step;
  return b().view(x, map, l);
}

/// Decides every subscript's bounds. `moves` tells which depend on an index, or are looked at when they are reached; `bounds`,
/// whether some are, or may be outside for an index that the `if` around them leaves out.
bool Lowering::check_subscripts(const std::vector<DimId>& shape, std::span<const Subscript> subs, Span array, std::vector<bool>& moves,
                                Bounds& bounds) {
  bool under_if = false;
  for (const Region& r : regions_) under_if = under_if || r.guarded;
  moves.assign(subs.size(), false);
  for (size_t k = 0; k < subs.size(); ++k) {
    const Subscript& s = subs[k];
    if (s.kind == Subscript::Kind::all) continue;
    if (s.kind == Subscript::Kind::value) {
      moves[k] = true, bounds = Bounds::checked;
      continue;
    }
    const bool is_at = s.kind == Subscript::Kind::at;
    if (s.value) {  // a slice that is looked at when it is reached, but for its size
      moves[k] = true, bounds = Bounds::checked;
      bool proven = true;
      if (require(s.range.extent, shape[k], s.span, proven, SizeCheck::Kind::size)) continue;
      fail(size_error("index-out-of-range"), s.span, fmt::format("this range has {} elements", dims().text(s.range.extent)));
      return false;
    }
    const DimId start = is_at ? s.at : s.range.lo;
    moves[k] = has_binder(start);
    bool proven = true;
    DimId lo, hi, last = start;
    if (!extremes(start, lo, hi)) return unsupported(s.span, "subscripts that are not affine in indices and sizes are"), false;
    if (!is_at) {
      if (!require(s.range.extent, shape[k], s.span, proven, SizeCheck::Kind::size)) {
        fail(size_error("index-out-of-range"), s.span, fmt::format("this range has {} elements", dims().text(s.range.extent)));
        return false;
      }
      const DimId length = dims().mul(dims().sub(s.range.extent, dims().constant(1)), dims().constant(s.range.step));
      hi = dims().add(hi, length), last = dims().add(start, length);
    }
    // An empty range may stand right behind the last element.
    const bool is_empty = !is_at && dims().as_constant(s.range.extent) == 0;
    if (!is_empty && !check_inside(lo, hi, shape[k], s.span, array, proven)) return false;
    if (is_empty || proven || !under_if) continue;
    const bool is_certain = follows(start) && last && follows(dims().sub(dims().sub(shape[k], dims().constant(1)), last));
    // A recursion on sizes lives on slices, `f(x[1..n])`, which stay views: their size is what is looked at.
    if (is_certain || (!is_at && is_under_sizes_only())) bounds = std::max(bounds, Bounds::guarded);
    else moves[k] = true, bounds = Bounds::checked;
  }
  return true;
}

Val Lowering::apply_subscripts(const Val& base, std::span<const Subscript> subs, Span span) {
  std::vector<bool> moves;
  Bounds bounds = Bounds::inside;
  if (!check_subscripts(shape_of(base).dims, subs, base.origin, moves, bounds)) return {};
  ValueId x = make(base, span);
  if (!x) return {};
  // Last axis first, so that the numbers of the remaining axes stay what they are.
  for (size_t k = subs.size(); k-- > 0;)
    if (subs[k].kind != Subscript::Kind::all && !moves[k]) x = view_axis(x, static_cast<int>(k), subs[k], bounds != Bounds::inside, loc(span));
  std::vector<int> axes;  // of x as it is now, that indices subscript
  std::vector<Subscript> moving;
  int dropped = 0;
  for (size_t k = 0; k < subs.size(); ++k) {
    if (moves[k]) axes.push_back(static_cast<int>(k) - dropped), moving.push_back(subs[k]);
    dropped += subs[k].kind == Subscript::Kind::at && !moves[k];
  }
  return axes.empty() ? value(x) : index_axes(x, axes, moving, bounds, span);
}

/// Where a subscript points to, or begins: an int, or an array of them.
ValueId Lowering::start_of(const Subscript& s, Loc l) {
  if (s.value) return make(s.value, s.span);
  return make_size(s.kind == Subscript::Kind::at ? s.at : s.range.lo, l);
}

/// An `index` op whose subscripts get one shape. Arrays of subscripts stand, in the result, where the first of `axes` was.
Val Lowering::gathered(ValueId x, const std::vector<int>& axes, std::vector<ValueId> at, Bounds bounds, Span span) {
  std::vector<DimId> shape;
  for (ValueId v : at) {
    const std::vector<DimId> own = b().type(v).dims;
    if (!own.empty() && !shape.empty() && own != shape) {
      fail(sema_error("shape-mismatch"), span, fmt::format("the subscripts are arrays of different shapes: {} and {}", types().text(types().array(DType::i64, shape)), types().text(b().type_id(v))));
      return {};
    }
    if (!own.empty()) shape = own;
  }
  for (ValueId& v : at) v = b().broadcast(v, shape, loc(span));
  const ValueId y = b().index(x, at, bounds, loc(span));
  std::vector<int> order;
  const int n_shape = static_cast<int>(shape.size()), rank = b().type(y).rank();
  for (int k = 0; k < axes[0] && !shape.empty(); ++k) order.push_back(n_shape + k);
  for (int k = 0; k < n_shape; ++k) order.push_back(k);
  for (int k = static_cast<int>(order.size()); k < rank; ++k) order.push_back(k);
  return value(std::is_sorted(order.begin(), order.end()) ? y : b().transpose(y, order, loc(span)));
}

/// `axes` of x subscripted by what depends on an index: an `index` op, for which they go to the front.
Val Lowering::index_axes(ValueId x, const std::vector<int>& axes, std::span<const Subscript> subs, Bounds bounds, Span span) {
  const Loc l = loc(span);
  std::vector<int> front = axes;
  const int rank = b().type(x).rank();
  for (int axis = 0; axis < rank; ++axis)
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) front.push_back(axis);
  if (!std::is_sorted(front.begin(), front.end())) x = b().transpose(x, front, l);
  std::vector<ValueId> starts;
  bool has_slice = false;
  for (const Subscript& s : subs) {
    starts.push_back(start_of(s, l));
    has_slice = has_slice || s.kind == Subscript::Kind::slice;
  }
  if (!has_slice) return gathered(x, axes, starts, bounds, span);
  for (ValueId start : starts)
    if (b().type(start).rank() > 0) return unsupported(span, "a range that moves beside an array of subscripts is");
  ValueId window = moving_window(x, starts, subs, bounds, l);
  // The windows' axes come first; put every axis where the source has it.
  std::vector<std::pair<int, int>> order;  // (axis of the source, axis of the window)
  int next = 0;
  for (size_t k = 0; k < axes.size(); ++k)
    if (subs[k].kind == Subscript::Kind::slice) order.push_back({axes[k], next++});
  for (size_t k = axes.size(); k < front.size(); ++k) order.push_back({front[k], next++});
  std::sort(order.begin(), order.end());
  std::vector<int> back;
  for (auto [from, at] : order) back.push_back(at);
  if (!std::is_sorted(back.begin(), back.end())) window = b().transpose(window, back, l);
  return value(window);
}

/// A window x[i..i + 3] that moves with an index: a map of its own over the window.
ValueId Lowering::moving_window(ValueId x, std::span<const ValueId> starts, std::span<const Subscript> subs, Bounds bounds, Loc l) {
  std::vector<DimId> extents;
  for (const Subscript& s : subs)
    if (s.kind == Subscript::Kind::slice) extents.push_back(s.range.extent);
  const BlockId outer = regions_.back().block();
  Region region;
  region.first = b().begin_map(extents, {}, {}, l);
  region.guarded = regions_.back().guarded;
  const std::vector<ValueId> steps = a_.m[func_][region.first].params;
  regions_.push_back(std::move(region));
  std::vector<ValueId> positions;
  size_t next = 0;
  for (size_t k = 0; k < starts.size(); ++k) {
    ValueId at = bring(starts[k], outer);
    if (subs[k].kind == Subscript::Kind::slice) {
      ValueId step = steps[next++];
      if (subs[k].range.step != 1) step = b().op("mul"_op, {step, b().constant_int(subs[k].range.step, l)}, l);
      at = b().op("add"_op, {at, step}, l);
    }
    positions.push_back(at);
  }
  b().set_result(b().index(bring(x, outer), positions, bounds, l));
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  const BlockId body = regions_.back().first;
  regions_.pop_back();
  return b().end_map(body, extents, captures, l);
}

Val Lowering::lower_subscript(const Expr& e) {
  if (find_layer(e.a)) return one_of(layer(e.a), e).params;
  const Val base = lower(e.a);
  if (!base) return {};
  if (base.kind == Val::Kind::function) {
    fail(sema_error("function-as-value"), ast_[e.a].span, fmt::format("`{}` is a function, and only arrays have subscripts", code(e.a)))
        .help("sizes given in a call are followed by its arguments: `f[n](x)`");
    return {};
  }
  if (!func_) return fail(sema_error("const-not-constant"), e.span, "this is not a constant expression"), Val{};
  const auto subs = lower_subscripts(base, e);
  return subs ? apply_subscripts(base, *subs, e.span) : Val{};
}

std::optional<std::vector<Lowering::Subscript>> Lowering::lower_subscripts(const Val& base, const Expr& e) {
  const std::span<const Arg> args = ast_[e.args];
  const std::vector<DimId> shape = shape_of(base).dims;
  if (args.size() > shape.size()) {
    Diagnostic& d = fail(sema_error("too-many-subscripts"), e.mark,
                         fmt::format("`{}` is {} and takes at most {} subscript{}, here are {}", code(e.a), type_text(base), shape.size(),
                                     shape.size() == 1 ? "" : "s", args.size()));
    label_operand(d, base, e.a);
    return std::nullopt;
  }
  std::vector<Subscript> subs;
  bool ok = true;
  for (size_t k = 0; k < args.size(); ++k) {
    auto s = lower_one_subscript(args[k], shape[k]);
    ok = ok && s;
    if (s) subs.push_back(std::move(*s));
  }
  return ok ? std::optional(std::move(subs)) : std::nullopt;
}

}  // namespace dlc::sema
