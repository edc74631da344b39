// A source text after sema, with what the tests ask of it.
#pragma once
#include <string>
#include <string_view>

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/table.h"
#include "sema/sema.h"
#include "syntax/parser.h"

namespace dlc {

struct Analysed {
  Module module;
  Sources sources;
  Diagnostics diagnostics;
  bool ok = false;

  explicit Analysed(std::string text, SemaOptions options = {}) {
    const FileId file = sources.add("in.dl", std::move(text));
    const Ast ast = parse(sources, file, module.strings, diagnostics);
    if (!diagnostics.has_errors()) ok = analyse(ast, sources, module, options, diagnostics);
  }
  static constexpr OpSet ops() { return {find_op, op_row}; }
  bool has(std::string_view name) const { return static_cast<bool>(module.find(name)); }
  std::string ir(std::string_view name) const {
    const FuncId f = module.find(name);
    return f ? print(module, module[f], ops()) : "no function " + std::string(name);
  }
  /// Empty when every function satisfies the verifier.
  std::string violations() const {
    std::string all;
    for (size_t k = 0; k < module.size(); ++k) {
      const FuncId f{static_cast<int32_t>(k)};
      if (module[f].name.empty() || module[f].request) continue;
      if (const auto wrong = verify(module, f, ops())) all += module[f].name + ": " + *wrong + "\n";
    }
    return all;
  }
  std::string messages() const {
    std::string all;
    for (const Diagnostic& d : diagnostics.all()) all += render_short(d, sources) + "\n";
    return all;
  }
};

}  // namespace dlc
