// One pass over the text. Cells are found by looking each byte up in a table of the few that end a cell; quoted cells
// are freed of their doubled quotes in place, which only ever shortens them, so nothing is copied elsewhere.
#include "runtime/data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <unordered_map>

#include "runtime/data/file.h"
#include "runtime/data/gzip.h"
#include "runtime/data/quote.h"

namespace dlc::runtime {
namespace {

/// What ends an unquoted cell.
constexpr std::array<bool, 256> kEndsCell = [] {
  std::array<bool, 256> ends{};
  for (const char c : {',', '\n', '\r'}) ends[static_cast<unsigned char>(c)] = true;
  return ends;
}();

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Checks the form of each character: as many 10xxxxxx bytes as its first byte says, no longer than needed, no
/// surrogate.
bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    if (first < 0x80) continue;
    const size_t n = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first < 0xC2 || first > 0xF4 || text.size() - i < n) return false;
    const auto second = static_cast<unsigned char>(text[i]);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return false;
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return false;
    for (size_t k = 0; k < n; ++k)
      if ((static_cast<unsigned char>(text[i++]) & 0xC0) != 0x80) return false;
  }
  return true;
}

}  // namespace

std::string CsvTable::place(int64_t row, int64_t column) const {
  return fmt::format("{}:{}: column {} {}", path_, line(row), column, quote(names_[static_cast<size_t>(column)]));
}

