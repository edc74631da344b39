// Diagnostics and errors as the commands and dlc.h show them.
#pragma once
#include <string>

#include "base/diagnostic.h"

namespace dlc {

enum class MessageFormat : uint8_t { full, short_line, json };

/// All of them, in order; a blank line between two in the full form.
std::string render_all(const Diagnostics& d, const Sources& sources, MessageFormat format = MessageFormat::full, bool color = false);
std::string render_one(const Diagnostic& d, const Sources& sources, MessageFormat format = MessageFormat::full, bool color = false);
/// An error that has no place in a source.
std::string render_plain(const std::string& message, MessageFormat format);

}  // namespace dlc
