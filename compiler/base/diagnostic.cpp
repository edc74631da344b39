// Collecting diagnostics and showing them. The drawing works on lines of cells: every code point of a source line
// becomes a cell with a display column, marks become ranges of display columns, and labels hang below them.
#include "base/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace dlc {

Diagnostic& Diagnostics::error(const DiagnosticKind& kind, Span span, std::string message) {
  const bool is_error = kind.severity == Severity::error;
  n_errors_ += is_error ? 1 : 0;
  const bool keep = is_error ? n_errors_ <= kMaxErrors : list_.size() < 4 * kMaxErrors;
  Diagnostic& d = keep ? list_.emplace_back() : (overflow_ = {});
  d.kind = &kind;
  d.span = span;
  d.message = std::move(message);
  return d;
}

void Diagnostics::take(Diagnostics&& other) {
  for (Diagnostic& d : other.list_) list_.push_back(std::move(d));
  n_errors_ += other.n_errors_;
  other.clear();
}

void Diagnostics::sort_by_place(size_t from) {
  if (from >= list_.size()) return;
  std::stable_sort(list_.begin() + static_cast<std::ptrdiff_t>(from), list_.end(),
                   [](const Diagnostic& a, const Diagnostic& b) {
                     return a.span.file != b.span.file ? a.span.file < b.span.file : a.span.begin < b.span.begin;
                   });
}

namespace {

constexpr int kMaxDisplay = 160;  // longer source lines are shown around their first mark

const char* word(Severity s) { return s == Severity::error ? "error" : s == Severity::warning ? "warning" : "note"; }

struct Mark {
  int begin = 0, end = 0;  // display columns, from 0, end > begin
  char32_t glyph = '^';
  std::string text;
};

/// One source line as it is displayed: tabs as spaces, unprintable characters as U+FFFD.
struct DisplayLine {
  std::string text;
  std::vector<int> column_of_byte;  // one per byte of the source line, and one for its end
};

DisplayLine display(std::string_view line) {
  DisplayLine out;
  int column = 0;
  for (size_t at = 0; at < line.size();) {
    const CodePoint c = decode_utf8(line, at);
    for (int k = 0; k < c.size; ++k) out.column_of_byte.push_back(column);
    const bool control =
        c.value < 0x20 || (c.value >= 0x7F && c.value < 0xA0) || (c.value >= 0x202A && c.value <= 0x202E);
    if (c.value == '\t') {
      out.text += "    ", column += 4;
    } else if (!c.valid || control) {
      out.text += "\uFFFD", column += 1;
    } else {
      out.text += line.substr(at, static_cast<size_t>(c.size)), column += display_width(c.value);
    }
    at += static_cast<size_t>(c.size);
  }
  out.column_of_byte.push_back(column);
  return out;
}

/// Cuts a long line to a window around its first mark and moves the marks with it.
void crop(DisplayLine& line, std::vector<Mark>& marks) {
  const int total = line.column_of_byte.back();
  if (total <= kMaxDisplay) return;
  int first = total;
  for (const Mark& m : marks) first = std::min(first, m.begin);
  const int from = std::max(0, first - kMaxDisplay / 3), to = from + kMaxDisplay;
  std::string kept = from > 0 ? "…" : "";
  int column = 0, start = -1;
  for (size_t at = 0; at < line.text.size();) {
    const CodePoint c = decode_utf8(line.text, at);
    if (column >= from && column < to) {
      if (start < 0) start = column;
      kept += line.text.substr(at, static_cast<size_t>(c.size));
    }
    column += display_width(c.value);
    at += static_cast<size_t>(c.size);
  }
  line.text = kept + (column > to ? "…" : "");
  const int shift = (from > 0 ? 1 : 0) - std::max(start, 0);
  std::erase_if(marks, [&](const Mark& m) { return m.begin >= to; });
  for (Mark& m : marks) m.begin += shift, m.end = std::min(m.end, to) + shift;
}

/// A row of single-width characters that can be written at any column.
class Row {
 public:
  void put(int column, char32_t c) {
    if (static_cast<int>(cells_.size()) <= column) cells_.resize(static_cast<size_t>(column) + 1, U' ');
    cells_[static_cast<size_t>(column)] = c;
  }
  /// The row up to `column`, padded, then `text`.
  std::string with_text(int column, std::string_view text) const {
    std::string out = str();
    if (column > static_cast<int>(out.size())) out.append(static_cast<size_t>(column) - out.size(), ' ');
    return out += text;
  }
  std::string str() const { return std::string(cells_.begin(), cells_.end()); }
  int width() const { return static_cast<int>(cells_.size()); }

