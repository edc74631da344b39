// Reading arguments. JSON is read as it is and typed later, when the parameter is known; files of numbers become arrays
// at once.
#include "pipeline/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/diagnostic.h"
#include "pipeline/array_files.h"
#include "pipeline/errors.h"
#include "pipeline/files.h"

namespace dlc {

using Json = nlohmann::ordered_json;

struct Arguments::Given {
  std::string name;
  Json json;
  std::optional<InterpValue<double>> array;  // instead of `json`: from a file of numbers
  bool is_field = false;                     // of the file of --args
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

struct ReadJson {
  Json json;
  std::string problem;     // why there is none: a sentence; empty when the text is just not JSON
  std::string place;       // of what is not JSON: "line 1, column 5"
  bool is_json = false;
};

/// inf and nan, for which JSON has no spelling, become strings: `[1, -inf]` is `[1, "-inf"]`. Python writes NaN and Infinity.
std::string with_quoted_words(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::string out;
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      out += text.substr(i, 2), i += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    const bool is_word = !in_string && is_letter(c) && (i == 0 || (!is_letter(text[i - 1]) && !std::isdigit(static_cast<unsigned char>(text[i - 1])) && text[i - 1] != '.'));
    if (!is_word) {
      out += c, ++i;
      continue;
    }
    const size_t begin = i;
    while (i < text.size() && is_letter(text[i])) ++i;
    const std::string_view word = text.substr(begin, i - begin);
    const bool is_inf = word == "inf" || word == "Infinity", is_nan = word == "nan" || word == "NaN";
    if (!is_inf && !is_nan) {
      out += word;
      continue;
    }
    const bool has_sign = !out.empty() && (out.back() == '-' || out.back() == '+');
    const bool is_negative = has_sign && out.back() == '-';
    if (has_sign) out.pop_back();
    out += is_nan ? "\"nan\"" : is_negative ? "\"-inf\"" : "\"inf\"";
  }
  return out;
}

/// Whether brackets nest too deep: the values are walked recursively.
bool is_too_deep(std::string_view text) {
  constexpr int kDeepest = 1000;
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') in_string = !in_string;
    if (in_string && text[i] == '\\') ++i;
    if (in_string) continue;
    depth += (text[i] == '[' || text[i] == '{') - (text[i] == ']' || text[i] == '}');
    if (depth > kDeepest) return true;
  }
  return false;
}

ReadJson parse_json(std::string_view text) {
  ReadJson read;
  if (is_too_deep(text)) return read.problem = "its brackets nest more than 1000 deep", read;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second && read.problem.empty())
      read.problem = fmt::format("`{}` stands in it twice", parsed.get<std::string>());
    return true;
  };
  try {
    read.json = Json::parse(with_quoted_words(text), watch);
    read.is_json = read.problem.empty();
  } catch (const Json::out_of_range&) {
    read.problem = "it holds a number that is too large";
  } catch (const Json::parse_error& e) {
    const std::string what = e.what();
    const size_t at = what.find("line "), end = what.find(':', at);
    if (at != std::string::npos && end != std::string::npos) read.place = what.substr(at, end - at);
  }
  return read;
}

std::string file_text(const std::string& path) { return path == "-" ? "standard input" : fmt::format("`{}`", path); }

std::string not_json_text(const std::string& path, const ReadJson& read, std::string_view hint) {
  if (!read.problem.empty()) return fmt::format("{} cannot be read: {}", file_text(path), read.problem);
  return fmt::format("{} is not JSON{}{} ({})", file_text(path), read.place.empty() ? "" : ": ", read.place, hint);
}

/// JSON, or a number in a spelling that JSON does not have: dlc and C++ write .5 and +1.
ReadJson read_value(std::string_view text) {
  const bool is_signed = text.starts_with('+') && text.size() > 1;
  if (is_signed) text.remove_prefix(1);
  const bool is_bare = text.starts_with('.') || text.starts_with("-.");
  return parse_json(!is_bare ? std::string(text) : text.front() == '-' ? "-0" + std::string(text.substr(1)) : "0" + std::string(text));
}

ArgumentError wrong_name(std::string message) { return {{std::move(message), nullptr}, false}; }
ArgumentError wrong_data(std::string message) { return {{std::move(message), nullptr}, true}; }

std::optional<double> as_number(const Json& json) {
  if (json.is_number()) return json.get<double>();
  if (!json.is_string()) return std::nullopt;
  const std::string& s = json.get_ref<const std::string&>();
  if (s == "inf") return HUGE_VAL;
  if (s == "-inf") return -HUGE_VAL;
  if (s == "nan") return std::nan("");
  return std::nullopt;
}

bool fits_f32(double x) { return !std::isfinite(x) || std::isfinite(static_cast<float>(x)); }

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
      if (type.dtype == DType::f32)
        for (double& x : v.floats) {
          if (!fits_f32(x)) return fail(id, fmt::format("{} is too large for an f32", x));
          x = static_cast<float>(x);
        }
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
      if (x && v.dtype == DType::f32 && !fits_f32(*x)) return problem_ = fmt::format("{} is too large for an f32", *x), false;
      if (x) v.floats.push_back(v.dtype == DType::f32 ? static_cast<double>(static_cast<float>(*x)) : *x);
      else problem_ = fmt::format("`{}` is not a number", shown(json.dump()));
      return x.has_value();
    }
    const bool is_bool = v.dtype == DType::b1 && json.is_boolean();
    const bool is_int = (v.dtype == DType::i64 || v.dtype == DType::key) && json.is_number_integer() &&
                        !(json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX));
    if (is_bool) v.ints.push_back(json.get<bool>());
    else if (is_int) v.ints.push_back(json.get<int64_t>());
    else problem_ = fmt::format("`{}` is not {}", shown(json.dump()), v.dtype == DType::b1 ? "true or false" : v.dtype == DType::key ? "an int, the seed of a key" : "an int");
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

