// See idx.h.
#include "runtime/data/idx.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cmath>
#include <new>

#include "runtime/data/csv.h"
#include "runtime/data/file.h"
#include "runtime/data/gzip.h"

namespace dlc::runtime {
namespace {

constexpr int64_t kSizesAt = 4;

int64_t element_bytes(IdxType type) {
  switch (type) {
    case IdxType::u8:
    case IdxType::i8: return 1;
    case IdxType::i16: return 2;
    case IdxType::i32:
    case IdxType::f32: return 4;
    case IdxType::f64: return 8;
  }
  return 0;
}

const char* type_name(IdxType type) {
  switch (type) {
    case IdxType::u8: return "unsigned bytes";
    case IdxType::i8: return "bytes";
    case IdxType::i16: return "16-bit integers";
    case IdxType::i32: return "32-bit integers";
    case IdxType::f32: return "32-bit floats";
    case IdxType::f64: return "64-bit floats";
  }
  return "";
}

uint64_t big_endian(const std::string& bytes, int64_t at, int64_t n) {
  uint64_t v = 0;
  for (int64_t k = 0; k < n; ++k) v = v << 8 | static_cast<unsigned char>(bytes[static_cast<size_t>(at + k)]);
  return v;
}

/// What is wrong with the header and the length; nothing if all is well.
MaybeError check(IdxArray& a) {
  const auto n_bytes = static_cast<int64_t>(a.bytes.size());
  const auto wrong = [&](int64_t at, const std::string& what) {
    return Error{fmt::format("cannot read `{}`: bad IDX data at byte {}: {}", a.path, at, what)};
  };
  const auto byte = [&](int64_t at) { return static_cast<int>(static_cast<unsigned char>(a.bytes[static_cast<size_t>(at)])); };
  if (n_bytes < kSizesAt) return wrong(n_bytes, "the file ends within its first four bytes");
  for (int64_t at = 0; at < 2; ++at)
    if (byte(at) != 0) return wrong(at, fmt::format("an IDX file begins with two zero bytes, and this is {}", byte(at)));
  a.type = static_cast<IdxType>(byte(2));
  if (element_bytes(a.type) == 0)
    return wrong(2, fmt::format("{} is no type of elements; there are 8, 9 (bytes), 11, 12 (integers), 13 and 14 (floats)", byte(2)));
  const int rank = byte(3);
  if (rank == 0) return wrong(3, "the array has no size, so it has no rows");
  const int64_t begin = kSizesAt + 4 * rank;
  if (n_bytes < begin) return wrong(n_bytes, fmt::format("the file ends within its {} sizes", rank));
  int64_t wanted = element_bytes(a.type);  // bytes of the elements
  bool fits = true;
  for (int k = 0; k < rank; ++k) {
    const auto size = static_cast<int64_t>(big_endian(a.bytes, kSizesAt + 4 * k, 4));
    if (size == 0) return wrong(kSizesAt + 4 * k, fmt::format("size {} is 0, so there is no element", k));
    a.shape.push_back(size);
    fits = fits && !__builtin_mul_overflow(wanted, size, &wanted);
  }
  const int64_t found = n_bytes - begin;
  const std::string what = fmt::format("[{}] {}", fmt::join(a.shape, ", "), type_name(a.type));
  if (!fits || found < wanted)
    return wrong(n_bytes, fmt::format("the file ends early: {}{}, and {} bytes follow the sizes", what,
                                      fits ? fmt::format(" are {} bytes", wanted) : " are more than there can be", found));
  if (found > wanted) return wrong(begin + wanted, fmt::format("{} bytes follow the last element of {}", found - wanted, what));
  return std::nullopt;
}

}  // namespace

int64_t IdxArray::width() const {
  int64_t n = 1;
  for (size_t k = 1; k < shape.size(); ++k) n *= shape[k];
  return n;
}

int64_t IdxArray::byte_of(int64_t element) const {
  return kSizesAt + 4 * static_cast<int64_t>(shape.size()) + element * element_bytes(type);
}

double IdxArray::value(int64_t element) const {
  const int64_t at = byte_of(element);
  switch (type) {
    case IdxType::u8: return static_cast<unsigned char>(bytes[static_cast<size_t>(at)]);
    case IdxType::i8: return static_cast<signed char>(bytes[static_cast<size_t>(at)]);
    case IdxType::i16: return static_cast<int16_t>(big_endian(bytes, at, 2));
    case IdxType::i32: return static_cast<int32_t>(big_endian(bytes, at, 4));
    case IdxType::f32: return std::bit_cast<float>(static_cast<uint32_t>(big_endian(bytes, at, 4)));
    case IdxType::f64: return std::bit_cast<double>(big_endian(bytes, at, 8));
  }
  return 0;
}

Result<IdxArray> parse_idx(std::string bytes, const std::string& path, int64_t max_bytes) try {
  IdxArray a{.path = path};
  if (is_gzip(bytes)) {
    Result<std::string> unpacked = gunzip(bytes, path, max_bytes);
    if (!unpacked) return unpacked.error();
    bytes = std::move(*unpacked);
  }
  a.bytes = std::move(bytes);
  if (MaybeError error = check(a)) return *error;
  if (a.type == IdxType::f32 || a.type == IdxType::f64)
    for (int64_t i = 0, n = a.n_rows() * a.width(); i < n; ++i)
      if (!std::isfinite(a.value(i)))
        return Error{fmt::format("cannot read `{}`: bad IDX data at byte {}: {} is no number to learn from", path, a.byte_of(i), a.value(i))};
  return a;
} catch (const std::bad_alloc&) {
  return Error{fmt::format("cannot read `{}`: the array does not fit in memory", path)};
}

Result<IdxArray> read_idx(const std::string& path) {
  Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_idx(std::move(*bytes), path, kMaxTableBytes);
}

}  // namespace dlc::runtime
