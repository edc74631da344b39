// The abstract syntax of one `.dl` file: flat tables of small nodes that name each other by index.
//
//   Interner names;
//   Ast ast = parse(sources, file, names, diagnostics);      // always an Ast; partial after errors
//   for (const Decl& d : ast.decls)
//     if (d.kind == DeclKind::fn) {
//       const Fn& fn = ast[d.fn];
//       for (const Param& p : ast[fn.params]) use(names[p.name.id], p.type);
//       const Expr& body = ast[fn.body];                      // kind block: `{ … }`; anything else: `= expr`
//     }
//
// How to read a node: its kind says which of its fields mean something; the comment at the kind lists them.
// Every other field is absent (an id that is false, an empty slice). `ast[id]` gives the node, `ast[slice]` a
// std::span over a list. References stay good: after parse() nothing is appended.
//
// What a reader may rely on after a parse WITHOUT errors:
//   - no node of kind `error`; every field that a kind calls required is present;
//   - all rules of LANGUAGE that are decidable by shape hold: see "Checked by the parser" at Stmt;
//   - depth: an Ast nests at most kMaxNesting brackets, blocks, `else if`s, prefix operators, `^`s or postfix
//     operators deep, so recursion is safe everywhere but ONE place: `a + b + c + …` makes a `binary` whose
//     left spine (field `a`) may be 100 000 long. Walk that spine with a loop, as print.cpp does (`left_spine`).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/source.h"

