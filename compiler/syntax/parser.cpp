// The entry points of parsing; the rules are in expressions.cpp, statements.cpp and declarations.cpp.
#include "syntax/parser.h"

#include <utility>

#include "syntax/grammar.h"

namespace dlc {

namespace {
constexpr size_t kMaxFileSize = size_t{64} << 20;

Ast parse_as(void (Parser::*rule)(), const Sources& sources, FileId file, Interner& names, Diagnostics& diagnostics) {
  Ast ast;
  ast.file = file;
  if (sources[file].text.size() > kMaxFileSize) {
    diagnostics.error(syntax_error("file-too-large"), {file, 0, 0}, "a source file may have at most 64 MiB");
    return ast;
  }
  const size_t n_before = diagnostics.all().size();
  std::vector<Token> tokens = tokenize(sources, file, names, ast, diagnostics);
  Parser parser(ast, std::move(tokens), sources, names, diagnostics);
  (parser.*rule)();
  diagnostics.sort_by_place(n_before);  // the lexer's come first otherwise
  return ast;
}
}  // namespace

Ast parse(const Sources& sources, FileId file, Interner& names, Diagnostics& diagnostics) {
  return parse_as(&Parser::file, sources, file, names, diagnostics);
}

Ast parse_expression(const Sources& sources, FileId file, Interner& names, Diagnostics& diagnostics) {
  return parse_as(&Parser::expression_file, sources, file, names, diagnostics);
}

}  // namespace dlc
