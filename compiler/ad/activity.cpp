// Activity analysis, see activity.h: forwards for `depends`, backwards for `useful`, then one look at each instruction
// for what has no derivative. Calls are followed, memoised by the callee and the leaves of its arguments that depend.
#include "ad/activity.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ad/errors.h"
#include "base/check.h"
#include "ops/table.h"

namespace dlc {
namespace {

/// An elementwise op that turns its int or bool operand into a float. (`select` only chooses by it.)
bool makes_float_of_int(const Op& row) { return row.kind == OpKind::elementwise && row.type != TypeRule::select; }

class Analysis {
 public:
  explicit Analysis(const Module& m) : m_(m) {}

  Activity start(const Func& f) {
    LeafTable leaves(m_, f);
    const size_t n = leaves.size();
    return {std::move(leaves), std::vector<bool>(n), std::vector<bool>(n)};
  }

  void forwards(const Func& f, const Block& block, Activity& a) {
    for (ValueId v : block.body) forwards_through(f, v, a);
  }

  /// Marks what the useful leaves of `block`'s result are computed from.
  void backwards(const Func& f, const Block& block, Activity& a) {
    for (auto v = block.body.rbegin(); v != block.body.rend(); ++v) backwards_through(f, *v, a);
  }

 private:
  bool is_float_leaf(const Func& f, ValueId v) const { return is_float(m_.types[f[v].type].dtype); }

  void forwards_through(const Func& f, ValueId v, Activity& a) {
    const Inst in = f[v];
    const auto operands = f.operands(v);
    const size_t slot = a.leaves.begin(v);
    if (in.op == "tuple"_op) {
      size_t next = slot;
      for (ValueId o : operands) next = copy_leaves(a, o, next);
    } else if (in.op == "get"_op) {
      const int skipped = leaves_before(m_.types, f[operands[0]].type, static_cast<int>(m_[in.attr].ints[0]));
      for (size_t k = 0; k < a.leaves.count(v); ++k)
        a.depends[slot + k] = a.depends[a.leaves.begin(operands[0]) + static_cast<size_t>(skipped) + k];
    } else if (in.op == "call"_op) {
      std::vector<bool> arguments;
      for (ValueId o : operands)
        for (size_t k = 0; k < a.leaves.count(o); ++k) arguments.push_back(a.depends[a.leaves.begin(o) + k]);
      const std::vector<bool> results = of_call(m_[in.attr].func, arguments);
      for (size_t k = 0; k < results.size(); ++k) a.depends[slot + k] = results[k];
    } else if (in.n_blocks > 0) {
      forwards_through_region(f, v, a);
    } else {
      a.depends[slot] = result_depends(f, v, a);
    }
  }

  size_t copy_leaves(Activity& a, ValueId from, size_t to) {
    for (size_t k = 0; k < a.leaves.count(from); ++k) a.depends[to++] = a.depends[a.leaves.begin(from) + k];
    return to;
  }

  // A float depends through its float operands, unless the rule says 0, and through an int that is converted to it
  // (which is then reported); an int or bool depends through all of its operands, but for those of which an op of numbers of any
  // kind has the rule 0, as `stop_gradient`, and the condition of a `select`, which only chooses.
  bool result_depends(const Func& f, ValueId v, const Activity& a) const {
    const Inst in = f[v];
    const bool is_float_result = is_float_leaf(f, v);
    for (int k = 0; k < in.n_operands; ++k) {
      const ValueId o = f.operand(v, k);
      if (!a.depends[a.leaves.begin(o)] || (k == 0 && op_row(in.op).type == TypeRule::select)) continue;
      if (is_float_result && !is_float_leaf(f, o)) {
        if (makes_float_of_int(op_row(in.op))) return true;
        continue;
      }
      const bool is_like_a_float = is_float_result || op_row(in.op).type == TypeRule::same_number;
      const bool is_flat = op_row(in.op).kind == OpKind::elementwise && is_like_a_float && diff_rule(in.op, k).zero;
      if (!is_flat) return true;
    }
    return false;
  }

