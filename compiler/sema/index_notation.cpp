// Index notation: `let C[i, k] = e` and `sum[j](e)`. Both make a `map` over the box of the indices; a reduction then
// reduces its leading axes. While the body is lowered an index is a size variable of its own name, so subscripts are
// polynomials whose bounds can be decided on symbols.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "ir/form.h"
#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {

// ------------------------------------------------------------------------------------- ranges from subscripts

/// The shape of a subscripted expression, as far as it is known before the indices are bound. An absent size is one
/// that is not known.
std::optional<std::vector<DimId>> Lowering::dims_of(ExprId id) {
  id = ast_.strip_parens(id);
  const Expr& e = ast_[id];
  if (e.kind != ExprKind::index && find_layer(id)) {
    const DimId copies = copies_of_layer(id);
    return copies ? std::vector{copies} : std::vector<DimId>{};
  }
  if (e.kind == ExprKind::index) {
    const auto base = dims_of(e.a);
    const std::span<const Arg> args = ast_[e.args];
    if (!base || args.size() > base->size()) return std::nullopt;
    std::vector<DimId> left;
    for (size_t k = 0; k < base->size(); ++k) {
      const bool is_all = k >= args.size() || args[k].kind == ArgKind::all;
      if (is_all) left.push_back((*base)[k]);
      else if (args[k].value && ast_[args[k].value].kind == ExprKind::range) left.push_back({});
    }
    return left;
  }
  if (e.kind == ExprKind::name) {
    const Binding* binding = find(e.name);
    if (!binding || !binding->val || binding->val.kind == Val::Kind::function) return std::nullopt;
    return shape_of(binding->val).dims;
  }
  // Anything else is lowered for its type; what it makes here is not used.
  Diagnostics scratch;
  Diagnostics* const real = std::exchange(a_.diagnostics, &scratch);
  const bool failed = failed_, stopped = stopped_;
  const size_t n_regions = regions_.size(), n_bindings = bindings_.size(), n_indices = indices_.size();
  const Val v = lower(id);
  DLC_CHECK(regions_.size() == n_regions && indices_.size() == n_indices, "a failed expression leaves no region open");
  pop_scope(n_bindings);
  a_.diagnostics = real;
  failed_ = failed, stopped_ = stopped;
  if (!v || v.kind == Val::Kind::function) return std::nullopt;
  return shape_of(v).dims;
}

/// Every place in `e` where `name` alone is a subscript; `seen`: it is used at all.
void Lowering::collect_uses(ExprId id, StrId name, std::vector<std::pair<DimId, ExprId>>& uses, bool& seen) {
  if (!id) return;
  for (ExprId at : ast_.left_spine(id)) {
    const Expr& e = ast_[at];
    switch (e.kind) {
      case ExprKind::name: seen = seen || e.name == name; break;
      case ExprKind::binary: collect_uses(e.b, name, uses, seen); break;  // `a` is the spine's own
      case ExprKind::paren:
      case ExprKind::unary:
      case ExprKind::field: collect_uses(e.a, name, uses, seen); break;
      case ExprKind::range:
        collect_uses(e.a, name, uses, seen), collect_uses(e.b, name, uses, seen), collect_uses(e.c, name, uses, seen);
        break;
      case ExprKind::if_:
        collect_uses(e.a, name, uses, seen), collect_uses(e.b, name, uses, seen), collect_uses(e.c, name, uses, seen);
        break;
      case ExprKind::block: collect_uses_in_block(e, name, uses, seen); break;
      case ExprKind::function: collect_uses_in_function(e.fn, name, uses, seen); break;
      case ExprKind::tuple:
      case ExprKind::array:
        for (const Arg& a : ast_[e.args]) collect_uses(a.value, name, uses, seen);
        break;
      case ExprKind::call: {
        const Expr& callee = ast_[ast_.strip_parens(e.a)];
        // The brackets of a callee hold binders or sizes, never subscripts.
        if (callee.kind == ExprKind::index)
          for (const Arg& a : ast_[callee.args]) collect_uses(a.value, name, uses, seen);
        else if (callee.kind != ExprKind::name) collect_uses(e.a, name, uses, seen);
        for (const Arg& a : ast_[e.args]) collect_uses(a.value, name, uses, seen);
        break;
      }
      case ExprKind::index: {
        collect_uses(e.a, name, uses, seen);
        const std::span<const Arg> args = ast_[e.args];
        std::optional<std::vector<DimId>> shape;
        for (size_t k = 0; k < args.size(); ++k) {
          if (!args[k].value) continue;
          const Expr& sub = ast_[ast_.strip_parens(args[k].value)];
          if (args[k].kind != ArgKind::value || sub.kind != ExprKind::name || sub.name != name) {
            collect_uses(args[k].value, name, uses, seen);
            continue;
          }
          seen = true;
          if (!shape) shape = dims_of(e.a);
          if (shape && k < shape->size() && (*shape)[k]) uses.push_back({(*shape)[k], at});
        }
        break;
      }
      default: break;
    }
  }
}

