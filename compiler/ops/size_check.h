// A function's size checks: what they say when they fail, and what becomes of them when the function is inlined.
//
//   error[empty-reduction]: a reduction of no elements has no value
//     --> net.dl:4:12
//    4 | fn f[n](x: real[n]) = norm(x)
//      |         -             ^^^^^^^ called here
//      |         `n` is 0, from argument `x`
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/diagnostic.h"
#include "ir/module.h"

namespace dlc {

/// A size variable and the parameter whose type mentions it first.
struct SizeOrigin {
  std::string size, parameter;  // the parameter is empty when there is none
  Span span;                    // of the parameter
};
/// In the order of the function's size variables.
std::vector<SizeOrigin> size_origins(const Module& m, const Func& f);
/// A label "`n` is 3, from argument `x`".
void label_origin(Diagnostic& d, const SizeOrigin& origin, int64_t value, bool is_fixed = false);

/// A failed check, as far as it is known without the function's sizes: `value` is what should not be negative.
Diagnostic failed_check(const SizeCheck& check, int64_t value, std::optional<int64_t> extent);
/// One of `f`, with the sizes that led to it: found from the arguments, or fixed beforehand.
Diagnostic failed_check(const Module& m, const Func& f, const SizeCheck& check, int64_t value, const std::map<StrId, int64_t>& sizes,
                        bool are_fixed = false);

/// The checks of `callee` become checks of `caller`, which calls it at `call` with these sizes; those that hold always
/// are left out.
void inline_checks(Module& m, Func& caller, const Func& callee, const std::map<StrId, DimId>& sizes, Span call);

}  // namespace dlc
