// Reductions, running sums and scatters, in the orders that ops/array.h fixes to the last bit.
#include <algorithm>
#include <bit>
#include <limits>

#include "base/check.h"
#include "codegen/cpu/emitter.h"
#include "ops/array.h"
#include "ops/table.h"

namespace dlc::cpu {

namespace {

/// The binary row a reduction folds with.
OpId fold_of(OpId reduction) {
  if (reduction == "sum"_op) return "add"_op;
  if (reduction == "prod"_op) return "mul"_op;
  if (reduction == "max_over"_op) return "max"_op;
  if (reduction == "min_over"_op) return "min"_op;
  if (reduction == "any"_op) return "or"_op;
  DLC_CHECK(reduction == "all"_op, "a reduction folds with a binary row");
  return "and"_op;
}

/// What leaves every value as it is on the left of the fold: -0 for sums, not 0, which would lose the sign of -0.
llvm::Constant* identity_of(OpId reduction, llvm::Type* type) {
  const bool is_float = type->isFPOrFPVectorTy();
  if (reduction == "sum"_op) return is_float ? llvm::ConstantFP::getNegativeZero(type) : llvm::Constant::getNullValue(type);
  if (reduction == "prod"_op) return is_float ? float_constant(type, 1) : llvm::ConstantInt::get(type, 1);
  if (reduction == "any"_op) return llvm::Constant::getNullValue(type);
  if (reduction == "all"_op) return llvm::Constant::getAllOnesValue(type);
  const bool is_max = reduction == "max_over"_op || reduction == "argmax"_op;
  if (is_float) return llvm::ConstantFP::getInfinity(type, is_max);
  const int64_t least = is_max ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  return llvm::ConstantInt::get(type, static_cast<uint64_t>(least));
}

}  // namespace

llvm::Value* FunctionEmitter::add(llvm::Value* a, llvm::Value* b) {
  return a->getType()->isFPOrFPVectorTy() ? b_.CreateFAdd(a, b) : b_.CreateAdd(a, b);
}

/// 16 partial sums to one by halves: i + 8, then i + 4, … Fewer lanes stand for 16 with the rest −0.
llvm::Value* FunctionEmitter::add_halves(llvm::Value* partials) {
  for (int half = width_of(partials->getType()) / 2; half >= 1; half /= 2) {
    std::vector<int> low, high;
    for (int k = 0; k < half; ++k) low.push_back(k), high.push_back(k + half);
    partials = add(b_.CreateShuffleVector(partials, low), b_.CreateShuffleVector(partials, high));
  }
  return partials->getType()->isVectorTy() ? b_.CreateExtractElement(partials, uint64_t{0}) : partials;
}

/// i1: the box has no points.
llvm::Value* FunctionEmitter::is_empty(const std::vector<DimId>& dims) {
  llvm::Value* empty = b_.getFalse();
  for (DimId d : dims) empty = entry_.CreateOr(empty, entry_.CreateICmpSLE(dim(d), constant(0)));
  return empty;
}

/// The operand's position: parallel and reduced loops interleaved as its axes are.
Point FunctionEmitter::operand_point(const Step& step, int width, llvm::Value* mask) {
  const auto& reduced = m_[f_[leaf(step.targets[0].leaf).value].attr].ints;
  const size_t rank = step.axes.size() + step.reduced.size();
  const Point loops = here(0, rank, width, mask);
  Point p = loops;
  size_t parallel = 0, sequential = step.axes.size();
  for (size_t axis = 0; axis < rank; ++axis) {
    const bool is_reduced = std::find(reduced.begin(), reduced.end(), static_cast<int64_t>(axis)) != reduced.end();
    p.at[axis] = loops.at[is_reduced ? sequential++ : parallel++];
  }
  return p;
}

void FunctionEmitter::finish(const Target& t, llvm::Value* value, int width, llvm::Value* mask) {
  if (t.buffer < 0) {
    s_.registers[static_cast<size_t>(t.leaf)] = value;
    return;
  }
  store(t.buffer, type_of(t.leaf).dims, here(0, type_of(t.leaf).dims.size(), width, mask), value);
}

void FunctionEmitter::reduce(const Step& step) {
  const Inst& first = f_[leaf(step.targets[0].leaf).value];
  if (first.op == "argmax"_op || first.op == "argmin"_op) return arg_extreme(step);
  const auto rank = static_cast<int64_t>(step.axes.size() + step.reduced.size());
  const bool last_is_reduced = m_[first.attr].ints.back() == rank - 1;
  if (first.op == "sum"_op && last_is_reduced) return sum_lanes(step);
  reduce_columns(step);
}

/// A sum along the last axis: lane i of the accumulator is partial sum i.
void FunctionEmitter::sum_lanes(const Step& step) {
  std::vector<DimId> box = step.axes;
  box.insert(box.end(), step.reduced.begin(), step.reduced.end());
  set_loops(box);
  const size_t parallel = step.axes.size(), last = box.size() - 1;
  int width = static_cast<int>(kSumLanes);
  if (const auto n = m_.types.dims.as_constant(box[last]); n && *n < kSumLanes)
    width = static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(*n, 1))));
  llvm::Value* empty = is_empty(step.reduced);
  Values none;
  over(range(0, parallel), none, [&] {
    Values sums;
    for (const Target& t : step.targets)
      sums.push_back(identity_of("sum"_op, lane_type(context_, type_of(t.leaf).dtype, width)));
    const auto body = [&](llvm::Value* mask) {
      const Point p = operand_point(step, width, mask);
      for (size_t k = 0; k < step.targets.size(); ++k) {
        llvm::Value* x = element(only_leaf(f_.operand(leaf(step.targets[k].leaf).value, 0)), p);
        if (mask) x = b_.CreateSelect(mask, x, identity_of("sum"_op, x->getType()));
        sums[k] = add(sums[k], x);
      }
    };
    over(range(parallel, last), sums, [&] {
      if (width > 1) return over_lanes(last, width, sums, body);
      over({last}, sums, [&] { memo_.clear(), body(nullptr); });
    });
    for (size_t k = 0; k < step.targets.size(); ++k) {
      llvm::Value* total = add_halves(sums[k]);
      total = b_.CreateSelect(empty, llvm::Constant::getNullValue(total->getType()), total);
      finish(step.targets[k], total, 1, nullptr);
    }
  });
}

