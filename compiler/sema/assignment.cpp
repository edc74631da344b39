// Assignment to elements and fields: `v[i, j] = e`, `v[0..3] = e`, `s.h = e`, `s.h[i] = e`. Values do not change, so the
// variable is bound to an array or tuple with another element or field.
#include <algorithm>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {

/// `base` with `v` where the subscripts of `target` point to. Of ranges and `:` before the last other subscript every
/// position is written out, as arrays of subscripts of one shape.
Val Lowering::stored(const Val& base, const Expr& target, const Val& v, Span span) {
  auto subs = lower_subscripts(base, target);
  if (!subs || !v) return {};
  while (!subs->empty() && subs->back().kind == Subscript::Kind::all) subs->pop_back();
  const Type array = types()[base.type];
  const Loc l = loc(target.span);
  std::vector<bool> moves;
  bool guarded = false;
  if (!check_subscripts(array.dims, *subs, base.origin, moves, guarded)) return {};
  Bounds bounds = guarded ? Bounds::checked : Bounds::inside;
  std::vector<DimId> shape;  // of the subscripts
  for (size_t k = 0; k < subs->size(); ++k) {
    const Subscript& s = (*subs)[k];
    if (s.kind == Subscript::Kind::slice) shape.push_back(s.range.extent);
    if (s.kind == Subscript::Kind::all) shape.push_back(array.dims[k]);
    if (s.kind == Subscript::Kind::value) {
      bounds = Bounds::checked;
      if (!shape_of(s.value).dims.empty()) return unsupported(s.span, "assignments through an array of subscripts are"), Val{};
    }
  }
  std::vector<ValueId> positions;
  size_t axis = 0;
  for (const Subscript& s : *subs) {
    const bool is_range = s.kind == Subscript::Kind::slice || s.kind == Subscript::Kind::all;
    ValueId at = s.kind == Subscript::Kind::all ? ValueId{} : start_of(s, l);
    if (is_range) {
      ValueId steps = b().iota(shape[axis], l);
      if (s.kind == Subscript::Kind::slice && s.range.step != 1) steps = b().op("mul"_op, {steps, b().constant_int(s.range.step, l)}, l);
      if (at) steps = b().op("add"_op, {steps, at}, l);
      std::vector<int> axes(shape.size(), -1);
      axes[axis++] = 0;
      at = b().view(steps, permute_map(a_.m, b().type(steps), axes, shape), l);
    } else {
      at = b().broadcast(at, shape, l);
    }
    positions.push_back(at);
  }
  std::vector<DimId> rest(array.dims.begin() + static_cast<ptrdiff_t>(subs->size()), array.dims.end());
  shape.insert(shape.end(), rest.begin(), rest.end());
  const ValueId stored_value = coerce(v, types().array(array.dtype, shape), span, fmt::format("`{}`", a_.sources.text(target.span)), true);
  const ValueId x = make(base, target.span);
  return stored_value && x ? value(b().put(x, stored_value, positions, bounds, l)) : Val{};
}

/// `base` with another field.
Val Lowering::with_field(const Val& base, const Expr& target, const Val& v, Span span) {
  const int position = field_position(base, target);
  if (position < 0) return {};
  const Type t = types()[base.type];
  std::vector<ValueId> fields;
  for (int k = 0; k < static_cast<int>(t.fields.size()); ++k) {
    fields.push_back(k == position ? coerce(v, t.fields[static_cast<size_t>(k)].type, span, fmt::format("the field `{}`", str(target.name)), true)
                                   : b().get(make(base, span), k, loc(span)));
    if (!fields.back()) return {};
  }
  return value(b().tuple(fields, base.type, loc(span)));
}

