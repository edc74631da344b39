// `explain`: every slug once, pages for ops, suggestions.
#include "pipeline/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "sema/builtins.h"

namespace dlc {
namespace {

TEST(Explain, SlugsAreUniqueAndExplained) {
  std::set<std::string> slugs;
  for (const DiagnosticKind* kind : all_diagnostics()) {
    EXPECT_TRUE(slugs.insert(kind->slug).second) << kind->slug << " stands in two tables";
    EXPECT_GT(std::string_view(kind->explanation).size(), 40u) << kind->slug;
    const auto topic = explain(kind->slug);
    ASSERT_TRUE(topic);
    EXPECT_NE(topic->text.find(kind->slug), std::string::npos);
  }
  EXPECT_GT(slugs.size(), 60u);
}

TEST(Explain, OpsByNameAndSymbol) {
  const auto tanh = explain("tanh");
  ASSERT_TRUE(tanh);
  EXPECT_NE(tanh->text.find("Hyperbolic tangent"), std::string::npos);
  EXPECT_NE(tanh->text.find("by a: "), std::string::npos);
  const auto times = explain("*");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->name, "mul");
  EXPECT_NE(times->text.find("g * b"), std::string::npos);
}

TEST(Explain, EveryFunctionThatCanBeCalled) {
  for (const sema::BuiltinRow& row : sema::builtin_rows()) {
    const auto page = explain(row.name);
    ASSERT_TRUE(page) << row.name;
    std::string unfolded = page->text;
    std::replace(unfolded.begin(), unfolded.end(), '\n', ' ');
    EXPECT_NE(unfolded.find(row.doc), std::string::npos) << page->text;
  }
  for (const char* name : {"ln", "real", "grad", "value_and_grad", "jvp", "vjp", "norm", "softmax", "log_softmax", "logsumexp", "cholesky", "inverse", "logdet", "f32", "int"})
    EXPECT_TRUE(explain(name)) << name;
  EXPECT_NE(explain("norm")->text.find("the derivative at 0 is 0"), std::string::npos) << explain("norm")->text;
  EXPECT_NE(explain("ln")->text.find("op `log`"), std::string::npos);
  EXPECT_NE(explain("div")->text.find("op `floor_div`"), std::string::npos);  // what a program calls `div`
  EXPECT_NE(explain("/")->text.find("op `div`"), std::string::npos);
  EXPECT_NE(explain("max")->text.find("op `max`"), std::string::npos);  // after the page of the reduction
}

TEST(Explain, KinksAreTheDocs) {
  const auto kinks = explain("kinks");
  ASSERT_TRUE(kinks);
  EXPECT_NE(kinks->text.find("| relu | 0 | 0 |"), std::string::npos);
  EXPECT_EQ(kinks->text.find("Strong zeros"), std::string::npos);
}

TEST(Explain, SuggestsANearName) {
  const auto wrong = explain("unknown-nam");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("unknown-name"), std::string::npos);
  EXPECT_FALSE(explain(""));
}

}  // namespace
}  // namespace dlc
