// An IDX file's bytes, for tests.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace dlc::runtime {

inline std::string idx_bytes(const std::vector<uint32_t>& sizes, const std::string& elements, int type = 0x08) {
  std::string out{'\0', '\0', static_cast<char>(type), static_cast<char>(sizes.size())};
  for (const uint32_t n : sizes)
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(n >> shift & 0xFF);
  return out + elements;
}

}  // namespace dlc::runtime
