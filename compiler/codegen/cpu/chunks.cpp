// Straight-line code too long for one LLVM function. LLVM's time grows faster than the length of a basic block, so a
// long run of scalars is cut into functions `void chunk(frame)` of about 2000 values. What a chunk needs from outside
// (registers of other chunks or of the parent, addresses of arrays, sizes) goes through the frame, an array of words
// whose slots are given out on demand: when chunk 7 asks for a value that chunk 3 made, a store is added at the end
// of chunk 3.
#include "base/check.h"
#include "codegen/cpu/emitter.h"

namespace dlc::cpu {

namespace {
constexpr size_t kChunk = 2000;
constexpr size_t kLongest = 6000;       // scalars that still are one function
constexpr size_t kUnoptimized = 20000;  // from here on, compile time matters more than the speed of what runs once
constexpr int64_t kStackWords = 8192;   // a larger frame lives in the workspace
}  // namespace

/// A chunk has no way to end the function, so what may fail is not cut.
bool FunctionEmitter::is_chunked(const Step& step) const { return step.scalars.size() > kLongest && !may_fail(std::vector{step}); }

bool FunctionEmitter::has_chunks(const std::vector<Step>& list) const {
  for (const Step& step : list) {
    if (is_chunked(step)) return true;
    for (const auto& block : step.blocks)
      if (has_chunks(block)) return true;
  }
  return false;
}

llvm::Value* FunctionEmitter::frame_slot(Builder& b, llvm::Value* frame, std::pair<char, int32_t> key) {
  const auto next = static_cast<int32_t>(frame_.slots.size());
  const int32_t slot = frame_.slots.try_emplace(key, next).first->second;
  return b.CreateConstGEP1_64(b.getInt64Ty(), frame, static_cast<uint64_t>(slot));
}

void FunctionEmitter::chunked_scalars(const Step& step) {
  DLC_CHECK(!s_.is_chunk, "a chunk is not cut again");
  if (!frame_.pointer) frame_.pointer = entry_.CreateAlloca(b_.getInt64Ty(), constant(1), "frame");
  Scope parent = std::move(s_);
  const Builder::InsertPoint here = b_.saveIP(), entry_here = entry_.saveIP();
  frame_.parent = &parent;
  frame_.before = here;
  frame_.given.clear();
  const size_t first_chunk = frame_.chunks.size();
  std::vector<llvm::Function*> functions;
  auto* type = llvm::FunctionType::get(b_.getVoidTy(), {b_.getPtrTy()}, false);
  for (size_t first = 0; first < step.scalars.size(); first += kChunk) {
    auto* f = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "dlc.chunk", module_.out());
    f->addFnAttr(llvm::Attribute::NoInline);
    if (step.scalars.size() > kUnoptimized) f->addFnAttr(llvm::Attribute::OptimizeNone);
    functions.push_back(f);
    begin_function(f);
    s_.is_chunk = true;
    set_loops({});
    const size_t last = std::min(first + kChunk, step.scalars.size());
    for (size_t k = first; k < last; ++k) {
      compute_scalar(step.scalars[k]);
      frame_.maker[only_leaf(step.scalars[k])] = frame_.chunks.size();
    }
    llvm::Instruction* end = b_.CreateRetVoid();
    frame_.chunks.push_back({std::move(s_), end, nullptr});
  }
  s_ = std::move(parent);
  b_.restoreIP(here);
  entry_.restoreIP(entry_here);
  frame_.parent = nullptr;
  llvm::CallInst* call = nullptr;
  for (llvm::Function* f : functions) call = b_.CreateCall(f, {frame_.pointer});
  for (size_t k = first_chunk; k < frame_.chunks.size(); ++k) frame_.chunks[k].last_call = call;
}

/// In a chunk: the word that the parent, which knows it, stores before it calls the chunks.
llvm::Value* FunctionEmitter::from_frame(std::pair<char, int32_t> key, llvm::Type* type) {
  DLC_CHECK(s_.is_chunk && frame_.parent, "what is not known here is known to the parent of a chunk");
  if (frame_.given.insert(key).second) {
    const auto k = static_cast<size_t>(key.second);
    const Scope& parent = *frame_.parent;
    llvm::Value* v = key.first == 's' ? parent.sizes[k] : key.first == 'b' ? parent.bases[k] : parent.registers[k];
    if (!v && key.first == 'b') v = slots_[static_cast<size_t>(buffer(key.second).position)];
    DLC_CHECK(v, "the parent of a chunk has what the chunk reads");
    Builder b(context_);
    b.restoreIP(frame_.before);
    if (v->getType()->isIntegerTy(1)) v = b.CreateZExt(v, b.getInt8Ty());
    b.CreateStore(v, frame_slot(b, frame_.pointer, key));
    frame_.before = b.saveIP();
  }
  Builder& b = key.first == 'r' ? b_ : entry_;
  return b.CreateLoad(type, frame_slot(b, s_.function->getArg(0), key));
}

llvm::Value* FunctionEmitter::chunk_base(int32_t buf) { return from_frame({'b', buf}, b_.getPtrTy()); }

/// A scalar that another chunk made (or the parent), read by a chunk or, afterwards, by the parent.
llvm::Value* FunctionEmitter::chunk_register(int32_t l) {
  const DType dtype = type_of(l).dtype;
  const std::pair<char, int32_t> key{'r', l};
  const auto maker = frame_.maker.find(l);
  if (maker == frame_.maker.end()) return from_memory(from_frame(key, memory_type(dtype)), dtype);
  const Chunk& chunk = frame_.chunks[maker->second];
  if (!frame_.slots.contains(key)) {
    Builder b(chunk.end);
    llvm::Value* v = chunk.scope.registers[static_cast<size_t>(l)];
    if (v->getType()->isIntegerTy(1)) v = b.CreateZExt(v, b.getInt8Ty());
    b.CreateStore(v, frame_slot(b, chunk.scope.function->getArg(0), key));
  }
  if (s_.is_chunk) return from_memory(b_.CreateLoad(memory_type(dtype), frame_slot(b_, s_.function->getArg(0), key)), dtype);
  // In the parent right after the chunks, where it dominates every later use.
  Builder b(chunk.last_call->getParent(), std::next(chunk.last_call->getIterator()));
  llvm::Value* v = b.CreateLoad(memory_type(dtype), frame_slot(b, frame_.pointer, key));
  return dtype == DType::b1 ? b.CreateICmpNE(v, b.getInt8(0)) : v;
}

/// Now that the frame's size is known: on the stack when small, else at the end of the workspace.
void FunctionEmitter::place_frame() {
  if (!frame_.pointer) return;
  auto* alloca = llvm::cast<llvm::AllocaInst>(frame_.pointer);
  const auto words = static_cast<int64_t>(frame_.slots.size());
  if (words <= kStackWords) {
    alloca->setOperand(0, constant(words));
    return;
  }
  Slot frame;  // a scalar of many bytes
  frame.element_bytes = static_cast<int32_t>(8 * words);
  llvm::Value* offset = constant(0);
  for (const Slot& slot : p_.slots) offset = entry_.CreateAdd(offset, slot_bytes(slot));
  p_.slots.push_back(frame);
  llvm::Value* pointer = entry_.CreateGEP(entry_.getInt8Ty(), s_.workspace, offset);
  alloca->replaceAllUsesWith(pointer);
  alloca->eraseFromParent();
  frame_.pointer = pointer;
}

}  // namespace dlc::cpu
