// Rules: texts in dlc's expression language, compiled to a short list of nodes while dlc itself is compiled, and
// walked by everybody who needs their meaning: AD builds IR from them, codegen LLVM, the interpreter numbers.
//
//   "let t = exp(-abs(a))
//    select(a >= 0, 1, t) / (1 + t)"
//
// A rule is any number of `let name = expression` (ended by a line break or `;`) and then one expression: the
// operators of the language, numbers, `inf nan true false`, calls of op rows, `f32(x) f64(x) int(x) float(x)`,
// comments to the end of the line. As in the language a line that starts with an operator goes on with the one above.
//
// Every node has a type. `self` stands for the dtype of the op the rule belongs to, so one text serves all widths;
// an expansion is written for one width, so there `self` is known and only f32, f64, i64, b1 remain. A literal takes
// the type of its siblings, an int beside a float becomes that float, and `a^2` with a whole literal is `powi`.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "ir/op.h"

namespace dlc {

enum class RuleType : uint8_t { self, f32, f64, i64, b1, untyped };

constexpr DType resolve(RuleType type, DType self) {
  switch (type) {
    case RuleType::f32: return DType::f32;
    case RuleType::f64: return DType::f64;
    case RuleType::i64: return DType::i64;
    case RuleType::b1: return DType::b1;
    default: return self;
  }
}

struct RuleNode {
  enum class Kind : uint8_t {
    operand,     // index: which one; in patterns a b c are 0 1 2, p q (bools) 3 4, m n (ints) 5 6
    result,      // y
    carried,     // g
    literal,     // index: its slot in the cache of values (-1: none); arg = {begin, length} in the text
    conversion,  // arg[0] to `self`: op `index` when that is f64, op `arg[1]` when f32
    op,          // index: row of the table
  };
  Kind kind = Kind::op;
  RuleType type = RuleType::untyped;
  int8_t n_args = 0;
  bool commutative = false;
  int16_t index = 0;
  int16_t arg[3] = {-1, -1, -1};  // earlier nodes
};

/// A number of a rule's text, converted once per slot and then kept; safe from many threads.
struct Literal {
  std::string_view text;
  int16_t slot = -1;
  double as_f64() const;
  float as_f32() const;  // rounded once, not through double
  int64_t as_i64() const;  // also `true` and `false`
};

struct Rule {
  const char* text = nullptr;  // null: the row states none
  const RuleNode* nodes = nullptr;
  int16_t n_nodes = 0;
  int16_t result = -1;
  uint8_t mentions = 0;              // bits 0 1 2: a b c; 3: y; 4: g. What reverse mode must keep.
  bool not_differentiable = false;   // a diff that is ""
  bool zero = false;                 // a diff that is "0": the tangent is absent
  DType dtype = DType::tuple;        // of an expansion: the dtype it is written for; else `tuple`

  static constexpr int kY = 3, kG = 4;
  bool uses(int bit) const { return (mentions >> bit & 1) != 0; }
  explicit operator bool() const { return text != nullptr; }
  std::span<const RuleNode> span() const { return {nodes, static_cast<size_t>(n_nodes)}; }
  Literal literal(const RuleNode& node) const {
    return {std::string_view(text + node.arg[0], static_cast<size_t>(node.arg[1])), node.index};
  }
};

/// "left => right"; both sides name the same things. The root of `left` is the op whose row states it.
struct RewriteRule {
  static constexpr int kNames = 7;  // a b c p q m n
  Rule left, right;
};

/// Evaluates `rule` over any `Value`. Calls `apply(OpId, std::span<const Value> args, DType result)` for each op and
/// `constant(const Literal&, DType)` for each literal, in an order where operands come first.
template <class Value, class Apply, class Constant>
Value walk(const Rule& rule, DType self, std::span<const Value> operands, const Value& y, const Value& g, Apply&& apply,
           Constant&& constant) {
  std::vector<Value> values;
  values.reserve(static_cast<size_t>(rule.n_nodes));
  for (const RuleNode& node : rule.span()) {
    const DType type = resolve(node.type, self);
    const auto arg = [&](int k) -> const Value& { return values[static_cast<size_t>(node.arg[k])]; };
    switch (node.kind) {
      case RuleNode::Kind::operand: values.push_back(operands[static_cast<size_t>(node.index)]); break;
      case RuleNode::Kind::result: values.push_back(y); break;
      case RuleNode::Kind::carried: values.push_back(g); break;
      case RuleNode::Kind::literal: values.push_back(constant(rule.literal(node), type)); break;
      case RuleNode::Kind::conversion: {
        const Value from[1] = {arg(0)};
        const OpId to{type == DType::f32 ? node.arg[1] : node.index};
        values.push_back(apply(to, std::span<const Value>(from), type));
        break;
      }
      case RuleNode::Kind::op: {
        const int n = node.n_args;
        const Value args[3] = {arg(0), arg(n > 1 ? 1 : 0), arg(n > 2 ? 2 : 0)};
        values.push_back(apply(OpId{node.index}, std::span<const Value>(args, static_cast<size_t>(n)), type));
        break;
      }
    }
  }
  return values[static_cast<size_t>(rule.result)];
}

/// What a matcher sees of a value: its op and operands, or an absent op for a leaf.
template <class Value>
struct RuleView {
  OpId op;
  std::span<const Value> operands;
};

template <class Value>
struct Bindings {
  std::array<Value, RewriteRule::kNames> values{};
  uint8_t bound = 0;  // bit per name
};

/// Whether the value is an instance of node `n` of `rule`, extending `names`. `look(Value)` gives a RuleView,
/// `is_literal(Value, const Literal&, DType self or tuple)` compares with a constant. A name that occurs twice must
/// meet equal values. Operands of a commutative op are tried in both orders.
template <class Value, class Look, class IsLiteral>
bool match(const Rule& rule, int n, const Value& value, Look& look, IsLiteral& is_literal, Bindings<Value>& names) {
  const RuleNode& node = rule.nodes[n];
  if (node.kind == RuleNode::Kind::literal) return is_literal(value, rule.literal(node));
  if (node.kind == RuleNode::Kind::operand) {
    const size_t slot = static_cast<size_t>(node.index);
    if (names.bound >> slot & 1) return names.values[slot] == value;
    names.values[slot] = value;
    names.bound |= static_cast<uint8_t>(1u << slot);
    return true;
  }
  const RuleView<Value> view = look(value);
  if (node.kind != RuleNode::Kind::op || view.op != OpId{node.index} || view.operands.size() != static_cast<size_t>(node.n_args)) return false;
  const Bindings<Value> before = names;
  const auto in_order = [&](bool swapped) {
    names = before;
    for (size_t k = 0; k < view.operands.size(); ++k)
      if (!match(rule, node.arg[k], view.operands[swapped ? 1 - k : k], look, is_literal, names)) return false;
    return true;
  };
  return in_order(false) || (node.commutative && in_order(true));
}

template <class Value, class Look, class IsLiteral>
bool match(const RewriteRule& pattern, const Value& root, Look&& look, IsLiteral&& is_literal, Bindings<Value>& names) {
  names = {};
  return match(pattern.left, pattern.left.result, root, look, is_literal, names);
}

}  // namespace dlc
