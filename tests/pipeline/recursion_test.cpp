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
fn minor[n](A: real[n, n], j: int) -> real[n - 1, n - 1] {
  let M[r in 0..n - 1, c in 0..n - 1] = if c < j { A[r + 1, c] } else { A[r + 1, c + 1] }
  return M
}
/// Under an index, once for each column: n! of them all the way down.
fn minors[n](A: real[n, n]) -> real = if n == 1 { A[0, 0] } else { sum[j in 0..n]((1 - 2 * (j % 2)) * A[0, j] * minors(minor(A, j))) }
fn each[n, m](A: real[m, n, n]) -> real[m] {
  let d[k] = minors(A[k])
  return d
}
export each_by = jacobian(each)
fn off[n](A: real[n, n]) = sum((grad(minors)(A) - grad(det)(A))^2)
/// Through another one, with its own index, and with a part that no index is in.
struct Q[n] { v: real[n]  c: real }
fn here[n](p: Q[n], k: int) -> Q[n] = if n == 1 { p } else {
  let t[i in 0..n] = if p.v[i] > k { there(p.v[0..n - 1] * i, p.c + i, k) } else { p.v[i] }
  Q(v = t, c = sum(t))
}
fn there[n](v: real[n], c: real, k: int) -> real = here(Q(v = v, c = c), k + 1).c
fn through[n](v: real[n]) {
  let r = here(Q(v = v, c = 0), 0)
  return r.c + sum(r.v)
}
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
  EXPECT_EQ(numbers_of(*c, "minors", "A=[[2,1,3],[1,4,1],[0,2,5]]"), (std::vector<double>{37}));
  EXPECT_EQ(numbers_of(*c, "each", "A=[[[2,1],[1,4]],[[1,2],[3,4]],[[0,0],[0,1]]]"), (std::vector<double>{7, -2, 0}));
  EXPECT_EQ(numbers_of(*c, "each_by", "A=[[[2,1],[1,4]],[[1,2],[3,4]]]"), (std::vector<double>{4, -1, -1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 4, -3, -2, 1}));
  EXPECT_NEAR(numbers_of(*c, "off", "A=[[2,1,3,1],[1,4,1,1],[0,2,5,1],[7,1,1,1]]")[0], 0, 1e-20);
  EXPECT_EQ(numbers_of(*c, "through", "v=[1,2]"), (std::vector<double>{2}));
  EXPECT_EQ(numbers_of(*c, "through", "v=[1,2,3,4,5]"), (std::vector<double>{606}));
}

TEST(Recursion, EveryModeAgrees) {
  const auto c = loaded(kText);
  for (const char* name : {"total", "halves", "even", "rows", "det", "counted", "minors", "each", "through"}) expect_checked(*c, name);
}

}  // namespace
}  // namespace dlc
