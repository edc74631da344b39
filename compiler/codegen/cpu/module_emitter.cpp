// What the functions of one object share: order, names, entry points, error reporting.
#include "base/check.h"
#include "codegen/cpu/emitter.h"
#include "runtime/abi.h"

namespace dlc::cpu {

const EmittedFunction& ModuleEmitter::emit(FuncId f) {
  if (const auto found = functions_.find(f); found != functions_.end()) return found->second;
  LoopProgram program = fuse(m_, f);
  plan_buffers(m_, program);
  // Callees come first: their emission may not interrupt this one's.
  for (const Slot& slot : program.slots)
    if (slot.callee) emit(slot.callee);
  FunctionEmitter emitter(*this, std::move(program));
  return functions_[f] = emitter.emit("dlc.f" + std::to_string(f.i));
}

int32_t ModuleEmitter::add_site(ErrorSite site) {
  sites_.push_back(site);
  return static_cast<int32_t>(sites_.size()) - 1;
}

llvm::GlobalVariable* ModuleEmitter::zeros() {
  if (!zeros_) {
    auto* type = llvm::ArrayType::get(llvm::Type::getInt8Ty(context()), 64);
    zeros_ = new llvm::GlobalVariable(out_, type, true, llvm::GlobalValue::PrivateLinkage, llvm::Constant::getNullValue(type), "dlc.zeros");
    zeros_->setAlignment(llvm::Align(64));
  }
  return zeros_;
}

llvm::Function* ModuleEmitter::fail_function() {
  if (fail_) return fail_;
  llvm::Type *i32 = llvm::Type::getInt32Ty(context()), *i64 = llvm::Type::getInt64Ty(context());
  auto* pointer = llvm::PointerType::get(context(), 0);
  auto* type = llvm::FunctionType::get(i32, {pointer, i32, i32, i64, i64}, false);
  fail_ = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, "dlc.fail", out_);
  fail_->addFnAttr(llvm::Attribute::Cold);
  fail_->addFnAttr(llvm::Attribute::NoInline);
  fail_->setDoesNotThrow();
  auto block = [&](const char* name) { return llvm::BasicBlock::Create(context(), name, fail_); };
  auto *start = block("entry"), *look = block("look"), *write = block("write"), *done = block("done");
  llvm::Argument *ctx = fail_->getArg(0), *code = fail_->getArg(1);
  Builder b(start);
  b.CreateCondBr(b.CreateIsNull(ctx), done, look);
  b.SetInsertPoint(look);
  llvm::Value* error = b.CreateLoad(pointer, b.CreateConstGEP1_64(b.getInt8Ty(), ctx, offsetof(dlc_ctx, error)));
  b.CreateCondBr(b.CreateIsNull(error), done, write);
  b.SetInsertPoint(write);
  const uint64_t offsets[] = {offsetof(dlc_error, code), offsetof(dlc_error, site), offsetof(dlc_error, value), offsetof(dlc_error, extent)};
  for (unsigned k = 0; k < 4; ++k) b.CreateStore(fail_->getArg(k + 1), b.CreateConstGEP1_64(b.getInt8Ty(), error, offsets[k]));
  b.CreateBr(done);
  b.SetInsertPoint(done);
  b.CreateRet(code);
  return fail_;
}

void ModuleEmitter::export_entry(const std::string& symbol, FuncId f) {
  const EmittedFunction emitted = emit(f);
  const auto give_name = [&](llvm::Function* function, const std::string& name) {
    if (function->hasExternalLinkage()) {  // the function has a name already: one more
      llvm::GlobalAlias::create(llvm::GlobalValue::ExternalLinkage, name, function);
      return;
    }
    function->setLinkage(llvm::GlobalValue::ExternalLinkage);
    function->setName(name);
  };
  give_name(emitted.body, symbol);
  give_name(emitted.workspace, symbol + "_ws");
  if (emitted.direct) give_name(emitted.direct, symbol + "_direct");

  // int32_t packed(ctx, void* const* args): args point at sizes, scalars, arrays, results and the workspace, in order.
  auto* pointer = llvm::PointerType::get(context(), 0);
  auto* type = llvm::FunctionType::get(llvm::Type::getInt32Ty(context()), {pointer, pointer}, false);
  auto* packed = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage, symbol + "_packed", out_);
  packed->setDoesNotThrow();
  Builder b(llvm::BasicBlock::Create(context(), "entry", packed));
  std::vector<llvm::Value*> args;
  for (auto& parameter : emitted.body->args()) {
    const unsigned k = parameter.getArgNo();
    if (k == 0) {
      args.push_back(packed->getArg(0));
      continue;
    }
    llvm::Value* cell = b.CreateLoad(pointer, b.CreateConstGEP1_64(pointer, packed->getArg(1), k - 1));
    args.push_back(parameter.getType()->isPointerTy() ? cell : b.CreateLoad(parameter.getType(), cell));
  }
  llvm::CallInst* call = b.CreateCall(emitted.body, args);
  call->setTailCall();
  b.CreateRet(call);
}

}  // namespace dlc::cpu
