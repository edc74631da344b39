// Native code against the meaning: every elementwise row in f64, f32 and int, at the edges of the format, at special
// points and at random ones, within the row's max_ulp of the 200-bit truth.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/ops/samples.h"

namespace dlc::test {
namespace {

constexpr int kRandomPoints = 1000;  // of each of two sorts, three for two operands

struct Case {
  OpId op;
  DType self;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (OpId op : elementwise_ops()) {
    const Op& row = op_row(op);
    // Expansions that only other expansions call are right only for what those pass; the callers are tested.
    if (row.internal && row.emit.f64 != nullptr && op != "gated_mul"_op) continue;
    for (DType self : {DType::f64, DType::f32, DType::i64})
      if (accepts(op, self)) all.push_back({op, self});
  }
  return all;
}

/// The function changes sign within 1/16 of the point: there a relative bound cannot be asked of gamma functions.
bool is_near_root(OpId op, const Point& p) {
  const int moving = p.n - 1;  // polygamma's order stays
  std::vector<Big> x;
  for (const Scalar& s : p.span()) x.push_back(to_big(s));
  Big at[2];
  for (int side = 0; side < 2; ++side) {
    std::vector<Big> moved = x;
    moved[static_cast<size_t>(moving)] = x[static_cast<size_t>(moving)] * (side == 0 ? Big(17) / 16 : Big(15) / 16);
    at[side] = evaluate_meaning(op, moved);
  }
  return at[0] * at[1] < 0;
}

Big exact_value(OpId op, const Point& p) {
  const Op& row = op_row(op);
  const Scalar* x = p.x.data();
  // Four TypeRules are about representation, not value; ints wrap around, which no real number does.
  switch (row.type) {
    case TypeRule::bits:
    case TypeRule::from_bits64:
    case TypeRule::from_bits32:
    case TypeRule::to_int: return to_big(evaluate_native(op, p.span()));
    default: break;
  }
  if (x[p.n - 1].dtype == DType::i64 && row.type != TypeRule::float_int) {
    const int64_t in[3] = {x[0].i64, x[1].i64, x[2].i64};
    return row.meaning.i64(in);
  }
  std::vector<Big> in;
  for (const Scalar& s : p.span()) in.push_back(to_big(s));
  return evaluate_meaning(op, in);
}

class Values : public testing::TestWithParam<Case> {};

TEST_P(Values, WithinMaxUlpOfMeaning) {
  const auto [op, self] = GetParam();
  const Op& row = op_row(op);
  const double limit = row.max_ulp > 0 ? row.max_ulp : 0.5000001;  // 0 stands for correctly rounded
  double worst = 0;
  int n_wrong = 0;
  std::string where;
  for (const Point& p : all_points(op, self, kRandomPoints)) {
    const Scalar native = evaluate_native(op, p.span());
    const Big exact = exact_value(op, p);
    double error = ulp_error(native, exact);
    if (error > limit && row.max_ulp == 4 && is_near_root(op, p))
      error = static_cast<double>(abs(to_big(native) - exact) / ulp_of(self, Big(1)));
    if (error <= limit) continue;
    if (n_wrong++ < 6) where += "  " + text(p) + " gives " + text(native) + ", exactly " + exact.text(17) + "\n";
    worst = std::max(worst, error);
  }
  EXPECT_EQ(n_wrong, 0) << "worst " << worst << " ulp\n" << where;
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  return std::string(op_row(info.param.op).name) + "_" + (info.param.self == DType::i64 ? "i64" : info.param.self == DType::f64 ? "f64" : "f32");
}
INSTANTIATE_TEST_SUITE_P(Rows, Values, testing::ValuesIn(cases()), case_name);

TEST(Conversions, SaturateAndTruncate) {
  EXPECT_EQ(evaluate_native("to_int"_op, std::vector<Scalar>{Scalar::of(-2.7)}).i64, -2);
  EXPECT_EQ(evaluate_native("to_int"_op, std::vector<Scalar>{Scalar::of(1e300)}).i64, std::numeric_limits<int64_t>::max());
  EXPECT_EQ(evaluate_native("to_int"_op, std::vector<Scalar>{Scalar::of(-1e300)}).i64, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(evaluate_native("to_int"_op, std::vector<Scalar>{Scalar::of(std::nan(""))}).i64, 0);
  EXPECT_EQ(evaluate_native("to_f32"_op, std::vector<Scalar>{Scalar::of(0.1)}).f32, 0.1f);
  EXPECT_EQ(evaluate_native("bits"_op, std::vector<Scalar>{Scalar::of(-1.0f)}).i64, 0xBF800000);
  EXPECT_EQ(evaluate_native("f32_from_bits"_op, std::vector<Scalar>{Scalar::of(int64_t{0xBF800000})}).f32, -1.0f);
}

TEST(Ints, DivisionFloorsAndNeverTraps) {
  const auto ints = [](OpId op, int64_t a, int64_t b) {
    const int64_t in[2] = {a, b};
    return evaluate_native(op, std::span<const int64_t>(in));
  };
  const int64_t least = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(ints("floor_div"_op, -1, 2), -1);
  EXPECT_EQ(ints("floor_div"_op, 7, -2), -4);
  EXPECT_EQ(ints("floor_div"_op, 5, 0), 0);
  EXPECT_EQ(ints("floor_div"_op, least, -1), least);
  EXPECT_EQ(ints("mod"_op, -1, 3), 2);
  EXPECT_EQ(ints("mod"_op, 1, -3), -2);
  EXPECT_EQ(ints("mod"_op, 5, 0), 5);
  EXPECT_EQ(ints("mod"_op, least, -1), 0);
}

}  // namespace
}  // namespace dlc::test
