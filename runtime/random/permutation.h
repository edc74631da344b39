// Random orders of rows, as a function of a key: the order of epoch 7 is known without the six before it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace dlc::runtime {

/// Fisher–Yates: for i = n − 1, …, 1 swaps items[i] with items[below(i + 1, philox64(key, i))]. Each order has the same
/// chance (up to the generator). Every thread may call it.
void shuffle(std::span<int64_t> items, uint64_t key);

/// 0..n − 1 shuffled. The rows of an epoch: permutation(n, fold(stream_key(seed, Stream::shuffle), epoch)).
std::vector<int64_t> permutation(int64_t n, uint64_t key);

}  // namespace dlc::runtime
