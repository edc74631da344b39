// Formulas as text: in dlc's own syntax, which its parser reads back, and in LaTeX (what KaTeX knows). Operators and
// templates come from the rows of the op table; parentheses stand only where a precedence wants them.
#pragma once
#include <string>
#include <string_view>

#include "symbolic/formula.h"

namespace dlc {

std::string text_of(const Formulas& formulas, FormulaId f);
/// As a value of its own, whose type must show: 1.0, not 1.
std::string text_of(const Formulas& formulas, FormulaId f, DType dtype);
std::string latex_of(const Formulas& formulas, FormulaId f);

/// A name of a program: θ and theta → \theta, x1 → x_{1}, W_out → W_{\mathrm{out}}, s.h → s.h, rate → \mathrm{rate}.
std::string latex_name(std::string_view name);
/// The formula of a subscripted name: x → x_{i}, x_{1} → (x_{1})_{i}.
std::string latex_subscripted(const std::string& base, const std::string& subscripts);

/// How tightly a piece of text holds together; the numbers of OpRow::precedence.
struct Piece {
  std::string text;
  int level = kAtom;
  static constexpr int kLoose = 0, kAnd = 2, kNot = 3, kCompare = 4, kSum = 5, kProduct = 6, kUnary = 7, kPower = 8,
                       kAtom = 9;
};

}  // namespace dlc
