// The data of a train block in every format. The oracle of a format is another: the same numbers out of a csv table train to
// the same bits.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "tests/pipeline/training_run.h"
#include "tests/runtime/idx_bytes.h"

namespace dlc {
namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// What opening fails with.
std::string failure(const std::string& text, const std::string& folder) {
  Compilation c{{}};
  if (!c.load("net.dl", text)) return render_all(c.diagnostics, c.sources);
  auto opened = Training::open(c, c.models.trains[0], folder, {});
  return opened ? "" : opened.error().message;
}

/// 40 pictures of 3 × 4 bytes and their kinds 0..2, as idx files and as a table.
struct Pictures {
  static constexpr int kRows = 40, kPixels = 12;
  std::string folder = own_path("pictures");
  Pictures() {
    std::filesystem::create_directories(folder);
    std::string pixels, kinds, table;
    for (int j = 0; j < kPixels; ++j) table += fmt::format("p{},", j);
    table += "kind\n";
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kPixels; ++j) {
        const int v = (i * 89 + j * 57 + i * j * 7) % 256;
        pixels += static_cast<char>(v), table += fmt::format("{},", v);
      }
      kinds += static_cast<char>(i % 3), table += fmt::format("{}\n", i % 3);
    }
    std::ofstream(folder + "/images", std::ios::binary) << runtime::idx_bytes({kRows, 3, 4}, pixels);
    std::ofstream(folder + "/labels", std::ios::binary) << runtime::idx_bytes({kRows}, kinds);
    std::ofstream(folder + "/table.csv") << table;
  }
};

std::string softmax_of(const std::string& real) {
  const std::string text =
      "model Kinds {\n  param W: REAL[3, 12] ~ glorot_uniform()\n  param b: REAL[3] = 0\n"
      "  fn predict(x: REAL[12]) -> REAL[3] = softmax(W @ x + b)\n  loss(x: REAL[12], y: int) = -log(predict(x)[y])\n}\n"
      "train Kinds {\n  data csv(\"table.csv\") { x = columns(0..12)  y = column(\"kind\") }\n  normalize x = affine(mean = 0.4 * 255, std = 0.3 * 255)\n"
      "  split train = 25 valid = 10\n  objective mean(loss)  optimizer adam(lr = 1e-2)  batch 8  epochs 3  seed 2  metrics accuracy\n}\n";
  std::string out;
  for (size_t at = 0; at < text.size();)
    if (text.compare(at, 4, "REAL") == 0) out += real, at += 4;
    else out += text[at++];
  return out;
}

TEST(Data, IdxFilesTrainAsTheTableOfTheirNumbers) {
  const Pictures p;
  for (const char* real : {"f32", "f64"}) {
    const std::string table = softmax_of(real);
    const std::string idx = replaced(table, "csv(\"table.csv\") { x = columns(0..12)  y = column(\"kind\") }", "idx(\"images\", \"labels\") { x = reshape(images, [12])  y = labels }");
    TestRun a(table, {}, p.folder), b(idx, {}, p.folder);
    EXPECT_EQ(b.training->n_train(), 25);
    EXPECT_EQ(b.training->n_valid(), 10);
    EXPECT_EQ(b.training->n_test(), 0);
    a.all(), b.all();
    EXPECT_EQ(a.state(), b.state());
    EXPECT_EQ(*a.training->metrics(1), *b.training->metrics(1));
    // A loss that takes the row in the file's own shape, and arithmetic in the place of `affine`.
    std::string cube = replaced(replaced(idx, "reshape(images, [12])", "(images - 102) / 76.5"), "  normalize x = affine(mean = 0.4 * 255, std = 0.3 * 255)\n", "");
    cube = replaced(replaced(replaced(cube, fmt::format("predict(x: {}[12])", real), fmt::format("predict(x: {}[3, 4])", real)),
                             fmt::format("loss(x: {}[12]", real), fmt::format("loss(x: {}[3, 4]", real)), "W @ x", "W @ reshape(x, [12])");
    TestRun c(cube, {}, p.folder);
    c.all();
    EXPECT_EQ(c.state(), a.state());
  }
}

