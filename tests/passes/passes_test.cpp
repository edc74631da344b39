// Every pass keeps what a function computes: each program below is interpreted as written, then after each pass, over
// 200 bits (where the order of a sum does not show) and over several sizes, the empty one included. What a pass
// promises beyond that (no map left, a matrix product found) is checked by name.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "interp/interp.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/table.h"
#include "passes/passes.h"

namespace dlc {
namespace {

const OpSet kOps{find_op, op_row};
using Value = InterpValue<Big>;

struct Read {
  Sources sources;
  Module module;
  Diagnostics diagnostics;
};

std::unique_ptr<Read> read(const std::string& text) {
  auto r = std::make_unique<Read>();
  const FileId file = r->sources.add("t.ir", text);
  EXPECT_TRUE(parse_ir(r->sources, file, r->module, kOps, r->diagnostics));
  for (const Diagnostic& d : r->diagnostics.all()) ADD_FAILURE() << render_text(d, r->sources);
  return r;
}

bool has_op(const Func& f, OpId op) {
  return std::any_of(f.insts.begin(), f.insts.end(), [op](const Inst& in) { return in.op == op; });
}

Value random_value(const Module& m, TypeId type, const std::map<StrId, int64_t>& sizes, std::mt19937& random) {
  const Type& t = m.types[type];
  Value v;
  v.dtype = t.dtype;
  for (const Field& f : t.fields) v.fields.push_back(random_value(m, f.type, sizes, random));
  for (DimId d : t.dims) v.dims.push_back(*m.types.dims.evaluate(d, sizes));
  if (t.is_tuple()) return v;
  for (int64_t k = 0; k < v.count(); ++k) {
    const double x = std::uniform_real_distribution<>(-2, 2)(random);
    if (is_float(t.dtype)) v.floats.emplace_back(x);
    else v.ints.push_back(t.dtype == DType::b1 ? x > 0 : static_cast<int64_t>(x));
  }
  return v;
}

/// Relative distance of the worst element; infinite when shapes or ints differ.
double distance(const Value& a, const Value& b) {
  if (a.dims != b.dims || a.ints != b.ints || a.fields.size() != b.fields.size()) return INFINITY;
  double worst = 0;
  for (size_t k = 0; k < a.fields.size(); ++k) worst = std::max(worst, distance(a.fields[k], b.fields[k]));
  for (size_t k = 0; k < a.floats.size(); ++k) {
    const double x = static_cast<double>(a.floats[k]), y = static_cast<double>(b.floats[k]);
    if (x != y && !(std::isnan(x) && std::isnan(y))) worst = std::max(worst, std::abs(x - y) / std::max(1.0, std::abs(x)));
  }
  return worst;
}

using Pass = void (*)(Module&, FuncId, Diagnostics&);
struct Step {
  const char* name;
  Pass pass;
};
constexpr Step kSteps[] = {{"inline", inline_calls}, {"batch", batch}, {"inline again", inline_calls}, {"contract", contract},
                           {"simplify", simplify},   {"cse", cse},     {"dce", dce}};

std::vector<Value> results(Read& r, FuncId f, const char* stage) {
  std::vector<Value> all;
  for (const int64_t n : {0, 1, 2, 5}) {
    std::map<StrId, int64_t> sizes;
    int64_t size = n;
    for (StrId name : r.module[f].size_vars) sizes[name] = size++;
    std::mt19937 random(static_cast<unsigned>(n) + 1);
    std::vector<Value> args;
    for (ValueId p : r.module[f].body().params) args.push_back(random_value(r.module, r.module[f][p].type, sizes, random));
    const auto y = interpret<Big>(r.module, f, args, sizes);
    EXPECT_TRUE(static_cast<bool>(y)) << stage << ": " << (y ? "" : y.error().message);
    if (y) all.push_back(*y);
  }
  return all;
}

void keeps_meaning(const std::string& text, std::initializer_list<OpId> present, std::initializer_list<OpId> absent) {
  auto r = read(text);
  ASSERT_GT(r->module.size(), 0u);
  const FuncId f{static_cast<int32_t>(r->module.size()) - 1};  // the last function is the program
  const std::vector<Value> expected = results(*r, f, "as written");
  for (const Step& step : kSteps) {
    for (FuncId g : call_order(r->module, f)) step.pass(r->module, g, r->diagnostics);
    for (const Diagnostic& d : r->diagnostics.all()) ADD_FAILURE() << step.name << ": " << render_text(d, r->sources);
    for (FuncId g : call_order(r->module, f))
      if (const auto broken = verify(r->module, g, kOps)) FAIL() << step.name << ": " << *broken << "\n" << print(r->module, r->module[g], kOps);
    const std::vector<Value> now = results(*r, f, step.name);
    ASSERT_EQ(now.size(), expected.size());
    for (size_t k = 0; k < now.size(); ++k)
      EXPECT_LE(distance(expected[k], now[k]), 1e-15) << step.name << ", sizes from case " << k << "\n" << print(r->module, r->module[f], kOps);
  }
  for (OpId op : present) EXPECT_TRUE(has_op(r->module[f], op)) << op_row(op).name << "\n" << print(r->module, r->module[f], kOps);
  for (OpId op : absent) EXPECT_FALSE(has_op(r->module[f], op)) << op_row(op).name << "\n" << print(r->module, r->module[f], kOps);
}

TEST(Batch, MatrixVectorProductOfEachRowIsAMatrixProduct) {
  keeps_meaning(R"(func @f[n, d, h](%0 W: f64[h, d], %1 X: f64[n, d], %2 b: f64[h]) -> f64[n, h] {
  %3 = map [n] %0, %1, %2 (%4 i: int, %5: f64[h, d], %6: f64[n, d], %7: f64[h]) {
    %8 = index %6, %4 : f64[d]
    %9 = matmul %5, %8 {batch = 0, m = 1, n = 0, k = 1} : f64[h]
    %10 = add %9, %7 : f64[h]
    %11 = exp %10 : f64[h]
    yield %11
  } : f64[n, h]
  return %3
}
)", {"matmul"_op}, {"map"_op, "index"_op});
}

TEST(Batch, BothOperandsVary) {
  keeps_meaning(R"(func @f[n, d, h](%0 W: f64[n, h, d], %1 X: f64[n, d]) -> f64[n, h] {
  %2 = map [n] %0, %1 (%3 i: int, %4: f64[n, h, d], %5: f64[n, d]) {
    %6 = index %5, %3 : f64[d]
    %7 = index %4, %3 : f64[h, d]
    %8 = matmul %7, %6 {batch = 0, m = 1, n = 0, k = 1} : f64[h]
    yield %8
  } : f64[n, h]
  return %2
}
)", {"matmul"_op}, {"map"_op, "index"_op});
}

