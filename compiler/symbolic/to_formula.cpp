// Whole forms and names, see to_formula.h.
#include "symbolic/to_formula.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "ops/table.h"
#include "symbolic/render.h"

namespace dlc {
namespace {

constexpr int64_t kWorthNaming = 5;  // operators and leaves of a repeated piece that gets a name: more than exp(x / y)
constexpr int64_t kWorthNamingLet = 3;  // … that has a name in the program
constexpr int64_t kLongest = 400;       // … of a piece that gets one in any case
constexpr int kDeepest = 40;            // nesting past which a piece gets a name: parsers and readers have limits
constexpr size_t kWidest = 64;          // terms or factors

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 128;
}

/// The name `x` when `before` ends in "let x =" or "let x: T =", else "".
std::string_view declared_name(std::string_view before) {
  before = before.substr(before.find_last_of("\n;{") + 1);
  const size_t word = before.find_first_not_of(" \t");
  if (word == before.npos) return "";
  std::string_view rest = before.substr(word);
  if (!rest.starts_with("let ")) return "";
  rest.remove_prefix(std::min(rest.find_first_not_of(' ', 3), rest.size()));
  size_t length = 0;
  while (length < rest.size() && is_name_char(rest[length])) ++length;
  const std::string_view name = rest.substr(0, length);
  rest.remove_prefix(length);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  const bool is_simple = rest.starts_with('=') || rest.starts_with(':');
  const size_t equals = rest.find('=');
  return is_simple && equals != rest.npos && rest.find_first_not_of(' ', equals + 1) == rest.npos ? name : "";
}

/// Whether an expression that ends here is complete: its line ends, and the next does not go on with an operator.
bool ends_statement(std::string_view after) {
  const size_t here = after.find_first_not_of(" \t");
  if (here == after.npos || after[here] == ';' || after[here] == '}') return true;
  if (after[here] != '\n' && after.substr(here, 2) != "//") return false;
  const size_t next = after.find_first_not_of(" \t\n", std::min(after.find('\n', here), after.size()));
  return next == after.npos || after.substr(next, 2) == "//" ||
         std::string_view("+-*/%@^<>=!.").find(after[next]) == std::string_view::npos;
}

}  // namespace

ToFormula::ToFormula(Module& m, const Func& f, const Sources* sources)
    : m_(m), f_(f), sources_(sources), states_(f.insts.size()) {
  for (StrId name : f.size_vars) taken_.emplace(m.strings[name]);
  for (ValueId p : f.body().params) taken_.emplace(m.strings[m[f[p].attr].name]);
}

void ToFormula::run(std::span<const ValueId> needed, std::span<const ValueId> results) {
  if (sources_) find_lets(needed);
  count_uses(needed, results);
  for (ValueId v : needed) {
    if (type(v).is_tuple()) continue;
    const FormulaId made = whole(v);
    at(v).whole = with_names(made);
    int64_t size = at(v).is_silent || f_[v].n_operands == 0 ? 0 : 1;
    for (ValueId o : f_.operands(v))
      if (!type(o).is_tuple()) size += at(o).size;
    at(v).size = at(v).whole != made ? kWorthNamingLet - 1 : std::max<int64_t>(size, 1);
    if (is_worth_a_name(v)) named(v);
  }
}

/// A use is one operand place of one user; a broadcast passes its uses on.
void ToFormula::count_uses(std::span<const ValueId> needed, std::span<const ValueId> results) {
  for (ValueId v : results) ++at(v).n_uses;
  for (size_t k = needed.size(); k-- > 0;) {
    const ValueId v = needed[k];
    if (f_[v].op == "view"_op) {
      std::vector<int> axes;
      const ValueId o = f_.operand(v, 0);
      const ViewMap map = view_map(m_, f_[v].attr);
      at(v).is_silent = is_permutation_broadcast(m_, map, type(o), &axes);
      const int n_new = map.result_rank() - map.source_rank();
      for (int r = 0; r < map.result_rank() && at(v).is_silent; ++r)
        at(v).is_silent = n_new >= 0 && axes[static_cast<size_t>(r)] == (r < n_new ? -1 : r - n_new);
    }
    const auto operands = f_.operands(v);
    for (size_t n = 0; n < operands.size(); ++n)
      if (std::find(operands.begin(), operands.begin() + static_cast<ptrdiff_t>(n), operands[n]) ==
          operands.begin() + static_cast<ptrdiff_t>(n))
        at(operands[n]).n_uses += at(v).is_silent ? at(v).n_uses : 1;
  }
}

// ----------------------------------------------------------------------------------------------------- names

