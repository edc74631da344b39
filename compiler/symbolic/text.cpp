// Formulas in dlc syntax. The grammar it must fit is docs/language.md's; levels are its precedences.
#include <fmt/format.h>

#include <cmath>

#include "ops/table.h"
#include "symbolic/render.h"

namespace dlc {
namespace {

using Kind = Formula::Kind;

class TextWriter {
 public:
  explicit TextWriter(const Formulas& formulas) : formulas_(formulas) {}

  std::string at(FormulaId f, int level) const {
    Piece piece = write(f);
    return piece.level < level ? "(" + piece.text + ")" : std::move(piece.text);
  }

  /// In a place where nothing beside it says that a number is a float: 1.0, f32(1).
  std::string typed(FormulaId f, DType dtype) const {
    std::string text = at(f, Piece::kLoose);
    if (!is_float(dtype) || !formulas_.is_constant(f)) return text;
    if (dtype == DType::f32) return "f32(" + text + ")";
    return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
  }

 private:
  Piece write(FormulaId id) const {
    const Formula& f = formulas_[id];
    switch (f.kind) {
      case Kind::number: return number(f.value);
      case Kind::truth: return {f.value != 0 ? "true" : "false"};
      case Kind::name: return {f.text};
      case Kind::product: return product(f.coefficient, f.factors, f.divisors);
      case Kind::sum: return sum(f);
      case Kind::apply: return apply(f);
      case Kind::transpose: return {fmt::format("transpose({})", at(f.args[0], Piece::kLoose))};
      case Kind::matmul: return matmul(f);
      case Kind::reduce: return reduce(f);
      case Kind::array_call: return array_call(f);
      case Kind::subscript: return subscript(f);
      case Kind::range: return range(f);
      case Kind::guard:
        return {fmt::format("if {} {{ {} }} else {{ 0 }}", at(f.args[0], Piece::kLoose), typed(f.args[1], f.dtype)),
                Piece::kLoose};
      case Kind::list: return {"[" + typed_list(f.args, 0, f.dtype) + "]"};
    }
    return {};
  }

  static Piece number(double value) {
    if (std::isnan(value)) return {"nan"};
    if (std::isinf(value)) return value < 0 ? Piece{"-inf", Piece::kUnary} : Piece{"inf"};
    return {fmt::format("{}", value), std::signbit(value) ? Piece::kUnary : Piece::kAtom};
  }

  std::string joined(const std::vector<FormulaId>& args, size_t first) const {
    std::string list;
    for (size_t k = first; k < args.size(); ++k)
      list += (k > first ? ", " : "") + (args[k] ? at(args[k], Piece::kLoose) : ":");
    return list;
  }

  /// Typed if all are numbers: one that is not says it for the others.
  std::string typed_list(const std::vector<FormulaId>& args, size_t first, DType dtype) const {
    bool all_constant = true;
    for (size_t k = first; k < args.size(); ++k) all_constant = all_constant && formulas_.is_constant(args[k]);
    if (!all_constant) return joined(args, first);
    std::string list;
    for (size_t k = first; k < args.size(); ++k) list += (k > first ? ", " : "") + typed(args[k], dtype);
    return list;
  }

  /// "2 * a * b^2"; `is_one` says that there is nothing but 1.
  std::string factor_list(int64_t number, const std::vector<Factor>& factors) const {
    std::string list;
    if (number != 1 || factors.empty()) list = fmt::format("{}", number);
    for (const Factor& factor : factors) {
      if (!list.empty()) list += " * ";
      if (factor.exponent == 1)
        list += at(factor.base, Piece::kUnary);
      else
        list += fmt::format("{}^{}", at(factor.base, Piece::kAtom), factor.exponent);
    }
    return list;
  }

  Piece product(Ratio coefficient, const std::vector<Factor>& factors, const std::vector<Factor>& divisors) const {
    const bool is_negative = coefficient.num < 0;
    const int64_t num = std::abs(coefficient.num);
    std::string text = (is_negative ? "-" : "") + factor_list(num, factors);
    const size_t n_above = factors.size() + (num != 1 || factors.empty() ? 1 : 0);
    const size_t n_below = divisors.size() + (coefficient.den != 1 ? 1 : 0);
    if (n_below == 0 && n_above == 1)
      return {text, is_negative ? Piece::kUnary : factors.empty() ? Piece::kAtom : Piece::kPower};
    if (n_below == 1) text += " / " + factor_list(coefficient.den, divisors);
    if (n_below > 1) text += " / (" + factor_list(coefficient.den, divisors) + ")";
    return {text, Piece::kProduct};
  }

