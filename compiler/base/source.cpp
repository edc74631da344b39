// Places in source texts; see source.h.
#include "base/source.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"

namespace dlc {

FileId Sources::add(std::string name, std::string text) {
  SourceFile file{std::move(name), std::move(text), {0}};
  // Offsets are 32-bit; the parser refuses files anywhere near that, so what lies beyond needs no lines.
  const size_t end = std::min(file.text.size(), static_cast<size_t>(std::numeric_limits<int32_t>::max()) - 1);
  for (size_t i = 0; i < end; ++i)
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<int32_t>(i) + 1);
  files_.push_back(std::move(file));
  return FileId{static_cast<int32_t>(files_.size()) - 1};
}

LineColumn Sources::line_column(FileId file, int32_t offset) const {
  const SourceFile& f = (*this)[file];
  const int32_t size =
      static_cast<int32_t>(std::min(f.text.size(), static_cast<size_t>(std::numeric_limits<int32_t>::max())));
  offset = std::clamp(offset, 0, size);
  const auto next = std::upper_bound(f.line_starts.begin(), f.line_starts.end(), offset);
  const int32_t start = *(next - 1);
  const std::string_view before =
      std::string_view(f.text).substr(static_cast<size_t>(start), static_cast<size_t>(offset - start));
  return {static_cast<int>(next - f.line_starts.begin()), static_cast<int>(count_code_points(before)) + 1};
}

std::string_view Sources::line_text(FileId file, int line) const {
  const SourceFile& f = (*this)[file];
  if (line < 1 || static_cast<size_t>(line) > f.line_starts.size()) return {};
  const size_t start = static_cast<size_t>(f.line_starts[static_cast<size_t>(line) - 1]);
  std::string_view text = std::string_view(f.text).substr(start);
  text = text.substr(0, text.find('\n'));
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

std::string_view Sources::text(Span span) const {
  if (!span) return {};
  const std::string_view all = (*this)[span.file].text;
  const size_t begin = std::min(all.size(), static_cast<size_t>(std::max(span.begin, 0)));
  const size_t end = std::min(all.size(), static_cast<size_t>(std::max(span.end, 0)));
  return all.substr(begin, end > begin ? end - begin : 0);
}

std::string Sources::place(Span span) const {
  if (!span) return {};
  const LineColumn at = line_column(span.file, span.begin);
  return (*this)[span.file].name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

}  // namespace dlc
