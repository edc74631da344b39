// Reductions of index notation whose ranges are no box. A ragged one, `sum[b in 0..a](…)` under an index a, runs over the largest
// box and takes in what makes no difference outside of its range. One with an end known only when the program runs is a loop:
//
//   mean[j in 0..k](e)        →  (for j { total += e }) / k
//   argmax[j in 0..k](e)      →  for j { if e > best { (best, at) = (e, j) } }
//   logsumexp[j in 0..k](e)   →  that, then for j { rest += if j == at { 0 } else { exp(e - best) } }, and best + log1p(rest)
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {

/// An array of what leaves the reduction `word` as it is.
ValueId Lowering::neutral(std::string_view word, TypeId type, Loc l) {
  const Type t = types()[type];
  const bool of_max = word == "max" || word == "argmax" || word == "logsumexp", of_min = word == "min" || word == "argmin";
  if (t.dtype == DType::i64 && (of_max || of_min)) {
    using Ints = std::numeric_limits<int64_t>;
    return b().broadcast(b().constant_int(of_max ? Ints::min() : Ints::max(), l), t.dims, l);
  }
  return b().full(type, of_max ? -HUGE_VAL : of_min ? HUGE_VAL : word == "prod" || word == "all" ? 1 : 0, l);
}

// ---------------------------------------------------------------------------------------------------- ragged ranges

/// Every index must leave elements to what has no value of none.
bool Lowering::require_ragged_elements(const BinderSpec& binder, std::string_view word) {
  if (!binder.ragged || (word != "max" && word != "min" && word != "mean" && word != "argmax" && word != "argmin")) return true;
  DimId least, most;
  bool proven = true;
  const Span span = ast_[binder.range].span;
  if (!extremes(binder.ragged, least, most)) return true;  // reported with the range
  if (require(dims().sub(least, dims().constant(1)), least, span, proven, SizeCheck::Kind::elements)) return true;
  fail(size_error("empty-reduction"), span, fmt::format("`{}` of no elements has no value, and this range has {} at one end", word, dims().text(least)))
      .help("leave that index out by an `if`, under which nothing is checked");
  return false;
}

/// The body where the ragged ranges hold, else what makes no difference to the reduction `word`; for a mean with 1 or 0 beside.
Val Lowering::lower_ragged_body(const std::vector<BinderSpec>& binders, ExprId body, TypeId want, std::string_view word) {
  const Loc l = loc(ast_[body].span);
  ValueId inside;
  for (const BinderSpec& binder : binders) {
    if (!binder.ragged) continue;
    const ValueId holds = b().op("lt"_op, {make_size(dims().variable(binder.name.id), l), make_size(binder.ragged, l)}, l);
    inside = inside ? b().op("and"_op, {inside, holds}, l) : holds;
  }
  const Builder::IfBlocks blocks = b().begin_if({}, l);
  Region region = guarded_region(blocks, {});
  for (const BinderSpec& binder : binders)
    if (binder.ragged) region.facts[0].push_back(dims().sub(dims().sub(binder.ragged, dims().constant(1)), dims().variable(binder.name.id)));
  regions_.push_back(std::move(region));
  const Val v = lower_branch(body, want);
  std::optional<DType> dtype;
  if (v && shape_of(v).is_flexible) dtype = want && !types()[want].is_tuple() ? types()[want].dtype : shape_of(v).dtype;
  const ValueId x = v ? make(v, l.span, dtype) : ValueId{};
  bool ok = static_cast<bool>(x);
  if (ok) {
    const TypeId type = b().type_id(x);
    ok = !types()[type].is_tuple() && types()[type].dtype != DType::key;
    if (!ok) unsupported(l.span, fmt::format("`{}` of this over a range that depends on an index is", word));
    const auto with_count = [&](ValueId v, int64_t n) { return word == "mean" ? b().tuple(std::array{v, b().constant_int(n, l)}, l) : v; };
    if (ok) b().set_result(with_count(x, 1));
    regions_.back().in_second = true;
    if (ok) b().set_result(with_count(neutral(word, type, l), 0));
  }
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  regions_.pop_back();
  return ok ? value(b().end_if(blocks, inside, captures, l)) : Val{};
}

/// Of what `lower_ragged_body` made: (Σ values) / (Σ ones).
Val Lowering::ragged_mean(ValueId pairs, const std::vector<int>& axes, Span span) {
  const Loc l = loc(span);
  ValueId x = b().get(pairs, 0, l);
  const Type t = b().type(x);
  if (t.dtype == DType::b1) return reduce_value("mean", x, axes, span);  // which is an error
  if (t.dtype == DType::i64) x = b().convert(x, default_float(), l);
  const ValueId total = b().sum(x, axes, l), count = b().sum(b().get(pairs, 1, l), axes, l);
  const Type result = b().type(total);
  return value(b().op("div"_op, {total, b().broadcast(b().convert(count, result.dtype, l), result.dims, l)}, l));
}

// -------------------------------------------------------------------------------------------------- run-time ranges

/// Whether an end of a range is an int that is no size. What is made to find out is not used.
bool Lowering::has_dynamic_end(ExprId range) {
  const Expr& r = ast_[range];
  Diagnostics scratch;
  Diagnostics* const real = std::exchange(a_.diagnostics, &scratch);
  const bool failed = failed_, stopped = stopped_;
  const int n_draws = n_draws_;
  const std::vector<Update> updates = updates_;
  bool is_dynamic = false;
  for (ExprId end : {r.a, r.b}) {
    if (!end) continue;
    const Val v = lower(end);
    is_dynamic = is_dynamic || (v && v.kind != Val::Kind::function && !as_size(v) && shape_of(v).dtype == DType::i64 && shape_of(v).dims.empty());
  }
  a_.diagnostics = real;
  failed_ = failed, stopped_ = stopped, n_draws_ = n_draws, updates_ = updates;
  return is_dynamic;
}

/// One pass over the range. `next` gets the body's value and what is carried, and makes what is carried then; without it only
/// the type of the body is wanted, as one value. Empty after an error.
std::vector<ValueId> Lowering::pass_over(const RunTimeReduction& r, const std::vector<ValueId>& carried, const NextValues& next) {
  const Loc l = loc(r.span);
  const size_t mark = bindings_.size(), n_indices = indices_.size();
  const std::vector<ValueId> initial = carried.empty() ? std::vector{b().constant_int(0, l)} : carried;
  Region region;
  const BlockId block = region.first = b().begin_for(initial, {}, l);
  region.is_map = true, region.is_open_loop = true;  // it assigns nothing around it
  regions_.push_back(std::move(region));
  const std::vector<ValueId> params = a_.m[func_][block].params;
  if (key_) regions_.back().counter = params[0];
  bind_loop_index(r.binder.name, r.range, params[0]);
  const Val v = lower_branch(r.body, r.want);
  std::optional<DType> dtype;
  if (v && shape_of(v).is_flexible) dtype = r.want && !types()[r.want].is_tuple() && is_float(types()[r.want].dtype) ? types()[r.want].dtype : shape_of(v).dtype;
  const ValueId x = v ? make(v, ast_[r.body].span, dtype) : ValueId{};
  const Type t = x ? b().type(x) : Type{};
  const bool of_bools = r.word == "any" || r.word == "all";
  bool ok = x && !t.is_tuple() && t.dtype != DType::key;
  if (x && !ok) unsupported(r.span, fmt::format("`{}` of this over a range known only at run time is", r.word));
  if (ok && (t.dtype == DType::b1) != of_bools) {
    fail(sema_error("type-mismatch"), r.span, fmt::format("`{}` reduces {}, and this is {}", r.word, of_bools ? "bools" : "numbers", types().text(b().type_id(x))));
    ok = false;
  }
  std::vector<ValueId> results;
  if (ok && !next) results = {x};
  if (ok && next) b().set_result(b().joined(next(x, params[0], std::span(params).subspan(1, initial.size())), l));
  pop_scope(mark);
  indices_.resize(n_indices);
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  regions_.pop_back();
  if (!ok) return failed_ = true, results;
  if (!next) return results;
  LoopOptions options;
  options.bound = r.range.bound;
  const ValueId all = b().end_for(block, r.range.count, initial, captures, options, l);
  for (size_t k = 0; k < initial.size(); ++k) results.push_back(b().part(all, initial.size(), k, l));
  return results;
}

/// What a reduction starts from that has no value over an empty range: an error there.
ValueId Lowering::if_any(const RunTimeReduction& r, ValueId v) { return if_positive(r.range.count, v, loc(ast_[r.binder.range].span)); }

/// `v`, an error where the number of elements that it was made of is not positive.
ValueId Lowering::if_positive(ValueId count, ValueId v, Loc l) {
  std::vector<DimId> dims = b().type(v).dims;
  dims.insert(dims.begin(), this->dims().constant(1));
  const ValueId zero = b().constant_int(0, l), has_elements = b().op("gt"_op, {count, zero}, l);
  return b().index(b().broadcast(v, dims, l), std::array{b().op("select"_op, {has_elements, zero, b().constant_int(-1, l)}, l)}, Bounds::nonempty, l);
}

/// `sum[j in 1..k](body)` where k is known only when the program runs: a loop that adds up.
Val Lowering::lower_dynamic_reduction(const BinderSpec& binder, ExprId body, std::string_view word, TypeId want, Span span) {
  const auto range = lower_loop_range(binder.range);
  if (!range) return failed_ = true, Val{};
  const RunTimeReduction r{binder, *range, body, want, word, span};
  const std::vector<ValueId> sample = pass_over(r, {}, {});
  if (sample.empty()) return {};
  const Loc l = loc(span);
  Type t = b().type(sample[0]);
  const bool wants_float = word == "mean" || word == "logsumexp";
  if (wants_float && !is_float(t.dtype)) t.dtype = default_float();
  if (word == "argmax" || word == "argmin" || word == "logsumexp") return lower_position(r, types().array(t.dtype, t.dims));
  const OpId op = word == "prod" ? "mul"_op : word == "max" ? "max"_op : word == "min" ? "min"_op : word == "any" ? "or"_op : word == "all" ? "and"_op : "add"_op;
  ValueId initial = neutral(word, types().array(t.dtype, t.dims), l);
  if (word == "max" || word == "min") initial = if_any(r, initial);
  const std::vector<ValueId> total = pass_over(r, {initial}, [&](ValueId x, ValueId, std::span<const ValueId> before) {
    return std::vector{b().op(op, {before[0], b().convert(x, t.dtype, l)}, l)};
  });
  if (total.empty() || word != "mean") return total.empty() ? Val{} : value(total[0]);
  return value(b().op("div"_op, {total[0], b().broadcast(b().convert(if_any(r, range->count), t.dtype, l), t.dims, l)}, l));
}

/// `argmax`, `argmin`: the index of the first extreme. `logsumexp`: in a second pass, of which the prelude's has the reasons.
Val Lowering::lower_position(const RunTimeReduction& r, TypeId type) {
  const Loc l = loc(r.span);
  const Type t = types()[type];
  const bool is_sum = r.word == "logsumexp";
  const OpId beats = r.word == "argmin" ? "lt"_op : "gt"_op;
  const auto spread = [&](ValueId v) { return b().broadcast(v, t.dims, l); };
  const int n_draws = n_draws_;
  const std::vector<ValueId> first = pass_over(r, {if_any(r, neutral(r.word, type, l)), spread(is_sum ? b().constant_int(0, l) : r.range.first)},
                                               [&](ValueId x, ValueId step, std::span<const ValueId> before) {
    const ValueId at = is_sum ? step : make(find(r.binder.name.id)->val, r.span);
    x = b().convert(x, t.dtype, l);
    ValueId better = b().op(beats, {x, before[0]}, l);
    if (is_sum) better = b().op("or"_op, {better, b().op("ne"_op, {x, x}, l)}, l);  // one nan makes the result one
    return std::vector{b().op("select"_op, {better, x, before[0]}, l), b().op("select"_op, {better, spread(at), before[1]}, l)};
  });
  if (first.empty() || !is_sum) return first.empty() ? Val{} : value(first[1]);
  const ValueId best = first[0], inf = spread(b().constant(HUGE_VAL, t.dtype, l));
  const ValueId is_finite = b().op("lt"_op, {b().op("abs"_op, {best}, l), inf}, l);
  const BlockId outer = regions_.back().block();
  n_draws_ = n_draws;  // the body is computed again, of the same numbers
  const std::vector<ValueId> rest = pass_over(r, {b().zeros(type, l)}, [&](ValueId x, ValueId step, std::span<const ValueId> before) {
    const ValueId zero = b().zeros(type, l), is_best = b().op("eq"_op, {spread(step), bring(first[1], outer)}, l);
    const ValueId below = b().op("sub"_op, {b().convert(x, t.dtype, l), bring(best, outer)}, l);
    const ValueId part = b().op("exp"_op, {b().op("select"_op, {bring(is_finite, outer), below, zero}, l)}, l);
    return std::vector{b().op("add"_op, {before[0], b().op("select"_op, {is_best, zero, part}, l)}, l)};
  });
  if (rest.empty()) return {};
  const ValueId sum = b().op("add"_op, {best, b().op("log1p"_op, {rest[0]}, l)}, l);
  return value(b().op("select"_op, {is_finite, sum, best}, l));
}

}  // namespace dlc::sema
