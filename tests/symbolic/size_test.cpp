// The golden sizes of docs: swell of the tree against the graph.
#include "symbolic/size.h"

#include <gtest/gtest.h>

#include "ad/reverse.h"
#include "symbolic/differentiate.h"
#include "symbolic/straight_line.h"
#include "tests/ad/program.h"

namespace dlc::test {
namespace {

using Node = ExpressionDag::Node;

/// l₁ = x, lₙ₊₁ = 4 lₙ (1 − lₙ)
Node logistic(ExpressionDag& dag, int n) {
  Node l = dag.leaf("x");
  for (int k = 1; k < n; ++k)
    l = dag.apply("mul"_op, {dag.apply("mul"_op, {dag.constant(4), l}), dag.apply("sub"_op, {dag.constant(1), l})});
  return l;
}
FuncId logistic(Program& p, int n) {
  return p.function("logistic", {p.f64()}, [n](const Expr* x) {
    Expr l = x[0];
    for (int k = 1; k < n; ++k) l = 4 * l * (l.literal(1) - l);
    return l;
  });
}

mpz_class power(unsigned long base, unsigned long exponent) {
  mpz_class result;
  mpz_ui_pow_ui(result.get_mpz_t(), base, exponent);
  return result;
}

TEST(Size, RawDerivativeOfTheLogisticMap) {
  for (int n : {1, 2, 3, 10, 92, 500}) {
    ExpressionDag dag;
    const Node f = logistic(dag, n);
    const auto d = dag.derivative(f, dag.leaf("x"));
    ASSERT_TRUE(d);
    const mpz_class want =
        n == 1 ? mpz_class(1) : mpz_class(9 * (n - 1) * power(2, static_cast<unsigned long>(n - 1)) + 1);
    EXPECT_EQ(dag.tree_size(*d), want) << n;
  }
}

TEST(Size, The92ndIterateHasMoreThan1e30Nodes) {
  ExpressionDag dag;
  const auto d = dag.derivative(logistic(dag, 92), dag.leaf("x"));
  mpz_class bound;
  mpz_ui_pow_ui(bound.get_mpz_t(), 10, 30);
  EXPECT_GT(dag.tree_size(*d), bound);
  EXPECT_LT(dag.dag_size(*d), 1000);
}

TEST(Size, BuiltDerivativesOfTheLogisticMap) {
  for (int n : {2, 3, 4, 8, 20}) {
    Program p;
    Diagnostics diagnostics;
    const FuncId f = logistic(p, n);
    const FuncId forward = straight_line(p.m, symbolic(p.m, f, Wrt({true}), diagnostics), "forward", diagnostics);
    EXPECT_EQ(swell(p.m, forward, 1).tree, mpz_class((3 * n - 4) * power(2, static_cast<unsigned long>(n)) + 1)) << n;
    const FuncId reverse = straight_line(p.m, gradient(p.m, f, Wrt({true}), diagnostics), "reverse", diagnostics);
    EXPECT_EQ(swell(p.m, reverse, 1).tree,
              mpz_class(power(4, static_cast<unsigned long>(n)) - power(2, static_cast<unsigned long>(n)) - 3))
        << n;
    EXPECT_EQ(swell(p.m, reverse).dag_ops, 7 * n - 9) << n;
  }
}

TEST(Size, HigherDerivativesOfTheSlidesFunction) {
  ExpressionDag dag;
  const Node x1 = dag.leaf("x1"), x2 = dag.leaf("x2");
  const Node q = dag.apply("div"_op, {x1, x2});
  Node f = dag.apply("mul"_op, {dag.apply("add"_op, {dag.apply("exp"_op, {q}), q}),
                                dag.apply("sub"_op, {q, dag.apply("log"_op, {x2})})});
  struct Golden {
    int order;
    int64_t tree, dag;
  };
  int order = 0;
  for (const Golden& want : {Golden{0, 15, 8},
                             {1, 60, 21},
                             {2, 283, 45},
                             {3, 1521, 88},
                             {4, 9198, 158},
                             {6, 469931, 438},
                             {8, 36460893, 1033}}) {
    for (; order < want.order; ++order) f = *dag.derivative(f, x2);
    EXPECT_EQ(dag.tree_size(f), mpz_class(want.tree)) << order;
    EXPECT_EQ(dag.dag_size(f), want.dag) << order;
  }
}

TEST(Size, RulesOfTheTableCountToo) {
  ExpressionDag dag;
  const Node x = dag.leaf("x");
  const auto d = dag.derivative(dag.apply("sin"_op, {x}), x);  // 1 * cos(x)
  EXPECT_EQ(dag.tree_size(*d), 4);
  EXPECT_FALSE(dag.derivative(dag.apply("sum"_op, {x}), x));
}

}  // namespace
}  // namespace dlc::test
