// The tree as text: what `--emit ast` shows, and pieces of source for messages. One node per line, children indented;
// a chain of binary operators is one `chain` node, read from left to right, because its left spine may be very long.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/utf8.h"
#include "syntax/parser.h"

namespace dlc {

const char* spelling(SyntaxOp op) {
  static constexpr std::array kText{
      "", "-", "not", "or", "and", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "@", "^"};
  return kText[static_cast<size_t>(op)];
}

namespace {

class Printer {
 public:
  Printer(const Ast& ast, const Interner& names) : ast_(ast), names_(names) {}

  std::string file() {
    for (const Decl& d : ast_.decls) decl(d);
    return std::move(out_);
  }
  std::string one(ExprId e) {
    expr(e, "");
    return std::move(out_);
  }

 private:
  /// Indents what is printed while it lives.
  struct Inside {
    explicit Inside(int& depth) : depth_(depth) { ++depth_; }
    ~Inside() { --depth_; }
    int& depth_;
  };

  void line(std::string_view text) {
    out_.append(static_cast<size_t>(2 * depth_), ' ');
    out_.append(text).append("\n");
  }
  std::string_view text(StrId id) const { return id ? names_[id] : "_"; }

  // ------------------------------------------------------------------------------------------- expressions
  // `role` is a prefix such as "else " that says what the node is to its parent.
  void expr(ExprId id, std::string_view role) {
    if (!id) return line(fmt::format("{}absent", role));
    const Expr& e = ast_[id];
    switch (e.kind) {
      case ExprKind::error: return line(fmt::format("{}error", role));
      case ExprKind::number:
      case ExprKind::bytes: return line(fmt::format("{}number {}", role, text(ast_[e.number].text)));
      case ExprKind::string: return line(fmt::format("{}string \"{}\"", role, text(e.name)));
      case ExprKind::boolean: return line(fmt::format("{}{}", role, e.flag));
      case ExprKind::name: return line(fmt::format("{}name {}", role, text(e.name)));
      case ExprKind::paren: return with_child(role, "paren", e.a);
      case ExprKind::unary: return with_child(role, spelling(e.op), e.a);
      case ExprKind::field: return with_child(role, fmt::format("field {}", text(e.name)), e.a);
      case ExprKind::binary: return chain(id, role);
      case ExprKind::tuple: return with_args(role, "tuple", {}, e.args);
      case ExprKind::array: return with_args(role, "array", {}, e.args);
      case ExprKind::call: return with_args(role, "call", e.a, e.args);
      case ExprKind::index: return with_args(role, "index", e.a, e.args);
      case ExprKind::range: return range(e, role);
      case ExprKind::if_: return if_chain(e, role);
      case ExprKind::block: return block(e, role);
      case ExprKind::function: return function(ast_[e.fn], fmt::format("{}fn", role));
    }
  }
  void with_child(std::string_view role, std::string_view head, ExprId child) {
    line(fmt::format("{}{}", role, head));
    const Inside inside(depth_);
    expr(child, "");
  }
  void with_args(std::string_view role, std::string_view head, ExprId base, Slice<Arg> args) {
    line(fmt::format("{}{}", role, head));
    const Inside inside(depth_);
    if (base) expr(base, "");
    list(args);
  }
  void list(Slice<Arg> args) {
    for (const Arg& a : ast_[args]) {
      if (a.kind == ArgKind::all)
        line(":");
      else if (a.kind == ArgKind::value)
        expr(a.value, "");
      else
        expr(a.value, fmt::format("{} {} ", text(a.name.id), a.kind == ArgKind::named ? "=" : "in"));
    }
  }
  void chain(ExprId id, std::string_view role) {
    line(fmt::format("{}chain", role));
    const Inside inside(depth_);
    const std::vector<ExprId> spine = ast_.left_spine(id);
    expr(spine.front(), "");
    for (size_t k = 1; k < spine.size(); ++k) expr(ast_[spine[k]].b, fmt::format("{} ", spelling(ast_[spine[k]].op)));
  }
  void range(const Expr& e, std::string_view role) {
    line(fmt::format("{}range", role));
    const Inside inside(depth_);
    expr(e.a, "");
    expr(e.b, "");
    if (e.c) expr(e.c, "step ");
  }
  void if_chain(const Expr& e, std::string_view role) {
    line(fmt::format("{}if", role));
    const Inside inside(depth_);
    expr(e.a, "");
    expr(e.b, "then ");
    if (e.c) expr(e.c, "else ");
  }
  void block(const Expr& e, std::string_view role) {
    line(fmt::format("{}block", role));
    const Inside inside(depth_);
    for (const StmtId s : ast_[e.stmts]) stmt(ast_[s]);
    if (e.a) expr(e.a, "value ");
  }

