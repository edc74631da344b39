// Running `dot` and making its SVG fit for a page.
#include "report/graph.h"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "report/html.h"

extern char** environ;

namespace dlc {
namespace {

const char* color_of(Graph::Ink ink) { return ink == Graph::Ink::adjoint ? "#a3360f" : ink == Graph::Ink::soft ? "#5d6670" : "#1d2126"; }

using TempFile = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

TempFile temporary() { return {std::tmpfile(), [](std::FILE* f) { return f ? std::fclose(f) : 0; }}; }

std::string contents(std::FILE* f) {
  std::string text;
  std::rewind(f);
  char piece[1 << 14];
  while (const size_t n = std::fread(piece, 1, sizeof piece, f)) text.append(piece, n);
  return text;
}

/// Runs `program -Tsvg`. Files, not pipes: the child may write before it has read everything.
Result<std::string> run_layout(const char* program, const std::string& input) {
  const TempFile in = temporary(), out = temporary();
  if (!in || !out || std::fwrite(input.data(), 1, input.size(), in.get()) != input.size() || std::fflush(in.get()) != 0)
    return Error{fmt::format("no temporary file could be written: {}", std::strerror(errno))};
  std::rewind(in.get());
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fileno(in.get()), 0);
  posix_spawn_file_actions_adddup2(&actions, fileno(out.get()), 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1 /* O_WRONLY */, 0);
  char* arguments[] = {const_cast<char*>(program), const_cast<char*>("-Tsvg"), nullptr};
  pid_t child = 0;
  const int error = posix_spawnp(&child, program, &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return Error{"graphviz is not installed on the machine that wrote this page (apt-get install graphviz)"};
  if (error != 0) return Error{fmt::format("`{}` could not be started: {}", program, std::strerror(error))};
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return Error{fmt::format("`{}` was lost: {}", program, std::strerror(errno))};
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return Error{fmt::format("`{}` failed", program)};
  return contents(out.get());
}

/// Cuts every piece from `begin` to the end of `end` out of `text`.
void cut(std::string& text, std::string_view begin, std::string_view end) {
  for (size_t at = 0; (at = text.find(begin, at)) != std::string::npos;) {
    const size_t stop = text.find(end, at + begin.size());
    if (stop == std::string::npos) return;
    text.erase(at, stop + end.size() - at);
  }
}

}  // namespace

std::string dot_text(const Graph& graph) {
  // Courier is a font whose widths graphviz knows without any font being installed; the page draws in its own fixed pitch.
  std::string text = "digraph g {\n  bgcolor=transparent; nodesep=0.35; ranksep=0.4;\n"
                     "  node [shape=box style=rounded fontname=Courier fontsize=12 margin=\"0.14,0.07\"];\n"
                     "  edge [fontname=Courier fontsize=10 arrowsize=0.6];\n";
  for (size_t k = 0; k < graph.nodes.size(); ++k) {
    std::string label;
    for (const Graph::Line& line : graph.nodes[k].lines) {
      if (line.text.empty()) continue;
      label += fmt::format("{}<font color=\"{}\">{}</font>", label.empty() ? "" : "<br/>", color_of(line.ink), escaped(line.text));
    }
    text += fmt::format("  n{} [label=<{}> class=\"{}\"];\n", k, label.empty() ? "?" : label, escaped(graph.nodes[k].role));
  }
  for (const Graph::Edge& e : graph.edges) {
    text += fmt::format("  n{} -> n{}", e.from, e.to);
    if (!e.label.empty()) text += fmt::format(" [label=<<font color=\"{}\"> {} </font>>]", color_of(Graph::Ink::soft), escaped(e.label));
    text += ";\n";
  }
  return text + "}\n";
}

Result<std::string> draw(const Graph& graph, const char* program) {
  auto svg = run_layout(program, dot_text(graph));
  if (!svg) return svg;
  const size_t begin = svg->find("<svg"), end = svg->rfind("</svg>");
  if (begin == std::string::npos || end == std::string::npos) return Error{fmt::format("`{}` wrote no SVG", program)};
  std::string text = svg->substr(begin, end + 6 - begin);
  cut(text, "<!--", "-->");
  cut(text, "<title>", "</title>\n");
  cut(text, " xmlns:xlink=\"", "\"");
  cut(text, " xmlns=\"", "\"");
  cut(text, " id=\"", "\"");  // they would repeat from one graph of the page to the next
  return text;
}

}  // namespace dlc
