// Functions and arguments by name.
#include "driver/point.h"

#include <fmt/format.h>

#include "interp/sizes.h"
#include "pipeline/requests.h"
#include "pipeline/values.h"

namespace dlc {

std::vector<std::string> split_names(const std::string& list) {
  std::vector<std::string> names;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    std::string name = list.substr(begin, end - begin);
    std::erase(name, ' ');
    if (!name.empty()) names.push_back(std::move(name));
    begin = end + 1;
  }
  return names;
}

int find_point(Compilation& c, const std::string& functions, const Arguments& given, const Common& common, Point& point) {
  for (const std::string& name : split_names(functions)) {
    const auto f = find_function_named(c, name);
    if (!f) return wrong_usage(f.error().message, common);
    if (!c.ready(*f)) return report(c, {}, common);
    point.functions.push_back(*f);
  }
  if (point.functions.empty()) return wrong_usage("no function is named", common);
  const Func& f = c.module[point.functions[0]];
  auto args = given.bind(c.module, f);
  if (!args) return wrong_usage(args.error().message, common);
  point.args = std::move(*args);
  std::vector<Shape> shapes;
  for (const auto& a : point.args) shapes.push_back(shape_of(a));
  if (const auto sizes = bind_sizes(c.module, f, shapes); !sizes) return report(c, sizes.error(), common);
  for (size_t k = 0; k < point.args.size(); ++k)
    point.text += fmt::format("{}{} = {}", k ? ", " : "", parameter_name(c.module, f, k), value_brief(point.args[k]));
  return kDone;
}

}  // namespace dlc