std::optional<ArgumentError> Arguments::add(std::string_view text) {
  const size_t equals = text.find('=');
  const std::string_view name = trimmed(text.substr(0, equals));
  if (equals == std::string_view::npos || name.empty())
    return wrong_name(fmt::format("`{}` is not an argument: write name=value, as in x1=1.5 or W='[[1, 2], [3, 4]]'", shown(text)));
  for (const Given& g : given_)
    if (g.name == name) return wrong_name(fmt::format("`{}` is given twice", name));
  const std::string_view value = trimmed(text.substr(equals + 1));
  Given g{std::string(name), {}, {}, false};
  if (value.starts_with('@')) {
    const std::string path(value.substr(1));
    if (path.ends_with(".npy") || path.ends_with(".csv")) {
      auto array = read_array_file(path);
      if (!array) return wrong_data(fmt::format("argument `{}`: {}", name, array.error().message));
      g.array = std::move(*array);
      given_.push_back(std::move(g));
      return std::nullopt;
    }
    const auto file = read_file(path);
    if (!file) return wrong_data(fmt::format("argument `{}`: {}", name, file.error().message));
    ReadJson read = parse_json(*file);
    if (!read.is_json) return wrong_data(fmt::format("argument `{}`: {}", name, not_json_text(path, read, "files of numbers end in .csv or .npy")));
    g.json = std::move(read.json);
  } else {
    ReadJson read = read_value(value);
    if (!read.problem.empty()) return wrong_data(fmt::format("the value of `{}` cannot be read: {}: `{}`", name, read.problem, shown(value)));
    if (!read.is_json) return wrong_data(fmt::format("the value of `{}` is neither a number nor JSON: `{}`", name, shown(value)));
    g.json = std::move(read.json);
  }
  given_.push_back(std::move(g));
  return std::nullopt;
}

std::optional<ArgumentError> Arguments::add_list(std::string_view list) {
  int depth = 0;
  bool in_string = false;
  size_t begin = 0;
  if (trimmed(list).empty()) return std::nullopt;
  for (size_t i = 0; i <= list.size(); ++i) {
    const char c = i < list.size() ? list[i] : ',';
    if (c == '"') in_string = !in_string;
    if (in_string && i < list.size()) continue;
    depth += (c == '[' || c == '{') - (c == ']' || c == '}');
    if (c != ',' || (depth > 0 && i < list.size())) continue;
    const std::string_view one = trimmed(list.substr(begin, i - begin));
    if (one.empty()) return wrong_name(fmt::format("there is an empty argument in `{}`: write x1=1.5,x2=0.5", shown(list)));
    if (auto error = add(one)) return error;
    begin = i + 1;
  }
  return std::nullopt;
}

std::optional<ArgumentError> Arguments::add_json_file(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return wrong_data(text.error().message);
  const ReadJson read = parse_json(*text);
  if (!read.is_json) return wrong_data(not_json_text(path, read, R"(it must hold one object, {"x1": 1.5, …})"));
  if (!read.json.is_object()) return wrong_data(fmt::format(R"({} must hold one JSON object, {{"x1": 1.5, …}})", file_text(path)));
  for (auto& [name, value] : read.json.items()) {
    const bool is_twice = std::any_of(given_.begin(), given_.end(), [&](const Given& g) { return g.name == name; });
    if (is_twice) return wrong_name(fmt::format("`{}` is given twice", name));
    given_.push_back({name, value, {}, true});
  }
  return std::nullopt;
}

std::string parameter_name(const Module& m, const Func& f, size_t k) {
  const Inst& p = f[f.body().params[k]];
  const StrId name = p.attr ? m[p.attr].name : StrId{};
  return name ? std::string(m.strings[name]) : fmt::format("%{}", k);  // IR text may leave names out
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
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  std::string unknown;
  bool is_field = false;
  for (const Given& g : given_) {
    if (std::find(names.begin(), names.end(), g.name) != names.end() || (g.is_field && ignores_extra_)) continue;
    const std::string_view near = nearest_name(g.name, candidates);
    unknown += fmt::format("{}`{}`{}", unknown.empty() ? "" : ", ", g.name, near.empty() ? "" : fmt::format(", did you mean `{}`?", near));
    is_field = is_field || g.is_field;
  }
  if (!unknown.empty())
    return Error{fmt::format("`{}` has no parameter {}; it takes ({}){}", f.name, unknown, signature_text(m, f),
                             is_field ? "; --ignore-extra lets fields be that no parameter has" : "")};
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
    if (!value) {
      const Span span = f[f.body().params[k]].loc.span;
      return as_error({.kind = &find_kind<kPipelineErrors>("argument-type-mismatch"), .message = typer.error(), .span = span});
    }
    values.push_back(std::move(*value));
  }
  if (!missing.empty()) return Error{fmt::format("no value is given for {}; `{}` takes ({})", missing, f.name, signature_text(m, f))};
  return values;
}

}  // namespace dlc
