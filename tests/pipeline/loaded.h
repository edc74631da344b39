// What the pipeline's tests share: a source loaded from text, slides.dl, and numbers from its derivatives.
#pragma once
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "pipeline/arguments.h"
#include "pipeline/compilation.h"
#include "pipeline/rendering.h"

namespace dlc {

constexpr const char* kSlidesText = "fn f(x1: real, x2: real) -> real = (exp(x1 / x2) + x1 / x2) * (x1 / x2 - ln(x2))\n";

inline std::unique_ptr<Compilation> loaded(const std::string& text, DType real = DType::f64) {
  auto c = std::make_unique<Compilation>(CompilationOptions{.real = real, .verify = true});
  EXPECT_TRUE(c->load("test.dl", text)) << render_all(c->diagnostics, c->sources);
  return c;
}

/// A function of `c`, ready.
inline FuncId function(Compilation& c, const std::string& name) {
  const FuncId f = c.find(name);
  EXPECT_TRUE(f && c.ready(f)) << name << "\n" << render_all(c.diagnostics, c.sources);
  return f;
}

inline std::vector<InterpValue<double>> arguments(Compilation& c, FuncId f, const std::string& list) {
  Arguments given;
  const auto error = given.add_list(list);
  EXPECT_FALSE(error) << error->message;
  auto args = given.bind(c.module, c.module[f]);
  EXPECT_TRUE(args) << args.error().message;
  return *args;
}

inline std::string read_example(const std::string& name) {
  std::ostringstream text;
  text << std::ifstream("../../examples/" + name).rdbuf();
  return text.str();
}

}  // namespace dlc
