// Models. A `fn` or `loss` of a model becomes a function like any other, whose first parameter is the tuple of the model's
// parameters: what the source leaves out because a model's functions close over them. Where random numbers are drawn a
// key follows. Each function is lowered as `predict` runs it and, when a train block asks, as a training step does.
//
//   model Line[D] { param w: real[D]   fn predict(x: real[D]) -> real = dot(w, x) }
//   func @Line.predict[D](%0 params: (w: f64[D]), %1 x: f64[D]) -> f64
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/lowering.h"
#include "syntax/parser.h"

namespace dlc::sema {
namespace {

constexpr std::string_view kDistributions[] = {"glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "uniform", "normal"};

/// Whether `name` occurs in the source range of an item.
bool mentions(const Ast& ast, Span where, StrId name) {
  return std::any_of(ast.exprs.begin(), ast.exprs.end(), [&](const Expr& e) {
    return e.kind == ExprKind::name && e.name == name && e.span.begin >= where.begin && e.span.end <= where.end;
  });
}

}  // namespace

/// The model's `key`: a function may have a parameter of that name, which is another.
bool Analysis::mentions_key(const Ast& ast, const Decl& d) const {
  const StrId key = m.strings.intern("key");
  const std::span<const ModelItem> items = ast[d.items];
  return std::any_of(items.begin(), items.end(), [&](const ModelItem& item) {
    if (item.kind != ItemKind::fn && item.kind != ItemKind::loss) return false;
    const std::span<const Param> params = ast[ast[item.fn].params];
    const bool is_own = std::any_of(params.begin(), params.end(), [&](const Param& p) { return p.name.id == key; });
    return !is_own && mentions(ast, item.span, key);
  });
}

// ---------------------------------------------------------------------------------------------- declarations

void Analysis::declare_model(const Ast& ast, const Decl& d, DType float_type) {
  const auto index = static_cast<int32_t>(models.size());
  models.push_back({});
  models.back().ast = &ast, models.back().decl = &d, models.back().float_type = float_type;
  models.back().key_in_predict = mentions_key(ast, d);
  models.back().draws = models.back().key_in_predict || mentions(ast, d.span, m.strings.intern("dropout"));
  std::unordered_map<StrId, Span> names;
  for (const Name& size : ast[d.sizes]) names.emplace(size.id, size.span);
  for (const ModelItem& item : ast[d.items]) {
    const bool is_loss = item.kind == ItemKind::loss;
    const Name name = is_loss && !item.name ? Name{m.strings.intern("loss"), item.span} : item.name;
    const auto [at, is_new] = names.emplace(name.id, name.span);
    if (!is_new) {
      diagnostics->error(sema_error("duplicate-name"), name.span, fmt::format("`{}` is declared twice in this model", m.strings[name.id]))
          .label(at->second, "declared here");
      models.back().failed = true;
      continue;
    }
    declare_item(item, index);
  }
}

void Analysis::declare_item(const ModelItem& item, int32_t model) {
  ModelEntry& entry = models[static_cast<size_t>(model)];
  if (item.kind == ItemKind::layer) {
    entry.layers.push_back({});
    entry.layers.back().item = &item;
  }
  if (item.kind == ItemKind::layer || item.kind == ItemKind::param || item.kind == ItemKind::state) return static_cast<void>(entry.items.push_back(&item));
  const StrId name = item.name ? item.name.id : m.strings.intern("loss");
  ModelEntry::Forms forms{name, &item, static_cast<int32_t>(functions.size()), -1};
  FnEntry fn;
  fn.ast = entry.ast, fn.fn = item.fn, fn.doc = doc_text(*entry.ast, item.doc, sources), fn.model = model;
  fn.name = fmt::format("{}.{}", m.strings[entry.decl->name.id], m.strings[name]);
  for (const Param& p : (*entry.ast)[(*entry.ast)[item.fn].params]) {
    const bool is_function = p.type && (*entry.ast)[p.type].kind == TypeKind::function;
    fn.takes_functions = fn.takes_functions || is_function;
    if (!is_function || item.kind != ItemKind::loss) continue;
    diagnostics->error(sema_error("type-mismatch"), p.name.span, "a loss takes what the columns of a data file hold, and this is a function");
    entry.failed = true;
  }
  functions.push_back(fn);
  forms.training = static_cast<int32_t>(functions.size());
  fn.name += ".training", fn.is_training = true;
  functions.push_back(std::move(fn));
  entry.functions.push_back(forms);
}

/// What train blocks and their readers need to know, once the functions are lowered.
void Analysis::hand_over_model(int32_t index) {
  ModelEntry& entry = models[static_cast<size_t>(index)];
  ModelInfo info;
  info.name = entry.decl->name.id, info.span = entry.decl->name.span;
  info.draws = entry.draws, info.key_in_predict = entry.key_in_predict;
  info.params_type = entry.params_type, info.states_type = entry.states_type;
  if (TypeId leaf = info.params_type) {
    while (m.types[leaf].is_tuple()) leaf = m.types[leaf].fields[0].type;
    info.dtype = m.types[leaf].dtype;
  }
  for (const Name& size : main[entry.decl->sizes]) info.sizes.push_back(size.id);
  lower_initials(index);
  if (!entry.failed) {
    hand_over_members(entry, false, {}, info.params);
    hand_over_members(entry, true, {}, info.states);
  }
  for (const ModelEntry::Forms& forms : entry.functions) {
    const FnEntry& plain = functions[static_cast<size_t>(forms.plain)];
    if (plain.takes_functions) continue;
    info.functions.push_back({forms.name, forms.item->kind == ItemKind::loss, plain.instances[0].func, {}, {}, main[plain.fn].head});
    entry.failed = entry.failed || !info.functions.back().func;
  }
  // What only a training step does is looked at too, if nobody trains the model: the branch of `if training`, updates.
  const bool differs = mentions(main, entry.decl->span, m.strings.intern("training")) || entry.states_type;
  const bool is_good = differs && !entry.failed;
  size_t n_failed = 0;
  for (const ModelEntry::Forms& forms : entry.functions) {
    const FnEntry& training = functions[static_cast<size_t>(forms.training)];
    if (is_good && !training.takes_functions && !instance(forms.training, options.real, main[training.fn].head)) ++n_failed;
  }
  entry.failed = entry.failed || n_failed > 0;
  file_models.models.push_back(std::move(info));
}

/// What the model's own parameters and states, and those of its layers, begin as.
void Analysis::lower_initials(int32_t index) {
  ModelEntry& entry = models[static_cast<size_t>(index)];
  if (!entry.own.empty() || entry.failed) return;
  for (const ModelEntry::Layer& layer : entry.layers) {
    lower_initials(layer.model);
    entry.failed = entry.failed || models[static_cast<size_t>(layer.model)].failed;
  }
  for (const ModelItem* item : entry.items) {
    ModelParam p;
    p.name = item->name.id, p.span = item->span;
    const bool is_state = item->kind == ItemKind::state;
    const std::vector<ModelEntry::Member>& members = is_state ? entry.states : entry.params;
    for (size_t k = 0; k < members.size(); ++k)
      if (members[k].item == item) p.type = m.types[is_state ? entry.states_type : entry.params_type].fields[k].type;
    if (item->value && item->is_drawn) {
      Lowering lowering(*this, *entry.ast, {}, entry.float_type);
      p.drawn = lowering.lower_distribution(item->value);
      entry.failed = entry.failed || !p.drawn;
    } else if (item->value) {
      p.initial = lower_initial(*item, index);
      entry.failed = entry.failed || !p.initial;
    }
    entry.own.push_back(std::move(p));
  }
}

/// `param b: f32[H] = e`: a function of the sizes.
FuncId Analysis::lower_initial(const ModelItem& item, int32_t model) {
  const ModelEntry& entry = models[static_cast<size_t>(model)];
  Func f;
  f.name = m.unique_name(fmt::format("{}.{}", m.strings[entry.decl->name.id], m.strings[item.name.id]));
  f.loc.span = item.name.span;
  f.blocks.emplace_back();
  const FuncId id = m.add(std::move(f));
  Lowering lowering(*this, *entry.ast, id, entry.float_type);
  lowering.declare_sizes(entry.decl->sizes);
  if (lowering.lower_param_value(item)) return id;
  m.discard(id);
  return {};
}

ValueId Lowering::lower_param_value(const ModelItem& item) {
  const TypeId type = lower_type(item.type);
  const Val v = type ? lower(item.value, type) : Val{};
  const ValueId id = v ? coerce(v, type, ast_[item.value].span, fmt::format("the parameter `{}`", str(item.name.id)), true) : ValueId{};
  if (id) b().set_result(id);
  return failed_ ? ValueId{} : id;
}

/// A number that a declaration wants written out: a literal, a `const`, or arithmetic on them.
std::optional<double> Lowering::plain_number(ExprId id) {
  const Expr& e = ast_[ast_.strip_parens(id)];
  if (e.kind == ExprKind::number) return ast_[e.number].value;
  if (e.kind == ExprKind::name) {
    if (str(e.name) == "inf") return HUGE_VAL;
    const TopLevel* top = top_level(e.name);
    if (top && top->kind == TopLevel::Kind::constant) return plain_number(a_.constants[static_cast<size_t>(top->index)].decl->value);
  }
  if (e.kind == ExprKind::unary && e.op == SyntaxOp::neg) {
    const auto x = plain_number(e.a);
    return x ? std::optional(-*x) : x;
  }
  if (e.kind == ExprKind::binary) {
    const auto x = plain_number(e.a), y = x ? plain_number(e.b) : x;
    if (!y) return y;
    switch (e.op) {
      case SyntaxOp::add: return *x + *y;
      case SyntaxOp::sub: return *x - *y;
      case SyntaxOp::mul: return *x * *y;
      case SyntaxOp::div: return *x / *y;
      case SyntaxOp::pow: return std::pow(*x, *y);
      default: break;
    }
  }
  return std::nullopt;
}

std::optional<Distribution> Lowering::lower_distribution(ExprId id) {
  const Expr& e = ast_[ast_.strip_parens(id)];
  const Expr& callee = e.kind == ExprKind::call ? ast_[ast_.strip_parens(e.a)] : e;
  const std::string_view name = callee.kind == ExprKind::name ? str(callee.name) : "";
  const auto* row = std::find(std::begin(kDistributions), std::end(kDistributions), name);
  if (row == std::end(kDistributions) || e.kind != ExprKind::call) {
    Diagnostic& d = fail(sema_error("unknown-distribution"), e.span, fmt::format("`{}` is no distribution to draw a parameter from", code(id)));
    if (const std::string_view near = nearest_name(name, kDistributions); !near.empty()) d.help(fmt::format("write `{}()`", near));
    else d.help("the distributions are glorot_uniform(), glorot_normal(), he_uniform(), he_normal(), uniform(a, b) and normal(mean, std)");
    return std::nullopt;
  }
  Distribution out;
  out.kind = static_cast<Distribution::Kind>(row - std::begin(kDistributions));
  const bool takes_two = out.kind == Distribution::Kind::uniform || out.kind == Distribution::Kind::normal;
  std::vector<double> numbers;
  for (const Arg& a : ast_[e.args]) {
    const auto x = a.value ? plain_number(a.value) : std::nullopt;
    if (!x || !std::isfinite(*x)) return fail(sema_error("bad-entry"), a.span, "a number is wanted here"), std::nullopt;
    numbers.push_back(*x);
  }
  if (numbers.size() != (takes_two ? 2u : 0u) && !(takes_two && numbers.empty())) {
    fail(sema_error("argument-count"), e.mark, fmt::format("`{}` takes {} arguments, here are {}", name, takes_two ? 2 : 0, numbers.size()));
    return std::nullopt;
  }
  if (!numbers.empty()) out.a = numbers[0], out.b = numbers[1];
  const bool is_bad = out.kind == Distribution::Kind::uniform ? out.a > out.b : out.b < 0;
  if (is_bad) return fail(sema_error("bad-entry"), e.mark, "the range of this distribution is empty, or its deviation negative"), std::nullopt;
  return out;
}

// ------------------------------------------------------------------------------------- names inside a model

/// A size of the model we are in.
DimId Lowering::model_size(StrId name) {
  const auto it = model_sizes_.find(name);
  return it != model_sizes_.end() ? it->second : dims().variable(name);
}
std::map<StrId, DimId> Lowering::model_sizes() {
  std::map<StrId, DimId> sizes;
  const ModelEntry& model = a_.models[static_cast<size_t>(model_)];
  for (const Name& size : (*model.ast)[model.decl->sizes]) sizes[size.id] = model_size(size.id);
  return sizes;
}
/// A type in the sizes of the model we are in, in those of the function that we lower.
TypeId Lowering::in_sizes(TypeId type) { return model_sizes_.empty() || !type ? type : types().substitute(type, model_sizes_); }

/// Sizes, then the hidden parameters; every parameter and state of the model becomes a name.
bool Lowering::declare_model_names() {
  const ModelEntry& model = a_.models[static_cast<size_t>(model_)];
  if (!declare_sizes(model.decl->sizes) || model.failed) return failed_ = true, false;
  const bool is_placed = choice_ && !choice_->sizes.empty();
  for (const Name& size : (*model.ast)[is_placed ? model.decl->sizes : Slice<Name>{}]) model_sizes_[size.id] = choice_->sizes.at(size.id);
  const auto declare = [&](TypeId type, const std::vector<ModelEntry::Member>& members, std::string_view tuple_name) {
    if (!type) return ValueId{};
    const ValueId tuple = append_param(a_.m, a_.m[func_], BlockId{0}, "param"_op, type, a_.m.strings.intern(tuple_name), loc(model.decl->name.span));
    for (size_t k = 0; k < members.size(); ++k) {
      if (members[k].layer >= 0) continue;  // layers are no values: layers.cpp
      const ModelItem& item = *members[k].item;
      Binding binding;
      binding.name = item.name.id, binding.kind = Binding::Kind::param, binding.span = join(item.name.span, ast_[item.type].span);
      binding.val = value(b().get(tuple, static_cast<int>(k), loc(binding.span)));
      bind(std::move(binding));
    }
    return tuple;
  };
  params_ = declare(in_sizes(model.params_type), model.params, "params");
  if (has_run_) states_ = declare(in_sizes(model.states_type), model.states, "states");
  if (has_run_ && model.draws && (is_training_ || model.key_in_predict))
    key_ = append_param(a_.m, a_.m[func_], BlockId{0}, "param"_op, types().scalar(DType::i64), a_.m.strings.intern("key"), loc(model.decl->name.span));
  declare_stacked_states();
  return true;
}

Val Lowering::model_function(StrId name) {
  const ModelEntry::Forms* forms = a_.models[static_cast<size_t>(model_)].find(name);
  if (!forms) return {};
  Callable c;
  c.kind = Callable::Kind::declared, c.declared = is_training_ ? forms->training : forms->plain;
  return a_.function_value(std::move(c));
}

/// The declared model that `Net2` or `Net2[30, 16]` names; null: it is another expression.
const TopLevel* Lowering::outside_model(ExprId e) {
  const Expr& base = ast_[ast_.strip_parens(e)];
  const Expr& name = base.kind == ExprKind::index ? ast_[ast_.strip_parens(base.a)] : base;
  const TopLevel* top = name.kind == ExprKind::name && !find(name.name) ? top_level(name.name) : nullptr;
  return top && top->kind == TopLevel::Kind::model ? top : nullptr;
}

/// `Net2[30, 16].predict`, which takes the parameters first. `sizes`: the brackets.
Val Lowering::outside_function(const Expr& field, const Expr*& sizes) {
  const Expr& base = ast_[ast_.strip_parens(field.a)];
  if (base.kind == ExprKind::index) sizes = &base;
  const TopLevel* top = outside_model(field.a);
  if (!top) {
    const Val v = lower_field(field);  // a field is no function, and what has none says so itself
    if (v) fail(sema_error("not-a-function"), field.span, fmt::format("`{}.{}` is {}, not a function", code(field.a), str(field.name), type_text(v)));
    return {};
  }
  const ModelEntry& model = a_.models[static_cast<size_t>(top->index)];
  if (const ModelEntry::Forms* forms = model.find(field.name)) {
    Callable c;
    c.kind = Callable::Kind::declared, c.declared = forms->plain;
    return a_.function_value(std::move(c));
  }
  std::vector<std::string_view> names;
  for (const ModelEntry::Forms& forms : model.functions) names.push_back(str(forms.name));
  Diagnostic& d = fail(sema_error("unknown-function"), field.mark, fmt::format("the model `{}` has no function `{}`", str(model.decl->name.id), str(field.name)));
  if (const std::string_view near = nearest_name(str(field.name), names); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
  d.label(top->span, "declared here");
  return {};
}

Val Lowering::outside_value(const Expr& field) {
  const Expr* sizes = nullptr;
  const Val f = outside_function(field, sizes);
  if (!f || !sizes) return f;
  const FuncId func = a_.func_of(f.function, a_.options.real, field.span);
  std::map<StrId, DimId> given;
  if (!func || !explicit_sizes(a_.m[func], *sizes, given)) return failed_ = true, Val{};
  Callable c;
  c.kind = Callable::Kind::resolved, c.span = field.span;
  if (func_) c.world = a_.m[func_].size_vars;
  c.func = a_.held(func, 0, c.world, given);
  return a_.function_value(std::move(c));
}

/// `training` and `key`, which a model's functions may use without declaring them.
Val Lowering::model_value(StrId name, Span span) {
  if (str(name) == "training") {
    Flex node;
    node.kind = Flex::Kind::boolean, node.fixed = DType::b1, node.integer = is_training_, node.loc = loc(span);
    return add_flex(std::move(node));
  }
  const ValueId key = fresh_key(span);
  return key ? value(b().op("to_key"_op, {key}, loc(span))) : Val{};
}

bool Lowering::is_own(const Val& f) const {
  if (model_ < 0) return false;
  const Callable* c = &a_.callables[static_cast<size_t>(f.function)];
  while (c->kind == Callable::Kind::derivative) c = &a_.callables[static_cast<size_t>(c->base)];
  return c->kind == Callable::Kind::declared && a_.functions[static_cast<size_t>(c->declared)].model == model_;
}

int Lowering::n_hidden_arguments() const { return static_cast<bool>(params_) + static_cast<bool>(states_) + static_cast<bool>(key_); }

void Lowering::add_hidden_arguments(std::vector<Argument>& out) {
  const auto add = [&](const Val& v) {
    Argument a;
    a.val = v, a.is_hidden = true;
    out.push_back(a);
  };
  const auto own = [&](ValueId id) {
    Val v;
    v.kind = Val::Kind::value, v.id = id, v.block = BlockId{0}, v.type = a_.m[func_][id].type;
    return v;
  };
  if (params_) add(own(params_));
  if (states_) add(own(states_));
  if (!key_) return;
  if (const ValueId key = fresh_key({})) add(value(key));
}

}  // namespace dlc::sema
