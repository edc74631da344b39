// `train Net2[D = 30, H = 16] { … }`: the entries as numbers and names (TrainSpec), checked against the model. Nothing is
// read and nothing compiled here, but for the objective's terms in parameters, which become a function of them.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/lowering.h"
#include "syntax/parser.h"

namespace dlc::sema {
namespace {

const Type& first_leaf(const TypeTable& types, TypeId t) {
  while (types[t].is_tuple()) t = types[t].fields[0].type;
  return types[t];
}

/// Whether all leaves are of this dtype.
bool has_only(const TypeTable& types, TypeId id, DType dtype) {
  const Type& t = types[id];
  return t.is_tuple() ? std::all_of(t.fields.begin(), t.fields.end(), [&](const Field& f) { return has_only(types, f.type, dtype); }) : t.dtype == dtype;
}

/// Reads one train block.
struct TrainReader {
  Analysis& a;
  const Decl& d;
  const ModelEntry& model;
  const ModelInfo& info;
  TrainSpec spec = {};
  bool ok = true;
  std::map<EntryKind, Span> seen = {};
  std::vector<std::pair<ExprId, double>> terms = {};  // of the objective: in parameters

  const Ast& ast() { return a.main; }
  std::string_view str(StrId id) { return a.m.strings[id]; }
  Diagnostic& fail(const DiagnosticKind& kind, Span span, std::string message) {
    ok = false;
    return a.diagnostics->error(kind, span, std::move(message));
  }
  const Expr& expr(ExprId e) { return ast()[ast().strip_parens(e)]; }
  std::string code(ExprId e) { return std::string(a.sources.text(ast()[e].span)); }

  std::optional<double> number(ExprId e) {
    Lowering lowering(a, ast(), {}, a.options.real);
    const auto x = lowering.plain_number(e);
    if (!x || std::isnan(*x)) fail(sema_error("bad-entry"), ast()[e].span, fmt::format("a number is wanted here, and `{}` is none", code(e)));
    return x;
  }
  std::optional<int64_t> whole(ExprId e, int64_t least) {
    const auto x = number(e);
    if (!x) return std::nullopt;
    if (*x != std::floor(*x) || *x < static_cast<double>(least) || *x > 9e15) {
      fail(sema_error("bad-entry"), ast()[e].span, fmt::format("a whole number of at least {} is wanted here", least));
      return std::nullopt;
    }
    return static_cast<int64_t>(*x);
  }
  StrId name_of(ExprId e) {
    const Expr& x = expr(e);
    if (x.kind == ExprKind::name) return x.name;
    fail(sema_error("bad-entry"), x.span, fmt::format("a name is wanted here, and `{}` is none", code(e)));
    return {};
  }
  template <class Names>
  void unknown(Span span, std::string_view what, std::string_view name, const Names& names) {
    std::vector<std::string_view> all(std::begin(names), std::end(names));
    Diagnostic& e = fail(sema_error("bad-entry"), span, fmt::format("{} `{}` is not known here", what, name));
    std::string list;
    for (std::string_view n : all) list += (list.empty() ? "" : ", ") + std::string(n);
    if (const std::string_view near = nearest_name(name, all); !near.empty()) e.help(fmt::format("did you mean `{}`?", near));
    else e.help(fmt::format("one of {}", list));
  }

