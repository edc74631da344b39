// join(a, b, …): several literal texts as one, while compiling. Expansions that share a range reduction share
// its text, so that it is written once.
#pragma once
#include <cstddef>

namespace dlc {

template <size_t N>
struct JoinedText {
  char chars[N] = {};
  constexpr operator const char*() const { return chars; }  // NOLINT: stands where a literal would
};

template <size_t... N>
consteval auto join(const char (&... part)[N]) {
  JoinedText<(N + ... + 0) - sizeof...(N) + 1> out;
  size_t at = 0;
  const auto append = [&](const char* text, size_t length) {
    for (size_t i = 0; i + 1 < length; ++i) out.chars[at++] = text[i];
  };
  (append(part, N), ...);
  return out;
}

}  // namespace dlc
