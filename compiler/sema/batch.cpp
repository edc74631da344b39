// What connects a model, written for one example, to its batch and to the run: `training`, which is decided here;
// `batch_mean` and `batch_sum`; `state` and `update`.
//
// In the form for training a collective is the op `batch_sum`, which the pass `batch` makes a sum over the examples; in the
// form for `predict` the batch is this one example, and it is its operand. A function that updates states returns their
// new values behind its result, and so does who calls it, up to the loss:
//
//   update μ = 0.9 * μ + 0.1 * batch_mean(x)     func @Norm.apply.training(params, states, x) -> (f32, f32)
#include <algorithm>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {

/// `training` is a constant: an `if` on it has one branch.
std::optional<bool> Lowering::static_condition(ExprId id) {
  const Expr& e = ast_[ast_.strip_parens(id)];
  if (e.kind == ExprKind::unary && e.op == SyntaxOp::not_) {
    const auto holds = static_condition(e.a);
    return holds ? std::optional(!*holds) : std::nullopt;
  }
  const bool is_word = e.kind == ExprKind::name && model_ >= 0 && str(e.name) == "training";
  return is_word && !find(e.name) && !model_function(e.name) ? std::optional(is_training_) : std::nullopt;
}

// -------------------------------------------------------------------------------------------------- collectives

/// This function reaches a collective here: may it?
bool Lowering::enter_collective(Span span, std::string_view what, bool updates) {
  a_.collectives.insert(func_);
  for (const Region& r : regions_)
    if ((r.guarded && (updates || !r.is_on_sizes)) || r.is_open_loop) {  // sizes are the same for the whole batch
      const char* where = r.guarded ? "under a condition, which need not hold for the whole batch" : "in a loop that need not run equally often for the whole batch";
      fail(sema_error("collective-under-condition"), span, fmt::format("{} stands {}", what, where))
          .help(fmt::format("compute it before the {}, and use it there", r.guarded ? "`if`" : "loop"));
      return false;
    }
  return true;
}

Val Lowering::lower_collective(const Expr& call, bool is_mean) {
  const std::string_view name = is_mean ? "batch_mean" : "batch_sum";
  if (model_ < 0) {
    fail(sema_error("collective-outside-model"), call.span, fmt::format("`{}` is a sum over the examples of a model's batch, and this is no model", name))
        .help(fmt::format("of an array, write `{}(x)` or `{}(x, axis = 0)`", is_mean ? "mean" : "sum", is_mean ? "mean" : "sum"));
    return {};
  }
  const auto args = ast_[call.args];
  if (args.size() != 1 || args[0].kind != ArgKind::value || !args[0].value) {
    fail(sema_error("argument-count"), call.mark, fmt::format("`{}` takes one argument", name)).help(fmt::format("it is used as `{}(x)`", name));
    return {};
  }
  if (!enter_collective(call.span, fmt::format("`{}`", name), false)) return {};
  const Val v = lower(args[0].value);
  const ValueId x = v ? make(v, args[0].span, is_mean ? std::optional(default_float()) : std::nullopt) : ValueId{};
  const ValueId result = x ? over_batch(x, is_mean, args[0].span) : ValueId{};
  return result ? value(result) : Val{};
}

/// Leaf by leaf; the mean is the sum over the number of examples, which is the sum of ones.
ValueId Lowering::over_batch(ValueId x, bool is_mean, Span span) {
  const Type t = b().type(x);
  const Loc l = loc(span);
  if (t.is_tuple()) {
    std::vector<ValueId> fields;
    for (size_t k = 0; k < t.fields.size(); ++k) {
      fields.push_back(over_batch(b().get(x, static_cast<int>(k), l), is_mean, span));
      if (!fields.back()) return {};
    }
    return b().tuple(fields, b().type_id(x), l);
  }
  if (!is_float(t.dtype) && (is_mean || t.dtype != DType::i64)) {
    fail(sema_error("type-mismatch"), span, fmt::format("`{}` is of {}, and this is {}", is_mean ? "batch_mean" : "batch_sum",
                                                        is_mean ? "floats" : "numbers", types().text(b().type_id(x))));
    return {};
  }
  if (!is_training_) return x;
  const ValueId sum = b().batch_sum(x, l);
  return is_mean ? b().op("div"_op, {sum, b().batch_sum(b().constant(1, t.dtype, l), l)}, l) : sum;
}

