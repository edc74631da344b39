// One source file on its way through the compiler: text → AST → IR → derivatives → optimised IR. This is the map of the
// compiler; every stage can be looked at (`dlc compile --emit`), and every pass is a plain call in compilation.cpp.
//
//   Compilation c({.real = DType::f64});
//   if (!c.load("net.dl", text)) return report(c.diagnostics, c.sources);
//   const FuncId f = c.find("loss");
//   const FuncId g = c.derivative({.kind = Kind::grad, .base = f, .wrt = {0}}, c.module[f].loc);   // ready to run
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/diagnostic.h"
#include "ir/module.h"
#include "ir/text.h"
#include "sema/models.h"
#include "syntax/ast.h"

namespace dlc {

/// How ir/ looks ops up, by the op table.
const OpSet& op_set();

struct CompilationOptions {
  DType real = DType::f64;  // what `real` means
  bool verify = false;      // run the verifier after every pass (tests, debug builds)
};

class Compilation {
 public:
  explicit Compilation(const CompilationOptions& options) : options_(options) {}
  Compilation(const Compilation&) = delete;
  Compilation& operator=(const Compilation&) = delete;

  /// Parses and checks one text. False after errors, which are in `diagnostics`; what was right is in `module`.
  bool load(std::string name, std::string text);

  /// A function or an export by the name that the source gives it; absent when there is none.
  FuncId find(std::string_view name) const;
  /// Names of functions and exports in the order of the file (exports that rename count by their own name).
  std::vector<std::string> names() const;

  /// Gives `f` and all that it calls their bodies (derivatives) and runs the passes on them, once. False after errors.
  bool ready(FuncId f);
  /// The function of a derivative request, ready; absent after errors.
  FuncId derivative(const DerivativeRequest& request, Loc loc);
  /// `f` with sizes fixed and simplified for them; `f` must be ready. Absent after errors.
  FuncId at_sizes(FuncId f, const std::map<StrId, int64_t>& sizes);
  /// Whether `f` leads to a function that calls itself at sizes which are still open: native code has no such calls.
  bool recurs(FuncId f) const;

  Sources sources;
  Diagnostics diagnostics;
  Module module;
  std::optional<Ast> ast;
  FileModels models;
  /// Called after each pass with its name, for `--emit ir-after=PASS`.
  std::function<void(std::string_view pass, FuncId f)> observe;

 private:
  using Pass = void (*)(Module&, FuncId, Diagnostics&);
  void run(std::string_view name, Pass pass, FuncId f);
  void optimise(FuncId f);
  bool derive_request(FuncId f);
  FuncId fixed(FuncId f, const std::map<StrId, int64_t>& sizes);
  bool unroll(FuncId f);
  std::vector<FuncId> redirect_calls(FuncId f);

  CompilationOptions options_;
  std::unordered_set<FuncId> done_;
};

/// Names of the passes in order, for `--emit ir-after=…` and its error message.
std::span<const std::string_view> pass_names();

}  // namespace dlc
