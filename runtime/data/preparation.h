// What was fitted to the training rows of a field, kept in the file of the weights: without it `predict` would show the
// model numbers of another scale. Stored are the columns' names (notes `@x.column.0`, …), or the name of an IDX source
// with the elements of a row (`@x.width`), or the characters of a text (`@x.characters`), and the tensors `@x.fill`,
// `@x.mean`, `@x.scale`, those that there are; no parameter's name begins with @.
#pragma once
#include <string>
#include <vector>

#include "runtime/data/dataset.h"
#include "runtime/data/normalize.h"
#include "runtime/data/safetensors.h"

namespace dlc::runtime {

struct FieldPreparation {
  std::string field;
  std::vector<std::string> columns;  // of the table it was trained on; or the IDX source
  std::vector<double> fill;          // for missing cells; empty if none may be missing
  ZScore zscore;                     // empty if the field is not normalised
  int64_t width = 0;                 // of an IDX source's row; 0: as many as there are columns
  std::vector<char32_t> characters;  // of a text, ascending
};

/// Fills in and normalises all rows of the field. Fails if its columns are not those that it was fitted on.
MaybeError apply_preparation(const FieldPreparation& preparation, Field& field);

/// Adds to the file's tensors and notes.
void save_preparation(const FieldPreparation& preparation, TensorFile& file);
/// Fails if the file has none for this field, or a damaged one.
Result<FieldPreparation> load_preparation(const TensorFile& file, const std::string& field);

}  // namespace dlc::runtime
