// Closed forms: what is printed for small programs, that it reads back as a program with the same values, and that the
// LaTeX is well formed.
#include "symbolic/closed_form.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ad/leaves.h"
#include "interp/interp.h"
#include "latex_check.h"
#include "ops/table.h"
#include "passes/passes.h"
#include "sema/sema.h"
#include "symbolic/differentiate.h"
#include "symbolic/formula.h"
#include "symbolic/render.h"
#include "symbolic/straight_line.h"
#include "syntax/parser.h"

namespace dlc::test {
namespace {

/// A compiled text, its functions inlined, batched and simplified.
struct Text {
  Module m;
  Sources sources;
  Diagnostics diagnostics;

  explicit Text(const std::string& text) {
    const FileId file = sources.add("test.dl", text);
    const Ast ast = parse(sources, file, m.strings, diagnostics);
    if (!diagnostics.has_errors()) analyse(ast, sources, m, {}, diagnostics);
    std::string all;
    for (const Diagnostic& d : diagnostics.all()) all += render_text(d, sources);
    EXPECT_FALSE(diagnostics.has_errors()) << all << text;
  }

  /// `as_written`: without the passes, so that what is printed does not depend on how they order operands.
  FuncId ready(std::string_view name, bool as_written = false) {
    const FuncId f = m.find(name);
    EXPECT_TRUE(f) << name;
    if (as_written) return f;
    for (FuncId g : call_order(m, f))
      for (auto pass : {inline_calls, batch, contract, simplify, cse, dce}) pass(m, g, diagnostics);
    return f;
  }

  std::vector<double> run(FuncId f, const std::vector<InterpValue<double>>& args) {
    const Result<InterpValue<double>> result = interpret<double>(m, f, std::span(args));
    if (!result) ADD_FAILURE() << result.error().message;
    std::vector<double> flat;
    if (result) flatten(*result, flat);
    return flat;
  }
  static void flatten(const InterpValue<double>& v, std::vector<double>& out) {
    for (const auto& field : v.fields) flatten(field, out);
    out.insert(out.end(), v.floats.begin(), v.floats.end());
    out.insert(out.end(), v.ints.begin(), v.ints.end());
  }

  Wrt floats(FuncId f) const {
    Wrt wrt;
    for (ValueId p : m[f].body().params) wrt.active.push_back(m.types.all_float(m[f][p].type));
    return wrt;
  }
};

using Args = std::vector<InterpValue<double>>;
InterpValue<double> number(double x) { return InterpValue<double>::scalar(x); }
InterpValue<double> vector(std::vector<double> x) {
  return InterpValue<double>::array({static_cast<int64_t>(x.size())}, x);
}
InterpValue<double> matrix(int64_t rows, int64_t columns, std::vector<double> x) {
  return InterpValue<double>::array({rows, columns}, std::move(x));
}

void expect_same(const std::vector<double>& got, const std::vector<double>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t k = 0; k < want.size(); ++k)
    EXPECT_NEAR(got[k], want[k], 1e-12 * (1 + std::abs(want[k]))) << what << "\nresult " << k;
}

/// The closed form of value and gradient by every float parameter, printed, read back and run.
std::string check(const std::string& program, const Args& args, bool as_written = false) {
  Text text(program);
  const FuncId f = text.diagnostics.has_errors() ? FuncId{} : text.ready("f", as_written);
  if (!f) return "";
  const Wrt wrt = text.floats(f);
  const FuncId g = symbolic(text.m, f, wrt, text.diagnostics);
  EXPECT_TRUE(g);
  if (!g) return "";
  const auto form = closed_form(text.m, g, gradient_names(text.m, f, wrt, true), &text.sources, text.diagnostics);
  EXPECT_TRUE(form);
  if (!form) return "";
  EXPECT_EQ(latex_fault(as_latex(*form)), "") << as_latex(*form);
  const std::string written = as_function(text.m, f, "written", *form);
  Text again(written);
  if (!again.diagnostics.has_errors())
    expect_same(again.run(again.ready("written"), args), text.run(g, args), program + "\n" + written);
  return as_text(*form);
}

constexpr const char* kSlides = "fn f(x1: real, x2: real) = (exp(x1 / x2) + x1 / x2) * (x1 / x2 - ln(x2))";
constexpr const char* kNet =
    R"(fn loss[H, D](W1: real[H, D], b1: real[H], W2: real[H], b2: real, x: real[D], y: real) -> real {
  let a = sigmoid(W1 @ x + b1)
  let h = sigmoid(dot(W2, a) + b2)
  return -(y * log(h) + (1 - y) * log(1 - h))
}
)";

TEST(ClosedForm, SlidesFunction) {
  EXPECT_EQ(check(kSlides, {number(1.5), number(0.5)}, true),
            R"(f = t1 * t2
df/dx1 = ((exp(x1 / x2) + 1) * t2 + t1) / x2
df/dx2 = -t3 * (exp(x1 / x2) + 1) * t2 + (-t3 - 1 / x2) * t1
  where t1 = exp(x1 / x2) + x1 / x2
        t2 = x1 / x2 - log(x2)
        t3 = x1 / x2^2
)");
}

