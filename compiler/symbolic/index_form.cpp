// Formulas of one element, see to_formula.h: subscripts are carried down through elementwise ops and views until they
// meet something that has a name.
#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "ops/table.h"
#include "symbolic/render.h"
#include "symbolic/to_formula.h"

namespace dlc {
namespace {

constexpr int kDeepest = 12;  // steps carried down before what is met gets a name

}  // namespace

FormulaId ToFormula::element(ValueId v, const Subscripts& subs, int depth) {
  const Inst in = f_[v];
  const FormulaId whole = at(v).whole;
  if (whole && formulas_[whole].rank == 0) return whole;
  if (whole && formulas_[whole].kind == Formula::Kind::name) return subscripted(whole, subs);
  if (depth > kDeepest) return subscripted(named(v), subs);
  if (is_elementwise(v)) {
    std::vector<FormulaId> args;
    for (ValueId o : f_.operands(v)) args.push_back(element(o, subs, depth + 1));
    return elementwise(in.op, args, type(v).dtype);
  }
  if (in.op == "view"_op) return element_of_view(v, subs, depth);
  if (whole) return subscripted(whole, subs);
  if (in.op == "iota"_op) return subs[0];
  if (in.op == "view_adjoint"_op) return element_of_view_adjoint(v, subs, depth);
  if (in.op == "matmul"_op) return element_of_matmul(v, subs, depth);
  DLC_CHECK(in.op == "sum"_op || op_row(in.op).kind == OpKind::reduction, "every other op has a whole form");
  return element_of_reduction(v, subs, depth);
}

/// base[…] with the last of `subs`, as many as it has axes.
FormulaId ToFormula::subscripted(FormulaId base, const Subscripts& subs) {
  const size_t rank = static_cast<size_t>(formulas_[base].rank);
  Formula f{.kind = Formula::Kind::subscript, .args = {base}};
  f.args.insert(f.args.end(), subs.end() - static_cast<ptrdiff_t>(rank), subs.end());
  return formulas_.make(std::move(f), 0);
}

std::vector<Formula::Binder> ToFormula::bind(std::span<const DimId> extents, Subscripts& subs) {
  std::vector<Formula::Binder> binders;
  for (DimId extent : extents) {
    std::string name;
    for (int k = 0; name.empty(); ++k) {
      const std::string candidate = fmt::format("{}{}", "ijkl"[k % 4], k < 4 ? "" : fmt::format("{}", k / 4));
      if (!taken_.contains(candidate) && std::find(indices_.begin(), indices_.end(), candidate) == indices_.end())
        name = candidate;
    }
    indices_.push_back(name);
    subs.push_back(formulas_.name(name, latex_name(name), 0));
    binders.push_back({name, formulas_.number(0), size(extent)});
  }
  return binders;
}

FormulaId ToFormula::reduced(OpId op, std::vector<Formula::Binder> binders, FormulaId body, DType dtype) {
  Formula f{.kind = Formula::Kind::reduce, .op = op, .dtype = dtype, .args = {body}};
  f.binders = std::move(binders);
  return f.binders.empty() ? body : formulas_.make(std::move(f), 0);
}

// ---------------------------------------------------------------------------------------------------- guards

FormulaId ToFormula::compared(OpId op, FormulaId x, FormulaId y) {
  const FormulaId args[] = {x, y};
  return elementwise(op, args, DType::b1);
}

FormulaId ToFormula::both(FormulaId x, FormulaId y) {
  const FormulaId args[] = {x, y};
  return !x ? y : !y ? x : elementwise("and"_op, args, DType::b1);
}

FormulaId ToFormula::guarded(FormulaId condition, FormulaId body, DType dtype) {
  return condition ? formulas_.make({.kind = Formula::Kind::guard, .dtype = dtype, .args = {condition, body}}, 0)
                   : body;
}

// ----------------------------------------------------------------------------------------------------- views

/// Σ coefficient · subscript + offset
FormulaId ToFormula::affine(const ViewMap& map, int source_axis, const Subscripts& subs) {
  const FormulaId offset = size(map.offsets[static_cast<size_t>(source_axis)]);
  FormulaId total = formulas_.number(0);
  bool any_negative = false;
  for (int r = 0; r < map.result_rank(); ++r) {
    const int64_t c = map.at(source_axis, r);
    any_negative = any_negative || c < 0;
    if (c != 0)
      total = formulas_.added(
          total, formulas_.multiplied(formulas_.number(static_cast<double>(c)), subs[static_cast<size_t>(r)]), false);
  }
  return any_negative ? formulas_.added(offset, total, false) : formulas_.added(total, offset, false);
}

FormulaId ToFormula::element_of_view(ValueId v, const Subscripts& all_subs, int depth) {
  const ViewMap map = view_map(m_, f_[v].attr);
  const ValueId o = f_.operand(v, 0);
  // A silent broadcast may be asked for with the subscripts of what it is broadcast to.
  const Subscripts subs(all_subs.end() - map.result_rank(), all_subs.end());
  Subscripts inner;
  FormulaId condition;
  for (int s = 0; s < map.source_rank(); ++s) {
    const FormulaId position = affine(map, s, subs);
    inner.push_back(position);
    if (!map.guarded) continue;
    const DimTable& dims = m_.types.dims;
    const DimId extent = type(o).dims[static_cast<size_t>(s)], offset = map.offsets[static_cast<size_t>(s)];
    int64_t n_read = 0;
    bool is_below = false;    // position < extent because it is one subscript of an axis as long
    bool is_positive = true;  // 0 ≤ position because all it is made of is
    for (int r = 0; r < map.result_rank(); ++r) {
      n_read += std::abs(map.at(s, r));
      is_below = is_below || (map.at(s, r) == 1 && map.dims[static_cast<size_t>(r)] == extent);
      is_positive =
          is_positive && (map.at(s, r) == 0 || (map.at(s, r) > 0 && formulas_[subs[static_cast<size_t>(r)]].is_given));
    }
    if (n_read == 1 && is_below && dims.as_constant(offset) == 0) continue;
    if (!is_positive || !dims.is_provably_nonnegative(offset))
      condition = both(condition, compared("le"_op, formulas_.number(0), position));
    condition = both(condition, compared("lt"_op, position, size(extent)));
  }
  return guarded(condition, element(o, inner, depth + 1), type(v).dtype);
}

// x_bar[p] = Σ over j of y_bar[j] where C·j + offset = p
FormulaId ToFormula::element_of_view_adjoint(ValueId v, const Subscripts& subs, int depth) {
  const ViewMap map = view_map(m_, f_[v].attr);
  const size_t mark = indices_.size();
  Subscripts inner;
  std::vector<Formula::Binder> binders = bind(map.dims, inner);
  FormulaId condition;
  for (int s = 0; s < map.source_rank(); ++s)
    condition = both(condition, compared("eq"_op, affine(map, s, inner), subs[static_cast<size_t>(s)]));
  const FormulaId body = guarded(condition, element(f_.operand(v, 0), inner, depth + 1), type(v).dtype);
  indices_.resize(mark);
  return reduced("sum"_op, std::move(binders), body, type(v).dtype);
}

// ----------------------------------------------------------------------------------------------- reductions

FormulaId ToFormula::element_of_reduction(ValueId v, const Subscripts& subs, int depth) {
  const ValueId o = f_.operand(v, 0);
  const std::vector<int64_t> axes = m_[f_[v].attr].ints;
  const size_t mark = indices_.size();
  std::vector<DimId> extents;
  for (int64_t axis : axes) extents.push_back(type(o).dims[static_cast<size_t>(axis)]);
  Subscripts bound, inner;
  std::vector<Formula::Binder> binders = bind(extents, bound);
  size_t next_bound = 0, next_free = 0;
  for (int r = 0; r < type(o).rank(); ++r)
    inner.push_back(std::find(axes.begin(), axes.end(), r) != axes.end() ? bound[next_bound++] : subs[next_free++]);
  const FormulaId body = element(o, inner, depth + 1);
  indices_.resize(mark);
  return reduced(f_[v].op, std::move(binders), body, type(v).dtype);
}

// y[b, m, n] = Σ over k of a[b, m, k] · b[b, k, n]
FormulaId ToFormula::element_of_matmul(ValueId v, const Subscripts& subs, int depth) {
  const MatmulRanks r = matmul_ranks(m_, f_[v].attr);
  const ValueId a = f_.operand(v, 0), b = f_.operand(v, 1);
  const auto begin = subs.begin(), after_batch = begin + r.batch, after_m = after_batch + r.m;
  const size_t mark = indices_.size();
  Subscripts bound;
  const std::vector<DimId> a_dims = type(a).dims;
  std::vector<Formula::Binder> binders = bind(std::span(a_dims).subspan(static_cast<size_t>(r.batch + r.m)), bound);
  Subscripts of_a(begin, after_m), of_b(begin, after_batch);
  of_a.insert(of_a.end(), bound.begin(), bound.end());
  of_b.insert(of_b.end(), bound.begin(), bound.end());
  of_b.insert(of_b.end(), after_m, subs.end());
  const FormulaId body = formulas_.multiplied(element(a, of_a, depth + 1), element(b, of_b, depth + 1));
  indices_.resize(mark);
  return reduced("sum"_op, std::move(binders), body, type(v).dtype);
}

}  // namespace dlc
