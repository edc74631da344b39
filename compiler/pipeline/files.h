// Files as dlc reads and writes them: whole, with errors that name the file and give the system's reason.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dlc {

/// All of a file; "-" is standard input.
Result<std::string> read_file(const std::string& path);

/// Writes all or nothing: into a temporary file beside `path`, fsync, rename. After an error `path` is as before.
/// "-" is standard output. Device files (/dev/null) are written directly. The error, if any, is returned.
[[nodiscard]] std::optional<Error> write_file(const std::string& path, std::string_view bytes);

}  // namespace dlc
