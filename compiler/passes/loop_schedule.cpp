// Fuse, second half: from values with memory to steps. Values are taken in order of execution; an elementwise array
// joins an earlier nest over the same axes when everything it reads is computed before that nest, or in it at the same
// element. Sums over the same box join likewise, so that several sums of one expression evaluate it once. Scalars
// collect in runs. Nothing moves before what it reads. Memory is written once, but for what is updated in place: a store
// comes after everything that was placed before it, and nothing that reads the array as it was stands behind it (fuse.cpp).
#include "passes/loop_schedule.h"

#include <algorithm>
#include <set>
#include <utility>

#include "ops/array.h"
#include "ops/table.h"

namespace dlc {

namespace {

constexpr int kLookBack = 8;          // steps that are tried for merging
constexpr size_t kMostTargets = 12;   // of one nest: each is a stream of stores

class Scheduler {
 public:
  Scheduler(const Module& m, LoopProgram& p) : m_(m), f_(m[p.func]), p_(p) {
    made_.resize(p.leaves.size(), -1);
    home_.resize(p.leaves.size(), -1);
    seen_.resize(2 * p.leaves.size());
  }

  std::vector<Step> block(const Block& b, const std::vector<int32_t>& destinations) {
    const int outer = serial_;
    std::vector<Step> outer_steps = std::move(steps_);
    const int outer_scalars = std::exchange(last_scalars_, -1);
    serial_ = ++n_serials_;
    steps_.clear();
    for (ValueId v : b.body) place(v);
    const auto& results = p_.leaves_of[index(b.result)];
    copy_results(results, destinations);
    std::vector<Step> mine = std::move(steps_);
    steps_ = std::move(outer_steps);
    serial_ = outer;
    last_scalars_ = outer_scalars;
    return mine;
  }

 private:
  // What a block returns goes where its region wants it. A loop's step may return what another of its arrays was before:
  // then nothing is overwritten until all is read.
  void copy_results(const std::vector<int32_t>& results, const std::vector<int32_t>& destinations) {
    std::vector<Target> late;
    for (size_t k = 0; k < results.size(); ++k) {
      const int32_t to = destinations[k], from = leaf(results[k]).buffer;
      if (to < 0 || from == to) continue;
      if (from >= 0 && std::find(destinations.begin(), destinations.end(), from) != destinations.end()) {
        const Buffer copy{Buffer::Place::workspace, static_cast<int32_t>(p_.slots.size()), p_.buffers[static_cast<size_t>(to)].dtype,
                          p_.buffers[static_cast<size_t>(to)].dims};
        p_.slots.push_back({copy.dims, dtype_bytes(copy.dtype), {}});
        p_.buffers.push_back(copy);
        const auto buffer = static_cast<int32_t>(p_.buffers.size()) - 1;
        Step step;
        step.kind = Step::Kind::elements, step.axes = dims(results[k]), step.targets = {{results[k], buffer, -1}};
        append(std::move(step));
        p_.leaves.push_back({leaf(results[k]).value, leaf(results[k]).part, leaf(results[k]).type, buffer});
        late.push_back({static_cast<int32_t>(p_.leaves.size()) - 1, to, -1});
      } else {
        late.push_back({results[k], to, -1});
      }
    }
    for (const Target& t : late) {
      Step step;
      step.kind = Step::Kind::elements, step.axes = dims(t.leaf), step.targets = {t};
      append(std::move(step));
    }
  }

  struct Bound {
    int strict = -1;  // must come after this step
    int same = -1;    // may be in this step, which computes the same element
  };

  static size_t index(ValueId v) { return static_cast<size_t>(v.i); }
  const LoopLeaf& leaf(int32_t l) const { return p_.leaves[static_cast<size_t>(l)]; }
  const std::vector<DimId>& dims(int32_t l) const { return m_.types[leaf(l).type].dims; }
  int32_t only_leaf(ValueId v) const { return p_.leaves_of[index(v)][0]; }
  int made(int32_t l) const { return home_[static_cast<size_t>(l)] == serial_ ? made_[static_cast<size_t>(l)] : -1; }
  void set_made(int32_t l, int step) { made_[static_cast<size_t>(l)] = step, home_[static_cast<size_t>(l)] = serial_; }

