// Machine code for functions of the IR. The functions have gone through batch, AD and simplify: they hold no map,
// index or derivative request.
//
//   const Entry entries[] = {{"nll", nll}, {"nll_grad", grad}};
//   Result<JitModule> jit = dlc::jit(module, entries, {});
//   auto f = reinterpret_cast<double (*)(double, double)>(jit->direct("nll"));
//
// Every entry `name` exists in up to four forms (runtime/abi.h):
//   int32_t name(const dlc_ctx*, sizes…, inputs…, outputs…, void* workspace)
//   int32_t name_packed(const dlc_ctx*, void* const* args)      args point at the above, in order; array cells hold the
//                                                               array's address itself, the last one the workspace
//   int64_t name_ws(sizes…)                                     bytes of workspace, to be aligned to 64
//   T name_direct(T…)                                           only for scalars in, one scalar out, nothing can fail
//
// All functions here may be called from any thread; a JitModule is immutable, copies share it, and its code lives as
// long as some copy does. Errors are what LLVM could not do, and functions that hold what codegen does not know.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codegen/train_step.h"
#include "ir/module.h"

namespace dlc {

struct Entry {
  std::string symbol;  // ASCII; see ascii_name in codegen/header.h
  FuncId func;
};

struct CompileOptions {
  std::span<const TrainStep> steps = {};  // compiled beside the entries
  int opt_level = 2;     // 0: no optimisation, fastest to compile; 1 and 2 optimise
  std::string cpu;       // as LLVM names it, or "native"; empty: native for jit, "x86-64-v3" else. Must have fma.
  int vector_bits = 0;   // 128, 256 or 512; 0: what the cpu has
};

/// What dlc_error::site counts.
struct CodeSite {
  FuncId func;
  SizeCheck check;  // what did not hold
};

class JitModule {
 public:
  /// Addresses; null when there is no such entry or form of it.
  void* entry(std::string_view symbol) const { return address(symbol, ""); }
  void* packed(std::string_view symbol) const { return address(symbol, "_packed"); }
  void* workspace(std::string_view symbol) const { return address(symbol, "_ws"); }
  void* direct(std::string_view symbol) const { return address(symbol, "_direct"); }
  std::span<const CodeSite> sites() const;

  struct Code;
  explicit JitModule(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

 private:
  void* address(std::string_view symbol, std::string_view form) const;
  std::shared_ptr<const Code> code_;
};

struct ObjectCode {
  std::string bytes;            // an ELF object, position independent; nothing undefined but memcpy and memset
  std::vector<CodeSite> sites;
  std::vector<bool> has_direct; // per entry
};

[[nodiscard]] Result<JitModule> jit(const Module& m, std::span<const Entry> entries, const CompileOptions& options);
[[nodiscard]] Result<ObjectCode> emit_object(const Module& m, std::span<const Entry> entries, const CompileOptions& options);
[[nodiscard]] Result<std::string> emit_llvm_text(const Module& m, std::span<const Entry> entries, const CompileOptions& options);
[[nodiscard]] Result<std::string> emit_asm(const Module& m, std::span<const Entry> entries, const CompileOptions& options);

/// Why no code can be made for this processor; nothing when it can.
std::optional<Error> wrong_cpu(const std::string& cpu);

/// Loop trees of an entry and of what it calls, as text (`--emit ir-after=fuse`).
std::string loops_text(const Module& m, FuncId f);

}  // namespace dlc
