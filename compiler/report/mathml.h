// Formulas for a page: the LaTeX that symbolic/render.h writes, as MathML, which browsers lay out without a script, a
// font or a library. Presentation elements of MathML Core only.
//
//   mathml("\\frac{x_{1}}{x_{2}}")   →   <mfrac><msub><mi>x</mi><mn>1</mn></msub>…</mfrac>
//
// Knows what closed forms contain (the op table's templates and latex.cpp); of another command the name is shown, so a
// page may be less pretty than it should be and never silently wrong. tests/report reads all templates through it.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace dlc {

/// Elements to stand inside <math> or one of its children. Text that is no LaTeX (a brace without its partner) is
/// read as far as it goes.
std::string mathml(std::string_view latex);

/// Whether every command of `latex` is known, for tests: the first that is not, or nothing.
std::string unknown_command(std::string_view latex);

struct Equation {
  std::string left, right;  // LaTeX
};
/// A display with the equations below each other, aligned at =.
std::string mathml_display(const std::vector<Equation>& equations);

}  // namespace dlc
