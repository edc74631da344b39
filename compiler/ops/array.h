// The array ops that are not elementwise, and what they mean to the last bit.
//
// view     out[j] = x[C·j + offset]; broadcast, transpose, slice, diagonal, flip, x[i + 1], windows x[i + k] are
//          all views. A *guarded* view reads 0 where a source index leaves the array (the adjoint of a slice is a
//          guarded view). Views cost nothing: codegen folds the map into addresses.
// view_adjoint  its transpose: out[C·j + offset] += y[j], from 0, for every j in row-major order of y; guarded: a j that
//          leaves `out` adds nothing.
// sum      over axes. Floats: if the last axis is reduced, element i of the last axis goes to partial sum i mod 16
//          (row-major over the other reduced axes), and the 16 partials are added by halves (8, 4, 2, 1); otherwise
//          strictly in row-major order of the reduced axes. Partial sums start at −0 (exact identity); an empty
//          sum is +0. This order is part of the meaning: interpreter and native code share it, so bits agree.
// matmul   a[B…, M…, K…] · b[B…, K…, N…] → [B…, M…, N…]; ints = {ranks of B, M, N, K}. Floats: acc = fma(a, b, acc)
//          in order of K from −0 when there are N axes; with none (matrix–vector, dot) 16 partials by the last K
//          index mod 16, added by halves. Empty K gives +0.
// prod, max_over, min_over, any, all, argmax, argmin   over axes by the binary row, in row-major order of the reduced
//          axes (argmax: int, the row-major position within the reduced axes of the first extreme; one axis only. Each
//          is compared with the best so far, from −inf on, so a nan is never one; of nothing but nan it is 0).
//          Of no elements: prod 1, any false, all true, max −inf, min +inf (of ints the least and the largest int),
//          argmax and argmin 0. A program sees those of max to argmin only under an `if`, where nothing is checked:
//          elsewhere `Func::checks` asks for an element (sema's require_elements).
// cumsum   ints = {axis, reverse}; running sum in order along one axis.
// stack    n operands of one type → [n, …].
// iota     0, 1, … as int[extent].
// reshape  same elements in row-major order, other sizes.
// index    (x, i0, i1, …) ints subscript the leading axes. They are scalars, or arrays of one shape G: then the result is
//          G ++ what is left of x's shape. Inside a `map` batch turns an affine one into a view. ints = {Bounds}: a guarded one,
//          under an `if`, reads 0 where it leaves the array, as the guarded view does that it becomes; so does a masked one
//          at the subscript kNowhere, which batch gives where nothing is wanted. A nonempty one reads what
//          a reduction starts from, of the one element that there is.
// put      (x, v, i0, i1, …) is x with v, of shape G ++ rest, stored at the subscripts, in row-major order of G. ints as of
//          `index`: what leaves the array and is guarded is not stored.
// add_at   the same with v added to what is there.
// for      operands: the number of steps (an int; none if negative), k carried values (no tuples), captures; the block's
//          parameters: the step 0, 1, …, the carried values, the captures. It yields the carried values of the next
//          step, as a tuple when k > 1. ints = {k, every, memory}: `@checkpoint(every)` (−1: sqrt, 0: none) and
//          `@memory(bytes)` (0: none); dims = {an upper bound of the number of steps}, or none where there is none.
// while    operands: k carried values, captures; two blocks with these as parameters: the condition, then the body.
//          dims = {@max_iters(…)}, or none: when that many steps have been made and the condition holds still, that is
//          error DLC_MAX_ITERS.
// batch_sum the same type; Σ over the examples of the batch, for each of them. What `batch` finds outside a map over
//          examples stays as it is, and means the operand: the batch is then one example.
// map      attr dims = extents of the box, ints = {1} where its one index runs over the examples of a batch; block parameters: one int per extent, then the captures (operands).
//          The result has the box's axes first (a tuple: every leaf has).
// if       operands: condition, captures; two blocks whose parameters are the captures.
// call     attr func and dims (sizes of the callee's size_vars, in order); operands are the arguments, then the sizes of
//          `ints` (see Attr), negative ones taken for 0. No parameter and no result may have such a size in its type. What
//          the callee needs of memory is asked for when the call is made (dlc_ctx::grow) and given back after it.
#pragma once
#include <limits>
#include <vector>

#include "ir/module.h"

