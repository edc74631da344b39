// A failed DLC_CHECK: say which invariant broke, where, during what, and how to report it; then abort, because
// state that breaks its own invariants can only produce wrong numbers.
#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace dlc {

CheckContext& check_context() {
  thread_local CheckContext context;
  return context;
}

void check_failed(const char* file, int line, const char* condition, std::string_view why) {
  const CheckContext& context = check_context();
  const auto write = [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); };
  write("dlc: internal error: ");
  write(why);
  std::fprintf(stderr, "\n  invariant: %s  (%s:%d)\n", condition, file, line);
  if (!context.pass.empty()) write("  during: "), write(context.pass), write("\n");
  if (!context.place.empty()) write("  at: "), write(context.place), write("\n");
  write(
      "  This is a mistake in dlc, not in your program. Please report it together with the program and the command\n"
      "  line; `dlc compile FILE --emit ir` shows the last good stage.\n");
  std::fflush(stderr);
  std::abort();
}

}  // namespace dlc
