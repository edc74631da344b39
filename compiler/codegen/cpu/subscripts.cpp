// Subscripts whose values are known only when the program runs: reading (`index`) and storing (`put`, `add_at`).
#include "codegen/cpu/emitter.h"
#include "ops/array.h"
#include "ops/table.h"
#include "runtime/abi.h"

namespace dlc::cpu {

/// The view that an `index` reads its array through; absent: the array is in memory as it is.
ValueId FunctionEmitter::read_through(ValueId v) const {
  const ValueId x = f_.operand(v, 0);
  return f_[v].op == "index"_op && leaf(only_leaf(x)).buffer < 0 ? x : ValueId{};
}

/// How many elements of a view's source a step along its axis `r` passes.
llvm::Value* FunctionEmitter::view_stride(ValueId view, int r) {
  const ViewMap map = view_map(m_, f_[view].attr);
  const std::vector<DimId>& dims = type_of(only_leaf(f_.operand(view, 0))).dims;
  llvm::Value *stride = constant(1), *total = constant(0);
  for (int s = map.source_rank(); s-- > 0;) {
    if (map.at(s, r) != 0) total = b_.CreateAdd(total, b_.CreateMul(stride, constant(map.at(s, r))));
    stride = b_.CreateMul(stride, dim(dims[static_cast<size_t>(s)]));
  }
  return total;
}

/// Where the subscripts of `v`, its operands from `first` on, point at the point `p` of their own shape: in rows of what they
/// leave of operand 0, or through a view in elements of its source. One lane, or p.width of them.
FunctionEmitter::Spot FunctionEmitter::spot(ValueId v, int first, const Point& p) {
  const Inst& in = f_[v];
  const Bounds bounds = bounds_of(m_, in);
  const std::vector<DimId>& dims = type_of(only_leaf(f_.operand(v, 0))).dims;
  const ValueId view = read_through(v);
  Spot out;
  for (int k = first; k < in.n_operands; ++k) {
    const DimId axis = dims[static_cast<size_t>(k - first)];
    llvm::Value* at = element(only_leaf(f_.operand(v, k)), p);
    llvm::Value* extent = splat(dim(axis), p.width);
    if (bounds != Bounds::inside) {
      llvm::Value* inside = b_.CreateICmpULT(at, extent);
      if (is_checked(bounds)) check_subscript(v, axis, at, bounds == Bounds::masked ? b_.CreateOr(inside, b_.CreateICmpEQ(at, splat(constant(kNowhere), p.width))) : inside, p);
      if (may_miss(bounds)) {
        out.inside = out.inside ? b_.CreateAnd(out.inside, inside) : inside;
        at = b_.CreateSelect(inside, at, llvm::Constant::getNullValue(at->getType()));
      }
    }
    if (view) at = b_.CreateMul(at, splat(view_stride(view, k - first), p.width));
    out.row = out.row ? b_.CreateAdd(view ? out.row : b_.CreateMul(out.row, extent), at) : at;
  }
  return out;
}

/// Error DLC_INDEX, or DLC_EMPTY, at the first lane whose subscript is outside.
void FunctionEmitter::check_subscript(ValueId v, DimId axis, llvm::Value* at, llvm::Value* inside, const Point& p) {
  const bool is_empty = bounds_of(m_, f_[v]) == Bounds::nonempty;
  const int code = is_empty ? DLC_EMPTY : DLC_INDEX;
  const int32_t site = module_.add_site({p_.func, {axis, axis, f_[v].loc, is_empty ? SizeCheck::Kind::elements : SizeCheck::Kind::index, {}}});
  if (p.width == 1) return fail_if(b_.CreateNot(inside), code, site, at, dim(axis));
  llvm::Value* outside = b_.CreateNot(inside);
  if (p.mask) outside = b_.CreateAnd(outside, p.mask);
  llvm::Value* bits = b_.CreateBitCast(outside, b_.getIntNTy(static_cast<unsigned>(p.width)));
  llvm::Value* lane = b_.CreateZExtOrTrunc(b_.CreateIntrinsic(llvm::Intrinsic::cttz, {bits->getType()}, {bits, b_.getFalse()}), b_.getInt64Ty());
  lane = b_.CreateAnd(lane, constant(p.width - 1));
  fail_if(b_.CreateICmpNE(bits, llvm::Constant::getNullValue(bits->getType())), code, site, b_.CreateExtractElement(at, lane), dim(axis));
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

/// Where in a view's source the point is whose first `n` indices are 0 and the others `rest`. `inside`: whether
/// what the view picks is there (fuse.cpp: of a guarded one nothing else can be outside).
std::vector<Index> FunctionEmitter::through_view(ValueId view, int n, const std::vector<Index>& rest, llvm::Value*& inside) {
  const ViewMap map = view_map(m_, f_[view].attr);
  std::vector<Index> at(static_cast<size_t>(map.source_rank()));
  for (int s = 0; s < map.source_rank(); ++s) {
    Index& i = at[static_cast<size_t>(s)];
    i.loop.resize(variables_.size());
    i.add_size(m_, map.offsets[static_cast<size_t>(s)], 1);
    for (int r = n; r < map.result_rank(); ++r)
      if (map.at(s, r) != 0) i.add(rest[static_cast<size_t>(r - n)], map.at(s, r));
    const DimId extent = type_of(only_leaf(f_.operand(view, 0))).dims[static_cast<size_t>(s)];
    if (!map.guarded || !axes_read(map, s).empty() || is_inside(i, extent)) continue;
    llvm::Value* const is = b_.CreateICmpULT(index_value(i, 1), dim(extent));
    inside = inside ? b_.CreateAnd(inside, is) : is;
  }
  return at;
}

/// An element of an `index` op at `p`.
llvm::Value* FunctionEmitter::gather(int32_t l, const Point& p) {
  const ValueId v = leaf(l).value;
  const int32_t source = only_leaf(f_.operand(v, 0));
  const auto n_shape = type_of(only_leaf(f_.operand(v, 1))).dims.size();
  const int n_subscripts = f_[v].n_operands - 1;
  Point q = p, rest = p;
  q.at.resize(n_shape);
  rest.at.erase(rest.at.begin(), rest.at.begin() + static_cast<ptrdiff_t>(n_shape));
  if (is_uniform(q)) q.width = 1, q.mask = nullptr;
  const auto known = rows_.find(l);
  Spot s = known != rows_.end() ? known->second : spot(v, 1, q);
  const ValueId view = read_through(v);
  llvm::Value* is_there = nullptr;
  if (view) rest.at = through_view(view, n_subscripts, rest.at, is_there);
  if (is_there) s.inside = s.inside ? b_.CreateAnd(s.inside, splat(is_there, q.width)) : splat(is_there, q.width);
  const int32_t array = view ? only_leaf(f_.operand(view, 0)) : source, buf = leaf(array).buffer;
  const std::vector<DimId> dims = view ? type_of(array).dims : row_dims(v, 1);
  llvm::Value* const begin = view ? s.row : b_.CreateMul(s.row, splat(dim_product(dims), q.width));
  if (q.width == 1) {
    if (s.inside) rest.guard = s.inside;
    llvm::Value* value = load(buf, dims, rest, b_.CreateGEP(memory_type(buffer(buf).dtype), base(buf), begin));
    if (!s.inside) return value;
    return b_.CreateSelect(splat(s.inside, p.width), value, llvm::Constant::getNullValue(value->getType()));
  }
  // Every lane its own row.
  llvm::Value* position = begin;
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
