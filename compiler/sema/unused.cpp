// Which names are never read. A walk over the syntax tree with the names in scope on a stack; where the text does not tell
// which of two is meant, both count as read. An assignment is no reading, not even `s += 1`.
#include "sema/unused.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sema/errors.h"

namespace dlc {
namespace {

class Unused {
 public:
  Unused(const Ast& ast, const Interner& names, Diagnostics& diagnostics) : ast_(ast), names_(names), diagnostics_(diagnostics) {}

  void file() {
    for (const Decl& d : ast_.decls) {
      if (d.kind == DeclKind::model) model(d);
      if (d.kind == DeclKind::derivative) has_rule_.insert(d.name.id);
    }
    for (const Decl& d : ast_.decls) {
      // A parameter may be there for the declared derivative alone.
      if (d.kind == DeclKind::fn) function(ast_[d.fn], fmt::format("`{}`", names_[d.name.id]), has_rule_.contains(d.name.id) ? Entry::Kind::silent : Entry::Kind::parameter);
      if (d.kind == DeclKind::const_ || d.kind == DeclKind::export_) walk(d.value);
      if (d.kind == DeclKind::derivative) walk(d.value);  // its parameters are those of the function
      if (d.kind == DeclKind::train) train(d);
    }
    for (Model& m : models_) {
      std::erase_if(m.names, [&](const Entry& e) { return fields_.contains(e.name.id); });  // by a path, `params.W`
      warn(m.names, 0);
    }
  }

 private:
  struct Entry {
    Name name;
    enum class Kind : uint8_t { parameter, variable, silent } kind = Kind::silent;
    enum class Callable : uint8_t { no, perhaps, yes } callable = Callable::no;
    bool is_read = false;
    std::string owner;  // of a parameter: whose, for the message
    int32_t hidden = -1;  // the entry of this name that it shadows
  };
  struct Model {
    StrId name;
    std::vector<Entry> names;
  };

  // ------------------------------------------------------------------------------------------- declarations

  void function(const Fn& fn, const std::string& owner, Entry::Kind kind = Entry::Kind::parameter) {
    const size_t mark = scope_.size();
    for (const Param& p : ast_[fn.params]) {
      const bool is_function = p.type && ast_[p.type].kind == TypeKind::function;
      push({p.name, kind, is_function ? Entry::Callable::yes : p.type ? Entry::Callable::no : Entry::Callable::perhaps, false, owner});
    }
    walk(fn.body);
    leave(mark);
  }

  void model(const Decl& d) {
    Model m{d.name.id, {}};
    const std::string owner = fmt::format("`{}`", names_[d.name.id]);
    for (const ModelItem& item : ast_[d.items]) {
      if (item.kind == ItemKind::param) m.names.push_back({item.name, Entry::Kind::parameter, {}, false, owner});
      if (item.kind == ItemKind::state || item.kind == ItemKind::layer) m.names.push_back({item.name, Entry::Kind::silent, {}, false, {}});
    }
    enter(m);
    for (const ModelItem& item : ast_[d.items]) {
      walk(item.value), walk(item.args), walk(item.model_args);
      if (!item.fn) continue;
      const bool is_plain_loss = item.kind == ItemKind::loss && !ast_[item.fn].name;
      function(ast_[item.fn], is_plain_loss ? std::string("this `loss`") : fmt::format("`{}`", names_[ast_[item.fn].name.id]));
    }
    leave(m);
    models_.push_back(std::move(m));
  }
  void enter(Model& m) {
    for (Entry& e : m.names) push(std::move(e));
    m.names.clear();
  }
  void leave(Model& m) {
    m.names = scope_;
    pop(0);
  }

  /// The objective may read parameters of the model.
  void train(const Decl& d) {
    const auto m = std::ranges::find(models_, d.name.id, &Model::name);
    if (m == models_.end()) return;
    enter(*m);
    for (const TrainEntry& entry : ast_[d.entries]) walk(entry.value), walk(entry.args);
    leave(*m);
  }

  // --------------------------------------------------------------------------------------------- statements

  void declare(PatternId id, Entry::Kind kind, Entry::Callable callable) {
    const Pattern& p = ast_[id];
    if (p.name) push({p.name, kind, callable, false, {}});
    for (PatternId part : ast_[p.parts]) declare(part, kind, callable);
  }

  void statement(const Stmt& s) {
    switch (s.kind) {
      case StmtKind::let:
        walk(s.value);
        return declare(s.pattern, Entry::Kind::variable, Entry::Callable::perhaps);
      case StmtKind::var:
        walk(s.value);
        return declare(s.pattern, Entry::Kind::variable, Entry::Callable::no);
      case StmtKind::let_index:
        for (const Binder& binder : ast_[s.binders]) walk(binder.range);
        walk(s.value);
        return push({s.name, Entry::Kind::variable, {}, false, {}});
      case StmtKind::assign:
        walk(s.value);
        return target(s.target);
      case StmtKind::fn:
        function(ast_[s.fn], fmt::format("`{}`", names_[ast_[s.fn].name.id]));
        return push({ast_[s.fn].name, Entry::Kind::variable, Entry::Callable::yes, false, {}});
      case StmtKind::for_: {
        walk(s.value);
        const size_t mark = scope_.size();
        declare(s.pattern, Entry::Kind::silent, Entry::Callable::no);  // steps may be all that a loop counts
        walk(s.body);
        return leave(mark);
      }
      case StmtKind::error:
      case StmtKind::if_:
      case StmtKind::while_:
      case StmtKind::return_:
      case StmtKind::break_:
      case StmtKind::update:
        for (const Attribute& a : ast_[s.attributes]) walk(a.value);
        walk(s.value);
        return walk(s.body);
    }
  }