namespace dlc {

using ExprId = Id<struct ExprTag>;
using StmtId = Id<struct StmtTag>;
using FnId = Id<struct FnTag>;
using PatternId = Id<struct PatternTag>;
using TypeExprId = Id<struct TypeExprTag>;
using NumberId = Id<struct NumberTag>;

/// Deepest nesting a file may have (`too-deeply-nested`).
inline constexpr int kMaxNesting = 256;

/// `count` consecutive elements of the Ast's table of T.
template <class T>
struct Slice {
  int32_t first = 0, count = 0;
  bool empty() const { return count == 0; }
};

/// A name where it is written. Absent (false) when the optional name was left out.
struct Name {
  StrId id{};
  Span span{};
  explicit operator bool() const { return static_cast<bool>(id); }
};

// ---------------------------------------------------------------------------------------------- expressions

enum class ExprKind : uint8_t {
  error,     // reported already; treat silently as "unknown"
  number,    // number → Number
  bytes,     // number → Number, .integer counts bytes (64MiB); only ever the value of an Attribute
  string,    // name = the text between the quotes (no escapes); strings are arguments of train entries only
  boolean,   // flag = its value
  name,      // name
  paren,     // (a)                     a = what is inside. Kept for messages and the formatter; means `a`
  tuple,     // (x, y)  (p = x, q = y)  args, at least one; one element only as `(p = x)`; each value or named
  array,     // [x, y]                  args, all ArgKind::value; may be empty
  unary,     // op a                    op neg or not_; mark = the operator
  binary,    // a op b                  op; mark = the operator. Left-deep: see the note on depth above
  call,      // a(args)                 args: value or named, a value may be a `range`; mark = `(…)`
  index,     // a[args]                 args: value, named, binder or all; mark = `[…]`. Whether this subscripts an
             //                         array, gives sizes `init[3]`, `Block[n = 4]`, or binds indices of a reduction
             //                         `sum[j, k in 0..n]` (then it is the callee of a `call`) is for sema to say.
             //                         In `sum[j](…)` the lone `j` is a plain value of kind `name`.
  field,     // a.name                  name; mark = the name after the dot
  range,     // a .. b step c           only as an arg, a subscript or a binder's/loop's range. `..b`, `a..`: the
             //                         missing end is absent (subscripts only); c absent without `step`; mark = `..`
  if_,       // if a b else c           b: kind block; c: kind block, kind if_ (`else if`), or absent.
             //                         c is absent only where the `if` is a statement.
  block,     // { stmts value }         stmts; a = the value, or absent. Only below `if_`, Fn, for and while
  function,  // fn(x) = …               fn → Fn without a name
};

/// Operators of `unary`, `binary` and of compound assignment.
// clang-format off
enum class SyntaxOp : uint8_t { none, neg, not_, or_, and_, eq, ne, lt, le, gt, ge, add, sub, mul, div, mod, matmul, pow };
// clang-format on
const char* spelling(SyntaxOp op);  // "+", "not", …

enum class ArgKind : uint8_t {
  value,   // e              value (may be a `range`)
  named,   // name = e       name, value (may be a `range`)
  binder,  // name in range  name, value = a `range`. In index only
  all,     // :              nothing. In index only
};

/// One element of a call, an index, a tuple, an array, a `data` entry, …
struct Arg {
  ArgKind kind = ArgKind::value;
  Name name{};
  ExprId value{};
  Span span{};
};

struct Stmt;

struct Expr {
  ExprKind kind = ExprKind::error;
  SyntaxOp op = SyntaxOp::none;
  bool flag = false;
  StrId name{};
  Span span{};  // all of it, brackets included
  Span mark{};  // the part that is the operator's own: `+`, `(…)`, `[…]`, the name after a dot
  ExprId a{}, b{}, c{};
  Slice<Arg> args{};
  Slice<StmtId> stmts{};
  NumberId number{};
  FnId fn{};
};

struct Number {
  StrId text{};             // as written, `1_000`, `2.5e-3`
  double value = 0;         // correctly rounded
  int64_t integer = 0;      // valid if is_integer
  bool is_integer = false;  // written without `.` and without exponent (then it may still become a float)
};

// ---------------------------------------------------------------------------------------------------- types

enum class TypeKind : uint8_t {
  error,
  named,     // name[sizes]             name; sizes: expressions (checker: each must be a size). `f32`, `State[4]`,
             //                         `real[n, 2*d]`; the brackets may be missing (sizes empty)
  tuple,     // (A, B) (a: A, b: B)     fields; one element only as `(a: A)`, for `(A)` is just A
  function,  // fn(x: A, B) -> R        fields, result
};

struct TypeField {
  Name name{};  // may be absent
  TypeExprId type{};
};

struct TypeExpr {
  TypeKind kind = TypeKind::error;
  Name name{};
  Slice<ExprId> sizes{};
  Slice<TypeField> fields{};
  TypeExprId result{};
  Span span{};
};

// ------------------------------------------------------------------------------------ functions and patterns

struct Param {
  Name name{};
  TypeExprId type{};  // absent where it was left out; required in `struct` fields
};

struct Fn {
  Name name{};          // absent for an anonymous fn and for an unnamed `loss`
  Slice<Name> sizes{};  // fn nll[n, d](…)
  Slice<Param> params{};
  TypeExprId result{};  // may be absent
  ExprId body{};        // kind block for `{ … }`; any other kind for `= expr`
  Span span{};          // from `fn` (or `loss`) to the end of the body
  Span head{};          // from `fn` to the end of the parameters and result type, for messages
};

struct Pattern {
  Name name{};               // a single name, or absent for …
  Slice<PatternId> parts{};  // … (p, q, …)
  Span span{};
};

// ----------------------------------------------------------------------------------------------- statements

enum class StmtKind : uint8_t {
  error,      // reported already
  let,        // let pattern [: type] = value
  let_index,  // let name[binders] [: type] = value
  var,        // var pattern [: type] [= value]             at least one of type, value
  assign,     // target = value,  target op= value          op none, add, sub, mul, div; mark = the operator.
              //                                            target: name, index, field, or tuple/paren of those
  fn,         // fn → Fn                                    a function declared in a body
  if_,        // value = the Expr of kind if_               its blocks have no values
  for_,       // for pattern in range attributes body       value = the `range`; body: kind block without a value
  while_,     // while value attributes body                body: kind block without a value
  return_,    // return value
  break_,     // break
  update,     // update name = value                        in functions of a model
};

// Checked by the parser, so a reader of an error-free Ast need not:
//   - an expression stands only as the last thing of a block (its value); a block's last `if` with an `else`, of
//     which at least one branch has a value, IS the block's value (Expr a of the block), not a statement;
//   - an `if` used as a value has an `else`, and each of its blocks has a value, with one exception: in an `if`
//     that is the value of a function's body (or of such an `if`'s branch) a block may end in `return` instead;
//   - a function's block has a value, or ends in `return`, or in an `if` with `else` all of whose branches do;
//   - blocks of statement `if`s and of loops have no value (`unused-value`);
//   - `return` stands in a function's body or in statement `if`s of it, never in a loop nor inside an expression;
//     `break` stands in a loop of the same function;
//   - assignment targets have an assignable shape; comparisons do not chain; no name is a reserved word.
struct Stmt {
  StmtKind kind = StmtKind::error;
  SyntaxOp op = SyntaxOp::none;
  Name name{};
  PatternId pattern{};
  TypeExprId type{};
  ExprId target{}, value{}, body{};
  Slice<struct Binder> binders{};
  Slice<struct Attribute> attributes{};
  FnId fn{};
  Span span{};
  Span mark{};  // the keyword, or the assignment's operator
};

/// An index that a `let name[…]` binds.
struct Binder {
  Name name{};
  ExprId range{};  // a `range`, or absent: inferred from where it subscripts
};

enum class AttributeKind : uint8_t { max_iters, checkpoint, memory };

/// `@max_iters(n)`, `@checkpoint(k)`, `@checkpoint(sqrt)` (value: the name `sqrt`), `@memory(64MiB)` (value: bytes).
struct Attribute {
  AttributeKind kind = AttributeKind::max_iters;
  ExprId value{};
  Span span{};
};

// --------------------------------------------------------------------------------------------- declarations

/// A comment, markers included in the span. `Ast::comments` has all of them in the order of the file.
struct Comment {
  Span span{};
  bool is_doc = false;     // `///` (and not `////`)
  bool owns_line = false;  // nothing but white space precedes it on its line
};

enum class ItemKind : uint8_t {
  param,  // param name: type [~ value | = value]     is_drawn says which
  state,  // state name: type = value
  layer,  // layer name[args] = model[model_args]     `layer blocks[L] = Block[T, C]`
  loss,   // fn → Fn; name as in Fn, absent for a plain `loss(…)`
  fn,     // fn → Fn
};

struct ModelItem {
  ItemKind kind = ItemKind::param;
  Name name{};
  TypeExprId type{};
  bool is_drawn = false;  // `~`: value is a distribution
  ExprId value{};         // may be absent for param
  Slice<Arg> args{};
  Name model{};
  Slice<Arg> model_args{};
  FnId fn{};
  Slice<Comment> doc{};
  Span span{};
};

enum class EntryKind : uint8_t {
  data,        // data value { args }            args all named; a value may be a `range`
  split,       // split name = …                 args all named, at least one (a value may be a `range`)
  stop,        // as split
  normalize,   // as split
  clip,        // as split
  objective,   // value
  optimizer,   // value
  schedule,    // value
  batch,       // value
  accumulate,  // value
  epochs,      // value
  seed,        // value
  metrics,     // args: value or named, at least one
  save,        // save name "path"               name = `best` or `last`; value: kind string
};

struct TrainEntry {
  EntryKind kind = EntryKind::data;
  ExprId value{};
  Slice<Arg> args{};
  Name name{};
  Span word{};  // the entry's leading word
  Span span{};
};

enum class DeclKind : uint8_t {
  const_,      // const name [: type] = value
  fn,          // fn → Fn (its name = name)
  struct_,     // struct name[sizes] { fields }
  model,       // model name[sizes] { items }
  train,       // train name[args] { entries }         name is the model's
  export_,     // export name [= value]
  derivative,  // derivative name(params) [-> result] { jvp(jvp_params) = value }
};

struct Decl {
  DeclKind kind = DeclKind::const_;
  Name name{};
  TypeExprId type{};
  ExprId value{};
  FnId fn{};
  Slice<Name> sizes{};
  Slice<Param> fields{}, params{}, jvp_params{};
  Name result{};
  Slice<ModelItem> items{};
  Slice<Arg> args{};
  Slice<TrainEntry> entries{};
  Slice<Comment> doc{};  // the `///` lines right above
  Span span{};
  bool is_broken = false;  // it has a syntax error: what it declares is not known
};

/// Everything of one file. The vectors are the tables that ids and slices point into; only the parser writes them.
struct Ast {
  FileId file;
  std::vector<Decl> decls;  // in the order of the file
  std::vector<StrId> lost_names;  // that text which could not be read may have declared
  ExprId root;              // the expression of parse_expression(); absent after parse()