 private:
  std::u32string cells_;  // only ASCII is ever put
};

/// The rows below a source line: the marks, the rightmost label beside them, the others hanging from `|`.
std::vector<std::string> draw_marks(std::vector<Mark> marks) {
  std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.begin < b.begin; });
  Row underline;
  for (const Mark& m : marks)
    for (int c = m.begin; c < m.end; ++c) underline.put(c, m.glyph);
  for (const Mark& m : marks)  // `^` wins where marks overlap
    if (m.glyph == '^')
      for (int c = m.begin; c < m.end; ++c) underline.put(c, '^');
  std::vector<Mark> texts;
  for (const Mark& m : marks)
    if (!m.text.empty()) texts.push_back(m);
  if (texts.empty()) return {underline.str()};
  std::vector<std::string> rows;
  // A label may stand beside the marks only if nothing is marked to the right of its own mark.
  const bool beside = texts.back().end >= underline.width();
  rows.push_back(beside ? underline.with_text(underline.width() + 1, texts.back().text) : underline.str());
  if (beside) texts.pop_back();
  for (size_t left = texts.size(); left > 0; --left) {
    Row connectors;
    for (size_t k = 0; k < left; ++k) connectors.put(texts[k].begin, '|');
    if (left == texts.size()) rows.push_back(connectors.str());
    Row others;
    for (size_t k = 0; k + 1 < left; ++k)
      if (texts[k].begin < texts[left - 1].begin) others.put(texts[k].begin, '|');
    rows.push_back(others.with_text(texts[left - 1].begin, texts[left - 1].text));
  }
  return rows;
}

/// A range to draw, before its line is laid out.
struct Range {
  Span span;
  char32_t glyph;
  std::string text;
};

bool inside(Span inner, Span outer) {
  return inner.file == outer.file && inner.begin >= outer.begin && inner.end <= outer.end;
}

/// The primary range and the labels as ranges. A primary range without a text of its own that contains labels is
/// not drawn: its labels, which then get the `^`, say it better.
std::vector<Range> collect_ranges(const Diagnostic& d) {
  std::vector<Range> ranges;
  bool primary_drawn = true;
  for (const Label& l : d.labels)
    if (d.primary_label.empty() && inside(l.span, d.span)) primary_drawn = false;
  if (primary_drawn) ranges.push_back({d.span, '^', d.primary_label});
  for (const Label& l : d.labels)
    if (l.span) ranges.push_back({l.span, !primary_drawn && inside(l.span, d.span) ? U'^' : U'-', l.text});
  return ranges;
}

Mark mark_on_line(const Range& range, const SourceFile& file, int line, const DisplayLine& shown) {
  const int32_t start = file.line_starts[static_cast<size_t>(line) - 1];
  const auto column = [&](int32_t offset) {
    const int32_t last = static_cast<int32_t>(shown.column_of_byte.size()) - 1;
    return shown.column_of_byte[static_cast<size_t>(std::clamp(offset - start, 0, last))];
  };
  Mark m{column(range.span.begin), column(range.span.end), range.glyph, range.text};
  m.end = std::max(m.end, m.begin + 1);  // a range of several lines is marked to the end of its first
  return m;
}

class TextRenderer {
 public:
  TextRenderer(const Diagnostic& d, const Sources& sources, bool color) : d_(d), sources_(sources), color_(color) {}

  std::string render() {
    header();
    std::vector<Range> ranges = d_.span ? collect_ranges(d_) : std::vector<Range>{};
    int last_line = d_.span ? line_of(d_.span) : 0;
    for (const Range& r : ranges) last_line = std::max(last_line, line_of(r.span));
    gutter_ = static_cast<int>(std::to_string(last_line).size());
    if (d_.span) {
      std::map<int32_t, std::vector<Range>> by_file;
      for (Range& r : ranges) by_file[r.span.file.i].push_back(std::move(r));
      snippet("-->", d_.span, by_file[d_.span.file.i]);
      for (auto& [file, others] : by_file)
        if (file != d_.span.file.i) snippet(":::", others.front().span, others);
    }
    note("rule", d_.rule_text);
    note("help", d_.help_text);
    return std::move(out_);
  }

