// The verifier: every invariant of one function that passes rely on. Run after every pass in debug builds and tests.
//
// A function that passes it can be printed, interpreted and lowered without further checks of its structure. What
// depends on the values of sizes and subscripts is left to run time: a negative size, an index outside its array.
#pragma once
#include <optional>
#include <string>

#include "ir/module.h"
#include "ir/text.h"

namespace dlc {

struct Violation {
  std::string message;  // "`%4 = sum`: axis 2 of f64[n] does not exist"; numbers as in print
  ValueId value;        // the instruction at fault; absent: the function as a whole
};

/// The first violated invariant in order of the text; nullopt when the function is well formed.
std::optional<Violation> find_violation(const Module& m, FuncId f, const OpSet& ops);
/// Its message only.
std::optional<std::string> verify(const Module& m, FuncId f, const OpSet& ops);

}  // namespace dlc
