// Every message of the lexer and the parser: which slug, where, and that one slip gives one error. A table, because
// a message is data; the last test fails if a slug has no row.
#include <gtest/gtest.h>

#include <set>

#include "parsed.h"
#include "syntax/errors.h"

namespace dlc {
namespace {

struct Case {
  const char* text;
  const char* errors;  // `line:column slug; …`
};

constexpr Case kCases[] = {
    // The text itself.
    {"fn f(x) = \xff\xfe", "1:11 invalid-utf8"},
    {"// caf\xe9\nfn f(x) = x", "1:7 invalid-utf8"},
    {"fn f(x) = x $ 3\nfn g(x) = x ? 1\n", "1:13 stray-character; 2:13 stray-character"},
    {"# a comment\nfn f(x) = x", "1:1 stray-character"},
    {"fn f(x) = g('a', “b”)", "1:13 stray-character; 1:18 stray-character"},
    {"fn f(x) = x\u00A0+ 1", "1:12 stray-character"},
    {"fn f(x) = x && y || !z", "1:13 foreign-operator; 1:18 foreign-operator; 1:21 foreign-operator"},
    {"fn f(x) = x ** 2 − 3 × y", "1:13 foreign-operator; 1:18 foreign-operator; 1:22 foreign-operator"},
    {"fn f(x) {\n  x %= 3\n  x\n}", "2:5 foreign-operator"},
    {"fn f(x) = x /* abc", "1:13 unterminated-comment"},
    {"fn f(x) = \"abc\nfn g(x) = x", "1:11 unterminated-string"},
    {"fn f(x) = 1e + 2x + 0x1F + 1e5x", "1:11 bad-number; 1:16 bad-number; 1:21 bad-number; 1:28 bad-number"},
    {"fn f(x) = .5 + 1. + 1.e5 + 1.2.3", "1:11 bad-number; 1:16 bad-number; 1:21 bad-number; 1:31 bad-number"},
    {"fn f(x) = 9223372036854775807 + 9223372036854775808", "1:33 number-out-of-range"},
    {"fn f(x) = 1e308 + 1e309 + 1e-400", "1:19 number-out-of-range; 1:27 number-out-of-range"},
    {"fn f(x) = 64MiB", "1:11 bytes-outside-attribute"},
    {"fn f(x) {\n  while x @memory(99999999999999GiB) { }\n  x\n}", "2:19 number-out-of-range"},

    // Expressions.
    {"fn f(x) = )", "1:11 expected-expression"},
    {"fn f(x) = 1 +\nfn g(x) = x", "2:1 expected-expression"},
    {"fn f(x) = 1 + + 2", "1:15 expected-expression"},
    {"fn f(x) = ()", "1:12 expected-expression"},
    {"fn f(x) = [1, 2, ] + g(1, ) + x[1, ] + (1, )",
     "1:18 expected-expression; 1:27 expected-expression; 1:36 expected-expression; 1:44 expected-expression"},
    {"fn f(x) = g(1, +) + h(*, 2) + x[/]",
     "1:16 expected-expression; 1:23 expected-expression; 1:33 expected-expression"},
    {"fn f(x) =", "1:10 expected-expression"},
    {"fn f(x) = x[1:3]", "1:14 expected-token"},
    {"fn f(x) = f (x) + x [0] + s .h", "1:13 must-touch; 1:21 must-touch; 1:29 must-touch"},
    {"fn f(x) = x x", "1:13 juxtaposed-operands"},
    {"fn f(x) = 2 x", "1:13 juxtaposed-operands"},
    {"fn f(x) = 2(x)", "1:12 juxtaposed-operands"},
    {"fn f(x) = g(x y, z)", "1:15 juxtaposed-operands"},
    {"fn f(x) = [1 2]", "1:14 juxtaposed-operands"},
    {"fn f(x) = 1 < x < 3", "1:17 chained-comparison"},
    {"fn f(x) = x == not y", "1:16 misplaced-not"},
    {"fn f(x) = a and not b or not not c", ""},
    {"fn f(x) {\n  if x = 3 { 1 } else { 2 }\n}", "2:8 assignment-in-expression"},
    {"fn f(x) = (1 + x\nfn g(x) = x", "2:1 unclosed-bracket"},
    {"fn f(x) = ((1 + x", "1:18 unclosed-bracket"},
    {"fn f(x) = g(1]", "1:14 unclosed-bracket"},
    {"fn f(x) = g(a[1)", "1:16 unclosed-bracket"},
    {"fn f(x) = x\n}\nfn g(x) = x)", "2:1 unmatched-bracket; 3:12 unmatched-bracket"},
    {"fn f(x) = fn g(x) = x", "1:14 expected-token"},

    // Statements.
    {"fn f(x) {\n  let h = x\n  -(x * h)\n}", "4:1 block-has-no-value"},
    {"fn f(x) {}", "1:10 block-has-no-value"},
    {"fn f(x) {\n  for i in 0..3 { }\n}", "3:1 block-has-no-value"},
    {"fn f(x) {\n  if x > 3 { return 3 } else { var y = 3 }\n}", "3:1 block-has-no-value"},
    {"fn f(x) {\n  if x > 3 { 3 } else { var y = 3 }\n}", "2:35 block-has-no-value"},
    {"fn f(x) = if x { 3 } else { let y = 3 }", "1:39 block-has-no-value"},
    {"fn f(x) = if x { 3 }", "1:11 if-needs-else"},
    {"fn f(x) {\n  if x { 3 }\n}", "2:10 unused-value"},
    {"fn f(x) {\n  x == 3\n  x\n}", "2:3 unused-value"},
    {"fn f(x) {\n  for i in 0..3 { i }\n  while x { x }\n  x\n}", "2:19 unused-value; 3:13 unused-value"},
    {"fn f(x) {\n  if x { 1 } else { 2 }\n  x\n}", "2:10 unused-value; 2:21 unused-value"},
    {"fn f(x) {\n  if x { 1 } else { 2 } + 1\n}", "2:25 expected-statement"},
    {"fn f(x) {\n  else { 1 }\n  x\n}", "2:3 expected-statement"},
    {"fn f(x) {\n  let a = g(x) h(x)\n}", "2:16 juxtaposed-operands"},
    {"fn f(x) {\n  for i in 0..3 { return i }\n  x\n}", "2:19 return-in-loop"},
    {"fn f(x) {\n  let a = if x { return 1 } else { 2 }\n  a\n}", "2:18 return-in-expression"},
    {"fn f(x) {\n  break\n  x\n}", "2:3 break-outside-loop"},
    {"fn f(x) {\n  for i in 0..3 { fn g(y) { break; y } }\n  x\n}", "2:29 break-outside-loop"},
    {"fn f(x) {\n  for i in x { }\n  x\n}", "2:14 expected-token"},
    {"fn f(x) {\n  g(x) = 3\n  1 + x = 2\n  (a, 3) = 3\n  x\n}",
     "2:3 not-assignable; 3:3 not-assignable; 4:7 not-assignable"},
    {"fn f(x) {\n  v[i in 0..3] = 3\n  (a = b) = 3\n  x\n}", "2:5 not-assignable; 3:4 not-assignable"},
    {"fn f(x) {\n  let a: real\n  let b\n  a\n}", "2:3 let-has-no-value; 3:3 let-has-no-value"},
    {"fn f(x) {\n  let c(x) = 3\n  var w\n}", "2:8 expected-token; 4:1 expected-token"},
    {"fn f(x) {\n  let let = 3\n  let in\n  x\n}", "2:7 reserved-name; 3:7 reserved-name"},
    {"fn f(x) {\n  let a [i] = x[i]\n  a\n}", "2:9 must-touch"},
    {"fn f(x) {\n  let 3 = x\n  x.5\n}", "2:7 expected-name; 3:4 expected-name"},

    // Several in one run, and finding the way again.
    {"fn f(x) {\n  let a = (1 + 2\n  let b = [1, 2\n  return b\n}\nfn g(x) = )\n",
     "3:3 unclosed-bracket; 4:3 unclosed-bracket; 6:11 expected-expression"},
    {"fn f(x) {\n  let a = *\n  let b = a +\n}\nfn g(x) {\n  x = = 3\n  x\n}",
     "2:11 expected-expression; 4:1 expected-expression; 6:7 expected-expression"},
    {"fn f(x) {\n  while x {\n    let a = 1\n\nmodel M { param x: f32 }", "5:1 unclosed-bracket"},
    {"fn f(x) {\n  while x {\n    let a = 1\n", "3:14 unclosed-bracket"},

    // Declarations.
    {"let x = 3\nexprt f\nfn f(x) = x", "1:1 expected-declaration"},
    {"const a = 3 4", "1:13 juxtaposed-operands"},
    {"const = 3\nexport 3\nmodel in { }", "1:7 expected-name; 2:8 expected-name; 3:7 reserved-name"},
    {"fn f(x: , y: 3) = x\nfn g(y: 3) = y", "1:9 expected-type; 2:9 expected-type"},
    {"fn f(x: fn real) = x", "1:12 expected-token"},
    {"fn f(x) x", "1:9 expected-token"},
    {"fn f(x\n", "1:7 unclosed-bracket"},
    {"struct S { a: b c d: e }", "1:19 expected-token"},
    {"derivative f(x) { vjp(dx) = 3 }", "1:19 expected-token"},
    {"model M {\n  parm x: f32\n  param y f32\n  param z: 3\n  param w: f32 [3]\n  state s: f32\n}",
     "2:3 expected-item; 3:11 expected-token; 4:12 expected-type; 5:16 must-touch; 7:1 expected-token"},
    {"train M {\n  data csv(1) { x = 1, y = 2 }\n  objektive 3\n  batch 32 33\n  save foo\n  split\n}",
     "2:22 expected-token; 3:3 expected-entry; 4:12 juxtaposed-operands; 5:8 expected-token; 7:1 expected-token"},
};

TEST(SyntaxErrors, HaveTheirSlugAndPlace) {
  for (const Case& c : kCases) EXPECT_EQ(parse_text(c.text).errors(), c.errors) << c.text;
}

TEST(SyntaxErrors, ZeroByte) {
  EXPECT_EQ(parse_text(std::string("fn f(x) = x \0\0\nfn g(x) = \0", 27)).errors(), "1:13 nul-byte");
}

TEST(SyntaxErrors, FileTooLarge) {
  EXPECT_EQ(parse_text(std::string((size_t{64} << 20) + 1, ' ')).errors(), "1:1 file-too-large");
}

TEST(SyntaxErrors, TooDeep) {
  const std::string sum = "fn f(x) = " + std::string(300, '(') + "x" + std::string(300, ')') + "\nfn g(x) = )";
  EXPECT_EQ(parse_text(sum).errors(), "1:267 too-deeply-nested; 2:11 expected-expression");
}

TEST(SyntaxErrors, EverySlugHasACaseAndAnExplanation) {
  std::set<std::string> seen{"nul-byte", "file-too-large", "too-deeply-nested"};
  for (const Case& c : kCases) {
    const Parsed p = parse_text(c.text);
    for (const Diagnostic& d : p.diagnostics.all()) seen.insert(d.kind->slug);
  }
  for (const DiagnosticKind& kind : kSyntaxErrors) {
    EXPECT_TRUE(seen.contains(kind.slug)) << kind.slug;
    EXPECT_GT(std::string_view(kind.explanation).size(), 60u) << kind.slug;
  }
}

TEST(SyntaxErrors, HelpOnTheWay) {
  const auto help = [](const char* text) {
    const Parsed p = parse_text(text);
    return p.diagnostics.all().empty() ? "" : p.diagnostics.all().front().help_text;
  };
  EXPECT_EQ(help("modle M { }"), "did you mean `model`?");
  EXPECT_EQ(help("fn f(x) {\n  let h = x\n  -(x * h)\n}"), "write `return -…`");
  EXPECT_EQ(help("fn f(x) = 2x"), "for a product write `2 * x`");
  EXPECT_EQ(help("fn f(x) = x ** 2"), "write `^` for a power");
  EXPECT_EQ(help("train M {\n  optimiser adam()\n}"), "did you mean `optimizer`?");
}

}  // namespace
}  // namespace dlc
