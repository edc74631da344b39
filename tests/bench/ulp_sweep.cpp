// How accurate and how fast our own elementary functions are, as compiled code.
//
//   ulp_sweep                      every function of one operand, one f32 in 63
//   ulp_sweep --stride 1 exp sin   all 2^32 floats of two functions (a minute or two each and core)
//
// f32 is swept over bit patterns and compared with the double functions of libm, whose own error is 10^-8 of an f32
// ulp; what libm lacks, with the row's meaning, one pattern in 100 000. f64 is compared with the meaning (200 bits) at
// random patterns and points of the row's domain. Gamma functions count absolute ulps of 1 where |y| < 1, since they
// have roots. ns are per element of an array of 4096 random points of the domain, one thread. Exits with 1 when a
// function misses its row's bound.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "codegen/codegen.h"
#include "ops/builder.h"
#include "ops/evaluate.h"
#include "ops/table.h"

namespace dlc {
namespace {

constexpr int64_t kBlock = 4096;

double gelu(double x) { return 0.5 * x * std::erfc(-x * 0.70710678118654752440); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
double silu(double x) { return x / (1 + std::exp(-x)); }
double exp_neg_square(double x) { return std::exp(-x * x); }
double rsqrt(double x) { return 1 / std::sqrt(x); }

struct Reference {
  std::string_view name;
  double (*f)(double);
};
constexpr Reference kReferences[] = {
    {"exp", std::exp},     {"expm1", std::expm1}, {"log", std::log},     {"log1p", std::log1p},       {"sqrt", std::sqrt},
    {"rsqrt", rsqrt},      {"cbrt", std::cbrt},   {"sin", std::sin},     {"cos", std::cos},           {"tan", std::tan},
    {"asin", std::asin},   {"acos", std::acos},   {"atan", std::atan},   {"sinh", std::sinh},         {"cosh", std::cosh},
    {"tanh", std::tanh},   {"asinh", std::asinh}, {"acosh", std::acosh}, {"atanh", std::atanh},       {"erf", std::erf},
    {"erfc", std::erfc},   {"gelu", gelu},        {"sigmoid", sigmoid},  {"softplus", softplus},      {"silu", silu},
    {"lgamma", std::lgamma}, {"exp_neg_square", exp_neg_square},
};

/// One unit in the last place of T at `exact`; never below that of the subnormals, for functions with roots nor of 1.
template <class T>
double ulp_at(double exact, bool has_roots) {
  using L = std::numeric_limits<T>;
  const int lowest = has_roots ? 1 - L::digits : L::min_exponent - L::digits;
  return std::ldexp(1.0, exact == 0 || !std::isfinite(exact) ? lowest : std::max(lowest, std::ilogb(exact) + 1 - L::digits));
}

/// What an error is where one side is not finite: 0 when they agree, half an ulp from the largest number to inf.
template <class T>
double special_distance(double got, double want) {
  constexpr double kLargest = std::numeric_limits<T>::max();
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) == std::isnan(got) ? 0 : HUGE_VAL;
  if (got == want) return 0;
  return std::signbit(got) == std::signbit(want) && std::abs(got) >= kLargest && std::abs(want) >= kLargest ? 0.5 : HUGE_VAL;
}

template <class T>
double distance(T got, double want, bool has_roots) {
  if (!std::isfinite(got) || !std::isfinite(static_cast<T>(want))) return special_distance<T>(got, want);
  return std::abs(static_cast<double>(got) - want) / ulp_at<T>(want, has_roots);
}

template <class T>
double distance(T got, const Big& exact, bool has_roots) {
  const double want = static_cast<double>(exact);
  if (!std::isfinite(got) || !std::isfinite(static_cast<T>(want))) return special_distance<T>(got, want);
  return static_cast<double>(abs(Big(static_cast<double>(got)) - exact) / Big(ulp_at<T>(want, has_roots)));
}

/// The row compiled over an array of kBlock elements.
template <class T>
class Kernel {
 public:
  explicit Kernel(OpId op) {
    Func f;
    f.name = "f";
    f.blocks.emplace_back();
    const FuncId id = module_.add(std::move(f));
    const TypeId type = module_.types.array(std::is_same_v<T, float> ? DType::f32 : DType::f64, {module_.types.dims.constant(kBlock)});
    const ValueId x = append_param(module_, module_[id], BlockId{0}, "param"_op, type, module_.strings.intern("x"), Loc{});
    Builder b(module_, id, BlockId{0});
    b.set_result(b.op(op, {x}, Loc{}));
    const Entry entries[] = {{"f", id}};
    Result<JitModule> made = jit(module_, entries, {});
    if (!made) fmt::print(stderr, "{}\n", made.error().message), std::exit(2);
    code_ = *made;
    run_ = reinterpret_cast<int32_t (*)(const void*, const T*, T*, void*)>(code_->entry("f"));
    workspace_.resize(static_cast<size_t>(reinterpret_cast<int64_t (*)()>(code_->workspace("f"))()) + 64);
  }
  void operator()(const T* x, T* y) {
    void* aligned = workspace_.data() + (64 - reinterpret_cast<uintptr_t>(workspace_.data()) % 64) % 64;
    run_(nullptr, x, y, aligned);
  }

