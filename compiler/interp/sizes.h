// From the shapes of arguments to the values of a function's size variables.
#pragma once
#include <map>
#include <span>

#include "base/result.h"
#include "interp/value.h"
#include "ir/module.h"

namespace dlc {

/// Binds every size variable of `f` so that its parameters have the shapes of the arguments. A plain occurrence binds,
/// so does one that is linear in the only variable still unknown (`real[2*l]`); all others are checked. `given` holds
/// what the caller has fixed. The error names the parameter and both sizes.
Result<std::map<StrId, int64_t>> bind_sizes(const Module& m, const Func& f, std::span<const Shape> args,
                                            const std::map<StrId, int64_t>& given = {});

}  // namespace dlc
