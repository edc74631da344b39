// Rows of arithmetic, comparisons, selection, rounding and conversions: what a machine does in an instruction or
// three. How to read a row: ir/op.h. Conventions at kinks are stated in `why` and tested at the kink.
#pragma once
#include "ir/op.h"
#include "ops/expansions.h"
#include "ops/meaning.h"

namespace dlc::meaning {

template <class M>
inline constexpr OpRow<M> kArithmeticRows[] = {
    // ---- the four operations
    {.name = "add", .arity = 2, .type = TypeRule::same_number, .meaning = [](auto a, auto b) { return add(a, b); },
     .diff = {"g", "g"}, .identity = {"a + 0 => a", "a + -b => a - b"}, .latex = "$a + $b", .symbol = "+", .precedence = 5,
     .emit = inst("fadd", "add"), .max_ulp = 0, .commutative = true, .doc = "Sum. Ints wrap around."},
    {.name = "sub", .arity = 2, .type = TypeRule::same_number, .meaning = [](auto a, auto b) { return sub(a, b); },
     .diff = {"g", "-g"}, .identity = {"a - 0 => a", "0 - a => -a", "a - -b => a + b"},
     .stable = {"1 - sigmoid(a) => sigmoid(-a)"}, .fast = {"a - a => 0"}, .latex = "$a - $b", .symbol = "-", .precedence = 5, .emit = inst("fsub", "sub"), .max_ulp = 0,
     .why = "1 - sigmoid(a) has no digit left from a = 17 on in f32, and is 0 from a = 18", .doc = "Difference. Ints wrap around."},
    {.name = "mul", .arity = 2, .type = TypeRule::same_number, .meaning = [](auto a, auto b) { return mul(a, b); },
     .diff = {"g * b", "g * a"}, .identity = {"a * 1 => a", "a * -1 => -a", "-a * -b => a * b", "-a * b => -(a * b)"},
     .fast = {"a * 0 => 0"}, .latex = "$a \\cdot $b", .symbol = "*", .precedence = 6, .emit = inst("fmul", "mul"), .max_ulp = 0,
     .commutative = true, .doc = "Product. Ints wrap around."},
    {.name = "div", .arity = 2, .type = TypeRule::same_float, .meaning = [](Analytic auto a, Analytic auto b) { return a / b; },
     .diff = {"g / b", "-(g / b) * y"}, .identity = {"a / 1 => a", "a / -1 => -a", "-a / b => -(a / b)", "a / -b => -(a / b)"},
     .fast = {"a / a => 1"}, .latex = "\\frac{$a}{$b}", .symbol = "/", .precedence = 6, .emit = inst("fdiv"), .max_ulp = 0,
     .unbounded_diff = true, .why = "by b: (g / b) * y, as -g * a / (b * b) overflows in b * b", .doc = "Quotient of floats."},
    {.name = "neg", .arity = 1, .type = TypeRule::same_number, .meaning = [](auto a) { return neg(a); }, .diff = {"-g"},
     .identity = {"-(-a) => a", "-(a - b) => b - a"}, .latex = "-$a", .symbol = "-", .precedence = 7,
     .emit = {.inst = "fneg", .i64 = "0 - a"}, .max_ulp = 0, .doc = "Negation."},
    {.name = "fma", .arity = 3, .type = TypeRule::same_float,
     .meaning = [](Analytic auto a, Analytic auto b, Analytic auto c) { return fma(a, b, c); },
     .diff = {"g * b", "g * a", "g"}, .identity = {"fma(a, b, 0) => a * b", "fma(a, 1, b) => a + b", "fma(1, a, b) => a + b"},
     .latex = "$a \\cdot $b + $c", .emit = llvm_intrinsic("llvm.fma"), .max_ulp = 0, .doc = "a * b + c, rounded once."},
    {.name = "floor_div", .arity = 2, .type = TypeRule::integer, .meaning = [](Integer auto a, Integer auto b) { return floor_div(a, b); },
     .diff = {"", ""}, .identity = {"div(m, 1) => m"}, .latex = "\\lfloor $a / $b \\rfloor", .symbol = "div",
     .emit = expand("let safe = select(b == 0 or b == -1, 1, b)\n"
                    "let q = quotient(a, safe)\n"
                    "let r = a - q * safe\n"
                    "let floored = q - select(r != 0 and ((r < 0) != (safe < 0)), 1, 0)\n"
                    "select(b == 0, 0, select(b == -1, 0 - a, floored))"),
     .special = {1, -1, 2, -2, 7, -7}, .max_ulp = 0, .analytic = false,
     .why = "rounds down, so that div(-1, 2) is -1; div(a, 0) is 0, where the machine would trap",
     .doc = "Quotient of ints, rounded down."},
    {.name = "mod", .arity = 2, .type = TypeRule::same_number, .meaning = [](Number auto a, Number auto b) { return mod(a, b); },
     .diff = {"g", "g * round((y - a) / b)"}, .latex = "$a \\bmod $b", .symbol = "%", .precedence = 6,
     .emit = expand(kModF64, kModF32,
                    "let safe = select(b == 0 or b == -1, 1, b)\n"
                    "let r = a - quotient(a, safe) * safe\n"
                    "let floored = r + select(r != 0 and ((r < 0) != (safe < 0)), safe, 0)\n"
                    "select(b == 0, a, select(b == -1, 0, floored))"),
     .special = {1, -1, 3, -3}, .analytic = false, .unbounded_diff = true,
     .why = "the remainder of the floored quotient, with the sign of b; mod(a, 0) of ints is a. By b it is -floor(a / b), but a / b may "
            "round up to the next whole number, as 1 / 0.1 does, where (y - a) / b cannot", .doc = "Remainder with the sign of b."},

    // ---- powers. powi stands first: `a^2` with a whole exponent is a powi.
    {.name = "powi", .arity = 2, .type = TypeRule::float_int,
     .meaning = [](Real auto a, Real auto n) { return pow(a, n); },
     .diff = {"select(b == 0, 0, g * b * a^(b - 1))", ""},
     .identity = {"a^0 => 1", "a^1 => a", "a^-1 => 1 / a", "a^2 => a * a", "a^3 => a * a * a", "a^4 => let t = a * a; t * t"},
     .latex = "{$a}^{$b}", .symbol = "^", .precedence = 8, .emit = expand(kPowiF64, kPowiF32), .special = {0, 1, 2, -1, -2, 3},
     .unbounded_diff = true, .why = "pow(x, 0)' = 0 and pow(0, 0) = 1", .doc = "A float to the power of an int."},
    {.name = "pow", .arity = 2, .type = TypeRule::same_float, .meaning = [](Analytic auto a, Analytic auto b) { return pow(a, b); },
     .diff = {"let q = y / a\n"
              "let p = select((b < 0.5 or b > 16777216) and (q == q or y != y), q, a^(b - 1))\n"
              "select(a == 0 and b == 0, 0, g * b * p)",
              "select((a >= 0 and y == 0) or (a == 0 and b == 0), 0, g * y * log(a))"},
     .identity = {"pow(a, 0) => 1", "pow(a, 1) => a", "pow(1, a) => 1", "pow(a, -1) => 1 / a", "pow(a, 2) => a * a"},
     .fast = {"pow(a, 0.5) => sqrt(a)", "pow(a, -0.5) => rsqrt(a)"}, .latex = "{$a}^{$b}", .symbol = "^", .precedence = 8,
     .emit = expand(kPowF64, kPowF32), .domain = {0.01, 10}, .special = {0, 1, 2, -1, 0.5, 0.3}, .unbounded_diff = true, .vertical_diff = true,
     .why = "pow(x, 0)' = 0 and pow(0, 0) = 1. By a: b - 1 is exact only from 1/2 to 2^24 (in f32); elsewhere its rounding error "
            "times log a would show, or its parity be lost, so y / a, which overflows nowhere there. By b, where y is 0, a^b log a goes to 0; of a < 0 it is nan.",
     .doc = "A float to the power of a float."},

    // ---- comparisons and logic
    {.name = "lt", .arity = 2, .type = TypeRule::compare, .meaning = [](Number auto a, Number auto b) { return a < b; },
     .diff = {"", ""}, .latex = "$a < $b", .symbol = "<", .precedence = 4, .emit = inst("fcmp.olt", "icmp.slt"), .max_ulp = 0,
     .analytic = false, .doc = "a < b; false if one is nan."},
    {.name = "le", .arity = 2, .type = TypeRule::compare, .meaning = [](Number auto a, Number auto b) { return a <= b; },
     .diff = {"", ""}, .latex = "$a \\le $b", .symbol = "<=", .precedence = 4, .emit = inst("fcmp.ole", "icmp.sle"), .max_ulp = 0,
     .analytic = false, .doc = "a <= b; false if one is nan."},
    {.name = "gt", .arity = 2, .type = TypeRule::compare, .meaning = [](Number auto a, Number auto b) { return a > b; },
     .diff = {"", ""}, .latex = "$a > $b", .symbol = ">", .precedence = 4, .emit = inst("fcmp.ogt", "icmp.sgt"), .max_ulp = 0,
     .analytic = false, .doc = "a > b; false if one is nan."},
    {.name = "ge", .arity = 2, .type = TypeRule::compare, .meaning = [](Number auto a, Number auto b) { return a >= b; },
     .diff = {"", ""}, .latex = "$a \\ge $b", .symbol = ">=", .precedence = 4, .emit = inst("fcmp.oge", "icmp.sge"), .max_ulp = 0,
     .analytic = false, .doc = "a >= b; false if one is nan."},
    {.name = "eq", .arity = 2, .type = TypeRule::equality, .meaning = [](Number auto a, Number auto b) { return a == b; },
     .diff = {"", ""}, .latex = "$a = $b", .symbol = "==", .precedence = 4, .emit = inst("fcmp.oeq", "icmp.eq"), .max_ulp = 0,
     .commutative = true, .analytic = false, .doc = "a == b, of numbers or bools; false if one is nan."},
    {.name = "ne", .arity = 2, .type = TypeRule::equality, .meaning = [](Number auto a, Number auto b) { return a != b; },
     .diff = {"", ""}, .latex = "$a \\ne $b", .symbol = "!=", .precedence = 4, .emit = inst("fcmp.une", "icmp.ne"), .max_ulp = 0,
     .commutative = true, .analytic = false, .doc = "a != b, of numbers or bools; true if one is nan."},
    {.name = "and", .arity = 2, .type = TypeRule::logic, .meaning = [](Number auto a, Number auto b) { return a != 0 && b != 0; },
     .diff = {"", ""}, .identity = {"p and true => p", "p and false => false", "p and p => p"}, .latex = "$a \\land $b",
     .symbol = "and", .precedence = 2, .emit = inst(nullptr, "and"), .max_ulp = 0, .commutative = true, .analytic = false,
     .doc = "Both. Both sides are evaluated."},
    {.name = "or", .arity = 2, .type = TypeRule::logic, .meaning = [](Number auto a, Number auto b) { return a != 0 || b != 0; },
     .diff = {"", ""}, .identity = {"p or false => p", "p or true => true", "p or p => p"}, .latex = "$a \\lor $b",
     .symbol = "or", .precedence = 1, .emit = inst(nullptr, "or"), .max_ulp = 0, .commutative = true, .analytic = false,
     .doc = "One or both. Both sides are evaluated."},
    {.name = "not", .arity = 1, .type = TypeRule::logic, .meaning = [](Number auto a) { return a == 0; }, .diff = {""},
     .identity = {"not (not p) => p"}, .latex = "\\lnot $a", .symbol = "not", .precedence = 3, .emit = inst(nullptr, "not"),
     .max_ulp = 0, .analytic = false, .doc = "The opposite of a bool."},
    {.name = "select", .arity = 3, .type = TypeRule::select, .meaning = [](auto c, auto a, auto b) { return select(c, a, b); },
     .diff = {"", "select(a, g, 0)", "select(a, 0, g)"},
     .identity = {"select(true, a, b) => a", "select(false, a, b) => b", "select(p, a, a) => a", "select(not p, a, b) => select(p, b, a)"},
     .latex = "\\begin{cases} $b & $a \\\\ $c & \\text{else} \\end{cases}", .emit = inst("select", "select"), .max_ulp = 0,
     .why = "routes g by select: a 0/1 mask would turn an inf of the branch not taken into nan",
     .doc = "b where a holds, else c. Both are evaluated."},

    {.name = "gated_mul", .arity = 2, .type = TypeRule::same_float,
     .meaning = [](Analytic auto a, Analytic auto b) { return a == decltype(a)(0) || b == decltype(b)(0) ? decltype(a)(0) : a * b; },
     .diff = {"gated_mul(g, b)", "gated_mul(g, a)"},
     .identity = {"gated_mul(a, 1) => a", "gated_mul(a, 0) => 0", "gated_mul(a, -1) => -a"}, .latex = "$a \\cdot $b",
     .emit = inst("gated_mul"), .special = {0, 1}, .max_ulp = 0, .commutative = true, .internal = true,
     .why = "the strong zero of differentiation (ad/carry.h). Its derivatives gate again; that of select(a == 0, 0, a * b) "
            "would be 0 where a happens to be 0, and a second derivative wrong",
     .doc = "a * b, and 0 where a or b is 0, whatever the other: also inf or nan."},

    // ---- magnitude, order, rounding
    {.name = "abs", .arity = 1, .type = TypeRule::same_number, .meaning = [](Number auto a) { return abs(a); }, .diff = {"g * sign(a)"},
     .identity = {"abs(-a) => abs(a)", "abs(abs(a)) => abs(a)"}, .latex = "\\left|$a\\right|",
     .emit = llvm_intrinsic("llvm.fabs", "select(a < 0, 0 - a, a)"), .max_ulp = 0, .analytic = false, .why = "abs'(0) = 0",
     .doc = "Absolute value."},
    {.name = "sign", .arity = 1, .type = TypeRule::same_number, .meaning = [](Number auto a) { return sign(a); }, .diff = {"0"},
     .latex = "\\operatorname{sign}($a)",
     .emit = expand("select(a > 0, 1, select(a < 0, -1, a))", "select(a > 0, 1, select(a < 0, -1, a))",
                    "select(a > 0, 1, select(a < 0, -1, 0))"),
     .max_ulp = 0, .analytic = false, .why = "sign(0) = 0, and its derivative is 0 everywhere", .doc = "-1, 0 or 1."},
    {.name = "max", .arity = 2, .type = TypeRule::same_number, .meaning = [](Number auto a, Number auto b) { return max(a, b); },
     .diff = {"select(a < b, 0, select(a == b, 0.5 * g, g))", "select(b < a, 0, select(a == b, 0.5 * g, g))"},
     .identity = {"max(a, a) => a"}, .latex = "\\max($a, $b)",
     .emit = expand("select(a > b or a != a, a, b)", "select(a > b or a != a, a, b)", "select(a > b, a, b)"), .max_ulp = 0,
     .commutative = true, .analytic = false, .why = "a tie shares the derivative evenly; nan wins, as in NumPy", .doc = "The larger of two."},
    {.name = "min", .arity = 2, .type = TypeRule::same_number, .meaning = [](Number auto a, Number auto b) { return min(a, b); },
     .diff = {"select(a > b, 0, select(a == b, 0.5 * g, g))", "select(b > a, 0, select(a == b, 0.5 * g, g))"},
     .identity = {"min(a, a) => a"}, .latex = "\\min($a, $b)",
     .emit = expand("select(a < b or a != a, a, b)", "select(a < b or a != a, a, b)", "select(a < b, a, b)"), .max_ulp = 0,
     .commutative = true, .analytic = false, .why = "a tie shares the derivative evenly; nan wins, as in NumPy", .doc = "The smaller of two."},
    {.name = "clamp", .arity = 3, .type = TypeRule::same_number,
     .meaning = [](Number auto a, Number auto b, Number auto c) { return min(max(a, b), c); },
     .diff = {"select(a < b or a > c, 0, g)", "select(a < b and b <= c, g, 0)", "select(max(a, b) > c, g, 0)"},
     .latex = "\\operatorname{clamp}($a, $b, $c)",
     .emit = expand("min(max(a, b), c)", "min(max(a, b), c)", "min(max(a, b), c)"), .max_ulp = 0, .analytic = false,
     .why = "clamp' = 1 on the closed interval, so a bound that is met exactly takes no share", .doc = "a, but at least b and at most c."},
    {.name = "floor", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return floor(a); }, .diff = {"0"},
     .identity = {"floor(floor(a)) => floor(a)"}, .latex = "\\lfloor $a \\rfloor", .emit = llvm_intrinsic("llvm.floor"),
     .special = {0.5, -0.5, 1, -1}, .max_ulp = 0, .analytic = false, .doc = "The largest whole number not above a; derivative 0."},
    {.name = "ceil", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return ceil(a); }, .diff = {"0"},
     .identity = {"ceil(ceil(a)) => ceil(a)"}, .latex = "\\lceil $a \\rceil", .emit = llvm_intrinsic("llvm.ceil"),
     .special = {0.5, -0.5, 1, -1}, .max_ulp = 0, .analytic = false, .doc = "The smallest whole number not below a; derivative 0."},
    {.name = "round", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto a) { return round(a); }, .diff = {"0"},
     .identity = {"round(round(a)) => round(a)"}, .latex = "\\operatorname{round}($a)", .emit = llvm_intrinsic("llvm.roundeven"),
     .special = {0.5, 1.5, 2.5, -0.5, -1.5}, .max_ulp = 0, .analytic = false, .why = "ties go to the even neighbour, as in NumPy",
     .doc = "The nearest whole number; derivative 0."},

    {.name = "stop_gradient", .arity = 1, .type = TypeRule::same_number, .meaning = [](Number auto a) { return a; }, .diff = {"0"},
     .identity = {"stop_gradient(stop_gradient(a)) => stop_gradient(a)"}, .latex = "\\operatorname{stop}($a)",
     .emit = expand("a", "a", "a"), .max_ulp = 0, .analytic = false,
     .why = "a derivative that is declared, not computed: modes take 0, while differences of values see through it",
     .doc = "The value, as a constant to every derivative."},

    // ---- conversions: the carried g has whichever of the two types is wanted, AD converts it
    {.name = "to_f32", .arity = 1, .type = TypeRule::to_f32, .meaning = [](Number auto a) { return a; }, .diff = {"g"}, .latex = "$a",
     .symbol = "f32", .emit = inst("fptrunc", "sitofp"), .max_ulp = 0, .analytic = false, .doc = "As f32, rounded to nearest."},
    {.name = "to_f64", .arity = 1, .type = TypeRule::to_f64, .meaning = [](Number auto a) { return a; }, .diff = {"g"}, .latex = "$a",
     .symbol = "f64", .emit = inst("fpext", "sitofp"), .max_ulp = 0, .analytic = false, .doc = "As f64."},
    {.name = "to_int", .arity = 1, .type = TypeRule::to_int, .meaning = [](Number auto a) { return trunc(a); }, .diff = {""},
     .latex = "\\operatorname{int}($a)", .symbol = "int", .emit = {.int_inst = "zext", .intrinsic = "llvm.fptosi.sat"}, .max_ulp = 0,
     .analytic = false, .why = "saturates; nan gives 0", .doc = "As int, truncated towards zero."},
};

}  // namespace dlc::meaning
