// Flattening of tuples for differentiation, see leaves.h.
#include "ad/leaves.h"

#include "base/check.h"

namespace dlc {

int n_leaves(const TypeTable& types, TypeId type) {
  const Type& t = types[type];
  if (!t.is_tuple()) return 1;
  int n = 0;
  for (const Field& field : t.fields) n += n_leaves(types, field.type);
  return n;
}

namespace {

void collect_leaves(const TypeTable& types, TypeId type, std::vector<TypeId>& out) {
  const Type& t = types[type];
  if (!t.is_tuple()) return out.push_back(type);
  for (const Field& field : t.fields) collect_leaves(types, field.type, out);
}

ValueId pack_next(Builder& b, TypeId type, const ValueId*& slot, Loc loc) {
  const Type t = b.types()[type];
  if (!t.is_tuple()) {
    const ValueId leaf = *slot++;
    if (!is_float(t.dtype)) return {};
    return leaf ? leaf : b.zeros(type, loc);
  }
  std::vector<ValueId> fields;
  for (const Field& field : t.fields)
    if (const ValueId packed = pack_next(b, field.type, slot, loc)) fields.push_back(packed);
  return fields.empty() ? ValueId{} : b.tuple(fields, float_part(b.types(), type), loc);
}

void unpack_into(Builder& b, TypeId type, ValueId packed, Loc loc, std::vector<ValueId>& out) {
  const Type t = b.types()[type];
  if (!t.is_tuple()) return out.push_back(is_float(t.dtype) ? packed : ValueId{});
  int position = 0;
  for (const Field& field : t.fields) {
    const bool is_there = has_float(b.types(), field.type);
    unpack_into(b, field.type, is_there && packed ? b.get(packed, position++, loc) : ValueId{}, loc, out);
  }
}

void collect_values(Builder& b, ValueId value, Loc loc, std::vector<ValueId>& out) {
  const Type t = b.type(value);
  if (!t.is_tuple()) return out.push_back(value);
  for (size_t k = 0; k < t.fields.size(); ++k) collect_values(b, b.get(value, static_cast<int>(k), loc), loc, out);
}

}  // namespace

std::vector<TypeId> leaf_types(const TypeTable& types, TypeId type) {
  std::vector<TypeId> leaves;
  collect_leaves(types, type, leaves);
  return leaves;
}

bool has_float(const TypeTable& types, TypeId type) {
  const Type& t = types[type];
  if (!t.is_tuple()) return is_float(t.dtype);
  for (const Field& field : t.fields)
    if (has_float(types, field.type)) return true;
  return false;
}

TypeId float_part(TypeTable& types, TypeId type) {
  if (!has_float(types, type)) return {};
  if (types.all_float(type)) return type;  // keeps a struct's name
  const Type t = types[type];
  std::vector<Field> fields;
  for (const Field& field : t.fields)
    if (const TypeId part = float_part(types, field.type)) fields.push_back({field.name, part});
  return types.tuple(std::move(fields));
}

int leaves_before(const TypeTable& types, TypeId tuple, int field) {
  int n = 0;
  for (int k = 0; k < field; ++k) n += n_leaves(types, types[tuple].fields[static_cast<size_t>(k)].type);
  return n;
}

ValueId pack(Builder& b, TypeId type, std::span<const ValueId> slots, Loc loc) {
  DLC_CHECK(slots.size() == static_cast<size_t>(n_leaves(b.types(), type)), "a slot per leaf");
  const ValueId* next = slots.data();
  return pack_next(b, type, next, loc);
}

std::vector<ValueId> unpack(Builder& b, TypeId type, ValueId packed, Loc loc) {
  std::vector<ValueId> slots;
  unpack_into(b, type, packed, loc, slots);
  return slots;
}

std::vector<ValueId> leaf_values(Builder& b, ValueId value, Loc loc) {
  std::vector<ValueId> values;
  collect_values(b, value, loc, values);
  return values;
}

LeafTable::LeafTable(const Module& m, const Func& f) {
  first_.reserve(f.insts.size() + 1);
  size_t next = 0;
  for (const Inst& in : f.insts) {
    first_.push_back(next);
    next += static_cast<size_t>(n_leaves(m.types, in.type));
  }
  first_.push_back(next);
}

}  // namespace dlc
