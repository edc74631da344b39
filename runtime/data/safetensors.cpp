// See safetensors.h. The header is read as a stream of JSON events: any event that the format has no place for ends the
// reading, so neither nesting nor size of what is not looked for costs anything.
#include "runtime/data/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "runtime/data/file.h"
#include "runtime/data/quote.h"

namespace dlc::runtime {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are stored least byte first and copied as they are");

constexpr uint64_t kMaxHeader = 100'000'000;  // as the reference implementation
constexpr const char* kMetadata = "__metadata__";

struct DType {
  const char* name;
  uint64_t size;
};
constexpr DType kTypes[] = {{"F64", 8},     {"I64", 8},     {"U64", 8},  {"F32", 4}, {"I32", 4},
                            {"U32", 4},     {"F16", 2},     {"BF16", 2}, {"I16", 2}, {"U16", 2},
                            {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I8", 1},   {"U8", 1},  {"BOOL", 1}};

/// Bytes of a number of this type; 0 if there is no such type.
uint64_t size_of(std::string_view dtype) {
  for (const DType& t : kTypes)
    if (t.name == dtype) return t.size;
  return 0;
}

template <class T>
constexpr const char* kNameOf = std::is_same_v<T, float>    ? "F32"
                                : std::is_same_v<T, double> ? "F64"
                                                            : "I64";

/// A tensor as the header describes it.
struct Entry {
  std::string name, dtype;
  std::vector<uint64_t> shape, offsets;
  std::set<std::string> keys;  // seen
};

/// Receives the header's JSON events. Each returns whether to go on; `problem` says why not.
class HeaderReader {
 public:
  std::vector<Entry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string problem;

  bool null() { return misplaced("null"); }
  bool boolean(bool) { return misplaced("true or false"); }
  bool number_integer(int64_t) { return misplaced("a negative number"); }
  bool number_float(double, const std::string& text) {
    return misplaced(fmt::format("the number {}", quote(text)).c_str());
  }
  bool binary(std::vector<uint8_t>&) { return misplaced("bytes"); }

  bool number_unsigned(uint64_t value) {
    if (place_ != Place::list) return misplaced("a number");
    list_->push_back(value);
    return true;
  }

  bool string(std::string& text) {
    if (place_ == Place::metadata) return metadata.emplace_back(key_, text), true;
    if (place_ != Place::tensor || key_ != "dtype") return misplaced("a text");
    entries.back().dtype = text;
    return true;
  }

  bool start_object(size_t) {
    if (place_ == Place::outside) return place_ = Place::top, true;
    if (place_ != Place::top) return misplaced("an object");
    const bool is_metadata = key_ == kMetadata;
    if (!is_metadata) entries.push_back({.name = key_});
    place_ = is_metadata ? Place::metadata : Place::tensor;
    return true;
  }

  bool key(std::string& text) {
    key_ = text;
    if (place_ == Place::tensor && text != "dtype" && text != "shape" && text != "data_offsets")
      return fail(fmt::format("tensor {}: unknown key {}", quote(entries.back().name), quote(text)));
    std::set<std::string>& seen = place_ == Place::top        ? names_
                                  : place_ == Place::metadata ? notes_
                                                              : entries.back().keys;
    if (!seen.insert(text).second) return fail(fmt::format("the header has the key {} twice", quote(text)));
    return true;
  }

  bool end_object() {
    if (place_ == Place::tensor && entries.back().keys.size() != 3)
      return fail(fmt::format("tensor {}: one of dtype, shape, data_offsets is missing", quote(entries.back().name)));
    place_ = place_ == Place::top ? Place::end : Place::top;
    return true;
  }

  bool start_array(size_t) {
    if (place_ != Place::tensor || key_ == "dtype") return misplaced("a list");
    list_ = key_ == "shape" ? &entries.back().shape : &entries.back().offsets;
    place_ = Place::list;
    return true;
  }

  bool end_array() { return place_ = Place::tensor, true; }

  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& e) {
    const bool is_text = std::string_view(e.what()).find("UTF-8") != std::string_view::npos;
    return fail(fmt::format("the header is not valid {} at byte {}", is_text ? "UTF-8" : "JSON", 8 + position - 1));
  }

 private:
  /// Where in the header an event comes: {"__metadata__": {metadata}, "name": {tensor: [list]}}.
  enum class Place { outside, top, metadata, tensor, list, end };

  bool fail(std::string why) { return problem = std::move(why), false; }
  bool misplaced(const char* what) {
    const bool has_tensor = place_ == Place::tensor || place_ == Place::list;
    const std::string where = place_ == Place::outside ? "the header"
                              : has_tensor ? fmt::format("tensor {}: {}", quote(entries.back().name), quote(key_))
                                           : quote(key_);
    const char* wanted = place_ == Place::metadata ? "a text"
                         : place_ == Place::list   ? "whole numbers from 0 below 2^64"
                         : place_ != Place::tensor ? "an object"
                         : key_ == "dtype"         ? "a text"
                                                   : "a list";
    return fail(fmt::format("{} must be {}, not {}", where, wanted, what));
  }

  Place place_ = Place::outside;
  std::string key_;
  std::vector<uint64_t>* list_ = nullptr;
  std::set<std::string> names_, notes_;
};

/// What is wrong with an entry in a file with `n_data` bytes of data; "" if nothing is.
std::string defect(const Entry& e, uint64_t n_data) {
  uint64_t n_bytes = size_of(e.dtype);
  if (n_bytes == 0) return fmt::format("unknown dtype {}", quote(e.dtype));
  bool is_too_large = false;
  for (const uint64_t extent : e.shape) {
    is_too_large |= extent > uint64_t{INT64_MAX};
    is_too_large |= __builtin_mul_overflow(n_bytes, extent, &n_bytes);
  }
  if (is_too_large) return "its shape is too large";
  if (e.offsets.size() != 2) return fmt::format("data_offsets must be two numbers, not {}", e.offsets.size());
  const uint64_t begin = e.offsets[0], end = e.offsets[1];
  if (begin > end) return fmt::format("its data ends (at {}) before it begins (at {})", end, begin);
  if (end > n_data) return fmt::format("its data ends at {}, and the file's at {}", end, n_data);
  if (end - begin != n_bytes)
    return fmt::format("dtype and shape make {} bytes, data_offsets {}", n_bytes, end - begin);
  return "";
}

/// All data belongs to one tensor and to one only.
std::string layout_defect(const std::vector<Entry>& entries, uint64_t n_data) {
  std::vector<const Entry*> order;
  for (const Entry& e : entries) order.push_back(&e);
  std::sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) { return a->offsets < b->offsets; });
  uint64_t at = 0;
  for (const Entry* e : order) {
    if (e->offsets[0] < at) return fmt::format("tensor {}: its data overlaps that of another", quote(e->name));
    if (e->offsets[0] > at)
      return fmt::format("tensor {}: a hole of {} bytes before its data", quote(e->name), e->offsets[0] - at);
    at = e->offsets[1];
  }
  return at == n_data ? "" : fmt::format("the last {} bytes belong to no tensor", n_data - at);
}

