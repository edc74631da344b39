# Writes the prelude's *.dl files as one C++ file, so that dlc needs nothing beside itself at run time.
#   cmake -DOUT=prelude.cpp "-DFILES=a.dl;b.dl" -P embed.cmake
set(rows "")
set(names "")
list(LENGTH FILES n_files)
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  string(APPEND rows "    {\"${name}\", R\"dl_text(${text})dl_text\"},\n")
  string(APPEND names " ${name}")
endforeach()
file(WRITE ${OUT} "// Made by compiler/prelude/embed.cmake from:${names}. Edit those.
#include \"prelude/prelude.h\"

namespace dlc {
namespace {
constexpr std::array<PreludeFile, ${n_files}> kFiles = {{
${rows}}};
}  // namespace

std::span<const PreludeFile> prelude_files() { return kFiles; }
}  // namespace dlc
")
