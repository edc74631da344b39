// Fuse, first half: which values exist in memory. The second half, which loops compute them, is loop_schedule.cpp.
//
// Must have memory: inputs, results, what no single loop nest over its own elements can compute on the fly (sums,
// matrix products, running sums, stacks, scatters, results of calls and branches), and what is read by something
// that wants an array in memory (operands of matmul, call and reshape). Everything else is inlined where it is read,
// unless that would repeat real work: it is read by two loop nests, or at two positions of one, or by a nest with more
// points than it has elements, and costs more than a few operations.
//
// An array that is updated in place. The result of `put` is its operand with some elements changed; where nobody reads the
// operand afterwards both can be one piece of memory. Then the operand is given the result's buffer (`flows`), back through
// further puts, branches and loops to where the array is made. A loop carries an array in one buffer: a body that ends in
// puts on the carried array changes it in place, any other result is computed beside it and copied at the end of the step.
//
// Decided backwards, so that every reader is known: each value collects the *tag* of the nest (and of the views on
// the way) in which it would be evaluated; two different tags mean twice.
#include <algorithm>
#include <climits>
#include <unordered_map>

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
    position_.resize(n);
    home_.resize(n);
  }

  LoopProgram run() {
    make_parameters();
    make_leaves(BlockId{0});
    readers_.resize(p_.leaves.size());
    last_read_.assign(p_.leaves.size(), kNotKnown);
    note_readers(BlockId{0});
    for (int32_t leaf : p_.leaves_of[index(f_.body().result)]) {
      p_.outputs.push_back(leaf);
      const int32_t position = static_cast<int32_t>(p_.outputs.size()) - 1;
      const bool is_array = !type_of(leaf).dims.empty();
      p_.output_buffer.push_back(is_array ? add_buffer(Buffer::Place::output, position, leaf) : -1);
    }
    give_destinations(BlockId{0}, p_.output_buffer);
    decide_block(BlockId{0});
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
  void make_leaves(BlockId id) {
    const Block& block = f_[id];
    int position = 0;
    for (ValueId v : block.params) home_[index(v)] = id, position_[index(v)] = -1;
    for (ValueId v : block.body) {
      home_[index(v)] = id, position_[index(v)] = position++;
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
        const BlockId block_id{in.first_block.i + k};
        const auto& params = f_[block_id].params;
        const RegionShape shape = region_shape(m_, in);
        for (int a = 0; a < static_cast<int>(params.size()); ++a) {
          const ValueId param = params[static_cast<size_t>(a)];
          if (a < shape.own_params + shape.n_carried) add_leaves(param, f_[param].type);
          else p_.leaves_of[index(param)] = p_.leaves_of[index(operands[static_cast<size_t>(a - shape.own_params + shape.own_operands)])];
        }
        make_leaves(block_id);
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
  void give_destinations(BlockId id, const std::vector<int32_t>& destinations) {
    const Block& block = f_[id];
    const auto& results = p_.leaves_of[index(block.result)];
    for (size_t k = 0; k < results.size(); ++k) {
      if (destinations[k] < 0) continue;
      int32_t leaf = results[k];
      ValueId v = p_.leaves[static_cast<size_t>(leaf)].value;
      while (f_[v].op == "reshape"_op && p_.leaves_of[index(f_.operand(v, 0))].size() == 1) {
        leaf = p_.leaves_of[index(f_.operand(v, 0))][0];
        v = p_.leaves[static_cast<size_t>(leaf)].value;
      }
      if (type_of(leaf).dims.empty() || !flows(leaf, destinations[k], id)) note_leaf(results[k], tag_of(f_.body().result, k), false);
    }
  }

  // ---- which values share memory

  static constexpr int kNotKnown = -2;

  /// Evaluated where it is read, so that its operands are read there too.
  bool is_lazy(ValueId v) const {
    return m_.types[f_[v].type].rank() > 0 && (is_inlinable(f_[v].op) || f_[v].op == "reshape"_op);
  }

  void note_readers(BlockId id) {
    for (ValueId v : f_[id].body) {
      const Inst& in = f_[v];
      if (in.op == "tuple"_op || in.op == "get"_op) continue;
      for (ValueId o : f_.operands(v))
        for (int32_t l : p_.leaves_of[index(o)]) readers_[static_cast<size_t>(l)].push_back(v);
      for (int k = 0; k < in.n_blocks; ++k) note_readers(BlockId{in.first_block.i + k});
    }
    for (int32_t l : p_.leaves_of[index(f_[id].result)]) results_.emplace_back(l, id);
  }

  /// Where in block `id` the leaf is read last; INT_MAX: it is the block's result. `except` does not count.
  int last_read(int32_t l, BlockId id, ValueId except = {}) {
    if (!except && last_read_[static_cast<size_t>(l)] != kNotKnown && last_home_[l] == id) return last_read_[static_cast<size_t>(l)];
    int last = -1;
    for (ValueId v : readers_[static_cast<size_t>(l)]) {
      if (v == except || home_[index(v)] != id) continue;
      last = std::max(last, is_lazy(v) ? last_read(p_.leaves_of[index(v)][0], id) : position_[index(v)]);
    }
    if (std::find(results_.begin(), results_.end(), std::pair(l, id)) != results_.end()) last = INT_MAX;
    if (!except) last_read_[static_cast<size_t>(l)] = last, last_home_[l] = id;
    return last;
  }

  /// Leaf `l`, an operand of `v`, is not needed after `v` and by nothing else of it.
  bool dies_in(int32_t l, ValueId v) {
    int uses = 0;
    for (ValueId o : f_.operands(v))
      uses += static_cast<int>(std::count(p_.leaves_of[index(o)].begin(), p_.leaves_of[index(o)].end(), l));
    return uses == 1 && last_read(l, home_[index(v)], v) < position_[index(v)];
  }

  int32_t carried_in(ValueId loop, int32_t part) const {
    return p_.leaves_of[index(f_.operand(loop, region_shape(m_, f_[loop]).own_operands + part))][0];
  }

  /// The leaf whose memory `l` of block `id` can take over: back along puts, branches and loops. Itself, if there is none.
  int32_t origin(int32_t l, BlockId id) {
    const ValueId v = p_.leaves[static_cast<size_t>(l)].value;
    const int32_t part = p_.leaves[static_cast<size_t>(l)].part;
    if (home_[index(v)] != id || f_[v].op == "param"_op) return l;
    int32_t before = -1;
    if (f_[v].op == "put"_op || f_[v].op == "add_at"_op) before = p_.leaves_of[index(f_.operand(v, 0))][0];
    else if (f_[v].op == "for"_op || f_[v].op == "while"_op) before = carried_in(v, part);
    else if (f_[v].op == "if"_op) before = common_origin(v, part);
    return before >= 0 && dies_in(before, v) ? origin(before, id) : l;
  }
  int32_t common_origin(ValueId branch, int32_t part) {
    int32_t from[2];
    for (int side = 0; side < 2; ++side) {
      const BlockId id{f_[branch].first_block.i + side};
      from[side] = origin(p_.leaves_of[index(f_[id].result)][static_cast<size_t>(part)], id);
      const ValueId v = p_.leaves[static_cast<size_t>(from[side])].value;
      if (home_[index(v)] == id && f_[v].op != "param"_op) return -1;
    }
    return from[0] == from[1] ? from[0] : -1;
  }

  /// Computes leaf `l` of block `id` in `to`, and what it can take over the memory of. False: it has another place already.
  bool flows(int32_t l, int32_t to, BlockId id) {
    const ValueId v = p_.leaves[static_cast<size_t>(l)].value;
    const OpId op = f_[v].op;
    if (buffer(l) >= 0) return buffer(l) == to;
    if (home_[index(v)] != id || !is_compute(op)) return false;
    set_buffer(l, to);
    const int32_t part = p_.leaves[static_cast<size_t>(l)].part;
    int32_t before = -1;
    if (op == "put"_op || op == "add_at"_op) before = p_.leaves_of[index(f_.operand(v, 0))][0];
    if (op == "for"_op || op == "while"_op) before = carried_in(v, part);
    if (op == "if"_op) before = common_origin(v, part);
    if (before >= 0 && dies_in(before, v)) flows(before, to, id);
    return true;
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
  void decide_block(BlockId id) {
    const auto& body = f_[id].body;
    for (auto it = body.rbegin(); it != body.rend(); ++it) decide(*it);
  }

  void decide(ValueId v) {
    const Inst& in = f_[v];
    Uses& u = uses_[index(v)];
    const bool is_scalar = m_.types[in.type].dims.empty();
    if (in.op == "tuple"_op || in.op == "get"_op) return;
    if (in.op == "if"_op) return decide_if(v);
    if (in.op == "for"_op || in.op == "while"_op) return decide_loop(v);
    if (in.op == "put"_op || in.op == "add_at"_op) return decide_store(v);
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
    if (in.op == "index"_op) note_subscripted(f_.operand(v, 0));
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

  /// Subscripts are looked up in memory: in the source's, through a view of what is there anyway. A guarded one may leave the
  /// source where the subscripts do, or with an axis that it picks.
  void note_subscripted(ValueId x) {
    const Inst& in = f_[x];
    const ValueId source = in.op == "view"_op ? f_.operand(x, 0) : ValueId{};
    bool is_there = source && m_.types[f_[source].type].rank() > 0 && !is_inlinable(f_[source].op) && f_[source].op != "reshape"_op;
    if (is_there) {
      const ViewMap map = view_map(m_, in.attr);
      is_there = !map.guarded || keeps_axes(m_, map, m_.types[f_[source].type], map.result_rank());
    }
    need_memory_unless_scalar(is_there ? source : x);
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
      const BlockId inner{in.first_block.i + k};
      give_destinations(inner, destinations);
      decide_block(inner);
    }
  }

  // The array keeps its place where that can be; else it is copied first. What is stored is ready before: it may be
  // computed from the array.
  void decide_store(ValueId v) {
    const Inst in = f_[v];
    const int32_t l = p_.leaves_of[index(v)][0], x = p_.leaves_of[index(f_.operand(v, 0))][0];
    if (buffer(l) < 0) {
      own_memory(v);
      if (dies_in(x, v)) flows(x, buffer(l), home_[index(v)]);
    }
    if (buffer(x) != buffer(l)) note(f_.operand(v, 0), tag_of(v), false);
    for (int k = 1; k < in.n_operands; ++k) {
      need_memory_unless_scalar(f_.operand(v, k));
      note(f_.operand(v, k), tag_of(v, static_cast<size_t>(k)), false);
    }
  }

  void decide_loop(ValueId v) {
    const Inst in = f_[v];
    const RegionShape shape = region_shape(m_, in);
    const auto& mine = p_.leaves_of[index(v)];
    for (int k = 0; k < shape.n_carried; ++k) {
      const int32_t l = mine[static_cast<size_t>(k)];
      if (type_of(l).dims.empty()) continue;
      if (buffer(l) < 0) {
        add_workspace(l);
        const int32_t first = carried_in(v, k);
        if (dies_in(first, v)) flows(first, buffer(l), home_[index(v)]);
      }
      for (int block = 0; block < in.n_blocks; ++block) {
        const ValueId param = f_[BlockId{in.first_block.i + block}].params[static_cast<size_t>(shape.own_params + k)];
        set_buffer(p_.leaves_of[index(param)][0], buffer(l));
      }
    }
    for (int block = in.n_blocks; block-- > 0;) {
      const BlockId inner{in.first_block.i + block};
      if (block + 1 == in.n_blocks) give_carried(v, inner);
      else note(f_[inner].result, tag_of(f_[inner].result), false);
      decide_block(inner);
    }
    for (int k = 0; k < in.n_operands; ++k) {
      const bool is_carried = k >= shape.own_operands && k < shape.own_operands + shape.n_carried;
      if (is_carried) note(f_.operand(v, k), tag_of(v, static_cast<size_t>(k)), false);
      else if (k >= shape.own_operands)  // evaluated in every step, unless it is in memory
        for (int32_t l : p_.leaves_of[index(f_.operand(v, k))]) uses_[index(p_.leaves[static_cast<size_t>(l)].value)].expanded = true;
    }
  }

  /// Computed element by element, each from the same element of `own` (and of others), which nothing reads afterwards.
  bool is_update_of(int32_t l, int32_t own, BlockId body) {
    const ValueId v = p_.leaves[static_cast<size_t>(l)].value;
    if (home_[index(v)] != body || buffer(l) >= 0 || op_row(f_[v].op).kind != OpKind::elementwise) return false;
    // What v evaluates where it is: through elementwise values that nothing else reads.
    std::vector<ValueId> tree{v}, work{v};
    while (!work.empty()) {
      const ValueId at = work.back();
      work.pop_back();
      for (ValueId o : f_.operands(at)) {
        const int32_t leaf = p_.leaves_of[index(o)][0];
        if (leaf == own || type_of(leaf).dims.empty()) continue;
        if (home_[index(o)] != body || op_row(f_[o].op).kind != OpKind::elementwise || readers_[static_cast<size_t>(leaf)].size() != 1) continue;
        tree.push_back(o), work.push_back(o);
      }
    }
    for (ValueId reader : readers_[static_cast<size_t>(own)]) {
      if (home_[index(reader)] != body) continue;
      if (std::find(tree.begin(), tree.end(), reader) != tree.end()) continue;
      if (is_lazy(reader) ? last_read(p_.leaves_of[index(reader)][0], body) >= position_[index(v)] : position_[index(reader)] >= position_[index(v)]) return false;
    }
    return std::find(results_.begin(), results_.end(), std::pair(own, body)) == results_.end();
  }

  // In place where the body's result is the carried array with elements changed, else beside it: what it is computed from
  // may be the carried array, or another one that this step changes too.
  void give_carried(ValueId loop, BlockId body) {
    const RegionShape shape = region_shape(m_, f_[loop]);
    const auto& results = p_.leaves_of[index(f_[body].result)];
    for (int k = 0; k < shape.n_carried; ++k) {
      const int32_t l = results[static_cast<size_t>(k)];
      const int32_t own = p_.leaves_of[index(f_[body].params[static_cast<size_t>(shape.own_params + k)])][0];
      if (type_of(l).dims.empty() || l == own) continue;
      if (origin(l, body) == own && flows(l, buffer(own), body)) continue;
      if (is_update_of(l, own, body)) {
        set_buffer(l, buffer(own));
        continue;
      }
      const ValueId v = p_.leaves[static_cast<size_t>(l)].value;
      uses_[index(v)].stored = true;
      note_leaf(l, tag_of(v), false);
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
  std::vector<int> position_;                        // by value: in its block; −1 for parameters
  std::vector<BlockId> home_;                        // by value
  std::vector<std::vector<ValueId>> readers_;        // by leaf
  std::vector<std::pair<int32_t, BlockId>> results_; // leaves that blocks return
  std::vector<int> last_read_;                       // by leaf, in last_home_
  std::unordered_map<int32_t, BlockId> last_home_;
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
