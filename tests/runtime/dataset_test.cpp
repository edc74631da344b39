// From cells to arrays: every kind of bad cell is named by line and column, and what is fitted is fitted on the
// training rows only. Golden numbers are scikit-learn's.
#include "runtime/data/dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "runtime/data/impute.h"
#include "runtime/data/normalize.h"
#include "runtime/data/split.h"

namespace dlc::runtime {
namespace {

std::vector<int64_t> rows_of(int64_t begin, int64_t end, int64_t step = 1) {
  std::vector<int64_t> rows;
  for (int64_t r = begin; r < end; r += step) rows.push_back(r);
  return rows;
}

Result<Dataset> load(const std::string& text, const std::vector<FieldSpec>& specs,
                     MissingPolicy missing = MissingPolicy::error) {
  const Result<CsvTable> table = parse_csv(text, "t.csv");
  if (!table) return table.error();
  return make_dataset(*table, specs, missing);
}

/// What a table of one column `v` with this one cell gives: the number, or the message without its place.
std::string cell(const std::string& text, NumberType type = NumberType::f64,
                 MissingPolicy missing = MissingPolicy::error) {
  const Result<Dataset> data =
      load("v,w\n\"" + text + "\",1\n", {{.name = "x", .type = type, .columns = {"v"}}}, missing);
  if (data) return std::to_string(data->fields[0].values[0]);
  const std::string place = "t.csv:2: column 0 `v`: ";
  EXPECT_TRUE(data.error().message.starts_with(place)) << data.error().message;
  return data.error().message.substr(std::min(place.size(), data.error().message.size()));
}

TEST(Dataset, FieldsByNameAndByPosition) {
  const Result<Dataset> data =
      load("a,b,c\n1,2,yes\n3,4,no\n", {{.name = "x", .begin = 0, .end = 2, .is_vector = true},
                                        {.name = "swapped", .columns = {"b", "a"}, .is_vector = true},
                                        {.name = "y", .columns = {"c"}, .labels = {{"yes", 1}, {"no", 0}}}});
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->fields[0].values, (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(data->fields[1].values, (std::vector<double>{2, 1, 4, 3}));
  EXPECT_EQ(data->fields[1].columns, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(data->fields[2].values, (std::vector<double>{1, 0}));
  const int64_t rows[] = {1, 0, 1};
  EXPECT_EQ(*gather<float>(data->fields[0], rows), (std::vector<float>{3, 4, 1, 2, 3, 4}));
  EXPECT_EQ(*gather<int64_t>(data->fields[2], rows), (std::vector<int64_t>{0, 1, 0}));
}

TEST(Dataset, Numbers) {
  EXPECT_EQ(cell("1.5"), "1.500000");
  EXPECT_EQ(cell(" +2e1 "), "` +2e1 ` is not a number");  // spaces inside quotes are part of a cell
  EXPECT_EQ(cell("+2e1"), "20.000000");
  EXPECT_EQ(cell("-.5"), "-0.500000");
  EXPECT_EQ(cell("1e-400"), "0.000000");
  EXPECT_EQ(cell("0." + std::string(400, '0') + "1"), "0.000000");
  for (const char* text : {"abc", "1,5", "1.5x", "0x10", "+-1", "+", "-", ".", "1e", "1 2", "--1"})
    EXPECT_EQ(cell(text), "`" + std::string(text) + "` is not a number");
  EXPECT_EQ(cell("nan"), "`nan` is no number to learn from; leave a missing cell empty");
  EXPECT_EQ(cell("-inf"), "`-inf` is infinite or too large for a 64-bit float");
  EXPECT_EQ(cell("1e999"), "`1e999` is infinite or too large for a 64-bit float");
  EXPECT_EQ(cell("1e99999"), "`1e99999` is infinite or too large for a 64-bit float");
}

TEST(Dataset, TypesHaveLimits) {
  EXPECT_EQ(cell("3.4028235e38", NumberType::f32), std::to_string(3.4028235e38));
  EXPECT_EQ(cell("3.4028236e38", NumberType::f32), "`3.4028236e38` is too large for f32");
  EXPECT_EQ(cell("-1e39", NumberType::f32), "`-1e39` is too large for f32");
  EXPECT_EQ(cell("7.0", NumberType::i64), "7.000000");
  EXPECT_EQ(cell("7.5", NumberType::i64), "`7.5` is not a whole number");
  EXPECT_EQ(cell("9007199254740994", NumberType::i64), "`9007199254740994` is too large for an int field");
}

TEST(Dataset, Labels) {
  const std::vector<FieldSpec> specs = {{.name = "y", .columns = {"d"}, .labels = {{"M", 1}, {"B", 0}}}};
  EXPECT_EQ(load("a,d\n1,M\n2,X\n", specs).error().message,
            "t.csv:3: column 1 `d`: `X` is none of the labels `M`, `B`");
  EXPECT_EQ(load("a,d\n1,M\n2,\n", specs).error().message,
            "t.csv:3: column 1 `d`: the cell is empty; say `missing = drop`");
  EXPECT_EQ(
      load("a,d\n1,M\n2,\n", specs, MissingPolicy::mean).error().message,
      "t.csv:3: column 1 `d`: the cell is empty, and a label cannot be filled in; `missing = drop` leaves the row out");
}

TEST(Dataset, WrongColumns) {
  const std::string table = "radius,texture,diagnosis\n1,2,M\n";
  EXPECT_EQ(load(table, {{.name = "y", .columns = {"diagnosys"}}}).error().message,
            "`t.csv` has no column `diagnosys`; did you mean `diagnosis`?");
  EXPECT_EQ(load(table, {{.name = "y", .columns = {"price"}}}).error().message,
            "`t.csv` has no column `price`; it has `radius`, `texture`, `diagnosis`");
  EXPECT_EQ(load(table, {{.name = "x", .begin = 0, .end = 30}}).error().message,
            "columns(0..30) of field `x` do not exist: `t.csv` has 3 columns");
  EXPECT_EQ(load(table, {{.name = "x", .begin = 0, .end = 3}}).error().message,
            "t.csv:2: column 2 `diagnosis`: `M` is not a number");
}

TEST(Dataset, MissingCells) {
  const std::string table = "a,b\n1,10\n,20\n3,NA\n4,40\n?,50\n";
  const std::vector<FieldSpec> both = {{.name = "x", .columns = {"a"}}, {.name = "y", .columns = {"b"}}};
  EXPECT_EQ(
      load(table, both).error().message,
      "t.csv:3: column 0 `a`: the cell is empty (and 1 more of this column); say `missing = drop`, `mean` or `median`");
  const Result<Dataset> dropped = load(table, both, MissingPolicy::drop);
  ASSERT_TRUE(dropped);
  EXPECT_EQ(dropped->n_dropped, 3);
  EXPECT_EQ(dropped->lines, (std::vector<int64_t>{2, 5}));
  EXPECT_EQ(dropped->fields[0].values, (std::vector<double>{1, 4}));
  EXPECT_EQ(dropped->fields[1].values, (std::vector<double>{10, 40}));
  EXPECT_EQ(load("a,b\n1,\n", both, MissingPolicy::drop).error().message,
            "`t.csv`: every row has a missing cell, so `missing = drop` leaves none");
  const Result<Dataset> kept = load(table, both, MissingPolicy::mean);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(std::isnan(kept->fields[0].values[1]));
  EXPECT_EQ(cell("", NumberType::i64, MissingPolicy::median),
            "the cell is empty, and a whole number cannot be filled in; `missing = drop` leaves the row out");
}

/// The tables of examples/data load as the examples ask for them; the text column of the housing table is one to leave
/// out.
TEST(Dataset, RealTables) {
  struct Real {
    const char* file;
    std::vector<FieldSpec> fields;
    int64_t n_rows;
  };
  const std::vector<LabelValue> species = {{"setosa", 0}, {"versicolor", 1}, {"virginica", 2}};
  const Real tables[] = {
      {"iris.csv",
       {{.name = "x", .begin = 0, .end = 4, .is_vector = true},
        {.name = "y", .type = NumberType::i64, .columns = {"species"}, .labels = species}},
       150},
      {"wine.csv",
       {{.name = "x", .begin = 0, .end = 13, .is_vector = true},
        {.name = "y", .type = NumberType::i64, .columns = {"cultivar"}}},
       178},
      {"diabetes.csv",
       {{.name = "x", .begin = 0, .end = 10, .is_vector = true}, {.name = "y", .columns = {"progression"}}},
       442},
      {"california_housing.csv.gz",
       {{.name = "x", .begin = 0, .end = 8, .is_vector = true}, {.name = "y", .columns = {"median_house_value"}}},
       20'640 - 207}};
  for (const Real& real : tables) {
    const Result<CsvTable> table = read_csv(std::string("../../examples/data/") + real.file);
    ASSERT_TRUE(table) << table.error().message;
    const Result<Dataset> data = make_dataset(*table, real.fields, MissingPolicy::drop);
    ASSERT_TRUE(data) << data.error().message;
    EXPECT_EQ(data->n_rows, real.n_rows);
  }
  const Result<CsvTable> housing = read_csv("../../examples/data/california_housing.csv.gz");
  const FieldSpec all[] = {{.name = "x", .begin = 0, .end = 10, .is_vector = true}};
  EXPECT_EQ(make_dataset(*housing, all, MissingPolicy::mean).error().message,
            "../../examples/data/california_housing.csv.gz:2: column 9 `ocean_proximity`: `NEAR BAY` is not a number");
}

TEST(Impute, IsFittedOnTrainingRows) {
  Field f{.name = "x", .columns = {"a", "b"}, .values = {1, 10, NAN, 30, 3, NAN, 1000, NAN, 6, 50}};
  const int64_t train[] = {0, 1, 2, 4};
  EXPECT_EQ(*fit_fill(f, MissingPolicy::mean, train), (std::vector<double>{10.0 / 3, 30}));
  const std::vector<double> median = *fit_fill(f, MissingPolicy::median, train);
  EXPECT_EQ(median, (std::vector<double>{3, 30}));
  EXPECT_EQ(apply_fill(median, f), 3);
  EXPECT_EQ(f.values, (std::vector<double>{1, 10, 3, 30, 3, 30, 1000, 30, 6, 50}));
  Field empty{.name = "x", .columns = {"a"}, .values = {NAN, 1}};
  EXPECT_EQ(fit_fill(empty, MissingPolicy::mean, rows_of(0, 1)).error().message,
            "column `a` has no value in the training rows to fill in from");
}

// SimpleImputer(strategy = "mean" | "median").fit(total_bedrooms of every second row).statistics_[0]
TEST(Impute, SameAsScikitLearn) {
  const Result<CsvTable> table = read_csv("../../examples/data/california_housing.csv.gz");
  ASSERT_TRUE(table);
  const FieldSpec spec{.name = "x", .columns = {"total_bedrooms"}};
  EXPECT_EQ(make_dataset(*table, {&spec, 1}, MissingPolicy::error).error().message,
            "../../examples/data/california_housing.csv.gz:292: column 4 `total_bedrooms`: the cell is empty (and 206 "
            "more of "
            "this column); say `missing = drop`, `mean` or `median`");
  const Result<Dataset> data = make_dataset(*table, {&spec, 1}, MissingPolicy::mean);
  ASSERT_TRUE(data);
  const std::vector<int64_t> train = rows_of(0, 20'640, 2);
  EXPECT_NEAR((*fit_fill(data->fields[0], MissingPolicy::mean, train))[0], 532.1840791148536, 1e-11);
  EXPECT_EQ((*fit_fill(data->fields[0], MissingPolicy::median, train))[0], 430.0);
}

// s = StandardScaler().fit(X[:400]); s.mean_, s.scale_, s.transform(X)[568], of columns 0, 3, 29
TEST(Normalize, SameAsScikitLearn) {
  const Result<CsvTable> table = read_csv("../../examples/data/wdbc.csv");
  ASSERT_TRUE(table);
  const FieldSpec specs[] = {{.name = "x", .begin = 0, .end = 30, .is_vector = true},
                             {.name = "y", .columns = {"diagnosis"}, .labels = {{"M", 1}, {"B", 0}}}};
  Result<Dataset> data = make_dataset(*table, specs, MissingPolicy::error);
  ASSERT_TRUE(data) << data.error().message;
  Field& x = data->fields[0];
  EXPECT_NEAR(std::accumulate(x.values.begin(), x.values.end(), 0.0), 1056474.4596356, 1e-6);
  EXPECT_EQ(std::accumulate(data->fields[1].values.begin(), data->fields[1].values.end(), 0.0), 212);
  const ZScore fit = fit_zscore(x, rows_of(0, 400));
  apply_zscore(fit, x);
  struct Golden {
    size_t column;
    double mean, scale, last;
  };
  for (const Golden& g : {Golden{0, 14.321222500000015, 3.573789147808495, -1.835928821940562},
                          Golden{3, 673.2180000000001, 356.82859088923925, -1.3794242181473237},
                          Golden{29, 0.08448737499999998, 0.018988445877937847, -0.7424185786778545}}) {
    EXPECT_NEAR(fit.mean[g.column], g.mean, 1e-13 * g.mean);
    EXPECT_NEAR(fit.scale[g.column], g.scale, 1e-13 * g.scale);
    EXPECT_NEAR(x.values[568 * 30 + g.column], g.last, 1e-12);
  }
}

TEST(Normalize, HardColumns) {
  Field f{.name = "x", .columns = {"constant", "far", "huge"}};
  for (const double v : {1.0, 2.0, 3.0, 4.0}) f.values.insert(f.values.end(), {0.1, 1e15 + v, v * 4e307});
  const ZScore fit = fit_zscore(f, rows_of(0, 4));
  EXPECT_EQ(fit.mean[0], 0.1);
  EXPECT_EQ(fit.scale[0], 1);
  EXPECT_DOUBLE_EQ(fit.scale[1], std::sqrt(1.25));
  EXPECT_DOUBLE_EQ(fit.scale[2], std::sqrt(1.25) * 4e307);
  apply_zscore(fit, f);
  EXPECT_EQ(f.values[0], 0);
  EXPECT_DOUBLE_EQ(f.values[11], 1.5 / std::sqrt(1.25));
}

TEST(Normalize, TooSmallAScaleIsReported) {
  Field f{.name = "x", .columns = {"a"}, .values = {0, 1e-300, 5e30}};
  apply_zscore(fit_zscore(f, rows_of(0, 2)), f);
  EXPECT_EQ(gather<float>(f, rows_of(0, 3)).error().message,
            "field `x`, column `a`: inf is infinite or too large for a 64-bit float");
}

TEST(Dataset, AColumnsOwnFallback) {
  const std::string text = "a,w\n1,\n2,3\nNA,NA\n";
  const std::vector<FieldSpec> both = {{.name = "a", .columns = {"a"}, .fallback = 7}, {.name = "w", .columns = {"w"}, .fallback = 1}};
  const Result<Dataset> data = load(text, both);
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->fields[0].values, (std::vector<double>{1, 2, 7}));
  EXPECT_EQ(data->fields[1].values, (std::vector<double>{1, 3, 1}));
  // A column that the table lacks, beside one that it has; `drop` leaves no row out for it.
  const Result<Dataset> absent = load(text, {{.name = "x", .columns = {"a", "none"}, .fallback = 5, .is_vector = true}}, MissingPolicy::drop);
  ASSERT_TRUE(absent) << absent.error().message;
  EXPECT_EQ(absent->fields[0].values, (std::vector<double>{1, 5, 2, 5, 5, 5}));
  EXPECT_EQ(absent->fields[0].columns, (std::vector<std::string>{"a", "none"}));
  EXPECT_EQ(load(text, {{.name = "a", .columns = {"a"}}, {.name = "w", .columns = {"w"}, .fallback = 1}}).error().message,
            "t.csv:4: column 0 `a`: the cell is empty; say `missing = drop`, `mean` or `median`");
  EXPECT_EQ(load(text, {{.name = "a", .type = NumberType::i64, .columns = {"a"}, .fallback = 1.5}}).error().message, "field `a`: missing = 1.5 is not a whole number");
  EXPECT_EQ(load(text, {{.name = "a", .end = 3, .fallback = 1}}).error().message, "columns(0..3) of field `a` do not exist: `t.csv` has 2 columns");
}

TEST(Split, SharesAndSeeds) {
  const Result<Split> split = split_rows(10, {0.7, 0.2, 0.1}, 0);
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_EQ(split->train.size(), 7u);
  EXPECT_EQ(split->valid.size(), 2u);
  EXPECT_EQ(split->test.size(), 1u);
  std::vector<int64_t> all = split->train;
  all.insert(all.end(), split->valid.begin(), split->valid.end());
  all.insert(all.end(), split->test.begin(), split->test.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, rows_of(0, 10));
  EXPECT_EQ(split->train, split_rows(10, {0.7, 0.2, 0.1}, 0)->train);
  EXPECT_NE(split_rows(1000, {0.5, 0.5}, 0)->train, split_rows(1000, {0.5, 0.5}, 1)->train);
  EXPECT_EQ(split_rows(5, {}, 0)->train, rows_of(0, 5));
}

TEST(Split, StratifiedKeepsEachClass) {
  std::vector<double> labels;  // 212 M and 357 B, as in wdbc
  for (int i = 0; i < 569; ++i) labels.push_back(i % 569 < 212);
  const Result<Split> split = split_stratified(labels, "y", {0.8, 0.2}, 3);
  ASSERT_TRUE(split) << split.error().message;
  const auto positives = [&](const std::vector<int64_t>& rows) {
    return std::count_if(rows.begin(), rows.end(), [&](int64_t r) { return labels[static_cast<size_t>(r)] == 1; });
  };
  EXPECT_EQ(positives(split->train), 170);  // 0.8 · 212 = 169.6
  EXPECT_EQ(positives(split->valid), 42);
  EXPECT_EQ(split->train.size(), 456u);  // and 0.8 · 357 = 285.6 → 286
  EXPECT_EQ(split->valid.size(), 113u);
}

TEST(Split, Counts) {
  const Result<Split> split = split_rows(10, {5, 3, 0, true}, 0);
  ASSERT_TRUE(split) << split.error().message;
  EXPECT_EQ(split->train.size(), 5u);
  EXPECT_EQ(split->valid.size(), 3u);  // two rows are left over
  EXPECT_EQ(split->test.size(), 0u);
  EXPECT_EQ(split->train, split_rows(10, {0.5, 0.5}, 0)->train);
  EXPECT_EQ(split_rows(10, {8, 3, 0, true}, 0).error().message, "split: train, valid and test (8, 3, 0) take 11 rows, and there are 10");
  EXPECT_EQ(split_rows(10, {8, 0.5, 0, true}, 0).error().message, "split: valid = 0.5 is not a number of rows");
}

TEST(Split, Failures) {
  EXPECT_EQ(split_rows(10, {0.8, 0.1}, 0).error().message,
            "split: train, valid and test (0.8, 0.1, 0) make 0.9, not 1");
  EXPECT_EQ(split_rows(10, {1.2, -0.2}, 0).error().message, "split: train = 1.2 is not a fraction of the rows");
  EXPECT_EQ(split_rows(10, {NAN, 0.5}, 0).error().message, "split: train = nan is not a fraction of the rows");
  EXPECT_EQ(split_rows(3, {0.9, 0.1}, 0).error().message, "split: valid = 0.1 of 3 rows is no row");
  const double one_class[] = {1, 1, 1}, every[] = {1, 2, 3, 4};
  EXPECT_EQ(split_stratified(one_class, "y", {0.5, 0.5}, 0).error().message,
            "split: stratify needs two classes, and `y` is 1 in all 3 rows");
  EXPECT_EQ(split_stratified(every, "y", {0.8, 0.2}, 0).error().message,
            "split: valid = 0.2 of each of 4 classes of `y` is no row");
}

}  // namespace
}  // namespace dlc::runtime
