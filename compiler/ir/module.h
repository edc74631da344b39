// The IR: typed SSA over whole arrays. A Func owns one vector of instructions; a value *is* the index of the
// instruction that makes it. Control flow is regions: an `if` owns two blocks with parameters (its explicit
// captures), so a block refers to nothing but its own parameters and instructions, and differentiating a
// block is the same job as differentiating a function.
//
//   %0 = param x1 : f64
//   %1 = param x2 : f64
//   %2 = div %0, %1 : f64
//   %3 = exp %2 : f64
//   return %3
#pragma once
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/interner.h"
#include "base/source.h"
#include "ir/op.h"
#include "ir/types.h"

namespace dlc {

/// Why an instruction exists that the user did not write; its span is that of what it derives from.
enum class Reason : uint8_t { written, jvp_of, vjp_of, symbolic_of, numeric_of, batched_from, simplified_from, inlined_from };

struct Loc {
  Span span;
  Reason reason = Reason::written;
  Loc because(Reason r) const { return {span, r}; }
  bool operator==(const Loc&) const = default;
};

/// What is constant about an instruction and not a tensor. Interned; part of identity for CSE.
///   const      ints = {bit pattern}: of the double for floats (f32 too), the value for int and bool
///   param      ints = {position}, name
///   size       dims = {the size whose value it is}
///   get        ints = {field}
///   call       func, dims = sizes for the callee's size_vars, in order; ints = positions in it (ascending) of sizes that are
///              known only when the call is made: those are its last operands, and their place in dims holds 0
///   view       dims, ints: see ops/array.h (ViewMap)
///   reductions ints = the reduced axes, ascending
///   reshape    dims = the new shape
///   matmul     ints = {number of batch axes}
///   iota       dims = {extent}
struct Attr {
  std::vector<int64_t> ints;
  std::vector<DimId> dims;
  StrId name;
  FuncId func;
  bool operator==(const Attr&) const = default;
};

/// Fixed size, trivially copyable. Copy it before you append: `const Inst in = f[v];`.
struct Inst {
  OpId op;
  TypeId type;
  AttrId attr;                            // absent: none
  int32_t first_operand = 0, n_operands = 0;  // slice of Func::operand_pool
  BlockId first_block;                    // absent: none; blocks of one instruction are consecutive
  int32_t n_blocks = 0;
  Loc loc;
};
static_assert(std::is_trivially_copyable_v<Inst> && sizeof(Inst) <= 48);

/// A list of values computed in order, from parameters to one result (a tuple when there are several).
struct Block {
  std::vector<ValueId> params;  // `param` instructions
  std::vector<ValueId> body;    // in order of execution; params are not repeated here
  ValueId result;
};

/// What must hold of the sizes and is known only when the function runs or is specialised: an affine subscript that may
/// leave its array, a mean or maximum that may have no elements, a size that may be negative. Checked on entry; a
/// violation is error DLC_INDEX, DLC_EMPTY or DLC_BAD_SIZE at `loc`.
struct SizeCheck {
  enum class Kind : uint8_t { subscript, elements, size, index, iterations, memory };  // index, iterations: only as sites of native code
  DimId nonnegative;  // must be ≥ 0
  DimId extent;       // of the violated array, for the message
  Loc loc;
  Kind kind = Kind::subscript;
  std::vector<Span> calls;  // that it was inlined through, innermost first; not part of the text form
};
/// The name in the text form.
const char* check_name(SizeCheck::Kind kind);

enum class Mode : uint8_t { reverse, forward, symbolic, numeric };
const char* mode_name(Mode mode);  // "reverse", …

/// `grad(f, wrt = …, mode = …)` as sema finds it: a function known by its signature, whose body the derivative
/// passes fill in (pipeline/derive). Parameters: those of `base`, then the directions `d<name>` (jvp, hvp) or `bar` (vjp).
struct DerivativeRequest {
  enum class Kind : uint8_t { grad, value_and_grad, jvp, vjp, jacobian, hessian, hvp };
  Kind kind = Kind::grad;
  Mode mode = Mode::reverse;
  FuncId base;
  std::vector<int> wrt;      // positions of base's parameters
  std::vector<std::vector<int>> paths;  // `wrt = s.h`: per element of wrt the fields to follow; empty: whole parameters
  bool is_list = false;      // `wrt = [a, b]`: the derivative is a named tuple (a: …, b: …), also with one element
  bool with_value = false;   // returns (value, derivative)
  int of = -1;               // field of base's tuple result that is differentiated; −1: the result is not a tuple
};

struct Func {
  std::string name;               // unique in the module, ASCII or not: "nll", "nll.vjp"
  std::vector<StrId> size_vars;   // as declared, in order; bound from the parameters' types
  std::vector<Inst> insts;        // every value of every block
  std::vector<ValueId> operand_pool;
  std::deque<Block> blocks;       // blocks[0] is the body
  std::vector<SizeCheck> checks;
  Loc loc;                        // of the declaration's name
  std::string doc;
  std::optional<DerivativeRequest> request;  // set: `blocks` holds only the parameters until derived
  TypeId declared_result;                    // of a request, or of a function that calls itself, before it has a body
  FuncId rule;                    // its derivative as the program declares it: (parameters…, d of the float ones…) → dy
  bool is_kept = false;           // stays a function of its own: what derivative passes compute of it is computed again

