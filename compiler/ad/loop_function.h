// A loop whose number of steps nothing bounds, as a function in which that number is a size:
//
//   loop[T](count, s, c) = for i in 0..count { s = body(i, s, c) }        with the bound T
#pragma once
#include "ir/module.h"

namespace dlc {

/// Of the loop `v` of `source`; its parameters are the count, the carried values and the captures. Memoised.
[[nodiscard]] FuncId loop_function(Module& m, const Func& source, ValueId v);

}  // namespace dlc
