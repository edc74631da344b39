// Builder: appends typed, locally simplified instructions to one block. AD rules and sema may write naively;
// the builder folds constants (by the same code native entries run, so bits agree), applies the op table's
// `identity` rows, composes views and drops those that do nothing.
//
//   Builder b(module, func_id, BlockId{0});
//   ValueId z = b.op("add"_op, {b.op("mul"_op, {w, x}, loc), bias}, loc);   // scalars broadcast to arrays
//   ValueId s = b.sum(z, {0}, loc);
#pragma once
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "ir/module.h"
#include "ops/array.h"

namespace dlc {

class Builder {
 public:
  Builder(Module& m, FuncId func, BlockId block) : m_(m), func_(func), block_(block) {}

  Module& module() { return m_; }
  Func& func() { return m_[func_]; }
  FuncId func_id() const { return func_; }
  BlockId block() const { return block_; }
  TypeTable& types() { return m_.types; }
  DimTable& dims() { return m_.types.dims; }
  TypeId type_id(ValueId v) { return func()[v].type; }
  const Type type(ValueId v) { return m_.types[func()[v].type]; }  // a copy on purpose: types move as they grow

  /// Elementwise. Scalar operands (and trailing-shape ones) are broadcast to the largest shape; dtypes must follow
  /// the row's TypeRule (the caller converts). Literal constants: see constant().
  ValueId op(OpId op, std::span<const ValueId> operands, Loc loc);
  ValueId op(OpId id, std::initializer_list<ValueId> operands, Loc loc) { return op(id, std::span(operands.begin(), operands.size()), loc); }

  ValueId constant(double value, DType dtype, Loc loc);        // f32, f64
  ValueId constant_int(int64_t value, Loc loc);
  ValueId constant_bool(bool value, Loc loc);
  ValueId size(DimId d, Loc loc);                               // a size as an int value
  ValueId zeros(TypeId type, Loc loc);                          // also of a tuple type
  ValueId full(TypeId type, double value, Loc loc);             // array or scalar of a float, int or bool dtype
  ValueId convert(ValueId v, DType to, Loc loc);                // int → float, f32 ↔ f64, …; no-op when equal

  ValueId view(ValueId x, const ViewMap& map, Loc loc);
  ValueId broadcast(ValueId x, const std::vector<DimId>& shape, Loc loc);  // trailing-shape rule
  ValueId transpose(ValueId x, const std::vector<int>& axes, Loc loc);     // result axis r = source axis axes[r]
  ValueId reshape(ValueId x, std::vector<DimId> shape, Loc loc);
  /// x[lo .. lo+extent·step step] along one axis.
  ValueId slice(ValueId x, int axis, DimId lo, DimId extent, int64_t step, Loc loc);
  /// Drops `axis` by reading position `at`.
  ValueId pick(ValueId x, int axis, DimId at, Loc loc);
  ValueId sum(ValueId x, std::vector<int> axes, Loc loc);
  /// reduction rows: "sum"_op, "prod"_op, "max_over"_op, …; empty axes: x itself.
  ValueId reduce(OpId op, ValueId x, std::vector<int> axes, Loc loc);
  ValueId cumsum(ValueId x, int axis, bool reverse, Loc loc);
  /// Over the examples of the batch; `batch` makes it a sum over the axis of the map that runs over them.
  ValueId batch_sum(ValueId x, Loc loc);
  ValueId matmul(ValueId a, ValueId b, MatmulRanks ranks, Loc loc);
  ValueId stack(std::span<const ValueId> rows, Loc loc);
  ValueId iota(DimId extent, Loc loc);
  ValueId index(ValueId x, std::span<const ValueId> subscripts, Bounds bounds, Loc loc);
  /// x with `v` stored at, or added at, the subscripts: see ops/array.h.
  ValueId put(ValueId x, ValueId v, std::span<const ValueId> subscripts, Bounds bounds, Loc loc);
  ValueId add_at(ValueId x, ValueId v, std::span<const ValueId> subscripts, Bounds bounds, Loc loc);
  /// A loop over the places that arrays of subscripts name, in their order, for one may be there more than once:
  /// x = step(x, value, subscripts) for each. Absent where the number of places is no size.
  using PlaceStep = std::function<ValueId(Builder& b, ValueId x, ValueId value, std::span<const ValueId> at)>;
  ValueId for_each_place(ValueId x, ValueId values, std::span<const ValueId> subscripts, const PlaceStep& step, Loc loc);
  /// Adjoint of a view: scatters `y_bar` (of the view's shape) back to the source shape; again views and sums
  /// where every subscript solves with coefficient ±1, else a `view_adjoint` instruction.
  ValueId view_adjoint(ValueId y_bar, const ViewMap& map, TypeId source, Loc loc);

