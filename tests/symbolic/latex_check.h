// Whether a text is LaTeX that renders, as far as structure goes: balanced braces, \left … \right and environments,
// one script of a kind to a base, only commands that KaTeX knows.
#pragma once
#include <string>
#include <string_view>

namespace dlc::test {

/// What is wrong, "" if nothing.
std::string latex_fault(std::string_view text);

}  // namespace dlc::test
