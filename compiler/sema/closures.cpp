// Functions as values. A function declared in a body, or written `fn(x: real) = x * w`, becomes a function of its own: what it
// uses of the one around it are further parameters, behind its own, and whoever calls it hands them over. So its derivative
// is that of an ordinary function, and that of an enclosing `grad` flows through what it captures.
//
//   fn f(x: real, w: real) {
//     let g = fn(y: real) = w * y           func @f.fn(%0 y: f64, %1 w.outer: f64)
//     return grad(g)(x)                     call @f.fn.grad x, w
//   }
//
// A function that takes functions is lowered once for each choice of them: no function value is left in the IR. Where one of
// them is local, its types are in the sizes of the function it was declared in; then the callee has these sizes too.
#include <algorithm>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {
namespace {

/// Every name that occurs in a function, its parameter types included; an explicit stack, for sums may be long.
std::unordered_set<StrId> names_in(const Ast& ast, FnId id) {
  std::unordered_set<StrId> names;
  std::vector<ExprId> todo;
  const auto push = [&](ExprId e) {
    if (e) todo.push_back(e);
  };
  const auto push_args = [&](Slice<Arg> args) {
    for (const Arg& a : ast[args]) push(a.value);
  };
  std::vector<TypeExprId> types;
  const auto push_fn = [&](const Fn& fn) {
    push(fn.body);
    types.push_back(fn.result);
    for (const Param& p : ast[fn.params]) types.push_back(p.type);
  };
  push_fn(ast[id]);
  while (!todo.empty() || !types.empty()) {
    if (!types.empty()) {
      const TypeExprId type = types.back();
      types.pop_back();
      if (!type) continue;
      const TypeExpr& t = ast[type];
      for (ExprId size : ast[t.sizes]) push(size);
      for (const TypeField& f : ast[t.fields]) types.push_back(f.type);
      types.push_back(t.result);
      continue;
    }
    const Expr& e = ast[todo.back()];
    todo.pop_back();
    if (e.kind == ExprKind::name) names.insert(e.name);
    push(e.a), push(e.b), push(e.c), push_args(e.args);
    if (e.fn) push_fn(ast[e.fn]);
    for (StmtId at : ast[e.stmts]) {
      const Stmt& s = ast[at];
      push(s.target), push(s.value), push(s.body);
      types.push_back(s.type);
      if (s.fn) push_fn(ast[s.fn]);
      for (const Binder& b : ast[s.binders]) push(b.range);
      for (const Attribute& a : ast[s.attributes]) push(a.value);
    }
  }
  return names;
}

constexpr std::string_view kHidden = ".outer";

}  // namespace

bool is_hidden_name(std::string_view name) { return name.find(kHidden) != name.npos; }
std::string hidden_name(std::string_view name) { return fmt::format("{}{}", name, kHidden); }

// -------------------------------------------------------------------------------------------------- capturing

/// True for what is the same in every function: literals, and sizes without an index.
bool Lowering::is_placeless(const Val& v) {
  if (v.kind == Val::Kind::size) return !has_binder(v.dim);
  if (v.kind != Val::Kind::flex) return v.kind == Val::Kind::error;
  std::vector<int32_t> todo{v.flex};
  std::unordered_set<int32_t> seen;
  while (!todo.empty()) {
    const int32_t at = todo.back();
    todo.pop_back();
    if (!seen.insert(at).second) continue;
    const Flex& node = a_.flex[static_cast<size_t>(at)];
    if (node.kind == Flex::Kind::leaf) return false;
    todo.insert(todo.end(), node.operands.begin(), node.operands.end());
  }
  return true;
}

/// One binding as a function inside sees it; what it holds of this one's values goes to `captured`.
Binding Lowering::captured_binding(Binding binding, std::vector<Val>& captured) {
  binding.is_foreign = binding.is_foreign || binding.kind == Binding::Kind::var;
  if (binding.is_foreign) return binding.val = {}, binding;
  if (binding.val.kind == Val::Kind::function) {
    const std::vector<Val>& inner = a_.captured(binding.val.function);
    captured.insert(captured.end(), inner.begin(), inner.end());
  } else if (!is_placeless(binding.val)) {
    const ValueId id = make(binding.val, binding.span);
    const Span origin = binding.val.origin;
    binding.val = value(id);
    binding.val.origin = origin;
    captured.push_back(binding.val);
  }
  return binding;
}