void Lowering::assign_to(ExprId target, Val v, Span span) {
  const Expr& e = ast_[ast_.strip_parens(target)];
  if (e.kind == ExprKind::tuple) {
    const size_t n = static_cast<size_t>(e.args.count);
    const size_t n_fields = v.kind == Val::Kind::value ? types()[v.type].fields.size() : 0;
    if (v && n != n_fields) {
      fail(sema_error("pattern-arity"), e.span, n_fields ? fmt::format("the pattern has {} names, and the tuple has {} fields: {}", n, n_fields, type_text(v))
                                                         : fmt::format("the pattern takes apart a tuple, and this is {}", type_text(v)));
      return;
    }
    const ValueId tuple = v ? make(v, span) : ValueId{};
    for (size_t k = 0; k < n; ++k)
      assign_to(ast_[e.args][k].value, tuple ? value(b().get(tuple, static_cast<int>(k), loc(span))) : Val{}, span);
    return;
  }
  if (e.kind == ExprKind::index || e.kind == ExprKind::field) {
    Val base = lower(e.a);
    if (base.kind == Val::Kind::flex) {  // `zeros(n)` of no type yet takes that of what is stored
      const Shape s = shape_of(v), own = shape_of(base);
      const bool takes = v && (is_float(s.dtype) || s.dtype == DType::i64) && !s.is_flexible;
      const auto otherwise = own.is_flexible && is_float(own.dtype) ? std::optional(default_float()) : std::nullopt;
      const ValueId id = make(base, span, takes && !(own.wants_float && s.dtype == DType::i64) ? std::optional(s.dtype) : otherwise);
      base = id ? value(id) : Val{};
    }
    if (!base || !v) return static_cast<void>(failed_ = true);
    const Val whole = e.kind == ExprKind::index ? stored(base, e, v, span) : with_field(base, e, v, span);
    if (!whole) return static_cast<void>(failed_ = true);
    return assign_to(e.a, whole, span);
  }
  Binding* binding = find(e.name);
  if (!binding) {
    lookup(e.name, e.span);
    if (!failed_) fail(sema_error("assignment-to-let"), e.span, fmt::format("`{}` is not a `var`", str(e.name)));
    return;
  }
  if (binding->kind != Binding::Kind::var) {
    fail(sema_error("assignment-to-let"), e.span, fmt::format("`{}` is not a `var`", str(e.name)))
        .label(binding->span, "declared here")
        .help(binding->kind == Binding::Kind::let ? fmt::format("declare it by `var {} = …`", str(e.name)) : fmt::format("bind a new name: `var {}_new = …`", str(e.name)));
    return;
  }
  for (size_t k = binding->depth; k < regions_.size(); ++k)
    if (regions_[k].is_map) {
      fail(sema_error("assignment-in-index"), e.span, fmt::format("`{}` is assigned for every index at once", str(e.name)))
          .label(binding->span, "declared outside of the index notation")
          .help("use a `for` loop, or a reduction such as `sum[i](…)`");
      return;
    }
  const bool was_set = binding->is_set;
  binding->is_set = true;
  if (binding->type && v) {
    const TypeId type = binding->type;
    const ValueId id = coerce(v, type, span, fmt::format("the `var` `{}`", str(e.name)), !was_set);
    v = id ? value(id) : Val{};
  }
  binding = find(e.name);
  binding->val = v;
  if (!binding->type && v.kind == Val::Kind::value) binding->type = v.type;
}

void Lowering::lower_assign(const Stmt& s) {
  const ExprId target = ast_.strip_parens(s.target);
  const Binding* binding = ast_[target].kind == ExprKind::name ? find(ast_[target].name) : nullptr;
  const TypeId want = binding ? binding->type : TypeId{};
  const Expr& source = ast_[ast_.strip_parens(s.value)];
  if (s.op == SyntaxOp::none && ast_[target].kind == ExprKind::tuple && source.kind == ExprKind::tuple && source.args.count == ast_[target].args.count) {
    std::vector<Val> values;  // all of them first: `(a, b) = (b, a)` swaps
    for (const Arg& a : ast_[source.args]) values.push_back(lower(a.value));
    for (size_t k = 0; k < values.size(); ++k) assign_to(ast_[ast_[target].args][k].value, values[k], ast_[source.args][k].span);
    return;
  }
  Val v = lower(s.value, want);
  if (s.op != SyntaxOp::none) {
    Expr e;
    e.kind = ExprKind::binary, e.op = s.op, e.a = s.target, e.b = s.value, e.span = s.span, e.mark = s.mark;
    v = binary(e, lower(s.target), v);
  }
  if (v.kind == Val::Kind::function) make(v, ast_[s.value].span), v = {};
  if (v.kind == Val::Kind::size) {
    const ValueId id = make(v, s.span);
    v = id ? value(id) : Val{};
  }
  assign_to(s.target, v, ast_[s.value].span);
}

}  // namespace dlc::sema