  Block& body() { return blocks[0]; }
  const Block& body() const { return blocks[0]; }
  const Inst& operator[](ValueId v) const { return insts[static_cast<size_t>(v.i)]; }
  Inst& operator[](ValueId v) { return insts[static_cast<size_t>(v.i)]; }
  const Block& operator[](BlockId b) const { return blocks[static_cast<size_t>(b.i)]; }
  Block& operator[](BlockId b) { return blocks[static_cast<size_t>(b.i)]; }
  /// Good until the next append to this Func.
  std::span<const ValueId> operands(ValueId v) const {
    const Inst& in = (*this)[v];
    return {operand_pool.data() + in.first_operand, static_cast<size_t>(in.n_operands)};
  }
  ValueId operand(ValueId v, int k) const { return operand_pool[static_cast<size_t>((*this)[v].first_operand + k)]; }
  TypeId result_type() const { return body().result ? (*this)[body().result].type : declared_result; }
};

/// `export name = f`: an entry point of `compile`.
struct Export {
  std::string name;
  FuncId func;
  Span span;
};

/// All functions of one compilation with the tables they share.
class Module {
 public:
  Module() : types(strings) {}
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  Interner strings;
  TypeTable types;

  FuncId add(Func f) {
    funcs_.push_back(std::make_unique<Func>(std::move(f)));
    const FuncId id{static_cast<int32_t>(funcs_.size()) - 1};
    return by_name_[funcs_.back()->name] = id;
  }
  /// Stays good while functions are added (each lives in its own allocation).
  Func& operator[](FuncId id) { return *funcs_[static_cast<size_t>(id.i)]; }
  const Func& operator[](FuncId id) const { return *funcs_[static_cast<size_t>(id.i)]; }
  size_t size() const { return funcs_.size(); }
  FuncId find(std::string_view name) const {
    auto it = by_name_.find(std::string(name));
    return it == by_name_.end() ? FuncId{} : it->second;
  }
  /// Forgets a function that could not be completed: its name is free again, its id names a function with no body.
  void discard(FuncId id) {
    by_name_.erase((*this)[id].name);
    (*this)[id] = Func{};
    (*this)[id].blocks.emplace_back();
  }
  /// `name` itself when free, else "name.2", "name.3", …
  std::string unique_name(std::string_view name) const;

  AttrId intern(Attr attr);
  const Attr& operator[](AttrId id) const { return attrs_[static_cast<size_t>(id.i)]; }
  size_t n_attrs() const { return attrs_.size(); }

  std::vector<Export> exports;  // in the order of the file

  /// Derived functions made so far, by a key such as "vjp f wrt 0,2": passes memoise here.
  std::unordered_map<std::string, FuncId> derived;

 private:
  std::vector<std::unique_ptr<Func>> funcs_;
  std::unordered_map<std::string, FuncId> by_name_;
  std::deque<Attr> attrs_;
  std::unordered_multimap<size_t, AttrId> attr_by_hash_;
};

/// Low-level append, without simplification or type inference (those are ops/builder.h's).
ValueId append(Func& f, BlockId block, Inst inst, std::span<const ValueId> operands);
/// Adds a `param` of `type` to a block.
ValueId append_param(Module& m, Func& f, BlockId block, OpId param_op, TypeId type, StrId name, Loc loc);

}  // namespace dlc