Val Lowering::close_over(FnId id) {
  const Fn& fn = ast_[id];
  auto env = std::make_shared<Environment>();
  if (func_) env->world = a_.m[func_].size_vars;
  env->float_type = float_type_;
  Callable c;
  c.kind = Callable::Kind::declared;
  if (model_ >= 0) {
    env->model = model_, env->is_training = is_training_, env->model_sizes = model_sizes_;
    if (params_) c.captured.push_back(own_parameter(params_)), env->params = c.captured.back().type;
    if (states_) c.captured.push_back(own_parameter(states_)), env->states = c.captured.back().type;
    if (key_) {
      const ValueId key = fresh_key(fn.head);
      if (!key) return {};
      c.key_at = static_cast<int32_t>(c.captured.size());
      c.captured.push_back(value(key)), env->has_key = true;
    }
  }
  std::unordered_set<StrId> names = names_in(ast_, id);
  for (const Param& p : ast_[fn.params]) names.erase(p.name.id);
  std::vector<int32_t> seen;  // a value hides no function: what stands behind it may be called
  for (StrId name : names) {
    auto it = visible_.find(name);
    for (int32_t k = it == visible_.end() ? -1 : it->second; k >= 0; k = bindings_[static_cast<size_t>(k)].hidden) {
      const bool is_first = k == it->second, is_function = bindings_[static_cast<size_t>(k)].val.kind == Val::Kind::function;
      if (is_first || is_function) seen.push_back(k);
      if (is_function) break;
    }
  }
  std::sort(seen.begin(), seen.end());
  for (int32_t k : seen) env->bindings.push_back(captured_binding(bindings_[static_cast<size_t>(k)], c.captured));
  if (fn.name) env->self = fn.name.id;

  FnEntry entry;
  entry.ast = &ast_, entry.fn = id, entry.env = env;
  entry.name = fmt::format("{}.{}", func_ ? a_.m[func_].name : "export", fn.name ? str(fn.name.id) : "fn");
  for (const Param& p : ast_[fn.params]) {
    entry.takes_functions = entry.takes_functions || (p.type && ast_[p.type].kind == TypeKind::function);
    entry.is_untyped = entry.is_untyped || !p.type;
  }
  const bool waits_for_types = entry.takes_functions || entry.is_untyped;
  a_.functions.push_back(std::move(entry));
  c.declared = static_cast<int32_t>(a_.functions.size()) - 1;
  c.world = env->world;
  const Val f = a_.function_value(std::move(c));
  if (!waits_for_types && !a_.func_of(f.function, float_type_, fn.head)) return failed_ = true, Val{};
  return f;
}

Val Lowering::own_parameter(ValueId id) {
  Val v;
  v.kind = Val::Kind::value, v.id = id, v.block = BlockId{0}, v.type = a_.m[func_][id].type;
  return v;
}

/// A parameter behind the function's own, named after what it holds.
Val Lowering::hidden_parameter(std::string_view name, TypeId type, Span span) {
  const Func& f = a_.m[func_];
  std::string unique = hidden_name(name);
  const auto is_taken = [&](const std::string& candidate) {
    return std::any_of(f.body().params.begin(), f.body().params.end(), [&](ValueId p) { return str(a_.m[f[p].attr].name) == candidate; });
  };
  for (int k = 2; is_taken(unique); ++k) unique = fmt::format("{}{}{}", name, kHidden, k);
  return own_parameter(append_param(a_.m, a_.m[func_], BlockId{0}, "param"_op, type, a_.m.strings.intern(unique), loc(span)));
}

/// What the function around can be seen of from inside: names now, so that types can be read; values once the function's
/// own parameters stand.
void Lowering::enter_environment(const Environment& env) {
  env_ = &env;
  a_.m[func_].size_vars = env.world;
  for (const Binding& outer : env.bindings) bind(Binding(outer));
  n_outer_ = bindings_.size();
}

void Lowering::add_hidden_parameters() {
  if (env_) {
    const Span here = a_.m[func_].loc.span;
    model_ = env_->model, is_training_ = env_->is_training, model_sizes_ = env_->model_sizes;
    if (env_->params) params_ = hidden_parameter("params", env_->params, here).id;
    if (env_->states) states_ = hidden_parameter("states", env_->states, here).id;
    if (env_->has_key) key_ = hidden_parameter("key", types().scalar(DType::i64), here).id;
    if (model_ >= 0) declare_stacked_states();
    for (size_t k = 0; k < n_outer_; ++k) {
      const Binding outer = bindings_[k];
      Val v = outer.val;
      if (v.kind == Val::Kind::value) v = hidden_parameter(str(outer.name), v.type, outer.span);
      else if (v.kind == Val::Kind::function) v = hidden_function(v.function, str(outer.name), outer.span);
      bindings_[k].val = v;
    }
  }
  if (!choice_) return;
  for (size_t k = 0; k < choice_->functions.size(); ++k) {
    const size_t at = function_params_[k];
    bindings_[at].val = hidden_function(choice_->functions[k], str(bindings_[at].name), bindings_[at].span);
  }
}

