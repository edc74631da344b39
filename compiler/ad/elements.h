// Gradients one direction at a time: x_bar[e] = ⟨bar, ∂f/∂x_e⟩ for every element e of the active parameters. For a scalar
// that is one directional derivative; for an array a `map` over its elements, whose direction is one-hot, so that
// `batch` turns the k directions into one pass over arrays with k rows.
//
// A direction's derivative is a tangent (forward mode), or a central difference (numeric mode):
//
//   (f(x + h·e) − f(x − h·e)) / ((x_e + h) − (x_e − h)),    h = ∛ε·max(1, |x_e|)
//
// The error of a central difference is h²·f'''/6 from the formula and ε·f/h from rounding; both are near ε^(2/3) at this h,
// about 4e-11 in f64 and 2e-5 in f32. The divisor is the step that was really taken: x + h is rounded.
#pragma once
#include "ad/activity.h"

namespace dlc {

enum class Along : uint8_t { tangent, difference };

/// The same signatures as `reverse` (unit_seed = false) and `gradient` (true) in ad/reverse.h. Absent after an error.
[[nodiscard]] FuncId by_elements(Module& m, FuncId f, const Wrt& wrt, bool unit_seed, Along along, Diagnostics& diagnostics);

/// The derivative by one element of one leaf of a parameter: a one-hot tangent, or a central difference.
class Direction {
 public:
  Direction(Module& m, FuncId f, const Wrt& wrt, Along along, size_t param, int leaf, TypeId leaf_type, FuncId jvp);
  /// ∂y/∂x[indices] for each float leaf of the differentiated part, as a number of the
  /// dtype of x. `args` are those of f.
  std::vector<ValueId> derivatives(Builder& b, std::span<const ValueId> args, std::span<const ValueId> indices) const;

 private:
  Module& m_;
  FuncId f_;
  const Wrt& wrt_;
  Along along_;
  size_t param_;
  int leaf_;
  TypeId leaf_type_;
  FuncId jvp_;  // of f in `param` only; for Along::tangent
};
std::optional<Direction> direction_of(Module& m, FuncId f, const Wrt& wrt, Along along, size_t param, int leaf, TypeId leaf_type, Diagnostics& diagnostics);

/// A directional derivative as one central difference, with the signature of `forward` (ad/forward.h): the step is
/// h = ∛ε·max(1, max|x|) / max|v| for all active parameters together.
[[nodiscard]] FuncId numeric_jvp(Module& m, FuncId f, const Wrt& wrt, Diagnostics& diagnostics);

}  // namespace dlc
