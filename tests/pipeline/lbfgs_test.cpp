// Training by L-BFGS: where it ends, from which precision on it cannot go further, and that it goes on where it stopped.
#include <cmath>

#include "tests/pipeline/training_run.h"

namespace dlc {
namespace {

/// The textbook loss, which must not keep it from the optimum.
std::string logistic(const std::string& real, const std::string& more = "") {
  std::string text =
      "model Net[D] {\n  param w: T[D] = 0\n  param b: T = 0\n"
      "  fn predict(x: T[D]) -> T = sigmoid(dot(w, x) + b)\n"
      "  loss(x: T[D], y: T) {\n    let h = predict(x)\n    let cw = if y > 0.5 { 2.7 } else { 1 }\n    return -cw * (y * log(h) + (1 - y) * log(1 - h))\n  }\n}\n"
      "train Net[D = 30] {\n  data csv(\"wdbc.csv\") { x = columns(0..30)  y = column(\"diagnosis\", M = 1, B = 0) }\n"
      "  normalize x = zscore\n  objective mean(loss) + 1e-3 * l2(w)\n  optimizer lbfgs()\n  epochs 200\n  metrics accuracy\n" + more + "}\n";
  for (size_t at = 0; (at = text.find(": T", at)) != std::string::npos;) text.replace(at, 3, ": " + real);
  for (size_t at = 0; (at = text.find("-> T", at)) != std::string::npos;) text.replace(at, 4, "-> " + real);
  return text;
}

TEST(LbfgsTraining, EndsAtTheOptimum) {
  for (const char* real : {"f32", "f64"}) {
    TestRun run(logistic(real));
    run.all();
    EXPECT_LT(run.training->updates(), 120);
    EXPECT_FALSE(run.training->ending().empty());
    // Strongly convex, so the gradient bounds the distance: at 0 gradient, and the same minimum in both precisions.
    double largest = 0;
    for (int64_t k = 0; k < run.training->program().part_length(); ++k) largest = std::max(largest, std::abs(run.value(1, k)));
    EXPECT_LT(largest, std::string(real) == "f64" ? 1e-7 : 1e-5);
    EXPECT_NEAR(*run.training->loss(0), 0.0914109, 1e-5);
    EXPECT_GT((*run.training->metrics(0))[0], 0.97);
    // A run from there ends at once, and moves nothing.
    const std::string path = own_path("lbfgs_end.safetensors");
    ASSERT_TRUE(run.training->save(path));
    TestRun again(logistic(real));
    ASSERT_TRUE(again.training->resume(path));
    again.updates(1);
    EXPECT_TRUE(again.training->is_done());
    for (int64_t k = 0; k < run.training->program().part_length(); ++k) EXPECT_EQ(again.value(0, k), run.value(0, k));
  }
}

TEST(LbfgsTraining, GoesOnWhereItStopped) {
  const std::string path = own_path("lbfgs_resume.safetensors");
  for (const char* real : {"f32", "f64"}) {
    const auto few = [](TrainSpec& s) { s.epochs = 25; };
    TestRun whole(logistic(real), few);
    whole.all();
    for (int64_t stop : {0, 1, 9, 17}) {
      TestRun first(logistic(real), few);
      first.updates(stop);
      ASSERT_TRUE(first.training->save(path));
      TestRun second(logistic(real), few);
      const auto resumed = second.training->resume(path);
      ASSERT_TRUE(resumed) << resumed.error().message;
      second.all();
      EXPECT_EQ(second.state(), whole.state()) << real << " after " << stop;
    }
  }
}

TEST(LbfgsTraining, DropsOutTheSameWithinAStep) {
  // The line search compares values of one function: a step's key does not change within it.
  std::string text = logistic("f64");
  text.replace(text.find("dot(w, x) + b)"), 14, "dot(w, dropout(x, rate = 0.2)) + b)");
  TestRun a(text, [](TrainSpec& s) { s.epochs = 10; }), b(text, [](TrainSpec& s) { s.epochs = 10; });
  a.all(), b.all();
  EXPECT_EQ(a.state(), b.state());
  EXPECT_EQ(a.training->updates(), 10);
}

TEST(LbfgsTraining, RefusesABatch) {
  Compilation c{{}};
  ASSERT_TRUE(c.load("net.dl", logistic("f64")));
  TrainSpec spec = c.models.trains[0];
  spec.batch = 32;
  const auto opened = Training::open(c, spec, kData, {});
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("all rows"), std::string::npos);
}

}  // namespace
}  // namespace dlc
