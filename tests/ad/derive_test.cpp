// Requests: every kind in every mode, shapes of results, nesting, errors, and how many passes a mode takes.
#include "ad/derive.h"

#include <gtest/gtest.h>

#include "ad/reverse.h"
#include "checks.h"

namespace dlc::test {
namespace {

using Kind = DerivativeRequest::Kind;
constexpr Mode kModes[] = {Mode::reverse, Mode::forward, Mode::symbolic, Mode::numeric};

FuncId request(Program& p, DerivativeRequest r) {
  const FuncId id = start_function(p.m, "request", p.m[r.base]);
  const Func& base = p.m[r.base];
  if (r.kind == Kind::jvp)
    for (int k : r.wrt)
      append_param(p.m, p.m[id], BlockId{0}, "param"_op, base[base.body().params[static_cast<size_t>(k)]].type, p.m.strings.intern("d"), {});
  if (r.kind == Kind::vjp)
    append_param(p.m, p.m[id], BlockId{0}, "param"_op, differentiated_type(p.m, base, Wrt({}, r.of)), p.m.strings.intern("bar"), {});
  p.m[id].request = std::move(r);
  return id;
}

/// Closed forms stand in for: only the signature matters here.
DerivePasses passes(Diagnostics& diagnostics) {
  return {{}, [&](Module& m, FuncId f, const Wrt& wrt) { return gradient(m, f, wrt, diagnostics); }};
}

Leaves<double> derived_at(Program& p, DerivativeRequest r, const Leaves<double>& args) {
  Diagnostics diagnostics;
  const FuncId id = request(p, std::move(r));
  EXPECT_TRUE(derive(p.m, id, diagnostics, passes(diagnostics)));
  for (const Diagnostic& d : diagnostics.all()) ADD_FAILURE() << d.message;
  return p.m[id].body().result ? run(p, id, args) : Leaves<double>{};
}

void expect_near(const Leaves<double>& got, const Leaves<double>& want, Mode mode) {
  ASSERT_EQ(got.size(), want.size()) << mode_name(mode);
  for (size_t k = 0; k < got.size(); ++k) {
    ASSERT_EQ(got[k].size(), want[k].size()) << mode_name(mode);
    for (size_t e = 0; e < got[k].size(); ++e)
      EXPECT_NEAR(got[k][e], want[k][e], mode == Mode::numeric ? 1e-8 : 1e-13) << mode_name(mode) << " " << k << " " << e;
  }
}

// f(s, v) = s²·Σv², at s = 2, v = (1, 3): f = 40, ∂s = 40, ∂v = (8, 24)
FuncId scaled_square(Program& p) {
  return p.function("f", {p.f64(), p.f64({2})}, [](const Expr* x) { return x[0] * x[0] * sum(x[1] * x[1]); });
}
const Leaves<double> kAt = {{2}, {1, 3}};

TEST(Derive, GradientsInEveryModeAndShape) {
  for (Mode mode : kModes) {
    Program p;
    const FuncId f = scaled_square(p);
    expect_near(derived_at(p, {.kind = Kind::grad, .mode = mode, .base = f, .wrt = {1}}, kAt), {{8, 24}}, mode);
    expect_near(derived_at(p, {.kind = Kind::grad, .mode = mode, .base = f, .wrt = {1, 0}, .is_list = true}, kAt), {{8, 24}, {40}}, mode);
    expect_near(derived_at(p, {.kind = Kind::value_and_grad, .mode = mode, .base = f, .wrt = {0}}, kAt), {{40}, {40}}, mode);
  }
}

TEST(Derive, AListGivesANamedTuple) {
  Program p;
  Diagnostics diagnostics;
  const FuncId id = request(p, {.kind = Kind::grad, .base = scaled_square(p), .wrt = {1}, .is_list = true, .with_value = true});
  ASSERT_TRUE(derive(p.m, id, diagnostics, passes(diagnostics)));
  EXPECT_EQ(p.m.types.text(p.m[id].result_type()), "(f64, (x1: f64[2]))");
}

TEST(Derive, DirectionsInEveryMode) {
  for (Mode mode : kModes) {
    Program p;
    const FuncId f = scaled_square(p);
    expect_near(derived_at(p, {.kind = Kind::jvp, .mode = mode, .base = f, .wrt = {1, 0}, .with_value = true}, {{2}, {1, 3}, {1, 2}, {0.5}}),
                {{40}, {76}}, mode);
    expect_near(derived_at(p, {.kind = Kind::jvp, .mode = mode, .base = f, .wrt = {0}}, {{2}, {1, 3}, {0}}), {{0}}, mode);
    expect_near(derived_at(p, {.kind = Kind::vjp, .mode = mode, .base = f, .wrt = {1}}, {{2}, {1, 3}, {-0.5}}), {{-4, -12}}, mode);
  }
}

TEST(Derive, ArrayResultsHaveDirectionsInAllModesButSymbolic) {
  for (Mode mode : {Mode::reverse, Mode::forward, Mode::numeric}) {
    Program p;
    const FuncId f = p.function("f", {p.f64({2}), p.f64()}, [](const Expr* x) { return x[0] * x[0] * log(x[1]); });
    const double log2 = std::log(2.0);
    expect_near(derived_at(p, {.kind = Kind::jvp, .mode = mode, .base = f, .wrt = {0, 1}}, {{1, 3}, {2}, {1, -1}, {4}}),
                {{2 * log2 + 2, -6 * log2 + 18}}, mode);
    expect_near(derived_at(p, {.kind = Kind::vjp, .mode = mode, .base = f, .wrt = {0, 1}, .is_list = true}, {{1, 3}, {2}, {1, -1}}),
                {{2 * log2, -6 * log2}, {-4}}, mode);
  }
}

TEST(Derive, OneFieldOfTheResult) {
  for (Mode mode : {Mode::reverse, Mode::forward, Mode::numeric}) {
    Program p;
    const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) {
      return tuple({x[0].op("to_int"_op, {x[0]}), x[0] * x[0], x[0].op("floor"_op, {x[0]})});
    });
    expect_near(derived_at(p, {.kind = Kind::grad, .mode = mode, .base = f, .wrt = {0}, .with_value = true, .of = 1}, {{2.5}}),
                {{2}, {6.25}, {2}, {5}}, mode);
    expect_near(derived_at(p, {.kind = Kind::jvp, .mode = mode, .base = f, .wrt = {0}, .of = 1}, {{2.5}, {3}}), {{15}}, mode);
  }
}

