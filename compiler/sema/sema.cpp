// The file as a whole: which names are declared, in which order functions are lowered, what is exported, and the
// prelude, whose functions are parsed one by one when somebody uses them.
#include "sema/sema.h"

#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "ops/table.h"
#include "prelude/prelude.h"
#include "sema/builtins.h"
#include "sema/lowering.h"
#include "sema/unused.h"
#include "syntax/parser.h"

namespace dlc::sema {
namespace {

bool mentions_float(const Ast& ast, TypeExprId id, StrId word) {
  if (!id) return false;
  const TypeExpr& t = ast[id];
  if (t.kind == TypeKind::named) return t.name.id == word;
  for (const TypeField& f : ast[t.fields])
    if (mentions_float(ast, f.type, word)) return true;
  return t.kind == TypeKind::function && mentions_float(ast, t.result, word);
}

FnEntry make_entry(const Ast& ast, FnId fn, std::string doc, StrId float_word) {
  FnEntry entry;
  while (!doc.empty() && doc.back() == '\n') doc.pop_back();
  entry.ast = &ast, entry.fn = fn, entry.doc = std::move(doc);
  entry.is_generic = mentions_float(ast, ast[fn].result, float_word);
  for (const Param& p : ast[ast[fn].params]) {
    entry.is_generic = entry.is_generic || mentions_float(ast, p.type, float_word);
    entry.takes_functions = entry.takes_functions || (p.type && ast[p.type].kind == TypeKind::function);
  }
  return entry;
}

}  // namespace

// ---------------------------------------------------------------------------------------------- declarations

void Analysis::declare_fn(const Decl& d) {
  functions.push_back(make_entry(main, d.fn, doc_text(main, d.doc, sources), m.strings.intern("float")));
}

void Analysis::declare(const Ast& ast) {
  // Uses of what a syntax error hides are no errors of their own.
  for (StrId name : ast.lost_names) top.emplace(name, TopLevel{.kind = TopLevel::Kind::unsupported});
  for (const Decl& d : ast.decls)
    if (d.is_broken && d.name) top.emplace(d.name.id, TopLevel{.kind = TopLevel::Kind::unsupported, .span = d.name.span});
  for (const Decl& d : ast.decls) {
    if (d.is_broken) continue;
    TopLevel entry;
    entry.span = d.name.span;
    switch (d.kind) {
      case DeclKind::export_:
      case DeclKind::train:
      case DeclKind::derivative: break;
      case DeclKind::fn:
        entry.kind = TopLevel::Kind::fn, entry.index = static_cast<int32_t>(functions.size());
        break;
      case DeclKind::const_:
        entry.kind = TopLevel::Kind::constant, entry.index = static_cast<int32_t>(constants.size());
        break;
      case DeclKind::model:
        entry.kind = TopLevel::Kind::model, entry.index = static_cast<int32_t>(models.size());
        break;
      case DeclKind::struct_:
        entry.kind = TopLevel::Kind::structure, entry.index = static_cast<int32_t>(structs.size());
        break;
    }
    if (d.kind == DeclKind::derivative) {
      const auto [rule, is_new] = rules_.emplace(d.name.id, &d);
      if (!is_new)
        diagnostics->error(sema_error("duplicate-name"), d.name.span, fmt::format("the derivative of `{}` is declared twice", m.strings[d.name.id]))
            .label(rule->second->name.span, "declared here");
    }
    if (d.kind == DeclKind::export_ || d.kind == DeclKind::train || d.kind == DeclKind::derivative) continue;
    const auto [it, is_new] = top.emplace(d.name.id, entry);
    if (!is_new && !it->second.span) it->second = entry;  // a lost name that is declared after all
    else if (!is_new) {
      diagnostics->error(sema_error("duplicate-name"), d.name.span, fmt::format("`{}` is declared twice", m.strings[d.name.id]))
          .label(it->second.span, "declared here");
      continue;
    }
    if (d.kind == DeclKind::fn) declare_fn(d);
    if (d.kind == DeclKind::const_) constants.push_back({&ast, &d, {}, {}});
    if (d.kind == DeclKind::model) declare_model(ast, d, options.real);
    if (d.kind == DeclKind::struct_) structs.push_back({&d, {}, {}});
  }
}

Val Analysis::constant(int32_t index, Span use) {
  ConstEntry& entry = constants[static_cast<size_t>(index)];
  if (entry.state == ConstEntry::State::done) return entry.value;
  constexpr int kDeepest = 200;
  if (entry.state == ConstEntry::State::busy || instance_depth_ > kDeepest) {
    diagnostics->error(sema_error("const-cycle"), entry.decl->name.span,
                       entry.state == ConstEntry::State::busy ? fmt::format("`{}` is defined by itself", m.strings[entry.decl->name.id])
                                                              : std::string("this chain of constants is too long; declare them in order of use"))
        .label(use, "used here");
    return {};
  }
  entry.state = ConstEntry::State::busy;
  ++instance_depth_;
  Lowering lowering(*this, *entry.ast, {}, options.real);
  entry.value = lowering.lower_constant(*entry.decl);
  --instance_depth_;
  entry.state = ConstEntry::State::done;
  return entry.value;
}

Val Lowering::lower_constant(const Decl& d) {
  const TypeId type = d.type ? lower_type(d.type) : TypeId{};
  Val v = lower(d.value, type);
  if (!v || (d.type && !type)) return {};
  if (v.kind != Val::Kind::flex) {
    fail(sema_error("const-not-constant"), ast_[d.value].span, fmt::format("the value of `{}` is not a constant", str(d.name.id)));
    return {};
  }
  if (!d.type) return v;
  const Type t = types()[type];
  const Shape s = shape_of(v);
  const bool fits = s.is_flexible ? is_float(t.dtype) || (t.dtype == DType::i64 && !s.wants_float) : s.dtype == t.dtype;
  if (!fits || (s.dims != t.dims && !s.dims.empty())) {
    fail(sema_error("type-mismatch"), ast_[d.value].span, fmt::format("`{}` is declared {}, and this is {}", str(d.name.id), types().text(type), type_text(v)))
        .label(ast_[d.type].span, "declared here");
    return {};
  }
  if (s.dims != t.dims) {
    Flex fill;
    fill.kind = Flex::Kind::fill, fill.operands = {v.flex}, fill.dims = t.dims, fill.loc = loc(ast_[d.value].span);
    fill.wants_float = s.wants_float, fill.fixed = flex(v).fixed;
    v = add_flex(std::move(fill));
  }
  if (!s.is_flexible || t.dtype == DType::i64) return v;  // an int constant may be a size
  Flex node;
  node.kind = Flex::Kind::cast, node.fixed = t.dtype, node.operands = {v.flex}, node.dims = t.dims, node.loc = loc(ast_[d.value].span);
  node.wants_float = true;
  return add_flex(std::move(node));
}

// ------------------------------------------------------------------------------------------------- functions

int32_t Analysis::find_function(StrId name) {
  auto it = top.find(name);
  return it != top.end() && it->second.kind == TopLevel::Kind::fn ? it->second.index : -1;
}

/// Finds `fn name` or `model name` at the start of a line of a prelude file and parses that one declaration. The text
/// before it becomes empty lines, so that places in it are those of the file. Null: there is none.
const Decl* Analysis::prelude_declaration(std::string_view keyword, StrId name, const Ast*& ast) {
  const std::string head = fmt::format("{} {}", keyword, m.strings[name]);
  for (const PreludeFile& file : prelude_files()) {
    const std::string_view text = file.text;
    for (size_t at = 0; (at = text.find(head, at)) != std::string_view::npos; ++at) {
      const size_t end = at + head.size();
      if (at != 0 && text[at - 1] != '\n') continue;
      if (end >= text.size() || (text[end] != '(' && text[end] != '[' && text[end] != ' ')) continue;
      size_t first = at;  // with the `///` lines above it
      while (first > 1) {
        const size_t line = text.rfind('\n', first - 2) + 1;
        if (text.substr(line, 3) != "///") break;
        first = line;
      }
      size_t next = text.size();
      for (std::string_view other : {"\nfn ", "\nmodel ", "\n///"}) next = std::min(next, text.find(other, at));
      std::string own(static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(first), '\n')), '\n');
      own += text.substr(first, next - first);
      const FileId id = sources.add(fmt::format("prelude/{}", file.name), std::move(own));
      prelude_asts_.push_back(parse(sources, id, m.strings, *diagnostics));
      ast = &prelude_asts_.back();
      return ast->decls.empty() ? nullptr : &ast->decls[0];
    }
  }
  return nullptr;
}

