// `map(f, xs, ys)` applies a function over the leading axis; `scan(f, init, over = xs)` carries a state along it. Index notation
// and a `for` loop say the same; these take the function as a value.
#include <algorithm>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/builtins.h"
#include "sema/lowering.h"

namespace dlc::sema {

/// A call of a function value with arguments that are lowered already.
Val Lowering::apply(Val f, std::vector<Argument> args, const Expr& call, TypeId want) {
  const Callable* callable = &a_.callables[static_cast<size_t>(f.function)];
  if (callable->kind == Callable::Kind::elementwise) return call_elementwise(callable->op, op_row(callable->op).name, args, call);
  if (callable->kind == Callable::Kind::array) {
    f = a_.declared_builtin(*callable->row, args.size());
    if (!f) {
      fail(sema_error("argument-count"), call.mark ? call.mark : call.span, fmt::format("`{}` is used as `{}`, and is called with {} argument{}", callable->row->name, callable->row->usage, args.size(), args.size() == 1 ? "" : "s"));
      return {};
    }
    callable = &a_.callables[static_cast<size_t>(f.function)];
  }
  if (callable->kind == Callable::Kind::declared && a_.functions[static_cast<size_t>(callable->declared)].is_untyped) {
    const FnEntry& entry = a_.functions[static_cast<size_t>(callable->declared)];
    if (const auto n = static_cast<size_t>((*entry.ast)[entry.fn].params.count); n != args.size()) {
      fail(sema_error("argument-count"), call.mark ? call.mark : call.span, fmt::format("this function takes {} argument{}, and is called with {}", n, n == 1 ? "" : "s", args.size()));
      return {};
    }
    std::vector<TypeId> types;
    for (const Argument& a : args) types.push_back(type_of(a.val));
    f = a_.with_types(f.function, types);
  }
  const DType float_type = a_.is_generic(f.function) ? float_type_for(f.function, args, want) : a_.options.real;
  const FuncId func = a_.func_of(f.function, float_type, call.span);
  if (!func) return failed_ = true, Val{};
  std::vector<Argument> all;
  if (is_own(f)) add_hidden_arguments(all);
  all.insert(all.end(), args.begin(), args.end());
  add_captured_arguments(a_.m[func], f, all);
  return call_func(func, f, nullptr, all, call);
}

/// The function and the arrays of `map` and `scan`: the arrays' common leading extent, or absent after an error.
DimId Lowering::leading_extent(std::span<const Argument> arrays, const Expr& call) {
  DimId extent;
  for (const Argument& a : arrays) {
    if (!a.val) return {};
    const std::function<bool(TypeId)> check = [&](TypeId id) {
      const Type t = types()[id];
      if (t.is_tuple()) return std::all_of(t.fields.begin(), t.fields.end(), [&](const Field& x) { return check(x.type); });
      if (t.dims.empty() || (extent && t.dims[0] != extent)) return false;
      return extent = t.dims[0], true;
    };
    if (a.val.kind == Val::Kind::function || !check(type_of(a.val))) {
      Diagnostic& d = fail(sema_error("shape-mismatch"), a.span, fmt::format("an array with a leading axis{} is wanted, and `{}` is {}",
                                                                             extent ? " of size " + dims().text(extent) : "", code(a.expr), type_text(a.val)));
      d.label(call.mark ? call.mark : call.span, "of this call");
      return {};
    }
  }
  return extent;
}

/// x[i], of every array in x.
ValueId Lowering::row_of(ValueId x, ValueId i, Loc l) {
  const Type t = b().type(x);
  if (!t.is_tuple()) return b().index(x, std::span(&i, 1), Bounds::inside, l);
  std::vector<ValueId> fields;
  Type row = t;
  for (size_t k = 0; k < t.fields.size(); ++k) {
    fields.push_back(row_of(b().get(x, static_cast<int>(k), l), i, l));
    row.fields[k].type = b().type_id(fields.back());
  }
  return b().tuple(fields, types().intern(std::move(row)), l);
}

std::vector<Argument> Lowering::rows_of(std::span<const Argument> arrays, const std::vector<ValueId>& made, BlockId outer, ValueId i) {
  std::vector<Argument> rows;
  for (size_t k = 0; k < arrays.size(); ++k) {
    Argument row = arrays[k];
    row.name = {};
    row.val = value(row_of(bring(made[k], outer), i, loc(arrays[k].span)));
    rows.push_back(row);
  }
  return rows;
}

Val Lowering::lower_map_call(const Expr& call) {
  std::vector<Argument> args;
  if (!lower_arguments(call, nullptr, args) || !expect_positional("map", args)) return {};
  if (args.size() < 2 || args[0].val.kind != Val::Kind::function) {
    fail(sema_error("argument-count"), call.mark, "`map` takes a function and the arrays that it is applied to").help("it is used as `map(f, xs)`");
    return {};
  }
  const std::span<const Argument> arrays = std::span(args).subspan(1);
  const DimId extent = leading_extent(arrays, call);
  if (!extent) return {};
  const Loc l = loc(call.span);
  std::vector<ValueId> made;
  for (const Argument& a : arrays) made.push_back(make(a.val, a.span));
  const BlockId outer = regions_.back().block();
  Region region;
  region.first = b().begin_map({extent}, {}, {}, l);
  region.is_map = true;
  const ValueId i = a_.m[func_][region.first].params[0];
  region.counter = i;  // so that each call draws other numbers
  regions_.push_back(std::move(region));
  const Val v = apply(args[0].val, rows_of(arrays, made, outer, i), call, {});
  const ValueId result = v ? make(v, call.span) : ValueId{};
  if (result) b().set_result(result);
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  const BlockId body = regions_.back().first;
  regions_.pop_back();
  return result ? value(b().end_map(body, {extent}, captures, l)) : Val{};
}

/// The arguments of scan(f, init, over = xs) or over = (xs, ys). False after an error.
bool Lowering::scan_arguments(const Expr& call, Argument& f, Argument& init, std::vector<Argument>& arrays) {
  bool has_init = false;
  for (const Arg& a : ast_[call.args]) {
    const std::string_view name = a.kind == ArgKind::named ? str(a.name.id) : "";
    const Expr& e = ast_[ast_.strip_parens(a.value)];
    if (name == "over" && e.kind == ExprKind::tuple) {
      for (const Arg& part : ast_[e.args]) arrays.push_back({{}, lower(part.value), part.value, part.span});
    } else if (name == "over") {
      arrays.push_back({{}, lower(a.value), a.value, a.span});
    } else if (name == "init" || (name.empty() && f.expr)) {
      init = {{}, {}, a.value, a.span}, has_init = true;  // lowered once it is known for whom
    } else if (name.empty()) {
      f = {{}, lower(a.value), a.value, a.span};
    } else {
      fail(sema_error("unknown-argument"), a.name.span, fmt::format("`scan` has no argument `{}`", name));
      return false;
    }
  }
  if (f.val.kind == Val::Kind::function && has_init && !arrays.empty()) return true;
  if (!failed_) fail(sema_error("argument-count"), call.mark, "`scan` takes a function, the first state and the arrays that it runs over").help("it is used as `scan(f, init, over = xs)`");
  return false;
}

/// The type of a function's first parameter, where that is the same in every call.
TypeId Lowering::first_parameter(const Val& f) {
  const Callable& base = a_.base_of(f.function);
  if (base.kind != Callable::Kind::declared && base.kind != Callable::Kind::resolved) return {};
  if (base.kind == Callable::Kind::declared && (a_.functions[static_cast<size_t>(base.declared)].is_untyped || a_.is_generic(f.function))) return {};
  const FuncId func = a_.func_of(f.function, a_.options.real, {});
  int n_hidden = is_own(f) ? n_hidden_arguments() : 0;
  for (ValueId p : func ? a_.m[func].body().params : std::vector<ValueId>{}) {
    if (n_hidden-- > 0) continue;
    const TypeId type = a_.m[func][p].type;
    std::vector<std::pair<DimId, DimId>> sizes;
    pair_sizes(type, type, sizes);
    for (const auto& size : sizes)
      for (StrId v : dims().variables(size.first))
        if (std::find(base.world.begin(), base.world.end(), v) == base.world.end()) return {};
    return type;
  }
  return {};
}

/// What a scan begins with, of the type that its function wants; a literal else takes the float type of what the scan runs over.
ValueId Lowering::first_state(const Val& f, Argument& init, std::span<const Argument> arrays) {
  const TypeId want = first_parameter(f);
  init.val = lower(init.expr, want);
  if (!init.val) return {};
  if (want) return coerce(init.val, want, init.span, "the first state");
  return make(init.val, init.span, shape_of(init.val).is_flexible ? std::optional(float_type_for(f.function, arrays, {})) : std::nullopt);
}

/// f(s, x, y) gives the next state, or that and an output.
Val Lowering::lower_scan_call(const Expr& call) {
  Argument f, init;
  std::vector<Argument> arrays;
  const DimId extent = scan_arguments(call, f, init, arrays) ? leading_extent(arrays, call) : DimId{};
  if (!extent) return {};
  const Loc l = loc(call.span);
  std::vector<ValueId> made;
  for (const Argument& a : arrays) made.push_back(make(a.val, a.span));
  const ValueId state = first_state(f.val, init, arrays);
  if (!state) return {};

  // What a step gives tells how its outputs are stacked: it is lowered once for that.
  const TypeId state_type = b().type_id(state);
  std::vector<ValueId> carried;
  add_leaves(b(), state, l, carried);
  const size_t n_state = carried.size();
  std::vector<ValueId> captures;
  BlockId body;
  const auto step = [&](const std::function<ValueId(ValueId, std::span<const ValueId>, ValueId)>& finish) {
    const BlockId outer = regions_.back().block();
    Region region;
    region.first = body = b().begin_for(carried, {}, l);
    regions_.push_back(std::move(region));
    const std::vector<ValueId> params = a_.m[func_][body].params;
    std::span<const ValueId> leaves = std::span(params).subspan(1, n_state);
    Argument s = init;
    s.val = value(from_leaves(b(), state_type, leaves, l));
    std::vector<Argument> all{s};
    for (Argument& row : rows_of(arrays, made, outer, params[0])) all.push_back(row);
    const Val v = apply(f.val, all, call, {});
    const ValueId result = v ? make(v, call.span) : ValueId{};
    const ValueId next = result ? finish(result, std::span(params).subspan(1 + n_state, carried.size() - n_state), params[0]) : ValueId{};
    if (next) b().set_result(next);
    captures = std::move(regions_.back().captures);
    regions_.pop_back();
    return static_cast<bool>(next);
  };
  TypeId result_type;
  if (!step([&](ValueId result, std::span<const ValueId>, ValueId) { return result_type = b().type_id(result), result; })) return {};
  const Type t = types()[result_type];
  const bool has_output = result_type != state_type && t.is_tuple() && t.fields.size() == 2 && t.fields[0].type == state_type;
  if (!has_output && result_type != state_type) {
    fail(sema_error("type-mismatch"), f.span, fmt::format("a step gives {}, and the state is {}", types().text(result_type), types().text(state_type)))
        .label(init.span, "the first state")
        .rule("a step gives the next state, or a tuple of that and an output");
    return {};
  }
  std::vector<TypeId> outputs;
  const std::function<void(TypeId)> add_outputs = [&](TypeId id) {
    const Type o = types()[id];
    for (const Field& field : o.fields) add_outputs(field.type);
    if (o.is_tuple()) return;
    std::vector<DimId> shape{extent};
    shape.insert(shape.end(), o.dims.begin(), o.dims.end());
    outputs.push_back(types().array(o.dtype, std::move(shape)));
  };
  if (has_output) add_outputs(t.fields[1].type);
  for (TypeId type : outputs) carried.push_back(b().zeros(type, l));
  const auto finish = [&](ValueId result, std::span<const ValueId> stacks, ValueId i) {
    std::vector<ValueId> values, out;
    add_leaves(b(), has_output ? b().get(result, 0, l) : result, l, values);
    if (has_output) add_leaves(b(), b().get(result, 1, l), l, out);
    for (size_t k = 0; k < out.size(); ++k) values.push_back(b().put(stacks[k], out[k], std::span(&i, 1), Bounds::inside, l));
    return b().joined(values, l);
  };
  if (!step(finish)) return {};
  LoopOptions options;
  options.bound = extent;
  const ValueId all = b().end_for(body, b().size(extent, l), carried, captures, options, l);
  std::vector<ValueId> parts;
  for (size_t k = 0; k < carried.size(); ++k) parts.push_back(b().part(all, carried.size(), k, l));
  std::span<const ValueId> rest(parts);
  const ValueId last = from_leaves(b(), state_type, rest, l);
  if (!has_output) return value(last);
  const std::function<TypeId(TypeId)> stacked_type = [&](TypeId id) {
    Type o = types()[id];
    for (Field& field : o.fields) field.type = stacked_type(field.type);
    if (!o.is_tuple()) o.dims.insert(o.dims.begin(), extent);
    return types().intern(std::move(o));
  };
  const ValueId both[] = {last, from_leaves(b(), stacked_type(t.fields[1].type), rest, l)};
  return value(b().tuple(both, l));
}

}  // namespace dlc::sema
