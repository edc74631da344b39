// The normal form, see formula.h.
#include "symbolic/formula.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ops/table.h"

namespace dlc {
namespace {

constexpr int64_t kLargest = int64_t{1} << 53;  // whole numbers up to here are exact as f64

/// nullopt when a part would no longer be exact.
std::optional<Ratio> times(Ratio x, Ratio y) {
  const int64_t first = std::gcd(x.num, y.den), second = std::gcd(y.num, x.den);
  if (first == 0 || second == 0) return Ratio{0, 1};
  int64_t num = 0, den = 0;
  if (__builtin_mul_overflow(x.num / first, y.num / second, &num) ||
      __builtin_mul_overflow(x.den / second, y.den / first, &den))
    return std::nullopt;
  if (std::abs(num) > kLargest || den > kLargest) return std::nullopt;
  return Ratio{num, den};
}

std::optional<Ratio> plus(Ratio x, Ratio y) {
  if (x.den > 1'000'000 || y.den > 1'000'000 || std::abs(x.num) > 1'000'000'000 || std::abs(y.num) > 1'000'000'000)
    return std::nullopt;
  const int64_t num = x.num * y.den + y.num * x.den, den = x.den * y.den, common = std::gcd(num, den);
  return Ratio{num / common, den / common};
}

/// A whole number, a half or a quarter as a ratio; other fractions stay decimals.
std::optional<Ratio> as_ratio(double value) {
  const double quarters = value * 4;
  if (!(std::abs(quarters) <= static_cast<double>(kLargest)) || quarters != std::floor(quarters)) return std::nullopt;
  const int64_t num = static_cast<int64_t>(quarters), common = std::gcd(num, int64_t{4});
  if (num == 0) return Ratio{0, 1};
  return Ratio{num / common, 4 / common};
}

bool is_number(const Formula& f) { return f.kind == Formula::Kind::number; }

/// Equal for equal formulas, different for different ones.
std::string key_of(const Formula& f) {
  std::string key;
  const auto add = [&](auto value) { key.append(reinterpret_cast<const char*>(&value), sizeof value); };
  const auto add_list = [&](const auto& list, auto each) {
    add(list.size());
    for (const auto& item : list) each(item);
  };
  const auto add_factor = [&](const Factor& x) { add(x.base.i), add(x.exponent); };
  add(f.kind), add(f.form), add(f.op.i), add(f.rank), add(f.value), add(f.coefficient.num), add(f.coefficient.den),
      add(f.dtype);
  add_list(f.factors, add_factor), add_list(f.divisors, add_factor);
  add_list(f.terms, [&](const Term& t) { add(t.coefficient.num), add(t.coefficient.den), add(t.core.i); });
  add_list(f.args, [&](FormulaId x) { add(x.i); });
  add_list(f.ints, add);
  add_list(f.binders, [&](const Formula::Binder& b) { key += b.name + "\n", add(b.lo.i), add(b.hi.i); });
  return key + f.text;
}

Ratio negative(Ratio r) { return {-r.num, r.den}; }

}  // namespace

FormulaId Formulas::make(Formula f, std::optional<int> rank) {
  int widest = 0, deepest = 0;
  const auto see = [&](FormulaId g) {
    if (!g) return;
    widest = std::max(widest, (*this)[g].rank);
    deepest = std::max(deepest, (*this)[g].depth);
  };
  for (FormulaId g : f.args) see(g);
  for (const Factor& g : f.factors) see(g.base);
  for (const Factor& g : f.divisors) see(g.base);
  for (const Term& g : f.terms) see(g.core);
  f.rank = rank.value_or(widest);
  f.depth = deepest + 1;
  const auto [known, is_new] = known_.try_emplace(key_of(f), FormulaId{static_cast<int32_t>(all_.size())});
  if (is_new) all_.push_back(std::move(f));
  return known->second;
}

FormulaId Formulas::number(double value) { return make({.kind = Formula::Kind::number, .value = value}); }
FormulaId Formulas::truth(bool value) { return make({.kind = Formula::Kind::truth, .value = value ? 1.0 : 0.0}); }

FormulaId Formulas::name(std::string text, std::string latex, int rank) {
  Formula f{.kind = Formula::Kind::name};
  f.text = std::move(text), f.latex = std::move(latex), f.is_given = true;
  return make(std::move(f), rank);
}

size_t Formulas::width(FormulaId id) const {
  const Formula& f = (*this)[id];
  return std::max(f.terms.size(), f.factors.size() + f.divisors.size());
}

// ------------------------------------------------------------------------------------------------- products

Formulas::Parts Formulas::parts(FormulaId id) const {
  const Formula& f = (*this)[id];
  if (f.kind == Formula::Kind::product) return {f.coefficient, f.factors, f.divisors};
  if (is_number(f))
    if (const auto ratio = as_ratio(f.value)) return {*ratio, {}, {}};
  return {{}, {{id}}, {}};
}

void Formulas::merge(std::vector<Factor>& into, const std::vector<Factor>& more) {
  for (const Factor& factor : more) {
    const auto same = std::find_if(into.begin(), into.end(), [&](const Factor& f) { return f.base == factor.base; });
    if (same == into.end())
      into.push_back(factor);
    else
      same->exponent += factor.exponent;
  }
}

FormulaId Formulas::product(Parts p) {
  for (Factor& above : p.factors)
    for (Factor& below : p.divisors) {
      const int64_t both = above.base == below.base ? std::min(above.exponent, below.exponent) : 0;
      above.exponent -= both, below.exponent -= both;
    }
  for (auto* side : {&p.factors, &p.divisors}) std::erase_if(*side, [](const Factor& f) { return f.exponent == 0; });
  const bool is_bare = p.divisors.empty() && p.factors.size() == 1 && p.factors[0].exponent == 1;
  if (is_bare && p.coefficient == Ratio{}) return p.factors[0].base;
  if (p.factors.empty() && p.divisors.empty() && (p.coefficient.den & (p.coefficient.den - 1)) == 0)
    return number(static_cast<double>(p.coefficient.num) / static_cast<double>(p.coefficient.den));
  Formula f{.kind = Formula::Kind::product};
  f.coefficient = p.coefficient, f.factors = std::move(p.factors), f.divisors = std::move(p.divisors);
  return make(std::move(f));
}

FormulaId Formulas::multiplied(FormulaId x, FormulaId y) {
  if (const FormulaId f = inside_mask(x, [&](FormulaId side) { return multiplied(side, y); })) return f;
  if (const FormulaId f = inside_mask(y, [&](FormulaId side) { return multiplied(x, side); })) return f;
  Parts a = parts(x), b = parts(y);
  const auto coefficient = times(a.coefficient, b.coefficient);
  if (!coefficient)
    b = {{}, {{y}}, {}};
  else
    a.coefficient = *coefficient;
  merge(a.factors, b.factors), merge(a.divisors, b.divisors);
  return product(std::move(a));
}

FormulaId Formulas::divided(FormulaId x, FormulaId y) {
  if (const FormulaId f = inside_mask(x, [&](FormulaId side) { return divided(side, y); })) return f;
  Parts a = parts(x), b = parts(y);
  Ratio inverse{b.coefficient.den, b.coefficient.num};
  if (inverse.den < 0) inverse = {-inverse.num, -inverse.den};
  const auto coefficient = inverse.den == 0 ? std::nullopt : times(a.coefficient, inverse);
  if (!coefficient)
    b = {{}, {{y}}, {}};
  else
    a.coefficient = *coefficient;
  merge(a.factors, b.divisors), merge(a.divisors, b.factors);
  return product(std::move(a));
}

FormulaId Formulas::negated(FormulaId x) {
  if (const FormulaId f = inside_mask(x, [&](FormulaId side) { return negated(side); })) return f;
  if (is_number((*this)[x])) return number(-(*this)[x].value);
  Parts p = parts(x);
  p.coefficient.num = -p.coefficient.num;
  return product(std::move(p));
}

FormulaId Formulas::power(FormulaId base, int64_t exponent) {
  if (exponent == 1) return base;
  Parts p;
  if (exponent > 0)
    p.factors = {{base, exponent}};
  else
    p.divisors = {{base, -exponent}};
  return product(std::move(p));
}

// --------------------------------------------------------------------------------------------------- choices

bool Formulas::is_zero(FormulaId f) const { return is_number((*this)[f]) && (*this)[f].value == 0; }

std::optional<Formulas::Select> Formulas::as_select(FormulaId id) const {
  const Formula& f = (*this)[id];
  if (f.kind != Formula::Kind::apply || f.op != "select"_op) return std::nullopt;
  return Select{f.args[0], f.args[1], f.args[2], f.dtype};
}

FormulaId Formulas::select(FormulaId condition, FormulaId x, FormulaId y, DType dtype) {
  if (x == y) return x;
  return make({.kind = Formula::Kind::apply, .op = "select"_op, .dtype = dtype, .args = {condition, x, y}});
}

template <class Change>
FormulaId Formulas::inside_mask(FormulaId f, Change change) {
  const auto mask = as_select(f);
  if (!mask || (!is_zero(mask->x) && !is_zero(mask->y))) return {};
  const auto side = [&](FormulaId g) { return is_zero(g) ? g : change(g); };
  return select(mask->condition, side(mask->x), side(mask->y), mask->dtype);
}

FormulaId Formulas::gated(FormulaId x, FormulaId y) {
  const FormulaId f = multiplied(x, y);
  for (const Factor& factor : parts(x).factors) {
    FormulaId base = factor.base;
    if ((*this)[base].kind == Formula::Kind::subscript) base = (*this)[base].args[0];
    if (!(*this)[base].is_mask) continue;
    const DType dtype = (*this)[base].dtype;
    return select(equal(factor.base, number(0)), number(0), f, dtype);
  }
  return f;
}

FormulaId Formulas::defined_name(std::string text, std::string latex, int rank, FormulaId body) {
  Formula f{.kind = Formula::Kind::name};
  f.text = std::move(text), f.latex = std::move(latex);
  const auto choice = as_select(body);
  f.is_mask = choice && (is_zero(choice->x) || is_zero(choice->y));
  if (choice) f.dtype = choice->dtype;
  return make(std::move(f), rank);
}

bool Formulas::is_flag(FormulaId f) const {
  const auto choice = as_select(f);
  return choice && (is_constant(choice->x) || is_flag(choice->x)) && (is_constant(choice->y) || is_flag(choice->y));
}

FormulaId Formulas::equal(FormulaId x, FormulaId y) {
  if (is_zero(y) && (*this)[x].kind != Formula::Kind::number) {
    FormulaId left = number(0), right = number(0);
    for (const Term& term : terms(x)) {
      const bool moves = term.core && term.coefficient.num < 0;
      Parts p = term.core ? parts(term.core) : Parts{};
      p.coefficient = moves ? negative(term.coefficient) : term.coefficient;
      FormulaId& side = moves ? right : left;
      side = added(side, product(std::move(p)), false);
    }
    x = is_zero(left) ? right : left, y = is_zero(left) ? left : right;
  }
  return make({.kind = Formula::Kind::apply, .op = "eq"_op, .args = {x, y}});
}

bool Formulas::is_constant(FormulaId id) const {
  const Formula& f = (*this)[id];
  return is_number(f) || (f.kind == Formula::Kind::product && f.factors.empty() && f.divisors.empty());
}

// (Aᵀ)ᵀ = A, (a bᵀ)ᵀ = b aᵀ, (Aᵀ B)ᵀ = Bᵀ A
FormulaId Formulas::transposed(FormulaId matrix) {
  const Formula f = (*this)[matrix];  // a copy: making formulas moves them
  const auto is_transpose = [&](FormulaId x) { return (*this)[x].kind == Formula::Kind::transpose; };
  if (is_transpose(matrix)) return f.args[0];
  if (f.kind == Formula::Kind::matmul && f.form == Formula::MatmulForm::outer)
    return make({.kind = f.kind, .form = f.form, .args = {f.args[1], f.args[0]}}, 2);
  const bool is_product =
      f.kind == Formula::Kind::matmul && (*this)[f.args[0]].rank == 2 && (*this)[f.args[1]].rank == 2;
  if (is_product && (is_transpose(f.args[0]) || is_transpose(f.args[1])))
    return make({.kind = f.kind, .args = {transposed(f.args[1]), transposed(f.args[0])}}, 2);
  return make({.kind = Formula::Kind::transpose, .args = {matrix}}, 2);
}

// ----------------------------------------------------------------------------------------------------- sums

FormulaId Formulas::core(Parts p) {
  p.coefficient = {};
  return p.factors.empty() && p.divisors.empty() ? FormulaId{} : product(std::move(p));
}

std::vector<Term> Formulas::terms(FormulaId id) {
  const Formula& f = (*this)[id];
  if (f.kind == Formula::Kind::sum) return f.terms;
  if (f.kind != Formula::Kind::product && !is_number(f)) return {{{}, id}};
  const Parts p = parts(id);
  return {{p.coefficient, p.coefficient == Ratio{} && f.kind == Formula::Kind::product ? id : core(p)}};
}

FormulaId Formulas::unit(FormulaId f) {
  if ((*this)[f].kind != Formula::Kind::product) return f;
  Parts p = parts(f);
  p.coefficient = {};
  return product(std::move(p));
}

double Formulas::coefficient(FormulaId id) const {
  const Formula& f = (*this)[id];
  return f.kind == Formula::Kind::product
             ? static_cast<double>(f.coefficient.num) / static_cast<double>(f.coefficient.den)
             : 1;
}

FormulaId Formulas::added(FormulaId x, FormulaId y, bool is_negative) {
  const auto a = as_select(x), b = as_select(y);
  if (a && b && a->condition == b->condition)
    return select(a->condition, added(a->x, b->x, is_negative), added(a->y, b->y, is_negative), a->dtype);
  std::vector<Term> all;
  const auto add = [&](const Term& term) {
    if (term.coefficient.num == 0 && !term.core) return;
    const auto same = std::find_if(all.begin(), all.end(), [&](const Term& t) { return t.core == term.core; });
    const auto total = same == all.end() ? std::nullopt : plus(same->coefficient, term.coefficient);
    if (!total)
      all.push_back(term);
    else if (total->num == 0)
      all.erase(same);
    else
      same->coefficient = *total;
  };
  for (const Term& term : terms(x)) add(term);
  for (Term term : terms(y)) {
    if (is_negative) term.coefficient = negative(term.coefficient);
    add(term);
  }
  return sum(std::move(all));
}

/// The sum, with what all terms have in common in front of it.
FormulaId Formulas::sum(std::vector<Term> all) {
  if (all.empty()) return number(0);
  if (all.size() == 1) {
    Parts p = all[0].core ? parts(all[0].core) : Parts{};
    p.coefficient = all[0].coefficient;  // a core's own is 1
    return product(std::move(p));
  }
  Parts common = common_parts(all);
  if (common.factors.empty() && common.divisors.empty()) {
    Formula f{.kind = Formula::Kind::sum};
    f.terms = std::move(all);
    return make(std::move(f));
  }
  const auto less = [](std::vector<Factor>& from, const std::vector<Factor>& taken) {
    for (const Factor& t : taken)
      for (Factor& f : from)
        if (f.base == t.base) f.exponent -= t.exponent;
    std::erase_if(from, [](const Factor& f) { return f.exponent == 0; });
  };
  const bool is_negative = std::all_of(all.begin(), all.end(), [](const Term& t) { return t.coefficient.num < 0; });
  FormulaId rest = number(0);
  for (const Term& term : all) {
    Parts p = parts(term.core);
    less(p.factors, common.factors), less(p.divisors, common.divisors);
    p.coefficient = is_negative ? negative(term.coefficient) : term.coefficient;
    rest = added(rest, product(std::move(p)), false);
  }
  if (is_negative) common.coefficient.num = -1;
  return multiplied(product(std::move(common)), rest);
}

bool Formulas::is_worth_pulling_out(FormulaId f) const { return !(*this)[f].is_given && !is_number((*this)[f]); }

Formulas::Parts Formulas::common_parts(const std::vector<Term>& all) const {
  for (const Term& term : all)
    if (!term.core) return {};
  Parts common = parts(all[0].core);
  std::erase_if(common.factors, [&](const Factor& f) { return !is_worth_pulling_out(f.base); });
  const auto restrict = [](std::vector<Factor>& to, const std::vector<Factor>& other) {
    for (Factor& f : to) {
      const auto same = std::find_if(other.begin(), other.end(), [&](const Factor& o) { return o.base == f.base; });
      f.exponent = same == other.end() ? 0 : std::min(f.exponent, same->exponent);
    }
    std::erase_if(to, [](const Factor& f) { return f.exponent == 0; });
  };
  for (const Term& term : all) {
    if (common.factors.empty() && common.divisors.empty()) break;
    const Parts p = parts(term.core);
    restrict(common.factors, p.factors), restrict(common.divisors, p.divisors);
  }
  return common;
}

}  // namespace dlc
