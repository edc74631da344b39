// Texts as numbers of characters, and what is no text.
#include "runtime/data/text.h"

#include <gtest/gtest.h>

#include "runtime/data/split.h"
#include "tests/runtime/gzip_bytes.h"

namespace dlc::runtime {
namespace {

Result<Text> parsed(const std::string& bytes, const std::vector<char32_t>& characters = {}) { return parse_text(bytes, "t.txt", 1 << 20, characters); }

TEST(Text, CharactersAreNumberedInOrder) {
  for (const bool is_packed : {false, true}) {
    const std::string bytes = "baß€a😀\n";
    const Result<Text> text = parsed(is_packed ? gzip_bytes(bytes) : bytes);
    ASSERT_TRUE(text) << text.error().message;
    EXPECT_EQ(text->characters, (std::vector<char32_t>{'\n', 'a', 'b', 0xDF, 0x20AC, 0x1F600}));
    EXPECT_EQ(text->ids, (std::vector<int64_t>{2, 1, 3, 4, 1, 5, 0}));
    EXPECT_EQ(utf8_of(text->characters), "\nabß€😀");
  }
  EXPECT_EQ(parsed("\xEF\xBB\xBF" "ab")->ids, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(parsed("ba", {'a', 'b', 'c'})->ids, (std::vector<int64_t>{1, 0}));
  EXPECT_EQ(parsed("a\nax", {'\n', 'a', 'b'}).error().message, "t.txt:2: the character `x` did not occur in training");
}

TEST(Text, WhatIsNoText) {
  EXPECT_EQ(parsed("").error().message, "`t.txt` is empty");
  for (const char* bytes : {"ab\xFF", "ab\x80", "ab\xC3", "ab\xC0\x80", "ab\xE0\x80\x80", "ab\xED\xA0\x80", "ab\xF4\x90\x80\x80", "ab\xF0\x9F\x98"})
    EXPECT_EQ(parsed(bytes).error().message, "cannot read `t.txt`: byte 2 is not UTF-8") << bytes;
}

TEST(Text, Windows) {
  const Result<Text> text = parsed("abcdefghij");
  EXPECT_EQ(n_windows(*text, 4, 3), 3);   // abcd defg ghij
  EXPECT_EQ(n_windows(*text, 4, 1), 7);
  EXPECT_EQ(n_windows(*text, 10, 5), 1);
  EXPECT_EQ(n_windows(*text, 11, 1), 0);
}

TEST(Split, InOrder) {
  const Result<Split> split = split_in_order(11, {0.8, 0.2}, 1);
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_EQ(split->train, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(split->valid, (std::vector<int64_t>{9, 10}));
  const Result<Split> counts = split_in_order(11, {4, 2, 1, true}, 2);
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->train, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(counts->valid, (std::vector<int64_t>{6, 7}));
  EXPECT_EQ(counts->test, (std::vector<int64_t>{10}));
  EXPECT_EQ(split_in_order(5, {}, 3)->train.size(), 5U);
  EXPECT_EQ(split_in_order(11, {8, 2, 0, true}, 2).error().message, "split: train, valid and test (8, 2, 0) take 12 rows with the 2 between them, and there are 11");
  EXPECT_EQ(split_in_order(3, {0.5, 0.5}, 3).error().message, "split: train = 0.5 of 3 rows is no row");
}

}  // namespace
}  // namespace dlc::runtime
