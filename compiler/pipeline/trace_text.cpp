// Traces as tables for the terminal and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "pipeline/trace.h"
#include "pipeline/values.h"

namespace dlc {
namespace {

using Json = nlohmann::ordered_json;

int width_of(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    width += display_width(c.value);
    at += static_cast<size_t>(c.size);
  }
  return width;
}

/// Columns padded to their widest cell; the last is not.
std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<int> widths;
  for (const auto& row : rows)
    for (size_t k = 0; k < row.size(); ++k) {
      if (k >= widths.size()) widths.push_back(0);
      widths[k] = std::max(widths[k], width_of(row[k]));
    }
  std::string text;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (size_t k = 0; k < row.size(); ++k) {
      line += row[k];
      if (k + 1 < row.size()) line.append(static_cast<size_t>(widths[k] - width_of(row[k]) + 3), ' ');
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string defined(const TraceLine& line) { return line.expression.empty() ? line.name : line.name + " = " + line.expression; }

/// The name without the combining bar.
std::string unbarred(std::string name) {
  if (const size_t at = name.find("\u0304"); at != std::string::npos) name.erase(at, 2);
  return name;
}

Json numbers_json(const InterpValue<double>& v) {
  if (v.dtype == DType::tuple) {
    Json all = Json::array();
    for (const auto& field : v.fields) all.push_back(numbers_json(field));
    return all;
  }
  if (v.dims.empty()) return is_float(v.dtype) ? number_json(v.floats[0], v.dtype) : v.dtype == DType::b1 ? Json(v.ints[0] != 0) : Json(v.ints[0]);
  Json elements = Json::array();
  for (double x : v.floats) elements.push_back(number_json(x, v.dtype));
  for (int64_t x : v.ints) elements.push_back(x);
  return {{"shape", v.dims}, {"elements", std::move(elements)}};
}

}  // namespace

std::string sum_text(const AdjointLine& line) {
  const std::string name = unbarred(line.name);
  if (line.terms.empty()) return value_brief(line.value);
  std::string symbols, numbers;
  bool is_scalar = true;
  for (const AdjointTerm& t : line.terms) {
    symbols += fmt::format("{}{}·∂{}/∂{}", symbols.empty() ? "" : " + ", barred(t.from), t.from, name);
    is_scalar = is_scalar && t.partial && t.adjoint.dims.empty();
    if (!is_scalar) continue;
    const auto factor = [](double x) { return x < 0 ? "(" + short_number(x) + ")" : short_number(x); };
    const std::string bar = numbers.empty() ? short_number(t.adjoint.floats[0]) : factor(t.adjoint.floats[0]);
    numbers += fmt::format("{}{}·{}", numbers.empty() ? "" : " + ", bar, factor(*t.partial));
  }
  if (is_scalar) return fmt::format("{} = {} = {}", symbols, numbers, value_brief(line.value));
  return fmt::format("{} = {}", symbols, value_brief(line.value));
}

std::string trace_text(const Trace& t) {
  std::vector<std::vector<std::string>> rows{{"value", ""}};
  for (const std::string& x : t.mode == Mode::forward ? t.wrt : std::vector<std::string>()) rows[0].push_back("∂/∂" + x);
  for (const TraceLine& line : t.lines) {
    rows.push_back({defined(line), value_brief(line.value)});
    for (const auto& d : line.tangents) rows.back().push_back(value_brief(d));
  }
  rows[0] = t.mode == Mode::forward ? rows[0] : std::vector<std::string>{"value"};
  if (t.mode == Mode::forward) rows[0][1] = "number";
  std::string text = t.passes + "\n";
  if (!t.note.empty()) text += t.note + "\n";
  text += "\n" + table_text(rows);
  for (const BackwardSweep& sweep : t.sweeps) {
    text += fmt::format("\n  adjoints of {}\n", sweep.function);
    std::vector<std::vector<std::string>> lines;
    for (const AdjointLine& line : sweep.lines) lines.push_back({fmt::format("{} = {}", line.name, sum_text(line))});
    text += table_text(lines);
  }
  return text;
}

Json trace_json(const Trace& t) {
  Json json = {{"mode", mode_name(t.mode)}, {"wrt", t.wrt}, {"passes", t.passes}, {"lines", Json::array()}};
  if (!t.note.empty()) json["note"] = t.note;
  for (const TraceLine& line : t.lines) {
    Json one = {{"name", line.name}, {"expression", line.expression}, {"value", numbers_json(line.value)}};
    for (size_t k = 0; k < line.tangents.size(); ++k) one["tangents"][t.wrt[k]] = numbers_json(line.tangents[k]);
    json["lines"].push_back(std::move(one));
  }
  for (const BackwardSweep& sweep : t.sweeps) {
    Json lines = Json::array();
    for (const AdjointLine& line : sweep.lines) {
      Json one = {{"name", unbarred(line.name)}, {"adjoint", numbers_json(line.value)}, {"terms", Json::array()}};
      for (const AdjointTerm& term : line.terms) {
        Json part = {{"from", term.from}, {"adjoint", numbers_json(term.adjoint)}};
        if (term.partial) part["partial"] = number_json(*term.partial);
        part["contribution"] = numbers_json(term.contribution);
        one["terms"].push_back(std::move(part));
      }
      lines.push_back(std::move(one));
    }
    json["sweeps"].push_back({{"function", sweep.function}, {"adjoints", std::move(lines)}});
  }
  return json;
}

}  // namespace dlc
