// See gzip.h; zlib does the work.
#include "runtime/data/gzip.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

namespace dlc::runtime {
namespace {

struct Inflater {
  z_stream stream{};
  bool is_open = inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK;  // 16: gzip's header and checksum
  Inflater() = default;
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (is_open) inflateEnd(&stream);
  }
};

/// Unpacks the member that begins at `at` and moves `at` behind it; the reason if it cannot.
const char* unpack_member(std::string_view bytes, size_t& at, std::string& out, size_t& used, size_t max_bytes) {
  constexpr size_t kLargest = std::numeric_limits<uInt>::max();  // zlib counts in 32 bits
  Inflater inflater;
  if (!inflater.is_open) return "no memory to unpack it";
  z_stream& z = inflater.stream;
  for (int code = Z_OK; code != Z_STREAM_END;) {
    if (used == max_bytes) return "it unpacks to more than a table may have";
    if (used == out.size()) out.resize(std::min(std::max<size_t>(2 * used, 1 << 16), max_bytes));
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data() + at));
    z.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    const uInt room_in = z.avail_in = static_cast<uInt>(std::min(bytes.size() - at, kLargest));
    const uInt room_out = z.avail_out = static_cast<uInt>(std::min(out.size() - used, kLargest));
    code = inflate(&z, Z_NO_FLUSH);
    at += room_in - z.avail_in;
    used += room_out - z.avail_out;
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return z.msg ? z.msg : "it is damaged";
    if (code != Z_STREAM_END && at == bytes.size() && z.avail_out != 0) return "it ends early";
  }
  return nullptr;
}

}  // namespace

bool is_gzip(std::string_view bytes) { return bytes.starts_with("\x1f\x8b"); }

Result<std::string> gunzip(std::string_view bytes, const std::string& path, int64_t max_bytes) try {
  std::string out;
  size_t at = 0, used = 0;
  const char* reason = nullptr;
  // Programs that write in blocks pad the end with zeros.
  while (!reason && at < bytes.size() && bytes.find_first_not_of('\0', at) != std::string_view::npos)
    reason = is_gzip(bytes.substr(at)) ? unpack_member(bytes, at, out, used, static_cast<size_t>(max_bytes))
                                       : "something else follows its end";
  if (reason) return Error{fmt::format("cannot read `{}`: bad gzip data at byte {}: {}", path, at, reason)};
  out.resize(used);
  return out;
} catch (const std::bad_alloc&) {
  return Error{fmt::format("cannot read `{}`: it unpacks to more than fits in memory", path)};
}

}  // namespace dlc::runtime
