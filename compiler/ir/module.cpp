// Storage of the IR: interning of attributes, unique names, appending.
#include "ir/module.h"

#include <fmt/format.h>

namespace dlc {

const char* check_name(SizeCheck::Kind kind) {
  switch (kind) {
    case SizeCheck::Kind::subscript: return "subscript";
    case SizeCheck::Kind::elements: return "elements";
    case SizeCheck::Kind::size: return "size";
    case SizeCheck::Kind::index: return "index";
    case SizeCheck::Kind::iterations: return "iterations";
    case SizeCheck::Kind::memory: return "memory";
  }
  return "?";
}

const char* mode_name(Mode mode) {
  switch (mode) {
    case Mode::reverse: return "reverse";
    case Mode::forward: return "forward";
    case Mode::symbolic: return "symbolic";
    case Mode::numeric: return "numeric";
  }
  return "?";
}

std::string Module::unique_name(std::string_view name) const {
  std::string candidate(name);
  for (int k = 2; by_name_.contains(candidate); ++k) candidate = fmt::format("{}.{}", name, k);
  return candidate;
}

AttrId Module::intern(Attr attr) {
  size_t hash = static_cast<size_t>(attr.name.i) * 31 + static_cast<size_t>(attr.func.i);
  for (int64_t x : attr.ints) hash = hash * 0x9E3779B97F4A7C15ull + static_cast<size_t>(x);
  for (DimId d : attr.dims) hash = hash * 0x9E3779B97F4A7C15ull + static_cast<size_t>(d.i) + 7;
  auto [lo, hi] = attr_by_hash_.equal_range(hash);
  for (auto it = lo; it != hi; ++it)
    if (attrs_[static_cast<size_t>(it->second.i)] == attr) return it->second;
  attrs_.push_back(std::move(attr));
  const AttrId id{static_cast<int32_t>(attrs_.size()) - 1};
  attr_by_hash_.emplace(hash, id);
  return id;
}

ValueId append(Func& f, BlockId block, Inst inst, std::span<const ValueId> operands) {
  inst.first_operand = static_cast<int32_t>(f.operand_pool.size());
  inst.n_operands = static_cast<int32_t>(operands.size());
  f.operand_pool.insert(f.operand_pool.end(), operands.begin(), operands.end());
  f.insts.push_back(inst);
  const ValueId v{static_cast<int32_t>(f.insts.size()) - 1};
  f[block].body.push_back(v);
  return v;
}

ValueId append_param(Module& m, Func& f, BlockId block, OpId param_op, TypeId type, StrId name, Loc loc) {
  Inst in;
  in.op = param_op, in.type = type, in.loc = loc;
  in.attr = m.intern({.ints = {static_cast<int64_t>(f[block].params.size())}, .name = name});
  f.insts.push_back(in);
  const ValueId v{static_cast<int32_t>(f.insts.size()) - 1};
  f[block].params.push_back(v);
  return v;
}

}  // namespace dlc
