// Types of the IR: a dtype with sizes, or a tuple. A size ("dim") is an integer polynomial in size variables
// with floor division, kept in a normal form and interned, so two sizes are equal exactly when their ids are.
//
//   TypeTable t;                       // one per Module, beside its strings
//   DimId n = t.dims.variable(strings.intern("n"));
//   DimId m = t.dims.sub(t.dims.mul(n, n), t.dims.constant(1));      // n^2 - 1
//   TypeId row = t.array(DType::f64, {m});
#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/interner.h"

namespace dlc {

enum class DType : uint8_t { f32, f64, i64, b1, key, tuple };

constexpr bool is_float(DType d) { return d == DType::f32 || d == DType::f64; }
/// Spelling in IR text and in messages: "f32", "f64", "int", "bool", "key", "tuple".
const char* dtype_name(DType d);
/// Bytes of one element in memory: 4, 8, 8, 1, 16; a tuple has none (0).
int dtype_bytes(DType d);

/// coefficient · Π atom^exponent. An atom is a size variable or a floor division (see DimTable::Atom).
struct DimTerm {
  int64_t coefficient = 0;
  std::vector<std::pair<int32_t, int32_t>> factors;  // (atom index, exponent ≥ 1), sorted by atom
  bool operator==(const DimTerm&) const = default;
};

/// Interned integer polynomials. All operations are total: an overflow of 64 bits, or a polynomial past
/// kMaxTerms, gives `DimId{}` (absent), which every operation passes on and the caller must report.
class DimTable {
 public:
  static constexpr size_t kMaxTerms = 256;
  struct Atom {
    StrId variable;            // a size variable, or absent for …
    DimId numerator, divisor;  // … floor(numerator / divisor)
    bool operator==(const Atom&) const = default;
  };

  explicit DimTable(Interner& strings) : strings_(strings) {}
  DimId constant(int64_t value);
  DimId variable(StrId name);
  DimId add(DimId a, DimId b);
  DimId sub(DimId a, DimId b);
  DimId mul(DimId a, DimId b);
  /// floor(a / b); exact and constant cases simplify; b = 0 gives an absent id.
  DimId div(DimId a, DimId b);

  std::optional<int64_t> as_constant(DimId d) const;
  /// The name when `d` is exactly one size variable, else an absent id.
  StrId as_variable(DimId d) const;
  /// True when `d` ≥ 0 for every non-negative value of its variables, as far as signs of terms show.
  bool is_provably_nonnegative(DimId d) const;
  /// A polynomial that is provably non-negative and no less than `d`, for every non-negative value of the variables; absent
  /// where none is seen.
  DimId nonnegative_bound(DimId d);
  /// Solves poly(x) = value for the only variable not in `known`, when `d` is linear in it with a constant
  /// coefficient and `value` divides exactly. Used to bind `real[2*l]` from an array.
  std::optional<std::pair<StrId, int64_t>> solve(DimId d, int64_t value, const std::map<StrId, int64_t>& known) const;
  /// Variables in order of first appearance.
  std::vector<StrId> variables(DimId d) const;
  DimId substitute(DimId d, const std::map<StrId, DimId>& values);
  /// Absent when a variable has no value, or on overflow or division by zero.
  std::optional<int64_t> evaluate(DimId d, const std::map<StrId, int64_t>& values) const;
  /// "2*n - 1", "div(d*(d - 1), 2)" in the language's own syntax.
  std::string text(DimId d) const;

  std::span<const DimTerm> terms(DimId d) const { return terms_of(d); }
  const Atom& atom(int32_t index) const { return atoms_[static_cast<size_t>(index)]; }
  size_t size() const { return polys_.size(); }

 private:
  const std::vector<DimTerm>& terms_of(DimId d) const { return polys_[static_cast<size_t>(d.i)]; }
  DimId intern(std::vector<DimTerm> terms);  // sorts, merges and drops zeros first
  int32_t atom_index(const Atom& atom);

  Interner& strings_;
  std::vector<std::vector<DimTerm>> polys_;
  std::vector<Atom> atoms_;
  std::unordered_multimap<size_t, DimId> by_hash_;
};

struct Field {
  StrId name;  // absent in a plain tuple
  TypeId type;
  bool operator==(const Field&) const = default;
};

struct Type {
  DType dtype = DType::f64;
  std::vector<DimId> dims;    // empty: a scalar (or a tuple)
  std::vector<Field> fields;  // only for DType::tuple
  StrId name;                 // only for a tuple that is a declared struct
  bool operator==(const Type&) const = default;
  int rank() const { return static_cast<int>(dims.size()); }
  bool is_tuple() const { return dtype == DType::tuple; }
};

class TypeTable {
 public:
  explicit TypeTable(Interner& strings) : dims(strings), strings_(strings) {}
  TypeId intern(Type type);
  TypeId scalar(DType d) { return intern({d, {}, {}, {}}); }
  TypeId array(DType d, std::vector<DimId> sizes) { return intern({d, std::move(sizes), {}, {}}); }
  TypeId tuple(std::vector<Field> fields, StrId name = {}) { return intern({DType::tuple, {}, std::move(fields), name}); }
  /// The same shape with another dtype, or another shape with the same dtype.
  TypeId with_dtype(TypeId t, DType d);
  TypeId with_dims(TypeId t, std::vector<DimId> sizes);
  TypeId substitute(TypeId t, const std::map<StrId, DimId>& values);
  /// A copy is cheap enough and survives the table's growth; never hold a reference across intern().
  const Type& operator[](TypeId t) const { return types_[static_cast<size_t>(t.i)]; }
  /// "f64[n, 3]", "(a: f32, int)", "State(h: f32[n])".
  std::string text(TypeId t) const;
  /// True when every leaf is a float (what may carry a derivative).
  bool all_float(TypeId t) const;
  size_t size() const { return types_.size(); }

  DimTable dims;

 private:
  Interner& strings_;
  std::vector<Type> types_;
  std::unordered_multimap<size_t, TypeId> by_hash_;
};

}  // namespace dlc
