// How batch lifts one function; what it does is told in batch.cpp.
#pragma once

#include <array>
#include <bit>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/array.h"
#include "ops/builder.h"
#include "ops/table.h"
#include "passes/passes.h"

namespace dlc {

using Axes = uint64_t;  // set of box axes, bit k = axis k of the box; at most 64 nested indices
constexpr int kMaxBoxAxes = 64;

/// A lifted value: one array with the box axes `axes` in front, or a tuple of lifted values.
struct Lifted {
  ValueId value;
  Axes axes = 0;
  std::vector<Lifted> fields;
  bool is_tuple = false;
};

/// `v`, all of whose leaves carry the box axes `axes`, taken apart into its leaves.
Lifted lifted_fields(Builder& b, ValueId v, Axes axes, Loc loc);

/// An int as a sum of box indices with factors and a size; what a subscript must be.
struct AffineInt {
  std::vector<int64_t> factors;  // per box axis; shorter means zeros
  DimId offset;
};

inline int count(Axes axes) { return std::popcount(axes); }
/// Position of box axis `k` among the axes of a set.
inline int position(Axes axes, int k) { return std::popcount(axes & ((Axes{1} << k) - 1)); }

class BatchPass {
 public:
  BatchPass(Module& m, const Func& old, const Rewritten& rewritten, Diagnostics& diagnostics)
      : m_(m), old_(old), rewritten_(rewritten), diagnostics_(diagnostics), map_(old.insts.size()), affine_(old.insts.size()) {}

  std::vector<DimId>& box() { return box_; }
  void bind(ValueId param, Lifted lifted) { at(param) = std::move(lifted); }

  const Lifted& block(Builder& b, const Block& source);
  void want(Lifted wanted) { wanted_ = std::move(wanted); }
  bool failed() const { return failed_; }
  /// The value with exactly the box axes `axes`, the missing ones repeated.
  ValueId expand(Builder& b, const Lifted& x, Axes axes, Loc loc);
  /// As one value; a tuple has the names of the type `like`, if that is given.
  ValueId materialise(Builder& b, const Lifted& x, Axes axes, Loc loc, TypeId like = {});

 private:
  Lifted& at(ValueId v) { return map_[static_cast<size_t>(v.i)]; }
  AffineInt& affine(ValueId v) { return affine_[static_cast<size_t>(v.i)]; }
  std::vector<Lifted> lifted_operands(ValueId v);
  static Axes all_axes(const Lifted& x);
  static Axes all_axes(std::span<const Lifted> xs);
  Lifted lift(Builder& b, ValueId v, const Inst& in);
  /// Σ over the examples: what is the same for all of them counts as often as there are any.
  Lifted lift_batch_sum(Builder& b, const Inst& in, const Lifted& x);
  /// Ops whose own axes simply move behind `n` box axes.
  ValueId lift_array_op(Builder& b, const Inst& in, std::span<const ValueId> x, int n);
  ValueId lift_view(Builder& b, const Inst& in, ValueId x, int n);
  /// y[B,M,N] = a[B,M,K]·b[B,K,N]. Axes both vary with join B; axes of one alone join its own free axes, so a
  /// matrix–vector product under an index becomes a matrix–matrix product.
  Lifted lift_matmul(Builder& b, const Inst& in, std::span<const Lifted> x);
  struct Group {
    int first, size;
  };
  /// Own axes come as three groups (first: batch); box axes `both` go to the front, `single` before group `before`.
  ValueId group_axes(Builder& b, const Lifted& x, Axes both, Axes single, const std::array<Group, 3>& groups, int before, Loc loc);
  /// [base, X, Y] → [base, Y, X]
  static ValueId swap(Builder& b, ValueId v, int base, int x, int y, Loc loc);

