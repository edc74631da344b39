// Declarations, the insides of models and train blocks, functions and types.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "syntax/grammar.h"

namespace dlc {

using TK = TokenKind;

namespace {
struct EntryWord {
  std::string_view text;
  EntryKind kind;
};
constexpr EntryWord kEntries[] = {{"data", EntryKind::data},           {"split", EntryKind::split},
                                  {"stop", EntryKind::stop},           {"normalize", EntryKind::normalize},
                                  {"clip", EntryKind::clip},           {"objective", EntryKind::objective},
                                  {"optimizer", EntryKind::optimizer}, {"schedule", EntryKind::schedule},
                                  {"batch", EntryKind::batch},         {"accumulate", EntryKind::accumulate},
                                  {"epochs", EntryKind::epochs},       {"seed", EntryKind::seed},
                                  {"metrics", EntryKind::metrics},     {"save", EntryKind::save}};
constexpr std::string_view kItemWords[] = {"param", "state", "layer", "loss", "fn"};
constexpr std::string_view kDeclarationWords[] = {"const", "fn", "struct", "model", "train", "export", "derivative"};

void suggest(Diagnostic& d, std::string_view wrong, std::span<const std::string_view> words) {
  if (const std::string_view near = nearest_name(wrong, words); !near.empty())
    d.help(fmt::format("did you mean `{}`?", near));
}
}  // namespace

Parser::Parser(Ast& ast, std::vector<Token> tokens, const Sources& sources, Interner& names, Diagnostics& diagnostics)
    : ast_(ast), tokens_(std::move(tokens)), sources_(sources), names_(names), diagnostics_(diagnostics) {}

void Parser::file() {
  const size_t lexical = n_errors();  // the lexer has read the whole file
  while (!at(TK::end)) {
    const size_t before = pos_, errors = n_errors(), decls = ast_.decls.size();
    declaration();
    sync_declaration();
    if (pos_ == before) take();
    const bool is_unreadable = std::any_of(tokens_.begin() + static_cast<ptrdiff_t>(before), tokens_.begin() + static_cast<ptrdiff_t>(pos_),
                                           [](const Token& t) { return t.kind == TK::unknown; });
    if (n_errors() != errors || is_unreadable || has_lexical_error(lexical, before)) lose(before, decls);
  }
}

/// Whether one of the first `n` errors, the lexer's, is in the text from token `begin` up to here.
bool Parser::has_lexical_error(size_t n, size_t begin) const {
  const int32_t first = tokens_[begin].begin, last = peek().begin;
  size_t k = 0;
  for (const Diagnostic& d : diagnostics_.all())
    if (k++ < n && d.span.file == ast_.file && d.span.begin >= first && (d.span.begin < last || at(TK::end))) return true;
  return false;
}

/// The text from token `begin` up to here has an error: whatever it may declare is not to be reported as unknown.
void Parser::lose(size_t begin, size_t first_decl) {
  for (size_t k = first_decl; k < ast_.decls.size(); ++k) ast_.decls[k].is_broken = true;
  const bool is_stray = first_decl == ast_.decls.size();  // no declaration: any name may have been meant as one
  for (size_t p = begin; p < pos_; ++p) {
    if (tokens_[p].kind != TK::name) continue;
    const bool is_declared = p > begin && (tokens_[p - 1].kind == TK::kw_fn || (tokens_[p - 1].kind == TK::name && tokens_[p - 1].starts_line));
    if (is_stray || is_declared) ast_.lost_names.push_back(tokens_[p].text());
  }
}

void Parser::expression_file() {
  ast_.root = expression();
  if (!panic_ && !at(TK::end) && !unexpected_after_expression())
    expected(syntax_error("expected-token"), "an operator");
}

/// The `///` lines right above `t`.
Slice<Comment> Parser::doc_before(const Token& t) const {
  const std::vector<Comment>& all = ast_.comments;
  const auto after = std::lower_bound(all.begin(), all.end(), t.begin,
                                      [](const Comment& c, int32_t begin) { return c.span.begin < begin; });
  const int32_t from = pos_ > 0 ? previous().end : 0;
  auto last = after;
  const auto here = [&](auto it) { return it != all.begin() && (it - 1)->span.begin >= from; };
  while (here(last) && !(last - 1)->is_doc) --last;  // plain comments may stand between
  auto first = last;
  while (here(first) && (first - 1)->is_doc && (first - 1)->owns_line) --first;
  return {static_cast<int32_t>(first - all.begin()), static_cast<int32_t>(last - first)};
}

void Parser::declaration() {
  const Token first = peek();
  Decl d;
  d.doc = doc_before(first);
  if (at_declaration_word()) {
    if (first.kind == TK::kw_fn)
      d.kind = DeclKind::fn, d.fn = function(false), d.name = ast_[d.fn].name;
    else if (at_word(const_))
      const_declaration(d);
    else if (at_word(struct_))
      struct_declaration(d);
    else if (at_word(model_))
      model_declaration(d);
    else if (at_word(train_))
      train_declaration(d);
    else if (at_word(export_))
      export_declaration(d);
    else
      derivative_declaration(d);
    d.span = span_from(first);
    ast_.decls.push_back(d);
    return;
  }
  if (first.kind == TK::right_brace || first.kind == TK::right_paren || first.kind == TK::right_square) {
    report(syntax_error("unmatched-bracket"), span_of(first),
           fmt::format("this `{}` closes nothing", spelling(first.kind)));
    take();
    return;
  }
  if (pos_ > 0 && unexpected_after_expression()) return;
  Diagnostic& e = expected(syntax_error("expected-declaration"), "a declaration");
  if (first.kind == TK::kw_let || first.kind == TK::kw_var)
    e.help("at the top of a file write `const name = …`");
  else if (first.kind == TK::name)
    suggest(e, names_[first.text()], kDeclarationWords);
}

void Parser::const_declaration(Decl& d) {
  take();
  d.kind = DeclKind::const_;
  d.name = expect_name("a constant's name");
  if (accept(TK::colon)) d.type = type();
  if (expect(TK::assign)) d.value = expression();
}

void Parser::export_declaration(Decl& d) {
  take();
  d.kind = DeclKind::export_;
  d.name = expect_name("the name to export");
  if (accept(TK::assign)) d.value = expression();
}

void Parser::struct_declaration(Decl& d) {
  take();
  d.kind = DeclKind::struct_;
  d.name = expect_name("a struct's name");
  d.sizes = size_names();
  std::vector<Param> fields;
  if (!at(TK::left_brace)) return static_cast<void>(expect(TK::left_brace));
  open();
  while (!panic_ && !at(TK::right_brace) && !at(TK::end) && !at_declaration_in_column_one()) {
    const size_t before = pos_;
    Param field{.name = expect_name("a field's name"), .type = {}};
    if (expect(TK::colon)) field.type = type();
    accept(TK::comma);
    fields.push_back(field);
    sync_item(before);
  }
  close(TK::right_brace);
  d.fields = store(ast_.params, fields);
}

void Parser::derivative_declaration(Decl& d) {
  take();
  d.kind = DeclKind::derivative;
  d.name = expect_name("a function's name");
  d.params = parameters();
  if (accept(TK::arrow)) d.result = expect_name("a name for the result");
  recover_to_body();
  if (panic_ || !at(TK::left_brace)) return static_cast<void>(expect(TK::left_brace));
  open();
  if (!at_word(jvp_))
    expected(syntax_error("expected-token"), "`jvp(…) = …`").help("the reverse rule follows from it by transposition");
  else
    take();
  if (!panic_) d.jvp_params = parameters();
  if (expect(TK::assign)) d.value = expression();
  close(TK::right_brace);
}

// ----------------------------------------------------------------------------------------------------- models

void Parser::model_declaration(Decl& d) {
  take();
  d.kind = DeclKind::model;
  d.name = expect_name("a model's name");
  d.sizes = size_names();
  recover_to_body();
  if (panic_ || !at(TK::left_brace)) return static_cast<void>(expect(TK::left_brace));
  open();
  std::vector<ModelItem> items;
  while (!at(TK::end) && !at(TK::right_brace) && !at_declaration_in_column_one()) {
    const size_t before = pos_;
    const ModelItem item = model_item();
    if (item.name || item.fn) items.push_back(item);
    sync_item(before);
  }
  close(TK::right_brace);
  d.items = store(ast_.items, items);
}

ModelItem Parser::model_item() {
  const Token first = peek();
  ModelItem item;
  item.doc = doc_before(first);
  const bool word_and_name = peek(1).kind == TK::name;
  if (at_word(loss_) && (word_and_name || peek(1).kind == TK::left_paren)) {
    item.kind = ItemKind::loss;
    item.fn = function(true);
    item.name = ast_[item.fn].name;
  } else if (at(TK::kw_fn)) {
    item.kind = ItemKind::fn;
    item.fn = function(false);
    item.name = ast_[item.fn].name;
  } else if ((at_word(param_) || at_word(state_)) && word_and_name) {
    item.kind = at_word(param_) ? ItemKind::param : ItemKind::state;
    take();
    item.name = expect_name("a name");
    if (expect(TK::colon)) item.type = type();
    item.is_drawn = item.kind == ItemKind::param && at(TK::tilde);
    if (item.is_drawn ? accept(TK::tilde) : item.kind == ItemKind::state ? expect(TK::assign) : accept(TK::assign))
      item.value = expression();
  } else if (at_word(layer_) && word_and_name) {
    item.kind = ItemKind::layer;
    take();
    item.name = expect_name("a layer's name");
    item.args = optional_index();
    if (expect(TK::assign)) item.model = expect_name("a model's name");
    item.model_args = optional_index();
  } else {
    Diagnostic& d = expected(syntax_error("expected-item"), "`param`, `state`, `layer`, `loss` or `fn`");
    if (first.kind == TK::name) suggest(d, names_[first.text()], kItemWords);
  }
  item.span = span_from(first);
  return item;
}

Slice<Arg> Parser::optional_index() {
  if (panic_ || !at(TK::left_square)) return {};
  if (!peek().touches)
    report(syntax_error("must-touch"), span_of(peek()), "`[` must touch what it follows")
        .help("remove the white space");
  open();
  return arguments(ListKind::index, TK::right_square);
}

// ------------------------------------------------------------------------------------------------------ train

void Parser::train_declaration(Decl& d) {
  take();
  d.kind = DeclKind::train;
  d.name = expect_name("a model's name");
  d.args = optional_index();
  recover_to_body();
  if (panic_ || !at(TK::left_brace)) return static_cast<void>(expect(TK::left_brace));
  open();
  std::vector<TrainEntry> entries;
  while (!at(TK::end) && !at(TK::right_brace) && !at_declaration_in_column_one()) {
    const size_t before = pos_;
    const TrainEntry entry = train_entry();
    if (entry.word) entries.push_back(entry);
    sync_item(before);
  }
  close(TK::right_brace);
  d.entries = store(ast_.entries, entries);
}

TrainEntry Parser::train_entry() {
  const Token first = peek();
  const std::string_view text = first.kind == TK::name ? names_[first.text()] : std::string_view();
  const EntryWord* found =
      std::find_if(std::begin(kEntries), std::end(kEntries), [&](const EntryWord& w) { return w.text == text; });
  TrainEntry entry;
  if (found == std::end(kEntries)) {
    const bool glued = !first.starts_line && starts_operand(first) && first.kind != TK::name;
    if (glued && unexpected_after_expression()) return entry;
    Diagnostic& d = expected(syntax_error("expected-entry"), "an entry such as `data`, `objective` or `optimizer`");
    std::vector<std::string_view> words;
    for (const EntryWord& w : kEntries) words.push_back(w.text);
    suggest(d, text, words);
    return entry;
  }
  take();
  entry.kind = found->kind;
  entry.word = span_of(first);
  switch (found->kind) {
    case EntryKind::data: data_entry(entry); break;
    case EntryKind::split:
    case EntryKind::stop:
    case EntryKind::normalize:
    case EntryKind::clip:
      entry.args = entry_fields();
      if (!panic_ && entry.args.empty()) expected(syntax_error("expected-token"), "`name = …`");
      break;
    case EntryKind::metrics: {
      std::vector<Arg> list;
      do list.push_back(argument(ListKind::tuple));
      while (accept(TK::comma));
      entry.args = store(ast_.args, list);
      break;
    }
    case EntryKind::save: {
      if (!at_word(best_) && !at_word(last_)) expected(syntax_error("expected-token"), "`best` or `last`");
      entry.name = expect_name("`best` or `last`");
      if (!panic_ && !at(TK::string)) expected(syntax_error("expected-token"), "the file's name in `\"`");
      entry.value = primary();
      break;
    }
    default: entry.value = expression();
  }
  entry.span = span_from(first);
  return entry;
}

/// NAME "=" arg, as often as it goes
Slice<Arg> Parser::entry_fields() {
  std::vector<Arg> list;
  while (!panic_ && at(TK::name) && peek(1).kind == TK::assign) list.push_back(named_argument(true));
  return store(ast_.args, list);
}

void Parser::data_entry(TrainEntry& entry) {
  entry.value = expression();
  recover_to_body();
  if (panic_ || !at(TK::left_brace)) return static_cast<void>(expect(TK::left_brace));
  open();
  reads_labels_ = true;
  entry.args = entry_fields();
  reads_labels_ = false;
  if (!panic_ && at(TK::comma))
    expected(syntax_error("expected-token"), "`name = …` or `}`").help("white space separates the fields");
  close(TK::right_brace);
}

// -------------------------------------------------------------------------------------------------- functions

FnId Parser::function(bool is_loss) {
  const Token first = take();
  Fn fn;
  if (!is_loss || at(TK::name)) fn.name = expect_name("a function's name");
  if (!is_loss) fn.sizes = size_names();
  function_rest(fn, first);
  ast_.fns.push_back(fn);
  return FnId{static_cast<int32_t>(ast_.fns.size()) - 1};
}

void Parser::function_rest(Fn& fn, const Token& first) {
  fn.params = parameters();
  if (accept(TK::arrow)) fn.result = type();
  fn.head = span_from(first);
  recover_to_body();
  const size_t errors = n_errors();
  if (accept(TK::assign)) {
    const Place outer = std::exchange(place_, Place::expression);
    fn.body = expression();
    place_ = outer;
  } else if (at(TK::left_brace)) {
    fn.body = block(Place::function);
    if (!panic_ && n_errors() == errors) require_value(fn.body, true);
  } else {
    if (!panic_) expected(syntax_error("expected-token"), "`=` or `{`");
    fn.body = error_expr();
  }
  fn.span = span_from(first);
}

/// #"[" NAME {"," NAME} "]", or nothing
Slice<Name> Parser::size_names() {
  if (panic_ || !at(TK::left_square)) return {};
  if (!peek().touches)
    report(syntax_error("must-touch"), span_of(peek()), "`[` must touch what it follows")
        .help("remove the white space");
  std::vector<Name> list;
  open();
  if (!at(TK::right_square)) {
    do list.push_back(expect_name("a size variable's name"));
    while (accept(TK::comma));
  }
  close(TK::right_square);
  return store(ast_.names, list);
}

Slice<Param> Parser::parameters() {
  if (panic_) return {};
  if (!at(TK::left_paren)) {
    expect(TK::left_paren);
    return {};
  }
  std::vector<Param> list;
  open();
  if (!at(TK::right_paren)) {
    do {
      Param p{.name = expect_name("a parameter's name"), .type = {}};
      if (accept(TK::colon)) p.type = type();
      list.push_back(p);
    } while (accept(TK::comma));
  }
  close(TK::right_paren);
  return store(ast_.params, list);
}

// ------------------------------------------------------------------------------------------------------ types

TypeExprId Parser::type() {
  const Nest nest(*this);
  if (nest.ok && !panic_) {
    if (at(TK::left_paren)) return type_tuple();
    if (at(TK::kw_fn)) return type_function();
    if (at(TK::name)) return type_named();
    expected(syntax_error("expected-type"), "a type");
  }
  ast_.types.push_back({.kind = TypeKind::error, .span = span_of(peek())});
  return TypeExprId{static_cast<int32_t>(ast_.types.size()) - 1};
}

/// [NAME ":"] type {"," …} and the closing parenthesis; the opening one has been taken.
Slice<TypeField> Parser::type_fields() {
  std::vector<TypeField> list;
  do {
    TypeField field;
    if (at(TK::name) && peek(1).kind == TK::colon) {
      field.name = expect_name("a name");
      take();
    }
    field.type = type();
    list.push_back(field);
  } while (accept(TK::comma));
  close(TK::right_paren);
  return store(ast_.type_fields, list);
}

TypeExprId Parser::type_tuple() {
  const Token first = peek();
  open();
  TypeExpr t{.kind = TypeKind::tuple, .fields = type_fields()};
  if (t.fields.count == 1 && !ast_[t.fields][0].name) return ast_[t.fields][0].type;
  t.span = span_from(first);
  ast_.types.push_back(t);
  return TypeExprId{static_cast<int32_t>(ast_.types.size()) - 1};
}

TypeExprId Parser::type_function() {
  const Token first = take();
  TypeExpr t{.kind = TypeKind::function};
  if (at(TK::left_paren)) {
    open();
    if (!accept(TK::right_paren))
      t.fields = type_fields();
    else
      open_.pop_back();
  } else {
    expect(TK::left_paren);
  }
  if (expect(TK::arrow)) t.result = type();
  t.span = span_from(first);
  ast_.types.push_back(t);
  return TypeExprId{static_cast<int32_t>(ast_.types.size()) - 1};
}

TypeExprId Parser::type_named() {
  const Token first = peek();
  TypeExpr t{.kind = TypeKind::named, .name = expect_name("a type")};
  if (at(TK::left_square) && !peek().starts_line) {
    if (!peek().touches)
      report(syntax_error("must-touch"), span_of(peek()), "`[` must touch what it follows")
          .help("remove the white space");
    std::vector<ExprId> sizes;
    open();
    do sizes.push_back(expression());
    while (accept(TK::comma));
    close(TK::right_square);
    t.sizes = store(ast_.expr_lists, sizes);
  }
  t.span = span_from(first);
  ast_.types.push_back(t);
  return TypeExprId{static_cast<int32_t>(ast_.types.size()) - 1};
}

}  // namespace dlc
