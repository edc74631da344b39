// Which instructions the result of a block needs, backwards from it: what a region is given counts where its blocks read it; of an
// `if` those fields that are read; of a loop those carried values that its results, or carried values that are needed, depend on.
#pragma once
#include <algorithm>
#include <vector>

#include "ir/module.h"

namespace dlc {

class Liveness {
 public:
  Liveness(const Module& m, const Func& f) : m_(m), f_(f), live_(f.insts.size()), fields_(f.insts.size()) {}

  /// The block's result is needed, and all that it needs.
  void mark_block(const Block& block);

  bool is_live(ValueId v) const { return live_[static_cast<size_t>(v.i)]; }
  /// By field of a live loop or `if` that yields several values: whether it is needed. Empty where they are not looked at one by one.
  const std::vector<bool>& fields(ValueId region) const { return fields_[static_cast<size_t>(region.i)]; }
  size_t n_needed(ValueId region) const { return count(fields(region)); }
  /// An operand that blocks receive as a parameter: of a loop, whether it is carried and needed; else whether it is read.
  bool is_passed(ValueId v, int operand) const;

 private:
  void mark(ValueId v);                           // as a whole
  void mark_field(ValueId region, size_t k);
  std::vector<bool>& needed(ValueId region) { return fields_[static_cast<size_t>(region.i)]; }
  size_t n_fields(ValueId v) const;
  static size_t count(const std::vector<bool>& bits) { return static_cast<size_t>(std::count(bits.begin(), bits.end(), true)); }
  void mark_body(const Block& block);
  void mark_one(ValueId v);
  void mark_operands(ValueId v);
  void mark_branch(ValueId v);
  void mark_loop(ValueId v);

  const Module& m_;
  const Func& f_;
  std::vector<bool> live_;
  std::vector<std::vector<bool>> fields_;  // by value
};

}  // namespace dlc
