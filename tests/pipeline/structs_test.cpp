// Structs: made, read, assigned, added and scaled; as arguments and results, in index notation, and in every mode.
#include "checked.h"

namespace dlc {
namespace {

constexpr const char* kText = R"(
struct State[h] { h: real[h]  c: real[h] }
struct Pair[n] { a: State[n], b: real }
fn step[n](s: State[n], k: real) -> State[n] {
  var t = s + State(h = s.c, c = -s.h) * k
  t.h = t.h * 2
  return 0.5 * t / 2 - s
}
fn energy[n](s: State[n], k: real) -> real {
  let t = step(s, k)
  return sum(t.h^2 * s.c) + dot(t.c, s.c)
}
fn swap[n](p: Pair[n]) -> Pair[n] {
  var q = p
  q.a.h = p.a.c * p.b
  q.b += 1
  return if p.b > 0 { q } else { p }
}
fn rows[n, m](X: real[n, m]) {
  let S[i] = State(X[i], 2 * X[i])
  return S
}
fn total[n](X: real[n, 3]) -> real = sum(rows(X).h^2) + sum(rows(X).c)
fn descent[n](s: State[n], k: real) -> State[n] = s - 0.1 * grad(energy, wrt = s)(s, k)
fn zero() -> State[2] = State[2](h = zeros(2), c = [1, 2])
)";

TEST(Structs, EveryModeAgrees) {
  const auto c = loaded(kText);
  for (const char* name : {"step", "energy", "swap", "rows", "total", "descent"}) expect_checked(*c, name);
}

TEST(Structs, Values) {
  const auto c = loaded(kText);
  EXPECT_EQ(numbers_of(*c, "step", R"(s={"h":[1,2],"c":[3,4]},k=0.5)"), (std::vector<double>{0.25, 0, -2.375, -3.25}));
  EXPECT_EQ(numbers_of(*c, "swap", R"(p={"a":{"h":[1],"c":[3]},"b":2})"), (std::vector<double>{6, 3, 3}));
  EXPECT_EQ(numbers_of(*c, "swap", R"(p={"a":{"h":[1],"c":[3]},"b":-2})"), (std::vector<double>{1, 3, -2}));
  EXPECT_EQ(numbers_of(*c, "rows", "X=[[1],[2]]"), (std::vector<double>{1, 2, 2, 4}));
  EXPECT_EQ(numbers_of(*c, "zero", ""), (std::vector<double>{0, 0, 1, 2}));
}

// The gradient by a struct is that struct.
TEST(Structs, TheGradientIsOne) {
  const auto c = loaded("struct P { a: real  b: real[2] }\nfn f(p: P) -> real = p.a^2 * p.b[0] + p.b[1]\nexport g = grad(f)\n");
  const FuncId g = function(*c, "g");
  EXPECT_EQ(c->module.types.text(c->module[g].result_type()), "P(a: f64, b: f64[2])");
  EXPECT_EQ(numbers_of(*c, "g", R"(p={"a":3,"b":[5,7]})"), (std::vector<double>{30, 9, 1}));
}

}  // namespace
}  // namespace dlc
