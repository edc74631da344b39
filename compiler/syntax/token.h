// What the lexer hands to the parser: all tokens of a file at once, in order, ended by one of kind `end`.
#pragma once
#include <vector>

#include "base/diagnostic.h"
#include "base/interner.h"
#include "syntax/ast.h"

namespace dlc {

enum class TokenKind : uint8_t {
  end,
  name,
  number,
  bytes,
  string,
  // The 15 reserved words; everything else that reads like a keyword is a name in a certain place.
  kw_let,
  kw_var,
  kw_fn,
  kw_if,
  kw_else,
  kw_for,
  kw_in,
  kw_while,
  kw_return,
  kw_break,
  kw_and,
  kw_or,
  kw_not,
  kw_true,
  kw_false,
  left_paren,
  right_paren,
  left_square,
  right_square,
  left_brace,
  right_brace,
  comma,
  semicolon,
  colon,
  dot,
  dot_dot,
  arrow,
  tilde,
  assign,
  plus_assign,
  minus_assign,
  star_assign,
  slash_assign,
  eq,
  ne,
  le,
  ge,
  lt,
  gt,
  plus,
  minus,
  star,
  slash,
  percent,
  at,
  caret,
  at_max_iters,
  at_checkpoint,
  at_memory,  // with their `(`
  unknown,    // characters that are no token; reported already
};

struct Token {
  TokenKind kind = TokenKind::end;
  bool starts_line = false;  // first token on its line
  bool touches = false;      // no white space or comment before it
  int32_t begin = 0, end = 0;
  int32_t payload = -1;  // StrId of a name or string, NumberId of a number or bytes

  StrId text() const { return StrId{payload}; }
};

/// How a token kind is written, for messages; names and numbers have no fixed spelling and give a description.
const char* spelling(TokenKind kind);

/// Splits the file. Numbers go to `ast.numbers`, comments to `ast.comments`; what is no token is reported and
/// becomes `unknown`, or what was meant where that is plain, so that one slip gives one error.
std::vector<Token> tokenize(const Sources& sources, FileId file, Interner& names, Ast& ast, Diagnostics& diagnostics);

}  // namespace dlc
