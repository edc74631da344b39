// Reading arguments. JSON is read as it is and typed later, when the parameter is known; files of numbers become arrays
// at once.
#include "pipeline/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/diagnostic.h"
#include "pipeline/array_files.h"
#include "pipeline/files.h"

namespace dlc {

using Json = nlohmann::ordered_json;

struct Arguments::Given {
  std::string name;
  Json json;
  std::optional<InterpValue<double>> array;  // instead of `json`: from a file of numbers
};

Arguments::Arguments() = default;
Arguments::~Arguments() = default;
Arguments::Arguments(Arguments&&) noexcept = default;

namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.front()))) s.remove_prefix(1);
  while (!s.empty() && std::isspace(static_cast<unsigned char>(s.back()))) s.remove_suffix(1);
  return s;
}

/// A value in an error message: not longer than a line.
std::string shown(std::string_view text) { return text.size() <= 40 ? std::string(text) : std::string(text.substr(0, 37)) + "…"; }

/// `text` as JSON, or a discarded value. Deep nesting is refused before it is read: the values are walked recursively.
Json parse_json(std::string_view text) {
  constexpr int kDeepest = 1000;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') in_string = !in_string;
    if (in_string && text[i] == '\\') ++i;
    if (in_string) continue;
    depth += (text[i] == '[' || text[i] == '{') - (text[i] == ']' || text[i] == '}');
    if (depth > kDeepest) return Json(Json::value_t::discarded);
  }
  return Json::parse(text, nullptr, false);
}

