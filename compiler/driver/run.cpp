// `dlc run`: calls a function.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "driver/point.h"
#include "interp/interp.h"
#include "pipeline/native.h"
#include "pipeline/values.h"

namespace dlc {
namespace {

struct RunOptions {
  std::string file, function, args_file;
  std::vector<std::string> args;
  int64_t time = 0;
  bool interpret = false;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc run examples/slides.dl f x1=1.5 x2=0.5\n"
    "  dlc run examples/net2_functions.dl predict W1='[[1,2],[3,4]]' b1='[0,0]' W2='[1,-1]' b2=0 x='[0.5,1]'\n"
    "  dlc run net.dl loss --args in.json --time 1000        in.json: {\"W\": [[1, 2]], \"x\": [3, 4]}\n"
    "Arrays are JSON, or files: X=@x.npy, X=@x.csv, X=@x.json. nan, inf and -inf are numbers.";

int run(const RunOptions& o, const Common& common) {
  Arguments given;
  if (const int status = read_arguments(given, o.args, true, o.file, o.args_file, common)) return status;
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  Point point;
  if (const int status = find_point(*c, o.function, given, common, point)) return status;
  if (point.functions.size() != 1) return wrong_usage("`run` calls one function", common);
  const FuncId f = point.functions[0];

  std::optional<Native> native;
  if (!o.interpret) {
    const auto special = at_sizes_of(*c, f, point.args);
    if (!special) return report(*c, special.error(), common);
    auto compiled = Native::compile(*c, *special, {.opt_level = common.opt_level});
    if (!compiled) return report(*c, compiled.error(), common);
    native = std::move(*compiled);
  }
  auto result = native ? native->call(point.args) : interpret<double>(c->module, f, point.args, {}, {.sources = &c->sources});
  if (!result) return report(*c, result.error(), common);
  std::optional<double> nanoseconds;
  if (o.time > 0 && native) {
    const auto time = native->time(point.args, o.time);
    if (!time) return report(*c, time.error(), common);
    nanoseconds = *time;
  }
  const TypeId type = c->module[f].result_type();
  if (common.json) {
    nlohmann::ordered_json json = {{"result", value_json(c->module, type, *result)}};
    if (nanoseconds) json["nanoseconds"] = *nanoseconds;
    print_out(json.dump() + "\n");
    return kDone;
  }
  print_out(value_text(c->module, type, *result));
  if (nanoseconds) print_out(fmt::format("{:.1f} ns a call\n", *nanoseconds));
  return kDone;
}

}  // namespace

void add_run(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("run", "Call a function");
  auto o = std::make_shared<RunOptions>();
  command->add_option("FILE", o->file, "Source; - is standard input")->required();
  command->add_option("FN", o->function, "Function or export")->required();
  command->add_option("ARGS", o->args, "Arguments, name=value");
  command->add_option("--args", o->args_file, "A JSON file with an object of arguments; - is standard input");
  command->add_option("--time", o->time, "Also call it N times and print the time of one call")->check(CLI::Range(1, 1'000'000'000));
  command->add_flag("--interpret", o->interpret, "Run the interpreter instead of compiled code");
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return run(*o, common); }; });
}

}  // namespace dlc
