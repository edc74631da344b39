// A text as numbers, to learn which character follows which: plain UTF-8 or gzip.
//
//   Result<Text> text = read_text("tinyshakespeare.txt.gz");
//   text->characters                 // the 65 that occur, in the order of their code points
//   text->ids                        // of each character of the text, its place among them
//
// A byte order mark at the beginning is not part of the text. Examples are windows of consecutive characters: they lie
// in the one array of ids, and may overlap.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/result.h"

namespace dlc::runtime {

struct Text {
  std::string path;
  std::vector<char32_t> characters;  // ascending
  std::vector<int64_t> ids;
};

/// Fails, naming the byte, on what is not UTF-8; on an empty text.
Result<Text> read_text(const std::string& path);
/// In terms of these characters, as a model was trained on them; another one is an error.
Result<Text> read_text(const std::string& path, const std::vector<char32_t>& characters);

/// The same for bytes already read. `path` is for messages; no `characters`: those that occur.
Result<Text> parse_text(std::string bytes, const std::string& path, int64_t max_bytes, const std::vector<char32_t>& characters = {});

/// How many windows begin at 0, stride, 2·stride, …
int64_t n_windows(const Text& text, int64_t window, int64_t stride);

/// Between characters and UTF-8.
std::string utf8_of(const std::vector<char32_t>& characters);
Result<std::vector<char32_t>> characters_of(const std::string& utf8, const std::string& path);

}  // namespace dlc::runtime
