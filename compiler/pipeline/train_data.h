// The data of a train block: files as fields, and the fields of a part of the split as the tables that compiled code reads.
#pragma once
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "pipeline/train_program.h"
#include "runtime/data/dataset.h"
#include "runtime/data/preparation.h"
#include "runtime/data/split.h"
#include "runtime/data/text.h"

namespace dlc {

/// A part of the split: the rows of all data, prepared and typed.
struct Tables {
  std::vector<std::vector<std::byte>> bytes;  // one a field
  std::vector<int64_t> n;                     // rows, one number for each data
  std::vector<const void*> pointers() const;
  /// Element `at` of a field's table.
  double element(const TrainField& field, size_t k, int64_t at) const;
};

/// One `data` entry, read and not yet split: a table of csv or IDX files, or a text.
struct DataRows {
  std::vector<size_t> fields;  // of the program, in the order of table.fields
  runtime::Dataset table;
  std::optional<runtime::Text> text;
  int64_t n_rows = 0;
};

runtime::MissingPolicy missing_policy(std::string_view name);

/// What is asked of a csv table for a field.
runtime::FieldSpec table_field(const FieldSpec& asked, const TrainField& field);

/// Files as arrays, `fields` of them; rows are checked against each other. `files` has those that the fields are of.
Result<runtime::Dataset> read_arrays(const TrainSpec& spec, const TrainProgram& program, const std::vector<size_t>& fields,
                                     const std::vector<DataSpec::File>& files);

/// The whole of entry `k`. `folder`: where a relative path is looked for.
Result<DataRows> read_rows(const TrainSpec& spec, const TrainProgram& program, size_t k, const std::string& folder);

/// Fills in and scales as the block says, fitted to the rows of training; what was done goes to `out`.
Result<bool> prepare(const TrainSpec& spec, size_t k, const std::vector<int64_t>& train, DataRows& data, std::vector<runtime::FieldPreparation>& out);

/// The rows of a field, and of a text (then they follow each other) as one piece.
Result<std::vector<std::byte>> gather_field(const TrainField& field, const runtime::Field& values, const std::vector<int64_t>& rows);
std::vector<std::byte> gather_text(const TrainField& field, const runtime::Text& text, const std::vector<int64_t>& rows);

}  // namespace dlc
