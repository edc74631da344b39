// What a derivative rule must satisfy, as functions of the rule, so that the table's own rules and their mutants are
// judged by the same checks. Each returns "" or a description of the first failure.
#pragma once
#include <string>

#include "tests/ops/rule_math.h"

namespace dlc::test {

/// At 200 bits the text equals the central difference of the meaning, and its derivative (by the table's rules)
/// the central difference of the text, to 1e-20: at points of the domain.
std::string check_exact(OpId op, int operand, const Rule& rule, int n_points);
/// In f32 and f64, at points of the domain and of every magnitude, the rule as compiled code computes it is within 8 ulp
/// of itself at 200 bits; near roots of the derivative, of its Σ|terms|. `truth` is the table's rule.
std::string check_rounding(OpId op, int operand, const Rule& rule, const Rule& truth, int n_points);
/// Second order in f32 and f64: within 8 ulp of Σ|terms|.
std::string check_second_rounding(OpId op, int operand, int n_points);
/// The stated value at each kink.
std::string check_kinks(OpId op, int operand, const Rule& rule);

/// A point where a convention decides.
struct Kink {
  const char* op;
  int operand;
  double x[3];
  double derivative;
};
std::span<const Kink> kinks();

}  // namespace dlc::test
