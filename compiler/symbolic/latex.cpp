// Formulas in LaTeX. A row's template says how its op looks; whether an operand in it wants parentheses follows from
// what stands around the operand there: between braces, parentheses or commas it never does.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/table.h"
#include "symbolic/render.h"

namespace dlc {
namespace {

using Kind = Formula::Kind;

// ------------------------------------------------------------------------------------------------------ names

struct Greek {
  const char *letter, *name;
};
constexpr Greek kGreek[] = {
    {"α", "alpha"}, {"β", "beta"},  {"γ", "gamma"},   {"δ", "delta"},  {"ε", "epsilon"}, {"ζ", "zeta"},   {"η", "eta"},
    {"θ", "theta"}, {"ι", "iota"},  {"κ", "kappa"},   {"λ", "lambda"}, {"μ", "mu"},      {"ν", "nu"},     {"ξ", "xi"},
    {"π", "pi"},    {"ρ", "rho"},   {"σ", "sigma"},   {"τ", "tau"},    {"υ", "upsilon"}, {"φ", "phi"},    {"χ", "chi"},
    {"ψ", "psi"},   {"ω", "omega"}, {"Γ", "Gamma"},   {"Δ", "Delta"},  {"Θ", "Theta"},   {"Λ", "Lambda"}, {"Ξ", "Xi"},
    {"Π", "Pi"},    {"Σ", "Sigma"}, {"Υ", "Upsilon"}, {"Φ", "Phi"},    {"Ψ", "Psi"},     {"Ω", "Omega"}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// A name without digits at its end, underscores or dots.
std::string latex_word(std::string_view word) {
  for (const Greek& g : kGreek)
    if (word == g.letter || word == g.name) return fmt::format("\\{}", g.name);
  if (word.size() <= 1) return std::string(word);
  const bool is_ascii =
      std::all_of(word.begin(), word.end(), [](char c) { return static_cast<unsigned char>(c) < 128; });
  return fmt::format("\\{}{{{}}}", is_ascii ? "mathrm" : "text", word);
}

std::string latex_part(std::string_view part) {
  const size_t underscore = part.find('_', 1);
  std::string_view stem = part.substr(0, underscore),
                   rest = underscore == std::string_view::npos ? "" : part.substr(underscore + 1);
  size_t end = stem.size();
  while (end > 1 && is_digit(stem[end - 1])) --end;
  std::string subscripts(stem.substr(end));
  while (!rest.empty()) {
    const size_t next = rest.find('_');
    const std::string_view piece = rest.substr(0, next);
    if (!piece.empty()) {
      if (!subscripts.empty()) subscripts += ",";
      subscripts += is_digit(piece[0]) ? std::string(piece) : latex_word(piece);
    }
    rest = next == std::string_view::npos ? "" : rest.substr(next + 1);
  }
  stem = stem.substr(0, end);
  const std::string word = stem == "_" ? "\\_" : latex_word(stem);
  return subscripts.empty() ? word : fmt::format("{}_{{{}}}", word, subscripts);
}

// --------------------------------------------------------------------------------------------------- formulas

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (size_t k = text.find(from); k != std::string::npos; k = text.find(from, k + to.size()))
    text.replace(k, from.size(), to);
}

bool is_tall(std::string_view text) {
  return text.find("\\frac") != text.npos || text.find("\\sum") != text.npos || text.find("\\begin") != text.npos;
}

std::string parenthesised(const std::string& text) {
  return is_tall(text) ? "\\left(" + text + "\\right)" : "(" + text + ")";
}

class LatexWriter {
 public:
  explicit LatexWriter(const Formulas& formulas) : formulas_(formulas) {}

  std::string at(FormulaId f, int level) const {
    const Piece piece = write(f);
    return piece.level < level ? parenthesised(piece.text) : piece.text;
  }

