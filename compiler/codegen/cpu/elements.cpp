// Evaluating one element (or `width` neighbouring ones) of an array that may not exist in memory: through the index
// maps of views down to loads. What does not depend on the lane is computed once and splat.
#include <algorithm>

#include "codegen/cpu/emitter.h"
#include "ops/array.h"
#include "ops/table.h"

namespace dlc::cpu {

void Index::add(const Index& other, int64_t scale) {
  if (loop.size() < other.loop.size()) loop.resize(other.loop.size());
  for (size_t k = 0; k < other.loop.size(); ++k) loop[k] += scale * other.loop[k];
  constant += scale * other.constant;
  for (const auto& [d, c] : other.sizes) {
    auto at = std::lower_bound(sizes.begin(), sizes.end(), std::pair(d, INT64_MIN));
    if (at == sizes.end() || at->first != d) at = sizes.insert(at, {d, 0});
    if ((at->second += scale * c) == 0) sizes.erase(at);
  }
}

void Index::add_size(const Module& m, DimId d, int64_t scale) {
  if (const auto value = m.types.dims.as_constant(d)) {
    constant += scale * *value;
    return;
  }
  Index other;
  other.sizes.push_back({d, 1});
  add(other, scale);
}

llvm::Type* FunctionEmitter::memory_type(DType dtype) {
  return dtype == DType::b1 ? b_.getInt8Ty() : scalar_type(context_, dtype);
}

llvm::Value* FunctionEmitter::splat(llvm::Value* v, int width) {
  return width == 1 ? v : b_.CreateVectorSplat(static_cast<unsigned>(width), v);
}

llvm::Value* FunctionEmitter::lane_numbers(int width, unsigned bits) {
  std::vector<llvm::Constant*> lanes;
  for (int k = 0; k < width; ++k) lanes.push_back(llvm::ConstantInt::get(b_.getIntNTy(bits), static_cast<uint64_t>(k)));
  return llvm::ConstantVector::get(lanes);
}

/// The loops' own position along `count` axes from loop `first` on.
Point FunctionEmitter::here(size_t first, size_t count, int width, llvm::Value* mask) {
  Point p;
  p.width = width, p.mask = mask;
  for (size_t k = first; k < first + count; ++k) {
    Index i;
    i.loop.resize(variables_.size());
    i.loop[k] = 1;
    p.at.push_back(std::move(i));
  }
  return p;
}

bool FunctionEmitter::is_uniform(const Point& p) const {
  if (p.mask_varies || lane_ < 0) return !p.mask_varies;
  const auto lane = static_cast<size_t>(lane_);
  return std::all_of(p.at.begin(), p.at.end(), [&](const Index& i) { return lane >= i.loop.size() || i.loop[lane] == 0; });
}

/// The value of an index at the first lane, or what does not depend on the lane loop.
llvm::Value* FunctionEmitter::uniform_part(const Index& i, bool with_lane) {
  llvm::Value* sum = constant(i.constant);
  for (const auto& [d, c] : i.sizes) sum = entry_.CreateAdd(sum, entry_.CreateMul(dim(d), constant(c)));
  for (size_t k = 0; k < i.loop.size(); ++k) {
    if (i.loop[k] == 0 || (static_cast<int>(k) == lane_ && !with_lane)) continue;
    llvm::Value* term = i.loop[k] == 1 ? variables_[k] : b_.CreateMul(variables_[k], constant(i.loop[k]));
    sum = b_.CreateAdd(sum, term);
  }
  return sum;
}

llvm::Value* FunctionEmitter::index_value(const Index& i, int width) {
  llvm::Value* first = uniform_part(i, true);
  if (width == 1) return first;
  const int64_t step = lane_ >= 0 && static_cast<size_t>(lane_) < i.loop.size() ? i.loop[static_cast<size_t>(lane_)] : 0;
  llvm::Value* lanes = b_.CreateMul(lane_numbers(width), splat(constant(step), width));
  return b_.CreateAdd(splat(first, width), lanes);
}

bool FunctionEmitter::is_inside(const Index& i, DimId extent) const {
  if (const auto n = m_.types.dims.as_constant(extent)) {
    // Constant bounds: the least and the largest value over the loops' boxes.
    int64_t low = i.constant, high = i.constant;
    bool known = i.sizes.empty();
    for (size_t k = 0; k < i.loop.size() && known; ++k) {
      if (i.loop[k] == 0) continue;
      const auto e = m_.types.dims.as_constant(extents_[k]);
      known = e.has_value() && *e > 0;
      if (known) (i.loop[k] > 0 ? high : low) += i.loop[k] * (*e - 1);
    }
    if (known) return low >= 0 && high < *n;
  }
  if (i.constant != 0 || !i.sizes.empty()) return false;
  int reader = -1;
  for (size_t k = 0; k < i.loop.size(); ++k) {
    if (i.loop[k] == 0) continue;
    if (i.loop[k] != 1 || reader >= 0) return false;
    reader = static_cast<int>(k);
  }
  return reader >= 0 && extents_[static_cast<size_t>(reader)] == extent;
}

/// What was evaluated once in the body being emitted is not evaluated again.
std::vector<int64_t> FunctionEmitter::memo_key(int32_t l, const Point& p) {
  std::vector<int64_t> key{l, p.width, reinterpret_cast<intptr_t>(p.guard), reinterpret_cast<intptr_t>(p.mask)};
  for (const Index& i : p.at) {
    key.insert(key.end(), i.loop.begin(), i.loop.end());
    key.push_back(i.constant);
    for (const auto& [d, c] : i.sizes) key.push_back(d.i), key.push_back(c);
    key.push_back(INT64_MIN);
  }
  return key;
}

llvm::Value* FunctionEmitter::element(int32_t l, const Point& p) {
  const Type& t = type_of(l);
  if (t.dims.empty()) return splat(scalar(l), p.width);
  if (p.width > 1 && is_uniform(p)) {
    Point once = p;
    once.width = 1, once.mask = nullptr;
    return splat(element(l, once), p.width);
  }
  std::vector<int64_t> key = memo_key(l, p);
  if (const auto found = memo_.find(key); found != memo_.end()) return found->second;
  llvm::Value* v = leaf(l).buffer >= 0 ? load(leaf(l).buffer, t.dims, p) : expression(l, p);
  memo_.emplace(std::move(key), v);
  return v;
}

llvm::Value* FunctionEmitter::expression(int32_t l, const Point& p) {
  const ValueId v = leaf(l).value;
  const Inst& in = f_[v];
  if (in.op == "view"_op) return read_view(l, p);
  if (in.op == "iota"_op) return index_value(p.at[0], p.width);
  if (in.op == "index"_op) return gather(l, p);
  if (in.op == "reshape"_op) return element(only_leaf(f_.operand(v, 0)), p);  // of a scalar
  Values args;
  for (ValueId o : f_.operands(v)) args.push_back(element(only_leaf(o), p));
  if (in.op == "batch_sum"_op) return args[0];  // outside a batch the batch is this one example
  return module_.primitives().apply(b_, in.op, args, type_of(l).dtype);
}

llvm::Value* FunctionEmitter::read_view(int32_t l, const Point& p) {
  const ValueId v = leaf(l).value;
  const ViewMap map = view_map(m_, f_[v].attr);
  const int32_t source = only_leaf(f_.operand(v, 0));
  const Type& from = type_of(source);
  if (map.source_rank() == 0) return element(source, p);
  Point q = p;
  q.at.assign(static_cast<size_t>(map.source_rank()), {});
  llvm::Value *guard = nullptr, *varying = nullptr;
  for (int s = 0; s < map.source_rank(); ++s) {
    Index& i = q.at[static_cast<size_t>(s)];
    i.loop.resize(variables_.size());
    i.add_size(m_, map.offsets[static_cast<size_t>(s)], 1);
    for (int r = 0; r < map.result_rank(); ++r)
      if (map.at(s, r) != 0) i.add(p.at[static_cast<size_t>(r)], map.at(s, r));
    const DimId extent = from.dims[static_cast<size_t>(s)];
    if (!map.guarded || is_inside(i, extent)) continue;
    const bool varies = p.width > 1 && lane_ >= 0 && i.loop[static_cast<size_t>(lane_)] != 0;
    // One unsigned comparison tests both ends.
    llvm::Value* inside = b_.CreateICmpULT(index_value(i, varies ? p.width : 1), splat(dim(extent), varies ? p.width : 1));
    llvm::Value*& both = varies ? varying : guard;
    both = both ? b_.CreateAnd(both, inside) : inside;
  }
  if (guard) q.guard = p.guard ? b_.CreateAnd(p.guard, guard) : guard;
  if (varying) {
    q.mask = p.mask ? b_.CreateAnd(p.mask, varying) : varying;
    q.mask_varies = true;
  }
  llvm::Value* value = element(source, q);
  if (!guard && !varying) return value;
  llvm::Value* holds = varying;
  if (guard) holds = varying ? b_.CreateAnd(varying, splat(guard, p.width)) : splat(guard, p.width);
  return b_.CreateSelect(holds, value, llvm::Constant::getNullValue(value->getType()));
}

FunctionEmitter::Address FunctionEmitter::address(int32_t buf, const std::vector<DimId>& dims, const Point& p, llvm::Value* origin) {
  // The linear position as an index of its own, with coefficients that may be run-time values (products of extents).
  const size_t n = variables_.size();
  Values coefficient(n, nullptr);
  llvm::Value* offset = constant(0);
  llvm::Value* stride = constant(1);
  Builder& e = entry_;
  for (size_t axis = p.at.size(); axis-- > 0;) {
    const Index& i = p.at[axis];
    llvm::Value* fixed = constant(i.constant);
    for (const auto& [d, c] : i.sizes) fixed = e.CreateAdd(fixed, e.CreateMul(dim(d), constant(c)));
    offset = e.CreateAdd(offset, e.CreateMul(fixed, stride));
    for (size_t k = 0; k < i.loop.size(); ++k) {
      if (i.loop[k] == 0) continue;
      llvm::Value* c = e.CreateMul(stride, constant(i.loop[k]));
      coefficient[k] = coefficient[k] ? e.CreateAdd(coefficient[k], c) : c;
    }
    if (axis > 0 && !flat_) stride = e.CreateMul(stride, dim(dims[axis]));
  }
  // Outer variables first: what they add up to does not change in the inner loop.
  for (size_t k = 0; k < n; ++k) {
    if (!coefficient[k] || static_cast<int>(k) == lane_) continue;
    offset = b_.CreateAdd(offset, b_.CreateMul(variables_[k], coefficient[k]));
  }
  llvm::Type* memory = memory_type(buffer(buf).dtype);
  Address a;
  a.pointer = b_.CreateGEP(memory, origin ? origin : base(buf), offset);
  if (lane_ >= 0 && coefficient[static_cast<size_t>(lane_)]) {
    const auto lane = static_cast<size_t>(lane_);
    a.pointer = b_.CreateGEP(memory, a.pointer, b_.CreateMul(variables_[lane], coefficient[lane]));
    a.stride = coefficient[lane];
  }
  if (p.width > 1 && !a.stride) a.stride = constant(0);
  return a;
}

llvm::Value* FunctionEmitter::load_vector(llvm::Type* memory, const Address& a, llvm::Value* mask, int width) {
  const auto* constant_stride = llvm::dyn_cast<llvm::ConstantInt>(a.stride);
  const llvm::Align align(std::max<uint64_t>(1, memory->getPrimitiveSizeInBits() / 8));
  auto* type = llvm::FixedVectorType::get(memory, static_cast<unsigned>(width));
  if (constant_stride && constant_stride->isOne()) {
    if (!mask) return b_.CreateAlignedLoad(type, a.pointer, align);
    return b_.CreateMaskedLoad(type, a.pointer, align, mask, llvm::Constant::getNullValue(type));
  }
  if (constant_stride && constant_stride->isMinusOne() && !mask) {
    llvm::Value* low = b_.CreateGEP(memory, a.pointer, constant(1 - width));
    return b_.CreateVectorReverse(b_.CreateAlignedLoad(type, low, align));
  }
  llvm::Value* lanes = b_.CreateMul(lane_numbers(width), splat(a.stride, width));
  llvm::Value* pointers = b_.CreateGEP(memory, a.pointer, lanes);
  return b_.CreateMaskedGather(type, pointers, align, mask, llvm::Constant::getNullValue(type));
}

llvm::Value* FunctionEmitter::load(int32_t buf, const std::vector<DimId>& dims, const Point& p, llvm::Value* origin) {
  const DType dtype = buffer(buf).dtype;
  llvm::Type* memory = memory_type(dtype);
  const Address a = address(buf, dims, p, origin);
  llvm::Value* v;
  if (p.width == 1) {
    llvm::Value* pointer = p.guard ? b_.CreateSelect(p.guard, a.pointer, module_.zeros()) : a.pointer;
    v = b_.CreateLoad(memory, pointer);
  } else {
    llvm::Value* mask = p.mask;
    if (p.guard) mask = mask ? b_.CreateAnd(mask, splat(p.guard, p.width)) : splat(p.guard, p.width);
    v = load_vector(memory, a, mask, p.width);
  }
  return dtype == DType::b1 ? b_.CreateICmpNE(v, llvm::Constant::getNullValue(v->getType())) : v;
}

/// Stores at a position of the loops themselves, which is never guarded. The lane axis is contiguous.
void FunctionEmitter::store(int32_t buf, const std::vector<DimId>& dims, const Point& p, llvm::Value* value, llvm::Value* origin) {
  const Address a = address(buf, dims, p, origin);
  llvm::Type* memory = memory_type(buffer(buf).dtype);
  const llvm::Align align(std::max<uint64_t>(1, memory->getPrimitiveSizeInBits() / 8));
  if (buffer(buf).dtype == DType::b1) {
    llvm::Type* bytes = p.width == 1 ? memory : llvm::FixedVectorType::get(memory, static_cast<unsigned>(p.width));
    value = b_.CreateZExt(value, bytes);
  }
  if (p.width == 1) {
    b_.CreateAlignedStore(value, a.pointer, align);
    return;
  }
  const auto* constant_stride = llvm::dyn_cast<llvm::ConstantInt>(a.stride);
  if (constant_stride && constant_stride->isOne()) {
    if (p.mask) b_.CreateMaskedStore(value, a.pointer, align, p.mask);
    else b_.CreateAlignedStore(value, a.pointer, align);
    return;
  }
  llvm::Value* lanes = b_.CreateMul(lane_numbers(p.width), splat(a.stride, p.width));
  b_.CreateMaskedScatter(value, b_.CreateGEP(memory, a.pointer, lanes), align, p.mask);
}

}  // namespace dlc::cpu
