// Every derivative rule of every elementwise row: right at 200 bits to second order, no digits lost in f32 and f64,
// the stated convention at each kink.
#include <gtest/gtest.h>

#include "tests/ops/rule_checks.h"

namespace dlc::test {
namespace {

struct Case {
  OpId op;
  int operand;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (OpId op : elementwise_ops())
    if (op != "stop_gradient"_op)  // whose derivative is declared
    for (int k = 0; k < op_row(op).arity; ++k)
      if (!diff_rule(op, k).not_differentiable) all.push_back({op, k});
  return all;
}

class Derivatives : public testing::TestWithParam<Case> {
 protected:
  const OpId op = GetParam().op;
  const int operand = GetParam().operand;
  const Rule& rule = diff_rule(op, operand);
};

TEST_P(Derivatives, ExactAt200Bits) { EXPECT_EQ(check_exact(op, operand, rule, 40), ""); }
TEST_P(Derivatives, LosesNoDigits) { EXPECT_EQ(check_rounding(op, operand, rule, rule, 200), ""); }
TEST_P(Derivatives, LosesNoDigitsAtSecondOrder) { EXPECT_EQ(check_second_rounding(op, operand, 100), ""); }
TEST_P(Derivatives, KeepsConventionsAtKinks) { EXPECT_EQ(check_kinks(op, operand, rule), ""); }

TEST_P(Derivatives, IsLinearInG) {
  if (rule.zero) return;
  EXPECT_TRUE(rule.uses(Rule::kG));
  for (const Point& p : domain_points(op, DType::f64, 10)) {
    std::vector<Big> x;
    for (const Scalar& s : p.span()) x.push_back(to_big(s));
    const Big y = evaluate_meaning(op, x);
    const Big one = walk_rule(BigMath{}, rule, DType::f64, x, y, Big(1)), three = walk_rule(BigMath{}, rule, DType::f64, x, y, Big(3));
    EXPECT_LE(abs(three - 3 * one), ldexp(abs(one), -180)) << text(p);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, Derivatives, testing::ValuesIn(cases()), [](const testing::TestParamInfo<Case>& info) {
  return std::string(op_row(info.param.op).name) + "_" + "abc"[info.param.operand];
});

TEST(Kinks, NameRows) {
  for (const Kink& kink : kinks()) EXPECT_TRUE(find_op(kink.op)) << kink.op;
}

// A complex meaning is what the complex step differentiates: Im f(x + ih) / h is the derivative to the last digits.
TEST(ComplexMeaning, StepGivesTheDerivative) {
  for (const auto& [op, operand] : cases()) {
    if (!has_complex_meaning(op)) continue;
    for (const Point& p : domain_points(op, DType::f64, 50)) {
      std::vector<std::complex<double>> z;
      std::vector<Big> x;
      for (const Scalar& s : p.span()) z.emplace_back(s.as_f64()), x.push_back(to_big(s));
      constexpr double kStep = 1e-150;
      z[static_cast<size_t>(operand)] += std::complex<double>(0, kStep);
      const Big y = evaluate_meaning(op, x), exact = walk_rule(BigMath{}, diff_rule(op, operand), DType::f64, x, y, Big(1));
      const std::complex<double> got = evaluate_meaning(op, z);
      const double scale = std::max(1.0, std::abs(static_cast<double>(exact)));
      EXPECT_NEAR(got.imag() / kStep, static_cast<double>(exact), 1e-12 * scale) << op_row(op).name << text(p);
      EXPECT_NEAR(got.real(), static_cast<double>(y), 1e-13 * std::max(1.0, std::abs(static_cast<double>(y)))) << op_row(op).name << text(p);
    }
  }
}

}  // namespace
}  // namespace dlc::test
