// What the interpreter computes with: arrays and tuples over any number type T.
//
//   T = double                 what compiled code computes, to the last bit (f32 values are doubles that are floats)
//   T = Big                    200 bits, the oracle: f32 and f64 alike are exact
//   T = std::complex<double>   for the complex step: f(x + ih)
//   T = Scaled                 200 bits, and how large the numbers were that a value was put together from
//
// Ints wrap around and bools are 0 or 1, whatever T is.
#pragma once
#include <complex>
#include <cstdint>
#include <string>
#include <vector>

#include "base/big.h"
#include "ir/types.h"

namespace dlc {

/// A number with the sum of the sizes of the terms it was made of: see pipeline/error_scale.h.
struct Scaled {
  Big value, scale;
  Scaled() = default;
  explicit Scaled(double x) : value(x) {}
  Scaled(Big x, Big s) : value(std::move(x)), scale(std::move(s)) {}
};

template <class T>
struct InterpValue {
  DType dtype = DType::f64;
  std::vector<int64_t> dims;        // empty: a scalar (or a tuple)
  std::vector<T> floats;            // f32, f64: the elements, row-major
  std::vector<int64_t> ints;        // int, bool; a key has two per element
  std::vector<InterpValue> fields;  // tuple

  static InterpValue scalar(T value, DType dtype = DType::f64) { return {dtype, {}, {value}, {}, {}}; }
  static InterpValue array(std::vector<int64_t> dims, std::vector<T> elements, DType dtype = DType::f64) {
    return {dtype, std::move(dims), std::move(elements), {}, {}};
  }
  static InterpValue of_int(int64_t value) { return {DType::i64, {}, {}, {value}, {}}; }
  static InterpValue of_bool(bool value) { return {DType::b1, {}, {}, {value ? 1 : 0}, {}}; }
  static InterpValue of_ints(std::vector<int64_t> dims, std::vector<int64_t> elements, DType dtype = DType::i64) {
    return {dtype, std::move(dims), {}, std::move(elements), {}};
  }
  static InterpValue tuple(std::vector<InterpValue> fields) { return {DType::tuple, {}, {}, {}, std::move(fields)}; }

  int64_t count() const {
    int64_t n = 1;
    for (int64_t d : dims) n *= d;
    return n;
  }
};

/// Dtype and sizes of an argument, without its elements.
struct Shape {
  DType dtype = DType::f64;
  std::vector<int64_t> dims;
  std::vector<Shape> fields;
  bool operator==(const Shape&) const = default;
};

template <class T>
Shape shape_of(const InterpValue<T>& v) {
  Shape s{v.dtype, v.dims, {}};
  for (const InterpValue<T>& f : v.fields) s.fields.push_back(shape_of(f));
  return s;
}

/// "f64[3, 2]", "(f64, int)".
std::string shape_text(const Shape& s);

}  // namespace dlc
