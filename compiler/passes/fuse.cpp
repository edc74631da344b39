// Fuse, first half: which values exist in memory. The second half, which loops compute them, is loop_schedule.cpp.
//
// Must have memory: inputs, results, what no single loop nest over its own elements can compute on the fly (sums,
// matrix products, running sums, stacks, scatters, results of calls and branches), and what is read by something
// that wants an array in memory (operands of matmul, call and reshape). Everything else is inlined where it is read,
// unless that would repeat real work: it is read by two loop nests, or at two positions of one, or by a nest with more
// points than it has elements, and costs more than a few operations.
//
// Decided backwards, so that every reader is known: each value collects the *tag* of the nest (and of the views on
// the way) in which it would be evaluated; two different tags mean twice.
#include <algorithm>

#include "base/check.h"
#include "ops/array.h"
#include "ops/table.h"
#include "passes/loop_schedule.h"
#include "passes/loop_tree.h"

namespace dlc {

namespace {

constexpr int64_t kCheap = 4;       // operations that may be repeated rather than stored
constexpr int64_t kLargest = 600;   // a nest's body past this is cut, or it would not fit in registers nor compile fast

int64_t row_cost(const Op& row) {
  if (row.emit.inst != nullptr) return std::string_view(row.emit.inst) == "fdiv" ? 4 : 1;
  if (row.emit.intrinsic != nullptr) return 3;
  return 20;
}

class Decider {
 public:
  Decider(const Module& m, FuncId id) : m_(m), f_(m[id]) {
    p_.func = id;
    const size_t n = f_.insts.size();
    p_.leaves_of.resize(n);
    cost_.resize(n);
    uses_.resize(n);
  }

  LoopProgram run() {
    make_parameters();
    make_leaves(f_.body());
    for (int32_t leaf : p_.leaves_of[index(f_.body().result)]) {
      p_.outputs.push_back(leaf);
      const int32_t position = static_cast<int32_t>(p_.outputs.size()) - 1;
      const bool is_array = !type_of(leaf).dims.empty();
      p_.output_buffer.push_back(is_array ? add_buffer(Buffer::Place::output, position, leaf) : -1);
    }
    give_destinations(f_.body(), p_.output_buffer);
    decide_block(f_.body());
    return std::move(p_);
  }

 private:
  struct Uses {
    uint64_t tag = 0;       // 0: none yet
    bool several = false;   // evaluated in two places
    bool expanded = false;  // evaluated more often than it has elements
    bool stored = false;    // needs a buffer
  };

  static size_t index(ValueId v) { return static_cast<size_t>(v.i); }
  const Type& type_of(int32_t leaf) const { return m_.types[p_.leaves[static_cast<size_t>(leaf)].type]; }

  int32_t add_leaf(ValueId v, int part, TypeId type) {
    p_.leaves.push_back({v, part, type, -1});
    return static_cast<int32_t>(p_.leaves.size()) - 1;
  }
  int32_t add_buffer(Buffer::Place place, int32_t position, int32_t leaf) {
    p_.buffers.push_back({place, position, type_of(leaf).dtype, type_of(leaf).dims});
    return static_cast<int32_t>(p_.buffers.size()) - 1;
  }
  void add_workspace(int32_t leaf) {
    const Type& t = type_of(leaf);
    p_.slots.push_back({t.dims, dtype_bytes(t.dtype), {}});
    set_buffer(leaf, add_buffer(Buffer::Place::workspace, static_cast<int32_t>(p_.slots.size()) - 1, leaf));
  }
  void set_buffer(int32_t leaf, int32_t buffer) { p_.leaves[static_cast<size_t>(leaf)].buffer = buffer; }
  int32_t buffer(int32_t leaf) const { return p_.leaves[static_cast<size_t>(leaf)].buffer; }