/// Any fold in row-major order; lanes run over the last parallel axis.
void FunctionEmitter::reduce_columns(const Step& step) {
  std::vector<DimId> box = step.axes;
  box.insert(box.end(), step.reduced.begin(), step.reduced.end());
  set_loops(box);
  const size_t parallel = step.axes.size();
  llvm::Value* empty = is_empty(step.reduced);
  DType widest = DType::f32;
  for (const Target& t : step.targets)
    if (dtype_bytes(type_of(t.leaf).dtype) == 8) widest = DType::f64;
  with_lanes(range(0, parallel), widest, [&](int width, llvm::Value* mask) {
    const int lane = lane_;
    Values totals;
    for (const Target& t : step.targets)
      totals.push_back(identity_of(f_[leaf(t.leaf).value].op, lane_type(context_, type_of(t.leaf).dtype, width)));
    over(range(parallel, box.size()), totals, [&] {
      memo_.clear();
      lane_ = lane;
      const Point p = operand_point(step, width, mask);
      for (size_t k = 0; k < step.targets.size(); ++k) {
        const Inst& in = f_[leaf(step.targets[k].leaf).value];
        llvm::Value* args[] = {totals[k], element(only_leaf(f_.operand(leaf(step.targets[k].leaf).value, 0)), p)};
        totals[k] = module_.primitives().apply(b_, fold_of(in.op), args, type_of(step.targets[k].leaf).dtype);
      }
    });
    for (size_t k = 0; k < step.targets.size(); ++k) {
      llvm::Value* total = totals[k];
      if (f_[leaf(step.targets[k].leaf).value].op == "sum"_op)
        total = b_.CreateSelect(empty, llvm::Constant::getNullValue(total->getType()), total);
      finish(step.targets[k], total, width, mask);
    }
  });
}

