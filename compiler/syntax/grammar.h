// The recursive-descent parser behind parser.h: one method per rule of the grammar in docs/language.md.
//
// Errors. `fail` reports and turns on *panic*: until a recovery point clears it, nothing is consumed on purpose and
// no further message is kept, so one cause gives one error. Recovery points are a list's closing bracket (`close`),
// the next statement, the next item of a model or train block, and the next declaration. `report` is for slips that
// leave the parser knowing where it is; it does not panic.
//
// Nesting is counted (`Nest`), never left to the machine's stack; chains of operators are loops.
//
// White space matters in three places only, all asked of the token: `touches` (calls, subscripts, fields),
// `starts_line` (the value of a block, and recovery).
#pragma once
#include <set>
#include <string>
#include <vector>

#include "syntax/errors.h"
#include "syntax/parser.h"
#include "syntax/token.h"

namespace dlc {

class Parser {
 public:
  Parser(Ast& ast, std::vector<Token> tokens, const Sources& sources, Interner& names, Diagnostics& diagnostics);
  void file();             // a whole file, into ast.decls
  void expression_file();  // one expression, into ast.root

 private:
  // Where statements stand: decides whether `return` and `break` may.
  enum class Place : uint8_t { expression, function, loop };
  // What a list between brackets may hold.
  enum class ListKind : uint8_t { call, index, tuple, array };
  class Nest;

  // recovery.cpp: tokens, messages, recovery
  const Token& peek(size_t ahead = 0) const;
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at_word(StrId word) const { return at(TokenKind::name) && peek().text() == word; }
  const Token& previous() const;
  Token take();
  bool accept(TokenKind kind);
  Span span_of(const Token& t) const { return {ast_.file, t.begin, t.end}; }
  Span span_from(const Token& first) const;  // from `first` to the last token taken
  std::string shown(const Token& t) const;
  bool starts_operand(const Token& t) const;
  Diagnostic& report(const DiagnosticKind& kind, Span span, std::string message);
  Diagnostic& fail(const DiagnosticKind& kind, std::string message);  // at the current token
  Diagnostic& expected(const DiagnosticKind& kind, const char* what);
  bool expect(TokenKind kind);
  bool unexpected_after_expression();  // `=` for `==`, a missing operator: better words than "expected …"
  Name expect_name(const char* what);
  void open();
  void close(TokenKind closer);
  void recover_to(TokenKind closer);
  void recover_to_body();
  void skip_balanced();
  bool too_deep();
  void skip_from(size_t start);
  void sync_statement(size_t start);
  void sync_item(size_t start);
  void sync_declaration();
  bool at_declaration_in_column_one() const;
  bool in_column_one() const;
  bool starts_declaration() const;
  bool at_declaration_word() const;
  size_t n_errors() const { return diagnostics_.n_errors(); }

  // expressions.cpp
  ExprId expression() { return binary(1); }
  ExprId binary(int level);
  ExprId operand(int level);
  ExprId unary();
  ExprId power();
  ExprId postfix();
  ExprId primary();
  ExprId number_with_point(ExprId number);
  ExprId bracketed(ExprKind kind, ListKind list, ExprId base);
  ExprId paren_or_tuple();
  ExprId anonymous_function();
  ExprId if_expression();
  ExprId if_chain(bool is_statement);
  ExprId expected_expression();
  Slice<Arg> arguments(ListKind kind, TokenKind closer);
  Arg argument(ListKind kind);
  Arg named_argument(bool may_be_range);
  ExprId range_or_value();
  ExprId range();
  ExprId range_after(ExprId low, const Token& first, bool open_ended);
  bool at_step() const;
  ExprId error_expr();
  ExprId add(Expr e);
  Span span(ExprId id) const { return ast_[id].span; }

  // statements.cpp
  ExprId block(Place place);
  void block_item(std::vector<StmtId>& stmts, ExprId& value);
  bool at_statement() const;
  void push_statement(std::vector<StmtId>& stmts, Stmt s, const Token& first);
  void drop_value(ExprId& value);
  void if_in_block(std::vector<StmtId>& stmts, ExprId& value);
  Stmt statement();
  Stmt let_statement();
  Stmt var_statement();
  Stmt for_statement();
  Stmt while_statement();
  Stmt return_statement();
  Stmt break_statement();
  Stmt update_statement();
  Stmt assignment(ExprId target);
  void check_target(ExprId target);
  Slice<Binder> binders();
  Slice<Attribute> attributes();
  PatternId pattern();
  void no_value(ExprId block);
  bool gives_value(ExprId id, bool in_function) const;
  void require_value(ExprId id, bool in_function);
  void report_no_value(const Expr& block);
  bool has_value_branch(ExprId if_id) const;

  // declarations.cpp
  void declaration();
  bool has_lexical_error(size_t n, size_t begin) const;
  void lose(size_t begin, size_t first_decl);
  void const_declaration(Decl& d);
  void struct_declaration(Decl& d);
  void model_declaration(Decl& d);
  void train_declaration(Decl& d);
  void export_declaration(Decl& d);
  void derivative_declaration(Decl& d);
  ModelItem model_item();
  TrainEntry train_entry();
  Slice<Arg> entry_fields();
  void data_entry(TrainEntry& entry);
  FnId function(bool is_loss);
  void function_rest(Fn& fn, const Token& first);
  Slice<Name> size_names();
  Slice<Param> parameters();
  Slice<Arg> optional_index();
  TypeExprId type();
  TypeExprId type_tuple();
  TypeExprId type_function();
  TypeExprId type_named();
  Slice<TypeField> type_fields();
  Slice<Comment> doc_before(const Token& t) const;

  template <class T>
  static Slice<T> store(std::vector<T>& table, const std::vector<T>& list) {
    const Slice<T> slice{static_cast<int32_t>(table.size()), static_cast<int32_t>(list.size())};
    table.insert(table.end(), list.begin(), list.end());
    return slice;
  }
  StrId word(std::string_view text) { return names_.intern(text); }

  Ast& ast_;
  const std::vector<Token> tokens_;
  const Sources& sources_;
  Interner& names_;
  Diagnostics& diagnostics_;
  // Words that mean something in certain places only.
  const StrId const_ = word("const"), struct_ = word("struct"), model_ = word("model"), train_ = word("train"),
              export_ = word("export"), derivative_ = word("derivative"), jvp_ = word("jvp"), param_ = word("param"),
              state_ = word("state"), layer_ = word("layer"), loss_ = word("loss"), update_ = word("update"),
              step_ = word("step"), best_ = word("best"), last_ = word("last");

  size_t pos_ = 0;
  size_t last_failure_ = static_cast<size_t>(-1);  // position of the last `fail`
  int depth_ = 0;
  bool panic_ = false;
  bool reads_labels_ = false;  // in the fields of `data`: the name of an argument may stand in quotes
  bool told_too_deep_ = false;
  std::set<TokenKind> misused_words_;  // reserved words that stood for names
  Place place_ = Place::expression;
  std::vector<size_t> open_;  // positions of the brackets that are open here
  Diagnostic ignored_;        // where messages go during panic
};

/// Counts one level of nesting while it lives. If that is one too many, `ok` is false, the error has been told,
/// and what would have been nested is skipped.
class Parser::Nest {
 public:
  explicit Nest(Parser& parser) : ok(!parser.too_deep()), parser_(parser) { ++parser_.depth_; }
  ~Nest() { --parser_.depth_; }
  Nest(const Nest&) = delete;
  Nest& operator=(const Nest&) = delete;
  const bool ok;

 private:
  Parser& parser_;
};

}  // namespace dlc
