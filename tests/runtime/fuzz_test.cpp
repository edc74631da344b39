// Damaged files: 10 000 mutations each of tables, arrays and texts (plain and gzip) and of weights are read, and what is read is used.
// Nothing may crash; CI runs this under the sanitizers. Whatever is accepted must be sound: a table rectangular,
// weights such that they can be written and read again.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "runtime/data/dataset.h"
#include "runtime/data/preparation.h"
#include "runtime/data/safetensors.h"
#include "runtime/data/text.h"
#include "tests/runtime/gzip_bytes.h"
#include "tests/runtime/idx_bytes.h"

namespace dlc::runtime {
namespace {

constexpr int kMutations = 10'000;

/// One to four edits: pieces of text that mean something, swaps and repeats of what is there, single bytes, cuts.
std::string mutate(std::string text, std::span<const std::string_view> pieces, std::mt19937& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % std::max<size_t>(n, 1)); };
  for (size_t edit = 0, n = 1 + below(4); edit < n && !text.empty(); ++edit) {
    const size_t at = below(text.size()), length = below(16);
    switch (below(8)) {
      case 0: text.erase(at, length); break;
      case 1: text.insert(at, pieces[below(pieces.size())]); break;
      case 2: text.replace(at, 1 + below(4), pieces[below(pieces.size())]); break;
      case 3: text.insert(below(text.size()), text.substr(at, length * 4)); break;
      case 4: std::swap(text[at], text[below(text.size())]); break;
      case 5: text.resize(at); break;
      default: text[at] = static_cast<char>(random()); break;
    }
  }
  return text;
}

void use_table(const std::string& bytes) {
  const Result<CsvTable> table = parse_csv(bytes, "t.csv", 1 << 20);
  if (!table) {
    EXPECT_FALSE(table.error().message.empty());
    return;
  }
  size_t n = 0;
  for (int64_t row = 0; row < table->n_rows(); ++row)
    for (int64_t c = 0; c < table->n_columns(); ++c) n += table->cell(row, c).size();
  EXPECT_LE(n, size_t{1} << 20);
  const FieldSpec specs[] = {{.name = "x", .begin = 0, .end = 3, .is_vector = true},
                             {.name = "y", .columns = {"kind"}, .labels = {{"red", 1}, {"dry white", 0}}},
                             {.name = "n", .type = NumberType::i64, .columns = {"count"}}};
  for (const MissingPolicy policy : {MissingPolicy::error, MissingPolicy::drop}) {
    const Result<Dataset> data = make_dataset(*table, specs, policy);
    if (!data) continue;
    for (const Field& f : data->fields) EXPECT_EQ(f.values.size(), data->lines.size() * f.columns.size());
    EXPECT_TRUE(gather<int64_t>(data->fields[2], std::vector<int64_t>{0}));
  }
}

TEST(Fuzz, Tables) {
  constexpr std::string_view kPieces[] = {"\"",    "\"\"", ",",  "\n",   "\r", "\r\n", "\xEF\xBB\xBF", "nan",
                                          "1e999", "-",    "NA", "\xff", " ",  ",,",   "\x1f\x8b"};
  const std::string text =
      "acid,sugar,\"the \"\"ash\"\"\",kind,count\n7.4,1.9,.076,red,11\r\n6.3,,-1e-2,\"dry "
      "white\",3\n\n8,\"2\",+3,red,4\n";
  const std::string packed = gzip_bytes(text);
  std::mt19937 random(1);
  for (int i = 0; i < kMutations; ++i) switch (i % 3) {
      case 0: use_table(mutate(text, kPieces, random)); break;
      case 1: use_table(mutate(packed, kPieces, random)); break;
      default: use_table(gzip_bytes(mutate(text, kPieces, random))); break;
    }
}

void use_array(const std::string& bytes) {
  const Result<IdxArray> array = parse_idx(bytes, "a.idx", 1 << 20);
  if (!array) {
    EXPECT_FALSE(array.error().message.empty());
    return;
  }
  const IdxSource source{"a", std::make_shared<const IdxArray>(*array)};
  const IdxFieldSpec spec{.name = "x", .source = "a", .type = NumberType::f64, .shape = {array->shape.begin() + 1, array->shape.end()}};
  const Result<Dataset> data = make_idx_dataset(std::span(&source, 1), std::span(&spec, 1));
  ASSERT_TRUE(data) << data.error().message;
  const int64_t last[] = {array->n_rows() - 1};
  const Result<std::vector<double>> row = gather<double>(data->fields[0], last);
  ASSERT_TRUE(row) << row.error().message;
  EXPECT_EQ(static_cast<int64_t>(row->size()), array->width());
}

