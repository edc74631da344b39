// Tokens of IR text. One token is held at a time: a file of a hundred thousand instructions needs no token list.
#pragma once
#include <deque>
#include <string>
#include <string_view>

#include "base/source.h"

namespace dlc {

enum class IrTokenKind : uint8_t {
  word,      // f64, add, x; a name in quotes has is_quoted
  value,     // %12, text "12"
  function,  // @nll.vjp, text without the @
  number,    // 12, 0.5, 1e-3, 0x7ff8, without a sign
  mark,      // one of ( ) [ ] { } , : = + - * . or the two characters -> and >=
  end,
  bad,  // a character or a string that starts no token
};

struct IrToken {
  IrTokenKind kind = IrTokenKind::end;
  std::string_view text;  // into the source, or into the lexer for quoted names
  bool is_quoted = false;
  int32_t begin = 0, end = 0;
};

/// Names that are printed without quotes: a letter, `_` or a byte above ASCII, then these, digits, `'` and inner dots.
bool is_bare_name(std::string_view name);

class IrLexer {
 public:
  explicit IrLexer(std::string_view text) : text_(text) { advance(); }
  const IrToken& token() const { return token_; }
  void advance();

 private:
  void skip_space();
  void read_name();
  void read_quoted();
  void read_number();

  std::string_view text_;
  size_t at_ = 0;
  IrToken token_;
  std::deque<std::string> unquoted_;  // a deque: the views in tokens stay good
};

}  // namespace dlc
