// Derivative requests, see derive.h.
#include "ad/derive.h"

#include <fmt/format.h>

#include <unordered_set>

#include "ad/elements.h"
#include "ad/errors.h"
#include "ad/forward.h"
#include "ad/jacobian.h"
#include "ad/reverse.h"
#include "base/check.h"
#include "ops/request.h"
#include "ops/request_errors.h"
#include "ops/table.h"

namespace dlc {
namespace {

using Kind = DerivativeRequest::Kind;

std::vector<DimId> sizes_of(Module& m, const Func& f) {
  std::vector<DimId> sizes;
  for (StrId name : f.size_vars) sizes.push_back(m.types.dims.variable(name));
  return sizes;
}

/// `f`, or what it is a derivative of, by the user's name.
std::string described(const Module& m, FuncId f) {
  if (!m[f].request) return fmt::format("`{}`", m[f].name);
  while (m[f].request) f = m[f].request->base;
  return fmt::format("a derivative of `{}`", m[f].name);
}

/// The position of parameter `param` among the active ones.
size_t rank_among_active(const Wrt& wrt, int param) {
  size_t rank = 0;
  for (int k = 0; k < param; ++k) rank += wrt.active[static_cast<size_t>(k)] ? 1 : 0;
  return rank;
}

class Deriver {
 public:
  Deriver(Module& m, Diagnostics& diagnostics, const DerivePasses& passes) : m_(m), diagnostics_(diagnostics), passes_(passes) {}

  bool derive(FuncId id) {
    if (!m_[id].request || m_[id].body().result) return true;
    const DerivativeRequest request = *m_[id].request;
    if (!in_progress_.insert(id).second) return needs_itself(id, request);
    bool ok = prepare(request.base);
    if (ok && passes_.normalise) passes_.normalise(request.base);
    ok = ok && check(id, request) && fill(id, request);
    in_progress_.erase(id);
    return ok;
  }

 private:
  /// Derives every request that `f` is or calls, so that it can be differentiated itself.
  bool prepare(FuncId f) {
    if (!prepared_.insert(f).second) return true;
    if (!derive(f)) return false;
    std::vector<FuncId> callees;
    if (m_[f].rule) callees.push_back(m_[f].rule);
    for (const Inst& in : m_[f].insts)
      if (in.op == "call"_op) callees.push_back(m_[in.attr].func);
    for (FuncId callee : callees)
      if (!prepare(callee)) return false;
    return true;
  }

  /// A derivative that is wanted for itself: by a declared one, or by what recurs on sizes.
  bool needs_itself(FuncId id, const DerivativeRequest& request) {
    const FuncId rule = m_[request.base].rule;
    Diagnostic& d = diagnostics_.error(find_kind<kAdErrors>("no-derivative"), m_[id].loc.span,
                                       fmt::format("{} needs itself: {}", described(m_, id), rule ? "the declared derivative differentiates the function that it is for" : "the function differentiates itself"));
    if (rule) d.label(m_[rule].loc.span, "declared here").help("write the derivative of its body, or of another function that computes the same");
    return false;
  }

  Wrt wrt_of(const DerivativeRequest& request) const {
    Wrt wrt(std::vector<bool>(m_[request.base].body().params.size()), request.of);
    for (int k : request.wrt) wrt.active[static_cast<size_t>(k)] = true;
    return wrt;
  }

  bool check(FuncId id, const DerivativeRequest& request) {
    const Func& base = m_[request.base];
    const Span span = m_[id].loc.span;
    for (size_t k = 0; k < request.wrt.size(); ++k) {
      const Inst p = base[base.body().params[static_cast<size_t>(request.wrt[k])]];
      const WrtItem item = wrt_item(m_, request, k);
      if (m_.types.all_float(item.type)) continue;
      diagnostics_.error(request_error("not-differentiable"), span,
                         fmt::format("`{}` is {}, and only floats have a derivative", m_.strings[item.name], m_.types.text(item.type)))
          .label(p.loc.span, "declared here");
      return false;
    }
    const TypeId part = differentiated_type(m_, base, wrt_of(request));
    const Type t = m_.types[part];
    const bool is_scalar = is_float(t.dtype) && t.rank() == 0;
    const bool is_gradient = request.kind != Kind::jvp && request.kind != Kind::vjp && request.kind != Kind::jacobian;
    if (!m_.types.all_float(part)) {
      diagnostics_.error(request_error("not-differentiable"), span,
                         fmt::format("{} returns {}, and only floats have a derivative", described(m_, request.base), m_.types.text(part)))
          .label(base.loc.span, fmt::format("returns {}", m_.types.text(base.result_type())));
      return false;
    }
    if (is_gradient && !is_scalar) {
      diagnostics_.error(request_error("grad-of-array"), span,
                         fmt::format("`{}` differentiates a scalar, and {} returns {}", kind_name(request.kind), described(m_, request.base), m_.types.text(part)))
          .label(base.loc.span, fmt::format("returns {}", m_.types.text(base.result_type())))
          .help("use `jvp` or `vjp` with a direction, or reduce the result");
      return false;
    }
    if (request.mode == Mode::symbolic && !is_scalar) {
      diagnostics_.error(find_kind<kAdErrors>("mode-not-possible"), span,
                         fmt::format("mode = symbolic differentiates one float, and {} returns {}", described(m_, request.base), m_.types.text(part)))
          .help("use mode = forward, reverse or numeric");
      return false;
    }
    return true;
  }

