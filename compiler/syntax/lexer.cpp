// Text to tokens, in one pass over the bytes. Besides splitting, it notes what the parser needs to know about white
// space: whether a token touches the one before and whether it is the first on its line.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "syntax/errors.h"
#include "syntax/token.h"
#include "syntax/xid_ranges.h"

namespace dlc {

namespace {

using TK = TokenKind;

struct Spelled {
  const char* text;
  TK kind;
};

constexpr Spelled kReserved[] = {{"let", TK::kw_let},     {"var", TK::kw_var},     {"fn", TK::kw_fn},
                                 {"if", TK::kw_if},       {"else", TK::kw_else},   {"for", TK::kw_for},
                                 {"in", TK::kw_in},       {"while", TK::kw_while}, {"return", TK::kw_return},
                                 {"break", TK::kw_break}, {"and", TK::kw_and},     {"or", TK::kw_or},
                                 {"not", TK::kw_not},     {"true", TK::kw_true},   {"false", TK::kw_false}};

// Longer spellings before their prefixes. The attributes are single tokens, so `W @memory (x)` stays a product.
constexpr Spelled kPunctuation[] = {{"@max_iters(", TK::at_max_iters},
                                    {"@checkpoint(", TK::at_checkpoint},
                                    {"@memory(", TK::at_memory},
                                    {"..", TK::dot_dot},
                                    {"->", TK::arrow},
                                    {"==", TK::eq},
                                    {"!=", TK::ne},
                                    {"<=", TK::le},
                                    {">=", TK::ge},
                                    {"+=", TK::plus_assign},
                                    {"-=", TK::minus_assign},
                                    {"*=", TK::star_assign},
                                    {"/=", TK::slash_assign},
                                    {"(", TK::left_paren},
                                    {")", TK::right_paren},
                                    {"[", TK::left_square},
                                    {"]", TK::right_square},
                                    {"{", TK::left_brace},
                                    {"}", TK::right_brace},
                                    {",", TK::comma},
                                    {";", TK::semicolon},
                                    {":", TK::colon},
                                    {".", TK::dot},
                                    {"=", TK::assign},
                                    {"<", TK::lt},
                                    {">", TK::gt},
                                    {"+", TK::plus},
                                    {"-", TK::minus},
                                    {"*", TK::star},
                                    {"/", TK::slash},
                                    {"%", TK::percent},
                                    {"@", TK::at},
                                    {"^", TK::caret},
                                    {"~", TK::tilde}};

/// Operators of other languages and what they mean here.
struct Foreign {
  const char* text;
  TK meant;
  const char* help;
};
constexpr Foreign kForeign[] = {{"&&", TK::kw_and, "write `and`"},
                                {"||", TK::kw_or, "write `or`"},
                                {"**", TK::caret, "write `^` for a power"},
                                {"%=", TK::assign, "write `a = a % b`"},
                                {"^=", TK::assign, "write `a = a ^ b`"},
                                {"@=", TK::assign, "write `a = a @ b`"},
                                {"!", TK::kw_not, "write `not`"},
                                {"−", TK::minus, "write `-`"},
                                {"×", TK::star, "write `*`"},
                                {"·", TK::star, "write `*`"},
                                {"÷", TK::slash, "write `/`"},
                                {"≤", TK::le, "write `<=`"},
                                {"≥", TK::ge, "write `>=`"},
                                {"≠", TK::ne, "write `!=`"},
                                {"→", TK::arrow, "write `->`"},
                                {"…", TK::dot_dot, "write `..`"}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }

bool starts_name(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return in_ranges(kNameStart, c);
}
bool continues_name(char32_t c) {
  if (c < 0x80) return starts_name(c) || (c >= '0' && c <= '9');
  return in_ranges(kNameContinue, c);
}

class Lexer {
 public:
  Lexer(const Sources& sources, FileId file, Interner& names, Ast& ast, Diagnostics& diagnostics)
      : text_(sources[file].text), file_(file), names_(names), ast_(ast), diagnostics_(diagnostics) {
    for (const Spelled& word : kReserved) reserved_.emplace_back(names.intern(word.text), word.kind);
  }

  std::vector<Token> run() {
    check_bytes();
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    tokens_.reserve(text_.size() / 4 + 1);
    while (skip_blank(), at_ < text_.size()) one_token();
    push(TK::end, text_.size());
    return std::move(tokens_);
  }

