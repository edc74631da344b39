// Derivatives of functions of scalars, tuples, calls and branches; strong zeros; what has no derivative.
#include <gtest/gtest.h>

#include "ad/forward.h"
#include "ad/reverse.h"
#include "checks.h"

namespace dlc::test {
namespace {

// f(x1, x2) = (exp(x1/x2) + x1/x2)·(x1/x2 − ln x2)
FuncId slides(Program& p) {
  return p.function("slides", {p.f64(), p.f64()}, [](const Expr* x) {
    const Expr q = x[0] / x[1];
    return (exp(q) + q) * (q - log(x[1]));
  });
}

TEST(Scalar, SlidesFunctionAtItsKnownPoint) {
  Program p;
  const FuncId f = slides(p);
  check_all(p, f, {{1.5}, {0.5}});
  const Leaves<double> g = gradient_at(p, f, {{1.5}, {0.5}});
  EXPECT_NEAR(g[0][0], 201.915056323301653931596981, 1e-12);
  EXPECT_NEAR(g[1][0], -651.916242816280297276548004, 1e-12);
}

TEST(Scalar, FanOutAdds) {
  Program p;
  check_all(p, p.function("f", {p.f64()}, [](const Expr* x) { return x[0] * x[0] * sin(x[0]) + x[0]; }), {{0.7}});
}

TEST(Scalar, ConversionsCarryInBothDirections) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    const Expr narrow = x[0].op("to_f32"_op, {x[0]});
    return x[0] * narrow.op("to_f64"_op, {narrow * narrow});
  });
  EXPECT_NEAR(gradient_at(p, f, {{0.5}})[0][0], 0.75, 1e-6);
}

TEST(Scalar, TuplesCarryPerLeaf) {
  Program p;
  const TypeId pair = p.m.types.tuple({{{}, p.f64()}, {{}, p.f64({2})}});
  const FuncId f = p.function("f", {pair, p.f64()}, [](const Expr* x) {
    return tuple({x[0].get(0) * x[1], x[0].get(1) * x[0].get(0), x[1]});
  });
  check_all(p, f, {{0.7}, {1.5, -0.3}, {0.9}});
}

TEST(Scalar, AFieldOfTheResultIsDifferentiatedAlone) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    const Expr rounded = x[0].op("to_int"_op, {x[0]});
    return tuple({x[0] * x[0], x[0].op("to_f64"_op, {rounded})});  // the second has no derivative, and needs none
  });
  check_all(p, f, {{1.3}}, 0);
}

TEST(Scalar, CallsAreDifferentiatedAsCalls) {
  Program p;
  const FuncId square = p.function("h", {p.f64(), p.i64(), p.f64()}, [](const Expr* x) { return tuple({x[0] * x[0] * x[2], x[1]}); });
  const FuncId f = p.function("f", {p.f64(), p.f64()}, [&](const Expr* x) {
    const Expr n = x[0].with(x[0].b->constant_int(3, {}));
    const Expr once = call(square, {x[0], n, x[1]}).get(0);
    return call(square, {once, n, x[0].literal(2)}).get(0) + once;
  });
  check_all(p, f, {{1.1}, {0.4}});
}

TEST(Scalar, BranchesAreDifferentiatedAsBranches) {
  Program p;
  const FuncId f = p.function("f", {p.f64(), p.f64()}, [](const Expr* x) {
    const Expr y = branch(x[0] > 0, {x[0], x[1]}, [](const Expr* c) { return tuple({log(c[0]) * c[1], c[1]}); },
                          [](const Expr* c) { return tuple({c[0].literal(2), c[0] * c[0]}); });
    return y.get(0) * y.get(1) * x[0];
  });
  check_all(p, f, {{1.3}, {0.4}});
  check_all(p, f, {{-1.3}, {0.4}});
}

TEST(Scalar, BranchesNest) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    return branch(x[0] > 0, {x[0]}, [](const Expr* c) {
      return branch(c[0] > 1, {c[0]}, [](const Expr* d) { return d[0] * d[0] * d[0]; }, [](const Expr* d) { return sin(d[0]); });
    }, [](const Expr* c) { return c[0].literal(1); });
  });
  for (double x : {2.0, 0.5, -1.0}) check_all(p, f, {{x}});
}

TEST(Scalar, ABranchWithoutASlopeGivesZero) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    return x[0] + branch(x[0] > 0, {x[0]}, [](const Expr* c) { return c[0].op("floor"_op, {c[0]}); },
                         [](const Expr* c) { return c[0].op("sign"_op, {c[0]}); });
  });
  EXPECT_EQ(gradient_at(p, f, {{2.5}})[0][0], 1);
}

// ------------------------------------------------------------------------------------------------- strong zeros

