// A training run of a text, for tests: opened with a changed specification, stepped, looked at.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "pipeline/rendering.h"
#include "pipeline/training.h"

namespace dlc {

inline const std::string kData = "../../examples/data";

/// Of this process: another build's tests may run beside it.
inline std::string own_path(const std::string& name) { return testing::TempDir() + std::to_string(::getpid()) + name; }

struct TestRun {
  Compilation c{{}};
  std::unique_ptr<Training> training;

  TestRun(const std::string& text, const std::function<void(TrainSpec&)>& change = {}, const std::string& folder = kData) {
    if (!c.load("net.dl", text) || c.models.trains.empty()) {
      ADD_FAILURE() << render_all(c.diagnostics, c.sources);
      return;
    }
    TrainSpec spec = c.models.trains[0];
    if (change) change(spec);
    auto opened = Training::open(c, spec, folder, {});
    if (!opened) ADD_FAILURE() << opened.error().message;
    else training = std::move(*opened);
  }
  void updates(int64_t n) {
    for (int64_t k = 0; k < n; ++k) {
      ASSERT_TRUE(training->step());
      if (training->is_epoch_done()) { ASSERT_TRUE(training->finish_epoch()); }
    }
  }
  void all() {
    while (!training->is_done()) updates(1);
  }
  std::string state() const {
    return {reinterpret_cast<const char*>(training->state()), static_cast<size_t>(training->program().state_bytes())};
  }
  double value(int part, int64_t at) const {
    const TrainProgram& p = training->program();
    const std::byte* from = training->state() + (part * p.part_length() + at) * p.element_bytes();
    double y = 0;
    float x = 0;
    std::memcpy(&x, from, 4), std::memcpy(&y, from, p.element_bytes() == 8 ? 8 : 4);
    return p.element_bytes() == 8 ? y : x;
  }
};

}  // namespace dlc
