// Slopes to both sides of a point in 200 bits: differences that know nothing of the rules, and where they prove nothing.
//
//   const Difference d = difference(curve, middle, scale);       // of one number along a line
//   if (d.on_kink || is_on_kink(m, f, line, sizes)) …            // only the modes can be compared with each other here
//
// A function is on a kink where its own slopes to the two sides differ. It may also be smooth and be made of what is on one:
// abs(x)² and relu(x) − relu(−x) at 0. There the modes follow the conventions of docs/derivatives.md for each operation, and
// the derivative that they agree on is not that of the whole. `is_on_kink` looks at each operation.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "interp/value.h"
#include "ir/module.h"

namespace dlc {

/// A number along a line through a point, at distance t; nothing where it has no value.
using Curve = std::function<std::optional<Big>(const Big& t)>;
/// The arguments at distance t.
using Line = std::function<std::vector<InterpValue<Big>>(const Big& t)>;
/// … of one float of one parameter, and of all floats of the parameters `wrt` along a direction. What is passed must outlive them.
Line line_by(const std::vector<InterpValue<Big>>& x, size_t parameter, size_t element);
Line line_along(const std::vector<InterpValue<Big>>& x, std::span<const int> wrt, std::span<const InterpValue<double>> direction);

/// The step of differences: 2⁻⁷⁰, which leaves 130 bits to the difference of values.
Big difference_step();

/// The central difference at that step.
struct Difference {
  Big value;
  bool on_kink = false;  // … or on the edge of the domain, where there is no value
};
/// `middle` is the number at the point, `scale` the size of what its slope is made of.
Difference difference(const Curve& f, const std::optional<Big>& middle, double scale);

/// Where f has no second derivative a difference is only as good as its step is short: what a shorter one mends is no fault.
bool is_mended(const Difference& d, const Big& exact, const Curve& f, const std::optional<Big>& middle);

/// Whether some operation of `f`, or of what it calls, has other slopes to one side of the point than to the other, or jumps.
/// Of very long programs the first million numbers are looked at.
bool is_on_kink(const Module& m, FuncId f, const Line& line, const std::map<StrId, int64_t>& sizes);

}  // namespace dlc
