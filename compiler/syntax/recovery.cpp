// Tokens, messages, and finding the way again after an error; see grammar.h for the scheme.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "syntax/grammar.h"

namespace dlc {

using TK = TokenKind;

namespace {
bool is_opener(TK k) { return k == TK::left_paren || k == TK::left_square || k == TK::left_brace; }
bool is_closer(TK k) { return k == TK::right_paren || k == TK::right_square || k == TK::right_brace; }
/// The attribute tokens contain their `(`.
bool opens_paren(TK k) { return k == TK::at_max_iters || k == TK::at_checkpoint || k == TK::at_memory; }
TK closer_of(TK opener) {
  return opener == TK::left_square ? TK::right_square : opener == TK::left_brace ? TK::right_brace : TK::right_paren;
}
/// Words that begin a statement and can stand nowhere inside an expression.
bool begins_statement(TK k) {
  return k == TK::kw_let || k == TK::kw_var || k == TK::kw_for || k == TK::kw_while || k == TK::kw_return ||
         k == TK::kw_break;
}
}  // namespace

const Token& Parser::peek(size_t ahead) const { return tokens_[std::min(pos_ + ahead, tokens_.size() - 1)]; }
const Token& Parser::previous() const { return tokens_[pos_ > 0 ? pos_ - 1 : 0]; }

Token Parser::take() {
  const Token t = peek();
  if (pos_ + 1 < tokens_.size()) ++pos_;
  return t;
}

bool Parser::accept(TK kind) {
  if (panic_ || !at(kind)) return false;
  take();
  return true;
}

Span Parser::span_from(const Token& first) const {
  return {ast_.file, first.begin, std::max(first.begin, previous().end)};
}

std::string Parser::shown(const Token& t) const {
  if (t.kind == TK::end) return spelling(t.kind);
  const std::string_view text = sources_.text(span_of(t));
  const size_t line = std::min(text.find('\n'), text.size());
  return line > 40 ? fmt::format("`{}…`", text.substr(0, 40)) : fmt::format("`{}`", text.substr(0, line));
}

bool Parser::starts_operand(const Token& t) const {
  switch (t.kind) {
    case TK::name:
    case TK::number:
    case TK::bytes:
    case TK::string:
    case TK::left_paren:
    case TK::left_square:
    case TK::kw_true:
    case TK::kw_false:
    case TK::kw_if:
    case TK::kw_fn: return true;
    default: return false;
  }
}

Diagnostic& Parser::report(const DiagnosticKind& kind, Span span, std::string message) {
  if (panic_) return ignored_ = {};
  return diagnostics_.error(kind, span, std::move(message));
}

Diagnostic& Parser::fail(const DiagnosticKind& kind, std::string message) {
  const Token& t = peek();
  // A second complaint about the same token is the first one seen from a rule further out.
  // And what the lexer did not understand it has reported.
  // And a reserved word that was taken for a name will be used as one.
  if (std::exchange(last_failure_, pos_) == pos_ || t.kind == TK::unknown || misused_words_.contains(t.kind)) panic_ = true;
  // At the end of the file the place to look at is behind the last thing that was written.
  const int32_t last = previous().end;
  Diagnostic& d = report(kind, t.kind == TK::end ? Span{ast_.file, last, last} : span_of(t), std::move(message));
  panic_ = true;
  return d;
}

Diagnostic& Parser::expected(const DiagnosticKind& kind, const char* what) {
  return fail(kind, fmt::format("expected {}, found {}", what, shown(peek())));
}

bool Parser::expect(TK kind) {
  if (panic_) return false;
  if (accept(kind)) return true;
  if (kind != TK::left_brace || !unexpected_after_expression())
    expected(syntax_error("expected-token"), fmt::format("`{}`", spelling(kind)).c_str());
  return false;
}

bool Parser::unexpected_after_expression() {
  const Token& t = peek();
  if (t.kind == TK::assign) {
    fail(syntax_error("assignment-in-expression"), "`=` cannot stand in an expression").help("to compare, write `==`");
    return true;
  }
  if (opens_paren(t.kind)) {
    const std::string_view word = sources_.text(span_of(t));
    fail(syntax_error("expected-token"), fmt::format("`{}…)` stands between a loop's header and its `{{`", word))
        .help(fmt::format("a matrix product with a function of this name takes a space: `@ {}…)`", word.substr(1)));
    return true;
  }
  if (!starts_operand(t) || t.starts_line) return false;
  const Token& before = previous();
  Diagnostic& d = fail(syntax_error("juxtaposed-operands"),
                       fmt::format("nothing stands between {} and {}", shown(before), shown(t)));
  d.label(span_of(before), "one expression ends here").here("another begins here");
  d.help(open_.empty() || tokens_[open_.back()].kind == TK::left_brace
             ? "write an operator between them, or begin a new line"
             : "write an operator or `,` between them");
  return true;
}

Name Parser::expect_name(const char* what) {
  if (panic_) return {};
  const Token t = peek();
  if (accept(TK::name)) return {t.text(), span_of(t)};
  if (t.kind >= TK::kw_let && t.kind <= TK::kw_false) {
    report(syntax_error("reserved-name"), span_of(t),
           fmt::format("{} is a reserved word, it cannot be {}", shown(t), what));
    misused_words_.insert(t.kind);
    // Most likely it was meant as the name; if a statement begins here, it was not.
    if (t.starts_line && (begins_statement(t.kind) || t.kind == TK::kw_fn || t.kind == TK::kw_if))
      panic_ = true;
    else
      take();
    return {names_.intern(sources_.text(span_of(t))), span_of(t)};
  }
  expected(syntax_error("expected-name"), what);
  return {};
}

void Parser::open() {
  open_.push_back(pos_);
  take();
}

void Parser::close(TK closer) {
  const Token opener = tokens_[open_.back()];
  open_.pop_back();
  if (accept(closer)) return;
  if (!panic_) {
    const Token& t = peek();
    const bool cut_off = t.kind == TK::end || is_closer(t.kind) || (t.starts_line && begins_statement(t.kind)) ||
                         (t.kind == TK::kw_fn && peek(1).kind == TK::name);
    if (cut_off) {
      fail(syntax_error("unclosed-bracket"), fmt::format("expected `{}`, found {}", spelling(closer), shown(t)))
          .label(span_of(opener), "opened here");
    } else if (!unexpected_after_expression()) {
      const bool list = opener.kind != TK::left_brace && !opens_paren(opener.kind);
      Diagnostic& d = fail(syntax_error("expected-token"),
                           fmt::format("expected {}`{}`, found {}", list ? "`,` or " : "", spelling(closer), shown(t)));
      if (t.kind == TK::colon && closer == TK::right_square) d.help("a slice is written `1..3`, a whole axis `:`");
    }
  }
  recover_to(closer);
}

void Parser::recover_to(TK closer) {
  std::vector<TK> inner;  // brackets opened while skipping
  int braces = 0;
  while (!at(TK::end)) {
    const TK kind = peek().kind;
    if (inner.empty() && kind == closer) {
      take();
      panic_ = false;
      return;
    }
    const bool function = kind == TK::kw_fn && peek(1).kind == TK::name;
    if (braces == 0 && peek().starts_line && (begins_statement(kind) || function || at_declaration_in_column_one()))
      return;
    if (is_closer(kind)) {
      if (inner.empty()) {
        // A closer of another kind: it belongs to an outer bracket if one waits for it, else it was meant for ours.
        const bool outer =
            std::any_of(open_.begin(), open_.end(), [&](size_t p) { return closer_of(tokens_[p].kind) == kind; });
        if (!outer) take();
        panic_ = outer && kind == TK::right_brace;
        return;
      }
      if (inner.back() == TK::left_brace) --braces;
      inner.pop_back();
    }
    if (is_opener(kind) || opens_paren(kind)) inner.push_back(kind), braces += kind == TK::left_brace ? 1 : 0;
    take();
  }
}

/// After an error in the head of a loop, an `if` or a function: the body, if its `{` is on this line, is still good.
void Parser::recover_to_body() {
  if (!panic_) return;
  for (size_t p = pos_; p < tokens_.size() && tokens_[p].kind != TK::end; ++p) {
    if (p > pos_ && tokens_[p].starts_line) return;
    if (is_closer(tokens_[p].kind) && tokens_[p].kind == TK::right_brace) return;
    if (tokens_[p].kind != TK::left_brace) continue;
    pos_ = p;
    panic_ = false;
    return;
  }
}

/// From an opening bracket to behind its partner, whatever stands between.
void Parser::skip_balanced() {
  int64_t depth = 0;
  do {
    depth += is_opener(peek().kind) ? 1 : is_closer(peek().kind) ? -1 : 0;
    take();
  } while (depth > 0 && !at(TK::end));
  panic_ = depth > 0;
}

bool Parser::too_deep() {
  if (depth_ < kMaxNesting) return false;
  if (!told_too_deep_ && !panic_)
    fail(syntax_error("too-deeply-nested"), fmt::format("more than {} levels of nesting", kMaxNesting))
        .help("name a part of it with `let`");
  told_too_deep_ = panic_ = true;
  if (is_opener(peek().kind)) skip_balanced();
  return true;
}

/// Past the token at `start`, if the item that began there took none, so that there is always progress.
void Parser::skip_from(size_t start) {
  if (pos_ != start || at(TK::right_brace)) return;
  if (is_opener(peek().kind))
    skip_balanced();
  else
    take();
}

void Parser::sync_statement(size_t start) {
  if (!panic_) return;
  skip_from(start);
  const auto at_statement_word = [&] { return begins_statement(peek().kind) && !misused_words_.contains(peek().kind); };
  while (!at(TK::end) && !at(TK::right_brace) && !at(TK::semicolon) && !at_statement_word()) {
    if (peek().starts_line && (starts_operand(peek()) || at_declaration_in_column_one())) break;
    if (is_opener(peek().kind))
      skip_balanced();
    else
      take();
  }
  panic_ = false;
}

void Parser::sync_item(size_t start) {
  if (!panic_) return;
  skip_from(start);
  while (!at(TK::end) && !at(TK::right_brace)) {
    if (peek().starts_line && (at(TK::name) || at(TK::kw_fn))) break;
    if (is_opener(peek().kind))
      skip_balanced();
    else
      take();
  }
  panic_ = false;
}

void Parser::sync_declaration() {
  if (!panic_) return;
  int64_t depth = 0;
  for (; !at(TK::end); take()) {
    if (peek().starts_line && at_declaration_word() && (in_column_one() || (depth <= 0 && starts_declaration()))) break;
    depth += is_opener(peek().kind) ? 1 : is_closer(peek().kind) && depth > 0 ? -1 : 0;
  }
  panic_ = false;
}

bool Parser::starts_declaration() const { return peek(1).kind == TK::name && at_declaration_word(); }

bool Parser::at_declaration_word() const {
  if (at(TK::kw_fn)) return true;
  if (!at(TK::name)) return false;
  const std::array words{const_, struct_, model_, train_, export_, derivative_};
  return std::find(words.begin(), words.end(), peek().text()) != words.end();
}

/// `model M` at the left margin inside a block: a `}` is missing further up. (`fn` may be a function of the block.)
bool Parser::at_declaration_in_column_one() const {
  const Token& t = peek();
  return t.starts_line && t.kind == TK::name && starts_declaration() && in_column_one();
}

bool Parser::in_column_one() const {
  const Token& t = peek();
  return t.begin == 0 || sources_[ast_.file].text[static_cast<size_t>(t.begin) - 1] == '\n';
}

}  // namespace dlc
