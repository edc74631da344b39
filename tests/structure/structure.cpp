// Reads the tree as text: includes with a regular expression, functions by counting braces outside of comments and
// literals. That is cruder than a parser and needs none; a file it misreads can say `Long because`.
#include "structure.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>

namespace {

namespace fs = std::filesystem;
using std::string;

constexpr size_t kMaxFileLines = 800, kMaxFunctionLines = 100, kMaxCMakeLines = 25, kMaxBackendFiles = 3;
constexpr const char* kReason = "Long because";  // how a long file (at its top) or function (just above) excuses itself

/// folder → the folders it may include directly; what those may include, it may too. "dlc.h" is the public header.
const std::map<string, std::set<string>> kArrows = {
    {"base", {}},
    {"dlc.h", {"runtime/abi.h"}},
    {"syntax", {"base"}},
    {"ir", {"base"}},
    {"ops", {"ir"}},
    {"interp", {"ops"}},
    {"sema", {"syntax", "ops", "prelude"}},
    {"ad", {"ops"}},
    {"symbolic", {"ops", "ad"}},
    {"passes", {"ops"}},
    {"prelude", {}},
    {"codegen", {"passes", "runtime/abi.h"}},
    {"report", {"symbolic"}},
    {"pipeline", {"sema", "interp", "ad", "symbolic", "passes", "prelude", "codegen", "report", "dlc.h", "runtime/data", "runtime/train", "runtime/random", "runtime/threads"}},
    {"driver", {"pipeline", "runtime/train"}},
    {"runtime/abi.h", {}},
    {"runtime/result.h", {}},
    {"runtime/random", {}},
    {"runtime/threads", {"runtime/abi.h"}},
    {"runtime/data", {"runtime/result.h", "runtime/random"}},
    {"runtime/train", {"runtime/data"}},
    {"examples", {"dlc.h", "runtime/abi.h"}},
};

struct Include {
  string name;
  size_t line = 0;
  bool quoted = false;
};

struct File {
  fs::path path;  // from the root
  string text;    // as written
  string code;    // of the same length, only_code(text)
  std::vector<Include> includes;
};

string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

size_t line_at(const string& text, size_t offset) {
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

/// Whether the quote at `i` separates digits, as in 1'000, and does not open a character, as in U'^'.
bool inside_number(const string& text, size_t i) {
  size_t begin = i;
  while (begin > 0 && (std::isalnum(static_cast<unsigned char>(text[begin - 1])) || text[begin - 1] == '\'')) --begin;
  return begin < i && std::isdigit(static_cast<unsigned char>(text[begin]));
}

/// Where the comment or literal that begins at `i` ends; `i` itself if none begins there.
size_t end_of_blank(const string& text, size_t i) {
  const auto behind = [&](const string& mark, size_t from) {
    const size_t at = text.find(mark, from);
    return at == string::npos ? text.size() : at + mark.size();
  };
  if (text.compare(i, 2, "//") == 0) return std::min(text.find('\n', i), text.size());
  if (text.compare(i, 2, "/*") == 0) return behind("*/", i + 2);
  if (text.compare(i, 2, "R\"") == 0) return behind(")" + text.substr(i + 2, text.find('(', i) - i - 2) + "\"", i);
  if (text[i] != '"' && (text[i] != '\'' || inside_number(text, i))) return i;
  size_t end = i + 1;
  while (end < text.size() && text[end] != text[i]) end += text[end] == '\\' ? 2 : 1;
  return std::min(end + 1, text.size());
}

/// The text with comments, literals and preprocessor lines blanked, so that braces and lines can be counted.
string only_code(const string& text) {
  string code = text;
  const auto blank = [&](size_t begin, size_t end) {
    for (size_t k = begin; k < end; ++k)
      if (code[k] != '\n') code[k] = ' ';
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t end = end_of_blank(text, i);
    blank(i, end);
    if (end > i) i = end - 1;
  }
  for (size_t i = 0; i < code.size(); ++i) {
    size_t end = code.find('\n', i);
    if (const size_t first = code.find_first_not_of(" \t", i); first < code.size() && code[first] == '#') {
      while (end != string::npos && code[end - 1] == '\\') end = code.find('\n', end + 1);
      blank(i, std::min(end, code.size()));
    }
    if (end == string::npos) break;
    i = end;
  }
  return code;
}

/// What stands in `code` between two places, with each run of spaces and newlines as one space.
string squeezed(const string& code, size_t begin, size_t end) {
  string out;
  for (size_t i = begin; i < end; ++i) {
    const bool space = std::isspace(static_cast<unsigned char>(code[i])) != 0;
    if (!space)
      out += code[i];
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  return out;
}

File load(const fs::path& root, const fs::path& path) {
  File f{.path = fs::relative(path, root), .text = read(path)};
  f.code = only_code(f.text);
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::istringstream lines(f.text);
  std::smatch m;
  size_t n = 0;
  for (string line; ++n, std::getline(lines, line);)
    if (std::regex_search(line, m, include)) f.includes.push_back({m[2], n, m[1] == "\""});
  return f;
}

std::vector<File> load_all(const fs::path& root) {
  static const std::set<string> extensions = {".h", ".cpp", ".c", ".cc", ".hpp", ".inc"};
  std::vector<File> files;
  for (const char* top : {"compiler", "runtime", "examples"}) {
    if (!fs::exists(root / top)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / top))
      if (entry.is_regular_file() && extensions.contains(entry.path().extension())) files.push_back(load(root, entry));
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

/// "compiler/codegen/cpu/jit.h" is of "codegen", "compiler/dlc.h" of "dlc.h", "runtime/data/csv.h" of "runtime/data".
string folder_of(const fs::path& path) {
  auto part = path.begin();
  if (*part == "compiler") return *++part;
  return *part == "runtime" ? *part / *std::next(part) : *part;
}

/// The file of ours, from the root, that an include of `from` means; empty for system and generated headers.
fs::path resolve(const fs::path& root, const fs::path& from, const Include& include) {
  for (const fs::path& base : {fs::path("compiler"), fs::path(), from.parent_path()})
    if (fs::is_regular_file(root / base / include.name)) return (base / include.name).lexically_normal();
  return {};
}

bool may_include(const string& from, const string& to) {
  if (from == to) return true;
  const auto arrows = kArrows.find(from);
  if (arrows == kArrows.end()) return false;
  return std::any_of(arrows->second.begin(), arrows->second.end(),
                     [&](const string& next) { return may_include(next, to); });
}

bool is_llvm(const string& include) { return include.starts_with("llvm/") || include.starts_with("llvm-c/"); }

/// The headers that cost seconds and hundreds of megabytes in each file that sees them. LLVM's IR and containers do
/// not.
bool is_llvm_backend(const string& include) {
  static const std::regex cheap("llvm/(IR|ADT|Support|TargetParser)/.*");
  return is_llvm(include) && !std::regex_match(include, cheap);
}

struct Checker {
  fs::path root;
  std::vector<File> files;
  std::vector<string> violations;

  void complain(const fs::path& path, size_t line, const string& what) {
    violations.push_back(path.generic_string() + ":" + std::to_string(line) + ": " + what);
  }

  void check_includes(const File& f) {
    const string from = folder_of(f.path);
    if (!kArrows.contains(from)) complain(f.path, 1, "`" + from + "` is not a folder of the layout");
    for (const Include& include : f.includes) {
      const fs::path target = resolve(root, f.path, include);
      if (!target.empty() && !may_include(from, folder_of(target)))
        complain(f.path, include.line, "`" + from + "` may not include `" + folder_of(target) + "`");
      if (is_llvm(include.name) && from != "codegen") complain(f.path, include.line, "LLVM is for codegen/ only");
      if (from == "runtime/abi.h" && include.name != "stdint.h")
        complain(f.path, include.line, "generated code's interface includes <stdint.h> only");
    }
  }

  /// Whether compiling `path` reads a backend header of LLVM, directly or through headers of ours.
  bool sees_backend(const fs::path& path, std::set<fs::path>& seen) const {
    const auto f = std::find_if(files.begin(), files.end(), [&](const File& g) { return g.path == path; });
    if (f == files.end() || !seen.insert(path).second) return false;
    return std::any_of(f->includes.begin(), f->includes.end(), [&](const Include& include) {
      return is_llvm_backend(include.name) || sees_backend(resolve(root, path, include), seen);
    });
  }

  void check_backend() {
    string names;
    size_t n = 0;
    for (const File& f : files) {
      std::set<fs::path> seen;
      if (f.path.extension() == ".h" || !sees_backend(f.path, seen)) continue;
      names += " " + f.path.generic_string();
      ++n;
    }
    if (n > kMaxBackendFiles) complain("compiler/codegen", 1, "too many files see LLVM's backend headers:" + names);
  }

  void check_file(const File& f) {
    static const std::regex vague("(utils?|common|misc|helpers?)(_.*)?");
    if (!f.text.starts_with("//") && !f.text.starts_with("/*"))
      complain(f.path, 1, "a file opens with a comment: what it is for");
    for (const fs::path& part : f.path)
      if (std::regex_match(part.stem().string(), vague)) complain(f.path, 1, "`" + part.string() + "` names no idea");
    const size_t n = line_at(f.text, f.text.size()) - 1;
    if (n > kMaxFileLines && f.text.substr(0, 4000).find(kReason) == string::npos)
      complain(f.path, n, std::to_string(n) + " lines, and no `" + kReason + "` in its opening comment");
  }

  /// Finds function bodies by their braces: what stands between the last `;`, `{` or `}` and a `{` outside of any
  /// function says whether that opens a scope (namespace, class), a function, or something else (a table).
  void check_functions(const File& f) {
    static const std::regex op(R"(operator ?[^\w\s(]+|alignas ?\([^)]*\))");
    static const std::regex scope(
        R"(^(template ?<.*> ?)?(inline )?(namespace|class|struct|union|enum|extern)\b[^)]*$)");
    struct Open {
      bool scope, function;
      size_t at;
    };
    std::vector<Open> open;
    size_t head_begin = 0;
    for (size_t i = 0; i < f.code.size(); ++i) {
      const char c = f.code[i];
      if (c == '{') {
        const string head = std::regex_replace(squeezed(f.code, head_begin, i), op, "");
        const bool in_scope = open.empty() || open.back().scope;
        const bool is_scope = in_scope && std::regex_search(head, scope);
        const bool is_function = in_scope && !is_scope && head.find('(') < std::min(head.find('='), head.size());
        open.push_back({is_scope, is_function, i});
      }
      if (c == '}' && !open.empty()) {
        const size_t first = line_at(f.code, open.back().at), last = line_at(f.code, i);
        if (open.back().function && last - first + 1 > kMaxFunctionLines) check_long_function(f, first, last);
        open.pop_back();
      }
      if (c == '{' || c == '}' || c == ';') head_begin = i + 1;
    }
  }

  void check_long_function(const File& f, size_t first, size_t last) {
    std::istringstream lines(f.text);
    size_t n = 0;
    for (string line; ++n, std::getline(lines, line) && n <= last;)
      if (n + 10 >= first && line.find(kReason) != string::npos) return;
    complain(f.path, first,
             "a function of " + std::to_string(last - first + 1) + " lines, and no `" + kReason + "` above it");
  }

  void check_cmake() {
    for (const char* top : {"compiler", "runtime"}) {
      if (!fs::exists(root / top)) continue;
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / top)) {
        if (entry.path().filename() != "CMakeLists.txt") continue;
        const string text = read(entry.path());
        const size_t n = line_at(text, text.size()) - 1;
        if (n > kMaxCMakeLines) complain(fs::relative(entry.path(), root), n, "more than 25 lines");
      }
    }
  }
};

}  // namespace

std::vector<string> structure_violations(const fs::path& root) {
  Checker checker{.root = root, .files = load_all(root)};
  for (const File& f : checker.files) {
    checker.check_includes(f);
    checker.check_file(f);
    checker.check_functions(f);
  }
  checker.check_backend();
  checker.check_cmake();
  return checker.violations;
}
