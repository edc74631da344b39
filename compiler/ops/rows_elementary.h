// Rows of the elementary and special functions. Each is our own code on every target (ops/expansions.h); `meaning`
// is the oracle. A `diff` is the form that loses no digits, which its `why` explains where it is not the textbook's.
#pragma once
#include <limits>

#include "ir/op.h"
#include "ops/expansions.h"
#include "ops/meaning.h"

namespace dlc::meaning {

inline constexpr double kInf = std::numeric_limits<double>::infinity();

template <class M>
inline constexpr OpRow<M> kElementaryRows[] = {
    // ---- exponentials and logarithms
    {.name = "exp", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return exp(a); }, .diff = {"g * y"},
     .fast = {"exp(log(a)) => a"}, .latex = "e^{$a}", .emit = expand(kExpF64, kExpF32), .domain = {-20, 20},
     .special = {1, -745, 709.7, -87.5, 88.7, -103}, .doc = "Exponential."},
    {.name = "expm1", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return expm1(a); },
     .diff = {"g * exp(a)"}, .fast = {"expm1(log1p(a)) => a"}, .latex = "e^{$a} - 1", .emit = expand(kExpm1F64, kExpm1F32),
     .domain = {-5, 5}, .special = {1e-10, -1e-10, -40, 709.7, 88.7}, .why = "y + 1 has no digits left where y is near -1",
     .doc = "exp(a) - 1, accurate near 0."},
    {.name = "log", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return log(a); }, .diff = {"g / a"},
     .fast = {"log(exp(a)) => a"}, .latex = "\\ln($a)", .emit = expand(kLogF64, kLogF32), .domain = {0, 20},
     .special = {1, 0.999999, 1.000001, 1e-310, 1e-40, -1}, .unbounded_diff = true, .doc = "Natural logarithm."},
    {.name = "log1p", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return log1p(a); },
     .diff = {"g / (1 + a)"}, .fast = {"log1p(expm1(a)) => a"}, .latex = "\\ln(1 + $a)", .emit = expand(kLog1pF64, kLog1pF32),
     .domain = {-0.99, 5}, .special = {1e-10, -1e-10, -1, -0.5, 1e300, -2}, .unbounded_diff = true,
     .doc = "log(1 + a), accurate near 0."},
    {.name = "xlogy", .arity = 2, .type = TypeRule::same_float, .meaning = [](Analytic auto a, Analytic auto b) { return xlogy(a, b); },
     .diff = {"g * log(b)", "gated_mul(a, g / b)"}, .latex = "$a \\ln($b)", .emit = expand(kXlogyF64, kXlogyF32),
     .domain = {0, 5}, .special = {0, 1, 0.5}, .unbounded_diff = true, .vertical_diff = true,
     .why = "0 where a is 0, the limit of x log x, also at b = 0; there the derivative by b is 0 too, and its derivative by a is 1/b",
     .doc = "a * log(b), and 0 where a is 0."},

    // ---- roots and lengths
    {.name = "sqrt", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return sqrt(a); },
     .diff = {"0.5 * g / y"}, .fast = {"sqrt(a * a) => abs(a)"}, .latex = "\\sqrt{$a}", .emit = llvm_intrinsic("llvm.sqrt"),
     .domain = {0, 20}, .special = {1, 4, -1}, .max_ulp = 0, .unbounded_diff = true, .vertical_diff = true, .why = "sqrt'(0) = inf, kept from a zero g",
     .doc = "Square root."},
    {.name = "rsqrt", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return rsqrt(a); },
     .diff = {"-0.5 * g * y * y * y"}, .latex = "\\frac{1}{\\sqrt{$a}}", .emit = expand("1 / sqrt(a)", "1 / sqrt(a)"), .domain = {0, 20},
     .special = {1, 4, -1}, .unbounded_diff = true, .why = "from y alone; y^3 on its own would overflow before g meets it",
     .doc = "1 / sqrt(a)."},
    {.name = "cbrt", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return cbrt(a); },
     .diff = {"g / (3 * y * y)"}, .identity = {"cbrt(-a) => -cbrt(a)"}, .latex = "\\sqrt[3]{$a}", .emit = expand(kCbrtF64, kCbrtF32),
     .special = {1, 8, -27}, .unbounded_diff = true, .vertical_diff = true, .why = "cbrt'(0) = inf, kept from a zero g", .doc = "Cube root, also of negative numbers."},
    {.name = "hypot", .arity = 2, .type = TypeRule::same_float, .meaning = [](Analytic auto a, Analytic auto b) { return hypot(a, b); },
     .diff = {"select(y == 0, 0, g * (a / y))", "select(y == 0, 0, g * (b / y))"},
     .identity = {"hypot(-a, b) => hypot(a, b)", "hypot(a, -b) => hypot(a, b)"}, .latex = "\\sqrt{{$a}^2 + {$b}^2}",
     .emit = expand(kHypotF64, kHypotF32), .special = {3, 4, 1e200, 1e-200}, .commutative = true, .unbounded_diff = true,
     .why = "norm'(0) = 0; a / y first, since g * a may overflow", .doc = "Length of the vector (a, b), without overflow."},

    // ---- trigonometry
    {.name = "sin", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return sin(a); }, .diff = {"g * cos(a)"},
     .identity = {"sin(-a) => -sin(a)"}, .latex = "\\sin($a)", .emit = expand(kSinF64, kSinF32),
     .special = {3.14159265358979312, 1.57079632679489656, 1e5, 1e22, 355, 710}, .doc = "Sine of an angle in radians."},
    {.name = "cos", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return cos(a); }, .diff = {"-g * sin(a)"},
     .identity = {"cos(-a) => cos(a)", "cos(abs(a)) => cos(a)"}, .latex = "\\cos($a)", .emit = expand(kCosF64, kCosF32),
     .special = {3.14159265358979312, 1.57079632679489656, 1e5, 1e22, 355, 710}, .doc = "Cosine of an angle in radians."},
    {.name = "tan", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return tan(a); }, .diff = {"g * (1 + y * y)"},
     .identity = {"tan(-a) => -tan(a)"}, .latex = "\\tan($a)", .emit = expand(kTanF64, kTanF32),
     .special = {3.14159265358979312, 1.57079632679489656, 1e5, 1e22, 355}, .doc = "Tangent of an angle in radians."},
    {.name = "asin", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return asin(a); },
     .diff = {"g / sqrt((1 - a) * (1 + a))"}, .identity = {"asin(-a) => -asin(a)"}, .latex = "\\arcsin($a)",
     .emit = expand(kAsinF64, kAsinF32), .domain = {-1, 1}, .special = {1, -1, 0.5, 0.9999999, 1.5}, .unbounded_diff = true, .vertical_diff = true,
     .why = "1 - a*a loses half the digits near 1; 1 - a is exact there", .doc = "Arcsine."},
    {.name = "acos", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return acos(a); },
     .diff = {"-g / sqrt((1 - a) * (1 + a))"}, .latex = "\\arccos($a)", .emit = expand(kAcosF64, kAcosF32), .domain = {-1, 1},
     .special = {1, -1, 0.5, 0.9999999, 1.5}, .unbounded_diff = true, .vertical_diff = true, .why = "1 - a*a loses half the digits near 1; 1 - a is exact there",
     .doc = "Arccosine."},
    {.name = "atan", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return atan(a); },
     .diff = {"g / (1 + a * a)"}, .identity = {"atan(-a) => -atan(a)"}, .latex = "\\arctan($a)", .emit = expand(kAtanF64, kAtanF32),
     .special = {1, -1, 1e10}, .doc = "Arctangent."},
    {.name = "atan2", .arity = 2, .type = TypeRule::same_float, .meaning = [](Analytic auto a, Analytic auto b) { return atan2(a, b); },
     .diff = {"let h = hypot(a, b)\nselect(h == 0, 0, g * (b / h) / h)", "let h = hypot(a, b)\nselect(h == 0, 0, -g * (a / h) / h)"},
     .latex = "\\operatorname{atan2}($a, $b)", .emit = expand(kAtan2F64, kAtan2F32), .special = {1, -1, 1e200, 1e-200},
     .unbounded_diff = true, .why = "a*a + b*b would overflow or vanish; at the origin, where every direction differs, 0",
     .doc = "Angle of the point (x = b, y = a)."},

    // ---- hyperbolic
    {.name = "sinh", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return sinh(a); }, .diff = {"g * cosh(a)"},
     .identity = {"sinh(-a) => -sinh(a)"}, .latex = "\\sinh($a)", .emit = expand(kSinhF64, kSinhF32), .special = {1e-5, 710.4, 89.1},
     .doc = "Hyperbolic sine."},
    {.name = "cosh", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return cosh(a); }, .diff = {"g * sinh(a)"},
     .identity = {"cosh(-a) => cosh(a)", "cosh(abs(a)) => cosh(a)"}, .latex = "\\cosh($a)", .emit = expand(kCoshF64, kCoshF32),
     .special = {1e-5, 710.4, 89.1}, .doc = "Hyperbolic cosine."},
    {.name = "tanh", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return tanh(a); },
     .diff = {"4 * g * sigmoid(2 * a) * sigmoid(-2 * a)"}, .identity = {"tanh(-a) => -tanh(a)"}, .latex = "\\tanh($a)",
     .emit = expand(kTanhF64, kTanhF32), .domain = {-15, 15}, .special = {1e-5, 20, -20},
     .why = "1 - y*y loses every digit past |a| = 9 in f32; 1/cosh(a)^2 is inf/inf at second order", .doc = "Hyperbolic tangent."},
    {.name = "asinh", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return asinh(a); },
     .diff = {"g / hypot(a, 1)"}, .identity = {"asinh(-a) => -asinh(a)"}, .latex = "\\operatorname{arsinh}($a)",
     .emit = expand(kAsinhF64, kAsinhF32), .special = {1e-5, 1e10, 1e200}, .why = "a*a overflows from 1e154 on, and in f32 from 1.8e19",
     .doc = "Inverse hyperbolic sine."},
    {.name = "acosh", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return acosh(a); },
     .diff = {"g / (sqrt(a - 1) * sqrt(a + 1))"}, .latex = "\\operatorname{arcosh}($a)", .emit = expand(kAcoshF64, kAcoshF32),
     .domain = {1, 20}, .special = {1, 1.0000001, 1e200, 0.5}, .unbounded_diff = true, .vertical_diff = true,
     .why = "a*a - 1 loses digits near 1 and overflows; two roots do neither", .doc = "Inverse hyperbolic cosine."},
    {.name = "atanh", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return atanh(a); },
     .diff = {"g / ((1 - a) * (1 + a))"}, .identity = {"atanh(-a) => -atanh(a)"}, .latex = "\\operatorname{artanh}($a)",
     .emit = expand(kAtanhF64, kAtanhF32), .domain = {-1, 1}, .special = {1, -1, 1e-5, 0.9999999, 2}, .unbounded_diff = true,
     .why = "1 - a*a loses half the digits near 1; 1 - a is exact there", .doc = "Inverse hyperbolic tangent."},

    // ---- of the normal distribution and the gamma function
    {.name = "exp_neg_square", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return exp_neg_square(a); },
     .diff = {"-2 * g * (a * y)"}, .identity = {"exp_neg_square(-a) => exp_neg_square(a)"}, .latex = "e^{-{$a}^2}",
     .emit = expand(kExpNegSquareF64, kExpNegSquareF32), .domain = {-9, 9}, .special = {1, 26, 27.2},
     .why = "exp(-a*a) multiplies the rounding error of a*a by a*a: 40 ulp at a = 9; in the derivative 2 * a alone could overflow", .doc = "exp(-a^2)."},
    {.name = "erf", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return erf(a); },
     .diff = {"1.12837916709551257389615890312154517168810125865799771368817 * g * exp_neg_square(a)"}, .identity = {"erf(-a) => -erf(a)"},
     .latex = "\\operatorname{erf}($a)", .emit = expand(kErfF64, kErfF32), .domain = {-6, 6}, .special = {1e-5, 0.84375, 1.25, 6},
     .why = "the factor is 2/sqrt(pi)", .doc = "Error function."},
    {.name = "erfc", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return erfc(a); },
     .diff = {"-1.12837916709551257389615890312154517168810125865799771368817 * g * exp_neg_square(a)"},
     .latex = "\\operatorname{erfc}($a)", .emit = expand(kErfcF64, kErfcF32), .domain = {-6, 26}, .special = {1e-5, 0.84375, 1.25, 27},
     .why = "the factor is 2/sqrt(pi)", .doc = "1 - erf(a), accurate where that is tiny."},
    {.name = "lgamma", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return lgamma(a); }, .diff = {"g * digamma(a)"},
     .latex = "\\ln\\left|\\Gamma($a)\\right|", .emit = expand(kLgammaF64, kLgammaF32), .domain = {-5, 30},
     .special = {1, 2, 0.5, 1e-10, 1e10, 1e300}, .max_ulp = 4, .unbounded_diff = true, .doc = "Logarithm of |gamma(a)|."},
    {.name = "digamma", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return digamma(a); },
     .diff = {"g * polygamma(1, a)"}, .latex = "\\psi($a)", .emit = expand(kDigammaF64, kDigammaF32), .domain = {-5, 30},
     .special = {1, 1.4616321449683623, 0.5, 1e-10, 1e10, 1e300}, .max_ulp = 4, .unbounded_diff = true,
     .doc = "Derivative of lgamma."},
    {.name = "polygamma", .arity = 2, .type = TypeRule::int_float,
     .meaning = [](Real auto n, Real auto x) { return polygamma(static_cast<int64_t>(n), x); },
     .diff = {"", "g * polygamma(a + 1, b)"}, .latex = "\\psi^{($a)}($b)", .emit = expand(kPolygammaF64, kPolygammaF32),
     .domain = {0.01, 30}, .special = {1, 0.5, 1e-3, 1e10, 100}, .max_ulp = 4, .unbounded_diff = true,
     .doc = "Derivative of digamma of order a."},

    // ---- activations
    {.name = "sigmoid", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return sigmoid(a); },
     .diff = {"g * sigmoid(a) * sigmoid(-a)"}, .latex = "\\sigma($a)", .emit = expand(kSigmoidF64, kSigmoidF32), .domain = {-30, 30},
     .special = {88, -88, 710, -745, 17, -17}, .why = "y * (1 - y) is 0 in f32 from a = 17 on", .doc = "1 / (1 + exp(-a))."},
    {.name = "softplus", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return softplus(a); },
     .diff = {"g * sigmoid(a)"}, .latex = "\\operatorname{softplus}($a)", .emit = expand(kSoftplusF64, kSoftplusF32), .domain = {-30, 30},
     .special = {88, -88, 710, -745}, .doc = "log(1 + exp(a)), without overflow."},
    {.name = "relu", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return max(a, decltype(a)(0)); },
     .diff = {"select(a > 0, g, 0)"}, .identity = {"relu(relu(a)) => relu(a)"}, .latex = "\\operatorname{relu}($a)",
     .emit = expand("select(a < 0, 0, a)", "select(a < 0, 0, a)"), .special = {1, -1}, .max_ulp = 0, .analytic = false,
     .why = "relu'(0) = 0, unlike max(a, 0), whose tie gives one half", .doc = "a where it is positive, else 0."},
    {.name = "leaky_relu", .arity = 2, .type = TypeRule::same_float, .meaning = [](Real auto a, Real auto b) { return select(decltype(a)(a > 0), a, a * b); },
     .diff = {"select(a > 0, g, g * b)", "select(a > 0, 0, g * a)"}, .latex = "\\operatorname{relu}_{$b}($a)",
     .emit = expand("select(a > 0, a, a * b)", "select(a > 0, a, a * b)"), .special = {1, -1, 0.01}, .max_ulp = 0, .analytic = false,
     .why = "at 0 the slope of the left side", .doc = "a where it is positive, else a * b."},
    {.name = "silu", .arity = 1, .type = TypeRule::same_float, .meaning = [](Analytic auto a) { return silu(a); },
     .diff = {"g * sigmoid(a) * (1 + a * sigmoid(-a))"}, .latex = "$a \\cdot \\sigma($a)", .emit = expand(kSiluF64, kSiluF32),
     .domain = {-30, 30}, .special = {88, -88, 710, -745}, .why = "silu(-inf) is its limit 0", .doc = "a * sigmoid(a)."},
    {.name = "gelu", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return gelu(a); },
     .diff = {"let q = exp_neg_square(0.5 * a)\n"
              "g * (0.5 * erfc(-0.707106781186547524400844362104849039284835937688474036588340 * a)\n"
              "     + 0.398942280401432677939946059934381868475858631164934657665926 * a * q * q)"},
     .latex = "$a \\cdot \\Phi($a)", .emit = expand(kGeluF64, kGeluF32), .domain = {-8, 8}, .special = {10, -10, -37, -13}, .max_ulp = 4,
     .why = "Phi(a) + a phi(a), with exp(-a*a/2) as the square of exp(-(a/2)^2), where a/2 is exact; gelu(-inf) is its limit 0",
     .doc = "a times the normal distribution function of a."},
};

}  // namespace dlc::meaning
