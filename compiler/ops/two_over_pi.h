// The binary fraction of 2/π, 64 bits a word, for reducing huge angles (Payne & Hanek): sin(1e300) needs the bits from
// 2^-1000 on. Word 0 is 0, so that a window that starts before the binary point reads zeros. Also what the `mulhi` and
// `pow2` primitives mean.
#pragma once
#include <cmath>
#include <cstdint>

#include "ops/number.h"

namespace dlc::meaning {

inline constexpr uint64_t kTwoOverPi[] = {
    0x0000000000000000,
    0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E, 0xE88235F52EBB4484,
    0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB,
};
inline constexpr int64_t kTwoOverPiWords = sizeof kTwoOverPi / sizeof kTwoOverPi[0];

/// An index outside the table gives 0: lanes whose value is not used may ask for anything.
inline int64_t two_over_pi(int64_t i) {
  return i < 0 || i >= kTwoOverPiWords ? 0 : static_cast<int64_t>(kTwoOverPi[i]);
}

/// High 64 bits of the unsigned product, by halves of 32 bits.
inline int64_t high_product(int64_t a, int64_t b) {
  const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b), low = 0xFFFFFFFF;
  const uint64_t x0 = x & low, x1 = x >> 32, y0 = y & low, y1 = y >> 32;
  const uint64_t middle = x1 * y0 + (x0 * y0 >> 32), middle2 = x0 * y1 + (middle & low);
  return static_cast<int64_t>(x1 * y1 + (middle >> 32) + (middle2 >> 32));
}

template <Real T>
T power_of_two(T k) {
  if constexpr (Native<T>) return static_cast<T>(std::ldexp(1.0, static_cast<int>(k)));
  else return ldexp(T(1), static_cast<int64_t>(k));
}

}  // namespace dlc::meaning
