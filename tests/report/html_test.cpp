#include "report/html.h"

#include <gtest/gtest.h>

#include "well_formed.h"

namespace dlc::test {
namespace {

TEST(Html, NothingEscapes) {
  EXPECT_EQ(escaped("</script><b>&'\""), "&lt;/script&gt;&lt;b&gt;&amp;&#39;&quot;");
  EXPECT_EQ(escaped("x̄₁ ≤ λ\n\t"), "x̄₁ ≤ λ\n\t");
  EXPECT_EQ(escaped(std::string_view("a\0b\x1b[0m\xff", 8)), "a\uFFFDb\uFFFD[0m\uFFFD");
}

TEST(Html, PagesAreWellFormedAndReferToNothing) {
  const std::string whole = page("a <b> & c", "<h1>x</h1>" + table({{{"a", "", true}, {"b", "", true}}, {{"1"}, {"2", " class=\"number\""}}}) + table({}));
  EXPECT_EQ(markup_fault(whole), "");
  EXPECT_NE(whole.find("<title>a &lt;b&gt; &amp; c</title>"), std::string::npos);
  for (const char* reference : {"http", "src=", "url(", "@import", "<script", "<link"}) EXPECT_EQ(whole.find(reference), std::string::npos) << reference;
  EXPECT_EQ(markup_fault("<p><b></p></b>"), "</p> closes what is not open");
}

TEST(Html, LongNumbers) {
  EXPECT_EQ(grouped("1234"), "1234");
  EXPECT_EQ(grouped("1234567"), "1\u202f234\u202f567");
  EXPECT_EQ(grouped("123456"), "123\u202f456");
  EXPECT_EQ(grouped("4127" + std::string(30, '0')), "4.12·10<sup>33</sup>");
}

}  // namespace
}  // namespace dlc::test
