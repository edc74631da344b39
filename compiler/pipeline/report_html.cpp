// The page of a report, section by section. Everything that comes from the source passes through escaped().
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "pipeline/arguments.h"
#include "pipeline/report.h"
#include "pipeline/values.h"
#include "report/html.h"
#include "report/mathml.h"

namespace dlc {
namespace {

using Json = nlohmann::ordered_json;

Cell head(const std::string& text, const char* attributes = "") { return {escaped(text), attributes, true}; }
Cell words(const std::string& text) { return {escaped(text), " class=\"words\""}; }
Cell number(const std::string& html) { return {html, " class=\"number\""}; }
Cell mono(const std::string& text) { return {escaped(text), " class=\"mono\""}; }

std::string paragraph(const std::string& html, const char* kind = "") {
  return fmt::format("<p{}>{}</p>\n", *kind ? fmt::format(" class=\"{}\"", kind) : "", html);
}
std::string code(const std::string& text) { return "<code>" + escaped(text) + "</code>"; }

std::string time_text(double nanoseconds) {
  const struct { double from; const char* unit; } kUnits[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {0, "ns"}};
  for (const auto& u : kUnits)
    if (nanoseconds >= u.from) return fmt::format("{:.3g} {}", nanoseconds / std::max(u.from, 1.0), u.unit);
  return "—";
}

std::string anchor(const FunctionReport& r) { return fmt::format("f{}", r.func.i); }

/// The comparison of `dlc check` that belongs to a mode; null when there is none.
const CheckRow* check_row(const FunctionReport& r, const std::string& mode) {
  if (!r.check) return nullptr;
  for (const CheckRow& row : r.check->rows)
    if (row.what == mode && row.n > 0) return &row;
  return nullptr;
}

std::string worst_html(const CheckRow& row) {
  const std::string shown = row.unit == "samples differ" ? (row.worst == 0 ? "same bits as the interpreter" : fmt::format("{} samples differ", row.worst))
                                                         : fmt::format("{:.2g} {}", row.worst, row.unit);
  return fmt::format("<span class=\"{}\">{}</span>", row.failed() ? "bad" : "good", escaped(shown));
}

// ---- tables

/// What a derivative is called in the page.
std::string derivative_name(const FunctionReport& r, const std::string& parameter) {
  return fmt::format("d{}{}/d{}", r.is_scalar ? "" : "Σ", r.name, parameter);
}

/// Rows for a parameter, or for each field of one that is a tuple.
struct GradientRows {
  const std::vector<const ModeReport*>& modes;
  std::string name;
};
using GradientOf = std::function<const InterpValue<double>*(const ModeReport&)>;

void add_gradient_rows(const Module& m, const FunctionReport& r, const GradientRows& which, TypeId id, const GradientOf& gradient, std::vector<TableRow>& rows) {
  const Type type = m.types[id];
  for (size_t k = 0; k < type.fields.size(); ++k) {
    const std::string field = type.fields[k].name ? std::string(m.strings[type.fields[k].name]) : fmt::to_string(k);
    add_gradient_rows(m, r, {which.modes, which.name + "." + field}, type.fields[k].type,
                      [&gradient, k](const ModeReport& mode) { return &gradient(mode)->fields[k]; }, rows);
  }
  if (type.is_tuple()) return;
  rows.push_back({head(derivative_name(r, which.name))});
  for (const ModeReport* mode : which.modes) {
    const InterpValue<double>& v = *gradient(*mode);
    Cell cell{escaped(value_brief(v)), v.dims.empty() ? " class=\"number\"" : " class=\"array\""};
    cell.attributes += fmt::format(" data-function=\"{}\" data-mode=\"{}\" data-wrt=\"{}\"", escaped(r.name), mode->name, escaped(which.name));
    rows.back().push_back(std::move(cell));
  }
}

TypeId parameter_type(const Module& m, const FunctionReport& r, size_t k) {
  const Func& f = m[r.func];
  for (size_t p = 0; p < f.body().params.size(); ++p)
    if (parameter_name(m, f, p) == r.wrt[k]) return f[f.body().params[p]].type;
  return {};
}

std::string gradients_html(const Compilation& c, const FunctionReport& r) {
  std::vector<TableRow> rows(1, {head("")});
  std::vector<const ModeReport*> modes;
  for (const ModeReport& m : r.modes)
    if (!m.gradient.empty()) modes.push_back(&m), rows[0].push_back(head(m.name, " class=\"number\""));
  if (modes.empty()) return {};
  for (size_t k = 0; k < r.wrt.size(); ++k)
    add_gradient_rows(c.module, r, {modes, r.wrt[k]}, parameter_type(c.module, r, k), [k](const ModeReport& m) { return &m.gradient[k]; }, rows);
  return table(rows);
}

std::string frequencies(const OpCounts& ops) {
  std::string text;
  for (size_t k = 0; k < std::min<size_t>(ops.by_name.size(), 5); ++k)
    text += fmt::format("{}{} {}", k ? ", " : "", ops.by_name[k].second, ops.by_name[k].first);
  return text + (ops.by_name.size() > 5 ? ", …" : "");
}

std::string costs_html(const FunctionReport& r) {
  std::vector<const ModeReport*> modes;
  std::vector<TableRow> rows(1, {head("")});
  for (const ModeReport& m : r.modes)
    if (m.left_out.empty()) modes.push_back(&m), rows[0].push_back(head(m.name, " class=\"number\""));
  const auto add = [&](const char* name, auto cell) {
    rows.push_back({head(name)});
    for (const ModeReport* m : modes) rows.back().push_back(cell(*m));
  };
  const auto count = [&](const char* name, int64_t OpCounts::*field) {
    const bool any = std::any_of(modes.begin(), modes.end(), [&](const ModeReport* m) { return m->ops.*field > 0; });
    if (any) add(name, [&](const ModeReport& m) { return number(fmt::to_string(m.ops.*field)); });
  };
  add("passes", [](const ModeReport& m) {
    const size_t colon = m.passes.find(": ");
    return words(m.passes.empty() ? "1 evaluation" : colon == std::string::npos ? m.passes : m.passes.substr(colon + 2));
  });
  add("instructions", [](const ModeReport& m) { return number(fmt::to_string(m.ops.total())); });
  count("… elementwise", &OpCounts::elementwise);
  count("… linear (sums, views)", &OpCounts::linear);
  count("… products of arrays", &OpCounts::products);
  count("… reductions", &OpCounts::reductions);
  count("… control and calls", &OpCounts::control);
  add("most frequent", [](const ModeReport& m) { return words(frequencies(m.ops)); });
  add("nodes as a tree", [&](const ModeReport& m) {
    if (m.name == "value" && r.has_value_size) return number(grouped(r.value_size.tree.get_str()));
    return number(m.size ? grouped(m.size->tree.get_str()) : "—");
  });
  add("nodes as a graph", [&](const ModeReport& m) {
    if (m.name == "value" && r.has_value_size) return number(grouped(fmt::to_string(r.value_size.dag_nodes)));
    return number(m.size ? grouped(fmt::to_string(m.size->dag_nodes)) : "—");
  });
  add("live bytes", [](const ModeReport& m) { return number(grouped(fmt::to_string(m.live_bytes))); });
  add("workspace bytes", [](const ModeReport& m) { return number(grouped(fmt::to_string(m.workspace_bytes))); });
  add("compile time", [](const ModeReport& m) { return number(time_text(m.compile_seconds * 1e9)); });
  add("run time, one call", [](const ModeReport& m) { return number(time_text(m.nanoseconds)); });
  add("worst error", [&](const ModeReport& m) {
    const CheckRow* row = check_row(r, m.name);
    return row ? Cell{worst_html(*row), " class=\"words\""} : number("—");
  });
  std::string out = table(rows);
  for (const ModeReport& m : r.modes)
    if (!m.left_out.empty()) out += paragraph(fmt::format("{} is left out: {}.", escaped(m.name), escaped(m.left_out)), "soft");
  return out;
}

std::string check_html(const FunctionReport& r) {
  if (!r.check) return {};
  if (!r.check->skipped.empty()) return paragraph("Not compared with 200-bit arithmetic: " + escaped(r.check->skipped) + ".", "soft");
  std::string text = fmt::format("Errors are the worst of {} sampled points against 200-bit arithmetic, in ulp of Σ|terms|, as <code>dlc check</code> "
                                 "measures them; numeric mode is measured in its own error estimate.", r.check->n_samples);
  if (r.check->n_kinks > 0) text += fmt::format(" {} of them lie on a kink.", r.check->n_kinks);
  if (r.check->failed()) text += " <span class=\"bad\">A comparison failed: run <code>dlc check</code>.</span>";
  return paragraph(text, "soft");
}

// ---- formulas

std::string swell_html(const FunctionReport& r) {
  if (!r.has_value_size) return {};
  std::string out = "<h3>How large the formulas are</h3>\n";
  out += paragraph("A formula has two sizes. As a <em>tree</em>, every occurrence of a part counts, which is what a person writing it out would write; as a "
                   "<em>graph</em>, equal parts count once, which is what a compiler computes. Derivatives make trees swell, because every product and quotient "
                   "copies its factors; the graph grows by a small factor. dlc never makes the tree.");
  std::vector<TableRow> rows{{head(""), head("tree", " class=\"number\""), head("graph", " class=\"number\""), head("tree ÷ graph", " class=\"number\"")}};
  const auto add = [&](const std::string& name, const mpz_class& tree_size, int64_t dag) {
    const double ratio = tree_size.get_d() / static_cast<double>(std::max<int64_t>(dag, 1));
    rows.push_back({head(name), number(grouped(tree_size.get_str())), number(grouped(fmt::to_string(dag))),
                    number(ratio < 1e4 ? fmt::format("{:.3g}", ratio) : fmt::format("{:.2e}", ratio))});
  };
  add(r.name, r.value_size.tree, r.value_size.dag_nodes);
  for (const TextbookSize& t : r.textbook)
    add(fmt::format("d{}/d{} by the textbook's rules, nothing simplified", r.name, t.parameter), t.tree, t.dag);
  for (const ModeReport& m : r.modes)
    if (m.size) add(fmt::format("{}, by {} mode", r.wrt.size() == 1 ? "the derivative, simplified" : "all derivatives together, simplified", m.name), m.size->tree, m.size->dag_nodes);
  return out + table(rows);
}

void add_equations(const std::vector<ClosedFormLine>& lines, std::vector<Equation>& out) {
  for (const ClosedFormLine& l : lines) out.push_back({l.latex_left, l.latex});
}

std::string form_html(const ClosedForm& form) {
  std::vector<Equation> results, where;
  add_equations(form.results, results);
  add_equations(form.where, where);
  std::string out = mathml_display(results);
  if (!where.empty()) out += "<p>where</p>\n" + mathml_display(where);
  return out + "<details><summary>as text and as LaTeX</summary>\n<pre>" + escaped(as_text(form)) + "</pre>\n<pre>" + escaped(as_latex(form)) + "</pre></details>\n";
}

std::string forms_html(const FunctionReport& r) {
  std::string out = "<h3>Closed forms</h3>\n";
  if (r.value_form) out += form_html(*r.value_form);
  if (r.gradient_form) out += form_html(*r.gradient_form);
  if (!r.no_form.empty()) out += paragraph("There is no closed form here: " + escaped(r.no_form) + ".", "soft");
  else if (!r.is_scalar) out += paragraph("A closed form of the derivative is written for functions that return one number.", "soft");
  return out;
}

// ---- the graph and the traces

std::string graph_html(const FunctionReport& r) {
  std::string out = "<h3>Graph</h3>\n";
  if (r.graph_svg.empty()) return out + paragraph("The graph is " + escaped(r.no_graph) + ".", "soft");
  out += paragraph(r.reverse ? "Each box is a value: what it is, its number, and its <span class=\"adjoint\">adjoint</span>, the derivative of the result by it. "
                               "The number at an edge is the local derivative: an adjoint is the sum, over the edges that leave its box, of that number times "
                               "the adjoint at the other end."
                             : "Each box is a value: what it is and its number.", "soft");
  return out + "<div class=\"graph\">" + r.graph_svg + "</div>\n";
}

std::string forward_html(const Trace& t) {
  std::vector<TableRow> rows{{head("value"), head("is"), head("number", " class=\"number\"")}};
  for (const std::string& x : t.wrt) rows[0].push_back(head("∂/∂" + x, " class=\"number\""));
  for (const TraceLine& line : t.lines) {
    rows.push_back({head(line.name, " class=\"mono\""), mono(line.expression), number(escaped(value_brief(line.value)))});
    for (const auto& d : line.tangents) rows.back().push_back(number(escaped(value_brief(d))));
  }
  std::string out = "<h3>Forward trace</h3>\n";
  if (!t.wrt.empty()) out += paragraph(escaped(t.passes) + ".", "soft");
  if (!t.note.empty()) out += paragraph(escaped(t.note) + ".", "soft");
  return out + table(rows);
}

std::string reverse_html(const Trace& t) {
  std::string out = "<h3>Reverse trace</h3>\n" + paragraph(escaped(t.passes) + ". Read it downwards: the sweep begins at the result.", "soft");
  if (!t.note.empty()) out += paragraph(escaped(t.note) + ".", "soft");
  for (const BackwardSweep& sweep : t.sweeps) {
    std::vector<TableRow> rows{{head("adjoint"), head("is the sum of"), head("number", " class=\"number\"")}};
    for (const AdjointLine& line : sweep.lines) {
      std::string sum = sum_text(line);
      const std::string value = value_brief(line.value);
      if (line.terms.empty()) sum = line.name == barred(sweep.function) ? "the seed" : "nothing depends on it";
      else if (sum.ends_with(" = " + value)) sum.resize(sum.size() - value.size() - 3);
      rows.push_back({{escaped(line.name), " class=\"mono adjoint\"", true}, mono(sum), number(escaped(value))});
    }
    out += table(rows);
  }
  return out;
}

// ---- functions and the page

std::string function_html(const Compilation& c, const FunctionReport& r) {
  std::string out = fmt::format("<section id=\"{}\" data-function=\"{}\">\n<h2>{}</h2>\n", anchor(r), escaped(r.name), escaped(r.name));
  out += paragraph(code("fn " + r.name + r.signature));
  if (!r.doc.empty()) out += paragraph(escaped(r.doc), "doc");
  if (!r.skipped.empty()) return out + paragraph("Nothing is measured: " + escaped(r.skipped) + ".") + "</section>\n";
  std::string at = r.point.empty() ? "" : " at " + code(r.point);
  if (!r.sizes.empty()) at += (at.empty() ? " with " : ", with ") + code(r.sizes);
  out += paragraph(fmt::format("Value{}: <strong class=\"mono\">{}</strong>", at, escaped(value_brief(r.value))));
  if (r.is_sampled && !r.point.empty())
    out += paragraph("No point was given, so this one is sampled as <code>dlc check</code> samples, free sizes at most 5, and rounded to three decimals. "
                     "<code>--at</code> chooses another.", "soft");
  out += "<h3>The modes side by side</h3>\n";
  if (!r.no_derivative.empty()) out += paragraph("There is no derivative: " + escaped(r.no_derivative) + ".", "soft");
  if (!r.is_scalar && r.no_derivative.empty())
    out += paragraph("The result is an array: the derivative is that of the sum of its elements, a product with a vector of ones.", "soft");
  out += gradients_html(c, r) + costs_html(r) + check_html(r) + swell_html(r) + forms_html(r) + graph_html(r);
  if (r.forward) out += forward_html(*r.forward);
  if (r.reverse) out += reverse_html(*r.reverse);
  if (!r.no_trace.empty()) out += "<h3>Traces</h3>\n" + paragraph("The traces are " + escaped(r.no_trace) + ".", "soft");
  return out + "</section>\n";
}

std::string brief(const std::string& point) {
  constexpr int64_t kColumns = 48;
  size_t at = 0;
  for (int64_t n = 0; n < kColumns && at < point.size(); ++n) at += static_cast<size_t>(decode_utf8(point, at).size);
  return point.substr(0, at) + (at < point.size() ? "…" : "");
}

/// The largest of the comparisons in ulp, or why there is none.
std::string verdict_html(const FunctionReport& r) {
  if (!r.skipped.empty()) return escaped("not measured: " + r.skipped);
  if (!r.check || !r.check->skipped.empty()) return "not compared";
  const CheckRow* worst = nullptr;
  for (const CheckRow& row : r.check->rows)
    if (row.n > 0 && row.unit == "ulp" && (!worst || row.worst > worst->worst)) worst = &row;
  if (r.check->failed()) return "<span class=\"bad\">a comparison failed</span>";
  return worst ? worst_html(*worst) : "<span class=\"good\">same bits as the interpreter</span>";
}

std::string overview_html(const std::vector<FunctionReport>& functions) {
  std::vector<TableRow> rows{{head("function"), head("at"), head("value", " class=\"number\""), head("reverse", " class=\"number\""), head("worst error", " class=\"number\"")}};
  for (const FunctionReport& r : functions) {
    const auto reverse = std::find_if(r.modes.begin(), r.modes.end(), [](const ModeReport& m) { return m.name == "reverse" && m.left_out.empty(); });
    std::string ratio = "—";
    if (reverse != r.modes.end() && r.modes[0].nanoseconds > 0) ratio = fmt::format("{:.2g} × the value", reverse->nanoseconds / r.modes[0].nanoseconds);
    rows.push_back({{fmt::format("<a href=\"#{}\">{}</a>", anchor(r), escaped(r.name)), " class=\"mono\"", true}, mono(brief(r.point)),
                    number(r.skipped.empty() ? escaped(value_brief(r.value)) : "—"), number(ratio), {verdict_html(r), " class=\"words\""}});
  }
  return table(rows);
}

std::string source_html(const Compilation& c, const std::vector<FunctionReport>& functions) {
  const Span span = functions.empty() ? Span{} : c.module[functions[0].func].loc.span;
  if (!span) return {};
  return "<h2>The source</h2>\n<pre>" + escaped(c.sources[span.file].text) + "</pre>\n";
}

}  // namespace

std::string report_html(const Compilation& c, const std::string& file, const std::vector<FunctionReport>& functions) {
  std::string body = fmt::format("<h1>{}</h1>\n", escaped(file));
  body += paragraph("Values, derivatives in every mode, and what they cost, as <code>dlc report</code> measured them.", "soft");
  body += overview_html(functions);
  for (const FunctionReport& r : functions) body += function_html(c, r);
  body += source_html(c, functions);
  body += "<footer>\n<p><b>passes</b>: evaluations of the function, or of it with a tangent, or sweeps back. <b>instructions</b>: of the IR after all passes, "
          "constants not counted; a derivative's include those of the value it needs. <b>live bytes</b>: the most at one time if every value of the IR were stored. "
          "<b>workspace bytes</b>: what the machine code does store beside its arguments and results; scalars stay in registers. <b>compile time</b>: deriving, "
          "passes and machine code, the first time each. <b>run time</b>: a derivative's includes the value; the least mean of ten batches of calls, on the machine that wrote "
          "this page. Some tens of nanoseconds of each are the call through pointers.</p>\n</footer>\n";
  return page("dlc report: " + file, body);
}

Json report_json(const FunctionReport& r) {
  Json json = {{"function", r.name}};
  if (!r.skipped.empty()) return json["skipped"] = r.skipped, json;
  json["at"] = r.point, json["sampled"] = r.is_sampled, json["value"] = value_brief(r.value);
  if (!r.no_derivative.empty()) json["no_derivative"] = r.no_derivative;
  if (r.has_value_size) json["tree"] = r.value_size.tree.get_str(), json["graph"] = r.value_size.dag_nodes;
  json["modes"] = Json::array();
  for (const ModeReport& m : r.modes) {
    Json one = {{"mode", m.name}};
    if (!m.left_out.empty()) {
      one["left_out"] = m.left_out;
    } else {
      one["passes"] = m.passes, one["instructions"] = m.ops.total();
      if (m.size) one["tree"] = m.size->tree.get_str(), one["graph"] = m.size->dag_nodes;
      one["live_bytes"] = m.live_bytes, one["workspace_bytes"] = m.workspace_bytes;
      one["compile_seconds"] = m.compile_seconds, one["nanoseconds"] = m.nanoseconds;
      for (size_t k = 0; k < m.gradient.size(); ++k) one["derivative"][r.wrt[k]] = value_brief(m.gradient[k]);
      if (const CheckRow* row = check_row(r, m.name)) one["worst"] = {{"error", number_json(row->worst)}, {"unit", row->unit}};
    }
    json["modes"].push_back(std::move(one));
  }
  return json;
}

}  // namespace dlc
