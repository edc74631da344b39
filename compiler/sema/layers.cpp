// Layers: the models that a model holds. `layer fc = Dense[n, m]` puts a field `fc` into the model's parameters, which has
// all parameters of a Dense, and one into its states; `layer blocks[L] = Block[…]` puts these fields' leaves under one
// more axis, of size L. What models hold is found out before any function is lowered, so that two models may stand in any
// order.
//
// A layer's function is the layer's model's own, called with the layer's part of the parameters. As a value it is a
// function that captured them (closures.cpp), so it can be passed, mapped and differentiated like any other:
//
//   model Net[D, H] { layer fc = Dense[D, H]  … fc.apply(x) … }
//   func @Dense.apply[n, m](params: (W: f32[m, n], b: f32[m]), x: f32[n]) -> f32[m]
//   func @Dense.apply.2[D, H](x: f32[D], params.outer: (W: f32[H, D], b: f32[H])) -> f32[H]     calls it; what fc.apply is
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ir/form.h"
#include "ops/table.h"
#include "sema/lowering.h"
#include "syntax/parser.h"

namespace dlc::sema {
namespace {

/// A type with one more axis in front of each of its leaves; absent where one has too many.
TypeId stacked(TypeTable& types, TypeId id, DimId copies) {
  Type t = types[id];
  if (!t.is_tuple()) t.dims.insert(t.dims.begin(), copies);
  if (t.rank() > kMaxRank) return {};
  for (Field& f : t.fields) {
    f.type = stacked(types, f.type, copies);
    if (!f.type) return {};
  }
  return types.intern(std::move(t));
}

}  // namespace

// ---------------------------------------------------------------------------------------------- declarations

/// Whether a type's name, `f32` or `float` say, occurs in a model.
bool Analysis::mentions_type(const ModelEntry& model, std::string_view name) const {
  return std::any_of(model.ast->types.begin(), model.ast->types.end(), [&](const TypeExpr& t) {
    return t.kind == TypeKind::named && t.span.begin >= model.decl->span.begin && t.span.end <= model.decl->span.end && m.strings[t.name.id] == name;
  });
}

/// What `float` is in the models that this one holds: the float that it is written in.
DType Analysis::float_of_layers(const ModelEntry& model) const {
  if (mentions_type(model, "float")) return model.float_type;
  const bool has_single = mentions_type(model, "f32") || (options.real == DType::f32 && mentions_type(model, "real"));
  const bool has_double = mentions_type(model, "f64") || (options.real == DType::f64 && mentions_type(model, "real"));
  return has_single == has_double ? options.real : has_single ? DType::f32 : DType::f64;
}

int32_t Analysis::find_model(StrId name, DType float_type) {
  int32_t base = -1;
  if (auto it = top.find(name); it != top.end()) {
    if (it->second.kind != TopLevel::Kind::model) return -1;
    base = it->second.index;
  } else {
    const auto [slot, is_new] = prelude_models_.try_emplace(name, -1);
    const Ast* ast = nullptr;
    const Decl* d = is_new ? prelude_declaration("model", name, ast) : nullptr;
    if (d) slot->second = static_cast<int32_t>(models.size()), declare_model(*ast, *d, options.real);
    base = slot->second;
  }
  if (base < 0) return base;
  const ModelEntry& model = models[static_cast<size_t>(base)];
  if (model.float_type == float_type || model.failed || !mentions_type(model, "float")) return base;
  const auto [other, is_new] = other_float_.try_emplace(base, static_cast<int32_t>(models.size()));
  if (is_new) declare_model(*model.ast, *model.decl, float_type);
  return other->second;
}

/// Finds the models of the layers, resolves them, and lays out the model's parameters and states.
void Analysis::resolve_model(int32_t index, Span use) {
  ModelEntry& model = models[static_cast<size_t>(index)];
  const Name name = model.decl->name;
  if (model.state == ModelEntry::State::done) return;
  if (model.state == ModelEntry::State::busy || instance_depth_ >= kMaxInstances) {
    diagnostics->error(sema_error("model-cycle"), use, model.state == ModelEntry::State::busy ? fmt::format("`{}` holds itself", m.strings[name.id]) : std::string("models hold each other too deep"))
        .label(name.span, "declared here");
    model.failed = true;
    return;
  }
  model.state = ModelEntry::State::busy;
  ++instance_depth_;
  const DType float_type = float_of_layers(model);
  for (ModelEntry::Layer& layer : model.layers) {
    const Name wanted = layer.item->model;
    layer.model = find_model(wanted.id, float_type);
    if (layer.model >= 0) {
      resolve_model(layer.model, wanted.span);
      const ModelEntry& held = models[static_cast<size_t>(layer.model)];
      model.failed = model.failed || held.failed;
      model.draws = model.draws || held.draws, model.key_in_predict = model.key_in_predict || held.key_in_predict;
      continue;
    }
    model.failed = true;
    if (auto it = top.find(wanted.id); it != top.end() && it->second.kind == TopLevel::Kind::unsupported) continue;
    std::vector<std::string_view> names;
    for (const auto& [other, entry] : top)
      if (entry.kind == TopLevel::Kind::model) names.push_back(m.strings[other]);
    std::sort(names.begin(), names.end());
    Diagnostic& d = diagnostics->error(sema_error("unknown-model"), wanted.span, fmt::format("there is no model `{}`", m.strings[wanted.id]));
    if (const std::string_view near = nearest_name(m.strings[wanted.id], names); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
  }
  Func f;
  f.name = m.unique_name("model"), f.blocks.emplace_back();
  const FuncId id = m.add(std::move(f));
  Lowering lowering(*this, *model.ast, id, model.float_type);
  if (!lowering.lower_members(model)) model.failed = true;
  m.discard(id);
  --instance_depth_;
  model.state = ModelEntry::State::done;
}

/// The fields of `params` and `states`. Layers whose models failed are left out, and so is what follows from them.
bool Lowering::lower_members(ModelEntry& model) {
  if (!declare_sizes(model.decl->sizes)) return false;
  std::vector<Field> params, states;
  size_t next_layer = 0;
  bool ok = !model.failed;
  for (const ModelItem* item : model.items) {
    if (item->kind == ItemKind::layer) {
      ModelEntry::Layer& layer = model.layers[next_layer];
      const auto at = static_cast<int32_t>(next_layer++);
      const ModelEntry* held = layer.model >= 0 ? &a_.models[static_cast<size_t>(layer.model)] : nullptr;
      if (!held || held->failed) continue;
      if (!lower_layer_sizes(*item, *held, layer.sizes)) {
        ok = false;
        continue;
      }
      if (item->args.count > 0) {
        layer.copies = item->args.count == 1 && ast_[item->args][0].kind == ArgKind::value ? lower_array_size(ast_[item->args][0].value) : DimId{};
        if (item->args.count != 1) fail(sema_error("size-count"), item->name.span, "an array of layers has one axis").help("a layer may hold an array of layers itself");
        ok = ok && layer.copies;
        if (!layer.copies) continue;
      }
      layer.first_slot = model.n_slots;
      model.n_slots += held->n_slots;
      const auto add = [&](TypeId type, std::vector<Field>& fields, std::vector<ModelEntry::Member>& members, int& position) {
        if (!type) return;
        const TypeId one = types().substitute(type, layer.sizes);
        const TypeId all = layer.copies && one ? stacked(types(), one, layer.copies) : one;
        if (!all) fail(sema_error("rank-too-large"), item->span, fmt::format("an array has at most {} axes, and this layer has one of more", kMaxRank));
        position = static_cast<int>(fields.size());
        fields.push_back({item->name.id, all}), members.push_back({item, at});
      };
      add(held->params_type, params, model.params, layer.params_at);
      add(held->states_type, states, model.states, layer.states_at);
      continue;
    }
    const bool is_state = item->kind == ItemKind::state;
    const TypeId type = lower_type(item->type);
    ok = ok && type;
    if (type && (!types().all_float(type) || (is_state && types()[type].is_tuple()))) {
      const char* const what = is_state ? "state" : "parameter";
      fail(sema_error("type-mismatch"), ast_[item->type].span,
           is_state && types().all_float(type) ? fmt::format("the state `{}` is {}, and a state is a number or an array", str(item->name.id), types().text(type))
                                               : fmt::format("the {} `{}` is {}, and {}s are floats", what, str(item->name.id), types().text(type), what));
    }
    if (type && item->is_drawn && types()[type].is_tuple())
      fail(sema_error("type-mismatch"), ast_[item->type].span, fmt::format("the parameter `{}` is {}, and only numbers and arrays are drawn", str(item->name.id), types().text(type)));
    (is_state ? states : params).push_back({item->name.id, type});
    (is_state ? model.states : model.params).push_back({item, -1});
    if (is_state) ++model.n_slots;
  }
  if (!ok || failed_) return false;
  if (!params.empty()) model.params_type = types().tuple(std::move(params));
  if (!states.empty()) model.states_type = types().tuple(std::move(states));
  return true;
}

/// `Dense[n, m]`, `Dense[n = D, m = H]`: what the sizes of Dense are.
bool Lowering::lower_layer_sizes(const ModelItem& item, const ModelEntry& of, std::map<StrId, DimId>& out) {
  const std::span<const Name> names = (*of.ast)[of.decl->sizes];
  size_t next = 0;
  bool ok = static_cast<size_t>(item.model_args.count) == names.size();
  for (const Arg& a : ast_[item.model_args]) {
    StrId name = a.kind == ArgKind::named ? a.name.id : StrId{};
    if (!name && next < names.size()) name = names[next++].id;
    const bool is_known = std::any_of(names.begin(), names.end(), [&](const Name& one) { return one.id == name; });
    if (a.kind == ArgKind::named && !is_known) {
      fail(sema_error("no-such-size"), a.name.span, fmt::format("the model `{}` has no size `{}`", str(item.model.id), str(name))).label(of.decl->name.span, "declared here");
      return false;
    }
    if (!is_known || !a.value || a.kind == ArgKind::all || out.contains(name)) {
      ok = false;
      continue;
    }
    const DimId size = lower_array_size(a.value);
    if (!size) return false;
    out[name] = size;
  }
  if (ok) return true;
  fail(sema_error("size-count"), item.model.span, fmt::format("the model `{}` declares {} size{}, and here {} {}", str(item.model.id), names.size(), names.size() == 1 ? "" : "s",
                                                              item.model_args.count == 1 ? "is" : "are", item.model_args.count))
      .label(of.decl->name.span, "declared here");
  return false;
}

/// The parameters or states of a model, those of its layers included, in the order of its type's leaves.
void Analysis::hand_over_members(const ModelEntry& model, bool is_state, const ModelParam& above, std::vector<ModelParam>& out) {
  for (const ModelEntry::Member& member : is_state ? model.states : model.params) {
    const StrId name = member.item->name.id;
    const StrId path = above.name ? m.strings.intern(fmt::format("{}.{}", m.strings[above.name], m.strings[name])) : name;
    if (member.layer >= 0) {
      const ModelEntry::Layer& layer = model.layers[static_cast<size_t>(member.layer)];
      ModelParam next;
      next.name = path, next.copies = above.copies;
      for (const auto& [size, value] : layer.sizes) next.sizes[size] = above.name ? m.types.dims.substitute(value, above.sizes) : value;
      if (layer.copies) next.copies.push_back(above.name ? m.types.dims.substitute(layer.copies, above.sizes) : layer.copies);
      hand_over_members(models[static_cast<size_t>(layer.model)], is_state, next, out);
      continue;
    }
    const auto at = std::find(model.items.begin(), model.items.end(), member.item) - model.items.begin();
    ModelParam p = model.own[static_cast<size_t>(at)];
    if (above.name) {
      p.type = m.types.substitute(p.type, above.sizes);
      for (size_t k = above.copies.size(); k-- > 0;) p.type = stacked(m.types, p.type, above.copies[k]);
    }
    p.name = path, p.sizes = above.sizes, p.copies = above.copies;
    out.push_back(std::move(p));
  }
}

/// "bn.mean".
std::string Analysis::state_name(const ModelEntry& model, int32_t slot) const {
  for (const ModelEntry::Member& member : model.states) {
    const std::string name(m.strings[member.item->name.id]);
    if (member.layer < 0) {
      if (slot-- == 0) return name;
      continue;
    }
    const ModelEntry& held = models[static_cast<size_t>(model.layers[static_cast<size_t>(member.layer)].model)];
    if (slot < held.n_slots) return fmt::format("{}.{}", name, state_name(held, slot));
    slot -= held.n_slots;
  }
  return {};
}

/// `f`, a function of a model, with the model's sizes given, in the size variables `world` of whoever names it: a model that
/// holds it as a layer, or `M[sizes].f` outside. Its first `n_hidden` parameters stand behind the others, as what it captured.
FuncId Analysis::held(FuncId f, size_t n_hidden, const std::vector<StrId>& world, const std::map<StrId, DimId>& sizes) {
  std::string key = fmt::format("layer {} {}", f.i, n_hidden);
  for (StrId v : world) key += fmt::format(" {}", v.i);
  for (const auto& [name, size] : sizes) key += fmt::format(" {}={}", name.i, size.i);
  if (auto it = m.derived.find(key); it != m.derived.end()) return it->second;
  const std::vector<ValueId> params = m[f].body().params;
  const Loc loc = m[f].loc;
  Func outer;
  outer.name = m.unique_name(m[f].name), outer.loc = loc;
  std::map<StrId, DimId> at = sizes;
  outer.size_vars = world;
  const std::vector<StrId> all_sizes = m[f].size_vars;
  for (StrId own : all_sizes) {  // the function's own, and of the model those that follow from arguments
    if (sizes.contains(own)) continue;
    StrId name = own;
    for (int n = 2; std::find(outer.size_vars.begin(), outer.size_vars.end(), name) != outer.size_vars.end(); ++n) name = m.strings.intern(fmt::format("{}.{}", m.strings[own], n));
    outer.size_vars.push_back(name), at[own] = m.types.dims.variable(name);
  }
  outer.blocks.emplace_back();
  const FuncId id = m.add(std::move(outer));
  std::vector<ValueId> args(params.size());
  const auto add = [&](size_t k, StrId name) {
    args[k] = append_param(m, m[id], BlockId{0}, "param"_op, m.types.substitute(m[f][params[k]].type, at), name, m[f][params[k]].loc);
  };
  for (size_t k = n_hidden; k < params.size(); ++k) add(k, m[m[f][params[k]].attr].name);
  for (size_t k = 0; k < n_hidden; ++k) add(k, m.strings.intern(hidden_name(m.strings[m[m[f][params[k]].attr].name])));
  std::vector<DimId> given;
  for (StrId v : m[f].size_vars) given.push_back(at[v]);
  Builder b(m, id, BlockId{0});
  b.set_result(b.call(f, std::move(given), args, loc));
  copy_reach(f, id);
  if (auto it = updates.find(f); it != updates.end()) {
    std::vector<int32_t> slots = it->second;
    updates[id] = std::move(slots);
  }
  return m.derived[key] = id;
}

// -------------------------------------------------------------------------------------------------- in functions

const ModelEntry::Layer* Lowering::find_layer(ExprId id) {
  if (model_ < 0) return nullptr;
  const Expr& e = ast_[ast_.strip_parens(id)];
  if (e.kind == ExprKind::index) return find_layer(e.a);
  if (e.kind == ExprKind::name) return find(e.name) ? nullptr : a_.models[static_cast<size_t>(model_)].find_layer(e.name);
  const ModelEntry::Layer* outer = e.kind == ExprKind::field ? find_layer(e.a) : nullptr;
  return outer ? a_.models[static_cast<size_t>(outer->model)].find_layer(e.name) : nullptr;
}

/// The sizes of the model that holds the layer of this name or field.
std::map<StrId, DimId> Lowering::sizes_around_layer(ExprId id) {
  const Expr& e = ast_[ast_.strip_parens(id)];
  if (e.kind == ExprKind::index) return sizes_around_layer(e.a);
  if (e.kind == ExprKind::name) return model_sizes();
  const std::map<StrId, DimId> around = sizes_around_layer(e.a);
  std::map<StrId, DimId> sizes;
  for (const auto& [name, size] : find_layer(e.a)->sizes) sizes[name] = dims().substitute(size, around);
  return sizes;
}

/// How many layers an array of them has, found without lowering it; absent: it is one layer.
DimId Lowering::copies_of_layer(ExprId id) {
  const ModelEntry::Layer& found = *find_layer(id);
  return found.copies ? dims().substitute(found.copies, sizes_around_layer(id)) : DimId{};
}

/// What a layer's expression names, with its part of the parameters and states.
Lowering::LayerRef Lowering::layer(ExprId id) {
  const Expr& e = ast_[ast_.strip_parens(id)];
  if (e.kind == ExprKind::index) return one_of(layer(e.a), e);
  const ModelEntry::Layer& found = *find_layer(ast_.strip_parens(id));
  LayerRef out;
  Val params, states;
  if (e.kind == ExprKind::field) {
    out = layer(e.a);
    if (out.model < 0) return out;
    if (out.copies && found.copies) out.array = e.a;  // all of them, whose parameters have an axis for each
    params = out.params, states = out.states;
  } else {
    if (params_) params = own_parameter(params_);
    if (states_) states = own_parameter(states_);
    out.sizes = model_sizes();
  }
  const auto part = [&](const Val& of, int position) { return of && position >= 0 ? value(b().get(make(of, e.span), position, loc(e.span))) : Val{}; };
  out.params = part(params, found.params_at), out.states = part(states, found.states_at);
  std::map<StrId, DimId> sizes;
  for (const auto& [name, size] : found.sizes) sizes[name] = dims().substitute(size, out.sizes);
  if (found.copies && !out.array) out.copies = dims().substitute(found.copies, out.sizes);
  out.sizes = std::move(sizes), out.model = found.model, out.first_slot += found.first_slot;
  return out;
}

void Lowering::array_of_layers(ExprId e, const std::string& function) {
  fail(sema_error("array-of-layers"), ast_[e].span, fmt::format("`{}` is an array of layers", code(e)))
      .help(fmt::format("say {} is meant: `{}[i]{}`", function.empty() ? "which one" : "whose function", code(e), function));
}

/// `blocks[l]`.
Lowering::LayerRef Lowering::one_of(LayerRef all, const Expr& e) {
  if (all.model < 0) return all;
  if (all.array) return array_of_layers(all.array), LayerRef{};
  const std::span<const Arg> args = ast_[e.args];
  if (!all.copies || args.size() != 1) {
    fail(sema_error("too-many-subscripts"), e.mark, fmt::format("`{}` is {}, and here {} {} subscript{}", code(e.a), all.copies ? "an array of layers" : "one layer",
                                                                args.size() == 1 ? "is" : "are", args.size(), args.size() == 1 ? "" : "s"));
    return {};
  }
  const auto s = lower_one_subscript(args[0], all.copies);
  if (!s) return {};
  const bool is_one = s->kind == Subscript::Kind::at || (s->kind == Subscript::Kind::value && shape_of(s->value).dims.empty());
  if (!is_one) {
    fail(sema_error("array-of-layers"), args[0].span, "the subscript of an array of layers picks one").help(fmt::format("an array of their parameters is read as one, `{}.W`", code(e.a)));
    return {};
  }
  const ModelEntry& model = a_.models[static_cast<size_t>(all.model)];
  LayerRef one = all;
  one.copies = {};
  if (all.params) one.params = row_of_layers(all.params, types().substitute(model.params_type, all.sizes), *s, e.span);
  if (all.states) one.states = row_of_layers(all.states, types().substitute(model.states_type, all.sizes), *s, e.span);
  if ((all.params && !one.params) || (all.states && !one.states)) return {};
  one.at.push_back(s->kind == Subscript::Kind::at ? size_value(s->at, e.span) : s->value);
  return one;
}

/// One layer's part, of `type`, of what an array of them has.
Val Lowering::row_of_layers(const Val& all, TypeId type, const Subscript& s, Span span) {
  const Type t = types()[type];
  if (!t.is_tuple()) return apply_subscripts(all, std::span(&s, 1), span);
  std::vector<ValueId> fields;
  for (size_t k = 0; k < t.fields.size(); ++k) {
    const Val field = row_of_layers(value(b().get(make(all, span), static_cast<int>(k), loc(span))), t.fields[k].type, s, span);
    if (!field) return {};
    fields.push_back(make(field, span));
  }
  return value(b().tuple(fields, type, loc(span)));
}

/// `fc.W`, `fc.apply`, `block.fc`.
Val Lowering::layer_field(const Expr& e) {
  const LayerRef l = layer(e.a);
  if (l.model < 0) return {};
  const ModelEntry& model = a_.models[static_cast<size_t>(l.model)];
  const auto read = [&](const std::vector<ModelEntry::Member>& members, const Val& from) -> std::optional<Val> {
    for (size_t k = 0; k < members.size(); ++k)
      if (members[k].item->name.id == e.name) return from ? value(b().get(make(from, e.span), static_cast<int>(k), loc(e.span))) : Val{};
    return std::nullopt;
  };
  if (const auto v = read(model.params, l.params)) return *v;
  if (const auto v = read(model.states, l.states); v && *v) return *v;
  const ModelEntry::Forms* forms = model.find(e.name);
  if (!forms) {
    std::vector<std::string_view> names;
    for (const ModelEntry::Forms& f : model.functions) names.push_back(str(f.name));
    for (const ModelItem* item : model.items) names.push_back(str(item->name.id));
    Diagnostic& d = fail(sema_error("no-such-field"), e.mark, fmt::format("the layer `{}` is a {}, which has no `{}`", code(e.a), str(model.decl->name.id), str(e.name)));
    if (const std::string_view near = nearest_name(str(e.name), names); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
    d.label(model.decl->name.span, "declared here");
    return {};
  }
  if (l.copies) return array_of_layers(e.a, fmt::format(".{}", str(e.name))), Val{};
  Callable c;
  c.declared = is_training_ ? forms->training : forms->plain, c.is_layers = a_.functions[static_cast<size_t>(c.declared)].takes_functions;
  const FuncId f = c.is_layers ? FuncId{} : a_.instance(c.declared, a_.options.real, e.span);
  if (!f && !c.is_layers) return failed_ = true, Val{};
  if ((model.states_type && !l.states) || (model.key_in_predict && !key_)) {
    fail(sema_error("bad-entry"), e.span, fmt::format("`{}` needs the states or the key of a run, and a term of the objective in parameters has none", code(e.a)));
    return {};
  }
  c.span = e.span, c.first_slot = l.first_slot;
  if (l.params) c.captured.push_back(l.params);
  if (l.states) c.captured.push_back(l.states);
  if (model.draws && (is_training_ || model.key_in_predict)) {
    const ValueId key = fresh_key(e.span);
    if (!key) return {};
    c.key_at = static_cast<int32_t>(c.captured.size());
    c.captured.push_back(value(key));
  }
  c.at = l.at;
  if (c.is_layers) {
    c.sizes = l.sizes;
  } else {
    c.kind = Callable::Kind::resolved, c.world = layer_world();
    c.func = a_.held(f, c.captured.size(), c.world, l.sizes);
  }
  return a_.function_value(std::move(c));
}

/// The size variables that layers' sizes are written in.
std::vector<StrId> Lowering::layer_world() {
  if (!model_sizes_.empty()) return a_.m[func_].size_vars;
  std::vector<StrId> world;
  for (const auto& name : (*a_.models[static_cast<size_t>(model_)].ast)[a_.models[static_cast<size_t>(model_)].decl->sizes]) world.push_back(name.id);
  return world;
}

/// A layer's parameters as one value.
Val Lowering::layer_value(StrId name, Span span) {
  const ModelEntry::Layer* found = model_ >= 0 ? a_.models[static_cast<size_t>(model_)].find_layer(name) : nullptr;
  if (!found || found->model < 0) return {};
  if (found->params_at < 0 || !params_) {
    fail(sema_error("no-such-field"), span, fmt::format("the layer `{}` has no parameters, so it is no value", str(name)));
    return {};
  }
  return value(b().get(make(own_parameter(params_), span), found->params_at, loc(span)));
}

}  // namespace dlc::sema
