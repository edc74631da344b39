// From names to requests: finding the function and the parameters that a person or a program asks for, with the nearest
// name in the error.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pipeline/compilation.h"

namespace dlc {

/// A function or export of the source.
Result<FuncId> find_function_named(const Compilation& c, std::string_view name);

/// When no parameter is named: all float parameters, or the only one.
enum class WrtDefault : uint8_t { all, only };
/// Positions of the parameters to differentiate with respect to, in the order of `names`.
Result<std::vector<int>> find_wrt(const Compilation& c, FuncId f, std::span<const std::string> names, WrtDefault otherwise);

/// Which field of f's result is differentiated: the first of a tuple; −1 when the result is no tuple (LANGUAGE, rule 1).
int default_of(const Module& m, FuncId f);

}  // namespace dlc
