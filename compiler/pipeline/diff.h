// `dlc diff`: the value of a function and its derivatives at a point, in one mode, with what a reader of that mode wants
// to know besides: passes, the closed form, steps and errors.
#pragma once
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/compilation.h"
#include "pipeline/numeric.h"
#include "symbolic/closed_form.h"

namespace dlc {

struct DiffOptions {
  Mode mode = Mode::reverse;
  std::vector<int> wrt;
  int order = 1;            // 1 or 2
  int opt_level = 1;
  bool interpret = false;   // run by the interpreter instead of compiled code
  std::map<StrId, int64_t> sizes;  // given, beside those that the arguments tell
};

struct Differential {
  Mode mode = Mode::reverse;
  std::string function;
  std::string passes;
  InterpValue<double> value;
  TypeId value_type;
  std::vector<std::string> wrt;
  std::vector<TypeId> types;                             // of the parameters in wrt
  std::vector<InterpValue<double>> gradient;             // one for each
  std::vector<std::vector<InterpValue<double>>> second;  // order 2: [i][j] of shape wrt[i] ++ wrt[j]
  std::optional<ClosedForm> form;                        // symbolic
  std::vector<NumericDerivative> numeric;                // numeric: step and error of every element
};

/// The error is a message for the user; diagnostics, if any, are left in the compilation (then the message is empty).
Result<Differential> differentiate(Compilation& c, FuncId f, const DiffOptions& options, const Args& args);

/// `point`: "x1 = 0.5, x2 = 1".
std::string diff_text(const Module& m, const Differential& d, const std::string& point, bool latex);
nlohmann::ordered_json diff_json(const Module& m, const Differential& d);
/// Several modes side by side.
std::string modes_text(const Module& m, const std::vector<Differential>& modes, const std::string& point, bool latex);

}  // namespace dlc
