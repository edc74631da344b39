// Structs: `struct State[h] { h: f32[h]  c: f32[h] }` is a tuple type with a name, and a function that makes one, whose
// parameters are the fields; so a call of it is checked, and its sizes are found, as those of any function.
#include <algorithm>

#include <fmt/format.h>

#include "ir/form.h"
#include "ops/table.h"
#include "sema/lowering.h"
#include "syntax/parser.h"

namespace dlc::sema {
namespace {

constexpr int64_t kMaxLeaves = 4096;  // of a struct, all structs within it included: what reads a value may walk them

/// How many numbers and arrays a value of `type` is made of; too many when it is nested too deep.
int64_t count_leaves(const TypeTable& types, TypeId type, int depth = 0) {
  const Type& t = types[type];
  if (depth > kMaxTypeDepth) return kMaxLeaves + 1;
  int64_t n = t.is_tuple() ? 0 : 1;
  for (const Field& f : t.fields)
    if (n <= kMaxLeaves) n += count_leaves(types, f.type, depth + 1);
  return n;
}

}  // namespace

FuncId Analysis::constructor(int32_t index, Span use) {
  StructEntry& entry = structs[static_cast<size_t>(index)];
  const Name name = entry.decl->name;
  const auto cycle = [&](std::string message) {
    diagnostics->error(sema_error("struct-cycle"), name.span, std::move(message)).label(use, "used here");
    return FuncId{};
  };
  if (entry.state == StructEntry::State::done) return entry.constructor;
  if (entry.state == StructEntry::State::busy) return cycle(fmt::format("`{}` contains itself", m.strings[name.id]));
  if (instance_depth_ >= kMaxInstances) return cycle("structs hold each other too deep");
  entry.state = StructEntry::State::busy;
  ++instance_depth_;
  Func f;
  f.name = m.unique_name(m.strings[name.id]);
  f.loc.span = name.span;
  f.doc = doc_text(main, entry.decl->doc, sources);
  f.blocks.emplace_back();
  const FuncId id = m.add(std::move(f));
  Lowering lowering(*this, main, id, options.real);
  if (lowering.lower_struct(*entry.decl)) entry.constructor = id, constructors.insert(id);
  else m.discard(id);
  --instance_depth_;
  entry.state = StructEntry::State::done;
  return entry.constructor;
}

bool Lowering::lower_struct(const Decl& d) {
  bool ok = declare_sizes(d.sizes);
  std::vector<ValueId> values;
  std::vector<Field> fields;
  for (const Param& p : ast_[d.fields]) {
    const bool is_function = p.type && ast_[p.type].kind == TypeKind::function;
    if (is_function) fail(sema_error("function-as-value"), ast_[p.type].span, "a struct does not hold functions");
    const TypeId type = is_function ? TypeId{} : lower_type(p.type);
    for (const Field& other : fields)
      if (other.name == p.name.id) fail(sema_error("duplicate-name"), p.name.span, fmt::format("the field `{}` occurs twice", str(p.name.id)));
    if (type) values.push_back(append_param(a_.m, a_.m[func_], BlockId{0}, "param"_op, type, p.name.id, loc(p.name.span)));
    fields.push_back({p.name.id, type});
    ok = ok && type;
  }
  if (!ok || failed_) return false;
  const TypeId type = types().tuple(std::move(fields), d.name.id);
  if (count_leaves(types(), type) > kMaxLeaves) {
    fail(sema_error("struct-too-large"), d.name.span,
         fmt::format("`{}` holds more than {} arrays and numbers, or structs nested more than {} deep", str(d.name.id), kMaxLeaves, kMaxTypeDepth));
    return false;
  }
  b().set_result(b().tuple(values, type, loc(d.name.span)));
  return true;
}

/// `State[4]`: the fields at these sizes.
TypeId Lowering::struct_type(const TypeExpr& t, int32_t index) {
  const FuncId make = a_.constructor(index, t.name.span);
  if (!make) return failed_ = true, TypeId{};
  const std::vector<StrId> sizes = a_.m[make].size_vars;
  if (t.sizes.count != static_cast<int32_t>(sizes.size())) {
    fail(sema_error("size-count"), t.span, fmt::format("`{}` declares {} size{}, here {} {}", str(t.name.id), sizes.size(), sizes.size() == 1 ? "" : "s",
                                                       t.sizes.count == 1 ? "is" : "are", t.sizes.count))
        .label(a_.m[make].loc.span, "declared here");
    return {};
  }
  std::map<StrId, DimId> bound;
  for (size_t k = 0; k < sizes.size(); ++k) {
    const DimId size = lower_array_size(ast_[t.sizes][k]);
    if (!size) return {};
    bound[sizes[k]] = size;
  }
  return types().substitute(a_.m[make].result_type(), bound);
}

// ------------------------------------------------------------------------------------------------ arithmetic

namespace {
bool has_named_fields(const Type& t) {
  return t.is_tuple() && !t.fields.empty() && std::all_of(t.fields.begin(), t.fields.end(), [](const Field& f) { return static_cast<bool>(f.name); });
}
}  // namespace

bool Lowering::is_struct(const Val& v) { return v.kind == Val::Kind::value && has_named_fields(types()[v.type]); }

/// One leaf of `op` on structs; `right` is absent for a negation, and either side may be a number that scales.
ValueId Lowering::fieldwise_leaf(OpId op, const Val& left, const Val& right, Span span) {
  const Val args[2] = {left, right};
  const ExprId exprs[2] = {};
  const Val result = elementwise(op, std::span(args, right ? 2 : 1), std::span(exprs, right ? 2 : 1), span);
  return result ? make(result, span) : ValueId{};
}

Val Lowering::fieldwise_walk(OpId op, const Val& left, const Val& right, Span span) {
  const Val& like = is_struct(left) ? left : right;
  const Type t = types()[like.type];
  std::vector<ValueId> fields;
  for (size_t k = 0; k < t.fields.size(); ++k) {
    const auto field = [&](const Val& v) {
      return v.kind == Val::Kind::value && types()[v.type].is_tuple() ? value(b().get(make(v, span), static_cast<int>(k), loc(span))) : v;
    };
    const Val x = field(left), y = field(right);
    const bool is_inner = types()[t.fields[k].type].is_tuple();
    const Val inner = is_inner ? fieldwise_walk(op, x, y, span) : Val{};
    fields.push_back(is_inner ? (inner ? make(inner, span) : ValueId{}) : fieldwise_leaf(op, x, y, span));
    if (!fields.back()) return {};
  }
  return value(b().tuple(fields, like.type, loc(span)));
}

/// Structs of floats add, subtract and scale field by field. Absent, with nothing said: no struct is involved.
std::optional<Val> Lowering::fieldwise(OpId op, const Val& left, const Val& right, Span span) {
  const bool on_left = is_struct(left), on_right = is_struct(right);
  if (!on_left && !on_right) return std::nullopt;
  const auto is_number = [&](const Val& v) { return v.kind != Val::Kind::function && shape_of(v).dims.empty() && !types()[type_of(v)].is_tuple(); };
  bool fits = false;
  if (op == "neg"_op) fits = true;
  if (op == "add"_op || op == "sub"_op) fits = on_left && on_right && left.type == right.type;
  if (op == "mul"_op) fits = on_left != on_right && is_number(on_left ? right : left);
  if (op == "div"_op) fits = on_left && !on_right && is_number(right);
  if (fits && types().all_float((on_left ? left : right).type)) return fieldwise_walk(op, left, right, span);
  fail(sema_error("type-mismatch"), span,
       right ? fmt::format("this operation is not one on {} and {}", type_text(left), type_text(right)) : fmt::format("this operation is not one on {}", type_text(left)))
      .rule("structs of floats only add and subtract field by field, where they have one type, and are scaled by a number");
  return Val{};
}

}  // namespace dlc::sema
