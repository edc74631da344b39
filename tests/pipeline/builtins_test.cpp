// The built-in functions that are written in dlc or lowered to views: known results, and derivatives of all modes.
#include "cases.h"

namespace dlc {
namespace {

const Case kCases[] = {
    // Linear algebra. L of the first has been multiplied out by hand; the strict upper triangle is not read.
    {"fn f[n](A: real[n, n]) = cholesky(A)", "A=[[4,7,7],[2,5,7],[6,7,19]]", {2, 0, 0, 1, 2, 0, 3, 2, std::sqrt(6.0)}},
    {"fn f[n](A: real[n, n]) = cholesky(A)", "A=[[1,0],[2,4]]", {1, 0, 2, NAN}},
    {"fn f[n](A: real[n, n], b: real[n]) = solve(A, b)", "A=[[0,2,1],[1,1,0],[4,0,1]],b=[7,3,7]", {1, 2, 3}},
    {"fn f[n, m](A: real[n, n], B: real[n, m]) = solve(A, B)", "A=[[0,2],[4,1]],B=[[2,4,0],[5,2,4]]", {1, 0, 1, 1, 2, 0}},
    {"fn f(A: f32[2, 2], b: f32[2]) = solve(A, b) + triangular_solve(cholesky(A), b)", "A=[[4,0],[0,1]],b=[4,2]", {3, 4}},
    {"fn f[n](A: real[n, n]) = inverse(A)", "A=[[0,2],[4,0]]", {0, 0.25, 0.5, 0}},
    {"fn f[n](A: real[n, n]) = logdet(A)", "A=[[0,0,2],[3,0,0],[0,4,0]]", {std::log(24.0)}},
    {"fn f[n](A: real[n, n]) = logdet(A)", "A=[[0,2],[4,0]]", {NAN}},
    {"fn f[n](A: real[n, n]) = logdet(A)", "A=[[1,2],[2,4]]", {-INFINITY}},
    {"fn f[n](L: real[n, n], b: real[n]) = triangular_solve(L, b)", "L=[[2,9],[1,4]],b=[2,9]", {1, 2}},
    {"fn f[n](U: real[n, n], b: real[n]) = triangular_solve(U, b, upper = true)", "U=[[2,1],[9,4]],b=[4,8]", {1, 2}},
    {"fn f[n](L: real[n, n], B: real[n, 2]) = triangular_solve(L, B)", "L=[[2,9],[1,4]],B=[[2,4],[9,2]]", {1, 2, 2, 0}},
    {"fn f[n](U: real[n, n], B: real[n, 2]) = triangular_solve(U, B, upper = true)", "U=[[2,1],[9,4]],B=[[4,2],[8,0]]", {1, 1, 2, 0}},
    // One system for each example of a batch.
    {"fn f(A: real[2, 2, 2], b: real[2, 2]) {\n  let x[i] = solve(A[i], b[i])\n  return x\n}", "A=[[[0,1],[1,0]],[[2,0],[0,4]]],b=[[1,2],[2,4]]", {2, 1, 1, 1}},

    // Layers.
    {"fn f(x: real[1, 2, 3], k: real[2, 1, 1, 2], b: real[2]) = conv2d(x, k, bias = b)", "x=[[[1,2,3],[4,5,6]]],k=[[[[1,10]]],[[[1,0]]]],b=[0,100]",
     {21, 32, 54, 65, 101, 102, 104, 105}},
    {"fn f(x: real[1, 2, 2], k: real[1, 1, 3, 3]) = conv2d(x, k, pad = 1, stride = 2)", "x=[[[1,2],[3,4]]],k=[[[[0,0,0],[0,1,10],[0,100,1000]]]]", {4321}},
    {"fn f[H, W](x: real[1, H, W]) = max_pool2d(x, 2)", "x=[[[1,2,9],[4,3,9],[9,9,9]]]", {4}},
    {"fn f(x: real[1, 2, 4]) = avg_pool2d(x, 2, stride = 1)", "x=[[[1,2,3,4],[3,2,1,0]]]", {2, 2, 2}},
    {"fn f(x: real[2, 2], g: real[2], b: real[2]) = layer_norm(x, g, b)", "x=[[1,3],[2,2]],g=[10,20],b=[1,2]",
     {1 - 10 / std::sqrt(1 + 1e-5), 2 + 20 / std::sqrt(1 + 1e-5), 1, 2}},
    {"fn f(x: real[2, 1]) = layer_norm(x, axis = 0)", "x=[[1],[3]]", {-1 / std::sqrt(1 + 1e-5), 1 / std::sqrt(1 + 1e-5)}},
    {"fn f(t: real[3, 2], at: int[2]) = embedding(t, at)", "t=[[1,2],[3,4],[5,6]],at=[2,0]", {5, 6, 1, 2}},
    {"fn f(t: real[3, 2], at: int) = embedding(t, at)", "t=[[1,2],[3,4],[5,6]],at=1", {3, 4}},
};

TEST(Builtins, Values) {
  for (const Case& k : kCases) expect_value(k);
}

TEST(Builtins, DerivativesOfAllModesAgree) {
  for (const Case& k : kCases) expect_derivatives_agree(k, 4);
}

// What textbooks say, as programs whose result is 0.
const Case kIdentities[] = {
    {"fn f[n](A: real[n, n]) {\n  let d = grad(logdet, wrt = A)(A) - transpose(inverse(A))\n  return max(abs(d))\n}", "A=[[1,1,0],[0,2,1],[4,0,1]]", {0}},
    // Where there is no value there is no derivative either.
    {"fn f[n](A: real[n, n]) = sum(grad(logdet, wrt = A)(A))", "A=[[0,1],[1,0]]", {NAN}},
    {"fn x(A: real[3, 3], b: real[3]) = solve(A, b)\n"
     "fn f(A: real[3, 3], b: real[3], u: real[3]) {\n  let w = solve(transpose(A), u)\n  let d = vjp(x, wrt = [A, b])(A, b, bar = u)\n"
     "  return max(abs(d.b - w)) + max(abs(d.A + outer(w, solve(A, b))))\n}", "A=[[0,2,1],[1,1,0],[4,0,1]],b=[7,3,7],u=[1,-2,3]", {0}},
    {"fn whole(A: real[3, 3]) -> real[3, 3] {\n  let L = cholesky(0.5 * (A + transpose(A)))\n  return L @ transpose(L)\n}\n"
     "fn f(A: real[3, 3], d: real[3, 3]) = max(abs(jvp(whole, wrt = A)(A, dA = d) - 0.5 * (d + transpose(d))))", "A=[[4,1,0],[1,3,1],[0,1,2]],d=[[1,2,3],[4,5,6],[7,8,9]]", {0}},
    {"fn plain(x: real[2, 5, 6], k: real[3, 2, 3, 2]) -> real[3, 3, 4] {\n"
     "  let y[o, i in 0..3, j in 0..4] = sum[c, a in 0..3, b in 0..2](k[o, c, a, b] * (\n"
     "    if 2 * i + a > 0 and 2 * i + a < 6 and 2 * j + b > 0 and 2 * j + b < 7 { x[c, 2 * i + a - 1, 2 * j + b - 1] } else { 0 }))\n  return y\n}\n"
     "fn conv(x: real[2, 5, 6], k: real[3, 2, 3, 2]) = conv2d(x, k, stride = 2, pad = 1)\n"
     "fn f(s: real) {\n  let x[c in 0..2, i in 0..5, j in 0..6] = sin(s + i + 2 * j + 3 * c)\n"
     "  let k[o in 0..3, c in 0..2, i in 0..3, j in 0..2] = cos(s * o + i - 2 * j + c)\n  let u = conv(x, k)\n"
     "  let (p, q) = vjp(plain, wrt = [x, k])(x, k, bar = u)\n  let (v, w) = vjp(conv, wrt = [x, k])(x, k, bar = u)\n"
     "  return max(abs(u - plain(x, k))) + max(abs(p - v)) + max(abs(q - w))\n}", "s=0.3", {0}},
};

TEST(Builtins, TextbookIdentities) {
  for (const Case& k : kIdentities) expect_value(k);
}

}  // namespace
}  // namespace dlc
