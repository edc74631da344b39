// Identities: both sides agree numerically (the default list also at inf and nan, up to the sign of zero), the right
// side is never larger, and the matcher finds each left side in a tree, also with commutative operands exchanged.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "tests/ops/rule_math.h"

namespace dlc::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kFloats[] = {0, -0.0, 1, -1, 2.5, -2.5, 0.1, 1e10, -1e-10, 1e300, kInf, -kInf, std::nan("")};
const int64_t kInts[] = {0, 1, -1, 2, 7, -7, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};

std::vector<OpId> ops_with_identities() {
  std::vector<OpId> all;
  for (OpId op : elementwise_ops())
    if (!identities(op).empty() || !stable_forms(op).empty() || !fast_identities(op).empty()) all.push_back(op);
  return all;
}

/// Values for a b c p q m n; a, b, c of dtype `self`.
std::vector<std::array<Scalar, RewriteRule::kNames>> bindings(DType self) {
  std::vector<std::array<Scalar, RewriteRule::kNames>> all;
  const size_t n = self == DType::i64 ? std::size(kInts) : std::size(kFloats);
  const auto own = [&](size_t i) { return self == DType::i64 ? Scalar::of(kInts[i % n]) : Scalar::of(kFloats[i % n]).converted(self); };
  for (size_t i = 0; i < n * n; ++i) {
    const Scalar p = Scalar::of(i % 2 == 1), q = Scalar::of(i / 2 % 2 == 1);
    all.push_back({own(i), own(i / n), own(i + i / n), p, q, Scalar::of(kInts[i % std::size(kInts)]), Scalar::of(kInts[i / 3 % std::size(kInts)])});
  }
  return all;
}

bool agree(OpId op, const Scalar& left, const Scalar& right) {
  const double l = left.as_f64(), r = right.as_f64();
  if (std::isnan(l) || std::isnan(r)) return std::isnan(l) && std::isnan(r);
  if (left.dtype == DType::i64) return left.i64 == right.i64;
  return l == r || (is_float(left.dtype) && ulp_error(left, to_big(right)) <= op_row(op).max_ulp);
}

class Identities : public testing::TestWithParam<OpId> {};

TEST_P(Identities, HoldEverywhere) {
  const OpId op = GetParam();
  for (const RewriteRule& pattern : identities(op)) {
    for (DType self : {DType::f64, DType::f32, DType::i64}) {
      if (!accepts(op, self) && !(self == DType::i64 && op_row(op).type == TypeRule::logic)) continue;
      for (const auto& x : bindings(self)) {
        const auto side = [&](const Rule& rule) { return walk_rule(NativeMath{}, rule, self, std::span<const Scalar>(x), x[0], x[0]); };
        const Scalar left = side(pattern.left), right = side(pattern.right);
        ASSERT_TRUE(agree(op, left, right)) << pattern.left.text << " in " << dtype_name(self) << " at a = " << text(x[0]) << ", b = " << text(x[1])
                                            << ": " << text(left) << " and " << text(right);
      }
    }
  }
}

TEST_P(Identities, OfTheFastListHoldWhereFinite) {
  for (const RewriteRule& pattern : fast_identities(GetParam())) {
    int n_compared = 0;
    for (double a : {0.3, 1.0, 2.5, 7.0, -0.7, -3.0}) {
      const std::vector<Big> x(RewriteRule::kNames, Big(a));
      const Big left = walk_rule(BigMath{}, pattern.left, DType::f64, x, x[0], x[0]), right = walk_rule(BigMath{}, pattern.right, DType::f64, x, x[0], x[0]);
      if (!isfinite(left)) continue;
      ++n_compared;
      EXPECT_LE(abs(left - right), ldexp(abs(right), -180)) << pattern.left.text << " at " << a;
    }
    EXPECT_GT(n_compared, 0) << pattern.left.text;
  }
}

TEST_P(Identities, OfTheStableListAreMoreAccurate) {
  for (const RewriteRule& pattern : stable_forms(GetParam())) {
    for (DType self : {DType::f64, DType::f32}) {
      int n_better = 0;
      for (double a : {0.0, 1e-10, 0.3, -0.3, 1.0, -1.0, 5.0, -5.0, 16.5, -16.5, 18.0, -18.0, 36.5, -36.5, 90.0, -90.0, 104.0, -104.0, 700.0, -700.0, 746.0, -746.0, 1e5, -1e5, kInf, -kInf}) {
        const std::vector<Scalar> x(RewriteRule::kNames, Scalar::of(a).converted(self));
        const std::vector<Big> exact(RewriteRule::kNames, to_big(x[0]));
        const auto side = [&](const Rule& rule) { return walk_rule(NativeMath{}, rule, self, std::span<const Scalar>(x), x[0], x[0]); };
        const Big truth = walk_rule(BigMath{}, pattern.right, self, exact, exact[0], exact[0]);
        if (std::abs(a) <= 18) {
          EXPECT_LE(abs(walk_rule(BigMath{}, pattern.left, self, exact, exact[0], exact[0]) - truth), ldexp(abs(truth), -150)) << pattern.left.text << " at " << a;
        }
        const double left = ulp_error(side(pattern.left), truth), right = ulp_error(side(pattern.right), truth);
        EXPECT_TRUE(right <= left || right <= 2 || std::isnan(left)) << pattern.left.text << " in " << dtype_name(self) << " at a = " << a << ": " << left << " and " << right;
        n_better += !(left <= right);
      }
      EXPECT_GT(n_better, 3) << pattern.left.text;
    }
  }
}

