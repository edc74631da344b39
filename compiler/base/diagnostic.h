// What dlc says to its user about his program.
//
//   constexpr DiagnosticKind kErrors[] = {{"matmul-inner-size", "`@` contracts the last size …"}};
//   diagnostics.error(kErrors[0], span, fmt::format("inner sizes of `{}` differ: …", text))
//       .label(left_span, "f32[H, K], K = 10").label(right_span, "…").rule("…").help("write `W1: f32[H, D]`");
//
// A kind is a row (slug, explanation) of the table of the folder that emits it; `dlc explain SLUG` prints
// the explanation. Errors are collected, never thrown; one cause gives one error.
#pragma once
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/source.h"

namespace dlc {

enum class Severity : uint8_t { error, warning, note };

/// One row of a folder's table of messages.
struct DiagnosticKind {
  const char* slug;
  const char* explanation;  // a paragraph: what it means, why it is an error, a small example, the way out
  Severity severity = Severity::error;
};

/// `find_kind<kTable>("slug")` is resolved while compiling: a slug that has no row does not build.
template <const auto& Table>
consteval const DiagnosticKind& find_kind(std::string_view slug) {
  for (const DiagnosticKind& kind : Table)
    if (slug == kind.slug) return kind;
  throw "no such diagnostic in this folder's table";
}

struct Label {
  Span span;
  std::string text;
};

struct Diagnostic {
  const DiagnosticKind* kind = nullptr;
  std::string message;
  Span span;                   // the primary range
  std::string primary_label;   // text under the caret of the primary range; may be empty
  std::vector<Label> labels;   // every other range that contributed
  std::string rule_text, help_text;

  Diagnostic& here(std::string text) { return primary_label = std::move(text), *this; }
  Diagnostic& label(Span s, std::string text) { return labels.push_back({s, std::move(text)}), *this; }
  Diagnostic& rule(std::string text) { return rule_text = std::move(text), *this; }
  Diagnostic& help(std::string text) { return help_text = std::move(text), *this; }
};

/// Collects the diagnostics of one compilation. Past kMaxErrors further errors are counted, not kept.
class Diagnostics {
 public:
  static constexpr size_t kMaxErrors = 50;
  /// Adds one; the reference is good until the next call (for chaining labels).
  Diagnostic& error(const DiagnosticKind& kind, Span span, std::string message);
  bool has_errors() const { return n_errors_ > 0; }
  size_t n_errors() const { return n_errors_; }
  const std::deque<Diagnostic>& all() const { return list_; }
  void clear() { list_.clear(), n_errors_ = 0; }
  /// Appends everything `other` holds.
  void take(Diagnostics&& other);
  /// Puts those from number `from` on into the order of the text.
  void sort_by_place(size_t from = 0);

 private:
  std::deque<Diagnostic> list_;
  Diagnostic overflow_;  // where errors past the limit are written
  size_t n_errors_ = 0;
};

/// What the program's text explains although it shows only at run time, for a Result. The message begins with the place
/// if `sources` is given.
Error as_error(Diagnostic d, const Sources* sources = nullptr);

/// The form shown in docs/language.md: header, place, source lines with carets and labels, rule, help.
std::string render_text(const Diagnostic& d, const Sources& sources, bool color = false);
/// `file:line:column: error[slug]: message` on one line.
std::string render_short(const Diagnostic& d, const Sources& sources);
/// One JSON object: slug, severity, message, file, line, column, end_line, end_column, labels, rule, help.
std::string render_json(const Diagnostic& d, const Sources& sources);

/// The name among `candidates` nearest to `wrong` by edit distance, or empty when none is close.
std::string_view nearest_name(std::string_view wrong, std::span<const std::string_view> candidates);

}  // namespace dlc
