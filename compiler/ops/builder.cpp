// Builder: appending with type inference and local simplification (elementwise, constants, plumbing, regions).
// The array ops are in builder_array.cpp.
#include "ops/builder.h"

#include <bit>

#include "base/check.h"
#include "ir/type_rule.h"
#include "ops/table.h"

namespace dlc {

ValueId Builder::append_inst(OpId op, TypeId type, AttrId attr, std::span<const ValueId> operands, Loc loc) {
  Inst in;
  in.op = op, in.type = type, in.attr = attr, in.loc = loc;
  return append(func(), block_, in, operands);
}

// ------------------------------------------------------------------------------------------------- constants

ValueId Builder::constant(double value, DType dtype, Loc loc) {
  DLC_CHECK(is_float(dtype), "a float constant needs a float dtype");
  if (dtype == DType::f32) value = static_cast<double>(static_cast<float>(value));
  const AttrId attr = m_.intern({.ints = {std::bit_cast<int64_t>(value)}});
  return append_inst("const"_op, types().scalar(dtype), attr, {}, loc);
}

ValueId Builder::constant_int(int64_t value, Loc loc) {
  return append_inst("const"_op, types().scalar(DType::i64), m_.intern({.ints = {value}}), {}, loc);
}

ValueId Builder::constant_bool(bool value, Loc loc) {
  return append_inst("const"_op, types().scalar(DType::b1), m_.intern({.ints = {value ? 1 : 0}}), {}, loc);
}

ValueId Builder::size(DimId d, Loc loc) {
  if (const auto value = dims().as_constant(d)) return constant_int(*value, loc);
  return append_inst("size"_op, types().scalar(DType::i64), m_.intern({.dims = {d}}), {}, loc);
}

ValueId Builder::full(TypeId type, double value, Loc loc) {
  const Type t = types()[type];
  ValueId scalar;
  if (t.dtype == DType::i64) scalar = constant_int(static_cast<int64_t>(value), loc);
  else if (t.dtype == DType::b1) scalar = constant_bool(value != 0, loc);
  else scalar = constant(value, t.dtype, loc);
  return broadcast(scalar, t.dims, loc);
}

ValueId Builder::zeros(TypeId type, Loc loc) {
  const Type t = types()[type];
  if (!t.is_tuple()) return full(type, 0, loc);
  std::vector<ValueId> fields;
  for (const Field& f : t.fields) fields.push_back(zeros(f.type, loc));
  return tuple(fields, type, loc);
}

std::optional<int64_t> Builder::constant_bits(ValueId v) {
  for (;;) {
    const Inst& in = func()[v];
    if (in.op == "const"_op) return m_[in.attr].ints[0];
    const bool repeats = in.op == "reshape"_op || (in.op == "view"_op && m_[in.attr].ints[2] == 0);
    if (!repeats) return std::nullopt;
    v = func().operand(v, 0);
  }
}

std::optional<double> Builder::constant_value(ValueId v) {
  const auto bits = constant_bits(v);
  if (!bits) return std::nullopt;
  return is_float(peek(v).dtype) ? std::bit_cast<double>(*bits) : static_cast<double>(*bits);
}

std::optional<int64_t> Builder::constant_int_value(ValueId v) {
  return is_float(peek(v).dtype) ? std::nullopt : constant_bits(v);
}

ValueId Builder::convert(ValueId v, DType to, Loc loc) {
  if (type(v).dtype == to) return v;
  switch (to) {
    case DType::f32: return op("to_f32"_op, {v}, loc);
    case DType::f64: return op("to_f64"_op, {v}, loc);
    case DType::i64: return op("to_int"_op, {v}, loc);
    default: break;
  }
  DLC_CHECK(false, "conversions go to f32, f64 or int");
}

// ----------------------------------------------------------------------------------------------- elementwise

TypeId Builder::elementwise_type(OpId id, std::span<const ValueId> operands) {
  DType dtypes[3];
  for (size_t k = 0; k < operands.size(); ++k) dtypes[k] = peek(operands[k]).dtype;
  const auto result = result_dtype(op_row(id).type, std::span(dtypes, operands.size()));
  DLC_CHECK(result, "the operands follow the row's type rule");
  const TypeId shape = type_id(operands[0]);
  return peek(operands[0]).dtype == *result ? shape : types().with_dtype(shape, *result);
}

ValueId Builder::op(OpId id, std::span<const ValueId> given, Loc loc) {
  DLC_CHECK(given.size() <= 3 && !given.empty(), "elementwise ops have one to three operands");
  ValueId operands[3];
  const size_t n = given.size();
  size_t widest = 0;
  bool uniform = true;
  for (size_t k = 0; k < n; ++k) {
    operands[k] = given[k];
    if (peek(given[k]).rank() > peek(given[widest]).rank()) widest = k;
  }
  for (size_t k = 0; k < n; ++k) uniform = uniform && peek(operands[k]).dims == peek(given[widest]).dims;
  if (!uniform) {
    const std::vector<DimId> shape = type(given[widest]).dims;
    for (size_t k = 0; k < n; ++k) operands[k] = broadcast(operands[k], shape, loc);
  }
  const std::span<const ValueId> ready(operands, n);
  const TypeId result = elementwise_type(id, ready);
  if (const ValueId folded = fold_constants(id, ready, result, loc)) return folded;
  if (const ValueId simpler = apply_identities(id, ready, result, loc)) return simpler;
  return append_inst(id, result, {}, ready, loc);
}

// ---------------------------------------------------------------------------------------------------- tuples

ValueId Builder::tuple(std::span<const ValueId> values, TypeId type, Loc loc) {
  // tuple(get(t, 0), get(t, 1), …) of all fields in order is t itself.
  ValueId whole;
  bool same = !values.empty();
  for (size_t k = 0; same && k < values.size(); ++k) {
    const Inst in = func()[values[k]];
    same = in.op == "get"_op && m_[in.attr].ints[0] == static_cast<int64_t>(k);
    if (same && k == 0) whole = func().operand(values[k], 0);
    same = same && func().operand(values[k], 0) == whole;
  }
  if (same && type_id(whole) == type) return whole;
  return append_inst("tuple"_op, type, {}, values, loc);
}

ValueId Builder::tuple(std::span<const ValueId> values, Loc loc) {
  std::vector<Field> fields;
  for (ValueId v : values) fields.push_back({{}, type_id(v)});
  return tuple(values, types().tuple(std::move(fields)), loc);
}

ValueId Builder::get(ValueId t, int field, Loc loc) {
  const Inst in = func()[t];
  if (in.op == "tuple"_op) return func().operand(t, field);
  if (in.op == "if"_op)
    if (const ValueId x = passed_through({in.first_block, BlockId{in.first_block.i + 1}}, func().operands(t).subspan(1), field)) return x;
  const TypeId result = types()[in.type].fields[static_cast<size_t>(field)].type;
  return append_inst("get"_op, result, m_.intern({.ints = {field}}), std::span(&t, 1), loc);
}

ValueId Builder::call(FuncId callee, std::vector<DimId> sizes, std::span<const ValueId> args, Loc loc) {
  return call(callee, std::move(sizes), args, {}, {}, loc);
}

ValueId Builder::call(FuncId callee, std::vector<DimId> sizes, std::span<const ValueId> args, std::vector<int64_t> at,
                      std::span<const ValueId> run_time_sizes, Loc loc) {
  const Func& f = m_[callee];
  std::map<StrId, DimId> bound;
  for (size_t k = 0; k < sizes.size(); ++k) bound[f.size_vars[k]] = sizes[k];
  const TypeId result = types().substitute(f.result_type(), bound);
  const AttrId attr = m_.intern({.ints = std::move(at), .dims = std::move(sizes), .func = callee});
  std::vector<ValueId> operands(args.begin(), args.end());
  operands.insert(operands.end(), run_time_sizes.begin(), run_time_sizes.end());
  return append_inst("call"_op, result, attr, operands, loc);
}

// --------------------------------------------------------------------------------------------------- regions

Builder::IfBlocks Builder::begin_if(std::span<const ValueId> captures, Loc loc) {
  Func& f = func();
  const BlockId first{static_cast<int32_t>(f.blocks.size())};
  const BlockId second{first.i + 1};
  f.blocks.emplace_back();
  f.blocks.emplace_back();
  for (BlockId block : {first, second})
    for (ValueId v : captures) append_param(m_, f, block, "param"_op, f[v].type, {}, loc);
  return {first, second};
}

ValueId Builder::passed_through(IfBlocks blocks, std::span<const ValueId> captures, int field) {
  const Func& f = func();
  ValueId outer[2];
  for (int side = 0; side < 2; ++side) {
    const Block& block = f[side == 0 ? blocks.then_block : blocks.else_block];
    ValueId v = block.result;
    if (field >= 0 && f[v].op != "tuple"_op) return {};
    if (field >= 0) v = f.operand(v, field);
    const auto param = std::find(block.params.begin(), block.params.end(), v);
    if (param == block.params.end()) return {};
    outer[side] = captures[static_cast<size_t>(param - block.params.begin())];
  }
  return outer[0] == outer[1] ? outer[0] : ValueId{};
}

ValueId Builder::end_if(IfBlocks blocks, ValueId condition, std::span<const ValueId> captures, Loc loc) {
  if (const ValueId x = passed_through(blocks, captures, -1)) return x;
  std::vector<ValueId> operands{condition};
  operands.insert(operands.end(), captures.begin(), captures.end());
  Inst in;
  in.op = "if"_op, in.loc = loc, in.first_block = blocks.then_block, in.n_blocks = 2;
  in.type = func()[func()[blocks.then_block].result].type;
  return append(func(), block_, in, operands);
}

BlockId Builder::begin_map(const std::vector<DimId>& extents, std::span<const StrId> names,
                           std::span<const ValueId> captures, Loc loc) {
  Func& f = func();
  const BlockId block{static_cast<int32_t>(f.blocks.size())};
  f.blocks.emplace_back();
  for (size_t k = 0; k < extents.size(); ++k)
    append_param(m_, f, block, "param"_op, types().scalar(DType::i64), k < names.size() ? names[k] : StrId{}, loc);
  for (ValueId v : captures) append_param(m_, f, block, "param"_op, f[v].type, {}, loc);
  return block;
}

namespace {
/// `type` with the box's extents in front of every leaf.
TypeId boxed(TypeTable& types, TypeId type, const std::vector<DimId>& extents) {
  Type t = types[type];
  if (t.is_tuple()) {
    for (Field& f : t.fields) f.type = boxed(types, f.type, extents);
  } else {
    t.dims.insert(t.dims.begin(), extents.begin(), extents.end());
  }
  return types.intern(std::move(t));
}
}  // namespace

ValueId Builder::end_map(BlockId body, const std::vector<DimId>& extents, std::span<const ValueId> captures, Loc loc) {
  Inst in;
  in.op = "map"_op, in.loc = loc, in.first_block = body, in.n_blocks = 1;
  in.attr = m_.intern({.dims = extents});
  in.type = boxed(types(), func()[func()[body].result].type, extents);
  return append(func(), block_, in, captures);
}

ValueId Builder::end_example_map(BlockId body, DimId n_examples, std::span<const ValueId> captures, Loc loc) {
  const ValueId v = end_map(body, {n_examples}, captures, loc);
  func()[v].attr = m_.intern({.ints = {1}, .dims = {n_examples}});
  return v;
}

BlockId Builder::begin_for(std::span<const ValueId> carried, std::span<const ValueId> captures, Loc loc) {
  Func& f = func();
  const BlockId block{static_cast<int32_t>(f.blocks.size())};
  f.blocks.emplace_back();
  append_param(m_, f, block, "param"_op, types().scalar(DType::i64), {}, loc);
  for (ValueId v : carried) append_param(m_, f, block, "param"_op, f[v].type, {}, loc);
  for (ValueId v : captures) append_param(m_, f, block, "param"_op, f[v].type, {}, loc);
  return block;
}

ValueId Builder::end_for(BlockId body, ValueId count, std::span<const ValueId> carried, std::span<const ValueId> captures,
                         const LoopOptions& options, Loc loc) {
  std::vector<ValueId> operands{count};
  operands.insert(operands.end(), carried.begin(), carried.end());
  operands.insert(operands.end(), captures.begin(), captures.end());
  Inst in;
  in.op = "for"_op, in.loc = loc, in.first_block = body, in.n_blocks = 1;
  in.type = func()[func()[body].result].type;
  in.attr = loop_attr(m_, carried.size(), options);
  return append(func(), block_, in, operands);
}

Builder::WhileBlocks Builder::begin_while(std::span<const ValueId> carried, std::span<const ValueId> captures, Loc loc) {
  Func& f = func();
  const BlockId first{static_cast<int32_t>(f.blocks.size())}, second{first.i + 1};
  f.blocks.emplace_back();
  f.blocks.emplace_back();
  for (BlockId block : {first, second}) {
    for (ValueId v : carried) append_param(m_, f, block, "param"_op, f[v].type, {}, loc);
    for (ValueId v : captures) append_param(m_, f, block, "param"_op, f[v].type, {}, loc);
  }
  return {first, second};
}

ValueId Builder::end_while(WhileBlocks blocks, std::span<const ValueId> carried, std::span<const ValueId> captures,
                           const LoopOptions& options, Loc loc) {
  std::vector<ValueId> operands(carried.begin(), carried.end());
  operands.insert(operands.end(), captures.begin(), captures.end());
  Inst in;
  in.op = "while"_op, in.loc = loc, in.first_block = blocks.condition, in.n_blocks = 2;
  in.type = func()[func()[blocks.body].result].type;
  in.attr = loop_attr(m_, carried.size(), options);
  return append(func(), block_, in, operands);
}

// --------------------------------------------------------------------------------------------------- copying

ValueId Builder::raw(Inst inst, std::span<const ValueId> operands) { return append(func(), block_, inst, operands); }

ValueId Builder::rebuild(const Inst& in, std::span<const ValueId> operands, Loc loc) {
  DLC_CHECK(in.n_blocks == 0, "regions are rebuilt by their pass");
  const Op& row = op_row(in.op);
  if (row.kind == OpKind::elementwise) return op(in.op, operands, loc);
  if (in.op == "view"_op) return view(operands[0], view_map(m_, in.attr), loc);
  if (in.op == "get"_op) return get(operands[0], static_cast<int>(m_[in.attr].ints[0]), loc);
  if (in.op == "tuple"_op) return tuple(operands, in.type, loc);
  if (in.op == "size"_op) return size(DimId(m_[in.attr].dims[0]), loc);
  if (in.op == "reshape"_op) return reshape(operands[0], std::vector<DimId>(m_[in.attr].dims), loc);
  if (in.op == "index"_op) return index(operands[0], operands.subspan(1), bounds_of(m_, in), loc);
  if (in.op == "put"_op || in.op == "add_at"_op)
    return store(in.op, operands[0], operands[1], operands.subspan(2), bounds_of(m_, in), loc);
  if (in.op == "matmul"_op) return matmul(operands[0], operands[1], matmul_ranks(m_, in.attr), loc);
  if (in.op == "sum"_op || row.kind == OpKind::reduction) {
    const std::vector<int64_t> axes = m_[in.attr].ints;
    return reduce(in.op, operands[0], {axes.begin(), axes.end()}, loc);
  }
  Inst copy = in;
  copy.loc = loc;
  return raw(copy, operands);
}

FuncId start_function(Module& m, std::string name, const Func& like) {
  Func f;
  f.name = m.unique_name(name);
  f.size_vars = like.size_vars;
  f.loc = like.loc;
  f.checks = like.checks;
  f.blocks.emplace_back();
  const FuncId id = m.add(std::move(f));
  for (ValueId p : like.body().params) {
    const Inst in = like[p];
    append_param(m, m[id], BlockId{0}, in.op, in.type, m[in.attr].name, in.loc);
  }
  return id;
}

namespace {

constexpr int kMaxRegionDepth = 600;  // above the parser's nesting limit; deeper IR comes only from IR text

struct Inliner {
  Builder& to;
  const Func& from;
  const std::map<StrId, DimId>& sizes;
  Reason reason;

