// `dlc check`: all modes against each other and against 200-bit arithmetic.
#include "pipeline/check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "driver/point.h"

namespace dlc {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> functions;
  CheckOptions check;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc check examples/slides.dl\n"
    "  dlc check examples/net2_functions.dl loss objective --order 2 --seed 7\n"
    "Differences are in ulp of Σ|terms|; up to 8 is rounding. Exit status 1 if a check fails.";

/// The losses of the models, and what each is differentiated by: the model's parameters, for the rest are data.
void add_losses(const Compilation& c, std::vector<FuncId>& functions) {
  for (const ModelInfo& model : c.models.models)
    for (const ModelFunction& f : model.functions)
      if (f.is_loss) functions.push_back(f.func);
}
std::vector<int> wrt_of(const Compilation& c, FuncId f) {
  for (const ModelInfo& model : c.models.models)
    for (const ModelFunction& loss : model.functions)
      if (loss.is_loss && loss.func == f && model.params_type) return {0};
  return {};
}

/// On a terminal, a line that says what takes the time once a function has taken two seconds; it is gone when the result comes.
class Watcher {
 public:
  void operator()(const std::string& what) {
    if (!is_terminal_ || std::chrono::steady_clock::now() - start_ < std::chrono::seconds(2)) return;
    fmt::print(stderr, "\r\033[K{}", what);
    std::fflush(stderr);
    is_drawn_ = true;
  }
  void finish() {
    if (is_drawn_) fmt::print(stderr, "\r\033[K");
    is_drawn_ = false, start_ = std::chrono::steady_clock::now();
  }

 private:
  const bool is_terminal_ = isatty(STDERR_FILENO) != 0;
  bool is_drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

int run(const Options& o, const Common& common) {
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  std::vector<FuncId> functions;
  if (const int status = find_functions(*c, o.functions, common, functions)) return status;
  if (o.functions.empty()) add_losses(*c, functions);
  CheckOptions options = o.check;
  options.opt_level = common.opt_level;
  Watcher watcher;
  options.progress = [&](const std::string& what) { watcher(what); };
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  Diagnostics failures;
  for (FuncId f : functions) {
    options.wrt = wrt_of(*c, f);
    const auto result = check_function(*c, f, options);
    watcher.finish();
    if (!result && !c->diagnostics.has_errors()) return report(*c, result.error(), common);
    if (!result) {  // one function's error is no reason to keep quiet about the others
      failures.take(std::move(c->diagnostics));
      c->diagnostics.clear();
      continue;
    }
    if (common.json) all.push_back(check_json(*result, c->sources));
    else print_out(check_text(*result, c->sources));
    if (result->failed()) report_failure(*result, failures);
  }
  if (common.json) print_out(all.dump() + "\n");
  if (!failures.has_errors()) return kDone;
  c->diagnostics.take(std::move(failures));
  return report(*c, {}, common);
}

}  // namespace

void add_check(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("check", "Compare all modes with each other and with 200-bit arithmetic");
  auto o = std::make_shared<Options>();
  command->add_option("FILE", o->file, "Source; - is standard input")->required();
  command->add_option("FN", o->functions, "Functions; if left out all of the file, and the losses of its models by their parameters");
  command->add_option("--order", o->check.order, "1, or 2 for second derivatives too")->check(CLI::Range(1, 2));
  command->add_option("--seed", o->check.seed, "Of the sampled points, 0 or more")->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  command->add_option("--samples", o->check.n_samples, "Points for each function")->check(CLI::Range(1, 100000))->capture_default_str();
  command->add_option("--seconds", o->check.seconds, "For each function; its first sample is compared whatever time that takes")->check(CLI::Range(0.0, 1e6))->capture_default_str();
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return run(*o, common); }; });
}

}  // namespace dlc
