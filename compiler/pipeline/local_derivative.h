// The derivative of one instruction of a function, applied to numbers: what `trace` shows line by line. A scalar
// elementwise op takes the row's rule as it stands in the op table; anything else (a sum, a matrix product, an `if`, a
// call) becomes a function of one instruction, which AD differentiates like any other.
#pragma once
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "interp/value.h"
#include "pipeline/compilation.h"

namespace dlc {

using Values = std::vector<std::optional<InterpValue<double>>>;  // absent: zero by structure

class LocalDerivative {
 public:
  /// Instruction `v` of `f`'s body; `operands` and `y` are the values it took and made.
  LocalDerivative(Compilation& c, FuncId f, ValueId v, std::map<StrId, int64_t> sizes, std::vector<InterpValue<double>> operands,
                  InterpValue<double> y)
      : c_(c), func_(f), value_(v), sizes_(std::move(sizes)), operands_(std::move(operands)), y_(std::move(y)) {}

  /// True when everything is a scalar and the rule of the row applies.
  bool is_scalar_rule() const;
  /// ∂y/∂operand k of a scalar rule: the rule with g = 1. Absent: zero, or not differentiable.
  std::optional<double> partial(int k) const;

  /// dy from the tangents of the operands. Absent when it is zero by structure; an Error when AD or the interpreter fails.
  Result<std::optional<InterpValue<double>>> tangent(const Values& d_operands);
  /// The cotangents of the operands from that of y, for those with `wanted`.
  Result<Values> cotangents(const InterpValue<double>& y_bar, const std::vector<bool>& wanted);

 private:
  std::optional<double> rule(int k, double g) const;
  FuncId step_function();

  Compilation& c_;
  FuncId func_;
  ValueId value_;
  std::map<StrId, int64_t> sizes_;
  std::vector<InterpValue<double>> operands_;
  InterpValue<double> y_;
};

/// x + y for values of one shape.
InterpValue<double> sum_of(const InterpValue<double>& x, const InterpValue<double>& y);
/// A value of `type` with every float `number` (ints zero), with the sizes given.
InterpValue<double> filled(const Module& m, TypeId type, const std::map<StrId, int64_t>& sizes, double number);

}  // namespace dlc