  void add_leaves(ValueId v, TypeId type) {
    const Type& t = m_.types[type];
    if (t.is_tuple()) {
      for (const Field& field : t.fields) add_leaves(v, field.type);
      return;
    }
    std::vector<int32_t>& mine = p_.leaves_of[index(v)];
    mine.push_back(add_leaf(v, static_cast<int>(mine.size()), type));
  }

  size_t leaf_count(TypeId type) const {
    const Type& t = m_.types[type];
    if (!t.is_tuple()) return 1;
    size_t n = 0;
    for (const Field& field : t.fields) n += leaf_count(field.type);
    return n;
  }

  void make_parameters() {
    for (ValueId v : f_.body().params) {
      add_leaves(v, f_[v].type);
      for (int32_t leaf : p_.leaves_of[index(v)]) {
        p_.inputs.push_back(leaf);
        if (!type_of(leaf).dims.empty())
          set_buffer(leaf, add_buffer(Buffer::Place::input, static_cast<int32_t>(p_.inputs.size()) - 1, leaf));
      }
    }
  }

  // Leaves and costs, forwards.
  void make_leaves(const Block& block) {
    for (ValueId v : block.body) {
      const Inst& in = f_[v];
      const auto operands = f_.operands(v);
      std::vector<int32_t>& mine = p_.leaves_of[index(v)];
      if (in.op == "tuple"_op) {
        for (ValueId o : operands) {
          const auto& theirs = p_.leaves_of[index(o)];
          mine.insert(mine.end(), theirs.begin(), theirs.end());
        }
      } else if (in.op == "get"_op) {
        const Type& t = m_.types[f_[operands[0]].type];
        const auto field = static_cast<size_t>(m_[in.attr].ints[0]);
        size_t first = 0;
        for (size_t k = 0; k < field; ++k) first += leaf_count(t.fields[k].type);
        const auto& theirs = p_.leaves_of[index(operands[0])];
        const auto begin = theirs.begin() + static_cast<ptrdiff_t>(first);
        mine.assign(begin, begin + static_cast<ptrdiff_t>(leaf_count(t.fields[field].type)));
      } else {
        add_leaves(v, in.type);
      }
      for (int k = 0; k < in.n_blocks; ++k) {
        const Block& inner = f_[BlockId{in.first_block.i + k}];
        for (size_t a = 0; a < inner.params.size(); ++a)
          p_.leaves_of[index(inner.params[a])] = p_.leaves_of[index(operands[a + 1])];
        make_leaves(inner);
      }
      int64_t cost = op_row(in.op).kind == OpKind::elementwise ? row_cost(op_row(in.op)) : 1;
      if (is_inlinable(in.op) && m_.types[in.type].rank() > 0)
        for (ValueId o : operands) cost = std::min(cost + cost_[index(o)], 2 * kLargest);
      cost_[index(v)] = cost;
      if (cost > kLargest) uses_[index(v)].stored = true, cost_[index(v)] = 1;
    }
  }

  static bool is_inlinable(OpId op) {
    return op_row(op).kind == OpKind::elementwise || op == "view"_op || op == "iota"_op || op == "batch_sum"_op;
  }
  static bool is_compute(OpId op) { return op != "param"_op && op != "reshape"_op && op != "tuple"_op && op != "get"_op; }

  // The results of a block go to `destinations` (buffers; −1 for scalars). Where the value is computed in this very
  // block and has no other home, it is computed there; otherwise a copy is scheduled at the end of the block.
  void give_destinations(const Block& block, const std::vector<int32_t>& destinations) {
    const auto& results = p_.leaves_of[index(block.result)];
    for (size_t k = 0; k < results.size(); ++k) {
      if (destinations[k] < 0) continue;
      int32_t leaf = results[k];
      ValueId v = p_.leaves[static_cast<size_t>(leaf)].value;
      while (f_[v].op == "reshape"_op && p_.leaves_of[index(f_.operand(v, 0))].size() == 1) {
        leaf = p_.leaves_of[index(f_.operand(v, 0))][0];
        v = p_.leaves[static_cast<size_t>(leaf)].value;
      }
      const bool made_here = std::find(block.body.begin(), block.body.end(), v) != block.body.end();
      if (made_here && is_compute(f_[v].op) && buffer(leaf) < 0 && !type_of(leaf).dims.empty()) {
        set_buffer(leaf, destinations[k]);
      } else {
        note_leaf(results[k], tag_of(f_.body().result, k), false);
      }
    }
  }

