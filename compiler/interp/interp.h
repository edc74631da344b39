// The reference interpreter: the specification of what IR means. It runs one instruction after the other over whole
// arrays, at any stage of the pipeline, over the number types of interp/value.h.
//
//   const auto x = InterpValue<double>::array({3}, {1, 2, 3});
//   const Result<InterpValue<double>> y = interpret<double>(module, f, std::span(&x, 1));
//   if (!y) report(y.error().message);
//
// The function must pass the verifier. Thread safe: it only reads the module. Errors (a size that does not fit, a
// subscript outside its array, a limit) come back as a Result; nothing here throws or aborts.
#pragma once
#include <functional>
#include <limits>
#include <map>
#include <span>

#include "base/result.h"
#include "interp/sizes.h"
#include "interp/value.h"
#include "ir/module.h"

namespace dlc {

struct InterpOptions {
  int64_t max_elements = int64_t{1} << 31;                  // of one value, and of what one instruction visits at once
  int64_t max_steps = std::numeric_limits<int64_t>::max();  // instructions run plus elements visited
  const Sources* sources = nullptr;                         // given: run-time errors begin with the place
};

/// Sees every value as it is computed, parameters of the called function first. A `map` body shows up once per point,
/// a call's instructions under the callee's id; whoever wants the outermost only looks at the FuncId and the block.
template <class T>
using InterpObserver = std::function<void(FuncId, ValueId, const InterpValue<T>&)>;

/// Calls `f`. Size variables that `sizes` does not give are bound from the arguments, and all of them are checked.
template <class T>
Result<InterpValue<T>> interpret(const Module& m, FuncId f, std::span<const InterpValue<T>> args,
                                 const std::map<StrId, int64_t>& sizes = {}, const InterpOptions& options = {},
                                 const InterpObserver<T>& observer = {});

extern template Result<InterpValue<double>> interpret(const Module&, FuncId, std::span<const InterpValue<double>>,
                                                      const std::map<StrId, int64_t>&, const InterpOptions&,
                                                      const InterpObserver<double>&);
extern template Result<InterpValue<Big>> interpret(const Module&, FuncId, std::span<const InterpValue<Big>>,
                                                   const std::map<StrId, int64_t>&, const InterpOptions&,
                                                   const InterpObserver<Big>&);
extern template Result<InterpValue<std::complex<double>>> interpret(const Module&, FuncId,
                                                                    std::span<const InterpValue<std::complex<double>>>,
                                                                    const std::map<StrId, int64_t>&,
                                                                    const InterpOptions&,
                                                                    const InterpObserver<std::complex<double>>&);
extern template Result<InterpValue<Scaled>> interpret(const Module&, FuncId, std::span<const InterpValue<Scaled>>,
                                                      const std::map<StrId, int64_t>&, const InterpOptions&,
                                                      const InterpObserver<Scaled>&);

}  // namespace dlc
