// Type expressions, sizes and ranges. A size is an int whose value is known as a polynomial in size variables (and,
// inside index notation, in the binders), so sizes need no evaluator of their own: they are lowered as expressions.
#include <algorithm>

#include <fmt/format.h>

#include "ir/form.h"
#include "sema/lowering.h"

namespace dlc::sema {
namespace {

std::optional<DType> scalar_type(std::string_view name, DType real, DType float_type) {
  if (name == "f32") return DType::f32;
  if (name == "f64") return DType::f64;
  if (name == "int") return DType::i64;
  if (name == "bool") return DType::b1;
  if (name == "key") return DType::key;
  if (name == "real") return real;
  if (name == "float") return float_type;
  return std::nullopt;
}

}  // namespace

TypeId Lowering::lower_type(TypeExprId id, int depth) {
  const TypeExpr& t = ast_[id];
  if (t.kind == TypeKind::error) return failed_ = true, TypeId{};
  if (t.kind == TypeKind::function) {
    fail(sema_error("function-as-value"), t.span, "a function is no value: only a parameter may have an `fn` type");
    return {};
  }
  if (t.kind == TypeKind::tuple) {
    if (depth >= kMaxTypeDepth) return fail(sema_error("too-deep"), t.span, fmt::format("tuples nest at most {} deep", kMaxTypeDepth)), TypeId{};
    std::vector<Field> fields;
    bool ok = true;
    for (const TypeField& f : ast_[t.fields]) {
      for (const Field& other : fields)
        if (f.name && other.name == f.name.id) {
          fail(sema_error("duplicate-name"), f.name.span, fmt::format("the field `{}` occurs twice", str(f.name.id)));
          ok = false;
        }
      const TypeId type = lower_type(f.type, depth + 1);
      ok = ok && type;
      fields.push_back({f.name.id, type});
    }
    return ok ? types().tuple(std::move(fields)) : TypeId{};
  }
  const auto dtype = scalar_type(str(t.name.id), a_.options.real, float_type_);
  if (!dtype) {
    const TopLevel* top = top_level(t.name.id);
    if (top && top->kind == TopLevel::Kind::structure) return struct_type(t, top->index);
    if (top && top->kind == TopLevel::Kind::unsupported) return failed_ = true, TypeId{};
    std::vector<std::string_view> names{"f32", "f64", "int", "bool", "key", "real", "float"};
    for (const auto& [name, entry] : a_.top)
      if (entry.kind == TopLevel::Kind::structure) names.push_back(str(name));
    std::sort(names.begin(), names.end());
    Diagnostic& d = fail(sema_error("unknown-type"), t.name.span, fmt::format("the type `{}` is not declared", str(t.name.id)));
    if (const std::string_view near = nearest_name(str(t.name.id), names); !near.empty())
      d.help(fmt::format("did you mean `{}`?", near));
    return {};
  }
  std::vector<DimId> sizes;
  bool ok = true;
  for (ExprId e : ast_[t.sizes]) {
    sizes.push_back(lower_array_size(e));
    ok = ok && sizes.back();
  }
  if (sizes.size() > kMaxRank) {
    fail(sema_error("rank-too-large"), t.span, fmt::format("an array has at most {} axes, here are {}", kMaxRank, sizes.size()));
    return {};
  }
  return ok ? types().array(*dtype, std::move(sizes)) : TypeId{};
}

std::optional<DimId> Lowering::as_size(const Val& v) {
  if (v.kind == Val::Kind::size) return v.dim;
  if (v.kind == Val::Kind::flex && flex(v).kind == Flex::Kind::number && !flex(v).wants_float && flex(v).dims.empty())
    return a_.m.types.dims.constant(flex(v).integer);
  return std::nullopt;
}

DimId Lowering::size_too_large(DimId d, Span span) {
  if (!d) fail(size_error("size-too-large"), span, "this size is too large, or divides by zero");
  return d;
}

DimId Lowering::lower_array_size(ExprId e) {
  const DimId size = lower_size(e);
  const auto c = size ? dims().as_constant(size) : std::nullopt;
  if (!c || *c >= 0) return size;
  fail(sema_error("not-a-size"), ast_[e].span, fmt::format("a size is not negative, and this is {}", *c));
  return {};
}

DimId Lowering::lower_size(ExprId e) {
  const ExprId inner = ast_.strip_parens(e);
  const Expr& x = ast_[inner];
  if (x.kind == ExprKind::name) {
    const Binding* binding = find(x.name);
    const TopLevel* top = top_level(x.name);
    const bool is_constant = top && top->kind == TopLevel::Kind::constant;
    if (!binding && !is_constant) {
      std::vector<std::string_view> sizes;
      for (const Binding& other : bindings_)
        if (other.kind == Binding::Kind::size) sizes.push_back(str(other.name));
      Diagnostic& d = fail(sema_error("no-such-size"), x.span, fmt::format("the size `{}` is not declared", str(x.name)));
      if (const std::string_view near = nearest_name(str(x.name), sizes); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
      else d.help(fmt::format("declare it after the function's name: `[{}]`", str(x.name)));
      return {};
    }
  }
  const Val v = lower(e);
  if (!v) return {};
  const auto size = as_size(v);
  if (!size) {
    fail(sema_error("not-a-size"), x.span, fmt::format("`{}` is not a size", code(e)))
        .rule("a size is built from size variables and integers by `+ - *` and `div(a, k)`");
    return {};
  }
  if (has_binder(*size)) return fail(sema_error("not-a-size"), x.span, "a size cannot depend on an index: rows of one array are of one size"), DimId{};
  return size_too_large(*size, x.span);
}

/// `lo..hi step k`; a missing end is that of `whole`. Negative literals count from the end where `whole` is an array's.
RangeDims Lowering::lower_range(ExprId range, DimId whole, bool literals_count_from_end) {
  const Expr& r = ast_[range];
  RangeDims out;
  auto end = [&](ExprId e, DimId missing) -> DimId {
    if (!e) return missing;
    const Val v = lower(e);
    if (!v) return {};
    const auto d = as_size(v);
    if (!d) {
      const Shape s = shape_of(v);
      if (s.dtype == DType::i64 && s.dims.empty()) {
        fail(sema_error("not-a-size"), ast_[e].span, fmt::format("`{}` is known only at run time, and an array has a size", code(e)))
            .help("a `for` loop and a reduction may run to it");
        return {};
      }
      fail(sema_error("not-a-size"), ast_[e].span, fmt::format("`{}` is {}, and the end of a range is an int", code(e), type_text(v)));
      return {};
    }
    const Expr& inner = ast_[ast_.strip_parens(e)];
    const auto constant = dims().as_constant(*d);
    if (literals_count_from_end && inner.kind == ExprKind::unary && constant && *constant < 0) return dims().add(whole, *d);
    return size_too_large(*d, ast_[e].span);
  };
  const DimId lo = end(r.a, dims().constant(0)), hi = end(r.b, whole);
  const std::optional<int64_t> step = lower_step(r);
  if (!step || !lo || !hi) return {};
  out.step = *step, out.lo = lo, out.extent = size_too_large(n_steps(dims().sub(hi, lo), *step), r.span);
  return out;
}

/// 1 where a range has none.
std::optional<int64_t> Lowering::lower_step(const Expr& range) {
  if (!range.c) return 1;
  const Val v = lower(range.c);
  const auto size = v ? as_size(v) : std::nullopt;
  const auto step = size ? dims().as_constant(*size) : std::nullopt;
  if (v && (!step || *step < 1)) fail(sema_error("bad-step"), ast_[range.c].span, "the step of a range is a positive integer");
  return step && *step >= 1 ? step : std::nullopt;
}

/// Of a range whose ends are that far apart.
DimId Lowering::n_steps(DimId distance, int64_t step) {
  if (!distance || step == 1) return distance;
  return dims().div(dims().add(distance, dims().constant(step - 1)), dims().constant(step));
}

}  // namespace dlc::sema
