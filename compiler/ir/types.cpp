// Interning and arithmetic of size polynomials, and interning of types.
#include "ir/types.h"

#include <algorithm>

namespace dlc {
namespace {

size_t mix(size_t seed, size_t value) { return (seed ^ value) * 0x9E3779B97F4A7C15ull + (seed >> 29); }

/// floor(a / b) for b ≠ 0.
int64_t floor_div(int64_t a, int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }

bool multiply(int64_t a, int64_t b, int64_t& out) { return !__builtin_mul_overflow(a, b, &out); }
bool accumulate(int64_t& sum, int64_t x) { return !__builtin_add_overflow(sum, x, &sum); }

/// Graded order: higher total degree first, so that "n^2 - 1" and "2*n - 1" print as people write them.
bool before(const DimTerm& a, const DimTerm& b) {
  int degree_a = 0, degree_b = 0;
  for (auto [atom, e] : a.factors) degree_a += e;
  for (auto [atom, e] : b.factors) degree_b += e;
  return degree_a != degree_b ? degree_a > degree_b : a.factors < b.factors;
}

}  // namespace

const char* dtype_name(DType d) {
  switch (d) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::i64: return "int";
    case DType::b1: return "bool";
    case DType::key: return "key";
    case DType::tuple: return "tuple";
  }
  return "?";
}

int dtype_bytes(DType d) {
  switch (d) {
    case DType::f32: return 4;
    case DType::f64: case DType::i64: return 8;
    case DType::b1: return 1;
    case DType::key: return 8;
    case DType::tuple: return 0;
  }
  return 0;
}

int32_t DimTable::atom_index(const Atom& atom) {
  auto it = std::find(atoms_.begin(), atoms_.end(), atom);  // few per program
  if (it == atoms_.end()) it = atoms_.insert(atoms_.end(), atom);
  return static_cast<int32_t>(it - atoms_.begin());
}

DimId DimTable::intern(std::vector<DimTerm> terms) {
  std::sort(terms.begin(), terms.end(), before);
  std::vector<DimTerm> merged;
  for (DimTerm& t : terms) {
    if (!merged.empty() && merged.back().factors == t.factors) {
      if (!accumulate(merged.back().coefficient, t.coefficient)) return {};
    } else {
      merged.push_back(std::move(t));
    }
  }
  std::erase_if(merged, [](const DimTerm& t) { return t.coefficient == 0; });
  if (merged.size() > kMaxTerms) return {};
  size_t hash = merged.size();
  for (const DimTerm& t : merged) {
    hash = mix(hash, static_cast<size_t>(t.coefficient));
    for (auto [atom, e] : t.factors) hash = mix(mix(hash, static_cast<size_t>(atom)), static_cast<size_t>(e));
  }
  auto [lo, hi] = by_hash_.equal_range(hash);
  for (auto it = lo; it != hi; ++it)
    if (polys_[static_cast<size_t>(it->second.i)] == merged) return it->second;
  polys_.push_back(std::move(merged));
  const DimId id{static_cast<int32_t>(polys_.size()) - 1};
  by_hash_.emplace(hash, id);
  return id;
}

DimId DimTable::constant(int64_t value) { return intern({{value, {}}}); }
DimId DimTable::variable(StrId name) { return intern({{1, {{atom_index({name, {}, {}}), 1}}}}); }

DimId DimTable::add(DimId a, DimId b) {
  if (!a || !b) return {};
  std::vector<DimTerm> terms(terms_of(a));
  const auto& more = terms_of(b);
  terms.insert(terms.end(), more.begin(), more.end());
  return intern(std::move(terms));
}

DimId DimTable::sub(DimId a, DimId b) {
  if (!a || !b) return {};
  return add(a, mul(constant(-1), b));
}

DimId DimTable::mul(DimId a, DimId b) {
  if (!a || !b) return {};
  const std::vector<DimTerm> left = terms_of(a), right = terms_of(b);
  if (left.size() * right.size() > kMaxTerms * 4) return {};
  std::vector<DimTerm> terms;
  for (const DimTerm& x : left)
    for (const DimTerm& y : right) {
      DimTerm t;
      if (!multiply(x.coefficient, y.coefficient, t.coefficient)) return {};
      t.factors = x.factors;
      for (auto [atom, e] : y.factors) {
        auto it = std::find_if(t.factors.begin(), t.factors.end(), [&](auto& f) { return f.first >= atom; });
        if (it != t.factors.end() && it->first == atom) {
          if (it->second > 60) return {};
          it->second += e;
        } else {
          t.factors.insert(it, {atom, e});
        }
      }
      terms.push_back(std::move(t));
    }
  return intern(std::move(terms));
}