// ------------------------------------------------------------------------------------------------------ updates

namespace {

/// Which values of a function are one example's own. Of a tuple bit k stands for field k, and the last for all beyond.
class Variation {
 public:
  explicit Variation(const Module& m) : m_(m) {}

  uint64_t of(const Func& f, ValueId v, const std::vector<uint64_t>& params) {
    std::vector<uint64_t> of_value(f.insts.size());
    for (size_t k = 0; k < f.body().params.size(); ++k) of_value[at(f.body().params[k])] = params[k];
    through(f, f.body(), of_value);
    return of_value[at(v)];
  }

 private:
  static size_t at(ValueId v) { return static_cast<size_t>(v.i); }
  static uint64_t bit(int64_t field) { return uint64_t{1} << std::min<int64_t>(field, 63); }
  static uint64_t all_if(bool varies) { return varies ? ~uint64_t{0} : 0; }

  void through(const Func& f, const Block& block, std::vector<uint64_t>& of_value) {
    for (ValueId v : block.body) of_value[at(v)] = of_inst(f, v, of_value);
  }

  uint64_t of_inst(const Func& f, ValueId v, std::vector<uint64_t>& of_value) {
    const Inst& in = f[v];
    const auto operands = f.operands(v);
    if (in.op == "batch_sum"_op) return 0;
    if (in.op == "get"_op) return all_if(of_value[at(operands[0])] & bit(m_[in.attr].ints[0]));
    uint64_t fields = 0;
    for (size_t k = 0; k < operands.size(); ++k)
      if (of_value[at(operands[k])]) fields |= bit(static_cast<int64_t>(k));
    if (in.op == "tuple"_op) return fields;
    if (fields == 0) return 0;
    if (in.op == "map"_op) {
      const Block& body = f[in.first_block];
      const size_t n_indices = body.params.size() - operands.size();
      for (size_t k = 0; k < operands.size(); ++k) of_value[at(body.params[n_indices + k])] = of_value[at(operands[k])];
      through(f, body, of_value);
      return of_value[at(body.result)];
    }
    const Func* callee = in.op == "call"_op ? &m_[m_[in.attr].func] : nullptr;
    if (!callee || !callee->body().result) return ~uint64_t{0};
    std::vector<uint64_t> arguments;
    for (ValueId o : operands) arguments.push_back(of_value[at(o)]);
    return of(*callee, callee->body().result, arguments);
  }

  const Module& m_;
};

}  // namespace

void Lowering::lower_update(const Stmt& s) {
  const ModelEntry* model = model_ >= 0 ? &a_.models[static_cast<size_t>(model_)] : nullptr;
  const ModelItem* state = nullptr;
  int position = -1, slot = 0;  // its field of `states`, and how many states stand before it
  for (size_t k = 0; model && k < model->states.size() && !state; ++k) {
    const ModelEntry::Member& member = model->states[k];
    if (member.layer >= 0) slot += a_.models[static_cast<size_t>(model->layers[static_cast<size_t>(member.layer)].model)].n_slots;
    else if (member.item->name.id == s.name.id) state = member.item, position = static_cast<int>(k);
    else ++slot;
  }
  if (!state) {
    Diagnostic& d = fail(sema_error("not-a-state"), s.name.span, fmt::format("`{}` is no state of {}", str(s.name.id), model ? "this model" : "a model"));
    std::vector<std::string_view> names;
    for (const ModelEntry::Member& member : model ? model->states : std::vector<ModelEntry::Member>{})
      if (member.layer < 0) names.push_back(str(member.item->name.id));
    if (const std::string_view near = nearest_name(str(s.name.id), names); !near.empty()) d.help(fmt::format("did you mean `{}`?", near));
    if (const Binding* other = find(s.name.id)) d.label(other->span, "declared here");
    return;
  }
  if (!enter_collective(s.span, "this `update`", true)) return;
  const TypeId type = types()[in_sizes(model->states_type)].fields[static_cast<size_t>(position)].type;
  const Val v = lower(s.value, type);
  const ValueId id = v ? coerce(v, type, ast_[s.value].span, fmt::format("the state `{}`", str(s.name.id)), true) : ValueId{};
  if (!id || !add_update(slot, id, s.span) || !is_training_ || !varies(id)) return;
  fail(sema_error("update-of-example"), ast_[s.value].span, fmt::format("the new value of `{}` depends on one example", str(s.name.id)))
      .label(state->name.span, "the state is one for the whole batch")
      .help(fmt::format("write `batch_mean({})`, if its mean over the batch is meant", code(s.value)));
}

