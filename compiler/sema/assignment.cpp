// Assignment to elements and fields: `v[i, j] = e`, `v[0..3] = e`, `s.h = e`, `s.h[i] = e`. Values do not change, so the
// variable is bound to an array or tuple with another element or field.
#include <algorithm>

#include <fmt/format.h>

#include "ir/form.h"
#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {

/// `base` with `v` where the subscripts of `target` point to, or (`op` is add_at) added there. Of ranges and `:` before the
/// last other subscript every position is written out, as arrays of subscripts of one shape; arrays of subscripts, which have
/// one shape too, have their axes where the first of them stands, as where they are read.
Val Lowering::stored(const Val& base, const Expr& target, const Val& v, Span span, OpId op) {
  auto subs = lower_subscripts(base, target);
  if (!subs || !v) return {};
  while (!subs->empty() && subs->back().kind == Subscript::Kind::all) subs->pop_back();
  const Type array = types()[base.type];
  const Loc l = loc(target.span);
  std::vector<bool> moves;
  Bounds bounds = Bounds::inside;
  if (!check_subscripts(array.dims, *subs, base.origin, moves, bounds)) return {};
  if (bounds == Bounds::guarded) bounds = Bounds::checked;
  std::vector<DimId> shape, array_shape;  // of the positions; of the arrays of subscripts
  std::vector<size_t> first_axis;         // of each subscript, in `shape`
  std::optional<size_t> arrays_at;
  for (size_t k = 0; k < subs->size(); ++k) {
    const Subscript& s = (*subs)[k];
    const std::vector<DimId> own = s.value ? shape_of(s.value).dims : std::vector<DimId>{};
    if (s.value) bounds = Bounds::checked;
    if (!own.empty() && arrays_at && own != array_shape) {
      fail(sema_error("shape-mismatch"), target.span,
           fmt::format("the subscripts are arrays of different shapes: {} and {}", types().text(types().array(DType::i64, array_shape)), type_text(s.value)));
      return {};
    }
    first_axis.push_back(!own.empty() && arrays_at ? *arrays_at : shape.size());
    if (s.kind == Subscript::Kind::slice) shape.push_back(s.range.extent);
    if (s.kind == Subscript::Kind::all) shape.push_back(array.dims[k]);
    if (own.empty() || arrays_at) continue;
    arrays_at = shape.size(), array_shape = own;
    shape.insert(shape.end(), own.begin(), own.end());
  }
  if (shape.size() > kMaxRank) return fail(sema_error("rank-too-large"), span, "an array has at most 32 axes"), Val{};
  std::vector<ValueId> positions;
  for (size_t k = 0; k < subs->size(); ++k) {
    const Subscript& s = (*subs)[k];
    ValueId at = s.kind == Subscript::Kind::all ? ValueId{} : start_of(s, l);
    if (s.kind == Subscript::Kind::slice || s.kind == Subscript::Kind::all) {
      ValueId steps = b().iota(shape[first_axis[k]], l);
      if (s.kind == Subscript::Kind::slice && s.range.step != 1) steps = b().op("mul"_op, {steps, b().constant_int(s.range.step, l)}, l);
      at = at ? b().op("add"_op, {steps, at}, l) : steps;
    }
    std::vector<int> axes(shape.size(), -1);
    for (int r = 0; r < b().type(at).rank(); ++r) axes[first_axis[k] + static_cast<size_t>(r)] = r;
    positions.push_back(b().view(at, permute_map(a_.m, b().type(at), axes, shape), l));
  }
  std::vector<DimId> rest(array.dims.begin() + static_cast<ptrdiff_t>(subs->size()), array.dims.end());
  shape.insert(shape.end(), rest.begin(), rest.end());
  if (op != "put"_op && !is_float(array.dtype) && array.dtype != DType::i64) {
    fail(sema_error("type-mismatch"), target.span, fmt::format("numbers are changed so, and `{}` is {}", code(target.a), type_text(base)));
    return {};
  }
  Val given = v;
  if (op != "put"_op && is_float(array.dtype) && shape_of(v).dtype == DType::i64)
    if (const ValueId id = make(v, span, array.dtype)) given = value(id);  // an int beside a float, as by `+`
  const std::vector<DimId> own = shape_of(given).dims;
  const bool is_row = op != "put"_op && !own.empty() && own.size() < shape.size() && std::equal(own.rbegin(), own.rend(), shape.rbegin());
  if (is_row)  // as between two arrays
    if (const ValueId id = make(given, span, array.dtype)) given = value(b().broadcast(id, shape, l));
  const ValueId stored_value = coerce(given, types().array(array.dtype, shape), span, fmt::format("`{}`", a_.sources.text(target.span)), true);
  const ValueId x = make(base, target.span);
  if (!stored_value || !x) return {};
  if (op == "add_at"_op) return value(b().add_at(x, stored_value, positions, bounds, l));
  if (op != "put"_op) return scaled_one_by_one(x, stored_value, positions, op, l);
  if (arrays_at) keep_last(base.type, positions, l), bounds = Bounds::guarded;
  return value(b().put(x, stored_value, positions, bounds, l));
}

