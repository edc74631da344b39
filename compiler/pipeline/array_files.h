// Files of numbers as arrays: .npy (NumPy's format, versions 1 to 3) and .csv.
#pragma once
#include <string>

#include "base/result.h"
#include "interp/value.h"

namespace dlc {

/// By the name's ending. npy: little-endian f4 f8 i4 i8 or b1, C order. csv: a matrix of numbers, f64; a first line with
/// something that is not a number is a header. The error names the file and the line.
Result<InterpValue<double>> read_array_file(const std::string& path);

}  // namespace dlc