/// The file, or what is wrong with it, without its name.
Result<TensorFile> parse(std::string_view bytes) {
  uint64_t n_header = 0;
  if (bytes.size() < 8) return Error{"it is shorter than the eight bytes that begin one"};
  std::memcpy(&n_header, bytes.data(), 8);
  if (n_header > kMaxHeader) return Error{fmt::format("the header claims {} bytes, and 100 MB are the most", n_header)};
  if (n_header > bytes.size() - 8)
    return Error{fmt::format("the header claims {} bytes, and {} follow", n_header, bytes.size() - 8)};
  HeaderReader header;
  nlohmann::json::sax_parse(bytes.begin() + 8, bytes.begin() + 8 + n_header, &header);
  if (!header.problem.empty()) return Error{header.problem};
  const std::string_view data = bytes.substr(8 + n_header);
  for (const Entry& e : header.entries)
    if (const std::string what = defect(e, data.size()); !what.empty())
      return Error{fmt::format("tensor {}: {}", quote(e.name), what)};
  if (const std::string what = layout_defect(header.entries, data.size()); !what.empty()) return Error{what};
  TensorFile file{.metadata = std::move(header.metadata)};
  const auto* from = reinterpret_cast<const std::byte*>(data.data());
  for (Entry& e : header.entries)
    file.tensors.push_back({.name = std::move(e.name),
                            .dtype = std::move(e.dtype),
                            .shape = {e.shape.begin(), e.shape.end()},
                            .bytes = {from + e.offsets[0], from + e.offsets[1]}});
  return file;
}

/// A text in JSON's quotes; nothing if it is not UTF-8, which the library reports by throwing.
std::optional<std::string> json_text(const std::string& text) try {
  return nlohmann::json(text).dump();
} catch (const nlohmann::json::exception&) {
  return std::nullopt;
}

/// Why a tensor cannot be written; "" if it can.
std::string write_defect(const Tensor& t, std::set<std::string>& names) {
  uint64_t n_bytes = size_of(t.dtype);
  if (n_bytes == 0) return "unknown dtype " + quote(t.dtype);
  bool is_bad = false;
  for (const int64_t extent : t.shape)
    is_bad |= extent < 0 || __builtin_mul_overflow(n_bytes, static_cast<uint64_t>(extent), &n_bytes);
  if (is_bad || n_bytes != t.bytes.size()) return fmt::format("{} bytes do not fit its shape", t.bytes.size());
  if (t.name == kMetadata) return "the format keeps this name for itself";
  if (!names.insert(t.name).second) return "two tensors have this name";
  return "";
}