/// A function of the caller, whose captured values are parameters here.
Val Lowering::hidden_function(int32_t callable, std::string_view name, Span span) {
  std::vector<Val> captured = a_.captured(callable);
  for (Val& v : captured) v = hidden_parameter(name, v.type, span);
  return a_.with_captured(callable, std::move(captured));
}

const std::vector<Val>& Analysis::captured(int32_t callable) const { return base_of(callable).captured; }

const Callable& Analysis::base_of(int32_t callable) const {
  const Callable* c = &callables[static_cast<size_t>(callable)];
  while (c->kind == Callable::Kind::derivative) c = &callables[static_cast<size_t>(c->base)];
  return *c;
}

/// The same function with its captured values as another function sees them.
Val Analysis::with_captured(int32_t callable, std::vector<Val> captured) {
  std::vector<int32_t> tower{callable};
  while (callables[static_cast<size_t>(tower.back())].kind == Callable::Kind::derivative)
    tower.push_back(callables[static_cast<size_t>(tower.back())].base);
  Callable base = callables[static_cast<size_t>(tower.back())];
  base.captured = std::move(captured);
  Val v = function_value(std::move(base));
  for (tower.pop_back(); !tower.empty(); tower.pop_back()) {
    Callable next = callables[static_cast<size_t>(tower.back())];
    next.base = v.function;
    v = function_value(std::move(next));
  }
  return v;
}

void Lowering::add_captured_arguments(const Func& f, const Val& function, std::vector<Argument>& out) {
  const Callable& base = a_.base_of(function.function);
  std::vector<Val> captured = base.captured;
  if (base.key_at >= 0 && key_) {
    const ValueId key = fresh_key({});
    captured[static_cast<size_t>(base.key_at)] = key ? value(key) : Val{};
  }
  size_t next = 0;
  for (ValueId p : f.body().params) {
    const StrId name = a_.m[f[p].attr].name;
    if (!is_hidden_name(str(name)) || next == captured.size()) continue;
    Argument a;
    a.name = {name, {}}, a.val = captured[next++], a.is_hidden = a.is_captured = true;
    out.push_back(a);
  }
}

/// `checkpoint(f)`: f under a name of its own, which no pass looks into before derivatives are made.
FuncId Analysis::kept(FuncId f) {
  const std::string key = fmt::format("checkpoint {}", f.i);
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;
  const FuncId id = start_function(m, m[f].name + ".checkpoint", m[f]);
  m[id].is_kept = true;
  m[id].checks.clear();
  std::vector<DimId> sizes;
  for (StrId v : m[f].size_vars) sizes.push_back(m.types.dims.variable(v));
  const std::vector<ValueId> params = m[id].body().params;
  Builder b(m, id, BlockId{0});
  b.set_result(b.call(f, std::move(sizes), params, m[f].loc));
  copy_reach(f, id);
  return m.derived[key] = id;
}

Val Lowering::lower_checkpoint(const Expr& call) {
  const std::span<const Arg> args = ast_[call.args];
  if (args.size() != 1 || args[0].kind != ArgKind::value) {
    fail(sema_error("argument-count"), call.mark, "`checkpoint` takes one function").help("its arguments go into a call of the result: `checkpoint(f)(x)`");
    return {};
  }
  const Expr& e = ast_[ast_.strip_parens(args[0].value)];
  const Val f = e.kind == ExprKind::name ? lookup_function(e.name, e.span) : lower(args[0].value);
  if (!f) return {};
  const bool is_function = f.kind == Val::Kind::function && a_.callables[static_cast<size_t>(f.function)].kind != Callable::Kind::array;
  if (!is_function) {
    fail(sema_error("bad-derivative"), args[0].span, fmt::format("`checkpoint` takes a function of this program, and `{}` is {}", code(args[0].value), type_text(f)));
    return {};
  }
  if (!a_.is_generic(f.function) && !a_.takes_functions(f.function)) {
    const FuncId base = a_.func_of(f.function, a_.options.real, call.span);
    if (!base || !updates_nothing(base, args[0].span) || !looks_at_one(base, args[0].span, "`checkpoint` computes one example again")) return failed_ = true, Val{};
  }
  Callable c;
  c.kind = Callable::Kind::derivative, c.is_checkpoint = true, c.base = f.function, c.span = call.span;
  return a_.function_value(std::move(c));
}

// ---------------------------------------------------------------------------------- functions that take functions