  /// `adam(lr = 0.01)` or `adam`: the name, and its arguments into `slots`.
  struct Slot {
    std::string_view name;
    double* number = nullptr;
    bool* flag = nullptr;
    double least = -HUGE_VAL, most = HUGE_VAL;
  };
  std::string_view call_name(ExprId id, Span& span) {
    const Expr& e = expr(id);
    const Expr& callee = e.kind == ExprKind::call ? expr(e.a) : e;
    span = callee.span;
    if (callee.kind == ExprKind::name) return str(callee.name);
    fail(sema_error("bad-entry"), e.span, fmt::format("a name with arguments is wanted here, as `adam(lr = 0.01)`, and `{}` is none", code(id)));
    return {};
  }
  void read_arguments(ExprId id, std::initializer_list<Slot> slots) {
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
      *slot->number = *x;
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

  void read_field(const Arg& arg) {
    FieldSpec field;
    field.name = arg.name.id, field.span = arg.span;
    Span span;
    const std::string_view kind = call_name(arg.value, span);
    if (kind.empty()) return;
    if (kind != "column" && kind != "columns") return unknown(span, "the source", kind, std::initializer_list<std::string_view>{"column", "columns"});
    field.is_single = kind == "column";
    for (const Arg& part : ast()[expr(arg.value).args]) {
      if (part.kind == ArgKind::named) {  // a label, with the number it stands for
        if (const auto x = number(part.value)) field.labels.push_back({std::string(str(part.name.id)), *x});
        continue;
      }
      const Expr& e = expr(part.value);
      if (e.kind == ExprKind::string) {
        field.columns.emplace_back(str(e.name));
      } else if (e.kind == ExprKind::range && !e.c) {
        const auto lo = whole(e.a, 0), hi = lo ? whole(e.b, 0) : lo;
        if (hi && *hi <= *lo) fail(sema_error("bad-entry"), e.span, "these are no columns: the range is half-open");
        if (hi) field.first = *lo, field.last = *hi;
      } else if (const auto at = whole(part.value, 0)) {
        field.first = *at, field.last = *at + 1;
      }
    }
    const bool is_range = field.last >= 0;
    if (ok && (is_range ? !field.columns.empty() : field.columns.empty()))
      fail(sema_error("bad-entry"), arg.span, "columns are given by a range of positions or by names");
    if (ok && field.is_single && (is_range ? field.last - field.first : static_cast<int64_t>(field.columns.size())) != 1)
      fail(sema_error("bad-entry"), arg.span, "`column` is one column; several are `columns`");
    spec.fields.push_back(std::move(field));
  }

  void read_data(const TrainEntry& entry) {
    Span span;
    const std::string_view kind = call_name(entry.value, span);
    if (kind.empty()) return;
    if (kind != "csv") return unknown(span, "the format", kind, std::initializer_list<std::string_view>{"csv"});
    for (const Arg& arg : ast()[expr(entry.value).args]) {
      const Expr& e = expr(arg.value);
      if (arg.kind == ArgKind::value && e.kind == ExprKind::string) {
        spec.path = str(e.name);
      } else if (arg.kind == ArgKind::named && str(arg.name.id) == "missing") {
        constexpr std::string_view kPolicies[] = {"error", "mean", "median", "drop"};
        const StrId policy = name_of(arg.value);
        if (policy && std::find(std::begin(kPolicies), std::end(kPolicies), str(policy)) == std::end(kPolicies)) unknown(e.span, "the policy", str(policy), kPolicies);
        else if (policy) spec.missing = str(policy);
      } else {
        fail(sema_error("bad-entry"), arg.span, "`csv` takes a path in quotes, and `missing = mean`, `median`, `drop` or `error`");
      }
    }
    if (spec.path.empty() && ok) fail(sema_error("bad-entry"), entry.span, "`csv` takes a path in quotes");
    for (const Arg& arg : ast()[entry.args]) read_field(arg);
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
        if (*x < 0 || *x > 1) fail(sema_error("bad-entry"), arg.span, "a part lies between 0 and 1");
        *part = *x;
      }
    }
    const double sum = spec.train_part + spec.valid_part + spec.test_part;
    if (spec.train_part <= 0 || std::abs(sum - 1) > 1e-9)
      fail(sema_error("bad-entry"), entry.span, fmt::format("the parts add up to {}, and not to 1 with a positive `train`", sum));
  }

  void read_metrics(const TrainEntry& entry) {
    constexpr std::string_view kMetrics[] = {"accuracy", "auc", "mae", "rmse", "r2"};
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
      if (metric.kind == MetricSpec::Kind::accuracy) read_arguments(arg.value, {{"threshold", &metric.threshold}});
      else read_arguments(arg.value, {});
      spec.metrics.push_back(std::move(metric));
    }
  }