TEST(Data, IdxFilesThatDoNotFit) {
  const Pictures p;
  const std::string idx = replaced(softmax_of("f32"), "csv(\"table.csv\") { x = columns(0..12)  y = column(\"kind\") }", "idx(\"images\", \"labels\") { x = images  y = labels }");
  EXPECT_EQ(failure(idx, p.folder), fmt::format("field `x`: a row of `{}/images` is [3, 4], and the field is [12]; `reshape` makes it so", p.folder));
  EXPECT_EQ(failure(replaced(idx, "\"labels\")", "\"table.csv\")"), p.folder),
            fmt::format("cannot read `{}/table.csv`: bad IDX data at byte 0: an IDX file begins with two zero bytes, and this is 112", p.folder));
  EXPECT_EQ(failure(replaced(replaced(idx, "x = images", "x = reshape(images, [12])"), "train = 25", "train = 55"), p.folder),
            "split: train, valid and test (55, 10, 0) take 65 rows, and there are 40");
}

const std::string kBigram =
    "model Bigram[V, T] {\n  param E: f32[V, V] ~ normal(0, 0.1)\n"
    "  loss(ids: int[T + 1]) = mean[t in 0..T](logsumexp(E[ids[t]]) - E[ids[t], ids[t + 1]])\n}\n"
    "train Bigram[V = 5, T = 3] {\n  data text(\"t.txt\") { ids = window(T + 1) }\n"
    "  objective mean(loss)  optimizer sgd(lr = 0.5)  batch 4  epochs 4  seed 1\n}\n";

struct Corpus {
  std::string folder = own_path("corpus"), text;
  Corpus() {
    std::filesystem::create_directories(folder);
    for (int i = 0; i < 61; ++i) text += "abcde"[(i * i + i / 3) % 5];
    std::ofstream(folder + "/t.txt") << text;
    for (const int stride : {1, 3}) {
      std::ofstream table(folder + fmt::format("/windows{}.csv", stride));
      table << "a,b,c,d\n";
      for (size_t at = 0; at + 4 <= text.size(); at += static_cast<size_t>(stride))
        for (size_t k = 0; k < 4; ++k) table << text[at + k] - 'a' << (k < 3 ? ',' : '\n');
    }
  }
};

TEST(Data, ALabelOutsideOfThePredictionIsNamed) {
  const std::string folder = own_path("labels");
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/table.csv") << "p,kind\n1,0\n2,1\n3,2\n";
  TestRun run("model Kinds {\n  param w: f32[2] = 0\n  loss(x: f32, y: int) = -log(softmax(w * x)[y])\n}\n"
              "train Kinds {\n  data csv(\"table.csv\") { x = column(\"p\")  y = column(\"kind\") }\n  objective mean(loss)  optimizer sgd(lr = 1)\n  batch 3\n}\n", {}, folder);
  const auto stepped = run.training->step();
  ASSERT_FALSE(stepped);
  EXPECT_EQ(stepped.error().message, "net.dl:3:31: subscript 2 leaves an axis of size 2");
}

TEST(Data, ATextTrainsAsTheTableOfItsWindows) {
  const Corpus corpus;
  for (const int stride : {1, 3}) {
    const std::string text = stride == 3 ? kBigram : replaced(kBigram, "window(T + 1)", "window(T + 1, stride = 1)");
    const std::string table = replaced(kBigram, "text(\"t.txt\") { ids = window(T + 1) }", fmt::format("csv(\"windows{}.csv\") {{ ids = columns(0..4) }}", stride));
    TestRun a(text, {}, corpus.folder), b(table, {}, corpus.folder);
    EXPECT_EQ(a.training->n_train(), stride == 1 ? 58 : 20);
    a.all(), b.all();
    EXPECT_EQ(a.state(), b.state()) << stride;
    EXPECT_EQ(*a.training->loss(0), *b.training->loss(0));
  }
}

TEST(Data, PartsOfATextDoNotOverlap) {
  const Corpus corpus;
  // 58 windows that begin one after the other; 3 between two parts share characters with both.
  TestRun run(replaced(replaced(kBigram, "window(T + 1)", "window(T + 1, stride = 1)"), "  objective", "  split train = 0.8 valid = 0.2\n  objective"), {}, corpus.folder);
  EXPECT_EQ(run.training->n_train(), 44);
  EXPECT_EQ(run.training->n_valid(), 11);
  run.all();
  EXPECT_TRUE(std::isfinite(*run.training->loss(1)));
}

