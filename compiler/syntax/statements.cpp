// Blocks and statements, and the rules about values, `return` and `break` that the shape of a block decides.
#include <fmt/format.h>

#include <utility>

#include "syntax/grammar.h"

namespace dlc {

using TK = TokenKind;

namespace {
bool is_assignment(TK k) {
  return k == TK::assign || k == TK::plus_assign || k == TK::minus_assign || k == TK::star_assign ||
         k == TK::slash_assign;
}
SyntaxOp assignment_op(TK k) {
  switch (k) {
    case TK::plus_assign: return SyntaxOp::add;
    case TK::minus_assign: return SyntaxOp::sub;
    case TK::star_assign: return SyntaxOp::mul;
    case TK::slash_assign: return SyntaxOp::div;
    default: return SyntaxOp::none;
  }
}
}  // namespace

// ----------------------------------------------------------------------------------------------------- blocks

ExprId Parser::block(Place place) {
  if (panic_ || !at(TK::left_brace)) {
    expect(TK::left_brace);
    return error_expr();
  }
  const Nest nest(*this);
  if (!nest.ok) return error_expr();
  const Token opener = peek();
  const Place outer = std::exchange(place_, place);
  open();
  std::vector<StmtId> stmts;
  ExprId value;
  while (!at(TK::end) && !at(TK::right_brace) && !at_declaration_in_column_one()) {
    const size_t before = pos_;
    if (!accept(TK::semicolon)) block_item(stmts, value);
    sync_statement(before);
  }
  place_ = outer;
  if (at_declaration_in_column_one())
    fail(syntax_error("unclosed-bracket"), fmt::format("expected `}}`, found {}", shown(peek())))
        .label(span_of(opener), "opened here");
  close(TK::right_brace);
  return add({.kind = ExprKind::block, .span = span_from(opener), .a = value, .stmts = store(ast_.stmt_lists, stmts)});
}

/// Whether what follows is a statement by its first words; an assignment is found out only after its left side.
bool Parser::at_statement() const {
  switch (peek().kind) {
    case TK::kw_let:
    case TK::kw_var:
    case TK::kw_for:
    case TK::kw_while:
    case TK::kw_return:
    case TK::kw_break: return true;
    case TK::kw_fn: return peek(1).kind == TK::name;
    default: return at_word(update_) && peek(1).kind == TK::name && peek(2).kind == TK::assign;
  }
}

/// One statement, or the value. A value that is followed by anything turns out to be none: it is reported then.
void Parser::block_item(std::vector<StmtId>& stmts, ExprId& value) {
  drop_value(value);
  const Token first = peek(), before = previous();
  if (first.kind == TK::kw_if) return if_in_block(stmts, value);
  if (at_statement()) return push_statement(stmts, statement(), first);
  if (!starts_operand(first) && first.kind != TK::minus && first.kind != TK::kw_not) {
    Diagnostic& d = expected(syntax_error("expected-statement"), "a statement or a value");
    if (!stmts.empty() && ast_[stmts.back()].kind == StmtKind::if_)
      d.help("an `if` that begins a statement is not continued: put it in parentheses, or write `let v = if …`");
    return;
  }
  const ExprId e = expression();
  if (!panic_ && is_assignment(peek().kind)) return push_statement(stmts, assignment(e), first);
  value = e;
  if (!panic_ && !first.starts_line && before.kind != TK::semicolon && before.kind != TK::left_brace) {
    report(syntax_error("juxtaposed-operands"), span(e), "a value does not begin in the middle of a line")
        .label(span_of(before), "something else ends here")
        .help("begin a new line, or write an operator");
    value = error_expr();
  }
}

void Parser::push_statement(std::vector<StmtId>& stmts, Stmt s, const Token& first) {
  s.span = span_from(first);
  ast_.stmts.push_back(s);
  stmts.push_back(StmtId{static_cast<int32_t>(ast_.stmts.size()) - 1});
}

void Parser::drop_value(ExprId& value) {
  if (!value) return;
  const Expr& e = ast_[value];
  if (e.kind != ExprKind::error) {
    Diagnostic& d = report(syntax_error("unused-value"), e.span, "nothing uses this value");
    if (e.kind == ExprKind::binary && e.op == SyntaxOp::eq)
      d.help("to assign, write `=`");
    else
      d.help("give it a name with `let`, or remove it; only the last expression of a block is its value");
  }
  value = {};
}

/// An `if` at the beginning of a statement. It is the block's value if it is the last thing there, has an `else`,
/// and some branch of it has a value; else a statement, and none of its blocks may have one.
void Parser::if_in_block(std::vector<StmtId>& stmts, ExprId& value) {
  const Token first = peek();
  const size_t errors = n_errors();
  const ExprId e = if_chain(true);
  if (panic_) return;
  size_t ahead = 0;
  while (peek(ahead).kind == TK::semicolon) ++ahead;
  bool has_else = true;
  for (ExprId i = e; has_else && ast_[i].kind == ExprKind::if_; i = ast_[i].c) has_else = static_cast<bool>(ast_[i].c);
  if (peek(ahead).kind == TK::right_brace && has_else && has_value_branch(e)) {
    value = e;
    return;
  }
  const bool continued = (peek().kind >= TK::eq && peek().kind <= TK::caret) || at(TK::kw_and) || at(TK::kw_or);
  if (n_errors() == errors && !continued)  // else that is what will be reported
    for (ExprId i = e; i;) {
      const Expr part = ast_[i];
      no_value(part.kind == ExprKind::if_ ? part.b : i);
      i = part.kind == ExprKind::if_ ? part.c : ExprId{};
    }
  push_statement(stmts, {.kind = StmtKind::if_, .value = e, .mark = span_of(first)}, first);
}

bool Parser::has_value_branch(ExprId if_id) const {
  for (ExprId i = if_id; i;) {
    const Expr& e = ast_[i];
    const Expr& branch = e.kind == ExprKind::if_ ? ast_[e.b] : e;
    if (branch.a) return true;
    i = e.kind == ExprKind::if_ ? e.c : ExprId{};
  }
  return false;
}

/// For the blocks of loops and statement `if`s.
void Parser::no_value(ExprId block) {
  const Expr& e = ast_[block];
  if (e.kind != ExprKind::block || !e.a) return;
  Diagnostic& d = report(syntax_error("unused-value"), span(e.a), "nothing uses this value");
  if (ast_[e.a].kind == ExprKind::name && names_[ast_[e.a].name] == "continue")
    d.help("there is no `continue`: put what it would skip under an `if`");
  else if (place_ == Place::function)
    d.help("write `return …`, or give the `if` an `else` and let it be the last thing in the block");
  else
    d.help("assign it to a `var`, or remove it");
}

bool Parser::gives_value(ExprId id, bool in_function) const {
  const Expr& e = ast_[id];
  if (e.kind == ExprKind::if_) return e.c && gives_value(e.b, in_function) && gives_value(e.c, in_function);
  if (e.kind != ExprKind::block) return true;
  if (e.a) return ast_[e.a].kind != ExprKind::if_ || gives_value(e.a, in_function);
  if (!in_function || e.stmts.empty()) return false;
  const Stmt& last = ast_[ast_[e.stmts].back()];
  return last.kind == StmtKind::return_ || (last.kind == StmtKind::if_ && gives_value(last.value, true));
}

/// Reports the innermost block that ought to have a value and has none. `id`: a block or an `if`.
void Parser::require_value(ExprId id, bool in_function) {
  if (gives_value(id, in_function)) return;
  const Expr& e = ast_[id];
  if (e.kind == ExprKind::block) {
    if (e.a) return require_value(e.a, in_function);
    return report_no_value(e);
  }
  if (!e.c) {
    report(syntax_error("if-needs-else"), e.mark, "an `if` that is used as a value needs an `else`");
    return;
  }
  require_value(gives_value(e.b, in_function) ? e.c : e.b, in_function);
}

void Parser::report_no_value(const Expr& block) {
  const Span brace{ast_.file, block.span.end - 1, block.span.end};
  Diagnostic& d = report(syntax_error("block-has-no-value"), brace, "this block ends without a value");
  d.help("end it with an expression on a line of its own, or with `return …`");
  if (block.stmts.empty()) return;
  // A line that starts with an operator continues the line above: was the last line meant as the value?
  const Stmt& last = ast_[ast_[block.stmts].back()];
  if (last.kind != StmtKind::let && last.kind != StmtKind::var && last.kind != StmtKind::assign) return;
  const std::string& text = sources_[ast_.file].text;
  for (ExprId e = last.value; e && ast_[e].kind == ExprKind::binary; e = ast_[e].a) {
    const Span op = ast_[e].mark;
    const size_t line = text.find_last_of('\n', static_cast<size_t>(op.begin)) + 1;
    if (text.find_first_not_of(" \t\r", line) != static_cast<size_t>(op.begin)) continue;
    d.label(op, "this continues the line above").help(fmt::format("write `return {}…`", sources_.text(op)));
    return;
  }
}

// ------------------------------------------------------------------------------------------------- statements

Stmt Parser::statement() {
  switch (peek().kind) {
    case TK::kw_let: return let_statement();
    case TK::kw_var: return var_statement();
    case TK::kw_for: return for_statement();
    case TK::kw_while: return while_statement();
    case TK::kw_return: return return_statement();
    case TK::kw_break: return break_statement();
    case TK::kw_fn: {
      const Span mark = span_of(peek());
      return {.kind = StmtKind::fn, .fn = function(false), .mark = mark};
    }
    default: return update_statement();
  }
}

Stmt Parser::let_statement() {
  const size_t errors = n_errors();
  const Token first = take();
  Stmt s{.kind = StmtKind::let, .mark = span_of(first)};
  if (at(TK::name) && peek(1).kind == TK::left_square && !peek(1).starts_line) {
    s.kind = StmtKind::let_index;
    s.name = expect_name("a name");
    s.binders = binders();
  } else {
    s.pattern = pattern();
    if (!panic_ && at(TK::left_paren) && peek().touches) {
      expected(syntax_error("expected-token"), "`=`").help("a function is declared with `fn f(x) = …`");
      return s;
    }
  }
  if (accept(TK::colon)) s.type = type();
  const bool ends = at(TK::semicolon) || at(TK::right_brace) || at(TK::end) || peek().starts_line;
  if (n_errors() != errors && !at(TK::assign)) panic_ = true;  // the name was no name: enough said
  if (!panic_ && !at(TK::assign) && ends && n_errors() == errors)
    report(syntax_error("let-has-no-value"), span_from(first), "`let` needs a value")
        .help("write `= …`; a variable that is set later is `var v: T`");
  else if (expect(TK::assign))
    s.value = expression();
  if (!s.value) s.value = error_expr();
  return s;
}

Stmt Parser::var_statement() {
  const Token first = take();
  Stmt s{.kind = StmtKind::var, .pattern = pattern(), .mark = span_of(first)};
  if (accept(TK::colon)) s.type = type();
  if (accept(TK::assign))
    s.value = expression();
  else if (!s.type && !panic_)
    expected(syntax_error("expected-token"), "`=` or `:` and a type");
  return s;
}

/// name, or (name, …) to take a tuple apart
PatternId Parser::pattern() {
  Pattern p;
  const Token first = peek();
  if (first.kind == TK::left_paren) {
    const Nest nest(*this);
    if (nest.ok) {
      std::vector<PatternId> parts;
      open();
      do parts.push_back(pattern());
      while (accept(TK::comma));
      close(TK::right_paren);
      p.parts = store(ast_.pattern_lists, parts);
    }
  } else {
    p.name = expect_name("a name");
  }
  p.span = span_from(first);
  ast_.patterns.push_back(p);
  return PatternId{static_cast<int32_t>(ast_.patterns.size()) - 1};
}

/// The `[i, j in 0..n]` of an indexed `let`.
Slice<Binder> Parser::binders() {
  if (!peek().touches)
    report(syntax_error("must-touch"), span_of(peek()), "`[` must touch what it follows")
        .help("remove the white space");
  std::vector<Binder> list;
  open();
  do {
    Binder b{.name = expect_name("an index"), .range = {}};
    if (accept(TK::kw_in)) b.range = range();
    list.push_back(b);
  } while (accept(TK::comma));
  close(TK::right_square);
  return store(ast_.binders, list);
}

Slice<Attribute> Parser::attributes() {
  std::vector<Attribute> list;
  while (!panic_ && peek().kind >= TK::at_max_iters && peek().kind <= TK::at_memory) {
    const Token first = peek();
    Attribute a{.kind = AttributeKind::max_iters, .value = {}, .span = {}};
    if (first.kind == TK::at_checkpoint) a.kind = AttributeKind::checkpoint;
    if (first.kind == TK::at_memory) a.kind = AttributeKind::memory;
    open();
    const Token t = peek();
    if (accept(TK::bytes))
      a.value = add({.kind = ExprKind::bytes, .span = span_of(t), .number = NumberId{t.payload}});
    else
      a.value = expression();
    close(TK::right_paren);
    a.span = span_from(first);
    list.push_back(a);
  }
  return store(ast_.attributes, list);
}

Stmt Parser::for_statement() {
  Stmt s{.kind = StmtKind::for_, .mark = span_of(take())};
  s.pattern = pattern();
  if (expect(TK::kw_in))
    s.value = range();
  else
    s.value = error_expr();
  s.attributes = attributes();
  recover_to_body();
  s.body = block(Place::loop);
  no_value(s.body);
  return s;
}

Stmt Parser::while_statement() {
  Stmt s{.kind = StmtKind::while_, .mark = span_of(take())};
  s.value = expression();
  s.attributes = attributes();
  recover_to_body();
  s.body = block(Place::loop);
  no_value(s.body);
  return s;
}

Stmt Parser::return_statement() {
  const Token first = take();
  if (place_ == Place::loop)
    report(syntax_error("return-in-loop"), span_of(first), "`return` may not stand in a loop")
        .help("set a `var` and leave the loop with `break`");
  if (place_ == Place::expression)
    report(syntax_error("return-in-expression"), span_of(first), "`return` may not stand inside an expression")
        .help("let the block end with the value itself");
  return {.kind = StmtKind::return_, .value = expression(), .mark = span_of(first)};
}

Stmt Parser::break_statement() {
  const Token first = take();
  if (place_ != Place::loop)
    report(syntax_error("break-outside-loop"), span_of(first),
           place_ == Place::function ? "`break` stands in no loop" : "`break` may not stand inside an expression");
  return {.kind = StmtKind::break_, .mark = span_of(first)};
}

Stmt Parser::update_statement() {
  Stmt s{.kind = StmtKind::update, .mark = span_of(take())};
  s.name = expect_name("a state's name");
  if (expect(TK::assign)) s.value = expression();
  return s;
}

Stmt Parser::assignment(ExprId target) {
  const Token op = take();
  check_target(target);
  return {.kind = StmtKind::assign,
          .op = assignment_op(op.kind),
          .target = target,
          .value = expression(),
          .mark = span_of(op)};
}

void Parser::check_target(ExprId target) {
  const Expr e = ast_[target];
  switch (e.kind) {
    case ExprKind::error:
    case ExprKind::name: return;
    case ExprKind::paren:
    case ExprKind::field: return check_target(e.a);
    case ExprKind::index: {
      for (const Arg& arg : ast_[e.args])
        if (arg.kind == ArgKind::binder || arg.kind == ArgKind::named) {
          report(syntax_error("not-assignable"), arg.span, "a subscript on the left of `=` binds nothing")
              .help("to build an array, write `let v[i in 0..n] = …`");
          return;
        }
      return check_target(e.a);
    }
    case ExprKind::tuple:
      for (const Arg& arg : ast_[e.args])
        if (arg.kind == ArgKind::value)
          check_target(arg.value);
        else
          report(syntax_error("not-assignable"), arg.span, "the parts of a tuple on the left of `=` have no names");
      return;
    default: break;
  }
  Diagnostic& d = report(syntax_error("not-assignable"), e.span, "this cannot be assigned to");
  if (e.kind == ExprKind::call)
    d.help("a function is declared with `fn f(x) = …`");
  else if (e.kind == ExprKind::binary)
    d.help("to compare, write `==`");
}

}  // namespace dlc
