// The training step (codegen/train_step.h) around three emitted functions: gathers a block of examples, calls the block's
// gradient, adds it up, and updates the state. Written in LLVM's terms because a loop with a running sum over calls is
// nothing that loop trees say.
//
// The workspace is two running sums, then slots: what one block needs, in a place of its own. A small model has one slot,
// and its blocks run one after the other in the step itself. A large one has kWave of them, and two more functions, which
// the caller's parallel_for may run on any threads: NAME_blocks computes blocks of a wave, each into its slot, NAME_add adds
// a range of elements of all gradients to the sum. Both see the step's arguments through a frame of pointers.
#include <algorithm>
#include <cstddef>
#include <string>

#include "base/check.h"
#include "codegen/cpu/emitter.h"
#include "codegen/train_step.h"
#include "runtime/abi.h"

namespace dlc::cpu {
namespace {

constexpr int64_t kAlign = 64;
/// Elements of a gradient that a thread adds up at a time: 16 KiB of f32, the smaller half of a first-level cache.
constexpr int64_t kAddedAtOnce = 4096;

class StepEmitter {
 public:
  StepEmitter(ModuleEmitter& module, const TrainStep& step)
      : module_(module), step_(step), b_(module.context()), update_(module.emit(step.update)),
        element_(scalar_type(module.context(), step.dtype)), bytes_(step.dtype == DType::f32 ? 4 : 8) {
    if (step.regulariser) regulariser_ = module.emit(step.regulariser);
    for (const TrainStep::Data& data : step.data) pieces_.push_back({module.emit(data.block), nullptr, nullptr});
  }

  void emit() {
    if (step_.is_parallel())
      for (current_ = 0; current_ < step_.data.size(); ++current_) emit_blocks(), emit_add();
    emit_workspace();
    auto* p = b_.getPtrTy();
    auto* i64 = b_.getInt64Ty();
    auto* type = llvm::FunctionType::get(b_.getInt32Ty(), {p, type_of_n(), p, p, i64, p, p, p, p, p, p}, false);
    begin(llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, step_.symbol, module_.out()));
    hyper_ = f_->getArg(kHyper), new_state_ = f_->getArg(kNewState), losses_ = f_->getArg(kLosses);
    llvm::Value* const workspace = f_->getArg(kWorkspace);
    frame_ = b_.CreateAlloca(b_.getPtrTy(), constant(kFrameWords));
    for (unsigned k = 0; k < kFrameWords; ++k) b_.CreateStore(zero_of(p), at(frame_, constant(8 * k)));
    for (auto [word, arg] : {std::pair{kFrameCtx, kCtx}, {kFrameFields, kFields}, {kFrameScales, kScales}, {kFrameState, kState}})
      set_word(word, f_->getArg(arg));
    set_word(kFrameSum, workspace);
    set_word(kFrameSlots, at(workspace, constant(sum_bytes())));
    ctx_ = f_->getArg(kCtx), state_ = f_->getArg(kState);
    llvm::Value* const wave = wave_of();
    zero(workspace, sum_bytes());
    store_loss(0, llvm::ConstantFP::get(b_.getDoubleTy(), 0)), store_loss(1, llvm::ConstantFP::get(b_.getDoubleTy(), 0));
    copy_states();
    llvm::Value* rows = f_->getArg(kRows);
    llvm::Value* slots_bytes = constant(0);
    for (current_ = 0; current_ < step_.data.size(); ++current_) {
      llvm::Value* const n = n_of_current(f_->getArg(kN));
      set_word(kFrameN, n), set_word(kFrameRows, rows);
      // Examples of two data at the same place in a window draw different numbers.
      set_word(kFrameKey, b_.CreateAdd(f_->getArg(kKey), constant(static_cast<int64_t>(current_ * kKeyStep))));
      read_frame();
      rows = at(rows, b_.CreateMul(n, constant(8)));
      slots_bytes = larger(slots_bytes, slot_bytes_);
      gradient_of_data(wave);
    }
    scratch_ = at(slots_, b_.CreateMul(constant(n_slots()), slots_bytes));
    if (step_.regulariser) gradient_of_regulariser();
    update();
    b_.CreateRet(b_.getInt32(0));
  }

