// Which instructions the result of a block needs, backwards from it: what a region is given counts where its blocks read it, and
// of a loop those carried values that its results, or carried values that are needed, depend on.
#pragma once
#include <algorithm>
#include <vector>

#include "ir/module.h"

namespace dlc {

class Liveness {
 public:
  Liveness(const Module& m, const Func& f) : m_(m), f_(f), live_(f.insts.size()), carried_(f.insts.size()) {}

  /// The block's result is needed, and all that it needs.
  void mark_block(const Block& block);

  bool is_live(ValueId v) const { return live_[static_cast<size_t>(v.i)]; }
  /// By carried value of a live loop: whether it is needed.
  const std::vector<bool>& carried(ValueId loop) const { return carried_[static_cast<size_t>(loop.i)]; }
  size_t n_carried(ValueId loop) const { return count(carried(loop)); }
  /// An operand that blocks receive as a parameter: of a loop, whether it is carried and needed; else whether it is read.
  bool is_passed(ValueId v, int operand) const;

 private:
  void mark(ValueId v) { live_[static_cast<size_t>(v.i)] = true; }
  std::vector<bool>& needed(ValueId loop) { return carried_[static_cast<size_t>(loop.i)]; }
  static size_t count(const std::vector<bool>& bits) { return static_cast<size_t>(std::count(bits.begin(), bits.end(), true)); }
  void mark_body(const Block& block);
  void mark_one(ValueId v);
  void mark_operands(ValueId v);
  void mark_loop(ValueId v);
  void mark_operand_of(ValueId tuple, size_t k);

  const Module& m_;
  const Func& f_;
  std::vector<bool> live_;
  std::vector<std::vector<bool>> carried_;  // by value, of loops only
};

}  // namespace dlc
