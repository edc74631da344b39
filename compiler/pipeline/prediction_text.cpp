// Predictions as text: a table for other programs to read, and JSON.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pipeline/prediction.h"

namespace dlc {

std::string predictions_csv(const Predictions& p) {
  std::string out = p.width == 1 ? "predict" : "";
  for (int64_t k = 0; p.width != 1 && k < p.width; ++k) out += fmt::format("{}predict_{}", k ? "," : "", k);
  out += '\n';
  for (size_t i = 0; i < p.values.size(); ++i) {
    // As many digits as tell the number from its neighbours.
    out += p.is_f32 ? fmt::format("{}", static_cast<float>(p.values[i])) : fmt::format("{}", p.values[i]);
    out += static_cast<int64_t>(i + 1) % p.width == 0 ? '\n' : ',';
  }
  return out;
}

nlohmann::ordered_json predictions_json(const Predictions& p) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (int64_t i = 0; i < p.n; ++i) {
    const auto at = p.values.begin() + i * p.width;
    if (p.width == 1) rows.push_back(*at);
    else rows.push_back(std::vector<double>(at, at + p.width));
  }
  return {{"predict", std::move(rows)}};
}

}  // namespace dlc