 private:
  enum Argument : unsigned { kCtx, kN, kRows, kFields, kKey, kScales, kHyper, kState, kNewState, kLosses, kWorkspace };
  /// The frame: what the functions that threads run see of the step, and the number of the wave's first block.
  enum Word : unsigned { kFrameCtx, kFrameN, kFrameRows, kFrameFields, kFrameKey, kFrameScales, kFrameState, kFrameSum, kFrameSlots, kFrameFirst, kFrameCount, kFrameWords };
  using Values = std::vector<llvm::Value*>;
  /// 2^64 over the golden ratio: keys of successive steps do not meet those of another data.
  static constexpr uint64_t kKeyStep = 0x9E3779B97F4A7C15;

  /// Of one of the data: its function, and what runs it and adds up its gradients on threads.
  struct Pieces {
    EmittedFunction block;
    llvm::Function *blocks = nullptr, *add = nullptr;
  };
  const TrainStep::Data& data() const { return step_.data[current_]; }
  const EmittedFunction& of_block() const { return pieces_[current_].block; }

  bool has_one_data() const { return step_.data.size() == 1; }
  llvm::Type* type_of_n() { return has_one_data() ? static_cast<llvm::Type*>(b_.getInt64Ty()) : b_.getPtrTy(); }
  llvm::Value* n_of_current(llvm::Value* arg) {
    return has_one_data() ? arg : b_.CreateLoad(b_.getInt64Ty(), at(arg, static_cast<int64_t>(8 * current_)));
  }
  int64_t n_slots() const { return step_.is_parallel() ? kWave : 1; }

  llvm::ConstantInt* constant(int64_t v) { return b_.getInt64(static_cast<uint64_t>(v)); }
  static llvm::Constant* zero_of(llvm::Type* type) { return llvm::Constant::getNullValue(type); }
  int64_t part_bytes() const { return step_.state_length * bytes_; }
  int64_t states_bytes() const {
    const bool updates = std::any_of(step_.data.begin(), step_.data.end(), [](const TrainStep::Data& d) { return !d.updated.empty(); });
    return updates ? step_.states_length * bytes_ : 0;
  }
  int64_t sum_bytes() const { return aligned(part_bytes()) + aligned(states_bytes()); }
  static int64_t aligned(int64_t n) { return (n + kAlign - 1) / kAlign * kAlign; }
  llvm::Value* aligned(llvm::Value* n) { return b_.CreateAnd(b_.CreateAdd(n, constant(kAlign - 1)), constant(-kAlign)); }
  llvm::Value* at(llvm::Value* pointer, llvm::Value* bytes) { return b_.CreateGEP(b_.getInt8Ty(), pointer, bytes); }
  llvm::Value* at(llvm::Value* pointer, int64_t bytes) { return at(pointer, constant(bytes)); }
  void zero(llvm::Value* pointer, int64_t bytes) {
    b_.CreateMemSet(pointer, b_.getInt8(0), static_cast<uint64_t>(bytes), llvm::Align(static_cast<uint64_t>(kAlign)));
  }
  llvm::Value* larger(llvm::Value* x, llvm::Value* y) { return b_.CreateSelect(b_.CreateICmpUGT(x, y), x, y); }
  llvm::Value* smaller(llvm::Value* x, llvm::Value* y) { return b_.CreateSelect(b_.CreateICmpSLT(x, y), x, y); }
  llvm::Value* load_word(llvm::Type* type, Word word) { return b_.CreateLoad(type, at(frame_, 8 * static_cast<int64_t>(word))); }
  void set_word(Word word, llvm::Value* v) { b_.CreateStore(v, at(frame_, 8 * static_cast<int64_t>(word))); }

  void begin(llvm::Function* f) {
    f_ = f;
    b_.SetInsertPoint(llvm::BasicBlock::Create(module_.context(), "entry", f_));
  }

