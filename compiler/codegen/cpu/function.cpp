// One function: its arguments, sizes, workspace and steps.
#include <algorithm>
#include <cstddef>

#include "base/check.h"
#include "codegen/cpu/emitter.h"
#include "ops/array.h"
#include "ops/table.h"
#include "runtime/abi.h"

namespace dlc::cpu {

FunctionEmitter::FunctionEmitter(ModuleEmitter& module, LoopProgram program)
    : module_(module), m_(module.module()), f_(module.module()[program.func]), p_(std::move(program)),
      context_(module.context()), b_(context_), entry_(context_) {}

EmittedFunction FunctionEmitter::emit(const std::string& name) {
  EmittedFunction out;
  if (is_direct()) out.direct = emit_direct(name + "_direct");
  out.body = declare_body(name);
  emit_body(out.direct);
  out.workspace = emit_workspace_function(name + "_ws");
  out.needs_workspace = needs_workspace();
  out.can_fail = can_fail_;
  return out;
}

/// Scalars in, one scalar out, and nothing that may fail or wants memory on the way.
bool FunctionEmitter::is_direct() const {
  bool direct = p_.outputs.size() == 1 && p_.output_buffer[0] < 0 && f_.size_vars.empty() && f_.checks.empty() &&
                !has_chunks(p_.steps) && !needs_workspace() && !may_fail(p_.steps);
  for (int32_t l : p_.inputs) direct = direct && type_of(l).dims.empty();
  for (const Slot& slot : p_.slots) direct = direct && !module_.emit(slot.callee).can_fail;
  return direct;
}

bool FunctionEmitter::needs_workspace() const {
  for (const Slot& slot : p_.slots)
    if (!slot.callee || module_.emit(slot.callee).needs_workspace) return true;
  return false;
}

void FunctionEmitter::emit_body(llvm::Function* direct) {
  begin_function(s_.function);
  bind_body_arguments();
  Values results;
  if (direct) {
    Values args;
    for (int32_t l : p_.inputs) args.push_back(to_memory(scalar(l)));
    results.push_back(b_.CreateCall(direct, args));
  } else {
    check_sizes();
    place_workspace();
    steps(p_.steps);
    for (size_t k = 0; k < p_.outputs.size(); ++k)
      if (p_.output_buffer[k] < 0) results.push_back(to_memory(scalar(p_.outputs[k])));
    place_frame();  // last: reading a result may have made room in it
  }
  for (size_t k = 0; k < results.size(); ++k) b_.CreateStore(results[k], scalar_outputs_[k]);
  b_.CreateRet(b_.getInt32(DLC_OK));
}

llvm::Value* FunctionEmitter::to_memory(llvm::Value* v) {
  return v->getType()->isIntegerTy(1) ? b_.CreateZExt(v, b_.getInt8Ty()) : v;
}

llvm::Value* FunctionEmitter::from_memory(llvm::Value* v, DType dtype) {
  return dtype == DType::b1 ? b_.CreateICmpNE(v, b_.getInt8(0)) : v;
}

void FunctionEmitter::begin_function(llvm::Function* f) {
  f->setDoesNotThrow();
  f->addFnAttr(llvm::Attribute::WillReturn);
  s_ = {};
  s_.function = f;
  s_.registers.assign(p_.leaves.size(), nullptr);
  s_.bases.assign(p_.buffers.size(), nullptr);
  s_.sizes.assign(f_.size_vars.size(), nullptr);
  auto* entry_block = llvm::BasicBlock::Create(context_, "entry", f);
  auto* body_block = llvm::BasicBlock::Create(context_, "body", f);
  entry_.SetInsertPoint(entry_block);
  s_.entry_end = entry_.CreateBr(body_block);
  entry_.SetInsertPoint(s_.entry_end);
  b_.SetInsertPoint(body_block);
}

llvm::Function* FunctionEmitter::declare_body(const std::string& name) {
  std::vector<llvm::Type*> types{b_.getPtrTy()};
  for (size_t k = 0; k < f_.size_vars.size(); ++k) types.push_back(b_.getInt64Ty());
  for (int32_t l : p_.inputs)
    types.push_back(type_of(l).dims.empty() ? memory_type(type_of(l).dtype) : static_cast<llvm::Type*>(b_.getPtrTy()));
  for (size_t k = 0; k < p_.outputs.size(); ++k) types.push_back(b_.getPtrTy());
  types.push_back(b_.getPtrTy());
  auto* f = llvm::Function::Create(llvm::FunctionType::get(b_.getInt32Ty(), types, false),
                                   llvm::GlobalValue::InternalLinkage, name, module_.out());
  // Nothing an entry is given overlaps anything it writes (runtime/abi.h).
  for (auto& a : f->args()) {
    if (!a.getType()->isPointerTy()) continue;
    const unsigned position = a.getArgNo();
    const size_t first_output = 1 + f_.size_vars.size() + p_.inputs.size();
    f->addParamAttr(position, llvm::Attribute::NoAlias);
    if (position > 0 && position < first_output) f->addParamAttr(position, llvm::Attribute::ReadOnly);
  }
  s_.function = f;
  return f;
}

void FunctionEmitter::bind_body_arguments() {
  auto argument = s_.function->arg_begin();
  s_.ctx = &*argument++;
  for (llvm::Value*& size : s_.sizes) size = &*argument++;
  for (int32_t l : p_.inputs) {
    llvm::Value* v = &*argument++;
    if (leaf(l).buffer >= 0) {
      s_.bases[static_cast<size_t>(leaf(l).buffer)] = v;
      continue;
    }
    s_.registers[static_cast<size_t>(l)] = from_memory(v, type_of(l).dtype);
  }
  for (int32_t b : p_.output_buffer) {
    llvm::Value* v = &*argument++;
    if (b >= 0) s_.bases[static_cast<size_t>(b)] = v;
    else scalar_outputs_.push_back(v);
  }
  s_.workspace = &*argument;
}

// ---------------------------------------------------------------------------------------------------- sizes

/// The value of a size, computed once, where the function begins.
llvm::Value* FunctionEmitter::dim(DimId d) {
  if (const auto value = m_.types.dims.as_constant(d)) return constant(*value);
  if (const auto found = s_.dims.find(d.i); found != s_.dims.end()) return found->second;
  Builder& b = entry_;
  llvm::Value* sum = nullptr;
  for (const DimTerm& term : m_.types.dims.terms(d)) {
    llvm::Value* product = constant(term.coefficient);
    for (const auto& [atom_index, exponent] : term.factors) {
      const DimTable::Atom atom = m_.types.dims.atom(atom_index);
      llvm::Value* factor = nullptr;
      if (atom.variable) {
        factor = size_variable(atom.variable);
      } else {
        // floor(n / q); a zero divisor gives 0 rather than a trap.
        llvm::Value *n = dim(atom.numerator), *q = dim(atom.divisor);
        llvm::Value* is_zero = b.CreateICmpEQ(q, constant(0));
        q = b.CreateSelect(is_zero, constant(1), q);
        llvm::Value *quotient = b.CreateSDiv(n, q), *rest = b.CreateSRem(n, q);
        llvm::Value* inexact = b.CreateICmpNE(rest, constant(0));
        llvm::Value* opposite = b.CreateICmpSLT(b.CreateXor(rest, q), constant(0));
        factor = b.CreateSub(quotient, b.CreateZExt(b.CreateAnd(inexact, opposite), b.getInt64Ty()));
        factor = b.CreateSelect(is_zero, constant(0), factor);
      }
      for (int k = 0; k < exponent; ++k) product = b.CreateMul(product, factor);
    }
    sum = sum ? b.CreateAdd(sum, product) : product;
  }
  if (!sum) sum = constant(0);
  s_.dims[d.i] = sum;
  return sum;
}

llvm::Value* FunctionEmitter::size_variable(StrId name) {
  for (size_t k = 0; k < f_.size_vars.size(); ++k) {
    if (f_.size_vars[k] != name) continue;
    if (!s_.sizes[k]) s_.sizes[k] = from_frame({'s', static_cast<int32_t>(k)}, b_.getInt64Ty());
    return s_.sizes[k];
  }
  DLC_CHECK(false, "every size variable of a function is one of its parameters");
}

/// A size of something that may not be made at all: where it is negative, 0.
llvm::Value* FunctionEmitter::extent(DimId d) {
  if (m_.types.dims.as_constant(d) || is_checked_size(d)) return dim(d);
  return entry_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, dim(d), constant(0));
}