 private:
  Span span(size_t begin, size_t end) const { return {file_, static_cast<int32_t>(begin), static_cast<int32_t>(end)}; }
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool looking_at(std::string_view s) const { return text_.substr(at_, s.size()) == s; }
  void push(TK kind, size_t end, int32_t payload = -1) {
    tokens_.push_back({kind, starts_line_, at_ == last_end_ && !tokens_.empty(), static_cast<int32_t>(at_),
                       static_cast<int32_t>(end), payload});
    last_end_ = at_ = end;
    starts_line_ = false;
  }

  /// Invalid UTF-8 and NUL are looked for once, before anything else, also inside comments and strings.
  void check_bytes() {
    bool saw_invalid = false, saw_nul = false;
    for (size_t i = 0; i < text_.size() && !(saw_invalid && saw_nul);) {
      const CodePoint c = decode_utf8(text_, i);
      if (!c.valid && !std::exchange(saw_invalid, saw_invalid || !c.valid))
        diagnostics_
            .error(syntax_error("invalid-utf8"), span(i, i + 1),
                   fmt::format("byte {:#04x} is not UTF-8", static_cast<unsigned char>(text_[i])))
            .help("save the file as UTF-8");
      if (c.value == 0 && !std::exchange(saw_nul, true))
        diagnostics_.error(syntax_error("nul-byte"), span(i, i + 1), "the file holds a zero byte")
            .help("is it a text file?");
      i += static_cast<size_t>(c.size);
    }
  }

  void skip_blank() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') starts_line_ = true;
      if (c == '/' && peek(1) == '/')
        line_comment();
      else if (c == '/' && peek(1) == '*')
        block_comment();
      else if (!is_space(c))
        return;
      if (at_ < text_.size() && text_[at_] == '\n') starts_line_ = true;
    }
  }
  // Both leave at_ on the comment's last byte, or on the newline that ends it.
  void line_comment() {
    const size_t begin = at_;
    at_ = std::min(text_.find('\n', at_), text_.size());
    const bool is_doc = text_.substr(begin, 3) == "///" && text_.substr(begin, 4) != "////";
    ast_.comments.push_back({span(begin, at_), is_doc, starts_line_});
  }
  void block_comment() {
    const size_t begin = at_, close = text_.find("*/", at_ + 2);
    const bool owns_line = starts_line_;
    const size_t end = close == std::string_view::npos ? text_.size() : close + 2;
    if (close == std::string_view::npos)
      diagnostics_.error(syntax_error("unterminated-comment"), span(begin, begin + 2), "this comment has no `*/`");
    if (text_.substr(begin, end - begin).find('\n') != std::string_view::npos) starts_line_ = true;
    ast_.comments.push_back({span(begin, end), false, owns_line});
    at_ = end - 1;
  }

  void one_token() {
    const char c = peek();
    const CodePoint point = decode_utf8(text_, at_);
    if (starts_name(point.value) && point.valid) return name();
    if (is_digit(c)) return number();
    if (c == '"') return string();
    if (c == '.' && is_digit(peek(1)) && !starts_range()) return number_without_lead();
    if (foreign()) return;
    for (const Spelled& p : kPunctuation)
      if (looking_at(p.text)) return push(p.kind, at_ + std::string_view(p.text).size());
    stray();
  }

  /// The `.5` of `0...5` belongs to a range; any other `.5` is a slip, since no field begins with a digit.
  bool starts_range() const { return at_ > 0 && text_[at_ - 1] == '.'; }

  void name() {
    const size_t end = name_end(at_);
    const StrId id = names_.intern(text_.substr(at_, end - at_));
    for (const auto& [word, kind] : reserved_)
      if (word == id) return push(kind, end);
    push(TK::name, end, id.i);
  }
  size_t name_end(size_t i) const {
    while (i < text_.size()) {
      const CodePoint c = decode_utf8(text_, i);
      if (!c.valid || !continues_name(c.value)) break;
      i += static_cast<size_t>(c.size);
    }
    return i;
  }

  size_t digits_end(size_t i) const {
    while (i < text_.size() && (is_digit(text_[i]) || text_[i] == '_')) ++i;
    return i;
  }
  bool digit_at(size_t i) const { return i < text_.size() && is_digit(text_[i]); }

