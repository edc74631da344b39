// The training step (codegen/train_step.h) around three emitted functions: gathers a block of examples, calls the block's
// gradient, adds it up, and updates the state. Written in LLVM's terms because a loop with a running sum over calls is
// nothing that loop trees say.
#include "base/check.h"
#include "codegen/cpu/emitter.h"
#include "codegen/train_step.h"

namespace dlc::cpu {
namespace {

constexpr uint64_t kAlign = 64;

class StepEmitter {
 public:
  StepEmitter(ModuleEmitter& module, const TrainStep& step)
      : module_(module), step_(step), b_(module.context()), block_(module.emit(step.block)), update_(module.emit(step.update)),
        element_(scalar_type(module.context(), step.dtype)), bytes_(step.dtype == DType::f32 ? 4 : 8) {
    if (step.regulariser) regulariser_ = module.emit(step.regulariser);
  }

  void emit() {
    emit_workspace();
    auto* p = b_.getPtrTy();
    auto* i64 = b_.getInt64Ty();
    auto* type = llvm::FunctionType::get(b_.getInt32Ty(), {p, i64, p, p, i64, p, p, p, p, p, p}, false);
    f_ = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, step_.symbol, module_.out());
    b_.SetInsertPoint(llvm::BasicBlock::Create(module_.context(), "entry", f_));
    place_workspace();
    zero(sum_, part_bytes());
    zero(gradient_, part_bytes());
    store_loss(0, llvm::ConstantFP::get(b_.getDoubleTy(), 0)), store_loss(1, llvm::ConstantFP::get(b_.getDoubleTy(), 0));
    loop(constant(0), argument(kN), step_.block_rows, [&](llvm::Value* first) { gradient_of_block(first); });
    if (step_.regulariser) gradient_of_regulariser();
    update();
    b_.CreateRet(b_.getInt32(0));
  }

 private:
  enum Argument : unsigned { kCtx, kN, kRows, kFields, kKey, kScales, kHyper, kState, kNewState, kLosses, kWorkspace };
  using Values = std::vector<llvm::Value*>;

  llvm::Value* argument(Argument a) { return f_->getArg(a); }
  llvm::ConstantInt* constant(int64_t v) { return b_.getInt64(static_cast<uint64_t>(v)); }
  int64_t part_bytes() const { return step_.state_length * bytes_; }
  static int64_t aligned(int64_t n) { return (n + static_cast<int64_t>(kAlign) - 1) / static_cast<int64_t>(kAlign) * static_cast<int64_t>(kAlign); }
  llvm::Value* at(llvm::Value* pointer, llvm::Value* bytes) { return b_.CreateGEP(b_.getInt8Ty(), pointer, bytes); }
  llvm::Value* at(llvm::Value* pointer, int64_t bytes) { return at(pointer, constant(bytes)); }
  void zero(llvm::Value* pointer, int64_t bytes) { b_.CreateMemSet(pointer, b_.getInt8(0), static_cast<uint64_t>(bytes), llvm::Align(kAlign)); }

  /// Two gradients, a value, the gathered fields; then what the callees want, one after the other in the same place.
  int64_t own_bytes() const {
    int64_t n = 2 * aligned(part_bytes()) + aligned(bytes_);
    for (const TrainStep::Field& field : step_.fields) n += aligned(field.row_bytes() * step_.block_rows);
    return n;
  }

  void emit_workspace() {
    auto* f = llvm::Function::Create(llvm::FunctionType::get(b_.getInt64Ty(), false), llvm::GlobalValue::ExternalLinkage,
                                     step_.symbol + "_ws", module_.out());
    b_.SetInsertPoint(llvm::BasicBlock::Create(module_.context(), "entry", f));
    llvm::Value* most = constant(0);
    const auto larger = [&](llvm::Value* bytes) { most = b_.CreateSelect(b_.CreateICmpUGT(bytes, most), bytes, most); };
    larger(b_.CreateCall(block_.workspace, {constant(step_.block_rows)}));
    larger(b_.CreateCall(update_.workspace, {constant(step_.state_length)}));
    if (regulariser_.workspace) larger(b_.CreateCall(regulariser_.workspace, {}));
    b_.CreateRet(b_.CreateAdd(most, constant(own_bytes())));
  }