DimId DimTable::div(DimId a, DimId b) {
  if (!a || !b) return {};
  const auto divisor = as_constant(b);
  if (divisor == 0) return {};
  if (auto value = as_constant(a); value && divisor) {
    if (*divisor == -1) return mul(a, b);  // INT64_MIN / -1 is absent, not a trap
    return constant(floor_div(*value, *divisor));
  }
  if (a == b) return constant(1);  // sizes that divide are positive where the quotient is used
  if (divisor && *divisor > 0) {
    // floor((k·p + q)/k) = p + floor(q/k): take out every term whose coefficient the divisor divides.
    std::vector<DimTerm> whole, rest;
    for (DimTerm t : terms_of(a)) {
      if (t.coefficient % *divisor == 0) {
        t.coefficient /= *divisor;
        whole.push_back(std::move(t));
      } else {
        rest.push_back(std::move(t));
      }
    }
    if (rest.empty()) return intern(std::move(whole));
    if (!whole.empty()) {
      const DimId remainder = div(intern(std::move(rest)), b);
      return add(intern(std::move(whole)), remainder);
    }
  }
  return intern({{1, {{atom_index({{}, a, b}), 1}}}});
}

std::optional<int64_t> DimTable::as_constant(DimId d) const {
  if (!d) return std::nullopt;
  const auto& t = terms_of(d);
  if (t.empty()) return 0;
  if (t.size() == 1 && t[0].factors.empty()) return t[0].coefficient;
  return std::nullopt;
}

StrId DimTable::as_variable(DimId d) const {
  if (!d) return {};
  const auto& t = terms_of(d);
  if (t.size() != 1 || t[0].coefficient != 1 || t[0].factors.size() != 1 || t[0].factors[0].second != 1) return {};
  return atom(t[0].factors[0].first).variable;
}

bool DimTable::is_provably_nonnegative(DimId d) const {
  if (!d) return false;
  for (const DimTerm& t : terms_of(d)) {
    if (t.coefficient < 0) return false;
    for (auto [index, e] : t.factors) {
      const Atom& a = atom(index);
      if (!a.variable && !(is_provably_nonnegative(a.numerator) && is_provably_nonnegative(a.divisor))) return false;
    }
  }
  return true;
}

DimId DimTable::nonnegative_bound(DimId d) {
  if (!d || is_provably_nonnegative(d)) return d;
  const std::vector<DimTerm> terms = terms_of(d);
  DimId sum = constant(0);
  for (const DimTerm& t : terms) {
    DimId product = constant(std::abs(t.coefficient));
    for (auto [index, e] : t.factors) {
      const Atom a = atom(index);
      DimId factor = a.variable ? variable(a.variable) : DimId{};
      if (!factor && is_provably_nonnegative(a.divisor)) factor = div(nonnegative_bound(a.numerator), a.divisor);
      if (t.coefficient < 0 && !a.variable && !is_provably_nonnegative(a.numerator)) return {};  // a quotient below 0, taken away
      for (int32_t k = 0; k < e; ++k) product = mul(product, factor);
    }
    if (!product) return {};
    if (t.coefficient > 0) sum = add(sum, product);
  }
  return sum;
}

std::optional<std::pair<StrId, int64_t>> DimTable::solve(DimId d, int64_t value,
                                                         const std::map<StrId, int64_t>& known) const {
  if (!d) return std::nullopt;
  StrId unknown;
  int64_t slope = 0, offset = 0;
  for (const DimTerm& t : terms_of(d)) {
    int64_t product = t.coefficient;
    bool has_unknown = false;
    for (auto [index, e] : t.factors) {
      const Atom& a = atom(index);
      if (!a.variable) {
        const auto n = evaluate(a.numerator, known), k = evaluate(a.divisor, known);
        if (!n || !k || *k == 0) return std::nullopt;
        for (int i = 0; i < e; ++i)
          if (!multiply(product, floor_div(*n, *k), product)) return std::nullopt;
        continue;
      }
      auto it = known.find(a.variable);
      if (it == known.end()) {
        if (e != 1 || has_unknown || (unknown && unknown != a.variable)) return std::nullopt;
        unknown = a.variable, has_unknown = true;
        continue;
      }
      for (int i = 0; i < e; ++i)
        if (!multiply(product, it->second, product)) return std::nullopt;
    }
    if (!accumulate(has_unknown ? slope : offset, product)) return std::nullopt;
  }
  int64_t difference;
  if (!unknown || slope == 0 || __builtin_sub_overflow(value, offset, &difference)) return std::nullopt;
  if (slope == -1 && difference == INT64_MIN) return std::nullopt;
  if (difference % slope != 0) return std::nullopt;
  return std::pair{unknown, difference / slope};
}