llvm::Value* FunctionEmitter::dim_product(const std::vector<DimId>& dims) {
  llvm::Value* product = constant(1);
  for (DimId d : dims) product = entry_.CreateMul(product, extent(d));
  return product;
}

bool FunctionEmitter::is_checked_size(DimId d) const { return std::find(checked_sizes_.begin(), checked_sizes_.end(), d) != checked_sizes_.end(); }

void FunctionEmitter::check_size(DimId d, Loc loc) {
  if (m_.types.dims.as_constant(d) || is_checked_size(d)) return;
  checked_sizes_.push_back(d);
  llvm::Value* value = dim(d);
  fail_if(b_.CreateICmpSLT(value, constant(0)), DLC_BAD_SIZE, module_.add_site({p_.func, {d, d, loc, SizeCheck::Kind::size, {}}}), value, value);
}

/// Of what is made here whenever the block runs: what is made in the branches of an `if` is looked at there, views too. (Elsewhere
/// these have a check on entry.)
void FunctionEmitter::check_sizes_of(const Block& block, bool is_branch) {
  for (ValueId v : block.body) {
    const Inst& in = f_[v];
    std::vector<DimId> made;
    for (int32_t l : p_.leaves_of[index(v)])
      if (is_branch || (leaf(l).buffer >= 0 && buffer(leaf(l).buffer).place == Buffer::Place::workspace))
        made.insert(made.end(), type_of(l).dims.begin(), type_of(l).dims.end());
    if (in.op == "call"_op && n_size_operands(m_, in) == 0)
      made.insert(made.end(), m_[in.attr].dims.begin(), m_[in.attr].dims.end());
    for (DimId d : made) check_size(d, is_branch ? in.loc : f_.loc);
    for (int32_t k = 0; in.op != "if"_op && k < in.n_blocks; ++k) check_sizes_of(f_[BlockId{in.first_block.i + k}], is_branch);
  }
}