TEST(Fuzz, Arrays) {
  using namespace std::string_literals;
  const std::string zeros = "\0\0\0\0"s, sizes = "\0\0\0\x02"s;
  const std::string_view pieces[] = {zeros, sizes, "\x08", "\x0B", "\x0D", "\x0E", "\xFF\xFF\xFF\xFF", "\x7F\x80", "\x1f\x8b"};
  const std::string bytes[] = {idx_bytes({2, 3, 2}, "abcdefghijkl"), idx_bytes({3}, "\x3F\xC0\x00\x00\xC0\x20\x00\x00\x00\x00\x00\x00"s, 0x0D)};
  const std::string packed = gzip_bytes(bytes[0]);
  std::mt19937 random(3);
  for (int i = 0; i < kMutations; ++i) switch (i % 4) {
      case 0: use_array(mutate(packed, pieces, random)); break;
      case 1: use_array(gzip_bytes(mutate(bytes[0], pieces, random))); break;
      default: use_array(mutate(bytes[i % 2], pieces, random)); break;
    }
}

TEST(Fuzz, Texts) {
  constexpr std::string_view kPieces[] = {"\xEF\xBB\xBF", "\xC3", "\x80", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\xA0\x80", "\xF4\x90", "\n", "\x1f\x8b"};
  const std::string text = "To be, or not to be: ä€😀.\n", packed = gzip_bytes(text);
  std::mt19937 random(4);
  for (int i = 0; i < kMutations; ++i) {
    const std::string damaged = mutate(i % 2 ? text : packed, kPieces, random);
    const Result<Text> read = parse_text(damaged, "t.txt", 1 << 20);
    if (!read) {
      EXPECT_FALSE(read.error().message.empty());
      continue;
    }
    std::vector<char32_t> all;
    for (const int64_t id : read->ids) all.push_back(read->characters.at(static_cast<size_t>(id)));
    const Result<Text> again = parse_text(utf8_of(all), "t.txt", 1 << 20, read->characters);
    ASSERT_TRUE(again) << again.error().message;
    if (all[0] != 0xFEFF) { EXPECT_EQ(again->ids, read->ids); }
  }
}

std::string weights() {
  TensorFile file{.metadata = {{"model", "Net2"}, {"σ", "\"\\\n"}}};
  const float w[] = {1, 2, 3, 4, 5, 6};
  const int64_t step[] = {7};
  file.tensors.push_back(make_tensor<float>("fc1.W", {2, 3}, w));
  file.tensors.push_back(make_tensor<int64_t>("step", {}, step));
  file.tensors.push_back(make_tensor<float>("none", {0, 5}, {}));
  save_preparation({.field = "x", .columns = {"a", "b"}, .fill = {1, 2}, .zscore = {{3, 4}, {5, 6}}}, file);
  return *safetensors_bytes(file);
}

TEST(Fuzz, Weights) {
  constexpr std::string_view kPieces[] = {"{",
                                          "}",
                                          "[",
                                          "]",
                                          ",",
                                          ":",
                                          "\"",
                                          "0",
                                          "-1",
                                          "18446744073709551615",
                                          "4294967296",
                                          "1e9",
                                          "null",
                                          "\"F64\"",
                                          "\"dtype\":\"F32\"",
                                          "\"shape\":[1]",
                                          "\"data_offsets\":[0,0]",
                                          "\"__metadata__\":{}",
                                          "\\u0000",
                                          "\xff"};
  const std::string bytes = weights();
  std::mt19937 random(2);
  for (int i = 0; i < kMutations; ++i) {
    std::string damaged = bytes;
    if (i % 2 == 0) {  // the header alone, with a length that is true: otherwise few would get past it
      const std::string header = mutate(bytes.substr(8, bytes.find("}}", 8) + 2 - 8), kPieces, random);
      const uint64_t n = header.size();
      damaged.replace(8, bytes.find("}}", 8) + 2 - 8, header);
      std::memcpy(damaged.data(), &n, 8);
    } else {
      damaged = mutate(bytes, kPieces, random);
    }
    const Result<TensorFile> file = parse_safetensors(damaged, "w");
    if (!file) {
      EXPECT_FALSE(file.error().message.empty());
      continue;
    }
    const Result<std::string> again = safetensors_bytes(*file);
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_TRUE(parse_safetensors(*again, "w"));
    for (const Tensor& t : file->tensors) (void)values_of<float>(t);
    // Its notes may name other columns or none, its tensors be of other sizes.
    Field x{.name = "x", .columns = {"a", "b"}, .values = {1, 2, NAN, 4}};
    if (const Result<FieldPreparation> p = load_preparation(*file, "x")) (void)apply_preparation(*p, x);
  }
}

}  // namespace
}  // namespace dlc::runtime