  void place_workspace() {
    int64_t n = 0;
    const auto take = [&](int64_t bytes) {
      llvm::Value* pointer = at(argument(kWorkspace), n);
      n += aligned(bytes);
      return pointer;
    };
    sum_ = take(part_bytes()), gradient_ = take(part_bytes()), value_ = take(bytes_);
    for (size_t k = 0; k < step_.fields.size(); ++k) {
      gathered_.push_back(take(step_.fields[k].row_bytes() * step_.block_rows));
      tables_.push_back(b_.CreateLoad(b_.getPtrTy(), at(argument(kFields), static_cast<int64_t>(k * sizeof(void*)))));
    }
    rest_ = at(argument(kWorkspace), n);
    for (size_t k = 0; k < step_.scales.size(); ++k) scales_.push_back(number(argument(kScales), k));
  }

  /// Element k of an array of doubles, as the model's float.
  llvm::Value* number(llvm::Value* doubles, size_t k) {
    llvm::Value* v = b_.CreateLoad(b_.getDoubleTy(), at(doubles, static_cast<int64_t>(8 * k)));
    return step_.dtype == DType::f32 ? b_.CreateFPTrunc(v, element_) : v;
  }
  void store_loss(int k, llvm::Value* v) { b_.CreateStore(v, at(argument(kLosses), 8 * k)); }

  void loop(llvm::Value* begin, llvm::Value* end, int64_t step, const std::function<void(llvm::Value*)>& body) {
    auto& context = module_.context();
    auto* head = llvm::BasicBlock::Create(context, "head", f_);
    auto* inside = llvm::BasicBlock::Create(context, "body", f_);
    auto* after = llvm::BasicBlock::Create(context, "after", f_);
    auto* before = b_.GetInsertBlock();
    b_.CreateBr(head);
    b_.SetInsertPoint(head);
    llvm::PHINode* i = b_.CreatePHI(b_.getInt64Ty(), 2);
    i->addIncoming(begin, before);
    b_.CreateCondBr(b_.CreateICmpSLT(i, end), inside, after);
    b_.SetInsertPoint(inside);
    body(i);
    i->addIncoming(b_.CreateAdd(i, constant(step)), b_.GetInsertBlock());
    b_.CreateBr(head);
    b_.SetInsertPoint(after);
  }

  void call(const EmittedFunction& callee, Values args) {
    DLC_CHECK(args.size() == callee.body->arg_size(), "a training step calls a function with all its arguments");
    llvm::Value* code = b_.CreateCall(callee.body, args);
    if (!callee.can_fail) return;
    auto* failed = llvm::BasicBlock::Create(module_.context(), "failed", f_);
    auto* next = llvm::BasicBlock::Create(module_.context(), "next", f_);
    b_.CreateCondBr(b_.CreateIsNotNull(code), failed, next);
    b_.SetInsertPoint(failed);
    b_.CreateRet(code);
    b_.SetInsertPoint(next);
  }

  void add_params(Values& args) {
    for (const TrainStep::Leaf& leaf : step_.leaves) {
      llvm::Value* pointer = at(argument(kState), leaf.offset * bytes_);
      args.push_back(leaf.shape.empty() ? b_.CreateLoad(element_, pointer) : pointer);
    }
  }
  void add_gradients(Values& args) {
    args.push_back(value_);
    for (const TrainStep::Leaf& leaf : step_.leaves) args.push_back(at(gradient_, leaf.offset * bytes_));
  }