void FunctionEmitter::check_sizes() {
  for (int32_t l : p_.inputs)
    for (DimId d : type_of(l).dims) check_size(d, f_.loc);
  for (int32_t l : p_.outputs)
    for (DimId d : type_of(l).dims) check_size(d, f_.loc);
  check_sizes_of(f_.body(), false);
  for (const SizeCheck& c : f_.checks) {
    if (const auto known = m_.types.dims.as_constant(c.nonnegative); known && *known >= 0) continue;
    llvm::Value* value = dim(c.nonnegative);
    constexpr int kCodes[] = {DLC_INDEX, DLC_EMPTY, DLC_BAD_SIZE, DLC_INDEX, DLC_MAX_ITERS, DLC_TAPE_FULL};  // by SizeCheck::Kind
    fail_if(b_.CreateICmpSLT(value, constant(0)), kCodes[static_cast<size_t>(c.kind)], module_.add_site({p_.func, c}), value, dim(c.extent));
  }
}

void FunctionEmitter::fail_if(llvm::Value* condition, int code, int32_t site, llvm::Value* value, llvm::Value* extent) {
  can_fail_ = true;
  auto* bad = llvm::BasicBlock::Create(context_, "bad", s_.function);
  auto* good = llvm::BasicBlock::Create(context_, "good", s_.function);
  b_.CreateCondBr(condition, bad, good);
  b_.SetInsertPoint(bad);
  llvm::Value* args[] = {s_.ctx, b_.getInt32(static_cast<uint32_t>(code)), b_.getInt32(static_cast<uint32_t>(site)), value, extent};
  b_.CreateRet(b_.CreateCall(module_.fail_function(), args));
  b_.SetInsertPoint(good);
}

