// Derivative requests as functions, see request.h.
#include "ops/request.h"

#include <fmt/format.h>

#include "ops/table.h"

namespace dlc {
const char* kind_name(DerivativeRequest::Kind kind) {
  switch (kind) {
    case DerivativeRequest::Kind::grad: return "grad";
    case DerivativeRequest::Kind::value_and_grad: return "value_and_grad";
    case DerivativeRequest::Kind::jvp: return "jvp";
    case DerivativeRequest::Kind::vjp: return "vjp";
    case DerivativeRequest::Kind::jacobian: return "jacobian";
    case DerivativeRequest::Kind::hessian: return "hessian";
    case DerivativeRequest::Kind::hvp: return "hvp";
  }
  return "?";
}

TypeId differentiated_part(const Module& m, TypeId result, int of) {
  return of < 0 ? result : m.types[result].fields[static_cast<size_t>(of)].type;
}

WrtItem wrt_item(const Module& m, const DerivativeRequest& request, size_t k) {
  const Func& base = m[request.base];
  const Inst p = base[base.body().params[static_cast<size_t>(request.wrt[k])]];
  WrtItem item{m[p.attr].name, p.type};
  if (k < request.paths.size())
    for (int field : request.paths[k]) {
      const Field f = m.types[item.type].fields[static_cast<size_t>(field)];
      item = {f.name, f.type};
    }
  return item;
}

TypeId block_type(TypeTable& types, TypeId y, TypeId p) {
  const bool is_outer = types[y].is_tuple();
  Type t = types[is_outer ? y : p];
  if (t.is_tuple()) {
    for (Field& f : t.fields) f.type = is_outer ? block_type(types, f.type, p) : block_type(types, y, f.type);
    return types.intern(std::move(t));
  }
  std::vector<DimId> dims = types[y].dims;
  dims.insert(dims.end(), t.dims.begin(), t.dims.end());
  return types.array(t.dtype, std::move(dims));
}

namespace {

/// `h.a.b` is the block of a and b, each of which may be a struct itself.
TypeId hessian_of_list(TypeTable& types, const std::vector<Field>& wrt) {
  std::vector<Field> rows = wrt;
  for (Field& row : rows) {
    std::vector<Field> row_fields = wrt;
    for (Field& field : row_fields) field.type = block_type(types, row.type, field.type);
    row.type = types.tuple(std::move(row_fields));
  }
  return types.tuple(std::move(rows));
}

}  // namespace

FuncId request_function(Module& m, const DerivativeRequest& request, Loc loc) {
  const Func& base = m[request.base];
  std::string key = fmt::format("request {} of {} {} list {} value {} of {} wrt", kind_name(request.kind), request.base.i,
                                mode_name(request.mode), request.is_list, request.with_value, request.of);
  for (size_t k = 0; k < request.wrt.size(); ++k) {
    key += fmt::format(" {}", request.wrt[k]);
    if (k < request.paths.size())
      for (int field : request.paths[k]) key += fmt::format(".{}", field);
  }
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;

  Func f;
  f.name = m.unique_name(fmt::format("{}.{}", base.name, kind_name(request.kind)));
  f.size_vars = base.size_vars;
  f.loc = loc;
  f.request = request;
  f.blocks.emplace_back();
  const TypeId result = base.result_type(), part = differentiated_part(m, result, request.of);
  const FuncId id = m.add(std::move(f));
  m.derived.emplace(std::move(key), id);
  const auto add_param = [&](TypeId type, StrId name) { append_param(m, m[id], BlockId{0}, "param"_op, type, name, loc); };

  std::vector<Field> fields;
  for (ValueId p : base.body().params) add_param(base[p].type, m[base[p].attr].name);
  const bool has_directions = request.kind == DerivativeRequest::Kind::jvp || request.kind == DerivativeRequest::Kind::hvp;
  for (size_t k = 0; k < request.wrt.size(); ++k) {
    const WrtItem item = wrt_item(m, request, k);
    fields.push_back({item.name, item.type});
    if (has_directions) add_param(item.type, m.strings.intern(fmt::format("d{}", m.strings[item.name])));
  }
  if (request.kind == DerivativeRequest::Kind::vjp) add_param(part, m.strings.intern("bar"));
  const TypeId all = request.is_list ? m.types.tuple(fields) : fields.empty() ? part : fields[0].type;
  TypeId derivative = all;
  if (request.kind == DerivativeRequest::Kind::jvp) derivative = part;
  if (request.kind == DerivativeRequest::Kind::hessian) derivative = request.is_list ? hessian_of_list(m.types, fields) : block_type(m.types, all, all);
  if (request.kind == DerivativeRequest::Kind::jacobian) {
    for (Field& field : fields) field.type = block_type(m.types, part, field.type);
    derivative = request.is_list ? m.types.tuple(fields) : fields.at(0).type;
  }
  if (request.with_value || request.kind == DerivativeRequest::Kind::value_and_grad)
    derivative = m.types.tuple({{{}, result}, {{}, derivative}});
  m[id].declared_result = derivative;
  return id;
}

}  // namespace dlc
