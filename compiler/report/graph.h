// A graph as SVG, laid out by graphviz's `dot`, which runs as a child process: a report needs no library for it, and a
// machine without graphviz gets a page that says so.
//
//   Graph g;
//   g.nodes.push_back({.lines = {{"x1"}, {"0.5"}}, .role = "input"});
//   const Result<std::string> svg = draw(g);          // "<svg …>…</svg>", to stand in an HTML page
//
// The SVG has no references, no script, no namespace declaration and no size in points; its colours are those of
// report/style.h.
#pragma once
#include <string>
#include <vector>

#include "base/result.h"

namespace dlc {

struct Graph {
  enum class Ink : uint8_t { normal, soft, adjoint };
  struct Line {
    std::string text;  // plain; escaped when drawn
    Ink ink = Ink::normal;
  };
  struct Node {
    std::vector<Line> lines;
    std::string role;  // a class of the SVG: "input", "result" or nothing
  };
  struct Edge {
    size_t from = 0, to = 0;
    std::string label;
  };
  std::vector<Node> nodes;
  std::vector<Edge> edges;
};

/// The graph in graphviz's language.
std::string dot_text(const Graph& graph);
/// The error is a sentence for the reader of the page: graphviz is missing, or what went wrong. `program` is run with
/// the argument -Tsvg.
Result<std::string> draw(const Graph& graph, const char* program = "dot");

}  // namespace dlc
