// The golden runner: runs the `dlc` command on small files and compares what it prints with what they say it prints.
//
//   // RUN: compile %s --emit ir-after=simplify      the arguments of dlc (a line each, if several); %s is this file
//   fn f(x: real) = x * x
//   // EXIT: 1                                       the greatest exit status; left out when it is 0
//   // OUT:
//   // fn f(%0: f64) ...                             stdout, then stderr, each line behind `// `
//
// A RUN line goes through the shell; it begins with dlc unless it says where dlc is: `sed 1d %s | %dlc run -`. dlc gets a
// copy that ends above EXIT and OUT, in an empty folder and under the file's own name: an error at the end of a file is
// reported there, and messages name no folder. Value ids (%12) are renumbered in order of appearance, so renumbering
// elsewhere changes no file; not in fail_ files, whose messages quote the source.
//
//   golden DLC FOLDER…              runs every file of these folders that begins with `// RUN: `
//   golden DLC --update FOLDER…     rewrites their EXIT and OUT instead; the diff is reviewed like code
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using std::string;

struct Outcome {
  string text;
  int exit = 0;
  bool operator==(const Outcome&) const = default;
};

struct Case {
  fs::path path;
  string source;  // everything above the expectation
  Outcome expected;
};

string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const string& text) { std::ofstream(path, std::ios::binary) << text; }

std::vector<string> lines_of(const string& text) {
  std::vector<string> lines;
  std::istringstream in(text);
  for (string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

void replace_all(string& text, const string& from, const string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != string::npos; at += to.size()) text.replace(at, from.size(), to);
}

/// `%` and digits are an id, unless a letter, a digit or another `%` stands before: %7 %3 %7 becomes %0 %1 %0.
string renumber_ids(const string& text) {
  const auto is = [&](size_t i, int (*kind)(int)) {
    return i < text.size() && kind(static_cast<unsigned char>(text[i]));
  };
  string out;
  std::map<string, size_t> renumbered;
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] != '%' || !is(i + 1, std::isdigit) || (i > 0 && (is(i - 1, std::isalnum) || text[i - 1] == '%')))
      continue;
    size_t end = i + 1;
    while (is(end, std::isdigit)) ++end;
    out += std::to_string(renumbered.try_emplace(text.substr(i + 1, end - i - 1), renumbered.size()).first->second);
    i = end - 1;
  }
  return out;
}

Case parse_case(const fs::path& path) {
  Case c{.path = path};
  bool in_source = true, in_out = false;
  for (const string& line : lines_of(read(path))) {
    if (in_out) {
      c.expected.text += line.substr(std::min<size_t>(line.starts_with("// ") ? 3 : 2, line.size())) + "\n";
    } else if (line == "// OUT:") {
      in_out = true;
    } else if (line.starts_with("// EXIT: ")) {
      in_source = false;
      c.expected.exit = std::atoi(line.c_str() + 9);
    } else {
      if (!in_source) std::cout << path.string() << ": EXIT must stand directly above OUT\n", std::exit(2);
      c.source += line + "\n";
    }
  }
  return c;
}

/// The file's text with another expectation.
string print_case(const Case& c, const Outcome& outcome) {
  string text = c.source;
  if (outcome.exit != 0) text += "// EXIT: " + std::to_string(outcome.exit) + "\n";
  text += "// OUT:\n";
  for (const string& line : lines_of(outcome.text)) text += line.empty() ? "//\n" : "// " + line + "\n";
  return text;
}

/// Runs a shell command in `folder`. What does not end within two minutes is stopped: status 124.
Outcome shell(const fs::path& folder, const string& command) {
  const string base = folder.string();
  write(base + ".sh", "cd '" + base + "' && exec </dev/null >../stdout 2>../stderr && " + command + "\n");
  const int status = std::system(("timeout 120 sh '" + base + ".sh'").c_str());
  const fs::path parent = folder.parent_path();
  return {read(parent / "stdout") + read(parent / "stderr"), WIFEXITED(status) ? WEXITSTATUS(status) : 128};
}

Outcome run_case(const Case& c, const string& dlc, const fs::path& scratch) {
  const fs::path folder = scratch / c.path.stem();
  fs::create_directories(folder);
  write(folder / c.path.filename(), c.source);
  Outcome all;
  for (const string& line : lines_of(c.source)) {
    if (!line.starts_with("// RUN: ")) continue;
    string command = line.substr(8);
    if (command.find("%dlc") == string::npos) command = "%dlc " + command;
    replace_all(command, "%dlc", "'" + dlc + "'");
    replace_all(command, "%s", c.path.filename().string());
    const Outcome one = shell(folder, command);
    all.text += one.text;
    all.exit = std::max(all.exit, one.exit);
  }
  if (!all.text.empty() && all.text.back() != '\n') all.text += '\n';  // files end in a newline, outputs may not
  if (!c.path.filename().string().starts_with("fail_")) all.text = renumber_ids(all.text);  // messages quote the source
  return all;
}

void show_difference(const Case& c, const Outcome& outcome) {
  std::cout << "FAILED " << c.path.string() << "\n";
  const std::vector<string> want = lines_of(c.expected.text), got = lines_of(outcome.text);
  const auto [w, g] = std::mismatch(want.begin(), want.end(), got.begin(), got.end());
  std::cout << "  line " << w - want.begin() + 1 << " of the output differs (exit status " << outcome.exit
            << ", expected " << c.expected.exit << ")\n  expected: " << (w == want.end() ? "(nothing)" : *w)
            << "\n  printed:  " << (g == got.end() ? "(nothing)" : *g) << "\n  all of it:\n";
  for (const string& line : got) std::cout << "    " << line << "\n";
}

/// Runs or updates every case of `folder`; returns the number of failures.
int run_folder(const string& dlc, const fs::path& folder, bool update, const fs::path& scratch) {
  std::vector<fs::path> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && read(entry.path()).starts_with("// RUN: ")) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  int failed = 0;
  for (const fs::path& path : paths) {
    const Case c = parse_case(path);
    const Outcome outcome = run_case(c, dlc, scratch);
    if (outcome == c.expected) continue;
    if (update) {
      write(path, print_case(c, outcome));
      std::cout << "updated " << path.string() << "\n";
    } else {
      show_difference(c, outcome);
      ++failed;
    }
  }
  std::cout << folder.filename().string() << ": " << static_cast<int>(paths.size()) - failed << " passed, " << failed
            << " failed\n";
  return failed + paths.empty();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<string> args(argv + 1, argv + argc);
  if (args.size() < 2) return std::cout << "golden DLC [--update] FOLDER…\n", 2;
  const string dlc = fs::absolute(args[0]).string();
  const fs::path scratch = fs::temp_directory_path() / ("dlc-golden-" + std::to_string(getpid()));
  const bool update = args[1] == "--update";
  int failed = 0;
  for (size_t i = update ? 2 : 1; i < args.size(); ++i) failed += run_folder(dlc, args[i], update, scratch);
  fs::remove_all(scratch);
  return failed > 0;
}