  std::vector<Expr> exprs;
  std::vector<Stmt> stmts;
  std::vector<Fn> fns;
  std::vector<Pattern> patterns;
  std::vector<TypeExpr> types;
  std::vector<Number> numbers;
  std::vector<Arg> args;
  std::vector<Name> names;
  std::vector<Param> params;
  std::vector<Binder> binders;
  std::vector<Attribute> attributes;
  std::vector<TypeField> type_fields;
  std::vector<ModelItem> items;
  std::vector<TrainEntry> entries;
  std::vector<Comment> comments;
  std::vector<ExprId> expr_lists;
  std::vector<StmtId> stmt_lists;
  std::vector<PatternId> pattern_lists;

  const Expr& operator[](ExprId id) const { return exprs[static_cast<size_t>(id.i)]; }
  const Stmt& operator[](StmtId id) const { return stmts[static_cast<size_t>(id.i)]; }
  const Fn& operator[](FnId id) const { return fns[static_cast<size_t>(id.i)]; }
  const Pattern& operator[](PatternId id) const { return patterns[static_cast<size_t>(id.i)]; }
  const TypeExpr& operator[](TypeExprId id) const { return types[static_cast<size_t>(id.i)]; }
  const Number& operator[](NumberId id) const { return numbers[static_cast<size_t>(id.i)]; }

