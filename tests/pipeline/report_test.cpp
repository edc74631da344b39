// What a report measures, before it is a page. Times are not tested.
#include "pipeline/report.h"

#include <gtest/gtest.h>

#include "loaded.h"
#include "pipeline/function_cost.h"

namespace dlc::test {
namespace {

const ModeReport* mode_of(const FunctionReport& r, const std::string& name) {
  for (const ModeReport& m : r.modes)
    if (m.name == name) return &m;
  return nullptr;
}

TEST(Report, TheSlidesFunction) {
  const auto c = loaded("fn f(x1: real, x2: real) -> real = (exp(x1 / x2) + x1 / x2) * (x1 / x2 - ln(x2))\n");
  const auto r = report_function(*c, c->find("f"), {InterpValue<double>::scalar(0.5), InterpValue<double>::scalar(1)}, {.n_samples = 3});
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_FALSE(r->is_sampled);
  EXPECT_EQ(r->value_size.tree, 15);
  EXPECT_EQ(r->value_size.dag_nodes, 8);
  ASSERT_EQ(r->textbook.size(), 2u);
  EXPECT_EQ(r->textbook[0].tree, 60);  // tests/symbolic/size_test.cpp has these two from a count by hand
  EXPECT_EQ(r->textbook[0].dag, 21);
  ASSERT_EQ(r->modes.size(), 5u);
  for (const char* mode : {"reverse", "forward", "symbolic", "numeric"}) {
    const ModeReport* m = mode_of(*r, mode);
    ASSERT_TRUE(m && m->left_out.empty()) << mode;
    EXPECT_NEAR(m->gradient[0].floats[0], 3.4730819060501923, 1e-12) << mode;
    EXPECT_GT(m->nanoseconds, 0) << mode;
  }
  EXPECT_EQ(r->modes[0].ops.total(), 6);
  EXPECT_EQ(r->modes[0].ops.elementwise, 6);
  // (exp(q) + q) · (q − ln(x2)): before the product, at the most four numbers are wanted at once, in whatever order.
  EXPECT_EQ(r->modes[0].live_bytes, 32);
  EXPECT_EQ(r->modes[0].workspace_bytes, 0);
  EXPECT_TRUE(r->value_form && r->gradient_form && r->forward && r->reverse);
}

TEST(Report, BytesOfArraysAreThoseOfTheSizes) {
  const auto c = loaded("fn f[n](x: real[n]) -> real = sum(exp(x) * x)\n");
  const FuncId f = c->find("f");
  ASSERT_TRUE(c->ready(f));
  const StrId n = c->module[f].size_vars[0];
  const int64_t at_10 = live_bytes(c->module, f, {{n, 10}}), at_1000 = live_bytes(c->module, f, {{n, 1000}});
  EXPECT_EQ(at_10, 88);        // exp(x), and its product with x, which is one number
  EXPECT_EQ(at_1000, 8008);
}

TEST(Report, WhatCannotBeMeasuredIsSaid) {
  const auto c = loaded("fn whole(k: int) -> int = k + 1\nfn never(x: real) -> real = sqrt(-1 - x * x)\nfn all[n](x: real[n]) = exp(x)\n");
  const auto whole = report_function(*c, c->find("whole"), {}, {.n_samples = 3});
  ASSERT_TRUE(whole);
  EXPECT_NE(whole->no_derivative.find("no float parameter"), std::string::npos) << whole->no_derivative;
  EXPECT_EQ(whole->modes.size(), 1u);
  const auto never = report_function(*c, c->find("never"), {}, {.n_samples = 3});
  ASSERT_TRUE(never);
  EXPECT_NE(never->skipped.find("at none of 40"), std::string::npos) << never->skipped;
  const auto all = report_function(*c, c->find("all"), {}, {.n_samples = 3});
  ASSERT_TRUE(all);
  EXPECT_FALSE(all->is_scalar);
  EXPECT_FALSE(mode_of(*all, "symbolic")->left_out.empty());
  EXPECT_TRUE(mode_of(*all, "reverse")->left_out.empty());
}

TEST(Report, AGraphTooLargeToReadIsLeftOut) {
  std::string chain = "x";
  for (int k = 0; k < 160; ++k) chain = "sin(" + chain + " + " + std::to_string(k) + ")";   // x + 0 is x: 319 ops
  const auto c = loaded("fn f(x: real) -> real = " + chain + "\n");
  const auto r = report_function(*c, c->find("f"), {}, {.n_samples = 1});
  ASSERT_TRUE(r);
  EXPECT_TRUE(r->graph_svg.empty());
  EXPECT_NE(r->no_graph.find("left out: 320 nodes"), std::string::npos) << r->no_graph;
  EXPECT_NE(report_html(*c, "chain.dl", {*r}).find("left out: 320 nodes"), std::string::npos);
}

}  // namespace
}  // namespace dlc::test