/// A copy of a function of no declared parameter types that has these.
Val Analysis::with_types(int32_t callable, std::vector<TypeId> types) {
  Callable c = callables[static_cast<size_t>(callable)];
  FnEntry& entry = functions[static_cast<size_t>(c.declared)];
  auto [it, is_new] = entry.typed.try_emplace(types, -1);
  if (is_new) {
    FnEntry copy;
    copy.ast = entry.ast, copy.fn = entry.fn, copy.env = entry.env, copy.name = entry.name, copy.is_prelude = entry.is_prelude;
    copy.parameter_types = std::move(types);
    it->second = static_cast<int32_t>(functions.size());
    functions.push_back(std::move(copy));
  }
  c.declared = it->second;
  return function_value(std::move(c));
}

/// `f` with its first `n_hidden` parameters behind the others, and these under other names; itself where that changes nothing.
FuncId Analysis::adapter(FuncId f, size_t n_hidden, const std::vector<StrId>& names, Span span) {
  const Func& inner = m[f];
  const std::vector<ValueId> params = inner.body().params;
  std::vector<size_t> order;
  for (size_t k = n_hidden; k < params.size(); ++k) order.push_back(k);
  for (size_t k = 0; k < n_hidden; ++k) order.push_back(k);
  std::string key = fmt::format("adapter {} {}", f.i, n_hidden);
  std::vector<StrId> own;
  bool changes = n_hidden > 0;
  for (size_t k = 0; k < order.size(); ++k) {
    const StrId name = m[inner[params[order[k]]].attr].name;
    own.push_back(k < names.size() && names[k] ? names[k] : name);
    if (order[k] < n_hidden) own.back() = m.strings.intern(hidden_name(m.strings[name]));
    changes = changes || own.back() != name;
    key += fmt::format(" {}", own.back().i);
  }
  if (!changes) return f;
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;
  Func outer;
  outer.name = m.unique_name(inner.name);
  outer.size_vars = inner.size_vars;
  outer.loc = inner.loc;
  outer.blocks.emplace_back();
  const FuncId id = m.add(std::move(outer));
  std::vector<ValueId> args(params.size());
  for (size_t k = 0; k < order.size(); ++k)
    args[order[k]] = append_param(m, m[id], BlockId{0}, "param"_op, m[f][params[order[k]]].type, own[k], {span});
  std::vector<DimId> sizes;
  for (StrId v : m[f].size_vars) sizes.push_back(m.types.dims.variable(v));
  Builder b(m, id, BlockId{0});
  b.set_result(b.call(f, std::move(sizes), args, {span}));
  copy_reach(f, id);
  return m.derived[key] = id;
}

/// The parameters of a function that takes functions, which themselves count as empty tuples here.
const Signature* Analysis::signature(int32_t function, DType float_type) {
  FnEntry& entry = functions[static_cast<size_t>(function)];
  auto& slot = entry.signatures[entry.is_generic && float_type == DType::f64 ? 1 : 0];
  if (slot) return slot->is_good ? slot.get() : nullptr;
  slot = std::make_shared<Signature>();
  Func f;
  f.name = m.unique_name(m.strings[(*entry.ast)[entry.fn].name.id]);
  f.loc.span = (*entry.ast)[entry.fn].head;
  f.blocks.emplace_back();
  const FuncId id = m.add(std::move(f));
  if (entry.model >= 0) float_type = models[static_cast<size_t>(entry.model)].float_type;
  Lowering lowering(*this, *entry.ast, id, entry.env ? entry.env->float_type : float_type);
  if (entry.env) lowering.enter_environment(*entry.env);
  else lowering.enter_model(entry.model, entry.is_training);
  slot->is_good = lowering.lower_signature_only((*entry.ast)[entry.fn], *slot);
  slot->func = m[id];
  m.discard(id);
  return slot->is_good ? slot.get() : nullptr;
}

bool Lowering::lower_signature_only(const Fn& fn, Signature& out) {
  signature_ = &out;
  return lower_signature(fn);
}

/// A parameter's `fn` type, in the sizes of the function whose parameter it is.
bool Lowering::lower_function_type(const TypeExpr& t, size_t position) {
  FunctionType type;
  type.position = position;
  bool ok = true;
  for (const TypeField& field : ast_[t.fields]) {
    type.names.push_back(field.name.id);
    type.params.push_back(lower_type(field.type));
    ok = ok && type.params.back();
  }
  type.result = lower_type(t.result);
  if (ok && type.result) signature_->functions.push_back(std::move(type));
  return ok && type.result;
}

