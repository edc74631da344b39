// Do the checks of diff_test.cpp see a wrong rule? Every rule of every row is made wrong in every small way (a sign
// flipped, a term or factor dropped, operands swapped, a condition turned round, a number doubled), and each mutant must
// fail a check. A mutant that is no mistake is listed below with the reason; a listed one that dies, or that differs from
// its rule by more than the rounding it is allowed, fails the test too.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/ops/rule_checks.h"

namespace dlc::test {
namespace {

struct Mutant {
  std::string what;  // "negate 3 mul"
  std::vector<RuleNode> nodes;
  int16_t result = 0;
};

/// Mutants that are no mistakes.
struct Equivalent {
  const char* op;
  int operand;
  const char* what;
  const char* reason;
  bool rounds_differently = false;
};
constexpr Equivalent kEquivalent[] = {
    {"atan2", 0, "negate 2 hypot", "h enters as its square and in h == 0"},
    {"atan2", 1, "negate 2 hypot", "h enters as its square and in h == 0"},
    {"pow", 0, "double 4 literal", "for b in [0.5, 1) both y / a and a^(b - 1) are accurate", true},
    {"gelu", 0, "negate 0 literal", "exp_neg_square is even"},
    {"gelu", 0, "negate 2 mul", "exp_neg_square is even"},
    {"gelu", 0, "negate 3 exp_neg_square", "q enters as its square"},
    {"asinh", 0, "negate 2 literal", "hypot(a, -1) is hypot(a, 1)"},
};

const char* node_name(const RuleNode& node) {
  switch (node.kind) {
    case RuleNode::Kind::op: return op_row(OpId{node.index}).name;
    case RuleNode::Kind::literal: return "literal";
    case RuleNode::Kind::carried: return "g";
    case RuleNode::Kind::result: return "y";
    case RuleNode::Kind::conversion: return "conversion";
    case RuleNode::Kind::operand: break;
  }
  return node.index == 0 ? "a" : node.index == 1 ? "b" : "c";
}

class Mutator {
 public:
  explicit Mutator(const Rule& rule) : rule_(rule) {}

  std::vector<Mutant> all() {
    for (int i = 0; i < rule_.n_nodes; ++i) {
      const RuleNode& node = rule_.nodes[i];
      const bool is_number = node.type == RuleType::self || node.type == RuleType::i64;
      if (node.kind == RuleNode::Kind::op) mutate_op(i, node, is_number);
      if (node.kind == RuleNode::Kind::literal && is_number && !is_zero(node)) insert("negate", i, "neg"_op, 1), insert("double", i, "add"_op, 2);
      if (node.kind == RuleNode::Kind::carried) insert("negate", i, "neg"_op, 1);
    }
    return std::move(mutants_);
  }

 private:
  bool is_zero(const RuleNode& literal) const { return rule_.literal(literal).as_f64() == 0; }

  void mutate_op(int i, const RuleNode& node, bool is_number) {
    const OpId op{node.index};
    insert(is_number ? "negate" : "invert", i, is_number ? "neg"_op : "not"_op, 1);
    const bool has_terms = op == "add"_op || op == "sub"_op || op == "mul"_op || op == "div"_op || op == "and"_op || op == "or"_op;
    for (int k = 0; k < 2 && has_terms; ++k) redirect(std::string("keep only side ") + "ab"[k] + " of", i, node.arg[k]);
    if (node.n_args == 2 && !node.commutative && rule_.nodes[node.arg[0]].type == rule_.nodes[node.arg[1]].type) swap(i, 0, 1);
    if (op == "select"_op) swap(i, 1, 2);
  }