  Piece sum(const Formula& f) const {
    std::string text;
    for (const Term& term : f.terms) {
      const bool is_negative = term.coefficient.num < 0;
      if (!text.empty())
        text += is_negative ? " - " : " + ";
      else if (is_negative)
        text += "-";
      text += magnitude(term);
    }
    return {text, Piece::kSum};
  }

  /// |coefficient| · core, as an operand of a sum.
  std::string magnitude(const Term& term) const {
    const Ratio size{std::abs(term.coefficient.num), term.coefficient.den};
    if (!term.core) return product(size, {}, {}).text;
    if (size == Ratio{}) return at(term.core, Piece::kProduct);
    const Formula& core = formulas_[term.core];
    if (core.kind == Kind::product) return product(size, core.factors, core.divisors).text;
    return product(size, {{term.core}}, {}).text;
  }

  Piece apply(const Formula& f) const {
    const Op& row = op_row(f.op);
    const int level = row.precedence;
    if (f.op == "select"_op)
      return {fmt::format("select({}, {})", at(f.args[0], Piece::kLoose), typed_list(f.args, 1, f.dtype))};
    if (level == 0) return {fmt::format("{}({})", row.symbol ? row.symbol : row.name, joined(f.args, 0))};
    if (f.args.size() == 1)
      return {fmt::format("{}{}{}", row.symbol, level == Piece::kNot ? " " : "", at(f.args[0], level)), level};
    const bool is_power = level == Piece::kPower;
    const int left = is_power || level == Piece::kCompare ? level + 1 : level,
              right = is_power ? Piece::kUnary : level + 1;
    const std::string_view space = is_power ? "" : " ";
    return {fmt::format("{}{}{}{}{}", at(f.args[0], left), space, row.symbol, space, at(f.args[1], right)), level};
  }

  Piece matmul(const Formula& f) const {
    using Form = Formula::MatmulForm;
    if (f.form == Form::dot) return {fmt::format("dot({})", joined(f.args, 0))};
    if (f.form == Form::outer) return {fmt::format("outer({})", joined(f.args, 0))};
    return {fmt::format("{} @ {}", at(f.args[0], Piece::kProduct), at(f.args[1], Piece::kUnary)), Piece::kProduct};
  }

  /// The reduction's name in the language: the row `max_over` is `max`.
  static std::string_view reduction_name(OpId op) {
    const std::string_view name = op_row(op).name;
    return name.ends_with("_over") ? name.substr(0, name.size() - 5) : name;
  }

  Piece reduce(const Formula& f) const {
    const std::string_view name = reduction_name(f.op);
    const std::string body = typed(f.args[0], f.dtype);
    if (!f.binders.empty()) {
      std::string binders;
      for (const Formula::Binder& b : f.binders)
        binders += fmt::format("{}{} in {}..{}", binders.empty() ? "" : ", ", b.name, at(b.lo, Piece::kSum),
                               at(b.hi, Piece::kSum));
      return {fmt::format("{}[{}]({})", name, binders, body)};
    }
    std::string text = body;
    if (f.ints.empty()) return {fmt::format("{}({})", name, text)};
    for (auto axis = f.ints.rbegin(); axis != f.ints.rend(); ++axis)
      text = fmt::format("{}({}, axis = {})", name, text, *axis);
    return {text};
  }

  Piece array_call(const Formula& f) const {
    const std::string arg = at(f.args[0], Piece::kLoose);
    if (f.args.size() == 1) return {fmt::format("{}({}, axis = {})", f.text, arg, f.ints[0])};
    return {fmt::format("{}({}, [{}])", f.text, arg, joined(f.args, 1))};
  }

  Piece subscript(const Formula& f) const {
    return {fmt::format("{}[{}]", at(f.args[0], Piece::kAtom), joined(f.args, 1))};
  }

  Piece range(const Formula& f) const {
    std::string text = fmt::format("{}..{}", at(f.args[0], Piece::kSum), at(f.args[1], Piece::kSum));
    if (f.ints[0] != 1) text += fmt::format(" step {}", f.ints[0]);
    return {text, Piece::kLoose};
  }

  const Formulas& formulas_;
};

}  // namespace

std::string text_of(const Formulas& formulas, FormulaId f) { return TextWriter(formulas).at(f, Piece::kLoose); }
std::string text_of(const Formulas& formulas, FormulaId f, DType dtype) { return TextWriter(formulas).typed(f, dtype); }

}  // namespace dlc
