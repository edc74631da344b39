// The `dlc` command. Each subcommand is a file of this folder; results go to standard output, messages to standard
// error; exit status 0 done; 1 the program, a file or a value is wrong, or a check failed; 2 the command line is wrong.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "driver/command.h"

namespace {

constexpr const char* kVersion = "dlc 0.1.0";

int run(int argc, char** argv) {
  CLI::App app("dlc compiles differentiable programs: values, derivatives in four modes, machine code.", "dlc");
  dlc::Common common;
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  app.footer("Example:\n  dlc diff examples/slides.dl f --at x1=0.5,x2=1\n"
             "`dlc COMMAND --help` shows an example of each command.\n\n"
             "Exit status: 0 done; 1 the program, a file or an argument's value is wrong, or a check failed; 2 the command line is wrong\n"
             "(an option, a value that is missing, the name of a function, parameter, size, pass or processor).");
  dlc::add_run(app, common);
  dlc::add_diff(app, common);
  dlc::add_trace(app, common);
  dlc::add_check(app, common);
  dlc::add_compile(app, common);
  dlc::add_train(app, common);
  dlc::add_predict(app, common);
  dlc::add_report(app, common);
  dlc::add_explain(app, common);
  dlc::add_fmt(app, common);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::fprintf(stderr, "error: %s\nRun with --help for the options and an example.\n", e.what());
    return dlc::kWrongUsage;
  }
  return common.action ? common.action() : dlc::kWrongUsage;
}

}  // namespace

int main(int argc, char** argv) {
  int status;
  try {
    status = run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("error: there is not enough memory\n", stderr);
    status = dlc::kFailed;
  }
  // A result that could not be written (a full disk, a closed pipe) is a failure.
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    std::fprintf(stderr, "error: the result could not be written to standard output: %s\n", std::strerror(errno));
    if (status == dlc::kDone) status = dlc::kFailed;
  }
  // Nothing is left to do but to give back memory, which the system does faster.
  std::fflush(stderr);
  std::_Exit(status);
}
