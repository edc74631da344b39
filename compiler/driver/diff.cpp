// `dlc diff`: derivatives at a point.
#include "pipeline/diff.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "driver/point.h"
#include "pipeline/requests.h"
#include "pipeline/values.h"

namespace dlc {
namespace {

struct Options {
  std::string file, function, args_file, mode = "reverse";
  std::optional<std::string> wrt;
  std::vector<std::string> at, sizes;
  int order = 1;
  bool latex = false, interpret = false;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc diff examples/slides.dl f --at x1=1.5,x2=0.5\n"
    "  dlc diff examples/slides.dl f --wrt x1 --at x1=1.5,x2=0.5 --mode symbolic --latex\n"
    "  dlc diff examples/slides.dl f --at x1=1.5,x2=0.5 --mode all --order 2";

std::vector<Mode> modes_of(const std::string& name) {
  const Mode all[] = {Mode::reverse, Mode::forward, Mode::symbolic, Mode::numeric};
  if (name == "all") return {std::begin(all), std::end(all)};
  for (Mode m : all)
    if (name == mode_name(m)) return {m};
  return {};
}

nlohmann::ordered_json point_json(const Compilation& c, const Point& point) {
  nlohmann::ordered_json at = nlohmann::ordered_json::object();
  const Func& f = c.module[point.functions[0]];
  for (size_t k = 0; k < point.args.size(); ++k)
    at[parameter_name(c.module, f, k)] = value_json(c.module, f[f.body().params[k]].type, point.args[k]);
  return at;
}

int diff(const Options& o, const Common& common) {
  GivenPoint given;
  if (const int status = read_point(given, o.at, false, o.sizes, o.file, o.args_file, common)) return status;
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  Point point;
  if (const int status = find_point(*c, o.function, given, common, point)) return status;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  std::string text;
  for (FuncId f : point.functions) {
    std::vector<int> wrt;
    if (const int status = find_parameters(*c, f, o.wrt, common, wrt)) return status;
    std::vector<Differential> results;
    std::string left_out;  // the one mode that may not exist where others do, and why
    for (Mode mode : modes_of(o.mode)) {
      auto d = differentiate(*c, f, {.mode = mode, .wrt = wrt, .order = o.order, .opt_level = common.opt_level, .interpret = o.interpret, .sizes = point.sizes}, point.args);
      if (d) {
        results.push_back(std::move(*d));
      } else if (o.mode == "all" && mode == Mode::symbolic && c->diagnostics.has_errors()) {
        left_out = fmt::format("symbolic: left out: {}", c->diagnostics.all().back().message);
        c->diagnostics.clear();
      } else {
        return report(*c, d.error(), common);
      }
    }
    if (common.json) {
      nlohmann::ordered_json one = {{"function", c->module[f].name}, {"at", point_json(*c, point)}, {"modes", nlohmann::ordered_json::array()}};
      for (const Differential& d : results) one["modes"].push_back(diff_json(c->module, d));
      if (!left_out.empty()) one["left_out"] = left_out;
      all.push_back(std::move(one));
    } else {
      text += results.size() > 1 ? modes_text(c->module, results, point.text, o.latex) : diff_text(c->module, results[0], point.text, o.latex);
      if (!left_out.empty()) text += left_out + "\n";
    }
  }
  print_out(common.json ? (all.size() == 1 ? all[0] : all).dump() + "\n" : text);
  return kDone;
}

}  // namespace

void add_diff(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("diff", "Differentiate a function at a point");
  auto o = std::make_shared<Options>();
  command->add_option("FILE", o->file, "Source; - is standard input")->required();
  command->add_option("FN", o->function, "Function or export; several as f,g")->required();
  command->add_option("--at", o->at, "Arguments, x1=1.5,x2=0.5; arrays as JSON, or @file.npy, @file.csv, @file.json")->expected(1)->take_all();
  command->add_option("--args", o->args_file, "A JSON file with an object of arguments; - is standard input");
  command->add_option("--size", o->sizes, "Sizes that no argument tells, n=100,d=3")->expected(1)->allow_extra_args(false)->take_all();
  command->add_option("--wrt", o->wrt, "Parameters to differentiate with respect to, x1,x2; all float ones if left out");
  command->add_option("--mode", o->mode, "reverse, forward, symbolic, numeric, or all side by side")
      ->check(CLI::IsMember({"reverse", "forward", "symbolic", "numeric", "all"}))->capture_default_str();
  command->add_option("--order", o->order, "1, or 2 for second derivatives too")->check(CLI::Range(1, 2));
  command->add_flag("--latex", o->latex, "Print closed forms as LaTeX");
  command->add_flag("--interpret", o->interpret, "Run the interpreter instead of compiled code");
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return diff(*o, common); }; });
}

}  // namespace dlc
