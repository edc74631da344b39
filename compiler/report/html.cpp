// Escaping, tables and the frame of the page.
#include "report/html.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "report/style.h"

namespace dlc {

std::string escaped(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const std::string_view bytes = text.substr(at, static_cast<size_t>(c.size));
    at += static_cast<size_t>(c.size);
    // XML has no spelling for most control characters, nor for U+FFFE and U+FFFF.
    const bool is_text = c.valid && c.value != 0x7f && c.value != 0xfffe && c.value != 0xffff &&
                         (c.value >= 0x20 || c.value == '\n' || c.value == '\t') && !(c.value >= 0x80 && c.value < 0xa0);
    if (!is_text) out += "\uFFFD";
    else if (c.value == '&') out += "&amp;";
    else if (c.value == '<') out += "&lt;";
    else if (c.value == '>') out += "&gt;";
    else if (c.value == '"') out += "&quot;";
    else if (c.value == '\'') out += "&#39;";
    else out += bytes;
  }
  return out;
}

std::string page(std::string_view title, std::string_view body) {
  return fmt::format("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                     "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>{}</title>\n<style>\n{}</style>\n</head>\n"
                     "<body>\n<main>\n{}</main>\n</body>\n</html>\n",
                     escaped(title), kStyle, body);
}

std::string table(const std::vector<TableRow>& rows) {
  std::string out = "<div class=\"wide\"><table>\n";
  for (size_t k = 0; k < rows.size(); ++k) {
    const bool is_head = k == 0 && std::all_of(rows[k].begin(), rows[k].end(), [](const Cell& c) { return c.is_head; });
    if (k == 0) out += is_head ? "<thead>" : "<tbody>";
    out += "<tr>";
    for (const Cell& c : rows[k]) {
      const char* scope = !c.is_head ? "" : is_head ? " scope=\"col\"" : " scope=\"row\"";
      const char* tag = c.is_head ? "th" : "td";
      out += fmt::format("<{}{}{}>{}</{}>", tag, scope, c.attributes, c.html, tag);
    }
    out += is_head ? "</tr></thead>\n<tbody>" : "</tr>\n";
  }
  return out + (rows.empty() ? "<tbody>" : "") + "</tbody></table></div>\n";
}

std::string grouped(std::string digits) {
  if (digits.size() > 24) return fmt::format("{}.{}·10<sup>{}</sup>", digits[0], digits.substr(1, 2), digits.size() - 1);
  for (size_t k = digits.size(); k > 3 && digits.size() > 4;) digits.insert(k -= 3, "\u202f");
  return digits;
}

}  // namespace dlc
