// Formulas: each construct, and every template of the op table.
#include "report/mathml.h"

#include <gtest/gtest.h>

#include "ops/table.h"
#include "well_formed.h"

namespace dlc::test {
namespace {

TEST(Mathml, Constructs) {
  EXPECT_EQ(mathml("x_{1}"), "<msub><mi>x</mi><mrow><mn>1</mn></mrow></msub>");
  EXPECT_EQ(mathml("e^{-x}"), "<msup><mi>e</mi><mrow><mo>−</mo><mi>x</mi></mrow></msup>");
  EXPECT_EQ(mathml("\\frac{1}{2.5}"), "<mfrac><mrow><mn>1</mn></mrow><mrow><mn>2.5</mn></mrow></mfrac>");
  EXPECT_EQ(mathml("\\left(x\\right)"), "<mrow><mo fence=\"true\" stretchy=\"true\">(</mo><mi>x</mi><mo fence=\"true\" stretchy=\"true\">)</mo></mrow>");
  EXPECT_EQ(mathml("\\sqrt[3]{x}"), "<mroot><mrow><mi>x</mi></mrow><mrow><mn>3</mn></mrow></mroot>");
  EXPECT_EQ(mathml("\\sum_{i}"), "<munder><mo>∑</mo><mrow><mi>i</mi></mrow></munder>");
  EXPECT_EQ(mathml("a < b"), "<mi>a</mi><mo>&lt;</mo><mi>b</mi>");
  EXPECT_EQ(mathml("\\text{<b>}"), "<mtext>&lt;b&gt;</mtext>");
  EXPECT_EQ(mathml("\\begin{cases} 1 & x \\\\ 0 & \\text{else} \\end{cases}"),
            "<mrow><mo fence=\"true\" stretchy=\"true\">{</mo><mtable><mtr><mtd style=\"text-align:left\"><mn>1</mn></mtd>"
            "<mtd style=\"text-align:left\"><mi>x</mi></mtd></mtr><mtr><mtd style=\"text-align:left\"><mn>0</mn></mtd>"
            "<mtd style=\"text-align:left\"><mtext>else</mtext></mtd></mtr></mtable></mrow>");
}

TEST(Mathml, TextThatIsNoLatexIsReadAsFarAsItGoes) {
  for (const char* text : {"{", "}", "x_", "^", "\\", "\\frac{", "\\left(", "\\right", "\\begin{cases}", "\\end{cases}", "a & b", "\\nosuch<>", "\\sqrt["})
    EXPECT_EQ(markup_fault(mathml(text)), "") << text;
  EXPECT_EQ(unknown_command("x + \\nosuch{y}"), "\\nosuch");
  std::string deep;
  for (int k = 0; k < 100000; ++k) deep += "{";
  EXPECT_EQ(markup_fault(mathml(deep)), "");
}

TEST(Mathml, KnowsEveryTemplateOfTheOpTable) {
  for (int k = 0; k < n_ops(); ++k) {
    const char* latex = op_row(OpId{k}).latex;
    if (!latex) continue;
    std::string text = latex;
    for (size_t at = 0; (at = text.find('$', at)) != std::string::npos;) text.erase(at, 1);
    EXPECT_EQ(unknown_command(text), "") << latex;
    EXPECT_EQ(markup_fault(mathml(text)), "") << latex;
  }
}

}  // namespace
}  // namespace dlc::test
