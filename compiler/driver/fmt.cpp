// `dlc fmt`: sources in the one style.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "driver/command.h"
#include "pipeline/files.h"
#include "syntax/format.h"

namespace dlc {
namespace {

struct Options {
  std::vector<std::string> files;
  bool check = false;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc fmt net2.dl                                 writes it anew if that changes anything, and prints its name\n"
    "  dlc fmt --check examples/*.dl                   exit status 1 if one would change\n"
    "  dlc fmt - <net2.dl                              to standard output\n"
    "Only white space changes. A file with a syntax error is reported and left as it is.";

int run(const Options& o, const Common& common) {
  int status = kDone;
  std::vector<std::string> changed;
  for (const std::string& path : o.files) {
    const auto c = new_compilation(common);  // one each: files have nothing to do with each other
    auto text = read_file(path);
    if (!text) {
      status = report(*c, text.error(), common);
      continue;
    }
    const FileId file = c->sources.add(path == "-" ? "stdin" : path, *text);
    const auto formatted = format_source(c->sources, file, c->module.strings, c->diagnostics);
    if (!formatted) {
      status = report(*c, {}, common);
      continue;
    }
    if (path == "-" && !o.check) print_out(*formatted);
    if (*formatted == *text) continue;
    if (!o.check && path != "-") {
      if (const auto error = write_file(path, *formatted)) {
        status = report(*c, *error, common);
        continue;
      }
    }
    changed.push_back(path);
  }
  const bool is_text_out = !o.check && std::find(o.files.begin(), o.files.end(), "-") != o.files.end();
  if (common.json && !is_text_out) {
    print_out(nlohmann::ordered_json{{"changed", changed}, {"files", o.files.size()}}.dump() + "\n");
  } else if (!is_text_out) {
    for (const std::string& path : changed) print_out(o.check ? fmt::format("{} would change\n", path) : path + "\n");
  }
  return o.check && !changed.empty() ? kFailed : status;
}

}  // namespace

void add_fmt(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("fmt", "Format sources");
  auto o = std::make_shared<Options>();
  command->add_option("FILE", o->files, "Sources, written in place; - is standard input, to standard output")->required();
  command->add_flag("--check", o->check, "Write nothing; exit status 1 if a file would change");
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return run(*o, common); }; });
}

}  // namespace dlc