  // --------------------------------------------------------------------------------------------- statements
  void stmt(const Stmt& s) {
    switch (s.kind) {
      case StmtKind::error: return line("error");
      case StmtKind::let: return named_value(fmt::format("let {}{}", pattern(s.pattern), type_suffix(s.type)), s.value);
      case StmtKind::var: return named_value(fmt::format("var {}{}", pattern(s.pattern), type_suffix(s.type)), s.value);
      case StmtKind::let_index: return let_index(s);
      case StmtKind::assign: {
        line(fmt::format("assign {}=", spelling(s.op)));
        const Inside inside(depth_);
        expr(s.target, "");
        return expr(s.value, "");
      }
      case StmtKind::fn: return function(ast_[s.fn], fmt::format("fn {}", text(ast_[s.fn].name.id)));
      case StmtKind::if_: return expr(s.value, "");
      case StmtKind::for_: return loop(s, fmt::format("for {}", pattern(s.pattern)));
      case StmtKind::while_: return loop(s, "while");
      case StmtKind::return_: return named_value("return", s.value);
      case StmtKind::break_: return line("break");
      case StmtKind::update: return named_value(fmt::format("update {}", text(s.name.id)), s.value);
    }
  }
  void named_value(std::string_view head, ExprId value, std::string_view role = "") {
    line(head);
    const Inside inside(depth_);
    if (value) expr(value, role);
  }
  void let_index(const Stmt& s) {
    line(fmt::format("let_index {}{}", text(s.name.id), type_suffix(s.type)));
    const Inside inside(depth_);
    for (const Binder& b : ast_[s.binders]) named_value(fmt::format("binder {}", text(b.name.id)), b.range);
    expr(s.value, "");
  }
  void loop(const Stmt& s, std::string_view head) {
    static constexpr std::array kAttributes{"@max_iters", "@checkpoint", "@memory"};
    line(head);
    const Inside inside(depth_);
    expr(s.value, "");
    for (const Attribute& a : ast_[s.attributes]) named_value(kAttributes[static_cast<size_t>(a.kind)], a.value);
    expr(s.body, "");
  }
  std::string pattern(PatternId id) const {
    if (!id) return "_";
    const Pattern& p = ast_[id];
    if (p.parts.empty()) return std::string(text(p.name.id));
    std::string out;
    for (const PatternId part : ast_[p.parts]) out += (out.empty() ? "(" : ", ") + pattern(part);
    return out + ")";
  }

  // ------------------------------------------------------------------------------------------ types, inline
  std::string type_suffix(TypeExprId t) const { return t ? ": " + type(t) : ""; }
  std::string type(TypeExprId id) const {
    const TypeExpr& t = ast_[id];
    if (t.kind == TypeKind::error) return "error";
    if (t.kind == TypeKind::named) {
      std::string sizes;
      for (const ExprId s : ast_[t.sizes]) sizes += (sizes.empty() ? "" : ", ") + inline_expr(s);
      return std::string(text(t.name.id)) + (sizes.empty() ? "" : "[" + sizes + "]");
    }
    std::string fields;
    for (const TypeField& f : ast_[t.fields])
      fields += (fields.empty() ? "" : ", ") + (f.name ? std::string(text(f.name.id)) + ": " : "") + type(f.type);
    const std::string result = t.kind == TypeKind::function && t.result ? " -> " + type(t.result) : "";
    return (t.kind == TypeKind::function ? "fn(" : "(") + fields + ")" + result;
  }
  /// A size on one line: names, numbers, chains, calls; anything else is an ellipsis.
  std::string inline_expr(ExprId id) const {
    const Expr& e = ast_[id];
    if (e.kind == ExprKind::number) return std::string(text(ast_[e.number].text));
    if (e.kind == ExprKind::name) return std::string(text(e.name));
    if (e.kind == ExprKind::paren) return inline_expr(e.a);
    if (e.kind == ExprKind::unary) return fmt::format("({} {})", spelling(e.op), inline_expr(e.a));
    std::string out;
    if (e.kind == ExprKind::binary) {
      const std::vector<ExprId> spine = ast_.left_spine(id);
      out = "(" + inline_expr(spine.front());
      for (size_t k = 1; k < spine.size(); ++k)
        out += fmt::format(" {} {}", spelling(ast_[spine[k]].op), inline_expr(ast_[spine[k]].b));
      return out + ")";
    }
    if (e.kind != ExprKind::call) return "…";
    for (const Arg& a : ast_[e.args]) out += (out.empty() ? "" : ", ") + (a.value ? inline_expr(a.value) : "…");
    return inline_expr(e.a) + "(" + out + ")";
  }

