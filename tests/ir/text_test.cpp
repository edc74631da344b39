// Print → parse → print is the identity, whatever the ids were; and what is wrong with a text is said at its place.
#include <chrono>
#include <random>

#include "ir_text.h"

namespace dlc {
namespace {

TEST(IrText, EveryFormRoundTrips) {
  const auto p = parse_text(kEveryForm);
  ASSERT_TRUE(p->is_good) << p->error() << " at " << p->place();
  EXPECT_EQ(print(p->module, kOps), kEveryForm);
}

TEST(IrText, ValuesAreRenumberedInOrder) {
  const auto p =
      parse_text("func @f(%7 x: f64) -> f64 { %900 = neg %7 : f64 %3 = neg %900 : f64 return %3 }  // a comment");
  ASSERT_TRUE(p->is_good) << p->error();
  EXPECT_EQ(print(p->module, kOps),
            "func @f(%0 x: f64) -> f64 {\n  %1 = neg %0 : f64\n  %2 = neg %1 : f64\n  return %2\n}\n");
}

TEST(IrText, LocationsAreComments) {
  auto p = parse_text("func @f(%0 x: f64) -> f64 {\n  %1 = neg %0 : f64\n  return %1\n}\n");
  Func& f = p->module[FuncId{0}];
  f[f.body().result].loc.reason = Reason::vjp_of;
  const std::string text = print(p->module, f, kOps, &p->sources);
  EXPECT_NE(text.find("%1 = neg %0 : f64  // t.ir:2:3, vjp of\n"), std::string::npos) << text;
  EXPECT_EQ(print(parse_text(text)->module, kOps), print(p->module, kOps));
}

TEST(IrText, ConstantsKeepTheirBits) {
  for (const char* text :
       {"-0 : f64", "5e-324 : f64", "1.7976931348623157e+308 : f64", "0.1 : f64", "0.1 : f32", "1e+20 : f32",
        "-inf : f32", "nan(0xfff8000000000000) : f64", "9223372036854775807 : int", "false : bool"}) {
    const std::string f = "func @f() -> " + std::string(text).substr(std::string(text).find(": ") + 2) +
                          " {\n  %0 = const " + text + "\n  return %0\n}\n";
    const auto p = parse_text(f);
    ASSERT_TRUE(p->is_good) << p->error();
    EXPECT_EQ(print(p->module, kOps), f);
  }
}

TEST(IrText, BrokenFunctionsPrintToo) {
  auto p = parse_text(kEveryForm);
  for (size_t k = 0; k < p->module.size(); ++k) {
    Func& f = p->module[FuncId{static_cast<int32_t>(k)}];
    for (ValueId& v : f.operand_pool) v.i = v.i * 3 - 1;
    for (Inst& in : f.insts) in.first_block.i += 1, in.attr.i = (in.attr.i + 1) % 5;
    for (Block& b : f.blocks) b.result = {};
  }
  EXPECT_FALSE(print(p->module, kOps).empty());
}

struct Bad {
  const char *text, *error, *place;
};

TEST(IrText, ErrorsNameTheirPlace) {
  const Bad kBad[] = {
      {"func f", "ir-syntax: expected the function's name, such as `@f` but found `f`", "t.ir:1:6"},
      {"func @f(%0: f64) -> f64 {", "ir-syntax: expected `return` but found the end of the text", "t.ir:1:26"},
      {"func @f() -> f64 { $ }", "ir-syntax: expected `return` but found this", "t.ir:1:20"},
      {"func @f() -> g64 { }", "ir-syntax: there is no type `g64`", "t.ir:1:14"},
      {"func @f() -> f64 {\n %0 = const 1e999 : f64 return %0 }", "ir-number: `1e999` is not a constant of type f64",
       "t.ir:2:13"},
      {"func @f() -> f64[99999999999999999999] {", "ir-number: `99999999999999999999` is not an integer of 64 bits",
       "t.ir:1:18"},
      {"func @f() -> f64[4611686018427387904*2] {", "ir-size: this size cannot be represented", "t.ir:1:18"},
      {"func @f[n]() -> f64[div(n, 0)] {", "ir-size: this size cannot be represented", "t.ir:1:21"},
      {"func @f() -> f64 { %0 = frob : f64 return %0 }", "ir-unknown-op: there is no op `frob`", "t.ir:1:25"},
      {"func @f() -> f64 { %0 = neg %1 : f64 return %0 }", "ir-undefined-value: `%1` is used before it is defined",
       "t.ir:1:29"},
      {"func @f(%0: f64, %0: f64) -> f64 { return %0 }", "ir-redefined-value: `%0` is defined twice", "t.ir:1:18"},
      {"func @f() -> f64 { %0 = call @g() : f64 return %0 }", "ir-unknown-function: there is no function `g`",
       "t.ir:1:30"},
      {"func @f(%0: f64) -> f64 { return %0 }\nfunc @f(", "ir-duplicate-function: a function `f` exists already",
       "t.ir:2:6"},
      {"func @f(%0: f64) -> f32 { return %0 }", "ir-invalid: `f` declares f32 but returns f64", "t.ir:1:21"},
      {"func @f(%0: f64) -> f64 {\n %1 = neg %0, %0 : f64 return %1 }",
       "ir-invalid: in `f`, `%1 = neg`: takes 1 operands, not 2", "t.ir:2:2"},
      {"func @f(%0: f64[2]) -> f64 {\n %1 = view %0 [j0] : f64 return %1 }",
       "ir-syntax: `j0` does not exist: the map is over 0 axes", "t.ir:2:2"},
      {"func @f[n](%0: f64[n]) -> f64[n] {\n %1 = view %0 [n*j0] : f64[n] return %1 }",
       "ir-syntax: the coefficients of a map are integers", "t.ir:2:16"},
      {"func @f[n](%0: f64[n]) -> f64[n] {\n %1 = view %0 [j0*j0] : f64[n] return %1 }",
       "ir-syntax: a map is linear in `j0`, `j1`, …", "t.ir:2:16"},
  };
  for (const Bad& bad : kBad) {
    const auto p = parse_text(bad.text);
    EXPECT_FALSE(p->is_good);
    EXPECT_EQ(p->error(), bad.error) << bad.text;
    EXPECT_EQ(p->place(), bad.place) << bad.text;
  }
}

std::string repeat(std::string_view text, int n) {
  std::string out;
  for (int k = 0; k < n; ++k) out += text;
  return out;
}

TEST(IrText, DeepNestingIsAnError) {
  constexpr int kDeep = 100000;
  EXPECT_EQ(parse_text("func @f(%0: " + repeat("(", kDeep))->error(), "ir-too-deep: tuples are nested deeper than 64");
  EXPECT_EQ(parse_text("func @f(%0: f64[" + repeat("(", kDeep))->error(),
            "ir-too-deep: a size is nested deeper than 64");
  EXPECT_EQ(parse_text("func @f(%0: f64[" + repeat("div(", kDeep))->error(),
            "ir-too-deep: a size is nested deeper than 64");
  EXPECT_EQ(parse_text("func @f(%0: bool) -> f64 { " + repeat("%1 = if %0 () { ", kDeep))->error(),
            "ir-too-deep: regions are nested deeper than 512");
  EXPECT_EQ(parse_text("func @f() -> f64 { " + repeat("%1 = map [2] (%0: int) { ", kDeep))->error(),
            "ir-redefined-value: `%0` is defined twice");
  EXPECT_EQ(parse_text("func @f(%0: f64[" + repeat("1, ", kDeep) + "1]) -> f64")->error(),
            "ir-too-deep: an array of rank 100001; at most 32 is supported");
}

/// `n` instructions of the usual kinds.
std::string long_function(int n) {
  std::string text = "func @f[n, d](%0 x: f64[n, d], %1 y: f64) -> f64[n, d] {\n";
  for (int k = 2; k < n; k += 2) {
    text += "  %" + std::to_string(k) + " = view %" + std::to_string(k == 2 ? 0 : k - 1) +
            " [j0, -j1 + d - 1] : f64[n, d]\n";
    text += "  %" + std::to_string(k + 1) + " = add %0, %" + std::to_string(k) + " : f64[n, d]\n";
  }
  return text + "  return %" + std::to_string(n % 2 ? n : n - 1) + "\n}\n";
}

TEST(IrText, HundredThousandInstructionsAreQuick) {
  const std::string text = long_function(100000);
  const auto start = std::chrono::steady_clock::now();
  const auto p = parse_text(text);
  const auto parsed = std::chrono::steady_clock::now();
  ASSERT_TRUE(p->is_good) << p->error();
  const std::string again = print(p->module, kOps);
  const auto printed = std::chrono::steady_clock::now();
  EXPECT_EQ(again, text);
  const auto ms = [](auto a, auto b) {
    return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(b - a).count());
  };
  RecordProperty("parse_ms", std::to_string(ms(start, parsed)));
  RecordProperty("print_ms", std::to_string(ms(parsed, printed)));
  EXPECT_LT(ms(start, printed), 30000);  // generous: sanitizers on a busy machine; 0.2 s alone
}

}  // namespace
}  // namespace dlc