bool Lowering::add_update(int32_t slot, ValueId value, Span span) {
  if (regions_.size() > 1) {
    const bool is_loop = std::none_of(regions_.begin(), regions_.end(), [](const Region& r) { return r.is_map; });
    fail(sema_error("misplaced-update"), span, fmt::format("a state is updated in {}, which runs more than once", is_loop ? "a loop" : "the body of an index"));
    return false;
  }
  for (const Update& other : updates_)
    if (other.slot == slot) {
      fail(sema_error("update-twice"), span, fmt::format("the state `{}` is updated twice", a_.state_name(a_.models[static_cast<size_t>(model_)], slot)))
          .label(other.span, "updated here");
      return false;
    }
  updates_.push_back({slot, value, span, {}});
  return true;
}

// ------------------------------------------------------------------------------------- states of arrays of layers
// A layer of an array is picked by a number, so what its call gives is one row of a new value. The rows come together in a
// variable for each such state, named as nothing in a program can be: loops carry it like any other.

namespace {

/// Calls f(slot, path) for each state below `states` that stands in an array of layers; `path` leads to it.
template <class Do>
void for_stacked(const std::deque<ModelEntry>& models, const ModelEntry& model, int32_t first_slot, bool is_stacked, std::vector<int> path, Do&& f) {
  int32_t slot = first_slot;
  for (size_t k = 0; k < model.states.size(); ++k) {
    const ModelEntry::Member& member = model.states[k];
    path.push_back(static_cast<int>(k));
    if (member.layer < 0) {
      if (is_stacked) f(slot, path);
      ++slot;
    } else {
      const ModelEntry::Layer& layer = model.layers[static_cast<size_t>(member.layer)];
      const ModelEntry& held = models[static_cast<size_t>(layer.model)];
      for_stacked(models, held, slot, is_stacked || layer.copies, path, f);
      slot += held.n_slots;
    }
    path.pop_back();
  }
}

}  // namespace

StrId Lowering::stacked_name(int32_t slot) { return a_.m.strings.intern(fmt::format("states.{}", slot)); }

void Lowering::declare_stacked_states() {
  if (!is_training_ || !states_) return;
  const ModelEntry& model = a_.models[static_cast<size_t>(model_)];
  for_stacked(a_.models, model, 0, false, {}, [&](int32_t slot, const std::vector<int>& path) {
    ValueId v = states_;
    for (int field : path) v = b().get(v, field, loc(model.decl->name.span));
    Binding binding;
    binding.name = stacked_name(slot), binding.kind = Binding::Kind::var, binding.span = model.decl->name.span;
    binding.val = value(v), binding.type = binding.val.type;
    bind(std::move(binding));
  });
}

/// A loop that names an array of layers may call them.
void Lowering::collect_updated(StrId layer_name, std::vector<size_t>& out) {
  const ModelEntry::Layer* layer = model_ >= 0 && is_training_ && !find(layer_name) ? a_.models[static_cast<size_t>(model_)].find_layer(layer_name) : nullptr;
  for (int32_t k = 0; layer && k < a_.models[static_cast<size_t>(layer->model)].n_slots; ++k)
    if (const Binding* binding = find(stacked_name(layer->first_slot + k))) out.push_back(static_cast<size_t>(binding - bindings_.data()));
}

/// Whether a loop's steps, and those of all loops around it, pick another layer each: every index is alone in a subscript.
bool Lowering::picks_once(const std::vector<Val>& at) {
  size_t n_used = 0;
  for (const Val& v : at) {
    if (v.kind != Val::Kind::size) return indices_.empty() && regions_.size() == 1;
    size_t n = 0;
    for (const BoundIndex& index : indices_) {
      const std::vector<StrId> used = dims().variables(v.dim);
      n += std::find(used.begin(), used.end(), index.name) != used.end();
    }
    if (n > 1 || (n == 1 && !is_affine(v.dim))) return false;
    n_used += n;
  }
  return n_used == indices_.size();
}

