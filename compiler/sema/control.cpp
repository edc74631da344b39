// Statements with blocks: `if`, `for`, `while`, and the exits `return` and `break`.
//
// A `var` needs no storage. What a block assigns of the variables around it is found by reading the block first; an `if`
// yields their new values, a loop carries them. An `if` that may leave its block (by `return` or `break`) takes what
// follows it into its branches, so that every block has one end:
//
//   if c { return a }          →   if c { a } else { rest }
//   rest
//
// `break` sets a flag, the first value that its loop carries; a `for` with one is a `while` that counts.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/check.h"
#include "ops/table.h"
#include "sema/lowering.h"

namespace dlc::sema {

// ------------------------------------------------------------------------------------------------ blocks and exits

/// Whether a block, or the branches of an `if`, may end in `return` or `break` (of a loop that is not inside it).
bool Lowering::has_exit(ExprId id) const {
  if (!id) return false;
  const Expr& e = ast_[id];
  if (e.kind == ExprKind::if_) return has_exit(e.b) || has_exit(e.c);
  if (e.kind != ExprKind::block) return false;
  for (StmtId s : ast_[e.stmts]) {
    const Stmt& stmt = ast_[s];
    if (stmt.kind == StmtKind::return_ || stmt.kind == StmtKind::break_) return true;
    if (stmt.kind == StmtKind::if_ && has_exit(stmt.value)) return true;
  }
  return false;
}

Val Lowering::lower_block(ExprId block, TypeId want) { return lower_statements(block, 0, nullptr, {.want = want}); }

/// The statements of `block` from `from` on, then `rest`; the value is what `purpose` asks for.
Val Lowering::lower_statements(ExprId block, size_t from, const Rest* rest, const Purpose& purpose) {
  const std::span<const StmtId> stmts = ast_[ast_[block].stmts];
  const size_t mark = bindings_.size();
  for (size_t k = from; k < stmts.size(); ++k) {
    const Stmt& s = ast_[stmts[k]];
    if (stopped_) return {};
    if (s.kind == StmtKind::return_) return lower(s.value, purpose.want);
    if (s.kind == StmtKind::break_) return next_step(purpose, true);
    if (s.kind == StmtKind::if_ && has_exit(s.value)) return lower_exiting_if(s.value, {block, k + 1, rest}, purpose);
    lower_statement(s);
  }
  if (stopped_) return {};
  if (!rest) return finish(purpose, block);
  pop_scope(mark);  // what the branch declared
  return lower_statements(rest->block, rest->from, rest->outer, purpose);
}

Val Lowering::finish(const Purpose& purpose, ExprId block) {
  if (purpose.carried || purpose.is_trial) return next_step(purpose, false);
  const ExprId last = ast_[block].a;
  return last ? lower(last, purpose.want) : Val{};
}

/// What a loop's body yields: the flag, if there is one, and the variables it carries.
Val Lowering::next_step(const Purpose& purpose, bool is_left) {
  if (purpose.is_trial) return value(b().constant_int(0, {}));
  std::vector<ValueId> values;
  const Loc l = loc(bindings_[(*purpose.carried)[0]].span);
  if (purpose.has_flag) values.push_back(b().constant_bool(is_left, l));
  for (ValueId v : carried_leaves(*purpose.carried)) {
    if (!v) return {};
    values.push_back(v);
  }
  return value(b().joined(values, l));
}

// -------------------------------------------------------------------------------------------------- what is assigned

/// The variables around `blocks` that these assign, as positions in `bindings_`, in the order of their declaration.
std::vector<size_t> Lowering::assigned_in(std::initializer_list<ExprId> blocks) {
  std::vector<size_t> out;
  std::vector<StrId> declared;
  for (ExprId block : blocks) collect_assigned(block, declared, out);
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void Lowering::collect_assigned(ExprId id, std::vector<StrId>& declared, std::vector<size_t>& out) {
  if (!id) return;
  for (ExprId at : ast_.left_spine(id)) {
    const Expr& e = ast_[at];
    const size_t mark = declared.size();
    if (e.kind == ExprKind::name && std::find(declared.begin(), declared.end(), e.name) == declared.end()) collect_updated(e.name, out);
    for (StmtId s : ast_[e.stmts]) collect_assigned_in(ast_[s], declared, out);
    if (e.kind != ExprKind::binary) collect_assigned(e.a, declared, out);
    collect_assigned(e.b, declared, out);
    collect_assigned(e.c, declared, out);
    for (const Arg& a : ast_[e.args]) collect_assigned(a.value, declared, out);
    declared.resize(mark);
  }
}

void Lowering::collect_assigned_in(const Stmt& s, std::vector<StrId>& declared, std::vector<size_t>& out) {
  const auto declare = [&](auto& self, PatternId id) -> void {
    if (!id) return;
    const Pattern& p = ast_[id];
    if (p.name) declared.push_back(p.name.id);
    for (PatternId part : ast_[p.parts]) self(self, part);
  };
  collect_assigned(s.value, declared, out);
  const size_t mark = declared.size();
  if (s.kind == StmtKind::assign) add_assigned(s.target, declared, out);
  if (s.kind == StmtKind::let || s.kind == StmtKind::var || s.kind == StmtKind::for_) declare(declare, s.pattern);
  if (s.kind == StmtKind::let_index) declared.push_back(s.name.id);
  collect_assigned(s.body, declared, out);
  if (s.kind == StmtKind::for_) declared.resize(mark);
}

void Lowering::add_assigned(ExprId target, const std::vector<StrId>& declared, std::vector<size_t>& out) {
  const Expr& e = ast_[ast_.strip_parens(target)];
  if (e.kind == ExprKind::index || e.kind == ExprKind::field) return add_assigned(e.a, declared, out);
  if (e.kind == ExprKind::tuple)
    for (const Arg& a : ast_[e.args]) add_assigned(a.value, declared, out);
  if (e.kind != ExprKind::name || std::find(declared.begin(), declared.end(), e.name) != declared.end()) return;
  const Binding* binding = find(e.name);
  if (binding && binding->kind == Binding::Kind::var) out.push_back(static_cast<size_t>(binding - bindings_.data()));
}

// --------------------------------------------------------------------------------------------------------- branches

ValueId Lowering::lower_condition(ExprId e) {
  const Val v = lower(e);
  if (!v) return {};
  const Shape s = shape_of(v);
  if (v.kind == Val::Kind::function || s.dtype != DType::b1) {
    fail(sema_error("condition-not-bool"), ast_[e].span, fmt::format("a condition is a bool, and `{}` is {}", code(e), type_text(v)));
    return {};
  }
  if (!s.dims.empty()) {
    fail(sema_error("condition-not-scalar"), ast_[e].span, fmt::format("a condition is one bool, and `{}` is {}", code(e), type_text(v)))
        .help("reduce it by `any(…)` or `all(…)`, or use `select(c, a, b)`");
    return {};
  }
  return make(v, ast_[e].span);
}

void Lowering::chosen_function(const Expr& e) {
  fail(sema_error("function-as-value"), e.span, "a function is chosen by an `if`, and which one it is must be known when the program is compiled")
      .help("call each in its branch: `if c { f(x) } else { g(x) }`");
}

/// Both branches of an `if` that may leave its block, each with what follows where it does not.
Val Lowering::lower_exiting_if(ExprId id, const Rest& rest, const Purpose& purpose) {
  const Expr& e = ast_[id];
  const ValueId condition = lower_condition(e.a);
  const Builder::IfBlocks blocks = b().begin_if({}, loc(e.span));
  Region region = guarded_region(blocks, e.a);
  const std::vector<Binding> before = bindings_;
  const auto restore = [&] {
    pop_scope(before.size());
    for (size_t k = 0; k < before.size(); ++k) bindings_[k].val = before[k].val, bindings_[k].is_set = before[k].is_set;
  };
  regions_.push_back(std::move(region));
  const Val x = lower_statements(e.b, 0, &rest, purpose);
  restore();
  regions_.back().in_second = true;
  Val y;
  if (!e.c) y = lower_statements(rest.block, rest.from, rest.outer, purpose);
  else if (ast_[e.c].kind == ExprKind::if_) y = lower_exiting_if(e.c, rest, purpose);
  else y = lower_statements(e.c, 0, &rest, purpose);
  restore();
  TypeId type;
  if (x.kind == Val::Kind::function || y.kind == Val::Kind::function) chosen_function(e);
  else if (x && y) type = purpose.carried || purpose.is_trial ? x.type : join_branches(x, y, e, purpose.want);
  bool ok = type && condition;
  for (bool second : {false, true}) {
    if (!ok) break;
    regions_.back().in_second = second;
    const ValueId result = coerce(second ? y : x, type, e.span, "the value of this branch");
    ok = static_cast<bool>(result);
    if (ok) b().set_result(result);
  }
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  regions_.pop_back();
  if (!ok) return failed_ = true, Val{};
  return value(b().end_if(blocks, condition, captures, loc(e.span)));
}

/// An `if` as a statement, or as a value whose branches may assign: a region that yields the value and what was assigned.
Val Lowering::lower_if_region(ExprId id, TypeId want, bool has_value) {
  const Expr& e = ast_[id];
  const auto lower_side = [&](ExprId side) -> Val {
    if (!side) return {};
    if (has_value) return lower_branch(side, want);
    const size_t mark = bindings_.size();
    if (ast_[side].kind == ExprKind::if_) lower_if_region(side, {}, false);
    else for (StmtId s : ast_[ast_[side].stmts]) if (!stopped_) lower_statement(ast_[s]);
    pop_scope(mark);
    return {};
  };
  if (const auto holds = static_condition(e.a)) return lower_side(*holds ? e.b : e.c);
  const ValueId condition = lower_condition(e.a);
  const std::vector<size_t> assigned = assigned_in({e.b, e.c});
  const Builder::IfBlocks blocks = b().begin_if({}, loc(e.span));
  regions_.push_back(guarded_region(blocks, e.a));
  const auto current = [&] {
    std::vector<Binding> values;
    for (size_t k : assigned) values.push_back(bindings_[k]);
    return values;
  };
  const auto restore = [&](const std::vector<Binding>& values) {
    for (size_t k = 0; k < assigned.size(); ++k) bindings_[assigned[k]].val = values[k].val, bindings_[assigned[k]].is_set = values[k].is_set;
  };
  const std::vector<Binding> before = current();
  const Val x = lower_side(e.b);
  const std::vector<Binding> first = current();
  restore(before);
  regions_.back().in_second = true;
  const Val y = lower_side(e.c);
  const std::vector<Binding> second = current();
  restore(before);

  bool ok = condition && !stopped_;
  std::vector<TypeId> types;  // of the value, then of each variable; absent: it is not set afterwards, or did not change
  if (has_value) {
    if (x.kind == Val::Kind::function || y.kind == Val::Kind::function) chosen_function(e), ok = false;
    types.push_back(ok && x && y ? join_branches(x, y, e, want) : TypeId{});
    ok = ok && types[0];
  }
  for (size_t k = 0; k < assigned.size(); ++k) {
    const Binding& binding = bindings_[assigned[k]];
    const bool is_set = first[k].is_set && second[k].is_set;
    TypeId type = binding.type;
    if (is_set && !type && first[k].val && second[k].val) type = join_branches(first[k].val, second[k].val, e, {});
    ok = ok && (!is_set || (type && first[k].val && second[k].val));
    types.push_back(is_set ? type : TypeId{});
  }
  const size_t n_values = has_value ? 1 : 0;
  const auto n_results = static_cast<size_t>(std::count_if(types.begin(), types.end(), [](TypeId t) { return static_cast<bool>(t); }));
  for (bool is_second : {false, true}) {
    if (!ok || n_results == 0) break;
    regions_.back().in_second = is_second;
    std::vector<ValueId> results;
    for (size_t k = 0; k < types.size(); ++k) {
      if (!types[k]) continue;
      const bool is_value = k < n_values;
      const Val& v = is_value ? (is_second ? y : x) : (is_second ? second : first)[k - n_values].val;
      const Span span = is_second ? (e.c ? ast_[e.c].span : e.span) : ast_[e.b].span;
      results.push_back(coerce(v, types[k], span, is_value ? "the value of this branch" : "what this branch assigns"));
      ok = ok && results.back();
    }
    if (ok) b().set_result(b().joined(results, loc(e.span)));
  }
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  regions_.pop_back();
  if (!ok) {
    for (size_t k : assigned) bindings_[k].val = {}, bindings_[k].is_set = true;  // what reads them is no error of its own
    return failed_ = true, Val{};
  }
  if (n_results == 0) return {};
  const ValueId all = b().end_if(blocks, condition, captures, loc(e.span));
  size_t next = 0;
  Val result;
  for (size_t k = 0; k < types.size(); ++k) {
    const Val v = types[k] ? value(b().part(all, n_results, next++, loc(e.span))) : Val{};
    if (k < n_values) {
      result = v;
      continue;
    }
    Binding& binding = bindings_[assigned[k - n_values]];
    binding.is_set = static_cast<bool>(types[k]);
    binding.val = v;
    if (types[k]) binding.type = types[k];
  }
  return result;
}

// ------------------------------------------------------------------------------------------------------------ loops

void add_leaves(Builder b, ValueId v, Loc loc, std::vector<ValueId>& out) {
  const Type t = b.type(v);
  if (!t.is_tuple()) return out.push_back(v);
  for (size_t k = 0; k < t.fields.size(); ++k) add_leaves(b, b.get(v, static_cast<int>(k), loc), loc, out);
}

ValueId from_leaves(Builder b, TypeId type, std::span<const ValueId>& leaves, Loc loc) {
  const Type t = b.types()[type];
  if (!t.is_tuple()) {
    const ValueId v = leaves[0];
    leaves = leaves.subspan(1);
    return v;
  }
  std::vector<ValueId> fields;
  for (const Field& f : t.fields) fields.push_back(from_leaves(b, f.type, leaves, loc));
  return b.tuple(fields, type, loc);
}

/// The values of these variables, tuples taken apart; an absent one after an error.
std::vector<ValueId> Lowering::carried_leaves(const std::vector<size_t>& carried) {
  std::vector<ValueId> leaves;
  for (size_t k : carried) {
    const Binding binding = bindings_[k];
    const ValueId v = binding.val ? coerce(binding.val, binding.type, binding.span, fmt::format("the `var` `{}`", str(binding.name))) : ValueId{};
    if (!v) return failed_ = true, std::vector<ValueId>{ValueId{}};
    add_leaves(b(), v, loc(binding.span), leaves);
  }
  return leaves;
}

void Lowering::set_carried(const std::vector<size_t>& carried, std::span<const ValueId> leaves) {
  for (size_t k : carried) bindings_[k].val = value(from_leaves(b(), bindings_[k].type, leaves, loc(bindings_[k].span)));
}

/// Lowers the body of a loop for nothing but its errors and the types of what it assigns.
void Lowering::try_body(const Stmt& s, const LoopRange* range, const std::vector<size_t>& carried) {
  const std::vector<Binding> before = bindings_;
  const size_t n_regions = regions_.size(), n_indices = indices_.size(), n_checks = a_.m[func_].checks.size();
  const int n_draws = n_draws_;
  const std::vector<Update> updates = updates_;
  const ValueId step = b().constant_int(0, loc(s.span));
  Region region;
  region.first = b().begin_for(std::span(&step, 1), {}, loc(s.span));
  region.is_open_loop = !range || !range->is_static();
  if (key_ && region.is_open_loop) region.counter = a_.m[func_][region.first].params[0];
  regions_.push_back(std::move(region));
  if (range) bind_loop_index(ast_[s.pattern].name, *range, a_.m[func_][regions_.back().block()].params[0]);
  lower_statements(s.body, 0, nullptr, {.is_trial = true});
  regions_.pop_back();
  indices_.resize(n_indices);
  DLC_CHECK(regions_.size() == n_regions && indices_.size() == n_indices, "a failed loop leaves no region open");
  pop_scope(before.size());
  for (size_t k = 0; k < before.size(); ++k) {
    bindings_[k].val = before[k].val, bindings_[k].is_set = before[k].is_set;
    if (std::find(carried.begin(), carried.end(), k) == carried.end()) bindings_[k].type = before[k].type;
  }
  a_.m[func_].checks.resize(n_checks);
  n_draws_ = n_draws, updates_ = updates;
}

/// A variable that holds literals only, `var s = 0.0`, takes the type of what the loop assigns to it.
void Lowering::learn_types(const std::vector<size_t>& carried, const Stmt& s, const LoopRange* range) {
  const auto has_no_type = [&](size_t k) { return !bindings_[k].type && bindings_[k].val; };
  if (std::any_of(carried.begin(), carried.end(), has_no_type)) {
    Diagnostics scratch;
    Diagnostics* const real = std::exchange(a_.diagnostics, &scratch);
    const bool failed = failed_, stopped = stopped_;
    try_body(s, range, carried);
    a_.diagnostics = real;
    failed_ = failed, stopped_ = stopped;
  }
  for (size_t k : carried)
    if (has_no_type(k)) {
      const Shape s = shape_of(bindings_[k].val);
      bindings_[k].type = s.is_flexible && is_float(s.dtype) ? types().array(default_float(), s.dims) : type_of(bindings_[k].val);
    }
}

std::optional<LoopOptions> Lowering::lower_attributes(const Stmt& s) {
  LoopOptions options;
  for (const Attribute& a : ast_[s.attributes]) {
    const Expr& e = ast_[ast_.strip_parens(a.value)];
    if (a.kind == AttributeKind::memory) {
      const auto bytes = e.kind == ExprKind::bytes ? ast_[e.number].integer : 0;
      if (bytes <= 0) return fail(sema_error("bad-attribute"), a.span, "`@memory` takes a number of bytes, `64MiB`"), std::nullopt;
      options.memory = bytes;
    } else if (a.kind == AttributeKind::checkpoint && e.kind == ExprKind::name && str(e.name) == "sqrt") {
      options.every = -1;
    } else {
      const Val v = lower(a.value);
      const auto d = v ? as_size(v) : std::nullopt;
      if (!v) return std::nullopt;
      const bool is_constant = d && dims().as_constant(*d);
      const int64_t number = is_constant ? *dims().as_constant(*d) : 0;
      if (a.kind == AttributeKind::max_iters && s.kind != StmtKind::while_)
        return fail(sema_error("bad-attribute"), a.span, "`@max_iters` bounds a `while` loop; a `for` has its range"), std::nullopt;
      if (a.kind == AttributeKind::checkpoint ? number < 1 : !d || has_binder(*d) || number < 0) {
        fail(sema_error("bad-attribute"), a.span,
             a.kind == AttributeKind::checkpoint ? "`@checkpoint` takes a positive integer or `sqrt`" : "`@max_iters` takes a size");
        return std::nullopt;
      }
      if (a.kind == AttributeKind::checkpoint) options.every = number;
      else options.bound = *d;
    }
  }
  return options;
}

/// The range of a `for`: ends that are sizes, or ints known only when the program runs.
std::optional<Lowering::LoopRange> Lowering::lower_loop_range(ExprId range) {
  const Expr& r = ast_[range];
  const Loc l = loc(r.span);
  LoopRange out;
  const std::optional<int64_t> given_step = lower_step(r);
  if (!given_step) return std::nullopt;
  const int64_t step = *given_step;
  const Val lo = r.a ? lower(r.a) : size_value(dims().constant(0), r.span), hi = lower(r.b);
  if (!lo || !hi) return std::nullopt;
  for (const auto& [v, e] : {std::pair(lo, r.a), std::pair(hi, r.b)}) {
    const Shape shape = shape_of(v);
    if (v.kind != Val::Kind::function && shape.dtype == DType::i64 && shape.dims.empty() && !shape.wants_float) continue;
    fail(sema_error("not-a-size"), ast_[e].span, fmt::format("`{}` is {}, and the end of a range is an int", code(e), type_text(v)));
    return std::nullopt;
  }
  const auto from = as_size(lo), to = as_size(hi);
  if (from && to) {
    const DimId extent = n_steps(dims().sub(*to, *from), step);
    if (!size_too_large(extent, r.span)) return std::nullopt;
    out.dims = {*from, extent, step};
    DimId least;
    if (!extremes(extent, least, out.bound)) out.bound = {};
    // `1..n` has no more than n steps, also where n is 0.
    if (const DimId most = dims().nonnegative_bound(out.bound)) out.bound = most;
    out.count = make_size(extent, l);
    return out;
  }
  out.first = make(lo, r.span);
  out.step = b().constant_int(step, l);
  out.count = steps_between(out.first, make(hi, r.span), step, l);
  return out;
}

/// How many steps `lo..hi step k` has, for ints of any size: hi - lo may not be one. No range has more than 2^63 - 1.
ValueId Lowering::steps_between(ValueId lo, ValueId hi, int64_t step, Loc l) {
  const ValueId zero = b().constant_int(0, l), one = b().constant_int(1, l);
  if (b().constant_value(lo) == 0 && step == 1) return hi;
  const ValueId difference = b().op("sub"_op, {hi, lo}, l), most = b().constant_int(std::numeric_limits<int64_t>::max(), l);
  const ValueId distance = b().op("select"_op, {b().op("lt"_op, {difference, zero}, l), most, difference}, l);
  const ValueId whole = step == 1 ? distance : b().op("add"_op, {b().op("floor_div"_op, {b().op("sub"_op, {distance, one}, l), b().constant_int(step, l)}, l), one}, l);
  return b().op("select"_op, {b().op("lt"_op, {lo, hi}, l), whole, zero}, l);
}

/// Inside a loop's body: the name of its index. `step` counts from 0.
void Lowering::bind_loop_index(const Name& index_name, const LoopRange& range, ValueId step) {
  Binding binding;
  binding.name = index_name.id, binding.kind = Binding::Kind::binder, binding.span = index_name.span;
  if (range.is_static()) {
    // A size variable of its own, so that subscripts are polynomials in it.
    std::string name(str(index_name.id));
    const auto is_taken = [&](StrId id) {
      const auto& sizes = a_.m[func_].size_vars;
      return std::find(sizes.begin(), sizes.end(), id) != sizes.end() ||
             std::any_of(indices_.begin(), indices_.end(), [&](const BoundIndex& i) { return i.name == id; });
    };
    while (is_taken(a_.m.strings.intern(name))) name += '\'';
    const StrId id = a_.m.strings.intern(name);
    indices_.push_back({id, range.dims.extent, step, regions_.back().block()});
    binding.val = size_value(dims().add(range.dims.lo, dims().mul(dims().constant(range.dims.step), dims().variable(id))), index_name.span);
  } else {
    const Loc l = loc(index_name.span);
    const BlockId outer = regions_[regions_.size() - 2].block();
    const ValueId first = bring(range.first, outer), by = bring(range.step, outer);
    binding.val = value(b().op("add"_op, {first, b().op("mul"_op, {step, by}, l)}, l));
  }
  bind(std::move(binding));
}

void Lowering::lower_for(const Stmt& s) {
  if (!ast_[s.pattern].name) return static_cast<void>(fail(sema_error("bad-binder"), ast_[s.pattern].span, "the index of a loop is one name"));
  const auto options = lower_attributes(s);
  const auto range = options ? lower_loop_range(s.value) : std::nullopt;
  if (!range) return static_cast<void>(failed_ = true);
  std::vector<size_t> carried;
  for (size_t k : assigned_in({s.body}))
    if (bindings_[k].is_set) carried.push_back(k);
  const LoopRange& r = *range;
  learn_types(carried, s, &r);
  lower_loop(s, &r, *options, carried);
}

void Lowering::lower_while(const Stmt& s) {
  const auto options = lower_attributes(s);
  if (!options) return static_cast<void>(failed_ = true);
  std::vector<size_t> carried;
  for (size_t k : assigned_in({s.body}))
    if (bindings_[k].is_set) carried.push_back(k);
  learn_types(carried, s, nullptr);
  lower_loop(s, nullptr, *options, carried);
}

/// The condition of a `while`; where the loop was left by `break`, and `goes_on` is false, it may have no meaning any more.
ValueId Lowering::lower_loop_condition(ExprId e, ValueId goes_on, Loc l) {
  if (!goes_on) return lower_condition(e);
  const Builder::IfBlocks sides = b().begin_if({}, l);
  regions_.push_back(guarded_region(sides, {}));
  const ValueId condition = lower_condition(e);
  if (condition) b().set_result(condition);
  regions_.back().in_second = true;
  b().set_result(b().constant_bool(false, l));
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  regions_.pop_back();
  return condition ? b().end_if(sides, goes_on, captures, l) : ValueId{};
}

/// `range` absent: a `while`. A loop that may be left, and every `while`, becomes a `while` region.
void Lowering::lower_loop(const Stmt& s, const LoopRange* range, const LoopOptions& given, const std::vector<size_t>& carried) {
  const Loc l = loc(s.mark ? s.mark : s.span);
  const bool can_break = has_exit(s.body), is_while = !range || can_break;
  const bool counts = is_while && (range || key_);  // its steps: `key` is another one in each
  if (carried.empty()) {
    if (range) return try_body(s, range, carried);  // nothing that can be seen but errors
    const std::vector<size_t> assigned = assigned_in({s.body});
    if (!assigned.empty()) {  // what it assigns is not set yet: if the condition reads that, it is an error of its own
      const bool is_read = !lower_condition(s.value);
      for (size_t k : assigned) bindings_[k].is_set = bindings_[k].is_set || is_read;
      if (is_read) return;
    }
    fail(sema_error("loop-assigns-nothing"), s.mark, "this loop assigns no `var` of the code around it, so it never ends or does nothing");
    return;
  }
  std::vector<ValueId> initial;
  if (counts) initial.push_back(b().constant_int(0, l));
  if (can_break) initial.push_back(b().constant_bool(false, l));
  const size_t n_own = initial.size();
  for (ValueId v : carried_leaves(carried)) initial.push_back(v);
  if (!initial.back()) return;
  LoopOptions options = given;
  if (range) options.bound = range->bound;

  Region region;
  Builder::WhileBlocks blocks;
  if (is_while) {
    blocks = b().begin_while(initial, {}, l);
    region.first = blocks.condition, region.second = blocks.body;
  } else {
    region.first = b().begin_for(initial, {}, l);
  }
  const std::vector<Binding> before = bindings_;
  const size_t n_indices = indices_.size();
  const BlockId outer = regions_.back().block();
  region.is_open_loop = is_while || !range->is_static();
  const bool region_counts = key_ && (!range || !range->is_static());
  regions_.push_back(std::move(region));
  const auto params = [&] {
    const auto& all = a_.m[func_][regions_.back().block()].params;
    return std::vector<ValueId>(all.begin() + (is_while ? 0 : 1), all.begin() + static_cast<ptrdiff_t>(initial.size() + (is_while ? 0 : 1)));
  };
  bool ok = true;
  if (is_while) {
    const std::vector<ValueId> own = params();
    set_carried(carried, std::span(own).subspan(n_own));
    if (region_counts) regions_.back().counter = own[0];
    ValueId holds = can_break ? b().op("not"_op, {own[counts ? 1 : 0]}, l) : ValueId{};
    if (counts && range) holds = b().op("and"_op, {b().op("lt"_op, {own[0], bring(range->count, outer)}, l), holds}, l);
    if (!range) holds = lower_loop_condition(s.value, holds, l);
    ok = static_cast<bool>(holds);
    if (ok) b().set_result(holds);
    regions_.back().in_second = true;
  }
  std::vector<ValueId> own = params();
  set_carried(carried, std::span(own).subspan(n_own));
  const ValueId step = !is_while ? a_.m[func_][regions_.back().block()].params[0] : counts ? own[0] : ValueId{};
  if (region_counts) regions_.back().counter = step;
  for (size_t k : assigned_in({s.body}))
    if (!bindings_[k].is_set) bindings_[k].val = {};
  if (range) bind_loop_index(ast_[s.pattern].name, *range, step);
  const Purpose purpose{{}, &carried, can_break};
  Val next = lower_statements(s.body, 0, nullptr, purpose);
  if (next && counts) {
    std::vector<ValueId> values{b().op("add"_op, {own[0], b().constant_int(1, l)}, l)};
    const ValueId all = make(next, s.span);
    for (size_t k = 1; k < initial.size(); ++k) values.push_back(b().part(all, initial.size() - 1, k - 1, l));
    next = value(b().joined(values, l));
  }
  ok = ok && next;
  if (ok) b().set_result(make(next, s.span));
  pop_scope(before.size());
  for (size_t k = 0; k < before.size(); ++k) bindings_[k].val = before[k].val, bindings_[k].is_set = before[k].is_set;
  indices_.resize(n_indices);
  const std::vector<ValueId> captures = std::move(regions_.back().captures);
  const BlockId first = regions_.back().first;
  regions_.pop_back();
  if (!ok) {
    failed_ = true;
    for (size_t k : carried) bindings_[k].val = {};
    return;
  }
  const ValueId all = is_while ? b().end_while(blocks, initial, captures, options, l) : b().end_for(first, range->count, initial, captures, options, l);
  std::vector<ValueId> leaves;
  for (size_t k = n_own; k < initial.size(); ++k) leaves.push_back(b().part(all, initial.size(), k, l));
  set_carried(carried, leaves);
}

}  // namespace dlc::sema
