// The dtype of an elementwise result from those of its operands: what each TypeRule of ir/op.h says, as code.
#pragma once
#include <optional>
#include <span>

#include "ir/op.h"

namespace dlc {

/// nullopt: the operands (their number included) break the rule, or the rule is `none`.
constexpr std::optional<DType> result_dtype(TypeRule rule, std::span<const DType> operands) {
  if (operands.empty()) return std::nullopt;
  const DType first = operands[0];
  const bool is_int = first == DType::i64, is_bool = first == DType::b1, is_number = is_float(first) || is_int;
  bool is_uniform = true;
  for (DType d : operands) is_uniform = is_uniform && d == first;
  const bool is_single = operands.size() == 1, is_pair = operands.size() == 2;
  auto when = [](bool holds, DType d) { return holds ? std::optional(d) : std::nullopt; };
  switch (rule) {
    case TypeRule::same_float: return when(is_uniform && is_float(first), first);
    case TypeRule::same_number: return when(is_uniform && is_number, first);
    case TypeRule::compare: return when(is_uniform && is_number, DType::b1);
    case TypeRule::equality: return when(is_uniform && (is_number || is_bool), DType::b1);
    case TypeRule::logic: return when(is_uniform && is_bool, DType::b1);
    case TypeRule::select:
      return when(operands.size() == 3 && is_bool && operands[1] == operands[2] && operands[1] != DType::tuple,
                  operands.back());
    case TypeRule::integer: return when(is_uniform && is_int, DType::i64);
    case TypeRule::float_int: return when(is_pair && is_float(first) && operands[1] == DType::i64, first);
    case TypeRule::int_float: return when(is_pair && is_int && is_float(operands[1]), operands[1]);
    case TypeRule::to_f32: return when(is_single && (is_number || is_bool), DType::f32);
    case TypeRule::to_f64: return when(is_single && (is_number || is_bool), DType::f64);
    case TypeRule::to_int: return when(is_single && (is_number || is_bool), DType::i64);
    case TypeRule::bits: return when(is_single && is_float(first), DType::i64);
    case TypeRule::from_bits64: return when(is_single && is_int, DType::f64);
    case TypeRule::from_bits32: return when(is_single && is_int, DType::f32);
    case TypeRule::to_key: return when(is_single && is_int, DType::key);
    case TypeRule::key_bits: return when(is_single && first == DType::key, DType::i64);
    case TypeRule::none: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace dlc
