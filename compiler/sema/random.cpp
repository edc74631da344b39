// Random numbers. A key is 64 bits; what is drawn from it is a function of the key and of a place (Philox, see
// runtime/random/philox.h): of the element for `uniform`, `normal`, `bernoulli` and `dropout`, of the child for `split`. So
// a key is either split or drawn from once; two uses of one key see the same bits.
//
// In a model `key` and `dropout` make a key of their own at each place that uses them: the example's key, folded with the
// number of the place, with the indices in whose bodies it stands and with the steps of loops that have no such index.
#include <cmath>

#include <fmt/format.h>

#include "ops/table.h"
#include "sema/builtins.h"
#include "sema/lowering.h"

namespace dlc::sema {

/// Another key at every place that asks, at every index and in every step.
ValueId Lowering::fresh_key(Span span) {
  if (!key_) {
    fail(sema_error("key-outside-model"), span, "there is no random key here").help("a key belongs to an example: draw in a loss or in what it calls");
    return {};
  }
  const Loc l = loc(span);
  ValueId key = bring(key_, BlockId{0});
  key = b().op("philox"_op, {key, b().constant_int(n_draws_++, l)}, l);
  for (const BoundIndex& index : indices_) key = b().op("philox"_op, {key, bring(index.id, index.block)}, l);
  for (size_t k = 0; k < regions_.size(); ++k)
    if (const Region r = regions_[k]; r.counter) key = b().op("philox"_op, {key, bring(r.counter, r.block())}, l);
  return key;
}

/// The bits of an argument that must be a key.
ValueId Lowering::key_of(const Argument& a, std::string_view name) {
  if (!a.val) return {};
  const Shape s = shape_of(a.val);
  if (a.val.kind == Val::Kind::value && s.dtype == DType::key && s.dims.empty()) {
    const ValueId key = make(a.val, a.span);
    return key ? b().op("key_bits"_op, {key}, loc(a.span)) : key;
  }
  Diagnostic& d = fail(sema_error("type-mismatch"), a.span, fmt::format("`{}` takes a key, and `{}` is {}", name, code(a.expr), type_text(a.val)));
  if (a.val.kind == Val::Kind::value && s.dtype == DType::key) d.help(fmt::format("write `{}[i]`, each of them once", code(a.expr)));
  else d.help(model_ >= 0 ? "write `key`, which is another one at each place" : "make it a parameter, `k: key`; from outside a key is given as an int");
  return {};
}

/// A number of an element's own for each element.
ValueId Lowering::places(const std::vector<DimId>& sizes, Span span) {
  if (sizes.empty()) return b().constant_int(0, loc(span));
  const DimId count = size_too_large(product_of(sizes), span);
  return count ? b().reshape(b().iota(count, loc(span)), sizes, loc(span)) : ValueId{};
}

/// A number in [0, 1), or in (0, 1] where its logarithm is wanted: as many random bits as the type has digits.
ValueId Lowering::unit_draw(ValueId key, ValueId place, DType dtype, bool is_open, Loc l) {
  const int digits = dtype == DType::f32 ? 24 : 53;
  ValueId bits = b().op("philox"_op, {key, place}, l);
  bits = b().op("shift_right"_op, {bits, b().constant_int(64 - digits, l)}, l);
  if (is_open) bits = b().op("add"_op, {bits, b().constant_int(1, l)}, l);
  return b().op("mul"_op, {b().convert(bits, dtype, l), b().constant(std::ldexp(1.0, -digits), dtype, l)}, l);
}

/// `uniform(k, sizes)`, `normal(k, sizes)`, `bernoulli(k, p, sizes)`; `sizes` are those that are given.
Val Lowering::draw(const BuiltinCall& c, std::optional<std::vector<DimId>> sizes) {
  const std::string_view name = c.row.name;
  const Span span = c.call.span;
  const Loc l = loc(span);
  const ValueId key = key_of(c.args[0], name);
  if (!key) return {};
  DType dtype = c.want && is_float(types()[c.want].dtype) ? types()[c.want].dtype : float_of_params(float_type_);
  ValueId p;
  if (name == "bernoulli") {
    const Shape s = shape_of(c.args[1].val);
    p = make(c.args[1].val, c.args[1].span, s.dtype == DType::f32 && !s.is_flexible ? DType::f32 : DType::f64);
    if (!p) return {};
    const Type t = b().type(p);
    if (!is_float(t.dtype)) {
      fail(sema_error("type-mismatch"), c.args[1].span, fmt::format("a probability is a float, and `{}` is {}", code(c.args[1].expr), type_text(c.args[1].val)));
      return {};
    }
    if (!sizes) sizes = t.dims;
    if (!t.dims.empty() && t.dims != *sizes) {
      fail(sema_error("shape-mismatch"), c.args[1].span, fmt::format("the probabilities are {}, and the sizes given are others", types().text(b().type_id(p))))
          .help("leave the sizes out");
      return {};
    }
    dtype = t.dtype;
  }
  const ValueId place = places(sizes.value_or(std::vector<DimId>{}), span);
  if (!place) return {};
  if (name == "uniform") return value(unit_draw(key, place, dtype, false, l));
  if (name == "bernoulli") {
    const ValueId falls = b().op("lt"_op, {unit_draw(key, place, dtype, false, l), p}, l);
    return value(b().op("select"_op, {falls, b().constant_int(1, l), b().constant_int(0, l)}, l));
  }
  // Box & Muller 1958, one of the two numbers: an element does not depend on its neighbour.
  const ValueId twice = b().op("mul"_op, {place, b().constant_int(2, l)}, l), next = b().op("add"_op, {twice, b().constant_int(1, l)}, l);
  const ValueId u = unit_draw(key, twice, dtype, true, l), v = unit_draw(key, next, dtype, false, l);
  const ValueId square = b().op("mul"_op, {b().constant(-2, dtype, l), b().op("log"_op, {u}, l)}, l);
  const ValueId angle = b().op("mul"_op, {b().constant(2 * 3.14159265358979323846, dtype, l), v}, l);
  return value(b().op("mul"_op, {b().op("sqrt"_op, {square}, l), b().op("cos"_op, {angle}, l)}, l));
}

/// `split(k, n)`: key i is the draw at i.
Val Lowering::split_key(const BuiltinCall& c, const std::vector<DimId>& sizes) {
  const ValueId key = key_of(c.args[0], c.row.name);
  const ValueId place = key ? places(sizes, c.call.span) : key;
  if (!place) return {};
  const Loc l = loc(c.call.span);
  return value(b().op("to_key"_op, {b().op("philox"_op, {key, place}, l)}, l));
}

/// `fold(k, i)`: what `split(k, n)[i]` is for any n, with an int i that is known only when the program runs.
Val Lowering::fold_key(const BuiltinCall& c) {
  const ValueId key = key_of(c.args[0], c.row.name);
  const Val& number = c.args[1].val;
  if (!key || !number) return {};
  const Shape s = shape_of(number);
  if (number.kind == Val::Kind::function || s.dtype != DType::i64 || s.wants_float) {
    fail(sema_error("type-mismatch"), c.args[1].span, fmt::format("`fold` takes a key and an int, and `{}` is {}", code(c.args[1].expr), type_text(number)));
    return {};
  }
  const Loc l = loc(c.call.span);
  const ValueId place = make(number, c.args[1].span, DType::i64);
  return place ? value(b().op("to_key"_op, {b().op("philox"_op, {b().broadcast(key, s.dims, l), place}, l)}, l)) : Val{};
}

/// Inverted dropout (Srivastava et al. 2014): each element is kept with probability 1 - p and divided by it. In a model
/// this happens in training, elsewhere it is x itself; outside one the key is an argument. Which elements are kept is a
/// function of the key and of the element's position.
Val Lowering::lower_dropout(const Expr& call) {
  const char* const usage = model_ >= 0 ? "it is used as `dropout(x, rate = 0.5)`" : "outside a model it is used as `dropout(x, rate = 0.5, key = k)`";
  ExprId array;
  std::optional<double> rate;
  std::optional<Argument> key_argument;
  for (const Arg& a : ast_[call.args]) {
    const std::string_view name = a.kind == ArgKind::named ? str(a.name.id) : "";
    if (a.kind == ArgKind::value && !array) {
      array = a.value;
    } else if (name == "rate" && !rate) {
      rate = plain_number(a.value);
      if (rate && *rate >= 0 && *rate < 1) continue;
      fail(sema_error("bad-argument"), a.span, "the rate of `dropout` is a number from 0 up to, but not 1");
      return {};
    } else if (name == "key" && !key_argument) {
      key_argument = Argument{{}, lower(a.value), a.value, a.span};
    } else {
      fail(sema_error("unknown-argument"), a.span, "`dropout` has no such argument").help(usage);
      return {};
    }
  }
  if (!array || !rate || (model_ < 0 && !key_argument)) {
    fail(sema_error("argument-count"), call.mark, model_ < 0 ? "`dropout` outside a model takes an array, a rate and a key" : "`dropout` takes an array and a rate").help(usage);
    return {};
  }
  const Val v = lower(array);
  const ValueId given = key_argument ? key_of(*key_argument, "dropout") : ValueId{};
  if (key_argument && !given) return {};
  if (!v || (model_ >= 0 && !is_training_) || *rate == 0) return v;
  const ValueId x = make(v, ast_[array].span, default_float());
  const ValueId key = x && !given ? fresh_key(call.span) : given;
  if (!x || !key) return {};
  const Loc l = loc(call.span);
  const Type t = b().type(x);
  if (!is_float(t.dtype)) {
    fail(sema_error("type-mismatch"), ast_[array].span, fmt::format("`dropout` wants floats, and this is {}", types().text(b().type_id(x))));
    return {};
  }
  const ValueId place = places(t.dims, call.span);
  if (!place) return {};
  // 32 random bits a place; below rate * 2^32 it goes.
  const ValueId bits = b().op("shift_right"_op, {b().op("philox"_op, {key, place}, l), b().constant_int(32, l)}, l);
  const ValueId keeps = b().op("ge"_op, {bits, b().constant_int(static_cast<int64_t>(std::round(*rate * 0x1p32)), l)}, l);
  const ValueId kept = b().op("div"_op, {x, b().constant(1 - *rate, t.dtype, l)}, l);
  return value(b().op("select"_op, {keeps, kept, b().constant(0, t.dtype, l)}, l));
}

}  // namespace dlc::sema