 private:
  Piece write(FormulaId id) const {
    const Formula& f = formulas_[id];
    switch (f.kind) {
      case Kind::number: return number(f.value);
      case Kind::truth: return {f.value != 0 ? "\\text{true}" : "\\text{false}"};
      case Kind::name: return {f.latex};
      case Kind::product: return product(f.coefficient, f.factors, f.divisors);
      case Kind::sum: return sum(f);
      case Kind::apply: return apply(f);
      case Kind::transpose: return {at(f.args[0], Piece::kAtom) + "^{\\top}", Piece::kPower};
      case Kind::matmul: return matmul(f);
      case Kind::reduce: return reduce(f);
      case Kind::array_call: {
        const std::string detail = f.args.size() > 1 ? joined(f.args, 1) : fmt::format("{}", f.ints[0]);
        return {
            fmt::format("\\operatorname{{{}}}_{{{}}}{}", f.text, detail, parenthesised(at(f.args[0], Piece::kLoose)))};
      }
      case Kind::subscript: return {latex_subscripted(at(f.args[0], Piece::kAtom), joined(f.args, 1))};
      case Kind::range:
        return {fmt::format("{}\\,..\\,{}", at(f.args[0], Piece::kSum), at(f.args[1], Piece::kSum)) +
                    (f.ints[0] == 1 ? "" : fmt::format("\\,(+{})", f.ints[0])),
                Piece::kLoose};
      case Kind::guard:
        return {fmt::format("\\begin{{cases}} {} & {} \\\\ 0 & \\text{{else}} \\end{{cases}}", at(f.args[1], 0),
                            at(f.args[0], 0)),
                Piece::kLoose};
      case Kind::list: return {"\\left[" + joined(f.args, 0) + "\\right]"};
    }
    return {};
  }

  static Piece number(double value) {
    if (std::isnan(value)) return {"\\mathrm{nan}"};
    if (std::isinf(value)) return value < 0 ? Piece{"-\\infty", Piece::kUnary} : Piece{"\\infty"};
    std::string text = fmt::format("{}", value);
    const int level = std::signbit(value) ? Piece::kUnary : Piece::kAtom;
    const size_t e = text.find('e');
    if (e == std::string::npos) return {text, level};
    std::string exponent = text.substr(e + 1);
    exponent.erase(0, exponent.find_first_not_of("+0"));
    if (exponent.starts_with("-0")) exponent.erase(1, 1);
    return {fmt::format("{} \\cdot 10^{{{}}}", text.substr(0, e), exponent), Piece::kProduct};
  }

  std::string joined(const std::vector<FormulaId>& args, size_t first) const {
    std::string list;
    for (size_t k = first; k < args.size(); ++k)
      list += (k > first ? ", " : "") + (args[k] ? at(args[k], Piece::kLoose) : ":");
    return list;
  }

  // ---- products and sums
  /// Between two factors: ⊙ for arrays, a dot before a digit, else a thin space.
  static std::string_view joint(int rank_before, int rank, std::string_view next) {
    if (rank_before > 0 && rank > 0) return " \\odot ";
    return is_digit(next[0]) || next[0] == '-' ? " \\cdot " : "\\,";
  }

  std::string factor_list(int64_t number, const std::vector<Factor>& factors) const {
    std::string list;
    if (number != 1 || factors.empty()) list = fmt::format("{}", number);
    const bool is_alone = list.empty() && factors.size() == 1;
    int rank = 0;
    for (const Factor& factor : factors) {
      const bool is_power = factor.exponent != 1;
      std::string next = at(factor.base, is_power ? Piece::kAtom : is_alone ? Piece::kLoose : Piece::kUnary);
      if (is_power) next += fmt::format("^{{{}}}", factor.exponent);
      if (!list.empty()) list += joint(rank, formulas_[factor.base].rank, next);
      list += next;
      rank = std::max(rank, formulas_[factor.base].rank);
    }
    return list;
  }

