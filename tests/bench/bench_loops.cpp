// Loops and their reverse mode: a loop of 10⁶ steps that carries 64 doubles, with the whole tape and in 64 MiB; the same loop
// in C++ beside it; a loop that updates one element of a short and of a long array, always and under an `if`
// that a later one reads.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "dlc.h"

namespace {

constexpr int64_t kSteps = 1'000'000, kState = 64;

const char* kSource = R"(
fn walk[n](x: real[64], steps: real[n]) -> real {
  var s = x
  for i in 0..n { s = s * 0.999 + 0.001 * sin(s) }
  return sum(s)
}
fn walk_in_64MiB[n](x: real[64], steps: real[n]) -> real {
  var s = x
  for i in 0..n @memory(64MiB) { s = s * 0.999 + 0.001 * sin(s) }
  return sum(s)
}
fn update[n](x: real, y: real[n], k: int) -> real {
  var v = y
  for i in 1..1000 { v[i] = v[i - 1] * x + 0.5 * v[i] }
  return v[k]
}
fn update_if[n](x: real, y: real[n], k: int) -> real {
  var v = y
  for i in 1..1000 {
    if v[i] > 0.25 { v[i] = v[i] * x + v[i - 1] * v[i] }
    if v[i] > 100 { break }
  }
  return v[k]
}
export walk
export walk_gradient = value_and_grad(walk, wrt = x)
export walk_gradient_in_64MiB = value_and_grad(walk_in_64MiB, wrt = x)
export update
export update_gradient = value_and_grad(update, wrt = x)
export update_if_gradient = value_and_grad(update_if, wrt = x)
)";

dlc::Function compiled(const char* name) {
  static auto program = dlc::Program::from_text(kSource, "loops.dl");
  auto f = program ? program->function(name) : dlc::Expected<dlc::Function>::failure(program.error());
  if (!f) std::fprintf(stderr, "%s\n", f.error().c_str()), std::exit(1);
  return *f;
}

void per_step(benchmark::State& state, int64_t steps) {
  state.counters["per step"] = benchmark::Counter(static_cast<double>(steps), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void walk(benchmark::State& state, const char* name, bool has_gradient) {
  const dlc::Function f = compiled(name);
  std::vector<double> x(kState, 0.5), steps(kSteps), g(kState);
  double y = 0;
  for (auto _ : state) {
    const dlc::Status s = has_gradient ? f.call({x, steps}, {y, g}) : f.call({x, steps}, {y});
    if (!s) return state.SkipWithError(s.message.c_str());
  }
  per_step(state, kSteps);
}

void walk_in_cpp(benchmark::State& state) {
  for (auto _ : state) {
    std::vector<double> s(kState, 0.5);
    for (int64_t i = 0; i < kSteps / 10; ++i)
      for (double& v : s) v = v * 0.999 + 0.001 * std::sin(v);
    benchmark::DoNotOptimize(s.data());
  }
  per_step(state, kSteps / 10);
}

/// The cost of a step must not depend on the array's length: the call that only copies it is subtracted by eye, as `copy`.
void update(benchmark::State& state, const char* name, bool has_gradient) {
  const dlc::Function f = compiled(name);
  std::vector<double> v(static_cast<size_t>(state.range(0)), 0.5);
  double x = 0.9, y = 0, g = 0;
  int64_t k = 999;
  for (auto _ : state) {
    const dlc::Status s = has_gradient ? f.call({x, v, k}, {y, g}) : f.call({x, v, k}, {y});
    if (!s) return state.SkipWithError(s.message.c_str());
  }
  per_step(state, 999);
}

void copy(benchmark::State& state) {
  std::vector<double> v(static_cast<size_t>(state.range(0)), 0.5), w(v.size());
  for (auto _ : state) {
    std::copy(v.begin(), v.end(), w.begin());
    benchmark::DoNotOptimize(w.data());
  }
  per_step(state, 999);
}

BENCHMARK_CAPTURE(walk, loop/forward, "walk", false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(walk, loop/gradient, "walk_gradient", true)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(walk, loop/gradient_in_64MiB, "walk_gradient_in_64MiB", true)->Unit(benchmark::kMillisecond);
BENCHMARK(walk_in_cpp)->Name("loop/cpp")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(update, loop/update, "update", false)->Arg(1000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(update, loop/update_gradient, "update_gradient", true)->Arg(1000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(update, loop/update_if_gradient, "update_if_gradient", true)->Arg(1000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);
BENCHMARK(copy)->Name("loop/copy")->Arg(1000)->Arg(1'000'000)->Unit(benchmark::kMicrosecond);

}  // namespace