  void forwards_through_region(const Func& f, ValueId v, Activity& a) {
    const Inst in = f[v];
    const RegionShape shape = region_shape(m_, in);
    if (shape.n_carried > 0) return forwards_through_loop(f, v, shape, a);
    const int first_capture = shape.own_operands;
    for (int block = 0; block < in.n_blocks; ++block) {
      const Block& inner = f[BlockId{in.first_block.i + block}];
      const auto own_params = static_cast<size_t>(shape.own_params);
      for (int k = first_capture; k < in.n_operands; ++k)
        copy_leaves(a, f.operand(v, k), a.leaves.begin(inner.params[own_params + static_cast<size_t>(k - first_capture)]));
      forwards(f, inner, a);
      for (size_t k = 0; k < a.leaves.count(v); ++k)
        if (a.depends[a.leaves.begin(inner.result) + k]) a.depends[a.leaves.begin(v) + k] = true;
    }
  }

  // What a step's result depends on, the next step's parameters do: until nothing is added.
  void forwards_through_loop(const Func& f, ValueId v, const RegionShape& shape, Activity& a) {
    const Inst in = f[v];
    const auto n_carried = static_cast<size_t>(shape.n_carried);
    const Block& body = f[BlockId{in.first_block.i + in.n_blocks - 1}];
    std::vector<bool> carried;
    for (size_t k = 0; k < n_carried; ++k) carried.push_back(a.depends[a.leaves.begin(f.operand(v, shape.own_operands + static_cast<int>(k)))]);
    for (std::vector<bool> before; before != carried;) {
      before = carried;
      for (int block = 0; block < in.n_blocks; ++block) {
        const Block& inner = f[BlockId{in.first_block.i + block}];
        for (int k = 0; k + shape.own_operands < in.n_operands; ++k) {
          const ValueId param = inner.params[static_cast<size_t>(shape.own_params + k)];
          if (k < shape.n_carried) a.depends[a.leaves.begin(param)] = carried[static_cast<size_t>(k)];
          else copy_leaves(a, f.operand(v, shape.own_operands + k), a.leaves.begin(param));
        }
        forwards(f, inner, a);
      }
      for (size_t k = 0; k < n_carried; ++k)
        if (a.depends[a.leaves.begin(body.result) + k]) carried[k] = true;
    }
    for (size_t k = 0; k < n_carried; ++k) a.depends[a.leaves.begin(v) + k] = carried[k];
  }

  /// Of what calls itself, the least that agrees with itself: at first nothing is said to depend, then what is found, until nothing
  /// is added. What was found of other calls on the way is then looked at again.
  std::vector<bool> of_call(FuncId callee, const std::vector<bool>& arguments) {
    const Key key(callee.i, arguments);
    if (auto known = calls_.find(key); known != calls_.end()) return known->second;
    const Func& f = m_[callee];
    if (auto meanwhile = in_progress_.find(key); meanwhile != in_progress_.end()) return meanwhile->second.is_asked = true, meanwhile->second.results;
    // What a declared derivative stands for the body does not tell.
    const auto n_within = std::count_if(in_progress_.begin(), in_progress_.end(), [&](const auto& other) { return other.first.first == callee.i; });
    if (f.rule || n_within >= kMostWithin) return of_any(f, arguments);
    DLC_CHECK(f.body().result, "a callee has its body before its caller is differentiated");
    in_progress_[key].results.assign(leaf_types(m_.types, f.result_type()).size(), false);
    std::vector<bool> results;
    for (bool grows = true; grows;) {
      const size_t n_found = found_.size();
      results = of_body(f, arguments);
      Meanwhile& meanwhile = in_progress_[key];
      grows = meanwhile.is_asked && results != meanwhile.results;
      meanwhile.results = results;
      for (size_t k = n_found; grows && k < found_.size(); ++k) calls_.erase(found_[k]);
      if (grows) found_.resize(n_found);
    }
    in_progress_.erase(key);
    found_.push_back(key);
    return calls_[key] = results;
  }

  std::vector<bool> of_body(const Func& f, const std::vector<bool>& arguments) {
    Activity a = start(f);
    size_t next = 0;
    for (ValueId p : f.body().params)
      for (size_t k = 0; k < a.leaves.count(p); ++k) a.depends[a.leaves.begin(p) + k] = arguments[next++];
    forwards(f, f.body(), a);
    std::vector<bool> results;
    const ValueId result = f.body().result;
    for (size_t k = 0; k < a.leaves.count(result); ++k) results.push_back(a.depends[a.leaves.begin(result) + k]);
    return results;
  }

  /// Of a call of a function that is not looked into: a leaf may depend on every argument of its kind.
  std::vector<bool> of_any(const Func& f, const std::vector<bool>& arguments) {
    bool on_floats = false, on_others = false;
    size_t next = 0;
    for (ValueId p : f.body().params)
      for (TypeId leaf : leaf_types(m_.types, f[p].type)) {
        bool& on = is_float(m_.types[leaf].dtype) ? on_floats : on_others;
        on = arguments[next++] || on;
      }
    std::vector<bool> results;
    for (TypeId leaf : leaf_types(m_.types, f.result_type())) results.push_back(is_float(m_.types[leaf].dtype) ? on_floats : on_others || on_floats);
    return results;
  }

