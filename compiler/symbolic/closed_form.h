// Closed forms: the results of a function as formulas a person reads, as dlc text and as LaTeX. Works for any function
// that can be written out (symbolic/straight_line.h), above all for what symbolic() made.
//
//   const FuncId d = symbolic(m, f, wrt, diagnostics);
//   const auto form = closed_form(m, d, gradient_names(m, f, wrt, false), &sources, diagnostics);
//   puts(as_text(*form).c_str());        // df/dx1 = t1 * (1 + exp(x1 / x2)) / x2 + …
//                                        //   where t1 = x1 / x2 - log(x2)
//
// Parameters and sizes keep their names, and so does a `let` whose value is used more than once. Any other value that
// is used more than once and not short is named t1, t2, …, so the text is as long as the graph, not as the tree.
// Arrays: products of whole arrays where there are any, and index notation for the rest.
//
// The formula equals the function over the reals, wherever the function is finite. It does not show the strong zeros
// with which derivatives keep 0·inf out (ad/carry.h), common factors cancel, and terms are ordered for reading: at
// infinities, and in the last digits, the two may differ.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ad/activity.h"
#include "base/diagnostic.h"
#include "ir/module.h"

namespace dlc {

/// One equation `left = right`.
struct ClosedFormLine {
  std::string text_left, text;
  std::string latex_left, latex;
};

struct ClosedForm {
  std::vector<ClosedFormLine> results;
  std::vector<ClosedFormLine> where;  // each uses only names of those before it
};

/// How a result is called. An empty text leaves the result out.
struct ResultName {
  std::string text, latex;
};

/// `names`: one for each scalar or array that the result of `f` is made of, in order. With `sources`, the names of
/// `let`s are read off the program. Absent after error `no-closed-form`.
std::optional<ClosedForm> closed_form(Module& m, FuncId f, std::span<const ResultName> names, const Sources* sources,
                                      Diagnostics& diagnostics);

/// Names for the results of symbolic(m, f, wrt): f and ∂f/∂x….
std::vector<ResultName> gradient_names(const Module& m, FuncId f, const Wrt& wrt, bool with_value);
/// Names for the results of `f` itself.
std::vector<ResultName> value_names(const Module& m, FuncId f);

std::string as_text(const ClosedForm& form);
/// For display mode: an `aligned` environment.
std::string as_latex(const ClosedForm& form);
/// A program in dlc: `fn name(…) { let t1 = … return (…) }` with the parameters of `f`, which may be compiled again.
std::string as_function(const Module& m, FuncId f, std::string_view name, const ClosedForm& form);

}  // namespace dlc
