// Random damage to IR text: characters, pieces of syntax, copied stretches, other digits.
#pragma once
#include <random>
#include <string>
#include <vector>

namespace dlc {

inline std::string mutate(std::string text, std::mt19937& random) {
  static const std::vector<std::string> kPieces = {"%",
                                                   "@",
                                                   "(",
                                                   ")",
                                                   "[",
                                                   "]",
                                                   "{",
                                                   "}",
                                                   ",",
                                                   ":",
                                                   "=",
                                                   "-",
                                                   "*",
                                                   ".",
                                                   "\"",
                                                   "j0",
                                                   "n",
                                                   "0",
                                                   "1",
                                                   "2",
                                                   "99999999999999999999",
                                                   "9223372036854775807",
                                                   " f64",
                                                   " f32",
                                                   " int",
                                                   " bool",
                                                   " guarded",
                                                   " else ",
                                                   " if ",
                                                   " map ",
                                                   " view ",
                                                   " sum ",
                                                   " call ",
                                                   " get ",
                                                   "div(",
                                                   " matmul ",
                                                   " tuple ",
                                                   " stack ",
                                                   "-1",
                                                   "%0",
                                                   "%1",
                                                   "%2",
                                                   "%35",
                                                   "axes",
                                                   "ints",
                                                   "func ",
                                                   "\xff",
                                                   std::string(1, '\0')};
  auto below = [&](size_t n) { return static_cast<size_t>(random() % std::max<size_t>(n, 1)); };
  const size_t n_edits = below(3) ? 1 : 2 + below(3);
  for (size_t k = 0; k < n_edits && !text.empty(); ++k) {
    const size_t at = below(text.size()), length = below(12);
    switch (below(6)) {
      case 0: text.erase(at, length); break;
      case 1: text.insert(at, kPieces[below(kPieces.size())]); break;
      case 2: text.replace(at, length, kPieces[below(kPieces.size())]); break;
      case 3: text.insert(below(text.size()), text.substr(at, length * 8)); break;
      case 4:
        if (const size_t digit = text.find_first_of("0123456789", at); digit != std::string::npos)
          text[digit] = static_cast<char>('0' + below(10));
        break;
      default: text[at] = static_cast<char>(random()); break;
    }
  }
  if (below(50) == 0) text.resize(below(text.size()));
  return text;
}

}  // namespace dlc
