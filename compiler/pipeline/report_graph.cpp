// From a trace to nodes and edges.
#include "pipeline/report_graph.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "base/utf8.h"
#include "pipeline/values.h"
#include "report/graph.h"

namespace dlc {
namespace {

constexpr size_t kLargestGraph = 150;   // nodes
constexpr size_t kLongestLine = 36;     // characters of a label

std::string shortened(const std::string& text) {
  if (count_code_points(text) <= kLongestLine) return text;
  size_t at = 0;
  for (size_t n = 0; n < kLongestLine - 1; ++n) at += static_cast<size_t>(decode_utf8(text, at).size);
  return text.substr(0, at) + "…";
}

}  // namespace

Result<std::string> trace_graph(const Func& f, const Trace& forward, const Trace* reverse) {
  if (forward.lines.size() > kLargestGraph)
    return Error{fmt::format("left out: {} nodes are more than a reader can follow (the limit is {})", forward.lines.size(), kLargestGraph)};
  std::map<std::string, const AdjointLine*> adjoints;
  if (reverse && !reverse->sweeps.empty())
    for (const AdjointLine& line : reverse->sweeps[0].lines) adjoints[line.name] = &line;
  Graph graph;
  std::map<int32_t, size_t> node_of;
  for (const TraceLine& line : forward.lines) {
    node_of.try_emplace(line.id.i, graph.nodes.size());
    Graph::Node node;
    node.lines.push_back({shortened(line.expression.empty() ? line.name : line.name + " = " + line.expression)});
    node.lines.push_back({shortened(value_brief(line.value, true)), Graph::Ink::soft});
    if (const auto found = adjoints.find(barred(line.name)); found != adjoints.end())
      node.lines.push_back({shortened(found->first + " = " + value_brief(found->second->value, true)), Graph::Ink::adjoint});
    if (line.expression.empty()) node.role = "input";
    else if (line.name == f.name) node.role = "result";
    graph.nodes.push_back(std::move(node));
  }
  for (size_t to = 0; to < forward.lines.size(); ++to) {
    const TraceLine& line = forward.lines[to];
    if (node_of.at(line.id.i) != to) {  // the result is another value under the function's name
      graph.edges.push_back({node_of.at(line.id.i), to, ""});
      continue;
    }
    std::set<size_t> seen;
    for (ValueId o : f.operands(line.id)) {
      const auto from = node_of.find(o.i);
      if (from == node_of.end() || !seen.insert(from->second).second) continue;
      std::string label;
      const auto adjoint = adjoints.find(barred(forward.lines[from->second].name));
      if (adjoint != adjoints.end())
        for (const AdjointTerm& term : adjoint->second->terms)
          if (term.from == line.name && term.partial) label = short_number(*term.partial);
      graph.edges.push_back({from->second, to, label});
    }
  }
  auto svg = draw(graph);
  if (!svg) return Error{"not drawn: " + svg.error().message};
  return svg;
}

}  // namespace dlc
