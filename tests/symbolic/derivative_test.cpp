// symbolic(): every row's derivative, and functions of arrays, against a central difference in 200 bits.
#include "symbolic/differentiate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ad/leaves.h"
#include "ad/reverse.h"
#include "ir/verify.h"
#include "tests/ad/checks.h"

namespace dlc::test {
namespace {

Wrt all_floats(Program& p, FuncId f) {
  Wrt wrt;
  for (ValueId param : p.m[f].body().params) wrt.active.push_back(p.m.types.all_float(p.m[f][param].type));
  return wrt;
}

/// The symbolic gradient at `args`, without the value; checked by the verifier.
template <class T>
Leaves<T> symbolic_at(Program& p, FuncId f, const Leaves<T>& args, const Wrt& wrt) {
  Diagnostics diagnostics;
  const FuncId g = symbolic(p.m, f, wrt, diagnostics);
  EXPECT_TRUE(g) << (diagnostics.all().empty() ? "" : diagnostics.all()[0].message);
  if (!g) return {};
  const OpSet ops{find_op, op_row};
  const auto wrong = verify(p.m, g, ops);
  EXPECT_FALSE(wrong) << *wrong << "\n" << print(p.m, p.m[g], ops);
  Leaves<T> all = run(p, g, args);
  all.erase(all.begin());
  return all;
}

/// ∂f/∂x for each element of leaf `leaf` by differences in 200 bits.
std::vector<double> exact(Program& p, FuncId f, const Leaves<double>& args, size_t leaf) {
  const Big h(std::string_view("1e-20"));
  std::vector<double> slopes;
  for (size_t e = 0; e < args[leaf].size(); ++e) {
    const auto at = [&](const Big& step) {
      Leaves<Big> moved;
      for (const auto& a : args) moved.emplace_back(a.begin(), a.end());
      moved[leaf][e] += step;
      return run(p, f, moved)[0][0];
    };
    slopes.push_back(static_cast<double>((at(h) - at(-h)) / (Big(2) * h)));
  }
  return slopes;
}

/// In the arithmetic of T: `double` runs the code that is compiled, `Big` what the rows mean.
template <class T>
void check(Program& p, FuncId f, const Leaves<double>& args) {
  const Wrt wrt = all_floats(p, f);
  Leaves<T> typed;
  for (const auto& a : args) typed.emplace_back(a.begin(), a.end());
  const Leaves<T> got = symbolic_at(p, f, typed, wrt);
  size_t active = 0;
  for (size_t k = 0; k < wrt.active.size() && !got.empty(); ++k) {
    if (!wrt.active[k]) continue;
    const std::vector<double> want = exact(p, f, args, k);
    ASSERT_EQ(got[active].size(), want.size());
    for (size_t e = 0; e < want.size(); ++e)
      EXPECT_NEAR(static_cast<double>(got[active][e]), want[e], 1e-12 * (1 + std::abs(want[e])))
          << p.m[f].name << " by x" << k << "[" << e << "]";
    ++active;
  }
}

TEST(Symbolic, EveryRowOfFloats) {
  for (int k = 0; k < n_ops(); ++k) {
    const OpId op{k};
    const Op& row = op_row(op);
    const bool is_int_float = row.type == TypeRule::int_float;
    if (row.kind != OpKind::elementwise ||
        (row.type != TypeRule::same_float && row.type != TypeRule::same_number && !is_int_float))
      continue;
    if (diff_rule(op, row.arity - 1).not_differentiable || !row.meaning.big) continue;
    if (op == "stop_gradient"_op) continue;  // not the derivative of its value
    const double lo = std::max(row.domain[0], -2.0), hi = std::min(row.domain[1], 3.0);
    Program p;
    std::vector<TypeId> types(static_cast<size_t>(row.arity), p.f64());
    if (is_int_float) types[0] = p.i64();
    const FuncId f = p.function(row.name, types, [&](const Expr* x) {
      std::vector<ValueId> args;
      for (int a = 0; a < row.arity; ++a) args.push_back(x[a].v);
      return x[0].with(x[0].b->op(op, args, {}));
    });
    for (const double share : {0.31, 0.77}) {
      Leaves<double> args;
      for (int a = 0; a < row.arity; ++a) args.push_back({lo + (hi - lo) * (share + 0.11 * a)});
      if (is_int_float) args[0] = {1};
      check<Big>(p, f, args);
    }
  }
}

TEST(Symbolic, SlidesFunctionAtItsKnownPoint) {
  Program p;
  const FuncId f = p.function("f", {p.f64(), p.f64()}, [](const Expr* x) {
    const Expr q = x[0] / x[1];
    return (exp(q) + q) * (q - log(x[1]));
  });
  const Leaves<double> g = symbolic_at<double>(p, f, {{1.5}, {0.5}}, all_floats(p, f));
  EXPECT_NEAR(g[0][0], 201.915056323301653931596981, 1e-12);
  EXPECT_NEAR(g[1][0], -651.916242816280297276548004, 1e-12);
}

TEST(Symbolic, TheDerivativeOfADerivative) {
  Program p;
  const FuncId f =
      p.function("f", {p.f64(), p.f64()}, [](const Expr* x) { return sin(x[0] * x[1]) * log(x[0]) / x[1]; });
  Diagnostics diagnostics;
  const FuncId g = symbolic(p.m, f, Wrt({true, false}), diagnostics);
  const FuncId h = symbolic(p.m, g, Wrt({true, true}, 1), diagnostics);
  const double x = 0.7, y = 1.3, s = std::sin(x * y), c = std::cos(x * y), l = std::log(x);
  const Leaves<double> got = run(p, h, Leaves<double>{{x}, {y}});
  EXPECT_NEAR(got[2][0], (-y * y * s * l + 2 * y * c / x - s / (x * x)) / y, 1e-14);
  EXPECT_NEAR(got[3][0], (-x * y * s * l + c) / y + (c * l + 0 * s) / y - (y * c * l + s / x) / (y * y), 1e-14);
}

TEST(Symbolic, ArraysInAdjointOrderAndScalarsDirectly) {
  Program p;
  const FuncId f = p.function("f", {p.f64({2, 3}), p.f64({3}), p.f64()}, [](const Expr* x) {
    const Expr a = tanh(matmul(x[0], x[1], {0, 1, 0, 1}));
    return sum(a * a) * x[2] + sum(exp(x[1])) / x[2];
  });
  check<double>(p, f, {{.1, -.4, .7, .2, .5, -.3}, {.3, .9, -.2}, {1.7}});
}

TEST(Symbolic, OnlyScalarsThroughArrays) {
  Program p;
  const FuncId f = p.function("f", {p.f64(), p.f64()}, [](const Expr* x) {
    Builder& b = *x[0].b;
    const ValueId rows[] = {x[0].v, (x[0] * x[1]).v, sin(x[1]).v};
    const Expr v = x[0].with(b.stack(rows, {}));
    const Expr shifted = x[0].with(b.slice(v.v, 0, b.dims().constant(1), b.dims().constant(2), 1, {}));
    return sum(shifted * shifted) * reduce("prod"_op, v, {0}) + reduce("max_over"_op, v, {0}) +
           matmul(v, v, {0, 0, 0, 1});
  });
  check<double>(p, f, {{0.7}, {1.3}});
}

TEST(Symbolic, BranchesBecomeCasesWithoutInfinities) {
  Program p;
  const FuncId f = p.function("f", {p.f64(), p.f64()}, [](const Expr* x) {
    const Expr y = branch(
        x[0] > 0, {x[0], x[1]},
        [](const Expr* c) {
          return tuple({log(c[0]) * c[1], c[1]});
        },
        [](const Expr* c) {
          return tuple({c[0].literal(2), c[0] * c[0]});
        });
    return y.get(0) * y.get(1) * x[0];
  });
  check<double>(p, f, {{1.3}, {0.4}});
  check<double>(p, f, {{-1.3}, {0.4}});
  const Leaves<double> g = symbolic_at<double>(p, f, {{0}, {0.4}}, all_floats(p, f));
  EXPECT_EQ(g[0][0], 0);
  EXPECT_EQ(g[1][0], 0);
}

TEST(Symbolic, CallsAreWrittenOutAndTuplesTakenApart) {
  Program p;
  const TypeId pair = p.m.types.tuple({{{}, p.f64()}, {{}, p.f64({2})}});
  const FuncId square = p.function("h", {p.f64(), p.f64()}, [](const Expr* x) { return x[0] * x[0] * x[1]; });
  const FuncId f = p.function("f", {pair, p.f64()}, [&](const Expr* x) {
    const Expr inner = call(square, {x[0].get(0), x[1]});
    return tuple({x[1] * sum(x[0].get(1)) * call(square, {inner, x[0].get(0)}), x[1]});
  });
  Wrt wrt({true, true}, 0);
  const Leaves<double> args = {{0.7}, {1.5, -0.3}, {0.9}};
  Diagnostics diagnostics;
  const Leaves<double> want = run(p, gradient(p.m, f, wrt, diagnostics), args),
                       got = run(p, symbolic(p.m, f, wrt, diagnostics), args);
  ASSERT_EQ(got.size(), want.size());
  for (size_t k = 0; k < want.size(); ++k)
    for (size_t e = 0; e < want[k].size(); ++e) EXPECT_NEAR(got[k][e], want[k][e], 1e-14) << k;
}

TEST(Symbolic, StaysAccurateWhereAnExpandedPolynomialLosesAllDigits) {
  Program p;
  const FuncId f = p.function("logistic", {p.f64()}, [](const Expr* x) {
    Expr l = x[0];
    for (int n = 1; n < 12; ++n) l = 4 * l * (1 / (1 / l.literal(1)) - l);
    return l;
  });
  check<double>(p, f, {{0.3}});
}

TEST(Symbolic, SizeIsLinearInTheFunction) {
  Program p;
  const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
    Expr l = x[0];
    for (int n = 0; n < 2000; ++n) l = sin(l * l) * l;
    return l;
  });
  Diagnostics diagnostics;
  const FuncId g = symbolic(p.m, f, Wrt({true}), diagnostics);
  ASSERT_TRUE(g);
  EXPECT_LT(p.m[g].insts.size(), 8 * p.m[f].insts.size());
}

TEST(Symbolic, SaysWhatHasNoClosedForm) {
  Program p;
  FuncId f = p.function("f0", {p.f64()}, [](const Expr* x) { return x[0] * x[0]; });
  for (int k = 1; k < 25; ++k)
    f = p.function("f" + std::to_string(k), {p.f64()},
                   [&](const Expr* x) { return call(f, {x[0]}) * call(f, {x[0] + k}); });
  Diagnostics diagnostics;
  EXPECT_FALSE(symbolic(p.m, f, Wrt({true}), diagnostics));
  ASSERT_EQ(diagnostics.n_errors(), 1u);
  EXPECT_STREQ(diagnostics.all()[0].kind->slug, "no-closed-form");
}

}  // namespace
}  // namespace dlc::test
