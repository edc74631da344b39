// Rows of the primitives that only expansions use: bits of floats, exact roundings, the digits of 2/π. They are not
// names of the language and are never differentiated.
#pragma once
#include <cmath>

#include "ir/op.h"
#include "ops/expansions.h"
#include "ops/meaning.h"
#include "ops/two_over_pi.h"

namespace dlc::meaning {

template <class M>
inline constexpr OpRow<M> kInternalRows[] = {
    // ---- bit patterns; the four conversions are done by their TypeRule (ops/evaluate.cpp, codegen)
    {.name = "bits", .arity = 1, .type = TypeRule::bits, .diff = {""}, .latex = "\\mathrm{bits}($a)",
     .emit = inst("bitcast"), .analytic = false, .internal = true,
     .doc = "The bit pattern as an int; of an f32 the low 32 bits, zero-extended."},
    {.name = "f64_from_bits", .arity = 1, .type = TypeRule::from_bits64, .diff = {""}, .latex = "\\mathrm{f64}($a)",
     .emit = inst(nullptr, "bitcast"), .analytic = false, .internal = true, .doc = "The f64 with this bit pattern."},
    {.name = "f32_from_bits", .arity = 1, .type = TypeRule::from_bits32, .diff = {""}, .latex = "\\mathrm{f32}($a)",
     .emit = inst(nullptr, "bitcast"), .analytic = false, .internal = true,
     .doc = "The f32 with the low 32 bits as its pattern."},
    {.name = "bit_and", .arity = 2, .type = TypeRule::integer, .meaning = [](Integer auto a, Integer auto b) { return a & b; },
     .diff = {"", ""}, .latex = "$a \\mathbin{\\&} $b", .emit = inst(nullptr, "and"), .commutative = true, .analytic = false,
     .internal = true, .doc = "Bitwise and."},
    {.name = "bit_or", .arity = 2, .type = TypeRule::integer, .meaning = [](Integer auto a, Integer auto b) { return a | b; },
     .diff = {"", ""}, .latex = "$a \\mathbin{|} $b", .emit = inst(nullptr, "or"), .commutative = true, .analytic = false,
     .internal = true, .doc = "Bitwise or."},
    {.name = "bit_xor", .arity = 2, .type = TypeRule::integer, .meaning = [](Integer auto a, Integer auto b) { return a ^ b; },
     .diff = {"", ""}, .latex = "$a \\oplus $b", .emit = inst(nullptr, "xor"), .commutative = true, .analytic = false,
     .internal = true, .doc = "Bitwise exclusive or."},
    {.name = "shift_left", .arity = 2, .type = TypeRule::integer,
     .meaning = [](Integer auto a, Integer auto k) { return wrap(unwrap(a) << (k & 63)); },
     .diff = {"", ""}, .latex = "$a \\ll $b", .emit = inst(nullptr, "shl"), .domain = {0, 63}, .analytic = false,
     .internal = true, .doc = "a shifted left by b bits, 0 <= b < 64."},
    {.name = "shift_right", .arity = 2, .type = TypeRule::integer,
     .meaning = [](Integer auto a, Integer auto k) { return wrap(unwrap(a) >> (k & 63)); },
     .diff = {"", ""}, .latex = "$a \\gg $b", .emit = inst(nullptr, "lshr"), .domain = {0, 63}, .analytic = false,
     .internal = true, .doc = "a shifted right by b bits, 0 <= b < 64; zeros come in."},
    {.name = "shift_right_signed", .arity = 2, .type = TypeRule::integer,
     .meaning = [](Integer auto a, Integer auto k) { return a >> (k & 63); },
     .diff = {"", ""}, .latex = "$a \\gg $b", .emit = inst(nullptr, "ashr"), .domain = {0, 63}, .analytic = false,
     .internal = true, .doc = "a shifted right by b bits, 0 <= b < 64; copies of the sign come in."},

    // ---- ints
    {.name = "quotient", .arity = 2, .type = TypeRule::integer, .meaning = [](Integer auto a, Integer auto b) { return quotient(a, b); },
     .diff = {"", ""}, .latex = "$a / $b", .emit = inst(nullptr, "sdiv"), .domain = {1, 1000}, .analytic = false, .internal = true,
     .doc = "Quotient towards zero; the caller keeps b away from 0 and -1, where the machine traps."},
    {.name = "mulhi", .arity = 2, .type = TypeRule::integer,
     .meaning = [](Integer auto a, Integer auto b) { return high_product(a, b); },
     .diff = {"", ""}, .latex = "\\lfloor $a $b / 2^{64} \\rfloor", .emit = inst(nullptr, "mulhi"), .commutative = true,
     .analytic = false, .internal = true, .doc = "The high 64 bits of the unsigned 128-bit product."},
    {.name = "two_over_pi", .arity = 1, .type = TypeRule::integer, .meaning = [](Integer auto i) { return two_over_pi(i); },
     .diff = {""}, .latex = "(2/\\pi)_{$a}", .emit = inst(nullptr, "two_over_pi"), .domain = {0, 19}, .analytic = false,
     .internal = true, .doc = "64 bits of the binary fraction of 2/pi from bit 64 (a - 1) on, 0 for a = 0; for Payne-Hanek reduction."},

    // ---- floats
    {.name = "rint", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto x) { return round(x); },
     .diff = {"0"}, .latex = "\\mathrm{rint}($a)", .emit = llvm_intrinsic("llvm.roundeven"), .special = {0.5, 1.5, 2.5, -0.5, -1.5},
     .max_ulp = 0, .analytic = false, .internal = true, .doc = "To the nearest whole number, ties to even."},
    {.name = "trunc", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto x) { return trunc(x); },
     .diff = {"0"}, .latex = "\\mathrm{trunc}($a)", .emit = llvm_intrinsic("llvm.trunc"), .special = {0.5, -0.5, 1, -1},
     .max_ulp = 0, .analytic = false, .internal = true, .doc = "To the whole number towards zero."},
    {.name = "copysign", .arity = 2, .type = TypeRule::same_float, .meaning = [](Real auto a, Real auto b) { return copysign(a, b); },
     .diff = {"g * sign(a) * sign(b)", "0"}, .latex = "\\mathrm{copysign}($a, $b)", .emit = llvm_intrinsic("llvm.copysign"),
     .max_ulp = 0, .analytic = false, .internal = true, .doc = "The magnitude of a with the sign of b."},
    {.name = "pow2", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto k) { return power_of_two(k); },
     .diff = {""}, .latex = "2^{$a}", .emit = expand("f64_from_bits(shift_left(bits(a + 6755399441056767.0), 52))",
                    "f32_from_bits(shift_left(bits(a + 12583039.0), 23))"), .domain = {-126, 127}, .max_ulp = 0,
     .analytic = false, .internal = true,
     .why = "the exponent bits: a + 2^52 + 2^51 + 1023 ends in the bits of a + 1023, which are then shifted into place",
     .doc = "2^a for whole a such that the result is a normal number."},
    {.name = "rare", .arity = 3, .type = TypeRule::select, .meaning = [](auto c, auto a, auto b) { return select(c, a, b); },
     .diff = {"", "select(a, g, 0)", "select(a, 0, g)"},
     .latex = "\\begin{cases} $b & $a \\\\ $c & \\text{else} \\end{cases}", .emit = inst("select", "select"), .max_ulp = 0,
     .internal = true, .why = "routes g as select does", .doc = "select(a, b, c) where b costs much and a hardly ever holds: native code may jump over b."},
    {.name = "sum_error", .arity = 2, .type = TypeRule::same_float, .meaning = [](Real auto a, Real auto b) { return sum_error(a, b); },
     .diff = {"", ""}, .latex = "\\mathrm{err}($a + $b)", .emit = expand(kSumErrorF64, kSumErrorF32), .max_ulp = 0,
     .analytic = false, .internal = true, .doc = "a + b minus its rounded value."},
    {.name = "sin_huge", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto x) { return sin(x); }, .diff = {""},
     .latex = "\\sin $a", .emit = expand(kSinHugeF64), .domain = {1e8, 1e15}, .special = {1e22, -1e30}, .internal = true,
     .doc = "sin for |a| above 10^8, where the reduction needs more digits of pi."},
    {.name = "cos_huge", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto x) { return cos(x); }, .diff = {""},
     .latex = "\\cos $a", .emit = expand(kCosHugeF64), .domain = {1e8, 1e15}, .special = {1e22, -1e30}, .internal = true,
     .doc = "cos for |a| above 10^8, where the reduction needs more digits of pi."},
    {.name = "tan_huge", .arity = 1, .type = TypeRule::same_float, .meaning = [](Real auto x) { return tan(x); }, .diff = {""},
     .latex = "\\tan $a", .emit = expand(kTanHugeF64), .domain = {1e8, 1e15}, .special = {1e22, -1e30}, .internal = true,
     .doc = "tan for |a| above 10^8, where the reduction needs more digits of pi."},
    {.name = "log_sum", .arity = 2, .type = TypeRule::same_float, .meaning = [](Real auto a, Real auto b) { return log_sum(a, b); },
     .diff = {"", ""}, .latex = "\\log($a + $b)", .emit = expand(kLogSumF64, kLogSumF32), .domain = {0.5, 4}, .analytic = false,
     .internal = true, .doc = "log(a + b) for the unevaluated sum of a and a much smaller b."},
};

}  // namespace dlc::meaning
