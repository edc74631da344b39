// See dataset.h. First the columns are found, then each field's cells are read row by row; rows with missing cells are
// only marked, and taken out of all fields together at the end.
#include "runtime/data/dataset.h"

#include <fmt/format.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <new>
#include <optional>

#include "runtime/data/quote.h"

namespace dlc::runtime {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

bool is_missing_number(std::string_view text) {
  for (const char* mark : {"", "NA", "N/A", "n/a", "NULL", "null", "?"})
    if (text == mark) return true;
  return false;
}

/// A decimal number; nothing if `text` is not one or exceeds f64. Too small is 0: from_chars calls both out of range,
/// so those are read again with more exponent.
std::optional<double> parse_number(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  double value = 0;
  std::from_chars_result parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec == std::errc::result_out_of_range && parsed.ptr == end) {
    long double wide = std::numeric_limits<long double>::infinity();
    parsed = std::from_chars(text.data(), end, wide);
    if (std::fabs(wide) < 1) return 0.0;
    return std::numeric_limits<double>::infinity();
  }
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return value;
}

/// Why a number cannot be of this type; null if it can.
const char* misfit(double value, NumberType type) {
  if (std::isnan(value)) return "is no number to learn from; leave a missing cell empty";
  if (std::isinf(value)) return "is infinite or too large for a 64-bit float";
  // Half-way to what would be the next float rounds to infinity.
  constexpr double kFloatEnd = 0x1.ffffffp127;
  if (type == NumberType::f32 && std::fabs(value) >= kFloatEnd) return "is too large for f32";
  if (type == NumberType::i64 && value != std::floor(value)) return "is not a whole number";
  if (type == NumberType::i64 && std::fabs(value) > 0x1p53) return "is too large for an int field";
  return nullptr;
}

class FieldReader {
 public:
  FieldReader(const CsvTable& table, const FieldSpec& spec, MissingPolicy missing)
      : table_(table), spec_(spec), missing_(missing) {}

  /// Marks in `drops` the rows to be left out.
  Result<Field> read(std::vector<bool>& drops) {
    field_ = {.name = spec_.name, .type = spec_.type, .is_vector = spec_.is_vector, .is_label = !spec_.labels.empty()};
    if (MaybeError error = find_columns()) return *error;
    if (spec_.fallback)
      if (const char* const reason = misfit(*spec_.fallback, spec_.type))
        return Error{fmt::format("field {}: missing = {} {}", quote(spec_.name), *spec_.fallback, reason)};
    field_.values.reserve(static_cast<size_t>(table_.n_rows()) * columns_.size());
    for (int64_t row = 0; row < table_.n_rows(); ++row)
      for (const int64_t column : columns_) {
        if (column == kAbsent) {
          field_.values.push_back(*spec_.fallback);
          continue;
        }
        const std::string_view text = table_.cell(row, column);
        if (spec_.fallback && is_missing_number(text)) {
          field_.values.push_back(*spec_.fallback);
          continue;
        }
        const Result<double> value = field_.is_label ? read_label(text) : read_number(text);
        if (!value) return Error{fmt::format("{}: {}", table_.place(row, column), value.error().message)};
        if (std::isnan(*value)) {
          if (MaybeError error = allow_missing(row, column)) return *error;
          if (missing_ == MissingPolicy::drop) drops[static_cast<size_t>(row)] = true;
        }
        field_.values.push_back(*value);
      }
    return std::move(field_);
  }

 private:
  MaybeError find_columns() {
    const std::vector<std::string>& names = table_.names();
    for (const std::string& wanted : spec_.columns) {
      const auto at = std::find(names.begin(), names.end(), wanted);
      if (at == names.end() && !spec_.fallback) return unknown_column(wanted);
      columns_.push_back(at == names.end() ? kAbsent : at - names.begin());
      field_.columns.push_back(wanted);
    }
    if (!spec_.columns.empty()) return std::nullopt;
    if (spec_.begin < 0 || spec_.begin >= spec_.end || spec_.end > table_.n_columns())
      return Error{fmt::format("columns({}..{}) of field {} do not exist: `{}` has {} columns", spec_.begin, spec_.end,
                               quote(spec_.name), table_.path(), table_.n_columns())};
    for (int64_t c = spec_.begin; c < spec_.end; ++c) columns_.push_back(c), field_.columns.push_back(table_.names()[static_cast<size_t>(c)]);
    return std::nullopt;
  }