/// Instructions, roughly: an expansion counts for five.
int cost(const Rule& rule) {
  int sum = 0;
  for (const RuleNode& node : rule.span())
    if (node.kind == RuleNode::Kind::op) sum += expansion(OpId{node.index}, DType::f64) != nullptr ? 5 : 1;
  return sum;
}

TEST_P(Identities, NeverGrow) {
  for (std::span<const RewriteRule> list : {identities(GetParam()), stable_forms(GetParam()), fast_identities(GetParam())})
    for (const RewriteRule& p : list) EXPECT_LE(cost(p.right), cost(p.left)) << p.left.text;
}

// A tree to match against.
struct Tree {
  OpId op;
  std::vector<std::shared_ptr<Tree>> args;
  std::string literal, name;
};
using TreeRef = std::shared_ptr<Tree>;

TreeRef make_tree(const Rule& rule, bool swapped) {
  std::vector<TreeRef> trees;
  TreeRef names[RewriteRule::kNames];
  for (const RuleNode& node : rule.span()) {
    TreeRef t = std::make_shared<Tree>();
    if (node.kind == RuleNode::Kind::literal) t->literal = rule.literal(node).text;
    if (node.kind == RuleNode::Kind::operand) {
      if (!names[node.index]) names[node.index] = t;
      t = names[node.index], t->name = "abcpqmn"[node.index];
    }
    if (node.kind == RuleNode::Kind::op) {
      t->op = OpId{node.index};
      for (int k = 0; k < node.n_args; ++k) t->args.push_back(trees[static_cast<size_t>(node.arg[k])]);
      if (swapped && node.commutative) std::swap(t->args[0], t->args[1]);
    }
    trees.push_back(t);
  }
  return trees[static_cast<size_t>(rule.result)];
}

TEST_P(Identities, AreFoundByTheMatcher) {
  const auto look = [](const TreeRef& t) { return RuleView<TreeRef>{t->op, t->args}; };
  const auto is_literal = [](const TreeRef& t, const Literal& literal) { return t->literal == literal.text; };
  for (std::span<const RewriteRule> list : {identities(GetParam()), stable_forms(GetParam()), fast_identities(GetParam())}) {
    for (const RewriteRule& p : list) {
      for (bool swapped : {false, true}) {
        Bindings<TreeRef> names;
        ASSERT_TRUE(match(p, make_tree(p.left, swapped), look, is_literal, names)) << p.left.text;
        for (size_t k = 0; k < RewriteRule::kNames && !swapped; ++k)
          if (names.bound >> k & 1) {
            EXPECT_EQ(names.values[k]->name, std::string(1, "abcpqmn"[k])) << p.left.text;
          }
      }
      Bindings<TreeRef> names;
      EXPECT_FALSE(match(p, std::make_shared<Tree>(), look, is_literal, names)) << p.left.text;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, Identities, testing::ValuesIn(ops_with_identities()),
                         [](const testing::TestParamInfo<OpId>& info) { return std::string(op_row(info.param).name); });

TEST(Matcher, ANameMeetsEqualValuesOnly) {
  const auto leaf = [](const char* name) { return std::make_shared<Tree>(Tree{{}, {}, {}, name}); };
  const TreeRef x = leaf("x"), y = leaf("y");
  const auto look = [](const TreeRef& t) { return RuleView<TreeRef>{t->op, t->args}; };
  const auto is_literal = [](const TreeRef& t, const Literal& literal) { return t->literal == literal.text; };
  Bindings<TreeRef> names;
  const RewriteRule& max_of_same = identities("max"_op)[0];
  EXPECT_TRUE(match(max_of_same, std::make_shared<Tree>(Tree{"max"_op, {x, x}, {}, {}}), look, is_literal, names));
  EXPECT_FALSE(match(max_of_same, std::make_shared<Tree>(Tree{"max"_op, {x, y}, {}, {}}), look, is_literal, names));
}

}  // namespace
}  // namespace dlc::test
