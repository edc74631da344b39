// What reads the entries of a train block: numbers and names out of expressions, with errors where there are none.
// train_block.cpp reads most entries, train_data.cpp what is said about data.
#pragma once
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "sema/lowering.h"

namespace dlc::sema {

struct EntryReader {
  Analysis& a;
  const ModelInfo& info;
  TrainSpec spec = {};
  bool ok = true;

  const Ast& ast() { return a.main; }
  std::string_view str(StrId id) { return a.m.strings[id]; }
  Diagnostic& fail(const DiagnosticKind& kind, Span span, std::string message) {
    ok = false;
    return a.diagnostics->error(kind, span, std::move(message));
  }
  const Expr& expr(ExprId e) { return ast()[ast().strip_parens(e)]; }
  std::string code(ExprId e) { return std::string(a.sources.text(ast()[e].span)); }

  std::optional<double> number(ExprId e) {
    Lowering lowering(a, ast(), {}, a.options.real);
    const auto x = lowering.plain_number(e);
    if (!x || std::isnan(*x)) fail(sema_error("bad-entry"), ast()[e].span, fmt::format("a number is wanted here, and `{}` is none", code(e)));
    return x;
  }
  std::optional<int64_t> whole(ExprId e, int64_t least) {
    const auto x = number(e);
    return x ? as_whole(*x, e, least) : std::nullopt;
  }
  std::optional<int64_t> as_whole(double x, ExprId e, int64_t least) {
    if (x == std::floor(x) && x >= static_cast<double>(least) && x <= 9e15) return static_cast<int64_t>(x);
    fail(sema_error("bad-entry"), ast()[e].span, fmt::format("a whole number of at least {} is wanted here", least));
    return std::nullopt;
  }
  StrId name_of(ExprId e) {
    const Expr& x = expr(e);
    if (x.kind == ExprKind::name) return x.name;
    fail(sema_error("bad-entry"), x.span, fmt::format("a name is wanted here, and `{}` is none", code(e)));
    return {};
  }
  template <class Names>
  void unknown(Span span, std::string_view what, std::string_view name, const Names& names) {
    std::vector<std::string_view> all(std::begin(names), std::end(names));
    Diagnostic& e = fail(sema_error("bad-entry"), span, fmt::format("{} `{}` is not known here", what, name));
    std::string list;
    for (std::string_view n : all) list += (list.empty() ? "" : ", ") + std::string(n);
    if (const std::string_view near = nearest_name(name, all); !near.empty()) e.help(fmt::format("did you mean `{}`?", near));
    else if (!list.empty()) e.help(fmt::format("one of {}", list));
  }
  /// Of `adam(lr = 0.01)` or `adam`: the name.
  std::string_view call_name(ExprId id, Span& span) {
    const Expr& e = expr(id);
    const Expr& callee = e.kind == ExprKind::call ? expr(e.a) : e;
    span = callee.span;
    if (callee.kind == ExprKind::name) return str(callee.name);
    fail(sema_error("bad-entry"), e.span, fmt::format("a name with arguments is wanted here, as `adam(lr = 0.01)`, and `{}` is none", code(id)));
    return {};
  }
};

/// `data csv("wdbc.csv") { x = columns(0..30) }`: adds the entry and its fields to the reader's spec.
void read_data(EntryReader& reader, const TrainEntry& entry);

/// That each loss, each weight and each scaling finds its fields, of the right shape and in one `data`. Sets what they
/// come from (LossTerm::data), and of fields of IDX files the shape.
void check_data(EntryReader& reader, Span block, Span split, Span normalize);

}  // namespace dlc::sema