TEST(Data, ATextWithTooManyCharacters) {
  const Corpus corpus;
  const std::string small = replaced(kBigram, "V = 5", "V = 4");
  EXPECT_EQ(failure(small, corpus.folder), fmt::format("`{}/t.txt` has 5 different characters, more than the 4 that the model has room for", corpus.folder));
  EXPECT_EQ(failure(replaced(kBigram, "T = 3", "T = 99"), corpus.folder),
            fmt::format("`{}/t.txt` has 61 characters, and a row of the field `ids` is 100", corpus.folder));
}

// ---- several data

const std::string kTwo =
    "model Two {\n  param w: f64 = 2\n  param v: f64 = 1\n  loss inside(x: f64) = 0.5 * x * w^2\n  loss edge(y: f64) = y * w * v\n}\n"
    "train Two {\n  data csv(\"a.csv\") { x = column(\"x\")  k = column(\"k\") }\n  data csv(\"b.csv\") { y = column(\"y\") }\n"
    "  objective mean(inside) + 10 * mean(edge)\n  optimizer sgd(lr = 0.01)\n  epochs 3  seed 4  metrics mean(inside), e = mean(edge)\n}\n";

struct TwoTables {
  std::string folder = own_path("two");
  TwoTables() {
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/a.csv") << "x,k\n1,1\n2,1\n3,1\n4,3\n5,1\n6,1\n7,1\n";
    std::ofstream(folder + "/b.csv") << "y\n0.5\n1.5\n0.25\n";
  }
};

TEST(Data, EachLossTakesItsOwnRows) {
  const TwoTables tables;
  TestRun run(kTwo, {}, tables.folder);
  EXPECT_EQ(run.training->n_rows(0), (std::vector<int64_t>{7, 3}));
  EXPECT_EQ(run.training->updates_per_epoch(), 1);
  double w = 2, v = 1;
  const double x = 4, y = 0.75;  // the means
  for (int t = 0; t < 3; ++t) {
    run.updates(1);
    const double dw = x * w + 10 * y * v, dv = 10 * y * w;
    w -= 0.01 * dw, v -= 0.01 * dv;
    const std::vector<StateLeaf>& leaves = run.training->program().leaves();
    EXPECT_NEAR(run.value(0, leaves[0].offset), w, 1e-14);
    EXPECT_NEAR(run.value(0, leaves[1].offset), v, 1e-14);
  }
  EXPECT_NEAR(*run.training->loss(0), 0.5 * x * w * w + 10 * y * w * v, 1e-12);
  const auto metrics = run.training->metrics(0);
  ASSERT_TRUE(metrics) << metrics.error().message;
  EXPECT_NEAR((*metrics)[0], 0.5 * x * w * w, 1e-12);
  EXPECT_NEAR((*metrics)[1], y * w * v, 1e-12);
  // A weight is of the loss's own data.
  TestRun weighted(replaced(kTwo, "mean(inside)", "mean(inside, weight = k)"), {}, tables.folder);
  weighted.updates(1);
  EXPECT_NEAR(weighted.value(0, 0), 2 - 0.01 * (36.0 / 9 * 2 + 7.5), 1e-14);
}

TEST(Data, BatchesOfSeveralDataGoOnThroughTheirOwnOrders) {
  const TwoTables tables;
  const std::string text = replaced(kTwo, "  epochs 3", "  batch 2  epochs 5");
  const std::string path = own_path("two.safetensors");
  TestRun whole(text, {}, tables.folder);
  EXPECT_EQ(whole.training->updates_per_epoch(), 4);
  whole.all();
  EXPECT_EQ(whole.training->updates(), 20);
  for (int64_t stop : {1, 4, 7, 13}) {
    TestRun first(text, {}, tables.folder), second(text, {}, tables.folder);
    first.updates(stop);
    ASSERT_TRUE(first.training->save(path));
    const auto resumed = second.training->resume(path);
    ASSERT_TRUE(resumed) << resumed.error().message;
    second.all();
    EXPECT_EQ(second.state(), whole.state()) << stop;
  }
  TestRun one(text, [](TrainSpec& s) { s.batch = 1, s.accumulate = 2; }, tables.folder);
  one.all();
  EXPECT_EQ(one.state(), whole.state());
  // Two rows of three in each update: in three updates each row of the small table twice. `edge` is linear in y.
  TestRun linear(replaced(text, "mean(inside) + 10 * mean(edge)", "0 * mean(inside) + mean(edge)"),
                 [](TrainSpec& s) { s.optimizer.lr = 1e-8; }, tables.folder);
  linear.updates(3);
  EXPECT_NEAR((1 - linear.value(0, linear.training->program().leaves()[1].offset)) / 1e-8, 3 * 0.75 * 2, 1e-6);
}