  static uint64_t mix(uint64_t a, uint64_t b) { return (a ^ (b + 0x9E3779B97F4A7C15ull + (a << 6) + (a >> 2))) * 0xBF58476D1CE4E5B9ull | 1; }
  static uint64_t tag_of(ValueId root, size_t k = 0) { return mix(static_cast<uint64_t>(root.i) + 1, k); }

  void note_leaf(int32_t leaf, uint64_t tag, bool expanded) {
    Uses& u = uses_[index(p_.leaves[static_cast<size_t>(leaf)].value)];
    if (u.tag != 0 && u.tag != tag) u.several = true;
    u.tag = tag;
    u.expanded = u.expanded || expanded;
  }
  void note(ValueId v, uint64_t tag, bool expanded) {
    for (int32_t leaf : p_.leaves_of[index(v)]) note_leaf(leaf, tag, expanded);
  }
  void need_memory(ValueId v) {
    for (int32_t leaf : p_.leaves_of[index(v)]) {
      const ValueId owner = p_.leaves[static_cast<size_t>(leaf)].value;
      uses_[index(owner)].stored = true;
      note_leaf(leaf, tag_of(owner), false);
    }
  }

  /// True when a view's result has an axis along which its source stays put.
  bool expands(const Inst& in) const {
    const ViewMap map = view_map(m_, in.attr);
    for (int r = 0; r < map.result_rank(); ++r) {
      bool read = m_.types.dims.as_constant(map.dims[static_cast<size_t>(r)]) == 1;
      for (int s = 0; s < map.source_rank(); ++s) read = read || map.at(s, r) != 0;
      if (!read) return true;
    }
    return false;
  }

  /// A matrix product reads its operand through one unguarded view, when every group of axes is a single axis.
  void note_matmul_operand(ValueId v, std::initializer_list<int> groups, bool last_must_be_contiguous) {
    const Inst& in = f_[v];
    if (in.op == "view"_op) {
      const ViewMap map = view_map(m_, in.attr);
      bool readable = !map.guarded && std::all_of(groups.begin(), groups.end(), [](int n) { return n <= 1; });
      const int last = map.result_rank() - 1;
      if (last_must_be_contiguous && last >= 0)
        for (int s = 0; s < map.source_rank(); ++s)
          readable = readable && map.at(s, last) == (s + 1 == map.source_rank() ? 1 : 0);
      if (readable && m_.types[f_[f_.operand(v, 0)].type].rank() > 0) {
        note(v, tag_of(v), false);
        need_memory(f_.operand(v, 0));
        return;
      }
    }
    need_memory(v);
  }

  // Backwards: decides v, then tells its operands how they are read.
  void decide_block(const Block& block) {
    for (auto it = block.body.rbegin(); it != block.body.rend(); ++it) decide(*it);
  }

  void decide(ValueId v) {
    const Inst& in = f_[v];
    Uses& u = uses_[index(v)];
    const bool is_scalar = m_.types[in.type].dims.empty();
    if (in.op == "tuple"_op || in.op == "get"_op) return;
    if (in.op == "if"_op) return decide_if(v);
    if (in.op == "call"_op) {
      own_memory(v);
      for (ValueId o : f_.operands(v)) need_memory_unless_scalar(o);
      return;
    }
    if (in.op == "reshape"_op) return decide_reshape(v);
    if (!is_inlinable(in.op)) {
      own_memory(v);
    } else if (!is_scalar && buffer(p_.leaves_of[index(v)][0]) < 0) {
      const bool repeated = (u.several || u.expanded) && cost_[index(v)] > kCheap;
      const bool free_view = in.op == "view"_op || in.op == "iota"_op;
      if (u.stored || (repeated && !free_view)) own_memory(v);
    }
    tell_operands(v, is_scalar);
  }