/// The function that is given for a parameter, for arguments of these types; it and its Func are absent after an error.
std::pair<Val, FuncId> Lowering::function_for(const Argument& arg, const std::vector<TypeId>& params, std::string_view context) {
  if (arg.val.kind != Val::Kind::function) {
    fail(sema_error("type-mismatch"), arg.span, fmt::format("{} is a function, and `{}` is {}", context, code(arg.expr), type_text(arg.val)));
    return {};
  }
  Val f = arg.val;
  if (const Callable& c = a_.callables[static_cast<size_t>(f.function)]; c.kind == Callable::Kind::array) {
    f = a_.declared_builtin(*c.row, params.size());
    if (!f) {
      fail(sema_error("type-mismatch"), arg.span, fmt::format("{} takes {} argument{}, and `{}` does not", context, params.size(), params.size() == 1 ? "" : "s", code(arg.expr)));
      return {};
    }
    f = a_.with_types(f.function, params);
  } else if (c.kind == Callable::Kind::declared && a_.functions[static_cast<size_t>(c.declared)].is_untyped) {
    const FnEntry& entry = a_.functions[static_cast<size_t>(c.declared)];
    const int32_t n = (*entry.ast)[entry.fn].params.count;
    if (static_cast<size_t>(n) != params.size()) {
      fail(sema_error("type-mismatch"), arg.span, fmt::format("{} takes {} argument{}, and `{}` takes {}", context, params.size(), params.size() == 1 ? "" : "s", code(arg.expr), n));
      return {};
    }
    f = a_.with_types(f.function, params);
  }
  DType float_type = a_.options.real;
  for (size_t k = params.size(); k-- > 0;)
    if (is_float(types()[params[k]].dtype)) float_type = types()[params[k]].dtype;
  const FuncId func = a_.func_of(f.function, float_type, arg.span);
  if (!func) failed_ = true;
  return {func ? f : Val{}, func};
}

/// Sizes that no argument tells, but the result of a function that is given: `fn each[n, k](f: fn(real[n]) -> real[k], x: real[n])`.
/// False after an error in one.
bool Lowering::infer_from_functions(const Signature& signature, std::span<const Argument* const> of_param, std::map<StrId, DimId>& bound) {
  const Func& head = signature.func;
  std::map<StrId, DimId> known = bound;
  const auto add = [&](TypeId want, TypeId have, std::map<StrId, DimId>& to) {
    std::vector<std::pair<DimId, DimId>> pairs;
    pair_sizes(want, have, pairs);
    for (auto [size, value] : pairs)
      if (const StrId v = dims().as_variable(size); v && std::find(head.size_vars.begin(), head.size_vars.end(), v) != head.size_vars.end()) to.emplace(v, value);
  };
  for (size_t k = 0; k < of_param.size(); ++k)
    if (of_param[k]->val.kind != Val::Kind::function) add(head[head.body().params[k]].type, type_of(of_param[k]->val), known);
  const auto is_known = [&](TypeId type) {
    std::vector<std::pair<DimId, DimId>> sizes;
    pair_sizes(type, type, sizes);
    return std::all_of(sizes.begin(), sizes.end(), [&](const auto& size) {
      const std::vector<StrId> used = dims().variables(size.first);
      return std::all_of(used.begin(), used.end(), [&](StrId v) { return known.contains(v); });
    });
  };
  for (const FunctionType& want : signature.functions) {
    const Argument& arg = *of_param[want.position];
    if (arg.val.kind != Val::Kind::function || is_known(want.result) || !std::all_of(want.params.begin(), want.params.end(), is_known)) continue;
    std::vector<TypeId> params, own;
    for (TypeId p : want.params) params.push_back(types().substitute(p, known));
    const auto [f, func] = function_for(arg, params, fmt::format("`{}` of {}", str(a_.m[head[head.body().params[want.position]].attr].name), called(head)));
    if (!func) return false;
    std::map<StrId, DimId> sizes;
    for (StrId v : a_.base_of(arg.val.function).world) sizes[v] = dims().variable(v);
    std::vector<std::pair<DimId, DimId>> pairs;
    int n_hidden = is_own(f) ? n_hidden_arguments() : 0;
    for (ValueId p : a_.m[func].body().params)
      if (n_hidden-- <= 0 && !is_hidden_name(str(a_.m[a_.m[func][p].attr].name))) own.push_back(a_.m[func][p].type);
    for (size_t k = 0; k < std::min(own.size(), params.size()); ++k) pair_sizes(own[k], params[k], pairs);
    for (auto [size, value] : pairs)
      if (const StrId v = dims().as_variable(size)) sizes.emplace(v, value);
    const TypeId result = types().substitute(a_.m[func].result_type(), sizes);
    add(want.result, result, known), add(want.result, result, bound);
  }
  return true;
}