/// Where each tensor's data goes: 8-byte numbers first.
std::vector<uint64_t> offsets_of(const std::vector<Tensor>& tensors, const std::vector<size_t>& order) {
  std::vector<uint64_t> offsets(tensors.size());
  uint64_t at = 0;
  for (const size_t i : order) {
    offsets[i] = at;
    at += tensors[i].bytes.size();
  }
  return offsets;
}

/// The JSON text; nothing if some text is not UTF-8.
std::optional<std::string> header_of(const TensorFile& file, const std::vector<uint64_t>& offsets) {
  std::string header = "{";
  const auto separate = [&] { header += header.back() == '{' ? "" : ","; };
  if (!file.metadata.empty()) {
    header += fmt::format("\"{}\":{{", kMetadata);
    for (const auto& [key, text] : file.metadata) {
      const std::optional<std::string> k = json_text(key), t = json_text(text);
      if (!k || !t) return std::nullopt;
      separate();
      header += *k + ":" + *t;
    }
    header += "}";
  }
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    const Tensor& t = file.tensors[i];
    const std::optional<std::string> name = json_text(t.name);
    if (!name) return std::nullopt;
    separate();
    header += fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", *name, t.dtype,
                          fmt::join(t.shape, ","), offsets[i], offsets[i] + t.bytes.size());
  }
  return header + "}";
}

}  // namespace

const Tensor* TensorFile::find(std::string_view name) const {
  const auto at = std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; });
  return at == tensors.end() ? nullptr : &*at;
}

const std::string* TensorFile::note(std::string_view key) const {
  const auto at = std::find_if(metadata.begin(), metadata.end(), [&](const auto& note) { return note.first == key; });
  return at == metadata.end() ? nullptr : &at->second;
}

template <class T>
Tensor make_tensor(std::string name, std::vector<int64_t> shape, std::span<const T> values) {
  const std::span<const std::byte> bytes = std::as_bytes(values);
  return {
      .name = std::move(name), .dtype = kNameOf<T>, .shape = std::move(shape), .bytes = {bytes.begin(), bytes.end()}};
}

template <class T>
Result<std::vector<T>> values_of(const Tensor& tensor) {
  if (tensor.dtype != kNameOf<T>)
    return Error{fmt::format("tensor {} is {}, not {}", quote(tensor.name), tensor.dtype, kNameOf<T>)};
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(T));
  return values;
}

template Tensor make_tensor(std::string, std::vector<int64_t>, std::span<const float>);
template Tensor make_tensor(std::string, std::vector<int64_t>, std::span<const double>);
template Tensor make_tensor(std::string, std::vector<int64_t>, std::span<const int64_t>);
template Result<std::vector<float>> values_of(const Tensor&);
template Result<std::vector<double>> values_of(const Tensor&);
template Result<std::vector<int64_t>> values_of(const Tensor&);

Result<TensorFile> parse_safetensors(std::string_view bytes, const std::string& path) try {
  Result<TensorFile> file = parse(bytes);
  if (!file) return Error{fmt::format("`{}` is no valid safetensors file: {}", path, file.error().message)};
  return file;
} catch (const std::bad_alloc&) {
  return Error{fmt::format("cannot read `{}`: it does not fit in memory", path)};
}

Result<TensorFile> read_safetensors(const std::string& path) {
  const Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_safetensors(*bytes, path);
}

Result<std::string> safetensors_bytes(const TensorFile& file) {
  std::set<std::string> names;
  std::vector<size_t> order;
  for (const Tensor& t : file.tensors) {
    if (const std::string what = write_defect(t, names); !what.empty())
      return Error{fmt::format("tensor {} cannot be saved: {}", quote(t.name), what)};
    order.push_back(order.size());
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return size_of(file.tensors[a].dtype) > size_of(file.tensors[b].dtype); });
  std::optional<std::string> header = header_of(file, offsets_of(file.tensors, order));
  if (!header) return Error{"weights cannot be saved: a name or a note is not UTF-8"};
  header->append((8 - header->size() % 8) % 8, ' ');
  const uint64_t n_header = header->size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &n_header, 8);
  bytes += *header;
  for (const size_t i : order)
    bytes.append(reinterpret_cast<const char*>(file.tensors[i].bytes.data()), file.tensors[i].bytes.size());
  return bytes;
}

MaybeError write_safetensors(const std::string& path, const TensorFile& file) {
  const Result<std::string> bytes = safetensors_bytes(file);
  if (!bytes) return bytes.error();
  return write_file(path, *bytes);
}

}  // namespace dlc::runtime
