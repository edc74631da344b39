// What a mode costs, in passes over the function, as `diff` and `trace` say it.
#pragma once
#include <map>
#include <string>

#include "ir/module.h"

namespace dlc {

/// "forward: 2 passes, one for each input, or 1 vectorised over both". `n_functions`: how many functions of the same
/// inputs are differentiated together.
std::string pass_text(Module& m, const DerivativeRequest& request, const std::map<StrId, int64_t>& sizes, int64_t n_functions = 1);

}  // namespace dlc
