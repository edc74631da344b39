// `train Net2[D = 30, H = 16] { … }`: the entries as numbers and names (TrainSpec), checked against the model. Nothing is
// read and nothing compiled here, but for the objective's terms in parameters, which become a function of them.
#include <algorithm>
#include <cmath>
#include <span>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/train_entries.h"
#include "syntax/parser.h"

namespace dlc::sema {
namespace {

/// Whether all leaves are of this dtype.
bool has_only(const TypeTable& types, TypeId id, DType dtype) {
  const Type& t = types[id];
  return t.is_tuple() ? std::all_of(t.fields.begin(), t.fields.end(), [&](const Field& f) { return has_only(types, f.type, dtype); }) : t.dtype == dtype;
}

/// Reads one train block.
struct TrainReader : EntryReader {
  const Decl& d;
  const ModelEntry& model;
  std::map<EntryKind, Span> seen = {};
  std::vector<std::pair<ExprId, double>> terms = {};  // of the objective: in parameters

  TrainReader(Analysis& a, const Decl& d, const ModelEntry& model, const ModelInfo& info) : EntryReader{a, info}, d(d), model(model) {}

  /// The arguments of `adam(lr = 0.01)` into `slots`.
  struct Slot {
    std::string_view name;
    double* number = nullptr;
    bool* flag = nullptr;
    double least = -HUGE_VAL, most = HUGE_VAL;
    int64_t* whole = nullptr;
  };
  void read_arguments(ExprId id, std::initializer_list<Slot> slots) { read_arguments(id, std::span(slots.begin(), slots.size())); }
  void read_arguments(ExprId id, std::span<const Slot> slots) {
    const Expr& e = expr(id);
    if (e.kind != ExprKind::call) return;
    for (const Arg& arg : ast()[e.args]) {
      const Slot* slot = nullptr;
      for (const Slot& s : slots)
        if (arg.kind == ArgKind::named && s.name == str(arg.name.id)) slot = &s;
      if (!slot) {
        std::vector<std::string_view> names;
        for (const Slot& s : slots) names.push_back(s.name);
        unknown(arg.span, "the argument", arg.kind == ArgKind::named ? str(arg.name.id) : std::string_view(code(arg.value)), names);
        continue;
      }
      if (slot->flag) {
        if (expr(arg.value).kind == ExprKind::boolean) *slot->flag = expr(arg.value).flag;
        else fail(sema_error("bad-entry"), arg.span, "`true` or `false` is wanted here");
        continue;
      }
      const auto x = number(arg.value);
      if (!x) continue;
      if (slot->whole && *x != std::floor(*x)) {
        fail(sema_error("bad-entry"), arg.span, fmt::format("`{}` is a whole number", slot->name));
        continue;
      }
      if (slot->number) *slot->number = *x;
      if (slot->whole && *x >= slot->least && *x <= slot->most) *slot->whole = static_cast<int64_t>(*x);
      if (*x < slot->least || *x > slot->most)
        fail(sema_error("bad-entry"), arg.span,
             std::isinf(slot->most) ? fmt::format("`{}` is at least {}", slot->name, slot->least)
                                    : fmt::format("`{}` lies between {} and {}", slot->name, slot->least, slot->most));
    }
  }

  // ---- entries
  void read_sizes() {
    size_t next = 0;
    const auto names = ast()[model.decl->sizes];
    for (const Arg& arg : ast()[d.args]) {
      StrId size;
      if (arg.kind == ArgKind::named) size = arg.name.id;
      else if (next < names.size()) size = names[next++].id;
      const bool is_known = std::any_of(names.begin(), names.end(), [&](const Name& n) { return n.id == size; });
      const auto value = arg.value ? whole(arg.value, 0) : std::nullopt;
      if (!is_known || spec.sizes.contains(size))
        fail(sema_error("size-count"), arg.span, fmt::format("the model `{}` has {} sizes", str(info.name), names.size())).label(info.span, "declared here");
      else if (value) spec.sizes[size] = *value;
    }
    for (const Name& n : names)
      if (!spec.sizes.contains(n.id) && ok)
        fail(sema_error("size-count"), d.name.span, fmt::format("the size `{}` of `{}` is not given", str(n.id), str(info.name))).label(n.span, "declared here");
  }

