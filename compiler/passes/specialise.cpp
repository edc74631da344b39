// Specialisation: a copy of a function in which sizes are numbers. Loop extents, strides and workspace offsets then
// are constants of the generated code; `if`s on sizes are decided by the simplify that follows.
#include <fmt/format.h>

#include "ops/builder.h"
#include "ops/errors.h"
#include "ops/size_check.h"
#include "ops/table.h"
#include "passes/passes.h"

namespace dlc {

FuncId specialise(Module& m, FuncId f, const std::map<StrId, int64_t>& sizes, Diagnostics& diagnostics) {
  const Func& source = m[f];
  std::map<StrId, DimId> values;
  std::string key = fmt::format("specialise {}", f.i);
  for (StrId name : source.size_vars)
    if (auto it = sizes.find(name); it != sizes.end()) {
      values[name] = m.types.dims.constant(it->second);
      key += fmt::format(" {}={}", m.strings[name], it->second);
    }
  if (values.empty()) return f;
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;

  if (!sizes_fit(m, source, values)) {
    diagnostics.error(size_error("size-too-large"), source.loc.span, fmt::format("with these sizes a size in `{}` is too large", source.name));
    return f;
  }

  Func copy;
  copy.name = m.unique_name(source.name);
  copy.loc = source.loc;
  copy.doc = source.doc;
  copy.request = source.request;
  copy.is_kept = source.is_kept;
  for (StrId name : source.size_vars)
    if (!values.contains(name)) copy.size_vars.push_back(name);
  for (const SizeCheck& original : source.checks) {
    SizeCheck check = original;
    check.nonnegative = m.types.dims.substitute(check.nonnegative, values);
    check.extent = m.types.dims.substitute(check.extent, values);
    const auto margin = m.types.dims.as_constant(check.nonnegative);
    if (margin && *margin < 0) {
      Diagnostic d = failed_check(m, source, original, *margin, sizes, true);
      diagnostics.error(*d.kind, d.span, d.message) = d;
    }
    if (!m.types.dims.is_provably_nonnegative(check.nonnegative)) copy.checks.push_back(check);
  }
  copy.blocks.emplace_back();
  const FuncId id = m.add(std::move(copy));
  m.derived.emplace(std::move(key), id);
  std::vector<ValueId> params;
  for (ValueId p : source.body().params) {
    const Inst in = source[p];
    params.push_back(append_param(m, m[id], BlockId{0}, in.op, m.types.substitute(in.type, values), m[in.attr].name, in.loc));
  }
  Builder b(m, id, BlockId{0});
  b.set_result(inline_body(b, source, params, values, Reason::written));
  if (source.rule) m[id].rule = specialise(m, source.rule, sizes, diagnostics);
  return id;
}

}  // namespace dlc