int32_t Analysis::prelude_function(StrId name) {
  if (auto it = prelude_.find(name); it != prelude_.end()) return it->second;
  const Ast* ast = nullptr;
  const Decl* d = prelude_declaration("fn", name, ast);
  if (!d) return prelude_[name] = -1;
  functions.push_back(make_entry(*ast, d->fn, doc_text(*ast, d->doc, sources), m.strings.intern("float")));
  functions.back().is_prelude = true;
  return prelude_[name] = static_cast<int32_t>(functions.size()) - 1;
}

/// A built-in function of arrays as a declared one of `n` arguments, whose types come with the place that it is passed to;
/// `typed` gives those of a derivative, which stands for itself: "[n](x: float[n])". Absent: it takes no such arguments.
Val Analysis::declared_builtin(const BuiltinRow& row, size_t n, std::string_view typed) {
  if (n < static_cast<size_t>(row.min_args) || n == 0 || (row.max_args >= 0 && n > static_cast<size_t>(row.max_args))) return {};
  std::string params, args;
  for (size_t k = 0; k < n; ++k) args += fmt::format("{}{}", k == 0 ? "" : ", ", n == 1 ? std::string("x") : fmt::format("{}", static_cast<char>('a' + k)));
  params = typed.empty() ? fmt::format("({})", args) : std::string(typed);
  const std::string text = fmt::format("fn {0}{1} = {0}({2})", row.name, params, args);
  const auto [known, is_new] = prelude_.try_emplace(m.strings.intern(text), -1);
  if (is_new) {
    const FileId id = sources.add(fmt::format("prelude/{}", row.name), text);
    prelude_asts_.push_back(parse(sources, id, m.strings, *diagnostics));
    functions.push_back(make_entry(prelude_asts_.back(), prelude_asts_.back().decls[0].fn, row.doc, m.strings.intern("float")));
    functions.back().is_prelude = true, functions.back().is_untyped = typed.empty();
    known->second = static_cast<int32_t>(functions.size()) - 1;
  }
  Callable c;
  c.kind = Callable::Kind::declared, c.declared = known->second;
  return function_value(std::move(c));
}

