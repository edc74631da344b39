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
    if (row.unit == "ulp" && row.n > 0 && (!worst || row.worst > worst->worst)) worst = &row;
  }
  if (check.n_out_of_range) text += fmt::format("  out of range: {}\n", check.out_of_range_at);
  for (const std::string& note : check.notes) text += fmt::format("  note: {}\n", note);
  if (worst && worst->worst > 0)
    text += fmt::format("  worst: {}, {}{}{}\n", worst->what, worst->at, worst->span ? "\n         from " : "",
                        worst->span ? fmt::format("{}: `{}`", sources.place(worst->span), sources.text(worst->span)) : "");
  return text;
}

nlohmann::ordered_json check_json(const FunctionCheck& check, const Sources& sources) {
  using Json = nlohmann::ordered_json;
  Json json = {{"function", check.function}, {"ok", !check.failed()}};
  if (!check.skipped.empty()) return json["skipped"] = check.skipped, json;
  json["samples"] = check.n_samples, json["on_kinks"] = check.n_kinks, json["outside_domain"] = check.n_outside;
  json["out_of_range"] = check.n_out_of_range, json["without_second_derivative"] = check.n_without_second, json["notes"] = check.notes;
  json["samples_wanted"] = check.n_wanted, json["without_differences"] = check.n_without_differences;
  json["sizes"] = check.sizes, json["cut_short"] = check.is_cut_short, json["seconds"] = check.seconds;
  json["rows"] = Json::array();
  for (const CheckRow& row : check.rows)
    json["rows"].push_back({{"what", row.what}, {"worst", number_json(row.worst)}, {"unit", row.unit}, {"limit", row.limit},
                            {"comparisons", row.n}, {"ok", !row.failed()}, {"at", row.at}, {"place", sources.place(row.span)}});
  return json;
}

void report_failure(const FunctionCheck& check, Diagnostics& diagnostics) {
  const CheckRow* row = worst_failure(check);
  if (!row) return;
  const Span span = row->span ? row->span : check.span;
  diagnostics
      .error(find_kind<kPipelineErrors>("modes-disagree"), span,
             fmt::format("`{}`: {} is off by {}; at most {} is rounding", check.function, row->what, amount(*row), row->limit))
      .here(row->at)
      .label(check.span, fmt::format("checked at {} {}", check.n_samples, check.n_samples == 1 ? "sample" : "samples"));
}

}  // namespace dlc
