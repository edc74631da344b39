// Derivatives of array programs: products, reductions, every kind of view, index regions.
#include <gtest/gtest.h>

#include "ad/forward.h"
#include "ad/reverse.h"
#include "checks.h"

namespace dlc::test {
namespace {

using Flat = std::vector<double>;

Flat numbers(size_t n) {
  Flat values(n);
  for (size_t k = 0; k < n; ++k) values[k] = 0.3 * static_cast<double>((k * 7) % 11) - 1.4;
  return values;
}

/// A function of one array, made of a view of it; the square makes second derivatives.
void check_view(const std::vector<int64_t>& shape, const std::function<ViewMap(Program&, const Type&)>& make_map) {
  Program p;
  const TypeId t = p.f64(shape);
  size_t n = 1;
  for (int64_t s : shape) n *= static_cast<size_t>(s);
  const ViewMap map = make_map(p, p.m.types[t]);
  const FuncId f = p.function("f", {t}, [&](const Expr* x) {
    const Expr y = x[0].with(x[0].b->view(x[0].v, map, {}));
    return y * y + y;
  });
  check_all(p, f, {numbers(n)});
}

TEST(View, BroadcastTransposeAndPick) {
  check_view({3}, [](Program& p, const Type& t) { return broadcast_map(p.m, t, {p.m.types.dims.constant(2)}); });
  check_view({2, 3}, [](Program& p, const Type& t) { return permute_map(p.m, t, {1, 0}, {t.dims[1], t.dims[0]}); });
  check_view({2, 3}, [](Program& p, const Type& t) {
    ViewMap map = permute_map(p.m, t, {1}, {t.dims[1]});
    map.offsets[0] = p.m.types.dims.constant(1);
    return map;
  });
}

TEST(View, DiagonalAndAntidiagonal) {
  check_view({3, 3}, [](Program& p, const Type& t) {
    return ViewMap{{t.dims[0]}, {p.m.types.dims.constant(0), p.m.types.dims.constant(0)}, {1, 1}};
  });
  check_view({3, 3}, [](Program& p, const Type& t) {
    return ViewMap{{t.dims[0]}, {p.m.types.dims.constant(0), p.m.types.dims.constant(2)}, {1, -1}};
  });
}

TEST(View, OverlappingWindowsStridesFlipsAndShifts) {
  const auto constant = [](Program& p, int64_t n) { return p.m.types.dims.constant(n); };
  check_view({5}, [&](Program& p, const Type&) { return ViewMap{{constant(p, 3), constant(p, 3)}, {constant(p, 0)}, {1, 1}}; });
  check_view({7}, [&](Program& p, const Type&) { return ViewMap{{constant(p, 3)}, {constant(p, 1)}, {2}}; });
  check_view({4}, [&](Program& p, const Type&) { return ViewMap{{constant(p, 4)}, {constant(p, 3)}, {-1}}; });
  check_view({5}, [&](Program& p, const Type&) { return ViewMap{{constant(p, 3)}, {constant(p, 1)}, {1}}; });
  check_view({5}, [&](Program& p, const Type&) { return ViewMap{{constant(p, 7)}, {constant(p, -1)}, {1}, true}; });
  // Windows of a strided convolution, x[2·i + k], read with a gap and twice in places.
  check_view({7}, [&](Program& p, const Type&) { return ViewMap{{constant(p, 3), constant(p, 3)}, {constant(p, 0)}, {2, 1}}; });
}

TEST(Linear, ReshapeCumsumStackAndConversion) {
  Program p;
  const FuncId f = p.function("f", {p.f64({2, 3}), p.f64({6})}, [](const Expr* x) {
    Builder& b = *x[0].b;
    const Expr flat = x[0].with(b.reshape(x[0].v, b.type(x[1].v).dims, {}));
    const Expr run = x[0].with(b.cumsum((flat * x[1]).v, 0, false, {}));
    const Expr back = x[0].with(b.cumsum((flat * flat).v, 0, true, {}));
    const ValueId rows[] = {run.v, back.v, flat.v};
    const Expr all = x[0].with(b.stack(rows, {}));
    return all * all;
  });
  check_all(p, f, {numbers(6), {0.1, 0.2, -0.4, 1, 2, 0.5}});
}

TEST(Bilinear, EveryShapeOfProduct) {
  struct Case {
    std::vector<int64_t> left, right;
    MatmulRanks ranks;
  };
  const Case cases[] = {
      {{2, 3}, {3, 4}, {0, 1, 1, 1}}, {{2, 3}, {3}, {0, 1, 0, 1}}, {{3}, {3, 2}, {0, 0, 1, 1}},
      {{3}, {3}, {0, 0, 0, 1}},       {{2}, {3}, {0, 1, 1, 0}},    {{2, 2, 3}, {2, 3, 2}, {1, 1, 1, 1}},
      {{2, 3, 2}, {3, 2}, {0, 1, 0, 2}},
  };
  for (const Case& c : cases) {
    Program p;
    const FuncId f = p.function("f", {p.f64(c.left), p.f64(c.right)}, [&](const Expr* x) {
      const Expr y = matmul(x[0], x[1] * x[1], c.ranks);
      return y * sin(y);
    });
    const auto size = [](const std::vector<int64_t>& shape) {
      size_t n = 1;
      for (int64_t s : shape) n *= static_cast<size_t>(s);
      return n;
    };
    check_all(p, f, {numbers(size(c.left)), numbers(size(c.right))});
  }
}

TEST(Bilinear, AProductWithItself) {
  Program p;
  check_all(p, p.function("f", {p.f64({2, 2})}, [](const Expr* x) { return matmul(x[0], matmul(x[0], x[0], {0, 1, 1, 1}), {0, 1, 1, 1}); }),
            {{0.3, -1.2, 0.8, 0.5}});
}

// h = σ(W2·tanh(W1 x + b1) + b2), L = −(y ln h + (1−y) ln(1−h))
TEST(Network, TwoLayersInAllModes) {
  Program p;
  const FuncId f = p.function("loss", {p.f64({3, 2}), p.f64({3}), p.f64({3}), p.f64(), p.f64({2})}, [](const Expr* x) {
    const Expr a = tanh(matmul(x[0], x[4], {0, 1, 0, 1}) + x[1]);
    const Expr z = matmul(x[2], a, {0, 0, 0, 1}) + x[3];
    const Expr h = z.op("sigmoid"_op, {z});
    return -(0.25 * log(h) + 0.75 * log(1 / (1 / (h.literal(1) - h))));
  });
  check_all(p, f, {{0.1, -0.4, 0.3, 0.9, -0.2, 0.5}, {0.1, 0.2, 0.3}, {1, -1, 0.5}, {0.2}, {0.7, -1.1}});
}

TEST(Reduction, SumsAndProductsAlsoWithZeros) {
  Program p;
  const TypeId t = p.f64({2, 3});
  check_all(p, p.function("f", {t}, [](const Expr* x) { return sum(x[0] * x[0], {0}); }), {numbers(6)});
  const FuncId product = p.function("f", {t}, [](const Expr* x) { return reduce("prod"_op, x[0], {1}); });
  for (const Flat& x : {Flat{1, 2, 3, 4, 5, 6}, Flat{1, 0, 3, 4, 5, 6}, Flat{0, 0, 3, 0, 0, 0}}) check_all(p, product, {x});
}

TEST(Reduction, ExtremesRouteAndTiesShare) {
  Program p;
  const FuncId f = p.function("f", {p.f64({2, 3})}, [](const Expr* x) {
    const Expr m = reduce("max_over"_op, x[0] * x[0], {1}), n = reduce("min_over"_op, x[0], {0, 1});
    return m * n;
  });
  check_all(p, f, {{1, -2, 3, 0.5, -4, 1.5}});
  const FuncId ties = p.function("g", {p.f64({4})}, [](const Expr* x) { return reduce("max_over"_op, x[0], {0}); });
  EXPECT_EQ(gradient_at(p, ties, {{2, 1, 2, 2}})[0], (Flat{1.0 / 3, 0, 1.0 / 3, 1.0 / 3}));
  const FuncId pair = p.function("h", {p.f64(), p.f64()}, [](const Expr* x) { return max(x[0], x[1]); });
  EXPECT_EQ(gradient_at(p, pair, {{2}, {2}}), (Leaves<double>{{0.5}, {0.5}}));
}

TEST(Reduction, ArgmaxHasNoDerivativeButMaySubscript) {
  Program p;
  const FuncId f = p.function("f", {p.f64({4})}, [](const Expr* x) {
    const Expr at = reduce("argmax"_op, x[0], {0});
    return x[0].with(x[0].b->index((x[0] * x[0]).v, std::span(&at.v, 1), Bounds::inside, {}));
  });
  EXPECT_EQ(gradient_at(p, f, {{1, 2, 5, 3}})[0], (Flat{0, 0, 10, 0}));
  const FuncId bad = p.function("g", {p.f64({4})}, [](const Expr* x) {
    const Expr at = reduce("argmax"_op, x[0], {0});
    return at.op("to_f64"_op, {at}) * sum(x[0]);
  });
  Diagnostics diagnostics;
  EXPECT_FALSE(reverse(p.m, bad, Wrt({true}), diagnostics));
  EXPECT_TRUE(diagnostics.has_errors());
}

TEST(StrongZeroArray, MaskedElementsAreSilent) {
  Program p;
  const FuncId f = p.function("f", {p.f64({3})}, [](const Expr* x) { return sum(select(x[0] > 0, x[0] * log(x[0]), 0)); });
  check_finite(p, f, {{0, 1, 2}});
  const FuncId tail = p.function("g", {p.f64({3})}, [](const Expr* x) {
    const Expr y = x[0] * log(x[0]);
    return x[0].with(x[0].b->slice(y.v, 0, x[0].b->dims().constant(1), x[0].b->dims().constant(2), 1, {}));
  });
  check_finite(p, tail, {{0, 1, 2}});
}

TEST(Map, RegionsOverIndicesAreDifferentiated) {
  Program p;
  const FuncId f = p.function("f", {p.f64({4}), p.f64()}, [](const Expr* x) {
    Builder& b = *x[0].b;
    const ValueId captures[] = {x[0].v, x[1].v};
    const std::vector<DimId> box{b.dims().constant(3)};
    const BlockId body = b.begin_map(box, {}, captures, {});
    Builder inner = b.in(body);
    const std::vector<ValueId> params = b.func()[body].params;
    const Expr i{&inner, params[0]}, scale{&inner, params[2]};
    const ValueId next = (i + 1).v;
    const Expr here{&inner, inner.index(params[1], std::span(&i.v, 1), Bounds::inside, {})};
    const Expr there{&inner, inner.index(params[1], std::span(&next, 1), Bounds::inside, {})};
    inner.set_result(tuple({here * there * scale, there * there}).v);
    const Expr y = x[0].with(b.end_map(body, box, captures, {}));
    return sum(y.get(0) * y.get(1));
  });
  check_all(p, f, {{0.4, -1.1, 0.7, 2}, {1.3}});
}

TEST(Sizes, DerivativesAreOfAnySize) {
  Program p;
  Func made;
  made.name = "loss";
  const StrId n_name = p.m.strings.intern("n");
  made.size_vars = {n_name};
  made.blocks.emplace_back();
  const FuncId loss = p.m.add(std::move(made));
  Builder b(p.m, loss, BlockId{0});
  const TypeId row = b.types().array(DType::f64, {b.dims().variable(n_name)});
  const Expr w{&b, append_param(p.m, b.func(), BlockId{0}, "param"_op, row, p.m.strings.intern("w"), {})};
  const Expr x{&b, append_param(p.m, b.func(), BlockId{0}, "param"_op, row, p.m.strings.intern("x"), {})};
  b.set_result(exp(matmul(w, x, {0, 0, 0, 1})).v);
  check_all(p, loss, {{0.1, 0.2, 0.3}, {1, -2, 0.5}});
  const FuncId caller = p.function("f", {p.f64({2}), p.f64({2})}, [&](const Expr* a) {
    const ValueId args[] = {a[0].v, a[1].v};
    return a[0].with(a[0].b->call(loss, {a[0].b->dims().constant(2)}, args, {}));
  });
  check_all(p, caller, {{0.4, 0.7}, {1.5, -0.2}});
}

}  // namespace
}  // namespace dlc::test