/// Stores what a layer of an array gave as the new value of one of its states.
bool Lowering::put_update(int32_t slot, const Callable& of, ValueId row, Span span) {
  Binding* binding = find(stacked_name(slot));
  if (!binding || std::any_of(regions_.begin(), regions_.end(), [](const Region& r) { return r.is_map; }) || !picks_once(of.at)) {
    fail(sema_error("misplaced-update"), span, "a state is updated where it may be updated more than once")
        .help("a loop may call the layers of an array, each once: its index is a subscript of the array");
    return false;
  }
  std::vector<ValueId> at;
  std::vector<DimId> known;
  for (const Val& v : of.at) {
    at.push_back(b().broadcast(make(v, span), {}, loc(span)));
    if (v.kind == Val::Kind::size) known.push_back(v.dim);
    else if (varies(at.back())) {
      fail(sema_error("update-of-example"), span, "which layer's state is updated depends on one example").help("pick it by an index of a loop or a size");
      return false;
    }
  }
  bool is_first = true;
  for (const Update& other : updates_) {
    if (other.slot != slot) continue;
    is_first = false;
    const bool is_same = other.at == known && known.size() == of.at.size();
    if (!other.at.empty() && !is_same) continue;
    fail(sema_error("update-twice"), span, fmt::format("the state `{}` is updated twice", a_.state_name(a_.models[static_cast<size_t>(model_)], slot))).label(other.span, "updated here");
    return false;
  }
  const Val base = binding->val;
  const ValueId whole = b().put(make(base, span), row, at, Bounds::inside, loc(span));
  find(stacked_name(slot))->val = value(whole);
  if (is_first || !known.empty()) updates_.push_back({slot, {}, span, known});
  return true;
}

/// The new rows of all layers of an array, from a function of this model that called them.
bool Lowering::put_all_updates(int32_t slot, ValueId all, Span span) {
  if (!add_update(slot, {}, span)) return false;
  find(stacked_name(slot))->val = value(all);
  return true;
}

/// Whether a value is one example's own.
bool Lowering::varies(ValueId id) {
  std::vector<uint64_t> own;
  for (ValueId p : a_.m[func_].body().params) own.push_back(p == params_ || p == states_ ? 0 : ~uint64_t{0});
  return Variation(a_.m).of(a_.m[func_], id, own) != 0;
}

/// What a call gave, without the new values of states that came with it.
Val Lowering::after_call(FuncId func, const Callable& callable, Val result, Span span) {
  if (a_.of_one_example.contains(func) && model_ < 0) a_.of_one_example.insert(func_);
  else if (a_.of_one_example.contains(func)) return look_at_one(func, span, "a derivative in this function is that of one example"), Val{};
  if (!a_.collectives.contains(func)) return result;
  if (!enter_collective(span, "a function that looks at its whole batch", a_.updates.contains(func))) return {};
  const auto updates = a_.updates.find(func);
  if (updates == a_.updates.end()) return result;
  const ValueId all = make(result, span);
  for (size_t k = 0; k < updates->second.size(); ++k) {
    const int32_t slot = callable.first_slot + updates->second[k];
    const ValueId v = b().get(all, static_cast<int>(k) + 1, loc(span));
    const bool is_stacked = find(stacked_name(slot)) != nullptr;
    const bool is_done = !callable.at.empty() ? put_update(slot, callable, v, span) : is_stacked ? put_all_updates(slot, v, span) : add_update(slot, v, span);
    if (!is_done) return {};
  }
  return value(b().get(all, 0, loc(span)));
}

ValueId Lowering::with_updates(ValueId result, Span span) {
  if (!is_training_ || updates_.empty()) return result;
  std::vector<ValueId> values{result};
  std::vector<int32_t> known;  // rows of one state may have come one by one
  for (const Update& u : updates_) {
    if (std::find(known.begin(), known.end(), u.slot) != known.end()) continue;
    known.push_back(u.slot);
    values.push_back(u.value ? u.value : make(find(stacked_name(u.slot))->val, span));
    a_.updates[func_].push_back(u.slot);
  }
  return b().tuple(values, loc(span));
}

}  // namespace dlc::sema
