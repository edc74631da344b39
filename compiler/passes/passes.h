// The passes over the IR, in the order the pipeline runs them. Each reads one body and builds another in place of
// it; the function keeps its id, name, parameters and size variables.
#pragma once
#include <map>

#include "base/diagnostic.h"
#include "ir/module.h"

namespace dlc {

/// Replaces calls of small functions by their bodies. Before: callees are normalised. After: a remaining call is
/// of a large function.
///   %3 = call @square(%2)      →   %3 = mul %2, %2
void inline_calls(Module& m, FuncId f, Diagnostics& diagnostics);

/// Lifts every `map` (and the calls in it) to whole-array ops: what is written for one index is done for all.
/// After: no `map` and no `index` is left; a matrix–vector product in a map has become a matrix product.
///   map [n] { (i) → index X, i; matmul W, … }   →   matmul X, Wᵀ
void batch(Module& m, FuncId f, Diagnostics& diagnostics);

/// Σ over products of two arrays becomes `matmul`, the one canonical form of a contraction.
///   sum {axes 1} (mul (view A), (view B))       →   matmul A, B
void contract(Module& m, FuncId f, Diagnostics& diagnostics);

/// Rebuilds the body through the builder: constants fold, the op table's identities apply, an `if` on a constant
/// becomes its branch.
void simplify(Module& m, FuncId f, Diagnostics& diagnostics);

/// Equal instructions (op, type, attribute, operands) of one block become one.
void cse(Module& m, FuncId f, Diagnostics& diagnostics);

/// Drops what the result does not need, captures of regions included.
void dce(Module& m, FuncId f, Diagnostics& diagnostics);

/// A copy of `f` with size variables replaced by constants (those not in `sizes` stay). Memoised in the module.
FuncId specialise(Module& m, FuncId f, const std::map<StrId, int64_t>& sizes, Diagnostics& diagnostics);

/// Functions that `f` calls, directly or not, callees before callers, `f` last. Requests count as calling their base.
std::vector<FuncId> call_order(const Module& m, FuncId f);
/// A function that is being made anew: the module has half of it, and `before` is what it was.
struct Rewritten {
  FuncId func;
  const Func& before;
  const Func& body_of(const Module& m, FuncId f) const { return f == func ? before : m[f]; }
};
/// Whether a call of `f` leads to another call of it: a recursion on sizes.
bool calls_itself(const Module& m, FuncId f, const Rewritten* rewritten = nullptr);

/// Reported when a pass would make a function past kMaxInstructions (say, calls that double at every level).
inline constexpr size_t kMaxInstructions = 8'000'000;

}  // namespace dlc
