// From what an expression means (Val) to instructions: flexible literals get a dtype, sizes become ints, and values of
// enclosing blocks come in as block parameters.
#include <cmath>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "base/check.h"
#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {

Val Lowering::value(ValueId id) {
  Val v;
  v.kind = Val::Kind::value, v.id = id, v.block = regions_.back().block(), v.type = a_.m[func_][id].type;
  return v;
}

Val Lowering::size_value(DimId d, Span span) {
  Val v;
  if (size_too_large(d, span)) v.kind = Val::Kind::size, v.dim = d;
  return v;
}

Val Lowering::add_flex(Flex node) {
  a_.flex.push_back(std::move(node));
  Val v;
  v.kind = Val::Kind::flex, v.flex = static_cast<int32_t>(a_.flex.size()) - 1;
  return v;
}

Val Lowering::number(double x, Span span) {
  Flex node;
  node.wants_float = true, node.number = x, node.loc = loc(span);
  return add_flex(std::move(node));
}

Val Lowering::integer(int64_t x, Span span) {
  Flex node;
  node.integer = x, node.number = static_cast<double>(x), node.loc = loc(span);
  return add_flex(std::move(node));
}

/// The float type that all floats among the function's parameters have, else `otherwise`: what has no type of its own meets these
/// more likely than not. What a function captured tells only where its own parameters do not.
DType Lowering::float_of_params(DType otherwise) const {
  const Func& f = a_.m[func_];
  std::optional<DType> found;
  bool is_mixed = false;
  const auto look = [&](auto& self, TypeId id) -> void {
    const Type& t = a_.m.types[id];
    for (const Field& field : t.fields) self(self, field.type);
    if (!is_float(t.dtype)) return;
    is_mixed = is_mixed || (found && *found != t.dtype);
    found = t.dtype;
  };
  const auto look_at = [&](bool captured) {
    for (ValueId p : f.body().params)
      if (is_hidden_name(str(a_.m[f[p].attr].name)) == captured) look(look, f[p].type);
  };
  look_at(false);
  if (!found) look_at(true);
  return found && !is_mixed ? *found : otherwise;
}

/// What a literal becomes where nothing has told its type when it must have one.
DType Lowering::default_float() const { return func_ ? float_of_params(a_.options.real) : a_.options.real; }

Shape Lowering::shape_of(const Val& v) {
  Shape s;
  if (v.kind == Val::Kind::value) {
    const Type& t = types()[v.type];
    s.dtype = t.dtype, s.dims = t.dims;
  } else if (v.kind == Val::Kind::size) {
    s.dtype = DType::i64;
  } else if (v.kind == Val::Kind::flex) {
    const Flex& node = flex(v);
    s.is_flexible = !node.fixed;
    s.wants_float = node.wants_float, s.prefers_float = node.prefers_float;
    s.dtype = node.fixed ? *node.fixed : node.wants_float || node.prefers_float ? default_float() : DType::i64;
    s.dims = node.dims;
  }
  return s;
}

TypeId Lowering::type_of(const Val& v) {
  if (v.kind == Val::Kind::value) return v.type;
  const Shape s = shape_of(v);
  return types().array(s.dtype, s.dims);
}

std::string Lowering::type_text(const Val& v) {
  if (v.kind == Val::Kind::error) return "unknown";
  if (v.kind == Val::Kind::function) return "a function";
  return types().text(type_of(v));
}

bool Lowering::has_binder(DimId d) {
  if (indices_.empty()) return false;
  for (StrId v : dims().variables(d))
    for (const BoundIndex& index : indices_)
      if (index.name == v) return true;
  return false;
}

// ------------------------------------------------------------------------------------------------- captures