TEST(Batch, DotOfEachRowWithOneVector) {
  keeps_meaning(R"(func @f[n, d](%0 w: f64[d], %1 X: f64[n, d]) -> f64 {
  %2 = map [n] %0, %1 (%3 i: int, %4: f64[d], %5: f64[n, d]) {
    %6 = index %5, %3 : f64[d]
    %7 = matmul %4, %6 {batch = 0, m = 0, n = 0, k = 1} : f64
    yield %7
  } : f64[n]
  %8 = sum %2 {axes = [0]} : f64
  return %8
}
)", {"matmul"_op}, {"map"_op, "index"_op});
}

TEST(Batch, NestedIndicesWindowsAndDiagonals) {
  keeps_meaning(R"(func @f[n](%0 A: f64[n + 1, n + 1], %1 x: f64[2*n + 3]) -> f64[n, n + 1] {
  %2 = map [n] %0, %1 (%3 i: int, %4: f64[n + 1, n + 1], %5: f64[2*n + 3]) {
    %6 = map [n + 1] %3, %4, %5 (%7 j: int, %8: int, %9: f64[n + 1, n + 1], %10: f64[2*n + 3]) {
      %11 = const 1 : int
      %12 = add %8, %7 : int
      %13 = add %12, %11 : int
      %14 = index %10, %13 : f64
      %15 = index %9, %7, %7 : f64
      %16 = size n : int
      %17 = sub %16, %8 : int
      %18 = index %9, %17, %7 : f64
      %19 = mul %14, %15 : f64
      %20 = add %19, %18 : f64
      %21 = mul %8, %7 : int
      %22 = to_f64 %21 : f64
      %23 = add %20, %22 : f64
      yield %23
    } : f64[n + 1]
    yield %6
  } : f64[n, n + 1]
  return %2
}
)", {"view"_op}, {"map"_op, "index"_op});
}

