// A train block as native code: one function for a whole step, and what evaluates and predicts between steps.
//
//   Result<TrainProgram> program = TrainProgram::make(c, c.models.trains[0], {});
//   std::vector<std::byte> state = program->initial_state(seed);
//   program->step(window, state, next);
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "codegen/codegen.h"
#include "pipeline/compilation.h"
#include "runtime/threads/pool.h"

namespace dlc {

using StateLeaf = TrainStep::Leaf;
using TrainField = TrainStep::Field;

class TrainProgram {
 public:
  /// Compiles `spec`. Errors of the program are in c.diagnostics too.
  static Result<TrainProgram> make(Compilation& c, const TrainSpec& spec, const CompileOptions& options);
  /// The step alone, not compiled, for an object; it is called `symbol`.
  static Result<TrainStep> plan(Compilation& c, const TrainSpec& spec, std::string symbol);

  DType dtype() const { return step_.dtype; }
  int element_bytes() const { return dtype_bytes(step_.dtype); }
  const std::vector<StateLeaf>& leaves() const { return step_.leaves; }
  const std::vector<std::string>& moments() const { return step_.moments; }
  const std::vector<TrainField>& fields() const { return step_.fields; }
  int64_t part_length() const { return step_.state_length; }      // elements of w, and of each moment
  const std::vector<StateLeaf>& states() const { return step_.states; }
  int64_t states_at() const { return step_.states_at(); }         // where they begin, in elements
  bool draws() const { return step_.draws; }                      // an objective is another one in each update
  int64_t state_bytes() const { return step_.total_length() * element_bytes(); }
  bool has_predict() const { return predict_n_fields_ >= 0; }
  int64_t prediction_width() const { return prediction_width_; }  // 1 for a scalar
  /// Positions in fields() of what `predict` takes, in its order; they are fields of one data.
  const std::vector<size_t>& predict_fields() const { return predict_fields_; }
  const std::vector<TrainStep::Data>& data() const { return step_.data; }

  /// The parameters and states as the model declares them, moments zero. Random ones are functions of (seed, parameter, element).
  std::vector<std::byte> initial_state(uint64_t seed) const;

  /// Tables of the fields, row-major; `rows` picks from them: those of the first data, then of the second, …
  struct Window {
    std::vector<const void*> tables;  // one a field
    const int64_t* rows = nullptr;
    std::vector<int64_t> n;           // examples, one number for each data
    uint64_t key = 0;                 // of this update's random numbers
    std::vector<double> scales;       // one a loss term
    std::vector<double> hyper;        // learning rate, then bias corrections where the optimizer has them
  };
  struct Losses {
    double data = 0, regulariser = 0;
  };
  /// state → next, two buffers of state_bytes() aligned to 64. The error is a run-time error's text. With a pool a large
  /// model's blocks run on its threads; the bits are the same.
  Result<Losses> step(const Window& window, const std::byte* state, std::byte* next, runtime::ThreadPool* pool = nullptr) const;
  bool is_parallel() const { return step_.is_parallel(); }
  /// The data part of the objective, training off, over all rows of the tables; n: of each data.
  Result<double> loss(const std::vector<const void*>& tables, const std::vector<int64_t>& n, std::span<const double> scales, const std::byte* state) const;
  /// The same for the metric at this place of the block's, a mean: Σ weight · value.
  Result<double> metric(size_t at, const std::vector<const void*>& tables, int64_t n, const std::byte* state) const;
  /// [n, prediction_width()] as doubles.
  Result<std::vector<double>> predict(const std::vector<const void*>& tables, int64_t n, const std::byte* state) const;

 private:
  void add_state(const std::byte* state, std::vector<void*>& cells) const;
  Result<double> sum(const std::string& entry, const std::vector<int>& fields, const std::vector<const void*>& tables, int64_t n,
                     std::span<const double> scales, const std::byte* state) const;
  Result<int> run(const std::string& entry, std::vector<void*> cells, int64_t n) const;

  /// What some leaves begin as: those of one parameter or state.
  struct Initial {
    std::optional<Distribution> drawn;
    std::string entry;  // of a function that gives it; empty: zeros
    double fan_in = 1, fan_out = 1;
    bool is_state = false;
    size_t first_leaf = 0, n_leaves = 0;
    int64_t copies = 1;  // of a layer in an array, each of which begins so
  };
  Error failure(const dlc_error& error) const;
  std::shared_ptr<JitModule> code_;
  const Sources* sources_ = nullptr;  // of the Compilation that this was made from
  TrainStep step_;
  std::vector<Initial> initials_;  // of the parameters, then of the states
  std::vector<size_t> predict_fields_;
  std::vector<std::vector<int>> metric_fields_;  // of a mean, what its data has; by metric
  int predict_n_fields_ = -1;
  int64_t prediction_width_ = 1;
  bool key_in_predict_ = false;

  friend struct TrainBuilder;
};

}  // namespace dlc
