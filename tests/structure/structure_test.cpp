// The source tree obeys its layout, and the checks would notice if it did not.
#include "structure.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace fs = std::filesystem;
using std::string;

namespace {

/// A small source tree in a temporary folder; the files' texts are what matters.
class Tree : public testing::Test {
 protected:
  Tree() {
    root_ = fs::temp_directory_path() / ("dlc-structure-" + std::to_string(getpid()));
    fs::create_directories(root_ / "compiler");
  }
  ~Tree() override { fs::remove_all(root_); }

  void file(const string& path, const string& text, const string& opening = "// For the test.\n") {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << opening << text;
  }
  /// The only violation there is, or all of them for the failure message.
  string violation() {
    string all;
    for (const string& v : structure_violations(root_)) all += (all.empty() ? "" : "\n") + v;
    return all;
  }

  fs::path root_;
};

string repeat(const string& text, int n) {
  string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

TEST(Structure, ThisRepositoryObeys) {
  for (const string& v : structure_violations(DLC_SOURCE_DIR)) ADD_FAILURE() << v;
}

TEST_F(Tree, GoodArrowsPass) {
  file("compiler/base/ids.h", "#include <vector>\n");
  file("compiler/ir/module.h", "#include \"base/ids.h\"\n#include \"types.h\"\n");
  file("compiler/ir/types.h", "");
  file("compiler/driver/main.cpp", "#include \"ir/module.h\"\n");
  file("runtime/abi.h", "#include <stdint.h>\n", "/* For the test. */\n");
  file("compiler/codegen/cpu/jit.cpp", "#include \"runtime/abi.h\"\n#include <llvm/Passes/PassBuilder.h>\n");
  EXPECT_EQ(violation(), "");
}

TEST_F(Tree, WrongArrow) {
  file("compiler/ir/module.h", "");
  file("compiler/syntax/ast.h", "\n#include \"ir/module.h\"\n");
  EXPECT_EQ(violation(), "compiler/syntax/ast.h:3: `syntax` may not include `ir`");
}

TEST_F(Tree, WrongArrowByRelativePath) {
  file("compiler/ir/module.h", "");
  file("compiler/base/ids.h", "#include \"../ir/module.h\"\n");
  EXPECT_EQ(violation(), "compiler/base/ids.h:2: `base` may not include `ir`");
}

TEST_F(Tree, RuntimeIncludesNothingOfTheCompiler) {
  file("compiler/base/ids.h", "");
  file("runtime/data/csv.h", "#include \"base/ids.h\"\n");
  EXPECT_EQ(violation(), "runtime/data/csv.h:2: `runtime/data` may not include `base`");
}

TEST_F(Tree, RuntimeHasArrowsOfItsOwn) {
  file("runtime/result.h", "");
  file("runtime/data/csv.h", "#include \"runtime/result.h\"\n");
  file("runtime/train/metrics.cpp", "#include \"runtime/data/csv.h\"\n");
  EXPECT_EQ(violation(), "");
  file("runtime/random/philox.h", "#include \"runtime/data/csv.h\"\n");
  EXPECT_EQ(violation(), "runtime/random/philox.h:2: `runtime/random` may not include `runtime/data`");
}

TEST_F(Tree, AbiIncludesStdintOnly) {
  file("runtime/abi.h", "#include <stddef.h>\n");
  EXPECT_EQ(violation(), "runtime/abi.h:2: generated code's interface includes <stdint.h> only");
}

TEST_F(Tree, UnknownFolder) {
  file("compiler/stuff/a.h", "");
  EXPECT_EQ(violation(), "compiler/stuff/a.h:1: `stuff` is not a folder of the layout");
}

TEST_F(Tree, ExampleSeesThePublicHeaderOnly) {
  file("compiler/ir/module.h", "");
  file("compiler/dlc.h", "");
  file("examples/a.cpp", "#include \"dlc.h\"\n#include \"ir/module.h\"\n");
  EXPECT_EQ(violation(), "examples/a.cpp:3: `examples` may not include `ir`");
}

TEST_F(Tree, LlvmOutsideCodegen) {
  file("compiler/passes/fuse.cpp", "#include <llvm/IR/Module.h>\n");
  EXPECT_EQ(violation(), "compiler/passes/fuse.cpp:2: LLVM is for codegen/ only");
}

TEST_F(Tree, BackendHeadersInFourFiles) {
  file("compiler/codegen/jit.h", "#include <llvm/ExecutionEngine/Orc/LLJIT.h>\n");
  for (const char* name : {"a", "b", "c"}) file(string("compiler/codegen/") + name + ".cpp", "#include \"jit.h\"\n");
  file("compiler/codegen/emit.cpp", "#include <llvm/IR/IRBuilder.h>\n");
  EXPECT_EQ(violation(), "");
  file("compiler/codegen/d.cpp", "#include \"codegen/jit.h\"\n");
  EXPECT_EQ(violation(),
            "compiler/codegen:1: too many files see LLVM's backend headers: compiler/codegen/a.cpp "
            "compiler/codegen/b.cpp compiler/codegen/c.cpp compiler/codegen/d.cpp");
}

TEST_F(Tree, OpeningComment) {
  file("compiler/base/a.h", "#pragma once\n", "");
  EXPECT_EQ(violation(), "compiler/base/a.h:1: a file opens with a comment: what it is for");
}

TEST_F(Tree, VagueName) {
  file("compiler/base/string_helpers.h", "");
  EXPECT_EQ(violation(), "");  // it says of what
  file("compiler/base/utils.h", "");
  EXPECT_EQ(violation(), "compiler/base/utils.h:1: `utils.h` names no idea");
}

TEST_F(Tree, LongFile) {
  file("compiler/base/a.cpp", repeat("int x;\n", 800));
  EXPECT_EQ(violation(), "compiler/base/a.cpp:801: 801 lines, and no `Long because` in its opening comment");
  file("compiler/base/a.cpp", repeat("int x;\n", 800), "// For the test. Long because of the test.\n");
  EXPECT_EQ(violation(), "");
}

TEST_F(Tree, LongFunctions) {
  const string body = "{\n" + repeat("  f(\"}\", '{', U'{');  // {\n", 100) + "}\n";
  const string table =
      "constexpr Row kRows[] = {\n" + repeat("  {.f = [](auto x) { return exp(x); }},\n", 120) + "};\n";
  file("compiler/base/a.cpp", "namespace dlc {\nstruct alignas(64) S {\n" +
                                  repeat("  int f() { return 1'000; }\n", 110) + "};\n" + table + "}\n");
  EXPECT_EQ(violation(), "");
  for (const string head :
       {"int f(int a = 3) ", "template <class T>\nbool S::operator==(const S& s) const ", "S::S() : a_(1) "}) {
    file("compiler/base/a.cpp", "#define A(x) {\nnamespace dlc {\n" + head + body + "}\n");
    EXPECT_TRUE(violation().ends_with("a function of 102 lines, and no `Long because` above it")) << violation();
    file("compiler/base/a.cpp", "namespace dlc {\n// Long because of the test.\n" + head + body + "}\n");
    EXPECT_EQ(violation(), "");
  }
}

TEST_F(Tree, LongCMakeLists) {
  file("compiler/base/CMakeLists.txt", repeat("# line\n", 25));
  EXPECT_EQ(violation(), "compiler/base/CMakeLists.txt:26: more than 25 lines");
}

}  // namespace
