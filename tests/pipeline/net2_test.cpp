// The two-layer network of examples/net2_functions.dl against the derivation in the textbook:
//   δ2 = ∂L/∂h · h(1 − h),  ∂L/∂W2 = δ2 a,  ∂L/∂b2 = δ2,  δ1 = δ2 W2 ⊙ a(1 − a),  ∂L/∂W1 = δ1 xᵀ,  ∂L/∂b1 = δ1.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "dlc.h"
#include "ops/array.h"
#include "ops/table.h"
#include "pipeline/compilation.h"
#include "pipeline/files.h"

namespace dlc {
namespace {

using Vector = std::vector<double>;
constexpr const char* kSource = "../../examples/net2_functions.dl";
constexpr int64_t D = 7, H = 5, kExamples = 19;

struct Net {
  Vector W1 = Vector(H * D), b1 = Vector(H), W2 = Vector(H);
  double b2 = 0;
};
struct Gradient {
  double loss = 0, b2 = 0;
  Vector W1 = Vector(H * D), b1 = Vector(H), W2 = Vector(H);
};

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

Gradient by_hand(const Net& net, const double* x, double y) {
  Gradient g;
  Vector a(H);
  double z2 = net.b2;
  for (int64_t j = 0; j < H; ++j) {
    double z = net.b1[j];
    for (int64_t k = 0; k < D; ++k) z += net.W1[j * D + k] * x[k];
    a[j] = sigmoid(z);
    z2 += net.W2[j] * a[j];
  }
  const double h = sigmoid(z2);
  g.loss = -(y * std::log(h) + (1 - y) * std::log(1 - h));
  const double delta2 = (h - y) / (h * (1 - h)) * h * (1 - h);
  g.b2 = delta2;
  for (int64_t j = 0; j < H; ++j) {
    g.W2[j] = delta2 * a[j];
    const double delta1 = delta2 * net.W2[j] * a[j] * (1 - a[j]);
    g.b1[j] = delta1;
    for (int64_t k = 0; k < D; ++k) g.W1[j * D + k] = delta1 * x[k];
  }
  return g;
}

void expect_near(const Vector& expected, const Vector& found, double tolerance, const std::string& what) {
  for (size_t k = 0; k < expected.size(); ++k)
    EXPECT_NEAR(expected[k], found[k], tolerance * std::max(1.0, std::abs(expected[k]))) << what << "[" << k << "]";
}

struct Net2 : testing::Test {
  Net net;
  Vector X = Vector(kExamples * D), y = Vector(kExamples);
  void SetUp() override {
    std::mt19937 random(7);
    std::normal_distribution<> normal;
    for (Vector* v : {&net.W1, &net.b1, &net.W2, &X})
      for (double& x : *v) x = normal(random);
    for (double& label : y) label = static_cast<double>(random() % 2);
    net.b2 = normal(random);
  }
};

TEST_F(Net2, EveryModeGivesTheTextbooksDeltas) {
  const auto program = Program::from_file(kSource);
  ASSERT_TRUE(program) << program.error();
  for (const auto& [mode, tolerance] : {std::pair(DerivativeMode::reverse, 1e-14), {DerivativeMode::forward, 1e-14},
                                        {DerivativeMode::symbolic, 1e-14}, {DerivativeMode::numeric, 1e-8}}) {
    const auto f = program->value_and_grad("loss", {"W1", "b1", "W2", "b2"}, {{"D", D}, {"H", H}}, mode);
    ASSERT_TRUE(f) << f.error();
    for (int64_t i = 0; i < kExamples; ++i) {
      const Vector x(X.begin() + i * D, X.begin() + (i + 1) * D);
      const Gradient expected = by_hand(net, x.data(), y[i]);
      Gradient g;
      const Status status = f->call({net.W1, net.b1, net.W2, net.b2, x, y[i]}, {g.loss, g.W1, g.b1, g.W2, g.b2});
      ASSERT_TRUE(status) << status.message;
      const std::string what = "mode " + std::to_string(static_cast<int>(mode)) + " example " + std::to_string(i);
      EXPECT_NEAR(g.loss, expected.loss, 1e-14 * std::max(1.0, expected.loss)) << what;
      EXPECT_NEAR(g.b2, expected.b2, tolerance) << what;
      expect_near(expected.W1, g.W1, tolerance, what + " W1");
      expect_near(expected.b1, g.b1, tolerance, what + " b1");
      expect_near(expected.W2, g.W2, tolerance, what + " W2");
    }
  }
}

TEST_F(Net2, TheBatchedGradientIsTheMeanOfTheExamples) {
  const auto program = Program::from_file(kSource);
  ASSERT_TRUE(program) << program.error();
  Gradient mean;
  for (int64_t i = 0; i < kExamples; ++i) {
    const Gradient g = by_hand(net, X.data() + i * D, y[i]);
    mean.loss += g.loss / kExamples, mean.b2 += g.b2 / kExamples;
    for (size_t k = 0; k < g.W1.size(); ++k) mean.W1[k] += g.W1[k] / kExamples;
    for (size_t k = 0; k < g.b1.size(); ++k) mean.b1[k] += g.b1[k] / kExamples, mean.W2[k] += g.W2[k] / kExamples;
  }
  for (const DerivativeMode mode : {DerivativeMode::reverse, DerivativeMode::forward, DerivativeMode::symbolic}) {
    const auto f = program->value_and_grad("objective", {"W1", "b1", "W2", "b2"}, {{"D", D}, {"H", H}}, mode);  // n stays open
    ASSERT_TRUE(f) << f.error();
    Gradient g;
    const Status status = f->call({net.W1, net.b1, net.W2, net.b2, X, y}, {g.loss, g.W1, g.b1, g.W2, g.b2});
    ASSERT_TRUE(status) << status.message;
    EXPECT_NEAR(g.loss, mean.loss, 1e-14);
    EXPECT_NEAR(g.b2, mean.b2, 1e-14);
    expect_near(mean.W1, g.W1, 1e-14, "W1");
    expect_near(mean.b1, g.b1, 1e-14, "b1");
    expect_near(mean.W2, g.W2, 1e-14, "W2");
  }
}

TEST_F(Net2, ProductsAreMatrixProductsAfterBatch) {
  const auto text = read_file(kSource);
  ASSERT_TRUE(text) << text.error().message;
  Compilation c({.verify = true});
  ASSERT_TRUE(c.load("net2_functions.dl", *text));
  const FuncId f = c.find("objective_grad");
  ASSERT_TRUE(c.ready(f));
  // X W1ᵀ and a W2 forward; δ1ᵀ X and δ2ᵀ a back. Each runs over examples or features as a whole.
  int n_products = 0, n_matrix_products = 0;
  for (const ValueId v : c.module[f].body().body) {
    const Inst& in = c.module[f][v];
    EXPECT_NE(in.op, "map"_op);
    if (in.op != "matmul"_op) continue;
    ++n_products;
    const MatmulRanks r = matmul_ranks(c.module, in.attr);
    EXPECT_EQ(r.batch, 0);
    n_matrix_products += r.m == 1 && r.n == 1;
  }
  EXPECT_EQ(n_products, 4);
  EXPECT_EQ(n_matrix_products, 2);
}

}  // namespace
}  // namespace dlc
