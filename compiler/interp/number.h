// The arithmetic of sums and products by dtype: the same loop runs over `float`, `double`, Big, complex and ints. An
// f32 element is stored as a double; its arithmetic must happen in float, and an int's must wrap.
#pragma once
#include <cmath>
#include <complex>

#include "interp/value.h"

namespace dlc::interp {

/// An int (or a bool), with arithmetic modulo 2^64.
struct Int {
  uint64_t bits = 0;
  Int() = default;
  explicit Int(double v) : bits(static_cast<uint64_t>(static_cast<int64_t>(v))) {}  // 0, -0 and 1 of the loops
  static Int of(int64_t v) {
    Int i;
    return i.bits = static_cast<uint64_t>(v), i;
  }
  friend Int operator+(Int a, Int b) { return a.bits += b.bits, a; }
  friend Int operator*(Int a, Int b) { return a.bits *= b.bits, a; }
  int64_t value() const { return static_cast<int64_t>(bits); }
};

inline float multiply_add(float a, float b, float c) { return std::fma(a, b, c); }
inline double multiply_add(double a, double b, double c) { return std::fma(a, b, c); }
inline Big multiply_add(const Big& a, const Big& b, const Big& c) { return fma(a, b, c); }
inline std::complex<double> multiply_add(std::complex<double> a, std::complex<double> b, std::complex<double> c) {
  return a * b + c;
}
// s(Σ x) = Σ (s(x) + |x|), and s(a·b) = |a| s(b) + s(a) |b| + |a b|; the sum so far is `a` and `c`.
inline Scaled operator+(const Scaled& a, const Scaled& b) { return {a.value + b.value, a.scale + b.scale + abs(b.value)}; }
inline Scaled multiply_add(const Scaled& a, const Scaled& b, const Scaled& c) {
  const Big x = abs(a.value), y = abs(b.value);
  return {fma(a.value, b.value, c.value), c.scale + x * y + x * b.scale + a.scale * y};
}
inline Int multiply_add(Int a, Int b, Int c) { return a * b + c; }

/// What makes no difference on the left of a sum: 0 would turn a sum of -0 into 0.
template <class N>
N minus_zero() {
  return N(-0.0);
}
template <>
inline std::complex<double> minus_zero() {
  return {-0.0, -0.0};
}

template <class N, class T>
N load(const InterpValue<T>& x, int64_t at) {
  if constexpr (std::is_same_v<N, Int>)
    return Int::of(x.ints[static_cast<size_t>(at)]);
  else
    return static_cast<N>(x.floats[static_cast<size_t>(at)]);
}
template <class N, class T>
void store(InterpValue<T>& x, int64_t at, const N& value) {
  if constexpr (std::is_same_v<N, Int>)
    x.ints[static_cast<size_t>(at)] = value.value();
  else
    x.floats[static_cast<size_t>(at)] = static_cast<T>(value);
}

/// Calls `f(N())` with the type that numbers of this dtype are computed in.
template <class T, class F>
void in_arithmetic_of(DType dtype, F&& f) {
  if (!is_float(dtype)) return f(Int());
  if constexpr (std::is_same_v<T, double>)
    if (dtype == DType::f32) return f(float());
  f(T());
}

/// Row-major positions of a box: Σ index·stride for every index, last axis fastest. One position when there is no axis.
inline std::vector<int64_t> box_positions(const std::vector<int64_t>& dims, const std::vector<int64_t>& strides) {
  std::vector<int64_t> positions{0};
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    std::vector<int64_t> next;
    for (int64_t p : positions)
      for (int64_t i = 0; i < dims[axis]; ++i) next.push_back(p + i * strides[axis]);
    positions = std::move(next);
  }
  return positions;
}

inline std::vector<int64_t> row_major_strides(const std::vector<int64_t>& dims) {
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t axis = dims.size(); axis-- > 1;) strides[axis - 1] = strides[axis] * dims[axis];
  return strides;
}

/// The entries of `all` from `begin` on, `n` of them.
inline std::vector<int64_t> part(const std::vector<int64_t>& all, int64_t begin, int64_t n) {
  return {all.begin() + begin, all.begin() + begin + n};
}

}  // namespace dlc::interp