  Inst adapted(const Inst& in) {
    Module& m = to.module();
    Inst copy = in;
    copy.loc = in.loc.reason == Reason::written && reason != Reason::written ? in.loc.because(reason) : in.loc;
    if (sizes.empty()) return copy;
    copy.type = m.types.substitute(in.type, sizes);
    if (in.attr && !m[in.attr].dims.empty()) {
      Attr attr = m[in.attr];
      for (DimId& d : attr.dims) d = m.types.dims.substitute(d, sizes);
      copy.attr = m.intern(std::move(attr));
    }
    return copy;
  }

  ValueId block(Builder& b, const Block& source, std::vector<ValueId>& map, int depth) {
    DLC_CHECK(depth < kMaxRegionDepth, "regions nest deeper than the parser allows");
    for (ValueId v : source.body) {
      std::vector<ValueId> operands;
      for (ValueId o : from.operands(v)) operands.push_back(map[static_cast<size_t>(o.i)]);
      Inst in = adapted(from[v]);
      if (in.n_blocks == 0) {
        map[static_cast<size_t>(v.i)] = b.rebuild(in, operands, in.loc);
        continue;
      }
      const BlockId first{static_cast<int32_t>(b.func().blocks.size())};
      for (int k = 0; k < in.n_blocks; ++k) b.func().blocks.emplace_back();
      for (int k = 0; k < in.n_blocks; ++k) {
        const BlockId target{first.i + k};
        const Block& inner = from[BlockId{from[v].first_block.i + k}];
        for (ValueId p : inner.params) {
          const Inst param = adapted(from[p]);
          map[static_cast<size_t>(p.i)] = append_param(b.module(), b.func(), target, param.op, param.type,
                                                       b.module()[param.attr].name, param.loc);
        }
        Builder nested = b.in(target);
        const ValueId result = block(nested, inner, map, depth + 1);
        nested.set_result(result);
      }
      in.first_block = first;
      map[static_cast<size_t>(v.i)] = b.raw(in, operands);
    }
    return map[static_cast<size_t>(source.result.i)];
  }
};

}  // namespace

ValueId inline_body(Builder& to, const Func& from, std::span<const ValueId> args, const std::map<StrId, DimId>& sizes,
                    Reason reason) {
  DLC_CHECK(&to.func() != &from, "a function is not inlined into itself");
  std::vector<ValueId> map(from.insts.size());
  for (size_t k = 0; k < args.size(); ++k) map[static_cast<size_t>(from.body().params[k].i)] = args[k];
  Inliner inliner{to, from, sizes, reason};
  return inliner.block(to, from.body(), map, 0);
}

bool sizes_fit(Module& m, const Func& f, const std::map<StrId, DimId>& sizes) {
  std::unordered_map<int32_t, bool> known;  // a body has far fewer sizes than instructions
  const auto fits = [&](DimId d) {
    const auto [at, is_new] = known.try_emplace(d.i, true);
    if (is_new && d) at->second = static_cast<bool>(m.types.dims.substitute(d, sizes));
    return at->second;
  };
  const auto type_fits = [&](const auto& self, TypeId id) -> bool {
    if (!id) return true;
    const Type t = m.types[id];
    return std::all_of(t.dims.begin(), t.dims.end(), fits) &&
           std::all_of(t.fields.begin(), t.fields.end(), [&](const Field& field) { return self(self, field.type); });
  };
  return std::all_of(f.insts.begin(), f.insts.end(), [&](const Inst& in) {
    if (!type_fits(type_fits, in.type)) return false;
    if (!in.attr) return true;
    const std::vector<DimId> dims = m[in.attr].dims;
    return std::all_of(dims.begin(), dims.end(), fits);
  });
}

}  // namespace dlc