  bool fill(FuncId id, const DerivativeRequest& request) {
    if (!request.paths.empty()) return fill_paths(id, request);
    if (request.kind == Kind::hessian || request.kind == Kind::hvp) return fill_second(id, request);
    Builder b(m_, id, BlockId{0});
    const Wrt wrt = wrt_of(request);
    const std::vector<ValueId> params = b.func().body().params;
    const size_t n_base = wrt.active.size();
    const std::vector<ValueId> args(params.begin(), params.begin() + static_cast<ptrdiff_t>(n_base));
    const std::vector<ValueId> extra(params.begin() + static_cast<ptrdiff_t>(n_base), params.end());
    const Loc loc = m_[id].loc;
    ValueId value;
    std::vector<ValueId> parts;  // of the derivative, in the order of request.wrt
    if (request.kind == Kind::jvp) {
      DLC_CHECK(extra.size() == request.wrt.size(), "a jvp has a direction for each parameter in wrt");
      const ValueId both = directional(b, request, wrt, args, extra, loc);
      if (!both) return false;
      value = b.get(both, 0, loc);
      parts = {b.get(both, 1, loc)};
    } else if (request.kind == Kind::jacobian && !is_scalar_float(differentiated_type(m_, m_[request.base], wrt))) {
      const FuncId f = request.mode == Mode::reverse ? jacobian_by_rows(m_, request.base, wrt, diagnostics_)
                                                     : jacobian_by_columns(m_, request.base, wrt, request.mode == Mode::forward ? Along::tangent : Along::difference, diagnostics_);
      if (!f) return false;
      const ValueId all = b.call(f, sizes_of(m_, m_[f]), args, loc);
      value = b.get(all, 0, loc);
      for (int k : request.wrt) parts.push_back(b.get(all, 1 + static_cast<int>(rank_among_active(wrt, k)), loc));
    } else {
      const ValueId bar = request.kind == Kind::vjp ? extra.at(0) : ValueId{};
      const ValueId all = pulled_back(b, request, wrt, args, bar, loc);
      if (!all) return false;
      value = b.get(all, 0, loc);
      for (int k : request.wrt) parts.push_back(b.get(all, 1 + static_cast<int>(rank_among_active(wrt, k)), loc));
    }
    b.set_result(assembled(b, request, value, parts, loc));
    return has_declared_type(id);
  }

  bool is_scalar_float(TypeId t) const { return is_float(m_.types[t].dtype) && m_.types[t].rank() == 0; }

  /// The request `sub` with a body; absent after an error.
  FuncId derived(const DerivativeRequest& sub, Loc loc) {
    const FuncId f = request_function(m_, sub, loc);
    return derive(f) ? f : FuncId{};
  }

