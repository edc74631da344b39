// Training runs: the laws that hold to the last bit, the optimizers' formulas, and what gradients vanish at.
#include "tests/pipeline/training_run.h"

#include <cmath>
#include <filesystem>
#include <fstream>

namespace dlc {
namespace {

const std::string kNet =
    "model Net[D, H] {\n"
    "  param W1: f32[H, D] ~ glorot_uniform()\n  param b1: f32[H] = 0\n  param W2: f32[H] ~ glorot_uniform()\n  param b2: f32 = 0\n"
    "  fn predict(x: f32[D]) -> f32 = sigmoid(dot(W2, dropout(sigmoid(W1 @ x + b1), rate = 0.25)) + b2)\n"
    "  loss(x: f32[D], y: f32) -> f32 { let h = predict(x)\n return -(y * log(h) + (1 - y) * log(1 - h)) }\n}\n"
    "train Net[D = 30, H = 8] {\n"
    "  data csv(\"wdbc.csv\") { x = columns(0..30)  y = column(\"diagnosis\", M = 1, B = 0) }\n"
    "  normalize x = zscore\n  split train = 0.8 valid = 0.2 stratify = y\n"
    "  objective mean(loss) + 1e-3 * l2(W1, W2)\n  optimizer adam(lr = 1e-2)\n  batch 32  epochs 3  seed 5\n  metrics accuracy\n}\n";
TEST(Training, IsTheSameTwice) {
  TestRun a(kNet), b(kNet);
  a.all(), b.all();
  EXPECT_EQ(a.state(), b.state());
  TestRun other(kNet, [](TrainSpec& s) { s.seed = 6; });
  other.all();
  EXPECT_NE(a.state(), other.state());
}

TEST(Training, AccumulatedBatchesAreTheLargeBatch) {
  // 456 rows: the last window has 72 of them, two micro-batches of 32 and one of 8. Dropout and L2 are on.
  TestRun large(kNet, [](TrainSpec& s) { s.batch = 128; });
  TestRun small(kNet, [](TrainSpec& s) { s.batch = 32, s.accumulate = 4; });
  large.all(), small.all();
  EXPECT_EQ(large.training->updates(), 12);
  EXPECT_EQ(large.state(), small.state());
}

TEST(Training, MetricsCompareWithTheTargetOfTheFirstLoss) {
  std::string text = kNet;
  text.replace(text.find("}\ntrain"), 1, "  loss small(x: f32[D], size: f32) -> f32 = size * predict(x)^2\n}");
  text.replace(text.find("B = 0) }"), 8, "B = 0)  size = column(3) }");
  text.replace(text.find("mean(loss)"), 10, "mean(loss) + 1e-9 * mean(small)");
  TestRun run(text);
  run.all();
  auto metrics = run.training->metrics(1);
  ASSERT_TRUE(metrics);
  EXPECT_GT((*metrics)[0], 0.9);
}

TEST(Training, GoesOnWhereItStopped) {
  const std::string path = own_path("resume.safetensors");
  TestRun whole(kNet);
  whole.all();
  for (int64_t stop : {0, 1, 14, 15, 16, 29, 44, 45}) {
    TestRun first(kNet);
    first.updates(stop);
    ASSERT_TRUE(first.training->save(path));
    TestRun second(kNet);
    const auto resumed = second.training->resume(path);
    ASSERT_TRUE(resumed) << resumed.error().message;
    second.all();
    EXPECT_EQ(second.state(), whole.state()) << stop;
  }
  TestRun other(kNet, [](TrainSpec& s) { s.seed = 6; });
  EXPECT_FALSE(other.training->resume(path));
  EXPECT_FALSE(other.training->resume(kData + "/wdbc.csv"));
}

// 784-128-10 on data of its own making: large enough for blocks to go to threads. 150 rows are a whole wave of blocks of 16 and
// a bit, the last one not full.
std::string digits(const std::string& folder) {
  std::filesystem::create_directories(folder);
  std::ofstream file(folder + "/digits.csv");
  for (int j = 0; j < 784; ++j) file << 'p' << j << ',';
  file << "label\n";
  for (int i = 0; i < 150; ++i) {
    for (int j = 0; j < 784; ++j) file << (i * 31 + j * 17 + i * j) % 97 / 97.0 << ',';
    file << i % 10 << '\n';
  }
  return "model Mlp[D, H, K] {\n  param W1: f32[H, D] ~ he_normal()\n  param b1: f32[H] = 0\n  param W2: f32[K, H] ~ glorot_uniform()\n  param b2: f32[K] = 0\n"
         "  fn predict(x: f32[D]) -> f32[K] = W2 @ dropout(relu(W1 @ x + b1), rate = 0.2) + b2\n"
         "  loss(x: f32[D], y: int) -> f32 = -dot(one_hot(y, K), log_softmax(predict(x)))\n}\n"
         "train Mlp[D = 784, H = 128, K = 10] {\n  data csv(\"digits.csv\") { x = columns(0..784)  y = column(\"label\") }\n"
         "  objective mean(loss) + 1e-4 * l2(W1)  optimizer adam(lr = 1e-3)  batch 140  epochs 3  seed 1\n}\n";
}

TEST(Training, IsTheSameForEveryNumberOfThreads) {
  const std::string folder = own_path("digits"), text = digits(folder);
  TestRun one(text, {}, folder);
  ASSERT_TRUE(one.training->program().is_parallel());
  one.all();
  for (const int n : {2, 3, 8}) {
    TestRun many(text, {}, folder);
    many.training->use_threads(n);
    many.all();
    EXPECT_EQ(many.state(), one.state()) << n;
  }
  TestRun small(text, [](TrainSpec& s) { s.batch = 32, s.accumulate = 4; }, folder), large(text, [](TrainSpec& s) { s.batch = 128; }, folder);
  small.training->use_threads(2);
  small.all(), large.all();
  EXPECT_EQ(small.state(), large.state());
}

// ---- optimizers, against their formulas in double

const std::string kQuadratic =
    "model Q { param w: f64 = 2\n loss(x: f64) = 0.5 * x * w^2 }\n"
    "train Q { data csv(\"q.csv\") { x = column(\"x\") }  objective mean(loss)  optimizer OPT  batch all  epochs 100 }\n";

struct Quadratic {
  std::string folder = own_path("quadratic");
  Quadratic() {
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/q.csv") << "x\n3\n3\n3\n";
  }
  std::string with(const std::string& optimizer) const {
    std::string text = kQuadratic;
    return text.replace(text.find("OPT"), 3, optimizer);
  }
};

/// Three steps of `formula(w, g, t)` on 1.5 w² from 2, where g = 3w.
void expect_formula(const std::string& optimizer, const std::function<double(double, double, int)>& formula) {
  const Quadratic q;
  TestRun run(q.with(optimizer), {}, q.folder);
  double w = 2;
  for (int t = 1; t <= 3; ++t) {
    w = formula(w, 3 * w, t);
    run.updates(1);
    EXPECT_NEAR(run.value(0, 0), w, 1e-14 * std::abs(w)) << optimizer << ", step " << t;
  }
}

TEST(Optimizers, AreTheirFormulas) {
  expect_formula("sgd(lr = 0.1)", [](double w, double g, int) { return w - 0.1 * g; });
  double b = 0;
  expect_formula("sgd(lr = 0.1, momentum = 0.9, weight_decay = 0.01)", [&](double w, double g, int) {
    b = 0.9 * b + g + 0.01 * w;
    return w - 0.1 * b;
  });
  b = 0;
  expect_formula("sgd(lr = 0.1, momentum = 0.9, nesterov = true)", [&](double w, double g, int) {
    b = 0.9 * b + g;
    return w - 0.1 * (g + 0.9 * b);
  });
  double m = 0, v = 0;
  expect_formula("adam(lr = 0.01)", [&](double w, double g, int t) {
    m = 0.9 * m + 0.1 * g, v = 0.999 * v + 0.001 * g * g;
    return w - 0.01 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
  });
  m = v = 0;
  expect_formula("adamw(lr = 0.01, weight_decay = 0.1)", [&](double w, double g, int t) {
    m = 0.9 * m + 0.1 * g, v = 0.999 * v + 0.001 * g * g;
    return (1 - 0.001) * w - 0.01 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
  });
  v = 0;
  expect_formula("rmsprop(lr = 0.01, rho = 0.9)", [&](double w, double g, int) {
    v = 0.9 * v + 0.1 * g * g;
    return w - 0.01 * g / (std::sqrt(v) + 1e-8);
  });
}

TEST(Optimizers, TakeTheStepsOfPyTorch) {
  // Both sides compute in f64 and differ by their roundings, of weights up to 2. The problem is that of torch_optimizers.py.
  const std::string folder = own_path("torch");
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/line.csv") << "a,b,c,y\n1,2,-1,0.5\n0.25,-1,3,2\n-2,0.5,0.75,-1\n1.5,1,1,3\n";
  std::ifstream golden("torch_optimizers.txt");
  int optimizers = 0;
  std::string line;
  ASSERT_TRUE(std::getline(golden, line)) << "no torch_optimizers.txt";
  while (std::getline(golden, line)) {
    TestRun run("model Line { param w: f64[3] = [1, -2, 0.5]\n loss(x: f64[3], y: f64) = 0.5 * (dot(w, x) - y)^2 }\n"
                "train Line { data csv(\"line.csv\") { x = columns(0..3)  y = column(\"y\") }  objective mean(loss)  optimizer " + line +
                "  batch all  epochs 3 }\n", {}, folder);
    ASSERT_TRUE(run.training);
    ++optimizers;
    for (int t = 1; t <= 3; ++t) {
      run.updates(1);
      for (int64_t k = 0; k < 3; ++k) {
        double want = 0;
        ASSERT_TRUE(golden >> want);
        EXPECT_NEAR(run.value(0, k), want, 4e-15) << line << ", step " << t << ", weight " << k;
      }
    }
    golden.ignore();
  }
  EXPECT_EQ(optimizers, 18);
}

TEST(Optimizers, DescendAQuadraticAtTheRateOfTheory) {
  // w ← (1 - lr λ) w with λ = 3.
  const Quadratic q;
  TestRun run(q.with("sgd(lr = 0.2)"), {}, q.folder);
  run.updates(20);
  EXPECT_NEAR(run.value(0, 0), 2 * std::pow(1 - 0.6, 20), 1e-20);
}

TEST(Training, FindsTheOptimumOfLogisticRegression) {
  // At the optimum the gradient of the objective is zero, whatever the path to it.
  const std::string text =
      "model Line[D] { param w: f64[D] = 0\n param b: f64 = 0\n"
      "  fn predict(x: f64[D]) -> f64 = sigmoid(dot(w, x) + b)\n"
      "  loss(x: f64[D], y: f64) -> f64 = softplus(dot(w, x) + b) - y * (dot(w, x) + b) }\n"
      "train Line[D = 30] { data csv(\"wdbc.csv\") { x = columns(0..30)  y = column(\"diagnosis\", M = 1, B = 0) }\n"
      "  normalize x = zscore  objective mean(loss) + 0.01 * l2(w)  optimizer sgd(lr = 0.2, momentum = 0.9)\n"
      "  batch all  epochs 3000  metrics accuracy, auc }\n";
  TestRun run(text);
  for (int k = 0; k < 3000; ++k) {
    ASSERT_TRUE(run.training->step());
    if (k < 2999) { ASSERT_TRUE(run.training->finish_epoch()); }
  }
  // The momentum buffer tends to gradient / (1 - momentum).
  double largest = 0;
  for (int64_t k = 0; k < run.training->program().part_length(); ++k) largest = std::max(largest, std::abs(run.value(1, k)));
  EXPECT_LT(largest, 1e-9);
  const auto metrics = run.training->metrics(0);
  ASSERT_TRUE(metrics);
  EXPECT_GT((*metrics)[0], 0.98);
}

}  // namespace
}  // namespace dlc
