// A program that must be right in every mode, to the second order, interpreted and compiled.
#pragma once
#include "loaded.h"
#include "pipeline/check.h"

namespace dlc {

inline void expect_checked(Compilation& c, const std::string& name, int order = 2) {
  auto result = check_function(c, c.find(name), {.order = order, .n_samples = 12});
  ASSERT_TRUE(result) << name << ": " << result.error().message << render_all(c.diagnostics, c.sources);
  EXPECT_TRUE(result->skipped.empty()) << name << ": " << result->skipped;
  EXPECT_FALSE(result->failed()) << check_text(*result, c.sources);
  EXPECT_GT(result->n_samples, 0) << name;
}

/// What the function returns, by the interpreter and by native code, which must agree.
std::vector<double> numbers_of(Compilation& c, const std::string& name, const std::string& args);

}  // namespace dlc
