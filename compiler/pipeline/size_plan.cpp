// Polynomials copied out of the module's table, and the order in which unknown sizes follow from lengths.
#include "pipeline/size_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace dlc {

FrozenSize::FrozenSize(const DimTable& dims, DimId d, std::span<const StrId> variables) {
  for (const DimTerm& t : dims.terms(d)) {
    Term term{t.coefficient, {}};
    for (const auto& [index, exponent] : t.factors) {
      const DimTable::Atom& atom = dims.atom(index);
      Factor f;
      f.exponent = exponent;
      if (atom.variable) {
        f.variable = static_cast<int32_t>(std::find(variables.begin(), variables.end(), atom.variable) - variables.begin());
      } else {
        f.numerator = static_cast<int32_t>(divisions_.size());
        f.divisor = f.numerator + 1;
        divisions_.emplace_back(dims, atom.numerator, variables);
        divisions_.emplace_back(dims, atom.divisor, variables);
      }
      term.factors.push_back(f);
    }
    terms_.push_back(std::move(term));
  }
}

std::optional<int64_t> FrozenSize::evaluate(std::span<const int64_t> values) const {
  int64_t sum = 0;
  for (const Term& t : terms_) {
    int64_t product = t.coefficient;
    for (const Factor& f : t.factors) {
      int64_t factor = 0;
      if (f.variable >= 0) {
        factor = values[static_cast<size_t>(f.variable)];
      } else {
        const auto a = divisions_[static_cast<size_t>(f.numerator)].evaluate(values);
        const auto b = divisions_[static_cast<size_t>(f.divisor)].evaluate(values);
        if (!a || !b || *b == 0 || (*b == -1 && *a == INT64_MIN)) return std::nullopt;
        factor = *a / *b - ((*a % *b != 0) && ((*a < 0) != (*b < 0)));
      }
      for (int32_t k = 0; k < f.exponent; ++k)
        if (__builtin_mul_overflow(product, factor, &product)) return std::nullopt;
    }
    if (__builtin_add_overflow(sum, product, &sum)) return std::nullopt;
  }
  return sum;
}

bool FrozenSize::mentions(size_t variable) const {
  for (const Term& t : terms_)
    for (const Factor& f : t.factors)
      if (f.variable == static_cast<int32_t>(variable)) return true;
  return std::any_of(divisions_.begin(), divisions_.end(), [&](const FrozenSize& d) { return d.mentions(variable); });
}

bool FrozenSize::is_linear_in(size_t variable) const {
  for (const Term& t : terms_)
    for (const Factor& f : t.factors)
      if (f.variable == static_cast<int32_t>(variable) && f.exponent > 1) return false;
  return std::none_of(divisions_.begin(), divisions_.end(), [&](const FrozenSize& d) { return d.mentions(variable); });
}

std::optional<int64_t> FrozenSize::solve(size_t unknown, int64_t count, std::span<const int64_t> values) const {
  std::vector<int64_t> at(values.begin(), values.end());
  at[unknown] = 0;
  const auto constant = evaluate(at);
  at[unknown] = 1;
  const auto with_one = evaluate(at);
  if (!constant || !with_one) return std::nullopt;
  const int64_t slope = *with_one - *constant, rest = count - *constant;
  if (slope == 0) return rest == 0 ? std::optional<int64_t>(0) : std::nullopt;
  if (rest % slope != 0 || rest / slope < 0) return std::nullopt;
  return rest / slope;
}

SizePlan::SizePlan(Module& m, std::span<const StrId> variables, const std::vector<std::vector<DimId>>& inputs,
                   const std::vector<std::vector<DimId>>& outputs) {
  for (StrId name : variables) names_.emplace_back(m.strings[name]);
  DimTable& dims = m.types.dims;
  const auto leaf_of = [&](const std::vector<DimId>& shape) {
    Leaf leaf;
    DimId product = dims.constant(1);
    for (DimId d : shape) {
      leaf.dims.emplace_back(dims, d, variables);
      product = dims.mul(product, d);
    }
    if (product) leaf.product = FrozenSize(dims, product, variables);
    leaf.is_fixed = product && leaf.product.is_constant() &&
                    std::all_of(leaf.dims.begin(), leaf.dims.end(), [](const FrozenSize& d) { return d.is_constant(); });
    if (leaf.is_fixed) leaf.fixed = leaf.product.evaluate({}).value_or(0);
    return leaf;
  };
  for (const auto& shape : inputs) inputs_.push_back(leaf_of(shape));
  for (const auto& shape : outputs) outputs_.push_back(leaf_of(shape));

  std::vector<bool> is_known(names_.size());
  for (bool is_progress = true; is_progress;) {
    is_progress = false;
    for (size_t l = 0; l < inputs_.size(); ++l) {
      std::vector<size_t> unknown;
      for (size_t v = 0; v < names_.size(); ++v)
        if (!is_known[v] && inputs_[l].product.mentions(v)) unknown.push_back(v);
      if (unknown.size() != 1 || !inputs_[l].product.is_linear_in(unknown[0])) continue;
      order_.push_back({unknown[0], l});
      is_known[unknown[0]] = is_progress = true;
    }
  }
  for (size_t v = 0; v < names_.size(); ++v)
    if (!is_known[v]) not_found_ += (not_found_.empty() ? "" : ", ") + names_[v];
}

bool SizePlan::find(std::span<const int64_t> counts, std::span<int64_t> values, size_t& bad) const {
  for (const Found& f : order_) {
    const auto value = inputs_[f.leaf].product.solve(f.variable, counts[f.leaf], values);
    if (!value) return bad = f.leaf, false;
    values[f.variable] = *value;
  }
  for (size_t l = 0; l < inputs_.size(); ++l) {
    const auto expected = input_count(l, values);
    if (!expected || *expected != counts[l]) return bad = l, false;
  }
  return true;
}

std::optional<int64_t> SizePlan::count(const Leaf& leaf, std::span<const int64_t> values) {
  if (leaf.is_fixed) return leaf.fixed;
  int64_t n = 1;
  for (const FrozenSize& d : leaf.dims) {
    const auto size = d.evaluate(values);
    if (!size || *size < 0 || __builtin_mul_overflow(n, *size, &n)) return std::nullopt;
  }
  return n;
}

std::string SizePlan::text(std::span<const int64_t> values) const {
  std::string text;
  for (size_t v = 0; v < names_.size(); ++v) text += fmt::format("{}{} = {}", v ? ", " : "", names_[v], values[v]);
  return text;
}

}  // namespace dlc
