// One row in a header of the test is all it takes: the op is found, evaluated, differentiated, rewritten and judged by
// the checks of every other row, and no other op's id has moved. (What the stages above make of it: tests/pipeline.)
#include <gtest/gtest.h>

#include "ops/rule_parser.h"
#include "tests/ops/rule_checks.h"

namespace dlc::test {
namespace {

TEST(ExtraRow, IsInTheTable) {
  const OpId cube = find_op("cube");
  ASSERT_TRUE(cube);
  EXPECT_EQ(cube.i, n_ops() - 1);
  EXPECT_EQ(find_function("cube"), cube);
  EXPECT_STREQ(op_row(cube).latex, "{$a}^3");
  EXPECT_EQ(identities(cube).size(), 1u);
  EXPECT_EQ(find_op("tanh"), "tanh"_op);  // compiled without the extra row
  EXPECT_EQ(find_op("iota"), "iota"_op);
}

TEST(ExtraRow, IsEvaluatedAndDifferentiated) {
  const OpId cube = find_op("cube");
  const double x[1] = {1.5};
  EXPECT_EQ(evaluate_native(cube, std::span<const double>(x)), 3.375);
  EXPECT_EQ(check_exact(cube, 0, diff_rule(cube, 0), 40), "");
  EXPECT_EQ(check_rounding(cube, 0, diff_rule(cube, 0), diff_rule(cube, 0), 100), "");
  EXPECT_EQ(check_second_rounding(cube, 0, 100), "");
}

TEST(ExtraRow, MayBeCalledByRulesReadAtRunTime) {
  std::vector<RuleNode> nodes(20);
  const OpShape shape{.name = "new", .arity = 1, .type = TypeRule::same_float};
  EXPECT_EQ(parse_diff(op_index(), shape, 0, "g * cube(a)", nodes, -1).error.message, nullptr);
}

}  // namespace
}  // namespace dlc::test
