// DLC_CHECK: an invariant of dlc itself. When it fails dlc is wrong, never the user's program; the message
// says which invariant, in which pass, at which source range, and how to report it. This is the project's
// only macro, because it must quote its condition.
#pragma once
#include <string_view>

namespace dlc {

/// What the compiler is doing, for the message of a failed check: set by the pipeline around each pass.
struct CheckContext {
  std::string_view pass;    // "reverse", "fuse", …
  std::string_view place;   // "net2.dl:8:22"
};
CheckContext& check_context();  // one per thread

[[noreturn]] void check_failed(const char* file, int line, const char* condition, std::string_view why);

}  // namespace dlc

#define DLC_CHECK(condition, why)                                            \
  do {                                                                       \
    if (!(condition)) ::dlc::check_failed(__FILE__, __LINE__, #condition, why); \
  } while (false)