/// A function that is given to another, or differentiated, or computed again, may run more than once.
bool Lowering::updates_nothing(FuncId f, Span span) {
  if (!a_.updates.contains(f)) return true;
  fail(sema_error("misplaced-update"), span, fmt::format("{} updates a state, and here it may be called more than once", called(a_.m[f]))).label(a_.m[f].loc.span, "declared here");
  return false;
}

bool Lowering::looks_at_one(FuncId f, Span span, std::string_view why) {
  if (!a_.collectives.contains(f)) return true;
  look_at_one(f, span, why);
  return false;
}

void Lowering::look_at_one(FuncId f, Span span, std::string_view why) {
  fail(sema_error("collective-in-derivative"), span, fmt::format("{}, and the function looks at its whole batch", why))
      .label(a_.m[f].loc.span, "it reaches `batch_mean`, `batch_sum` or `update`");
}

/// The function that is given for a parameter of type `want`, resolved; absent after an error.
Val Lowering::resolve_function(const Argument& arg, const FunctionType& want, const std::map<StrId, DimId>& bound, std::string_view context) {
  std::vector<TypeId> params;
  for (TypeId p : want.params) params.push_back(types().substitute(p, bound));
  const TypeId result = types().substitute(want.result, bound);
  const auto [f, func] = function_for(arg, params, context);
  if (!func || !updates_nothing(func, arg.span)) return {};
  Callable c;
  c.kind = Callable::Kind::resolved, c.span = arg.span;
  std::vector<Argument> own;
  if (is_own(f)) add_hidden_arguments(own);
  for (const Argument& a : own) c.captured.push_back(a.val);
  const std::vector<Val>& inner = a_.captured(f.function);
  c.captured.insert(c.captured.end(), inner.begin(), inner.end());
  c.world = a_.base_of(f.function).world;
  if (!own.empty()) c.world = a_.m[func_].size_vars;
  c.func = a_.adapter(func, own.size(), want.names, arg.span);
  if (!accepts(a_.m[c.func], c, params, result)) {
    std::string wanted, have;
    for (TypeId p : params) wanted += (wanted.empty() ? "" : ", ") + types().text(p);
    const Func& given = a_.m[c.func];
    for (ValueId p : given.body().params)
      if (!is_hidden_name(str(a_.m[given[p].attr].name))) have += (have.empty() ? "" : ", ") + types().text(given[p].type);
    fail(sema_error("type-mismatch"), arg.span,
         fmt::format("{} is fn({}) -> {}, and `{}` is fn({}) -> {}", context, wanted, types().text(result), code(arg.expr), have, types().text(given.result_type())))
        .label(given.loc.span, "declared here");
    return {};
  }
  return a_.function_value(std::move(c));
}

/// Whether `f` can be called with arguments of exactly these types, and returns `result`.
bool Lowering::accepts(const Func& f, const Callable& c, const std::vector<TypeId>& params, TypeId result) {
  std::vector<TypeId> own;
  for (ValueId p : f.body().params)
    if (!is_hidden_name(str(a_.m[f[p].attr].name))) own.push_back(f[p].type);
  if (own.size() != params.size()) return false;
  std::map<StrId, DimId> bound;
  for (StrId v : c.world) bound[v] = dims().variable(v);
  std::vector<std::pair<DimId, DimId>> pairs;
  for (size_t k = 0; k < own.size(); ++k) pair_sizes(own[k], params[k], pairs);
  for (auto [want, have] : pairs)
    if (const StrId v = dims().as_variable(want)) bound.emplace(v, have);
  for (size_t k = 0; k < own.size(); ++k)
    if (types().substitute(own[k], bound) != params[k]) return false;
  return types().substitute(f.result_type(), bound) == result;
}