Val Analysis::function_value(Callable callable) {
  callables.push_back(std::move(callable));
  Val v;
  v.kind = Val::Kind::function, v.function = static_cast<int32_t>(callables.size()) - 1;
  return v;
}

Val Analysis::function_named(StrId name, bool is_main) {
  const uint64_t key = static_cast<uint64_t>(name.i) * 2 + is_main;
  if (auto it = named_values_.find(key); it != named_values_.end()) {
    Val v;
    v.kind = Val::Kind::function, v.function = it->second;
    return v;
  }
  Callable c;
  const std::string_view text = m.strings[name];
  auto op_named = [&]() -> OpId {
    if (text == "ln") return "log"_op;
    if (text == "real") return options.real == DType::f32 ? "to_f32"_op : "to_f64"_op;
    return dlc::find_function(text);
  };
  if (auto it = top.find(name); is_main && it != top.end() && it->second.kind == TopLevel::Kind::structure) {
    c.kind = Callable::Kind::structure, c.declared = it->second.index;
  } else if (c.declared = is_main ? find_function(name) : -1; c.declared >= 0) {
    c.kind = Callable::Kind::declared;
  } else if (c.row = find_builtin(text); c.row) {
    c.kind = Callable::Kind::array;
  } else if (c.op = op_named(); c.op) {
    c.kind = Callable::Kind::elementwise;
  } else if (c.declared = prelude_function(name); c.declared >= 0) {
    c.kind = Callable::Kind::declared;
  } else {
    return {};
  }
  const Val v = function_value(std::move(c));
  named_values_[key] = v.function;
  return v;
}

