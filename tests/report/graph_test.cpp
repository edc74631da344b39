#include "report/graph.h"

#include <gtest/gtest.h>

#include "well_formed.h"

namespace dlc::test {
namespace {

Graph hostile() {
  Graph g;
  g.nodes.push_back({.lines = {{"</svg><script>x"}, {"\"&amp; \\N", Graph::Ink::adjoint}}, .role = "input"});
  g.nodes.push_back({.lines = {{"f"}}, .role = "result"});
  g.edges.push_back({0, 1, "<1>"});
  return g;
}

TEST(Graph, WithoutGraphvizSaysSo) {
  const auto svg = draw(hostile(), "no-such-program-as-this");
  ASSERT_FALSE(svg);
  EXPECT_NE(svg.error().message.find("graphviz is not installed"), std::string::npos);
  EXPECT_FALSE(draw(hostile(), "false"));
}

TEST(Graph, DrawsLabelsAsText) {
  const auto svg = draw(hostile());
  if (!svg && svg.error().message.find("not installed") != std::string::npos) GTEST_SKIP() << svg.error().message;
  ASSERT_TRUE(svg) << svg.error().message;
  EXPECT_EQ(markup_fault(*svg), "") << *svg;
  EXPECT_TRUE(svg->starts_with("<svg"));
  EXPECT_EQ(svg->find("<script"), std::string::npos);
  EXPECT_EQ(svg->find("http"), std::string::npos);
  EXPECT_NE(svg->find("&lt;/svg&gt;&lt;script&gt;x"), std::string::npos) << *svg;
  EXPECT_NE(svg->find("class=\"node input\""), std::string::npos) << *svg;
}

}  // namespace
}  // namespace dlc::test
