// Runs a function natively with every array and the workspace up against an inaccessible page, and compares the
// result bit for bit with the interpreter's.
#pragma once
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

#include "codegen/codegen.h"
#include "interp/interp.h"
#include "ops/builder.h"
#include "ops/table.h"
#include "runtime/abi.h"

namespace dlc::test {

using Value = InterpValue<double>;

/// Memory whose last byte is followed by an inaccessible page, or whose first one is preceded by one.
class Guarded {
 public:
  explicit Guarded(size_t bytes, bool at_end = true, size_t align = 1) : bytes_(bytes) {
    const size_t page = 4096, inner = (bytes + page - 1) / page * page;
    total_ = inner + 2 * page;
    base_ = static_cast<char*>(mmap(nullptr, total_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (inner > 0) mprotect(base_ + page, inner, PROT_READ | PROT_WRITE);
    data_ = base_ + page;
    if (at_end) data_ += (inner - bytes) / align * align;
    std::memset(data_, 0xA5, bytes);
  }
  Guarded(Guarded&& o) noexcept : base_(std::exchange(o.base_, nullptr)), data_(o.data_), bytes_(o.bytes_), total_(o.total_) {}
  ~Guarded() {
    if (base_) munmap(base_, total_);
  }
  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  char* base_;
  char* data_;
  size_t bytes_, total_;
};

inline void leaves(const Value& v, std::vector<const Value*>& out) {
  if (v.dtype != DType::tuple) return out.push_back(&v);
  for (const Value& f : v.fields) leaves(f, out);
}

inline void write_leaf(const Value& v, char* to) {
  for (int64_t k = 0; k < v.count(); ++k) {
    const auto i = static_cast<size_t>(k);
    switch (v.dtype) {
      case DType::f32: reinterpret_cast<float*>(to)[k] = static_cast<float>(v.floats[i]); break;
      case DType::f64: reinterpret_cast<double*>(to)[k] = v.floats[i]; break;
      case DType::b1: to[k] = static_cast<char>(v.ints[i]); break;
      default: reinterpret_cast<int64_t*>(to)[k] = v.ints[i];
    }
  }
}

inline double read_float(DType dtype, const char* from, int64_t k) {
  return dtype == DType::f32 ? static_cast<double>(reinterpret_cast<const float*>(from)[k]) : reinterpret_cast<const double*>(from)[k];
}

inline bool same_bits(double a, double b) { return (std::isnan(a) && std::isnan(b)) || std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

inline ::testing::AssertionResult same_leaf(const Value& expected, const char* got) {
  for (int64_t k = 0; k < expected.count(); ++k) {
    const auto i = static_cast<size_t>(k);
    if (is_float(expected.dtype)) {
      const double g = read_float(expected.dtype, got, k);
      if (!same_bits(g, expected.floats[i]))
        return ::testing::AssertionFailure() << "element " << k << ": native " << std::hexfloat << g << ", interpreter " << expected.floats[i];
    } else {
      const int64_t g = expected.dtype == DType::b1 ? got[k] : reinterpret_cast<const int64_t*>(got)[k];
      if (g != expected.ints[i]) return ::testing::AssertionFailure() << "element " << k << ": native " << g << ", interpreter " << expected.ints[i];
    }
  }
  return ::testing::AssertionSuccess();
}

/// Calls `symbol` of a compiled module with guarded memory; outputs have the shapes of `expected`.
inline int32_t call_packed(const JitModule& jit, const std::string& symbol, const std::vector<int64_t>& sizes,
                           const std::vector<Value>& args, const Value& expected, std::vector<Guarded>& outputs, bool at_end,
                           dlc_ctx* ctx = nullptr) {
  std::vector<Guarded> memory;
  std::vector<void*> cells;
  const auto add = [&](size_t bytes) {
    memory.emplace_back(bytes, at_end);
    cells.push_back(memory.back().data());
    return memory.back().data();
  };
  for (int64_t s : sizes) std::memcpy(add(8), &s, 8);
  std::vector<const Value*> ins, outs;
  for (const Value& a : args) leaves(a, ins);
  leaves(expected, outs);
  for (const Value* v : ins) write_leaf(*v, add(static_cast<size_t>(v->count() * dtype_bytes(v->dtype))));
  for (const Value* v : outs) {
    outputs.emplace_back(static_cast<size_t>(v->count() * dtype_bytes(v->dtype)), at_end);
    cells.push_back(outputs.back().data());
  }
  int64_t bytes = 0;
  void* ws = jit.workspace(symbol);
  switch (sizes.size()) {
    case 0: bytes = reinterpret_cast<int64_t (*)()>(ws)(); break;
    case 1: bytes = reinterpret_cast<int64_t (*)(int64_t)>(ws)(sizes[0]); break;
    case 2: bytes = reinterpret_cast<int64_t (*)(int64_t, int64_t)>(ws)(sizes[0], sizes[1]); break;
    default: bytes = reinterpret_cast<int64_t (*)(int64_t, int64_t, int64_t)>(ws)(sizes[0], sizes[1], sizes[2]);
  }
  EXPECT_EQ(bytes % 64, 0);
  Guarded workspace(static_cast<size_t>(bytes), at_end, 64);
  cells.push_back(bytes == 0 ? nullptr : workspace.data());
  auto* f = reinterpret_cast<int32_t (*)(const dlc_ctx*, void* const*)>(jit.packed(symbol));
  return f(ctx, cells.data());
}

/// Compares a run of `compiled` with the interpreter's; without it, compiles `f` for this machine and for the baseline,
/// whose vectors are narrower.
inline void expect_same(const Module& m, FuncId f, const std::vector<Value>& args, const std::map<StrId, int64_t>& sizes = {},
                        const JitModule* compiled = nullptr) {
  const Result<Value> expected = interpret<double>(m, f, args, sizes);
  ASSERT_TRUE(expected) << expected.error().message;
  if (!compiled) {
    for (const char* cpu : {"native", "x86-64-v3"}) {
      const Entry entries[] = {{"f", f}};
      const Result<JitModule> made = jit(m, entries, {.cpu = cpu});
      ASSERT_TRUE(made) << made.error().message;
      SCOPED_TRACE(cpu);
      expect_same(m, f, args, sizes, &*made);
    }
    return;
  }
  std::vector<int64_t> bound;
  for (StrId name : m[f].size_vars) bound.push_back(sizes.at(name));
  for (const bool at_end : {true, false}) {
    std::vector<Guarded> outputs;
    ASSERT_EQ(call_packed(*compiled, "f", bound, args, *expected, outputs, at_end), DLC_OK);
    std::vector<const Value*> outs;
    leaves(*expected, outs);
    for (size_t k = 0; k < outs.size(); ++k) EXPECT_TRUE(same_leaf(*outs[k], outputs[k].data())) << "result " << k << "\n" << loops_text(m, f);
  }
}

inline Value random_array(std::mt19937& random, std::vector<int64_t> dims, DType dtype = DType::f64, double low = -2, double high = 2) {
  Value v;
  v.dtype = dtype, v.dims = std::move(dims);
  std::uniform_real_distribution<double> uniform(low, high);
  for (int64_t k = 0; k < v.count(); ++k) {
    const double x = uniform(random);
    if (dtype == DType::f64) v.floats.push_back(x);
    else if (dtype == DType::f32) v.floats.push_back(static_cast<double>(static_cast<float>(x)));
    else if (dtype == DType::b1) v.ints.push_back(x > 0);
    else v.ints.push_back(static_cast<int64_t>(x * 10));
  }
  return v;
}

/// A module with one function under construction.
struct Fixture {
  Module m;
  FuncId id;
  Loc loc;
  std::vector<StrId> names;

  explicit Fixture(std::vector<std::string> size_vars = {}) {
    Func f;
    f.name = "f";
    f.blocks.emplace_back();
    for (const std::string& s : size_vars) f.size_vars.push_back(m.strings.intern(s));
    names = f.size_vars;
    id = m.add(std::move(f));
  }
  DimId dim(int64_t n) { return m.types.dims.constant(n); }
  DimId dim(const std::string& name) { return m.types.dims.variable(m.strings.intern(name)); }
  Builder b() { return Builder(m, id, BlockId{0}); }
  ValueId param(DType dtype, std::vector<DimId> dims, const std::string& name = "x") {
    return append_param(m, m[id], BlockId{0}, "param"_op, m.types.array(dtype, std::move(dims)), m.strings.intern(name), loc);
  }
  void result(ValueId v) { b().set_result(v); }
  std::map<StrId, int64_t> sizes(const std::vector<int64_t>& values) const {
    std::map<StrId, int64_t> out;
    for (size_t k = 0; k < values.size(); ++k) out[names[k]] = values[k];
    return out;
  }
};

}  // namespace dlc::test
