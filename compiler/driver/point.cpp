// Functions and arguments by name.
#include "driver/point.h"

#include <fmt/format.h>

#include <algorithm>

#include "interp/sizes.h"
#include "pipeline/requests.h"
#include "pipeline/values.h"

namespace dlc {

Result<std::vector<std::string>> split_names(const std::string& list) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    std::string name = list.substr(begin, end - begin);
    std::erase(name, ' ');
    if (name.empty()) return Error{fmt::format("there is an empty name in `{}`", list)};
    names.push_back(std::move(name));
    begin = end + 1;
  }
  return names;
}

int read_arguments(Arguments& given, const std::vector<std::string>& lists, bool is_one_each, const std::string& source,
                   const std::string& args_file, const Common& common) {
  if (source == "-" && args_file == "-") return wrong_usage("the source and --args cannot both be standard input", common);
  const auto stop = [&](const ArgumentError& e) {
    const int status = wrong_usage(e.message, common);
    return e.is_data ? kFailed : status;
  };
  for (const std::string& list : lists)
    if (auto error = is_one_each ? given.add(list) : given.add_list(list)) return stop(*error);
  if (!args_file.empty())
    if (auto error = given.add_json_file(args_file)) return stop(*error);
  return kDone;
}

int find_parameters(const Compilation& c, FuncId f, const std::optional<std::string>& names, const Common& common, std::vector<int>& wrt) {
  std::vector<std::string> list;
  if (names) {
    auto split = split_names(*names);
    if (!split) return wrong_usage("--wrt: " + split.error().message, common);
    list = std::move(*split);
  }
  auto found = find_wrt(c, f, list, WrtDefault::all);
  if (!found) return report(c, found.error(), common, found.error().diagnostic ? kFailed : kWrongUsage);
  wrt = std::move(*found);
  return kDone;
}

int find_functions(const Compilation& c, const std::vector<std::string>& names, const Common& common, std::vector<FuncId>& functions) {
  for (const std::string& name : names) {
    const auto f = find_function_named(c, name);
    if (!f) return wrong_usage(f.error().message, common);
    functions.push_back(*f);
  }
  if (!functions.empty()) return kDone;
  for (const std::string& name : c.names()) {
    const FuncId f = c.find(name);
    if (f && !c.module[f].request && std::find(functions.begin(), functions.end(), f) == functions.end()) functions.push_back(f);
  }
  return kDone;
}

int find_point(Compilation& c, const std::string& functions, const Arguments& given, const Common& common, Point& point) {
  const auto names = split_names(functions);
  if (!names) return wrong_usage(names.error().message, common);
  for (const std::string& name : *names) {
    const auto f = find_function_named(c, name);
    if (!f) return wrong_usage(f.error().message, common);
    if (!c.ready(*f)) return report(c, {}, common);
    point.functions.push_back(*f);
  }
  const Func& f = c.module[point.functions[0]];
  auto args = given.bind(c.module, f);
  if (!args) return report(c, args.error(), common, args.error().diagnostic ? kFailed : kWrongUsage);
  point.args = std::move(*args);
  std::vector<Shape> shapes;
  for (const auto& a : point.args) shapes.push_back(shape_of(a));
  if (const auto sizes = bind_sizes(c.module, f, shapes); !sizes) return report(c, sizes.error(), common);
  for (size_t k = 0; k < point.args.size(); ++k)
    point.text += fmt::format("{}{} = {}", k ? ", " : "", parameter_name(c.module, f, k), value_brief(point.args[k]));
  return kDone;
}

}  // namespace dlc
