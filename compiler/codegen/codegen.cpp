// The public face: checks that the functions can be compiled, emits them, and hands the result on.
#include "codegen/codegen.h"

#include <functional>
#include <map>
#include <set>

#include <fmt/format.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>

#include "codegen/cpu/emitter.h"
#include "codegen/cpu/target.h"
#include "ops/table.h"

namespace dlc {

struct JitModule::Code {
  std::unique_ptr<cpu::LoadedObject> object;
  std::vector<CodeSite> sites;
};

std::span<const CodeSite> JitModule::sites() const { return code_->sites; }

void* JitModule::address(std::string_view symbol, std::string_view form) const {
  return code_->object->address(std::string(symbol).append(form));
}

namespace {

/// Why a function cannot be compiled, if so: what is not known here must be an error, not a failed check.
class Support {
 public:
  explicit Support(const Module& m) : m_(m) {}

  std::optional<Error> check(FuncId id) {
    if (done_.contains(id)) return std::nullopt;
    const Func& f = m_[id];
    if (!open_.insert(id).second) return Error{fmt::format("`{}` calls itself", f.name)};
    if (!f.body().result) return Error{fmt::format("`{}` has no body yet", f.name)};
    for (const Block& block : f.blocks) {
      for (ValueId v : block.body)
        if (auto error = check(f, v)) return error;
    }
    open_.erase(id);
    done_.insert(id);
    return std::nullopt;
  }

 private:
  std::optional<Error> check(const Func& f, ValueId v) {
    const Inst& in = f[v];
    if (in.op == "call"_op) return check(m_[in.attr].func);
    if (op_row(in.op).kind == OpKind::elementwise || op_row(in.op).kind == OpKind::reduction) return std::nullopt;
    static constexpr OpId kKnown[] = {"const"_op, "size"_op, "tuple"_op, "get"_op, "if"_op, "view"_op, "view_adjoint"_op,
                                      "sum"_op, "batch_sum"_op, "index"_op, "put"_op, "add_at"_op, "for"_op, "while"_op, "reshape"_op, "cumsum"_op, "stack"_op, "matmul"_op, "iota"_op, "param"_op};
    for (OpId known : kKnown)
      if (in.op == known) return std::nullopt;
    return Error{fmt::format("`{}` holds `{}`, which has no native code", f.name, op_row(in.op).name)};
  }

  const Module& m_;
  std::set<FuncId> open_, done_;
};

struct Emission {
  const Module& m;
  std::span<const Entry> entries;
  const CompileOptions& options;
  cpu::Output output;
  std::string default_cpu;
  std::vector<CodeSite> sites;
  std::vector<bool> has_direct;

  Result<std::string> run() {
    Support support(m);
    for (const Entry& e : entries)
      if (auto error = support.check(e.func)) return *error;
    for (const TrainStep& step : options.steps)
      for (FuncId f : step.functions())
        if (f)
          if (auto error = support.check(f)) return *error;
    Result<cpu::Target> target = cpu::Target::make(options.cpu.empty() ? default_cpu : options.cpu, options.opt_level);
    if (!target) return target.error();
    llvm::LLVMContext context;
    context.setDiscardValueNames(output != cpu::Output::llvm_text);
    std::string complaint;
    context.setDiagnosticHandlerCallBack([](const llvm::DiagnosticInfo* info, void* text) {
      if (info->getSeverity() != llvm::DS_Error) return;
      llvm::raw_string_ostream out(*static_cast<std::string*>(text));
      llvm::DiagnosticPrinterRawOStream printer(out);
      info->print(printer);
    }, &complaint);
    llvm::Module module("dlc", context);
    target->prepare(module);
    cpu::EmitOptions emit_options;
    emit_options.vector_bits = options.vector_bits ? options.vector_bits : target->vector_bits();
    cpu::ModuleEmitter emitter(m, module, emit_options);
    for (const Entry& e : entries) {
      emitter.export_entry(e.symbol, e.func);
      has_direct.push_back(emitter.emit(e.func).direct != nullptr);
    }
    for (const TrainStep& step : options.steps) emitter.export_step(step);
    for (const cpu::ErrorSite& s : emitter.take_sites()) sites.push_back({s.func, s.check});
    Result<std::string> bytes = target->emit(module, output);
    if (!complaint.empty()) return Error{"LLVM: " + complaint};
    return bytes;
  }

  Result<std::string> guarded() {
    return cpu::guard_fatal_errors([](void* self) { return static_cast<Emission*>(self)->run(); }, this);
  }
};

}  // namespace

Result<JitModule> jit(const Module& m, std::span<const Entry> entries, const CompileOptions& options) {
  Emission emission{m, entries, options, cpu::Output::object, "native", {}, {}};
  Result<std::string> bytes = emission.guarded();
  if (!bytes) return bytes.error();
  auto object = cpu::LoadedObject::load(*bytes);
  if (!object) return object.error();
  auto code = std::make_shared<JitModule::Code>();
  code->object = std::move(*object);
  code->sites = std::move(emission.sites);
  return JitModule(std::move(code));
}

Result<ObjectCode> emit_object(const Module& m, std::span<const Entry> entries, const CompileOptions& options) {
  Emission emission{m, entries, options, cpu::Output::object, "x86-64-v3", {}, {}};
  Result<std::string> bytes = emission.guarded();
  if (!bytes) return bytes.error();
  return ObjectCode{std::move(*bytes), std::move(emission.sites), std::move(emission.has_direct)};
}

Result<std::string> emit_llvm_text(const Module& m, std::span<const Entry> entries, const CompileOptions& options) {
  return Emission{m, entries, options, cpu::Output::llvm_text, "x86-64-v3", {}, {}}.guarded();
}

Result<std::string> emit_asm(const Module& m, std::span<const Entry> entries, const CompileOptions& options) {
  return Emission{m, entries, options, cpu::Output::assembly, "x86-64-v3", {}, {}}.guarded();
}

std::optional<Error> wrong_cpu(const std::string& cpu) {
  const Result<cpu::Target> target = cpu::Target::make(cpu, 0);
  if (!target) return target.error();
  return std::nullopt;
}

std::string loops_text(const Module& m, FuncId f) {
  std::string out;
  std::set<FuncId> seen;
  const std::function<void(FuncId)> print = [&](FuncId id) {
    if (!seen.insert(id).second) return;
    LoopProgram program = fuse(m, id);
    plan_buffers(m, program);
    for (const Slot& slot : program.slots)
      if (slot.callee) print(slot.callee);
    out += print_program(m, program);
  };
  print(f);
  return out;
}

}  // namespace dlc
