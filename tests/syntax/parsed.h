// What the syntax tests share: a text, its tree and its messages in one object.
#pragma once
#include <fstream>
#include <sstream>
#include <string>

#include "syntax/parser.h"

namespace dlc {

struct Parsed {
  Sources sources;
  Interner names;
  Diagnostics diagnostics;
  Ast ast;

  /// The messages as `line:column slug`, in order, joined by "; ".
  std::string errors() const {
    std::string out;
    for (const Diagnostic& d : diagnostics.all()) {
      const LineColumn at = sources.line_column(d.span.file, d.span.begin);
      out += (out.empty() ? "" : "; ") + std::to_string(at.line) + ":" + std::to_string(at.column) + " " + d.kind->slug;
    }
    return out;
  }
  std::string tree() const { return print_ast(ast, names); }
};

inline Parsed parse_text(std::string text) {
  Parsed p;
  const FileId file = p.sources.add("test.dl", std::move(text));
  p.ast = parse(p.sources, file, p.names, p.diagnostics);
  return p;
}

inline Parsed parse_expr_text(std::string text) {
  Parsed p;
  const FileId file = p.sources.add("test.dl", std::move(text));
  p.ast = parse_expression(p.sources, file, p.names, p.diagnostics);
  return p;
}

inline constexpr const char* kPrograms[] = {"aux",   "batchnorm", "gmm",  "gp",   "gpt",  "kmeans",
                                            "lenet", "logreg",    "lstm", "pinn", "tied", "vae"};

inline std::string program_text(const std::string& name) {
  std::ifstream file("../programs/" + name + ".dl");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace dlc
