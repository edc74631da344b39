// Derivative requests as functions, see request.h.
#include "ops/request.h"

#include <fmt/format.h>

#include "ops/table.h"

namespace dlc {
namespace {

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

}  // namespace

TypeId differentiated_part(const Module& m, TypeId result, int of) {
  return of < 0 ? result : m.types[result].fields[static_cast<size_t>(of)].type;
}

FuncId request_function(Module& m, const DerivativeRequest& request, Loc loc) {
  const Func& base = m[request.base];
  std::string key = fmt::format("request {} of {} {} list {} value {} of {} wrt", kind_name(request.kind), request.base.i,
                                mode_name(request.mode), request.is_list, request.with_value, request.of);
  for (int k : request.wrt) key += fmt::format(" {}", k);
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
  for (int k : request.wrt) {
    const Inst p = base[base.body().params[static_cast<size_t>(k)]];
    const StrId name = m[p.attr].name;
    fields.push_back({name, p.type});
    if (request.kind == DerivativeRequest::Kind::jvp) add_param(p.type, m.strings.intern(fmt::format("d{}", m.strings[name])));
  }
  if (request.kind == DerivativeRequest::Kind::vjp) add_param(part, m.strings.intern("bar"));

  TypeId derivative = part;
  if (request.kind != DerivativeRequest::Kind::jvp)
    derivative = request.is_list ? m.types.tuple(fields) : fields.empty() ? part : fields[0].type;
  if (request.with_value || request.kind == DerivativeRequest::Kind::value_and_grad)
    derivative = m.types.tuple({{{}, result}, {{}, derivative}});
  m[id].declared_result = derivative;
  return id;
}

}  // namespace dlc