  // wrt = s.h: a function that takes s.h once more, and puts it into s, is differentiated by that.
  bool fill_paths(FuncId id, const DerivativeRequest& request) {
    const Loc loc = m_[id].loc;
    const FuncId at = start_function(m_, m_[request.base].name + ".at", m_[request.base]);
    Builder inner(m_, at, BlockId{0}), b(m_, id, BlockId{0});
    std::vector<ValueId> moved = m_[at].body().params;
    const std::vector<ValueId> params = m_[id].body().params;
    const auto n_base = static_cast<ptrdiff_t>(moved.size());
    std::vector<ValueId> args(params.begin(), params.begin() + n_base);
    DerivativeRequest whole = request;
    whole.base = at, whole.paths.clear();
    for (size_t k = 0; k < request.wrt.size(); ++k) {
      if (request.paths[k].empty()) continue;
      const auto param = static_cast<size_t>(request.wrt[k]);
      const WrtItem item = wrt_item(m_, request, k);
      whole.wrt[k] = static_cast<int>(m_[at].body().params.size());
      const ValueId own = append_param(m_, m_[at], BlockId{0}, "param"_op, item.type, item.name, loc);
      moved[param] = with_field(inner, moved[param], request.paths[k], own, loc);
      ValueId value = args[param];
      for (int field : request.paths[k]) value = b.get(value, field, loc);
      args.push_back(value);
    }
    inner.set_result(inner.call(request.base, sizes_of(m_, m_[request.base]), moved, loc));
    const FuncId f = derived(whole, loc);
    if (!f) return false;
    args.insert(args.end(), params.begin() + n_base, params.end());
    b.set_result(b.call(f, sizes_of(m_, m_[f]), args, loc));
    return has_declared_type(id);
  }

  /// `tuple` with another value at the end of the path.
  ValueId with_field(Builder& b, ValueId tuple, std::span<const int> path, ValueId value, Loc loc) {
    if (path.empty()) return value;
    std::vector<ValueId> fields;
    for (int k = 0; k < static_cast<int>(b.type(tuple).fields.size()); ++k) {
      const ValueId field = b.get(tuple, k, loc);
      fields.push_back(k == path[0] ? with_field(b, field, path.subspan(1), value, loc) : field);
    }
    return b.tuple(fields, b.type_id(tuple), loc);
  }

  // The derivative of the gradient: all of it, or along a direction. The gradient is in reverse mode, whose derivative is
  // taken in the mode that is asked for; symbolic is a closed gradient, whose derivative is closed too where it is a number.
  bool fill_second(FuncId id, const DerivativeRequest& request) {
    const Loc loc = m_[id].loc;
    const bool is_symbolic = request.mode == Mode::symbolic;
    DerivativeRequest first = request;
    first.kind = Kind::grad, first.with_value = false, first.mode = is_symbolic ? Mode::symbolic : Mode::reverse;
    const FuncId gradient = derived(first, loc);
    if (!gradient) return false;
    DerivativeRequest second = request;
    second.kind = request.kind == Kind::hvp ? Kind::jvp : Kind::jacobian, second.base = gradient, second.with_value = false, second.of = -1;
    if (is_symbolic && !is_scalar_float(m_[gradient].result_type())) second.mode = Mode::forward;
    const FuncId f = derived(second, loc);
    if (!f) return false;
    Builder b(m_, id, BlockId{0});
    const std::vector<ValueId> params = b.func().body().params;
    ValueId result = b.call(f, sizes_of(m_, m_[f]), params, loc);
    if (request.kind == Kind::hessian && request.is_list) result = rows_first(b, result, loc);
    if (request.with_value) {
      const auto n_base = m_[request.base].body().params.size();
      const ValueId value = b.call(request.base, sizes_of(m_, m_[request.base]), std::span(params).first(n_base), loc);
      const ValueId both[] = {value, result};
      result = b.tuple(both, loc);
    }
    b.set_result(result);
    return has_declared_type(id);
  }

  bool has_declared_type(FuncId id) const {
    const TypeId declared = m_[id].declared_result;
    DLC_CHECK(!declared || declared == m_[id].result_type(), "a derivative has the type its request declared");
    return true;
  }

  /// J.b.a, the derivative by b of the gradient by a, becomes h.a.b.
  ValueId rows_first(Builder& b, ValueId jacobian, Loc loc) {
    const Type t = b.type(jacobian);
    const int n = static_cast<int>(t.fields.size());
    std::vector<ValueId> rows;
    std::vector<Field> row_fields;
    for (int i = 0; i < n; ++i) {
      std::vector<ValueId> row;
      std::vector<Field> fields;
      for (int j = 0; j < n; ++j) {
        row.push_back(b.get(b.get(jacobian, j, loc), i, loc));
        fields.push_back({t.fields[static_cast<size_t>(j)].name, b.type_id(row.back())});
      }
      rows.push_back(b.tuple(row, m_.types.tuple(std::move(fields)), loc));
      row_fields.push_back({t.fields[static_cast<size_t>(i)].name, b.type_id(rows.back())});
    }
    return b.tuple(rows, m_.types.tuple(std::move(row_fields)), loc);
  }