/// In which sizes the instance is lowered. Its own ones stay open but for those that a given function fixes, so that it may
/// call itself at others; the sizes that the given ones were declared among are further ones.
void Lowering::choose_sizes(const Signature& signature, const FnEntry& entry, const std::map<StrId, DimId>& bound, Choice& choice) {
  const std::vector<StrId>& own = signature.func.size_vars;
  const auto callable = [&](size_t k) -> const Callable& { return a_.callables[static_cast<size_t>(choice.functions[k])]; };
  const auto add = [&](StrId v) {
    if (std::find(choice.world.begin(), choice.world.end(), v) == choice.world.end()) choice.world.push_back(v);
  };
  // What stands in a body or in a model has sizes of those around it, so that its own are all given then.
  const auto fix_all = [&] { choice.sizes = bound, choice.world = a_.m[func_].size_vars; };
  const bool is_nested = entry.env || entry.model >= 0;
  bool is_closed = true;
  for (size_t k = 0; k < choice.functions.size(); ++k) {
    is_closed = is_closed && callable(k).captured.empty() && callable(k).world.empty();
    for (StrId v : callable(k).world) add(v);
  }
  if (!is_closed && is_nested) fix_all();
  for (bool is_settled = false; !is_settled;) {
    is_settled = true;
    std::map<StrId, DimId> inside = choice.sizes;
    std::vector<StrId> taken = choice.world;
    for (StrId v : own)
      if (!inside.contains(v)) taken.push_back(a_.free_size_name(v, taken)), inside[v] = dims().variable(taken.back());
    for (size_t k = 0; k < choice.functions.size(); ++k) {
      const FunctionType& want = signature.functions[k];
      std::vector<TypeId> params;
      for (TypeId p : want.params) params.push_back(types().substitute(p, inside));
      if (accepts(a_.m[callable(k).func], callable(k), params, types().substitute(want.result, inside))) continue;
      if (is_nested) {
        fix_all();
        continue;
      }
      std::vector<std::pair<DimId, DimId>> used;
      for (TypeId p : want.params) pair_sizes(p, p, used);
      pair_sizes(want.result, want.result, used);
      for (const auto& [size, same] : used)
        for (StrId v : dims().variables(size))
          if (bound.contains(v) && choice.sizes.emplace(v, bound.at(v)).second) is_settled = false;
    }
    for (const auto& [name, size] : choice.sizes)
      for (StrId v : dims().variables(size)) add(v);
  }
}

/// The instance of `f` for these arguments; its `func` is absent after an error.
Lowering::ChosenInstance Lowering::choose_instance(const Val& f, const Expr* sizes, std::span<const Argument> args, const Expr& call, TypeId want) {
  ChosenInstance result;
  const Callable callee = a_.callables[static_cast<size_t>(f.function)];
  const int32_t declared = callee.declared;
  const DType float_type = float_type_for(f.function, args, want);
  const Signature* signature = a_.signature(declared, float_type);
  if (!signature) return failed_ = true, result;
  const Func& head = result.head = signature->func;
  std::vector<const Argument*>& of_param = result.of_param;
  if (!place_arguments(head, args, call, of_param)) return result;
  result.function_at.resize(of_param.size());
  for (const FunctionType& type : signature->functions) result.function_at[type.position] = &type;
  bool ok = true;
  for (size_t k = 0; k < of_param.size(); ++k)
    if (!result.function_at[k]) ok = fits_parameter(head, head.body().params[k], *of_param[k]) && ok;
  std::map<StrId, DimId>& bound = result.bound;
  for (StrId v : callee.world) bound[v] = dims().variable(v);
  for (const auto& [name, size] : is_own(f) ? model_sizes() : callee.sizes) bound[name] = size;
  if (ok && !sizes) ok = infer_from_functions(*signature, of_param, bound);
  if (!ok || !bind_sizes(head, sizes, of_param, call, bound)) return result;

  if (!callee.is_layers) result.captured = callee.captured;
  for (size_t k = 0; k < of_param.size(); ++k) {
    if (!result.function_at[k]) continue;
    const std::string context = fmt::format("`{}` of {}", str(a_.m[head[head.body().params[k]].attr].name), called(head));
    const Val given = resolve_function(*of_param[k], *result.function_at[k], bound, context);
    if (!given) return result;
    const Callable& c = a_.callables[static_cast<size_t>(given.function)];
    result.choice.functions.push_back(given.function);
    result.captured.insert(result.captured.end(), c.captured.begin(), c.captured.end());
  }
  choose_sizes(*signature, a_.functions[static_cast<size_t>(declared)], bound, result.choice);
  const FuncId func = a_.chosen_instance(declared, float_type, result.choice, call.span);
  if (!func || (a_.m[func].rule && !looks_at_one(func, call.span, "the declared derivative is that of one example"))) return failed_ = true, result;
  result.func = func;
  return result;
}

Val Lowering::call_higher_order(const Val& f, const Expr* sizes, const Expr& call, TypeId want) {
  std::vector<Argument> args;
  const Callable callee = a_.callables[static_cast<size_t>(f.function)];
  if (is_own(f)) add_hidden_arguments(args);
  for (const Val& v : callee.is_layers ? callee.captured : std::vector<Val>{}) args.push_back({.val = v, .is_hidden = true});
  if (!lower_arguments(call, nullptr, args)) return {};
  ChosenInstance chosen = choose_instance(f, sizes, args, call, want);
  if (!chosen.func) return {};
  const Func& head = chosen.head;
  std::vector<ValueId> operands;
  for (size_t k = 0; k < chosen.of_param.size(); ++k) {
    if (chosen.function_at[k]) continue;
    const Inst param = head[head.body().params[k]];
    const Argument& arg = *chosen.of_param[k];
    operands.push_back(coerce(arg.val, types().substitute(param.type, chosen.bound), arg.span, fmt::format("`{}` of {}", str(a_.m[param.attr].name), called(head))));
    if (!operands.back()) return {};
  }
  for (const Val& v : chosen.captured) operands.push_back(make(v, call.span));
  std::vector<DimId> given;
  for (StrId v : chosen.choice.world) given.push_back(dims().variable(v));
  for (StrId v : head.size_vars)
    if (!chosen.choice.sizes.contains(v)) given.push_back(chosen.bound[v]);
  return after_call(chosen.func, callee, value(b().call(chosen.func, std::move(given), operands, loc(call.span))), call.span);
}

