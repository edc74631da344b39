// What the condition of an `if` says of sizes and indices, and which subscripts are inside for that reason.
//
//   if i == 0 { 0 } else if i + 1 < n { x[i + 1] - x[i - 1] } else { 0 }
//
// In the second branch i ≠ 0 and n − 1 − (i + 1) ≥ 0; so i − 1 ≥ 0, for i is no less than 0, and i + 1 ≤ n − 1. A subscript that
// nothing proves is looked at when it is reached.
#include <algorithm>
#include <map>

#include "sema/lowering.h"

namespace dlc::sema {
namespace {

constexpr int kDeepest = 64;  // of a condition that is looked into: chains of operators may be 100 000 long

}  // namespace

/// An int that is a polynomial in sizes and indices, of names and numbers by `+ - *`; absent: it is something else.
std::optional<DimId> Lowering::known_size(ExprId id, int depth) {
  if (depth > kDeepest) return std::nullopt;
  const ExprId inner = ast_.strip_parens(id);
  const Expr& e = ast_[inner];
  switch (e.kind) {
    case ExprKind::name: {
      const Binding* binding = find(e.name);
      return binding ? as_size(binding->val) : std::nullopt;
    }
    case ExprKind::number: return as_size(lower(inner));
    case ExprKind::unary: {
      const auto x = e.op == SyntaxOp::neg ? known_size(e.a, depth + 1) : std::nullopt;
      return x ? std::optional(dims().mul(dims().constant(-1), *x)) : std::nullopt;
    }
    case ExprKind::binary: {
      if (e.op != SyntaxOp::add && e.op != SyntaxOp::sub && e.op != SyntaxOp::mul) return std::nullopt;
      const auto x = known_size(e.a, depth + 1), y = known_size(e.b, depth + 1);
      if (!x || !y || !*x || !*y) return std::nullopt;
      return e.op == SyntaxOp::add ? dims().add(*x, *y) : e.op == SyntaxOp::sub ? dims().sub(*x, *y) : dims().mul(*x, *y);
    }
    default: return std::nullopt;
  }
}

/// The smallest value of `d` over the indices is not negative.
bool Lowering::is_never_negative(DimId d) {
  DimId least, most;
  return d && extremes(d, least, most) && dims().is_provably_nonnegative(least);
}

/// Adds what is not negative where the condition holds, or does not; false where some of it says something else.
bool Lowering::add_facts(ExprId condition, bool holds, std::vector<DimId>& facts, int depth) {
  const Expr& e = ast_[ast_.strip_parens(condition)];
  if (e.kind == ExprKind::unary && e.op == SyntaxOp::not_) return add_facts(e.a, !holds, facts, depth + 1);
  if (e.kind != ExprKind::binary || depth > kDeepest) return false;
  if (e.op == SyntaxOp::and_ || e.op == SyntaxOp::or_) {
    std::vector<DimId> both;
    const bool left = add_facts(e.a, holds, both, depth + 1), right = add_facts(e.b, holds, both, depth + 1);
    if ((e.op == SyntaxOp::and_) == holds) facts.insert(facts.end(), both.begin(), both.end());  // else one of them is so
    return left && right;
  }
  const auto x = known_size(e.a), y = known_size(e.b);
  if (!x || !y || !*x || !*y) return false;
  const DimId one = dims().constant(1), rise = dims().sub(*y, *x), fall = dims().sub(*x, *y);
  if (!rise || !fall) return false;
  const auto add = [&](DimId d) {
    if (d) facts.push_back(d);
  };
  switch (e.op) {
    case SyntaxOp::lt: add(holds ? dims().sub(rise, one) : fall); break;
    case SyntaxOp::le: add(holds ? rise : dims().sub(fall, one)); break;
    case SyntaxOp::gt: add(holds ? dims().sub(fall, one) : rise); break;
    case SyntaxOp::ge: add(holds ? fall : dims().sub(rise, one)); break;
    case SyntaxOp::eq:
    case SyntaxOp::ne:
      if ((e.op == SyntaxOp::eq) == holds) add(rise), add(fall);
      else if (is_never_negative(rise)) add(dims().sub(rise, one));
      else if (is_never_negative(fall)) add(dims().sub(fall, one));
      break;
    default: return false;
  }
  return true;
}

/// The region of an `if` whose condition this is; `condition` absent: nothing is known of it.
Region Lowering::guarded_region(const Builder::IfBlocks& blocks, ExprId condition) {
  Region region;
  region.first = blocks.then_block, region.second = blocks.else_block, region.guarded = true;
  if (!condition) return region;
  region.is_on_sizes = true;
  for (bool holds : {true, false}) region.is_on_sizes = add_facts(condition, holds, region.facts[holds ? 0 : 1]) && region.is_on_sizes;
  for (const auto& facts : region.facts)
    for (DimId fact : facts) region.is_on_sizes = region.is_on_sizes && !has_binder(fact);
  return region;
}

/// Whether `d` is not negative where we are: for the conditions that hold here, and for there are the indices of which we are at one.
bool Lowering::follows(DimId d) {
  const auto is_implied_by = [&](DimId fact) { return fact && is_never_negative(dims().sub(d, fact)); };
  if (!d || is_never_negative(d)) return static_cast<bool>(d);
  for (const BoundIndex& index : indices_)
    if (is_implied_by(dims().sub(index.extent, dims().constant(1)))) return true;
  return std::any_of(regions_.begin(), regions_.end(), [&](const Region& r) {
    const std::vector<DimId>& facts = r.facts[r.in_second ? 1 : 0];
    return std::any_of(facts.begin(), facts.end(), is_implied_by);
  });
}

/// A size in the branch of `if n == 1`, or of an `if` that we were in just now: with 1 for n. Each equality takes one variable out of
/// those after it.
DimId Lowering::given_equalities(DimId d, bool in_second) {
  std::vector<std::map<StrId, DimId>> known;
  const auto with_known = [&](DimId x) {
    for (const auto& one : known) x = x ? dims().substitute(x, one) : x;
    return x;
  };
  const DimId minus = dims().constant(-1);
  for (size_t r = 0; r < regions_.size() && d; ++r) {
    const std::vector<DimId>& facts = regions_[r].facts[r + 1 == regions_.size() ? in_second : regions_[r].in_second];
    for (DimId fact : facts) {
      if (std::find(facts.begin(), facts.end(), dims().mul(minus, fact)) == facts.end()) continue;
      const DimId zero = with_known(fact);  // = ±v + rest
      if (!zero) continue;
      for (StrId v : dims().variables(zero)) {
        std::optional<DimId> solution;
        for (DimId side : {dims().sub(zero, dims().variable(v)), dims().sub(dims().mul(minus, zero), dims().variable(v))}) {
          if (!side) continue;
          const std::vector<StrId> used = dims().variables(side);
          if (std::find(used.begin(), used.end(), v) == used.end()) solution = dims().mul(minus, side);
        }
        if (!solution || !*solution) continue;
        known.push_back({{v, *solution}});
        break;
      }
    }
  }
  return with_known(d);
}

bool Lowering::are_equal_here(const std::vector<DimId>& a, const std::vector<DimId>& c, bool in_second) {
  return a.size() == c.size() && std::equal(a.begin(), a.end(), c.begin(), [&](DimId x, DimId y) {
    return x == y || given_equalities(x, in_second) == given_equalities(y, in_second);
  });
}

/// In the branch of `if n == 2` an array of n elements as one of 2.
Val Lowering::with_sizes_here(const Val& v, Span span) {
  const Shape s = shape_of(v);
  if (v.kind != Val::Kind::value || s.dtype == DType::tuple) return v;
  std::vector<DimId> sizes;
  for (DimId d : s.dims) sizes.push_back(given_equalities(d, regions_.back().in_second));
  if (sizes == s.dims) return v;
  Val here = value(coerce_value(make(v, span), types().array(s.dtype, std::move(sizes)), span, "this"));
  here.origin = v.origin;
  return here;
}

/// Whether every condition around us is one on sizes, which says itself what they are for.
bool Lowering::is_under_sizes_only() const {
  return std::all_of(regions_.begin(), regions_.end(), [](const Region& r) { return !r.guarded || r.is_on_sizes; });
}

}  // namespace dlc::sema
