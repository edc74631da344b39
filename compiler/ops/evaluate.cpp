// Walks expansions over Scalars; a primitive calls its row's meaning in the operands' own type, which is the IEEE
// operation itself (ops/meaning.h). This file must be compiled without contraction.
#include "ops/evaluate.h"

#include <bit>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "ir/type_rule.h"
#include "ops/table.h"

namespace dlc {
namespace {

/// What the target's saturating conversion does.
int64_t saturate(double v) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (std::isnan(v)) return 0;
  if (v >= kLimit) return std::numeric_limits<int64_t>::max();
  return v < -kLimit ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(v);
}

Scalar constant(const Literal& literal, DType dtype) {
  switch (dtype) {
    case DType::f64: return Scalar::of(literal.as_f64());
    case DType::f32: return Scalar::of(literal.as_f32());
    case DType::b1: return Scalar::of(literal.as_i64() != 0);
    default: return Scalar::of(literal.as_i64());
  }
}

/// The float among the operands, else the dtype of the last (a `select` of ints has a bool first).
DType dtype_of(std::span<const Scalar> operands) {
  for (const Scalar& s : operands)
    if (is_float(s.dtype)) return s.dtype;
  return operands.back().dtype;
}

Scalar typed(DType result, double v) { return result == DType::b1 ? Scalar::of(v != 0) : Scalar::of(v); }
Scalar typed(DType result, float v) { return result == DType::b1 ? Scalar::of(v != 0) : Scalar::of(v); }
Scalar typed(DType result, int64_t v) { return result == DType::b1 ? Scalar::of(v != 0) : Scalar::of(v); }

Scalar primitive(const Op& row, DType dtype, std::span<const Scalar> operands, DType result) {
  const size_t n = operands.size();
  if (dtype == DType::f64) {
    double in[3];
    for (size_t k = 0; k < n; ++k) in[k] = operands[k].as_f64();
    return typed(result, row.meaning.f64(in));
  }
  if (dtype == DType::f32) {
    float in[3];
    for (size_t k = 0; k < n; ++k) in[k] = operands[k].as_f32();
    return typed(result, row.meaning.f32(in));
  }
  int64_t in[3];
  for (size_t k = 0; k < n; ++k) in[k] = operands[k].i64;
  return typed(result, row.meaning.i64(in));
}

Scalar apply(OpId op, std::span<const Scalar> operands, DType result) {
  const Op& row = op_row(op);
  const Scalar& first = operands[0];
  switch (row.type) {
    case TypeRule::to_f32:
    case TypeRule::to_f64:
    case TypeRule::to_int: return first.converted(result);
    case TypeRule::bits:
      return Scalar::of(first.dtype == DType::f64 ? std::bit_cast<int64_t>(first.f64) : int64_t{std::bit_cast<uint32_t>(first.f32)});
    case TypeRule::from_bits64: return Scalar::of(std::bit_cast<double>(first.i64));
    case TypeRule::from_bits32: return Scalar::of(std::bit_cast<float>(static_cast<uint32_t>(first.i64)));
    case TypeRule::to_key:
    case TypeRule::key_bits: {
      Scalar same = first;
      same.dtype = result;
      return same;
    }
    default: break;
  }
  const DType dtype = dtype_of(operands);
  if (expansion(op, dtype) == nullptr) return primitive(row, dtype, operands, result);
  return walk_expansion<Scalar>(op, dtype, operands, apply, constant);
}

/// An operand given as a plain number, as the dtype that the row wants in that place.
Scalar as_operand(TypeRule rule, int k, Scalar v) {
  switch (rule) {
    case TypeRule::logic: return Scalar::of(v.as_f64() != 0);
    case TypeRule::select: return k == 0 ? Scalar::of(v.as_f64() != 0) : v;
    case TypeRule::integer:
    case TypeRule::from_bits64:
    case TypeRule::from_bits32: return v.converted(DType::i64);
    case TypeRule::float_int: return k == 1 ? v.converted(DType::i64) : v;
    case TypeRule::int_float: return k == 0 ? v.converted(DType::i64) : v;
    default: return v;
  }
}

template <class T>
Scalar evaluate_numbers(OpId op, std::span<const T> operands) {
  Scalar typed_operands[3];
  for (size_t k = 0; k < operands.size(); ++k)
    typed_operands[k] = as_operand(op_row(op).type, static_cast<int>(k), Scalar::of(operands[k]));
  return evaluate_native(op, std::span<const Scalar>(typed_operands, operands.size()));
}

}  // namespace

int64_t Scalar::as_i64() const { return is_float(dtype) ? saturate(as_f64()) : i64; }

Scalar Scalar::converted(DType to) const {
  switch (to) {
    case DType::f64: return of(as_f64());
    case DType::f32: return of(as_f32());
    case DType::b1: return of(as_f64() != 0);
    default: return of(as_i64());
  }
}

Scalar evaluate_native(OpId op, std::span<const Scalar> operands) {
  DType dtypes[3];
  for (size_t k = 0; k < operands.size() && k < 3; ++k) dtypes[k] = operands[k].dtype;
  const std::optional<DType> result = result_dtype(op_row(op).type, std::span<const DType>(dtypes, operands.size()));
  DLC_CHECK(result, "operands follow the row's type rule");
  return apply(op, operands, *result);
}

double evaluate_native(OpId op, std::span<const double> operands) { return evaluate_numbers(op, operands).as_f64(); }
float evaluate_native(OpId op, std::span<const float> operands) { return evaluate_numbers(op, operands).as_f32(); }
int64_t evaluate_native(OpId op, std::span<const int64_t> operands) { return evaluate_numbers(op, operands).as_i64(); }

Big evaluate_meaning(OpId op, std::span<const Big> operands) {
  const Op& row = op_row(op);
  return row.meaning.big != nullptr ? row.meaning.big(operands.data()) : Big(std::numeric_limits<double>::quiet_NaN());
}

std::complex<double> evaluate_meaning(OpId op, std::span<const std::complex<double>> operands) {
  DLC_CHECK(has_complex_meaning(op), "the op has a complex meaning");
  return op_row(op).meaning.complex(operands.data());
}

bool has_complex_meaning(OpId op) { return op_row(op).meaning.complex != nullptr && op_row(op).analytic; }

}  // namespace dlc
