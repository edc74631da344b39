// The compiler of rule texts: what it builds, how it types, what it refuses.
#include <gtest/gtest.h>

#include "ops/rule_parser.h"
#include "tests/ops/rule_math.h"

namespace dlc::test {
namespace {

struct Parsed {
  std::vector<RuleNode> nodes = std::vector<RuleNode>(200);
  ParsedRule result;
  Rule rule() const {
    Rule r = result.rule;
    r.nodes = nodes.data();
    return r;
  }
  const RuleNode& root() const { return nodes[static_cast<size_t>(result.rule.result)]; }
};

Parsed parse_for(const char* op, const char* text) {
  Parsed p;
  p.result = parse_diff(op_index(), op_index().row(find_op(op).i), 0, text, p.nodes, -1);
  for (RuleNode& node : p.nodes)
    if (node.kind == RuleNode::Kind::literal) node.index = -1;  // no slot in the cache
  return p;
}

double value(const char* text, double a, double b) {
  const Parsed p = parse_for("hypot", text);
  EXPECT_EQ(p.result.error.message, nullptr) << p.result.error.message << " in " << text;
  const Scalar x[2] = {Scalar::of(a), Scalar::of(b)};
  return walk_rule(NativeMath{}, p.rule(), DType::f64, std::span<const Scalar>(x), Scalar::of(100.0), Scalar::of(1000.0)).as_f64();
}

TEST(RuleText, HasThePrecedencesOfTheLanguage) {
  EXPECT_EQ(value("a + b * 2", 1, 3), 7);
  EXPECT_EQ(value("a - b - 1", 1, 3), -3);
  EXPECT_EQ(value("-a^2", 3, 0), -9);
  EXPECT_EQ(value("-2^2 + a", 3, 0), -1);
  EXPECT_EQ(value("2^-1 * a", 3, 0), 1.5);
  EXPECT_EQ(value("2^3^2 + a", 0, 0), 512);
  EXPECT_EQ(value("a / b / 2", 12, 3), 2);
  EXPECT_EQ(value("select(not a < b and a > 0 or b == 0, 1, 2)", 5, 3), 1);
  EXPECT_EQ(value("select(not a < b and a > 0 or b == 0, 1, 2)", 2, 3), 2);
  EXPECT_EQ(value("a - -b", 1, 3), 4);
  EXPECT_EQ(value("y + g", 1, 3), 1100);
}

TEST(RuleText, HasLetsCommentsAndLineBreaks) {
  EXPECT_EQ(value("let t = a + b; t * t", 1, 3), 16);
  EXPECT_EQ(value("let t = a\n  + b  // goes on\nlet u = t * 2\nu - t", 1, 3), 4);
  EXPECT_EQ(value("let c = 0.5\nlet t = c * a\nt + c", 1, 0), 1);
  EXPECT_EQ(value("let t = a\nlet t = t + 1\nt * t", 1, 0), 4);  // the later one hides the earlier
}

TEST(RuleText, TypesLiteralsBySiblings) {
  EXPECT_EQ(parse_for("exp", "a^2").root().index, find_op("powi").i);
  EXPECT_EQ(parse_for("exp", "a^2.0").root().index, find_op("pow").i);
  EXPECT_EQ(parse_for("exp", "a^-1").root().index, find_op("powi").i);
  EXPECT_EQ(parse_for("exp", "pow(a, 2)").root().index, find_op("pow").i);
  EXPECT_EQ(parse_for("exp", "2 * a").nodes[0].type, RuleType::self);
  EXPECT_EQ(parse_for("exp", "f64_from_bits(bits(a) + 2) * a").result.error.message, std::string("operands of different types"));
  EXPECT_EQ(parse_for("powi", "a * b").result.error.message, nullptr);  // the int becomes a float
  EXPECT_EQ(parse_for("exp", "0.1").root().type, RuleType::self);
}

TEST(RuleText, KnowsWhatItMentions) {
  const Parsed parsed = parse_for("hypot", "g * (a / y)");
  const Rule rule = parsed.rule();
  EXPECT_TRUE(rule.uses(0) && rule.uses(Rule::kY) && rule.uses(Rule::kG));
  EXPECT_FALSE(rule.uses(1));
}

TEST(RuleText, RefusesWhatIsWrong) {
  struct Wrong {
    const char *text, *message;
  };
  for (const Wrong& w : std::initializer_list<Wrong>{{"a +", "an expression is wanted"},
                                                    {"a b", "text after the expression"},
                                                    {"(a", "`)` is wanted"},
                                                    {"sinn(a)", "no op has this name"},
                                                    {"sin(a, b)", "wrong number of arguments"},
                                                    {"sin()", "an expression is wanted"},
                                                    {"sum(a)", "not an op on scalars"},
                                                    {"c", "a name that is not in scope"},
                                                    {"a < b < a", "comparisons do not chain"},
                                                    {"a < b", "operands of different types"},
                                                    {"a and b", "operands of different types"},
                                                    {"select(a, a, b)", "operands of different types"},
                                                    {"bit_and(bits(a), 0.5)", "a literal that is not whole where an int is wanted"},
                                                    {"let t = a; b", "a `let` that is never used"},
                                                    {"let t a; b", "`let name = expression` is wanted"},
                                                    {"f32(a) * a", "operands of different types"},
                                                    {"a ~ b", "text after the expression"}}) {
    const Parsed p = parse_for("hypot", w.text);
    EXPECT_STREQ(p.result.error.message, w.message) << w.text;
  }
  const std::string deep = std::string(500, '(') + "a" + std::string(500, ')');
  EXPECT_STREQ(parse_for("exp", deep.c_str()).result.error.message, "nested too deeply");
}

TEST(RuleText, ConvertsLiteralsInTheirOwnPrecision) {
  const Parsed parsed = parse_for("exp", "0.1 * a");
  const Rule rule = parsed.rule();
  const Literal literal = rule.literal(rule.nodes[0]);
  EXPECT_EQ(literal.as_f64(), 0.1);
  EXPECT_EQ(literal.as_f32(), 0.1f);
  EXPECT_EQ(BigMath{}.constant(literal, DType::f64), Big(1) / 10);
}

}  // namespace
}  // namespace dlc::test
