// What every derivative must satisfy, checked for one function at one point: the modes agree with each other and with
// a central difference in 200 bits (whose error at h = 1e-20 is far below f64's), first and second order, and
// ⟨u, J v⟩ = ⟨Jᵀu, v⟩.
#pragma once
#include <string>
#include <vector>

#include "ad/activity.h"
#include "base/big.h"
#include "program.h"

namespace dlc::test {

/// The leaves of all arguments or of a result, each flat in row-major order.
template <class T>
using Leaves = std::vector<std::vector<T>>;

Leaves<double> run(Program& p, FuncId f, const Leaves<double>& args);
Leaves<Big> run(Program& p, FuncId f, const Leaves<Big>& args);

/// Reverse-mode gradient by the active parameters (default: the floats), without the value.
Leaves<double> gradient_at(Program& p, FuncId f, const Leaves<double>& args);
/// The Hessian times `v` of a function of one active parameter, forward over reverse.
std::vector<double> hessian_times(Program& p, FuncId f, const Leaves<double>& args, const std::vector<double>& v);

/// All of the above, at `args`; no kink may be near. `of` as in Wrt.
void check_all(Program& p, FuncId f, const Leaves<double>& args, int of = -1);
/// No nan or inf anywhere in first and second derivatives, in any mode; reverse = forward.
void check_finite(Program& p, FuncId f, const Leaves<double>& args);

}  // namespace dlc::test
