// Counting instructions and bytes on the IR.
#include "pipeline/function_cost.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "ops/table.h"

namespace dlc {
namespace {

class Counter {
 public:
  explicit Counter(const Module& m) : m_(m) {}

  OpCounts run(FuncId f) {
    std::vector<FuncId> open{f};
    for (std::set<FuncId> seen{f}; !open.empty();) {
      const FuncId next = open.back();
      open.pop_back();
      for (const Block& block : m_[next].blocks)
        for (ValueId v : block.body) {
          const Inst& in = m_[next][v];
          count(in);
          if (in.op == "call"_op && seen.insert(m_[in.attr].func).second) open.push_back(m_[in.attr].func);
        }
    }
    counts_.by_name.assign(by_name_.begin(), by_name_.end());
    std::stable_sort(counts_.by_name.begin(), counts_.by_name.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    return std::move(counts_);
  }

 private:
  void count(const Inst& in) {
    const Op& row = op_row(in.op);
    switch (row.kind) {
      case OpKind::elementwise: ++counts_.elementwise; break;
      case OpKind::linear: ++counts_.linear; break;
      case OpKind::bilinear: ++counts_.products; break;
      case OpKind::reduction: ++counts_.reductions; break;
      case OpKind::region: ++counts_.control; break;
      case OpKind::structural:
        if (in.op != "call"_op) return;
        ++counts_.control;
    }
    ++by_name_[row.name];
  }

  const Module& m_;
  OpCounts counts_;
  std::map<std::string, int64_t> by_name_;
};

class Liveness {
 public:
  Liveness(const Module& m, const std::map<StrId, int64_t>& sizes) : m_(m), sizes_(sizes) {}

  int64_t peak(const Func& f, const Block& block) const {
    std::unordered_map<int32_t, size_t> last_use;
    for (size_t k = 0; k < block.body.size(); ++k)
      for (ValueId o : f.operands(block.body[k])) last_use[o.i] = k;
    if (block.result) last_use[block.result.i] = block.body.size();
    int64_t alive = 0, most = 0;
    std::unordered_map<int32_t, int64_t> held;
    for (size_t k = 0; k < block.body.size(); ++k) {
      const ValueId v = block.body[k];
      held[v.i] = bytes(f, v);
      alive += held[v.i];
      most = std::max(most, alive + inside(f, v));
      if (!last_use.contains(v.i)) last_use[v.i] = k;
      for (ValueId o : f.operands(v)) release(o, k, last_use, held, alive);
      release(v, k, last_use, held, alive);
    }
    return most;
  }

 private:
  static void release(ValueId v, size_t at, std::unordered_map<int32_t, size_t>& last_use, std::unordered_map<int32_t, int64_t>& held,
                      int64_t& alive) {
    if (!held.contains(v.i) || last_use.at(v.i) != at) return;
    alive -= held[v.i];
    held.erase(v.i);
  }

  /// Of what runs inside of one instruction.
  int64_t inside(const Func& f, ValueId v) const {
    const Inst& in = f[v];
    int64_t most = 0;
    for (int k = 0; k < in.n_blocks; ++k) most = std::max(most, peak(f, f[BlockId{in.first_block.i + k}]));
    return most;
  }

  /// A tuple keeps what it is made of alive and takes nothing itself.
  int64_t bytes(const Func& f, ValueId v) const {
    const OpId op = f[v].op;
    return op == "tuple"_op || op == "const"_op || op == "size"_op ? 0 : bytes(f[v].type);
  }
  int64_t bytes(TypeId id) const {
    const Type& type = m_.types[id];
    int64_t n = type.is_tuple() ? 0 : dtype_bytes(type.dtype);
    for (DimId d : type.dims) n *= m_.types.dims.evaluate(d, sizes_).value_or(1);
    for (const Field& field : type.fields) n += bytes(field.type);
    return n;
  }

  const Module& m_;
  const std::map<StrId, int64_t>& sizes_;
};

}  // namespace

OpCounts count_ops(const Module& m, FuncId f) { return Counter(m).run(f); }

int64_t live_bytes(const Module& m, FuncId f, const std::map<StrId, int64_t>& sizes) { return Liveness(m, sizes).peak(m[f], m[f].body()); }

}  // namespace dlc
