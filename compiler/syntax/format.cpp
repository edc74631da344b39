// Formatting works on tokens and comments in the order of the text; the tree only says what cannot be seen from them: where
// a statement, item or entry begins, and which `-` has one operand. Four steps, each over all pieces:
//
//   1. space_out     line breaks as written, spaces by the kinds of the two neighbours
//   2. align         more spaces before what stands in a column with neighbouring lines
//   3. indent        each line by the brackets that are open where it begins
//   4. hang_comments comments behind code, in one column with those of neighbouring lines
#include "syntax/format.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "syntax/parser.h"
#include "syntax/token.h"

namespace dlc {
namespace {

using TK = TokenKind;

constexpr int kIndent = 2;
constexpr int kFurthestComment = 80;  // columns of code

/// A token or a comment.
struct Piece {
  TK kind = TK::end;
  std::string_view text;
  int32_t begin = 0, end = 0;
  bool touches = false;
  bool is_comment = false;
  int newlines = 0;  // before it: 0, 1, or 2 for a blank line
  int spaces = 0;    // before it, if it begins no line

  bool is_line_comment() const { return is_comment && text.starts_with("//"); }
};

bool opens(TK k) {
  return k == TK::left_paren || k == TK::left_square || k == TK::left_brace || k == TK::at_max_iters || k == TK::at_checkpoint ||
         k == TK::at_memory;
}
bool closes(TK k) { return k == TK::right_paren || k == TK::right_square || k == TK::right_brace; }

int width(std::string_view text) { return static_cast<int>(count_code_points(text)); }

/// What of neighbouring lines stands in a column.
enum class Column : uint8_t { none, param, constant, exported, field };

/// What the tree knows about the places of tokens, by their offset.
struct Landmarks {
  explicit Landmarks(const Ast& ast) {
    for (const Decl& d : ast.decls) add(ast, d);
    for (const Stmt& s : ast.stmts) {
      starts.insert(s.span.begin);
      if (s.kind == StmtKind::if_) add_branches(ast, s.value);
      if (s.kind == StmtKind::fn) add_body(ast, ast[s.fn].body);
      if (s.kind == StmtKind::for_ || s.kind == StmtKind::while_) add_body(ast, s.body);
    }
    for (const Expr& e : ast.exprs) {
      if (e.kind == ExprKind::block && e.a) starts.insert(ast[e.a].span.begin), add_branches(ast, e.a);
      if (e.kind == ExprKind::unary && e.op == SyntaxOp::neg) negations.insert(e.mark.begin);
    }
  }

  std::set<int32_t> starts;             // statements, values of blocks, declarations, items, entries, fields
  std::set<int32_t> bodies;             // `{` of functions and loops: what is in them is indented from where those begin
  std::set<int32_t> branches;           // where the blocks of an `if` end that begins a statement
  std::set<int32_t> negations;          // `-` with one operand
  std::set<int32_t> fields;             // of structs, of `data` and other entries: two spaces apart on a line
  std::map<int32_t, size_t> entries;    // words of train entries, to the number of their declaration
  std::map<int32_t, Column> columns;    // what begins a line that has a column

 private:
  void add(const Ast& ast, const Decl& d) {
    starts.insert(d.span.begin);
    if (d.kind == DeclKind::const_) columns[d.span.begin] = Column::constant;
    if (d.kind == DeclKind::export_) columns[d.span.begin] = Column::exported;
    for (const Param& p : ast[d.fields]) add_field(p.name.span.begin);
    if (d.fn) add_body(ast, ast[d.fn].body);
    for (const ModelItem& item : ast[d.items]) {
      starts.insert(item.span.begin);
      if (item.fn) add_body(ast, ast[item.fn].body);
      if (item.kind == ItemKind::param || item.kind == ItemKind::state) columns[item.span.begin] = Column::param;
    }
    for (const TrainEntry& e : ast[d.entries]) {
      starts.insert(e.word.begin);
      entries[e.word.begin] = static_cast<size_t>(&d - ast.decls.data());
      if (e.kind == EntryKind::metrics) continue;
      for (const Arg& a : ast[e.args]) {
        add_field(a.span.begin);
        if (e.kind == EntryKind::data) columns[a.span.begin] = Column::field;
      }
    }
  }
  void add_branches(const Ast& ast, ExprId id) {
    for (; id && ast[id].kind == ExprKind::if_; id = ast[id].c) branches.insert(ast[ast[id].b].span.end);
  }
  void add_body(const Ast& ast, ExprId body) {
    if (body && ast[body].kind == ExprKind::block) bodies.insert(ast[body].span.begin);
  }
  void add_field(int32_t begin) { starts.insert(begin), fields.insert(begin); }
};

class Formatter {
 public:
  Formatter(std::string_view text, const Ast& ast, const std::vector<Token>& tokens) : text_(text), marks_(ast) {
    collect(ast, tokens);
  }

