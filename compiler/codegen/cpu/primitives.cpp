// The only place that gives the instruction names of the op table (`Emit::inst`, `Emit::int_inst`) their meaning.
// No fast-math flag is ever set and nothing is contracted: a fused multiply-add exists where a row says llvm.fma.
#include "codegen/cpu/primitives.h"

#include <bit>

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/MDBuilder.h>

#include "base/check.h"
#include "ops/table.h"
#include "ops/two_over_pi.h"

namespace dlc::cpu {

namespace {

// An expansion is inlined at this many places of a function and of the module; more are calls, or code and compile time
// would multiply.
constexpr int kInlinedSites = 4;
constexpr int kInlinedSitesOfModule = 24;
constexpr int kSmallExpansion = 8;  // nodes; always inlined
// So many gates of a module's scalar code are branches; the many of a long function would cost blocks and compile time.
constexpr int kBranchedGates = 256;

const std::pair<const char*, llvm::Instruction::BinaryOps> kBinary[] = {
    {"fadd", llvm::Instruction::FAdd}, {"fsub", llvm::Instruction::FSub}, {"fmul", llvm::Instruction::FMul},
    {"fdiv", llvm::Instruction::FDiv}, {"add", llvm::Instruction::Add},   {"sub", llvm::Instruction::Sub},
    {"mul", llvm::Instruction::Mul},   {"and", llvm::Instruction::And},   {"or", llvm::Instruction::Or},
    {"xor", llvm::Instruction::Xor},   {"sdiv", llvm::Instruction::SDiv},
};
const std::pair<const char*, llvm::Instruction::BinaryOps> kShifts[] = {
    {"shl", llvm::Instruction::Shl}, {"lshr", llvm::Instruction::LShr}, {"ashr", llvm::Instruction::AShr}};
const std::pair<const char*, llvm::CmpInst::Predicate> kCompare[] = {
    {"fcmp.oeq", llvm::CmpInst::FCMP_OEQ}, {"fcmp.une", llvm::CmpInst::FCMP_UNE}, {"fcmp.olt", llvm::CmpInst::FCMP_OLT},
    {"fcmp.ole", llvm::CmpInst::FCMP_OLE}, {"fcmp.ogt", llvm::CmpInst::FCMP_OGT}, {"fcmp.oge", llvm::CmpInst::FCMP_OGE},
    {"icmp.eq", llvm::CmpInst::ICMP_EQ},   {"icmp.ne", llvm::CmpInst::ICMP_NE},   {"icmp.slt", llvm::CmpInst::ICMP_SLT},
    {"icmp.sle", llvm::CmpInst::ICMP_SLE}, {"icmp.sgt", llvm::CmpInst::ICMP_SGT}, {"icmp.sge", llvm::CmpInst::ICMP_SGE},
    {"icmp.ult", llvm::CmpInst::ICMP_ULT}, {"icmp.ugt", llvm::CmpInst::ICMP_UGT},
};

/// The dtype an op's expansion is chosen by: that of the floats, where there are any.
DType expansion_dtype(std::span<llvm::Value* const> args) {
  const DType first = dtype_of(args[0]->getType());
  return args.size() > 1 && first == DType::i64 ? dtype_of(args[1]->getType()) : first;
}

}  // namespace

llvm::Type* scalar_type(llvm::LLVMContext& context, DType dtype) {
  switch (dtype) {
    case DType::f32: return llvm::Type::getFloatTy(context);
    case DType::f64: return llvm::Type::getDoubleTy(context);
    case DType::b1: return llvm::Type::getInt1Ty(context);
    default: return llvm::Type::getInt64Ty(context);
  }
}

llvm::Type* lane_type(llvm::LLVMContext& context, DType dtype, int width) {
  llvm::Type* type = scalar_type(context, dtype);
  return width == 1 ? type : llvm::FixedVectorType::get(type, static_cast<unsigned>(width));
}

DType dtype_of(llvm::Type* type) {
  type = type->getScalarType();
  if (type->isFloatTy()) return DType::f32;
  if (type->isDoubleTy()) return DType::f64;
  return type->isIntegerTy(1) ? DType::b1 : DType::i64;
}

int width_of(llvm::Type* type) {
  const auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(type);
  return vector ? static_cast<int>(vector->getNumElements()) : 1;
}

llvm::Constant* float_constant(llvm::Type* type, double value) { return llvm::ConstantFP::get(type, value); }

llvm::Constant* constant_from_bits(llvm::Type* type, int64_t bits) {
  // By the bit pattern, not through ConstantFP's double overload, so that a nan keeps its payload.
  if (!type->isFPOrFPVectorTy()) return llvm::ConstantInt::get(type, static_cast<uint64_t>(bits));
  const double value = std::bit_cast<double>(bits);
  if (type->getScalarType()->isFloatTy()) return llvm::ConstantFP::get(type, llvm::APFloat(static_cast<float>(value)));
  return llvm::ConstantFP::get(type, llvm::APFloat(value));
}

llvm::Value* Primitives::apply(Builder& b, OpId op, std::span<llvm::Value* const> args, DType result) {
  const Op& row = op_row(op);
  switch (row.type) {
    case TypeRule::to_f32: return convert(b, args[0], DType::f32);
    case TypeRule::to_f64: return convert(b, args[0], DType::f64);
    case TypeRule::to_int: return convert(b, args[0], DType::i64);
    case TypeRule::bits: case TypeRule::from_bits64: case TypeRule::from_bits32:
      return instruction(b, "bitcast", args, result);
    case TypeRule::to_key: case TypeRule::key_bits: return args[0];
    default: break;
  }
  if (op == "rare"_op) return rare(b, args);
  const bool on_floats = args.size() > 1 && row.type == TypeRule::select ? is_float(dtype_of(args[1]->getType()))
                         : row.type == TypeRule::int_float               ? true
                                                                         : is_float(dtype_of(args[0]->getType()));
  const char* name = on_floats ? row.emit.inst : row.emit.int_inst;
  if (name != nullptr) return instruction(b, name, args, result);
  if (on_floats && row.emit.intrinsic != nullptr) {
    const llvm::Intrinsic::ID id = llvm::Intrinsic::lookupIntrinsicID(row.emit.intrinsic);
    DLC_CHECK(id != llvm::Intrinsic::not_intrinsic, "an op's row names an LLVM intrinsic");
    return b.CreateIntrinsic(id, {args[0]->getType()}, llvm::ArrayRef<llvm::Value*>(args.data(), args.size()));
  }
  return expansion(b, op, args, result);
}

llvm::Value* Primitives::instruction(Builder& b, const char* name, std::span<llvm::Value* const> args, DType result) {
  const std::string_view text = name;
  for (const auto& [key, code] : kBinary)
    if (text == key) return b.CreateBinOp(code, args[0], args[1]);
  for (const auto& [key, predicate] : kCompare)
    if (text == key) return b.CreateCmp(predicate, args[0], args[1]);
  for (const auto& [key, code] : kShifts)
    if (text == key)
      return b.CreateBinOp(code, args[0], b.CreateAnd(args[1], llvm::ConstantInt::get(args[1]->getType(), 63)));
  if (text == "fneg") return b.CreateFNeg(args[0]);
  if (text == "neg") return b.CreateNeg(args[0]);
  if (text == "not") return b.CreateNot(args[0]);
  if (text == "select") return b.CreateSelect(args[0], args[1], args[2]);
  if (text == "gated_mul") return gated_mul(b, args[0], args[1]);
  if (text == "two_over_pi") return two_over_pi(b, args[0]);
  const int width = width_of(args[0]->getType());
  auto& context = module_.getContext();
  if (text == "mulhi") {
    llvm::Type* wide = llvm::Type::getInt128Ty(context);
    if (width > 1) wide = llvm::FixedVectorType::get(wide, static_cast<unsigned>(width));
    llvm::Value* product = b.CreateMul(b.CreateZExt(args[0], wide), b.CreateZExt(args[1], wide));
    return b.CreateTrunc(b.CreateLShr(product, 64), args[0]->getType());
  }
  if (text == "bitcast") {
    llvm::Type* narrow = llvm::Type::getInt32Ty(context);
    if (width > 1) narrow = llvm::FixedVectorType::get(narrow, static_cast<unsigned>(width));
    llvm::Type* to = lane_type(context, result, width);
    const DType from = dtype_of(args[0]->getType());
    if (from == DType::f32) return b.CreateZExt(b.CreateBitCast(args[0], narrow), to);
    if (result == DType::f32) return b.CreateBitCast(b.CreateTrunc(args[0], narrow), to);
    return b.CreateBitCast(args[0], to);
  }
  DLC_CHECK(false, "an op's row names an instruction that codegen does not know");
}

/// select(c, slow, fast): the call `slow`, already emitted and not used by anything yet, moves into a block that is
/// entered only when c holds in some lane.
llvm::Value* Primitives::rare(Builder& b, std::span<llvm::Value* const> args) {
  llvm::BasicBlock* before = b.GetInsertBlock();
  auto* call = llvm::dyn_cast<llvm::CallInst>(args[1]);
  if (call == nullptr || !call->use_empty() || b.GetInsertPoint() != before->end()) return b.CreateSelect(args[0], args[1], args[2]);
  auto& context = module_.getContext();
  auto* slow = llvm::BasicBlock::Create(context, "rare", before->getParent());
  auto* join = llvm::BasicBlock::Create(context, "join", before->getParent());
  llvm::Value* any = width_of(args[0]->getType()) == 1 ? args[0] : b.CreateOrReduce(args[0]);
  b.CreateCondBr(any, slow, join, llvm::MDBuilder(context).createUnlikelyBranchWeights());
  b.SetInsertPoint(slow);
  call->moveBefore(*slow, slow->end());
  llvm::Value* mixed = b.CreateSelect(args[0], call, args[2]);
  b.CreateBr(join);
  b.SetInsertPoint(join);
  llvm::PHINode* phi = b.CreatePHI(call->getType(), 2);
  phi->addIncoming(args[2], before);
  phi->addIncoming(mixed, slow);
  return phi;
}

/// x y, and 0 where a factor is 0. Scalar code takes the product at once: x y + 0 is +0 for a zero factor, except beside
/// inf or nan, which give a nan and are seen to by code that is jumped over. Lanes compare both factors.
llvm::Value* Primitives::gated_mul(Builder& b, llvm::Value* x, llvm::Value* y) {
  llvm::Constant* zero = float_constant(x->getType(), 0);
  const auto gate = [&](llvm::Value* product) {
    llvm::Value* closed = b.CreateOr(b.CreateFCmpOEQ(x, zero), b.CreateFCmpOEQ(y, zero));
    return b.CreateSelect(closed, zero, product);
  };
  const bool is_branch = width_of(x->getType()) == 1 && b.GetInsertPoint() == b.GetInsertBlock()->end() && gates_++ < kBranchedGates;
  if (!is_branch) return gate(b.CreateFMul(x, y));
  llvm::BasicBlock* before = b.GetInsertBlock();
  auto* slow = llvm::BasicBlock::Create(module_.getContext(), "gate", before->getParent());
  auto* join = llvm::BasicBlock::Create(module_.getContext(), "join", before->getParent());
  llvm::Value* product = b.CreateIntrinsic(llvm::Intrinsic::fma, {x->getType()}, {x, y, zero});
  b.CreateCondBr(b.CreateFCmpUNO(product, product), slow, join, llvm::MDBuilder(module_.getContext()).createUnlikelyBranchWeights());
  b.SetInsertPoint(slow);
  llvm::Value* gated = gate(product);
  b.CreateBr(join);
  b.SetInsertPoint(join);
  llvm::PHINode* phi = b.CreatePHI(x->getType(), 2);
  phi->addIncoming(product, before);
  phi->addIncoming(gated, slow);
  return phi;
}

llvm::Value* Primitives::convert(Builder& b, llvm::Value* value, DType to) {
  const DType from = dtype_of(value->getType());
  llvm::Type* type = lane_type(module_.getContext(), to, width_of(value->getType()));
  if (from == to) return value;
  if (from == DType::b1) return to == DType::i64 ? b.CreateZExt(value, type) : b.CreateUIToFP(value, type);
  if (from == DType::i64) return b.CreateSIToFP(value, type);
  if (to == DType::i64) return b.CreateIntrinsic(llvm::Intrinsic::fptosi_sat, {type, value->getType()}, {value});
  return to == DType::f64 ? b.CreateFPExt(value, type) : b.CreateFPTrunc(value, type);
}

llvm::Value* Primitives::two_over_pi(Builder& b, llvm::Value* word) {
  llvm::Type* element = b.getInt64Ty();
  if (two_over_pi_ == nullptr) {
    llvm::ArrayRef<uint64_t> words(meaning::kTwoOverPi, static_cast<size_t>(meaning::kTwoOverPiWords));
    llvm::Constant* table = llvm::ConstantDataArray::get(module_.getContext(), words);
    two_over_pi_ = new llvm::GlobalVariable(module_, table->getType(), true, llvm::GlobalValue::PrivateLinkage, table,
                                            "dlc.two_over_pi");
  }
  // A lane whose value is not used may ask for any word: read word 0, which is 0.
  llvm::Value* inside = b.CreateICmpULT(word, llvm::ConstantInt::get(word->getType(), meaning::kTwoOverPiWords));
  llvm::Value* safe = b.CreateSelect(inside, word, llvm::ConstantInt::get(word->getType(), 0));
  llvm::Value* address = b.CreateGEP(element, two_over_pi_, safe);
  if (width_of(word->getType()) == 1) return b.CreateLoad(element, address);
  return b.CreateMaskedGather(word->getType(), address, llvm::Align(8));
}

bool Primitives::is_inlined(Site& site, const llvm::Function* here, int width) {
  if (site.here != here) site.here = here, site.uses_here = 0;
  return site.uses++ < kInlinedSitesOfModule && (width > 1 || site.uses_here++ < kInlinedSites);
}

llvm::Value* Primitives::expansion(Builder& b, OpId op, std::span<llvm::Value* const> args, DType result) {
  const int width = width_of(args[0]->getType());
  const DType key = expansion_dtype(args);
  Site& site = sites_[{op.i, key, width}];
  const bool small = dlc::expansion(op, key)->n_nodes <= kSmallExpansion;
  if (!op_row(op).cold && (small || is_inlined(site, b.GetInsertBlock()->getParent(), width))) return expand_here(b, op, args);
  if (site.function == nullptr) {
    std::vector<llvm::Type*> types;
    for (llvm::Value* a : args) types.push_back(a->getType());
    auto* type = llvm::FunctionType::get(lane_type(module_.getContext(), result, width), types, false);
    const std::string name = "dlc." + std::string(op_row(op).name) + "." + dtype_name(key) + ".x" + std::to_string(width);
    llvm::Function* f = llvm::Function::Create(type, llvm::GlobalValue::InternalLinkage, name, module_);
    f->setCallingConv(llvm::CallingConv::Fast);
    f->setDoesNotThrow();
    f->setDoesNotAccessMemory();
    f->setWillReturn();
    f->addFnAttr(llvm::Attribute::NoInline);
    Builder inner(llvm::BasicBlock::Create(module_.getContext(), "entry", f));
    std::vector<llvm::Value*> parameters;
    for (auto& p : f->args()) parameters.push_back(&p);
    inner.CreateRet(expand_here(inner, op, parameters));
    sites_[{op.i, key, width}].function = f;
  }
  llvm::CallInst* call = b.CreateCall(sites_[{op.i, key, width}].function, llvm::ArrayRef<llvm::Value*>(args.data(), args.size()));
  call->setCallingConv(llvm::CallingConv::Fast);
  return call;
}

llvm::Value* Primitives::expand_here(Builder& b, OpId op, std::span<llvm::Value* const> args) {
  const int width = width_of(args[0]->getType());
  return walk_expansion<llvm::Value*>(
      op, expansion_dtype(args), args,
      [&](OpId inner, std::span<llvm::Value* const> inner_args, DType type) { return apply(b, inner, inner_args, type); },
      [&](const Literal& literal, DType type) -> llvm::Value* {
        llvm::Type* t = lane_type(module_.getContext(), type, width);
        if (type == DType::f32) return llvm::ConstantFP::get(t, llvm::APFloat(literal.as_f32()));
        if (type == DType::f64) return llvm::ConstantFP::get(t, llvm::APFloat(literal.as_f64()));
        return llvm::ConstantInt::get(t, static_cast<uint64_t>(literal.as_i64()));
      });
}

}  // namespace dlc::cpu
