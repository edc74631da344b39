// Whole files in and out. Writing is all or nothing: a crash, a full disk or a kill at any moment leaves the earlier
// file or the new one, never a mix and never neither.
//
//   if (MaybeError error = write_file("net2.safetensors", bytes)) return *error;
//
// How: the bytes go into `.NAME.part` in the same folder, which is synced to disk and then renamed over the file; last
// the folder is synced, so that the rename itself lasts. A part left behind by a killed process is taken over by the
// next write. Writers of the same file, threads or processes, take turns. Functions here may be called from any thread.
#pragma once
#include <string>
#include <string_view>

#include "runtime/result.h"

namespace dlc::runtime {

/// All bytes of a file; "-" is standard input. Fails on a folder, and on a file larger than memory.
Result<std::string> read_file(const std::string& path);

/// Writes `path`, all or nothing; after an error it is as it was and no part is left. A symbolic link stays one: what
/// it points to is replaced. What is no regular file ("-" for standard output, /dev/null, a pipe) is written directly.
MaybeError write_file(const std::string& path, std::string_view bytes);

}  // namespace dlc::runtime