void ToFormula::find_lets(std::span<const ValueId> needed) {
  for (ValueId v : needed) {
    const Loc loc = f_[v].loc;
    if (loc.reason != Reason::written || !loc.span || f_[v].n_operands == 0) continue;
    const std::string_view source = (*sources_)[loc.span.file].text;
    const std::string_view name = declared_name(source.substr(0, static_cast<size_t>(loc.span.begin)));
    if (!name.empty() && ends_statement(source.substr(static_cast<size_t>(loc.span.end)))) lets_[v] = name;
    if (!name.empty()) let_names_.emplace(name);
  }
}

bool ToFormula::is_worth_a_name(ValueId v) {
  const State& state = at(v);
  if (f_[v].n_operands == 0 || state.is_silent || f_[v].op == "get"_op) return false;
  if (state.whole) {
    const Formula& f = formulas_[state.whole];
    if (f.kind == Formula::Kind::name || f.kind == Formula::Kind::number) return false;
    if (formulas_.is_flag(state.whole) && state.size <= kLongest) return false;  // what it multiplies goes into it
    if (f.depth > kDeepest || formulas_.width(state.whole) > kWidest) return true;
  }
  if (state.size > kLongest) return true;
  return state.n_uses > 1 && state.size >= (lets_.contains(v) ? kWorthNamingLet : kWorthNaming);
}

std::string ToFormula::new_name(ValueId v) {
  if (const auto let = lets_.find(v); let != lets_.end())
    if (let->second.size() > 1 || std::string_view("ijkl").find(let->second) == std::string_view::npos)
      if (taken_.insert(let->second).second) return let->second;
  for (;;)
    if (std::string name = fmt::format("t{}", ++n_numbered_); !let_names_.contains(name) && taken_.insert(name).second) return name;
}

/// The name of what is defined already, times a number if need be.
FormulaId ToFormula::with_names(FormulaId f) {
  if (!f) return f;
  if (const auto known = name_of_body_.find(f); known != name_of_body_.end()) return known->second;
  const auto unit = name_of_body_.find(formulas_.unit(f));
  if (unit == name_of_body_.end()) return f;
  return formulas_.multiplied(formulas_.number(formulas_.coefficient(f)), unit->second);
}

FormulaId ToFormula::named(ValueId v) {
  Definition definition;
  const int rank = type(v).rank();
  if (at(v).whole && formulas_[at(v).whole].rank == rank) {
    definition.body = at(v).whole;
  } else {
    Subscripts subs;
    const size_t mark = indices_.size();
    definition.binders = bind(type(v).dims, subs);
    definition.body = element(v, subs, 0);
    indices_.resize(mark);
  }
  const std::string name = new_name(v);
  definition.name = formulas_.defined_name(name, latex_name(name), rank, definition.body);
  definition.dtype = type(v).dtype;
  definitions_.push_back(definition);
  if (definition.binders.empty()) name_of_body_[definition.body] = definition.name;
  at(v).size = 1;
  return at(v).whole = definition.name;
}

FormulaId ToFormula::full(ValueId v) {
  if (at(v).whole && formulas_[at(v).whole].rank == type(v).rank()) return at(v).whole;
  return named(v);
}

// ----------------------------------------------------------------------------------------------- whole forms

bool ToFormula::is_elementwise(ValueId v) const { return op_row(f_[v].op).kind == OpKind::elementwise; }

FormulaId ToFormula::whole(ValueId v) {
  const Inst in = f_[v];
  if (in.op == "param"_op || in.op == "get"_op) return parameter(v);
  if (in.op == "const"_op) return constant(v);
  if (in.op == "size"_op) return size(m_[in.attr].dims[0]);
  if (in.op == "view"_op) return whole_view(v);
  if (in.op == "matmul"_op) return whole_matmul(v);
  if (in.op == "sum"_op || op_row(in.op).kind == OpKind::reduction) return whole_reduction(v);
  std::vector<FormulaId> args;
  if (is_elementwise(v)) {
    if (const FormulaId outer = whole_outer(v)) return outer;
    for (ValueId o : f_.operands(v)) args.push_back(at(o).whole);
    return std::find(args.begin(), args.end(), FormulaId{}) == args.end() ? elementwise(in.op, args, type(v).dtype)
                                                                          : FormulaId{};
  }
  const int rank = type(v).rank();
  if (in.op == "reshape"_op) {
    args.push_back(full(f_.operand(v, 0)));
    for (DimId d : type(v).dims) args.push_back(size(d));
    return formulas_.make({.kind = Formula::Kind::array_call, .args = args, .text = "reshape"}, rank);
  }
  if (in.op == "stack"_op) {
    for (ValueId o : f_.operands(v)) args.push_back(full(o));
    return formulas_.make({.kind = Formula::Kind::list, .dtype = type(v).dtype, .args = args}, rank);
  }
  if (in.op == "cumsum"_op) {
    const std::vector<int64_t> ints = m_[in.attr].ints;  // axis, from the end?
    const auto along = [&](const char* name, FormulaId x) {
      return formulas_.make({.kind = Formula::Kind::array_call, .args = {x}, .ints = {ints[0]}, .text = name}, rank);
    };
    const FormulaId x = full(f_.operand(v, 0));
    return ints[1] == 0 ? along("cumsum", x) : along("flip", along("cumsum", along("flip", x)));
  }
  return {};
}