class CsvParser {
 public:
  CsvParser(std::string text, const std::string& path) {
    table_.path_ = path;
    table_.text_ = std::move(text);
    data_ = table_.text_.data();
    end_ = static_cast<int64_t>(table_.text_.size());
    if (table_.text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
  }

  Result<CsvTable> parse() {
    if (!read_row()) return Error{fmt::format("`{}` is empty", table_.path_)};
    if (!error_) take_header();
    // The first row says how many rows to expect; a guess that only saves growing.
    if (!error_ && read_row()) {
      const int64_t row_bytes = std::max<int64_t>(at_ - begin_, 1), n_more = (end_ - at_) / row_bytes + 1;
      table_.cells_.reserve(table_.cells_.size() + table_.names_.size() * static_cast<size_t>(n_more));
      do take_row();
      while (!error_ && read_row());
    }
    if (error_) return *error_;
    if (table_.lines_.empty()) return Error{fmt::format("`{}` has a header and no rows", table_.path_)};
    return std::move(table_);
  }

 private:
  using Cell = CsvTable::Cell;

  /// Appends the cells of the next row that has any; false at the end of the text.
  bool read_row() {
    while (skip_line_end()) {
    }
    if (at_ == end_ || error_) return false;
    begin_ = at_;
    row_line_ = line_;
    first_cell_ = table_.cells_.size();
    while (true) {
      read_cell();
      if (at_ == end_ || data_[at_] != ',' || error_) break;
      ++at_;
    }
    return true;
  }

  bool skip_line_end() {
    if (at_ == end_ || (data_[at_] != '\n' && data_[at_] != '\r')) return false;
    at_ += data_[at_] == '\r' && at_ + 1 < end_ && data_[at_ + 1] == '\n' ? 2 : 1;
    ++line_;
    return true;
  }

  void read_cell() {
    while (at_ < end_ && is_blank(data_[at_])) ++at_;
    if (at_ < end_ && data_[at_] == '"') return read_quoted();
    const int64_t begin = at_;
    while (at_ < end_ && !kEndsCell[static_cast<unsigned char>(data_[at_])]) ++at_;
    int64_t end = at_;
    while (end > begin && is_blank(data_[end - 1])) --end;
    table_.cells_.push_back({begin, end - begin});
  }

  void read_quoted() {
    const int64_t begin = ++at_;
    int64_t out = begin;  // where the next piece goes, if quotes before it were dropped
    while (true) {
      const void* quote = std::memchr(data_ + at_, '"', static_cast<size_t>(end_ - at_));
      if (!quote) return fail("the quote is never closed");
      const int64_t close = static_cast<const char*>(quote) - data_;
      count_lines(at_, close);
      if (out != at_) std::memmove(data_ + out, data_ + at_, static_cast<size_t>(close - at_));
      out += close - at_;
      at_ = close + 1;
      if (at_ == end_ || data_[at_] != '"') break;
      data_[out++] = '"';
      ++at_;
    }
    table_.cells_.push_back({begin, out - begin});
    while (at_ < end_ && is_blank(data_[at_])) ++at_;
    if (at_ < end_ && !kEndsCell[static_cast<unsigned char>(data_[at_])]) {
      table_.cells_.pop_back();
      fail("text follows the closing quote");
    }
  }

  void count_lines(int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      line_ += data_[i] == '\n' || (data_[i] == '\r' && (i + 1 == end || data_[i + 1] != '\n'));
  }

  /// At the cell being read, which is not yet in the list.
  void fail(const char* what) {
    const size_t column = table_.cells_.size() - first_cell_;
    const std::string name = column < table_.names_.size() ? " " + quote(table_.names_[column]) : "";
    error_ = Error{fmt::format("{}:{}: column {}{}: {}", table_.path_, row_line_, column, name, what)};
  }

  void take_header() {
    for (const Cell& c : table_.cells_) table_.names_.emplace_back(data_ + c.begin, static_cast<size_t>(c.size));
    table_.cells_.clear();
    const std::string where = fmt::format("{}:{}", table_.path_, row_line_);
    if (table_.names_.size() == 1)
      for (const char c : {';', '\t'})
        if (table_.names_[0].find(c) != std::string::npos)
          error_ = Error{
              fmt::format("{}: the columns are separated by {}, not by commas", where, c == ';' ? "`;`" : "tabs")};
    std::unordered_map<std::string_view, size_t> seen;
    for (size_t i = 0; i < table_.names_.size() && !error_; ++i) {
      if (!is_utf8(table_.names_[i]))  // a name goes into files of weights, and JSON is UTF-8
        error_ = Error{fmt::format("{}: the name of column {} is not UTF-8", where, i)};
      const auto [first, is_new] = seen.emplace(table_.names_[i], i);
      if (!is_new && !table_.names_[i].empty())
        error_ = Error{
            fmt::format("{}: columns {} and {} are both named {}", where, first->second, i, quote(table_.names_[i]))};
    }
  }

  void take_row() {
    if (error_) return;
    const size_t n = table_.cells_.size() - first_cell_, wanted = table_.names_.size();
    const std::string where = n == wanted ? "" : fmt::format("{}:{}", table_.path_, row_line_);
    if (n < wanted)
      error_ = Error{fmt::format("{}: the row ends before column {} {}: it has {} cells, the header {}", where, n,
                                 quote(table_.names_[n]), n, wanted)};
    if (n > wanted)
      error_ = Error{fmt::format("{}: the row goes on after column {} {}: it has {} cells, the header {}", where,
                                 wanted - 1, quote(table_.names_.back()), n, wanted)};
    table_.lines_.push_back(row_line_);
  }

  CsvTable table_;
  char* data_ = nullptr;
  int64_t at_ = 0, end_ = 0, line_ = 1;
  int64_t begin_ = 0, row_line_ = 1;  // where the row being read begins
  size_t first_cell_ = 0;             // and its first cell
  std::optional<Error> error_;
};

Result<CsvTable> parse_csv(std::string bytes, const std::string& path, int64_t max_bytes) try {
  if (is_gzip(bytes)) {
    Result<std::string> text = gunzip(bytes, path, max_bytes);
    if (!text) return text.error();
    bytes = std::move(*text);
  }
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF"))
    return Error{fmt::format("`{}` is UTF-16; save it as UTF-8", path)};
  return CsvParser(std::move(bytes), path).parse();
} catch (const std::bad_alloc&) {
  return Error{fmt::format("cannot read `{}`: the table does not fit in memory", path)};
}

Result<CsvTable> read_csv(const std::string& path) {
  Result<std::string> bytes = read_file(path);
  if (!bytes) return bytes.error();
  return parse_csv(std::move(*bytes), path);
}

}  // namespace dlc::runtime