  void gather(llvm::Value* first, llvm::Value* count) {
    loop(constant(0), count, 1, [&](llvm::Value* i) {
      llvm::Value* position = b_.CreateAdd(first, i);
      llvm::Value* row = b_.CreateLoad(b_.getInt64Ty(), at(argument(kRows), b_.CreateMul(position, constant(8))));
      for (size_t k = 0; k < tables_.size(); ++k) {
        const int64_t bytes = step_.fields[k].row_bytes();
        const llvm::Align align(static_cast<uint64_t>(bytes % 8 == 0 ? 8 : bytes % 4 == 0 ? 4 : 1));
        b_.CreateMemCpy(at(gathered_[k], b_.CreateMul(i, constant(bytes))), align, at(tables_[k], b_.CreateMul(row, constant(bytes))), align,
                        static_cast<uint64_t>(bytes));
      }
    });
  }

  void gradient_of_block(llvm::Value* first) {
    llvm::Value* left = b_.CreateSub(argument(kN), first);
    llvm::Value* count = b_.CreateSelect(b_.CreateICmpSLT(left, constant(step_.block_rows)), left, constant(step_.block_rows));
    gather(first, count);
    Values args{argument(kCtx), count};
    add_params(args);
    if (step_.draws) args.push_back(argument(kKey)), args.push_back(first);
    args.insert(args.end(), gathered_.begin(), gathered_.end());
    args.insert(args.end(), scales_.begin(), scales_.end());
    add_gradients(args);
    args.push_back(rest_);
    call(block_, std::move(args));
    add_up(0);
  }

  void gradient_of_regulariser() {
    Values args{argument(kCtx)};
    add_params(args);
    add_gradients(args);
    args.push_back(rest_);
    call(regulariser_, std::move(args));
    add_up(1);
  }

  /// sum += gradient, and the loss.
  void add_up(int loss) {
    auto* lanes = llvm::FixedVectorType::get(element_, static_cast<unsigned>(kStateAlign));
    const llvm::Align align(std::min<uint64_t>(kAlign, static_cast<uint64_t>(kStateAlign * bytes_)));
    loop(constant(0), constant(part_bytes()), kStateAlign * bytes_, [&](llvm::Value* i) {
      llvm::Value* to = at(sum_, i);
      llvm::Value* more = b_.CreateAlignedLoad(lanes, at(gradient_, i), align);
      b_.CreateAlignedStore(b_.CreateFAdd(b_.CreateAlignedLoad(lanes, to, align), more), to, align);
    });
    llvm::Value* value = b_.CreateLoad(element_, value_);
    if (step_.dtype == DType::f32) value = b_.CreateFPExt(value, b_.getDoubleTy());
    store_loss(loss, b_.CreateFAdd(b_.CreateLoad(b_.getDoubleTy(), at(argument(kLosses), 8 * loss)), value));
  }

  void update() {
    Values args{argument(kCtx), constant(step_.state_length), argument(kState), sum_};
    const auto n_moments = static_cast<int64_t>(step_.moments.size());
    for (int64_t k = 1; k <= n_moments; ++k) args.push_back(at(argument(kState), k * part_bytes()));
    for (size_t k = 0; k < step_.hyper.size(); ++k) args.push_back(number(argument(kHyper), k));
    for (int64_t k = 0; k <= n_moments; ++k) args.push_back(at(argument(kNewState), k * part_bytes()));
    args.push_back(rest_);
    call(update_, std::move(args));
  }

  ModuleEmitter& module_;
  const TrainStep& step_;
  Builder b_;
  EmittedFunction block_, update_, regulariser_;
  llvm::Type* element_;
  int64_t bytes_;
  llvm::Function* f_ = nullptr;
  llvm::Value *sum_ = nullptr, *gradient_ = nullptr, *value_ = nullptr, *rest_ = nullptr;
  Values gathered_, tables_, scales_;
};

}  // namespace

void ModuleEmitter::export_step(const TrainStep& step) { StepEmitter(*this, step).emit(); }

}  // namespace dlc::cpu
