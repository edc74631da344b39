// Matrix products. With columns (N axes): lanes run over N, a block of rows × vectors of accumulators stays in
// registers, and every accumulator is one chain acc = fma(a, b, acc) in order of K: the order ops/array.h fixes, so
// blocking changes no bit. Without (matrix–vector, dot): 16 partial sums by the last K index.
#include <algorithm>
#include <bit>

#include "base/check.h"
#include "codegen/cpu/emitter.h"
#include "ops/array.h"
#include "ops/table.h"

namespace dlc::cpu {

namespace {
// Rows of a block. Two vectors of columns each: 24 accumulators of AVX-512's 32 registers, 12 of AVX2's 16.
constexpr int kRows = 12, kRowsNarrow = 6;
}

/// The memory behind an operand and the strides of its three groups of axes. Either dense, or one unguarded view whose
/// groups are single axes (fuse decided that).
FunctionEmitter::Operand FunctionEmitter::matmul_operand(ValueId v, int first, int second, int third) {
  Operand out;
  const int32_t l = only_leaf(v);
  const std::vector<DimId> dims = type_of(l).dims;
  const int sizes[3] = {first, second, third};
  if (leaf(l).buffer >= 0) {
    out.buffer = leaf(l).buffer;
    out.pointer = base(out.buffer);
    size_t end = dims.size();
    llvm::Value* stride = constant(1);
    for (int group = 2; group >= 0; --group) {
      out.stride[group] = stride;
      for (int k = 0; k < sizes[group]; ++k) stride = entry_.CreateMul(stride, dim(dims[--end]));
    }
    return out;
  }
  DLC_CHECK(f_[v].op == "view"_op, "an operand of a product is memory or a view of memory");
  const ViewMap map = view_map(m_, f_[v].attr);
  const int32_t source = only_leaf(f_.operand(v, 0));
  out.buffer = leaf(source).buffer;
  const std::vector<DimId> source_dims = type_of(source).dims;
  Values strides(source_dims.size());
  llvm::Value* stride = constant(1);
  for (size_t s = source_dims.size(); s-- > 0;) {
    strides[s] = stride;
    stride = entry_.CreateMul(stride, dim(source_dims[s]));
  }
  llvm::Value* offset = constant(0);
  for (size_t s = 0; s < strides.size(); ++s)
    offset = entry_.CreateAdd(offset, entry_.CreateMul(dim(map.offsets[s]), strides[s]));
  out.pointer = b_.CreateGEP(memory_type(buffer(out.buffer).dtype), base(out.buffer), offset);
  int axis = 0;
  for (int group = 0; group < 3; ++group) {
    out.stride[group] = constant(0);
    if (sizes[group] == 0) continue;
    for (size_t s = 0; s < strides.size(); ++s)
      out.stride[group] = entry_.CreateAdd(out.stride[group],
                                           entry_.CreateMul(constant(map.at(static_cast<int>(s), axis)), strides[s]));
    ++axis;
  }
  return out;
}

void FunctionEmitter::matmul(const Step& step) {
  const Inst& in = f_[step.value];
  const MatmulRanks r = matmul_ranks(m_, in.attr);
  const ValueId left = f_.operand(step.value, 0), right = f_.operand(step.value, 1);
  const std::vector<DimId> a_dims = type_of(only_leaf(left)).dims, b_dims = type_of(only_leaf(right)).dims;
  const auto extent = [&](const std::vector<DimId>& dims, int from, int count) {
    return dim_product({dims.begin() + from, dims.begin() + from + count});
  };
  Product p;
  p.dtype = type_of(step.targets[0].leaf).dtype;
  p.a = matmul_operand(left, r.batch, r.m, r.k);
  p.b = matmul_operand(right, r.batch, r.k, r.n);
  p.batch = extent(a_dims, 0, r.batch);
  p.m = extent(a_dims, r.batch, r.m);
  p.k = extent(a_dims, r.batch + r.m, r.k);
  p.n = extent(b_dims, r.batch + r.k, r.n);
  llvm::Type* type = memory_type(p.dtype);
  if (r.n == 0) return matmul_dots(step, p);
  llvm::Value* out = base(step.targets[0].buffer);
  llvm::Value* area = entry_.CreateMul(p.m, p.n);
  Values none;
  loop(constant(0), p.batch, 1, none, [&](llvm::Value* i) {
    matmul_columns(p, b_.CreateGEP(type, p.a.pointer, b_.CreateMul(i, p.a.stride[0])),
                   b_.CreateGEP(type, p.b.pointer, b_.CreateMul(i, p.b.stride[0])),
                   b_.CreateGEP(type, out, b_.CreateMul(i, area)));
  });
}

/// One product [M, K]·[K, N]: panels of two vectors of columns, then what is left, masked.
void FunctionEmitter::matmul_columns(const Product& p, llvm::Value* a, llvm::Value* b, llvm::Value* out) {
  llvm::Type* type = memory_type(p.dtype);
  counts_ = {p.n};
  const int width = lane_width(p.dtype, 0);
  const int64_t panel = 2 * width;
  llvm::Value* whole = b_.CreateAnd(p.n, constant(-panel));
  Values none;
  loop(constant(0), whole, panel, none, [&](llvm::Value* j) {
    matmul_panel(p, a, b_.CreateGEP(type, b, j), b_.CreateGEP(type, out, j), 2, width, nullptr);
  });
  llvm::Value* rest = b_.CreateSub(p.n, whole);
  when(b_.CreateICmpSGT(rest, constant(0)), none, [&] {
    // One vector, and a second one when there are more columns; either may be partial.
    llvm::Value* one = b_.CreateICmpSLE(rest, constant(width));
    const auto tail = [&](int vectors) {
      llvm::Value* full = constant((vectors - 1) * width);
      llvm::Value* left = b_.CreateSub(rest, full);
      const auto* known = llvm::dyn_cast<llvm::ConstantInt>(left);
      llvm::Value* mask = known && known->getSExtValue() == width
                              ? nullptr
                              : b_.CreateICmpULT(lane_numbers(width), splat(left, width));
      matmul_panel(p, a, b_.CreateGEP(type, b, whole), b_.CreateGEP(type, out, whole), vectors, width, mask);
    };
    when(one, none, [&] { tail(1); });
    when(b_.CreateNot(one), none, [&] { tail(2); });
  });
}

/// A panel of columns: blocks of rows, then fewer rows.
void FunctionEmitter::matmul_panel(const Product& p, llvm::Value* a, llvm::Value* b, llvm::Value* out, int vectors, int width,
                                   llvm::Value* mask) {
  llvm::Type* type = memory_type(p.dtype);
  Values none;
  const auto rows_from = [&](llvm::Value* i, int rows) {
    matmul_block(p, b_.CreateGEP(type, a, b_.CreateMul(i, p.a.stride[1])), b, b_.CreateGEP(type, out, b_.CreateMul(i, p.n)),
                 rows, vectors, width, mask);
  };
  const int block = module_.options().vector_bits == 512 || vectors == 1 ? kRows : kRowsNarrow;
  llvm::Value* done = b_.CreateSub(p.m, b_.CreateURem(p.m, constant(block)));
  loop(constant(0), done, block, none, [&](llvm::Value* i) { rows_from(i, block); });
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(p.m)) {
    if (const auto left = static_cast<int>(known->getSExtValue() % block); left > 0) rows_from(done, left);
    return;
  }
  llvm::Value* fours = b_.CreateSub(p.m, b_.CreateURem(b_.CreateSub(p.m, done), constant(4)));
  loop(done, fours, 4, none, [&](llvm::Value* i) { rows_from(i, 4); });
  loop(fours, p.m, 1, none, [&](llvm::Value* i) { rows_from(i, 1); });
}