/// The position of the first extreme along one axis.
void FunctionEmitter::arg_extreme(const Step& step) {
  std::vector<DimId> box = step.axes;
  box.insert(box.end(), step.reduced.begin(), step.reduced.end());
  set_loops(box);
  const size_t parallel = step.axes.size();
  const Target& t = step.targets[0];
  const Inst& in = f_[leaf(t.leaf).value];
  const int32_t operand = only_leaf(f_.operand(leaf(t.leaf).value, 0));
  const OpId better = in.op == "argmax"_op ? "gt"_op : "lt"_op;
  with_lanes(range(0, parallel), DType::i64, [&](int width, llvm::Value* mask) {
    llvm::Type* type = lane_type(context_, type_of(operand).dtype, width);
    Values state{identity_of(in.op, type), llvm::ConstantInt::get(lane_type(context_, DType::i64, width), 0)};
    llvm::Value* position = nullptr;
    over(range(parallel, box.size()), state, [&] {
      memo_.clear();
      position = constant(0);
      for (size_t k = parallel; k < box.size(); ++k)
        position = b_.CreateAdd(b_.CreateMul(position, counts_[k]), variables_[k]);
      llvm::Value* x = element(operand, operand_point(step, width, mask));
      llvm::Value* args[] = {x, state[0]};
      llvm::Value* take = module_.primitives().apply(b_, better, args, DType::b1);
      state[0] = b_.CreateSelect(take, x, state[0]);
      state[1] = b_.CreateSelect(take, splat(position, width), state[1]);
    });
    finish(t, state[1], width, mask);
  });
}

void FunctionEmitter::cumsum(const Step& step) {
  const Target& t = step.targets[0];
  const Inst& in = f_[step.value];
  const auto axis = static_cast<size_t>(m_[in.attr].ints[0]);
  const bool reverse = m_[in.attr].ints[1] != 0;
  const int32_t operand = only_leaf(f_.operand(step.value, 0));
  set_loops(step.axes);
  Axes others = range(0, step.axes.size());
  others.erase(others.begin() + static_cast<ptrdiff_t>(axis));
  const auto run = [&](int width, llvm::Value* mask) {
    Values sum{identity_of("sum"_op, lane_type(context_, type_of(operand).dtype, width))};
    over({axis}, sum, [&] {
      memo_.clear();
      Point p = here(0, step.axes.size(), width, mask);
      if (reverse) {
        p.at[axis].loop[axis] = -1;
        p.at[axis].constant = -1;
        p.at[axis].add_size(m_, step.axes[axis], 1);
      }
      sum[0] = add(sum[0], element(operand, p));
      store(t.buffer, step.axes, p, sum[0]);
    });
  };
  // Lanes need the last axis to be one of the others: only then are they neighbours in memory.
  if (axis + 1 < step.axes.size()) return with_lanes(others, type_of(operand).dtype, run);
  Values none;
  over(others, none, [&] { run(1, nullptr); });
}

/// view_adjoint: out[map(j)] += y_bar[j] for every j in row-major order, from zeros.
void FunctionEmitter::scatter(const Step& step) {
  const Target& t = step.targets[0];
  const ViewMap map = view_map(m_, f_[step.value].attr);
  const std::vector<DimId>& target_dims = type_of(t.leaf).dims;
  const int32_t operand = only_leaf(f_.operand(step.value, 0));
  const DType dtype = type_of(t.leaf).dtype;
  llvm::Value* bytes = b_.CreateMul(dim_product(target_dims), constant(dtype_bytes(dtype)));
  b_.CreateMemSet(base(t.buffer), b_.getInt8(0), bytes, llvm::MaybeAlign(1));
  set_loops(map.dims);
  Values none;
  over(range(0, map.dims.size()), none, [&] {
    memo_.clear();
    const Point p = here(0, map.dims.size(), 1, nullptr);
    Point q = p;
    q.at.assign(static_cast<size_t>(map.source_rank()), {});
    llvm::Value* inside = b_.getTrue();
    for (int s = 0; s < map.source_rank(); ++s) {
      Index& i = q.at[static_cast<size_t>(s)];
      i.loop.resize(variables_.size());
      i.add_size(m_, map.offsets[static_cast<size_t>(s)], 1);
      for (int r = 0; r < map.result_rank(); ++r)
        if (map.at(s, r) != 0) i.add(p.at[static_cast<size_t>(r)], map.at(s, r));
      const DimId extent = target_dims[static_cast<size_t>(s)];
      if (map.guarded && !is_inside(i, extent)) inside = b_.CreateAnd(inside, b_.CreateICmpULT(index_value(i, 1), dim(extent)));
    }
    when(inside, none, [&] {
      llvm::Value* pointer = address(t.buffer, target_dims, q).pointer;
      llvm::Type* type = memory_type(dtype);
      b_.CreateStore(add(b_.CreateLoad(type, pointer), element(operand, p)), pointer);
    });
  });
}

}  // namespace dlc::cpu
