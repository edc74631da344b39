// Finding the page for a word. The kinks are the section of docs/derivatives.md, embedded when dlc is built.
#include "pipeline/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "ad/errors.h"
#include "interp/errors.h"
#include "ir/errors.h"
#include "ops/errors.h"
#include "ops/request_errors.h"
#include "ops/table.h"
#include "passes/errors.h"
#include "pipeline/errors.h"
#include "pipeline/kinks_text.h"
#include "prelude/prelude.h"
#include "sema/builtins.h"
#include "sema/errors.h"
#include "symbolic/errors.h"
#include "syntax/errors.h"

namespace dlc {
namespace {

constexpr std::span<const DiagnosticKind> kTables[] = {kSyntaxErrors, kIrErrors, kSemaErrors, kSizeErrors, kRequestErrors, kPassErrors,
                                                       kAdErrors,     kSymbolicErrors, kCallErrors, kPipelineErrors};

/// Folds a paragraph to lines of at most 100 characters; lines that begin with white space stay as they are.
std::string folded(std::string_view text, std::string_view indent = "") {
  constexpr size_t kWidth = 100;
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (line.size() > kWidth && line.front() != ' ') {
      const size_t space = line.rfind(' ', kWidth);
      if (space == std::string_view::npos || space == 0) break;
      out += fmt::format("{}{}\n", indent, line.substr(0, space));
      line.remove_prefix(space + 1);
    }
    out += line.empty() ? "\n" : fmt::format("{}{}\n", indent, line);
  }
  return out;
}

std::string kinks_section() {
  const std::string_view all = kDerivativesText;
  const size_t begin = all.find("## Conventions at kinks");
  const size_t end = all.find("\n## ", begin + 1);
  return std::string(all.substr(begin + 3, end == std::string_view::npos ? end : end - begin - 3)) + "\n";
}

const char* type_rule_text(TypeRule rule) {
  switch (rule) {
    case TypeRule::same_float: return "floats of one type, and so is the result";
    case TypeRule::same_number: return "floats of one type or ints, and so is the result";
    case TypeRule::compare: return "numbers of one type; the result is a bool";
    case TypeRule::equality: return "numbers of one type, or bools; the result is a bool";
    case TypeRule::logic: return "bools, and so is the result";
    case TypeRule::select: return "a bool and two values of one type, which is the result's";
    case TypeRule::integer: return "ints, and so is the result";
    case TypeRule::float_int: return "a float and an int; the result is of the float's type";
    case TypeRule::int_float: return "an int and a float; the result is of the float's type";
    case TypeRule::to_f32: return "a number or bool; the result is f32";
    case TypeRule::to_f64: return "a number or bool; the result is f64";
    case TypeRule::to_int: return "a number or bool; the result is an int";
    case TypeRule::bits: return "a float; the result is an int, its bit pattern";
    case TypeRule::from_bits64: case TypeRule::from_bits32: return "an int, taken as a bit pattern";
    case TypeRule::to_key: return "an int; the result is a key";
    case TypeRule::key_bits: return "a key; the result is an int";
    case TypeRule::none: return "see docs/language.md";
  }
  return "";
}

std::string head_text(const Op& row) {
  if (row.arity < 0) return fmt::format("{}(…)", row.name);
  constexpr const char* kOperands[] = {"a", "b", "c"};
  const int n = std::min<int>(row.arity, 3);
  if (row.symbol && row.precedence > 0 && n == 2) return fmt::format("a {} b", row.symbol);
  if (row.symbol && row.precedence > 0 && n == 1) return fmt::format("{}a", row.symbol);
  std::string list;
  for (int k = 0; k < n; ++k) list += fmt::format("{}{}", k ? ", " : "", kOperands[k]);
  return fmt::format("{}({})", row.symbol ? row.symbol : row.name, list);
}

void add_rules(std::string& text, std::string_view title, const char* const* rules, size_t n) {
  for (size_t k = 0; k < n && rules[k]; ++k) text += k == 0 ? fmt::format("\n{}\n", title) + folded(rules[k], "  ") : folded(rules[k], "  ");
}

std::string op_page(const Op& row) {
  std::string text = fmt::format("{}    {}\n", head_text(row), row.doc ? row.doc : "");
  text += fmt::format("\nop `{}`, operands: {}\n", row.name, type_rule_text(row.type));
  if (row.kind == OpKind::elementwise) {
    text += "\nderivative (g is carried: a tangent forward, a cotangent back; y is the result)\n";
    for (int k = 0; k < std::min<int>(row.arity, 3); ++k) {
      const std::string_view rule = row.diff[k] ? row.diff[k] : "";
      std::string shown = rule.empty() ? "none: not differentiable" : rule == "0" ? "0: piecewise constant" : std::string(rule);
      for (size_t at = 0; (at = shown.find('\n', at)) != std::string::npos; at += 9) shown.replace(at, 1, "\n        ");
      text += fmt::format("  by {}: {}\n", "abc"[k], shown);
    }
  } else if (row.transpose) {
    text += "\nlinear in its float operands: the tangent is the op on the tangent, the adjoint its transpose\n";
  } else if (row.weight) {
    text += "\nderivative: each element's share of the result, times what is carried\n";
  }
  add_rules(text, "identities", row.identity, std::size(row.identity));
  add_rules(text, "more accurate forms, which are taken instead", row.stable, std::size(row.stable));
  add_rules(text, "identities with --fast only (not for inf and nan)", row.fast, std::size(row.fast));
  if (row.why) text += "\nwhy\n" + folded(row.why, "  ");
  if (row.latex) text += fmt::format("\nLaTeX: {}\n", row.latex);
  if (row.kind == OpKind::elementwise) {
    text += row.max_ulp == 0 ? "accuracy: correctly rounded\n" : fmt::format("accuracy: {} ulp\n", static_cast<int>(row.max_ulp));
    if (row.unbounded_diff) text += "its derivative can be infinite: where nothing flows, it is gated to 0\n";
    if (!row.analytic) text += "not analytic: no complex step through it\n";
  }
  return text;
}

struct DerivativePage {
  std::string_view name;
  const char* text;
};
constexpr DerivativePage kDerivativePages[] = {
    {"grad", "grad(f, wrt = x, mode = m, of = y)    The function that returns the derivative of f's scalar float result by x, or by a list [x, w].\n"},
    {"value_and_grad", "value_and_grad(f, wrt = x, mode = m, of = y)    As grad, and returns f's value before it.\n"},
    {"jvp", "jvp(f, wrt = x, mode = m, of = y)    The derivative along one direction: takes f's arguments, then a direction for each of wrt.\n"},
    {"vjp", "vjp(f, wrt = x, mode = m, of = y)    The derivative of one combination of f's results: takes f's arguments, then a weight for each result.\n"},
};

/// A prelude function: the `///` lines above it and its signature.
std::string prelude_page(std::string_view name) {
  for (const PreludeFile& file : prelude_files())
    for (size_t at = file.text.find("fn "); at != std::string_view::npos; at = file.text.find("\nfn ", at + 1)) {
      const size_t begin = file.text[at] == '\n' ? at + 1 : at, end = begin + 3 + name.size();
      if (file.text.substr(begin + 3, name.size()) != name || (file.text.substr(end, 1) != "[" && file.text.substr(end, 1) != "(")) continue;
      const std::string_view line = file.text.substr(begin + 3, file.text.find_first_of("{=\n", begin) - begin - 3);
      std::string doc;
      for (size_t next = begin; next > 1;) {
        const size_t above = file.text.rfind('\n', next - 2) + 1;
        if (file.text.substr(above, 4) != "/// ") break;
        doc = std::string(file.text.substr(above + 4, next - 1 - above - 4)) + (doc.empty() ? "" : " ") + doc;
        next = above;
      }
      return folded(fmt::format("{}   {}", line, doc)) + fmt::format("\nwritten in dlc, in prelude/{}; its derivatives are those of its text\n", file.name);
    }
  return "";
}

/// A function that is no op of the table; empty when there is none. One of a name with an op is about arrays.
std::string function_page(std::string_view name) {
  for (const DerivativePage& d : kDerivativePages)
    if (name == d.name) return folded(d.text) + "\nmodes: forward, reverse, symbolic, numeric; see docs/derivatives.md\n";
  if (name == "real") return "real(a)    As a float of the type that `real` means: f64, or f32 with --real f32. See f64, f32.\n";
  if (const sema::BuiltinRow* row = sema::find_builtin(name)) {
    std::string text = folded(fmt::format("{}    {}", row->usage, row->doc));
    if (row->is_reduction) text += fmt::format("\nalso over indices: {}[i](x[i]), and {}[i in 0..n](…)\n", name, name);
    const std::string own = prelude_page(name);  // of one vector, which the row applies along an axis
    return own.empty() ? text : text + "\n" + own;
  }
  return prelude_page(name);
}

/// By its name in the language first: `div` is the quotient of ints, although `a / b` is the op of that name.
OpId op_named(std::string_view name) {
  if (name == "ln") name = "log";
  OpId op = find_function(name);
  if (!op) op = find_operator(name, 2);
  if (!op) op = find_operator(name, 1);
  return op ? op : find_op(name);
}

}  // namespace

