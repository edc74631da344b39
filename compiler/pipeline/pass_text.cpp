// Counts of passes in words.
#include "pipeline/pass_text.h"

#include <fmt/format.h>

#include "ad/derive.h"

namespace dlc {
namespace {

std::string counted(int64_t n, const char* one, const char* many) { return fmt::format("{} {}", n, n == 1 ? one : many); }

}  // namespace

std::string pass_text(Module& m, const DerivativeRequest& request, const std::map<StrId, int64_t>& sizes, int64_t n_functions) {
  const PassCount count = count_passes(m, request);
  const auto directions = m.types.dims.evaluate(count.directions, sizes);
  const std::string all = directions ? fmt::to_string(*directions) : m.types.dims.text(count.directions);
  const bool has_many = directions.value_or(2) > 1;
  switch (request.mode) {
    case Mode::reverse: {
      const std::string sweeps = counted(n_functions * count.backward, "sweep", "sweeps");
      return fmt::format("reverse: 1 pass forward and {} back{}, whatever the number of inputs (here {})", sweeps,
                         n_functions > 1 ? ", one for each function" : "", all);
    }
    case Mode::forward: {
      const std::string shared = n_functions > 1 ? fmt::format(", each shared by the {} functions", n_functions) : "";
      if (!has_many) return fmt::format("forward: 1 pass for 1 input{}", shared);
      if (!count.is_vectorised) return fmt::format("forward: {} passes, one for each input, or 1 vectorised{}", all, shared);
      return fmt::format("forward: {} inputs, done in {}, those of an array in one vectorised pass{}", all,
                         counted(count.tangent, "pass", "passes"), shared);
    }
    case Mode::numeric:
      return fmt::format("numeric: 1 evaluation, and 2 for each step that is tried, for each of {} {}", all, has_many ? "inputs" : "input");
    case Mode::symbolic: return fmt::format("symbolic: no pass; {} evaluated as one expression", has_many ? "closed forms are" : "a closed form is");
  }
  return {};
}

}  // namespace dlc
