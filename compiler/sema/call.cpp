// Calls: who is called, with which arguments, at which sizes.
#include <algorithm>

#include <fmt/format.h>

#include "ops/request.h"
#include "ops/table.h"
#include "sema/builtins.h"
#include "sema/lowering.h"

namespace dlc::sema {

Val Lowering::lower_call(const Expr& e, TypeId want) {
  const Expr& callee = ast_[ast_.strip_parens(e.a)];
  if (callee.kind == ExprKind::name) {
    const auto kind = derivative_kind(str(callee.name));
    const bool is_declared = find(callee.name) || top_level(callee.name);
    if (kind && !is_declared) return lower_derivative(*kind, e);
    if (!is_declared && str(callee.name) == "checkpoint") return lower_checkpoint(e);
    if (!is_declared && str(callee.name) == "dropout") return lower_dropout(e);
    if (!is_declared && str(callee.name) == "map") return lower_map_call(e);
    if (!is_declared && str(callee.name) == "scan") return lower_scan_call(e);
    if (!is_declared && is_collective(callee.name)) return lower_collective(e, str(callee.name) == "batch_mean");
    return call_value(lookup_function(callee.name, callee.span), nullptr, e, want);
  }
  if (callee.kind == ExprKind::index) {
    const Expr& base = ast_[ast_.strip_parens(callee.a)];
    if (base.kind == ExprKind::name) {
      const BuiltinRow* row = find_builtin(str(base.name));
      if (row && row->is_reduction) return lower_reduction(base.name, callee, e, want);
      return call_value(lookup_function(base.name, base.span), &callee, e, want);
    }
    return call_value(lower(callee.a), &callee, e, want);
  }
  if (callee.kind == ExprKind::field) {
    const Expr* sizes = nullptr;
    const Val f = find_layer(callee.a) ? layer_field(callee) : outside_function(callee, sizes);
    if (!f || find_layer(callee.a)) return f ? call_value(f, sizes, e, want) : Val{};
    return call_outside(callee, f, sizes, e, want);
  }
  return call_value(lower(e.a), nullptr, e, want);
}

Val Lowering::call_value(const Val& f, const Expr* sizes, const Expr& call, TypeId want) {
  if (!f) return {};
  if (f.kind != Val::Kind::function) {
    Diagnostic& d = fail(sema_error("not-a-function"), ast_[call.a].span, fmt::format("`{}` is {}, not a function", code(call.a), type_text(f)));
    if (f.origin) d.label(f.origin, "declared here");
    return {};
  }
  const Callable& callable = a_.callables[static_cast<size_t>(f.function)];
  if (callable.kind == Callable::Kind::array) return call_array(*callable.row, sizes, call, want);
  std::vector<Argument> args;
  if (callable.kind == Callable::Kind::elementwise) {
    if (sizes) return fail(sema_error("size-count"), sizes->mark, fmt::format("`{}` takes no sizes", code(sizes->a))), Val{};
    const Expr& name = ast_[ast_.strip_parens(call.a)];
    return lower_arguments(call, nullptr, args) ? call_elementwise(callable.op, name.kind == ExprKind::name ? str(name.name) : op_row(callable.op).name, args, call) : Val{};
  }
  if (!func_) return fail(sema_error("const-not-constant"), call.span, "a constant cannot call a declared function"), Val{};
  if (callable.kind == Callable::Kind::declared && a_.functions[static_cast<size_t>(callable.declared)].takes_functions)
    return call_higher_order(f, sizes, call, want);
  if (a_.takes_functions(f.function)) return call_derivative_of_higher_order(f, sizes, call, want);
  if (a_.is_generic(f.function)) {
    if (!lower_arguments(call, nullptr, args)) return {};
    const FuncId func = a_.func_of(f.function, float_type_for(f.function, args, want), call.span);
    if (!func) return failed_ = true, Val{};
    return call_func(func, f, sizes, args, call);
  }
  const FuncId func = a_.func_of(f.function, a_.options.real, call.span);
  if (is_own(f)) add_hidden_arguments(args);
  if (!lower_arguments(call, func ? &a_.m[func] : nullptr, args) || !func) return failed_ = true, Val{};
  add_captured_arguments(a_.m[func], f, args);
  return call_func(func, f, sizes, args, call);
}

/// `Net[3, 2].f(params, x)`: of a model in `float`, the form that the arguments are of.
Val Lowering::call_outside(const Expr& callee, const Val& f, const Expr* sizes, const Expr& call, TypeId want) {
  const TopLevel* top = outside_model(callee.a);
  const int32_t declared = a_.callables[static_cast<size_t>(f.function)].declared;
  if (!func_ || !top || !a_.is_of_float(top->index) || a_.functions[static_cast<size_t>(declared)].takes_functions) return call_value(f, sizes, call, want);
  std::vector<Argument> args;
  if (!lower_arguments(call, nullptr, args)) return {};
  const int32_t model = a_.model_of(a_.models[static_cast<size_t>(top->index)].decl->name.id, float_type_for(f.function, args, want), call.span);
  Callable c;
  c.kind = Callable::Kind::declared, c.declared = a_.models[static_cast<size_t>(model)].find(callee.name)->plain;
  const Val own = a_.function_value(std::move(c));
  const FuncId func = a_.func_of(own.function, a_.options.real, call.span);
  return func ? call_func(func, own, sizes, args, call) : (failed_ = true, Val{});
}

/// Of the first argument that is a float; else of the context.
DType Lowering::float_type_for(int32_t, std::span<const Argument> args, TypeId want) {
  const auto float_in = [&](auto& self, TypeId id) -> std::optional<DType> {
    const Type t = types()[id];
    if (is_float(t.dtype)) return t.dtype;
    for (const Field& field : t.fields)
      if (const auto found = self(self, field.type)) return found;
    return std::nullopt;
  };
  for (const Argument& a : args) {
    if (a.val.kind == Val::Kind::function || shape_of(a.val).is_flexible) continue;
    if (const auto found = float_in(float_in, type_of(a.val))) return *found;
  }
  if (want && is_float(types()[want].dtype)) return types()[want].dtype;
  return default_float();
}

bool Lowering::lower_arguments(const Expr& call, const Func* callee, std::vector<Argument>& out) {
  bool ok = true;
  for (const Arg& a : ast_[call.args]) {
    if (!a.value || ast_[a.value].kind == ExprKind::range) {
      fail(sema_error("bad-argument"), a.span, "a range is no argument of a function");
      ok = false;
      continue;
    }
    TypeId want;
    if (callee && a.kind == ArgKind::value && out.size() < callee->body().params.size())
      want = (*callee)[callee->body().params[out.size()]].type;
    out.push_back({a.kind == ArgKind::named ? a.name : Name{}, lower(a.value, want), a.value, a.span});
    ok = ok && out.back().val;
  }
  return ok;
}

// -------------------------------------------------------------------------------------------- scalar built-ins

bool Lowering::expect_positional(std::string_view name, std::span<const Argument> args) {
  for (const Argument& a : args)
    if (a.name) {
      fail(sema_error("unknown-argument"), a.name.span, fmt::format("`{}` has no named arguments", name));
      return false;
    }
  return true;
}

Val Lowering::call_elementwise(OpId op, std::string_view name, std::span<const Argument> args, const Expr& call) {
  if (!expect_positional(name, args)) return {};
  const int arity = op_row(op).arity;
  if (static_cast<int>(args.size()) != arity) {
    fail(sema_error("argument-count"), call.mark, fmt::format("`{}` takes {} argument{}, not {}", name, arity, arity == 1 ? "" : "s", args.size()));
    return {};
  }
  if (op == "to_f32"_op || op == "to_f64"_op || op == "to_int"_op) return convert(op, args[0], call.span);
  if (op == "stop_gradient"_op && is_struct(args[0].val)) return fieldwise_walk(op, args[0].val, {}, call.span);
  std::vector<Val> values;
  std::vector<ExprId> exprs;
  for (const Argument& a : args) values.push_back(a.val), exprs.push_back(a.expr);
  return elementwise(op, values, exprs, call.span);
}

Val Lowering::convert(OpId op, const Argument& arg, Span span) {
  const DType to = op == "to_f32"_op ? DType::f32 : op == "to_f64"_op ? DType::f64 : DType::i64;
  const Shape s = shape_of(arg.val);
  if (arg.val.kind == Val::Kind::function) return make(arg.val, arg.span), Val{};
  if (to == DType::i64 && s.dtype == DType::i64 && !s.wants_float && !s.prefers_float) return arg.val;  // stays a size
  if (arg.val.kind == Val::Kind::flex) {
    Flex node;
    node.kind = Flex::Kind::cast, node.fixed = to, node.operands = {arg.val.flex}, node.dims = s.dims, node.loc = loc(span);
    node.wants_float = is_float(to);
    return add_flex(std::move(node));
  }
  if (s.dtype == DType::tuple || s.dtype == DType::key) {
    fail(sema_error("type-mismatch"), arg.span, fmt::format("a number is wanted, and `{}` is {}", code(arg.expr), type_text(arg.val)));
    return {};
  }
  const ValueId x = make(arg.val, arg.span);
  return x ? value(b().convert(x, to, loc(span))) : Val{};
}

// ------------------------------------------------------------------------------------------ declared functions

/// "step" of "f.step", "Net.step.training", "step.f32" and "step.2".
std::string called(const Func& f) {
  if (f.request) return "this derivative";
  std::string name = f.name;
  const auto drop = [&](std::string_view suffix) {
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  };
  while (name.find('.') != name.npos && name.find_first_not_of("0123456789", name.rfind('.') + 1) == name.npos) name.resize(name.rfind('.'));
  for (std::string_view suffix : {".for", ".f32", ".f64", ".prelude", ".training"}) drop(suffix);
  name = name.substr(name.rfind('.') + 1);
  return name == "fn" ? "this function" : "`" + name + "`";
}

/// What a derivative is called with that its function is not: a direction or a cotangent, by name.
std::string Lowering::missing_direction(const Func& f, std::span<const Argument* const> of_param) const {
  const std::vector<ValueId>& params = f.body().params;
  const size_t n_own = a_.m[f.request->base].body().params.size();
  std::string missing;
  for (size_t k = 0; k < params.size(); ++k) {
    const std::string_view name = str(a_.m[f[params[k]].attr].name);
    if (of_param[k] || is_hidden_name(name)) continue;
    missing += fmt::format("{}`{}`", missing.empty() ? "" : ", ", k < n_own ? std::string(name) : fmt::format("{} = …", name));
    if (k < n_own) continue;
    missing += f.request->kind == DerivativeRequest::Kind::vjp ? ", the cotangent of the result" : fmt::format(", the direction of `{}`", name.substr(1));
  }
  return fmt::format("`{}` also wants {}", kind_name(f.request->kind), missing);
}

bool Lowering::place_arguments(const Func& f, std::span<const Argument> args, const Expr& call, std::vector<const Argument*>& of_param) {
  const std::vector<ValueId>& params = f.body().params;
  of_param.assign(params.size(), nullptr);
  auto name_of = [&](size_t k) { return a_.m[f[params[k]].attr].name; };
  size_t next = 0;
  for (const Argument& a : args) {
    size_t k = next;
    if (a.name) {
      k = 0;
      while (k < params.size() && (name_of(k) != a.name.id || (a.is_captured && of_param[k]))) ++k;  // a direction may have the name of what is captured
      if (k == params.size()) {
        std::vector<std::string_view> names;
        for (size_t j = 0; j < params.size(); ++j)
          if (!is_hidden_name(str(name_of(j)))) names.push_back(str(name_of(j)));
        Diagnostic& d = fail(sema_error("unknown-argument"), a.name.span, fmt::format("{} has no parameter `{}`", called(f), str(a.name.id)));
        if (const std::string_view near = nearest_name(str(a.name.id), names); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
        else if (!names.empty()) d.help(fmt::format("it takes `{}`", fmt::join(names, "`, `")));
        return false;
      }
    } else {
      while (k < params.size() && is_hidden_name(str(name_of(k)))) ++k;
      next = k + 1;
    }
    if (k >= params.size()) break;
    if (of_param[k]) {
      fail(sema_error("duplicate-argument"), a.span, fmt::format("`{}` is given twice", str(name_of(k)))).label(of_param[k]->span, "given here");
      return false;
    }
    of_param[k] = &a;
  }
  std::string missing;
  for (size_t k = 0; k < params.size(); ++k)
    if (!of_param[k] && !is_hidden_name(str(name_of(k)))) missing += (missing.empty() ? "`" : ", `") + std::string(str(name_of(k))) + "`";
  if (args.size() == params.size() && missing.empty()) return true;
  const auto n_hidden = static_cast<size_t>(std::count_if(args.begin(), args.end(), [](const Argument& a) { return a.is_hidden; }));
  const size_t n_params = params.size() - n_hidden, n_args = args.size() - n_hidden;
  Diagnostic& d = fail(sema_error("argument-count"), call.mark,
                       fmt::format("{} takes {} argument{}, here {} {}", called(f), n_params, n_params == 1 ? "" : "s", n_args == 1 ? "is" : "are", n_args));
  if (!missing.empty()) d.help(f.request ? missing_direction(f, of_param) : fmt::format("missing: {}", missing));
  if (f.loc.span) d.label(f.loc.span, "declared here");
  return false;
}

/// dtype and rank; sizes are compared later, all of them together.
bool Lowering::fits_parameter(const Func& f, ValueId param, const Argument& arg) {
  const Inst in = f[param];
  const std::string context = fmt::format("`{}` of {}", str(a_.m[in.attr].name), called(f));
  if (arg.val.kind == Val::Kind::function) return make(arg.val, arg.span), false;
  const Type t = types()[in.type];
  const Shape s = shape_of(arg.val);
  const bool number_fits = s.is_flexible ? is_float(t.dtype) || (t.dtype == DType::i64 && !s.wants_float)
                                         : s.dtype == t.dtype || (s.dtype == DType::i64 && is_float(t.dtype));
  if (number_fits && s.dims.size() == t.dims.size()) return true;
  const bool is_precision = !s.is_flexible && is_float(s.dtype) && is_float(t.dtype) && s.dims.size() == t.dims.size();
  const bool is_fraction = s.is_flexible && s.wants_float && t.dtype == DType::i64;
  const DiagnosticKind& kind = is_precision  ? sema_error("mixed-floats")
                               : is_fraction ? sema_error("literal-not-int")
                                             : sema_error("type-mismatch");
  Diagnostic& d = fail(kind, arg.span, fmt::format("{} is {}, and `{}` is {}", context, types().text(in.type), code(arg.expr), type_text(arg.val)));
  if (in.loc.span) d.label(in.loc.span, "the parameter is declared here");
  if (arg.val.origin && arg.val.origin != arg.span) d.label(arg.val.origin, fmt::format("`{}` is declared here", code(arg.expr)));
  if (is_precision) d.help(fmt::format("convert it: `{}({})`", dtype_name(t.dtype), code(arg.expr)));
  return false;
}

void Lowering::pair_sizes(TypeId param, TypeId arg, std::vector<std::pair<DimId, DimId>>& out) {
  const Type p = types()[param], a = types()[arg];
  if (p.dims.size() == a.dims.size())
    for (size_t k = 0; k < p.dims.size(); ++k) out.push_back({p.dims[k], a.dims[k]});
  if (p.fields.size() == a.fields.size())
    for (size_t k = 0; k < p.fields.size(); ++k) pair_sizes(p.fields[k].type, a.fields[k].type, out);
}

/// Sizes come from the brackets, from plain occurrences, then from linear ones; every other occurrence is checked.
bool Lowering::bind_sizes(const Func& f, const Expr* sizes, std::span<const Argument* const> of_param, const Expr& call,
                          std::map<StrId, DimId>& bound) {
  if (sizes && !explicit_sizes(f, *sizes, bound)) return false;
  struct Pair {
    DimId want, have;
    size_t param;
  };
  std::vector<Pair> pairs;
  for (size_t k = 0; k < of_param.size(); ++k) {
    std::vector<std::pair<DimId, DimId>> found;
    pair_sizes(f[f.body().params[k]].type, type_of(of_param[k]->val), found);
    for (auto [want, have] : found) pairs.push_back({want, have, k});
  }
  std::map<StrId, size_t> bound_by;
  std::map<StrId, const Pair*> no_solution;  // `real[2 * n]` of 5 elements
  auto is_size_var = [&](StrId v) { return std::find(f.size_vars.begin(), f.size_vars.end(), v) != f.size_vars.end(); };
  for (const Pair& p : pairs)
    if (const StrId v = dims().as_variable(p.want); v && is_size_var(v) && bound.emplace(v, p.have).second) bound_by[v] = p.param;
  for (bool progress = true; progress;) {
    progress = false;
    for (const Pair& p : pairs) {
      StrId unknown;
      int n_unknown = 0;
      for (StrId v : dims().variables(p.want))
        if (!bound.contains(v)) unknown = v, ++n_unknown;
      if (n_unknown != 1) continue;
      // want = slope · unknown + rest
      std::map<StrId, DimId> at0 = bound, at1 = bound, at2 = bound;
      at0[unknown] = dims().constant(0), at1[unknown] = dims().constant(1), at2[unknown] = dims().constant(2);
      const DimId rest = dims().substitute(p.want, at0);
      const DimId slope = dims().sub(dims().substitute(p.want, at1), rest);
      const auto k = dims().as_constant(slope);
      const bool is_linear = k && *k != 0 && slope == dims().sub(dims().substitute(p.want, at2), dims().substitute(p.want, at1));
      if (!is_linear) continue;
      const DimId solution = dims().div(dims().mul(dims().sub(p.have, rest), dims().constant(*k < 0 ? -1 : 1)), dims().constant(*k < 0 ? -*k : *k));
      if (!solution || dims().add(rest, dims().mul(slope, solution)) != p.have) {
        no_solution.emplace(unknown, &p);
        continue;
      }
      bound[unknown] = solution, bound_by[unknown] = p.param, progress = true;
    }
  }
  for (StrId v : f.size_vars)
    if (!bound.contains(v)) {
      if (const auto none = no_solution.find(v); none != no_solution.end()) {
        const Argument& arg = *of_param[none->second->param];
        const Inst param = f[f.body().params[none->second->param]];
        Diagnostic& d = fail(sema_error("size-mismatch"), arg.span,
                             fmt::format("parameter `{}` of {} is {}, and the argument `{}` is {}: no `{}` fits", str(a_.m[param.attr].name), called(f),
                                         types().text(param.type), code(arg.expr), type_text(arg.val), str(v)));
        if (param.loc.span) d.label(param.loc.span, "the parameter is declared here");
        return false;
      }
      fail(sema_error("size-not-inferred"), call.span, fmt::format("the size `{}` of {} follows from no argument", str(v), called(f)))
          .help(fmt::format("give the sizes in the call, in the order of their declaration: `{}[…](…)`", f.name.substr(0, f.name.find('.'))));
      return false;
    }
  for (const Pair& p : pairs) {
    const DimId want = dims().substitute(p.want, bound);
    if (want == p.have || are_equal_here({want}, {p.have}, regions_.back().in_second)) continue;
    const Argument& arg = *of_param[p.param];
    const Inst param = f[f.body().params[p.param]];
    Diagnostic& d = fail(sema_error("size-mismatch"), arg.span,
                         fmt::format("parameter `{}` of {} is {}{}, and the argument `{}` is {}", str(a_.m[param.attr].name), called(f), types().text(param.type),
                                     want == p.want ? "" : fmt::format(" with {} = {}", dims().text(p.want), dims().text(want)), code(arg.expr), type_text(arg.val)));
    if (param.loc.span) d.label(param.loc.span, "the parameter is declared here");
    if (arg.val.origin && arg.val.origin != arg.span) d.label(arg.val.origin, fmt::format("`{}` is declared here", code(arg.expr)));
    for (StrId v : dims().variables(p.want))
      if (auto by = bound_by.find(v); by != bound_by.end() && by->second != p.param) {
        const Argument& other = *of_param[by->second];
        d.label(other.span, fmt::format("{}: {} = {}", type_text(other.val), str(v), dims().text(bound[v])));
      }
    label_sizes(d, want), label_sizes(d, p.have);
    return false;
  }
  return true;
}

bool Lowering::explicit_sizes(const Func& f, const Expr& sizes, std::map<StrId, DimId>& bound) {
  const std::span<const Arg> args = ast_[sizes.args];
  size_t next = 0;
  for (const Arg& a : args) {
    StrId name;
    if (a.kind == ArgKind::named) name = a.name.id;
    while (next < f.size_vars.size() && bound.contains(f.size_vars[next])) ++next;  // those around a local function
    if (a.kind == ArgKind::value && next < f.size_vars.size()) name = f.size_vars[next++];
    const bool is_known = name && std::find(f.size_vars.begin(), f.size_vars.end(), name) != f.size_vars.end() && !bound.contains(name);
    if (!is_known) {
      fail(sema_error("size-count"), a.span, fmt::format("{} declares {} size{}", called(f), f.size_vars.size(), f.size_vars.size() == 1 ? "" : "s"))
          .label(f.loc.span, "declared here");
      return false;
    }
    const DimId d = lower_size(a.value);
    if (!d) return false;
    bound[name] = d;
  }
  return true;
}

Val Lowering::call_func(FuncId func, const Val& function, const Expr* sizes, std::span<const Argument> args, const Expr& call) {
  const Func& f = a_.m[func];
  std::vector<const Argument*> of_param;
  if (!place_arguments(f, args, call, of_param)) return {};
  bool ok = true;
  for (size_t k = 0; k < of_param.size(); ++k) ok = fits_parameter(f, f.body().params[k], *of_param[k]) && ok;
  std::map<StrId, DimId> bound;
  for (StrId v : a_.base_of(function.function).world) bound[v] = dims().variable(v);
  if (is_own(function))  // inside a model its sizes are what they are
    for (const auto& [name, size] : model_sizes()) bound[name] = size;
  if (!ok || !bind_sizes(f, sizes, of_param, call, bound)) return {};
  std::vector<ValueId> operands;
  for (size_t k = 0; k < of_param.size(); ++k) {
    const Inst param = f[f.body().params[k]];
    const TypeId type = types().substitute(param.type, bound);
    operands.push_back(coerce(of_param[k]->val, type, of_param[k]->span, fmt::format("`{}` of {}", str(a_.m[param.attr].name), called(f))));
    if (!operands.back()) return {};
  }
  if (a_.constructors.contains(func)) return value(b().tuple(operands, types().substitute(f.result_type(), bound), loc(call.span)));
  std::vector<DimId> given;
  bool is_same = func == func_;
  for (StrId v : f.size_vars) given.push_back(bound[v]), is_same = is_same && bound[v] == dims().variable(v);
  if (is_same) {
    fail(sema_error("value-recursion"), call.span, fmt::format("{} calls itself at the same sizes", called(f))).label(f.loc.span, "declared here").help("use a `while` loop");
    return {};
  }
  return after_call(func, a_.base_of(function.function), value(b().call(func, std::move(given), operands, loc(call.span))), call.span);
}

}  // namespace dlc::sema
