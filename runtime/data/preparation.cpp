// See preparation.h.
#include "runtime/data/preparation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

#include "runtime/data/impute.h"
#include "runtime/data/quote.h"
#include "runtime/data/text.h"

namespace dlc::runtime {
namespace {

std::string note_of(const std::string& field, size_t column) { return fmt::format("@{}.column.{}", field, column); }
std::string tensor_of(const std::string& field, const char* what) { return fmt::format("@{}.{}", field, what); }

/// The tensor's values, none if there is no such tensor.
MaybeError load(const TensorFile& file, const std::string& name, size_t width, std::vector<double>& out) {
  const Tensor* t = file.find(name);
  if (!t) return std::nullopt;
  Result<std::vector<double>> values = values_of<double>(*t);
  if (!values) return values.error();
  if (values->size() != width)
    return Error{fmt::format("tensor {} has {} values for {} columns", quote(name), values->size(), width)};
  out = std::move(*values);
  return std::nullopt;
}

}  // namespace

MaybeError apply_preparation(const FieldPreparation& preparation, Field& field) {
  const size_t n = preparation.columns.size();
  if (field.columns.size() != n)
    return Error{fmt::format("field {} has {} columns, and the model was trained on {}", quote(field.name),
                             field.columns.size(), n)};
  for (size_t c = 0; c < n; ++c)
    if (field.columns[c] != preparation.columns[c])
      return Error{fmt::format("field {}: its column {} is {}, and the model was trained on {}", quote(field.name), c,
                               quote(field.columns[c]), quote(preparation.columns[c]))};
  if (preparation.width > 0 && field.width() != preparation.width)
    return Error{fmt::format("field {} has {} elements a row, and the model was trained on {}", quote(field.name), field.width(), preparation.width)};
  if (!preparation.fill.empty()) apply_fill(preparation.fill, field);
  if (!preparation.zscore.mean.empty()) apply_zscore(preparation.zscore, field);
  return std::nullopt;
}

void save_preparation(const FieldPreparation& preparation, TensorFile& file) {
  for (size_t c = 0; c < preparation.columns.size(); ++c)
    file.metadata.emplace_back(note_of(preparation.field, c), preparation.columns[c]);
  if (preparation.width > 0) file.metadata.emplace_back(tensor_of(preparation.field, "width"), fmt::format("{}", preparation.width));
  if (!preparation.characters.empty()) file.metadata.emplace_back(tensor_of(preparation.field, "characters"), utf8_of(preparation.characters));
  const auto add = [&](const char* what, const std::vector<double>& values) {
    if (values.empty()) return;
    file.tensors.push_back(
        make_tensor<double>(tensor_of(preparation.field, what), {static_cast<int64_t>(values.size())}, values));
  };
  add("fill", preparation.fill);
  add("mean", preparation.zscore.mean);
  add("scale", preparation.zscore.scale);
}

Result<FieldPreparation> load_preparation(const TensorFile& file, const std::string& field) {
  FieldPreparation p{.field = field};
  const std::map<std::string, std::string> notes(file.metadata.begin(), file.metadata.end());
  for (auto note = notes.find(note_of(field, 0)); note != notes.end();
       note = notes.find(note_of(field, p.columns.size())))
    p.columns.push_back(note->second);
  if (const auto note = notes.find(tensor_of(field, "characters")); note != notes.end()) {
    auto characters = characters_of(note->second, note->first);
    const bool is_sorted = characters && std::adjacent_find(characters->begin(), characters->end(), std::greater_equal<>()) == characters->end();
    if (!is_sorted || characters->empty()) return Error{fmt::format("the weights have damaged characters for field {}", quote(field))};
    p.characters = std::move(*characters);
    return p;
  }
  if (p.columns.empty()) return Error{fmt::format("the weights have no columns for field {}", quote(field))};
  if (const auto note = notes.find(tensor_of(field, "width")); note != notes.end()) {
    const char* const end = note->second.data() + note->second.size();
    if (std::from_chars(note->second.data(), end, p.width).ptr != end || p.width <= 0)
      return Error{fmt::format("the weights have a damaged width for field {}", quote(field))};
  }
  const size_t width = p.width > 0 ? static_cast<size_t>(p.width) : p.columns.size();
  if (MaybeError error = load(file, tensor_of(field, "fill"), width, p.fill)) return *error;
  if (MaybeError error = load(file, tensor_of(field, "mean"), width, p.zscore.mean)) return *error;
  if (MaybeError error = load(file, tensor_of(field, "scale"), width, p.zscore.scale)) return *error;
  if (p.zscore.mean.size() != p.zscore.scale.size())
    return Error{fmt::format("the weights have only one of mean and scale for field {}", quote(field))};
  return p;
}

}  // namespace dlc::runtime