  void read_optimizer(const TrainEntry& entry) {
    OptimizerSpec& o = spec.optimizer;
    Span span;
    const std::string_view kind = call_name(entry.value, span);
    const Slot lr{"lr", &o.lr, nullptr, 0}, decay{"decay", &o.decay, nullptr, 0};
    const Slot beta1{"beta1", &o.beta1, nullptr, 0, 1}, beta2{"beta2", &o.beta2, nullptr, 0, 1}, eps{"eps", &o.eps, nullptr, 0};
    if (kind == "sgd") {
      o.kind = OptimizerSpec::Kind::sgd;
      read_arguments(entry.value, {lr, {"momentum", &o.momentum, nullptr, 0, 1}, {"nesterov", nullptr, &o.nesterov}, decay});
    } else if (kind == "adam" || kind == "adamw") {
      o.kind = kind == "adam" ? OptimizerSpec::Kind::adam : OptimizerSpec::Kind::adamw;
      if (kind == "adamw") o.decay = 0.01;
      read_arguments(entry.value, {lr, beta1, beta2, eps, decay});
    } else if (kind == "rmsprop") {
      o.kind = OptimizerSpec::Kind::rmsprop;
      o.lr = 1e-2;
      read_arguments(entry.value, {lr, {"rho", &o.rho, nullptr, 0, 1}, eps, {"momentum", &o.momentum, nullptr, 0, 1}, decay});
    } else if (!kind.empty()) {
      unknown(span, "the optimizer", kind, std::initializer_list<std::string_view>{"sgd", "adam", "adamw", "rmsprop"});
    }
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
    if (e.kind == ExprKind::call) return read_mean(e, coefficient);
    fail(sema_error("bad-entry"), e.span, "the objective is a sum of numbers times `mean(loss)` and of terms in parameters");
  }
  void read_mean(const Expr& e, double coefficient) {
    LossTerm term;
    term.coefficient = coefficient, term.span = e.span;
    for (const Arg& arg : ast()[e.args]) {
      if (arg.kind == ArgKind::named && str(arg.name.id) == "weight") term.weight = name_of(arg.value);
      else if (arg.kind == ArgKind::value) term.loss = name_of(arg.value);
      else fail(sema_error("bad-entry"), arg.span, "`mean` takes the name of a loss, and `weight = field`");
    }
    if (ast()[e.args].empty()) fail(sema_error("bad-entry"), e.span, "`mean` takes the name of a loss, and `weight = field`");
    const ModelFunction* f = term.loss ? info.find(term.loss) : nullptr;
    if (term.loss && (!f || !f->is_loss)) {
      std::vector<std::string_view> names;
      for (const ModelFunction& g : info.functions)
        if (g.is_loss) names.push_back(str(g.name));
      unknown(e.span, "the loss", str(term.loss), names);
    }
    spec.losses.push_back(term);
  }

  void read(const TrainEntry& entry);
  void check_fields();
  void check_width(const FieldSpec& f, const Inst& param);
  void lower_terms();
  void find_update();
};

void TrainReader::read(const TrainEntry& entry) {
  const auto [at, is_new] = seen.emplace(entry.kind, entry.span);
  if (!is_new && entry.kind != EntryKind::save && entry.kind != EntryKind::normalize) {
    fail(sema_error("duplicate-name"), entry.word, fmt::format("`{}` is given twice", a.sources.text(entry.word))).label(at->second, "given here");
    return;
  }
  const auto set = [&](int64_t& slot, int64_t least) {
    if (const auto x = whole(entry.value, least)) slot = *x;
  };
  switch (entry.kind) {
    case EntryKind::data: return read_data(entry);
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
      for (const Arg& arg : ast()[entry.args]) {
        const StrId how = name_of(arg.value);
        if (how && str(how) != "zscore") unknown(arg.span, "the scaling", str(how), std::initializer_list<std::string_view>{"zscore"});
        spec.zscore.push_back(arg.name.id);
      }
      return;
    case EntryKind::save: {
      const std::string_view which = str(entry.name.id);
      spec.saves.push_back({which == "best", std::string(str(expr(entry.value).name))});
      return;
    }
  }
}

