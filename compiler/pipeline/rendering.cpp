// Diagnostics one after the other, and errors without a place in the same forms.
#include "pipeline/rendering.h"

#include <fmt/format.h>

#include <unordered_set>

#include <nlohmann/json.hpp>

namespace dlc {

std::string render_one(const Diagnostic& d, const Sources& sources, MessageFormat format, bool color) {
  std::string text;
  switch (format) {
    case MessageFormat::full: text = render_text(d, sources, color); break;
    case MessageFormat::short_line: text = render_short(d, sources); break;
    case MessageFormat::json: text = render_json(d, sources); break;
  }
  return text.ends_with('\n') ? text : text + '\n';
}

std::string render_all(const Diagnostics& diagnostics, const Sources& sources, MessageFormat format, bool color) {
  std::string text;
  std::unordered_set<std::string> said;  // what is wrong in a function of f32 is so in that of f64
  for (const Diagnostic& d : diagnostics.all()) {
    std::string one = render_one(d, sources, format, color);
    if (!said.insert(one).second) continue;
    if (format == MessageFormat::full && !text.empty()) text += "\n";
    text += one;
  }
  if (diagnostics.n_errors() > Diagnostics::kMaxErrors && format == MessageFormat::full)
    text += fmt::format("\n{} more errors are not shown\n", diagnostics.n_errors() - Diagnostics::kMaxErrors);
  return text;
}

std::string render_plain(const std::string& message, MessageFormat format) {
  if (format != MessageFormat::json) return "error: " + message + "\n";
  const nlohmann::ordered_json json = {{"severity", "error"}, {"message", message}};
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace dlc
