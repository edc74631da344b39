#include "latex_check.h"

#include <set>
#include <vector>

namespace dlc::test {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

const std::set<std::string_view>& known_commands() {
  static const std::set<std::string_view> kKnown = {
      "frac",    "sqrt",         "cdot",  "odot",    "top",    "left",   "right", "begin", "end",    "text",
      "mathrm",  "operatorname", "infty", "partial", "sum",    "prod",   "max",   "min",   "le",     "ge",
      "ne",      "land",         "lor",   "lnot",    "ln",     "sin",    "cos",   "tan",   "arcsin", "arccos",
      "arctan",  "sinh",         "cosh",  "tanh",    "lfloor", "rfloor", "lceil", "rceil", "bmod",   "quad",
      "mathbin", "oplus",        "ll",    "gg",      "log",    "alpha",  "beta",  "gamma", "delta",  "epsilon",
      "theta",   "lambda",       "mu",    "sigma",   "Sigma",  "Gamma",  "Phi",   "psi",   "omega",  "pi"};
  return kKnown;
}

/// Reads one text from left to right with a stack of what is open.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::string fault() {
    while (fault_.empty() && at_ < text_.size()) step();
    if (fault_.empty() && !open_.empty()) fault_ = "`" + open_.back() + "` is not closed";
    return fault_;
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\\') return command();
    ++at_;
    if (c == '{')
      open_.push_back("{"), scripts_.push_back(""), scripts_.push_back("");
    else if (c == '}')
      close("{");
    else if (c == '^' || c == '_')
      script(c);
    else if (c == '$' || c == '#')
      fault_ = "an unfilled slot";
    else if (c != ' ' && c != '\n')
      scripts().clear();
  }

  std::string& scripts() {
    if (scripts_.empty()) scripts_.emplace_back();
    return scripts_.back();
  }

  void script(char c) {
    if (scripts().find(c) != std::string::npos) fault_ = "two scripts on one base";
    scripts() += c;
    if (at_ >= text_.size() || text_[at_] == '\\') return;
    if (text_[at_] != '{') {
      ++at_;  // one character is the whole script, and leaves its base open as a group does
      return;
    }
    // The group of a script leaves its base open for the other script.
    open_.push_back("{"), scripts_.push_back("script"), scripts_.push_back("");
    ++at_;
  }

  void close(std::string_view what) {
    if (open_.empty() || open_.back() != what) {
      fault_ = "closes what is not open";
      return;
    }
    open_.pop_back();
    if (what != "{") return;
    scripts_.pop_back();
    const bool was_script = scripts_.back() == "script";
    scripts_.pop_back();
    if (!was_script) scripts().clear();
  }

  std::string group() {
    const size_t end = text_.find('}', at_);
    if (at_ >= text_.size() || text_[at_] != '{' || end == std::string_view::npos)
      return fault_ = "a group is wanted", "";
    const std::string name(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return name;
  }

  void command() {
    const size_t begin = ++at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    scripts().clear();
    if (name.empty()) {
      ++at_;  // \, \\ \& \_
    } else if (!known_commands().contains(name)) {
      fault_ = "unknown command \\" + std::string(name);
    } else if (name == "begin") {
      open_.push_back(group());
    } else if (name == "end") {
      close(group());
    } else if (name == "left") {
      open_.push_back("left"), ++at_;
    } else if (name == "right") {
      close("left"), ++at_;
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<std::string> open_, scripts_;
  std::string fault_;
};

}  // namespace

std::string latex_fault(std::string_view text) { return Reader(text).fault(); }

}  // namespace dlc::test
