// Loops, and the steps that are nothing but elements. A loop is emitted in the rotated form (test at the end, guard
// before), with the values it carries as phis, so that no pass has to bring it there.
#include <algorithm>
#include <bit>

#include "codegen/cpu/emitter.h"
#include "ops/array.h"
#include "ops/table.h"

namespace dlc::cpu {

namespace {
llvm::ConstantInt* as_constant(llvm::Value* v) { return llvm::dyn_cast<llvm::ConstantInt>(v); }
}  // namespace

/// for (i = begin; i < end; i += step) body(i). `body` updates `carried`, which afterwards holds the final values.
void FunctionEmitter::loop(llvm::Value* begin, llvm::Value* end, int64_t step, Values& carried,
                           const std::function<void(llvm::Value*)>& body) {
  const auto *first = as_constant(begin), *last = as_constant(end);
  if (first && last) {
    if (first->getSExtValue() >= last->getSExtValue()) return;
    if (first->getSExtValue() + step >= last->getSExtValue()) return body(begin);
  }
  auto* head = llvm::BasicBlock::Create(context_, "loop", s_.function);
  auto* exit = llvm::BasicBlock::Create(context_, "done", s_.function);
  llvm::BasicBlock* before = b_.GetInsertBlock();
  const bool surely_entered = first && last;
  if (surely_entered) b_.CreateBr(head);
  else b_.CreateCondBr(b_.CreateICmpSLT(begin, end), head, exit);

  b_.SetInsertPoint(head);
  llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2);
  i->addIncoming(begin, before);
  std::vector<llvm::PHINode*> phis;
  const Values initial = carried;
  for (llvm::Value*& v : carried) {
    phis.push_back(b_.CreatePHI(v->getType(), 2));
    phis.back()->addIncoming(v, before);
    v = phis.back();
  }
  body(i);
  llvm::Value* next = b_.CreateNSWAdd(i, constant(step));
  llvm::BasicBlock* latch = b_.GetInsertBlock();
  b_.CreateCondBr(b_.CreateICmpSLT(next, end), head, exit);
  i->addIncoming(next, latch);
  for (size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(carried[k], latch);

  b_.SetInsertPoint(exit);
  if (surely_entered) return;
  for (size_t k = 0; k < carried.size(); ++k) {
    llvm::PHINode* out = b_.CreatePHI(carried[k]->getType(), 2);
    out->addIncoming(initial[k], before);
    out->addIncoming(carried[k], latch);
    carried[k] = out;
  }
}

void FunctionEmitter::when(llvm::Value* condition, Values& carried, const Body& body) {
  if (const auto* known = as_constant(condition)) {
    if (known->isOne()) body();
    return;
  }
  auto* then = llvm::BasicBlock::Create(context_, "then", s_.function);
  auto* exit = llvm::BasicBlock::Create(context_, "done", s_.function);
  llvm::BasicBlock* before = b_.GetInsertBlock();
  b_.CreateCondBr(condition, then, exit);
  b_.SetInsertPoint(then);
  const Values initial = carried;
  body();
  llvm::BasicBlock* last = b_.GetInsertBlock();
  b_.CreateBr(exit);
  b_.SetInsertPoint(exit);
  for (size_t k = 0; k < carried.size(); ++k) {
    llvm::PHINode* out = b_.CreatePHI(carried[k]->getType(), 2);
    out->addIncoming(initial[k], before);
    out->addIncoming(carried[k], last);
    carried[k] = out;
  }
}

FunctionEmitter::Axes FunctionEmitter::range(size_t first, size_t last) {
  Axes axes;
  for (size_t k = first; k < last; ++k) axes.push_back(k);
  return axes;
}

void FunctionEmitter::set_loops(const std::vector<DimId>& extents) {
  extents_ = extents;
  variables_.assign(extents.size(), constant(0));
  counts_.clear();
  for (DimId d : extents) counts_.push_back(dim(d));
  lane_ = -1;
  flat_ = false;
  memo_.clear();
}

bool FunctionEmitter::is_one(size_t axis) const {
  const auto* n = as_constant(counts_[axis]);
  return n && n->isOne();
}

/// Nested scalar loops over `axes`, the first outermost.
void FunctionEmitter::over(const Axes& axes, Values& carried, const Body& body, size_t from) {
  if (from == axes.size()) return body();
  const size_t axis = axes[from];
  loop(constant(0), counts_[axis], 1, carried, [&](llvm::Value* i) {
    variables_[axis] = i;
    over(axes, carried, body, from + 1);
  });
}

/// The loop over lanes: whole vectors, then once more for the remainder under a mask.
void FunctionEmitter::over_lanes(size_t axis, int width, Values& carried, const std::function<void(llvm::Value*)>& body) {
  lane_ = static_cast<int>(axis);
  llvm::Value* count = counts_[axis];
  llvm::Value* whole = b_.CreateAnd(count, constant(-width));
  const auto run = [&](llvm::Value* i, llvm::Value* mask) {
    variables_[axis] = i;
    memo_.clear();
    body(mask);
  };
  loop(constant(0), whole, width, carried, [&](llvm::Value* i) { run(i, nullptr); });
  llvm::Value* rest = b_.CreateSub(count, whole);
  when(b_.CreateICmpSGT(rest, constant(0)), carried, [&] {
    run(whole, b_.CreateICmpULT(lane_numbers(width), splat(rest, width)));
  });
  lane_ = -1;
}

/// Lanes that fill a vector, or fewer when the axis is short.
int FunctionEmitter::lane_width(DType widest, size_t axis) const {
  const int bytes = widest == DType::f32 || widest == DType::b1 ? 4 : 8;
  const int full = module_.options().vector_bits / 8 / bytes;
  const auto* n = as_constant(counts_[axis]);
  if (!n || n->getSExtValue() >= full) return full;
  return static_cast<int>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(n->getSExtValue(), 1))));
}

