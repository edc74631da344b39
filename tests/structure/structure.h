// Checks of the source tree against the layout rules that a reader relies on: which folder may include which, where
// LLVM may be seen, how long a file or a function may grow. They read text only; see structure.cpp for what each means.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

/// Every violation under `root` (a folder that holds compiler/, runtime/, examples/), as `path:line: what is wrong`.
std::vector<std::string> structure_violations(const std::filesystem::path& root);