  void number() {
    size_t end = digits_end(at_);
    bool is_integer = true;
    const auto unit = [&]() -> int64_t {
      for (const auto& [text, bytes] : {std::pair{"KiB", 1ll << 10}, {"MiB", 1ll << 20}, {"GiB", 1ll << 30}})
        if (text_.substr(end, 3) == text && name_end(end) == end + 3) return bytes;
      return 0;
    }();
    if (unit != 0) return push(TK::bytes, end + 3, store_bytes(end, unit));
    if (end < text_.size() && text_[end] == '.' && digit_at(end + 1)) end = digits_end(end + 1), is_integer = false;
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      size_t k = end + 1;
      if (k < text_.size() && (text_[k] == '+' || text_[k] == '-')) ++k;
      if (digit_at(k)) {
        while (digit_at(k)) ++k;
        end = k, is_integer = false;
      }
    }
    const size_t tail = name_end(end);
    if (tail != end) return number_with_tail(end, tail);
    push(TK::number, end, store_number(end, is_integer));
  }

  /// Letters right behind a number: `2x`, `1e`, `0x1F`. The number alone goes on, so nothing else is reported.
  void number_with_tail(size_t end, size_t tail) {
    const std::string_view digits = text_.substr(at_, end - at_), letters = text_.substr(end, tail - end);
    Diagnostic& d = diagnostics_.error(syntax_error("bad-number"), span(at_, tail),
                                       fmt::format("`{}{}` is neither a number nor a name", digits, letters));
    if (letters == "e" || letters == "E")
      d.help(fmt::format("an exponent needs digits: `{}e0`", digits));
    else if (digits == "0")
      d.help("numbers are written in decimal");
    else
      d.help(fmt::format("for a product write `{} * {}`", digits, letters));
    const int32_t number = store_number(end, true);
    push(TK::number, tail, number);
  }
  void number_without_lead() {
    const size_t end = name_end(at_ + 1);
    const TK before = tokens_.empty() || last_end_ != at_ ? TK::end : tokens_.back().kind;
    const bool on_number = before == TK::number,
               on_value = before == TK::name || before == TK::right_paren || before == TK::right_square;
    if (on_number || on_value) {  // `1.2.3`, `pair.0`: what is left without it makes sense
      if (on_number)
        diagnostics_.error(syntax_error("bad-number"), span(at_, end), "a number has only one point");
      else
        diagnostics_.error(syntax_error("expected-name"), span(at_, end), "expected a field's name behind the point")
            .help("a tuple is taken apart with `let (a, b) = …`");
      at_ = last_end_ = end;
      return;
    }
    diagnostics_.error(syntax_error("bad-number"), span(at_, end), "a number begins with a digit")
        .help(fmt::format("write `0{}`", text_.substr(at_, end - at_)));
    ast_.numbers.push_back({names_.intern(text_.substr(at_, end - at_)), 0.5, 0, false});
    push(TK::number, end, static_cast<int32_t>(ast_.numbers.size()) - 1);
  }

  std::string without_underscores(size_t begin, size_t end) const {
    std::string out(text_.substr(begin, end - begin));
    std::erase(out, '_');
    return out;
  }
  int32_t store_number(size_t end, bool is_integer) {
    const std::string digits = without_underscores(at_, end);
    Number n{names_.intern(text_.substr(at_, end - at_)), 0, 0, is_integer};
    const char* last = digits.data() + digits.size();
    const bool bad_double = std::from_chars(digits.data(), last, n.value).ec != std::errc();
    const bool bad_integer = is_integer && std::from_chars(digits.data(), last, n.integer).ec != std::errc();
    if (bad_integer || bad_double) {
      Diagnostic& d = diagnostics_.error(
          syntax_error("number-out-of-range"), span(at_, end),
          is_integer ? "this integer does not fit 64 bits" : "this number does not fit a 64-bit float");
      if (!bad_double) d.help(fmt::format("as a float it is `{:e}`", n.value));
    }
    ast_.numbers.push_back(n);
    return static_cast<int32_t>(ast_.numbers.size()) - 1;
  }
  int32_t store_bytes(size_t end, int64_t unit) {
    const int32_t id = store_number(end, true);
    Number& n = ast_.numbers.back();
    n.text = names_.intern(text_.substr(at_, end + 3 - at_));
    if (__builtin_mul_overflow(n.integer, unit, &n.integer))
      diagnostics_.error(syntax_error("number-out-of-range"), span(at_, end + 3), "this many bytes do not fit 64 bits");
    n.value = static_cast<double>(n.integer);
    return id;
  }

  void string() {
    const size_t stop = std::min(text_.find_first_of("\"\n", at_ + 1), text_.size());
    const bool closed = stop < text_.size() && text_[stop] == '"';
    if (!closed)
      diagnostics_.error(syntax_error("unterminated-string"), span(at_, stop), "this string has no closing `\"`");
    const StrId id = names_.intern(text_.substr(at_ + 1, stop - at_ - 1));
    push(TK::string, stop + (closed ? 1 : 0), id.i);
  }

  bool foreign() {
    for (const Foreign& f : kForeign) {
      if (!looking_at(f.text) || looking_at("!=")) continue;
      if (f.meant == TK::assign && text_.substr(at_ + 1, 2) == "==")
        continue;  // `a %==`: `==` is the mistake's other half
      const size_t end = at_ + std::string_view(f.text).size();
      diagnostics_
          .error(syntax_error("foreign-operator"), span(at_, end), fmt::format("`{}` is no operator here", f.text))
          .help(f.help);
      push(f.meant, end);
      return true;
    }
    return false;
  }

  /// A run of characters that begin no token is reported as one.
  void stray() {
    const size_t begin = at_;
    const CodePoint first = decode_utf8(text_, at_);
    if (first.value == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
      diagnostics_.error(syntax_error("stray-character"), span(begin, begin + 1), "`#` means nothing here")
          .help("a comment begins with `//`");
      return;
    }
    if (first.value == '\'') return quoted_string("'");
    if (first.value == 0x201C) return quoted_string("\u201D");
    bool reported_already = true;
    size_t end = begin;
    do {
      const CodePoint c = decode_utf8(text_, end);
      reported_already = reported_already && (!c.valid || c.value == 0);  // check_bytes did
      end += static_cast<size_t>(c.size);
    } while (end < text_.size() && is_stray(end));
    push(TK::unknown, end);
    if (reported_already) return;
    const bool visible = first.value > 0x20 && first.value != 0xA0 && first.value != 0xFEFF &&
                         !(first.value >= 0x7F && first.value < 0xA0) &&
                         !(first.value >= 0x2000 && first.value <= 0x200F);
    const std::string shown = visible
                                  ? fmt::format("`{}`", text_.substr(begin, static_cast<size_t>(first.size)))
                                  : fmt::format("the invisible character U+{:04X}", static_cast<uint32_t>(first.value));
    diagnostics_.error(syntax_error("stray-character"), span(begin, end), fmt::format("{} means nothing here", shown));
  }
  bool is_stray(size_t i) const {
    const CodePoint c = decode_utf8(text_, i);
    if (!c.valid) return true;
    if (c.value < 0x80) {
      const char ascii = static_cast<char>(c.value);
      return !is_space(ascii) && !continues_name(c.value) &&
             std::string_view("\"'#.-=!<>+*/()[]{},;:%@^~&|").find(ascii) == std::string_view::npos;
    }
    if (starts_name(c.value) || c.value == 0x201C) return false;
    for (const Foreign& f : kForeign)
      if (text_.substr(i).starts_with(f.text)) return false;
    return true;
  }
  /// 'a' or “a”: a string all the same.
  void quoted_string(std::string_view close) {
    const size_t open = static_cast<size_t>(decode_utf8(text_, at_).size);
    const std::string_view line = text_.substr(0, std::min(text_.find('\n', at_), text_.size()));
    const size_t stop = line.find(close, at_ + open);
    diagnostics_
        .error(syntax_error("stray-character"), span(at_, at_ + open),
               fmt::format("`{}` means nothing here", text_.substr(at_, open)))
        .help("a string is written in `\"`");
    if (stop == std::string_view::npos)
      at_ += open;
    else
      push(TK::string, stop + close.size(), names_.intern(text_.substr(at_ + open, stop - at_ - open)).i);
  }

  const std::string_view text_;
  const FileId file_;
  Interner& names_;
  Ast& ast_;
  Diagnostics& diagnostics_;
  std::vector<std::pair<StrId, TK>> reserved_;
  std::vector<Token> tokens_;
  size_t at_ = 0, last_end_ = 0;
  bool starts_line_ = true;
};

}  // namespace

const char* spelling(TokenKind kind) {
  switch (kind) {
    case TK::end: return "the end of the file";
    case TK::name: return "a name";
    case TK::number:
    case TK::bytes: return "a number";
    case TK::string: return "a string";
    default: break;
  }
  for (const Spelled& s : kReserved)
    if (s.kind == kind) return s.text;
  for (const Spelled& s : kPunctuation)
    if (s.kind == kind) return s.text;
  return "";
}

std::vector<Token> tokenize(const Sources& sources, FileId file, Interner& names, Ast& ast, Diagnostics& diagnostics) {
  return Lexer(sources, file, names, ast, diagnostics).run();
}

}  // namespace dlc
