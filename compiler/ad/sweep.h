// What the forward and the reverse sweep share: a function being read, and for each of its values what stands for it
// in the function being built: the value itself (`primal`) and what is carried for its leaves.
//
// Value numbers are unique in a function, also across its blocks, so one table serves all of them; a block that is
// copied a second time (reverse mode recomputes branches) overwrites the entries of its first copy.
#pragma once
#include <vector>

#include "ad/activity.h"
#include "ad/carry.h"

namespace dlc {

struct Sweep {
  virtual ~Sweep() = default;
  Module& m;
  const Func& source;
  const Activity& activity;
  std::vector<ValueId> primal;   // by value of `source`
  std::vector<Carried> carried;  // by slot of activity.leaves: tangents, or cotangents

  Sweep(Module& module, const Func& f, const Activity& a)
      : m(module), source(f), activity(a), primal(f.insts.size()), carried(a.leaves.size()) {}

  ValueId& at(ValueId v) { return primal[static_cast<size_t>(v.i)]; }
  Carried* leaves(ValueId v) { return carried.data() + activity.leaves.begin(v); }
  size_t n_leaves(ValueId v) const { return activity.leaves.count(v); }
  bool depends(ValueId v, size_t leaf) const { return activity.depends[activity.leaves.begin(v) + leaf]; }
  bool has_carried(ValueId v);
  std::vector<ValueId> operands(ValueId v);
  const Op& row(ValueId v) const;
  bool is_float_value(ValueId v) const { return is_float(m.types[source[v].type].dtype); }
  /// The first slot of field `field` among the leaves of the tuple `v`.
  Carried* field_leaves(ValueId v, int field);

  /// Copies one instruction (regions included), or all of a block whose parameters are mapped already.
  void copy(Builder& b, ValueId v);
  void copy_body(Builder& b, const Block& block);
  virtual void copy_region(Builder& b, ValueId v);
  /// Forgets what is carried for the values of a block and of those inside it, which is about to be stepped through again.
  void clear(const Block& block);

  /// The values carried for some leaves as operands of a region: which leaves, and in which order.
  std::vector<size_t> present_slots(ValueId v) const;

  /// The operands of a call but for the sizes among them, and a call of `callee` with those sizes and other arguments.
  std::span<const ValueId> arguments(ValueId call) const;
  ValueId call_like(Builder& b, ValueId call, FuncId callee, std::span<const ValueId> args, Loc loc);

  /// Dependence of a call's arguments, as its callee's derivative sees it. A parameter is active when `is_active`.
  template <class IsActive>
  Wrt wrt_of_call(ValueId v, IsActive is_active) const {
    Wrt wrt;
    for (ValueId o : arguments(v)) {
      const std::vector<TypeId> types = leaf_types(m.types, source[o].type);
      bool tainted = false;
      for (size_t k = 0; k < types.size(); ++k) tainted = tainted || (!is_float(m.types[types[k]].dtype) && depends(o, k));
      wrt.active.push_back(is_active(o));
      wrt.tainted.push_back(tainted);
    }
    return wrt;
  }
};

/// How a carried value of a loop may be zero or infinite, before its body is known: bits of Carried. They only grow.
struct CarriedFlags {
  bool is_sparse = false, is_steep = false;
  bool grow(const Carried& g) {
    const CarriedFlags before = *this;
    is_sparse = is_sparse || !g || g.is_sparse, is_steep = is_steep || g.is_steep;
    return is_sparse != before.is_sparse || is_steep != before.is_steep;
  }
};

/// Appends the `if` or `map` whose finished blocks begin at `first`; `own` is the instruction it derives from and
/// `operands` are the new ones (an `if`'s condition first).
ValueId close_region(Builder& b, const Inst& own, BlockId first, std::span<const ValueId> operands, Loc loc);

}  // namespace dlc
