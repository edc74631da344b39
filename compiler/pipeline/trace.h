// One evaluation of a function and of its derivative, value by value, as on paper.
//
//   forward, one pass for x1                     reverse, one sweep back
//   v1 = x1 / x2       0.5     2                 f̄ = 1
//   v2 = exp(v1)       1.6487  3.2974            v̄5 = f̄·∂f/∂v5 = 1·2.1487 = 2.1487212707001282
//   …                                            …
//   f = v3 * v5        1.0744  3.4731            x̄1 = v̄1·∂v1/∂x1 = 3.4731·1 = 3.4730819060501923
//
// The values are those of the function after the passes, so equal expressions are one line. Local derivatives come from
// the op table's rules (pipeline/local_derivative.h).
#pragma once
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "interp/value.h"
#include "pipeline/compilation.h"

namespace dlc {

struct TraceLine {
  ValueId id;
  std::string name;        // "v1", "x1", the function's name
  std::string expression;  // "x1 / x2"; empty for a parameter
  InterpValue<double> value;
  std::vector<InterpValue<double>> tangents;  // forward: one for each parameter in wrt
};

struct AdjointTerm {
  std::string from;                  // the value that uses this one
  InterpValue<double> adjoint;       // of `from`
  std::optional<double> partial;     // ∂from/∂this, when both are scalars
  InterpValue<double> contribution;
};

struct AdjointLine {
  std::string name;                  // of the value
  InterpValue<double> value;         // its adjoint
  std::vector<AdjointTerm> terms;    // what it is the sum of, in order; none for the seed
};

struct BackwardSweep {
  std::string function;
  std::vector<AdjointLine> lines;    // in sweep order: the function first, x1 last
};

struct Trace {
  Mode mode = Mode::reverse;
  std::vector<std::string> wrt;
  std::string passes;                // pass_text
  std::string note;                  // about seeds of arrays; may be empty
  std::vector<TraceLine> lines;
  std::vector<BackwardSweep> sweeps;        // reverse: one for each function
};

/// Traces functions of the same parameters together. `f` holds at least one, each ready; `wrt` are positions of
/// parameters; `sizes` gives those that the arguments do not tell. Mode forward or reverse. The error is a message for the user, diagnostics included.
Result<Trace> trace(Compilation& c, std::vector<FuncId> functions, Mode mode, const std::vector<int>& wrt,
                    const std::vector<InterpValue<double>>& args, const std::map<StrId, int64_t>& sizes = {});

std::string trace_text(const Trace& t);
nlohmann::ordered_json trace_json(const Trace& t);

/// What an adjoint is the sum of: "f̄·∂f/∂v3 = 1·0.5 = 0.5"; the seed alone when it has no terms.
std::string sum_text(const AdjointLine& line);

/// x̄1 for x1: a bar over the first letter.
std::string barred(const std::string& name);

}  // namespace dlc