/// A parameter, or a leaf of one that is a tuple: `s.h`.
FormulaId ToFormula::parameter(ValueId v) {
  std::string path;
  const int rank = type(v).rank();
  while (f_[v].op == "get"_op) {
    const ValueId tuple = f_.operand(v, 0);
    const int64_t field = m_[f_[v].attr].ints[0];
    const StrId name = type(tuple).fields[static_cast<size_t>(field)].name;
    path = fmt::format(".{}{}", name ? std::string(m_.strings[name]) : fmt::format("{}", field), path);
    v = tuple;
  }
  path = std::string(m_.strings[m_[f_[v].attr].name]) + path;
  return formulas_.name(path, latex_name(path), rank);
}

FormulaId ToFormula::constant(ValueId v) {
  const int64_t bits = m_[f_[v].attr].ints[0];
  const DType dtype = type(v).dtype;
  if (dtype == DType::b1) return formulas_.truth(bits != 0);
  return formulas_.number(is_float(dtype) ? std::bit_cast<double>(bits) : static_cast<double>(bits));
}

FormulaId ToFormula::size(DimId d) {
  const DimTable& dims = m_.types.dims;
  FormulaId total = formulas_.number(0);
  double rest = 0;  // the constant, which is written last
  for (const DimTerm& term : std::vector<DimTerm>(dims.terms(d).begin(), dims.terms(d).end())) {
    if (term.factors.empty()) {
      rest = static_cast<double>(term.coefficient);
      continue;
    }
    FormulaId product = formulas_.number(static_cast<double>(term.coefficient));
    for (const auto& [index, exponent] : term.factors) {
      const DimTable::Atom atom = dims.atom(index);
      FormulaId base;
      if (atom.variable) {
        const std::string name(m_.strings[atom.variable]);
        base = formulas_.name(name, latex_name(name), 0);
      } else {
        const FormulaId parts[] = {size(atom.numerator), size(atom.divisor)};
        base = elementwise("floor_div"_op, parts, DType::i64);
      }
      product = formulas_.multiplied(product, formulas_.power(base, exponent));
    }
    total = formulas_.added(total, product, false);
  }
  return formulas_.added(total, formulas_.number(rest), false);
}

FormulaId ToFormula::elementwise(OpId op, std::span<const FormulaId> args, DType dtype) {
  const auto whole_number = [&](FormulaId f) -> std::optional<int64_t> {
    const double value = formulas_[f].value;
    if (formulas_[f].kind != Formula::Kind::number || value != static_cast<double>(static_cast<int>(value)))
      return std::nullopt;
    return value == 0 || std::abs(value) > 64 ? std::nullopt : std::optional(static_cast<int64_t>(value));
  };
  if (op == "add"_op || op == "sub"_op) return formulas_.added(args[0], args[1], op == "sub"_op);
  if (op == "neg"_op) return formulas_.negated(args[0]);
  if (op == "mul"_op) return formulas_.multiplied(args[0], args[1]);
  if (op == "gated_mul"_op) return formulas_.gated(args[0], args[1]);
  if (op == "div"_op) return formulas_.divided(args[0], args[1]);
  if (op == "powi"_op || op == "pow"_op)
    if (const auto exponent = whole_number(args[1])) return formulas_.power(args[0], *exponent);
  if (op == "select"_op) return formulas_.select(args[0], args[1], args[2], dtype);
  if (op == "eq"_op) return formulas_.equal(args[0], args[1]);
  return formulas_.make({.kind = Formula::Kind::apply, .op = op, .args = {args.begin(), args.end()}});
}

/// The axis that a view reads backwards, if that is all it does; else −1.
int ToFormula::flipped_axis(const ViewMap& map, const Type& source) {
  DimTable& dims = m_.types.dims;
  if (map.dims != source.dims) return -1;
  int flipped = -1;
  for (int s = 0; s < map.source_rank(); ++s) {
    const int64_t c = map.at(s, s);
    const DimId last = dims.sub(source.dims[static_cast<size_t>(s)], dims.constant(1));
    for (int r = 0; r < map.result_rank(); ++r)
      if (r != s && map.at(s, r) != 0) return -1;
    if (c == 1 && map.offsets[static_cast<size_t>(s)] == dims.constant(0)) continue;
    if (c != -1 || map.offsets[static_cast<size_t>(s)] != last || flipped >= 0) return -1;
    flipped = s;
  }
  return flipped;
}

