// `predict` of a trained model over data: the weights and the preparation of the data come from the file that
// training saved, so that a row means to the model what it meant in training.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "pipeline/train_program.h"

namespace dlc {

struct Predictions {
  int64_t n = 0, width = 1;     // width: of one prediction
  bool is_f32 = false;          // each is the value of a 32-bit float
  std::vector<double> values;   // [n, width]
};

/// The columns are found by the names they had in training, whatever their order; those of other fields (the target) need
/// not be there. No row is left out: a missing cell is filled in as in training, or an error. `data` is one path, "-" for
/// standard input; or, where `predict` takes several files of `idx`, `name=path` for each.
Result<Predictions> predict(Compilation& c, const TrainSpec& spec, const std::string& weights, const std::vector<std::string>& data,
                            const CompileOptions& options);

/// A header, `predict` or `predict_0,predict_1,…`, and a line for each row.
std::string predictions_csv(const Predictions& p);
nlohmann::ordered_json predictions_json(const Predictions& p);

}  // namespace dlc
