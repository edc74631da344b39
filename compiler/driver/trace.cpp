// `dlc trace`: the table of values with their tangents or adjoints.
#include "pipeline/trace.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "driver/point.h"
#include "pipeline/requests.h"

namespace dlc {
namespace {

struct Options {
  std::string file, function, args_file, mode = "forward";
  std::optional<std::string> wrt;
  std::vector<std::string> at, sizes;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc trace examples/slides.dl f --at x1=0.5,x2=1 --mode forward --wrt x1\n"
    "  dlc trace examples/slides.dl f --at x1=0.5,x2=1 --mode reverse\n"
    "Functions of the same parameters may be traced together: f,g.";

int run(const Options& o, const Common& common) {
  GivenPoint given;
  if (const int status = read_point(given, o.at, false, o.sizes, o.file, o.args_file, common)) return status;
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  Point point;
  if (const int status = find_point(*c, o.function, given, common, point)) return status;
  std::vector<int> wrt;
  if (const int status = find_parameters(*c, point.functions[0], o.wrt, common, wrt)) return status;
  const auto result = trace(*c, point.functions, o.mode == "reverse" ? Mode::reverse : Mode::forward, wrt, point.args, point.sizes);
  if (!result) return report(*c, result.error(), common);
  print_out(common.json ? trace_json(*result).dump() + "\n" : trace_text(*result));
  return kDone;
}

}  // namespace

void add_trace(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("trace", "Show every value with its tangent or adjoint");
  auto o = std::make_shared<Options>();
  command->add_option("FILE", o->file, "Source; - is standard input")->required();
  command->add_option("FN", o->function, "Function or export; several of the same parameters as f,g")->required();
  command->add_option("--at", o->at, "Arguments, x1=1.5,x2=0.5; arrays as JSON, or @file.npy, @file.csv, @file.json")->expected(1)->take_all();
  command->add_option("--args", o->args_file, "A JSON file with an object of arguments; - is standard input");
  command->add_option("--size", o->sizes, "Sizes that no argument tells, n=100,d=3")->expected(1)->allow_extra_args(false)->take_all();
  command->add_option("--wrt", o->wrt, "Parameters to differentiate with respect to, x1,x2; all float ones if left out");
  command->add_option("--mode", o->mode, "forward or reverse")->check(CLI::IsMember({"forward", "reverse"}))->capture_default_str();
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return run(*o, common); }; });
}

}  // namespace dlc
