// Leaves: the scalars and arrays that a value is made of, in order. A scalar or an array has one leaf, a tuple has
// those of its fields. Tangents and cotangents are kept per leaf, because a tuple may hold ints, or fields that
// nothing depends on, which have none.
//
//   T             leaves            float_part(T)
//   f64[n]        f64[n]            f64[n]
//   (f64, int)    f64, int          (f64)
//   (a: f64, b: (f64, f64))  three  the same type
//   int           int               absent
#pragma once
#include <span>
#include <vector>

#include "ops/builder.h"

namespace dlc {

int n_leaves(const TypeTable& types, TypeId type);
/// The types of the leaves, in order.
std::vector<TypeId> leaf_types(const TypeTable& types, TypeId type);
bool has_float(const TypeTable& types, TypeId type);
/// The type of a tangent or cotangent of a value of `type`: its fields without those that hold no float, under the same
/// names. Absent when nothing is left.
TypeId float_part(TypeTable& types, TypeId type);
/// The number of leaves before those of field `field`.
int leaves_before(const TypeTable& types, TypeId tuple, int field);

/// One value of type `float_part(type)` from a slot per leaf of `type`; absent slots of floats become zeros.
ValueId pack(Builder& b, TypeId type, std::span<const ValueId> slots, Loc loc);
/// The inverse of pack: a slot per leaf of `type`, absent where that is not a float.
std::vector<ValueId> unpack(Builder& b, TypeId type, ValueId packed, Loc loc);
/// Every leaf of a value of `type` itself, ints and bools included.
std::vector<ValueId> leaf_values(Builder& b, ValueId value, Loc loc);

/// Numbers the leaves of all values of one function: value `v` owns slots begin(v) … begin(v) + count(v).
class LeafTable {
 public:
  LeafTable(const Module& m, const Func& f);
  size_t begin(ValueId v) const { return first_[static_cast<size_t>(v.i)]; }
  size_t count(ValueId v) const { return first_[static_cast<size_t>(v.i) + 1] - begin(v); }
  size_t size() const { return first_.back(); }

 private:
  std::vector<size_t> first_;
};

}  // namespace dlc
