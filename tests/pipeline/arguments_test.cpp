// Arguments from text and files, and every way to get them wrong.
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "loaded.h"
#include "pipeline/array_files.h"
#include "pipeline/files.h"
#include "pipeline/values.h"

namespace dlc {
namespace {

constexpr const char* kText = "fn f[n, d](x1: real, k: int, on: bool, W: real[n, d], t: (a: real, b: real[2])) -> real = x1 * t.a\n";

std::string error_of(const std::string& list) {
  const auto c = loaded(kText);
  Arguments given;
  if (auto e = given.add_list(list)) return e->message;
  auto args = given.bind(c->module, c->module[c->find("f")]);
  return args ? "" : args.error().message;
}

class Scratch : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "dlc-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string file(const std::string& name, const std::string& text) {
    EXPECT_FALSE(write_file((folder_ / name).string(), text));
    return (folder_ / name).string();
  }
  std::filesystem::path folder_;
};

TEST(Arguments, AreTyped) {
  const auto c = loaded(kText);
  const FuncId f = c->find("f");
  const auto args = arguments(*c, f, R"(x1=-.5, k=3, on=true, W=[[1,2,3],[4,5,"inf"]], t={"a": 1, "b": [2, 3]})");
  EXPECT_EQ(args[0].floats[0], -0.5);
  EXPECT_EQ(args[1].ints[0], 3);
  EXPECT_EQ(args[3].dims, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(args[3].floats[5], HUGE_VAL);
  EXPECT_EQ(args[4].fields[1].floats[1], 3);
  EXPECT_EQ(arguments(*c, f, "x1=1,k=1,on=true,W=[[1,-inf,-Infinity]],t=[1,[2,3]]")[3].floats[2], -HUGE_VAL);
  EXPECT_TRUE(std::isnan(arguments(*c, f, "x1=1,k=1,on=true,W=[[NaN,nan]],t=[1,[2,3]]")[3].floats[1]));
  EXPECT_TRUE(std::isnan(arguments(*c, f, "x1=nan,k=1,on=false,W=[[1]],t=[1,[2,3]]")[0].floats[0]));
}

TEST(Arguments, ErrorsNameAndSuggest) {
  const std::string rest = ",k=1,on=true,W=[[1]],t=[1,[2,3]]";
  EXPECT_EQ(error_of("x1=1" + rest), "");
  EXPECT_NE(error_of("x=1" + rest).find("no parameter `x`"), std::string::npos);
  EXPECT_NE(error_of("x12=1" + rest).find("did you mean `x1`?"), std::string::npos);
  EXPECT_NE(error_of("x1=1").find("no value is given for `k`, `on`, `W`, `t`"), std::string::npos);
  EXPECT_NE(error_of("x1=1,x1=2" + rest).find("given twice"), std::string::npos);
  EXPECT_NE(error_of("x1=[1]" + rest).find("f64"), std::string::npos);
  EXPECT_NE(error_of("x1=abc" + rest).find("neither a number nor JSON"), std::string::npos);
  EXPECT_NE(error_of("x1" + rest).find("name=value"), std::string::npos);
  EXPECT_NE(error_of("x1=1,k=1.5,on=true,W=[[1]],t=[1,[2,3]]").find("not an int"), std::string::npos);
  EXPECT_NE(error_of("x1=1,k=1,on=1,W=[[1]],t=[1,[2,3]]").find("not true or false"), std::string::npos);
  EXPECT_NE(error_of("x1=1,k=1,on=true,W=[[1,2],[3]],t=[1,[2,3]]").find("different lengths, 2 and 1"), std::string::npos);
  EXPECT_NE(error_of("x1=1,k=1,on=true,W=[1],t=[1,[2,3]]").find("f64[n, d]"), std::string::npos);
  EXPECT_NE(error_of("x1=1,k=1,on=true,W=[[1]],t=[1]").find("2 fields"), std::string::npos);
  EXPECT_NE(error_of("x1=@/no/such.json" + rest).find("cannot read"), std::string::npos);
  EXPECT_NE(error_of("k=99999999999999999999").find("k"), std::string::npos);
  EXPECT_NE(error_of("x1=1e400" + rest).find("too large"), std::string::npos);
  EXPECT_NE(error_of("x1=1,,k=1").find("empty argument"), std::string::npos);
  EXPECT_NE(error_of("x1=1,k=1,on=true,W=[[1]],t={\"a\": 1, \"a\": 2, \"b\": [1, 2]}").find("`a` stands in it twice"), std::string::npos);
  error_of("W=" + std::string(100000, '['));  // must not overflow the stack
}

TEST_F(Scratch, ReadsFiles) {
  const auto c = loaded("fn g[n](X: real[n, 2], y: int[n]) -> real = sum(X)\n");
  const FuncId g = c->find("g");
  const std::string csv = file("x.csv", "a,b\n1, 2\r\n3,4\n\n5,6");
  const std::string json = file("y.json", "[1, 2, 3]"), all = file("all.json", R"({"y": [1, 2, 3], "X": [[1, 2], [3, 4], [5, 6]]})");
  const auto args = arguments(*c, g, "X=@" + csv + ",y=@" + json);
  EXPECT_EQ(args[0].floats, (std::vector<double>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(args[1].ints, (std::vector<int64_t>{1, 2, 3}));
  Arguments from_one;
  EXPECT_FALSE(from_one.add_json_file(all));
  EXPECT_TRUE(from_one.bind(c->module, c->module[g]));

  std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }";
  header.resize(118, ' ');
  const double numbers[] = {7, 8};
  std::string npy = std::string("\x93NUMPY\x01\x00", 8) + std::string("\x76\x00", 2) + header + std::string(reinterpret_cast<const char*>(numbers), 16);
  const auto array = read_array_file(file("x.npy", npy));
  ASSERT_TRUE(array) << array.error().message;
  EXPECT_EQ(array->dims, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(array->floats, (std::vector<double>{7, 8}));
  for (size_t n : {0u, 5u, 11u, 50u, 130u}) EXPECT_FALSE(read_array_file(file("cut.npy", npy.substr(0, n))));
  EXPECT_FALSE(read_array_file(file("bad.csv", "1,2\n3\n")));
  EXPECT_FALSE(read_array_file(file("words.csv", "1,2\nx,y\n")));
}

TEST_F(Scratch, WritesAllOrNothing) {
  const std::string path = file("out.txt", "old");
  EXPECT_FALSE(write_file(path, "new"));
  EXPECT_EQ(*read_file(path), "new");
  EXPECT_TRUE(write_file((folder_ / "none" / "out").string(), "x"));
  EXPECT_TRUE(write_file(folder_.string(), "x"));
  int n = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_)) ++n;
  EXPECT_EQ(n, 1);  // no temporary file is left
}

TEST(Values, PrintInFewestDigits) {
  const auto c = loaded(kText);
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(static_cast<double>(0.1f), DType::f32), "0.1");
  EXPECT_EQ(number_text(1.0743606353500641), "1.0743606353500641");
  EXPECT_EQ(value_text(c->module, {}, InterpValue<double>::array({2, 2}, {1, 2, 3, 4}), "W"), "W = [[1, 2],\n     [3, 4]]\n");
  EXPECT_EQ(value_brief(InterpValue<double>::array({7}, {1, 2, 3, 4, 5, 6, 7})), "f64[7] [1, 2, 3, 4, …, 7]");
}

}  // namespace
}  // namespace dlc
