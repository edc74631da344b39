// See permutation.h; the draws are philox.h's.
#include "runtime/random/permutation.h"

#include <numeric>
#include <utility>

#include "runtime/random/philox.h"

namespace dlc::runtime {

void shuffle(std::span<int64_t> items, uint64_t key) {
  for (size_t i = items.size(); i-- > 1;) {
    const int64_t j = below(static_cast<int64_t>(i) + 1, philox64(key, i));
    std::swap(items[i], items[static_cast<size_t>(j)]);
  }
}

std::vector<int64_t> permutation(int64_t n, uint64_t key) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  shuffle(order, key);
  return order;
}

}  // namespace dlc::runtime
