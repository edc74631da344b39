// Arrays of numbers in the IDX format, plain or gzip: what MNIST and its kin come in.
//
//   Result<IdxArray> images = read_idx("train-images-idx3-ubyte.gz");
//   images->shape                    // {60000, 28, 28}: the first size counts the rows
//   images->value(784)               // the first number of the second image
//
// The format: two zero bytes, a byte for the type of the elements, a byte for the number of sizes; the sizes, 4 bytes
// each; the elements, row-major. Everything is big-endian. The numbers stay as the file has them: an image of bytes
// costs its bytes. An array can be read from any thread.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace dlc::runtime {

/// The values are the format's.
enum class IdxType : uint8_t { u8 = 0x08, i8 = 0x09, i16 = 0x0B, i32 = 0x0C, f32 = 0x0D, f64 = 0x0E };

struct IdxArray {
  std::string path;
  IdxType type = IdxType::u8;
  std::vector<int64_t> shape;  // at least one size; none is 0
  std::string bytes;           // the file's, unpacked
  int64_t n_rows() const { return shape[0]; }
  /// Elements of a row.
  int64_t width() const;
  double value(int64_t element) const;
  /// Where an element begins in the unpacked file, for messages.
  int64_t byte_of(int64_t element) const;
};

/// Fails, naming the byte, on what is no IDX file, a type or a size that cannot be, data that end early or go on after
/// the last element, and a float that is no finite number.
Result<IdxArray> read_idx(const std::string& path);

/// The same for bytes already read. `path` is for messages.
Result<IdxArray> parse_idx(std::string bytes, const std::string& path, int64_t max_bytes);

}  // namespace dlc::runtime
