// The passes in order. A function is taken through them after everything it calls, so that inlining sees finished
// bodies; derivatives are derived from finished functions and then taken through the same passes themselves.
#include "pipeline/compilation.h"

#include <algorithm>

#include <fmt/format.h>

#include "ad/derive.h"
#include "base/check.h"
#include "ir/verify.h"
#include "ops/request.h"
#include "ops/table.h"
#include "passes/passes.h"
#include "sema/sema.h"
#include "symbolic/differentiate.h"
#include "syntax/parser.h"

namespace dlc {

const OpSet& op_set() {
  static constexpr OpSet kSet{find_op, op_row};
  return kSet;
}

std::span<const std::string_view> pass_names() {
  static constexpr std::string_view kNames[] = {"sema", "derive", "inline", "batch", "contract", "simplify", "cse", "dce", "specialise"};
  return kNames;
}

bool Compilation::load(std::string name, std::string text) {
  const FileId file = sources.add(std::move(name), std::move(text));
  ast = parse(sources, file, module.strings, diagnostics);
  const bool is_read = !diagnostics.has_errors();
  const bool is_checked = analyse(*ast, sources, module, {.real = options_.real}, diagnostics, &models);  // of the rest, all errors at once
  if (!is_read) diagnostics.sort_by_place();
  if (!is_read || !is_checked) return false;
  if (observe)
    for (int32_t k = 0; k < static_cast<int32_t>(module.size()); ++k) observe("sema", FuncId{k});
  return true;
}

FuncId Compilation::find(std::string_view name) const {
  for (const Export& e : module.exports)
    if (e.name == name) return e.func;
  return module.find(name);
}

std::vector<std::string> Compilation::names() const {
  std::vector<std::string> names;
  if (!ast) return names;
  for (const Decl& d : ast->decls) {
    if (d.kind != DeclKind::fn && d.kind != DeclKind::export_) continue;
    const auto is_function = [&](const Param& p) { return p.type && (*ast)[p.type].kind == TypeKind::function; };
    if (d.fn && std::ranges::any_of((*ast)[(*ast)[d.fn].params], is_function)) continue;  // called with functions only
    std::string name(module.strings[d.name.id]);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

void Compilation::run(std::string_view name, Pass pass, FuncId f) {
  check_context().pass = name;
  pass(module, f, diagnostics);
  if (options_.verify && !diagnostics.has_errors())
    if (const auto broken = verify(module, f, op_set()))
      check_failed(__FILE__, __LINE__, "the function is well formed",
                   fmt::format("after pass {}: {}\n{}", name, *broken, print(module, module[f], op_set())));
  if (observe) observe(name, f);
  check_context().pass = {};
}

void Compilation::optimise(FuncId f) {
  run("inline", inline_calls, f);    // small callees become part of f
  run("batch", batch, f);            // what is written for one index becomes an op over the axis
  if (diagnostics.has_errors()) return;
  for (FuncId callee : call_order(module, f))  // batched versions of large callees are new functions
    if (callee != f && !ready(callee)) return;
  run("inline", inline_calls, f);
  run("contract", contract, f);      // sums of products become matrix products
  for (int round = 0; round < 2; ++round) {
    run("simplify", simplify, f);    // constants and the op table's identities
    run("cse", cse, f);              // equal instructions are one
    run("dce", dce, f);              // what the result does not need goes
  }
}

bool Compilation::derive_request(FuncId f) {
  DerivePasses passes;
  passes.normalise = [this](FuncId base) { ready(base); };
  passes.symbolic = [this](Module& m, FuncId base, const Wrt& wrt) { return symbolic(m, base, wrt, diagnostics); };
  check_context().pass = "derive";
  const bool derived = derive(module, f, diagnostics, passes);
  check_context().pass = {};
  if (derived && observe) observe("derive", f);
  return derived;
}

bool Compilation::ready(FuncId f) {
  if (!f || diagnostics.has_errors()) return false;
  if (module[f].name.empty()) return false;  // taken out by sema: its source has an error
  if (done_.contains(f)) return true;
  for (FuncId callee : call_order(module, f)) {
    if (done_.contains(callee)) continue;
    if (module[callee].request && !module[callee].body().result) {
      if (!derive_request(callee)) return false;
      // Deriving made functions that it calls; take those first.
      for (FuncId inner : call_order(module, callee))
        if (inner != callee && !ready(inner)) return false;
    }
    done_.insert(callee);
    optimise(callee);
    if (diagnostics.has_errors()) return false;
  }
  return true;
}

FuncId Compilation::derivative(const DerivativeRequest& request, Loc loc) {
  if (!ready(request.base)) return {};
  const FuncId f = request_function(module, request, loc);
  return ready(f) ? f : FuncId{};
}

FuncId Compilation::at_sizes(FuncId f, const std::map<StrId, int64_t>& sizes) {
  const FuncId special = specialise(module, f, sizes, diagnostics);
  if (diagnostics.has_errors()) return {};
  if (special == f || !done_.insert(special).second) return special;
  if (observe) observe("specialise", special);
  run("simplify", simplify, special);
  run("cse", cse, special);
  run("dce", dce, special);
  return diagnostics.has_errors() ? FuncId{} : special;
}

}  // namespace dlc