// ------------------------------------------------------------------------------------------------ workspace

llvm::Value* FunctionEmitter::slot_bytes(const Slot& slot) {
  Builder& b = entry_;
  llvm::Value* bytes;
  if (slot.callee) {
    Values sizes;
    for (DimId d : slot.dims) sizes.push_back(dim(d));
    bytes = b.CreateCall(module_.emit(slot.callee).workspace, sizes);
  } else {
    bytes = b.CreateMul(dim_product(slot.dims), constant(slot.element_bytes));
  }
  return b.CreateAnd(b.CreateAdd(bytes, constant(63)), constant(-64));
}

/// Where each slot begins. Constant sizes are folded into the addresses.
void FunctionEmitter::place_workspace() {
  llvm::Value* offset = constant(0);
  for (const Slot& slot : p_.slots) {
    slots_.push_back(entry_.CreateGEP(b_.getInt8Ty(), s_.workspace, offset));
    offset = entry_.CreateAdd(offset, slot_bytes(slot));
  }
}

/// int64_t name_ws(sizes…). Sizes for which it would not fit in 63 bits give INT64_MAX, which no allocator grants; a
/// negative size is reported by the function itself, here it only must not give a negative number.
llvm::Function* FunctionEmitter::emit_workspace_function(const std::string& name) {
  const std::vector<llvm::Type*> types(f_.size_vars.size(), b_.getInt64Ty());
  auto* f = llvm::Function::Create(llvm::FunctionType::get(b_.getInt64Ty(), types, false),
                                   llvm::GlobalValue::InternalLinkage, name, module_.out());
  begin_function(f);
  for (auto& a : f->args()) s_.sizes[a.getArgNo()] = &a;
  llvm::Constant* limit = llvm::ConstantFP::get(b_.getDoubleTy(), 0x1p60);
  llvm::Value *bytes = constant(0), *is_huge = b_.getFalse();
  for (const Slot& slot : p_.slots) {
    llvm::Value* mine = slot_bytes(slot);
    bytes = entry_.CreateAdd(bytes, mine);
    llvm::Value* estimate = llvm::ConstantFP::get(b_.getDoubleTy(), slot.element_bytes);
    if (slot.callee) estimate = entry_.CreateUIToFP(mine, b_.getDoubleTy());
    else for (DimId d : slot.dims) estimate = entry_.CreateFMul(estimate, entry_.CreateSIToFP(extent(d), b_.getDoubleTy()));
    is_huge = entry_.CreateOr(is_huge, entry_.CreateFCmpOGT(estimate, limit));
  }
  bytes = b_.CreateSelect(b_.CreateICmpSLT(bytes, constant(0)), constant(0), bytes);
  b_.CreateRet(b_.CreateSelect(is_huge, constant(INT64_MAX), bytes));
  return f;
}

llvm::Value* FunctionEmitter::base(int32_t buf) {
  llvm::Value*& v = s_.bases[static_cast<size_t>(buf)];
  if (!v && s_.is_chunk) v = chunk_base(buf);
  if (!v) {
    DLC_CHECK(buffer(buf).place == Buffer::Place::workspace, "an argument's buffer is its argument");
    v = slots_[static_cast<size_t>(buffer(buf).position)];
  }
  return v;
}

// ---------------------------------------------------------------------------------------------------- steps

