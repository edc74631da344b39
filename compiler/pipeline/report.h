// What `dlc report` measures of a function, before any of it is HTML: the modes side by side at one point, how large
// the derivative is as a tree and as a graph, closed forms, traces. The page is report_html.cpp's.
//
//   auto r = report_function(c, f, {}, {});                // at a sampled point
//   const std::string page = report_html(c, "slides.dl", {*r});
//
// One mode that cannot be had is left out with its reason; it does not take the others with it. Times are of this
// machine at this moment: the least of several batches of calls, and one compilation.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/check.h"
#include "pipeline/diff.h"
#include "pipeline/trace.h"
#include "symbolic/size.h"

namespace dlc {

struct ReportOptions {
  uint64_t seed = 0;        // of the sampled point and of the comparisons
  int n_samples = 40;       // of the comparisons with 200 bits
  int opt_level = 2;
};

/// Instructions of a function's IR after the passes, with those of what it calls, each counted once.
struct OpCounts {
  int64_t elementwise = 0, linear = 0, products = 0, reductions = 0, control = 0;
  std::vector<std::pair<std::string, int64_t>> by_name;  // most frequent first
  int64_t total() const { return elementwise + linear + products + reductions + control; }
};

/// A column of the comparison: the function itself, or its derivative in one mode.
struct ModeReport {
  std::string name;            // "value", "reverse", …
  std::string left_out;        // why there is nothing else here
  std::string passes;
  OpCounts ops;
  std::optional<Swell> size;   // of the derivative alone; absent when it cannot be written out
  int64_t live_bytes = 0;      // the most at one time, were every value of the IR stored; arguments do not count
  int64_t workspace_bytes = 0; // what the compiled function does keep in memory
  double compile_seconds = 0;  // deriving, passes and machine code
  double nanoseconds = 0;      // a call
  std::vector<InterpValue<double>> gradient;  // one for each of FunctionReport::wrt
};

/// A derivative by the rules of a textbook, nothing simplified.
struct TextbookSize {
  std::string parameter;
  mpz_class tree;
  int64_t dag = 0;
};

struct FunctionReport {
  FuncId func;
  std::string name, signature, doc;
  std::string skipped;         // why nothing could be measured; then what follows is empty
  std::string point, sizes;    // "x1 = 0.5, x2 = 1"; "n = 3"
  bool is_sampled = false;
  InterpValue<double> value;
  std::vector<std::string> wrt;
  std::string no_derivative;   // why there are no modes but the value
  bool is_scalar = true;       // otherwise the derivative is that of the sum of the result's elements
  std::vector<ModeReport> modes;             // the value first
  std::optional<FunctionCheck> check;
  Swell value_size;
  bool has_value_size = false;
  std::vector<TextbookSize> textbook;        // by each scalar parameter
  std::optional<ClosedForm> value_form, gradient_form;
  std::string no_form;
  std::optional<Trace> forward, reverse;
  std::string no_trace;
  std::string graph_svg, no_graph;
};

/// `args`: the point; empty: one is sampled. Errors of the program, which `c` explains, or of the machine.
Result<FunctionReport> report_function(Compilation& c, FuncId f, const Args& args, const ReportOptions& options);

/// The page. `file`: the source's name, as the reader knows it.
std::string report_html(const Compilation& c, const std::string& file, const std::vector<FunctionReport>& functions);
nlohmann::ordered_json report_json(const FunctionReport& r);

}  // namespace dlc