std::vector<StrId> DimTable::variables(DimId d) const {
  std::vector<StrId> names;
  auto note = [&](StrId name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  if (!d) return names;
  for (const DimTerm& t : terms_of(d))
    for (auto [index, e] : t.factors) {
      const Atom& a = atom(index);
      if (a.variable) {
        note(a.variable);
      } else {
        for (StrId v : variables(a.numerator)) note(v);
        for (StrId v : variables(a.divisor)) note(v);
      }
    }
  return names;
}

DimId DimTable::substitute(DimId d, const std::map<StrId, DimId>& values) {
  if (!d || values.empty()) return d;
  DimId sum = constant(0);
  const std::vector<DimTerm> terms = terms_of(d);  // a copy: interning below moves the table
  for (const DimTerm& t : terms) {
    DimId product = constant(t.coefficient);
    for (auto [index, e] : t.factors) {
      const Atom a = atom(index);
      DimId base;
      if (a.variable) {
        auto it = values.find(a.variable);
        base = it == values.end() ? variable(a.variable) : it->second;
      } else {
        base = div(substitute(a.numerator, values), substitute(a.divisor, values));
      }
      for (int i = 0; i < e; ++i) product = mul(product, base);
    }
    sum = add(sum, product);
  }
  return sum;
}

std::optional<int64_t> DimTable::evaluate(DimId d, const std::map<StrId, int64_t>& values) const {
  if (!d) return std::nullopt;
  int64_t sum = 0;
  for (const DimTerm& t : terms_of(d)) {
    int64_t product = t.coefficient;
    for (auto [index, e] : t.factors) {
      const Atom& a = atom(index);
      int64_t base;
      if (a.variable) {
        auto it = values.find(a.variable);
        if (it == values.end()) return std::nullopt;
        base = it->second;
      } else {
        const auto n = evaluate(a.numerator, values), k = evaluate(a.divisor, values);
        if (!n || !k || *k == 0 || (*k == -1 && *n == INT64_MIN)) return std::nullopt;
        base = floor_div(*n, *k);
      }
      for (int i = 0; i < e; ++i)
        if (!multiply(product, base, product)) return std::nullopt;
    }
    if (!accumulate(sum, product)) return std::nullopt;
  }
  return sum;
}

std::string DimTable::text(DimId d) const {
  if (!d) return "?";
  const auto& terms = terms_of(d);
  if (terms.empty()) return "0";
  std::string out;
  for (const DimTerm& t : terms) {
    const bool negative = t.coefficient < 0;
    if (out.empty()) out += negative ? "-" : "";
    else out += negative ? " - " : " + ";
    const uint64_t size = negative ? 0 - static_cast<uint64_t>(t.coefficient) : static_cast<uint64_t>(t.coefficient);
    bool need_star = false;
    if (size != 1 || t.factors.empty()) out += std::to_string(size), need_star = true;
    for (auto [index, e] : t.factors)
      for (int i = 0; i < e; ++i) {
        if (need_star) out += "*";
        const Atom& a = atom(index);
        out += a.variable ? std::string(strings_[a.variable]) : "div(" + text(a.numerator) + ", " + text(a.divisor) + ")";
        need_star = true;
      }
  }
  return out;
}

TypeId TypeTable::intern(Type type) {
  size_t hash = mix(static_cast<size_t>(type.dtype), static_cast<size_t>(type.name.i));
  for (DimId d : type.dims) hash = mix(hash, static_cast<size_t>(d.i));
  for (const Field& f : type.fields) hash = mix(mix(hash, static_cast<size_t>(f.name.i)), static_cast<size_t>(f.type.i));
  auto [lo, hi] = by_hash_.equal_range(hash);
  for (auto it = lo; it != hi; ++it)
    if (types_[static_cast<size_t>(it->second.i)] == type) return it->second;
  types_.push_back(std::move(type));
  const TypeId id{static_cast<int32_t>(types_.size()) - 1};
  by_hash_.emplace(hash, id);
  return id;
}

TypeId TypeTable::with_dtype(TypeId t, DType d) {
  Type copy = (*this)[t];
  copy.dtype = d;
  return intern(std::move(copy));
}

TypeId TypeTable::with_dims(TypeId t, std::vector<DimId> sizes) {
  Type copy = (*this)[t];
  copy.dims = std::move(sizes);
  return intern(std::move(copy));
}

TypeId TypeTable::substitute(TypeId t, const std::map<StrId, DimId>& values) {
  Type copy = (*this)[t];
  for (DimId& d : copy.dims) d = dims.substitute(d, values);
  for (Field& f : copy.fields) f.type = substitute(f.type, values);
  return intern(std::move(copy));
}

std::string TypeTable::text(TypeId id) const {
  if (!id) return "?";
  const Type& t = (*this)[id];
  std::string out;
  if (t.is_tuple()) {
    out = t.name ? std::string(strings_[t.name]) + "(" : "(";
    for (size_t k = 0; k < t.fields.size(); ++k) {
      if (k) out += ", ";
      if (t.fields[k].name) out += std::string(strings_[t.fields[k].name]) + ": ";
      out += text(t.fields[k].type);
    }
    return out + ")";
  }
  out = dtype_name(t.dtype);
  for (size_t k = 0; k < t.dims.size(); ++k) out += (k ? ", " : "[") + dims.text(t.dims[k]);
  return t.dims.empty() ? out : out + "]";
}

bool TypeTable::all_float(TypeId id) const {
  const Type& t = (*this)[id];
  if (!t.is_tuple()) return is_float(t.dtype);
  return std::all_of(t.fields.begin(), t.fields.end(), [&](const Field& f) { return all_float(f.type); });
}

}  // namespace dlc
