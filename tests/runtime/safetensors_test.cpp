// The format against a file that its own Python library made, and every way in which a file can lie.
#include "runtime/data/safetensors.h"

#include <cmath>
#include <cstring>

#include "runtime/data/preparation.h"
#include "tests/runtime/folder.h"

namespace dlc::runtime {
namespace {

std::string file_of(const std::string& header, const std::string& data) {
  const uint64_t n = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &n, 8);
  return bytes + header + data;
}

/// The reason why a file with this header and so many bytes of data is refused; "" if it is not.
std::string defect(const std::string& header, size_t n_data = 0) {
  const Result<TensorFile> file = parse_safetensors(file_of(header, std::string(n_data, 'x')), "w");
  if (file) return "";
  const std::string begin = "`w` is no valid safetensors file: ";
  EXPECT_TRUE(file.error().message.starts_with(begin)) << file.error().message;
  return file.error().message.substr(begin.size());
}

// safetensors.numpy.save({"W1": np.array([[1.5, -2.0, 3.25]], dtype=np.float32), "step": np.array(7), "m":
// np.array([0.1]),
//                         "none": np.zeros((0, 4), dtype=np.float32)}, metadata={"model": "Net2 σ"})     safetensors
//                         0.8.0
const std::string kHeader =
    R"({"__metadata__":{"model":"Net2 σ"},"step":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
    R"("m":{"dtype":"F64","shape":[1],"data_offsets":[8,16]},"W1":{"dtype":"F32","shape":[1,3],"data_offsets":[16,28]},)"
    R"("none":{"dtype":"F32","shape":[0,4],"data_offsets":[28,28]}} )";
const std::string kPython = file_of(
    kHeader, std::string("\x07\0\0\0\0\0\0\0\x9a\x99\x99\x99\x99\x99\xb9\x3f\0\0\xc0\x3f\0\0\0\xc0\0\0\x50\x40", 28));

TEST(Safetensors, ReadsWhatPythonWrote) {
  ASSERT_EQ(kPython.size(), 300u);
  const Result<TensorFile> file = parse_safetensors(kPython, "w");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(*file->note("model"), "Net2 σ");
  EXPECT_EQ(file->find("W1")->shape, (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(*values_of<float>(*file->find("W1")), (std::vector<float>{1.5, -2.0, 3.25}));
  EXPECT_EQ(*values_of<int64_t>(*file->find("step")), std::vector<int64_t>{7});
  EXPECT_EQ(*values_of<double>(*file->find("m")), std::vector<double>{0.1});
  EXPECT_EQ(file->find("none")->shape, (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(file->find("W2"), nullptr);
  EXPECT_EQ(values_of<double>(*file->find("W1")).error().message, "tensor `W1` is F32, not F64");
}

TEST(Safetensors, WritesWhatPythonWrote) { EXPECT_EQ(*safetensors_bytes(*parse_safetensors(kPython, "w")), kPython); }

class TensorFiles : public Folder {};

TEST_F(TensorFiles, KeepDeclaredOrderAndAlignment) {
  TensorFile file{.metadata = {{"b", "1"}, {"a", "\"\n"}}};
  const float three[] = {1, 2, 3};
  const double two[] = {4, 5};
  file.tensors.push_back(make_tensor<float>("z", {3}, three));
  file.tensors.push_back(make_tensor<double>("a", {2, 1}, two));
  ASSERT_FALSE(write_safetensors(path("w.safetensors"), file));
  const std::string bytes = text("w.safetensors");
  EXPECT_NE(
      bytes.find(
          R"("z":{"dtype":"F32","shape":[3],"data_offsets":[16,28]},"a":{"dtype":"F64","shape":[2,1],"data_offsets":[0,16]}})"),
      std::string::npos);
  const Result<TensorFile> back = read_safetensors(path("w.safetensors"));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->metadata, file.metadata);
  ASSERT_EQ(back->tensors.size(), 2u);
  EXPECT_EQ(back->tensors[0].name, "z");
  EXPECT_EQ(back->tensors[0].bytes, file.tensors[0].bytes);
  EXPECT_EQ(back->tensors[1].bytes, file.tensors[1].bytes);
  EXPECT_EQ(*safetensors_bytes(*back), bytes);
}

TEST_F(TensorFiles, ThatCannotBeWritten) {
  const float one[] = {1};
  const auto failure = [&](const TensorFile& file) {
    const MaybeError error = write_safetensors(path("w"), file);
    return error ? error->message : "";
  };
  const Tensor good = make_tensor<float>("W", {1}, one);
  EXPECT_EQ(failure({.tensors = {good, good}}), "tensor `W` cannot be saved: two tensors have this name");
  EXPECT_EQ(failure({.tensors = {make_tensor<float>("W", {2}, one)}}),
            "tensor `W` cannot be saved: 4 bytes do not fit its shape");
  EXPECT_EQ(failure({.tensors = {make_tensor<float>("W", {-1, -1}, one)}}),
            "tensor `W` cannot be saved: 4 bytes do not fit its shape");
  EXPECT_EQ(failure({.tensors = {make_tensor<float>("__metadata__", {1}, one)}}),
            "tensor `__metadata__` cannot be saved: the format keeps this name for itself");
  EXPECT_EQ(failure({.tensors = {make_tensor<float>("\xff", {1}, one)}}),
            "weights cannot be saved: a name or a note is not UTF-8");
  EXPECT_TRUE(names().empty());
  EXPECT_EQ(read_safetensors(path("w")).error().message, "cannot read `" + path("w") + "`: No such file or directory");
}

TEST(HostileSafetensors, Headers) {
  EXPECT_EQ(parse_safetensors("\x01\0\0", "w").error().message,
            "`w` is no valid safetensors file: it is shorter than the eight bytes that begin one");
  EXPECT_EQ(parse_safetensors(std::string(8, '\xff'), "w").error().message,
            "`w` is no valid safetensors file: the header claims 18446744073709551615 bytes, and 100 MB are the most");
  EXPECT_EQ(parse_safetensors(kPython.substr(0, 100), "w").error().message,
            "`w` is no valid safetensors file: the header claims 264 bytes, and 92 follow");
  EXPECT_EQ(defect(""), "the header is not valid JSON at byte 8");
  EXPECT_EQ(defect("{"), "the header is not valid JSON at byte 9");
  EXPECT_EQ(defect("{}}"), "the header is not valid JSON at byte 10");
  EXPECT_EQ(defect("{\"\xff\":1}"), "the header is not valid UTF-8 at byte 10");
  EXPECT_EQ(defect("{}  "), "");
  EXPECT_EQ(defect("[]"), "the header must be an object, not a list");
  EXPECT_EQ(defect("3"), "the header must be an object, not a number");
  EXPECT_EQ(defect(R"({"a":3})"), "`a` must be an object, not a number");
  EXPECT_EQ(defect(R"({"a":null})"), "`a` must be an object, not null");
  EXPECT_EQ(defect(R"({"__metadata__":{"k":1}})"), "`k` must be a text, not a number");
  EXPECT_EQ(defect(R"({"__metadata__":{"k":{}}})"), "`k` must be a text, not an object");
  EXPECT_EQ(defect(R"({"__metadata__":{"k":"1","k":"2"}})"), "the header has the key `k` twice");
  EXPECT_EQ(defect(R"({"__metadata__":{},"__metadata__":{}})"), "the header has the key `__metadata__` twice");
  EXPECT_EQ(defect(std::string(1'000'000, '[')), "the header must be an object, not a list");
  EXPECT_EQ(defect(R"({"a":{"shape":)" + std::string(1'000'000, '[')),
            "tensor `a`: `shape` must be whole numbers from 0 below 2^64, not a list");
}

/// The header of one tensor `a`.
std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

TEST(HostileSafetensors, Tensors) {
  EXPECT_EQ(defect(tensor(R"("F32")", "[2]", "[0,8]"), 8), "");
  EXPECT_EQ(defect(tensor(R"("BF16")", "[2]", "[0,4]"), 4), "");
  EXPECT_EQ(defect(tensor(R"("F31")", "[2]", "[0,8]"), 8), "tensor `a`: unknown dtype `F31`");
  EXPECT_EQ(defect(tensor("32", "[2]", "[0,8]"), 8), "tensor `a`: `dtype` must be a text, not a number");
  EXPECT_EQ(defect(tensor(R"("F32")", "2", "[0,8]"), 8), "tensor `a`: `shape` must be a list, not a number");
  EXPECT_EQ(defect(tensor(R"("F32")", "[-2]", "[0,8]"), 8),
            "tensor `a`: `shape` must be whole numbers from 0 below 2^64, not a negative number");
  EXPECT_EQ(defect(tensor(R"("F32")", "[2.5]", "[0,8]"), 8),
            "tensor `a`: `shape` must be whole numbers from 0 below 2^64, not the number `2.5`");
  EXPECT_EQ(defect(tensor(R"("F32")", "[18446744073709551616]", "[0,8]"), 8),
            "tensor `a`: `shape` must be whole numbers from 0 below 2^64, not the number `18446744073709551616`");
  EXPECT_EQ(defect(tensor(R"("F32")", "[4611686018427387904]", "[0,0]")), "tensor `a`: its shape is too large");
  EXPECT_EQ(defect(tensor(R"("F32")", "[4294967296,4294967296]", "[0,0]")), "tensor `a`: its shape is too large");
  EXPECT_EQ(defect(tensor(R"("F32")", "[0,18446744073709551615]", "[0,0]")), "tensor `a`: its shape is too large");
  EXPECT_EQ(defect(tensor(R"("F32")", "[2]", "[0]"), 8), "tensor `a`: data_offsets must be two numbers, not 1");
  EXPECT_EQ(defect(tensor(R"("F32")", "[2]", "[8,0]"), 8), "tensor `a`: its data ends (at 0) before it begins (at 8)");
  EXPECT_EQ(defect(tensor(R"("F32")", "[2]", "[0,8]"), 7), "tensor `a`: its data ends at 8, and the file's at 7");
  EXPECT_EQ(defect(tensor(R"("F32")", "[2]", "[18446744073709551608,18446744073709551615]"), 8),
            "tensor `a`: its data ends at 18446744073709551615, and the file's at 8");
  EXPECT_EQ(defect(tensor(R"("F32")", "[3]", "[0,8]"), 8), "tensor `a`: dtype and shape make 12 bytes, data_offsets 8");
  EXPECT_EQ(defect(R"({"a":{"dtype":"F32","shape":[2]}})"), "tensor `a`: one of dtype, shape, data_offsets is missing");
  EXPECT_EQ(defect(R"({"a":{"dtype":"F32","dtype":"F64"}})"), "the header has the key `dtype` twice");
  EXPECT_EQ(defect(R"({"a":{"color":"F32"}})"), "tensor `a`: unknown key `color`");
}

TEST(HostileSafetensors, Layouts) {
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)" + a +
           R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + b + "}}";
  };
  EXPECT_EQ(defect(two("[4,8]", "[0,4]"), 8), "");
  EXPECT_EQ(defect(two("[0,4]", "[0,4]"), 4), "tensor `b`: its data overlaps that of another");
  EXPECT_EQ(defect(two("[0,4]", "[2,6]"), 6), "tensor `b`: its data overlaps that of another");
  EXPECT_EQ(defect(two("[0,4]", "[6,10]"), 10), "tensor `b`: a hole of 2 bytes before its data");
  EXPECT_EQ(defect(two("[0,4]", "[4,8]"), 9), "the last 1 bytes belong to no tensor");
  EXPECT_EQ(
      defect(
          R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[],"data_offsets":[4,8]}})",
          8),
      "the header has the key `a` twice");
}