  std::string run() {
    space_out();
    break_blocks();
    align();
    indent();
    return hang_comments();
  }

 private:
  struct Line {
    size_t first = 0, last = 0;  // pieces, `last` is one past
  };
  struct Written {
    std::string code, comment;  // a comment behind code
    int newlines = 0;
  };

  void collect(const Ast& ast, const std::vector<Token>& tokens) {
    size_t c = 0;
    const auto add_comments = [&](int32_t before) {
      for (; c < ast.comments.size() && ast.comments[c].span.begin < before; ++c) {
        const Span s = ast.comments[c].span;
        std::string_view text = text_.substr(static_cast<size_t>(s.begin), static_cast<size_t>(s.end - s.begin));
        while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r')) text.remove_suffix(1);
        pieces_.push_back({.text = text, .begin = s.begin, .end = s.end, .is_comment = true});
      }
    };
    for (const Token& t : tokens) {
      add_comments(t.kind == TK::end ? static_cast<int32_t>(text_.size()) + 1 : t.begin);
      if (t.kind == TK::end) break;
      const auto text = text_.substr(static_cast<size_t>(t.begin), static_cast<size_t>(t.end - t.begin));
      pieces_.push_back({.kind = t.kind, .text = text, .begin = t.begin, .end = t.end, .touches = t.touches});
    }
  }

  // ---- 1. spaces

  void space_out() {
    for (size_t k = 1; k < pieces_.size(); ++k) {
      const Piece& before = pieces_[k - 1];
      Piece& p = pieces_[k];
      const auto between = text_.substr(static_cast<size_t>(before.end), static_cast<size_t>(p.begin - before.end));
      const auto n = std::count(between.begin(), between.end(), '\n');
      p.newlines = before.kind == TK::left_brace || p.kind == TK::right_brace ? std::min<int>(static_cast<int>(n), 1) : std::min<int>(static_cast<int>(n), 2);
      if (before.is_line_comment() && p.newlines == 0) p.newlines = 1;
      const bool is_parameters = k > 1 && p.kind == TK::left_paren && before.kind == TK::name && pieces_[k - 2].kind == TK::kw_fn;
      p.spaces = is_parameters ? 0 : spaces(before, p);
    }
  }

  int spaces(const Piece& a, const Piece& b) const {
    if (a.is_comment || b.is_comment) return 1;
    if (a.kind == TK::left_brace && b.kind == TK::right_brace) return 0;
    if (a.kind == TK::left_brace || b.kind == TK::right_brace) return 1;
    if (marks_.entries.contains(b.begin)) return 3;
    if (marks_.fields.contains(b.begin) && a.kind != TK::comma) return marks_.entries.contains(a.begin) ? 1 : 2;
    if (a.kind == TK::comma || a.kind == TK::semicolon) return 1;
    if (a.kind == TK::colon) return b.kind == TK::comma || b.kind == TK::right_square ? 0 : 1;
    const bool a_binds = (opens(a.kind) && a.kind != TK::left_brace) || a.kind == TK::dot || a.kind == TK::dot_dot ||
                         a.kind == TK::caret || marks_.negations.contains(a.begin);
    const bool b_binds = b.kind == TK::right_paren || b.kind == TK::right_square || b.kind == TK::comma || b.kind == TK::semicolon ||
                         b.kind == TK::dot || b.kind == TK::dot_dot || b.kind == TK::caret || b.kind == TK::colon;
    if (a_binds || b_binds) return 0;
    // A bracket that touches is a call or an index, one that does not is neither: `step (k)`.
    const bool is_bracket = b.kind == TK::left_paren || b.kind == TK::left_square;
    const bool ends_operand = a.kind == TK::name || a.kind == TK::right_paren || a.kind == TK::right_square;
    return is_bracket && (a.kind == TK::kw_fn || (ends_operand && b.touches)) ? 0 : 1;
  }

