// Training: a whole step (gather, forward, reverse, update) of the 30-16-1 network on the breast-cancer table with adam.
//
//   step/…      one update at a batch size, through Training::step                  promised: under 5 µs at batch 32
//   large/T     one update of a 784-128-10 network at batch 128 with T threads, on data of its own making
//   epoch/…     an epoch of updates with what is measured after it
#include <benchmark/benchmark.h>

#include <filesystem>
#include <fstream>

#include "pipeline/training.h"

namespace dlc {
namespace {

struct Opened {
  Compilation c{{}};
  std::unique_ptr<Training> training;

  explicit Opened(int64_t batch) {
    auto text = std::string("model Net2[D, H] {\n  param W1: f32[H, D] ~ glorot_uniform()\n  param b1: f32[H] = 0\n"
                            "  param W2: f32[H] ~ glorot_uniform()\n  param b2: f32 = 0\n"
                            "  fn logit(x: f32[D]) -> f32 = dot(W2, sigmoid(W1 @ x + b1)) + b2\n"
                            "  loss(x: f32[D], y: f32) -> f32 { let z = logit(x)\n return softplus(z) - y * z }\n}\n"
                            "train Net2[D = 30, H = 16] {\n"
                            "  data csv(\"wdbc.csv\") { x = columns(0..30)  y = column(\"diagnosis\", M = 1, B = 0) }\n"
                            "  normalize x = zscore  objective mean(loss)  optimizer adam(lr = 1e-2)  epochs 1000000000\n}\n");
    if (!c.load("net2.dl", text)) return;
    TrainSpec spec = c.models.trains[0];
    spec.batch = batch;
    auto opened = Training::open(c, spec, DLC_SOURCE_DIR "/examples/data", {});
    if (opened) training = std::move(*opened);
  }
};

void step(benchmark::State& state) {
  Opened run(state.range(0));
  if (!run.training) return state.SkipWithError("the model does not compile");
  for (auto _ : state) {
    if (!run.training->step()) return state.SkipWithError("a step failed");
    if (!run.training->is_epoch_done()) continue;
    state.PauseTiming();
    if (!run.training->finish_epoch()) return state.SkipWithError("an epoch failed");
    state.ResumeTiming();
  }
  state.counters["examples/s"] = benchmark::Counter(static_cast<double>(state.range(0)), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(step)->Arg(1)->Arg(32)->Arg(128)->Unit(benchmark::kMicrosecond);

/// 256 rows of 784 pixels and a label.
std::string digits_folder() {
  const std::string folder = DLC_BINARY_DIR "/bench_digits";
  std::filesystem::create_directories(folder);
  std::ofstream file(folder + "/digits.csv");
  for (int j = 0; j < 784; ++j) file << 'p' << j << ',';
  file << "label\n";
  for (int i = 0; i < 256; ++i) {
    for (int j = 0; j < 784; ++j) file << (i * 31 + j * 17 + i * j) % 97 / 97.0 << ',';
    file << i % 10 << '\n';
  }
  return folder;
}

void large(benchmark::State& state) {
  Compilation c{{}};
  const char* const text =
      "model Mlp[D, H, K] {\n  param W1: f32[H, D] ~ he_normal()\n  param b1: f32[H] = 0\n  param W2: f32[K, H] ~ glorot_uniform()\n  param b2: f32[K] = 0\n"
      "  loss(x: f32[D], y: int) -> f32 = -dot(one_hot(y, K), log_softmax(W2 @ relu(W1 @ x + b1) + b2))\n}\n"
      "train Mlp[D = 784, H = 128, K = 10] {\n  data csv(\"digits.csv\") { x = columns(0..784)  y = column(\"label\") }\n"
      "  objective mean(loss)  optimizer adam(lr = 1e-3)  batch 128  epochs 1000000000\n}\n";
  if (!c.load("mlp.dl", text)) return state.SkipWithError("the model does not compile");
  auto opened = Training::open(c, c.models.trains[0], digits_folder(), {});
  if (!opened) return state.SkipWithError("the model does not compile");
  (*opened)->use_threads(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    if (!(*opened)->step()) return state.SkipWithError("a step failed");
    if (!(*opened)->is_epoch_done()) continue;
    state.PauseTiming();
    if (!(*opened)->finish_epoch()) return state.SkipWithError("an epoch failed");
    state.ResumeTiming();
  }
}
BENCHMARK(large)->Arg(1)->Arg(2)->UseRealTime()->Unit(benchmark::kMicrosecond);

void epoch(benchmark::State& state) {
  Opened run(32);
  if (!run.training) return state.SkipWithError("the model does not compile");
  for (auto _ : state) {
    while (!run.training->is_epoch_done())
      if (!run.training->step()) return state.SkipWithError("a step failed");
    if (!run.training->finish_epoch()) return state.SkipWithError("an epoch failed");
  }
}
BENCHMARK(epoch)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace dlc
