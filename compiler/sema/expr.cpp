// Expressions other than calls and subscripts.
#include <fmt/format.h>

#include "ir/form.h"
#include "ops/table.h"
#include "sema/builtins.h"
#include "sema/lowering.h"

namespace dlc::sema {

Val Lowering::lower(ExprId id, TypeId want) {
  const Expr& e = ast_[id];
  switch (e.kind) {
    case ExprKind::error: return failed_ = true, Val{};
    case ExprKind::number: {
      const Number& n = ast_[e.number];
      return n.is_integer ? integer(n.integer, e.span) : number(n.value, e.span);
    }
    case ExprKind::boolean: {
      Flex node;
      node.kind = Flex::Kind::boolean, node.fixed = DType::b1, node.integer = e.flag, node.loc = loc(e.span);
      return add_flex(std::move(node));
    }
    case ExprKind::name: return lookup(e.name, e.span);
    case ExprKind::paren: return lower(e.a, want);
    case ExprKind::tuple: return lower_tuple(e, want);
    case ExprKind::array: return lower_array(e, want);
    case ExprKind::unary: return lower_unary(e, want);
    case ExprKind::binary: return lower_binary(id, want);
    case ExprKind::call: return lower_call(e, want);
    case ExprKind::index: return lower_subscript(e);
    case ExprKind::field: return lower_field(e);
    case ExprKind::if_: return lower_if(id, want);
    case ExprKind::block: return lower_branch(id, want);
    case ExprKind::function: return close_over(e.fn);
    case ExprKind::string: return fail(sema_error("bad-argument"), e.span, "a string is no value: only the entries of a `train` block have strings"), Val{};
    case ExprKind::bytes:
    case ExprKind::range: return fail(sema_error("bad-argument"), e.span, "a range is no value: it stands in a subscript, an index or a `for`"), Val{};
  }
  return {};
}

/// The left spine may be 100 000 long, so it is walked, not recursed into.
Val Lowering::lower_binary(ExprId id, TypeId want) {
  const std::vector<ExprId> spine = ast_.left_spine(id);
  Val left = lower(spine[0], want);
  for (size_t k = 1; k < spine.size(); ++k) {
    const Expr& e = ast_[spine[k]];
    if (const bool is_logical = e.op == SyntaxOp::and_ || e.op == SyntaxOp::or_; is_logical && func_ && left && reads_elements(e.b)) {
      const Shape s = shape_of(left);
      if (left.kind != Val::Kind::function && s.dtype == DType::b1 && s.dims.empty()) {
        left = lower_where_needed(e, left);
        continue;
      }
    }
    const Val right = lower(e.b);
    left = binary(e, left, right);
  }
  return left;
}

/// Whether something in it wants sizes or subscripts that fit: a subscript, or a call of anything but a function of scalars.
bool Lowering::reads_elements(ExprId id) {
  std::vector<ExprId> todo{id};
  while (!todo.empty()) {
    const Expr& e = ast_[todo.back()];
    todo.pop_back();
    if (e.kind == ExprKind::index) return true;
    if (e.kind == ExprKind::call) {
      const Expr& callee = ast_[ast_.strip_parens(e.a)];
      if (callee.kind != ExprKind::name || find(callee.name) || top_level(callee.name)) return true;
      if (find_builtin(str(callee.name)) && !is_collective(callee.name)) return true;
    }
    for (ExprId part : {e.a, e.b, e.c})
      if (part) todo.push_back(part);
    for (const Arg& a : ast_[e.args])
      if (a.value) todo.push_back(a.value);
  }
  return false;
}

/// `i < n and x[i] > 0` is `if i < n { x[i] > 0 } else { false }`, and `or` likewise, so that the subscript need hold only there.
Val Lowering::lower_where_needed(const Expr& e, const Val& left) {
  const bool is_and = e.op == SyntaxOp::and_;
  const ValueId condition = make(left, e.span);
  const Builder::IfBlocks blocks = b().begin_if({}, loc(e.span));
  regions_.push_back(guarded_region(blocks, e.a));
  regions_.back().in_second = !is_and;
  const Val right = lower(e.b);
  const bool is_bool = right && right.kind != Val::Kind::function && shape_of(right).dtype == DType::b1;
  bool ok = condition && is_bool;
  if (right && !is_bool) binary(e, left, right);  // which says what is wrong
  if (ok) {
    const TypeId type = types().array(DType::b1, shape_of(right).dims);
    Flex known;
    known.kind = Flex::Kind::boolean, known.fixed = DType::b1, known.integer = !is_and, known.loc = loc(e.span);
    for (bool is_second : {false, true}) {
      regions_.back().in_second = is_second;
      const ValueId result = coerce(is_second != is_and ? right : add_flex(known), type, e.span, "this operand", true);
      ok = ok && result;
      if (result) b().set_result(result);
    }
  }
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  regions_.pop_back();
  if (!ok) return failed_ = true, Val{};
  return value(b().end_if(blocks, condition, captures, loc(e.span)));
}

Val Lowering::lower_unary(const Expr& e, TypeId want) {
  const Val v = lower(e.a, want);
  if (!v) return {};
  // A negated number stays a number, so that `-1` can be a size, a subscript and an exponent.
  if (e.op == SyntaxOp::neg && v.kind == Val::Kind::flex && flex(v).kind == Flex::Kind::number && !flex(v).fixed) {
    const Flex& node = flex(v);
    if (!node.wants_float && node.integer != INT64_MIN) return integer(-node.integer, e.span);
    if (node.wants_float) return number(-node.number, e.span);
  }
  if (e.op == SyntaxOp::neg)
    if (auto fields = fieldwise("neg"_op, v, {}, e.span)) return *fields;
  return elementwise(e.op == SyntaxOp::neg ? "neg"_op : "not"_op, std::span(&v, 1), std::span(&e.a, 1), e.span);
}

Val Lowering::lower_tuple(const Expr& e, TypeId want) {
  std::vector<ValueId> values;
  std::vector<Field> fields;
  bool ok = true;
  const std::span<const Arg> args = ast_[e.args];
  const bool has_want = want && types()[want].is_tuple() && types()[want].fields.size() == args.size();
  for (size_t k = 0; k < args.size(); ++k) {
    const TypeId field_type = has_want ? types()[want].fields[k].type : TypeId{};
    const Val v = lower(args[k].value, field_type);
    ValueId id;
    if (field_type && v.kind == Val::Kind::flex && !types()[field_type].is_tuple() && is_float(types()[field_type].dtype))
      id = make(v, args[k].span, types()[field_type].dtype);
    else if (v) id = make(v, args[k].span);
    for (const Field& other : fields)
      if (args[k].name && other.name == args[k].name.id) {
        fail(sema_error("duplicate-name"), args[k].name.span, fmt::format("the field `{}` occurs twice", str(args[k].name.id)));
        ok = false;
      }
    ok = ok && id;
    values.push_back(id);
    fields.push_back({args[k].name.id, id ? a_.m[func_][id].type : TypeId{}});
  }
  if (!ok) return failed_ = true, Val{};
  const TypeId type = types().tuple(std::move(fields));
  return value(b().tuple(values, type, loc(e.span)));
}

Val Lowering::lower_array(const Expr& e, TypeId want) {
  const std::span<const Arg> args = ast_[e.args];
  if (args.empty()) return fail(sema_error("bad-argument"), e.span, "nothing tells what `[]` is an array of").help("write `zeros(0)`"), Val{};
  TypeId element;
  if (want && types()[want].rank() > 0) {
    const Type t = types()[want];
    element = types().array(t.dtype, {t.dims.begin() + 1, t.dims.end()});
  }
  std::vector<Val> values;
  std::vector<ExprId> exprs;
  bool ok = true;
  for (const Arg& a : args) {
    values.push_back(lower(a.value, element)), exprs.push_back(a.value);
    if (values.back().kind == Val::Kind::function) make(values.back(), a.span);
    ok = ok && values.back() && values.back().kind != Val::Kind::function;
  }
  return ok ? stack_values(values, exprs, e.span) : Val{};
}

/// Values of one type and shape along a new first axis; literals take the type of the others.
Val Lowering::stack_values(std::span<const Val> values, std::span<const ExprId> exprs, Span span) {
  std::optional<DType> dtype;
  bool all_flex = true, wants_float = false, prefers_float = false;
  for (const Val& v : values) {
    const Shape s = shape_of(v);
    all_flex = all_flex && v.kind == Val::Kind::flex && !flex(v).fixed;
    wants_float = wants_float || s.wants_float, prefers_float = prefers_float || s.prefers_float;
    if (!s.is_flexible && (!dtype || (*dtype == DType::i64 && is_float(s.dtype)))) dtype = s.dtype;
  }
  const std::vector<DimId> inner = shape_of(values[0]).dims;
  if (dtype == DType::i64 && wants_float) dtype = default_float();
  for (size_t k = 0; k < values.size(); ++k) {
    const Shape s = shape_of(values[k]);
    const bool fits = s.dims == inner && s.dtype != DType::tuple &&
                      (!dtype || (s.is_flexible && *dtype != DType::b1) || s.dtype == *dtype || (s.dtype == DType::i64 && is_float(*dtype)));
    if (fits) continue;
    Diagnostic& d = fail(sema_error("array-elements-differ"), ast_[exprs[k]].span,
                         fmt::format("the elements of an array have one type: `{}` is {}", code(exprs[k]), type_text(values[k])));
    label_operand(d, values[0], exprs[0]);
    return {};
  }
  std::vector<DimId> shape{dims().constant(static_cast<int64_t>(values.size()))};
  shape.insert(shape.end(), inner.begin(), inner.end());
  if (shape.size() > kMaxRank) return fail(sema_error("rank-too-large"), span, "an array has at most 32 axes"), Val{};
  if (all_flex) {
    Flex node;
    node.kind = Flex::Kind::stack, node.wants_float = wants_float, node.prefers_float = prefers_float;
    node.dims = std::move(shape), node.loc = loc(span);
    for (const Val& v : values) node.operands.push_back(v.flex);
    return add_flex(std::move(node));
  }
  std::vector<ValueId> rows;
  for (size_t k = 0; k < values.size(); ++k) {
    rows.push_back(make(values[k], ast_[exprs[k]].span, dtype));
    if (!rows.back()) return {};
  }
  return value(b().stack(rows, loc(span)));
}

int Lowering::field_position(const Val& v, const Expr& field) {
  std::vector<std::string_view> names;
  const std::vector<Field> fields = v.kind == Val::Kind::value ? types()[v.type].fields : std::vector<Field>{};
  for (size_t k = 0; k < fields.size(); ++k) {
    if (fields[k].name == field.name) return static_cast<int>(k);
    if (fields[k].name) names.push_back(str(fields[k].name));
  }
  Diagnostic& d = fail(sema_error("no-such-field"), field.mark, fmt::format("`{}` is {} and has no field `{}`", code(field.a), type_text(v), str(field.name)));
  if (const std::string_view near = nearest_name(str(field.name), names); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
  return -1;
}

Val Lowering::lower_field(const Expr& e) {
  if (find_layer(e.a)) return layer_field(e);
  if (outside_model(e.a)) return outside_value(e);
  const Val v = lower(e.a);
  const int position = v ? field_position(v, e) : -1;
  return position < 0 ? Val{} : value(b().get(make(v, e.span), position, loc(e.span)));
}

// ------------------------------------------------------------------------------------------- `if` as a value

/// Built of numbers and signs only: such branches do not decide the type of their `if`.
bool Lowering::is_literal(ExprId id) const {
  const Expr& e = ast_[ast_.strip_parens(id)];
  switch (e.kind) {
    case ExprKind::number: return true;
    case ExprKind::name: {
      const std::string_view name = str(e.name);
      return name == "π" || name == "inf" || name == "nan";
    }
    case ExprKind::unary: return e.op == SyntaxOp::neg && is_literal(e.a);
    case ExprKind::block: return e.stmts.empty() && e.a && is_literal(e.a);
    case ExprKind::if_: return e.c && is_literal(e.b) && is_literal(e.c) && is_literal(e.a);
    default: return false;
  }
}

Val Lowering::lower_branch(ExprId branch, TypeId want) {
  const size_t mark = bindings_.size();
  Val v = ast_[branch].kind == ExprKind::block ? lower_block(branch, want) : lower(branch, want);
  pop_scope(mark);
  return v;
}

/// Both branches are literals: the `if` is a literal too, of whatever dtype the context wants.
Val Lowering::lower_literal_if(const Expr& e, const Val& condition) {
  const Val x = lower_branch(e.b, {}), y = lower_branch(e.c, {});
  if (!x || !y) return {};
  Flex leaf;
  leaf.kind = Flex::Kind::leaf, leaf.leaf = condition, leaf.fixed = DType::b1, leaf.loc = loc(e.span);
  Flex node;
  node.operands = {add_flex(std::move(leaf)).flex, x.flex, y.flex};
  node.kind = Flex::Kind::op, node.op = "select"_op, node.loc = loc(e.span);
  node.wants_float = flex(x).wants_float || flex(y).wants_float;
  return add_flex(std::move(node));
}

/// The sizes of both branches. Of those that the branch of an `if n == 1` has, the other one's tell more. Absent: they differ.
std::optional<std::vector<DimId>> Lowering::joined(const std::vector<DimId>& x, const std::vector<DimId>& y) {
  if (x == y || are_equal_here(x, y, false)) return y;
  return are_equal_here(x, y, true) ? std::optional(x) : std::nullopt;
}

/// The type that values of both types can have, field by field; an int among floats is one. Absent: there is none.
TypeId Lowering::joined(TypeId x, TypeId y) {
  if (x == y) return x;
  const Type p = types()[x], q = types()[y];
  if (p.is_tuple() != q.is_tuple() || p.fields.size() != q.fields.size() || p.name != q.name) return {};
  Type t = p;
  for (size_t k = 0; k < p.fields.size(); ++k) {
    Field& field = t.fields[k];
    if (field.name && q.fields[k].name && field.name != q.fields[k].name) return {};
    if (!field.name) field.name = q.fields[k].name;
    field.type = joined(p.fields[k].type, q.fields[k].type);
    if (!field.type) return {};
  }
  if (p.is_tuple()) return types().intern(std::move(t));
  const auto dims = joined(p.dims, q.dims);
  if (!dims) return {};
  t.dims = *dims;
  if (p.dtype == q.dtype) return types().intern(std::move(t));
  if (p.dims != q.dims) return {};
  if (p.dtype == DType::i64 && is_float(q.dtype)) return y;
  return q.dtype == DType::i64 && is_float(p.dtype) ? x : TypeId{};
}

/// The type both branches can have, or absent after an error.
TypeId Lowering::join_branches(const Val& x, const Val& y, const Expr& e, TypeId want) {
  auto differ = [&] {
    Diagnostic& d = fail(sema_error("branches-differ"), e.span, fmt::format("the branches of this `if` differ: {} and {}", type_text(x), type_text(y)));
    d.label(ast_[e.b].span, type_text(x));
    if (e.c) d.label(ast_[e.c].span, type_text(y));  // without an `else` the other value is that of what follows
    return TypeId{};
  };
  const TypeId a = type_of(x), c = type_of(y);
  const Shape p = shape_of(x), q = shape_of(y);
  if (!p.is_flexible && !q.is_flexible) {
    const TypeId both = joined(a, c);
    return both ? both : differ();
  }
  const auto dims = joined(p.dims, q.dims);
  if (!dims) return differ();
  DType dtype = p.dtype;
  if (p.is_flexible && q.is_flexible) {
    dtype = p.wants_float || q.wants_float ? default_float() : DType::i64;
    if (want && is_float(types()[want].dtype)) dtype = types()[want].dtype;
  } else {
    const Shape& fixed = p.is_flexible ? q : p;
    const Shape& free = p.is_flexible ? p : q;
    dtype = fixed.dtype;
    if (dtype == DType::i64 && free.wants_float) dtype = want && is_float(types()[want].dtype) ? types()[want].dtype : default_float();
    if (dtype != DType::i64 && !is_float(dtype)) return differ();
  }
  return types().array(dtype, *dims);
}

Val Lowering::lower_if(ExprId id, TypeId want) {
  const Expr& e = ast_[id];
  if (const auto holds = static_condition(e.a); holds && e.c) return lower_branch(*holds ? e.b : e.c, want);
  if (is_literal(e.b) && is_literal(e.c)) {
    const Val condition = lower(e.a);
    const Shape s = shape_of(condition);
    if (condition && condition.kind != Val::Kind::function && s.dtype == DType::b1 && s.dims.empty()) return lower_literal_if(e, condition);
  }
  if (!func_) return fail(sema_error("const-not-constant"), e.span, "this is not a constant expression"), Val{};
  return lower_if_region(id, want, true);
}

}  // namespace dlc::sema
