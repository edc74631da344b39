// The graph of a trace: a node for each value with its number and its adjoint, an edge for each use with the local
// derivative that carries adjoints along it.
#pragma once
#include <string>

#include "pipeline/trace.h"

namespace dlc {

/// SVG for a page. `reverse` may be null: then there are no adjoints. The error says why there is no picture.
Result<std::string> trace_graph(const Func& f, const Trace& forward, const Trace* reverse);

}  // namespace dlc
