// See train_data.h.
#include "pipeline/train_data.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <span>

#include <fmt/format.h>

#include "runtime/data/impute.h"
#include "runtime/data/normalize.h"
#include "runtime/data/quote.h"

namespace dlc {
namespace {

runtime::NumberType number_type(DType dtype) {
  return dtype == DType::f32 ? runtime::NumberType::f32 : dtype == DType::f64 ? runtime::NumberType::f64 : runtime::NumberType::i64;
}

/// Some rows at a time, so that there is one copy of a large table and no second.
template <class T>
Result<std::vector<std::byte>> bytes_of(const runtime::Field& field, const std::vector<int64_t>& rows) {
  constexpr size_t kAtOnce = 1024;
  std::vector<std::byte> out;
  out.reserve(rows.size() * static_cast<size_t>(field.width()) * sizeof(T));
  for (size_t first = 0; first < rows.size(); first += kAtOnce) {
    auto values = runtime::gather<T>(field, std::span(rows).subspan(first, std::min(kAtOnce, rows.size() - first)));
    if (!values) return Error{values.error().message};
    const auto bytes = std::as_bytes(std::span(*values));
    out.insert(out.end(), bytes.begin(), bytes.end());
  }
  return out;
}

runtime::Arithmetic arithmetic(const FieldStep& step) {
  using From = FieldStep::Kind;
  using To = runtime::Arithmetic::Op;
  const To op = step.kind == From::add             ? To::add
                : step.kind == From::subtract      ? To::subtract
                : step.kind == From::subtract_from ? To::subtract_from
                : step.kind == From::multiply      ? To::multiply
                                                   : To::divide;
  return {op, step.number};
}

std::string path_in(const std::string& folder, const std::string& path) {
  return std::filesystem::path(path).is_relative() ? (std::filesystem::path(folder) / path).string() : path;
}

}  // namespace

std::vector<const void*> Tables::pointers() const {
  std::vector<const void*> out;
  for (const auto& b : bytes) out.push_back(b.data());
  return out;
}

double Tables::element(const TrainField& field, size_t k, int64_t at) const {
  const std::byte* from = bytes[k].data() + at * dtype_bytes(field.dtype);
  float narrow = 0;
  double wide = 0;
  int64_t whole = 0;
  if (field.dtype == DType::f32) return std::memcpy(&narrow, from, 4), narrow;
  if (field.dtype == DType::f64) return std::memcpy(&wide, from, 8), wide;
  return std::memcpy(&whole, from, 8), static_cast<double>(whole);
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
  s.type = number_type(field.dtype);
  if (asked.last >= 0) s.begin = asked.first, s.end = asked.last;
  for (const auto& [label, value] : asked.labels) s.labels.push_back({label, value});
  s.is_vector = !asked.is_single;
  s.fallback = asked.missing;
  return s;
}

Result<runtime::Dataset> read_arrays(const TrainSpec& spec, const TrainProgram& program, const std::vector<size_t>& fields,
                                     const std::vector<DataSpec::File>& files) {
  std::vector<runtime::IdxSource> sources;
  for (const DataSpec::File& file : files) {
    auto array = runtime::read_idx(file.path);
    if (!array) return Error{array.error().message};
    sources.push_back({file.name, std::make_shared<const runtime::IdxArray>(std::move(*array))});
  }
  std::vector<runtime::IdxFieldSpec> asked;
  for (size_t at : fields) {
    const FieldSpec& f = spec.fields[at];
    runtime::IdxFieldSpec s{program.fields()[at].name, f.source, number_type(program.fields()[at].dtype), {}, f.shape, f.is_reshaped};
    for (const FieldStep& step : f.steps) s.steps.push_back(arithmetic(step));
    asked.push_back(std::move(s));
  }
  auto data = runtime::make_idx_dataset(sources, asked);
  if (!data) return Error{data.error().message};
  return std::move(*data);
}

namespace {

Result<bool> read_windows(const FieldSpec& field, const std::string& name, const std::string& path, DataRows& data) {
  auto text = runtime::read_text(path);
  if (!text) return Error{text.error().message};
  const auto n = static_cast<int64_t>(text->characters.size());
  if (field.vocabulary >= 0 && n > field.vocabulary)
    return Error{fmt::format("`{}` has {} different characters, more than the {} that the model has room for", path, n, field.vocabulary)};
  data.n_rows = runtime::n_windows(*text, field.width(), field.stride);
  if (data.n_rows == 0)
    return Error{fmt::format("`{}` has {} characters, and a row of the field `{}` is {}", path, text->ids.size(), name, field.width())};
  data.text = std::move(*text);
  return true;
}

}  // namespace

Result<DataRows> read_rows(const TrainSpec& spec, const TrainProgram& program, size_t k, const std::string& folder) {
  DataRows data;
  for (int at : program.data()[k].fields) data.fields.push_back(static_cast<size_t>(at));
  std::vector<DataSpec::File> files = spec.data[k].files;
  for (DataSpec::File& f : files) f.path = path_in(folder, f.path);
  if (spec.data[k].format == DataSpec::Format::text) {
    if (auto read = read_windows(spec.fields[data.fields[0]], program.fields()[data.fields[0]].name, files[0].path, data); !read) return read.error();
    return data;
  }
  if (spec.data[k].format == DataSpec::Format::idx) {
    auto arrays = read_arrays(spec, program, data.fields, files);
    if (!arrays) return arrays.error();
    data.table = std::move(*arrays);
  } else {
    auto table = runtime::read_csv(files[0].path);
    if (!table) return Error{table.error().message};
    std::vector<runtime::FieldSpec> asked;
    for (size_t at : data.fields) asked.push_back(table_field(spec.fields[at], program.fields()[at]));
    auto made = runtime::make_dataset(*table, asked, missing_policy(spec.data[k].missing));
    if (!made) return Error{made.error().message};
    data.table = std::move(*made);
  }
  data.n_rows = data.table.n_rows;
  return data;
}

Result<bool> prepare(const TrainSpec& spec, size_t k, const std::vector<int64_t>& train, DataRows& data, std::vector<runtime::FieldPreparation>& out) {
  const runtime::MissingPolicy policy = missing_policy(spec.data[k].missing);
  if (data.text) {
    out[data.fields[0]].characters = data.text->characters;
    return true;
  }
  for (size_t at = 0; at < data.fields.size(); ++at) {
    runtime::Field& field = data.table.fields[at];
    runtime::FieldPreparation& p = out[data.fields[at]];
    p.columns = field.columns;
    if (field.stored) p.width = field.width();
    if (policy == runtime::MissingPolicy::mean || policy == runtime::MissingPolicy::median) {
      auto fill = runtime::fit_fill(field, policy, train);
      if (!fill) return Error{fill.error().message};
      p.fill = *fill;
      runtime::apply_fill(p.fill, field);
    }
    for (const NormalizeSpec& n : spec.normalize) {
      if (n.field != spec.fields[data.fields[at]].name) continue;
      p.zscore = n.kind == NormalizeSpec::Kind::affine ? runtime::affine(n.mean, n.std, field.width()) : runtime::fit_zscore(field, train);
      runtime::apply_zscore(p.zscore, field);
    }
  }
  return true;
}

Result<std::vector<std::byte>> gather_field(const TrainField& field, const runtime::Field& values, const std::vector<int64_t>& rows) {
  if (field.dtype == DType::f32) return bytes_of<float>(values, rows);
  return field.dtype == DType::f64 ? bytes_of<double>(values, rows) : bytes_of<int64_t>(values, rows);
}

std::vector<std::byte> gather_text(const TrainField& field, const runtime::Text& text, const std::vector<int64_t>& rows) {
  if (rows.empty()) return {};
  const auto begin = static_cast<size_t>(rows.front() * field.stride), end = static_cast<size_t>(rows.back() * field.stride + field.width());
  const auto bytes = std::as_bytes(std::span(text.ids).subspan(begin, end - begin));
  return {bytes.begin(), bytes.end()};
}

}  // namespace dlc
