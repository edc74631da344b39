// `dlc train`: fits a model to its data, as the file's train block says.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "driver/command.h"
#include "pipeline/training.h"
#include "runtime/train/progress.h"
#include "runtime/train/run_log.h"

namespace dlc {
namespace {

struct TrainOptions {
  std::string file, resume, checkpoint, log;
  std::vector<std::string> set;
  int threads = 1;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc train examples/net2.dl\n"
    "  dlc train examples/net2.dl --set optimizer.lr=0.001 --set epochs=100 --log csv:run.csv,jsonl:-\n"
    "  dlc train examples/net2.dl --checkpoint run.ckpt        then, after Ctrl-C or a crash:  --resume run.ckpt\n"
    "Entries for --set: batch accumulate epochs seed patience clip.norm optimizer.{lr,momentum,nesterov,beta1,beta2,eps,weight_decay,rho,history,tolerance}\n"
    "schedule.{warmup,every,factor,floor} split.{train,valid,test} data, and data.NAME of an idx source. A relative path of the data is looked for beside the source.";

volatile std::sig_atomic_t interrupted = 0;

/// `--set data=path` of the only file, or `--set data.images=path` of a file with a name.
bool override_data(TrainSpec& spec, const std::string& name, const std::string& path, std::string& problem) {
  std::vector<DataSpec::File*> files;
  for (DataSpec& data : spec.data)
    for (DataSpec::File& f : data.files)
      if (name == "data" || name == "data." + f.name) files.push_back(&f);
  if (files.size() == 1 && !path.empty()) return files[0]->path = path, true;
  problem = path.empty()     ? fmt::format("--set {}: a path is wanted", name)
            : files.empty()  ? fmt::format("--set {}: there is no such file in `data`", name)
                             : fmt::format("--set {}: the block reads {} files, and this does not say which", name, files.size());
  return false;
}

/// `--set optimizer.lr=0.01`, of those that the optimizer has.
bool override_optimizer(OptimizerSpec& o, const std::string& name, const std::string& value, std::string& problem) {
  const auto kind = static_cast<size_t>(o.kind);
  std::string known;
  for (const OptimizerArgument& a : kOptimizerArguments) {
    if (!a.of[kind]) continue;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", a.name);
    if (name.substr(name.find('.') + 1) != a.name) continue;
    if (a.flag) {
      o.*a.flag = value == "true";
      if (value != "true" && value != "false") problem = fmt::format("--set {}: `{}` is neither true nor false", name, value);
      return problem.empty();
    }
    double x = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), x);
    const bool is_number = code == std::errc() && end == value.data() + value.size() && std::isfinite(x);
    if (!is_number || x < a.least || x > a.most || (a.whole && x != std::floor(x)))
      return problem = fmt::format("--set {}: `{}` is not a {}number {}", name, value, a.whole ? "whole " : "",
                                   std::isinf(a.most) ? fmt::format("of at least {}", a.least) : fmt::format("from {} to {}", a.least, a.most)), false;
    if (a.number) o.*a.number = x;
    else o.*a.whole = static_cast<int64_t>(x);
    return true;
  }
  return problem = fmt::format("--set {}: `{}` has no such argument; it has {}", name, kOptimizerNames[kind], known), false;
}

/// Whether this block has the entry, so that another value for it means something.
bool has_entry(const TrainSpec& spec, const std::string& name) {
  const ScheduleSpec::Kind schedule = spec.schedule.kind;
  if (name == "clip.norm") return spec.clip_norm > 0;
  if (name == "schedule.warmup") return spec.optimizer.kind != OptimizerSpec::Kind::lbfgs;
  if (name == "schedule.every" || name == "schedule.factor") return schedule == ScheduleSpec::Kind::step;
  if (name == "schedule.floor") return schedule == ScheduleSpec::Kind::cosine;
  return true;
}

/// One `--set name=value`.
bool override_entry(TrainSpec& spec, const std::string& text, std::string& problem) {
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals), value = equals == std::string::npos ? "" : text.substr(equals + 1);
  const struct { const char* name; double* number; double least; } kNumbers[] = {
      {"schedule.warmup", &spec.schedule.warmup, 0}, {"schedule.every", &spec.schedule.every, 1e-9},
      {"schedule.factor", &spec.schedule.factor, 0}, {"schedule.floor", &spec.schedule.floor, 0}, {"clip.norm", &spec.clip_norm, 1e-30},
      {"split.train", &spec.train_part, 0}, {"split.valid", &spec.valid_part, 0}, {"split.test", &spec.test_part, 0}};
  const struct { const char* name; int64_t* number; int64_t least; } kWholes[] = {
      {"batch", &spec.batch, 0}, {"accumulate", &spec.accumulate, 1}, {"epochs", &spec.epochs, 0}, {"seed", &spec.seed, 0}, {"patience", &spec.patience, 0}};
  if (!has_entry(spec, name)) return problem = fmt::format("--set {}: this `train` block has no such entry to change", name), false;
  if (name == "data" || name.starts_with("data.")) return override_data(spec, name, value, problem);
  if (name.starts_with("optimizer.")) return override_optimizer(spec.optimizer, name, value, problem);
  for (const auto& row : kNumbers) {
    if (name != row.name) continue;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), *row.number);
    if (code == std::errc() && end == value.data() + value.size() && std::isfinite(*row.number) && *row.number >= row.least) return true;
    return problem = fmt::format("--set {}: `{}` is not a number of at least {}", name, value, row.least), false;
  }
  for (const auto& row : kWholes) {
    if (name != row.name) continue;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), *row.number);
    if (code == std::errc() && end == value.data() + value.size() && *row.number >= row.least) return true;
    return problem = fmt::format("--set {}: `{}` is not a whole number of at least {}", name, value, row.least), false;
  }
  return problem = fmt::format("--set {}: there is no such entry; see --help", text), false;
}