/// Parallel loops over `axes`, the last one that is not a single iteration over lanes.
void FunctionEmitter::with_lanes(const Axes& axes, DType widest, const std::function<void(int, llvm::Value*)>& body) {
  Values none;
  Axes outer = axes;
  while (!outer.empty() && is_one(outer.back())) variables_[outer.back()] = constant(0), outer.pop_back();
  if (outer.empty()) return memo_.clear(), body(1, nullptr);
  const size_t lane = outer.back();
  const int width = lane_width(widest, lane);
  if (width == 1) return over(outer, none, [&] { memo_.clear(), body(1, nullptr); });
  outer.pop_back();
  over(outer, none, [&] { over_lanes(lane, width, none, [&](llvm::Value* mask) { body(width, mask); }); });
}

/// Dense arrays and scalars only, each element from the same position: then one loop over all of them will do.
bool FunctionEmitter::is_flat(const Step& step) const {
  if (step.axes.size() < 2) return false;
  std::vector<int32_t> work;
  const auto push_operands = [&](int32_t l) {
    for (ValueId o : f_.operands(leaf(l).value)) work.push_back(only_leaf(o));
  };
  for (const Target& t : step.targets) {
    if (t.row >= 0 || f_[leaf(t.leaf).value].op == "index"_op) return false;
    if (leaf(t.leaf).buffer == t.buffer && f_[leaf(t.leaf).value].op != "view"_op) push_operands(t.leaf);
    else if (leaf(t.leaf).buffer == t.buffer) return false;
    else work.push_back(t.leaf);
  }
  size_t visited = 0;
  while (!work.empty()) {
    const int32_t l = work.back();
    work.pop_back();
    const OpId op = f_[leaf(l).value].op;
    if (type_of(l).dims.empty() || leaf(l).buffer >= 0) continue;
    if (op == "iota"_op || op == "index"_op || ++visited > 2000) return false;
    if (op == "view"_op && type_of(only_leaf(f_.operand(leaf(l).value, 0))).rank() > 0) return false;
    push_operands(l);
  }
  return true;
}

void FunctionEmitter::evaluate_targets(const Step& step, int width, llvm::Value* mask) {
  for (const Target& t : step.targets) {
    Point p = here(0, variables_.size(), width, mask);
    const bool is_root = leaf(t.leaf).buffer == t.buffer && t.row < 0;
    llvm::Value* value = is_root ? expression(t.leaf, p) : element(t.leaf, p);
    if (is_root) memo_[memo_key(t.leaf, p)] = value;  // later targets need not load it
    std::vector<DimId> dims = type_of(t.leaf).dims;
    if (t.row >= 0) {
      Index row;
      row.constant = t.row;
      p.at.insert(p.at.begin(), row);
      dims.insert(dims.begin(), DimId{});  // a leading extent is not part of any address
    }
    store(t.buffer, dims, p, value);
  }
}

void FunctionEmitter::elements(const Step& step) {
  set_loops(step.axes);
  prepare_rows(step);
  if (is_flat(step)) {
    llvm::Value* all = dim_product(step.axes);
    extents_ = {DimId{}}, counts_ = {all}, variables_ = {constant(0)};
    flat_ = true;
  }
  DType widest = DType::f32;
  for (const Target& t : step.targets)
    if (dtype_bytes(buffer(t.buffer).dtype) == 8) widest = DType::f64;
  with_lanes(range(0, variables_.size()), widest, [&](int width, llvm::Value* mask) { evaluate_targets(step, width, mask); });
  flat_ = false;
}

}  // namespace dlc::cpu
