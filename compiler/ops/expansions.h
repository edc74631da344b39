// The expansions: elementary functions as texts in dlc's own expression language (syntax: ops/rule.h), which every
// target inlines. k<Name>F64 is over an f64 operand a (b, c), k<Name>F32 over f32; a row without an F32 text widens,
// walks the F64 text and rounds once.
//
// Primitives, one or a few machine instructions each, elementwise on lanes (rows: ops/rows_internal.h):
//   + - * / sqrt(x) fma(a, b, c) abs(x) floor(x) ceil(x) trunc(x) rint(x) copysign(x, y) select(c, a, b)
//   comparisons, and or not; min max clamp sign are short expansions of these
//   bits(x)                     the pattern as an int; of an f32 the low 32 bits, zero-extended
//   f64_from_bits(i)  f32_from_bits(i)      the inverse (f32: the low 32 bits of i)
//   shift_left(i, k) shift_right(i, k)      logical, 0 <= k < 64;   shift_right_signed(i, k) keeps the sign
//   bit_and(i, j) bit_or(i, j) bit_xor(i, j), + - * on ints (wrap around)
//   mulhi(i, j)                 high 64 bits of the unsigned product
//   two_over_pi(i)              bits 64 i … 64 i + 63 of the binary fraction 2/π, i in 0 … 19, the first is 0
//   pow2(k)                     2^k for whole k in the normal range: -1022 … 1023, f32 -126 … 127
//   rare(c, a, b)               select(c, a, b), where a is the call of a `cold` op and c hardly ever holds: code jumps over
//                               the call when c holds in no lane
//   f64(x) f32(x) int(x)        conversions; int truncates, saturates, and nan gives 0
// Other functions may be called: their expansions are inlined in turn, which must come to an end.
#pragma once
#include "ops/expansions_erf.h"
#include "ops/expansions_exact.h"
#include "ops/expansions_exp.h"
#include "ops/expansions_gamma.h"
#include "ops/expansions_inverse.h"
#include "ops/expansions_log.h"
#include "ops/expansions_pow.h"
#include "ops/expansions_random.h"
#include "ops/expansions_trig.h"
