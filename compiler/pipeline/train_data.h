// The fields of a train block's data, as a table is read into them and as compiled code reads them.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "pipeline/train_program.h"
#include "runtime/data/dataset.h"

namespace dlc {

/// The fields of a table, prepared and typed, in the order of a part of the split.
struct Tables {
  std::vector<std::vector<std::byte>> bytes;  // one a field
  std::vector<const void*> pointers() const;
  int64_t n = 0;
};

runtime::MissingPolicy missing_policy(std::string_view name);

/// What is asked of the table for a field.
runtime::FieldSpec table_field(const FieldSpec& asked, const TrainField& field);

/// The rows as arrays. The data has all fields of the program, in their order.
Result<Tables> gather_tables(const TrainProgram& program, const runtime::Dataset& data, const std::vector<int64_t>& rows);
/// The rows of one field.
Result<std::vector<std::byte>> gather_field(const TrainField& field, const runtime::Field& values, const std::vector<int64_t>& rows);

}  // namespace dlc