ValueId Lowering::capture(Region& r, ValueId id) {
  if (auto it = r.params.find(id.i); it != r.params.end()) {
    const ValueId known = r.in_second ? it->second.second : it->second.first;
    if (known) return known;
  }
  Func& f = a_.m[func_];
  const Inst in = f[id];
  if (in.op == "const"_op || in.op == "size"_op) {
    // A constant is made again where it is used: a block parameter would hide from the builder that it is one.
    Builder inner(a_.m, func_, r.block());
    const ValueId copy = inner.raw(in, {});
    auto& slot = r.params[id.i];
    (r.in_second ? slot.second : slot.first) = copy;
    return copy;
  }
  const ValueId first = append_param(a_.m, f, r.first, "param"_op, in.type, {}, in.loc);
  const ValueId second = r.second ? append_param(a_.m, f, r.second, "param"_op, in.type, {}, in.loc) : ValueId{};
  r.captures.push_back(id);
  r.params[id.i] = {first, second};
  return r.in_second ? second : first;
}

ValueId Lowering::bring(ValueId id, BlockId block) {
  size_t k = regions_.size() - 1;
  while (k > 0 && regions_[k].block() != block) --k;
  DLC_CHECK(regions_[k].block() == block, "a value is used only inside the block that made it");
  for (++k; k < regions_.size(); ++k) id = capture(regions_[k], id);
  return id;
}

// -------------------------------------------------------------------------------------------------- making

ValueId Lowering::make(const Val& v, Span span, std::optional<DType> want) {
  switch (v.kind) {
    case Val::Kind::error: return {};
    case Val::Kind::function:
      fail(sema_error("function-as-value"), span, "a function stands where a value is wanted");
      return {};
    default: break;
  }
  if (!func_) {
    fail(sema_error("const-not-constant"), span, "this is not a constant expression");
    return {};
  }
  ValueId id;
  if (v.kind == Val::Kind::value) id = bring(v.id, v.block);
  if (v.kind == Val::Kind::size) id = make_size(v.dim, loc(span));
  if (v.kind == Val::Kind::flex) id = make_flex(v.flex, want && !flex(v).fixed ? *want : shape_of(v).dtype);
  if (id && want && is_float(*want) && b().type(id).dtype == DType::i64) id = b().convert(id, *want, loc(span));
  return id;
}

ValueId Lowering::make_flex(int32_t root, DType dtype) {
  std::vector<int32_t> stack{root};
  const BlockId block = regions_.back().block();
  auto key = [&](int32_t node) { return static_cast<uint64_t>(node) * 8 + static_cast<uint64_t>(dtype); };
  auto made = [&](int32_t node) {
    auto it = made_.find(key(node));
    return it != made_.end() && it->second.block == block ? it->second.id : ValueId{};
  };
  while (!stack.empty()) {
    const int32_t at = stack.back();
    if (made(at)) {
      stack.pop_back();
      continue;
    }
    const size_t before = stack.size();
    const Flex& node = a_.flex[static_cast<size_t>(at)];
    std::vector<ValueId> operands;
    const bool has_own_dtype = node.kind == Flex::Kind::cast;  // its operand keeps its default dtype
    if (!has_own_dtype)
      for (int32_t o : node.operands) {
        operands.push_back(made(o));
        if (!operands.back()) stack.push_back(o);
      }
    if (stack.size() != before) continue;
    if (has_own_dtype) {
      Val inner;
      inner.kind = Val::Kind::flex, inner.flex = node.operands[0];
      operands.push_back(make(inner, node.loc.span, is_float(*node.fixed) ? node.fixed : std::nullopt));
    }
    const ValueId id = make_flex_node(a_.flex[static_cast<size_t>(at)], dtype, operands);
    if (!id) return {};
    made_[key(at)] = {block, id};
    stack.pop_back();
  }
  return made(root);
}

