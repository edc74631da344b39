// Results of `check` as a table, as JSON, and as a diagnostic.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "pipeline/check.h"
#include "pipeline/errors.h"
#include "pipeline/values.h"

namespace dlc {
namespace {

std::string amount(const CheckRow& row) {
  if (row.n == 0) return "–";
  if (!row.error.empty()) return "ends in an error";
  if (row.unit == "samples differ") return fmt::format("{} of {} {}", row.worst, row.n, row.unit);
  return fmt::format("{:.3g} {}", row.worst, row.unit);
}

const char* verdict(const CheckRow& row) { return row.failed() ? "FAILED" : row.n == 0 ? "not compared" : "ok"; }

/// The failed row that is furthest beyond its limit.
const CheckRow* worst_failure(const FunctionCheck& check) {
  const CheckRow* worst = nullptr;
  for (const CheckRow& row : check.rows)
    if (row.failed() && (!worst || row.worst / std::max(row.limit, 1e-9) > worst->worst / std::max(worst->limit, 1e-9))) worst = &row;
  return worst;
}

}  // namespace

std::string check_text(const FunctionCheck& check, const Sources& sources) {
  if (!check.skipped.empty()) return fmt::format("{}: not checked: {}\n", check.function, check.skipped);
  std::string text = fmt::format("{}: {} {}", check.function, check.n_samples, check.n_samples == 1 ? "sample" : "samples");
  if (check.n_kinks) text += fmt::format(", {} on kinks", check.n_kinks);
  if (check.n_outside) text += fmt::format(", {} more outside the domain", check.n_outside);
  if (check.n_out_of_range) text += fmt::format(", {} more left out of range", check.n_out_of_range);
  if (check.n_without_second) text += fmt::format(", {} without a second derivative", check.n_without_second);
  if (check.n_without_differences) text += fmt::format(", {} without differences for want of time", check.n_without_differences);
  if (!check.sizes.empty()) text += fmt::format("; sizes shrunk to {}", check.sizes);
  if (check.is_cut_short) text += fmt::format("; stopped after {:.0f} s, of {} samples", check.seconds, check.n_wanted);
  text += "\n";
  size_t width = 0;
  const auto cells = [](const std::string& s) { return static_cast<size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xC0) != 0x80; })); };
  for (const CheckRow& row : check.rows) width = std::max(width, cells(row.what));
  const CheckRow* worst = nullptr;
  for (const CheckRow& row : check.rows) {
    text += fmt::format("  {}{}  {:<24} {}\n", row.what, std::string(width - cells(row.what), ' '), amount(row), verdict(row));
    if (row.unit == "ulp" && row.error.empty() && row.n > 0 && (!worst || row.worst > worst->worst)) worst = &row;
  }
  for (const CheckRow& row : check.rows)
    if (!row.error.empty()) text += fmt::format("  {}: {}{} {}\n", row.what, row.span ? sources.place(row.span) + ": " : "", row.error, row.at);
  if (check.n_value_errors) text += fmt::format("  outside: the value ends in an error at {} of them, first in {}\n", check.n_value_errors, check.value_error);
  if (check.n_out_of_range) text += fmt::format("  out of range: {}\n", check.out_of_range_at);
  for (const std::string& note : check.notes) text += fmt::format("  note: {}\n", note);
  if (worst && worst->worst > 0)
    text += fmt::format("  worst: {}, {}{}{}\n", worst->what, worst->at, worst->span ? "\n         from " : "",
                        worst->span ? fmt::format("{}: `{}`", sources.place(worst->span), sources.text(worst->span)) : "");
  return text;
}

std::string why_nothing_is_left(const FunctionCheck& check) {
  const int n = check.n_outside + check.n_out_of_range, n_errors = check.n_value_errors;
  if (n_errors == n) return fmt::format("the value ends in an error at each of {} samples, first in {}", n, check.value_error);
  std::string why = fmt::format("at none of {} samples are value and derivative finite", n);
  if (check.n_out_of_range) why += fmt::format(" and within the range of their type: {}", check.out_of_range_at);
  if (n_errors) why += fmt::format("; the value ends in an error at {} of them, first in {}", n_errors, check.value_error);
  return why;
}

nlohmann::ordered_json check_json(const FunctionCheck& check, const Sources& sources) {
  using Json = nlohmann::ordered_json;
  Json json = {{"function", check.function}, {"ok", !check.failed()}};
  if (!check.skipped.empty()) return json["skipped"] = check.skipped, json;
  json["samples"] = check.n_samples, json["on_kinks"] = check.n_kinks, json["outside_domain"] = check.n_outside;
  json["out_of_range"] = check.n_out_of_range, json["without_second_derivative"] = check.n_without_second, json["notes"] = check.notes;
  json["samples_wanted"] = check.n_wanted, json["without_differences"] = check.n_without_differences;
  json["value_errors"] = check.n_value_errors, json["value_error"] = check.value_error;
  json["sizes"] = check.sizes, json["cut_short"] = check.is_cut_short, json["seconds"] = check.seconds;
  json["rows"] = Json::array();
  for (const CheckRow& row : check.rows) {
    json["rows"].push_back({{"what", row.what}, {"worst", number_json(row.worst)}, {"unit", row.unit}, {"limit", row.limit},
                            {"comparisons", row.n}, {"ok", !row.failed()}, {"at", row.at}, {"place", sources.place(row.span)}});
    if (!row.error.empty()) json["rows"].back()["error"] = row.error;
  }
  return json;
}

void report_failure(const FunctionCheck& check, Diagnostics& diagnostics) {
  const CheckRow* row = worst_failure(check);
  if (!row) return;
  const Span span = row->span ? row->span : check.span;
  if (!row->error.empty()) {
    diagnostics
        .error(find_kind<kPipelineErrors>("derivative-fails"), span,
               fmt::format("`{}`: {} ends in an error where the value has none: {}", check.function, row->what, row->error))
        .here(row->at);
    return;
  }
  diagnostics
      .error(find_kind<kPipelineErrors>("modes-disagree"), span,
             fmt::format("`{}`: {} is off by {}; at most {} is rounding", check.function, row->what, amount(*row), row->limit))
      .here(row->at)
      .label(check.span, fmt::format("checked at {} {}", check.n_samples, check.n_samples == 1 ? "sample" : "samples"));
}

}  // namespace dlc