/// JSON, or one of the numbers that JSON has no spelling for.
std::optional<Json> read_json(std::string_view text) {
  if (text == "inf" || text == "+inf" || text == "-inf" || text == "nan" || text == "-nan") return Json(std::string(text));
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  // dlc and C++ write .5, JSON does not.
  const bool is_bare = text.starts_with('.') || text.starts_with("-.");
  const std::string fixed = !is_bare ? std::string(text) : text.front() == '-' ? "-0" + std::string(text.substr(1)) : "0" + std::string(text);
  Json json = parse_json(fixed);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

std::optional<double> as_number(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (!json.is_string()) return std::nullopt;
  const std::string& s = json.get_ref<const std::string&>();
  if (s == "inf" || s == "+inf") return HUGE_VAL;
  if (s == "-inf") return -HUGE_VAL;
  if (s == "nan" || s == "-nan") return std::nan("");
  return std::nullopt;
}

/// Types one argument; `error_` is set when the value does not fit.
class Typer {
 public:
  Typer(const Module& m, std::string name) : m_(m), name_(std::move(name)) {}

  std::optional<InterpValue<double>> from_json(TypeId id, const Json& json) {
    const Type type = m_.types[id];
    if (type.is_tuple()) return tuple(type, json);
    InterpValue<double> v;
    v.dtype = type.dtype;
    v.dims.assign(static_cast<size_t>(type.rank()), -1);
    if (!collect(v, json, 0)) return fail(id);
    for (size_t axis = 0; axis < v.dims.size(); ++axis)
      if (v.dims[axis] < 0) v.dims[axis] = 0;  // below an empty array
    return v;
  }

  /// Numbers of a file. A single row or column is taken as a vector where one is wanted, one number as a scalar.
  std::optional<InterpValue<double>> from_array(TypeId id, InterpValue<double> v) {
    const Type type = m_.types[id];
    while (static_cast<int>(v.dims.size()) > type.rank()) {
      const auto one = std::find(v.dims.begin(), v.dims.end(), 1);
      if (one == v.dims.end()) break;
      v.dims.erase(one);
    }
    if (type.is_tuple() || static_cast<int>(v.dims.size()) != type.rank()) return fail(id, "the file holds " + shape_text(shape_of(v)));
    if (type.dtype == v.dtype) return v;
    if (is_float(type.dtype)) {
      if (!is_float(v.dtype)) v.floats.assign(v.ints.begin(), v.ints.end()), v.ints.clear();
      if (type.dtype == DType::f32) for (double& x : v.floats) x = static_cast<float>(x);
    } else {
      if (is_float(v.dtype)) {
        for (double x : v.floats) {
          if (std::trunc(x) != x || std::abs(x) > 0x1p53) return fail(id, fmt::format("the file holds {}", x));
          v.ints.push_back(static_cast<int64_t>(x));
        }
        v.floats.clear();
      }
      if (type.dtype == DType::b1) for (int64_t& i : v.ints) i = i != 0;
    }
    v.dtype = type.dtype;
    return v;
  }

  const std::string& error() const { return error_; }

 private:
  std::optional<InterpValue<double>> tuple(const Type& type, const Json& json) {
    InterpValue<double> v;
    v.dtype = DType::tuple;
    const std::string outer = name_;
    if (json.size() != type.fields.size() || !(json.is_array() || json.is_object())) {
      error_ = fmt::format("`{}` takes {} fields: a JSON list, or an object by their names", name_, type.fields.size());
      return std::nullopt;
    }
    for (size_t k = 0; k < type.fields.size(); ++k) {
      const std::string field(m_.strings[type.fields[k].name]);
      name_ = fmt::format("{}.{}", outer, field.empty() ? std::to_string(k) : field);
      const bool is_there = json.is_array() || json.contains(field);
      if (!is_there) return error_ = fmt::format("`{}` is missing", name_), std::nullopt;
      auto one = from_json(type.fields[k].type, json.is_array() ? json[k] : json[field]);
      if (!one) return std::nullopt;
      v.fields.push_back(std::move(*one));
    }
    name_ = outer;
    return v;
  }

  /// Appends the elements below `axis`; recursion is as deep as the parameter's rank.
  bool collect(InterpValue<double>& v, const Json& json, size_t axis) {
    if (axis == v.dims.size()) return element(v, json);
    if (!json.is_array()) return problem_ = json.is_structured() ? "" : fmt::format("`{}` is not an array", shown(json.dump())), false;
    const auto n = static_cast<int64_t>(json.size());
    if (v.dims[axis] >= 0 && v.dims[axis] != n)
      return problem_ = fmt::format("its rows have different lengths, {} and {}", v.dims[axis], n), false;
    v.dims[axis] = n;
    return std::all_of(json.begin(), json.end(), [&](const Json& row) { return collect(v, row, axis + 1); });
  }

  bool element(InterpValue<double>& v, const Json& json) {
    if (is_float(v.dtype)) {
      const auto x = as_number(json);
      if (x) v.floats.push_back(v.dtype == DType::f32 ? static_cast<double>(static_cast<float>(*x)) : *x);
      else problem_ = fmt::format("`{}` is not a number", shown(json.dump()));
      return x.has_value();
    }
    const bool is_bool = v.dtype == DType::b1 && json.is_boolean();
    const bool is_int = v.dtype == DType::i64 && json.is_number_integer() &&
                        !(json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
    if (is_bool) v.ints.push_back(json.get<bool>());
    else if (is_int) v.ints.push_back(json.get<int64_t>());
    else problem_ = fmt::format("`{}` is not {}", shown(json.dump()), v.dtype == DType::b1 ? "true or false" : "an int");
    return is_bool || is_int;
  }

  std::optional<InterpValue<double>> fail(TypeId id, const std::string& why = {}) {
    const std::string& detail = why.empty() ? problem_ : why;
    error_ = fmt::format("the value of `{}` does not fit its type {}", name_, m_.types.text(id));
    if (!detail.empty()) error_ += ": " + detail;
    return std::nullopt;
  }

  const Module& m_;
  std::string name_, error_, problem_;
};

}  // namespace

std::optional<Error> Arguments::add(std::string_view text) {
  const size_t equals = text.find('=');
  const std::string_view name = trimmed(text.substr(0, equals));
  if (equals == std::string_view::npos || name.empty())
    return Error{fmt::format("`{}` is not an argument: write name=value, as in x1=1.5 or W='[[1, 2], [3, 4]]'", shown(text))};
  for (const Given& g : given_)
    if (g.name == name) return Error{fmt::format("`{}` is given twice", name)};
  const std::string_view value = trimmed(text.substr(equals + 1));
  Given g{std::string(name), {}, {}};
  if (value.starts_with('@')) {
    const std::string path(value.substr(1));
    if (path.ends_with(".npy") || path.ends_with(".csv")) {
      auto array = read_array_file(path);
      if (!array) return Error{fmt::format("argument `{}`: {}", name, array.error().message)};
      g.array = std::move(*array);
      given_.push_back(std::move(g));
      return std::nullopt;
    }
    const auto file = read_file(path);
    if (!file) return Error{fmt::format("argument `{}`: {}", name, file.error().message)};
    g.json = parse_json(*file);
    if (g.json.is_discarded()) return Error{fmt::format("argument `{}`: `{}` is not JSON (files of numbers end in .csv or .npy)", name, path)};
  } else {
    auto json = read_json(value);
    if (!json) return Error{fmt::format("the value of `{}` is neither a number nor JSON: `{}`", name, shown(value))};
    g.json = std::move(*json);
  }
  given_.push_back(std::move(g));
  return std::nullopt;
}

std::optional<Error> Arguments::add_list(std::string_view list) {
  int depth = 0;
  bool in_string = false;
  size_t begin = 0;
  for (size_t i = 0; i <= list.size(); ++i) {
    const char c = i < list.size() ? list[i] : ',';
    if (c == '"') in_string = !in_string;
    if (in_string && i < list.size()) continue;
    depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    if (c != ',' || (depth > 0 && i < list.size())) continue;
    const std::string_view one = trimmed(list.substr(begin, i - begin));
    if (!one.empty())
      if (auto error = add(one)) return error;
    begin = i + 1;
  }
  return std::nullopt;
}

std::optional<Error> Arguments::add_json_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  const Json all = parse_json(*text);
  if (!all.is_object()) return Error{fmt::format("`{}` must hold one JSON object, {{\"x1\": 1.5, …}}", path)};
  for (auto& [name, value] : all.items()) {
    const bool is_twice = std::any_of(given_.begin(), given_.end(), [&](const Given& g) { return g.name == name; });
    if (is_twice) return Error{fmt::format("`{}` is given twice", name)};
    given_.push_back({name, value, {}});
  }
  return std::nullopt;
}