  Error unknown_column(const std::string& wanted) const {
    std::string hint;
    if (const std::string near = nearest_column(wanted, table_.names()); !near.empty()) {
      hint = fmt::format("; did you mean {}?", quote(near));
    } else {
      constexpr size_t kShown = 12;
      hint = "; it has ";
      for (size_t i = 0; i < std::min(table_.names().size(), kShown); ++i)
        hint += (i ? ", " : "") + quote(table_.names()[i]);
      if (table_.names().size() > kShown) hint += ", …";
    }
    return Error{fmt::format("`{}` has no column {}{}", table_.path(), quote(wanted), hint)};
  }

  Result<double> read_number(std::string_view text) const {
    const std::optional<double> value = parse_number(text);
    if (!value && is_missing_number(text)) return kMissing;
    if (!value) return Error{fmt::format("{} is not a number", quote(text))};
    if (const char* const reason = misfit(*value, spec_.type)) return Error{fmt::format("{} {}", quote(text), reason)};
    return *value;
  }

  Result<double> read_label(std::string_view text) const {
    for (const LabelValue& l : spec_.labels)
      if (l.label == text) return l.value;
    if (text.empty()) return kMissing;
    constexpr size_t kShown = 8;
    std::string known;
    for (size_t i = 0; i < std::min(spec_.labels.size(), kShown); ++i)
      known += (i ? ", " : "") + quote(spec_.labels[i].label);
    return Error{
        fmt::format("{} is none of the labels {}{}", quote(text), known, spec_.labels.size() > kShown ? ", …" : "")};
  }

  MaybeError allow_missing(int64_t row, int64_t column) const {
    if (missing_ == MissingPolicy::drop) return std::nullopt;
    const char* const kind = field_.is_label ? "a label" : field_.type == NumberType::i64 ? "a whole number" : nullptr;
    if (missing_ != MissingPolicy::error && !kind) return std::nullopt;
    if (missing_ != MissingPolicy::error)
      return Error{fmt::format("{}: the cell is empty, and {} cannot be filled in; `missing = drop` leaves the row out",
                               table_.place(row, column), kind)};
    int64_t n_more = -1;
    for (int64_t r = 0; r < table_.n_rows(); ++r) n_more += is_missing_number(table_.cell(r, column));
    const std::string more = n_more > 0 ? fmt::format(" (and {} more of this column)", n_more) : "";
    return Error{fmt::format("{}: the cell is empty{}; say `missing = drop`{}", table_.place(row, column), more,
                             kind ? "" : ", `mean` or `median`")};
  }

  static constexpr int64_t kAbsent = -1;  // a column that the table lacks
  const CsvTable& table_;
  const FieldSpec& spec_;
  const MissingPolicy missing_;
  std::vector<int64_t> columns_;
  Field field_;
};

void keep_rows(Field& field, const std::vector<bool>& drops) {
  const size_t width = field.columns.size();
  size_t kept = 0;
  for (size_t row = 0; row < drops.size(); ++row) {
    if (drops[row]) continue;
    std::copy_n(field.values.begin() + static_cast<ptrdiff_t>(row * width), width,
                field.values.begin() + static_cast<ptrdiff_t>(kept++ * width));
  }
  field.values.resize(kept * width);
}

}  // namespace

Result<Dataset> make_dataset(const CsvTable& table, std::span<const FieldSpec> specs, MissingPolicy missing) try {
  Dataset data{.path = table.path()};
  std::vector<bool> drops(static_cast<size_t>(table.n_rows()));
  for (const FieldSpec& spec : specs) {
    Result<Field> field = FieldReader(table, spec, missing).read(drops);
    if (!field) return field.error();
    data.fields.push_back(std::move(*field));
  }
  data.n_dropped = std::count(drops.begin(), drops.end(), true);
  if (data.n_dropped == table.n_rows())
    return Error{fmt::format("`{}`: every row has a missing cell, so `missing = drop` leaves none", table.path())};
  for (int64_t row = 0; row < table.n_rows(); ++row)
    if (!drops[static_cast<size_t>(row)]) data.lines.push_back(table.line(row));
  data.n_rows = static_cast<int64_t>(data.lines.size());
  if (data.n_dropped > 0)
    for (Field& field : data.fields) keep_rows(field, drops);
  return data;
} catch (const std::bad_alloc&) {
  return Error{fmt::format("`{}`: its numbers do not fit in memory", table.path())};
}

