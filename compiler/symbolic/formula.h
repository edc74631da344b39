// Formulas: what a person reads. A normal form for printing only, made from IR values (closed_form.cpp) and written as
// dlc text and as LaTeX (render.h); it is never compiled.
//
// A product is coefficient · Π base^exponent / Π base^exponent, a sum is Σ coefficient · core, of elementwise arrays
// too. Building one merges: factors of a factor, equal bases (x·x → x², x²/x → x), whole numbers (2·x·3 → 6 x), signs,
// equal terms (x + x → 2 x). A divisor that all terms of a sum have is pulled out, and so is a factor that is more than
// a parameter: u/x + v/x → (u + v)/x. Never is anything multiplied out or a number folded that is not a small ratio. So
// where the program it was made from is finite, the value stays as accurate as that.
//
// A *mask* is `select(c, f, 0)` or `select(c, 0, f)`, what the derivative of a choice is made of. A product goes into
// it, select(c, f·g, 0): so it reads as cases, and shows the strong zero of ad/carry.h where g is infinite.
//
// An array whose axes cancelled away (x/x) is a formula of lower rank: it stands for its broadcast.
#pragma once
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/types.h"

namespace dlc {

using FormulaId = Id<struct FormulaTag>;

/// A ratio of whole numbers in lowest terms; `den` > 0.
struct Ratio {
  int64_t num = 1, den = 1;
  bool operator==(const Ratio&) const = default;
};

struct Factor {
  FormulaId base;
  int64_t exponent = 1;  // > 0
  bool operator==(const Factor&) const = default;
};

/// `coefficient · core`; an absent core is 1.
struct Term {
  Ratio coefficient;
  FormulaId core;
};

struct Formula {
  enum class Kind : uint8_t {
    number,      // value
    truth,       // value 0 or 1
    name,        // text, latex
    product,     // coefficient, factors, divisors
    sum,         // terms
    apply,       // op of args, by its row
    transpose,   // of args[0], a matrix
    matmul,      // args[0] @ args[1]; `form` says which
    reduce,      // op over the axes `ints` of args[0], all if empty; in index form over `binders`
    array_call,  // text(args[0], [args[1…]]), or text(args[0], axis = ints[0])
    subscript,   // args[0][args[1…]]; an absent one is `:`
    range,       // args[0] .. args[1] step ints[0]
    guard,       // args[1] where args[0] holds, else 0
    list,        // [args…]
  };
  enum class MatmulForm : uint8_t { matrix, row, dot, outer };  // A B, Bᵀa, aᵀb, a bᵀ
  struct Binder {
    std::string name;
    FormulaId lo, hi;
  };

  Kind kind = Kind::number;
  MatmulForm form = MatmulForm::matrix;
  OpId op;
  DType dtype = DType::tuple;  // of select, reduce, guard, list and a mask's name; a float's text says so if all in it
                               // are numbers
  int rank = 0;                // of the array it is; 0: a scalar
  int depth = 0;               // of nesting: printing recurses
  double value = 0;
  Ratio coefficient;
  std::vector<Factor> factors, divisors;
  std::vector<Term> terms;
  std::vector<FormulaId> args;
  std::vector<int64_t> ints;
  std::vector<Binder> binders;
  std::string text, latex;
  bool is_given = false;  // a name that is not defined by a formula: a parameter, a size, an index
  bool is_mask = false;   // a name that is defined by a mask
};

/// Owns formulas; an id is good as long as this lives. Equal formulas have equal ids.
class Formulas {
 public:
  const Formula& operator[](FormulaId f) const { return all_[static_cast<size_t>(f.i)]; }

  FormulaId number(double value);
  FormulaId truth(bool value);
  /// Of a parameter, a size or an index.
  FormulaId name(std::string text, std::string latex, int rank);
  /// Of what is defined by `body`.
  FormulaId defined_name(std::string text, std::string latex, int rank, FormulaId body);
  FormulaId multiplied(FormulaId x, FormulaId y);
  /// x · y, and 0 where x is 0 because it is, or contains, the name of a mask.
  FormulaId gated(FormulaId x, FormulaId y);
  FormulaId divided(FormulaId x, FormulaId y);
  FormulaId added(FormulaId x, FormulaId y, bool is_negative);
  FormulaId negated(FormulaId x);
  FormulaId power(FormulaId base, int64_t exponent);
  FormulaId select(FormulaId condition, FormulaId x, FormulaId y, DType dtype);
  /// Whether it chooses between numbers only: select(c, 1, 0).
  bool is_flag(FormulaId f) const;
  /// x = y, written without minus signs where that is possible.
  FormulaId equal(FormulaId x, FormulaId y);
  FormulaId transposed(FormulaId matrix);
  /// Whether it is made of numbers only.
  bool is_constant(FormulaId f) const;
  /// Any other formula; sets its depth, and its rank to the largest of its arguments' unless `rank` is given.
  FormulaId make(Formula f, std::optional<int> rank = std::nullopt);

  /// A product without its coefficient; any other formula as it is.
  FormulaId unit(FormulaId f);
  double coefficient(FormulaId f) const;
  /// Number of merged terms or factors: merging on is quadratic, so long ones are better named.
  size_t width(FormulaId f) const;

 private:
  struct Parts {  // of a product
    Ratio coefficient;
    std::vector<Factor> factors, divisors;
  };
  Parts parts(FormulaId f) const;
  FormulaId product(Parts p);
  struct Select {
    FormulaId condition, x, y;
    DType dtype;
  };
  std::optional<Select> as_select(FormulaId f) const;
  bool is_zero(FormulaId f) const;
  /// `change` of the side that is not 0, if `f` is a mask.
  template <class Change>
  FormulaId inside_mask(FormulaId f, Change change);
  FormulaId core(Parts p);  // of a term: without its coefficient, absent for 1
  std::vector<Term> terms(FormulaId f);
  static void merge(std::vector<Factor>& into, const std::vector<Factor>& more);
  FormulaId sum(std::vector<Term> terms);
  Parts common_parts(const std::vector<Term>& terms) const;
  bool is_worth_pulling_out(FormulaId f) const;

  std::vector<Formula> all_;
  std::unordered_map<std::string, FormulaId> known_;  // by a key of all that matters
};

}  // namespace dlc
