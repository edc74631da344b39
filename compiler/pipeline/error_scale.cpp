// Running the interpreter over Scaled, see error_scale.h.
#include "pipeline/error_scale.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "interp/interp.h"
#include "pipeline/numeric.h"

namespace dlc {
namespace {

InterpValue<Scaled> exact(const InterpValue<double>& v) {
  InterpValue<Scaled> out{v.dtype, v.dims, {}, v.ints, {}};
  for (double x : v.floats) out.floats.push_back(Scaled(x));
  for (const auto& field : v.fields) out.fields.push_back(exact(field));
  return out;
}

/// In 200 bits a bound may be far beyond f64, of a result well within: chaos. It is a bound all the same, not an unknown one.
double in_double(const Big& scale) {
  return isfinite(scale) ? std::min(static_cast<double>(scale), std::numeric_limits<double>::max()) : static_cast<double>(scale);
}

void add_scales(const InterpValue<Scaled>& v, std::vector<double>& out) {
  for (const Scaled& x : v.floats) out.push_back(in_double(x.scale));
  for (const auto& field : v.fields) add_scales(field, out);
}

}  // namespace

std::vector<double> scales_of(const Module& m, FuncId f, std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& sizes) {
  std::vector<InterpValue<Scaled>> exact_args;
  for (const auto& a : args) exact_args.push_back(exact(a));
  const auto value = interpret<Scaled>(m, f, exact_args, sizes);
  std::vector<double> scales;
  if (value) add_scales(*value, scales);
  return scales;
}

std::optional<Span> error_origin(const Module& m, FuncId f, std::span<const InterpValue<double>> args, const std::map<StrId, int64_t>& sizes) {
  const Func& g = m[f];
  std::vector<InterpValue<double>> doubles(g.insts.size());
  std::vector<double> error(g.insts.size(), 0);
  const InterpObserver<double> keep = [&](FuncId in, ValueId v, const InterpValue<double>& value) {
    if (in == f) doubles[static_cast<size_t>(v.i)] = value;
  };
  const InterpObserver<Big> compare = [&](FuncId in, ValueId v, const InterpValue<Big>& value) {
    if (in != f) return;
    const auto& rounded = doubles[static_cast<size_t>(v.i)];
    double& most = error[static_cast<size_t>(v.i)];
    for (size_t k = 0; k < value.floats.size() && k < rounded.floats.size(); ++k) {
      const Big& x = value.floats[k];
      if (isfinite(x) && x != 0 && std::isfinite(rounded.floats[k])) most = std::max(most, std::abs(static_cast<double>((Big(rounded.floats[k]) - x) / x)));
    }
  };
  std::vector<InterpValue<Big>> exact_args;
  for (const auto& a : args) exact_args.push_back(converted<Big>(a));
  if (!interpret<double>(m, f, args, sizes, {}, keep) || !interpret<Big>(m, f, exact_args, sizes, {}, compare)) return std::nullopt;
  double most = 0;
  std::optional<Span> worst;
  for (ValueId v : g.body().body) {
    double inherited = 0;
    for (ValueId o : g.operands(v)) inherited = std::max(inherited, error[static_cast<size_t>(o.i)]);
    const double grown = error[static_cast<size_t>(v.i)] - inherited;
    if (grown > most && g[v].loc.span) most = grown, worst = g[v].loc.span;
  }
  return worst;
}

}  // namespace dlc