ValueId Lowering::make_flex_node(const Flex& node, DType dtype, const std::vector<ValueId>& given) {
  Builder at = b();
  const Loc l = node.loc;
  std::vector<ValueId> operands = given;
  auto converted = [&](ValueId id) {
    return is_float(dtype) && at.type(id).dtype == DType::i64 ? at.convert(id, dtype, l) : id;
  };
  switch (node.kind) {
    case Flex::Kind::number: {
      if (node.fixed) dtype = *node.fixed;
      if (dtype == DType::i64) {
        if (node.wants_float) return fail(sema_error("literal-not-int"), l.span, "a number with a fraction stands where an int is wanted"), ValueId{};
        return at.constant_int(node.integer, l);
      }
      if (dtype == DType::b1) return {};
      const double x = node.number;
      if (dtype == DType::f32 && std::isfinite(x) && std::isinf(static_cast<float>(x))) {
        fail(sema_error("literal-out-of-range"), l.span, "this number is too large for an f32");
        return {};
      }
      return at.constant(x, dtype, l);
    }
    case Flex::Kind::boolean: return at.constant_bool(node.integer != 0, l);
    case Flex::Kind::leaf: return make(node.leaf, l.span);  // an exponent stays an int; who wants a float converts it
    case Flex::Kind::cast:
      return *node.fixed == DType::i64 || is_float(*node.fixed) ? at.convert(operands[0], *node.fixed, l) : operands[0];
    case Flex::Kind::op:
      // An int exponent stays one; so does the condition of a `select`, which is no int.
      for (size_t k = 0; k < operands.size(); ++k)
        if (k != 1 || op_row(node.op).type != TypeRule::float_int) operands[k] = converted(operands[k]);
      return at.op(node.op, operands, l);
    case Flex::Kind::stack:
      for (ValueId& id : operands) id = converted(id);
      for (ValueId& id : operands) id = at.broadcast(id, {node.dims.begin() + 1, node.dims.end()}, l);
      return at.stack(operands, l);
    case Flex::Kind::fill: return at.broadcast(converted(operands[0]), node.dims, l);
    case Flex::Kind::eye: {
      const ValueId i = at.iota(node.dims[0], l), j = at.iota(node.dims[1], l);
      const ValueId column = at.view(i, permute_map(a_.m, at.type(i), {0, -1}, node.dims), l);
      const ValueId same = at.op("eq"_op, {column, at.broadcast(j, node.dims, l)}, l);
      auto constant = [&](int64_t x) { return dtype == DType::i64 ? at.constant_int(x, l) : at.constant(static_cast<double>(x), dtype, l); };
      return at.op("select"_op, {same, constant(1), constant(0)}, l);
    }
  }
  return {};
}

/// A polynomial as instructions: one `size` for the part without binders, then a product and a sum per other term.
ValueId Lowering::make_size(DimId d, Loc l) {
  Builder at = b();
  if (!has_binder(d)) return at.size(d, l);
  DimId constant_part = dims().constant(0);
  ValueId total;
  auto add = [&](ValueId id) { total = total ? at.op("add"_op, {total, id}, l) : id; };
  const std::span<const DimTerm> view = dims().terms(d);
  const std::vector<DimTerm> terms(view.begin(), view.end());  // a copy: interning moves the table
  for (const DimTerm& t : terms) {
    DimId plain = dims().constant(t.coefficient);
    ValueId product;
    for (auto [index, exponent] : t.factors) {
      const DimTable::Atom atom = dims().atom(index);
      const DimId alone = atom.variable ? dims().variable(atom.variable) : dims().div(atom.numerator, atom.divisor);
      for (int e = 0; e < exponent; ++e) {
        if (!has_binder(alone)) {
          plain = dims().mul(plain, alone);
          continue;
        }
        ValueId factor;
        if (atom.variable) {
          for (const BoundIndex& bound : indices_)
            if (bound.name == atom.variable) factor = bring(bound.id, bound.block);
        } else {
          factor = at.op("floor_div"_op, {make_size(atom.numerator, l), make_size(atom.divisor, l)}, l);
        }
        product = product ? at.op("mul"_op, {product, factor}, l) : factor;
      }
    }
    if (!product) constant_part = dims().add(constant_part, plain);
    else add(dims().as_constant(plain) == 1 ? product : at.op("mul"_op, {at.size(plain, l), product}, l));
  }
  if (dims().as_constant(constant_part) != 0) add(at.size(constant_part, l));
  return total;
}

// ------------------------------------------------------------------------------------------------- coercion

