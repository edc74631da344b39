// Every row is complete and consistent: names resolve, texts for readers are there, each op has one way to be compiled,
// expansions come to an end, and the language's own parser reads every rule text as the rule compiler did.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/diagnostic.h"
#include "ops/table.h"
#include "syntax/parser.h"
#include "tests/ops/samples.h"

namespace dlc::test {
namespace {

class Rows : public testing::TestWithParam<OpId> {
 protected:
  const OpId op = GetParam();
  const Op& row = op_row(op);
};

TEST_P(Rows, IsFoundByName) {
  EXPECT_EQ(find_op(row.name), op);
  if (row.precedence > 0 && op != "powi"_op) {
    EXPECT_EQ(find_operator(row.symbol, row.arity), op);
  }
  const bool is_operator = row.precedence > 0 && op != "pow"_op && op != "mod"_op;
  const OpId by_call = find_function(row.precedence == 0 && row.symbol != nullptr ? row.symbol : row.name);
  if (row.internal) {
    EXPECT_FALSE(by_call);
  } else if (!is_operator) {
    EXPECT_EQ(by_call, op);
  }
}

TEST_P(Rows, IsDocumented) {
  ASSERT_NE(row.doc, nullptr);
  EXPECT_EQ(std::string(row.doc).back(), '.');
  bool decides = false;
  for (int k = 0; k < row.arity; ++k) decides = decides || std::string_view(row.diff[k]).find("select(") != std::string_view::npos;
  if (decides) {
    EXPECT_NE(row.why, nullptr) << "a rule with a condition states its convention";
  }
}

TEST_P(Rows, HasLatexWithEveryOperand) {
  ASSERT_NE(row.latex, nullptr);
  const std::string latex = row.latex;
  for (int k = 0; k < row.arity; ++k) EXPECT_NE(latex.find(std::string("$") + "abc"[k]), std::string::npos);
  int depth = 0;
  for (char c : latex) {
    depth += c == '{' ? 1 : c == '}' ? -1 : 0;
    EXPECT_GE(depth, 0);
  }
  EXPECT_EQ(depth, 0);
}

TEST_P(Rows, IsCompiledInOneWay) {
  const Emit& e = row.emit;
  const int on_floats = (e.inst != nullptr) + (e.intrinsic != nullptr) + (e.f64 != nullptr);
  EXPECT_LE(on_floats, 1);
  EXPECT_TRUE(e.f32 == nullptr || e.f64 != nullptr);
  if (accepts(op, DType::f64)) {
    EXPECT_EQ(on_floats, 1);
  }
  if (accepts(op, DType::i64)) {
    EXPECT_TRUE(e.int_inst != nullptr || expansion(op, DType::i64) != nullptr);
  }
}

TEST_P(Rows, HasAMeaning) {
  if (accepts(op, DType::f64) && row.type != TypeRule::bits) {
    EXPECT_NE(row.meaning.big, nullptr);
  }
  if (accepts(op, DType::f64) && row.type != TypeRule::bits) {
    EXPECT_NE(row.meaning.f32, nullptr);
  }
  if (accepts(op, DType::i64) && row.type != TypeRule::from_bits32 && row.type != TypeRule::from_bits64) {
    EXPECT_NE(row.meaning.i64, nullptr);
  }
}

using Instance = std::pair<OpId, DType>;  // an op on one dtype: sin on f32 may call sin on f64

/// What the expansion of `from` calls, and what those call; `from` itself if it comes back.
void collect_calls(Instance from, std::set<Instance>& seen) {
  const Rule* rule = expansion(from.first, from.second);
  if (rule == nullptr) return;
  for (const RuleNode& node : rule->span()) {
    if (node.kind != RuleNode::Kind::op) continue;
    DType dtype = DType::i64;
    for (int k = 0; k < node.n_args; ++k) {
      const DType of_arg = resolve(rule->nodes[node.arg[k]].type, rule->dtype);
      if (is_float(of_arg)) dtype = of_arg;
    }
    const Instance called{OpId{node.index}, dtype};
    if (seen.insert(called).second) collect_calls(called, seen);
  }
}

TEST_P(Rows, ExpandsToAnEnd) {
  for (DType dtype : {DType::f64, DType::f32, DType::i64}) {
    std::set<Instance> seen;
    collect_calls({op, dtype}, seen);
    EXPECT_FALSE(seen.contains({op, dtype}));
  }
}

// The two parsers. Both results become numbers of a table of distinct (symbol, parts), in which a `let` has left no
// trace; conversions are left out, since the rule compiler inserts some.
class Shapes {
 public:
  int leaf(std::string_view text) { return intern(std::string(text)); }
  int node(std::string_view symbol, const std::vector<int>& parts) {
    std::string key(symbol);
    for (int part : parts) key += ' ' + std::to_string(part);
    return intern(key);
  }
  int of_rule(const Rule& rule) {
    std::vector<int> ids;
    for (const RuleNode& n : rule.span()) ids.push_back(of_node(rule, n, ids));
    return ids[static_cast<size_t>(rule.result)];
  }

