// Scalar ops as LLVM instructions on lanes: a value is T or <W x T>, and the same code serves both.
#pragma once
#include <map>
#include <span>
#include <tuple>

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

#include "ir/module.h"

namespace dlc::cpu {

using Builder = llvm::IRBuilder<>;

llvm::Type* scalar_type(llvm::LLVMContext& context, DType dtype);             // in registers: a bool is i1
llvm::Type* lane_type(llvm::LLVMContext& context, DType dtype, int width);    // width 1: the scalar
DType dtype_of(llvm::Type* type);                                             // inverse, of the element
int width_of(llvm::Type* type);
llvm::Constant* float_constant(llvm::Type* type, double value);               // splat
/// A constant of the IR (`bits` as in Attr of `const`), splat over `type`.
llvm::Constant* constant_from_bits(llvm::Type* type, int64_t bits);

/// Emits elementwise ops. Elementary functions are the row's expansion: inlined at the first few sites, then one
/// internal function per (op, dtype, width).
class Primitives {
 public:
  explicit Primitives(llvm::Module& module) : module_(module) {}
  llvm::Value* apply(Builder& b, OpId op, std::span<llvm::Value* const> args, DType result);

 private:
  llvm::Value* expansion(Builder& b, OpId op, std::span<llvm::Value* const> args, DType result);
  llvm::Value* expand_here(Builder& b, OpId op, std::span<llvm::Value* const> args);
  llvm::Value* instruction(Builder& b, const char* name, std::span<llvm::Value* const> args, DType result);
  llvm::Value* rare(Builder& b, std::span<llvm::Value* const> args);
  llvm::Value* gated_mul(Builder& b, llvm::Value* x, llvm::Value* y);
  llvm::Value* convert(Builder& b, llvm::Value* value, DType to);
  llvm::Value* two_over_pi(Builder& b, llvm::Value* word);

  struct Site {
    int uses = 0;                         // in the module
    int uses_here = 0;                    // in `here`, the LLVM function being emitted
    const llvm::Function* here = nullptr;
    llvm::Function* function = nullptr;
  };
  static bool is_inlined(Site& site, const llvm::Function* here, int width);

  llvm::Module& module_;
  std::map<std::tuple<int32_t, DType, int>, Site> sites_;
  llvm::GlobalVariable* two_over_pi_ = nullptr;
  int gates_ = 0;
};

}  // namespace dlc::cpu
