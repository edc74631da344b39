// Buffers: two workspace buffers share a slot when the second is first written after the first is last read.
//
//   slot0 = %3, slot1 = %5, slot2 = %8        ──▶      slot0 = %3, %8 (%3 is dead when %8 is written); slot1 = %5
//
// Sizes may be known only when the function runs, so a slot is passed on only between buffers of equal size: the same
// dims, or both constant with the new one not larger. A step reads all its operands while it writes its targets, hence
// a buffer whose last reader is the step that writes another may not be passed on to it.
#include <algorithm>
#include <utility>
#include <optional>

#include "base/check.h"
#include "ops/table.h"
#include "passes/loop_tree.h"

namespace dlc {

namespace {

class Planner {
 public:
  Planner(const Module& m, LoopProgram& p) : m_(m), f_(m[p.func]), p_(p) {
    life_.resize(p.buffers.size());
    call_time_.resize(p.slots.size(), -1);
    seen_.resize(p.leaves.size());
  }

  void run() {
    walk(p_.steps);
    for (int32_t l : p_.outputs) read(l);
    assign();
  }

 private:
  struct Life {
    int first = -1, last = -1;
  };

  const LoopLeaf& leaf(int32_t l) const { return p_.leaves[static_cast<size_t>(l)]; }

  void touch(int32_t buffer) {
    if (buffer < 0) return;
    Life& life = life_[static_cast<size_t>(buffer)];
    if (life.first < 0) life.first = time_;
    life.last = time_;
  }

  /// Everything that evaluating leaf `l` reads is alive now. A target's own buffer does not stop the walk.
  void read(int32_t root, bool is_target = false) {
    ++stamp_;
    std::vector<int32_t> work{root};
    while (!work.empty()) {
      const int32_t l = work.back();
      work.pop_back();
      if (std::exchange(seen_[static_cast<size_t>(l)], stamp_) == stamp_) continue;
      touch(leaf(l).buffer);
      if (leaf(l).buffer >= 0 && !(is_target && l == root)) continue;
      if (m_.types[leaf(l).type].dims.empty() && l != root) continue;
      read_operands(leaf(l).value, work);
    }
  }
  void read_operands(ValueId v, std::vector<int32_t>& work) const {
    const Inst& in = f_[v];
    if (in.n_blocks != 0 || in.op == "call"_op) return;
    for (ValueId o : f_.operands(v)) {
      const auto& theirs = p_.leaves_of[static_cast<size_t>(o.i)];
      work.insert(work.end(), theirs.begin(), theirs.end());
    }
  }

  // Time advances per step, also inside branches: what both sides touch lives from the first to the last of them.
  void walk(const std::vector<Step>& steps) {
    for (const Step& s : steps) {
      ++time_;
      for (ValueId v : s.scalars) read(p_.leaves_of[static_cast<size_t>(v.i)][0]);
      for (const Target& t : s.targets) {
        touch(t.buffer);
        read(t.leaf, true);
      }
      if (s.kind == Step::Kind::call) {
        if (s.slot >= 0) call_time_[static_cast<size_t>(s.slot)] = time_;
        for (ValueId o : f_.operands(s.value))
          for (int32_t l : p_.leaves_of[static_cast<size_t>(o.i)]) read(l);
        for (int32_t l : p_.leaves_of[static_cast<size_t>(s.value.i)]) touch(leaf(l).buffer);
      }
      if (s.kind == Step::Kind::store)
        for (ValueId o : f_.operands(s.value))
          for (int32_t l : p_.leaves_of[static_cast<size_t>(o.i)]) read(l);
      if (s.kind == Step::Kind::branch) walk_branch(s);
      if (s.kind == Step::Kind::loop) walk_loop(s);
    }
  }
  void walk_branch(const Step& s) {
    const Inst& in = f_[s.value];
    for (size_t k = 0; k < s.blocks.size(); ++k) {
      walk(s.blocks[k]);
      ++time_;
      const Block& block = f_[BlockId{in.first_block.i + static_cast<int32_t>(k)}];
      for (int32_t l : p_.leaves_of[static_cast<size_t>(block.result.i)]) read(l);
      for (int32_t l : p_.leaves_of[static_cast<size_t>(s.value.i)]) touch(leaf(l).buffer);
    }
  }

