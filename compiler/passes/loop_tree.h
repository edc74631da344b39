// Loop trees: what is left of a function once it is decided which values exist in memory and which loops compute
// them. Plain data between the IR and machine code; print_program shows it (`--emit ir-after=fuse`).
//
//   %3 = mul %1, %2 : f64[n, 8]                       r0 = workspace f64[n]
//   %4 = sum %3 {1} : f64[n]                 ──▶      for [n] reduce [8]: %4 -> r0
//   %5 = exp %4 : f64[n]                              for [n]: %5 -> out0
//
// Three kinds of values:
//   - scalars are registers (`scalars` steps, in order; also results of rank-0 reductions);
//   - arrays with a buffer are stored by exactly one target of one step (or are inputs);
//   - all other arrays are *inlined*: whoever reads element j of one evaluates its expression at j, through the
//     composed index maps of the views on the way. Views, iota and constants never need memory.
// A reshape never computes: it is another shape of its operand's buffer.
#pragma once
#include <string>
#include <vector>

#include "ir/module.h"

namespace dlc {

/// Index of a leaf: a scalar or array. A tuple-typed param, call or if has several; `get` and `tuple` have none of
/// their own. Block parameters that capture are the leaves of what they capture; those that a loop carries have leaves of
/// their own, whose buffers are those of the loop's result: it is updated in place.
struct LoopLeaf {
  ValueId value;
  int32_t part = 0;     // number of the leaf within the value
  TypeId type;          // of the leaf
  int32_t buffer = -1;  // index into LoopProgram::buffers; −1: a scalar's register, or inlined
};

struct Buffer {
  enum class Place : uint8_t { input, output, workspace };
  Place place = Place::workspace;
  int32_t position = 0;  // number of the input or output leaf, or of the workspace slot
  DType dtype = DType::f64;
  std::vector<DimId> dims;
};

/// A piece of the workspace; buffers whose lives do not overlap share one.
struct Slot {
  std::vector<DimId> dims;  // its size is their product times element_bytes, rounded up to 64
  int32_t element_bytes = 1;
  FuncId callee;            // set: instead, what this function's workspace takes at sizes `dims`
};

/// One value a step computes at every point of its axes.
struct Target {
  int32_t leaf = -1;         // what is evaluated
  int32_t buffer = -1;       // where it goes; −1: the register of a rank-0 leaf
  int64_t row = -1;          // ≥ 0: a `stack`'s operand, stored at this position of the buffer's first axis
};

struct Step {
  enum class Kind : uint8_t {
    scalars,   // `scalars` in order, no loop
    elements,  // over axes: every target's element
    reduce,    // over axes, then over reduced: every target's accumulator
    cumsum,    // over axes without `axis`: a running sum along it
    scatter,   // view_adjoint: zero the buffer, then add every element of the operand in order
    matmul,    // operands are read from buffers (through views)
    call,      // value's leaves are the callee's outputs
    branch,    // `if`: one of two nested lists
    store,     // put, add_at: at the subscripts, in order; the rest of the target's buffer stays what it is
    loop,      // `for`: one nested list; `while`: the condition's, then the body's
  };
  Kind kind = Kind::scalars;
  std::vector<DimId> axes;      // parallel loops, outermost first
  std::vector<DimId> reduced;   // reduce: sequential inside them
  std::vector<Target> targets;
  std::vector<ValueId> scalars;
  ValueId value;                // cumsum, scatter, matmul, call, branch, store, loop: the instruction
  std::vector<std::vector<Step>> blocks;
  int32_t slot = -1;            // call: the callee's workspace; −1: its size is known only when it is called
};

struct LoopProgram {
  FuncId func;
  std::vector<LoopLeaf> leaves;
  std::vector<std::vector<int32_t>> leaves_of;  // by value: its leaves
  std::vector<Buffer> buffers;
  std::vector<Slot> slots;
  std::vector<Step> steps;
  std::vector<int32_t> inputs, outputs;         // leaves of the parameters and of the result
  std::vector<int32_t> output_buffer;           // per output: its buffer, −1 for a scalar
};

/// Decides which values get memory and which loops compute them. `f` holds no map; the callees' own
/// programs are not needed. Every workspace buffer has a slot of its own until plan_buffers.
LoopProgram fuse(const Module& m, FuncId f);

/// Lets workspace buffers share slots when one is dead before the other is written and the sizes agree.
void plan_buffers(const Module& m, LoopProgram& program);

std::string print_program(const Module& m, const LoopProgram& program);

}  // namespace dlc
