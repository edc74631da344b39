// Expression swell: how large a formula is as a tree, where every occurrence counts, and as a graph, where equal parts
// are one. Trees are counted on the graph, in integers of any size: that of the 92nd iterate of the logistic map has
// more than 10³⁰ nodes and could not be made.
//
// The rule of counting: every operator and every leaf (a parameter, a constant) counts 1 wherever it occurs; a power is
// one operator with its exponent a leaf. On the graph, equal parts count once.
//
//   ExpressionDag dag;
//   const auto x = dag.leaf("x"), f = dag.apply("exp"_op, {dag.apply("mul"_op, {x, x})});
//   dag.tree_size(dag.derivative(f, x)).get_str();
#pragma once
#include <gmpxx.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ir/module.h"

namespace dlc {

/// Expressions as they are written, nothing folded: 0 · x + 1 has five nodes. Equal ones are one node.
class ExpressionDag {
 public:
  using Node = int32_t;  // operands come before what is made of them

  Node leaf(std::string_view name);
  Node constant(double value);
  Node apply(OpId op, std::span<const Node> args);
  Node apply(OpId op, std::initializer_list<Node> args) { return apply(op, std::span(args.begin(), args.size())); }
  /// The expression of a value of a straight-line function (symbolic/straight_line.h). A view or a conversion is not an
  /// operator; other array ops are, with their operands.
  Node add(const Module& m, const Func& straight, ValueId v);

  /// d(of)/d(by) by the textbook's rules and, for ops it does not name, those of the op table: (uv)' = u'v + uv',
  /// (u/v)' = (u'v − uv')/(vv). Nothing is folded, (x)' is the leaf 1. nullopt where an op is not elementwise.
  std::optional<Node> derivative(Node of, Node by);

  mpz_class tree_size(Node n) const;
  /// Nodes reachable from `roots`, with or without leaves.
  int64_t dag_size(std::span<const Node> roots, bool with_leaves) const;
  int64_t dag_size(Node root, bool with_leaves = true) const { return dag_size(std::span(&root, 1), with_leaves); }

 private:
  struct Entry {
    OpId op;           // absent: a leaf
    std::string text;  // of a leaf; what is constant about an array op
    std::vector<Node> args;
  };
  const Entry& at(Node n) const { return entries_[static_cast<size_t>(n)]; }
  Node intern(Entry entry);
  std::vector<bool> reachable(std::span<const Node> roots) const;
  Node derivative_of(Node n, std::span<const Node> known);
  Node by_rules(const Entry& entry, Node y, std::span<const Node> known);

  std::vector<Entry> entries_;
  std::unordered_multimap<size_t, Node> by_hash_;
};

/// How large the results of `f` are as formulas.
struct Swell {
  mpz_class tree;                      // each result as a tree of its own
  int64_t dag_nodes = 0, dag_ops = 0;  // all together; ops are the nodes that are no leaves
};
/// Of the leaves number `from` … of a straight-line function's result.
Swell swell(Module& m, FuncId straight, size_t from = 0);

}  // namespace dlc