/// `grad(f, wrt = x)(sin, x)`: the derivative of the instance of `f` that is for `sin`, by what is left of its parameters.
Val Lowering::call_derivative_of_higher_order(const Val& f, const Expr* sizes, const Expr& call, TypeId want) {
  std::vector<Argument> args, of_function, others;
  if (!lower_arguments(call, nullptr, args)) return {};
  std::vector<int32_t> tower{f.function};
  while (a_.callables[static_cast<size_t>(tower.back())].kind == Callable::Kind::derivative) tower.push_back(a_.callables[static_cast<size_t>(tower.back())].base);
  Val base;
  base.kind = Val::Kind::function, base.function = tower.back();
  const FnEntry& entry = a_.functions[static_cast<size_t>(a_.callables[static_cast<size_t>(tower.back())].declared)];
  const std::span<const Param> params = (*entry.ast)[(*entry.ast)[entry.fn].params];
  if (is_own(base)) add_hidden_arguments(of_function), others = of_function;
  size_t next = 0;
  for (Argument a : args) {  // by name from here on, for the functions go
    if (!a.name && next < params.size()) a.name = {params[next++].name.id, a.span};
    if (std::any_of(params.begin(), params.end(), [&](const Param& p) { return p.name.id == a.name.id; })) of_function.push_back(a);
    if (a.val.kind != Val::Kind::function) others.push_back(a);
  }
  const ChosenInstance chosen = choose_instance(base, sizes, of_function, call, want);
  if (!chosen.func) return {};
  Callable c;
  c.kind = Callable::Kind::resolved, c.func = chosen.func, c.captured = chosen.captured, c.world = chosen.choice.world, c.span = call.span;
  Val instance = a_.function_value(std::move(c));
  for (tower.pop_back(); !tower.empty(); tower.pop_back()) {
    Callable derivative = a_.callables[static_cast<size_t>(tower.back())];
    derivative.base = instance.function;
    instance = a_.function_value(std::move(derivative));
  }
  const FuncId func = a_.func_of(instance.function, a_.options.real, call.span);
  if (!func) return failed_ = true, Val{};
  add_captured_arguments(a_.m[func], instance, others);
  return call_func(func, instance, nullptr, others, call);
}

/// A function that takes functions and that nobody calls is lowered for functions of the types it takes, so that it is
/// checked all the same; they return zeros, and nothing calls what is made.
void Analysis::check_uncalled(int32_t index) {
  const FnEntry& entry = functions[static_cast<size_t>(index)];
  const Span place = (*entry.ast)[entry.fn].head;
  const Signature* signature = this->signature(index, options.real);
  if (!signature) return;
  Choice choice;
  choice.world = signature->func.size_vars;
  for (StrId v : choice.world) choice.sizes[v] = m.types.dims.variable(v);
  for (const FunctionType& type : signature->functions) {
    Func f;
    const Name param = (*entry.ast)[(*entry.ast)[entry.fn].params][type.position].name;
    f.name = m.unique_name(fmt::format("{}.{}", m.strings[(*entry.ast)[entry.fn].name.id], m.strings[param.id])), f.loc.span = place, f.size_vars = choice.world;
    f.blocks.emplace_back();
    const FuncId id = m.add(std::move(f));
    for (size_t k = 0; k < type.params.size(); ++k) {
      const StrId name = type.names[k] ? type.names[k] : m.strings.intern(fmt::format("x{}", k + 1));
      append_param(m, m[id], BlockId{0}, "param"_op, type.params[k], name, {place});
    }
    Builder b(m, id, BlockId{0});
    b.set_result(b.zeros(type.result, {place}));
    Callable c;
    c.kind = Callable::Kind::resolved, c.func = id, c.world = choice.world, c.span = place;
    choice.functions.push_back(function_value(std::move(c)).function);
  }
  chosen_instance(index, options.real, choice, place);
}

}  // namespace dlc::sema
