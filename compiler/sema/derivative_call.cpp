// `grad(f, wrt = x, mode = forward)` and its kin: a function value that knows what it derives from. When it is called
// or exported it becomes a Func that has a signature and a request, and no body until the derivative passes make one.
#include <algorithm>

#include <fmt/format.h>

#include "ir/form.h"
#include "ir/type_rule.h"
#include "ops/request.h"
#include "ops/table.h"
#include "sema/builtins.h"
#include "sema/lowering.h"

namespace dlc::sema {

using Kind = DerivativeRequest::Kind;

std::optional<Kind> derivative_kind(std::string_view name) {
  if (name == "grad") return Kind::grad;
  if (name == "value_and_grad") return Kind::value_and_grad;
  if (name == "jvp") return Kind::jvp;
  if (name == "vjp") return Kind::vjp;
  if (name == "jacobian") return Kind::jacobian;
  if (name == "hessian") return Kind::hessian;
  if (name == "hvp") return Kind::hvp;
  return std::nullopt;
}

Val Lowering::lower_derivative(Kind kind, const Expr& call) {
  Callable spec;
  spec.kind = Callable::Kind::derivative;
  spec.span = call.span;
  spec.request.kind = kind;
  spec.request.mode = kind == Kind::jvp || kind == Kind::hessian || kind == Kind::hvp ? Mode::forward : Mode::reverse;
  spec.picks_mode = kind == Kind::jacobian;
  spec.request.with_value = kind == Kind::value_and_grad;
  const char* word = kind_name(kind);
  auto bad = [&](Span span, std::string message) {
    fail(sema_error("bad-derivative"), span, std::move(message)).help(fmt::format("it is used as `{}(f, wrt = x, mode = forward)`", word));
    return Val{};
  };
  Val f;
  bool has_function = false;
  for (const Arg& a : ast_[call.args]) {
    if (a.kind == ArgKind::value) {
      if (has_function) return bad(a.span, fmt::format("`{}` takes one function; the arguments follow in a call of the result", word));
      has_function = true;
      const Expr& e = ast_[ast_.strip_parens(a.value)];
      f = e.kind == ExprKind::name ? lookup_function(e.name, e.span) : lower(a.value);
      if (f && f.kind != Val::Kind::function) return bad(a.span, fmt::format("`{}` is {}, not a function", code(a.value), type_text(f)));
      if (f && a_.callables[static_cast<size_t>(f.function)].kind == Callable::Kind::array) {
        const BuiltinRow& row = *a_.callables[static_cast<size_t>(f.function)].row;
        if (!row.vector_form[0]) return unsupported(a.span, "the derivative of this function by name is");
        f = a_.declared_builtin(row, static_cast<size_t>(row.min_args), row.vector_form);
      }
      continue;
    }
    const std::string_view name = a.kind == ArgKind::named ? str(a.name.id) : "";
    const Expr& e = ast_[ast_.strip_parens(a.value)];
    if (name == "wrt") {
      spec.request.is_list = e.kind == ExprKind::array;
      std::vector<ExprId> items;
      if (spec.request.is_list)
        for (const Arg& item : ast_[e.args]) items.push_back(item.value);
      else items.push_back(a.value);
      if (items.empty()) return bad(a.span, "`wrt` names at least one parameter");
      for (ExprId id : items) {
        std::vector<Name> path;  // s.h: the parameter, then fields
        ExprId at = ast_.strip_parens(id);
        for (; ast_[at].kind == ExprKind::field; at = ast_.strip_parens(ast_[at].a)) path.push_back({ast_[at].name, ast_[at].mark});
        if (ast_[at].kind != ExprKind::name) return bad(ast_[at].span, "`wrt` is a parameter's name, a path to a field of one, or a list of these");
        path.push_back({ast_[at].name, ast_[at].span});
        std::reverse(path.begin(), path.end());
        for (const std::vector<Name>& other : spec.wrt) {
          const size_t n = std::min(path.size(), other.size());
          const auto same = [](const Name& x, const Name& y) { return x.id == y.id; };
          if (std::equal(path.begin(), path.begin() + static_cast<ptrdiff_t>(n), other.begin(), same))
            return bad(ast_[id].span, fmt::format("`{}` occurs twice in `wrt`", code(id)));
          if (same(path.back(), other.back())) return bad(ast_[id].span, fmt::format("two elements of `wrt` go by the name `{}`", str(path.back().id)));
        }
        spec.wrt.push_back(std::move(path));
      }
    } else if (name == "mode") {
      const std::string_view mode = e.kind == ExprKind::name ? str(e.name) : "";
      bool known = false;
      for (Mode m : {Mode::reverse, Mode::forward, Mode::symbolic, Mode::numeric})
        if (mode == mode_name(m)) spec.request.mode = m, known = true, spec.picks_mode = false;
      if (!known) {
        constexpr std::string_view kModes[] = {"forward", "reverse", "symbolic", "numeric"};
        Diagnostic& d = fail(sema_error("unknown-mode"), e.span, fmt::format("`{}` is not a mode", code(a.value)));
        if (const std::string_view near = nearest_name(mode, kModes); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
        else d.help("the modes are `forward`, `reverse`, `symbolic` and `numeric`");
        return {};
      }
    } else if (name == "value") {
      if (e.kind != ExprKind::boolean) return bad(e.span, "`value` is `true` or `false`");
      spec.request.with_value = e.flag || kind == Kind::value_and_grad;
    } else if (name == "of") {
      if (e.kind != ExprKind::name) return bad(e.span, "`of` is the name of a field of the result");
      spec.of = {e.name, e.span};
    } else {
      constexpr std::string_view kNames[] = {"wrt", "mode", "value", "of"};
      Diagnostic& d = fail(sema_error("bad-derivative"), a.span, fmt::format("`{}` has no argument `{}`", word, name));
      if (const std::string_view near = nearest_name(name, kNames); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
      else d.help("a direction or an argument of the function goes into the call of the result");
      return {};
    }
  }
  if (!has_function) return bad(call.mark, fmt::format("`{}` takes the function to differentiate", word));
  if (!f) return {};
  if (is_own(f)) spec.n_hidden = n_hidden_arguments();
  if (is_own(f)) add_parameter_paths(a_.base_of(f.function), spec);
  const bool is_open = a_.is_generic(f.function) || a_.takes_functions(f.function);  // what it is differs from call to call
  if (!is_open) {
    const FuncId base = a_.func_of(f.function, a_.options.real, call.span);
    if (!base) return failed_ = true, Val{};
    // Outside of a model the batch is one example.
    if (model_ < 0 && func_ && a_.collectives.contains(base)) a_.of_one_example.insert(func_);
    else if (model_ >= 0 && !looks_at_one(base, call.span, fmt::format("`{}` inside the model would be that of one example", word))) return {};
  }
  spec.base = f.function;
  const Val result = a_.function_value(std::move(spec));
  // A function that is the same for all callers can be checked here, called or not.
  if (!is_open && !a_.func_of(result.function, a_.options.real, call.span)) return failed_ = true, Val{};
  return result;
}

/// `grad(loss, wrt = W)`, `wrt = fc1.W` inside the model: parameters of the model that are none of the function's own.
void Lowering::add_parameter_paths(const Callable& base, Callable& spec) {
  const FnEntry& entry = a_.functions[static_cast<size_t>(base.declared)];
  const ModelEntry& model = a_.models[static_cast<size_t>(entry.model)];
  for (std::vector<Name>& path : spec.wrt) {
    const auto is_path = [&](const auto& declared) { return declared.name.id == path[0].id; };
    const std::span<const Param> own = (*entry.ast)[(*entry.ast)[entry.fn].params];
    const bool is_member = std::any_of(model.params.begin(), model.params.end(), [&](const ModelEntry::Member& member) { return is_path(*member.item); });
    if (is_member && std::none_of(own.begin(), own.end(), is_path)) path.insert(path.begin(), {a_.m.strings.intern("params"), path[0].span});
  }
}

// --------------------------------------------------------------------------------------------------- requests

namespace {

/// One derivative of one function: finds the positions and types, or says what is wrong.
struct Requester {
  Analysis& a;
  const Callable& spec;
  FuncId base;
  DerivativeRequest request = spec.request;
  TypeId output = {};  // of what is differentiated

  const Func& f() { return a.m[base]; }
  TypeId param_type(int k) { return f()[f().body().params[static_cast<size_t>(k)]].type; }
  StrId param_name(int k) { return a.m[f()[f().body().params[static_cast<size_t>(k)]].attr].name; }
  int n_params() { return static_cast<int>(f().body().params.size()); }
  std::string_view str(StrId id) { return a.m.strings[id]; }
  Diagnostic& fail(const DiagnosticKind& kind, Span span, std::string message) { return a.diagnostics->error(kind, span, std::move(message)); }

  bool find_wrt() {
    std::vector<int> floats;
    std::string names;
    StrId mixed;  // of several types
    for (int k = 0; k < n_params(); ++k) {
      if (k >= spec.n_hidden && a.m.types[param_type(k)].is_tuple() && !is_hidden_name(str(param_name(k)))) mixed = param_name(k);
      if (k >= spec.n_hidden && a.m.types.all_float(param_type(k)) && !is_hidden_name(str(param_name(k)))) {
        floats.push_back(k);
        names += (names.empty() ? "`" : ", `") + std::string(str(param_name(k))) + "`";
      }
    }
    if (spec.wrt.empty()) {
      if (floats.size() == 1) return request.wrt = floats, true;
      const bool is_none = floats.empty();
      Diagnostic& d = fail(is_none ? request_error("not-differentiable") : sema_error("wrt-missing"), spec.span,
                           is_none ? std::string("the function has no parameter that is a float, or made of floats alone") : fmt::format("`wrt` is missing: the float parameters are {}", names));
      d.label(f().loc.span, "the function is declared here");
      if (is_none && mixed) d.help(fmt::format("a field of `{}` may be in `wrt`, by its path", str(mixed)));
      return false;
    }
    for (const std::vector<Name>& path : spec.wrt)
      if (!find_path(path)) return false;
    if (std::all_of(request.paths.begin(), request.paths.end(), [](const auto& path) { return path.empty(); })) request.paths.clear();
    return true;
  }

  bool find_path(const std::vector<Name>& path) {
    const Name name = path[0];
    int at = -1;
    std::vector<std::string_view> candidates;
    for (int k = 0; k < n_params(); ++k) {
      if (!is_hidden_name(str(param_name(k)))) candidates.push_back(str(param_name(k)));
      if (param_name(k) == name.id) at = k;
    }
    if (at < 0) {
      Diagnostic& d = fail(sema_error("unknown-wrt"), name.span, fmt::format("the function has no parameter `{}`", str(name.id)));
      if (const std::string_view near = nearest_name(str(name.id), candidates); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
      d.label(f().loc.span, "the function is declared here");
      return false;
    }
    TypeId type = param_type(at);
    std::vector<int> positions;
    for (size_t k = 1; k < path.size(); ++k) {
      const std::vector<Field> fields = a.m.types[type].fields;
      const auto field = std::find_if(fields.begin(), fields.end(), [&](const Field& one) { return one.name == path[k].id; });
      if (field == fields.end()) {
        fail(sema_error("unknown-wrt"), path[k].span, fmt::format("`{}` is {} and has no field `{}`", str(path[k - 1].id), a.m.types.text(type), str(path[k].id)))
            .label(f()[f().body().params[static_cast<size_t>(at)]].loc.span, "declared here");
        return false;
      }
      positions.push_back(static_cast<int>(field - fields.begin()));
      type = field->type;
    }
    if (!a.m.types.all_float(type)) {
      Diagnostic& d = fail(request_error("not-differentiable"), path.back().span, fmt::format("`{}` is {}, and only floats have a derivative", str(path.back().id), a.m.types.text(type)));
      d.label(f()[f().body().params[static_cast<size_t>(at)]].loc.span, "declared here");
      return false;
    }
    request.wrt.push_back(at);
    request.paths.push_back(std::move(positions));
    return true;
  }

  /// How many numbers a value of `type` holds, as a polynomial in the sizes.
  DimId count_elements(TypeId id) {
    const Type t = a.m.types[id];
    DimTable& dims = a.m.types.dims;
    DimId n = dims.constant(t.is_tuple() ? 0 : 1);
    for (DimId d : t.dims) n = dims.mul(n, d);
    for (const Field& field : t.fields) n = dims.add(n, count_elements(field.type));
    return n;
  }

  /// By the shorter side, where the sizes show which that is: a sweep back for each result, or one forward for each parameter.
  Mode mode_by_shape() {
    DimTable& dims = a.m.types.dims;
    DimId n_in = dims.constant(0);
    for (size_t k = 0; k < request.wrt.size(); ++k) n_in = dims.add(n_in, count_elements(wrt_item(a.m, request, k).type));
    const DimId n_out = count_elements(output);
    const DimId fewer_results = n_in && n_out ? dims.sub(n_in, n_out) : DimId{};
    const bool is_wide = fewer_results && dims.as_constant(fewer_results) != 0 && dims.is_provably_nonnegative(fewer_results);
    return is_wide || dims.as_constant(n_out) == 1 ? Mode::reverse : Mode::forward;
  }

  /// Axes of the result and of the parameters together.
  bool fits_rank() {
    const auto rank_of = [&](auto& self, TypeId id) -> int {
      const Type t = a.m.types[id];
      int most = t.rank();
      for (const Field& field : t.fields) most = std::max(most, self(self, field.type));
      return most;
    };
    int of_params = 0;
    for (size_t k = 0; k < request.wrt.size(); ++k) of_params = std::max(of_params, rank_of(rank_of, wrt_item(a.m, request, k).type));
    const int rank = of_params + (request.kind == Kind::hessian ? of_params : rank_of(rank_of, output));
    if (rank <= kMaxRank) return true;
    fail(sema_error("rank-too-large"), spec.span, fmt::format("an array has at most {} axes, and this derivative would have {}", kMaxRank, rank));
    return false;
  }

  bool find_output() {
    const Type y = a.m.types[f().result_type()];
    output = f().result_type();
    const bool is_gradient = request.kind != Kind::jvp && request.kind != Kind::vjp && request.kind != Kind::jacobian;
    // All of a struct, and of what a list in `wrt` made: the derivative has the same fields.
    const bool is_whole = !is_gradient && !spec.of && (y.name || (f().request && f().request->is_list)) && a.m.types.all_float(output);
    if (y.is_tuple() && !is_whole) {
      request.of = 0;
      if (spec.of) {
        request.of = -1;
        for (size_t k = 0; k < y.fields.size(); ++k)
          if (y.fields[k].name == spec.of.id) request.of = static_cast<int>(k);
      }
      if (request.of >= 0) output = y.fields[static_cast<size_t>(request.of)].type;
    }
    if (spec.of && (!y.is_tuple() || request.of < 0)) {
      fail(sema_error("unknown-output"), spec.of.span, fmt::format("the result is {} and has no field `{}`", a.m.types.text(f().result_type()), str(spec.of.id)))
          .label(f().loc.span, "the function is declared here");
      return false;
    }
    if (!a.m.types.all_float(output)) {
      fail(request_error("not-differentiable"), spec.span, fmt::format("the function's result is {}, and only floats have a derivative", a.m.types.text(output)))
          .label(f().loc.span, "the function is declared here");
      return false;
    }
    if (is_gradient && (a.m.types[output].is_tuple() || a.m.types[output].rank() != 0)) {
      fail(request_error("grad-of-array"), spec.span, fmt::format("`{}` differentiates a scalar, and the function's result is {}", kind_name(request.kind), a.m.types.text(output)))
          .label(f().loc.span, "the function is declared here")
          .help("use `jacobian`, `jvp` or `vjp` with a direction, or reduce the result");
      return false;
    }
    return true;
  }
};

}  // namespace

FuncId Analysis::request(const Callable& spec, FuncId base) {
  Requester r{*this, spec, base};
  r.request.base = base;
  if (!r.find_wrt() || !r.find_output()) return {};
  const bool has_blocks = r.request.kind == Kind::jacobian || r.request.kind == Kind::hessian;
  if (has_blocks && !r.fits_rank()) return {};
  if (spec.picks_mode) r.request.mode = r.mode_by_shape();
  return request_function(m, r.request, {spec.span});
}

bool Analysis::takes_functions(int32_t index) const {
  const Callable& base = base_of(index);
  return base.kind == Callable::Kind::declared && functions[static_cast<size_t>(base.declared)].takes_functions;
}

bool Analysis::is_generic(int32_t index) const {
  const Callable& c = callables[static_cast<size_t>(index)];
  switch (c.kind) {
    case Callable::Kind::declared: return functions[static_cast<size_t>(c.declared)].is_generic;
    case Callable::Kind::derivative: return is_generic(c.base);
    case Callable::Kind::structure:
    case Callable::Kind::resolved: return false;
    default: return true;
  }
}

/// `grad(sin)`: a function whose body is the op, named as its calls are.
FuncId Analysis::wrap_elementwise(OpId op, DType float_type, Span use) {
  const Op& row = op_row(op);
  const std::string name = fmt::format("{}.{}", row.name, dtype_name(float_type));
  const std::string key = "op " + name;
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;
  if (row.type != TypeRule::same_float && row.type != TypeRule::same_number) {
    diagnostics->error(request_error("not-differentiable"), use, fmt::format("`{}` is not a function of floats only", row.name));
    return {};
  }
  Func f;
  f.name = m.unique_name(name);
  f.doc = row.doc ? row.doc : "";
  f.loc.span = use;
  f.blocks.emplace_back();
  const FuncId id = m.add(std::move(f));
  std::vector<ValueId> params;
  constexpr const char* kNames[] = {"a", "b", "c"};
  for (int k = 0; k < row.arity; ++k)
    params.push_back(append_param(m, m[id], BlockId{0}, "param"_op, m.types.scalar(float_type), m.strings.intern(row.arity == 1 ? "x" : kNames[k]), {use}));
  Builder b(m, id, BlockId{0});
  b.set_result(b.op(op, params, {use}));
  return m.derived[key] = id;
}

FuncId Analysis::func_of(int32_t index, DType float_type, Span use) {
  // A tower `grad(grad(… f))` may be as deep as the parser allows calls to nest, or longer by `let`s: walk it.
  std::vector<int32_t> tower{index};
  while (callables[static_cast<size_t>(tower.back())].kind == Callable::Kind::derivative)
    tower.push_back(callables[static_cast<size_t>(tower.back())].base);
  const Callable& base = callables[static_cast<size_t>(tower.back())];
  FuncId f;
  if (base.kind == Callable::Kind::declared) f = instance(base.declared, float_type, use);
  else if (base.kind == Callable::Kind::resolved) f = base.func;
  else if (base.kind == Callable::Kind::structure) f = constructor(base.declared, use);
  else if (base.kind == Callable::Kind::elementwise) f = wrap_elementwise(base.op, float_type, use);
  tower.pop_back();
  for (; f && !tower.empty(); tower.pop_back()) {
    const Callable& c = callables[static_cast<size_t>(tower.back())];
    f = c.is_checkpoint ? kept(f) : request(c, f);
  }
  return f;
}

}  // namespace dlc::sema
