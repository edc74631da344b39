// Assembling the equations of a closed form, see closed_form.h.
#include "symbolic/closed_form.h"

#include <fmt/format.h>

#include <utility>

#include "ad/leaves.h"
#include "base/check.h"
#include "symbolic/render.h"
#include "symbolic/straight_line.h"
#include "symbolic/to_formula.h"

namespace dlc {
namespace {

ClosedFormLine definition_line(const Formulas& formulas, const ToFormula::Definition& definition) {
  ClosedFormLine line;
  line.text_left = text_of(formulas, definition.name), line.latex_left = latex_of(formulas, definition.name);
  line.text = text_of(formulas, definition.body, definition.dtype), line.latex = latex_of(formulas, definition.body);
  if (definition.binders.empty()) return line;
  std::string binders, subscripts;
  for (const Formula::Binder& b : definition.binders) {
    binders += fmt::format("{}{} in {}..{}", binders.empty() ? "" : ", ", b.name, text_of(formulas, b.lo),
                           text_of(formulas, b.hi));
    subscripts += fmt::format("{}{}", subscripts.empty() ? "" : ", ", latex_name(b.name));
  }
  line.text_left += fmt::format("[{}]", binders);
  line.latex_left = latex_subscripted(line.latex_left, subscripts);
  return line;
}

/// Paths of the leaves of a value: "x", or "x.a", "x.b", …
void leaf_paths(const Module& m, TypeId type, const std::string& path, std::vector<std::string>& out,
                bool floats_only) {
  const Type t = m.types[type];
  if (!t.is_tuple()) {
    if (!floats_only || is_float(t.dtype)) out.push_back(path);
    return;
  }
  for (size_t k = 0; k < t.fields.size(); ++k) {
    const StrId name = t.fields[k].name;
    const std::string field = name ? std::string(m.strings[name]) : fmt::format("{}", k);
    leaf_paths(m, t.fields[k].type, path.empty() ? field : path + "." + field, out, floats_only);
  }
}

}  // namespace

std::optional<ClosedForm> closed_form(Module& m, FuncId f, std::span<const ResultName> names, const Sources* sources,
                                      Diagnostics& diagnostics) {
  const FuncId id = straight_line(m, f, m[f].name + ".line", diagnostics);
  if (!id) return std::nullopt;
  Builder b(m, id, BlockId{0});
  const ValueId whole = m[id].body().result;
  const std::vector<ValueId> leaves = leaf_values(b, whole, m[id][whole].loc);
  DLC_CHECK(leaves.size() == names.size(), "a name for each result");
  std::vector<ValueId> results;
  for (size_t k = 0; k < leaves.size(); ++k)
    if (!names[k].text.empty()) results.push_back(leaves[k]);

  ToFormula to(m, m[id], sources);
  to.run(needed_values(m[id], results), results);
  ClosedForm form;
  for (size_t k = 0; k < leaves.size(); ++k) {
    if (names[k].text.empty()) continue;
    const FormulaId formula = to.result(leaves[k]);
    form.results.push_back(
        {names[k].text, text_of(to.formulas(), formula), names[k].latex, latex_of(to.formulas(), formula)});
  }
  for (const ToFormula::Definition& d : to.definitions()) form.where.push_back(definition_line(to.formulas(), d));
  return form;
}

std::vector<ResultName> value_names(const Module& m, FuncId f) {
  std::vector<std::string> paths;
  const bool is_tuple = m.types[m[f].result_type()].is_tuple();
  leaf_paths(m, m[f].result_type(), is_tuple ? "" : m[f].name, paths, false);
  std::vector<ResultName> names;
  for (const std::string& path : paths) names.push_back({path, latex_name(path)});
  return names;
}

std::vector<ResultName> gradient_names(const Module& m, FuncId f, const Wrt& wrt, bool with_value) {
  std::vector<ResultName> names = value_names(m, f);
  if (!with_value)
    for (ResultName& name : names) name = {};
  const Func& func = m[f];
  for (size_t k = 0; k < wrt.active.size(); ++k) {
    const Inst p = func[func.body().params[k]];
    std::vector<std::string> paths;
    if (wrt.active[k]) leaf_paths(m, p.type, std::string(m.strings[m[p.attr].name]), paths, true);
    for (const std::string& path : paths)
      names.push_back({fmt::format("d{}/d{}", func.name, path),
                       fmt::format("\\frac{{\\partial {}}}{{\\partial {}}}", latex_name(func.name), latex_name(path))});
  }
  return names;
}

std::string as_text(const ClosedForm& form) {
  std::string text;
  for (const ClosedFormLine& line : form.results) text += fmt::format("{} = {}\n", line.text_left, line.text);
  const char* lead = "  where ";
  for (const ClosedFormLine& line : form.where)
    text += fmt::format("{}{} = {}\n", std::exchange(lead, "        "), line.text_left, line.text);
  return text;
}

std::string as_latex(const ClosedForm& form) {
  std::string text = "\\begin{aligned}\n";
  for (const ClosedFormLine& line : form.results) text += fmt::format("{} &= {} \\\\\n", line.latex_left, line.latex);
  const char* lead = "\\text{where}\\quad ";
  for (const ClosedFormLine& line : form.where)
    text += fmt::format("{}{} &= {} \\\\\n", std::exchange(lead, ""), line.latex_left, line.latex);
  return text + "\\end{aligned}\n";
}

std::string as_function(const Module& m, FuncId f, std::string_view name, const ClosedForm& form) {
  const Func& func = m[f];
  std::string sizes, params, body, results;
  for (StrId size : func.size_vars) sizes += fmt::format("{}{}", sizes.empty() ? "" : ", ", m.strings[size]);
  for (ValueId p : func.body().params)
    params += fmt::format("{}{}: {}", params.empty() ? "" : ", ", m.strings[m[func[p].attr].name],
                          m.types.text(func[p].type));
  for (const ClosedFormLine& line : form.where) body += fmt::format("  let {} = {}\n", line.text_left, line.text);
  for (const ClosedFormLine& line : form.results)
    results += fmt::format("{}{}", results.empty() ? "" : ", ", line.text);
  if (form.results.size() != 1) results = "(" + results + ")";
  return fmt::format("fn {}{}({}) {{\n{}  return {}\n}}\n", name, sizes.empty() ? "" : "[" + sizes + "]", params, body,
                     results);
}

}  // namespace dlc