TEST(Batch, AConditionThatVariesSelectsAndGuards) {
  keeps_meaning(R"(func @f[n](%0 x: f64[n]) -> f64[n] {
  %1 = map [n] %0 (%2 i: int, %3: f64[n]) {
    %4 = const 0 : int
    %5 = gt %2, %4 : bool
    %6 = if %5, %2, %3 (%7: int, %8: f64[n]) {
      %9 = const 1 : int
      %10 = sub %7, %9 : int
      %11 = index %8, %10 guarded : f64
      yield %11
    } else (%12: int, %13: f64[n]) {
      %14 = const 7 : f64
      yield %14
    } : f64
    yield %6
  } : f64[n]
  return %1
}
)", {"select"_op}, {"map"_op, "index"_op, "if"_op});
}

TEST(Batch, AConditionThatDoesNotVaryStays) {
  keeps_meaning(R"(func @f[n](%0 c: bool, %1 x: f64[n]) -> (f64[n], f64[n]) {
  %2 = map [n] %0, %1 (%3 i: int, %4: bool, %5: f64[n]) {
    %6 = if %4, %3, %5 (%7: int, %8: f64[n]) {
      %9 = index %8, %7 : f64
      %10 = const 3 : f64
      %11 = tuple %9, %10 : (f64, f64)
      yield %11
    } else (%12: int, %13: f64[n]) {
      %14 = to_f64 %12 : f64
      %15 = tuple %14, %14 : (f64, f64)
      yield %15
    } : (f64, f64)
    yield %6
  } : (f64[n], f64[n])
  return %2
}
)", {"if"_op}, {"map"_op, "index"_op});
}

TEST(Batch, CallsStackReshapeCumsumReductions) {
  keeps_meaning(R"(func @g[d](%0 x: f64[d], %1 s: f64) -> (f64[d], f64) {
  %2 = cumsum %0 {axis = 0, reverse = 0} : f64[d]
  %3 = max_over %2 {axes = [0]} : f64
  %4 = stack %3, %1, %3 : f64[3]
  %5 = reshape %4 : f64[3, 1]
  %6 = prod %5 {axes = [0, 1]} : f64
  %7 = tuple %2, %6 : (f64[d], f64)
  return %7
}
func @f[n](%0 X: f64[n + 1, n + 2], %1 s: f64[n + 1]) -> (f64[n + 1, n + 2], f64[n + 1]) {
  %2 = map [n + 1] %0, %1 (%3 i: int, %4: f64[n + 1, n + 2], %5: f64[n + 1]) {
    %6 = index %4, %3 : f64[n + 2]
    %7 = index %5, %3 : f64
    %8 = call @g[n + 2](%6, %7) : (f64[n + 2], f64)
    yield %8
  } : (f64[n + 1, n + 2], f64[n + 1])
  return %2
}
)", {}, {"map"_op, "index"_op, "call"_op});
}

TEST(Contract, IndexNotationOfAMatrixProduct) {
  keeps_meaning(R"(func @f[n, m, k](%0 A: f64[n, k], %1 B: f64[k, m]) -> f64[m, n] {
  %2 = map [m, n] %0, %1 (%3 c: int, %4 r: int, %5: f64[n, k], %6: f64[k, m]) {
    %7 = map [k] %3, %4, %5, %6 (%8 j: int, %9: int, %10: int, %11: f64[n, k], %12: f64[k, m]) {
      %13 = index %11, %10, %8 : f64
      %14 = index %12, %8, %9 : f64
      %15 = mul %13, %14 : f64
      yield %15
    } : f64[k]
    %16 = sum %7 {axes = [0]} : f64
    yield %16
  } : f64[m, n]
  return %2
}
)", {"matmul"_op}, {"map"_op, "index"_op, "sum"_op});
}

