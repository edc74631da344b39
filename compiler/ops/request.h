// Makes the Func of a derivative request: its name, parameters and result type, before the derivative passes give it
// a body. `grad(f, wrt = x)` in a source, `dlc diff --wrt x` and Program::grad all come here, so their types agree.
#pragma once
#include "ir/module.h"

namespace dlc {

const char* kind_name(DerivativeRequest::Kind kind);  // "grad", as the program writes it

/// `request.base` must have a result type and `request.wrt` name float parameters of it. Parameters: base's, then the
/// directions `d<name>` of a jvp or hvp, or `bar` of a vjp. Result: the derivative by the one parameter, or
/// a named tuple when `is_list`; with_value gives (value, derivative). Memoised: equal requests are one function.
FuncId request_function(Module& m, const DerivativeRequest& request, Loc loc);

/// What an element of `request.wrt` is: a parameter, or by its path a field of one. A path goes by its last name.
struct WrtItem {
  StrId name;
  TypeId type;
};
WrtItem wrt_item(const Module& m, const DerivativeRequest& request, size_t k);

/// The type of the derivative of a result of type `y` by a parameter of type `p`: y's tuples outside, then p's, then arrays
/// with y's axes before p's, of p's dtype.
TypeId block_type(TypeTable& types, TypeId y, TypeId p);

/// The type of the part of a result that is differentiated: field `of`, or all of it (of = −1).
TypeId differentiated_part(const Module& m, TypeId result, int of);

}  // namespace dlc
