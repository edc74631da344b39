// Common subexpressions: within a block, an instruction equal to an earlier one is that one.
#include <algorithm>
#include <unordered_map>

#include "ops/table.h"
#include "passes/passes.h"
#include "passes/rewrite.h"

namespace dlc {
namespace {

class Seen {
 public:
  ValueId find_or_append(Builder& b, const Inst& in, std::span<const ValueId> operands) {
    // b + a is a + b, but stays as it was written: `trace` shows it.
    ValueId sorted[2];
    std::span<const ValueId> key = operands;
    if (op_row(in.op).commutative && operands.size() == 2 && operands[1] < operands[0]) {
      sorted[0] = operands[1], sorted[1] = operands[0];
      key = sorted;
    }
    const size_t hash = hash_of(b.block(), in, key);
    auto [lo, hi] = by_hash_.equal_range(hash);
    for (auto it = lo; it != hi; ++it)
      if (it->second.block == b.block() && equal(b.func(), it->second.value, in, key)) return it->second.value;
    const ValueId made = b.raw(in, operands);
    by_hash_.emplace(hash, Entry{b.block(), made});
    return made;
  }

 private:
  struct Entry {
    BlockId block;
    ValueId value;
  };

  static size_t hash_of(BlockId block, const Inst& in, std::span<const ValueId> operands) {
    constexpr size_t kMix = 0x9E3779B97F4A7C15ull;
    size_t h = static_cast<size_t>(block.i) * kMix + static_cast<size_t>(in.op.i);
    h = h * kMix + static_cast<size_t>(in.type.i);
    h = h * kMix + static_cast<size_t>(in.attr.i + 1);
    for (ValueId v : operands) h = (h ^ static_cast<size_t>(v.i)) * kMix, h ^= h >> 32;
    return h;
  }

  static bool equal(const Func& f, ValueId v, const Inst& in, std::span<const ValueId> key) {
    const Inst& other = f[v];
    const auto theirs = f.operands(v);
    if (other.op != in.op || other.type != in.type || other.attr != in.attr || theirs.size() != key.size()) return false;
    const bool is_swapped = op_row(in.op).commutative && key.size() == 2 && theirs[0] == key[1] && theirs[1] == key[0];
    return is_swapped || std::equal(theirs.begin(), theirs.end(), key.begin());
  }

  std::unordered_multimap<size_t, Entry> by_hash_;
};

}  // namespace

void cse(Module& m, FuncId f, Diagnostics&) {
  Seen seen;
  rewrite_body(m, f, [&seen](Builder& b, const Inst& in, std::span<const ValueId> operands) {
    return seen.find_or_append(b, in, operands);
  });
}

}  // namespace dlc
