// `dlc report`: one HTML page about the functions of a file.
#include "pipeline/report.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

#include "driver/point.h"
#include "pipeline/files.h"

namespace dlc {
namespace {

struct Options {
  std::string file, args_file, out = "report.html";
  std::vector<std::string> functions, at;
  ReportOptions report;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc report examples/slides.dl f --at x1=0.5,x2=1 -o /dev/null\n"
    "  dlc report examples/net2_functions.dl --samples 10 -o /dev/null\n"
    "The page needs no network and no script. Without --at, points are sampled as by `dlc check`.";

/// The point of one function: what is given, or nothing (it is sampled) for a function of a whole file that takes others.
int point_of(const Compilation& c, FuncId f, const Options& o, const Arguments& given, const Common& common, Args& args) {
  if (o.at.empty() && o.args_file.empty()) return kDone;
  auto bound = given.bind(c.module, c.module[f]);
  if (bound) args = std::move(*bound);
  else if (!o.functions.empty() || bound.error().diagnostic) return report(c, bound.error(), common, bound.error().diagnostic ? kFailed : kWrongUsage);
  return kDone;
}

int run(const Options& o, const Common& common) {
  Arguments given;
  if (const int status = read_arguments(given, o.at, false, o.file, o.args_file, common)) return status;
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  std::vector<FuncId> functions;
  if (const int status = find_functions(*c, o.functions, common, functions)) return status;
  if (o.functions.empty())
    for (const ModelInfo& model : c->models.models)
      for (const ModelFunction& f : model.functions) functions.push_back(f.func);
  if (functions.empty()) return report(*c, Error{fmt::format("there is no function in `{}` to report on", o.file)}, common);
  ReportOptions options = o.report;
  options.opt_level = common.opt_level;
  std::vector<FunctionReport> reports;
  for (FuncId f : functions) {
    Args args;
    if (const int status = point_of(*c, f, o, given, common, args)) return status;
    auto one = report_function(*c, f, args, options);
    if (!one) return report(*c, one.error(), common);
    reports.push_back(std::move(*one));
  }
  const std::string name = o.file == "-" ? "standard input" : o.file;
  if (const auto error = write_file(o.out, report_html(*c, name, reports))) return report(*c, *error, common);
  if (o.out == "-") return kDone;
  if (common.json) {
    nlohmann::ordered_json all = {{"page", o.out}, {"functions", nlohmann::ordered_json::array()}};
    for (const FunctionReport& r : reports) all["functions"].push_back(report_json(r));
    print_out(all.dump() + "\n");
  } else {
    print_out(fmt::format("wrote {}: {} function{}\n", o.out, reports.size(), reports.size() == 1 ? "" : "s"));
  }
  return kDone;
}

}  // namespace

void add_report(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("report", "Write an HTML page: modes side by side, closed forms, graph, traces");
  auto o = std::make_shared<Options>();
  command->add_option("FILE", o->file, "Source; - is standard input")->required();
  command->add_option("FN", o->functions, "Functions; all of the file if left out");
  command->add_option("-o", o->out, "The page; - is standard output")->capture_default_str();
  command->add_option("--at", o->at, "Arguments, x1=1.5,x2=0.5, of every function named; sampled if left out")->expected(1)->take_all();
  command->add_option("--args", o->args_file, "A JSON file with an object of arguments; - is standard input");
  command->add_option("--seed", o->report.seed, "Of sampled points, 0 or more")->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  command->add_option("--samples", o->report.n_samples, "Points for the comparison with 200 bits")->check(CLI::Range(1, 100000))->capture_default_str();
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return run(*o, common); }; });
}

}  // namespace dlc
