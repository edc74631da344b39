// Random numbers: what they are (Philox, by definition), how they are distributed, that places do not share them, and that
// every engine and every cut of a window draws the same.
#include <bit>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "interp/interp.h"
#include "pipeline/native.h"
#include "runtime/random/philox.h"
#include "tests/pipeline/loaded.h"
#include "tests/pipeline/training_run.h"

namespace dlc {
namespace {

using Value = InterpValue<double>;

Value native(Compilation& c, const std::string& name, const std::string& args) {
  const FuncId f = function(c, name);
  const auto code = Native::compile(c, f, {});
  EXPECT_TRUE(code);
  auto y = code->call(arguments(c, f, args));
  EXPECT_TRUE(y) << y.error().message;
  return *y;
}

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0, least = HUGE_VAL, most = -HUGE_VAL;
};
Moments moments(const std::vector<double>& x) {
  Moments m;
  const auto n = static_cast<double>(x.size());
  for (double v : x) m.mean += v / n, m.least = std::min(m.least, v), m.most = std::max(m.most, v);
  for (double v : x) m.variance += std::pow(v - m.mean, 2) / n;
  for (double v : x) {
    const double z = (v - m.mean) / std::sqrt(m.variance);
    m.skewness += std::pow(z, 3) / n, m.kurtosis += std::pow(z, 4) / n;
  }
  return m;
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
  const Moments a = moments(x), b = moments(y);
  double sum = 0;
  for (size_t k = 0; k < x.size(); ++k) sum += (x[k] - a.mean) * (y[k] - b.mean);
  return sum / static_cast<double>(x.size()) / std::sqrt(a.variance * b.variance);
}

TEST(Random, IsPhiloxByDefinition) {
  const auto c = loaded("fn f(k: key) = uniform(k, [3, 2])\nfn g(k: key) = uniform(split(k, 4)[2])\nfn h(k: key) = normal(k, [2])\n"
                        "fn d(k: key) = dropout(ones(64), rate = 0.25, key = k)\n");
  const auto unit = [](uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; };
  const Value f = native(*c, "f", "k=-5"), g = native(*c, "g", "k=9"), h = native(*c, "h", "k=1"), d = native(*c, "d", "k=2");
  for (uint64_t k = 0; k < 6; ++k) EXPECT_EQ(f.floats[k], unit(runtime::philox64(static_cast<uint64_t>(-5), k)));
  EXPECT_EQ(g.floats[0], unit(runtime::philox64(runtime::fold(9, 2), 0)));
  for (uint64_t k = 0; k < 2; ++k) {
    const double u = unit(runtime::philox64(1, 2 * k)) + 0x1p-53, v = unit(runtime::philox64(1, 2 * k + 1));
    EXPECT_NEAR(h.floats[k], std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v), 1e-14);
  }
  for (uint64_t k = 0; k < 64; ++k) EXPECT_EQ(d.floats[k] != 0, runtime::philox64(2, k) >> 32 >= 0x40000000);
}

TEST(Random, HasTheMomentsOfItsDistributions) {
  // Bounds are five standard errors at n = 10^5; of a wrong variance, say, they are hundreds.
  for (const DType real : {DType::f64, DType::f32}) {
    const auto c = loaded("fn u(k: key) -> real[100000] = uniform(k, [100000])\nfn n(k: key) -> real[100000] = normal(k, [100000])\n"
                          "fn b(k: key) = bernoulli(k, 0.3, [100000])\n", real);
    for (const char* key : {"k=0", "k=1", "k=123456789"}) {
      const Moments u = moments(native(*c, "u", key).floats);
      EXPECT_NEAR(u.mean, 0.5, 5 * std::sqrt(1 / 12e5));
      EXPECT_NEAR(u.variance, 1.0 / 12, 5 * std::sqrt(1 / 180e5));
      EXPECT_NEAR(u.kurtosis, 1.8, 0.03);
      EXPECT_TRUE(u.least >= 0 && u.least < 2e-4 && u.most > 1 - 2e-4 && u.most < 1);
      const Moments n = moments(native(*c, "n", key).floats);
      EXPECT_NEAR(n.mean, 0, 5 * std::sqrt(1e-5));
      EXPECT_NEAR(n.variance, 1, 5 * std::sqrt(2e-5));
      EXPECT_NEAR(n.skewness, 0, 5 * std::sqrt(6e-5));
      EXPECT_NEAR(n.kurtosis, 3, 5 * std::sqrt(24e-5));
      const Value b = native(*c, "b", key);
      EXPECT_NEAR(moments({b.ints.begin(), b.ints.end()}).mean, 0.3, 5 * std::sqrt(0.21e-5));
    }
  }
}

