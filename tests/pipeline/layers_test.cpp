// Models that hold models: layers, arrays of them, shared ones, what is read of them and derived by them, and their states.
// The oracle is the same model written without layers, which must give the same bits.
#include <filesystem>
#include <fstream>

#include "cases.h"
#include "checked.h"
#include "tests/pipeline/training_run.h"

namespace dlc {
namespace {

const std::string kDense =
    "model Dense[n, m] {\n"
    "  param W: float[m, n] ~ glorot_uniform()\n  param b: float[m] = 0.25\n"
    "  fn apply(x: float[n]) -> float[m] = W @ x + b\n  fn back(y: float[m]) -> float[n] = transpose(W) @ y\n}\n";

/// Three uses: a layer, an array of them in a loop and one by one, a shared one; functions as values.
const std::string kHeld = kDense +
    "model Net[D, H, L] {\n"
    "  layer first = Dense[n = D, m = H]\n  layer mid[L] = Dense[H, H]\n  param w: real[H] ~ normal(0, 1)\n"
    "  fn hidden(x: real[D]) -> real[H] {\n"
    "    var h = tanh(first.apply(x))\n    for l in 0..L { h = tanh(mid[l].apply(h)) }\n    return h\n  }\n"
    "  fn tied(x: real[D]) -> real = sum((first.back(first.apply(x)) - x)^2) + sum(first.W) * sum(mid.b) + sum(mid[L - 1].W)\n"
    "  fn slope(x: real[D]) -> real[H, D] = jacobian(first.apply)(x)\n"
    "  fn each(X: real[5, D]) -> real = sum(map(first.apply, X)) + sum(map(mid[0].back, map(first.apply, X)))\n"
    "  fn own(x: real[D]) -> real = dot(grad(tied)(x), x)\n  fn by(x: real[D]) -> real = sum(grad(value, wrt = first.b)(x)) + sum(grad(value, wrt = mid.b)(x)) + sum(grad(value, wrt = w)(x))\n"
    "  fn value(x: real[D]) -> real = dot(w, hidden(x)) + tied(x)\n"
    "}\n";

const std::string kFlat =
    "fn dense[n, m](W: real[m, n], b: real[m], x: real[n]) -> real[m] = W @ x + b\n"
    "fn f[D, H, L](W: real[H, D], b: real[H], Ws: real[L, H, H], bs: real[L, H], w: real[H], x: real[D]) -> real {\n"
    "  var h = tanh(dense(W, b, x))\n  for l in 0..L { h = tanh(dense(Ws[l], bs[l], h)) }\n"
    "  let r = transpose(W) @ dense(W, b, x) - x\n"
    "  return dot(w, h) + (sum(r^2) + sum(W) * sum(bs) + sum(Ws[L - 1]))\n}\n";

const std::string kW = "[[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]]", kB = "[0.7, -0.8]";
const std::string kArrays = "[[[0.3, 0.2], [-0.1, 0.4]], [[0.5, -0.6], [0.7, 0.8]]]";
const std::string kBiases = "[[0.1, 0.2], [-0.3, 0.4]]";

const std::string kHeldAt = "params={\"first\": {\"W\": " + kW + ", \"b\": " + kB + "}, \"mid\": {\"W\": " + kArrays + ", \"b\": " + kBiases + "}, \"w\": [1.5, -2.5]},x=[0.3, 0.1, -0.7]";
const std::string kFlatAt = "W=" + kW + ",b=" + kB + ",Ws=" + kArrays + ",bs=" + kBiases + ",w=[1.5, -2.5],x=[0.3, 0.1, -0.7]";

TEST(Layers, AreTheModelWrittenOut) {
  for (DType real : {DType::f32, DType::f64}) {
    const auto held = loaded(kHeld, real), flat = loaded(kFlat, real);
    EXPECT_EQ(numbers_of(*held, "Net.value", kHeldAt), numbers_of(*flat, "f", kFlatAt));
  }
}

TEST(Layers, AreDifferentiatedInEveryMode) {
  const auto c = loaded(kHeld);
  for (const char* name : {"Net.hidden", "Net.value", "Net.tied", "Net.slope", "Net.each", "Net.own", "Net.by"}) {
    const auto check = check_function(*c, c->find(name), {.order = 2, .n_samples = 2});
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_FALSE(check->failed()) << name << "\n" << check_text(*check, c->sources);
  }
}

TEST(Layers, GradientsByTheirPaths) {
  const std::string flat_text = "fn one[D, H, L](W: real[H, D], b: real[H], Ws: real[L, H, H], bs: real[L, H], w: real[H], x: real[D]) -> real {\n"
      "  let g = grad(f, wrt = [b, bs, w])(W, b, Ws, bs, w, x)\n  return sum(g.b) + sum(g.bs) + sum(g.w)\n}\n" + kFlat;
  for (DType real : {DType::f32, DType::f64}) {
    const auto held = loaded(kHeld, real), flat = loaded(flat_text, real);
    const double tolerance = real == DType::f32 ? 2e-6 : 1e-14;
    EXPECT_NEAR(numbers_of(*held, "Net.by", kHeldAt)[0], numbers_of(*flat, "one", kFlatAt)[0], tolerance);
  }
}

TEST(Layers, WithoutParametersHaveNoneHidden) {
  const auto c = loaded("model Plain { fn f(params: real, states: real) -> real = params - states }\nmodel Net { layer p = Plain[]\n fn g(x: real) -> real = p.f(x, 2) + p.f(states = 1, params = x) }\n");
  EXPECT_EQ(numbers_of(*c, "Net.g", "x=5"), (std::vector<double>{7}));
}

TEST(Layers, OfLayersOfLayers) {
  const std::string text = kDense +
      "model Pair[n] {\n  layer up = Dense[n, 2 * n]\n  layer down[2] = Dense[2 * n, 2 * n]\n"
      "  fn apply(x: real[n]) -> real[n] = up.back(down[1].apply(down[0].apply(up.apply(x))))\n}\n"
      "model Net[D, L] {\n  layer pairs[L] = Pair[D]\n  layer only = Pair[D]\n"
      "  fn f(x: real[D]) -> real {\n    var h = x\n    for l in 0..L { h = sin(pairs[l].apply(h)) }\n"
      "    let y[l, k] = sum(pairs[l].down[k].apply(ones(2 * D)))\n    let z[l] = grad(fn(t: real[D]) = sum(pairs[l].apply(t)^2))(x)\n"
      "    return sum(y) * sum[k](sum(only.down[k].b)) + sum(z) + sum(only.apply(h)) + sum(only.down[1].apply(only.up.apply(x))) + sum(pairs[0].down.b) + sum(pairs.up.b) + sum(only.down.W) * sum(pairs.down.b)\n  }\n}\n";
  const auto c = loaded(text);
  const auto check = check_function(*c, c->find("Net.f"), {.order = 2, .n_samples = 4});
  ASSERT_TRUE(check) << check.error().message;
  EXPECT_FALSE(check->failed()) << check_text(*check, c->sources);
}

/// Five examples of two numbers, and a run on them.
struct Table {
  std::string folder = own_path("layers");
  Table() {
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/x.csv") << "a,b,y\n1,0.5,1\n-2,0.25,0\n0.5,1,1\n3,-1,0\n0.1,0.2,1\n";
  }
  static std::string with(const std::string& models, const std::string& objective = "mean(loss)") {
    return models + "train Net {\n  data csv(\"x.csv\") { x = columns(0..2)  y = column(\"y\") }\n  objective " + objective +
           "\n  optimizer adam(lr = 0.125)\n  batch 4  epochs 6  seed 5\n}\n";
  }
};

std::vector<double> all_of(const TestRun& run) {
  std::vector<double> out;
  const TrainProgram& p = run.training->program();
  for (const auto& leaf : p.leaves())
    for (int64_t k = 0; k < leaf.count(); ++k) out.push_back(run.value(0, leaf.offset + k));
  for (const auto& leaf : p.states())
    for (int64_t k = 0; k < leaf.count(); ++k) out.push_back(run.value(0, p.states_at() + leaf.offset + k));
  return out;
}

const std::string kNorm =
      "model Norm[C] {\n  param gain: T[C] = 1\n  state mean: T[C] = 0.5\n  state steps: T = 0\n"
         "  fn apply(x: T[C]) -> T[C] {\n    let m = if training { batch_mean(x) } else { mean }\n"
         "    update mean = 0.5 * mean + 0.5 * m\n    update steps = steps + 1\n    return gain * (x - m)\n  }\n}\n";

std::string in_float(std::string text, const std::string& word) {
  for (const std::string before : {": ", "-> ", "fn("})
    for (size_t at = 0; (at = text.find(before + "T", at)) != std::string::npos;) text.replace(at, before.size() + 1, before + word);
  return text;
}

TEST(Layers, StatesOfAnArrayAreThoseOfItsLayers) {
  const Table table;
  const std::string loss = "  loss(x: T[2], y: T) = (sum(g(x)) - y)^2\n}\n";
  const std::string array = kNorm + "model Net {\n  layer n[3] = Norm[2]\n  fn g(x: T[2]) -> T[2] {\n    var h = x\n    for l in 0..3 { h = tanh(n[l].apply(h)) + x }\n    return h\n  }\n" + loss;
  const std::string one_by_one = kNorm + "model Net {\n  layer n[3] = Norm[2]\n  fn g(x: T[2]) -> T[2] {\n    let a = tanh(n[0].apply(x)) + x\n    let b = tanh(n[1].apply(a)) + x\n    return tanh(n[2].apply(b)) + x\n  }\n" + loss;
  const std::string apart = kNorm + "model Net {\n  layer a = Norm[2]\n  layer b = Norm[2]\n  layer c = Norm[2]\n"
      "  fn g(x: T[2]) -> T[2] = tanh(c.apply(tanh(b.apply(tanh(a.apply(x)) + x)) + x)) + x\n" + loss;
  for (const char* word : {"f32", "f64"}) {
    TestRun first(in_float(Table::with(array), word), {}, table.folder), second(in_float(Table::with(one_by_one), word), {}, table.folder),
        third(in_float(Table::with(apart), word), {}, table.folder);
    first.all(), second.all(), third.all();
    EXPECT_EQ(all_of(first), all_of(second)) << word;
    // gains 3 × 2, then means 3 × 2 and steps 3, or each layer's mean and steps
    const std::vector<double> x = all_of(first), y = all_of(third);
    ASSERT_EQ(x.size(), 15u);
    ASSERT_EQ(y.size(), 15u);
    for (size_t l = 0; l < 3; ++l) {
      for (size_t k = 0; k < 2; ++k) {
        EXPECT_EQ(x[2 * l + k], y[2 * l + k]) << word;
        EXPECT_EQ(x[6 + 2 * l + k], y[6 + 3 * l + k]) << word;
      }
      EXPECT_EQ(x[12 + l], 12) << word;  // two batches an epoch
      EXPECT_EQ(y[6 + 3 * l + 2], 12) << word;
    }
  }
}

TEST(Layers, TrainLikeTheModelWrittenOut) {
  const Table table;
  const std::string held = kDense + "model Net {\n  layer a = Dense[2, 3]\n  layer b = Dense[3, 1]\n"
      "  fn predict(x: f32[2]) -> f32 = b.apply(dropout(tanh(a.apply(x)), rate = 0.25))[0]\n  loss(x: f32[2], y: f32) = (predict(x) - y)^2\n}\n";
  const std::string flat = "model Net {\n  param aW: f32[3, 2] ~ glorot_uniform()\n  param ab: f32[3] = 0.25\n  param bW: f32[1, 3] ~ glorot_uniform()\n  param bb: f32[1] = 0.25\n"
      "  fn predict(x: f32[2]) -> f32 = (bW @ dropout(tanh(aW @ x + ab), rate = 0.25) + bb)[0]\n  loss(x: f32[2], y: f32) = (predict(x) - y)^2\n}\n";
  TestRun first(Table::with(held, "mean(loss) + 0.01 * l2(a.W, b.W)"), {}, table.folder), second(Table::with(flat, "mean(loss) + 0.01 * l2(aW, bW)"), {}, table.folder);
  EXPECT_EQ(all_of(first), all_of(second));
  first.all(), second.all();
  EXPECT_EQ(all_of(first), all_of(second));
  EXPECT_EQ(first.training->program().leaves()[2].name, "b.W");
  // Saved under paths, read again.
  const std::string path = own_path("layers.safetensors");
  ASSERT_TRUE(first.training->save(path));
  TestRun again(Table::with(held, "mean(loss) + 0.01 * l2(a.W, b.W)"), {}, table.folder);
  ASSERT_TRUE(again.training->resume(path));
  EXPECT_EQ(all_of(again), all_of(first));
}

TEST(Layers, RecursionOnSizesTrains) {
  const Table table;
  const std::string head = "model Net {\n  param w: f64[2, 2] ~ normal(0, 1)\n", tail = "  loss(x: f64[2], y: f64) = (predict(x) - y)^2 + squares(w[0])\n}\n";
  const std::string recursive = "fn det[n](A: f64[n, n]) -> f64 = if n == 1 { A[0, 0] } else { A[0, 0] * det(A[1..n, 1..n]) - A[0, n - 1] }\n"
      "fn squares[n](x: f64[n]) -> f64 = if n == 1 { x[0]^2 } else { x[0]^2 + squares(x[1..n]) }\n" + head + "  fn predict(x: f64[2]) -> f64 = det(w + outer(x, x))\n" + tail;
  const std::string flat = "fn squares(x: f64[2]) -> f64 = x[0]^2 + x[1]^2\n" + head +
      "  fn predict(x: f64[2]) -> f64 {\n    let A = w + outer(x, x)\n    return A[0, 0] * A[1, 1] - A[0, 1]\n  }\n" + tail;
  TestRun first(Table::with(recursive, "mean(loss) + 0.1 * squares(w[1])"), {}, table.folder), second(Table::with(flat, "mean(loss) + 0.1 * squares(w[1])"), {}, table.folder);
  first.all(), second.all();
  const std::vector<double> x = all_of(first), y = all_of(second);
  ASSERT_EQ(x.size(), 4u);
  for (size_t k = 0; k < x.size(); ++k) EXPECT_NEAR(x[k], y[k], 1e-12);
}

TEST(Layers, BatchNormOfTheLibrary) {
  const std::string text =
      "model Net[D, H] {\n  param W: f32[H, D] ~ he_normal()\n  layer bn = BatchNorm[H]\n  param w: f32[H] ~ glorot_uniform()\n"
      "  fn predict(x: f32[D]) -> f32 = sigmoid(dot(w, relu(bn.apply(W @ x))))\n"
      "  loss(x: f32[D], y: f32) {\n    let h = clamp(predict(x), 1e-6, 1 - 1e-6)\n    return -(y * log(h) + (1 - y) * log(1 - h))\n  }\n}\n"
      "train Net[D = 30, H = 8] {\n  data csv(\"wdbc.csv\") { x = columns(0..30)  y = column(\"diagnosis\", M = 1, B = 0) }\n"
      "  normalize x = zscore\n  split train = 0.8 valid = 0.2 stratify = y\n  objective mean(loss)  optimizer adam(lr = 1e-2)\n  batch 32  epochs 8  seed 3  metrics accuracy\n}\n";
  TestRun run(text);
  run.all();
  EXPECT_GT((*run.training->metrics(1))[0], 0.95);
  EXPECT_EQ(run.training->program().states()[1].name, "bn.variance");
  EXPECT_NE(run.value(0, run.training->program().states_at()), 0);
}

TEST(Layers, DropsOutElsewhereInEachOfAnArray) {
  // With the same weights and inputs, two layers would drop the same elements if they shared a key.
  const Table table;
  const std::string text = "model Drop {\n  param w: f64 = 1\n  state seen: f64[64] = 0\n  fn apply(x: f64[64]) -> f64[64] {\n    let y = dropout(w * x, rate = 0.5)\n    update seen = batch_mean(y)\n    return x\n  }\n}\n"
      "model Net {\n  layer d[2] = Drop[]\n  loss(x: f64[2], y: f64) -> f64 {\n    var h = ones(64)\n    for l in 0..2 { h = d[l].apply(h) }\n    return sum(h) * x[0] * y\n  }\n}\n";
  TestRun run(Table::with(text), [](TrainSpec& s) { s.batch = 1; }, table.folder);
  run.updates(1);
  const std::vector<double> x = all_of(run);
  ASSERT_EQ(x.size(), 2u + 128u);
  int differ = 0;
  for (size_t k = 0; k < 64; ++k) differ += x[2 + k] != x[2 + 64 + k];
  EXPECT_GT(differ, 10);
}

// Functions of models, and of their layers, that take functions: built-in ones, local ones that captured what they are called
// beside, other functions of the model; sizes, keys and states of the model are seen inside.
const std::string kTakes = kNorm +
    "model Dense[n, m] {\n  param W: T[m, n] ~ glorot_uniform()\n  param b: T[m] = 0.25\n  layer norm = Norm[m]\n"
    "  fn with(g: fn(T) -> T, x: T[n]) -> T[m] {\n    let z = norm.apply(W @ x)\n    let y[i] = g(z[i] + m) * b[i]\n    return y\n  }\n}\n"
    "model Net[D, H] {\n  layer fc[2] = Dense[D, D]\n  layer out = Dense[D, H]\n  param w: T[H] = 0.5\n"
    "  fn sum_of[k](f: fn(T[H]) -> T[k], g: fn(T) -> T, x: T[H]) -> T {\n"
    "    fn again(t: T) -> T = g(w[0] * t)\n    let y[i] = again(f(x)[i]) + H\n    return sum(y)\n  }\n"
    "  fn pair(x: T[H]) -> T[2] = [w[0] * x[0], sum(x)]\n"
    "  fn predict(x: T[D]) -> T {\n    let s = x[1]\n    var h = x\n    for l in 0..2 { h = fc[l].with(fn(t: T) = tanh(s * t) + w[1], h) }\n"
    "    let y = out.with(sin, h)\n    return sum_of(pair, cos, y) + sum_of(fn(q: T[H]) = s * q, tanh, y)\n  }\n"
    "  loss(x: T[D], y: T) = (predict(x) - y)^2\n}\n";
const std::string kTakesOut = kNorm +
    "model Net[D, H] {\n  param W0: T[D, D] ~ glorot_uniform()\n  param b0: T[D] = 0.25\n  layer n0 = Norm[D]\n"
    "  param W1: T[D, D] ~ glorot_uniform()\n  param b1: T[D] = 0.25\n  layer n1 = Norm[D]\n"
    "  param W2: T[H, D] ~ glorot_uniform()\n  param b2: T[H] = 0.25\n  layer n2 = Norm[H]\n  param w: T[H] = 0.5\n"
    "  fn predict(x: T[D]) -> T {\n    let s = x[1]\n    let z0 = n0.apply(W0 @ x)\n    let h0[i] = (tanh(s * (z0[i] + D)) + w[1]) * b0[i]\n"
    "    let z1 = n1.apply(W1 @ h0)\n    let h1[i] = (tanh(s * (z1[i] + D)) + w[1]) * b1[i]\n"
    "    let z2 = n2.apply(W2 @ h1)\n    let y[i] = sin(z2[i] + H) * b2[i]\n    let p = [w[0] * y[0], sum(y)]\n"
    "    let a[i] = cos(w[0] * p[i]) + H\n    let c[i] = tanh(w[0] * (s * y)[i]) + H\n    return sum(a) + sum(c)\n  }\n"
    "  loss(x: T[D], y: T) = (predict(x) - y)^2\n}\n";

TEST(Layers, TakeFunctions) {
  for (const char* word : {"f32", "f64"}) {
    const std::string x = "x=[0.3, -0.7]", states = "{\"mean\": [0.1, 0.2], \"steps\": 3}";
    const std::string W0 = "[[0.1, -0.2], [0.4, 0.5]]", W1 = "[[0.7, 0.6], [-0.3, 0.2]]", b = "[1.5, -0.5]", gain = "[1, 2]";
    const auto held = loaded(in_float(kTakes, word)), flat = loaded(in_float(kTakesOut, word));
    const std::string of_held = "params={\"fc\": {\"W\": [" + W0 + ", " + W1 + "], \"b\": [" + b + ", " + b + "], \"norm\": {\"gain\": [" + gain + ", " + gain + "]}}, \"out\": {\"W\": " + W1 +
                                ", \"b\": " + b + ", \"norm\": {\"gain\": " + gain + "}}, \"w\": " + b + "},states={\"fc\": {\"norm\": {\"mean\": [[0.1, 0.2], [0.1, 0.2]], \"steps\": [3, 3]}}, \"out\": {\"norm\": " +
                                states + "}}," + x;
    const std::string of_flat = "params={\"W0\": " + W0 + ", \"b0\": " + b + ", \"n0\": {\"gain\": " + gain + "}, \"W1\": " + W1 + ", \"b1\": " + b + ", \"n1\": {\"gain\": " + gain + "}, \"W2\": " + W1 +
                                ", \"b2\": " + b + ", \"n2\": {\"gain\": " + gain + "}, \"w\": " + b + "},states={\"n0\": " + states + ", \"n1\": " + states + ", \"n2\": " + states + "}," + x;
    EXPECT_EQ(numbers_of(*held, "Net.predict", of_held), numbers_of(*flat, "Net.predict", of_flat)) << word;
    const auto check = check_function(*held, held->find("Net.predict"), {.order = std::string(word) == "f64" ? 2 : 1, .n_samples = 1});
    ASSERT_TRUE(check) << check.error().message;
    EXPECT_FALSE(check->failed()) << check_text(*check, held->sources);
    // Trained, their states too.
    const Table table;
    const auto in_table = [&](std::string text) {
      text = Table::with(in_float(text, word));
      return text.replace(text.find("train Net {"), 11, "train Net[D = 2, H = 2] {");
    };
    TestRun first(in_table(kTakes), {}, table.folder), second(in_table(kTakesOut), {}, table.folder);
    first.all(), second.all();
    std::vector<double> a = all_of(first), c = all_of(second);
    ASSERT_EQ(a.size(), c.size());
    EXPECT_EQ(std::count(a.begin(), a.end(), 12), 3) << word;  // steps
  }
}

// `Net[sizes].f`, as a value.
TEST(Layers, FunctionsAtSizesAreValues) {
  const auto c = loaded(
      "model Net[D, H] {\n  param W: real[H, D] ~ glorot_uniform()\n  fn f(x: real[D]) -> real[H] = tanh(W @ x)\n"
      "  fn by[k](g: fn(real) -> real, x: real[k]) -> real = sum(W) * sum(map(g, x))\n  fn g(x: real[D]) -> real = by(sin, f(x))\n}\n"
      "fn of(h: fn(params: (W: real[2, 3]), x: real[3]) -> real[2], x: real[3]) -> real[2] = h((W = [[1, 2, 3], [4, 5, x[0]]]), x)\n"
      "fn passed(x: real[3]) -> real[2] = of(Net[3, 2].f, x) + of(Net[D = 3].f, x) + of(Net.f, x)\n"
      "fn plain(x: real[3]) -> real[2] = 3 * tanh([[1, 2, 3], [4, 5, x[0]]] @ x)\n"
      "fn sized[n](W: real[n, n], x: real[n]) {\n  let f = Net[n, n].g\n  return f((W = W), x) + sum(grad(Net[n, n].g, wrt = params)((W = W), x).W)\n}\n"
      "fn outside(params: (W: real[2, 3]), x: real[3]) = Net[3, 2].by(params, cos, x) + Net.by(params, cos, x)\n"
      "fn inside(params: (W: real[2, 3]), x: real[3]) = 2 * sum(params.W) * sum(cos(x))\n"
      "model Of[n] {\n  param w: float[n] ~ normal(0, 1)\n  layer d[2] = Inner[n]\n  fn f(x: float[n]) -> float[n] = w * d[1].g(x)\n}\n"
      "model Inner[n] {\n  param v: float[n] = 2\n  fn g(x: float[n]) -> float[n] = v * x\n}\n"
      "fn single(p: (w: f32[2], d: (v: f32[2, 2])), x: f32[2]) -> f32[2] = Of[2].f(p, x)\n"
      "fn double(p: (w: f64[2], d: (v: f64[2, 2])), x: f64[2]) -> f64[2] = Of.f(p, x) + Of[n = 2].f(params = p, x = x)\n"
      "export f = Net[3, 2].f\nexport df = grad(Net[3, 2].g, wrt = x)\n");
  const std::string x = "x=[0.1, 0.2, -0.3]", both = "params={\"W\": [[0.5, 0.25, 2], [3, -1, 0.75]]}," + x;
  EXPECT_EQ(numbers_of(*c, "passed", x), numbers_of(*c, "plain", x));
  EXPECT_EQ(numbers_of(*c, "outside", both), numbers_of(*c, "inside", both));
  for (const char* name : {"passed", "sized", "outside", "single", "double", "f", "df"}) expect_checked(*c, name);
}

}  // namespace
}  // namespace dlc
