// Objects: closed, linkable from C, with a header that C and C++ read; and what the compiler refuses.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "codegen/header.h"
#include "harness.h"

namespace dlc::test {
namespace {

std::string output_of(const std::string& command) {
  std::string out;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (size_t n = fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  const int code = pclose(pipe);
  return code == 0 ? out : "FAILED: " + out;
}

/// softmax-like: loss[n](θ: f32[n], switch: real) = (sum(exp(θ)) · switch, θ·2, matmul), with everything that may call out.
FuncId make_loss(Fixture& t) {
  auto b = t.b();
  const DimId n = t.dim("n");
  const ValueId theta = t.param(DType::f32, {n, n}, "θ"), s = t.param(DType::f64, {}, "switch");
  const ValueId e = b.op("exp"_op, {theta}, t.loc);
  const ValueId all = b.convert(b.sum(e, {0, 1}, t.loc), DType::f64, t.loc);
  const ValueId product = b.matmul(e, b.transpose(e, {1, 0}, t.loc), {0, 1, 1, 1}, t.loc);
  ViewMap overlap;
  overlap.dims = {n, n};
  overlap.offsets = {t.dim(0)};
  overlap.coefficients = {2, 2};
  overlap.guarded = true;
  const ValueId back = b.view_adjoint(product, overlap, t.m.types.array(DType::f32, {n}), t.loc);
  const ValueId values[] = {b.op("mul"_op, {all, s}, t.loc), b.cumsum(product, 1, false, t.loc), back, b.op("gt"_op, {s, all}, t.loc)};
  std::vector<Field> fields;
  for (const char* name : {"value", "θ", "", "bool"}) fields.push_back({name[0] ? t.m.strings.intern(name) : StrId{}, b.type_id(values[fields.size()])});
  t.result(b.tuple(values, t.m.types.tuple(fields), t.loc));
  t.m[t.id].doc = "A loss */ with a hostile comment.";
  t.m[t.id].checks.push_back({t.m.types.dims.sub(n, t.dim(1)), n, t.loc, SizeCheck::Kind::subscript, {}});
  return t.id;
}

struct Files {
  std::string dir;
  Files() {
    char name[] = "/tmp/dlc_codegen_XXXXXX";
    dir = mkdtemp(name);
  }
  ~Files() { std::filesystem::remove_all(dir); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(dir + "/" + name, std::ios::binary) << text; }
};

TEST(Objects, LinkIntoACProgramAndNeedNothing) {
  Fixture t({"n"});
  make_loss(t);
  Fixture scalar;
  const Entry entries[] = {{ascii_name("∇λ.vjp"), t.id}};
  EXPECT_EQ(entries[0].symbol, "gradlambda_vjp");
  const Result<ObjectCode> object = emit_object(t.m, entries, {});
  ASSERT_TRUE(object) << object.error().message;
  Sources sources;
  const HeaderInput input{t.m, entries, *object, sources, "model"};
  Files files;
  files.write("model.o", object->bytes);
  files.write("model.h", c_header(input));
  const auto json = nlohmann::json::parse(json_signature(input));
  EXPECT_EQ(json["functions"][0]["inputs"][0]["path"], "θ");
  EXPECT_EQ(json["functions"][0]["inputs"][0]["shape"][1], "n");
  EXPECT_EQ(json["functions"][0]["inputs"][1]["name"], "switch_");
  EXPECT_EQ(json["functions"][0]["outputs"][1]["name"], "out_theta");

  const std::string undefined = output_of("nm -u --format=just-symbols " + files.dir + "/model.o");
  std::istringstream lines(undefined);
  for (std::string line; std::getline(lines, line);) EXPECT_TRUE(line == "memcpy" || line == "memset") << line;

  files.write("main.c", R"(#include "model.h"
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  const char* const sites[] = model_SITES;
  float theta[4] = {0, 0, 0, 0}, products[4], back[2];
  double value;
  uint8_t above;
  dlc_error error = {0};
  dlc_ctx ctx = {0};
  ctx.size = sizeof ctx; ctx.version = DLC_ABI_VERSION; ctx.error = &error;
  void* workspace = aligned_alloc(64, gradlambda_vjp_ws(2) + 64);
  int32_t code = gradlambda_vjp(&ctx, 2, theta, 0.5, &value, products, back, &above, workspace);
  printf("%d %g %g %g %g %d\n", code, value, products[1], back[0], back[1], above);
  code = gradlambda_vjp(&ctx, 0, theta, 0.5, &value, products, back, &above, workspace);
  printf("%d %s\n", code, sites[error.site]);
  return 0;
}
)");
  const std::string cd = "cd " + files.dir + " && ";
  EXPECT_EQ(output_of(cd + "gcc -std=c99 -Wall -Wextra -Werror -pedantic -D_ISOC11_SOURCE main.c model.o -o main && ./main"),
            "0 2 4 2 0 0\n2 f (a subscript leaves its array)\n");
  files.write("both.cpp", "#include \"model.h\"\n#include \"model.h\"\nint main() { return gradlambda_vjp_ws(0) != 0; }\n");
  EXPECT_EQ(output_of(cd + "g++ -Wall -Wextra -Werror both.cpp model.o -o both && ./both"), "");
  EXPECT_EQ(output_of(cd + "gcc -shared -Wl,--no-undefined model.o -o model.so"), "");
}

TEST(Objects, TextFormsNameTheEntry) {
  Fixture t({"n"});
  make_loss(t);
  const Entry entries[] = {{"loss", t.id}};
  const Result<std::string> llvm = emit_llvm_text(t.m, entries, {}), assembly = emit_asm(t.m, entries, {});
  ASSERT_TRUE(llvm && assembly);
  EXPECT_NE(llvm->find(" @loss("), std::string::npos);
  EXPECT_EQ(llvm->find(" fast "), std::string::npos);
  EXPECT_EQ(llvm->find("contract"), std::string::npos);
  EXPECT_NE(assembly->find("loss_packed:"), std::string::npos);
  EXPECT_NE(loops_text(t.m, t.id).find("matmul"), std::string::npos);
}

TEST(Objects, ErrorsAreValues) {
  Fixture t({"n"});
  make_loss(t);
  const Entry entries[] = {{"loss", t.id}};
  EXPECT_FALSE(emit_object(t.m, entries, {.cpu = "x86-64"}));       // no fma
  EXPECT_FALSE(emit_object(t.m, entries, {.cpu = "not-a-cpu"}));
  Fixture u;
  auto b = u.b();
  const DimId extents[] = {u.dim(4)};
  const BlockId body = b.begin_map({extents[0]}, {}, {}, u.loc);
  Builder inner = b.in(body);
  inner.set_result(inner.func()[body].params[0]);
  u.result(b.end_map(body, {extents[0]}, {}, u.loc));
  const Entry map[] = {{"f", u.id}};
  const Result<JitModule> refused = jit(u.m, map, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("map"), std::string::npos);
}

TEST(Objects, SeveralThreadsCompileAndCall) {
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([] {
      Fixture t({"n"});
      make_loss(t);
      std::mt19937 random(9);
      expect_same(t.m, t.id, {random_array(random, {6, 6}, DType::f32), Value::scalar(0.25)}, t.sizes({6}));
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(Names, Ascii) {
  EXPECT_EQ(ascii_name("θ_1"), "theta_1");
  EXPECT_EQ(ascii_name("Ω"), "Omega");
  EXPECT_EQ(ascii_name("class"), "class_");
  EXPECT_EQ(ascii_name("nll.vjp"), "nll_vjp");
  EXPECT_EQ(ascii_name("2x"), "_2x");
  EXPECT_EQ(ascii_name("ж"), "u0436");
}

}  // namespace
}  // namespace dlc::test
