// Random small programs that are well typed by construction, as trees of text, so that they can be made smaller while
// they still show what is wrong.
#pragma once
#include <random>
#include <string>
#include <vector>

namespace dlc {

/// A piece of a program: `$0`, `$1`, … in the text stand for the parts.
struct Piece {
  enum class Kind : uint8_t { number, array, statement, fixed };  // fixed: not to be replaced, only its parts
  Kind kind = Kind::fixed;
  std::string text;
  std::vector<Piece> parts;

  std::string source() const;
  size_t size() const;
};

/// One function `f[n](x: real[n], y: real) -> real`, with `g(a, b)`, which it may call and differentiate.
Piece random_program(uint64_t seed);

/// All programs that are one step smaller: without a statement, or with a part, a parameter or a constant in the place of an
/// expression. Not all are well typed.
std::vector<Piece> smaller(const Piece& program);

}  // namespace dlc
