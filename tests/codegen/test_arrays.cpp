// Loops: elementwise nests, views, reductions and the rest, at extents around the lane widths, native against the
// interpreter bit for bit.
#include "harness.h"

namespace dlc::test {
namespace {

constexpr int64_t kExtents[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100};

JitModule compile(const Fixture& t) {
  const Entry entries[] = {{"f", t.id}};
  Result<JitModule> made = jit(t.m, entries, {});
  if (!made) ADD_FAILURE() << made.error().message;
  return *made;
}

/// One program with a run-time extent n, compiled once, run at every extent; and with each extent a constant.
template <class Make>
void at_all_extents(Make make, std::initializer_list<int64_t> constant_extents = {1, 3, 8, 16, 33}) {
  std::mt19937 random(7);
  Fixture t({"n"});
  std::vector<std::vector<int64_t>> no_dims;
  make(t, t.dim("n"));
  const JitModule code = compile(t);
  const auto args_of = [&](const Fixture& fixture, int64_t n) {
    std::vector<Value> args;
    for (ValueId p : fixture.m[fixture.id].body().params) {
      const Type& type = fixture.m.types[fixture.m[fixture.id][p].type];
      std::vector<int64_t> dims;
      for (DimId d : type.dims) dims.push_back(*fixture.m.types.dims.evaluate(d, fixture.names.empty() ? std::map<StrId, int64_t>{} : fixture.sizes({n})));
      args.push_back(random_array(random, dims, type.dtype));
      if (type.dims.empty()) args.back().dims = {};
    }
    return args;
  };
  for (int64_t n : kExtents) {
    SCOPED_TRACE("run-time n = " + std::to_string(n));
    expect_same(t.m, t.id, args_of(t, n), t.sizes({n}), &code);
    if (testing::Test::HasFailure()) return;
  }
  for (int64_t n : constant_extents) {
    SCOPED_TRACE("constant n = " + std::to_string(n));
    Fixture c;
    make(c, c.dim(n));
    expect_same(c.m, c.id, args_of(c, n));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Elements, ChainInBothWidths) {
  for (DType dtype : {DType::f32, DType::f64})
    at_all_extents([&](Fixture& t, DimId n) {
      auto b = t.b();
      const ValueId x = t.param(dtype, {n}), y = t.param(dtype, {n}), s = t.param(dtype, {});
      const ValueId z = b.op("exp"_op, {b.op("mul"_op, {x, s}, t.loc)}, t.loc);
      t.result(b.op("div"_op, {b.op("add"_op, {z, y}, t.loc), b.op("sqrt"_op, {b.op("mul"_op, {z, z}, t.loc)}, t.loc)}, t.loc));
    });
}

TEST(Elements, SeveralResultsShareANest) {
  at_all_extents([&](Fixture& t, DimId n) {
    auto b = t.b();
    const ValueId x = t.param(DType::f64, {n, t.dim(5)}), y = t.param(DType::f32, {n, t.dim(5)});
    const ValueId e = b.op("log"_op, {b.op("mul"_op, {x, x}, t.loc)}, t.loc);
    const ValueId big = b.op("gt"_op, {e, b.constant(0.5, DType::f64, t.loc)}, t.loc);
    const ValueId chosen = b.op("select"_op, {big, e, x}, t.loc);
    const ValueId narrow = b.op("add"_op, {b.convert(chosen, DType::f32, t.loc), y}, t.loc);
    const ValueId results[] = {e, big, narrow, x};
    t.result(b.tuple(results, t.loc));
  });
}

TEST(Elements, BroadcastRowsAndColumns) {
  at_all_extents([&](Fixture& t, DimId n) {
    auto b = t.b();
    const DimId m = t.dim(20);
    const ValueId row = t.param(DType::f32, {m}), column = t.param(DType::f32, {n}), x = t.param(DType::f32, {n, m});
    const ValueId e = b.op("exp"_op, {column}, t.loc);  // not to be computed n·m times
    const ValueId wide = b.view(e, permute_map(t.m, b.type(e), {0, -1}, {n, m}), t.loc);
    t.result(b.op("add"_op, {b.op("mul"_op, {wide, x}, t.loc), row}, t.loc));
  });
}

TEST(Views, TransposeSliceFlipDiagonal) {
  at_all_extents([&](Fixture& t, DimId n) {
    auto b = t.b();
    const DimId one = t.dim(1);
    const ValueId x = t.param(DType::f64, {n, n}), y = t.param(DType::f64, {t.m.types.dims.add(n, t.dim(3)), t.dim(6)});
    const ValueId sliced = b.slice(b.slice(y, 0, t.dim(2), n, 1, t.loc), 1, one, t.dim(2), 2, t.loc);
    ViewMap flip = broadcast_map(t.m, b.type(x), {});
    flip.at(1, 1) = -1;
    flip.offsets[1] = t.m.types.dims.sub(n, one);
    ViewMap diagonal;
    diagonal.dims = {n};
    diagonal.offsets = {t.dim(0), t.dim(0)};
    diagonal.coefficients = {1, 1};
    const ValueId d = b.view(x, diagonal, t.loc);
    const ValueId sum = b.op("sub"_op, {b.op("add"_op, {b.transpose(x, {1, 0}, t.loc), b.view(x, flip, t.loc)}, t.loc), d}, t.loc);
    const ValueId results[] = {sum, b.op("neg"_op, {sliced}, t.loc), b.transpose(x, {1, 0}, t.loc)};
    t.result(b.tuple(results, t.loc));
  });
}

TEST(Views, GuardsReadNothingOutside) {
  for (DType dtype : {DType::f32, DType::f64, DType::b1, DType::i64})
    at_all_extents([&](Fixture& t, DimId n) {
      auto b = t.b();
      const ValueId x = t.param(dtype, {n});
      ViewMap window;  // x[i + k − 2], 0 outside
      window.dims = {n, t.dim(5)};
      window.offsets = {t.dim(-2)};
      window.coefficients = {1, 1};
      window.guarded = true;
      ViewMap shift = window;  // lanes and guards that do not depend on them: x2[k − 1, i]
      const ValueId once = b.view(x, window, t.loc);
      const ValueId x2 = t.param(dtype, {t.dim(3), n});
      shift.dims = {t.dim(5), n};
      shift.offsets = {t.dim(-1), t.dim(0)};
      shift.coefficients = {1, 0, 0, 1};
      const ValueId results[] = {once, b.view(x2, shift, t.loc)};
      t.result(b.tuple(results, t.loc));
    });
}

TEST(Reductions, SumsOverEveryChoiceOfAxes) {
  const std::vector<std::vector<int>> choices = {{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}, {0, 1, 2}};
  for (const auto& axes : choices)
    for (DType dtype : {DType::f32, DType::f64, DType::i64}) {
      SCOPED_TRACE(axes.size() * 100 + static_cast<size_t>(axes[0]));
      at_all_extents([&](Fixture& t, DimId n) {
        auto b = t.b();
        const ValueId x = t.param(dtype, {t.dim(3), n, t.dim(18)}), y = t.param(dtype, {t.dim(2), t.dim(3), n});
        const ValueId results[] = {b.sum(b.op("mul"_op, {x, x}, t.loc), axes, t.loc), b.sum(x, axes, t.loc), b.sum(y, axes, t.loc)};
        t.result(b.tuple(results, t.loc));
      }, {3, 17});
    }
}

TEST(Reductions, Folds) {
  for (OpId op : {"prod"_op, "max_over"_op, "min_over"_op})
    for (DType dtype : {DType::f32, DType::f64, DType::i64})
      for (int axis : {0, 1})
        at_all_extents([&](Fixture& t, DimId n) {
          auto b = t.b();
          const DimId some = t.m.types.dims.add(n, t.dim(1));  // an extreme of nothing is an error
          const ValueId x = t.param(dtype, axis == 0 ? std::vector{some, n} : std::vector{n, some});
          t.result(b.reduce(op, x, {axis}, t.loc));
        }, {1, 9});
  for (OpId op : {"any"_op, "all"_op})
    at_all_extents([&](Fixture& t, DimId n) {
      auto b = t.b();
      const ValueId x = t.param(DType::b1, {t.dim(20), n});
      const ValueId results[] = {b.reduce(op, x, {1}, t.loc), b.reduce(op, x, {0}, t.loc), b.reduce(op, x, {0, 1}, t.loc)};
      t.result(b.tuple(results, t.loc));
    });
  for (OpId op : {"argmax"_op, "argmin"_op})
    at_all_extents([&](Fixture& t, DimId n) {
      auto b = t.b();
      const DimId some = t.m.types.dims.add(n, t.dim(1));
      const ValueId x = t.param(DType::i64, {t.dim(20), some}), y = t.param(DType::f32, {t.dim(20), some});
      const ValueId results[] = {b.reduce(op, x, {1}, t.loc), b.reduce(op, x, {0}, t.loc), b.reduce(op, y, {0}, t.loc)};
      t.result(b.tuple(results, t.loc));
    });
}

TEST(Reductions, SoftmaxRows) {
  at_all_extents([&](Fixture& t, DimId n) {
    auto b = t.b();
    const DimId m = t.dim(21);
    const ValueId x = t.param(DType::f32, {n, m});
    const auto wide = [&](ValueId v) { return b.view(v, permute_map(t.m, b.type(v), {0, -1}, {n, m}), t.loc); };
    const ValueId e = b.op("exp"_op, {b.op("sub"_op, {x, wide(b.reduce("max_over"_op, x, {1}, t.loc))}, t.loc)}, t.loc);
    t.result(b.op("div"_op, {e, wide(b.sum(e, {1}, t.loc))}, t.loc));
  });
}

TEST(Steps, CumsumStackScatterReshape) {
  at_all_extents([&](Fixture& t, DimId n) {
    auto b = t.b();
    const ValueId x = t.param(DType::f64, {n, t.dim(10)});
    const ValueId rows[] = {b.op("neg"_op, {x}, t.loc), x, b.op("exp"_op, {x}, t.loc)};
    const ValueId flat = b.reshape(b.op("mul"_op, {x, x}, t.loc), {t.m.types.dims.mul(n, t.dim(10))}, t.loc);
    ViewMap overlap;  // x[2 i + 3 k]: has no coefficient ±1, so the adjoint is a scatter
    overlap.dims = {n, t.dim(2)};
    overlap.offsets = {t.dim(1)};
    overlap.coefficients = {2, 3};
    overlap.guarded = true;
    const ValueId y = t.param(DType::f64, {n, t.dim(2)});
    const ValueId back = b.view_adjoint(y, overlap, t.m.types.array(DType::f64, {n}), t.loc);
    const ValueId results[] = {b.cumsum(x, 0, false, t.loc), b.cumsum(x, 1, true, t.loc), b.cumsum(x, 0, true, t.loc),
                               b.stack(rows, t.loc), flat, b.sum(flat, {0}, t.loc), back, b.iota(n, t.loc), b.size(n, t.loc)};
    t.result(b.tuple(results, t.loc));
  });
}

TEST(Steps, BranchesAndCalls) {
  at_all_extents([&](Fixture& t, DimId n) {
    // g(a[k], s) = (a·s, sum(a))
    Func g;
    g.name = "g";
    g.size_vars = {t.m.strings.intern("k")};
    g.blocks.emplace_back();
    const FuncId gid = t.m.add(std::move(g));
    const DimId k = t.dim("k");
    const ValueId a = append_param(t.m, t.m[gid], BlockId{0}, "param"_op, t.m.types.array(DType::f64, {k}), {}, t.loc);
    const ValueId s = append_param(t.m, t.m[gid], BlockId{0}, "param"_op, t.m.types.scalar(DType::f64), {}, t.loc);
    Builder gb(t.m, gid, BlockId{0});
    const ValueId e = gb.op("exp"_op, {a}, t.loc);
    const ValueId both[] = {gb.op("mul"_op, {e, s}, t.loc), gb.sum(gb.op("mul"_op, {e, e}, t.loc), {0}, t.loc)};
    gb.set_result(gb.tuple(both, t.loc));

    auto b = t.b();
    const ValueId x = t.param(DType::f64, {n}), y = t.param(DType::f64, {});
    const ValueId args[] = {b.op("neg"_op, {x}, t.loc), y};
    const ValueId r = b.call(gid, {n}, args, t.loc);
    const ValueId condition = b.op("gt"_op, {b.get(r, 1, t.loc), b.constant(3, DType::f64, t.loc)}, t.loc);
    const ValueId captures[] = {x, b.get(r, 0, t.loc), y};
    const auto blocks = b.begin_if(captures, t.loc);
    for (const BlockId block : {blocks.then_block, blocks.else_block}) {
      Builder inner = b.in(block);
      const auto p = inner.func()[block].params;
      const bool first = block == blocks.then_block;
      const ValueId results[] = {first ? inner.op("add"_op, {p[0], p[1]}, t.loc) : p[0],
                                 first ? p[2] : inner.op("sin"_op, {p[2]}, t.loc), inner.sum(p[1], {0}, t.loc)};
      inner.set_result(inner.tuple(results, t.loc));
    }
    const ValueId chosen = b.end_if(blocks, condition, captures, t.loc);
    const ValueId results[] = {chosen, b.get(chosen, 2, t.loc), r, condition};
    t.result(b.tuple(results, t.loc));
  });
}

TEST(Steps, LongChainsShareTheWorkspace) {
  Fixture t({"n"});
  auto b = t.b();
  const DimId n = t.dim("n");
  ValueId x = t.param(DType::f64, {n});
  for (int k = 0; k < 12; ++k) x = b.cumsum(b.op("mul"_op, {x, b.constant(0.5, DType::f64, t.loc)}, t.loc), 0, k % 2, t.loc);
  t.result(x);
  std::mt19937 random(3);
  const JitModule code = compile(t);
  expect_same(t.m, t.id, {random_array(random, {37})}, t.sizes({37}), &code);
  auto* ws = reinterpret_cast<int64_t (*)(int64_t)>(code.workspace("f"));
  EXPECT_EQ(ws(8), 128);   // two buffers take turns
  EXPECT_EQ(ws(9), 256);   // each rounded up to 64 bytes
  EXPECT_EQ(ws(0), 0);
  EXPECT_EQ(ws(INT64_MAX / 2), INT64_MAX);  // would overflow: a number no allocator grants
}

}  // namespace
}  // namespace dlc::test
