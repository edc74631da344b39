// From a straight-line function to formulas, private to symbolic/. A value has a *whole* form, a formula of the array
// as such (`W @ x`), or only an *index* form, a formula of one element (`a[i] * b[j]`), from which `sum[i, j](…)` or
// `let t1[i in 0..n, j in 0..m] = …` make something whole again.
//
// Broadcasting is silent: the formula of a broadcast value is that of its operand, whose rank is then lower than the
// value's, and its axes the trailing ones.
#pragma once
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/source.h"
#include "ops/array.h"
#include "symbolic/formula.h"

namespace dlc {

class ToFormula {
 public:
  /// A name for a value: `name[binders] = body`.
  struct Definition {
    FormulaId name, body;
    DType dtype = DType::f64;
    std::vector<Formula::Binder> binders;
  };

  ToFormula(Module& m, const Func& f, const Sources* sources);

  /// `needed` in order of execution. After it, `result` may be asked for.
  void run(std::span<const ValueId> needed, std::span<const ValueId> results);
  /// The formula of the whole of `v`.
  FormulaId result(ValueId v) { return full(v); }

  const Formulas& formulas() const { return formulas_; }
  const std::vector<Definition>& definitions() const { return definitions_; }

 private:
  struct State {
    FormulaId whole;  // absent: only an index form
    int64_t n_uses = 0;
    int64_t size = 1;        // of the formula as printed, in operators and leaves
    bool is_silent = false;  // a broadcast: the formula is its operand's
  };

  State& at(ValueId v) { return states_[static_cast<size_t>(v.i)]; }
  const Type& type(ValueId v) const { return m_.types[f_[v].type]; }
  bool is_elementwise(ValueId v) const;

  void count_uses(std::span<const ValueId> needed, std::span<const ValueId> results);
  void find_lets(std::span<const ValueId> needed);
  std::string let_name(ValueId v);
  bool is_worth_a_name(ValueId v);
  std::string new_name(ValueId v);

  // ---- to_formula.cpp: whole forms
  FormulaId whole(ValueId v);
  FormulaId parameter(ValueId v);
  FormulaId constant(ValueId v);
  FormulaId size(DimId d);
  FormulaId elementwise(OpId op, std::span<const FormulaId> args, DType dtype);
  FormulaId whole_view(ValueId v);
  int flipped_axis(const ViewMap& map, const Type& source);
  FormulaId whole_matmul(ValueId v);
  FormulaId whole_outer(ValueId v);
  FormulaId whole_reduction(ValueId v);
  /// A whole form with all axes, naming the value if that takes index notation.
  FormulaId full(ValueId v);
  FormulaId named(ValueId v);
  FormulaId with_names(FormulaId f);

  // ---- index_form.cpp
  using Subscripts = std::vector<FormulaId>;
  FormulaId element(ValueId v, const Subscripts& subs, int depth);
  FormulaId element_of_view(ValueId v, const Subscripts& subs, int depth);
  FormulaId element_of_view_adjoint(ValueId v, const Subscripts& subs, int depth);
  FormulaId element_of_reduction(ValueId v, const Subscripts& subs, int depth);
  FormulaId element_of_matmul(ValueId v, const Subscripts& subs, int depth);
  FormulaId subscripted(FormulaId base, const Subscripts& subs);
  FormulaId affine(const ViewMap& map, int source_axis, const Subscripts& subs);
  FormulaId guarded(FormulaId condition, FormulaId body, DType dtype);
  FormulaId both(FormulaId x, FormulaId y);
  FormulaId compared(OpId op, FormulaId x, FormulaId y);
  FormulaId reduced(OpId op, std::vector<Formula::Binder> binders, FormulaId body, DType dtype);
  /// New index names 0 ≤ i < extent; `subs` receives them. Free again when the scope ends.
  std::vector<Formula::Binder> bind(std::span<const DimId> extents, Subscripts& subs);

  Module& m_;
  const Func& f_;
  const Sources* sources_;
  Formulas formulas_;
  std::vector<State> states_;
  std::vector<Definition> definitions_;
  std::unordered_set<std::string> let_names_;  // of the program's `let`s: nothing else is called so
  std::unordered_set<std::string> taken_;  // names of parameters, sizes and definitions
  std::vector<std::string> indices_;       // bound where we are
  std::unordered_map<FormulaId, FormulaId> name_of_body_;
  std::unordered_map<ValueId, std::string> lets_;
  int n_numbered_ = 0;  // of t1, t2, …
};

}  // namespace dlc
