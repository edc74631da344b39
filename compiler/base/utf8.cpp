// See utf8.h. The width tables name blocks, not single characters: carets may be a cell off under rare scripts,
// which costs looks, never correctness.
#include "base/utf8.h"

namespace dlc {

CodePoint decode_utf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t k) -> uint32_t {
    return at + k < text.size() ? static_cast<unsigned char>(text[at + k]) : 0u;
  };
  const uint32_t first = byte(0);
  if (first < 0x80) return {static_cast<char32_t>(first), 1, true};
  const int size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return {0xFFFD, 1, false};
  uint32_t value = first & (0xFFu >> (size + 1));
  for (int k = 1; k < size; ++k) {
    const uint32_t next = byte(static_cast<size_t>(k));
    if ((next & 0xC0) != 0x80) return {0xFFFD, 1, false};
    value = value << 6 | (next & 0x3F);
  }
  const uint32_t smallest = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
  const bool surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < smallest || value > 0x10FFFF || surrogate) return {0xFFFD, 1, false};
  return {static_cast<char32_t>(value), size, true};
}

namespace {
struct Block {
  char32_t first, last;
};
constexpr Block kZeroWidth[] = {{0x300, 0x36F},   {0x483, 0x489},   {0x591, 0x5BD},   {0x64B, 0x65F},
                                {0x93A, 0x93A},   {0x941, 0x948},   {0x94D, 0x94D},   {0xE31, 0xE31},
                                {0xE34, 0xE3A},   {0x200B, 0x200F}, {0x202A, 0x202E}, {0x2060, 0x2064},
                                {0x20D0, 0x20F0}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF}};
constexpr Block kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xAC00, 0xD7A3},
                           {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},
                           {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
}  // namespace

int display_width(char32_t c) {
  if (c < 0x300) return 1;
  for (const Block& b : kZeroWidth)
    if (c >= b.first && c <= b.last) return 0;
  for (const Block& b : kWide)
    if (c >= b.first && c <= b.last) return 2;
  return 1;
}

size_t count_code_points(std::string_view text) {
  size_t n = 0;
  for (size_t at = 0; at < text.size(); ++n) at += static_cast<size_t>(decode_utf8(text, at).size);
  return n;
}

}  // namespace dlc
