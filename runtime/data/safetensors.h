// Weights and checkpoints as safetensors files, which Python and others read as they are
// (github.com/huggingface/safetensors): eight bytes, the length of the header, least first; the header in JSON; the
// data.
//
//   TensorFile file;
//   file.metadata = {{"model", "Net2"}};
//   file.tensors.push_back(make_tensor<float>("W1", {16, 30}, w1));
//   if (MaybeError error = write_safetensors("net2.safetensors", file)) return *error;
//
//   Result<TensorFile> back = read_safetensors("net2.safetensors");
//   const Tensor* w = back->find("W1");                 // null if there is none
//   Result<std::vector<float>> values = values_of<float>(*w);
//
// A file may come from anyone: nothing in it is believed before it is checked, and each thing that can be wrong has its
// message. Functions here may be called from any thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/result.h"

namespace dlc::runtime {

struct Tensor {
  std::string name;
  std::string dtype;  // the format's word: "F32", "F64", "I64"; others are kept as bytes
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes;  // row-major, least byte first
};

struct TensorFile {
  std::vector<std::pair<std::string, std::string>> metadata;  // in order
  std::vector<Tensor> tensors;                                // in order
  const Tensor* find(std::string_view name) const;
  /// The metadata's text of this key, or null.
  const std::string* note(std::string_view key) const;
};

/// T is float, double or int64_t; there must be as many values as the shape says.
template <class T>
Tensor make_tensor(std::string name, std::vector<int64_t> shape, std::span<const T> values);

/// The values of a tensor of this very type; an error that names both types otherwise.
template <class T>
Result<std::vector<T>> values_of(const Tensor& tensor);

/// Fails, naming the tensor, on: a header longer than the file (or 100 MB), not JSON, not UTF-8, with a key twice or of
/// another form; an unknown dtype; sizes that overflow; data outside of the file, overlapping, with holes, or not of
/// the size that dtype and shape make.
Result<TensorFile> read_safetensors(const std::string& path);
Result<TensorFile> parse_safetensors(std::string_view bytes, const std::string& path);

/// The bytes of a file: the header lists tensors in their order, the data has those of 8-byte numbers first, so that
/// each is aligned as its type wants. Fails on two tensors of one name, a name that is not UTF-8, and bytes that do not
/// fit the shape.
Result<std::string> safetensors_bytes(const TensorFile& file);
/// Written all or nothing, as file.h says.
MaybeError write_safetensors(const std::string& path, const TensorFile& file);

}  // namespace dlc::runtime
