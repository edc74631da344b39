// How messages quote what stands in a file: between backticks, short, and with nothing that would confuse a terminal.
#pragma once
#include <string>
#include <string_view>

namespace dlc::runtime {

/// `text` in backticks; control characters as \n or \x1b, at most 40 bytes and then "…" (never within a UTF-8
/// character).
std::string quote(std::string_view text);

}  // namespace dlc::runtime
