# Writes docs/derivatives.md as a C++ string, so that `dlc explain kinks` prints the table that readers of the docs see.
#   cmake -DIN=derivatives.md -DOUT=kinks_text.h -P embed_kinks.cmake
file(READ ${IN} text)
file(WRITE ${OUT} "// Made from docs/derivatives.md by compiler/pipeline/embed_kinks.cmake.
#pragma once
namespace dlc {
inline constexpr char kDerivativesText[] = R\"dl_text(${text})dl_text\";
}  // namespace dlc
")
