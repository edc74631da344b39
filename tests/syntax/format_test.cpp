// The formatter: the style by example, and its laws on every source of this repository: the program and its comments stay,
// a second time changes nothing, and the result depends on where lines break but not on the spaces between.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <vector>

#include "parsed.h"
#include "syntax/format.h"

namespace dlc {
namespace {

/// Empty when the text cannot be read.
std::string formatted(const std::string& text) {
  Sources sources;
  Interner names;
  Diagnostics diagnostics;
  return format_source(sources, sources.add("test.dl", text), names, diagnostics).value_or("");
}

struct Case {
  const char* what;
  const char* text;
  const char* expected;
};

constexpr Case kCases[] = {
    {"operators", "fn f(x:real)->real=-x*2+x^-2-( -x )", "fn f(x: real) -> real = -x * 2 + x^-2 - (-x)\n"},
    {"calls and indices", "fn f(X : real[ 2,3 ])=sum[ i in 0 .. 2 ](X[ i , : ]@X[i,1 ..3])", "fn f(X: real[2, 3]) = sum[i in 0..2](X[i, :] @ X[i, 1..3])\n"},
    {"a bracket that does not touch", "fn f(n: int) { for i in 0..n step (n) { } return (n) }", "fn f(n: int) { for i in 0..n step (n) {} return (n) }\n"},
    {"types", "fn f(g:fn(x:real,real[2])->real)->(a:real,b:int)=g", "fn f(g: fn(x: real, real[2]) -> real) -> (a: real, b: int) = g\n"},
    {"a loop", "fn f(x: real) { var s=x while s<1@max_iters( 10 ){s*=2} return s }", "fn f(x: real) { var s = x while s < 1 @max_iters(10) { s *= 2 } return s }\n"},
    {"a block that breaks", "fn f(x: real) { let y = x\nreturn y }", "fn f(x: real) {\n  let y = x\n  return y\n}\n"},
    {"a block that breaks inside", "fn f(x: real) { if x > 0 { return x\n} return x }", "fn f(x: real) {\n  if x > 0 {\n    return x\n  } return x\n}\n"},
    {"continued lines", "fn f(x: real) -> real =\nx\n+ 1\n", "fn f(x: real) -> real =\n  x\n  + 1\n"},
    {"else of a value and of a statement", "fn f(x: real) {\nlet y = if x > 0 { 1 }\nelse { 2 }\nif y > x { return y }\nelse { return x }\n}",
     "fn f(x: real) {\n  let y = if x > 0 { 1 }\n    else { 2 }\n  if y > x { return y }\n  else { return x }\n}\n"},
    {"behind a bracket", "fn f(a: real,\nb: real) {\nreturn f(a,\nf(\nb\n))\n}", "fn f(a: real,\n     b: real) {\n  return f(a,\n           f(\n             b\n           ))\n}\n"},
    {"blank lines", "\n\nfn f(x: real) {\n\n\n  let y = x\n\n\n\n  return y\n\n}\n\n\nfn g(x: real) = x\n\n",
     "fn f(x: real) {\n  let y = x\n\n  return y\n}\n\nfn g(x: real) = x\n"},
    {"columns", "const a=1\nconst bcd=2\n\nconst e=3\nexport f\nexport g=f\nexport hi = f\nfn f(x: real) = x",
     "const a   = 1\nconst bcd = 2\n\nconst e = 3\nexport f\nexport g  = f\nexport hi = f\nfn f(x: real) = x\n"},
    {"a model", "model M[D]{\nparam W:f32[D,D]~glorot_uniform()\nparam b:f32=0\nloss(x:f32[D])->f32=b\n}",
     "model M[D] {\n  param W: f32[D, D] ~ glorot_uniform()\n  param b: f32       = 0\n  loss(x: f32[D]) -> f32 = b\n}\n"},
    {"a train block", "train M[D=3]{\ndata csv(\"a b\"){x=columns(0 .. 3) y=column(\"y\",M=1)}\nsplit train=0.8 test=0.2\nbatch 32 epochs 50 seed 0\nmetrics auc,e=mae\n}",
     "train M[D = 3] {\n  data     csv(\"a b\") { x = columns(0..3)  y = column(\"y\", M = 1) }\n  split    train = 0.8  test = 0.2\n"
     "  batch 32  epochs 50   seed 0\n  metrics  auc, e = mae\n}\n"},
    {"fields", "struct S{a:real b:real[2],c:int}\nstruct T {\na: real\nb: int }", "struct S { a: real  b: real[2], c: int }\nstruct T {\n  a: real\n  b: int\n}\n"},
    {"comments", "//a\nfn f(x: real) { // b\n// c\nlet y = x // d\nlet long = x   // e\n/* f\n   g */\nreturn y /* h */ + long\n// i\n}\n// j",
     "//a\nfn f(x: real) {  // b\n  // c\n  let y = x     // d\n  let long = x  // e\n  /* f\n   g */\n  return y /* h */ + long\n  // i\n}\n// j\n"},
    {"a semicolon of its own", "fn f(x: real) {\nlet y = x\n;\nreturn y\n}", "fn f(x: real) {\n  let y = x\n  ;\n  return y\n}\n"},
    {"a signature over lines", "fn f(a: real,\nb: real)\n-> real {\nlet c = a\nreturn b + c\n}", "fn f(a: real,\n     b: real)\n  -> real {\n  let c = a\n  return b + c\n}\n"},
    {"a header over lines", "fn f(x: real) {\nvar s = x\nwhile s > 1\nand s < 9\n@max_iters(9) {\ns = s / 2\n}\nreturn s\n}",
     "fn f(x: real) {\n  var s = x\n  while s > 1\n    and s < 9\n    @max_iters(9) {\n    s = s / 2\n  }\n  return s\n}\n"},
    {"comments behind long lines", "fn f(x: real) {\nlet y = x // a\nlet z = x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x // b\nreturn y * z // c\n}",
     "fn f(x: real) {\n  let y = x     // a\n  let z = x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x + x  // b\n  return y * z  // c\n}\n"},
    {"an empty file", "\n  \n", ""},
    {"lines that end as on Windows", "fn f(x: real) = x  // a\r\n// b\r\n", "fn f(x: real) = x  // a\n// b\n"},
};

TEST(Format, Style) {
  for (const Case& c : kCases) {
    EXPECT_EQ(formatted(c.text), c.expected) << c.what;
    EXPECT_EQ(formatted(c.expected), c.expected) << c.what;
  }
}

TEST(Format, SyntaxErrorsAreReported) {
  Sources sources;
  Interner names;
  Diagnostics diagnostics;
  EXPECT_FALSE(format_source(sources, sources.add("test.dl", "fn f(x: real = x"), names, diagnostics));
  EXPECT_TRUE(diagnostics.has_errors());
}

std::vector<std::filesystem::path> all_sources() {
  std::vector<std::filesystem::path> paths;
  for (const char* folder : {"../../examples", "../../compiler/prelude", ".."})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".dl") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::vector<std::string> comments(const Parsed& p) {
  std::vector<std::string> all;
  for (const Comment& c : p.ast.comments) {
    all.emplace_back(p.sources.text(c.span));
    all.back().erase(all.back().find_last_not_of(" \t\r") + 1);
  }
  return all;
}

/// Other spaces where there are some: between tokens and at the beginning and end of lines.
std::string respaced(const Parsed& p, const std::string& text, std::mt19937& random) {
  const Ast& ast = p.ast;
  size_t comment = 0;
  bool in_string = false;
  std::string out;
  for (size_t at = 0; at < text.size();) {
    while (comment < ast.comments.size() && ast.comments[comment].span.begin < static_cast<int32_t>(at)) ++comment;
    if (comment < ast.comments.size() && ast.comments[comment].span.begin == static_cast<int32_t>(at)) {
      const auto end = static_cast<size_t>(ast.comments[comment].span.end);
      out += text.substr(at, end - at), at = end;
      continue;
    }
    if (text[at] == '"') in_string = !in_string;
    if (in_string || (text[at] != ' ' && text[at] != '\n')) {
      out += text[at++];
      continue;
    }
    const bool is_line_end = text[at] == '\n';
    if (is_line_end) out.append(random() % 3, ' ') += '\n', ++at;
    while (at < text.size() && text[at] == ' ') ++at;
    out.append((is_line_end ? 0 : 1) + random() % 3, ' ');
  }
  return out;
}

TEST(Format, LawsOnEverySource) {
  std::mt19937 random(0);
  int n = 0;
  for (const auto& path : all_sources()) {
    const std::string text = text_of(path);
    const Parsed before = parse_text(text);
    if (before.diagnostics.has_errors()) continue;  // of a syntax error, on purpose
    ++n;
    const std::string once = formatted(text);
    const Parsed after = parse_text(once);
    ASSERT_FALSE(after.diagnostics.has_errors()) << path;
    EXPECT_EQ(after.tree(), before.tree()) << path;
    EXPECT_EQ(comments(after), comments(before)) << path;
    EXPECT_EQ(formatted(once), once) << path;
    for (int k = 0; k < 5; ++k) {
      const std::string other = respaced(before, text, random);
      EXPECT_EQ(formatted(other), once) << path << "\n" << other;
    }
  }
  EXPECT_GT(n, 60);
}

TEST(Format, ExamplesAndPreludeAreFormatted) {
  for (const auto& path : all_sources()) {
    const bool is_ours = path.string().find("examples") != std::string::npos || path.string().find("prelude") != std::string::npos;
    if (!is_ours) continue;
    EXPECT_EQ(formatted(text_of(path)), text_of(path)) << path << ": run dlc fmt";
  }
}

}  // namespace
}  // namespace dlc
