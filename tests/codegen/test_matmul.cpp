// Matrix products of every kind: matrix–matrix, vector–matrix, matrix–vector, dot, batched, transposed, several axes.
#include "harness.h"

namespace dlc::test {
namespace {

struct Case {
  int batch, m, n, k;   // ranks
};

Fixture* product(DType dtype, const Case& c, bool transpose_a, bool transpose_b, std::vector<DimId> (*extents)(Fixture&, int, char)) {
  auto* t = new Fixture({"m", "n", "k"});
  auto b = t->b();
  const auto group = [&](int rank, char name) { return extents(*t, rank, name); };
  const auto operand = [&](std::vector<std::vector<DimId>> groups, bool transposed) {
    std::vector<DimId> dims;
    for (const auto& g : groups) dims.insert(dims.end(), g.begin(), g.end());
    if (!transposed) return t->param(dtype, dims);
    // Stored with its axes reversed, read through a transposing view.
    std::vector<DimId> stored(dims.rbegin(), dims.rend());
    std::vector<int> axes;
    for (int r = static_cast<int>(dims.size()); r-- > 0;) axes.push_back(r);
    return b.transpose(t->param(dtype, stored), axes, t->loc);
  };
  const ValueId a = operand({group(c.batch, 'b'), group(c.m, 'm'), group(c.k, 'k')}, transpose_a);
  const ValueId w = operand({group(c.batch, 'b'), group(c.k, 'k'), group(c.n, 'n')}, transpose_b);
  t->result(b.matmul(a, w, {c.batch, c.m, c.n, c.k}, t->loc));
  return t;
}

std::vector<DimId> run_time(Fixture& t, int rank, char name) {
  if (name == 'b') return std::vector<DimId>(static_cast<size_t>(rank), t.dim(2));
  std::vector<DimId> dims;
  for (int r = 0; r < rank; ++r) dims.push_back(r == 0 ? t.dim(std::string(1, name)) : t.dim(3));
  return dims;
}

void run_at(Fixture& t, const JitModule& code, std::vector<int64_t> sizes) {
  std::mt19937 random(11);
  std::vector<Value> args;
  for (ValueId p : t.m[t.id].body().params) {
    const Type& type = t.m.types[t.m[t.id][p].type];
    std::vector<int64_t> dims;
    for (DimId d : type.dims) dims.push_back(*t.m.types.dims.evaluate(d, t.sizes(sizes)));
    args.push_back(random_array(random, dims, type.dtype));
  }
  SCOPED_TRACE(testing::Message() << "m, n, k = " << sizes[0] << ", " << sizes[1] << ", " << sizes[2]);
  expect_same(t.m, t.id, args, t.sizes(sizes), &code);
}

TEST(Matmul, EveryKindAtRunTimeSizes) {
  const Case cases[] = {{0, 1, 1, 1}, {0, 0, 1, 1}, {0, 1, 0, 1}, {0, 0, 0, 1}, {1, 1, 1, 1}, {1, 1, 0, 1}, {0, 2, 2, 2}, {0, 1, 0, 2}, {2, 1, 1, 1}};
  for (const Case& c : cases)
    for (DType dtype : {DType::f32, DType::f64, DType::i64})
      for (int transposed = 0; transposed < 4; ++transposed) {
        SCOPED_TRACE(testing::Message() << "ranks " << c.batch << c.m << c.n << c.k << ", transposed " << transposed);
        std::unique_ptr<Fixture> t(product(dtype, c, transposed & 1, transposed & 2, run_time));
        const Entry entries[] = {{"f", t->id}};
        const Result<JitModule> code = jit(t->m, entries, {});
        ASSERT_TRUE(code) << code.error().message;
        for (const std::vector<int64_t>& s : std::initializer_list<std::vector<int64_t>>{
                 {5, 7, 3}, {1, 1, 1}, {17, 33, 16}, {8, 16, 17}, {9, 20, 40}, {0, 4, 4}, {4, 0, 4}, {4, 4, 0}, {21, 47, 5}})
          run_at(*t, *code, s);
        if (HasFailure()) return;
      }
}

std::vector<DimId> constant_extents(Fixture& t, int rank, char name) {
  return std::vector<DimId>(static_cast<size_t>(rank), t.dim(name == 'm' ? 13 : name == 'n' ? 30 : 19));
}

TEST(Matmul, ConstantSizes) {
  for (const Case& c : {Case{0, 1, 1, 1}, Case{0, 1, 0, 1}, Case{0, 0, 1, 1}, Case{0, 0, 0, 1}})
    for (DType dtype : {DType::f32, DType::f64})
      for (int transposed = 0; transposed < 4; ++transposed) {
        std::unique_ptr<Fixture> t(product(dtype, c, transposed & 1, transposed & 2, constant_extents));
        const Entry entries[] = {{"f", t->id}};
        const Result<JitModule> code = jit(t->m, entries, {});
        ASSERT_TRUE(code) << code.error().message;
        run_at(*t, *code, {1, 1, 1});
      }
}

TEST(Matmul, OfExpressionsAndSlices) {
  Fixture t({"n"});
  auto b = t.b();
  const DimId n = t.dim("n");
  const ValueId x = t.param(DType::f32, {n, t.dim(12)}), w = t.param(DType::f32, {t.dim(20), t.dim(40)});
  const ValueId a = b.op("exp"_op, {b.slice(x, 1, t.dim(1), t.dim(10), 1, t.loc)}, t.loc);
  const ValueId part = b.slice(b.slice(w, 0, t.dim(3), t.dim(10), 1, t.loc), 1, t.dim(5), t.dim(33), 1, t.loc);
  const ValueId y = b.matmul(a, part, {0, 1, 1, 1}, t.loc);
  const ValueId back = b.matmul(b.transpose(a, {1, 0}, t.loc), b.op("neg"_op, {y}, t.loc), {0, 1, 1, 1}, t.loc);
  const ValueId bias = b.op("add"_op, {y, b.pick(part, 0, t.dim(0), t.loc)}, t.loc);
  const ValueId results[] = {bias, back, b.matmul(y, y, {0, 0, 0, 2}, t.loc)};
  t.result(b.tuple(results, t.loc));
  std::mt19937 random(5);
  for (int64_t extent : {0, 1, 4, 18})
    expect_same(t.m, t.id, {random_array(random, {extent, 12}, DType::f32), random_array(random, {20, 40}, DType::f32)}, t.sizes({extent}));
}

}  // namespace
}  // namespace dlc::test
