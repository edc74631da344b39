// See train_data.h.
#include "pipeline/train_data.h"

#include <span>

namespace dlc {
namespace {

template <class T>
Result<std::vector<std::byte>> bytes_of(const runtime::Field& field, const std::vector<int64_t>& rows) {
  auto values = runtime::gather<T>(field, rows);
  if (!values) return Error{values.error().message};
  const auto bytes = std::as_bytes(std::span(*values));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

}  // namespace

std::vector<const void*> Tables::pointers() const {
  std::vector<const void*> out;
  for (const auto& b : bytes) out.push_back(b.data());
  return out;
}

runtime::MissingPolicy missing_policy(std::string_view name) {
  return name == "mean"     ? runtime::MissingPolicy::mean
         : name == "median" ? runtime::MissingPolicy::median
         : name == "drop"   ? runtime::MissingPolicy::drop
                            : runtime::MissingPolicy::error;
}

runtime::FieldSpec table_field(const FieldSpec& asked, const TrainField& field) {
  runtime::FieldSpec s;
  s.name = field.name, s.columns = asked.columns;
  s.type = field.dtype == DType::f32 ? runtime::NumberType::f32 : field.dtype == DType::f64 ? runtime::NumberType::f64 : runtime::NumberType::i64;
  if (asked.last >= 0) s.begin = asked.first, s.end = asked.last;
  for (const auto& [label, value] : asked.labels) s.labels.push_back({label, value});
  s.is_vector = !asked.is_single;
  return s;
}

Result<std::vector<std::byte>> gather_field(const TrainField& field, const runtime::Field& values, const std::vector<int64_t>& rows) {
  if (field.dtype == DType::f32) return bytes_of<float>(values, rows);
  return field.dtype == DType::f64 ? bytes_of<double>(values, rows) : bytes_of<int64_t>(values, rows);
}

Result<Tables> gather_tables(const TrainProgram& program, const runtime::Dataset& data, const std::vector<int64_t>& rows) {
  Tables t;
  t.n = static_cast<int64_t>(rows.size());
  for (size_t k = 0; k < data.fields.size(); ++k) {
    auto bytes = gather_field(program.fields()[k], data.fields[k], rows);
    if (!bytes) return bytes.error();
    t.bytes.push_back(std::move(*bytes));
  }
  return t;
}

}  // namespace dlc