  ValueId tuple(std::span<const ValueId> values, TypeId type, Loc loc);   // type: a tuple type with the names
  ValueId tuple(std::span<const ValueId> values, Loc loc);                // unnamed fields
  ValueId get(ValueId tuple, int field, Loc loc);
  ValueId call(FuncId callee, std::vector<DimId> sizes, std::span<const ValueId> args, Loc loc);
  /// With sizes known only at run time: `at` are their positions among the callee's, `sizes` holds 0 there.
  ValueId call(FuncId callee, std::vector<DimId> sizes, std::span<const ValueId> args, std::vector<int64_t> at, std::span<const ValueId> run_time_sizes, Loc loc);

  /// Regions. Make the blocks first, fill them with Builders of their own (`Builder inner = b.in(block)`), set their
  /// results, then append the instruction. Parameters of the blocks are added by these calls in order.
  struct IfBlocks { BlockId then_block, else_block; };
  IfBlocks begin_if(std::span<const ValueId> captures, Loc loc);
  ValueId end_if(IfBlocks blocks, ValueId condition, std::span<const ValueId> captures, Loc loc);
  /// Parameters: extents.size() ints (named), then the captures.
  BlockId begin_map(const std::vector<DimId>& extents, std::span<const StrId> names, std::span<const ValueId> captures, Loc loc);
  ValueId end_map(BlockId body, const std::vector<DimId>& extents, std::span<const ValueId> captures, Loc loc);
  /// … whose one index runs over the examples of a batch: `batch_sum` in its body is a sum over it.
  ValueId end_example_map(BlockId body, DimId n_examples, std::span<const ValueId> captures, Loc loc);
  /// Loops: make the blocks (parameters: a `for`'s step, the carried values, the captures), fill them, set their results
  /// (the body's: `joined` of the carried values), then append. `bound` of a `while` is its `@max_iters`.
  BlockId begin_for(std::span<const ValueId> carried, std::span<const ValueId> captures, Loc loc);
  ValueId end_for(BlockId body, ValueId count, std::span<const ValueId> carried, std::span<const ValueId> captures,
                  const LoopOptions& options, Loc loc);
  struct WhileBlocks { BlockId condition, body; };
  WhileBlocks begin_while(std::span<const ValueId> carried, std::span<const ValueId> captures, Loc loc);
  ValueId end_while(WhileBlocks blocks, std::span<const ValueId> carried, std::span<const ValueId> captures,
                    const LoopOptions& options, Loc loc);
  /// Several values as one, as the blocks of loops yield them: the value itself when there is one, else a tuple.
  ValueId joined(std::span<const ValueId> values, Loc loc) { return values.size() == 1 ? values[0] : tuple(values, loc); }
  /// Value `k` of what `joined` made of `n`.
  ValueId part(ValueId joined_value, size_t n, size_t k, Loc loc) { return n == 1 ? joined_value : get(joined_value, static_cast<int>(k), loc); }
  Builder in(BlockId block) { return Builder(m_, func_, block); }
  void set_result(ValueId v) { func()[block_].result = v; }

  /// The value of a constant, also seen through unguarded views (a broadcast literal) and conversions.
  std::optional<double> constant_value(ValueId v);
  std::optional<int64_t> constant_int_value(ValueId v);

  /// Appends as is: a pass copying an instruction to a new function with mapped operands and no simplification.
  ValueId raw(Inst inst, std::span<const ValueId> operands);
  /// As raw, but through the simplifying entry point of the op where there is one. Region ops are not accepted.
  ValueId rebuild(const Inst& inst, std::span<const ValueId> operands, Loc loc);

 private:
  ValueId store(OpId op, ValueId x, ValueId v, std::span<const ValueId> subscripts, Bounds bounds, Loc loc);
  ValueId append_inst(OpId op, TypeId type, AttrId attr, std::span<const ValueId> operands, Loc loc);
  ValueId fold_constants(OpId op, std::span<const ValueId> operands, TypeId type, Loc loc);
  ValueId apply_identities(OpId op, std::span<const ValueId> operands, TypeId type, Loc loc);
  /// What both sides of an `if` yield as this field (−1: as the result) where it is one and the same capture; else absent.
  ValueId passed_through(IfBlocks blocks, std::span<const ValueId> captures, int field);
  TypeId elementwise_type(OpId op, std::span<const ValueId> operands);

  /// Bit pattern of a constant (as `const` stores it), also through unguarded views and reshapes.
  std::optional<int64_t> constant_bits(ValueId v);
  /// Without a copy; good until the next type is made.
  const Type& peek(ValueId v) { return m_.types[func()[v].type]; }

  Module& m_;
  FuncId func_;
  BlockId block_;
};

/// Copies the function's body into `to` (parameters mapped to `args`), returns the mapped result. Handles regions.
ValueId inline_body(Builder& to, const Func& from, std::span<const ValueId> args, const std::map<StrId, DimId>& sizes, Reason reason);

/// Whether every size in the function's body is one for these values of its size variables: sums and products may overflow.
bool sizes_fit(Module& m, const Func& f, const std::map<StrId, DimId>& sizes);

/// Starts an empty function with the parameters of `like` (types substituted) and returns its id.
FuncId start_function(Module& m, std::string name, const Func& like);

}  // namespace dlc
