// Inlining: small callees become part of their caller, so that AD, CSE and fusion see through them. Large ones stay
// calls, which keeps the program's size linear in its source.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "ops/errors.h"
#include "ops/size_check.h"
#include "ops/table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace dlc {
namespace {

// A callee below this many instructions is cheaper to repeat than to call, and seeing it pays (sharing, fusion).
constexpr size_t kSmall = 400;
// A caller stops growing here; further calls stay calls.
constexpr size_t kLargest = 200'000;

/// A sum over the examples of a batch has a meaning only where the map over them is seen.
bool has_collective(const Func& f) {
  return std::any_of(f.insts.begin(), f.insts.end(), [](const Inst& in) { return in.op == "batch_sum"_op; });
}

/// Whether some check of the callee need not hold at these sizes.
bool may_fail(Module& m, const Func& callee, const std::map<StrId, DimId>& sizes) {
  return std::any_of(callee.checks.begin(), callee.checks.end(),
                     [&](const SizeCheck& check) { return !m.types.dims.is_provably_nonnegative(m.types.dims.substitute(check.nonnegative, sizes)); });
}

/// The callee for one call: what its checks say names that call.
FuncId for_call(Module& m, FuncId callee, Span call) {
  const std::string key = fmt::format("{} called at {}:{}-{}", callee.i, call.file.i, call.begin, call.end);
  if (const auto known = m.derived.find(key); known != m.derived.end()) return known->second;
  Func copy = m[callee];
  copy.name = m.unique_name(copy.name);
  copy.checks.clear();
  std::map<StrId, DimId> own;
  for (StrId name : copy.size_vars) own[name] = m.types.dims.variable(name);
  inline_checks(m, copy, m[callee], own, call);
  return m.derived[key] = m.add(std::move(copy));
}

ValueId inline_call(Builder& b, const Inst& in, std::span<const ValueId> operands, bool is_under_if, Diagnostics& diagnostics) {
  Module& m = b.module();
  const Func& callee = m[m[in.attr].func];
  const bool has_body = static_cast<bool>(callee.body().result);
  if (!callee.size_vars.empty() && calls_itself(m, m[in.attr].func)) return b.raw(in, operands);
  const bool is_opaque = callee.is_kept || callee.rule;  // its derivative is not that of its body as it stands
  const bool is_large = callee.insts.size() > kSmall || b.func().insts.size() > kLargest;
  if (!has_body || is_opaque || n_size_operands(m, in) > 0 || (is_large && !has_collective(callee))) return b.raw(in, operands);
  std::map<StrId, DimId> sizes;
  const std::vector<DimId> given = m[in.attr].dims;
  for (size_t k = 0; k < given.size(); ++k) sizes[callee.size_vars[k]] = given[k];
  if (!sizes_fit(m, callee, sizes)) {
    diagnostics.error(size_error("size-too-large"), in.loc.span, fmt::format("with these sizes a size in `{}` is too large", callee.name));
    return b.raw(in, operands);
  }
  // Checks are made on entry: those of a call in a branch, on its own entry.
  if (is_under_if && may_fail(m, callee, sizes)) return b.call(for_call(m, m[in.attr].func, in.loc.span), given, operands, in.loc);
  inline_checks(m, b.func(), callee, sizes, in.loc.span);
  return inline_body(b, callee, operands, sizes, Reason::written);
}

}  // namespace

void inline_calls(Module& m, FuncId f, Diagnostics& diagnostics) {
  bool has_calls = false;
  for (const Inst& in : m[f].insts) has_calls = has_calls || in.op == "call"_op;
  if (!has_calls) return;
  std::set<int32_t> under_if;  // blocks
  const auto visit = [&](Builder& b, const Inst& in, std::span<const ValueId> operands) {
    return in.op == "call"_op ? inline_call(b, in, operands, under_if.contains(b.block().i), diagnostics) : b.raw(in, operands);
  };
  const auto keep = [&](Builder& b, const Inst& in, std::span<const ValueId>) {
    const auto first = static_cast<int32_t>(b.func().blocks.size());
    if (in.op == "if"_op || under_if.contains(b.block().i))
      for (int32_t k = 0; k < in.n_blocks; ++k) under_if.insert(first + k);
    return -1;
  };
  rewrite_body(m, f, visit, keep);
}

}  // namespace dlc