  /// From the frame into registers. In the step itself LLVM sees through it.
  void read_frame() {
    auto* p = b_.getPtrTy();
    ctx_ = load_word(p, kFrameCtx), n_ = load_word(b_.getInt64Ty(), kFrameN), rows_ = load_word(p, kFrameRows), key_ = load_word(b_.getInt64Ty(), kFrameKey);
    state_ = load_word(p, kFrameState), sum_ = load_word(p, kFrameSum), slots_ = load_word(p, kFrameSlots);
    llvm::Value *fields = load_word(p, kFrameFields), *scales = load_word(p, kFrameScales);
    tables_.clear(), scales_.clear();
    for (int k : data().fields) tables_.push_back(b_.CreateLoad(p, at(fields, static_cast<int64_t>(8 * k))));
    for (int k : data().scales) scales_.push_back(number(scales, static_cast<size_t>(k)));
    lay_out_slot();
  }

  // ---- slots: a gradient, new states, the value, an error and a context to find it by, the gathered fields; then what the
  // block's function wants. Only the last two depend on how many examples a block has.
  static constexpr int64_t kErrorBytes = kAlign, kCtxBytes = kAlign;
  static_assert(sizeof(dlc_error) + 8 <= kErrorBytes && sizeof(dlc_ctx) <= kCtxBytes);
  int64_t states_at() const { return aligned(part_bytes()); }
  int64_t value_at() const { return states_at() + aligned(states_bytes()); }
  int64_t error_at() const { return value_at() + kAlign; }
  int64_t code_at() const { return error_at() + static_cast<int64_t>(sizeof(dlc_error)); }
  int64_t ctx_at() const { return error_at() + kErrorBytes; }

  void lay_out_slot() {
    block_rows_ = step_.block_rows > 0 ? static_cast<llvm::Value*>(constant(step_.block_rows)) : n_;
    gathered_at_.clear();
    llvm::Value* next = constant(ctx_at() + kCtxBytes);
    for (int k : data().fields) {
      gathered_at_.push_back(next);
      next = b_.CreateAdd(next, aligned(b_.CreateMul(block_rows_, constant(step_.fields[static_cast<size_t>(k)].row_bytes()))));
    }
    rest_at_ = next;
    llvm::Value* const rest = b_.CreateCall(of_block().workspace, {block_rows_});
    slot_bytes_ = b_.CreateAdd(next, aligned(rest));
  }
  llvm::Value* slot(llvm::Value* k) { return at(slots_, b_.CreateMul(k, slot_bytes_)); }

  llvm::Value* blocks_of(llvm::Value* n) {
    if (step_.block_rows == 0) return b_.CreateZExt(b_.CreateICmpSGT(n, constant(0)), b_.getInt64Ty());
    return b_.CreateSDiv(b_.CreateAdd(n, constant(step_.block_rows - 1)), constant(step_.block_rows));
  }

  /// How many blocks to compute at a time: several only where somebody runs them at the same time.
  llvm::Value* wave_of() {
    is_parallel_ = b_.getFalse();
    if (!step_.is_parallel()) return constant(1);
    auto* has_ctx = llvm::BasicBlock::Create(module_.context(), "has_ctx", f_);
    auto* known = llvm::BasicBlock::Create(module_.context(), "known", f_);
    auto* before = b_.GetInsertBlock();
    b_.CreateCondBr(b_.CreateIsNotNull(ctx_), has_ctx, known);
    b_.SetInsertPoint(has_ctx);
    llvm::Value* const given = b_.CreateLoad(b_.getPtrTy(), at(ctx_, static_cast<int64_t>(offsetof(dlc_ctx, parallel_for))));
    b_.CreateBr(known);
    b_.SetInsertPoint(known);
    llvm::PHINode* const f = b_.CreatePHI(b_.getPtrTy(), 2);
    f->addIncoming(zero_of(b_.getPtrTy()), before), f->addIncoming(given, has_ctx);
    parallel_for_ = f;
    is_parallel_ = b_.CreateIsNotNull(f);
    return b_.CreateSelect(is_parallel_, constant(kWave), constant(1));
  }

  void emit_workspace() {
    auto* f = llvm::Function::Create(llvm::FunctionType::get(b_.getInt64Ty(), {type_of_n()}, false), llvm::GlobalValue::ExternalLinkage,
                                     step_.symbol + "_ws", module_.out());
    begin(f);
    llvm::Value* slots_bytes = constant(0);
    for (current_ = 0; current_ < step_.data.size(); ++current_) {
      n_ = n_of_current(f->getArg(0));
      lay_out_slot();
      slots_bytes = larger(slots_bytes, slot_bytes_);
    }
    llvm::Value* most = b_.CreateCall(update_.workspace, {constant(step_.state_length)});
    if (regulariser_.workspace) most = larger(most, b_.CreateCall(regulariser_.workspace, {}));
    b_.CreateRet(b_.CreateAdd(b_.CreateAdd(constant(sum_bytes()), b_.CreateMul(constant(n_slots()), slots_bytes)), most));
  }