TEST(Derive, RequestsNestInAnyModes) {
  for (Mode outer : {Mode::reverse, Mode::forward, Mode::numeric})
    for (Mode inner : {Mode::reverse, Mode::forward}) {
      Program p;
      const FuncId f = p.function("f", {p.f64()}, [](const Expr* x) { return x[0] * x[0] * x[0] * x[0]; });
      const FuncId once = request(p, {.kind = Kind::grad, .mode = inner, .base = f, .wrt = {0}});
      p.m[once].declared_result = p.f64();
      const FuncId twice = p.function("g", {p.f64()}, [&](const Expr* x) { return call(once, {x[0]}) * x[0]; });
      expect_near(derived_at(p, {.kind = Kind::grad, .mode = outer, .base = twice, .wrt = {0}}, {{0.5}}), {{2}}, outer);
      const FuncId second = request(p, {.kind = Kind::grad, .mode = inner, .base = once, .wrt = {0}});
      expect_near(derived_at(p, {.kind = Kind::grad, .mode = outer, .base = second, .wrt = {0}}, {{0.5}}), {{12}}, outer);
    }
}

TEST(Derive, SaysWhatCannotBeDifferentiated) {
  Program p;
  Diagnostics diagnostics;
  const auto slug = [&](DerivativeRequest r) {
    diagnostics.clear();
    EXPECT_FALSE(derive(p.m, request(p, std::move(r)), diagnostics, passes(diagnostics)));
    EXPECT_EQ(diagnostics.n_errors(), 1u);
    return std::string(diagnostics.all().at(0).kind->slug);
  };
  const FuncId f = p.function("f", {p.i64(), p.f64({2})}, [](const Expr* x) { return x[1] * x[1]; });
  EXPECT_EQ(slug({.kind = Kind::jvp, .base = f, .wrt = {0}}), "not-differentiable");
  EXPECT_EQ(slug({.kind = Kind::grad, .base = f, .wrt = {1}}), "grad-of-array");
  EXPECT_EQ(slug({.kind = Kind::jvp, .mode = Mode::symbolic, .base = f, .wrt = {1}}), "mode-not-possible");
  const FuncId g = p.function("g", {p.f64()}, [](const Expr* x) {
    const Expr n = x[0].op("to_int"_op, {x[0]});
    return n.op("to_f64"_op, {n});
  });
  for (Mode mode : {Mode::reverse, Mode::forward}) EXPECT_EQ(slug({.kind = Kind::grad, .mode = mode, .base = g, .wrt = {0}}), "no-derivative");
}

TEST(Derive, CountsItsPasses) {
  Program p;
  const FuncId f = scaled_square(p);
  const auto count = [&](Kind kind, Mode mode) { return count_passes(p.m, {.kind = kind, .mode = mode, .base = f, .wrt = {0, 1}}); };
  EXPECT_EQ(count(Kind::grad, Mode::reverse).backward, 1);
  EXPECT_EQ(count(Kind::grad, Mode::forward).tangent, 2);
  EXPECT_TRUE(count(Kind::grad, Mode::forward).is_vectorised);
  EXPECT_EQ(p.m.types.dims.as_constant(count(Kind::grad, Mode::forward).directions), 3);
  EXPECT_EQ(count(Kind::grad, Mode::numeric).primal, 5);
  EXPECT_EQ(count(Kind::jvp, Mode::forward).tangent, 1);
}

}  // namespace
}  // namespace dlc::test
