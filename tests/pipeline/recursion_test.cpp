// Recursion on sizes: kept as calls in the IR, unrolled where sizes are known, differentiated in every mode.
#include "checked.h"

namespace dlc {
namespace {

constexpr const char* kText = R"(
fn det[n](A: real[n, n]) -> real = if n == 1 { A[0, 0] } else {
  let S[i in 0..n - 1, j in 0..n - 1] = A[i + 1, j + 1] - A[i + 1, 0] * A[0, j + 1] / A[0, 0]
  A[0, 0] * det(S)
}
fn total[n](x: real[n]) -> real = if n == 0 { 0 } else { x[0]^2 + total(x[1..n]) }
fn halves[n](x: real[n]) -> real = if n == 0 { 1 } else { if n == 1 { sin(x[0]) } else { halves(x[0..div(n, 2)]) * halves(x[div(n, 2)..n]) } }
fn even[n](x: real[n]) -> real = if n == 0 { 1 } else { x[0] * odd(x[1..n]) }
fn odd[n](x: real[n]) -> real = if n == 0 { 2 } else { x[0] + even(x[1..n]) }
fn rows[n, m](X: real[n, m]) -> real[n] {
  let y[i] = total(X[i])
  return y
}
export dets = jacobian(rows)
/// As often as the loop has run: the reverse sweep's loop is a function of a size known only then.
fn counted[n](x: real[n], p: real) -> real {
  var v = x
  var c = 0
  while c < n @max_iters(5) {
    v[c] += sum[i in 0..c](p * total(x))
    c += 1
  }
  return sum(v)
}
export counted_by = grad(counted, wrt = p)
fn deep() -> real = total(ones(900))
)";

TEST(Recursion, Values) {
  const auto c = loaded(kText);
  EXPECT_NEAR(numbers_of(*c, "det", "A=[[2,1,0],[1,3,1],[0,1,4]]")[0], 18, 1e-12);
  EXPECT_EQ(numbers_of(*c, "total", "x=[1,2,3]"), (std::vector<double>{14}));
  EXPECT_EQ(numbers_of(*c, "even", "x=[2,3,4]"), (std::vector<double>{2 * (3 + 4 * 2)}));
  EXPECT_EQ(numbers_of(*c, "rows", "X=[[1,2],[3,4]]"), (std::vector<double>{5, 25}));
  EXPECT_EQ(numbers_of(*c, "dets", "X=[[1,2]]"), (std::vector<double>{2, 4}));
  EXPECT_EQ(numbers_of(*c, "counted", "x=[1,2,3],p=1"), (std::vector<double>{6 + 3 * 14}));
  EXPECT_EQ(numbers_of(*c, "counted_by", "x=[1,2,3],p=1"), (std::vector<double>{3 * 14}));
  EXPECT_EQ(numbers_of(*c, "deep", ""), (std::vector<double>{900}));
}

TEST(Recursion, EveryModeAgrees) {
  const auto c = loaded(kText);
  for (const char* name : {"total", "halves", "even", "rows", "det", "counted"}) expect_checked(*c, name);
}

}  // namespace
}  // namespace dlc