void FunctionEmitter::steps(const std::vector<Step>& list) {
  for (const Step& step : list) {
    switch (step.kind) {
      case Step::Kind::scalars: scalars(step); break;
      case Step::Kind::elements: elements(step); break;
      case Step::Kind::reduce: reduce(step); break;
      case Step::Kind::cumsum: cumsum(step); break;
      case Step::Kind::scatter: scatter(step); break;
      case Step::Kind::matmul: matmul(step); break;
      case Step::Kind::call: call(step); break;
      case Step::Kind::branch: branch(step); break;
      case Step::Kind::store: store_step(step); break;
      case Step::Kind::loop: loop_step(step); break;
    }
  }
}

void FunctionEmitter::scalars(const Step& step) {
  if (is_chunked(step)) return chunked_scalars(step);
  set_loops({});
  for (ValueId v : step.scalars) compute_scalar(v);
}

void FunctionEmitter::compute_scalar(ValueId v) {
  const Inst& in = f_[v];
  const int32_t l = only_leaf(v);
  llvm::Value* value;
  if (in.op == "view"_op) {
    value = read_view(l, Point{});
  } else if (in.op == "reshape"_op) {
    const int32_t from = only_leaf(f_.operand(v, 0));
    Point p;
    p.at.resize(type_of(from).dims.size());  // its only element
    value = element(from, p);
  } else {
    value = expression(l, Point{});
  }
  s_.registers[static_cast<size_t>(l)] = value;
}

/// A scalar's register. Constants and sizes have none: they are where they are used.
llvm::Value* FunctionEmitter::scalar(int32_t l) {
  llvm::Value*& v = s_.registers[static_cast<size_t>(l)];
  if (v) return v;
  const Inst& in = f_[leaf(l).value];
  if (in.op == "const"_op) return v = constant_from_bits(scalar_type(context_, type_of(l).dtype), m_[in.attr].ints[0]);
  if (in.op == "size"_op) return v = dim(m_[in.attr].dims[0]);
  return v = chunk_register(l);
}

FunctionEmitter::Values FunctionEmitter::call_arguments(const Step& step) {
  Values args;
  const Inst& in = f_[step.value];
  const Attr& attr = m_[in.attr];
  for (DimId d : attr.dims) args.push_back(dim(d));
  const auto n_args = static_cast<size_t>(in.n_operands - n_size_operands(m_, in));
  for (size_t k = 0; k < attr.ints.size(); ++k) {
    llvm::Value* size = scalar(only_leaf(f_.operand(step.value, static_cast<int>(n_args + k))));
    args[static_cast<size_t>(attr.ints[k])] = b_.CreateSelect(b_.CreateICmpSLT(size, constant(0)), constant(0), size);
  }
  for (ValueId o : f_.operands(step.value).first(n_args))
    for (int32_t l : p_.leaves_of[index(o)])
      args.push_back(type_of(l).dims.empty() ? to_memory(scalar(l)) : base(leaf(l).buffer));
  return args;
}

