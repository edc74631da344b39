// The IDX format: every type of element, and for each kind of damage the message with its byte.
#include "runtime/data/idx.h"

#include <gtest/gtest.h>

#include "runtime/data/dataset.h"
#include "runtime/data/normalize.h"
#include "tests/runtime/gzip_bytes.h"
#include "tests/runtime/idx_bytes.h"

namespace dlc::runtime {
namespace {

using namespace std::string_literals;

Result<IdxArray> parsed(const std::string& bytes) { return parse_idx(bytes, "a.idx", 1 << 20); }
std::string message(const std::string& bytes) {
  const std::string text = parsed(bytes).error().message, begin = "cannot read `a.idx`: bad IDX data at byte ";
  EXPECT_TRUE(text.starts_with(begin)) << text;
  return text.substr(std::min(begin.size(), text.size()));
}

TEST(Idx, EveryType) {
  const struct {
    int type;
    std::string elements;
    double first, second;
  } kCases[] = {{0x08, "\x01\xFF"s, 1, 255},
                {0x09, "\x01\xFF"s, 1, -1},
                {0x0B, "\x01\x02\xFF\xFE"s, 258, -2},
                {0x0C, "\x00\x01\x00\x00\xFF\xFF\xFF\xFF"s, 65536, -1},
                {0x0D, "\x3F\xC0\x00\x00\xC0\x20\x00\x00"s, 1.5, -2.5},
                {0x0E, "\x3F\xF8\x00\x00\x00\x00\x00\x00\xBF\xE0\x00\x00\x00\x00\x00\x00"s, 1.5, -0.5}};
  for (const auto& c : kCases)
    for (const bool is_packed : {false, true}) {
      const std::string bytes = idx_bytes({2}, c.elements, c.type);
      const Result<IdxArray> a = parsed(is_packed ? gzip_bytes(bytes) : bytes);
      ASSERT_TRUE(a) << a.error().message;
      EXPECT_EQ(a->shape, std::vector<int64_t>{2});
      EXPECT_EQ(a->width(), 1);
      EXPECT_EQ(a->value(0), c.first) << c.type;
      EXPECT_EQ(a->value(1), c.second) << c.type;
    }
  const Result<IdxArray> cube = parsed(idx_bytes({2, 3, 2}, "abcdefghijkl"));
  ASSERT_TRUE(cube);
  EXPECT_EQ(cube->n_rows(), 2);
  EXPECT_EQ(cube->width(), 6);
  EXPECT_EQ(cube->value(11), 'l');
}

TEST(Idx, Damage) {
  const std::string good = idx_bytes({2, 3}, "abcdef");
  EXPECT_EQ(message("\0\0"s), "2: the file ends within its first four bytes");
  EXPECT_EQ(message("P5 "s + good), "0: an IDX file begins with two zero bytes, and this is 80");
  EXPECT_EQ(message("\0\0\x0A\x01"s), "2: 10 is no type of elements; there are 8, 9 (bytes), 11, 12 (integers), 13 and 14 (floats)");
  EXPECT_EQ(message("\0\0\x08\0"s), "3: the array has no size, so it has no rows");
  EXPECT_EQ(message(good.substr(0, 9)), "9: the file ends within its 2 sizes");
  EXPECT_EQ(message(idx_bytes({2, 0}, "")), "8: size 1 is 0, so there is no element");
  EXPECT_EQ(message(good.substr(0, 17)), "17: the file ends early: [2, 3] unsigned bytes are 6 bytes, and 5 bytes follow the sizes");
  EXPECT_EQ(message(good + "x"), "18: 1 bytes follow the last element of [2, 3] unsigned bytes");
  const std::string huge = idx_bytes({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "");
  EXPECT_EQ(message(huge), "16: the file ends early: [4294967295, 4294967295, 4294967295] unsigned bytes are more than there can be, and 0 bytes follow the sizes");
  EXPECT_EQ(message(idx_bytes({2}, "\x3F\xC0\x00\x00\x7F\x80\x00\x00"s, 0x0D)), "12: inf is no number to learn from");
  EXPECT_TRUE(parsed(gzip_bytes(good).substr(0, 20)).error().message.find("bad gzip data") != std::string::npos);
  EXPECT_EQ(read_idx("none.idx").error().message, "cannot read `none.idx`: No such file or directory");
}

IdxSource source(const std::string& name, const std::string& bytes) { return {name, std::make_shared<const IdxArray>(*parsed(bytes))}; }

TEST(Idx, FieldsAreComputedWhenTheyAreGathered) {
  using Op = Arithmetic::Op;
  const IdxSource sources[] = {source("images", idx_bytes({2, 2, 2}, "\x00\x33\x66\xFF\x10\x20\x30\x40"s)), source("labels", idx_bytes({2}, "\x07\x03"s))};
  const IdxFieldSpec specs[] = {{.name = "x", .source = "images", .steps = {{Op::divide, 255}, {Op::subtract_from, 1}}, .shape = {4}, .is_reshaped = true},
                                {.name = "z", .source = "images", .type = NumberType::f64, .steps = {{Op::multiply, 2}, {Op::add, 1}}, .shape = {2, 2}},
                                {.name = "y", .source = "labels", .type = NumberType::i64}};
  Result<Dataset> data = make_idx_dataset(sources, specs);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->n_rows, 2);
  const int64_t rows[] = {1, 0}, first[] = {0};
  EXPECT_EQ(*gather<float>(data->fields[0], first), (std::vector<float>{1.0F, static_cast<float>(1 - 51 / 255.0), static_cast<float>(1 - 102 / 255.0), 0.0F}));
  EXPECT_EQ(*gather<int64_t>(data->fields[2], rows), (std::vector<int64_t>{3, 7}));
  apply_zscore(affine(3, 2, 4), data->fields[1]);
  EXPECT_EQ(*gather<double>(data->fields[1], first), (std::vector<double>{-1, 50, 101, 254}));
  Field fitted = data->fields[2];
  const ZScore z = fit_zscore(fitted, rows);
  EXPECT_EQ(z.mean[0], 5);
  EXPECT_EQ(z.scale[0], 2);
  EXPECT_EQ(gather<int64_t>(data->fields[0], first).error().message, "field `x`, row 0, element 1: 0.8 is not a whole number");
}

TEST(Idx, FieldsThatDoNotFit) {
  const IdxSource sources[] = {source("images", idx_bytes({2, 2, 2}, "abcdefgh")), source("labels", idx_bytes({3}, "abc"))};
  const IdxFieldSpec flat{.name = "x", .source = "images", .shape = {4}}, wrong{.name = "x", .source = "images", .shape = {5}, .is_reshaped = true};
  EXPECT_EQ(make_idx_dataset(sources, std::span(&flat, 1)).error().message, "`a.idx` has 2 rows, and `a.idx` has 3");
  EXPECT_EQ(make_idx_dataset(std::span(sources, 1), std::span(&flat, 1)).error().message,
            "field `x`: a row of `a.idx` is [2, 2], and the field is [4]; `reshape` makes it so");
  EXPECT_EQ(make_idx_dataset(std::span(sources, 1), std::span(&wrong, 1)).error().message, "field `x`: a row of `a.idx` is [2, 2], and the field is [5]");
}

}  // namespace
}  // namespace dlc::runtime
