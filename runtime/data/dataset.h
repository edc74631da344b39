// Columns of a table, or arrays of an IDX file, as arrays of numbers: what `data csv("wdbc.csv") { x = columns(0..30)  y = column("diagnosis", M =
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
// The numbers of an IDX file stay as the file has them, and their arithmetic (`images / 255`) and scaling is done when
// they are gathered: MNIST's images are 47 MB of bytes, and would be 376 MB of f64.
//
// A cell is missing if it is empty or, where a number is wanted, one of NA N/A n/a NULL null ? (NaN is an error: it is
// more often the trace of a computation gone wrong than a way to say "missing").
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/csv.h"
#include "runtime/data/idx.h"

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
  std::optional<double> fallback = {};  // of an empty cell, and of a named column that the table lacks
  bool is_vector = false;               // an array [width] for each row, not a scalar
};

/// For each column of a field: x ↦ (x − mean) / scale.
struct ZScore {
  std::vector<double> mean, scale;
};

/// What is done to each number of an array, `images / 255`: one operation with a number.
struct Arithmetic {
  enum class Op : uint8_t { add, subtract, subtract_from, multiply, divide } op = Op::add;
  double number = 0;
  double operator()(double x) const;
};

struct Field {
  std::string name;
  NumberType type = NumberType::f32;
  std::vector<std::string> columns;  // their names in the table; of an IDX file, the name of the source
  bool is_vector = false;
  bool is_label = false;       // made by a mapping
  std::vector<double> values;  // [rows, width], row-major; nan where the cell is missing
  // Or, of an IDX file:
  std::shared_ptr<const IdxArray> stored = nullptr;
  std::vector<Arithmetic> steps = {};
  ZScore zscore = {};          // if any, the last step

  int64_t width() const { return stored ? stored->width() : static_cast<int64_t>(columns.size()); }
  double value(int64_t row, int64_t column) const;
};

struct Dataset {
  std::string path;
  std::vector<Field> fields;   // as in the specs
  std::vector<int64_t> lines;  // of each row of a table, in the file
  int64_t n_dropped = 0;       // rows left out for missing cells
  int64_t n_rows = 0;
};

/// Fails, naming line and column, on: a column that the table lacks (with the nearest name), text where a number is
/// wanted, NaN, infinity, a number too large for the field's type, a fraction in an i64 field, a label outside the
/// mapping; on a missing cell if the policy is `error`, or if it cannot be filled in; and if every row is dropped.
Result<Dataset> make_dataset(const CsvTable& table, std::span<const FieldSpec> specs, MissingPolicy missing);

/// A file of arrays, by the name that fields call it.
struct IdxSource {
  std::string name;
  std::shared_ptr<const IdxArray> array;
};

/// `x = reshape(images / 255, [784])`.
struct IdxFieldSpec {
  std::string name, source;
  NumberType type = NumberType::f32;
  std::vector<Arithmetic> steps = {};
  std::vector<int64_t> shape = {};  // of a row; none: a number
  bool is_reshaped = false;         // the file's shape may be another with as many elements
};

/// Fails, naming the file, if the sources differ in rows, and if a row of the file has another shape than the field.
Result<Dataset> make_idx_dataset(std::span<const IdxSource> sources, std::span<const IdxFieldSpec> specs);

/// The given rows of a field, in order: [rows.size(), width]. T is float, double or int64_t. Fails if a value does not
/// fit, which after make_dataset only a division by a tiny scale can bring about.
template <class T>
Result<std::vector<T>> gather(const Field& field, std::span<const int64_t> rows);

/// The name among `candidates` nearest to `wrong` by edit distance, or "" if none is near.
std::string nearest_column(std::string_view wrong, std::span<const std::string> candidates);

}  // namespace dlc::runtime
