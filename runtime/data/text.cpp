// See text.h.
#include "runtime/data/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <string_view>

#include "runtime/data/csv.h"
#include "runtime/data/file.h"
#include "runtime/data/gzip.h"
#include "runtime/data/quote.h"

namespace dlc::runtime {
namespace {

constexpr char32_t kNone = 0xFFFFFFFF;

/// The character that begins at `at`, which moves behind it; kNone if there is none. Overlong forms, surrogates and
/// what is past U+10FFFF are none.
char32_t next_character(std::string_view bytes, size_t& at) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(bytes[k]); };
  const unsigned char first = byte(at);
  const size_t n = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  if (n == 0 || at + n > bytes.size()) return kNone;
  char32_t c = n == 1 ? first : first & (0x7F >> n);
  for (size_t k = 1; k < n; ++k) {
    if (byte(at + k) >> 6 != 2) return kNone;
    c = c << 6 | (byte(at + k) & 0x3F);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kLeast[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return kNone;
  at += n;
  return c;
}

void append(char32_t c, std::string& out) {
  const auto more = [&](int shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) out += static_cast<char>(c);
  else if (c < 0x800) out += static_cast<char>(0xC0 | c >> 6), more(0);
  else if (c < 0x10000) out += static_cast<char>(0xE0 | c >> 12), more(6), more(0);
  else out += static_cast<char>(0xF0 | c >> 18), more(12), more(6), more(0);
}

}  // namespace

std::string utf8_of(const std::vector<char32_t>& characters) {
  std::string out;
  for (const char32_t c : characters) append(c, out);
  return out;
}

Result<std::vector<char32_t>> characters_of(const std::string& utf8, const std::string& path) {
  std::vector<char32_t> out;
  out.reserve(utf8.size());
  for (size_t at = utf8.starts_with("\xEF\xBB\xBF") ? 3 : 0; at < utf8.size();) {
    const size_t begin = at;
    const char32_t c = next_character(utf8, at);
    if (c == kNone) return Error{fmt::format("cannot read `{}`: byte {} is not UTF-8", path, begin)};
    out.push_back(c);
  }
  return out;
}

Result<Text> parse_text(std::string bytes, const std::string& path, int64_t max_bytes, const std::vector<char32_t>& characters) try {
  if (is_gzip(bytes)) {
    Result<std::string> unpacked = gunzip(bytes, path, max_bytes);
    if (!unpacked) return unpacked.error();
    bytes = std::move(*unpacked);
  }
  const Result<std::vector<char32_t>> all = characters_of(bytes, path);
  if (!all) return all.error();
  if (all->empty()) return Error{fmt::format("`{}` is empty", path)};
  Text text{.path = path, .characters = characters};
  if (characters.empty()) {
    text.characters = *all;
    std::sort(text.characters.begin(), text.characters.end());
    text.characters.erase(std::unique(text.characters.begin(), text.characters.end()), text.characters.end());
  }
  text.ids.reserve(all->size());
  int64_t line = 1;
  for (const char32_t c : *all) {
    const auto at = std::lower_bound(text.characters.begin(), text.characters.end(), c);
    if (at == text.characters.end() || *at != c)
      return Error{fmt::format("{}:{}: the character {} did not occur in training", path, line, quote(utf8_of({c})))};
    text.ids.push_back(at - text.characters.begin());
    line += c == U'\n';
  }
  return text;
} catch (const std::bad_alloc&) {
  return Error{fmt::format("cannot read `{}`: the text does not fit in memory", path)};
}

Result<Text> read_text(const std::string& path, const std::vector<char32_t>& characters) {
  Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_text(std::move(*bytes), path, kMaxTableBytes, characters);
}

Result<Text> read_text(const std::string& path) { return read_text(path, {}); }

int64_t n_windows(const Text& text, int64_t window, int64_t stride) {
  const auto n = static_cast<int64_t>(text.ids.size());
  return n < window ? 0 : (n - window) / stride + 1;
}

}  // namespace dlc::runtime