  void mark_floats(const Func& f, ValueId v, Activity& a) {
    const std::vector<TypeId> types = leaf_types(m_.types, f[v].type);
    for (size_t k = 0; k < types.size(); ++k)
      if (is_float(m_.types[types[k]].dtype)) a.useful[a.leaves.begin(v) + k] = true;
  }

  void backwards_through(const Func& f, ValueId v, Activity& a) {
    const Inst in = f[v];
    const size_t slot = a.leaves.begin(v), n = a.leaves.count(v);
    bool is_useful = false;
    for (size_t k = 0; k < n; ++k) is_useful = is_useful || a.useful[slot + k];
    if (!is_useful) return;
    if (in.op == "tuple"_op) {
      size_t next = slot;
      for (ValueId o : f.operands(v))
        for (size_t k = 0; k < a.leaves.count(o); ++k, ++next)
          if (a.useful[next]) a.useful[a.leaves.begin(o) + k] = true;
    } else if (in.op == "get"_op) {
      const ValueId o = f.operand(v, 0);
      const size_t skipped = static_cast<size_t>(leaves_before(m_.types, f[o].type, static_cast<int>(m_[in.attr].ints[0])));
      for (size_t k = 0; k < n; ++k)
        if (a.useful[slot + k]) a.useful[a.leaves.begin(o) + skipped + k] = true;
    } else if (in.n_blocks > 0) {
      backwards_through_region(f, v, a);
    } else {
      for (ValueId o : f.operands(v)) mark_floats(f, o, a);
    }
  }

  void backwards_through_region(const Func& f, ValueId v, Activity& a) {
    const Inst in = f[v];
    const RegionShape shape = region_shape(m_, in);
    const int first_capture = shape.own_operands;
    const auto own_params = static_cast<size_t>(shape.own_params);
    if (shape.n_carried > 0) {
      const Block& body = f[BlockId{in.first_block.i + in.n_blocks - 1}];
      const auto n_carried = static_cast<size_t>(shape.n_carried);
      for (bool grows = true; grows;) {
        grows = false;
        for (size_t k = 0; k < n_carried; ++k)
          if (a.useful[a.leaves.begin(v) + k]) a.useful[a.leaves.begin(body.result) + k] = true;
        backwards(f, body, a);
        for (size_t k = 0; k < n_carried; ++k) {
          const bool is_useful = a.useful[a.leaves.begin(body.params[own_params + k])];
          grows = grows || (is_useful && !a.useful[a.leaves.begin(v) + k]);
          if (is_useful) a.useful[a.leaves.begin(v) + k] = true;
        }
      }
    }
    for (int block = shape.n_carried > 0 ? in.n_blocks - 1 : 0; block < in.n_blocks; ++block) {
      const Block& inner = f[BlockId{in.first_block.i + block}];
      if (shape.n_carried == 0) {
        for (size_t k = 0; k < a.leaves.count(v); ++k)
          if (a.useful[a.leaves.begin(v) + k]) a.useful[a.leaves.begin(inner.result) + k] = true;
        backwards(f, inner, a);
      }
      for (int k = first_capture; k < in.n_operands; ++k) {
        const ValueId o = f.operand(v, k), p = inner.params[own_params + static_cast<size_t>(k - first_capture)];
        for (size_t leaf = 0; leaf < a.leaves.count(o); ++leaf)
          if (a.useful[a.leaves.begin(p) + leaf]) a.useful[a.leaves.begin(o) + leaf] = true;
      }
    }
  }