void FunctionEmitter::call(const Step& step) {
  const EmittedFunction callee = module_.emit(m_[f_[step.value].attr].func);
  Values args = call_arguments(step);
  const auto& results = p_.leaves_of[index(step.value)];
  const auto set = [&](int32_t l, llvm::Value* v) {
    s_.registers[static_cast<size_t>(l)] = from_memory(v, type_of(l).dtype);
  };
  if (callee.direct) return set(results[0], b_.CreateCall(callee.direct, args));
  const bool grows = step.slot < 0 && n_size_operands(m_, f_[step.value]) > 0 && callee.needs_workspace;
  Grown grown;
  if (grows) grown = grow(step, Values(args.begin(), args.begin() + static_cast<ptrdiff_t>(m_[f_[step.value].attr].dims.size())), callee.workspace);
  args.insert(args.begin(), s_.ctx ? s_.ctx : llvm::ConstantPointerNull::get(b_.getPtrTy()));
  Values cells;
  for (int32_t l : results) {
    if (type_of(l).dims.empty()) cells.push_back(entry_.CreateAlloca(memory_type(type_of(l).dtype)));
    args.push_back(type_of(l).dims.empty() ? cells.back() : base(leaf(l).buffer));
  }
  if (grows) args.push_back(grown.memory);
  else args.push_back(slots_.empty() || step.slot < 0 ? llvm::ConstantPointerNull::get(b_.getPtrTy()) : slots_[static_cast<size_t>(step.slot)]);
  llvm::Value* code = b_.CreateCall(callee.body, args);
  if (grows) b_.CreateCall(grown.type, grown.function, {s_.ctx, b_.CreateNeg(grown.bytes)});
  if (callee.can_fail) {
    can_fail_ = true;
    auto* bad = llvm::BasicBlock::Create(context_, "bad", s_.function);
    auto* good = llvm::BasicBlock::Create(context_, "good", s_.function);
    b_.CreateCondBr(b_.CreateICmpNE(code, b_.getInt32(DLC_OK)), bad, good);
    b_.SetInsertPoint(bad);
    b_.CreateRet(code);
    b_.SetInsertPoint(good);
  }
  size_t next = 0;
  for (int32_t l : results)
    if (type_of(l).dims.empty()) set(l, b_.CreateLoad(memory_type(type_of(l).dtype), cells[next++]));
}

/// Asks the context for the memory that a callee wants at sizes known only now.
FunctionEmitter::Grown FunctionEmitter::grow(const Step& step, const Values& sizes, llvm::Function* workspace) {
  Grown out;
  const Attr& attr = m_[f_[step.value].attr];
  const DimId zero = attr.dims[static_cast<size_t>(attr.ints[0])];  // what stands for the size
  // A loop of no steps keeps nothing, and null is what says that there is no memory: ask for a line at least.
  out.bytes = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smax, b_.CreateCall(workspace, sizes), constant(64));
  out.type = llvm::FunctionType::get(b_.getPtrTy(), {b_.getPtrTy(), b_.getInt64Ty()}, false);
  const int32_t site = module_.add_site({p_.func, {zero, zero, f_[step.value].loc, SizeCheck::Kind::memory, {}}});
  llvm::Constant* null = llvm::ConstantPointerNull::get(b_.getPtrTy());
  fail_if(b_.CreateICmpEQ(s_.ctx, null), DLC_TAPE_FULL, site, out.bytes, constant(0));
  out.function = b_.CreateLoad(b_.getPtrTy(), b_.CreateConstGEP1_64(b_.getInt8Ty(), s_.ctx, offsetof(dlc_ctx, grow)));
  fail_if(b_.CreateICmpEQ(out.function, null), DLC_TAPE_FULL, site, out.bytes, constant(0));
  out.memory = b_.CreateCall(out.type, out.function, {s_.ctx, out.bytes});
  fail_if(b_.CreateICmpEQ(out.memory, null), DLC_TAPE_FULL, site, out.bytes, constant(0));
  return out;
}

/// T name_direct(T…): the same steps, with the result in a register.
llvm::Function* FunctionEmitter::emit_direct(const std::string& name) {
  std::vector<llvm::Type*> types;
  for (int32_t l : p_.inputs) types.push_back(memory_type(type_of(l).dtype));
  const DType dtype = type_of(p_.outputs[0]).dtype;
  auto* f = llvm::Function::Create(llvm::FunctionType::get(memory_type(dtype), types, false),
                                   llvm::GlobalValue::InternalLinkage, name, module_.out());
  begin_function(f);
  for (auto& a : f->args()) {
    const int32_t l = p_.inputs[a.getArgNo()];
    s_.registers[static_cast<size_t>(l)] = from_memory(&a, type_of(l).dtype);
  }
  steps(p_.steps);
  b_.CreateRet(to_memory(scalar(p_.outputs[0])));
  return f;
}

}  // namespace dlc::cpu