TEST(Data, SeveralDataAreSplitEach) {
  const TwoTables tables;
  TestRun run(replaced(kTwo, "  optimizer", "  split train = 0.6 valid = 0.4\n  optimizer"), {}, tables.folder);
  EXPECT_EQ(run.training->n_rows(0), (std::vector<int64_t>{4, 2}));
  EXPECT_EQ(run.training->n_rows(1), (std::vector<int64_t>{3, 1}));
  run.all();
  EXPECT_TRUE(std::isfinite(*run.training->loss(1)));
}

TEST(Data, SeveralDataOnThreads) {
  // Large enough for blocks to go to threads, with 3 and 5 blocks of 16.
  const std::string folder = own_path("wide");
  std::filesystem::create_directories(folder);
  std::ofstream a(folder + "/a.csv"), b(folder + "/b.csv");
  a << "p,q\n", b << "r\n";
  for (int i = 0; i < 70; ++i) a << (i * 37 % 11) / 11.0 << ',' << (i * 5 % 7) / 7.0 << '\n';
  for (int i = 0; i < 40; ++i) b << (i * 13 % 9) / 9.0 << '\n';
  a.close(), b.close();
  const std::string text =
      "model Wide[H] {\n  param U: f32[H, H] ~ he_normal()\n  param u: f32[H] ~ normal(0, 1)\n  fn f(x: f32) -> f32 = mean(tanh(U @ tanh(x * u)))\n"
      "  loss one(p: f32, q: f32) = (f(dropout(p, rate = 0.5)) - q)^2\n  loss two(r: f32) = f(dropout(r, rate = 0.5))^2\n}\n"
      "train Wide[H = 130] {\n  data csv(\"a.csv\") { p = column(\"p\")  q = column(\"q\") }\n  data csv(\"b.csv\") { r = column(\"r\") }\n"
      "  objective mean(one) + mean(two) + 1e-4 * l2(U)\n  optimizer adam(lr = 1e-3)\n  epochs 4\n}\n";
  TestRun one(text, {}, folder);
  ASSERT_TRUE(one.training->program().is_parallel());
  one.all();
  for (const int n : {2, 5}) {
    TestRun many(text, {}, folder);
    many.training->use_threads(n);
    many.all();
    EXPECT_EQ(many.state(), one.state()) << n;
  }
}

// ---- what a loss returns besides the loss

TEST(Metrics, MeansOfWhatALossReturns) {
  for (const char* real : {"f32", "f64"}) {
    const Pictures p;
    const std::string plain = softmax_of(real);
    const std::string extra = replaced(replaced(plain, "= -log(predict(x)[y])", "{\n    let q = predict(x)[y]\n    return (-log(q), sure = q, twice = 2 * q, label = y)\n  }"),
                                       "metrics accuracy", "metrics accuracy, mean(loss.sure), t = mean(loss.twice), mean(loss.label), mean(loss)");
    TestRun a(plain, {}, p.folder), b(extra, {}, p.folder);
    a.all(), b.all();
    EXPECT_EQ(a.state(), b.state());  // they carry no derivative
    const auto m = b.training->metrics(1);
    ASSERT_TRUE(m) << m.error().message;
    EXPECT_EQ((*m)[0], (*a.training->metrics(1))[0]);
    EXPECT_GT((*m)[1], 0);
    EXPECT_LT((*m)[1], 1);
    EXPECT_NEAR((*m)[2], 2 * (*m)[1], 1e-6);
    EXPECT_GT((*m)[3], 0);
    EXPECT_NEAR((*m)[4], *b.training->loss(1), 1e-6);
    EXPECT_EQ(b.c.models.trains[0].metrics[1].name, "sure");
  }
}

}  // namespace
}  // namespace dlc