  const Module& m_;
  using Key = std::pair<int32_t, std::vector<bool>>;  // the callee, and the leaves of its arguments that depend
  struct Meanwhile {
    std::vector<bool> results;
    bool is_asked = false;  // by a call within itself
  };
  static constexpr int64_t kMostWithin = 16;  // of a function within itself, for other leaves each
  std::map<Key, std::vector<bool>> calls_;
  std::vector<Key> found_;  // in calls_, in order
  std::map<Key, Meanwhile> in_progress_;
};

/// Why the useful result of `v` has no derivative; empty when it has one (or needs none).
struct Obstacle {
  bool is_conversion = false;  // of an int or bool that depends
  explicit operator bool() const { return found; }
  bool found = false;
};

Obstacle obstacle(const Module& m, const Func& f, ValueId v, const Activity& a) {
  const Inst in = f[v];
  const Op& row = op_row(in.op);
  if (row.kind == OpKind::structural || row.kind == OpKind::region) return {};
  for (int k = 0; k < in.n_operands; ++k) {
    const ValueId o = f.operand(v, k);
    if (!a.depends[a.leaves.begin(o)]) continue;
    if (!is_float(m.types[f[o].type].dtype)) {
      if (makes_float_of_int(row)) return {true, true};
      continue;
    }
    const bool has_rule = row.kind == OpKind::elementwise ? !diff_rule(in.op, k).not_differentiable
                          : row.kind == OpKind::reduction ? row.weight != nullptr
                                                          : row.transpose != nullptr;
    if (!has_rule) return {false, true};
  }
  return {};
}

std::string names_of_active(const Module& m, const Func& f, const Wrt& wrt) {
  std::string names;
  for (size_t k = 0; k < wrt.active.size(); ++k)
    if (wrt.active[k]) names += fmt::format("{}`{}`", names.empty() ? "" : ", ", m.strings[m[f[f.body().params[k]].attr].name]);
  return names;
}

constexpr const char* kAsConstant = "if it is to count as a constant, write `stop_gradient(…)` around it, or make it a parameter that is not in `wrt`";

bool report_obstacles(const Module& m, const Func& f, const Wrt& wrt, const Activity& a, Diagnostics& diagnostics) {
  const size_t before = diagnostics.n_errors();
  for (const Block& block : f.blocks)
    for (ValueId v : block.body) {
      if (!a.useful[a.leaves.begin(v)]) continue;
      const Obstacle found = obstacle(m, f, v, a);
      if (!found) continue;
      const Inst in = f[v];
      if (found.is_conversion) {
        diagnostics.error(find_kind<kAdErrors>("no-derivative"), in.loc.span,
                          fmt::format("no derivative of an int made a float: it depends on {}, and an int carries no tangent",
                                      names_of_active(m, f, wrt)))
            .help(kAsConstant);
      } else {
        diagnostics.error(find_kind<kAdErrors>("no-derivative"), in.loc.span,
                          fmt::format("no derivative of `{}`, whose argument depends on {}", op_row(in.op).name, names_of_active(m, f, wrt)))
            .help(kAsConstant);
      }
    }
  return diagnostics.n_errors() == before;
}

}  // namespace

std::string Wrt::key() const {
  std::string text;
  for (bool bit : active) text += bit ? '1' : '0';
  text += '/';
  for (bool bit : tainted) text += bit ? '1' : '0';
  return fmt::format("{}/{}", text, of);
}

TypeId differentiated_type(const Module& m, const Func& f, const Wrt& wrt) {
  const TypeId result = f.result_type();
  return wrt.of < 0 ? result : m.types[result].fields[static_cast<size_t>(wrt.of)].type;
}

std::optional<Activity> analyse_activity(const Module& m, const Func& f, const Wrt& wrt, Diagnostics& diagnostics) {
  Analysis analysis(m);
  Activity a = analysis.start(f);
  const auto& params = f.body().params;
  DLC_CHECK(wrt.active.size() == params.size(), "one activity per parameter");
  for (size_t k = 0; k < params.size(); ++k) {
    const std::vector<TypeId> types = leaf_types(m.types, f[params[k]].type);
    for (size_t leaf = 0; leaf < types.size(); ++leaf) {
      const bool varies = is_float(m.types[types[leaf]].dtype) ? wrt.active[k] : !wrt.tainted.empty() && wrt.tainted[k];
      a.depends[a.leaves.begin(params[k]) + leaf] = varies;
    }
  }
  analysis.forwards(f, f.body(), a);

  const ValueId result = f.body().result;
  const size_t skipped = wrt.of < 0 ? 0 : static_cast<size_t>(leaves_before(m.types, f[result].type, wrt.of));
  const std::vector<TypeId> types = leaf_types(m.types, differentiated_type(m, f, wrt));
  for (size_t k = 0; k < types.size(); ++k)
    if (is_float(m.types[types[k]].dtype)) a.useful[a.leaves.begin(result) + skipped + k] = true;
  analysis.backwards(f, f.body(), a);
  if (!report_obstacles(m, f, wrt, a, diagnostics)) return std::nullopt;
  return a;
}

}  // namespace dlc
