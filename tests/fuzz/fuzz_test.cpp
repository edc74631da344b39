// Damaged sources: 10 000 random mutations of real programs go through the parser, the checker, the passes, the verifier
// and the interpreter, every hundredth through native code too. Nothing may crash; CI runs this under ASan and UBSan.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "interp/interp.h"
#include "ir/verify.h"
#include "pipeline/compilation.h"
#include "pipeline/native.h"

namespace dlc {
namespace {

constexpr int kMutations = 10'000;
constexpr int kNativeEvery = 100;

std::vector<std::string> seeds() {
  std::vector<std::filesystem::path> paths;
  for (const char* folder : {"seeds", "../programs", "../../examples"})
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".dl") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());  // the order of a folder is not fixed
  std::vector<std::string> texts;
  for (const auto& path : paths) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    texts.push_back(text.str());
  }
  return texts;
}

/// One to four edits: pieces of text that mean something, swaps and repeats of what is there, single bytes.
std::string mutate(std::string text, std::mt19937& random) {
  static constexpr const char* kPieces[] = {
      "(",    ")",      "[",   "]",     "{",        "}",         ",",    ":",      "=",     "+",     "-",   "*",    "/",
      "^",    "@",      "..",  ".",     "0",        "1",         "2.5",  "1e308",  "n",     "d",     "x",   "-1",   "99999999999999999999",
      "real", "f32",    "int", "bool",  "real[n]",  "real[n, n]", "if",  "else",   "let",   "var",   "fn",  "return", "for", "while", "break", "var v = ", "v[i] = ", "x[k]", "@max_iters(9)", "struct", "scan(", "map(fn(x) = ",
      "sum",  "max[i](", "grad(", "vjp(", "mode = forward", "wrt = x", "exp(", "log(", " == ", " < ", "not ", "/*", "\"", "σ", "\n", "\xff"};
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % std::max<size_t>(n, 1)); };
  for (size_t edit = 0, n = 1 + below(4); edit < n && !text.empty(); ++edit) {
    const size_t at = below(text.size()), length = below(16);
    switch (below(6)) {
      case 0: text.erase(at, length); break;
      case 1: text.insert(at, kPieces[below(std::size(kPieces))]); break;
      case 2: text.replace(at, 1 + below(4), kPieces[below(std::size(kPieces))]); break;
      case 3: text.insert(below(text.size()), text.substr(at, length * 4)); break;
      case 4: std::swap(text[at], text[below(text.size())]); break;
      default: text[at] = static_cast<char>(random()); break;
    }
  }
  return text;
}

InterpValue<double> some_value(const Module& m, TypeId type, const std::map<StrId, int64_t>& sizes, std::mt19937& random) {
  const Type& t = m.types[type];
  InterpValue<double> v;
  v.dtype = t.dtype;
  for (const Field& f : t.fields) v.fields.push_back(some_value(m, f.type, sizes, random));
  int64_t count = 1;
  for (DimId d : t.dims) {
    v.dims.push_back(std::clamp<int64_t>(m.types.dims.evaluate(d, sizes).value_or(0), 0, 8));
    count *= v.dims.back();
    if (count > 4096) return v.dims.back() = 0, v;
  }
  for (int64_t k = 0; !t.is_tuple() && k < count; ++k) {
    if (is_float(t.dtype)) v.floats.push_back(std::uniform_real_distribution<>(-2, 2)(random));
    else v.ints.push_back(static_cast<int64_t>(random() % 2));
  }
  return v;
}

