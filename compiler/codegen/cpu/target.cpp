// The x86 backend: choosing the cpu, a short pass pipeline, emission. No fast-math, no contraction.
#include "codegen/cpu/target.h"

#include <algorithm>
#include <csetjmp>
#include <mutex>

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/CommandLine.h>
#include <llvm/Support/ErrorHandling.h>
#include <llvm/Support/SmallVectorMemoryBuffer.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>

#include "base/check.h"

namespace dlc::cpu {

namespace {

// Above this many instructions the whole module is compiled without optimisation.
constexpr size_t kMostOptimized = 60000;
// Loop strength reduction takes time that grows much faster than a function: 25 s of 28 for the second derivative of thirty
// lines of loops (a function of 21 000 instructions), and 0.3 s at 5000. It changes addresses only, so results are the same without it.
constexpr int kMostReduced = 5000;
constexpr const char* kTriple = "x86_64-unknown-linux-gnu";

thread_local std::jmp_buf* fatal_return = nullptr;
thread_local std::string fatal_message;

void on_fatal_error(void*, const char* reason, bool) {
  if (!fatal_return) return;  // not ours: LLVM ends the process, as it would have
  fatal_message = reason;
  std::longjmp(*fatal_return, 1);
}

void initialize_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    llvm::install_fatal_error_handler(on_fatal_error);
  });
}

/// Chunks of straight-line code past a certain size are marked; and any module may simply be long. The register
/// allocator cannot be chosen by function, so all of it is compiled fast then.
bool must_compile_fast(const llvm::Module& module) {
  size_t n = 0;
  for (const llvm::Function& f : module) {
    if (f.hasFnAttribute(llvm::Attribute::OptimizeNone)) return true;
    n += f.getInstructionCount();
  }
  return n > kMostOptimized;
}

/// The passes that emit code, without those that take too long for this module.
bool add_emitting_passes(const llvm::Module& module, llvm::TargetMachine& machine, llvm::legacy::PassManager& passes, llvm::raw_pwrite_stream& out,
                         llvm::CodeGenFileType kind) {
  static std::mutex one_at_a_time;  // LLVM asks for this pass by an option of the process, when the passes are listed
  const std::lock_guard lock(one_at_a_time);
  auto& options = llvm::cl::getRegisteredOptions();
  const auto option = options.find("disable-lsr");
  DLC_CHECK(option != options.end(), "LLVM has the option disable-lsr");
  auto& is_disabled = *static_cast<llvm::cl::opt<bool>*>(option->second);
  is_disabled = std::any_of(module.begin(), module.end(), [](const llvm::Function& f) { return f.getInstructionCount() > kMostReduced; });
  const bool cannot = machine.addPassesToEmitFile(passes, out, nullptr, kind);
  is_disabled = false;
  return !cannot;
}

/// What the emitter leaves to do: common addresses, folding across values, code that does not change in a loop.
void optimize(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(calls);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, calls, modules);

  llvm::FunctionPassManager passes;
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), /*UseMemorySSA=*/true));
  passes.addPass(llvm::EarlyCSEPass(/*UseMemorySSA=*/true));
  passes.addPass(llvm::SimplifyCFGPass());
  for (llvm::Function& f : module)
    if (!f.isDeclaration()) passes.run(f, functions);
}

}  // namespace

Target::Target(std::unique_ptr<llvm::TargetMachine> machine, int opt_level) : machine_(std::move(machine)), opt_level_(opt_level) {}
Target::Target(Target&&) noexcept = default;
Target::~Target() = default;

Result<Target> Target::make(std::string cpu, int opt_level) {
  initialize_once();
  std::string features;
  if (cpu == "native") {
    cpu = llvm::sys::getHostCPUName().str();
    // The name alone is not enough: a virtual machine may hide features of its processor.
    for (const auto& feature : llvm::sys::getHostCPUFeatures())
      features += (features.empty() ? "" : ",") + std::string(feature.second ? "+" : "-") + feature.first().str();
  }
  std::string error;
  const llvm::Triple triple(kTriple);
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target) return Error{error};
  const std::unique_ptr<llvm::MCSubtargetInfo> any(target->createMCSubtargetInfo(triple, "", ""));
  if (!any || !any->isCPUStringValid(cpu)) return Error{"unknown cpu `" + cpu + "`"};
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  const auto level = opt_level == 0 ? llvm::CodeGenOptLevel::None : llvm::CodeGenOptLevel::Default;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, cpu, features, options, llvm::Reloc::PIC_, llvm::CodeModel::Small, level, /*JIT=*/false));
  if (!machine) return Error{"LLVM makes no code for " + cpu};
  const llvm::MCSubtargetInfo& subtarget = *machine->getMCSubtargetInfo();
  if (!subtarget.checkFeatures("+fma") || !subtarget.checkFeatures("+avx2"))
    return Error{"cpu `" + cpu + "` has no fused multiply-add; dlc needs x86-64-v3 or newer"};
  return Target(std::move(machine), opt_level);
}

int Target::vector_bits() const {
  const llvm::MCSubtargetInfo& subtarget = *machine_->getMCSubtargetInfo();
  const bool wide = subtarget.checkFeatures("+avx512f") && subtarget.checkFeatures("+avx512dq") &&
                    subtarget.checkFeatures("+avx512vl") && subtarget.checkFeatures("+avx512bw");
  return wide ? 512 : 256;
}

void Target::prepare(llvm::Module& module) const {
  module.setTargetTriple(machine_->getTargetTriple());
  module.setDataLayout(machine_->createDataLayout());
}

Result<std::string> Target::emit(llvm::Module& module, Output output) {
  // LLVM prefers 256 bits on most cpus that have 512; our vectors are explicit and want them.
  const std::string width = std::to_string(vector_bits());
  for (llvm::Function& f : module) f.addFnAttr("prefer-vector-width", width);
  std::string problem;
  llvm::raw_string_ostream problems(problem);
  if (llvm::verifyModule(module, &problems)) return Error{"codegen made a broken LLVM module: " + problem};
  if (must_compile_fast(module)) machine_->setOptLevel(llvm::CodeGenOptLevel::None);
  else if (opt_level_ > 0) optimize(module, *machine_);
  std::string text;
  if (output == Output::llvm_text) {
    llvm::raw_string_ostream out(text);
    module.print(out, nullptr);
    return text;
  }
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  const auto kind = output == Output::object ? llvm::CodeGenFileType::ObjectFile : llvm::CodeGenFileType::AssemblyFile;
  if (!add_emitting_passes(module, *machine_, passes, out, kind)) return Error{"LLVM cannot emit this kind of file"};
  passes.run(module);
  return std::string(bytes.data(), bytes.size());
}

Result<std::string> guard_fatal_errors(Result<std::string> (*work)(void*), void* data) {
  std::jmp_buf here;
  std::jmp_buf* outer = fatal_return;
  fatal_return = &here;
  if (setjmp(here) != 0) {
    fatal_return = outer;
    return Error{"LLVM: " + fatal_message};
  }
  Result<std::string> result = work(data);
  fatal_return = outer;
  return result;
}

}  // namespace dlc::cpu