  std::span<const Arg> operator[](Slice<Arg> s) const { return cut(args, s); }
  std::span<const Name> operator[](Slice<Name> s) const { return cut(names, s); }
  std::span<const Param> operator[](Slice<Param> s) const { return cut(params, s); }
  std::span<const Binder> operator[](Slice<Binder> s) const { return cut(binders, s); }
  std::span<const Attribute> operator[](Slice<Attribute> s) const { return cut(attributes, s); }
  std::span<const TypeField> operator[](Slice<TypeField> s) const { return cut(type_fields, s); }
  std::span<const ModelItem> operator[](Slice<ModelItem> s) const { return cut(items, s); }
  std::span<const TrainEntry> operator[](Slice<TrainEntry> s) const { return cut(entries, s); }
  std::span<const Comment> operator[](Slice<Comment> s) const { return cut(comments, s); }
  std::span<const ExprId> operator[](Slice<ExprId> s) const { return cut(expr_lists, s); }
  std::span<const StmtId> operator[](Slice<StmtId> s) const { return cut(stmt_lists, s); }
  std::span<const PatternId> operator[](Slice<PatternId> s) const { return cut(pattern_lists, s); }

  /// `id` without any parentheses around it.
  ExprId strip_parens(ExprId id) const {
    while (id && (*this)[id].kind == ExprKind::paren) id = (*this)[id].a;
    return id;
  }
  /// The nodes of the chain `((x + b) + c) + d` that ends in `id`, innermost first: x, x+b, x+b+c, …
  /// (just {id} if it is not `binary`). Visit them in this order and no recursion on field `a` is needed.
  std::vector<ExprId> left_spine(ExprId id) const {
    std::vector<ExprId> chain{id};
    while ((*this)[chain.back()].kind == ExprKind::binary) chain.push_back((*this)[chain.back()].a);
    return {chain.rbegin(), chain.rend()};
  }

 private:
  template <class T>
  static std::span<const T> cut(const std::vector<T>& table, Slice<T> s) {
    return {table.data() + s.first, static_cast<size_t>(s.count)};
  }
};

}  // namespace dlc
