// Makes the Func of a derivative request: its name, parameters and result type, before the derivative passes give it
// a body. `grad(f, wrt = x)` in a source, `dlc diff --wrt x` and Program::grad all come here, so their types agree.
#pragma once
#include "ir/module.h"

namespace dlc {

/// `request.base` must have a result type and `request.wrt` name float parameters of it. Parameters: base's, then the
/// directions `d<name>` of a jvp, or `bar` of a vjp. Result (LANGUAGE, rule 1): the derivative by the one parameter, or
/// a named tuple when `is_list`; with_value gives (value, derivative). Memoised: equal requests are one function.
FuncId request_function(Module& m, const DerivativeRequest& request, Loc loc);

/// The type of the part of a result that is differentiated: field `of`, or all of it (of = −1).
TypeId differentiated_part(const Module& m, TypeId result, int of);

}  // namespace dlc