  // regions: batch_control.cpp
  Lifted lift_map(Builder& b, ValueId v, const Inst& in);
  /// Makes the map's axes, all of them, part of each leaf's own shape.
  Lifted with_axes(Builder& b, const Lifted& x, Axes own, Loc loc);
  void bind_capture(ValueId v, int operand, ValueId param, const Lifted& lifted);
  /// Whether it matters for which indices this is computed: a subscript in it or a size is checked, or a loop might not come to an end.
  bool asks(const Func& f, const Inst& region);
  bool asks(const Func& f, const Block& block);
  bool asks(FuncId f);
  /// `wanted_` where `condition` holds, or does not, too.
  Lifted both(Builder& b, const Lifted& condition, bool holds, Loc loc);
  Lifted lift_if(Builder& b, ValueId v, const Inst& in);
  /// Whether a call in it wants sizes that it may not have, or would call itself on and on, where nothing is wanted of it.
  bool must_be_wanted(const Block& block);
  /// One side of an `if`, not computed where no index takes it.
  Lifted side_if_wanted(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const Block& source);
  Lifted choose(Builder& b, const Lifted& condition, const Lifted& yes, const Lifted& no, Loc loc);
  /// The condition is the same for every index: the `if` stays, its blocks are lifted inside it.
  Lifted lift_uniform_if(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const Block& then_block, const Block& else_block);
  static void flatten(const Lifted& x, std::vector<ValueId>& out);
  static Lifted unflatten(const Lifted& like, const std::vector<ValueId>& params, size_t& next);
  static Lifted union_shape(const Lifted& x, const Lifted& y);
  void expand_like(Builder& b, const Lifted& x, const Lifted& shape, std::vector<ValueId>& out, Loc loc);
  Lifted from_fields(Builder& b, ValueId tuple, const Lifted& shape, int& next, Loc loc);
  /// Carried values get the axes that their first or any later value has: the body is lifted until these do not grow. Where
  /// the number of steps differs from index to index, the loop runs as long as it does for some index, and what is done
  /// for an index keeps its values.
  Lifted lift_loop(Builder& b, ValueId v, const Inst& in);
  ValueId lift_for(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, const Lifted& count, bool is_masked,
                   const std::vector<ValueId>& carried, const std::vector<ValueId>& captures, std::vector<Axes>& axes);
  ValueId lift_while(Builder& b, ValueId v, const Inst& in, std::span<const Lifted> operands, bool is_masked,
                     const std::vector<ValueId>& carried, const std::vector<ValueId>& captures, std::vector<Axes>& axes);
  /// `params` are those of the block being made, the loop's own first; `operands` begin with the carried values.
  void bind_loop_params(ValueId v, const Block& source, size_t n_own, std::span<const Lifted> operands, const std::vector<Axes>& axes,
                        const std::vector<ValueId>& params);
  std::vector<Lifted> carried_params(const Block& source, size_t n_own, size_t n);
  static std::vector<Lifted> loop_results(const Lifted& result, size_t n) { return n == 1 ? std::vector{result} : result.fields; }
  /// Sets the body's result; `axes` grow where a value has more.
  void yield(Builder& inner, const std::vector<Lifted>& next, std::vector<Axes>& axes, Loc loc);

  // calls
  Lifted lift_call(Builder& b, const Inst& in, std::span<const Lifted> args, Axes axes);
  const Func& body_of(FuncId f) const { return rewritten_.body_of(m_, f); }
  /// The box axes `axes` as one, and back.
  Lifted merged(Builder& b, const Lifted& x, Axes axes, Loc loc);
  Lifted unmerged(Builder& b, const Lifted& x, Axes axes, Loc loc);
  DimId extent(Axes axes);
  bool holds_float(const Inst& call, size_t k) const;

  // subscripts
  void track_affine(ValueId v, const Inst& in);
  static bool all_zero(const AffineInt& x);
  bool is_affine_index(ValueId v, const Inst& in);
  /// Subscripts of any kind: the box axes of the array are subscripted by their own indices, in front of the given ones.
  Lifted lift_subscripts(Builder& b, const Inst& in, std::span<const Lifted> x);
  Lifted lift_index(Builder& b, ValueId v, const Inst& in);

  Lifted fail(std::string_view slug, const Inst& in, std::string message);

  Module& m_;
  const Func& old_;
  const Rewritten& rewritten_;  // what calls it, it itself among them, is made from what it was
  Diagnostics& diagnostics_;
  std::vector<Lifted> map_;
  std::vector<AffineInt> affine_;
  std::vector<DimId> box_;
  // What is computed for an index may not be wanted there: the other side of a branch, a step after a loop's last.
  std::optional<Lifted> wanted_;  // for which indices it is, a bool; absent: for all, or nothing asks
  bool is_beyond_ = false;        // a step may be one after the last, and read what is outside
  std::map<FuncId, bool> asks_;   // of a callee
  int examples_ = -1;  // the axis of the box that runs over examples
  bool failed_ = false;
};

}  // namespace dlc
