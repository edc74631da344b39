# Writes the names of all rows, in order, to ${OUT}: what `"tanh"_op` searches. Files that only name ops include this list
# and not the rows, so that a change of a rule or of an expansion rebuilds two files and not all of them.
# table.cpp checks that the list is the rows'. Called by ops/CMakeLists.txt: cmake -DFOLDER=… -DOUT=… -P op_names.cmake
set(text "// Made by ops/op_names.cmake from ops/rows_*.h.\n#pragma once\n#include <string_view>\n\n")
string(APPEND text "namespace dlc {\n\ninline constexpr std::string_view kOpNames[] = {\n")
foreach(family arithmetic elementary internal array)
  file(STRINGS ${FOLDER}/rows_${family}.h rows REGEX "{\\.name = \"")
  foreach(row IN LISTS rows)
    string(REGEX REPLACE ".*{\\.name = (\"[^\"]*\").*" "    \\1,\n" name "${row}")
    string(APPEND text "${name}")
  endforeach()
endforeach()
string(APPEND text "};\n\n}  // namespace dlc\n")
file(CONFIGURE OUTPUT ${OUT} CONTENT "${text}" @ONLY)  # leaves a file alone that would not change
