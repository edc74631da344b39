// What `dlc compile` makes of a source: entry points, and each stage as text.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codegen/codegen.h"
#include "pipeline/compilation.h"

namespace dlc {

struct ArtifactOptions {
  std::vector<std::string> functions;                         // only these; empty: the exports (or, for a stage's text, everything)
  std::vector<std::pair<std::string, int64_t>> sizes;         // size variables that are fixed
  CompileOptions code;
};

/// A function or a size in the options that the source, which has been loaded, does not have.
std::optional<Error> wrong_name(const Compilation& c, const ArtifactOptions& options);

/// The entry points of a source, ready. Of an export: its value, and for a function of floats whose result is a float
/// `_grad` (scalar results), `_jvp` and `_vjp` by all its float parameters, unless an export has that name.
/// `notes` says which derivatives do not exist. Empty after diagnostics.
Result<std::vector<Entry>> entry_points(Compilation& c, const ArtifactOptions& options, std::vector<std::string>& notes);

/// Kinds: ast, ir, ir-after=PASS, llvm, asm.
class StageText {
 public:
  /// Checks the name and, for ir-after, starts to watch `c`, which must not have been loaded yet.
  static Result<StageText> begin(std::string kind, Compilation& c);
  Result<std::string> finish(const ArtifactOptions& options);
  const std::string& kind() const { return kind_; }

 private:
  StageText(std::string kind, Compilation& c) : kind_(std::move(kind)), c_(&c) {}
  Result<std::vector<FuncId>> functions(const ArtifactOptions& options) const;
  Result<std::string> after_pass(const ArtifactOptions& options);

  std::string kind_, pass_;
  Compilation* c_;
  std::shared_ptr<std::map<FuncId, std::string>> seen_;  // each function as the pass last left it
};

/// An object with its header and JSON signature.
struct Artifacts {
  std::string object, header, signature;
  std::vector<Entry> entries;
};
/// `name`: of the header, without ".h".
Result<Artifacts> make_object(Compilation& c, const ArtifactOptions& options, const std::string& name, std::vector<std::string>& notes);

}  // namespace dlc
