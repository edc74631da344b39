// Running the interpreter over Scaled, see error_scale.h.
#include "pipeline/error_scale.h"

#include "interp/interp.h"

namespace dlc {
namespace {

InterpValue<Scaled> exact(const InterpValue<double>& v) {
  InterpValue<Scaled> out{v.dtype, v.dims, {}, v.ints, {}};
  for (double x : v.floats) out.floats.push_back(Scaled(x));
  for (const auto& field : v.fields) out.fields.push_back(exact(field));
  return out;
}

void add_scales(const InterpValue<Scaled>& v, std::vector<double>& out) {
  for (const Scaled& x : v.floats) out.push_back(static_cast<double>(x.scale));
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
