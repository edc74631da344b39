// The invariants of the IR, one function each. The walk goes block by block in order of execution and remembers
// where each value was defined; the types of array ops are in verify_array.cpp.
#include "ir/verify.h"

#include <algorithm>

#include "ir/verify_inst.h"

namespace dlc {

// ------------------------------------------------------------------------------------------------ the function

bool Verifier::check_function() {
  if (f_.blocks.empty()) return fail({}, "the function has no block for its parameters");
  for (StrId name : f_.size_vars) {
    if (!name) return fail({}, "a size variable has no name");
    if (!size_vars_.insert(name).second) return fail({}, "the size `{}` is declared twice", m_.strings[name]);
  }
  for (const SizeCheck& c : f_.checks)
    if (!check_dim({}, c.nonnegative) || (c.extent && !check_dim({}, c.extent))) return false;
  home_.assign(f_.insts.size(), kNowhere);
  is_block_seen_.assign(f_.blocks.size(), false);
  const bool is_request = f_.request && !f_.body().result;
  if (f_.request && !check_request(*f_.request, is_request)) return false;
  if (!is_request) return check_block(BlockId{0}, 0) && (!f_.rule || check_rule());
  if (!f_.body().body.empty()) return fail({}, "a request has instructions but no result");
  return check_params(BlockId{0}) && check_type({}, f_.declared_result);
}

bool Verifier::check_request(const DerivativeRequest& r, bool is_open) {
  if (!r.base || static_cast<size_t>(r.base.i) >= m_.size()) return fail({}, "the request's function does not exist");
  const Func& base = m_[r.base];
  const size_t n_params = base.blocks.empty() ? 0 : base.body().params.size();
  for (int k : r.wrt)
    if (k < 0 || static_cast<size_t>(k) >= n_params)
      return fail({}, "`wrt` names parameter {} of `{}`, which has {}", k, base.name, n_params);
  for (size_t k = 0; k < r.paths.size(); ++k) {
    if (k >= r.wrt.size()) return fail({}, "there are more paths than elements of `wrt`");
    TypeId type = base[base.body().params[static_cast<size_t>(r.wrt[k])]].type;
    for (int field : r.paths[k]) {
      const std::vector<Field>& fields = m_.types[type].fields;
      if (field < 0 || static_cast<size_t>(field) >= fields.size()) return fail({}, "`wrt` names a field that its parameter does not have");
      type = fields[static_cast<size_t>(field)].type;
    }
  }
  if (r.of < -1) return fail({}, "`of` is neither a field nor -1");
  if (is_open && !f_.declared_result) return fail({}, "a request without a body declares no result");
  return true;
}

/// The rule's parameters are the function's, then directions of these, each named `d` and the parameter, of its type.
bool Verifier::check_rule() {
  if (static_cast<size_t>(f_.rule.i) >= m_.size()) return fail({}, "the rule's function does not exist");
  const Func& rule = m_[f_.rule];
  const auto name = [&](const Func& f, ValueId p) { return std::string(m_.strings[m_[f[p].attr].name]); };
  const std::vector<ValueId>& own = f_.body().params;
  const std::vector<ValueId> params = rule.blocks.empty() ? std::vector<ValueId>{} : rule.body().params;
  bool fits = !rule.blocks.empty() && rule.size_vars == f_.size_vars && params.size() >= own.size() && rule.result_type() == f_.result_type() &&
              m_.types.all_float(f_.result_type());
  for (size_t k = 0; fits && k < own.size(); ++k) fits = rule[params[k]].type == f_[own[k]].type;
  for (size_t k = own.size(); fits && k < params.size(); ++k) {
    const auto is_direction = [&](ValueId p) {
      return name(rule, params[k]) == "d" + name(f_, p) && rule[params[k]].type == f_[p].type && m_.types.all_float(f_[p].type);
    };
    fits = std::any_of(own.begin(), own.end(), is_direction);
  }
  return fits || fail({}, "the rule `{}` does not take this function's parameters, then directions of them, and give its result", rule.name);
}

// ------------------------------------------------------------------------------------------------------ blocks

bool Verifier::check_params(BlockId id) {
  const Block& block = f_[id];
  for (size_t k = 0; k < block.params.size(); ++k) {
    const ValueId p = block.params[k];
    if (!is_value(p)) return fail({}, "block {} lists a parameter that does not exist", id.i);
    if (home_[static_cast<size_t>(p.i)] != kNowhere) return fail(p, "is a parameter twice");
    home_[static_cast<size_t>(p.i)] = id.i;
    const Inst& in = f_[p];
    if (!is_op(in.op) || form_of(ops_.row(in.op)) != Form::param)
      return fail(p, "stands among the parameters but is no `param`");
    if (in.n_operands != 0 || in.n_blocks != 0) return fail(p, "a parameter has neither operands nor blocks");
    if (!has_attr(in) || attr(in).ints != std::vector{static_cast<int64_t>(k)})
      return fail(p, "does not know its position, {}", k);
    if (!check_type(p, in.type)) return false;
  }
  return true;
}

bool Verifier::check_block(BlockId id, int depth) {
  if (is_block_seen_[static_cast<size_t>(id.i)]) return fail({}, "block {} belongs to two instructions", id.i);
  is_block_seen_[static_cast<size_t>(id.i)] = true;
  if (depth > kMaxRegionDepth) return fail({}, "regions are nested deeper than {}", kMaxRegionDepth);
  if (!check_params(id)) return false;
  for (ValueId v : f_[id].body) {
    if (!is_value(v)) return fail({}, "block {} lists a value that does not exist", id.i);
    if (home_[static_cast<size_t>(v.i)] != kNowhere) return fail(v, "is computed twice");
    if (!check_inst(v, id, depth)) return false;
    home_[static_cast<size_t>(v.i)] = id.i;
  }
  const ValueId result = f_[id].result;
  if (!result) return fail({}, "block {} has no result", id.i);
  if (!is_value(result) || home_[static_cast<size_t>(result.i)] != id.i)
    return fail({}, "block {} returns a value that is not its own", id.i);
  return true;
}

bool Verifier::check_inst(ValueId v, BlockId block, int depth) {
  const Inst& in = f_[v];
  if (!is_op(in.op)) return fail(v, "has an op that is not in the table");
  const Op& row = ops_.row(in.op);
  if (in.attr && !has_attr(in)) return fail(v, "has an attribute that does not exist");
  const int64_t end = int64_t{in.first_operand} + in.n_operands;
  if (in.first_operand < 0 || in.n_operands < 0 || end > static_cast<int64_t>(f_.operand_pool.size()))
    return fail(v, "has operands outside the pool");
  for (ValueId o : f_.operands(v)) {
    if (!is_value(o)) return fail(v, "has an operand that does not exist");
    if (home_[static_cast<size_t>(o.i)] == kNowhere) return fail(v, "uses {} before it is computed", value_text(o));
    if (home_[static_cast<size_t>(o.i)] != block.i)
      return fail(v, "uses {}, which belongs to another block", value_text(o));
  }
  if (row.arity >= 0 && in.n_operands != row.arity)
    return fail(v, "takes {} operands, not {}", row.arity, in.n_operands);
  if (!check_type(v, in.type)) return false;
  if (has_attr(in))
    for (DimId d : attr(in).dims)
      if (!check_dim(v, d)) return false;
  if (in.n_blocks != n_blocks_of(row)) return fail(v, "owns {} blocks, not {}", n_blocks_of(row), in.n_blocks);
  for (int32_t k = 0; k < in.n_blocks; ++k) {
    const int64_t index = int64_t{in.first_block.i} + k;
    if (index < 1 || index >= static_cast<int64_t>(f_.blocks.size())) return fail(v, "has a block that does not exist");
    if (!check_block(BlockId{static_cast<int32_t>(index)}, depth + 1)) return false;
  }
  return row.kind == OpKind::elementwise ? check_elementwise(v, row) : check_form(v, form_of(row));
}

// ------------------------------------------------------------------------------------------------------- types

bool Verifier::check_dim(ValueId v, DimId d) {
  if (!d || static_cast<size_t>(d.i) >= m_.types.dims.size())
    return fail(v, "has a size that does not exist (an overflow?)");
  if (static_cast<size_t>(d.i) < good_dims_.size() && good_dims_[static_cast<size_t>(d.i)]) return true;
  for (StrId name : m_.types.dims.variables(d))
    if (!size_vars_.contains(name))
      return fail(v, "uses the size `{}`, which the function does not declare", m_.strings[name]);
  good_dims_.resize(m_.types.dims.size());
  good_dims_[static_cast<size_t>(d.i)] = true;
  return true;
}

bool Verifier::check_type(ValueId v, TypeId id, int depth) {
  if (!id || static_cast<size_t>(id.i) >= m_.types.size()) return fail(v, "has no type");
  if (static_cast<size_t>(id.i) < good_types_.size() && good_types_[static_cast<size_t>(id.i)]) return true;
  const Type& t = m_.types[id];
  if (t.rank() > kMaxRank) return fail(v, "has rank {}; at most {} is supported", t.rank(), kMaxRank);
  if (depth > kMaxTypeDepth) return fail(v, "has tuples nested deeper than {}", kMaxTypeDepth);
  if (t.is_tuple() ? !t.dims.empty() : !t.fields.empty()) return fail(v, "has a type that is both tuple and array");
  int64_t n_elements = 1;
  for (DimId d : t.dims) {
    if (!check_dim(v, d)) return false;
    const auto n = m_.types.dims.as_constant(d);
    if (n && *n > 0 && (__builtin_mul_overflow(n_elements, *n, &n_elements) || n_elements > kMaxElements))
      return fail(v, "has more than 2^48 elements");
  }
  for (const Field& field : t.fields)
    if (!check_type(v, field.type, depth + 1)) return false;
  good_types_.resize(m_.types.size());
  good_types_[static_cast<size_t>(id.i)] = true;
  return true;
}

bool Verifier::check_elementwise(ValueId v, const Op& row) {
  if (f_[v].attr) return fail(v, "an elementwise op has no attribute");
  DType dtypes[3];
  const int n = f_[v].n_operands;
  if (n < 1 || n > 3) return fail(v, "an elementwise op has one to three operands");
  for (int k = 0; k < n; ++k) {
    const Type& t = type_of(f_.operand(v, k));
    dtypes[k] = t.dtype;
    if (t.dims != type_of(f_.operand(v, 0)).dims)
      return fail(v, "operands differ in shape: {} and {}", operand_type_text(v, 0), operand_type_text(v, k));
  }
  const auto dtype = result_dtype(row.type, std::span<const DType>(dtypes, static_cast<size_t>(n)));
  if (!dtype) return fail(v, "does not take operands of type {}", operand_types_text(v));
  return expect_type(v, *dtype, type_of(f_.operand(v, 0)).dims);
}

// ---------------------------------------------------------------------------------------------------- messages

std::string Verifier::value_text(ValueId v) {
  if (numbers_.empty()) numbers_ = print_numbers(f_);
  if (!is_value(v) || numbers_[static_cast<size_t>(v.i)] < 0) return "%?";
  return fmt::format("%{}", numbers_[static_cast<size_t>(v.i)]);
}

std::string Verifier::inst_text(ValueId v) {
  if (!is_value(v) || !is_op(f_[v].op)) return fmt::format("`{}`", value_text(v));
  return fmt::format("`{} = {}`", value_text(v), ops_.row(f_[v].op).name);
}

std::string Verifier::operand_types_text(ValueId v) {
  std::string out;
  for (int k = 0; k < f_[v].n_operands; ++k) out += (k ? ", " : "") + operand_type_text(v, k);
  return out;
}

std::optional<Violation> find_violation(const Module& m, FuncId f, const OpSet& ops) {
  if (!f || static_cast<size_t>(f.i) >= m.size()) return Violation{"no such function", {}};
  return Verifier(m, m[f], ops).run();
}

std::optional<std::string> verify(const Module& m, FuncId f, const OpSet& ops) {
  auto violation = find_violation(m, f, ops);
  if (!violation) return std::nullopt;
  return fmt::format("@{}: {}", m[f].name, violation->message);
}

}  // namespace dlc