  void tell_operands(ValueId v, bool is_scalar) {
    const Inst& in = f_[v];
    const Uses u = uses_[index(v)];
    const bool is_root = is_scalar || !is_inlinable(in.op) || buffer(p_.leaves_of[index(v)][0]) >= 0;
    uint64_t tag = is_root ? tag_of(v) : u.tag;
    bool expanded = !is_root && u.expanded;
    if (in.op == "matmul"_op) {
      const MatmulRanks r = matmul_ranks(m_, in.attr);
      note_matmul_operand(f_.operand(v, 0), {r.batch, r.m, r.k}, false);
      note_matmul_operand(f_.operand(v, 1), {r.batch, r.k, r.n}, r.n > 0);
      return;
    }
    if (in.op == "view"_op) {
      tag = mix(tag, static_cast<uint64_t>(v.i));
      expanded = expanded || expands(in);
    }
    for (ValueId o : f_.operands(v)) {
      note(o, tag, expanded);
      if (!is_root && u.several)
        for (int32_t leaf : p_.leaves_of[index(o)]) uses_[index(p_.leaves[static_cast<size_t>(leaf)].value)].several = true;
    }
  }

  void need_memory_unless_scalar(ValueId v) {
    for (int32_t leaf : p_.leaves_of[index(v)])
      if (!type_of(leaf).dims.empty()) uses_[index(p_.leaves[static_cast<size_t>(leaf)].value)].stored = true;
  }

  void own_memory(ValueId v) {
    for (int32_t leaf : p_.leaves_of[index(v)])
      if (!type_of(leaf).dims.empty() && buffer(leaf) < 0) add_workspace(leaf);
  }

  void decide_if(ValueId v) {
    own_memory(v);
    const Inst in = f_[v];
    std::vector<int32_t> destinations;
    for (int32_t leaf : p_.leaves_of[index(v)]) destinations.push_back(buffer(leaf));
    for (int k = 0; k < in.n_blocks; ++k) {
      const Block& inner = f_[BlockId{in.first_block.i + k}];
      give_destinations(inner, destinations);
      decide_block(inner);
    }
  }

  // The reshape of a scalar needs no memory; any other is read from the memory of its operand.
  void decide_reshape(ValueId v) {
    const ValueId o = f_.operand(v, 0);
    if (m_.types[f_[o].type].rank() == 0) return;
    need_memory(o);
    reshapes_.push_back(v);
  }

 public:
  /// Once all operands are placed, forwards: a reshape takes its operand's buffer.
  void place_reshapes(LoopProgram& p) const {
    for (auto it = reshapes_.rbegin(); it != reshapes_.rend(); ++it) {
      if (m_.types[f_[*it].type].rank() == 0) continue;
      const int32_t from = p.leaves_of[index(f_.operand(*it, 0))][0];
      p.leaves[static_cast<size_t>(p.leaves_of[index(*it)][0])].buffer = p.leaves[static_cast<size_t>(from)].buffer;
    }
  }

 private:
  const Module& m_;
  const Func& f_;
  LoopProgram p_;
  std::vector<int64_t> cost_;
  std::vector<Uses> uses_;
  std::vector<ValueId> reshapes_;
};

}  // namespace

LoopProgram fuse(const Module& m, FuncId f) {
  Decider decider(m, f);
  LoopProgram program = decider.run();
  decider.place_reshapes(program);
  schedule_loops(m, program);
  return program;
}

}  // namespace dlc
