// A program with a function `f`, arguments and what it returns: tables of these are how tests hold the language to known results.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "interp/interp.h"
#include "loaded.h"
#include "pipeline/check.h"
#include "pipeline/native.h"
#include "pipeline/values.h"

namespace dlc {

struct Case {
  const char* source;
  const char* arguments;
  std::vector<double> result;  // its floats or ints
};

inline std::vector<double> numbers(const InterpValue<double>& v) {
  std::vector<double> all(v.floats.begin(), v.floats.end());
  if (!is_float(v.dtype)) all.assign(v.ints.begin(), v.ints.end());
  for (const auto& field : v.fields)
    for (double x : numbers(field)) all.push_back(x);
  return all;
}

inline void expect_near(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t k = 0; k < got.size(); ++k) {
    const bool is_same = got[k] == want[k] || (std::isnan(got[k]) && std::isnan(want[k]));  // infinities too
    if (!is_same) {
      EXPECT_NEAR(got[k], want[k], 1e-11);
    }
  }
}

/// In the interpreter, and with the same bits in native code with and without its optimisations.
inline void expect_value(const Case& k) {
  SCOPED_TRACE(k.source);
  const auto c = loaded(k.source);
  const FuncId f = function(*c, "f");
  ASSERT_TRUE(f);
  const auto args = arguments(*c, f, k.arguments);
  const auto slow = interpret<double>(c->module, f, args);
  ASSERT_TRUE(slow) << slow.error().message;
  expect_near(numbers(*slow), k.result);
  for (int level : {0, 2}) {
    auto native = Native::compile(*c, f, {.opt_level = level});
    ASSERT_TRUE(native) << native.error().message;
    const auto fast = native->call(args, {});
    ASSERT_TRUE(fast) << fast.error().message;
    const std::vector<double> got = numbers(*fast), want = numbers(*slow);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))) << got[i] << " is not " << want[i] << " at -O" << level;
  }
}

/// What `dlc check` says of all modes, to second order.
inline void expect_derivatives_agree(const Case& k, int n_samples = 12) {
  SCOPED_TRACE(k.source);
  const auto c = loaded(k.source);
  ASSERT_TRUE(c->find("f"));
  const auto check = check_function(*c, c->find("f"), {.order = 2, .n_samples = n_samples});
  ASSERT_TRUE(check) << check.error().message;
  EXPECT_FALSE(check->failed()) << check_text(*check, c->sources);
}

}  // namespace dlc
