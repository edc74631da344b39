// Native code by itself: elementary functions, matrix products, the cost of a call, and of compiling.
#include <benchmark/benchmark.h>

#include <random>

#include "codegen/codegen.h"
#include "ops/builder.h"
#include "ops/table.h"
#include "runtime/abi.h"

namespace dlc {
namespace {

struct Made {
  Module m;
  FuncId id;
  Loc loc;

  explicit Made(bool has_size = false) {
    Func f;
    f.name = "f";
    f.blocks.emplace_back();
    if (has_size) f.size_vars.push_back(m.strings.intern("n"));
    id = m.add(std::move(f));
  }
  Builder b() { return Builder(m, id, BlockId{0}); }
  ValueId param(DType dtype, std::vector<DimId> dims) {
    return append_param(m, m[id], BlockId{0}, "param"_op, m.types.array(dtype, std::move(dims)), {}, loc);
  }
  DimId dim(int64_t n) { return m.types.dims.constant(n); }
  JitModule compile() {
    const Entry entries[] = {{"f", id}};
    Result<JitModule> code = jit(m, entries, {});
    if (!code) std::abort();
    return *code;
  }
};

void slides(Made& made) {
  auto b = made.b();
  const ValueId x1 = made.param(DType::f64, {}), x2 = made.param(DType::f64, {});
  const ValueId v1 = b.op("div"_op, {x1, x2}, made.loc), v3 = b.op("add"_op, {b.op("exp"_op, {v1}, made.loc), v1}, made.loc);
  b.set_result(b.op("mul"_op, {v3, b.op("sub"_op, {v1, b.op("log"_op, {x2}, made.loc)}, made.loc)}, made.loc));
}

void compile_slides(benchmark::State& state) {
  Made made;
  slides(made);
  for (auto _ : state) benchmark::DoNotOptimize(made.compile().direct("f"));
}
BENCHMARK(compile_slides)->Unit(benchmark::kMillisecond);

/// A straight line of `n` operations on values near by, one elementary function in 16.
void compile_straight_line(benchmark::State& state) {
  Made made;
  auto b = made.b();
  std::mt19937 random(1);
  std::vector<ValueId> values{made.param(DType::f64, {}), made.param(DType::f64, {})};
  static constexpr OpId kOps[] = {"add"_op, "sub"_op, "mul"_op, "max"_op};
  for (int k = 0; k < state.range(0); ++k) {
    const auto any = [&] { return values[values.size() - 1 - random() % std::min<size_t>(values.size(), 60)]; };
    const ValueId x = any(), y = any();
    values.push_back(k % 16 == 0 ? b.op("tanh"_op, {x}, made.loc) : b.op(kOps[random() % 4], {x, y}, made.loc));
  }
  b.set_result(values.back());
  for (auto _ : state) benchmark::DoNotOptimize(made.compile().entry("f"));
}
BENCHMARK(compile_straight_line)->Unit(benchmark::kMillisecond)->Arg(1000)->Arg(10000)->Arg(100000)->Iterations(1);

void elementwise(benchmark::State& state, OpId op, DType dtype) {
  Made made(true);
  const DimId n = made.m.types.dims.variable(made.m.strings.intern("n"));
  auto b = made.b();
  b.set_result(b.op(op, {made.param(dtype, {n})}, made.loc));
  const JitModule code = made.compile();
  constexpr int64_t kCount = 10000;
  std::vector<double> x(kCount, 0.37), y(kCount);
  std::vector<float> xf(kCount, 0.37f);
  const void* from = dtype == DType::f32 ? static_cast<const void*>(xf.data()) : x.data();
  auto* f = reinterpret_cast<int32_t (*)(const dlc_ctx*, int64_t, const void*, void*, void*)>(code.entry("f"));
  for (auto _ : state) f(nullptr, kCount, from, y.data(), nullptr);
  state.counters["ns/element"] = benchmark::Counter(static_cast<double>(state.iterations() * kCount) / 1e9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(elementwise, exp_f32, "exp"_op, DType::f32);
BENCHMARK_CAPTURE(elementwise, exp_f64, "exp"_op, DType::f64);
BENCHMARK_CAPTURE(elementwise, log_f32, "log"_op, DType::f32);
BENCHMARK_CAPTURE(elementwise, log_f64, "log"_op, DType::f64);
BENCHMARK_CAPTURE(elementwise, tanh_f32, "tanh"_op, DType::f32);
BENCHMARK_CAPTURE(elementwise, tanh_f64, "tanh"_op, DType::f64);
BENCHMARK_CAPTURE(elementwise, sigmoid_f64, "sigmoid"_op, DType::f64);

void product(benchmark::State& state, DType dtype) {
  const int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  Made made;
  auto b = made.b();
  const ValueId a = made.param(dtype, {made.dim(m), made.dim(k)}), w = made.param(dtype, {made.dim(k), made.dim(n)});
  b.set_result(n > 1 ? b.matmul(a, w, {0, 1, 1, 1}, made.loc) : b.matmul(a, b.reshape(w, {made.dim(k)}, made.loc), {0, 1, 0, 1}, made.loc));
  const JitModule code = made.compile();
  const auto bytes = [&](int64_t count) { return std::vector<double>(static_cast<size_t>(count), 0.0); };
  auto x = bytes(m * k), y = bytes(k * n), z = bytes(m * n);
  auto* f = reinterpret_cast<int32_t (*)(const dlc_ctx*, const void*, const void*, void*, void*)>(code.entry("f"));
  for (auto _ : state) f(nullptr, x.data(), y.data(), z.data(), nullptr);
  state.counters["GFLOP/s"] = benchmark::Counter(2e-9 * static_cast<double>(m * n * k) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(product, f32, DType::f32)->Args({8, 8, 8})->Args({64, 64, 64})->Args({32, 128, 784})->Args({256, 128, 784})->Args({256, 256, 256})->Args({455, 16, 30})->Args({455, 1, 16})->Args({1024, 1024, 1024});
BENCHMARK_CAPTURE(product, f64, DType::f64)->Args({8, 8, 8})->Args({64, 64, 64})->Args({256, 256, 256})->Args({455, 16, 30})->Args({455, 1, 16});

double raw(double a, double b) { return a * b; }

void call_raw(benchmark::State& state) {
  double (*volatile f)(double, double) = raw;
  double x = 1;
  for (auto _ : state) benchmark::DoNotOptimize(x = f(x, 1.0));
}
BENCHMARK(call_raw);

void call(benchmark::State& state, bool packed) {
  Made made;
  auto b = made.b();
  const ValueId x = made.param(DType::f64, {}), y = made.param(DType::f64, {});
  b.set_result(b.op("mul"_op, {x, y}, made.loc));
  const JitModule code = made.compile();
  auto* direct = reinterpret_cast<double (*)(double, double)>(code.direct("f"));
  auto* through = reinterpret_cast<int32_t (*)(const dlc_ctx*, void* const*)>(code.packed("f"));
  double u = 1, v = 1;
  void* cells[] = {&u, &v, &u, nullptr};
  if (packed) for (auto _ : state) through(nullptr, cells), benchmark::DoNotOptimize(u);
  else for (auto _ : state) benchmark::DoNotOptimize(u = direct(u, 1.0));
}
BENCHMARK_CAPTURE(call, direct, false);
BENCHMARK_CAPTURE(call, packed, true);

}  // namespace
}  // namespace dlc
