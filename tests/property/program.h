// Random small programs that are well typed by construction, as trees of text, so that they can be made smaller while
// they still show what is wrong.
#pragma once
#include <random>
#include <string>
#include <vector>

namespace dlc {

/// A piece of a program: `$0`, `$1`, … in the text stand for the parts.
struct Piece {
  enum class Kind : uint8_t { number, array, matrix, statement, loop, fixed };  // fixed: not to be replaced, only its parts
  Kind kind = Kind::fixed;
  std::string text;  // of a loop: what it runs over, "i in 0..3", its body is the only part
  std::vector<Piece> parts;

  std::string source() const;
  size_t size() const;
};

/// How loops of a known number of steps are written: as they are, with a checkpoint every second step, or step by step.
enum class Loops : uint8_t { plain, checkpointed, unrolled };
/// `n` is what the sizes are when steps are counted.
std::string source_with(const Piece& program, Loops loops, int n);

/// `f[n](x: real[n], y: real, M: real[n, n], at: int[n], p: P[n]) -> real`, which may call and differentiate
///
///   g(a, b) -> real                numbers, with loops
///   h[n](x: real[n], y: real) -> real[n]
///   r(a, b) -> real                with a declared derivative
///   deep[n](x: real[n], y: real) -> real    recurs on its size
///   twice(q: fn(real) -> real, z) -> real   takes a function
Piece random_program(uint64_t seed);

/// All programs that are one step smaller: without a statement, or with a part, a parameter or a constant in the place of an
/// expression. Not all are well typed.
std::vector<Piece> smaller(const Piece& program);

}  // namespace dlc