  /// Element k of an array of doubles, as the model's float.
  llvm::Value* number(llvm::Value* doubles, size_t k) {
    llvm::Value* v = b_.CreateLoad(b_.getDoubleTy(), at(doubles, static_cast<int64_t>(8 * k)));
    return step_.dtype == DType::f32 ? b_.CreateFPTrunc(v, element_) : v;
  }
  void store_loss(int k, llvm::Value* v) { b_.CreateStore(v, at(losses_, 8 * k)); }

  void loop(llvm::Value* begin, llvm::Value* end, llvm::Value* step, const std::function<void(llvm::Value*)>& body) {
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
    i->addIncoming(b_.CreateAdd(i, step), b_.GetInsertBlock());
    b_.CreateBr(head);
    b_.SetInsertPoint(after);
  }

  /// The error code of a call with these arguments; the caller decides what follows from it.
  llvm::Value* call(const EmittedFunction& callee, const Values& args) {
    DLC_CHECK(args.size() == callee.body->arg_size(), "a training step calls a function with all its arguments");
    return b_.CreateCall(callee.body, args);
  }
  void return_if_failed(const EmittedFunction& callee, llvm::Value* code, const std::function<void()>& before = {}) {
    if (!callee.can_fail) return;
    auto* failed = llvm::BasicBlock::Create(module_.context(), "failed", f_);
    auto* next = llvm::BasicBlock::Create(module_.context(), "next", f_);
    b_.CreateCondBr(b_.CreateIsNotNull(code), failed, next);
    b_.SetInsertPoint(failed);
    if (before) before();
    b_.CreateRet(code);
    b_.SetInsertPoint(next);
  }

  void add_leaves(Values& args, const std::vector<TrainStep::Leaf>& leaves, int64_t begin) {
    for (const TrainStep::Leaf& leaf : leaves) {
      llvm::Value* pointer = at(state_, (begin + leaf.offset) * bytes_);
      args.push_back(leaf.shape.empty() ? b_.CreateLoad(element_, pointer) : pointer);
    }
  }
  void add_gradients(Values& args, llvm::Value* slot) {
    for (const TrainStep::Leaf& leaf : step_.leaves) args.push_back(at(slot, leaf.offset * bytes_));
  }

  void gather(llvm::Value* slot, llvm::Value* first, llvm::Value* count) {
    loop(constant(0), count, constant(1), [&](llvm::Value* i) {
      llvm::Value* position = b_.CreateAdd(first, i);
      llvm::Value* row = b_.CreateLoad(b_.getInt64Ty(), at(rows_, b_.CreateMul(position, constant(8))));
      for (size_t k = 0; k < tables_.size(); ++k) {
        const TrainStep::Field& field = step_.fields[static_cast<size_t>(data().fields[k])];
        const int64_t bytes = field.row_bytes(), stride = field.stride_bytes();
        const llvm::Align align(static_cast<uint64_t>((bytes | stride) % 8 == 0 ? 8 : (bytes | stride) % 4 == 0 ? 4 : 1));
        b_.CreateMemCpy(at(at(slot, gathered_at_[k]), b_.CreateMul(i, constant(bytes))), align, at(tables_[k], b_.CreateMul(row, constant(stride))), align,
                        static_cast<uint64_t>(bytes));
      }
    });
  }

  llvm::Value* rows_of(llvm::Value* first) { return smaller(b_.CreateSub(n_, first), block_rows_); }

