// UTF-8 one code point at a time, and how wide a terminal draws it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dlc {

struct CodePoint {
  char32_t value = 0;
  int size = 1;       // bytes it takes; 1 for an invalid byte
  bool valid = true;  // false: not UTF-8 (also overlong forms, surrogates, beyond U+10FFFF)
};

/// Decodes the code point at `at`, which must be inside `text`.
CodePoint decode_utf8(std::string_view text, size_t at);

/// Terminal cells: 2 for East Asian wide characters and emoji, 0 for combining marks, else 1.
int display_width(char32_t c);

/// Number of code points; every invalid byte counts as one.
size_t count_code_points(std::string_view text);

}  // namespace dlc
