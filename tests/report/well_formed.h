// Whether elements are closed in order and text holds no bare < or &, as XML wants it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace dlc::test {

/// What is wrong, "" if nothing.
inline std::string markup_fault(std::string_view text) {
  std::vector<std::string> open;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '&' && (text.find(';', at) > at + 6)) return "a bare &";
    if (text[at] != '<') continue;
    const size_t end = text.find('>', at);
    if (end == std::string_view::npos) return "a tag has no end";
    std::string_view tag = text.substr(at + 1, end - at - 1);
    at = end;
    if (tag.starts_with('!')) continue;
    const bool closes = tag.starts_with('/'), is_empty = tag.ends_with('/');
    if (closes) tag.remove_prefix(1);
    const std::string name(tag.substr(0, tag.find_first_of(" /\n")));
    if (closes && (open.empty() || open.back() != name)) return "</" + name + "> closes what is not open";
    if (closes) open.pop_back();
    else if (!is_empty) open.push_back(name);
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

}  // namespace dlc::test