  /// Block number `block` of the window into `slot`; its error code.
  llvm::Value* gradient_of_block(llvm::Value* block, llvm::Value* slot, llvm::Value* ctx) {
    llvm::Value* const first = b_.CreateMul(block, block_rows_);
    llvm::Value* const count = rows_of(first);
    gather(slot, first, count);
    Values args{ctx, count};
    add_leaves(args, step_.leaves, 0);
    add_leaves(args, step_.states, step_.states_at());
    if (step_.draws) args.push_back(key_), args.push_back(first);
    for (llvm::Value* offset : gathered_at_) args.push_back(at(slot, offset));
    args.insert(args.end(), scales_.begin(), scales_.end());
    args.push_back(at(slot, value_at()));
    for (int state : data().updated) args.push_back(at(slot, states_at() + step_.states[static_cast<size_t>(state)].offset * bytes_));
    add_gradients(args, slot);
    args.push_back(at(slot, rest_at_));
    return call(of_block(), args);
  }

  void gradient_of_data(llvm::Value* wave) {
    llvm::Value* const n_blocks = blocks_of(n_);
    loop(constant(0), wave, constant(1), [&](llvm::Value* k) { zero(slot(k), part_bytes()); });  // what lies between parameters stays so
    loop(constant(0), n_blocks, wave, [&](llvm::Value* first) { gradient_of_wave(first, smaller(b_.CreateSub(n_blocks, first), wave)); });
    update_states(n_blocks);
  }

  // ---- a wave of blocks
  void gradient_of_wave(llvm::Value* first, llvm::Value* count) {
    if (!step_.is_parallel()) {
      return_if_failed(of_block(), gradient_of_block(first, slots_, ctx_));
      add_range(constant(0), constant(part_bytes()), constant(1));
    } else {
      set_word(kFrameFirst, first), set_word(kFrameCount, count);
      each(pieces_[current_].blocks, count, 1);
      loop(constant(0), count, constant(1), [&](llvm::Value* k) {
        llvm::Value* const of = slot(k);
        return_if_failed(of_block(), b_.CreateLoad(b_.getInt32Ty(), at(of, code_at())), [&] { hand_on_error(of); });
      });
      each(pieces_[current_].add, constant((step_.state_length + kAddedAtOnce - 1) / kAddedAtOnce), 1);
    }
    loop(constant(0), count, constant(1), [&](llvm::Value* k) { add_loss(0, slot(k)), add_states(slot(k), rows_of(b_.CreateMul(b_.CreateAdd(first, k), block_rows_))); });
  }