  /// (y, dy)
  ValueId directional(Builder& b, const DerivativeRequest& request, const Wrt& wrt, const std::vector<ValueId>& args,
                      const std::vector<ValueId>& directions, Loc loc) {
    std::vector<ValueId> in_order(directions.size());
    for (size_t k = 0; k < directions.size(); ++k) in_order[rank_among_active(wrt, request.wrt[k])] = directions[k];
    if (request.mode == Mode::symbolic) return directional_symbolic(b, request, wrt, args, in_order, loc);
    if (request.mode == Mode::reverse) return directional_reverse(b, request, wrt, args, in_order, loc);
    const FuncId f = request.mode == Mode::forward ? forward(m_, request.base, wrt, diagnostics_)
                                                   : numeric_jvp(m_, request.base, wrt, diagnostics_);
    if (!f) return {};
    std::vector<ValueId> all = args;
    all.insert(all.end(), in_order.begin(), in_order.end());
    return b.call(f, sizes_of(m_, m_[f]), all, loc);
  }

  // vjp(x, bar) is linear in bar: its transpose, the vjp of it in `bar`, takes dx to f'(x)·dx. The value of `bar` does
  // not matter; strong zeros keep their derivative in it (ad/carry.h), so 0 will do.
  ValueId directional_reverse(Builder& b, const DerivativeRequest& request, const Wrt& wrt, const std::vector<ValueId>& args,
                              const std::vector<ValueId>& directions, Loc loc) {
    const FuncId vjp = reverse(m_, request.base, wrt, diagnostics_);
    if (!vjp) return {};
    ValueId value, tangent;
    for (size_t k = 0; k < directions.size(); ++k) {
      Wrt in_bar(std::vector<bool>(args.size() + 1), 1 + static_cast<int>(k));
      in_bar.active.back() = true;
      const FuncId twice = reverse(m_, vjp, in_bar, diagnostics_);
      if (!twice) return {};
      std::vector<ValueId> all = args;
      all.push_back(b.zeros(m_[vjp][m_[vjp].body().params.back()].type, loc));
      all.push_back(directions[k]);
      const ValueId results = b.call(twice, sizes_of(m_, m_[twice]), all, loc);
      value = b.get(b.get(results, 0, loc), 0, loc);
      const ValueId part = b.get(results, 1, loc);
      tangent = tangent ? sum_of_leaves(b, tangent, part, loc) : part;
    }
    const ValueId both[] = {value, tangent};
    return b.tuple(both, loc);
  }

  ValueId directional_symbolic(Builder& b, const DerivativeRequest& request, const Wrt& wrt, const std::vector<ValueId>& args,
                               const std::vector<ValueId>& directions, Loc loc) {
    const ValueId gradients = gradients_symbolic(b, request, wrt, args, loc);
    if (!gradients) return {};
    ValueId total;
    for (size_t k = 0; k < directions.size(); ++k) {
      const std::vector<ValueId> x_bar = leaf_values(b, b.get(gradients, 1 + static_cast<int>(k), loc), loc);
      const std::vector<ValueId> dx = leaf_values(b, directions[k], loc);
      for (size_t leaf = 0; leaf < dx.size(); ++leaf) {
        ValueId term = b.op("mul"_op, {x_bar[leaf], dx[leaf]}, loc);
        std::vector<int> axes;
        for (int axis = 0; axis < b.type(term).rank(); ++axis) axes.push_back(axis);
        term = b.sum(term, axes, loc);
        total = total ? b.op("add"_op, {total, term}, loc) : term;
      }
    }
    const ValueId both[] = {b.get(gradients, 0, loc), total};
    return b.tuple(both, loc);
  }