  /// `split train = 0.8 valid = 0.2 stratify = y` and other entries of named values.
  void read_split(const TrainEntry& entry) {
    spec.train_part = 0;
    for (const Arg& arg : ast()[entry.args]) {
      const std::string_view name = str(arg.name.id);
      double* const part = name == "train" ? &spec.train_part : name == "valid" ? &spec.valid_part : name == "test" ? &spec.test_part : nullptr;
      if (name == "stratify") {
        spec.stratify = name_of(arg.value);
      } else if (!part) {
        unknown(arg.span, "the part", name, std::initializer_list<std::string_view>{"train", "valid", "test", "stratify"});
      } else if (const auto x = number(arg.value)) {
        if (*x < 0) fail(sema_error("bad-entry"), arg.span, "a part is not negative");
        *part = *x;
      }
    }
    const double parts[] = {spec.train_part, spec.valid_part, spec.test_part}, sum = parts[0] + parts[1] + parts[2];
    spec.parts_are_counts = std::any_of(std::begin(parts), std::end(parts), [](double x) { return x > 1; });
    if (spec.parts_are_counts) {
      if (spec.train_part < 1 || std::any_of(std::begin(parts), std::end(parts), [](double x) { return x != std::floor(x) || x > 9e15; }))
        fail(sema_error("bad-entry"), entry.span, "the parts are shares that add up to 1, or whole numbers of rows with at least one to train");
      else if (spec.stratify)
        fail(sema_error("bad-entry"), entry.span, "`stratify` keeps the share of each class, so the parts are shares, and these are numbers of rows");
      return;
    }
    if (spec.train_part <= 0 || std::abs(sum - 1) > 1e-9)
      fail(sema_error("bad-entry"), entry.span, fmt::format("the parts add up to {}, and not to 1 with a positive `train`", sum));
  }

  void read_metrics(const TrainEntry& entry) {
    constexpr std::string_view kMetrics[] = {"accuracy", "auc", "mae", "rmse", "r2", "mean"};
    for (const Arg& arg : ast()[entry.args]) {
      MetricSpec metric;
      metric.span = arg.span;
      Span span;
      const std::string_view kind = call_name(arg.value, span);
      if (kind.empty()) continue;
      const auto* row = std::find(std::begin(kMetrics), std::end(kMetrics), kind);
      if (row == std::end(kMetrics)) {
        unknown(span, "the metric", kind, kMetrics);
        continue;
      }
      metric.kind = static_cast<MetricSpec::Kind>(row - std::begin(kMetrics));
      metric.name = arg.kind == ArgKind::named ? str(arg.name.id) : kind;
      if (metric.kind == MetricSpec::Kind::mean) {
        if (const auto term = read_mean(expr(arg.value), true)) metric.term = *term;
        if (arg.kind != ArgKind::named && metric.term.loss) metric.name = str(metric.term.extra ? metric.term.extra : metric.term.loss);
      } else if (metric.kind == MetricSpec::Kind::accuracy) read_arguments(arg.value, {{"threshold", &metric.threshold}});
      else read_arguments(arg.value, {});
      spec.metrics.push_back(std::move(metric));
    }
  }

  void read_optimizer(const TrainEntry& entry) {
    OptimizerSpec& o = spec.optimizer;
    Span span;
    const std::string_view name = call_name(entry.value, span);
    const auto* known = std::find(std::begin(kOptimizerNames), std::end(kOptimizerNames), name);
    if (known == std::end(kOptimizerNames)) {
      if (!name.empty()) unknown(span, "the optimizer", name, kOptimizerNames);
      return;
    }
    o.kind = static_cast<OptimizerSpec::Kind>(known - std::begin(kOptimizerNames));
    if (o.kind == OptimizerSpec::Kind::adamw) o.weight_decay = 0.01;
    if (o.kind == OptimizerSpec::Kind::rmsprop) o.lr = 1e-2;
    std::vector<Slot> slots;
    for (const OptimizerArgument& a : kOptimizerArguments)
      if (a.of[static_cast<size_t>(o.kind)])
        slots.push_back({a.name, a.number ? &(o.*a.number) : nullptr, a.flag ? &(o.*a.flag) : nullptr, a.least, a.most, a.whole ? &(o.*a.whole) : nullptr});
    read_arguments(entry.value, slots);
  }