  Mutant copy(const std::string& what, int i) const {
    return {what + " " + std::to_string(i) + " " + node_name(rule_.nodes[i]), {rule_.nodes, rule_.nodes + rule_.n_nodes}, rule_.result};
  }
  /// Puts op(node i) or op(node i, node i) between node i and its users.
  void insert(const std::string& what, int i, OpId op, int n_args) {
    Mutant m = copy(what, i);
    RuleNode added;
    added.kind = RuleNode::Kind::op, added.type = rule_.nodes[i].type, added.index = static_cast<int16_t>(op.i);
    added.n_args = static_cast<int8_t>(n_args);
    for (int k = 0; k < n_args; ++k) added.arg[k] = static_cast<int16_t>(i);
    for (RuleNode& node : m.nodes) {
      if (node.kind != RuleNode::Kind::op && node.kind != RuleNode::Kind::conversion) continue;
      for (int k = 0; k < node.n_args; ++k)
        if (node.arg[k] >= i) ++node.arg[k];
    }
    if (m.result >= i) ++m.result;
    m.nodes.insert(m.nodes.begin() + i + 1, added);
    mutants_.push_back(std::move(m));
  }
  /// Lets the users of node i use `to` instead.
  void redirect(const std::string& what, int i, int16_t to) {
    Mutant m = copy(what, i);
    for (RuleNode& node : m.nodes)
      for (int k = 0; k < node.n_args; ++k)
        if (node.arg[k] == i) node.arg[k] = to;
    if (m.result == i) m.result = to;
    mutants_.push_back(std::move(m));
  }
  void swap(int i, int k, int l) {
    Mutant m = copy("swap operands of", i);
    std::swap(m.nodes[static_cast<size_t>(i)].arg[k], m.nodes[static_cast<size_t>(i)].arg[l]);
    mutants_.push_back(std::move(m));
  }

  const Rule& rule_;
  std::vector<Mutant> mutants_;
};

/// The first check that fails, or "".
std::string judge(OpId op, int operand, const Rule& rule) {
  std::string wrong = check_kinks(op, operand, rule);
  if (wrong.empty()) wrong = check_exact(op, operand, rule, 12);
  if (wrong.empty()) wrong = check_rounding(op, operand, rule, diff_rule(op, operand), 100);
  return wrong;
}

/// A point where the two rules give different numbers, or "".
std::string difference(OpId op, const Rule& a, const Rule& b) {
  for (DType self : {DType::f64, DType::f32}) {
    const Scalar one = Scalar::of(1.0).converted(self);
    for (const Point& p : all_points(op, self, 300)) {
      const Scalar y = evaluate_native(op, p.span());
      const double u = walk_rule(NativeMath{}, a, self, p.span(), y, one).as_f64(), v = walk_rule(NativeMath{}, b, self, p.span(), y, one).as_f64();
      if (u != v && (u == u || v == v)) return text(p);
    }
  }
  return "";
}

const Equivalent* listed(OpId op, int operand, const std::string& what) {
  for (const Equivalent& e : kEquivalent)
    if (std::string_view(e.op) == op_row(op).name && e.operand == operand && what == e.what) return &e;
  return nullptr;
}

class Mutations : public testing::TestWithParam<OpId> {};

TEST_P(Mutations, Die) {
  const OpId op = GetParam();
  int n_mutants = 0;
  for (int k = 0; k < op_row(op).arity; ++k) {
    const Rule& rule = diff_rule(op, k);
    if (rule.not_differentiable || rule.zero) continue;
    for (const Mutant& m : Mutator(rule).all()) {
      Rule mutant = rule;
      mutant.nodes = m.nodes.data(), mutant.n_nodes = static_cast<int16_t>(m.nodes.size()), mutant.result = m.result;
      ++n_mutants;
      const std::string death = judge(op, k, mutant);
      const Equivalent* known = listed(op, k, m.what);
      const std::string name = std::string(op_row(op).name) + ", by operand " + "abc"[k] + ": " + m.what;
      if (known != nullptr) {
        EXPECT_EQ(death, "") << name << " is listed as equivalent (" << known->reason << ") but is not";
        if (known->rounds_differently) continue;
        EXPECT_EQ(difference(op, rule, mutant), "") << name << " is listed as equivalent (" << known->reason << ") but differs here";
      } else if (death.empty()) {
        const std::string where = difference(op, rule, mutant);
        ADD_FAILURE() << name << " survives; " << (where.empty() ? "it never differs" : "it differs at " + where);
      }
    }
  }
  RecordProperty("mutants", n_mutants);
  std::printf("%4d mutants of %s\n", n_mutants, op_row(op).name);
}

INSTANTIATE_TEST_SUITE_P(Rows, Mutations, testing::ValuesIn(elementwise_ops()),
                         [](const testing::TestParamInfo<OpId>& info) { return std::string(op_row(info.param).name); });

TEST(Equivalents, AreExplained) {
  for (const Equivalent& e : kEquivalent) EXPECT_GT(std::strlen(e.reason), 10u) << e.op;
}

}  // namespace
}  // namespace dlc::test
