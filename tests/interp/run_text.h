// Interprets functions given as IR text.
#pragma once
#include "interp/interp.h"
#include "tests/ir/ir_text.h"

namespace dlc {

template <class T>
using Args = std::vector<InterpValue<T>>;
using Double = InterpValue<double>;

/// Runs the last function of `text`.
template <class T = double>
Result<InterpValue<T>> run_text(const std::string& text, const Args<T>& args,
                                const std::map<std::string, int64_t>& sizes = {}, InterpOptions options = {}) {
  const auto p = parse_text(text);
  if (!p->is_good) return Error{"parse: " + p->error()};
  std::map<StrId, int64_t> given;
  for (const auto& [name, value] : sizes) given[p->module.strings.intern(name)] = value;
  options.sources = &p->sources;
  return interpret<T>(p->module, FuncId{static_cast<int32_t>(p->module.size()) - 1}, args, given, options);
}

/// The value, or a test failure with the error.
template <class T = double>
InterpValue<T> value_of(const std::string& text, const Args<T>& args,
                        const std::map<std::string, int64_t>& sizes = {}) {
  auto r = run_text<T>(text, args, sizes);
  if (!r) ADD_FAILURE() << r.error().message << "\n" << text;
  return r ? *r : InterpValue<T>{};
}

inline std::string error_of(const std::string& text, const Args<double>& args,
                            const std::map<std::string, int64_t>& sizes = {}, const InterpOptions& options = {}) {
  const auto r = run_text<double>(text, args, sizes, options);
  return r ? "no error" : r.error().message;
}

}  // namespace dlc