  void read_schedule(const TrainEntry& entry) {
    ScheduleSpec& s = spec.schedule;
    Span span;
    const std::string_view kind = call_name(entry.value, span);
    const Slot warmup{"warmup", &s.warmup, nullptr, 0};
    if (kind == "constant") {
      s.kind = ScheduleSpec::Kind::constant;
      read_arguments(entry.value, {warmup});
    } else if (kind == "step") {
      s.kind = ScheduleSpec::Kind::step;
      read_arguments(entry.value, {warmup, {"every", &s.every, nullptr, 1e-9}, {"factor", &s.factor, nullptr, 0}});
    } else if (kind == "cosine") {
      s.kind = ScheduleSpec::Kind::cosine;
      read_arguments(entry.value, {warmup, {"floor", &s.floor, nullptr, 0, 1}});
    } else if (!kind.empty()) {
      unknown(span, "the schedule", kind, std::initializer_list<std::string_view>{"constant", "step", "cosine"});
    }
  }

  // ---- the objective: a linear combination of mean(loss) and of terms in parameters
  bool has_mean(ExprId id) {
    const Expr& e = expr(id);
    if (e.kind == ExprKind::call && expr(e.a).kind == ExprKind::name && str(expr(e.a).name) == "mean") return true;
    if (e.kind == ExprKind::unary) return has_mean(e.a);
    return e.kind == ExprKind::binary && (has_mean(e.a) || has_mean(e.b));
  }
  void read_objective(ExprId id, double coefficient) {
    const Expr& e = expr(id);
    if (e.kind == ExprKind::binary && (e.op == SyntaxOp::add || e.op == SyntaxOp::sub)) {
      read_objective(e.a, coefficient);
      return read_objective(e.b, e.op == SyntaxOp::add ? coefficient : -coefficient);
    }
    if (!has_mean(id)) return static_cast<void>(terms.push_back({id, coefficient}));
    if (e.kind == ExprKind::unary) return read_objective(e.a, -coefficient);
    if (e.kind == ExprKind::binary && e.op == SyntaxOp::mul && has_mean(e.a) != has_mean(e.b)) {
      const auto x = number(has_mean(e.a) ? e.b : e.a);
      return x ? read_objective(has_mean(e.a) ? e.a : e.b, coefficient * *x) : void();
    }
    if (e.kind == ExprKind::binary && e.op == SyntaxOp::div && has_mean(e.a) && !has_mean(e.b)) {
      const auto x = number(e.b);
      return x ? read_objective(e.a, coefficient / *x) : void();
    }
    if (e.kind == ExprKind::call) {
      if (auto term = read_mean(e, false)) term->coefficient = coefficient, spec.losses.push_back(*term);
      return;
    }
    fail(sema_error("bad-entry"), e.span, "the objective is a sum of numbers times `mean(loss)` and of terms in parameters");
  }
  /// `mean(loss)`, `mean(loss, weight = w)`; in metrics also of what a loss returns by name, `mean(loss.recon)`.
  std::optional<LossTerm> read_mean(const Expr& e, bool is_metric) {
    LossTerm term;
    term.span = e.span;
    const bool was_ok = std::exchange(ok, true);
    const char* const wanted = is_metric ? "`mean` takes the name of a loss or of its value, `loss.recon`, and `weight = field`" : "`mean` takes the name of a loss, and `weight = field`";
    if (e.kind != ExprKind::call || ast()[e.args].empty()) fail(sema_error("bad-entry"), e.span, wanted);
    else
      for (const Arg& arg : ast()[e.args]) {
        const Expr& value = expr(arg.value);
        if (arg.kind == ArgKind::named && str(arg.name.id) == "weight") term.weight = name_of(arg.value);
        else if (arg.kind == ArgKind::value && is_metric && value.kind == ExprKind::field) term.loss = name_of(value.a), term.extra = value.name;
        else if (arg.kind == ArgKind::value) term.loss = name_of(arg.value);
        else fail(sema_error("bad-entry"), arg.span, wanted);
      }
    const ModelFunction* f = term.loss ? info.find(term.loss) : nullptr;
    if (term.loss && (!f || !f->is_loss)) {
      std::vector<std::string_view> names;
      for (const ModelFunction& g : info.functions)
        if (g.is_loss) names.push_back(str(g.name));
      unknown(e.span, "the loss", str(term.loss), names);
    } else if (f && f->func && term.extra) {
      check_extra(*f, term);
    } else if (!f && ok) {
      fail(sema_error("bad-entry"), e.span, wanted);
    }
    const bool is_good = std::exchange(ok, ok && was_ok);
    return is_good ? std::optional(term) : std::nullopt;
  }
  void check_extra(const ModelFunction& f, const LossTerm& term) {
    const Type result = a.m.types[a.m[f.func].result_type()];
    std::vector<std::string_view> names;
    for (size_t k = 1; k < result.fields.size(); ++k) {
      const Field& field = result.fields[k];
      const Type type = a.m.types[field.type];
      if (!field.name) continue;
      names.push_back(str(field.name));
      if (field.name != term.extra) continue;
      if (type.is_tuple() || !type.dims.empty() || type.dtype == DType::b1)
        fail(sema_error("bad-entry"), term.span, fmt::format("a metric is the mean of a number, and `{}` is {}", str(field.name), a.m.types.text(field.type)));
      return;
    }
    unknown(term.span, fmt::format("what `{}` returns as", str(f.name)), str(term.extra), names);
  }
  void read_normalize(const Arg& arg) {
    NormalizeSpec n;
    n.field = arg.name.id;
    Span span;
    const std::string_view how = call_name(arg.value, span);
    if (how.empty()) return;
    if (how == "affine") {
      n.kind = NormalizeSpec::Kind::affine;
      read_arguments(arg.value, {{"mean", &n.mean}, {"std", &n.std, nullptr, 0}});
      if (n.std == 0) fail(sema_error("bad-entry"), arg.span, "`std` is positive");
    } else if (how != "zscore") {
      unknown(span, "the scaling", how, std::initializer_list<std::string_view>{"zscore", "affine"});
    }
    if (std::any_of(spec.normalize.begin(), spec.normalize.end(), [&](const NormalizeSpec& m) { return m.field == n.field; }))
      fail(sema_error("duplicate-name"), arg.span, fmt::format("`{}` is scaled twice", str(n.field)));
    spec.normalize.push_back(n);
  }