  /// A block with a line break of its own gets one at both ends.
  void break_blocks() {
    struct Open {
      size_t at = 0;
      bool breaks = false;
    };
    std::vector<Open> open{{}};
    for (size_t k = 0; k < pieces_.size(); ++k) {
      if (pieces_[k].newlines > 0) open.back().breaks = true;
      if (opens(pieces_[k].kind)) open.push_back({k, false});
      if (!closes(pieces_[k].kind) || open.size() == 1) continue;
      const Open block = open.back();
      open.pop_back();
      if (!block.breaks || pieces_[block.at].kind != TK::left_brace) continue;
      Piece& first = pieces_[block.at + 1];
      if (!first.is_comment) first.newlines = 1;
      pieces_[k].newlines = 1;
      open.back().breaks = open.back().breaks || (open.size() > 1 && pieces_[open.back().at].kind == TK::left_brace);
    }
  }

  // ---- 2. columns

  std::vector<Line> lines() const {
    std::vector<Line> all;
    for (size_t k = 0; k < pieces_.size(); ++k) {
      if (k == 0 || pieces_[k].newlines > 0) all.push_back({k, k});
      all.back().last = k + 1;
    }
    return all;
  }

  /// The width of a line's pieces before `at`.
  int width_before(const Line& line, size_t at) const {
    int w = 0;
    for (size_t k = line.first; k < at; ++k) w += (k == line.first ? 0 : pieces_[k].spaces) + width(pieces_[k].text);
    return w;
  }

  void align() {
    const std::vector<Line> all = lines();
    align_entries(all);
    for (size_t k = 0; k < all.size();) {
      const auto [column, at] = column_of(all[k]);
      size_t end = k + 1;
      if (at == 0) {
        k = end;
        continue;
      }
      int most = width_before(all[k], at);
      std::vector<size_t> marks{at};
      for (; end < all.size() && pieces_[all[end].first].newlines == 1; ++end) {
        const auto [other, there] = column_of(all[end]);
        if (other != column || there == 0) break;
        most = std::max(most, width_before(all[end], there));
        marks.push_back(there);
      }
      for (size_t n = k; n < end; ++n) pieces_[marks[n - k]].spaces = 1 + most - width_before(all[n], marks[n - k]);
      k = end;
    }
  }

  /// The kind of column in a line and its `=` or `~`; 0 when it has none.
  std::pair<Column, size_t> column_of(const Line& line) const {
    const auto it = marks_.columns.find(pieces_[line.first].begin);
    if (it == marks_.columns.end() || pieces_[line.first].is_comment) return {Column::none, 0};
    int depth = 0;
    for (size_t k = line.first; k < line.last; ++k) {
      depth += opens(pieces_[k].kind) - closes(pieces_[k].kind);
      if (depth == 0 && (pieces_[k].kind == TK::assign || pieces_[k].kind == TK::tilde)) return {it->second, k};
    }
    return {Column::none, 0};
  }

  /// What the entries of a train block say begins in one column; so does the second entry of a line.
  void align_entries(const std::vector<Line>& all) {
    std::map<size_t, int> columns;  // by declaration
    const auto entry = [&](size_t k) { return pieces_[k].is_comment ? marks_.entries.end() : marks_.entries.find(pieces_[k].begin); };
    for (const Line& line : all)
      if (const auto it = entry(line.first); it != marks_.entries.end())
        columns[it->second] = std::max(columns[it->second], width(pieces_[line.first].text) + 2);
    for (const Line& line : all) {
      const auto it = entry(line.first);
      if (it == marks_.entries.end()) continue;
      const int column = columns[it->second];
      size_t second = line.first + 1;
      while (second < line.last && entry(second) == marks_.entries.end()) ++second;
      if (second < line.last) pieces_[second].spaces = std::max(2, column - width_before(line, second));
      else if (line.first + 1 < line.last) pieces_[line.first + 1].spaces = column - width(pieces_[line.first].text);
    }
  }

  // ---- 3. indentation

  /// A bracket that is open. `line` is the indentation of the line at hand as far as it began inside this bracket.
  struct Frame {
    bool is_block = true;
    bool is_hanging = false;  // nothing follows the bracket on its line
    int base = 0, line = 0, outer = 0;
  };

  /// The indentation of a line that begins with piece k.
  int indentation(size_t k, Frame& frame) const {
    size_t next = k;
    while (next < pieces_.size() && pieces_[next].is_comment) ++next;
    const bool is_comment = next != k;
    const bool is_closer = next == pieces_.size() || closes(pieces_[next].kind);
    if (is_closer && !is_comment) return frame.is_block || frame.is_hanging ? frame.outer : frame.base;
    if (!frame.is_block) return frame.line = frame.base;
    const bool is_start = is_closer || pieces_[next].kind == TK::semicolon || marks_.starts.contains(pieces_[next].begin) || (next > 0 && pieces_[next - 1].kind == TK::left_brace) ||
                          (pieces_[next].kind == TK::kw_else && ends_branch(next));
    const int indent = is_start ? frame.base : frame.base + kIndent;
    if (!is_comment) frame.line = indent;
    return indent;
  }

