// Subscripts whose values are known only when the program runs: reading (`index`) and storing (`put`, `add_at`).
#include "codegen/cpu/emitter.h"
#include "ops/array.h"
#include "ops/table.h"
#include "runtime/abi.h"

namespace dlc::cpu {

/// Where the subscripts of `v`, its operands from `first` on, point at the point `p` of their own shape: in rows of what they
/// leave of operand 0. One lane, or p.width of them.
FunctionEmitter::Spot FunctionEmitter::spot(ValueId v, int first, const Point& p) {
  const Inst& in = f_[v];
  const Bounds bounds = bounds_of(m_, in);
  const std::vector<DimId>& dims = type_of(only_leaf(f_.operand(v, 0))).dims;
  Spot out;
  for (int k = first; k < in.n_operands; ++k) {
    const DimId axis = dims[static_cast<size_t>(k - first)];
    llvm::Value* at = element(only_leaf(f_.operand(v, k)), p);
    llvm::Value* extent = splat(dim(axis), p.width);
    if (bounds != Bounds::inside) {
      llvm::Value* inside = b_.CreateICmpULT(at, extent);
      if (bounds == Bounds::checked) {
        check_subscript(v, axis, at, inside, p);
      } else {
        out.inside = out.inside ? b_.CreateAnd(out.inside, inside) : inside;
        at = b_.CreateSelect(inside, at, llvm::Constant::getNullValue(at->getType()));
      }
    }
    out.row = out.row ? b_.CreateAdd(b_.CreateMul(out.row, extent), at) : at;
  }
  return out;
}

/// Error DLC_INDEX at the first lane whose subscript is outside.
void FunctionEmitter::check_subscript(ValueId v, DimId axis, llvm::Value* at, llvm::Value* inside, const Point& p) {
  const int32_t site = module_.add_site({p_.func, {axis, axis, f_[v].loc, SizeCheck::Kind::index, {}}});
  if (p.width == 1) return fail_if(b_.CreateNot(inside), DLC_INDEX, site, at, dim(axis));
  llvm::Value* outside = b_.CreateNot(inside);
  if (p.mask) outside = b_.CreateAnd(outside, p.mask);
  llvm::Value* bits = b_.CreateBitCast(outside, b_.getIntNTy(static_cast<unsigned>(p.width)));
  llvm::Value* lane = b_.CreateZExtOrTrunc(b_.CreateIntrinsic(llvm::Intrinsic::cttz, {bits->getType()}, {bits, b_.getFalse()}), b_.getInt64Ty());
  lane = b_.CreateAnd(lane, constant(p.width - 1));
  fail_if(b_.CreateICmpNE(bits, llvm::Constant::getNullValue(bits->getType())), DLC_INDEX, site, b_.CreateExtractElement(at, lane), dim(axis));
}

/// The extents of operand 0 that the subscripts of `v` leave.
std::vector<DimId> FunctionEmitter::row_dims(ValueId v, int first) const {
  std::vector<DimId> dims = type_of(only_leaf(f_.operand(v, 0))).dims;
  dims.erase(dims.begin(), dims.begin() + (f_[v].n_operands - first));
  return dims;
}

llvm::Value* FunctionEmitter::row_pointer(int32_t buf, llvm::Value* row, const std::vector<DimId>& dims) {
  return b_.CreateGEP(memory_type(buffer(buf).dtype), base(buf), b_.CreateMul(row, dim_product(dims)));
}

/// Subscripts by scalars are looked at once, before the loops over the row they select.
void FunctionEmitter::prepare_rows(const Step& step) {
  rows_.clear();
  for (const Target& t : step.targets) {
    const ValueId v = leaf(t.leaf).value;
    if (f_[v].op == "index"_op && type_of(only_leaf(f_.operand(v, 1))).dims.empty()) rows_[t.leaf] = spot(v, 1, Point{});
  }
}

/// An element of an `index` op at `p`.
llvm::Value* FunctionEmitter::gather(int32_t l, const Point& p) {
  const ValueId v = leaf(l).value;
  const int32_t source = only_leaf(f_.operand(v, 0));
  const auto n_shape = type_of(only_leaf(f_.operand(v, 1))).dims.size();
  Point q = p, rest = p;
  q.at.resize(n_shape);
  rest.at.erase(rest.at.begin(), rest.at.begin() + static_cast<ptrdiff_t>(n_shape));
  if (is_uniform(q)) q.width = 1, q.mask = nullptr;
  const auto known = rows_.find(l);
  const Spot s = known != rows_.end() ? known->second : spot(v, 1, q);
  const std::vector<DimId> dims = row_dims(v, 1);
  const int32_t buf = leaf(source).buffer;
  if (q.width == 1) {
    if (s.inside) rest.guard = s.inside;
    llvm::Value* value = load(buf, dims, rest, row_pointer(buf, s.row, dims));
    if (!s.inside) return value;
    return b_.CreateSelect(splat(s.inside, p.width), value, llvm::Constant::getNullValue(value->getType()));
  }
  // Every lane its own row.
  llvm::Value* position = b_.CreateMul(s.row, splat(dim_product(dims), p.width));
  llvm::Value* stride = constant(1);
  for (size_t axis = rest.at.size(); axis-- > 0;) {
    position = b_.CreateAdd(position, b_.CreateMul(index_value(rest.at[axis], p.width), splat(stride, p.width)));
    stride = b_.CreateMul(stride, dim(dims[axis]));
  }
  llvm::Type* memory = memory_type(buffer(buf).dtype);
  auto* type = llvm::FixedVectorType::get(memory, static_cast<unsigned>(p.width));
  llvm::Value* mask = p.mask;
  if (s.inside) mask = mask ? b_.CreateAnd(mask, s.inside) : s.inside;
  const llvm::Align align(std::max<uint64_t>(1, memory->getPrimitiveSizeInBits() / 8));
  llvm::Value* pointers = b_.CreateGEP(memory, base(buf), position);
  llvm::Value* value = b_.CreateMaskedGather(type, pointers, align, mask, llvm::Constant::getNullValue(type));
  return buffer(buf).dtype == DType::b1 ? b_.CreateICmpNE(value, llvm::Constant::getNullValue(type)) : value;
}

/// put, add_at: over the subscripts' shape in order, then over the row each selects.
void FunctionEmitter::store_step(const Step& step) {
  const ValueId v = step.value;
  const Target& t = step.targets[0];
  const int32_t given = only_leaf(f_.operand(v, 1));
  const size_t n_shape = type_of(only_leaf(f_.operand(v, 2))).dims.size(), n = step.axes.size();
  const std::vector<DimId> dims = row_dims(v, 2);
  const bool adds = f_[v].op == "add_at"_op;
  Values none;
  const auto store_at = [&](const Spot& s, int width, llvm::Value* mask) {
    const Point all = here(0, n, width, mask), rest = here(n_shape, n - n_shape, width, mask);
    llvm::Value* origin = row_pointer(t.buffer, s.row, dims);
    llvm::Value* value = element(given, all);
    if (adds) value = add(load(t.buffer, dims, rest, origin), value);
    store(t.buffer, dims, rest, value, origin);
  };
  const auto where_inside = [&](const Spot& s, const Body& body) {
    if (s.inside) when(s.inside, none, body);
    else body();
  };
  set_loops(step.axes);
  if (n_shape == 0) {
    const Spot s = spot(v, 2, Point{});
    where_inside(s, [&] {
      with_lanes(range(0, n), type_of(given).dtype, [&](int width, llvm::Value* mask) { store_at(s, width, mask); });
    });
    return;
  }
  over(range(0, n), none, [&] {
    memo_.clear();
    const Spot s = spot(v, 2, here(0, n_shape, 1, nullptr));
    where_inside(s, [&] { store_at(s, 1, nullptr); });
  });
}

}  // namespace dlc::cpu