TEST(ClosedForm, SlidesFunctionInLatex) {
  Text text(kSlides);
  const FuncId f = text.ready("f", true);
  const auto form = closed_form(text.m, f, value_names(text.m, f), nullptr, text.diagnostics);
  ASSERT_TRUE(form);
  EXPECT_EQ(as_latex(*form), R"(\begin{aligned}
f &= \left(e^{\frac{x_{1}}{x_{2}}} + \frac{x_{1}}{x_{2}}\right)\,\left(\frac{x_{1}}{x_{2}} - \ln(x_{2})\right) \\
\end{aligned}
)");
}

TEST(ClosedForm, LetsKeepTheirNames) {
  EXPECT_EQ(check(R"(fn f(x: real, y: real) -> real {
  let ratio = x / y      // used twice
  let wide: real = exp(x) +
      sin(y)
  let once = cos(x * y)
  return ratio * log(ratio) * wide + once
})",
                  {number(1.5), number(0.5)}, true),
            R"(f = ratio * log(ratio) * wide + cos(x * y)
df/dx = (log(ratio) + 1) * wide / y + exp(x) * ratio * log(ratio) - y * sin(x * y)
df/dy = -t1 * (1 + log(ratio)) * wide + cos(y) * ratio * log(ratio) - x * sin(x * y)
  where ratio = x / y
        wide = exp(x) + sin(y)
        t1 = ratio / y
)");
}

TEST(ClosedForm, BranchesAreCases) {
  EXPECT_EQ(check("fn f(x: real) -> real { if x > 0 { sqrt(x) } else { x ^ 2 } }", {number(1.5)}, true),
            "f = select(x > 0, sqrt(x), x^2)\ndf/dx = select(x > 0, 1 / (2 * sqrt(x)), 2 * x)\n");
  check("fn f(x: real) -> real { if x > 0 { sqrt(x) } else { x ^ 2 } }", {number(-1.5)});
  check("fn f(x: real, y: real) = select(x > y, select(x > 0, x, 1), 0) / (1 + max(x, y))", {number(1.5), number(.3)});
}

TEST(ClosedForm, MatrixCalculus) {
  const std::string text = check(
      std::string(kNet) +
          R"(fn f[H, D](W1: real[H, D], b1: real[H], W2: real[H], b2: real, x: real[D], y: real) = loss(W1, b1, W2, b2, x, y))",
      {matrix(2, 3, {.1, -.4, .7, .2, .5, -.3}), vector({.3, .9}), vector({-.2, .6}), number(.1), vector({1, -.5, .3}),
       number(1)});
  EXPECT_NE(text.find("df/dW1 = outer(t"), text.npos) << text;
  EXPECT_NE(text.find("df/dx = t"), text.npos) << text;
  EXPECT_NE(text.find(" @ W1\n"), text.npos) << text;
}

TEST(ClosedForm, ABatchIsMatrixProducts) {
  const std::string text =
      check(std::string(kNet) +
                R"(fn f[H, D, n](W1: real[H, D], b1: real[H], W2: real[H], b2: real, X: real[n, D], y: real[n]) =
    mean[i](loss(W1, b1, W2, b2, X[i], y[i])))",
            {matrix(2, 3, {.1, -.4, .7, .2, .5, -.3}), vector({.3, .9}), vector({-.2, .6}), number(.1),
             matrix(4, 3, {1, -.5, .3, .2, .2, .1, -1, .4, .6, .7, .8, -.9}), vector({1, 0, 0, 1})});
  EXPECT_NE(text.find("X @ transpose(W1)"), text.npos) << text;
  EXPECT_NE(text.find("@ X\n"), text.npos) << text;
}

TEST(ClosedForm, ArraysReadBack) {
  const Args args = {vector({.3, .9, -.4, .7, 1.1})};
  for (const char* body : {
           "sum[i in 0..n - 1]((x[i + 1] - x[i])^2)",
           "sum(cumsum(x) * x)",
           "sum(exp(x[1..n - 1]) * 2) + x[0] * x[-1]",
           "prod(x) + max(x)",
           "sum[i, j](exp(x[i] - x[j]) * 3)",
           "norm(x) + logsumexp(x)",
           "dot(softmax(x), x) / n",
           "sum(outer(x, x) @ flip(x))",
           "sum(reshape(outer(x, x), [n * n])) + sum[k in 0..2](x[2 * k])",
           "sum(stack(x, 2 * x) ^ 3) + sum(transpose(outer(x, x)) / (1 + exp(x)))",
           "sum[i](if x[i] > 0 { sqrt(x[i]) } else { x[i] ^ 2 })",
           "sum[i](if x[i] > 0 { sqrt(x[i]) * x[0] } else { if x[i] > -3 { x[i] ^ 2 * log(-x[i]) } else { 0 } })",
           "sum(clamp(x, 0, 1) + abs(x) + floor(x) * x)",
           "sum[i](real(i) * x[i]) + sum[i](x[(n - 1) - i] * x[i])",
           "sum[i, j, k](x[i] * x[j] * x[k] / (1 + x[i]^2)) * 1e-7 + pow(x[1], 2.5) + hypot(x[0], x[1])",
       })
    check(std::string("fn f[n](x: real[n]) = ") + body, args);
}