  Piece product(Ratio coefficient, const std::vector<Factor>& factors, const std::vector<Factor>& divisors) const {
    const std::string sign = coefficient.num < 0 ? "-" : "";
    const int64_t num = std::abs(coefficient.num);
    if (divisors.empty() && coefficient.den != 1 && !factors.empty()) {
      const std::vector<Factor> none;
      return {fmt::format("{}\\frac{{{}}}{{{}}}\\,", sign, num, coefficient.den) + bare_list(factors), Piece::kProduct};
    }
    if (divisors.empty() && coefficient.den == 1) {
      const bool is_one_power = sign.empty() && num == 1 && factors.size() == 1;
      return {sign + (num == 1 ? bare_list(factors) : factor_list(num, factors)),
              is_one_power ? Piece::kPower : Piece::kProduct};
    }
    return {
        fmt::format("{}\\frac{{{}}}{{{}}}", sign, factor_list(num, factors), factor_list(coefficient.den, divisors)),
        Piece::kProduct};
  }

  /// Factors as part of a larger formula: a single one keeps its parentheses.
  std::string bare_list(const std::vector<Factor>& factors) const {
    if (factors.size() == 1 && factors[0].exponent == 1) return at(factors[0].base, Piece::kUnary);
    return factor_list(1, factors);
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

  std::string magnitude(const Term& term) const {
    const Ratio size{std::abs(term.coefficient.num), term.coefficient.den};
    if (!term.core) return product(size, {}, {}).text;
    if (size == Ratio{}) return at(term.core, Piece::kProduct);
    const Formula& core = formulas_[term.core];
    if (core.kind == Kind::product) return product(size, core.factors, core.divisors).text;
    return product(size, {{term.core}}, {}).text;
  }

  // ---- rows
  /// How tightly the result of a template holds together, by what stands outside of all its brackets.
  static int level_of(const Op& row) {
    if (row.precedence > 0) return row.precedence;
    const std::string_view text = row.latex;
    if (text.find("\\begin") != text.npos) return Piece::kLoose;
    int level = text.size() == 2                               ? Piece::kAtom
                : text[0] == '$' || text.starts_with("\\frac") ? Piece::kProduct
                                                               : Piece::kAtom;
    int depth = 0;
    for (size_t k = 0; k < text.size(); ++k) {
      const std::string_view rest = text.substr(k);
      const bool is_open = rest[0] == '{' || rest[0] == '(' || rest.starts_with("\\lf") || rest.starts_with("\\lc") ||
                           rest.starts_with("\\left");
      const bool is_close = rest[0] == '}' || rest[0] == ')' || rest.starts_with("\\rf") || rest.starts_with("\\rc") ||
                            rest.starts_with("\\right");
      depth += is_open ? 1 : is_close ? -1 : 0;
      if (depth > 0) continue;
      if (rest.starts_with(" + ") || rest.starts_with(" - ")) return Piece::kSum;
      if (rest[0] == '^') level = std::min<int>(level, Piece::kPower);
      if (rest.starts_with(" / ") || rest.starts_with(" \\")) level = std::min<int>(level, Piece::kProduct);
    }
    return level;
  }

  static bool opens(std::string_view before) {
    while (before.ends_with(' ')) before.remove_suffix(1);
    for (std::string_view mark : {"(", "{", ",", "|", "\\lfloor", "\\lceil", "\\begin{cases}", "&", "\\\\", "{cases}"})
      if (before.ends_with(mark)) return true;
    return false;
  }
  static bool closes(std::string_view after) {
    while (after.starts_with(' ')) after.remove_prefix(1);
    if (after.starts_with("}^")) return false;  // {$a}^2: a base
    for (std::string_view mark : {")", "}", ",", "\\right|", "\\rfloor", "\\rceil", "&", "\\\\", "\\end"})
      if (after.starts_with(mark)) return true;
    return false;
  }

  /// The level an operand at this place of a row's template must have.
  static int level_wanted(const Op& row, std::string_view before, std::string_view after) {
    if (after.starts_with("}^") || after.starts_with('^')) return Piece::kAtom;
    if (opens(before) && closes(after)) return Piece::kLoose;
    if (row.precedence > 0)
      return before.empty() && row.precedence != Piece::kCompare ? row.precedence : row.precedence + 1;
    if (std::strlen(row.latex) == 2) return Piece::kLoose;
    const bool by_plus = before.ends_with("+ ") || after.starts_with(" +");
    return by_plus ? Piece::kProduct : Piece::kUnary;
  }

  Piece apply(const Formula& f) const {
    const Op& row = op_row(f.op);
    if (!row.latex) return {fmt::format("\\operatorname{{{}}}{}", row.name, parenthesised(joined(f.args, 0)))};
    const std::string_view form = row.latex;
    if (form.size() == 2) return write(f.args[0]);
    std::string text;
    bool any_tall = false;
    std::vector<std::string> operands;
    for (size_t k = 0; k < form.size(); ++k) {
      const bool is_slot = form[k] == '$' && k + 1 < form.size() && form[k + 1] >= 'a' && form[k + 1] <= 'c';
      if (!is_slot) {
        text += form[k];
        continue;
      }
      operands.push_back(
          at(f.args[static_cast<size_t>(form[k + 1] - 'a')], level_wanted(row, form.substr(0, k), form.substr(k + 2))));
      any_tall = any_tall || is_tall(operands.back());
      text += fmt::format("${}", operands.size() - 1);  // filled in when the template's own parentheses are sized
      ++k;
    }
    if (any_tall) replace_all(text, "(", "\\left("), replace_all(text, ")", "\\right)");
    for (size_t k = operands.size(); k-- > 0;) {
      const size_t slot = text.find(fmt::format("${}", k));
      text.replace(slot, 2, operands[k]);
    }
    return {text, level_of(row)};
  }

  // ---- arrays
  std::string transposed(FormulaId f) const {
    if (formulas_[f].kind == Kind::transpose) return at(formulas_[f].args[0], Piece::kUnary);
    return at(f, Piece::kAtom) + "^{\\top}";
  }

  Piece matmul(const Formula& f) const {
    const FormulaId a = f.args[0], b = f.args[1];
    switch (f.form) {
      case Formula::MatmulForm::dot: return {transposed(a) + "\\," + at(b, Piece::kUnary), Piece::kProduct};
      case Formula::MatmulForm::outer: return {at(a, Piece::kUnary) + "\\," + transposed(b), Piece::kProduct};
      case Formula::MatmulForm::row: return {transposed(b) + "\\," + at(a, Piece::kUnary), Piece::kProduct};
      case Formula::MatmulForm::matrix: break;
    }
    const bool is_product = formulas_[a].kind == Kind::matmul;  // (A B) C = A B C
    return {at(a, is_product ? Piece::kProduct : Piece::kUnary) + "\\," + at(b, Piece::kUnary), Piece::kProduct};
  }

  Piece reduce(const Formula& f) const {
    const Op& row = op_row(f.op);
    std::string symbol = row.latex ? std::string(row.latex).substr(0, std::strlen(row.latex) - 3)
                                   : fmt::format("\\operatorname{{{}}}", row.name);
    std::string below;
    for (const Formula::Binder& b : f.binders)
      below += fmt::format("{}{} \\le {} < {}", below.empty() ? "" : ",\\, ", at(b.lo, Piece::kSum), latex_name(b.name),
                           at(b.hi, Piece::kSum));
    for (int64_t axis : f.ints) below += fmt::format("{}{}", below.empty() ? "\\text{axis }" : ", ", axis);
    if (!below.empty()) symbol += fmt::format("_{{{}}}", below);
    return {symbol + " " + at(f.args[0], Piece::kProduct), Piece::kProduct};
  }

  const Formulas& formulas_;
};

}  // namespace

std::string latex_name(std::string_view name) {
  std::string text;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t dot = std::min(name.find('.', begin), name.size());
    if (begin > 0) text += ".";
    text += latex_part(name.substr(begin, dot - begin));
    begin = dot + 1;
  }
  return text;
}

std::string latex_subscripted(const std::string& base, const std::string& subscripts) {
  const bool is_simple = base.find_first_of("_^(") == std::string::npos;
  return fmt::format("{}_{{{}}}", is_simple ? base : "(" + base + ")", subscripts);
}

std::string latex_of(const Formulas& formulas, FormulaId f) { return LatexWriter(formulas).at(f, Piece::kLoose); }

}  // namespace dlc
