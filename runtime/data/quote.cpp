// See quote.h.
#include "runtime/data/quote.h"

#include <fmt/format.h>

namespace dlc::runtime {

std::string quote(std::string_view text) {
  constexpr size_t kLongest = 40;
  const bool is_cut = text.size() > kLongest;
  if (is_cut) {
    size_t end = kLongest;
    while (end > kLongest - 4 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string out = "`";
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  return out + (is_cut ? "…`" : "`");
}

}  // namespace dlc::runtime