TEST(ClosedForm, OtherTypesReadBack) {
  check("fn f(x: f32, n: int) -> f32 { let c = if x > 1 { 2 } else { 0.5 }\n c * x ^ n + f32(n) / 3 }",
        {InterpValue<double>::scalar(1.5, DType::f32), InterpValue<double>::of_int(3)});
  check("fn f[n](s: (a: real, v: real[n]), k: real) = s.a * sum(s.v * k)",
        {InterpValue<double>::tuple({number(.4), vector({1, 2, 3})}), number(2)});
}

TEST(ClosedForm, IsAsLongAsTheGraphAndNoDeeperThanAParserLikes) {
  std::string program = "fn f(x: real) -> real {\n  var l = x\n";
  for (int k = 0; k < 300; ++k) program += "  l = 0.3 * sin(l * l) * l + cos(l)\n";
  const std::string text = check(program + "  return l\n}", {number(.01)});
  EXPECT_LT(text.size(), 200'000u);
}

TEST(Formulas, MergeWithoutExpanding) {
  Formulas f;
  const FormulaId x = f.name("x", "x", 0), y = f.name("y", "y", 0), two = f.number(2), half = f.number(.5);
  const auto text = [&](FormulaId g) { return text_of(f, g); };
  const FormulaId sum = f.added(x, y, false);
  EXPECT_EQ(text(f.multiplied(f.multiplied(two, x), f.multiplied(f.number(3), x))), "6 * x^2");
  EXPECT_EQ(text(f.multiplied(half, x)), "x / 2");
  EXPECT_EQ(text(f.multiplied(sum, sum)), "(x + y)^2");
  EXPECT_EQ(text(f.multiplied(two, sum)), "2 * (x + y)");
  EXPECT_EQ(text(f.divided(f.power(x, 3), x)), "x^2");
  EXPECT_EQ(text(f.divided(x, f.divided(x, y))), "y");
  EXPECT_EQ(text(f.added(f.multiplied(two, x), x, true)), "x");
  EXPECT_EQ(text(f.added(x, x, true)), "0");
  EXPECT_EQ(text(f.added(f.negated(x), f.negated(y), false)), "-x - y");
  EXPECT_EQ(text(f.added(f.divided(x, y), f.divided(two, y), false)), "(x + 2) / y");
  EXPECT_EQ(text(f.negated(sum)), "-(x + y)");
  EXPECT_EQ(text(f.power(f.negated(x), 2)), "(-x)^2");
  EXPECT_EQ(text(f.negated(f.power(x, 2))), "-x^2");
  EXPECT_EQ(text(f.divided(f.number(1), f.multiplied(x, y))), "1 / (x * y)");
  EXPECT_EQ(text(f.multiplied(f.number(.1), f.number(.2))), "0.1 * 0.2");
}

TEST(Latex, Names) {
  const std::pair<const char*, const char*> kNames[] = {{"x", "x"},
                                                        {"x1", "x_{1}"},
                                                        {"θ", "\\theta"},
                                                        {"theta", "\\theta"},
                                                        {"θ_1", "\\theta_{1}"},
                                                        {"W_out", "W_{\\mathrm{out}}"},
                                                        {"rate", "\\mathrm{rate}"},
                                                        {"s.h", "s.h"},
                                                        {"x10_a", "x_{10,a}"},
                                                        {"größe", "\\text{größe}"},
                                                        {"_", "\\_"}};
  for (const auto& [name, latex] : kNames) EXPECT_EQ(latex_name(name), latex);
}

TEST(Latex, EveryRowIsWellFormed) {
  for (int k = 0; k < n_ops(); ++k) {
    const Op& row = op_row(OpId{k});
    if (row.kind != OpKind::elementwise) continue;
    Formulas f;
    Formula call{.kind = Formula::Kind::apply, .op = OpId{k}};
    const FormulaId sum = f.added(f.name("x", "x", 0), f.divided(f.number(1), f.name("y", "y", 0)), true);
    for (int a = 0; a < row.arity; ++a) call.args.push_back(sum);
    const FormulaId applied = f.make(call);
    for (FormulaId whole : {applied, f.power(applied, 2), f.multiplied(applied, sum), f.added(sum, applied, true)})
      EXPECT_EQ(latex_fault(latex_of(f, whole)), "") << row.name << ": " << latex_of(f, whole);
  }
}

TEST(Latex, TheCheckFindsFaults) {
  for (const char* wrong :
       {"{x", "x}", "\\left(x", "x^{2}^{3}", "x_1_2", "\\frob", "\\begin{cases} x \\end{aligned}", "$a"})
    EXPECT_NE(latex_fault(wrong), "") << wrong;
  for (const char* right : {"x_{1}^{2}", "\\frac{x}{y}^{2}", "\\left(x\\right)^{\\top}"})
    EXPECT_EQ(latex_fault(right), "") << right;
}

}  // namespace
}  // namespace dlc::test
