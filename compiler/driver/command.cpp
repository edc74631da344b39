// Loading sources and printing messages, for all subcommands.
#include "driver/command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "pipeline/files.h"

namespace dlc {

MessageFormat Common::format() const {
  if (message_format == "json") return MessageFormat::json;
  return message_format == "short" ? MessageFormat::short_line : MessageFormat::full;
}

void add_common(CLI::App& command, Common& common, const std::string& examples) {
  command.add_flag("--json", common.json, "Print the result as JSON");
  command.add_option("--message-format", common.message_format, "How errors are printed: full, short or json")->check(CLI::IsMember({"full", "short", "json"}));
  command.add_option("--real", common.real, "What `real` means: f32 or f64")->check(CLI::IsMember({"f32", "f64"}))->capture_default_str();
  command.add_option("-O", common.opt_level, "Optimise native code, -O0 to -O3")->check(CLI::Range(0, 3))->capture_default_str();
  command.footer(examples);
}

std::unique_ptr<Compilation> new_compilation(const Common& common) {
  CompilationOptions options;
  options.real = common.real == "f32" ? DType::f32 : DType::f64;
  return std::make_unique<Compilation>(options);
}

int load(Compilation& c, const std::string& path, const Common& common) {
  auto text = read_file(path);
  if (!text) return report(c, text.error(), common);
  const std::string name = path == "-" ? "stdin" : path;
  bool is_good;
  if (path.ends_with(".ir")) {
    const FileId file = c.sources.add(name, std::move(*text));
    is_good = parse_ir(c.sources, file, c.module, op_set(), c.diagnostics);
  } else {
    is_good = c.load(name, std::move(*text));
  }
  if (!is_good) return report(c, {}, common);
  report(c, {}, common, kDone);  // notes, which stop nothing; an error that follows is printed without them
  c.diagnostics.clear();
  return kDone;
}

int report(const Compilation& c, const Error& error, const Common& common, int status) {
  const bool color = common.format() == MessageFormat::full && ::isatty(STDERR_FILENO) != 0;
  std::string text = render_all(c.diagnostics, c.sources, common.format(), color);
  if (error.diagnostic) text += render_one(*error.diagnostic, c.sources, common.format(), color);
  else if (!error.message.empty()) text += render_plain(error.message, common.format());
  std::fwrite(text.data(), 1, text.size(), stderr);
  return status;
}

int wrong_usage(const std::string& message, const Common& common) {
  const std::string text = render_plain(message, common.format());
  std::fwrite(text.data(), 1, text.size(), stderr);
  return kWrongUsage;
}

void print_out(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

}  // namespace dlc
