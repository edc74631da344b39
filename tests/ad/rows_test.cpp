// Every elementwise row of the op table through every mode, first and second order: a new row is tested here with no
// new code. (tests/ops checks the rules themselves, also at kinks and in f32.)
#include <gtest/gtest.h>

#include "ad/forward.h"
#include "ad/reverse.h"
#include "checks.h"

namespace dlc::test {
namespace {

bool is_differentiable(OpId op) {
  const Op& row = op_row(op);
  if (row.kind != OpKind::elementwise || row.internal) return false;
  if (op == "stop_gradient"_op) return false;  // not the derivative of its value
  const bool is_float_result = row.type == TypeRule::same_float || row.type == TypeRule::same_number ||
                               row.type == TypeRule::float_int || row.type == TypeRule::int_float;
  for (int k = 0; k < row.arity; ++k)
    if (is_float_result && !diff_rule(op, k).not_differentiable) return true;
  return false;
}

TEST(Rows, EveryModeAndOrder) {
  int n_tested = 0;
  for (int i = 0; i < n_ops(); ++i) {
    const OpId op{i};
    if (!is_differentiable(op)) continue;
    const Op& row = op_row(op);
    SCOPED_TRACE(row.name);
    Program p;
    std::vector<TypeId> types;
    Leaves<double> low, high;
    for (int k = 0; k < row.arity; ++k) {
      const bool is_whole = (row.type == TypeRule::float_int && k == 1) || (row.type == TypeRule::int_float && k == 0);
      types.push_back(is_whole ? p.i64() : p.f64());
      const double at = row.domain[0] + (row.domain[1] - row.domain[0]) * (0.31 + 0.07 * k), width = row.domain[1] - row.domain[0];
      low.push_back({is_whole ? 3 : at});
      high.push_back({is_whole ? 2 : at + 0.43 * width});
    }
    const FuncId f = p.function("f", types, [&](const Expr* x) {
      std::vector<ValueId> operands;
      for (int k = 0; k < row.arity; ++k) operands.push_back(x[k].v);
      const Expr y = x[0].with(x[0].b->op(op, operands, {}));
      return y * y;  // so that the cotangent varies too
    });
    check_all(p, f, low);
    check_all(p, f, high);
    ++n_tested;
  }
  EXPECT_GT(n_tested, 40);
}

TEST(Orders, DerivativesNestToTheFourth) {
  Program p;
  FuncId f = p.function("f", {p.f64()}, [](const Expr* x) { return select(x[0] > 0, x[0] * x[0] * log(x[0]), x[0] * x[0] * x[0]); });
  // At 2: 2x ln x + x, 2 ln x + 3, 2/x, -2/x²; at 0 the branch not taken is silent: 0, 0, 6, 0.
  const double at_two[] = {4 * std::log(2.0) + 2, 2 * std::log(2.0) + 3, 1, -0.5}, at_zero[] = {0, 0, 6, 0};
  Diagnostics diagnostics;
  for (int order = 0; order < 4; ++order) {
    const FuncId g = gradient(p.m, f, Wrt({true}, order == 0 ? -1 : 1), diagnostics);
    ASSERT_TRUE(g);
    EXPECT_NEAR(run(p, g, Leaves<double>{{2.0}}).back()[0], at_two[order], 1e-12) << order;
    EXPECT_NEAR(run(p, g, Leaves<double>{{0.0}}).back()[0], at_zero[order], 1e-12) << order;
    f = g;
  }
}

}  // namespace
}  // namespace dlc::test