  // ------------------------------------------------------------------------------------------- declarations
  std::string sizes(Slice<Name> list) const {
    std::string out;
    for (const Name& n : ast_[list]) out += fmt::format("{}{}", out.empty() ? "" : ", ", text(n.id));
    return out.empty() ? "" : "[" + out + "]";
  }
  std::string params(Slice<Param> list) const {
    std::string out;
    for (const Param& p : ast_[list])
      out += fmt::format("{}{}{}", out.empty() ? "" : ", ", text(p.name.id), type_suffix(p.type));
    return "(" + out + ")";
  }
  void function(const Fn& fn, std::string_view head) {
    const std::string result = fn.result ? " -> " + type(fn.result) : "";
    named_value(fmt::format("{}{}{}{}", head, sizes(fn.sizes), params(fn.params), result), fn.body);
  }
  void decl(const Decl& d) {
    const std::string_view name = text(d.name.id);
    switch (d.kind) {
      case DeclKind::const_: return named_value(fmt::format("const {}{}", name, type_suffix(d.type)), d.value);
      case DeclKind::fn: return function(ast_[d.fn], fmt::format("fn {}", name));
      case DeclKind::export_: return named_value(fmt::format("export {}", name), d.value);
      case DeclKind::struct_: return line(fmt::format("struct {}{}{}", name, sizes(d.sizes), params(d.fields)));
      case DeclKind::derivative: {
        const std::string result = d.result ? fmt::format(" -> {}", text(d.result.id)) : "";
        line(fmt::format("derivative {}{}{}", name, params(d.params), result));
        const Inside inside(depth_);
        return named_value("jvp" + params(d.jvp_params), d.value);
      }
      case DeclKind::model: {
        line(fmt::format("model {}{}", name, sizes(d.sizes)));
        const Inside inside(depth_);
        for (const ModelItem& i : ast_[d.items]) item(i);
        return;
      }
      case DeclKind::train: {
        line(fmt::format("train {}", name));
        const Inside inside(depth_);
        list(d.args);
        for (const TrainEntry& e : ast_[d.entries]) entry(e);
        return;
      }
    }
  }
  void item(const ModelItem& i) {
    const std::string_view name = text(i.name.id);
    switch (i.kind) {
      case ItemKind::param:
        return named_value(fmt::format("param {}{}", name, type_suffix(i.type)), i.value, i.is_drawn ? "~ " : "= ");
      case ItemKind::state: return named_value(fmt::format("state {}{}", name, type_suffix(i.type)), i.value, "= ");
      case ItemKind::loss: return function(ast_[i.fn], fmt::format("loss {}", name));
      case ItemKind::fn: return function(ast_[i.fn], fmt::format("fn {}", name));
      case ItemKind::layer: {
        line(fmt::format("layer {}", name));
        const Inside inside(depth_);
        list(i.args);
        line(fmt::format("model {}", text(i.model.id)));
        return list(i.model_args);
      }
    }
  }
  void entry(const TrainEntry& e) {
    static constexpr std::array kWords{"data",     "split", "stop",       "normalize", "clip", "objective", "optimizer",
                                       "schedule", "batch", "accumulate", "epochs",    "seed", "metrics",   "save"};
    const std::string name = e.name ? fmt::format(" {}", text(e.name.id)) : "";
    line(fmt::format("{}{}", kWords[static_cast<size_t>(e.kind)], name));
    const Inside inside(depth_);
    if (e.value) expr(e.value, "");
    list(e.args);
  }

  const Ast& ast_;
  const Interner& names_;
  int depth_ = 0;
  std::string out_;
};

}  // namespace

std::string print_ast(const Ast& ast, const Interner& names) { return Printer(ast, names).file(); }
std::string print_expr(const Ast& ast, ExprId expr, const Interner& names) { return Printer(ast, names).one(expr); }

std::string expr_text(const Ast& ast, ExprId expr, const Sources& sources, size_t limit) {
  if (!expr) return {};
  const Span span = ast[expr].span;
  const std::string_view text = sources.text(span);
  auto comment = std::lower_bound(ast.comments.begin(), ast.comments.end(), span.begin,
                                  [](const Comment& c, int32_t begin) { return c.span.begin < begin; });
  std::string out;
  size_t n_characters = 0;
  bool space = false;
  for (size_t at = 0; at < text.size();) {
    const int32_t offset = span.begin + static_cast<int32_t>(at);
    if (comment != ast.comments.end() && comment->span.begin == offset) {
      at = static_cast<size_t>(comment->span.end - span.begin);
      space = true, ++comment;
      continue;
    }
    const CodePoint c = decode_utf8(text, at);
    if (c.value <= ' ') {
      space = true, ++at;
      continue;
    }
    if (n_characters + (space ? 1 : 0) >= limit) return out + "…";
    if (std::exchange(space, false) && !out.empty()) out += ' ', ++n_characters;
    out += text.substr(at, static_cast<size_t>(c.size)), ++n_characters;
    at += static_cast<size_t>(c.size);
  }
  return out;
}

std::string doc_text(const Ast& ast, Slice<Comment> doc, const Sources& sources) {
  std::string out;
  for (const Comment& c : ast[doc]) {
    std::string_view line = sources.text(c.span).substr(3);
    if (line.starts_with(' ')) line.remove_prefix(1);
    while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
    out += std::string(line) + "\n";
  }
  return out;
}

}  // namespace dlc