std::vector<const DiagnosticKind*> all_diagnostics() {
  std::vector<const DiagnosticKind*> all;
  for (const auto& table : kTables)
    for (const DiagnosticKind& kind : table) {
      // What two folders can find (sema where a `grad` is written, ad/ where one is requested) has one slug.
      const auto is_same = [&](const DiagnosticKind* other) { return std::string_view(other->slug) == kind.slug; };
      if (std::none_of(all.begin(), all.end(), is_same)) all.push_back(&kind);
    }
  return all;
}

Result<Topic> explain(std::string_view name) {
  if (name == "kinks") return Topic{TopicKind::kinks, "kinks", kinks_section()};
  for (const DiagnosticKind* kind : all_diagnostics())
    if (name == kind->slug) {
      const char* severity = kind->severity == Severity::error ? "error" : kind->severity == Severity::warning ? "warning" : "note";
      return Topic{TopicKind::diagnostic, kind->slug, fmt::format("{}[{}]\n\n{}", severity, kind->slug, folded(kind->explanation))};
    }
  const std::string page = function_page(name);
  const OpId op = op_named(name);
  if (!page.empty()) return Topic{TopicKind::function, std::string(name), page + (op ? "\n" + op_page(op_row(op)) : "")};
  if (op) return Topic{TopicKind::op, op_row(op).name, op_page(op_row(op))};

  std::vector<std::string_view> names{"kinks"};
  for (const DiagnosticKind* kind : all_diagnostics()) names.push_back(kind->slug);
  for (const sema::BuiltinRow& row : sema::builtin_rows()) names.push_back(row.name);
  for (const DerivativePage& d : kDerivativePages) names.push_back(d.name);
  for (int k = 0; k < n_ops(); ++k) names.push_back(op_row(OpId{k}).name);
  const std::string_view near = nearest_name(name, names);
  return Error{fmt::format("there is no message, function or op `{}`{}", name,
                           near.empty() ? "; `dlc explain --list` shows the messages" : fmt::format(", did you mean `{}`?", near))};
}

}  // namespace dlc
