// What the command and the API promise: a gradient within milliseconds of the process's start, calls that cost no more
// than a C call, code as fast as the formula written by hand, and 100 000 operations compiled in seconds.
//
//   process/…           wall time of `dlc diff examples/slides.dl f --at x1=0.5,x2=1`     promised: 50 ms shared, 20 static
//   call/…              a function of two doubles: raw C call, dlc's pointer, Function::call   promised: 5 ns over raw
//   value_gradient/…    slides.dl's f and its gradient                                    promised: at most 1.2 × by hand
//   operations/…        a straight-line function, from its text to callable code          promised: seconds
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "dlc.h"
#include "pipeline/compilation.h"
#include "pipeline/native.h"

extern char** environ;

namespace {

const std::string kSlides = DLC_SOURCE_DIR "/examples/slides.dl";

// ---- from the start of the process to the printed gradient

void run_process(benchmark::State& state, const std::string& dlc) {
  if (!std::filesystem::exists(dlc)) return state.SkipWithError((dlc + " is not built").c_str());
  std::string words[] = {dlc, "diff", kSlides, "f", "--at", "x1=0.5,x2=1"};
  char* argv[7] = {};
  for (size_t k = 0; k < 6; ++k) argv[k] = words[k].data();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", 1, 0);
  for (auto _ : state) {
    pid_t child = 0;
    int status = 0;
    if (posix_spawn(&child, argv[0], &actions, nullptr, argv, environ) != 0) return state.SkipWithError("cannot start dlc");
    waitpid(child, &status, 0);
    if (status != 0) return state.SkipWithError("dlc failed");
  }
  posix_spawn_file_actions_destroy(&actions);
}
void process_release(benchmark::State& state) { run_process(state, DLC_BINARY_DIR "/dlc"); }
void process_dev(benchmark::State& state) { run_process(state, DLC_SOURCE_DIR "/build/dlc"); }
BENCHMARK(process_release)->Name("process/static release")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(process_dev)->Name("process/shared dev")->Unit(benchmark::kMillisecond)->UseRealTime();

// ---- the cost of a call

[[gnu::noinline]] double times_by_hand(double x, double y) { return x * y; }

const dlc::Program& products() {
  static const dlc::Program program = *dlc::Program::from_text("fn times(x: real, y: real) -> real = x * y\n");
  return program;
}

void call_raw(benchmark::State& state) {
  double (*volatile f)(double, double) = times_by_hand;
  double (*g)(double, double) = f;
  double x = 1.5;
  for (auto _ : state) benchmark::DoNotOptimize(x = g(x, 1.0));
}
void call_pointer(benchmark::State& state) {
  const auto f = *products().function("times");
  double (*g)(double, double) = *f.as<double(double, double)>();
  double x = 1.5;
  for (auto _ : state) benchmark::DoNotOptimize(x = g(x, 1.0));
}
void call_function(benchmark::State& state) {
  const auto f = *products().function("times");
  double x = 1.5;
  for (auto _ : state) {
    if (!f.call({x, 1.0}, {x})) return state.SkipWithError("the call failed");
    benchmark::DoNotOptimize(x);
  }
}
BENCHMARK(call_raw)->Name("call/raw C");
BENCHMARK(call_pointer)->Name("call/dlc pointer");
BENCHMARK(call_function)->Name("call/Function::call");

// ---- value and gradient against the formula by hand

/// As one would write it in C++: shared subexpressions, libm.
[[gnu::noinline, gnu::optimize("O3")]] void slides_by_hand(double x1, double x2, double* f, double* d1, double* d2) {
  const double v1 = x1 / x2, v2 = std::exp(v1), v3 = v2 + v1, v5 = v1 - std::log(x2);
  const double v1_bar = v5 * v2 + v5 + v3;
  *f = v3 * v5;
  *d1 = v1_bar / x2;
  *d2 = -v1_bar * v1 / x2 - v3 / x2;
}

// Some points, so that no branch is learnt by heart; each result goes into the next point, so that calls do not overlap.
constexpr double kPoints[][2] = {{0.5, 1}, {1.5, 0.5}, {2.25, 1.75}, {0.1, 0.9}};

void gradient_by_hand(benchmark::State& state) {
  double f = 0, d1 = 0, d2 = 0;
  size_t k = 0;
  for (auto _ : state) {
    const auto& p = kPoints[k++ % std::size(kPoints)];
    slides_by_hand(p[0] + f * 1e-300, p[1], &f, &d1, &d2);
    benchmark::DoNotOptimize(d1 + d2);
  }
}
void gradient_by_dlc(benchmark::State& state) {
  using namespace dlc;
  Compilation c({});
  c.load("slides", "fn f(x1: real, x2: real) -> real = (exp(x1 / x2) + x1 / x2) * (x1 / x2 - ln(x2))\n");
  const FuncId g = c.derivative({.kind = DerivativeRequest::Kind::value_and_grad, .base = c.find("f"), .wrt = {0, 1}, .is_list = true}, {});
  const Entry entry{"g", g};
  const auto code = g ? jit(c.module, std::span(&entry, 1), {}) : Result<JitModule>(Error{});
  if (!code) return state.SkipWithError("f does not compile");
  auto* call = reinterpret_cast<int32_t (*)(const dlc_ctx*, double, double, double*, double*, double*, void*)>(code->entry("g"));
  double f = 0, d1 = 0, d2 = 0;
  size_t k = 0;
  for (auto _ : state) {
    const auto& p = kPoints[k++ % std::size(kPoints)];
    call(nullptr, p[0] + f * 1e-300, p[1], &f, &d1, &d2, nullptr);
    benchmark::DoNotOptimize(d1 + d2);
  }
}
BENCHMARK(gradient_by_hand)->Name("value_gradient/C++ -O3");
BENCHMARK(gradient_by_dlc)->Name("value_gradient/dlc");

// ---- long straight-line functions

/// n operations in one function, none of which can be dropped or shared.
std::string straight_line(int64_t n) {
  std::string text = "fn long(x: real, y: real) -> real {\n  let a0 = x\n  let a1 = y\n";
  constexpr const char* kOps[] = {" * ", " + ", " - "};
  for (int64_t k = 2; k < n + 2; ++k) {
    const int64_t other = k - 2 - (k * 7919) % std::min<int64_t>(k - 1, 40);
    text += "  let a" + std::to_string(k) + " = a" + std::to_string(k - 1) + kOps[k % 3] + "a" + std::to_string(std::max<int64_t>(other, 0)) + "\n";
  }
  return text + "  return a" + std::to_string(n + 1) + "\n}\n";
}

void compile_value(benchmark::State& state) {
  const std::string text = straight_line(state.range(0));
  for (auto _ : state) {
    auto program = dlc::Program::from_text(text);
    if (!program || !program->function("long")) return state.SkipWithError("it does not compile");
  }
}
void compile_gradient(benchmark::State& state) {
  const std::string text = straight_line(state.range(0));
  for (auto _ : state) {
    auto program = dlc::Program::from_text(text);
    if (!program || !program->value_and_grad("long", {"x", "y"})) return state.SkipWithError("it does not compile");
  }
}
BENCHMARK(compile_value)->Name("operations/value")->Arg(1000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(compile_gradient)->Name("operations/value and gradient")->Arg(1000)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
