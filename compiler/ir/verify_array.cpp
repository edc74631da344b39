// The result type of each op that is not elementwise, derived once more from operands and attribute and compared.
// What the ops mean is in ops/array.h; their attributes are listed at Attr in ir/module.h.
#include <algorithm>
#include <bit>
#include <map>

#include "ir/verify_inst.h"

namespace dlc {
namespace {

bool is_number(DType d) { return is_float(d) || d == DType::i64; }
bool is_scalar(const Type& t, DType d) { return t.dtype == d && t.dims.empty(); }

}  // namespace

bool Verifier::check_form(ValueId v, Form form) {
  const Inst& in = f_[v];
  const bool wants_attr = form != Form::plain && form != Form::tuple && form != Form::if_region && form != Form::stack &&
                          form != Form::batch_sum;
  if (wants_attr && !in.attr) return fail(v, "has no attribute");
  if (!wants_attr && form != Form::plain && in.attr) return fail(v, "has an attribute");
  switch (form) {
    case Form::plain: return true;
    case Form::param: return fail(v, "a parameter stands among the instructions");
    case Form::constant: return check_constant(v);
    case Form::size:
      if (attr(in).dims.size() != 1) return fail(v, "reads one size");
      return expect_type(v, DType::i64, {});
    case Form::tuple: return check_tuple(v);
    case Form::get: return check_get(v);
    case Form::call: return check_call(v);
    case Form::if_region: return check_if(v);
    case Form::map: return check_map(v);
    case Form::for_region:
    case Form::while_region: return check_loop(v, form);
    case Form::index: return check_index(v);
    case Form::put:
    case Form::add_at: return check_store(v, form);
    case Form::view: return check_view(v, false);
    case Form::view_adjoint: return check_view(v, true);
    case Form::sum:
    case Form::prod:
    case Form::extreme:
    case Form::truth:
    case Form::arg_extreme: return check_reduction(v, form);
    case Form::reshape: return check_reshape(v);
    case Form::cumsum: return check_cumsum(v);
    case Form::batch_sum:
      if (!is_number(operand_type(v, 0).dtype)) return fail(v, "does not sum {}", operand_type_text(v, 0));
      return expect_type(v, operand_type(v, 0).dtype, operand_type(v, 0).dims);
    case Form::stack: return check_stack(v);
    case Form::matmul: return check_matmul(v);
    case Form::iota: return check_iota(v);
  }
  return true;
}

bool Verifier::expect_type(ValueId v, DType dtype, std::span<const DimId> dims) {
  const Type& t = type_of(v);
  if (t.dtype == dtype && std::equal(t.dims.begin(), t.dims.end(), dims.begin(), dims.end())) return true;
  std::string expected = dtype_name(dtype);
  for (size_t k = 0; k < dims.size(); ++k) expected += (k ? ", " : "[") + m_.types.dims.text(dims[k]);
  if (!dims.empty()) expected += ']';
  return fail(v, "has type {}, but its operands give {}", m_.types.text(f_[v].type), expected);
}

// A copy keeps all ids, so what is computed here compares with what the module has.
DimTable& Verifier::scratch() {
  if (!scratch_) scratch_.emplace(m_.types.dims);
  return *scratch_;
}

// ---------------------------------------------------------------------------------------------------- plumbing

bool Verifier::check_constant(ValueId v) {
  const Attr& a = attr(f_[v]);
  const Type& t = type_of(v);
  if (a.ints.size() != 1) return fail(v, "has one value");
  if (!t.dims.empty() || !(is_number(t.dtype) || t.dtype == DType::b1))
    return fail(v, "is a scalar number or bool, not {}", m_.types.text(f_[v].type));
  if (t.dtype == DType::b1 && a.ints[0] != 0 && a.ints[0] != 1) return fail(v, "a bool is 0 or 1");
  const auto value = std::bit_cast<double>(a.ints[0]);
  if (t.dtype == DType::f32 && value == value && static_cast<double>(static_cast<float>(value)) != value)
    return fail(v, "{} is not an f32", value);
  return true;
}

bool Verifier::check_tuple(ValueId v) {
  const Type& t = type_of(v);
  const auto operands = f_.operands(v);
  if (!t.is_tuple()) return fail(v, "has type {}, not a tuple", m_.types.text(f_[v].type));
  if (t.fields.size() != operands.size())
    return fail(v, "has {} fields and {} operands", t.fields.size(), operands.size());
  for (size_t k = 0; k < operands.size(); ++k)
    if (f_[operands[k]].type != t.fields[k].type)
      return fail(v, "field {} is {}, its operand {}", k, m_.types.text(t.fields[k].type),
                  m_.types.text(f_[operands[k]].type));
  return true;
}

bool Verifier::check_get(ValueId v) {
  const Attr& a = attr(f_[v]);
  const Type& t = operand_type(v, 0);
  if (!t.is_tuple()) return fail(v, "reads a field of {}", operand_type_text(v, 0));
  if (a.ints.size() != 1 || a.ints[0] < 0 || a.ints[0] >= static_cast<int64_t>(t.fields.size()))
    return fail(v, "{} has no such field", operand_type_text(v, 0));
  const TypeId field = t.fields[static_cast<size_t>(a.ints[0])].type;
  return field == f_[v].type || fail(v, "has type {}, the field {}", m_.types.text(f_[v].type), m_.types.text(field));
}

bool Verifier::check_iota(ValueId v) {
  const Attr& a = attr(f_[v]);
  return a.dims.size() == 1 ? expect_type(v, DType::i64, a.dims) : fail(v, "has one extent");
}

// ------------------------------------------------------------------------------------------- calls and regions

bool Verifier::is_substituted(TypeId id, TypeId formal, const std::map<StrId, DimId>& sizes) {
  const Type &t = m_.types[id], &u = m_.types[formal];
  if (t.dtype != u.dtype || t.name != u.name || t.dims.size() != u.dims.size() || t.fields.size() != u.fields.size())
    return false;
  for (size_t k = 0; k < t.dims.size(); ++k)
    if (t.dims[k] != u.dims[k] || !sizes.empty())
      if (t.dims[k] != scratch().substitute(u.dims[k], sizes)) return false;
  for (size_t k = 0; k < t.fields.size(); ++k)
    if (t.fields[k].name != u.fields[k].name || !is_substituted(t.fields[k].type, u.fields[k].type, sizes))
      return false;
  return true;
}

bool Verifier::check_call(ValueId v) {
  const Attr& a = attr(f_[v]);
  if (!a.func || static_cast<size_t>(a.func.i) >= m_.size()) return fail(v, "calls a function that does not exist");
  const Func& callee = m_[a.func];
  if (callee.blocks.empty()) return fail(v, "calls `{}`, which has no parameters yet", callee.name);
  if (a.dims.size() != callee.size_vars.size())
    return fail(v, "gives {} sizes to `{}`, which has {}", a.dims.size(), callee.name, callee.size_vars.size());
  const auto n_sizes = static_cast<int64_t>(a.ints.size());
  if (n_sizes > f_[v].n_operands) return fail(v, "has {} sizes among its {} operands", n_sizes, f_[v].n_operands);
  for (size_t k = 0; k < a.ints.size(); ++k) {
    const int64_t at = a.ints[k];
    if (at < 0 || at >= static_cast<int64_t>(a.dims.size()) || (k && at <= a.ints[k - 1])) return fail(v, "has no size {}", at);
    if (!is_scalar(operand_type(v, static_cast<int>(f_[v].n_operands - n_sizes) + static_cast<int>(k)), DType::i64))
      return fail(v, "size {} is not an int", at);
  }
  const auto operands = f_.operands(v).first(static_cast<size_t>(f_[v].n_operands - n_sizes));
  const auto& params = callee.body().params;
  if (operands.size() != params.size())
    return fail(v, "gives {} arguments to `{}`, which has {}", operands.size(), callee.name, params.size());
  std::map<StrId, DimId> sizes;
  for (size_t k = 0; k < a.dims.size(); ++k) sizes[callee.size_vars[k]] = a.dims[k];
  auto type_in_callee = [&](ValueId x) {
    const bool exists = x && static_cast<size_t>(x.i) < callee.insts.size();
    const TypeId t = exists ? callee[x].type : TypeId{};
    return t && static_cast<size_t>(t.i) < m_.types.size() ? t : TypeId{};
  };
  for (size_t k = 0; k < operands.size(); ++k) {
    const TypeId formal = type_in_callee(params[k]);
    if (!formal) return fail(v, "calls `{}`, whose parameters are broken", callee.name);
    if (!is_substituted(f_[operands[k]].type, formal, sizes))
      return fail(v, "argument {} of `{}` is {}, its parameter {}", k, callee.name, m_.types.text(f_[operands[k]].type),
                  m_.types.text(formal));
  }
  const TypeId result = callee.body().result ? type_in_callee(callee.body().result) : callee.declared_result;
  if (!result || static_cast<size_t>(result.i) >= m_.types.size())
    return fail(v, "calls `{}`, which has no result", callee.name);
  return is_substituted(f_[v].type, result, sizes) ||
         fail(v, "has type {}, but `{}` returns {}", m_.types.text(f_[v].type), callee.name, m_.types.text(result));
}

bool Verifier::check_captures(ValueId v, BlockId block, size_t first_param, int first_operand) {
  const auto& params = f_[block].params;
  const int n_captures = f_[v].n_operands - first_operand;
  if (params.size() != first_param + static_cast<size_t>(n_captures))
    return fail(v, "its block has {} parameters for {} indices and {} captures", params.size(), first_param,
                n_captures);
  for (int k = 0; k < n_captures; ++k) {
    const TypeId param = f_[params[first_param + static_cast<size_t>(k)]].type;
    if (param != f_[f_.operand(v, first_operand + k)].type)
      return fail(v, "capture {} is {}, its parameter {}", k, operand_type_text(v, first_operand + k),
                  m_.types.text(param));
  }
  return true;
}

bool Verifier::check_if(ValueId v) {
  const Inst& in = f_[v];
  if (in.n_operands < 1 || !is_scalar(operand_type(v, 0), DType::b1))
    return fail(v, "its first operand is the condition, a bool");
  for (int32_t k = 0; k < 2; ++k) {
    const BlockId block{in.first_block.i + k};
    if (!check_captures(v, block, 0, 1)) return false;
    const TypeId result = f_[f_[block].result].type;
    if (result != in.type)
      return fail(v, "has type {}, but a branch gives {}", m_.types.text(in.type), m_.types.text(result));
  }
  return true;
}

/// Whether `type` is `inner` with the box's extents in front of every leaf.
bool Verifier::is_boxed(TypeId type, std::span<const DimId> extents, TypeId inner) const {
  const Type &t = m_.types[type], &u = m_.types[inner];
  if (t.dtype != u.dtype || t.name != u.name || t.fields.size() != u.fields.size()) return false;
  if (!t.is_tuple())
    return t.dims.size() == extents.size() + u.dims.size() &&
           std::equal(extents.begin(), extents.end(), t.dims.begin()) &&
           std::equal(u.dims.begin(), u.dims.end(), t.dims.begin() + static_cast<ptrdiff_t>(extents.size()));
  for (size_t k = 0; k < t.fields.size(); ++k)
    if (t.fields[k].name != u.fields[k].name || !is_boxed(t.fields[k].type, extents, u.fields[k].type)) return false;
  return true;
}

bool Verifier::check_map(ValueId v) {
  const Inst& in = f_[v];
  const Attr& a = attr(in);
  if (a.dims.empty()) return fail(v, "has no extents");
  if (!a.ints.empty() && (a.ints != std::vector<int64_t>{1} || a.dims.size() != 1)) return fail(v, "is over examples with one index, or it is not");
  if (!check_captures(v, in.first_block, a.dims.size(), 0)) return false;
  const Block& body = f_[in.first_block];
  for (size_t k = 0; k < a.dims.size(); ++k)
    if (!is_scalar(type_of(body.params[k]), DType::i64)) return fail(v, "index {} is not an int", k);
  const TypeId inner = f_[body.result].type;
  return is_boxed(in.type, a.dims, inner) || fail(v, "has type {}, but its body gives {} over {} axes",
                                                  m_.types.text(in.type), m_.types.text(inner), a.dims.size());
}

/// `for`: count, carried, captures; block (index, carried, captures). `while`: carried, captures; both blocks take these.
bool Verifier::check_loop(ValueId v, Form form) {
  const Inst& in = f_[v];
  const Attr& a = attr(in);
  const int n_own = form == Form::for_region ? 1 : 0;
  if (a.ints.size() != 3 || a.ints[0] < 1 || a.ints[0] > in.n_operands - n_own)
    return fail(v, "does not say how many of its operands it carries");
  if (a.ints[1] < -1 || a.ints[2] < 0) return fail(v, "checkpoints every {} steps in {} bytes", a.ints[1], a.ints[2]);
  if (a.dims.size() > 1) return fail(v, "has more than one bound");
  if (n_own && !is_scalar(operand_type(v, 0), DType::i64)) return fail(v, "its first operand is the number of steps, an int");
  for (int32_t k = 0; k < in.n_blocks; ++k)
    if (!check_captures(v, BlockId{in.first_block.i + k}, static_cast<size_t>(n_own), n_own)) return false;
  const Block& body = f_[BlockId{in.first_block.i + in.n_blocks - 1}];
  if (n_own && !is_scalar(type_of(body.params[0]), DType::i64)) return fail(v, "its index is not an int");
  if (form == Form::while_region && !is_scalar(type_of(f_[in.first_block].result), DType::b1))
    return fail(v, "its condition is {}, not a bool", m_.types.text(f_[f_[in.first_block].result].type));
  const auto n_carried = static_cast<size_t>(a.ints[0]);
  const Type& result = type_of(v);
  if (n_carried > 1 && (!result.is_tuple() || result.fields.size() != n_carried))
    return fail(v, "has type {} for {} carried values", m_.types.text(in.type), n_carried);
  for (size_t k = 0; k < n_carried; ++k) {
    const TypeId carried = f_[f_.operand(v, n_own + static_cast<int>(k))].type;
    if (m_.types[carried].is_tuple()) return fail(v, "carries a tuple, {}", m_.types.text(carried));
    if ((n_carried == 1 ? in.type : result.fields[k].type) != carried)
      return fail(v, "has type {}, but carries {}", m_.types.text(in.type), m_.types.text(carried));
  }
  return f_[body.result].type == in.type ||
         fail(v, "has type {}, but its body gives {}", m_.types.text(in.type), m_.types.text(f_[body.result].type));
}

// ------------------------------------------------------------------------------------------------------ arrays

/// The subscripts are the operands from `first` on, ints of one shape; `dims` is what they select of operand 0.
bool Verifier::check_subscripts(ValueId v, int first, std::vector<DimId>& dims) {
  const Attr& a = attr(f_[v]);
  if (a.ints.size() != 1 || a.ints[0] < 0 || a.ints[0] >= std::ssize(kBoundsWords))
    return fail(v, "does not say what is known of its subscripts");
  const int n_subscripts = f_[v].n_operands - first;
  if (n_subscripts < 1) return fail(v, "has {} and subscripts", first == 1 ? "an array" : "an array, a value");
  const Type& x = operand_type(v, 0);
  if (x.is_tuple()) return fail(v, "subscripts {}", operand_type_text(v, 0));
  if (n_subscripts > x.rank()) return fail(v, "has {} subscripts for {}", n_subscripts, operand_type_text(v, 0));
  const Type& shape = operand_type(v, first);
  for (int k = first; k < f_[v].n_operands; ++k) {
    if (operand_type(v, k).dtype != DType::i64) return fail(v, "subscript {} is {}, not an int", k - first, operand_type_text(v, k));
    if (operand_type(v, k).dims != shape.dims)
      return fail(v, "subscripts differ in shape: {} and {}", operand_type_text(v, first), operand_type_text(v, k));
  }
  dims = shape.dims;
  dims.insert(dims.end(), x.dims.begin() + n_subscripts, x.dims.end());
  return true;
}

bool Verifier::check_index(ValueId v) {
  std::vector<DimId> dims;
  return check_subscripts(v, 1, dims) && expect_type(v, operand_type(v, 0).dtype, dims);
}

bool Verifier::check_store(ValueId v, Form form) {
  std::vector<DimId> dims;
  if (f_[v].n_operands < 3) return fail(v, "has an array, a value and subscripts");
  if (!check_subscripts(v, 2, dims)) return false;
  const Type &x = operand_type(v, 0), &value = operand_type(v, 1);
  if (form == Form::add_at && !is_number(x.dtype)) return fail(v, "adds to {}", operand_type_text(v, 0));
  if (value.dtype != x.dtype || value.dims != dims)
    return fail(v, "stores {} into {}", operand_type_text(v, 1), operand_type_text(v, 0));
  return expect_type(v, x.dtype, x.dims);
}

bool Verifier::check_view(ValueId v, bool is_adjoint) {
  const Attr& a = attr(f_[v]);
  // The map leads from the indices of `reader` to those of `array`; the adjoint of a view runs it backwards.
  const Type &reader = is_adjoint ? operand_type(v, 0) : type_of(v),
             &array = is_adjoint ? type_of(v) : operand_type(v, 0);
  if (reader.is_tuple() || array.dtype != reader.dtype)
    return fail(v, "leads from {} to {}", operand_type_text(v, 0), m_.types.text(f_[v].type));
  if (is_adjoint && !is_number(array.dtype)) return fail(v, "adds elements of {}", operand_type_text(v, 0));
  const auto R = static_cast<int64_t>(reader.rank()), S = static_cast<int64_t>(array.rank());
  if (a.ints.size() < 3 || a.ints[0] != R || a.ints[1] != S || (a.ints[2] != 0 && a.ints[2] != 1) ||
      static_cast<int64_t>(a.ints.size()) != 3 + R * S || static_cast<int64_t>(a.dims.size()) != R + S)
    return fail(v, "its map does not lead from rank {} to rank {}", R, S);
  if (!std::equal(reader.dims.begin(), reader.dims.end(), a.dims.begin()))
    return fail(v, "its map is over another shape than {}", m_.types.text(f_[is_adjoint ? f_.operand(v, 0) : v].type));
  return true;
}

bool Verifier::check_reduction(ValueId v, Form form) {
  const Attr& a = attr(f_[v]);
  const Type& x = operand_type(v, 0);
  if (form == Form::truth ? x.dtype != DType::b1 : !is_number(x.dtype))
    return fail(v, "does not reduce {}", operand_type_text(v, 0));
  for (size_t k = 0; k < a.ints.size(); ++k) {
    if (a.ints[k] < 0 || a.ints[k] >= x.rank())
      return fail(v, "axis {} of {} does not exist", a.ints[k], operand_type_text(v, 0));
    if (k && a.ints[k] <= a.ints[k - 1]) return fail(v, "its axes do not ascend");
  }
  if (form == Form::arg_extreme && a.ints.size() != 1) return fail(v, "has one axis");
  std::vector<DimId> kept;
  for (int r = 0; r < x.rank(); ++r)
    if (!std::binary_search(a.ints.begin(), a.ints.end(), r)) kept.push_back(x.dims[static_cast<size_t>(r)]);
  return expect_type(v, form == Form::arg_extreme ? DType::i64 : x.dtype, kept);
}

bool Verifier::check_cumsum(ValueId v) {
  const Attr& a = attr(f_[v]);
  const Type& x = operand_type(v, 0);
  if (!is_number(x.dtype)) return fail(v, "does not sum {}", operand_type_text(v, 0));
  if (a.ints.size() != 2 || a.ints[0] < 0 || a.ints[0] >= x.rank() || a.ints[1] < 0 || a.ints[1] > 1)
    return fail(v, "has an axis of {} and a direction, 0 or 1", operand_type_text(v, 0));
  return expect_type(v, x.dtype, x.dims);
}

bool Verifier::has_same_count(std::span<const DimId> a, std::span<const DimId> b) {
  std::vector<DimId> left(a.begin(), a.end()), right(b.begin(), b.end());
  std::sort(left.begin(), left.end());
  std::sort(right.begin(), right.end());
  if (left == right) return true;
  DimTable& dims = scratch();
  DimId n = dims.constant(1), m = dims.constant(1);
  for (DimId d : a) n = dims.mul(n, d);
  for (DimId d : b) m = dims.mul(m, d);
  return n && n == m;
}

bool Verifier::check_reshape(ValueId v) {
  const Type& x = operand_type(v, 0);
  if (x.is_tuple()) return fail(v, "does not reshape a tuple");
  if (!expect_type(v, x.dtype, attr(f_[v]).dims)) return false;
  return has_same_count(x.dims, type_of(v).dims) ||
         fail(v, "{} and {} do not provably have the same number of elements", operand_type_text(v, 0),
              m_.types.text(f_[v].type));
}

bool Verifier::check_stack(ValueId v) {
  const int n = f_[v].n_operands;
  if (n < 1) return fail(v, "has no rows");
  const Type& row = operand_type(v, 0);
  const Type& t = type_of(v);
  for (int k = 1; k < n; ++k)
    if (f_[f_.operand(v, k)].type != f_[f_.operand(v, 0)].type)
      return fail(v, "rows differ: {} and {}", operand_type_text(v, 0), operand_type_text(v, k));
  if (row.is_tuple() || t.dims.empty() || m_.types.dims.as_constant(t.dims[0]) != n)
    return fail(v, "has type {} for {} rows of {}", m_.types.text(f_[v].type), n, operand_type_text(v, 0));
  std::vector<DimId> dims{t.dims[0]};
  dims.insert(dims.end(), row.dims.begin(), row.dims.end());
  return expect_type(v, row.dtype, dims);
}

bool Verifier::check_matmul(ValueId v) {
  const Attr& a = attr(f_[v]);
  const Type &x = operand_type(v, 0), &y = operand_type(v, 1);
  if (x.dtype != y.dtype || !is_number(x.dtype)) return fail(v, "does not multiply {}", operand_types_text(v));
  if (a.ints.size() != 4) return fail(v, "has the ranks of four groups of axes");
  for (int64_t rank : a.ints)
    if (rank < 0 || rank > kMaxRank) return fail(v, "a group of {} axes", rank);
  const int64_t B = a.ints[0], M = a.ints[1], N = a.ints[2], K = a.ints[3];
  if (B + M + K != x.rank() || B + K + N != y.rank())
    return fail(v, "its ranks do not add up to those of {}", operand_types_text(v));
  const auto left = x.dims.begin(), right = y.dims.begin();
  if (!std::equal(left, left + B, right)) return fail(v, "batch sizes differ: {}", operand_types_text(v));
  if (!std::equal(left + B + M, left + B + M + K, right + B))
    return fail(v, "inner sizes differ: {}", operand_types_text(v));
  std::vector<DimId> dims(left, left + B + M);
  dims.insert(dims.end(), right + B + K, y.dims.end());
  return expect_type(v, x.dtype, dims);
}

}  // namespace dlc