/// Runs one source as far as it goes; returns how many functions were evaluated.
int exercise(const std::string& text, bool native, std::mt19937& random) {
  // A crash takes its program with it, unless it is kept.
  if (const char* path = std::getenv("DLC_FUZZ_KEEP")) std::ofstream(path) << text;
  Compilation c({.verify = true});
  c.load("fuzz.dl", text);
  for (const Diagnostic& d : c.diagnostics.all()) {
    EXPECT_FALSE(d.message.empty());
    render_text(d, c.sources), render_short(d, c.sources), render_json(d, c.sources);
  }
  int n_run = 0;
  const int32_t n_functions = static_cast<int32_t>(c.module.size());
  for (int32_t k = 0; k < n_functions && k < 40; ++k) {
    const FuncId f{k};
    c.diagnostics.clear();
    if (!c.ready(f)) {
      for (const Diagnostic& d : c.diagnostics.all()) render_text(d, c.sources);
      continue;
    }
    std::map<StrId, int64_t> sizes;
    for (StrId name : c.module[f].size_vars) sizes[name] = static_cast<int64_t>(random() % 4);
    std::vector<InterpValue<double>> args;
    for (ValueId p : c.module[f].body().params) args.push_back(some_value(c.module, c.module[f][p].type, sizes, random));
    const auto y = interpret<double>(c.module, f, args, {}, {.max_elements = 100'000, .max_steps = 1'000'000});
    if (!y) continue;
    ++n_run;
    if (!native) continue;
    const auto code = Native::compile(c, f, {.opt_level = 1});
    EXPECT_TRUE(static_cast<bool>(code)) << (code ? "" : code.error().message) << "\n" << text;
    if (!code) continue;
    const auto again = code->call(args);
    EXPECT_TRUE(static_cast<bool>(again)) << (again ? "" : again.error().message);
  }
  return n_run;
}

TEST(Fuzz, TenThousandMutationsOfRealPrograms) {
  const std::vector<std::string> texts = seeds();
  ASSERT_GT(texts.size(), 10u);
  // Other mutations, and more of them, by hand: DLC_FUZZ_SEED=7 DLC_FUZZ_COUNT=100000.
  const char *seed = std::getenv("DLC_FUZZ_SEED"), *count = std::getenv("DLC_FUZZ_COUNT");
  std::mt19937 random(seed ? static_cast<unsigned>(std::atoi(seed)) : 20261122);
  int n_run = 0;
  for (int k = 0, n = count ? std::atoi(count) : kMutations; k < n; ++k) {
    const std::string text = mutate(texts[random() % texts.size()], random);
    SCOPED_TRACE("mutation " + std::to_string(k));
    n_run += exercise(text, k % kNativeEvery == 0, random);
    if (HasFailure()) FAIL() << text;
  }
  EXPECT_GT(n_run, kMutations / 10);  // else the damage never reaches the back of the compiler
}

TEST(Fuzz, SeedsRun) {
  std::mt19937 random(1);
  for (const char* path : {"seeds/scalars.dl", "seeds/arrays.dl"}) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    Compilation c({});
    EXPECT_TRUE(c.load(path, text.str()));
    for (const Diagnostic& d : c.diagnostics.all()) ADD_FAILURE() << render_text(d, c.sources);
    EXPECT_GT(exercise(text.str(), true, random), 5);
  }
}

TEST(Fuzz, RandomBytes) {
  std::mt19937 random(2);
  for (int k = 0; k < 500; ++k) {
    std::string text(random() % 400, ' ');
    for (char& byte : text) byte = static_cast<char>(random());
    exercise(text, false, random);
  }
}

TEST(Fuzz, EndlessRecursionAndDeepNestingAreErrors) {
  std::mt19937 random(3);
  for (const std::string& text : {std::string("fn f(x: real) -> real = f(x)\n"), std::string("fn f(x: real) -> real = g(x)\nfn g(x: real) -> real = f(x)\n"),
                                  "fn f(x: real) = " + std::string(200'000, '(') + "x" + std::string(200'000, ')'),
                                  "fn f(x: real) = " + std::string(200'000, '-') + "x", std::string("const A = B\nconst B = A\nfn f() -> real = A\n")}) {
    Compilation c({});
    EXPECT_FALSE(c.load("deep.dl", text));
    EXPECT_GE(c.diagnostics.n_errors(), 1u);
    exercise(text, false, random);
  }
  // A tower of calls that doubles at every level: an error or a function, not a machine out of memory.
  std::string tower = "fn f0(x: real) -> real = x * x\n";
  for (int k = 1; k < 60; ++k)
    tower += "fn f" + std::to_string(k) + "(x: real) -> real = f" + std::to_string(k - 1) + "(x) + f" + std::to_string(k - 1) + "(x + 1)\n";
  Compilation c({});
  if (c.load("tower.dl", tower)) c.ready(c.find("f59"));
}

}  // namespace
}  // namespace dlc
