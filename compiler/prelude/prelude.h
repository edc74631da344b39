// The library written in dlc itself: the texts of compiler/prelude/*.dl, embedded at build time by embed.cmake.
#pragma once
#include <span>
#include <string_view>

namespace dlc {

struct PreludeFile {
  std::string_view name;  // "nn.dl"
  std::string_view text;
};

/// Every prelude file, ordered by name; the views are good for the whole program.
std::span<const PreludeFile> prelude_files();

}  // namespace dlc
