// `derivative f(x) -> y { jvp(dx) = e }`: a function's derivative as the program declares it. The rule becomes a function of
// f's parameters and of the directions, and must be linear in these: that is what lets reverse mode transpose it. Whether it
// is the derivative of f is for `dlc check` to find.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "ops/request.h"
#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {
namespace {

/// How a leaf of a value depends on the directions. `zero` may pass for either of its neighbours.
enum class Dep : uint8_t { independent, zero, linear, other };

/// Of a sum, or of two branches.
Dep joined(Dep a, Dep b) {
  if (a == b) return a;
  if (a == Dep::zero) return b;
  return b == Dep::zero ? a : Dep::other;
}

Dep product(Dep a, Dep b) {
  if (a == Dep::zero || b == Dep::zero) return Dep::zero;
  if (a == Dep::independent) return b;
  return b == Dep::independent ? a : Dep::other;
}

constexpr int kDeepest = 50;  // of calls and regions within each other; beyond, nothing is known

class Linearity {
 public:
  explicit Linearity(const Module& m) : m_(m) {}

  /// The leaves of `f`'s result, from those of its arguments.
  std::vector<Dep> of_function(const Func& f, const std::vector<std::vector<Dep>>& args) {
    std::map<ValueId, std::vector<Dep>> known;
    for (size_t k = 0; k < args.size(); ++k) known[f.body().params[k]] = args[k];
    return of_block(f, f.body(), known);
  }

  /// `f` is the direction of a function.
  void add_direction(FuncId f) { directions_.insert(f); }

  size_t n_leaves(TypeId type) const {
    const Type& t = m_.types[type];
    size_t n = t.is_tuple() ? 0 : 1;
    for (const Field& field : t.fields) n += n_leaves(field.type);
    return n;
  }

 private:
  using Known = std::map<ValueId, std::vector<Dep>>;

  std::vector<Dep> of_block(const Func& f, const Block& block, Known& known) {
    ++depth_;
    for (ValueId v : block.body) known[v] = of_inst(f, v, known);
    --depth_;
    return known[block.result];
  }

  std::vector<Dep> of_inst(const Func& f, ValueId v, Known& known) {
    const Inst in = f[v];
    const Op& row = op_row(in.op);
    std::vector<std::vector<Dep>> args;
    bool is_flat = true;
    for (ValueId o : f.operands(v)) {
      args.push_back(known[o]);
      for (Dep d : args.back()) is_flat = is_flat && d != Dep::linear && d != Dep::other;
    }
    const size_t n = n_leaves(in.type);
    if (in.op == "const"_op) return {m_[in.attr].ints[0] == 0 ? Dep::zero : Dep::independent};
    if (in.op == "tuple"_op) return concatenated(args);
    if (in.op == "get"_op) return field_of(f[f.operand(v, 0)].type, static_cast<size_t>(m_[in.attr].ints[0]), args[0]);
    if (in.n_blocks > 0 && depth_ < kDeepest) return of_region(f, v, args, known);
    if (in.op == "call"_op && is_direction(m_[in.attr].func)) return of_direction(m_[m_[in.attr].func], args, n);
    if (is_flat && in.op == "call"_op) return of_constants(m_[in.attr].func, n);
    const bool keeps_zero = row.kind == OpKind::linear || row.kind == OpKind::bilinear || row.kind == OpKind::elementwise;
    if (is_flat && !keeps_zero) return std::vector<Dep>(n, Dep::independent);
    if (in.op == "call"_op) return depth_ < kDeepest ? of_call(in, args, n) : std::vector<Dep>(n, Dep::other);
    if (row.kind == OpKind::linear && !drop_subscripts(f, v, args)) return std::vector<Dep>(n, Dep::other);
    return {n == 1 ? of_op(in.op, row, args, is_flat) : Dep::other};
  }

  /// Of `dg(x)`, or of a derivative of it by x: linear in what `dg` carries, whether that is anything here or not.
  std::vector<Dep> of_direction(const Func& callee, const std::vector<std::vector<Dep>>& args, size_t n) const {
    for (size_t k = 0; k < args.size(); ++k)
      for (Dep d : args[k])
        if ((d == Dep::linear || d == Dep::other) && !is_hidden_name(m_.strings[m_[callee[callee.body().params[k]].attr].name])) return std::vector<Dep>(n, Dep::other);
    return std::vector<Dep>(n, callee.request && callee.request->with_value ? Dep::other : Dep::linear);
  }
  bool is_direction(FuncId f) const {
    while (!directions_.contains(f) && m_[f].request) f = m_[f].request->base;
    return directions_.contains(f);
  }