/// "loss 0.0712  valid 0.0811  accuracy 0.9825".
std::string summary(const TrainSpec& spec, const EpochResult& r) {
  std::string text = fmt::format("loss {:.4g}", r.train_loss);
  if (!std::isnan(r.valid_loss)) text += fmt::format("  valid {:.4g}", r.valid_loss);
  for (size_t k = 0; k < r.metrics.size(); ++k) text += fmt::format("  {} {:.4g}", spec.metrics[k].name, r.metrics[k]);
  return text;
}

Result<bool> run_epochs(Training& run, const TrainSpec& spec, const TrainOptions& o, runtime::Progress& progress, runtime::RunLog* log) {
  const int64_t per_epoch = run.updates_per_epoch();
  while (!run.is_done()) {
    while (!run.is_epoch_done() && !interrupted)
      if (auto stepped = run.step(); !stepped) return stepped.error();
    if (interrupted) return false;
    const double rate = run.learning_rate();
    auto r = run.finish_epoch();
    if (!r) return r.error();
    progress.update(run.epoch() * per_epoch, fmt::format("epoch {}  {}", r->epoch, summary(spec, *r)));
    if (log) {
      std::vector<double> values{static_cast<double>(r->epoch), static_cast<double>(run.updates()), rate, r->train_objective, r->train_loss, r->valid_loss};
      values.insert(values.end(), r->metrics.begin(), r->metrics.end());
      if (auto e = log->write(values)) return Error{e->message};
    }
    if (!o.checkpoint.empty())
      if (auto saved = run.save(o.checkpoint); !saved) return saved.error();
  }
  return true;
}

/// As a shell reads it back.
std::string shell_word(const std::string& text) {
  const bool is_plain = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char ch) { return std::isalnum(ch) || std::strchr("_-+=.,:/@%", ch); });
  if (is_plain) return text;
  std::string out = "'";
  for (char ch : text) out += ch == '\'' ? "'\\''" : std::string(1, ch);
  return out + "'";
}

int stop_early(const Training& run, const TrainOptions& o, const Compilation& c, const Common& common) {
  const std::string path = o.checkpoint.empty() ? "interrupted.ckpt" : o.checkpoint;
  if (auto saved = run.save(path); !saved) return report(c, saved.error(), common);
  std::string again = fmt::format("dlc train {} --resume {}", shell_word(o.file), shell_word(path));
  if (!o.checkpoint.empty()) again += " --checkpoint " + shell_word(o.checkpoint);
  if (!o.log.empty()) again += " --log " + shell_word(o.log);
  for (const std::string& s : o.set) again += " --set " + shell_word(s);
  if (o.threads != 1) again += fmt::format(" --threads {}", o.threads);
  if (common.real != "f64") again += " --real " + common.real;
  if (common.opt_level != 2) again += fmt::format(" -O{}", common.opt_level);
  fmt::print(stderr, "interrupted after update {}; saved {}\ngo on with: {}\n", run.updates(), path, again);
  return 130;  // as a shell reports SIGINT
}

