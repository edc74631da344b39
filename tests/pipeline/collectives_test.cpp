// What connects a model to its batch and to the run: `batch_mean` and `batch_sum` with their derivative, states and their
// updates, batch normalisation made of them.
#include <cmath>
#include <filesystem>
#include <fstream>

#include "pipeline/prediction.h"
#include "tests/pipeline/checked.h"
#include "tests/pipeline/training_run.h"

namespace dlc {
namespace {

const std::string kBatchNorm =
    "model Net[D, H] {\n"
    "  param W: f32[H, D] ~ he_normal()\n  param gain: f32[H] = 1\n  param bias: f32[H] = 0\n  param w: f32[H] ~ glorot_uniform()\n"
    "  state μ: f32[H] = 0\n  state v: f32[H] = 1\n  state steps: f32 = 0\n"
    "  fn norm(x: f32[H]) -> f32[H] {\n"
    "    let (m, s) = if training {\n      let m = batch_mean(x)\n      (m, batch_mean((x - m)^2))\n    } else { (μ, v) }\n"
    "    update μ = 0.9 * μ + 0.1 * m\n    update v = 0.9 * v + 0.1 * s\n    update steps = steps + 1\n"
    "    return gain * (x - m) * rsqrt(s + 1e-5) + bias\n  }\n"
    "  fn predict(x: f32[D]) -> f32 = sigmoid(dot(w, relu(norm(dropout(W @ x, rate = 0.1)))))\n"
    "  loss(x: f32[D], y: f32) {\n    let h = clamp(predict(x), 1e-6, 1 - 1e-6)\n    return -(y * log(h) + (1 - y) * log(1 - h))\n  }\n}\n"
    "train Net[D = 30, H = 8] {\n"
    "  data csv(\"wdbc.csv\") { x = columns(0..30)  y = column(\"diagnosis\", M = 1, B = 0) }\n"
    "  normalize x = zscore\n  split train = 0.8 valid = 0.2 stratify = y\n"
    "  objective mean(loss) + 1e-4 * l2(W)  optimizer adam(lr = 1e-2)\n  batch 32  epochs 8  seed 3  metrics accuracy\n}\n";

double state_value(const TestRun& run, size_t state, int64_t at = 0) {
  const TrainProgram& p = run.training->program();
  return run.value(0, p.states_at() + p.states()[state].offset + at);
}

TEST(BatchNorm, TrainsAndPredictsFromItsStates) {
  TestRun run(kBatchNorm);
  run.all();
  ASSERT_TRUE(run.training->is_done());
  EXPECT_EQ(state_value(run, 2), 8 * 15);  // one a step, exactly
  EXPECT_GT((*run.training->metrics(1))[0], 0.95);
  // The normalised layer sees the inputs' mean 0, so the running mean is near 0 and the variance is not where it began.
  for (int64_t k = 0; k < 8; ++k) {
    EXPECT_LT(std::abs(state_value(run, 0, k)), 0.8);
    EXPECT_NE(state_value(run, 1, k), 1);
  }
  // predict reads them from the file: the same numbers as the metrics saw.
  const std::string path = own_path("batch_norm.safetensors");
  ASSERT_TRUE(run.training->save(path));
  Compilation c{{}};
  ASSERT_TRUE(c.load("net.dl", kBatchNorm));
  const auto predicted = predict(c, c.models.trains[0], path, {kData + "/wdbc.csv"}, {});
  ASSERT_TRUE(predicted) << predicted.error().message;
  TestRun other(kBatchNorm);  // untrained states would give others
  ASSERT_TRUE(other.training->resume(path));
  EXPECT_EQ(*other.training->metrics(1), *run.training->metrics(1));
  EXPECT_EQ(predicted->values.size(), 569u);
}

TEST(BatchNorm, IsTheSameTwiceAndGoesOnWhereItStopped) {
  const std::string path = own_path("batch_norm_resume.safetensors");
  TestRun whole(kBatchNorm), again(kBatchNorm);
  whole.all(), again.all();
  EXPECT_EQ(whole.state(), again.state());
  for (int64_t stop : {0, 1, 15, 40}) {
    TestRun first(kBatchNorm);
    first.updates(stop);
    ASSERT_TRUE(first.training->save(path));
    TestRun second(kBatchNorm);
    ASSERT_TRUE(second.training->resume(path));
    second.all();
    EXPECT_EQ(second.state(), whole.state()) << stop;
  }
}

// Whoever calls it: a function outside of the model that is given one of the model's, one that gives it on.
TEST(BatchNorm, OfFunctionsThatAreGiven) {
  const auto text = [](const std::string& predict) {
    return "fn once(f: fn(f64) -> f64, x: f64) -> f64 = f(x) * 2\nfn on(f: fn(f64) -> f64, x: f64) -> f64 = once(fn(z) = f(z), x)\n"
           "model Net {\n  param w: f64[30] = 0.05\n  fn bm(x: f64) -> f64 = x * x - batch_mean(x)\n"
           "  fn predict(x: f64[30]) -> f64 {\n    let z = dot(w, x)\n    return " + predict + "\n  }\n  loss(x: f64[30], y: f64) = (predict(x) - y)^2\n}\n"
           "train Net {\n  data csv(\"wdbc.csv\") { x = columns(0..30)  y = column(\"diagnosis\", M = 1, B = 0) }\n  normalize x = zscore\n"
           "  objective mean(loss)  optimizer adam(lr = 1e-2)\n  batch 64  epochs 2  seed 3\n}\n";
  };
  TestRun plain(text("bm(z) * 2"));
  plain.all();
  for (const char* given : {"once(bm, z)", "on(bm, z)", "once(fn(t) = bm(t), z)"}) {
    TestRun run(text(given));
    run.all();
    for (int64_t k = 0; k < 30; ++k) EXPECT_NEAR(run.value(0, k), plain.value(0, k), 1e-12) << given;
  }
}

TEST(BatchNorm, SeesMicroBatches) {
  // 456 rows: windows of 128 in four micro-batches, the last of 72 in three. Another training than batch 128.
  TestRun large(kBatchNorm, [](TrainSpec& s) { s.batch = 128; });
  TestRun small(kBatchNorm, [](TrainSpec& s) { s.accumulate = 4; });
  large.all(), small.all();
  EXPECT_NE(large.state(), small.state());
  EXPECT_EQ(state_value(small, 2), 8 * 4);
  EXPECT_GT((*small.training->metrics(1))[0], 0.9);
}

/// A table x = 1, 2, 4, 8, 16 and a run of `model` on it with plain gradient descent, lr = 1.
struct Five {
  std::string folder = own_path("five");
  Five() {
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/x.csv") << "x\n1\n2\n4\n8\n16\n";
  }
  std::string with(const std::string& items) const {
    return "model M {\n" + items + "}\ntrain M { data csv(\"x.csv\") { x = column(\"x\") }  objective mean(loss)  optimizer sgd(lr = 1)  batch all  epochs 9 }\n";
  }
};

/// The gradient by w at w = 1/64 of the objective with this loss, the batch being all five examples.
double gradient_of(const std::string& loss, int64_t batch = 0) {
  const Five five;
  TestRun run(five.with("  param w: f64 = 0.015625\n  loss(x: f64)" + loss + "\n"), [&](TrainSpec& s) { s.batch = batch; }, five.folder);
  run.updates(1);
  return 0.015625 - run.value(0, 0);
}

TEST(Collectives, AreDifferentiatedAsTheWholeBatchsObjective) {
  const double w = 0.015625, m = 31.0 / 5, n = 5, squares = 341.0 / 5;
  // Σ/n of w x · mean(w x) = w² m²; an adjoint that forgot the other examples would give half of it.
  EXPECT_NEAR(gradient_of(" = w * x * batch_mean(w * x)"), 2 * w * m * m, 1e-14);
  EXPECT_NEAR(gradient_of(" = w * x * batch_sum(w)"), 2 * n * w * m, 1e-14);
  EXPECT_NEAR(gradient_of(" = (w * x)^2 - batch_mean(w * x)^2"), 2 * w * (squares - m * m), 1e-14);
  EXPECT_NEAR(gradient_of(" = batch_mean(batch_sum(sin(w * x)))"),
              1 * std::cos(w) + 2 * std::cos(2 * w) + 4 * std::cos(4 * w) + 8 * std::cos(8 * w) + 16 * std::cos(16 * w), 1e-13);
  // Through a tuple, and in an index's body.
  EXPECT_NEAR(gradient_of(" { let (a, b) = batch_mean((w * x, x))\n return a * b }"), m * m, 1e-13);
  EXPECT_NEAR(gradient_of(" { let y[i in 0..3] = batch_sum(w * x) * i\n return sum(y) }"), 3 * n * m, 1e-12);
}

TEST(Collectives, MayStandUnderSizes) {
  const double w = 0.015625, m = 31.0 / 5;
  EXPECT_NEAR(gradient_of(" = w * x * some([x])\n  fn some[n](v: f64[n]) -> f64 = if n > 1 { 0 } else { batch_mean(w * v[0]) }"), 2 * w * m * m, 1e-13);
}

// The derivative of one example's loss, outside of the model; in the model that would not be the one of the batch's objective.
TEST(Collectives, HaveADerivativeOutsideOfTheModel) {
  const std::string model = "model M[D] {\n  param w: f64[D] = 0.5\n  loss(x: f64[D], y: f64) -> f64 = (dot(w, x) - y)^2 * batch_mean(y)\n";
  const auto c = loaded(model + "}\nexport g = grad(M[2].loss, wrt = params)\nfn h(w: f64[2]) = sum(grad(M[2].loss, wrt = x)((w = w), [1, 1], 2))\n");
  EXPECT_EQ(numbers_of(*c, "g", R"(params={"w":[1,2]},x=[1,1],y=2)"), (std::vector<double>{4, 4}));
  EXPECT_EQ(numbers_of(*c, "h", "w=[1,2]"), (std::vector<double>{12}));
  Compilation inside({});
  EXPECT_FALSE(inside.load("m.dl", model + "  fn predict(x: f64[D]) -> f64 = h([1, 2])\n}\nfn h(w: f64[2]) -> f64 = sum(grad(M[2].loss, wrt = x)((w = w), [1, 1], 2))\n"));
  EXPECT_NE(render_all(inside.diagnostics, inside.sources).find("collective-in-derivative"), std::string::npos);
}

TEST(Collectives, OutsideABatchSeeOneExample) {
  const Five five;
  TestRun run(five.with("  param w: f64 = 3\n  fn predict(x: f64) -> f64 = batch_mean(w * x) + batch_sum(x)\n  loss(x: f64) = predict(x)\n"), {}, five.folder);
  const auto& t = run.training;
  EXPECT_NEAR(*t->loss(0), 4 * 31.0 / 5, 1e-13);
}

TEST(States, AreTheMeanOverMicroBatches) {
  const Five five;
  const std::string text = five.with(
      "  param w: f64 = 1\n  state s: f64 = 10\n  state ones: f64[2] = 1\n  state kept: f64 = 7\n"
      "  loss(x: f64) -> f64 {\n    update s = 0.5 * s + batch_mean(x) + w\n    update ones = ones + batch_sum(0 * x)\n    return 0 * w * x\n  }\n");
  TestRun all(text, {}, five.folder);
  all.updates(1);
  EXPECT_EQ(state_value(all, 0), 5 + 31.0 / 5 + 1);
  EXPECT_EQ(state_value(all, 2), 7);
  all.updates(1);
  EXPECT_EQ(state_value(all, 0), 0.5 * (5 + 31.0 / 5 + 1) + 31.0 / 5 + 1);
  // Micro-batches of 2, 2 and 1: each reads the state from before the step, and counts as heavy as it has examples, so
  // the mean of what is linear in the batch's mean is that of the whole window.
  TestRun parts(text, [](TrainSpec& s) { s.batch = 2, s.accumulate = 3; }, five.folder);
  parts.updates(1);
  EXPECT_NEAR(state_value(parts, 0), 5 + 31.0 / 5 + 1, 1e-14);
  EXPECT_EQ(state_value(parts, 1), 1);
  EXPECT_EQ(state_value(parts, 1, 1), 1);
}

}  // namespace
}  // namespace dlc
