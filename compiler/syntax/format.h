// The one style of a source text: what `dlc fmt` writes.
//
//   const std::optional<std::string> text = format_source(sources, file, names, diagnostics);
//   if (!text) …                       // a syntax error: there is no style for what cannot be read
//
// The writer chooses where lines break; the style decides everything between: indentation by two columns, or to the column
// behind an open bracket; one space around operators and none inside brackets; at most one blank line. In neighbouring
// lines these stand in one column: the `=` and `~` of `param`, `state`, `const` and `export` and of the fields of `data`,
// what the entries of a `train` block say, and comments behind code. A block that breaks at all breaks after its `{` and
// before its `}`.
//
// Only white space changes, so the tree is the same and comments are kept; formatting twice changes nothing.
#pragma once
#include <optional>
#include <string>

#include "base/diagnostic.h"
#include "base/interner.h"
#include "base/source.h"

namespace dlc {

/// The text of `file` in the style; nothing after syntax errors, which are in `diagnostics`. Adds the result to `sources`,
/// to make sure that it reads as the same program.
std::optional<std::string> format_source(Sources& sources, FileId file, Interner& names, Diagnostics& diagnostics);

}  // namespace dlc
