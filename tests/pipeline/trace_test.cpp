// The two tables of the slides, line by line, and traces of what is not scalar.
#include "pipeline/trace.h"

#include "loaded.h"
#include "pipeline/diff.h"

namespace dlc {
namespace {

Trace traced(Compilation& c, const std::vector<std::string>& names, Mode mode, const std::vector<int>& wrt, const std::string& at) {
  std::vector<FuncId> functions;
  for (const std::string& n : names) functions.push_back(function(c, n));
  auto t = trace(c, functions, mode, wrt, arguments(c, functions[0], at));
  EXPECT_TRUE(t) << t.error().message;
  return *t;
}

TEST(Trace, ForwardOfTheSlides) {
  const auto c = loaded(kSlidesText);
  const Trace t = traced(*c, {"f"}, Mode::forward, {0}, "x1=0.5,x2=1");
  std::vector<std::string> table;
  for (const TraceLine& line : t.lines) table.push_back(line.expression.empty() ? line.name : line.name + " = " + line.expression);
  EXPECT_EQ(table, (std::vector<std::string>{"x1", "x2", "v1 = x1 / x2", "v2 = exp(v1)", "v3 = v2 + v1", "v4 = log(x2)", "v5 = v1 - v4", "f = v3 * v5"}));
  EXPECT_DOUBLE_EQ(t.lines.back().value.floats[0], 1.0743606353500641);
  EXPECT_DOUBLE_EQ(t.lines.back().tangents[0].floats[0], 3.4730819060501923);
  EXPECT_EQ(t.lines[5].tangents[0].floats[0], 0);  // log(x2) does not depend on x1
  EXPECT_EQ(t.passes, "forward: 1 pass for 1 input");
}

TEST(Trace, ReverseOfTheSlides) {
  const auto c = loaded(kSlidesText);
  const Trace t = traced(*c, {"f"}, Mode::reverse, {0, 1}, "x1=0.5,x2=1");
  ASSERT_EQ(t.sweeps.size(), 1u);
  std::vector<std::string> names;
  std::map<std::string, const AdjointLine*> lines;
  for (const AdjointLine& line : t.sweeps[0].lines) names.push_back(line.name), lines[line.name] = &line;
  EXPECT_EQ(names, (std::vector<std::string>{"f\u0304", "v\u03045", "v\u03044", "v\u03043", "v\u03042", "v\u03041", "x\u03042", "x\u03041"}));
  const AdjointLine& v1 = *lines["v\u03041"];
  ASSERT_EQ(v1.terms.size(), 3u);
  EXPECT_EQ(v1.terms[0].from, "v2");
  EXPECT_EQ(v1.terms[1].from, "v3");
  EXPECT_EQ(v1.terms[2].from, "v5");
  EXPECT_NEAR(lines["v\u03044"]->value.floats[0], -2.1487212707001282, 1e-15);
  EXPECT_NEAR(lines["x\u03042"]->value.floats[0], -3.885262223725224, 4e-15);
  EXPECT_NEAR(lines["x\u03041"]->value.floats[0], 3.4730819060501923, 2e-15);
  const std::string text = trace_text(t);
  EXPECT_NE(text.find("v̄2·∂v2/∂v1 + v̄3·∂v3/∂v1 + v̄5·∂v5/∂v1 = 0.5·1.6487 + 0.5·1 + 2.1487·1 = "), std::string::npos) << text;
}

TEST(Trace, FunctionsShareOnePass) {
  const auto c = loaded("fn f(x: real, y: real) = exp(x) * y\nfn g(x: real, y: real) = exp(x) + y\nfn h(x: real) = x\n");
  const Trace t = traced(*c, {"f", "g"}, Mode::forward, {0, 1}, "x=1,y=2");
  int n_exp = 0;
  for (const TraceLine& line : t.lines) n_exp += line.expression.starts_with("exp");
  EXPECT_EQ(n_exp, 1);  // what they have in common is computed once
  EXPECT_NE(t.passes.find("shared by the 2 functions"), std::string::npos) << t.passes;
  EXPECT_EQ(traced(*c, {"f", "g"}, Mode::reverse, {0, 1}, "x=1,y=2").sweeps.size(), 2u);
  EXPECT_FALSE(trace(*c, {function(*c, "f"), function(*c, "h")}, Mode::forward, {0}, arguments(*c, function(*c, "f"), "x=1,y=2")));
}

TEST(Trace, ArraysAndBranchesAgreeWithTheGradient) {
  const char* text =
      "fn f[n](x: real[n], w: real) -> real {\n"
      "  let s = sum[i](x[i] * x[i]) * w\n"
      "  return if s > 1 { log(s) * s } else { s * s }\n"
      "}\n";
  const auto c = loaded(text);
  for (const char* at : {"x=[1,2,3],w=2", "x=[0.1,0.2],w=1"}) {
    const Trace t = traced(*c, {"f"}, Mode::reverse, {0, 1}, at);
    const auto d = differentiate(*c, function(*c, "f"), {.wrt = {0, 1}}, arguments(*c, function(*c, "f"), at));
    ASSERT_TRUE(d);
    const auto& lines = t.sweeps[0].lines;
    EXPECT_NEAR(lines[lines.size() - 2].value.floats[0], d->gradient[1].floats[0], 1e-12);
    for (size_t k = 0; k < d->gradient[0].floats.size(); ++k) EXPECT_NEAR(lines.back().value.floats[k], d->gradient[0].floats[k], 1e-12);
    const Trace forward = traced(*c, {"f"}, Mode::forward, {0, 1}, at);
    double sum = 0;
    for (double x : d->gradient[0].floats) sum += x;
    EXPECT_NEAR(forward.lines.back().tangents[0].floats[0], sum, 1e-12);
    EXPECT_NEAR(forward.lines.back().tangents[1].floats[0], d->gradient[1].floats[0], 1e-12);
  }
}

TEST(Trace, TheResultMayBeAParameter) {
  const auto c = loaded("fn id(x: real) = x\nfn sq(x: real) = x * x\nfn c(x: real) = 3.0\n");
  EXPECT_EQ(traced(*c, {"id"}, Mode::reverse, {0}, "x=2").sweeps[0].lines.back().value.floats[0], 1);
  const Trace sq = traced(*c, {"sq"}, Mode::reverse, {0}, "x=3");
  EXPECT_EQ(sq.sweeps[0].lines.back().terms.size(), 1u);  // one term 2x, not two
  EXPECT_EQ(sq.sweeps[0].lines.back().value.floats[0], 6);
  EXPECT_EQ(traced(*c, {"c"}, Mode::reverse, {0}, "x=2").sweeps[0].lines.back().value.floats[0], 0);
}

TEST(Trace, NoZeroForWhatHasNoDerivative) {
  const auto c = loaded("fn f(x: real) = f64(int(x)) * x\n");
  for (const Mode mode : {Mode::forward, Mode::reverse}) {
    EXPECT_FALSE(trace(*c, {c->find("f")}, mode, {0}, {InterpValue<double>::scalar(2.5)}));
    ASSERT_TRUE(c->diagnostics.has_errors());
    EXPECT_STREQ(c->diagnostics.all()[0].kind->slug, "no-derivative");
    c->diagnostics.clear();
  }
}

}  // namespace
}  // namespace dlc
