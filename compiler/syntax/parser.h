// Text to syntax tree.
//
//   Sources sources;  Interner names;  Diagnostics diagnostics;
//   const FileId file = sources.add("net.dl", text);
//   const Ast ast = parse(sources, file, names, diagnostics);
//   if (diagnostics.has_errors()) …
//
// Takes any bytes and never fails: what is not understood becomes diagnostics and nodes of kind `error`.
// Linear time, bounded stack. Thread-safe as long as no one else writes to the same interner or diagnostics.
#pragma once
#include <string>
#include <string_view>

#include "base/diagnostic.h"
#include "base/interner.h"
#include "base/source.h"
#include "syntax/ast.h"

namespace dlc {

/// Parses a whole file. The Ast is partial if this added errors.
Ast parse(const Sources& sources, FileId file, Interner& names, Diagnostics& diagnostics);

/// Parses a file that is one expression (a rule of the op table, a command-line argument); see Ast::root.
Ast parse_expression(const Sources& sources, FileId file, Interner& names, Diagnostics& diagnostics);

/// The tree as indented text, one node per line; what `--emit ast` shows.
std::string print_ast(const Ast& ast, const Interner& names);

/// One expression in the same form.
std::string print_expr(const Ast& ast, ExprId expr, const Interner& names);

/// The source text of a node for messages, on one line: runs of white space become one space, comments go, and
/// what is longer than `limit` characters ends in `…`.
std::string expr_text(const Ast& ast, ExprId expr, const Sources& sources, size_t limit = 60);

/// The text of the `///` lines of a declaration, markers removed, one line each.
std::string doc_text(const Ast& ast, Slice<Comment> doc, const Sources& sources);

}  // namespace dlc
