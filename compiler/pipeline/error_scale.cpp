// Running the interpreter over Scaled, see error_scale.h.
#include "pipeline/error_scale.h"

#include <algorithm>
#include <limits>

#include "interp/interp.h"

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

}  // namespace dlc