void TrainReader::check_fields() {
  const auto field = [&](StrId name) {
    return std::find_if(spec.fields.begin(), spec.fields.end(), [&](const FieldSpec& f) { return f.name == name; }) != spec.fields.end();
  };
  std::vector<std::string_view> names;
  for (const FieldSpec& f : spec.fields) names.push_back(str(f.name));
  const auto want = [&](StrId name, Span span) {
    if (name && !field(name)) unknown(span, "the field", str(name), names);
  };
  want(spec.stratify, seen.contains(EntryKind::split) ? seen[EntryKind::split] : d.span);
  for (StrId f : spec.zscore) want(f, seen[EntryKind::normalize]);
  for (const LossTerm& t : spec.losses) {
    want(t.weight, t.span);
    const ModelFunction* f = t.loss ? info.find(t.loss) : nullptr;
    if (!f || !f->func) continue;
    const Func& loss = a.m[f->func];
    for (size_t k = info.n_hidden(false); k < loss.body().params.size(); ++k) {
      const StrId name = a.m[loss[loss.body().params[k]].attr].name;
      const auto f = std::find_if(spec.fields.begin(), spec.fields.end(), [&](const FieldSpec& g) { return g.name == name; });
      if (f != spec.fields.end()) check_width(*f, loss[loss.body().params[k]]);
      else
        fail(sema_error("missing-entry"), t.span, fmt::format("`data` has no field `{}`, which `{}` takes", str(name), str(t.loss)))
            .label(loss[loss.body().params[k]].loc.span, "declared here");
    }
  }
}

/// As many columns as the loss's parameter has elements.
void TrainReader::check_width(const FieldSpec& f, const Inst& param) {
  std::map<StrId, DimId> sizes;
  for (const auto& [size, value] : spec.sizes) sizes[size] = a.m.types.dims.constant(value);
  const TypeId id = a.m.types.substitute(param.type, sizes);
  const Type type = a.m.types[id];
  const int64_t width = f.last >= 0 ? f.last - f.first : static_cast<int64_t>(f.columns.size());
  const auto want = type.dims.empty() ? std::optional<int64_t>(1) : a.m.types.dims.as_constant(type.dims[0]);
  const bool fits = !type.is_tuple() && type.dims.size() == (f.is_single ? 0u : 1u) && want == width && type.dtype != DType::b1;
  if (fits || !ok) return;
  fail(sema_error("type-mismatch"), f.span,
       fmt::format("the field `{}` has {} column{}, and the loss takes it as {}", str(f.name), width, width == 1 ? "" : "s", a.m.types.text(id)))
      .label(param.loc.span, "declared here")
      .help(f.is_single ? "`column` is one number a row; an array is `columns`" : "`columns` is an array a row; one number is `column`");
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
  const DType dtype = first_leaf(a.m.types, info.params_type).dtype;
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
  DType dtype = DType::tuple;
  for (const std::vector<ModelParam>* all : {&info.params, &info.states})
    for (const ModelParam& p : *all) {
      const bool differs = !has_only(a.m.types, p.type, dtype == DType::tuple ? dtype = first_leaf(a.m.types, p.type).dtype : dtype);
      if (differs)
        return static_cast<void>(fail(sema_error("mixed-floats"), p.span, "the parameters and states of a model that is trained are of one precision")
                                     .label(info.params[0].span, "declared here"));
    }
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
  TrainReader reader{*this, d, model, file_models.models[static_cast<size_t>(index)]};
  reader.spec.model = index, reader.spec.span = d.name.span;
  reader.read_sizes();
  for (const TrainEntry& entry : main[d.entries]) reader.read(entry);
  for (const auto& [kind, word] : {std::pair{EntryKind::data, "data"}, {EntryKind::objective, "objective"}, {EntryKind::optimizer, "optimizer"}})
    if (!reader.seen.contains(kind))
      reader.fail(sema_error("missing-entry"), d.name.span, fmt::format("this train block has no `{}`", word));
  if (reader.ok && reader.spec.losses.empty()) reader.fail(sema_error("bad-entry"), reader.seen[EntryKind::objective], "the objective has no `mean(loss)`");
  reader.check_fields();
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
