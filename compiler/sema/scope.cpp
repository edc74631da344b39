// Names: what is in scope, what is suggested for one that is not, and how errors tell where sizes came from.
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "sema/builtins.h"
#include "sema/lowering.h"
#include "syntax/parser.h"

namespace dlc::sema {

Diagnostic& Lowering::fail(const DiagnosticKind& kind, Span span, std::string message) {
  failed_ = true;
  return a_.diagnostics->error(kind, span, std::move(message));
}

Val Lowering::unsupported(Span span, std::string_view what) {
  fail(sema_error("not-supported-yet"), span, fmt::format("{} not supported yet", what));
  stopped_ = true;
  return {};
}

void Lowering::bind(Binding binding) {
  auto [it, is_new] = visible_.try_emplace(binding.name, -1);
  binding.hidden = it->second;
  binding.depth = regions_.size();
  it->second = static_cast<int32_t>(bindings_.size());
  bindings_.push_back(std::move(binding));
}

void Lowering::pop_scope(size_t mark) {
  while (bindings_.size() > mark) {
    visible_[bindings_.back().name] = bindings_.back().hidden;
    bindings_.pop_back();
  }
}

Binding* Lowering::find(StrId name) {
  auto it = visible_.find(name);
  return it == visible_.end() || it->second < 0 ? nullptr : &bindings_[static_cast<size_t>(it->second)];
}

std::string Lowering::code(ExprId e) const { return e ? expr_text(ast_, e, a_.sources) : "?"; }

Val Lowering::lookup(StrId name, Span span) {
  if (Binding* binding = find(name)) {
    if (binding->is_foreign) {
      fail(sema_error("capture-of-var"), span, fmt::format("`{}` is a `var` of the function around", str(name)))
          .label(binding->span, "declared here")
          .help(fmt::format("bind its value of now by `let`, or make it a parameter"));
      return {};
    }
    if (!binding->is_set) {
      if (binding->val.kind == Val::Kind::error && binding->type)
        fail(sema_error("unset-variable"), span, fmt::format("`{}` is read before it is set", str(name)))
            .label(binding->span, "declared here without a value");
      return {};
    }
    Val v = binding->val;
    v.origin = binding->span;
    return v;
  }
  if (model_ >= 0) {
    if (Val f = model_function(name)) return f;
    if (str(name) == "training" || str(name) == "key") return model_value(name, span);
    if (a_.models[static_cast<size_t>(model_)].find_layer(name)) return layer_value(name, span);
  }
  if (const TopLevel* top = top_level(name)) {
    if (top->kind == TopLevel::Kind::constant) {
      Val v = a_.constant(top->index, span);
      if (!v) failed_ = true;
      v.origin = top->span;
      return v;
    }
    if (top->kind == TopLevel::Kind::unsupported) return failed_ = true, Val{};
  }
  const std::string_view text = str(name);
  if (text == "π") return number(3.14159265358979323846, span);
  if (text == "inf") return number(HUGE_VAL, span);
  if (text == "nan") return number(std::numeric_limits<double>::quiet_NaN(), span);
  if (Val f = a_.function_named(name, is_main())) return f;
  return unknown_name(name, span, false);
}

/// In callee position a name means the innermost *function*; values do not hide it.
Val Lowering::lookup_function(StrId name, Span span) {
  auto it = visible_.find(name);
  bool is_value = false;
  for (int32_t k = it == visible_.end() ? -1 : it->second; k >= 0; k = bindings_[static_cast<size_t>(k)].hidden) {
    const Binding& binding = bindings_[static_cast<size_t>(k)];
    if (binding.val.kind == Val::Kind::function) return binding.val;
    if (!binding.val && binding.kind == Binding::Kind::let) return failed_ = true, Val{};  // reported where it was bound
    is_value = true;
  }
  if (env_ && env_->self == name && !is_value) {
    fail(sema_error("value-recursion"), span, fmt::format("`{}` calls itself", str(name))).help("use a `while` loop");
    return {};
  }
  if (model_ >= 0)
    if (Val f = model_function(name)) return f;
  const TopLevel* top = top_level(name);
  if (top && top->kind == TopLevel::Kind::unsupported) return failed_ = true, Val{};
  if (Val f = a_.function_named(name, is_main())) return f;
  is_value = is_value || (top && top->kind == TopLevel::Kind::constant);
  if (is_value || str(name) == "π" || str(name) == "inf" || str(name) == "nan") {
    fail(sema_error("not-a-function"), span, fmt::format("`{}` is not a function", str(name)));
    return {};
  }
  return unknown_name(name, span, true);
}

Val Lowering::unknown_name(StrId name, Span span, bool is_function) {
  std::vector<std::string_view> candidates = a_.function_names();
  if (!is_function) {
    for (const auto& [id, index] : visible_)
      if (index >= 0) candidates.push_back(str(id));
    for (std::string_view constant : {"π", "inf", "nan"}) candidates.push_back(constant);
    for (const auto& [id, declared] : a_.top)
      if (declared.kind == TopLevel::Kind::constant) candidates.push_back(str(id));
  }
  const DiagnosticKind& kind = is_function ? sema_error("unknown-function") : sema_error("unknown-name");
  Diagnostic& d = fail(kind, span, fmt::format("{} `{}` is not declared", is_function ? "the function" : "the name", str(name)));
  if (str(name) == "pi" && !is_function) d.help("write `π`");
  else if (const std::string_view near = nearest_name(str(name), candidates); !near.empty())
    d.help(fmt::format("did you mean `{}`?", near));
  return {};
}

/// Where the size variables of `size` were declared.
void Lowering::label_sizes(Diagnostic& d, DimId size) {
  for (StrId v : dims().variables(size))
    if (Binding* binding = find(v); binding && binding->kind == Binding::Kind::size) {
      bool is_told = false;
      for (const Label& l : d.labels) is_told = is_told || l.span == binding->span;
      if (!is_told) d.label(binding->span, fmt::format("`{}` is declared here", str(v)));
    }
}

/// The operand's type under it, and where the name it goes by was declared.
void Lowering::label_operand(Diagnostic& d, const Val& v, ExprId e) {
  if (!v) return;
  const Span here = e ? ast_[e].span : Span{};
  if (here) d.label(here, type_text(v));
  if (v.origin && v.origin != here) d.label(v.origin, fmt::format("`{}` is declared here: {}", code(e), type_text(v)));
}

/// Two operands whose sizes x and y should agree: their types, and where these come from.
void Lowering::label_pair(Diagnostic& d, const Val& left, ExprId left_expr, DimId x, const Val& right, ExprId right_expr, DimId y) {
  label_operand(d, left, left_expr);
  label_operand(d, right, right_expr);
  if (!left.origin) label_sizes(d, x);
  if (!right.origin) label_sizes(d, y);
}

}  // namespace dlc::sema
