// Regions, calls, sizes, limits, and the number types.
#include <cmath>
#include <random>

#include "ops/evaluate.h"
#include "run_text.h"

namespace dlc {
namespace {

TEST(Control, MapsHaveIndicesCapturesAndTuples) {
  const Double y = value_of(R"(func @f[n](%0: f64[n], %1: f64) -> (f64[n, 2], i: (int[n, 2], f64[n, 2, n])) {
    %2 = map [n, 2] %0, %1 (%3 i: int, %4 j: int, %5: f64[n], %6: f64) {
      %7 = index %5, %3 : f64
      %8 = mul %7, %6 : f64
      %9 = mul %3, %4 : int
      %10 = tuple %9, %5 : (int, f64[n])
      %11 = tuple %8, %10 : (f64, i: (int, f64[n]))
      yield %11
    } : (f64[n, 2], i: (int[n, 2], f64[n, 2, n]))
    return %2 })",
                            {Double::array({2}, {3, 4}), Double::scalar(10)});
  EXPECT_EQ(y.fields[0].floats, (std::vector<double>{30, 30, 40, 40}));
  EXPECT_EQ(y.fields[1].fields[0].ints, (std::vector<int64_t>{0, 0, 0, 1}));
  EXPECT_EQ(y.fields[1].fields[1].floats, (std::vector<double>{3, 4, 3, 4, 3, 4, 3, 4}));
}

TEST(Control, MapsWithinMapsAndEmptyBoxes) {
  const char* const kNested = R"(func @f[n](%0: f64[n]) -> f64[n, 3] {
    %1 = map [n] %0 (%2 i: int, %3: f64[n]) {
      %4 = map [3] %3, %2 (%5 j: int, %6: f64[n], %7 i: int) {
        %8 = index %6, %7 : f64
        %9 = to_f64 %5 : f64
        %10 = add %8, %9 : f64
        yield %10
      } : f64[3]
      yield %4
    } : f64[n, 3]
    return %1 })";
  EXPECT_EQ(value_of(kNested, {Double::array({2}, {10, 20})}).floats, (std::vector<double>{10, 11, 12, 20, 21, 22}));
  EXPECT_EQ(value_of(kNested, {Double::array({0}, {})}).dims, (std::vector<int64_t>{0, 3}));
}

const char* const kGuardedLoad = R"(func @f(%0: f64[3], %1: int, %2: bool) -> f64 {
  %3 = if %2, %0, %1 (%4: f64[3], %5: int) {
    %6 = index %4, %5 : f64
    yield %6
  } else (%7: f64[3], %8: int) {
    %9 = const -1 : f64
    yield %9
  } : f64
  return %3 })";

TEST(Control, OnlyTheTakenBranchRuns) {
  const Double x = Double::array({3}, {1, 2, 3});
  EXPECT_EQ(value_of(kGuardedLoad, {x, Double::of_int(2), Double::of_bool(true)}).floats[0], 3);
  EXPECT_EQ(value_of(kGuardedLoad, {x, Double::of_int(7), Double::of_bool(false)}).floats[0], -1);
  EXPECT_EQ(error_of(kGuardedLoad, {x, Double::of_int(7), Double::of_bool(true)}),
            "t.ir:3:5: subscript 7 leaves an axis of size 3");
  EXPECT_EQ(error_of(kGuardedLoad, {x, Double::of_int(-1), Double::of_bool(true)}),
            "t.ir:3:5: subscript -1 leaves an axis of size 3");
}

TEST(Control, GuardedSubscriptsReadZero) {
  const char* const kText =
      "func @f(%0: f64[2, 2], %1: int) -> f64[2] { %2 = index %0, %1 guarded : f64[2] return %2 }";
  EXPECT_EQ(value_of(kText, {Double::array({2, 2}, {1, 2, 3, 4}), Double::of_int(1)}).floats,
            (std::vector<double>{3, 4}));
  EXPECT_EQ(value_of(kText, {Double::array({2, 2}, {1, 2, 3, 4}), Double::of_int(2)}).floats,
            (std::vector<double>{0, 0}));
}

const char* const kCalls =
    R"(func @f[n](%0: f64[n, n + 1]) -> f64[n] { %1 = call @g[n, n + 1](%0) : f64[n] return %1 })";
const char* const kCallee = "func @g[a, b](%0: f64[a, b]) -> f64[a] { %1 = sum %0 {axes = [1]} : f64[a] return %1 }\n";

TEST(Control, CallsPassSizes) {
  EXPECT_EQ(value_of(std::string(kCallee) + kCalls, {Double::array({2, 3}, {1, 2, 3, 4, 5, 6})}).floats,
            (std::vector<double>{6, 15}));
}

