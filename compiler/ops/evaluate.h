// Values of elementwise ops on numbers, in two senses.
//
// evaluate_native: bit for bit what compiled code gives: a primitive is one IEEE operation, everything else walks the
// row's expansion. Constant folding and the interpreter over double and float use it.
// evaluate_meaning: the exact function, over Big (200 bits) or std::complex; the oracle.
//
//   double e = evaluate_native("exp"_op, std::span<const double>(&x, 1));
//   Big exact = evaluate_meaning("exp"_op, std::span<const Big>(&big_x, 1));
//
// Pure functions; any thread.
#pragma once
#include <complex>
#include <cstdint>
#include <span>

#include "base/big.h"
#include "ir/op.h"

namespace dlc {

/// A number with its dtype: f32, f64, i64 or b1 (kept in `i64` as 0 or 1).
struct Scalar {
  DType dtype = DType::f64;
  union {
    double f64 = 0;
    float f32;
    int64_t i64;
  };
  static Scalar of(double v) { return {DType::f64, {.f64 = v}}; }
  static Scalar of(float v) { return {DType::f32, {.f32 = v}}; }
  static Scalar of(int64_t v) { return {DType::i64, {.i64 = v}}; }
  static Scalar of(bool v) { return {DType::b1, {.i64 = v}}; }
  /// The value as another type: floats from anything, ints truncate and saturate.
  double as_f64() const { return dtype == DType::f64 ? f64 : dtype == DType::f32 ? static_cast<double>(f32) : static_cast<double>(i64); }
  float as_f32() const { return dtype == DType::f32 ? f32 : dtype == DType::f64 ? static_cast<float>(f64) : static_cast<float>(i64); }
  int64_t as_i64() const;
  Scalar converted(DType to) const;
};

/// Operands of the dtypes that the row's TypeRule asks for.
Scalar evaluate_native(OpId op, std::span<const Scalar> operands);

/// The op on f64, f32, int: bools and (of powi, polygamma, to_int) ints are passed and returned as whole numbers.
double evaluate_native(OpId op, std::span<const double> operands);
float evaluate_native(OpId op, std::span<const float> operands);
int64_t evaluate_native(OpId op, std::span<const int64_t> operands);

/// Bools are 0 and 1; conversions change nothing but to_int, which truncates. nan where the row has no such meaning.
Big evaluate_meaning(OpId op, std::span<const Big> operands);
/// Only where has_complex_meaning(op).
std::complex<double> evaluate_meaning(OpId op, std::span<const std::complex<double>> operands);
bool has_complex_meaning(OpId op);

}  // namespace dlc
