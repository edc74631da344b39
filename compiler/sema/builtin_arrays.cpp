// The built-in array functions. The table stands last; what it points to stands above it, by family.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "ir/form.h"
#include "ops/table.h"
#include "sema/builtins.h"

namespace dlc::sema {

DimId Lowering::product_of(std::span<const DimId> sizes) {
  DimId product = dims().constant(1);
  for (DimId d : sizes) product = dims().mul(product, d);
  return product;
}

/// The leading axes become one.
ValueId Lowering::flatten(ValueId x, size_t n_leading, Span span) {
  const std::vector<DimId> shape = b().type(x).dims;
  if (n_leading == 1) return x;
  std::vector<DimId> flat{size_too_large(product_of(std::span(shape).first(n_leading)), span)};
  if (!flat[0]) return {};
  flat.insert(flat.end(), shape.begin() + static_cast<ptrdiff_t>(n_leading), shape.end());
  return b().reshape(x, std::move(flat), loc(span));
}

// ------------------------------------------------------------------------------------------------ reductions

bool Lowering::require_elements(ValueId x, const std::vector<int>& axes, std::string_view name, Span span) {
  const std::vector<DimId> shape = b().type(x).dims;
  for (int axis : axes) {
    const DimId extent = shape[static_cast<size_t>(axis)];
    bool proven = true;
    if (require(dims().sub(extent, dims().constant(1)), extent, span, proven, SizeCheck::Kind::elements)) continue;
    fail(size_error("empty-reduction"), span, fmt::format("`{}` of no elements has no value", name));
    return false;
  }
  return true;
}

/// Under an `if`, what was reduced is looked at when it is reached, unless the condition proves that there are elements.
ValueId Lowering::if_elements(ValueId y, std::span<const DimId> shape, const std::vector<int>& axes, Loc l) {
  if (std::none_of(regions_.begin(), regions_.end(), [](const Region& r) { return r.guarded; })) return y;
  for (int axis : axes) {
    const DimId extent = shape[static_cast<size_t>(axis)];
    if (y && !follows(dims().sub(extent, dims().constant(1)))) y = if_positive(make_size(extent, l), y, l);
  }
  return y;
}

ValueId Lowering::reduce_leaf(std::string_view name, ValueId x, const std::vector<int>& axes, Span span) {
  const Loc l = loc(span);
  DType dtype = b().type(x).dtype;
  const bool of_bools = name == "any" || name == "all";
  if ((dtype == DType::b1) != of_bools || dtype == DType::key) {
    fail(sema_error("type-mismatch"), span, fmt::format("`{}` reduces {}, and this is {}", name, of_bools ? "bools" : "numbers", types().text(b().type_id(x))));
    return {};
  }
  if (name == "sum") return b().sum(x, axes, l);
  if (name == "prod") return b().reduce("prod"_op, x, axes, l);
  if (name == "any") return b().reduce("any"_op, x, axes, l);
  if (name == "all") return b().reduce("all"_op, x, axes, l);
  if (name == "logsumexp") {
    const ValueId flat = axes.size() == 1 ? x : flatten(x, axes.size(), span);
    return flat ? over_axis("logsumexp", flat, axes[0], span) : flat;
  }
  if (!require_elements(x, axes, name, span)) return {};
  const std::vector<DimId> shape = b().type(x).dims;
  return if_elements(reduce_some(name, x, axes, span), shape, axes, l);
}

/// A reduction that has no value of no elements.
ValueId Lowering::reduce_some(std::string_view name, ValueId x, const std::vector<int>& axes, Span span) {
  const Loc l = loc(span);
  DType dtype = b().type(x).dtype;
  if (name == "max") return b().reduce("max_over"_op, x, axes, l);
  if (name == "min") return b().reduce("min_over"_op, x, axes, l);
  if (name == "argmax" || name == "argmin") {
    const ValueId flat = axes.size() == 1 ? x : flatten(x, axes.size(), span);
    return flat ? b().reduce(name == "argmax" ? "argmax"_op : "argmin"_op, flat, {axes[0]}, l) : flat;
  }
  // mean
  if (dtype == DType::i64) dtype = default_float();
  std::vector<DimId> reduced;
  for (int axis : axes) reduced.push_back(b().type(x).dims[static_cast<size_t>(axis)]);
  const DimId count = size_too_large(product_of(reduced), span);
  if (!count) return {};
  const ValueId total = b().sum(b().convert(x, dtype, l), axes, l);
  return b().op("div"_op, {total, b().convert(b().size(count, l), dtype, l)}, l);
}

Val Lowering::reduce_value(std::string_view name, ValueId x, std::vector<int> axes, Span span) {
  if (!x) return {};
  const Type t = b().type(x);
  if (!t.is_tuple()) {
    const ValueId id = reduce_leaf(name, x, axes, span);
    return id ? value(id) : Val{};
  }
  // A tuple is reduced field by field.
  std::vector<ValueId> values;
  std::vector<Field> fields;
  for (size_t k = 0; k < t.fields.size(); ++k) {
    const Val field = reduce_value(name, b().get(x, static_cast<int>(k), loc(span)), axes, span);
    if (!field) return {};
    values.push_back(field.id);
    fields.push_back({t.fields[k].name, field.type});
  }
  const TypeId type = types().tuple(std::move(fields), t.name);
  return value(b().tuple(values, type, loc(span)));
}

ValueId Lowering::over_axis(std::string_view prelude, ValueId x, int axis, Span span) {
  const Loc l = loc(span);
  if (b().type(x).dtype == DType::i64) x = b().convert(x, default_float(), l);
  const Type t = b().type(x);
  if (!is_float(t.dtype)) {
    fail(sema_error("type-mismatch"), span, fmt::format("`{}` wants floats, and this is {}", prelude, types().text(b().type_id(x))));
    return {};
  }
  const int32_t index = a_.prelude_function(a_.m.strings.intern(prelude));
  const FuncId f = index >= 0 ? a_.instance(index, t.dtype, span) : FuncId{};
  if (!f) return failed_ = true, ValueId{};
  const DimId extent = t.dims[static_cast<size_t>(axis)];
  if (t.rank() == 1) return b().call(f, {extent}, std::span(&x, 1), l);
  std::vector<int> last, back(static_cast<size_t>(t.rank()));  // the axis goes last, and afterwards back
  for (int k = 0; k < t.rank(); ++k)
    if (k != axis) last.push_back(k);
  last.push_back(axis);
  for (int k = 0; k < t.rank(); ++k) back[static_cast<size_t>(last[static_cast<size_t>(k)])] = k;
  x = b().transpose(x, last, l);
  std::vector<DimId> leading = b().type(x).dims;
  leading.pop_back();
  const BlockId body = b().begin_map(leading, {}, std::span(&x, 1), l);
  const std::vector<ValueId> params = a_.m[func_][body].params;
  Builder inner = b().in(body);
  const ValueId row = inner.index(params.back(), std::span(params).first(leading.size()), Bounds::inside, l);
  inner.set_result(inner.call(f, {extent}, std::span(&row, 1), l));
  const ValueId all = b().end_map(body, leading, std::span(&x, 1), l);
  return b().type(all).rank() == t.rank() ? b().transpose(all, back, l) : all;
}

// ------------------------------------------------------------------------------------------------- products

Val Lowering::matmul(const Val& x, const Val& y, ExprId xe, ExprId ye, Span span) {
  if (!x || !y) return {};
  const Shape a = shape_of(x), c = shape_of(y);
  auto labelled = [&](Diagnostic& d) -> Diagnostic& {
    label_operand(d, x, xe), label_operand(d, y, ye);
    return d;
  };
  if (x.kind == Val::Kind::function || y.kind == Val::Kind::function || a.dims.empty() || c.dims.empty()) {
    labelled(fail(sema_error("rank-mismatch"), span, fmt::format("`@` multiplies arrays, and here are {} and {}", type_text(x), type_text(y))));
    return {};
  }
  if (a.dims.back() != c.dims.front() && are_equal_here({a.dims.back()}, {c.dims.front()}, regions_.back().in_second))
    return matmul(with_sizes_here(x, span), with_sizes_here(y, span), xe, ye, span);
  if (a.dims.back() != c.dims.front()) {
    Diagnostic& d = fail(sema_error("matmul-inner-size"), span,
                         fmt::format("inner sizes of `{} @ {}` differ: {} and {}", code(xe), code(ye), dims().text(a.dims.back()), dims().text(c.dims.front())));
    label_pair(d, x, xe, a.dims.back(), y, ye, c.dims.front());
    d.rule("`@` contracts the last size of the left with the first of the right");
    if (a.dims.size() == 2 && a.dims.front() == c.dims.front()) d.help(fmt::format("write `transpose({})`", code(xe)));
    return {};
  }
  if (a.dims.size() + c.dims.size() - 2 > kMaxRank) return fail(sema_error("rank-too-large"), span, "an array has at most 32 axes"), Val{};
  DType dtype = a.is_flexible ? c.dtype : a.dtype;
  if (dtype == DType::i64 && (is_float(c.dtype) || a.wants_float)) dtype = is_float(c.dtype) ? c.dtype : default_float();
  const bool mixes = !a.is_flexible && !c.is_flexible && is_float(a.dtype) && is_float(c.dtype) && a.dtype != c.dtype;
  if (mixes) return labelled(fail(sema_error("mixed-floats"), span, "an f32 meets an f64")), Val{};
  if ((!is_float(a.dtype) && a.dtype != DType::i64) || (!is_float(c.dtype) && c.dtype != DType::i64))
    return labelled(fail(sema_error("type-mismatch"), span, fmt::format("`@` multiplies numbers, and here are {} and {}", type_text(x), type_text(y)))), Val{};
  const ValueId left = make(x, span, dtype), right = make(y, span, dtype);
  if (!left || !right) return {};
  return value(b().matmul(left, right, {0, static_cast<int>(a.dims.size()) - 1, static_cast<int>(c.dims.size()) - 1, 1}, loc(span)));
}

/// What the rows below share; a friend of Lowering.
struct Builtins {
  /// The only argument as an array value, or absent.
  static ValueId array(Lowering& w, const BuiltinCall& c, size_t k) {
    const Argument& a = c.args[k];
    if (a.val && w.shape_of(a.val).dims.empty()) {
      if (a.val.kind == Val::Kind::function) return w.make(a.val, a.span);
      Diagnostic& d = w.fail(sema_error("rank-mismatch"), a.span, fmt::format("`{}` wants an array, and `{}` is {}", c.row.name, w.code(a.expr), w.type_text(a.val)));
      if (a.val.origin) d.label(a.val.origin, "declared here");
      return {};
    }
    return w.make(a.val, a.span);
  }