/// rows × vectors accumulators over all of K.
void FunctionEmitter::matmul_block(const Product& p, llvm::Value* a, llvm::Value* b, llvm::Value* out, int rows, int vectors,
                                   int width, llvm::Value* mask) {
  llvm::Type* type = memory_type(p.dtype);
  llvm::Type* lanes = lane_type(context_, p.dtype, width);
  const llvm::Align align(static_cast<uint64_t>(dtype_bytes(p.dtype)));
  const auto mask_of = [&](int v) { return v + 1 == vectors ? mask : nullptr; };
  llvm::Constant* start = p.dtype == DType::i64 ? llvm::Constant::getNullValue(lanes) : llvm::ConstantFP::getNegativeZero(lanes);
  Values sums(static_cast<size_t>(rows * vectors), start);
  Values a_rows;
  for (int i = 0; i < rows; ++i) a_rows.push_back(b_.CreateGEP(type, a, b_.CreateMul(constant(i), p.a.stride[1])));
  loop(constant(0), p.k, 1, sums, [&](llvm::Value* k) {
    Values columns;
    llvm::Value* row = b_.CreateGEP(type, b, b_.CreateMul(k, p.b.stride[1]));
    for (int v = 0; v < vectors; ++v) {
      Address at{width == 1 ? row : b_.CreateConstGEP1_64(type, row, static_cast<uint64_t>(v * width)), p.b.stride[2]};
      columns.push_back(width == 1 ? b_.CreateLoad(type, at.pointer) : load_vector(type, at, mask_of(v), width));
    }
    llvm::Value* step = b_.CreateMul(k, p.a.stride[2]);
    for (int i = 0; i < rows; ++i) {
      llvm::Value* x = splat(b_.CreateLoad(type, b_.CreateGEP(type, a_rows[static_cast<size_t>(i)], step)), width);
      for (int v = 0; v < vectors; ++v) {
        llvm::Value*& sum = sums[static_cast<size_t>(i * vectors + v)];
        sum = multiply_add(x, columns[static_cast<size_t>(v)], sum);
      }
    }
  });
  llvm::Value* empty = b_.CreateICmpSLE(p.k, constant(0));
  for (int i = 0; i < rows; ++i) {
    for (int v = 0; v < vectors; ++v) {
      llvm::Value* sum = sums[static_cast<size_t>(i * vectors + v)];
      if (!llvm::isa<llvm::ConstantInt>(p.k)) sum = b_.CreateSelect(empty, llvm::Constant::getNullValue(lanes), sum);
      else if (llvm::cast<llvm::ConstantInt>(p.k)->isZero()) sum = llvm::Constant::getNullValue(lanes);
      llvm::Value* at = b_.CreateGEP(type, out, b_.CreateAdd(b_.CreateMul(constant(i), p.n), constant(v * width)));
      if (width > 1 && mask_of(v)) b_.CreateMaskedStore(sum, at, align, mask_of(v));
      else b_.CreateAlignedStore(sum, at, align);
    }
  }
}