void Lowering::collect_uses_in_block(const Expr& block, StrId name, std::vector<std::pair<DimId, ExprId>>& uses, bool& seen) {
  for (StmtId id : ast_[block.stmts]) {
    const Stmt& s = ast_[id];
    collect_uses(s.value, name, uses, seen);
    collect_uses(s.target, name, uses, seen);
    for (const Binder& binder : ast_[s.binders]) collect_uses(binder.range, name, uses, seen);
    if (s.fn) collect_uses_in_function(s.fn, name, uses, seen);
  }
  collect_uses(block.a, name, uses, seen);
}

/// What captures the index, unless a parameter has its name.
void Lowering::collect_uses_in_function(FnId id, StrId name, std::vector<std::pair<DimId, ExprId>>& uses, bool& seen) {
  const std::span<const Param> params = ast_[ast_[id].params];
  if (std::none_of(params.begin(), params.end(), [&](const Param& p) { return p.name.id == name; })) collect_uses(ast_[id].body, name, uses, seen);
}

bool Lowering::range_from_uses(BinderSpec& binder, ExprId body) {
  std::vector<std::pair<DimId, ExprId>> uses;
  bool seen = false;
  collect_uses(body, binder.name.id, uses, seen);
  const std::string_view name = str(binder.name.id);
  if (uses.empty()) {
    // Its array's shape may be unknown because of an error that the body will report.
    const DiagnosticKind& kind = seen ? sema_error("binder-range-unknown") : sema_error("binder-unused");
    Diagnostic& d = fail(kind, binder.name.span, seen ? fmt::format("the range of the index `{}` is not known", name)
                                                      : fmt::format("the index `{}` is never used", name));
    if (seen) d.rule("a range is inferred where the index alone is a subscript, as in `x[i]`");
    d.help(fmt::format("give the range: `{} in 0..n`", name));
    return false;
  }
  for (const auto& [size, where] : uses)
    if (size != uses[0].first && !are_equal_here({size}, {uses[0].first}, regions_.back().in_second)) {
      Diagnostic& d = fail(sema_error("binder-range-conflict"), binder.name.span,
                           fmt::format("the index `{}` runs over two sizes: {} and {}", name, dims().text(uses[0].first), dims().text(size)));
      d.label(ast_[uses[0].second].span, fmt::format("here over {}", dims().text(uses[0].first)));
      d.label(ast_[where].span, fmt::format("here over {}", dims().text(size)));
      label_sizes(d, uses[0].first), label_sizes(d, size);
      return false;
    }
  binder.dims = {dims().constant(0), uses[0].first, 1};
  return true;
}

/// The box of a ragged range may be larger than its rows. The longest of them is `n - 1` elements for `0..i` below n, which is
/// negative where n is 0 and there are no rows: then it is one more.
DimId Lowering::padded(DimId longest) {
  std::map<StrId, int64_t> nothing;
  for (StrId v : dims().variables(longest)) nothing[v] = 0;
  const auto least = dims().evaluate(longest, nothing);
  return least && *least < 0 ? dims().sub(longest, dims().constant(*least)) : longest;
}

