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

  FuncId ready(std::string_view name) {
    const FuncId f = m.find(name);
    EXPECT_TRUE(f) << name;
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
InterpValue<double> vector(std::vector<double> x) { return InterpValue<double>::array({static_cast<int64_t>(x.size())}, x); }
InterpValue<double> matrix(int64_t rows, int64_t columns, std::vector<double> x) { return InterpValue<double>::array({rows, columns}, std::move(x)); }

void expect_same(const std::vector<double>& got, const std::vector<double>& want, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t k = 0; k < want.size(); ++k) EXPECT_NEAR(got[k], want[k], 1e-12 * (1 + std::abs(want[k]))) << what << "\nresult " << k;
}

/// The closed form of value and gradient by every float parameter, printed, read back and run.
std::string check(const std::string& program, const Args& args) {
  Text text(program);
  const FuncId f = text.ready("f");
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
  if (!again.diagnostics.has_errors()) expect_same(again.run(again.ready("written"), args), text.run(g, args), written);
  return as_text(*form);
}

TEST(ClosedForm, SlidesFunction) {
  EXPECT_EQ(check("fn f(x1: real, x2: real) = (exp(x1 / x2) + x1 / x2) * (x1 / x2 - ln(x2))", {number(1.5), number(0.5)}),
            R"(f = t2 * t1
df/dx1 = ((exp(x1 / x2) + 1) * t1 + t2) / x2
df/dx2 = -t3 * (exp(x1 / x2) + 1) * t1 + (-t3 - 1 / x2) * t2
  where t1 = x1 / x2 - log(x2)
        t2 = exp(x1 / x2) + x1 / x2
        t3 = x1 / x2^2
)");
}

TEST(ClosedForm, LetsKeepTheirNames) {
  EXPECT_EQ(check(R"(fn f(x: real, y: real) -> real {
  let ratio = x / y      // used twice
  let wide: real = exp(x) +
      sin(y)
  let once = x * x
  return ratio * log(ratio) * wide + once * wide
})", {number(1.5), number(0.5)}),
            R"(f = (ratio * log(ratio) + x^2) * wide
df/dx = (log(ratio) / y + 1 / y + 2 * x) * wide + (ratio * log(ratio) + x^2) * exp(x)
df/dy = 0
  where ratio = x / y
        wide = exp(x) + sin(y)
)");
}

}  // namespace
}  // namespace dlc::test
