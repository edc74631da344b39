// A recursive reader of LaTeX that writes MathML as it goes. Nesting is bounded: deeper than kDeepest the LaTeX itself is
// shown.
#include "report/mathml.h"

#include <fmt/format.h>

#include <algorithm>


#include "base/utf8.h"
#include "report/html.h"

namespace dlc {
namespace {

constexpr int kDeepest = 100;

/// A command that is one element. `tag` is mi for names, mo for operators.
struct Symbol {
  std::string_view name, text;
  const char* tag = "mo";
  bool takes_limits = false;  // _ goes below
};
constexpr Symbol kSymbols[] = {
    {"cdot", "⋅"}, {"odot", "⊙"}, {"top", "⊤", "mi"}, {"infty", "∞", "mi"}, {"partial", "∂", "mi"}, {"le", "≤"},
    {"ge", "≥"}, {"ne", "≠"}, {"land", "∧"}, {"lor", "∨"}, {"lnot", "¬"}, {"oplus", "⊕"}, {"ll", "≪"}, {"gg", "≫"},
    {"lfloor", "⌊"}, {"rfloor", "⌋"}, {"lceil", "⌈"}, {"rceil", "⌉"}, {"bmod", "mod"}, {"sum", "∑", "mo", true},
    {"prod", "∏", "mo", true}, {"max", "max", "mi", true}, {"min", "min", "mi", true}, {"ln", "ln", "mi"},
    {"log", "log", "mi"}, {"sin", "sin", "mi"}, {"cos", "cos", "mi"}, {"tan", "tan", "mi"}, {"sinh", "sinh", "mi"},
    {"cosh", "cosh", "mi"}, {"tanh", "tanh", "mi"}, {"arcsin", "arcsin", "mi"}, {"arccos", "arccos", "mi"},
    {"arctan", "arctan", "mi"}, {"alpha", "α", "mi"}, {"beta", "β", "mi"}, {"gamma", "γ", "mi"}, {"delta", "δ", "mi"},
    {"epsilon", "ϵ", "mi"}, {"zeta", "ζ", "mi"}, {"eta", "η", "mi"}, {"theta", "θ", "mi"}, {"iota", "ι", "mi"},
    {"kappa", "κ", "mi"}, {"lambda", "λ", "mi"}, {"mu", "μ", "mi"}, {"nu", "ν", "mi"}, {"xi", "ξ", "mi"},
    {"pi", "π", "mi"}, {"rho", "ρ", "mi"}, {"sigma", "σ", "mi"}, {"tau", "τ", "mi"}, {"upsilon", "υ", "mi"},
    {"phi", "φ", "mi"}, {"chi", "χ", "mi"}, {"psi", "ψ", "mi"}, {"omega", "ω", "mi"}, {"Gamma", "Γ", "mi"},
    {"Delta", "Δ", "mi"}, {"Theta", "Θ", "mi"}, {"Lambda", "Λ", "mi"}, {"Xi", "Ξ", "mi"}, {"Pi", "Π", "mi"},
    {"Sigma", "Σ", "mi"}, {"Upsilon", "Υ", "mi"}, {"Phi", "Φ", "mi"}, {"Psi", "Ψ", "mi"}, {"Omega", "Ω", "mi"},
    {"_", "_"}, {"&", "&amp;"}, {"{", "{"}, {"}", "}"}, {"%", "%"}, {"#", "#"}, {"$", "$"}};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::string all() {
    std::string out;
    while (at_ < text_.size()) {
      out += list();
      if (at_ < text_.size()) ++at_;  // a brace or a column that nothing opened
    }
    return out;
  }
  const std::string& unknown() const { return unknown_; }

 private:
  struct Element {
    std::string html;
    bool takes_limits = false;
  };

  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool skip(std::string_view what) { return starts(what) ? at_ += what.size(), true : false; }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  /// Elements up to what ends a list: }, &, \\, \end, \right, the end.
  std::string list() {
    std::string out;
    for (skip_spaces(); at_ < text_.size() && !at_end_of_list(); skip_spaces()) out += with_scripts(element());
    return out;
  }
  bool at_end_of_list() const {
    return text_[at_] == '}' || text_[at_] == '&' || starts("\\\\") || starts("\\end{") || starts("\\right");
  }

  static std::string row(const std::string& elements) { return "<mrow>" + elements + "</mrow>"; }

  std::string with_scripts(Element base) {
    std::string sub, super;
    for (skip_spaces(); at_ < text_.size() && (text_[at_] == '_' || text_[at_] == '^'); skip_spaces()) {
      std::string& script = text_[at_] == '_' ? sub : super;
      ++at_;
      script += argument();
    }
    if (sub.empty() && super.empty()) return base.html;
    const char* const tags[2][3] = {{"msub", "msup", "msubsup"}, {"munder", "mover", "munderover"}};
    const char* tag = tags[base.takes_limits][super.empty() ? 0 : sub.empty() ? 1 : 2];
    return fmt::format("<{}>{}{}{}</{}>", tag, base.html, sub, super, tag);
  }

  /// What follows a script or stands in a command's braces, as one element.
  std::string argument() {
    skip_spaces();
    if (at_ >= text_.size()) return row("");
    if (text_[at_] != '{') return element().html;
    return group();
  }
  std::string group() {
    ++at_;
    if (++depth_ > kDeepest) {
      const std::string rest = "<mtext>" + escaped(text_.substr(at_)) + "</mtext>";
      at_ = text_.size();
      --depth_;
      return rest;
    }
    std::string inner = list();
    while (at_ < text_.size() && !skip("}")) ++at_, inner += list();
    --depth_;
    return row(inner);
  }
  /// The letters between braces.
  std::string_view name() {
    if (!skip("{")) return {};
    const size_t end = std::min(text_.find('}', at_), text_.size());
    const std::string_view found = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    return found;
  }