ValueId Lowering::coerce(const Val& v, TypeId want, Span span, std::string_view context, bool fills) {
  if (!v || !want) return {};
  if (v.kind == Val::Kind::function) return make(v, span);
  if (v.kind == Val::Kind::value) {
    const Shape s = shape_of(v);
    const Type t = types()[want];
    if (fills && s.dims.empty() && !t.dims.empty() && s.dtype != DType::tuple && !t.is_tuple()) {
      const ValueId scalar = coerce_value(make(v, span), types().scalar(t.dtype), span, context);
      return scalar ? b().broadcast(scalar, t.dims, loc(span)) : scalar;
    }
    return coerce_value(make(v, span), want, span, context);
  }
  const Type t = types()[want];
  const Shape s = shape_of(v);
  const bool is_int_as_float = s.dtype == DType::i64 && is_float(t.dtype);
  const bool adapts = s.is_flexible ? t.dtype == DType::i64 || is_float(t.dtype) : s.dtype == t.dtype || is_int_as_float;
  if (s.is_flexible && s.wants_float && t.dtype == DType::i64) {
    fail(sema_error("literal-not-int"), span, fmt::format("{} is an int, and this is a number with a fraction", context));
    return {};
  }
  if (adapts && s.dims != t.dims && !s.dims.empty()) {
    const ValueId own = make(v, span, t.dtype);
    return own ? coerce_value(own, want, span, context) : own;
  }
  if (!adapts || (s.dims != t.dims && !(fills && s.dims.empty()))) {
    fail(sema_error("type-mismatch"), span, fmt::format("{} is {}, and this is {}", context, types().text(want), type_text(v)));
    return {};
  }
  const ValueId id = make(v, span, t.dtype);
  return id ? b().broadcast(id, t.dims, loc(span)) : id;
}

ValueId Lowering::coerce_value(ValueId id, TypeId want, Span span, std::string_view context) {
  if (!id) return {};
  const TypeId have_id = a_.m[func_][id].type;
  if (have_id == want) return id;
  const Type have = types()[have_id], t = types()[want];
  if (have.is_tuple() && t.is_tuple() && have.fields.size() == t.fields.size() && have.name == t.name) {
    std::vector<ValueId> fields;
    for (size_t k = 0; k < t.fields.size(); ++k) {
      const bool renames = have.fields[k].name && t.fields[k].name && have.fields[k].name != t.fields[k].name;
      if (renames) break;
      fields.push_back(coerce_value(b().get(id, static_cast<int>(k), loc(span)), t.fields[k].type, span, context));
      if (!fields.back()) return {};
    }
    if (fields.size() == t.fields.size()) return b().tuple(fields, want, loc(span));
  }
  if (have.dtype == DType::i64 && is_float(t.dtype) && have.dims == t.dims) return b().convert(id, t.dtype, loc(span));
  if (have.dtype == t.dtype && !t.is_tuple() && are_equal_here(have.dims, t.dims, regions_.back().in_second)) {
    std::vector<int> axes(t.dims.size());
    std::iota(axes.begin(), axes.end(), 0);
    ViewMap map = permute_map(a_.m, have, axes, t.dims);
    map.guarded = true;  // for any other sizes, at which this branch is not taken
    return b().view(id, map, loc(span));
  }
  const bool is_size = have.dtype == t.dtype && have.dims.size() == t.dims.size() && !t.is_tuple();
  const bool is_precision = is_float(have.dtype) && is_float(t.dtype) && have.dims == t.dims;
  const DiagnosticKind& kind = is_size        ? sema_error("size-mismatch")
                               : is_precision ? sema_error("mixed-floats")
                                              : sema_error("type-mismatch");
  Diagnostic& d = fail(kind, span, fmt::format("{} is {}, and this is {}", context, types().text(want), types().text(have_id)));
  if (is_precision) d.help(fmt::format("convert it: `{}(…)`", dtype_name(t.dtype)));
  if (is_size)
    for (size_t k = 0; k < t.dims.size(); ++k)
      if (t.dims[k] != have.dims[k]) label_sizes(d, t.dims[k]), label_sizes(d, have.dims[k]);
  return {};
}

}  // namespace dlc::sema
