// Where the arrays that loops update (ad/undo.h) are, on the way back through a step.
//
// The steps before want such an array as it was before this one. So where a step makes it again, since something reads it (the
// condition of a later `if`, the sine of what an `if` stored), the way back begins with what was made and undoes it, update by
// update: a loop is given the array as it was after it and gives it back as it was before; an `if` is given it, and gives it back,
// as it was before; in the end it is as it was before the step. Nobody needs two of these at a time, so one piece of memory is enough
// (passes/fuse.cpp). Where nothing reads what a step makes of it, it is undone at once, and dce drops what would make it again.
#pragma once
#include <map>
#include <utility>

#include "ad/undo.h"

namespace dlc {

/// An array that a block makes, by updates alone, of one that it is given; and where the way back through the block is.
struct Trail {
  struct State {             // a value of the block that is this array, after its first `n` updates
    ValueId value;
    size_t n;
  };
  struct Passage {           // an `if` on its way: the operand and the result; its updates: those of one side, then of the other
    ValueId branch;
    int operand;
    FieldPath path;
    size_t first, second, end;
  };
  std::span<const Store> stores;           // the updates that the block makes
  std::vector<std::vector<ValueId>> kept;  // of each, what undoes it
  std::vector<State> states;               // the last one first
  std::vector<Passage> passages;
  ValueId array;                           // absent: it is as the block was given it
  size_t n = 0;                            // after how many updates `array` is
  size_t begun = 0;                        // and was, where the way back met it first

  /// The way back of some updates, given the array as it is after them, ends with it as it was before: after `before`.
  void come_back(ValueId x, size_t before, size_t after);
};

/// An array that goes through an `if` which updates it.
struct Through {
  size_t trail;  // of the block around it
  Trail::Passage at;
  ValueId arrays[2];
  bool is_changed = false;
};

class Trails {
 public:
  /// `made`: by value of `source`, what stands for it in the function that is built.
  Trails(Module& m, const Func& source, Undo& undo, std::vector<ValueId>& made);

  /// A block whose values are made again is read from right to left: what this part of its result is, by `stores`, is a trail.
  Trail trail(const Block& block, FieldPath path, std::span<const Store> stores) const;
  void enter(BlockId block, std::vector<Trail> trails);
  void leave(BlockId block);
  /// Of the block that is read: its trail as it was before the block; absent: nobody has changed it.
  ValueId at_begin(Builder& b, size_t trail, Loc loc) { return wind_back(b, open_.back()[trail], 0, loc); }

  /// What computes its values again, of trails of the block, is given these as they are where it stands.
  void hand_over(Builder& b, ValueId v);
  /// What carried value `part` of a loop is after it.
  ValueId last_of(Builder& b, ValueId loop, size_t part, ValueId recomputed, Loc loc);
  /// And was before it.
  void before_loop(ValueId loop, size_t part, ValueId x);

  std::vector<Through> through(ValueId branch) const;
  /// What undoes the updates of an `if`: its operands, behind all others.
  std::vector<ValueId> kept(std::span<const Through> through) const;
  void enter_side(Builder& nested, ValueId branch, int32_t side, std::span<const Through> through, Loc loc);
  void leave_side(Builder& nested, ValueId branch, int32_t side, std::span<Through> through, Loc loc);
  void before_branch(const Through& t, ValueId x) { open_.back()[t.trail].come_back(x, t.at.first, t.at.first); }

  /// Whether a step, which is finished, has to be made once more: of the trails left since there were `n_left`, one has to begin
  /// with what is read in `step`, and did not.
  size_t n_left() const { return left_.size(); }
  bool begin_elsewhere(const Func& f, BlockId step, size_t n_left);

 private:
  ValueId& at(ValueId v) { return made_[static_cast<size_t>(v.i)]; }
  bool stands_in(ValueId inst, BlockId block) const;
  /// The array after its first `n` updates; absent: it is not at hand, or as it was before them.
  ValueId wind_back(Builder& b, Trail& trail, size_t n, Loc loc);
  /// The trail in which carried value `part` of a loop is an update, and which.
  std::pair<Trail*, size_t> trail_of(ValueId loop, size_t part);

  Module& m_;
  const Func& source_;
  Undo& undo_;
  std::vector<ValueId>& made_;
  std::vector<BlockId> home_;   // by value: its block
  std::vector<ValueId> owner_;  // by block: the region that it is of
  std::vector<std::vector<Trail>> open_;  // of the blocks that are read, one within the other
  std::map<std::pair<int32_t, size_t>, ValueId> begin_at_;  // by block and trail: with which value a trail begins
  struct Left {
    BlockId block;
    size_t trail, begun;
    std::vector<Trail::State> states;
  };
  std::vector<Left> left_;
};

}  // namespace dlc