 private:
  Module module_;
  std::optional<JitModule> code_;
  int32_t (*run_)(const void*, const T*, T*, void*) = nullptr;
  std::vector<char> workspace_;
};

struct Worst {
  double ulp = 0, at = 0;
  void add(double error, double x) {
    if (error > ulp || std::isnan(error)) ulp = std::isnan(error) ? HUGE_VAL : error, at = x;
  }
};

bool has_roots(std::string_view name) { return name == "lgamma" || name == "digamma"; }

Big meaning(OpId op, double x) {
  const Big in(x);
  return evaluate_meaning(op, std::span<const Big>(&in, 1));
}

/// Every `stride`th bit pattern of f32, on all cores.
Worst sweep_f32(OpId op, int64_t stride) {
  const std::string_view name = op_row(op).name;
  const auto* found = std::ranges::find(kReferences, name, &Reference::name);
  const bool in_libm = found != std::end(kReferences);
  if (!in_libm) stride = std::max<int64_t>(stride, 100'003);
  const int64_t n_points = (int64_t{1} << 32) / stride, n_blocks = n_points / kBlock + 1;
  const int64_t n_threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<Worst> worst(static_cast<size_t>(n_threads));
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < n_threads; ++t)
    threads.emplace_back([&, t] {
      Kernel<float> kernel(op);
      std::vector<float> x(kBlock), y(kBlock);
      for (int64_t block = t; block < n_blocks; block += n_threads) {
        for (int64_t i = 0; i < kBlock; ++i)
          x[static_cast<size_t>(i)] = std::bit_cast<float>(static_cast<uint32_t>((block * kBlock + i) * stride));
        kernel(x.data(), y.data());
        for (size_t i = 0; i < x.size(); ++i)
          worst[static_cast<size_t>(t)].add(in_libm ? distance(y[i], found->f(static_cast<double>(x[i])), has_roots(name))
                                                    : distance(y[i], meaning(op, x[i]), has_roots(name)), x[i]);
      }
    });
  Worst all;
  for (size_t t = 0; t < threads.size(); ++t) threads[t].join(), all.add(worst[t].ulp, worst[t].at);
  return all;
}

/// kBlock points of any magnitude and 4 · kBlock of the row's domain.
Worst sample_f64(OpId op) {
  Kernel<double> kernel(op);
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> domain(op_row(op).domain[0], op_row(op).domain[1]);
  std::vector<double> x(kBlock), y(kBlock);
  Worst worst;
  for (int round = 0; round < 5; ++round) {
    for (double& v : x) v = round == 0 ? std::bit_cast<double>(random()) : domain(random);
    kernel(x.data(), y.data());
    for (size_t i = 0; i < x.size(); ++i) worst.add(distance(y[i], meaning(op, x[i]), has_roots(op_row(op).name)), x[i]);
  }
  return worst;
}

/// Nanoseconds per element, the best of many runs.
template <class T>
double time_of(OpId op) {
  Kernel<T> kernel(op);
  std::mt19937 random(1);
  std::uniform_real_distribution<double> domain(op_row(op).domain[0], op_row(op).domain[1]);
  std::vector<T> x(kBlock), y(kBlock);
  for (T& v : x) v = static_cast<T>(domain(random));
  double best = HUGE_VAL;
  for (int run = 0; run < 400; ++run) {
    const auto start = std::chrono::steady_clock::now();
    kernel(x.data(), y.data());
    best = std::min(best, std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count());
  }
  return best / kBlock;
}

int run(int64_t stride, const std::vector<std::string_view>& wanted) {
  fmt::print("{:16}{:>9} {:>16}{:>9}   {:>9} {:>24}{:>9}\n", "", "f32 ulp", "at", "ns", "f64 ulp", "at", "ns");
  bool good = true;
  for (int k = 0; k < n_ops(); ++k) {
    const OpId op{k};
    const Op& row = op_row(op);
    if (row.kind != OpKind::elementwise || row.arity != 1 || row.type != TypeRule::same_float || row.cold) continue;
    const bool asked = std::ranges::find(wanted, row.name) != wanted.end();
    // Other internal ops are right only for what their callers pass.
    if (wanted.empty() ? row.internal && std::string_view(row.name) != "exp_neg_square" : !asked) continue;
    const Worst f32 = sweep_f32(op, stride), f64 = sample_f64(op);
    fmt::print("{:16}{:9.3f} {:16.9g}{:9.2f}   {:9.3f} {:24.17g}{:9.2f}\n", row.name, f32.ulp, f32.at, time_of<float>(op), f64.ulp,
               f64.at, time_of<double>(op));
    std::fflush(stdout);
    good = good && std::max(f32.ulp, f64.ulp) <= std::max(row.max_ulp, int8_t{1});
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace dlc

int main(int argc, char** argv) {
  int64_t stride = 64 - 1;  // odd, so that all low bits occur
  std::vector<std::string_view> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--stride" && i + 1 < argc) stride = std::max(1, std::atoi(argv[++i]));
    else wanted.emplace_back(argv[i]);
  }
  return dlc::run(stride, wanted);
}