TEST(Control, EndlessRecursionIsAnError) {
  EXPECT_EQ(error_of("func @f(%0: f64) -> f64 { %1 = call @f(%0) : f64 return %1 }", {Double::scalar(1)}),
            "t.ir:1:27: calls and regions are nested deeper than 10000");
  const char* const kThroughRegions = R"(func @f(%0: f64, %1: bool) -> f64 {
    %2 = if %1, %0, %1 (%3: f64, %4: bool) {
      %5 = map [1] %3, %4 (%6: int, %7: f64, %8: bool) {
        %9 = call @f(%7, %8) : f64
        yield %9
      } : f64[1]
      %10 = sum %5 {axes = [0]} : f64
      yield %10
    } else (%11: f64, %12: bool) {
      yield %11
    } : f64
    return %2 })";
  EXPECT_EQ(error_of(kThroughRegions, {Double::scalar(1), Double::of_bool(true)}),
            "t.ir:2:5: calls and regions are nested deeper than 10000");
}

TEST(Control, RequestsHaveNoBody) {
  EXPECT_EQ(
      error_of("func @f(%0 x: f64) -> f64 { return %0 } request @g(%0 x: f64) -> f64 = grad reverse of @f wrt [0]",
               {Double::scalar(1)}),
      "t.ir:1:49: `g` has no body yet");
}

TEST(Sizes, AreBoundAndChecked) {
  const char* const kText =
      "func @f[l, n](%0 x: f64[2*l], %1 y: f64[l + n, 3]) -> int { %2 = size 100*l + n : int return %2 }";
  const auto zeros = [](std::vector<int64_t> dims) {
    Double v{DType::f64, dims, {}, {}, {}};
    v.floats.assign(static_cast<size_t>(v.count()), 0);
    return v;
  };
  EXPECT_EQ(value_of(kText, {zeros({6}), zeros({7, 3})}).ints[0], 304);
  EXPECT_EQ(error_of(kText, {zeros({5}), zeros({7, 3})}),
            "no l fits argument `x`: its size 0 is 5, and should be `2*l`");
  EXPECT_EQ(error_of(kText, {zeros({6}), zeros({2, 3})}), "n = -1 (from argument `y`) is negative");
  EXPECT_EQ(error_of(kText, {zeros({6}), zeros({7, 4})}), "size 1 of argument `y` is 4, and must be 3");
  EXPECT_EQ(error_of(kText, {zeros({6})}), "`f` takes 2 arguments, not 1");
  EXPECT_EQ(error_of(kText, {zeros({6}), zeros({7})}), "argument `y` is f64[7], but its type is f64[l + n, 3]");
  EXPECT_EQ(error_of(kText, {zeros({6}), Double::scalar(1)}), "argument `y` is f64, but its type is f64[l + n, 3]");
  const char* const kSame = "func @f[n](%0 w: f64[n], %1 x: f64[3, n]) -> f64[n] { return %0 }";
  EXPECT_EQ(error_of(kSame, {zeros({4}), zeros({3, 5})}),
            "size 1 of argument `x` is 5, but `n` is 4 (from argument `w`)");
  EXPECT_EQ(error_of(kSame, {zeros({4}), zeros({3, 4})}, {{"n", 5}}),
            "size 0 of argument `w` is 4, but `n` is 5");
  const char* const kFree = "func @f[n]() -> int { %0 = size n : int return %0 }";
  EXPECT_EQ(value_of(kFree, {}, {{"n", 7}}).ints[0], 7);
  EXPECT_EQ(error_of(kFree, {}), "no argument of `f` says what the size n is");
}

TEST(Sizes, ChecksRunOnEntry) {
  const char* const kText = "func @f[n](%0 x: f64[n]) -> f64[n] { check n - 3 >= 0 {extent = n} return %0 }";
  EXPECT_EQ(value_of(kText, {Double::array({3}, {1, 2, 3})}).floats.size(), 3u);
  EXPECT_EQ(error_of(kText, {Double::array({2}, {1, 2})}),
            "t.ir:1:38: a subscript leaves its array of size 2: `n - 3` is -1");
}

TEST(Limits, AreErrors) {
  const char* const kHuge = "func @f[n](%0: f64) -> f64[n, n, n, n] { %1 = view %0 [] : f64[n, n, n, n] return %1 }";
  EXPECT_EQ(error_of(kHuge, {Double::scalar(1)}, {{"n", 100000}}), "t.ir:1:42: more than 2147483648 elements");
  EXPECT_EQ(error_of(kHuge, {Double::scalar(1)}, {{"n", 10}}, {.max_elements = 1000}),
            "t.ir:1:42: more than 1000 elements");
  EXPECT_EQ(error_of(kHuge, {Double::scalar(1)}, {{"n", 10}}, {.max_steps = 1000}),
            "t.ir:1:42: the interpreter's limit of 1000 steps is used up");
  const char* const kNegative = "func @f[n](%0: f64) -> f64[n - 3] { %1 = view %0 [] : f64[n - 3] return %1 }";
  EXPECT_EQ(error_of(kNegative, {Double::scalar(1)}, {{"n", 2}}), "t.ir:1:37: the size `n - 3` is negative: -1");
  const char* const kDivision = "func @f[n](%0: f64) -> int { %1 = size div(7, n) : int return %1 }";
  EXPECT_EQ(error_of(kDivision, {Double::scalar(1)}, {{"n", 0}}),
            "t.ir:1:30: the size `div(7, n)` overflows or divides by zero");
  Double bad = Double::array({3}, {1, 2});
  EXPECT_EQ(error_of("func @f(%0: f64[3]) -> f64[3] { return %0 }", {bad}),
            "t.ir:1:6: argument 0 of `f` has not the type f64[3]");
}

