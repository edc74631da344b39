// Regions: branches and loops. What they yield or carry meets in phis where it is a scalar, in one piece of memory that all
// blocks write where it is an array (passes/fuse.cpp).
#include "base/check.h"
#include "codegen/cpu/emitter.h"
#include "ops/array.h"
#include "ops/table.h"
#include "runtime/abi.h"

namespace dlc::cpu {

/// `if`: scalars of the two results meet in phis, arrays in the memory both sides write.
void FunctionEmitter::branch(const Step& step) {
  const Inst& in = f_[step.value];
  auto* exit = llvm::BasicBlock::Create(context_, "endif", s_.function);
  llvm::BasicBlock* begin[2];
  for (auto& block : begin) block = llvm::BasicBlock::Create(context_, "if", s_.function);
  b_.CreateCondBr(scalar(only_leaf(f_.operand(step.value, 0))), begin[0], begin[1]);
  llvm::BasicBlock* last[2];
  Values results[2];
  const auto& mine = p_.leaves_of[index(step.value)];
  for (int side = 0; side < 2; ++side) {
    b_.SetInsertPoint(begin[side]);
    const Block& block = f_[BlockId{in.first_block.i + side}];
    const size_t n_checked = checked_sizes_.size();
    check_sizes_of(block, true);
    steps(step.blocks[static_cast<size_t>(side)]);
    checked_sizes_.resize(n_checked);
    const auto& theirs = p_.leaves_of[index(block.result)];
    for (size_t k = 0; k < mine.size(); ++k)
      results[side].push_back(type_of(mine[k]).dims.empty() ? scalar(theirs[k]) : nullptr);
    last[side] = b_.GetInsertBlock();
    b_.CreateBr(exit);
  }
  b_.SetInsertPoint(exit);
  for (size_t k = 0; k < mine.size(); ++k) {
    if (!results[0][k]) continue;
    llvm::PHINode* phi = b_.CreatePHI(results[0][k]->getType(), 2);
    for (int side = 0; side < 2; ++side) phi->addIncoming(results[side][k], last[side]);
    s_.registers[static_cast<size_t>(mine[k])] = phi;
  }
}

/// The scalars among the carried values of a loop, by position.
std::vector<size_t> FunctionEmitter::carried_scalars(const Step& step) const {
  std::vector<size_t> scalars;
  const auto& mine = p_.leaves_of[index(step.value)];
  for (size_t k = 0; k < mine.size(); ++k)
    if (type_of(mine[k]).dims.empty()) scalars.push_back(k);
  return scalars;
}

void FunctionEmitter::set_carried(const std::vector<size_t>& scalars, BlockId block, size_t n_own, const Values& values) {
  for (size_t k = 0; k < scalars.size(); ++k)
    s_.registers[static_cast<size_t>(only_leaf(f_[block].params[n_own + scalars[k]]))] = values[k];
}

FunctionEmitter::Values FunctionEmitter::results_of(BlockId block, const std::vector<size_t>& scalars) {
  Values values;
  for (size_t k : scalars) values.push_back(scalar(p_.leaves_of[index(f_[block].result)][k]));
  return values;
}

void FunctionEmitter::loop_step(const Step& step) {
  const Inst in = f_[step.value];
  const RegionShape shape = region_shape(m_, in);
  const std::vector<size_t> scalars = carried_scalars(step);
  Values carried;
  for (size_t k : scalars) carried.push_back(scalar(only_leaf(f_.operand(step.value, shape.own_operands + static_cast<int>(k)))));
  if (in.op == "for"_op) {
    const BlockId body = in.first_block;
    loop(constant(0), scalar(only_leaf(f_.operand(step.value, 0))), 1, carried, [&](llvm::Value* i) {
      s_.registers[static_cast<size_t>(only_leaf(f_[body].params[0]))] = i;
      set_carried(scalars, body, 1, carried);
      steps(step.blocks[0]);
      carried = results_of(body, scalars);
    });
  } else {
    while_loop(step, scalars, carried);
  }
  const auto& mine = p_.leaves_of[index(step.value)];
  for (size_t k = 0; k < scalars.size(); ++k) s_.registers[static_cast<size_t>(mine[scalars[k]])] = carried[k];
}

/// head: the condition of this step; body; back to head. With a bound, a counter beside the carried values.
void FunctionEmitter::while_loop(const Step& step, const std::vector<size_t>& scalars, Values& carried) {
  const Inst in = f_[step.value];
  const BlockId test = in.first_block, body = BlockId{test.i + 1};
  const DimId bound = loop_options(m_, in.attr).bound;
  s_.function->removeFnAttr(llvm::Attribute::WillReturn);
  auto* head = llvm::BasicBlock::Create(context_, "while", s_.function);
  auto* inside = llvm::BasicBlock::Create(context_, "do", s_.function);
  auto* exit = llvm::BasicBlock::Create(context_, "done", s_.function);
  llvm::BasicBlock* before = b_.GetInsertBlock();
  b_.CreateBr(head);
  b_.SetInsertPoint(head);
  std::vector<llvm::PHINode*> phis;
  for (llvm::Value*& v : carried) {
    phis.push_back(b_.CreatePHI(v->getType(), 2));
    phis.back()->addIncoming(v, before);
    v = phis.back();
  }
  llvm::PHINode* count = bound ? b_.CreatePHI(b_.getInt64Ty(), 2) : nullptr;
  if (count) count->addIncoming(constant(0), before);
  set_carried(scalars, test, 0, carried);
  steps(step.blocks[0]);
  llvm::Value* holds = scalar(only_leaf(f_[test].result));
  b_.CreateCondBr(holds, inside, exit);
  b_.SetInsertPoint(inside);
  if (count) {
    const int32_t site = module_.add_site({p_.func, {bound, bound, in.loc, SizeCheck::Kind::iterations, {}}});
    fail_if(b_.CreateICmpSGE(count, dim(bound)), DLC_MAX_ITERS, site, count, dim(bound));
  }
  set_carried(scalars, body, 0, carried);
  steps(step.blocks[1]);
  const Values next = results_of(body, scalars);
  llvm::BasicBlock* latch = b_.GetInsertBlock();
  if (count) count->addIncoming(b_.CreateAdd(count, constant(1)), latch);
  b_.CreateBr(head);
  for (size_t k = 0; k < phis.size(); ++k) phis[k]->addIncoming(next[k], latch);
  b_.SetInsertPoint(exit);
}

/// Whether some step may end the function early, so that it needs the entry's return code.
bool FunctionEmitter::may_fail(const std::vector<Step>& list) const {
  const auto is_checked = [&](ValueId v) { return f_[v].op == "index"_op && dlc::is_checked(bounds_of(m_, f_[v])); };
  for (const Step& step : list) {
    for (ValueId v : step.scalars)
      if (is_checked(v)) return true;
    for (const Target& t : step.targets)
      if (is_checked(leaf(t.leaf).value)) return true;
    if (step.kind == Step::Kind::store && dlc::is_checked(bounds_of(m_, f_[step.value]))) return true;
    if (step.kind == Step::Kind::call && n_size_operands(m_, f_[step.value]) > 0) return true;
    if (step.kind == Step::Kind::loop && f_[step.value].op == "while"_op && loop_options(m_, f_[step.value].attr).bound) return true;
    for (const auto& block : step.blocks)
      if (may_fail(block)) return true;
  }
  return false;
}

}  // namespace dlc::cpu
