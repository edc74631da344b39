// One element of an elementwise op, by number type: `double` is what native code computes (ops/evaluate.h), Big and
// complex are the row's meaning. Ints, bools and their comparisons are exact in every case.
#pragma once
#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "interp/value.h"
#include "ops/evaluate.h"
#include "ops/table.h"

namespace dlc::interp {

/// An element with its dtype.
template <class T>
struct Element {
  DType dtype = DType::f64;
  T real{};             // f32, f64
  int64_t integer = 0;  // int, bool, key
};

inline Scalar to_scalar(const Element<double>& e) {
  if (e.dtype == DType::f64) return Scalar::of(e.real);
  if (e.dtype == DType::f32) return Scalar::of(static_cast<float>(e.real));
  if (e.dtype == DType::b1) return Scalar::of(e.integer != 0);
  Scalar whole = Scalar::of(e.integer);
  whole.dtype = e.dtype;  // an int, or a key
  return whole;
}
/// Rounded to the element's own type, for what is about bits or dtypes and not about numbers.
inline Scalar to_scalar(const Element<Big>& e) {
  return to_scalar(Element<double>{e.dtype, static_cast<double>(e.real), e.integer});
}
inline Scalar to_scalar(const Element<Scaled>& e) {
  return to_scalar(Element<double>{e.dtype, static_cast<double>(e.real.value), e.integer});
}
inline Scalar to_scalar(const Element<std::complex<double>>& e) {
  return to_scalar(Element<double>{e.dtype, e.real.real(), e.integer});
}

template <class T>
Element<T> from_scalar(const Scalar& s) {
  if (is_float(s.dtype)) return {s.dtype, T(s.as_f64()), 0};
  return {s.dtype, T(0.0), s.i64};
}

template <class T>
Element<T> evaluate_as_scalars(OpId op, std::span<const Element<T>> operands) {
  Scalar scalars[3];
  for (size_t k = 0; k < operands.size(); ++k) scalars[k] = to_scalar(operands[k]);
  return from_scalar<T>(evaluate_native(op, std::span<const Scalar>(scalars, operands.size())));
}

/// The operands as T: an int becomes the number it is.
template <class T>
void as_numbers(std::span<const Element<T>> operands, T (&out)[3]) {
  for (size_t k = 0; k < operands.size(); ++k) {
    if (is_float(operands[k].dtype))
      out[k] = operands[k].real;
    else if constexpr (std::is_same_v<T, Big>)
      out[k] = Big(operands[k].integer);
    else
      out[k] = T(static_cast<double>(operands[k].integer));
  }
}

/// nullopt: the op has no meaning over complex numbers and an imaginary part is not zero.
inline std::optional<Element<double>> evaluate(OpId op, DType, std::span<const Element<double>> operands) {
  return evaluate_as_scalars(op, operands);
}

/// Conversions between numbers, and what never depends on the number type; nullopt: neither.
template <class T>
std::optional<Element<T>> evaluate_exact(OpId op, DType result, std::span<const Element<T>> operands) {
  bool has_float = false;
  for (const Element<T>& e : operands) has_float = has_float || is_float(e.dtype);
  const TypeRule rule = op_row(op).type;
  if (rule == TypeRule::select) return operands[0].integer ? operands[1] : operands[2];
  if (rule == TypeRule::to_f32 || rule == TypeRule::to_f64) {
    T numbers[3];
    as_numbers(operands, numbers);
    return Element<T>{result, numbers[0], 0};
  }
  if (!has_float || rule == TypeRule::bits) return evaluate_as_scalars(op, operands);
  return std::nullopt;
}

inline std::optional<Element<Big>> evaluate(OpId op, DType result, std::span<const Element<Big>> operands) {
  if (const auto exact = evaluate_exact(op, result, operands)) return exact;
  if (op_row(op).type == TypeRule::to_int) return Element<Big>{result, {}, static_cast<int64_t>(operands[0].real)};
  Big numbers[3];
  as_numbers(operands, numbers);
  const Big y = evaluate_meaning(op, std::span<const Big>(numbers, operands.size()));
  if (is_float(result)) return Element<Big>{result, y, 0};
  return Element<Big>{result, {}, static_cast<int64_t>(y)};
}

inline std::optional<Element<std::complex<double>>> evaluate(OpId op, DType result,
                                                             std::span<const Element<std::complex<double>>> operands) {
  using Complex = std::complex<double>;
  if (const auto exact = evaluate_exact(op, result, operands)) return exact;
  bool is_real = true;
  for (const Element<Complex>& e : operands) is_real = is_real && e.real.imag() == 0;
  // A comparison looks at the real parts: the step is too small to change it.
  if (!is_float(result) || (is_real && !has_complex_meaning(op))) return evaluate_as_scalars(op, operands);
  if (!has_complex_meaning(op)) return std::nullopt;
  Complex numbers[3];
  as_numbers(operands, numbers);
  return Element<Complex>{result, evaluate_meaning(op, std::span<const Complex>(numbers, operands.size())), 0};
}

/// s(y) = |y| + Σ |∂y/∂x| s(x), by the rules of the row. A choice and a conversion between floats add nothing, and an infinity that
/// became a number again, exp(-∞) = 0, erred by nothing.
inline std::optional<Element<Scaled>> evaluate(OpId op, DType result, std::span<const Element<Scaled>> operands) {
  if (op_row(op).type == TypeRule::select) return operands[0].integer ? operands[1] : operands[2];
  Element<Big> values[3];
  for (size_t k = 0; k < operands.size(); ++k) values[k] = {operands[k].dtype, operands[k].real.value, operands[k].integer};
  const std::span<const Element<Big>> given(values, operands.size());
  const Element<Big> y = *evaluate(op, result, given);
  if (!is_float(result)) return Element<Scaled>{result, {}, y.integer};
  const auto apply = [](OpId inner, std::span<const Element<Big>> args, DType dtype) { return *evaluate(inner, dtype, args); };
  const auto constant = [](const Literal& literal, DType dtype) {
    return is_float(dtype) ? Element<Big>{dtype, Big(literal.as_f64()), 0} : Element<Big>{dtype, {}, literal.as_i64()};
  };
  Big scale = abs(y.real);
  for (size_t k = 0; k < operands.size(); ++k) {
    const Rule& rule = diff_rule(op, static_cast<int>(k));
    if (!is_float(operands[k].dtype) || !rule || rule.not_differentiable || rule.zero || operands[k].real.scale == Big(0)) continue;
    if (isinf(operands[k].real.value) && isfinite(y.real)) continue;
    const Element<Big> g{operands[k].dtype, operands[k].real.scale, 0};
    scale = scale + abs(walk<Element<Big>>(rule, result, given, y, g, apply, constant).real);
  }
  return Element<Scaled>{result, Scaled(y.real, scale), 0};
}

}  // namespace dlc::interp
