// What sema hands over of a file's models and of how they are trained, besides their functions: what `dlc train` needs
// and the IR has no place for. Types and sizes are those of the module that `analyse` filled.
#pragma once
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/source.h"
#include "ir/module.h"

namespace dlc {

/// What a parameter is drawn from, `param W: T ~ glorot_uniform()`. Fan-in is the product of all sizes but the first
/// (W: [out, in…]), fan-out that of all but the second.
struct Distribution {
  enum class Kind : uint8_t {
    glorot_uniform,  // U(−r, r), r = √(6 / (fan_in + fan_out))        Glorot & Bengio 2010
    glorot_normal,   // N(0, 2 / (fan_in + fan_out))
    he_uniform,      // U(−r, r), r = √(6 / fan_in)                    He et al. 2015
    he_normal,       // N(0, 2 / fan_in)
    uniform,         // U(a, b)
    normal,          // N(a, b²)
  } kind = Kind::uniform;
  double a = 0, b = 1;
};

/// A `param` or `state` of a model, or of a layer it holds: then `name` is a path, "fc1.W".
struct ModelParam {
  StrId name;
  TypeId type;                         // in the model's sizes
  std::optional<Distribution> drawn;   // or:
  FuncId initial;                      // its value, a function of sizes alone; absent: zeros
  std::map<StrId, DimId> sizes;        // what these sizes are, and
  std::vector<DimId> copies;           // how many there are of it, leading axes of `type`, where layers stand in arrays
  Span span;
};

/// A `fn` or `loss` of a model: its parameters come first, as one tuple called `params` (left out when there are none),
/// its states, as `states`, then, where the model draws random numbers, `key: int`, then its own. The form for training
/// returns the new values of `updates` behind its result, where it updates states: (result, new values…).
struct ModelFunction {
  StrId name;        // `loss` for a plain loss
  bool is_loss = false;
  FuncId func;       // as `predict` runs it
  FuncId training;   // as a training step runs it: `training` holds, dropout drops
  std::vector<int32_t> updates;  // positions in ModelInfo::states
  Span span;
};

struct ModelInfo {
  StrId name;
  Span span;
  std::vector<StrId> sizes;
  TypeId params_type;                  // a named tuple, a layer's in it; absent when there are no parameters
  TypeId states_type;                  // as well
  DType dtype = DType::f64;            // of the first parameter; of all of them, in a model that is trained
  std::vector<ModelParam> params, states;  // in the order of these types' leaves
  std::vector<ModelFunction> functions;
  bool draws = false;                  // takes a key in training
  bool key_in_predict = false;         // takes a key always
  bool has_collectives = false;        // an example's loss depends on the others of its batch

  /// How many parameters of a function are not its own.
  size_t n_hidden(bool training) const {
    return (params_type ? 1u : 0u) + (states_type ? 1u : 0u) + (draws && (training || key_in_predict) ? 1u : 0u);
  }

  const ModelFunction* find(StrId function) const {
    for (const ModelFunction& f : functions)
      if (f.name == function) return &f;
    return nullptr;
  }
};

// ------------------------------------------------------------------------------------------- train blocks

/// One `data` entry: where the rows come from that its fields are parts of.
struct DataSpec {
  enum class Format : uint8_t { csv, idx, text } format = Format::csv;
  struct File {
    std::string name;             // what the fields call it: `images`; empty where there is one file
    std::string path;
  };
  std::vector<File> files;        // one, but for idx
  std::string missing = "error";  // csv
  Span span;
};

/// A number's way from the file to the model, `images / 255`.
struct FieldStep {
  enum class Kind : uint8_t { add, subtract, subtract_from, multiply, divide } kind = Kind::add;
  double number = 0;
};

/// `x = columns(0..30)`, `y = column("diagnosis", M = 1, B = 0)`, `x = reshape(images / 255, [784])`, `ids = window(129)`.
struct FieldSpec {
  StrId name;
  int32_t data = 0;                                      // of TrainSpec::data
  // csv
  int64_t first = 0, last = -1;                          // half-open range of columns; or, when last < 0:
  std::vector<std::string> columns;                      // names
  std::vector<std::pair<std::string, double>> labels;    // text → number; empty: numbers as they stand
  std::optional<double> missing;                         // of empty cells, and of a column that the table lacks
  bool is_single = false;                                // `column`: one number per row, no axis
  // idx
  std::string source;                                    // name of a file
  std::vector<FieldStep> steps;
  bool is_reshaped = false;
  // text
  int64_t stride = 0;                                    // between the beginnings of windows
  int64_t vocabulary = -1;                               // more characters are too many; -1: any number
  // What a row is: the sizes that were given, for csv and text; else as the losses and `predict` take it.
  std::vector<int64_t> shape;
  Span span;

