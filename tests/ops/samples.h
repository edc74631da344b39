// Where rows are tested: operands of an op as typed numbers, from its `domain`, its `special` points, the edges of the
// number format and random bit patterns of every magnitude. The seed is fixed, so a failure is found again.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "base/big.h"
#include "ops/evaluate.h"
#include "ops/table.h"

namespace dlc::test {

struct Point {
  std::array<Scalar, 3> x;
  int n = 0;
  std::span<const Scalar> span() const { return {x.data(), static_cast<size_t>(n)}; }
};

Big to_big(const Scalar& s);
std::string text(const Scalar& s);
std::string text(const Point& p);  // "(0.5, -inf)", with enough digits to find it again

/// The elementwise rows, in order.
std::vector<OpId> elementwise_ops();
/// The dtypes that the op takes as its own: f64 and f32, and i64 where ints are meant.
bool accepts(OpId op, DType self);

/// Everywhere: the edges (±0, ±inf, nan, largest, tiniest, subnormal), special points, and random ones.
std::vector<Point> all_points(OpId op, DType self, int n_random);
/// Random points of the domain, where the op is smooth (almost surely, and wherever its kinks are isolated).
std::vector<Point> domain_points(OpId op, DType self, int n_random);

/// |native - exact| in units in the last place of `exact` in the format of `native`; inf when one is nan or infinite and
/// the other is not near. An overflow to inf counts from the largest finite number's successor.
double ulp_error(const Scalar& native, const Big& exact);
/// One ulp of a number of this size.
Big ulp_of(DType dtype, const Big& x);

}  // namespace dlc::test