/// `v[at] *= e`: one place after the other, for one may be there more than once.
Val Lowering::scaled_one_by_one(ValueId x, ValueId factors, const std::vector<ValueId>& positions, OpId op, Loc l) {
  if (!size_too_large(product_of(b().type(positions[0]).dims), l.span)) return {};
  const auto scale = [&](Builder& step, ValueId array, ValueId factor, std::span<const ValueId> at) {
    return step.put(array, step.op(op, {step.index(array, at, Bounds::checked, l), factor}, l), at, Bounds::checked, l);
  };
  return value(b().for_each_place(x, factors, positions, scale, l));
}

/// A `put` has different positions (ops/array_adjoint.cpp relies on that), and arrays of subscripts may name one twice: the last
/// in order wins. Each writes its number at its position; who does not find it there stores nothing, at -1.
void Lowering::keep_last(TypeId array, std::vector<ValueId>& positions, Loc l) {
  const std::vector<DimId> shape = b().type(positions[0]).dims, dims = types()[array].dims;
  const std::vector<DimId> subscripted(dims.begin(), dims.begin() + static_cast<ptrdiff_t>(positions.size()));
  const ValueId number = places(shape, l.span);
  if (!number) return;
  const ValueId none = b().zeros(types().array(DType::i64, subscripted), l);
  const ValueId last = b().put(none, number, positions, Bounds::checked, l);
  const ValueId wins = b().op("eq"_op, {b().index(last, positions, Bounds::checked, l), number}, l);
  positions[0] = b().op("select"_op, {wins, positions[0], b().constant_int(-1, l)}, l);
}

/// Whether a subscript is an array of ints. What is made to find out is not used.
bool Lowering::has_array_subscript(const Expr& target) {
  Diagnostics scratch;
  Diagnostics* const real = std::exchange(a_.diagnostics, &scratch);
  const bool failed = failed_, stopped = stopped_;
  bool found = false;
  for (const Arg& a : ast_[target.args]) {
    if (a.kind != ArgKind::value || ast_[ast_.strip_parens(a.value)].kind == ExprKind::range) continue;
    const Val v = lower(a.value);
    found = found || (v && v.kind != Val::Kind::function && !shape_of(v).dims.empty());
  }
  a_.diagnostics = real;
  failed_ = failed, stopped_ = stopped;
  return found;
}

/// What `v[at]` has elements of.
DType Lowering::type_of_element(ExprId target) {
  const Val v = lower(ast_[ast_.strip_parens(target)].a);
  return v ? shape_of(v).dtype : DType::tuple;
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

/// `op`: what becomes of the elements that the target's subscripts point to, see `stored`.
void Lowering::assign_to(ExprId target, Val v, Span span, OpId op) {
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
      assign_to(ast_[e.args][k].value, tuple ? value(b().get(tuple, static_cast<int>(k), loc(span))) : Val{}, span, op);
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
    const Val whole = e.kind == ExprKind::index ? stored(base, e, v, span, op) : with_field(base, e, v, span);
    if (!whole) return static_cast<void>(failed_ = true);
    return assign_to(e.a, whole, span, "put"_op);
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
    for (size_t k = 0; k < values.size(); ++k) assign_to(ast_[ast_[target].args][k].value, values[k], ast_[source.args][k].span, "put"_op);
    return;
  }
  Val v = lower(s.value, want);
  // What is named twice by an array of subscripts is added to twice.
  const bool repeats = s.op != SyntaxOp::none && ast_[target].kind == ExprKind::index && has_array_subscript(ast_[target]);
  if (repeats && s.op == SyntaxOp::sub) {
    const Val args[] = {v};
    v = elementwise("neg"_op, args, std::span(&s.value, 1), s.span);
  } else if (repeats && s.op == SyntaxOp::div && type_of_element(s.target) == DType::i64) {
    fail(sema_error("int-division"), s.span, "`/=` between ints").help(fmt::format("write `{} = div({}, {})`, if no subscript is there twice", code(s.target), code(s.target), code(s.value)));
    return;
  } else if (s.op != SyntaxOp::none && !repeats) {
    Expr e;
    e.kind = ExprKind::binary, e.op = s.op, e.a = s.target, e.b = s.value, e.span = s.span, e.mark = s.mark;
    v = binary(e, lower(s.target), v);
  }
  if (v.kind == Val::Kind::function) make(v, ast_[s.value].span), v = {};
  if (v.kind == Val::Kind::size) {
    const ValueId id = make(v, s.span);
    v = id ? value(id) : Val{};
  }
  const bool scales = s.op == SyntaxOp::mul || s.op == SyntaxOp::div;
  assign_to(s.target, v, ast_[s.value].span, !repeats ? "put"_op : !scales ? "add_at"_op : s.op == SyntaxOp::mul ? "mul"_op : "div"_op);
}

}  // namespace dlc::sema