TEST(Batch, ALargeCalleeKeepsItsCall) {
  std::string body;
  for (int k = 0; k < 500; ++k) {
    const int v = 2 * k + 2;
    body += "  %" + std::to_string(v) + " = sin %" + std::to_string(k ? v - 1 : 0) + " : f64[d]\n";
    body += "  %" + std::to_string(v + 1) + " = add %" + std::to_string(v) + ", %0 : f64[d]\n";
  }
  keeps_meaning("func @g[d](%0 x: f64[d], %1 s: f64[d]) -> f64[d] {\n" + body + R"(  return %1001
}
func @f[n](%0 X: f64[n, 3], %1 s: f64[3]) -> f64[n, 3] {
  %2 = map [n] %0, %1 (%3 i: int, %4: f64[n, 3], %5: f64[3]) {
    %6 = index %4, %3 : f64[3]
    %7 = call @g[3](%6, %5) : f64[3]
    yield %7
  } : f64[n, 3]
  return %2
}
)", {"call"_op}, {"map"_op, "index"_op});
}

TEST(Batch, ASubscriptThatMultipliesIndicesIsAGather) {
  auto r = read(R"(func @f[n](%0 x: f64[n*n]) -> f64[n, n] {
  %1 = map [n, n] %0 (%2 i: int, %3 j: int, %4: f64[n*n]) {
    %5 = mul %2, %3 : int
    %6 = index %4, %5 : f64
    yield %6
  } : f64[n, n]
  return %1
}
)");
  batch(r->module, FuncId{0}, r->diagnostics);
  ASSERT_EQ(r->diagnostics.n_errors(), 0u);
  int n_gathers = 0;
  for (const Inst& in : r->module[FuncId{0}].insts) n_gathers += in.op == "index"_op && in.n_operands == 2;
  EXPECT_EQ(n_gathers, 1);
}

TEST(Specialise, ChecksAndDims) {
  auto r = read(R"(func @f[n](%0 x: f64[n]) -> f64[n - 2] {
  check n - 3 >= 0 {extent = n}
  %1 = view %0 [j0 + 2] : f64[n - 2]
  return %1
}
)");
  const StrId n = r->module.strings.intern("n");
  const FuncId five = specialise(r->module, FuncId{0}, {{n, 5}}, r->diagnostics);
  EXPECT_EQ(r->module.types.text(r->module[five].result_type()), "f64[3]");
  EXPECT_TRUE(r->module[five].checks.empty());
  EXPECT_EQ(specialise(r->module, FuncId{0}, {{n, 5}}, r->diagnostics), five);
  EXPECT_FALSE(r->diagnostics.has_errors());
  specialise(r->module, FuncId{0}, {{n, 2}}, r->diagnostics);
  ASSERT_EQ(r->diagnostics.n_errors(), 1u);
  EXPECT_STREQ(r->diagnostics.all().front().kind->slug, "size-check-failed");
}

TEST(Simplify, AnIfOnAConstantIsItsBranch) {
  auto r = read(R"(func @f(%0 x: f64) -> f64 {
  %1 = const true : bool
  %2 = if %1, %0 (%3: f64) {
    %4 = exp %3 : f64
    yield %4
  } else (%5: f64) {
    yield %5
  } : f64
  return %2
}
)");
  simplify(r->module, FuncId{0}, r->diagnostics);
  EXPECT_FALSE(has_op(r->module[FuncId{0}], "if"_op));
  EXPECT_TRUE(has_op(r->module[FuncId{0}], "exp"_op));
}

}  // namespace
}  // namespace dlc
