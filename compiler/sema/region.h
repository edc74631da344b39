// Where lowering is: the regions around what is being written, and the indices that are bound there.
#pragma once
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/module.h"

namespace dlc::sema {

/// A region being filled. Values of enclosing blocks come in as block parameters, on first use.
struct Region {
  BlockId first, second;   // second: the other block of an `if`
  bool in_second = false;
  bool guarded = false;    // under an `if`: subscripts need hold only where the branch is taken
  std::vector<DimId> facts[2];  // what its condition says is not negative: in first, in second
  bool is_on_sizes = false;     // that is all it says, and of sizes alone
  bool is_open_loop = false;  // a loop whose number of steps no size tells
  ValueId counter;         // of such a loop where random numbers may be drawn: its steps, unless its index is a size
  bool is_map = false;     // index notation: what it computes for one index cannot be seen by another
  std::vector<ValueId> captures;
  std::unordered_map<int32_t, std::pair<ValueId, ValueId>> params;  // by captured value; in first, in second
  BlockId block() const { return in_second ? second : first; }
};

/// An index variable that is bound where we are. It runs over 0 … extent − 1; a range that starts elsewhere or has a
/// step is a polynomial in it.
struct BoundIndex {
  StrId name;
  DimId extent;
  ValueId id;
  BlockId block;
};

}  // namespace dlc::sema