  /// The steps that must precede an evaluation of `roots`. `moved`: at other positions than the reader's own.
  Bound bound(const std::vector<int32_t>& roots, bool moved) {
    Bound out;
    ++stamp_;
    std::vector<std::pair<int32_t, bool>> work;
    for (int32_t r : roots) work.push_back({r, moved});
    while (!work.empty()) {
      const auto [l, is_moved] = work.back();
      work.pop_back();
      size_t& seen = seen_[2 * static_cast<size_t>(l) + (is_moved ? 1 : 0)];
      if (seen == stamp_) continue;
      seen = stamp_;
      const ValueId v = leaf(l).value;
      const Inst& in = f_[v];
      if (dims(l).empty()) {
        out.strict = std::max(out.strict, made(l));
        continue;
      }
      if (leaf(l).buffer >= 0) {
        int& b = is_moved || in.op == "reshape"_op ? out.strict : out.same;
        b = std::max(b, made(l));
        continue;
      }
      for (ValueId o : f_.operands(v))
        for (int32_t read : p_.leaves_of[index(o)]) work.push_back({read, is_moved || in.op == "view"_op});
    }
    return out;
  }

  std::vector<int32_t> operand_leaves(ValueId v) const {
    std::vector<int32_t> out;
    for (ValueId o : f_.operands(v)) {
      const auto& more = p_.leaves_of[index(o)];
      out.insert(out.end(), more.begin(), more.end());
    }
    return out;
  }

  int append(Step step) {
    steps_.push_back(std::move(step));
    return static_cast<int>(steps_.size()) - 1;
  }

  int place_elements(Target target, const std::vector<DimId>& axes, const std::vector<int32_t>& reads, bool moved) {
    const Bound b = bound(reads, moved);
    const int last = static_cast<int>(steps_.size()) - 1;
    // What a loop carries is overwritten: not before everything that was placed so far has read it.
    const bool overwrites = carried_.contains(target.buffer);
    for (int s = last; !overwrites && s > b.strict && s >= b.same && s > last - kLookBack; --s) {
      Step& step = steps_[static_cast<size_t>(s)];
      if (step.kind != Step::Kind::elements || step.axes != axes) continue;
      if (!axes.empty() && step.targets.size() >= kMostTargets) continue;
      step.targets.push_back(target);
      return s;
    }
    Step step;
    step.kind = Step::Kind::elements;
    step.axes = axes;
    step.targets = {target};
    return append(std::move(step));
  }

  void place_scalar(ValueId v, int32_t l) {
    const Bound b = bound(operand_leaves(v), true);
    if (last_scalars_ < 0 || last_scalars_ < b.strict) {
      Step step;
      last_scalars_ = append(std::move(step));
    }
    steps_[static_cast<size_t>(last_scalars_)].scalars.push_back(v);
    set_made(l, last_scalars_);
  }

  void place_reduction(ValueId v, int32_t l) {
    const Inst& in = f_[v];
    Step step;
    step.kind = Step::Kind::reduce;
    step.axes = dims(l);
    step.targets = {{l, leaf(l).buffer, -1}};
    const auto& axes = m_[in.attr].ints;
    const auto& box = dims(only_leaf(f_.operand(v, 0)));
    for (int64_t axis : axes) step.reduced.push_back(box[static_cast<size_t>(axis)]);
    const Bound b = bound(operand_leaves(v), true);
    const int last = static_cast<int>(steps_.size()) - 1;
    for (int s = last; in.op == "sum"_op && s > b.strict && s > last - kLookBack; --s) {
      Step& other = steps_[static_cast<size_t>(s)];
      if (other.kind != Step::Kind::reduce || other.axes != step.axes || other.reduced != step.reduced) continue;
      const Inst& first = f_[leaf(other.targets[0].leaf).value];
      if (first.op != in.op || first.attr != in.attr || other.targets.size() >= kMostTargets) continue;
      other.targets.push_back(step.targets[0]);
      return set_made(l, s);
    }
    set_made(l, append(std::move(step)));
  }

