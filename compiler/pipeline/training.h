// A training run: reads the data, prepares them, steps through the epochs, measures, saves, and goes on where it stopped.
//
//   auto run = Training::open(c, c.models.trains[0], {.source = "net2.dl"});
//   while (!run->is_done()) if (auto e = run->step(); !e) …;
//
// Everything random is a function of the seed and of a position, so the bits of the parameters after an update do not
// depend on where a run was interrupted: a checkpoint is the state and the position.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/train_data.h"
#include "pipeline/train_program.h"
#include "runtime/train/lbfgs.h"
#include "runtime/train/schedule.h"

namespace dlc {

struct EpochResult {
  int64_t epoch = 0;              // counted from 1
  double train_objective = 0;     // mean over the epoch's updates, as it went, regulariser included
  double train_loss = 0;          // after the epoch, training off
  double valid_loss = 0;          // nan without a validation part
  std::vector<double> metrics;    // of the validation part, or of the training part where there is none
  bool is_best = false;
};

class Training {
 public:
  /// `folder`: where a relative path of the data is looked for.
  static Result<std::unique_ptr<Training>> open(Compilation& c, const TrainSpec& spec, const std::string& folder, const CompileOptions& options);

  /// The state of an earlier run of the same program and seed.
  Result<bool> resume(const std::string& path);
  /// How many threads a step may use. The bits do not depend on it; a small model uses one whatever is allowed.
  void use_threads(int n) { pool_ = n > 1 && program_.is_parallel() ? std::make_unique<runtime::ThreadPool>(n) : nullptr; }
  /// One update.
  Result<bool> step();
  bool is_epoch_done() const { return next_ >= n_train(); }
  /// Measures; the next step begins another epoch. Saves what `save` asks for.
  Result<EpochResult> finish_epoch();
  bool is_done() const { return is_stopped_ || epoch_ >= spec_.epochs; }
  /// Why an optimizer ended the run, for people; empty where none did.
  const std::string& ending() const { return ending_; }

  /// Parameters, moments, position: what `resume` reads and, for its parameters, `predict`.
  Result<bool> save(const std::string& path) const;

  int64_t epoch() const { return epoch_; }      // epochs that are done
  int64_t updates() const { return updates_; }
  int64_t updates_per_epoch() const;
  /// Examples, of the data that has most of them to train.
  int64_t n_train() const { return tables_[0].n[lead_]; }
  int64_t n_valid() const { return tables_[1].n[lead_]; }
  int64_t n_test() const { return tables_[2].n[lead_]; }
  /// Of a part of each data, 0 training, 1 validation, 2 test.
  const std::vector<int64_t>& n_rows(int part) const { return tables_[part].n; }
  int64_t n_dropped() const { return n_dropped_; }
  double learning_rate() const { return runtime::learning_rate(schedule_, updates_); }
  const TrainProgram& program() const { return program_; }
  const std::byte* state() const { return state_; }
  /// Metrics of a part of the data: 0 training, 1 validation, 2 test; with the state as it is.
  Result<std::vector<double>> metrics(int part) const;
  Result<double> loss(int part) const;

 private:
  Training(Compilation& c, const TrainSpec& spec, TrainProgram program) : c_(c), spec_(spec), program_(std::move(program)) {}
  Result<bool> read_data(const std::string& folder);
  Result<runtime::Split> split(size_t k, const DataRows& data) const;
  std::vector<int64_t> window_of(size_t data);
  Result<double> minimise(const TrainProgram::Window& window);
  std::vector<double> numbers_at(const std::byte* from) const;
  Result<bool> resume_lbfgs(const runtime::TensorFile& file, const std::string& path);
  void put_numbers(const std::vector<double>& x, std::byte* to) const;
  double total_weight(const LossTerm& term, const Tables& t, const std::vector<int64_t>* rows) const;
  Result<double> mean_metric(size_t at, const Tables& t) const;
  void hash_run(uint64_t functions);
  void begin_epoch();
  size_t target_field(int32_t data) const;
  template <class Do>
  void for_parts(Do&& part) const;

  Compilation& c_;
  const TrainSpec spec_;
  TrainProgram program_;
  std::vector<runtime::FieldPreparation> preparations_;
  Tables tables_[3];
  int64_t n_dropped_ = 0;
  uint64_t hash_ = 0, prediction_hash_ = 0;
  runtime::Schedule schedule_;

  std::unique_ptr<runtime::ThreadPool> pool_;
  std::vector<std::byte> memory_;
  std::byte *state_ = nullptr, *other_ = nullptr;  // aligned parts of memory_
  std::unique_ptr<runtime::Lbfgs> lbfgs_;          // of this optimizer; and where it looks at the objective:
  std::byte* trial_ = nullptr;
  std::optional<double> value_;                    // of the objective at state_, whose gradient stands there, if it is known
  std::string ending_;
  std::vector<int64_t> order_;                     // of this epoch, of the rows of the data that leads
  size_t lead_ = 0;                                // the data with most rows: an epoch is a pass over it
  /// Of another data: its rows in the order of a pass, which ends where it ends, in the midst of an epoch or of a window.
  struct Pass {
    int64_t index = -1;
    std::vector<int64_t> order;
  };
  std::vector<Pass> passes_;                       // one for each data
  int64_t epoch_ = 0, next_ = 0, updates_ = 0;     // epochs done; position in order_; updates done
  double objective_sum_ = 0;
  int64_t n_objectives_ = 0;
  double best_ = 0;
  int64_t since_best_ = 0;
  bool has_best_ = false, is_stopped_ = false;
};

}  // namespace dlc
