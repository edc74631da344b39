// One-sided slopes, of a result and of each operation on the way to it.
#include "pipeline/slopes.h"

#include <algorithm>

#include "interp/interp.h"
#include "ops/table.h"
#include "pipeline/directions.h"

namespace dlc {
namespace {

constexpr int kStep = -70, kNearer = -20;      // exponents
constexpr size_t kMostNumbers = 1'000'000;     // kept of an evaluation, 48 bytes each

/// The element-th float, in the order of fields; counts it down by those that it passes.
Big* float_at(InterpValue<Big>& v, size_t& element) {
  if (element < v.floats.size()) return &v.floats[element];
  element -= v.floats.size();
  for (auto& field : v.fields)
    if (Big* found = float_at(field, element)) return found;
  return nullptr;
}

struct Slopes {
  Big left, right;
};

std::optional<Slopes> slopes(const Curve& f, const std::optional<Big>& middle, const Big& h) {
  const auto above = f(h), below = f(-h);
  if (!above || !below || !middle || !isfinite(*above) || !isfinite(*below)) return std::nullopt;
  return Slopes{(*middle - *below) / h, (*above - *middle) / h};
}

/// Whether the operation may have a kink where its operands have none. Of others the slopes may differ all the same: those of the
/// product cbrt(x)·cbrt(x) do at 0, where cbrt is steep to both sides.
bool may_have_kink(const Op& op) {
  return op.kind == OpKind::reduction || (op.kind == OpKind::elementwise && (!op.analytic || op.unbounded_diff));
}

/// What such operations of a function compute, in order.
struct Trace {
  std::vector<std::pair<FuncId, ValueId>> operations;
  std::vector<Big> floats;
  std::vector<int64_t> ints;
};

std::optional<Trace> traced(const Module& m, FuncId f, const std::vector<InterpValue<Big>>& args, const std::map<StrId, int64_t>& sizes) {
  Trace t;
  const InterpObserver<Big> keep = [&](FuncId in, ValueId v, const InterpValue<Big>& value) {
    if (!may_have_kink(op_row(m[in][v].op)) || t.floats.size() + t.ints.size() > kMostNumbers) return;
    t.operations.emplace_back(in, v);
    t.floats.insert(t.floats.end(), value.floats.begin(), value.floats.end());
    t.ints.insert(t.ints.end(), value.ints.begin(), value.ints.end());
  };
  if (!interpret<Big>(m, f, args, sizes, {}, keep)) return std::nullopt;
  return t;
}

}  // namespace

Line line_by(const std::vector<InterpValue<Big>>& x, size_t parameter, size_t element) {
  return [&x, parameter, element](const Big& t) {
    std::vector<InterpValue<Big>> moved = x;
    size_t left = element;
    *float_at(moved[parameter], left) += t;
    return moved;
  };
}

Line line_along(const std::vector<InterpValue<Big>>& x, std::span<const int> wrt, std::span<const InterpValue<double>> direction) {
  return [&x, wrt, direction](const Big& t) {
    std::vector<InterpValue<Big>> moved = x;
    for (size_t k = 0; k < wrt.size(); ++k) add_scaled(moved[static_cast<size_t>(wrt[k])], direction[k], t);
    return moved;
  };
}

Big difference_step() { return ldexp(Big(1), kStep); }

Difference difference(const Curve& f, const std::optional<Big>& middle, double scale) {
  const Big h = difference_step();
  const auto at_step = slopes(f, middle, h);
  if (!at_step) return {.on_kink = true};  // the edge of the domain
  const auto& [left, right] = *at_step;
  Difference d{.value = (right + left) / 2};
  const Big size = abs(right) + abs(left) + Big(scale), gap = abs(right - left);
  if (gap > size * Big(1e-9)) {
    // Of a smooth function, whose slope is zero here, the gap shrinks with the step.
    const auto nearer = slopes(f, middle, ldexp(h, kNearer));
    d.on_kink = !nearer || abs(nearer->right - nearer->left) > gap * Big(1e-3);
  }
  return d;
}

bool is_mended(const Difference& d, const Big& exact, const Curve& f, const std::optional<Big>& middle) {
  const auto nearer = slopes(f, middle, ldexp(difference_step(), kNearer));
  return nearer && abs(d.value - exact) <= 2 * abs(d.value - (nearer->left + nearer->right) / 2);
}

bool is_on_kink(const Module& m, FuncId f, const Line& line, const std::map<StrId, int64_t>& sizes) {
  const Big h = difference_step(), nearer = ldexp(h, kNearer);
  const auto here = traced(m, f, line(Big(0)), sizes);
  std::optional<Trace> around[4];
  const Big steps[4] = {-h, h, -nearer, nearer};
  if (!here) return false;
  for (int k = 0; k < 4; ++k) {
    around[k] = traced(m, f, line(steps[k]), sizes);
    if (!around[k]) return true;  // the edge of the domain
    // Another branch, another number of steps, another side of a comparison.
    if (around[k]->operations != here->operations || around[k]->ints != here->ints || around[k]->floats.size() != here->floats.size()) return true;
  }
  Big largest = 0;  // so far: what rounding is relative to, whatever cancels later
  for (size_t k = 0; k < here->floats.size(); ++k) {
    const Big &middle = here->floats[k], &below = around[0]->floats[k], &above = around[1]->floats[k];
    if (!isfinite(middle) || !isfinite(below) || !isfinite(above)) continue;  // not what the finite result is made of
    if (abs(middle) > largest) largest = abs(middle);
    const Big left = (middle - below) / h, right = (above - middle) / h, gap = abs(right - left);
    if (gap <= (abs(left) + abs(right)) * Big(1e-9) + ldexp(largest, -95)) continue;
    const Big nearer_left = (middle - around[2]->floats[k]) / nearer, nearer_right = (around[3]->floats[k] - middle) / nearer;
    if (abs(nearer_right - nearer_left) > gap * Big(1e-3)) return true;
  }
  return false;
}

}  // namespace dlc