  void read(const TrainEntry& entry);
  void check_lbfgs();
  void lower_terms();
  void find_update();
};

void TrainReader::read(const TrainEntry& entry) {
  const auto [at, is_new] = seen.emplace(entry.kind, entry.span);
  if (!is_new && entry.kind != EntryKind::save && entry.kind != EntryKind::normalize && entry.kind != EntryKind::data) {
    fail(sema_error("duplicate-name"), entry.word, fmt::format("`{}` is given twice", a.sources.text(entry.word))).label(at->second, "given here");
    return;
  }
  const auto set = [&](int64_t& slot, int64_t least) {
    if (const auto x = whole(entry.value, least)) slot = *x;
  };
  switch (entry.kind) {
    case EntryKind::data: return read_data(*this, entry);
    case EntryKind::split: return read_split(entry);
    case EntryKind::metrics: return read_metrics(entry);
    case EntryKind::optimizer: return read_optimizer(entry);
    case EntryKind::schedule: return read_schedule(entry);
    case EntryKind::objective: return read_objective(entry.value, 1);
    case EntryKind::accumulate: return set(spec.accumulate, 1);
    case EntryKind::epochs: return set(spec.epochs, 0);
    case EntryKind::seed: return set(spec.seed, 0);
    case EntryKind::batch:
      if (expr(entry.value).kind == ExprKind::name && str(expr(entry.value).name) == "all") spec.batch = 0;
      else set(spec.batch, 1);
      return;
    case EntryKind::stop:
      for (const Arg& arg : ast()[entry.args]) {
        if (str(arg.name.id) != "patience") unknown(arg.span, "the condition", str(arg.name.id), std::initializer_list<std::string_view>{"patience"});
        else if (const auto x = whole(arg.value, 1)) spec.patience = *x;
      }
      return;
    case EntryKind::clip:
      for (const Arg& arg : ast()[entry.args]) {
        if (str(arg.name.id) != "norm") unknown(arg.span, "the measure", str(arg.name.id), std::initializer_list<std::string_view>{"norm"});
        else if (const auto x = number(arg.value)) {
          spec.clip_norm = *x;
          if (*x <= 0) fail(sema_error("bad-entry"), arg.span, "the largest norm is positive");
        }
      }
      return;
    case EntryKind::normalize:
      for (const Arg& arg : ast()[entry.args]) read_normalize(arg);
      return;
    case EntryKind::save: {
      const std::string_view which = str(entry.name.id);
      spec.saves.push_back({which == "best", std::string(str(expr(entry.value).name))});
      return;
    }
  }
}

/// It looks at the whole objective in each of its steps, whose lengths it finds itself.
void TrainReader::check_lbfgs() {
  if (spec.optimizer.kind != OptimizerSpec::Kind::lbfgs) return;
  const auto refuse = [&](EntryKind kind, bool is_set, const char* word) {
    if (is_set && seen.contains(kind))
      fail(sema_error("bad-entry"), seen[kind], fmt::format("`{}` does not go with `lbfgs`, which looks at all rows in every step and finds the step's length itself", word))
          .label(seen[EntryKind::optimizer], "chosen here");
  };
  refuse(EntryKind::batch, spec.batch != 0, "batch"), refuse(EntryKind::accumulate, spec.accumulate != 1, "accumulate");
  refuse(EntryKind::schedule, true, "schedule"), refuse(EntryKind::clip, true, "clip");
  spec.batch = 0;
}

/// The terms in parameters as one function of them.
void TrainReader::lower_terms() {
  if (terms.empty() || !info.params_type) {
    if (!terms.empty()) fail(sema_error("bad-entry"), expr(terms[0].first).span, "the model has no parameters");
    return;
  }
  Func f;
  f.name = a.m.unique_name(fmt::format("{}.regulariser", str(info.name)));
  f.loc.span = seen[EntryKind::objective];
  f.blocks.emplace_back();
  const FuncId id = a.m.add(std::move(f));
  Lowering lowering(a, ast(), id, a.options.real);
  lowering.enter_model(spec.model, false, /*has_run=*/false);
  const auto give_up = [&] { ok = false, a.m.discard(id); };
  if (!lowering.declare_model_names()) return give_up();
  const DType dtype = info.dtype;
  ValueId sum;
  for (const auto& [term, coefficient] : terms) {
    sum = lowering.add_term(sum, term, coefficient, dtype);
    if (!sum) return give_up();
  }
  Builder(a.m, id, BlockId{0}).set_result(sum);
  spec.regulariser = id;
}

/// The optimizer's formula, a function of the prelude.
void TrainReader::find_update() {
  if (!info.params_type) return static_cast<void>(fail(sema_error("bad-entry"), d.name.span, "the model has no parameters to train"));
  const DType dtype = info.dtype;
  for (const std::vector<ModelParam>* all : {&info.params, &info.states})
    for (const ModelParam& p : *all) {
      if (!has_only(a.m.types, p.type, dtype))
        return static_cast<void>(fail(sema_error("mixed-floats"), p.span, "the parameters and states of a model that is trained are of one precision")
                                     .label(info.params[0].span, "declared here"));
    }
  if (spec.optimizer.kind == OptimizerSpec::Kind::lbfgs) return;
  static constexpr const char* kUpdates[] = {"sgd_update", "adam_update", "adamw_update", "rmsprop_update"};
  const char* name = spec.clip_norm > 0 ? "clip_norm" : nullptr;
  const auto prelude = [&](std::string_view text) { return a.instance(a.prelude_function(a.m.strings.intern(text)), dtype, d.name.span); };
  spec.update = prelude(kUpdates[static_cast<size_t>(spec.optimizer.kind)]);
  if (name) spec.clip = prelude(name);
}

}  // namespace

ValueId Lowering::add_term(ValueId sum, ExprId term, double coefficient, DType dtype) {
  const Span span = ast_[term].span;
  const Val v = lower(term, types().scalar(dtype));
  const ValueId x = v ? coerce(v, types().scalar(dtype), span, "a term of the objective") : ValueId{};
  if (!x) return {};
  const ValueId scaled = coefficient == 1 ? x : b().op("mul"_op, {b().constant(coefficient, dtype, loc(span)), x}, loc(span));
  return sum ? b().op("add"_op, {sum, scaled}, loc(span)) : scaled;
}

void Analysis::lower_train(const Decl& d) {
  const auto top_level = top.find(d.name.id);
  if (top_level == top.end() || top_level->second.kind != TopLevel::Kind::model) {
    std::vector<std::string_view> names;
    for (const auto& [name, entry] : top)
      if (entry.kind == TopLevel::Kind::model) names.push_back(m.strings[name]);
    std::sort(names.begin(), names.end());
    Diagnostic& e = diagnostics->error(sema_error("unknown-model"), d.name.span, fmt::format("this file declares no model `{}`", m.strings[d.name.id]));
    if (const std::string_view near = nearest_name(m.strings[d.name.id], names); !near.empty()) e.help(fmt::format("did you mean `{}`?", near));
    return;
  }
  const int32_t index = top_level->second.index;
  const ModelEntry& model = models[static_cast<size_t>(index)];
  if (model.failed) return;  // reported there
  TrainReader reader(*this, d, model, file_models.models[static_cast<size_t>(index)]);
  reader.spec.model = index, reader.spec.span = d.name.span;
  reader.read_sizes();
  for (const TrainEntry& entry : main[d.entries]) reader.read(entry);
  for (const auto& [kind, word] : {std::pair{EntryKind::data, "data"}, {EntryKind::objective, "objective"}, {EntryKind::optimizer, "optimizer"}})
    if (!reader.seen.contains(kind))
      reader.fail(sema_error("missing-entry"), d.name.span, fmt::format("this train block has no `{}`", word));
  if (reader.ok && reader.spec.losses.empty()) reader.fail(sema_error("bad-entry"), reader.seen[EntryKind::objective], "the objective has no `mean(loss)`");
  // Several tables differ in rows, so there is no batch size that suits them all.
  if (!reader.seen.contains(EntryKind::batch) && reader.spec.data.size() > 1) reader.spec.batch = 0;
  reader.check_lbfgs();
  const auto seen_at = [&](EntryKind kind) { return reader.seen.contains(kind) ? reader.seen[kind] : d.span; };
  check_data(reader, d.name.span, seen_at(EntryKind::split), seen_at(EntryKind::normalize));
  if (!reader.ok) return;
  reader.lower_terms();
  // What a training step calls.
  for (const LossTerm& term : reader.spec.losses) {
    const ModelEntry::Forms* forms = model.find(term.loss);
    const FuncId f = instance(forms->training, options.real, term.span);
    if (!f) return;
    ModelInfo& info = file_models.models[static_cast<size_t>(index)];
    for (ModelFunction& g : info.functions)
      if (g.name == term.loss) g.training = f, g.updates = updates[f];
    info.has_collectives = info.has_collectives || collectives.contains(f);
  }
  if (reader.info.has_collectives && reader.spec.accumulate > 1)
    diagnostics->error(sema_error("accumulated-collectives"), reader.seen[EntryKind::accumulate],
                       fmt::format("`batch {0} accumulate {1}` is not `batch {2}` here: `batch_mean`, `batch_sum` and `update` see {0} examples at a time",
                                   reader.spec.batch, reader.spec.accumulate, reader.spec.batch * reader.spec.accumulate));
  reader.find_update();
  if (reader.ok) file_models.trains.push_back(std::move(reader.spec));
}

}  // namespace dlc::sema
