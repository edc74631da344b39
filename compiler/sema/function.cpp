// Functions: signatures, bodies, and the statements that declare names. Those with blocks are in control.cpp,
// assignments in assignment.cpp.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/lowering.h"
#include "syntax/parser.h"

namespace dlc::sema {

Lowering::Lowering(Analysis& a, const Ast& ast, FuncId func, DType float_type) : a_(a), ast_(ast), func_(func), float_type_(float_type) {
  Region body;
  body.first = BlockId{0};
  regions_.push_back(std::move(body));
}

// ------------------------------------------------------------------------------------------------ signatures

StrId Analysis::free_size_name(StrId name, const std::vector<StrId>& taken) {
  StrId variable = name;
  for (int k = 2; std::find(taken.begin(), taken.end(), variable) != taken.end(); ++k) variable = m.strings.intern(fmt::format("{}.{}", m.strings[name], k));
  return variable;
}

bool Lowering::declare_sizes(Slice<Name> sizes) {
  bool ok = true;
  for (const Name& name : ast_[sizes]) {
    if (const Binding* other = find(name.id); other && !is_outer(*other)) {
      fail(sema_error("duplicate-name"), name.span, fmt::format("the size `{}` is declared twice", str(name.id))).label(other->span, "declared here");
      ok = false;
      continue;
    }
    Binding binding;
    binding.name = name.id, binding.kind = Binding::Kind::size, binding.span = name.span;
    if (choice_ && choice_->sizes.contains(name.id)) {
      binding.val = size_value(choice_->sizes.at(name.id), name.span);
      ok = ok && binding.val;
    } else {
      std::vector<StrId>& own = a_.m[func_].size_vars;
      own.push_back(a_.free_size_name(name.id, own));
      binding.val.kind = Val::Kind::size, binding.val.dim = dims().variable(own.back());
    }
    bind(std::move(binding));
  }
  return ok;
}

bool Lowering::lower_signature(const Fn& fn) {
  if (choice_ && !choice_->world.empty()) a_.m[func_].size_vars = choice_->world;
  bool ok = (model_ < 0 || declare_model_names()) && declare_sizes(fn.sizes);
  const std::span<const Param> params = ast_[fn.params];
  for (size_t k = 0; k < params.size(); ++k) {
    const Param& p = params[k];
    if (const Binding* other = find(p.name.id); other && !is_outer(*other)) {
      const char* what = other->kind == Binding::Kind::size ? "the parameter `{}` has the name of a size" : "the parameter `{}` is declared twice";
      fail(sema_error("duplicate-name"), p.name.span, fmt::format(fmt::runtime(what), str(p.name.id))).label(other->span, "declared here");
      ok = false;
      continue;
    }
    TypeId type;
    Span span = p.name.span;
    const bool is_function = p.type && ast_[p.type].kind == TypeKind::function;
    if (!p.type && k < parameter_types_.size()) {
      type = parameter_types_[k];
    } else if (is_function) {
      span = join(span, ast_[p.type].span);
      if (!signature_) {
        function_params_.push_back(bindings_.size());
      } else {
        ok = lower_function_type(ast_[p.type], a_.m[func_].body().params.size()) && ok;
        type = types().tuple({});
      }
    } else if (!p.type) {
      fail(sema_error("missing-parameter-type"), p.name.span, fmt::format("the parameter `{}` has no type", str(p.name.id)))
          .help(fmt::format("write `{}: real`", str(p.name.id)));
    } else {
      type = lower_type(p.type);
      span = join(span, ast_[p.type].span);
    }
    ok = ok && (type || (is_function && !signature_));
    Binding binding;
    binding.name = p.name.id, binding.kind = Binding::Kind::param, binding.span = span;
    if (type) binding.val = value(append_param(a_.m, a_.m[func_], BlockId{0}, "param"_op, type, p.name.id, loc(span)));
    bind(std::move(binding));
  }
  if (ok && !signature_) add_hidden_parameters();
  if (fn.result) {
    result_type_ = lower_type(fn.result);
    ok = ok && result_type_;
  }
  return ok && !failed_;
}

/// What a message about the result of a body points to.
Span Lowering::result_span(ExprId body) const {
  const Expr& e = ast_[body];
  if (e.kind != ExprKind::block) return e.span;
  if (e.a) return ast_[e.a].span;
  for (StmtId id : ast_[e.stmts])
    if (ast_[id].kind == StmtKind::return_) return ast_[ast_[id].value].span;
  return e.stmts.empty() ? e.span : ast_[ast_[e.stmts].back()].span;
}

bool Lowering::lower_function(const Fn& fn) {
  if (!lower_signature(fn)) return false;
  if (!fn.sizes.empty()) a_.m[func_].declared_result = result_type_;  // then it may call itself, at other sizes
  const Expr& body = ast_[fn.body];
  const Val v = body.kind == ExprKind::block ? lower_block(fn.body, result_type_) : lower(fn.body, result_type_);
  if (!v || stopped_) return failed_ = true, false;
  const Span span = result_span(fn.body);
  ValueId result;
  if (!result_type_) {
    result = make(v, span);
  } else {
    // One message for every way in which a result can differ from its declaration.
    Diagnostics scratch;
    Diagnostics* const real = std::exchange(a_.diagnostics, &scratch);
    result = coerce(v, result_type_, span, "the result");
    a_.diagnostics = real;
    if (!result) {
      const std::string name = fn.name ? fmt::format("`{}`", str(fn.name.id)) : "this function";
      Diagnostic& d = fail(sema_error("return-type"), span, fmt::format("{} is declared to return {}, and this is {}", name, types().text(result_type_), type_text(v)));
      d.label(ast_[fn.result].span, "declared here");
      const std::vector<DimId> have = shape_of(v).dims, want = types()[result_type_].dims;
      for (size_t k = 0; k < std::min(have.size(), want.size()); ++k)
        if (have[k] != want[k]) label_sizes(d, have[k]), label_sizes(d, want[k]);
    }
  }
  if (result) b().set_result(with_updates(result, span));
  return result && !failed_;
}

// ------------------------------------------------------------------------------------------------ statements

void Lowering::lower_statement(const Stmt& s) {
  switch (s.kind) {
    case StmtKind::let: return lower_let(s);
    case StmtKind::let_index: return lower_let_index(s);
    case StmtKind::var: return lower_var(s);
    case StmtKind::assign: return lower_assign(s);
    case StmtKind::error: failed_ = true; return;
    case StmtKind::fn: return lower_local_fn(s.fn);
    case StmtKind::if_: lower_if_region(s.value, {}, false); return;
    case StmtKind::for_: return lower_for(s);
    case StmtKind::while_: return lower_while(s);
    case StmtKind::update: return lower_update(s);
    case StmtKind::break_:
    case StmtKind::return_: return;  // lower_statements takes these
  }
}

void Lowering::lower_local_fn(FnId id) {
  const Fn& fn = ast_[id];
  Binding binding;
  binding.name = fn.name.id, binding.span = fn.name.span, binding.val = close_over(id);
  bind(std::move(binding));
}

void Lowering::bind_pattern(PatternId id, Val v, Binding::Kind kind, TypeId type, ExprId source) {
  const Pattern& p = ast_[id];
  if (p.name) {
    Binding binding;
    binding.name = p.name.id, binding.kind = kind, binding.span = p.name.span, binding.val = v, binding.type = type;
    bind(std::move(binding));
    return;
  }
  const std::span<const PatternId> parts = ast_[p.parts];
  if (!v) {
    for (PatternId part : parts) bind_pattern(part, {}, kind, {}, {});
    return;
  }
  const size_t n_fields = v.kind == Val::Kind::value ? types()[v.type].fields.size() : 0;
  if (n_fields != parts.size()) {
    Diagnostic& d = fail(sema_error("pattern-arity"), p.span,
                         n_fields ? fmt::format("the pattern has {} names, and the tuple has {} fields: {}", parts.size(), n_fields, type_text(v))
                                  : fmt::format("the pattern takes apart a tuple, and this is {}", type_text(v)));
    if (source) d.label(ast_[source].span, type_text(v));
    for (PatternId part : parts) bind_pattern(part, {}, kind, {}, {});
    return;
  }
  const ValueId tuple = make(v, p.span);
  for (size_t k = 0; k < parts.size(); ++k) {
    const Val field = value(b().get(tuple, static_cast<int>(k), loc(p.span)));
    bind_pattern(parts[k], field, kind, kind == Binding::Kind::var ? field.type : TypeId{}, {});
  }
}

/// `let (a, b) = (1, x)`: field by field, so that literals stay literals.
bool Lowering::bind_tuple_literal(const Stmt& s, Binding::Kind kind) {
  const Pattern& p = ast_[s.pattern];
  if (p.name || s.type || !s.value) return false;
  const Expr& e = ast_[ast_.strip_parens(s.value)];
  if (e.kind != ExprKind::tuple || e.args.count != p.parts.count) return false;
  std::vector<Val> values;
  for (const Arg& a : ast_[e.args]) values.push_back(lower(a.value));
  const std::span<const PatternId> parts = ast_[p.parts];
  for (size_t k = 0; k < parts.size(); ++k) {
    const bool has_type = kind == Binding::Kind::var && values[k].kind == Val::Kind::value;
    bind_pattern(parts[k], values[k], kind, has_type ? values[k].type : TypeId{}, ast_[e.args][k].value);
  }
  return true;
}

void Lowering::lower_let(const Stmt& s) {
  if (bind_tuple_literal(s, Binding::Kind::let)) return;
  const TypeId type = s.type ? lower_type(s.type) : TypeId{};
  Val v = lower(s.value, type);
  if (s.type) {
    const ValueId id = type ? coerce(v, type, ast_[s.value].span, "the declared type", true) : ValueId{};
    v = id ? value(id) : Val{};
  }
  bind_pattern(s.pattern, v, Binding::Kind::let, {}, s.value);
}

void Lowering::lower_let_index(const Stmt& s) {
  std::vector<BinderSpec> binders;
  for (const Binder& binder : ast_[s.binders]) binders.push_back({binder.name, binder.range, {}, {}});
  const TypeId type = s.type ? lower_type(s.type) : TypeId{};
  TypeId element;
  if (type && types()[type].dims.size() >= binders.size()) {
    const Type t = types()[type];
    element = types().array(t.dtype, {t.dims.begin() + static_cast<ptrdiff_t>(binders.size()), t.dims.end()});
    if (t.is_tuple()) element = {};
  }
  Val v = lower_map(binders, s.value, element, s.span, "");
  if (s.type) {
    const ValueId id = type && v ? coerce(v, type, ast_[s.value].span, "the declared type") : ValueId{};
    v = id ? value(id) : Val{};
  }
  Binding binding;
  binding.name = s.name.id, binding.span = s.name.span, binding.val = v;
  bind(std::move(binding));
}

/// `var (a, b): (real, real[n])`: variables without a value yet.
void Lowering::bind_unset(PatternId id, TypeId type) {
  const Pattern& p = ast_[id];
  if (p.name) {
    Binding binding;
    binding.name = p.name.id, binding.kind = Binding::Kind::var, binding.span = p.name.span, binding.type = type, binding.is_set = false;
    return bind(std::move(binding));
  }
  const std::span<const PatternId> parts = ast_[p.parts];
  const std::vector<Field> fields = types()[type].fields;
  if (fields.size() != parts.size()) {
    fail(sema_error("pattern-arity"), p.span, fmt::format("the pattern has {} names, and the type is {}", parts.size(), types().text(type)));
    for (PatternId part : parts) bind_pattern(part, {}, Binding::Kind::var, {}, {});
    return;
  }
  for (size_t k = 0; k < parts.size(); ++k) bind_unset(parts[k], fields[k].type);
}

void Lowering::lower_var(const Stmt& s) {
  if (s.value && bind_tuple_literal(s, Binding::Kind::var)) return;
  const TypeId type = s.type ? lower_type(s.type) : TypeId{};
  if (!s.value) {
    return type ? bind_unset(s.pattern, type) : void();
  }
  Val v = lower(s.value, type);
  if (s.type) {
    const ValueId id = type ? coerce(v, type, ast_[s.value].span, "the declared type", true) : ValueId{};
    v = id ? value(id) : Val{};
  }
  if (v.kind == Val::Kind::function) make(v, ast_[s.value].span), v = {};
  if (v.kind == Val::Kind::size) {  // an int that may become another one is no size
    const ValueId id = make(v, ast_[s.value].span);
    v = id ? value(id) : Val{};
  }
  bind_pattern(s.pattern, v, Binding::Kind::var, v.kind == Val::Kind::value ? v.type : TypeId{}, s.value);
}

}  // namespace dlc::sema