int train(const TrainOptions& o, const Common& common) {
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  if (c->models.trains.empty()) return report(*c, Error{fmt::format("{} has no `train` block", o.file)}, common);
  TrainSpec spec = c->models.trains[0];
  for (const std::string& text : o.set) {
    std::string problem;
    if (!override_entry(spec, text, problem)) return wrong_usage(problem, common);
  }
  spec.parts_are_counts = spec.train_part > 1 || spec.valid_part > 1 || spec.test_part > 1;
  const std::string folder = o.file == "-" ? "." : std::filesystem::path(o.file).parent_path().string();
  auto opened = Training::open(*c, spec, folder.empty() ? "." : folder, {.opt_level = common.opt_level});
  if (!opened) return report(*c, c->diagnostics.has_errors() ? Error{} : opened.error(), common);
  Training& run = **opened;
  run.use_threads(o.threads);
  if (!o.resume.empty())
    if (auto resumed = run.resume(o.resume); !resumed) return report(*c, resumed.error(), common);

  std::vector<std::string> columns{"epoch", "updates", "lr", "objective", "loss", "valid_loss"};
  for (const MetricSpec& m : spec.metrics) columns.push_back(m.name);
  std::optional<runtime::RunLog> log;
  if (!o.log.empty()) {
    // Its first column is the epoch, so rows that are newer than the checkpoint go, and are written again.
    auto made = runtime::RunLog::open(o.log, columns, o.resume.empty() ? std::nullopt : std::optional<double>(run.epoch()));
    if (!made) return report(*c, Error{made.error().message}, common);
    log = std::move(*made);
  }
  const auto n = [&](int part) { return fmt::format("{}", fmt::join(run.n_rows(part), " + ")); };
  if (!common.json)
    fmt::print(stderr, "{}: {} examples to train, {} to validate, {} to test{}\n", c->module.strings[c->models.models[static_cast<size_t>(spec.model)].name],
               n(0), n(1), n(2), run.n_dropped() ? fmt::format("; {} rows left out for missing cells", run.n_dropped()) : "");
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  runtime::Progress progress(stderr, spec.epochs * run.updates_per_epoch(), "update", {.start = run.updates()});
  auto done = run_epochs(run, spec, o, progress, log ? &*log : nullptr);
  progress.finish();
  if (!done) return report(*c, done.error(), common);
  if (!*done) return stop_early(run, o, *c, common);
  if (!run.ending().empty()) fmt::print(stderr, "{}\n", run.ending());

  // What it came to, with the parameters as they are at the end.
  nlohmann::ordered_json result = {{"epochs", run.epoch()}, {"updates", run.updates()}};
  std::string text;
  constexpr const char* kParts[] = {"train", "valid", "test"};
  const int64_t counts[] = {run.n_train(), run.n_valid(), run.n_test()};
  for (int part = 0; part < 3; ++part) {
    if (counts[part] == 0) continue;
    auto loss = run.loss(part);
    auto metrics = run.metrics(part);
    if (!loss || !metrics) return report(*c, !loss ? loss.error() : metrics.error(), common);
    result[kParts[part]]["loss"] = *loss;
    text += fmt::format("{:<6}loss {:.6g}", kParts[part], *loss);
    for (size_t k = 0; k < metrics->size(); ++k) {
      result[kParts[part]][spec.metrics[k].name] = (*metrics)[k];
      text += fmt::format("  {} {:.6g}", spec.metrics[k].name, (*metrics)[k]);
    }
    text += "\n";
  }
  print_out(common.json ? result.dump() + "\n" : text);
  return kDone;
}

}  // namespace

void add_train(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("train", "Fit a model to data");
  auto o = std::make_shared<TrainOptions>();
  command->add_option("FILE", o->file, "Source with a model and a train block")->required();
  command->add_option("--set", o->set, "Another value for an entry, optimizer.lr=0.01");
  command->add_option("--resume", o->resume, "Go on from this checkpoint");
  command->add_option("--checkpoint", o->checkpoint, "Write the whole state here after every epoch");
  command->add_option("--threads", o->threads, "Threads that a large model's step may use; the bits are the same for any number")
      ->check(CLI::Range(1, 256))->capture_default_str();
  command->add_option("--log", o->log, "A row for every epoch: csv:FILE, jsonl:FILE, several as a,b; - is standard output. With --resume, after the checkpoint's row");
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return train(*o, common); }; });
}

}  // namespace dlc
