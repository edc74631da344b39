// `dlc run`: calls a function.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
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
  std::vector<std::string> args, sizes;
  int64_t time = 0;
  bool interpret = false, ignore_extra = false;
};

constexpr const char* kExamples =
    "Examples:\n"
    "  dlc run examples/slides.dl f x1=1.5 x2=0.5\n"
    "  dlc run examples/net2_functions.dl predict W1='[[1,2],[3,4]]' b1='[0,0]' W2='[1,-1]' b2=0 x='[0.5,1]'\n"
    "  dlc run net.dl loss --args in.json --time 1000        in.json: {\"W\": [[1, 2]], \"x\": [3, 4]}\n"
    "Arrays are JSON, or files: X=@x.npy, X=@x.csv, X=@x.json. nan, inf and -inf are numbers; in JSON they are \"nan\",\n"
    "\"inf\" and \"-inf\", in arguments and in results. Sizes are those of the arrays; --size n=5 gives what no array tells.";

int run(const RunOptions& o, const Common& common) {
  GivenPoint given;
  if (o.ignore_extra) given.args.ignore_extra();
  if (const int status = read_point(given, o.args, true, o.sizes, o.file, o.args_file, common)) return status;
  const auto c = new_compilation(common);
  if (const int status = load(*c, o.file, common)) return status;
  Point point;
  if (const int status = find_point(*c, o.function, given, common, point)) return status;
  if (point.functions.size() != 1) return wrong_usage("`run` calls one function", common);
  const FuncId f = point.functions[0];

  using Clock = std::chrono::steady_clock;
  std::optional<Native> native;
  const auto start = Clock::now();
  if (!o.interpret) {
    const auto special = at_sizes_of(*c, f, point.args, point.sizes);
    if (!special) return report(*c, special.error(), common);
    auto compiled = Native::compile(*c, *special, {.opt_level = common.opt_level});
    if (!compiled) return report(*c, compiled.error(), common);
    native = std::move(*compiled);
  }
  const double compile_ns = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
  auto result = native ? native->call(point.args, point.sizes) : interpret<double>(c->module, f, point.args, point.sizes, {.sources = &c->sources});
  if (!result) return report(*c, result.error(), common);
  std::optional<CallTime> time;
  if (o.time > 0) {
    const auto timed = native->time(point.args, o.time, point.sizes);
    if (!timed) return report(*c, timed.error(), common);
    time = *timed;
  }
  const TypeId type = c->module[f].result_type();
  if (common.json) {
    nlohmann::ordered_json json = {{"result", value_json(c->module, type, *result)}};
    if (time) json["time"] = {{"calls", o.time}, {"median_ns", time->median}, {"least_ns", time->best}, {"compile_ns", compile_ns}};
    print_out(json.dump() + "\n");
    return kDone;
  }
  print_out(value_text(c->module, type, *result));
  if (time)
    fmt::print(stderr, "{} calls: median {:.1f} ns, least {:.1f} ns; compiled in {:.1f} ms\n", o.time, time->median, time->best, compile_ns / 1e6);
  return kDone;
}

}  // namespace

void add_run(CLI::App& app, Common& common) {
  CLI::App* command = app.add_subcommand("run", "Call a function");
  auto o = std::make_shared<RunOptions>();
  command->add_option("FILE", o->file, "Source; - is standard input")->required();
  command->add_option("FN", o->function, "Function or export")->required();
  command->add_option("ARGS", o->args, "Arguments, name=value");
  command->add_option("--args", o->args_file, "A JSON file with an object of arguments by name; - is standard input");
  command->add_flag("--ignore-extra", o->ignore_extra, "Let fields of --args be that the function has no parameter for");
  command->add_option("--size", o->sizes, "Sizes that no argument tells, n=100,d=3")->expected(1)->allow_extra_args(false)->take_all();
  CLI::Option* time = command->add_option("--time", o->time, "Also call it N times; the median time of the compiled call alone goes to standard error")
                          ->check(CLI::Range(1, 1'000'000'000));
  command->add_flag("--interpret", o->interpret, "Run the interpreter instead of compiled code")->excludes(time);
  add_common(*command, common, kExamples);
  command->callback([o, &common] { common.action = [o, &common] { return run(*o, common); }; });
}

}  // namespace dlc