TEST(Random, DiffersFromPlaceToPlace) {
  const auto c = loaded(
      "fn children(k: key) -> real[40, 500] {\n  let ks = split(k, 40)\n  let x[i] = normal(ks[i], [500])\n  return x\n}\n"
      "model M {\n  param w: real\n  fn inner(x: real) = normal(key, [500]) * x\n"
      "  fn draws(x: real) = stack(normal(key, [500]), normal(key, [500]), inner(x), inner(x), uniform(key, [500]))\n"
      "  fn mapped(x: real) -> real[40, 500] {\n    let z[i in 0..40] = normal(key, [500])\n    return z\n  }\n"
      "  fn called(x: real) -> real[40, 500] {\n    let z[i in 0..40] = inner(x + 0 * i)\n    return z\n  }\n"
      "  fn stepped(x: real) -> real[40, 500] {\n    var z = zeros(40, 500)\n    var i = 0\n    while i < 40 {\n      z[i] = if i % 2 == 0 { normal(key, [500]) } else { inner(x) }\n      i += 1\n    }\n    return z\n  }\n"
      "  fn nested(x: real, n: int) -> real[40, 500] {\n    var z = zeros(40, 500)\n    for a in 0..n {\n      for b in 0..5 { z[5 * a + b] = normal(key, [500]) }\n    }\n    return z\n  }\n"
      "  fn left(x: real, n: int) -> real[40, 500] {\n    var z = zeros(40, 500)\n    for a in 0..n step 2 {\n      var b = 0\n      while true {\n        z[5 * div(a, 2) + b] = inner(x)\n"
      "        b += 1\n        if b == 5 { break }\n      }\n      if a > 100 { break }\n    }\n    return z\n  }\n}\n"
      "fn folded(k: key, n: int) -> real[40, 500] {\n  var z = zeros(40, 500)\n  for i in 0..n { z[i] = normal(fold(k, i), [500]) }\n  return z\n}\n"
      "fn carried(k: key) -> real[40, 500] {\n  var z = zeros(40, 500)\n  var (rest, i) = (k, 0)\n  while i < 40 {\n    let ks = split(rest, 2)\n    z[i] = normal(ks[0], [500])\n    rest = ks[1]\n"
      "    i += 1\n  }\n  return z\n}\n");
  const std::pair<const char*, const char*> functions[] = {
      {"children", "k=3"}, {"M.draws", "params=[1],key=3,x=1"}, {"M.mapped", "params=[1],key=3,x=1"}, {"M.called", "params=[1],key=3,x=1"},
      {"M.stepped", "params=[1],key=3,x=1"}, {"M.nested", "params=[1],key=3,x=1,n=8"}, {"M.left", "params=[1],key=3,x=1,n=16"}, {"folded", "k=3,n=40"}, {"carried", "k=3"}};
  for (const auto& [name, args] : functions) {
    const Value all = native(*c, name, args);
    const size_t n = all.floats.size() / 500;
    std::vector<std::vector<double>> rows;
    for (size_t k = 0; k < n; ++k) rows.emplace_back(all.floats.begin() + static_cast<ptrdiff_t>(500 * k), all.floats.begin() + static_cast<ptrdiff_t>(500 * (k + 1)));
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < i; ++j) EXPECT_LT(std::abs(correlation(rows[i], rows[j])), 0.25) << name << " " << i << " " << j;
    EXPECT_GT(std::set<double>(all.floats.begin(), all.floats.end()).size(), all.floats.size() - 2);
  }
}

