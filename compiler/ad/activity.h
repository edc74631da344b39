// Activity: which values a derivative flows through, found before any is computed.
//
// A leaf *depends* on the active parameters when some path leads to it from one. For a float that means it has a
// tangent. An int or bool has none; there it means that converting it back to a float would lose a derivative
// silently, which is the error `no-derivative`. That is so for what is computed from floats, `int(x)`; a choice between ints,
// by a branch or by how many steps a loop makes, gives a constant on either side, as it does between floats, and a step's
// counter is the same number whatever x is. A leaf is *useful* when a float path leads from it to the part of the
// result that is differentiated: what is not useful (an auxiliary result, a subscript, a condition) gives no error.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ad/leaves.h"
#include "base/diagnostic.h"

namespace dlc {

/// With respect to what, and of which part of the result, a function is differentiated.
struct Wrt {
  std::vector<bool> active;   // per parameter: its floats vary
  std::vector<bool> tainted;  // per parameter: its ints and bools were computed from active values; empty: none
  int of = -1;                // the field of a tuple result that is differentiated; -1: the whole result

  Wrt() = default;
  Wrt(std::vector<bool> active_parameters, int of_field = -1) : active(std::move(active_parameters)), of(of_field) {}  // NOLINT: implicit
  bool operator==(const Wrt&) const = default;
  /// For the key of a memoised derivative: "10/00/-1".
  std::string key() const;
};

struct Activity {
  LeafTable leaves;
  std::vector<bool> depends;  // per slot of `leaves`
  std::vector<bool> useful;

  bool any_depends(ValueId v) const {
    for (size_t k = 0; k < leaves.count(v); ++k)
      if (depends[leaves.begin(v) + k]) return true;
    return false;
  }
};

/// The type of the part of `f`'s result that is differentiated.
TypeId differentiated_type(const Module& m, const Func& f, const Wrt& wrt);

/// nullopt after an error: something on the way has no derivative.
std::optional<Activity> analyse_activity(const Module& m, const Func& f, const Wrt& wrt, Diagnostics& diagnostics);

}  // namespace dlc