TEST(Preparation, IsSavedAndAppliedAgain) {
  Field x{.name = "x", .columns = {"a", "b, \"c\""}, .is_vector = true, .values = {1, 2, 3, 6, NAN, 4}};
  FieldPreparation p{.field = "x", .columns = x.columns, .fill = {2, 4}};
  Field filled = x;
  ASSERT_FALSE(apply_preparation(p, filled));
  const int64_t all[] = {0, 1, 2};
  p.zscore = fit_zscore(filled, all);
  TensorFile file;
  save_preparation(p, file);
  save_preparation({.field = "y", .columns = {"d"}}, file);
  const Result<TensorFile> back = parse_safetensors(*safetensors_bytes(file), "w");
  ASSERT_TRUE(back) << back.error().message;
  const Result<FieldPreparation> q = load_preparation(*back, "x"), y = load_preparation(*back, "y");
  ASSERT_TRUE(q) << q.error().message;
  EXPECT_EQ(q->columns, p.columns);
  EXPECT_EQ(q->fill, p.fill);
  EXPECT_EQ(q->zscore.mean, (std::vector<double>{2, 4}));
  EXPECT_EQ(q->zscore.scale, p.zscore.scale);
  EXPECT_TRUE(y->zscore.mean.empty() && y->fill.empty());
  ASSERT_FALSE(apply_preparation(*q, x));
  EXPECT_EQ(x.values[4], 0);
  EXPECT_EQ(load_preparation(*back, "z").error().message, "the weights have no columns for field `z`");
}

TEST(Preparation, OfOtherColumnsIsRefused) {
  const FieldPreparation p{.field = "x", .columns = {"radius", "area"}};
  Field narrow{.name = "x", .columns = {"radius"}}, other{.name = "x", .columns = {"radius", "texture"}};
  EXPECT_EQ(apply_preparation(p, narrow)->message, "field `x` has 1 columns, and the model was trained on 2");
  EXPECT_EQ(apply_preparation(p, other)->message,
            "field `x`: its column 1 is `texture`, and the model was trained on `area`");
  TensorFile file{.metadata = {{"@x.column.0", "radius"}}};
  const double two[] = {1, 2};
  file.tensors.push_back(make_tensor<double>("@x.fill", {2}, two));
  EXPECT_EQ(load_preparation(file, "x").error().message, "tensor `@x.fill` has 2 values for 1 columns");
}

}  // namespace
}  // namespace dlc::runtime