  /// What stands left of `=`: its subscripts are read.
  void target(ExprId id) {
    const Expr& e = ast_[ast_.strip_parens(id)];
    if (e.kind == ExprKind::index || e.kind == ExprKind::field) target(e.a);
    if (e.kind == ExprKind::index) walk(e.args);
    if (e.kind == ExprKind::tuple)
      for (const Arg& a : ast_[e.args]) target(a.value);
  }

  // -------------------------------------------------------------------------------------------- expressions

  void walk(Slice<Arg> args) {
    for (const Arg& a : ast_[args]) walk(a.value);
  }

  void walk(ExprId id) {
    if (!id) return;
    for (ExprId part : ast_.left_spine(id)) one(ast_[part]);
  }

  /// One node; of an operator, what the spine that it ends does not hold.
  void one(const Expr& e) {
    if (e.kind == ExprKind::name) return read(e.name);
    if (e.kind == ExprKind::binary) return walk(e.b);
    if (e.kind == ExprKind::function) return function(ast_[e.fn], "this function");
    if (e.kind == ExprKind::call) return call(e);
    if (e.kind == ExprKind::field) fields_.insert(e.name);
    const size_t mark = scope_.size();
    for (StmtId s : ast_[e.stmts]) statement(ast_[s]);
    walk(e.a), walk(e.b), walk(e.c), walk(e.args);
    leave(mark);
  }

  /// In callee position a name means the innermost function. `wrt`, `mode` and `of` name what belongs to the function that
  /// is differentiated.
  void call(const Expr& e) {
    static constexpr std::array<std::string_view, 7> kDerivatives = {"grad", "value_and_grad", "jvp", "vjp", "jacobian", "hessian", "hvp"};
    const Expr& callee = ast_[e.a];
    const Expr& named = callee.kind == ExprKind::index ? ast_[callee.a] : callee;
    if (named.kind == ExprKind::name) {
      read_function(named.name);
      if (&named != &callee) walk(callee.args);
    } else {
      walk(e.a);
    }
    const bool derives = named.kind == ExprKind::name && std::ranges::find(kDerivatives, names_[named.name]) != kDerivatives.end();
    for (const Arg& a : ast_[e.args]) {
      const std::string_view word = a.name ? names_[a.name.id] : std::string_view{};
      if (!derives || (word != "wrt" && word != "mode" && word != "of")) walk(a.value);
    }
  }

  int32_t innermost(StrId name) const {
    const auto it = visible_.find(name);
    return it == visible_.end() ? -1 : it->second;
  }
  void read(StrId name) {
    if (const int32_t k = innermost(name); k >= 0) scope_[static_cast<size_t>(k)].is_read = true;
  }
  void read_function(StrId name) {
    for (int32_t k = innermost(name); k >= 0; k = scope_[static_cast<size_t>(k)].hidden) {
      Entry& e = scope_[static_cast<size_t>(k)];
      if (e.callable == Entry::Callable::no) continue;
      e.is_read = true;
      if (e.callable == Entry::Callable::yes) return;
    }
  }

  // --------------------------------------------------------------------------------------------------- scope

  void push(Entry e) {
    const auto [it, is_new] = visible_.try_emplace(e.name.id, -1);
    e.hidden = std::exchange(it->second, static_cast<int32_t>(scope_.size()));
    scope_.push_back(std::move(e));
  }
  void pop(size_t mark) {
    for (; scope_.size() > mark; scope_.pop_back()) visible_[scope_.back().name.id] = scope_.back().hidden;
  }
  void leave(size_t mark) {
    warn(scope_, mark);
    pop(mark);
  }

  // ------------------------------------------------------------------------------------------------ warnings

  void warn(const std::vector<Entry>& entries, size_t from) {
    for (size_t k = from; k < entries.size(); ++k) {
      const Entry& e = entries[k];
      const std::string_view name = names_[e.name.id];
      if (e.is_read || e.kind == Entry::Kind::silent || name.starts_with('_')) continue;
      if (e.kind == Entry::Kind::parameter)
        diagnostics_.error(find_kind<kSemaErrors>("unused-parameter"), e.name.span, fmt::format("the parameter `{}` of {} is never read", name, e.owner))
            .help(fmt::format("take it out, or call it `_{}`", name));
      else
        diagnostics_.error(find_kind<kSemaErrors>("unused-variable"), e.name.span, fmt::format("`{}` is never read", name))
            .help(fmt::format("take it out, or call it `_{}`", name));
    }
  }

  const Ast& ast_;
  const Interner& names_;
  Diagnostics& diagnostics_;
  std::vector<Entry> scope_;   // innermost last
  std::unordered_map<StrId, int32_t> visible_;  // the innermost entry of a name, -1 if there is none now
  std::vector<Model> models_;  // their parameters and what was read of them
  std::set<StrId> fields_;     // names read behind a dot
  std::set<StrId> has_rule_;   // functions
};

}  // namespace

void warn_unused(const Ast& ast, const Interner& names, Diagnostics& diagnostics) {
  const size_t before = diagnostics.all().size();
  Unused(ast, names, diagnostics).file();
  diagnostics.sort_by_place(before);
}

}  // namespace dlc
