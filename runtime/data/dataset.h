// Columns of a table as arrays of numbers: what `data csv("wdbc.csv") { x = columns(0..30)  y = column("diagnosis", M =
// 1, B = 0) }` asks for.
//
//   const FieldSpec fields[] = {{.name = "x", .begin = 0, .end = 30, .is_vector = true},
//                               {.name = "y", .columns = {"diagnosis"}, .labels = {{"M", 1}, {"B", 0}}}};
//   Result<Dataset> data = make_dataset(*table, fields, MissingPolicy::error);
//   data->fields[0].values                     // 569 × 30, row-major
//
// From here to the arrays of a model's entries: split (split.h), fill missing cells (impute.h) and normalise
// (normalize.h), both as fitted on the training rows only, then `gather` the rows of each part in the entry's type.
// Numbers stay f64 until then, so that they are rounded once.
//
// A cell is missing if it is empty or, where a number is wanted, one of NA N/A n/a NULL null ? (NaN is an error: it is
// more often the trace of a computation gone wrong than a way to say "missing").
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/csv.h"

namespace dlc::runtime {

/// What a field becomes in `gather`; an i64 field takes whole numbers up to 2^53 only.
enum class NumberType { f32, f64, i64 };

/// What is done about missing cells. `drop` leaves the row out; `mean` and `median` fill in (impute.h) what is a float
/// and no label.
enum class MissingPolicy { error, drop, mean, median };

struct LabelValue {
  std::string label;
  double value = 0;
};

/// A field as asked for: its columns by name, or if there are no names by position, begin..end (half-open, from 0).
struct FieldSpec {
  std::string name;
  NumberType type = NumberType::f32;
  std::vector<std::string> columns = {};
  int64_t begin = 0, end = 0;
  std::vector<LabelValue> labels = {};  // if any, a cell is one of these texts and not a number
  bool is_vector = false;               // an array [width] for each row, not a scalar
};

struct Field {
  std::string name;
  NumberType type = NumberType::f32;
  std::vector<std::string> columns;  // their names in the table
  bool is_vector = false;
  bool is_label = false;       // made by a mapping
  std::vector<double> values;  // [rows, width], row-major; nan where the cell is missing
  int64_t width() const { return static_cast<int64_t>(columns.size()); }
};

struct Dataset {
  std::string path;
  std::vector<Field> fields;   // as in the specs
  std::vector<int64_t> lines;  // of each row, in the file
  int64_t n_dropped = 0;       // rows left out for missing cells
  int64_t n_rows() const { return static_cast<int64_t>(lines.size()); }
};

/// Fails, naming line and column, on: a column that the table lacks (with the nearest name), text where a number is
/// wanted, NaN, infinity, a number too large for the field's type, a fraction in an i64 field, a label outside the
/// mapping; on a missing cell if the policy is `error`, or if it cannot be filled in; and if every row is dropped.
Result<Dataset> make_dataset(const CsvTable& table, std::span<const FieldSpec> specs, MissingPolicy missing);

/// The given rows of a field, in order: [rows.size(), width]. T is float, double or int64_t. Fails if a value does not
/// fit, which after make_dataset only a division by a tiny scale can bring about.
template <class T>
Result<std::vector<T>> gather(const Field& field, std::span<const int64_t> rows);

/// The name among `candidates` nearest to `wrong` by edit distance, or "" if none is near.
std::string nearest_column(std::string_view wrong, std::span<const std::string> candidates);

}  // namespace dlc::runtime