  /// f(frame, 0, n), or its pieces on threads.
  void each(llvm::Function* f, llvm::Value* n, int64_t grain) {
    auto& context = module_.context();
    auto* parallel = llvm::BasicBlock::Create(context, "parallel", f_);
    auto* serial = llvm::BasicBlock::Create(context, "serial", f_);
    auto* after = llvm::BasicBlock::Create(context, "after", f_);
    b_.CreateCondBr(is_parallel_, parallel, serial);
    b_.SetInsertPoint(parallel);
    auto* p = b_.getPtrTy();
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), {p, b_.getInt64Ty(), b_.getInt64Ty(), p, p}, false);
    b_.CreateCall(type, parallel_for_, {ctx_, n, constant(grain), f, frame_});
    b_.CreateBr(after);
    b_.SetInsertPoint(serial);
    b_.CreateCall(f, {frame_, constant(0), n});
    b_.CreateBr(after);
    b_.SetInsertPoint(after);
  }

  llvm::Function* begin_piece(std::string name) {
    if (!has_one_data()) name += std::to_string(current_);
    auto* type = llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), b_.getInt64Ty(), b_.getInt64Ty()}, false);
    auto* f = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, step_.symbol + name, module_.out());
    begin(f);
    frame_ = f->getArg(0);
    read_frame();
    return f;
  }

  void emit_blocks() {
    pieces_[current_].blocks = begin_piece("_blocks");
    llvm::Value* const first = load_word(b_.getInt64Ty(), kFrameFirst);
    loop(f_->getArg(1), f_->getArg(2), constant(1), [&](llvm::Value* k) {
      llvm::Value* const own = slot(k);
      llvm::Value* const code = gradient_of_block(b_.CreateAdd(first, k), own, of_block().can_fail ? own_context(own) : ctx_);
      b_.CreateStore(code, at(own, code_at()));
    });
    b_.CreateRetVoid();
  }

  /// Two blocks that fail at the same time must not write to one error: a context of the slot's own.
  llvm::Value* own_context(llvm::Value* slot) {
    auto* copy = llvm::BasicBlock::Create(module_.context(), "copy", f_);
    auto* done = llvm::BasicBlock::Create(module_.context(), "done", f_);
    llvm::Value* const own = at(slot, ctx_at());
    b_.CreateMemSet(own, b_.getInt8(0), static_cast<uint64_t>(kCtxBytes), llvm::Align(8));
    b_.CreateCondBr(b_.CreateIsNotNull(ctx_), copy, done);
    b_.SetInsertPoint(copy);
    b_.CreateMemCpy(own, llvm::Align(8), ctx_, llvm::Align(8), sizeof(dlc_ctx));
    b_.CreateBr(done);
    b_.SetInsertPoint(done);
    b_.CreateStore(zero_of(b_.getPtrTy()), at(own, static_cast<int64_t>(offsetof(dlc_ctx, parallel_for))));
    b_.CreateStore(at(slot, error_at()), at(own, static_cast<int64_t>(offsetof(dlc_ctx, error))));
    return own;
  }

  void hand_on_error(llvm::Value* slot) {
    auto* has_ctx = llvm::BasicBlock::Create(module_.context(), "has_ctx", f_);
    auto* copy = llvm::BasicBlock::Create(module_.context(), "copy", f_);
    auto* done = llvm::BasicBlock::Create(module_.context(), "done", f_);
    b_.CreateCondBr(b_.CreateIsNotNull(ctx_), has_ctx, done);
    b_.SetInsertPoint(has_ctx);
    llvm::Value* const to = b_.CreateLoad(b_.getPtrTy(), at(ctx_, static_cast<int64_t>(offsetof(dlc_ctx, error))));
    b_.CreateCondBr(b_.CreateIsNotNull(to), copy, done);
    b_.SetInsertPoint(copy);
    b_.CreateMemCpy(to, llvm::Align(8), at(slot, error_at()), llvm::Align(8), sizeof(dlc_error));
    b_.CreateBr(done);
    b_.SetInsertPoint(done);
  }

  void emit_add() {
    pieces_[current_].add = begin_piece("_add");
    const int64_t bytes = kAddedAtOnce * bytes_;
    llvm::Value* const end = smaller(b_.CreateMul(f_->getArg(2), constant(bytes)), constant(part_bytes()));
    add_range(b_.CreateMul(f_->getArg(1), constant(bytes)), end, load_word(b_.getInt64Ty(), kFrameCount));
    b_.CreateRetVoid();
  }

  /// sum += the gradients of the first `count` slots, in their order, for the bytes [begin, end).
  void add_range(llvm::Value* begin, llvm::Value* end, llvm::Value* count) {
    auto* lanes = llvm::FixedVectorType::get(element_, static_cast<unsigned>(kStateAlign));
    const llvm::Align align(static_cast<uint64_t>(std::min<int64_t>(kAlign, kStateAlign * bytes_)));
    loop(constant(0), count, constant(1), [&](llvm::Value* k) {
      llvm::Value* const gradient = slot(k);
      loop(begin, end, constant(kStateAlign * bytes_), [&](llvm::Value* i) {
        llvm::Value* to = at(sum_, i);
        llvm::Value* more = b_.CreateAlignedLoad(lanes, at(gradient, i), align);
        b_.CreateAlignedStore(b_.CreateFAdd(b_.CreateAlignedLoad(lanes, to, align), more), to, align);
      });
    });
  }

  void add_loss(int loss, llvm::Value* slot) {
    llvm::Value* value = b_.CreateLoad(element_, at(slot, value_at()));
    if (step_.dtype == DType::f32) value = b_.CreateFPExt(value, b_.getDoubleTy());
    store_loss(loss, b_.CreateFAdd(b_.CreateLoad(b_.getDoubleTy(), at(losses_, 8 * loss)), value));
  }

  void gradient_of_regulariser() {
    Values args{ctx_};
    add_leaves(args, step_.leaves, 0);
    args.push_back(at(slots_, value_at()));
    add_gradients(args, slots_);
    args.push_back(scratch_);
    return_if_failed(regulariser_, call(regulariser_, args));
    add_range(constant(0), constant(part_bytes()), constant(1));
    add_loss(1, slots_);
  }

  void update() {
    Values args{ctx_, constant(step_.state_length), state_, sum_};
    const auto n_moments = static_cast<int64_t>(step_.moments.size());
    for (int64_t k = 1; k <= n_moments; ++k) args.push_back(at(state_, k * part_bytes()));
    for (size_t k = 0; k < step_.hyper.size(); ++k) args.push_back(number(hyper_, k));
    for (int64_t k = 0; k <= n_moments; ++k) args.push_back(at(new_state_, k * part_bytes()));
    args.push_back(scratch_);
    return_if_failed(update_, call(update_, args));
  }

  // ---- states
  void each_state_element(llvm::Value* end_if_zero, const std::function<void(llvm::Value* bytes)>& body) {
    for (int state : data().updated) {
      const TrainStep::Leaf& leaf = step_.states[static_cast<size_t>(state)];
      llvm::Value* end = constant((leaf.offset + leaf.count()) * bytes_);
      if (end_if_zero) end = b_.CreateSelect(b_.CreateICmpEQ(end_if_zero, constant(0)), constant(0), end);
      loop(constant(leaf.offset * bytes_), end, constant(bytes_), body);
    }
  }

  /// sum += rows · new states
  void add_states(llvm::Value* slot, llvm::Value* rows) {
    if (data().updated.empty()) return;
    llvm::Value* const weight = b_.CreateSIToFP(rows, element_);
    each_state_element(nullptr, [&](llvm::Value* i) {
      llvm::Value* const to = at(sum_, b_.CreateAdd(i, constant(states_at())));
      llvm::Value* const value = b_.CreateLoad(element_, at(slot, b_.CreateAdd(i, constant(states_at()))));
      b_.CreateStore(b_.CreateFAdd(b_.CreateLoad(element_, to), b_.CreateFMul(weight, value)), to);
    });
  }

  void copy_states() {
    if (step_.states_length == 0) return;
    llvm::Value* const to = at(new_state_, step_.states_at() * bytes_);
    b_.CreateMemCpy(to, llvm::Align(static_cast<uint64_t>(kAlign)), at(state_, step_.states_at() * bytes_), llvm::Align(static_cast<uint64_t>(kAlign)),
                    static_cast<uint64_t>(step_.states_length * bytes_));
  }

  /// The mean of what the blocks gave; of one block what it gave, to the last bit.
  void update_states(llvm::Value* n_blocks) {
    if (data().updated.empty()) return;
    llvm::Value* const to = at(new_state_, step_.states_at() * bytes_);
    llvm::Value* const weight = b_.CreateSIToFP(n_, element_);
    each_state_element(n_blocks, [&](llvm::Value* i) {
      llvm::Value* const from = b_.CreateAdd(i, constant(states_at()));
      llvm::Value* const mean = b_.CreateFDiv(b_.CreateLoad(element_, at(sum_, from)), weight);
      llvm::Value* const only = b_.CreateLoad(element_, at(slots_, from));
      b_.CreateStore(b_.CreateSelect(b_.CreateICmpEQ(n_blocks, constant(1)), only, mean), at(to, i));
    });
  }

  ModuleEmitter& module_;
  const TrainStep& step_;
  Builder b_;
  EmittedFunction update_, regulariser_;
  std::vector<Pieces> pieces_;  // one for each of the data
  size_t current_ = 0;          // of the data
  llvm::Type* element_;
  int64_t bytes_;
  llvm::Function* f_ = nullptr;
  // Of the function that is being emitted.
  llvm::Value *frame_ = nullptr, *ctx_ = nullptr, *n_ = nullptr, *rows_ = nullptr, *key_ = nullptr, *state_ = nullptr, *sum_ = nullptr, *slots_ = nullptr;
  llvm::Value *block_rows_ = nullptr, *rest_at_ = nullptr, *slot_bytes_ = nullptr;
  Values tables_, scales_, gathered_at_;
  // Of the step itself.
  llvm::Value *hyper_ = nullptr, *new_state_ = nullptr, *losses_ = nullptr, *parallel_for_ = nullptr, *is_parallel_ = nullptr, *scratch_ = nullptr;
};

}  // namespace

void ModuleEmitter::export_step(const TrainStep& step) { StepEmitter(*this, step).emit(); }

}  // namespace dlc::cpu