 private:
  int line_of(Span s) const { return sources_.line_column(s.file, s.begin).line; }
  std::string paint(std::string_view code, std::string text) const {
    return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }
  const char* severity_color() const {
    return d_.kind->severity == Severity::error ? "1;31" : d_.kind->severity == Severity::warning ? "1;33" : "1;36";
  }
  std::string gutter(std::string_view content) const { return paint("34", fmt::format(" {:>{}} |", content, gutter_)); }
  void header() {
    const std::string head = fmt::format("{}[{}]", word(d_.kind->severity), d_.kind->slug);
    out_ += paint(severity_color(), head) + paint("1", ": " + d_.message) + "\n";
  }
  void note(std::string_view what, const std::string& text) {
    if (text.empty()) return;
    const std::string pad(static_cast<size_t>(gutter_) + 2, ' ');
    std::string shown = text;
    for (size_t at = 0; (at = shown.find('\n', at)) != std::string::npos;) shown.insert(++at, pad + "        ");
    out_ += fmt::format("{}= {}: {}\n", pad, what, shown);
  }
  /// One file's part: place, then each line that has marks, with `...` where lines are left out.
  void snippet(std::string_view arrow, Span place, const std::vector<Range>& ranges) {
    const std::string pad(static_cast<size_t>(gutter_) + 1, ' ');
    out_ += pad + paint("34", std::string(arrow)) + " " + sources_.place(place) + "\n" + gutter("") + "\n";
    std::map<int, std::vector<Range>> by_line;
    for (const Range& r : ranges) by_line[line_of(r.span)].push_back(r);
    int previous = 0;
    for (const auto& [line, on_line] : by_line) {
      if (previous != 0 && line == previous + 2) source_line(place.file, line - 1, {});
      if (previous != 0 && line > previous + 2) out_ += " ...\n";
      source_line(place.file, line, on_line);
      previous = line;
    }
  }
  void source_line(FileId file, int line, const std::vector<Range>& ranges) {
    DisplayLine shown = display(sources_.line_text(file, line));
    std::vector<Mark> marks;
    for (const Range& r : ranges) marks.push_back(mark_on_line(r, sources_[file], line, shown));
    crop(shown, marks);
    out_ += gutter(std::to_string(line)) + (shown.text.empty() ? "" : " " + shown.text) + "\n";
    if (marks.empty()) return;
    for (const std::string& row : draw_marks(std::move(marks)))
      out_ += gutter("") + " " + paint(severity_color(), row) + "\n";
  }

  const Diagnostic& d_;
  const Sources& sources_;
  const bool color_;
  int gutter_ = 1;
  std::string out_;
};

nlohmann::json json_place(Span span, const Sources& sources) {
  if (!span) return nlohmann::json::object();
  const LineColumn begin = sources.line_column(span.file, span.begin), end = sources.line_column(span.file, span.end);
  return {{"file", sources[span.file].name},
          {"line", begin.line},
          {"column", begin.column},
          {"end_line", end.line},
          {"end_column", end.column}};
}

}  // namespace

Error as_error(Diagnostic d, const Sources* sources) {
  const std::string place = sources && d.span ? sources->place(d.span) + ": " : "";
  return {place + d.message, std::make_shared<const Diagnostic>(std::move(d))};
}

std::string render_text(const Diagnostic& d, const Sources& sources, bool color) {
  return TextRenderer(d, sources, color).render();
}

std::string render_short(const Diagnostic& d, const Sources& sources) {
  const std::string place = d.span ? sources.place(d.span) + ": " : "";
  return fmt::format("{}{}[{}]: {}", place, word(d.kind->severity), d.kind->slug, d.message);
}

std::string render_json(const Diagnostic& d, const Sources& sources) {
  nlohmann::json out = json_place(d.span, sources);
  out["slug"] = d.kind->slug;
  out["severity"] = word(d.kind->severity);
  out["message"] = d.message;
  if (!d.primary_label.empty()) out["label"] = d.primary_label;
  out["labels"] = nlohmann::json::array();
  for (const Label& l : d.labels) {
    nlohmann::json label = json_place(l.span, sources);
    label["text"] = l.text;
    out["labels"].push_back(std::move(label));
  }
  if (!d.rule_text.empty()) out["rule"] = d.rule_text;
  if (!d.help_text.empty()) out["help"] = d.help_text;
  // Messages quote the user's file, which may hold bytes that are not UTF-8.
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

namespace {
/// Edit distance with transpositions, on bytes; stops counting above `limit`.
size_t edit_distance(std::string_view a, std::string_view b, size_t limit) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > limit) return limit + 1;
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last), std::swap(last, row);
  }
  return last[b.size()];
}
}  // namespace

std::string_view nearest_name(std::string_view wrong, std::span<const std::string_view> candidates) {
  if (wrong.empty() || wrong.size() > 100) return {};
  // A third of the name may be wrong; a name of one or two letters is near to everything, so only its case may be.
  size_t best = wrong.size() < 3 ? 0 : (wrong.size() + 2) / 3;
  std::string_view found;
  const auto lower = [](std::string_view s) {
    std::string out(s);
    for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return out;
  };
  const std::string wrong_lower = lower(wrong);
  for (const std::string_view c : candidates) {
    if (c == wrong) continue;
    const size_t distance = edit_distance(wrong_lower, lower(c), best);
    if (distance < best || (distance == best && found.empty())) best = distance, found = c;
  }
  return found;
}

}  // namespace dlc
