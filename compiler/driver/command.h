// What the subcommands share: the options that stand everywhere, loading a source, and saying what is wrong.
//
// A subcommand is one file with one function `add_NAME(CLI::App&, Common&)`: it declares its options and sets
// `common.action`, which main runs once the command line has been read and which returns the exit status.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "pipeline/compilation.h"
#include "pipeline/rendering.h"

namespace CLI {
class App;
}

namespace dlc {

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;  // exit statuses

struct Common {
  bool json = false;
  std::string message_format = "full";  // full, short, json
  std::string real = "f64";
  int opt_level = 2;
  std::function<int()> action;

  MessageFormat format() const;
};

/// Declares --json, --message-format, --real and -O, and the help's example.
void add_common(CLI::App& command, Common& common, const std::string& examples);

void add_run(CLI::App& app, Common& common);
void add_diff(CLI::App& app, Common& common);
void add_trace(CLI::App& app, Common& common);
void add_check(CLI::App& app, Common& common);
void add_compile(CLI::App& app, Common& common);
void add_train(CLI::App& app, Common& common);
void add_predict(CLI::App& app, Common& common);
void add_report(CLI::App& app, Common& common);
void add_explain(CLI::App& app, Common& common);
void add_fmt(CLI::App& app, Common& common);

/// A Compilation with the options of the command line.
std::unique_ptr<Compilation> new_compilation(const Common& common);
/// Reads and checks a file (.dl, or .ir for IR text; "-" is standard input). An exit status: kDone, or what was printed.
[[nodiscard]] int load(Compilation& c, const std::string& path, const Common& common);
/// Prints the diagnostics of `c` and, if it is not empty, `error`. Returns `status`.
int report(const Compilation& c, const Error& error, const Common& common, int status = kFailed);
int wrong_usage(const std::string& message, const Common& common);

/// To standard output, all of it.
void print_out(std::string_view text);

}  // namespace dlc
