// Each array op against a loop that spells out its meaning (ops/array.h), to the last bit where that is promised.
#include <array>
#include <bit>
#include <cmath>
#include <random>

#include "run_text.h"

namespace dlc {
namespace {

std::vector<double> random_values(size_t n, DType dtype = DType::f64) {
  std::mt19937_64 random(n);
  std::vector<double> out(n);
  for (double& x : out) {
    x = std::ldexp(std::uniform_real_distribution<double>(-1, 1)(random), static_cast<int>(random() % 20));
    if (dtype == DType::f32) x = static_cast<float>(x);
  }
  return out;
}

void expect_bits(const std::vector<double>& got, const std::vector<double>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t k = 0; k < got.size(); ++k)
    EXPECT_EQ(std::bit_cast<int64_t>(got[k]), std::bit_cast<int64_t>(wanted[k]))
        << k << ": " << got[k] << " " << wanted[k];
}

template <class F>
double halves(std::array<F, 16> p) {
  for (size_t k = 0; k < 8; ++k) p[k] += p[k + 8];
  for (size_t k = 0; k < 4; ++k) p[k] += p[k + 4];
  for (size_t k = 0; k < 2; ++k) p[k] += p[k + 2];
  return static_cast<double>(p[0] + p[1]);
}

template <class F>
void test_sums(DType dtype) {
  const std::string name = dtype_name(dtype);
  const size_t A = 3, B = 5, C = 37;
  const std::vector<double> x = random_values(A * B * C, dtype);
  const Args<double> args{Double::array({3, 5, 37}, x, dtype)};
  const auto at = [&](size_t a, size_t b, size_t c) { return static_cast<F>(x[(a * B + b) * C + c]); };
  std::vector<double> last, first, both, outer;
  for (size_t a = 0; a < A; ++a)
    for (size_t b = 0; b < B; ++b) {
      std::array<F, 16> p;
      p.fill(F(-0.0));
      for (size_t c = 0; c < C; ++c) p[c % 16] += at(a, b, c);
      last.push_back(halves(p));
    }
  for (size_t b = 0; b < B; ++b)
    for (size_t c = 0; c < C; ++c) {
      F s = F(-0.0);
      for (size_t a = 0; a < A; ++a) s += at(a, b, c);
      first.push_back(static_cast<double>(s));
    }
  for (size_t b = 0; b < B; ++b) {
    std::array<F, 16> p;
    p.fill(F(-0.0));
    for (size_t a = 0; a < A; ++a)
      for (size_t c = 0; c < C; ++c) p[c % 16] += at(a, b, c);
    both.push_back(halves(p));
  }
  for (size_t c = 0; c < C; ++c) {
    F s = F(-0.0);
    for (size_t a = 0; a < A; ++a)
      for (size_t b = 0; b < B; ++b) s += at(a, b, c);
    outer.push_back(static_cast<double>(s));
  }
  const auto sum = [&](const std::string& axes, const std::string& dims) {
    return value_of("func @f(%0: " + name + "[3, 5, 37]) -> " + name + dims + " { %1 = sum %0 {axes = [" + axes +
                        "]} : " + name + dims + " return %1 }",
                    args)
        .floats;
  };
  expect_bits(sum("2", "[3, 5]"), last);
  expect_bits(sum("0", "[5, 37]"), first);
  expect_bits(sum("0, 2", "[5]"), both);
  expect_bits(sum("0, 1", "[37]"), outer);
}

TEST(Arrays, SumsHaveTheirOrder) {
  test_sums<double>(DType::f64);
  test_sums<float>(DType::f32);
}

TEST(Arrays, SumsOfZeros) {
  const char* const kSum = "func @f[n](%0: f64[n]) -> f64 { %1 = sum %0 {axes = [0]} : f64 return %1 }";
  expect_bits(value_of(kSum, {Double::array({0}, {})}).floats, {0.0});
  expect_bits(value_of(kSum, {Double::array({2}, {-0.0, -0.0})}).floats, {-0.0});
  expect_bits(value_of(kSum, {Double::array({2}, {-0.0, 0.0})}).floats, {0.0});
  EXPECT_EQ(value_of("func @f(%0: int[2]) -> int { %1 = sum %0 {axes = [0]} : int return %1 }",
                     {Double::of_ints({2}, {INT64_MAX, 1})})
                .ints[0],
            INT64_MIN);
}

template <class F>
void test_products(DType dtype) {
  const std::string t = dtype_name(dtype);
  const size_t M = 3, K = 21, L = 2, N = 4;
  const std::vector<double> a = random_values(2 * M * K * L, dtype), b = random_values(2 * K * L * N + 0, dtype),
                            u = random_values(K * L, dtype);
  // Batch 2, inner axes K and L, columns N: one fma after the other.
  std::vector<double> with_columns, without;
  for (size_t z = 0; z < 2; ++z)
    for (size_t i = 0; i < M; ++i)
      for (size_t j = 0; j < N; ++j) {
        F s = F(-0.0);
        for (size_t k = 0; k < K * L; ++k)
          s = std::fma(static_cast<F>(a[(z * M + i) * K * L + k]), static_cast<F>(b[(z * K * L + k) * N + j]), s);
        with_columns.push_back(static_cast<double>(s));
      }
  // No columns: 16 lanes along the last inner axis, L.
  for (size_t i = 0; i < 2 * M; ++i) {
    std::array<F, 16> p;
    p.fill(F(-0.0));
    for (size_t k = 0; k < K; ++k)
      for (size_t l = 0; l < L; ++l)
        p[l % 16] = std::fma(static_cast<F>(a[i * K * L + k * L + l]), static_cast<F>(u[k * L + l]), p[l % 16]);
    without.push_back(halves(p));
  }
  const std::string kA = "func @f(%0: " + t + "[2, 3, 21, 2], %1: " + t;
  expect_bits(
      value_of(kA + "[2, 21, 2, 4]) -> " + t +
                   "[2, 3, 4] { %2 = matmul %0, %1 {batch = 1, m = 1, n = 1, k = 2} : " + t + "[2, 3, 4] return %2 }",
               {Double::array({2, 3, 21, 2}, a, dtype), Double::array({2, 21, 2, 4}, b, dtype)})
          .floats,
      with_columns);
  expect_bits(value_of(kA + "[21, 2]) -> " + t + "[2, 3] { %2 = matmul %0, %1 {batch = 0, m = 2, n = 0, k = 2} : " + t +
                           "[2, 3] return %2 }",
                       {Double::array({2, 3, 21, 2}, a, dtype), Double::array({21, 2}, u, dtype)})
                  .floats,
              without);
  // A dot product of 42: lanes 0 … 15 three times.
  std::array<F, 16> p;
  p.fill(F(-0.0));
  for (size_t k = 0; k < K * L; ++k) p[k % 16] = std::fma(static_cast<F>(a[k]), static_cast<F>(u[k]), p[k % 16]);
  expect_bits(value_of("func @f(%0: " + t + "[42], %1: " + t + "[42]) -> " + t +
                           " { %2 = matmul %0, %1 {batch = 0, m = 0, n = 0, k = 1} : " + t + " return %2 }",
                       {Double::array({42}, {a.begin(), a.begin() + 42}, dtype), Double::array({42}, u, dtype)})
                  .floats,
              {halves(p)});
}

TEST(Arrays, MatrixProductsHaveTheirOrder) {
  test_products<double>(DType::f64);
  test_products<float>(DType::f32);
}

TEST(Arrays, MatrixProductsAtTheEdge) {
  const char* const kProduct =
      "func @f[m, k, n](%0: f64[m, k], %1: f64[k, n]) -> f64[m, n] { %2 = matmul %0, %1 {batch = 0, m = 1, n = 1, k = "
      "1} : f64[m, n] return %2 }";
  expect_bits(value_of(kProduct, {Double::array({2, 0}, {}), Double::array({0, 1}, {})}).floats, {0, 0});
  expect_bits(value_of(kProduct, {Double::array({1, 1}, {-0.0}), Double::array({1, 1}, {1.0})}).floats, {-0.0});
  EXPECT_EQ(value_of("func @f(%0: int[2], %1: int[2]) -> int { %2 = matmul %0, %1 {batch = 0, m = 0, n = 0, k = 1} : "
                     "int return %2 }",
                     {Double::of_ints({2}, {3, 4}), Double::of_ints({2}, {5, 6})})
                .ints[0],
            39);
  expect_bits(value_of("func @f(%0: f64[2], %1: f64[2]) -> f64[2, 2] { %2 = matmul %0, %1 {batch = 0, m = 1, n = 1, k "
                       "= 0} : f64[2, 2] return %2 }",
                       {Double::array({2}, {1, 2}), Double::array({2}, {3, 4})})
                  .floats,
              {3, 4, 6, 8});
}

TEST(Arrays, Reductions) {
  const double nan = std::nan("");
  const auto reduce = [&](const std::string& op, const std::string& t, std::vector<double> x, const std::string& axes,
                          const std::string& dims) {
    return value_of("func @f(%0: f64[2, 3]) -> " + t + dims + " { %1 = " + op + " %0 {axes = [" + axes + "]} : " + t +
                        dims + " return %1 }",
                    {Double::array({2, 3}, std::move(x))});
  };
  expect_bits(reduce("prod", "f64", {1, 2, 3, 4, 5, 6}, "1", "[2]").floats, {6, 120});
  expect_bits(reduce("max_over", "f64", {1, 7, 3, 4, 5, 6}, "0", "[3]").floats, {4, 7, 6});
  expect_bits(reduce("min_over", "f64", {1, 7, 3, 4, 5, -6}, "0, 1", "").floats, {-6});
  EXPECT_TRUE(std::isnan(reduce("max_over", "f64", {1, nan, 3, 4, 5, 6}, "1", "[2]").floats[0]));
  EXPECT_EQ(reduce("argmax", "int", {1, 7, 7, 4, 4, 4}, "1", "[2]").ints, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(reduce("argmin", "int", {1, 7, 7, 4, 4, 3}, "0", "[3]").ints, (std::vector<int64_t>{0, 1, 1}));
  EXPECT_EQ(reduce("argmax", "int", {nan, 1, 2, nan, nan, nan}, "1", "[2]").ints, (std::vector<int64_t>{2, 0}));
  const auto truth = [&](const std::string& op, std::vector<int64_t> x) {
    const auto n = static_cast<int64_t>(x.size());
    return value_of("func @f[n](%0: bool[n]) -> bool { %1 = " + op + " %0 {axes = [0]} : bool return %1 }",
                    {Double::of_ints({n}, std::move(x), DType::b1)})
        .ints[0];
  };
  EXPECT_EQ(truth("any", {0, 1}), 1);
  EXPECT_EQ(truth("any", {0, 0}), 0);
  EXPECT_EQ(truth("all", {1, 1}), 1);
  EXPECT_EQ(truth("all", {0, 1}), 0);
  EXPECT_EQ(truth("any", {}), 0);
  EXPECT_EQ(truth("all", {}), 1);
}

TEST(Arrays, EmptyReductions) {
  const auto text = [](const std::string& op, const std::string& t) {
    return "func @f[n](%0: f64[n]) -> " + t + " { %1 = " + op + " %0 {axes = [0]} : " + t + " return %1 }";
  };
  expect_bits(value_of(text("prod", "f64"), {Double::array({0}, {})}).floats, {1});
  expect_bits(value_of(text("max_over", "f64"), {Double::array({0}, {})}).floats, {-HUGE_VAL});
  expect_bits(value_of(text("min_over", "f64"), {Double::array({0}, {})}).floats, {HUGE_VAL});
  EXPECT_EQ(value_of(text("argmin", "int"), {Double::array({0}, {})}).ints[0], 0);
}

TEST(Arrays, RunningSums) {
  const auto run = [](const std::string& attr) {
    return value_of("func @f(%0: f64[2, 3]) -> f64[2, 3] { %1 = cumsum %0 " + attr + " : f64[2, 3] return %1 }",
                    {Double::array({2, 3}, {1, 2, 3, 4, 5, 6})})
        .floats;
  };
  expect_bits(run("{axis = 1, reverse = 0}"), {1, 3, 6, 4, 9, 15});
  expect_bits(run("{axis = 1, reverse = 1}"), {6, 5, 3, 15, 11, 6});
  expect_bits(run("{axis = 0, reverse = 0}"), {1, 2, 3, 5, 7, 9});
}

TEST(Arrays, Views) {
  const Args<double> x{Double::array({2, 3}, {1, 2, 3, 4, 5, 6})};
  const auto view = [&](const std::string& map, const std::string& dims) {
    return value_of(
               "func @f(%0: f64[2, 3]) -> f64" + dims + " { %1 = view %0 " + map + " : f64" + dims + " return %1 }", x)
        .floats;
  };
  expect_bits(view("[j1, j0]", "[3, 2]"), {1, 4, 2, 5, 3, 6});  // transpose
  expect_bits(view("[1, -j0 + 2]", "[3]"), {6, 5, 4});          // a row backwards
  expect_bits(view("[j0, j0 + 1]", "[2]"), {2, 6});             // a diagonal
  expect_bits(view("[0, j1 + 1]", "[2, 2]"), {2, 3, 2, 3});     // repeated
  expect_bits(view("[0, j0 + j1]", "[2, 2]"), {1, 2, 2, 3});    // windows
  expect_bits(view("[j0 - 1, 2*j1] guarded", "[3, 2]"), {0, 0, 1, 3, 4, 6});
  EXPECT_EQ(error_of("func @f(%0: f64[2, 3]) -> f64[3] { %1 = view %0 [0, j0 + 1] : f64[3] return %1 }", x),
            "t.ir:1:36: index 3 leaves axis 1 of size 3");
  expect_bits(
      value_of("func @f(%0: f64[4]) -> f64[2, 3] { %1 = view_adjoint %0 [0, j0 - 1] guarded : f64[2, 3] return %1 }",
               {Double::array({4}, {1, 2, 3, 4})})
          .floats,
      {2, 3, 4, 0, 0, 0});
  expect_bits(value_of("func @f(%0: f64[2, 2]) -> f64[3] { %1 = view_adjoint %0 [j0 + j1] : f64[3] return %1 }",
                       {Double::array({2, 2}, {1, 2, 3, 4})})
                  .floats,
              {1, 5, 4});
}

TEST(Arrays, Shapes) {
  expect_bits(value_of("func @f(%0: f64[2, 3]) -> f64[3, 2] { %1 = reshape %0 : f64[3, 2] return %1 }",
                       {Double::array({2, 3}, {1, 2, 3, 4, 5, 6})})
                  .floats,
              {1, 2, 3, 4, 5, 6});
  const Double rows =
      value_of("func @f(%0: f64[2], %1: f64[2]) -> f64[3, 2] { %2 = stack %0, %1, %0 : f64[3, 2] return %2 }",
               {Double::array({2}, {1, 2}), Double::array({2}, {3, 4})});
  expect_bits(rows.floats, {1, 2, 3, 4, 1, 2});
  EXPECT_EQ(rows.dims, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(
      value_of("func @f[n](%0: f64[n]) -> int[2*n] { %1 = iota : int[2*n] return %1 }", {Double::array({2}, {0, 0})})
          .ints,
      (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(
      value_of("func @f[n](%0: f64[n]) -> int { %1 = size n*n - 1 : int return %1 }", {Double::array({3}, {0, 0, 0})})
          .ints[0],
      8);
}

}  // namespace
}  // namespace dlc