  int64_t width() const {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
  }
};

/// coefficient · mean(loss[, weight = field]), or in metrics mean(loss.extra).
struct LossTerm {
  StrId loss;
  double coefficient = 1;
  StrId weight;
  StrId extra;                    // absent: the loss itself
  int32_t data = 0;               // the entry that its rows come from
  Span span;
};

struct MetricSpec {
  std::string name;               // as it is printed
  enum class Kind : uint8_t { accuracy, auc, mae, rmse, r2, mean } kind = Kind::accuracy;
  double threshold = 0.5;
  LossTerm term;                  // of a mean
  Span span;
};

/// `normalize x = zscore`, `normalize x = affine(mean = 33, std = 78)`.
struct NormalizeSpec {
  StrId field;
  enum class Kind : uint8_t { zscore, affine } kind = Kind::zscore;
  double mean = 0, std = 1;       // of affine
};

struct OptimizerSpec {
  enum class Kind : uint8_t { sgd, adam, adamw, rmsprop, lbfgs } kind = Kind::sgd;
  double lr = 1e-3, momentum = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, rho = 0.99;  // PyTorch's defaults
  bool nesterov = false;
  int64_t history = 10;           // lbfgs: see runtime/train/lbfgs.h
  double tolerance = 1e-7;
};

/// By OptimizerSpec::Kind.
inline constexpr std::string_view kOptimizerNames[] = {"sgd", "adam", "adamw", "rmsprop", "lbfgs"};

/// An argument of optimizers, in a `train` block and after `--set optimizer.`: one of three members, its range, and who has it.
struct OptimizerArgument {
  std::string_view name;
  double OptimizerSpec::*number;
  int64_t OptimizerSpec::*whole;
  bool OptimizerSpec::*flag;
  double least, most;
  bool of[std::size(kOptimizerNames)];
};
inline constexpr OptimizerArgument kOptimizerArguments[] = {
    //                                                                                     sgd adam adamw rmsprop lbfgs
    {"lr", &OptimizerSpec::lr, nullptr, nullptr, 0, HUGE_VAL,                              {1, 1, 1, 1, 0}},
    {"momentum", &OptimizerSpec::momentum, nullptr, nullptr, 0, 1,                         {1, 0, 0, 1, 0}},
    {"nesterov", nullptr, nullptr, &OptimizerSpec::nesterov, 0, 1,                         {1, 0, 0, 0, 0}},
    {"beta1", &OptimizerSpec::beta1, nullptr, nullptr, 0, 1,                               {0, 1, 1, 0, 0}},
    {"beta2", &OptimizerSpec::beta2, nullptr, nullptr, 0, 1,                               {0, 1, 1, 0, 0}},
    {"rho", &OptimizerSpec::rho, nullptr, nullptr, 0, 1,                                   {0, 0, 0, 1, 0}},
    {"eps", &OptimizerSpec::eps, nullptr, nullptr, 0, HUGE_VAL,                            {0, 1, 1, 1, 0}},
    {"weight_decay", &OptimizerSpec::weight_decay, nullptr, nullptr, 0, HUGE_VAL,          {1, 1, 1, 1, 0}},
    {"history", nullptr, &OptimizerSpec::history, nullptr, 1, 1000,                        {0, 0, 0, 0, 1}},
    {"tolerance", &OptimizerSpec::tolerance, nullptr, nullptr, 0, HUGE_VAL,                {0, 0, 0, 0, 1}},
};

struct ScheduleSpec {
  enum class Kind : uint8_t { constant, step, cosine } kind = Kind::constant;
  double warmup = 0;              // epochs
  double every = 1, factor = 0.1; // step: times `factor` every `every` epochs
  double floor = 0;               // cosine: ends at `floor`·lr
};

struct SaveSpec {
  bool is_best = false;
  std::string path;
};

/// `train Net2[D = 30, H = 16] { … }`.
struct TrainSpec {
  int32_t model = -1;             // of FileModels::models
  std::map<StrId, int64_t> sizes;
  std::vector<DataSpec> data;
  std::vector<FieldSpec> fields;  // of all data
  double train_part = 1, valid_part = 0, test_part = 0;
  bool parts_are_counts = false;  // rows, and no shares
  StrId stratify;
  std::vector<NormalizeSpec> normalize;
  std::vector<LossTerm> losses;
  FuncId regulariser;             // of `params`, a float; absent: none
  OptimizerSpec optimizer;
  FuncId update, clip;            // prelude functions: of the optimizer, absent of lbfgs; of `clip norm`, absent without it
  ScheduleSpec schedule;
  double clip_norm = 0;           // 0: off
  int64_t batch = 32, accumulate = 1, epochs = 10, seed = 0, patience = 0;  // batch 0: all examples
  std::vector<MetricSpec> metrics;
  std::vector<SaveSpec> saves;
  Span span;

  const FieldSpec* find_field(StrId field) const {
    for (const FieldSpec& f : fields)
      if (f.name == field) return &f;
    return nullptr;
  }
};

struct FileModels {
  std::vector<ModelInfo> models;
  std::vector<TrainSpec> trains;
};

}  // namespace dlc
