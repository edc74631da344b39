// Derivatives as text and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "pipeline/diff.h"
#include "pipeline/values.h"

namespace dlc {
namespace {

using Json = nlohmann::ordered_json;

std::string estimate_text(const NumericEstimate& e) {
  if (e.is_complex) return fmt::format("complex step h = {:.3g}, error about {:.1g}", e.step, e.error);
  return fmt::format("step h = {:.3g}, error about {:.1g}{}", e.step, e.total_error(),
                     e.gap > 0 ? "; the slopes to the right and to the left disagree: a kink or jump nearby" : "");
}

/// What the search for steps found: a line for each scalar, one for all elements of an array.
std::string numeric_text(const Differential& d) {
  std::string text;
  for (const NumericDerivative& n : d.numeric) {
    if (n.elements.empty()) continue;
    const auto by_error = [](const NumericEstimate& a, const NumericEstimate& b) { return a.total_error() < b.total_error(); };
    const NumericEstimate worst = *std::max_element(n.elements.begin(), n.elements.end(), by_error);
    text += fmt::format("  {}: {}{}\n", n.parameter, n.elements.size() > 1 ? fmt::format("{} elements, worst: ", n.elements.size()) : "", estimate_text(worst));
  }
  return text;
}

std::string form_text(const ClosedForm& form, bool latex) {
  std::string text = latex ? as_latex(form) : as_text(form);
  if (!text.ends_with('\n')) text += '\n';
  return text;
}

std::string second_text(const Module& m, const Differential& d) {
  std::string text;
  for (size_t i = 0; i < d.second.size(); ++i)
    for (size_t j = 0; j < d.second[i].size(); ++j)
      text += value_text(m, {}, d.second[i][j], fmt::format("d2{}/d{}d{}", d.function, d.wrt[i], d.wrt[j]));
  return text;
}

Json elements_json(const NumericDerivative& n) {
  Json all = Json::array();
  for (const NumericEstimate& e : n.elements)
    all.push_back({{"value", number_json(e.value)}, {"step", e.step}, {"error", number_json(e.total_error())}, {"complex_step", e.is_complex}, {"kink", e.gap > 0}});
  return all;
}

Json form_json(const ClosedForm& form) {
  Json json = {{"text", as_text(form)}, {"latex", as_latex(form)}, {"results", Json::array()}, {"where", Json::array()}};
  const auto lines = [](const std::vector<ClosedFormLine>& from, Json& to) {
    for (const ClosedFormLine& l : from) to.push_back({{"name", l.text_left}, {"text", l.text}, {"latex_name", l.latex_left}, {"latex", l.latex}});
  };
  lines(form.results, json["results"]);
  lines(form.where, json["where"]);
  return json;
}

}  // namespace

std::string diff_text(const Module& m, const Differential& d, const std::string& point, bool latex) {
  std::string text = value_text(m, d.value_type, d.value, fmt::format("{}({})", d.function, point));
  for (size_t k = 0; k < d.wrt.size(); ++k) text += value_text(m, d.types[k], d.gradient[k], fmt::format("d{}/d{}", d.function, d.wrt[k]));
  text += second_text(m, d);
  text += d.passes + "\n" + numeric_text(d);
  if (d.form) text += "\n" + form_text(*d.form, latex);
  return text;
}

Json diff_json(const Module& m, const Differential& d) {
  Json json = {{"mode", mode_name(d.mode)}, {"passes", d.passes}, {"value", value_json(m, d.value_type, d.value)}};
  for (size_t k = 0; k < d.wrt.size(); ++k) json["derivative"][d.wrt[k]] = value_json(m, d.types[k], d.gradient[k]);
  for (size_t i = 0; i < d.second.size(); ++i)
    for (size_t j = 0; j < d.second[i].size(); ++j) json["second"][d.wrt[i]][d.wrt[j]] = value_json(m, {}, d.second[i][j]);
  for (const NumericDerivative& n : d.numeric) json["estimates"][n.parameter] = elements_json(n);
  if (d.form) json["closed_form"] = form_json(*d.form);
  return json;
}

std::string modes_text(const Module& m, const std::vector<Differential>& modes, const std::string& point, bool latex) {
  if (modes.empty()) return {};
  std::vector<std::vector<std::string>> rows{{""}};
  const Differential& first = modes[0];
  rows.push_back({first.function});
  for (const std::string& x : first.wrt) rows.push_back({fmt::format("d{}/d{}", first.function, x)});
  for (const Differential& d : modes) {
    rows[0].push_back(mode_name(d.mode));
    rows[1].push_back(value_brief(d.value));
    for (size_t k = 0; k < d.gradient.size(); ++k) rows[2 + k].push_back(value_brief(d.gradient[k]));
  }
  std::string text = fmt::format("at {}\n\n", point);
  const auto cells = [](const std::string& s) { return static_cast<size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; })); };
  std::vector<size_t> widths(modes.size() + 1);
  for (const auto& row : rows)
    for (size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], cells(row[k]));
  for (const auto& row : rows) {
    std::string line;
    for (size_t k = 0; k < row.size(); ++k) line += row[k] + std::string(widths[k] - cells(row[k]) + 2, ' ');
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  text += "\n";
  for (const Differential& d : modes) {
    text += d.passes + "\n" + numeric_text(d) + second_text(m, d);
    if (d.form) text += "\n" + form_text(*d.form, latex) + "\n";
  }
  return text;
}

}  // namespace dlc
