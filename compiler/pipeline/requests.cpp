// Names to functions and parameters.
#include "pipeline/requests.h"

#include <fmt/format.h>

#include <algorithm>

#include "ad/rules.h"
#include "pipeline/arguments.h"

namespace dlc {
namespace {

std::string joined(std::span<const std::string> names) {
  std::string text;
  for (const std::string& n : names) text += fmt::format("{}`{}`", text.empty() ? "" : ", ", n);
  return text;
}

std::string suggestion(std::string_view wrong, std::span<const std::string> names) {
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  const std::string_view near = nearest_name(wrong, candidates);
  return near.empty() ? "" : fmt::format(", did you mean `{}`?", near);
}

}  // namespace

Result<FuncId> find_function_named(const Compilation& c, std::string_view name) {
  if (const FuncId f = c.find(name)) return f;
  const std::vector<std::string> names = c.names();
  const std::string near = suggestion(name, names);
  if (!near.empty()) return Error{fmt::format("there is no function `{}`{}", name, near)};
  return Error{fmt::format("there is no function `{}`{}", name, names.empty() ? "" : "; there are " + joined(names))};
}

Result<std::vector<int>> find_wrt(const Compilation& c, FuncId id, std::span<const std::string> names, WrtDefault otherwise) {
  const Func& f = c.module[id];
  std::vector<std::string> parameters;
  std::vector<int> floats, found;
  for (size_t k = 0; k < f.body().params.size(); ++k) {
    parameters.push_back(parameter_name(c.module, f, k));
    if (c.module.types.all_float(f[f.body().params[k]].type)) floats.push_back(static_cast<int>(k));
  }
  for (const std::string& name : names) {
    const auto at = std::find(parameters.begin(), parameters.end(), name);
    if (at == parameters.end())
      return Error{fmt::format("`{}` has no parameter `{}`{}; it takes ({})", f.name, name, suggestion(name, parameters), signature_text(c.module, f))};
    const int k = static_cast<int>(at - parameters.begin());
    if (std::find(found.begin(), found.end(), k) != found.end()) return Error{fmt::format("`{}` is named twice", name)};
    if (std::find(floats.begin(), floats.end(), k) == floats.end())
      return Error{fmt::format("`{}` is {}, and only floats have derivatives", name, c.module.types.text(f[f.body().params[static_cast<size_t>(k)]].type))};
    found.push_back(k);
  }
  if (!names.empty()) return found;
  std::erase_if(floats, [&](int k) { return !has_direction(c.module, id, static_cast<size_t>(k)); });
  if (floats.empty()) return Error{fmt::format("`{}` has no float parameter to differentiate with respect to", f.name)};
  if (otherwise == WrtDefault::only && floats.size() > 1)
    return Error{fmt::format("`{}` has {} float parameters, ({}): name those to differentiate with respect to", f.name, floats.size(),
                             signature_text(c.module, f))};
  return floats;
}

int default_of(const Module& m, FuncId f) {
  const TypeId result = m[f].result_type();
  return result && m.types[result].is_tuple() && !m.types[result].fields.empty() ? 0 : -1;
}

}  // namespace dlc