  /// What a linear op does to its operands that are floats, where others say: false if these depend on directions.
  bool drop_subscripts(const Func& f, ValueId v, std::vector<std::vector<Dep>>& args) const {
    size_t kept = 0;
    for (size_t k = 0; k < args.size(); ++k) {
      const bool is_subscript = !m_.types.all_float(f[f.operand(v, static_cast<int>(k))].type);
      for (Dep d : args[k])
        if (is_subscript && (d == Dep::linear || d == Dep::other)) return false;
      if (!is_subscript) args[kept++] = args[k];
    }
    if (kept > 0) args.resize(kept);
    return true;
  }

  static std::vector<Dep> concatenated(const std::vector<std::vector<Dep>>& parts) {
    std::vector<Dep> all;
    for (const std::vector<Dep>& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  }

  std::vector<Dep> field_of(TypeId tuple, size_t field, const std::vector<Dep>& leaves) const {
    size_t first = 0;
    for (size_t k = 0; k < field; ++k) first += n_leaves(m_.types[tuple].fields[k].type);
    const size_t n = n_leaves(m_.types[tuple].fields[field].type);
    return {leaves.begin() + static_cast<ptrdiff_t>(first), leaves.begin() + static_cast<ptrdiff_t>(first + n)};
  }

  std::vector<Dep> of_region(const Func& f, ValueId v, const std::vector<std::vector<Dep>>& args, Known& known) {
    const Inst in = f[v];
    const RegionShape shape = region_shape(m_, in);
    if (shape.n_carried > 0) return of_loop(f, in, shape, args, known);
    const auto n_own = static_cast<size_t>(shape.own_operands);
    const bool is_chosen = n_own == 1 && args[0][0] != Dep::independent && args[0][0] != Dep::zero;
    std::vector<Dep> result;
    for (int k = 0; k < in.n_blocks; ++k) {
      const Block& block = f[BlockId{in.first_block.i + k}];
      const size_t n_indices = block.params.size() - (args.size() - n_own);
      for (size_t p = 0; p < block.params.size(); ++p)
        known[block.params[p]] = p < n_indices ? std::vector<Dep>{Dep::independent} : args[p - n_indices + n_own];
      const std::vector<Dep> own = of_block(f, block, known);
      if (k == 0) result = own;
      else std::transform(result.begin(), result.end(), own.begin(), result.begin(), joined);
    }
    if (is_chosen) std::fill(result.begin(), result.end(), Dep::other);
    return result;
  }

  /// What a step makes of the carried values is what the next step begins with: until nothing changes.
  std::vector<Dep> of_loop(const Func& f, const Inst& in, const RegionShape& shape, std::vector<std::vector<Dep>> args, Known& known) {
    const auto own = static_cast<size_t>(shape.own_operands), n = static_cast<size_t>(shape.n_carried);
    const auto varies = [](Dep d) { return d == Dep::linear || d == Dep::other; };
    bool is_counted_by_them = own == 1 && varies(args[0][0]);
    for (bool changed = true; changed;) {
      changed = false;
      std::vector<Dep> next;
      for (int k = 0; k < in.n_blocks; ++k) {
        const Block& block = f[BlockId{in.first_block.i + k}];
        for (size_t p = 0; p < block.params.size(); ++p) {
          const bool is_index = p < static_cast<size_t>(shape.own_params);
          known[block.params[p]] = is_index ? std::vector<Dep>{Dep::independent} : args[p - static_cast<size_t>(shape.own_params) + own];
        }
        next = of_block(f, block, known);
        if (k + 1 < in.n_blocks) is_counted_by_them = is_counted_by_them || varies(next[0]);
      }
      for (size_t k = 0; k < n; ++k) {
        const Dep both = joined(args[own + k][0], next[k]);
        changed = changed || both != args[own + k][0];
        args[own + k][0] = both;
      }
    }
    std::vector<Dep> result;
    for (size_t k = 0; k < n; ++k) result.push_back(is_counted_by_them ? Dep::other : args[own + k][0]);
    return result;
  }

  std::vector<Dep> of_call(const Inst& in, const std::vector<std::vector<Dep>>& args, size_t n) {
    const Func& callee = m_[m_[in.attr].func];
    if (callee.body().result) return of_function(callee, args);
    // A derivative: linear in its directions, or in `bar`, at a point that is fixed.
    if (!callee.request) return std::vector<Dep>(n, Dep::other);
    const size_t n_base = m_[callee.request->base].body().params.size();
    Dep result = Dep::zero;
    for (size_t k = 0; k < args.size(); ++k)
      for (Dep d : args[k]) {
        const bool is_varying = d == Dep::linear || d == Dep::other;
        if (k < n_base && is_varying) result = Dep::other;
        else if (k >= n_base) result = joined(result, d);
      }
    return std::vector<Dep>(n, callee.request->with_value && result != Dep::independent ? Dep::other : result);
  }

  /// Of a function of nothing that varies: what is zero of it. Each is looked into once, for functions recur on sizes.
  std::vector<Dep> of_constants(FuncId id, size_t n) {
    const auto [known, is_new] = constant_.try_emplace(id, n, Dep::independent);
    const Func& f = m_[id];
    if (!is_new || !f.body().result || depth_ >= kDeepest) return known->second;
    std::vector<std::vector<Dep>> args;
    for (ValueId p : f.body().params) args.emplace_back(n_leaves(f[p].type), Dep::independent);
    return constant_[id] = of_function(f, args);
  }

  Dep of_op(OpId op, const Op& row, const std::vector<std::vector<Dep>>& args, bool is_flat) const {
    const auto arg = [&](size_t k) { return args[k].empty() ? Dep::other : args[k][0]; };
    if (op == "add"_op || op == "sub"_op) return joined(arg(0), arg(1));
    if (op == "neg"_op || op == "to_f32"_op || op == "to_f64"_op) return arg(0);
    if (op == "mul"_op || op == "gated_mul"_op || row.kind == OpKind::bilinear) return product(arg(0), arg(1));
    if (op == "fma"_op) return joined(product(arg(0), arg(1)), arg(2));
    if (op == "div"_op) return arg(1) == Dep::independent ? arg(0) : is_flat ? Dep::independent : Dep::other;
    if (op == "select"_op) return arg(0) == Dep::independent || arg(0) == Dep::zero ? joined(arg(1), arg(2)) : Dep::other;
    if (row.kind != OpKind::linear) return is_flat ? Dep::independent : Dep::other;
    Dep result = arg(0);
    for (size_t k = 1; k < args.size(); ++k) result = joined(result, arg(k));
    return result;
  }

  const Module& m_;
  std::map<FuncId, std::vector<Dep>> constant_;
  std::set<FuncId> directions_;
  int depth_ = 0;
};

}  // namespace

/// Gives `f`, an instance of the function that `d` is about, its rule; `choice`: the functions that the instance is for.
bool Analysis::add_rule(FuncId f, const Decl& d, const FnEntry& entry, DType float_type, const Choice* choice) {
  Func rule;
  rule.name = m.unique_name(m[f].name + ".rule");
  rule.size_vars = m[f].size_vars;
  rule.loc.span = d.name.span;
  rule.blocks.emplace_back();
  const FuncId id = m.add(std::move(rule));
  Lowering lowering(*this, main, id, float_type);
  if (!lowering.lower_rule(d, f, (*entry.ast)[entry.fn], choice)) return m.discard(id), false;
  m[f].rule = id;
  return true;
}

/// A parameter of the function that a rule is for: where the instance has its value; or, of a function, what that captured.
struct Lowering::RuleParam {
  Name direction;                // absent: the rule has none
  int32_t function = -1;         // of `callables`
  std::vector<size_t> positions;
};

std::vector<Lowering::RuleParam> Lowering::rule_params(const Fn& fn, const Choice* choice) {
  std::vector<RuleParam> params;
  size_t next = 0, next_function = 0;
  for (const Param& p : ast_[fn.params]) {
    params.emplace_back();
    if (p.type && ast_[p.type].kind == TypeKind::function) params.back().function = choice->functions[next_function++];
    else params.back().positions = {next++};
  }
  for (RuleParam& p : params)
    for (size_t k = 0; p.function >= 0 && k < a_.captured(p.function).size(); ++k) p.positions.push_back(next++);
  return params;
}

void Lowering::bind_rule_sizes(const Fn& fn, const Func& f, const Choice* choice) {
  const auto add = [&](StrId name, DimId size) {
    Binding binding;
    binding.name = name, binding.kind = Binding::Kind::size, binding.span = f.loc.span;
    binding.val.kind = Val::Kind::size, binding.val.dim = size;
    bind(std::move(binding));
  };
  size_t next = choice ? choice->world.size() : 0;
  for (const Name& name : ast_[fn.sizes]) {
    const bool is_fixed = choice && choice->sizes.contains(name.id);
    add(name.id, is_fixed ? choice->sizes.at(name.id) : dims().variable(f.size_vars[next++]));
  }
}

/// Which directions the rule uses; false after an error.
bool Lowering::find_directions(const Decl& d, FuncId f, std::vector<RuleParam>& params) {
  const std::span<const Param> names = ast_[d.params];
  const auto is_float_at = [&](size_t at) { return types().all_float(a_.m[f][a_.m[f].body().params[at]].type); };
  for (const Param& p : ast_[d.jvp_params]) {
    size_t k = 0;
    while (k < names.size() && str(p.name.id) != fmt::format("d{}", str(names[k].name.id))) ++k;
    const char* what = k == names.size()                                                ? "`{}` is not `d` and the name of a parameter"
                       : std::any_of(names.begin(), names.end(), [&](const Param& other) { return other.name.id == p.name.id; }) ? "`{}` is a parameter and a direction; give the parameter another name here"
                       : params[k].direction                                            ? "`{}` is given twice"
                       : params[k].function < 0 && !is_float_at(params[k].positions[0]) ? "`{}` would be the direction of a parameter that is no float"
                                                                                        : nullptr;
    if (what) return fail(sema_error("bad-rule"), p.name.span, fmt::format(fmt::runtime(what), str(p.name.id))), false;
    params[k].direction = p.name;
  }
  return true;
}

/// The direction of a function: its derivative along the directions of what it captured, a function of its arguments.
/// Zero where it captured nothing that varies.
Val Lowering::direction_of(int32_t function, std::vector<Val> captured, const std::vector<ValueId>& directions, Span span) {
  Callable c = a_.callables[static_cast<size_t>(function)];
  const FuncId base = c.func;
  if (!types().all_float(a_.m[base].result_type())) {
    fail(request_error("not-differentiable"), span, fmt::format("the function returns {}, and only floats have a derivative", types().text(a_.m[base].result_type())))
        .label(a_.m[base].loc.span, "declared here");
    return {};
  }
  DerivativeRequest request{.kind = DerivativeRequest::Kind::jvp, .mode = Mode::forward, .base = base, .wrt = {}};
  const std::vector<ValueId> params = a_.m[base].body().params;
  for (size_t k = 0; k < params.size(); ++k)
    if (is_hidden_name(str(a_.m[a_.m[base][params[k]].attr].name)) && types().all_float(a_.m[base][params[k]].type)) request.wrt.push_back(static_cast<int>(k));
  if (!request.wrt.empty()) {
    c.func = request_function(a_.m, request, loc(span));
    for (ValueId d : directions) captured.push_back(own_parameter(d));
  } else {
    c.func = start_function(a_.m, a_.m[base].name + ".direction", a_.m[base]);
    Builder zero(a_.m, c.func, BlockId{0});
    zero.set_result(zero.zeros(a_.m[base].result_type(), loc(span)));
  }
  c.captured = std::move(captured);
  return a_.function_value(std::move(c));
}

bool Lowering::lower_rule(const Decl& d, FuncId f, const Fn& fn, const Choice* choice) {
  const std::vector<ValueId> of = a_.m[f].body().params;
  const std::span<const Param> names = ast_[d.params];
  std::vector<RuleParam> params = rule_params(fn, choice);
  if (names.size() != params.size()) {
    fail(sema_error("bad-rule"), d.name.span, fmt::format("`{}` has {} parameter{}, and its derivative names {}", str(d.name.id), params.size(), params.size() == 1 ? "" : "s", names.size()))
        .label(a_.m[f].loc.span, "declared here");
    return false;
  }
  bind_rule_sizes(fn, a_.m[f], choice);
  std::vector<ValueId> own;
  std::vector<std::vector<Dep>> deps;
  Linearity linearity(a_.m);
  const auto add = [&](size_t position, bool is_direction, Span span) {
    const Inst param = a_.m[f][of[position]];
    const std::string name = fmt::format("{}{}", is_direction ? "d" : "", str(a_.m[param.attr].name));
    deps.emplace_back(linearity.n_leaves(param.type), is_direction ? Dep::linear : Dep::independent);
    own.push_back(append_param(a_.m, a_.m[func_], BlockId{0}, "param"_op, param.type, a_.m.strings.intern(name), loc(span)));
    return own.back();
  };
  const auto bind_as = [&](Name name, Val v) {
    Binding binding;
    binding.name = name.id, binding.kind = Binding::Kind::param, binding.span = name.span, binding.val = std::move(v);
    bind(std::move(binding));
  };
  std::vector<Span> spans(of.size());
  for (size_t k = 0; k < params.size(); ++k)
    for (size_t at : params[k].positions) spans[at] = names[k].name.span;
  for (size_t at = 0; at < of.size(); ++at) add(at, false, spans[at]);
  const auto captured_by = [&](const RuleParam& p) {
    std::vector<Val> all;
    for (size_t at : p.positions) all.push_back(own_parameter(own[at]));
    return all;
  };
  for (size_t k = 0; k < params.size(); ++k)
    bind_as(names[k].name, params[k].function < 0 ? own_parameter(own[params[k].positions[0]]) : a_.with_captured(params[k].function, captured_by(params[k])));
  if (!find_directions(d, f, params)) return false;
  for (const RuleParam& p : params) {
    if (!p.direction) continue;
    std::vector<ValueId> directions;
    for (size_t at : p.positions)
      if (types().all_float(a_.m[f][of[at]].type)) directions.push_back(add(at, true, p.direction.span));
    const Val v = p.function < 0 ? own_parameter(directions[0]) : direction_of(p.function, captured_by(p), directions, p.direction.span);
    if (!v) return false;
    if (p.function >= 0) linearity.add_direction(a_.callables[static_cast<size_t>(v.function)].func);
    bind_as(p.direction, v);
  }
  return lower_rule_value(d, f, std::span(own).first(of.size()), [&] {
    const std::vector<Dep> found = linearity.of_function(a_.m[func_], deps);
    return std::all_of(found.begin(), found.end(), [](Dep x) { return x == Dep::linear || x == Dep::zero; });
  });
}

/// The body of a rule, whose parameters stand: `own` are those of the function.
bool Lowering::lower_rule_value(const Decl& d, FuncId f, std::span<const ValueId> own, const std::function<bool()>& is_linear) {
  const TypeId result = a_.m[f].result_type();
  if (!types().all_float(result)) {
    fail(request_error("not-differentiable"), d.name.span, fmt::format("`{}` returns {}, and only floats have a derivative", str(d.name.id), types().text(result)))
        .label(a_.m[f].loc.span, "declared here");
    return false;
  }
  if (d.result) {
    std::vector<DimId> sizes;
    for (StrId v : a_.m[f].size_vars) sizes.push_back(dims().variable(v));
    Binding binding;
    binding.name = d.result.id, binding.span = d.result.span;
    binding.val = value(b().call(f, std::move(sizes), own, loc(d.result.span)));
    bind(std::move(binding));
  }
  const Val v = lower(d.value, result);
  const ValueId e = v ? coerce(v, result, ast_[d.value].span, fmt::format("the derivative of `{}`", str(d.name.id)), true) : ValueId{};
  if (!e || failed_) return false;
  b().set_result(e);
  if (is_linear()) return true;
  fail(sema_error("rule-not-linear"), ast_[d.value].span, fmt::format("the derivative of `{}` is not linear in its directions", str(d.name.id)))
      .rule("a `jvp` is a sum of terms, each a direction times what does not depend on directions");
  return false;
}

}  // namespace dlc::sema