FormulaId ToFormula::whole_view(ValueId v) {
  const ValueId o = f_.operand(v, 0);
  const FormulaId base = at(o).whole;
  if (at(v).is_silent || !base) return at(v).is_silent ? base : FormulaId{};
  const ViewMap map = view_map(m_, f_[v].attr);
  if (formulas_[base].rank != map.source_rank() || map.guarded) return {};
  std::vector<int> axes;
  if (is_permutation_broadcast(m_, map, type(o), &axes) && axes == std::vector<int>{1, 0})
    return formulas_.transposed(base);
  if (const int axis = flipped_axis(map, type(o)); axis >= 0)
    return formulas_.make({.kind = Formula::Kind::array_call, .args = {base}, .ints = {axis}, .text = "flip"},
                          map.result_rank());
  // x[…] whose subscripts are positions and ranges, each result axis in its turn
  std::vector<FormulaId> args{base};
  int next = 0;
  for (int s = 0; s < map.source_rank(); ++s) {
    int n_read = 0;
    for (int r = 0; r < map.result_rank(); ++r) n_read += map.at(s, r) != 0 ? 1 : 0;
    const DimId lo = map.offsets[static_cast<size_t>(s)];
    if (n_read == 0) {
      args.push_back(size(lo));
      continue;
    }
    if (n_read > 1 || next >= map.result_rank() || map.at(s, next) < 1) return {};
    const int64_t step = map.at(s, next);
    const DimId extent = map.dims[static_cast<size_t>(next++)];
    DimTable& dims = m_.types.dims;
    if (step == 1 && lo == dims.constant(0) && extent == type(o).dims[static_cast<size_t>(s)])
      args.push_back({});
    else
      args.push_back(formulas_.make({.kind = Formula::Kind::range,
                                     .args = {size(lo), size(dims.add(lo, dims.mul(dims.constant(step), extent)))},
                                     .ints = {step}},
                                    0));
  }
  if (next != map.result_rank()) return {};
  while (args.size() > 2 && !args.back()) args.pop_back();
  return formulas_.make({.kind = Formula::Kind::subscript, .args = args}, map.result_rank());
}

FormulaId ToFormula::whole_matmul(ValueId v) {
  const MatmulRanks r = matmul_ranks(m_, f_[v].attr);
  const bool is_outer = r.k == 0 && r.m == 1 && r.n == 1;
  if (r.batch != 0 || (r.k != 1 && !is_outer)) return {};
  Formula f{.kind = Formula::Kind::matmul, .args = {full(f_.operand(v, 0)), full(f_.operand(v, 1))}};
  using Form = Formula::MatmulForm;
  f.form = is_outer ? Form::outer : r.m == 0 && r.n == 0 ? Form::dot : r.m == 0 && r.n == 1 ? Form::row : Form::matrix;
  return formulas_.make(std::move(f), type(v).rank());
}

/// a[i] · b[j] as a bᵀ.
FormulaId ToFormula::whole_outer(ValueId v) {
  const OpId op = f_[v].op;
  if (type(v).rank() != 2 || (op != "mul"_op && op != "gated_mul"_op)) return {};
  for (int k = 0; k < 2; ++k) {
    const ValueId column = f_.operand(v, k), row = f_.operand(v, 1 - k);
    if (f_[column].op != "view"_op || !at(row).whole || formulas_[at(row).whole].rank != 1) continue;
    const ValueId a = f_.operand(column, 0);
    std::vector<int> axes;
    const bool is_column =
        is_permutation_broadcast(m_, view_map(m_, f_[column].attr), type(a), &axes) && axes == std::vector<int>{0, -1};
    if (!is_column || !at(a).whole || formulas_[at(a).whole].rank != 1) continue;
    return formulas_.make(
        {.kind = Formula::Kind::matmul, .form = Formula::MatmulForm::outer, .args = {at(a).whole, at(row).whole}}, 2);
  }
  return {};
}

FormulaId ToFormula::whole_reduction(ValueId v) {
  const ValueId o = f_.operand(v, 0);
  const std::vector<int64_t> axes = m_[f_[v].attr].ints;
  const bool is_total = type(v).rank() == 0;
  if (at(o).whole && formulas_[at(o).whole].rank == type(o).rank())
    return formulas_.make({.kind = Formula::Kind::reduce,
                           .op = f_[v].op,
                           .dtype = type(v).dtype,
                           .args = {at(o).whole},
                           .ints = is_total ? std::vector<int64_t>{} : axes},
                          type(v).rank());
  return is_total ? element_of_reduction(v, {}, 0) : FormulaId{};
}

}  // namespace dlc