double Arithmetic::operator()(double x) const {
  switch (op) {
    case Op::add: return x + number;
    case Op::subtract: return x - number;
    case Op::subtract_from: return number - x;
    case Op::multiply: return x * number;
    case Op::divide: return x / number;
  }
  return x;
}

double Field::value(int64_t row, int64_t column) const {
  if (!stored) return values[static_cast<size_t>(row * width() + column)];
  double x = stored->value(row * width() + column);
  for (const Arithmetic& step : steps) x = step(x);
  if (zscore.mean.empty()) return x;
  return (x - zscore.mean[static_cast<size_t>(column)]) / zscore.scale[static_cast<size_t>(column)];
}

Result<Dataset> make_idx_dataset(std::span<const IdxSource> sources, std::span<const IdxFieldSpec> specs) {
  Dataset data{.path = sources[0].array->path, .n_rows = sources[0].array->n_rows()};
  for (const IdxSource& s : sources)
    if (s.array->n_rows() != data.n_rows)
      return Error{fmt::format("`{}` has {} rows, and `{}` has {}", data.path, data.n_rows, s.array->path, s.array->n_rows())};
  for (const IdxFieldSpec& spec : specs) {
    const auto source = std::find_if(sources.begin(), sources.end(), [&](const IdxSource& s) { return s.name == spec.source; });
    if (source == sources.end()) return Error{fmt::format("field {}: there is no source {}", quote(spec.name), quote(spec.source))};
    const IdxArray& array = *source->array;
    const std::vector<int64_t> row(array.shape.begin() + 1, array.shape.end());
    int64_t width = 1;
    for (const int64_t n : spec.shape) width *= n;
    if (spec.is_reshaped ? width != array.width() : row != spec.shape)
      return Error{fmt::format("field {}: a row of `{}` is [{}], and the field is [{}]{}", quote(spec.name), array.path, fmt::join(row, ", "),
                               fmt::join(spec.shape, ", "), !spec.is_reshaped && width == array.width() ? "; `reshape` makes it so" : "")};
    data.fields.push_back({.name = spec.name, .type = spec.type, .columns = {spec.source}, .is_vector = !spec.shape.empty(),
                           .stored = source->array, .steps = spec.steps});
  }
  return data;
}

template <class T>
Result<std::vector<T>> gather(const Field& field, std::span<const int64_t> rows) {
  const int64_t width = field.width();
  std::vector<T> out;
  out.reserve(rows.size() * static_cast<size_t>(width));
  constexpr NumberType kType = std::is_same_v<T, float>    ? NumberType::f32
                               : std::is_same_v<T, double> ? NumberType::f64
                                                           : NumberType::i64;
  for (const int64_t row : rows)
    for (int64_t c = 0; c < width; ++c) {
      const double value = field.value(row, c);
      if (const char* const reason = misfit(value, kType)) {
        const std::string where = field.stored ? fmt::format("row {}, element {}", row, c) : "column " + quote(field.columns[static_cast<size_t>(c)]);
        return Error{fmt::format("field {}, {}: {} {}", quote(field.name), where, value, reason)};
      }
      out.push_back(static_cast<T>(value));
    }
  return out;
}

template Result<std::vector<float>> gather(const Field&, std::span<const int64_t>);
template Result<std::vector<double>> gather(const Field&, std::span<const int64_t>);
template Result<std::vector<int64_t>> gather(const Field&, std::span<const int64_t>);

std::string nearest_column(std::string_view wrong, std::span<const std::string> candidates) {
  constexpr size_t kLongest = 100;  // of names worth comparing: the distance takes the product of the lengths
  std::string best;
  if (wrong.size() > kLongest) return best;
  size_t best_distance = std::max<size_t>(wrong.size() / 3, 1) + 1;
  for (const std::string& name : candidates) {
    if (name.size() > kLongest) continue;
    std::vector<size_t> distance(name.size() + 1);  // from the part of `wrong` so far to each beginning of `name`
    for (size_t j = 0; j <= name.size(); ++j) distance[j] = j;
    for (size_t i = 0; i < wrong.size(); ++i) {
      size_t diagonal = std::exchange(distance[0], i + 1);
      for (size_t j = 0; j < name.size(); ++j) {
        const size_t changed = diagonal + (wrong[i] != name[j]);
        diagonal = distance[j + 1];
        distance[j + 1] = std::min({changed, distance[j] + 1, diagonal + 1});
      }
    }
    if (distance.back() < best_distance) best_distance = distance.back(), best = name;
  }
  return best;
}

}  // namespace dlc::runtime