TEST(StrongZero, TheSideNotTakenIsSilentToSecondOrder) {
  Program p;
  const TypeId t = p.f64();
  const Body sides[] = {
      [](const Expr* x) { return select(x[0] > 0, log(x[0]), x[0] * x[0]); },
      [](const Expr* x) { return select(x[0] > 0, sqrt(x[0]), x[0]); },
      [](const Expr* x) { return select(x[0] > 0, 1 / x[0], 3 * x[0]); },
      [](const Expr* x) { return select(x[0] > 0, x[0] * log(x[0]), 0); },          // 0·inf in a product
      [](const Expr* x) { return select(x[0] > 0, sin(x[0]) / x[0], 1); },          // 0/0
      [](const Expr* x) { return max(-sqrt(x[0]) * log(x[0] + 1) - 1, x[0]); },      // the loser of a max
      [](const Expr* x) { return relu(log(x[0])) + x[0]; },                         // relu of -inf
      [](const Expr* x) { const Expr y = log(x[0]); return select(x[0] > 0, y * y * x[0], x[0] * x[0]); },
  };
  for (const Body& side : sides) check_finite(p, p.function("f", {t}, side), {{0.0}});
}

TEST(StrongZero, AnOverflowNotTakenIsSilent) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    const Expr e = exp(x[0]);
    return select(x[0] < 0, e / (e + 1), 1 / (exp(-x[0]) + 1));
  });
  check_finite(p, f, {{1000.0}});
  check_finite(p, f, {{-1000.0}});
}

TEST(StrongZero, RegionsDoNotEvaluateTheSideNotTaken) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    return branch(x[0] > 0, {x[0]}, [](const Expr* c) { return c[0] * log(c[0]); }, [](const Expr* c) { return c[0] * c[0]; });
  });
  check_finite(p, f, {{0.0}});
}

// With select(g == 0, 0, g/x) for the gate this second derivative would come out as 0.
TEST(StrongZero, AZeroCotangentKeepsItsOwnDerivative) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) { return log(x[0]) * log(x[0]); });
  EXPECT_NEAR(hessian_times(p, f, {{1.0}}, {1.0}).at(0), 2, 1e-15);
  check_all(p, f, {{1.0}});
}

TEST(StrongZero, NoGateWhereItIsNotNeeded) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) { return log(x[0]) + 3 * (x[0] / x[0].literal(2)); });
  Diagnostics diagnostics;
  const FuncId g = gradient(p.m, f, Wrt({true}), diagnostics);
  for (const Inst& in : p.m[g].insts) EXPECT_NE(in.op, "gated_mul"_op);
}

// --------------------------------------------------------------------------------------------------- errors

std::string first_error(Program& p, FuncId f) {
  Diagnostics diagnostics;
  EXPECT_FALSE(reverse(p.m, f, Wrt({true}), diagnostics));
  EXPECT_EQ(diagnostics.n_errors(), 1u);
  const std::string message = diagnostics.all().at(0).message;
  diagnostics.clear();
  EXPECT_FALSE(forward(p.m, f, Wrt({true}), diagnostics));
  EXPECT_EQ(diagnostics.all().at(0).message, message);
  return message;
}

TEST(NoDerivative, AnIntMadeAFloat) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    const Expr n = x[0].op("to_int"_op, {x[0]});
    return x[0] * n.op("to_f64"_op, {n});
  });
  EXPECT_NE(first_error(p, f).find("an int carries no tangent"), std::string::npos);
}

TEST(NoDerivative, IsFoundThroughCallsAndBranches) {
  Program p;
  const FuncId widen = p.function("h", {p.i64()}, [](const Expr* x) { return x[0].op("to_f64"_op, {x[0]}); });
  const FuncId through_call = p.function("f", {p.f64()}, [&](const Expr* x) { return x[0] * call(widen, {x[0].op("to_int"_op, {x[0]})}); });
  first_error(p, through_call);
  const FuncId through_branch = p.function("f", {p.f64()}, [&](const Expr* x) {
    const Expr whole = x[0].op("to_int"_op, {x[0]});
    const Expr n = branch(x[0] > 0, {whole}, [](const Expr* c) { return c[0]; }, [](const Expr* c) { return c[0] + c[0]; });
    return x[0] * n.op("to_f64"_op, {n});
  });
  first_error(p, through_branch);
}

TEST(NoDerivative, AChoiceBetweenIntsIsFine) {
  Program p;
  const FuncId by_branch = p.function("f", {p.f64()}, [&](const Expr* x) {
    const Expr one = x[0].with(x[0].b->constant_int(1, {}));
    const Expr n = branch(x[0] > 0, {one}, [](const Expr* c) { return c[0]; }, [](const Expr* c) { return c[0] + c[0]; });
    return x[0] * n.op("to_f64"_op, {n});
  });
  const FuncId by_select = p.function("g", {p.f64()}, [&](const Expr* x) {
    const Expr one = x[0].with(x[0].b->constant_int(1, {})), n = x[0].op("select"_op, {x[0] > 0, one, one + one});
    return x[0] * n.op("to_f64"_op, {n});
  });
  for (const FuncId f : {by_branch, by_select}) {
    check_all(p, f, {{3.0}});
    check_all(p, f, {{-3.0}});
  }
}

TEST(NoDerivative, ConditionsAndFlatFunctionsAreFine) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    const Expr whole = x[0].op("floor"_op, {x[0]});
    const Expr n = x[0].op("to_int"_op, {whole});
    return select(x[0] > 1, x[0], 2 * x[0]) * n.op("to_f64"_op, {n});  // floor's derivative is 0, so n is a constant
  });
  EXPECT_EQ(gradient_at(p, f, {{2.5}})[0][0], 2);
}

}  // namespace
}  // namespace dlc::test
