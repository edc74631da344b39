// Pieces of an HTML page. Everything that comes from a source (names, comments, values, messages) passes through
// escaped(), so that no program can put an element or a script into its report; the pages hold no script at all.
//
//   std::string body = "<h1>" + escaped(name) + "</h1>" + table;
//   write_file(path, page("dlc report: " + name, body));
//
// A page is well-formed as XML too: every element is closed, every attribute quoted. It refers to nothing outside itself.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

/// For text and for quoted attributes: & < > " ' as entities, control characters and invalid UTF-8 as U+FFFD.
std::string escaped(std::string_view text);

/// A whole document in the report's typography; it follows the reader's choice of light or dark. `title` is plain text,
/// `body` is HTML.
std::string page(std::string_view title, std::string_view body);

/// One cell; `html` is written as it is.
struct Cell {
  std::string html;
  std::string attributes;   // ` class="number"`, with the space
  bool is_head = false;
};
using TableRow = std::vector<Cell>;

/// A table that scrolls by itself when it is wider than the page. The first row is the head when all its cells are.
std::string table(const std::vector<TableRow>& rows);

/// 1234567 → 1 234 567 with narrow spaces; of more than 24 digits the first three and the power of ten.
std::string grouped(std::string digits);

}  // namespace dlc
