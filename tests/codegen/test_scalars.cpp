// Scalars: straight-line code in registers, every elementwise row in both widths, long functions in chunks.
#include "harness.h"

namespace dlc::test {
namespace {

TEST(Scalars, TheSlidesFunctionIsADirectCall) {
  Fixture t;
  auto b = t.b();
  const ValueId x1 = t.param(DType::f64, {}, "x1"), x2 = t.param(DType::f64, {}, "x2");
  const ValueId v1 = b.op("div"_op, {x1, x2}, t.loc), v3 = b.op("add"_op, {b.op("exp"_op, {v1}, t.loc), v1}, t.loc);
  t.result(b.op("mul"_op, {v3, b.op("sub"_op, {v1, b.op("log"_op, {x2}, t.loc)}, t.loc)}, t.loc));
  const Entry entries[] = {{"slides", t.id}};
  const Result<JitModule> code = jit(t.m, entries, {});
  ASSERT_TRUE(code) << code.error().message;
  auto* f = reinterpret_cast<double (*)(double, double)>(code->direct("slides"));
  ASSERT_NE(f, nullptr);
  EXPECT_NEAR(f(1.5, 0.5), 85.258285599583049843704425, 3e-14);
  expect_same(t.m, t.id, {Value::scalar(1.5), Value::scalar(0.5)});
  EXPECT_EQ(code->entry("other"), nullptr);
}

/// Operands of a row: `wanted` floats where the row lets one choose.
std::vector<DType> operand_types(const Op& row, DType wanted) {
  std::vector<DType> types(static_cast<size_t>(row.arity), wanted);
  if (row.type == TypeRule::logic) types.assign(types.size(), DType::b1);
  if (row.type == TypeRule::integer || row.type == TypeRule::from_bits32 || row.type == TypeRule::from_bits64) types.assign(types.size(), DType::i64);
  if (row.type == TypeRule::to_key) types[0] = DType::i64;
  if (row.type == TypeRule::key_bits) types[0] = DType::key;
  if (row.type == TypeRule::select) types[0] = DType::b1;
  if (row.type == TypeRule::float_int) types[1] = DType::i64;
  if (row.type == TypeRule::int_float) types[0] = DType::i64;
  return types;
}

Value samples(const Op& row, DType dtype, std::mt19937& random, int64_t n) {
  Value v = random_array(random, {n}, dtype, row.domain[0], row.domain[1]);
  if (!is_float(dtype)) {
    for (int64_t& i : v.ints) i = dtype == DType::b1 ? i & 1 : std::clamp<int64_t>(i % 64, 0, 19);
    return v;
  }
  const double inf = HUGE_VAL;
  const double specials[] = {0, -0.0, inf, -inf, NAN, 1, -1, 0.5, 5e-324, 1e-40, 1e30, 1e300, -1e300, row.special[0], row.special[1], row.special[2]};
  for (size_t k = 0; k < std::size(specials); ++k) v.floats[k * 3 % v.floats.size()] = dtype == DType::f32 ? static_cast<double>(static_cast<float>(specials[k])) : specials[k];
  return v;
}

TEST(Scalars, EveryRowAgreesWithTheInterpreterInEveryWidth) {
  for (int k = 0; k < n_ops(); ++k) {
    const OpId op{k};
    const Op& row = op_row(op);
    // A bare quotient traps where a masked lane divides by 0; expansions guard it.
    if (row.kind != OpKind::elementwise || op == "quotient"_op) continue;
    for (DType dtype : {DType::f32, DType::f64}) {
      SCOPED_TRACE(std::string(row.name) + " " + dtype_name(dtype));
      const int64_t n = 131;
      Fixture t;
      auto b = t.b();
      std::mt19937 random(static_cast<unsigned>(k));
      std::vector<ValueId> operands, elements;
      std::vector<Value> args;
      for (DType type : operand_types(row, dtype)) {
        operands.push_back(t.param(type, {t.dim(n)}));
        args.push_back(samples(row, type, random, n));
      }
      for (size_t o = 0; o < operands.size(); ++o) elements.push_back(b.pick(operands[o], 0, t.dim(2), t.loc));
      const ValueId results[] = {b.op(op, operands, t.loc), b.op(op, elements, t.loc)};
      t.result(b.tuple(results, t.loc));
      expect_same(t.m, t.id, args);
    }
  }
}

/// A straight line of `n` operations, each of two earlier values.
FuncId long_function(Fixture& t, int n) {
  std::mt19937 random(1);
  auto b = t.b();
  std::vector<ValueId> values{t.param(DType::f64, {}), t.param(DType::f64, {})};
  const ValueId row = t.param(DType::f64, {t.dim(4)});
  for (int k = 0; k < 4; ++k) values.push_back(b.pick(row, 0, t.dim(k), t.loc));
  static constexpr OpId kOps[] = {"add"_op, "sub"_op, "mul"_op, "max"_op};
  for (int k = 0; k < n; ++k) {
    const auto any = [&] { return values[random() % 4 ? values.size() - 1 - random() % std::min<size_t>(values.size(), 50) : random() % values.size()]; };
    const ValueId x = any(), y = any();
    values.push_back(k % 16 == 0 ? b.op("tanh"_op, {x}, t.loc) : b.op(kOps[random() % 4], {x, y}, t.loc));
  }
  const ValueId results[] = {values.back(), values[values.size() / 2]};
  t.result(b.tuple(results, t.loc));
  return t.id;
}

TEST(Scalars, LongFunctionsAreCutIntoChunks) {
  for (int n : {7000, 25000}) {
    Fixture t;
    long_function(t, n);
    std::mt19937 random(2);
    expect_same(t.m, t.id, {Value::scalar(0.3), Value::scalar(-0.7), random_array(random, {4})});
  }
}

TEST(Scalars, SizesAndChecks) {
  Fixture t({"n", "m"});
  auto b = t.b();
  DimTable& d = t.m.types.dims;
  const DimId n = t.dim("n"), m = t.dim("m");
  t.param(DType::f64, {n});
  const DimId size = d.div(d.sub(d.mul(n, n), m), t.dim(3));
  t.result(b.size(size, t.loc));
  t.m[t.id].checks.push_back({d.sub(n, m), n, t.loc, SizeCheck::Kind::subscript, {}});
  std::mt19937 random(2);
  expect_same(t.m, t.id, {random_array(random, {5})}, t.sizes({5, 4}));

  const Entry entries[] = {{"f", t.id}};
  const Result<JitModule> code = jit(t.m, entries, {});
  ASSERT_TRUE(code);
  auto* f = reinterpret_cast<int32_t (*)(const dlc_ctx*, int64_t, int64_t, const double*, int64_t*, void*)>(code->entry("f"));
  dlc_error error = {};
  dlc_ctx ctx = {};
  ctx.size = sizeof ctx, ctx.version = DLC_ABI_VERSION, ctx.error = &error;
  const double x[5] = {};
  int64_t out = 0;
  EXPECT_EQ(f(&ctx, 5, 9, x, &out, nullptr), DLC_INDEX);
  EXPECT_EQ(error.code, DLC_INDEX);
  EXPECT_EQ(error.value, -4);
  EXPECT_EQ(error.extent, 5);
  ASSERT_LT(static_cast<size_t>(error.site), code->sites().size());
  EXPECT_EQ(code->sites()[static_cast<size_t>(error.site)].check.kind, SizeCheck::Kind::subscript);
  auto* bytes = reinterpret_cast<int64_t (*)(int64_t, int64_t)>(code->workspace("f"));
  EXPECT_EQ(bytes(1, 1), 0);
  EXPECT_EQ(f(nullptr, -1, -1, x, &out, nullptr), DLC_BAD_SIZE);
  EXPECT_EQ(f(nullptr, 2, 1, x, &out, nullptr), DLC_OK);
  EXPECT_EQ(out, 1);
}

}  // namespace
}  // namespace dlc::test
