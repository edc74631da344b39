// Counting, see size.h.
#include "symbolic/size.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "ad/leaves.h"
#include "base/check.h"
#include "ops/table.h"
#include "symbolic/straight_line.h"

namespace dlc {

using Node = ExpressionDag::Node;

// ------------------------------------------------------------------------------------------------- building

Node ExpressionDag::intern(Entry entry) {
  size_t h = std::hash<std::string>()(entry.text) + static_cast<size_t>(entry.op.i);
  for (Node arg : entry.args) h = (h ^ static_cast<size_t>(arg)) * 0x9E3779B97F4A7C15ull + (h >> 29);
  for (auto [it, end] = by_hash_.equal_range(h); it != end; ++it) {
    const Entry& known = at(it->second);
    if (known.op == entry.op && known.text == entry.text && known.args == entry.args) return it->second;
  }
  entries_.push_back(std::move(entry));
  const Node n = static_cast<Node>(entries_.size()) - 1;
  by_hash_.emplace(h, n);
  return n;
}

Node ExpressionDag::leaf(std::string_view name) { return intern({.text = std::string(name)}); }
Node ExpressionDag::constant(double value) { return leaf(fmt::format("{}", value)); }
Node ExpressionDag::apply(OpId op, std::span<const Node> args) { return intern({op, "", {args.begin(), args.end()}}); }

Node ExpressionDag::add(const Module& m, const Func& straight, ValueId root) {
  std::vector<Node> nodes(straight.insts.size(), -1);
  const auto node = [&](ValueId v) -> Node& { return nodes[static_cast<size_t>(v.i)]; };
  for (ValueId v : needed_values(straight, std::span(&root, 1))) {
    const Inst in = straight[v];
    const TypeRule type = op_row(in.op).type;
    const bool is_conversion = type == TypeRule::to_f32 || type == TypeRule::to_f64;
    if (in.op == "const"_op) {
      const int64_t bits = m[in.attr].ints[0];
      node(v) = constant(is_float(m.types[in.type].dtype) ? std::bit_cast<double>(bits) : static_cast<double>(bits));
    } else if (in.n_operands == 0 || in.op == "get"_op) {
      node(v) = leaf(fmt::format("%{}", v.i));
    } else if (in.op == "view"_op || is_conversion) {
      node(v) = node(straight.operand(v, 0));
    } else {
      Entry entry{in.op, in.attr ? fmt::format("{}", in.attr.i) : "", {}};
      for (ValueId o : straight.operands(v)) entry.args.push_back(node(o));
      node(v) = intern(std::move(entry));
    }
  }
  return node(root);
}

// ----------------------------------------------------------------------------------------------- derivatives

std::optional<Node> ExpressionDag::derivative(Node of, Node by) {
  const std::vector<bool> needed = reachable(std::span(&of, 1));
  std::vector<Node> known(static_cast<size_t>(of) + 1, -1);
  for (Node n = 0; n <= of; ++n) {
    if (!needed[static_cast<size_t>(n)]) continue;
    if (at(n).op && op_row(at(n).op).kind != OpKind::elementwise) return std::nullopt;
    known[static_cast<size_t>(n)] = at(n).op ? derivative_of(n, known) : constant(n == by ? 1 : 0);
  }
  return known[static_cast<size_t>(of)];
}

Node ExpressionDag::derivative_of(Node n, std::span<const Node> known) {
  const Entry entry = at(n);  // a copy: making nodes moves the entries
  const Node u = entry.args[0], v = entry.args.back();
  const Node du = known[static_cast<size_t>(u)], dv = known[static_cast<size_t>(v)];
  const OpId op = entry.op;
  const auto times = [&](Node x, Node y) { return apply("mul"_op, {x, y}); };
  if (op == "add"_op || op == "sub"_op) return apply(op, {du, dv});
  if (op == "neg"_op) return apply(op, {du});
  if (op == "mul"_op) return apply("add"_op, {times(du, v), times(u, dv)});
  if (op == "div"_op) return apply(op, {apply("sub"_op, {times(du, v), times(u, dv)}), times(v, v)});
  if (op == "exp"_op) return times(n, du);
  if (op == "log"_op) return apply("div"_op, {du, u});
  return by_rules(entry, n, known);
}

/// Σ over the operands of their rule in the table.
Node ExpressionDag::by_rules(const Entry& entry, Node y, std::span<const Node> known) {
  Node total = -1;
  for (size_t k = 0; k < entry.args.size(); ++k) {
    const Rule& rule = diff_rule(entry.op, static_cast<int>(k));
    if (rule.not_differentiable || rule.zero) continue;
    const auto made = [&](OpId op, std::span<const Node> args, DType) { return apply(op, args); };
    const auto literal = [&](const Literal& l, DType) { return constant(l.as_f64()); };
    const Node term =
        walk<Node>(rule, DType::f64, entry.args, y, known[static_cast<size_t>(entry.args[k])], made, literal);
    total = total < 0 ? term : apply("add"_op, {total, term});
  }
  return total < 0 ? constant(0) : total;
}

// --------------------------------------------------------------------------------------------------- counting

std::vector<bool> ExpressionDag::reachable(std::span<const Node> roots) const {
  std::vector<bool> seen(entries_.size());
  Node last = -1;
  for (Node root : roots) seen[static_cast<size_t>(root)] = true, last = std::max(last, root);
  for (Node n = last; n >= 0; --n)
    if (seen[static_cast<size_t>(n)])
      for (Node arg : at(n).args) seen[static_cast<size_t>(arg)] = true;
  return seen;
}

mpz_class ExpressionDag::tree_size(Node root) const {
  const std::vector<bool> needed = reachable(std::span(&root, 1));
  std::vector<mpz_class> sizes(static_cast<size_t>(root) + 1);
  for (Node n = 0; n <= root; ++n) {
    if (!needed[static_cast<size_t>(n)]) continue;
    mpz_class& size = sizes[static_cast<size_t>(n)] = 1;
    for (Node arg : at(n).args) size += sizes[static_cast<size_t>(arg)];
  }
  return sizes.back();
}

int64_t ExpressionDag::dag_size(std::span<const Node> roots, bool with_leaves) const {
  const std::vector<bool> seen = reachable(roots);
  int64_t count = 0;
  for (size_t n = 0; n < seen.size(); ++n) count += seen[n] && (with_leaves || entries_[n].op) ? 1 : 0;
  return count;
}

Swell swell(Module& m, FuncId straight, size_t from) {
  Builder b(m, straight, BlockId{0});
  const ValueId result = m[straight].body().result;
  ExpressionDag dag;
  std::vector<Node> roots;
  const std::vector<ValueId> leaves = leaf_values(b, result, m[straight][result].loc);
  Swell total;
  for (size_t k = from; k < leaves.size(); ++k) {
    roots.push_back(dag.add(m, m[straight], leaves[k]));
    total.tree += dag.tree_size(roots.back());
  }
  total.dag_nodes = dag.dag_size(roots, true);
  total.dag_ops = dag.dag_size(roots, false);
  return total;
}

}  // namespace dlc
