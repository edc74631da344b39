// Calls a function both ways, see checked.h.
#include "checked.h"

#include "interp/interp.h"
#include "pipeline/native.h"

namespace dlc {
namespace {

void collect(const InterpValue<double>& v, std::vector<double>& out) {
  for (const InterpValue<double>& field : v.fields) collect(field, out);
  out.insert(out.end(), v.floats.begin(), v.floats.end());
  out.insert(out.end(), v.ints.begin(), v.ints.end());
}

}  // namespace

std::vector<double> numbers_of(Compilation& c, const std::string& name, const std::string& args) {
  const FuncId f = function(c, name);
  const auto values = arguments(c, f, args);
  std::vector<double> interpreted, compiled;
  const auto by_interpreter = interpret<double>(c.module, f, values);
  EXPECT_TRUE(by_interpreter) << name << ": " << (by_interpreter ? "" : by_interpreter.error().message);
  if (by_interpreter) collect(*by_interpreter, interpreted);
  const auto special = at_sizes_of(c, f, values);
  EXPECT_TRUE(special) << name << "\n" << render_all(c.diagnostics, c.sources);
  auto native = Native::compile(c, special ? *special : f, {});
  auto by_code = native ? native->call(values) : Result<InterpValue<double>>(native.error());
  EXPECT_TRUE(by_code) << name << ": " << (by_code ? "" : by_code.error().message);
  if (by_code) collect(*by_code, compiled);
  EXPECT_EQ(interpreted, compiled) << name;
  return interpreted;
}

}  // namespace dlc