  /// (y, x_bar…); an absent `bar` is 1.
  ValueId pulled_back(Builder& b, const DerivativeRequest& request, const Wrt& wrt, const std::vector<ValueId>& args, ValueId bar, Loc loc) {
    if (request.mode == Mode::symbolic) {
      const ValueId gradients = gradients_symbolic(b, request, wrt, args, loc);
      if (!gradients || !bar) return gradients;
      std::vector<ValueId> results{b.get(gradients, 0, loc)};
      for (size_t k = 0; k < request.wrt.size(); ++k) {
        const ValueId x_bar = b.get(gradients, 1 + static_cast<int>(k), loc);
        std::vector<ValueId> slots = leaf_values(b, x_bar, loc);
        for (ValueId& slot : slots) slot = b.op("mul"_op, {bar, slot}, loc);
        results.push_back(pack(b, b.type_id(x_bar), slots, loc));
      }
      return b.tuple(results, loc);
    }
    FuncId f;
    if (request.mode == Mode::reverse) {
      f = bar ? reverse(m_, request.base, wrt, diagnostics_) : gradient(m_, request.base, wrt, diagnostics_);
    } else {
      const Along along = request.mode == Mode::forward ? Along::tangent : Along::difference;
      f = by_elements(m_, request.base, wrt, !bar, along, diagnostics_);
    }
    if (!f) return {};
    std::vector<ValueId> all = args;
    if (bar) all.push_back(bar);
    return b.call(f, sizes_of(m_, m_[f]), all, loc);
  }

  ValueId gradients_symbolic(Builder& b, const DerivativeRequest& request, const Wrt& wrt, const std::vector<ValueId>& args, Loc loc) {
    DLC_CHECK(passes_.symbolic, "the symbolic mode is passed in");
    const FuncId f = passes_.symbolic(m_, request.base, wrt);
    return f ? b.call(f, sizes_of(m_, m_[f]), args, loc) : ValueId{};
  }

  ValueId sum_of_leaves(Builder& b, ValueId x, ValueId y, Loc loc) {
    std::vector<ValueId> left = leaf_values(b, x, loc);
    const std::vector<ValueId> right = leaf_values(b, y, loc);
    for (size_t k = 0; k < left.size(); ++k) left[k] = b.op("add"_op, {left[k], right[k]}, loc);
    return pack(b, b.type_id(x), left, loc);
  }

  /// The result as LANGUAGE's rule has it: a list gives a named tuple, `value = true` gives (value, derivative).
  ValueId assembled(Builder& b, const DerivativeRequest& request, ValueId value, const std::vector<ValueId>& parts, Loc loc) {
    ValueId derivative = parts[0];
    if (request.is_list && request.kind != Kind::jvp) {
      const Func& base = m_[request.base];
      std::vector<Field> fields;
      for (size_t k = 0; k < parts.size(); ++k) {
        const Inst p = base[base.body().params[static_cast<size_t>(request.wrt[k])]];
        fields.push_back({m_[p.attr].name, b.type_id(parts[k])});
      }
      derivative = b.tuple(parts, m_.types.tuple(std::move(fields)), loc);
    }
    if (!request.with_value && request.kind != Kind::value_and_grad) return derivative;
    const ValueId both[] = {value, derivative};
    return b.tuple(both, loc);
  }

  Module& m_;
  Diagnostics& diagnostics_;
  const DerivePasses& passes_;
  std::unordered_set<FuncId> prepared_, in_progress_;
};

}  // namespace

bool derive(Module& m, FuncId request_func, Diagnostics& diagnostics, const DerivePasses& passes) {
  return Deriver(m, diagnostics, passes).derive(request_func);
}

PassCount count_passes(Module& m, const DerivativeRequest& request) {
  PassCount count;
  DimTable& dims = m.types.dims;
  count.directions = dims.constant(0);
  const Func& base = m[request.base];
  int64_t n_leaves_in_all = 0;
  bool any_array = false;
  for (int k : request.wrt)
    for (TypeId leaf : leaf_types(m.types, base[base.body().params[static_cast<size_t>(k)]].type)) {
      DimId size = dims.constant(1);
      for (DimId d : m.types[leaf].dims) size = dims.mul(size, d);
      any_array = any_array || m.types[leaf].rank() > 0;
      count.directions = dims.add(count.directions, size);
      ++n_leaves_in_all;
    }
  const bool is_jvp = request.kind == Kind::jvp;
  if (is_jvp) count.directions = dims.constant(1);
  count.is_vectorised = any_array && !is_jvp && (request.mode == Mode::forward || request.mode == Mode::numeric);
  switch (request.mode) {
    case Mode::reverse: count.primal = 1, count.backward = is_jvp ? 2 * static_cast<int64_t>(request.wrt.size()) : 1; break;
    case Mode::forward: count.tangent = is_jvp ? 1 : n_leaves_in_all; break;
    case Mode::numeric: count.primal = 1 + 2 * (is_jvp ? 1 : n_leaves_in_all); break;
    case Mode::symbolic: count.primal = 1; break;
  }
  return count;
}

}  // namespace dlc
