// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a random number
// is a function of a key and a counter, with no state. So every number of a run can be drawn again, in any order and on
// any thread, by who knows its key and counter: a resumed run and a recomputed dropout mask see the same bits.
//
// Generated code draws the same numbers, written in dlc's own expressions, from this definition:
//
//   philox64(key, counter) = w0 + 2^32 w1, where (w0, w1, _, _) = Philox4x32-10 with
//     key     = (low 32 bits of key, high 32 bits of key)
//     counter = (low 32 bits of counter, high 32 bits of counter, 0, 0)
//
// Keys form a tree: `fold(key, i)` is the key of child i. A use takes the numbers at counters 0, 1, 2, … of its key, so
// two uses never share a number as long as their paths in the tree differ. The tree of a run with seed s:
//
//   stream_key(s, Stream::init)     first values of parameters: fold by the parameter's index in declared order
//   stream_key(s, Stream::split)    rows into train, valid, test: fold by the index of the class (0 if not stratified)
//   stream_key(s, Stream::shuffle)  the order of an epoch: fold by the epoch, from 0
//   stream_key(s, Stream::noise)    dropout and `key`: fold by update, row in the epoch order, use site and
//                                   loop iteration; the counter is the element
#pragma once
#include <array>
#include <cstdint>

namespace dlc::runtime {

using PhiloxKey = std::array<uint32_t, 2>;
using PhiloxWords = std::array<uint32_t, 4>;

/// The ten rounds, as published: the round's two products, mixed with the other two words and the key; then the key
/// moves on by the golden ratio and by √3 − 1.
constexpr PhiloxWords philox4x32_10(PhiloxWords counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * counter[0];
    const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(a)};
    key = {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
  }
  return counter;
}

/// 64 random bits, see the top of this file.
constexpr uint64_t philox64(uint64_t key, uint64_t counter) {
  const PhiloxWords words = philox4x32_10({static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0},
                                          {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
  return words[0] | uint64_t{words[1]} << 32;
}

/// What a number is drawn for; each stream is a subtree of keys. The values are part of what a seed means: never
/// renumber.
enum class Stream : uint64_t { init = 1, split = 2, shuffle = 3, noise = 4 };

/// The key of child `i`. The same function as a draw, as in every counter-based key tree: a key is either folded or
/// drawn from, never both.
constexpr uint64_t fold(uint64_t key, uint64_t i) { return philox64(key, i); }

constexpr uint64_t stream_key(uint64_t seed, Stream stream) { return fold(seed, static_cast<uint64_t>(stream)); }

/// A number in 0..n − 1, by the high half of a product. Its bias is below n / 2^64.
constexpr int64_t below(int64_t n, uint64_t bits) {
  return static_cast<int64_t>((static_cast<unsigned __int128>(bits) * static_cast<uint64_t>(n)) >> 64);
}

}  // namespace dlc::runtime
