// Philox against the published vectors and an independent Python version; permutations are permutations, and fair.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "runtime/random/permutation.h"
#include "runtime/random/philox.h"

namespace dlc::runtime {
namespace {

// The lines `philox4x32 10 …` of kat_vectors in Random123 (D. E. Shaw Research), the authors' own test data.
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kAll = 0xffffffff;
  EXPECT_EQ(philox4x32_10({kAll, kAll, kAll, kAll}, {kAll, kAll}),
            (PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

// By the definition at the top of philox.h, evaluated with Python's integers.
TEST(Philox, SixtyFourBits) {
  EXPECT_EQ(philox64(0, 0), 0xe169c58d6627e8d5);
  EXPECT_EQ(philox64(1, 2), 0x8e76cc9d3f55b3f0);
  EXPECT_EQ(philox64(0x299f31d0a4093822, 0x85a308d3243f6a88), 0xb5a3d762e69c9c31);
}

TEST(Permutation, SameAsInPython) {
  const uint64_t key = fold(stream_key(7, Stream::shuffle), 2);
  EXPECT_EQ(permutation(10, key), (std::vector<int64_t>{6, 8, 3, 2, 4, 1, 9, 0, 7, 5}));
}

TEST(Permutation, HoldsEveryRowOnce) {
  for (const int64_t n : {0, 1, 2, 3, 1000}) {
    std::vector<int64_t> order = permutation(n, 5), all(static_cast<size_t>(n));
    std::iota(all.begin(), all.end(), 0);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, all);
  }
}

TEST(Permutation, EveryOrderIsAsLikely) {
  std::map<std::vector<int64_t>, int> counts;
  constexpr int kDraws = 24'000;
  for (uint64_t epoch = 0; epoch < kDraws; ++epoch)
    ++counts[permutation(4, fold(stream_key(0, Stream::shuffle), epoch))];
  ASSERT_EQ(counts.size(), 24u);
  double chi2 = 0;
  for (const auto& [order, count] : counts) chi2 += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi2, 49.7);  // 23 degrees of freedom, one in a thousand
  EXPECT_GT(chi2, 7.5);   // nor more even than chance
}

TEST(Streams, AreApart) {
  EXPECT_NE(stream_key(0, Stream::init), stream_key(0, Stream::shuffle));
  EXPECT_NE(stream_key(0, Stream::init), stream_key(1, Stream::init));
}

}  // namespace
}  // namespace dlc::runtime