  bool ends_branch(size_t k) const {
    while (k > 0 && pieces_[k - 1].is_comment) --k;
    return k > 0 && marks_.branches.contains(pieces_[k - 1].end);
  }

  void indent() {
    std::vector<Frame> frames{{}};
    int column = 0;
    for (size_t k = 0; k < pieces_.size(); ++k) {
      const Piece& p = pieces_[k];
      if (k == 0 || p.newlines > 0) {
        column = indentation(k, frames.back());
        written_.push_back({std::string(static_cast<size_t>(column), ' '), "", p.newlines});
      } else if (p.is_line_comment()) {
        written_.back().comment = p.text;
        continue;
      } else {
        written_.back().code.append(static_cast<size_t>(p.spaces), ' ');
        column += p.spaces;
      }
      written_.back().code += p.text;
      const size_t newline = p.text.rfind('\n');
      column = newline == std::string_view::npos ? column + width(p.text) : width(p.text.substr(newline + 1));
      if (opens(p.kind)) {
        const bool is_body = frames.back().is_block && marks_.bodies.contains(p.begin);
        const int outer = is_body ? frames.back().base : frames.back().line;
        if (p.kind == TK::left_brace) {
          frames.push_back({true, false, outer + kIndent, outer + kIndent, outer});
        } else {
          const bool hangs = k + 1 < pieces_.size() && (pieces_[k + 1].newlines > 0 || pieces_[k + 1].is_line_comment());
          frames.push_back({false, hangs, hangs ? outer + kIndent : column, outer, outer});
        }
      } else if (closes(p.kind) && frames.size() > 1) {
        frames.pop_back();
      }
    }
  }

  // ---- 4. comments

  std::string hang_comments() {
    std::string out;
    for (size_t k = 0; k < written_.size();) {
      size_t end = k + 1;
      // A line that is longer than this has its comment right behind it, and does not move the others'.
      const auto reach = [&](size_t n) { return last_width(written_[n].code) <= kFurthestComment ? last_width(written_[n].code) : 0; };
      int column = reach(k);
      if (!written_[k].comment.empty())
        for (; end < written_.size() && !written_[end].comment.empty() && written_[end].newlines == 1; ++end) column = std::max(column, reach(end));
      for (; k < end; ++k) {
        const Written& w = written_[k];
        if (w.newlines == 2) out += '\n';
        out += w.code;
        if (!w.comment.empty()) out.append(static_cast<size_t>(std::max(column - last_width(w.code), 0) + 2), ' ').append(w.comment);
        out += '\n';
      }
    }
    return out;
  }
  static int last_width(std::string_view code) { return width(code.substr(code.rfind('\n') + 1)); }

  std::string_view text_;
  Landmarks marks_;
  std::vector<Piece> pieces_;
  std::vector<Written> written_;
};

/// The texts of all comments, without the white space at their ends.
std::vector<std::string_view> comments_of(const Ast& ast, const Sources& sources) {
  std::vector<std::string_view> all;
  for (const Comment& c : ast.comments) {
    std::string_view text = sources.text(c.span);
    while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r')) text.remove_suffix(1);
    all.push_back(text);
  }
  return all;
}

}  // namespace

std::optional<std::string> format_source(Sources& sources, FileId file, Interner& names, Diagnostics& diagnostics) {
  const size_t n_before = diagnostics.n_errors();
  const Ast ast = parse(sources, file, names, diagnostics);
  if (diagnostics.n_errors() > n_before) return std::nullopt;
  Ast unused;  // tokenizing writes numbers and comments, which `ast` has already
  Diagnostics none;
  const std::vector<Token> tokens = tokenize(sources, file, names, unused, none);
  std::string text = Formatter(sources[file].text, ast, tokens).run();
  const FileId copy = sources.add(sources[file].name, text);
  const Ast again = parse(sources, copy, names, none);
  DLC_CHECK(!none.has_errors() && print_ast(again, names) == print_ast(ast, names) && comments_of(again, sources) == comments_of(ast, sources),
            "a formatted text is the same program");
  return text;
}

}  // namespace dlc
