// Small programs for the tests of differentiation, written as expressions: an `Expr` is a value of a Builder.
//
//   Program p;
//   const FuncId f = p.function("f", {p.f64(), p.f64({3})}, [](Expr* x) { return sum(x[0] * log(x[1])); });
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ops/builder.h"
#include "ops/table.h"

namespace dlc::test {

struct Expr {
  Builder* b = nullptr;
  ValueId v;

  Expr op(OpId id, std::initializer_list<Expr> args) const {
    std::vector<ValueId> values;
    for (const Expr& e : args) values.push_back(e.v);
    return {b, b->op(id, values, {})};
  }
  Expr literal(double value) const {
    return {b, b->type(v).dtype == DType::i64 ? b->constant_int(static_cast<int64_t>(value), {}) : b->constant(value, b->type(v).dtype, {})};
  }
  Expr with(ValueId value) const { return {b, value}; }
  Expr get(int field) const { return with(b->get(v, field, {})); }
};

inline Expr operator+(Expr x, Expr y) { return x.op("add"_op, {x, y}); }
inline Expr operator-(Expr x, Expr y) { return x.op("sub"_op, {x, y}); }
inline Expr operator*(Expr x, Expr y) { return x.op("mul"_op, {x, y}); }
inline Expr operator/(Expr x, Expr y) { return x.op("div"_op, {x, y}); }
inline Expr operator+(Expr x, double y) { return x + x.literal(y); }
inline Expr operator-(Expr x, double y) { return x - x.literal(y); }
inline Expr operator*(double x, Expr y) { return y.literal(x) * y; }
inline Expr operator/(double x, Expr y) { return y.literal(x) / y; }
inline Expr operator>(Expr x, double y) { return x.op("gt"_op, {x, x.literal(y)}); }
inline Expr operator<(Expr x, double y) { return x.op("lt"_op, {x, x.literal(y)}); }
inline Expr operator-(Expr x) { return x.op("neg"_op, {x}); }
inline Expr exp(Expr x) { return x.op("exp"_op, {x}); }
inline Expr log(Expr x) { return x.op("log"_op, {x}); }
inline Expr sin(Expr x) { return x.op("sin"_op, {x}); }
inline Expr sqrt(Expr x) { return x.op("sqrt"_op, {x}); }
inline Expr tanh(Expr x) { return x.op("tanh"_op, {x}); }
inline Expr relu(Expr x) { return x.op("relu"_op, {x}); }
inline Expr max(Expr x, Expr y) { return x.op("max"_op, {x, y}); }
inline Expr select(Expr c, Expr x, Expr y) { return x.op("select"_op, {c, x, y}); }
inline Expr select(Expr c, Expr x, double y) { return select(c, x, x.literal(y)); }

inline std::vector<int> all_axes(Expr x) {
  std::vector<int> axes;
  for (int k = 0; k < x.b->type(x.v).rank(); ++k) axes.push_back(k);
  return axes;
}
inline Expr sum(Expr x) { return x.with(x.b->sum(x.v, all_axes(x), {})); }
inline Expr sum(Expr x, std::vector<int> axes) { return x.with(x.b->sum(x.v, std::move(axes), {})); }
inline Expr reduce(OpId id, Expr x, std::vector<int> axes) { return x.with(x.b->reduce(id, x.v, std::move(axes), {})); }
inline Expr matmul(Expr x, Expr y, MatmulRanks ranks) { return x.with(x.b->matmul(x.v, y.v, ranks, {})); }
inline Expr tuple(std::initializer_list<Expr> fields) {
  std::vector<ValueId> values;
  for (const Expr& e : fields) values.push_back(e.v);
  return fields.begin()->with(fields.begin()->b->tuple(values, {}));
}

using Body = std::function<Expr(const Expr*)>;

/// `if c { then(captures) } else { otherwise(captures) }` as a region.
inline Expr branch(Expr c, const std::vector<Expr>& captures, const Body& then, const Body& otherwise) {
  Builder& b = *c.b;
  std::vector<ValueId> values;
  for (const Expr& e : captures) values.push_back(e.v);
  const Builder::IfBlocks blocks = b.begin_if(values, {});
  for (const BlockId id : {blocks.then_block, blocks.else_block}) {
    Builder inner = b.in(id);
    std::vector<Expr> params;
    for (ValueId p : b.func()[id].params) params.push_back({&inner, p});
    inner.set_result((id == blocks.then_block ? then : otherwise)(params.data()).v);
  }
  return c.with(b.end_if(blocks, c.v, values, {}));
}

class Program {
 public:
  Module m;

  TypeId f64(std::vector<int64_t> shape = {}) { return array(DType::f64, shape); }
  TypeId f32(std::vector<int64_t> shape = {}) { return array(DType::f32, shape); }
  TypeId i64() { return m.types.scalar(DType::i64); }

  /// Parameters are called x0, x1, …
  FuncId function(const std::string& name, const std::vector<TypeId>& types, const Body& body) {
    Func f;
    f.name = m.unique_name(name);
    f.blocks.emplace_back();
    const FuncId id = m.add(std::move(f));
    Builder b(m, id, BlockId{0});
    std::vector<Expr> params;
    for (size_t k = 0; k < types.size(); ++k) {
      const StrId param_name = m.strings.intern("x" + std::to_string(k));
      params.push_back({&b, append_param(m, b.func(), BlockId{0}, "param"_op, types[k], param_name, {})});
    }
    b.set_result(body(params.data()).v);
    return id;
  }

 private:
  TypeId array(DType d, const std::vector<int64_t>& shape) {
    std::vector<DimId> dims;
    for (int64_t n : shape) dims.push_back(m.types.dims.constant(n));
    return m.types.array(d, std::move(dims));
  }
};

inline Expr call(FuncId f, std::initializer_list<Expr> args) {
  std::vector<ValueId> values;
  for (const Expr& e : args) values.push_back(e.v);
  return args.begin()->with(args.begin()->b->call(f, {}, values, {}));
}

}  // namespace dlc::test