llvm::Value* FunctionEmitter::multiply_add(llvm::Value* x, llvm::Value* y, llvm::Value* sum) {
  if (!x->getType()->isFPOrFPVectorTy()) return b_.CreateAdd(sum, b_.CreateMul(x, y));
  return b_.CreateIntrinsic(llvm::Intrinsic::fma, {x->getType()}, {x, y, sum});
}

/// No columns: for each row the sum over K in 16 partial sums, fused multiply-adds each.
void FunctionEmitter::matmul_dots(const Step& step, const Product& p) {
  const MatmulRanks r = matmul_ranks(m_, f_[step.value].attr);
  const std::vector<DimId> a_dims = type_of(only_leaf(f_.operand(step.value, 0))).dims;
  // The last K axis carries the lanes; the other K axes are loops outside it, dense in both operands or a single axis.
  DLC_CHECK(r.k >= 1, "a product contracts something");
  llvm::Value* inner = dim(a_dims.back());
  llvm::Value* outer = dim_product({a_dims.end() - r.k, a_dims.end() - 1});
  llvm::Type* type = memory_type(p.dtype);
  counts_ = {inner}, variables_ = {constant(0)};
  int width = static_cast<int>(kSumLanes);
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(inner); known && known->getSExtValue() < kSumLanes)
    width = static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(known->getSExtValue(), 1))));
  llvm::Type* lanes = lane_type(context_, p.dtype, width);
  llvm::Constant* start = p.dtype == DType::i64 ? llvm::Constant::getNullValue(lanes) : llvm::ConstantFP::getNegativeZero(lanes);
  llvm::Value* empty = entry_.CreateICmpSLE(p.k, constant(0));
  Values none;
  const Target& t = step.targets[0];
  loop(constant(0), p.batch, 1, none, [&](llvm::Value* batch) {
    loop(constant(0), p.m, 1, none, [&](llvm::Value* row) {
      llvm::Value* a = b_.CreateGEP(type, p.a.pointer, b_.CreateAdd(b_.CreateMul(batch, p.a.stride[0]), b_.CreateMul(row, p.a.stride[1])));
      llvm::Value* b = b_.CreateGEP(type, p.b.pointer, b_.CreateMul(batch, p.b.stride[0]));
      Values sums{start};
      loop(constant(0), outer, 1, sums, [&](llvm::Value* k) {
        llvm::Value* from = b_.CreateMul(k, inner);
        const auto body = [&](llvm::Value* i, llvm::Value* mask) {
          llvm::Value* position = b_.CreateAdd(from, i);
          Address x{b_.CreateGEP(type, a, b_.CreateMul(position, p.a.stride[2])), p.a.stride[2]};
          Address y{b_.CreateGEP(type, b, b_.CreateMul(position, p.b.stride[1])), p.b.stride[1]};
          llvm::Value* u = width == 1 ? b_.CreateLoad(type, x.pointer) : load_vector(type, x, mask, width);
          llvm::Value* v = width == 1 ? b_.CreateLoad(type, y.pointer) : load_vector(type, y, mask, width);
          llvm::Value* sum = multiply_add(u, v, sums[0]);
          sums[0] = mask ? b_.CreateSelect(mask, sum, sums[0]) : sum;
        };
        if (width == 1) return loop(constant(0), inner, 1, sums, [&](llvm::Value* i) { body(i, nullptr); });
        over_lanes(0, width, sums, [&](llvm::Value* mask) { body(variables_[0], mask); });
      });
      llvm::Value* total = add_halves(sums[0]);
      total = b_.CreateSelect(empty, llvm::Constant::getNullValue(total->getType()), total);
      if (t.buffer < 0) {
        s_.registers[static_cast<size_t>(t.leaf)] = total;
        return;
      }
      llvm::Value* at = b_.CreateAdd(b_.CreateMul(batch, p.m), row);
      b_.CreateStore(total, b_.CreateGEP(type, base(t.buffer), at));
    });
  });
}

}  // namespace dlc::cpu
