// Operators and scalar functions on scalars and arrays: which dtype the operation has, and which shape. Both follow
// from the row's TypeRule; no op is named here but those whose ints are sizes.
#include <cmath>

#include <fmt/format.h>

#include "ir/type_rule.h"
#include "ops/table.h"
#include "sema/lowering.h"
#include "syntax/parser.h"

namespace dlc::sema {
namespace {

bool is_suffix(const std::vector<DimId>& tail, const std::vector<DimId>& whole) {
  return tail.size() <= whole.size() && std::equal(tail.begin(), tail.end(), whole.end() - static_cast<ptrdiff_t>(tail.size()));
}

}  // namespace

/// Arrays of as many axes whose sizes are the same only for the conditions that hold here.
bool Lowering::differ_but_here(std::span<const Val> args) {
  bool differ = false;
  for (size_t k = 1; k < args.size() && !regions_.empty(); ++k)
    for (size_t j = 0; j < k; ++j) {
      const std::vector<DimId> a = shape_of(args[j]).dims, c = shape_of(args[k]).dims;
      if (a.size() != c.size() || a == c) continue;
      if (!are_equal_here(a, c, regions_.back().in_second)) return false;
      differ = true;
    }
  return differ;
}

/// Scalars, and shapes that are exactly the trailing part of the longest, are repeated; nothing else is.
bool Lowering::join_shapes(std::span<const Val> args, std::span<const ExprId> exprs, Span span, std::vector<DimId>& out) {
  size_t widest = 0;
  std::vector<std::vector<DimId>> shapes;
  for (const Val& v : args) shapes.push_back(shape_of(v).dims);
  for (size_t k = 1; k < shapes.size(); ++k)
    if (shapes[k].size() > shapes[widest].size()) widest = k;
  out = shapes[widest];
  for (size_t k = 0; k < shapes.size(); ++k) {
    if (is_suffix(shapes[k], out)) continue;
    const size_t left = std::min(k, widest), right = std::max(k, widest);
    const std::vector<DimId> &a = shapes[left], &c = shapes[right];
    size_t from_end = 1;
    while (a[a.size() - from_end] == c[c.size() - from_end]) ++from_end;
    const DimId x = a[a.size() - from_end], y = c[c.size() - from_end];
    const bool same_rank = a.size() == c.size();
    const DiagnosticKind& kind = same_rank ? sema_error("size-mismatch") : sema_error("shape-mismatch");
    Diagnostic& d = fail(kind, span,
                         fmt::format("sizes of `{}` and `{}` differ: {} and {}", code(exprs[left]), code(exprs[right]),
                                     dims().text(x), dims().text(y)));
    label_pair(d, args[left], exprs[left], x, args[right], exprs[right], y);
    d.rule("only a scalar, and an array whose shape is the trailing part of the other's, is repeated");
    return false;
  }
  return true;
}

Val Lowering::emit(OpId op, std::span<const Val> args, std::span<const std::optional<DType>> dtypes, Span span) {
  ValueId operands[3];
  for (size_t k = 0; k < args.size(); ++k) {
    operands[k] = make(args[k], span, dtypes[k]);
    if (!operands[k]) return {};
  }
  return value(b().op(op, std::span<const ValueId>(operands, args.size()), loc(span)));
}

/// Ints whose value is a polynomial stay one; nothing is emitted for them until someone needs the value.
Val Lowering::int_arithmetic(OpId op, std::span<const Val> args, std::vector<DimId> shape, Span span) {
  bool all_flex = true;
  for (const Val& v : args) all_flex = all_flex && v.kind == Val::Kind::flex;
  if (shape.empty()) {
    std::optional<DimId> x = as_size(args[0]), y = args.size() > 1 ? as_size(args[1]) : x;
    if (x && y) {
      DimId d;
      bool known = true;
      if (op == "add"_op) d = dims().add(*x, *y);
      else if (op == "sub"_op) d = dims().sub(*x, *y);
      else if (op == "mul"_op) d = dims().mul(*x, *y);
      else if (op == "neg"_op) d = dims().sub(dims().constant(0), *x);
      else if (op == "floor_div"_op) d = dims().div(*x, *y);
      else known = false;
      if (known && all_flex) {
        if (const auto c = dims().as_constant(d)) return integer(*c, span);
        fail(sema_error("literal-out-of-range"), span, "the value of this expression of literals does not fit an int");
        return {};
      } else if (known) {
        return size_value(d, span);
      }
    }
  }
  if (all_flex) {
    Flex node;
    node.kind = Flex::Kind::op, node.op = op, node.dims = std::move(shape), node.loc = loc(span);
    for (const Val& v : args) node.operands.push_back(v.flex), node.prefers_float = node.prefers_float || flex(v).prefers_float;
    return add_flex(std::move(node));
  }
  const std::optional<DType> ints[3] = {DType::i64, DType::i64, DType::i64};
  return emit(op, args, std::span(ints, args.size()), span);
}

/// Operands of one number type: floats win over ints and literals, and two different floats are an error.
Val Lowering::numeric(OpId op, std::span<const Val> args, std::span<const ExprId> exprs, Span span, bool compares) {
  std::optional<DType> floats;
  bool has_int = false, wants_float = false, all_flex = true;
  for (size_t k = 0; k < args.size(); ++k) {
    const Shape s = shape_of(args[k]);
    all_flex = all_flex && args[k].kind == Val::Kind::flex;
    if (s.is_flexible) {
      wants_float = wants_float || s.wants_float;
      continue;
    }
    if (is_float(s.dtype)) {
      if (floats && *floats != s.dtype) {
        Diagnostic& d = fail(sema_error("mixed-floats"), span, "an f32 meets an f64");
        for (size_t j = 0; j < args.size(); ++j) label_operand(d, args[j], exprs[j]);
        d.help("convert one of them: `f32(…)` or `f64(…)`");
        return {};
      }
      floats = s.dtype;
    } else if (s.dtype == DType::i64) {
      has_int = true;
    } else {
      Diagnostic& d = fail(sema_error("type-mismatch"), exprs[k] ? ast_[exprs[k]].span : span,
                           fmt::format("a number is wanted, and `{}` is {}", code(exprs[k]), type_text(args[k])));
      if (args[k].origin) d.label(args[k].origin, "declared here");
      return {};
    }
  }
  std::vector<DimId> shape;
  if (!join_shapes(args, exprs, span, shape)) return {};
  const TypeRule rule = op_row(op).type;
  if (!floats) {
    const bool float_only = rule == TypeRule::same_float;
    if (op == "div"_op && has_int && !wants_float) {
      Diagnostic& d = fail(sema_error("int-division"), span, "`/` between ints");
      for (size_t j = 0; j < args.size(); ++j) label_operand(d, args[j], exprs[j]);
      const bool is_literal = ast_[ast_.strip_parens(exprs[0])].kind == ExprKind::number;
      d.help(fmt::format("write `{0}{2} / {1}` for the fraction, `div({0}, {1})` for the floor", code(exprs[0]), code(exprs[1]), is_literal ? ".0" : " * 1.0"));
      return {};
    }
    if (compares) {
      floats = wants_float ? default_float() : DType::i64;
    } else if (float_only || wants_float) {
      Flex node;  // the float type is the context's
      node.kind = Flex::Kind::op, node.op = op, node.wants_float = true, node.dims = std::move(shape), node.loc = loc(span);
      for (const Val& v : args) {
        Val operand = v;
        if (v.kind != Val::Kind::flex) {
          Flex leaf;
          leaf.kind = Flex::Kind::leaf, leaf.leaf = v, leaf.dims = shape_of(v).dims, leaf.loc = loc(span), leaf.wants_float = true;
          operand = add_flex(std::move(leaf));
        }
        node.operands.push_back(operand.flex);
      }
      return add_flex(std::move(node));
    } else {
      return int_arithmetic(op, args, std::move(shape), span);
    }
  }
  if (all_flex && !compares) {
    Flex node;
    node.kind = Flex::Kind::op, node.op = op, node.fixed = floats, node.dims = std::move(shape), node.loc = loc(span);
    node.wants_float = true;
    for (const Val& v : args) node.operands.push_back(v.flex);
    return add_flex(std::move(node));
  }
  const std::optional<DType> wanted[3] = {floats, floats, floats};
  return emit(op, args, std::span(wanted, args.size()), span);
}

Val Lowering::elementwise(OpId op, std::span<const Val> args, std::span<const ExprId> exprs, Span span) {
  for (const Val& v : args)
    if (!v) return {};
  for (size_t k = 0; k < args.size(); ++k)
    if (args[k].kind == Val::Kind::function) {
      fail(sema_error("function-as-value"), exprs[k] ? ast_[exprs[k]].span : span, fmt::format("`{}` is a function, and a value is wanted", code(exprs[k])));
      return {};
    }
  if (differ_but_here(args)) {
    std::vector<Val> here;
    for (const Val& v : args) here.push_back(with_sizes_here(v, span));
    return elementwise(op, here, exprs, span);
  }
  auto mismatch = [&](size_t k, const char* wanted) {
    Diagnostic& d = fail(sema_error("type-mismatch"), exprs[k] ? ast_[exprs[k]].span : span,
                         fmt::format("{} is wanted, and `{}` is {}", wanted, code(exprs[k]), type_text(args[k])));
    if (args[k].origin) d.label(args[k].origin, "declared here");
    return Val{};
  };
  const TypeRule rule = op_row(op).type;
  std::vector<DimId> shape;
  switch (rule) {
    case TypeRule::same_float:
    case TypeRule::same_number: return numeric(op, args, exprs, span, false);
    case TypeRule::compare: return numeric(op, args, exprs, span, true);
    case TypeRule::equality:
      if (shape_of(args[0]).dtype != DType::b1 && shape_of(args[1]).dtype != DType::b1) return numeric(op, args, exprs, span, true);
      [[fallthrough]];  // of bools
    case TypeRule::logic: {
      for (size_t k = 0; k < args.size(); ++k)
        if (shape_of(args[k]).dtype != DType::b1) {
          fail(sema_error("condition-not-bool"), exprs[k] ? ast_[exprs[k]].span : span,
               fmt::format("a bool is wanted, and `{}` is {}", code(exprs[k]), type_text(args[k])));
          return {};
        }
      if (!join_shapes(args, exprs, span, shape)) return {};
      const std::optional<DType> none[3];
      return emit(op, args, std::span(none, args.size()), span);
    }
    case TypeRule::select: {
      if (shape_of(args[0]).dtype != DType::b1) {
        fail(sema_error("condition-not-bool"), exprs[0] ? ast_[exprs[0]].span : span,
             fmt::format("the first argument of `select` is a bool, and `{}` is {}", code(exprs[0]), type_text(args[0])));
        return {};
      }
      if (!join_shapes(args, exprs, span, shape)) return {};
      const Shape x = shape_of(args[1]), y = shape_of(args[2]);
      DType dtype = x.dtype;
      if (x.is_flexible || (x.dtype == DType::i64 && is_float(y.dtype))) dtype = y.dtype;
      if (x.is_flexible && y.is_flexible && (x.wants_float || y.wants_float)) dtype = default_float();
      if (x.is_flexible && !y.is_flexible && x.wants_float && y.dtype == DType::i64) dtype = default_float();
      if (y.is_flexible && !x.is_flexible && y.wants_float && x.dtype == DType::i64) dtype = default_float();
      const bool fits = dtype != DType::tuple && (x.is_flexible || x.dtype == dtype || x.dtype == DType::i64) &&
                        (y.is_flexible || y.dtype == dtype || y.dtype == DType::i64) &&
                        ((x.dtype == DType::b1) == (y.dtype == DType::b1));
      if (!fits) return mismatch(2, "the type of the second argument");
      const std::optional<DType> wanted[3] = {std::nullopt, dtype, dtype};
      return emit(op, args, wanted, span);
    }
    case TypeRule::integer: {
      for (size_t k = 0; k < args.size(); ++k) {
        const Shape s = shape_of(args[k]);
        if (s.dtype != DType::i64) return mismatch(k, "an int");
      }
      if (!join_shapes(args, exprs, span, shape)) return {};
      return int_arithmetic(op, args, std::move(shape), span);
    }
    case TypeRule::float_int:
    case TypeRule::int_float: {
      const size_t int_at = rule == TypeRule::float_int ? 1 : 0, float_at = 1 - int_at;
      if (shape_of(args[int_at]).dtype != DType::i64) return mismatch(int_at, "an int");
      const Shape f = shape_of(args[float_at]);
      if (!is_float(f.dtype) && f.dtype != DType::i64) return mismatch(float_at, "a float");
      if (!join_shapes(args, exprs, span, shape)) return {};
      std::optional<DType> wanted[2];
      wanted[int_at] = DType::i64, wanted[float_at] = is_float(f.dtype) ? f.dtype : default_float();
      return emit(op, args, wanted, span);
    }
    default: break;
  }
  const Shape s = shape_of(args[0]);
  if (s.dtype == DType::tuple || s.dtype == DType::key) return mismatch(0, "a number");
  const std::optional<DType> none[1];
  return emit(op, args, none, span);
}

/// `n^k` of ints is a product; a power that is no literal or negative is that of floats.
Val Lowering::int_power(const Val& base, const Val& exponent, Span span) {
  const auto k = as_size(exponent);
  const auto power = k ? dims().as_constant(*k) : std::nullopt;
  constexpr int64_t kLargest = 64;  // beyond, every base but 0 and ±1 overflows
  if (!power || *power < 0 || *power > kLargest) return {};
  const Shape s = shape_of(base);
  if (s.dtype != DType::i64 || s.wants_float) return {};
  Val result = integer(1, span);
  for (int64_t i = 0; i < *power && result; ++i) {
    const Val factors[2] = {result, base};
    result = i == 0 ? base : int_arithmetic("mul"_op, factors, s.dims, span);
  }
  return result;
}

/// A whole exponent, known or not, makes it a `powi`.
Val Lowering::float_power(const Val& base, const Val& exponent, std::span<const ExprId> exprs, Span span) {
  const Shape x = shape_of(base), k = shape_of(exponent);
  const bool is_whole = exponent.kind != Val::Kind::function && k.dtype == DType::i64;
  const Val args[2] = {base, exponent};
  if (!is_whole || base.kind == Val::Kind::function || x.dtype == DType::tuple || x.dtype == DType::b1)
    return elementwise("pow"_op, args, exprs, span);
  if (is_float(x.dtype) && !x.is_flexible) return elementwise("powi"_op, args, exprs, span);
  Flex node;
  node.kind = Flex::Kind::op, node.op = "powi"_op, node.wants_float = true, node.loc = loc(span);
  if (!join_shapes(args, exprs, span, node.dims)) return {};
  for (size_t i = 0; i < 2; ++i) {
    Flex leaf;
    leaf.kind = Flex::Kind::leaf, leaf.leaf = args[i], leaf.dims = shape_of(args[i]).dims, leaf.loc = loc(span);
    if (i == 1 && args[i].kind == Val::Kind::flex) leaf = flex(args[i]), leaf.fixed = DType::i64;
    node.operands.push_back(i == 0 && base.kind == Val::Kind::flex ? base.flex : add_flex(std::move(leaf)).flex);
  }
  return add_flex(std::move(node));
}

Val Lowering::binary(const Expr& e, const Val& left, const Val& right) {
  if (!left || !right) return {};
  const Val args[2] = {left, right};
  const ExprId exprs[2] = {e.a, e.b};
  OpId op;
  switch (e.op) {
    case SyntaxOp::or_: op = "or"_op; break;
    case SyntaxOp::and_: op = "and"_op; break;
    case SyntaxOp::eq: op = "eq"_op; break;
    case SyntaxOp::ne: op = "ne"_op; break;
    case SyntaxOp::lt: op = "lt"_op; break;
    case SyntaxOp::le: op = "le"_op; break;
    case SyntaxOp::gt: op = "gt"_op; break;
    case SyntaxOp::ge: op = "ge"_op; break;
    case SyntaxOp::add: op = "add"_op; break;
    case SyntaxOp::sub: op = "sub"_op; break;
    case SyntaxOp::mul: op = "mul"_op; break;
    case SyntaxOp::div: op = "div"_op; break;
    case SyntaxOp::mod: op = "mod"_op; break;
    case SyntaxOp::matmul: return matmul(left, right, e.a, e.b, e.span);
    case SyntaxOp::pow:
      if (left.kind != Val::Kind::function && right.kind != Val::Kind::function)
        if (Val power = int_power(left, right, e.span)) return power;
      return float_power(left, right, exprs, e.span);
      break;
    default: return {};
  }
  if (auto fields = fieldwise(op, left, right, e.span)) return *fields;
  return elementwise(op, args, exprs, e.span);
}

}  // namespace dlc::sema
