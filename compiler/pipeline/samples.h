// Points to try a function at: sizes no larger than 5 (8 where it fails at those), floats from several ranges so that some lie in the function's
// domain whatever it is, and now and then whole numbers, where kinks are.
#pragma once
#include <functional>
#include <map>
#include <random>
#include <vector>

#include "interp/value.h"
#include "ir/module.h"

namespace dlc {

class Sampler {
 public:
  Sampler(const Module& m, const Func& f, uint64_t seed) : m_(m), f_(f), random_(seed) {}

  /// Values of the size variables, at most 5 or, if there are no such, at most 8, such that every size of a parameter or of the result is positive and every
  /// check of a subscript holds. False when none is found.
  bool choose_sizes(std::map<StrId, int64_t>& sizes);
  using Fails = std::function<bool(const std::vector<InterpValue<double>>& args, const std::map<StrId, int64_t>& sizes)>;
  /// Where the function fails at all points of these sizes, others up to 8 at which it does not, if some are found. The points are
  /// not those of `sample`, which goes on as if this had not been called.
  void enlarge(std::map<StrId, int64_t>& sizes, const Fails& fails) const;
  std::vector<InterpValue<double>> sample(int number, const std::map<StrId, int64_t>& sizes);
  /// Normally distributed, for directions.
  InterpValue<double> direction(const InterpValue<double>& like);

 private:
  bool fits(const std::map<StrId, int64_t>& sizes) const;
  bool fits(TypeId type, const std::map<StrId, int64_t>& sizes) const;
  InterpValue<double> value(TypeId type, int style, const std::map<StrId, int64_t>& sizes);
  double number(int style);

  const Module& m_;
  const Func& f_;
  std::mt19937_64 random_;
};

}  // namespace dlc
