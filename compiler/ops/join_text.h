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

template <size_t N>
consteval const char* chars_of(const char (&text)[N]) { return text; }
template <size_t N>
consteval const char* chars_of(const JoinedText<N>& text) { return text.chars; }

/// Of string literals, arrays of char and what join returned before; all have the size of their text and a 0.
template <class... Text>
consteval auto join(const Text&... part) {
  JoinedText<(sizeof(Text) + ... + 0) - sizeof...(Text) + 1> out;
  size_t at = 0;
  const auto append = [&](const char* text, size_t size) {
    for (size_t i = 0; i + 1 < size; ++i) out.chars[at++] = text[i];
  };
  (append(chars_of(part), sizeof(Text)), ...);
  return out;
}

}  // namespace dlc
