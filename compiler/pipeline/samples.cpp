// Drawing sizes and numbers.
#include "pipeline/samples.h"

#include <algorithm>
#include <cmath>

namespace dlc {
namespace {
constexpr int kStyles = 5;
constexpr uint64_t kInts[kStyles] = {2, 4, 3, 4, 2};  // ints are below this: often subscripts, of arrays that may be short
constexpr int kWhole = 4;  // the style of whole numbers
constexpr int64_t kLargestSize = 5, kLargerSize = 8;
constexpr int64_t kLongRow = 16;
}  // namespace

bool Sampler::fits(TypeId id, const std::map<StrId, int64_t>& sizes) const {
  const Type& type = m_.types[id];
  for (DimId d : type.dims)
    if (m_.types.dims.evaluate(d, sizes).value_or(0) <= 0) return false;
  return std::all_of(type.fields.begin(), type.fields.end(), [&](const Field& field) { return fits(field.type, sizes); });
}

bool Sampler::fits(const std::map<StrId, int64_t>& sizes) const {
  for (ValueId p : f_.body().params)
    if (!fits(f_[p].type, sizes)) return false;
  for (const SizeCheck& check : f_.checks)
    if (m_.types.dims.evaluate(check.nonnegative, sizes).value_or(-1) < 0) return false;
  return fits(f_.result_type(), sizes);
}

bool Sampler::choose_sizes(std::map<StrId, int64_t>& sizes) {
  // Different sizes first: a mixed-up axis then shows.
  constexpr int64_t kFirst[] = {3, 2, 4, 5, 1};
  constexpr int kAttempts = 1000;  // with sizes up to 5, and then up to 8
  for (int attempt = 0; attempt < 2 * kAttempts; ++attempt) {
    const auto largest = static_cast<uint64_t>(attempt < kAttempts ? kLargestSize : kLargerSize);
    size_t k = 0;
    for (StrId name : f_.size_vars) {
      sizes[name] = attempt == 0 ? kFirst[k % std::size(kFirst)] : 1 + static_cast<int64_t>(random_() % largest);
      ++k;
    }
    if (fits(sizes)) return true;
    if (f_.size_vars.empty()) return false;
  }
  return false;
}

void Sampler::enlarge(std::map<StrId, int64_t>& sizes, const Fails& fails) const {
  Sampler other = *this;
  const auto always_fails = [&](const std::map<StrId, int64_t>& at) {
    for (int n = 0; n < 2 * kStyles; ++n)
      if (!fails(other.sample(n, at), at)) return false;
    return true;
  };
  if (f_.size_vars.empty() || !always_fails(sizes)) return;
  constexpr int kAttempts = 30;
  for (int64_t largest : {kLargestSize, kLargerSize})
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      std::map<StrId, int64_t> larger = sizes;
      for (StrId name : f_.size_vars) larger[name] = attempt == 0 ? largest : 1 + static_cast<int64_t>(other.random_() % static_cast<uint64_t>(largest));
      if (!fits(larger) || always_fails(larger)) continue;
      sizes = larger;
      return;
    }
}

double Sampler::number(int style) {
  const auto between = [&](double lo, double hi) { return std::uniform_real_distribution<>(lo, hi)(random_); };
  switch (style) {
    case 0: return between(0.05, 0.95);                            // probabilities, arguments of log and asin
    case 1: return std::normal_distribution<>()(random_);
    case 2: return between(0.5, 3);
    case 3: return between(-3, 3);
    default: return std::floor(between(-1, 3));                    // whole numbers: kinks, ties
  }
}

InterpValue<double> Sampler::value(TypeId id, int style, const std::map<StrId, int64_t>& sizes) {
  const Type type = m_.types[id];
  InterpValue<double> v;
  v.dtype = type.dtype;
  for (const Field& field : type.fields) v.fields.push_back(value(field.type, style, sizes));
  if (type.is_tuple()) return v;
  for (DimId d : type.dims) v.dims.push_back(m_.types.dims.evaluate(d, sizes).value_or(0));
  const int64_t n = v.count();
  // Of long rows, as the weights of a layer of fixed size are, smaller numbers: else sums of products grow with each layer, and
  // a softmax over them is flat. Whole numbers stay whole.
  const int64_t row = v.dims.empty() ? 1 : n / std::max<int64_t>(v.dims[0], 1);
  const double scale = row > kLongRow && style != kWhole ? 1 / std::sqrt(static_cast<double>(row)) : 1;
  for (int64_t k = 0; k < n; ++k) {
    if (type.dtype == DType::f64) v.floats.push_back(scale * number(style));
    else if (type.dtype == DType::f32) v.floats.push_back(static_cast<float>(scale * number(style)));
    else if (type.dtype == DType::b1) v.ints.push_back(static_cast<int64_t>(random_() % 2));
    else v.ints.push_back(static_cast<int64_t>(random_() % kInts[style]));
  }
  return v;
}

std::vector<InterpValue<double>> Sampler::sample(int n, const std::map<StrId, int64_t>& sizes) {
  std::vector<InterpValue<double>> args;
  for (ValueId p : f_.body().params) args.push_back(value(f_[p].type, n % kStyles, sizes));
  return args;
}

InterpValue<double> Sampler::direction(const InterpValue<double>& like) {
  InterpValue<double> v = like;
  for (auto& field : v.fields) field = direction(field);
  for (double& x : v.floats) {
    x = std::normal_distribution<>()(random_);
    if (v.dtype == DType::f32) x = static_cast<float>(x);
  }
  return v;
}

}  // namespace dlc