bool Lowering::infer_ranges(std::vector<BinderSpec>& binders, ExprId body, Span span) {
  bool ok = true;
  for (size_t k = 0; k < binders.size(); ++k) {
    BinderSpec& binder = binders[k];
    Binding* taken = find(binder.name.id);
    Span first = taken ? taken->span : Span{};
    if (const TopLevel* top = top_level(binder.name.id); !taken && top && top->kind == TopLevel::Kind::constant) first = top->span;
    for (size_t j = 0; j < k; ++j)
      if (binders[j].name.id == binder.name.id) first = binders[j].name.span;
    if (first) {
      fail(sema_error("binder-reuses-name"), binder.name.span, fmt::format("the index `{}` reuses a name that is in scope", str(binder.name.id)))
          .label(first, "declared here");
      ok = false;
      continue;
    }
    if (!binder.range) {
      ok = range_from_uses(binder, body) && ok;
      continue;
    }
    // The range of a reduction's index may depend on the indices before it, which are in scope here and nowhere else.
    const size_t mark = bindings_.size(), n_indices = indices_.size();
    for (size_t j = 0; j < k && ok; ++j) bind_index(binders[j], {}, {});
    binder.dims = lower_range(binder.range, {}, false);
    if (binder.dims && (has_binder(binder.dims.lo) || has_binder(binder.dims.extent))) {
      binder.ragged = binder.dims.extent;
      DimId least;
      if (!extremes(binder.ragged, least, binder.dims.extent)) {
        fail(sema_error("ragged-range"), ast_[binder.range].span, "this range is not a sum of indices with constant factors");
        binder.dims = {};
      } else {
        binder.dims.extent = padded(binder.dims.extent);
      }
    }
    pop_scope(mark);
    indices_.resize(n_indices);
    ok = ok && binder.dims;
    bool proven = true;
    if (ok && !require(binder.dims.extent, binder.dims.extent, ast_[binder.range].span, proven, SizeCheck::Kind::size)) {
      fail(size_error("index-out-of-range"), ast_[binder.range].span, fmt::format("this range has {} elements", dims().text(binder.dims.extent)));
      ok = false;
    }
  }
  if (binders.size() > kMaxRank) return fail(sema_error("rank-too-large"), span, "an array has at most 32 axes"), false;
  return ok;
}

// ------------------------------------------------------------------------------------------------------ maps

/// The name of an index: a size variable, so that subscripts are polynomials in it. `step` counts from 0.
void Lowering::bind_index(const BinderSpec& binder, ValueId step, BlockId block) {
  indices_.push_back({binder.name.id, binder.dims.extent, step, block});
  const DimId position = dims().mul(dims().constant(binder.dims.step), dims().variable(binder.name.id));
  Binding binding;
  binding.name = binder.name.id, binding.kind = Binding::Kind::binder, binding.span = binder.name.span;
  binding.val = size_value(dims().add(binder.dims.lo, position), binder.name.span);
  bind(std::move(binding));
}

