// Cuts IR text into tokens. Every byte sequence is accepted: what starts no token is a `bad` one.
#include "ir/lexer.h"

namespace dlc {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_name_part(char c) { return is_name_start(c) || is_digit(c) || c == '\''; }

/// The end of the name that starts at `at`. A dot belongs to it when a name part follows: `nll.vjp`, `f.2`.
size_t name_end(std::string_view text, size_t at) {
  while (at < text.size() &&
         (is_name_part(text[at]) || (text[at] == '.' && at + 1 < text.size() && is_name_part(text[at + 1]))))
    ++at;
  return at;
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

bool is_bare_name(std::string_view name) {
  if (name.empty() || !is_name_start(name[0]) || name_end(name, 0) != name.size() || name == "div") return false;
  // `j0` is an index of a view's map.
  return !(name[0] == 'j' && name.size() > 1 && name.find_first_not_of("0123456789", 1) == std::string_view::npos);
}

void IrLexer::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++at_;
    } else if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '/') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else {
      return;
    }
  }
}

void IrLexer::read_name() {
  const size_t begin = at_;
  at_ = name_end(text_, at_);
  token_.text = text_.substr(begin, at_ - begin);
}

// "…" with \" \\ and \x followed by two hexadecimal digits.
void IrLexer::read_quoted() {
  std::string name;
  for (++at_; at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n'; ++at_) {
    if (text_[at_] != '\\') {
      name += text_[at_];
      continue;
    }
    const std::string_view rest = text_.substr(at_ + 1);
    if (rest.starts_with('"') || rest.starts_with('\\')) {
      name += rest[0], ++at_;
    } else if (rest.size() >= 3 && rest[0] == 'x' && hex_digit(rest[1]) >= 0 && hex_digit(rest[2]) >= 0) {
      name += static_cast<char>(hex_digit(rest[1]) * 16 + hex_digit(rest[2])), at_ += 3;
    } else {
      break;
    }
  }
  if (at_ >= text_.size() || text_[at_] != '"') {
    token_.kind = IrTokenKind::bad;
    return;
  }
  ++at_;
  token_.is_quoted = true;
  token_.text = unquoted_.emplace_back(std::move(name));
}

// Digits, letters and inner dots, and a sign after an exponent: what it means is the reader's business. The dot of
// `%2.1` never gets here, because values read their own digits.
void IrLexer::read_number() {
  const size_t begin = at_;
  const bool is_hex = text_.substr(at_).starts_with("0x");
  while (at_ < text_.size()) {
    const char c = text_[at_];
    const bool is_exponent_sign = (c == '+' || c == '-') && !is_hex && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E');
    if (!is_digit(c) && !(is_name_start(c) && c != '_') && c != '.' && !(is_exponent_sign && at_ > begin)) break;
    ++at_;
  }
  token_.text = text_.substr(begin, at_ - begin);
}

void IrLexer::advance() {
  skip_space();
  token_ = {};
  token_.begin = static_cast<int32_t>(at_);
  if (at_ < text_.size()) {
    const char c = text_[at_];
    const bool has_next = at_ + 1 < text_.size();
    const char next = has_next ? text_[at_ + 1] : '\0';
    if (is_name_start(c)) {
      token_.kind = IrTokenKind::word;
      read_name();
    } else if (c == '"') {
      token_.kind = IrTokenKind::word;
      read_quoted();
    } else if (is_digit(c)) {
      token_.kind = IrTokenKind::number;
      read_number();
    } else if (c == '%' && is_digit(next)) {
      token_.kind = IrTokenKind::value;
      const size_t begin = ++at_;
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
      token_.text = text_.substr(begin, at_ - begin);
    } else if (c == '@' && (is_name_start(next) || next == '"')) {
      token_.kind = IrTokenKind::function;
      ++at_;
      if (next == '"')
        read_quoted();
      else
        read_name();
    } else if (std::string_view("()[]{},:=+-*.>").find(c) != std::string_view::npos) {
      token_.kind = IrTokenKind::mark;
      const bool is_pair = (c == '-' && next == '>') || (c == '>' && next == '=');
      token_.text = text_.substr(at_, is_pair ? 2 : 1);
      at_ += token_.text.size();
    } else {
      token_.kind = IrTokenKind::bad;
      ++at_;
    }
  }
  token_.end = static_cast<int32_t>(at_);
}

}  // namespace dlc
