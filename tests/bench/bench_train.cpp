// Training: a whole step (gather, forward, reverse, update) of the 30-16-1 network on the breast-cancer table with adam.
//
//   step/…      one update at a batch size, through Training::step                  promised: under 5 µs at batch 32
//   epoch/…     an epoch of updates with what is measured after it
#include <benchmark/benchmark.h>

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