std::string parameter_name(const Module& m, const Func& f, size_t k) {
  const Inst& p = f[f.body().params[k]];
  return std::string(m.strings[m[p.attr].name]);
}

std::string signature_text(const Module& m, const Func& f) {
  std::string text;
  for (size_t k = 0; k < f.body().params.size(); ++k)
    text += fmt::format("{}{}: {}", k ? ", " : "", parameter_name(m, f, k), m.types.text(f[f.body().params[k]].type));
  return text;
}

Result<std::vector<InterpValue<double>>> Arguments::bind(const Module& m, const Func& f) const {
  std::vector<std::string> names;
  for (size_t k = 0; k < f.body().params.size(); ++k) names.push_back(parameter_name(m, f, k));
  for (const Given& g : given_) {
    if (std::find(names.begin(), names.end(), g.name) != names.end()) continue;
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    const std::string_view near = nearest_name(g.name, candidates);
    return Error{fmt::format("`{}` has no parameter `{}`{}; it takes ({})", f.name, g.name,
                             near.empty() ? "" : fmt::format(", did you mean `{}`?", near), signature_text(m, f))};
  }
  std::vector<InterpValue<double>> values;
  std::string missing;
  for (size_t k = 0; k < names.size(); ++k) {
    const auto g = std::find_if(given_.begin(), given_.end(), [&](const Given& x) { return x.name == names[k]; });
    if (g == given_.end()) {
      missing += fmt::format("{}`{}`", missing.empty() ? "" : ", ", names[k]);
      continue;
    }
    const TypeId type = f[f.body().params[k]].type;
    Typer typer(m, names[k]);
    auto value = g->array ? typer.from_array(type, *g->array) : typer.from_json(type, g->json);
    if (!value) return Error{typer.error()};
    values.push_back(std::move(*value));
  }
  if (!missing.empty()) return Error{fmt::format("no value is given for {}; `{}` takes ({})", missing, f.name, signature_text(m, f))};
  return values;
}

}  // namespace dlc
