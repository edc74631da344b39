// How a derivative is carried through one elementwise operand, in either direction: the text of the row's rule, and the
// *strong zero* around it.
//
// A cotangent can be zero because the value is not used: the side of a `select` that was not taken, the loser of a
// `max`. If the op there has an infinite derivative (log at 0), 0·inf would be nan and reach the parameters. The usual
// cure, `select(g == 0, 0, rule(g))`, is wrong from the second order on, because its own derivative in g is 0 where
// g happens to be 0: (log x)² at x = 1 would get a second derivative of 0 instead of 2. So the rule, linear in g, is
// written gated_mul(g, rule(1)), and the row of `gated_mul` (0 where either operand is 0, else the product) has the
// derivatives gated_mul(dg, h) and gated_mul(g, dh): the same gate again, to every order. It is symmetric because reverse
// over reverse meets the product from both sides: the derivative by g is h = inf, and meets factors that are 0.
//
// The gate stands where the row says `unbounded_diff`, and also, for any rule that multiplies g, where g is *sparse*:
// came out of a select-like rule or a padded view, so that zeros in it are structural (then even g·exp(a) may meet
// exp(a) = inf in a branch not taken). It does not stand where g is a non-zero constant or rule(1) a finite one.
//
// The other way round, g itself can be infinite where the function is finite: it came through √ at 0. What it meets next
// may be 0, as 2x in √(x²). Such a g is *steep* (the row says `vertical_diff`) and is gated from there on, so that
// whichever factor of the chain rule comes first, zero wins: forward, reverse and symbolic mode agree.
//
// Of the bilinear ops only the dot product is gated: a blocked matrix product cannot be, and its sums of several
// infinities mean nothing anyway.
#pragma once
#include <span>

#include "ops/builder.h"

namespace dlc {

/// A tangent or cotangent: absent (structurally zero), or a value.
struct Carried {
  ValueId value;
  bool is_sparse = false;  // some elements may be zero because nothing flows there
  bool is_steep = false;   // some may be infinite where the function is not
  bool needs_gate() const { return is_sparse || is_steep; }
  explicit operator bool() const { return static_cast<bool>(value); }
};

/// Carries `g` through operand `k` of `self`; the result has dtype `to` (they differ in conversions).
/// `operands` and the result `y` are where `b` builds.
Carried carry(Builder& b, const Inst& self, std::span<const ValueId> operands, ValueId y, int k, Carried g, DType to, Loc loc);

/// `g · h` with a strong zero if `g` needs one.
Carried scaled(Builder& b, Carried g, ValueId h, Loc loc);

/// Carries `g` through operand `k` of a bilinear op: the tangent of the result, or the cotangent of the operand.
Carried carry_tangent(Builder& b, const Inst& self, std::span<const ValueId> operands, int k, Carried g, Loc loc);
Carried carry_cotangent(Builder& b, const Inst& self, std::span<const ValueId> operands, int k, Carried g, Loc loc);

/// The sum of two, of which any may be absent.
Carried added(Builder& b, Carried x, Carried y, Loc loc);

/// What a linear op made of carried values, of which `from` says what they were like: padding makes it sparse.
Carried after_linear(Builder& b, ValueId value, Carried from);

}  // namespace dlc