  // What was written before the loop and is read in it lives to its end: the next step reads it again.
  void walk_loop(const Step& s) {
    const int begin = time_;
    const Inst& in = f_[s.value];
    const auto touch_carried = [&] {
      for (int32_t l : p_.leaves_of[static_cast<size_t>(s.value.i)]) touch(leaf(l).buffer);
    };
    touch_carried();
    for (ValueId o : f_.operands(s.value))
      for (int32_t l : p_.leaves_of[static_cast<size_t>(o.i)]) read(l);
    for (size_t k = 0; k < s.blocks.size(); ++k) {
      walk(s.blocks[k]);
      ++time_;
      const Block& block = f_[BlockId{in.first_block.i + static_cast<int32_t>(k)}];
      for (int32_t l : p_.leaves_of[static_cast<size_t>(block.result.i)]) read(l);
    }
    touch_carried();
    for (Life& life : life_)
      if (life.first >= 0 && life.first <= begin && life.last >= begin) life.last = time_;
  }

  std::optional<int64_t> constant_bytes(const Slot& s) const {
    int64_t bytes = s.element_bytes;
    for (DimId d : s.dims) {
      const auto extent = m_.types.dims.as_constant(d);
      if (!extent || __builtin_mul_overflow(bytes, *extent, &bytes)) return std::nullopt;
    }
    return bytes;
  }

  bool fits(const Slot& need, const Slot& have) const {
    if (need.callee || have.callee) return need.callee == have.callee && need.dims == have.dims;
    if (need.dims == have.dims && need.element_bytes <= have.element_bytes) return true;
    const auto a = constant_bytes(need), b = constant_bytes(have);
    return a && b && *a <= *b;
  }

  void assign() {
    struct Want {
      int first, last;
      int32_t slot;  // as fuse numbered it
    };
    std::vector<Want> wants;
    for (size_t b = 0; b < p_.buffers.size(); ++b)
      if (p_.buffers[b].place == Buffer::Place::workspace && life_[b].first >= 0)
        wants.push_back({life_[b].first, life_[b].last, p_.buffers[b].position});
    for (size_t s = 0; s < call_time_.size(); ++s)
      if (call_time_[s] >= 0) wants.push_back({call_time_[s], call_time_[s], static_cast<int32_t>(s)});
    std::stable_sort(wants.begin(), wants.end(), [](const Want& a, const Want& b) { return a.first < b.first; });

    std::vector<Slot> slots;
    std::vector<int> busy_until;
    std::vector<int32_t> renamed(p_.slots.size(), 0);
    for (const Want& w : wants) {
      const Slot& need = p_.slots[static_cast<size_t>(w.slot)];
      size_t k = 0;
      while (k < slots.size() && (busy_until[k] >= w.first || !fits(need, slots[k]))) ++k;
      if (k == slots.size()) slots.push_back(need), busy_until.push_back(0);
      busy_until[k] = w.last;
      renamed[static_cast<size_t>(w.slot)] = static_cast<int32_t>(k);
    }
    p_.slots = std::move(slots);
    for (Buffer& b : p_.buffers)
      if (b.place == Buffer::Place::workspace) b.position = renamed[static_cast<size_t>(b.position)];
    rename_calls(p_.steps, renamed);
  }

  static void rename_calls(std::vector<Step>& steps, const std::vector<int32_t>& renamed) {
    for (Step& s : steps) {
      if (s.slot >= 0) s.slot = renamed[static_cast<size_t>(s.slot)];
      for (auto& block : s.blocks) rename_calls(block, renamed);
    }
  }

  const Module& m_;
  const Func& f_;
  LoopProgram& p_;
  std::vector<Life> life_;
  std::vector<int> call_time_;
  std::vector<int> seen_;
  int time_ = 0, stamp_ = 0;
};

}  // namespace

void plan_buffers(const Module& m, LoopProgram& program) { Planner(m, program).run(); }

}  // namespace dlc