TEST(Random, IsTheSameInEveryEngine) {
  for (const DType real : {DType::f64, DType::f32}) {
    const auto c = loaded(
        "fn f[n](k: key, x: real[n]) -> real {\n  let ks = split(k, 3)\n"
        "  return sum(normal(ks[0], [n]) * x) + sum(dropout(x, rate = 0.3, key = ks[1])) + sum(bernoulli(ks[2], 0.4, [n]) * uniform(k, [n]))\n}\n"
        "fn g[n](k: key, x: real[n]) -> real[n] = grad(f, wrt = x)(k, x)\nfn h(k: key) = split(split(k, 3)[1], 5)\n"
        "fn same(k: key, n: int) -> bool = int(1e15 * uniform(fold(k, 3))) == int(1e15 * uniform(split(k, 5)[3])) and int(1e15 * uniform(fold(k, n))) == int(1e15 * uniform(split(k, 9)[n]))\n"
        "fn w[n](k: key, x: real[n], m: int) -> real {\n  var s = x[0]\n  var i = 0\n  while i < m and s < 50 {\n    s += s * x[i % 3] * uniform(fold(k, i))\n    i += 1\n  }\n  return s + sum[j in 0..m](x[0] * normal(fold(k, j)))\n}\n"
        "fn gw[n](k: key, x: real[n], m: int) -> real[n] = grad(w, wrt = x)(k, x, m)\n", real);
    const std::pair<const char*, const char*> functions[] = {{"f", "k=7,x=[1,2,3,4,5,6,7,8,9]"}, {"g", "k=7,x=[1,2,3,4,5,6,7,8,9]"}, {"h", "k=7"}, {"same", "k=7,n=6"}, {"w", "k=7,x=[1,2,3],m=5"}, {"gw", "k=7,x=[1,2,3],m=5"}};
    for (const auto& [name, list] : functions) {
      const FuncId f = function(*c, name);
      const auto args = arguments(*c, f, list);
      const auto slow = interpret<double>(c->module, f, args);
      ASSERT_TRUE(slow) << slow.error().message;
      if (std::string_view(name) == "same") {
        EXPECT_EQ(slow->ints[0], 1);
      }
      for (const int level : {0, 2, 3}) {
        const auto code = Native::compile(*c, f, {.opt_level = level});
        ASSERT_TRUE(code) << code.error().message;
        const auto fast = code->call(args);
        ASSERT_TRUE(fast);
        EXPECT_EQ(slow->ints, fast->ints);
        ASSERT_EQ(slow->floats.size(), fast->floats.size());
        for (size_t k = 0; k < slow->floats.size(); ++k) EXPECT_EQ(std::bit_cast<uint64_t>(slow->floats[k]), std::bit_cast<uint64_t>(fast->floats[k])) << name;
      }
    }
  }
}

TEST(Random, PredictionsDrawForEachRow) {
  const std::string folder = own_path("rows");
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/x.csv") << "x\n1\n1\n1\n1\n";
  TestRun run("model M {\n  param w: f64 = 2\n  fn predict(x: f64) -> f64 = w * x + normal(key)\n  loss(x: f64) -> f64 = predict(x)^2\n}\n"
              "train M { data csv(\"x.csv\") { x = column(\"x\") }  objective mean(loss)  optimizer sgd  epochs 1 }\n", {}, folder);
  const double x[4] = {1, 1, 1, 1};
  const auto y = run.training->program().predict({x}, 4, run.training->state());
  ASSERT_TRUE(y);
  EXPECT_EQ(std::set<double>(y->begin(), y->end()).size(), 4u);
}

// A variational autoencoder in small: z = μ + σ ε with ε from the example's key (Kingma & Welling 2014).
const std::string kAutoencoder =
    "model Vae[D, Z] {\n  param E: f32[Z, D] ~ glorot_uniform()\n  param S: f32[Z, D] ~ glorot_uniform()\n"
    "  param W: f32[D, Z] ~ glorot_uniform()\n  param b: f32[D] = 0\n"
    "  fn sampled(x: f32[D]) -> f32[D] {\n    let z = E @ x + exp(0.5 * (S @ x)) * normal(key, [Z])\n    return W @ z + b\n  }\n"
    "  loss(x: f32[D]) -> f32 {\n    let m = E @ x\n    let s = S @ x\n"
    "    return 0.5 * sum((sampled(x) - x)^2) + 0.05 * sum(exp(s) + m^2 - 1 - s)\n  }\n}\n"
    "train Vae[D = 30, Z = 4] {\n  data csv(\"wdbc.csv\") { x = columns(0..30) }\n  normalize x = zscore\n  split train = 0.8 valid = 0.2\n"
    "  objective mean(loss) + 1e-4 * l2(W)  optimizer adam(lr = 3e-3)\n  batch 128  epochs 20  seed 2\n}\n";

TEST(Random, AnAutoencoderTrains) {
  TestRun large(kAutoencoder), small(kAutoencoder, [](TrainSpec& s) { s.batch = 32, s.accumulate = 4; });
  const double before = *large.training->loss(1);
  large.all(), small.all();
  EXPECT_EQ(large.state(), small.state());  // whichever way the window is cut, an example has its own key
  EXPECT_LT(*large.training->loss(1), 0.6 * before);
  TestRun other(kAutoencoder, [](TrainSpec& s) { s.seed = 3; });
  other.all();
  EXPECT_NE(large.state(), other.state());
}

}  // namespace
}  // namespace dlc