TEST(Observer, SeesEveryValueInOrder) {
  const auto p = parse_text(
      "func @g(%0: f64) -> f64 { %1 = neg %0 : f64 return %1 } func @f(%0: f64) -> f64 { %1 = exp %0 : f64 %2 = call "
      "@g(%1) : f64 return %2 }");
  std::string seen;
  const Args<double> args{Double::scalar(0)};
  const auto y =
      interpret<double>(p->module, p->module.find("f"), args, {}, {}, [&](FuncId f, ValueId v, const Double& x) {
        seen += p->module[f].name + std::to_string(print_numbers(p->module[f])[static_cast<size_t>(v.i)]) + "=" +
                std::to_string(static_cast<int>(x.floats[0])) + " ";
      });
  EXPECT_TRUE(y);
  EXPECT_EQ(seen, "f0=0 f1=1 g0=1 g1=-1 f2=-1 ");
}

TEST(Numbers, NativeValuesAreThoseOfCompiledCode) {
  const char* const k64 =
      "func @f(%0: f64) -> f64 { %1 = exp %0 : f64 %2 = const 0.1 : f64 %3 = mul %1, %2 : f64 return %3 }";
  const char* const k32 =
      "func @f(%0: f32) -> f32 { %1 = exp %0 : f32 %2 = const 0.1 : f32 %3 = mul %1, %2 : f32 return %3 }";
  const double x = 0.7;
  const auto xf = static_cast<float>(x);
  EXPECT_EQ(value_of(k64, {Double::scalar(x)}).floats[0], evaluate_native("exp"_op, std::span(&x, 1)) * 0.1);
  EXPECT_EQ(value_of(k32, {Double::scalar(xf, DType::f32)}).floats[0],
            static_cast<double>(evaluate_native("exp"_op, std::span(&xf, 1)) * 0.1f));
}

TEST(Numbers, BigIsExact) {
  using V = InterpValue<Big>;
  const char* const kText =
      "func @f(%0: f64, %1: int) -> (f64, bool, int) { %2 = exp %0 : f64 %3 = log %2 : f64 %4 = sub %3, %0 : f64 %5 = "
      "to_f64 %1 : f64 "
      "%6 = lt %4, %5 : bool %7 = select %6, %4, %5 : f64 %8 = to_int %2 : int %9 = tuple %7, %6, %8 : (f64, bool, "
      "int) return %9 }";
  const V y = value_of<Big>(kText, {V::scalar(Big(1) / 3), V::of_int(1)});
  EXPECT_LT(abs(y.fields[0].floats[0]), Big(1e-58));
  EXPECT_EQ(y.fields[1].ints[0], 1);
  EXPECT_EQ(y.fields[2].ints[0], 1);
  // Sums in 200 bits keep what doubles lose.
  const V s = value_of<Big>("func @f(%0: f64[3]) -> f64 { %1 = sum %0 {axes = [0]} : f64 return %1 }",
                            {V::array({3}, {Big(1e30), Big(1), Big(-1e30)})});
  EXPECT_EQ(s.floats[0], Big(1));
}

TEST(Numbers, ComplexStepDifferentiates) {
  using C = std::complex<double>;
  using V = InterpValue<C>;
  const double x = 0.6, h = 1e-100;
  const char* const kText =
      "func @f(%0: f64[2]) -> f64 { %1 = sin %0 : f64[2] %2 = exp %1 : f64[2] %3 = matmul %2, %0 {batch = 0, m = 0, n "
      "= 0, k = 1} : f64 return %3 }";
  const V y = value_of<C>(kText, {V::array({2}, {C(x, h), C(2, 0)})});
  EXPECT_NEAR(y.floats[0].imag() / h, std::exp(std::sin(x)) * (1 + x * std::cos(x)), 1e-14);
  // Comparisons look at the real part; what is not analytic is refused, unless nothing is carried through it.
  const char* const kBranch =
      "func @f(%0: f64, %1: f64) -> f64 { %2 = gt %0, %1 : bool %3 = select %2, %0, %1 : f64 return %3 }";
  EXPECT_EQ(value_of<C>(kBranch, {V::scalar({2, h}), V::scalar({1, 5})}).floats[0], C(2, h));
  const char* const kAbs = "func @f(%0: f64) -> f64 { %1 = abs %0 : f64 return %1 }";
  const auto refused = run_text<C>(kAbs, {V::scalar({-2, h})});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message, "t.ir:1:27: `abs` has no complex step: it is not analytic");
  EXPECT_EQ(value_of<C>(kAbs, {V::scalar({-2, 0})}).floats[0], C(2, 0));
}

}  // namespace
}  // namespace dlc