 private:
  int intern(const std::string& key) { return ids_.emplace(key, static_cast<int>(ids_.size())).first->second; }
  int of_node(const Rule& rule, const RuleNode& n, const std::vector<int>& ids) {
    switch (n.kind) {
      case RuleNode::Kind::operand: return leaf(std::string(1, "abcpqmn"[n.index]));
      case RuleNode::Kind::result: return leaf("y");
      case RuleNode::Kind::carried: return leaf("g");
      case RuleNode::Kind::conversion: return ids[static_cast<size_t>(n.arg[0])];
      case RuleNode::Kind::literal: {
        const std::string_view text = rule.literal(n).text;
        return text[0] == '-' ? node("-", {leaf(text.substr(1))}) : leaf(text);
      }
      case RuleNode::Kind::op: break;
    }
    const Op& row = op_row(OpId{n.index});
    if (row.type == TypeRule::to_f32 || row.type == TypeRule::to_f64) return ids[static_cast<size_t>(n.arg[0])];
    std::vector<int> parts;
    for (int k = 0; k < n.n_args; ++k) parts.push_back(ids[static_cast<size_t>(n.arg[k])]);
    return node(row.symbol != nullptr ? row.symbol : row.name, parts);
  }
  std::map<std::string, int> ids_;
};

class AstShapes {
 public:
  AstShapes(const Ast& ast, const Interner& names, Shapes& shapes) : ast_(ast), names_(names), shapes_(shapes) {}

  int of_body(ExprId body) {
    const Expr& block = ast_[body];
    for (StmtId s : ast_[block.stmts]) {
      const Stmt& let = ast_[s];
      if (let.kind == StmtKind::let) lets_[std::string(names_[ast_[let.pattern].name.id])] = of(let.value);
    }
    return of(block.a);
  }
  int of(ExprId id) {
    const Expr& e = ast_[id];
    switch (e.kind) {
      case ExprKind::number: return shapes_.leaf(names_[ast_[e.number].text]);
      case ExprKind::boolean: return shapes_.leaf(e.flag ? "true" : "false");
      case ExprKind::paren: return of(e.a);
      case ExprKind::unary: return shapes_.node(spelling(e.op), {of(e.a)});
      case ExprKind::binary: return shapes_.node(spelling(e.op), {of(e.a), of(e.b)});
      case ExprKind::name: {
        const std::string name(names_[e.name]);
        return lets_.contains(name) ? lets_[name] : shapes_.leaf(name);
      }
      case ExprKind::call: return of_call(e);
      default: ADD_FAILURE() << "an expression that rules do not have"; return -1;
    }
  }

 private:
  int of_call(const Expr& e) {
    const std::string name(names_[ast_[e.a].name]);
    std::vector<int> parts;
    for (const Arg& arg : ast_[e.args]) parts.push_back(of(arg.value));
    if (name == "f32" || name == "f64" || name == "float") return parts[0];
    const OpId function = find_function(name), op = function ? function : find_op(name);  // internal rows by their own name
    return shapes_.node(op && op_row(op).symbol != nullptr ? op_row(op).symbol : name, parts);
  }

  const Ast& ast_;
  const Interner& names_;
  Shapes& shapes_;
  std::map<std::string, int> lets_;
};

/// What the language's parser makes of `text` as the body of a function.
int shape_by_parser(const std::string& text, Shapes& shapes) {
  Sources sources;
  Interner names;
  Diagnostics diagnostics;
  const FileId file = sources.add("rule.dl", "fn rule(a: real, b: real, c: real, y: real, g: real) {\n" + text + "\n}\n");
  const Ast ast = parse(sources, file, names, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors()) << text;
  if (diagnostics.has_errors()) return -1;
  return AstShapes(ast, names, shapes).of_body(ast[ast.decls[0].fn].body);
}

TEST_P(Rows, TextsReadTheSameByTheLanguagesParser) {
  const auto check = [](const Rule& rule, const std::string& text) {
    Shapes shapes;
    EXPECT_EQ(shapes.of_rule(rule), shape_by_parser(text, shapes)) << text;
  };
  for (int k = 0; k < row.arity; ++k)
    if (!diff_rule(op, k).not_differentiable) check(diff_rule(op, k), row.diff[k]);
  for (DType dtype : {DType::f64, DType::f32, DType::i64})
    if (const Rule* rule = expansion(op, dtype)) check(*rule, rule->text);
  for (std::span<const RewriteRule> list : {identities(op), stable_forms(op), fast_identities(op)}) {
    for (const RewriteRule& p : list) {
      const std::string text = p.left.text;
      check(p.left, text.substr(0, text.find("=>")));
      check(p.right, text.substr(text.find("=>") + 2));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Rows, testing::ValuesIn(elementwise_ops()),
                         [](const testing::TestParamInfo<OpId>& info) { return std::string(op_row(info.param).name); });

TEST(Table, NamesOfTheLanguageAreThere) {
  for (const char* name : {"exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "atan2",
                           "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "digamma", "polygamma", "sigmoid",
                           "softplus", "relu", "leaky_relu", "gelu", "silu", "abs", "sign", "floor", "ceil", "round", "min", "max", "clamp",
                           "pow", "hypot", "mod", "fma", "select", "div", "f32", "f64", "int"})
    EXPECT_TRUE(find_function(name)) << name;
  EXPECT_EQ(find_function("div"), "floor_div"_op);
  EXPECT_EQ(find_operator("-", 1), "neg"_op);
  EXPECT_EQ(find_operator("-", 2), "sub"_op);
  EXPECT_EQ(find_operator("^", 2), "pow"_op);
  EXPECT_FALSE(find_function("add"));
  EXPECT_FALSE(find_function("bits"));
  EXPECT_FALSE(find_op("no such op"));
}

}  // namespace
}  // namespace dlc::test
