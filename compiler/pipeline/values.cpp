// Printing values: numbers in the fewest digits, arrays nested by rows.
#include "pipeline/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace dlc {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kBriefElements = 5;

/// An element of an array by its position.
std::string element_text(const InterpValue<double>& v, int64_t at, bool is_short) {
  const auto k = static_cast<size_t>(at);
  switch (v.dtype) {
    case DType::f32: case DType::f64: return is_short ? short_number(v.floats[k]) : number_text(v.floats[k], v.dtype);
    case DType::b1: return v.ints[k] ? "true" : "false";
    default: return fmt::to_string(v.ints[k]);
  }
}

Json element_json(const InterpValue<double>& v, int64_t at) {
  const auto k = static_cast<size_t>(at);
  switch (v.dtype) {
    case DType::f32: case DType::f64: return number_json(v.floats[k], v.dtype);
    case DType::b1: return v.ints[k] != 0;
    default: return v.ints[k];
  }
}

/// Rows of the axes from `axis` on, beginning at element `at`; `indent` columns stand before the bracket.
std::string rows_text(const InterpValue<double>& v, size_t axis, int64_t& at, size_t indent) {
  if (axis == v.dims.size()) return element_text(v, at++, false);
  const bool is_last = axis + 1 == v.dims.size();
  std::string text = "[";
  for (int64_t i = 0; i < v.dims[axis]; ++i) {
    if (i > 0) text += is_last ? ", " : ",\n" + std::string(indent + 1, ' ');
    text += rows_text(v, axis + 1, at, indent + 1);
  }
  return text + "]";
}

Json rows_json(const InterpValue<double>& v, size_t axis, int64_t& at) {
  if (axis == v.dims.size()) return element_json(v, at++);
  Json rows = Json::array();
  for (int64_t i = 0; i < v.dims[axis]; ++i) rows.push_back(rows_json(v, axis + 1, at));
  return rows;
}

std::string field_name(const Module& m, const Type& type, size_t k) {
  return type.fields[k].name ? std::string(m.strings[type.fields[k].name]) : fmt::format("[{}]", k);
}

std::string joined_name(const std::string& outer, const std::string& field) {
  return outer.empty() || field.front() == '[' ? outer + field : outer + "." + field;
}

}  // namespace

std::string number_text(double value, DType dtype) {
  if (std::isnan(value)) return "nan";
  if (dtype == DType::f32) return fmt::format("{}", static_cast<float>(value));
  const std::string text = fmt::format("{}", value);
  // 16 digits mostly read back by luck. With 17 the numbers of a column have one width, and the last digit is the double's.
  const auto digits = std::count_if(text.begin(), text.begin() + static_cast<ptrdiff_t>(std::min(text.find('e'), text.size())), [](char c) { return c >= '0' && c <= '9'; });
  return digits < 16 ? text : fmt::format("{:.17g}", value);
}

std::string short_number(double value) { return std::isnan(value) ? "nan" : fmt::format("{:.5g}", value); }

std::string value_text(const Module& m, TypeId id, const InterpValue<double>& v, const std::string& name) {
  if (v.dtype != DType::tuple) {
    int64_t at = 0;
    const std::string head = name.empty() ? "" : name + " = ";
    return head + rows_text(v, 0, at, head.size()) + "\n";
  }
  std::string text;
  const Type type = m.types[id];
  for (size_t k = 0; k < v.fields.size(); ++k)
    text += value_text(m, type.fields[k].type, v.fields[k], joined_name(name, field_name(m, type, k)));
  return text;
}

std::string value_brief(const InterpValue<double>& v, bool is_short) {
  std::string text;
  if (v.dtype == DType::tuple) {
    for (const InterpValue<double>& f : v.fields) text += (text.empty() ? "" : ", ") + value_brief(f, is_short);
    return "(" + text + ")";
  }
  if (v.dims.empty()) return element_text(v, 0, is_short);
  const int64_t n = v.count();
  for (int64_t k = 0; k < n; ++k) {
    if (k == kBriefElements - 1 && n > kBriefElements) text += ", …", k = n - 1;
    text += (k > 0 ? ", " : "") + element_text(v, k, true);
  }
  return fmt::format("{} [{}]", shape_text(shape_of(v)), text);
}

Json number_json(double value, DType dtype) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  // An f32 prints in the digits an f32 needs.
  if (dtype == DType::f32) return Json::parse(fmt::format("{}", static_cast<float>(value)));
  return value;
}

Json value_json(const Module& m, TypeId id, const InterpValue<double>& v) {
  if (v.dtype != DType::tuple) {
    int64_t at = 0;
    return rows_json(v, 0, at);
  }
  const Type type = m.types[id];
  const bool is_named = !type.fields.empty() && type.fields[0].name;
  Json all = is_named ? Json::object() : Json::array();
  for (size_t k = 0; k < v.fields.size(); ++k) {
    Json one = value_json(m, type.fields[k].type, v.fields[k]);
    if (is_named) all[field_name(m, type, k)] = std::move(one);
    else all.push_back(std::move(one));
  }
  return all;
}

}  // namespace dlc