std::vector<std::string_view> Analysis::function_names() const {
  std::vector<std::string_view> names{"grad", "value_and_grad", "jvp", "vjp", "jacobian", "hessian", "hvp", "checkpoint", "ln", "real"};
  for (const auto& [name, entry] : top)
    if (entry.kind == TopLevel::Kind::fn || entry.kind == TopLevel::Kind::structure) names.push_back(m.strings[name]);
  for (const BuiltinRow& row : builtin_rows()) names.push_back(row.name);
  for (int k = 0; k < n_ops(); ++k) {
    const Op& row = op_row(OpId{k});
    if (!row.internal && row.kind == OpKind::elementwise) names.push_back(row.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

FuncId Analysis::instance(int32_t index, DType float_type, Span use) {
  FnEntry& entry = functions[static_cast<size_t>(index)];
  if (entry.takes_functions) {
    diagnostics->error(sema_error("function-argument-missing"), use, fmt::format("{} takes functions, and here are none", called_in_source(entry)))
        .help("write a function that calls it with some: `fn(x: real) = f(g, x)`");
    return {};
  }
  return made(entry, entry.instances[entry.is_generic && float_type == DType::f64 ? 1 : 0], float_type, nullptr, use);
}

FuncId Analysis::chosen_instance(int32_t index, DType float_type, const Choice& choice, Span use) {
  FnEntry& entry = functions[static_cast<size_t>(index)];
  std::string key = dtype_name(entry.is_generic ? float_type : DType::f64);
  for (int32_t f : choice.functions) key += fmt::format(" {}", callables[static_cast<size_t>(f)].func.i);
  for (const auto& [name, size] : choice.sizes) key += fmt::format(" {}={}", name.i, size.i);
  for (const auto& [other, instance] : entry.chosen)
    if (instance.state == FnEntry::Instance::State::failed) return {};  // and it said why
  return made(entry, entry.chosen[key], float_type, &choice, use);
}

std::string Analysis::called_in_source(const FnEntry& entry) const {
  const Name name = (*entry.ast)[entry.fn].name;
  return name ? fmt::format("`{}`", m.strings[name.id]) : "this function";
}

FuncId Analysis::made(FnEntry& entry, FnEntry::Instance& slot, DType float_type, const Choice* choice, Span use) {
  const Name name = (*entry.ast)[entry.fn].name;
  switch (slot.state) {
    case FnEntry::Instance::State::done: return slot.func;
    case FnEntry::Instance::State::failed: return {};
    case FnEntry::Instance::State::busy: {
      const bool on_sizes = !(*entry.ast)[entry.fn].sizes.empty();
      if (on_sizes && slot.func && m[slot.func].declared_result) return *recurring_.insert(slot.func).first;
      if (on_sizes && !(*entry.ast)[entry.fn].result)
        diagnostics->error(sema_error("recursion-needs-type"), use, fmt::format("{} calls itself before its result type is known", called_in_source(entry)))
            .label(name.span, "declared here").help("write it after the parameters: `-> real`");
      else diagnostics->error(sema_error("value-recursion"), use, fmt::format("{} calls itself", called_in_source(entry)))
               .label(name.span, "declared here").help("use a `while` loop");
      return {};
    }
    case FnEntry::Instance::State::none: break;
  }
  if (instance_depth_ >= kMaxInstances) {
    diagnostics->error(sema_error("too-deep"), use, fmt::format("functions that are made for their callers call each other more than {} deep", kMaxInstances));
    return {};
  }
  slot.state = FnEntry::Instance::State::busy;
  ++instance_depth_;
  slot.func = lower_instance(entry, float_type, choice, &slot.func);
  if (slot.func && recurring_.contains(slot.func) && collectives.contains(slot.func)) {
    // It stays a call, which is made for one example at a time.
    diagnostics->error(sema_error("collective-under-condition"), m[slot.func].loc.span, fmt::format("{} calls itself, and looks at its whole batch", called_in_source(entry)))
        .help("compute what is of the batch before, and give it to the function: `rest(batch_mean(x), …)`");
    slot.func = {};
  }
  slot.state = slot.func ? FnEntry::Instance::State::done : FnEntry::Instance::State::failed;
  if (!slot.func && diagnostics != own_diagnostics_) slot.state = FnEntry::Instance::State::none;  // nobody heard why
  const bool is_top_level = !entry.env && !entry.is_prelude && entry.model < 0;
  // A rule may call its own function with other functions, as that of an integral does: its second derivative too is by the rule,
  // those beyond are of the body.
  constexpr int kDeepestRule = 2;
  if (auto rule = rules_.find(name.id); is_top_level && slot.func && rule != rules_.end() && rule_depth_[name.id] < kDeepestRule) {
    ++rule_depth_[name.id];
    add_rule(slot.func, *rule->second, entry, float_type, choice);
    --rule_depth_[name.id];
  }
  --instance_depth_;
  return slot.func;
}

/// `early` has the function from when its signature stands, for calls of itself.
FuncId Analysis::lower_instance(const FnEntry& entry, DType float_type, const Choice* choice, FuncId* early) {
  const Fn& fn = (*entry.ast)[entry.fn];
  Func f;
  f.name = !entry.name.empty() ? entry.name : std::string(m.strings[fn.name.id]);
  // The instance for `real` has the name that the program gives the function; so the command line finds it.
  if (entry.is_generic && (entry.is_prelude || float_type != options.real)) f.name += fmt::format(".{}", dtype_name(float_type));
  else if (entry.is_prelude && (m.find(f.name) || top.contains(fn.name.id))) f.name += ".prelude";
  if (choice) f.name += ".for";  // nobody asks for it by name: which functions it is for cannot be said
  f.name = m.unique_name(f.name);
  f.loc.span = fn.name ? fn.name.span : fn.head;
  f.doc = entry.doc;
  f.blocks.emplace_back();
  const FuncId id = *early = m.add(std::move(f));
  if (entry.model >= 0) float_type = models[static_cast<size_t>(entry.model)].float_type;
  Lowering lowering(*this, *entry.ast, id, entry.env ? entry.env->float_type : float_type);
  if (entry.env) lowering.enter_environment(*entry.env);
  else lowering.enter_model(entry.model, entry.is_training);
  if (choice) lowering.choose(*choice);
  lowering.set_parameter_types(entry.parameter_types);
  if (lowering.lower_function(fn)) return id;
  m.discard(id);
  return {};
}

/// Declared functions in an order in which callees stand before callers, so that lowering never has to recurse through
/// a long chain of calls. Cycles are cut somewhere; `instance` reports them.
std::vector<int32_t> Analysis::callees_first() const {
  const size_t n = functions.size();
  const auto is_of_file = [&](size_t k) { return functions[k].ast == &main; };
  std::vector<std::vector<int32_t>> uses(n);
  // Expressions of one function are contiguous in no useful way; its source range tells whose a node is.
  std::vector<std::pair<int32_t, int32_t>> starts;
  for (size_t k = 0; k < n; ++k)
    if (is_of_file(k)) starts.push_back({main[functions[k].fn].span.begin, static_cast<int32_t>(k)});
  std::sort(starts.begin(), starts.end());
  for (const Expr& e : main.exprs) {
    if (e.kind != ExprKind::name) continue;
    auto it = top.find(e.name);
    if (it == top.end() || it->second.kind != TopLevel::Kind::fn) continue;
    auto after = std::upper_bound(starts.begin(), starts.end(), std::pair{e.span.begin, INT32_MAX});
    if (after == starts.begin()) continue;
    const int32_t user = std::prev(after)->second;
    if (e.span.end <= main[functions[static_cast<size_t>(user)].fn].span.end) uses[static_cast<size_t>(user)].push_back(it->second.index);
  }
  std::vector<int32_t> order;
  std::vector<uint8_t> seen(n);
  for (size_t root = 0; root < n; ++root) {
    std::vector<std::pair<int32_t, size_t>> stack;
    if (!seen[root] && is_of_file(root)) stack.push_back({static_cast<int32_t>(root), 0}), seen[root] = 1;
    while (!stack.empty()) {
      auto& [at, next] = stack.back();
      const auto& callees = uses[static_cast<size_t>(at)];
      if (next == callees.size()) {
        order.push_back(at);
        stack.pop_back();
      } else if (const int32_t callee = callees[next++]; !seen[static_cast<size_t>(callee)]) {
        seen[static_cast<size_t>(callee)] = 1;
        stack.push_back({callee, 0});
      }
    }
  }
  return order;
}

void Analysis::lower_all() {
  for (size_t k = 0; k < constants.size(); ++k) constant(static_cast<int32_t>(k), constants[k].decl->span);
  for (size_t k = 0; k < structs.size(); ++k) constructor(static_cast<int32_t>(k), structs[k].decl->name.span);
  const std::vector<int32_t> order = callees_first();
  for (int32_t k : order) {
    const FnEntry& f = functions[static_cast<size_t>(k)];
    if (!f.is_generic && !f.is_training && !f.takes_functions) instance(k, options.real, main[f.fn].name.span);
  }
  // A generic function is kept for `real` too, by which name it can be asked for. If it is used for the other float only,
  // it need not be right for `real`; if nobody uses it, this is what checks it.
  for (int32_t k : order) {
    const FnEntry& f = functions[static_cast<size_t>(k)];
    if (!f.is_generic || f.takes_functions) continue;
    const bool is_used = f.instances[0].state != FnEntry::Instance::State::none || f.instances[1].state != FnEntry::Instance::State::none;
    Diagnostics unwanted;
    Diagnostics* const all = is_used ? std::exchange(diagnostics, &unwanted) : diagnostics;
    instance(k, options.real, main[f.fn].name.span);
    diagnostics = all;
  }
  for (int32_t k : order) {
    const FnEntry& f = functions[static_cast<size_t>(k)];
    const auto is_decided = [](const auto& one) { return one.second.state != FnEntry::Instance::State::none; };
    if (f.takes_functions && !f.is_training && std::none_of(f.chosen.begin(), f.chosen.end(), is_decided)) check_uncalled(k);
  }
}

void Analysis::lower_exports() {
  std::unordered_map<StrId, Span> exported;
  for (const Decl& d : main.decls) {
    if (d.kind != DeclKind::export_ || d.is_broken) continue;
    const auto [it, is_new] = exported.emplace(d.name.id, d.name.span);
    if (!is_new) {
      diagnostics->error(sema_error("duplicate-name"), d.name.span, fmt::format("`{}` is exported twice", m.strings[d.name.id])).label(it->second, "exported here");
      continue;
    }
    const auto declared = top.find(d.name.id);
    if (d.value && declared != top.end() && declared->second.kind != TopLevel::Kind::unsupported) {
      diagnostics->error(sema_error("duplicate-name"), d.name.span, fmt::format("`{}` is declared already, and is not what this exports", m.strings[d.name.id]))
          .label(declared->second.span, "declared here").help("export it under another name");
      continue;
    }
    Lowering lowering(*this, main, {}, options.real);
    const Val v = lowering.lower_export(d);
    const FuncId f = v.kind == Val::Kind::function ? func_of(v.function, options.real, d.span) : FuncId{};
    if (f) m.exports.push_back({std::string(m.strings[d.name.id]), f, d.name.span});
  }
}

Val Lowering::lower_export(const Decl& d) {
  if (!d.value) {
    if (const TopLevel* top = top_level(d.name.id); top && top->kind == TopLevel::Kind::unsupported) return {};
    if (a_.find_function(d.name.id) >= 0) return a_.function_named(d.name.id, true);
    std::vector<std::string_view> names;
    for (const auto& [name, entry] : a_.top)
      if (entry.kind == TopLevel::Kind::fn) names.push_back(str(name));
    Diagnostic& e = fail(sema_error("export-missing"), d.name.span, fmt::format("this file declares no function `{}`", str(d.name.id)));
    if (const std::string_view near = nearest_name(str(d.name.id), names); !near.empty()) e.help(fmt::format("did you mean `{}`?", near));
    return {};
  }
  const Expr& e = ast_[ast_.strip_parens(d.value)];
  Val v = e.kind == ExprKind::name ? lookup_function(e.name, e.span) : lower(d.value);
  const bool is_function = v.kind == Val::Kind::function && a_.callables[static_cast<size_t>(v.function)].kind != Callable::Kind::array;
  if (!v || is_function) return v;
  fail(sema_error("export-missing"), ast_[d.value].span, fmt::format("`{}` is not a function that can be exported", code(d.value)));
  return {};
}

void Analysis::check_rules() {
  for (const auto& [name, d] : rules_) {
    if (find_function(name) >= 0) continue;
    if (auto it = top.find(name); it != top.end() && it->second.kind == TopLevel::Kind::unsupported) continue;
    std::vector<std::string_view> names;
    for (const auto& [other, entry] : top)
      if (entry.kind == TopLevel::Kind::fn) names.push_back(m.strings[other]);
    std::sort(names.begin(), names.end());
    Diagnostic& e = diagnostics->error(sema_error("unknown-function"), d->name.span, fmt::format("this file declares no function `{}`", m.strings[name]));
    if (const std::string_view near = nearest_name(m.strings[name], names); !near.empty()) e.help(fmt::format("did you mean `{}`?", near));
  }
}

bool Analysis::run() {
  const size_t before = diagnostics->n_errors();
  declare(main);
  check_rules();
  const size_t n_models = models.size();  // those of the prelude come behind
  for (size_t k = 0; k < n_models; ++k) resolve_model(static_cast<int32_t>(k), models[k].decl->name.span);
  lower_all();
  for (size_t k = 0; k < n_models; ++k) hand_over_model(static_cast<int32_t>(k));
  lower_exports();
  for (const Decl& d : main.decls)
    if (d.kind == DeclKind::train && !d.is_broken) lower_train(d);
  const bool is_good = diagnostics->n_errors() == before;
  if (!diagnostics->has_errors()) warn_unused(main, m.strings, *diagnostics);  // what an error hides may be what reads
  return is_good;
}

}  // namespace dlc::sema

namespace dlc {

bool analyse(const Ast& ast, Sources& sources, Module& module, const SemaOptions& options, Diagnostics& diagnostics, FileModels* models) {
  FileModels unused;
  return sema::Analysis(ast, sources, module, options, diagnostics, models ? *models : unused).run();
}

}  // namespace dlc
