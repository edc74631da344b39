// Functions and arguments by name.
#include "driver/point.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

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

Result<std::vector<std::pair<std::string, int64_t>>> read_sizes(const std::vector<std::string>& lists) {
  std::vector<std::pair<std::string, int64_t>> sizes;
  for (const std::string& list : lists) {
    const auto split = split_names(list);
    if (!split) return Error{"--size: " + split.error().message};
    for (const std::string& one : *split) {
      const size_t equals = std::min(one.find('='), one.size());
      const std::string name = one.substr(0, equals);
      const char* const begin = one.c_str() + std::min(equals + 1, one.size());
      char* end = nullptr;
      errno = 0;
      const long long value = std::strtoll(begin, &end, 10);
      if (name.empty() || end == begin || *end != '\0' || errno != 0) return Error{fmt::format("`{}` is not a size: write n=100", one)};
      for (const auto& [other, unused] : sizes)
        if (other == name) return Error{fmt::format("the size `{}` is given twice", name)};
      sizes.emplace_back(name, value);
    }
  }
  return sizes;
}

int read_point(GivenPoint& given, const std::vector<std::string>& lists, bool is_one_each, const std::vector<std::string>& sizes,
               const std::string& source, const std::string& args_file, const Common& common) {
  auto read = read_sizes(sizes);
  if (!read) return wrong_usage(read.error().message, common);
  given.sizes = std::move(*read);
  return read_arguments(given.args, lists, is_one_each, source, args_file, common);
}

namespace {

/// The sizes by id. Each must be one of a function in the point.
std::optional<Error> bind_given_sizes(Compilation& c, const GivenPoint& given, Point& point) {
  for (const auto& [name, value] : given.sizes) {
    const StrId id = c.module.strings.intern(name);
    const bool is_known = std::any_of(point.functions.begin(), point.functions.end(), [&](FuncId f) {
      const auto& own = c.module[f].size_vars;
      return std::find(own.begin(), own.end(), id) != own.end();
    });
    if (!is_known) return Error{fmt::format("`{}` has no size `{}`", c.module[point.functions[0]].name, name)};
    if (value < 0) return Error{fmt::format("the size {} may not be {}", name, value)};
    point.sizes[id] = value;
  }
  return std::nullopt;
}

}  // namespace

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

int find_point(Compilation& c, const std::string& functions, const GivenPoint& given, const Common& common, Point& point) {
  const auto names = split_names(functions);
  if (!names) return wrong_usage(names.error().message, common);
  for (const std::string& name : *names) {
    const auto f = find_function_named(c, name);
    if (!f) return wrong_usage(f.error().message, common);
    if (!c.ready(*f)) return report(c, {}, common);
    point.functions.push_back(*f);
  }
  if (const auto error = bind_given_sizes(c, given, point)) return wrong_usage(error->message, common);
  const Func& f = c.module[point.functions[0]];
  auto args = given.args.bind(c.module, f);
  if (!args) return report(c, args.error(), common, args.error().diagnostic ? kFailed : kWrongUsage);
  point.args = std::move(*args);
  std::vector<Shape> shapes;
  for (const auto& a : point.args) shapes.push_back(shape_of(a));
  if (const auto sizes = bind_sizes(c.module, f, shapes, point.sizes); !sizes) return report(c, sizes.error(), common);
  for (size_t k = 0; k < point.args.size(); ++k)
    point.text += fmt::format("{}{} = {}", k ? ", " : "", parameter_name(c.module, f, k), value_brief(point.args[k]));
  return kDone;
}

}  // namespace dlc
