// Expressions: precedence climbing for the binary operators, then prefix, power, postfix and primary forms.
#include <fmt/format.h>

#include <utility>

#include "syntax/grammar.h"

namespace dlc {

using TK = TokenKind;

namespace {

// Levels of the binary operators, from the weakest; `not` sits between `and` and the comparisons.
constexpr int kNot = 3, kComparison = 4;

struct BinaryOp {
  SyntaxOp op = SyntaxOp::none;
  int level = 0;  // 0: not a binary operator
};

BinaryOp binary_op(TK kind) {
  switch (kind) {
    case TK::kw_or: return {SyntaxOp::or_, 1};
    case TK::kw_and: return {SyntaxOp::and_, 2};
    case TK::eq: return {SyntaxOp::eq, kComparison};
    case TK::ne: return {SyntaxOp::ne, kComparison};
    case TK::lt: return {SyntaxOp::lt, kComparison};
    case TK::le: return {SyntaxOp::le, kComparison};
    case TK::gt: return {SyntaxOp::gt, kComparison};
    case TK::ge: return {SyntaxOp::ge, kComparison};
    case TK::plus: return {SyntaxOp::add, 5};
    case TK::minus: return {SyntaxOp::sub, 5};
    case TK::star: return {SyntaxOp::mul, 6};
    case TK::slash: return {SyntaxOp::div, 6};
    case TK::percent: return {SyntaxOp::mod, 6};
    case TK::at: return {SyntaxOp::matmul, 6};
    default: return {};
  }
}

}  // namespace

ExprId Parser::add(Expr e) {
  ast_.exprs.push_back(e);
  return ExprId{static_cast<int32_t>(ast_.exprs.size()) - 1};
}

ExprId Parser::error_expr() { return add({.kind = ExprKind::error, .span = span_of(peek())}); }

ExprId Parser::binary(int level) {
  ExprId left = operand(level);
  bool compared = false;
  while (!panic_) {
    const BinaryOp next = binary_op(peek().kind);
    if (next.level == 0 || next.level < level) break;
    const Token op = take();
    const ExprId right = binary(next.level + 1);
    if (next.level == kComparison && compared)
      report(syntax_error("chained-comparison"), span_of(op), "comparisons do not chain")
          .label(ast_[left].mark, "the first comparison")
          .help("write `a < b and b < c`");
    compared = next.level == kComparison;
    left = add({.kind = ExprKind::binary,
                .op = next.op,
                .span = join(span(left), span(right)),
                .mark = span_of(op),
                .a = left,
                .b = right});
  }
  return left;
}

/// What stands left or right of an operator of this level: a prefix form.
ExprId Parser::operand(int level) {
  if (!at(TK::kw_not)) return unary();
  const Token op = peek();
  if (level > kNot)
    report(syntax_error("misplaced-not"), span_of(op), "`not` binds weaker than the operator before it")
        .help("put `(not …)` in parentheses");
  const Nest nest(*this);
  if (!nest.ok) return error_expr();
  take();
  const ExprId inside = at(TK::kw_not) ? operand(kNot) : binary(kComparison);
  return add({.kind = ExprKind::unary,
              .op = SyntaxOp::not_,
              .span = join(span_of(op), span(inside)),
              .mark = span_of(op),
              .a = inside});
}

ExprId Parser::unary() {
  if (!at(TK::minus)) return power();
  const Token op = peek();
  const Nest nest(*this);
  if (!nest.ok) return error_expr();
  take();
  const ExprId inside = unary();
  return add({.kind = ExprKind::unary,
              .op = SyntaxOp::neg,
              .span = join(span_of(op), span(inside)),
              .mark = span_of(op),
              .a = inside});
}

ExprId Parser::power() {
  const ExprId base = postfix();
  if (panic_ || !at(TK::caret)) return base;
  const Token op = peek();
  const Nest nest(*this);
  if (!nest.ok) return base;
  take();
  const ExprId exponent = at(TK::kw_not) ? operand(kComparison) : unary();
  return add({.kind = ExprKind::binary,
              .op = SyntaxOp::pow,
              .span = join(span(base), span(exponent)),
              .mark = span_of(op),
              .a = base,
              .b = exponent});
}

ExprId Parser::postfix() {
  ExprId e = primary();
  const int depth = depth_;
  while (!panic_) {
    const Token t = peek();
    const bool call = t.kind == TK::left_paren, index = t.kind == TK::left_square;
    if (!call && !index && t.kind != TK::dot) break;
    const TK before = previous().kind;
    if (t.kind == TK::dot && before == TK::number) {
      e = number_with_point(e);
      continue;
    }
    const bool can_follow = before == TK::name || before == TK::right_paren || before == TK::right_square;
    if (!t.touches || !can_follow) {
      // On a line of its own a bracket begins something new; a dot cannot.
      if (t.kind != TK::dot && (t.starts_line || !can_follow)) break;
      report(syntax_error("must-touch"), span_of(t), fmt::format("`{}` must touch what it follows", spelling(t.kind)))
          .label(span_of(previous()), call    ? "called"
                                      : index ? "indexed"
                                              : "")
          .help("remove the white space");
    }
    if (too_deep()) continue;
    ++depth_;
    if (t.kind != TK::dot) {
      e = bracketed(call ? ExprKind::call : ExprKind::index, call ? ListKind::call : ListKind::index, e);
      continue;
    }
    take();
    const Name name = expect_name("a field's name");
    e = add({.kind = ExprKind::field, .name = name.id, .span = join(span(e), name.span), .mark = name.span, .a = e});
  }
  depth_ = depth;
  return e;
}

/// `1.` or `1.e5`: the point of a number with no digit behind it.
ExprId Parser::number_with_point(ExprId number) {
  const Token dot = take();
  if (at(TK::name) && peek().touches) take();
  const Span all = {ast_.file, span(number).begin, previous().end};
  report(syntax_error("bad-number"), all, "a point needs digits behind it")
      .help(fmt::format("write `{}.0{}`", sources_.text(span(number)),
                        sources_.text({ast_.file, dot.end, previous().end})));
  return number;
}

/// The `(…)` of a call or the `[…]` of an index, or an array, with its elements.
ExprId Parser::bracketed(ExprKind kind, ListKind list, ExprId base) {
  const Token first = peek();
  open();
  const Slice<Arg> args = arguments(list, list == ListKind::call ? TK::right_paren : TK::right_square);
  const Span mark = span_from(first);
  return add({.kind = kind, .span = base ? join(span(base), mark) : mark, .mark = mark, .a = base, .args = args});
}

ExprId Parser::expected_expression() {
  const Token t = peek();
  const TK before = previous().kind;
  Diagnostic& d = expected(syntax_error("expected-expression"), "an expression");
  if (t.kind == TK::plus)
    d.help("there is no prefix `+`");
  else if (t.kind == TK::colon)
    d.help("a slice is written `1..3`");
  else if (t.kind == TK::left_brace)
    d.help("a block stands only after `if`, `else`, a loop's head or a function's");
  else if (before == TK::comma && (t.kind == TK::right_paren || t.kind == TK::right_square))
    d.help("remove the comma");
  return error_expr();
}

ExprId Parser::primary() {
  if (panic_) return error_expr();
  const Token t = peek();
  switch (t.kind) {
    case TK::bytes:
      report(syntax_error("bytes-outside-attribute"), span_of(t), "an amount of memory stands only in `@memory(…)`");
      [[fallthrough]];
    case TK::number: take(); return add({.kind = ExprKind::number, .span = span_of(t), .number = NumberId{t.payload}});
    case TK::string: take(); return add({.kind = ExprKind::string, .name = t.text(), .span = span_of(t)});
    case TK::name: take(); return add({.kind = ExprKind::name, .name = t.text(), .span = span_of(t)});
    case TK::kw_true:
    case TK::kw_false:
      take();
      return add({.kind = ExprKind::boolean, .flag = t.kind == TK::kw_true, .span = span_of(t)});
    case TK::kw_fn:
      // A declaration on the next line: the expression above it is unfinished.
      if (t.starts_line && peek(1).kind == TK::name) return expected_expression();
      break;
    case TK::left_paren:
    case TK::left_square:
    case TK::kw_if: break;
    default: return expected_expression();
  }
  const Nest nest(*this);
  if (!nest.ok) return error_expr();
  if (t.kind == TK::left_paren) return paren_or_tuple();
  if (t.kind == TK::left_square) return bracketed(ExprKind::array, ListKind::array, {});
  return t.kind == TK::kw_if ? if_expression() : anonymous_function();
}

ExprId Parser::paren_or_tuple() {
  const Token first = peek();
  open();
  const Slice<Arg> args = arguments(ListKind::tuple, TK::right_paren);
  const Span all = span_from(first);
  if (args.count == 1 && ast_[args][0].kind == ArgKind::value)
    return add({.kind = ExprKind::paren, .span = all, .a = ast_[args][0].value});
  return add({.kind = args.empty() ? ExprKind::error : ExprKind::tuple, .span = all, .args = args});
}

ExprId Parser::anonymous_function() {
  const Token first = take();
  if (at(TK::name)) {
    report(syntax_error("expected-token"), span_of(peek()),
           fmt::format("a function in an expression has no name, found {}", shown(peek())))
        .help("write `fn(x) = …`, or declare it on a line of its own");
    take();
  }
  Fn fn;
  function_rest(fn, first);
  ast_.fns.push_back(fn);
  return add({.kind = ExprKind::function, .span = fn.span, .fn = FnId{static_cast<int32_t>(ast_.fns.size()) - 1}});
}

/// An `if` whose value is wanted.
ExprId Parser::if_expression() {
  const size_t errors = n_errors();
  const Place outer = std::exchange(place_, Place::expression);
  const ExprId e = if_chain(false);
  place_ = outer;
  if (!panic_ && n_errors() == errors) require_value(e, false);
  return e;
}

/// "if" expr block ["else" (if | block)], for both kinds of `if`; the blocks are parsed in the current place.
ExprId Parser::if_chain(bool is_statement) {
  const Token first = take();
  const ExprId condition = expression();
  recover_to_body();
  const ExprId then = block(place_);
  ExprId otherwise;
  if (accept(TK::kw_else)) {
    const Nest nest(*this);
    if (nest.ok)
      otherwise = at(TK::kw_if) ? if_chain(is_statement) : block(place_);
    else
      otherwise = error_expr();
  }
  return add({.kind = ExprKind::if_,
              .span = span_from(first),
              .mark = span_of(first),
              .a = condition,
              .b = then,
              .c = otherwise});
}

// ------------------------------------------------------------------------------------------- lists and ranges

/// The elements and the closing bracket; the opening one has been taken by open().
Slice<Arg> Parser::arguments(ListKind kind, TK closer) {
  std::vector<Arg> list;
  const bool may_be_empty = kind != ListKind::tuple;
  if (!at(closer) || !may_be_empty) {
    do {
      if (at(closer) && !list.empty()) {
        report(syntax_error("expected-expression"), span_of(peek()),
               fmt::format("expected an expression, found {}", shown(peek())))
            .help("remove the comma");
        break;
      }
      list.push_back(argument(kind));
    } while (accept(TK::comma));
  }
  close(closer);
  return store(ast_.args, list);
}

Arg Parser::named_argument(bool may_be_range) {
  const Token first = peek();
  Arg arg{.kind = ArgKind::named, .name = {}, .value = {}, .span = {}};
  if (reads_labels_ && first.kind == TK::string) take(), arg.name = {first.text(), span_of(first)};
  else arg.name = expect_name("a name");
  expect(TK::assign);
  arg.value = may_be_range ? range_or_value() : expression();
  arg.span = span_from(first);
  return arg;
}

Arg Parser::argument(ListKind kind) {
  const Token first = peek();
  const bool is_index = kind == ListKind::index;
  const bool is_label = reads_labels_ && kind == ListKind::call && first.kind == TK::string;
  if ((first.kind == TK::name || is_label) && peek(1).kind == TK::assign && kind != ListKind::array)
    return named_argument(kind == ListKind::call);
  Arg arg;
  if (is_index && first.kind == TK::name && peek(1).kind == TK::kw_in) {
    arg.kind = ArgKind::binder;
    arg.name = expect_name("an index");
    take();
    arg.value = range();
  } else if (is_index && accept(TK::colon)) {
    arg.kind = ArgKind::all;
  } else if (is_index && at(TK::dot_dot)) {
    arg.value = range_after({}, first, true);
  } else {
    arg.value = expression();
    if (kind != ListKind::tuple && kind != ListKind::array && !panic_ && at(TK::dot_dot))
      arg.value = range_after(arg.value, first, is_index);
  }
  arg.span = span_from(first);
  return arg;
}

ExprId Parser::range_or_value() {
  const Token first = peek();
  const ExprId low = expression();
  return !panic_ && at(TK::dot_dot) ? range_after(low, first, false) : low;
}

/// A range that must be one: of a loop or a binder.
ExprId Parser::range() {
  const Token first = peek();
  const ExprId low = expression();
  if (panic_) return low;
  if (at(TK::dot_dot)) return range_after(low, first, false);
  const bool is_body = at(TK::left_brace);
  if (is_body || !unexpected_after_expression()) {
    Diagnostic& d = expected(syntax_error("expected-token"), "`..`");
    if (is_body) d.help(fmt::format("a loop runs over a range, `0..{}`", sources_.text(span(low)).substr(0, 40)));
  }
  return low;
}

/// `step` is a name like any other; it belongs to a range if something to step by follows.
bool Parser::at_step() const {
  if (!at_word(step_)) return false;
  const Token& next = peek(1);
  return next.kind == TK::minus || (starts_operand(next) && !next.touches);
}

ExprId Parser::range_after(ExprId low, const Token& first, bool open_ended) {
  const Token dots = take();
  ExprId high, step;
  const bool ends = at(TK::comma) || at(TK::right_square) || (at_step() && peek(1).kind != TK::minus);
  if (!open_ended || !ends) high = expression();
  if (!panic_ && at_step()) {
    take();
    step = expression();
  }
  return add(
      {.kind = ExprKind::range, .span = span_from(first), .mark = span_of(dots), .a = low, .b = high, .c = step});
}

}  // namespace dlc
