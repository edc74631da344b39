// jacobian, hessian and hvp: their values, in every mode, and their derivatives; paths in `wrt`.
#include "checked.h"

namespace dlc {
namespace {

constexpr const char* kText = R"(
struct S[n] { a: real[n]  b: real }
fn r[n](x: real[n], w: real) -> real[n] {
  let y[i] = x[i]^2 * w + sum(x)
  return y
}
fn q[n](x: real[n], w: real) -> real = sum(x^3) * w^2
fn st[n](s: S[n]) -> real = sum(s.a^2) * s.b^2
fn vs[n](s: S[n], k: real) -> S[n] = S(a = s.a * s.b, b = sum(s.a) * k)
fn aux[n](x: real[n]) -> (y: real[n], n: int) = (y = x * x, n = 3)
export v = jacobian(r, wrt = [x, w], value = true)
export rows = jacobian(vs, wrt = s, mode = reverse)
export columns = jacobian(vs, wrt = s, mode = forward)
export of_aux = jacobian(aux)
export paths = jacobian(vs, wrt = [s.b, k])
export h = hessian(q, wrt = [x, w], value = true)
export p = hvp(q, wrt = [w, x], value = true)
export hs = hessian(st)
export hp = hessian(st, wrt = [s.a, s.b])
export path = grad(st, wrt = s.b)
export along = jvp(vs, wrt = s.a)
export back = vjp(vs, wrt = [s.a, k])
fn trace[n](x: real[n], w: real) -> real = sum[i](jacobian(r, wrt = x)(x, w)[i, i]) + sum(hessian(q, wrt = x)(x, w)) + sum(hvp(q, wrt = x)(x, w, dx = x))
fn each[n](X: real[n, 2]) -> real[n] {
  let y[i] = sum(hessian(fn(z: real[2]) = z[0]^2 * z[1] * X[0, 1])(X[i]))
  return y
}
)";

TEST(Jacobian, Values) {
  const auto c = loaded(kText);
  const std::string x = "x=[1,2],w=3", s = R"(s={"a":[1,2],"b":3})";
  EXPECT_EQ(numbers_of(*c, "v", x), (std::vector<double>{6, 15, 7, 1, 1, 13, 1, 4}));
  const std::vector<double> blocks{3, 0, 0, 3, 1, 2, 5, 5, 0};  // ∂a/∂a, ∂a/∂b, ∂b/∂a, ∂b/∂b
  EXPECT_EQ(numbers_of(*c, "rows", s + ",k=5"), blocks);
  EXPECT_EQ(numbers_of(*c, "columns", s + ",k=5"), blocks);
  EXPECT_EQ(numbers_of(*c, "of_aux", "x=[1,2]"), (std::vector<double>{2, 0, 0, 4}));
  EXPECT_EQ(numbers_of(*c, "paths", s + ",k=5"), (std::vector<double>{1, 2, 0, 0, 0, 3}));  // by s.b, then by k
  EXPECT_EQ(numbers_of(*c, "h", x), (std::vector<double>{81, 54, 0, 0, 108, 18, 72, 18, 72, 18}));
  EXPECT_EQ(numbers_of(*c, "p", x + ",dw=1,dx=[1,0]"), (std::vector<double>{81, 36, 72, 72}));
  EXPECT_EQ(numbers_of(*c, "hs", s), (std::vector<double>{18, 0, 0, 18, 12, 24, 12, 24, 10}));
  EXPECT_EQ(numbers_of(*c, "hp", s), (std::vector<double>{18, 0, 0, 18, 12, 24, 12, 24, 10}));
  EXPECT_EQ(numbers_of(*c, "path", s), (std::vector<double>{30}));
  EXPECT_EQ(numbers_of(*c, "along", s + ",k=5,da=[1,0]"), (std::vector<double>{3, 0, 5}));
  EXPECT_EQ(numbers_of(*c, "back", s + R"(,k=5,bar={"a":[1,1],"b":2})"), (std::vector<double>{13, 13, 6}));
}

// Of a list with a struct in it, `h.a.b` is the block of a and b, taken apart inside.
TEST(Jacobian, HessianOfAListWithAStruct) {
  const auto c = loaded("struct P { a: real  b: real[2] }\nfn d(p: P, w: real) -> real = p.a * sum(p.b) * w^2\n"
                        "export h = hessian(d, wrt = [p, w])\nfn pair(p: P, w: real) = (0.0, hessian(d, wrt = [p, w])(p, w))\n"
                        "fn aw(p: P, w: real) = hessian(d, wrt = [p, w])(p, w).p.w.a\nfn bp(p: P, w: real) = hessian(d, wrt = [p, w])(p, w).p.p.b.a\n");
  const std::string at = R"(p={"a":1,"b":[2,3]},w=2)";
  std::vector<double> blocks{0, 4, 4, 4, 4, 0, 0, 0, 0, 20, 4, 4, 20, 4, 4, 10};
  EXPECT_EQ(numbers_of(*c, "h", at), blocks);
  blocks.insert(blocks.begin(), 0);
  EXPECT_EQ(numbers_of(*c, "pair", at), blocks);
  EXPECT_EQ(numbers_of(*c, "aw", at), (std::vector<double>{20}));
  EXPECT_EQ(numbers_of(*c, "bp", at), (std::vector<double>{4, 4}));
}

// The same Hessian by every pair of modes.
TEST(Jacobian, HessianModes) {
  for (const std::string mode : {"forward", "reverse", "symbolic", "numeric"}) {
    const auto c = loaded("fn q[n](x: real[n], w: real) -> real = sum(x^3) * w^2\nexport h = hessian(q, wrt = x, mode = " + mode +
                          ")\nexport p = hvp(q, wrt = x, mode = " + mode + ")\nexport w = hessian(q, wrt = w, mode = " + mode + ")\n");
    const std::vector<double> h = numbers_of(*c, "h", "x=[1,2],w=3"), p = numbers_of(*c, "p", "x=[1,2],w=3,dx=[1,2]");
    const double expected[] = {54, 0, 0, 108}, product[] = {54, 216};
    for (size_t k = 0; k < 4; ++k) EXPECT_NEAR(h[k], expected[k], mode == "numeric" ? 1e-6 : 1e-12) << mode;
    for (size_t k = 0; k < 2; ++k) EXPECT_NEAR(p[k], product[k], mode == "numeric" ? 1e-6 : 1e-12) << mode;
    EXPECT_NEAR(numbers_of(*c, "w", "x=[1,2],w=3")[0], 18, mode == "numeric" ? 1e-6 : 1e-12) << mode;
  }
}

TEST(Jacobian, ItsDerivativesAgree) {
  const auto c = loaded(kText);
  for (const char* name : {"v", "rows", "columns", "h", "trace", "each"}) expect_checked(*c, name, 1);
}

// The mode follows the shorter side where the sizes show it.
TEST(Jacobian, PicksTheShorterSide) {
  const auto c = loaded("fn tall[n](x: real[n]) = concat(x, x)\nfn wide[n](x: real[3 * n]) = x[0..n]\nfn scalar[n](x: real[n]) = sum(x)\n"
                        "export t = jacobian(tall)\nexport w = jacobian(wide)\nexport s = jacobian(scalar)\nexport f = jacobian(wide, mode = forward)\n");
  const auto mode = [&](const char* name) { return c->module[c->find(name)].request->mode; };
  EXPECT_EQ(mode("t"), Mode::forward);
  EXPECT_EQ(mode("w"), Mode::reverse);
  EXPECT_EQ(mode("s"), Mode::reverse);
  EXPECT_EQ(mode("f"), Mode::forward);
}

}  // namespace
}  // namespace dlc
