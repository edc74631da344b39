// The passes in order. A function is taken through them after everything it calls, so that inlining sees finished
// bodies; derivatives are derived from finished functions and then taken through the same passes themselves.
#include "pipeline/compilation.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "ad/derive.h"
#include "base/check.h"
#include "ir/verify.h"
#include "ops/request.h"
#include "ops/table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"
#include "pipeline/errors.h"
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

FuncId Compilation::fixed(FuncId f, const std::map<StrId, int64_t>& sizes) {
  const FuncId special = specialise(module, f, sizes, diagnostics);
  if (diagnostics.has_errors()) return {};
  if (special == f || !done_.insert(special).second) return special;
  if (observe) observe("specialise", special);
  run("simplify", simplify, special);
  run("cse", cse, special);
  run("dce", dce, special);
  return diagnostics.has_errors() ? FuncId{} : special;
}

bool Compilation::recurs(FuncId f) const {
  // By calls only: what a derivative was made from, and a declared rule, are not run.
  std::vector<FuncId> todo{f};
  std::unordered_set<FuncId> seen{f};
  while (!todo.empty()) {
    const FuncId g = todo.back();
    todo.pop_back();
    if (!module[g].size_vars.empty() && calls_itself(module, g)) return true;
    for (const Inst& in : module[g].insts)
      if (in.op == "call"_op && seen.insert(module[in.attr].func).second) todo.push_back(module[in.attr].func);
  }
  return false;
}

FuncId Compilation::at_sizes(FuncId f, const std::map<StrId, int64_t>& sizes) {
  const FuncId special = fixed(f, sizes);
  return !special || !recurs(special) || unroll(special) ? special : FuncId{};
}

/// Calls at known sizes of functions that recur become calls of those functions at these sizes, which are returned. Sizes
/// that the call itself computes when it runs stay open: no recursion is on them. So are functions without sizes that call such.
std::vector<FuncId> Compilation::redirect_calls(FuncId f) {
  struct Target {
    FuncId func;
    std::vector<DimId> open;
    std::vector<int64_t> open_at;
  };
  std::vector<FuncId> made;
  std::map<AttrId, Target> at;
  const std::vector<Inst> insts = module[f].insts;
  for (const Inst& in : insts) {
    if (in.op != "call"_op || at.contains(in.attr)) continue;
    const Attr call = module[in.attr];
    if (!recurs(call.func)) continue;
    if (module[call.func].size_vars.empty()) {  // it is as it is, but what it calls has to be followed
      if (std::find(made.begin(), made.end(), call.func) == made.end()) made.push_back(call.func);
      continue;
    }
    std::map<StrId, int64_t> sizes;
    Target target;
    for (size_t k = 0; k < call.dims.size(); ++k) {
      if (std::find(call.ints.begin(), call.ints.end(), static_cast<int64_t>(k)) != call.ints.end())
        target.open_at.push_back(static_cast<int64_t>(target.open.size())), target.open.push_back(call.dims[k]);
      else if (const auto value = module.types.dims.as_constant(call.dims[k])) sizes[module[call.func].size_vars[k]] = *value;
    }
    if (sizes.size() + target.open.size() != call.dims.size()) continue;
    target.func = fixed(call.func, sizes);
    if (!target.func || diagnostics.has_errors()) return {};
    if (target.func == f) {  // whose body is about to be rewritten: it has none to call
      diagnostics.error(find_kind<kPipelineErrors>("recursion-too-deep"), module[f].loc.span, "this function calls itself at the same sizes");
      return {};
    }
    made.push_back(target.func);
    at[in.attr] = std::move(target);
  }
  if (at.empty()) return made;
  rewrite_body(module, f, [&](Builder& b, const Inst& in, std::span<const ValueId> operands) {
    const auto known = in.op == "call"_op ? at.find(in.attr) : at.end();
    return known == at.end() ? b.raw(in, operands) : b.call(known->second.func, known->second.open, operands, known->second.open_at, {}, in.loc);
  });
  return made;
}

/// Follows the recursion from `root`, whose sizes are known, down to where an `if` on sizes ends it.
bool Compilation::unroll(FuncId root) {
  constexpr size_t kDeepest = 1000;
  struct Frame {
    FuncId func;
    std::vector<FuncId> callees;
    size_t next = 0;
  };
  std::unordered_map<FuncId, bool> is_done;  // by function met; false while it is on the stack
  std::vector<Frame> stack{{root, redirect_calls(root)}};
  is_done[root] = false;
  while (!stack.empty() && !diagnostics.has_errors()) {
    Frame& top = stack.back();
    if (top.next == top.callees.size()) {
      is_done[top.func] = true;
      stack.pop_back();
      continue;
    }
    const FuncId callee = top.callees[top.next++];
    const auto [known, is_new] = is_done.emplace(callee, false);
    if (!is_new && known->second) continue;
    if (!is_new || stack.size() > kDeepest) {
      diagnostics.error(find_kind<kPipelineErrors>("recursion-too-deep"), module[callee].loc.span,
                        is_new ? fmt::format("this function calls itself more than {} deep at these sizes", kDeepest) : std::string("this function calls itself at the same sizes"));
      return false;
    }
    stack.push_back({callee, redirect_calls(callee)});
  }
  return !diagnostics.has_errors();
}

}  // namespace dlc