/// `word`: the reduction that the map is made for, empty for a `let`.
Val Lowering::lower_map(std::vector<BinderSpec>& binders, ExprId body, TypeId want, Span span, std::string_view word) {
  if (!func_) return fail(sema_error("const-not-constant"), span, "this is not a constant expression"), Val{};
  if (!infer_ranges(binders, body, span)) return failed_ = true, Val{};
  bool is_ragged = false;
  for (const BinderSpec& binder : binders) {
    is_ragged = is_ragged || binder.ragged;
    if (!binder.ragged || !word.empty()) continue;
    fail(sema_error("ragged-range"), ast_[binder.range].span, fmt::format("the range of `{}` depends on another index", str(binder.name.id)))
        .rule("only a reduction may be ragged: an array has the same number of elements in every row")
        .help("give the whole range, and write `if j < i { … } else { 0 }`");
    return {};
  }
  std::vector<DimId> extents;
  std::vector<StrId> names;
  for (const BinderSpec& binder : binders) extents.push_back(binder.dims.extent), names.push_back(binder.name.id);
  const Loc l = loc(span);
  Region region;
  region.first = b().begin_map(extents, names, {}, l);
  region.is_map = true;
  const std::vector<ValueId> params = a_.m[func_][region.first].params;
  const size_t mark = bindings_.size(), n_indices = indices_.size();
  regions_.push_back(std::move(region));
  for (size_t k = 0; k < binders.size(); ++k) bind_index(binders[k], params[k], regions_.back().first);
  const bool has_elements = std::all_of(binders.begin(), binders.end(), [&](const BinderSpec& binder) { return require_ragged_elements(binder, word); });
  const Val v = !has_elements ? Val{} : is_ragged ? lower_ragged_body(binders, body, want, word) : lower_branch(body, want);
  std::optional<DType> dtype;
  if (want && !types()[want].is_tuple() && shape_of(v).is_flexible) dtype = types()[want].dtype;
  if (dtype == DType::i64 && shape_of(v).wants_float) dtype.reset();
  if (dtype && *dtype != DType::i64 && !is_float(*dtype)) dtype.reset();
  ValueId result = v ? make(v, ast_[body].span, dtype) : ValueId{};
  if (result) {
    if (b().type(result).rank() + extents.size() > kMaxRank) {
      fail(sema_error("rank-too-large"), span, "an array has at most 32 axes");
      result = {};
    } else {
      b().set_result(result);
    }
  }
  pop_scope(mark);
  indices_.resize(n_indices);
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  const BlockId block = regions_.back().first;
  regions_.pop_back();
  if (!result) return failed_ = true, Val{};
  return value(b().end_map(block, extents, captures, l));
}

/// `name[binders](body)`.
Val Lowering::lower_reduction(StrId name, const Expr& callee, const Expr& call, TypeId want) {
  std::vector<BinderSpec> binders;
  for (const Arg& arg : ast_[callee.args]) {
    const Expr* e = arg.value ? &ast_[ast_.strip_parens(arg.value)] : nullptr;
    if (arg.kind == ArgKind::binder) binders.push_back({arg.name, arg.value, {}, {}});
    else if (arg.kind == ArgKind::value && e->kind == ExprKind::name) binders.push_back({{e->name, e->span}, {}, {}, {}});
    else return fail(sema_error("bad-binder"), arg.span, fmt::format("an index of `{}[…]` is a name, with an optional range", str(name))), Val{};
  }
  const std::span<const Arg> args = ast_[call.args];
  if (args.size() != 1 || args[0].kind != ArgKind::value) {
    fail(sema_error("argument-count"), call.mark, fmt::format("`{}[…](body)` takes one body, not {}", str(name), args.size()));
    return {};
  }
  if (binders.empty()) return fail(sema_error("bad-binder"), callee.mark, "a reduction binds at least one index"), Val{};
  const std::string_view word = str(name);
  const bool is_position = word == "argmax" || word == "argmin";
  if (is_position && binders.size() != 1)
    return fail(sema_error("bad-binder"), callee.mark, fmt::format("`{}` binds one index", word)), Val{};
  if (binders.size() == 1 && binders[0].range && func_ && has_dynamic_end(binders[0].range))
    return lower_dynamic_reduction(binders[0], args[0].value, word, is_position ? TypeId{} : want, call.span);
  // What an `argmax` compares has nothing to do with the int that it gives.
  const Val all = lower_map(binders, args[0].value, is_position ? TypeId{} : want, call.span, word);
  if (!all) return {};
  std::vector<int> axes;
  for (size_t k = 0; k < binders.size(); ++k) axes.push_back(static_cast<int>(k));
  const ValueId x = make(all, call.span);
  const bool is_ragged = std::any_of(binders.begin(), binders.end(), [](const BinderSpec& binder) { return static_cast<bool>(binder.ragged); });
  if (word == "mean" && is_ragged) return ragged_mean(x, axes, call.span);
  Val result = reduce_value(word, x, axes, call.span);
  if (!result || !is_position) return result;
  ValueId at = make(result, call.span);
  const RangeDims& range = binders[0].dims;
  if (range.step != 1) at = b().op("mul"_op, {at, b().constant_int(range.step, loc(call.span))}, loc(call.span));
  if (dims().as_constant(range.lo) != 0) at = b().op("add"_op, {at, make_size(range.lo, loc(call.span))}, loc(call.span));
  return value(at);
}

}  // namespace dlc::sema
