// Nothing a user types may crash, hang or overflow the parser: deep and long inputs, random bytes, mutated programs.
// Seeds are fixed, so a failure repeats.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "parsed.h"

namespace dlc {
namespace {

std::string repeat(std::string_view text, int64_t n) {
  std::string out;
  for (int64_t k = 0; k < n; ++k) out += text;
  return out;
}

/// Seconds to parse. The tree is printed too, since printing has to cope with what parsing lets through.
double seconds(const std::string& text, std::string* errors = nullptr) {
  const auto start = std::chrono::steady_clock::now();
  const Parsed p = parse_text(text);
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  p.tree();
  if (errors) *errors = p.errors();
  return elapsed;
}

/// Without errors there is nothing unknown in the tree, as ast.h promises.
void expect_whole(const Parsed& p) {
  if (p.diagnostics.has_errors()) return;
  for (const Expr& e : p.ast.exprs) EXPECT_NE(e.kind, ExprKind::error) << p.sources[p.ast.file].text;
}

TEST(Robustness, LongChainsAreNoNesting) {
  for (const char* op : {" + x", " * x", " - x * y", "\n  and x", " @ x"}) {
    const Parsed p = parse_text("fn f(x) = x" + repeat(op, 100'000));
    EXPECT_EQ(p.errors(), "") << op;
    const ExprId body = p.ast[p.ast.decls[0].fn].body;
    EXPECT_EQ(p.ast.left_spine(body).size(), 100'001u);
    EXPECT_GT(p.tree().size(), 100'000u);
    EXPECT_LT(expr_text(p.ast, body, p.sources).size(), 100u);
  }
  EXPECT_LT(seconds("fn f(x) = x" + repeat(" + x", 100'000)), 1.0);  // about 0.02 s; the bound is for sanitizers
}

TEST(Robustness, DeepNestingEndsInOneError) {
  constexpr int64_t n = 200'000;
  for (const char* opener : {"(", "[", "f(", "x[", "- ", "not ", "x ^ ", "if x { ", "fn() = ", "{", "(a = ", "f()",
                             "x.y", "x[fn(){", "if x {1} else ", "while x {", "let (", "if if "}) {
    const bool in_block = std::string_view(opener).starts_with("while") || std::string_view(opener).starts_with("let");
    for (const std::string head : {in_block ? "fn f(x) {\n" : "fn f(x) = ", "fn f(x) {\n"}) {
      std::string errors;
      EXPECT_LT(seconds(head + repeat(opener, n / 4), &errors), 5.0) << opener;
      EXPECT_NE(errors, "") << opener;
    }
  }
  std::string errors;
  EXPECT_LT(seconds("fn f(x) = " + std::string(n, '(') + "x" + std::string(n, ')'), &errors), 5.0);
  EXPECT_EQ(errors, "1:267 too-deeply-nested");
  EXPECT_LT(seconds("fn f(x: " + repeat("fn(", n) + ") = x", &errors), 5.0);
  EXPECT_LT(seconds("fn f(x: " + std::string(n, '(') + ") = x", &errors), 5.0);
  EXPECT_LT(seconds("fn f(x: real" + repeat("[x", n) + ") = x", &errors), 5.0);
}

TEST(Robustness, NestingWithinTheLimitIsFine) {
  EXPECT_EQ(parse_text("fn f(x) = " + std::string(250, '(') + "x" + std::string(250, ')')).errors(), "");
  EXPECT_EQ(parse_text("fn f(x) = " + repeat("if x { 1 } else ", 200) + "{ 2 }").errors(), "");
}

TEST(Robustness, RandomBytes) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 300, ' ');
    for (char& c : text) c = static_cast<char>(random() % (round % 2 ? 256 : 128));
    const Parsed p = parse_text(text);
    p.tree();
    for (const Diagnostic& d : p.diagnostics.all()) {
      EXPECT_FALSE(render_text(d, p.sources).empty());
      EXPECT_FALSE(render_json(d, p.sources).empty());
    }
  }
}

TEST(Robustness, RandomTokens) {
  static constexpr const char* kTokens[] = {
      "let ",  "var ",  "fn ",     "if ",     "else ",       "for ",   "in ",     "while ",  "return ", "break",
      "and ",  "or ",   "not ",    "true ",   "x",           "f",      "(",       ")",       "[",       "]",
      "{",     "}",     ",",       ";",       ":",           ".",      "..",      "->",      "=",       "==",
      "+=",    "-",     "*",       "@",       "@memory(",    "^",      "~",       "1",       "2.5",     "64MiB",
      "\"s\"", "\n",    "\n",      " ",       " ",           "model ", "train ",  "param ",  "layer ",  "loss ",
      "data ", "step ", "update ", "struct ", "derivative ", "jvp",    "/// d\n", "export ", "const "};
  std::mt19937 random(2);
  for (int round = 0; round < 4000; ++round) {
    std::string text = round % 2 ? "fn f(x) {\n" : "";
    for (int64_t n = random() % 60; n > 0; --n) text += kTokens[random() % std::size(kTokens)];
    const Parsed p = parse_text(text);
    p.tree();
    for (const Diagnostic& d : p.diagnostics.all()) render_text(d, p.sources);
    expect_whole(p);
  }
}

TEST(Robustness, MutatedPrograms) {
  std::mt19937 random(3);
  std::vector<std::string> programs;
  for (const char* name : kPrograms) programs.push_back(program_text(name));
  for (int round = 0; round < 10'000; ++round) {
    std::string text = programs[random() % programs.size()];
    for (int64_t n = 1 + random() % 4; n > 0; --n) {
      const size_t at = random() % text.size(), length = random() % 12;
      switch (random() % 4) {
        case 0: text.erase(at, length); break;
        case 1: text.insert(at, text.substr(random() % text.size(), length)); break;
        case 2: text[at] = static_cast<char>(random() % 256); break;
        default: text[at] = "(){}[]=,.:;+-*@^~\n \""[random() % 20];
      }
      if (text.empty()) text = " ";
    }
    const Parsed p = parse_text(text);
    p.tree();
    for (const Diagnostic& d : p.diagnostics.all()) render_text(d, p.sources);
    expect_whole(p);
  }
}

}  // namespace
}  // namespace dlc
