// Tables of text: comma-separated values as in RFC 4180, plain or gzip, with a header line.
//
//   Result<CsvTable> table = read_csv("wine.csv");
//   if (!table) return table.error();          // "wine.csv:12: the row ends before column 13 `cultivar`"
//   std::string_view ash = table->cell(0, 2);  // first row, third column: "2.43"
//
// Read are: quoted cells with commas, line ends and doubled quotes in them; lines ended by LF, CRLF or CR, the last one
// also by nothing; a UTF-8 byte order mark. Beyond the RFC: spaces and tabs around a cell or its quotes are not part of
// it, a quote inside an unquoted cell is a character, and lines with nothing on them are passed over. In messages lines
// count from 1, as editors do, and columns from 0, as `columns(0..30)` does.
//
// The table owns its text; cells are pieces of it, so a table costs its file and 16 bytes for a cell. It can be read
// from any thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/result.h"

namespace dlc::runtime {

class CsvTable {
 public:
  const std::string& path() const { return path_; }
  const std::vector<std::string>& names() const { return names_; }
  int64_t n_columns() const { return static_cast<int64_t>(names_.size()); }
  int64_t n_rows() const { return static_cast<int64_t>(lines_.size()); }
  /// The text of a cell without its quotes; "" if it is empty.
  std::string_view cell(int64_t row, int64_t column) const {
    const Cell c = cells_[static_cast<size_t>(row * n_columns() + column)];
    return {text_.data() + c.begin, static_cast<size_t>(c.size)};
  }
  /// The line on which a row begins.
  int64_t line(int64_t row) const { return lines_[static_cast<size_t>(row)]; }
  /// The beginning of a message: "wine.csv:12: column 2 `ash`".
  std::string place(int64_t row, int64_t column) const;

 private:
  friend class CsvParser;
  struct Cell {
    int64_t begin, size;
  };
  std::string path_, text_;
  std::vector<std::string> names_;
  std::vector<Cell> cells_;     // row-major
  std::vector<int64_t> lines_;  // of each row
};

/// What a table may unpack to.
constexpr int64_t kMaxTableBytes = int64_t{1} << 34;

/// Reads a file; "-" is standard input. Fails on a file that cannot be read, on an empty table (no header or no rows),
/// on a row with too few or too many cells, a quote that is not closed or is followed by text, two columns of one name,
/// and on what looks like another format (UTF-16, separated by semicolons or tabs).
Result<CsvTable> read_csv(const std::string& path);

/// The same for bytes already read, plain or gzip. `path` is for messages.
Result<CsvTable> parse_csv(std::string bytes, const std::string& path, int64_t max_bytes = kMaxTableBytes);

}  // namespace dlc::runtime
