// The loop of a training run around TrainProgram::step, and its checkpoints.
#include "pipeline/training.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "pipeline/program_hash.h"
#include "runtime/data/safetensors.h"
#include "runtime/random/permutation.h"
#include "runtime/random/philox.h"
#include "runtime/train/metrics.h"

namespace dlc {
namespace {

constexpr const char *kSteps = "@lbfgs.s", *kChanges = "@lbfgs.y";  // tensors of a checkpoint
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Error as_error(const runtime::Error& e) { return Error{e.message}; }

/// Exact, and readable by other programs too.
std::string exact(double x) { return fmt::format("{}", x); }

}  // namespace

Result<std::unique_ptr<Training>> Training::open(Compilation& c, const TrainSpec& spec, const std::string& folder, const CompileOptions& options) {
  const uint64_t functions = training_hash(c, spec), prediction = prediction_hash(c, spec);  // before they are optimised
  auto program = TrainProgram::make(c, spec, options);
  if (!program) return program.error();
  std::unique_ptr<Training> t(new Training(c, spec, std::move(*program)));
  if (auto read = t->read_data(folder); !read) return read.error();
  t->hash_run(functions), t->prediction_hash_ = prediction;
  const int64_t per_epoch = t->updates_per_epoch();
  using Kind = ScheduleSpec::Kind;
  const auto updates = [&](double epochs) { return static_cast<int64_t>(std::llround(epochs * static_cast<double>(per_epoch))); };
  t->schedule_.kind = spec.schedule.kind == Kind::step     ? runtime::Schedule::Kind::step
                      : spec.schedule.kind == Kind::cosine ? runtime::Schedule::Kind::cosine
                                                           : runtime::Schedule::Kind::constant;
  t->schedule_.lr = spec.optimizer.lr, t->schedule_.warmup = updates(spec.schedule.warmup);
  t->schedule_.every = std::max<int64_t>(1, updates(spec.schedule.every)), t->schedule_.factor = spec.schedule.factor;
  t->schedule_.total = std::max(updates(static_cast<double>(spec.epochs)), t->schedule_.warmup + 1);
  t->schedule_.floor = spec.schedule.floor * spec.optimizer.lr;
  if (auto e = runtime::check_schedule(t->schedule_)) return as_error(*e);

  const bool is_lbfgs = spec.optimizer.kind == OptimizerSpec::Kind::lbfgs;
  if (is_lbfgs && (spec.batch != 0 || spec.accumulate != 1)) return Error{"`lbfgs` looks at all rows in every step: `batch` and `accumulate` do not go with it"};
  const auto bytes = static_cast<size_t>(t->program_.state_bytes());
  t->memory_.resize((is_lbfgs ? 3 : 2) * bytes + 64);
  const auto start = reinterpret_cast<uintptr_t>(t->memory_.data());
  t->state_ = t->memory_.data() + ((start + 63) / 64 * 64 - start);
  t->other_ = t->state_ + bytes;  // a part is a multiple of 64 bytes
  if (is_lbfgs) {
    t->trial_ = t->other_ + bytes;
    const double eps = t->program_.dtype() == DType::f32 ? 0x1p-23 : 0x1p-52;
    t->lbfgs_ = std::make_unique<runtime::Lbfgs>(
        runtime::Lbfgs::Settings{.history = static_cast<int>(spec.optimizer.history), .tolerance = spec.optimizer.tolerance, .noise = 8 * eps});
  }
  const auto first = t->program_.initial_state(static_cast<uint64_t>(spec.seed));
  std::copy(first.begin(), first.end(), t->state_);
  t->begin_epoch();
  return t;
}

Result<bool> Training::read_data(const std::string& folder) {
  preparations_.resize(spec_.fields.size());
  for (size_t k = 0; k < spec_.fields.size(); ++k) preparations_[k].field = program_.fields()[k].name;
  for (Tables& t : tables_) t.bytes.resize(spec_.fields.size());
  for (size_t k = 0; k < spec_.data.size(); ++k) {
    auto data = read_rows(spec_, program_, k, folder);
    if (!data) return data.error();
    n_dropped_ += data->table.n_dropped;
    const auto named = [&](const std::string& message) { return Error{fmt::format("`{}`: {}", spec_.data[k].files[0].path, message)}; };
    auto parts = split(k, *data);
    if (!parts) return spec_.data.size() == 1 ? parts.error() : named(parts.error().message);
    if (parts->train.empty()) return named("no row is left for training");
    if (auto prepared = prepare(spec_, k, parts->train, *data, preparations_); !prepared) return prepared.error();
    const std::vector<int64_t>* rows[3] = {&parts->train, &parts->valid, &parts->test};
    for (int part = 0; part < 3; ++part) {
      for (size_t at = 0; at < data->fields.size(); ++at) {
        const size_t field = data->fields[at];
        auto bytes = data->text ? Result(gather_text(program_.fields()[field], *data->text, *rows[part]))
                                : gather_field(program_.fields()[field], data->table.fields[at], *rows[part]);
        if (!bytes) return bytes.error();
        tables_[part].bytes[field] = std::move(*bytes);
      }
      tables_[part].n.push_back(static_cast<int64_t>(rows[part]->size()));
    }
  }
  lead_ = static_cast<size_t>(std::max_element(tables_[0].n.begin(), tables_[0].n.end()) - tables_[0].n.begin());
  passes_.resize(spec_.data.size());
  return true;
}

Result<runtime::Split> Training::split(size_t k, const DataRows& data) const {
  const runtime::SplitFractions fractions{spec_.train_part, spec_.valid_part, spec_.test_part, spec_.parts_are_counts};
  // Rows of another data that happen to have the same numbers are dealt differently.
  const auto seed = k == 0 ? static_cast<uint64_t>(spec_.seed) : runtime::fold(static_cast<uint64_t>(spec_.seed), k);
  const auto made = [&] {
    if (data.text) {
      const TrainField& field = program_.fields()[data.fields[0]];
      return runtime::split_in_order(data.n_rows, fractions, (field.width() - 1) / field.stride);
    }
    for (size_t at = 0; at < data.fields.size(); ++at) {
      if (!spec_.stratify || spec_.fields[data.fields[at]].name != spec_.stratify) continue;
      std::vector<double> labels(static_cast<size_t>(data.n_rows));
      for (int64_t row = 0; row < data.n_rows; ++row) labels[static_cast<size_t>(row)] = data.table.fields[at].value(row, 0);
      return runtime::split_stratified(labels, std::string(c_.module.strings[spec_.stratify]), fractions, seed);
    }
    return runtime::split_rows(data.n_rows, fractions, seed);
  }();
  if (!made) return as_error(made.error());
  return *made;
}

/// What a mean divides by: the number of rows, or their weights added up in order. No `rows`: all.
double Training::total_weight(const LossTerm& term, const Tables& t, const std::vector<int64_t>* rows) const {
  const int64_t n = rows ? static_cast<int64_t>(rows->size()) : t.n[static_cast<size_t>(term.data)];
  if (!term.weight) return static_cast<double>(n);
  const auto k = static_cast<size_t>(spec_.find_field(term.weight) - spec_.fields.data());
  double total = 0;
  for (int64_t i = 0; i < n; ++i) total += t.element(program_.fields()[k], k, rows ? (*rows)[static_cast<size_t>(i)] : i);
  return total;
}

int64_t Training::updates_per_epoch() const {
  const int64_t window = spec_.batch == 0 ? n_train() : spec_.batch * spec_.accumulate;
  return (n_train() + window - 1) / window;
}

void Training::begin_epoch() {
  const uint64_t key = runtime::fold(runtime::stream_key(static_cast<uint64_t>(spec_.seed), runtime::Stream::shuffle), static_cast<uint64_t>(epoch_));
  if (spec_.batch == 0) {
    order_.resize(static_cast<size_t>(n_train()));
    for (size_t k = 0; k < order_.size(); ++k) order_[k] = static_cast<int64_t>(k);
  } else {
    order_ = runtime::permutation(n_train(), key);
  }
  next_ = 0, objective_sum_ = 0, n_objectives_ = 0;
}

/// The rows of one data in this update. A data that does not lead goes on through orders of its own, as many rows in each
/// update, so that what an update sees is a function of its number.
std::vector<int64_t> Training::window_of(size_t data) {
  const int64_t n = tables_[0].n[data], window = spec_.batch == 0 ? n : spec_.batch * spec_.accumulate;
  std::vector<int64_t> rows;
  if (spec_.batch == 0) {
    for (int64_t k = 0; k < n; ++k) rows.push_back(k);
  } else if (data == lead_) {
    rows.assign(order_.begin() + next_, order_.begin() + next_ + std::min(window, n - next_));
  } else {
    const int64_t count = std::min(window, n);
    const uint64_t key = runtime::fold(runtime::stream_key(runtime::fold(static_cast<uint64_t>(spec_.seed), data), runtime::Stream::shuffle), data);
    for (int64_t at = updates_ * count; at < (updates_ + 1) * count; ++at) {
      if (passes_[data].index != at / n) passes_[data] = {at / n, runtime::permutation(n, runtime::fold(key, static_cast<uint64_t>(at / n)))};
      rows.push_back(passes_[data].order[static_cast<size_t>(at % n)]);
    }
  }
  return rows;
}

Result<bool> Training::step() {
  TrainProgram::Window w;
  std::vector<std::vector<int64_t>> windows;
  std::vector<int64_t> rows;
  for (size_t k = 0; k < spec_.data.size(); ++k) {
    windows.push_back(window_of(k));
    rows.insert(rows.end(), windows[k].begin(), windows[k].end());
    w.n.push_back(static_cast<int64_t>(windows[k].size()));
  }
  w.tables = tables_[0].pointers();
  w.rows = rows.data();
  w.key = runtime::fold(runtime::stream_key(static_cast<uint64_t>(spec_.seed), runtime::Stream::noise), static_cast<uint64_t>(updates_));
  for (const LossTerm& term : spec_.losses) {
    const double total = total_weight(term, tables_[0], &windows[static_cast<size_t>(term.data)]);
    w.scales.push_back(total == 0 ? 0 : 1 / total);
  }
  const auto t = static_cast<double>(updates_ + 1);
  w.hyper = {learning_rate(), 1 - std::pow(spec_.optimizer.beta1, t), 1 - std::pow(spec_.optimizer.beta2, t)};
  double objective = 0;
  if (lbfgs_) {
    auto value = minimise(w);
    if (!value) return value.error();
    objective = *value;
  } else {
    auto losses = program_.step(w, state_, other_, pool_.get());
    if (!losses) return losses.error();
    objective = losses->data + losses->regulariser;
    std::swap(state_, other_);
  }
  if (!std::isfinite(objective)) {
    const char* advice = lbfgs_ ? "" : "; a smaller learning rate, or clip norm = 1, may help";
    return Error{fmt::format("the objective is {} in update {}, epoch {}{}", std::isnan(objective) ? kNan : objective, updates_ + 1, epoch_ + 1, advice)};
  }
  next_ += w.n[lead_], ++updates_;
  objective_sum_ += objective, ++n_objectives_;
  return true;
}

// ---------------------------------------------------------------------------------------------------------- L-BFGS
// What the step of this optimizer gives is the gradient, in the part of the state that others keep a moment in.

std::vector<double> Training::numbers_at(const std::byte* from) const {
  std::vector<double> out(static_cast<size_t>(program_.part_length()));
  for (size_t k = 0; k < out.size(); ++k) {
    float x = 0;
    if (program_.dtype() == DType::f64) std::memcpy(&out[k], from + 8 * k, 8);
    else std::memcpy(&x, from + 4 * k, 4), out[k] = x;
  }
  return out;
}

void Training::put_numbers(const std::vector<double>& x, std::byte* to) const {
  for (size_t k = 0; k < x.size(); ++k) {
    const auto narrow = static_cast<float>(x[k]);
    if (program_.dtype() == DType::f64) std::memcpy(to + 8 * k, &x[k], 8);
    else std::memcpy(to + 4 * k, &narrow, 4);
  }
}

/// One step of the method, which may look at the objective several times; the objective at the end of it.
Result<double> Training::minimise(const TrainProgram::Window& window) {
  const size_t part = static_cast<size_t>(program_.part_length() * program_.element_bytes());
  std::optional<Error> error;
  std::vector<double> seen;  // where the objective was looked at last: other_ is about that
  const auto objective = [&](std::vector<double>& x, std::vector<double>& g) -> std::optional<double> {
    std::memcpy(trial_, state_, static_cast<size_t>(program_.state_bytes()));
    put_numbers(x, trial_);
    x = numbers_at(trial_);
    auto losses = program_.step(window, trial_, other_, pool_.get());
    if (!losses) return error = losses.error(), std::nullopt;
    g = numbers_at(other_ + part), seen = x;
    return losses->data + losses->regulariser;
  };
  std::vector<double> x = numbers_at(state_), g = numbers_at(state_ + part);
  const bool is_same = value_ && !program_.draws() && program_.states().empty();  // as at the end of the step before
  const auto before = is_same ? value_ : objective(x, g);
  if (!before) return *error;
  double f = *before;
  if (!std::isfinite(f)) return f;
  const auto outcome = lbfgs_->step(objective, x, f, g);
  if (error) return *error;
  using Outcome = runtime::Lbfgs::Outcome;
  if (outcome == Outcome::moved) {
    if (x != seen && !objective(x, g)) return *error;
    std::swap(state_, other_);
  } else {
    is_stopped_ = true;
    ending_ = outcome == Outcome::converged ? fmt::format("lbfgs: no element of the gradient is above {:g}", spec_.optimizer.tolerance)
                                            : fmt::format("lbfgs: no better point is found along the gradient; the objective's precision in {} is reached", dtype_name(program_.dtype()));
  }
  value_ = f;
  return f;
}

Result<double> Training::loss(int part) const {
  const Tables& t = tables_[part];
  if (t.n[lead_] == 0) return kNan;
  std::vector<double> scales;
  for (const LossTerm& term : spec_.losses) {
    const double total = total_weight(term, t, nullptr);
    scales.push_back(total == 0 ? 0 : 1 / total);
  }
  return program_.loss(t.pointers(), t.n, scales, state_);
}

/// What metrics compare predictions with: the parameter of the objective's first loss on this data that `predict` lacks.
size_t Training::target_field(int32_t data) const {
  const ModelInfo& info = c_.models.models[static_cast<size_t>(spec_.model)];
  const auto term = std::find_if(spec_.losses.begin(), spec_.losses.end(), [&](const LossTerm& t) { return t.data == data; });
  if (term == spec_.losses.end()) return spec_.fields.size();
  const Func& loss = c_.module[info.find(term->loss)->func];
  for (size_t k = 0; k < spec_.fields.size(); ++k) {
    const bool is_input = std::find(program_.predict_fields().begin(), program_.predict_fields().end(), k) != program_.predict_fields().end();
    const bool is_taken = std::any_of(loss.body().params.begin(), loss.body().params.end(),
                                      [&](ValueId p) { return c_.module[loss[p].attr].name == spec_.fields[k].name; });
    if (is_taken && !is_input) return k;
  }
  return spec_.fields.size();
}

Result<double> Training::mean_metric(size_t at, const Tables& t) const {
  const LossTerm& term = spec_.metrics[at].term;
  auto sum = program_.metric(at, t.pointers(), t.n[static_cast<size_t>(term.data)], state_);
  if (!sum) return sum.error();
  return *sum / total_weight(term, t, nullptr);
}

Result<std::vector<double>> Training::metrics(int part) const {
  std::vector<double> out;
  const Tables& t = tables_[part];
  if (spec_.metrics.empty() || t.n[lead_] == 0) return out;
  std::vector<double> predictions, targets;
  using Kind = MetricSpec::Kind;
  if (std::any_of(spec_.metrics.begin(), spec_.metrics.end(), [](const MetricSpec& m) { return m.kind != Kind::mean; })) {
    if (!program_.has_predict()) return Error{"metrics compare `predict` with the data, and this model has no `predict` that the data can feed"};
    const int32_t data = program_.predict_fields().empty() ? spec_.losses[0].data : spec_.fields[program_.predict_fields()[0]].data;
    auto predicted = program_.predict(t.pointers(), t.n[static_cast<size_t>(data)], state_);
    if (!predicted) return predicted.error();
    predictions = std::move(*predicted);
    const size_t target = target_field(data);
    if (target == spec_.fields.size()) return Error{"metrics compare `predict` with a field that it does not take, and there is none"};
    const TrainField& field = program_.fields()[target];
    for (int64_t i = 0, n = t.n[static_cast<size_t>(data)] * field.width(); i < n; ++i) targets.push_back(t.element(field, target, i));
  }
  const int64_t width = program_.prediction_width();
  for (size_t k = 0; k < spec_.metrics.size(); ++k) {
    const MetricSpec& m = spec_.metrics[k];
    if (m.kind == Kind::mean) {
      auto mean = mean_metric(k, t);
      if (!mean) return mean.error();
      out.push_back(*mean);
      continue;
    }
    auto value = m.kind == Kind::auc    ? runtime::auc(predictions, targets)
                 : m.kind == Kind::mae  ? runtime::mae(predictions, targets)
                 : m.kind == Kind::rmse ? runtime::rmse(predictions, targets)
                 : m.kind == Kind::r2   ? runtime::r2(predictions, targets)
                 : width > 1            ? runtime::class_accuracy(predictions, width, targets)
                                        : runtime::accuracy(predictions, targets, m.threshold);
    if (!value) return Error{fmt::format("{}: {}", m.name, value.error().message)};
    out.push_back(*value);
  }
  return out;
}

Result<EpochResult> Training::finish_epoch() {
  EpochResult r;
  r.epoch = ++epoch_;
  r.train_objective = n_objectives_ ? objective_sum_ / static_cast<double>(n_objectives_) : kNan;
  auto train = loss(0), valid = loss(1);
  if (!train) return train.error();
  if (!valid) return valid.error();
  r.train_loss = *train, r.valid_loss = *valid;
  auto measured = metrics(n_valid() > 0 ? 1 : 0);
  if (!measured) return measured.error();
  r.metrics = *measured;
  const double score = n_valid() > 0 ? r.valid_loss : r.train_loss;
  r.is_best = !has_best_ || score < best_;
  if (r.is_best) best_ = score, has_best_ = true, since_best_ = 0;
  else ++since_best_;
  if (spec_.patience > 0 && since_best_ >= spec_.patience) is_stopped_ = true;
  begin_epoch();
  for (const SaveSpec& s : spec_.saves) {
    if (s.is_best && !r.is_best) continue;
    if (auto saved = save(s.path); !saved) return saved.error();
  }
  return r;
}

// ----------------------------------------------------------------------------------------------- checkpoints

/// Of what the bits of a run depend on, but for numbers that one may want to change on the way (epochs, learning rate).
void Training::hash_run(uint64_t functions) {
  ProgramHash h;
  h.add(fmt::format("{:x} {} {} {} {} {} {} {} {}", functions, dtype_name(program_.dtype()), spec_.seed, spec_.batch, spec_.accumulate, spec_.train_part,
                    spec_.valid_part, spec_.test_part, static_cast<int>(spec_.optimizer.kind)));
  for (const std::vector<StateLeaf>* leaves : {&program_.leaves(), &program_.states()})
    for (const StateLeaf& leaf : *leaves) {
      h.add(leaf.name);
      for (int64_t d : leaf.shape) h.add(fmt::format(",{}", d));
    }
  for (const LossTerm& term : spec_.losses) h.add(fmt::format("{} {}", c_.module.strings[term.loss], term.coefficient));
  for (const TrainField& field : program_.fields()) h.add(fmt::format("{} {}", field.name, field.stride));
  for (const auto& bytes : tables_[0].bytes) h.add({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  hash_ = h.value;
}

/// Of the parts of the state: where each begins, its leaves, and what their names begin with in a file.
template <class Do>
void Training::for_parts(Do&& part) const {
  part(0, program_.leaves(), std::string());
  for (size_t k = 0; k < program_.moments().size(); ++k)
    part(static_cast<int64_t>(k + 1) * program_.part_length(), program_.leaves(), "@" + program_.moments()[k] + ".");
  part(program_.states_at(), program_.states(), std::string());
}

Result<bool> Training::save(const std::string& path) const {
  runtime::TensorFile file;
  const auto note = [&](std::string key, std::string value) { file.metadata.emplace_back(std::move(key), std::move(value)); };
  note("format", "dlc 1");
  note("model", std::string(c_.module.strings[c_.models.models[static_cast<size_t>(spec_.model)].name]));
  note("program", fmt::format("{:016x}", hash_));
  note("predict", fmt::format("{:016x}", prediction_hash_));
  note("seed", fmt::format("{}", spec_.seed));
  note("epoch", fmt::format("{}", epoch_));
  note("position", fmt::format("{}", next_));
  note("updates", fmt::format("{}", updates_));
  note("objective_sum", exact(objective_sum_));
  note("objectives", fmt::format("{}", n_objectives_));
  note("best", has_best_ ? exact(best_) : "none");
  note("since_best", fmt::format("{}", since_best_));
  std::string states;
  for (const StateLeaf& leaf : program_.states()) states += (states.empty() ? "" : ",") + leaf.name;
  if (!states.empty()) note("states", states);  // the tensors that no optimizer moved
  const auto add_part = [&](int64_t begin, const std::vector<StateLeaf>& leaves, const std::string& prefix) {
    for (const StateLeaf& leaf : leaves) {
      const std::byte* at = state_ + (begin + leaf.offset) * program_.element_bytes();
      const auto n = static_cast<size_t>(leaf.count());
      if (program_.dtype() == DType::f32)
        file.tensors.push_back(runtime::make_tensor<float>(prefix + leaf.name, leaf.shape, std::span(reinterpret_cast<const float*>(at), n)));
      else
        file.tensors.push_back(runtime::make_tensor<double>(prefix + leaf.name, leaf.shape, std::span(reinterpret_cast<const double*>(at), n)));
    }
  };
  for_parts(add_part);
  if (lbfgs_ && !lbfgs_->pairs().empty()) {
    std::vector<double> s, y;
    for (const runtime::Lbfgs::Pair& p : lbfgs_->pairs()) s.insert(s.end(), p.s.begin(), p.s.end()), y.insert(y.end(), p.y.begin(), p.y.end());
    const std::vector<int64_t> shape{static_cast<int64_t>(lbfgs_->pairs().size()), program_.part_length()};
    file.tensors.push_back(runtime::make_tensor<double>(kSteps, shape, s));
    file.tensors.push_back(runtime::make_tensor<double>(kChanges, shape, y));
  }
  for (const auto& p : preparations_) runtime::save_preparation(p, file);
  if (auto e = runtime::write_safetensors(path, file)) return as_error(*e);
  return true;
}

/// The pairs of L-BFGS, where there were any.
Result<bool> Training::resume_lbfgs(const runtime::TensorFile& file, const std::string& path) {
  const runtime::Tensor *s = file.find(kSteps), *y = file.find(kChanges);
  if (!lbfgs_ || (!s && !y)) return true;
  const auto fits = [&](const runtime::Tensor* t) {
    return t && t->dtype == "F64" && t->shape.size() == 2 && t->shape[1] == program_.part_length() && t->shape[0] <= 1000;
  };
  if (!fits(s) || !fits(y) || s->shape != y->shape) return Error{fmt::format("{}: `{}` or `{}` is missing, or of another shape or type", path, kSteps, kChanges)};
  const auto length = static_cast<size_t>(program_.part_length());
  std::vector<runtime::Lbfgs::Pair> pairs(static_cast<size_t>(s->shape[0]));
  for (size_t k = 0; k < pairs.size(); ++k) {
    for (auto [from, to] : {std::pair{s, &pairs[k].s}, {y, &pairs[k].y}}) {
      to->resize(length);
      std::memcpy(to->data(), from->bytes.data() + k * length * 8, length * 8);
    }
  }
  const auto most = static_cast<size_t>(spec_.optimizer.history);  // it may have been larger: the last ones count
  if (pairs.size() > most) pairs.erase(pairs.begin(), pairs.end() - static_cast<ptrdiff_t>(most));
  lbfgs_->restore(std::move(pairs));
  return true;
}

Result<bool> Training::resume(const std::string& path) {
  auto file = runtime::read_safetensors(path);
  if (!file) return as_error(file.error());
  const auto note = [&](const char* key) {
    const std::string* text = file->note(key);
    return text ? *text : std::string();
  };
  if (note("program") != fmt::format("{:016x}", hash_))
    return Error{fmt::format("{}: this is no checkpoint of this program: the model, the data, the batch or the seed is another", path)};
  const auto whole = [&](const char* key, int64_t most, int64_t& out) {
    const std::string text = note(key);
    char* end = nullptr;
    out = std::strtoll(text.c_str(), &end, 10);
    return !text.empty() && *end == 0 && out >= 0 && out <= most;
  };
  int64_t epoch = 0, position = 0, updates = 0, objectives = 0, since_best = 0;
  if (!whole("epoch", INT64_MAX / 2, epoch) || !whole("position", n_train(), position) || !whole("updates", int64_t{1} << 50, updates) ||
      !whole("objectives", INT64_MAX / 2, objectives) || !whole("since_best", INT64_MAX / 2, since_best))
    return Error{fmt::format("{}: the checkpoint's position is missing or wrong", path)};
  const auto number = [&](const char* key, double& out) {
    const std::string text = note(key);
    char* end = nullptr;
    out = std::strtod(text.c_str(), &end);
    return !text.empty() && *end == 0;
  };
  const bool has_best = note("best") != "none";
  double objective_sum = 0, best = 0;
  if (!number("objective_sum", objective_sum) || (has_best && !number("best", best)))
    return Error{fmt::format("{}: the checkpoint's position is missing or wrong", path)};
  const auto bytes = static_cast<size_t>(program_.element_bytes());
  std::optional<Error> wrong;
  for_parts([&](int64_t begin, const std::vector<StateLeaf>& leaves, const std::string& prefix) {
    for (const StateLeaf& leaf : leaves) {
      const runtime::Tensor* t = file->find(prefix + leaf.name);
      const bool fits = t && t->shape == leaf.shape && t->dtype == (program_.dtype() == DType::f32 ? "F32" : "F64");
      if (fits) std::memcpy(state_ + static_cast<size_t>(begin + leaf.offset) * bytes, t->bytes.data(), t->bytes.size());
      else wrong = Error{fmt::format("{}: `{}{}` is missing, or of another shape or type", path, prefix, leaf.name)};
    }
  });
  if (wrong) return *wrong;
  if (auto restored = resume_lbfgs(*file, path); !restored) return restored.error();
  epoch_ = epoch, updates_ = updates;
  begin_epoch();
  next_ = position, n_objectives_ = objectives, since_best_ = since_best;
  objective_sum_ = objective_sum;
  has_best_ = has_best, best_ = best;
  is_stopped_ = spec_.patience > 0 && since_best_ >= spec_.patience;
  return true;
}

}  // namespace dlc
