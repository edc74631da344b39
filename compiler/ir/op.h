// The schema of the op table: everything dlc knows about an op is one `Op` row (rows: ops/table.h).
//
// Calculus and identities are texts in dlc's own expression language over the operands `a b c`, the result
// `y` and `g`, the thing being carried (a tangent of the operand forward, a cotangent of the result back:
// an elementwise Jacobian is diagonal, hence its own transpose). `ops/rule.h` compiles them while the
// compiler itself is being compiled, so a rule with a misspelt name does not build.
#pragma once
#include <complex>
#include <cstdint>
#include <span>

#include "base/big.h"
#include "ir/types.h"

namespace dlc {

class Builder;
struct Inst;
struct Loc;

enum class OpKind : uint8_t {
  elementwise,  // result element i depends on element i of each operand; states `diff`
  linear,       // linear in its float operands; states `transpose`
  bilinear,     // linear in each of two; states `transpose` (called per operand)
  reduction,    // over axes: max, min, prod; states `weight` (none for any, all, argmax: not differentiable)
  structural,   // param, const, tuple, get, call, size: plumbing that passes treat by name
  region,       // owns blocks: if, for, while, map, scan
};

/// How the result type of an elementwise op follows from the operands (all of one shape; scalars are shape []).
enum class TypeRule : uint8_t {
  same_float,   // floats of one dtype → that dtype
  same_number,  // floats of one dtype or ints → that dtype
  compare,      // numbers of one dtype → bool
  equality,     // numbers of one dtype or bools → bool
  logic,        // bools → bool
  select,       // (bool, T, T) → T
  integer,      // ints → int
  float_int,    // (float, int) → that float          (e.g. polygamma's order comes first: int_float)
  int_float,    // (int, float) → that float
  to_f32, to_f64, to_int,  // number or bool → the named dtype
  bits,         // float → int, its bit pattern (f32: zero-extended 32 bits)
  from_bits64,  // int → f64
  from_bits32,  // int → f32 (low 32 bits)
  to_key,       // int → key
  key_bits,     // key → int
  none,         // not elementwise: the builder function of the op computes the type
};

/// The exact mathematical meaning over several number types; the oracle only. Bool results are 0 or 1.
struct Meaning {
  double (*f64)(const double*) = nullptr;
  float (*f32)(const float*) = nullptr;
  int64_t (*i64)(const int64_t*) = nullptr;
  Big (*big)(const Big*) = nullptr;
  std::complex<double> (*complex)(const std::complex<double>*) = nullptr;  // null: not analytic, no complex step

  constexpr Meaning() = default;
  template <class F>
  constexpr Meaning(F) {  // NOLINT: implicit on purpose, `.meaning = [](auto x) { return tanh(x); }`
    bind<F>(f64), bind<F>(f32), bind<F>(i64), bind<F>(big), bind<F>(complex);
  }

 private:
  template <class F, class T>
  static T call(const T* x) {
    if constexpr (requires(F f) { f(x[0]); }) return T(F{}(x[0]));
    else if constexpr (requires(F f) { f(x[0], x[1]); }) return T(F{}(x[0], x[1]));
    else return T(F{}(x[0], x[1], x[2]));
  }
  template <class F, class T>
  static constexpr void bind(T (*&slot)(const T*)) {
    if constexpr (requires(F f, T x) { f(x); } || requires(F f, T x) { f(x, x); } || requires(F f, T x) { f(x, x, x); })
      slot = &call<F, T>;
  }
};

/// How native code is made. Exactly one of: an expansion (text, our own elementary function), an LLVM
/// instruction, an LLVM intrinsic that is one machine instruction on every target.
struct Emit {
  const char* f64 = nullptr;        // expansion for f64 operands (of an op on ints only: for its int operands)
  const char* f32 = nullptr;        // expansion for f32 operands; null: widen to f64, use `f64`, round back
  const char* inst = nullptr;       // "fadd", "fcmp.olt", "fneg", "select", … on floats
  const char* int_inst = nullptr;   // "add", "icmp.slt", … on ints and bools
  const char* intrinsic = nullptr;  // "llvm.sqrt", "llvm.fma", …, overloaded on the operand type
  const char* i64 = nullptr;        // expansion for int operands of an op that takes floats too
};
constexpr Emit inst(const char* on_floats, const char* on_ints = nullptr) { return {.inst = on_floats, .int_inst = on_ints}; }
constexpr Emit llvm_intrinsic(const char* name, const char* i64 = nullptr) { return {.intrinsic = name, .i64 = i64}; }
constexpr Emit expand(const char* f64, const char* f32 = nullptr, const char* i64 = nullptr) {
  return {.f64 = f64, .f32 = f32, .i64 = i64};
}

/// The transpose of a linear (or, per operand, bilinear) op: the cotangent of operand `k`, given that of the
/// result. `self` is the primal instruction (its type and attribute), `operands` its operands where the builder is.
using TransposeFn = ValueId (*)(Builder&, const Inst& self, std::span<const ValueId> operands, int k, ValueId y_bar, Loc);

/// The one derivative of a reduction y = r(x): w with dy = Σ w·dx over the reduced axes and x_bar = w·y_bar,
/// of x's shape. `y` is absent where the builder has not computed it.
using WeightFn = ValueId (*)(Builder&, const Inst& self, ValueId x, ValueId y, Loc);

/// A row. `M` is `Meaning` in the table itself; ops/table.h reads the same rows with an `M` that forgets the
/// lambda, so that looking up `"tanh"_op` does not instantiate every meaning in every file.
template <class M>
struct OpRow {
  const char* name = nullptr;
  int8_t arity = 0;  // -1: any number
  OpKind kind = OpKind::elementwise;
  TypeRule type = TypeRule::none;
  M meaning{};
  const char* diff[3] = {nullptr, nullptr, nullptr};  // per operand; "" not differentiable; "0" piecewise constant
  const char* identity[8] = {};                       // "pattern => replacement", safe: inf and nan are preserved
  const char* stable[4] = {};                         // as `identity`, over the reals: the right side is nowhere less accurate
  const char* fast[6] = {};                           // as `identity`, but not for inf and nan; off by default
  const char* latex = nullptr;                        // "\\tanh($a)"; $a $b $c are operands
  const char* symbol = nullptr;                       // infix or prefix operator in dlc text ("+"); null: name(a, b)
  int8_t precedence = 0;                              // of `symbol`: or 1, and 2, not 3, comparisons 4, + 5, * 6,
                                                      // unary - 7, ^ 8; 0: call syntax, `symbol` is the name to call
  Emit emit{};
  TransposeFn transpose = nullptr;                    // linear, bilinear
  WeightFn weight = nullptr;                          // reduction
  double domain[2] = {-10, 10};                       // where tests sample
  double special[8] = {};                             // further points to test; unused entries are 0
  int8_t max_ulp = 2;                                 // of native code against the meaning
  bool commutative = false;
  bool analytic = true;                               // false: no complex step through it
  bool unbounded_diff = false;                        // a derivative can be non-finite: AD emits a strong zero
  bool vertical_diff = false;                         // … also where the op's value is finite, as that of sqrt at 0
  bool internal = false;                              // a primitive of expansions, not a name users see
  bool cold = false;                                  // the slow side of a `rare`: a call, which code jumps over
  const char* why = nullptr;
  const char* doc = nullptr;
};
using Op = OpRow<Meaning>;

}  // namespace dlc