  Element element() {
    const char c = text_[at_];
    if (c == '\\') return command();
    if (c == '{') return {group()};
    if (is_digit(c)) {
      const size_t begin = at_;
      while (at_ < text_.size() && (is_digit(text_[at_]) || (text_[at_] == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])))) ++at_;
      return {fmt::format("<mn>{}</mn>", text_.substr(begin, at_ - begin))};
    }
    const auto size = static_cast<size_t>(decode_utf8(text_, at_).size);
    const std::string_view letter = text_.substr(at_, size);
    at_ += size;
    if (is_letter(c) || static_cast<unsigned char>(c) >= 0x80) return {"<mi>" + escaped(letter) + "</mi>"};
    if (c == '-') return {"<mo>−</mo>"};
    // Parentheses of one line do not grow; those that shall are written \left(.
    const bool is_fence = c == '(' || c == ')' || c == '[' || c == ']' || c == '|';
    return {fmt::format("<mo{}>{}</mo>", is_fence ? " stretchy=\"false\"" : "", escaped(letter))};
  }

  Element command() {
    const size_t begin = ++at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    if (at_ == begin && at_ < text_.size()) ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == ",") return {"<mspace width=\"0.17em\"/>"};
    if (word == "quad") return {"<mspace width=\"1em\"/>"};
    if (word == "frac") {
      const std::string above = argument();
      return {"<mfrac>" + above + argument() + "</mfrac>"};
    }
    if (word == "sqrt") return {root()};
    if (word == "text") return {"<mtext>" + spaced(name()) + "</mtext>"};
    if (word == "mathrm" || word == "operatorname") return {"<mi mathvariant=\"normal\">" + escaped(name()) + "</mi>"};
    if (word == "mathbin") return {"<mo>" + operator_name(name()) + "</mo>"};
    if (word == "left") return {fenced()};
    if (word == "begin") return {environment()};
    for (const Symbol& s : kSymbols)
      if (s.name == word) return {fmt::format("<{}{}>{}</{}>", s.tag, is_floor(word) ? " stretchy=\"false\"" : "", s.text, s.tag), s.takes_limits};
    if (unknown_.empty()) unknown_ = "\\" + std::string(word);
    return {"<mtext>" + escaped("\\" + std::string(word)) + "</mtext>"};
  }

  static bool is_floor(std::string_view word) { return word.ends_with("floor") || word.ends_with("ceil"); }
  /// Spaces at the ends of <mtext> would collapse.
  static std::string spaced(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == ' ' ? "\u00a0" : std::string(1, c);
    return escaped(out);
  }
  static std::string operator_name(std::string_view text) { return escaped(text.starts_with('\\') ? text.substr(1) : text); }

  std::string root() {
    if (!skip("[")) return "<msqrt>" + argument() + "</msqrt>";
    const size_t end = std::min(text_.find(']', at_), text_.size());
    const std::string degree = Reader(text_.substr(at_, end - at_)).all();
    at_ = std::min(end + 1, text_.size());
    return "<mroot>" + argument() + row(degree) + "</mroot>";
  }

  std::string delimiter() {
    skip_spaces();
    if (at_ >= text_.size()) return {};
    skip("\\");
    const char c = text_[at_++];
    return c == '.' ? std::string() : fmt::format("<mo fence=\"true\" stretchy=\"true\">{}</mo>", escaped(std::string_view(&c, 1)));
  }
  std::string fenced() {
    if (++depth_ > kDeepest) return --depth_, std::string();
    std::string inner = delimiter();
    inner += list();
    while (at_ < text_.size() && !skip("\\right")) ++at_, inner += list();
    --depth_;
    inner += delimiter();
    return row(inner);
  }

  /// cases and aligned: rows of cells.
  std::string environment() {
    const std::string_view kind = name();
    if (++depth_ > kDeepest) return --depth_, std::string();
    std::string rows, cells;
    while (at_ < text_.size()) {
      cells += "<mtd style=\"text-align:left\">" + list() + "</mtd>";
      if (at_ < text_.size() && text_[at_] == '&') {
        ++at_;
        continue;
      }
      rows += "<mtr>" + cells + "</mtr>";
      cells.clear();
      if (skip("\\\\")) continue;
      if (skip("\\end")) name();
      break;
    }
    --depth_;
    const std::string table = "<mtable>" + rows + "</mtable>";
    return kind == "cases" ? row("<mo fence=\"true\" stretchy=\"true\">{</mo>" + table) : table;
  }

  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
  std::string unknown_;
};

}  // namespace

std::string mathml(std::string_view latex) { return Reader(latex).all(); }

std::string unknown_command(std::string_view latex) {
  Reader reader(latex);
  reader.all();
  return reader.unknown();
}

std::string mathml_display(const std::vector<Equation>& equations) {
  std::string out = "<div class=\"formula\"><math display=\"block\"><mtable class=\"lines\" displaystyle=\"true\">\n";
  for (const Equation& e : equations)
    out += "<mtr><mtd>" + mathml(e.left) + "</mtd><mtd><mo>=</mo></mtd><mtd>" + mathml(e.right) + "</mtd></mtr>\n";
  return out + "</mtable></math></div>\n";
}

}  // namespace dlc