  /// `axis = k` of an array of that rank; −1 without one, −2 after an error.
  static int axis(Lowering& w, const BuiltinCall& c, int rank) {
    if (!c.axis) return -1;
    const auto d = c.axis->val ? w.as_size(c.axis->val) : std::nullopt;
    const auto k = d ? w.dims().as_constant(*d) : std::nullopt;
    if (!c.axis->val) return -2;
    if (k && *k >= -rank && *k < rank) return static_cast<int>(*k < 0 ? *k + rank : *k);
    if (!k) return w.fail(sema_error("bad-axis"), c.axis->span, fmt::format("an axis is a literal, and `{}` is not", w.code(c.axis->expr))), -2;
    w.fail(sema_error("bad-axis"), c.axis->span, fmt::format("`{}` is not an axis of an array with {}", w.code(c.axis->expr), rank == 1 ? "one axis" : fmt::format("{} axes", rank)));
    return -2;
  }

  static Val reduction(Lowering& w, const BuiltinCall& c) {
    const ValueId x = array(w, c, 0);
    if (!x) return {};
    const int rank = w.b().type(x).rank(), k = axis(w, c, rank);
    if (k == -2) return {};
    std::vector<int> axes(static_cast<size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
    if (k >= 0) axes = {k};
    return w.reduce_value(c.row.name, x, std::move(axes), c.call.span);
  }

  /// `max(a, b)` is the scalar function, elementwise.
  static Val extreme(Lowering& w, const BuiltinCall& c) {
    if (c.args.size() == 1) return reduction(w, c);
    if (c.axis) return w.fail(sema_error("bad-argument"), c.axis->span, fmt::format("`{}` of two values has no axis", c.row.name)), Val{};
    const Val args[2] = {c.args[0].val, c.args[1].val};
    const ExprId exprs[2] = {c.args[0].expr, c.args[1].expr};
    return w.elementwise(c.row.name == std::string_view("max") ? "max"_op : "min"_op, args, exprs, c.call.span);
  }

  static Val dot(Lowering& w, const BuiltinCall& c) {
    for (const Argument& a : c.args)
      if (a.val && w.shape_of(a.val).dims.size() != 1) {
        Diagnostic& d = w.fail(sema_error("rank-mismatch"), a.span, fmt::format("`dot` wants vectors, and `{}` is {}", w.code(a.expr), w.type_text(a.val)));
        if (a.val.origin) d.label(a.val.origin, "declared here");
        return {};
      }
    const Val x = c.args[0].val, y = c.args[1].val;
    if (!x || !y) return {};
    const DimId n = w.shape_of(x).dims[0], m = w.shape_of(y).dims[0];
    if (n != m && !w.are_equal_here({n}, {m}, w.regions_.back().in_second)) {
      Diagnostic& d = w.fail(sema_error("size-mismatch"), c.call.span,
                             fmt::format("sizes of `{}` and `{}` differ: {} and {}", w.code(c.args[0].expr), w.code(c.args[1].expr), w.dims().text(n), w.dims().text(m)));
      w.label_pair(d, x, c.args[0].expr, n, y, c.args[1].expr, m);
      return {};
    }
    return w.matmul(x, y, c.args[0].expr, c.args[1].expr, c.call.span);
  }

  static Val outer(Lowering& w, const BuiltinCall& c) {
    const ValueId x = array(w, c, 0), y = array(w, c, 1);
    if (!x || !y) return {};
    const Type a = w.b().type(x), d = w.b().type(y);
    std::vector<DimId> shape = a.dims;
    shape.insert(shape.end(), d.dims.begin(), d.dims.end());
    if (shape.size() > kMaxRank) return w.fail(sema_error("rank-too-large"), c.call.span, "an array has at most 32 axes"), Val{};
    std::vector<int> axes(a.dims.size());
    std::iota(axes.begin(), axes.end(), 0);
    axes.insert(axes.end(), d.dims.size(), -1);
    const Val operands[2] = {w.value(w.b().view(x, permute_map(w.a_.m, a, axes, shape), w.loc(c.call.span))), w.value(y)};
    const ExprId exprs[2] = {c.args[0].expr, c.args[1].expr};
    return w.elementwise("mul"_op, operands, exprs, c.call.span);
  }

  // ---- shapes

  static Val transpose(Lowering& w, const BuiltinCall& c) {
    const ValueId x = array(w, c, 0);
    if (!x) return {};
    std::vector<int> axes(static_cast<size_t>(w.b().type(x).rank()));
    std::iota(axes.rbegin(), axes.rend(), 0);
    if (c.args.size() == 1) return w.value(w.b().transpose(x, axes, w.loc(c.call.span)));
    const Expr& list = w.ast_[w.ast_.strip_parens(c.args[1].expr)];
    std::vector<int> given;
    if (list.kind == ExprKind::array)
      for (const Arg& a : w.ast_[list.args]) {
        const auto d = w.as_size(w.lower(a.value));
        given.push_back(static_cast<int>(d ? w.dims().as_constant(*d).value_or(-1) : -1));
      }
    if (!std::is_permutation(given.begin(), given.end(), axes.begin(), axes.end())) {
      w.fail(sema_error("bad-axis"), c.args[1].span, fmt::format("the axes of `transpose` are a list of 0 to {}, each once", axes.size() - 1));
      return {};
    }
    return w.value(w.b().transpose(x, given, w.loc(c.call.span)));
  }

  /// Sizes written as `f[a, b]()`, `f(a, b)` or `f([a, b])`; `n_args` of the arguments are sizes.
  static std::optional<std::vector<DimId>> shape(Lowering& w, const BuiltinCall& c, size_t first, size_t n_args) {
    std::vector<ExprId> exprs;
    if (c.sizes) {
      for (const Arg& a : w.ast_[c.sizes->args]) {
        if (a.kind != ArgKind::value) return w.fail(sema_error("not-a-size"), a.span, "this is not a size"), std::nullopt;
        exprs.push_back(a.value);
      }
    }
    for (size_t k = first; k < first + n_args; ++k) {
      const Expr& e = w.ast_[w.ast_.strip_parens(c.args[k].expr)];
      if (e.kind == ExprKind::array)
        for (const Arg& a : w.ast_[e.args]) exprs.push_back(a.value);
      else exprs.push_back(c.args[k].expr);
    }
    std::vector<DimId> sizes;
    bool ok = true;
    for (ExprId e : exprs) {
      sizes.push_back(w.lower_size(e));
      bool proven = true;
      if (sizes.back() && !w.require(sizes.back(), sizes.back(), w.ast_[e].span, proven, SizeCheck::Kind::size)) {
        w.fail(sema_error("not-a-size"), w.ast_[e].span, fmt::format("a size is not negative, and this is {}", w.dims().text(sizes.back())));
        ok = false;
      }
      ok = ok && sizes.back();
    }
    if (ok && sizes.size() > kMaxRank) return w.fail(sema_error("rank-too-large"), c.call.span, "an array has at most 32 axes"), std::nullopt;
    return ok ? std::optional(sizes) : std::nullopt;
  }

  static Val reshape(Lowering& w, const BuiltinCall& c) {
    const ValueId x = w.make(c.args[0].val, c.args[0].span);
    const auto sizes = shape(w, c, 1, c.args.size() - 1);
    if (!x || !sizes) return {};
    const Type t = w.b().type(x);
    const DimId before = w.product_of(t.dims), after = w.product_of(*sizes);
    if (t.is_tuple() || !before || before != after) {
      Diagnostic& d = w.fail(sema_error("reshape-count"), c.call.span,
                             fmt::format("`reshape` of {} elements to {}", w.dims().text(before), w.dims().text(after)));
      w.label_operand(d, c.args[0].val, c.args[0].expr);
      w.label_sizes(d, before), w.label_sizes(d, after);
      return {};
    }
    return w.value(w.b().reshape(x, *sizes, w.loc(c.call.span)));
  }

  static Val random(Lowering& w, const BuiltinCall& c) {
    const size_t first = std::string_view(c.row.name) == "bernoulli" ? 2 : 1;
    if (c.args.size() == first) return w.draw(c, std::nullopt);
    const auto sizes = shape(w, c, first, c.args.size() - first);
    return sizes ? w.draw(c, sizes) : Val{};
  }
  static Val split(Lowering& w, const BuiltinCall& c) {
    const auto sizes = shape(w, c, 1, 1);
    return sizes ? w.split_key(c, *sizes) : Val{};
  }
  static Val fold(Lowering& w, const BuiltinCall& c) { return w.fold_key(c); }

  static Val fill(Lowering& w, const BuiltinCall& c) {
    const std::string_view name = c.row.name;
    const bool has_value = name == "full";
    if (has_value && c.args.empty()) return w.fail(sema_error("argument-count"), c.call.mark, "`full` wants sizes and a value"), Val{};
    const auto sizes = shape(w, c, 0, c.args.size() - (has_value ? 1 : 0));
    if (!sizes) return {};
    const Span span = c.call.span;
    if (has_value) {
      const Argument& x = c.args.back();
      if (!x.val) return {};
      if (!w.shape_of(x.val).dims.empty() || x.val.kind == Val::Kind::function || w.shape_of(x.val).dtype == DType::tuple)
        return w.fail(sema_error("rank-mismatch"), x.span, fmt::format("the value of `full` is a scalar, and `{}` is {}", w.code(x.expr), w.type_text(x.val))), Val{};
      if (x.val.kind != Val::Kind::flex) {
        const ValueId id = w.make(x.val, x.span);
        return id ? w.value(w.b().broadcast(id, *sizes, w.loc(span))) : Val{};
      }
    }
    const Val element = has_value ? c.args.back().val : w.integer(name == "ones" ? 1 : 0, span);
    Flex node;
    node.kind = Flex::Kind::fill, node.operands = {element.flex}, node.dims = *sizes, node.loc = w.loc(span);
    node.fixed = w.flex(element).fixed, node.wants_float = w.flex(element).wants_float, node.prefers_float = true;
    return w.add_flex(std::move(node));
  }

  static Val eye(Lowering& w, const BuiltinCall& c) {
    auto sizes = shape(w, c, 0, c.args.size());
    if (!sizes) return {};
    if (sizes->size() == 1) sizes->push_back((*sizes)[0]);
    if (sizes->size() != 2) return w.fail(sema_error("argument-count"), c.call.mark, "`eye` takes one or two sizes"), Val{};
    Flex node;
    node.kind = Flex::Kind::eye, node.dims = *sizes, node.prefers_float = true, node.loc = w.loc(c.call.span);
    return w.add_flex(std::move(node));
  }

  // ---- joining and order

  static Val stack(Lowering& w, const BuiltinCall& c) {
    std::vector<Val> values;
    std::vector<ExprId> exprs;
    for (const Argument& a : c.args) {
      if (!a.val) return {};
      if (a.val.kind == Val::Kind::function) return w.make(a.val, a.span), Val{};
      values.push_back(a.val), exprs.push_back(a.expr);
    }
    const Val rows = w.stack_values(values, exprs, c.call.span);
    if (!rows) return {};
    const int rank = static_cast<int>(w.shape_of(rows).dims.size()), k = axis(w, c, rank);
    if (k == -2) return {};
    if (k <= 0) return rows;
    std::vector<int> axes;
    for (int r = 1; r < rank; ++r) axes.push_back(r);
    axes.insert(axes.begin() + k, 0);
    const ValueId x = w.make(rows, c.call.span);
    return x ? w.value(w.b().transpose(x, axes, w.loc(c.call.span))) : Val{};
  }

  /// The sum of its parts, each read through a guarded view that gives 0 outside of the part: linear, and no copy.
  static Val concat(Lowering& w, const BuiltinCall& c) {
    std::vector<ValueId> parts;
    std::optional<DType> dtype;
    for (const Argument& a : c.args) {
      if (!a.val) return {};
      const Shape s = w.shape_of(a.val);
      if (!s.is_flexible && (!dtype || is_float(s.dtype))) dtype = s.dtype;
    }
    for (size_t k = 0; k < c.args.size(); ++k) {
      const Argument& a = c.args[k];
      if (w.shape_of(a.val).dims.empty()) return array(w, c, k), Val{};
      parts.push_back(w.make(a.val, a.span, dtype));
      if (!parts.back()) return {};
    }
    const Type first = w.b().type(parts[0]);
    int along = axis(w, c, first.rank());
    if (along == -2) return {};
    if (along < 0) along = 0;
    const auto at = static_cast<size_t>(along);
    DimId total = w.dims().constant(0);
    for (size_t k = 0; k < parts.size(); ++k) {
      Type t = w.b().type(parts[k]);
      Type same = first;
      const bool has_axis = t.rank() == first.rank();
      if (has_axis) total = w.dims().add(total, t.dims[at]), same.dims[at] = t.dims[at];
      if (has_axis && t == same && !t.is_tuple() && t.dtype != DType::b1) continue;
      Diagnostic& d = w.fail(sema_error("shape-mismatch"), c.args[k].span,
                             fmt::format("`concat` joins numbers that agree in all axes but {}: here are {} and {}", along,
                                         w.type_text(c.args[0].val), w.type_text(c.args[k].val)));
      w.label_operand(d, c.args[0].val, c.args[0].expr), w.label_operand(d, c.args[k].val, c.args[k].expr);
      return {};
    }
    if (!w.size_too_large(total, c.call.span)) return {};
    const Loc l = w.loc(c.call.span);
    ValueId sum;
    DimId start = w.dims().constant(0);
    for (ValueId part : parts) {
      const Type t = w.b().type(part);
      ViewMap map = broadcast_map(w.a_.m, t, {});
      map.dims[at] = total, map.guarded = true;
      map.offsets[at] = w.dims().sub(w.dims().constant(0), start);
      const ValueId padded = parts.size() == 1 ? part : w.b().view(part, map, l);
      sum = sum ? w.b().op("add"_op, {sum, padded}, l) : padded;
      start = w.dims().add(start, t.dims[at]);
    }
    return w.value(sum);
  }

  static Val flip(Lowering& w, const BuiltinCall& c) {
    const ValueId x = array(w, c, 0);
    if (!x) return {};
    const Type t = w.b().type(x);
    const int only = axis(w, c, t.rank());
    if (only == -2) return {};
    ViewMap map = broadcast_map(w.a_.m, t, {});
    for (int k = 0; k < t.rank(); ++k) {
      if (only >= 0 && k != only) continue;
      map.at(k, k) = -1;
      map.offsets[static_cast<size_t>(k)] = w.dims().sub(t.dims[static_cast<size_t>(k)], w.dims().constant(1));
    }
    return w.value(w.b().view(x, map, w.loc(c.call.span)));
  }

  static Val cumsum(Lowering& w, const BuiltinCall& c) {
    const ValueId x = array(w, c, 0);
    if (!x) return {};
    const Type t = w.b().type(x);
    int k = axis(w, c, t.rank());
    if (k == -2) return {};
    if (k < 0 && t.rank() > 1) return w.fail(sema_error("bad-axis"), c.call.span, fmt::format("`cumsum` of {} wants an `axis`", w.type_text(c.args[0].val))), Val{};
    if (t.dtype == DType::b1 || t.is_tuple())
      return w.fail(sema_error("type-mismatch"), c.args[0].span, fmt::format("`cumsum` adds numbers, and this is {}", w.type_text(c.args[0].val))), Val{};
    return w.value(w.b().cumsum(x, std::max(k, 0), false, w.loc(c.call.span)));
  }

  // ---- written in dlc

  static Val along_last(Lowering& w, const BuiltinCall& c) {
    const ValueId x = array(w, c, 0);
    if (!x) return {};
    const int rank = w.b().type(x).rank(), k = axis(w, c, rank);
    if (k == -2) return {};
    const ValueId y = w.over_axis(c.row.name, x, k < 0 ? rank - 1 : k, c.call.span);
    return y ? w.value(y) : Val{};
  }

  static Val layer_norm(Lowering& w, const BuiltinCall& c) {
    const ValueId x = array(w, c, 0);
    if (!x) return {};
    const int rank = w.b().type(x).rank(), k = axis(w, c, rank);
    if (k == -2) return {};
    if (c.args.size() > 1 && k >= 0 && k != rank - 1)
      return w.fail(sema_error("bad-argument"), c.axis->span, "scale and shift of `layer_norm` belong to the last axis"), Val{};
    const ValueId y = w.over_axis(c.row.name, x, k < 0 ? rank - 1 : k, c.call.span);
    Val v = y ? w.value(y) : Val{};
    for (size_t j = 1; v && j < c.args.size(); ++j) {
      const Val operands[] = {v, c.args[j].val};
      const ExprId exprs[] = {c.args[0].expr, c.args[j].expr};
      v = c.args[j].val ? w.elementwise(j == 1 ? "mul"_op : "add"_op, operands, exprs, c.call.span) : Val{};
    }
    return v;
  }

  static Val norm(Lowering& w, const BuiltinCall& c) {
    if (c.axis) return along_last(w, c);
    const ValueId x = array(w, c, 0);
    const ValueId flat = x ? w.flatten(x, static_cast<size_t>(w.b().type(x).rank()), c.call.span) : x;
    const ValueId y = flat ? w.over_axis("norm", flat, 0, c.call.span) : flat;
    return y ? w.value(y) : Val{};
  }

  /// The leaves of a struct, of a layer's parameters say, are its elements.
  static Val l2(Lowering& w, const BuiltinCall& c) {
    const Loc l = w.loc(c.call.span);
    ValueId total;
    for (const Argument& a : c.args) {
      const ValueId x = w.make(a.val, a.span, w.shape_of(a.val).is_flexible ? std::optional(w.default_float()) : std::nullopt);
      if (!x) return {};
      if (!w.types().all_float(w.b().type_id(x))) {
        w.fail(sema_error("type-mismatch"), a.span, fmt::format("`l2` wants floats, and `{}` is {}", w.code(a.expr), w.type_text(a.val)));
        return {};
      }
      std::vector<ValueId> leaves;
      add_leaves(w.b(), x, l, leaves);
      for (ValueId leaf : leaves) {
        const Type t = w.b().type(leaf);
        std::vector<int> axes(t.dims.size());
        std::iota(axes.begin(), axes.end(), 0);
        const ValueId square = w.b().op("mul"_op, {leaf, leaf}, l), sum = axes.empty() ? square : w.b().sum(square, axes, l);
        if (total && w.b().type(total).dtype != t.dtype) {
          w.fail(sema_error("mixed-floats"), a.span, "the arguments of `l2` are of different precision");
          return {};
        }
        total = total ? w.b().op("add"_op, {total, sum}, l) : sum;
      }
    }
    return w.value(total);
  }

  static Val one_hot(Lowering& w, const BuiltinCall& c) {
    const auto sizes = shape(w, c, 1, c.args.size() - 1);
    const Argument& i = c.args[0];
    if (!i.val || !sizes) return {};
    const Shape s = w.shape_of(i.val);
    if (s.dtype != DType::i64 || !s.dims.empty() || i.val.kind == Val::Kind::function || sizes->size() != 1) {
      w.fail(sema_error("type-mismatch"), i.span, fmt::format("`one_hot` takes an int and one size, and `{}` is {}", w.code(i.expr), w.type_text(i.val)));
      return {};
    }
    const Span span = c.call.span;
    const ValueId at = w.make(i.val, i.span);
    if (!at) return {};
    Flex leaf;
    leaf.kind = Flex::Kind::leaf, leaf.fixed = DType::b1, leaf.dims = *sizes, leaf.loc = w.loc(span);
    leaf.leaf = w.value(w.b().op("eq"_op, {w.b().iota((*sizes)[0], w.loc(span)), at}, w.loc(span)));
    Flex node;
    node.operands = {w.add_flex(std::move(leaf)).flex, w.integer(1, span).flex, w.integer(0, span).flex};
    node.kind = Flex::Kind::op, node.op = "select"_op, node.prefers_float = true, node.dims = *sizes, node.loc = w.loc(span);
    return w.add_flex(std::move(node));
  }
};

namespace {

constexpr const char* kOfVector = "[n](x: float[n])";
constexpr const char* kOfTwoVectors = "[n](a: float[n], b: float[n])";

constexpr BuiltinRow kRows[] = {
    {"sum", "sum(x, axis = k)", 1, 1, true, true, Builtins::reduction, "Sum of all elements, or along an axis; 0 of none.", "", kOfVector},
    {"prod", "prod(x, axis = k)", 1, 1, true, true, Builtins::reduction, "Product of all elements, or along an axis; 1 of none.", "", kOfVector},
    {"max", "max(x, axis = k), max(a, b)", 1, 2, true, true, Builtins::extreme, "Largest element, or the larger of two; ties share the derivative.", "", kOfVector},
    {"min", "min(x, axis = k), min(a, b)", 1, 2, true, true, Builtins::extreme, "Smallest element, or the smaller of two; ties share the derivative.", "", kOfVector},
    {"mean", "mean(x, axis = k)", 1, 1, true, true, Builtins::reduction, "Mean of all elements, or along an axis.", "", kOfVector},
    {"any", "any(x, axis = k)", 1, 1, true, true, Builtins::reduction, "True where some element is; false of none."},
    {"all", "all(x, axis = k)", 1, 1, true, true, Builtins::reduction, "True where every element is; true of none."},
    {"argmax", "argmax(x, axis = k)", 1, 1, true, true, Builtins::reduction, "Position of the first largest element, row-major without an axis."},
    {"argmin", "argmin(x, axis = k)", 1, 1, true, true, Builtins::reduction, "Position of the first smallest element, row-major without an axis."},
    {"logsumexp", "logsumexp(x, axis = k)", 1, 1, true, true, Builtins::along_last, "log of the sum of exp along the last axis, without overflow.", "", kOfVector},
    {"softmax", "softmax(x, axis = k)", 1, 1, true, false, Builtins::along_last, "exp(x) over its sum along the last axis, without overflow.", "", kOfVector},
    {"log_softmax", "log_softmax(x, axis = k)", 1, 1, true, false, Builtins::along_last, "log of softmax along the last axis, to full accuracy.", "", kOfVector},
    {"norm", "norm(x, axis = k)", 1, 1, true, false, Builtins::norm, "Euclidean norm of all elements, or along an axis; derivative 0 at 0.", "", kOfVector},
    {"l2", "l2(a, b, …)", 1, -1, false, false, Builtins::l2, "Sum of the squares of all elements of all arguments, which may be structs of arrays; no ½.", "", kOfVector},
    {"dot", "dot(a, b)", 2, 2, false, false, Builtins::dot, "Sum of products of two vectors.", "", kOfTwoVectors},
    {"outer", "outer(a, b)", 2, 2, false, false, Builtins::outer, "All products of an element of a and one of b.", "", "[n, m](a: float[n], b: float[m])"},
    {"transpose", "transpose(x), transpose(x, [1, 0, 2])", 1, 2, false, false, Builtins::transpose, "The axes in reverse, or in the given order.", "", "[n, m](x: float[n, m])"},
    {"reshape", "reshape(x, [n, m])", 2, -1, false, false, Builtins::reshape, "The same elements in row-major order with other sizes."},
    {"concat", "concat(a, b, axis = 0)", 1, -1, true, false, Builtins::concat, "Arrays one after the other along an axis."},
    {"stack", "stack(a, b, axis = 0)", 1, -1, true, false, Builtins::stack, "Values of one shape along a new axis."},
    {"flip", "flip(x, axis = k)", 1, 1, true, false, Builtins::flip, "All axes backwards, or one.", "", kOfVector},
    {"cumsum", "cumsum(x, axis = k)", 1, 1, true, false, Builtins::cumsum, "Running sum along an axis.", "", kOfVector},
    {"zeros", "zeros(n, m), zeros[n, m]()", 0, -1, false, false, Builtins::fill, "An array of zeros of the given sizes."},
    {"ones", "ones(n, m), ones[n, m]()", 0, -1, false, false, Builtins::fill, "An array of ones of the given sizes."},
    {"full", "full(n, m, x), full[n, m](x)", 1, -1, false, false, Builtins::fill, "An array of the given sizes, every element x."},
    {"eye", "eye(n), eye(n, m)", 0, 2, false, false, Builtins::eye, "Ones on the diagonal, zeros elsewhere."},
    {"uniform", "uniform(k, [n, m])", 1, 2, false, false, Builtins::random, "Numbers in [0, 1) from a key; without sizes one."},
    {"normal", "normal(k, [n, m])", 1, 2, false, false, Builtins::random, "Standard normal numbers from a key; without sizes one."},
    {"bernoulli", "bernoulli(k, p, [n, m])", 2, 3, false, false, Builtins::random, "1 with probability p, else 0, from a key; without sizes as p is."},
    {"split", "split(k, n)", 2, 2, false, false, Builtins::split, "n keys from one; each is independent of the others."},
    {"fold", "fold(k, i)", 2, 2, false, false, Builtins::fold, "Key i of those that `split` gives, with an int i: one for each step of a loop."},
    {"one_hot", "one_hot(i, n)", 1, 2, false, false, Builtins::one_hot, "Zeros of size n with a one at position i; all zeros where i is no position."},
    {"layer_norm", "layer_norm(x, axis = k), layer_norm(x, scale, shift)", 1, 3, true, false, Builtins::layer_norm,
     "Less the mean, over the standard deviation, along the last axis; then times `scale` plus `shift`.", "", kOfVector},
    {"conv2d", "conv2d(x, k, bias = b, stride = 1, pad = 0)", 2, 2, false, false, lower_conv2d,
     "Of an image [C, H, W] and kernels [O, C, h, w]: [O, …], the sums of products at every position; beside the image it is 0.", "bias stride pad"},
    {"max_pool2d", "max_pool2d(x, size, stride = size)", 2, 2, false, false, lower_pool2d,
     "Of an image [C, H, W], the largest element of each window of size × size; what no window covers is left out.", "stride"},
    {"avg_pool2d", "avg_pool2d(x, size, stride = size)", 2, 2, false, false, lower_pool2d,
     "Of an image [C, H, W], the mean of each window of size × size; what no window covers is left out.", "stride"},
    {"embedding", "embedding(table, at)", 2, 2, false, false, lower_embedding, "Rows of a table by an int or an array of them: table[at]."},
    {"solve", "solve(A, b)", 2, 2, false, false, lower_solve,
     "x with A @ x = b, of a vector or the columns of a matrix, by LU with partial pivoting; inf or nan where A is singular.", "", "[n](A: float[n, n], b: float[n])"},
    {"triangular_solve", "triangular_solve(L, b, upper = false)", 2, 2, false, false, lower_triangular_solve,
     "x with L @ x = b, of a vector or the columns of a matrix; of L only the lower triangle is read, or only the upper one.", "upper"},
};

}  // namespace

std::span<const BuiltinRow> builtin_rows() { return kRows; }

const BuiltinRow* find_builtin(std::string_view name) {
  for (const BuiltinRow& row : kRows)
    if (name == row.name) return &row;
  return nullptr;
}

const Argument* BuiltinCall::option(std::string_view name) const {
  for (const Argument& a : named)
    if (lowering.str(a.name.id) == name) return &a;
  return nullptr;
}

namespace {
/// Of "stride pad".
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}
}  // namespace

Val Lowering::call_array(const BuiltinRow& row, const Expr* sizes, const Expr& call, TypeId want) {
  std::vector<Argument> all, positional, named;
  const Argument* axis = nullptr;
  const std::vector<std::string_view> options = words_of(row.options);
  const auto is_known = [&](const Argument& a) { return std::find(options.begin(), options.end(), str(a.name.id)) != options.end(); };
  // Lists of sizes are read as sizes by the row itself; an array literal among the arguments costs nothing.
  if (!lower_arguments(call, nullptr, all)) return {};
  const auto n_given = std::count_if(all.begin(), all.end(), [](const Argument& a) { return !a.name; });
  for (Argument& a : all) {
    const size_t n_options = a.name ? 0 : positional.size() + named.size() - static_cast<size_t>(row.min_args);
    const bool is_option = !a.name && row.max_args == row.min_args && std::ssize(positional) == row.max_args && n_options < options.size();
    if (is_option) a.name = {a_.m.strings.intern(options[n_options]), a.span};  // those by name come after those by position
    if (!a.name) {
      positional.push_back(a);
    } else if (row.has_axis && str(a.name.id) == "axis" && !axis) {
      axis = &a;
    } else if (is_known(a) && std::none_of(named.begin(), named.end(), [&](const Argument& n) { return n.name.id == a.name.id; })) {
      named.push_back(a);
    } else {
      const bool is_again = (axis && str(a.name.id) == "axis") || is_known(a);
      fail(is_again ? sema_error("duplicate-argument") : sema_error("unknown-argument"), a.name.span,
           is_again ? fmt::format("`{}` is given its {} twice", row.name, str(a.name.id)) : fmt::format("`{}` has no argument `{}`", row.name, str(a.name.id)))
          .help(fmt::format("it is used as `{}`", row.usage));
      return {};
    }
  }
  const int n = static_cast<int>(positional.size());
  if (n < row.min_args || (row.max_args >= 0 && n > row.max_args)) {
    const std::string wanted = row.max_args == row.min_args ? std::to_string(row.min_args)
                               : row.max_args < 0           ? fmt::format("at least {}", row.min_args)
                                                            : fmt::format("{} or {}", row.min_args, row.max_args);
    fail(sema_error("argument-count"), call.mark, fmt::format("`{}` takes {} argument{}, not {}", row.name, wanted, wanted == "1" ? "" : "s", n_given))
        .help(fmt::format("it is used as `{}`", row.usage));
    return {};
  }
  if (!func_ && row.lower != Builtins::fill && row.lower != Builtins::eye)
    return fail(sema_error("const-not-constant"), call.span, "this is not a constant expression"), Val{};
  if (sizes && row.lower != Builtins::fill && row.lower != Builtins::eye && row.lower != Builtins::reshape && row.lower != Builtins::one_hot) {
    fail(sema_error("size-count"), sizes->mark, fmt::format("`{}` takes no sizes", row.name));
    return {};
  }
  return row.lower(*this, {*this, row, positional, axis, named, sizes, call, want});
}

}  // namespace dlc::sema
