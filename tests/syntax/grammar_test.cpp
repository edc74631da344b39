// Every rule of the grammar, by the tree it gives; and the twelve programs.
#include <gtest/gtest.h>

#include "parsed.h"

namespace dlc {
namespace {

/// The tree of an expression as one line: nodes of the printed form joined by spaces, children in parentheses.
std::string flat(const std::string& tree) {
  std::string out;
  size_t depth = 0;
  for (size_t at = 0; at < tree.size();) {
    const size_t end = tree.find('\n', at), text = tree.find_first_not_of(' ', at), indent = (text - at) / 2;
    out += indent > depth ? "(" : std::string(depth - indent, ')') + (out.empty() ? "" : " ");
    out += tree.substr(text, end - text);
    depth = indent, at = end + 1;
  }
  return out + std::string(depth, ')');
}
std::string expr(const std::string& text) {
  const Parsed p = parse_expr_text(text);
  return p.errors() + flat(print_expr(p.ast, p.ast.root, p.names));
}
std::string file(const std::string& text) {
  const Parsed p = parse_text(text);
  return p.errors() + flat(p.tree());
}
/// The body of a function in which `text` stands.
std::string body(const std::string& text) {
  const std::string out = file("fn f(x) {\n" + text + "\n}");
  const std::string head = "fn f(x)(block(";
  return out.starts_with(head) ? out.substr(head.size(), out.size() - head.size() - 2) : out;
}

TEST(Expressions, Precedence) {
  EXPECT_EQ(expr("a or b and not c == d + e * -f ^ g"),
            "chain(name a or chain(name b and not(chain(name c == chain(name d + chain(name e * -(chain(name f ^ name "
            "g))))))))");
  EXPECT_EQ(expr("2 ^ -x ^ 2"), "chain(number 2 ^ -(chain(name x ^ number 2)))");
  EXPECT_EQ(expr("a - b - c"), "chain(name a - name b - name c)");
  EXPECT_EQ(expr("a * b @ c / d % e"), "chain(name a * name b @ name c / name d % name e)");
  EXPECT_EQ(expr("- - x"), "-(-(name x))");
  EXPECT_EQ(expr("not not a < b"), "not(not(chain(name a < name b)))");
  EXPECT_EQ(expr("(a + b) * c"), "chain(paren(chain(name a + name b)) * name c)");
}

TEST(Expressions, Primaries) {
  EXPECT_EQ(expr("[1, [2.5e-3], []]"), "array(number 1 array(number 2.5e-3) array)");
  EXPECT_EQ(expr("(a, b)"), "tuple(name a name b)");
  EXPECT_EQ(expr("(a = 1, b = 2)"), "tuple(a = number 1 b = number 2)");
  EXPECT_EQ(expr("(a = 1)"), "tuple(a = number 1)");
  EXPECT_EQ(expr("\"a // b\""), "string \"a // b\"");
  EXPECT_EQ(expr("true and false"), "chain(true and false)");
  EXPECT_EQ(
      expr("if a { 1 } else if b { 2 } else { 3 }"),
      "if(name a then block(value number 1) else if(name b then block(value number 2) else block(value number 3)))");
  EXPECT_EQ(expr("map(fn(x: real) = x * w, xs)"), "call(name map fn(x: real)(chain(name x * name w)) name xs)");
  EXPECT_EQ(expr("fn(x) -> real { return x }"), "fn(x) -> real(block(return(name x)))");
  EXPECT_EQ(expr("if a { 1 } else { 2 } + 1"),
            "chain(if(name a then block(value number 1) else block(value number 2)) + number 1)");
}

TEST(Expressions, CallsAndSubscripts) {
  EXPECT_EQ(expr("f(a, b = 1..3)(c).d[0]"),
            "index(field d(call(call(name f name a b = range(number 1 number 3)) name c)) number 0)");
  EXPECT_EQ(expr("X[i, :, 1..n, ..2, 3.., 0..9 step 2, .., b in 0..a, n = 4]"),
            "index(name X name i : range(number 1 name n) range(absent number 2) range(number 3 absent) range(number 0 "
            "number 9 step number 2) "
            "range(absent absent) b in range(number 0 name a) n = number 4)");
  EXPECT_EQ(expr("X[-1] + X[.. step 2]"),
            "chain(index(name X -(number 1)) + index(name X range(absent absent step number 2)))");
  EXPECT_EQ(expr("X[0..step]"), "index(name X range(number 0 name step))");
  EXPECT_EQ(expr("sum[j, k in 0..n](A[j])"),
            "call(index(name sum name j k in range(number 0 name n)) index(name A name j))");
  EXPECT_EQ(expr("init[n - 1]()"), "call(index(name init chain(name n - number 1)))");
  EXPECT_EQ(expr("s.h.a"), "field a(field h(name s))");
  EXPECT_EQ(expr("grad(f, wrt = [x1, s.h], mode = forward)(a)"),
            "call(call(name grad name f wrt = array(name x1 field h(name s)) mode = name forward) name a)");
}

TEST(Lexis, NumbersNamesAndComments) {
  const Parsed p = parse_expr_text("[1_000, 2.5, 1e-3, 0.1, 9223372036854775807]");
  ASSERT_EQ(p.errors(), "");
  EXPECT_EQ(p.ast.numbers[0].integer, 1000);
  EXPECT_TRUE(p.ast.numbers[0].is_integer);
  EXPECT_EQ(p.ast.numbers[1].value, 2.5);
  EXPECT_FALSE(p.ast.numbers[2].is_integer);
  EXPECT_EQ(p.ast.numbers[3].value, 0.1);
  EXPECT_EQ(p.ast.numbers[4].integer, INT64_MAX);
  EXPECT_EQ(expr("1..n"), "1:2 expected-tokennumber 1");
  for (const char* name :
       {"σ", "θ_1", "λ", "logℓ", "x₁", "_x", "данные", "漢字", "é", "e\u0301", "क्षेत्र", "train", "fnord", "i2"})
    EXPECT_EQ(expr(name), std::string("name ") + name);
  EXPECT_EQ(expr("\xEF\xBB\xBF a /* b \n c */ + // d\n e"), "chain(name a + name e)");
  EXPECT_EQ(expr("W @memory (x)"), "1:11 must-touchchain(name W @ call(name memory name x))");
  EXPECT_EQ(expr("x<-1"), "chain(name x < -(number 1))");
}

TEST(Statements, LetVarAndAssignment) {
  EXPECT_EQ(body("let p: real[n] = 1; p"), "let p: real[n](number 1) value name p");
  EXPECT_EQ(body("let (a, (b, c)) = e\na"), "let (a, (b, c))(name e) value name a");
  EXPECT_EQ(body("let C[i, k in 0..n]: real = A[i, k]\nC"),
            "let_index C: real(binder i binder k(range(number 0 name n)) index(name A name i name k)) value name C");
  EXPECT_EQ(body("var v: real\nvar (a, b) = e\nv"), "var v: real var (a, b)(name e) value name v");
  EXPECT_EQ(
      body("v = 1\nv[i, 0..3] = 2\ns.h += 3\n(a, b) -= c\nv *= 2 v /= 2\nv"),
      "assign =(name v number 1) assign =(index(name v name i range(number 0 number 3)) number 2) assign +=(field "
      "h(name s) number 3) "
      "assign -=(tuple(name a name b) name c) assign *=(name v number 2) assign /=(name v number 2) value name v");
  EXPECT_EQ(body("update μ = 0.9 * μ\nupdate = 3\nupdate"),
            "update μ(chain(number 0.9 * name μ)) assign =(name update number 3) value name update");
  EXPECT_EQ(body("fn g[n](y: real[n]) = y\ng(x)"), "fn g[n](y: real[n])(name y) value call(name g name x)");
}

TEST(Statements, Control) {
  EXPECT_EQ(body("for i in 0..n step 2 @checkpoint(sqrt) @memory(64MiB) { s = i }\ns"),
            "for i(range(number 0 name n step number 2) @checkpoint(name sqrt) @memory(number 64MiB) block(assign "
            "=(name s name i))) value name s");
  EXPECT_EQ(body("while a < b @max_iters(10) { if a { break } }\ns"),
            "while(chain(name a < name b) @max_iters(number 10) block(if(name a then block(break)))) value name s");
  EXPECT_EQ(body("if a { x = 1 } else if b { x = 2 }\nreturn x"),
            "if(name a then block(assign =(name x number 1)) else if(name b then block(assign =(name x number 2)))) "
            "return(name x)");
}

TEST(Statements, ValuesOfBlocks) {
  EXPECT_EQ(body("if a { 1 } else { 2 }"), "value if(name a then block(value number 1) else block(value number 2))");
  EXPECT_EQ(body("if a { return 1 } else { 2 };"),
            "value if(name a then block(return(number 1)) else block(value number 2))");
  EXPECT_EQ(body("if a { return 1 } else { return 2 }"),
            "if(name a then block(return(number 1)) else block(return(number 2)))");
  EXPECT_EQ(body("let h = x\n-(y)"), "4:1 block-has-no-valuefn f(x)(block(let h(chain(name x - paren(name y)))))");
  EXPECT_EQ(body("let a = f\n(a, b)"), "let a(name f) value tuple(name a name b)");
  EXPECT_EQ(body("let a = f\n[a, b]"), "let a(name f) value array(name a name b)");
  EXPECT_EQ(body("let (m, s) = if t {\n let m = g(x)\n (m, 1)\n} else { (a, b) }\nm"),
            "let (m, s)(if(name t then block(let m(call(name g name x)) value tuple(name m number 1)) else block(value "
            "tuple(name a name b)))) "
            "value name m");
}

TEST(Declarations, All) {
  EXPECT_EQ(file("const A: real = 1 const B = A"), "const A: real(number 1) const B(name A)");
  EXPECT_EQ(file("fn f[n](g: fn(x: real[n], real) -> (a: A, B), y) -> S[2*n, 3] = y"),
            "fn f[n](g: fn(x: real[n], real) -> (a: A, B), y) -> S[(2 * n), 3](name y)");
  EXPECT_EQ(file("struct S[h] { h: f32[h]  c: f32, d: (A) }"), "struct S[h](h: f32[h], c: f32, d: A)");
  EXPECT_EQ(file("export f export g = grad(f)"), "export f export g(call(name grad name f))");
  EXPECT_EQ(file("derivative f(x, n) -> y { jvp(dx) = if x > 0 { dx } else { 0 } }"),
            "derivative f(x, n) -> y(jvp(dx)(if(chain(name x > number 0) then block(value name dx) else block(value "
            "number 0))))");
}

TEST(Declarations, ModelAndTrain) {
  EXPECT_EQ(
      file("model M[D, H] {\n param W: f32[H, D] ~ glorot()\n param b: f32 = 0\n param c: f32\n state r: f32 = 1\n"
           " layer l[L] = Block[D, n = H]\n layer m = B\n loss(x: f32) = x\n loss edge(y) { return y }\n fn f(x) = "
           "x\n}"),
      "model M[D, H](param W: f32[H, D](~ call(name glorot)) param b: f32(= number 0) param c: f32 state r: f32(= "
      "number 1) "
      "layer l(name L model Block name D n = name H) layer m(model B) loss _(x: f32)(name x) loss "
      "edge(y)(block(return(name y))) "
      "fn f(x)(name x))");
  EXPECT_EQ(file("train M[D = 30] {\n data csv(\"a\") { x = columns(0..30) y = 1..3 }\n split train = 0.8 valid = "
                 "0.2\n stop patience = 3\n"
                 " normalize x = zscore\n clip norm = 1\n objective mean(loss) + 1\n optimizer adam(lr = 1)\n schedule "
                 "cosine()\n"
                 " batch 32 accumulate 4 epochs 5 seed 0\n metrics accuracy, auc = b\n save best \"f\"\n}"),
            "train M(D = number 30 data(call(name csv string \"a\") x = call(name columns range(number 0 number 30)) y "
            "= range(number 1 number 3)) "
            "split(train = number 0.8 valid = number 0.2) stop(patience = number 3) normalize(x = name zscore) "
            "clip(norm = number 1) "
            "objective(chain(call(name mean name loss) + number 1)) optimizer(call(name adam lr = number 1)) "
            "schedule(call(name cosine)) "
            "batch(number 32) accumulate(number 4) epochs(number 5) seed(number 0) metrics(name accuracy auc = name b) "
            "save best(string \"f\"))");
  // A label may be any text; elsewhere the name of an argument is a name.
  EXPECT_EQ(file("train M { data csv(\"a\") { y = column(\"sea\", \"NEAR BAY\" = 0, INLAND = 1) } }"),
            "train M(data(call(name csv string \"a\") y = call(name column string \"sea\" NEAR BAY = number 0 INLAND = number 1)))");
  EXPECT_NE(parse_text("train M { optimizer adam(\"lr\" = 1) }").errors(), "");
}

TEST(Declarations, ContextualWordsStayNames) {
  EXPECT_EQ(file("fn train(data, loss, state, step, update, key, model) = data.loss(step = key) + model"),
            "fn train(data, loss, state, step, update, key, model)(chain(call(field loss(name data) step = name key) + "
            "name model))");
}

TEST(Comments, DocsBelongToTheNextDeclaration) {
  const Parsed p = parse_text(
      "/// not this\nconst a = 1 /// nor this\n/// First.\n///   Second.\n// plain\nfn f(x) = x\n"
      "model M {\n  /// weight\n  param w: f32\n  //// not\n  param b: f32\n}");
  ASSERT_EQ(p.errors(), "");
  const auto doc = [&](Slice<Comment> d) { return doc_text(p.ast, d, p.sources); };
  EXPECT_EQ(doc(p.ast.decls[0].doc), "not this\n");
  EXPECT_EQ(doc(p.ast.decls[1].doc), "First.\n  Second.\n");
  EXPECT_EQ(doc(p.ast[p.ast.decls[2].items][0].doc), "weight\n");
  EXPECT_EQ(doc(p.ast[p.ast.decls[2].items][1].doc), "");
  EXPECT_EQ(p.ast.comments.size(), 7u);
}

TEST(Spans, AreExact) {
  const Parsed p = parse_text("fn f(x) = a.b[i] + g(x,\n  /* c */ y)");
  ASSERT_EQ(p.errors(), "");
  const ExprId sum = p.ast[p.ast.decls[0].fn].body;
  const Expr& e = p.ast[sum];
  EXPECT_EQ(p.sources.text(e.mark), "+");
  EXPECT_EQ(p.sources.text(p.ast[e.a].span), "a.b[i]");
  EXPECT_EQ(p.sources.text(p.ast[e.a].mark), "[i]");
  EXPECT_EQ(p.sources.text(p.ast[p.ast[e.a].a].mark), "b");
  EXPECT_EQ(expr_text(p.ast, sum, p.sources), "a.b[i] + g(x, y)");
  EXPECT_EQ(expr_text(p.ast, sum, p.sources, 8), "a.b[i] +…");
  EXPECT_EQ(p.sources.text(p.ast.decls[0].name.span), "f");
  EXPECT_EQ(p.sources.text(p.ast.fns[0].head), "fn f(x)");
}

TEST(Programs, AllTwelveParse) {
  for (const char* name : kPrograms) {
    const std::string text = program_text(name);
    ASSERT_FALSE(text.empty()) << name;
    const Parsed p = parse_text(text);
    EXPECT_EQ(p.errors(), "") << name;
    for (const Expr& e : p.ast.exprs) EXPECT_NE(e.kind, ExprKind::error) << name;
  }
}

}  // namespace
}  // namespace dlc
