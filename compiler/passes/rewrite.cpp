// What all passes share: taking a body out to rebuild it, and the order in which functions depend on each other.
#include <algorithm>
#include <unordered_set>

#include "ops/table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace dlc {

Func begin_rewrite(Module& m, FuncId f) {
  Func old = std::move(m[f]);
  Func& fresh = m[f] = Func{};
  fresh.name = old.name;
  fresh.size_vars = old.size_vars;
  fresh.checks = old.checks;
  fresh.loc = old.loc;
  fresh.doc = old.doc;
  fresh.request = old.request;
  fresh.declared_result = old.declared_result;
  fresh.rule = old.rule;
  fresh.is_kept = old.is_kept;
  fresh.blocks.emplace_back();
  fresh.insts.reserve(old.insts.size());
  fresh.operand_pool.reserve(old.operand_pool.size());
  for (ValueId p : old.body().params) {
    const Inst in = old[p];
    append_param(m, fresh, BlockId{0}, in.op, in.type, m[in.attr].name, in.loc);
  }
  return old;
}

bool calls_itself(const Module& m, FuncId f, const Rewritten* rewritten) {
  std::vector<FuncId> todo{f};
  std::unordered_set<FuncId> seen;
  while (!todo.empty()) {
    const FuncId at = todo.back();
    todo.pop_back();
    for (const Inst& in : (rewritten ? rewritten->body_of(m, at) : m[at]).insts) {
      if (in.op != "call"_op) continue;
      const FuncId callee = m[in.attr].func;
      if (callee == f) return true;
      if (seen.insert(callee).second) todo.push_back(callee);
    }
  }
  return false;
}

std::vector<FuncId> call_order(const Module& m, FuncId f) {
  // Depth first with an explicit stack: a chain of calls may be as long as the program.
  struct Frame {
    FuncId func;
    std::vector<FuncId> callees;
    size_t next = 0;
  };
  auto callees_of = [&](FuncId id) {
    std::vector<FuncId> callees;
    const Func& func = m[id];
    if (func.request) callees.push_back(func.request->base);
    if (func.rule) callees.push_back(func.rule);
    for (const Inst& in : func.insts)
      if (in.op == "call"_op) callees.push_back(m[in.attr].func);
    std::sort(callees.begin(), callees.end());
    callees.erase(std::unique(callees.begin(), callees.end()), callees.end());
    return callees;
  };
  std::vector<FuncId> order;
  std::vector<bool> seen(m.size());
  std::vector<Frame> stack;
  stack.push_back({f, callees_of(f)});
  seen[static_cast<size_t>(f.i)] = true;
  while (!stack.empty()) {
    Frame& top = stack.back();
    if (top.next == top.callees.size()) {
      order.push_back(top.func);
      stack.pop_back();
      continue;
    }
    const FuncId callee = top.callees[top.next++];
    if (seen[static_cast<size_t>(callee.i)]) continue;
    seen[static_cast<size_t>(callee.i)] = true;
    stack.push_back({callee, callees_of(callee)});
  }
  return order;
}

}  // namespace dlc
