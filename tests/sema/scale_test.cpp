// Programs that are long rather than deep, and texts that are nothing: linear time, bounded stack, never a crash.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <random>

#include "analysed.h"

namespace dlc {
namespace {

double seconds(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(SemaScale, HundredThousandLets) {
  std::string text = "fn f(x: real) -> real {\n  let a0 = x\n";
  constexpr int kLets = 100'000;
  for (int k = 1; k <= kLets; ++k) text += fmt::format("  let a{} = a{} * x + 1\n", k, k - 1);
  text += fmt::format("  return a{}\n}}\n", kLets);
  const double time = seconds([&] { EXPECT_TRUE(Analysed(text).has("f")); });
  EXPECT_LT(time, 20);  // half a second when optimised and alone; quadratic would be hours
}

TEST(SemaScale, ASumOfHundredThousandTerms) {
  std::string text = "fn f(x: real, y: real) = x";
  for (int k = 0; k < 100'000; ++k) text += k % 2 ? " + y" : " - 2 * x";
  const double time = seconds([&] { EXPECT_TRUE(Analysed(text).has("f")); });
  EXPECT_LT(time, 20);
}

TEST(SemaScale, ASumOfLiteralsIsNoRecursionEither) {
  std::string text = "fn f(x: real) = x * (0.5";
  for (int k = 0; k < 50'000; ++k) text += " + 1";
  EXPECT_TRUE(Analysed(text + ")").has("f"));
}

TEST(SemaScale, ALongChainOfFunctionsInAnyOrder) {
  std::string up = "fn f0(x: real) = x\n", down;
  constexpr int kFunctions = 20'000;
  for (int k = 1; k < kFunctions; ++k) {
    up += fmt::format("fn f{}(x: real) = f{}(x) + 1\n", k, k - 1);
    down += fmt::format("fn g{}(x: real) = g{}(x) + 1\n", k - 1, k);
  }
  down += fmt::format("fn g{}(x: real) = x\n", kFunctions - 1);
  EXPECT_TRUE(Analysed(up).has(fmt::format("f{}", kFunctions - 1)));
  EXPECT_TRUE(Analysed(down).has("g0"));
}

TEST(SemaScale, GenericFunctionsHaveADepth) {
  std::string text = "fn g0(x: float) -> float = x\n";
  for (int k = 1; k <= 200; ++k) text += fmt::format("fn g{}(x: float) -> float = g{}(x)\n", k, k - 1);
  const Analysed a(text + "fn f(x: real) = g200(x)");
  ASSERT_EQ(a.diagnostics.all().size(), 1u) << a.messages();
  EXPECT_STREQ(a.diagnostics.all()[0].kind->slug, "too-deep");
}

// Each struct holds the one before twice: 2^k numbers, of which no reader of values should have to hear.
TEST(SemaScale, StructsOfStructsOfStructs) {
  std::string text = "struct S0 { x: real  y: real }\n";
  for (int k = 1; k < 40; ++k) text += "struct S" + std::to_string(k) + " { x: S" + std::to_string(k - 1) + "  y: S" + std::to_string(k - 1) + " }\n";
  const Analysed a(text + "fn f(s: S39) = 1.0\n");
  ASSERT_EQ(a.diagnostics.all().size(), 1u) << a.messages();
  EXPECT_STREQ(a.diagnostics.all()[0].kind->slug, "struct-too-large");
}

TEST(SemaScale, ALongChainOfConstantsAndOfDerivatives) {
  std::string text = "const c0 = 1\n";
  for (int k = 1; k < 2'000; ++k) text += fmt::format("const c{} = c{} + 0.5\n", k, k - 1);
  EXPECT_TRUE(Analysed(text + "fn f(x: real) = x + c1999").has("f"));
  std::string tower = "fn f(x: real) = x^3\nfn g(x: real) {\n  let d0 = grad(f)\n";
  for (int k = 1; k < 100; ++k) tower += fmt::format("  let d{} = grad(d{})\n", k, k - 1);
  EXPECT_TRUE(Analysed(tower + "  return d99(x)\n}").has("g"));
}

TEST(SemaScale, NestingAsDeepAsTheParserAllows) {
  auto nested = [](std::string_view open, std::string_view core, std::string_view close, int depth) {
    std::string text = "fn f(x: real, y: real[3]) = ";
    for (int k = 0; k < depth; ++k) text += open;
    text += core;
    for (int k = 0; k < depth; ++k) text += close;
    return Analysed(text).diagnostics.n_errors();
  };
  EXPECT_EQ(nested("sin(", "x", ")", 120), 0u);
  EXPECT_EQ(nested("if x > 0 { ", "x", " } else { 1 }", 60), 0u);
  nested("(", "x", ")", 250);
  nested("[", "x", "]", 250);
  nested("sum[i in 0..2](", "x", ")", 100);
  nested("(x, ", "x", ")", 250);
  nested("grad(", "f", ")", 250);
  nested("y[", "0", "]", 100);
}

/// Small edits of good programs: whatever they mean, an answer comes back and the IR that there is verifies.
TEST(SemaScale, MutatedProgramsNeverCrash) {
  const std::string_view programs[] = {
      "const K = 3\nfn g[n](x: real[n], k: int) -> real[n] { let y[i] = x[i] * K + k  return y }\n"
      "fn f[n, m](A: real[n, m], x: real[m]) -> real { let (a, b) = (A @ x, 2)  var s = 0.0  s += sum(a) * b\n"
      "  let w[i in 0..n - 1] = A[i + 1, 0..2]  return s + mean[i, j](A[i, j]^2) + max(x[1..m]) + sum(w) + g(x, 1)[0] }\n"
      "export d = value_and_grad(f, wrt = [A, x], mode = forward)\n",
      "fn p[D, H](W: f32[H, D], b: f32[H], x: f32[D]) -> f32[H] = if any(x > 0) { sigmoid(W @ x + b) } else { softmax(b) }\n"
      "fn q[D](x: float[D], t: float) -> float { let u = (p = norm(x), q = [t, 1, 2])  return u.p + u.q[-1] }\n"
      "fn r(x: f32[4], y: f64[4]) = (q(x, 1), q(y, 1), grad(q, wrt = x)(y, 2), jvp(q, wrt = t)(x, 2, dt = 1))\nexport r\n",
      "struct S[h] { a: real[h]  b: T }\nstruct T { x: real }\nfn twice(f: fn(real) -> real, x: real) -> real = f(f(x))\n"
      "fn over[n](f: fn(z: real[n], w: real) -> real, z: real[n]) = hessian(f, wrt = [z, w])(z, 1)\n"
      "fn s[h](s: S[h], k: real) {\n var t = 2 * s - s\n t.b.x = k\n let p = t\n let g = fn(y: real) = y * k + p.b.x * sum(s.a)\n"
      " fn l[m](v: real[m]) -> real = sum(v) * g(k)\n return (twice(fn(y) = g(y) + l(s.a), k), over(fn(z, w) = l(z) * w, s.a), grad(g)(k))\n}\n"
      "fn u[h](s: S[h]) -> real = sum(s.a^2) * s.b.x\nexport v = jacobian(grad(u, wrt = [s.a, s.b.x]), wrt = s, value = true)\n"};
  constexpr std::string_view kPieces[] = {"0", "1", "-", "n", "x", "[", "]", "(", ")", "i", ", ", " + ", "..", ":", "real", "f32",
                                          "sum", "grad", "if x { 1 } else { 2 }", "1/2", "let ", "@", "^", "9223372036854775807", "div(n, 0)"};
  std::mt19937 random(7);
  for (int round = 0; round < 6000; ++round) {
    std::string text(programs[round % 3]);
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text.erase(at, 1 + random() % 4); break;
        case 1: text.insert(at, kPieces[random() % std::size(kPieces)]); break;
        case 2: text.replace(at, 1 + random() % 3, kPieces[random() % std::size(kPieces)]); break;
        default: text.insert(at, text.substr(random() % text.size(), random() % 12)); break;
      }
    }
    const Analysed a(text);
    const std::string wrong = a.violations();
    ASSERT_EQ(wrong, "") << text << "\n" << a.messages();
    ASSERT_EQ(a.ok, !a.diagnostics.has_errors());
  }
}

}  // namespace
}  // namespace dlc