namespace dlc {

/// What is known of the subscripts of `index`, `put` and `add_at`; kBoundsWords (ir/form.h) names each.
enum class Bounds : uint8_t {
  inside,    // proven, or checked when the function was entered
  guarded,   // may be outside, where nothing is read or stored
  checked,   // error DLC_INDEX when one is outside
  masked,    // as checked, but kNowhere is allowed, where nothing is read or stored
  nonempty,  // of `index`: error DLC_EMPTY then, for the subscript tells whether a range has elements
};
constexpr bool is_checked(Bounds b) { return b == Bounds::checked || b == Bounds::masked || b == Bounds::nonempty; }
constexpr bool may_miss(Bounds b) { return b == Bounds::guarded || b == Bounds::masked; }
constexpr int64_t kNowhere = std::numeric_limits<int64_t>::min();  // a subscript
Bounds bounds_of(const Module& m, const Inst& subscripting);

constexpr int64_t kSumLanes = 16;  // partial sums of a reduction over the last axis

/// The affine map of a `view` from result indices to source indices.
struct ViewMap {
  std::vector<DimId> dims;             // of the result (rank R)
  std::vector<DimId> offsets;          // per source axis (rank S)
  std::vector<int64_t> coefficients;   // S × R, row-major
  bool guarded = false;

  int result_rank() const { return static_cast<int>(dims.size()); }
  int source_rank() const { return static_cast<int>(offsets.size()); }
  int64_t at(int source_axis, int result_axis) const {
    return coefficients[static_cast<size_t>(source_axis * result_rank() + result_axis)];
  }
  int64_t& at(int source_axis, int result_axis) {
    return coefficients[static_cast<size_t>(source_axis * result_rank() + result_axis)];
  }
};

/// The result's axes by which source axis `s` moves.
std::vector<int> axes_read(const ViewMap& map, int s);
/// Axis `r` of the result is axis `s` of the source, and of no other.
bool is_same_axis(const Module& m, const ViewMap& map, const Type& source, int s, int r);
/// Each of the first `n` axes of the result is an axis of the source: what is outside of one is outside of the other.
bool keeps_axes(const Module& m, const ViewMap& map, const Type& source, int n);

/// Attr layout of `view`: ints = {R, S, guarded, coefficients…}, dims = {result dims…, offsets…}.
ViewMap view_map(const Module& m, AttrId attr);
AttrId view_attr(Module& m, const ViewMap& map);

/// Result axis r reads source axis axes[r]; −1: a new (broadcast) axis of size dims[r]. Source axes not named read 0.
ViewMap permute_map(Module& m, const Type& source, std::vector<int> axes, std::vector<DimId> dims);
/// `x` of shape [trailing…] repeated over `leading`.
ViewMap broadcast_map(Module& m, const Type& source, std::vector<DimId> leading);
bool is_identity(const Module& m, const ViewMap& map, const Type& source);
/// True when every result axis with coefficients reads one source axis with coefficient 1, offset 0, full extent:
/// a permutation plus broadcast axes. Then `axes[r]` is the source axis or −1.
bool is_permutation_broadcast(const Module& m, const ViewMap& map, const Type& source, std::vector<int>* axes);
/// outer ∘ inner, i.e. the map of view(view(x, inner), outer); nullopt when a guard would be lost.
std::optional<ViewMap> compose(Module& m, const ViewMap& outer, const ViewMap& inner);

/// How many of a call's operands are sizes.
int n_size_operands(const Module& m, const Inst& call);

/// How operands and block parameters of a region correspond: what it owns of each comes first, then values of which each
/// is an operand outside and a parameter of every block inside. The first `n_carried` of those a loop carries.
struct RegionShape {
  int own_operands = 0, own_params = 0, n_carried = 0;
};
RegionShape region_shape(const Module& m, const Inst& region);

/// What of a loop's attribute is not its number of carried values.
struct LoopOptions {
  int64_t every = 0, memory = 0;  // see `for` above
  DimId bound;                    // of the number of steps; absent: none is known
};
LoopOptions loop_options(const Module& m, AttrId attr);
AttrId loop_attr(Module& m, size_t n_carried, const LoopOptions& options);

struct MatmulRanks {
  int batch = 0, m = 0, n = 0, k = 0;
};
MatmulRanks matmul_ranks(const Module& m, AttrId attr);

}  // namespace dlc