  void place_alone(ValueId v, Step::Kind kind) {
    Step step;
    step.kind = kind;
    step.value = v;
    const Inst& in = f_[v];
    if (kind == Step::Kind::branch) {
      std::vector<int32_t> destinations;
      for (int32_t l : p_.leaves_of[index(v)]) destinations.push_back(leaf(l).buffer);
      for (int k = 0; k < in.n_blocks; ++k) step.blocks.push_back(block(f_[BlockId{in.first_block.i + k}], destinations));
    } else if (kind == Step::Kind::loop) {
      const RegionShape shape = region_shape(m_, in);
      std::vector<int32_t> destinations, first;
      for (int32_t l : p_.leaves_of[index(v)]) destinations.push_back(leaf(l).buffer);
      for (int32_t buffer : destinations) carried_.insert(buffer);
      for (int k = 0; k < shape.n_carried; ++k) first.push_back(only_leaf(f_.operand(v, shape.own_operands + k)));
      copy_results(first, destinations);
      for (int k = 0; k < in.n_blocks; ++k) {
        const Block& inner = f_[BlockId{in.first_block.i + k}];
        const bool is_body = k + 1 == in.n_blocks;
        step.blocks.push_back(block(inner, is_body ? destinations : std::vector<int32_t>(p_.leaves_of[index(inner.result)].size(), -1)));
      }
    } else if (kind == Step::Kind::store) {
      const int32_t l = only_leaf(v), x = only_leaf(f_.operand(v, 0));
      if (leaf(x).buffer != leaf(l).buffer) {
        Step copy;
        copy.kind = Step::Kind::elements, copy.axes = dims(l), copy.targets = {{x, leaf(l).buffer, -1}};
        append(std::move(copy));
      }
      step.targets = {{l, leaf(l).buffer, -1}};
      step.axes = dims(only_leaf(f_.operand(v, 1)));
    } else if (kind == Step::Kind::call) {
      if (n_size_operands(m_, in) == 0) {
        step.slot = static_cast<int32_t>(p_.slots.size());
        p_.slots.push_back({m_[in.attr].dims, 1, m_[in.attr].func});
      }
    } else {
      const int32_t l = only_leaf(v);
      step.axes = dims(l);
      step.targets = {{l, leaf(l).buffer, -1}};
    }
    const int s = append(std::move(step));
    for (int32_t l : p_.leaves_of[index(v)]) set_made(l, s);
  }

  void place(ValueId v) {
    const Inst& in = f_[v];
    if (in.op == "tuple"_op || in.op == "get"_op || in.op == "const"_op || in.op == "size"_op || in.op == "param"_op) return;
    if (in.op == "if"_op) return place_alone(v, Step::Kind::branch);
    if (in.op == "call"_op) return place_alone(v, Step::Kind::call);
    if (in.op == "for"_op || in.op == "while"_op) return place_alone(v, Step::Kind::loop);
    if (in.op == "put"_op || in.op == "add_at"_op) return place_alone(v, Step::Kind::store);
    const int32_t l = only_leaf(v);
    if (in.op == "matmul"_op) return place_alone(v, Step::Kind::matmul);
    if (in.op == "cumsum"_op) return place_alone(v, Step::Kind::cumsum);
    if (in.op == "view_adjoint"_op) return place_alone(v, Step::Kind::scatter);
    if (in.op == "sum"_op || op_row(in.op).kind == OpKind::reduction) return place_reduction(v, l);
    if (in.op == "stack"_op) {
      int last = -1;
      for (int k = 0; k < in.n_operands; ++k) {
        const int32_t from = only_leaf(f_.operand(v, k));
        last = std::max(last, place_elements({from, leaf(l).buffer, k}, dims(from), {from}, false));
      }
      return set_made(l, last);
    }
    if (dims(l).empty()) return place_scalar(v, l);
    if (in.op == "reshape"_op) return set_made(l, bound(operand_leaves(v), true).strict);
    if (leaf(l).buffer < 0) return;  // inlined
    set_made(l, place_elements({l, leaf(l).buffer, -1}, dims(l), operand_leaves(v), in.op == "view"_op || in.op == "index"_op));
  }

  const Module& m_;
  const Func& f_;
  LoopProgram& p_;
  std::vector<Step> steps_;
  std::vector<int> made_, home_;
  std::vector<size_t> seen_;
  std::set<int32_t> carried_;  // buffers of loops
  size_t stamp_ = 0;
  int serial_ = 0, n_serials_ = 0, last_scalars_ = -1;
};

}  // namespace

void schedule_loops(const Module& m, LoopProgram& program) {
  Scheduler scheduler(m, program);
  program.steps = scheduler.block(m[program.func].body(), program.output_buffer);
}

}  // namespace dlc
