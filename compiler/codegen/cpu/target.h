// LLVM's backend, behind an interface without its headers: from an LLVM module to bytes, and from bytes to code that
// can be called. Only target.cpp and loader.cpp see the backend's headers, which take seconds to read.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace llvm {
class Module;
class TargetMachine;
}  // namespace llvm

namespace dlc::cpu {

enum class Output : uint8_t { object, assembly, llvm_text };

/// One cpu at one level of optimisation. Not for use by two threads at once.
class Target {
 public:
  /// `cpu`: LLVM's name or "native". Fails for a cpu that is not known or lacks fma (x86-64-v3 has it).
  static Result<Target> make(std::string cpu, int opt_level);
  Target(Target&&) noexcept;
  ~Target();

  int vector_bits() const;  // of the widest registers
  /// Before anything is emitted into the module.
  void prepare(llvm::Module& module) const;
  /// Optimises, then emits.
  Result<std::string> emit(llvm::Module& module, Output output);

 private:
  explicit Target(std::unique_ptr<llvm::TargetMachine> machine, int opt_level);
  std::unique_ptr<llvm::TargetMachine> machine_;
  int opt_level_;
};

/// Runs `work`; a fatal error inside LLVM (it would end the process) becomes an error instead. What LLVM had allocated
/// by then is lost.
Result<std::string> guard_fatal_errors(Result<std::string> (*work)(void*), void* data);

/// An object file in executable memory of this process.
class LoadedObject {
 public:
  static Result<std::unique_ptr<LoadedObject>> load(const std::string& object);
  ~LoadedObject();
  void* address(std::string_view symbol) const;

 private:
  LoadedObject();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dlc::cpu
