// A stranger's op: `cube` exists only as a row of tests/ops/extra_rows.h, which this test is linked with. Everything
// else has to find it by itself: the parser's name, the checker's type, every mode, closed forms, native code in both
// dtypes and the manual.
#include <cmath>

#include "loaded.h"
#include "pipeline/diff.h"
#include "pipeline/explain.h"
#include "pipeline/native.h"

namespace dlc {
namespace {

constexpr const char* kSource =
    "fn f(x: real, y: real) -> real = cube(x + y) * y\n"
    "fn total[n](v: real[n]) -> real = sum(cube(v))\n";

TEST(ExtraOp, EveryModeDifferentiatesIt) {
  const auto c = loaded(kSource);
  const FuncId f = function(*c, "f");
  for (const Mode mode : {Mode::reverse, Mode::forward, Mode::symbolic, Mode::numeric})
    for (const bool interpret : {false, true}) {
      const auto d = differentiate(*c, f, {.mode = mode, .wrt = {0, 1}, .interpret = interpret}, arguments(*c, f, "x=0.5,y=1.5"));
      ASSERT_TRUE(d) << d.error().message;
      EXPECT_DOUBLE_EQ(d->value.floats[0], 12);            // (x + y)³ y
      EXPECT_NEAR(d->gradient[0].floats[0], 18, 1e-8);     // 3 (x + y)² y
      EXPECT_NEAR(d->gradient[1].floats[0], 26, 1e-8);     // … + (x + y)³
    }
}

TEST(ExtraOp, SecondOrderAndArrays) {
  const auto c = loaded(kSource);
  const FuncId total = function(*c, "total");
  const auto d = differentiate(*c, total, {.mode = Mode::reverse, .wrt = {0}, .order = 2}, arguments(*c, total, "v=[1,2]"));
  ASSERT_TRUE(d) << d.error().message;
  EXPECT_EQ(d->gradient[0].floats, (std::vector<double>{3, 12}));
  EXPECT_EQ(d->second[0][0].floats, (std::vector<double>{6, 0, 0, 12}));
}

TEST(ExtraOp, NativeCodeInBothDtypes) {
  for (const DType real : {DType::f32, DType::f64}) {
    const auto c = loaded(kSource, real);
    const FuncId total = function(*c, "total");
    const auto native = Native::compile(*c, total, {});
    ASSERT_TRUE(native) << native.error().message;
    const auto y = native->call(arguments(*c, total, "v=[1,2,3,-1,0.5]"));
    ASSERT_TRUE(y) << y.error().message;
    EXPECT_EQ(y->floats[0], 35.125);
  }
}

TEST(ExtraOp, ClosedFormsAndTheManualShowIt) {
  const auto c = loaded(kSource);
  const FuncId f = function(*c, "f");
  const auto d = differentiate(*c, f, {.mode = Mode::symbolic, .wrt = {1}}, arguments(*c, f, "x=0.5,y=1.5"));
  ASSERT_TRUE(d) << d.error().message;
  const std::string text = diff_text(c->module, *d, "x = 0.5, y = 1.5", false);
  EXPECT_NE(text.find("cube("), std::string::npos) << text;
  EXPECT_NE(diff_text(c->module, *d, "", true).find("^3"), std::string::npos);
  const auto page = explain("cube");
  ASSERT_TRUE(page) << page.error().message;
  EXPECT_NE(page->text.find("The third power."), std::string::npos) << page->text;
  EXPECT_NE(page->text.find("3 * g * a * a"), std::string::npos) << page->text;
}

TEST(ExtraOp, WithoutTheRowTheNameIsUnknown) {
  Compilation c({});
  EXPECT_FALSE(c.load("test.dl", "fn f(x: real) -> real = cubed(x)\n"));
  ASSERT_EQ(c.diagnostics.n_errors(), 1u);
  EXPECT_NE(render_all(c.diagnostics, c.sources).find("cube"), std::string::npos);  // and the nearest name is suggested
}

}  // namespace
}  // namespace dlc
