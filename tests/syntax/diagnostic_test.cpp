// How messages are drawn, and places in sources.
#include "base/diagnostic.h"

#include <gtest/gtest.h>

#include <array>

#include "base/utf8.h"

namespace dlc {
namespace {

constexpr DiagnosticKind kKind{"matmul-inner-size", "an explanation", Severity::error};

Span find(const Sources& sources, FileId file, std::string_view text) {
  const size_t at = sources[file].text.find(text);
  return {file, static_cast<int32_t>(at), static_cast<int32_t>(at + text.size())};
}

TEST(Render, TheExampleOfTheLanguagePage) {
  Sources sources;
  const std::string text = std::string(7, '\n') + "    let a1 = sigmoid(W1 @ x + b1)\n";
  const FileId file = sources.add("net2.dl", text);
  Diagnostics list;
  const Span all = find(sources, file, "W1 @ x"), left = {file, all.begin, all.begin + 2},
             right = {file, all.end - 1, all.end};
  Diagnostic& d = list.error(kKind, all, "inner sizes of `W1 @ x` differ: K = 10 and D = 784")
                      .label(left, "f32[H, K], K = 10       (declared net2.dl:2:17)")
                      .label(right, "f32[D], D = 784  (columns of train.csv, net2.dl:20:14)")
                      .rule("`@` contracts the last size of the left with the first of the right")
                      .help("write `W1: f32[H, D]`");
  EXPECT_EQ(render_text(d, sources), R"(error[matmul-inner-size]: inner sizes of `W1 @ x` differ: K = 10 and D = 784
  --> net2.dl:8:22
   |
 8 |     let a1 = sigmoid(W1 @ x + b1)
   |                      ^^   ^ f32[D], D = 784  (columns of train.csv, net2.dl:20:14)
   |                      |
   |                      f32[H, K], K = 10       (declared net2.dl:2:17)
   = rule: `@` contracts the last size of the left with the first of the right
   = help: write `W1: f32[H, D]`
)");
  EXPECT_EQ(render_short(d, sources),
            "net2.dl:8:22: error[matmul-inner-size]: inner sizes of `W1 @ x` differ: K = 10 and D = 784");
  EXPECT_NE(render_text(d, sources, true).find("\x1b[1;31m"), std::string::npos);
}

TEST(Render, SeveralLinesAndFiles) {
  Sources sources;
  const FileId a = sources.add("a.dl", "one\ntwo\nthree\nfour\nfive\nsix six\n"), b = sources.add("b.dl", "other\n");
  Diagnostics list;
  Diagnostic& d =
      list.error(kKind, find(sources, a, "three"), "m").here("here").label(find(sources, a, "one"), "first");
  d.label(find(sources, a, "six six"), "last").label(find(sources, b, "other"), "there");
  EXPECT_EQ(render_text(d, sources), R"(error[matmul-inner-size]: m
  --> a.dl:3:1
   |
 1 | one
   | --- first
 2 | two
 3 | three
   | ^^^^^ here
 ...
 6 | six six
   | ------- last
  ::: b.dl:1:1
   |
 1 | other
   | ----- there
)");
}

TEST(Render, ThreeLabelsOnALine) {
  Sources sources;
  const FileId file = sources.add("a.dl", "a + b + c\n");
  Diagnostics list;
  Diagnostic& d = list.error(kKind, {file, 0, 1}, "m").here("A").label({file, 4, 5}, "B").label({file, 8, 9}, "C");
  EXPECT_EQ(render_text(d, sources), R"(error[matmul-inner-size]: m
  --> a.dl:1:1
   |
 1 | a + b + c
   | ^   -   - C
   | |   |
   | |   B
   | A
)");
}

TEST(Render, CaretsAlignUnderWideAndCombiningCharactersAndTabs) {
  Sources sources;
  const FileId file = sources.add("a.dl", "\tlet σ = 漢字 + e\u0301 + x\x1b\n");
  Diagnostics list;
  const Diagnostic& d = list.error(kKind, find(sources, file, "x"), "m");
  EXPECT_EQ(render_text(d, sources),
            "error[matmul-inner-size]: m\n  --> a.dl:1:20\n   |\n"
            " 1 |     let σ = 漢字 + e\u0301 + x\uFFFD\n   |                        ^\n");
}

TEST(Render, LongLinesAreShownAroundTheMark) {
  Sources sources;
  const FileId file = sources.add("a.dl", std::string(5000, 'a') + "b" + std::string(5000, 'c'));
  Diagnostics list;
  const std::string out = render_text(list.error(kKind, {file, 5000, 5001}, "m"), sources);
  EXPECT_LT(out.size(), 600u);
  const size_t line = out.find(" 1 | "), mark = out.find('^');
  EXPECT_EQ(out[out.find("b", line)], 'b');
  // The caret stands under the b: `…` is one cell of three bytes.
  EXPECT_EQ(out.find("b", line) - line - 2, mark - out.rfind('\n', mark) - 1);
}

TEST(Render, JsonAndAbsentPlaces) {
  Sources sources;
  const FileId file = sources.add("a.dl", "x\xff y\n");
  Diagnostics list;
  Diagnostic& d = list.error(kKind, {file, 3, 4}, "bad \xff \"quote\"").label({file, 0, 1}, "l").help("h");
  EXPECT_EQ(render_json(d, sources),
            "{\"column\":4,\"end_column\":5,\"end_line\":1,\"file\":\"a.dl\",\"help\":\"h\",\"labels\":[{\"column\":1,"
            "\"end_column\":2,"
            "\"end_line\":1,\"file\":\"a.dl\",\"line\":1,\"text\":\"l\"}],\"line\":1,\"message\":\"bad \uFFFD "
            "\\\"quote\\\"\","
            "\"severity\":\"error\",\"slug\":\"matmul-inner-size\"}");
  const Diagnostic& nowhere = list.error(kKind, {}, "m");
  EXPECT_EQ(render_text(nowhere, sources), "error[matmul-inner-size]: m\n");
  EXPECT_EQ(render_short(nowhere, sources), "error[matmul-inner-size]: m");
}

TEST(DiagnosticsList, KeepsTheFirstErrorsAndCountsAll) {
  Diagnostics list;
  for (int i = 0; i < 70; ++i) list.error(kKind, {}, std::to_string(i)).help("h");
  EXPECT_EQ(list.n_errors(), 70u);
  EXPECT_EQ(list.all().size(), Diagnostics::kMaxErrors);
  Diagnostics other;
  other.take(std::move(list));
  EXPECT_EQ(other.n_errors(), 70u);
}

TEST(SourcePlaces, LinesAndColumns) {
  Sources sources;
  const FileId file = sources.add("a.dl", "αβ\r\nxyz");
  EXPECT_EQ(sources.line_text(file, 1), "αβ");
  EXPECT_EQ(sources.line_text(file, 2), "xyz");
  EXPECT_EQ(sources.line_text(file, 3), "");
  EXPECT_EQ(sources.place({file, 2, 3}), "a.dl:1:2");
  EXPECT_EQ(sources.place({file, 8, 9}), "a.dl:2:3");
  EXPECT_EQ(sources.place({file, 900, 901}), "a.dl:2:4");
  EXPECT_EQ(sources.text({file, 6, 8}), "xy");
}

TEST(NearestName, FindsTheTypo) {
  constexpr std::array<std::string_view, 5> kNames{"softmax", "sigmoid", "log_softmax", "x", "X"};
  EXPECT_EQ(nearest_name("sofmax", kNames), "softmax");
  EXPECT_EQ(nearest_name("simgoid", kNames), "sigmoid");
  EXPECT_EQ(nearest_name("Softmax", kNames), "softmax");
  EXPECT_EQ(nearest_name("conv2d", kNames), "");
  EXPECT_EQ(nearest_name("y", kNames), "");
}

TEST(Utf8, RefusesWhatIsNotShortestForm) {
  EXPECT_EQ(decode_utf8("é", 0).value, U'é');
  EXPECT_EQ(decode_utf8("\xF0\x9F\x98\x80", 0).size, 4);
  for (const char* bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE2\x82"})
    EXPECT_FALSE(decode_utf8(bad, 0).valid);
}

}  // namespace
}  // namespace dlc
