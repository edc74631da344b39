// Source texts and places in them. A `Span` is half-open in bytes; lines and columns are computed only
// when a person is about to read them. Columns count characters (code points) from 1.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"

namespace dlc {

struct Span {
  FileId file;
  int32_t begin = 0, end = 0;
  constexpr bool operator==(const Span&) const = default;
  constexpr explicit operator bool() const { return static_cast<bool>(file); }
};

/// The smallest span that covers both; they must be of one file (else the first is returned).
constexpr Span join(Span a, Span b) {
  if (!a) return b;
  if (!b || b.file != a.file) return a;
  return {a.file, a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

struct LineColumn {
  int line = 0, column = 0;  // both from 1; column in code points
};

struct SourceFile {
  std::string name, text;
  std::vector<int32_t> line_starts;  // byte offset of each line
};

/// All texts of one compilation. Files are never removed, so a FileId stays good.
class Sources {
 public:
  FileId add(std::string name, std::string text);
  const SourceFile& operator[](FileId id) const { return files_[static_cast<size_t>(id.i)]; }
  size_t size() const { return files_.size(); }
  LineColumn line_column(FileId file, int32_t offset) const;
  /// Text of line `line` (from 1) without its newline.
  std::string_view line_text(FileId file, int line) const;
  std::string_view text(Span span) const;
  /// "net2.dl:8:22"; empty for an absent span.
  std::string place(Span span) const;

 private:
  std::vector<SourceFile> files_;
};

}  // namespace dlc
