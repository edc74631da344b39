// Big itself, where MPFR is not the one who answers: conversions, special values, polygamma.
#include "base/big.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dlc {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Big, ConvertsExactlyAndRoundsOnce) {
  EXPECT_EQ(static_cast<double>(Big(0.1)), 0.1);
  EXPECT_EQ(static_cast<float>(Big(0.1)), 0.1f);
  EXPECT_EQ(Big("0.1"), Big(1) / 10);
  EXPECT_NE(Big("0.1"), Big(0.1));
  EXPECT_EQ(Big("1_000.5e-1"), Big(4002) / 40);
  EXPECT_EQ(Big(std::numeric_limits<int64_t>::min()), -ldexp(Big(1), 63));
  EXPECT_EQ(static_cast<double>(ldexp(Big(3), -1076)), 0x1p-1074);  // to a subnormal
  // 1 + 2^-24 + 2^-80 is above the midpoint of two floats; through double it would be a tie and go down.
  EXPECT_EQ(static_cast<float>(Big(1) + ldexp(Big(1), -24) + ldexp(Big(1), -80)), std::nextafter(1.0f, 2.0f));
  EXPECT_EQ(static_cast<int64_t>(Big(-2.7)), -2);
  EXPECT_EQ(static_cast<int64_t>(Big(1e30)), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(static_cast<int64_t>(Big("nan")), 0);
  EXPECT_EQ(Big(log(Big(3))).text(20), "1.0986122886681096914e+00");
  EXPECT_TRUE(isnan(Big("no number")));
}

TEST(Big, FollowsIeeeAtSpecialValues) {
  EXPECT_EQ(Big(1) / Big(0.0), Big(kInf));
  EXPECT_EQ(Big(1) / Big(-0.0), Big(-kInf));
  EXPECT_TRUE((-Big(0)).signbit());
  EXPECT_TRUE(isnan(Big(kInf) - Big(kInf)));
  EXPECT_FALSE(Big("nan") == Big("nan"));
  EXPECT_TRUE(Big("nan") != Big("nan"));
  EXPECT_EQ(round(Big(2.5)), Big(2));
  EXPECT_TRUE(isnan(max(Big(1), Big("nan"))) && isnan(max(Big("nan"), Big(1))));
}

// To reduce exp(exp(30)) takes hours.
TEST(Big, PeriodsEndFarBeyondDoubles) {
  EXPECT_EQ(static_cast<double>(cos(Big(0x1p1000))), std::cos(0x1p1000));
  EXPECT_TRUE(isfinite(sin(ldexp(Big(1), 100'000))));
  for (const Big& x : {sin(exp(exp(Big(30)))), cos(exp(exp(Big(30)))), tan(exp(exp(Big(30)))), sin(Big(kInf))}) EXPECT_TRUE(isnan(x));
}

TEST(Big, PolygammaHasItsKnownValues) {
  const Big pi = 4 * atan(Big(1)), tolerance = ldexp(Big(1), -190);
  EXPECT_LE(abs(polygamma(1, Big(1)) - pi * pi / 6), tolerance);
  EXPECT_LE(abs(polygamma(1, Big(0.5)) - pi * pi / 2), tolerance);
  EXPECT_LE(abs(polygamma(1, Big(-0.5)) - pi * pi / 2 - 4), 16 * tolerance);
  EXPECT_LE(abs(polygamma(3, Big(1)) - pi * pi * pi * pi / 15), 16 * tolerance);
  EXPECT_EQ(polygamma(1, Big(0)), Big(kInf));
  EXPECT_EQ(polygamma(2, Big(0)), Big(-kInf));
  EXPECT_EQ(polygamma(3, Big(-4)), Big(kInf));
  EXPECT_TRUE(isnan(polygamma(2, Big(-4))) && isnan(polygamma(-1, Big(2))));
}

TEST(Big, PolygammaObeysItsRecurrence) {
  // ψ_n(x+1) = ψ_n(x) + (-1)^n n! / x^(n+1), also across 0.
  for (int n : {1, 2, 3, 7}) {
    Big factorial = 1;
    for (int k = 2; k <= n; ++k) factorial *= k;
    for (double x : {0.3, 1.75, 12.5, 80.0, -0.4, -7.3}) {
      const Big left = polygamma(n, Big(x) + 1), right = polygamma(n, Big(x)), step = factorial / pow(Big(x), Big(n + 1));
      EXPECT_LE(abs(left - right - (n % 2 ? -step : step)), ldexp(max(abs(left), abs(right)), -185)) << n << " " << x;
    }
  }
}

}  // namespace
}  // namespace dlc
