// Tables as RFC 4180 has them and as people write them; for each kind of damage, the message.
#include "runtime/data/csv.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/runtime/gzip_bytes.h"

namespace dlc::runtime {
namespace {

/// The rows in brackets, cells between bars, so that a test is one line; or the message.
std::string parsed(const std::string& text) {
  const Result<CsvTable> table = parse_csv(text, "t.csv");
  if (!table) return table.error().message;
  std::string out;
  for (size_t c = 0; c < table->names().size(); ++c) out += (c ? "|" : "[") + table->names()[c];
  for (int64_t row = 0; row < table->n_rows(); ++row)
    for (int64_t c = 0; c < table->n_columns(); ++c) out += (c ? "|" : "][") + std::string(table->cell(row, c));
  return out + "]";
}

TEST(Csv, PlainAndQuoted) {
  EXPECT_EQ(parsed("a,b\n1,2\n3,4\n"), "[a|b][1|2][3|4]");
  EXPECT_EQ(parsed("a,b\n1,2"), "[a|b][1|2]");
  EXPECT_EQ(parsed("\"a\",\"b,c\"\n\"1\"\"2\",\"\"\"\"\n\"\",\"x\ny\""), "[a|b,c][1\"2|\"][|x\ny]");
  EXPECT_EQ(parsed("a\n\"\"\"\"\"\"\n"), "[a][\"\"]");
  EXPECT_EQ(parsed("a,b\n5\" disk,x\"y\n"), "[a|b][5\" disk|x\"y]");
}

TEST(Csv, LineEnds) {
  EXPECT_EQ(parsed("a,b\r\n1,2\r\n3,4\r\n"), "[a|b][1|2][3|4]");
  EXPECT_EQ(parsed("a,b\r1,2\r3,4"), "[a|b][1|2][3|4]");
  EXPECT_EQ(parsed("\n\na,b\n\n1,2\n\r\n\n3,4\n\n"), "[a|b][1|2][3|4]");
  EXPECT_EQ(parsed("a\n1\n\"\"\n2"), "[a][1][][2]");
}

TEST(Csv, SpacesMarksAndEmptyCells) {
  EXPECT_EQ(parsed("\xEF\xBB\xBF"
                   "a,b\n1,2\n"),
            "[a|b][1|2]");
  EXPECT_EQ(parsed("\xEF\xBB\xBF\"a\",b\n1,2\n"), "[a|b][1|2]");
  EXPECT_EQ(parsed(" a , b\t\n 1 2 , \" 3 \" \n"), "[a|b][1 2| 3 ]");
  EXPECT_EQ(parsed("a,b,c\n,,\n1,,3\n"), "[a|b|c][||][1||3]");
  EXPECT_EQ(parsed(",a,\n1,2,3\n"), "[|a|][1|2|3]");
  EXPECT_EQ(parsed(std::string("a,b\n\0,2\n", 8)), std::string("[a|b][\0|2]", 10));
}

TEST(Csv, RowsKnowTheirLine) {
  const Result<CsvTable> table = parse_csv("a,b\n\"x\ny\r\nz\",1\n\n2,3\n", "t.csv");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->line(0), 2);
  EXPECT_EQ(table->line(1), 6);
  EXPECT_EQ(table->place(1, 1), "t.csv:6: column 1 `b`");
}

TEST(Csv, Damage) {
  EXPECT_EQ(parsed(""), "`t.csv` is empty");
  EXPECT_EQ(parsed("\xEF\xBB\xBF\n\n"), "`t.csv` is empty");
  EXPECT_EQ(parsed("a,b\n"), "`t.csv` has a header and no rows");
  EXPECT_EQ(parsed("a,b,c\n1,2,3\n4,5\n"), "t.csv:3: the row ends before column 2 `c`: it has 2 cells, the header 3");
  EXPECT_EQ(parsed("a,b\n\n1,2,3\n"), "t.csv:3: the row goes on after column 1 `b`: it has 3 cells, the header 2");
  EXPECT_EQ(parsed("a,b\n1,2\n3,\"4\n5,6\n"), "t.csv:3: column 1 `b`: the quote is never closed");
  EXPECT_EQ(parsed("a,\"b\n1,2\n"), "t.csv:1: column 1: the quote is never closed");
  EXPECT_EQ(parsed("a,b\n\"1\"x,2\n"), "t.csv:2: column 0 `a`: text follows the closing quote");
  EXPECT_EQ(parsed("a,b\n1,2,\"3\n"), "t.csv:2: column 2: the quote is never closed");
  EXPECT_EQ(parsed("a,b,c,a\n1,2,3,4\n"), "t.csv:1: columns 0 and 3 are both named `a`");
  EXPECT_EQ(parsed("a,gr\xF6\xDF"
                   "e\n1,2\n"),
            "t.csv:1: the name of column 1 is not UTF-8");
  EXPECT_EQ(parsed("größe,σ\n1,2\n"), "[größe|σ][1|2]");
  EXPECT_EQ(parsed("a;b\n1;2\n"), "t.csv:1: the columns are separated by `;`, not by commas");
  EXPECT_EQ(parsed("a\tb\n1\t2\n"), "t.csv:1: the columns are separated by tabs, not by commas");
  EXPECT_EQ(parsed(std::string("\xFF\xFE"
                               "a\0,\0",
                               6)),
            "`t.csv` is UTF-16; save it as UTF-8");
  EXPECT_EQ(parsed("a\x1b[31m\nb\n,\n"),
            "t.csv:3: the row goes on after column 0 `a\\x1b[31m`: it has 2 cells, the header 1");
}

TEST(Csv, Gzip) {
  const std::string text = "a,b\n1,2\n", packed = gzip_bytes(text);
  EXPECT_EQ(parsed(packed), "[a|b][1|2]");
  EXPECT_EQ(parsed(gzip_bytes("a,b\n") + gzip_bytes("1,2\n")), "[a|b][1|2]");  // as `cat a.gz b.gz` makes
  EXPECT_EQ(parsed(packed + std::string(512, '\0')), "[a|b][1|2]");
  EXPECT_EQ(parsed(packed.substr(0, packed.size() - 1)).substr(0, 47),
            "cannot read `t.csv`: bad gzip data at byte 27: ");
  for (size_t n = 2; n < packed.size(); ++n)
    EXPECT_TRUE(parsed(packed.substr(0, n)).ends_with(": it ends early")) << n << parsed(packed.substr(0, n));
  EXPECT_EQ(parsed(packed + "x"), "cannot read `t.csv`: bad gzip data at byte 28: something else follows its end");
  std::string damaged = packed;
  damaged[packed.size() - 6] ^= 1;
  EXPECT_EQ(parsed(damaged), "cannot read `t.csv`: bad gzip data at byte 24: incorrect data check");
}

TEST(Csv, GzipBomb) {
  const Result<CsvTable> table = parse_csv(gzip_bytes(std::string(10'000'000, '1')), "t.csv", 1'000'000);
  ASSERT_FALSE(table);
  EXPECT_TRUE(table.error().message.ends_with(": it unpacks to more than a table may have")) << table.error().message;
}

TEST(Csv, RealTables) {
  const Result<CsvTable> housing = read_csv("../../examples/data/california_housing.csv.gz");
  ASSERT_TRUE(housing) << housing.error().message;
  EXPECT_EQ(housing->n_rows(), 20'640);
  EXPECT_EQ(housing->n_columns(), 10);
  EXPECT_EQ(housing->cell(0, 9), "NEAR BAY");
  EXPECT_EQ(housing->cell(290, 4), "");
  EXPECT_EQ(read_csv("no.csv").error().message, "cannot read `no.csv`: No such file or directory");
  EXPECT_EQ(read_csv("..").error().message, "cannot read `..`: it is a folder, not a file");
}

}  // namespace
}  // namespace dlc::runtime
